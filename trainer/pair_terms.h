/* The terms of the loss of a micro-batch of pairs: what train_pairs.c adds up. */
#ifndef EQBI_PAIR_TERMS_H
#define EQBI_PAIR_TERMS_H

#include "trainer/loop.h"
#include "trainer/train.h"

/* What they are made from; original and teacher (its graph) may be NULL: then nothing is kept. */
typedef struct eqbi_pair_terms {
    const eqb_pairs *pairs;
    const eqb_train_options *options;
    eqb_model *original;
    graph *teacher;
    double mlm, next, pair, next_pair, odds, keep, next_keep, slot; /* denominators of the whole step */
} eqbi_pair_terms;

/* The logits the terms look at. */
typedef struct eqbi_heads {
    tensor *mlm; /* [M, V], NULL without masked rows             */
    tensor *nsp; /* [sequences, 2], NULL without second segments, or if the file had no such head */
} eqbi_heads;

/* Whether the model's next-sentence head is more than random numbers. */
bool eqbi_decides_next(const eqb_model *model);

eqbi_heads eqbi_pair_forward(graph *g, eqb_model *model, const eqbi_pair_batch *b);

/* Each seeds its gradients and adds to totals. */
void eqbi_label_terms(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                      const eqbi_pair_batch *b, eqbi_totals *totals);
/* Agreement of the two versions, the other direction, the caller's own loss. */
void eqbi_agreement_terms(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                          const eqbi_pair_batch *b, eqbi_totals *totals);
/* What is held to the original. */
void eqbi_keep_terms(const eqbi_pair_terms *t, graph *g, const eqbi_heads *h,
                     const eqbi_pair_batch *b, eqbi_totals *totals);

#endif
