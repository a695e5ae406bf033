/* MLM + NSP from scratch on plain text. Micro-batch j of the run belongs to an epoch and a place in
 * it; epochs are made again from (seed, number) when a run resumes, so there is no state to save.   */
#include "trainer/corpus.h"
#include "trainer/loop.h"

#include <math.h>
#include <string.h>

typedef struct pretrainer {
    eqb_model *model;
    const eqb_corpus *corpus;
    const eqb_pretrain_options *options;
    eqbi_epoch epoch;
    uint64_t number;        /* of the epoch                                   */
    int64_t epoch_start;    /* first micro-batch of the run in it             */
    eqbi_text_batch *micro; /* [accumulate]                                   */
    double masked, sequences; /* denominators of the step                     */
} pretrainer;

void eqb_pretrain_options_default(eqb_pretrain_options *o)
{
    *o = (eqb_pretrain_options){
        .batch_tokens = 4096, .max_tokens = 128, .short_sequences = 0.1, .mask = 0.15};
    eqbi_run_options_default(&o->run);
    eqb_optimizer_options_default(&o->optimizer);
    o->run.steps = 10000;
    o->run.dropout = -1.0;
    o->optimizer.learning_rate = 1e-3;
}

/* Makes the epoch current that holds micro-batch j. */
static eqb_status seek(pretrainer *t, int64_t j, eqb_error *err)
{
    bool ready = t->epoch.batches > 0;
    while (!ready || j - t->epoch_start >= (int64_t)t->epoch.batches) {
        t->epoch_start += (int64_t)t->epoch.batches;
        if (ready) t->number++;
        ready = true;
        EQBI_TRY(eqbi_epoch_make(&t->epoch, t->corpus, t->options, t->number, err));
    }
    return EQB_OK;
}

static eqb_status begin(void *self, int64_t step, eqb_error *err)
{
    pretrainer *t = self;
    int32_t accumulate = t->options->run.accumulate;
    t->masked = t->sequences = 0.0;
    for (int32_t k = 0; k < accumulate; k++) {
        int64_t j = step * accumulate + k;
        EQBI_TRY(seek(t, j, err));
        EQBI_TRY(eqbi_text_batch_make(&t->micro[k], t->corpus, &t->epoch,
                                      (size_t)(j - t->epoch_start), t->options, t->number, err));
        t->masked += t->micro[k].rows;
        t->sequences += t->micro[k].batch.sequences;
    }
    return EQB_OK;
}

static eqb_status run(void *self, graph *g, int64_t step, int32_t k, eqbi_totals *totals,
                      eqb_error *err)
{
    pretrainer *t = self;
    const eqbi_text_batch *b = &t->micro[k];
    const eqb_run_options *o = &t->options->run;
    eqb_graph_begin(g, EQB_MODE_TRAIN, o->seed, (uint64_t)(step * o->accumulate + k));
    tensor *words, *follows;
    eqb_bert_heads(g, t->model, &b->batch, b->row, b->rows, &words, &follows);
    double mlm = eqb_loss_mlm(g, words, b->label, NULL, EQB_LABEL_CROSS_ENTROPY,
                              (float)(1.0 / t->masked));
    double nsp = eqb_loss_nsp(g, follows, b->next, NULL, (float)(1.0 / t->sequences));
    totals->mlm.sum += mlm;
    totals->mlm.weight += b->rows;
    totals->nsp.sum += nsp;
    totals->nsp.weight += b->batch.sequences;
    totals->loss += mlm / t->masked + nsp / t->sequences;
    totals->tokens += b->start[b->batch.sequences];
    return eqb_graph_backward(g, NULL, 1.0f, err);
}

static eqb_status check(const eqb_model *model, const eqb_corpus *corpus,
                        const eqb_pretrain_options *o, eqb_error *err)
{
    EQBI_TRY(eqbi_run_options_check(&o->run, err));
    if (o->max_tokens < 5 || o->max_tokens > model->config.max_positions)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "max_tokens is %d, expected 5 to %d (the model's "
                         "positions)", o->max_tokens, model->config.max_positions);
    if (o->batch_tokens < o->max_tokens)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "batch_tokens is %d, less than max_tokens %d",
                         o->batch_tokens, o->max_tokens);
    if (!(o->mask > 0.0 && o->mask < 1.0) ||
        !(o->short_sequences >= 0.0 && o->short_sequences <= 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "mask is %g, short_sequences %g", o->mask,
                         o->short_sequences);
    if (corpus->vocab_size > model->config.vocab_size || model->config.type_vocab_size < 2)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "the corpus has %d tokens and 2 segments, the "
                         "model %d and %d", corpus->vocab_size, model->config.vocab_size,
                         model->config.type_vocab_size);
    return EQB_OK;
}

static void describe(const eqb_corpus *c, const eqb_pretrain_options *o, eqbi_text *s)
{
    eqbi_text_print(s, "task=pretrain\ncorpus=%016llx\nbatch_tokens=%d\nmax_tokens=%d\n",
                    (unsigned long long)c->hash, o->batch_tokens, o->max_tokens);
    eqbi_text_print(s, "short_sequences=%.17g\nmask=%.17g\nwhole_words=%d\n", o->short_sequences,
                    o->mask, o->whole_words);
}

