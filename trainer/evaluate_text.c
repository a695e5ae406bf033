/* Scores a pretrained model on text it has not seen, beside guessing by frequency. */
#include "autograd/ops.h"
#include "trainer/corpus.h"

#include <math.h>
#include <string.h>

/* log p of each token by its frequency, one added to each count; and the commonest token. */
static void unigram(const eqb_corpus *c, double *log_p, int32_t *commonest)
{
    for (int32_t i = 0; i < c->vocab_size; i++) log_p[i] = 1.0 + (double)c->frequency[i];
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
        e->sequences++;
        if (b->next[i] < 0) continue;
        e->pairs++;
        e->nsp_accuracy += (nsp->x[2 * i + 1] > nsp->x[2 * i]) == (b->next[i] == 1);
        e->nsp_majority += b->next[i];
    }
    return EQB_OK;
}

static void finish(eqb_pretrain_evaluation *e)
{
    double masked = (double)e->masked, pairs = (double)e->pairs;
    e->mlm_loss /= masked;
    e->mlm_accuracy /= masked;
    e->unigram_loss /= masked;
    e->unigram_accuracy /= masked;
    e->nsp_accuracy /= pairs;
    e->nsp_majority = fmax(e->nsp_majority, pairs - e->nsp_majority) / pairs;
}

static eqb_status score(eqb_pretrain_evaluation *out, eqb_model *model, eqbi_stream *stream,
                        const double *baseline, int32_t commonest, int64_t max_sequences,
                        eqb_error *err)
{
    const eqb_allocator *a = stream->options->run.allocator;
    eqbi_text_batch b = {.allocator = a};
    graph *g;
    EQBI_TRY(eqb_graph_new(&g, a, err));
    eqb_status status = EQB_OK;
    for (int64_t j = 0; status == EQB_OK && out->sequences < max_sequences; j++) {
        status = eqbi_stream_batch(stream, &b, j, err);
        if (status != EQB_OK || stream->number >= eqbi_corpus_windows(stream->corpus)) break;
        status = score_batch(out, g, model, &b, baseline, commonest, err);
    }
    if (status == EQB_OK) finish(out);
    eqbi_text_batch_free(&b);
    eqb_graph_free(g);
    return status;
}

eqb_status eqb_pretrain_evaluate(eqb_pretrain_evaluation *out, eqb_model *model,
                                 const eqb_corpus *corpus, const eqb_corpus *reference,
                                 const eqb_pretrain_options *options, int64_t max_sequences,
                                 eqb_error *err)
{
    memset(out, 0, sizeof *out);
    EQBI_TRY(eqbi_pretrain_check(model, corpus, options, err));
    const eqb_allocator *a = options->run.allocator;
    if (!reference) reference = corpus;
    eqb_pretrain_options pairs_only = *options;
    pairs_only.single = 0.0;
    eqbi_stream stream = {.corpus = corpus,
                          .options = &pairs_only,
                          .window.allocator = a,
                          .deal.allocator = a};
    int32_t commonest = 0;
    size_t vocab = (size_t)reference->vocab_size;
    if (reference->vocab_size != corpus->vocab_size)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "the reference corpus has %d tokens, expected %d",
                         reference->vocab_size, corpus->vocab_size);
    double *baseline = eqbi_alloc(a, vocab, sizeof *baseline);
    if (!baseline) return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for %zu frequencies", vocab);
    unigram(reference, baseline, &commonest);
    eqb_status status = score(out, model, &stream, baseline, commonest, max_sequences, err);
    eqbi_stream_free(&stream);
    eqbi_free(a, baseline, vocab, sizeof *baseline);
    return status;
}
