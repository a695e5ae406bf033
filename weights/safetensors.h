/* The safetensors file format: 8 bytes of header length, a JSON header, the tensors' bytes.
 *
 * The reader maps a file and checks all of the header before it hands out a pointer: names differ,
 * sizes follow from shape and dtype, the tensors cover the data exactly, in whatever order. It is
 * as strict as the format's reference reader, and refuses two things more: NUL in names and more
 * than EQBI_ST_DIMS dimensions.
 *   source  github.com/huggingface/safetensors, README and safetensors/src/tensor.rs             */
#ifndef EQBI_SAFETENSORS_H
#define EQBI_SAFETENSORS_H

#include "base/file.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian; reading them here needs byte swapping"
#endif

/* name and bits per element. The order is the format's own: the writer sorts by it, descending. */
#define EQBI_DTYPE_LIST(X)                                                                       \
    X(BOOL, 8) X(F4, 4) X(F6_E2M3, 6) X(F6_E3M2, 6) X(U8, 8) X(I8, 8) X(F8_E5M2, 8)              \
    X(F8_E4M3, 8) X(F8_E8M0, 8) X(F8_E4M3FNUZ, 8) X(F8_E5M2FNUZ, 8) X(I16, 16) X(U16, 16)        \
    X(F16, 16) X(BF16, 16) X(I32, 32) X(U32, 32) X(F32, 32) X(C64, 64) X(F64, 64) X(I64, 64)     \
    X(U64, 64)

typedef enum eqbi_dtype {
#define X(name, bits) EQBI_##name,
    EQBI_DTYPE_LIST(X)
#undef X
    EQBI_DTYPE_COUNT
} eqbi_dtype;

enum { EQBI_ST_DIMS = 8, EQBI_ST_MAX_HEADER = 100000000 };

typedef struct eqbi_st_tensor {
    const char *name;
    const void *data; /* little-endian, row-major; not necessarily aligned */
    size_t size;      /* bytes; the writer computes it itself              */
    uint64_t shape[EQBI_ST_DIMS];
    uint8_t dims, dtype; /* dtype is an eqbi_dtype */
} eqbi_st_tensor;

typedef struct eqbi_safetensors {
    eqbi_st_tensor *tensor; /* [count], sorted by name */
    size_t count;
    char *names;            /* what the names point into */
    size_t tensor_capacity, names_capacity;
    eqbi_mapping file;      /* not mapped when the bytes are the caller's */
    const eqb_allocator *allocator;
} eqbi_safetensors;

/* Opens a file; where names it in messages.
 *   errors  MODEL (what, which tensor), IO, NOMEM                                                */
eqb_status eqbi_safetensors_open(eqbi_safetensors *out, const char *path, const char *where,
                                 const eqb_allocator *allocator, eqb_error *err);
/* The same for bytes in memory, which must outlive out. */
eqb_status eqbi_safetensors_parse(eqbi_safetensors *out, const unsigned char *data, size_t size,
                                  const char *where, const eqb_allocator *allocator,
                                  eqb_error *err);
void eqbi_safetensors_close(eqbi_safetensors *file);
/* The tensor of this name, or NULL. */
const eqbi_st_tensor *eqbi_safetensors_find(const eqbi_safetensors *file, const char *name);

const char *eqbi_dtype_name(eqbi_dtype dtype);
/* Bytes of a tensor; false when that overflows or ends within a byte. */
bool eqbi_st_size(const eqbi_st_tensor *tensor, size_t *size);

/* Writes a whole file into out (which the caller commits): the header with the metadata
 * {"format":"pt"} that transformers insists on, then each tensor's bytes straight from its data,
 * byte for byte the file that the reference writer makes of the same tensors. Each tensor needs
 * name, dtype, dims, shape and data.   errors  NOMEM, ARGUMENT (a size that overflows)           */
eqb_status eqbi_safetensors_write(eqbi_output *out, const eqbi_st_tensor *tensors, size_t count,
                                  const eqb_allocator *allocator, eqb_error *err);

/* safetensors_header.c: reads the JSON header into out->tensor, in the order of the text; each
 * tensor is checked by itself (its bytes lie within data), not yet against the others. */
eqb_status eqbi_safetensors_header(eqbi_safetensors *out, const char *header, size_t header_size,
                                   const unsigned char *data, size_t data_size,
                                   const char *where, eqb_error *err);

#endif
