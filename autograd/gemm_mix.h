/* Few rows times W as it lies: the way back through a head of a sentence or two, or through attention. */
#ifndef EQBI_GEMM_MIX_H
#define EQBI_GEMM_MIX_H

#include "autograd/gemm.h"

enum { EQBI_MIX_ROWS = 64 }; /* up to which reading b as it lies beats copying it */

/* c = op(a) b + beta c with b not transposed and m up to EQBI_MIX_ROWS, in the calling thread; then is
 * not called.                                                                                     */
void eqbi_mix(const eqbi_product *p);

#endif
