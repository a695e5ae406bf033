/* The two doors to matrix products, and the three ways behind them.
 *
 * For the shapes in which it beats BLAS: the kernel of gemm_kernel.c, where the processor has AVX2.
 * BLAS: the result is cut into one tile for each thread, and each thread makes a call for its own
 * tile, which an OpenMP build of OpenBLAS then runs in that thread alone. OpenBLAS's own threads
 * share packed blocks and wait for each other at each of them.
 * Few rows times W^T, on other processors and inside of parallel loops: BLAS would copy all of W into
 * its own order to use it a dozen times. A loop reads W once as it lies in memory, four of its rows
 * against three of x, and asks for the next four in the meantime.                                */
#include "autograd/gemm_kernel.h"
#include "autograd/ops.h"
#include "autograd/vector_math.h"

#include <cblas.h>
#include <omp.h>

enum {
    PARALLEL_MIN = 1 << 20, /* multiply-adds: below it a second thread is not worth waking   */
    TILE = 16,              /* cuts lie at multiples of it: BLAS's kernels have such widths  */
    FEW = 32,               /* rows up to which reading W as it lies beats copying it        */
    SHARE = 64,             /* rows of W a thread takes at a time                            */
    LINE = 16               /* floats in a cache line                                        */
};

/* -------------------------------------------------------------------------------- few rows -- */

/* c[., from..to) = a b^T + beta c; c is [m, n], a [m, k], b [n, k]. Where fewer than three or four
 * rows are left, the last one stands in for the missing ones and its results are dropped.        */
EQBI_KERNEL static void few_rows(int32_t m, int32_t n, int32_t k, int32_t from, int32_t to,
                                 const float *a, int32_t lda, const float *b, int32_t ldb,
                                 float beta, float *c, int32_t ldc)
{
    const size_t step = (size_t)ldb, all = (size_t)n * step;
    const int32_t lines = 4 * k / LINE / ((m + 2) / 3) + 1; /* of b to ask for at each i */
    for (int32_t j = from; j < to; j += 4) {
        const float *y0 = b + (size_t)j * step;
        const float *y1 = b + (size_t)(j + 1 < to ? j + 1 : to - 1) * step;
        const float *y2 = b + (size_t)(j + 2 < to ? j + 2 : to - 1) * step;
        const float *y3 = b + (size_t)(j + 3 < to ? j + 3 : to - 1) * step;
        size_t next = (size_t)(j + 4) * step;
        for (int32_t i = 0; i < m; i += 3) {
            for (int32_t line = 0; line < lines && next < all; line++, next += LINE)
                __builtin_prefetch(b + next);
            const float *x0 = a + (size_t)i * (size_t)lda;
            const float *x1 = a + (size_t)(i + 1 < m ? i + 1 : m - 1) * (size_t)lda;
            const float *x2 = a + (size_t)(i + 2 < m ? i + 2 : m - 1) * (size_t)lda;
            float s00 = 0.0f, s01 = 0.0f, s02 = 0.0f, s03 = 0.0f, s10 = 0.0f, s11 = 0.0f;
            float s12 = 0.0f, s13 = 0.0f, s20 = 0.0f, s21 = 0.0f, s22 = 0.0f, s23 = 0.0f;
#pragma omp simd reduction(+ : s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23)
            for (int32_t t = 0; t < k; t++) {
                float p = x0[t], q = x1[t], r = x2[t];
                s00 += p * y0[t], s01 += p * y1[t], s02 += p * y2[t], s03 += p * y3[t];
                s10 += q * y0[t], s11 += q * y1[t], s12 += q * y2[t], s13 += q * y3[t];
                s20 += r * y0[t], s21 += r * y1[t], s22 += r * y2[t], s23 += r * y3[t];
            }
            const float s[3][4] = {
                {s00, s01, s02, s03}, {s10, s11, s12, s13}, {s20, s21, s22, s23}};
            for (int32_t u = 0; u < 3 && i + u < m; u++) {
                float *out = c + (size_t)(i + u) * (size_t)ldc + j;
                for (int32_t v = 0; v < 4 && j + v < to; v++)
                    out[v] = s[u][v] + (beta != 0.0f ? out[v] : 0.0f);
            }
        }
    }
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
    return p->m <= FEW && !p->transpose_a && p->transpose_b;
}

void eqbi_gemm_here(bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k,
                    const float *a, int32_t lda, const float *b, int32_t ldb, float beta, float *c,
                    int32_t ldc)
{
    eqbi_product p = {transpose_a, transpose_b, m, n, k, a, b, c, lda, ldb, ldc, beta};
    if (m == 0) return; /* a sequence without queries */
    if (few(&p))
        few_rows(m, n, k, 0, n, a, lda, b, ldb, beta, c, ldc);
    else
        blas_alone(&p);
}

/* As measured on Zen 3 against the tiles of BLAS: few rows times W^T take 0.61 of its time, the
 * gradient of a vocabulary 0.65, x W^T 0.87 to 1.0, dz^T x 0.96 (1.1 with few columns), dz W 0.98 to
 * 1.04 in one thread, less in several, but 1.2 with few rows.                                      */
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
    if (kernel_is_faster(&p)) {
        size_t bytes = eqbi_gemm_kernel_scratch(&p, threads);
        eqbi_arena_reset(&g->work);
        float *scratch = eqbi_arena_alloc(&g->work, bytes, 1);
        if (!scratch) {
            eqbi_graph_fail(g, EQB_ERR_NOMEM, "no memory for %zu bytes of a product", bytes);
            return false;
        }
        eqbi_gemm_kernel(&p, scratch, threads);
    } else if (few(&p)) {
#pragma omp parallel for schedule(static) if (threads > 1)
        for (int32_t j = 0; j < n; j += SHARE)
            few_rows(m, n, k, j, j + SHARE < n ? j + SHARE : n, a, lda, b, ldb, beta, c, ldc);
    } else {
        if (threads > 1 && calls_stay_in_their_thread())
            blas(&p, threads);
        else
            blas_alone(&p);
    }
    return true;
}
