/* O = dropout(P) V,  P = softmax(Q K^T / sqrt(D)), for each head of each packed sequence.
 *
 * Sequences and heads are independent, so the loop over (sequence, head) is the parallel one.
 * Backward, with M the dropout mask:
 *     dV = (M P)^T dO;  dP = M (dO V^T);  dS = P (dP - rowsum(dP P)) / sqrt(D)
 *     dQ = dS K;  dK = dS^T Q
 * R queries look at the L tokens of their sequence: all of it, R = L, or some of its rows only.    */
#include "autograd/masks.h"
#include "autograd/ops.h"

#include <math.h>
#include <omp.h>

typedef struct saved_attention {
    const int32_t *start;   /* [sequences + 1] of the keys and values    */
    const int32_t *queries; /* [sequences + 1] the same of the query rows */
    int32_t sequences, heads;
    mask_key mask;
    float *p;      /* probabilities before dropout: head after head, sequence after sequence */
    size_t *place; /* [sequences] where a sequence's [A, R, L] begins in p                   */
} saved_attention;

/* -------------------------------------------------- products of one head, [R, D] and [L, D] -- */

/* o[r] = beta o[r] + sum over c of s[r, c] a[c], or of s[c, r] when transposed. */
static void mix(float *o, int32_t ldo, int32_t rows, const float *s, int32_t lds, bool transposed,
                const float *a, int32_t lda, int32_t count, int32_t d, float beta)
{
    eqbi_gemm_here(&(eqbi_product){transposed, false, rows, d, count, s, a, o, lds, lda, ldo, beta,
                                   NULL, NULL, NULL});
}

/* ------------------------------------------------------------------------- rows of [R, L] -- */

/* p = softmax(scale s) over rows, in place. */
EQBI_KERNEL static void softmax_rows(float *s, int32_t rows, int32_t length, float scale)
{
    for (int32_t r = 0; r < rows; r++) {
        float *row = s + (size_t)r * (size_t)length, top = -INFINITY, sum = 0.0f;
#pragma omp simd reduction(max : top)
        for (int32_t c = 0; c < length; c++) top = row[c] > top ? row[c] : top;
#pragma omp simd reduction(+ : sum)
        for (int32_t c = 0; c < length; c++) {
            row[c] = eqbi_expf_to_88((row[c] - top) * scale);
            sum += row[c];
        }
        float inverse = 1.0f / sum;
        for (int32_t c = 0; c < length; c++) row[c] *= inverse;
    }
}

