/* Learning a vocabulary. */
#include "tests/tokenizer_testing.h"

#include "tokenizer/pair_merges.h"
#include "tokenizer/vocab_learner.h"
#include "tokenizer/word_counts.h"

#include <stdio.h>
#include <string.h>

/* The example of Sennrich et al. 2016. */
static const char corpus[] = "low low low low low lower lower newest newest newest newest newest "
                             "newest widest widest widest";

static char *learn(const char *text, int32_t size, const eqb_tokenizer_options *options,
                   size_t *length)
{
    eqbi_vocab_learner *learner;
    eqb_error err = {0};
    char *vocab;
    ck_assert_int_eq(eqbi_vocab_learner_new(&learner, options, &err), EQB_OK);
    ck_assert_int_eq(eqbi_vocab_learner_add_text(learner, text, strlen(text), &err), EQB_OK);
    ck_assert_msg(eqbi_vocab_learner_finish(learner, size, &vocab, length, &err) == EQB_OK, "%s",
                  err.message);
    eqbi_vocab_learner_free(learner);
    ck_assert_uint_eq(strlen(vocab), *length);
    return vocab;
}

START_TEST(test_example)
{
    size_t length;
    char *vocab = learn(corpus, 100, NULL, &length);
    /* ##e ##s and ##s ##t stand 9 times: the smaller left id wins; and so on to ##er, twice. */
    ck_assert_str_eq(vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nd\ne\ni\nl\nn\no\nr\ns\nt\nw\n"
                            "##d\n##e\n##i\n##o\n##r\n##s\n##t\n##w\n"
                            "##es\n##est\nlo\nlow\nne\n##west\nnewest\nwi\n##dest\nwidest\n"
                            "##er\nlower\n");
    eqb_tokenizer *t = tokenizer_of_lines(vocab, NULL);
    eqb_encoding e = {0};
    static const char text[] = "Lowest newer widest";
    ck_assert_int_eq(eqb_tokenize(t, text, strlen(text), &e, NULL), EQB_OK);
    ck_assert_str_eq(tokens_of(t, &e), "low ##est ne ##w ##er widest");
    ck_assert_int_eq(eqb_tokenize(t, corpus, strlen(corpus), &e, NULL), EQB_OK);
    ck_assert_int_eq(e.count, 16); /* each word of the corpus has become one token */
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
    eqbi_free(NULL, vocab, length + 1, 1);
}
END_TEST

START_TEST(test_sizes)
{
    size_t length, full_length;
    char *full = learn(corpus, 100, NULL, &full_length);
    for (int32_t size = 7; size < 40; size++) {
        char *vocab = learn(corpus, size, NULL, &length);
        int32_t lines = 0;
        for (const char *c = vocab; *c; c++) lines += *c == '\n';
        ck_assert_int_le(lines, size);
        /* From where all 10 characters fit twice, a small vocabulary begins the large one. */
        if (size >= 25) ck_assert_int_eq(strncmp(vocab, full, length), 0);
        eqbi_free(NULL, vocab, length + 1, 1);
    }
    eqbi_free(NULL, full, full_length + 1, 1);
}
END_TEST

