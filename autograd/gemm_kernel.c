/* C = op(A) op(B) with AVX2 and FMA, after Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication", 2008.
 *
 * A tile of C, 6 rows by 16 columns, stays in twelve registers while its inner dimension goes by: each
 * turn broadcasts six numbers of A and multiplies them into two registers of B. What a turn needs
 * lies side by side: A is copied ("packed") into groups of 6 rows, B into panels of 16 columns, both
 * [inner][width], transposing where the operand needs it. A block of A fits the second-level cache, a
 * panel of B the first.                                                                            */
#include "autograd/gemm_kernel.h"
#include "autograd/vectors.h"

#ifdef EQBI_GEMM_KERNEL

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX2_INLINE static inline __attribute__((always_inline)) AVX2

enum {
    ROWS = 6,         /* of a tile; ROWS * COLUMNS / LANES accumulators of 16 registers */
    COLUMNS = 16,
    BLOCK_K = 256,    /* a panel of B, 16 KiB, is half of a first-level cache           */
    BLOCK_M = 264,    /* a block of A, 264 KiB, is half of a second-level cache         */
    BLOCK_N = 192,    /* columns a thread takes at a time, when there are enough        */
    TURNS = 2,        /* each thread has in a product, if all are equally fast          */
    SHARED_MIN = 256, /* a product with longer sides is a large one                     */
    LINE = 16,        /* floats of a cache line                                         */
    AHEAD = 8,        /* rows that are fetched before they are packed                   */
    PAD = 16          /* floats between groups: keeps them off the same cache sets      */
};

bool eqbi_gemm_kernel_usable(void)
{
    __builtin_cpu_init();
    /* With AVX-512 BLAS has wider kernels; Zen 4 runs those at the speed of AVX2. */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           (!__builtin_cpu_supports("avx512f") || __builtin_cpu_is("amdfam19h"));
}

/* ------------------------------------------------------------------------------------- a tile -- */

/* tile = sum over t of a[t] b[t]. */
AVX2_INLINE void multiply(v8 tile[ROWS][2], int32_t k, const float *a, const float *b)
{
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) tile[i][0] = tile[i][1] = (v8){0};
    for (int32_t t = 0; t < k; t++) {
        v8 b0 = *(const v8 *)b, b1 = *(const v8 *)(b + LANES);
#pragma GCC unroll 6
        for (int i = 0; i < ROWS; i++) {
            float x = a[i];
            v8 y = {x, x, x, x, x, x, x, x};
            tile[i][0] += y * b0;
            tile[i][1] += y * b1;
        }
        a += ROWS;
        b += COLUMNS;
    }
}

/* Stores a whole tile plus start, if that is not NULL; it may be c. */
AVX2_INLINE void store(v8 tile[ROWS][2], float *c, size_t ldc, const float *start, size_t ld)
{
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; i++) {
        v8_anywhere *p = (v8_anywhere *)(c + (size_t)i * ldc);
        if (start) {
            const v8_anywhere *s = (const v8_anywhere *)(start + (size_t)i * ld);
            tile[i][0] += s[0];
            tile[i][1] += s[1];
        }
        p[0] = tile[i][0];
        p[1] = tile[i][1];
    }
}

/* The part of a tile that is there, picked from a copy: so the tile itself need not lie in memory. */
AVX2_INLINE void store_part(v8 tile[ROWS][2], float *c, size_t ldc, const float *start, size_t ld,
                            int32_t rows, int32_t columns)
{
    float part[ROWS][COLUMNS];
    store(tile, part[0], COLUMNS, NULL, 0);
    for (int32_t i = 0; i < rows && i < ROWS; i++)
        for (int32_t j = 0; j < columns && j < COLUMNS; j++) {
            float x = part[i][j];
            c[(size_t)i * ldc + (size_t)j] = start ? start[(size_t)i * ld + (size_t)j] + x : x;
        }
}

/* ------------------------------------------------------------------------------------ packing -- */

/* Floats of one packed group of width rows or columns. */
static size_t group_size(int32_t k, int32_t width)
{
    return (size_t)k * (size_t)width + PAD;
}

