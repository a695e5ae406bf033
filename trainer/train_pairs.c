/* Training on pairs: draws lines, puts batches together, and applies the losses.
 *
 * Lines are taken in the order of a permutation of their own for each epoch; line j of the run is a
 * function of (seed, j), so nothing about the data needs to be in a checkpoint. All micro-batches of
 * a step are drawn first: the denominators of the losses are those of the whole step.              */
#include "autograd/random.h"
#include "trainer/pair_terms.h"

#include <math.h>
#include <string.h>

typedef struct trainer {
    eqb_model *model;
    const eqb_pairs *pairs;
    const eqb_train_options *options;
    eqb_optimizer_options optimizer; /* of options, and where the pull goes */
    eqbi_pair_terms terms; /* its original: a frozen copy, or NULL if nobody asks for it */
    int64_t *line;        /* [lines] indices of the train lines */
    uint32_t *order;      /* [lines] permutation of epoch       */
    int64_t lines, epoch; /* epoch of order, -1: none yet       */
    int64_t *index;       /* [batch] lines of one micro-batch   */
    eqbi_pair_batch *micro; /* [accumulate]                     */
} trainer;

enum { STREAM_ORDER = 101, STREAM_DRAW = 102 }; /* of random numbers, apart from dropout's */

double eqb_pair_weight(eqb_pair_loss loss)
{
    return loss == EQB_PAIR_JS ? 2400.0 : loss == EQB_PAIR_KL ? 480.0 : 240.0;
}

void eqb_train_options_default(eqb_train_options *o)
{
    *o = (eqb_train_options){.batch = 16,
                             .weight_mlm = 0.5,
                             .weight_nsp = 1.0,
                             .weight_pair = eqb_pair_weight(EQB_PAIR_JS),
                             .weight_next_pair = 256.0,
                             .weight_odds = 4.0,
                             .weight_keep = 32.0,
                             .weight_pair_keep = 8.0,
                             .pair_loss = EQB_PAIR_JS,
                             .next_pair_loss = EQB_PAIR_CENTRED_MSE,
                             .support = EQB_SUPPORT_NEUTRAL,
                             .label_loss = EQB_LABEL_CROSS_ENTROPY,
                             .borrow_next = 0.5,
                             .false_next = 0.3};
    eqbi_run_options_default(&o->run);
    eqb_optimizer_options_default(&o->optimizer);
    /* AdamW makes steps of equal size of large and small gradients: what no line holds in place would
     * drift, above all the decoder, each row of which gets a gradient at every step.              */
    o->optimizer.pull = 0.0015;
    o->optimizer.freeze = "word_embeddings,predictions.bias,predictions.decoder";
}

void eqb_train_options_plain(eqb_train_options *o)
{
    o->weight_mlm = o->weight_nsp = o->weight_pair = o->weight_next_pair = 1.0;
    o->weight_odds = o->weight_keep = o->weight_pair_keep = o->borrow_next = 0.0;
    o->pair_loss = o->next_pair_loss = EQB_PAIR_MSE;
    o->support = EQB_SUPPORT_ALL;
    o->label_loss = EQB_LABEL_CROSS_ENTROPY;
    o->optimizer.freeze = NULL;
    o->optimizer.pull = 0.0;
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
    eqbi_pair_terms *sum = &t->terms;
    sum->mlm = sum->next = sum->pair = sum->next_pair = sum->odds = 0.0;
    sum->keep = sum->next_keep = sum->slot = 0.0;
    for (int32_t k = 0; k < o->run.accumulate; k++) {
        int64_t at = (step * o->run.accumulate + k) * o->batch;
        for (int32_t i = 0; i < o->batch; i++) t->index[i] = line_at(t, at + i);
        eqbi_draw draw = {.seed = eqbi_random(o->run.seed, STREAM_DRAW, 0),
                          .odds = o->weight_odds > 0.0,
                          .step = (uint64_t)step, /* not k: cutting a step changes nothing */
                          .borrow_next = eqbi_decides_next(t->model) ? o->borrow_next : 0.0,
                          .false_next = o->false_next};
        eqbi_pair_batch *b = &t->micro[k];
        EQBI_TRY(eqbi_pair_batch_make(b, t->pairs, t->index, o->batch, &draw, err));
        sum->mlm += b->mlm_weight;
        sum->next += b->next_weight_sum;
        sum->pair += b->pair_weight;
        sum->next_pair += b->next_pair_weight;
        sum->odds += b->odds_weight;
        sum->keep += b->keep_weight;
        sum->next_keep += b->next_keep_weight_sum;
        sum->slot += b->slot_weight;
    }
    return EQB_OK;
}

/* With dropout on, the pair and keep terms get a second forward pass without it: noise between the
 * two versions would be the floor of a loss that asks them to agree.                              */
