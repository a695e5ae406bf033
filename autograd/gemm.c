/* Matrix products: which of the ways a product goes, and how it is shared out.
 *
 * Few rows times W^T: gemm_few.c, each thread a part of W's rows. Few rows times W: gemm_mix.c, each
 * thread a tile of C. Other shapes: gemm_kernel.c, where the processor has AVX2 and it beats BLAS.
 * BLAS: tiles of C, too; an OpenMP build of OpenBLAS runs each call in the thread that makes it.
 * OpenBLAS's own threads share packed blocks and wait for each other at each of them.              */
#include "autograd/gemm.h"
#include "autograd/gemm_few.h"
#include "autograd/gemm_kernel.h"
#include "autograd/gemm_mix.h"

#include <cblas.h>
#include <omp.h>
#include <string.h>

enum {
    PARALLEL_MIN = 1 << 20, /* multiply-adds: below it a second thread is not worth waking   */
    TILE = 16,              /* cuts lie at multiples of it: kernels have such widths         */
    SHARE = 48,             /* rows of W a thread takes at a time                            */
    ON_STACK = 1 << 13      /* floats of few rows that are packed there                      */
};

/* ----------------------------------------------------------------------------------- tiles -- */

/* Where part i of parts begins in 0 .. n. */
static int32_t cut(int32_t n, int32_t parts, int32_t i)
{
    return i == parts ? n : (int32_t)((int64_t)(n / TILE) * i / parts) * TILE;
}

/* Rows of the grid of tiles whose tiles have the shortest sides: that is what each of them packs. */
static int32_t grid_rows(int32_t m, int32_t n, int32_t tiles)
{
    int32_t best = 1;
    for (int32_t rows = 2; rows <= tiles; rows++)
        if (tiles % rows == 0 && m / rows + n / (tiles / rows) < m / best + n / (tiles / best))
            best = rows;
    return best;
}

/* Tile i of tiles as a product of its own, maybe with no rows or columns; *row and *column: where it
 * begins.                                                                                         */
static eqbi_product tile_of(const eqbi_product *p, int32_t tiles, int32_t i, int32_t *row,
                            int32_t *column)
{
    int32_t rows = grid_rows(p->m, p->n, tiles), columns = tiles / rows;
    *row = cut(p->m, rows, i / columns);
    *column = cut(p->n, columns, i % columns);
    eqbi_product t = *p;
    t.m = cut(p->m, rows, i / columns + 1) - *row;
    t.n = cut(p->n, columns, i % columns + 1) - *column;
    t.a += (size_t)*row * (p->transpose_a ? 1 : (size_t)p->lda);
    t.b += (size_t)*column * (p->transpose_b ? (size_t)p->ldb : 1);
    t.c += (size_t)*row * (size_t)p->ldc + (size_t)*column;
    if (p->bias) t.bias += *column;
    return t;
}

/* ------------------------------------------------------------------------------------ BLAS -- */

/* Whether calls from several threads at once run side by side, each in its own thread. */
static bool calls_stay_in_their_thread(void)
{
#ifdef OPENBLAS_OPENMP
    return openblas_get_parallel() == OPENBLAS_OPENMP;
#else
    return false;
#endif
}

static void blas(const eqbi_product *p)
{
    for (int32_t i = 0; p->bias && i < p->m; i++)
        memcpy(p->c + (size_t)i * (size_t)p->ldc, p->bias, (size_t)p->n * sizeof *p->c);
    cblas_sgemm(CblasRowMajor, p->transpose_a ? CblasTrans : CblasNoTrans,
                p->transpose_b ? CblasTrans : CblasNoTrans, p->m, p->n, p->k, 1.0f, p->a, p->lda,
                p->b, p->ldb, p->bias ? 1.0f : p->beta, p->c, p->ldc);
}

/* In the calling thread alone. Outside of parallel regions, and inside those that have one thread only,
 * OpenBLAS would make a team of its own, in the latter even new threads each time; it asks how many
 * it may have, and that is a setting of the calling thread.                                       */
static void blas_here(const eqbi_product *p)
{
    if (omp_in_parallel()) {
        blas(p);
        return;
    }
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    blas(p);
    omp_set_num_threads(threads);
}

/* ------------------------------------------------------------------------------------ plans -- */

static bool few(const eqbi_product *p)
{
    return p->m <= EQBI_FEW && !p->transpose_a && p->transpose_b;
}

static bool mixes(const eqbi_product *p)
{
    return p->m <= EQBI_MIX_ROWS && !p->transpose_b;
}