/* to = mask * from; first_row numbers the rows of all heads and sequences. */
EQBI_KERNEL static void mask_rows(float *to, const float *from, int32_t rows, int32_t length,
                                  const mask_key *mask, size_t first_row)
{
    int32_t threshold = mask->threshold;
    float scale = mask->scale;
    for (int32_t r = 0; r < rows; r++) {
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
                                              const float *EQBI_RESTRICT p, int32_t rows,
                                              int32_t length, float scale)
{
    for (int32_t r = 0; r < rows; r++) {
        size_t at = (size_t)r * (size_t)length;
        float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
        for (int32_t c = 0; c < length; c++) dot += dp[at + (size_t)c] * p[at + (size_t)c];
        for (int32_t c = 0; c < length; c++)
            dp[at + (size_t)c] = p[at + (size_t)c] * (dp[at + (size_t)c] - dot) * scale;
    }
}

/* --------------------------------------------------------------------------------- the op -- */

/* Query, key and value of all tokens in one tensor [N, 3H], or query [Q, H] beside key and value
 * [N, 2H]: where each begins and how far its rows are apart. The same of their gradients.         */
typedef struct projections {
    float *q, *k, *v;
    int32_t ldq, ldkv;
} projections;

static projections all_in_one(float *qkv, int32_t hidden)
{
    return (projections){qkv, qkv + hidden, qkv + 2 * hidden, 3 * hidden, 3 * hidden};
}

/* Either may be NULL: no gradient is wanted there. */
static projections in_two(float *q, float *kv, int32_t hidden)
{
    return (projections){q, kv, kv ? kv + hidden : NULL, hidden, 2 * hidden};
}

/* What both directions know about one head of one sequence. */
typedef struct head {
    size_t row, query; /* first token of the sequence, first of its queries */
    int32_t length, queries;
    size_t column;     /* of the head in q, k, v, o        */
    float *p;          /* [R, L]                           */
    size_t first_row;  /* of p among all, for the mask     */
} head;

static head head_of(const saved_attention *s, int32_t index, int32_t d)
{
    int32_t sequence = index / s->heads, a = index % s->heads;
    head h = {.row = (size_t)s->start[sequence],
              .query = (size_t)s->queries[sequence],
              .length = s->start[sequence + 1] - s->start[sequence],
              .queries = s->queries[sequence + 1] - s->queries[sequence],
              .column = (size_t)a * (size_t)d};
    size_t before = (size_t)a * (size_t)h.queries;
    h.p = s->p ? s->p + s->place[sequence] + before * (size_t)h.length : NULL;
    h.first_row = h.query * (size_t)s->heads + before;
    return h;
}

/* s [R, L] = a b^T, a [R, D], b [L, D]. */
static void scores(float *s, const head *h, int32_t d, const float *a, int32_t lda, const float *b,
                   int32_t ldb)
{
    eqbi_gemm_here(&(eqbi_product){.transpose_b = true,
                                   .m = h->queries,
                                   .n = h->length,
                                   .k = d,
                                   .a = a,
                                   .b = b,
                                   .c = s,
                                   .lda = lda,
                                   .ldb = ldb,
                                   .ldc = h->length});
}

/* Few queries, too, look at all keys. */
static bool worth_a_team(const tensor *q, const tensor *kv)
{
    return eqbi_size(q) + (kv ? eqbi_size(kv) : 0) > EQBI_PARALLEL_MIN;
}

static size_t largest_head(const saved_attention *s)
{
    size_t largest = 0;
    for (int32_t i = 0; i < s->sequences; i++) {
        size_t size = (size_t)(s->start[i + 1] - s->start[i]) *
                      (size_t)(s->queries[i + 1] - s->queries[i]);
        largest = size > largest ? size : largest;
    }
    return largest;
}

static bool place_probabilities(graph *g, saved_attention *s)
{
    size_t total = 0;
    s->place = eqbi_scratch(g, (size_t)s->sequences, sizeof *s->place);
    for (int32_t i = 0; s->place && i < s->sequences; i++) {
        s->place[i] = total;
        total += (size_t)(s->start[i + 1] - s->start[i]) *
                 (size_t)(s->queries[i + 1] - s->queries[i]) * (size_t)s->heads;
    }
    s->p = eqbi_scratch(g, total, sizeof *s->p);
    return s->place && s->p;
}

/* kv NULL: q holds all three. */
static tensor *attention(graph *g, tensor *q, tensor *kv, saved_attention s, int32_t hidden,
                         float dropout)
{
    tensor *o = eqbi_tensor(g, q->rows, hidden);
    if (!o) return NULL;
    s.mask = eqbi_mask_key(g, dropout);
    saved_attention *saved;
    if (!eqbi_record(g, OP_attention, o, (tensor *[]){q, kv}, 2, (void **)&saved, sizeof *saved))
        return NULL;
    if (saved && !place_probabilities(g, &s)) return NULL;
    if (saved) *saved = s;
    size_t size = largest_head(&s);
    float *scratch = eqbi_scratch(g, (size_t)omp_get_max_threads() * size, sizeof(float));
    if (!scratch) return NULL;
    int32_t d = hidden / s.heads;
    float scale = 1.0f / sqrtf((float)d);
    projections x = kv ? in_two(q->x, kv->x, hidden) : all_in_one(q->x, hidden);
#pragma omp parallel for schedule(dynamic) if (worth_a_team(q, kv))
    for (int32_t i = 0; i < s.sequences * s.heads; i++) {
        head h = head_of(&s, i, d);
        float *mine = scratch + (size_t)omp_get_thread_num() * size, *p = h.p ? h.p : mine;
        size_t keys = h.row * (size_t)x.ldkv + h.column;
        scores(p, &h, d, x.q + h.query * (size_t)x.ldq + h.column, x.ldq, x.k + keys, x.ldkv);
        softmax_rows(p, h.queries, h.length, scale);
        bool drops = s.mask.threshold > 0;
        if (drops) mask_rows(mine, p, h.queries, h.length, &s.mask, h.first_row);
        mix(o->x + h.query * (size_t)hidden + h.column, hidden, h.queries, drops ? mine : p,
            h.length, false, x.v + keys, x.ldkv, h.length, d, 0.0f);
    }
    return o;
}

tensor *eqbi_attention(graph *g, tensor *qkv, const int32_t *start, int32_t sequences,
                       int32_t heads, float dropout)
{
    if (!qkv) return NULL;
    int32_t hidden = qkv->cols / 3;
    if (qkv->cols % 3 != 0 || hidden % heads != 0 || start[sequences] != qkv->rows)
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT, "attention: qkv is [%d, %d], %d heads",
                               qkv->rows, qkv->cols, heads);
    saved_attention s = {.start = start, .queries = start, .sequences = sequences, .heads = heads};
    return attention(g, qkv, NULL, s, hidden, dropout);
}

