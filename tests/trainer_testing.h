/* Small models and texts for the trainer's tests. */
#ifndef TRAINER_TESTING_H
#define TRAINER_TESTING_H

#include "engine/model.h"
#include "trainer/corpus.h"

#include <check.h>

/* 2 layers, hidden 24, 2 heads; takes the tokenizer over (NULL: 61 tokens, no tokenizer). */
eqb_model *small_model(eqb_tokenizer *tokenizer);
/* The same with an allocator; NULL on failure. */
eqb_model *small_model_with(eqb_tokenizer *tokenizer, int32_t vocab_size,
                            const eqb_allocator *allocator, eqb_error *err);
/* A vocabulary learnt from the text. */
eqb_tokenizer *small_tokenizer(const char *text);
TCase *trainer_text_case(void);
eqb_corpus *corpus_of(const char *text, const eqb_tokenizer *tokenizer);

#endif
