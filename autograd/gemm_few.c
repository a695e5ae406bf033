/* c = x W^T for up to 32 rows of x. BLAS would first copy all of W into its own order, to use it a dozen
 * times; here W is read once, as it lies.
 *
 * A vector of eight holds two neighbours of the inner dimension of four rows of x:
 *     x[0][t] x[0][t+1]  x[1][t] x[1][t+1]  x[2][t] x[2][t+1]  x[3][t] x[3][t+1]
 * and is multiplied with a pair of one row of W, repeated four times. So a turn costs a load for each
 * row of W and one for each four rows of x, and no lane idles for 4, 8, 12 or 16 rows. Twelve sums
 * stay in registers, of 12, 6 or 4 rows of W with 4, 8 or 12 of x; at the end their even and odd
 * halves are added. More rows of x are several parts, which read W from the first-level cache after
 * the first time. Processors guess the next lines of a row of W, but not the next rows: the tiles of
 * all parts fetch those of the next share by turns. The vector types are GCC's and Clang's, for any
 * processor.                                                                                      */
#include "autograd/gemm_few.h"

#include "autograd/vector_math.h"
#include "autograd/vectors.h"

#include <stdbool.h>

typedef double v4_pairs __attribute__((vector_size(32))); /* two floats in the place of each double */

enum {
    QUAD = 4,       /* rows of x in a vector                                     */
    MOST_QUADS = 3, /* of a part                                                 */
    SUMS = 12,      /* accumulators of a tile                                    */
    SHARE = 12,     /* rows of W that all parts use before the next ones come    */
    LINE = 16       /* floats of a cache line                                    */
};

/* How m rows are cut. */
typedef struct parts {
    int32_t count, quads; /* parts, groups of four rows in each */
} parts;

/* A part costs its groups, idle ones too, and half of one for loading W again. Four groups in a part
 * would leave a tile three rows of W only, and each tile reads all of x from the second-level cache. */
static parts parts_of(int32_t m)
{
    int32_t all = (m + QUAD - 1) / QUAD, least = INT32_MAX;
    parts best = {all, 1};
    for (int32_t quads = 1; quads <= MOST_QUADS; quads++) {
        int32_t count = (all + quads - 1) / quads, cost = count * (2 * quads + 1);
        if (cost > least) continue;
        least = cost;
        best = (parts){count, quads};
    }
    return best;
}

static size_t part_size(parts s, int32_t k)
{
    return (size_t)s.quads * LANES * (size_t)((k + 1) / 2);
}

size_t eqbi_few_size(const eqbi_product *p)
{
    parts s = parts_of(p->m);
    return (size_t)s.count * part_size(s, p->k);
}

/* The last row stands in for those missing after it; after an odd k stands a zero. */
void eqbi_few_pack(float *to, const eqbi_product *p)
{
    int32_t m = p->m, k = p->k;
    parts s = parts_of(m);
    size_t step = (size_t)s.quads * LANES;
    for (int32_t quad = 0; quad < s.count * s.quads; quad++)
        for (int32_t i = 0; i < QUAD; i++) {
            int32_t row = quad * QUAD + i;
            const float *from = p->a + (size_t)(row < m ? row : m - 1) * (size_t)p->lda;
            float *out = to + (size_t)(quad / s.quads) * part_size(s, k) +
                         (size_t)(quad % s.quads * LANES + 2 * i);
            for (int32_t t = 0; t + 1 < k; t += 2, out += step) memcpy(out, from + t, 2 * sizeof *out);
            if (k % 2) out[0] = from[k - 1], out[1] = 0.0f;
        }
}

/* sum[i][q] += the pair at w + i ld, repeated, times x[q], for width rows of W. */
EQBI_INLINE void turn(v8 *sum, int quads, int width, const float *w, size_t ld, const v8 *x)
{
#pragma GCC unroll 12
    for (int i = 0; i < width; i++) {
        double pair;
        memcpy(&pair, w + (size_t)i * ld, sizeof pair);
        v8 both = (v8)(v4_pairs){pair, pair, pair, pair};
#pragma GCC unroll 4
        for (int q = 0; q < quads; q++) sum[i * quads + q] += both * x[q];
    }
}

/* kept = the products of 4 quads rows of x with width rows of W from w on. Meanwhile as many rows as said
 * come into cache from ahead on.                                                                  */
EQBI_INLINE void tile(v8 *kept, int quads, int width, const v8 *x, int32_t k, const float *w,
                      size_t ldw, const float *ahead, int32_t rows_ahead)
{
    v8 sum[SUMS];
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) sum[i] = (v8){0};
    int32_t t = 0;
    for (; t + LINE <= k; t += LINE) {
        for (int32_t i = 0; i < rows_ahead; i++) __builtin_prefetch(ahead + (size_t)i * ldw + t);
        for (int32_t u = t; u < t + LINE; u += 2, x += quads) turn(sum, quads, width, w + u, ldw, x);
    }
    for (; t + 1 < k; t += 2, x += quads) turn(sum, quads, width, w + t, ldw, x);
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) kept[i] = sum[i];
    if (k % 2) {
        float last[2 * SUMS] = {0};
        for (int i = 0; i < width; i++) last[2 * i] = w[(size_t)i * ldw + (size_t)k - 1];
        turn(kept, quads, width, last, 2, x);
    }
}

