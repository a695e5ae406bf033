/* What the tests of pairs files share: a small vocabulary, files written in C strings. */
#ifndef PAIRS_TESTING_H
#define PAIRS_TESTING_H

#include "tests/testing.h"
#include "trainer/lexicon.h"
#include "trainer/pair_batch.h"

/* The tokenizer of the small vocabulary, made anew for each test. */
extern eqb_tokenizer *small;
eqb_tokenizer *new_small(const eqb_allocator *allocator);
void open_small(void);
void close_small(void);
TCase *small_case(const char *name);
int32_t small_id(const char *token);

/* A file that was loaded, and what was told while it was. Sequences have at most 20 tokens. */
typedef struct loaded {
    eqb_pairs *pairs;
    eqb_status status;
    eqb_error err;
    char told[8192]; /* "line: reason" of every fault, one a line */
} loaded;

/* Loads text, in which ' stands for ", as a file; options may be NULL. */
void load_text(loaded *out, const char *text, const eqb_pairs_options *options);
/* The same for bytes as they are. */
void load_bytes(loaded *out, const void *data, size_t size, const eqb_pairs_options *options);
/* load_text of a file without faults. */
eqb_pairs *load_good(const char *text);

/* Fails unless the tokens are these: "he is a nurse". */
void check_tokens(const int32_t *ids, int32_t count, const char *expected);

/* Fails unless slot k of one version has these tokens. */
void check_slot(const eqbi_side *side, int32_t k, int32_t segment, const char *tokens,
                bool labelled);

/* Batches: the examples of p in order, put together into b. */
enum { MOST = 64 };
void make_batch(eqbi_pair_batch *b, const eqb_pairs *p, const eqbi_draw *draw);
/* Fails unless the sequence has these tokens, and the types that go with them. */
void check_sequence(const eqbi_pair_batch *b, int32_t sequence, const char *expected);
/* Fails unless row m is token `at` of a sequence, masked; label NULL: none. */
void check_row(const eqbi_pair_batch *b, int32_t m, int32_t sequence, int32_t at,
               const char *label, int32_t side, int32_t example, int32_t slot);
void check_pair(const eqb_pair_rows *pair, int32_t male, int32_t female, float weight);

/* The parts of the suite that stand in files of their own. */
TCase *pairs_files_case(void);
TCase *pairs_words_case(void);
TCase *pairs_faults_case(void);
TCase *holdout_case(void);
TCase *pair_batch_case(void);
TCase *pair_draws_case(void);

#endif
