/* O = dropout(P) V,  P = softmax(Q K^T / sqrt(D)), for each head of each packed sequence.
 *
 * Sequences and heads are independent, so the loop over (sequence, head) is the parallel one.
 * Users' sentences are short: P V of up to SHORT tokens is a loop over the head's D contiguous
 * floats; longer ones go to BLAS. Backward, with M the dropout mask:
 *     dV = (M P)^T dO;  dP = M (dO V^T);  dS = P (dP - rowsum(dP P)) / sqrt(D)
 *     dQ = dS K;  dK = dS^T Q                                                                     */
#include "autograd/masks.h"
#include "autograd/ops.h"

#include <math.h>
#include <omp.h>

enum { SHORT = 32 };

typedef struct saved_attention {
    const int32_t *start;
    int32_t sequences, heads;
    mask_key mask;
    float *p;      /* probabilities before dropout: head after head, sequence after sequence */
    size_t *place; /* [sequences] where a sequence's [A, L, L] begins in p                   */
} saved_attention;

/* ---------------------------------------------------------------- products of one head [L, D] -- */

/* o[r] = beta o[r] + sum over c of s[r, c] a[c], or of s[c, r] when transposed: four rows of a for
 * each pass over o[r]. Past the end the last row of a stands in, with weight 0.                  */
EQBI_KERNEL static void short_mix(float *EQBI_RESTRICT o, int32_t ldo, const float *s,
                                  bool transposed, const float *EQBI_RESTRICT a, int32_t lda,
                                  int32_t length, int32_t d, float beta)
{
    for (int32_t r = 0; r < length; r++) {
        float *out = o + (size_t)r * (size_t)ldo;
        if (beta == 0.0f)
            for (int32_t i = 0; i < d; i++) out[i] = 0.0f;
        for (int32_t c = 0; c < length; c += 4) {
            const float *x[4];
            float w[4];
            for (int32_t v = 0; v < 4; v++) {
                int32_t row = c + v < length ? c + v : length - 1;
                float weight = transposed ? s[row * length + r] : s[r * length + row];
                x[v] = a + (size_t)row * (size_t)lda;
                w[v] = c + v < length ? weight : 0.0f;
            }
            const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
            float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
            for (int32_t i = 0; i < d; i++)
                out[i] += (w0 * x0[i] + w1 * x1[i]) + (w2 * x2[i] + w3 * x3[i]);
        }
    }
}

/* s[r, c] = a[r] . b[c]; s is [L, L], a and b have stride ld. */
static void scores(float *s, const float *a, int32_t lda, const float *b, int32_t ldb,
                   int32_t length, int32_t d)
{
    eqbi_gemm(false, true, length, length, d, a, lda, b, ldb, 0.0f, s, length);
}

static void mix(float *o, int32_t ldo, const float *s, bool transposed, const float *a,
                int32_t lda, int32_t length, int32_t d, float beta)
{
    if (length <= SHORT)
        short_mix(o, ldo, s, transposed, a, lda, length, d, beta);
    else
        eqbi_gemm(transposed, false, length, d, length, s, length, a, lda, beta, o, ldo);
}

/* ------------------------------------------------------------------------- rows of [L, L] -- */

/* p = softmax(scale s) over rows, in place. */
EQBI_KERNEL static void softmax_rows(float *s, int32_t length, float scale)
{
    for (int32_t r = 0; r < length; r++) {
        float *row = s + (size_t)r * (size_t)length, top = -INFINITY, sum = 0.0f;
#pragma omp simd reduction(max : top)
        for (int32_t c = 0; c < length; c++) top = row[c] > top ? row[c] : top;
#pragma omp simd reduction(+ : sum)
        for (int32_t c = 0; c < length; c++) {
            row[c] = eqbi_expf((row[c] - top) * scale);
            sum += row[c];
        }
        float inverse = 1.0f / sum;
        for (int32_t c = 0; c < length; c++) row[c] *= inverse;
    }
}

/* to = mask * from; first_row numbers the rows of all heads and sequences. */
EQBI_KERNEL static void mask_rows(float *to, const float *from, int32_t length,
                                  const mask_key *mask, size_t first_row)
{
    int32_t threshold = mask->threshold;
    float scale = mask->scale;
    for (int32_t r = 0; r < length; r++) {
        uint32_t key = eqbi_mask_row(mask, first_row + (size_t)r);
        size_t at = (size_t)r * (size_t)length;
#pragma omp simd
        for (int32_t c = 0; c < length; c++)
            to[at + (size_t)c] =
                from[at + (size_t)c] * eqbi_mask(key, (uint32_t)c, threshold, scale);
    }
}

/* ds = p (dp - rowsum(dp p)) scale, in place of dp. */
EQBI_KERNEL static void softmax_rows_backward(float *EQBI_RESTRICT dp,
                                              const float *EQBI_RESTRICT p, int32_t length,
                                              float scale)
{
    for (int32_t r = 0; r < length; r++) {
        size_t at = (size_t)r * (size_t)length;
        float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
        for (int32_t c = 0; c < length; c++) dot += dp[at + (size_t)c] * p[at + (size_t)c];
        for (int32_t c = 0; c < length; c++)
            dp[at + (size_t)c] = p[at + (size_t)c] * (dp[at + (size_t)c] - dot) * scale;
    }
}

/* --------------------------------------------------------------------------------- the op -- */

