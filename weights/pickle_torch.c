/* What the names in a pickle of torch.save mean; see pickle.h.
 *
 *     OrderedDict()                                     the table, or an empty list of hooks
 *     ('storage', FloatStorage, key, device, elements)  persistent id: the bytes of a tensor
 *     _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
 *     _rebuild_parameter(tensor, requires_grad, hooks)  the tensor
 */
#include "weights/pickle.h"

#include <string.h>

enum { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, FIRST_STORAGE };

static const struct {
    const char *module, *name;
    eqbi_dtype dtype; /* of a storage */
} globals[] = {
    [ORDERED_DICT] = {"collections", "OrderedDict", 0},
    [REBUILD_TENSOR] = {"torch._utils", "_rebuild_tensor_v2", 0},
    [REBUILD_PARAMETER] = {"torch._utils", "_rebuild_parameter", 0},
    [FIRST_STORAGE] = {"torch", "FloatStorage", EQBI_F32},
    {"torch", "HalfStorage", EQBI_F16},
    {"torch", "BFloat16Storage", EQBI_BF16},
    {"torch", "DoubleStorage", EQBI_F64},
    {"torch", "LongStorage", EQBI_I64},
    {"torch", "IntStorage", EQBI_I32},
    {"torch", "ShortStorage", EQBI_I16},
    {"torch", "CharStorage", EQBI_I8},
    {"torch", "ByteStorage", EQBI_U8},
    {"torch", "BoolStorage", EQBI_BOOL},
};

static bool is_text(const char *text, const char *bytes, size_t length)
{
    return strlen(text) == length && memcmp(text, bytes, length) == 0;
}

eqb_status eqbi_pickle_global(eqbi_pickle *p, const char *module, size_t module_length,
                              const char *name, size_t name_length)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (is_text(globals[i].module, module, module_length) &&
            is_text(globals[i].name, name, name_length))
            return eqbi_pickle_push(p, (eqbi_pickle_value){.kind = EQBI_PICKLE_GLOBAL,
                                                           .is.number = (int64_t)i});
    enum { SHOWN = 80 };
    return eqbi_pickle_fail(p, "asks for %.*s.%.*s, which no table of tensors needs: refused, and "
                               "nothing in the file was run",
                            (int)(module_length < SHOWN ? module_length : SHOWN), module,
                            (int)(name_length < SHOWN ? name_length : SHOWN), name);
}

/* Element i of a tuple or of a storage's id, if it is of this kind; else NULL. */
static const eqbi_pickle_value *element(const eqbi_pickle *p, const eqbi_pickle_value *tuple,
                                        uint32_t i, eqbi_pickle_kind kind)
{
    if (i >= tuple->count) return NULL;
    const eqbi_pickle_value *v = &p->item.at[tuple->is.index + i];
    return v->kind == kind ? v : NULL;
}

enum { ID_WORD, ID_TYPE, ID_KEY, ID_DEVICE, ID_ELEMENTS, ID_VIEW };

eqb_status eqbi_pickle_persistent(eqbi_pickle *p, const eqbi_pickle_value *id)
{
    if (id->kind != EQBI_PICKLE_TUPLE)
        return eqbi_pickle_fail(p, "the persistent id is no tuple");
    const eqbi_pickle_value *word = element(p, id, ID_WORD, EQBI_PICKLE_TEXT);
    const eqbi_pickle_value *type = element(p, id, ID_TYPE, EQBI_PICKLE_GLOBAL);
    const eqbi_pickle_value *elements = element(p, id, ID_ELEMENTS, EQBI_PICKLE_INT);
    if (!word || !is_text("storage", word->is.text, word->count) || !type ||
        type->is.number < FIRST_STORAGE || !element(p, id, ID_KEY, EQBI_PICKLE_TEXT) ||
        !element(p, id, ID_DEVICE, EQBI_PICKLE_TEXT) || !elements || elements->is.number < 0)
        return eqbi_pickle_fail(p, "the persistent id is not that of a storage");
    /* Before PyTorch 0.4 a storage could be a part of another one. */
    bool viewed = id->count > ID_VIEW && !element(p, id, ID_VIEW, EQBI_PICKLE_NONE);
    if (viewed || id->count > ID_VIEW + 1)
        return eqbi_pickle_fail(p, "the storage is a view of another one, which is unsupported");
    eqbi_pickle_value storage = *id;
    storage.kind = EQBI_PICKLE_STORAGE;
    return eqbi_pickle_push(p, storage);
}

/* Whether strides are those of a whole matrix in rows; then transposed: of one in columns. The
 * stride of a dimension of one element says nothing. */
static bool has_strides(const eqbi_pickle_tensor *t, const uint64_t *stride, bool transposed)
{
    uint64_t expected = 1;
    if (transposed && t->dims != 2) return false;
    for (int i = 0; i < t->dims; i++) {
        int d = transposed ? i : t->dims - 1 - i;
        if (t->shape[d] > 1 && stride[d] != expected) return false;
        expected *= t->shape[d];
    }
    return true;
}

