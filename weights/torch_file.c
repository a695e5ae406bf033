/* The two containers of torch.save; see torch_file.h. Each finds the bytes of every storage that
 * the pickle has named; then one function makes the table of both, which is why both are here, in
 * more than 300 lines.                                                                           */
#include "weights/torch_file.h"

#include "weights/json_scan.h"
#include "weights/pickle.h"
#include "weights/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
enum { MAGIC_SIZE = sizeof MAGIC - 1, PROTOCOL = 1001, TAR_MAGIC_AT = 257 };
enum { SLACK = 1 << 16 }; /* what a small file may take more than twice its size */
/* Tensors may share bytes, as tied ones do; all of them together may be so many times the file. */
enum { MOST_SHARING = 16 };

typedef struct reader {
    eqbi_tensor_file *out;
    const unsigned char *data;
    size_t size;
    const char *where;
    const eqb_allocator *allocator;
    eqb_error *err;
    eqbi_pickle pickle;
    eqbi_pickle_value root; /* the table of tensors */
    size_t memory;          /* allocated or about to be, the pickle's own aside */
    size_t unshared;        /* the file's size without a share of each tensor's */
} reader;

static eqb_status fault(const reader *r, const char *what)
{
    return eqbi_fail(r->err, EQB_ERR_MODEL, "%s: %s", r->where, what);
}

static eqb_status storage_fault(const reader *r, const char *key, size_t length, const char *what)
{
    return eqbi_fail(r->err, EQB_ERR_MODEL, "%s: storage %.*s: %s", r->where,
                     length < 80 ? (int)length : 80, key, what);
}

static size_t most_memory(const reader *r)
{
    return r->size < (SIZE_MAX - SLACK) / 2 ? 2 * r->size + SLACK : SIZE_MAX;
}

/* What the directory of an archive took is less than the archive. */
static void begin_pickle(reader *r, const unsigned char *data, size_t size, const char *where)
{
    eqbi_pickle_begin(&r->pickle, data, size, most_memory(r) - r->memory, where, r->allocator,
                      r->err);
}

/* Counts what is about to be allocated. */
static eqb_status count_memory(reader *r, size_t count, size_t size)
{
    size_t left = most_memory(r) - r->pickle.memory - r->memory;
    if (count > left / size)
        return fault(r, "needs more than twice its size of memory, out of proportion");
    r->memory += count * size;
    return EQB_OK;
}

/* Bytes of so many elements; false when that overflows. */
static bool bytes_of(uint8_t dtype, uint64_t elements, size_t *size)
{
    return eqbi_file_tensor_size(
        &(eqbi_file_tensor){.dims = 1, .shape = {elements}, .dtype = dtype}, size);
}

/* How many tensors the table has, and the bytes of their names, each with a NUL. */
static eqb_status count_tensors(const reader *r, size_t *tensors, size_t *names)
{
    const eqbi_pickle *p = &r->pickle;
    *tensors = *names = 0;
    if (r->root.kind != EQBI_PICKLE_DICT) return fault(r, "is no dictionary of tensors");
    for (size_t i = 0; i < p->members; i++) {
        if (p->member[i].owner != r->root.is.index) continue;
        ++*tensors;
        *names += (size_t)p->member[i].key.count + 1;
    }
    if (*tensors > 0) return EQB_OK;
    return fault(r, "has no tensors at the top level (a training checkpoint?)");
}

/* ----------------------------------------------------------------------------- zip container -- */

/* The only entry <top>/data.pkl; length is that of "<top>/". */
static const eqbi_zip_entry *find_pickle(const eqbi_zip *zip, size_t *length)
{
    static const char name[] = "/data.pkl";
    const eqbi_zip_entry *found = NULL;
    for (size_t i = 0; i < zip->count; i++) {
        const eqbi_zip_entry *e = &zip->entry[i];
        const char *slash = memchr(e->name, '/', e->name_length);
        size_t top = slash ? (size_t)(slash - e->name) : 0;
        if (top == 0 || e->name_length != top + strlen(name) ||
            memcmp(slash, name, strlen(name)) != 0)
            continue;
        if (found) return NULL;
        found = e;
        *length = top + 1;
    }
    return found;
}

