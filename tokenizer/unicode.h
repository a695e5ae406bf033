/* Unicode as the BERT tokenizer sees it: UTF-8, character classes, canonical decomposition.
 *
 * The tables are generated (make_unicode_tables.py) and agree with Hugging Face's fast tokenizer on
 * every scalar value, old Unicode versions and slips included: U+2B820..2B91F are not isolated as
 * Chinese, punctuation and marks are those of Unicode 8, decompositions of 12.                   */
#ifndef EQBI_UNICODE_H
#define EQBI_UNICODE_H

#include "base/fault.h"

enum {
    EQBI_REMOVED = 1,     /* control, format, private use, NUL, U+FFFD: deleted before all else */
    EQBI_SPACE = 2,       /* separates words                                                    */
    EQBI_PUNCTUATION = 4, /* a word of its own                                                  */
    EQBI_CHINESE = 8,     /* a CJK ideograph: a word of its own when Chinese is split           */
    EQBI_MARK = 16,       /* category Mn: deleted when accents are stripped                     */
    EQBI_DECOMPOSES = 32, /* has a canonical decomposition                                      */
    EQBI_SEPARATES = EQBI_SPACE | EQBI_PUNCTUATION
};

typedef struct eqbi_char_info {
    int32_t lower;     /* added to the code point, gives the lower-case one               */
    uint8_t flags;     /* EQBI_REMOVED ...                                                */
    uint8_t combining; /* canonical combining class; 0 for starters and what decomposes   */
} eqbi_char_info;

typedef struct eqbi_decomposition {
    uint32_t code;
    uint16_t first;  /* index of its first part in the pool */
    uint8_t count;
} eqbi_decomposition;

/* Two stages: blocks of 128 code points share their contents, code points share records. */
extern const eqbi_char_info eqbi_char_records[];
extern const uint8_t eqbi_char_stage1[0x110000 / 128]; /* block of each 128 code points */
extern const uint8_t eqbi_char_stage2[];               /* [blocks * 128] record         */
/* Full (recursive) decompositions, ordered by code point; Hangul is computed instead. */
extern const int32_t eqbi_decomposition_count;
extern const eqbi_decomposition eqbi_decompositions[];
extern const uint32_t eqbi_decomposition_pool[];
/* The byte of an ASCII character that is part of words, kept [0] or in lower case [1]; 0 for all
 * other bytes.                                                                                   */
extern const uint8_t eqbi_word_byte[2][256];

/* c <= 0x10FFFF */
static inline const eqbi_char_info *eqbi_char(uint32_t c)
{
    return &eqbi_char_records[eqbi_char_stage2[eqbi_char_stage1[c >> 7] * 128u + (c & 127)]];
}

/* The character at *at (which is before end), and *at moved behind it. Of ill-formed bytes each
 * maximal subpart is one U+FFFD, as the Unicode standard recommends (3.9, table 3-8).            */
uint32_t eqbi_utf8_next(const unsigned char **at, const unsigned char *end);
/* Writes c (not a surrogate) and returns its 1 to 4 bytes. */
int eqbi_utf8_put(char out[4], uint32_t c);

/* The canonical decomposition of c in its 1 to 4 parts (c itself if it has none), not reordered;
 * returns their number.                                                                          */
int eqbi_decompose(uint32_t c, uint32_t out[4]);
/* The lower case of c as Rust's char::to_lowercase, 1 or 2 characters; returns their number. */
int eqbi_lowercase(uint32_t c, uint32_t out[2]);

#endif
