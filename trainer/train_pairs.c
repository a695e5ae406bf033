/* Training on pairs: draws lines, puts batches together, and applies the losses.
 *
 * Lines are taken in the order of a permutation of their own for each epoch; line j of the run is a
 * function of (seed, j), so nothing about the data needs to be in a checkpoint. All micro-batches of
 * a step are drawn first: the denominators of the losses are those of the whole step.              */
#include "autograd/random.h"
#include "trainer/loop.h"
#include "trainer/pair_batch.h"
#include "trainer/train.h"

#include <math.h>
#include <string.h>

typedef struct trainer {
    eqb_model *model, *original; /* original: frozen copy for keep lines, or NULL */
    const eqb_pairs *pairs;
    const eqb_train_options *options;
    int64_t *line;        /* [lines] indices of the train lines */
    uint32_t *order;      /* [lines] permutation of epoch       */
    int64_t lines, epoch; /* epoch of order, -1: none yet       */
    int64_t *index;       /* [batch] lines of one micro-batch   */
    eqbi_pair_batch *micro; /* [accumulate]                     */
    double mlm, next, pair, next_pair, keep; /* denominators of the step */
    graph *teacher;       /* forward passes of original */
} trainer;

enum { STREAM_ORDER = 101, STREAM_DRAW = 102 }; /* of random numbers, apart from dropout's */

void eqb_train_options_default(eqb_train_options *o)
{
    *o = (eqb_train_options){.batch = 16,
                             .weight_mlm = 0.5,
                             .weight_nsp = 0.5,
                             .weight_pair = 4.0,
                             .weight_keep = 8.0,
                             .pair_loss = EQB_PAIR_MSE,
                             .support = EQB_SUPPORT_ALL,
                             .label_loss = EQB_LABEL_CROSS_ENTROPY,
                             .false_next = 0.3};
    eqbi_run_options_default(&o->run);
    eqb_optimizer_options_default(&o->optimizer);
}

/* The line that stands at place j of the run. */
static int64_t line_at(trainer *t, int64_t j)
{
    int64_t epoch = j / t->lines;
    if (epoch != t->epoch) {
        eqbi_random_permutation(t->order, (uint32_t)t->lines,
                                eqbi_random(t->options->run.seed, STREAM_ORDER, 0),
                                (uint64_t)epoch);
        t->epoch = epoch;
    }
    return t->line[t->order[j % t->lines]];
}

static eqb_status begin(void *self, int64_t step, eqb_error *err)
{
    trainer *t = self;
    const eqb_train_options *o = t->options;
    t->mlm = t->next = t->pair = t->next_pair = t->keep = 0.0;
    for (int32_t k = 0; k < o->run.accumulate; k++) {
        int64_t at = (step * o->run.accumulate + k) * o->batch;
        for (int32_t i = 0; i < o->batch; i++) t->index[i] = line_at(t, at + i);
        eqbi_draw draw = {.seed = eqbi_random(o->run.seed, STREAM_DRAW, 0),
                          .step = (uint64_t)step, /* not k: cutting a step changes nothing */
                          .false_next = o->false_next};
        eqbi_pair_batch *b = &t->micro[k];
        EQBI_TRY(eqbi_pair_batch_make(b, t->pairs, t->index, o->batch, &draw, err));
        t->mlm += b->mlm_weight;
        t->next += b->next_weight_sum;
        t->pair += b->pair_weight;
        t->next_pair += b->next_pair_weight;
        t->keep += b->keep_weight;
    }
    return EQB_OK;
}

/* weight / denominator as the factor of a loss. */
static float factor(double weight, double denominator)
{
    return denominator > 0.0 ? (float)(weight / denominator) : 0.0f;
}

/* The logits the label, pair and keep terms look at. */
typedef struct heads {
    tensor *mlm; /* [M, V], NULL without masked rows            */
    tensor *nsp; /* [sequences, 2], NULL without second segments */
} heads;

static heads forward(graph *g, eqb_model *model, const eqbi_pair_batch *b)
{
    heads h = {0};
    bool next = false;
    for (int32_t i = 0; i < b->batch.sequences; i++) next = next || b->next_label[i] >= 0;
    eqb_bert_heads(g, model, &b->batch, b->row, b->rows, &h.mlm, next ? &h.nsp : NULL);
    return h;
}

static void label_terms(trainer *t, graph *g, const heads *h, const eqbi_pair_batch *b,
                        eqbi_totals *totals)
{
    const eqb_train_options *o = t->options;
    if (h->mlm && t->mlm > 0.0) {
        double sum = eqb_loss_mlm(g, h->mlm, b->label, b->weight, o->label_loss,
                                  factor(o->weight_mlm, t->mlm));
        totals->mlm.sum += sum;
        totals->mlm.weight += b->mlm_weight;
        totals->loss += o->weight_mlm * sum / t->mlm;
    }
    if (h->nsp && t->next > 0.0) {
        double sum = eqb_loss_nsp(g, h->nsp, b->next_label, b->next_weight,
                                  factor(o->weight_nsp, t->next));
        totals->nsp.sum += sum;
        totals->nsp.weight += b->next_weight_sum;
        totals->loss += o->weight_nsp * sum / t->next;
    }
}

