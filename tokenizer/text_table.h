/* Numbered texts, found by number and by content: a vocabulary, or the words of a corpus.
 *
 * Open addressing over one pool of texts: at least half the slots stay empty, a slot is 8 bytes,
 * and texts are compared only when 32 bits of their hashes agree.                                */
#ifndef EQBI_TEXT_TABLE_H
#define EQBI_TEXT_TABLE_H

#include "base/fault.h"

/* The hash of a text: sum of s[i] * FACTOR^(n-1-i) modulo 2^64. FACTOR is odd and so has an
 * inverse: a byte is taken off the end as cheaply as it is put there, which is what the search for
 * the longest token needs. Its bits are mixed only when it meets the table.                      */
#define EQBI_HASH_FACTOR 0x9E3779B97F4A7C15u  /* 2^64 / golden ratio    */
#define EQBI_HASH_INVERSE 0xF1DE83E19937733Du /* FACTOR * INVERSE = 1   */

static inline uint64_t eqbi_hash_put(uint64_t hash, unsigned char byte)
{
    return hash * EQBI_HASH_FACTOR + byte;
}

/* Undoes eqbi_hash_put(., byte). */
static inline uint64_t eqbi_hash_take(uint64_t hash, unsigned char byte)
{
    return (hash - byte) * EQBI_HASH_INVERSE;
}

/* Puts bytes behind what was hashed so far; 0 is the hash of nothing. */
static inline uint64_t eqbi_hash_bytes(uint64_t hash, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) hash = eqbi_hash_put(hash, (unsigned char)bytes[i]);
    return hash;
}

typedef struct eqbi_text {
    size_t start, length; /* in the pool; a NUL follows */
} eqbi_text;

typedef struct eqbi_text_slot {
    uint32_t tag;   /* half of the mixed hash */
    int32_t number; /* + 1; 0: empty          */
} eqbi_text_slot;

/* Start with {.allocator = ...}. */
typedef struct eqbi_text_table {
    int32_t count;
    size_t longest; /* bytes of the longest text */
    char *pool;
    size_t pool_size, pool_capacity;
    eqbi_text *texts; /* [count] */
    size_t texts_capacity;
    eqbi_text_slot *slots; /* [slot_count], a power of two or 0 */
    size_t slot_count;
    const eqb_allocator *allocator;
} eqbi_text_table;

void eqbi_text_table_free(eqbi_text_table *table);
/* Room for that many more texts of that many more bytes in all. false: no memory, over 2^30, or texts
 * that were made to have the same hash.                                                          */
bool eqbi_text_table_reserve(eqbi_text_table *table, size_t texts, size_t bytes);

static inline const char *eqbi_text_at(const eqbi_text_table *table, int32_t number)
{
    return table->pool + table->texts[number].start;
}

/* The number of a text, or -1: of "##" and then bytes when continuation is set, else of bytes; hash
 * is that of the whole text, "##" included.                                                      */
int32_t eqbi_text_find(const eqbi_text_table *table, uint64_t hash, const char *bytes,
                       size_t length, bool continuation);
/* Adds a text under the next number; from now on it is this one that is found. Room is reserved. -1:
 * there are too many with the same hash.                                                         */
int32_t eqbi_text_add(eqbi_text_table *table, uint64_t hash, const char *bytes, size_t length);
/* The number of a text, which is added if it is new; -1: neither memory nor room. */
int32_t eqbi_text_intern(eqbi_text_table *table, uint64_t hash, const char *bytes, size_t length);

#endif
