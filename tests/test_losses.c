/* The built-in losses against twins in double that follow their definitions word by word; their
 * gradients against finite differences of the twins, element by element.                         */
#include "tests/losses_testing.h"

#include "autograd/ops.h"
#include "autograd/random.h"

#include <math.h>
#include <string.h>

/* Fields left out of a table's line are 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const loss_case cases[] = {
    {"mlm", MLM, EQB_LABEL_CROSS_ENTROPY, 9, 2},
    {"mlm, weights", MLM, EQB_LABEL_CROSS_ENTROPY, 9, 2, .weighted = true},
    {"mlm, wide", MLM, EQB_LABEL_CROSS_ENTROPY, WIDE, 2, .weighted = true},
    {"mlm, huge logits", MLM, EQB_LABEL_CROSS_ENTROPY, 9, 1e4f},
    {"mlm mse", MLM, EQB_LABEL_MSE, 9, 2},
    {"mlm mse, weights", MLM, EQB_LABEL_MSE, 9, 2, .weighted = true},
    {"mlm mse, wide", MLM, EQB_LABEL_MSE, WIDE, 2},
    {"mlm mse, huge logits", MLM, EQB_LABEL_MSE, 9, 1e4f},
    {"nsp", NSP, 0, 2, 2},
    {"nsp, weights", NSP, 0, 2, 2, .weighted = true},
    {"mse", PAIR, EQB_PAIR_MSE, 9, 2},
    {"mse, support", PAIR, EQB_PAIR_MSE, 9, 2, .supported = true},
    {"mse, wide", PAIR, EQB_PAIR_MSE, WIDE, 2},
    {"mse, huge logits", PAIR, EQB_PAIR_MSE, 9, 1e4f},
    {"centred mse", PAIR, EQB_PAIR_CENTRED_MSE, 9, 2},
    {"centred mse, support", PAIR, EQB_PAIR_CENTRED_MSE, 9, 2, .supported = true},
    {"centred mse, huge logits", PAIR, EQB_PAIR_CENTRED_MSE, 9, 1e4f},
    {"kl", PAIR, EQB_PAIR_KL, 9, 2},
    {"kl, support", PAIR, EQB_PAIR_KL, 9, 2, .supported = true},
    {"kl, wide", PAIR, EQB_PAIR_KL, WIDE, 2},
    {"kl, huge logits", PAIR, EQB_PAIR_KL, 9, 1e4f},
    {"js", PAIR, EQB_PAIR_JS, 9, 2},
    {"js, support", PAIR, EQB_PAIR_JS, 9, 2, .supported = true},
    {"js, wide", PAIR, EQB_PAIR_JS, WIDE, 2},
    {"js, huge logits", PAIR, EQB_PAIR_JS, 9, 1e4f},
    {"midpoint", MIDPOINT, 0, 9, 2},
    {"midpoint, of next sentences", MIDPOINT, 0, 2, 2},
    {"midpoint, wide", MIDPOINT, 0, WIDE, 2},
    {"midpoint, huge logits", MIDPOINT, 0, 9, 1e4f},
    {"keep", KEEP, 0, 9, 2},
    {"keep, support", KEEP, 0, 9, 2, .weighted = true, .supported = true},
    {"keep, weights", KEEP, 0, 9, 2, .weighted = true},
    {"keep, wide", KEEP, 0, WIDE, 2},
    {"keep, huge logits", KEEP, 0, 9, 1e4f},
};
enum { CASES = sizeof cases / sizeof *cases };

static const float FACTOR = 0.75f;

static float logits[MAX_SIZE];

static void draw_logits(const loss_case *c)
{
    eqbi_random_normal(logits, (size_t)(ROWS * c->cols), c->spread, 1, 0);
    eqbi_random_normal(reference, (size_t)(2 * PAIRS * c->cols), c->spread, 2, 0);
}

/* --------------------------------------------------------------------------------- the tests -- */

static graph *g;

static void setup(void)
{
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
}

static void teardown(void)
{
    eqb_graph_free(g);
}

