/* The tensors of a weight file, the same for every format: name, dtype, shape, where the bytes are.
 *
 * One reader per format fills an eqbi_tensor_file; what comes after it (matching names, checking
 * shapes, converting) no longer knows which format it was.                                       */
#ifndef EQBI_TENSOR_FILE_H
#define EQBI_TENSOR_FILE_H

#include "base/file.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weight files are little-endian; reading them here needs byte swapping"
#endif

/* name and bits per element: the dtypes of safetensors, which include those of the other formats.
 * The order is that of the safetensors format: its writer sorts by it, descending. */
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

enum { EQBI_TENSOR_DIMS = 8, EQBI_SHAPE_TEXT = EQBI_TENSOR_DIMS * 21 + 1 /* 2^64 has 20 digits */ };

typedef struct eqbi_file_tensor {
    const char *name;
    const void *data; /* little-endian, row-major; not necessarily aligned          */
    size_t size;      /* bytes                                                      */
    uint64_t shape[EQBI_TENSOR_DIMS];
    uint8_t dims, dtype; /* dtype is an eqbi_dtype                                  */
    bool transposed;     /* a matrix [r, c] whose data are the rows of its transpose */
} eqbi_file_tensor;

typedef struct eqbi_tensor_file {
    eqbi_file_tensor *tensor; /* [count], sorted by name */
    size_t count;
    char *names;              /* what the names point into */
    size_t tensor_capacity, names_capacity;
    eqbi_mapping file;        /* not mapped when the bytes are the caller's */
    const eqb_allocator *allocator;
} eqbi_tensor_file;

/* Room for the tensors and the bytes of their names, each with its NUL.   errors  NOMEM          */
eqb_status eqbi_tensor_file_reserve(eqbi_tensor_file *file, size_t tensors, size_t names,
                                    const char *where, eqb_error *err);
/* Sorts by name.   errors  MODEL (a name appears twice)                                          */
eqb_status eqbi_tensor_file_sort(eqbi_tensor_file *file, const char *where, eqb_error *err);
void eqbi_tensor_file_close(eqbi_tensor_file *file);
/* The tensor of this name, or NULL. */
const eqbi_file_tensor *eqbi_tensor_file_find(const eqbi_tensor_file *file, const char *name);

/* What people really find under the name of a file: a Git LFS pointer, a web page, another
 * framework's weights.   errors  MODEL                                                           */
eqb_status eqbi_refuse_mistaken(const unsigned char *data, size_t size, const char *where,
                                eqb_error *err);
/* For bytes that are no weights: whether they are a text ("Repository not found"), which is shown.
 *   errors  MODEL                                                                                */
eqb_status eqbi_refuse_text(const unsigned char *data, size_t size, const char *where,
                            eqb_error *err);

const char *eqbi_dtype_name(eqbi_dtype dtype);
/* Bytes of a tensor; false when that overflows or ends within a byte. */
bool eqbi_file_tensor_size(const eqbi_file_tensor *tensor, size_t *size);
/* "768,768" */
void eqbi_show_shape(char out[EQBI_SHAPE_TEXT], const uint64_t *shape, int dims);

#endif
