/* Builders of weight files; see formats_testing.h. */
#include "tests/formats_testing.h"

#include "tests/testing.h"
#include "weights/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void put(bytes *b, const void *data, size_t size)
{
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size);
        b->data = realloc(b->data, b->capacity);
        ck_assert_ptr_nonnull(b->data);
    }
    if (size > 0) memcpy(b->data + b->size, data, size);
    b->size += size;
}

void put_text(bytes *b, const char *text)
{
    put(b, text, strlen(text));
}

void put_number(bytes *b, uint64_t number, int count)
{
    for (int i = 0; i < count; i++, number >>= 8) put(b, &(unsigned char){number & 0xff}, 1);
}

/* ----------------------------------------------------------------------------------- pickles -- */

static const struct {
    const char *word;
    unsigned char code;
    char argument; /* 0: none; t: text, its length in width bytes; g: module.name; n: a number */
    int width;
} words[] = {
    {"mark", '(', 0, 0}, {"stop", '.', 0, 0}, {"none", 'N', 0, 0}, {"newtrue", 0x88, 0, 0},
    {"newfalse", 0x89, 0, 0}, {"reduce", 'R', 0, 0}, {"tuple", 't', 0, 0},
    {"tuple1", 0x85, 0, 0}, {"tuple2", 0x86, 0, 0}, {"tuple3", 0x87, 0, 0},
    {"empty_tuple", ')', 0, 0}, {"empty_dict", '}', 0, 0}, {"empty_list", ']', 0, 0},
    {"append", 'a', 0, 0}, {"appends", 'e', 0, 0}, {"setitem", 's', 0, 0},
    {"setitems", 'u', 0, 0}, {"build", 'b', 0, 0}, {"binpersid", 'Q', 0, 0},
    {"text", 'X', 't', 4}, {"global", 'c', 'g', 0}, {"proto", 0x80, 'n', 1}, {"int", 'J', 'n', 4},
    {"int1", 'K', 'n', 1}, {"int2", 'M', 'n', 2}, {"put", 'q', 'n', 1}, {"get", 'h', 'n', 1},
    {"lput", 'r', 'n', 4}, {"lget", 'j', 'n', 4},
};

static void put_word(bytes *b, const char *word)
{
    const char *argument = strchr(word, ':');
    size_t length = argument ? (size_t)(argument++ - word) : strlen(word), i = 0;
    if (length == 3 && strncmp(word, "hex", 3) == 0) {
        for (; *argument; argument += 2) {
            char pair[3] = {argument[0], argument[1]};
            put_number(b, strtoul(pair, NULL, 16), 1);
        }
        return;
    }
    while (strlen(words[i].word) != length || strncmp(words[i].word, word, length) != 0)
        ck_assert_msg(++i < sizeof words / sizeof *words, "no operation %s", word);
    put(b, &words[i].code, 1);
    if (words[i].argument == 'n')
        put_number(b, (uint64_t)strtoll(argument, NULL, 0), words[i].width);
    if (words[i].argument == 't') {
        put_number(b, strlen(argument), words[i].width);
        put_text(b, argument);
    }
    if (words[i].argument == 'g') {
        const char *dot = strrchr(argument, '.');
        put(b, argument, (size_t)(dot - argument));
        put_text(b, "\n");
        put_text(b, dot + 1);
        put_text(b, "\n");
    }
}

void put_pickle(bytes *b, const char *text)
{
    while (*text) {
        char word[256];
        size_t length = strcspn(text, " ");
        ck_assert_uint_lt(length, sizeof word);
        memcpy(word, text, length);
        word[length] = '\0';
        if (length > 0) put_word(b, word);
        text += length + (text[length] == ' ');
    }
}

void put_storage(bytes *b, uint64_t numel)
{
    put_number(b, numel, 8);
    for (uint64_t i = 0; i < numel; i++) put(b, &(float){(float)i}, 4);
}

void put_legacy(bytes *b, const char *table, const char *keys)
{
    put_pickle(b, "proto:2 hex:8a0a6cfc9c46f9206aa85019 stop proto:2 int2:1001 stop "
                  "proto:2 empty_dict stop");
    ck_assert_uint_eq(b->size, LEGACY_TABLE_AT);
    put_pickle(b, table);
    put_pickle(b, keys);
}

/* --------------------------------------------------------------------------------------- zip -- */

static void put_zip64(bytes *b, const zip_entry *e, bool central, uint64_t local)
{
    if (!e->wide) return;
    put_number(b, 1, 2);
    put_number(b, central ? 24 : 16, 2);
    put_number(b, e->size, 8);
    put_number(b, e->size, 8);
    if (central) put_number(b, local, 8);
}

