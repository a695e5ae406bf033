/* A strict scanner for JSON (RFC 8259), one token at a time, without memory of its own.
 *
 * It refuses what lenient parsers let through and what files from strangers are attacked with:
 * ill-formed UTF-8, raw control characters, NUL, half surrogate pairs, leading zeros, trailing
 * text, deep nesting. weights/json.h checks every document with it before cJSON sees the text;
 * weights/safetensors.h reads its headers with it directly.                                      */
#ifndef EQBI_JSON_SCAN_H
#define EQBI_JSON_SCAN_H

#include "base/fault.h"

/* Punctuation stands for itself. */
typedef enum eqbi_json_kind {
    EQBI_JSON_FAULT, /* the text is no JSON: see fault and p */
    EQBI_JSON_END,
    EQBI_JSON_STRING,
    EQBI_JSON_NUMBER,
    EQBI_JSON_TRUE,
    EQBI_JSON_FALSE,
    EQBI_JSON_NULL,
    EQBI_JSON_COMMA = ',',
    EQBI_JSON_COLON = ':',
    EQBI_JSON_ARRAY = '[',
    EQBI_JSON_ARRAY_END = ']',
    EQBI_JSON_OBJECT = '{',
    EQBI_JSON_OBJECT_END = '}'
} eqbi_json_kind;

enum { EQBI_JSON_DEPTH = 64 };

typedef struct eqbi_json_scan {
    const char *text, *p, *end; /* p: behind the current token, or at the fault               */
    eqbi_json_kind kind;        /* the current token                                          */
    const char *token;          /* its bytes; a string's stand between the quotes, undecoded  */
    size_t length;
    const char *fault;          /* why the text is no JSON, once kind is FAULT                */
    size_t values;              /* that scan_value has passed                                 */
} eqbi_json_scan;

void eqbi_json_scan_begin(eqbi_json_scan *s, const char *text, size_t length);
/* Moves to the next token and returns its kind; after a fault it stays there. */
eqbi_json_kind eqbi_json_scan_next(eqbi_json_scan *s);
/* Moves from the first token of a value to its last. False: a fault. */
bool eqbi_json_scan_value(eqbi_json_scan *s);
/* Moves from the opening bracket, or from the last token of an item, to the first token of the next
 * item. False: the container ends here (close is the current token), or a fault. */
bool eqbi_json_scan_more(eqbi_json_scan *s, eqbi_json_kind close);
/* At the key of a member: moves past the colon to the first token of its value. */
bool eqbi_json_scan_key(eqbi_json_scan *s);
/* Records a fault at the current token; returns false. */
bool eqbi_json_scan_fault(eqbi_json_scan *s, const char *fault);
/* Line and column of p, both from 1; the column counts characters. */
void eqbi_json_scan_position(const eqbi_json_scan *s, size_t *line, size_t *column);

/* The text of a string token into out (never longer than the token); returns its length. */
size_t eqbi_json_unescape(char *out, const char *token, size_t length);
/* Bytes of the well-formed UTF-8 sequence at p, 0 when there is none. p < end. */
size_t eqbi_utf8_size(const char *p, const char *end);

#endif
