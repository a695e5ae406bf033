/* A matrix product of our own, where it beats BLAS: x86-64 with AVX2 and FMA. gemm.c chooses. */
#ifndef EQBI_GEMM_KERNEL_H
#define EQBI_GEMM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* c = op(a) op(b) + beta c as in eqbi_gemm. */
typedef struct eqbi_product {
    bool transpose_a, transpose_b;
    int32_t m, n, k;
    const float *a, *b;
    float *c;
    int32_t lda, ldb, ldc;
    float beta;
} eqbi_product;

/* GCC from 12 on, Clang. */
#if defined(__x86_64__) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define EQBI_GEMM_KERNEL
#endif
#endif

#ifdef EQBI_GEMM_KERNEL

/* Whether this processor has what the kernel is compiled for, and is of a kind on which it wins. */
bool eqbi_gemm_kernel_usable(void);
/* Bytes of scratch a product needs with so many threads. */
size_t eqbi_gemm_kernel_scratch(const eqbi_product *p, int threads);
/* Every element is summed in the same order for any number of threads and wherever its row stands.
 * scratch is aligned to 64 bytes. Not inside a parallel region.                                   */
void eqbi_gemm_kernel(const eqbi_product *p, float *scratch, int threads);

#else

static inline bool eqbi_gemm_kernel_usable(void)
{
    return false;
}
static inline size_t eqbi_gemm_kernel_scratch(const eqbi_product *p, int threads)
{
    return (void)p, (size_t)threads;
}
static inline void eqbi_gemm_kernel(const eqbi_product *p, float *scratch, int threads)
{
    (void)p, (void)scratch, (void)threads;
}

#endif

#endif
