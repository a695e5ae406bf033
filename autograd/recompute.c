/* A part of a network whose values are not kept for backward but computed once more there (Chen, Xu,
 * Zhang, Guestrin 2016, "Training deep nets with sublinear memory cost"). The second time draws the
 * same dropout masks, which are functions of the place in the graph, so the gradients are the same to
 * the bit.                                                                                         */
#include "autograd/ops.h"

#include <string.h>

typedef struct saved {
    eqbi_part_fn part;
    const void *context;
    tensor *x;
    uint32_t site; /* dropout sites before the part */
} saved;

tensor *eqbi_recompute(graph *g, tensor *x, eqbi_part_fn part, const void *context)
{
    if (!x) return NULL;
    if (!g->record) return part(g, x, context);
    tensor *y = eqbi_tensor(g, x->rows, x->cols);
    /* Stands for x on the tape, and says whether anything inside the part needs a gradient. */
    tensor *inside = eqbi_scratch(g, 1, sizeof *inside);
    if (!y || !inside) return NULL;
    uint32_t site = g->site;
    eqbi_mark mark = eqbi_arena_mark(&g->mem);
    g->record = false;
    tensor *result = part(g, x, context);
    g->record = true;
    if (!result) return NULL;
    *inside = *x;
    inside->needs_grad = result->needs_grad;
    memcpy(y->x, result->x, eqbi_size(y) * sizeof(float));
    eqbi_arena_rewind(&g->mem, mark);
    saved *s;
    if (!eqbi_record(g, OP_recompute, y, &inside, 1, (void **)&s, sizeof *s)) return NULL;
    if (s) *s = (saved){part, context, x, site};
    return y;
}

void eqbi_recompute_backward(graph *g, node *n)
{
    const saved *s = n->saved;
    float beta;
    tensor x = *s->x; /* where the tape of the part ends */
    x.g = eqbi_grad(g, s->x, &beta);
    x.has_g = beta != 0.0f;
    node *tape = g->tape;
    struct eqbi_spare *spare = g->spare;
    uint32_t site = g->site;
    eqbi_mark mark = eqbi_arena_mark(&g->mem);
    g->tape = NULL;
    g->spare = NULL; /* what is there now outlives what is about to be put there */
    g->site = s->site;
    tensor *y = s->part(g, &x, s->context);
    if (y) {
        y->g = n->out->g;
        y->has_g = true;
        eqbi_backward(g);
    }
    eqbi_arena_rewind(&g->mem, mark);
    g->tape = tape;
    g->spare = spare;
    g->site = site;
}
