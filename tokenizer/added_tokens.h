/* Tokens that are found in a text as a whole, before it is split into words: Hugging Face's "added
 * tokens". A plain one is compared byte by byte ("[NEW]"); a normalized one is compared in what the
 * normalizer makes of the text and of itself ("NewWord" finds "newword", also inside a word).    */
#ifndef EQBI_ADDED_TOKENS_H
#define EQBI_ADDED_TOKENS_H

#include "base/fault.h"

typedef struct eqbi_added_token {
    const char *text; /* NUL-terminated */
    int32_t id;       /* of the vocabulary, or the next number behind it and those before */
    bool normalized;
    bool special; /* remembered, to be written again */
    size_t order; /* in which it was listed: for those who make the list */
} eqbi_added_token;

/* Gives a new tokenizer its added tokens, which nobody else uses yet. BERT's five special tokens
 * need not be among them.   errors  MODEL (an id that is not as said above), NOMEM               */
eqb_status eqbi_tokenizer_add(eqb_tokenizer *t, const eqbi_added_token *tokens, size_t count,
                              eqb_error *err);

/* What a tokenizer knows of them. */
typedef struct eqbi_pattern {
    char *bytes; /* to be found: the text, or what the normalizer makes of it */
    size_t length;
    int32_t id;
    bool normalized, special;
} eqbi_pattern;

typedef struct eqbi_patterns {
    eqbi_pattern *list; /* [count]: plain ones first; then in the order of their bytes */
    size_t count, capacity;
    size_t first[2][257]; /* [normalized][byte]: where the patterns with this first byte begin */
} eqbi_patterns;

/* The added tokens, among them BERT's five special ones; empty when there are no others. */
const eqbi_patterns *eqbi_tokenizer_added(const eqb_tokenizer *t);
/* The number of tokens that WordPiece knows: those from there on are added ones. */
int32_t eqbi_tokenizer_vocab_size(const eqb_tokenizer *t);
/* Tells a tokenizer that its model has only so many tokens. To everybody it then has no others, and a
 * text that needs one is refused.   errors  MODEL (a special token is not among them)            */
eqb_status eqbi_tokenizer_limit(eqb_tokenizer *t, int32_t tokens, eqb_error *err);
/* The text of a token, also of one that the model lacks. */
const char *eqbi_tokenizer_text(const eqb_tokenizer *t, int32_t id);

typedef struct eqbi_found {
    size_t begin, end; /* in the text */
    int32_t id;
} eqbi_found;

/* The first place in text[begin, end) where one of the patterns is, the longest there. */
bool eqbi_find_pattern(const eqb_tokenizer *t, const char *text, size_t begin, size_t end,
                       bool normalized, eqbi_found *found);
void eqbi_patterns_free(eqbi_patterns *patterns, const eqb_allocator *allocator);

#endif
