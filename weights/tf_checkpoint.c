/* Reading TensorFlow V2 checkpoints; see tf_checkpoint.h.
 *
 * The table is walked twice: once to count tensors and bytes of names, once to fill in. Its values
 * are protocol buffers:
 *     ""    BundleHeaderProto  1 num_shards  2 endianness  3 version
 *     name  BundleEntryProto   1 dtype  2 shape  3 shard  4 offset  5 size  6 crc32c  7 slices
 *     shape TensorShapeProto   2 dim { 1 size }  3 unknown_rank
 */
#include "weights/tf_checkpoint.h"

#include "weights/tf_table.h"

#include <stdio.h>
#include <string.h>

/* The table of tensors may take this much more than twice the size of the files. */
enum { SLACK = 1 << 16 };

typedef struct reader {
    eqbi_tensor_file *out;
    eqbi_mapping data;
    const char *where;
    eqb_error *err;
    eqbi_crc crc;
    size_t tensors, names; /* counted in the first walk; names: bytes */
    char *name;            /* where the next name goes in the second  */
    size_t left;           /* bytes of data without those of the tensors so far */
} reader;

static eqb_status fault(const reader *r, const char *name, const char *what)
{
    return eqbi_fail(r->err, EQB_ERR_MODEL, "%s: %.200s: %s", r->where, name, what);
}

/* -------------------------------------------------------------------------- protocol buffers -- */

typedef struct field {
    uint64_t number, value; /* value of a varint or of a fixed 32 bits */
    eqbi_tf_bytes bytes;    /* of what has a length                    */
} field;

/* Moves past one field. False: damaged. */
static bool next_field(eqbi_tf_bytes *message, field *f)
{
    enum { VARINT, FIXED64, LENGTH, FIXED32 = 5 };
    uint64_t tag, length;
    *f = (field){0};
    if (!eqbi_tf_varint(message, &tag)) return false;
    f->number = tag >> 3;
    switch (tag & 7) {
    case VARINT: return eqbi_tf_varint(message, &f->value);
    case FIXED64: return eqbi_tf_take(message, 8, &f->bytes);
    case LENGTH:
        return eqbi_tf_varint(message, &length) && eqbi_tf_take(message, length, &f->bytes);
    case FIXED32:
        if (!eqbi_tf_take(message, 4, &f->bytes)) return false;
        for (int i = 3; i >= 0; i--) f->value = f->value << 8 | f->bytes.p[i];
        return true;
    default: return false;
    }
}

typedef struct bundle_entry {
    uint64_t dtype, shard, offset, size, crc;
    bool sliced;
    uint64_t shape[EQBI_TENSOR_DIMS];
    int dims;
} bundle_entry;

static bool read_shape(eqbi_tf_bytes message, bundle_entry *e)
{
    field f, g;
    while (message.p < message.end) {
        if (!next_field(&message, &f)) return false;
        if (f.number == 3 && f.value) return false; /* unknown rank */
        if (f.number != 2) continue;
        if (e->dims == EQBI_TENSOR_DIMS) return false;
        uint64_t *size = &e->shape[e->dims++];
        for (*size = 0; f.bytes.p < f.bytes.end;) {
            if (!next_field(&f.bytes, &g)) return false;
            if (g.number == 1) *size = g.value;
        }
    }
    return true;
}

