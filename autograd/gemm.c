/* The one door to BLAS. */
#include "autograd/ops.h"

#include <cblas.h>

void eqbi_gemm(bool transpose_a, bool transpose_b, int32_t m, int32_t n, int32_t k, const float *a,
               int32_t lda, const float *b, int32_t ldb, float beta, float *c, int32_t ldc)
{
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, m, n, k, 1.0f, a, lda, b, ldb, beta, c,
                ldc);
}
