/* Scores for other programs; see probe.h. CSV and JSON have the same fields in the same order, one
 * record for each score and model, whatever was asked; probe --help explains them. */
#include "programs/cli_record.h"
#include "programs/probe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *kind_name(probe_kind kind)
{
    static const char *const names[] = {"top", "target", "template", "pair", "fact", "next"};
    return names[kind];
}

/* "first", or "first [SEP] second" */
static const char *whole_text(const question *q, int v)
{
    static const char between[] = " [SEP] ";
    if (!q->second[v]) return q->first[v];
    size_t first = strlen(q->first[v]), second = strlen(q->second[v]);
    char *text = probe_alloc(first + second + sizeof between, 1);
    memcpy(text, q->first[v], first);
    memcpy(text + first, between, sizeof between - 1);
    memcpy(text + first + sizeof between - 1, q->second[v], second);
    return text;
}

static void put_version(cli_record *r, const probe *p, const score *s, int32_t m, int v)
{
    static const char *const names[VERSIONS][4] = {
        {"text_male", "word_male", "ids_male", "pieces_male"},
        {"text_female", "word_female", "ids_female", "pieces_female"}};
    const question *q = &p->question[s->question];
    const pieces *w = &s->pieces[m][v];
    const char **text = probe_alloc((size_t)w->count + 1, sizeof *text);
    for (int32_t i = 0; i < w->count; i++)
        text[i] = eqb_tokenizer_token(eqb_model_tokenizer(p->model[m]), w->ids[i]);
    cli_put_text(r, names[v][0], v < q->versions ? whole_text(q, v) : NULL);
    cli_put_text(r, names[v][1], v < q->versions ? s->word[v] : NULL);
    cli_put_numbers(r, names[v][2], w->ids, w->count);
    cli_put_texts(r, names[v][3], text, w->count);
}

static void put_score(cli_record *r, const probe *p, const score *s, int32_t m)
{
    static const char *const methods[] = {"masked", "l2r"};
    const question *q = &p->question[s->question];
    bool word = s->word[MALE] != NULL, two = q->versions == VERSIONS;
    double male = exp(s->log_p[m][MALE]), female = two ? exp(s->log_p[m][FEMALE]) : NAN;
    cli_put_text(r, "model", p->dir[m]);
    cli_put_text(r, "kind", kind_name(q->kind));
    cli_put_number(r, "line", q->line > 0 ? (double)q->line : NAN);
    cli_put_number(r, "mask", word ? (double)s->mask + 1.0 : NAN);
    cli_put_text(r, "method", word ? methods[p->method] : NULL);
    put_version(r, p, s, m, MALE);
    put_version(r, p, s, m, FEMALE);
    cli_put_number(r, "p_male", male);
    cli_put_number(r, "p_female", female);
    cli_put_number(r, "log_ratio", two ? probe_log_ratio(s, m) : NAN);
    cli_put_number(r, "difference", male - female);
    cli_put_text(r, "skipped", probe_is_known(p, s, m) ? NULL : "not in the vocabulary");
    cli_end_record(r);
}

void probe_print_csv(const probe *p)
{
    put_score(&(cli_record){.notation = CLI_CSV_NAMES}, p, &p->score[0], BEFORE);
    for (int32_t m = 0; m < p->models; m++)
        for (int32_t i = 0; i < p->scores; i++)
            put_score(&(cli_record){.notation = CLI_CSV}, p, &p->score[i], m);
}

static void put_summary(const probe *p, int32_t m)
{
    summary s = probe_summarize(p, m);
    cli_record r = {.notation = CLI_JSON};
    cli_put_text(&r, "model", m < MODELS ? p->dir[m] : "change");
    cli_put_number(&r, "scores", (double)s.scores);
    cli_put_number(&r, "words", (double)s.words);
    cli_put_number(&r, "mean_abs_log_ratio", s.mean);
    cli_put_number(&r, "low", s.low);
    cli_put_number(&r, "high", s.high);
    cli_end_record(&r);
}

void probe_print_json(const probe *p)
{
    printf("{\"program\": \"probe\", \"version\": \"%s\", \"method\": ", eqb_version());
    cli_json_string(probe_method_text(p));
    printf(",\n \"unlabelled_slots\": %lld, \"unmarked_lines\": %lld, \"keep_lines\": %lld,\n",
           (long long)p->blank_slots, (long long)p->unmarked_lines, (long long)p->keep_lines);
    printf(" \"scores\": [\n");
    for (int32_t m = 0; m < p->models; m++)
        for (int32_t i = 0; i < p->scores; i++) {
            printf("%s  ", m == 0 && i == 0 ? "" : ",\n");
            put_score(&(cli_record){.notation = CLI_JSON}, p, &p->score[i], m);
        }
    printf("],\n \"summary\": [");
    for (int32_t m = 0; probe_has_summary(p) && m < (p->models == MODELS ? MODELS + 1 : 1); m++) {
        printf(m == 0 ? "\n  " : ",\n  ");
        put_summary(p, m);
    }
    printf("]}\n");
}
