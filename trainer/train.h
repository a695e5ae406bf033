/* What training and evaluation share. */
#ifndef EQBI_TRAIN_H
#define EQBI_TRAIN_H

#include "engine/model.h"
#include "trainer/pair_batch.h"

/* The masked-language-model logits [count, V] of model at some of the M rows of a batch, which ascend
 * like their sequences. Only the sequences that are asked about are run. Valid until the graph begins
 * anew; NULL: see g->err.                                                                         */
const float *eqbi_reference_words(graph *g, eqb_model *model, const eqbi_pair_batch *b,
                                  const int32_t *m, int32_t count);
/* The same of the next-sentence logits [count, 2] of these sequences, in any order. */
const float *eqbi_reference_next(graph *g, eqb_model *model, const eqbi_pair_batch *b,
                                 const int32_t *sequence, int32_t count);

#endif
