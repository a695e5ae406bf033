/* What the ops stand on: exp, the normal distribution and tanh for loops, softmax; and the arena, random numbers and
 * masks in test_math_*.c.                                                                        */
#include "tests/math_testing.h"

#include "autograd/random.h"
#include "autograd/softmax.h"
#include "autograd/vector_math.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------ exp, normal and tanh -- */

enum { BLOCK = 4096 };

static inline float share_left(float x)
{
    float density;
    return eqbi_normalf(x, &density);
}

static inline float density_at(float x)
{
    float density;
    eqbi_normalf(x, &density);
    return density;
}

/* Each function twice: as the loops of the library run it, for the machine at hand, and as compiled
 * without any extension (no FMA on x86-64). */
#define BOTH(name, f)                                                                            \
    EQBI_KERNEL static void name##_loop(float *y, const float *x)                                \
    {                                                                                            \
        for (int i = 0; i < BLOCK; i++) y[i] = f(x[i]);                                          \
    }                                                                                            \
    static void name##_plain(float *y, const float *x)                                           \
    {                                                                                            \
        for (int i = 0; i < BLOCK; i++) y[i] = f(x[i]);                                          \
    }
BOTH(exp, eqbi_expf)
BOTH(to_88, eqbi_expf_to_88)
BOTH(share, share_left)
BOTH(density, density_at)
BOTH(tanh, eqbi_tanhf)

static double exact_share(double x)
{
    return 0.5 * erfc(-x * sqrt(0.5));
}

static double exact_density(double x)
{
    return exp(-0.5 * x * x) * 0.39894228040143268;
}

/* The bounds that vector_math.h promises; floor is the smallest size errors are measured against:
 * 1 makes the error absolute. */
static const struct function {
    const char *name;
    void (*run)(float *y, const float *x);
    double (*exact)(double);
    double bound, floor;
    float least, most; /* at and beyond these the value is beyond */
    float below, above; /* NAN: nothing is promised there */
    float seams[4];    /* where one formula takes over from another */
} functions[] = {
#define EXP exp, 1e-7, 0, -87.33f, 88.72f, 0, INFINITY, {-87.33f, 88.72f, 0.34657f, -0.34657f}
#define TO_88 exp, 1e-7, 0, -87.33f, 88, 0, NAN, {-87.33f, 88, 0.34657f, -0.34657f}
#define SHARE exact_share, 1e-7, 1, -13.3f, 13.3f, 0, 1, {0, -1e-5f, 13.2f, -13.2f}
#define TAIL exact_share, 2e-6, 0, -5, 13.3f, NAN, 1, {0, -1e-5f, -1, -4}
#define DENSITY exact_density, 1e-7, 1, -13.3f, 13.3f, 0, 0, {0, 1, 13.2f, -13.2f}
#define TANH tanh, 2e-7, 0, -9.5f, 9.5f, -1, 1, {0.62f, -0.62f, 9, -9}
    {"exp", exp_loop, EXP},           {"exp, plain", exp_plain, EXP},
    {"exp to 88", to_88_loop, TO_88}, {"exp to 88, plain", to_88_plain, TO_88},
    {"normal", share_loop, SHARE},    {"normal, plain", share_plain, SHARE},
    {"its tail", share_loop, TAIL},   {"its tail, plain", share_plain, TAIL},
    {"density", density_loop, DENSITY}, {"density, plain", density_plain, DENSITY},
    {"tanh", tanh_loop, TANH},        {"tanh, plain", tanh_plain, TANH},
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
            float beyond = x[i] < 0.0f ? f->below : f->above;
            right = y[i] == beyond || isnan(beyond);
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
    suite_add_tcase(s, arena_tests());
    suite_add_tcase(s, gemm_tests());
    suite_add_tcase(s, random_tests());
    return s;
}