eqb_status eqb_pretrain(eqb_model *model, const eqb_corpus *corpus,
                        const eqb_pretrain_options *options, eqb_error *err)
{
    EQBI_TRY(check(model, corpus, options, err));
    const eqb_allocator *a = options->run.allocator;
    size_t accumulate = (size_t)options->run.accumulate;
    pretrainer t = {.model = model, .corpus = corpus, .options = options};
    t.epoch.allocator = a;
    eqbi_text settings = {.allocator = a};
    eqb_status status = EQB_OK;
    t.micro = eqbi_calloc(a, accumulate, sizeof *t.micro);
    if (!t.micro) status = eqbi_fail(err, EQB_ERR_NOMEM, "no memory for %zu batches", accumulate);
    for (size_t k = 0; t.micro && k < accumulate; k++) t.micro[k].allocator = a;
    if (status == EQB_OK) {
        describe(corpus, options, &settings);
        eqbi_task task = {.self = &t,
                          .begin = begin,
                          .run = run,
                          .model = model,
                          .options = &options->run,
                          .optimizer = &options->optimizer,
                          .settings = &settings};
        status = eqbi_run(&task, err);
    }
    for (size_t k = 0; t.micro && k < accumulate; k++) eqbi_text_batch_free(&t.micro[k]);
    eqbi_free(a, t.micro, accumulate, sizeof *t.micro);
    eqbi_epoch_free(&t.epoch);
    eqbi_text_free(&settings);
    return status;
}

/* --------------------------------------------------------------------------------- evaluation -- */

/* log p of each token by its frequency, one added to each count; and the commonest token. */
static void unigram(const eqb_corpus *c, double *log_p, int32_t *commonest)
{
    for (int32_t i = 0; i < c->vocab_size; i++) log_p[i] = 1.0;
    for (size_t i = 0; i < c->tokens; i++) log_p[c->token[i]] += 1.0;
    *commonest = 0;
    double total = (double)c->tokens + c->vocab_size;
    for (int32_t i = 0; i < c->vocab_size; i++)
        if (log_p[i] > log_p[*commonest]) *commonest = i;
    for (int32_t i = 0; i < c->vocab_size; i++) log_p[i] = log(log_p[i] / total);
}

static void score_rows(eqb_pretrain_evaluation *e, const eqbi_text_batch *b, const tensor *log_p,
                       const double *baseline, int32_t commonest)
{
    for (int32_t r = 0; r < b->rows; r++) {
        const float *row = log_p->x + (size_t)r * (size_t)log_p->cols;
        int32_t label = b->label[r], best = 0;
        for (int32_t i = 1; i < log_p->cols; i++)
            if (row[i] > row[best]) best = i;
        e->mlm_loss -= (double)row[label];
        e->mlm_accuracy += best == label;
        e->unigram_loss -= baseline[label];
        e->unigram_accuracy += commonest == label;
        e->masked++;
    }
}

static eqb_status score_batch(eqb_pretrain_evaluation *e, graph *g, eqb_model *model,
                              const eqbi_text_batch *b, const double *baseline, int32_t commonest,
                              eqb_error *err)
{
    eqb_graph_begin(g, EQB_MODE_INFER, 0, 0);
    tensor *mlm, *nsp;
    eqb_bert_heads(g, model, &b->batch, b->row, b->rows, &mlm, &nsp);
    tensor *log_p = eqb_log_softmax(g, mlm);
    EQBI_TRY(eqb_graph_status(g, err));
    score_rows(e, b, log_p, baseline, commonest);
    for (int32_t i = 0; i < b->batch.sequences; i++) {
        e->nsp_accuracy += (nsp->x[2 * i + 1] > nsp->x[2 * i]) == (b->next[i] == 1);
        e->nsp_majority += b->next[i];
        e->sequences++;
    }
    return EQB_OK;
}

static void finish(eqb_pretrain_evaluation *e)
{
    double masked = (double)e->masked, sequences = (double)e->sequences;
    e->mlm_loss /= masked;
    e->mlm_accuracy /= masked;
    e->unigram_loss /= masked;
    e->unigram_accuracy /= masked;
    e->nsp_accuracy /= sequences;
    e->nsp_majority = fmax(e->nsp_majority, sequences - e->nsp_majority) / sequences;
}

eqb_status eqb_pretrain_evaluate(eqb_pretrain_evaluation *out, eqb_model *model,
                                 const eqb_corpus *corpus, const eqb_corpus *reference,
                                 const eqb_pretrain_options *options, int64_t max_sequences,
                                 eqb_error *err)
{
    memset(out, 0, sizeof *out);
    EQBI_TRY(check(model, corpus, options, err));
    const eqb_allocator *a = options->run.allocator;
    if (!reference) reference = corpus;
    eqbi_epoch epoch = {.allocator = a};
    eqbi_text_batch b = {.allocator = a};
    graph *g = NULL;
    int32_t commonest = 0;
    size_t vocab = (size_t)reference->vocab_size;
    double *baseline = eqbi_alloc(a, vocab, sizeof *baseline);
    eqb_status status = baseline && reference->vocab_size == corpus->vocab_size
                            ? eqb_graph_new(&g, a, err)
                            : eqbi_fail(err, EQB_ERR_NOMEM, "no memory for %zu frequencies", vocab);
    if (status == EQB_OK) {
        unigram(reference, baseline, &commonest);
        status = eqbi_epoch_make(&epoch, corpus, options, 0, err);
    }
    for (size_t i = 0; status == EQB_OK && i < epoch.batches && out->sequences < max_sequences;
         i++) {
        status = eqbi_text_batch_make(&b, corpus, &epoch, i, options, 0, err);
        if (status == EQB_OK)
            status = score_batch(out, g, model, &b, baseline, commonest, err);
    }
    if (status == EQB_OK) finish(out);
    eqbi_free(a, baseline, vocab, sizeof *baseline);
    eqbi_text_batch_free(&b);
    eqbi_epoch_free(&epoch);
    eqb_graph_free(g);
    return status;
}
