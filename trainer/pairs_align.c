/* Unmarked lines: which tokens could be masked.
 *
 * The two versions are aligned by a longest common subsequence of words (a word's pieces stay
 * together); what they share are the candidates, what differs are the words of gender. Shared words
 * that are gendered by definition are left alone too: that "wife" is likelier after "his" is no
 * bias. Professions come first; they may be several words long. */
#include "trainer/pairs_read.h"

#include <string.h>

/* Tokens begin .. begin+count-1; match: the word of the other version that it goes with, or -1. */
typedef struct word {
    int32_t begin, count, match;
} word;

typedef struct words {
    word *word; /* [count] */
    int32_t count;
} words;

enum { MOST_PHRASE_WORDS = 6, MOST_PHRASE_BYTES = 80 };

static bool split_words(eqbi_reader *r, const eqbi_segment *s, words *out)
{
    out->count = 0;
    out->word = eqbi_arena_alloc(&r->scratch, (size_t)s->count, sizeof *out->word);
    for (int32_t i = 0; out->word && i < s->count; i++) {
        const char *token = eqb_tokenizer_token(r->tokenizer, s->ids[i]);
        if (out->count > 0 && token && strncmp(token, "##", 2) == 0)
            out->word[out->count - 1].count++;
        else
            out->word[out->count++] = (word){i, 1, -1};
    }
    return out->word != NULL;
}

static bool equal(const eqbi_segment *a, const word *x, const eqbi_segment *b, const word *y)
{
    return x->count == y->count &&
           memcmp(a->ids + x->begin, b->ids + y->begin, (size_t)x->count * sizeof *a->ids) == 0;
}

/* Sets match in both. Ends that agree are taken off first, so that the table, longest[i][j] =
 * length for x[i..] and y[j..], is as small as what differs.   errors  false: no memory */
static bool align(eqbi_reader *r, const eqbi_segment *a, words *x, const eqbi_segment *b, words *y)
{
    int32_t first = 0, n = x->count, m = y->count;
    for (; first < n && first < m && equal(a, &x->word[first], b, &y->word[first]); first++) {
        x->word[first].match = first;
        y->word[first].match = first;
    }
    for (; n > first && m > first && equal(a, &x->word[n - 1], b, &y->word[m - 1]); n--, m--) {
        x->word[n - 1].match = m - 1;
        y->word[m - 1].match = n - 1;
    }
    size_t width = (size_t)(m - first) + 1, cells;
    if (!eqbi_mul((size_t)(n - first) + 1, width, &cells)) return false;
    int32_t *longest = eqbi_arena_alloc(&r->scratch, cells, sizeof *longest);
    if (!longest) return false;
    memset(longest, 0, cells * sizeof *longest);
    for (int32_t i = n - 1; i >= first; i--) {
        int32_t *row = longest + (size_t)(i - first) * width, *below = row + width;
        for (int32_t j = m - 1; j >= first; j--) {
            int32_t down = below[j - first], right = row[j - first + 1];
            row[j - first] = equal(a, &x->word[i], b, &y->word[j]) ? below[j - first + 1] + 1
                             : down > right                       ? down
                                                                  : right;
        }
    }
    for (int32_t i = first, j = first; i < n && j < m;) {
        const int32_t *here = longest + (size_t)(i - first) * width + (j - first);
        if (equal(a, &x->word[i], b, &y->word[j])) {
            x->word[i].match = j;
            y->word[j++].match = i++;
        } else if (here[width] >= here[1]) {
            i++;
        } else {
            j++;
        }
    }
    return true;
}

/* Folds the text of words i .. i+n-1; false: longer than any phrase of the lexicon. */
static bool phrase(const eqbi_segment *s, const words *x, int32_t i, int32_t n, char *out)
{
    const word *last = &x->word[i + n - 1];
    size_t begin = s->spans[x->word[i].begin].begin;
    size_t end = s->spans[last->begin + last->count - 1].end;
    if (end - begin > MOST_PHRASE_BYTES) return false;
    eqbi_fold(s->text + begin, end - begin, out);
    return true;
}

static bool is_known(const eqbi_reader *r, const eqbi_segment *s, const word *w)
{
    return s->ids[w->begin] != r->pairs->special.unk;
}

/* How many words from i on are a profession that both versions have; 0: none. */
static int32_t profession_at(const eqbi_reader *r, const eqbi_segment *s, const words *x, int32_t i,
                             eqbi_language language)
{
    char text[EQBI_FOLDED(MOST_PHRASE_BYTES)];
    int32_t together = 0, longest = 0;
    while (together < MOST_PHRASE_WORDS && i + together < x->count &&
           x->word[i + together].match >= 0 && is_known(r, s, &x->word[i + together]) &&
           x->word[i + together].match == x->word[i].match + together) {
        together++;
        if (phrase(s, x, i, together, text) && eqbi_is_profession(language, text))
            longest = together;
    }
    return longest;
}

/* Where candidates are put: professions from the front, others behind them in a second run. */
typedef struct candidates {
    eqbi_example *out;
    bool professions; /* what this run is after */
} candidates;