static const eqbi_zip_entry *find_in(const eqbi_zip *zip, const char *top, size_t top_length,
                                     const char *folder, const char *name, size_t length)
{
    char path[512];
    size_t folder_length = strlen(folder);
    if (length > sizeof path || top_length + folder_length > sizeof path - length) return NULL;
    memcpy(path, top, top_length);
    memcpy(path + top_length, folder, folder_length);
    memcpy(path + top_length + folder_length, name, length);
    return eqbi_zip_find(zip, path, top_length + folder_length + length);
}

static eqb_status find_storages(reader *r, const eqbi_zip *zip, const char *top, size_t top_length)
{
    for (size_t i = 0; i < r->pickle.tensors; i++) {
        eqbi_pickle_tensor *t = &r->pickle.tensor[i];
        const eqbi_zip_entry *e = find_in(zip, top, top_length, "data/", t->key, t->key_length);
        size_t size;
        if (!e) return storage_fault(r, t->key, t->key_length, "is missing in the archive");
        if (!bytes_of(t->dtype, t->stored, &size) || size != e->size)
            return storage_fault(r, t->key, t->key_length, "has another size in the archive");
        t->storage = e->data;
    }
    return EQB_OK;
}

static eqb_status read_archive(reader *r, const eqbi_zip *zip)
{
    size_t top_length = 0;
    const eqbi_zip_entry *e = find_pickle(zip, &top_length);
    if (!e) return fault(r, "is a zip archive, but not of torch.save: one data.pkl is expected");
    const eqbi_zip_entry *order = find_in(zip, e->name, top_length, "", "byteorder", 9);
    if (order && (order->size != 6 || memcmp(order->data, "little", 6) != 0))
        return fault(r, "its bytes are in big-endian order, which is unsupported");
    EQBI_TRY(eqbi_zip_verify(zip, r->where, r->err));
    char where[512];
    snprintf(where, sizeof where, "%s: data.pkl", r->where);
    begin_pickle(r, e->data, e->size, where);
    EQBI_TRY(eqbi_pickle_read(&r->pickle, &r->root));
    if (r->pickle.p != r->pickle.end) return fault(r, "data.pkl goes on after its end");
    return find_storages(r, zip, e->name, top_length);
}

static eqb_status read_zip(reader *r)
{
    eqbi_zip zip;
    EQBI_TRY(eqbi_zip_open(&zip, r->data, r->size, r->where, r->allocator, r->err));
    r->memory = zip.capacity * sizeof *zip.entry;
    eqb_status status = read_archive(r, &zip);
    eqbi_zip_close(&zip);
    r->memory = 0;
    return status;
}

/* -------------------------------------------------------------------------- legacy container -- */

static int by_key(const void *a, const void *b)
{
    const eqbi_pickle_tensor *x = *(eqbi_pickle_tensor *const *)a;
    const eqbi_pickle_tensor *y = *(eqbi_pickle_tensor *const *)b;
    if (x->key_length != y->key_length) return x->key_length < y->key_length ? -1 : 1;
    return memcmp(x->key, y->key, x->key_length);
}

