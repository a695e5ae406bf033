/* Words -> tokens: the greedy longest-match WordPiece of BERT.
 *
 * A word that is a token is found with the hash that came with it. Else the longest token at the
 * start is looked for, then the longest "##" token behind it, and so on; a piece is shortened by
 * taking bytes off the end of its hash, so that each try costs one look into the table. If any
 * piece is not found, the whole word is [UNK].
 *
 * source  transformers BertTokenizerFast (tokenizers 0.2x). Ids and spans are the same for any
 * text. These differ: a text may hold ill-formed UTF-8, which counts as U+FFFD and so is removed;
 * when a pair is cut to an odd number of tokens, the first segment keeps the odd one, as in
 * transformers' Python code, while the Rust code gives it to the longer segment.                 */
#include "tokenizer/wordpiece.h"

#include "tokenizer/vocab_file.h"

#include <string.h>

/* ------------------------------------------------------------------------------ construction -- */

static const struct {
    const char *text;
    size_t offset; /* of its id in eqb_special_ids */
} special_tokens[] = {
    {"[PAD]", offsetof(eqb_special_ids, pad)},   {"[UNK]", offsetof(eqb_special_ids, unk)},
    {"[CLS]", offsetof(eqb_special_ids, cls)},   {"[SEP]", offsetof(eqb_special_ids, sep)},
    {"[MASK]", offsetof(eqb_special_ids, mask)},
};
enum { SPECIAL_TOKENS = sizeof special_tokens / sizeof *special_tokens };

static int32_t *special_id(eqb_special_ids *ids, int i)
{
    return (int32_t *)((char *)ids + special_tokens[i].offset);
}

eqb_status eqb_tokenizer_new(eqb_tokenizer **out, const char *vocab, size_t length,
                             const eqb_tokenizer_options *given, eqb_error *err)
{
    *out = NULL;
    eqb_tokenizer_options options = eqbi_tokenizer_options_resolve(given);
    eqb_tokenizer *t = eqbi_calloc(options.allocator, 1, sizeof *t);
    if (!t) return eqbi_fail(err, EQB_ERR_NOMEM, "tokenizer: out of memory");
    t->options = options;
    t->vocab.allocator = options.allocator;
    eqb_status status = eqbi_vocab_read(&t->vocab, vocab, length, err);
    for (int i = 0; i < SPECIAL_TOKENS && status == EQB_OK; i++) {
        const char *token = special_tokens[i].text;
        int32_t id = eqb_tokenizer_id(t, token, strlen(token));
        *special_id(&t->special, i) = id;
        if (id < 0)
            status = eqbi_fail(err, EQB_ERR_MODEL, "vocabulary: %s is missing (%d tokens)", token,
                               t->vocab.count);
    }
    if (status != EQB_OK)
        eqb_tokenizer_free(t);
    else
        *out = t;
    return status;
}

void eqb_tokenizer_free(eqb_tokenizer *t)
{
    if (!t) return;
    eqbi_text_table_free(&t->vocab);
    eqbi_text_table_free(&t->extra);
    eqbi_patterns_free(&t->patterns, t->options.allocator);
    eqbi_free(t->options.allocator, t, 1, sizeof *t);
}

eqb_status eqbi_tokenizer_limit(eqb_tokenizer *t, int32_t tokens, eqb_error *err)
{
    for (int i = 0; i < SPECIAL_TOKENS; i++) {
        int32_t id = *special_id(&t->special, i);
        if (id >= tokens)
            return eqbi_fail(err, EQB_ERR_MODEL,
                             "%s is token %d of the vocabulary, the model has only %d",
                             special_tokens[i].text, id, tokens);
    }
    t->limit = tokens;
    return EQB_OK;
}

int32_t eqb_tokenizer_size(const eqb_tokenizer *t)
{
    int32_t all = t->vocab.count + t->extra.count;
    return t->limit > 0 && t->limit < all ? t->limit : all;
}

const char *eqbi_tokenizer_text(const eqb_tokenizer *t, int32_t id)
{
    return id < t->vocab.count ? eqbi_text_at(&t->vocab, id)
                               : eqbi_text_at(&t->extra, id - t->vocab.count);
}

const char *eqb_tokenizer_token(const eqb_tokenizer *t, int32_t id)
{
    return id < 0 || id >= eqb_tokenizer_size(t) ? NULL : eqbi_tokenizer_text(t, id);
}

int32_t eqb_tokenizer_id(const eqb_tokenizer *t, const char *token, size_t length)
{
    uint64_t hash = eqbi_hash_bytes(0, token, length);
    int32_t id = eqbi_text_find(&t->vocab, hash, token, length, false);
    if (id < 0 && t->extra.count > 0) {
        id = eqbi_text_find(&t->extra, hash, token, length, false);
        if (id >= 0) id += t->vocab.count;
    }
    return id < eqb_tokenizer_size(t) ? id : -1;
}

const eqb_tokenizer_options *eqb_tokenizer_get_options(const eqb_tokenizer *t)
{
    return &t->options;
}

eqb_special_ids eqb_tokenizer_special(const eqb_tokenizer *t)
{
    return t->special;
}

/* -------------------------------------------------------------------------------- tokenizing -- */

static inline eqb_status push(eqb_encoding *out, int32_t id, size_t begin, size_t end,
                              eqb_error *err)
{
    if (out->count == out->capacity)
        EQBI_TRY(eqbi_encoding_reserve(out, (size_t)out->count + 1, err));
    out->ids[out->count] = id;
    out->spans[out->count++] = (eqb_span){begin, end};
    return EQB_OK;
}

