/* Scores for people: what was asked, tables, the mean, what was left out; see probe.h. */
#include "programs/probe_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------------------------- headings -- */

static void print_heading(const probe *p)
{
    const char *const names[MODELS] = {p->models > 1 ? "before" : "model", "after"};
    for (int32_t m = 0; m < p->models; m++) {
        printf("%-10s", names[m]);
        table_text(p->dir[m], false);
        printf("\n");
    }
    if (p->question[0].kind != PROBE_TOP && p->question[0].kind != PROBE_NEXT)
        printf("method    %s\n", probe_method_text(p));
}

static void print_text(const char *name, const question *q, int v)
{
    printf("%-10s", name);
    table_text(q->first[v], true);
    if (q->second[v]) {
        printf("  |  ");
        table_text(q->second[v], true);
    }
    printf("\n");
}

static void print_texts(const question *q)
{
    printf("\n");
    print_text(q->versions > 1 ? "male" : "text", q, MALE);
    if (q->versions > 1) print_text("female", q, FEMALE);
}

/* -------------------------------------------------------------------------------------- rows -- */

/* "astro ##naut", or NULL for a word that is one piece; of two models the pieces of the first. */
static const char *show_pieces(const probe *p, const score *s)
{
    const eqb_tokenizer *t = eqb_model_tokenizer(p->model[BEFORE]);
    const pieces *w = &s->pieces[BEFORE][MALE];
    size_t room = 1, used = 0;
    if (w->count < 2) return NULL;
    for (int32_t i = 0; i < w->count; i++) room += strlen(eqb_tokenizer_token(t, w->ids[i])) + 1;
    char *text = probe_alloc(room, 1);
    for (int32_t i = 0; i < w->count; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s", i > 0 ? " " : "",
                                 eqb_tokenizer_token(t, w->ids[i]));
    return text;
}

static table_row row_of(const probe *p, const score *s, const char *label)
{
    table_row r = {.label = label, .remark = s->word[MALE] ? show_pieces(p, s) : NULL};
    for (int32_t m = 0; m < p->models; m++) {
        for (int v = 0; v < VERSIONS; v++) r.p[m][v] = exp(s->log_p[m][v]);
        r.ratio[m] = probe_log_ratio(s, m);
    }
    return r;
}

static table new_table(const probe *p, const char *title, int32_t versions)
{
    return (table){.title = title, .models = p->models, .two = versions == VERSIONS};
}

/* One text: a table for each of its masks. */
static void print_words(const probe *p, const question *q)
{
    print_texts(q);
    if (q->masks > 1) printf("          the %d [MASK] are guessed independently\n", q->masks);
    for (int32_t k = 0; k < q->masks; k++) {
        table t = new_table(p, "word", q->versions);
        for (int32_t i = q->score; i < q->score + q->scores; i++)
            if (p->score[i].mask == k)
                table_add(&t, row_of(p, &p->score[i], p->score[i].word[MALE]));
        if (q->masks > 1) printf("\n  [MASK] %d of %d", k + 1, q->masks);
        printf("\n");
        table_print(&t);
    }
}

static void print_next(const probe *p, const question *q)
{
    print_texts(q);
    table t = new_table(p, "the second", q->versions);
    const score *s = &p->score[q->score];
    table_add(&t, row_of(p, s, "follows"));
    printf("\n");
    table_print(&t);
    for (int32_t m = 0; q->versions == VERSIONS && m < p->models; m++)
        printf("  P(follows | male) - P(follows | female) = %+.4f%s\n",
               exp(s->log_p[m][MALE]) - exp(s->log_p[m][FEMALE]),
               p->models == 1 ? "" : m == BEFORE ? " before" : " after");
}

/* ------------------------------------------------------------------------------- many texts -- */

/* The words in the order of the first text, each with its mean over all texts. */
static void print_templates(const probe *p)
{
    table t = new_table(p, "word", VERSIONS);
    t.hide_p = true;
    const question *first = &p->question[0];
    for (int32_t w = 0; w < first->scores; w++) {
        const score *s = &p->score[first->score + w];
        table_row r = row_of(p, s, s->word[MALE]);
        for (int32_t m = 0; m < p->models; m++) {
            double sum = 0.0;
            for (int32_t i = 0; i < p->questions; i++)
                sum += probe_log_ratio(&p->score[p->question[i].score + w], m);
            r.ratio[m] = sum / p->questions;
        }
        table_add(&t, r);
    }
    printf("\n%d words in %d texts, each for a man and for a woman:\n", first->scores,
           p->questions);
    for (int32_t i = 0; i < p->questions; i++) {
        printf("  ");
        table_text(p->question[i].first[MALE], false);
        printf(" / ");
        table_text(p->question[i].first[FEMALE], false);
        printf("\n");
    }
    printf("log-ratio: ln p(word | male) - ln p(word | female), mean over the texts\n\n");
    table_print(&t);
}