/* Version, flags, method, time, checksum and sizes: the same in both headers of an entry. */
static void put_common(bytes *b, const zip_entry *e)
{
    eqbi_crc crc;
    eqbi_crc_init(&crc, EQBI_CRC32);
    put_number(b, 20, 2);
    put_number(b, e->flags, 2);
    put_number(b, e->method, 2);
    put_number(b, 0, 4);
    put_number(b, e->crc ? e->crc : eqbi_crc_of(&crc, e->data, e->size), 4);
    put_number(b, e->wide ? UINT32_MAX : e->packed ? e->packed : e->size, 4);
    put_number(b, e->wide ? UINT32_MAX : e->unpacked ? e->unpacked : e->size, 4);
}

void put_zip(bytes *b, const zip_entry *entries, size_t count)
{
    uint64_t local[64];
    ck_assert_uint_le(count, 64);
    for (size_t i = 0; i < count; i++) {
        const zip_entry *e = &entries[i];
        const char *name = e->local_name ? e->local_name : e->name;
        local[i] = e->local ? e->local : b->size;
        put_number(b, 0x04034b50, 4);
        put_common(b, e);
        put_number(b, strlen(name), 2);
        put_number(b, e->wide ? 20 : 0, 2);
        put_text(b, name);
        put_zip64(b, e, false, 0);
        put(b, e->data, e->size);
    }
    size_t begin = b->size;
    for (size_t i = 0; i < count; i++) {
        const zip_entry *e = &entries[i];
        put_number(b, 0x02014b50, 4);
        put_number(b, 20, 2);
        put_common(b, e);
        put_number(b, strlen(e->name), 2);
        put_number(b, e->wide ? 28 : 0, 2);
        put_number(b, 0, 10);
        put_number(b, 0, 0);
        put_number(b, e->wide ? UINT32_MAX : local[i], 4);
        put_text(b, e->name);
        put_zip64(b, e, true, local[i]);
    }
    size_t size = b->size - begin;
    put_number(b, 0x06054b50, 4);
    put_number(b, 0, 4);
    put_number(b, count, 2);
    put_number(b, count, 2);
    put_number(b, size, 4);
    put_number(b, begin, 4);
    put_number(b, 0, 2);
}

void put_torch_zip(bytes *b, const char *table, const zip_entry *more)
{
    static const float numbers[] = {0, 1, 2, 3, 4, 5};
    bytes pickle = {0};
    put_pickle(&pickle, table);
    zip_entry entries[3] = {{.name = "archive/data.pkl", .data = pickle.data, .size = pickle.size},
                            {.name = "archive/data/0", .data = numbers, .size = sizeof numbers}};
    if (more) entries[2] = *more;
    put_zip(b, entries, more ? 3 : 2);
    free(pickle.data);
}

/* -------------------------------------------------------------------------------- TensorFlow -- */

static void put_varint(bytes *b, uint64_t number)
{
    for (; number > 127; number >>= 7) put_number(b, (number & 127) | 128, 1);
    put_number(b, number, 1);
}

static uint32_t masked_crc(const void *data, size_t size)
{
    eqbi_crc crc;
    eqbi_crc_init(&crc, EQBI_CRC32C);
    uint32_t sum = eqbi_crc_of(&crc, data, size);
    return (sum >> 15 | sum << 17) + 0xa282ead8u;
}

static void put_pair(bytes *b, const char *key, const bytes *value)
{
    put_varint(b, 0);
    put_varint(b, strlen(key));
    put_varint(b, value->size);
    put_text(b, key);
    put(b, value->data, value->size);
}

/* Ends the block that begins at from: its restart points, compression, checksum. */
static void end_block(bytes *b, size_t from)
{
    put_number(b, 0, 4);
    put_number(b, 1, 4);
    put_number(b, 0, 1);
    put_number(b, masked_crc(b->data + from, b->size - from), 4);
}

static void make_entry(bytes *value, bytes *data, const tf_entry *e)
{
    uint64_t count = e->cols ? e->rows * e->cols : e->rows;
    bytes shape = {0}, dim = {0};
    for (int d = 0; d < (e->cols ? 2 : 1); d++) {
        dim.size = 0;
        put_number(&dim, 0x08, 1);
        put_varint(&dim, d ? e->cols : e->rows);
        put_number(&shape, 0x12, 1);
        put_varint(&shape, dim.size);
        put(&shape, dim.data, dim.size);
    }
    put_number(value, 0x08, 1);
    put_varint(value, e->data ? e->dtype : 1);
    put_number(value, 0x12, 1);
    put_varint(value, shape.size);
    put(value, shape.data, shape.size);
    put_number(value, 0x20, 1);
    put_varint(value, data->size);
    put_number(value, 0x28, 1);
    put_varint(value, e->data ? e->size : 4 * count);
    size_t from = data->size;
    if (e->data) put(data, e->data, e->size);
    for (uint64_t i = 0; !e->data && i < count; i++) put(data, &(float){(float)i}, 4);
    put_number(value, 0x35, 1);
    put_number(value, masked_crc(data->data + from, data->size - from), 4);
    put(value, e->fields, e->fields_size);
    free(shape.data);
    free(dim.data);
}

