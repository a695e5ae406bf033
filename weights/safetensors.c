/* Opening safetensors files and finding tensors in them; see safetensors.h. */
#include "weights/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LENGTH_BYTES = 8 };

/* What people really find under a weight file's name; NULL: nothing known. */
static const char *mistaken_for(const unsigned char *data, size_t size)
{
    static const struct {
        const char *start, *what;
    } known[] = {
        {"version https://git-lfs", "is a Git LFS pointer, not the weights: run 'git lfs pull'"},
        {"<!doctype", "is an HTML page, not weights: the download went wrong"},
        {"<html", "is an HTML page, not weights: the download went wrong"},
        {"<?xml", "is an XML page, not weights: the download went wrong"},
        {"PK\003\004", "is a zip archive, not safetensors (a pytorch_model.bin?)"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i].start);
        if (size >= length && strncasecmp((const char *)data, known[i].start, length) == 0)
            return known[i].what;
    }
    return NULL;
}

static int by_place(const void *a, const void *b)
{
    const eqbi_st_tensor *x = a, *y = b;
    uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;
    if (p != q) return p < q ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size; /* empty ones first */
}

static int by_name(const void *a, const void *b)
{
    const eqbi_st_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The tensors must cover data[0, size) without hole, overlap or rest. */
static eqb_status check_cover(const eqbi_safetensors *st, const unsigned char *data, size_t size,
                              const char *where, eqb_error *err)
{
    qsort(st->tensor, st->count, sizeof *st->tensor, by_place);
    size_t covered = 0;
    for (size_t i = 0; i < st->count; i++) {
        const eqbi_st_tensor *t = &st->tensor[i];
        size_t begin = (size_t)((const unsigned char *)t->data - data);
        if (begin != covered)
            return eqbi_fail(err, EQB_ERR_MODEL,
                             "%s: %.200s: begins at byte %zu of the data, expected %zu (%s)", where,
                             t->name, begin, covered, begin > covered ? "a hole" : "an overlap");
        covered += t->size;
    }
    if (covered != size)
        return eqbi_fail(err, EQB_ERR_MODEL,
                         "%s: has %zu bytes of data, its tensors take %zu", where, size, covered);
    return EQB_OK;
}

static eqb_status check_names(const eqbi_safetensors *st, const char *where, eqb_error *err)
{
    qsort(st->tensor, st->count, sizeof *st->tensor, by_name);
    for (size_t i = 1; i < st->count; i++)
        if (strcmp(st->tensor[i - 1].name, st->tensor[i].name) == 0)
            return eqbi_fail(err, EQB_ERR_MODEL, "%s: %.200s: appears twice", where,
                             st->tensor[i].name);
    return EQB_OK;
}

static eqb_status parse(eqbi_safetensors *st, const unsigned char *data, size_t size,
                        const char *where, eqb_error *err)
{
    const char *mistaken = mistaken_for(data, size);
    if (mistaken) return eqbi_fail(err, EQB_ERR_MODEL, "%s: %s", where, mistaken);
    if (size < LENGTH_BYTES)
        return eqbi_fail(err, EQB_ERR_MODEL, "%s: has %zu bytes, too few for a header", where,
                         size);
    uint64_t length;
    memcpy(&length, data, sizeof length);
    if (length > EQBI_ST_MAX_HEADER)
        return eqbi_fail(err, EQB_ERR_MODEL,
                         "%s: claims a header of %" PRIu64 " bytes, at most %d are allowed", where,
                         length, EQBI_ST_MAX_HEADER);
    if (length > size - LENGTH_BYTES)
        return eqbi_fail(err, EQB_ERR_MODEL,
                         "%s: claims a header of %" PRIu64 " bytes, the whole file has %zu", where,
                         length, size);
    const unsigned char *header = data + LENGTH_BYTES, *body = header + length;
    size_t body_size = size - LENGTH_BYTES - (size_t)length;
    EQBI_TRY(eqbi_safetensors_header(st, (const char *)header, (size_t)length, body, body_size,
                                     where, err));
    EQBI_TRY(check_cover(st, body, body_size, where, err));
    return check_names(st, where, err);
}

eqb_status eqbi_safetensors_parse(eqbi_safetensors *out, const unsigned char *data, size_t size,
                                  const char *where, const eqb_allocator *allocator,
                                  eqb_error *err)
{
    *out = (eqbi_safetensors){.allocator = allocator};
    eqb_status status = parse(out, data, size, where, err);
    if (status != EQB_OK) eqbi_safetensors_close(out);
    return status;
}

eqb_status eqbi_safetensors_open(eqbi_safetensors *out, const char *path, const char *where,
                                 const eqb_allocator *allocator, eqb_error *err)
{
    *out = (eqbi_safetensors){.allocator = allocator};
    EQBI_TRY(eqbi_map(&out->file, path, err));
    eqb_status status = parse(out, out->file.data, out->file.size, where, err);
    if (status != EQB_OK) eqbi_safetensors_close(out);
    return status;
}

void eqbi_safetensors_close(eqbi_safetensors *st)
{
    eqbi_free(st->allocator, st->tensor, st->tensor_capacity, sizeof *st->tensor);
    eqbi_free(st->allocator, st->names, st->names_capacity, 1);
    eqbi_unmap(&st->file);
    *st = (eqbi_safetensors){0};
}

const eqbi_st_tensor *eqbi_safetensors_find(const eqbi_safetensors *st, const char *name)
{
    if (st->count == 0) return NULL;
    eqbi_st_tensor key = {.name = name};
    return bsearch(&key, st->tensor, st->count, sizeof *st->tensor, by_name);
}
