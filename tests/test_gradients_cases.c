/* The tables: whatever a case does is in its line. An op without a table does not compile. */
#include "tests/gradients_testing.h"

/* Fields left out of a table's line are 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* ------------------------------------------------------------------------------- the batches -- */

/* Lengths 5, 1, 3, 2 and 40, 1, 33, 16: short heads go through loops, heads over 32 through BLAS.*/
static const eqb_batch ragged = {.sequences = 4,
                                 .start = (int32_t[]){0, 5, 6, 9, 11},
                                 .ids = (int32_t[]){3, 1, 4, 1, 5, 6, 2, 6, 0, 3, 3},
                                 .types = (int32_t[]){0, 0, 1, 1, 2, 1, 0, 0, 0, 2, 1}};
static const eqb_batch untyped = {.sequences = 2,
                                  .start = (int32_t[]){0, 1, 4},
                                  .ids = (int32_t[]){2, 0, 2, 1}};
#define ELEVEN 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
static const int32_t long_ids[90] = {ELEVEN, ELEVEN, ELEVEN, ELEVEN, ELEVEN,
                                     ELEVEN, ELEVEN, ELEVEN, 5,      7};
static const eqb_batch longer = {
    .sequences = 4, .start = (int32_t[]){0, 40, 41, 74, 90}, .ids = long_ids};

/* ----------------------------------------------------------------------- a table for each op -- */

static tensor *linear(graph *g, tensor **in, const op_case *c)
{
    return eqbi_linear(g, in[0], in[1], in[2], (eqb_activation)c->choice);
}
/* choice: the first of three rows of w */
static tensor *linear_part(graph *g, tensor **in, const op_case *c)
{
    return eqbi_linear_part(g, in[0], in[1], in[2], c->choice, 3, EQB_ACT_NONE);
}
/* Both thirds of w and the whole of it in one graph: the parts must add to what others wrote. */
static tensor *linear_parts(graph *g, tensor **in, const op_case *c)
{
    (void)c;
    tensor *whole = eqbi_linear(g, in[0], in[1], in[2], EQB_ACT_NONE);
    tensor *a = eqbi_linear_part(g, in[0], in[1], in[2], 0, 3, EQB_ACT_NONE);
    tensor *b = eqbi_linear_part(g, in[0], in[1], in[2], 3, 3, EQB_ACT_NONE);
    tensor *halves = eqb_concat_rows(g, a, b);
    const int32_t columns[3] = {4, 1, 5};
    return eqb_concat_rows(g, halves, eqb_gather_cols(g, whole, columns, 3));
}
static const op_case linear_cases[] = {
    {"first rows of w", linear_part, {{5, 3}, {7, 3}, {1, 7}}, 0},
    {"last rows of w", linear_part, {{5, 4}, {7, 4}, {1, 7}}, 4},
    {"a part, no bias", linear_part, {{2, 4}, {6, 4}}, 2},
    {"parts and whole", linear_parts, {{5, 3}, {6, 3}, {1, 6}}},
    {"plain", linear, {{5, 3}, {4, 3}}},
    {"bias", linear, {{5, 3}, {4, 3}, {1, 4}}},
    {"one row", linear, {{1, 7}, {2, 7}, {1, 2}}},
    {"one column", linear, {{3, 1}, {1, 1}, {1, 1}}},
    {"gelu", linear, {{5, 3}, {7, 3}, {1, 7}}, EQB_ACT_GELU},
    {"gelu, no bias", linear, {{4, 5}, {3, 5}}, EQB_ACT_GELU},
    {"gelu, parallel", linear, {{21, 3}, {811, 3}, {1, 811}}, EQB_ACT_GELU},
    {"gelu_tanh", linear, {{5, 3}, {7, 3}, {1, 7}}, EQB_ACT_GELU_TANH},
    {"gelu_tanh, far", linear, {{2, 3}, {19, 3}, {1, 19}}, EQB_ACT_GELU_TANH, .low = -3, .high = 3},
    {"tanh", linear, {{5, 3}, {7, 3}, {1, 7}}, EQB_ACT_TANH},
    {"relu", linear, {{5, 3}, {7, 3}, {1, 7}}, EQB_ACT_RELU, .swing = 4.5f},
    {"relu, parallel", linear, {{23, 3}, {721, 3}, {1, 721}}, EQB_ACT_RELU, .swing = 4.5f},
    {"x is w", linear, {{4, 3}, {4, 3}}, .same = true},
};

