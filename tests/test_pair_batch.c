/* Batches of pairs: every array by value. What is drawn is in test_pair_draws.c. */
#include "tests/pairs_testing.h"

START_TEST(marked_lines)
{
    eqb_pairs *p = load_good(
        "{'male': 'his stepbrother is a {welder} , {?} .', 'female': 'her sister is a {welder} , "
        "{?} .', 'weight': 0.5}\n"
        "{'kind': 'fact', 'male': 'he is a {father} .', 'female': 'she is a {mother} .'}\n"
        "{'male': 'he is a {doctor} .', 'female': 'she is a {doctor} .', 'label': false}");
    eqbi_pair_batch b = {0};
    make_batch(&b, p, &(eqbi_draw){.seed = 1});
    ck_assert_int_eq(b.batch.sequences, 6);
    check_sequence(&b, 0, "[CLS] his step ##brother is a [MASK] [MASK] , [MASK] . [SEP]");
    check_sequence(&b, 1, "[CLS] her sister is a [MASK] [MASK] , [MASK] . [SEP]");
    check_sequence(&b, 2, "[CLS] he is a [MASK] . [SEP]");
    check_sequence(&b, 3, "[CLS] she is a [MASK] . [SEP]");
    check_sequence(&b, 5, "[CLS] she is a [MASK] . [SEP]");
    ck_assert_int_eq(b.rows, 10);
    check_row(&b, 0, 0, 6, "weld", 0, 0, 0);
    check_row(&b, 1, 0, 7, "##er", 0, 0, 0);
    check_row(&b, 2, 0, 9, NULL, 0, 0, 1);
    check_row(&b, 3, 1, 5, "weld", 1, 0, 0);
    check_row(&b, 4, 1, 6, "##er", 1, 0, 0);
    check_row(&b, 5, 1, 8, NULL, 1, 0, 1);
    check_row(&b, 6, 2, 4, "father", 0, 1, 0);
    check_row(&b, 7, 3, 4, "mother", 1, 1, 0);
    check_row(&b, 8, 4, 4, NULL, 0, 2, 0);
    check_row(&b, 9, 5, 4, NULL, 1, 2, 0);
    ck_assert(b.weight[0] == 0.5f && b.weight[6] == 1.0f);
    ck_assert_int_eq(b.pairs, 4); /* a fact never asks for similarity */
    check_pair(&b.pair[0], 0, 3, 0.5f);
    check_pair(&b.pair[1], 1, 4, 0.5f);
    check_pair(&b.pair[2], 2, 5, 0.5f);
    check_pair(&b.pair[3], 8, 9, 1.0f);
    ck_assert(b.mlm_weight == 4.0 && b.pair_weight == 2.5);
    ck_assert(b.next_pairs == 0 && b.next_pair_weight == 0.0 && b.next_weight_sum == 0.0);
    ck_assert(b.keeps == 2 && b.keep_weight == 2.0); /* a fact stays as it was */
    ck_assert(b.keep[0] == 6 && b.keep[1] == 7 && b.keep_row_weight[1] == 1.0f);
    static const int32_t slot_rows[] = {0, 1, 2, 3, 4, 5, 8, 9};
    ck_assert_int_eq(b.slot_rows, 8);
    for (int i = 0; i < 8; i++) ck_assert_int_eq(b.slot_row[i], slot_rows[i]);
    ck_assert(b.slot_row_weight[5] == 0.5f && b.slot_row_weight[6] == 1.0f);
    for (int i = 0; i < 6; i++) ck_assert(b.next_label[i] == -1 && b.next_weight[i] == 0.0f);
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(equated_pieces)
{
    eqb_pairs *p = load_good(
        "{'lang': 'fr', 'male': 'il est {avocat}', 'female': 'elle est {infirmiere}', 'equate': "
        "[['avocat', 'infirmiere']]}\n"
        "{'lang': 'fr', 'male': 'il est {infirmier}', 'female': 'elle est {avocate}', 'equate': "
        "[['infirmier', 'avocate']]}");
    eqbi_pair_batch b = {0};
    make_batch(&b, p, &(eqbi_draw){.seed = 1});
    ck_assert_int_eq(b.rows, 6);
    ck_assert_int_eq(b.pairs, 2); /* one piece against two: the first ones go together */
    check_pair(&b.pair[0], 0, 1, 1.0f);
    check_pair(&b.pair[1], 3, 5, 1.0f);
    ck_assert_int_eq(b.pair[0].equated, 1);
    ck_assert_int_eq(b.pair[0].equate[0], small_id("avocat"));
    ck_assert_int_eq(b.pair[0].equate[1], small_id("infirm"));
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(second_segments)
{
    eqb_pairs *p = load_good(
        "{'male': 'his {dog}', 'female': 'her {dog}', 'next': 'the {police} .', 'weight': 2}\n"
        "{'male': 'his {dog}', 'female': 'her {dog}', 'next_male': 'he is here', 'next_female': "
        "'she is here', 'is_next': false}\n"
        "{'kind': 'fact', 'male': 'the {king}', 'female': 'the {woman}', 'next': 'here .'}\n"
        "{'kind': 'keep', 'text': 'here'}\n"
        "{'kind': 'keep', 'text': 'dog', 'next': 'and and', 'weight': 3}");
    eqbi_pair_batch b = {0};
    make_batch(&b, p, &(eqbi_draw){.seed = 1});
    check_sequence(&b, 0, "[CLS] his [MASK] [SEP] the [MASK] . [SEP]");
    check_sequence(&b, 3, "[CLS] her [MASK] [SEP] she is here [SEP]");
    check_row(&b, 0, 0, 2, "dog", 0, 0, 0);
    check_row(&b, 1, 0, 5, "police", 0, 0, 1);
    check_row(&b, 3, 1, 5, "police", 1, 0, 1);
    static const int32_t labels[] = {0, 0, 1, 1, 0, 0, -1, -1};
    for (int i = 0; i < 8; i++) ck_assert_int_eq(b.next_label[i], labels[i]);
    ck_assert(b.next_weight[0] == 2.0f && b.next_weight[5] == 1.0f && b.next_weight[6] == 0.0f);
    ck_assert(b.next_weight_sum == 8.0);
    ck_assert_int_eq(b.next_pairs, 2);
    check_pair(&b.next_pair[0], 0, 1, 2.0f);
    check_pair(&b.next_pair[1], 2, 3, 1.0f);
    ck_assert(b.next_pair[0].equated == 0 && b.next_pair_weight == 3.0);
    /* Facts and control sentences are held to the original, here a third of three tokens masked. */
    static const int32_t kept[] = {4, 5, 7};
    ck_assert_int_eq(b.next_keeps, 3);
    ck_assert_mem_eq(b.next_keep, kept, sizeof kept);
    ck_assert(b.next_keep_weight[1] == 1.0f && b.next_keep_weight[2] == 3.0f);
    ck_assert(b.next_keep_weight_sum == 5.0 && b.next_weight[7] == 0.0f);
    ck_assert_int_eq(b.batch.types[b.batch.start[7] + 3], 1);
    ck_assert(b.keeps == 4 && b.side[b.keep[3]] == 2 && b.label[b.keep[3]] == -1);
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

static void check_odds(const eqbi_odds *odd, int32_t shown, int32_t hidden, const char *male,
                       const char *female, float weight)
{
    check_pair(&odd->rows, shown, hidden, weight);
    ck_assert_int_eq(odd->words[0], small_id(male));
    ck_assert_int_eq(odd->words[1], small_id(female));
}

/* The first segment without its words of gender, with and without its professions. */
START_TEST(other_direction)
{
    eqb_pairs *p = load_good(
        "{'male': 'his wife is a {nurse} as he is a {welder} .', 'female': 'her wife is a {nurse} "
        "as she is a {welder} .', 'label': false, 'next': 'the {dog} .', 'weight': 2}\n"
        "{'male': 'the nurse and her father', 'female': 'the nurse and her mother'}\n"
        /* Nothing to show; a word of two pieces; one word more; no pair. */
        "{'male': 'he is a {?}', 'female': 'she is a {?}'}\n"
        "{'male': 'his stepbrother is a {nurse}', 'female': 'her stepsister is a {nurse}'}\n"
        "{'male': 'the man is a {nurse}', 'female': 'woman is a {nurse}'}\n"
        "{'kind': 'fact', 'male': 'he is a {father} .', 'female': 'she is a {mother} .'}");
    eqbi_pair_batch b = {0};
    make_batch(&b, p, &(eqbi_draw){.seed = 1, .odds = true});
    ck_assert_int_eq(b.batch.sequences, 16);
    check_sequence(&b, 2, "[CLS] [MASK] wife is a nurse as [MASK] is a weld ##er . [SEP]");
    check_sequence(&b, 3, "[CLS] [MASK] wife is a [MASK] as [MASK] is a [MASK] [MASK] . [SEP]");
    check_sequence(&b, 6, "[CLS] the nurse and her [MASK] [SEP]");
    check_sequence(&b, 7, "[CLS] the [MASK] and her [MASK] [SEP]");
    ck_assert(b.next_label[1] == 0 && b.next_label[2] == -1 && b.next_weight[3] == 0.0f);
    ck_assert_int_eq(b.odds, 3);
    check_row(&b, 8, 2, 1, NULL, 3, 0, -1);
    check_row(&b, 9, 2, 7, NULL, 3, 0, -1);
    check_row(&b, 11, 3, 7, NULL, 3, 0, -1);
    check_odds(&b.odd[0], 8, 10, "his", "her", 2.0f);
    check_odds(&b.odd[1], 9, 11, "he", "she", 2.0f);
    check_odds(&b.odd[2], 14, 15, "father", "mother", 1.0f);
    ck_assert(b.odds_weight == 5.0 && b.pairs == 8 && b.mlm_weight == 8.0);
    /* Only what was asked for. */
    make_batch(&b, p, &(eqbi_draw){.seed = 1});
    ck_assert(b.odds == 0 && b.odds_weight == 0.0 && b.batch.sequences == 12);
    eqbi_pair_batch_free(&b);
    eqb_pairs_free(p);
}
END_TEST

TCase *pair_batch_case(void)
{
    TCase *t = small_case("pair batch");
    tcase_add_test(t, marked_lines);
    tcase_add_test(t, equated_pieces);
    tcase_add_test(t, second_segments);
    tcase_add_test(t, other_direction);
    return t;
}
