/* Sentences in batches; see bias_ask.h. */
#include "programs/bias_ask.h"

#include <math.h>
#include <string.h>

eqb_status ask_open(ask *a, const char *dir, const eqb_model *model, eqb_error *err)
{
    a->dir = dir;
    a->model = model;
    a->tokenizer = eqb_model_tokenizer(model);
    a->special = eqb_tokenizer_special(a->tokenizer);
    a->text = (eqb_encoding){0};
    a->next = false;
    a->sequences = a->rows = a->wants = a->start[0] = 0;
    return eqb_session_new(&a->session, model, NULL, err);
}

void ask_close(ask *a)
{
    eqb_encoding_free(&a->text);
    eqb_session_free(a->session);
}

eqb_status ask_split(ask *a, const char *text, word *out, eqb_error *err)
{
    out->count = 0;
    eqb_status status = eqb_tokenize(a->tokenizer, text, strlen(text), &a->text, err);
    if (status != EQB_OK || a->text.count > MOST_PIECES) return status;
    for (int32_t i = 0; i < a->text.count; i++) {
        if (a->text.ids[i] == a->special.unk) return EQB_OK;
        out->ids[i] = a->text.ids[i];
    }
    out->count = a->text.count;
    return EQB_OK;
}

/* ----------------------------------------------------------------------------------- running -- */

/* log of the sum of exp(x), in double: a log p is compared with others to the last digit. */
static double log_sum_exp(const float *x, int32_t n)
{
    float most = x[0];
    for (int32_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)most);
    return (double)most + log(sum);
}

static void serve(ask *a, const float *logits, int32_t rows, int32_t columns)
{
    for (int32_t r = 0; r < rows; r++)
        a->log_sum[r] = log_sum_exp(logits + (size_t)r * (size_t)columns, columns);
    for (int32_t i = 0; i < a->wants; i++) {
        const want *w = &a->want[i];
        float logit = logits[(size_t)w->row * (size_t)columns + (size_t)w->id];
        *w->log_p += (double)logit - a->log_sum[w->row];
    }
}

eqb_status ask_run(ask *a, eqb_error *err)
{
    const float *logits;
    const eqb_batch batch = {a->sequences, a->start, a->ids, a->types};
    int32_t wants = a->wants;
    if (cli_signal()) return bias_fail(err, EQB_ERR_CANCELLED, "interrupted");
    eqb_status status = wants > 0 ? eqb_session_forward(a->session, &batch, err) : EQB_OK;
    if (status == EQB_OK && wants > 0)
        status = a->next ? eqb_session_nsp_logits(a->session, &logits, err)
                         : eqb_session_mlm_logits(a->session, a->row, a->rows, &logits, err);
    if (status != EQB_OK) return status;
    if (wants > 0 && a->next) serve(a, logits, a->sequences, 2);
    if (wants > 0 && !a->next)
        serve(a, logits, a->rows, eqb_model_config(a->model)->vocab_size);
    a->sequences = a->rows = a->wants = 0;
    return EQB_OK;
}

/* ------------------------------------------------------------------------------------ asking -- */

static bool is_full(const ask *a)
{
    return a->start[a->sequences] >= FULL_TOKENS || a->sequences == MOST_SEQUENCES ||
           a->wants >= FULL_WANTS;
}

eqb_status ask_text(ask *a, const char *first, const char *second, eqb_error *err)
{
    int32_t positions = eqb_model_config(a->model)->max_positions;
    int32_t most = ROOM_TOKENS - FULL_TOKENS < positions ? ROOM_TOKENS - FULL_TOKENS : positions;
    eqb_status status = is_full(a) ? ask_run(a, err) : EQB_OK;
    if (status == EQB_OK)
        status = eqb_encode(a->tokenizer, first, strlen(first), second,
                            second ? strlen(second) : 0, most, &a->text, err);
    if (status != EQB_OK) return status;
    if (a->text.truncated > 0)
        return bias_fail(err, EQB_ERR_MODEL, "%s: reads at most %d tokens, too few for \"%s\"",
                         a->dir, positions, first);
    int32_t begin = a->start[a->sequences];
    a->first_row = a->rows;
    for (int32_t i = 0; i < a->text.count; i++) {
        a->ids[begin + i] = a->text.ids[i];
        a->types[begin + i] = a->text.types[i];
        if (a->text.ids[i] == a->special.mask) a->row[a->rows++] = begin + i;
    }
    a->start[++a->sequences] = begin + a->text.count;
    return EQB_OK;
}

void ask_word(ask *a, int32_t mask, const word *w, double *log_p)
{
    for (int32_t i = 0; i < w->count; i++)
        a->want[a->wants++] = (want){a->first_row + mask + i, w->ids[i], log_p};
}

void ask_follows(ask *a, double *log_p)
{
    a->want[a->wants++] = (want){a->sequences - 1, 0, log_p};
}
