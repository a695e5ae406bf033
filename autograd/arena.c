/* The arena: all memory of a step, given back at once.
 *
 * Chunks form a list that only grows; a reset rewinds to its first chunk. A step that repeats the
 * sizes of an earlier one finds every chunk it needs, so warm steps do not touch the heap. Each new
 * chunk is at least as large as all before it, which keeps the list a handful long.               */
#include "autograd/tensor.h"

enum { ALIGN = 64, FIRST_CHUNK = 1 << 20 };

struct eqbi_chunk {
    eqbi_chunk *next;
    size_t size, used; /* bytes of data */
    void *raw;         /* data, aligned to 64 */
    unsigned char *data;
};

static eqbi_chunk *add_chunk(eqbi_arena *a, size_t need)
{
    size_t size = a->total > FIRST_CHUNK ? a->total : FIRST_CHUNK;
    if (size < need) size = need;
    eqbi_chunk *c = eqbi_alloc(a->allocator, 1, sizeof *c);
    if (!c) return NULL;
    void *raw = eqbi_alloc(a->allocator, size + ALIGN, 1);
    if (!raw && size > need) { /* perhaps there is room for what is really needed */
        size = need;
        raw = eqbi_alloc(a->allocator, size + ALIGN, 1);
    }
    if (!raw) {
        eqbi_free(a->allocator, c, 1, sizeof *c);
        return NULL;
    }
    unsigned char *data = (unsigned char *)(((uintptr_t)raw + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    *c = (eqbi_chunk){.size = size, .raw = raw, .data = data};
    if (a->current) {
        c->next = a->current->next;
        a->current->next = c;
    } else {
        c->next = a->first;
        a->first = c;
    }
    a->total += size;
    return c;
}

void *eqbi_arena_alloc(eqbi_arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (!eqbi_mul(count, size, &bytes) || bytes > SIZE_MAX - 2 * ALIGN) return NULL;
    bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    eqbi_chunk *c = a->current;
    while (!c || c->size - c->used < bytes) {
        eqbi_chunk *next = c ? c->next : a->first;
        if (!next || next->size < bytes) next = add_chunk(a, bytes);
        if (!next) return NULL;
        next->used = 0;
        a->current = c = next;
    }
    void *p = c->data + c->used;
    c->used += bytes;
    return p;
}

eqbi_mark eqbi_arena_mark(const eqbi_arena *a)
{
    return (eqbi_mark){a->current, a->current ? a->current->used : 0};
}

void eqbi_arena_rewind(eqbi_arena *a, eqbi_mark mark)
{
    a->current = mark.chunk;
    if (mark.chunk) mark.chunk->used = mark.used;
}

void eqbi_arena_reset(eqbi_arena *a)
{
    a->current = a->first;
    if (a->first) a->first->used = 0;
}

void eqbi_arena_free(eqbi_arena *a)
{
    for (eqbi_chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        eqbi_free(a->allocator, c->raw, c->size + ALIGN, 1);
        eqbi_free(a->allocator, c, 1, sizeof *c);
    }
    *a = (eqbi_arena){.allocator = a->allocator};
}
