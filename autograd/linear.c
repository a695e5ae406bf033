/* y = act(x W^T + b), the op in which BERT spends nine tenths of its arithmetic.
 *
 * Forward: a GEMM that begins with the bias; to each part of it that is done, while it is in cache, the
 * activation is applied. When recording, act'(z) is kept, so that backward needs neither z nor Phi again.
 * Backward, in one team: dz = dy * act'(z) in place of dy;  db = column sums of dz;  dW = dz^T x;
 * dx = dz W.                                                                                      */
#include "autograd/ops.h"
#include "autograd/vector_math.h"

typedef struct saved_linear {
    eqb_activation act;
    int32_t first; /* row of w that makes column 0 of y */
    float *slope; /* act'(z) [N, out] for the GELUs, else NULL: the output tells it */
} saved_linear;

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

/* What follows a product in forward: the activation of a part of y. */
typedef struct rest {
    float *y, *slope;  /* [N, out]; slope maybe NULL */
    eqb_activation act;
    int32_t out;
} rest;

static void finish(const void *context, int32_t row, int32_t rows, int32_t column, int32_t columns)
{
    const rest *f = context;
    for (int32_t r = row; r < row + rows; r++) {
        size_t at = (size_t)r * (size_t)f->out + (size_t)column;
        activate(f->act, f->y + at, f->slope ? f->slope + at : NULL, columns);
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
    rest f = {y->x, slope, act, out};
    bool done = eqbi_gemm(g, &(eqbi_product){.transpose_b = true,
                                             .m = rows,
                                             .n = out,
                                             .k = x->cols,
                                             .a = x->x,
                                             .b = part,
                                             .c = y->x,
                                             .lda = x->cols,
                                             .ldb = w->cols,
                                             .ldc = out,
                                             .bias = bias,
                                             .then = act != EQB_ACT_NONE ? finish : NULL,
                                             .context = &f});
    return done ? y : NULL;
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

/* A backward pass, for the team that does it. */
typedef struct pass {
    const saved_linear *saved;
    const float *y;    /* [rows, out]                          */
    float *dz;         /* the same; dy at first                */
    float *db, beta_b; /* [out]; NULL: not wanted              */
    int32_t rows, out;
    eqbi_plan dw, dx;  /* no threads: not wanted               */
} pass;

/* dz and db, a stretch of columns at a time. The products have to wait for dz, not for db. */
static void bias_backward(const pass *p)
{
    enum { BLOCK = 64 };
#pragma omp for schedule(static) nowait
    for (int32_t c = 0; c < p->out; c += BLOCK) {
        int32_t end = c + BLOCK < p->out ? c + BLOCK : p->out;
        for (int32_t r = 0; r < p->rows; r++)
            activation_backward(p->saved, p->dz, p->y, (size_t)r * (size_t)p->out + (size_t)c,
                                (size_t)(end - c));
        if (p->db) column_sums(p->db, p->dz, p->rows, p->out, c, end, p->beta_b);
    }
    if (p->saved->act != EQB_ACT_NONE) {
#pragma omp barrier
    }
}

static void pass_backward(const void *context)
{
    const pass *p = context;
    if (p->saved->act != EQB_ACT_NONE || p->db) bias_backward(p);
    if (p->dw.threads > 0) eqbi_gemm_run(&p->dw);
    if (p->dx.threads > 0) eqbi_gemm_run(&p->dx);
}

void eqbi_linear_backward(graph *g, node *n)
{
    const saved_linear *s = n->saved;
    tensor *x = n->in[0], *w = n->in[1], *b = n->in[2], *y = n->out;
    int32_t rows = y->rows, out = y->cols, in = x->cols;
    size_t at = (size_t)s->first * (size_t)in;
    pass p = {.saved = s, .y = y->x, .dz = y->g, .rows = rows, .out = out};
    eqbi_product dw = {.transpose_a = true,
                       .m = out,
                       .n = in,
                       .k = rows,
                       .a = p.dz,
                       .b = x->x,
                       .lda = out,
                       .ldb = in,
                       .ldc = in};
    eqbi_product dx = {
        .m = rows, .n = in, .k = out, .a = p.dz, .b = w->x + at, .lda = out, .ldb = in, .ldc = in};
    p.db = part_gradient(g, b, (size_t)s->first, (size_t)out, &p.beta_b);
    dw.c = part_gradient(g, w, at, (size_t)out * (size_t)in, &dw.beta);
    dx.c = eqbi_grad(g, x, &dx.beta);
    eqbi_gemm_begin(g);
    if (dw.c && !eqbi_gemm_plan(g, &dw, &p.dw)) return;
    if (dx.c && !eqbi_gemm_plan(g, &dx, &p.dx)) return;
    int threads = p.dw.threads > p.dx.threads ? p.dw.threads : p.dx.threads;
    eqbi_team(threads > 1 ? threads : 1, pass_backward, &p);
}
