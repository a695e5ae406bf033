/* The training loop that pairs and pretraining share: steps of micro-batches, optimizer, schedule,
 * progress, metrics, checkpoints.                                                                 */
#ifndef EQBI_LOOP_H
#define EQBI_LOOP_H

#include "autograd/tensor.h"
#include "trainer/checkpoint.h"

typedef struct eqbi_sum {
    double sum, weight;
} eqbi_sum;

/* Sums over a step; a mean is sum / weight. */
typedef struct eqbi_totals {
    double loss; /* weighted, over the whole step */
    eqbi_sum mlm, nsp, pair, next_pair, odds, keep, keep_gendered, next_keep, next_midpoint;
    int64_t tokens;
} eqbi_totals;

typedef struct eqbi_task {
    void *self;
    /* Draws the micro-batches of step (0, 1, ...) and sums their denominators. */
    eqb_status (*begin)(void *self, int64_t step, eqb_error *err);
    /* Forward and backward of micro-batch k on the graph. */
    eqb_status (*run)(void *self, graph *g, int64_t step, int32_t k, eqbi_totals *totals,
                      eqb_error *err);
    eqb_model *model;
    const eqb_run_options *options;
    const eqb_optimizer_options *optimizer;
    eqbi_text *settings; /* "key=value\n" of what is the task's own; the loop adds its own */
} eqbi_task;

/* Runs all steps and, with an output directory, writes the model there at the end. */
eqb_status eqbi_run(const eqbi_task *task, eqb_error *err);

void eqbi_run_options_default(eqb_run_options *options);
eqb_status eqbi_run_options_check(const eqb_run_options *options, eqb_error *err);

/* Tells options->on_note, if anybody listens. */
void eqbi_note(const eqb_run_options *options, const char *format, ...) EQBI_PRINTF(2, 3);

#endif
