/* Means with bootstrap intervals; see bias.h. Professions, sentences and words of gender are each a
 * sample of what could have been asked, so each is drawn anew: a resample takes as many of each as
 * there are, with replacement, and a score counts as often as its three were drawn together (the
 * crossed bootstrap: Owen 2007, "The pigeonhole bootstrap"; rather too wide than too narrow). Both
 * models get the same draws, so that the interval of the change leaves out what they have in common.
 * The interval is from the 2.5th to the 97.5th percentile of the resamples. The random numbers are
 * fixed.                                                                                          */
#include "programs/bias.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int32_t ROOM[UNITS] = {PROFESSIONS, MOST_SENTENCES, GENDERS};

void sample_add(sample *s, int32_t m, int32_t profession, int32_t sentence, int32_t words,
                double x)
{
    if (isnan(x)) return;
    s->sum[m][profession][sentence][words] += x;
    s->count[m][profession][sentence][words]++;
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

/* What has scores of any model, and how often a resample has it. */
typedef struct unit {
    int32_t filled[MOST_UNITS], count;
    double times[MOST_UNITS]; /* [count] */
} unit;

/* The means of the scores, each counted as often as its units. NaN: of nothing. */
static void take_means(const sample *s, const unit u[UNITS], double mean[VALUES])
{
    const unit *p = &u[0], *t = &u[1], *g = &u[2];
    for (int m = 0; m < MODELS; m++) {
        double sum = 0.0, n = 0.0;
        for (int32_t i = 0; i < p->count; i++)
            for (int32_t j = 0; j < t->count && p->times[i] > 0.0; j++) {
                const double *x = s->sum[m][p->filled[i]][t->filled[j]];
                const double *scores = s->count[m][p->filled[i]][t->filled[j]];
                double part = 0.0, part_n = 0.0, times = p->times[i] * t->times[j];
                for (int32_t k = 0; k < g->count && times > 0.0; k++) {
                    part += g->times[k] * x[g->filled[k]];
                    part_n += g->times[k] * scores[g->filled[k]];
                }
                sum += times * part;
                n += times * part_n;
            }
        mean[m] = n > 0.0 ? sum / n : NAN;
    }
    mean[CHANGE] = mean[AFTER] - mean[BEFORE];
}

static void find_filled(const sample *s, unit u[UNITS])
{
    static bool has[UNITS][MOST_UNITS];
    memset(has, 0, sizeof has);
    for (int m = 0; m < MODELS; m++)
        for (int32_t i = 0; i < PROFESSIONS; i++)
            for (int32_t j = 0; j < MOST_SENTENCES; j++)
                for (int32_t k = 0; k < GENDERS; k++)
                    if (s->count[m][i][j][k] > 0.0) has[0][i] = has[1][j] = has[2][k] = true;
    for (int a = 0; a < UNITS; a++) {
        u[a].count = 0;
        for (int32_t i = 0; i < ROOM[a]; i++)
            if (has[a][i]) {
                u[a].times[u[a].count] = 1.0;
                u[a].filled[u[a].count++] = i;
            }
    }
}

static void draw(unit *u, uint64_t *state)
{
    memset(u->times, 0, sizeof u->times);
    for (int32_t i = 0; i < u->count; i++)
        /* The high half times n: even enough for n far below 2^32, and no division. */
        u->times[((next_random(state) >> 32) * (uint64_t)u->count) >> 32] += 1.0;
}

static void bootstrap(const sample *s, unit u[UNITS], figure *out)
{
    static double mean[VALUES][RESAMPLES];
    uint64_t state = BOOTSTRAP_SEED;
    for (int r = 0; r < RESAMPLES; r++) {
        double now[VALUES];
        for (int a = 0; a < UNITS; a++) draw(&u[a], &state);
        take_means(s, u, now);
        /* No score at all: the mean of all stands in. */
        for (int i = 0; i < VALUES; i++) mean[i][r] = isnan(now[i]) ? out->value[i] : now[i];
    }
    for (int i = 0; i < VALUES; i++) {
        if (isnan(out->value[i])) continue;
        qsort(mean[i], RESAMPLES, sizeof *mean[i], by_value);
        out->low[i] = mean[i][RESAMPLES / 40];
        out->high[i] = mean[i][RESAMPLES - 1 - RESAMPLES / 40];
    }
}

void sample_mean(const sample *s, figure *out)
{
    static unit u[UNITS];
    find_filled(s, u);
    take_means(s, u, out->value);
    for (int i = 0; i < VALUES; i++) out->low[i] = out->high[i] = NAN;
    for (int m = 0; m < MODELS; m++) {
        double scores = 0.0;
        for (int32_t i = 0; i < PROFESSIONS; i++)
            for (int32_t j = 0; j < MOST_SENTENCES; j++)
                for (int32_t k = 0; k < GENDERS; k++) scores += s->count[m][i][j][k];
        out->scores[m] = (int64_t)scores;
    }
    for (int a = 0; a < UNITS; a++) out->drawn[a] = u[a].count;
    if (u[0].count > 1 || u[1].count > 1 || u[2].count > 1) bootstrap(s, u, out);
}
