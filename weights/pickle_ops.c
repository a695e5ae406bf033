/* The operations; see pickle.h. One table says what each of them does; what is not in it, or has a
 * name only, is refused.
 *
 * Real picklers number the memo 0, 1, 2 ..., so that it is an array here and a number out of turn
 * is a fault.                                                                                    */
#include "weights/pickle.h"

#include <string.h>

enum { LATEST_PROTOCOL = 5 };

/* A little-endian number of count bytes, at most 8. */
static eqb_status take_number(eqbi_pickle *p, size_t count, uint64_t *number)
{
    const unsigned char *bytes;
    EQBI_TRY(eqbi_pickle_take(p, count, &bytes));
    *number = 0;
    for (size_t i = count; i > 0; i--) *number = *number << 8 | bytes[i - 1];
    return EQB_OK;
}

static eqb_status op_proto(eqbi_pickle *p, unsigned arg)
{
    uint64_t version;
    (void)arg;
    EQBI_TRY(take_number(p, 1, &version));
    if (version <= LATEST_PROTOCOL) return EQB_OK;
    return eqbi_pickle_fail(p, "protocol %u, at most %d is known", (unsigned)version,
                            LATEST_PROTOCOL);
}

/* arg: NONE, or a MARK */
static eqb_status op_plain(eqbi_pickle *p, unsigned arg)
{
    return eqbi_pickle_push(p, (eqbi_pickle_value){.kind = (eqbi_pickle_kind)arg});
}

static eqb_status op_bool(eqbi_pickle *p, unsigned arg)
{
    return eqbi_pickle_push(p, (eqbi_pickle_value){.kind = EQBI_PICKLE_BOOL, .is.number = arg});
}

static eqb_status push_int(eqbi_pickle *p, int64_t number)
{
    return eqbi_pickle_push(p, (eqbi_pickle_value){.kind = EQBI_PICKLE_INT, .is.number = number});
}

/* arg: bytes; four of them are signed */
static eqb_status op_int(eqbi_pickle *p, unsigned arg)
{
    uint64_t number;
    EQBI_TRY(take_number(p, arg, &number));
    return push_int(p, arg == 4 ? (int32_t)number : (int64_t)number);
}

/* Its length, then two's complement. */
static eqb_status op_long(eqbi_pickle *p, unsigned arg)
{
    uint64_t length, number;
    EQBI_TRY(take_number(p, arg, &length));
    if (length > sizeof number)
        return eqbi_pickle_fail(p, "a number of %u bytes, at most 8 are read", (unsigned)length);
    EQBI_TRY(take_number(p, (size_t)length, &number));
    unsigned bits = 8 * (unsigned)length;
    if (bits > 0 && bits < 64 && number >> (bits - 1)) number |= UINT64_MAX << bits;
    return push_int(p, (int64_t)number);
}

/* arg: bytes of the length */
static eqb_status op_text(eqbi_pickle *p, unsigned arg)
{
    uint64_t length;
    const unsigned char *text;
    EQBI_TRY(take_number(p, arg, &length));
    EQBI_TRY(eqbi_pickle_take(p, (size_t)length, &text));
    return eqbi_pickle_push(p, (eqbi_pickle_value){.kind = EQBI_PICKLE_TEXT,
                                                   .count = (uint32_t)length,
                                                   .is.text = (const char *)text});
}

static eqb_status push_tuple(eqbi_pickle *p, const eqbi_pickle_value *values, size_t count)
{
    size_t first = p->item.count;
    for (size_t i = 0; i < count; i++) EQBI_TRY(eqbi_pickle_append(p, &p->item, values[i]));
    return eqbi_pickle_push(p, (eqbi_pickle_value){.kind = EQBI_PICKLE_TUPLE,
                                                   .count = (uint32_t)count,
                                                   .is.index = first});
}

/* arg: elements */
static eqb_status op_small_tuple(eqbi_pickle *p, unsigned arg)
{
    eqbi_pickle_value *values;
    EQBI_TRY(eqbi_pickle_top(p, arg, &values));
    p->stack.count -= arg;
    return push_tuple(p, values, arg);
}

static eqb_status op_tuple(eqbi_pickle *p, unsigned arg)
{
    eqbi_pickle_value *values;
    size_t count;
    (void)arg;
    EQBI_TRY(eqbi_pickle_pop_to_mark(p, &values, &count));
    return push_tuple(p, values, count);
}

/* arg: the kind */
static eqb_status op_container(eqbi_pickle *p, unsigned arg)
{
    return eqbi_pickle_push_container(p, (eqbi_pickle_kind)arg);
}

