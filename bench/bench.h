/* What the benchmarks share: words of the form name=number, a clock, the shape of the work, and the
 * protocol by which a driver lets several programs take turns.
 *
 *     program WORDS rounds=5    does five rounds, prints the seconds of each and the peak memory
 *     program WORDS             prints "ready" when it is warm, then answers every line on stdin
 *                               with the seconds of one more round, and its end with "peak MIB"
 *
 * With repeat=20 a round does the work twenty times and gives the mean: work of milliseconds comes in
 * a row, as a training run has it, not with caches and threads that were somebody else's before.  */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The largest resident size of this process so far. */
static inline double bench_peak_mib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
#ifdef __APPLE__
    return (double)u.ru_maxrss / (1 << 20); /* bytes there, KiB elsewhere */
#else
    return (double)u.ru_maxrss / (1 << 10);
#endif
}

/* The text after "name=" among the program's words, or fallback. */
static inline const char *bench_word(char **argv, const char *name, const char *fallback)
{
    size_t length = strlen(name);
    for (char **a = argv + 1; *a; a++)
        if (strncmp(*a, name, length) == 0 && (*a)[length] == '=') return *a + length + 1;
    return fallback;
}

static inline int bench_number(char **argv, const char *name, int fallback)
{
    const char *text = bench_word(argv, name, NULL);
    return text ? atoi(text) : fallback;
}

/* A model and a batch. */
typedef struct bench_shape {
    int layers, hidden, heads, feed_forward, vocab;
    int sentences, tokens; /* tokens of each sentence                                  */
    int masked;            /* masked words in each; in training 2k and 2k + 1 are a pair */
    int ragged;            /* lengths from half of tokens to one and a half instead    */
    const char *lengths;   /* "9,9,12,12": the sentences' lengths one by one, or NULL  */
} bench_shape;

/* bert-base, 8 pairs of 16 tokens with 2 masks, unless the words say otherwise. */
static inline bench_shape bench_shape_of(char **argv)
{
    return (bench_shape){.layers = bench_number(argv, "layers", 12),
                         .hidden = bench_number(argv, "hidden", 768),
                         .heads = bench_number(argv, "heads", 12),
                         .feed_forward = bench_number(argv, "feed_forward", 3072),
                         .vocab = bench_number(argv, "vocab", 30522),
                         .sentences = bench_number(argv, "sentences", 16),
                         .tokens = bench_number(argv, "tokens", 16),
                         .masked = bench_number(argv, "masked", 2),
                         .ragged = bench_number(argv, "ragged", 0),
                         .lengths = bench_word(argv, "lengths", NULL)};
}

/* Length of sentence i; the two of a pair are equally long. */
static inline int bench_length(const bench_shape *s, int i)
{
    if (s->lengths) {
        const char *at = s->lengths;
        for (int skip = i; skip > 0 && at; skip--) at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL;
        return at ? atoi(at) : s->tokens;
    }
    return s->ragged ? s->tokens / 2 + i / 2 * 5 % (s->tokens + 1) : s->tokens;
}

/* The mean of so many rounds, or a negative number. */
static inline double bench_repeat(double (*round)(void *self), void *self, int repeat)
{
    double sum = 0.0;
    for (int i = 0; i < repeat; i++) {
        double seconds = round(self);
        if (seconds < 0.0) return seconds;
        sum += seconds;
    }
    return sum / repeat;
}

/* Calls round(self), which returns seconds or, on failure, a negative number. Exit code. */
static inline int bench_serve(char **argv, double (*round)(void *self), void *self)
{
    int rounds = bench_number(argv, "rounds", 0), repeat = bench_number(argv, "repeat", 1);
    double seconds = round(self); /* the first one is cold and counts nothing */
    if (rounds == 0) printf("ready\n");
    fflush(stdout);
    char line[16];
    for (int i = 0; seconds >= 0.0; i++) {
        if (rounds > 0 ? i == rounds : !fgets(line, sizeof line, stdin)) break;
        seconds = bench_repeat(round, self, repeat);
        printf("%.6f\n", seconds);
        fflush(stdout);
    }
    printf("peak %.0f\n", bench_peak_mib());
    return seconds >= 0.0 ? 0 : 1;
}

#endif
