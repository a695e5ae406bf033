/* The two doors to matrix products, and the three ways behind them.
 *
 * Few rows times W^T: gemm_few.c.
 * Other shapes in which it beats BLAS: the kernel of gemm_kernel.c, where the processor has AVX2.
 * BLAS: the result is cut into one tile for each thread, and each thread makes a call for its own
 * tile, which an OpenMP build of OpenBLAS then runs in that thread alone. OpenBLAS's own threads
 * share packed blocks and wait for each other at each of them. */
#include "autograd/gemm_few.h"
#include "autograd/gemm_kernel.h"
#include "autograd/ops.h"

#include <cblas.h>
#include <omp.h>

enum {
    PARALLEL_MIN = 1 << 20, /* multiply-adds: below it a second thread is not worth waking   */
    TILE = 16,              /* cuts lie at multiples of it: BLAS's kernels have such widths  */
    SHARE = 48,             /* rows of W a thread takes at a time                            */
    ON_STACK = 1 << 13      /* floats of few rows that are packed there                      */
};

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

/* Where part i of parts begins in 0 .. n. */
static int32_t cut(int32_t n, int32_t parts, int32_t i)
{
    return i == parts ? n : (int32_t)((int64_t)(n / TILE) * i / parts) * TILE;
}

/* Rows of the grid of tiles whose tiles have the shortest sides: that is what each call packs. */
static int32_t grid_rows(int32_t m, int32_t n, int32_t tiles)
{
    int32_t best = 1;
    for (int32_t rows = 2; rows <= tiles; rows++)
        if (tiles % rows == 0 && m / rows + n / (tiles / rows) < m / best + n / (tiles / best))
            best = rows;
    return best;
}

static void blas_tile(const eqbi_product *p, int32_t row, int32_t end, int32_t column, int32_t last)
{
    if (row == end || column == last) return;
    cblas_sgemm(CblasRowMajor, p->transpose_a ? CblasTrans : CblasNoTrans,
                p->transpose_b ? CblasTrans : CblasNoTrans, end - row, last - column, p->k, 1.0f,
                p->a + (size_t)row * (p->transpose_a ? 1 : (size_t)p->lda), p->lda,
                p->b + (size_t)column * (p->transpose_b ? (size_t)p->ldb : 1), p->ldb, p->beta,
                p->c + (size_t)row * (size_t)p->ldc + column, p->ldc);
}

/* The whole product in the calling thread. Outside of parallel regions, and inside those that have
 * one thread only, OpenBLAS would make a team of its own, in the latter even new threads each time;
 * it asks how many it may have, and that is a setting of the calling thread.                      */
static void blas_alone(const eqbi_product *p)
{
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    blas_tile(p, 0, p->m, 0, p->n);
    omp_set_num_threads(threads);
}

static void blas(const eqbi_product *p, int32_t tiles)
{
    int32_t rows = grid_rows(p->m, p->n, tiles), columns = tiles / rows;
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < tiles; i++)
        blas_tile(p, cut(p->m, rows, i / columns), cut(p->m, rows, i / columns + 1),
                  cut(p->n, columns, i % columns), cut(p->n, columns, i % columns + 1));
}

/* ------------------------------------------------------------------------------------ doors -- */

static bool few(const eqbi_product *p)
{
    return p->m <= EQBI_FEW && !p->transpose_a && p->transpose_b;
}

/* x, packed, has room for the rows of a. */
static void few_rows(const eqbi_product *p, float *x, int threads)
{
    eqbi_few_pack(x, p->a, p->lda, p->m, p->k);
#pragma omp parallel for schedule(static) if (threads > 1)
    for (int32_t j = 0; j < p->n; j += SHARE)
        eqbi_few_multiply(x, p->m, p->k, p->b, p->ldb, p->n, j, j + SHARE < p->n ? j + SHARE : p->n,
                          p->beta, p->c, p->ldc);
}

void eqbi_gemm_here(bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k,
                    const float *a, int32_t lda, const float *b, int32_t ldb, float beta, float *c,
                    int32_t ldc)
{
    eqbi_product p = {transpose_a, transpose_b, m, n, k, a, b, c, lda, ldb, ldc, beta};
    if (m == 0) return; /* a sequence without queries */
    if (few(&p) && eqbi_few_size(m, k) <= ON_STACK) {
        _Alignas(64) float x[ON_STACK];
        few_rows(&p, x, 1);
    } else {
        blas_alone(&p);
    }
}

/* As measured on Zen 3 against the tiles of BLAS: the gradient of a vocabulary takes 0.65 of its time,
 * x W^T 0.87 to 1.0, dz^T x 0.96 (1.1 with few columns), dz W 0.98 to 1.04 in one thread, less in
 * several, but 1.2 with few rows.                                                                 */
static bool kernel_is_faster(const eqbi_product *p)
{
    enum { MANY_COLUMNS = 512, MANY_ROWS = 64 };
    bool shape = p->transpose_a   ? !p->transpose_b && p->n >= MANY_COLUMNS
                 : p->transpose_b ? true
                                  : p->m >= MANY_ROWS;
    return shape && eqbi_gemm_kernel_usable();
}

bool eqbi_gemm(graph *g, bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k,
               const float *a, int32_t lda, const float *b, int32_t ldb, float beta, float *c,
               int32_t ldc)
{
    eqbi_product p = {transpose_a, transpose_b, m, n, k, a, b, c, lda, ldb, ldc, beta};
    bool parallel = (int64_t)m * n * k >= PARALLEL_MIN && !omp_in_parallel();
    int threads = parallel ? omp_get_max_threads() : 1;
    bool is_few = few(&p), by_kernel = !is_few && kernel_is_faster(&p);
    if (is_few || by_kernel) {
        size_t bytes = is_few ? eqbi_few_size(m, k) * sizeof(float)
                              : eqbi_gemm_kernel_scratch(&p, threads);
        eqbi_arena_reset(&g->work);
        float *scratch = eqbi_arena_alloc(&g->work, bytes, 1);
        if (!scratch) {
            eqbi_graph_fail(g, EQB_ERR_NOMEM, "no memory for %zu bytes of a product", bytes);
            return false;
        }
        if (is_few)
            few_rows(&p, scratch, threads);
        else
            eqbi_gemm_kernel(&p, scratch, threads);
    } else if (threads > 1 && calls_stay_in_their_thread()) {
        blas(&p, threads);
    } else {
        blas_alone(&p);
    }
    return true;
}
