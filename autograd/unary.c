/* exp, log, tanh, sigmoid, square: y = f(x), dx = dy f'(x), with f' written in terms of the value
 * that is cheapest to have: x or y.                                                               */
#include "autograd/ops.h"
#include "autograd/vector_math.h"

#include <math.h>

/* NAME, f of v = x[i], f' of v = x[i] and w = y[i] */
#define UNARY(NAME, F, SLOPE)                                                                    \
    EQBI_KERNEL static void NAME##_forward(float *EQBI_RESTRICT y, const float *EQBI_RESTRICT x, \
                                           size_t n)                                             \
    {                                                                                            \
        for (size_t i = 0; i < n; i++) {                                                         \
            float v = x[i];                                                                      \
            y[i] = F;                                                                            \
        }                                                                                        \
    }                                                                                            \
    eqb_tensor *eqb_##NAME(eqb_graph *g, eqb_tensor *a)                                          \
    {                                                                                            \
        if (!a) return NULL;                                                                     \
        tensor *y = eqbi_tensor(g, a->rows, a->cols);                                            \
        if (!y || !eqbi_record(g, OP_##NAME, y, &a, 1, NULL, 0)) return NULL;                    \
        NAME##_forward(y->x, a->x, eqbi_size(a));                                                \
        return y;                                                                                \
    }                                                                                            \
    void eqbi_##NAME##_backward(graph *g, node *n)                                               \
    {                                                                                            \
        float beta;                                                                              \
        float *dx = eqbi_grad(g, n->in[0], &beta);                                               \
        const float *dy = n->out->g;                                                             \
        for (size_t i = 0; dx && i < eqbi_size(n->out); i++) {                                   \
            float v = n->in[0]->x[i], w = n->out->x[i];                                          \
            (void)v, (void)w;                                                                    \
            dx[i] = (beta != 0.0f ? dx[i] : 0.0f) + dy[i] * (SLOPE);                             \
        }                                                                                        \
    }

UNARY(exp, eqbi_expf(v), w)
UNARY(log, logf(v), 1.0f / v)
UNARY(tanh, eqbi_tanhf(v), 1.0f - w * w)
UNARY(sigmoid, 1.0f / (1.0f + eqbi_expf(-v)), w *(1.0f - w))
UNARY(square, v *v, 2.0f * v)
