/* A matrix product of our own, where it beats BLAS: x86-64 with AVX2 and FMA. gemm.c chooses. */
#ifndef EQBI_GEMM_KERNEL_H
#define EQBI_GEMM_KERNEL_H

#include "autograd/gemm.h"

/* GCC from 12 on, Clang. */
#if defined(__x86_64__) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define EQBI_GEMM_KERNEL
#endif
#endif

#ifdef EQBI_GEMM_KERNEL

/* Whether this processor has what the kernel is compiled for, and is of a kind on which it wins. */
bool eqbi_gemm_kernel_usable(void);
/* Floats of scratch: for a packed, and for the block of b that one of so many threads works with. */
size_t eqbi_gemm_kernel_a(const eqbi_product *p);
size_t eqbi_gemm_kernel_b(const eqbi_product *p, int threads);

/* Every element is summed in the same order in both of these, for any number of threads, and wherever
 * its row stands. a is shared by all threads, b is the caller's own, both are aligned to 64 bytes.  */

/* The calling thread's part of a product that a team of so many threads computes. */
void eqbi_gemm_kernel_team(const eqbi_product *p, int threads, float *a, float *b);
/* All of a product in the calling thread; then is not called. */
void eqbi_gemm_kernel_here(const eqbi_product *p, float *a, float *b);

#else

static inline bool eqbi_gemm_kernel_usable(void)
{
    return false;
}
static inline size_t eqbi_gemm_kernel_a(const eqbi_product *p)
{
    return (size_t)p->m;
}
static inline size_t eqbi_gemm_kernel_b(const eqbi_product *p, int threads)
{
    return (size_t)p->n * (size_t)threads;
}
static inline void eqbi_gemm_kernel_team(const eqbi_product *p, int threads, float *a, float *b)
{
    (void)p, (void)threads, (void)a, (void)b;
}
static inline void eqbi_gemm_kernel_here(const eqbi_product *p, float *a, float *b)
{
    (void)p, (void)a, (void)b;
}

#endif

#endif