/* The loss of items from .. to-1 (rows, or pairs), which seeds the gradient of z. */
static double loss_of(const loss_case *c, tensor *z, int from, int to)
{
    int32_t label[ROWS];
    float weight[ROWS];
    for (int r = 0; r < ROWS; r++) {
        bool in = r >= from && r < to;
        label[r] = in ? labels[c->loss == NSP][r] : -1;
        weight[r] = !in ? 0.0f : c->weighted ? weights[r] : 1.0f;
    }
    bool all = from == 0 && to >= ROWS && !c->weighted;
    switch (c->loss) {
    case MLM:
        return eqb_loss_mlm(g, z, label, all ? NULL : weight, (eqb_label_loss)c->kind, FACTOR);
    case NSP: return eqb_loss_nsp(g, z, label, all ? NULL : weight, FACTOR);
    case PAIR:
        return eqb_loss_pair(g, z, pairs + from, (to < PAIRS ? to : PAIRS) - from,
                             (eqb_pair_loss)c->kind, c->supported ? support : NULL,
                             c->supported ? SUPPORT : 0, FACTOR);
    case MIDPOINT:
        return eqb_loss_midpoint(g, z, reference + 2 * from * c->cols, plain_pairs + from,
                                 (to < PAIRS ? to : PAIRS) - from, FACTOR);
    case KEEP: return eqb_loss_keep(g, z, reference, all ? NULL : weight, c->supported ? support : NULL,
                             c->supported ? SUPPORT : 0, FACTOR);
    }
    return NAN;
}

static tensor *begin(const loss_case *c, bool variable)
{
    draw_logits(c);
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    return variable ? eqb_variable(g, ROWS, c->cols, logits)
                    : eqb_constant(g, ROWS, c->cols, logits);
}

/* Room for what float makes of logits of this size. */
static double room(const loss_case *c)
{
    return 1e-6 * fmax(1.0, (double)c->spread);
}

START_TEST(test_value)
{
    static double z[MAX_SIZE];
    const loss_case *c = &cases[_i];
    for (int variable = 0; variable <= 1; variable++) {
        tensor *t = begin(c, variable);
        for (int i = 0; i < ROWS * c->cols; i++) z[i] = (double)logits[i];
        double loss = loss_of(c, t, 0, ROWS), expected = twin(c, z);
        ck_assert_msg(fabs(loss - expected) <= 1e-6 * fmax(1.0, fabs(expected)),
                      "%s: %.9g, expected %.9g", c->name, loss, expected);
        ck_assert((eqb_gradient(t) != NULL) == variable);
    }
}
END_TEST

/* d twin / d z[i], by a stencil whose error goes with h^4. */
static double slope(const loss_case *c, double *z, int i)
{
    double kept = z[i], h = 2e-3, f[4];
    const double step[4] = {-1, -0.5, 0.5, 1};
    for (int k = 0; k < 4; k++) {
        z[i] = kept + h * step[k];
        f[k] = twin(c, z);
    }
    z[i] = kept;
    return (8.0 * (f[2] - f[1]) - (f[3] - f[0])) / (6.0 * h);
}

/* Every element of a small case, 93 of a wide one. */
START_TEST(test_gradient)
{
    static double z[MAX_SIZE];
    const loss_case *c = &cases[_i];
    tensor *t = begin(c, true);
    loss_of(c, t, 0, ROWS);
    int size = ROWS * c->cols, step = c->cols == WIDE ? 293 : 1;
    for (int i = 0; i < size; i++) z[i] = (double)logits[i];
    for (int i = 0; i < size; i += step) {
        double expected = (double)FACTOR * slope(c, z, i);
        ck_assert_msg(fabs((double)t->g[i] - expected) <= room(c) * fmax(1.0, fabs(expected)),
                      "%s [%d, %d]: %.9g, expected %.9g", c->name, i / c->cols, i % c->cols,
                      (double)t->g[i], expected);
    }
}
END_TEST

