/* Byte-pair merges; see pair_merges.h.   source  Sennrich et al. 2016, algorithm 1 */
#include "tokenizer/pair_merges.h"

typedef struct eqbi_merge_word merge_word;
typedef struct eqbi_merge_place merge_place;

void eqbi_merges_free(eqbi_merges *m)
{
    const eqb_allocator *a = m->allocator;
    eqbi_free(a, m->words, m->word_capacity, sizeof *m->words);
    eqbi_free(a, m->symbols, m->symbol_capacity, sizeof *m->symbols);
    eqbi_free(a, m->pairs, m->pair_capacity, sizeof *m->pairs);
    eqbi_free(a, m->slots, m->slot_count, sizeof *m->slots);
    eqbi_free(a, m->heap, m->heap_capacity, sizeof *m->heap);
    eqbi_free(a, m->places, m->place_capacity, sizeof *m->places);
    *m = (eqbi_merges){.allocator = a};
}

/* -------------------------------------------------------------------------------- hash table -- */

static size_t first_slot(int32_t left, int32_t right, size_t slot_count)
{
    uint64_t key = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    return (size_t)((key ^ key >> 29) * 0xD6E8FEB86659FD93u >> 32) & (slot_count - 1);
}

static int32_t *find_slot(const eqbi_merges *m, int32_t left, int32_t right)
{
    for (size_t i = first_slot(left, right, m->slot_count);; i = (i + 1) & (m->slot_count - 1)) {
        if (m->slots[i] == 0) return &m->slots[i];
        const eqbi_pair *p = &m->pairs[m->slots[i] - 1];
        if (p->left == left && p->right == right) return &m->slots[i];
    }
}

static bool grow_slots(eqbi_merges *m)
{
    size_t old_count = m->slot_count;
    int32_t *old = m->slots, *grown;
    m->slot_count = old_count < 16 ? 16 : 2 * old_count;
    grown = eqbi_calloc(m->allocator, m->slot_count, sizeof *grown);
    if (!grown) {
        m->slot_count = old_count;
        return false;
    }
    m->slots = grown;
    for (size_t i = 0; i < m->pair_count; i++)
        *find_slot(m, m->pairs[i].left, m->pairs[i].right) = (int32_t)i + 1;
    eqbi_free(m->allocator, old, old_count, sizeof *old);
    return true;
}

/* -------------------------------------------------------------------------------------- heap -- */

static bool before(const eqbi_pair *a, const eqbi_pair *b)
{
    if (a->count != b->count) return a->count > b->count;
    if (a->left != b->left) return a->left < b->left;
    return a->right < b->right;
}

static void put(eqbi_merges *m, size_t at, int32_t pair)
{
    m->heap[at] = pair;
    m->pairs[pair].heap = (int32_t)at;
}

/* Moves a pair whose count has changed to its place. */
static void sift(eqbi_merges *m, int32_t pair)
{
    const eqbi_pair *p = &m->pairs[pair];
    size_t at = (size_t)p->heap;
    for (; at > 0 && before(p, &m->pairs[m->heap[(at - 1) / 2]]); at = (at - 1) / 2)
        put(m, at, m->heap[(at - 1) / 2]);
    for (size_t child; (child = 2 * at + 1) < m->pair_count; at = child) {
        if (child + 1 < m->pair_count &&
            before(&m->pairs[m->heap[child + 1]], &m->pairs[m->heap[child]]))
            child++;
        if (!before(&m->pairs[m->heap[child]], p)) break;
        put(m, at, m->heap[child]);
    }
    put(m, at, pair);
}

/* ------------------------------------------------------------------------------------- pairs -- */