/* Normalised as the tokenizer does it; runs of equal symbols; words that are too long; repeats. */
START_TEST(test_words_counted)
{
    static const eqb_tokenizer_options ten = {.lowercase = true, .strip_accents = -1,
                                              .max_word_chars = 10};
    static const char text[] = "aaaa AAAA \xC3\xA1" "a\xC3\xA1" "a, qqqqqqqqqqqq qqqqqqqqqqqq";
    size_t length, length_again;
    char *vocab = learn(text, 50, &ten, &length), *again = learn(text, 50, &ten, &length_again);
    /* a ##a ##a ##a: the pair ##a ##a stands twice in each of three words */
    ck_assert_str_eq(vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n,\na\n##a\n##aa\naaa\naaaa\n");
    ck_assert_str_eq(vocab, again);
    eqbi_free(NULL, vocab, length + 1, 1);
    eqbi_free(NULL, again, length_again + 1, 1);
}
END_TEST

enum { WORDS = 40, LETTERS = 12, SYMBOLS = 200 };

/* The words of the test below, and how often each stands. */
typedef struct naive {
    int32_t symbol[WORDS][LETTERS], length[WORDS], times[WORDS];
} naive;

/* The most frequent pair, by counting them all; false: there is none. */
static bool naive_best(const naive *n, int32_t best[2], uint64_t *most)
{
    static uint64_t count[SYMBOLS][SYMBOLS];
    memset(count, 0, sizeof count);
    for (int w = 0; w < WORDS; w++)
        for (int i = 1; i < n->length[w]; i++)
            count[n->symbol[w][i - 1]][n->symbol[w][i]] += (uint64_t)n->times[w];
    *most = 0;
    for (int32_t left = 0; left < SYMBOLS; left++)
        for (int32_t right = 0; right < SYMBOLS; right++)
            if (count[left][right] > *most) {
                *most = count[left][right];
                best[0] = left;
                best[1] = right;
            }
    return *most > 0;
}

static void naive_merge(naive *n, const int32_t pair[2], int32_t symbol)
{
    for (int w = 0; w < WORDS; w++) {
        int32_t *s = n->symbol[w], written = 0;
        for (int i = 0; i < n->length[w]; i++) {
            bool found = s[i] == pair[0] && i + 1 < n->length[w] && s[i + 1] == pair[1];
            s[written++] = found ? symbol : s[i];
            i += found;
        }
        n->length[w] = written;
    }
}

/* Counts kept up to date, against counting everything anew; few letters, so that runs are common.
 * Every fifth merge gives an old symbol: two pairs may spell the same token.                     */
START_TEST(test_incremental_counts)
{
    naive n;
    eqbi_merges merges = {0};
    uint64_t state = 1, most;
    for (int w = 0; w < WORDS; w++) {
        n.times[w] = 1 + w % 5;
        n.length[w] = 1 + w % LETTERS;
        for (int i = 0; i < n.length[w]; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            n.symbol[w][i] = (int32_t)(state >> 60) % 3;
        }
        ck_assert(eqbi_merges_add_word(&merges, n.symbol[w], (size_t)n.length[w],
                                       (uint64_t)n.times[w]));
    }
    int32_t pair[2] = {0}, next = 3;
    for (; naive_best(&n, pair, &most); next++) {
        const eqbi_pair *best = eqbi_merges_best(&merges);
        ck_assert(best->left == pair[0] && best->right == pair[1] && best->count == most);
        int32_t symbol = next % 5 == 0 ? next - 1 : next;
        ck_assert(eqbi_merges_apply(&merges, symbol));
        naive_merge(&n, pair, symbol);
    }
    ck_assert_int_gt(next, 50);
    ck_assert_int_lt(next, SYMBOLS);
    ck_assert_uint_eq(eqbi_merges_best(&merges)->count, 0);
    eqbi_merges_free(&merges);
}
END_TEST

static void count(eqbi_word_counts *c, const char *word)
{
    ck_assert(eqbi_word_counts_add(c, eqbi_hash_bytes(0, word, strlen(word)), word, strlen(word)));
}

/* Frequent words keep their exact counts while thousands of rare ones come and go. */
START_TEST(test_memory_for_words_is_bounded)
{
    eqbi_word_counts c = {.most = 100};
    for (int i = 0; i < 50000; i++) {
        char rare[16];
        snprintf(rare, sizeof rare, "rare%d", i);
        count(&c, i % 2 ? "often" : "always");
        count(&c, rare);
        ck_assert_int_le(c.words.count, 100);
    }
    for (int i = 0; i < 2; i++) {
        const char *word = i ? "often" : "always";
        int32_t at = eqbi_text_find(&c.words, eqbi_hash_bytes(0, word, strlen(word)), word,
                                    strlen(word), false);
        ck_assert_int_ge(at, 0);
        ck_assert_uint_eq(c.count[at], 25000);
    }
    eqbi_word_counts_free(&c);
}
END_TEST

/* 3,000 Chinese characters, all equally frequent, are all kept: 1,000 would make two of three [UNK]. */
START_TEST(test_alphabet_grows_with_the_script)
{
    enum { CHARACTERS = 3000 };
    static char text[CHARACTERS * 3 * 2 + 1];
    char *at = text;
    for (int round = 0; round < 2; round++)
        for (uint32_t k = 0; k < CHARACTERS; k++) {
            uint32_t code = 0x4e00 + k;
            *at++ = (char)(0xe0 | code >> 12);
            *at++ = (char)(0x80 | (code >> 6 & 0x3f));
            *at++ = (char)(0x80 | (code & 0x3f));
        }
    size_t length;
    char *vocab = learn(text, 8192, NULL, &length);
    eqb_tokenizer *t = tokenizer_of_lines(vocab, NULL);
    eqb_encoding e = {0};
    ck_assert_int_eq(eqb_tokenize(t, text, sizeof text - 1, &e, NULL), EQB_OK);
    int32_t unknown = 0;
    for (int32_t i = 0; i < e.count; i++) unknown += e.ids[i] == eqb_tokenizer_special(t).unk;
    ck_assert_int_eq(e.count, 2 * CHARACTERS);
    ck_assert_int_le(unknown, 2 * 3); /* 99.95 % */
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
    eqbi_free(NULL, vocab, length + 1, 1);
}
END_TEST

START_TEST(test_refusals)
{
    eqbi_vocab_learner *learner;
    char *vocab = (char *)&learner;
    size_t length;
    ck_assert_int_eq(eqbi_vocab_learner_new(&learner, NULL, NULL), EQB_OK);
    eqb_status status = eqbi_vocab_learner_finish(learner, 6, &vocab, &length, NULL);
    ck_assert_int_eq(status, EQB_ERR_ARGUMENT);
    ck_assert_ptr_null(vocab);
    status = eqbi_vocab_learner_finish(learner, 99, &vocab, &length, NULL);
    ck_assert_int_eq(status, EQB_ERR_DATA);
    eqbi_vocab_learner_free(learner);
    eqbi_vocab_learner_free(NULL);
}
END_TEST

static eqb_status exercise(const eqb_allocator *allocator)
{
    eqb_tokenizer_options options;
    eqb_tokenizer_options_default(&options);
    options.allocator = allocator;
    eqbi_vocab_learner *learner;
    char *vocab = NULL;
    size_t length = 0;
    eqb_status status = eqbi_vocab_learner_new(&learner, &options, NULL);
    if (status == EQB_OK)
        status = eqbi_vocab_learner_add_text(learner, corpus, strlen(corpus), NULL);
    if (status == EQB_OK) status = eqbi_vocab_learner_add_text(learner, "Caf\xC3\xA9", 5, NULL);
    if (status == EQB_OK) status = eqbi_vocab_learner_finish(learner, 100, &vocab, &length, NULL);
    ck_assert((vocab != NULL) == (status == EQB_OK));
    eqbi_free(allocator, vocab, length + 1, 1);
    eqbi_vocab_learner_free(learner);
    return status;
}

START_TEST(test_no_memory)
{
    test_allocator a;
    eqb_status status = EQB_ERR_NOMEM;
    for (size_t at = 1; status != EQB_OK; at++) {
        test_allocator_init(&a);
        a.fail_at = at;
        status = exercise(&a.base);
        ck_assert_uint_eq(a.live_blocks, 0);
        ck_assert(status == EQB_OK || status == EQB_ERR_NOMEM);
    }
    ck_assert_uint_gt(a.calls, 20);
}
END_TEST

TCase *vocab_learner_case(void)
{
    TCase *tests = tcase_create("vocab_learner");
    tcase_add_test(tests, test_example);
    tcase_add_test(tests, test_sizes);
    tcase_add_test(tests, test_words_counted);
    tcase_add_test(tests, test_incremental_counts);
    tcase_add_test(tests, test_memory_for_words_is_bounded);
    tcase_add_test(tests, test_alphabet_grows_with_the_script);
    tcase_add_test(tests, test_refusals);
    tcase_add_test(tests, test_no_memory);
    return tests;
}
