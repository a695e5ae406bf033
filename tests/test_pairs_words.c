/* What is known about words: candidates of unmarked lines, articles, the support set. */
#include "tests/pairs_testing.h"

#include <string.h>

START_TEST(alignment)
{
    eqb_pairs *p = load_good(
        "{'male': 'his stepbrother works as a firefighter .', 'female': 'the sister here works as "
        "a "
        "firefighter and .'}\n"
        "{'male': 'his wife is here , qqq', 'female': 'her wife is here , qqq'}\n"
        "{'male': 'he is an air traffic controller .', 'female': 'she is an air traffic controller "
        ".', 'next': 'the nurse .'}\n"
        "{'kind': 'fact', 'male': 'he and his wife', 'female': 'she and her wife'}\n"
        "{'male': 'his air traffic controller', 'female': 'her air police traffic controller'}");
    const eqbi_example *e = p->example;
    ck_assert(!e[0].marked);
    ck_assert_int_eq(e[0].slots, 5);
    ck_assert_int_eq(e[0].professions, 1);
    check_slot(&e[0].male, 0, 0, "fire ##fighter", true);
    check_slot(&e[0].female, 0, 0, "fire ##fighter", true);
    static const char *const shared[] = {"works", "as", "a", "."};
    for (int32_t k = 1; k < 5; k++) {
        check_slot(&e[0].male, k, 0, shared[k - 1], true);
        check_slot(&e[0].female, k, 0, shared[k - 1], true);
    }
    ck_assert_str_eq(e[0].text.profession, "firefighter");
    /* Gendered by definition, or unknown: never a candidate of a pair. */
    ck_assert_int_eq(e[1].slots, 3);
    check_slot(&e[1].male, 0, 0, "is", true);
    ck_assert_int_eq(e[1].words, 0);
    /* A profession may have several words, and stand in the second segment. */
    ck_assert_int_eq(e[2].professions, 2);
    check_slot(&e[2].female, 0, 0, "air traffic controller", true);
    check_slot(&e[2].female, 1, 1, "nurse", true);
    ck_assert_int_eq(e[2].slots, 7);
    ck_assert_int_eq(e[2].words, 2);
    /* A fact is about gender. */
    ck_assert_int_eq(e[3].slots, 2);
    check_slot(&e[3].male, 1, 0, "wife", true);
    /* Words that do not stand together in both versions are no profession. */
    ck_assert_int_eq(e[4].slots, 3);
    ck_assert_int_eq(e[4].professions, 0);
    ck_assert_int_eq(p->summary.slots, 0);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(french_candidates)
{
    eqb_pairs *p = load_good(
        "{'lang': 'fr', 'male': 'il est journaliste et avocat .', 'female': 'elle est journaliste "
        "et avocat .'}");
    const eqbi_example *e = p->example;
    ck_assert_int_eq(e->professions, 1);
    check_slot(&e->male, 0, 0, "journaliste", true);
    /* The masculine form beside "elle" is not the same word for both; "et" is unknown here. */
    ck_assert_int_eq(e->slots, 3);
    check_slot(&e->male, 1, 0, "est", true);
    check_slot(&e->male, 2, 0, ".", true);
    eqb_pairs_free(p);
}
END_TEST

START_TEST(articles)
{
    static const struct {
        const char *a, *an;
    } words[] = {
        {"nurse", "engineer"}, {"university professor", "umpire"}, {"European", "astronaut"},
        {"union leader", "undertaker"}, {"user", "usher"}, {"urologist", "urban planner"},
        {"hairdresser", "hour"}, {"one", "opera singer"}, {"hero", "heir"},
        {"yoga teacher", "honest man"}, {"unit", "uninvited guest"}, {"eulogist", "editor"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        ck_assert_msg(eqbi_article_fits(false, words[i].a, strlen(words[i].a)), "a %s", words[i].a);
        ck_assert_msg(!eqbi_article_fits(true, words[i].a, strlen(words[i].a)), "an %s",
                      words[i].a);
        ck_assert_msg(eqbi_article_fits(true, words[i].an, strlen(words[i].an)), "an %s",
                      words[i].an);
        ck_assert_msg(!eqbi_article_fits(false, words[i].an, strlen(words[i].an)), "a %s",
                      words[i].an);
    }
    static const char *const either[] = {"FBI agent", "NASA engineer", "X-ray technician",
                                         "historian", "18-year-old", "\xc3\xa9lectricien"};
    for (size_t i = 0; i < sizeof either / sizeof *either; i++) {
        ck_assert(eqbi_article_fits(false, either[i], strlen(either[i])));
        ck_assert(eqbi_article_fits(true, either[i], strlen(either[i])));
    }
}
END_TEST

START_TEST(support_set)
{
    eqb_pairs *p = load_good("{'male': 'he is the {police} .', 'female': 'she is the {police} .'}\n"
                             "{'male': 'he is a {?} .', 'female': 'she is a {?} .'}");
    /* Those of the lexicon that are one token of the vocabulary, and the file's own. */
    check_tokens(p->profession_ids, p->profession_count, "nurse doctor engineer astronaut police");
    int32_t gendered = p->vocab_size - p->neutral_count;
    check_tokens(p->gendered_ids, gendered, "he she his her him wife man woman king mother father "
                                            "brother sister pregnant");
    for (int32_t i = 0, k = 0, n = 0; i < p->vocab_size; i++) /* each in one of the two */
        ck_assert((n < p->neutral_count && p->neutral_ids[n] == i && ++n) ||
                  (k < gendered && p->gendered_ids[k] == i && ++k));
    eqb_pairs_free(p);
    p = load_good("{'lang': 'fr', 'male': 'il est {journaliste}', 'female': 'elle est "
                  "{journaliste}'}");
    check_tokens(p->profession_ids, p->profession_count, "avocat avocate journaliste");
    check_tokens(p->gendered_ids, p->vocab_size - p->neutral_count, "un il elle roi");
    eqb_pairs_free(p);
}
END_TEST

TCase *pairs_words_case(void)
{
    TCase *t = small_case("pairs words");
    tcase_add_test(t, alignment);
    tcase_add_test(t, french_candidates);
    tcase_add_test(t, articles);
    tcase_add_test(t, support_set);
    return t;
}
