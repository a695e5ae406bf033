/* Questions -> scores, by one model; see probe.h.
 *
 * A word of several pieces takes as many [MASK]. "masked" masks them together and adds the log p of
 * each, as if they were independent; "l2r" (PLL-word-l2r, Kauf and Ivanova 2023) fills them in from
 * left to right, each guessed with those before it in place. In a line of a pairs file all slots
 * are masked at once, as in training; elsewhere the other masks of a text stay as written.       */
#include "programs/probe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A batch is run when its logits fill 64 MB, or at a number of tokens that keeps a core busy. */
enum { MOST_LOGITS = 1 << 24, MOST_TOKENS = 8192 };

typedef struct asker {
    probe *p;
    int32_t m;                    /* the model */
    const eqb_tokenizer *tokenizer;
    eqb_special_ids special;
    int32_t vocab, max_positions;
    eqb_session *session;
    eqb_encoding text;            /* of one version, a [MASK] for each word                   */
    int32_t *ids, *types, *place; /* [count], [count]: a [MASK] for each piece; [masks]: where
                                     the first of each word is                                */
    int32_t count;
    size_t ids_capacity, types_capacity, place_capacity;
    batch b;
} asker;

static eqb_status too_long(const asker *a, const question *q, int v, int32_t tokens,
                           eqb_error *err)
{
    return probe_fail(err, EQB_ERR_ARGUMENT, "%d tokens are too many, %s reads at most %d: \"%s\"",
                      tokens, a->p->dir[a->m], a->max_positions, q->first[v]);
}

/* A word that the model cannot see changes what the others mean: better said than not. */
static void tell_unknown(const asker *a, const question *q, int v)
{
    int32_t unknown = 0;
    for (int32_t i = 0; i < a->text.count; i++) unknown += a->text.ids[i] == a->special.unk;
    if (unknown == 0) return;
    char line[256];
    snprintf(line, sizeof line, "%s does not know %d of the words ([UNK]) in \"%s\"",
             a->p->dir[a->m], unknown, q->first[v]);
    cli_note(NULL, line);
}

static eqb_status encode(asker *a, const question *q, int v, eqb_error *err)
{
    const char *first = q->first[v], *second = q->second[v];
    eqb_status status = eqb_encode(a->tokenizer, first, strlen(first), second,
                                   second ? strlen(second) : 0, a->max_positions, &a->text, err);
    if (status == EQB_OK && a->text.truncated > 0)
        status = too_long(a, q, v, a->text.count + a->text.truncated, err);
    if (status == EQB_OK) tell_unknown(a, q, v);
    return status;
}

/* Copies the text with width[k] masks in place of its k-th. */
static eqb_status widen(asker *a, const question *q, int v, const int32_t *width, eqb_error *err)
{
    size_t room = (size_t)a->text.count;
    for (int32_t k = 0; k < q->masks; k++) room += (size_t)width[k];
    a->ids = probe_grow(a->ids, room, &a->ids_capacity, sizeof *a->ids);
    a->types = probe_grow(a->types, room, &a->types_capacity, sizeof *a->types);
    a->place = probe_grow(a->place, (size_t)q->masks, &a->place_capacity, sizeof *a->place);
    a->count = 0;
    for (int32_t i = 0, k = 0; i < a->text.count; i++) {
        int32_t copies = 1;
        if (a->text.ids[i] == a->special.mask) {
            a->place[k] = a->count;
            copies = width[k++];
        }
        for (; copies > 0; copies--) {
            a->ids[a->count] = a->text.ids[i];
            a->types[a->count++] = a->text.types[i];
        }
    }
    return a->count > a->max_positions ? too_long(a, q, v, a->count, err) : EQB_OK;
}

/* ------------------------------------------------------------------------------------- words -- */

static pieces copy_pieces(const int32_t *ids, int32_t count)
{
    int32_t *copy = probe_alloc((size_t)count + 1, sizeof *copy);
    if (count > 0) memcpy(copy, ids, (size_t)count * sizeof *copy);
    return (pieces){copy, count, count > 0};
}

static eqb_status split_word(asker *a, const question *q, const char *word, pieces *out,
                             eqb_error *err)
{
    if (q->kind == PROBE_TOP) { /* a token of the other model, "##ing" as well as "nurse" */
        int32_t id = eqb_tokenizer_id(a->tokenizer, word, strlen(word));
        *out = copy_pieces(&id, id >= 0 ? 1 : 0);
        return EQB_OK;
    }
    eqb_status status = eqb_tokenize(a->tokenizer, word, strlen(word), &a->text, err);
    if (status != EQB_OK) return status;
    *out = copy_pieces(a->text.ids, a->text.count);
    for (int32_t i = 0; i < out->count; i++)
        out->known = out->known && out->ids[i] != a->special.unk;
    return EQB_OK;
}

