/* Sums over rows and over everything, in double; means are scaled sums. */
#include "autograd/ops.h"

static float sum_of(const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    return (float)sum;
}

eqb_tensor *eqb_row_sum(eqb_graph *g, eqb_tensor *a)
{
    if (!a) return NULL;
    tensor *y = eqbi_tensor(g, a->rows, 1);
    if (!y || !eqbi_record(g, OP_row_sum, y, &a, 1, NULL, 0)) return NULL;
    for (int32_t r = 0; r < a->rows; r++)
        y->x[r] = sum_of(a->x + (size_t)r * (size_t)a->cols, (size_t)a->cols);
    return y;
}

eqb_tensor *eqb_sum(eqb_graph *g, eqb_tensor *a)
{
    if (!a) return NULL;
    tensor *y = eqbi_tensor(g, 1, 1);
    if (!y || !eqbi_record(g, OP_sum, y, &a, 1, NULL, 0)) return NULL;
    y->x[0] = sum_of(a->x, eqbi_size(a));
    return y;
}

eqb_tensor *eqb_row_mean(eqb_graph *g, eqb_tensor *a)
{
    return a ? eqb_scale(g, eqb_row_sum(g, a), 1.0f / (float)a->cols) : NULL;
}

eqb_tensor *eqb_mean(eqb_graph *g, eqb_tensor *a)
{
    return a ? eqb_scale(g, eqb_sum(g, a), 1.0f / (float)eqbi_size(a)) : NULL;
}

void eqbi_row_sum_backward(graph *g, node *n)
{
    tensor *a = n->in[0];
    float beta;
    float *da = eqbi_grad(g, a, &beta);
    size_t cols = (size_t)a->cols;
    for (size_t i = 0; da && i < eqbi_size(a); i++)
        da[i] = (beta != 0.0f ? da[i] : 0.0f) + n->out->g[i / cols];
}

void eqbi_sum_backward(graph *g, node *n)
{
    tensor *a = n->in[0];
    float beta;
    float *da = eqbi_grad(g, a, &beta);
    for (size_t i = 0; da && i < eqbi_size(a); i++)
        da[i] = (beta != 0.0f ? da[i] : 0.0f) + n->out->g[0];
}
