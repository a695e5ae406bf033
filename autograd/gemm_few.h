/* Few rows times W^T: a weight matrix used for a sentence or two, or an attention head. */
#ifndef EQBI_GEMM_FEW_H
#define EQBI_GEMM_FEW_H

#include <stddef.h>
#include <stdint.h>

enum { EQBI_FEW = 32 }; /* rows up to which reading W as it lies beats copying it */

/* Floats that m rows of k take when packed, m from 1 to EQBI_FEW. */
size_t eqbi_few_size(int32_t m, int32_t k);
/* Packs x [m, k], rows ldx floats apart; to is aligned to 32 bytes. */
void eqbi_few_pack(float *to, const float *x, int32_t ldx, int32_t m, int32_t k);
/* Columns from .. to of c = x W^T + beta c, beta 0 or 1, in the calling thread; n rows of W in all. Each
 * element is summed in the same order wherever it stands and whatever the range.                  */
void eqbi_few_multiply(const float *packed, int32_t m, int32_t k, const float *w, int32_t ldw,
                       int32_t n, int32_t from, int32_t to, float beta, float *c, int32_t ldc);

#endif
