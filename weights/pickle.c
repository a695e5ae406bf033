/* The stack machine: stack, memory, the loop over the operations; see pickle.h.
 *
 * Real picklers fill containers in batches of 1000, so that their stacks stay shallow.           */
#include "weights/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DEEPEST_STACK = 4096 };

eqb_status eqbi_pickle_fail(const eqbi_pickle *p, const char *format, ...)
{
    char text[sizeof p->err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const eqbi_pickle_operation *o = p->op < p->end ? eqbi_pickle_operation_of(*p->op) : NULL;
    return eqbi_fail(p->err, EQB_ERR_MODEL, "%s: byte %zu (%s): %s", p->where,
                     (size_t)(p->op - p->data), o && o->name ? o->name : "no operation", text);
}

eqb_status eqbi_pickle_reserve(eqbi_pickle *p, void **block, size_t *capacity, size_t count,
                               size_t size)
{
    if (count < *capacity) return EQB_OK;
    size_t before = *capacity, bytes = (before + before / 2 + 16) * size; /* eqbi_grow's, at most */
    if (bytes > p->limit || p->memory - before * size > p->limit - bytes)
        return eqbi_pickle_fail(p, "needs more than %zu bytes of memory, out of proportion to the "
                                   "file", p->limit);
    if (!eqbi_grow(p->allocator, block, capacity, count + 1, size))
        return eqbi_fail(p->err, EQB_ERR_NOMEM, "%s: no memory to read it", p->where);
    p->memory += (*capacity - before) * size;
    return EQB_OK;
}

eqb_status eqbi_pickle_append(eqbi_pickle *p, eqbi_pickle_values *values, eqbi_pickle_value value)
{
    EQBI_TRY(eqbi_pickle_reserve(p, (void **)&values->at, &values->capacity, values->count,
                                 sizeof value));
    values->at[values->count++] = value;
    return EQB_OK;
}

/* ------------------------------------------------------------------------------------- stack -- */

eqb_status eqbi_pickle_push(eqbi_pickle *p, eqbi_pickle_value value)
{
    if (p->stack.count == DEEPEST_STACK)
        return eqbi_pickle_fail(p, "the stack is deeper than %d values", DEEPEST_STACK);
    return eqbi_pickle_append(p, &p->stack, value);
}

eqb_status eqbi_pickle_push_container(eqbi_pickle *p, eqbi_pickle_kind kind)
{
    return eqbi_pickle_push(p, (eqbi_pickle_value){.kind = kind, .is.index = p->containers++});
}

/* The last count values, none of them a mark. */
eqb_status eqbi_pickle_top(eqbi_pickle *p, size_t count, eqbi_pickle_value **values)
{
    *values = p->stack.at;
    if (p->stack.count < count) return eqbi_pickle_fail(p, "the stack is empty");
    if (count > 0) *values += p->stack.count - count;
    for (size_t i = 0; i < count; i++)
        if ((*values)[i].kind == EQBI_PICKLE_MARK)
            return eqbi_pickle_fail(p, "finds a mark instead of a value");
    return EQB_OK;
}

/* The values above the last mark, which leave the stack together with it. They can be read until
 * the next push. */
eqb_status eqbi_pickle_pop_to_mark(eqbi_pickle *p, eqbi_pickle_value **values, size_t *count)
{
    for (size_t i = p->stack.count; i > 0; i--) {
        if (p->stack.at[i - 1].kind != EQBI_PICKLE_MARK) continue;
        *values = p->stack.at + i;
        *count = p->stack.count - i;
        p->stack.count = i - 1;
        return EQB_OK;
    }
    return eqbi_pickle_fail(p, "there is no mark on the stack");
}

/* The next count bytes of the pickle. */
eqb_status eqbi_pickle_take(eqbi_pickle *p, size_t count, const unsigned char **bytes)
{
    if ((size_t)(p->end - p->p) < count) return eqbi_pickle_fail(p, "the data end here");
    *bytes = p->p;
    p->p += count;
    return EQB_OK;
}

/* --------------------------------------------------------------------------------- a pickle -- */

void eqbi_pickle_begin(eqbi_pickle *p, const unsigned char *data, size_t size, size_t limit,
                       const char *where, const eqb_allocator *allocator, eqb_error *err)
{
    *p = (eqbi_pickle){.where = where, .err = err, .allocator = allocator, .limit = limit};
    p->data = p->p = p->op = data;
    p->end = data + size;
}

eqb_status eqbi_pickle_read(eqbi_pickle *p, eqbi_pickle_value *result)
{
    p->stack.count = p->memo.count = p->item.count = 0;
    for (;;) {
        p->op = p->p;
        if (p->p == p->end) return eqbi_pickle_fail(p, "the data end before STOP");
        const eqbi_pickle_operation *o = eqbi_pickle_operation_of(*p->p++);
        if (!o->name) return eqbi_pickle_fail(p, "0x%02x is no operation of a pickle", *p->op);
        if (!o->run) return eqbi_pickle_fail(p, "is not part of a table of tensors, refused");
        EQBI_TRY(o->run(p, o->arg));
        if (*p->op == '.') break;
    }
    *result = p->stack.at[0];
    return EQB_OK;
}

void eqbi_pickle_end(eqbi_pickle *p)
{
    eqbi_free(p->allocator, p->stack.at, p->stack.capacity, sizeof *p->stack.at);
    eqbi_free(p->allocator, p->memo.at, p->memo.capacity, sizeof *p->memo.at);
    eqbi_free(p->allocator, p->item.at, p->item.capacity, sizeof *p->item.at);
    eqbi_free(p->allocator, p->member, p->member_capacity, sizeof *p->member);
    eqbi_free(p->allocator, p->tensor, p->tensor_capacity, sizeof *p->tensor);
    *p = (eqbi_pickle){0};
}