/* The storage of this key stands at the pickle's end: gives it to the tensors that share it. */
static eqb_status take_storage(reader *r, eqbi_pickle_tensor **sorted, const eqbi_pickle_value *key)
{
    const char *name = key->is.text;
    eqbi_pickle_tensor wanted = {.key = name, .key_length = key->count}, *pointer = &wanted;
    eqbi_pickle_tensor **end = sorted + r->pickle.tensors;
    eqbi_pickle_tensor **t = bsearch(&pointer, sorted, r->pickle.tensors, sizeof *t, by_key);
    if (!t) return storage_fault(r, name, key->count, "belongs to no tensor");
    if ((*t)->storage) return storage_fault(r, name, key->count, "appears twice");
    while (t > sorted && by_key(t - 1, &pointer) == 0) t--;
    size_t left = (size_t)(r->pickle.end - r->pickle.p), size = 0;
    uint64_t elements;
    if (left < sizeof elements) return storage_fault(r, name, key->count, "is missing");
    memcpy(&elements, r->pickle.p, sizeof elements);
    r->pickle.p += sizeof elements;
    left -= sizeof elements;
    for (; t < end && by_key(t, &pointer) == 0; t++) {
        if ((*t)->stored != elements)
            return storage_fault(r, name, key->count, "has another number of elements");
        if (!bytes_of((*t)->dtype, elements, &size) || size > left)
            return storage_fault(r, name, key->count, "reaches beyond the end of the file");
        (*t)->storage = r->pickle.p;
    }
    r->pickle.p += size;
    return EQB_OK;
}

static eqb_status take_storages(reader *r, eqbi_pickle_tensor **sorted, eqbi_pickle_value keys)
{
    const eqbi_pickle *p = &r->pickle;
    for (size_t i = 0; i < p->tensors; i++) sorted[i] = &p->tensor[i];
    qsort(sorted, p->tensors, sizeof *sorted, by_key);
    for (size_t i = 0; i < p->members; i++)
        if (p->member[i].owner == keys.is.index)
            EQBI_TRY(take_storage(r, sorted, &p->member[i].value));
    for (size_t i = 0; i < p->tensors; i++)
        if (!p->tensor[i].storage)
            return storage_fault(r, p->tensor[i].key, p->tensor[i].key_length, "is missing");
    if (p->p != p->end) return fault(r, "goes on after its last storage");
    return EQB_OK;
}

static eqb_status read_legacy(reader *r)
{
    begin_pickle(r, r->data, r->size, r->where);
    r->pickle.p += MAGIC_SIZE;
    eqbi_pickle_value protocol, system, keys;
    EQBI_TRY(eqbi_pickle_read(&r->pickle, &protocol));
    if (protocol.kind != EQBI_PICKLE_INT || protocol.is.number != PROTOCOL)
        return fault(r, "is of another protocol than 1001");
    EQBI_TRY(eqbi_pickle_read(&r->pickle, &system));
    EQBI_TRY(eqbi_pickle_read(&r->pickle, &r->root));
    EQBI_TRY(eqbi_pickle_read(&r->pickle, &keys));
    size_t count = r->pickle.tensors, unused;
    EQBI_TRY(count_tensors(r, &unused, &unused)); /* else the list below would be to blame */
    if (keys.kind != EQBI_PICKLE_LIST) return fault(r, "has no list of storages");
    EQBI_TRY(count_memory(r, count, sizeof(eqbi_pickle_tensor *)));
    eqbi_pickle_tensor **sorted = eqbi_alloc(r->allocator, count, sizeof *sorted);
    if (!sorted) return eqbi_fail(r->err, EQB_ERR_NOMEM, "%s: no memory to read it", r->where);
    eqb_status status = take_storages(r, sorted, keys);
    eqbi_free(r->allocator, sorted, count, sizeof *sorted);
    r->memory = 0;
    return status;
}

/* --------------------------------------------------------------------------------- the table -- */

