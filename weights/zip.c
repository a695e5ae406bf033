/* Reading zip archives; see zip.h. Every number of the archive is compared with what lies before it
 * in memory before it is used; nothing is allocated beyond one record for each entry there is.   */
#include "weights/zip.h"

#include "weights/checksum.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 0x04034b50,   /* signatures of the records, and their fixed lengths */
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END64 = 0x06064b50,
    LOCATOR64 = 0x07064b50,
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    LONGEST_COMMENT = 65535,
    EXTRA_ZIP64 = 1,
    FLAG_ENCRYPTED = 0x2041 /* bits 0, 6 and 13: in one way or another */
};
static_assert(sizeof(eqbi_zip_entry) <= CENTRAL_SIZE, "entries take less room than in the file");

typedef struct reader {
    const unsigned char *data;
    size_t size;
    const char *where;
    eqb_error *err;
} reader;

static uint64_t number(const unsigned char *p, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) value = value << 8 | p[i];
    return value;
}

static eqb_status fault(const reader *r, const char *what)
{
    return eqbi_fail(r->err, EQB_ERR_MODEL, "%s: %s", r->where, what);
}

static eqb_status entry_fault(const reader *r, const eqbi_zip_entry *e, const char *what)
{
    int shown = e->name_length < 200 ? (int)e->name_length : 200;
    return eqbi_fail(r->err, EQB_ERR_MODEL, "%s: entry %.*s: %s", r->where, shown, e->name, what);
}

/* ------------------------------------------------------------------------- central directory -- */

typedef struct directory {
    uint64_t begin, size, entries;
} directory;

/* The last record of the archive; its comment ends where the file ends. */
static const unsigned char *find_end(const reader *r)
{
    if (r->size < END_SIZE) return NULL;
    size_t last = r->size - END_SIZE, first = last > LONGEST_COMMENT ? last - LONGEST_COMMENT : 0;
    for (size_t at = last + 1; at-- > first;) {
        const unsigned char *p = r->data + at;
        if (number(p, 4) == END && number(p + 20, 2) == last - at) return p;
    }
    return NULL;
}

/* Replaces d by the numbers of the zip64 record, when a locator in front of end points to one. */
static eqb_status read_end64(const reader *r, const unsigned char *end, directory *d)
{
    size_t before = (size_t)(end - r->data);
    if (before < LOCATOR64_SIZE || number(end - LOCATOR64_SIZE, 4) != LOCATOR64) return EQB_OK;
    uint64_t at = number(end - LOCATOR64_SIZE + 8, 8);
    size_t room = before - LOCATOR64_SIZE;
    if (room < END64_SIZE || at > room - END64_SIZE || number(r->data + at, 4) != END64)
        return fault(r, "the zip64 end record is not where its locator says");
    const unsigned char *p = r->data + at;
    if (number(p + 16, 4) != 0 || number(p + 20, 4) != 0)
        return fault(r, "is one part of a zip archive in several files");
    *d = (directory){number(p + 48, 8), number(p + 40, 8), number(p + 32, 8)};
    return EQB_OK;
}

static eqb_status find_directory(const reader *r, directory *d)
{
    const unsigned char *end = find_end(r);
    if (!end)
        return fault(r, "is a zip archive without its end (incomplete download?)");
    if (number(end + 4, 2) != 0 || number(end + 6, 2) != 0)
        return fault(r, "is one part of a zip archive in several files");
    *d = (directory){number(end + 16, 4), number(end + 12, 4), number(end + 10, 2)};
    EQBI_TRY(read_end64(r, end, d));
    size_t most = (size_t)(end - r->data);
    if (d->begin > most || d->size > most - d->begin)
        return fault(r, "the directory of the zip archive reaches beyond the file");
    if (d->entries > d->size / CENTRAL_SIZE)
        return fault(r, "the directory of the zip archive is too short for its entries");
    return EQB_OK;
}

/* ----------------------------------------------------------------------------------- entries -- */

typedef struct place {
    uint64_t packed, size, local; /* sizes in bytes, and where the local header is */
} place;

/* Numbers of 32 bits that are all ones stand in the zip64 extra field, in this order. */
static eqb_status widen(const reader *r, const eqbi_zip_entry *e, const unsigned char *extra,
                        size_t length, place *of)
{
    uint64_t *wide[] = {&of->size, &of->packed, &of->local};
    while (length >= 4) {
        uint64_t id = number(extra, 2), size = number(extra + 2, 2);
        extra += 4;
        length -= 4;
        if (size > length) break;
        for (size_t i = 0; i < 3 && id == EXTRA_ZIP64; i++) {
            if (*wide[i] != UINT32_MAX) continue;
            if (size < 8) return entry_fault(r, e, "its zip64 field is too short");
            *wide[i] = number(extra, 8);
            extra += 8;
            size -= 8;
            length -= 8;
        }
        extra += size;
        length -= (size_t)size;
    }
    return EQB_OK;
}

/* The bytes of an entry lie behind its local header and before the directory. */
static eqb_status locate(const reader *r, const directory *d, eqbi_zip_entry *e, const place *of)
{
    uint64_t at = of->local;
    if (at > d->begin || d->begin - at < LOCAL_SIZE || number(r->data + at, 4) != LOCAL)
        return entry_fault(r, e, "there is no local header where the directory says");
    const unsigned char *local = r->data + at;
    uint64_t name_length = number(local + 26, 2), extra = number(local + 28, 2);
    uint64_t room = d->begin - at - LOCAL_SIZE;
    if (name_length + extra > room || name_length != e->name_length ||
        memcmp(local + LOCAL_SIZE, e->name, e->name_length) != 0)
        return entry_fault(r, e, "its local header has another name");
    if (of->size > room - name_length - extra)
        return entry_fault(r, e, "reaches beyond the data of the archive");
    e->local = local;
    e->data = local + LOCAL_SIZE + name_length + extra;
    e->size = (size_t)of->size;
    return EQB_OK;
}

