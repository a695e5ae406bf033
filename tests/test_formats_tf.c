/* TensorFlow checkpoints: the table, the entries, the data. */
#include "tests/formats_testing.h"
#include "weights/tf_checkpoint.h"
#include "weights/tf_table.h"

#include <stdlib.h>
#include <string.h>

static const tf_entry entries[] = {{.name = "bert/pooler/dense/bias", .rows = 3},
                                   {.name = "bert/pooler/dense/kernel", .rows = 2, .cols = 3},
                                   {.name = "cls/output_weights", .rows = 2, .cols = 2}};
static bytes whole_data; /* of the checkpoint whose index is being parsed */

static eqb_status parse_index(eqbi_tensor_file *out, const unsigned char *data, size_t size,
                              const char *where, const eqb_allocator *allocator, eqb_error *err)
{
    return eqbi_tf_parse(out, (eqbi_mapping){data, size},
                         (eqbi_mapping){whole_data.data, whole_data.size}, where, allocator, err);
}

static bytes checkpoint_of(const tf_entry *list, size_t count)
{
    bytes index = {0};
    free(whole_data.data);
    whole_data = (bytes){0};
    put_checkpoint(&index, &whole_data, list, count);
    return index;
}

START_TEST(test_checkpoint)
{
    eqb_error err = {0};
    bytes index = checkpoint_of(entries, 3);
    eqbi_tensor_file file;
    ck_assert_msg(parse_index(&file, index.data, index.size, "f", NULL, &err) == EQB_OK, "%s",
                  err.message);
    ck_assert_uint_eq(file.count, 3);
    const eqbi_file_tensor *bias = eqbi_tensor_file_find(&file, "bert/pooler/dense/bias");
    const eqbi_file_tensor *kernel = eqbi_tensor_file_find(&file, "bert/pooler/dense/kernel");
    const eqbi_file_tensor *weights = eqbi_tensor_file_find(&file, "cls/output_weights");
    ck_assert(bias->dims == 1 && bias->shape[0] == 3 && !bias->transposed);
    ck_assert(kernel->shape[0] == 3 && kernel->shape[1] == 2 && kernel->transposed);
    ck_assert(weights->shape[0] == 2 && weights->shape[1] == 2 && !weights->transposed);
    ck_assert_ptr_eq(weights->data, whole_data.data + 4 * (3 + 6));
    eqbi_tensor_file_close(&file);
    free(index.data);
}
END_TEST

