/* The pickles of torch.save, read without running anything.
 *
 * A pickle is a program for a stack machine; what makes it dangerous is that REDUCE calls whatever
 * function GLOBAL has named. This machine has the 30 operations that a table of tensors is made of.
 * It knows the names of three functions and of the storage types, calls nothing, and writes down
 * what the functions would have been given: shape, dtype, and which bytes. Everything else is
 * refused by name.
 *
 * Memory: text stays in the file; all else is counted against a limit that the caller sets.
 *   source  Python's Modules/_pickle.c and Lib/pickletools.py; PyTorch's torch/_utils.py and
 *           torch/_weights_only_unpickler.py                                                     */
#ifndef EQBI_PICKLE_H
#define EQBI_PICKLE_H

#include "weights/tensor_file.h"

typedef enum eqbi_pickle_kind {
    EQBI_PICKLE_NONE,
    EQBI_PICKLE_MARK,
    EQBI_PICKLE_BOOL,
    EQBI_PICKLE_INT,
    EQBI_PICKLE_TEXT,
    EQBI_PICKLE_TUPLE,
    EQBI_PICKLE_LIST,
    EQBI_PICKLE_DICT,
    EQBI_PICKLE_GLOBAL,
    EQBI_PICKLE_STORAGE, /* a tuple that names the bytes of a tensor */
    EQBI_PICKLE_TENSOR
} eqbi_pickle_kind;

typedef struct eqbi_pickle_value {
    eqbi_pickle_kind kind;
    uint32_t count; /* TEXT: bytes; TUPLE, STORAGE: elements                        */
    union {
        int64_t number;   /* BOOL, INT; GLOBAL: its place in the list of names      */
        const char *text; /* TEXT: within the file, not terminated                  */
        size_t index;     /* TUPLE, STORAGE: of the first element in item[]; TENSOR: */
    } is;                 /* in tensor[]; LIST, DICT: the container's number        */
} eqbi_pickle_value;

/* What lies in a list, or under a key of a dictionary. Only texts in lists and tensors in
 * dictionaries are kept. */
typedef struct eqbi_pickle_member {
    size_t owner; /* the container's number */
    eqbi_pickle_value key, value;
} eqbi_pickle_member;

typedef struct eqbi_pickle_tensor {
    const char *key; /* of its storage: key_length bytes; several tensors may share one */
    uint32_t key_length;
    uint8_t dtype, dims;
    bool transposed;
    uint64_t stored;  /* elements of the storage    */
    uint64_t offset;  /* the first of ours in it    */
    uint64_t shape[EQBI_TENSOR_DIMS];
    const unsigned char *storage; /* its bytes; the container's reader sets it */
} eqbi_pickle_tensor;

typedef struct eqbi_pickle_values {
    eqbi_pickle_value *at;
    size_t count, capacity;
} eqbi_pickle_values;

typedef struct eqbi_pickle {
    const unsigned char *data, *p, *end; /* the bytes, and how far they are read      */
    const unsigned char *op;             /* the operation that runs                   */
    const char *where;
    eqb_error *err;
    const eqb_allocator *allocator;
    size_t memory, limit;                /* bytes allocated so far, and at most       */
    eqbi_pickle_values stack, memo, item;
    eqbi_pickle_member *member;
    size_t members, member_capacity;
    eqbi_pickle_tensor *tensor;
    size_t tensors, tensor_capacity;
    size_t containers;
} eqbi_pickle;

void eqbi_pickle_begin(eqbi_pickle *pickle, const unsigned char *data, size_t size, size_t limit,
                       const char *where, const eqb_allocator *allocator, eqb_error *err);
/* Reads one pickle, up to and including its STOP; the next may follow. Members and tensors of all
 * of them stay.   errors  MODEL ("where: byte 17 (REDUCE): ..."), NOMEM                          */
eqb_status eqbi_pickle_read(eqbi_pickle *pickle, eqbi_pickle_value *result);
void eqbi_pickle_end(eqbi_pickle *pickle);

/* Between pickle.c (the machine), pickle_ops.c (what it can do) and pickle_torch.c (what the names
 * in a pickle of torch.save mean). */

typedef struct eqbi_pickle_operation {
    const char *name;                                 /* NULL: there is no such operation */
    eqb_status (*run)(eqbi_pickle *p, unsigned arg); /* NULL: it is refused              */
    unsigned arg;
} eqbi_pickle_operation;
const eqbi_pickle_operation *eqbi_pickle_operation_of(unsigned char byte);

/* Fails at the operation that runs. */
eqb_status eqbi_pickle_fail(const eqbi_pickle *p, const char *format, ...) EQBI_PRINTF(2, 3);
/* Makes room for one more element of size bytes behind count others. */
eqb_status eqbi_pickle_reserve(eqbi_pickle *p, void **block, size_t *capacity, size_t count,
                               size_t size);
eqb_status eqbi_pickle_append(eqbi_pickle *p, eqbi_pickle_values *values, eqbi_pickle_value value);
eqb_status eqbi_pickle_push(eqbi_pickle *p, eqbi_pickle_value value);
/* An empty dictionary or list, with a number of its own. */
eqb_status eqbi_pickle_push_container(eqbi_pickle *p, eqbi_pickle_kind kind);
/* The last count values of the stack, none of them a mark. They can be read until the next push,
 * even when they are taken off. */
eqb_status eqbi_pickle_top(eqbi_pickle *p, size_t count, eqbi_pickle_value **values);
/* The values above the last mark, which leave the stack together with it. */
eqb_status eqbi_pickle_pop_to_mark(eqbi_pickle *p, eqbi_pickle_value **values, size_t *count);
/* The next count bytes of the pickle. */
eqb_status eqbi_pickle_take(eqbi_pickle *p, size_t count, const unsigned char **bytes);

/* Pushes module.name, if it is one of the known names. */
eqb_status eqbi_pickle_global(eqbi_pickle *p, const char *module, size_t module_length,
                              const char *name, size_t name_length);
/* Pushes what a known function makes of its arguments. */
eqb_status eqbi_pickle_reduce(eqbi_pickle *p, const eqbi_pickle_value *function,
                              const eqbi_pickle_value *arguments);
/* Pushes the storage that a persistent id stands for. */
eqb_status eqbi_pickle_persistent(eqbi_pickle *p, const eqbi_pickle_value *id);

#endif
