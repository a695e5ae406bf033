/* What the ops stand on: exp, erf and tanh for loops, softmax, the arena, random numbers, masks. */
#include "tests/testing.h"

#include "autograd/masks.h"
#include "autograd/ops.h"
#include "autograd/softmax.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------- exp, erf and tanh -- */

enum { BLOCK = 4096 };

/* Each function twice: as the loops of the library run it, for the machine at hand, and as compiled
 * without any extension (no FMA on x86-64). */
#define BOTH(name)                                                                               \
    EQBI_KERNEL static void name##_loop(float *y, const float *x)                                \
    {                                                                                            \
        for (int i = 0; i < BLOCK; i++) y[i] = eqbi_##name##f(x[i]);                             \
    }                                                                                            \
    static void name##_plain(float *y, const float *x)                                           \
    {                                                                                            \
        for (int i = 0; i < BLOCK; i++) y[i] = eqbi_##name##f(x[i]);                             \
    }
BOTH(exp)
BOTH(erf)
BOTH(tanh)

/* The bounds that vector_math.h promises; floor is the smallest size errors are measured against:
 * 1 makes the error absolute. */
static const struct function {
    const char *name;
    void (*run)(float *y, const float *x);
    double (*exact)(double);
    double bound, floor;
    float least, most; /* at and beyond these the value is beyond */
    float below, above;
    float seams[4];    /* where one formula takes over from another */
} functions[] = {
#define EXP exp, 1e-7, 0, -87.33f, 88.72f, 0, INFINITY, {-87.33f, 88.72f, 0.34657f, -0.34657f}
#define ERF erf, 1e-7, 1, -4.5f, 4.5f, -1, 1, {0.92f, -0.92f, 4, -4}
#define TANH tanh, 2e-7, 0, -9.5f, 9.5f, -1, 1, {0.62f, -0.62f, 9, -9}
    {"exp", exp_loop, EXP}, {"exp, plain", exp_plain, EXP},
    {"erf", erf_loop, ERF}, {"erf, plain", erf_plain, ERF},
    {"tanh", tanh_loop, TANH}, {"tanh, plain", tanh_plain, TANH},
};

static void check_block(const struct function *f, const float x[BLOCK])
{
    static float y[BLOCK];
    f->run(y, x);
    for (int i = 0; i < BLOCK; i++) {
        bool right;
        if (isnan(x[i])) {
            right = isnan(y[i]);
        } else if (x[i] < f->least || x[i] > f->most) {
            right = y[i] == (x[i] < 0.0f ? f->below : f->above);
        } else {
            double exact = f->exact((double)x[i]), size = fmax(fabs(exact), f->floor);
            right = fabs((double)y[i] - exact) <= f->bound * size;
        }
        if (!right)
            ck_abort_msg("%s(%.9g) = %.9g, expected %.9g", f->name, (double)x[i], (double)y[i],
                         f->exact((double)x[i]));
    }
}

/* Every 1021st of all floats, subnormals, infinities and NaNs among them. */
START_TEST(test_all_floats)
{
    static float x[BLOCK];
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 1021 * BLOCK) {
        for (uint32_t i = 0; i < BLOCK; i++) x[i] = eqbi_bits_to_float((uint32_t)bits + 1021 * i);
        check_block(&functions[_i], x);
    }
}
END_TEST

/* Every float around the places where formulas meet, and the special ones by name. */
START_TEST(test_seams)
{
    static float x[BLOCK];
    const float special[] = {0.0f,    -0.0f,    INFINITY, -INFINITY, NAN,
                             FLT_MAX, -FLT_MAX, FLT_MIN,  -FLT_MIN,  FLT_TRUE_MIN};
    for (size_t i = 0; i < BLOCK; i++) x[i] = special[i % (sizeof special / sizeof *special)];
    check_block(&functions[_i], x);
    for (int k = 0; k < 4; k++) {
        uint32_t middle = eqbi_float_to_bits(functions[_i].seams[k]);
        for (uint32_t i = 0; i < BLOCK; i++) x[i] = eqbi_bits_to_float(middle + i - BLOCK / 2);
        check_block(&functions[_i], x);
    }
}
END_TEST

