/* Zip archives: structure, and what torch.save puts into them. */
#include "tests/formats_testing.h"
#include "weights/torch_file.h"
#include "weights/zip.h"

#include <stdlib.h>
#include <string.h>

static const float six[] = {0, 1, 2, 3, 4, 5};

/* An archive of torch.save with these entries for its pickle and its storage. */
static bytes archive_of(zip_entry pickle, zip_entry storage, const zip_entry *more)
{
    bytes b = {0}, table = {0};
    put_pickle(&table, TABLE);
    if (!pickle.name) pickle.name = "archive/data.pkl";
    if (!storage.name) storage.name = "archive/data/0";
    if (!pickle.data) pickle.data = table.data, pickle.size = table.size;
    if (!storage.data) storage.data = six, storage.size = sizeof six;
    zip_entry entries[3] = {pickle, storage};
    if (more) entries[2] = *more;
    put_zip(&b, entries, more ? 3 : 2);
    free(table.data);
    return b;
}

static void check_archive(zip_entry pickle, zip_entry storage, const zip_entry *more,
                          const char *message)
{
    eqb_error err = {0};
    bytes b = archive_of(pickle, storage, more);
    if (message)
        check_refused(eqbi_torch_parse, &b, message);
    else
        ck_assert_msg(parse_exactly(eqbi_torch_parse, b.data, b.size, &err) == EQB_OK, "%s",
                      err.message);
    free(b.data);
}

