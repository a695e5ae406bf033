/* MLM + NSP from scratch on plain text. Micro-batch j of the run belongs to a window and a place in
 * it, a function of (seed, j) and the text.                                                       */
#include "trainer/corpus.h"
#include "trainer/loop.h"

#include <math.h>
#include <string.h>

typedef struct pretrainer {
    eqb_model *model;
    const eqb_pretrain_options *options;
    eqbi_stream stream;
    eqbi_text_batch *micro; /* [accumulate]                                   */
    double masked, pairs; /* denominators of the step                     */
} pretrainer;

void eqb_pretrain_options_default(eqb_pretrain_options *o)
{
    *o = (eqb_pretrain_options){
        .batch_tokens = 4096, .max_tokens = 128, .short_sequences = 0.1, .single = 0.1, .mask = 0.15};
    eqbi_run_options_default(&o->run);
    eqb_optimizer_options_default(&o->optimizer);
    o->run.steps = 10000;
    o->run.dropout = -1.0;
    o->optimizer.learning_rate = 1e-3;
}

eqb_status eqbi_stream_batch(eqbi_stream *s, eqbi_text_batch *out, int64_t j, eqb_error *err)
{
    size_t windows = eqbi_corpus_windows(s->corpus);
    while (!s->ready || j - s->first >= (int64_t)s->deal.batches) {
        if (s->ready) s->first += (int64_t)s->deal.batches;
        if (s->ready) s->number++;
        if (!s->ready || windows > 1)
            EQBI_TRY(eqbi_window_load(&s->window, s->corpus, s->options->run.seed,
                                      s->number / windows, s->number % windows, err));
        EQBI_TRY(eqbi_deal_make(&s->deal, &s->window, s->options, s->number, err));
        s->ready = true;
    }
    return eqbi_text_batch_make(out, s->corpus, &s->window, &s->deal, (size_t)(j - s->first),
                                s->options, s->number, err);
}

void eqbi_stream_free(eqbi_stream *s)
{
    eqbi_window_free(&s->window);
    eqbi_deal_free(&s->deal);
}

static eqb_status begin(void *self, int64_t step, eqb_error *err)
{
    pretrainer *t = self;
    int32_t accumulate = t->options->run.accumulate;
    t->masked = t->pairs = 0.0;
    for (int32_t k = 0; k < accumulate; k++) {
        int64_t j = step * accumulate + k;
        EQBI_TRY(eqbi_stream_batch(&t->stream, &t->micro[k], j, err));
        t->masked += t->micro[k].rows;
        t->pairs += t->micro[k].pairs;
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
    eqb_bert_heads(g, t->model, &b->batch, b->row, b->rows, &words, b->pairs > 0 ? &follows : NULL);
    double mlm = eqb_loss_mlm(g, words, b->label, NULL, EQB_LABEL_CROSS_ENTROPY,
                              (float)(1.0 / t->masked));
    totals->mlm.sum += mlm;
    totals->mlm.weight += b->rows;
    totals->loss += mlm / t->masked;
    if (b->pairs > 0) {
        double nsp = eqb_loss_nsp(g, follows, b->next, NULL, (float)(1.0 / t->pairs));
        totals->nsp.sum += nsp;
        totals->nsp.weight += b->pairs;
        totals->loss += nsp / t->pairs;
    }
    totals->tokens += b->start[b->batch.sequences];
    return eqb_graph_backward(g, NULL, 1.0f, err);
}

eqb_status eqbi_pretrain_check(const eqb_model *model, const eqb_corpus *corpus,
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
        !(o->short_sequences >= 0.0 && o->short_sequences <= 1.0) ||
        !(o->single >= 0.0 && o->single <= 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "mask is %g, short_sequences %g, single %g", o->mask,
                         o->short_sequences, o->single);
    if (corpus->documents < 1)
        return eqbi_fail(err, EQB_ERR_DATA, "the corpus has no document");
    if (corpus->vocab_size > model->config.vocab_size || model->config.type_vocab_size < 2)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "the corpus has %d tokens and 2 segments, the "
                         "model %d and %d", corpus->vocab_size, model->config.vocab_size,
                         model->config.type_vocab_size);
    return EQB_OK;
}

/* A decoder that has not learnt yet starts with the frequencies of the tokens, so that the first steps
 * need not learn those.                                                                           */
static void init_decoder(eqb_model *model, const eqb_corpus *c)
{
    float *bias = model->decoder_b.x;
    for (int32_t i = 0; i < c->vocab_size; i++)
        if (bias[i] != 0.0f) return;
    double total = (double)c->tokens + c->vocab_size;
    for (int32_t i = 0; i < c->vocab_size; i++)
        bias[i] = (float)log((1.0 + (double)c->frequency[i]) / total);
}

static void describe(const eqb_corpus *c, const eqb_pretrain_options *o, eqbi_text *s)
{
    eqbi_text_print(s, "task=pretrain\ncorpus=%016llx\nbatch_tokens=%d\nmax_tokens=%d\n",
                    (unsigned long long)c->hash, o->batch_tokens, o->max_tokens);
    eqbi_text_print(s, "window=%lld\nshort_sequences=%.17g\nsingle=%.17g\nmask=%.17g\n"
                    "whole_words=%d\n", (long long)c->options.window, o->short_sequences, o->single,
                    o->mask, o->whole_words);
}

eqb_status eqb_pretrain(eqb_model *model, const eqb_corpus *corpus,
                        const eqb_pretrain_options *options, eqb_error *err)
{
    EQBI_TRY(eqbi_pretrain_check(model, corpus, options, err));
    const eqb_allocator *a = options->run.allocator;
    size_t accumulate = (size_t)options->run.accumulate;
    pretrainer t = {.model = model,
                    .options = options,
                    .stream = {.corpus = corpus,
                               .options = options,
                               .window.allocator = a,
                               .deal.allocator = a}};
    eqbi_text settings = {.allocator = a};
    eqb_status status = EQB_OK;
    t.micro = eqbi_calloc(a, accumulate, sizeof *t.micro);
    init_decoder(model, corpus);
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
    eqbi_stream_free(&t.stream);
    eqbi_text_free(&settings);
    return status;
}
