/* Matrix products: c = op(a) op(b) + beta c, row-major.
 *
 * A product is planned by one thread and then computed by a whole team, inside a parallel region that
 * may hold other work too:
 *
 *     eqbi_plan plan;
 *     if (!eqbi_gemm_plan(g, &product, &plan)) return;
 *     eqbi_team(plan.threads, work, &plan);       work calls eqbi_gemm_run(&plan)                   */
#ifndef EQBI_GEMM_H
#define EQBI_GEMM_H

#include "autograd/tensor.h"

typedef struct eqbi_product {
    bool transpose_a, transpose_b;
    int32_t m, n, k; /* c is [m, n], k the inner dimension     */
    const float *a, *b;
    float *c;
    int32_t lda, ldb, ldc; /* floats from one row to the next        */
    float beta;            /* 0 or 1                                 */
    const float *bias;     /* [n], added to each row; then beta is 0; or NULL */
    /* If not NULL: called for parts of c that are finished, together all of it, each by the thread that
     * has just computed it and so has it in its cache.                                            */
    void (*then)(const void *context, int32_t row, int32_t rows, int32_t column, int32_t columns);
    const void *context;
} eqbi_product;

/* The ways to do it; gemm.c says which is best for which product. */
typedef enum eqbi_way {
    EQBI_WAY_FEW,    /* gemm_few.c: columns are shared out                             */
    EQBI_WAY_MIX,    /* gemm_mix.c: each thread makes a tile of c by itself            */
    EQBI_WAY_KERNEL, /* gemm_kernel.c: threads take blocks of rows or columns          */
    EQBI_WAY_BLAS    /* the same with BLAS                                             */
} eqbi_way;

typedef struct eqbi_plan {
    eqbi_product product;
    eqbi_way way;
    int threads;          /* of the team that runs it, at most             */
    float *scratch;       /* in g->work                                    */
    size_t common, share; /* floats of it for all, then for each thread    */
} eqbi_plan;

/* Scratch memory lasts until eqbi_gemm_begin. False: no memory, the error is kept. */
bool eqbi_gemm_plan(graph *g, const eqbi_product *p, eqbi_plan *plan);
void eqbi_gemm_begin(graph *g);

/* The calling thread's share of the product, or all of it outside of parallel regions. Every thread
 * of a team has to call it; none waits at the end for the others.                                 */
void eqbi_gemm_run(const eqbi_plan *plan);

/* Plans and runs one product in a team of its own. False as above. */
bool eqbi_gemm(graph *g, const eqbi_product *p);

/* All of it in the calling thread, which may be one of many; then is not called. */
void eqbi_gemm_here(const eqbi_product *p);

/* work(context) in each of so many threads. Alone it is a plain call, because a team of one, too, ends
 * with a system call.                                                                             */
void eqbi_team(int threads, void (*work)(const void *context), const void *context);

/* What is added to the product, from row i and column j of c on, and how far its rows are apart. NULL:
 * nothing.                                                                                        */
static inline const float *eqbi_gemm_start(const eqbi_product *p, int32_t i, int32_t j, size_t *ld)
{
    *ld = p->bias ? 0 : (size_t)p->ldc;
    if (p->bias) return p->bias + j;
    return p->beta != 0.0f ? p->c + (size_t)i * *ld + j : NULL;
}

static inline int32_t eqbi_smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

#endif
