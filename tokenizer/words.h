/* Text -> words: the normalizer and pre-tokenizer of BERT in one pass.
 *
 *     eqbi_words words; eqbi_word word;
 *     if (!eqbi_words_begin(&words, text, length, options, &scratch)) ... no memory
 *     while (eqbi_words_next(&words, &word)) ...
 *     if (words.out_of_memory) ...
 *
 * The steps are those of Hugging Face's BertNormalizer, in its order: drop controls, put spaces
 * around Chinese characters, NFD and drop accents, lower-case; then those of BertPreTokenizer:
 * split at spaces, make every punctuation character a word.                                      */
#ifndef EQBI_WORDS_H
#define EQBI_WORDS_H

#include "base/fault.h"

/* One character after normalisation, and the bytes of the text it came from. */
typedef struct eqbi_normal_char {
    size_t begin, end;
    uint32_t code;
    uint8_t combining; /* canonical combining class                              */
    bool extra;        /* not the first part of the character it was split from  */
} eqbi_normal_char;

/* Memory that texts share, so that only the first ones allocate. Start with {0}. */
typedef struct eqbi_word_scratch {
    char *bytes;
    size_t bytes_capacity;
    eqbi_normal_char *chars;
    size_t chars_capacity;
    const eqb_allocator *allocator;
} eqbi_word_scratch;
void eqbi_word_scratch_free(eqbi_word_scratch *scratch);

/* A word is valid until the next one is asked for. */
typedef struct eqbi_word {
    const char *bytes; /* UTF-8 after normalisation, [length]; NULL: longer than max_word_chars  */
    size_t length;
    uint64_t hash;     /* eqbi_hash_bytes(0, bytes, length)                                      */
    size_t begin, end; /* in the text                                                            */
    const eqbi_normal_char *chars; /* its characters; NULL: byte i came from text[begin + i]     */
} eqbi_word;

typedef struct eqbi_words {
    const unsigned char *text, *at, *end; /* at: the first byte not looked at        */
    const eqb_tokenizer_options *options;
    const uint8_t *fold;                  /* eqbi_word_byte[lowercase]               */
    eqbi_word_scratch *scratch;
    size_t next, count; /* characters in scratch: next one to give out, all          */
    size_t pending;     /* marks from here on may still change places                */
    bool out_of_memory;
} eqbi_words;

/* The options given, or the defaults for NULL; words want their max_word_chars to be positive. */
eqb_tokenizer_options eqbi_tokenizer_options_resolve(const eqb_tokenizer_options *given);
/* Whether the options, -1 resolved, strip accents. */
bool eqbi_strips_accents(const eqb_tokenizer_options *options);

/* false: no memory. The text, the options and the scratch must outlive the words. */
bool eqbi_words_begin(eqbi_words *words, const char *text, size_t length,
                      const eqb_tokenizer_options *options, eqbi_word_scratch *scratch);
/* false: no more words, or no memory (words->out_of_memory). */
bool eqbi_words_next(eqbi_words *words, eqbi_word *word);

#endif
