/* The tape: recording, gradient buffers, and the reverse sweep.
 *
 * A node's output gradient is dead once its backward has run, because every reader of the output
 * stands later on the tape and has already added its share. Dead buffers are kept in a list and
 * handed out again by exact size, so the memory of backward does not grow with depth.             */
#include "autograd/tensor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct eqbi_spare {
    float *buffer;
    size_t size; /* floats */
    struct eqbi_spare *next;
} spare;

static void (*const backward_of[OP_COUNT])(graph *, node *) = {
#define OP(name) eqbi_##name##_backward,
#include "autograd/ops.def"
#undef OP
};

eqb_status eqb_graph_new(eqb_graph **out, const eqb_allocator *allocator, eqb_error *err)
{
    graph *g = eqbi_calloc(allocator, 1, sizeof *g);
    *out = g;
    if (!g) return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a graph");
    g->allocator = g->mem.allocator = g->work.allocator = allocator;
    g->dropout = -1.0f;
    g->activation_limit = EQB_ACTIVATION_LIMIT;
    return EQB_OK;
}

void eqb_graph_free(eqb_graph *g)
{
    if (!g) return;
    eqbi_arena_free(&g->mem);
    eqbi_arena_free(&g->work);
    eqbi_free(g->allocator, g, 1, sizeof *g);
}

void eqb_graph_begin(eqb_graph *g, eqb_mode mode, uint64_t seed, uint64_t step)
{
    eqbi_arena_reset(&g->mem);
    g->tape = NULL;
    g->spare = NULL;
    g->record = mode != EQB_MODE_INFER;
    g->train = mode == EQB_MODE_TRAIN;
    g->seed = seed;
    g->step = step;
    g->site = 0;
    g->err = (eqb_error){.status = EQB_OK};
}

void eqb_graph_set_dropout(eqb_graph *g, float p)
{
    g->dropout = p;
}

void eqb_graph_set_activation_limit(eqb_graph *g, size_t bytes)
{
    g->activation_limit = bytes;
}

eqb_status eqb_graph_status(const eqb_graph *g, eqb_error *err)
{
    if (g->err.status != EQB_OK && err) *err = g->err;
    return g->err.status;
}

void *eqbi_graph_fail(graph *g, eqb_status status, const char *format, ...)
{
    if (g->err.status != EQB_OK) return NULL;
    va_list args;
    va_start(args, format);
    vsnprintf(g->err.message, sizeof g->err.message, format, args);
    va_end(args);
    g->err.status = status;
    return NULL;
}

void *eqbi_scratch(graph *g, size_t count, size_t size)
{
    void *p = eqbi_arena_alloc(&g->mem, count, size);
    return p ? p : eqbi_graph_fail(g, EQB_ERR_NOMEM, "no memory for %zu x %zu bytes", count, size);
}

tensor *eqbi_tensor(graph *g, int32_t rows, int32_t cols)
{
    if (g->err.status != EQB_OK) return NULL;
    tensor *t = eqbi_scratch(g, 1, sizeof *t);
    if (!t) return NULL;
    *t = (tensor){.rows = rows, .cols = cols};
    t->x = eqbi_scratch(g, eqbi_size(t), sizeof(float));
    return t->x ? t : NULL;
}

bool eqbi_record(graph *g, op_code op, tensor *out, tensor *const *in, int count, void **saved,
                 size_t saved_size)
{
    if (saved) *saved = NULL;
    bool needed = false;
    for (int i = 0; i < count; i++) needed = needed || (in[i] && in[i]->needs_grad);
    out->needs_grad = needed;
    if (!g->record || !needed) return true;
    node *n = eqbi_scratch(g, 1, sizeof *n);
    void *kept = n && saved ? eqbi_scratch(g, 1, saved_size) : NULL;
    if (!n || (saved && !kept)) return false;
    *n = (node){.op = op, .out = out, .saved = kept, .previous = g->tape};
    for (int i = 0; i < count; i++) n->in[i] = in[i];
    if (saved) {
        memset(kept, 0, saved_size);
        *saved = kept;
    }
    g->tape = n;
    return true;
}

float *eqbi_grad(graph *g, tensor *t, float *beta)
{
    *beta = 0.0f;
    if (!t || !t->needs_grad || g->err.status != EQB_OK) return NULL;
    if (t->has_g) {
        *beta = 1.0f;
        return t->g;
    }
    if (!t->is_param) {
        size_t size = eqbi_size(t);
        for (spare **s = &g->spare; *s && !t->g; s = &(*s)->next) {
            if ((*s)->size != size) continue;
            t->g = (*s)->buffer;
            *s = (*s)->next;
            break;
        }
        if (!t->g) t->g = eqbi_scratch(g, size, sizeof(float));
    }
    if (!t->g)
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT,
                               "eqb_model_gradients has not been called for this model");
    t->has_g = true;
    return t->g;
}

float *eqbi_grad_sum(graph *g, tensor *t)
{
    float beta;
    float *d = eqbi_grad(g, t, &beta);
    if (d && beta == 0.0f) memset(d, 0, eqbi_size(t) * sizeof *d);
    return d;
}

/* Makes the gradient of a value that nobody will ask for again available to others. */
static void recycle(graph *g, tensor *t)
{
    spare *s = eqbi_scratch(g, 1, sizeof *s);
    if (!s) return;
    *s = (spare){t->g, eqbi_size(t), g->spare};
    g->spare = s;
    t->g = NULL;
    t->has_g = false;
}

eqb_status eqbi_backward(graph *g)
{
    for (node *n = g->tape; n && g->err.status == EQB_OK; n = n->previous) {
        if (!n->out->has_g) continue; /* no loss depends on it */
        backward_of[n->op](g, n);
        recycle(g, n->out);
    }
    g->tape = NULL;
    return g->err.status;
}

eqb_status eqb_graph_backward(eqb_graph *g, eqb_tensor *loss, float scale, eqb_error *err)
{
    if (loss && eqbi_size(loss) != 1)
        eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "backward: the loss is [%d, %d], expected [1, 1]",
                        loss->rows, loss->cols);
    float beta;
    float *dx = loss ? eqbi_grad(g, loss, &beta) : NULL;
    if (dx) dx[0] = (beta != 0.0f ? dx[0] : 0.0f) + scale;
    eqbi_backward(g);
    return eqb_graph_status(g, err);
}

static tensor *leaf(graph *g, int32_t rows, int32_t cols, const float *data, bool needs_grad)
{
    if (rows < 1 || cols < 1)
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "a tensor of %d x %d", rows, cols);
    tensor *t = eqbi_tensor(g, rows, cols);
    if (!t) return NULL;
    memcpy(t->x, data, eqbi_size(t) * sizeof(float));
    t->needs_grad = needs_grad;
    return t;
}

eqb_tensor *eqb_constant(eqb_graph *g, int32_t rows, int32_t cols, const float *data)
{
    return leaf(g, rows, cols, data, false);
}

eqb_tensor *eqb_variable(eqb_graph *g, int32_t rows, int32_t cols, const float *data)
{
    return leaf(g, rows, cols, data, true);
}

int32_t eqb_rows(const eqb_tensor *t)
{
    return t->rows;
}

int32_t eqb_cols(const eqb_tensor *t)
{
    return t->cols;
}

const float *eqb_data(const eqb_tensor *t)
{
    return t->x;
}

const float *eqb_gradient(const eqb_tensor *t)
{
    return t->has_g ? t->g : NULL;
}