static tensor *add_norm(graph *g, tensor **in, const op_case *c)
{
    float epsilon = c->choice == 0 ? 1e-12f : 0.1f;
    return eqbi_add_norm(g, in[0], in[1], in[2], in[3], epsilon, c->dropout);
}
static const op_case add_norm_cases[] = {
    {"residual", add_norm, {{5, 7}, {5, 7}, {1, 7}, {1, 7}}},
    {"no residual", add_norm, {{5, 7}, {0, 0}, {1, 7}, {1, 7}}},
    {"one row", add_norm, {{1, 3}, {1, 3}, {1, 3}, {1, 3}}},
    {"large epsilon", add_norm, {{3, 5}, {3, 5}, {1, 5}, {1, 5}}, .choice = 1},
    {"dropout", add_norm, {{5, 9}, {5, 9}, {1, 9}, {1, 9}}, .dropout = 0.4f},
    {"dropout, no residual", add_norm, {{4, 9}, {0, 0}, {1, 9}, {1, 9}}, 1, .dropout = 0.3f},
    {"parallel", add_norm, {{67, 261}, {67, 261}, {1, 261}, {1, 261}}, .dropout = 0.1f},
    {"x is residual", add_norm, {{5, 7}, {5, 7}, {1, 7}, {1, 7}}, .dropout = 0.4f, .same = true},
};

/* A part of a network with parameters of its own, dropout, and two ways for x. */
typedef struct part_context {
    tensor *w, *gain, *bias;
    float dropout;
} part_context;
static tensor *part(graph *g, tensor *x, const void *context)
{
    const part_context *p = context;
    tensor *a = eqbi_dropout(g, eqbi_linear(g, x, p->w, NULL, EQB_ACT_GELU), p->dropout);
    return eqbi_add_norm(g, a, x, p->gain, p->bias, 1e-12f, p->dropout);
}
static tensor *recompute(graph *g, tensor **in, const op_case *c)
{
    part_context *p = eqbi_scratch(g, 1, sizeof *p);
    if (!p || !in[0] || !in[1] || !in[2] || !in[3]) return NULL;
    for (int k = 1; k <= 3; k++) /* as parameters have a place for theirs */
        if (!in[k]->g) in[k]->g = eqbi_scratch(g, eqbi_size(in[k]), sizeof(float));
    *p = (part_context){in[1], in[2], in[3], c->dropout};
    tensor *once = eqbi_recompute(g, in[0], part, p);
    if (c->choice == 0) return once;
    tensor *twice = eqbi_recompute(g, once, part, p); /* its parameters get two shares */
    return eqb_add(g, twice, in[0]);                  /* and so does x                 */
}
static const op_case recompute_cases[] = {
    {"part", recompute, {{5, 7}, {7, 7}, {1, 7}, {1, 7}}, 0},
    {"dropout", recompute, {{5, 7}, {7, 7}, {1, 7}, {1, 7}}, 0, 0.4f},
    {"twice", recompute, {{5, 7}, {7, 7}, {1, 7}, {1, 7}}, 1, 0.3f},
};

