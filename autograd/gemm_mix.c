/* c = op(a) b for up to 64 rows of c: each is a mix of b's rows. BLAS would first copy all of b into its
 * own order, to use it a few times; here b is read once, as it lies.
 *
 * A tile of 2 rows by 32 columns of c stays in registers while 32 rows of b, a stretch, go by; all rows
 * of c take their turn before the next columns come. Each tile fetches its share of the next stretch,
 * which processors do not guess. Two terms are added to each other before they join their sum, and a
 * stretch's sum before it joins c: k terms are rounded in 16 + k/32 steps. The vector types are GCC's
 * and Clang's, for any processor.                                                                 */
#include "autograd/gemm_mix.h"

#include "autograd/vector_math.h"
#include "autograd/vectors.h"

enum {
    TALL = 2,     /* rows of a tile                                                  */
    WIDE = 4,     /* vectors of its columns; TALL * WIDE sums hide an add's latency  */
    STRETCH = 32, /* rows of b; even                                                 */
    LINE = 16     /* floats of a cache line                                          */
};

/* What the tiles of a stretch have in common. */
typedef struct stretch {
    const float *a;    /* [m, STRETCH], copied; after an odd count a zero         */
    const float *b;    /* its first row                                           */
    float *c;
    const float *start; /* what c is added to; NULL: to nothing                   */
    size_t ldb, ldc, ldstart;
    size_t ahead;      /* floats from a row to that of the next stretch; 0: none  */
    int32_t m, count;  /* rows of c, of b                                         */
} stretch;

/* height rows from r on, LANES * width columns from j on. */
EQBI_INLINE void tile(int height, int width, const stretch *s, int32_t r, int32_t j)
{
    const float *a = s->a + r * STRETCH, *b = s->b + j;
    float *c = s->c + (size_t)r * s->ldc + j;
    const float *start = s->start ? s->start + (size_t)r * s->ldstart + j : NULL;
    const size_t ldb = s->ldb, ldc = s->ldc;
    v8 sum[TALL][WIDE];
#pragma GCC unroll 2
    for (int i = 0; i < height; i++)
#pragma GCC unroll 4
        for (int q = 0; q < width; q++) sum[i][q] = (v8){0};
    for (int32_t t = 0; t < s->count; t += 2, a += 2, b += 2 * ldb) {
        const float *second = t + 1 < s->count ? b + ldb : b;
#pragma GCC unroll 2
        for (int i = 0; i < height; i++)
#pragma GCC unroll 4
            for (int q = 0; q < width; q++)
                sum[i][q] += a[i * STRETCH] * *(const v8_anywhere *)(b + q * LANES) +
                             a[i * STRETCH + 1] * *(const v8_anywhere *)(second + q * LANES);
    }
#pragma GCC unroll 2
    for (int i = 0; i < height; i++)
#pragma GCC unroll 4
        for (int q = 0; q < width; q++) {
            size_t at = (size_t)i * s->ldstart + (size_t)(q * LANES);
            if (start) sum[i][q] += *(const v8_anywhere *)(start + at);
            *(v8_anywhere *)(c + (size_t)i * ldc + q * LANES) = sum[i][q];
        }
}

/* All rows of LANES * width columns. Each tile first fetches its share of the next stretch. */
EQBI_INLINE void columns(int width, const stretch *s, int32_t j)
{
    const int32_t share = s->ahead ? (STRETCH * TALL + s->m - 1) / s->m : 0;
    int32_t t = 0;
    for (int32_t r = 0; r + TALL <= s->m; r += TALL) {
        const float *next = s->b + s->ahead + (size_t)t * s->ldb + j;
        for (int32_t end = eqbi_smaller(t + share, STRETCH); t < end; t++, next += s->ldb)
            for (int q = 0; q < width * LANES; q += LINE) __builtin_prefetch(next + q);
        tile(TALL, width, s, r, j);
    }
    for (int32_t r = s->m / TALL * TALL; r < s->m; r++) tile(1, width, s, r, j);
}

/* The same of one column. */
EQBI_INLINE void column(const stretch *s, int32_t j)
{
    for (int32_t r = 0; r < s->m; r++) {
        float *to = s->c + (size_t)r * s->ldc + j, sum = 0.0f;
        for (int32_t t = 0; t < s->count; t++)
            sum += s->a[r * STRETCH + t] * s->b[(size_t)t * s->ldb + (size_t)j];
        *to = s->start ? s->start[(size_t)r * s->ldstart + (size_t)j] + sum : sum;
    }
}

/* op(a) from t on. As they lie, rows of a vocabulary, 2^13 floats apart, would take each other's place
 * in the cache.                                                                                   */
EQBI_INLINE void copy(float *to, const eqbi_product *p, int32_t t, int32_t count)
{
    const size_t lda = (size_t)p->lda;
    const float *a = p->a + (size_t)t * (p->transpose_a ? lda : 1);
    if (p->transpose_a)
        for (int32_t i = 0; i < count; i++)
            for (int32_t r = 0; r < p->m; r++) to[r * STRETCH + i] = a[(size_t)i * lda + (size_t)r];
    else
        for (int32_t r = 0; r < p->m; r++)
            for (int32_t i = 0; i < count; i++) to[r * STRETCH + i] = a[(size_t)r * lda + (size_t)i];
    for (int32_t r = 0; count % 2 && r < p->m; r++) to[r * STRETCH + count] = 0.0f;
}

EQBI_KERNEL static void mix(const eqbi_product *p)
{
    float a[EQBI_MIX_ROWS * STRETCH];
    stretch s = {.a = a, .c = p->c, .m = p->m, .ldb = (size_t)p->ldb, .ldc = (size_t)p->ldc};
    for (int32_t t = 0; t == 0 || t < p->k; t += STRETCH) { /* no terms at all are zeros */
        s.count = eqbi_smaller(STRETCH, p->k - t);
        s.b = p->b + (size_t)t * s.ldb;
        s.ahead = t + 2 * STRETCH <= p->k ? STRETCH * s.ldb : 0;
        s.ldstart = s.ldc;
        s.start = t > 0 ? s.c : eqbi_gemm_start(p, 0, 0, &s.ldstart);
        copy(a, p, t, s.count);
        int32_t j = 0;
        for (; j + WIDE * LANES <= p->n; j += WIDE * LANES) columns(WIDE, &s, j);
        for (; j + LANES <= p->n; j += LANES) columns(1, &s, j);
        for (; j < p->n; j++) column(&s, j);
    }
}

void eqbi_mix(const eqbi_product *p)
{
    mix(p);
}
