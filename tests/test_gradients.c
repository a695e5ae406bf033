/* The gradient of every op for every input: against finite differences, added to what stands there,
 * pruned, without memory. The cases stand in test_gradients_cases.c.
 *
 * The loss of a case is sum(w y) over its output, w fixed random numbers, summed in double. Along a
 * random direction d of +-1 its slope is sum(dx d), and by finite differences
 *     (8 f(h/2) - 8 f(-h/2) - f(h) + f(-h)) / 6h,
 * whose error goes with h^4, so that h can be as large as float needs. Step and bar were measured:
 * the worst case lies at 1.7e-5 |dx|; with a quarter of the step or twice of it at 6e-5, 2e-4.   */
#include "tests/gradients_testing.h"

#include "autograd/random.h"

#include <math.h>
#include <string.h>

static const double STEP = 4e-2, BAR = 1e-4;
enum { DIRECTIONS = 4, GUARD = 64 };

values input;

size_t input_size(const op_case *c, int k)
{
    return (size_t)c->shape[k][0] * (size_t)c->shape[k][1];
}

bool is_input(const op_case *c, int k)
{
    return input_size(c, k) > 0 && !(c->same && k == 1);
}

void draw_inputs(const op_case *c)
{
    double low = (double)c->low, high = (double)c->high;
    if (c->low == c->high) low = -1.0, high = 1.0;
    for (int k = 0; k < MAX_IN; k++) {
        bool last = k == MAX_IN - 1 || input_size(c, k + 1) == 0;
        ck_assert_uint_le(input_size(c, k), MAX_SIZE);
        for (size_t i = 0; i < input_size(c, k); i++) {
            double swing = last ? (double)(i % 2 ? -c->swing : c->swing) : 0.0;
            input[k][i] = (float)(low + (high - low) * eqbi_random_real(1, (uint64_t)k, i) + swing);
        }
    }
}

tensor *forward(graph *g, const op_case *c, unsigned wanted, tensor *in[MAX_IN])
{
    eqb_graph_begin(g, EQB_MODE_TRAIN, 7, 3);
    for (int k = 0; k < MAX_IN; k++) {
        in[k] = NULL;
        if (!is_input(c, k)) continue;
        in[k] = eqb_constant(g, c->shape[k][0], c->shape[k][1], input[k]);
        if (in[k]) in[k]->needs_grad = (wanted >> k & 1) != 0;
    }
    if (c->same) in[1] = in[0];
    return c->apply(g, in, c);
}

float weight(size_t i)
{
    return (float)(eqbi_random_real(2, 0, i) * 2.0 - 1.0);
}

eqb_status backward(graph *g, tensor *y)
{
    float beta, *dy = eqbi_grad(g, y, &beta);
    for (size_t i = 0; dy && i < eqbi_size(y); i++) dy[i] = weight(i);
    return eqbi_backward(g);
}

/* ---------------------------------------------------------------------- gradients of a case -- */

static graph *g;

static void setup(void)
{
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
}

static void teardown(void)
{
    eqb_graph_free(g);
}

/* dx of the wanted inputs, after each gradient was set to before (NULL: absent). */
static void gradients(const op_case *c, unsigned wanted, const float *before, values dx)
{
    tensor *in[MAX_IN], *y = forward(g, c, wanted, in);
    ck_assert_msg(y != NULL, "%s: %s", c->name, g->err.message);
    float *guard[MAX_IN] = {NULL}; /* stands behind the gradient, whose values it repeats */
    for (int k = 0; before && k < MAX_IN; k++) {
        if (!is_input(c, k)) continue;
        float beta, *d = eqbi_grad(g, in[k], &beta);
        memcpy(d, before, input_size(c, k) * sizeof *d);
        guard[k] = memcpy(eqbi_scratch(g, GUARD, sizeof *d), before, GUARD * sizeof *d);
    }
    ck_assert_int_eq(backward(g, y), EQB_OK);
    for (int k = 0; k < MAX_IN; k++)
        if (guard[k]) ck_assert_mem_eq(guard[k], before, GUARD * sizeof *before);
    for (int k = 0; k < MAX_IN; k++) {
        if (!is_input(c, k)) continue;
        ck_assert_msg(in[k]->has_g == (wanted >> k & 1), "%s: input %d", c->name, k);
        if (in[k]->has_g) memcpy(dx[k], in[k]->g, input_size(c, k) * sizeof **dx);
    }
}