/* c [4 quads, width] = start + the even and the odd places of kept: two columns of four rows at a time. */
EQBI_INLINE void store(const v8 *kept, int quads, int width, float *c, size_t ldc,
                       const float *start, size_t ld)
{
#pragma GCC unroll 3
    for (int q = 0; q < quads; q++)
#pragma GCC unroll 6
        for (int i = 0; i < width; i += 2) {
            const v8 a = kept[i * quads + q], b = kept[(i + 1) * quads + q];
            v8 sum = EQBI_PICK(a, b, 0, 2, 8, 10, 4, 6, 12, 14) +
                     EQBI_PICK(a, b, 1, 3, 9, 11, 5, 7, 13, 15);
            sum = EQBI_PICK(sum, sum, 0, 2, 1, 3, 4, 6, 5, 7);
#pragma GCC unroll 4
            for (int r = 0; r < QUAD; r++) {
                v2 pair = {sum[2 * r], sum[2 * r + 1]};
                size_t row = (size_t)(q * QUAD + r);
                if (start) pair += *(const v2_anywhere *)(start + row * ld + i);
                *(v2_anywhere *)(c + row * ldc + i) = pair;
            }
        }
}

/* The same of some rows, and of count columns after those skipped. */
EQBI_INLINE void store_part(const v8 *kept, int quads, int32_t rows, int32_t skipped, int32_t count,
                            float *c, size_t ldc, const float *start, size_t ld)
{
    for (int32_t r = 0; r < rows; r++)
        for (int32_t i = 0; i < count; i++) {
            const v8 *s = &kept[(skipped + i) * quads + r / QUAD];
            float sum = (*s)[r % QUAD * 2] + (*s)[r % QUAD * 2 + 1];
            c[(size_t)r * ldc + (size_t)i] = start ? sum + start[(size_t)r * ld + (size_t)i] : sum;
        }
}

/* The columns from .. to of part i of all. In place of the last rows of W, when fewer than a tile's are
 * left, stand earlier ones; where W has not as many at all, one of them many times.               */
EQBI_INLINE void part(int quads, int32_t width, int32_t i, int32_t all, const float *packed,
                      const eqbi_product *p, int32_t from, int32_t to)
{
    const int32_t n = p->n, step = n < width ? 1 : width;
    const int32_t row = i * quads * QUAD, rows = eqbi_smaller(p->m - row, quads * QUAD);
    const size_t ldw = (size_t)p->ldb, ldc = (size_t)p->ldc;
    const v8 *x = (const v8 *)(const void *)packed;
    for (int32_t j = from; j < to; j += step) {
        int32_t first = n < width ? j : eqbi_smaller(j, n - width);
        int32_t ahead = first + SHARE + width * i / all;
        int32_t beyond = first + SHARE + width * (i + 1) / all;
        if (beyond > n) ahead = beyond = 0;
        v8 kept[SUMS];
        tile(kept, quads, width, x, p->k, p->b + (size_t)first * ldw, n < width ? 0 : ldw,
             p->b + (size_t)ahead * ldw, beyond - ahead);
        int32_t count = eqbi_smaller(step, to - j);
        size_t ld;
        float *c = p->c + (size_t)row * ldc + j;
        const float *start = eqbi_gemm_start(p, row, j, &ld);
        if (rows == quads * QUAD && count == width)
            store(kept, quads, width, c, ldc, start, ld);
        else
            store_part(kept, quads, rows, j - first, count, c, ldc, start, ld);
    }
}

EQBI_KERNEL static void multiply(const float *packed, const eqbi_product *p, int32_t from,
                                 int32_t to)
{
    parts s = parts_of(p->m);
    for (int32_t j = from; j < to; j += SHARE) {
        int32_t end = eqbi_smaller(j + SHARE, to);
        const float *x = packed;
        for (int32_t i = 0; i < s.count; i++, x += part_size(s, p->k)) {
            switch (s.quads) {
            case 1: part(1, SUMS, i, s.count, x, p, j, end); break;
            case 2: part(2, SUMS / 2, i, s.count, x, p, j, end); break;
            default: part(3, SUMS / 3, i, s.count, x, p, j, end); break;
            }
        }
    }
}

void eqbi_few_multiply(const float *packed, const eqbi_product *p, int32_t from, int32_t to)
{
    multiply(packed, p, from, to);
}