START_TEST(test_entries)
{
    const zip_entry as_it_is = {0};
    const struct {
        zip_entry pickle, storage, more; /* more: when it has a name */
        const char *message;             /* NULL: the archive is read */
    } cases[] = {
        {as_it_is, as_it_is, as_it_is, NULL},
        {as_it_is, {.wide = true}, as_it_is, NULL},
        {{.wide = true}, as_it_is, as_it_is, NULL},
        {as_it_is, as_it_is, {.name = "archive/byteorder", .data = "little", .size = 6}, NULL},
        {as_it_is, as_it_is, {.name = "archive/version", .data = "3\n", .size = 2}, NULL},
        {as_it_is, as_it_is, {.name = "archive/data/1", .data = "unused", .size = 6}, NULL},
        {as_it_is, {.flags = 0x808}, as_it_is, NULL}, /* a data descriptor may follow */
        {as_it_is, as_it_is, {.name = "archive/byteorder", .data = "big", .size = 3},
         "f: its bytes are in big-endian order, which is unsupported"},
        {as_it_is, as_it_is, {.name = "b/data.pkl", .data = "x", .size = 1},
         "f: is a zip archive, but not of torch.save: one data.pkl is expected"},
        {{.name = "data.pkl"}, as_it_is, as_it_is,
         "f: is a zip archive, but not of torch.save: one data.pkl is expected"},
        {{.name = "/data.pkl"}, as_it_is, as_it_is,
         "f: is a zip archive, but not of torch.save: one data.pkl is expected"},
        {{.name = "a/b/data.pkl"}, as_it_is, as_it_is,
         "f: is a zip archive, but not of torch.save: one data.pkl is expected"},
        {as_it_is, {.name = "archive/data/1"}, as_it_is, "f: storage 0: is missing in the archive"},
        {as_it_is, {.name = "other/data/0"}, as_it_is, "f: storage 0: is missing in the archive"},
        {as_it_is, {.data = six, .size = 20}, as_it_is,
         "f: storage 0: has another size in the archive"},
        {as_it_is, {.method = 8}, as_it_is,
         "f: entry archive/data/0: is compressed, torch.save stores without compression"},
        {{.method = 93}, as_it_is, as_it_is,
         "f: entry archive/data.pkl: is compressed, torch.save stores without compression"},
        {as_it_is, {.flags = 1}, as_it_is, "f: entry archive/data/0: is encrypted"},
        {as_it_is, {.flags = 0x40}, as_it_is, "f: entry archive/data/0: is encrypted"},
        {as_it_is, {.flags = 0x2000}, as_it_is, "f: entry archive/data/0: is encrypted"},
        {as_it_is, {.crc = 7}, as_it_is,
         "f: entry archive/data/0: its checksum is wrong: the file is damaged"},
        {as_it_is, {.packed = 23}, as_it_is, "f: entry archive/data/0: its two sizes differ"},
        {as_it_is, {.unpacked = 25}, as_it_is, "f: entry archive/data/0: its two sizes differ"},
        {as_it_is, {.packed = 1000, .unpacked = 1000}, as_it_is,
         "f: entry archive/data/0: reaches beyond the data of the archive"},
        {as_it_is, {.packed = UINT32_MAX, .unpacked = UINT32_MAX}, as_it_is,
         "f: entry archive/data/0: reaches beyond the data of the archive"},
        {as_it_is, {.local_name = "archive/data/9"}, as_it_is,
         "f: entry archive/data/0: its local header has another name"},
        {as_it_is, {.local_name = "archive/data/00"}, as_it_is,
         "f: entry archive/data/0: its local header has another name"},
        {as_it_is, {.local = 5}, as_it_is,
         "f: entry archive/data/0: there is no local header where the directory says"},
        {as_it_is, {.local = 1 << 30}, as_it_is,
         "f: entry archive/data/0: there is no local header where the directory says"},
        {as_it_is, as_it_is, {.name = "archive/data/0", .data = six, .size = 24},
         "f: entry archive/data/0: appears twice"},
        {{.data = "garbage", .size = 7}, as_it_is, as_it_is,
         "f: data.pkl: byte 0 (GET): is not part of a table of tensors, refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_archive(cases[i].pickle, cases[i].storage, cases[i].more.name ? &cases[i].more : NULL,
                      cases[i].message);
}
END_TEST

/* Offsets from the end of the archive of the fields of its last record. */
START_TEST(test_end_record)
{
    static const struct {
        size_t from_end;
        int width;
        uint64_t number;
        const char *message;
    } cases[] = {
        {22, 4, 0, "f: is a zip archive without its end (incomplete download?)"},
        {2, 2, 1, "f: is a zip archive without its end (incomplete download?)"},
        {18, 2, 1, "f: is one part of a zip archive in several files"},
        {16, 2, 1, "f: is one part of a zip archive in several files"},
        {12, 2, 3, "f: the directory of the zip archive is too short for its entries"},
        {12, 2, 1, "f: the directory of the zip archive has more than its entries"},
        {12, 2, 65535, "f: the directory of the zip archive is too short for its entries"},
        {10, 4, 1 << 20, "f: the directory of the zip archive reaches beyond the file"},
        {10, 4, UINT32_MAX, "f: the directory of the zip archive reaches beyond the file"},
        {6, 4, UINT32_MAX, "f: the directory of the zip archive reaches beyond the file"},
        {6, 4, 0, "f: the directory of the zip archive is damaged"},
    };
    const zip_entry as_it_is = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes b = archive_of(as_it_is, as_it_is, NULL), number = {0};
        put_number(&number, cases[i].number, cases[i].width);
        memcpy(b.data + b.size - cases[i].from_end, number.data, number.size);
        check_refused(eqbi_torch_parse, &b, cases[i].message);
        free(number.data);
        free(b.data);
    }
}
END_TEST