/* ----------------------------------------------------------------------------------- softmax -- */

enum { WIDE = 30522 };

static const struct {
    const char *name;
    int32_t n;
    float x[4];
} rows[] = {
    {"one", 1, {-7}},
    {"equal", 4, {2, 2, 2, 2}},
    {"far apart", 3, {0, -50, -200}},
    {"huge", 3, {3e38f, -3e38f, 3e38f}},
    {"hugely negative", 2, {-3e38f, -3e38f}},
    {"a way out closed", 3, {-INFINITY, 1, 2}},
    {"subnormal", 2, {1e-40f, 0}},
};

/* softmax or its logarithm in double; returns log(sum(e^x)). */
static double exact_softmax(double *y, const float *x, int32_t n, bool take_log)
{
    double top = -INFINITY, sum = 0.0;
    for (int32_t i = 0; i < n; i++) top = fmax(top, (double)x[i]);
    for (int32_t i = 0; i < n; i++) sum += exp((double)x[i] - top);
    for (int32_t i = 0; i < n; i++) {
        y[i] = (double)x[i] - top - log(sum);
        if (!take_log) y[i] = exp(y[i]);
    }
    return top + log(sum);
}

static void check_softmax(const char *name, const float *x, int32_t n, double bound)
{
    static float y[WIDE];
    static double exact[WIDE];
    for (int take_log = 0; take_log <= 1; take_log++) {
        double sum = eqbi_softmax_row(y, x, n, take_log != 0);
        double exact_sum = exact_softmax(exact, x, n, take_log != 0);
        ck_assert_msg(fabs(sum - exact_sum) <= bound * fmax(1.0, fabs(exact_sum)), "%s", name);
        double floor = take_log ? 1.0 : 1e-37;
        for (int32_t i = 0; i < n; i++)
            if (y[i] != (float)exact[i] &&
                !(fabs((double)y[i] - exact[i]) <= bound * fmax(floor, fabs(exact[i]))))
                ck_abort_msg("%s [%d], log %d: %.9g, expected %.9g", name, i, take_log,
                             (double)y[i], exact[i]);
    }
}

START_TEST(test_softmax_extremes)
{
    check_softmax(rows[_i].name, rows[_i].x, rows[_i].n, 4e-7);
}
END_TEST

/* One large term and many small ones, of which a sum in float may lose 256, a block, not more. */
START_TEST(test_softmax_wide)
{
    static float x[WIDE];
    for (int32_t i = 0; i < WIDE; i++) x[i] = i == 17 ? 16.5f : (float)(i % 7) * 0.25f - 1.0f;
    check_softmax("wide", x, WIDE, 256 * 0x1p-24);
}
END_TEST

/* A constant added to all logits changes no bit. */
START_TEST(test_softmax_shifted)
{
    const float x[4] = {0.5f, -3.25f, 2, 7.75f};
    float shifted[4], expected[4];
    for (int i = 0; i < 4; i++) shifted[i] = x[i] + 16384.0f;
    for (int take_log = 0; take_log <= 1; take_log++) {
        eqbi_softmax_row(expected, x, 4, take_log != 0);
        eqbi_softmax_row(shifted, shifted, 4, take_log != 0);
        ck_assert_mem_eq(shifted, expected, sizeof expected);
        for (int i = 0; i < 4; i++) shifted[i] = x[i] + 16384.0f;
    }
}
END_TEST

START_TEST(test_softmax_nan)
{
    float y[3] = {0, NAN, 0};
    eqbi_softmax_row(y, y, 3, _i != 0);
    for (int i = 0; i < 3; i++) ck_assert_float_nan(y[i]);
}
END_TEST

