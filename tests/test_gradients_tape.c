/* The tape that carries the gradients: what it reaches, refuses, remembers and gives back. */
#include "tests/gradients_testing.h"

static graph *g;

static void setup(void)
{
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
}

static void teardown(void)
{
    eqb_graph_free(g);
}

static const float six[] = {1, -2, 3, -4, 5, -6};

/* What no loss depends on has no gradient, and its backward is not run. */
START_TEST(test_unreached)
{
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    tensor *a = eqb_variable(g, 2, 3, six), *b = eqb_variable(g, 2, 3, six);
    tensor *loss = eqb_sum(g, eqb_square(g, a)), *aside = eqb_mul(g, a, eqb_exp(g, b));
    ck_assert_int_eq(eqb_graph_backward(g, loss, 1.0f, NULL), EQB_OK);
    ck_assert_ptr_nonnull(aside);
    ck_assert_ptr_null(eqb_gradient(b));
    for (size_t i = 0; i < 6; i++) ck_assert_float_eq(eqb_gradient(a)[i], 2.0f * six[i]);
}
END_TEST

/* A value with three readers gets the sum of their gradients; scale multiplies it. */
START_TEST(test_many_readers)
{
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    tensor *a = eqb_variable(g, 2, 3, six), *b = eqb_scale(g, a, 2.0f);
    tensor *loss = eqb_sum(g, eqb_add(g, eqb_mul(g, b, b), eqb_sub(g, b, a)));
    ck_assert_int_eq(eqb_graph_backward(g, loss, 0.5f, NULL), EQB_OK);
    for (size_t i = 0; i < 6; i++) ck_assert_float_eq(eqb_gradient(a)[i], 4.0f * six[i] + 0.5f);
}
END_TEST

/* A loss that a built-in loss has seeded already keeps that share. */
START_TEST(test_seeded_twice)
{
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    tensor *a = eqb_variable(g, 1, 1, six);
    float beta;
    *eqbi_grad(g, a, &beta) = 10.0f;
    ck_assert_int_eq(eqb_graph_backward(g, a, 2.0f, NULL), EQB_OK);
    ck_assert_float_eq(*eqb_gradient(a), 12.0f);
}
END_TEST

START_TEST(test_backward_refuses)
{
    eqb_error err = {0};
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    tensor *a = eqb_variable(g, 2, 3, six);
    ck_assert_int_eq(eqb_graph_backward(g, a, 1.0f, &err), EQB_ERR_ARGUMENT);
    ck_assert_ptr_null(eqb_gradient(a));
    /* a parameter of a model without a block for gradients */
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    float x = 3.0f;
    tensor p = {.x = &x, .rows = 1, .cols = 1, .is_param = true, .needs_grad = true};
    ck_assert_int_eq(eqb_graph_backward(g, eqb_square(g, &p), 1.0f, &err), EQB_ERR_ARGUMENT);
    /* begin forgets the error */
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    ck_assert_int_eq(eqb_graph_status(g, &err), EQB_OK);
}
END_TEST

START_TEST(test_modes)
{
    const eqb_mode modes[] = {EQB_MODE_INFER, EQB_MODE_RECORD, EQB_MODE_TRAIN};
    for (size_t i = 0; i < 3; i++) {
        eqb_graph_begin(g, modes[i], 1, 1);
        tensor *a = eqb_variable(g, 2, 3, six), *y = eqb_square(g, a);
        ck_assert(y && (g->tape != NULL) == (modes[i] != EQB_MODE_INFER));
        ck_assert((eqbi_dropout(g, a, 0.5f) == a) == (modes[i] != EQB_MODE_TRAIN));
        ck_assert(eqbi_dropout(g, a, 0.0f) == a);
    }
}
END_TEST

/* Backward of a chain lives on two gradient buffers: with ten of them, the first chunk of 1 MiB,
 * which holds the 11 values of 64 KiB, would not be enough.                                      */
START_TEST(test_memory_of_backward)
{
    static const float zeros[128 * 128];
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    tensor *a = eqb_variable(g, 128, 128, zeros), *y = a;
    for (int i = 0; i < 10; i++) y = eqb_exp(g, y);
    ck_assert_int_eq(eqb_graph_backward(g, eqb_sum(g, y), 1.0f, NULL), EQB_OK);
    ck_assert_ptr_nonnull(eqb_gradient(a));
    ck_assert_uint_eq(g->mem.total, 1 << 20);
}
END_TEST

/* torch's padding_idx: the row of the padding token gets no gradient, the others as ever. */
START_TEST(test_padding_row)
{
    const op_case *c = &ops[OP_embed].cases[0];
    enum { PAD = 3 };
    float expected[3][64];
    draw_inputs(c);
    for (int32_t pad = -1; pad <= PAD; pad += PAD + 1) {
        tensor *in[3];
        eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
        for (int k = 0; k < 3; k++)
            in[k] = eqb_variable(g, c->shape[k][0], c->shape[k][1], input[k]);
        ck_assert_int_eq(
            backward(g, eqbi_embed(g, in[0], in[1], in[2], c->batch, pad)), EQB_OK);
        for (int k = 0; k < 3; k++) {
            for (int i = 0; i < (int)input_size(c, k); i++) {
                if (pad < 0) expected[k][i] = in[k]->g[i];
                bool padding = k == 0 && i / c->shape[0][1] == pad;
                ck_assert_float_eq(in[k]->g[i], padding ? 0.0f : expected[k][i]);
            }
        }
    }
}
END_TEST

TCase *tape_tests(void)
{
    TCase *t = tcase_create("tape");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_unreached);
    tcase_add_test(t, test_many_readers);
    tcase_add_test(t, test_seeded_twice);
    tcase_add_test(t, test_backward_refuses);
    tcase_add_test(t, test_modes);
    tcase_add_test(t, test_memory_of_backward);
    tcase_add_test(t, test_padding_row);
    return t;
}
