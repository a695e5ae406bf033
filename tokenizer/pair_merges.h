/* The engine of byte-pair encoding: words of symbols, in which the most frequent pair of neighbours
 * is replaced by a new symbol, again and again.
 *
 * Counts of pairs are kept up to date by what each merge changes, and pairs stand in a heap, so
 * that a merge costs no more than the words it changes. Of equally frequent pairs the one with the
 * smaller left symbol comes first, then the smaller right one: only the input decides.    */
#ifndef EQBI_PAIR_MERGES_H
#define EQBI_PAIR_MERGES_H

#include "base/fault.h"

typedef struct eqbi_pair {
    uint64_t count; /* how often it stands in the corpus                              */
    int32_t left, right;
    int32_t place;  /* (1) where each word that has (or had) it is listed, -1: none   */
    int32_t heap;   /* its index in the heap                                          */
} eqbi_pair;

/* Start with {.allocator = ...}. */
typedef struct eqbi_merges {
    struct eqbi_merge_word {
        size_t first, length; /* in symbols */
        uint64_t count;       /* in the corpus */
    } *words;
    size_t word_count, word_capacity;
    int32_t *symbols;
    size_t symbol_count, symbol_capacity;

    eqbi_pair *pairs;
    size_t pair_count, pair_capacity;
    int32_t *slots; /* [slot_count] hash table of pairs, index + 1, 0: empty */
    size_t slot_count;
    int32_t *heap; /* [pair_count] the most frequent pair first */
    size_t heap_capacity;

    struct eqbi_merge_place {
        int32_t word, next; /* (1) a list of words per pair */
    } *places;
    size_t place_count, place_capacity;
    const eqb_allocator *allocator;
} eqbi_merges;

void eqbi_merges_free(eqbi_merges *m);
/* Adds a word that stands count times in the corpus. false: no memory, or over 2^31 pairs.       */
bool eqbi_merges_add_word(eqbi_merges *m, const int32_t *symbols, size_t length, uint64_t count);
/* The most frequent pair; NULL: there are no pairs. */
const eqbi_pair *eqbi_merges_best(const eqbi_merges *m);
/* Replaces the most frequent pair by symbol everywhere. false: no memory; m is then only to be
 * freed.                                                                                         */
bool eqbi_merges_apply(eqbi_merges *m, int32_t symbol);

#endif