START_TEST(test_softmax_rows)
{
    enum { ROWS = 37, COLS = 601 };
    static float x[ROWS * COLS], expected[ROWS * COLS];
    eqbi_random_normal(x, ROWS * COLS, 3.0f, 1, 0);
    for (int r = 0; r < ROWS; r++)
        eqbi_softmax_row(expected + r * COLS, x + r * COLS, COLS, false);
    eqb_softmax_rows(x, ROWS, COLS);
    ck_assert_mem_eq(x, expected, sizeof x);
}
END_TEST

/* ------------------------------------------------------------------------------------- arena -- */

static test_allocator heap;
static eqbi_arena arena;

static void setup_arena(void)
{
    test_allocator_init(&heap);
    arena = (eqbi_arena){.allocator = &heap.base};
}

static void teardown_arena(void)
{
    eqbi_arena_free(&arena);
    ck_assert_uint_eq(heap.live_blocks, 0);
}

START_TEST(test_arena_blocks)
{
    enum { N = 300 };
    unsigned char *block[N];
    size_t size[N];
    for (size_t i = 0; i < N; i++) {
        size[i] = i % 100 == 99 ? 3 << 20 : i * 37 + 1; /* now and then more than all so far */
        block[i] = eqbi_arena_alloc(&arena, size[i], 1);
        ck_assert_ptr_nonnull(block[i]);
        ck_assert_uint_eq((uintptr_t)block[i] % 64, 0);
        memset(block[i], (int)(i % 251), size[i]);
    }
    for (size_t i = 0; i < N; i++) /* all bytes are as the first one, and that is right */
        ck_assert(*block[i] == i % 251 && memcmp(block[i], block[i] + 1, size[i] - 1) == 0);
    /* the same again: the same places, and the heap is left alone */
    size_t calls = heap.calls;
    eqbi_arena_reset(&arena);
    for (size_t i = 0; i < N; i++) ck_assert_ptr_eq(eqbi_arena_alloc(&arena, size[i], 1), block[i]);
    ck_assert_uint_eq(heap.calls, calls);
}
END_TEST

START_TEST(test_arena_rewind)
{
    char *before = eqbi_arena_alloc(&arena, 100, 1);
    eqbi_mark mark = eqbi_arena_mark(&arena);
    char *small = eqbi_arena_alloc(&arena, 10, 4);
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 5 << 20, 1));
    memset(before, 7, 100);
    eqbi_arena_rewind(&arena, mark);
    ck_assert_ptr_eq(eqbi_arena_alloc(&arena, 40, 1), small);
    for (int i = 0; i < 100; i++) ck_assert_int_eq(before[i], 7);
}
END_TEST

/* A mark of an arena without memory: rewinding forgets all, and loses nothing. */
START_TEST(test_arena_rewind_to_nothing)
{
    eqbi_mark mark = eqbi_arena_mark(&arena);
    void *first = eqbi_arena_alloc(&arena, 1, 1);
    eqbi_arena_rewind(&arena, mark);
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 3 << 20, 1)); /* too much for the first chunk */
    eqbi_arena_rewind(&arena, mark);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 1, 1));
}
END_TEST

START_TEST(test_arena_overflow)
{
    const size_t sizes[][2] = {{SIZE_MAX, 1},     {SIZE_MAX / 2, 3},    {3, SIZE_MAX / 2},
                               {SIZE_MAX - 64, 1}, {SIZE_MAX / 64, 64}, {SIZE_MAX / 2 + 1, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        ck_assert_ptr_null(eqbi_arena_alloc(&arena, sizes[i][0], sizes[i][1]));
    ck_assert_uint_eq(heap.live_blocks, 0);
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 0, 8));
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 1, 8));
}
END_TEST

