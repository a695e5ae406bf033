/* Random numbers and dropout masks: their distributions, and what they are a function of. */
#include "tests/math_testing.h"

#include "autograd/ops.h"
#include "autograd/random.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Mean and variance of n numbers lie within 5 standard errors of what they should be; kurtosis is
 * E((x - mean)^4) / variance^2. */
static void check_moments(const double *x, int n, double mean, double variance, double kurtosis)
{
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < n; i++) sum += x[i];
    for (int i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    ck_assert_double_le(fabs(sum / n - mean), 5.0 * sqrt(variance / n));
    ck_assert_double_le(fabs(squares / n - variance), 5.0 * variance * sqrt((kurtosis - 1.0) / n));
}

enum { DRAWS = 1 << 16 };
static double draw[DRAWS];

/* Along each of the three counters. */
START_TEST(test_uniform)
{
    enum { BINS = 256 };
    int count[BINS] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t at[3] = {11, 12, 13};
        at[_i] = i;
        draw[i] = eqbi_random_real(at[0], at[1], at[2]);
        if (!(draw[i] >= 0.0 && draw[i] < 1.0)) ck_abort_msg("%.17g", draw[i]);
        count[(int)(draw[i] * BINS)]++;
    }
    check_moments(draw, DRAWS, 0.5, 1.0 / 12.0, 1.8);
    double chi2 = 0.0, expected = (double)DRAWS / BINS;
    for (int i = 0; i < BINS; i++) chi2 += pow(count[i] - expected, 2.0) / expected;
    ck_assert_double_le(fabs(chi2 - (BINS - 1)), 5.0 * sqrt(2.0 * (BINS - 1)));
    /* neighbours are not related */
    for (int i = 0; i < DRAWS - 1; i++) draw[i] = (draw[i] - 0.5) * (draw[i + 1] - 0.5);
    check_moments(draw, DRAWS - 1, 0.0, 1.0 / 144.0, 1.8 * 1.8);
}
END_TEST

/* One bit of a counter turns every bit of the number with probability 1/2. */
START_TEST(test_avalanche)
{
    int turned[64] = {0};
    for (uint64_t i = 0; i < 4096; i++) {
        uint64_t at[3] = {i, i * 3, i * 5}, one = eqbi_random(at[0], at[1], at[2]);
        at[_i] ^= 1ull << (i % 64);
        uint64_t other = eqbi_random(at[0], at[1], at[2]);
        for (int b = 0; b < 64; b++) turned[b] += (int)((one ^ other) >> b & 1);
    }
    for (int b = 0; b < 64; b++) ck_assert_int_le(abs(turned[b] - 2048), 5 * 32);
}
END_TEST

START_TEST(test_below)
{
    const uint32_t bounds[] = {1, 2, 7, 1000, UINT32_MAX};
    for (size_t k = 0; k < sizeof bounds / sizeof *bounds; k++) {
        double n = (double)bounds[k];
        double most = 0.0;
        for (uint64_t i = 0; i < DRAWS; i++) {
            draw[i] = (double)eqbi_random_below(bounds[k], 1, 2, i);
            most = fmax(most, draw[i]);
        }
        ck_assert_double_lt(most, n);
        if (bounds[k] > 1) check_moments(draw, DRAWS, (n - 1) / 2, (n * n - 1) / 12, 1.8);
    }
}
END_TEST

START_TEST(test_normal)
{
    static float x[DRAWS];
    eqbi_random_normal(x, DRAWS, 0.5f, 3, 4);
    for (int i = 0; i < DRAWS; i++) draw[i] = (double)x[i];
    check_moments(draw, DRAWS, 0.0, 0.25, 3.0);
    for (int i = 0; i < DRAWS; i++) draw[i] = pow((double)x[i] * 2.0, 3.0); /* no skew */
    check_moments(draw, DRAWS, 0.0, 15.0, 46.2);
    for (int i = 0; i < DRAWS; i++) draw[i] = fabs((double)x[i]) > 0.98; /* 1.96 sigma */
    check_moments(draw, DRAWS, 0.05, 0.0475, 1.0 / 0.0475 - 3.0);
    for (size_t n = 0; n <= 7; n++) { /* fewer, odd and even: the same as far as they go */
        float few[8] = {0};
        eqbi_random_normal(few, n, 0.5f, 3, 4);
        ck_assert_mem_eq(few, x, n * sizeof *few);
        ck_assert_float_eq(few[n], 0.0f);
    }
}
END_TEST

START_TEST(test_permutation)
{
    enum { N = 5, TIMES = 20000 };
    int at[N][N] = {{0}};
    uint32_t order[N];
    for (uint64_t seed = 0; seed < TIMES; seed++) {
        unsigned seen = 0;
        eqbi_random_permutation(order, N, seed, 1);
        for (int i = 0; i < N; i++) {
            seen |= 1u << order[i];
            at[i][order[i]]++;
        }
        if (seen != (1u << N) - 1) ck_abort_msg("no permutation for seed %u", (unsigned)seed);
    }
    double error = 5.0 * sqrt(TIMES * 0.2 * 0.8);
    for (int i = 0; i < N * N; i++)
        ck_assert_double_le(fabs(at[i / N][i % N] - TIMES / 5.0), error);
    eqbi_random_permutation(order, 0, 1, 1);
    eqbi_random_permutation(order, 1, 1, 1);
    ck_assert_uint_eq(order[0], 0);
}
END_TEST

/* ------------------------------------------------------------------------------------- masks -- */

enum { ROWS = 256, COLS = 512 };

