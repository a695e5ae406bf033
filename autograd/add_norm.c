/* y = gain * xhat + bias,  xhat = (s - mean(s)) / sigma(s),  s = dropout(x) + residual.
 *
 * One pass over memory per row: a row of BERT fits the first-level cache, so mean, variance and
 * result are three loops over the same 3 KB. Backward, with dn = gain * dy:
 *     ds = (dn - mean(dn) - xhat * mean(dn * xhat)) / sigma;  dresidual = ds;  dx = mask * ds
 *     dgain = sum over rows of dy * xhat;  dbias = sum over rows of dy                            */
#include "autograd/masks.h"
#include "autograd/ops.h"

#include <math.h>

typedef struct saved_norm {
    mask_key mask;
    float *xhat;      /* [N, H] */
    float *inv_sigma; /* [N]    */
} saved_norm;

/* Writes the normalised row to xhat and the result to y (they may be the same); returns 1 / sigma. */
EQBI_KERNEL static float norm_row(float *y, float *xhat, const float *x, const float *residual,
                                  const float *gain, const float *bias, int32_t n, float epsilon,
                                  const mask_key *mask, uint32_t row_key)
{
    float sum = 0.0f, squares = 0.0f, inv_n = 1.0f / (float)n;
    int32_t threshold = mask->threshold;
    float scale = mask->scale;
    for (int32_t i = 0; i < n; i++) {
        float v = x[i];
        if (threshold > 0) v *= eqbi_mask(row_key, (uint32_t)i, threshold, scale);
        xhat[i] = residual ? v + residual[i] : v;
    }
#pragma omp simd reduction(+ : sum)
    for (int32_t i = 0; i < n; i++) sum += xhat[i];
    float mean = sum * inv_n;
#pragma omp simd reduction(+ : squares)
    for (int32_t i = 0; i < n; i++) squares += (xhat[i] - mean) * (xhat[i] - mean);
    float inv_sigma = 1.0f / sqrtf(squares * inv_n + epsilon);
    for (int32_t i = 0; i < n; i++) {
        float h = (xhat[i] - mean) * inv_sigma;
        xhat[i] = h;
        y[i] = h * gain[i] + bias[i];
    }
    return inv_sigma;
}

tensor *eqbi_add_norm(graph *g, tensor *x, tensor *residual, tensor *gain, tensor *bias,
                      float epsilon, float dropout)
{
    if (!x || !gain || !bias) return NULL;
    if (gain->cols != x->cols || bias->cols != x->cols ||
        (residual && (residual->rows != x->rows || residual->cols != x->cols)))
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "add_norm: x is [%d, %d], the gain has %d",
                               x->rows, x->cols, gain->cols);
    int32_t rows = x->rows, cols = x->cols;
    tensor *y = eqbi_tensor(g, rows, cols);
    if (!y) return NULL;
    mask_key mask = eqbi_mask_key(g, dropout);
    saved_norm *saved;
    if (!eqbi_record(g, OP_add_norm, y, (tensor *[]){x, residual, gain, bias}, 4, (void **)&saved,
                     sizeof *saved))
        return NULL;
    if (saved) {
        saved->mask = mask;
        saved->xhat = eqbi_scratch(g, eqbi_size(y), sizeof(float));
        saved->inv_sigma = eqbi_scratch(g, (size_t)rows, sizeof(float));
        if (!saved->xhat || !saved->inv_sigma) return NULL;
    }
#pragma omp parallel for schedule(static) if (eqbi_size(y) > EQBI_PARALLEL_MIN)
    for (int32_t r = 0; r < rows; r++) {
        size_t at = (size_t)r * (size_t)cols;
        float inv_sigma = norm_row(y->x + at, saved ? saved->xhat + at : y->x + at, x->x + at,
                                   residual ? residual->x + at : NULL, gain->x, bias->x, cols,
                                   epsilon, &mask, eqbi_mask_row(&mask, (size_t)r));
        if (saved) saved->inv_sigma[r] = inv_sigma;
    }
    return y;
}

