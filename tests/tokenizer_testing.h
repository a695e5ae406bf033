/* Helpers of the tokenizer's tests, and their parts. */
#ifndef TOKENIZER_TESTING_H
#define TOKENIZER_TESTING_H

#include "tests/testing.h"

TCase *tokenizer_vectors_case(void);
TCase *vocab_learner_case(void);

/* A tokenizer of these lines; each special token that they lack is added at the end. */
eqb_tokenizer *tokenizer_of_lines(const char *lines, const eqb_tokenizer_options *options);
/* The tokens of an encoding, joined with spaces; static, overwritten by the next call. */
const char *tokens_of(const eqb_tokenizer *t, const eqb_encoding *e);

#endif
