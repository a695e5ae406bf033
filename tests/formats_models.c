/* Writers of whole models; see formats_models.h. */
#include "tests/formats_models.h"
#include "tests/formats_testing.h"
#include "tests/testing.h"
#include "tests/weights_testing.h"
#include "weights/convert_dtype.h"
#include "weights/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARAMETERS = 60 };

static void write_bytes(const char *dir, const char *name, const bytes *b)
{
    write_file(path_in(dir, name), b->data, b->size);
}

static size_t count_of(const eqb_parameter *p)
{
    return (size_t)p->rows * (size_t)p->cols;
}

/* Numbers as they are stored; free() them. */
static void *numbers(const float *x, size_t count, eqbi_dtype dtype, size_t *size)
{
    *size = count * (dtype == EQBI_F64 ? 8 : dtype == EQBI_F32 ? 4 : 2);
    void *out = malloc(*size);
    ck_assert_ptr_nonnull(out);
    if (dtype == EQBI_F32)
        memcpy(out, x, *size);
    else if (dtype == EQBI_F64)
        for (size_t i = 0; i < count; i++) ((double *)out)[i] = (double)x[i];
    else
        ck_assert_uint_eq(eqbi_narrow(out, x, dtype, count), count);
    return out;
}

void write_part(const char *dir, const char *name, const eqb_model *model, eqbi_dtype dtype,
                int32_t part, int32_t parts)
{
    eqbi_file_tensor list[MOST_PARAMETERS];
    void *data[MOST_PARAMETERS];
    size_t count = 0, size;
    eqb_error err;
    for (int32_t i = part; i < eqb_model_parameter_count(model); i += parts) {
        eqb_parameter p = eqb_model_parameter(model, i);
        uint64_t rows = (uint64_t)p.rows, cols = (uint64_t)p.cols;
        data[count] = numbers(p.data, count_of(&p), dtype, &size);
        list[count] = (eqbi_file_tensor){.name = p.name, .data = data[count],
                                         .shape = {p.dims == 1 ? cols : rows, cols},
                                         .dims = (uint8_t)p.dims, .dtype = (uint8_t)dtype};
        count++;
    }
    eqbi_output out;
    ck_assert_int_eq(eqbi_output_create(&out, path_in(dir, name), &err), EQB_OK);
    ck_assert_int_eq(eqbi_safetensors_write(&out, list, count, NULL, &err), EQB_OK);
    ck_assert_int_eq(eqbi_output_commit(&out, &err), EQB_OK);
    while (count > 0) free(data[--count]);
}

/* ----------------------------------------------------------------------------------- PyTorch -- */

static const char *storage_type(eqbi_dtype dtype)
{
    return dtype == EQBI_F16    ? "HalfStorage"
           : dtype == EQBI_BF16 ? "BFloat16Storage"
           : dtype == EQBI_F64  ? "DoubleStorage"
                                : "FloatStorage";
}

/* The words of a parameter in the table: its name and its tensor, of storage number key. */
static void put_parameter(bytes *table, const eqb_parameter *p, eqbi_dtype dtype,
                          const char *prefix, int32_t key)
{
    char shape[64], words[1024];
    snprintf(shape, sizeof shape,
             p->dims == 1 ? "int:%d tuple1 int:1 tuple1 "
                          : "int:%d int:%d tuple2 int:%d int:1 tuple2 ",
             p->dims == 1 ? p->cols : p->rows, p->cols, p->cols);
    snprintf(words, sizeof words,
             "text:%s%s global:torch._utils._rebuild_tensor_v2 mark mark text:storage "
             "global:torch.%s text:%d text:cpu int:%d tuple binpersid int:0 %s newfalse " HOOKS
             "tuple reduce ",
             prefix, p->name, storage_type(dtype), key, p->rows * p->cols, shape);
    put_text(table, words);
}

static void put_archive(bytes *b, const char *table, const eqb_model *model, eqbi_dtype dtype,
                        int32_t part, int32_t parts)
{
    zip_entry entries[MOST_PARAMETERS];
    char names[MOST_PARAMETERS][32];
    void *data[MOST_PARAMETERS];
    bytes pickle = {0};
    size_t count = 1;
    put_pickle(&pickle, table);
    entries[0] = (zip_entry){.name = "archive/data.pkl", .data = pickle.data, .size = pickle.size};
    for (int32_t i = part; i < eqb_model_parameter_count(model); i += parts) {
        eqb_parameter p = eqb_model_parameter(model, i);
        snprintf(names[count], sizeof names[count], "archive/data/%d", i);
        entries[count] = (zip_entry){.name = names[count]};
        data[count] = numbers(p.data, count_of(&p), dtype, &entries[count].size);
        entries[count].data = data[count];
        count++;
    }
    put_zip(b, entries, count);
    while (count > 1) free(data[--count]);
    free(pickle.data);
}

