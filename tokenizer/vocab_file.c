/* vocab.txt as Hugging Face's fast tokenizer reads it; see vocab_file.h. */
#include "tokenizer/vocab_file.h"

#include "tokenizer/unicode.h"

#include <string.h>

/* Eight times the largest BERT's (LaBSE). Each takes 48 bytes, also one that is an empty line. */
enum { MOST_TOKENS = 1 << 22 };

/* White_Space is what the normalizer takes for a space, and three controls that it drops. */
static bool is_white(uint32_t c)
{
    return (eqbi_char(c)->flags & EQBI_SPACE) || c == 0x0B || c == 0x0C || c == 0x85;
}

/* Length of a text without the white space at its end. */
static size_t trimmed(const char *text, size_t length)
{
    const unsigned char *begin = (const unsigned char *)text, *end = begin + length;
    while (end > begin) {
        const unsigned char *last = end - 1;
        while (last > begin && end - last < 4 && (*last & 0xC0) == 0x80) last--;
        const unsigned char *at = last;
        if (!is_white(eqbi_utf8_next(&at, end)) || at != end) break;
        end = last;
    }
    return (size_t)(end - begin);
}

/* The length of the line at *at without what is trimmed, and *at moved to the next line. */
static size_t next_line(const char **at, const char *end)
{
    const char *line = *at, *newline = memchr(line, '\n', (size_t)(end - line));
    *at = newline ? newline + 1 : end;
    return trimmed(line, (size_t)((newline ? newline : end) - line));
}

eqb_status eqbi_vocab_read(eqbi_text_table *vocab, const char *lines, size_t length, eqb_error *err)
{
    if (length == 0) return eqbi_fail(err, EQB_ERR_MODEL, "vocabulary: empty");
    const char *end = lines + length;
    size_t count = 0, bytes = 0;
    for (const char *at = lines; at < end; count++) bytes += next_line(&at, end);
    if (count > MOST_TOKENS)
        return eqbi_fail(err, EQB_ERR_MODEL, "vocabulary: %zu lines, at most %d are read", count,
                         MOST_TOKENS);
    if (!eqbi_text_table_reserve(vocab, count, bytes)) {
        eqbi_text_table_free(vocab);
        return eqbi_fail(err, EQB_ERR_NOMEM, "vocabulary of %zu tokens: out of memory", count);
    }
    for (const char *at = lines; at < end;) {
        const char *line = at;
        size_t size = next_line(&at, end);
        if (eqbi_text_add(vocab, eqbi_hash_bytes(0, line, size), line, size) >= 0) continue;
        int32_t number = vocab->count;
        eqbi_text_table_free(vocab);
        return eqbi_fail(err, EQB_ERR_MODEL, "vocabulary: line %d is one of too many with the same "
                         "hash (made to be slow?)", number + 1);
    }
    return EQB_OK;
}