/* Two micro-batches make the same value and gradient as one, on top of what stood there before. */
START_TEST(test_halves)
{
    static float whole[MAX_SIZE], before[MAX_SIZE];
    const loss_case *c = &cases[_i];
    int size = ROWS * c->cols, middle = c->loss == PAIR || c->loss == MIDPOINT ? PAIRS / 2 : ROWS / 2;
    tensor *t = begin(c, true);
    double loss = loss_of(c, t, 0, ROWS);
    memcpy(whole, t->g, (size_t)size * sizeof *whole);
    t = begin(c, true);
    float beta, *d = eqbi_grad(g, t, &beta);
    eqbi_random_normal(before, (size_t)size, 1.0f, 3, 0);
    memcpy(d, before, (size_t)size * sizeof *d);
    double halves = loss_of(c, t, 0, middle) + loss_of(c, t, middle, ROWS);
    ck_assert_msg(fabs(halves - loss) <= 1e-12 * fabs(loss), "%s: %.17g, in halves %.17g", c->name,
                  loss, halves);
    for (int i = 0; i < size; i++) {
        double expected = (double)before[i] + (double)whole[i];
        if (fabs((double)d[i] - expected) > room(c) * fmax(1.0, fabs((double)whole[i])))
            ck_abort_msg("%s [%d]: %.9g, expected %.9g", c->name, i, (double)d[i], expected);
    }
}
END_TEST

/* A loss of the user's own, made of general ops, agrees with the built-in one. */
START_TEST(test_composed)
{
    enum { MSE, CROSS_ENTROPY };
    static float built_in[ROWS * 9];
    const loss_case *c = &cases[0];
    const int32_t male[] = {0, 2, 4}, female[] = {1, 3, 5}, label[ROWS] = {3, 3, 3, 3, 3, 3};
    const eqb_pair_rows even[] = {{0, 1, .weight = 1}, {2, 3, .weight = 1}, {4, 5, .weight = 1}};
    tensor *t = begin(c, true);
    double loss = _i == MSE ? eqb_loss_pair(g, t, even, 3, EQB_PAIR_MSE, NULL, 0, FACTOR)
                            : eqb_loss_mlm(g, t, label, NULL, EQB_LABEL_CROSS_ENTROPY, FACTOR);
    memcpy(built_in, t->g, sizeof built_in);
    t = begin(c, true);
    tensor *own;
    if (_i == MSE) {
        tensor *a = eqb_gather_rows(g, t, male, 3), *b = eqb_gather_rows(g, t, female, 3);
        own = eqb_row_mean(g, eqb_square(g, eqb_sub(g, a, b)));
    } else {
        own = eqb_scale(g, eqb_gather_cols(g, eqb_log_softmax(g, t), label, 1), -1.0f);
    }
    own = eqb_sum(g, own);
    ck_assert_int_eq(eqb_graph_backward(g, own, FACTOR, NULL), EQB_OK);
    ck_assert_double_eq_tol((double)*eqb_data(own), loss, 1e-5);
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        ck_assert_float_eq_tol(eqb_gradient(t)[i], built_in[i], 1e-6f);
}
END_TEST

START_TEST(test_nothing_to_do)
{
    const int32_t none[ROWS] = {-1, -1, -1, -1, -1, -1};
    const float zeros[ROWS] = {0};
    tensor *t = begin(&cases[0], true);
    ck_assert_double_eq(eqb_loss_mlm(g, t, none, NULL, EQB_LABEL_CROSS_ENTROPY, 1), 0);
    ck_assert_double_eq(eqb_loss_keep(g, t, reference, zeros, NULL, 0, 1), 0);
    ck_assert_double_eq(eqb_loss_pair(g, t, NULL, 0, EQB_PAIR_KL, NULL, 0, 1), 0);
    ck_assert_double_eq(eqb_loss_midpoint(g, t, NULL, NULL, 0, 1), 0);
    ck_assert_int_eq(eqb_graph_status(g, NULL), EQB_OK);
    for (int i = 0; eqb_gradient(t) && i < ROWS * 9; i++) ck_assert(eqb_gradient(t)[i] == 0.0f);
}
END_TEST

