/* Plain text as tokens, and the sentence pairs made of it. */
#ifndef EQBI_CORPUS_H
#define EQBI_CORPUS_H

#include "trainer/equibert_train.h"

/* All tokens stand in one array, sentence after sentence, document after document, so that any run of
 * sentences is a stretch of tokens.                                                               */
struct eqb_corpus {
    int32_t *token;     /* [tokens] */
    size_t *sentence;   /* [sentences + 1] where each begins in token          */
    size_t *document;   /* [documents + 1] where each begins in sentence       */
    size_t tokens, sentences, documents;
    size_t token_capacity, sentence_capacity, document_capacity;
    bool *continues;    /* [vocab_size] the token begins with "##"             */
    int32_t vocab_size;
    eqb_special_ids special;
    uint64_t hash;      /* FNV-1a 64 of the token ids: a resumed run checks it */
    const eqb_allocator *allocator;
};

/* [CLS] a [SEP] b [SEP] of an epoch, as stretches of the corpus' tokens. */
typedef struct eqbi_instance {
    size_t a, b;
    int32_t a_length, b_length;
    bool random; /* b is from another document */
} eqbi_instance;

/* The shuffled instances of one epoch, cut into micro-batches. Start with {.allocator = ...}. */
typedef struct eqbi_epoch {
    eqbi_instance *instance; /* [count] in the order of use                        */
    size_t count, capacity;
    size_t *batch;           /* [batches + 1] first instance of each micro-batch   */
    size_t batches, batch_capacity;
    const eqb_allocator *allocator;
} eqbi_epoch;

/* Makes the instances of epoch number from the corpus, a function of (seed, number).
 *   errors  NOMEM, DATA (nothing fits)
 *   source  google-research/bert create_pretraining_data.py, create_instances_from_document       */
eqb_status eqbi_epoch_make(eqbi_epoch *epoch, const eqb_corpus *corpus,
                           const eqb_pretrain_options *options, uint64_t number, eqb_error *err);
void eqbi_epoch_free(eqbi_epoch *epoch);

/* A packed, masked micro-batch. Start with {.allocator = ...}. */
typedef struct eqbi_text_batch {
    eqb_batch batch;
    int32_t *start, *ids, *types; /* what batch points to                           */
    int32_t *next;                /* [sequences] 0 follows, 1 random                */
    int32_t *row, *label;         /* [rows] masked rows and their true tokens       */
    int32_t rows;
    int32_t *memory;              /* [capacity] holds the arrays above              */
    size_t capacity;
    const eqb_allocator *allocator;
} eqbi_text_batch;

/* Packs and masks micro-batch index of an epoch: 80 % [MASK], 10 % a random token, 10 % unchanged. */
eqb_status eqbi_text_batch_make(eqbi_text_batch *out, const eqb_corpus *corpus,
                                const eqbi_epoch *epoch, size_t index,
                                const eqb_pretrain_options *options, uint64_t number,
                                eqb_error *err);
void eqbi_text_batch_free(eqbi_text_batch *batch);

#endif