static eqb_status add_member(eqbi_pickle *p, const eqbi_pickle_value *owner,
                             const eqbi_pickle_value *key, const eqbi_pickle_value *value)
{
    bool list = owner->kind == EQBI_PICKLE_LIST;
    if (value->kind != (list ? EQBI_PICKLE_TEXT : EQBI_PICKLE_TENSOR)) return EQB_OK;
    if (key->kind != EQBI_PICKLE_TEXT)
        return eqbi_pickle_fail(p, "the name of a tensor is no text");
    EQBI_TRY(eqbi_pickle_reserve(p, (void **)&p->member, &p->member_capacity, p->members,
                                 sizeof *p->member));
    p->member[p->members++] = (eqbi_pickle_member){owner->is.index, *key, *value};
    return EQB_OK;
}

/* Puts values into the container below them. A list has them one by one, a dictionary in pairs. */
static eqb_status fill(eqbi_pickle *p, eqbi_pickle_kind kind, const eqbi_pickle_value *values,
                       size_t count)
{
    eqbi_pickle_value *owner;
    EQBI_TRY(eqbi_pickle_top(p, 1, &owner));
    bool list = kind == EQBI_PICKLE_LIST;
    if (owner->kind != kind)
        return eqbi_pickle_fail(p, "the container is no %s", list ? "list" : "dictionary");
    size_t step = list ? 1 : 2;
    if (count % step != 0) return eqbi_pickle_fail(p, "a key without a value");
    for (size_t i = 0; i < count; i += step)
        EQBI_TRY(add_member(p, owner, &values[i], &values[i + step - 1]));
    return EQB_OK;
}

/* arg: the kind of the container */
static eqb_status op_add_one(eqbi_pickle *p, unsigned arg)
{
    eqbi_pickle_value *values;
    size_t count = arg == EQBI_PICKLE_LIST ? 1 : 2;
    EQBI_TRY(eqbi_pickle_top(p, count, &values));
    p->stack.count -= count;
    return fill(p, (eqbi_pickle_kind)arg, values, count);
}

static eqb_status op_add_many(eqbi_pickle *p, unsigned arg)
{
    eqbi_pickle_value *values;
    size_t count;
    EQBI_TRY(eqbi_pickle_pop_to_mark(p, &values, &count));
    return fill(p, (eqbi_pickle_kind)arg, values, count);
}

/* arg: bytes of the memo's index */
static eqb_status op_put(eqbi_pickle *p, unsigned arg)
{
    uint64_t index;
    eqbi_pickle_value *value;
    EQBI_TRY(take_number(p, arg, &index));
    EQBI_TRY(eqbi_pickle_top(p, 1, &value));
    if (index > p->memo.count)
        return eqbi_pickle_fail(p, "memo %u comes out of turn, expected %zu", (unsigned)index,
                                p->memo.count);
    if (index == p->memo.count) return eqbi_pickle_append(p, &p->memo, *value);
    p->memo.at[index] = *value;
    return EQB_OK;
}

static eqb_status op_get(eqbi_pickle *p, unsigned arg)
{
    uint64_t index;
    EQBI_TRY(take_number(p, arg, &index));
    if (index >= p->memo.count)
        return eqbi_pickle_fail(p, "memo %u is not there, only %zu are", (unsigned)index,
                                p->memo.count);
    return eqbi_pickle_push(p, p->memo.at[index]);
}

static eqb_status op_global(eqbi_pickle *p, unsigned arg)
{
    const char *line[2];
    size_t length[2];
    (void)arg;
    for (int i = 0; i < 2; i++) {
        const unsigned char *end = memchr(p->p, '\n', (size_t)(p->end - p->p));
        if (!end) return eqbi_pickle_fail(p, "the data end here");
        line[i] = (const char *)p->p;
        length[i] = (size_t)(end - p->p);
        p->p = end + 1;
    }
    return eqbi_pickle_global(p, line[0], length[0], line[1], length[1]);
}

static eqb_status op_reduce(eqbi_pickle *p, unsigned arg)
{
    eqbi_pickle_value *values;
    (void)arg;
    EQBI_TRY(eqbi_pickle_top(p, 2, &values));
    p->stack.count -= 2;
    eqbi_pickle_value function = values[0], arguments = values[1];
    return eqbi_pickle_reduce(p, &function, &arguments);
}

static eqb_status op_persistent(eqbi_pickle *p, unsigned arg)
{
    eqbi_pickle_value *values;
    (void)arg;
    EQBI_TRY(eqbi_pickle_top(p, 1, &values));
    p->stack.count--;
    eqbi_pickle_value id = *values;
    return eqbi_pickle_persistent(p, &id);
}

/* Gives attributes to an object: an OrderedDict's are its _metadata, which nobody needs. */
static eqb_status op_build(eqbi_pickle *p, unsigned arg)
{
    eqbi_pickle_value *values;
    (void)arg;
    EQBI_TRY(eqbi_pickle_top(p, 2, &values));
    if (values[0].kind != EQBI_PICKLE_DICT || values[1].kind != EQBI_PICKLE_DICT)
        return eqbi_pickle_fail(p, "gives attributes to something that is no dictionary");
    p->stack.count--;
    return EQB_OK;
}

