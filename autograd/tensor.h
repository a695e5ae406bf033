/* Tensors, the tape and the arena: the whole of reverse-mode differentiation in one header.
 *
 * A tensor is a row-major float matrix. Ops (autograd/ops.h) run at once; while the graph records,
 * each leaves a node on the tape, and eqb_graph_backward walks the tape in reverse. All memory of a
 * step comes from the graph's arena, which eqb_graph_begin resets; parameters live elsewhere
 * (engine/model.h). The first failure is kept in the graph, later ops hand NULL through, and the
 * caller asks once (eqb_graph_status).                                                            */
#ifndef EQBI_TENSOR_H
#define EQBI_TENSOR_H

#include "base/fault.h"
#include "trainer/equibert_train.h" /* declares eqb_graph, eqb_tensor and the general ops */

typedef struct eqb_tensor tensor;
typedef struct eqb_graph graph;

struct eqb_tensor {
    float *x;           /* value [rows, cols], 64-byte aligned                                    */
    float *g;           /* d loss / d x, same shape; NULL until someone writes it; parameters have
                           a fixed place, and has_g says whether something stands there           */
    int32_t rows, cols;
    bool is_param;      /* g is owned by the model, not by the arena                              */
    bool needs_grad;    /* false prunes everything that only leads here                           */
    bool has_g;
};

static inline size_t eqbi_size(const tensor *t)
{
    return (size_t)t->rows * (size_t)t->cols;
}

/* ------------------------------------------------------------------------------------- arena -- */

typedef struct eqbi_chunk eqbi_chunk;
typedef struct eqbi_arena {
    const eqb_allocator *allocator;
    eqbi_chunk *first, *current;
    size_t total; /* bytes of all chunks */
} eqbi_arena;

/* 64-byte aligned, not zeroed, valid until the arena is rewound past it; NULL: no memory. */
void *eqbi_arena_alloc(eqbi_arena *a, size_t count, size_t size);
/* A place to come back to: everything allocated after the mark is given up by the rewind. */
typedef struct eqbi_mark {
    eqbi_chunk *chunk;
    size_t used;
} eqbi_mark;
eqbi_mark eqbi_arena_mark(const eqbi_arena *a);
void eqbi_arena_rewind(eqbi_arena *a, eqbi_mark mark);
void eqbi_arena_reset(eqbi_arena *a);
void eqbi_arena_free(eqbi_arena *a);

/* -------------------------------------------------------------------------------------- tape -- */

/* The op list: enum, backward table, names and the tests' table come from autograd/ops.def. */
typedef enum op_code {
#define OP(name) OP_##name,
#include "autograd/ops.def"
#undef OP
    OP_COUNT
} op_code;

enum { EQBI_MAX_INPUTS = 5 };

typedef struct node {
    op_code op;
    tensor *out;
    tensor *in[EQBI_MAX_INPUTS]; /* unused and optional ones NULL */
    void *saved;                 /* what backward needs, in the arena; each op has its own struct */
    struct node *previous;
} node;

struct eqb_graph {
    eqbi_arena mem;
    eqbi_arena work;  /* scratch of the matrix products of one op */
    node *tape;       /* newest first */
    bool record;      /* leave nodes                                     */
    bool train;       /* dropout on                                      */
    float dropout;    /* instead of an op's own probability; negative: not */
    size_t activation_limit; /* bytes that a model's layers may keep for backward */
    uint64_t seed;    /* dropout: the masks are a function of            */
    uint64_t step;    /*   (seed, step, site, element) and nothing else  */
    uint32_t site;    /* dropout sites met since begin                   */
    struct eqbi_spare *spare; /* dead gradient buffers by exact size     */
    eqb_error err;    /* first failure                                   */
    const eqb_allocator *allocator;
};

/* A new value tensor; NULL (and the error kept) when there is no memory or inputs had failed. */
tensor *eqbi_tensor(graph *g, int32_t rows, int32_t cols);
/* count elements of scratch until eqb_graph_begin. NULL: no memory, error kept. */
void *eqbi_scratch(graph *g, size_t count, size_t size);
/* Remembers the first failure; returns NULL for convenience. */
void *eqbi_graph_fail(graph *g, eqb_status status, const char *format, ...) EQBI_PRINTF(3, 4);

/* Puts a node on the tape if the graph records and one of the inputs needs a gradient; sets
 * out->needs_grad. saved_size bytes of saved data are allocated (zeroed) and returned through
 * *saved when the node was recorded, else *saved is NULL. False: no memory.                       */
bool eqbi_record(graph *g, op_code op, tensor *out, tensor *const *in, int count, void **saved,
                 size_t saved_size);

/* The gradient buffer of t for a writer. First writer stores, later writers add: *beta is 0 or 1.
 * NULL when t needs no gradient or there is no memory (error kept).                               */
float *eqbi_grad(graph *g, tensor *t, float *beta);
/* The same for an op that only adds: the first writer gets zeros. */
float *eqbi_grad_sum(graph *g, tensor *t);
/* Runs the tape in reverse from gradients already seeded, then forgets it. */
eqb_status eqbi_backward(graph *g);

/* One backward per op; the table that calls them is in tape.c. Each reads n->out->g, which it may
 * overwrite, and adds to the gradients of n->in.                                                  */
#define OP(name) void eqbi_##name##_backward(graph *g, node *n);
#include "autograd/ops.def"
#undef OP

#endif
