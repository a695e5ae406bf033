/* y = mask * x, mask = 0 or 1 / (1 - p), recomputed in backward (masks.h). */
#include "autograd/masks.h"
#include "autograd/ops.h"

/* to = from * mask, or to += it. */
EQBI_KERNEL static void apply_mask(float *to, const float *from, int32_t n, const mask_key *mask,
                                   uint32_t row_key, float beta)
{
    int32_t threshold = mask->threshold;
    float scale = mask->scale;
#pragma omp simd
    for (int32_t i = 0; i < n; i++)
        to[i] = (beta != 0.0f ? to[i] : 0.0f) +
                from[i] * eqbi_mask(row_key, (uint32_t)i, threshold, scale);
}

static void masked_rows(float *to, const float *from, const tensor *t, const mask_key *mask,
                        float beta)
{
    int32_t cols = t->cols;
#pragma omp parallel for schedule(static) if (eqbi_size(t) > EQBI_PARALLEL_MIN)
    for (int32_t r = 0; r < t->rows; r++) {
        size_t at = (size_t)r * (size_t)cols;
        apply_mask(to + at, from + at, cols, mask, eqbi_mask_row(mask, (size_t)r), beta);
    }
}

tensor *eqbi_dropout(graph *g, tensor *x, float p)
{
    if (!x || eqbi_dropout_rate(g, p) <= 0.0f) return x;
    tensor *y = eqbi_tensor(g, x->rows, x->cols);
    if (!y) return NULL;
    mask_key mask = eqbi_mask_key(g, p), *saved;
    if (!eqbi_record(g, OP_dropout, y, &x, 1, (void **)&saved, sizeof *saved)) return NULL;
    if (saved) *saved = mask;
    masked_rows(y->x, x->x, x, &mask, 0.0f);
    return y;
}

void eqbi_dropout_backward(graph *g, node *n)
{
    float beta;
    float *dx = eqbi_grad(g, n->in[0], &beta);
    if (dx) masked_rows(dx, n->out->g, n->out, n->saved, beta);
}
