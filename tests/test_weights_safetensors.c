/* The safetensors reader, against published verdicts and every small damage, and the writer. */
#include "tests/test_weights.h"
#include "tests/testing.h"
#include "weights/json.h"
#include "weights/json_write.h"
#include "weights/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parses a copy of exactly size bytes, so that a sanitizer sees each read beyond them, and reads
 * all that a success hands out. */
static eqb_status parse_copy(const unsigned char *data, size_t size, eqb_error *err)
{
    unsigned char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    eqbi_tensor_file st;
    eqb_status status = eqbi_safetensors_parse(&st, copy, size, "f", NULL, err);
    volatile unsigned sum = 0;
    if (status == EQB_OK) {
        for (size_t i = 0; i < st.count; i++) {
            const unsigned char *bytes = st.tensor[i].data;
            for (size_t k = 0; k < st.tensor[i].size; k++) sum += bytes[k];
            ck_assert_ptr_eq(eqbi_tensor_file_find(&st, st.tensor[i].name), &st.tensor[i]);
        }
        ck_assert_ptr_null(eqbi_tensor_file_find(&st, "no such tensor"));
    } else {
        ck_assert_int_eq(status, EQB_ERR_MODEL);
        ck_assert_int_eq(strncmp(err->message, "f: ", 3), 0);
    }
    (void)sum;
    eqbi_tensor_file_close(&st);
    free(copy);
    return status;
}

/* A file of this header and data_size bytes of data. */
static unsigned char *make_file(const char *header, size_t data_size, size_t *size)
{
    uint64_t length = strlen(header);
    *size = 8 + (size_t)length + data_size;
    unsigned char *file = calloc(*size, 1);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, (size_t)length);
    return file;
}

static unsigned char *from_hex(const char *hex, size_t *size)
{
    *size = strlen(hex) / 2;
    unsigned char *bytes = malloc(*size + 1);
    for (size_t i = 0; i < *size; i++) {
        unsigned value;
        ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &value), 1);
        bytes[i] = (unsigned char)value;
    }
    return bytes;
}

/* The verdicts of the reference reader, and what our message for each must say. */
static const char *const verdicts[][2] = {
    {"HeaderTooSmall", "too few for a header"},
    {"HeaderTooLarge", "at most 100000000 are allowed"},
    {"InvalidHeaderLength", "the whole file has"},
    {"InvalidHeaderDeserialization", "header, byte "},
    {"InvalidHeader", "header, byte "},
    {"MetadataIncompleteBuffer", "of data"},
    {"MetadataIncompleteBuffer", "of the data"},
    {"TensorInvalidInfo", "data_offsets say"},
    {"ValidationOverflow", "too large"},
    {"MisalignedSlice", "ends within a byte"},
    {"InvalidOffset", "of the data, expected"},
    {"InvalidOffset", "run backwards"},
    {"reject", ""},
};

static bool fits_verdict(const char *expect, const char *message)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (strncmp(expect, verdicts[i][0], strlen(verdicts[i][0])) == 0 &&
            strstr(message, verdicts[i][1]))
            return true;
    return false;
}

START_TEST(test_published_cases)
{
    const char *path = shared_path("data/safetensors/cases.json");
    if (!path) return;
    size_t size, file_size;
    char *text = read_file(path, &size);
    eqb_error err;
    eqbi_json doc = {.where = "cases.json", .fault = EQB_ERR_DATA};
    ck_assert_msg(eqbi_json_parse(&doc, text, size, &err) == EQB_OK, "%s", err.message);
    int cases = 0;
    const eqbi_json_value *v = eqbi_json_first(eqbi_json_get(doc.root, "cases"));
    for (; v; v = eqbi_json_next(v), cases++) {
        const char *name = eqbi_json_text(eqbi_json_get(v, "name"));
        const char *expect = eqbi_json_text(eqbi_json_get(v, "expect"));
        unsigned char *file = from_hex(eqbi_json_text(eqbi_json_get(v, "hex")), &file_size);
        eqb_status status = parse_copy(file, file_size, &err);
        if (strncmp(expect, "ok", 2) == 0)
            ck_assert_msg(status == EQB_OK, "%s: %s", name, err.message);
        else
            ck_assert_msg(status == EQB_ERR_MODEL && fits_verdict(expect, err.message),
                          "%s: expected %s, found status %d, %s", name, expect, status,
                          status ? err.message : "");
        free(file);
    }
    ck_assert_int_ge(cases, 33);
    eqbi_json_free(&doc);
    free(text);
}
END_TEST

