/* The index of a TensorFlow checkpoint: a sorted table of keys and values in LevelDB's format.
 *
 * The file is a row of blocks. In a block each key is stored as what it adds to the key before it.
 * The footer, 48 bytes at the end, says where the index block is, whose values say where the data
 * blocks are. Every block has a checksum.
 *   source  LevelDB's doc/table_format.md; TensorFlow's core/lib/io/format.cc                    */
#ifndef EQBI_TF_TABLE_H
#define EQBI_TF_TABLE_H

#include "base/fault.h"

#include "weights/checksum.h"

/* The longest key that is read. */
enum { EQBI_TF_LONGEST_KEY = 512 };

/* Bytes that are being taken apart from the front. */
typedef struct eqbi_tf_bytes {
    const unsigned char *p, *end;
} eqbi_tf_bytes;

/* A number of 7 bits a byte, as in protocol buffers. False: cut off, or over 64 bits. */
bool eqbi_tf_varint(eqbi_tf_bytes *bytes, uint64_t *value);
/* The next size bytes. False: fewer are left. */
bool eqbi_tf_take(eqbi_tf_bytes *bytes, uint64_t size, eqbi_tf_bytes *taken);
/* Whether the bytes have this checksum, which is stored in a scrambled form. */
bool eqbi_tf_checks(const eqbi_crc *crc, const void *data, size_t size, uint32_t masked);

/* Told a key (NUL-terminated, without NUL inside) and its value. */
typedef eqb_status (*eqbi_tf_visit)(void *user, const char *key, size_t length,
                                    eqbi_tf_bytes value);
/* Visits all entries in order. user is handed to visit.
 *   errors  MODEL (what is wrong with the table), or what visit returns                          */
eqb_status eqbi_tf_table_each(const unsigned char *data, size_t size, const char *where,
                              const eqbi_crc *crc, eqbi_tf_visit visit, void *user,
                              eqb_error *err);

#endif
