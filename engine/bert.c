/* BERT (Devlin et al. 2018): encoder, pooler and the two pre-training heads, as transformers'
 * BertForPreTraining computes them. Dropout stands where BERT has it: after the embeddings' norm, on
 * the attention probabilities, and before each residual sum; none in pooler and heads.             */
#include "engine/bert.h"

#include <string.h>

static const float NO_DROPOUT = -1.0f;

/* a is what attention brought, x the layer's input, both at the same rows. */
static tensor *after_attention(graph *g, tensor *a, tensor *x, const eqb_config *c, layer_params *p)
{
    tensor *h = eqbi_add_norm(g, eqbi_linear(g, a, &p->out_w, &p->out_b, EQB_ACT_NONE), x,
                              &p->norm1_g, &p->norm1_b, c->layer_norm_eps, c->hidden_dropout);
    tensor *f = eqbi_linear(g, eqbi_linear(g, h, &p->up_w, &p->up_b, c->hidden_act), &p->down_w,
                            &p->down_b, EQB_ACT_NONE);
    return eqbi_add_norm(g, f, h, &p->norm2_g, &p->norm2_b, c->layer_norm_eps, c->hidden_dropout);
}

tensor *eqbi_bert_layer(graph *g, tensor *x, const eqb_config *c, layer_params *p,
                        const eqb_batch *batch)
{
    tensor *a = eqbi_attention(g, eqbi_linear(g, x, &p->qkv_w, &p->qkv_b, EQB_ACT_NONE),
                               batch->start, batch->sequences, c->num_heads, c->attention_dropout);
    return after_attention(g, a, x, c, p);
}

tensor *eqbi_bert_embeddings(graph *g, eqb_model *m, const eqb_batch *batch)
{
    const eqb_config *c = &m->config;
    tensor *e = eqbi_embed(g, &m->word, &m->position, &m->type, batch, c->pad_token_id);
    tensor *x = eqbi_add_norm(g, e, NULL, &m->embed_norm_g, &m->embed_norm_b, c->layer_norm_eps,
                              NO_DROPOUT);
    return eqbi_dropout(g, x, c->hidden_dropout);
}

/* Bytes that a layer keeps for backward: of each token q, k, v, what attention brings, and of each of
 * the two residual sums a term, the sum normalised, and that times the gain; of the feed-forward
 * activation value and slope; the attention probabilities.                                        */
static double bytes_kept(const eqb_config *c, const eqb_batch *b)
{
    double squares = 0.0, tokens = b->start[b->sequences];
    for (int32_t i = 0; i < b->sequences; i++) {
        double length = b->start[i + 1] - b->start[i];
        squares += length * length;
    }
    return sizeof(float) *
           (tokens * (10.0 * c->hidden_size + 2.0 * c->intermediate_size) + c->num_heads * squares);
}

typedef struct layer_of {
    const eqb_config *config;
    layer_params *params;
    eqb_batch batch;
} layer_of;

static tensor *run_layer(graph *g, tensor *x, const void *context)
{
    const layer_of *l = context;
    return eqbi_bert_layer(g, x, l->config, l->params, &l->batch);
}

static tensor *layers(graph *g, eqb_model *m, const eqb_batch *batch, int32_t count)
{
    tensor *x = eqbi_bert_embeddings(g, m, batch); /* has checked the batch */
    if (!x) return NULL;
    bool again = bytes_kept(&m->config, batch) * count > (double)g->activation_limit;
    for (int32_t i = 0; i < count; i++) {
        layer_of *l = eqbi_scratch(g, 1, sizeof *l);
        if (!l) return NULL;
        *l = (layer_of){&m->config, &m->layer[i], *batch};
        x = again ? eqbi_recompute(g, x, run_layer, l) : run_layer(g, x, l);
    }
    return x;
}

eqb_tensor *eqb_bert_encoder(eqb_graph *g, eqb_model *m, const eqb_batch *batch)
{
    return layers(g, m, batch, m->config.num_layers);
}

static tensor *pool(graph *g, eqb_model *m, tensor *hidden, const int32_t *cls, int32_t count)
{
    return eqbi_linear(g, eqb_gather_rows(g, hidden, cls, count), &m->pool_w, &m->pool_b,
                       EQB_ACT_TANH);
}

eqb_tensor *eqb_bert_pooler(eqb_graph *g, eqb_model *m, eqb_tensor *hidden, const eqb_batch *batch)
{
    return pool(g, m, hidden, batch->start, batch->sequences);
}