#define A "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"
#define B "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}"

START_TEST(test_messages)
{
    static const struct {
        const char *header;
        size_t data;
        const char *message;
    } cases[] = {
        {"{\"a\":" A ",\"a\":" B "}", 8, "f: a: appears twice"},
        {"{\"\\u0061\":" A ",\"a\":" B "}", 8, "f: a: appears twice"},
        {"{\"a\":" A "}", 8, "f: has 8 bytes of data, its tensors take 4"},
        {"{\"a\":" A "}", 3,
         "f: a: ends at byte 4 of the data, the file has 3 (incomplete download?)"},
        {"{\"a\":" B "}", 8, "f: a: begins at byte 4 of the data, expected 0 (a hole)"},
        {"{\"a\":" A ",\"b\":" A "}", 4,
         "f: b: begins at byte 0 of the data, expected 4 (an overlap)"},
        {"{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         "f: header, byte 15: unknown dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4,
         "f: header, byte 31: a tensor without dtype, shape or data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4, "f: header, byte 21: duplicate key"},
        {"{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,1]}}", 4, "f: header, byte 31: the array is too long"},
        {"{\"a\":{\"shape\":[01]}}", 4, "f: header, byte 15: number with a leading zero"},
        {"{\"a\":{\"shape\":[18446744073709551616]}}", 4,
         "f: header, byte 15: expected a whole number from 0 to 2^64-1"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "f: header, byte 20: duplicate key"},
        {"[]", 0, "f: header, byte 0: expected '{'"},
        {"{\"a\":" A ",}", 4, "f: header, byte 54: expected a key in double quotes"},
        {"{\"a\\u0000\":" A "}", 4, "f: header, byte 3: \\u0000 in a string"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
         "f: a: its shape in F32 takes 8 bytes, data_offsets say 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        eqb_error err;
        unsigned char *file = make_file(cases[i].header, cases[i].data, &size);
        ck_assert_int_eq(parse_copy(file, size, &err), EQB_ERR_MODEL);
        ck_assert_str_eq(err.message, cases[i].message);
        free(file);
    }
}
END_TEST

START_TEST(test_unknown_keys_are_skipped)
{
    size_t size;
    eqb_error err;
    const char *header = "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"x\":[{\"y\":null},1e5],"
                         "\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"I32\"}}  ";
    unsigned char *file = make_file(header, 4, &size);
    ck_assert_int_eq(parse_copy(file, size, &err), EQB_OK);
    free(file);
}
END_TEST

START_TEST(test_mistaken_files)
{
    static const char *const cases[][2] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:68d4\nsize 440449768\n",
         "f: is a Git LFS pointer, not the file itself: run 'git lfs pull'"},
        {"<!DOCTYPE html><html>", "f: is an HTML page: the download went wrong"},
        {"<HTML><body>404", "f: is an HTML page: the download went wrong"},
        {"PK\003\004\0\0\0\0\0\0", "f: is a zip archive, not safetensors (a pytorch_model.bin?)"},
        {"{\"error\":\"Repository not found\"}",
         "f: is a text, not weights: \"{\"error\":\"Repository not found\"}\""},
        {"1234567", "f: has 7 bytes, too few for a header"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_error err;
        const unsigned char *text = (const unsigned char *)cases[i][0];
        ck_assert_int_eq(parse_copy(text, strlen(cases[i][0]), &err), EQB_ERR_MODEL);
        ck_assert_str_eq(err.message, cases[i][1]);
    }
}
END_TEST

/* Every truncation, and three changes of each byte of length and header. */
START_TEST(test_damage)
{
    static const unsigned char flips[] = {0x01, 0x20, 0x80};
    const char *header =
        "{\"__metadata__\":{\"format\":\"pt\"},\"b\\u00e9\":" B ",\"a\":" A "}    ";
    size_t size;
    eqb_error err;
    unsigned char *file = make_file(header, 8, &size);
    ck_assert_int_eq(parse_copy(file, size, &err), EQB_OK);
    for (size_t n = 0; n < size; n++) ck_assert_int_eq(parse_copy(file, n, &err), EQB_ERR_MODEL);
    for (size_t i = 0; i < size - 8; i++)
        for (size_t k = 0; k < sizeof flips; k++) {
            file[i] ^= flips[k];
            parse_copy(file, size, &err);
            file[i] ^= flips[k];
        }
    free(file);
}
END_TEST

START_TEST(test_many_tensors)
{
    enum { COUNT = 100000 };
    eqbi_text text = {0};
    for (int i = 0; i < COUNT; i++) {
        eqbi_text_print(&text, "%c\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],", i ? ',' : '{',
                        i * 7919 % COUNT);
        eqbi_text_print(&text, "\"data_offsets\":[%d,%d]}", i, i + 1);
    }
    eqbi_text_put(&text, "}", 2);
    size_t size;
    unsigned char *file = make_file(text.data, COUNT, &size);
    test_allocator memory;
    test_allocator_init(&memory);
    eqbi_tensor_file st;
    eqb_error err;
    ck_assert_int_eq(eqbi_safetensors_parse(&st, file, size, "f", &memory.base, &err), EQB_OK);
    ck_assert_uint_eq(st.count, COUNT);
    ck_assert_ptr_nonnull(eqbi_tensor_file_find(&st, "t99999"));
    ck_assert_uint_le(memory.peak_bytes, 3 * size);
    eqbi_tensor_file_close(&st);
    ck_assert_uint_eq(memory.live_blocks, 0);
    for (memory.fail_at = 1; memory.fail_at <= 2; memory.fail_at++) {
        memory.calls = 0;
        ck_assert_int_eq(eqbi_safetensors_parse(&st, file, size, "f", &memory.base, &err),
                         EQB_ERR_NOMEM);
        ck_assert_uint_eq(memory.live_blocks, 0);
    }
    free(file);
    eqbi_text_free(&text);
}
END_TEST

START_TEST(test_written_file)
{
    static const float b[] = {1, 2};
    static const int64_t step[] = {7};
    const eqbi_file_tensor list[] = {
        {.name = "b", .data = b, .dims = 2, .shape = {1, 2}, .dtype = EQBI_F32},
        {.name = "a \"x\"\n", .data = b, .dims = 1, .shape = {1}, .dtype = EQBI_F32},
        {.name = "step", .data = step, .dims = 0, .dtype = EQBI_I64}};
    /* what the reference writer makes of them */
    const char *header = "{\"__metadata__\":{\"format\":\"pt\"},"
                         "\"step\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                         "\"a \\\"x\\\"\\n\":{\"dtype\":\"F32\",\"shape\":[1],"
                         "\"data_offsets\":[8,12]},"
                         "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[12,20]}}";
    char path[4096];
    eqb_error err;
    eqbi_output out;
    ck_assert_int_eq(eqbi_join(path, temporary_dir(), "x.safetensors", &err), EQB_OK);
    ck_assert_int_eq(eqbi_output_create(&out, path, &err), EQB_OK);
    ck_assert_int_eq(eqbi_safetensors_write(&out, list, 3, NULL, &err), EQB_OK);
    ck_assert_int_eq(eqbi_output_commit(&out, &err), EQB_OK);
    size_t size, length = strlen(header), padded = (length + 7) / 8 * 8;
    char *file = read_file(path, &size);
    ck_assert_uint_eq(size, 8 + padded + 20);
    uint64_t written;
    memcpy(&written, file, 8);
    ck_assert_uint_eq(written, padded);
    ck_assert_mem_eq(file + 8, header, length);
    for (size_t i = length; i < padded; i++) ck_assert_int_eq(file[8 + i], ' ');
    ck_assert_mem_eq(file + 8 + padded, step, 8);
    ck_assert_mem_eq(file + 8 + padded + 8, b, 4);
    ck_assert_mem_eq(file + 8 + padded + 12, b, 8);
    eqbi_tensor_file st;
    ck_assert_int_eq(eqbi_safetensors_open(&st, path, "x", NULL, &err), EQB_OK);
    ck_assert_int_eq(eqbi_tensor_file_find(&st, "step")->dtype, EQBI_I64);
    eqbi_tensor_file_close(&st);
    free(file);
}
END_TEST

TCase *weights_safetensors_tests(void)
{
    TCase *tests = tcase_create("safetensors");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_published_cases);
    tcase_add_test(tests, test_messages);
    tcase_add_test(tests, test_unknown_keys_are_skipped);
    tcase_add_test(tests, test_mistaken_files);
    tcase_add_test(tests, test_damage);
    tcase_add_test(tests, test_many_tensors);
    tcase_add_test(tests, test_written_file);
    return tests;
}
