/* Stay close to the original model where it says two things and one is wanted: to the mean of its
 * two predictions. For one pair, with its logits c (male) and d (female) and ours a and b:
 *
 *     l = (KL(t | p) + KL(t | q)) / 2,  t = softmax((c + d) / 2)
 *     da = (p - t) / 2,  db = (q - t) / 2
 *
 * The logits' mean is the geometric mean of the two softmaxes. Equality and anchor in one: at the
 * least l both versions say t.                                                                   */
#include "autograd/ops.h"
#include "autograd/softmax.h"

#include <math.h>

/* One version: our row z [n], the target's logarithms, and the gradient to add to, or NULL. */
static double one_version(const float *z, const float *log_t, float *log_p, float *dz, int32_t n,
                          float scale)
{
    double sum = 0.0;
    eqbi_softmax_row(log_p, z, n, true);
    for (int32_t i = 0; i < n; i++) {
        float t = expf(log_t[i]);
        sum += 0.5 * (double)t * ((double)log_t[i] - (double)log_p[i]);
        if (dz) dz[i] += 0.5f * scale * (expf(log_p[i]) - t);
    }
    return sum;
}

double eqb_loss_midpoint(eqb_graph *g, eqb_tensor *logits, const float *reference,
                         const eqb_pair_rows *pairs, int32_t count, float factor)
{
    if (!logits) return 0.0;
    int32_t n = logits->cols;
    float *log_t = eqbi_scratch(g, (size_t)n, sizeof *log_t);
    float *log_p = eqbi_scratch(g, (size_t)n, sizeof *log_p);
    if (!log_t || !log_p) return 0.0;
    float *dz = eqbi_grad_sum(g, logits);
    double sum = 0.0;
    for (int32_t k = 0; k < count; k++) {
        const int32_t row[2] = {pairs[k].male, pairs[k].female};
        const float *c = reference + 2 * (size_t)k * (size_t)n, *d = c + n;
        bool inside = row[0] >= 0 && row[0] < logits->rows && row[1] >= 0 && row[1] < logits->rows;
        if (!inside || pairs[k].equated > 0) {
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "midpoint loss: rows %d and %d of [%d, %d], %d "
                            "columns equated", row[0], row[1], logits->rows, n, pairs[k].equated);
            return sum;
        }
        for (int32_t i = 0; i < n; i++) log_t[i] = 0.5f * (c[i] + d[i]);
        eqbi_softmax_row(log_t, log_t, n, true);
        for (int v = 0; v < 2; v++) {
            size_t at = (size_t)row[v] * (size_t)n;
            sum += (double)pairs[k].weight * one_version(logits->x + at, log_t, log_p,
                                                         dz ? dz + at : NULL, n,
                                                         factor * pairs[k].weight);
        }
    }
    return sum;
}
