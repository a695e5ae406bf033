/* Plain text as tokens, and the sentence pairs made of it.
 *
 * A corpus knows where in its files blocks of whole documents begin, not their text. A window is the
 * tokens of some blocks, drawn at random from all files: a pass over the text is a pass over windows,
 * and the memory of a run is that of one window, however long the text.                            */
#ifndef EQBI_CORPUS_H
#define EQBI_CORPUS_H

#include "trainer/equibert_train.h"

enum { EQBI_WINDOW_BLOCKS = 64 };

typedef struct eqbi_block {
    uint64_t offset;  /* in its file */
    int64_t document; /* number of its first document in all the text, both parts counted */
    int32_t file;
    uint32_t tokens;  /* of this corpus' documents in it */
} eqbi_block;

struct eqb_corpus {
    char **path; /* [paths] */
    int32_t paths;
    const eqb_tokenizer *tokenizer;
    eqb_corpus_options options;
    size_t block_bytes;    /* a block ends at the first document end behind so many */
    eqbi_block *block;
    size_t blocks, block_capacity;
    int64_t tokens, sentences, documents;
    uint64_t *frequency;   /* [vocab_size] of each token                         */
    bool *continues;       /* [vocab_size] the token begins with "##"            */
    int32_t vocab_size;
    eqb_special_ids special;
    uint64_t hash;         /* FNV-1a 64 of the token ids: a resumed run checks it */
    const eqb_allocator *allocator;
};

/* All tokens stand in one array, sentence after sentence, document after document, so that any run of
 * sentences is a stretch of tokens. Start with {.allocator = ...}.                                 */
typedef struct eqbi_window {
    int32_t *token;   /* [tokens] */
    size_t *sentence; /* [sentences + 1] where each begins in token    */
    size_t *document; /* [documents + 1] where each begins in sentence */
    int32_t *file;    /* [documents] it is from; rising                */
    size_t tokens, sentences, documents;
    size_t token_capacity, sentence_capacity, document_capacity, file_capacity;
    const eqb_allocator *allocator;
} eqbi_window;

/* Windows that a pass over the corpus has. */
size_t eqbi_corpus_windows(const eqb_corpus *corpus);
/* The tokens of window index of pass number, a function of (seed, number, index).
 *   errors  IO, NOMEM, DATA (a file is not what it was)                                            */
eqb_status eqbi_window_load(eqbi_window *window, const eqb_corpus *corpus, uint64_t seed,
                            uint64_t number, size_t index, eqb_error *err);
void eqbi_window_free(eqbi_window *window);

/* [CLS] a [SEP] b [SEP], or [CLS] a [SEP], as stretches of the window's tokens. */
typedef struct eqbi_instance {
    size_t a, b;
    int32_t a_length, b_length;
    int32_t next; /* 0: b follows, 1: it is from another document, -1: there is no b */
} eqbi_instance;

/* The shuffled instances of one window, cut into micro-batches. Start with {.allocator = ...}. */
typedef struct eqbi_deal {
    eqbi_instance *instance; /* [count] in the order of use                      */
    size_t count, capacity;
    size_t *batch;           /* [batches + 1] first instance of each micro-batch */
    size_t batches, batch_capacity;
    const eqb_allocator *allocator;
} eqbi_deal;

/* Makes the instances of a window, a function of (seed, number).
 *   errors  NOMEM
 *   source  google-research/bert create_pretraining_data.py, create_instances_from_document       */
eqb_status eqbi_deal_make(eqbi_deal *deal, const eqbi_window *window,
                          const eqb_pretrain_options *options, uint64_t number, eqb_error *err);
void eqbi_deal_free(eqbi_deal *deal);

/* A packed, masked micro-batch. Start with {.allocator = ...}. */
typedef struct eqbi_text_batch {
    eqb_batch batch;
    int32_t *start, *ids, *types; /* what batch points to                           */
    int32_t *next;                /* [sequences] as in the instances                */
    int32_t *row, *label;         /* [rows] masked rows and their true tokens       */
    int32_t rows, pairs;          /* pairs: sequences with a second segment         */
    int32_t *memory;              /* [capacity] holds the arrays above              */
    size_t capacity;
    const eqb_allocator *allocator;
} eqbi_text_batch;

/* Packs and masks micro-batch index of a deal: 80 % [MASK], 10 % a random token, 10 % unchanged. */
eqb_status eqbi_text_batch_make(eqbi_text_batch *out, const eqb_corpus *corpus,
                                const eqbi_window *window, const eqbi_deal *deal, size_t index,
                                const eqb_pretrain_options *options, uint64_t number,
                                eqb_error *err);
void eqbi_text_batch_free(eqbi_text_batch *batch);

/* The micro-batches of pass after pass, by their number in the run. Start with
 * {.corpus = ..., .options = ...} and the allocator in window and deal.                           */
typedef struct eqbi_stream {
    const eqb_corpus *corpus;
    const eqb_pretrain_options *options;
    eqbi_window window;
    eqbi_deal deal;
    uint64_t number; /* windows before this one        */
    int64_t first;   /* micro-batches before its first */
    bool ready;
} eqbi_stream;

/* Makes micro-batch j, which is not before the one of the last call. Windows are read again from the
 * first one on when a run resumes, so there is no state to save.
 *   errors  IO, NOMEM, DATA                                                                        */
eqb_status eqbi_stream_batch(eqbi_stream *stream, eqbi_text_batch *out, int64_t j, eqb_error *err);
void eqbi_stream_free(eqbi_stream *stream);

eqb_status eqbi_pretrain_check(const eqb_model *model, const eqb_corpus *corpus,
                               const eqb_pretrain_options *options, eqb_error *err);

#endif
