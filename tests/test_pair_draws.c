/* What a batch of pairs draws: false continuations, candidates, keep tokens; and its memory. */
#include "tests/pairs_testing.h"

#include <string.h>

/* A false continuation comes from a line of the same split and language, never with the same words,
 * is the same line's for both versions, shows its slots' words, and is cut when it is too long. */
START_TEST(false_continuations)
{
    eqb_pairs *p = load_good(
        "{'split': 'train', 'male': 'he is {here}', 'female': 'she is {here}', 'next': 'the "
        "{dog}'}\n"
        "{'split': 'train', 'male': 'he is {here}', 'female': 'she is {here}', 'next': 'the "
        "{dog}'}\n"
        "{'split': 'train', 'male': 'his {dog} and and and and and and and and and and', 'female': "
        "'her {dog} and and and and and and and and and and', 'next': 'here'}\n"
        "{'split': 'train', 'male': 'his {dog}', 'female': 'her {dog}', 'next_male': 'he is a "
        "{nurse} "
        "and his dog', 'next_female': 'she is a {nurse} and her dog', 'is_next': false}\n"
        "{'split': 'test', 'male': 'his {doctor}', 'female': 'her {doctor}', 'next': 'the king'}\n"
        "{'split': 'train', 'lang': 'fr', 'male': 'il est {roi} .', 'female': 'elle est {avocate} "
        ".', "
        "'equate': [['roi', 'avocate']], 'next': 'il'}\n"
        "{'split': 'train', 'kind': 'keep', 'text': 'here', 'next': 'and and and'}\n"
        "{'split': 'train', 'kind': 'keep', 'text': 'dog', 'next': 'is'}");
    eqbi_pair_batch b = {0};
    bool seen[2] = {false, false};
    for (uint64_t step = 0; step < 40; step++) {
        make_batch(&b, p, &(eqbi_draw){.seed = 5, .step = step, .false_next = 1.0});
        bool here = b.batch.start[1] == 7; /* "here" instead of "he is a nurse and his dog" */
        seen[here] = true;
        check_sequence(&b, 0, here ? "[CLS] he is [MASK] [SEP] here [SEP]"
                                   : "[CLS] he is [MASK] [SEP] he is a nurse and his dog [SEP]");
        check_sequence(&b, 1, here ? "[CLS] she is [MASK] [SEP] here [SEP]"
                                   : "[CLS] she is [MASK] [SEP] she is a nurse and her dog [SEP]");
        ck_assert_int_eq(b.row[1], b.batch.start[1] + 3); /* the dog is gone with its segment */
        int32_t tokens = b.batch.start[5] - b.batch.start[4];
        ck_assert(tokens == 17 || tokens == 20);
        if (tokens == 20)
            check_sequence(&b, 4, "[CLS] his [MASK] and and and and and and and and and and [SEP] "
                                  "he is a nurse and [SEP]");
        static const int32_t labels[] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
        for (int i = 0; i < 12; i++) ck_assert_int_eq(b.next_label[i], labels[i]);
        ck_assert_int_eq(b.next_pairs, 6);
        /* What is false already stays as it is. */
        check_sequence(&b, 6, "[CLS] his [MASK] [SEP] he is a [MASK] and his dog [SEP]");
        /* Nobody lends to the only line of its split, or of its language. */
        check_sequence(&b, 8, "[CLS] his [MASK] [SEP] the king [SEP]");
        check_sequence(&b, 10, "[CLS] il est [MASK] . [SEP] il [SEP]");
        /* Control sentences lend to each other. */
        ck_assert_int_eq(b.batch.start[13] - b.batch.start[12], 5);
        ck_assert_int_eq(b.batch.start[14] - b.batch.start[13], 7);
        ck_assert(b.next_label[12] == -1 && b.next_keeps == 2);
    }
    ck_assert(seen[0] && seen[1]);
    int32_t exchanged = 0;
    for (uint64_t step = 0; step < 400; step++) {
        make_batch(&b, p, &(eqbi_draw){.seed = 5, .step = step, .false_next = 0.25});
        exchanged += b.next_label[0];
        ck_assert_int_eq(b.next_label[0], b.next_label[1]);
    }
    ck_assert(exchanged > 60 && exchanged < 140); /* 100 expected, standard deviation 9 */
    make_batch(&b, p, &(eqbi_draw){.evaluate = true, .false_next = 1.0});
    check_sequence(&b, 0, "[CLS] he is [MASK] [SEP] the [MASK] [SEP]");
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

/* A pair line without a second segment gets one of its split and language; nothing is said about
 * whether it follows. */
START_TEST(borrowed_continuations)
{
    eqb_pairs *p = load_good(
        "{'split': 'train', 'male': 'he is {here}', 'female': 'she is {here}'}\n"
        "{'split': 'train', 'male': 'his {dog}', 'female': 'her {dog}', 'next_male': 'he is a "
        "{nurse}', 'next_female': 'she is a {nurse}'}\n"
        "{'split': 'test', 'male': 'his {doctor}', 'female': 'her {doctor}'}\n"
        "{'split': 'train', 'lang': 'fr', 'male': 'il est {journaliste}', 'female': 'elle est {journaliste}'}\n"
        "{'kind': 'fact', 'split': 'train', 'male': 'the {king}', 'female': 'the {woman}'}\n"
        "{'kind': 'keep', 'split': 'train', 'text': 'here'}");
    eqbi_pair_batch b = {0};
    make_batch(&b, p, &(eqbi_draw){.seed = 5, .borrow_next = 1.0});
    check_sequence(&b, 0, "[CLS] he is [MASK] [SEP] he is a nurse [SEP]");
    check_sequence(&b, 1, "[CLS] she is [MASK] [SEP] she is a nurse [SEP]");
    check_sequence(&b, 3, "[CLS] her [MASK] [SEP] she is a [MASK] [SEP]");
    check_sequence(&b, 4, "[CLS] his [MASK] [SEP]"); /* nobody lends */
    check_sequence(&b, 6, "[CLS] il est [MASK] [SEP]");
    check_sequence(&b, 8, "[CLS] the [MASK] [SEP]");
    ck_assert(b.next_label[0] == -1 && b.next_weight[0] == 0.0f && b.next_weight_sum == 2.0);
    ck_assert(b.next_pairs == 2 && b.next_pair_weight == 2.0);
    check_pair(&b.next_pair[0], 0, 1, 1.0f);
    int32_t borrowed = 0;
    for (uint64_t step = 0; step < 400; step++) {
        make_batch(&b, p, &(eqbi_draw){.seed = 5, .step = step, .borrow_next = 0.25});
        borrowed += b.next_pairs - 1;
    }
    ck_assert(borrowed > 60 && borrowed < 140); /* 100 expected, standard deviation 9 */
    make_batch(&b, p, &(eqbi_draw){.evaluate = true, .borrow_next = 1.0});
    ck_assert_int_eq(b.next_pairs, 1);
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(professions_first)
{
    eqb_pairs *p = load_good("{'male': 'he is an air traffic controller and a nurse .', 'female': "
                             "'she is an air traffic controller and a nurse .'}");
    eqbi_pair_batch b = {0};
    for (uint64_t step = 0; step < 20; step++) {
        make_batch(&b, p, &(eqbi_draw){.seed = 3, .step = step});
        check_sequence(&b, 1, "[CLS] she is an [MASK] [MASK] [MASK] and a [MASK] . [SEP]");
        ck_assert_int_eq(b.pairs, 4);
        check_row(&b, 3, 0, 9, "nurse", 0, 0, 1);
    }
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

/* 15 % of the shared tokens, at least one, the same in both versions, each word in its turn. */
START_TEST(random_candidates)
{
    eqb_pairs *p = load_good("{'male': 'his dog is here and the police is here as the police "
                             "works', "
                             "'female': 'her dog is here and the police is here as the police "
                             "works'}\n{'male': 'he is here', 'female': 'she is here'}");
    eqbi_pair_batch b = {0};
    int times[MOST] = {0};
    for (uint64_t step = 0; step < 1200; step++) {
        make_batch(&b, p, &(eqbi_draw){.seed = 3, .step = step});
        ck_assert_int_eq(b.rows, 6); /* 2 of 12 shared tokens, 1 of 2 */
        ck_assert_int_eq(b.pairs, 3);
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(b.row[i] - b.batch.start[0], b.row[i + 2] - b.batch.start[1]);
            ck_assert_int_eq(b.label[i], b.label[i + 2]);
            times[b.row[i]]++;
        }
    }
    ck_assert(times[0] == 0 && times[1] == 0 && times[14] == 0); /* [CLS], "his", [SEP] */
    for (int i = 2; i < 14; i++) ck_assert(times[i] > 140 && times[i] < 260); /* 200 +- 13 */
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(keep_lines)
{
    eqb_pairs *p = load_good("{'kind': 'keep', 'weight': 0.5, 'text': 'the dog is here , the dog "
                             "is "
                             "here , the firefighter is here .'}\n{'kind': 'keep', 'text': 'dog'}\n"
                             "{'kind': 'keep', 'text': 'welder welder welder welder welder welder "
                             "welder'}");
    eqbi_pair_batch b = {0};
    bool whole = false;
    for (uint64_t step = 0; step < 200; step++) {
        make_batch(&b, p, &(eqbi_draw){.seed = 9, .step = step});
        ck_assert_int_eq(b.batch.sequences, 3);
        check_sequence(&b, 1, "[CLS] [MASK] [SEP]");
        /* 5 of 16, or 4 and a word of two; 1; 4 of 14, which are two words. */
        ck_assert(b.rows == 10 || b.rows == 11);
        ck_assert_int_eq(b.keeps, b.rows);
        for (int32_t i = 0; i < b.rows; i++) {
            ck_assert_int_eq(b.keep[i], i);
            ck_assert_int_eq(b.label[i], -1);
            ck_assert_int_eq(b.side[i], 2);
            ck_assert(i == 0 || b.row[i] > b.row[i - 1]);
            ck_assert(b.keep_row_weight[i] == (i + 5 < b.rows ? 0.5f : 1.0f));
        }
        ck_assert(b.keep_weight == 5.0 + 0.5 * (b.rows - 5));
        ck_assert(b.mlm_weight == 0.0 && b.pairs == 0);
        /* "fire ##fighter": both pieces or none. */
        bool first = b.batch.ids[12] == small_id("[MASK]");
        ck_assert(first == (b.batch.ids[13] == small_id("[MASK]")));
        whole = whole || first;
    }
    ck_assert(whole);
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

/* A fifth of the words that a control sentence shows; nothing else, nowhere else, and no more than
 * that when a model is evaluated. */
START_TEST(exchanged_words)
{
    eqb_pairs *p = load_good("{'kind': 'keep', 'text': 'the dog the dog the', 'next': 'dog dog dog'}\n"
                             "{'male': 'his dog is {here}', 'female': 'her dog is {here}'}");
    const int32_t words[] = {small_id("the"), small_id("dog"), small_id("[MASK]")};
    eqbi_pair_batch b = {0};
    int32_t shown = 0, exchanged = 0, different = 0, last = -1;
    for (uint64_t step = 0; step < 500; step++) {
        make_batch(&b, p, &(eqbi_draw){.seed = 9, .step = step});
        ck_assert_int_eq(b.rows, 4); /* 2 of 8, and of either version 1 */
        ck_assert(b.batch.ids[0] == p->special.cls && b.batch.ids[6] == p->special.sep);
        ck_assert(b.batch.ids[10] == p->special.sep);
        for (int32_t i = 1; i < 10; i++) {
            int32_t id = b.batch.ids[i];
            if (i == 6 || id == words[2]) continue;
            shown++;
            if (id == words[0] || id == words[1]) continue;
            exchanged++;
            different += id != last;
            last = id;
        }
        check_sequence(&b, 1, "[CLS] his dog is [MASK] [SEP]");
        make_batch(&b, p, &(eqbi_draw){.evaluate = true, .step = step});
        for (int32_t i = 1; i < 10; i++)
            ck_assert(i == 6 || b.batch.ids[i] == words[0] || b.batch.ids[i] == words[1] ||
                      b.batch.ids[i] == words[2]);
    }
    ck_assert(exchanged > 0.15 * shown && exchanged < 0.22 * shown); /* some by the same word */
    ck_assert(different > exchanged / 2);
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

static bool same_batch(const eqbi_pair_batch *a, const eqbi_pair_batch *b)
{
    size_t tokens = (size_t)a->batch.start[a->batch.sequences];
    return a->batch.sequences == b->batch.sequences && a->rows == b->rows && a->pairs == b->pairs &&
           tokens == (size_t)b->batch.start[b->batch.sequences] &&
           !memcmp(a->batch.ids, b->batch.ids, tokens * sizeof *a->batch.ids) &&
           !memcmp(a->row, b->row, (size_t)a->rows * sizeof *a->row) &&
           !memcmp(a->label, b->label, (size_t)a->rows * sizeof *a->label) &&
           !memcmp(a->next_label, b->next_label,
                   (size_t)a->batch.sequences * sizeof *a->next_label);
}

static const char mixed[] =
    "{'male': 'his dog is here , qqq', 'female': 'her dog is here , qqq', 'next': 'the dog .'}\n"
    "{'male': 'he is here and his dog', 'female': 'she is here and her dog', 'next': 'the police "
    ".'}\n"
    "{'male': 'his dog works', 'female': 'her dog works', 'next': 'the air .'}\n"
    "{'kind': 'keep', 'text': 'the dog is here , the police is here .'}";

START_TEST(repeatable)
{
    eqb_pairs *p = load_good(mixed);
    eqbi_pair_batch a = {0}, b = {0};
    int different[2] = {0, 0};
    for (uint64_t step = 0; step < 50; step++) {
        const eqbi_draw draw = {.seed = 7, .step = step, .false_next = 0.5};
        make_batch(&a, p, &draw);
        make_batch(&b, p, &draw);
        ck_assert(same_batch(&a, &b));
        make_batch(&b, p, &(eqbi_draw){.seed = 8, .step = step, .false_next = 0.5});
        different[0] += !same_batch(&a, &b);
        make_batch(&b, p, &(eqbi_draw){.seed = 7, .step = step + 1, .false_next = 0.5});
        different[1] += !same_batch(&a, &b);
        /* For evaluation neither counts. */
        make_batch(&a, p, &(eqbi_draw){.evaluate = true, .seed = step, .step = 2 * step});
        make_batch(&b, p, &(eqbi_draw){.evaluate = true});
        ck_assert(same_batch(&a, &b));
    }
    ck_assert(different[0] > 40 && different[1] > 40);

    /* What is drawn for a line does not depend on its neighbours. */
    const eqbi_draw draw = {.seed = 7, .step = 3, .false_next = 0.5};
    make_batch(&a, p, &draw);
    ck_assert(eqbi_pair_batch_make(&b, p, (int64_t[]){2, 1}, 2, &draw, NULL) == EQB_OK);
    int32_t from = a.batch.start[4], count = a.batch.start[6] - from;
    ck_assert_int_eq(b.batch.start[2], count);
    ck_assert(!memcmp(b.batch.ids, a.batch.ids + from, (size_t)count * sizeof *b.batch.ids));
    eqbi_pair_batch_free(&a);
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(memory)
{
    eqb_pairs *p = load_good(mixed);
    int64_t index[MOST];
    for (int i = 0; i < MOST; i++) index[i] = i % p->count;
    bool failed = true;
    for (size_t fail_at = 1; failed; fail_at++) {
        test_allocator a;
        test_allocator_init(&a);
        a.fail_at = fail_at;
        a.fail_after = true;
        eqbi_pair_batch b = {.allocator = &a.base};
        eqbi_draw draw = {.seed = 1, .false_next = 0.5};
        eqb_status status = eqbi_pair_batch_make(&b, p, index, MOST, &draw, NULL);
        failed = a.calls >= fail_at;
        ck_assert_int_eq(status, failed ? EQB_ERR_NOMEM : EQB_OK);
        size_t calls = a.calls;
        for (draw.step = 1; !failed && draw.step < 20; draw.step++)
            ck_assert(eqbi_pair_batch_make(&b, p, index, MOST, &draw, NULL) == EQB_OK);
        ck_assert_uint_eq(a.calls, calls); /* warm calls do not touch the heap */
        eqbi_pair_batch_free(&b);
        ck_assert_uint_eq(a.live_blocks, 0);
    }
    eqbi_pair_batch empty = {0};
    ck_assert(eqbi_pair_batch_make(&empty, p, index, 0, &(eqbi_draw){0}, NULL) == EQB_OK);
    ck_assert(empty.batch.sequences == 0 && empty.batch.start[0] == 0 && empty.rows == 0);
    eqbi_pair_batch_free(&empty);
    eqb_pairs_free(p);
}
END_TEST

TCase *pair_draws_case(void)
{
    TCase *t = small_case("pair draws");
    tcase_add_test(t, false_continuations);
    tcase_add_test(t, borrowed_continuations);
    tcase_add_test(t, professions_first);
    tcase_add_test(t, random_candidates);
    tcase_add_test(t, keep_lines);
    tcase_add_test(t, exchanged_words);
    tcase_add_test(t, repeatable);
    tcase_add_test(t, memory);
    return t;
}