static tensor *attention(graph *g, tensor **in, const op_case *c)
{
    return eqbi_attention(g, in[0], c->batch->start, c->batch->sequences, c->choice, c->dropout);
}
/* Queries of some tokens, none in the second sequence; of longer more than 32 in the first. */
static const int32_t few[5] = {0, 2, 2, 3, 4}, many[5] = {0, 40, 40, 70, 80};
static tensor *attention_at(graph *g, tensor **in, const op_case *c)
{
    return eqbi_attention_at(g, in[0], c->batch == &longer ? many : few, in[1], c->batch->start,
                             c->batch->sequences, c->choice, c->dropout);
}
static const op_case attention_cases[] = {
    {"some queries", attention_at, {{4, 6}, {11, 12}}, 2, .batch = &ragged},
    {"some queries, dropout", attention_at, {{4, 10}, {11, 20}}, 1, 0.4f, .batch = &ragged},
    {"some queries, long", attention_at, {{80, 6}, {90, 12}}, 3, 0.2f, .batch = &longer},
    {"some queries, parallel", attention_at, {{80, 207}, {90, 414}}, 3, .batch = &longer},
    {"ragged", attention, {{11, 18}}, 2, .batch = &ragged},
    {"one head", attention, {{11, 9}}, 1, .batch = &ragged},
    {"heads of one", attention, {{11, 9}}, 3, .batch = &ragged, .low = -3, .high = 3},
    {"dropout", attention, {{11, 30}}, 2, 0.4f, .batch = &ragged},
    {"long", attention, {{90, 18}}, 2, .batch = &longer, .low = -2, .high = 2},
    {"long, dropout, parallel", attention, {{90, 549}}, 3, 0.2f, .batch = &longer},
};

static tensor *embed(graph *g, tensor **in, const op_case *c)
{
    return eqbi_embed(g, in[0], in[1], in[2], c->batch, -1);
}
static const op_case embed_cases[] = {
    {"ragged", embed, {{7, 6}, {5, 6}, {3, 6}}, .batch = &ragged},
    {"no types", embed, {{3, 5}, {4, 5}, {2, 5}}, .batch = &untyped},
    {"parallel", embed, {{11, 187}, {40, 187}, {1, 187}}, .batch = &longer},
};

static tensor *dropout(graph *g, tensor **in, const op_case *c)
{
    return eqbi_dropout(g, in[0], c->dropout);
}
static const op_case dropout_cases[] = {
    {"half", dropout, {{5, 7}}, .dropout = 0.5f},
    {"parallel", dropout, {{61, 271}}, .dropout = 0.1f},
};

const int32_t picks[4] = {2, 0, 2, 3};
static tensor *gather_rows(graph *g, tensor **in, const op_case *c)
{
    return eqb_gather_rows(g, in[0], picks, c->choice);
}
static const op_case gather_rows_cases[] = {
    {"repeats", gather_rows, {{4, 4}}, 4},
    {"one", gather_rows, {{3, 2}}, 1},
};

static tensor *gather_cols(graph *g, tensor **in, const op_case *c)
{
    return eqb_gather_cols(g, in[0], picks, c->choice);
}
static const op_case gather_cols_cases[] = {
    {"repeats", gather_cols, {{4, 4}}, 4},
    {"one", gather_cols, {{2, 3}}, 1},
};

static tensor *concat_rows(graph *g, tensor **in, const op_case *c)
{
    (void)c;
    return eqb_concat_rows(g, in[0], in[1]);
}
static const op_case concat_rows_cases[] = {
    {"two", concat_rows, {{4, 4}, {1, 4}}},
    {"a above a", concat_rows, {{2, 3}, {2, 3}}, .same = true},
};

/* The shapes in which a second operand is repeated, and the operand that is both. */
#define TWO_OPERANDS(op)                                                                         \
    static tensor *op(graph *g, tensor **in, const op_case *c)                                   \
    {                                                                                            \
        (void)c;                                                                                 \
        return eqb_##op(g, in[0], in[1]);                                                        \
    }                                                                                            \
    static const op_case op##_cases[] = {                                                        \
        {"equal shapes", op, {{4, 4}, {4, 4}}}, {"a column", op, {{3, 4}, {3, 1}}},              \
        {"a row", op, {{3, 4}, {1, 4}}},        {"a number", op, {{3, 4}, {1, 1}}},              \
        {"one row", op, {{1, 4}, {1, 4}}},      {"one column", op, {{3, 1}, {3, 1}}},            \
        {"a with a", op, {{3, 5}, {3, 5}}, .same = true},                                        \
    };
TWO_OPERANDS(add)
TWO_OPERANDS(sub)
TWO_OPERANDS(mul)

static tensor *scale(graph *g, tensor **in, const op_case *c)
{
    (void)c;
    return eqb_scale(g, in[0], -2.5f);
}
static const op_case scale_cases[] = {{"negative", scale, {{3, 5}}}};

