/* The pieces of the encoder, for callers that go layer by layer. */
#ifndef EQBI_BERT_H
#define EQBI_BERT_H

#include "autograd/ops.h"
#include "engine/model.h"

/* LayerNorm(word + position + type), with dropout: the input of layer 1, [N, H]. */
tensor *eqbi_bert_embeddings(graph *g, eqb_model *model, const eqb_batch *batch);
/* One post-norm layer, [N, H] to [N, H]. */
tensor *eqbi_bert_layer(graph *g, tensor *x, const eqb_config *config, layer_params *p,
                        const eqb_batch *batch);

#endif
