/* Learns a WordPiece vocabulary from text, for a model that is trained from scratch.
 *
 *     eqbi_vocab_learner *learner; char *vocab; size_t length;
 *     eqbi_vocab_learner_new(&learner, NULL, &err);
 *     eqbi_vocab_learner_add_text(learner, line, line_length, &err); // any number of times
 *     eqbi_vocab_learner_finish(learner, 16000, &vocab, &length, &err);
 *     ... eqb_tokenizer_new(&tokenizer, vocab, length, NULL, &err);
 *     eqbi_free(allocator, vocab, length + 1, 1);
 *     eqbi_vocab_learner_free(learner);                                                          */
#ifndef EQBI_VOCAB_LEARNER_H
#define EQBI_VOCAB_LEARNER_H

#include "base/fault.h"

typedef struct eqbi_vocab_learner eqbi_vocab_learner;

/* options: as those of the tokenizer that will use the vocabulary; NULL: the defaults; the memory
 * comes from their allocator.   errors  NOMEM                                                    */
eqb_status eqbi_vocab_learner_new(eqbi_vocab_learner **out, const eqb_tokenizer_options *options,
                                  eqb_error *err);
/* Counts the words of a text. A text ends its last word. Words that are too long for the tokenizer
 * are left out. Of more than 4 million distinct words the rarest are forgotten, so that memory does
 * not grow with the text.   errors  NOMEM; the words counted so far stay                         */
eqb_status eqbi_vocab_learner_add_text(eqbi_vocab_learner *learner, const char *text,
                                       size_t length, eqb_error *err);
/* The bytes of a vocab.txt of at most size tokens, NUL-terminated (not counted in *length): the
 * five special tokens, the characters, "##" and those that continue words, then pieces as they are
 * learnt. Fewer come out when no pair of pieces stands twice. The same words give the same bytes.
 * Counts are kept: more text may follow.   errors  ARGUMENT (size < 7), DATA (no words), NOMEM   */
eqb_status eqbi_vocab_learner_finish(const eqbi_vocab_learner *learner, int32_t size, char **vocab,
                                     size_t *length, eqb_error *err);
void eqbi_vocab_learner_free(eqbi_vocab_learner *learner);

#endif
