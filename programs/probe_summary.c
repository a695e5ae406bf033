/* Mean |log-ratio| and how sure it is; see probe.h.
 *
 * Scores of one word resemble each other, so the bootstrap draws words, not scores: each resample
 * takes as many words as there are, with replacement and with all their scores. The interval is
 * from the 2.5th to the 97.5th percentile of the resamples' means. The random numbers are fixed. */
#include "programs/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double probe_log_ratio(const score *s, int32_t m)
{
    return s->log_p[m][MALE] - s->log_p[m][FEMALE];
}

/* Words that somebody chose beforehand, in two versions: only over them a mean says anything. What
 * is likeliest was chosen by the model; facts are to differ. */
static bool counts(const question *q)
{
    bool chosen = q->kind == PROBE_TARGET || q->kind == PROBE_TEMPLATE || q->kind == PROBE_PAIR;
    return chosen && q->versions == VERSIONS;
}

bool probe_has_summary(const probe *p)
{
    for (int32_t i = 0; i < p->questions; i++)
        if (counts(&p->question[i])) return true;
    return false;
}

/* All scores of one word. */
typedef struct group {
    const char *word;
    double sum;
    int64_t count;
} group;

static int by_word(const void *a, const void *b)
{
    return strcmp(((const group *)a)->word, ((const group *)b)->word);
}

static double value_of(const score *s, int32_t m)
{
    if (m < MODELS) return fabs(probe_log_ratio(s, m));
    return fabs(probe_log_ratio(s, AFTER)) - fabs(probe_log_ratio(s, BEFORE));
}

/* Collects the scores that have a value; returns how many words there are. */
static int32_t group_words(const probe *p, int32_t m, group *out)
{
    int32_t n = 0, words = 0;
    for (int32_t i = 0; i < p->scores; i++) {
        const score *s = &p->score[i];
        if (!counts(&p->question[s->question]) || isnan(value_of(s, m))) continue;
        out[n++] = (group){s->word[MALE], value_of(s, m), 1};
    }
    qsort(out, (size_t)n, sizeof *out, by_word);
    for (int32_t i = 0; i < n; i++) {
        if (words > 0 && strcmp(out[words - 1].word, out[i].word) == 0) {
            out[words - 1].sum += out[i].sum;
            out[words - 1].count++;
        } else {
            out[words++] = out[i];
        }
    }
    return words;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bootstrap(const group *g, int32_t words, summary *out)
{
    double mean[BOOTSTRAP_RESAMPLES];
    uint64_t state = BOOTSTRAP_SEED;
    for (int r = 0; r < BOOTSTRAP_RESAMPLES; r++) {
        double sum = 0.0;
        int64_t count = 0;
        for (int32_t i = 0; i < words; i++) {
            /* The high half times n: even enough for n far below 2^32, and no division. */
            uint64_t drawn = ((next_random(&state) >> 32) * (uint64_t)words) >> 32;
            sum += g[drawn].sum;
            count += g[drawn].count;
        }
        mean[r] = sum / (double)count;
    }
    qsort(mean, BOOTSTRAP_RESAMPLES, sizeof *mean, by_value);
    out->low = mean[BOOTSTRAP_RESAMPLES / 40];
    out->high = mean[BOOTSTRAP_RESAMPLES - 1 - BOOTSTRAP_RESAMPLES / 40];
}

summary probe_summarize(const probe *p, int32_t m)
{
    group *g = probe_alloc((size_t)p->scores + 1, sizeof *g);
    summary s = {.words = group_words(p, m, g), .mean = NAN, .low = NAN, .high = NAN};
    double sum = 0.0;
    for (int64_t i = 0; i < s.words; i++) {
        sum += g[i].sum;
        s.scores += g[i].count;
    }
    if (s.scores > 0) s.mean = sum / (double)s.scores;
    if (s.words > 1) bootstrap(g, (int32_t)s.words, &s);
    return s;
}