static void print_lines(const probe *p, probe_kind kind, const char *heading)
{
    table t = new_table(p, "line: word", VERSIONS);
    for (int32_t i = 0; i < p->scores; i++) {
        const score *s = &p->score[i];
        const question *q = &p->question[s->question];
        if (q->kind != kind) continue;
        const char *male = s->word[MALE], *female = s->word[FEMALE];
        bool same = strcmp(male, female) == 0;
        size_t room = strlen(male) + strlen(female) + 32;
        char *label = probe_alloc(room, 1);
        snprintf(label, room, "%lld: %s%s%s", (long long)q->line, male, same ? "" : " / ",
                 same ? "" : female);
        table_add(&t, row_of(p, s, label));
    }
    if (t.rows == 0) return;
    printf("\n%s\n", heading);
    table_print(&t);
}

/* ---------------------------------------------------------------------------------- the end -- */

static void print_summary(const probe *p)
{
    static const char *const names[MODELS + 1] = {"before", "after", "change"};
    if (!probe_has_summary(p)) return;
    printf("\nmean |log-ratio|, nats; the 95 %% interval is a bootstrap over the words (%d "
           "resamples, seed %d)\n",
           BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED);
    for (int32_t m = 0; m < (p->models > 1 ? MODELS + 1 : 1); m++) {
        summary s = probe_summarize(p, m);
        bool change = m == MODELS;
        if (p->models > 1) printf("  %-6s", names[m]);
        if (s.scores == 0) {
            printf("  no word was scored\n");
            continue;
        }
        printf(change ? "  %+.4f" : "  %.4f", s.mean);
        if (!isnan(s.low)) printf(change ? "  [%+.4f, %+.4f]" : "  [%.4f, %.4f]", s.low, s.high);
        printf("  %lld words, %lld scores\n", (long long)s.words, (long long)s.scores);
    }
}

/* Whether an earlier score has the same word. */
static bool repeats(const probe *p, int32_t i)
{
    for (int32_t k = 0; k < i; k++)
        if (strcmp(p->score[k].word[MALE], p->score[i].word[MALE]) == 0) return true;
    return false;
}

static void print_skipped(const probe *p)
{
    for (int32_t m = 0; m < p->models; m++) {
        int32_t count = 0;
        for (int32_t i = 0; i < p->scores; i++)
            count += !probe_is_known(p, &p->score[i], m) && !repeats(p, i);
        if (count == 0) continue;
        printf("\nskipped   %d not in the vocabulary of %s:", count, p->dir[m]);
        for (int32_t i = 0; i < p->scores; i++)
            if (!probe_is_known(p, &p->score[i], m) && !repeats(p, i)) {
                printf(" ");
                table_text(p->score[i].word[MALE], false);
            }
        printf("\n");
    }
    if (p->blank_slots + p->unmarked_lines + p->keep_lines > 0)
        printf("\nnot scored: %lld slots without a word ({?}), %lld lines without a marked slot, "
               "%lld keep lines\n",
               (long long)p->blank_slots, (long long)p->unmarked_lines, (long long)p->keep_lines);
}

void probe_print(const probe *p)
{
    probe_kind kind = p->question[0].kind;
    print_heading(p);
    if (kind == PROBE_TEMPLATE) print_templates(p);
    if (kind == PROBE_PAIR || kind == PROBE_FACT) {
        print_lines(p, PROBE_PAIR, "pair lines");
        print_lines(p, PROBE_FACT, "fact lines: true differences, not part of the mean");
    }
    for (int32_t i = 0; i < p->questions; i++) {
        if (kind == PROBE_NEXT) print_next(p, &p->question[i]);
        if (kind == PROBE_TOP || kind == PROBE_TARGET) print_words(p, &p->question[i]);
    }
    print_summary(p);
    print_skipped(p);
}
