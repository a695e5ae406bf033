/* BERT (Devlin et al. 2018): encoder, pooler and the two pre-training heads, as transformers'
 * BertForPreTraining computes them. Dropout stands where BERT has it: after the embeddings' norm, on
 * the attention probabilities, and before each residual sum; none in pooler and heads.             */
#include "engine/bert.h"

static const float NO_DROPOUT = -1.0f;

tensor *eqbi_bert_layer(graph *g, tensor *x, const eqb_config *c, layer_params *p,
                        const eqb_batch *batch)
{
    tensor *a = eqbi_attention(g, eqbi_linear(g, x, &p->qkv_w, &p->qkv_b, EQB_ACT_NONE),
                               batch->start, batch->sequences, c->num_heads, c->attention_dropout);
    tensor *h = eqbi_add_norm(g, eqbi_linear(g, a, &p->out_w, &p->out_b, EQB_ACT_NONE), x,
                              &p->norm1_g, &p->norm1_b, c->layer_norm_eps, c->hidden_dropout);
    tensor *f = eqbi_linear(g, eqbi_linear(g, h, &p->up_w, &p->up_b, c->hidden_act), &p->down_w,
                            &p->down_b, EQB_ACT_NONE);
    return eqbi_add_norm(g, f, h, &p->norm2_g, &p->norm2_b, c->layer_norm_eps, c->hidden_dropout);
}

tensor *eqbi_bert_embeddings(graph *g, eqb_model *m, const eqb_batch *batch)
{
    const eqb_config *c = &m->config;
    tensor *e = eqbi_embed(g, &m->word, &m->position, &m->type, batch, c->pad_token_id);
    tensor *x = eqbi_add_norm(g, e, NULL, &m->embed_norm_g, &m->embed_norm_b, c->layer_norm_eps,
                              NO_DROPOUT);
    return eqbi_dropout(g, x, c->hidden_dropout);
}

eqb_tensor *eqb_bert_encoder(eqb_graph *g, eqb_model *m, const eqb_batch *batch)
{
    tensor *x = eqbi_bert_embeddings(g, m, batch);
    for (int32_t i = 0; i < m->config.num_layers; i++)
        x = eqbi_bert_layer(g, x, &m->config, &m->layer[i], batch);
    return x;
}

eqb_tensor *eqb_bert_pooler(eqb_graph *g, eqb_model *m, eqb_tensor *hidden, const eqb_batch *batch)
{
    tensor *cls = eqb_gather_rows(g, hidden, batch->start, batch->sequences);
    return eqbi_linear(g, cls, &m->pool_w, &m->pool_b, EQB_ACT_TANH);
}

eqb_tensor *eqb_bert_mlm(eqb_graph *g, eqb_model *m, eqb_tensor *hidden, const int32_t *rows,
                         int32_t count)
{
    tensor *h = eqb_gather_rows(g, hidden, rows, count);
    tensor *t = eqbi_linear(g, h, &m->transform_w, &m->transform_b, m->config.hidden_act);
    tensor *n = eqbi_add_norm(g, t, NULL, &m->transform_norm_g, &m->transform_norm_b,
                              m->config.layer_norm_eps, NO_DROPOUT);
    return eqbi_linear(g, n, &m->word, &m->decoder_b, EQB_ACT_NONE);
}

eqb_tensor *eqb_bert_nsp(eqb_graph *g, eqb_model *m, eqb_tensor *pooled)
{
    return eqbi_linear(g, pooled, &m->nsp_w, &m->nsp_b, EQB_ACT_NONE);
}