static eqb_status op_stop(eqbi_pickle *p, unsigned arg)
{
    eqbi_pickle_value *values;
    (void)arg;
    EQBI_TRY(eqbi_pickle_top(p, 1, &values));
    if (p->stack.count == 1) return EQB_OK;
    return eqbi_pickle_fail(p, "%zu values are left on the stack, expected 1", p->stack.count);
}

const eqbi_pickle_operation *eqbi_pickle_operation_of(unsigned char byte)
{
    static const eqbi_pickle_operation operations[256] = {
        [0x80] = {"PROTO", op_proto, 0},
        ['.'] = {"STOP", op_stop, 0},
        ['('] = {"MARK", op_plain, EQBI_PICKLE_MARK},
        ['N'] = {"NONE", op_plain, EQBI_PICKLE_NONE},
        [0x88] = {"NEWTRUE", op_bool, 1},
        [0x89] = {"NEWFALSE", op_bool, 0},
        ['K'] = {"BININT1", op_int, 1},
        ['M'] = {"BININT2", op_int, 2},
        ['J'] = {"BININT", op_int, 4},
        [0x8a] = {"LONG1", op_long, 1},
        ['X'] = {"BINUNICODE", op_text, 4},
        [')'] = {"EMPTY_TUPLE", op_small_tuple, 0},
        [0x85] = {"TUPLE1", op_small_tuple, 1},
        [0x86] = {"TUPLE2", op_small_tuple, 2},
        [0x87] = {"TUPLE3", op_small_tuple, 3},
        ['t'] = {"TUPLE", op_tuple, 0},
        ['}'] = {"EMPTY_DICT", op_container, EQBI_PICKLE_DICT},
        [']'] = {"EMPTY_LIST", op_container, EQBI_PICKLE_LIST},
        ['a'] = {"APPEND", op_add_one, EQBI_PICKLE_LIST},
        ['s'] = {"SETITEM", op_add_one, EQBI_PICKLE_DICT},
        ['e'] = {"APPENDS", op_add_many, EQBI_PICKLE_LIST},
        ['u'] = {"SETITEMS", op_add_many, EQBI_PICKLE_DICT},
        ['q'] = {"BINPUT", op_put, 1},
        ['r'] = {"LONG_BINPUT", op_put, 4},
        ['h'] = {"BINGET", op_get, 1},
        ['j'] = {"LONG_BINGET", op_get, 4},
        ['c'] = {"GLOBAL", op_global, 0},
        ['R'] = {"REDUCE", op_reduce, 0},
        ['Q'] = {"BINPERSID", op_persistent, 0},
        ['b'] = {"BUILD", op_build, 0},
        /* Known, and not part of a table of tensors. */
        ['0'] = {.name = "POP"}, ['1'] = {.name = "POP_MARK"}, ['2'] = {.name = "DUP"},
        ['F'] = {.name = "FLOAT"}, ['G'] = {.name = "BINFLOAT"}, ['I'] = {.name = "INT"},
        ['L'] = {.name = "LONG"}, [0x8b] = {.name = "LONG4"}, ['S'] = {.name = "STRING"},
        ['T'] = {.name = "BINSTRING"}, ['U'] = {.name = "SHORT_BINSTRING"},
        ['V'] = {.name = "UNICODE"}, ['B'] = {.name = "BINBYTES"},
        ['C'] = {.name = "SHORT_BINBYTES"}, ['d'] = {.name = "DICT"}, ['l'] = {.name = "LIST"},
        ['i'] = {.name = "INST"}, ['o'] = {.name = "OBJ"}, ['p'] = {.name = "PUT"},
        ['g'] = {.name = "GET"}, ['P'] = {.name = "PERSID"}, [0x81] = {.name = "NEWOBJ"},
        [0x82] = {.name = "EXT1"}, [0x83] = {.name = "EXT2"}, [0x84] = {.name = "EXT4"},
        [0x8c] = {.name = "SHORT_BINUNICODE"}, [0x8d] = {.name = "BINUNICODE8"},
        [0x8e] = {.name = "BINBYTES8"}, [0x8f] = {.name = "EMPTY_SET"},
        [0x90] = {.name = "ADDITEMS"}, [0x91] = {.name = "FROZENSET"},
        [0x92] = {.name = "NEWOBJ_EX"}, [0x93] = {.name = "STACK_GLOBAL"},
        [0x94] = {.name = "MEMOIZE"}, [0x95] = {.name = "FRAME"},
        [0x96] = {.name = "BYTEARRAY8"}, [0x97] = {.name = "NEXT_BUFFER"},
        [0x98] = {.name = "READONLY_BUFFER"},
    };
    return &operations[byte];
}

