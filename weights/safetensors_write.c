/* Writing safetensors files; see safetensors.h. */
#include "weights/json_write.h"
#include "weights/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The reference writer's order: wide dtypes first, so that each tensor is aligned, then by name. */
static int file_order(const void *a, const void *b)
{
    const eqbi_file_tensor *x = *(const eqbi_file_tensor *const *)a;
    const eqbi_file_tensor *y = *(const eqbi_file_tensor *const *)b;
    if (x->dtype != y->dtype) return x->dtype > y->dtype ? -1 : 1;
    return strcmp(x->name, y->name);
}

static eqb_status put_header(eqbi_text *header, const eqbi_file_tensor *const *order, size_t count,
                             eqb_error *err)
{
    eqbi_text_print(header, "{\"__metadata__\":{\"format\":\"pt\"}");
    size_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        const eqbi_file_tensor *t = order[i];
        size_t size, end;
        if (!eqbi_file_tensor_size(t, &size) || !eqbi_add(begin, size, &end))
            return eqbi_fail(err, EQB_ERR_ARGUMENT, "%s: too large for a file", t->name);
        eqbi_text_put(header, ",", 1);
        eqbi_text_json_string(header, t->name, strlen(t->name));
        eqbi_text_print(header, ":{\"dtype\":\"%s\",\"shape\":[", eqbi_dtype_name(t->dtype));
        for (int d = 0; d < t->dims; d++)
            eqbi_text_print(header, "%s%" PRIu64, d ? "," : "", t->shape[d]);
        eqbi_text_print(header, "],\"data_offsets\":[%zu,%zu]}", begin, end);
        begin = end;
    }
    eqbi_text_put(header, "}", 1);
    while (header->size % 8 != 0 && !header->failed) eqbi_text_put(header, " ", 1);
    return header->failed ? eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a header") : EQB_OK;
}

eqb_status eqbi_safetensors_write(eqbi_output *out, const eqbi_file_tensor *tensors, size_t count,
                                  const eqb_allocator *allocator, eqb_error *err)
{
    const eqbi_file_tensor **order = eqbi_alloc(allocator, count, sizeof *order);
    if (!order) return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for %zu tensors", count);
    for (size_t i = 0; i < count; i++) order[i] = &tensors[i];
    qsort(order, count, sizeof *order, file_order);

    eqbi_text header = {.allocator = allocator};
    eqb_status status = put_header(&header, order, count, err);
    if (status == EQB_OK) {
        uint64_t length = header.size;
        eqbi_output_put(out, &length, sizeof length);
        eqbi_output_put(out, header.data, header.size);
        for (size_t i = 0; i < count; i++) {
            size_t size = 0;
            eqbi_file_tensor_size(order[i], &size); /* succeeded above */
            eqbi_output_put(out, order[i]->data, size);
        }
    }
    eqbi_text_free(&header);
    eqbi_free(allocator, order, count, sizeof *order);
    return status;
}
