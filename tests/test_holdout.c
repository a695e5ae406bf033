/* Hold-out: no word on both sides, whatever the file, and a choice that the seed makes. */
#include "tests/pairs_testing.h"

#include <stdio.h>
#include <string.h>

enum { WORDS = 60 };

/* A vocabulary with the words w0 .. w59. */
static void open_words(void)
{
    char vocab[1024] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n.\nhe\nshe\nis\n";
    eqb_error err;
    for (int i = 0; i < WORDS; i++)
        snprintf(vocab + strlen(vocab), sizeof vocab - strlen(vocab), "w%d\n", i);
    ck_assert(eqb_tokenizer_new(&small, vocab, strlen(vocab), NULL, &err) == EQB_OK);
}

/* A line of these slots; split may be NULL. */
static void add_line(char *text, size_t size, const char *split, const char *slots)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "{%s%s%s'male': 'he is %s .', 'female': 'she is %s .'}\n",
             split ? "'split': '" : "", split ? split : "", split ? "', " : "", slots, slots);
}

/* One line for each word, in the order of a step through them. */
static void one_line_each(char *text, size_t size, int step)
{
    text[0] = '\0';
    for (int i = 0; i < WORDS; i++) {
        char slot[16];
        snprintf(slot, sizeof slot, "{w%d}", i * step % WORDS);
        add_line(text, size, NULL, slot);
    }
}

static eqb_pairs *load(const char *text, double holdout, uint64_t seed)
{
    eqb_pairs_options o;
    eqb_pairs_options_default(&o);
    o.holdout = holdout;
    o.seed = seed;
    loaded l;
    load_text(&l, text, &o);
    ck_assert_msg(l.status == EQB_OK, "%s", l.err.message);
    return l.pairs;
}

/* Bit i: w_i is held out. Fails when a word is on both sides. */
static uint64_t held_out(const eqb_pairs *p)
{
    uint64_t side[2] = {0, 0};
    for (int64_t i = 0; i < p->count; i++) {
        const eqbi_example *e = &p->example[i];
        for (int32_t k = 0; k < e->slots; k++) {
            const char *token = eqb_tokenizer_token(small, e->male.ids[0][e->male.slot[k].begin]);
            unsigned word;
            if (e->kind == EQBI_PAIR && sscanf(token, "w%u", &word) == 1)
                side[e->test] |= (uint64_t)1 << word;
        }
    }
    ck_assert_msg((side[0] & side[1]) == 0, "words on both sides: %llx",
                  (unsigned long long)(side[0] & side[1]));
    return side[1];
}

static int count_bits(uint64_t bits)
{
    int count = 0;
    for (; bits != 0; bits &= bits - 1) count++;
    return count;
}

static uint64_t held_out_of(const char *text, double holdout, uint64_t seed)
{
    eqb_pairs *p = load(text, holdout, seed);
    uint64_t held = held_out(p);
    ck_assert_int_eq(p->summary.held_out, count_bits(held));
    ck_assert_int_eq(p->summary.train + p->summary.test, p->count);
    eqb_pairs_free(p);
    return held;
}

START_TEST(share_and_seed)
{
    char text[8192], shuffled[8192];
    one_line_each(text, sizeof text, 1);
    one_line_each(shuffled, sizeof shuffled, 7);
    uint64_t first = held_out_of(text, 0.2, 42);
    ck_assert_int_eq(count_bits(first), 12);
    ck_assert(held_out_of(text, 0.2, 42) == first);
    ck_assert(held_out_of(text, 0.2, 43) != first);
    ck_assert_int_eq(count_bits(held_out_of(text, 0.2, 43)), 12);
    /* The words decide, not their order; a larger share holds out more, and the same ones. */
    ck_assert(held_out_of(shuffled, 0.2, 42) == first);
    ck_assert((held_out_of(text, 0.5, 42) & first) == first);
    ck_assert(held_out_of(text, 0.0, 42) == 0);
    ck_assert_int_eq(count_bits(held_out_of(text, 0.999, 42)), WORDS - 1);
}
END_TEST

/* Every word is held out for some seed, about as often as any other. */
START_TEST(seeds_are_fair)
{
    enum { SEEDS = 300 };
    char text[8192];
    one_line_each(text, sizeof text, 1);
    int times[WORDS] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        uint64_t held = held_out_of(text, 0.2, seed);
        for (int i = 0; i < WORDS; i++) times[i] += (int)(held >> i & 1);
    }
    /* 60 of 300 expected, standard deviation 7; five of them to either side. */
    for (int i = 0; i < WORDS; i++) ck_assert(times[i] > 25 && times[i] < 95);
}
END_TEST