/* choice: bit 0 transposes a, bit 1 b */
static tensor *matmul(graph *g, tensor **in, const op_case *c)
{
    return eqb_matmul(g, in[0], (c->choice & 1) != 0, in[1], (c->choice & 2) != 0);
}
static const op_case matmul_cases[] = {
    {"a b", matmul, {{3, 4}, {4, 5}}, 0},
    {"a' b", matmul, {{4, 3}, {4, 5}}, 1},
    {"a b'", matmul, {{3, 4}, {5, 4}}, 2},
    {"a' b'", matmul, {{4, 3}, {5, 4}}, 3},
    {"row, column", matmul, {{1, 6}, {6, 1}}, 0},
    {"column, row", matmul, {{6, 1}, {1, 3}}, 0},
    {"a a", matmul, {{4, 4}, {4, 4}}, 0, .same = true},
    {"a a'", matmul, {{4, 3}, {4, 3}}, 2, .same = true},
    {"a' a", matmul, {{4, 3}, {4, 3}}, 1, .same = true},
};

#define ONE_OPERAND(op, ...)                                                                     \
    static tensor *op##_of(graph *g, tensor **in, const op_case *c)                              \
    {                                                                                            \
        (void)c;                                                                                 \
        return eqb_##op(g, in[0]);                                                               \
    }                                                                                            \
    static const op_case op##_cases[] = {{"odd shape", op##_of, {{3, 7}}, __VA_ARGS__},           \
                                         {"one element", op##_of, {{1, 1}}, __VA_ARGS__}};
ONE_OPERAND(exp, .low = -2, .high = 2)
ONE_OPERAND(log, .low = 0.5f, .high = 3)
ONE_OPERAND(tanh, .low = -2, .high = 2)
ONE_OPERAND(sigmoid, .low = -4, .high = 4)
ONE_OPERAND(square, .low = -2, .high = 2)

#define ROWWISE(op)                                                                              \
    static tensor *op(graph *g, tensor **in, const op_case *c)                                   \
    {                                                                                            \
        (void)c;                                                                                 \
        return eqb_##op(g, in[0]);                                                               \
    }                                                                                            \
    static const op_case op##_cases[] = {{"odd shape", op, {{3, 7}}, .low = -3, .high = 3},      \
                                         {"parallel", op, {{35, 501}}, .low = -3, .high = 3}};
ROWWISE(softmax)
ROWWISE(log_softmax)

static tensor *row_sum(graph *g, tensor **in, const op_case *c)
{
    return c->choice == 0 ? eqb_row_sum(g, in[0]) : eqb_row_mean(g, in[0]);
}
static const op_case row_sum_cases[] = {
    {"sum", row_sum, {{4, 4}}, 0}, {"mean", row_sum, {{4, 3}}, 1}, {"row", row_sum, {{1, 5}}, 0}};

static tensor *sum(graph *g, tensor **in, const op_case *c)
{
    return c->choice == 0 ? eqb_sum(g, in[0]) : eqb_mean(g, in[0]);
}
static const op_case sum_cases[] = {{"sum", sum, {{4, 4}}, 0}, {"mean", sum, {{4, 3}}, 1}};

const op_cases ops[OP_COUNT] = {
#define OP(name) [OP_##name] = {#name, name##_cases, sizeof name##_cases / sizeof *name##_cases},
#include "autograd/ops.def"
#undef OP
};

/* ----------------------------------------------------------------------------- wrong shapes -- */

static tensor *gather_below(graph *g, tensor **in, const op_case *c)
{
    return eqb_gather_rows(g, in[0], (int32_t[]){0, c->choice}, 2);
}
static tensor *gather_beside(graph *g, tensor **in, const op_case *c)
{
    return eqb_gather_cols(g, in[0], (int32_t[]){0, c->choice}, 2);
}
static tensor *no_shape(graph *g, tensor **in, const op_case *c)
{
    return eqb_variable(g, c->choice, 1, in[0]->x);
}