/* What both directions know about one head of one sequence. */
typedef struct head {
    size_t row;       /* first token of the sequence      */
    int32_t length;
    size_t column;    /* of the head in q, k, v, o        */
    float *p;         /* [L, L]                           */
    size_t first_row; /* of p among all, for the mask     */
} head;

static head head_of(const saved_attention *s, int32_t index, int32_t d)
{
    int32_t sequence = index / s->heads, a = index % s->heads;
    head h = {.row = (size_t)s->start[sequence],
              .length = s->start[sequence + 1] - s->start[sequence],
              .column = (size_t)a * (size_t)d};
    h.p = s->p ? s->p + s->place[sequence] + (size_t)a * (size_t)h.length * (size_t)h.length : NULL;
    h.first_row = h.row * (size_t)s->heads + (size_t)a * (size_t)h.length;
    return h;
}

static size_t longest_square(const int32_t *start, int32_t sequences)
{
    size_t longest = 0;
    for (int32_t i = 0; i < sequences; i++) {
        size_t length = (size_t)(start[i + 1] - start[i]);
        longest = length > longest ? length : longest;
    }
    return longest * longest;
}

static bool place_probabilities(graph *g, saved_attention *s)
{
    size_t total = 0;
    s->place = eqbi_scratch(g, (size_t)s->sequences, sizeof *s->place);
    for (int32_t i = 0; s->place && i < s->sequences; i++) {
        size_t length = (size_t)(s->start[i + 1] - s->start[i]);
        s->place[i] = total;
        total += length * length * (size_t)s->heads;
    }
    s->p = eqbi_scratch(g, total, sizeof *s->p);
    return s->place && s->p;
}

tensor *eqbi_attention(graph *g, tensor *qkv, const int32_t *start, int32_t sequences,
                       int32_t heads, float dropout)
{
    if (!qkv) return NULL;
    int32_t hidden = qkv->cols / 3, d = hidden / heads, ld = qkv->cols;
    if (qkv->cols % 3 != 0 || hidden % heads != 0 || start[sequences] != qkv->rows)
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "attention: qkv is [%d, %d], %d heads",
                               qkv->rows, qkv->cols, heads);
    tensor *o = eqbi_tensor(g, qkv->rows, hidden);
    if (!o) return NULL;
    saved_attention s = {start, sequences, heads, eqbi_mask_key(g, dropout), NULL, NULL}, *saved;
    if (!eqbi_record(g, OP_attention, o, &qkv, 1, (void **)&saved, sizeof *saved)) return NULL;
    if (saved && !place_probabilities(g, &s)) return NULL;
    if (saved) *saved = s;
    size_t square = longest_square(start, sequences);
    float *scratch = eqbi_scratch(g, (size_t)omp_get_max_threads() * square, sizeof(float));
    if (!scratch) return NULL;
    float scale = 1.0f / sqrtf((float)d);
#pragma omp parallel for schedule(dynamic) if (eqbi_size(o) > EQBI_PARALLEL_MIN)
    for (int32_t i = 0; i < sequences * heads; i++) {
        head h = head_of(&s, i, d);
        float *mine = scratch + (size_t)omp_get_thread_num() * square;
        float *p = h.p ? h.p : mine;
        const float *q = qkv->x + h.row * (size_t)ld + h.column;
        scores(p, q, ld, q + hidden, ld, h.length, d);
        softmax_rows(p, h.length, scale);
        if (s.mask.threshold > 0) mask_rows(mine, p, h.length, &s.mask, h.first_row);
        mix(o->x + h.row * (size_t)hidden + h.column, hidden, s.mask.threshold > 0 ? mine : p,
            false, q + 2 * hidden, ld, h.length, d, 0.0f);
    }
    return o;
}

void eqbi_attention_backward(graph *g, node *n)
{
    const saved_attention *s = n->saved;
    tensor *qkv = n->in[0];
    int32_t hidden = n->out->cols, d = hidden / s->heads, ld = qkv->cols;
    float beta;
    float *dqkv = eqbi_grad(g, qkv, &beta);
    size_t square = longest_square(s->start, s->sequences);
    float *scratch = eqbi_scratch(g, (size_t)omp_get_max_threads() * 2 * square, sizeof(float));
    if (!dqkv || !scratch) return;
    float scale = 1.0f / sqrtf((float)d);
#pragma omp parallel for schedule(dynamic) if (eqbi_size(n->out) > EQBI_PARALLEL_MIN)
    for (int32_t i = 0; i < s->sequences * s->heads; i++) {
        head h = head_of(s, i, d);
        float *dp = scratch + (size_t)omp_get_thread_num() * 2 * square, *masked = dp + square;
        size_t at = h.row * (size_t)ld + h.column;
        const float *q = qkv->x + at, *k = q + hidden, *v = k + hidden;
        float *dq = dqkv + at, *dk = dq + hidden, *dv = dk + hidden;
        const float *d_o = n->out->g + h.row * (size_t)hidden + h.column;
        bool drops = s->mask.threshold > 0;
        if (drops) mask_rows(masked, h.p, h.length, &s->mask, h.first_row);
        mix(dv, ld, drops ? masked : h.p, true, d_o, hidden, h.length, d, beta);
        scores(dp, d_o, hidden, v, ld, h.length, d);
        if (drops) mask_rows(dp, dp, h.length, &s->mask, h.first_row);
        softmax_rows_backward(dp, h.p, h.length, scale);
        mix(dq, ld, dp, false, k, ld, h.length, d, beta);
        mix(dk, ld, dp, true, q, ld, h.length, d, beta);
    }
}
