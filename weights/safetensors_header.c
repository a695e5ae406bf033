/* The JSON header of a safetensors file; see safetensors.h.
 *
 *     {"__metadata__": {"format": "pt"},
 *      "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *
 * Two passes of the scanner, straight over the mapped bytes: one counts, one reads. The length of
 * the header bounds what it can make us allocate: a name is never longer than its JSON, and a
 * tensor, for which we take less than 2 * SHORTEST bytes, is spelled in SHORTEST or more.        */
#include "weights/json_scan.h"
#include "weights/safetensors.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* strlen of  "":{"dtype":"F4","shape":[],"data_offsets":[0,0]}  */
enum { SHORTEST = 49 };
static_assert(sizeof(eqbi_file_tensor) <= 2 * SHORTEST, "tensors take twice the header at most");

typedef struct reader {
    eqbi_json_scan s;
    eqbi_tensor_file *out;
    size_t names_used;
    const unsigned char *data;
    size_t data_size;
    const char *where;
    eqb_error *err;
} reader;

static eqb_status syntax_error(reader *r)
{
    return eqbi_fail(r->err, EQB_ERR_MODEL, "%s: header, byte %zu: %s", r->where,
                     (size_t)(r->s.p - r->s.text), r->s.fault);
}

static eqb_status unexpected(reader *r, const char *fault)
{
    eqbi_json_scan_fault(&r->s, fault);
    return syntax_error(r);
}

static bool token_is(const reader *r, const char *text)
{
    return r->s.length == strlen(text) && memcmp(r->s.token, text, r->s.length) == 0;
}

/* The current token as a whole number: digits and nothing else. */
static eqb_status read_whole(reader *r, uint64_t *out)
{
    const char *expected = "expected a whole number from 0 to 2^64-1";
    *out = 0;
    if (r->s.kind != EQBI_JSON_NUMBER) return unexpected(r, expected);
    for (size_t i = 0; i < r->s.length; i++) {
        char c = r->s.token[i];
        if (c < '0' || c > '9') return unexpected(r, expected);
        uint64_t digit = (uint64_t)(c - '0');
        if (*out > (UINT64_MAX - digit) / 10) return unexpected(r, expected);
        *out = *out * 10 + digit;
    }
    return EQB_OK;
}

/* [1, 2, 3] into out[max]. */
static eqb_status read_numbers(reader *r, uint64_t *out, int max, int *count)
{
    *count = 0;
    if (r->s.kind != EQBI_JSON_ARRAY) return unexpected(r, "expected an array of numbers");
    while (eqbi_json_scan_more(&r->s, EQBI_JSON_ARRAY_END)) {
        if (*count == max) return unexpected(r, "the array is too long");
        EQBI_TRY(read_whole(r, &out[(*count)++]));
    }
    return r->s.fault ? syntax_error(r) : EQB_OK;
}

static eqb_status read_dtype(reader *r, uint8_t *out)
{
    if (r->s.kind == EQBI_JSON_STRING)
        for (*out = 0; *out < EQBI_DTYPE_COUNT; ++*out)
            if (token_is(r, eqbi_dtype_name(*out))) return EQB_OK;
    return unexpected(r, "unknown dtype");
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}; other keys are passed over, as the reference
 * reader does. */
static eqb_status read_info(reader *r, eqbi_file_tensor *t, uint64_t offsets[2])
{
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4 };
    unsigned seen = 0;
    int count;
    if (r->s.kind != EQBI_JSON_OBJECT) return unexpected(r, "expected an object");
    while (eqbi_json_scan_more(&r->s, EQBI_JSON_OBJECT_END)) {
        unsigned key = token_is(r, "dtype")          ? DTYPE
                       : token_is(r, "shape")        ? SHAPE
                       : token_is(r, "data_offsets") ? OFFSETS
                                                     : 0;
        if (seen & key) return unexpected(r, "duplicate key");
        seen |= key;
        if (!eqbi_json_scan_key(&r->s)) return syntax_error(r);
        if (key == DTYPE) {
            EQBI_TRY(read_dtype(r, &t->dtype));
        } else if (key == SHAPE) {
            EQBI_TRY(read_numbers(r, t->shape, EQBI_TENSOR_DIMS, &count));
            t->dims = (uint8_t)count;
        } else if (key == OFFSETS) {
            EQBI_TRY(read_numbers(r, offsets, 2, &count));
            if (count != 2) return unexpected(r, "data_offsets needs two numbers");
        } else if (!eqbi_json_scan_value(&r->s)) {
            return syntax_error(r);
        }
    }
    if (r->s.fault) return syntax_error(r);
    if (seen == (DTYPE | SHAPE | OFFSETS)) return EQB_OK;
    return unexpected(r, "a tensor without dtype, shape or data_offsets");
}

