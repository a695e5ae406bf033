/* The coarse ops of BERT, and what their files share. The general ops are in equibert_train.h.
 *
 * N tokens, H hidden, F feed-forward, A heads, D head size, L length of a sequence, B sequences,
 * V vocabulary, M masked slots. d before a name: the gradient of it.                              */
#ifndef EQBI_OPS_H
#define EQBI_OPS_H

#include "autograd/gemm.h"
#include "autograd/tensor.h"

/* y = act(x W^T + b).
 *   shape   x [N, in], w [out, in], b [1, out] or NULL, result [N, out]
 *   saves   act'(z) for the GELUs, [N, out]
 *   source  torch.nn.Linear; Hendrycks, Gimpel 2016 for GELU                                      */
tensor *eqbi_linear(graph *g, tensor *x, tensor *w, tensor *b, eqb_activation act);

/* The same with count rows of w and elements of b from first on: some of the columns of y. */
tensor *eqbi_linear_part(graph *g, tensor *x, tensor *w, tensor *b, int32_t first, int32_t count,
                         eqb_activation act);

/* LayerNorm(dropout(x) + residual), over each row. A negative dropout: none here, ever.
 *   shape   x, residual [N, H] (residual may be NULL), gain, bias [1, H], result [N, H]
 *   saves   the normalised rows [N, H] and 1 / sigma [N]
 *   source  Ba, Kiros, Hinton 2016; variance over H, not H - 1, as torch.nn.LayerNorm             */
tensor *eqbi_add_norm(graph *g, tensor *x, tensor *residual, tensor *gain, tensor *bias,
                      float epsilon, float dropout);

/* Scaled dot-product self-attention inside each packed sequence; tokens never see others.
 *   shape   qkv [N, 3H] (q | k | v), start [sequences + 1], result [N, H]; H divisible by heads
 *   saves   probabilities, heads * sum(L * L) floats; start must live until backward
 *   source  Vaswani et al. 2017, eq. 1; dropout on the probabilities as in BERT                   */
tensor *eqbi_attention(graph *g, tensor *qkv, const int32_t *start, int32_t sequences,
                       int32_t heads, float dropout);
/* The same for some of the tokens only: q [Q, H] are the queries of these, queries [sequences + 1]
 * says which of them belong to which sequence (maybe none), kv [N, 2H] (k | v) are all tokens' keys
 * and values, and the result is [Q, H]. queries must live until backward.                         */
tensor *eqbi_attention_at(graph *g, tensor *q, const int32_t *queries, tensor *kv,
                          const int32_t *start, int32_t sequences, int32_t heads, float dropout);

/* word[id] + position[place in the sequence] + type[t]: Hugging Face's BertEmbeddings before its
 * LayerNorm. pad_id gets no gradient here (torch's padding_idx); -1 for none.
 *   shape   word [V, H], position [P, H], type [T, H], ids, types [N] (types may be NULL: all 0),
 *           start [sequences + 1], result [N, H]; ids, types and start must live until backward
 *   errors  ARGUMENT: an id, type or length out of range, an empty sequence                       */
tensor *eqbi_embed(graph *g, tensor *word, tensor *position, tensor *type, const eqb_batch *batch,
                   int32_t pad_id);

/* What eqbi_embed checks before it reads a batch; false: the error is kept. */
bool eqbi_batch_check(graph *g, const eqb_batch *batch, const tensor *word, const tensor *position,
                      const tensor *type);

/* x with each element kept with probability 1 - p and divided by it, when the graph trains; else
 * x itself.                                                                                       */
tensor *eqbi_dropout(graph *g, tensor *x, float p);

/* part(g, x, context), a result of x's shape, made of other ops. What it computes on the way is given
 * up at once, and computed again in backward: memory for time. part must do the same both times,
 * and besides x only parameters may get gradients in it: others' would lie in memory given up.
 *   saves   x; context and what it points to must live until backward                             */
typedef tensor *(*eqbi_part_fn)(graph *g, tensor *x, const void *context);
tensor *eqbi_recompute(graph *g, tensor *x, eqbi_part_fn part, const void *context);

/* Row loops over fewer elements than this are not worth waking a second thread for. */
enum { EQBI_PARALLEL_MIN = 1 << 14 };

#endif
