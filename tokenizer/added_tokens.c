/* Finding added tokens; see added_tokens.h.
 *
 * Few texts have any, and few tokenizers: what counts is that a place where none begins is passed
 * over fast. Patterns stand sorted as in a dictionary: each byte of the text narrows down those that
 * it may be the beginning of, in a time that hardly grows with their number. A normalized text is
 * never written down: its bytes are made character by character and compared as they come.
 *
 * source  tokenizers 0.2x, AddedVocabulary. One difference: a match begins and ends between the
 * characters of the text, not within the parts of a decomposed one.                              */
#include "tokenizer/added_tokens.h"

#include "tokenizer/unicode.h"
#include "tokenizer/wordpiece.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 4 * 2 * 4 + 2 }; /* of a character: parts, lower case, UTF-8; and spaces */

/* What the normalizer makes of one character, as UTF-8; returns the number of bytes. */
static size_t normalise(const eqb_tokenizer_options *o, uint32_t c, char out[MOST_BYTES])
{
    unsigned flags = eqbi_char(c)->flags;
    bool strip = eqbi_strips_accents(o), alone = o->split_chinese && (flags & EQBI_CHINESE);
    uint32_t part[4] = {c}, lower[2];
    size_t size = 0;
    if (flags & EQBI_REMOVED) return 0;
    if (flags & EQBI_SPACE) c = part[0] = ' ';
    if (alone) out[size++] = ' ';
    int parts = strip ? eqbi_decompose(c, part) : 1;
    for (int i = 0; i < parts; i++) {
        if (strip && (eqbi_char(part[i])->flags & EQBI_MARK)) continue;
        lower[0] = part[i];
        int n = o->lowercase ? eqbi_lowercase(part[i], lower) : 1;
        for (int k = 0; k < n; k++) size += (size_t)eqbi_utf8_put(out + size, lower[k]);
    }
    if (alone) out[size++] = ' ';
    return size;
}

/* ----------------------------------------------------------------------------------- finding -- */

/* Byte number depth of a pattern, -1 behind its end. */
static int byte_at(const eqbi_pattern *p, size_t depth)
{
    return depth < p->length ? (unsigned char)p->bytes[depth] : -1;
}

