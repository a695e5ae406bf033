/* Errors and memory; see fault.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define HUGE_PAGE ((size_t)2 << 20) /* of x86-64, and of ARM with pages of 4 KiB */

const char *eqb_version(void)
{
    return EQB_VERSION;
}

const char *eqb_status_text(eqb_status status)
{
    switch (status) {
#define X(name, value, text) \
    case name: return text;
        EQB_STATUS_LIST(X)
#undef X
    }
    return "unknown status";
}

eqb_status eqbi_fail(eqb_error *err, eqb_status status, const char *format, ...)
{
    if (!err) return status;
    err->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    for (char *c = err->message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    return status;
}

/* A block that begins and ends with a huge page: what is walked through in every step - parameters,
 * gradients, moments, activations - costs a lookup of an address for each 4 KiB otherwise, and
 * processors fetch ahead within a page only. A system that has none left changes nothing but speed. */
static void *huge_block(size_t size)
{
    size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *block = aligned_alloc(HUGE_PAGE, size);
#ifdef __linux__
    if (block) madvise(block, size, MADV_HUGEPAGE);
#endif
    return block;
}

static void *resize(const eqb_allocator *a, void *block, size_t old_size, size_t new_size)
{
    if (a) return a->resize(a->user, block, old_size, new_size);
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    if (!block && new_size >= HUGE_PAGE && new_size <= SIZE_MAX - HUGE_PAGE)
        return huge_block(new_size);
    return realloc(block, new_size);
}

/* Both sides of a block must agree on its size in bytes: 0 counts as 1. */
static bool block_size(size_t count, size_t size, size_t *bytes)
{
    if (!eqbi_mul(count, size, bytes)) return false;
    if (*bytes == 0) *bytes = 1;
    return true;
}

void *eqbi_alloc(const eqb_allocator *allocator, size_t count, size_t size)
{
    size_t bytes;
    return block_size(count, size, &bytes) ? resize(allocator, NULL, 0, bytes) : NULL;
}

void *eqbi_calloc(const eqb_allocator *allocator, size_t count, size_t size)
{
    void *block = eqbi_alloc(allocator, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

void eqbi_free(const eqb_allocator *allocator, void *block, size_t count, size_t size)
{
    size_t bytes;
    if (block && block_size(count, size, &bytes)) resize(allocator, block, bytes, 0);
}

bool eqbi_grow(const eqb_allocator *allocator, void **block, size_t *capacity, size_t need,
               size_t size)
{
    if (need <= *capacity) return true;
    size_t wanted = *capacity < SIZE_MAX / 2 ? *capacity + *capacity / 2 : need;
    if (wanted < need) wanted = need;
    if (wanted < 16) wanted = 16;
    size_t bytes;
    if (!eqbi_mul(wanted, size, &bytes)) return false;
    void *grown = resize(allocator, *block, *capacity * size, bytes);
    if (!grown) return false;
    *block = grown;
    *capacity = wanted;
    return true;
}

char *eqbi_strndup(const eqb_allocator *allocator, const char *text, size_t length)
{
    if (length == SIZE_MAX) return NULL;
    char *copy = eqbi_alloc(allocator, length + 1, 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}
