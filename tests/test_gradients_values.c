/* The values of the general ops, each against its formula in double. Those of BERT's own ops are
 * compared with transformers (test_bert.c).                                                      */
#include "tests/gradients_testing.h"

#include <math.h>

/* Element [r, col] of input k, which may be repeated. */
static double at(const op_case *c, int k, int r, int col)
{
    if (c->same) k = 0;
    int32_t rows = c->shape[k][0], cols = c->shape[k][1];
    return (double)input[k][(rows == 1 ? 0 : r) * cols + (cols == 1 ? 0 : col)];
}

/* The sum of f(x) over the elements of the first input's rows from .. to-1. */
static double sum_of(const op_case *c, double (*f)(double), int from, int to)
{
    double sum = 0.0;
    for (int r = from; r < to; r++)
        for (int col = 0; col < c->shape[0][1]; col++)
            sum += f ? f(at(c, 0, r, col)) : at(c, 0, r, col);
    return sum;
}

#define VALUE(op, formula)                                                                       \
    static double op##_value(const op_case *c, int r, int col)                                   \
    {                                                                                            \
        (void)r, (void)col;                                                                      \
        return formula;                                                                          \
    }
VALUE(add, at(c, 0, r, col) + at(c, 1, r, col))
VALUE(sub, at(c, 0, r, col) - at(c, 1, r, col))
VALUE(mul, at(c, 0, r, col) * at(c, 1, r, col))
VALUE(scale, at(c, 0, r, col) * -2.5)
VALUE(exp, exp(at(c, 0, r, col)))
VALUE(log, log(at(c, 0, r, col)))
VALUE(tanh, tanh(at(c, 0, r, col)))
VALUE(sigmoid, 1.0 / (1.0 + exp(-at(c, 0, r, col))))
VALUE(square, pow(at(c, 0, r, col), 2.0))
VALUE(softmax, exp(at(c, 0, r, col)) / sum_of(c, exp, r, r + 1))
VALUE(log_softmax, at(c, 0, r, col) - log(sum_of(c, exp, r, r + 1)))
VALUE(row_sum, sum_of(c, NULL, r, r + 1) / (c->choice ? c->shape[0][1] : 1))
VALUE(sum, sum_of(c, NULL, 0, c->shape[0][0]) / (c->choice ? (double)input_size(c, 0) : 1.0))
VALUE(gather_rows, at(c, 0, picks[r], col))
VALUE(gather_cols, at(c, 0, r, picks[col]))
VALUE(concat_rows, r < c->shape[0][0] ? at(c, 0, r, col) : at(c, 1, r - c->shape[0][0], col))

static double matmul_value(const op_case *c, int r, int col)
{
    double sum = 0.0;
    int a = c->choice & 1, b = c->choice & 2, inner = c->shape[0][a ? 0 : 1];
    for (int k = 0; k < inner; k++)
        sum += at(c, 0, a ? k : r, a ? r : k) * at(c, 1, b ? col : k, b ? k : col);
    return sum;
}

static double (*const value_of[OP_COUNT])(const op_case *c, int r, int col) = {
    [OP_add] = add_value,
    [OP_sub] = sub_value,
    [OP_mul] = mul_value,
    [OP_scale] = scale_value,
    [OP_exp] = exp_value,
    [OP_log] = log_value,
    [OP_tanh] = tanh_value,
    [OP_sigmoid] = sigmoid_value,
    [OP_square] = square_value,
    [OP_softmax] = softmax_value,
    [OP_log_softmax] = log_softmax_value,
    [OP_row_sum] = row_sum_value,
    [OP_sum] = sum_value,
    [OP_matmul] = matmul_value,
    [OP_gather_rows] = gather_rows_value,
    [OP_gather_cols] = gather_cols_value,
    [OP_concat_rows] = concat_rows_value,
};

static graph *g;

static void setup(void)
{
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
}

static void teardown(void)
{
    eqb_graph_free(g);
}

START_TEST(test_values)
{
    for (size_t n = 0; value_of[_i] && n < ops[_i].count; n++) {
        const op_case *c = &ops[_i].cases[n];
        draw_inputs(c);
        tensor *in[MAX_IN], *y = forward(g, c, 0, in);
        ck_assert_ptr_nonnull(y);
        for (int i = 0; i < y->rows * y->cols; i++) {
            double expected = value_of[_i](c, i / y->cols, i % y->cols);
            if (!(fabs((double)y->x[i] - expected) <= 5e-7 * fmax(1.0, fabs(expected))))
                ck_abort_msg("%s, %s [%d]: %.9g, expected %.9g", ops[_i].name, c->name, i,
                             (double)y->x[i], expected);
        }
    }
}
END_TEST

TCase *value_tests(void)
{
    TCase *t = tcase_create("values");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_values, 0, OP_COUNT);
    return t;
}
