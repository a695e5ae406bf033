/* Text -> words; see words.h for the rules.
 *
 * Most words are plain ASCII: they are found, folded and hashed in one loop over their bytes
 * (ascii_word). Anything else is normalised up to the next ASCII space or punctuation character
 * into an array of characters that remember where they came from (normalise), from which words are
 * then cut (cut_word). Such a stop is safe: an ASCII character is a starter, so that no mark moves
 * across it.
 *
 * Where a character came from follows Hugging Face to the letter: each part of a decomposed
 * character has the span of the whole; but when marks change places, spans stay in the order of the
 * text and go to the first parts in their new order (settle).                                    */
#include "tokenizer/words.h"

#include "tokenizer/text_table.h"
#include "tokenizer/unicode.h"

#include <string.h>

void eqb_tokenizer_options_default(eqb_tokenizer_options *options)
{
    *options = (eqb_tokenizer_options){.lowercase = true,
                                       .strip_accents = -1,
                                       .split_chinese = true,
                                       .max_word_chars = 100};
}

eqb_tokenizer_options eqbi_tokenizer_options_resolve(const eqb_tokenizer_options *given)
{
    eqb_tokenizer_options options;
    eqb_tokenizer_options_default(&options);
    int32_t max_word_chars = options.max_word_chars;
    if (given) options = *given;
    if (options.max_word_chars <= 0) options.max_word_chars = max_word_chars;
    return options;
}

bool eqbi_strips_accents(const eqb_tokenizer_options *options)
{
    return options->strip_accents < 0 ? options->lowercase : options->strip_accents != 0;
}

void eqbi_word_scratch_free(eqbi_word_scratch *s)
{
    eqbi_free(s->allocator, s->bytes, s->bytes_capacity, 1);
    eqbi_free(s->allocator, s->chars, s->chars_capacity, sizeof *s->chars);
    *s = (eqbi_word_scratch){.allocator = s->allocator};
}

static bool grow_bytes(eqbi_word_scratch *s, size_t need)
{
    return eqbi_grow(s->allocator, (void **)&s->bytes, &s->bytes_capacity, need, 1);
}

static bool grow_chars(eqbi_word_scratch *s, size_t need)
{
    return eqbi_grow(s->allocator, (void **)&s->chars, &s->chars_capacity, need, sizeof *s->chars);
}

static size_t max_chars(const eqbi_words *w)
{
    return (size_t)w->options->max_word_chars;
}

bool eqbi_words_begin(eqbi_words *w, const char *text, size_t length,
                      const eqb_tokenizer_options *options, eqbi_word_scratch *scratch)
{
    *w = (eqbi_words){.options = options,
                      .fold = eqbi_word_byte[options->lowercase],
                      .scratch = scratch};
    w->text = w->at = w->end = (const unsigned char *)text;
    if (length == 0) return true; /* text may be NULL */
    w->end += length;
    /* Room for any ASCII word, so that the loop over its bytes need not look. */
    size_t longest = max_chars(w);
    return grow_bytes(scratch, longest < length ? longest : length);
}

static bool is_ascii_separator(unsigned char byte)
{
    return byte < 0x80 && (eqbi_char(byte)->flags & EQBI_SEPARATES);
}

/* The word that begins at w->at, if only ASCII letters and digits follow up to its end. */
static bool ascii_word(eqbi_words *w, eqbi_word *word)
{
    const unsigned char *p = w->at;
    const uint8_t *fold = w->fold;
    size_t longest = max_chars(w), room = (size_t)(w->end - p) < longest ? (size_t)(w->end - p)
                                                                         : longest;
    char *out = w->scratch->bytes;
    uint64_t hash = 0;
    for (const unsigned char *stop = p + room; p < stop && fold[*p]; p++) {
        *out++ = (char)fold[*p];
        hash = eqbi_hash_put(hash, fold[*p]);
    }
    size_t kept = (size_t)(p - w->at);
    while (p < w->end && fold[*p]) p++;
    if (p < w->end && !is_ascii_separator(*p)) return false;

    bool whole = kept == (size_t)(p - w->at);
    *word = (eqbi_word){.bytes = whole ? w->scratch->bytes : NULL,
                        .length = kept,
                        .hash = hash,
                        .begin = (size_t)(w->at - w->text),
                        .end = (size_t)(p - w->text)};
    w->at = p;
    return true;
}

/* Adds c in its final form; source gives the span. The caller has made room. */
static void append(eqbi_words *w, const eqbi_normal_char *source, uint32_t c)
{
    uint32_t lower[2] = {c};
    int n = w->options->lowercase ? eqbi_lowercase(c, lower) : 1;
    for (int i = 0; i < n; i++) {
        w->scratch->chars[w->count] = *source;
        w->scratch->chars[w->count++].code = lower[i];
    }
    w->pending = w->count;
}

/* Sorts run[n] by combining class, stably, with copy[n] as workspace. Spans keep the order of the
 * text: the i-th first part takes the i-th span, an extra part the span before it.               */
static void reorder(eqbi_normal_char *run, eqbi_normal_char *copy, size_t n)
{
    size_t start[257] = {0};
    memcpy(copy, run, n * sizeof *run);
    for (size_t i = 0; i < n; i++) start[copy[i].combining + 1]++;
    for (int k = 0; k < 256; k++) start[k + 1] += start[k];
    for (size_t i = 0; i < n; i++) run[start[copy[i].combining]++] = copy[i];

    const eqbi_normal_char *source = copy;
    for (size_t i = 0; i < n; i++) {
        const eqbi_normal_char *from = &run[i];
        if (!from->extra) {
            while (source->extra) source++;
            from = source++;
        } else if (i > 0) {
            from = &run[i - 1];
        }
        run[i].begin = from->begin;
        run[i].end = from->end;
    }
}