static eqb_status add_tensor(reader *r, char *name, const eqbi_pickle_member *m)
{
    const eqbi_pickle_tensor *from = &r->pickle.tensor[m->value.is.index];
    memcpy(name, m->key.is.text, m->key.count);
    name[m->key.count] = '\0';
    const char *end = name + m->key.count;
    for (const char *c = name; c < end; c += eqbi_utf8_size(c, end))
        if (*c == '\0' || eqbi_utf8_size(c, end) == 0)
            return fault(r, "the name of a tensor is not UTF-8");
    eqbi_file_tensor *t = &r->out->tensor[r->out->count++];
    *t = (eqbi_file_tensor){.name = name,
                            .dims = from->dims,
                            .dtype = from->dtype,
                            .transposed = from->transposed};
    memcpy(t->shape, from->shape, sizeof t->shape);
    /* Neither overflows: the tensor lies within its storage, whose size did not. */
    size_t offset = 0;
    eqbi_file_tensor_size(t, &t->size);
    bytes_of(from->dtype, from->offset, &offset);
    t->data = from->storage + offset;
    if (t->size / MOST_SHARING > r->unshared)
        return fault(r, "its tensors share bytes, together more than 16 times the file");
    r->unshared -= t->size / MOST_SHARING;
    return EQB_OK;
}

static eqb_status make_table(reader *r)
{
    const eqbi_pickle *p = &r->pickle;
    size_t tensors, names;
    EQBI_TRY(count_tensors(r, &tensors, &names));
    /* Names that differ stand in the pickle one by one, each longer than here. */
    if (names > r->size) return fault(r, "the name of a tensor appears twice");
    EQBI_TRY(count_memory(r, tensors, sizeof *r->out->tensor));
    EQBI_TRY(count_memory(r, names, 1));
    EQBI_TRY(eqbi_tensor_file_reserve(r->out, tensors, names, r->where, r->err));
    char *name = r->out->names;
    r->unshared = r->size;
    for (size_t i = 0; i < p->members; i++) {
        if (p->member[i].owner != r->root.is.index) continue;
        EQBI_TRY(add_tensor(r, name, &p->member[i]));
        name += (size_t)p->member[i].key.count + 1;
    }
    return eqbi_tensor_file_sort(r->out, r->where, r->err);
}

static bool starts_with(const reader *r, size_t at, const char *bytes, size_t length)
{
    return r->size >= at + length && memcmp(r->data + at, bytes, length) == 0;
}

static eqb_status read_file(reader *r)
{
    EQBI_TRY(eqbi_refuse_mistaken(r->data, r->size, r->where, r->err));
    eqb_status status;
    if (starts_with(r, 0, "PK\003\004", 4))
        status = read_zip(r);
    else if (starts_with(r, 0, MAGIC, MAGIC_SIZE))
        status = read_legacy(r);
    else if (starts_with(r, TAR_MAGIC_AT, "ustar", 5))
        return fault(r, "is a tar archive, as PyTorch wrote before version 0.1.10: unsupported");
    else {
        EQBI_TRY(eqbi_refuse_text(r->data, r->size, r->where, r->err));
        return fault(r, "is neither of the formats that torch.save writes");
    }
    if (status == EQB_OK) status = make_table(r);
    eqbi_pickle_end(&r->pickle);
    return status;
}

eqb_status eqbi_torch_parse(eqbi_tensor_file *out, const unsigned char *data, size_t size,
                            const char *where, const eqb_allocator *allocator, eqb_error *err)
{
    *out = (eqbi_tensor_file){.allocator = allocator};
    reader r = {.out = out, .data = data, .size = size, .where = where, .allocator = allocator,
                .err = err};
    eqb_status status = read_file(&r);
    if (status != EQB_OK) eqbi_tensor_file_close(out);
    return status;
}

eqb_status eqbi_torch_open(eqbi_tensor_file *out, const char *path, const char *where,
                           const eqb_allocator *allocator, eqb_error *err)
{
    eqbi_mapping file;
    *out = (eqbi_tensor_file){.allocator = allocator};
    EQBI_TRY(eqbi_map(&file, path, err));
    eqb_status status = eqbi_torch_parse(out, file.data, file.size, where, allocator, err);
    if (status == EQB_OK)
        out->file = file;
    else
        eqbi_unmap(&file);
    return status;
}
