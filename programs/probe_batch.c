/* Packed sequences and what is wanted of them; see probe.h.
 *
 * A sequence that is asked for twice (several words at one mask, several masks of one text) is run
 * once, and a row of logits that serves several wants is computed once. */
#include "programs/probe.h"

#include <math.h>
#include <string.h>

void batch_clear(batch *b)
{
    b->sequences = b->tokens = b->rows = b->wants = 0;
}

int32_t batch_sequence(batch *b, const int32_t *ids, const int32_t *types, int32_t count)
{
    size_t bytes = (size_t)count * sizeof *ids;
    for (int32_t i = 0; i < b->sequences; i++) {
        int32_t at = b->start[i];
        if (b->start[i + 1] - at == count && memcmp(b->ids + at, ids, bytes) == 0 &&
            memcmp(b->types + at, types, bytes) == 0)
            return at;
    }
    int32_t at = b->tokens;
    size_t room = (size_t)at + (size_t)count;
    b->start = probe_grow(b->start, (size_t)b->sequences + 2, &b->start_capacity, sizeof *b->start);
    b->ids = probe_grow(b->ids, room, &b->ids_capacity, sizeof *b->ids);
    b->types = probe_grow(b->types, room, &b->types_capacity, sizeof *b->types);
    b->row_of = probe_grow(b->row_of, room, &b->row_of_capacity, sizeof *b->row_of);
    memcpy(b->ids + at, ids, bytes);
    memcpy(b->types + at, types, bytes);
    for (int32_t i = at; i < at + count; i++) b->row_of[i] = -1;
    b->tokens += count;
    b->start[0] = 0;
    b->start[++b->sequences] = b->tokens;
    return at;
}

int32_t batch_row(batch *b, int32_t token)
{
    if (b->row_of[token] < 0) {
        b->row = probe_grow(b->row, (size_t)b->rows + 1, &b->row_capacity, sizeof *b->row);
        b->row[b->rows] = token;
        b->row_of[token] = b->rows++;
    }
    return b->row_of[token];
}

void batch_want(batch *b, int32_t token, int32_t id, double *log_p)
{
    b->want = probe_grow(b->want, (size_t)b->wants + 1, &b->want_capacity, sizeof *b->want);
    b->want[b->wants++] = (want){batch_row(b, token), id, log_p};
}

/* log of the sum of exp(x). In double: a probability is compared with others, to the last digit. */
static double log_sum_exp(const float *x, int32_t n)
{
    float most = x[0];
    for (int32_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)most);
    return (double)most + log(sum);
}

/* logits [rows, columns] */
static void serve(batch *b, const float *logits, int32_t columns)
{
    b->log_sum = probe_grow(b->log_sum, (size_t)b->rows, &b->log_sum_capacity, sizeof *b->log_sum);
    for (int32_t r = 0; r < b->rows; r++)
        b->log_sum[r] = log_sum_exp(logits + (size_t)r * (size_t)columns, columns);
    for (int32_t i = 0; i < b->wants; i++) {
        const want *w = &b->want[i];
        float logit = logits[(size_t)w->row * (size_t)columns + (size_t)w->id];
        *w->log_p += (double)logit - b->log_sum[w->row];
    }
}

static eqb_status forward(const batch *b, eqb_session *session, eqb_error *err)
{
    return eqb_session_forward(session, &(eqb_batch){b->sequences, b->start, b->ids, b->types},
                               err);
}

eqb_status batch_run(batch *b, eqb_session *session, int32_t vocab, const float **logits,
                     eqb_error *err)
{
    const float *found;
    eqb_status status = forward(b, session, err);
    if (status == EQB_OK) status = eqb_session_mlm_logits(session, b->row, b->rows, &found, err);
    if (status != EQB_OK) return status;
    serve(b, found, vocab);
    if (logits) *logits = found;
    return EQB_OK;
}

eqb_status batch_run_next(batch *b, eqb_session *session, eqb_error *err)
{
    const float *logits; /* [sequences, 2] = [rows, 2]: each sequence asked for one row, in order */
    eqb_status status = forward(b, session, err);
    if (status == EQB_OK) status = eqb_session_nsp_logits(session, &logits, err);
    if (status == EQB_OK) serve(b, logits, 2);
    return status;
}
