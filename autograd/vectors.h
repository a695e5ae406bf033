/* Vectors of eight floats: GCC's and Clang's, for any processor; one without such registers gets several
 * smaller ones.                                                                                   */
#ifndef EQBI_VECTORS_H
#define EQBI_VECTORS_H

#include <stdint.h>

typedef float v8 __attribute__((vector_size(32)));
typedef float v8_anywhere __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v2 __attribute__((vector_size(8)));
typedef float v2_anywhere __attribute__((vector_size(8), aligned(4), may_alias));

enum { LANES = 8 };

/* Eight elements of a and b in the order given: 0 to 7 are a's, 8 to 15 b's. */
#if __has_builtin(__builtin_shufflevector)
#define EQBI_PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else /* GCC before 12 */
typedef int32_t v8_order __attribute__((vector_size(32)));
#define EQBI_PICK(a, b, ...) __builtin_shuffle(a, b, (v8_order){__VA_ARGS__})
#endif

#endif
