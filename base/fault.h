/* Errors, checked sizes, memory: what every room needs and nothing else.
 * The public header is the contract of the library, so any room may include it.                   */
#ifndef EQBI_FAULT_H
#define EQBI_FAULT_H

#include "engine/equibert.h"

#include <limits.h>

#if defined(__GNUC__)
#define EQBI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define EQBI_RESTRICT __restrict__
#else
#define EQBI_PRINTF(text, first)
#define EQBI_RESTRICT restrict
#endif

/* Fills err (may be NULL) and returns status, so that a failing path reads
 *     return eqbi_fail(err, EQB_ERR_MODEL, "%s: ...", path);
 * Control characters that come from a file are written as '?': a message is always one line.       */
eqb_status eqbi_fail(eqb_error *err, eqb_status status, const char *format, ...)
    EQBI_PRINTF(3, 4);

/* Returns f's status from the calling function when it is not EQB_OK. The only macro that hides
 * control flow; for functions with nothing to clean up.                                           */
#define EQBI_TRY(f)                                                                              \
    do {                                                                                         \
        eqb_status try_status_ = (f);                                                            \
        if (try_status_ != EQB_OK) return try_status_;                                           \
    } while (0)

/* result = a * b, or a + b; false when it does not fit. */
static inline bool eqbi_mul(size_t a, size_t b, size_t *result)
{
    if (b != 0 && a > SIZE_MAX / b) return false;
    *result = a * b;
    return true;
}
static inline bool eqbi_add(size_t a, size_t b, size_t *result)
{
    if (a > SIZE_MAX - b) return false;
    *result = a + b;
    return true;
}

/* count * size bytes from allocator (NULL: the C library); NULL on overflow or no memory. For
 * count * size = 0 one byte is allocated, so that NULL always means failure.                      */
void *eqbi_alloc(const eqb_allocator *allocator, size_t count, size_t size);
void *eqbi_calloc(const eqb_allocator *allocator, size_t count, size_t size); /* zeroed */
/* Frees what eqbi_alloc(allocator, count, size) gave; block may be NULL. */
void eqbi_free(const eqb_allocator *allocator, void *block, size_t count, size_t size);
/* Grows *block (of *capacity elements) so that it holds at least need; keeps the contents. */
bool eqbi_grow(const eqb_allocator *allocator, void **block, size_t *capacity, size_t need,
               size_t size);
/* A copy of length bytes plus a NUL; free with eqbi_free(allocator, copy, length + 1, 1). */
char *eqbi_strndup(const eqb_allocator *allocator, const char *text, size_t length);

#endif
