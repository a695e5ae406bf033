/* Opening safetensors files; see safetensors.h. */
#include "weights/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };

static int by_place(const void *a, const void *b)
{
    const eqbi_file_tensor *x = a, *y = b;
    uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;
    if (p != q) return p < q ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size; /* empty ones first */
}

/* The tensors must cover data[0, size) without hole, overlap or rest. */
static eqb_status check_cover(const eqbi_tensor_file *st, const unsigned char *data, size_t size,
                              const char *where, eqb_error *err)
{
    qsort(st->tensor, st->count, sizeof *st->tensor, by_place);
    size_t covered = 0;
    for (size_t i = 0; i < st->count; i++) {
        const eqbi_file_tensor *t = &st->tensor[i];
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

static eqb_status parse(eqbi_tensor_file *st, const unsigned char *data, size_t size,
                        const char *where, eqb_error *err)
{
    EQBI_TRY(eqbi_refuse_mistaken(data, size, where, err));
    if (size >= 4 && memcmp(data, "PK\003\004", 4) == 0)
        return eqbi_fail(err, EQB_ERR_MODEL,
                         "%s: is a zip archive, not safetensors (a pytorch_model.bin?)", where);
    if (size < LENGTH_BYTES)
        return eqbi_fail(err, EQB_ERR_MODEL, "%s: has %zu bytes, too few for a header", where,
                         size);
    uint64_t length;
    memcpy(&length, data, sizeof length);
    if (length > EQBI_ST_MAX_HEADER) EQBI_TRY(eqbi_refuse_text(data, size, where, err));
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
    return eqbi_tensor_file_sort(st, where, err);
}

eqb_status eqbi_safetensors_parse(eqbi_tensor_file *out, const unsigned char *data, size_t size,
                                  const char *where, const eqb_allocator *allocator,
                                  eqb_error *err)
{
    *out = (eqbi_tensor_file){.allocator = allocator};
    eqb_status status = parse(out, data, size, where, err);
    if (status != EQB_OK) eqbi_tensor_file_close(out);
    return status;
}

eqb_status eqbi_safetensors_open(eqbi_tensor_file *out, const char *path, const char *where,
                                 const eqb_allocator *allocator, eqb_error *err)
{
    *out = (eqbi_tensor_file){.allocator = allocator};
    EQBI_TRY(eqbi_map(&out->file, path, err));
    eqb_status status = parse(out, out->file.data, out->file.size, where, err);
    if (status != EQB_OK) eqbi_tensor_file_close(out);
    return status;
}
