/* Encodings: memory, segments and truncation, and the way back to text.
 *
 * The three arrays of an encoding are one block, so that a failed growth leaves nothing half done:
 * spans [capacity], then ids [capacity], then types [capacity].                                  */
#include "tokenizer/unicode.h"
#include "tokenizer/wordpiece.h"

#include <string.h>

enum { TOKEN_BYTES = sizeof(eqb_span) + 2 * sizeof(int32_t) };

eqb_status eqbi_encoding_begin(eqb_encoding *out, const eqb_tokenizer *t, eqb_error *err)
{
    out->count = out->truncated = 0;
    if (!t)
        return eqbi_fail(err, EQB_ERR_ARGUMENT,
                         "there is no tokenizer (a model without a vocabulary?)");
    if (out->scratch) return EQB_OK;
    out->allocator = t->options.allocator;
    out->scratch = eqbi_calloc(out->allocator, 1, sizeof *out->scratch);
    if (!out->scratch) return eqbi_fail(err, EQB_ERR_NOMEM, "encoding: out of memory");
    out->scratch->allocator = out->allocator;
    return EQB_OK;
}

eqb_status eqbi_encoding_reserve(eqb_encoding *out, size_t tokens, eqb_error *err)
{
    size_t capacity = (size_t)out->capacity, count = (size_t)out->count;
    if (tokens <= capacity) return EQB_OK;
    if (tokens > INT32_MAX)
        return eqbi_fail(err, EQB_ERR_DATA, "text of more than %d tokens", INT32_MAX);
    size_t wanted = 2 * capacity < 64 ? 64 : 2 * capacity;
    if (wanted > INT32_MAX) wanted = INT32_MAX;
    if (wanted < tokens) wanted = tokens;
    eqb_span *spans = eqbi_alloc(out->allocator, wanted, TOKEN_BYTES);
    if (!spans) return eqbi_fail(err, EQB_ERR_NOMEM, "%zu tokens: out of memory", wanted);
    int32_t *ids = (int32_t *)(spans + wanted), *types = ids + wanted;
    if (count > 0) {
        memcpy(spans, out->spans, count * sizeof *spans);
        memcpy(ids, out->ids, count * sizeof *ids);
        memcpy(types, out->types, count * sizeof *types);
    }
    eqbi_free(out->allocator, out->spans, capacity, TOKEN_BYTES);
    out->spans = spans;
    out->ids = ids;
    out->types = types;
    out->capacity = (int32_t)wanted;
    return EQB_OK;
}

void eqb_encoding_free(eqb_encoding *e)
{
    if (!e) return;
    eqbi_free(e->allocator, e->spans, (size_t)e->capacity, TOKEN_BYTES);
    if (e->scratch) {
        eqbi_word_scratch_free(e->scratch);
        eqbi_free(e->allocator, e->scratch, 1, sizeof *e->scratch);
    }
    *e = (eqb_encoding){0};
}

/* Whether the model has all tokens. */
static eqb_status check_limit(const eqb_tokenizer *t, const eqb_encoding *e, eqb_error *err)
{
    for (int32_t i = 0; t->limit > 0 && i < e->count; i++)
        if (e->ids[i] >= t->limit)
            return eqbi_fail(err, EQB_ERR_DATA,
                             "the text needs \"%.80s\", token %d of the vocabulary, the model has "
                             "only %d",
                             eqbi_tokenizer_text(t, e->ids[i]), e->ids[i], t->limit);
    return EQB_OK;
}

eqb_status eqb_tokenize(const eqb_tokenizer *t, const char *text, size_t length, eqb_encoding *out,
                        eqb_error *err)
{
    EQBI_TRY(eqbi_encoding_begin(out, t, err));
    eqb_status status = eqbi_tokenize_more(t, text, length, out, err);
    if (status == EQB_OK) status = check_limit(t, out, err);
    if (status != EQB_OK)
        out->count = 0;
    else if (out->count > 0)
        memset(out->types, 0, (size_t)out->count * sizeof *out->types);
    return status;
}

