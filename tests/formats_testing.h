/* What the tests of weight formats share: builders of whole and of damaged files. */
#ifndef FORMATS_TESTING_H
#define FORMATS_TESTING_H

#include "weights/tensor_file.h"

#include <check.h>

/* Bytes that grow; start with {0}, end with free(b.data). */
typedef struct bytes {
    unsigned char *data;
    size_t size, capacity;
} bytes;
void put(bytes *b, const void *data, size_t size);
void put_text(bytes *b, const char *text);
/* A little-endian number of count bytes. */
void put_number(bytes *b, uint64_t number, int count);

/* Assembles a pickle from words, e.g. "proto:2 empty_dict text:a int:5 setitem stop": names of
 * operations as pickletools has them, with text, int, put, get and global for the binary forms;
 * hex:0aff puts bytes as they are. STORAGE and TENSOR below are such words. */
void put_pickle(bytes *b, const char *words);

#define STORAGE(type, key, count)                                                                \
    "mark text:storage global:torch." type " text:" key " text:cpu int:" count " tuple binpersid "
#define HOOKS "global:collections.OrderedDict empty_tuple reduce "
#define REBUILD(storage, offset, shape, strides)                                                 \
    "global:torch._utils._rebuild_tensor_v2 mark " storage "int:" offset " " shape strides         \
    "newfalse " HOOKS "tuple reduce "
/* [2, 3] of floats, all of storage "0" */
#define TENSOR                                                                                   \
    REBUILD(STORAGE("FloatStorage", "0", "6"), "0", "int:2 int:3 tuple2 ", "int:3 int:1 tuple2 ")
/* A table with the tensor "w". */
#define TABLE "proto:2 empty_dict text:w " TENSOR "setitem stop"

/* A legacy file: this table, these keys (words of a pickle again), then numel and data for each. */
void put_legacy(bytes *b, const char *table, const char *keys);
enum { LEGACY_TABLE_AT = 25 }; /* where its table begins */
/* numel floats 0, 1, 2 ... */
void put_storage(bytes *b, uint64_t numel);

/* An entry of a zip archive as it is to be written; what is 0 is filled in. */
typedef struct zip_entry {
    const char *name;
    const void *data;
    size_t size;
    unsigned method, flags;
    uint32_t crc;
    uint64_t packed, unpacked, local; /* instead of the true numbers */
    const char *local_name;
    bool wide; /* sizes and place in a zip64 field */
} zip_entry;
void put_zip(bytes *b, const zip_entry *entries, size_t count);
/* archive/data.pkl with this table and archive/data/0 with six floats, and more if not NULL. */
void put_torch_zip(bytes *b, const char *table, const zip_entry *more);

/* One entry of a TensorFlow checkpoint: name, shape of up to two dimensions, numbers. */
typedef struct tf_entry {
    const char *name;
    uint64_t rows, cols; /* cols 0: a vector */
    const char *fields;  /* more bytes of its protocol buffer, fields_size of them */
    size_t fields_size;
    const void *data;    /* size bytes of TensorFlow's dtype; NULL: floats 0, 1, 2 ... */
    size_t size;
    unsigned dtype;
} tf_entry;
/* Index and data; entries sorted by name. */
void put_checkpoint(bytes *index, bytes *data, const tf_entry *entries, size_t count);
/* The same with an index that names its only block of entries so many times. */
void put_checkpoint_named(bytes *index, bytes *data, const tf_entry *entries, size_t count,
                          int times);
/* Corrects the checksum of the only data block after a change to it. */
void mend_checkpoint(bytes *index);

/* Reads all bytes of all tensors, so that a sanitizer sees a wrong pointer. */
void touch(const eqbi_tensor_file *file);

typedef eqb_status (*parser)(eqbi_tensor_file *out, const unsigned char *data, size_t size,
                             const char *where, const eqb_allocator *allocator, eqb_error *err);
/* Parses a copy of exactly size bytes under the name "f", touches what comes out, closes it, and
 * checks that all memory together was at most twice the size (and 128 KiB), and given back. */
eqb_status parse_exactly(parser parse, const unsigned char *data, size_t size, eqb_error *err);
/* The same must fail with MODEL and exactly this message. */
void check_refused(parser parse, const bytes *b, const char *message);
/* Every truncation fails; three changes of every byte do as they like, but cleanly. */
void check_damage(parser parse, const bytes *b);
/* Fails every allocation in turn. */
void check_no_memory(parser parse, const bytes *b);

TCase *formats_pickle_tests(void);
TCase *formats_zip_tests(void);
TCase *formats_tf_tests(void);
TCase *formats_directory_tests(void);
TCase *formats_convert_tests(void);
TCase *formats_added_tests(void);
TCase *formats_pairs_tests(void);
TCase *formats_corpus_tests(void);

#endif