/* More fields in the entry of one tensor; the last of a kind counts. */
START_TEST(test_entries)
{
    static const struct {
        const char *fields;
        size_t size;
        const char *message;
    } cases[] = {
        {"\x08\x07", 2, "f: a: is of an unknown dtype"},
        {"\x08\x00", 2, "f: a: is of an unknown dtype"},
        {"\x08\x02", 2, "f: a: its size does not follow from its shape"},
        {"\x28\x0b", 2, "f: a: its size does not follow from its shape"},
        {"\x12\x04\x12\x02\x08\x02", 6, "f: a: its size does not follow from its shape"},
        {"\x18\x01", 2, "f: a: is in a file of data that does not exist"},
        {"\x20\x01", 2, "f: a: reaches beyond the end of the data (incomplete download?)"},
        {"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11,
         "f: a: reaches beyond the end of the data (incomplete download?)"},
        {"\x35\0\0\0\0", 5, "f: a: its checksum is wrong: the file is damaged"},
        {"\x3a\x00", 2, "f: a: is stored in slices, which is unsupported"},
        {"\x08", 1, "f: a: its entry is damaged"},
        {"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "f: a: its entry is damaged"},
        {"\x12\x05\x12", 3, "f: a: its entry is damaged"},
        {"\x12\x02\x18\x01", 4, "f: a: its entry is damaged"}, /* unknown rank */
        {"\x35\0\0", 3, "f: a: its entry is damaged"},
        {"\x0b", 1, "f: a: its entry is damaged"}, /* a group */
        {"\x12\x12\x12\x00\x12\x00\x12\x00\x12\x00\x12\x00\x12\x00\x12\x00\x12\x00\x12\x00", 20,
         "f: a: its entry is damaged"}, /* nine dimensions */
        {"\x48\x05\x51\0\0\0\0\0\0\0\0", 11, NULL}, /* unknown fields */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tf_entry e = {.name = "a", .rows = 3, .fields = cases[i].fields,
                      .fields_size = cases[i].size};
        bytes index = checkpoint_of(&e, 1);
        eqb_error err = {0};
        if (cases[i].message)
            check_refused(parse_index, &index, cases[i].message);
        else
            ck_assert_int_eq(parse_exactly(parse_index, index.data, index.size, &err), EQB_OK);
        free(index.data);
    }
}
END_TEST

/* Changes to the index, with its checksum corrected. */
START_TEST(test_table)
{
    static const struct {
        size_t at;
        unsigned char byte;
        const char *message;
    } cases[] = {
        /* the header's entry: 0 0 2 (08 01); then that of "a": 0 1 n a ... */
        {3, 0x10, "f: has 0 files of data, only 1 is supported"},
        {4, 2, "f: has 2 files of data, only 1 is supported"},
        {3, 0x13, "f: header: is damaged"},
        {0, 1, "f: an entry of the table is damaged"},
        {1, 200, "f: an entry of the table is damaged"},
        {2, 200, "f: an entry of the table is damaged"},
        {8, 0, "f: a key of the table contains NUL"},
    };
    const tf_entry e = {.name = "a", .rows = 3};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes index = checkpoint_of(&e, 1);
        index.data[cases[i].at] = cases[i].byte;
        mend_checkpoint(&index);
        check_refused(parse_index, &index, cases[i].message);
        free(index.data);
    }
    bytes index = checkpoint_of(&e, 1);
    index.data[5] ^= 1;
    check_refused(parse_index, &index, "f: the checksum of a block is wrong: the file is damaged");
    index.data[index.size - 1] = 0;
    check_refused(parse_index, &index, "f: is not the index of a TensorFlow V2 checkpoint "
                                       "(incomplete download?)");
    free(index.data);
    const tf_entry twice[] = {e, e}, graph = {.name = "_CHECKPOINTABLE_OBJECT_GRAPH", .rows = 1};
    index = checkpoint_of(twice, 2);
    check_refused(parse_index, &index, "f: a: appears twice");
    free(index.data);
    bytes again = {0};
    free(whole_data.data);
    whole_data = (bytes){0};
    put_checkpoint_named(&again, &whole_data, &e, 1, 2);
    check_refused(parse_index, &again, "f: blocks of the table overlap");
    free(again.data);
    const tf_entry shared[] = {e, {.name = "b", .rows = 3, .fields = "\x20\0", .fields_size = 2}};
    index = checkpoint_of(shared, 2); /* both at the beginning */
    ck_assert_uint_eq(whole_data.size, 24);
    whole_data.size = 20;
    check_refused(parse_index, &index, "f: b: overlaps other tensors");
    free(index.data);
    index = checkpoint_of(&graph, 1);
    check_refused(parse_index, &index,
                  "f: is an object-based checkpoint of TensorFlow 2, only name-based ones "
                  "(Google's BERT) are supported");
    free(index.data);
}
END_TEST

/* Keys in few bytes that would be long names, again and again. */
START_TEST(test_long_keys)
{
    char name[EQBI_TF_LONGEST_KEY + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const tf_entry e = {.name = name, .rows = 1};
    bytes index = checkpoint_of(&e, 1);
    check_refused(parse_index, &index, "f: a key of the table has more than 512 bytes");
    free(index.data);
}
END_TEST

START_TEST(test_damaged_checkpoint)
{
    bytes index = checkpoint_of(entries, 3);
    check_damage(parse_index, &index);
    check_no_memory(parse_index, &index);
    eqb_error err;
    for (size_t i = 0; i < index.size - 60; i++) /* behind the checksum */
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            bytes copy = {0};
            put(&copy, index.data, index.size);
            copy.data[i] ^= (unsigned char)flip;
            mend_checkpoint(&copy);
            parse_exactly(parse_index, copy.data, copy.size, &err);
            free(copy.data);
        }
    while (whole_data.size-- > 0)
        ck_assert_int_eq(parse_exactly(parse_index, index.data, index.size, &err), EQB_ERR_MODEL);
    free(index.data);
    free(whole_data.data);
    whole_data = (bytes){0};
}
END_TEST

TCase *formats_tf_tests(void)
{
    TCase *tests = tcase_create("tensorflow");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_checkpoint);
    tcase_add_test(tests, test_entries);
    tcase_add_test(tests, test_table);
    tcase_add_test(tests, test_long_keys);
    tcase_add_test(tests, test_damaged_checkpoint);
    return tests;
}
