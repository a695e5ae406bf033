/* Masked-language-model loss of labelled rows, and the next-sentence loss, which is the same
 * cross-entropy over two columns.
 *
 *     cross-entropy  l = log(sum e^z) - z[y],       dz = p - onehot(y)
 *     MSE            l = sum (p - onehot(y))^2,     dz = 2 p (e - sum(p e)),  e = p - onehot(y)
 *
 * Value and gradient come from one pass over the logits; the sum is taken in row order, in double,
 * so it does not depend on the number of threads.                                                 */
#include "autograd/ops.h"
#include "autograd/softmax.h"

#include <string.h>

/* dz = beta dz + what the row brings, dz maybe NULL. */
static double cross_entropy_row(float *dz, float beta, float *p, const float *z, int32_t n,
                                int32_t label, float scale)
{
    double loss = eqbi_softmax_row(p, z, n, false) - (double)z[label];
    if (dz) {
        eqbi_add_scaled(dz, beta, p, n, scale);
        dz[label] -= scale;
    }
    return loss;
}

static double mse_row(float *dz, float beta, float *p, const float *z, int32_t n, int32_t label,
                      float scale)
{
    eqbi_softmax_row(p, z, n, false);
    double loss = 0.0, dot = 0.0; /* of e and of p e */
    for (int32_t i = 0; i < n; i++) {
        double e = (double)p[i] - (i == label ? 1.0 : 0.0);
        loss += e * e;
        dot += (double)p[i] * e;
    }
    for (int32_t i = 0; dz && i < n; i++) {
        float e = p[i] - (i == label ? 1.0f : 0.0f);
        dz[i] = (beta != 0.0f ? dz[i] : 0.0f) + 2.0f * scale * p[i] * (e - (float)dot);
    }
    return loss;
}

double eqb_loss_mlm(eqb_graph *g, eqb_tensor *logits, const int32_t *labels, const float *weights,
                    eqb_label_loss kind, float factor)
{
    if (!logits) return 0.0;
    int32_t rows = logits->rows, n = logits->cols;
    for (int32_t r = 0; r < rows; r++)
        if (labels[r] < -1 || labels[r] >= n)
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "loss: label %d is %d, expected -1 to %d", r,
                            labels[r], n - 1);
    float *p = eqbi_scratch(g, (size_t)rows * (size_t)n, sizeof *p);
    double *loss = eqbi_scratch(g, (size_t)rows, sizeof *loss);
    if (!p || !loss || g->err.status != EQB_OK) return 0.0;
    float beta, *dz = eqbi_grad(g, logits, &beta);
#pragma omp parallel for schedule(static) if (eqbi_size(logits) > EQBI_PARALLEL_MIN)
    for (int32_t r = 0; r < rows; r++) {
        loss[r] = 0.0;
        float weight = weights ? weights[r] : 1.0f;
        size_t at = (size_t)r * (size_t)n;
        float *d = dz ? dz + at : NULL, scale = factor * weight;
        if (labels[r] < 0 || weight == 0.0f) {
            if (d && beta == 0.0f) memset(d, 0, (size_t)n * sizeof *d);
            continue;
        }
        double l = kind == EQB_LABEL_MSE
                       ? mse_row(d, beta, p + at, logits->x + at, n, labels[r], scale)
                       : cross_entropy_row(d, beta, p + at, logits->x + at, n, labels[r], scale);
        loss[r] = (double)weight * l;
    }
    double sum = 0.0;
    for (int32_t r = 0; r < rows; r++) sum += loss[r];
    return sum;
}

double eqb_loss_nsp(eqb_graph *g, eqb_tensor *logits, const int32_t *labels, const float *weights,
                    float factor)
{
    return eqb_loss_mlm(g, logits, labels, weights, EQB_LABEL_CROSS_ENTROPY, factor);
}
