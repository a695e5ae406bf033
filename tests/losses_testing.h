/* What the losses are tested on, and their twins. */
#ifndef LOSSES_TESTING_H
#define LOSSES_TESTING_H

#include "tests/testing.h"

#include "trainer/equibert_train.h"

enum { ROWS = 6, PAIRS = 4, SUPPORT = 5, WIDE = 4501, MAX_SIZE = ROWS * WIDE };
enum { MAX_REFERENCE = 2 * PAIRS * WIDE };

typedef enum loss_name { MLM, NSP, PAIR, KEEP, MIDPOINT } loss_name;

typedef struct loss_case {
    const char *name;
    loss_name loss;
    int kind;        /* eqb_label_loss or eqb_pair_loss          */
    int32_t cols;
    float spread;    /* the logits are drawn from N(0, spread)   */
    bool weighted, supported;
} loss_case;

/* What the losses are about: one item a row for the label and keep losses, four
 * pairs for the others. */
extern const int32_t labels[2][ROWS]; /* MLM, NSP */
extern const float weights[ROWS];
extern const int32_t support[SUPPORT];
extern const eqb_pair_rows pairs[PAIRS];
/* The same without equated columns, for the midpoint loss. */
extern const eqb_pair_rows plain_pairs[PAIRS];
extern float reference[MAX_REFERENCE]; /* [ROWS, cols]; midpoint: [2 * PAIRS, cols] */

/* The loss of logits z [ROWS, cols], word by word as equibert_train.h defines it, in double. */
double twin(const loss_case *c, const double *z);

#endif
