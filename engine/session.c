/* Inference: one forward pass at a time over a shared, read-only model.
 *
 * The layers take turns in one stretch of the arena: after each layer its output is copied to a place
 * before the stretch and the rest is given up, so that the memory of a pass does not grow with the
 * number of layers and stays in cache.                                                             */
#include "autograd/softmax.h"
#include "engine/bert.h"

#include <string.h>

struct eqb_session {
    eqb_model *model; /* only read: a graph that does not record writes to no parameter */
    graph *g;
    const eqb_allocator *allocator;
    bool keep_hidden;
    eqb_batch batch;  /* as of the last forward; start is a copy in the graph's arena */
    tensor **hidden;  /* [L + 1] in the session; NULL where not kept */
    eqbi_mark after;  /* results of accessors are made after this */
};

eqb_status eqb_session_new(eqb_session **out, const eqb_model *model,
                           const eqb_session_options *options, eqb_error *err)
{
    *out = NULL;
    const eqb_allocator *a = options ? options->allocator : NULL;
    eqb_session *s = eqbi_calloc(a, 1, sizeof *s);
    if (!s) return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a session");
    /* The graph's API takes parameters that can be written; this session never does. */
    s->model = (eqb_model *)(uintptr_t)model;
    s->allocator = a;
    s->keep_hidden = options && options->keep_hidden;
    s->hidden = eqbi_calloc(a, (size_t)model->config.num_layers + 1, sizeof(tensor *));
    if (!s->hidden || eqb_graph_new(&s->g, a, err) != EQB_OK) {
        eqb_session_free(s);
        return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a session");
    }
    *out = s;
    return EQB_OK;
}

void eqb_session_free(eqb_session *s)
{
    if (!s) return;
    eqb_graph_free(s->g);
    eqbi_free(s->allocator, s->hidden, (size_t)s->model->config.num_layers + 1, sizeof(tensor *));
    eqbi_free(s->allocator, s, 1, sizeof *s);
}

/* Copies x to the place made for layer's output and gives up all memory after it. */
static tensor *keep(eqb_session *s, tensor *x, tensor *place, eqbi_mark mark)
{
    if (!x) return NULL;
    memcpy(place->x, x->x, eqbi_size(x) * sizeof(float));
    eqbi_arena_rewind(&s->g->mem, mark);
    return place;
}

eqb_status eqb_session_forward(eqb_session *s, const eqb_batch *batch, eqb_error *err)
{
    graph *g = s->g;
    const eqb_config *c = &s->model->config;
    eqb_graph_begin(g, EQB_MODE_INFER, 0, 0);
    memset(s->hidden, 0, ((size_t)c->num_layers + 1) * sizeof(tensor *));
    s->batch = (eqb_batch){0};
    /* Before memory is asked for by its sizes. */
    if (!eqbi_batch_check(g, batch, &s->model->word, &s->model->position, &s->model->type))
        return eqb_graph_status(g, err);
    int32_t tokens = batch->start[batch->sequences];
    int32_t *start = eqbi_scratch(g, (size_t)batch->sequences + 1, sizeof *start);
    if (start) memcpy(start, batch->start, ((size_t)batch->sequences + 1) * sizeof *start);
    tensor *place = NULL;
    eqbi_mark mark = {0};
    for (int32_t i = 0; i <= c->num_layers; i++) {
        if (i == 0 || s->keep_hidden) {
            place = eqbi_tensor(g, tokens, c->hidden_size);
            mark = eqbi_arena_mark(&g->mem);
        }
        if (g->err.status != EQB_OK) break;
        tensor *x = i == 0 ? eqbi_bert_embeddings(g, s->model, batch)
                           : eqbi_bert_layer(g, s->hidden[i - 1], c, &s->model->layer[i - 1],
                                             batch);
        s->hidden[i] = keep(s, x, place, mark);
        if (i > 0 && !s->keep_hidden) s->hidden[i - 1] = NULL;
    }
    EQBI_TRY(eqb_graph_status(g, err));
    s->batch = *batch;
    s->batch.start = start;
    s->after = eqbi_arena_mark(&g->mem);
    return EQB_OK;
}

const float *eqb_session_hidden(const eqb_session *s, int32_t layer)
{
    bool kept = s->batch.sequences > 0 && layer >= 0 && layer <= s->model->config.num_layers;
    return kept && s->hidden[layer] ? s->hidden[layer]->x : NULL;
}

/* The last layer's output; NULL with the error set before the first forward. Gives up what an
 * earlier accessor made and forgets its error, so that the session stays usable.                  */
static tensor *last_hidden(eqb_session *s, eqb_error *err)
{
    tensor *x = s->batch.sequences ? s->hidden[s->model->config.num_layers] : NULL;
    if (!x) {
        eqbi_fail(err, EQB_ERR_ARGUMENT, "eqb_session_forward has not succeeded");
        return NULL;
    }
    s->g->err.status = EQB_OK;
    eqbi_arena_rewind(&s->g->mem, s->after);
    return x;
}

static eqb_status result(const eqb_session *s, const tensor *x, const float **out, eqb_error *err)
{
    *out = x ? x->x : NULL;
    return eqb_graph_status(s->g, err);
}

eqb_status eqb_session_pooled(eqb_session *s, const float **out, eqb_error *err)
{
    *out = NULL;
    tensor *x = last_hidden(s, err);
    if (!x) return EQB_ERR_ARGUMENT;
    return result(s, eqb_bert_pooler(s->g, s->model, x, &s->batch), out, err);
}

eqb_status eqb_session_mean_pooled(eqb_session *s, const float **out, eqb_error *err)
{
    *out = NULL;
    tensor *x = last_hidden(s, err);
    if (!x) return EQB_ERR_ARGUMENT;
    tensor *y = eqbi_tensor(s->g, s->batch.sequences, x->cols);
    for (int32_t i = 0; y && i < y->rows; i++) {
        int32_t from = s->batch.start[i], to = s->batch.start[i + 1];
        for (int32_t c = 0; c < y->cols; c++) {
            double sum = 0.0;
            for (int32_t r = from; r < to; r++)
                sum += (double)x->x[(size_t)r * (size_t)x->cols + (size_t)c];
            y->x[(size_t)i * (size_t)y->cols + (size_t)c] = (float)(sum / (to - from));
        }
    }
    return result(s, y, out, err);
}

eqb_status eqb_session_mlm_logits(eqb_session *s, const int32_t *rows, int32_t count,
                                  const float **out, eqb_error *err)
{
    *out = NULL;
    tensor *x = last_hidden(s, err);
    if (!x) return EQB_ERR_ARGUMENT;
    return result(s, eqb_bert_mlm(s->g, s->model, x, rows, count), out, err);
}

eqb_status eqb_session_nsp_logits(eqb_session *s, const float **out, eqb_error *err)
{
    *out = NULL;
    tensor *x = last_hidden(s, err);
    if (!x) return EQB_ERR_ARGUMENT;
    tensor *pooled = eqb_bert_pooler(s->g, s->model, x, &s->batch);
    return result(s, eqb_bert_nsp(s->g, s->model, pooled), out, err);
}
