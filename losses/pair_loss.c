/* Pair similarity: the logits at the same slot of the male and of the female sentence agree.
 *
 * For one slot, a and b are the two rows (over the support, the female columns exchanged where words
 * are equated), n columns:
 *     MSE      l = mean (a - b)^2                     da = 2 (a - b) / n             db = -da
 *     centred  l = mean (c - mean c)^2, c = a - b     da = 2 (c - mean c) / n        db = -da
 *     KL       l = (KL(p|q) + KL(q|p)) / 2            da = (p (u - KL(p|q)) + p - q) / 2
 *     JS       l = (KL(p|m) + KL(q|m)) / 2            da = p (log(p/m) - KL(p|m)) / 2
 * with u = log p - log q; db follows by exchanging p and q. The gradient flows into both rows.     */
#include "autograd/ops.h"
#include "autograd/softmax.h"
#include "autograd/vector_math.h"

#include <math.h>
#include <string.h>

/* Every function below takes a, b [n] and replaces them by da, db; returns the loss. */

EQBI_KERNEL static double mse(float *EQBI_RESTRICT a, float *EQBI_RESTRICT b, int32_t n,
                              bool centred)
{
    double mean = 0.0, sum = 0.0, slope = 2.0 / n;
    if (centred) {
#pragma omp simd reduction(+ : sum)
        for (int32_t i = 0; i < n; i++) sum += (double)a[i] - (double)b[i];
        mean = sum / n;
        sum = 0.0;
    }
#pragma omp simd reduction(+ : sum)
    for (int32_t i = 0; i < n; i++) {
        double c = (double)a[i] - (double)b[i] - mean;
        sum += c * c;
        a[i] = (float)(slope * c);
        b[i] = -a[i];
    }
    return sum / n;
}

static double symmetric_kl(float *a, float *b, int32_t n)
{
    eqbi_softmax_row(a, a, n, true);
    eqbi_softmax_row(b, b, n, true);
    double kl_pq = 0.0, kl_qp = 0.0;
    for (int32_t i = 0; i < n; i++) {
        double u = (double)a[i] - (double)b[i];
        kl_pq += exp((double)a[i]) * u;
        kl_qp -= exp((double)b[i]) * u;
    }
    for (int32_t i = 0; i < n; i++) {
        double u = (double)a[i] - (double)b[i], p = exp((double)a[i]), q = exp((double)b[i]);
        a[i] = (float)(0.5 * (p * (u - kl_pq) + p - q));
        b[i] = (float)(0.5 * (q * (-u - kl_qp) + q - p));
    }
    return 0.5 * (kl_pq + kl_qp);
}

static double jensen_shannon(float *a, float *b, int32_t n)
{
    eqbi_softmax_row(a, a, n, true);
    eqbi_softmax_row(b, b, n, true);
    double kl_pm = 0.0, kl_qm = 0.0;
    for (int32_t i = 0; i < n; i++) {
        double p = exp((double)a[i]), q = exp((double)b[i]), m = 0.5 * (p + q);
        if (m == 0.0) continue;
        kl_pm += p * ((double)a[i] - log(m));
        kl_qm += q * ((double)b[i] - log(m));
    }
    for (int32_t i = 0; i < n; i++) {
        double p = exp((double)a[i]), q = exp((double)b[i]), m = 0.5 * (p + q);
        double log_m = m > 0.0 ? log(m) : 0.0;
        double u = (double)a[i] - log_m, v = (double)b[i] - log_m;
        a[i] = m > 0.0 ? (float)(0.5 * p * (u - kl_pm)) : 0.0f;
        b[i] = m > 0.0 ? (float)(0.5 * q * (v - kl_qm)) : 0.0f;
    }
    return 0.5 * (kl_pm + kl_qm);
}

static double pair_row(float *a, float *b, int32_t n, eqb_pair_loss kind)
{
    switch (kind) {
    case EQB_PAIR_MSE: return mse(a, b, n, false);
    case EQB_PAIR_CENTRED_MSE: return mse(a, b, n, true);
    case EQB_PAIR_KL: return symmetric_kl(a, b, n);
    case EQB_PAIR_JS: return jensen_shannon(a, b, n);
    }
    return 0.0;
}

/* The column of the female row that stands where column does: equated columns are exchanged. */
static int32_t partner(const eqb_pair_rows *pair, int32_t column)
{
    for (int32_t i = 0; i < pair->equated; i++) {
        const int32_t *e = &pair->equate[2 * i];
        if (e[0] == column) return e[1];
        if (e[1] == column) return e[0];
    }
    return column;
}

