/* What the checker knows about words: professions, gendered words, English articles.
 * Words are given folded: lower case, one space between words (eqbi_fold). */
#ifndef EQBI_LEXICON_H
#define EQBI_LEXICON_H

#include "base/fault.h"

typedef enum eqbi_language { EQBI_ENGLISH, EQBI_FRENCH, EQBI_OTHER_LANGUAGE } eqbi_language;

/* Of a "lang" such as "en-GB"; NULL, none given, is English. */
eqbi_language eqbi_language_of(const char *lang);

/* Folds text into out [EQBI_FOLDED(length)], NUL-terminated; returns its length. */
#define EQBI_FOLDED(length) (4 * (length) + 1)
size_t eqbi_fold(const char *text, size_t length, char *out);

/* A word of either gender; in other languages than these two, never. */
bool eqbi_is_profession(eqbi_language language, const char *word);
/* Whether the word, or one of its words, is gendered by definition (English), or whether it is one
 * of two forms of which the other gender has the other (French). */
bool eqbi_is_gendered(eqbi_language language, const char *word);
/* The words of the profession list, both forms in French; NULL: no more. */
const char *eqbi_profession_word(eqbi_language language, size_t index);

/* Whether "a" (an false) or "an" can stand before the word. True when in doubt: abbreviations,
 * words of which both are heard ("historian"). */
bool eqbi_article_fits(bool an, const char *word, size_t length);

#endif