static void add(candidates *c, int32_t segment, const words *x, const words *y, int32_t i,
                int32_t n, bool labelled)
{
    const words *side[2] = {x, y};
    int32_t at[2] = {i, y ? x->word[i].match : 0};
    eqbi_side *to[2] = {&c->out->male, &c->out->female};
    for (int v = 0; v < (y ? 2 : 1); v++) {
        const word *first = &side[v]->word[at[v]], *last = first + n - 1;
        to[v]->slot[c->out->slots] = (eqbi_slot){.segment = segment,
                                                 .begin = first->begin,
                                                 .count = last->begin + last->count - first->begin,
                                                 .labelled = labelled};
    }
    c->out->slots++;
    c->out->professions += c->professions;
}

/* One segment of one run; y is NULL in a keep line. */
static void collect(const eqbi_reader *r, const eqbi_line *line, int32_t segment, const words *x,
                    const words *y, candidates *c)
{
    const eqbi_segment *s = &line->segment[0][segment];
    eqbi_language language = eqbi_language_of(line->fields->lang);
    eqbi_kind kind = line->fields->kind;
    for (int32_t i = 0, n; i < x->count; i += n) {
        int32_t profession = y ? profession_at(r, s, x, i, language) : 0;
        char text[EQBI_FOLDED(MOST_PHRASE_BYTES)];
        n = profession > 0 ? profession : 1;
        if (!is_known(r, s, &x->word[i]) || (y && x->word[i].match < 0)) continue;
        bool gendered = kind == EQBI_PAIR && phrase(s, x, i, n, text) &&
                        eqbi_is_gendered(language, text);
        if (!gendered && (profession > 0) == c->professions)
            add(c, segment, x, y, i, n, line->fields->label);
    }
}

eqb_status eqbi_find_candidates(eqbi_reader *r, const eqbi_line *line, eqbi_example *out,
                                eqb_error *err)
{
    bool keep = line->fields->kind == EQBI_KEEP;
    words x[2] = {{0}}, y[2] = {{0}};
    size_t most = 0;
    for (int i = 0; i < 2; i++) {
        const eqbi_segment *male = &line->segment[0][i], *female = &line->segment[1][i];
        if (!male->name) continue;
        if (!split_words(r, male, &x[i])) return eqbi_no_memory(r, err);
        if (!keep && (!split_words(r, female, &y[i]) || !align(r, male, &x[i], female, &y[i])))
            return eqbi_no_memory(r, err);
        most += (size_t)x[i].count;
    }
    out->male.slot = eqbi_arena_alloc(&r->pairs->memory, most, sizeof *out->male.slot);
    out->female.slot = eqbi_arena_alloc(&r->pairs->memory, most, sizeof *out->female.slot);
    if (!out->male.slot || !out->female.slot) return eqbi_no_memory(r, err);
    for (int run = 0; run < 2; run++)
        for (int32_t i = 0; i < 2; i++)
            if (x[i].word)
                collect(r, line, i, &x[i], keep ? NULL : &y[i],
                        &(candidates){.out = out, .professions = run == 0});
    if (out->slots == 0)
        eqbi_fault(r, keep ? "\"text\": no word is in the vocabulary"
                           : "no slot is marked and the two versions share no word that could be "
                             "masked");
    return EQB_OK;
}

/* Whether a slot of the first segment has a word, and where: the model can be shown it or not. */
static bool shows_word(const eqbi_reader *r, const eqbi_example *e)
{
    int32_t slots = e->marked ? e->slots : e->professions;
    for (int32_t k = 0; k < slots; k++) {
        const eqbi_slot *slot = &e->male.slot[k];
        if (slot->segment == 0 && e->male.ids[0][slot->begin] != r->pairs->special.mask)
            return true;
    }
    return false;
}

eqb_status eqbi_find_gender(eqbi_reader *r, const eqbi_line *line, eqbi_example *out,
                            eqb_error *err)
{
    const eqbi_segment *male = &line->segment[0][0], *female = &line->segment[1][0];
    words x, y;
    if (out->kind != EQBI_PAIR || out->equated > 0 || !shows_word(r, out)) return EQB_OK;
    if (!split_words(r, male, &x) || !split_words(r, female, &y)) return eqbi_no_memory(r, err);
    if (x.count != y.count || male->count != female->count) return EQB_OK;
    out->gender = eqbi_arena_alloc(&r->pairs->memory, (size_t)x.count, sizeof *out->gender);
    if (!out->gender) return eqbi_no_memory(r, err);
    for (int32_t i = 0; i < x.count; i++) {
        const word *a = &x.word[i], *b = &y.word[i];
        if (a->begin == b->begin && equal(male, a, female, b)) continue;
        if (a->begin != b->begin || a->count != 1 || b->count != 1 || !is_known(r, male, a) ||
            !is_known(r, female, b)) {
            out->genders = 0;
            return EQB_OK;
        }
        out->gender[out->genders++] =
            (eqbi_gender){a->begin, male->ids[a->begin], female->ids[b->begin]};
    }
    return EQB_OK;
}