static bool pair_is_valid(graph *g, const tensor *z, const eqb_pair_rows *p)
{
    bool valid = p->male >= 0 && p->male < z->rows && p->female >= 0 && p->female < z->rows;
    for (int32_t i = 0; i < 2 * p->equated; i++)
        valid = valid && p->equate[i] >= 0 && p->equate[i] < z->cols;
    if (!valid)
        eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "pair loss: rows %d and %d of [%d, %d]", p->male,
                        p->female, z->rows, z->cols);
    return valid;
}

/* One row of the logits may stand in several pairs: then they have to take turns. */
static bool rows_are_distinct(graph *g, const tensor *z, const eqb_pair_rows *pairs, int32_t count)
{
    bool *taken = eqbi_scratch(g, (size_t)z->rows, sizeof *taken);
    if (!taken) return false;
    memset(taken, 0, (size_t)z->rows * sizeof *taken);
    for (int32_t k = 0; k < count; k++) {
        bool *male = &taken[pairs[k].male], *female = &taken[pairs[k].female];
        if (*male || *female) return false;
        *male = *female = true;
    }
    return true;
}

/* What the pairs of a call have in common. */
typedef struct setting {
    const tensor *logits;
    float *dz; /* of logits, or NULL */
    eqb_pair_loss kind;
    const int32_t *support;
    int32_t n; /* columns that count */
    float factor;
} setting;

/* The loss of one pair, whose gradient is added; a, b [n] are scratch. */
static double one_pair(const setting *s, const eqb_pair_rows *pair, float *a, float *b)
{
    size_t cols = (size_t)s->logits->cols;
    size_t male = (size_t)pair->male * cols, female = (size_t)pair->female * cols;
    const float *x = s->logits->x;
    float *dz = s->dz, scale = s->factor * pair->weight;
    bool whole = !s->support && pair->equated == 0;
    if (whole) {
        memcpy(a, x + male, cols * sizeof *a);
        memcpy(b, x + female, cols * sizeof *b);
    }
    for (int32_t i = 0; !whole && i < s->n; i++) {
        int32_t column = s->support ? s->support[i] : i;
        a[i] = x[male + (size_t)column];
        b[i] = x[female + (size_t)partner(pair, column)];
    }
    double loss = (double)pair->weight * pair_row(a, b, s->n, s->kind);
    if (whole && dz) {
        eqbi_add_scaled(dz + male, 1.0f, a, s->n, scale);
        eqbi_add_scaled(dz + female, 1.0f, b, s->n, scale);
    }
    for (int32_t i = 0; !whole && dz && i < s->n; i++) {
        int32_t column = s->support ? s->support[i] : i;
        dz[male + (size_t)column] += scale * a[i];
        dz[female + (size_t)partner(pair, column)] += scale * b[i];
    }
    return loss;
}

double eqb_loss_pair(eqb_graph *g, eqb_tensor *logits, const eqb_pair_rows *pairs, int32_t count,
                     eqb_pair_loss kind, const int32_t *support, int32_t support_count,
                     float factor)
{
    if (!logits) return 0.0;
    setting s = {logits, NULL, kind, support, support ? support_count : logits->cols, factor};
    if (s.n < 1) eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "pair loss: a support of %d columns", s.n);
    for (int32_t i = 0; support && i < s.n; i++)
        if (support[i] < 0 || support[i] >= logits->cols)
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "pair loss: support column %d", support[i]);
    for (int32_t k = 0; k < count; k++)
        if (!pair_is_valid(g, logits, &pairs[k])) return 0.0;
    size_t size = 2 * (size_t)s.n; /* of scratch for a pair */
    float *scratch = eqbi_scratch(g, (size_t)count * size, sizeof *scratch);
    double *loss = eqbi_scratch(g, (size_t)count, sizeof *loss), sum = 0.0;
    if (!scratch || !loss || g->err.status != EQB_OK) return 0.0;
    s.dz = eqbi_grad_sum(g, logits);
    bool parallel = (size_t)count * size > EQBI_PARALLEL_MIN &&
                    rows_are_distinct(g, logits, pairs, count);
#pragma omp parallel for schedule(static) if (parallel)
    for (int32_t k = 0; k < count; k++) {
        float *a = scratch + (size_t)k * size;
        loss[k] = one_pair(&s, &pairs[k], a, a + s.n);
    }
    for (int32_t k = 0; k < count; k++) sum += loss[k];
    return sum;
}