/* The index of a pair, made with count 0 if it is new; -1: no memory. */
static int32_t intern_pair(eqbi_merges *m, int32_t left, int32_t right)
{
    if (2 * (m->pair_count + 1) > m->slot_count && !grow_slots(m)) return -1;
    int32_t *slot = find_slot(m, left, right);
    if (*slot != 0) return *slot - 1;
    size_t n = m->pair_count;
    if (n >= INT32_MAX - 1 ||
        !eqbi_grow(m->allocator, (void **)&m->pairs, &m->pair_capacity, n + 1, sizeof *m->pairs) ||
        !eqbi_grow(m->allocator, (void **)&m->heap, &m->heap_capacity, n + 1, sizeof *m->heap))
        return -1;
    m->pairs[n] = (eqbi_pair){.left = left, .right = right, .place = -1};
    m->pair_count++;
    put(m, n, (int32_t)n);
    *slot = (int32_t)n + 1;
    return (int32_t)n;
}

/* Counts a pair that has come up in a word, and remembers the word. */
static bool add_pair(eqbi_merges *m, int32_t left, int32_t right, int32_t word)
{
    int32_t pair = intern_pair(m, left, right);
    if (pair < 0) return false;
    m->pairs[pair].count += m->words[word].count;
    sift(m, pair);
    int32_t place = m->pairs[pair].place;
    if (place >= 0 && m->places[place].word == word) return true;
    size_t n = m->place_count;
    if (n >= INT32_MAX || !eqbi_grow(m->allocator, (void **)&m->places, &m->place_capacity, n + 1,
                                     sizeof *m->places))
        return false;
    m->places[n] = (merge_place){word, place};
    m->place_count++;
    m->pairs[pair].place = (int32_t)n;
    return true;
}

static void remove_pair(eqbi_merges *m, int32_t left, int32_t right, uint64_t count)
{
    int32_t pair = *find_slot(m, left, right) - 1;
    m->pairs[pair].count -= count;
    sift(m, pair);
}

bool eqbi_merges_add_word(eqbi_merges *m, const int32_t *symbols, size_t length, uint64_t count)
{
    size_t n = m->word_count, first = m->symbol_count;
    if (n >= INT32_MAX ||
        !eqbi_grow(m->allocator, (void **)&m->words, &m->word_capacity, n + 1, sizeof *m->words) ||
        !eqbi_grow(m->allocator, (void **)&m->symbols, &m->symbol_capacity, first + length,
                   sizeof *m->symbols))
        return false;
    m->words[n] = (merge_word){first, length, count};
    m->word_count++;
    m->symbol_count += length;
    for (size_t i = 0; i < length; i++) {
        m->symbols[first + i] = symbols[i];
        if (i > 0 && !add_pair(m, symbols[i - 1], symbols[i], (int32_t)n)) return false;
    }
    return true;
}

const eqbi_pair *eqbi_merges_best(const eqbi_merges *m)
{
    return m->pair_count > 0 ? &m->pairs[m->heap[0]] : NULL;
}

/* Replaces left, right by symbol in one word, from left to right; pairs with the neighbours change
 * with it. What is written never overtakes what is read.                                         */
static bool merge_in_word(eqbi_merges *m, int32_t left, int32_t right, int32_t symbol,
                          int32_t index)
{
    merge_word *word = &m->words[index];
    int32_t *s = m->symbols + word->first;
    size_t written = 0;
    for (size_t i = 0; i < word->length; i++) {
        if (s[i] != left || i + 1 == word->length || s[i + 1] != right) {
            s[written++] = s[i];
            continue;
        }
        remove_pair(m, left, right, word->count);
        if (written > 0) {
            remove_pair(m, s[written - 1], left, word->count);
            if (!add_pair(m, s[written - 1], symbol, index)) return false;
        }
        if (i + 2 < word->length) {
            remove_pair(m, right, s[i + 2], word->count);
            if (!add_pair(m, symbol, s[i + 2], index)) return false;
        }
        s[written++] = symbol;
        i++;
    }
    word->length = written;
    return true;
}

bool eqbi_merges_apply(eqbi_merges *m, int32_t symbol)
{
    eqbi_pair *best = &m->pairs[m->heap[0]];
    int32_t left = best->left, right = best->right, place = best->place;
    best->place = -1;
    for (; place >= 0; place = m->places[place].next)
        if (!merge_in_word(m, left, right, symbol, m->places[place].word)) return false;
    return true;
}
