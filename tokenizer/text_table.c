/* Numbered texts; see text_table.h. */
#include "tokenizer/text_table.h"

#include <string.h>

/* A search looks into so many slots. By chance none ever needs 200; a file can be made so that all its
 * texts want the same slot, and would take a time that grows with the square of its size.        */
enum { MOST_TEXTS = 1 << 30, MOST_PROBES = 1024 };

void eqbi_text_table_free(eqbi_text_table *t)
{
    eqbi_free(t->allocator, t->pool, t->pool_capacity, 1);
    eqbi_free(t->allocator, t->texts, t->texts_capacity, sizeof *t->texts);
    eqbi_free(t->allocator, t->slots, t->slot_count, sizeof *t->slots);
    *t = (eqbi_text_table){.allocator = t->allocator};
}

/* Spreads a hash over all bits: the index comes from the top half, the tag is the bottom half. */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
}

/* The slot where this text is, or would be; NULL: there is no room for it. */
static eqbi_text_slot *find_slot(const eqbi_text_table *t, uint64_t mixed, const char *bytes,
                                 size_t length, bool continuation)
{
    uint32_t tag = (uint32_t)mixed;
    size_t prefix = continuation ? 2 : 0, mask = t->slot_count - 1, i = (size_t)(mixed >> 32);
    for (size_t end = i + MOST_PROBES; i < end; i++) {
        eqbi_text_slot *slot = &t->slots[i & mask];
        if (slot->number == 0) return slot;
        if (slot->tag != tag) continue;
        eqbi_text text = t->texts[slot->number - 1];
        const char *at = t->pool + text.start;
        if (text.length == prefix + length && memcmp(at, "##", prefix) == 0 &&
            memcmp(at + prefix, bytes, length) == 0)
            return slot;
    }
    return NULL;
}

static bool grow_slots(eqbi_text_table *t, size_t slot_count)
{
    eqbi_text_slot *slots = eqbi_calloc(t->allocator, slot_count, sizeof *slots);
    if (!slots) return false;
    for (size_t k = 0; k < t->slot_count; k++) {
        if (t->slots[k].number == 0) continue;
        eqbi_text text = t->texts[t->slots[k].number - 1];
        uint64_t mixed = mix(eqbi_hash_bytes(0, t->pool + text.start, text.length));
        size_t i = (size_t)(mixed >> 32), end = i + MOST_PROBES;
        while (i < end && slots[i & (slot_count - 1)].number != 0) i++;
        if (i == end) {
            eqbi_free(t->allocator, slots, slot_count, sizeof *slots);
            return false;
        }
        slots[i & (slot_count - 1)] = t->slots[k];
    }
    eqbi_free(t->allocator, t->slots, t->slot_count, sizeof *t->slots);
    t->slots = slots;
    t->slot_count = slot_count;
    return true;
}

bool eqbi_text_table_reserve(eqbi_text_table *t, size_t texts, size_t bytes)
{
    size_t count = (size_t)t->count, pool, slots = t->slot_count < 16 ? 16 : t->slot_count;
    if (texts > MOST_TEXTS - count) return false;
    while (slots < 2 * (count + texts)) slots *= 2;
    if (!eqbi_add(t->pool_size, bytes, &pool) || !eqbi_add(pool, texts, &pool)) return false;
    return eqbi_grow(t->allocator, (void **)&t->pool, &t->pool_capacity, pool, 1) &&
           eqbi_grow(t->allocator, (void **)&t->texts, &t->texts_capacity, count + texts,
                     sizeof *t->texts) &&
           (slots == t->slot_count || grow_slots(t, slots));
}

int32_t eqbi_text_find(const eqbi_text_table *t, uint64_t hash, const char *bytes, size_t length,
                       bool continuation)
{
    const eqbi_text_slot *slot = find_slot(t, mix(hash), bytes, length, continuation);
    return slot ? slot->number - 1 : -1;
}

int32_t eqbi_text_add(eqbi_text_table *t, uint64_t hash, const char *bytes, size_t length)
{
    uint64_t mixed = mix(hash);
    eqbi_text_slot *slot = find_slot(t, mixed, bytes, length, false);
    if (!slot) return -1;
    t->texts[t->count] = (eqbi_text){t->pool_size, length};
    memcpy(t->pool + t->pool_size, bytes, length);
    t->pool[t->pool_size + length] = '\0';
    t->pool_size += length + 1;
    if (length > t->longest) t->longest = length;
    *slot = (eqbi_text_slot){(uint32_t)mixed, ++t->count};
    return t->count - 1;
}

int32_t eqbi_text_intern(eqbi_text_table *t, uint64_t hash, const char *bytes, size_t length)
{
    if (t->slot_count > 0) {
        int32_t number = eqbi_text_find(t, hash, bytes, length, false);
        if (number >= 0) return number;
    }
    return eqbi_text_table_reserve(t, 1, length) ? eqbi_text_add(t, hash, bytes, length) : -1;
}
