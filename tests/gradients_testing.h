/* Every op of autograd/ops.def in a few shapes each: the tables, and how one case is run. */
#ifndef GRADIENTS_TESTING_H
#define GRADIENTS_TESTING_H

#include "tests/testing.h"

#include "autograd/ops.h"

enum { MAX_IN = 4, MAX_SIZE = 1 << 16, ALL = (1 << MAX_IN) - 1 };

typedef struct op_case op_case;
struct op_case {
    const char *name;
    tensor *(*apply)(graph *g, tensor **in, const op_case *c);
    int32_t shape[MAX_IN][2]; /* of the inputs; rows 0: NULL is passed                      */
    int32_t choice;           /* activation, heads, transposes, index list: apply knows     */
    float dropout;
    const eqb_batch *batch;
    bool same;                /* the second input is the first                              */
    float low, high;          /* inputs are drawn from here; both 0: [-1, 1)                */
    float swing;              /* added to the last input, + and - in turn: keeps ReLU off 0 */
};

/* The cases of each op. */
typedef struct op_cases {
    const char *name;
    const op_case *cases;
    size_t count;
} op_cases;
extern const op_cases ops[OP_COUNT];
/* Shapes and indices that are refused. */
extern const op_cases wrong_shapes;

/* What gather_rows and gather_cols pick, as many as choice says. */
extern const int32_t picks[4];

typedef float values[MAX_IN][MAX_SIZE];
extern values input;
void draw_inputs(const op_case *c);
size_t input_size(const op_case *c, int k);
/* Input k is there and not another name of the first. */
bool is_input(const op_case *c, int k);
/* Applies the op to the drawn inputs; wanted has a bit for each input that gets a gradient. */
tensor *forward(graph *g, const op_case *c, unsigned wanted, tensor *in[MAX_IN]);
/* The gradient of sum(w y), w fixed random numbers. */
eqb_status backward(graph *g, tensor *y);
float weight(size_t i);

TCase *value_tests(void);
TCase *tape_tests(void);

#endif