/* As measured on Zen 3: tiles take 0.85 to 1.0 of the time of BLAS's tiles, the gradient of a
 * vocabulary 0.7.                                                                                 */
static bool kernel_is_faster(const eqbi_product *p)
{
    return !(p->transpose_a && p->transpose_b) && eqbi_gemm_kernel_usable();
}

static eqbi_way way_of(const eqbi_product *p)
{
    if (few(p)) return EQBI_WAY_FEW;
    if (mixes(p)) return EQBI_WAY_MIX;
    return kernel_is_faster(p) ? EQBI_WAY_KERNEL : EQBI_WAY_BLAS;
}

void eqbi_gemm_begin(graph *g)
{
    eqbi_arena_reset(&g->work);
}

bool eqbi_gemm_plan(graph *g, const eqbi_product *p, eqbi_plan *plan)
{
    bool parallel = (int64_t)p->m * p->n * p->k >= PARALLEL_MIN && !omp_in_parallel();
    int threads = parallel ? omp_get_max_threads() : 1;
    *plan = (eqbi_plan){.product = *p, .way = way_of(p), .threads = threads};
    switch (plan->way) {
    case EQBI_WAY_FEW: plan->common = eqbi_few_size(p); break;
    case EQBI_WAY_KERNEL:
        eqbi_gemm_kernel_scratch(p, threads, &plan->common, &plan->share);
        break;
    case EQBI_WAY_MIX: return true; /* needs none */
    case EQBI_WAY_BLAS:
        if (!calls_stay_in_their_thread()) plan->threads = 1;
        return true;
    }
    size_t count = plan->common + (size_t)threads * plan->share;
    plan->scratch = eqbi_arena_alloc(&g->work, count, sizeof *plan->scratch);
    if (!plan->scratch)
        eqbi_graph_fail(g, EQB_ERR_NOMEM, "no memory for %zu floats of a product", count);
    return plan->scratch != NULL;
}

static void run_few(const eqbi_product *p, float *x)
{
#pragma omp single
    eqbi_few_pack(x, p);
#pragma omp for schedule(static) nowait
    for (int32_t j = 0; j < p->n; j += SHARE) {
        int32_t end = j + SHARE < p->n ? j + SHARE : p->n;
        eqbi_few_multiply(x, p, j, end);
        if (p->then) p->then(p->context, 0, p->m, j, end - j);
    }
}

static void run_tiles(const eqbi_plan *plan)
{
    const eqbi_product *p = &plan->product;
#pragma omp for schedule(static) nowait
    for (int32_t i = 0; i < plan->threads; i++) {
        int32_t row, column;
        eqbi_product t = tile_of(p, plan->threads, i, &row, &column);
        if (t.m == 0 || t.n == 0) continue;
        if (plan->way == EQBI_WAY_MIX) {
            eqbi_mix(&t);
        } else {
            blas_here(&t);
        }
        if (p->then) p->then(p->context, row, t.m, column, t.n);
    }
}

void eqbi_gemm_run(const eqbi_plan *plan)
{
    const eqbi_product *p = &plan->product;
    switch (plan->way) {
    case EQBI_WAY_FEW: run_few(p, plan->scratch); break;
    case EQBI_WAY_KERNEL: {
        float *share = plan->scratch + plan->common + (size_t)omp_get_thread_num() * plan->share;
        eqbi_gemm_kernel_team(p, plan->threads, plan->scratch, share);
        break;
    }
    case EQBI_WAY_MIX:
    case EQBI_WAY_BLAS: run_tiles(plan); break;
    }
}

/* ------------------------------------------------------------------------------------ doors -- */

void eqbi_team(int threads, void (*work)(const void *context), const void *context)
{
    if (threads == 1 && omp_get_level() == 0) {
        work(context);
        return;
    }
#pragma omp parallel num_threads(threads)
    work(context);
}

static void run(const void *plan)
{
    eqbi_gemm_run(plan);
}

bool eqbi_gemm(graph *g, const eqbi_product *p)
{
    eqbi_plan plan;
    eqbi_gemm_begin(g);
    if (!eqbi_gemm_plan(g, p, &plan)) return false;
    eqbi_team(plan.threads, run, &plan);
    return true;
}

void eqbi_gemm_here(const eqbi_product *p)
{
    if (p->m == 0) return; /* a sequence without queries */
    if (few(p) && eqbi_few_size(p) <= ON_STACK) {
        _Alignas(64) float x[ON_STACK];
        eqbi_few_pack(x, p);
        eqbi_few_multiply(x, p, 0, p->n);
    } else if (mixes(p)) {
        eqbi_mix(p);
    } else {
        blas_here(p);
    }
}
