/* add, sub, mul (the second operand may be a column, a row or a single number), scale.
 *
 * A repeated operand is walked with a stride of 0; its gradient is the sum over what it was
 * repeated for.                                                                                   */
#include "autograd/ops.h"

typedef struct strides {
    size_t row, col; /* 0 where b is repeated */
} strides;

static strides strides_of(const tensor *b)
{
    return (strides){b->rows == 1 ? 0 : (size_t)b->cols, b->cols == 1 ? 0 : 1};
}

/* Shape check, result tensor and node of a two-operand op; NULL on failure. */
static tensor *begin(graph *g, op_code op, tensor *a, tensor *b, const char *name)
{
    if (!a || !b) return NULL;
    if ((b->rows != a->rows && b->rows != 1) || (b->cols != a->cols && b->cols != 1))
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "%s: [%d, %d] and [%d, %d]", name, a->rows,
                               a->cols, b->rows, b->cols);
    tensor *y = eqbi_tensor(g, a->rows, a->cols);
    if (!y || !eqbi_record(g, op, y, (tensor *[]){a, b}, 2, NULL, 0)) return NULL;
    return y;
}

#define EACH(r, c, t)                                                                            \
    for (size_t r = 0; r < (size_t)(t)->rows; r++)                                               \
        for (size_t c = 0; c < (size_t)(t)->cols; c++)
#define AT(t, r, c) ((r) * (size_t)(t)->cols + (c))

eqb_tensor *eqb_add(eqb_graph *g, eqb_tensor *a, eqb_tensor *b)
{
    tensor *y = begin(g, OP_add, a, b, "add");
    if (!y) return NULL;
    strides s = strides_of(b);
    EACH(r, c, y) y->x[AT(y, r, c)] = a->x[AT(a, r, c)] + b->x[r * s.row + c * s.col];
    return y;
}

eqb_tensor *eqb_sub(eqb_graph *g, eqb_tensor *a, eqb_tensor *b)
{
    tensor *y = begin(g, OP_sub, a, b, "sub");
    if (!y) return NULL;
    strides s = strides_of(b);
    EACH(r, c, y) y->x[AT(y, r, c)] = a->x[AT(a, r, c)] - b->x[r * s.row + c * s.col];
    return y;
}

eqb_tensor *eqb_mul(eqb_graph *g, eqb_tensor *a, eqb_tensor *b)
{
    tensor *y = begin(g, OP_mul, a, b, "mul");
    if (!y) return NULL;
    strides s = strides_of(b);
    EACH(r, c, y) y->x[AT(y, r, c)] = a->x[AT(a, r, c)] * b->x[r * s.row + c * s.col];
    return y;
}

/* da += dy;  db += sign * dy, summed over what b was repeated for. */
static void add_backward(graph *g, node *n, float sign)
{
    const tensor *y = n->out;
    float *da = eqbi_grad_sum(g, n->in[0]), *db = eqbi_grad_sum(g, n->in[1]);
    strides s = strides_of(n->in[1]);
    if (da) EACH(r, c, y) da[AT(y, r, c)] += y->g[AT(y, r, c)];
    if (db) EACH(r, c, y) db[r * s.row + c * s.col] += sign * y->g[AT(y, r, c)];
}

void eqbi_add_backward(graph *g, node *n)
{
    add_backward(g, n, 1.0f);
}

void eqbi_sub_backward(graph *g, node *n)
{
    add_backward(g, n, -1.0f);
}

void eqbi_mul_backward(graph *g, node *n)
{
    const tensor *y = n->out, *a = n->in[0], *b = n->in[1];
    float *da = eqbi_grad_sum(g, n->in[0]), *db = eqbi_grad_sum(g, n->in[1]);
    strides s = strides_of(b);
    if (da) EACH(r, c, y) da[AT(y, r, c)] += y->g[AT(y, r, c)] * b->x[r * s.row + c * s.col];
    if (db) EACH(r, c, y) db[r * s.row + c * s.col] += y->g[AT(y, r, c)] * a->x[AT(a, r, c)];
}

eqb_tensor *eqb_scale(eqb_graph *g, eqb_tensor *a, float factor)
{
    if (!a) return NULL;
    tensor *y = eqbi_tensor(g, a->rows, a->cols);
    float *saved;
    if (!y || !eqbi_record(g, OP_scale, y, &a, 1, (void **)&saved, sizeof *saved)) return NULL;
    if (saved) *saved = factor;
    for (size_t i = 0; i < eqbi_size(y); i++) y->x[i] = a->x[i] * factor;
    return y;
}

void eqbi_scale_backward(graph *g, node *n)
{
    float factor = *(const float *)n->saved;
    float *da = eqbi_grad_sum(g, n->in[0]);
    for (size_t i = 0; da && i < eqbi_size(n->out); i++) da[i] += factor * n->out->g[i];
}