/* Reads the record at *at of the directory, which ends at end, and moves past it. */
static eqb_status read_entry(const reader *r, const directory *d, const unsigned char **at,
                             const unsigned char *end, eqbi_zip_entry *e)
{
    const unsigned char *p = *at;
    if (end - p < CENTRAL_SIZE || number(p, 4) != CENTRAL)
        return fault(r, "the directory of the zip archive is damaged");
    size_t name = (size_t)number(p + 28, 2), extra = (size_t)number(p + 30, 2);
    size_t comment = (size_t)number(p + 32, 2);
    if ((size_t)(end - p) - CENTRAL_SIZE < name + extra + comment)
        return fault(r, "the directory of the zip archive is damaged");
    *e = (eqbi_zip_entry){.name = (const char *)p + CENTRAL_SIZE,
                          .name_length = (uint32_t)name,
                          .crc = (uint32_t)number(p + 16, 4)};
    if (number(p + 8, 2) & FLAG_ENCRYPTED) return entry_fault(r, e, "is encrypted");
    if (number(p + 10, 2) != 0)
        return entry_fault(r, e, "is compressed, torch.save stores without compression");
    place of = {number(p + 20, 4), number(p + 24, 4), number(p + 42, 4)};
    EQBI_TRY(widen(r, e, p + CENTRAL_SIZE + name, extra, &of));
    if (of.packed != of.size) return entry_fault(r, e, "its two sizes differ");
    *at = p + CENTRAL_SIZE + name + extra + comment;
    return locate(r, d, e, &of);
}

static int by_place(const void *a, const void *b)
{
    const eqbi_zip_entry *x = a, *y = b;
    uintptr_t p = (uintptr_t)x->local, q = (uintptr_t)y->local;
    return p < q ? -1 : p > q;
}

static int by_name(const void *a, const void *b)
{
    const eqbi_zip_entry *x = a, *y = b;
    if (x->name_length != y->name_length) return x->name_length < y->name_length ? -1 : 1;
    return memcmp(x->name, y->name, x->name_length);
}

static eqb_status check_entries(const reader *r, eqbi_zip *zip)
{
    qsort(zip->entry, zip->count, sizeof *zip->entry, by_place);
    for (size_t i = 1; i < zip->count; i++) {
        const eqbi_zip_entry *e = &zip->entry[i], *before = e - 1;
        if (e->local < before->data + before->size)
            return entry_fault(r, e, "overlaps another entry");
    }
    qsort(zip->entry, zip->count, sizeof *zip->entry, by_name);
    for (size_t i = 1; i < zip->count; i++)
        if (by_name(&zip->entry[i - 1], &zip->entry[i]) == 0)
            return entry_fault(r, &zip->entry[i], "appears twice");
    return EQB_OK;
}

static eqb_status read_entries(const reader *r, eqbi_zip *zip)
{
    directory d = {0};
    EQBI_TRY(find_directory(r, &d));
    zip->entry = eqbi_alloc(zip->allocator, (size_t)d.entries, sizeof *zip->entry);
    if (!zip->entry)
        return eqbi_fail(r->err, EQB_ERR_NOMEM, "%s: no memory for its directory", r->where);
    zip->capacity = (size_t)d.entries;
    const unsigned char *at = r->data + d.begin, *end = at + d.size;
    for (; zip->count < zip->capacity; zip->count++)
        EQBI_TRY(read_entry(r, &d, &at, end, &zip->entry[zip->count]));
    if (at != end) return fault(r, "the directory of the zip archive has more than its entries");
    return check_entries(r, zip);
}

eqb_status eqbi_zip_open(eqbi_zip *out, const unsigned char *data, size_t size, const char *where,
                         const eqb_allocator *allocator, eqb_error *err)
{
    *out = (eqbi_zip){.allocator = allocator};
    const reader r = {data, size, where, err};
    eqb_status status = read_entries(&r, out);
    if (status != EQB_OK) eqbi_zip_close(out);
    return status;
}

void eqbi_zip_close(eqbi_zip *zip)
{
    eqbi_free(zip->allocator, zip->entry, zip->capacity, sizeof *zip->entry);
    *zip = (eqbi_zip){0};
}

const eqbi_zip_entry *eqbi_zip_find(const eqbi_zip *zip, const char *name, size_t length)
{
    if (zip->count == 0 || length > UINT32_MAX) return NULL;
    const eqbi_zip_entry key = {.name = name, .name_length = (uint32_t)length};
    return bsearch(&key, zip->entry, zip->count, sizeof key, by_name);
}

eqb_status eqbi_zip_verify(const eqbi_zip *zip, const char *where, eqb_error *err)
{
    eqbi_crc crc;
    eqbi_crc_init(&crc, EQBI_CRC32);
    const reader r = {.where = where, .err = err};
    for (size_t i = 0; i < zip->count; i++) {
        const eqbi_zip_entry *e = &zip->entry[i];
        if (e->crc != 0 && !eqbi_crc_agrees(eqbi_crc_of(&crc, e->data, e->size), e->crc))
            return entry_fault(&r, e, "its checksum is wrong: the file is damaged");
    }
    return EQB_OK;
}
