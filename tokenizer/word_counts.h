/* How often each word of a text stands in it, in bounded memory. */
#ifndef EQBI_WORD_COUNTS_H
#define EQBI_WORD_COUNTS_H

#include "tokenizer/text_table.h"

enum { EQBI_MOST_WORDS = 1 << 22 };

/* Start with {.most = EQBI_MOST_WORDS, .words.allocator = ...}. */
typedef struct eqbi_word_counts {
    eqbi_text_table words;
    uint64_t *count; /* [words.count] */
    size_t capacity;
    int32_t most; /* distinct words at a time, at least 2 */
} eqbi_word_counts;

/* Counts a word; hash is eqbi_hash_bytes(0, bytes, length). false: no memory.
 *
 * When there are too many words, the rarest are forgotten until at least half the places are free:
 * their counts so far are lost, which changes nothing for frequent words.
 *   source  Manku, Motwani 2002, "Approximate frequency counts over data streams", lossy counting */
bool eqbi_word_counts_add(eqbi_word_counts *counts, uint64_t hash, const char *bytes,
                          size_t length);
void eqbi_word_counts_free(eqbi_word_counts *counts);

#endif
