/* Reading a table in LevelDB's format; see tf_table.h. Nothing is allocated: a key is put together
 * in a buffer, a value stays where it is.                                                        */
#include "weights/tf_table.h"

#include <string.h>

enum { FOOTER_SIZE = 48, TRAILER_SIZE = 5 /* type of compression, checksum */ };
static const unsigned char MAGIC[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

typedef struct table {
    const unsigned char *data;
    size_t size; /* without the footer */
    const char *where;
    const eqbi_crc *crc;
    eqbi_tf_visit visit;
    void *user;
    eqb_error *err;
    size_t next; /* the end of the data blocks so far */
} table;

bool eqbi_tf_varint(eqbi_tf_bytes *bytes, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && bytes->p < bytes->end; shift += 7) {
        unsigned char byte = *bytes->p++;
        if (shift == 63 && byte > 1) return false;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

bool eqbi_tf_take(eqbi_tf_bytes *bytes, uint64_t size, eqbi_tf_bytes *taken)
{
    if (size > (uint64_t)(bytes->end - bytes->p)) return false;
    *taken = (eqbi_tf_bytes){bytes->p, bytes->p + size};
    bytes->p += size;
    return true;
}

static uint32_t read32(const unsigned char *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

bool eqbi_tf_checks(const eqbi_crc *crc, const void *data, size_t size, uint32_t masked)
{
    uint32_t sum = eqbi_crc_of(crc, data, size);
    return eqbi_crc_agrees((sum >> 15 | sum << 17) + 0xa282ead8u, masked);
}

static eqb_status fault(const table *t, const char *what)
{
    return eqbi_fail(t->err, EQB_ERR_MODEL, "%s: %s", t->where, what);
}

/* The entries of the block that a handle (offset, size) points to, without its restart points. */
static eqb_status open_block(const table *t, eqbi_tf_bytes *handle, eqbi_tf_bytes *block)
{
    uint64_t offset, size;
    if (!eqbi_tf_varint(handle, &offset) || !eqbi_tf_varint(handle, &size) || offset > t->size ||
        size > t->size - offset || t->size - offset - size < TRAILER_SIZE)
        return fault(t, "a block of the table lies outside the file (incomplete download?)");
    const unsigned char *data = t->data + offset, *trailer = data + size;
    if (!eqbi_tf_checks(t->crc, data, (size_t)size + 1, read32(trailer + 1)))
        return fault(t, "the checksum of a block is wrong: the file is damaged");
    if (*trailer != 0) return fault(t, "has compressed blocks, which TensorFlow does not write");
    uint32_t restarts = size < 4 ? 0 : read32(trailer - 4);
    if (size < 4 || restarts > (size - 4) / 4)
        return fault(t, "a block of the table is too short");
    *block = (eqbi_tf_bytes){data, trailer - 4 - 4 * (size_t)restarts};
    return EQB_OK;
}

/* Calls each(t, user) for the entries of a block. */
static eqb_status each_entry(const table *t, eqbi_tf_bytes block, eqbi_tf_visit each, void *user)
{
    char key[EQBI_TF_LONGEST_KEY + 1];
    uint64_t length = 0;
    while (block.p < block.end) {
        uint64_t shared, added, value_size;
        eqbi_tf_bytes rest, value;
        if (!eqbi_tf_varint(&block, &shared) || !eqbi_tf_varint(&block, &added) ||
            !eqbi_tf_varint(&block, &value_size) || shared > length ||
            !eqbi_tf_take(&block, added, &rest) || !eqbi_tf_take(&block, value_size, &value))
            return fault(t, "an entry of the table is damaged");
        if (added > EQBI_TF_LONGEST_KEY - shared)
            return fault(t, "a key of the table has more than 512 bytes");
        memcpy(key + shared, rest.p, (size_t)added);
        length = shared + added;
        key[length] = '\0';
        if (memchr(key, '\0', (size_t)length)) return fault(t, "a key of the table contains NUL");
        EQBI_TRY(each(user, key, (size_t)length, value));
    }
    return EQB_OK;
}

/* An entry of the index block: its value is the handle of a data block. */
static eqb_status visit_block(void *user, const char *key, size_t length, eqbi_tf_bytes handle)
{
    table *t = user;
    eqbi_tf_bytes block;
    (void)key, (void)length;
    EQBI_TRY(open_block(t, &handle, &block));
    /* Each block once: else a small file could stand for entries without end. */
    if ((size_t)(block.p - t->data) < t->next) return fault(t, "blocks of the table overlap");
    t->next = (size_t)(block.end - t->data);
    return each_entry(t, block, t->visit, t->user);
}

eqb_status eqbi_tf_table_each(const unsigned char *data, size_t size, const char *where,
                              const eqbi_crc *crc, eqbi_tf_visit visit, void *user,
                              eqb_error *err)
{
    table t = {.data = data, .where = where, .crc = crc, .visit = visit, .user = user, .err = err};
    if (size < FOOTER_SIZE || memcmp(data + size - sizeof MAGIC, MAGIC, sizeof MAGIC) != 0)
        return fault(&t, "is not the index of a TensorFlow V2 checkpoint (incomplete download?)");
    t.size = size - FOOTER_SIZE;
    eqbi_tf_bytes footer = {data + t.size, data + size - sizeof MAGIC}, index;
    uint64_t unused;
    /* The first handle is that of a block of metadata, which is empty. */
    if (!eqbi_tf_varint(&footer, &unused) || !eqbi_tf_varint(&footer, &unused))
        return fault(&t, "the footer of the table is damaged");
    EQBI_TRY(open_block(&t, &footer, &index));
    return each_entry(&t, index, visit_block, &t);
}
