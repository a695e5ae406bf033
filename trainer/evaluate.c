/* How a model treats the test lines: the before/after table of a training run.
 *
 * All pieces of a word are masked together and their log p added, so a word of several pieces is
 * scored as a whole, the same way in both versions.                                               */
#include "autograd/softmax.h"
#include "trainer/pair_terms.h"
#include "trainer/train.h"

#include <math.h>
#include <string.h>

enum { LINES_A_BATCH = 32 };

typedef struct scorer {
    eqb_evaluation *e;
    eqb_model *model, *original;
    const eqb_pairs *pairs;
    graph *g, *teacher;
    eqbi_pair_batch b;
    int64_t pieces[2], slot_pairs, fact_pieces;
    double gap, slot_js, mlm_loss[2], right[2], next_right[2], odds_gap, next_gap, fact_loss;
    double keep_kl, next_keep_kl;
} scorer;

/* log p of the label at masked row r, and whether it is the likeliest token. */
static double label_log_p(const float *log_p, int32_t n, int32_t label, bool *top)
{
    *top = true;
    for (int32_t i = 0; i < n; i++) *top = *top && (log_p[i] <= log_p[label]);
    return (double)log_p[label];
}

static double js_divergence(const float *log_p, const float *log_q, int32_t n)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) {
        double p = exp((double)log_p[i]), q = exp((double)log_q[i]), m = 0.5 * (p + q);
        if (p > 0.0) sum += 0.5 * p * ((double)log_p[i] - log(m));
        if (q > 0.0) sum += 0.5 * q * ((double)log_q[i] - log(m));
    }
    return sum;
}

/* One word of both versions: slot of the example whose rows are [from, to). log_p is [M, V]. */
static void score_word(scorer *s, const eqbi_example *example, int32_t slot, int32_t from,
                       int32_t to, const float *log_p, int32_t n)
{
    const eqbi_pair_batch *b = &s->b;
    double word[2] = {0.0, 0.0};
    int32_t pieces[2] = {0, 0};
    for (int32_t i = from; i < to; i++) {
        int32_t side = b->side[i];
        if (b->slot[i] != slot || b->label[i] < 0 || side > 1) continue;
        bool top;
        double l = label_log_p(log_p + (size_t)i * (size_t)n, n, b->label[i], &top);
        word[side] += l;
        pieces[side]++;
        if (example->kind == EQBI_FACT) {
            s->fact_loss -= l;
            s->fact_pieces++;
        } else {
            s->mlm_loss[side] -= l;
            s->right[side] += top;
            s->pieces[side]++;
        }
    }
    if (pieces[0] == 0 || pieces[1] == 0) return;
    if (example->kind == EQBI_FACT) {
        s->e->facts++;
    } else {
        s->gap += fabs(word[0] - word[1]);
        s->e->slots++;
    }
}

/* The labelled words of all examples of the batch; the rows of an example stand together. */
static void score_labels(scorer *s, const int64_t *index, const float *log_p, int32_t n)
{
    const eqbi_pair_batch *b = &s->b;
    for (int32_t from = 0, to; from < b->rows; from = to) {
        const eqbi_example *example = &s->pairs->example[index[b->example[from]]];
        for (to = from; to < b->rows && b->example[to] == b->example[from];) to++;
        for (int32_t slot = 0; slot < example->slots; slot++)
            score_word(s, example, slot, from, to, log_p, n);
    }
}

/* How far knowing the profession moves the odds of a man's word against a woman's. */
static void score_odds(scorer *s, const float *log_p, int32_t n)
{
    for (int32_t i = 0; i < s->b.odds; i++) {
        const eqbi_odds *odd = &s->b.odd[i];
        const float *shown = log_p + (size_t)odd->rows.male * (size_t)n;
        const float *hidden = log_p + (size_t)odd->rows.female * (size_t)n;
        double ratio[2] = {(double)shown[odd->words[0]] - (double)shown[odd->words[1]],
                           (double)hidden[odd->words[0]] - (double)hidden[odd->words[1]]};
        s->odds_gap += fabs(ratio[0] - ratio[1]);
        s->e->odds++;
    }
}

static void score_next(scorer *s, const float *log_p)
{
    for (int32_t k = 0; k < s->b.next_pairs; k++) {
        int32_t row[2] = {s->b.next_pair[k].male, s->b.next_pair[k].female};
        for (int side = 0; side < 2; side++) {
            bool follows = log_p[2 * row[side]] > log_p[2 * row[side] + 1];
            s->next_right[side] += follows == (s->b.next_label[row[side]] == 0);
        }
        s->next_gap += fabs(exp((double)log_p[2 * row[0]]) - exp((double)log_p[2 * row[1]]));
        s->e->next++;
    }
}

static void score_keep(scorer *s, const float *log_p, const float *reference, int32_t n,
                       float *log_t)
{
    for (int32_t k = 0; k < s->b.keeps; k++) {
        if (s->b.side[s->b.keep[k]] != 2) continue;
        const float *ours = log_p + (size_t)s->b.keep[k] * (size_t)n;
        eqbi_softmax_row(log_t, reference + (size_t)k * (size_t)n, n, true);
        for (int32_t i = 0; i < n; i++)
            s->keep_kl += exp((double)log_t[i]) * ((double)log_t[i] - (double)ours[i]);
        s->e->keeps++;
    }
}

