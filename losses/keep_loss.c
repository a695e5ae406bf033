/* Stay close to the original model:  l = KL(t | s) = sum t (log t - log s),  dz = s - t,
 * t the frozen model's softmax, s ours, over each row. Hinton, Vinyals, Dean 2015 (distillation). */
#include "autograd/ops.h"
#include "autograd/softmax.h"

#include <math.h>

double eqb_loss_keep(eqb_graph *g, eqb_tensor *logits, const float *reference,
                     const float *weights, float factor)
{
    if (!logits) return 0.0;
    int32_t n = logits->cols;
    float *log_t = eqbi_scratch(g, (size_t)n, sizeof *log_t);
    float *log_s = eqbi_scratch(g, (size_t)n, sizeof *log_s);
    if (!log_t || !log_s) return 0.0;
    float *dz = eqbi_grad_sum(g, logits);
    double sum = 0.0;
    for (int32_t r = 0; r < logits->rows; r++) {
        size_t at = (size_t)r * (size_t)n;
        float weight = weights ? weights[r] : 1.0f;
        if (weight == 0.0f) continue;
        eqbi_softmax_row(log_t, reference + at, n, true);
        eqbi_softmax_row(log_s, logits->x + at, n, true);
        double loss = 0.0;
        for (int32_t i = 0; i < n; i++) {
            float t = expf(log_t[i]);
            loss += (double)t * ((double)log_t[i] - (double)log_s[i]);
            if (dz) dz[at + (size_t)i] += factor * weight * (expf(log_s[i]) - t);
        }
        sum += (double)weight * loss;
    }
    return sum;
}
