/* What training and evaluation share. */
#ifndef EQBI_TRAIN_H
#define EQBI_TRAIN_H

#include "engine/model.h"
#include "trainer/pair_batch.h"

/* The masked-language-model logits [b->keeps, V] of model at the keep rows of a batch; only the keep
 * sequences are run. Valid until the graph begins anew; NULL: see g->err.                          */
const float *eqbi_reference_logits(graph *g, eqb_model *model, const eqbi_pair_batch *b);

#endif