static float direction(int k, int which, size_t i)
{
    return eqbi_random(3, (uint64_t)(k * DIRECTIONS + which), i) >> 63 ? 1.0f : -1.0f;
}

/* sum(w y) with input k moved by h along a direction. */
static double loss_at(const op_case *c, int k, int which, double h)
{
    static float kept[MAX_SIZE];
    size_t bytes = input_size(c, k) * sizeof *kept;
    memcpy(kept, input[k], bytes);
    for (size_t i = 0; i < input_size(c, k); i++)
        input[k][i] = (float)((double)kept[i] + h * (double)direction(k, which, i));
    tensor *in[MAX_IN], *y = forward(g, c, 0, in);
    memcpy(input[k], kept, bytes);
    double loss = 0.0;
    for (size_t i = 0; i < eqbi_size(y); i++) loss += (double)weight(i) * (double)y->x[i];
    return loss;
}

static double slope_by_differences(const op_case *c, int k, int which)
{
    double h = STEP, near = loss_at(c, k, which, h / 2) - loss_at(c, k, which, -h / 2);
    return (8.0 * near - loss_at(c, k, which, h) + loss_at(c, k, which, -h)) / (6.0 * h);
}

static values dx, other;

START_TEST(test_differences)
{
    for (size_t n = 0; n < ops[_i].count; n++) {
        const op_case *c = &ops[_i].cases[n];
        draw_inputs(c);
        gradients(c, ALL, NULL, dx);
        for (int t = 0; t < MAX_IN * DIRECTIONS; t++) {
            int k = t / DIRECTIONS, which = t % DIRECTIONS;
            if (!is_input(c, k)) continue;
            double numeric = slope_by_differences(c, k, which), analytic = 0.0, norm = 0.0;
            for (size_t i = 0; i < input_size(c, k); i++) {
                analytic += (double)dx[k][i] * (double)direction(k, which, i);
                norm += (double)dx[k][i] * (double)dx[k][i];
            }
            ck_assert_msg(fabs(analytic - numeric) <= BAR * sqrt(norm),
                          "%s, %s, input %d: slope %.7g, by differences %.7g, |dx| %.7g",
                          ops[_i].name, c->name, k, analytic, numeric, sqrt(norm));
        }
    }
}
END_TEST

/* What stands in a gradient buffer stays, and the op's share is added. */
START_TEST(test_adds)
{
    static float before[MAX_SIZE];
    eqbi_random_normal(before, MAX_SIZE, 1.0f, 4, 0);
    for (size_t n = 0; n < ops[_i].count; n++) {
        const op_case *c = &ops[_i].cases[n];
        draw_inputs(c);
        gradients(c, ALL, NULL, dx);
        gradients(c, ALL, before, other);
        for (int k = 0; k < MAX_IN; k++) {
            for (size_t i = 0; is_input(c, k) && i < input_size(c, k); i++) {
                double expected = (double)before[i] + (double)dx[k][i];
                double room = 2e-6 * (fabs((double)before[i]) + fabs((double)dx[k][i]) + 1.0);
                ck_assert_msg(fabs((double)other[k][i] - expected) <= room,
                              "%s, %s, input %d [%zu]: %.8g, expected %.8g", ops[_i].name, c->name,
                              k, i, (double)other[k][i], expected);
            }
        }
    }
}
END_TEST

