/* Few rows times W^T: a weight matrix used for a sentence or two, or an attention head. */
#ifndef EQBI_GEMM_FEW_H
#define EQBI_GEMM_FEW_H

#include "autograd/gemm.h"

enum { EQBI_FEW = 32 }; /* rows up to which reading W as it lies beats copying it */

/* For c = x W^T + beta c, that is a [m, k] and b [n, k], transposed, with m from 1 to EQBI_FEW. */

/* Floats that a takes when packed. */
size_t eqbi_few_size(const eqbi_product *p);
/* Packs a; to is aligned to 32 bytes. */
void eqbi_few_pack(float *to, const eqbi_product *p);
/* Columns from .. to of c, in the calling thread. Each element is summed in the same order wherever it
 * stands and whatever the range.                                                                  */
void eqbi_few_multiply(const float *packed, const eqbi_product *p, int32_t from, int32_t to);

#endif
