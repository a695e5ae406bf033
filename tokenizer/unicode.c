/* UTF-8, decomposition and lower case; see unicode.h. */
#include "tokenizer/unicode.h"

enum { REPLACEMENT = 0xFFFD };

/* How a sequence goes on after its first byte. Only the second byte has bounds of its own: they are
 * what keeps out overlong forms, surrogates and numbers above U+10FFFF.                          */
typedef struct lead {
    int tail;          /* continuation bytes, -1: never starts a sequence */
    uint8_t low, high; /* bounds of the second byte                       */
} lead;

static lead lead_of(unsigned char byte)
{
    if (byte < 0x80) return (lead){0, 0, 0};
    if (byte < 0xC2) return (lead){-1, 0, 0};
    if (byte < 0xE0) return (lead){1, 0x80, 0xBF};
    if (byte == 0xE0) return (lead){2, 0xA0, 0xBF};
    if (byte == 0xED) return (lead){2, 0x80, 0x9F};
    if (byte < 0xF0) return (lead){2, 0x80, 0xBF};
    if (byte == 0xF0) return (lead){3, 0x90, 0xBF};
    if (byte < 0xF4) return (lead){3, 0x80, 0xBF};
    if (byte == 0xF4) return (lead){3, 0x80, 0x8F};
    return (lead){-1, 0, 0};
}

uint32_t eqbi_utf8_next(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *p = *at;
    lead l = lead_of(*p);
    uint32_t c = l.tail <= 0 ? *p : *p & (0x3Fu >> l.tail);
    p++;
    for (int i = 0; i < l.tail; i++) {
        if (p == end || *p < l.low || *p > l.high) {
            *at = p;
            return REPLACEMENT;
        }
        c = c << 6 | (*p++ & 0x3Fu);
        l.low = 0x80;
        l.high = 0xBF;
    }
    *at = p;
    return l.tail < 0 ? REPLACEMENT : c;
}

int eqbi_utf8_put(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    int size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = size - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00u >> size & 0xF0u) | c);
    return size;
}

/* Hangul syllables stand in the order of their jamo: leading, vowel, trailing (Unicode 3.12). */
static int decompose_hangul(uint32_t syllable, uint32_t out[4])
{
    enum { LEADING = 0x1100, VOWEL = 0x1161, TRAILING = 0x11A7, VOWELS = 21, TRAILINGS = 28 };
    out[0] = LEADING + syllable / (VOWELS * TRAILINGS);
    out[1] = VOWEL + syllable / TRAILINGS % VOWELS;
    out[2] = TRAILING + syllable % TRAILINGS;
    return out[2] == TRAILING ? 2 : 3;
}

int eqbi_decompose(uint32_t c, uint32_t out[4])
{
    enum { HANGUL = 0xAC00, SYLLABLES = 11172 };
    if (c - HANGUL < SYLLABLES) return decompose_hangul(c - HANGUL, out);
    out[0] = c;
    if (!(eqbi_char(c)->flags & EQBI_DECOMPOSES)) return 1;

    int32_t low = 0, high = eqbi_decomposition_count;
    while (high - low > 1) {
        int32_t middle = (low + high) / 2;
        if (eqbi_decompositions[middle].code <= c)
            low = middle;
        else
            high = middle;
    }
    const eqbi_decomposition *d = &eqbi_decompositions[low];
    for (int i = 0; i < d->count; i++) out[i] = eqbi_decomposition_pool[d->first + i];
    return d->count;
}

int eqbi_lowercase(uint32_t c, uint32_t out[2])
{
    if (c == 0x130) { /* I with dot above: i and a combining dot */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = c + (uint32_t)eqbi_char(c)->lower;
    return 1;
}