/* ds of one row, added to or stored in dx (through the mask) and dresidual; either may be NULL. */
EQBI_KERNEL static void norm_row_backward(const float *dy, const float *xhat, const float *gain,
                                          float inv_sigma, int32_t n, float *dx, float beta_x,
                                          float *dresidual, float beta_r, const mask_key *mask,
                                          uint32_t row_key)
{
    float sum = 0.0f, dot = 0.0f, inv_n = 1.0f / (float)n;
#pragma omp simd reduction(+ : sum, dot)
    for (int32_t i = 0; i < n; i++) {
        float dn = dy[i] * gain[i];
        sum += dn;
        dot += dn * xhat[i];
    }
    float mean = sum * inv_n, mean_dot = dot * inv_n, scale = mask->scale;
    int32_t threshold = mask->threshold;
    if (dresidual) {
#pragma omp simd
        for (int32_t i = 0; i < n; i++) {
            float ds = (dy[i] * gain[i] - mean - xhat[i] * mean_dot) * inv_sigma;
            dresidual[i] = (beta_r != 0.0f ? dresidual[i] : 0.0f) + ds;
        }
    }
    if (!dx) return;
#pragma omp simd
    for (int32_t i = 0; i < n; i++) {
        float ds = (dy[i] * gain[i] - mean - xhat[i] * mean_dot) * inv_sigma;
        if (threshold > 0) ds *= eqbi_mask(row_key, (uint32_t)i, threshold, scale);
        dx[i] = (beta_x != 0.0f ? dx[i] : 0.0f) + ds;
    }
}

/* dgain and dbias of columns [from, to). */
EQBI_KERNEL static void norm_params_backward(float *EQBI_RESTRICT dgain, float beta_gain,
                                             float *EQBI_RESTRICT dbias, float beta_bias,
                                             const float *EQBI_RESTRICT dy,
                                             const float *EQBI_RESTRICT xhat, int32_t rows,
                                             int32_t cols, int32_t from, int32_t to)
{
    for (int32_t c = from; c < to; c++) {
        if (dgain && beta_gain == 0.0f) dgain[c] = 0.0f;
        if (dbias && beta_bias == 0.0f) dbias[c] = 0.0f;
    }
    for (int32_t r = 0; r < rows; r++) {
        const float *dy_row = dy + (size_t)r * (size_t)cols;
        const float *xhat_row = xhat + (size_t)r * (size_t)cols;
        if (dgain)
            for (int32_t c = from; c < to; c++) dgain[c] += dy_row[c] * xhat_row[c];
        if (dbias)
            for (int32_t c = from; c < to; c++) dbias[c] += dy_row[c];
    }
}

void eqbi_add_norm_backward(graph *g, node *n)
{
    const saved_norm *s = n->saved;
    tensor *x = n->in[0], *residual = n->in[1], *gain = n->in[2], *bias = n->in[3];
    int32_t rows = x->rows, cols = x->cols;
    const float *dy = n->out->g;
    bool parallel = eqbi_size(x) > EQBI_PARALLEL_MIN;
    float beta_gain, beta_bias, beta_x, beta_r;
    float *dgain = eqbi_grad(g, gain, &beta_gain), *dbias = eqbi_grad(g, bias, &beta_bias);
    /* In the order in which a row is written: x and residual may be one tensor. */
    float *dr = eqbi_grad(g, residual, &beta_r), *dx = eqbi_grad(g, x, &beta_x);
    enum { BLOCK = 64 };
#pragma omp parallel if (parallel)
    {
#pragma omp for schedule(static) nowait
        for (int32_t c = 0; c < (dgain || dbias ? cols : 0); c += BLOCK)
            norm_params_backward(dgain, beta_gain, dbias, beta_bias, dy, s->xhat, rows, cols, c,
                                 c + BLOCK < cols ? c + BLOCK : cols);
#pragma omp for schedule(static) nowait
        for (int32_t r = 0; r < (dx || dr ? rows : 0); r++) {
            size_t at = (size_t)r * (size_t)cols;
            norm_row_backward(dy + at, s->xhat + at, gain->x, s->inv_sigma[r], cols,
                              dx ? dx + at : NULL, beta_x, dr ? dr + at : NULL, beta_r, &s->mask,
                              eqbi_mask_row(&s->mask, (size_t)r));
        }
    }
}
