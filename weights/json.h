/* JSON documents: configurations, tokenizers, lines of JSON Lines. The one place that knows cJSON.
 *
 * A document is checked by the strict scanner (json_scan.h) and for duplicate keys; then cJSON
 * holds it as a tree. Three properties of cJSON remain and cannot be mended from outside:
 *   - the tree is allocated by malloc, as cJSON's hooks are process-wide;
 *   - each parse stores NULL and 0 into cJSON's global error position (never read here);
 *   - numbers pass through strtod with the decimal point of localeconv: a host must not call
 *     setlocale while another thread loads, as C forbids anyway.                                 */
#ifndef EQBI_JSON_H
#define EQBI_JSON_H

#include "weights/json_scan.h"

typedef struct cJSON eqbi_json_value;

/* A document, and how to speak of it: messages read  where: ...  or  where:line: ...  */
typedef struct eqbi_json {
    eqbi_json_value *root;
    const char *where; /* the caller's, e.g. "config.json"                       */
    size_t line;       /* its line in a JSON Lines file; 0: it is the whole file */
    eqb_status fault;  /* of whatever is wrong in it: MODEL or DATA              */
} eqbi_json;

/* Parses length bytes. doc arrives with where, line and fault set and root NULL.
 *   errors  doc->fault ("config.json:3:14: expected ':'"; the column counts characters; more than
 *           a value in each 8 bytes, as a tree takes much more memory than that text), NOMEM      */
eqb_status eqbi_json_parse(eqbi_json *doc, const char *text, size_t length, eqb_error *err);
/* The same for the file dir/doc->where, of at most limit bytes.   errors  also IO                */
eqb_status eqbi_json_read(eqbi_json *doc, const char *dir, size_t limit,
                          const eqb_allocator *allocator, eqb_error *err);
/* Safe at any time, also twice. */
void eqbi_json_free(eqbi_json *doc);

/* Fails with doc->fault and "where: " before the message. */
eqb_status eqbi_json_fail(const eqbi_json *doc, eqb_error *err, const char *format, ...)
    EQBI_PRINTF(3, 4);

/* The kind of a value: OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE, NULL. */
eqbi_json_kind eqbi_json_type(const eqbi_json_value *value);
/* The members of an object or elements of an array, in the order of the text:
 *     for (v = eqbi_json_first(object); v; v = eqbi_json_next(v)) eqbi_json_key(v) ...           */
const eqbi_json_value *eqbi_json_first(const eqbi_json_value *container);
const eqbi_json_value *eqbi_json_next(const eqbi_json_value *value);
const char *eqbi_json_key(const eqbi_json_value *member);
/* The text of a STRING, else NULL. Without NUL inside. */
const char *eqbi_json_text(const eqbi_json_value *value);
/* Whether value is a NUMBER without a fraction from min to max; sets *out if so. 768.0 is one. */
bool eqbi_json_whole(const eqbi_json_value *value, int64_t min, int64_t max, int64_t *out);

/* The member of this name; NULL when object is none, has none, or it is null. */
const eqbi_json_value *eqbi_json_get(const eqbi_json_value *object, const char *key);
/* Whether the member is there and null, where that differs from being absent. */
bool eqbi_json_is_null(const eqbi_json_value *object, const char *key);
/* Typed members. One that is absent or null leaves *out as it was, so that defaults go first.
 *   errors  doc->fault (config.json: key "hidden_size" is "768", expected a whole number)        */
eqb_status eqbi_json_int(const eqbi_json *doc, const eqbi_json_value *object, const char *key,
                         int64_t min, int64_t max, int64_t *out, eqb_error *err);
eqb_status eqbi_json_double(const eqbi_json *doc, const eqbi_json_value *object, const char *key,
                            double min, double max, double *out, eqb_error *err);
eqb_status eqbi_json_bool(const eqbi_json *doc, const eqbi_json_value *object, const char *key,
                          bool *out, eqb_error *err);
/* *out stands in the document. */
eqb_status eqbi_json_string(const eqbi_json *doc, const eqbi_json_value *object, const char *key,
                            const char **out, eqb_error *err);

#endif
