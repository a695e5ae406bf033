/* The base room: errors, sizes, memory, files. */
#include "base/file.h"
#include "tests/testing.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(test_messages_are_one_line)
{
    eqb_error err = {0};
    ck_assert_int_eq(eqbi_fail(&err, EQB_ERR_DATA, "a\nb\tc%s", "\x7f\x01"), EQB_ERR_DATA);
    ck_assert_str_eq(err.message, "a?b?c??");
    ck_assert_int_eq(eqbi_fail(NULL, EQB_ERR_IO, "nobody listens"), EQB_ERR_IO);
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    eqbi_fail(&err, EQB_ERR_IO, "%s", longer);
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 1);
}
END_TEST

START_TEST(test_every_status_has_a_text)
{
#define X(name, value, text)                                                                     \
    ck_assert_int_eq(name, value);                                                               \
    ck_assert_str_eq(eqb_status_text(name), text);
    EQB_STATUS_LIST(X)
#undef X
    ck_assert_str_eq(eqb_status_text((eqb_status)99), "unknown status");
    ck_assert_str_eq(eqb_version(), EQB_VERSION);
}
END_TEST

START_TEST(test_sizes_are_checked)
{
    size_t r;
    ck_assert(eqbi_mul(SIZE_MAX / 2, 2, &r) && r == SIZE_MAX - 1);
    ck_assert(!eqbi_mul(SIZE_MAX / 2 + 1, 2, &r));
    ck_assert(eqbi_mul(0, SIZE_MAX, &r) && r == 0);
    ck_assert(eqbi_add(SIZE_MAX - 1, 1, &r) && r == SIZE_MAX);
    ck_assert(!eqbi_add(SIZE_MAX, 1, &r));
    ck_assert_ptr_null(eqbi_alloc(NULL, SIZE_MAX, 2));
}
END_TEST

START_TEST(test_blocks_are_given_back_with_their_size)
{
    test_allocator a;
    test_allocator_init(&a);
    void *none = eqbi_alloc(&a.base, 0, 8), *block = NULL;
    ck_assert_ptr_nonnull(none);
    eqbi_free(&a.base, none, 0, 8);
    size_t capacity = 0;
    for (size_t need = 1; need < 1000; need += 37) {
        ck_assert(eqbi_grow(&a.base, &block, &capacity, need, 8));
        ck_assert_uint_ge(capacity, need);
        ((uint64_t *)block)[need - 1] = need;
    }
    ck_assert_uint_eq(((uint64_t *)block)[0], 1);
    a.fail_at = a.calls + 1;
    ck_assert(!eqbi_grow(&a.base, &block, &capacity, 1 << 20, 8));
    ck_assert_uint_eq(((uint64_t *)block)[0], 1); /* a failed growth keeps the block */
    size_t huge = capacity;
    ck_assert(!eqbi_grow(&a.base, &block, &huge, SIZE_MAX / 4, 8));
    eqbi_free(&a.base, block, capacity, 8);
    ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

START_TEST(test_file_is_replaced_whole)
{
    char path[4096];
    eqb_error err = {0};
    size_t size;
    ck_assert_int_eq(eqbi_join(path, temporary_dir(), "f", &err), EQB_OK);
    write_file(path, "old", 3);
    eqbi_output out;
    ck_assert_int_eq(eqbi_output_create(&out, path, &err), EQB_OK);
    eqbi_output_print(&out, "new %d", 1);
    char *text = read_file(path, &size);
    ck_assert_str_eq(text, "old"); /* until the commit */
    free(text);
    ck_assert_int_eq(eqbi_output_commit(&out, &err), EQB_OK);
    text = read_file(path, &size);
    ck_assert_str_eq(text, "new 1");
    free(text);
    ck_assert_int_eq(eqbi_output_create(&out, path, &err), EQB_OK);
    eqbi_output_put(&out, "half", 4);
    eqbi_output_abandon(&out);
    eqbi_output_abandon(&out);
    text = read_file(path, &size);
    ck_assert_str_eq(text, "new 1");
    free(text);
    ck_assert_int_ne(access(out.temporary, F_OK), 0);
}
END_TEST

START_TEST(test_faults_of_files_are_named)
{
    char path[4096], inside[4096];
    char *text;
    size_t size;
    eqb_error err = {0};
    eqbi_mapping map;
    eqbi_output out;
    const char *dir = temporary_dir();
    ck_assert_int_eq(eqbi_join(path, dir, "missing", &err), EQB_OK);
    ck_assert_int_eq(eqbi_map(&map, path, &err), EQB_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "missing: cannot open: No such file"));
    ck_assert_int_eq(eqbi_map(&map, dir, &err), EQB_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "is not a regular file"));
    write_file(path, "12345", 5);
    ck_assert_int_eq(eqbi_file_read(&text, &size, path, 4, NULL, &err), EQB_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.message, "has 5 bytes, at most 4 are read"));
    ck_assert_int_eq(eqbi_join(inside, path, "below", &err), EQB_OK);
    ck_assert_int_eq(eqbi_make_dirs(inside, &err), EQB_ERR_IO);
    ck_assert_int_eq(eqbi_output_create(&out, inside, &err), EQB_ERR_IO);
    ck_assert_int_eq(eqbi_make_dirs("", &err), EQB_ERR_ARGUMENT);
    char longer[5000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    ck_assert_int_eq(eqbi_join(path, dir, longer, &err), EQB_ERR_ARGUMENT);
}
END_TEST