static eqb_status run(void *self, graph *g, int64_t step, int32_t k, eqbi_totals *totals,
                      eqb_error *err)
{
    trainer *t = self;
    const eqbi_pair_terms *terms = &t->terms;
    const eqb_train_options *o = terms->options;
    const eqbi_pair_batch *b = &t->micro[k];
    const eqb_config *c = &t->model->config;
    bool dropout = o->run.dropout < 0.0 ? c->hidden_dropout > 0.0f || c->attention_dropout > 0.0f
                                        : o->run.dropout > 0.0;
    uint64_t micro = (uint64_t)(step * o->run.accumulate + k);
    totals->tokens += b->batch.start[b->batch.sequences];
    eqb_graph_begin(g, dropout ? EQB_MODE_TRAIN : EQB_MODE_RECORD, o->run.seed, micro);
    eqbi_heads h = eqbi_pair_forward(g, t->model, b);
    eqbi_label_terms(terms, g, &h, b, totals);
    if (dropout) {
        EQBI_TRY(eqb_graph_backward(g, NULL, 1.0f, err));
        eqb_graph_begin(g, EQB_MODE_RECORD, o->run.seed, micro);
        h = eqbi_pair_forward(g, t->model, b);
    }
    eqbi_agreement_terms(terms, g, &h, b, totals);
    eqbi_keep_terms(terms, g, &h, b, totals);
    return eqb_graph_backward(g, NULL, 1.0f, err);
}

static eqb_status check(const eqb_model *model, const eqb_pairs *pairs,
                        const eqb_train_options *o, eqb_error *err)
{
    EQBI_TRY(eqbi_run_options_check(&o->run, err));
    if (o->batch < 1 || o->batch > 1 << 20)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "batch is %d, expected at least 1", o->batch);
    const double weights[] = {o->weight_mlm, o->weight_nsp, o->weight_pair, o->weight_next_pair,
                              o->weight_odds, o->weight_keep, o->weight_pair_keep};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        if (!(weights[i] >= 0.0 && isfinite(weights[i])))
            return eqbi_fail(err, EQB_ERR_ARGUMENT, "a loss weight is %g", weights[i]);
    if (!(o->false_next >= 0.0 && o->false_next <= 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "false_next is %g", o->false_next);
    if (!(o->borrow_next >= 0.0 && o->borrow_next <= 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "borrow_next is %g", o->borrow_next);
    if (pairs->vocab_size > model->config.vocab_size)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "the pairs were tokenized for %d tokens, the model "
                         "has %d", pairs->vocab_size, model->config.vocab_size);
    if (!(model->parts & EQB_PART_MLM))
        return eqbi_fail(err, EQB_ERR_MODEL, "the model has no masked-language-model head "
                         "(cls.predictions.*): there is nothing to train on pairs");
    if (pairs->summary.with_next > 0 && o->weight_nsp > 0.0 && !eqbi_decides_next(model))
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
    eqbi_text_print(s, "weight_next_pair=%.17g\nweight_odds=%.17g\nborrow_next=%.17g\n",
                    o->weight_next_pair, o->weight_odds, o->borrow_next);
    eqbi_text_print(s, "weight_pair_keep=%.17g\nnext_pair_loss=%d\n", o->weight_pair_keep,
                    (int)o->next_pair_loss);
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
    for (int64_t i = 0; i < p->count; i++)
        if (!p->example[i].test) t->line[t->lines++] = i;
    if (t->lines == 0) return eqbi_fail(err, EQB_ERR_DATA, "no line is in the train split");
    for (size_t k = 0; k < accumulate; k++) t->micro[k].allocator = a;
    EQBI_TRY(eqb_graph_new(&t->terms.teacher, a, err));
    /* The evaluation needs the original too. */
    bool keep = t->options->weight_keep > 0.0 || t->options->weight_pair_keep > 0.0 ||
                t->optimizer.pull > 0.0 || p->summary.keep > 0;
    if (keep) EQBI_TRY(eqbi_model_clone(&t->terms.original, t->model, err));
    t->optimizer.pull_to = t->terms.original;
    return EQB_OK;
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
    eqb_graph_free(t->terms.teacher);
    eqb_model_free(t->terms.original);
}

eqb_status eqb_train(eqb_model *model, const eqb_pairs *pairs, const eqb_train_options *options,
                     eqb_evaluation *before, eqb_evaluation *after, eqb_error *err)
{
    EQBI_TRY(check(model, pairs, options, err));
    const eqb_allocator *a = options->run.allocator;
    trainer t = {.model = model,
                 .pairs = pairs,
                 .options = options,
                 .optimizer = options->optimizer,
                 .terms = {.pairs = pairs, .options = options}};
    eqbi_text settings = {.allocator = a};
    eqb_status status = trainer_init(&t, err);
    if (status == EQB_OK && before)
        status = eqb_evaluate(before, model, t.terms.original, pairs, a, err);
    if (status == EQB_OK) {
        describe(&t, &settings);
        eqbi_task task = {.self = &t,
                          .begin = begin,
                          .run = run,
                          .model = model,
                          .options = &options->run,
                          .optimizer = &t.optimizer,
                          .settings = &settings};
        status = eqbi_run(&task, err);
    }
    if (status == EQB_OK && after)
        status = eqb_evaluate(after, model, t.terms.original, pairs, a, err);
    eqbi_text_free(&settings);
    trainer_free(&t);
    return status;
}