static void pair_terms(trainer *t, graph *g, const heads *h, const eqbi_pair_batch *b,
                       eqbi_totals *totals)
{
    const eqb_train_options *o = t->options;
    bool narrow = o->support == EQB_SUPPORT_PROFESSIONS;
    if (h->mlm && b->pairs > 0) {
        double sum = eqb_loss_pair(g, h->mlm, b->pair, b->pairs, o->pair_loss,
                                   narrow ? t->pairs->profession_ids : NULL,
                                   narrow ? t->pairs->profession_count : 0,
                                   factor(o->weight_pair, t->pair));
        totals->pair.sum += sum;
        totals->pair.weight += b->pair_weight;
        totals->loss += o->weight_pair * sum / t->pair;
    }
    if (h->nsp && b->next_pairs > 0) {
        double sum = eqb_loss_pair(g, h->nsp, b->next_pair, b->next_pairs, o->pair_loss, NULL, 0,
                                   factor(o->weight_pair, t->next_pair));
        totals->next_pair.sum += sum;
        totals->next_pair.weight += b->next_pair_weight;
        totals->loss += o->weight_pair * sum / t->next_pair;
    }
    if (o->custom_loss) {
        tensor *loss = o->custom_loss(o->custom_user, g, h->mlm, b->pair, b->pairs, h->nsp,
                                      b->next_pair, b->next_pairs);
        if (!loss) {
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "the custom loss returned NULL");
            return;
        }
        float beta, *d = eqbi_grad(g, loss, &beta);
        if (d) d[0] = (beta != 0.0f ? d[0] : 0.0f) + 1.0f / (float)o->run.accumulate;
        totals->loss += (double)loss->x[0] / o->run.accumulate;
    }
}

static void keep_term(trainer *t, graph *g, const heads *h, const eqbi_pair_batch *b,
                      eqbi_totals *totals)
{
    const eqb_train_options *o = t->options;
    if (!t->original || !h->mlm || b->keeps == 0) return;
    const float *reference = eqbi_reference_logits(t->teacher, t->original, b);
    tensor *ours = eqb_gather_rows(g, h->mlm, b->keep, b->keeps);
    if (!reference) {
        eqbi_graph_fail(g, t->teacher->err.status, "%s", t->teacher->err.message);
        return;
    }
    double sum = eqb_loss_keep(g, ours, reference, b->keep_row_weight,
                               factor(o->weight_keep, t->keep));
    totals->keep.sum += sum;
    totals->keep.weight += b->keep_weight;
    totals->loss += o->weight_keep * sum / t->keep;
}

/* With dropout on, the pair and keep terms get a second forward pass without it: noise between the
 * two versions would be the floor of a loss that asks them to agree.                              */
static eqb_status run(void *self, graph *g, int64_t step, int32_t k, eqbi_totals *totals,
                      eqb_error *err)
{
    trainer *t = self;
    const eqb_train_options *o = t->options;
    const eqbi_pair_batch *b = &t->micro[k];
    const eqb_config *c = &t->model->config;
    bool dropout = o->run.dropout < 0.0 ? c->hidden_dropout > 0.0f || c->attention_dropout > 0.0f
                                        : o->run.dropout > 0.0;
    uint64_t micro = (uint64_t)(step * o->run.accumulate + k);
    totals->tokens += b->batch.start[b->batch.sequences];
    eqb_graph_begin(g, dropout ? EQB_MODE_TRAIN : EQB_MODE_RECORD, o->run.seed, micro);
    heads h = forward(g, t->model, b);
    label_terms(t, g, &h, b, totals);
    if (dropout) {
        EQBI_TRY(eqb_graph_backward(g, NULL, 1.0f, err));
        eqb_graph_begin(g, EQB_MODE_RECORD, o->run.seed, micro);
        h = forward(g, t->model, b);
    }
    pair_terms(t, g, &h, b, totals);
    keep_term(t, g, &h, b, totals);
    return eqb_graph_backward(g, NULL, 1.0f, err);
}