/* Lines with two words tie these together: chains are held out as a whole. */
START_TEST(words_that_stand_together)
{
    char text[8192] = "";
    for (int i = 0; i < WORDS; i++) {
        char slots[32];
        snprintf(slots, sizeof slots, i % 3 == 2 ? "{w%d}" : "{w%d} {w%d}", i, i + 1);
        add_line(text, sizeof text, NULL, slots); /* chains of three */
    }
    for (uint64_t seed = 0; seed < 50; seed++) {
        uint64_t held = held_out_of(text, 0.2, seed);
        ck_assert_int_eq(count_bits(held), 12);
        for (int i = 0; i < WORDS; i += 3) {
            uint64_t chain = held >> i & 7;
            ck_assert(chain == 0 || chain == 7);
        }
    }
}
END_TEST

START_TEST(explicit_splits)
{
    char text[8192];
    one_line_each(text, sizeof text, 1);
    add_line(text, sizeof text, "test", "{w3}");
    add_line(text, sizeof text, "train", "{w4} {w5}");
    add_line(text, sizeof text, NULL, "{w3} {w6}");
    add_line(text, sizeof text, "test", ""); /* a line without words has no say */
    for (uint64_t seed = 0; seed < 30; seed++) {
        uint64_t held = held_out_of(text, 0.2, seed);
        ck_assert_int_eq(held >> 3 & 15, 9); /* w3 and w6, not w4 and w5 */
        ck_assert_int_eq(count_bits(held), 12);
    }
    /* More than the share may be asked for; then nothing else is held out. */
    for (int i = 20; i < 40; i++) {
        char slot[16];
        snprintf(slot, sizeof slot, "{w%d}", i);
        add_line(text, sizeof text, "test", slot);
    }
    ck_assert_int_eq(count_bits(held_out_of(text, 0.2, 1)), 22);
}
END_TEST

/* Few words: one of two is held out, never the only one. */
START_TEST(few_words)
{
    char text[512] = "";
    add_line(text, sizeof text, NULL, "{w1}");
    ck_assert_int_eq(count_bits(held_out_of(text, 0.2, 42)), 0);
    add_line(text, sizeof text, NULL, "{W1}");
    ck_assert_int_eq(count_bits(held_out_of(text, 0.2, 42)), 0);
    add_line(text, sizeof text, NULL, "{w2}");
    ck_assert_int_eq(count_bits(held_out_of(text, 0.2, 42)), 1);
}
END_TEST

START_TEST(facts_and_keeps)
{
    /* Facts are held out by their words, too, but apart from pairs: the same words elsewhere. */
    char text[32768];
    one_line_each(text, sizeof text, 1);
    for (int i = 0; i < WORDS; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used,
                 "{'kind': 'fact', 'male': 'he is {w%d} .', 'female': 'she is {w0} .'}\n"
                 "{'kind': 'keep', 'text': 'w%d is w%d .'}\n",
                 i, i, i);
    }
    eqb_pairs *p = load(text, 0.2, 42);
    int test[3] = {0, 0, 0};
    uint64_t facts = 0;
    for (int64_t i = 0; i < p->count; i++) {
        const eqbi_example *e = &p->example[i];
        test[e->kind] += e->test;
        unsigned word;
        if (e->kind == EQBI_FACT && e->test && sscanf(e->text.profession, "w%u", &word) == 1)
            facts |= (uint64_t)1 << word;
    }
    ck_assert_int_eq(test[EQBI_PAIR], 12);
    ck_assert_int_eq(test[EQBI_FACT], 12);
    ck_assert(facts != held_out(p));
    ck_assert(test[EQBI_KEEP] > 3 && test[EQBI_KEEP] < 25);
    ck_assert_int_eq(p->summary.professions, WORDS);
    eqb_pairs_free(p);
    p = load(text, 0.0, 42);
    ck_assert_int_eq(p->summary.test, 0);
    eqb_pairs_free(p);
}
END_TEST

TCase *holdout_case(void)
{
    TCase *t = tcase_create("hold-out");
    tcase_add_checked_fixture(t, open_words, close_small);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, share_and_seed);
    tcase_add_test(t, seeds_are_fair);
    tcase_add_test(t, words_that_stand_together);
    tcase_add_test(t, explicit_splits);
    tcase_add_test(t, few_words);
    tcase_add_test(t, facts_and_keeps);
    return t;
}