eqb_tensor *eqb_bert_mlm(eqb_graph *g, eqb_model *m, eqb_tensor *hidden, const int32_t *rows,
                         int32_t count)
{
    tensor *h = eqb_gather_rows(g, hidden, rows, count);
    tensor *t = eqbi_linear(g, h, &m->transform_w, &m->transform_b, m->config.hidden_act);
    tensor *n = eqbi_add_norm(g, t, NULL, &m->transform_norm_g, &m->transform_norm_b,
                              m->config.layer_norm_eps, NO_DROPOUT);
    return eqbi_linear(g, n, m->decoder_w, &m->decoder_b, EQB_ACT_NONE);
}

eqb_tensor *eqb_bert_nsp(eqb_graph *g, eqb_model *m, eqb_tensor *pooled)
{
    return eqbi_linear(g, pooled, &m->nsp_w, &m->nsp_b, EQB_ACT_NONE);
}

/* -------------------------------------------------------------- only what the heads look at -- */

/* The rows [count] of the batch that some head looks at, ascending, without repeats. */
typedef struct used_rows {
    int32_t *row;     /* [count]                                                   */
    int32_t count;
    int32_t *queries; /* [sequences + 1] which of them belong to which sequence    */
    int32_t *place;   /* [N] where a used row of the batch is among them           */
} used_rows;

/* False: no memory, or a row that is not there; the error is kept. */
static bool find_used(graph *g, used_rows *u, const eqb_batch *b, const int32_t *rows,
                      int32_t count, bool cls)
{
    int32_t tokens = b->start[b->sequences];
    u->row = eqbi_scratch(g, (size_t)tokens, sizeof *u->row);
    u->place = eqbi_scratch(g, (size_t)tokens, sizeof *u->place);
    u->queries = eqbi_scratch(g, (size_t)b->sequences + 1, sizeof *u->queries);
    if (!u->row || !u->place || !u->queries) return false;
    memset(u->place, 0, (size_t)tokens * sizeof *u->place);
    for (int32_t i = 0; i < count; i++) {
        if (rows[i] < 0 || rows[i] >= tokens) {
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "row %d is %d, expected 0 to %d", i, rows[i],
                            tokens - 1);
            return false;
        }
        u->place[rows[i]] = 1;
    }
    for (int32_t s = 0; cls && s < b->sequences; s++) u->place[b->start[s]] = 1;
    u->count = 0;
    for (int32_t s = 0; s < b->sequences; s++) {
        u->queries[s] = u->count;
        for (int32_t r = b->start[s]; r < b->start[s + 1]; r++) {
            if (!u->place[r]) continue;
            u->row[u->count] = r;
            u->place[r] = u->count++;
        }
    }
    u->queries[b->sequences] = u->count;
    return true;
}

/* places[i] = where rows[i] of the batch is among the used ones; in the arena. */
static const int32_t *placed(graph *g, const used_rows *u, const int32_t *rows, int32_t count)
{
    int32_t *at = eqbi_scratch(g, (size_t)count, sizeof *at);
    for (int32_t i = 0; at && i < count; i++) at[i] = u->place[rows[i]];
    return at;
}

/* eqbi_bert_layer of the used rows: all tokens give keys and values, these alone ask. */
static tensor *layer_at(graph *g, tensor *x, const eqb_config *c, layer_params *p,
                        const eqb_batch *batch, const used_rows *u)
{
    int32_t hidden = c->hidden_size;
    tensor *used = eqb_gather_rows(g, x, u->row, u->count);
    tensor *q = eqbi_linear_part(g, used, &p->qkv_w, &p->qkv_b, 0, hidden, EQB_ACT_NONE);
    tensor *kv = eqbi_linear_part(g, x, &p->qkv_w, &p->qkv_b, hidden, 2 * hidden, EQB_ACT_NONE);
    tensor *a = eqbi_attention_at(g, q, u->queries, kv, batch->start, batch->sequences,
                                  c->num_heads, c->attention_dropout);
    return after_attention(g, a, used, c, p);
}

void eqb_bert_heads(eqb_graph *g, eqb_model *m, const eqb_batch *batch, const int32_t *rows,
                    int32_t count, eqb_tensor **mlm, eqb_tensor **nsp)
{
    if (mlm) *mlm = NULL;
    if (nsp) *nsp = NULL;
    int32_t last = m->config.num_layers - 1;
    if (!mlm) count = 0;
    tensor *x = layers(g, m, batch, last);
    used_rows u;
    if (!x || (count == 0 && !nsp) || !find_used(g, &u, batch, rows, count, nsp != NULL)) return;
    tensor *hidden = layer_at(g, x, &m->config, &m->layer[last], batch, &u);
    const int32_t *masks = placed(g, &u, rows, count);
    const int32_t *cls = placed(g, &u, batch->start, nsp ? batch->sequences : 0);
    if (!masks || !cls) return;
    if (count > 0) *mlm = eqb_bert_mlm(g, m, hidden, masks, count);
    if (nsp) *nsp = eqb_bert_nsp(g, m, pool(g, m, hidden, cls, batch->sequences));
}
