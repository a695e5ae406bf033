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
const eqb_pair_rows plain_pairs[PAIRS] = {{.male = 0, .female = 1, .weight = 1},
                                          {.male = 2, .female = 0, .weight = 0.5f},
                                          {.male = 5, .female = 4, .weight = 2},
                                          {.male = 3, .female = 3, .weight = 1.5f}};
float reference[MAX_REFERENCE];

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
    int n = c->supported ? SUPPORT : c->cols;
    for (int i = 0; i < n; i++) {
        int column = row * c->cols + (c->supported ? support[i] : i);
        t[i] = (double)reference[column];
        s[i] = z[column];
    }
    to_log_softmax(t, n);
    to_log_softmax(s, n);
    return divergence(t, s, n);
}

static double midpoint_twin(const loss_case *c, const double *z, int k)
{
    static double t[WIDE], s[WIDE];
    double sum = 0.0;
    int n = c->cols;
    for (int i = 0; i < n; i++)
        t[i] = ((double)reference[2 * k * n + i] + (double)reference[(2 * k + 1) * n + i]) / 2.0;
    to_log_softmax(t, n);
    for (int v = 0; v < 2; v++) {
        int row = v == 0 ? plain_pairs[k].male : plain_pairs[k].female;
        memcpy(s, z + row * n, (size_t)n * sizeof *s);
        to_log_softmax(s, n);
        sum += divergence(t, s, n) / 2.0;
    }
    return (double)plain_pairs[k].weight * sum;
}

double twin(const loss_case *c, const double *z)
{
    double sum = 0.0;
    for (int k = 0; c->loss == MIDPOINT && k < PAIRS; k++) sum += midpoint_twin(c, z, k);
    if (c->loss == MIDPOINT) return sum;
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
