/* Floating-point numbers of weight files <-> float. */
#ifndef EQBI_CONVERT_DTYPE_H
#define EQBI_CONVERT_DTYPE_H

#include "weights/tensor_file.h"

/* Whether eqbi_convert knows it: F32, F16, BF16, F64. */
bool eqbi_convertible(eqbi_dtype dtype);
/* out[count] = data[count] of dtype; F64 is rounded to nearest. Returns the index of the first
 * result that is NaN or infinite (what follows is then undefined), count when all are finite. */
size_t eqbi_convert(float *out, const void *data, eqbi_dtype dtype, size_t count);
/* A whole tensor of a dtype that is known, in rows even where the file has its transpose. Returns
 * the index of a result that is NaN or infinite, or the number of elements when there is none.   */
size_t eqbi_convert_tensor(float *out, const eqbi_file_tensor *tensor);

/* Any numbers of a dtype that is known, without a look at them. */
void eqbi_widen(float *out, const void *data, eqbi_dtype dtype, size_t count);
/* The reverse, to F16 or BF16, rounded to nearest, ties to even. Returns the index of the first
 * finite number that becomes infinite, count when there is none.                                 */
size_t eqbi_narrow(uint16_t *out, const float *in, eqbi_dtype dtype, size_t count);

/* Hints that a large block not yet touched should get pages of 2 MB: its first touch then costs 200
 * page faults instead of 100,000 for a BERT-base (0.05 s instead of 0.3 s, measured).            */
void eqbi_prefer_huge_pages(void *block, size_t size);

#endif