/* The zip64 end record and its locator, put in front of the plain one. */
START_TEST(test_zip64)
{
    const zip_entry as_it_is = {0};
    for (int fault = 0; fault < 6; fault++) {
        bytes b = archive_of(as_it_is, as_it_is, NULL);
        unsigned char end[22];
        memcpy(end, b.data + b.size - 22, 22);
        b.size -= 22;
        uint64_t at = b.size, begin, size;
        uint32_t narrow;
        memcpy(&narrow, end + 12, 4);
        size = narrow;
        memcpy(&narrow, end + 16, 4);
        begin = narrow;
        put_number(&b, fault == 1 ? 0 : 0x06064b50, 4);
        put_number(&b, 44, 8);
        put_number(&b, 0, 4);
        put_number(&b, fault == 2 ? 1 : 0, 4);
        put_number(&b, 0, 4);
        put_number(&b, 2, 8);
        put_number(&b, 2, 8);
        put_number(&b, fault == 3 ? UINT64_MAX : size, 8);
        put_number(&b, fault == 4 ? UINT64_MAX : begin, 8);
        put_number(&b, 0x07064b50, 4);
        put_number(&b, 0, 4);
        put_number(&b, fault == 5 ? UINT64_MAX : at, 8);
        put_number(&b, 1, 4);
        memset(end + 8, 0xff, 12);
        put(&b, end, 22);
        eqb_error err = {0};
        static const char *const messages[] = {
            NULL, "f: the zip64 end record is not where its locator says",
            "f: is one part of a zip archive in several files",
            "f: the directory of the zip archive reaches beyond the file",
            "f: the directory of the zip archive reaches beyond the file",
            "f: the zip64 end record is not where its locator says"};
        if (messages[fault])
            check_refused(eqbi_torch_parse, &b, messages[fault]);
        else
            ck_assert_msg(parse_exactly(eqbi_torch_parse, b.data, b.size, &err) == EQB_OK, "%s",
                          err.message);
        free(b.data);
    }
}
END_TEST

/* Two entries that share bytes: the second begins within the data of the first. */
START_TEST(test_overlap)
{
    bytes inner = {0}, b = {0};
    put_zip(&inner, &(zip_entry){.name = "inside", .data = six, .size = 8}, 1);
    const zip_entry entries[] = {{.name = "outside", .data = inner.data, .size = inner.size},
                                 {.name = "inside", .data = six, .size = 8, .local = 30 + 7}};
    put_zip(&b, entries, 2);
    check_refused(eqbi_torch_parse, &b, "f: entry inside: overlaps another entry");
    free(inner.data);
    free(b.data);
}
END_TEST

START_TEST(test_mistaken_files)
{
    static const char *const cases[][2] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:68d4\nsize 440449768\n",
         "f: is a Git LFS pointer, not the file itself: run 'git lfs pull'"},
        {"<!DOCTYPE html><html>", "f: is an HTML page: the download went wrong"},
        {"\x89HDF\r\n\x1a\n",
         "f: is an HDF5 file (a tf_model.h5?), which is not supported"},
        {"", "f: is neither of the formats that torch.save writes"},
        {"Entry not found\n", "f: is a text, not weights: \"Entry not found?\""},
        {"PK\003", "f: is neither of the formats that torch.save writes"},
        {"PK\003\004", "f: is a zip archive without its end (incomplete download?)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes b = {0};
        put_text(&b, cases[i][0]);
        check_refused(eqbi_torch_parse, &b, cases[i][1]);
        free(b.data);
    }
    bytes tar = {0};
    put_text(&tar, "storages");
    while (tar.size < 257) put_number(&tar, 0, 1);
    put_text(&tar, "ustar  ");
    check_refused(eqbi_torch_parse, &tar, "f: is a tar archive, as PyTorch wrote before version "
                                          "0.1.10: unsupported");
    free(tar.data);
}
END_TEST

START_TEST(test_damaged_archive)
{
    bytes b = {0};
    const zip_entry more = {.name = "archive/byteorder", .data = "little", .size = 6, .wide = true};
    put_torch_zip(&b, TABLE, &more);
    check_damage(eqbi_torch_parse, &b);
    check_no_memory(eqbi_torch_parse, &b);
    free(b.data);
}
END_TEST

TCase *formats_zip_tests(void)
{
    TCase *tests = tcase_create("zip");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_entries);
    tcase_add_test(tests, test_end_record);
    tcase_add_test(tests, test_zip64);
    tcase_add_test(tests, test_overlap);
    tcase_add_test(tests, test_mistaken_files);
    tcase_add_test(tests, test_damaged_archive);
    return tests;
}
