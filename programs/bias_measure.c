/* All sentences of the tables, by one model; see bias.h. Of a sentence with the profession masked,
 * one run serves all professions with as many pieces. */
#include "programs/bias_ask.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct job {
    ask ask;
    measured *out;
    word profession[PROFESSIONS];
} job;

eqb_status bias_fail(eqb_error *err, eqb_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    err->status = status;
    return status;
}

/* Whether the vocabulary has all words of a gender, in the form that a template wants. Two that it
 * lacks would look alike, and the gap would be 0 for no good reason.                              */
static eqb_status is_known(job *j, const char *template, const gender *g, bool *known,
                           eqb_error *err)
{
    char buffer[TEXT_ROOM];
    eqb_status status = EQB_OK;
    *known = true;
    for (int v = 0; status == EQB_OK && v < VERSIONS; v++) {
        word w;
        status = ask_split(&j->ask, bias_form(buffer, template, g, v), &w, err);
        *known = *known && w.count > 0;
    }
    return status;
}

/* ----------------------------------------------------------------------------- gender -> word -- */

static eqb_status ask_widths(job *j, int t, int g, int v, eqb_error *err)
{
    char text[TEXT_ROOM];
    for (int32_t width = 1; width <= MOST_PIECES; width++) {
        bool asked = false;
        for (int p = 0; p < PROFESSIONS; p++) {
            if (j->profession[p].count != width) continue;
            if (!asked) {
                bias_forward_text(text, BIAS_TEMPLATE[t], &BIAS_GENDER[g], v, width);
                eqb_status status = ask_text(&j->ask, text, NULL, err);
                if (status != EQB_OK) return status;
                asked = true;
            }
            double *log_p = &j->out->forward[p][t][g][v];
            *log_p = 0.0;
            ask_word(&j->ask, 0, &j->profession[p], log_p);
        }
    }
    return EQB_OK;
}

static eqb_status measure_forward(job *j, eqb_error *err)
{
    eqb_status status = EQB_OK;
    for (int t = 0; t < TEMPLATES; t++)
        for (int g = 0; status == EQB_OK && g < GENDERS; g++) {
            bool known;
            status = is_known(j, BIAS_TEMPLATE[t], &BIAS_GENDER[g], &known, err);
            for (int v = 0; v < VERSIONS; v++) {
                for (int p = 0; p < PROFESSIONS; p++) j->out->forward[p][t][g][v] = NAN;
                if (status == EQB_OK && known) status = ask_widths(j, t, g, v, err);
            }
        }
    return status == EQB_OK ? ask_run(&j->ask, err) : status;
}

/* ----------------------------------------------------------------------------- word -> gender -- */

/* mask: the pronoun's; answers: of a profession's two versions */
static void ask_pronouns(job *j, const word pronoun[VERSIONS], int32_t mask,
                         double answers[VERSIONS])
{
    for (int v = 0; v < VERSIONS; v++) {
        answers[v] = pronoun[v].count == 1 ? 0.0 : NAN;
        if (pronoun[v].count == 1) ask_word(&j->ask, mask, &pronoun[v], &answers[v]);
    }
}

/* The sentence with masks for the profession is the same for all that have the article and as many
 * pieces.                                                                                         */
static eqb_status ask_masked(job *j, int r, bool an, int32_t width, const word pronoun[VERSIONS],
                             eqb_error *err)
{
    char text[TEXT_ROOM];
    int32_t mask = -1;
    for (int p = 0; p < PROFESSIONS; p++) {
        if (j->profession[p].count != width || bias_takes_an(BIAS_PROFESSION[p]) != an) continue;
        if (mask < 0) {
            mask = bias_reverse_text(text, BIAS_REVERSE[r].text, NULL, an, width);
            eqb_status status = ask_text(&j->ask, text, NULL, err);
            if (status != EQB_OK) return status;
        }
        ask_pronouns(j, pronoun, mask, j->out->reverse[p][r][MASKED]);
    }
    return EQB_OK;
}

static eqb_status ask_said(job *j, int r, const word pronoun[VERSIONS], eqb_error *err)
{
    char text[TEXT_ROOM];
    eqb_status status = EQB_OK;
    for (int p = 0; status == EQB_OK && p < PROFESSIONS; p++) {
        double(*answers)[VERSIONS] = j->out->reverse[p][r];
        for (int v = 0; v < VERSIONS; v++) answers[SAID][v] = answers[MASKED][v] = NAN;
        if (j->profession[p].count == 0) continue;
        bias_reverse_text(text, BIAS_REVERSE[r].text, BIAS_PROFESSION[p],
                          bias_takes_an(BIAS_PROFESSION[p]), 0);
        status = ask_text(&j->ask, text, NULL, err);
        if (status == EQB_OK) ask_pronouns(j, pronoun, 0, answers[SAID]);
    }
    return status;
}