/* How many tokens are kept when the longer segment loses one at a time, on a tie the second. */
static void longest_first(int32_t *first, int32_t *second, int32_t room)
{
    if (*first <= room - *second) return;
    int32_t rest = room - *first > room / 2 ? room - *first : room / 2;
    if (*second > rest) *second = rest;
    *first = room - *second;
}

/* The tokens of first and second stand from index 1 on; puts [CLS] and [SEP] in their places. */
static eqb_status assemble(const eqb_tokenizer *t, int32_t first, int32_t second, bool pair,
                           int32_t max_tokens, eqb_encoding *out, eqb_error *err)
{
    int32_t added = pair ? 3 : 2, all = first + second, second_at = 1 + first;
    longest_first(&first, &second, max_tokens - added);
    EQBI_TRY(eqbi_encoding_reserve(out, (size_t)first + (size_t)second + (size_t)added, err));
    memmove(out->ids + first + 2, out->ids + second_at, (size_t)second * sizeof *out->ids);
    memmove(out->spans + first + 2, out->spans + second_at, (size_t)second * sizeof *out->spans);

    out->truncated = all - first - second;
    out->count = first + second + added;
    const int32_t at[3] = {0, first + 1, out->count - 1};
    for (int i = 0; i < added; i++) {
        out->ids[at[i]] = i == 0 ? t->special.cls : t->special.sep;
        out->spans[at[i]] = (eqb_span){0, 0};
    }
    for (int32_t i = 0; i < out->count; i++) out->types[i] = i > first + 1;
    return EQB_OK;
}

eqb_status eqb_encode(const eqb_tokenizer *t, const char *first, size_t first_length,
                      const char *second, size_t second_length, int32_t max_tokens,
                      eqb_encoding *out, eqb_error *err)
{
    int32_t least = second ? 3 : 2;
    EQBI_TRY(eqbi_encoding_begin(out, t, err));
    if (max_tokens < least)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "max_tokens is %d, at least %d are needed",
                         max_tokens, least);
    EQBI_TRY(eqbi_encoding_reserve(out, 3, err));
    out->count = 1; /* [CLS] */
    eqb_status status = eqbi_tokenize_more(t, first, first_length, out, err);
    int32_t first_count = out->count - 1, second_count = 0;
    if (status == EQB_OK && second) {
        status = eqbi_tokenize_more(t, second, second_length, out, err);
        second_count = out->count - 1 - first_count;
    }
    if (status == EQB_OK)
        status = assemble(t, first_count, second_count, second != NULL, max_tokens, out, err);
    if (status == EQB_OK) status = check_limit(t, out, err);
    if (status != EQB_OK) out->count = 0;
    return status;
}

/* -------------------------------------------------------------------------- back to the text -- */

static bool is_special(const eqb_tokenizer *t, int32_t id)
{
    const eqb_special_ids *s = &t->special;
    return id == s->pad || id == s->unk || id == s->cls || id == s->sep || id == s->mask;
}

size_t eqb_decode(const eqb_tokenizer *t, const int32_t *ids, int32_t count, bool skip_special,
                  char *buffer, size_t capacity)
{
    size_t length = 0;
    bool first = true;
    for (int32_t i = 0; i < count; i++) {
        const char *token = eqb_tokenizer_token(t, ids[i]);
        if (!token || (skip_special && is_special(t, ids[i]))) continue;
        bool glued = !first && strncmp(token, "##", 2) == 0;
        if (glued) token += 2;
        if (!first && !glued && length++ < capacity) buffer[length - 1] = ' ';
        size_t size = strlen(token), room = length < capacity ? capacity - length : 0;
        if (room > 0) memcpy(buffer + length, token, size < room ? size : room);
        length += size;
        first = false;
    }
    if (capacity > 0) buffer[length < capacity ? length : capacity - 1] = '\0';
    return length;
}

size_t eqb_character_offset(const char *text, size_t length, size_t byte)
{
    if (length == 0) return 0;
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    const unsigned char *stop = byte < length ? at + byte : end;
    size_t characters = 0;
    for (; at < stop; characters++) eqbi_utf8_next(&at, end);
    return characters;
}