/* KL(original | model) of the decisions about control sentences. */
static void score_next_keep(scorer *s, const float *log_p, const float *reference)
{
    const eqbi_pair_batch *b = &s->b;
    for (int32_t k = 0; k < b->next_keeps; k++, s->e->next_keeps++) {
        float log_t[2];
        eqbi_softmax_row(log_t, reference + 2 * (size_t)k, 2, true);
        for (int i = 0; i < 2; i++)
            s->next_keep_kl += exp((double)log_t[i]) *
                               ((double)log_t[i] - (double)log_p[2 * b->next_keep[k] + i]);
    }
}

static eqb_status score_batch(scorer *s, const int64_t *index, int32_t count, eqb_error *err)
{
    const eqbi_draw draw = {.evaluate = true, .odds = true};
    eqbi_pair_batch *b = &s->b;
    graph *g = s->g;
    EQBI_TRY(eqbi_pair_batch_make(b, s->pairs, index, count, &draw, err));
    eqbi_reference r = {0};
    if (s->original && !eqbi_refer(&r, s->teacher, s->original, b, true, false))
        return eqb_graph_status(s->teacher, err);
    eqb_graph_begin(g, EQB_MODE_INFER, 0, 0);
    eqbi_heads h = eqbi_pair_forward(g, s->model, b);
    if (b->rows > 0) {
        tensor *log_p = eqb_log_softmax(g, h.mlm);
        if (!log_p) return eqb_graph_status(g, err);
        int32_t n = log_p->cols;
        score_labels(s, index, log_p->x, n);
        score_odds(s, log_p->x, n);
        for (int32_t k = 0; k < b->pairs; k++) {
            s->slot_js += js_divergence(log_p->x + (size_t)b->pair[k].male * (size_t)n,
                                        log_p->x + (size_t)b->pair[k].female * (size_t)n, n);
            s->slot_pairs++;
        }
        float *log_t = r.keep ? eqbi_scratch(g, (size_t)n, sizeof *log_t) : NULL;
        if (log_t) score_keep(s, log_p->x, r.keep, n, log_t);
    }
    if (h.nsp) {
        tensor *log_p = eqb_log_softmax(g, h.nsp);
        if (log_p) score_next(s, log_p->x);
        if (log_p && r.next_keep) score_next_keep(s, log_p->x, r.next_keep);
    }
    return eqb_graph_status(g, err);
}

static double mean(double sum, int64_t count)
{
    return count > 0 ? sum / (double)count : NAN;
}

static void finish(const scorer *s)
{
    eqb_evaluation *e = s->e;
    e->gap = mean(s->gap, e->slots);
    e->slot_js = mean(s->slot_js, s->slot_pairs);
    for (int i = 0; i < 2; i++) {
        e->mlm_loss[i] = mean(s->mlm_loss[i], s->pieces[i]);
        e->mlm_accuracy[i] = mean(s->right[i], s->pieces[i]);
        e->next_accuracy[i] = mean(s->next_right[i], e->next);
    }
    e->odds_gap = mean(s->odds_gap, e->odds);
    e->next_gap = mean(s->next_gap, e->next);
    e->fact_loss = mean(s->fact_loss, s->fact_pieces);
    e->keep_kl = s->original ? mean(s->keep_kl, e->keeps) : NAN;
    e->next_keep_kl = s->original ? mean(s->next_keep_kl, e->next_keeps) : NAN;
}

eqb_status eqb_evaluate(eqb_evaluation *out, eqb_model *model, eqb_model *original,
                        const eqb_pairs *pairs, const eqb_allocator *allocator, eqb_error *err)
{
    memset(out, 0, sizeof *out);
    if (!(model->parts & EQB_PART_MLM))
        return eqbi_fail(err, EQB_ERR_MODEL, "the model has no masked-language-model head");
    scorer s = {.e = out, .model = model, .original = original, .pairs = pairs};
    s.b.allocator = allocator;
    bool all = pairs->summary.test == 0;
    eqb_status status = eqb_graph_new(&s.g, allocator, err);
    if (status == EQB_OK) status = eqb_graph_new(&s.teacher, allocator, err);
    int64_t index[LINES_A_BATCH];
    int32_t filled = 0;
    for (int64_t i = 0; status == EQB_OK && i <= pairs->count; i++) {
        if (i < pairs->count && (all || pairs->example[i].test)) index[filled++] = i;
        if (filled == LINES_A_BATCH || (i == pairs->count && filled > 0)) {
            status = score_batch(&s, index, filled, err);
            filled = 0;
        }
    }
    if (status == EQB_OK) finish(&s);
    eqbi_pair_batch_free(&s.b);
    eqb_graph_free(s.g);
    eqb_graph_free(s.teacher);
    return status;
}
