/* Stay close to the original model:  l = KL(t | s) = sum t (log t - log s),  dz = s - t,
 * t the frozen model's softmax, s ours, over each row or over its columns of the support.
 * Hinton, Vinyals, Dean 2015 (distillation).                                                      */
#include "autograd/ops.h"
#include "autograd/softmax.h"
#include "autograd/vector_math.h"

/* Of n columns: the loss, and d <- scale (s - t). */
EQBI_KERNEL static double keep_row(const float *EQBI_RESTRICT log_t, const float *EQBI_RESTRICT log_s,
                                   float *EQBI_RESTRICT d, int32_t n, float scale)
{
    double loss = 0.0;
#pragma omp simd reduction(+ : loss)
    for (int32_t i = 0; i < n; i++) {
        float t = eqbi_expf_to_88(log_t[i]);
        loss += (double)t * ((double)log_t[i] - (double)log_s[i]);
        d[i] = scale * (eqbi_expf_to_88(log_s[i]) - t);
    }
    return loss;
}

double eqb_loss_keep(eqb_graph *g, eqb_tensor *logits, const float *reference,
                     const float *weights, const int32_t *support, int32_t support_count,
                     float factor)
{
    if (!logits) return 0.0;
    int32_t rows = logits->rows, n = support ? support_count : logits->cols;
    if (n < 1) eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "keep loss: a support of %d columns", n);
    for (int32_t i = 0; support && i < n; i++)
        if (support[i] < 0 || support[i] >= logits->cols)
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "keep loss: support column %d", support[i]);
    size_t size = 3 * (size_t)n; /* of scratch for a row */
    float *scratch = eqbi_scratch(g, (size_t)rows * size, sizeof *scratch);
    double *loss = eqbi_scratch(g, (size_t)rows, sizeof *loss), sum = 0.0;
    if (!scratch || !loss || g->err.status != EQB_OK) return 0.0;
    float *dz = eqbi_grad_sum(g, logits);
#pragma omp parallel for schedule(static) if ((size_t)rows * (size_t)n > EQBI_PARALLEL_MIN)
    for (int32_t r = 0; r < rows; r++) {
        size_t at = (size_t)r * (size_t)logits->cols;
        float weight = weights ? weights[r] : 1.0f;
        float *log_t = scratch + (size_t)r * size, *log_s = log_t + n, *d = log_s + n;
        loss[r] = 0.0;
        if (weight == 0.0f) continue;
        for (int32_t i = 0; i < n; i++) {
            size_t column = at + (size_t)(support ? support[i] : i);
            log_t[i] = reference[column];
            log_s[i] = logits->x[column];
        }
        eqbi_softmax_row(log_t, log_t, n, true);
        eqbi_softmax_row(log_s, log_s, n, true);
        loss[r] = (double)weight * keep_row(log_t, log_s, d, n, factor * weight);
        for (int32_t i = 0; dz && i < n; i++)
            dz[at + (size_t)(support ? support[i] : i)] += d[i];
    }
    for (int32_t r = 0; r < rows; r++) sum += loss[r];
    return sum;
}