static eqb_status check(const eqb_model *model, const eqb_pairs *pairs,
                        const eqb_train_options *o, eqb_error *err)
{
    EQBI_TRY(eqbi_run_options_check(&o->run, err));
    if (o->batch < 1 || o->batch > 1 << 20)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "batch is %d, expected at least 1", o->batch);
    const double weights[] = {o->weight_mlm, o->weight_nsp, o->weight_pair, o->weight_keep};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        if (!(weights[i] >= 0.0 && isfinite(weights[i])))
            return eqbi_fail(err, EQB_ERR_ARGUMENT, "a loss weight is %g", weights[i]);
    if (!(o->false_next >= 0.0 && o->false_next <= 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "false_next is %g", o->false_next);
    if (pairs->vocab_size > model->config.vocab_size)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "the pairs were tokenized for %d tokens, the model "
                         "has %d", pairs->vocab_size, model->config.vocab_size);
    if (!(model->parts & EQB_PART_MLM))
        return eqbi_fail(err, EQB_ERR_MODEL, "the model has no masked-language-model head "
                         "(cls.predictions.*): there is nothing to train on pairs");
    unsigned nsp = EQB_PART_NSP | EQB_PART_POOLER;
    if (pairs->summary.with_next > 0 && o->weight_nsp > 0.0 && (model->parts & nsp) != nsp)
        return eqbi_fail(err, EQB_ERR_MODEL, "the model has no next-sentence head "
                         "(bert.pooler, cls.seq_relationship): set the NSP weight to 0");
    if (o->support == EQB_SUPPORT_PROFESSIONS && pairs->profession_count < 2)
        return eqbi_fail(err, EQB_ERR_DATA, "the vocabulary holds no profession words");
    return EQB_OK;
}

static void describe(const trainer *t, eqbi_text *s)
{
    const eqb_train_options *o = t->options;
    eqbi_text_print(s, "task=pairs\npairs=%016llx\nbatch=%d\nweight_mlm=%.17g\nweight_nsp=%.17g\n",
                    (unsigned long long)t->pairs->sha, o->batch, o->weight_mlm, o->weight_nsp);
    eqbi_text_print(s, "weight_pair=%.17g\nweight_keep=%.17g\npair_loss=%d\nsupport=%d\n",
                    o->weight_pair, o->weight_keep, (int)o->pair_loss, (int)o->support);
    eqbi_text_print(s, "label_loss=%d\nfalse_next=%.17g\nlines=%lld\n", (int)o->label_loss,
                    o->false_next, (long long)t->lines);
}

static eqb_status trainer_init(trainer *t, eqb_error *err)
{
    const eqb_pairs *p = t->pairs;
    const eqb_allocator *a = t->options->run.allocator;
    size_t accumulate = (size_t)t->options->run.accumulate;
    t->epoch = -1;
    t->line = eqbi_alloc(a, (size_t)p->count, sizeof *t->line);
    t->order = eqbi_alloc(a, (size_t)p->count, sizeof *t->order);
    t->index = eqbi_alloc(a, (size_t)t->options->batch, sizeof *t->index);
    t->micro = eqbi_calloc(a, accumulate, sizeof *t->micro);
    if (!t->line || !t->order || !t->index || !t->micro)
        return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for %lld lines", (long long)p->count);
    bool keep = false;
    for (int64_t i = 0; i < p->count; i++) {
        if (p->example[i].test) continue;
        t->line[t->lines++] = i;
        keep = keep || p->example[i].kind == EQBI_KEEP;
    }
    if (t->lines == 0) return eqbi_fail(err, EQB_ERR_DATA, "no line is in the train split");
    for (size_t k = 0; k < accumulate; k++) t->micro[k].allocator = a;
    EQBI_TRY(eqb_graph_new(&t->teacher, a, err));
    /* The evaluation needs the original too, and for it test lines count. */
    keep = keep || p->summary.keep > 0;
    return keep ? eqbi_model_clone(&t->original, t->model, err) : EQB_OK;
}

static void trainer_free(trainer *t)
{
    const eqb_allocator *a = t->options->run.allocator;
    size_t accumulate = (size_t)t->options->run.accumulate;
    for (size_t k = 0; t->micro && k < accumulate; k++) eqbi_pair_batch_free(&t->micro[k]);
    eqbi_free(a, t->micro, accumulate, sizeof *t->micro);
    eqbi_free(a, t->index, (size_t)t->options->batch, sizeof *t->index);
    eqbi_free(a, t->order, (size_t)t->pairs->count, sizeof *t->order);
    eqbi_free(a, t->line, (size_t)t->pairs->count, sizeof *t->line);
    eqb_graph_free(t->teacher);
    eqb_model_free(t->original);
}

eqb_status eqb_train(eqb_model *model, const eqb_pairs *pairs, const eqb_train_options *options,
                     eqb_evaluation *before, eqb_evaluation *after, eqb_error *err)
{
    EQBI_TRY(check(model, pairs, options, err));
    const eqb_allocator *a = options->run.allocator;
    trainer t = {.model = model, .pairs = pairs, .options = options};
    eqbi_text settings = {.allocator = a};
    eqb_status status = trainer_init(&t, err);
    if (status == EQB_OK && before)
        status = eqb_evaluate(before, model, t.original, pairs, a, err);
    if (status == EQB_OK) {
        describe(&t, &settings);
        eqbi_task task = {.self = &t,
                          .begin = begin,
                          .run = run,
                          .model = model,
                          .options = &options->run,
                          .optimizer = &options->optimizer,
                          .settings = &settings};
        status = eqbi_run(&task, err);
    }
    if (status == EQB_OK && after)
        status = eqb_evaluate(after, model, t.original, pairs, a, err);
    eqbi_text_free(&settings);
    trainer_free(&t);
    return status;
}