static eqb_status split_words(asker *a, eqb_error *err)
{
    for (int32_t i = 0; i < a->p->scores; i++) {
        score *s = &a->p->score[i];
        const question *q = &a->p->question[s->question];
        for (int v = 0; v < q->versions && s->word[v]; v++) {
            eqb_status status = split_word(a, q, s->word[v], &s->pieces[a->m][v], err);
            if (status != EQB_OK) return status;
        }
    }
    return EQB_OK;
}

/* How many masks each word of the text takes when s is asked. */
static void find_widths(const asker *a, const question *q, const score *s, int v, int32_t *width)
{
    for (int32_t k = 0; k < q->masks; k++) width[k] = 1;
    bool together = q->line > 0;
    const score *first = together ? &a->p->score[q->score] : s;
    for (const score *t = first; t < first + (together ? q->scores : 1); t++)
        if (t->pieces[a->m][v].known) width[t->mask] = t->pieces[a->m][v].count;
}

static void want_word(asker *a, score *s, int v)
{
    const pieces *w = &s->pieces[a->m][v];
    double *log_p = &s->log_p[a->m][v];
    int32_t place = a->place[s->mask], begin = 0;
    *log_p = 0.0;
    for (int32_t i = 0; i < w->count; i++) {
        if (i == 0 || a->p->method == PROBE_LEFT_TO_RIGHT)
            begin = batch_sequence(&a->b, a->ids, a->types, a->count);
        batch_want(&a->b, begin + place + i, w->ids[i], log_p);
        if (a->p->method == PROBE_LEFT_TO_RIGHT) a->ids[place + i] = w->ids[i];
    }
}

static eqb_status run_batch(asker *a, eqb_error *err)
{
    eqb_status status = EQB_OK;
    if (a->b.wants > 0) status = batch_run(&a->b, a->session, a->vocab, NULL, err);
    batch_clear(&a->b);
    return status;
}

static eqb_status ask_words(asker *a, const question *q, int v, eqb_error *err)
{
    int32_t *width = probe_alloc((size_t)q->masks, sizeof *width);
    eqb_status status = encode(a, q, v, err);
    for (int32_t i = q->score; status == EQB_OK && i < q->score + q->scores; i++) {
        score *s = &a->p->score[i];
        s->log_p[a->m][v] = NAN;
        if (!s->pieces[a->m][v].known) continue;
        find_widths(a, q, s, v, width);
        status = widen(a, q, v, width, err);
        if (status != EQB_OK) break;
        want_word(a, s, v);
        if (a->b.tokens >= MOST_TOKENS || (int64_t)a->b.rows * a->vocab >= MOST_LOGITS)
            status = run_batch(a, err);
    }
    return status;
}

/* -------------------------------------------------------------------------------------- top -- */

typedef struct candidate {
    int32_t id;
    double log_p; /* in the version where it is likelier */
} candidate;

/* Puts c where it belongs among the best so far, the likeliest first; the last one drops out. */
static void place_candidate(candidate *best, int32_t *count, int32_t most, candidate c)
{
    if (*count == most && !(c.log_p > best[most - 1].log_p)) return;
    int32_t i = *count < most ? (*count)++ : most - 1;
    for (; i > 0 && c.log_p > best[i - 1].log_p; i--) best[i] = best[i - 1];
    best[i] = c;
}

/* Adds a score for each of the words that are likeliest at a mask, in whichever version. */
static void pick(asker *a, int32_t index, int32_t mask, const float *logits,
                 const int32_t row[VERSIONS])
{
    int32_t versions = a->p->question[index].versions;
    int32_t words = eqb_tokenizer_size(a->tokenizer), count = 0;
    int32_t most = a->p->top < words ? a->p->top : words;
    candidate *best = probe_alloc((size_t)most, sizeof *best);
    const float *x[VERSIONS] = {0};
    for (int v = 0; v < versions; v++) x[v] = logits + (size_t)row[v] * (size_t)a->vocab;
    for (int32_t id = 0; id < words; id++) {
        candidate c = {id, -INFINITY};
        for (int v = 0; v < versions; v++)
            c.log_p = fmax(c.log_p, (double)x[v][id] - a->b.log_sum[row[v]]);
        place_candidate(best, &count, most, c);
    }
    for (int32_t i = 0; i < count; i++) {
        const char *word = eqb_tokenizer_token(a->tokenizer, best[i].id);
        score s = {.question = index, .mask = mask, .word = {word, word}};
        for (int v = 0; v < versions; v++) {
            s.pieces[a->m][v] = copy_pieces(&best[i].id, 1);
            s.log_p[a->m][v] = (double)x[v][best[i].id] - a->b.log_sum[row[v]];
        }
        probe_add_score(a->p, s);
    }
}

