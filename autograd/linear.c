/* y = act(x W^T + b), the op in which BERT spends nine tenths of its arithmetic.
 *
 * Forward: one GEMM, then one pass that adds the bias, applies the activation and, when recording,
 * keeps act'(z), so that backward needs neither z nor erf again.
 * Backward: dz = dy * act'(z) in place of dy;  db = column sums of dz;  dW = dz^T x;  dx = dz W.   */
#include "autograd/ops.h"
#include "autograd/vector_math.h"

typedef struct saved_linear {
    eqb_activation act;
    int32_t first; /* row of w that makes column 0 of y */
    float *slope; /* act'(z) [N, out] for the GELUs, else NULL: the output tells it */
} saved_linear;

EQBI_KERNEL static void add_bias(float *y, const float *b, int32_t n)
{
    for (int32_t i = 0; i < n; i++) y[i] += b[i];
}

EQBI_KERNEL static void apply_tanh(float *y, int32_t n)
{
    for (int32_t i = 0; i < n; i++) y[i] = eqbi_tanhf(y[i]);
}

EQBI_KERNEL static void apply_relu(float *y, int32_t n)
{
    for (int32_t i = 0; i < n; i++) y[i] = y[i] < 0.0f ? 0.0f : y[i];
}

/* x Phi(x), slope Phi(x) + x phi(x); slope may be NULL. */
EQBI_KERNEL static void apply_gelu(float *EQBI_RESTRICT y, float *EQBI_RESTRICT slope, int32_t n)
{
    float density;
    if (!slope) {
        for (int32_t i = 0; i < n; i++) y[i] *= eqbi_normalf(y[i], &density);
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        float z = y[i], cdf = eqbi_normalf(z, &density);
        slope[i] = cdf + z * density;
        y[i] = z * cdf;
    }
}

/* 0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3); slope may be NULL. */
EQBI_KERNEL static void apply_gelu_tanh(float *EQBI_RESTRICT y, float *EQBI_RESTRICT slope,
                                        int32_t n)
{
    const float c = 0.79788456f, k = 0.044715f;
    for (int32_t i = 0; i < n; i++) {
        float z = y[i], t = eqbi_tanhf(c * (z + k * z * z * z));
        if (slope)
            slope[i] = 0.5f * (1.0f + t) + 0.5f * z * (1.0f - t * t) * c * (1.0f + 3.0f * k * z * z);
        y[i] = 0.5f * z * (1.0f + t);
    }
}

static void activate(eqb_activation act, float *y, float *slope, int32_t n)
{
    switch (act) {
    case EQB_ACT_NONE: break;
    case EQB_ACT_GELU: apply_gelu(y, slope, n); break;
    case EQB_ACT_GELU_TANH: apply_gelu_tanh(y, slope, n); break;
    case EQB_ACT_TANH: apply_tanh(y, n); break;
    case EQB_ACT_RELU: apply_relu(y, n); break;
    }
}

tensor *eqbi_linear(graph *g, tensor *x, tensor *w, tensor *b, eqb_activation act)
{
    return w ? eqbi_linear_part(g, x, w, b, 0, w->rows, act) : NULL;
}

tensor *eqbi_linear_part(graph *g, tensor *x, tensor *w, tensor *b, int32_t first, int32_t count,
                         eqb_activation act)
{
    if (!x || !w) return NULL;
    if (x->cols != w->cols || (b && b->cols != w->rows))
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "linear: x is [%d, %d], w [%d, %d]", x->rows,
                               x->cols, w->rows, w->cols);
    if (first < 0 || count < 1 || first > w->rows - count)
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "linear: rows %d to %d of w [%d, %d]", first,
                               first + count - 1, w->rows, w->cols);
    int32_t rows = x->rows, out = count;
    tensor *y = eqbi_tensor(g, rows, out);
    if (!y) return NULL;
    saved_linear *saved;
    if (!eqbi_record(g, OP_linear, y, (tensor *[]){x, w, b}, 3, (void **)&saved, sizeof *saved))
        return NULL;
    const float *part = w->x + (size_t)first * (size_t)w->cols, *bias = b ? b->x + first : NULL;
    float *slope = NULL;
    if (saved) {
        saved->act = act;
        saved->first = first;
        if (act == EQB_ACT_GELU || act == EQB_ACT_GELU_TANH)
            slope = saved->slope = eqbi_scratch(g, eqbi_size(y), sizeof(float));
        if (g->err.status != EQB_OK) return NULL;
    }
    if (!eqbi_gemm(g, false, true, rows, out, x->cols, x->x, x->cols, part, w->cols, 0.0f, y->x,
                   out))
        return NULL;
    if (!b && act == EQB_ACT_NONE) return y;