/* An earlier failure gives NULL logits: the losses are 0, and the failure is what is reported. */
START_TEST(test_after_failure)
{
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    eqbi_graph_fail(g, EQB_ERR_DATA, "first");
    for (int i = 0; i < CASES; i++) ck_assert_double_eq(loss_of(&cases[i], NULL, 0, ROWS), 0);
    ck_assert_int_eq(eqb_graph_status(g, NULL), EQB_ERR_DATA);
}
END_TEST

START_TEST(test_refused)
{
    const int32_t low[ROWS] = {0, 0, -2}, high[ROWS] = {0, 0, 0, 9}, outside[] = {3, 9, -1};
    const eqb_pair_rows wrong[] = {
        {-1, 0, .weight = 1}, {6, 0, .weight = 1},           {0, -1, .weight = 1},
        {0, 6, .weight = 1},  {0, 1, outside, 1, .weight = 1}, {0, 1, outside + 1, 1, .weight = 1}};
    enum { LOW = sizeof wrong / sizeof *wrong, HIGH, SUPPORT_HIGH, SUPPORT_LOW, SUPPORT_NONE,
           MIDPOINT_FIRST };
    tensor *t = begin(&cases[0], true);
    switch (_i) {
    case LOW: eqb_loss_mlm(g, t, low, NULL, EQB_LABEL_CROSS_ENTROPY, 1); break;
    case HIGH: eqb_loss_mlm(g, t, high, NULL, EQB_LABEL_CROSS_ENTROPY, 1); break;
    case SUPPORT_HIGH: eqb_loss_pair(g, t, pairs, 1, EQB_PAIR_MSE, outside + 1, 1, 1); break;
    case SUPPORT_LOW: eqb_loss_pair(g, t, pairs, 1, EQB_PAIR_MSE, outside + 2, 1, 1); break;
    case SUPPORT_NONE: eqb_loss_pair(g, t, pairs, 1, EQB_PAIR_MSE, outside, 0, 1); break;
    default:
        if (_i < MIDPOINT_FIRST)
            eqb_loss_pair(g, t, &wrong[_i], 1, EQB_PAIR_MSE, NULL, 0, 1);
        else
            eqb_loss_midpoint(g, t, reference, &wrong[_i - MIDPOINT_FIRST], 1, 1);
    }
    ck_assert_int_eq(eqb_graph_status(g, NULL), EQB_ERR_ARGUMENT);
}
END_TEST
enum { REFUSED = 17 };

/* Each piece of memory a loss asks for is refused once. */
START_TEST(test_no_memory)
{
    const loss_case *c = &cases[_i];
    test_allocator a;
    test_allocator_init(&a);
    a.limit = 1 << 19; /* below an arena's chunk: each request becomes a block of its own */
    teardown();
    for (size_t fail_at = 1; a.calls + 1 >= fail_at; fail_at++) {
        a.fail_at = 0;
        ck_assert_int_eq(eqb_graph_new(&g, &a.base, NULL), EQB_OK);
        a.calls = 0, a.fail_at = fail_at;
        loss_of(c, begin(c, true), 0, ROWS);
        eqb_status expected = a.calls < fail_at ? EQB_OK : EQB_ERR_NOMEM;
        ck_assert_msg(eqb_graph_status(g, NULL) == expected, "%s: block %zu", c->name, fail_at);
        eqb_graph_free(g);
        ck_assert_uint_eq(a.live_blocks, 0);
    }
    setup();
}
END_TEST

Suite *losses_suite(void)
{
    Suite *s = suite_create("losses");
    TCase *every = tcase_create("every loss");
    tcase_add_checked_fixture(every, setup, teardown);
    tcase_add_loop_test(every, test_value, 0, CASES);
    tcase_add_loop_test(every, test_gradient, 0, CASES);
    tcase_add_loop_test(every, test_halves, 0, CASES);
    tcase_add_loop_test(every, test_no_memory, 0, CASES);
    tcase_add_loop_test(every, test_composed, 0, 2);
    tcase_add_test(every, test_nothing_to_do);
    tcase_add_test(every, test_after_failure);
    tcase_add_loop_test(every, test_refused, 0, REFUSED);
    suite_add_tcase(s, every);
    return s;
}