static bool read_bundle_entry(eqbi_tf_bytes message, bundle_entry *e)
{
    field f;
    *e = (bundle_entry){0};
    while (message.p < message.end) {
        if (!next_field(&message, &f)) return false;
        switch (f.number) {
        case 1: e->dtype = f.value; break;
        case 2:
            if (!read_shape(f.bytes, e)) return false;
            break;
        case 3: e->shard = f.value; break;
        case 4: e->offset = f.value; break;
        case 5: e->size = f.value; break;
        case 6: e->crc = f.value; break;
        case 7: e->sliced = true; break;
        default: break;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------- table -- */

static eqb_status check_header(const reader *r, eqbi_tf_bytes message)
{
    uint64_t shards = 0, endianness = 0;
    while (message.p < message.end) {
        field f;
        if (!next_field(&message, &f)) return fault(r, "header", "is damaged");
        if (f.number == 1) shards = f.value;
        if (f.number == 2) endianness = f.value;
    }
    if (shards != 1)
        return eqbi_fail(r->err, EQB_ERR_MODEL, "%s: has %llu files of data, only 1 is supported",
                         r->where, (unsigned long long)shards);
    return endianness == 0 ? EQB_OK : fault(r, "header", "is in big-endian order, unsupported");
}

/* TensorFlow's DataType; false for those that no weights have. */
static bool find_dtype(uint64_t dtype, uint8_t *out)
{
    static const struct {
        uint64_t tensorflow;
        eqbi_dtype dtype;
    } known[] = {{1, EQBI_F32},  {2, EQBI_F64}, {3, EQBI_I32},  {4, EQBI_U8},  {5, EQBI_I16},
                 {6, EQBI_I8},   {9, EQBI_I64}, {10, EQBI_BOOL}, {14, EQBI_BF16}, {17, EQBI_U16},
                 {19, EQBI_F16}, {22, EQBI_U32}, {23, EQBI_U64}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *out = (uint8_t)known[i].dtype;
        if (known[i].tensorflow == dtype) return true;
    }
    return false;
}

static eqb_status check_entry(reader *r, const char *name, const bundle_entry *e,
                              eqbi_file_tensor *t)
{
    if (strcmp(name, "_CHECKPOINTABLE_OBJECT_GRAPH") == 0)
        return eqbi_fail(r->err, EQB_ERR_MODEL,
                         "%s: is an object-based checkpoint of TensorFlow 2, only name-based ones "
                         "(Google's BERT) are supported", r->where);
    if (!find_dtype(e->dtype, &t->dtype)) return fault(r, name, "is of an unknown dtype");
    if (e->sliced) return fault(r, name, "is stored in slices, which is unsupported");
    if (e->shard != 0) return fault(r, name, "is in a file of data that does not exist");
    if (!eqbi_file_tensor_size(t, &t->size) || t->size != e->size)
        return fault(r, name, "its size does not follow from its shape");
    if (e->offset > r->data.size || e->size > r->data.size - e->offset)
        return fault(r, name, "reaches beyond the end of the data (incomplete download?)");
    /* Also what keeps the time for the checksums that of reading the data once. */
    if (e->size > r->left) return fault(r, name, "overlaps other tensors");
    r->left -= (size_t)e->size;
    t->data = r->data.data + e->offset;
    if (!eqbi_tf_checks(&r->crc, t->data, t->size, (uint32_t)e->crc))
        return fault(r, name, "its checksum is wrong: the file is damaged");
    return EQB_OK;
}

static eqb_status count_entry(void *user, const char *name, size_t length, eqbi_tf_bytes value)
{
    reader *r = user;
    (void)name, (void)value;
    r->tensors += length > 0;
    r->names += length > 0 ? length + 1 : 0;
    return EQB_OK;
}

static eqb_status add_entry(void *user, const char *name, size_t length, eqbi_tf_bytes value)
{
    static const char kernel[] = "/kernel";
    reader *r = user;
    bundle_entry e;
    if (length == 0) return check_header(r, value);
    if (!read_bundle_entry(value, &e)) return fault(r, name, "its entry is damaged");
    eqbi_file_tensor t = {.name = memcpy(r->name, name, length + 1), .dims = (uint8_t)e.dims};
    memcpy(t.shape, e.shape, sizeof t.shape);
    EQBI_TRY(check_entry(r, name, &e, &t));
    size_t tail = sizeof kernel - 1;
    if (e.dims == 2 && length > tail && strcmp(name + length - tail, kernel) == 0) {
        t.transposed = true;
        t.shape[0] = e.shape[1];
        t.shape[1] = e.shape[0];
    }
    r->name += length + 1;
    r->out->tensor[r->out->count++] = t;
    return EQB_OK;
}

static eqb_status read_index(reader *r, eqbi_mapping index)
{
    eqbi_crc_init(&r->crc, EQBI_CRC32C);
    EQBI_TRY(eqbi_refuse_mistaken(index.data, index.size, r->where, r->err));
    EQBI_TRY(eqbi_tf_table_each(index.data, index.size, r->where, &r->crc, count_entry, r, r->err));
    /* A few bytes of an index can stand for a long name: compression has its limits. */
    if ((r->tensors * sizeof *r->out->tensor + r->names) / 2 > index.size + r->data.size + SLACK)
        return fault(r, "table", "is out of proportion to the size of the files");
    EQBI_TRY(eqbi_tensor_file_reserve(r->out, r->tensors, r->names, r->where, r->err));
    r->name = r->out->names;
    r->left = r->data.size;
    EQBI_TRY(eqbi_tf_table_each(index.data, index.size, r->where, &r->crc, add_entry, r, r->err));
    return eqbi_tensor_file_sort(r->out, r->where, r->err);
}

eqb_status eqbi_tf_parse(eqbi_tensor_file *out, eqbi_mapping index, eqbi_mapping data,
                         const char *where, const eqb_allocator *allocator, eqb_error *err)
{
    *out = (eqbi_tensor_file){.allocator = allocator};
    reader r = {.out = out, .data = data, .where = where, .err = err};
    eqb_status status = read_index(&r, index);
    if (status != EQB_OK) eqbi_tensor_file_close(out);
    return status;
}

eqb_status eqbi_tf_open(eqbi_tensor_file *out, const char *path, const char *where,
                        const eqb_allocator *allocator, eqb_error *err)
{
    char data_path[4096];
    eqbi_mapping index = {0}, data = {0};
    *out = (eqbi_tensor_file){.allocator = allocator};
    size_t prefix = strlen(path) - strlen(".index");
    int n = snprintf(data_path, sizeof data_path, "%.*s.data-00000-of-00001", (int)prefix, path);
    if (n < 0 || (size_t)n >= sizeof data_path)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "path is too long: %s", path);
    if (!eqbi_file_exists(data_path))
        return eqbi_fail(err, EQB_ERR_MODEL, "%s: %s is missing", where, data_path);
    EQBI_TRY(eqbi_map(&index, path, err));
    eqb_status status = eqbi_map(&data, data_path, err);
    if (status == EQB_OK) status = eqbi_tf_parse(out, index, data, where, allocator, err);
    if (status == EQB_OK)
        out->file = data;
    else
        eqbi_unmap(&data);
    eqbi_unmap(&index);
    return status;
}