/* The id of the longest token that word continues with at begin, or -1; *end is where it ends. */
static int32_t longest_match(const eqbi_text_table *v, const eqbi_word *word, size_t begin,
                             size_t *end)
{
    bool continuation = begin > 0;
    size_t e = word->length - begin < v->longest ? word->length : begin + v->longest;
    uint64_t hash = eqbi_hash_bytes(0, "##", continuation ? 2 : 0);
    hash = eqbi_hash_bytes(hash, word->bytes + begin, e - begin);
    for (; e > begin; hash = eqbi_hash_take(hash, (unsigned char)word->bytes[--e])) {
        /* Only whole characters: byte e must not continue one. */
        if (e < word->length && ((unsigned char)word->bytes[e] & 0xC0) == 0x80) continue;
        int32_t id = eqbi_text_find(v, hash, word->bytes + begin, e - begin, continuation);
        if (id >= 0) {
            *end = e;
            return id;
        }
    }
    return -1;
}

/* The span of bytes [begin, end) of a word, where *done characters lie before begin. */
static eqb_span span_of(const eqbi_word *word, size_t begin, size_t end, size_t *done)
{
    if (!word->chars) return (eqb_span){word->begin + begin, word->begin + end};
    size_t first = *done;
    for (; begin < end; begin++) *done += ((unsigned char)word->bytes[begin] & 0xC0) != 0x80;
    return (eqb_span){word->chars[first].begin, word->chars[*done - 1].end};
}

static eqb_status push_pieces(const eqb_tokenizer *t, const eqbi_word *word, eqb_encoding *out,
                              eqb_error *err)
{
    int32_t first = out->count;
    size_t done = 0;
    for (size_t begin = 0, end = 0; begin < word->length; begin = end) {
        int32_t id = longest_match(&t->vocab, word, begin, &end);
        if (id < 0) {
            out->count = first;
            return push(out, t->special.unk, word->begin, word->end, err);
        }
        eqb_span span = span_of(word, begin, end, &done);
        EQBI_TRY(push(out, id, span.begin, span.end, err));
    }
    return EQB_OK;
}

/* The special token written at text, or -1; *size is its length. */
static int32_t special_at(const eqb_tokenizer *t, const char *text, size_t length, size_t *size)
{
    eqb_special_ids ids = t->special;
    for (int i = 0; i < SPECIAL_TOKENS; i++) {
        *size = strlen(special_tokens[i].text);
        if (*size <= length && memcmp(text, special_tokens[i].text, *size) == 0)
            return *special_id(&ids, i);
    }
    return -1;
}

static eqb_status push_word(const eqb_tokenizer *t, const eqbi_word *word, eqb_encoding *out,
                            eqb_error *err)
{
    if (!word->bytes) return push(out, t->special.unk, word->begin, word->end, err);
    int32_t id = eqbi_text_find(&t->vocab, word->hash, word->bytes, word->length, false);
    return id >= 0 ? push(out, id, word->begin, word->end, err) : push_pieces(t, word, out, err);
}

/* text[begin, end), in which no added token is. */
static eqb_status tokenize_words(const eqb_tokenizer *t, const char *text, size_t begin, size_t end,
                                 eqb_encoding *out, eqb_error *err)
{
    eqbi_words words;
    eqbi_word word;
    if (begin == end) return EQB_OK;
    if (!eqbi_words_begin(&words, text, end, &t->options, out->scratch))
        return eqbi_fail(err, EQB_ERR_NOMEM, "text of %zu bytes: out of memory", end);
    words.at += begin;
    while (eqbi_words_next(&words, &word)) {
        /* '[' is always a word of its own: here and nowhere else can a special token begin. */
        if (text[word.begin] == '[') {
            size_t size;
            int32_t id = special_at(t, text + word.begin, end - word.begin, &size);
            if (id >= 0) {
                EQBI_TRY(push(out, id, word.begin, word.begin + size, err));
                words.at += size - 1;
                continue;
            }
        }
        EQBI_TRY(push_word(t, &word, out, err));
    }
    if (words.out_of_memory)
        return eqbi_fail(err, EQB_ERR_NOMEM, "text of %zu bytes: out of memory", end);
    return EQB_OK;
}

/* Splits text[begin, end) at its added tokens: first at the plain ones, and what lies between at
 * the normalized ones. */
static eqb_status tokenize_around(const eqb_tokenizer *t, const char *text, size_t begin,
                                  size_t end, bool normalized, eqb_encoding *out, eqb_error *err)
{
    eqbi_found found = {begin, begin, -1};
    for (bool more = true; more; begin = found.end) {
        more = eqbi_find_pattern(t, text, begin, end, normalized, &found);
        size_t stop = more ? found.begin : end;
        if (normalized)
            EQBI_TRY(tokenize_words(t, text, begin, stop, out, err));
        else
            EQBI_TRY(tokenize_around(t, text, begin, stop, true, out, err));
        if (more) EQBI_TRY(push(out, found.id, found.begin, found.end, err));
    }
    return EQB_OK;
}

eqb_status eqbi_tokenize_more(const eqb_tokenizer *t, const char *text, size_t length,
                              eqb_encoding *out, eqb_error *err)
{
    if (t->patterns.count == 0) return tokenize_words(t, text, 0, length, out, err);
    return tokenize_around(t, text, 0, length, false, out, err);
}
