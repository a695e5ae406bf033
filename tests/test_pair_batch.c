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
    ck_assert(b.keeps == 0 && b.keep_weight == 0.0);
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
        "{'kind': 'keep', 'text': 'here'}");
    eqbi_pair_batch b = {0};
    make_batch(&b, p, &(eqbi_draw){.seed = 1});
    check_sequence(&b, 0, "[CLS] his [MASK] [SEP] the [MASK] . [SEP]");
    check_sequence(&b, 3, "[CLS] her [MASK] [SEP] she is here [SEP]");
    check_row(&b, 0, 0, 2, "dog", 0, 0, 0);
    check_row(&b, 1, 0, 5, "police", 0, 0, 1);
    check_row(&b, 3, 1, 5, "police", 1, 0, 1);
    static const int32_t labels[] = {0, 0, 1, 1, 0, 0, -1};
    for (int i = 0; i < 7; i++) ck_assert_int_eq(b.next_label[i], labels[i]);
    ck_assert(b.next_weight[0] == 2.0f && b.next_weight[5] == 1.0f && b.next_weight[6] == 0.0f);
    ck_assert(b.next_weight_sum == 8.0);
    ck_assert_int_eq(b.next_pairs, 2);
    check_pair(&b.next_pair[0], 0, 1, 2.0f);
    check_pair(&b.next_pair[1], 2, 3, 1.0f);
    ck_assert(b.next_pair[0].equated == 0 && b.next_pair_weight == 3.0);
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
    return t;
}