START_TEST(test_arena_no_memory)
{
    for (size_t fail_at = 1; fail_at <= 2; fail_at++) {
        heap.calls = 0, heap.fail_at = fail_at, heap.fail_after = true;
        ck_assert_ptr_null(eqbi_arena_alloc(&arena, 100, 1));
        ck_assert_uint_eq(heap.live_blocks, 0);
    }
    heap.fail_at = 0, heap.limit = 1 << 10; /* no room for a chunk: what is needed will do */
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 100, 1));
    ck_assert_ptr_null(eqbi_arena_alloc(&arena, 2000, 1));
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 200, 1));
}
END_TEST

/* ---------------------------------------------------------------------------- random numbers -- */

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
    static float x[DRAWS], again[7];
    eqbi_random_normal(x, DRAWS, 0.5f, 3, 4);
    for (int i = 0; i < DRAWS; i++) draw[i] = (double)x[i];
    check_moments(draw, DRAWS, 0.0, 0.25, 3.0);
    for (int i = 0; i < DRAWS; i++) draw[i] = pow((double)x[i] * 2.0, 3.0); /* no skew */
    check_moments(draw, DRAWS, 0.0, 15.0, 46.2);
    for (int i = 0; i < DRAWS; i++) draw[i] = fabs((double)x[i]) > 0.98; /* 1.96 sigma */
    check_moments(draw, DRAWS, 0.05, 0.0475, 1.0 / 0.0475 - 3.0);
    eqbi_random_normal(again, 7, 0.5f, 3, 4); /* of an odd number: the same as far as it goes */
    ck_assert_mem_eq(again, x, sizeof again);
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
        double p = (double)ps[k], all = 0, both = 0, in_row[ROWS] = {0}, in_col[COLS] = {0};
        for (int i = 0; i < ROWS * COLS; i++) {
            bool kept = mask[i] == 1.0f / (1.0f - ps[k]);
            if (!kept && mask[i] != 0.0f) ck_abort_msg("a mask of %g", (double)mask[i]);
            all += kept;
            in_row[i / COLS] += kept;
            in_col[i % COLS] += kept;
            both += kept && i + 1 < ROWS * COLS && mask[i + 1] != 0.0f;
        }
        check_share(all, ROWS * COLS, p);
        check_share(both, ROWS * COLS - 1, 1.0 - (1.0 - p) * (1.0 - p)); /* no relation */
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

Suite *math_suite(void)
{
    enum { FUNCTIONS = sizeof functions / sizeof *functions };
    Suite *s = suite_create("math");
    TCase *vector = tcase_create("vector math");
    tcase_add_loop_test(vector, test_all_floats, 0, FUNCTIONS);
    tcase_add_loop_test(vector, test_seams, 0, FUNCTIONS);
    suite_add_tcase(s, vector);
    TCase *softmax = tcase_create("softmax");
    tcase_add_loop_test(softmax, test_softmax_extremes, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(softmax, test_softmax_wide);
    tcase_add_test(softmax, test_softmax_shifted);
    tcase_add_loop_test(softmax, test_softmax_nan, 0, 2);
    tcase_add_test(softmax, test_softmax_rows);
    suite_add_tcase(s, softmax);
    TCase *memory = tcase_create("arena");
    tcase_add_checked_fixture(memory, setup_arena, teardown_arena);
    tcase_add_test(memory, test_arena_blocks);
    tcase_add_test(memory, test_arena_rewind);
    tcase_add_test(memory, test_arena_rewind_to_nothing);
    tcase_add_test(memory, test_arena_overflow);
    tcase_add_test(memory, test_arena_no_memory);
    suite_add_tcase(s, memory);
    TCase *random = tcase_create("random");
    tcase_add_loop_test(random, test_uniform, 0, 3);
    tcase_add_loop_test(random, test_avalanche, 0, 3);
    tcase_add_test(random, test_below);
    tcase_add_test(random, test_normal);
    tcase_add_test(random, test_permutation);
    tcase_add_test(random, test_mask_share);
    tcase_add_test(random, test_mask_key);
    tcase_add_test(random, test_attention_masks);
    suite_add_tcase(s, random);
    return s;
}
