/* Lookups in the word lists of lexicon.def, and the English article; see lexicon.h. */
#include "trainer/lexicon.h"

#include "tokenizer/unicode.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const professions[] = {
#define PROFESSION(word) word,
#include "trainer/lexicon.def"
};

static const char *const gendered[] = {
#define GENDERED(word) word,
#include "trainer/lexicon.def"
};

/* Masculine, feminine. */
static const char *const french_professions[][2] = {
#define PROFESSION_FR(masc, fem) {masc, fem},
#include "trainer/lexicon.def"
};

static const char *const french_pairs[][2] = {
#define GENDER_PAIR_FR(masc, fem) {masc, fem},
#include "trainer/lexicon.def"
};

eqbi_language eqbi_language_of(const char *lang)
{
    if (!lang) return EQBI_ENGLISH;
    size_t n = strcspn(lang, "-_");
    char a = (char)(lang[0] | 0x20), b = n == 2 ? (char)(lang[1] | 0x20) : '\0';
    if (a == 'e' && b == 'n') return EQBI_ENGLISH;
    return a == 'f' && b == 'r' ? EQBI_FRENCH : EQBI_OTHER_LANGUAGE;
}

size_t eqbi_fold(const char *text, size_t length, char *out)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    size_t n = 0;
    bool space = false;
    while (at < end) {
        uint32_t c = eqbi_utf8_next(&at, end), lower[2];
        if (eqbi_char(c)->flags & EQBI_SPACE) {
            space = n > 0;
            continue;
        }
        if (space) out[n++] = ' ';
        space = false;
        int parts = eqbi_lowercase(c, lower);
        for (int i = 0; i < parts; i++) n += (size_t)eqbi_utf8_put(out + n, lower[i]);
    }
    out[n] = '\0';
    return n;
}

static int compare(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

static bool listed(const char *word, const char *const *list, size_t count)
{
    return bsearch(word, list, count, sizeof *list, compare) != NULL;
}

bool eqbi_is_profession(eqbi_language language, const char *word)
{
    if (language == EQBI_ENGLISH) return listed(word, professions, COUNT(professions));
    for (size_t i = 0; language == EQBI_FRENCH && i < COUNT(french_professions); i++)
        if (!strcmp(word, french_professions[i][0]) || !strcmp(word, french_professions[i][1]))
            return true;
    return false;
}

/* Whether word is one form in a pair of two different ones. */
static bool inflected(const char *word, const char *const (*pairs)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i][0], pairs[i][1]) != 0 &&
            (!strcmp(word, pairs[i][0]) || !strcmp(word, pairs[i][1])))
            return true;
    return false;
}

/* "cleaning lady": a part between spaces is enough. */
static bool has_gendered_part(const char *word)
{
    char part[64];
    while (*word) {
        size_t n = strcspn(word, " ");
        if (n < sizeof part) {
            memcpy(part, word, n);
            part[n] = '\0';
            if (listed(part, gendered, COUNT(gendered))) return true;
        }
        word += n + (word[n] == ' ');
    }
    return false;
}

bool eqbi_is_gendered(eqbi_language language, const char *word)
{
    if (language == EQBI_ENGLISH) return has_gendered_part(word);
    return language == EQBI_FRENCH && (inflected(word, french_pairs, COUNT(french_pairs)) ||
                                       inflected(word, french_professions,
                                                 COUNT(french_professions)));
}

const char *eqbi_profession_word(eqbi_language language, size_t index)
{
    if (language == EQBI_ENGLISH) return index < COUNT(professions) ? professions[index] : NULL;
    bool found = language == EQBI_FRENCH && index / 2 < COUNT(french_professions);
    return found ? french_professions[index / 2][index % 2] : NULL;
}

/* ------------------------------------------------------------------------------------ articles
 * -- */

/* Beginnings of words, lower case; the longest that fits decides. The letter alone stands for all
 * the words that are not listed. */
static const struct {
    const char *start;
    bool a, an;
} sounds[] = {
    {"a", false, true},    {"e", false, true},      {"i", false, true},     {"o", false, true},
    {"u", false, true},    {"h", true, false},      {"eu", true, false},    {"ew", true, false},
    {"one", true, false},  {"once", true, false},   {"oui", true, false},   {"ub", true, true},
    {"ug", true, true},    {"uk", true, false},     {"uni", true, false},   {"unid", false, true},
    {"unim", false, true}, {"unin", false, true},   {"ur", true, true},     {"urb", false, true},
    {"uro", true, false},  {"us", true, false},     {"ush", false, true},   {"ut", true, false},
    {"utt", false, true},  {"heir", false, true},   {"herb", true, true},   {"hered", true, true},
    {"hist", true, true},  {"honest", false, true}, {"honor", false, true}, {"honour", false, true},
    {"hotel", true, true}, {"hour", false, true},   {"hypn", true, true},   {"hyst", true, true},
};

bool eqbi_article_fits(bool an, const char *word, size_t length)
{
    size_t letters = 0, capitals = 0, best = 0;
    while (letters < length && (word[letters] | 0x20) >= 'a' && (word[letters] | 0x20) <= 'z')
        capitals += word[letters++] < 'a';
    /* Abbreviations are spelt or spoken ("an FBI agent", "a NASA engineer"); digits and letters
     * beyond ASCII are anyone's guess. */
    if (letters == 0 || capitals == letters) return true;
    if (letters < length && (unsigned char)word[letters] >= 0x80) return true;
    bool fits = !an; /* a consonant */
    for (size_t i = 0; i < COUNT(sounds); i++) {
        size_t n = strlen(sounds[i].start), same = 0;
        while (same < n && same < letters && (word[same] | 0x20) == sounds[i].start[same]) same++;
        if (same < n || n <= best) continue;
        best = n;
        fits = an ? sounds[i].an : sounds[i].a;
    }
    return fits;
}
