/* Over each row:  softmax y = e^(x - max) / sum;  log_softmax y = x - max - log(sum).
 * Backward:  softmax dx = y (dy - sum(dy y));  log_softmax dx = dy - e^y sum(dy).                 */
#include "autograd/softmax.h"
#include "autograd/ops.h"
#include "autograd/vector_math.h"

#include <math.h>

/* The sum of e^(x - top), whose terms go to y unless it is NULL. Partial sums of a few hundred terms in
 * float, then double: 30,522 small terms added to one large float would lose them.                */
EQBI_INLINE double exp_sum(float *y, const float *x, int32_t n, float top)
{
    double sum = 0.0;
    for (int32_t from = 0; from < n; from += 256) {
        int32_t to = from + 256 < n ? from + 256 : n;
        float part = 0.0f;
#pragma omp simd reduction(+ : part)
        for (int32_t i = from; i < to; i++) {
            float e = eqbi_expf_to_88(x[i] - top);
            if (y) y[i] = e;
            part += e;
        }
        sum += (double)part;
    }
    return sum;
}

/* y may be x. */
EQBI_KERNEL static double softmax_row(float *y, const float *x, int32_t n, bool take_log)
{
    float top = -INFINITY;
#pragma omp simd reduction(max : top)
    for (int32_t i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
    double sum, log_sum;
    if (take_log) {
        sum = exp_sum(NULL, x, n, top);
        log_sum = log(sum);
        float shift = (float)log_sum;
#pragma omp simd
        for (int32_t i = 0; i < n; i++) y[i] = x[i] - top - shift;
    } else {
        sum = exp_sum(y, x, n, top);
        log_sum = log(sum);
        float inverse = (float)(1.0 / sum);
        for (int32_t i = 0; i < n; i++) y[i] *= inverse;
    }
    return (double)top + log_sum;
}

/* A function of its own, because the clones of a kernel would be exported. */
double eqbi_softmax_row(float *y, const float *x, int32_t n, bool take_log)
{
    return softmax_row(y, x, n, take_log);
}

void eqb_softmax_rows(float *x, int32_t rows, int32_t cols)
{
#pragma omp parallel for schedule(static) if ((size_t)rows * (size_t)cols > EQBI_PARALLEL_MIN)
    for (int32_t r = 0; r < rows; r++) {
        float *row = x + (size_t)r * (size_t)cols;
        softmax_row(row, row, cols, false);
    }
}

static tensor *rowwise(graph *g, op_code op, tensor *a, bool take_log)
{
    if (!a) return NULL;
    tensor *y = eqbi_tensor(g, a->rows, a->cols);
    if (!y || !eqbi_record(g, op, y, &a, 1, NULL, 0)) return NULL;
#pragma omp parallel for schedule(static) if (eqbi_size(a) > EQBI_PARALLEL_MIN)
    for (int32_t r = 0; r < a->rows; r++) {
        size_t at = (size_t)r * (size_t)a->cols;
        softmax_row(y->x + at, a->x + at, a->cols, take_log);
    }
    return y;
}

eqb_tensor *eqb_softmax(eqb_graph *g, eqb_tensor *a)
{
    return rowwise(g, OP_softmax, a, false);
}

eqb_tensor *eqb_log_softmax(eqb_graph *g, eqb_tensor *a)
{
    return rowwise(g, OP_log_softmax, a, true);
}

void eqbi_softmax_backward(graph *g, node *n)
{
    float beta;
    float *dx = eqbi_grad(g, n->in[0], &beta);
    const tensor *y = n->out;
    for (int32_t r = 0; dx && r < y->rows; r++) {
        size_t at = (size_t)r * (size_t)y->cols, end = at + (size_t)y->cols;
        double dot = 0.0;
        for (size_t i = at; i < end; i++) dot += (double)y->g[i] * (double)y->x[i];
        for (size_t i = at; i < end; i++)
            dx[i] = (beta != 0.0f ? dx[i] : 0.0f) + y->x[i] * (y->g[i] - (float)dot);
    }
}

EQBI_KERNEL static void log_softmax_row_backward(float *dx, const float *y, const float *dy,
                                                 int32_t n, float beta)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) sum += (double)dy[i];
    float total = (float)sum;
    for (int32_t i = 0; i < n; i++)
        dx[i] = (beta != 0.0f ? dx[i] : 0.0f) + dy[i] - eqbi_expf_to_88(y[i]) * total;
}

void eqbi_log_softmax_backward(graph *g, node *n)
{
    float beta;
    float *dx = eqbi_grad(g, n->in[0], &beta);
    if (!dx) return;
    const tensor *y = n->out;
#pragma omp parallel for schedule(static) if (eqbi_size(y) > EQBI_PARALLEL_MIN)
    for (int32_t r = 0; r < y->rows; r++) {
        size_t at = (size_t)r * (size_t)y->cols;
        log_softmax_row_backward(dx + at, y->x + at, y->g + at, y->cols, beta);
    }
}

EQBI_KERNEL static void add_scaled(float *EQBI_RESTRICT to, float beta,
                                   const float *EQBI_RESTRICT from, int32_t n, float scale)
{
    if (beta == 0.0f)
        for (int32_t i = 0; i < n; i++) to[i] = scale * from[i];
    else
        for (int32_t i = 0; i < n; i++) to[i] += scale * from[i];
}

void eqbi_add_scaled(float *to, float beta, const float *from, int32_t n, float scale)
{
    add_scaled(to, beta, from, n, scale);
}
