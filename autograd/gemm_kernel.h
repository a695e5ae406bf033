/* A matrix product of our own, where it beats BLAS: x86-64 with AVX2 and FMA. gemm.c chooses. */
#ifndef EQBI_GEMM_KERNEL_H
#define EQBI_GEMM_KERNEL_H

#include "autograd/gemm.h"

#ifdef __x86_64__
#define EQBI_GEMM_KERNEL
#endif

#ifdef EQBI_GEMM_KERNEL

/* Whether this processor has what the kernel is compiled for, and is of a kind on which it wins. */
bool eqbi_gemm_kernel_usable(void);
/* Floats of scratch that a team of so many threads needs: together, and each of them besides. */
void eqbi_gemm_kernel_scratch(const eqbi_product *p, int threads, size_t *common, size_t *share);

/* The calling thread's part of a product that a team of so many threads computes, or all of it outside of
 * parallel regions with threads 1. Every element is summed in the same order for any number of
 * threads, and wherever its row stands. Both kinds of scratch are aligned to 64 bytes.            */
void eqbi_gemm_kernel_team(const eqbi_product *p, int threads, float *common, float *share);

#else

static inline bool eqbi_gemm_kernel_usable(void)
{
    return false;
}
static inline void eqbi_gemm_kernel_scratch(const eqbi_product *p, int threads, size_t *common,
                                            size_t *share)
{
    (void)p, (void)threads;
    *common = *share = 0;
}
static inline void eqbi_gemm_kernel_team(const eqbi_product *p, int threads, float *common,
                                         float *share)
{
    (void)p, (void)threads, (void)common, (void)share;
}

#endif

#endif