static eqb_status find_top(asker *a, int32_t index, eqb_error *err)
{
    question *q = &a->p->question[index];
    int32_t *width = probe_alloc((size_t)q->masks, sizeof *width);
    int32_t(*row)[VERSIONS] = probe_alloc((size_t)q->masks, sizeof *row);
    for (int32_t k = 0; k < q->masks; k++) width[k] = 1;
    eqb_status status = EQB_OK;
    for (int v = 0; status == EQB_OK && v < q->versions; v++) {
        status = encode(a, q, v, err);
        if (status == EQB_OK) status = widen(a, q, v, width, err);
        if (status != EQB_OK) break;
        int32_t begin = batch_sequence(&a->b, a->ids, a->types, a->count);
        for (int32_t k = 0; k < q->masks; k++) row[k][v] = batch_row(&a->b, begin + a->place[k]);
    }
    const float *logits;
    if (status == EQB_OK) status = batch_run(&a->b, a->session, a->vocab, &logits, err);
    q->score = a->p->scores;
    for (int32_t k = 0; status == EQB_OK && k < q->masks; k++) pick(a, index, k, logits, row[k]);
    q->scores = a->p->scores - q->score;
    batch_clear(&a->b);
    return status;
}

/* --------------------------------------------------------------------------------------- all -- */

static eqb_status ask_next(asker *a, const question *q, int v, eqb_error *err)
{
    eqb_status status = encode(a, q, v, err);
    if (status != EQB_OK) return status;
    double *log_p = &a->p->score[q->score].log_p[a->m][v];
    *log_p = 0.0;
    int32_t begin = batch_sequence(&a->b, a->text.ids, a->text.types, a->text.count);
    batch_want(&a->b, begin, 0, log_p);
    return EQB_OK;
}

static eqb_status ask_all(asker *a, eqb_error *err)
{
    bool next = a->p->question[0].kind == PROBE_NEXT;
    bool top = a->p->question[0].kind == PROBE_TOP && a->m == BEFORE;
    eqb_status status = top ? EQB_OK : split_words(a, err);
    for (int32_t i = 0; status == EQB_OK && i < a->p->questions; i++) {
        const question *q = &a->p->question[i];
        if (top) status = find_top(a, i, err);
        for (int v = 0; status == EQB_OK && !top && v < q->versions; v++)
            status = next ? ask_next(a, q, v, err) : ask_words(a, q, v, err);
    }
    if (status == EQB_OK && next) return batch_run_next(&a->b, a->session, err);
    return status == EQB_OK ? run_batch(a, err) : status;
}

eqb_status probe_score(probe *p, int32_t m, eqb_error *err)
{
    const eqb_model *model = p->model[m];
    asker a = {.p = p,
               .m = m,
               .tokenizer = eqb_model_tokenizer(model),
               .special = eqb_tokenizer_special(eqb_model_tokenizer(model)),
               .vocab = eqb_model_config(model)->vocab_size,
               .max_positions = eqb_model_config(model)->max_positions};
    eqb_status status = eqb_session_new(&a.session, model, NULL, err);
    if (status == EQB_OK) status = ask_all(&a, err);
    eqb_encoding_free(&a.text);
    eqb_session_free(a.session);
    return status;
}

bool probe_is_known(const probe *p, const score *s, int32_t m)
{
    for (int v = 0; v < p->question[s->question].versions && s->word[v]; v++)
        if (!s->pieces[m][v].known) return false;
    return true;
}

const char *probe_method_text(const probe *p)
{
    return p->method == PROBE_MASKED
               ? "masked: all pieces of a word masked together, their log p added (as if "
                 "independent)"
               : "l2r: the pieces of a word filled in from left to right, their log p added "
                 "(PLL-word-l2r)";
}