START_TEST(test_empty_file_maps_and_directories_are_made)
{
    char path[4096], deep[4096];
    eqb_error err = {0};
    eqbi_mapping map;
    const char *dir = temporary_dir();
    ck_assert_int_eq(eqbi_join(deep, dir, "a/b/c", &err), EQB_OK);
    ck_assert_int_eq(eqbi_make_dirs(deep, &err), EQB_OK);
    ck_assert_int_eq(eqbi_make_dirs(deep, &err), EQB_OK);
    ck_assert_int_eq(eqbi_join(path, deep, "empty", &err), EQB_OK);
    write_file(path, "", 0);
    ck_assert_int_eq(eqbi_map(&map, path, &err), EQB_OK);
    ck_assert_uint_eq(map.size, 0);
    eqbi_unmap(&map);
}
END_TEST

START_TEST(test_full_disk_keeps_the_old_file)
{
    eqbi_output out;
    eqb_error err = {0};
    char big[1 << 16] = {0};
    if (access("/dev/full", W_OK) != 0) {
        printf("skipped: needs /dev/full\n");
        return;
    }
    char path[4096];
    size_t size;
    ck_assert_int_eq(eqbi_join(path, temporary_dir(), "f", &err), EQB_OK);
    write_file(path, "old", 3);
    ck_assert_int_eq(eqbi_output_create(&out, path, &err), EQB_OK);
    FILE *full = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(full);
    ck_assert_int_ge(dup2(fileno(full), out.fd), 0);
    fclose(full);
    eqbi_output_put(&out, big, sizeof big);
    ck_assert_int_eq(eqbi_output_commit(&out, &err), EQB_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "cannot write: No space left"));
    char *text = read_file(path, &size);
    ck_assert_str_eq(text, "old");
    free(text);
}
END_TEST

Suite *base_suite(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");
    tcase_add_test(t, test_messages_are_one_line);
    tcase_add_test(t, test_every_status_has_a_text);
    tcase_add_test(t, test_sizes_are_checked);
    tcase_add_test(t, test_blocks_are_given_back_with_their_size);
    tcase_add_test(t, test_file_is_replaced_whole);
    tcase_add_test(t, test_faults_of_files_are_named);
    tcase_add_test(t, test_empty_file_maps_and_directories_are_made);
    tcase_add_test(t, test_full_disk_keeps_the_old_file);
    suite_add_tcase(s, t);
    return s;
}