/* The first of the patterns [from, to), alike in depth bytes, whose next byte is at least this one. */
static size_t first_with(const eqbi_pattern *list, size_t from, size_t to, size_t depth, int byte)
{
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (byte_at(&list[middle], depth) < byte)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

typedef struct range {
    size_t from, to; /* in the list of patterns */
} range;

/* Those of the patterns, alike in depth bytes, whose next byte is this one. */
static range narrow(const eqbi_pattern *list, range r, size_t depth, unsigned char byte)
{
    if (byte_at(&list[r.from], depth) == byte && byte_at(&list[r.to - 1], depth) == byte) return r;
    return (range){first_with(list, r.from, r.to, depth, byte),
                   first_with(list, r.from, r.to, depth, byte + 1)};
}

/* Where the longest pattern ends that begins at the character at, one of r; NULL: none does. */
static const char *longest_at(const eqb_tokenizer *t, range r, const char *at, const char *end,
                              bool normalized, int32_t *id)
{
    const eqbi_pattern *list = t->patterns.list;
    const char *longest = NULL;
    size_t depth = 0;
    while (r.from < r.to && at < end) {
        char bytes[MOST_BYTES] = {*at};
        size_t size = 1;
        if (normalized) {
            const unsigned char *next = (const unsigned char *)at;
            size = normalise(&t->options, eqbi_utf8_next(&next, (const unsigned char *)end), bytes);
            at = (const char *)next;
        } else {
            at++;
        }
        for (size_t i = 0; i < size && r.from < r.to; i++)
            r = narrow(list, r, depth++, (unsigned char)bytes[i]);
        if (size > 0 && r.from < r.to && list[r.from].length == depth) {
            longest = at;
            *id = list[r.from].id;
        }
    }
    return longest;
}

bool eqbi_find_pattern(const eqb_tokenizer *t, const char *text, size_t begin, size_t end,
                       bool normalized, eqbi_found *found)
{
    const char *stop = text + end;
    const size_t *first = t->patterns.first[normalized];
    for (const char *at = text + begin, *next; at < stop; at = next) {
        char bytes[MOST_BYTES] = {*at};
        const unsigned char *after = (const unsigned char *)at;
        uint32_t c = eqbi_utf8_next(&after, (const unsigned char *)stop);
        next = (const char *)after;
        if (normalized && normalise(&t->options, c, bytes) == 0) continue;
        size_t byte = (unsigned char)bytes[0];
        range r = {first[byte], first[byte + 1]};
        const char *last = longest_at(t, r, at, stop, normalized, &found->id);
        if (!last) continue;
        found->begin = (size_t)(at - text);
        found->end = (size_t)(last - text);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------ making -- */

static int by_use(const void *a, const void *b)
{
    const eqbi_pattern *x = a, *y = b;
    if (x->normalized != y->normalized) return x->normalized ? 1 : -1;
    int order = memcmp(x->bytes, y->bytes, x->length < y->length ? x->length : y->length);
    if (order != 0) return order;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* The bytes to be found for a token into out (NULL: they are only counted); returns their number. */
static size_t pattern_of(const eqb_tokenizer *t, const eqbi_added_token *token, char *out)
{
    size_t length = strlen(token->text), size = 0;
    const unsigned char *at = (const unsigned char *)token->text, *end = at + length;
    if (!token->normalized && out) memcpy(out, token->text, length);
    if (!token->normalized) return length;
    while (at < end) {
        char bytes[MOST_BYTES];
        size_t more = normalise(&t->options, eqbi_utf8_next(&at, end), bytes);
        if (out) memcpy(out + size, bytes, more);
        size += more;
    }
    return size;
}

/* Adds the pattern of a token, unless nothing of it is left after normalisation. */
static bool add_pattern(eqb_tokenizer *t, const eqbi_added_token *token)
{
    eqbi_pattern p = {.id = token->id, .normalized = token->normalized, .special = token->special};
    p.length = pattern_of(t, token, NULL);
    if (p.length == 0) return true;
    p.bytes = eqbi_alloc(t->options.allocator, p.length, 1);
    if (!p.bytes) return false;
    pattern_of(t, token, p.bytes);
    t->patterns.list[t->patterns.count++] = p;
    return true;
}

/* Puts a token that is not in the vocabulary behind it. */
static eqb_status number_token(eqb_tokenizer *t, const eqbi_added_token *token, eqb_error *err)
{
    size_t length = strlen(token->text);
    int32_t known = eqb_tokenizer_id(t, token->text, length), next = eqb_tokenizer_size(t);
    if (token->id != (known >= 0 ? known : next))
        return eqbi_fail(err, EQB_ERR_MODEL, "added token \"%.80s\" has id %d, expected %d",
                         token->text, token->id, known >= 0 ? known : next);
    if (known >= 0) return EQB_OK;
    if (!eqbi_text_table_reserve(&t->extra, 1, length))
        return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for an added token");
    if (eqbi_text_add(&t->extra, eqbi_hash_bytes(0, token->text, length), token->text, length) >= 0)
        return EQB_OK;
    return eqbi_fail(err, EQB_ERR_MODEL, "added token \"%.80s\" is one of too many with the same hash "
                     "(made to be slow?)", token->text);
}

eqb_status eqbi_tokenizer_add(eqb_tokenizer *t, const eqbi_added_token *tokens, size_t count,
                              eqb_error *err)
{
    const int32_t special[] = {t->special.pad, t->special.unk, t->special.cls, t->special.sep,
                               t->special.mask};
    enum { SPECIAL = sizeof special / sizeof *special };
    eqbi_patterns *all = &t->patterns;
    t->extra.allocator = t->options.allocator;
    all->list = eqbi_alloc(t->options.allocator, count + SPECIAL, sizeof *all->list);
    bool fits = all->list != NULL;
    all->capacity = count + SPECIAL;
    for (size_t i = 0; i < count; i++) EQBI_TRY(number_token(t, &tokens[i], err));
    for (size_t i = 0; i < SPECIAL && fits; i++)
        fits = add_pattern(t, &(eqbi_added_token){.text = eqb_tokenizer_token(t, special[i]),
                                                  .id = special[i], .special = true});
    for (size_t i = 0; i < count && fits; i++) fits = add_pattern(t, &tokens[i]);
    if (!fits) return eqbi_fail(err, EQB_ERR_NOMEM, "no memory for %zu added tokens", count);
    qsort(all->list, all->count, sizeof *all->list, by_use);
    size_t i = 0;
    for (int normalized = 0; normalized < 2; normalized++)
        for (size_t byte = 0; byte <= 256; byte++) {
            all->first[normalized][byte] = i;
            while (i < all->count && all->list[i].normalized == normalized &&
                   (unsigned char)all->list[i].bytes[0] == byte)
                i++;
        }
    return EQB_OK;
}

const eqbi_patterns *eqbi_tokenizer_added(const eqb_tokenizer *t)
{
    return &t->patterns;
}

int32_t eqbi_tokenizer_vocab_size(const eqb_tokenizer *t)
{
    return t->vocab.count;
}

void eqbi_patterns_free(eqbi_patterns *all, const eqb_allocator *allocator)
{
    for (size_t i = 0; i < all->count; i++)
        eqbi_free(allocator, all->list[i].bytes, all->list[i].length, 1);
    eqbi_free(allocator, all->list, all->capacity, sizeof *all->list);
    *all = (eqbi_patterns){0};
}
