/* Floating-point numbers of weight files -> float. */
#ifndef EQBI_CONVERT_H
#define EQBI_CONVERT_H

#include "weights/safetensors.h"

/* Whether eqbi_convert knows it: F32, F16, BF16, F64. */
bool eqbi_convertible(eqbi_dtype dtype);
/* out[count] = data[count] of dtype; F64 is rounded to nearest. Returns the index of the first
 * result that is NaN or infinite (what follows is then undefined), count when all are finite. */
size_t eqbi_convert(float *out, const void *data, eqbi_dtype dtype, size_t count);

/* Hints that a large block not yet touched should get pages of 2 MB: its first touch then costs 200
 * page faults instead of 100,000 for a BERT-base (0.05 s instead of 0.3 s, measured).            */
void eqbi_prefer_huge_pages(void *block, size_t size);

#endif
