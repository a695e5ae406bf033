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
/* The next-sentence logits [2 * b->next_pairs, 2] of the male and female versions, by turns. */
const float *eqbi_reference_next(graph *g, eqb_model *model, const eqbi_pair_batch *b);

#endif
