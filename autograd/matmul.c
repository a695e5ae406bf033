/* C = op(A) op(B).  dA = dC op(B)^T and dB = op(A)^T dC, transposed again where op transposes. */
#include "autograd/ops.h"

typedef struct saved_matmul {
    bool ta, tb;
} saved_matmul;

eqb_tensor *eqb_matmul(eqb_graph *g, eqb_tensor *a, bool transpose_a, eqb_tensor *b,
                       bool transpose_b)
{
    if (!a || !b) return NULL;
    int32_t m = transpose_a ? a->cols : a->rows, k = transpose_a ? a->rows : a->cols;
    int32_t n = transpose_b ? b->rows : b->cols;
    if (k != (transpose_b ? b->cols : b->rows))
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "matmul: [%d, %d]%s and [%d, %d]%s", a->rows,
                               a->cols, transpose_a ? "^T" : "", b->rows, b->cols,
                               transpose_b ? "^T" : "");
    tensor *c = eqbi_tensor(g, m, n);
    saved_matmul *saved;
    if (!c || !eqbi_record(g, OP_matmul, c, (tensor *[]){a, b}, 2, (void **)&saved, sizeof *saved))
        return NULL;
    if (saved) *saved = (saved_matmul){transpose_a, transpose_b};
    bool done = eqbi_gemm(g, &(eqbi_product){.transpose_a = transpose_a,
                                             .transpose_b = transpose_b,
                                             .m = m,
                                             .n = n,
                                             .k = k,
                                             .a = a->x,
                                             .b = b->x,
                                             .c = c->x,
                                             .lda = a->cols,
                                             .ldb = b->cols,
                                             .ldc = n});
    return done ? c : NULL;
}

void eqbi_matmul_backward(graph *g, node *entry)
{
    const saved_matmul *s = entry->saved;
    tensor *a = entry->in[0], *b = entry->in[1];
    const float *dc = entry->out->g;
    int32_t m = entry->out->rows, n = entry->out->cols, k = s->ta ? a->rows : a->cols;
    int32_t lda = a->cols, ldb = b->cols;
    float beta;
    float *da = eqbi_grad(g, a, &beta);
    if (da && !s->ta)
        eqbi_gemm(g, &(eqbi_product){false, !s->tb, m, k, n, dc, b->x, da, n, ldb, k, beta, 0, 0, 0});
    if (da && s->ta)
        eqbi_gemm(g, &(eqbi_product){s->tb, true, k, m, n, b->x, dc, da, ldb, n, m, beta, 0, 0, 0});
    float *db = eqbi_grad(g, b, &beta);
    if (db && !s->tb)
        eqbi_gemm(g, &(eqbi_product){!s->ta, false, k, n, m, a->x, dc, db, lda, n, n, beta, 0, 0, 0});
    if (db && s->tb)
        eqbi_gemm(g, &(eqbi_product){true, s->ta, n, k, m, dc, a->x, db, n, lda, k, beta, 0, 0, 0});
}
