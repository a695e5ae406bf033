/* Memory and errors of ./probe; see probe.h. What it allocates is needed until it has printed, so
 * nothing is freed one by one: blocks hang on one list and go with the process.                  */
#include "programs/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef union block {
    union block *next;
    max_align_t aligned;
} block;

void *probe_alloc(size_t count, size_t size)
{
    static block *all; /* so that leak checkers see that nothing is lost */
    block *b = count <= SIZE_MAX / 2 / size ? calloc(1, sizeof *b + count * size) : NULL;
    if (!b) {
        fprintf(stderr, "probe: out of memory\n");
        exit(EQB_ERR_NOMEM);
    }
    b->next = all;
    all = b;
    return b + 1;
}

void *probe_grow(void *old, size_t count, size_t *capacity, size_t size)
{
    if (count <= *capacity) return old;
    size_t wanted = count < 32 ? 64 : 2 * count;
    void *grown = probe_alloc(wanted, size);
    if (old) memcpy(grown, old, *capacity * size);
    *capacity = wanted;
    return grown;
}

char *probe_copy(const char *text, size_t length)
{
    char *copy = probe_alloc(length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

eqb_status probe_fail(eqb_error *err, eqb_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    err->status = status;
    return status;
}
