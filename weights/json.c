/* The wrapper around cJSON; see json.h. */
#include "weights/json.h"
#include "base/file.h"
#include "weights/tensor_file.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

eqb_status eqbi_json_fail(const eqbi_json *doc, eqb_error *err, const char *format, ...)
{
    char text[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (doc->line == 0) return eqbi_fail(err, doc->fault, "%s: %s", doc->where, text);
    return eqbi_fail(err, doc->fault, "%s:%zu: %s", doc->where, doc->line, text);
}

/* ----------------------------------------------------------------------------------- parsing -- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fails on a key that an object has twice: parsers disagree on which one counts. Sorting keeps the
 * vocabulary of a tokenizer.json (100,000 keys of one object) at n log n. */
static eqb_status check_keys(const eqbi_json *doc, const cJSON *object, eqb_error *err)
{
    size_t count = 0;
    for (const cJSON *v = object->child; v; v = v->next) count++;
    if (count < 2) return EQB_OK;
    const char *few[64];
    const char **key = count <= sizeof few / sizeof *few ? few : malloc(count * sizeof *key);
    if (!key) return eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory for %zu keys", doc->where, count);
    count = 0;
    for (const cJSON *v = object->child; v; v = v->next) key[count++] = v->string;
    qsort(key, count, sizeof *key, compare_keys);
    eqb_status status = EQB_OK;
    for (size_t i = 1; i < count && status == EQB_OK; i++)
        if (strcmp(key[i - 1], key[i]) == 0)
            status = eqbi_json_fail(doc, err, "key \"%.200s\" appears twice", key[i]);
    if (key != few) free(key);
    return status;
}

/* Recurses no deeper than the scanner allowed. */
static eqb_status check_duplicates(const eqbi_json *doc, const cJSON *value, eqb_error *err)
{
    if (cJSON_IsObject(value)) EQBI_TRY(check_keys(doc, value, err));
    for (const cJSON *v = value->child; v; v = v->next)
        if (v->child) EQBI_TRY(check_duplicates(doc, v, err));
    return EQB_OK;
}

eqb_status eqbi_json_parse(eqbi_json *doc, const char *text, size_t length, eqb_error *err)
{
    eqbi_json_scan s;
    eqbi_json_scan_begin(&s, text, length);
    eqbi_json_scan_next(&s);
    if (eqbi_json_scan_value(&s) && eqbi_json_scan_next(&s) != EQBI_JSON_END)
        eqbi_json_scan_fault(&s, "text after the end of the document");
    if (s.fault) {
        size_t line, column;
        eqbi_json_scan_position(&s, &line, &column);
        if (doc->line > 0) line += doc->line - 1;
        return eqbi_fail(err, doc->fault, "%s:%zu:%zu: %s", doc->where, line, column, s.fault);
    }
    /* cJSON takes about VALUE bytes for each. Vocabularies, the densest documents there are, have
     * ten bytes of text a value and more. */
    enum { VALUE = 128, SHORTEST = 8, SLACK = 8192 };
    if (s.values > length / SHORTEST + SLACK)
        return eqbi_json_fail(doc, err, "has %zu values, which would take %zu times its size",
                              s.values, s.values * VALUE / length);
    /* The scanner has seen to all that cJSON can object to, so NULL means no memory. */
    doc->root = cJSON_ParseWithLength(text, length);
    if (!doc->root) return eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory to parse it", doc->where);
    eqb_status status = check_duplicates(doc, doc->root, err);
    if (status != EQB_OK) eqbi_json_free(doc);
    return status;
}

eqb_status eqbi_json_read(eqbi_json *doc, const char *dir, size_t limit,
                          const eqb_allocator *allocator, eqb_error *err)
{
    char path[4096], *text;
    size_t size;
    EQBI_TRY(eqbi_join(path, dir, doc->where, err));
    eqb_status status = eqbi_file_read(&text, &size, path, limit, allocator, err);
    if (status == EQB_ERR_DATA && err) err->status = doc->fault; /* longer than limit */
    if (status != EQB_OK) return status == EQB_ERR_DATA ? doc->fault : status;
    status = eqbi_refuse_mistaken((unsigned char *)text, size, doc->where, err);
    if (status != EQB_OK && err) err->status = doc->fault;
    status = status != EQB_OK ? doc->fault : eqbi_json_parse(doc, text, size, err);
    eqbi_free(allocator, text, size + 1, 1);
    return status;
}

void eqbi_json_free(eqbi_json *doc)
{
    cJSON_Delete(doc->root);
    doc->root = NULL;
}

/* ------------------------------------------------------------------------------------ values -- */

eqbi_json_kind eqbi_json_type(const eqbi_json_value *value)
{
    if (cJSON_IsObject(value)) return EQBI_JSON_OBJECT;
    if (cJSON_IsArray(value)) return EQBI_JSON_ARRAY;
    if (cJSON_IsString(value)) return EQBI_JSON_STRING;
    if (cJSON_IsNumber(value)) return EQBI_JSON_NUMBER;
    if (cJSON_IsTrue(value)) return EQBI_JSON_TRUE;
    return cJSON_IsFalse(value) ? EQBI_JSON_FALSE : EQBI_JSON_NULL;
}

const eqbi_json_value *eqbi_json_first(const eqbi_json_value *container)
{
    return container->child;
}

const eqbi_json_value *eqbi_json_next(const eqbi_json_value *value)
{
    return value->next;
}

const char *eqbi_json_key(const eqbi_json_value *member)
{
    return member->string;
}

const char *eqbi_json_text(const eqbi_json_value *value)
{
    return cJSON_GetStringValue(value);
}

bool eqbi_json_whole(const eqbi_json_value *value, int64_t min, int64_t max, int64_t *out)
{
    if (!cJSON_IsNumber(value)) return false;
    double d = value->valuedouble;
    /* Beyond 2^53 a double no longer says which whole number the text meant. */
    if (!(fabs(d) <= 9007199254740992.0) || d != floor(d)) return false;
    int64_t whole = (int64_t)d;
    if (whole < min || whole > max) return false;
    *out = whole;
    return true;
}

const eqbi_json_value *eqbi_json_get(const eqbi_json_value *object, const char *key)
{
    if (!cJSON_IsObject(object)) return NULL;
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(v) ? NULL : v;
}

bool eqbi_json_is_null(const eqbi_json_value *object, const char *key)
{
    return cJSON_IsObject(object) && cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* key "hidden_size" is "768", expected ... */
static eqb_status wrong(const eqbi_json *doc, const eqbi_json_value *value, const char *key,
                        eqb_error *err, const char *expected)
{
    char found[64];
    switch (eqbi_json_type(value)) {
    case EQBI_JSON_OBJECT: snprintf(found, sizeof found, "an object"); break;
    case EQBI_JSON_ARRAY: snprintf(found, sizeof found, "an array"); break;
    case EQBI_JSON_STRING: snprintf(found, sizeof found, "\"%.40s\"", value->valuestring); break;
    case EQBI_JSON_NUMBER: snprintf(found, sizeof found, "%.15g", value->valuedouble); break;
    case EQBI_JSON_TRUE: snprintf(found, sizeof found, "true"); break;
    default: snprintf(found, sizeof found, "false");
    }
    return eqbi_json_fail(doc, err, "key \"%s\" is %s, expected %s", key, found, expected);
}

eqb_status eqbi_json_int(const eqbi_json *doc, const eqbi_json_value *object, const char *key,
                         int64_t min, int64_t max, int64_t *out, eqb_error *err)
{
    const eqbi_json_value *v = eqbi_json_get(object, key);
    if (!v || eqbi_json_whole(v, min, max, out)) return EQB_OK;
    char expected[96];
    snprintf(expected, sizeof expected, "a whole number from %lld to %lld", (long long)min,
             (long long)max);
    return wrong(doc, v, key, err, expected);
}

eqb_status eqbi_json_double(const eqbi_json *doc, const eqbi_json_value *object, const char *key,
                            double min, double max, double *out, eqb_error *err)
{
    const eqbi_json_value *v = eqbi_json_get(object, key);
    if (!v) return EQB_OK;
    if (cJSON_IsNumber(v) && v->valuedouble >= min && v->valuedouble <= max) {
        *out = v->valuedouble;
        return EQB_OK;
    }
    char expected[96];
    snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
    return wrong(doc, v, key, err, expected);
}

eqb_status eqbi_json_bool(const eqbi_json *doc, const eqbi_json_value *object, const char *key,
                          bool *out, eqb_error *err)
{
    const eqbi_json_value *v = eqbi_json_get(object, key);
    if (!v) return EQB_OK;
    if (!cJSON_IsBool(v)) return wrong(doc, v, key, err, "true or false");
    *out = cJSON_IsTrue(v);
    return EQB_OK;
}

eqb_status eqbi_json_string(const eqbi_json *doc, const eqbi_json_value *object, const char *key,
                            const char **out, eqb_error *err)
{
    const eqbi_json_value *v = eqbi_json_get(object, key);
    if (!v) return EQB_OK;
    if (!cJSON_IsString(v)) return wrong(doc, v, key, err, "a string");
    *out = v->valuestring;
    return EQB_OK;
}