tensor *eqbi_attention_at(graph *g, tensor *q, const int32_t *queries, tensor *kv,
                          const int32_t *start, int32_t sequences, int32_t heads, float dropout)
{
    if (!q || !kv) return NULL;
    if (kv->cols != 2 * q->cols || q->cols % heads != 0 || start[sequences] != kv->rows ||
        queries[sequences] != q->rows)
        return eqbi_graph_fail(g, EQB_ERR_ARGUMENT,
                               "attention: q is [%d, %d], kv is [%d, %d], %d heads", q->rows,
                               q->cols, kv->rows, kv->cols, heads);
    saved_attention s = {
        .start = start, .queries = queries, .sequences = sequences, .heads = heads};
    return attention(g, q, kv, s, q->cols, dropout);
}

void eqbi_attention_backward(graph *g, node *n)
{
    const saved_attention *s = n->saved;
    tensor *q = n->in[0], *kv = n->in[1];
    int32_t hidden = n->out->cols, d = hidden / s->heads;
    float beta_q, beta_kv;
    float *dq = eqbi_grad(g, q, &beta_q), *dkv = eqbi_grad(g, kv, &beta_kv);
    if (!kv) beta_kv = beta_q;
    size_t size = largest_head(s);
    float *scratch = eqbi_scratch(g, (size_t)omp_get_max_threads() * 2 * size, sizeof(float));
    if (!scratch || g->err.status != EQB_OK) return;
    float scale = 1.0f / sqrtf((float)d);
    projections x = kv ? in_two(q->x, kv->x, hidden) : all_in_one(q->x, hidden);
    projections dx = kv ? in_two(dq, dkv, hidden) : all_in_one(dq, hidden);
#pragma omp parallel for schedule(dynamic) if (worth_a_team(q, kv))
    for (int32_t i = 0; i < s->sequences * s->heads; i++) {
        head h = head_of(s, i, d);
        float *dp = scratch + (size_t)omp_get_thread_num() * 2 * size, *masked = dp + size;
        size_t keys = h.row * (size_t)x.ldkv + h.column;
        size_t at = h.query * (size_t)x.ldq + h.column;
        const float *d_o = n->out->g + h.query * (size_t)hidden + h.column;
        bool drops = s->mask.threshold > 0;
        if (dx.v) {
            if (drops) mask_rows(masked, h.p, h.queries, h.length, &s->mask, h.first_row);
            mix(dx.v + keys, x.ldkv, h.length, drops ? masked : h.p, h.length, true, d_o, hidden,
                h.queries, d, beta_kv);
        }
        scores(dp, &h, d, d_o, hidden, x.v + keys, x.ldkv);
        if (drops) mask_rows(dp, dp, h.queries, h.length, &s->mask, h.first_row);
        softmax_rows_backward(dp, h.p, h.queries, h.length, scale);
        if (dx.q)
            mix(dx.q + at, x.ldq, h.queries, dp, h.length, false, x.k + keys, x.ldkv, h.length, d,
                beta_q);
        if (dx.k)
            mix(dx.k + keys, x.ldkv, h.length, dp, h.length, true, x.q + at, x.ldq, h.queries, d,
                beta_kv);
    }
}
