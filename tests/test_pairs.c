/* Pairs files: what each field means, by value. */
#include "tests/pairs_testing.h"

START_TEST(plain_pair)
{
    eqb_pairs *p = load_good("{'male': 'He is a {nurse} .', 'female': 'She is a {nurse} .'}");
    const eqbi_example *e = &p->example[0];
    ck_assert_int_eq(p->count, 1);
    ck_assert_int_eq(e->kind, EQBI_PAIR);
    check_tokens(e->male.ids[0], e->male.count[0], "he is a nurse .");
    check_tokens(e->female.ids[0], e->female.count[0], "she is a nurse .");
    ck_assert_int_eq(e->male.count[1], 0);
    ck_assert_int_eq(e->slots, 1);
    ck_assert(e->marked);
    check_slot(&e->male, 0, 0, "nurse", true);
    check_slot(&e->female, 0, 0, "nurse", true);
    ck_assert_int_eq(e->male.slot[0].begin, 3);
    ck_assert_int_eq(e->is_next, -1);
    ck_assert_int_eq(e->equated, 0);
    ck_assert(e->weight == 1.0f);
    eqb_pair_line line = eqb_pairs_line(p, 0);
    ck_assert_int_eq(line.line, 1);
    ck_assert_str_eq(line.kind, "pair");
    ck_assert_str_eq(line.male, "He is a {nurse} .");
    ck_assert_str_eq(line.female, "She is a {nurse} .");
    ck_assert(line.next_male == NULL && line.next_female == NULL);
    ck_assert_int_eq(line.is_next, -1);
    ck_assert_str_eq(line.profession, "nurse");
    eqb_pairs_free(p);
}
END_TEST

