/* Pairs files as a whole: line ends and marks, failing allocations, the files that are shipped. */
#include "base/file.h"
#include "tests/pairs_testing.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(bytes_of_lines)
{
    eqb_pairs *p = load_good("\xef\xbb\xbf{'kind': 'keep', 'text': 'the dog .'}\r\n\r\n   \n"
                             "\t{'kind': 'keep', 'text': 'the king .'} \n\n"
                             "{'kind': 'keep', 'text': 'the \\u006ban , \xc3\xa9 .'}");
    ck_assert_int_eq(p->count, 3);
    ck_assert_int_eq(p->summary.lines, 3);
    ck_assert_int_eq(p->example[0].text.line, 1);
    ck_assert_int_eq(p->example[1].text.line, 4);
    ck_assert_int_eq(p->example[2].text.line, 6);
    ck_assert_str_eq(p->example[2].text.male, "the kan , \xc3\xa9 .");
    eqb_pairs_free(p);
}
END_TEST

/* Each allocation fails in turn, once and for good: no leak, no crash, and the reason. One that an
 * arena only would have liked to be larger may fail without harm. */
START_TEST(out_of_memory)
{
    static const char text[] =
        "{\"male\": \"he is a {nurse} .\", \"female\": \"she is a {nurse} .\", \"id\": 1}\n"
        "{\"male\": \"his dog .\", \"female\": \"her dog .\", \"next\": \"the dog .\"}\n"
        "{\"lang\": \"fr\", \"male\": \"il {avocat}\", \"female\": \"elle {avocate}\", "
        "\"equate\": [[\"avocat\", \"avocate\"]]}\n{\"kind\": \"keep\", \"text\": \"the dog .\"}\n";
    char path[4200];
    snprintf(path, sizeof path, "%s/pairs.jsonl", temporary_dir());
    write_file(path, text, sizeof text - 1);
    for (int after = 0; after < 2; after++) {
        int failures = 0;
        bool failed = true;
        for (size_t n = 1; failed; n++) {
            test_allocator a;
            test_allocator_init(&a);
            eqb_tokenizer *t = new_small(&a.base);
            size_t before = a.calls;
            a.fail_at = before + n;
            a.fail_after = after != 0;
            eqb_pairs_options o;
            eqb_pairs_options_default(&o);
            o.allocator = &a.base;
            eqb_error err;
            eqb_pairs *p;
            eqb_status status = eqb_pairs_load(&p, path, t, 20, &o, &err);
            failed = a.calls >= a.fail_at;
            failures += status == EQB_ERR_NOMEM;
            ck_assert(status == EQB_OK || (failed && status == EQB_ERR_NOMEM));
            ck_assert((p != NULL) == (status == EQB_OK));
            eqb_pairs_free(p);
            eqb_tokenizer_free(t);
            ck_assert_uint_eq(a.live_blocks, 0);
        }
        ck_assert(failures > 15);
    }
}
END_TEST

/* Takes the tokenizer over. */
static void check_shipped(const char *file, eqb_tokenizer *t)
{
    eqb_error err;
    eqb_pairs *p;
    eqb_status status = eqb_pairs_load(&p, file, t, 128, NULL, &err);
    ck_assert_msg(status == EQB_OK, "%s", err.message);
    eqb_pairs_summary s = eqb_pairs_get_summary(p);
    ck_assert(s.faults == 0 && s.pair > 100 && s.fact > 10 && s.keep > 10 && s.with_next > 20);
    ck_assert(s.held_out * 10 >= s.professions && s.held_out * 10 <= 3 * s.professions);
    eqb_pairs_free(p);
    eqb_tokenizer_free(t);
}

static eqb_tokenizer *tokenizer_of(const char *vocab, bool lowercase)
{
    size_t size;
    eqb_tokenizer_options o;
    eqb_tokenizer_options_default(&o);
    o.lowercase = lowercase;
    char *text = read_file(vocab, &size);
    eqb_tokenizer *t;
    ck_assert(eqb_tokenizer_new(&t, text, size, &o, NULL) == EQB_OK);
    free(text);
    return t;
}

START_TEST(shipped_files)
{
    const char *path;
    if ((path = shared_path("data/vocab/bert-base-uncased.vocab.txt"))) {
        check_shipped("pairs.jsonl", tokenizer_of(path, true));
        check_shipped("pairs.fr.jsonl", tokenizer_of(path, true));
    }
    if ((path = shared_path("data/vocab/bert-base-cased.vocab.txt")))
        check_shipped("pairs.jsonl", tokenizer_of(path, false));
    if ((path = shared_path("data/vocab/bert-base-multilingual-cased.vocab.txt")))
        check_shipped("pairs.fr.jsonl", tokenizer_of(path, false));
    if (eqbi_file_exists("weights/mini/vocab.txt")) {
        eqb_tokenizer *t;
        ck_assert(eqb_tokenizer_load(&t, "weights/mini", NULL, NULL) == EQB_OK);
        check_shipped("pairs.jsonl", t);
    }
}
END_TEST

TCase *pairs_files_case(void)
{
    TCase *t = small_case("pairs files");
    tcase_add_test(t, bytes_of_lines);
    tcase_add_test(t, out_of_memory);
    tcase_add_test(t, shipped_files);
    return t;
}