/* Puts the pending marks in canonical order and drops those that are accents. */
static bool settle(eqbi_words *w)
{
    size_t n = w->count - w->pending;
    if (n == 0) return true;
    bool ordered = true;
    for (size_t i = w->pending + 1; i < w->count; i++)
        if (w->scratch->chars[i - 1].combining > w->scratch->chars[i].combining) ordered = false;
    if (!ordered) {
        if (!grow_chars(w->scratch, w->count + n)) return false;
        reorder(w->scratch->chars + w->pending, w->scratch->chars + w->count, n);
    }
    const eqbi_normal_char *from = w->scratch->chars + w->pending;
    w->count = w->pending;
    for (; n > 0; n--, from++)
        if (!(eqbi_char(from->code)->flags & EQBI_MARK)) w->scratch->chars[w->count++] = *from;
    w->pending = w->count;
    return true;
}

/* Adds the decomposition of a character, without accents. Marks wait for their final places. */
static bool append_stripped(eqbi_words *w, const eqbi_normal_char *source)
{
    uint32_t part[4];
    int n = eqbi_decompose(source->code, part);
    for (int i = 0; i < n; i++) {
        const eqbi_char_info *info = eqbi_char(part[i]);
        if (info->combining != 0) {
            eqbi_normal_char *mark = &w->scratch->chars[w->count++];
            *mark = *source;
            mark->code = part[i];
            mark->combining = info->combining;
            mark->extra = i > 0;
        } else {
            if (!settle(w)) return false;
            if (!(info->flags & EQBI_MARK)) append(w, source, part[i]);
        }
    }
    return true;
}

/* Normalises from w->at to the next separator, or one Chinese character. Always moves w->at. */
static bool normalise(eqbi_words *w)
{
    bool strip = eqbi_strips_accents(w->options);
    w->next = w->count = w->pending = 0;
    while (w->at < w->end && !is_ascii_separator(*w->at)) {
        const unsigned char *next = w->at;
        eqbi_normal_char source = {.begin = (size_t)(w->at - w->text)};
        source.code = eqbi_utf8_next(&next, w->end);
        source.end = (size_t)(next - w->text);
        unsigned flags = eqbi_char(source.code)->flags;
        bool alone = (flags & EQBI_CHINESE) && w->options->split_chinese;
        if (alone && w->count > 0) break;
        w->at = next;
        if (flags & EQBI_SPACE) break;
        if (flags & EQBI_REMOVED) continue;

        enum { MOST_PARTS = 4 }; /* of a decomposition; lower case never gives more */
        if (!grow_chars(w->scratch, w->count + MOST_PARTS)) return false;
        if (!strip)
            append(w, &source, source.code);
        else if (!append_stripped(w, &source))
            return false;
        if (alone) break;
    }
    return settle(w);
}

/* The next word of the normalised characters: one punctuation character, or all up to the next. */
static bool cut_word(eqbi_words *w, eqbi_word *word)
{
    const eqbi_normal_char *chars = w->scratch->chars + w->next;
    size_t n = 1, left = w->count - w->next;
    if (!(eqbi_char(chars->code)->flags & EQBI_PUNCTUATION))
        while (n < left && !(eqbi_char(chars[n].code)->flags & EQBI_PUNCTUATION)) n++;
    w->next += n;
    *word = (eqbi_word){.begin = chars->begin, .end = chars[n - 1].end, .chars = chars};
    if (n > max_chars(w)) return true;

    size_t most;
    if (!eqbi_mul(n, 4, &most) || !grow_bytes(w->scratch, most)) return false;
    char *out = w->scratch->bytes;
    for (size_t i = 0; i < n; i++) out += eqbi_utf8_put(out, chars[i].code);
    word->bytes = w->scratch->bytes;
    word->length = (size_t)(out - word->bytes);
    word->hash = eqbi_hash_bytes(0, word->bytes, word->length);
    return true;
}

/* A single ASCII punctuation character. */
static void punctuation_word(eqbi_words *w, eqbi_word *word)
{
    size_t begin = (size_t)(w->at - w->text);
    *word = (eqbi_word){.bytes = (const char *)w->at,
                        .length = 1,
                        .hash = eqbi_hash_put(0, *w->at),
                        .begin = begin,
                        .end = begin + 1};
    w->at++;
}

bool eqbi_words_next(eqbi_words *w, eqbi_word *word)
{
    for (;;) {
        if (w->next < w->count) {
            w->out_of_memory = !cut_word(w, word);
            return !w->out_of_memory;
        }
        if (w->at == w->end) return false;
        if (w->fold[*w->at]) {
            if (ascii_word(w, word)) return true;
        } else if (*w->at < 0x80) {
            unsigned flags = eqbi_char(*w->at)->flags;
            if (flags & EQBI_PUNCTUATION) {
                punctuation_word(w, word);
                return true;
            }
            if (flags & EQBI_SPACE) {
                w->at++;
                continue;
            }
        }
        if (!normalise(w)) {
            w->out_of_memory = true;
            return false;
        }
    }
}
