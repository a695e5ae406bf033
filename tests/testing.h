/* What all tests share: the outside data folder, a failing allocator, small helpers. */
#ifndef TESTING_H
#define TESTING_H

#include "base/fault.h"

#include <check.h>

/* Path of a file in ../shared, or NULL after printing one line that the test is skipped. The
 * returned string is static and overwritten by the next call.                                     */
const char *shared_path(const char *name);

/* An allocator that counts, checks the sizes it is given back, and fails on demand. */
typedef struct test_allocator {
    eqb_allocator base;     /* pass &a.base */
    size_t calls;           /* allocations and growths so far                       */
    size_t fail_at;         /* the call (1, 2, ...) that fails; 0: none             */
    bool fail_after;        /* all later ones fail too                              */
    size_t limit;           /* larger blocks are refused, uncounted; 0: no limit    */
    size_t live_bytes, live_blocks, peak_bytes;
} test_allocator;
void test_allocator_init(test_allocator *a);

/* A fresh directory under /tmp, removed at exit; static string. */
const char *temporary_dir(void);
/* Writes bytes to a file, asserting success. */
void write_file(const char *path, const void *data, size_t size);
/* Reads a whole file (NUL-terminated, free() it), asserting success. */
char *read_file(const char *path, size_t *size);

#endif