/* Dropout of ones. */
static const float *mask_of(graph *g, float p)
{
    static float ones[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++) ones[i] = 1.0f;
    tensor *y = eqbi_dropout(g, eqb_constant(g, ROWS, COLS, ones), p);
    ck_assert_ptr_nonnull(y);
    return y->x;
}

static void check_share(double kept, double of, double p)
{
    ck_assert_msg(fabs(kept - of * (1.0 - p)) <= 5.0 * sqrt(of * p * (1.0 - p)),
                  "kept %g of %g at p = %g", kept, of, p);
}

START_TEST(test_mask_share)
{
    const float ps[] = {0.01f, 0.1f, 0.5f, 0.9f};
    graph *g;
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
    for (size_t k = 0; k < sizeof ps / sizeof *ps; k++) {
        eqb_graph_begin(g, EQB_MODE_TRAIN, 1, k);
        const float *mask = mask_of(g, ps[k]);
        double p = (double)ps[k], all = 0, in_row[ROWS] = {0}, in_col[COLS] = {0};
        for (int i = 0; i < ROWS * COLS; i++) {
            bool kept = mask[i] == 1.0f / (1.0f - ps[k]);
            if (!kept && mask[i] != 0.0f) ck_abort_msg("a mask of %g", (double)mask[i]);
            all += kept;
            in_row[i / COLS] += kept;
            in_col[i % COLS] += kept;
        }
        check_share(all, ROWS * COLS, p);
        for (int apart = 1; apart <= 2 * COLS; apart *= 2) { /* no relation */
            int pairs = ROWS * COLS - apart, both = 0;
            for (int i = 0; i < pairs; i++) both += mask[i] != 0.0f && mask[i + apart] != 0.0f;
            check_share(both, pairs, 1.0 - (1.0 - p) * (1.0 - p));
        }
        for (int r = 0; r < ROWS; r++) check_share(in_row[r], COLS, p);
        for (int c = 0; c < COLS; c++) check_share(in_col[c], ROWS, p);
    }
    eqb_graph_free(g);
}
END_TEST

/* The mask is a function of seed, step and site; the number of threads is none of them. */
START_TEST(test_mask_key)
{
    static float first[ROWS * COLS];
    graph *g;
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
    const struct {
        uint64_t seed, step;
        int site, threads;
        bool same;
    } at[] = {{1, 1, 0, 1, true},  {1, 1, 0, 2, true},  {1, 1, 0, 3, true},
              {2, 1, 0, 1, false}, {1, 2, 0, 1, false}, {1, 1, 1, 1, false}};
    int threads = omp_get_max_threads();
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        omp_set_num_threads(at[k].threads);
        eqb_graph_begin(g, EQB_MODE_TRAIN, at[k].seed, at[k].step);
        const float *mask = mask_of(g, 0.5f);
        for (int site = 0; site < at[k].site; site++) mask = mask_of(g, 0.5f);
        if (k == 0) memcpy(first, mask, sizeof first);
        int equal = 0;
        for (int i = 0; i < ROWS * COLS; i++) equal += mask[i] == first[i];
        if (at[k].same)
            ck_assert_int_eq(equal, ROWS * COLS);
        else
            check_share(equal, ROWS * COLS, 0.5);
    }
    omp_set_num_threads(threads);
    eqb_graph_free(g);
}
END_TEST

/* Every head, row and sequence has a mask of its own. With all scores equal and all values 1, a
 * result says how many of a row's probabilities were kept. */
START_TEST(test_attention_masks)
{
    enum { LENGTH = 40, HEADS = 3, WIDTH = 3 * HEADS };
    static const int32_t start[] = {0, LENGTH, 2 * LENGTH};
    static float qkv[2 * LENGTH * WIDTH];
    for (int i = 0; i < 2 * LENGTH * WIDTH; i++) qkv[i] = i % WIDTH < 2 * HEADS ? 0.0f : 1.0f;
    graph *g;
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
    eqb_graph_begin(g, EQB_MODE_TRAIN, 1, 1);
    tensor *o = eqbi_attention(g, eqb_variable(g, 2 * LENGTH, WIDTH, qkv), start, 2, HEADS, 0.5f);
    ck_assert_ptr_nonnull(o);
    double kept = 0.0;
    int as_next_head = 0, as_next_row = 0, as_next_sequence = 0, n = LENGTH * HEADS;
    for (int i = 0; i < n; i++) {
        kept += (double)o->x[i] * LENGTH / 2.0; /* a kept one counts for 1 / (1 - p) = 2 */
        as_next_head += o->x[i] == o->x[i + 1 - (i % HEADS == HEADS - 1 ? HEADS : 0)];
        as_next_row += o->x[i] == o->x[i + HEADS];
        as_next_sequence += o->x[i] == o->x[i + n];
    }
    check_share(kept, n * LENGTH, 0.5);
    /* two numbers of kept of 40 are equal by chance once in 11 */
    ck_assert_int_lt(as_next_head, n / 5);
    ck_assert_int_lt(as_next_row, n / 5);
    ck_assert_int_lt(as_next_sequence, n / 5);
    eqb_graph_free(g);
}
END_TEST

TCase *random_tests(void)
{
    TCase *t = tcase_create("random");
    tcase_add_loop_test(t, test_uniform, 0, 3);
    tcase_add_loop_test(t, test_avalanche, 0, 3);
    tcase_add_test(t, test_below);
    tcase_add_test(t, test_normal);
    tcase_add_test(t, test_permutation);
    tcase_add_test(t, test_mask_share);
    tcase_add_test(t, test_mask_key);
    tcase_add_test(t, test_attention_masks);
    return t;
}
