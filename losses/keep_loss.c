/* Stay close to the original model:  l = KL(t | s) = sum t (log t - log s),  dz = s - t,
 * t the frozen model's softmax, s ours, over each row or over its columns of the support.
 * Hinton, Vinyals, Dean 2015 (distillation).                                                      */
#include "autograd/ops.h"
#include "autograd/softmax.h"

#include <math.h>

double eqb_loss_keep(eqb_graph *g, eqb_tensor *logits, const float *reference,
                     const float *weights, const int32_t *support, int32_t support_count,
                     float factor)
{
    if (!logits) return 0.0;
    int32_t n = support ? support_count : logits->cols;
    if (n < 1) eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "keep loss: a support of %d columns", n);
    for (int32_t i = 0; support && i < n; i++)
        if (support[i] < 0 || support[i] >= logits->cols)
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "keep loss: support column %d", support[i]);
    float *log_t = eqbi_scratch(g, (size_t)n, sizeof *log_t);
    float *log_s = eqbi_scratch(g, (size_t)n, sizeof *log_s);
    if (!log_t || !log_s || g->err.status != EQB_OK) return 0.0;
    float *dz = eqbi_grad_sum(g, logits);
    double sum = 0.0;
    for (int32_t r = 0; r < logits->rows; r++) {
        size_t at = (size_t)r * (size_t)logits->cols;
        float weight = weights ? weights[r] : 1.0f;
        if (weight == 0.0f) continue;
        for (int32_t i = 0; i < n; i++) {
            size_t column = at + (size_t)(support ? support[i] : i);
            log_t[i] = reference[column];
            log_s[i] = logits->x[column];
        }
        eqbi_softmax_row(log_t, log_t, n, true);
        eqbi_softmax_row(log_s, log_s, n, true);
        double loss = 0.0;
        for (int32_t i = 0; i < n; i++) {
            float t = expf(log_t[i]);
            loss += (double)t * ((double)log_t[i] - (double)log_s[i]);
            if (dz)
                dz[at + (size_t)(support ? support[i] : i)] += factor * weight *
                                                               (expf(log_s[i]) - t);
        }
        sum += (double)weight * loss;
    }
    return sum;
}
