/* e = word[id] + position[p] + type[t].
 *
 * Backward adds rows to the three tables. The word table's gradient is dense because the tied
 * decoder has usually written all of it before (its GEMM comes first in the reverse sweep); threads
 * share the columns, not the rows, so repeated ids need no locks and the order of sums is fixed.   */
#include "autograd/ops.h"
#include "autograd/vector_math.h"

typedef struct saved_embed {
    eqb_batch batch;
    int32_t pad_id;
} saved_embed;

bool eqbi_batch_check(graph *g, const eqb_batch *b, const tensor *word, const tensor *position,
                      const tensor *type)
{
    if (b->sequences < 1) {
        eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "a batch of %d sequences", b->sequences);
        return false;
    }
    if (b->start[0] != 0) {
        eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "start[0] is %d, expected 0", b->start[0]);
        return false;
    }
    for (int32_t i = 0; i < b->sequences; i++) {
        int64_t length = (int64_t)b->start[i + 1] - b->start[i];
        if (length >= 1 && length <= position->rows) continue;
        eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "sequence %d has %lld tokens, expected 1 to %d", i,
                        (long long)length, position->rows);
        return false;
    }
    for (int32_t i = 0; i < b->start[b->sequences]; i++) {
        bool id_ok = b->ids[i] >= 0 && b->ids[i] < word->rows;
        if (id_ok && (!b->types || (b->types[i] >= 0 && b->types[i] < type->rows))) continue;
        if (id_ok)
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "token %d has type %d, expected 0 to %d", i,
                            b->types[i], type->rows - 1);
        else
            eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "token %d has id %d, expected 0 to %d", i,
                            b->ids[i], word->rows - 1);
        return false;
    }
    return true;
}

EQBI_KERNEL static void add3(float *EQBI_RESTRICT y, const float *a, const float *b,
                             const float *c, int32_t n)
{
    for (int32_t i = 0; i < n; i++) y[i] = a[i] + b[i] + c[i];
}

tensor *eqbi_embed(graph *g, tensor *word, tensor *position, tensor *type, const eqb_batch *batch,
                   int32_t pad_id)
{
    if (g->err.status != EQB_OK || !eqbi_batch_check(g, batch, word, position, type)) return NULL;
    int32_t cols = word->cols;
    tensor *y = eqbi_tensor(g, batch->start[batch->sequences], cols);
    if (!y) return NULL;
    saved_embed *saved;
    if (!eqbi_record(g, OP_embed, y, (tensor *[]){word, position, type}, 3, (void **)&saved,
                     sizeof *saved))
        return NULL;
    if (saved) *saved = (saved_embed){*batch, pad_id};
    for (int32_t s = 0; s < batch->sequences; s++) {
        for (int32_t i = batch->start[s]; i < batch->start[s + 1]; i++) {
            size_t w = (size_t)batch->ids[i], p = (size_t)(i - batch->start[s]);
            size_t t = batch->types ? (size_t)batch->types[i] : 0, h = (size_t)cols;
            add3(y->x + (size_t)i * h, word->x + w * h, position->x + p * h, type->x + t * h, cols);
        }
    }
    return y;
}

EQBI_KERNEL static void add_to(float *EQBI_RESTRICT y, const float *EQBI_RESTRICT x, int32_t n)
{
    for (int32_t i = 0; i < n; i++) y[i] += x[i];
}

void eqbi_embed_backward(graph *g, node *n)
{
    const saved_embed *s = n->saved;
    const eqb_batch *b = &s->batch;
    float *dword = eqbi_grad_sum(g, n->in[0]), *dposition = eqbi_grad_sum(g, n->in[1]);
    float *dtype = eqbi_grad_sum(g, n->in[2]);
    const float *dy = n->out->g;
    int32_t cols = n->out->cols;
    enum { BLOCK = 64 };
#pragma omp parallel for schedule(static) if (eqbi_size(n->out) > EQBI_PARALLEL_MIN)
    for (int32_t c = 0; c < cols; c += BLOCK) {
        int32_t width = c + BLOCK < cols ? BLOCK : cols - c;
        size_t h = (size_t)cols, from = (size_t)c;
        for (int32_t q = 0; q < b->sequences; q++) {
            for (int32_t i = b->start[q]; i < b->start[q + 1]; i++) {
                const float *row = dy + (size_t)i * h + from;
                size_t w = (size_t)b->ids[i], p = (size_t)(i - b->start[q]);
                size_t t = b->types ? (size_t)b->types[i] : 0;
                if (dword && b->ids[i] != s->pad_id) add_to(dword + w * h + from, row, width);
                if (dposition) add_to(dposition + p * h + from, row, width);
                if (dtype) add_to(dtype + t * h + from, row, width);
            }
        }
    }
}