static eqb_status measure_reverse(job *j, eqb_error *err)
{
    eqb_status status = EQB_OK;
    for (int r = 0; status == EQB_OK && r < REVERSES; r++) {
        word pronoun[VERSIONS];
        for (int v = 0; status == EQB_OK && v < VERSIONS; v++)
            status = ask_split(&j->ask, BIAS_REVERSE[r].word[v], &pronoun[v], err);
        if (status == EQB_OK) status = ask_said(j, r, pronoun, err);
        for (int32_t width = 1; status == EQB_OK && width <= MOST_PIECES; width++) {
            status = ask_masked(j, r, false, width, pronoun, err);
            if (status == EQB_OK) status = ask_masked(j, r, true, width, pronoun, err);
        }
    }
    return status == EQB_OK ? ask_run(&j->ask, err) : status;
}

/* ---------------------------------------------------------------------------- next and facts -- */

static eqb_status measure_next(job *j, eqb_error *err)
{
    const unsigned needed = EQB_PART_POOLER | EQB_PART_NSP;
    bool able = (eqb_model_parts(j->ask.model) & needed) == needed;
    eqb_status status = EQB_OK;
    char first[TEXT_ROOM];
    j->ask.next = true;
    for (int i = 0; i < NEXTS; i++)
        for (int c = 0; c < CONTINUATIONS; c++)
            for (int v = 0; status == EQB_OK && v < VERSIONS; v++) {
                double *log_p = &j->out->next[i][c][v];
                *log_p = able ? 0.0 : NAN;
                if (!able) continue;
                bias_version(first, BIAS_NEXT[i].first, v);
                status = ask_text(&j->ask, first, BIAS_NEXT[i].second[c], err);
                if (status == EQB_OK) ask_follows(&j->ask, log_p);
            }
    if (status == EQB_OK) status = ask_run(&j->ask, err);
    j->ask.next = false;
    return status;
}

static eqb_status measure_facts(job *j, eqb_error *err)
{
    eqb_status status = EQB_OK;
    char text[TEXT_ROOM];
    for (int i = 0; i < FACTS; i++)
        for (int k = 0; status == EQB_OK && k < ANSWERS; k++) {
            double *log_p = &j->out->fact[i][k];
            word w;
            *log_p = NAN;
            status = ask_split(&j->ask, BIAS_FACT[i].word[k], &w, err);
            if (status != EQB_OK || w.count == 0) continue;
            bias_fact_text(text, BIAS_FACT[i].text, w.count);
            status = ask_text(&j->ask, text, NULL, err);
            *log_p = 0.0;
            if (status == EQB_OK) ask_word(&j->ask, 0, &w, log_p);
        }
    return status == EQB_OK ? ask_run(&j->ask, err) : status;
}

/* --------------------------------------------------------------------------------------- all -- */

static eqb_status measure_text(bias *b, int32_t m, eqb_error *err)
{
    eqb_pretrain_options options;
    eqb_pretrain_options_default(&options);
    int32_t positions = eqb_model_config(b->model[m])->max_positions;
    if (options.max_tokens > positions) options.max_tokens = positions;
    eqb_corpus *corpus;
    eqb_status status = eqb_corpus_load(&corpus, &b->text, 1, eqb_model_tokenizer(b->model[m]),
                                        NULL, err);
    if (status != EQB_OK) return status;
    status = eqb_pretrain_evaluate(&b->by[m].text, b->model[m], corpus,
                                   NULL, &options, b->text_sequences, err);
    eqb_corpus_free(corpus);
    return status;
}

eqb_status bias_measure(bias *b, int32_t m, eqb_error *err)
{
    static job j; /* large */
    j.out = &b->by[m];
    eqb_status status = ask_open(&j.ask, b->dir[m], b->model[m], err);
    if (status != EQB_OK) return status;
    for (int p = 0; status == EQB_OK && p < PROFESSIONS; p++) {
        status = ask_split(&j.ask, BIAS_PROFESSION[p], &j.profession[p], err);
        j.out->pieces[p] = j.profession[p].count;
    }
    if (status == EQB_OK) status = measure_forward(&j, err);
    if (status == EQB_OK) status = measure_reverse(&j, err);
    if (status == EQB_OK) status = measure_next(&j, err);
    if (status == EQB_OK) status = measure_facts(&j, err);
    if (status == EQB_OK && b->text) status = measure_text(b, m, err);
    ask_close(&j.ask);
    return status;
}