static void put_legacy_file(bytes *b, const char *table, const eqb_model *model, eqbi_dtype dtype,
                            int32_t part, int32_t parts)
{
    bytes keys = {0};
    char word[32];
    put_text(&keys, "proto:2 empty_list mark ");
    for (int32_t i = part; i < eqb_model_parameter_count(model); i += parts) {
        snprintf(word, sizeof word, "text:%d ", i);
        put_text(&keys, word);
    }
    put(&keys, "appends stop", 13);
    put_legacy(b, table, (char *)keys.data);
    for (int32_t i = part; i < eqb_model_parameter_count(model); i += parts) {
        eqb_parameter p = eqb_model_parameter(model, i);
        size_t size;
        void *data = numbers(p.data, count_of(&p), dtype, &size);
        put_number(b, count_of(&p), 8);
        put(b, data, size);
        free(data);
    }
    free(keys.data);
}

void write_torch_part(const char *dir, const char *name, const eqb_model *model,
                      torch_container container, eqbi_dtype dtype, const char *prefix,
                      int32_t part, int32_t parts)
{
    bytes b = {0}, table = {0};
    put_text(&table, "proto:2 empty_dict mark ");
    for (int32_t i = part; i < eqb_model_parameter_count(model); i += parts) {
        eqb_parameter p = eqb_model_parameter(model, i);
        put_parameter(&table, &p, dtype, prefix, i);
    }
    put(&table, "setitems stop", 14);
    (container == ZIP ? put_archive : put_legacy_file)(&b, (char *)table.data, model, dtype, part,
                                                       parts);
    write_bytes(dir, name, &b);
    free(b.data);
    free(table.data);
}

void write_index(const char *dir, const char *name, const eqb_model *model, const char *format,
                 int32_t count)
{
    bytes b = {0};
    char line[256];
    put_text(&b, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
        snprintf(line, sizeof line, "%s\"%s\":\"", i ? "," : "",
                 eqb_model_parameter(model, i).name);
        put_text(&b, line);
        snprintf(line, sizeof line, format, i % count);
        put_text(&b, line);
        put_text(&b, "\"");
    }
    put_text(&b, "}}");
    write_bytes(dir, name, &b);
    free(b.data);
}

/* -------------------------------------------------------------------------------- TensorFlow -- */

static void replace_end(char *name, const char *from, const char *to)
{
    size_t length = strlen(name), tail = strlen(from);
    if (length >= tail && strcmp(name + length - tail, from) == 0) strcpy(name + length - tail, to);
}

/* "bert.encoder.layer.0.output.dense.weight" -> "bert/encoder/layer_0/output/dense/kernel" */
static void tensorflow_name(char out[160], const char *name)
{
    strcpy(out, name);
    replace_end(out, "_embeddings.weight", "_embeddings");
    replace_end(out, "LayerNorm.weight", "LayerNorm.gamma");
    replace_end(out, "LayerNorm.bias", "LayerNorm.beta");
    replace_end(out, "seq_relationship.weight", "seq_relationship.output_weights");
    replace_end(out, "seq_relationship.bias", "seq_relationship.output_bias");
    replace_end(out, "predictions.bias", "predictions.output_bias");
    replace_end(out, ".weight", ".kernel");
    char *layer = strstr(out, ".layer.");
    if (layer) layer[6] = '_';
    for (char *c = out; *c; c++)
        if (*c == '.') *c = '/';
}

static void *transposed(const eqb_parameter *p)
{
    float *out = malloc(count_of(p) * sizeof *out);
    ck_assert_ptr_nonnull(out);
    for (int32_t r = 0; r < p->rows; r++)
        for (int32_t c = 0; c < p->cols; c++) out[c * p->rows + r] = p->data[r * p->cols + c];
    return out;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tf_entry *)a)->name, ((const tf_entry *)b)->name);
}

void write_tensorflow(const char *dir, const eqb_model *model, eqbi_dtype dtype)
{
    tf_entry entries[MOST_PARAMETERS];
    char names[MOST_PARAMETERS][160];
    void *data[MOST_PARAMETERS];
    bytes index = {0}, all = {0};
    size_t count = 0;
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++, count++) {
        eqb_parameter p = eqb_model_parameter(model, i);
        tf_entry *e = &entries[count];
        tensorflow_name(names[count], p.name);
        bool kernel = strstr(names[count], "/kernel") != NULL;
        float *turned = kernel ? transposed(&p) : p.data;
        *e = (tf_entry){.name = names[count],
                        .dtype = dtype == EQBI_F64    ? 2
                                 : dtype == EQBI_F16  ? 19
                                 : dtype == EQBI_BF16 ? 14
                                                      : 1,
                        .rows = (uint64_t)(kernel || p.dims == 1 ? p.cols : p.rows),
                        .cols = p.dims == 1 ? 0 : (uint64_t)(kernel ? p.rows : p.cols)};
        e->data = data[count] = numbers(turned, count_of(&p), dtype, &e->size);
        if (kernel) free(turned);
    }
    qsort(entries, count, sizeof *entries, by_name);
    put_checkpoint(&index, &all, entries, count);
    write_bytes(dir, "bert_model.ckpt.index", &index);
    write_bytes(dir, "bert_model.ckpt.data-00000-of-00001", &all);
    while (count > 0) free(data[--count]);
    free(index.data);
    free(all.data);
}
