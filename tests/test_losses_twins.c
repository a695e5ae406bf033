/* The losses in double, plainly; see losses_testing.h. */
#include "tests/losses_testing.h"

#include <math.h>
#include <string.h>

/* Fields left out of a table's line are 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

const int32_t labels[2][ROWS] = {{3, -1, 0, 8, 2, 2}, {0, 1, -1, 1, 0, 1}};
const float weights[ROWS] = {1, 2, 0.5f, 1.5f, 0, 0.25f};
const int32_t support[SUPPORT] = {1, 2, 7, 5, 0};
const eqb_pair_rows pairs[PAIRS] = {
    {.male = 0, .female = 1, .weight = 1},
    {2, 0, (const int32_t[]){2, 5, 8, 0}, 2, 0.5f},
    {.male = 5, .female = 4, .weight = 2},
    {3, 3, (const int32_t[]){1, 7}, 1, 1.5f}, /* a row with itself */
};
float reference[MAX_SIZE];

static double log_sum_exp(const double *z, int n)
{
    double top = -INFINITY, sum = 0.0;
    for (int i = 0; i < n; i++) top = fmax(top, z[i]);
    for (int i = 0; i < n; i++) sum += exp(z[i] - top);
    return top + log(sum);
}

/* KL(p | q) of logarithms. */
static double divergence(const double *log_p, const double *log_q, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        if (exp(log_p[i]) > 0.0) sum += exp(log_p[i]) * (log_p[i] - log_q[i]);
    return sum;
}

static void to_log_softmax(double *z, int n)
{
    double shift = log_sum_exp(z, n);
    for (int i = 0; i < n; i++) z[i] -= shift;
}

static double label_twin(const double *z, int n, int label, int kind)
{
    double total = log_sum_exp(z, n), loss = 0.0;
    if (kind == EQB_LABEL_CROSS_ENTROPY) return total - z[label];
    for (int i = 0; i < n; i++) loss += pow(exp(z[i] - total) - (i == label), 2.0);
    return loss;
}

static double pair_twin(double *a, double *b, int n, int kind)
{
    static double log_m[WIDE];
    double mean = 0.0, loss = 0.0;
    if (kind == EQB_PAIR_MSE || kind == EQB_PAIR_CENTRED_MSE) {
        if (kind == EQB_PAIR_CENTRED_MSE)
            for (int i = 0; i < n; i++) mean += (a[i] - b[i]) / n;
        for (int i = 0; i < n; i++) loss += pow(a[i] - b[i] - mean, 2.0);
        return loss / n;
    }
    to_log_softmax(a, n);
    to_log_softmax(b, n);
    if (kind == EQB_PAIR_KL) return (divergence(a, b, n) + divergence(b, a, n)) / 2.0;
    for (int i = 0; i < n; i++) log_m[i] = log((exp(a[i]) + exp(b[i])) / 2.0);
    return (divergence(a, log_m, n) + divergence(b, log_m, n)) / 2.0;
}

static double one_pair_twin(const loss_case *c, const double *z, const eqb_pair_rows *p)
{
    static double a[WIDE], b[WIDE], exchanged[WIDE];
    memcpy(exchanged, z + p->female * c->cols, (size_t)c->cols * sizeof *z);
    for (int i = 0; i < p->equated; i++) {
        int one = p->equate[2 * i], other = p->equate[2 * i + 1];
        double t = exchanged[one];
        exchanged[one] = exchanged[other];
        exchanged[other] = t;
    }
    int n = c->supported ? SUPPORT : c->cols;
    for (int i = 0; i < n; i++) {
        int column = c->supported ? support[i] : i;
        a[i] = z[p->male * c->cols + column];
        b[i] = exchanged[column];
    }
    return (double)p->weight * pair_twin(a, b, n, c->kind);
}

static double keep_twin(const loss_case *c, const double *z, int row)
{
    static double t[WIDE], s[WIDE];
    for (int i = 0; i < c->cols; i++) {
        t[i] = (double)reference[row * c->cols + i];
        s[i] = z[row * c->cols + i];
    }
    to_log_softmax(t, c->cols);
    to_log_softmax(s, c->cols);
    return divergence(t, s, c->cols);
}

double twin(const loss_case *c, const double *z)
{
    double sum = 0.0;
    for (int k = 0; c->loss == PAIR && k < PAIRS; k++) sum += one_pair_twin(c, z, &pairs[k]);
    for (int r = 0; c->loss != PAIR && r < ROWS; r++) {
        double weight = c->weighted ? (double)weights[r] : 1.0;
        int label = labels[c->loss == NSP][r];
        if (c->loss == KEEP)
            sum += weight * keep_twin(c, z, r);
        else if (label >= 0)
            sum += weight * label_twin(z + r * c->cols, c->cols, label, c->kind);
    }
    return sum;
}