/* An input alone gets the same bits as among others, and the others get nothing. */
START_TEST(test_prunes)
{
    for (size_t n = 0; n < ops[_i].count; n++) {
        const op_case *c = &ops[_i].cases[n];
        draw_inputs(c);
        gradients(c, ALL, NULL, dx);
        for (int k = 0; k < MAX_IN; k++) {
            if (!is_input(c, k)) continue;
            gradients(c, 1u << k, NULL, other);
            ck_assert_msg(memcmp(dx[k], other[k], input_size(c, k) * sizeof **dx) == 0,
                          "%s, %s: input %d alone", ops[_i].name, c->name, k);
        }
        tensor *in[MAX_IN], *y = forward(g, c, 0, in);
        ck_assert(y && !y->needs_grad && g->tape == NULL);
    }
}
END_TEST

/* Each piece of memory an op asks for is refused once: a clean error, nothing lost. */
START_TEST(test_no_memory)
{
    eqb_graph *roomy = g;
    test_allocator a;
    test_allocator_init(&a);
    a.limit = 1 << 19; /* below an arena's chunk: each request becomes a block of its own */
    for (size_t n = 0; n < ops[_i].count; n++) {
        const op_case *c = &ops[_i].cases[n];
        draw_inputs(c);
        bool done = false;
        for (size_t fail_at = 1; !done; fail_at++) {
            a.fail_at = 0;
            ck_assert_int_eq(eqb_graph_new(&g, &a.base, NULL), EQB_OK);
            a.calls = 0, a.fail_at = fail_at;
            tensor *in[MAX_IN], *y = forward(g, c, ALL, in);
            ck_assert((y != NULL) == (eqb_graph_status(g, NULL) == EQB_OK));
            bool failed = !y || backward(g, y) != EQB_OK;
            done = a.calls < fail_at;
            ck_assert_msg(failed != done, "%s, %s: block %zu", ops[_i].name, c->name, fail_at);
            ck_assert_int_eq(eqb_graph_status(g, NULL), done ? EQB_OK : EQB_ERR_NOMEM);
            eqb_graph_free(g);
            ck_assert_uint_eq(a.live_blocks, 0);
        }
    }
    g = roomy;
}
END_TEST

/* After a failure an op gives NULL, takes NULL, and leaves the first message alone. */
START_TEST(test_after_failure)
{
    for (size_t n = 0; n < ops[_i].count; n++) {
        const op_case *c = &ops[_i].cases[n];
        draw_inputs(c);
        tensor *in[MAX_IN];
        ck_assert_ptr_nonnull(forward(g, c, ALL, in));
        eqbi_graph_fail(g, EQB_ERR_DATA, "first");
        ck_assert_ptr_null(c->apply(g, in, c));
        ck_assert_ptr_null(c->apply(g, (tensor *[MAX_IN]){NULL}, c));
        eqb_error err = {0};
        ck_assert_int_eq(eqb_graph_status(g, &err), EQB_ERR_DATA);
        ck_assert_str_eq(err.message, "first");
    }
}
END_TEST

START_TEST(test_wrong_shapes)
{
    const op_case *c = &wrong_shapes.cases[_i];
    tensor *in[MAX_IN];
    ck_assert_msg(forward(g, c, ALL, in) == NULL, "%s", c->name);
    eqb_error err = {0};
    ck_assert_msg(eqb_graph_status(g, &err) == EQB_ERR_ARGUMENT, "%s", c->name);
    ck_assert_str_ne(err.message, "");
}
END_TEST

Suite *gradients_suite(void)
{
    Suite *s = suite_create("gradients");
    TCase *every = tcase_create("every op");
    tcase_add_checked_fixture(every, setup, teardown);
    tcase_add_loop_test(every, test_differences, 0, OP_COUNT);
    tcase_add_loop_test(every, test_adds, 0, OP_COUNT);
    tcase_add_loop_test(every, test_prunes, 0, OP_COUNT);
    tcase_add_loop_test(every, test_no_memory, 0, OP_COUNT);
    tcase_add_loop_test(every, test_after_failure, 0, OP_COUNT);
    tcase_add_loop_test(every, test_wrong_shapes, 0, (int)wrong_shapes.count);
    suite_add_tcase(s, every);
    suite_add_tcase(s, value_tests());
    suite_add_tcase(s, tape_tests());
    return s;
}
