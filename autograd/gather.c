/* Rows or columns picked by index, and rows put together. Backward scatters with +=, because an
 * index may occur twice.                                                                          */
#include "autograd/ops.h"

#include <string.h>

typedef struct saved_index {
    int32_t *index;
    int32_t count;
} saved_index;

static bool in_range(graph *g, const int32_t *index, int32_t count, int32_t bound)
{
    if (count < 1) eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "gather: %d indices", count);
    for (int32_t i = 0; i < count; i++)
        if (index[i] < 0 || index[i] >= bound)
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "gather: index %d is %d, expected 0 to %d", i,
                            index[i], bound - 1);
    return g->err.status == EQB_OK;
}

/* Records op with a copy of the indices; false on failure. */
static bool record_index(graph *g, op_code op, tensor *y, tensor *a, const int32_t *index,
                         int32_t count)
{
    saved_index *saved;
    if (!y || !eqbi_record(g, op, y, &a, 1, (void **)&saved, sizeof *saved)) return false;
    if (!saved) return true;
    saved->index = eqbi_scratch(g, (size_t)count, sizeof *saved->index);
    saved->count = count;
    if (saved->index) memcpy(saved->index, index, (size_t)count * sizeof *index);
    return saved->index != NULL;
}

eqb_tensor *eqb_gather_rows(eqb_graph *g, eqb_tensor *a, const int32_t *rows, int32_t count)
{
    if (!a || !in_range(g, rows, count, a->rows)) return NULL;
    tensor *y = eqbi_tensor(g, count, a->cols);
    if (!record_index(g, OP_gather_rows, y, a, rows, count)) return NULL;
    size_t cols = (size_t)a->cols;
    for (int32_t i = 0; i < count; i++)
        memcpy(y->x + (size_t)i * cols, a->x + (size_t)rows[i] * cols, cols * sizeof(float));
    return y;
}

void eqbi_gather_rows_backward(graph *g, node *n)
{
    const saved_index *s = n->saved;
    float *da = eqbi_grad_sum(g, n->in[0]);
    size_t cols = (size_t)n->out->cols;
    for (int32_t i = 0; da && i < s->count; i++)
        for (size_t c = 0; c < cols; c++)
            da[(size_t)s->index[i] * cols + c] += n->out->g[(size_t)i * cols + c];
}

eqb_tensor *eqb_gather_cols(eqb_graph *g, eqb_tensor *a, const int32_t *cols, int32_t count)
{
    if (!a || !in_range(g, cols, count, a->cols)) return NULL;
    tensor *y = eqbi_tensor(g, a->rows, count);
    if (!record_index(g, OP_gather_cols, y, a, cols, count)) return NULL;
    for (int32_t r = 0; r < a->rows; r++)
        for (int32_t i = 0; i < count; i++)
            y->x[(size_t)r * (size_t)count + (size_t)i] =
                a->x[(size_t)r * (size_t)a->cols + (size_t)cols[i]];
    return y;
}

void eqbi_gather_cols_backward(graph *g, node *n)
{
    const saved_index *s = n->saved;
    tensor *a = n->in[0];
    float *da = eqbi_grad_sum(g, a);
    for (int32_t r = 0; da && r < a->rows; r++)
        for (int32_t i = 0; i < s->count; i++)
            da[(size_t)r * (size_t)a->cols + (size_t)s->index[i]] +=
                n->out->g[(size_t)r * (size_t)s->count + (size_t)i];
}

eqb_tensor *eqb_concat_rows(eqb_graph *g, eqb_tensor *a, eqb_tensor *b)
{
    if (!a || !b) return NULL;
    if (a->cols != b->cols || a->rows > INT32_MAX - b->rows)
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "concat_rows: [%d, %d] and [%d, %d]", a->rows,
                               a->cols, b->rows, b->cols);
    tensor *y = eqbi_tensor(g, a->rows + b->rows, a->cols);
    if (!y || !eqbi_record(g, OP_concat_rows, y, (tensor *[]){a, b}, 2, NULL, 0)) return NULL;
    memcpy(y->x, a->x, eqbi_size(a) * sizeof(float));
    memcpy(y->x + eqbi_size(a), b->x, eqbi_size(b) * sizeof(float));
    return y;
}

void eqbi_concat_rows_backward(graph *g, node *n)
{
    const float *dy = n->out->g;
    for (int i = 0; i < 2; i++) {
        tensor *t = n->in[i];
        float *d = eqbi_grad_sum(g, t);
        for (size_t k = 0; d && k < eqbi_size(t); k++) d[k] += dy[k];
        dy += eqbi_size(t);
    }
}
