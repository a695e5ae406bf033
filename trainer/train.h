/* What training and evaluation share. */
#ifndef EQBI_TRAIN_H
#define EQBI_TRAIN_H

#include "engine/model.h"
#include "trainer/pair_batch.h"

/* What a frozen model says of a batch, in logits, valid until the graph begins anew. NULL: it was not
 * asked, or there is nothing to ask about.                                                        */
typedef struct eqbi_reference {
    const float *keep, *slot; /* [b->keeps, V] [b->slot_rows, V]                                   */
    const float *next_keep;   /* [b->next_keeps, 2]                                                */
    const float *next_pair;   /* [2 * b->next_pairs, 2] male and female by turns                   */
} eqbi_reference;

/* Asks about what keep and fact lines keep, and about what pair lines keep, in one forward pass over
 * the sequences that are asked about. False: see g->err.                                          */
bool eqbi_refer(eqbi_reference *out, graph *g, eqb_model *model, const eqbi_pair_batch *b, bool keep,
                bool pairs);

#endif