#define BATCH(...) &(const eqb_batch){__VA_ARGS__}
#define LIST (int32_t[])
static const op_case wrong[] = {
    {"linear: columns", linear, {{2, 3}, {4, 2}}},
    {"linear: bias", linear, {{2, 3}, {4, 3}, {1, 3}}},
    {"add_norm: gain", add_norm, {{2, 3}, {2, 3}, {1, 2}, {1, 3}}},
    {"add_norm: bias", add_norm, {{2, 3}, {2, 3}, {1, 3}, {1, 2}}},
    {"add_norm: residual rows", add_norm, {{2, 3}, {3, 3}, {1, 3}, {1, 3}}},
    {"add_norm: residual columns", add_norm, {{2, 3}, {2, 4}, {1, 3}, {1, 3}}},
    {"attention: not three parts", attention, {{11, 10}}, 2, .batch = &ragged},
    {"attention: heads", attention, {{11, 18}}, 4, .batch = &ragged},
    {"attention: rows", attention, {{10, 18}}, 2, .batch = &ragged},
    {"attention: not two parts", attention_at, {{4, 6}, {11, 13}}, 2, .batch = &ragged},
    {"attention: queries", attention_at, {{5, 6}, {11, 12}}, 2, .batch = &ragged},
    {"attention: heads of queries", attention_at, {{4, 6}, {11, 12}}, 4, .batch = &ragged},
    {"attention: keys", attention_at, {{4, 6}, {10, 12}}, 2, .batch = &ragged},
    {"linear: after the last row", linear_part, {{2, 3}, {4, 3}}, 2},
    {"linear: before the first row", linear_part, {{2, 3}, {4, 3}}, -1},
    {"embed: no sequence", embed, {{7, 2}, {5, 2}, {3, 2}}, .batch = BATCH(0, LIST{0})},
    {"embed: first start", embed, {{7, 2}, {5, 2}, {3, 2}}, .batch = BATCH(1, LIST{1, 2})},
    {"embed: empty", embed, {{7, 2}, {5, 2}, {3, 2}}, .batch = BATCH(2, LIST{0, 1, 1}, LIST{0})},
    {"embed: backwards", embed, {{7, 2}, {5, 2}, {3, 2}}, .batch = BATCH(2, LIST{0, 3, 1})},
    {"embed: too long", embed, {{7, 2}, {2, 2}, {3, 2}}, .batch = BATCH(1, LIST{0, 3})},
    {"embed: id", embed, {{7, 2}, {5, 2}, {3, 2}}, .batch = BATCH(1, LIST{0, 1}, LIST{7})},
    {"embed: id -1", embed, {{7, 2}, {5, 2}, {3, 2}}, .batch = BATCH(1, LIST{0, 1}, LIST{-1})},
    {"embed: type", embed, {{7, 2}, {5, 2}, {3, 2}}, 0, 0, BATCH(1, LIST{0, 1}, LIST{1}, LIST{3})},
    {"embed: type -1", embed, {{7, 2}, {5, 2}, {3, 2}}, 0, 0,
     BATCH(1, LIST{0, 1}, LIST{1}, LIST{-1})},
    {"gather_rows: below", gather_below, {{3, 4}}, 3},
    {"gather_rows: above", gather_below, {{3, 4}}, -1},
    {"gather_rows: none", gather_rows, {{3, 4}}, 0},
    {"gather_cols: right", gather_beside, {{4, 3}}, 3},
    {"gather_cols: left", gather_beside, {{4, 3}}, -1},
    {"gather_cols: none", gather_cols, {{4, 3}}, 0},
    {"concat_rows", concat_rows, {{2, 3}, {2, 4}}},
    {"add: the first is not repeated", add, {{1, 3}, {2, 3}}},
    {"sub: columns", sub, {{2, 3}, {2, 2}}},
    {"mul: rows", mul, {{3, 2}, {2, 2}}},
    {"matmul", matmul, {{2, 3}, {2, 3}}, 0},
    {"matmul: a'", matmul, {{2, 3}, {3, 3}}, 1},
    {"matmul: b'", matmul, {{2, 3}, {3, 2}}, 2},
    {"no rows", no_shape, {{1, 1}}, 0},
    {"negative rows", no_shape, {{1, 1}}, -1},
};

const op_cases wrong_shapes = {"wrong", wrong, sizeof wrong / sizeof *wrong};
