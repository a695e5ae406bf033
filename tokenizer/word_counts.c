/* Counting words; see word_counts.h. */
#include "tokenizer/word_counts.h"

void eqbi_word_counts_free(eqbi_word_counts *c)
{
    eqbi_free(c->words.allocator, c->count, c->capacity, sizeof *c->count);
    eqbi_text_table_free(&c->words);
    c->count = NULL;
    c->capacity = 0;
}

static bool forget_rare_words(eqbi_word_counts *c)
{
    uint64_t rare = 0; /* words counted no more often go */
    int32_t left;
    do {
        rare = 2 * rare + 1;
        left = 0;
        for (int32_t w = 0; w < c->words.count; w++) left += c->count[w] > rare;
    } while (left > c->most / 2);
    eqbi_text_table kept = {.allocator = c->words.allocator};
    for (int32_t w = 0; w < c->words.count; w++) {
        if (c->count[w] <= rare) continue;
        const char *text = eqbi_text_at(&c->words, w);
        size_t length = c->words.texts[w].length;
        int32_t number = eqbi_text_intern(&kept, eqbi_hash_bytes(0, text, length), text, length);
        if (number < 0) {
            eqbi_text_table_free(&kept);
            return false;
        }
        c->count[number] = c->count[w]; /* number <= w */
    }
    eqbi_text_table_free(&c->words);
    c->words = kept;
    return true;
}

bool eqbi_word_counts_add(eqbi_word_counts *c, uint64_t hash, const char *bytes, size_t length)
{
    if (c->words.count >= c->most && !forget_rare_words(c)) return false;
    size_t known = (size_t)c->words.count;
    if (!eqbi_grow(c->words.allocator, (void **)&c->count, &c->capacity, known + 1,
                   sizeof *c->count))
        return false;
    int32_t number = eqbi_text_intern(&c->words, hash, bytes, length);
    if (number < 0) return false;
    if ((size_t)number == known) c->count[number] = 0;
    c->count[number]++;
    return true;
}