/* The numbers of a tuple, none negative, into out[EQBI_TENSOR_DIMS]. */
static eqb_status read_numbers(eqbi_pickle *p, const eqbi_pickle_value *tuple, uint64_t *out)
{
    if (tuple->count > EQBI_TENSOR_DIMS)
        return eqbi_pickle_fail(p, "a tensor of %u dimensions, at most %d are read", tuple->count,
                                EQBI_TENSOR_DIMS);
    for (uint32_t i = 0; i < tuple->count; i++) {
        const eqbi_pickle_value *v = element(p, tuple, i, EQBI_PICKLE_INT);
        if (!v || v->is.number < 0)
            return eqbi_pickle_fail(p, "shape and strides must be whole numbers");
        out[i] = (uint64_t)v->is.number;
    }
    return EQB_OK;
}

/* Shape and place of t, whose storage is known: all of it must lie inside. */
static eqb_status place(eqbi_pickle *p, eqbi_pickle_tensor *t, const eqbi_pickle_value *shape,
                        const eqbi_pickle_value *strides)
{
    uint64_t stride[EQBI_TENSOR_DIMS];
    if (shape->count != strides->count)
        return eqbi_pickle_fail(p, "the tensor has %u dimensions and %u strides", shape->count,
                                strides->count);
    EQBI_TRY(read_numbers(p, shape, t->shape));
    EQBI_TRY(read_numbers(p, strides, stride));
    t->dims = (uint8_t)shape->count;
    eqbi_file_tensor whole = {.dims = t->dims, .dtype = EQBI_U8}; /* one byte for each element */
    memcpy(whole.shape, t->shape, sizeof whole.shape);
    size_t elements;
    if (!eqbi_file_tensor_size(&whole, &elements) || t->offset > t->stored ||
        elements > t->stored - t->offset)
        return eqbi_pickle_fail(p, "the tensor reaches beyond the %llu elements of its storage",
                                (unsigned long long)t->stored);
    if (elements == 0 || has_strides(t, stride, false)) return EQB_OK;
    t->transposed = has_strides(t, stride, true);
    return t->transposed ? EQB_OK
                         : eqbi_pickle_fail(p, "the strides are not those of a whole tensor");
}

static eqb_status rebuild_tensor(eqbi_pickle *p, const eqbi_pickle_value *arguments)
{
    const eqbi_pickle_value *storage = element(p, arguments, 0, EQBI_PICKLE_STORAGE);
    const eqbi_pickle_value *offset = element(p, arguments, 1, EQBI_PICKLE_INT);
    const eqbi_pickle_value *shape = element(p, arguments, 2, EQBI_PICKLE_TUPLE);
    const eqbi_pickle_value *strides = element(p, arguments, 3, EQBI_PICKLE_TUPLE);
    if (arguments->count < 6 || arguments->count > 7 || !storage || !offset ||
        offset->is.number < 0 || !shape || !strides ||
        !element(p, arguments, 4, EQBI_PICKLE_BOOL) || !element(p, arguments, 5, EQBI_PICKLE_DICT))
        return eqbi_pickle_fail(p, "the arguments of _rebuild_tensor_v2 are wrong");
    const eqbi_pickle_value *key = element(p, storage, ID_KEY, EQBI_PICKLE_TEXT);
    const eqbi_pickle_value *type = element(p, storage, ID_TYPE, EQBI_PICKLE_GLOBAL);
    const eqbi_pickle_value *stored = element(p, storage, ID_ELEMENTS, EQBI_PICKLE_INT);
    eqbi_pickle_tensor t = {.key = key->is.text,
                            .key_length = key->count,
                            .dtype = (uint8_t)globals[type->is.number].dtype,
                            .stored = (uint64_t)stored->is.number,
                            .offset = (uint64_t)offset->is.number};
    EQBI_TRY(place(p, &t, shape, strides));
    EQBI_TRY(eqbi_pickle_reserve(p, (void **)&p->tensor, &p->tensor_capacity, p->tensors,
                                 sizeof t));
    p->tensor[p->tensors] = t;
    return eqbi_pickle_push(p, (eqbi_pickle_value){.kind = EQBI_PICKLE_TENSOR,
                                                   .is.index = p->tensors++});
}

eqb_status eqbi_pickle_reduce(eqbi_pickle *p, const eqbi_pickle_value *function,
                              const eqbi_pickle_value *arguments)
{
    if (function->kind != EQBI_PICKLE_GLOBAL || function->is.number >= FIRST_STORAGE)
        return eqbi_pickle_fail(p, "calls something that is no function");
    if (arguments->kind != EQBI_PICKLE_TUPLE)
        return eqbi_pickle_fail(p, "the arguments are no tuple");
    if (function->is.number == REBUILD_TENSOR) return rebuild_tensor(p, arguments);
    if (function->is.number == ORDERED_DICT) {
        if (arguments->count == 0) return eqbi_pickle_push_container(p, EQBI_PICKLE_DICT);
        return eqbi_pickle_fail(p, "OrderedDict is given contents, expected none");
    }
    const eqbi_pickle_value *tensor = element(p, arguments, 0, EQBI_PICKLE_TENSOR);
    if (!tensor || arguments->count != 3)
        return eqbi_pickle_fail(p, "the arguments of _rebuild_parameter are wrong");
    return eqbi_pickle_push(p, *tensor);
}
