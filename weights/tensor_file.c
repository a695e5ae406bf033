/* What the readers of all weight formats share; see tensor_file.h. */
#include "weights/tensor_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    unsigned bits;
} dtypes[] = {
#define X(name, bits) {#name, bits},
    EQBI_DTYPE_LIST(X)
#undef X
};

const char *eqbi_dtype_name(eqbi_dtype dtype)
{
    return dtypes[dtype].name;
}

bool eqbi_file_tensor_size(const eqbi_file_tensor *t, size_t *size)
{
    size_t elements = 1, bits;
    for (int i = 0; i < t->dims; i++)
        if (t->shape[i] > SIZE_MAX || !eqbi_mul(elements, (size_t)t->shape[i], &elements))
            return false;
    if (!eqbi_mul(elements, dtypes[t->dtype].bits, &bits) || bits % 8 != 0) return false;
    *size = bits / 8;
    return true;
}

void eqbi_show_shape(char out[EQBI_SHAPE_TEXT], const uint64_t *shape, int dims)
{
    out[0] = '\0';
    for (int d = 0, used = 0; d < dims; d++)
        used += snprintf(out + used, (size_t)(EQBI_SHAPE_TEXT - used), "%s%" PRIu64, d ? "," : "",
                         shape[d]);
}

eqb_status eqbi_refuse_mistaken(const unsigned char *data, size_t size, const char *where,
                                eqb_error *err)
{
    static const struct {
        const char *start, *what;
    } known[] = {
        {"version https://git-lfs", "is a Git LFS pointer, not the file itself: run 'git lfs pull'"},
        {"<!doctype", "is an HTML page: the download went wrong"},
        {"<html", "is an HTML page: the download went wrong"},
        {"<?xml", "is an XML page: the download went wrong"},
        {"\x89HDF\r\n", "is an HDF5 file (a tf_model.h5?), which is not supported"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i].start);
        if (size >= length && strncasecmp((const char *)data, known[i].start, length) == 0)
            return eqbi_fail(err, EQB_ERR_MODEL, "%s: %s", where, known[i].what);
    }
    return EQB_OK;
}

eqb_status eqbi_refuse_text(const unsigned char *data, size_t size, const char *where,
                            eqb_error *err)
{
    enum { SHOWN = 60, ENOUGH = 8 };
    size_t length = 0;
    while (length < size && length < SHOWN &&
           ((data[length] >= 0x20 && data[length] < 0x7f) || data[length] == '\n'))
        length++;
    if (length < ENOUGH || (length < size && length < SHOWN)) return EQB_OK;
    return eqbi_fail(err, EQB_ERR_MODEL, "%s: is a text, not weights: \"%.*s%s\"", where,
                     (int)length, (const char *)data, length < size ? "..." : "");
}

eqb_status eqbi_tensor_file_reserve(eqbi_tensor_file *file, size_t tensors, size_t names,
                                    const char *where, eqb_error *err)
{
    file->tensor_capacity = tensors;
    file->names_capacity = names;
    file->tensor = eqbi_alloc(file->allocator, tensors, sizeof *file->tensor);
    file->names = eqbi_alloc(file->allocator, names, 1);
    if (file->tensor && file->names) return EQB_OK;
    return eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory for a table of %zu tensors", where,
                     tensors);
}

static int by_name(const void *a, const void *b)
{
    const eqbi_file_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

eqb_status eqbi_tensor_file_sort(eqbi_tensor_file *file, const char *where, eqb_error *err)
{
    qsort(file->tensor, file->count, sizeof *file->tensor, by_name);
    for (size_t i = 1; i < file->count; i++)
        if (strcmp(file->tensor[i - 1].name, file->tensor[i].name) == 0)
            return eqbi_fail(err, EQB_ERR_MODEL, "%s: %.200s: appears twice", where,
                             file->tensor[i].name);
    return EQB_OK;
}

void eqbi_tensor_file_close(eqbi_tensor_file *file)
{
    eqbi_free(file->allocator, file->tensor, file->tensor_capacity, sizeof *file->tensor);
    eqbi_free(file->allocator, file->names, file->names_capacity, 1);
    eqbi_unmap(&file->file);
    *file = (eqbi_tensor_file){0};
}

const eqbi_file_tensor *eqbi_tensor_file_find(const eqbi_tensor_file *file, const char *name)
{
    if (file->count == 0) return NULL;
    eqbi_file_tensor key = {.name = name};
    return bsearch(&key, file->tensor, file->count, sizeof *file->tensor, by_name);
}
