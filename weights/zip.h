/* The table of contents of a zip archive whose entries are stored as they are, not compressed.
 *
 * What torch.save writes. Sizes come from the central directory at the end; each local header must
 * agree on the name; entries may neither share a name nor a byte. Zip64 is understood.
 *   source  PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5                                       */
#ifndef EQBI_ZIP_H
#define EQBI_ZIP_H

#include "base/fault.h"

typedef struct eqbi_zip_entry {
    const char *name; /* in the archive, not terminated */
    uint32_t name_length, crc;
    const unsigned char *local, *data; /* its header, and size bytes */
    size_t size;
} eqbi_zip_entry;

typedef struct eqbi_zip {
    eqbi_zip_entry *entry; /* [count], sorted by name */
    size_t count, capacity;
    const eqb_allocator *allocator;
} eqbi_zip;

/* data must outlive out.   errors  MODEL, NOMEM */
eqb_status eqbi_zip_open(eqbi_zip *out, const unsigned char *data, size_t size, const char *where,
                         const eqb_allocator *allocator, eqb_error *err);
void eqbi_zip_close(eqbi_zip *zip);
/* The entry of this name, or NULL. */
const eqbi_zip_entry *eqbi_zip_find(const eqbi_zip *zip, const char *name, size_t length);
/* Compares the bytes of all entries with their checksums; an entry without one (0) is passed over,
 * as PyTorch can be told to leave them out.   errors  MODEL                                      */
eqb_status eqbi_zip_verify(const eqbi_zip *zip, const char *where, eqb_error *err);

#endif