#pragma omp parallel for schedule(static) if (eqbi_size(y) > EQBI_PARALLEL_MIN)
    for (int32_t r = 0; r < rows; r++) {
        float *row = y->x + (size_t)r * (size_t)out;
        if (bias) add_bias(row, bias, out);
        activate(act, row, slope ? slope + (size_t)r * (size_t)out : NULL, out);
    }
    return y;
}

/* dz = dy * act'(z) for n elements. */
EQBI_KERNEL static void through_slope(float *EQBI_RESTRICT dy, const float *EQBI_RESTRICT slope,
                                      size_t n)
{
    for (size_t i = 0; i < n; i++) dy[i] *= slope[i];
}

EQBI_KERNEL static void through_tanh(float *EQBI_RESTRICT dy, const float *EQBI_RESTRICT y,
                                     size_t n)
{
    for (size_t i = 0; i < n; i++) dy[i] *= 1.0f - y[i] * y[i];
}

EQBI_KERNEL static void through_relu(float *EQBI_RESTRICT dy, const float *EQBI_RESTRICT y,
                                     size_t n)
{
    for (size_t i = 0; i < n; i++) dy[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

static void activation_backward(const saved_linear *s, float *dy, const float *y, size_t at,
                                size_t n)
{
    switch (s->act) {
    case EQB_ACT_NONE: break;
    case EQB_ACT_GELU:
    case EQB_ACT_GELU_TANH: through_slope(dy + at, s->slope + at, n); break;
    case EQB_ACT_TANH: through_tanh(dy + at, y + at, n); break;
    case EQB_ACT_RELU: through_relu(dy + at, y + at, n); break;
    }
}

/* db[from, to) = beta db + column sums of dz. */
EQBI_KERNEL static void column_sums(float *EQBI_RESTRICT db, const float *EQBI_RESTRICT dz,
                                    int32_t rows, int32_t cols, int32_t from, int32_t to,
                                    float beta)
{
    if (beta == 0.0f)
        for (int32_t c = from; c < to; c++) db[c] = 0.0f;
    for (int32_t r = 0; r < rows; r++) {
        const float *row = dz + (size_t)r * (size_t)cols;
        for (int32_t c = from; c < to; c++) db[c] += row[c];
    }
}

/* Where the gradient of count elements of t from first on belongs: t's other elements get zeros, if
 * nobody has written to them.                                                                     */
static float *part_gradient(graph *g, tensor *t, size_t first, size_t count, float *beta)
{
    if (!t || count == eqbi_size(t)) return eqbi_grad(g, t, beta);
    float *d = eqbi_grad_sum(g, t);
    *beta = 1.0f;
    return d ? d + first : NULL;
}

void eqbi_linear_backward(graph *g, node *n)
{
    const saved_linear *s = n->saved;
    tensor *x = n->in[0], *w = n->in[1], *b = n->in[2], *y = n->out;
    int32_t rows = y->rows, out = y->cols, in = x->cols;
    float *dz = y->g;
    bool parallel = eqbi_size(y) > EQBI_PARALLEL_MIN;
    if (s->act != EQB_ACT_NONE) {
#pragma omp parallel for schedule(static) if (parallel)
        for (int32_t r = 0; r < rows; r++)
            activation_backward(s, dz, y->x, (size_t)r * (size_t)out, (size_t)out);
    }
    float beta;
    float *db = part_gradient(g, b, (size_t)s->first, (size_t)out, &beta);
    if (db) {
        enum { BLOCK = 512 };
#pragma omp parallel for schedule(static) if (parallel)
        for (int32_t c = 0; c < out; c += BLOCK)
            column_sums(db, dz, rows, out, c, c + BLOCK < out ? c + BLOCK : out, beta);
    }
    size_t at = (size_t)s->first * (size_t)in;
    float *dw = part_gradient(g, w, at, (size_t)out * (size_t)in, &beta);
    if (dw) eqbi_gemm(g, true, false, out, in, rows, dz, out, x->x, in, beta, dw, in);
    float *dx = eqbi_grad(g, x, &beta);
    if (dx) eqbi_gemm(g, false, false, rows, in, out, dz, out, w->x + at, in, beta, dx, in);
}
