/* Means with bootstrap intervals; see bias.h. A resample takes as many clusters as there are, with
 * replacement and with all their values, the same ones of both models, so that the interval of the
 * change leaves out what they have in common. The interval is from the 2.5th to the 97.5th
 * percentile of the resamples. The random numbers are fixed.                                      */
#include "programs/bias.h"

#include <math.h>
#include <stdlib.h>

void sample_add(sample *s, int32_t m, int32_t cluster, double x)
{
    if (isnan(x)) return;
    s->sum[m][cluster] += x;
    s->count[m][cluster]++;
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

/* The means of the clusters [count]; NULL: of all. NaN: of nothing. */
static void take_means(const sample *s, const int32_t *cluster, int32_t count, double mean[VALUES])
{
    for (int m = 0; m < MODELS; m++) {
        double sum = 0.0;
        int64_t n = 0;
        for (int32_t i = 0; i < count; i++) {
            int32_t c = cluster ? cluster[i] : i;
            sum += s->sum[m][c];
            n += s->count[m][c];
        }
        mean[m] = n > 0 ? sum / (double)n : NAN;
    }
    mean[CHANGE] = mean[AFTER] - mean[BEFORE];
}

/* The clusters that have values of any model; returns how many. */
static int32_t find_filled(const sample *s, int32_t *filled)
{
    int32_t n = 0;
    for (int32_t c = 0; c < s->clusters; c++)
        if (s->count[BEFORE][c] + s->count[AFTER][c] > 0) filled[n++] = c;
    return n;
}

static void bootstrap(const sample *s, const int32_t *filled, figure *out)
{
    static double mean[VALUES][RESAMPLES];
    uint64_t state = BOOTSTRAP_SEED;
    int32_t drawn[MOST_CLUSTERS];
    for (int r = 0; r < RESAMPLES; r++) {
        double now[VALUES];
        for (int32_t i = 0; i < out->drawn; i++) {
            /* The high half times n: even enough for n far below 2^32, and no division. */
            uint64_t k = ((next_random(&state) >> 32) * (uint64_t)out->drawn) >> 32;
            drawn[i] = filled[k];
        }
        take_means(s, drawn, out->drawn, now);
        for (int i = 0; i < VALUES; i++) mean[i][r] = now[i];
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
    int32_t filled[MOST_CLUSTERS];
    take_means(s, NULL, s->clusters, out->value);
    for (int i = 0; i < VALUES; i++) out->low[i] = out->high[i] = NAN;
    for (int m = 0; m < MODELS; m++) {
        out->scores[m] = 0;
        for (int32_t c = 0; c < s->clusters; c++) out->scores[m] += s->count[m][c];
    }
    out->drawn = find_filled(s, filled);
    if (out->drawn > 1) bootstrap(s, filled, out);
}
