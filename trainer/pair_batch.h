/* Examples -> one packed batch: the versions of every pair stand next to each other, slots are
 * masked, and what each loss needs is listed by row.
 *
 * Everything drawn (candidates of unmarked lines, false continuations, tokens of keep sentences) is
 * a function of (seed, step, example), so a resumed run draws the same. */
#ifndef EQBI_PAIR_BATCH_H
#define EQBI_PAIR_BATCH_H

#include "trainer/pairs.h"

/* What the log-odds of a word of gender shall not depend on; see odds below. */
typedef struct eqbi_odds {
    eqb_pair_rows rows;
    int32_t words[2];       /* the columns: "he", "she" */
} eqbi_odds;

typedef struct eqbi_pair_batch {
    eqb_batch batch;        /* packed tokens, masked */
    /* Masked rows, one entry per masked token. */
    int32_t rows;           /* M */
    int32_t *row;           /* [M] row of the packed batch; ascending in keep sentences       */
    int32_t *label;         /* [M] the true token, -1: none (unlabelled, or a keep row)       */
    float *weight;          /* [M] of the MLM term                                            */
    int32_t *side;          /* [M] 0 male, 1 female, 2 keep, 3 odds                           */
    int32_t *example;       /* [M] index into the examples given                              */
    int32_t *slot;          /* [M] which slot of the example                                  */
    /* Pair similarity: indices into the M rows above. */
    int32_t pairs;
    eqb_pair_rows *pair;    /* [pairs] */
    /* Next sentence: sequences with a second segment. */
    int32_t *next_label;    /* [sequences] 0 follows, 1 random, -1 none: nothing to say, a second
                               segment that is borrowed, or a keep line                       */
    float *next_weight;     /* [sequences]                                                    */
    int32_t next_pairs;
    eqb_pair_rows *next_pair; /* [next_pairs] male sequence, female sequence; no equate       */
    int32_t next_keeps;
    int32_t *next_keep;       /* [next_keeps] sequences of keep and fact lines, ascending: compared
                                 with the original model                                      */
    float *next_keep_weight;  /* [next_keeps]                                                 */
    /* The other direction: indices into the M rows. "male" is the row of a word of gender, masked,
     * in a sentence that shows the profession; "female" the same in one that does not. */
    int32_t odds;
    eqbi_odds *odd;         /* [odds] */
    /* Keep: which of the M rows, of keep and fact lines, are compared with the original model. */
    int32_t keeps;
    int32_t *keep;          /* [keeps] indices into the M rows, ascending                     */
    float *keep_row_weight; /* [keeps]                                                        */
    int32_t slot_rows;
    int32_t *slot_row;      /* [slot_rows] the M rows of pair lines' slots, ascending         */
    float *slot_row_weight; /* [slot_rows]                                                    */
    /* Denominators of this batch: sums of weights. */
    double mlm_weight, next_weight_sum, pair_weight, next_pair_weight, odds_weight, keep_weight,
        next_keep_weight_sum, slot_weight;
    const eqb_allocator *allocator; /* set before the first call; NULL: the C library's       */
    eqbi_arena memory;      /* all arrays live here; reused by the next call                  */
} eqbi_pair_batch;

typedef struct eqbi_draw {
    uint64_t seed, step;
    bool evaluate;     /* no false continuations, draws that do not depend on seed and step */
    bool odds;         /* whether lines get their sentences of the other direction */
    double borrow_next; /* probability that a pair line without a second segment gets another's */
    double false_next; /* probability that a line whose continuation is true gets a false one */
} eqbi_draw;

/* Puts the examples index[0..count) of pairs together. Starts from {0}; the memory is reused and
 * grows as needed. After a failure the contents are those of no batch.
 *   errors  NOMEM, ARGUMENT (more than 2^31 tokens) */
eqb_status eqbi_pair_batch_make(eqbi_pair_batch *out, const eqb_pairs *pairs,
                                const int64_t *index, int32_t count, const eqbi_draw *draw,
                                eqb_error *err);
void eqbi_pair_batch_free(eqbi_pair_batch *batch);

#endif
