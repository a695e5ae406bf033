/* The inside of a tokenizer, for the files of this room. */
#ifndef EQBI_WORDPIECE_H
#define EQBI_WORDPIECE_H

#include "tokenizer/added_tokens.h"
#include "tokenizer/text_table.h"
#include "tokenizer/words.h"

struct eqb_tokenizer {
    eqb_tokenizer_options options;
    eqbi_text_table vocab;
    eqb_special_ids special;
    eqbi_text_table extra; /* tokens behind the vocabulary, which WordPiece does not know */
    eqbi_patterns patterns;
    int32_t limit; /* tokens that the model has, or 0: all */
};

/* Makes an encoding empty and ready: its scratch is there from now on.   errors  NOMEM           */
eqb_status eqbi_encoding_begin(eqb_encoding *out, const eqb_tokenizer *t, eqb_error *err);
/* Room for that many tokens; keeps those that are there.   errors  NOMEM, DATA (over 2^31)       */
eqb_status eqbi_encoding_reserve(eqb_encoding *out, size_t tokens, eqb_error *err);
/* Adds the tokens of a text behind those that are there; types are left to the caller.
 *   errors  NOMEM, DATA                                                                          */
eqb_status eqbi_tokenize_more(const eqb_tokenizer *t, const char *text, size_t length,
                              eqb_encoding *out, eqb_error *err);

#endif