/* to[t][i] = from[i][t] for eight i and eight t. */
AVX2_INLINE void transpose(float *to, size_t width, const float *const from[LANES])
{
    v8 r[LANES], s[LANES];
#pragma GCC unroll 8
    for (int i = 0; i < LANES; i++) r[i] = *(const v8_anywhere *)from[i];
#pragma GCC unroll 4
    for (int i = 0; i < LANES; i += 2) {
        s[i] = EQBI_PICK(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        s[i + 1] = EQBI_PICK(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
#pragma GCC unroll 2
    for (int i = 0; i < LANES; i += 4) {
        r[i] = EQBI_PICK(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 1] = EQBI_PICK(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        r[i + 2] = EQBI_PICK(s[i + 1], s[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 3] = EQBI_PICK(s[i + 1], s[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        *(v8_anywhere *)(to + i * width) = EQBI_PICK(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        *(v8_anywhere *)(to + (i + 4) * width) = EQBI_PICK(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
}

/* count rows of x, [count, k], as groups [k][width]; meanwhile the next group is fetched, whose rows no
 * processor guesses. Past the end the last row stands in. With a width of 6 each store of eight
 * spills into its successor's place, which is written next.                                       */
AVX2_INLINE void pack_rows(float *to, int32_t width, const float *x, size_t ld, int32_t count,
                           int32_t k)
{
    for (int32_t i = 0; i < count; i += width, to += group_size(k, width)) {
        int32_t t = 0;
        for (; t + LANES <= k; t += LANES) {
            for (int32_t q = 0; t % LINE == 0 && q < width; q++)
                __builtin_prefetch(x + (size_t)eqbi_smaller(i + width + q, count - 1) * ld + t);
            for (int32_t part = 0; part < width; part += LANES) {
                const float *row[LANES];
                for (int32_t q = 0; q < LANES; q++)
                    row[q] = x + (size_t)eqbi_smaller(i + part + q, count - 1) * ld + t;
                transpose(to + (size_t)t * (size_t)width + part, (size_t)width, row);
            }
        }
        for (; t < k; t++)
            for (int32_t q = 0; q < width; q++)
                to[(size_t)t * (size_t)width + (size_t)q] =
                    x[(size_t)eqbi_smaller(i + q, count - 1) * ld + (size_t)t];
    }
}

/* count columns of x, [k, count], as groups [k][width]. */
AVX2_INLINE void pack_columns(float *to, int32_t width, const float *x, size_t ld, int32_t count,
                              int32_t k)
{
    size_t group = group_size(k, width);
    for (int32_t t = 0; t < k; t++, x += ld, to += width) {
        float *out = to;
        int32_t i = 0;
        const float *ahead = x + (size_t)eqbi_smaller(AHEAD, k - 1 - t) * ld;
        for (; i + 2 * LANES <= count; i += width, out += group) {
            __builtin_prefetch(ahead + i);
            *(v8_anywhere *)out = *(const v8_anywhere *)(x + i);
            if (width > LANES) *(v8_anywhere *)(out + LANES) = *(const v8_anywhere *)(x + i + LANES);
        }
        for (; i < count; i += width, out += group)
            for (int32_t q = 0; q < width; q++) out[q] = x[eqbi_smaller(i + q, count - 1)];
    }
}

/* ----------------------------------------------------------------------------------- blocks -- */

/* How a product is shared out. A large one's threads pack A together, then each packs the blocks of
 * columns it takes. Where one side is short the copies' way from one core's cache to the other's takes
 * too much of the time: each thread packs all of that side for itself, and blocks of the other as it
 * takes them. Blocks are taken until none is left, for threads are seldom equally fast.           */
typedef struct blocks {
    bool shared, by_rows; /* A is packed together; blocks of rows are taken, not of columns */
    int32_t m, n, k;      /* of a block                                                     */
    int32_t down, inner;  /* how many of m, of k                                            */
    size_t a, b;          /* floats of a packed block                                       */
} blocks;

/* Into how many parts of at most most n is cut; *size, a multiple of unit, is theirs. */
static int32_t cut(int32_t n, int32_t most, int32_t unit, int32_t *size)
{
    most = most < unit ? unit : most;
    int32_t parts = (n + most - 1) / most;
    *size = ((n + parts - 1) / parts + unit - 1) / unit * unit;
    return (n + *size - 1) / *size;
}

static blocks blocks_of(const eqbi_product *p, int threads)
{
    blocks s;
    int32_t turns = TURNS * threads;
    s.shared = threads > 1 && p->m >= SHARED_MIN && p->n >= SHARED_MIN && p->k >= SHARED_MIN;
    s.by_rows = threads > 1 && !s.shared && p->m > p->n;
    s.down = cut(p->m, s.by_rows ? eqbi_smaller(BLOCK_M, p->m / turns) : BLOCK_M, ROWS, &s.m);
    cut(p->n, s.by_rows ? p->n : eqbi_smaller(BLOCK_N, p->n / turns), COLUMNS, &s.n);
    s.inner = cut(p->k, BLOCK_K, LANES, &s.k);
    s.a = (size_t)(s.m / ROWS) * group_size(s.k, ROWS);
    s.b = (size_t)(s.n / COLUMNS) * group_size(s.k, COLUMNS);
    return s;
}

/* Block x of A, of down * inner. */
AVX2 static void pack_a(const eqbi_product *p, const blocks *s, int32_t x, float *a)
{
    int32_t i = x / s->inner * s->m, t = x % s->inner * s->k;
    int32_t count = eqbi_smaller(s->m, p->m - i), k = eqbi_smaller(s->k, p->k - t);
    size_t ld = (size_t)p->lda;
    if (p->transpose_a)
        pack_columns(a, ROWS, p->a + (size_t)t * ld + i, ld, count, k);
    else
        pack_rows(a, ROWS, p->a + (size_t)i * ld + t, ld, count, k);
}

/* Block x of B, of the inner dimension's, from column j on. */
AVX2 static void pack_b(const eqbi_product *p, const blocks *s, int32_t j, int32_t x, float *b)
{
    int32_t t = x * s->k, count = eqbi_smaller(s->n, p->n - j), k = eqbi_smaller(s->k, p->k - t);
    size_t ld = (size_t)p->ldb;
    if (p->transpose_b)
        pack_rows(b, COLUMNS, p->b + (size_t)j * ld + t, ld, count, k);
    else
        pack_columns(b, COLUMNS, p->b + (size_t)t * ld + j, ld, count, k);
}

/* c [m, n] = start + a b, both packed; start may be NULL. */
AVX2 static void multiply_block(int32_t m, int32_t n, int32_t k, const float *a, const float *b,
                                float *c, size_t ldc, const float *start, size_t ld)
{
    for (int32_t j = 0; j < n; j += COLUMNS, b += group_size(k, COLUMNS)) {
        const float *group = a;
        for (int32_t i = 0; i < m; i += ROWS, group += group_size(k, ROWS)) {
            float *out = c + (size_t)i * ldc + j;
            const float *from = start ? start + (size_t)i * ld + j : NULL;
            v8 tile[ROWS][2];
#pragma GCC unroll 6
            for (int q = 0; q < ROWS; q++) __builtin_prefetch(out + (size_t)q * ldc, 1);
            multiply(tile, k, group, b);
            if (i + ROWS <= m && j + COLUMNS <= n)
                store(tile, out, ldc, from, ld);
            else
                store_part(tile, out, ldc, from, ld, m - i, n - j);
        }
    }
}

/* Blocks first .. end of C's rows, columns from j on. The side that blocks are taken of is packed here, to
 * where there is room for one; of the other a or b holds all, packed.                             */
static void multiply_some(const eqbi_product *p, const blocks *s, int32_t first, int32_t end,
                          int32_t j, float *a, float *b)
{
    const size_t ldc = (size_t)p->ldc, next_a = s->by_rows ? 0 : s->a, next_b = s->by_rows ? s->b : 0;
    const int32_t columns = eqbi_smaller(s->n, p->n - j), row = first * s->m;
    for (int32_t x = 0; x < s->inner; x++, b += next_b) {
        if (s->by_rows)
            pack_a(p, s, first * s->inner + x, a);
        else
            pack_b(p, s, j, x, b);
        for (int32_t i = first; i < end; i++) {
            size_t ld = ldc;
            float *c = p->c + (size_t)(i * s->m) * ldc + j;
            const float *start = x > 0 ? c : eqbi_gemm_start(p, i * s->m, j, &ld);
            multiply_block(eqbi_smaller(s->m, p->m - i * s->m), columns,
                           eqbi_smaller(s->k, p->k - x * s->k),
                           a + (size_t)(i * s->inner + x) * next_a, b, c, ldc, start, ld);
        }
    }
    if (p->then) p->then(p->context, row, eqbi_smaller(end * s->m, p->m) - row, j, columns);
}

/* ----------------------------------------------------------------------------------- the doors -- */

void eqbi_gemm_kernel_scratch(const eqbi_product *p, int threads, size_t *common, size_t *share)
{
    blocks s = blocks_of(p, threads);
    size_t all_of_a = (size_t)(s.down * s.inner) * s.a;
    *common = s.shared ? all_of_a : 0;
    *share = s.by_rows ? s.a + (size_t)s.inner * s.b : s.b + (s.shared ? 0 : all_of_a);
}

void eqbi_gemm_kernel_team(const eqbi_product *p, int threads, float *common, float *share)
{
    blocks s = blocks_of(p, threads);
    if (s.by_rows) {
        float *b = share + s.a;
        for (int32_t x = 0; x < s.inner; x++) pack_b(p, &s, 0, x, b + (size_t)x * s.b);
#pragma omp for schedule(dynamic) nowait
        for (int32_t i = 0; i < s.down; i++) multiply_some(p, &s, i, i + 1, 0, share, b);
        return;
    }
    float *a = s.shared ? common : share + s.b;
    if (s.shared)
#pragma omp for schedule(dynamic)
        for (int32_t x = 0; x < s.down * s.inner; x++) pack_a(p, &s, x, a + (size_t)x * s.a);
    else
        for (int32_t x = 0; x < s.down * s.inner; x++) pack_a(p, &s, x, a + (size_t)x * s.a);
#pragma omp for schedule(dynamic) nowait
    for (int32_t j = 0; j < p->n; j += s.n) multiply_some(p, &s, 0, s.down, j, a, share);
}

#endif
