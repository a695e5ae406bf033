/* Learning a vocabulary; see vocab_learner.h.
 *
 * Words are counted with the tokenizer's own normalisation and splitting; then each distinct word
 * is spelled in characters ("##" before all but its first), and the most frequent pair of
 * neighbours becomes a piece, until there are enough.
 *
 * source  Hugging Face tokenizers, WordPieceTrainer with limit_alphabet 1000 and min_frequency 2;
 * for scripts of more characters the alphabet grows until it covers 99.95 % of the text, as
 * SentencePiece's does.
 * That one numbers the "##" characters in the random order of a hash table, and so breaks ties at
 * random; here they are sorted, and ties go to the smaller ids. It cuts characters outside the
 * alphabet out of their words; here such words are left out, since the tokenizer will make each of
 * them one [UNK].                                                                                */
#include "tokenizer/vocab_learner.h"

#include "tokenizer/pair_merges.h"
#include "tokenizer/text_table.h"
#include "tokenizer/unicode.h"
#include "tokenizer/word_counts.h"
#include "tokenizer/words.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEAST_CHARACTERS = 1000, /* kept, if the text has so many */
    LEAST_FREQUENCY = 2,
    CODE_POINTS = 0x110000
};
static const double COVERAGE = 0.9995;
static const char *const special_tokens[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
enum { SPECIAL_TOKENS = sizeof special_tokens / sizeof *special_tokens };

struct eqbi_vocab_learner {
    eqb_tokenizer_options options;
    eqbi_word_scratch scratch;
    eqbi_word_counts counts;
};

eqb_status eqbi_vocab_learner_new(eqbi_vocab_learner **out, const eqb_tokenizer_options *given,
                                  eqb_error *err)
{
    eqb_tokenizer_options options = eqbi_tokenizer_options_resolve(given);
    *out = eqbi_calloc(options.allocator, 1, sizeof **out);
    if (!*out) return eqbi_fail(err, EQB_ERR_NOMEM, "vocabulary learner: out of memory");
    (*out)->options = options;
    (*out)->counts.most = EQBI_MOST_WORDS;
    (*out)->scratch.allocator = (*out)->counts.words.allocator = options.allocator;
    return EQB_OK;
}

void eqbi_vocab_learner_free(eqbi_vocab_learner *l)
{
    if (!l) return;
    const eqb_allocator *a = l->options.allocator;
    eqbi_word_scratch_free(&l->scratch);
    eqbi_word_counts_free(&l->counts);
    eqbi_free(a, l, 1, sizeof *l);
}

eqb_status eqbi_vocab_learner_add_text(eqbi_vocab_learner *l, const char *text, size_t length,
                                       eqb_error *err)
{
    eqbi_words words;
    eqbi_word word;
    bool ok = eqbi_words_begin(&words, text, length, &l->options, &l->scratch);
    while (ok && eqbi_words_next(&words, &word))
        if (word.bytes)
            ok = eqbi_word_counts_add(&l->counts, word.hash, word.bytes, word.length);
    if (!ok || words.out_of_memory)
        return eqbi_fail(err, EQB_ERR_NOMEM, "vocabulary of %d words: out of memory",
                         l->counts.words.count);
    return EQB_OK;
}

/* ---------------------------------------------------------------------------------- learning -- */

/* What finish works with. */
typedef struct learning {
    const eqbi_vocab_learner *learner;
    const eqb_allocator *allocator;
    eqbi_text_table tokens;
    eqbi_merges merges;
    struct character {
        uint64_t count;   /* in the corpus; 0: not in the alphabet        */
        int32_t token[2]; /* at the start of a word, behind "##"          */
        uint32_t code;
        bool continues;   /* stands elsewhere than at the start of a word */
    } *characters;        /* [CODE_POINTS]                                */
    int32_t *spelling;    /* symbols of one word                          */
    size_t spelling_capacity;
} learning;

/* Adds prefix + text as a token; -1: no memory. */
static int32_t add_token(learning *g, const char *prefix, const char *text, size_t length)
{
    char joined[512], *bytes = joined;
    size_t head = strlen(prefix), size = head + length;
    if (size > sizeof joined && !(bytes = eqbi_alloc(g->allocator, size, 1))) return -1;
    memcpy(bytes, prefix, head);
    memcpy(bytes + head, text, length);
    int32_t token = eqbi_text_intern(&g->tokens, eqbi_hash_bytes(0, bytes, size), bytes, size);
    if (bytes != joined) eqbi_free(g->allocator, bytes, size, 1);
    return token;
}

static int more_frequent(const void *a, const void *b)
{
    const struct character *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->code < y->code ? -1 : 1;
}

static int smaller_code(const void *a, const void *b)
{
    const struct character *x = a, *y = b;
    return x->code < y->code ? -1 : 1;
}

static void count_characters(learning *g)
{
    const eqbi_text_table *words = &g->learner->counts.words;
    for (int32_t w = 0; w < words->count; w++) {
        const unsigned char *at = (const unsigned char *)eqbi_text_at(words, w), *begin = at;
        for (const unsigned char *end = at + words->texts[w].length; at < end;) {
            bool continues = at > begin;
            uint32_t code = eqbi_utf8_next(&at, end);
            struct character *c = &g->characters[code];
            c->count += g->learner->counts.count[w];
            c->continues |= continues;
            c->code = code;
        }
    }
}

/* How many of the most frequent characters to keep: LEAST_CHARACTERS, more if those cover less of the
 * text than COVERAGE, at most most.                                                               */
static size_t alphabet_size(const struct character *list, size_t found, size_t most)
{
    double all = 0.0, covered = 0.0;
    size_t kept = 0;
    for (size_t i = 0; i < found; i++) all += (double)list[i].count;
    while (kept < found && kept < most && (kept < LEAST_CHARACTERS || covered < COVERAGE * all))
        covered += (double)list[kept++].count;
    return kept;
}

/* Keeps the most frequent characters and makes their tokens: all that may start a word, then those
 * that may continue one.                                                                         */
static bool make_alphabet(learning *g, size_t most)
{
    size_t found = 0, kept;
    for (size_t c = 0; c < CODE_POINTS; c++) found += g->characters[c].count > 0;
    struct character *list = eqbi_alloc(g->allocator, found, sizeof *list), *next = list;
    if (!list) return false;
    for (size_t c = 0; c < CODE_POINTS; c++) {
        if (g->characters[c].count == 0) continue;
        *next++ = g->characters[c];
        g->characters[c].count = 0;
    }
    qsort(list, found, sizeof *list, more_frequent);
    kept = alphabet_size(list, found, most);
    qsort(list, kept, sizeof *list, smaller_code);
    bool ok = true;
    for (int continued = 0; continued < 2; continued++)
        for (size_t i = 0; i < kept && ok; i++) {
            if (continued && !list[i].continues) continue;
            struct character *c = &g->characters[list[i].code];
            char text[4];
            size_t length = (size_t)eqbi_utf8_put(text, c->code);
            c->count = list[i].count;
            c->token[continued] = add_token(g, continued ? "##" : "", text, length);
            ok = c->token[continued] >= 0;
        }
    eqbi_free(g->allocator, list, found, sizeof *list);
    return ok;
}

/* Hands the words that the alphabet can spell to the merges. */
static bool spell_words(learning *g)
{
    const eqbi_text_table *words = &g->learner->counts.words;
    for (int32_t w = 0; w < words->count; w++) {
        const unsigned char *at = (const unsigned char *)eqbi_text_at(words, w);
        const unsigned char *end = at + words->texts[w].length;
        if (!eqbi_grow(g->allocator, (void **)&g->spelling, &g->spelling_capacity,
                       (size_t)(end - at), sizeof *g->spelling))
            return false;
        size_t n = 0;
        bool spelled = true;
        while (at < end && spelled) {
            const struct character *c = &g->characters[eqbi_utf8_next(&at, end)];
            spelled = c->count > 0;
            g->spelling[n] = c->token[n > 0];
            n++;
        }
        if (spelled && !eqbi_merges_add_word(&g->merges, g->spelling, n, g->learner->counts.count[w]))
            return false;
    }
    return true;
}

static bool learn(learning *g, int32_t size)
{
    for (int i = 0; i < SPECIAL_TOKENS; i++)
        if (add_token(g, "", special_tokens[i], strlen(special_tokens[i])) < 0) return false;
    /* A character takes up to two places, so that the alphabet never fills more than there are. */
    size_t room = (size_t)(size - SPECIAL_TOKENS) / 2;
    count_characters(g);
    if (!make_alphabet(g, room)) return false;
    if (!spell_words(g)) return false;

    while (g->tokens.count < size) {
        const eqbi_pair *best = eqbi_merges_best(&g->merges);
        if (!best || best->count < LEAST_FREQUENCY) break;
        const char *right = eqbi_text_at(&g->tokens, best->right) + strlen("##");
        int32_t token = add_token(g, eqbi_text_at(&g->tokens, best->left), right, strlen(right));
        if (token < 0 || !eqbi_merges_apply(&g->merges, token)) return false;
    }
    return true;
}

/* One token a line. */
static bool write_lines(const learning *g, char **vocab, size_t *length)
{
    *length = g->tokens.pool_size; /* a NUL after each: as much as the newlines */
    *vocab = eqbi_strndup(g->allocator, g->tokens.pool, *length);
    if (!*vocab) return false;
    for (size_t i = 0; i < *length; i++)
        if ((*vocab)[i] == '\0') (*vocab)[i] = '\n';
    return true;
}

eqb_status eqbi_vocab_learner_finish(const eqbi_vocab_learner *l, int32_t size, char **vocab,
                                     size_t *length, eqb_error *err)
{
    *vocab = NULL;
    if (size < SPECIAL_TOKENS + 2)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "vocabulary size is %d, at least %d are needed",
                         size, SPECIAL_TOKENS + 2);
    if (l->counts.words.count == 0)
        return eqbi_fail(err, EQB_ERR_DATA, "no words to learn a vocabulary from");
    const eqb_allocator *a = l->options.allocator;
    learning g = {.learner = l, .allocator = a, .tokens.allocator = a, .merges.allocator = a};
    g.characters = eqbi_calloc(a, CODE_POINTS, sizeof *g.characters);
    bool ok = g.characters && learn(&g, size) && write_lines(&g, vocab, length);
    eqbi_text_table_free(&g.tokens);
    eqbi_merges_free(&g.merges);
    eqbi_free(a, g.characters, CODE_POINTS, sizeof *g.characters);
    eqbi_free(a, g.spelling, g.spelling_capacity, sizeof *g.spelling);
    return ok ? EQB_OK
              : eqbi_fail(err, EQB_ERR_NOMEM, "learning from %d words: out of memory",
                          l->counts.words.count);
}
