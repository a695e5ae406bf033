/* Text that grows, and the two things JSON needs written with care: strings and numbers. */
#ifndef EQBI_JSON_WRITE_H
#define EQBI_JSON_WRITE_H

#include "base/fault.h"

/* Start with {.allocator = ...}. After a failure (no memory) nothing more is added: check failed
 * once, at the end. */
typedef struct eqbi_text {
    char *data; /* [size], not NUL-terminated; NULL while empty */
    size_t size, capacity;
    const eqb_allocator *allocator;
    bool failed;
} eqbi_text;

void eqbi_text_put(eqbi_text *text, const void *bytes, size_t size);
/* Formats at most 1023 bytes; more is a failure. */
void eqbi_text_print(eqbi_text *text, const char *format, ...) EQBI_PRINTF(2, 3);
/* A JSON string with its quotes. Ill-formed UTF-8 is written as U+FFFD, the rest unchanged. */
void eqbi_text_json_string(eqbi_text *text, const char *string, size_t length);
/* The shortest JSON number that reads back as this float, in any locale. x is finite. */
void eqbi_text_json_float(eqbi_text *text, float x);
void eqbi_text_free(eqbi_text *text);

#endif
