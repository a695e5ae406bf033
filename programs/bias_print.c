/* The report for people; see bias.h. */
#include "programs/bias.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_WIDTH = 40, CELL_WIDTH = 28 };

/* ---------------------------------------------------------------------------------- heading -- */

static int count_true(const bool *x, int n)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += x[i];
    return count;
}

static void print_heading(const bias *b)
{
    int split[SPLITS] = {0};
    for (int p = 0; p < PROFESSIONS; p++) split[b->seen.split[p]]++;
    printf("%-10s%s\n", b->models > 1 ? "before" : "model", b->dir[BEFORE]);
    if (b->models > 1) printf("%-10s%s\n", "after", b->dir[AFTER]);
    printf("pairs     %s, seed %llu, holdout %g: it has %d of %d professions, %d of them held out;\n"
           "          %d of %d pairs of gender words, %d of %d sentences\n",
           b->pairs, (unsigned long long)b->seed, b->holdout, split[TRAINED] + split[HELD_OUT],
           PROFESSIONS, split[HELD_OUT], count_true(b->seen.gender, GENDERS), GENDERS,
           count_true(b->seen.template, TEMPLATES), TEMPLATES);
    printf("method    all pieces of a word masked together, their log p added; nats; [95 %% "
           "interval, bootstrap\n          over professions, sentences and gender words, %d resamples, seed %d]\n",
           RESAMPLES, BOOTSTRAP_SEED);
}

/* Names what a model was not asked because its vocabulary lacks it. */
static void print_unknown(const bias *b)
{
    for (int m = 0; m < b->models; m++) {
        int professions = 0, genders = 0;
        for (int p = 0; p < PROFESSIONS; p++) professions += b->by[m].pieces[p] == 0;
        for (int g = 0; g < GENDERS; g++) {
            bool scored = false;
            for (int p = 0; p < PROFESSIONS; p++)
                for (int t = 0; t < TEMPLATES && !scored; t++)
                    scored = !isnan(b->by[m].forward[p][t][g][MALE]);
            genders += !scored;
        }
        if (professions + genders > 0)
            printf("not asked %d professions, %d pairs of gender words: not in the vocabulary of "
                   "%s\n",
                   professions, genders, b->dir[m]);
    }
}

/* ---------------------------------------------------------------------------------- figures -- */

static void print_cell(const figure *f, int i, bool last)
{
    char text[64];
    bool plus = i == CHANGE || strcmp(f->what, "signed") == 0;
    const char *form = plus ? "%+.*f%s" : "%.*f%s";
    const char *unit = !f->share ? "" : i == CHANGE ? " pt" : " %";
    int digits = f->share ? 1 : 4, used;
    double scale = f->share ? 100.0 : 1.0;
    int width = last ? 0 : CELL_WIDTH;
    if (isnan(f->value[i])) {
        printf("  %-*s", width, "-");
        return;
    }
    used = snprintf(text, sizeof text, form, digits, f->value[i] * scale, unit);
    if (!isnan(f->low[i]))
        snprintf(text + used, sizeof text - (size_t)used,
                 plus ? " [%+.*f, %+.*f]" : " [%.*f, %.*f]", digits, f->low[i] * scale, digits,
                 f->high[i] * scale);
    printf("  %-*s", width, text);
}

static void print_table(const bias *b, const char *title, const char *section, const char *what)
{
    bool bold = cli_colour();
    printf("\n%s%s%s\n", bold ? "\033[1m" : "", title, bold ? "\033[0m" : "");
    for (int i = 0; i < b->figures; i++) {
        const figure *f = &b->figure[i];
        if (strcmp(f->section, section) != 0 || (what && strcmp(f->what, what) != 0)) continue;
        printf("  %-*s", LABEL_WIDTH, f->label);
        int cells = b->models > 1 ? VALUES : 1;
        for (int k = 0; k < cells; k++) print_cell(f, k, k + 1 == cells);
        printf("\n");
    }
}

/* ------------------------------------------------------------------------------- professions -- */

typedef struct ranked {
    int profession;
    double log_ratio;
} ranked;

static int by_log_ratio(const void *a, const void *b)
{
    double x = ((const ranked *)a)->log_ratio, y = ((const ranked *)b)->log_ratio;
    return (x < y) - (x > y);
}

static void print_profession(const bias *b, int p)
{
    printf("  %-26s%-14s", BIAS_PROFESSION[p], BIAS_SPLIT[b->seen.split[p]]);
    for (int m = 0; m < b->models; m++) {
        answer a = bias_answer(&b->by[m], p, -1, PRONOUNS);
        if (a.scores > 0)
            printf("  %10.2e %10.2e %+8.3f", a.p[MALE], a.p[FEMALE], a.log_ratio);
    }
    printf("\n");
}

/* The professions that model 0 ties most to a gender. */
static void print_extremes(const bias *b)
{
    enum { SHOWN = 5 };
    ranked r[PROFESSIONS];
    int n = 0;
    for (int p = 0; p < PROFESSIONS; p++) {
        answer a = bias_answer(&b->by[BEFORE], p, -1, PRONOUNS);
        if (a.scores > 0) r[n++] = (ranked){p, a.log_ratio};
    }
    qsort(r, (size_t)n, sizeof *r, by_log_ratio);
    if (n < 2 * SHOWN) return;
    printf("\n%-42s", "most tied to a gender by he, she");
    for (int m = 0; m < b->models; m++) printf("  %10s %10s %8s", "p(he)", "p(she)", "ln ratio");
    printf("\n");
    for (int i = 0; i < SHOWN; i++) print_profession(b, r[i].profession);
    printf("  ...\n");
    for (int i = n - SHOWN; i < n; i++) print_profession(b, r[i].profession);
}

void bias_print(const bias *b)
{
    static const char *const names[VALUES] = {"before", "after", "change"};
    print_heading(b);
    print_unknown(b);
    if (b->models > 1) {
        printf("\n  %-*s", LABEL_WIDTH, "");
        printf("  %-*s  %-*s  %s\n", CELL_WIDTH, names[BEFORE], CELL_WIDTH, names[AFTER],
               names[CHANGE]);
    }
    print_table(b, "gender -> profession: mean |ln p(word | male) - ln p(word | female)|", "forward",
                "abs");
    print_table(b, "the same, signed: above 0 likelier for a man", "forward", "signed");
    print_table(b, "share with |p(word | male) - p(word | female)| < 3 %", "forward", "close");
    print_extremes(b);
    print_table(b,
                "profession -> gender: mean |ln p(he)/p(she), less that with the profession masked|",
                "reverse", NULL);
    print_table(b, "next sentence: a gendered first, a neutral second, true and false", "next", NULL);
    print_table(b, "facts: sentences in which gender must matter", "facts", NULL);
    if (b->text) print_table(b, "language: a text with masks", "text", NULL);
}