/* Slots go together by order, wherever gender words of more or fewer pieces have moved them. */
START_TEST(slots_by_order)
{
    eqb_pairs *p = load_good("{'male': 'his stepbrother , a {firefighter} and { Air  Traffic "
                             "Controller } .', 'female': 'her sister , a {firefighter} and {air "
                             "traffic controller} .'}");
    const eqbi_example *e = &p->example[0];
    check_tokens(e->male.ids[0], e->male.count[0],
                 "his step ##brother , a fire ##fighter and air traffic controller .");
    ck_assert_int_eq(e->slots, 2);
    ck_assert_int_eq(e->male.slot[0].begin, 5);
    ck_assert_int_eq(e->female.slot[0].begin, 4);
    check_slot(&e->male, 0, 0, "fire ##fighter", true);
    check_slot(&e->female, 0, 0, "fire ##fighter", true);
    check_slot(&e->male, 1, 0, "air traffic controller", true);
    check_slot(&e->female, 1, 0, "air traffic controller", true);
    ck_assert_int_eq(e->words, 2);
    ck_assert_int_eq(p->summary.professions, 2);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(blanks)
{
    eqb_pairs *p = load_good("{'male': 'he is a {?} , {nurse} , {?3}.', 'female': 'she is a {?} , "
                             "{nurse} , {?3}.'}");
    const eqbi_example *e = &p->example[0];
    check_tokens(e->male.ids[0], e->male.count[0],
                 "he is a [MASK] , nurse , [MASK] [MASK] [MASK] .");
    check_slot(&e->male, 0, 0, "[MASK]", false);
    check_slot(&e->female, 1, 0, "nurse", true);
    check_slot(&e->female, 2, 0, "[MASK] [MASK] [MASK]", false);
    ck_assert_int_eq(e->words, 1);
    ck_assert_str_eq(e->text.profession, "nurse");
    eqb_pairs_free(p);

    p = load_good("{'male': 'he is a {?}', 'female': 'she is a {?}'}");
    ck_assert(p->example[0].text.profession == NULL);
    ck_assert(!p->example[0].test);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(escapes)
{
    eqb_pairs *p = load_good("{'male': '\\\\{he\\\\} is a {nurse} \\\\ .', 'female': "
                             "'\\\\{she\\\\} is "
                             "a {nurse} \\\\ .'}\n{'kind': 'keep', 'text': '\\\\{dog\\\\}'}");
    check_tokens(p->example[0].male.ids[0], p->example[0].male.count[0],
                 "{ he } is a nurse [UNK] .");
    check_slot(&p->example[0].male, 0, 0, "nurse", true);
    check_tokens(p->example[1].male.ids[0], p->example[1].male.count[0], "{ dog }");
    eqb_pairs_free(p);
}
END_TEST

START_TEST(aliases_and_nulls)
{
    eqb_pairs *p = load_good("{'phrase_homme': 'he is here .', 'male': null, 'phrase_femme': 'she "
                             "is "
                             "here .', 'next': null, 'text': null, 'weight': null}");
    check_tokens(p->example[0].male.ids[0], p->example[0].male.count[0], "he is here .");
    check_tokens(p->example[0].female.ids[0], p->example[0].female.count[0], "she is here .");
    ck_assert_int_eq(p->example[0].is_next, -1);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(without_label)
{
    eqb_pairs *p = load_good(
        "{'male': 'he is a {nurse} .', 'female': 'she is a {nurse} .', 'label': false}\n"
        "{'male': 'he is here .', 'female': 'she is here .', 'label': false}");
    check_slot(&p->example[0].male, 0, 0, "nurse", false);
    check_slot(&p->example[0].female, 0, 0, "nurse", false);
    ck_assert_str_eq(p->example[0].text.profession, "nurse");
    check_slot(&p->example[1].male, 0, 0, "is", false);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(equate)
{
    eqb_pairs *p = load_good(
        "{'lang': 'fr', 'male': 'il est {Avocat} .', 'female': 'elle est {avocate} .', 'equate': "
        "[[' avocat ', 'Avocate'], ['infirmier', 'infirmiere']]}\n"
        "{'lang': 'fr', 'male': 'il est {infirmier} .', 'female': 'elle est {infirmiere} .', "
        "'equate': [['infirmier', 'infirmiere']]}\n"
        "{'male': 'he is a {nurse} .', 'female': 'she is a {welder} .', 'equate': [['nurse', "
        "'welder'], ['nurse', 'doctor'], ['engineer', 'weld']]}");
    const eqbi_example *e = &p->example[0];
    ck_assert_int_eq(e->equated, 2);
    ck_assert_int_eq(e->equate[0], small_id("avocat"));
    ck_assert_int_eq(e->equate[1], small_id("avocate"));
    ck_assert_int_eq(e->equate[2], small_id("##ier"));
    ck_assert_int_eq(e->equate[3], small_id("##iere"));
    ck_assert_str_eq(e->text.profession, "avocat");
    check_slot(&p->example[1].female, 0, 0, "infirm ##iere", true);
    ck_assert_int_eq(p->example[1].equated, 1);
    /* No column may have two partners: "nurse" keeps the first. */
    ck_assert_int_eq(p->example[2].equated, 1);
    ck_assert_int_eq(p->example[2].equate[0], small_id("nurse"));
    ck_assert_int_eq(p->example[2].equate[1], small_id("weld"));
    ck_assert_int_eq(p->summary.professions, 3);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(continuations)
{
    eqb_pairs *p = load_good(
        "{'male': 'his dog .', 'female': 'her dog .', 'next': 'the {dog} is here .'}\n"
        "{'male': 'his dog .', 'female': 'her dog .', 'next': 'the police .', 'is_next': false}\n"
        "{'male': 'the {king} .', 'female': 'the {mother} .', 'next_male': 'he is a {man} .', "
        "'next_female': 'she is a {woman} .', 'is_next': true, 'kind': 'fact'}");
    const eqbi_example *e = p->example;
    check_tokens(e[0].male.ids[1], e[0].male.count[1], "the dog is here .");
    check_tokens(e[0].female.ids[1], e[0].female.count[1], "the dog is here .");
    check_slot(&e[0].female, 0, 1, "dog", true);
    ck_assert_int_eq(e[0].is_next, 1);
    ck_assert_str_eq(e[0].text.next_male, "the {dog} is here .");
    ck_assert(e[0].text.next_male == e[0].text.next_female);
    ck_assert_int_eq(e[1].is_next, 0);
    ck_assert_int_eq(e[1].text.is_next, 0);
    check_tokens(e[2].male.ids[1], e[2].male.count[1], "he is a man .");
    check_tokens(e[2].female.ids[1], e[2].female.count[1], "she is a woman .");
    check_slot(&e[2].male, 0, 0, "king", true);
    check_slot(&e[2].male, 1, 1, "man", true);
    check_slot(&e[2].female, 1, 1, "woman", true);
    ck_assert_str_eq(e[2].text.next_female, "she is a {woman} .");
    ck_assert_str_eq(e[2].text.kind, "fact");
    ck_assert_int_eq(p->summary.with_next, 3);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(other_fields)
{
    eqb_pairs *p = load_good(
        "{'kind': 'pair', 'id': 'a', 'weight': 0.5, 'split': 'test', 'tags': ['x', 'y'], 'lang': "
        "'en', 'male': 'he is a {nurse} .', 'female': 'she is a {nurse} .'}\n"
        "{'kind': 'keep', 'id': 1, 'text': 'the dog is here .', 'split': 'test', 'weight': 2}\n"
        "{'kind': 'keep', 'id': 1.5, 'text': 'the dog .', 'split': 'train', 'tags': []}");
    const eqbi_example *e = p->example;
    ck_assert(e[0].weight == 0.5f && e[0].test && e[0].split_given);
    ck_assert(e[1].weight == 2.0f && e[1].test);
    ck_assert(!e[2].test);
    ck_assert_int_eq(e[1].kind, EQBI_KEEP);
    ck_assert_str_eq(e[1].text.kind, "keep");
    ck_assert_str_eq(e[1].text.female, "the dog is here .");
    /* Every word of a keep line is a candidate. */
    ck_assert_int_eq(e[1].slots, 5);
    ck_assert(!e[1].marked);
    check_slot(&e[1].male, 4, 0, ".", true);
    eqb_pairs_summary s = eqb_pairs_get_summary(p);
    ck_assert_int_eq(s.lines, 3);
    ck_assert_int_eq(s.faults, 0);
    ck_assert_int_eq(s.pair, 1);
    ck_assert_int_eq(s.keep, 2);
    ck_assert_int_eq(s.train, 1);
    ck_assert_int_eq(s.test, 2);
    ck_assert_int_eq(s.professions, 1);
    ck_assert_int_eq(s.held_out, 1);
    ck_assert_int_eq(s.slots, 1);
    eqb_pairs_free(p);
}
END_TEST

/* What looks like a fault and is none. */
START_TEST(no_faults)
{
    eqb_pairs *p = load_good(
        "{'lang': 'fr', 'male': 'il a {avocat} .', 'female': 'elle a {avocate} .', 'equate': "
        "[['avocat', 'avocate']]}\n"
        "{'male': 'he is here-a {engineer} .', 'female': 'she is here-a {engineer} .'}\n"
        "{'male': 'he is [ here .', 'female': 'she is [ here .'}\n"
        "{'male': 'he is -{nurse}- , {?}.', 'female': 'she is -{nurse}- , {?}.'}\n"
        "{'male': 'his a a a a a a a a a a a a a a a a a', 'female': 'her a here'}\n"
        "{'male': 'his a', 'female': 'her a', 'next': 'here a a a a a a a a a a a a a a'}");
    ck_assert_int_eq(p->count, 6);
    ck_assert_int_eq(p->example[4].male.count[0] + 2, 20); /* the most */
    ck_assert_int_eq(p->example[5].male.count[0] + p->example[5].male.count[1] + 3, 20);
    eqb_pairs_free(p);
}
END_TEST

static TCase *format_case(void)
{
    TCase *t = small_case("pairs format");
    tcase_add_test(t, plain_pair);
    tcase_add_test(t, slots_by_order);
    tcase_add_test(t, blanks);
    tcase_add_test(t, escapes);
    tcase_add_test(t, aliases_and_nulls);
    tcase_add_test(t, without_label);
    tcase_add_test(t, equate);
    tcase_add_test(t, continuations);
    tcase_add_test(t, other_fields);
    tcase_add_test(t, no_faults);
    return t;
}

Suite *pairs_suite(void)
{
    Suite *s = suite_create("pairs");
    suite_add_tcase(s, format_case());
    suite_add_tcase(s, pairs_files_case());
    suite_add_tcase(s, pairs_words_case());
    suite_add_tcase(s, pairs_faults_case());
    suite_add_tcase(s, holdout_case());
    suite_add_tcase(s, pair_batch_case());
    suite_add_tcase(s, pair_draws_case());
    return s;
}