void put_checkpoint(bytes *index, bytes *data, const tf_entry *entries, size_t count)
{
    put_checkpoint_named(index, data, entries, count, 1);
}

void put_checkpoint_named(bytes *index, bytes *data, const tf_entry *entries, size_t count,
                          int times)
{
    bytes value = {0}, footer = {0};
    put_number(&value, 0x0108, 2); /* one shard */
    put_pair(index, "", &value);
    for (size_t i = 0; i < count; i++) {
        value.size = 0;
        make_entry(&value, data, &entries[i]);
        put_pair(index, entries[i].name, &value);
    }
    size_t size = index->size + 8, at;
    end_block(index, 0);
    value.size = 0;
    put_varint(&value, 0);
    put_varint(&value, size);
    at = index->size;
    for (int i = 0; i < times; i++) put_pair(index, "~", &value);
    size = index->size + 8 - at;
    end_block(index, at);
    put_varint(&footer, 0);
    put_varint(&footer, 0);
    put_varint(&footer, at);
    put_varint(&footer, size);
    while (footer.size < 40) put_number(&footer, 0, 1);
    put(index, footer.data, footer.size);
    put_number(index, 0xdb4775248b80fb57u, 8);
    free(value.data);
    free(footer.data);
}

void mend_checkpoint(bytes *index)
{
    const unsigned char *footer = index->data + index->size - 48;
    size_t at = footer[2], shift = 7; /* the index block follows the data block */
    if (at > 127) at = (at & 127) | (size_t)footer[3] << shift;
    uint32_t sum = masked_crc(index->data, at - 4);
    memcpy(index->data + at - 4, &sum, 4);
}

/* ---------------------------------------------------------------------------------- checking -- */

void touch(const eqbi_tensor_file *file)
{
    volatile unsigned sum = 0;
    for (size_t i = 0; i < file->count; i++) {
        const unsigned char *data = file->tensor[i].data;
        for (size_t k = 0; k < file->tensor[i].size; k++) sum += data[k];
        ck_assert_ptr_eq(eqbi_tensor_file_find(file, file->tensor[i].name), &file->tensor[i]);
    }
    (void)sum;
}

eqb_status parse_exactly(parser parse, const unsigned char *data, size_t size, eqb_error *err)
{
    unsigned char *copy = malloc(size ? size : 1);
    if (size > 0) memcpy(copy, data, size);
    test_allocator memory;
    test_allocator_init(&memory);
    eqbi_tensor_file file;
    eqb_status status = parse(&file, copy, size, "f", &memory.base, err);
    bool refused = status == EQB_ERR_MODEL && strncmp(err->message, "f: ", 3) == 0;
    ck_assert_msg(status == EQB_OK || refused, "%d %s", status, err->message);
    ck_assert_msg(memory.peak_bytes <= 2 * size + (1 << 17), "%zu bytes of memory for %zu",
                  memory.peak_bytes, size);
    if (status == EQB_OK) touch(&file);
    eqbi_tensor_file_close(&file);
    ck_assert_uint_eq(memory.live_blocks, 0);
    free(copy);
    return status;
}

void check_refused(parser parse, const bytes *b, const char *message)
{
    eqb_error err = {0};
    ck_assert_msg(parse_exactly(parse, b->data, b->size, &err) == EQB_ERR_MODEL, "%s", message);
    ck_assert_str_eq(err.message, message);
}

void check_damage(parser parse, const bytes *b)
{
    static const unsigned char flips[] = {0x01, 0x20, 0x80};
    eqb_error err = {0};
    ck_assert_msg(parse_exactly(parse, b->data, b->size, &err) == EQB_OK, "%s", err.message);
    for (size_t n = 0; n < b->size; n++)
        ck_assert_int_eq(parse_exactly(parse, b->data, n, &err), EQB_ERR_MODEL);
    for (size_t i = 0; i < b->size; i++)
        for (size_t k = 0; k < sizeof flips; k++) {
            b->data[i] ^= flips[k];
            parse_exactly(parse, b->data, b->size, &err);
            b->data[i] ^= flips[k];
        }
}

void check_no_memory(parser parse, const bytes *b)
{
    test_allocator memory;
    test_allocator_init(&memory);
    eqb_status status = EQB_ERR_NOMEM;
    for (memory.fail_at = 1; status != EQB_OK; memory.fail_at++) {
        eqb_error err = {0};
        eqbi_tensor_file file;
        memory.calls = 0;
        status = parse(&file, b->data, b->size, "f", &memory.base, &err);
        ck_assert_msg(status == EQB_OK || status == EQB_ERR_NOMEM, "%s", err.message);
        eqbi_tensor_file_close(&file);
        ck_assert_uint_eq(memory.live_blocks, 0);
    }
    ck_assert_uint_gt(memory.fail_at, 3);
}
