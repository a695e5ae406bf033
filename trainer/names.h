/* Strings -> numbers 0, 1, 2, ... in the order in which they are first met.
 * A hash table with open addressing; the strings stand one after another in a pool. */
#ifndef EQBI_NAMES_H
#define EQBI_NAMES_H

#include "base/fault.h"

typedef struct eqbi_name {
    uint64_t hash;
    size_t offset; /* of its text in the pool                 */
    int64_t line;  /* where it was met first: the caller's say */
} eqbi_name;

/* Start with {.allocator = ...}. */
typedef struct eqbi_names {
    const eqb_allocator *allocator;
    eqbi_name *name; /* [count] */
    size_t count, capacity;
    char *pool;
    size_t pool_size, pool_capacity;
    int32_t *bucket; /* [buckets] number of a name, or -1; a power of two, at most half full */
    size_t buckets;
} eqbi_names;

/* The number of text, which is added with line if it is new; -1: no memory, or a file that was made so
 * that too many of its names have the same hash. */
int32_t eqbi_names_add(eqbi_names *names, const char *text, int64_t line);
const char *eqbi_names_text(const eqbi_names *names, int32_t number);
void eqbi_names_free(eqbi_names *names);

/* FNV-1a, 64 bits. */
uint64_t eqbi_fnv1a(const void *data, size_t size);

#endif