static eqb_status read_tensor(reader *r, const char *name)
{
    eqbi_file_tensor t = {.name = name};
    uint64_t offsets[2] = {0};
    EQBI_TRY(read_info(r, &t, offsets));
    uint64_t begin = offsets[0], end = offsets[1];
    const char *dtype = eqbi_dtype_name(t.dtype);
    if (end < begin)
        return eqbi_fail(r->err, EQB_ERR_MODEL,
                         "%s: %.200s: data_offsets [%" PRIu64 ",%" PRIu64 "] run backwards",
                         r->where, name, begin, end);
    if (!eqbi_file_tensor_size(&t, &t.size))
        return eqbi_fail(r->err, EQB_ERR_MODEL,
                         "%s: %.200s: its shape in %s is too large or ends within a byte",
                         r->where, name, dtype);
    if (t.size != end - begin)
        return eqbi_fail(r->err, EQB_ERR_MODEL,
                         "%s: %.200s: its shape in %s takes %zu bytes, data_offsets say %" PRIu64,
                         r->where, name, dtype, t.size, end - begin);
    if (end > r->data_size)
        return eqbi_fail(r->err, EQB_ERR_MODEL,
                         "%s: %.200s: ends at byte %" PRIu64 " of the data, the file has %zu "
                         "(incomplete download?)",
                         r->where, name, end, r->data_size);
    t.data = r->data + begin;
    /* A tensor that got here was spelled out in full, in SHORTEST bytes or more. */
    assert(r->out->count < r->out->tensor_capacity);
    r->out->tensor[r->out->count++] = t;
    return EQB_OK;
}

/* {"key": "value", ...} */
static eqb_status check_metadata(reader *r)
{
    if (r->s.kind != EQBI_JSON_OBJECT) return unexpected(r, "expected an object");
    while (eqbi_json_scan_more(&r->s, EQBI_JSON_OBJECT_END)) {
        if (!eqbi_json_scan_key(&r->s)) return syntax_error(r);
        if (r->s.kind != EQBI_JSON_STRING) return unexpected(r, "expected a string");
    }
    return r->s.fault ? syntax_error(r) : EQB_OK;
}

static eqb_status read_members(reader *r)
{
    bool metadata_seen = false;
    eqbi_json_scan_next(&r->s); /* '{', as count_members has seen */
    while (eqbi_json_scan_more(&r->s, EQBI_JSON_OBJECT_END)) {
        assert(r->names_used + r->s.length < r->out->names_capacity);
        char *name = r->out->names + r->names_used;
        size_t length = eqbi_json_unescape(name, r->s.token, r->s.length);
        name[length] = '\0';
        bool metadata = strcmp(name, "__metadata__") == 0;
        if (metadata && metadata_seen) return unexpected(r, "duplicate key");
        if (!eqbi_json_scan_key(&r->s)) return syntax_error(r);
        if (metadata) {
            metadata_seen = true;
            EQBI_TRY(check_metadata(r));
        } else {
            r->names_used += length + 1;
            EQBI_TRY(read_tensor(r, name));
        }
    }
    if (!r->s.fault && eqbi_json_scan_next(&r->s) != EQBI_JSON_END)
        return unexpected(r, "text after the end of the header");
    return r->s.fault ? syntax_error(r) : EQB_OK;
}

/* The members of the header, and the bytes of their names with a NUL each. */
static eqb_status count_members(reader *r, size_t *members, size_t *names)
{
    *members = *names = 0;
    if (eqbi_json_scan_next(&r->s) != EQBI_JSON_OBJECT) return unexpected(r, "expected '{'");
    while (eqbi_json_scan_more(&r->s, EQBI_JSON_OBJECT_END)) {
        ++*members;
        *names += r->s.length + 1;
        if (!eqbi_json_scan_key(&r->s) || !eqbi_json_scan_value(&r->s)) break;
    }
    return r->s.fault ? syntax_error(r) : EQB_OK;
}

eqb_status eqbi_safetensors_header(eqbi_tensor_file *out, const char *header, size_t header_size,
                                   const unsigned char *data, size_t data_size,
                                   const char *where, eqb_error *err)
{
    reader r = {.out = out, .data = data, .data_size = data_size, .where = where, .err = err};
    size_t members, names, most = header_size / SHORTEST; /* tensors that can be whole */
    eqbi_json_scan_begin(&r.s, header, header_size);
    EQBI_TRY(count_members(&r, &members, &names));
    EQBI_TRY(eqbi_tensor_file_reserve(out, members < most ? members : most, names, where, err));
    eqbi_json_scan_begin(&r.s, header, header_size);
    return read_members(&r);
}
