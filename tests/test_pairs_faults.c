/* Faults of pairs files: each is told, with its line and its reason to the letter. */
#include "tests/pairs_testing.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text, *told; /* with ' for " */
} bad[] = {
#define BAD(text, told) {text, told},
#include "tests/pairs_faults.def"
#undef BAD
};
enum { BAD_FILES = sizeof bad / sizeof *bad };

START_TEST(bad_lines)
{
    loaded l;
    load_text(&l, bad[_i].text, NULL);
    for (char *c = l.told; *c; c++)
        if (*c == '"') *c = '\'';
    ck_assert_msg(strcmp(l.told, bad[_i].told) == 0, "%s\nexpected  %s\nfound     %s", bad[_i].text,
                  bad[_i].told, l.told);
    ck_assert_int_eq(l.status, EQB_ERR_DATA);
}
END_TEST

START_TEST(message_names_the_first)
{
    loaded l;
    load_text(&l, "{'kind': 'keep', 'text': 'the dog .'}\n[]\n\n{'kind': 'keep'}\n", NULL);
    ck_assert_int_eq(l.status, EQB_ERR_DATA);
    const char *tail = strstr(l.err.message, "/pairs.jsonl:");
    ck_assert(tail != NULL);
    ck_assert_str_eq(tail, "/pairs.jsonl:2: expected an object: {\"male\": ..., \"female\": ...} "
                           "(2 of 3 lines have faults)");
}
END_TEST

START_TEST(skipped)
{
    eqb_pairs_options o;
    eqb_pairs_options_default(&o);
    o.skip_bad = true;
    loaded l;
    load_text(&l, "[]\n{'male': 'he is here .', 'female': 'she is here .'}\n{'male': 1}\n", &o);
    ck_assert_int_eq(l.status, EQB_OK);
    ck_assert_int_eq(eqb_pairs_count(l.pairs), 1);
    ck_assert_int_eq(eqb_pairs_line(l.pairs, 0).line, 2);
    ck_assert_int_eq(eqb_pairs_get_summary(l.pairs).lines, 3);
    ck_assert_int_eq(eqb_pairs_get_summary(l.pairs).faults, 2);
    eqb_pairs_free(l.pairs);

    /* A line that contradicts earlier ones is dropped from the examples, too. */
    load_text(&l,
              "{'split': 'train', 'male': 'he is a {nurse} .', 'female': 'she is a {nurse} .'}\n"
              "{'split': 'test', 'male': 'his {nurse} .', 'female': 'her {nurse} .'}\n"
              "{'kind': 'keep', 'text': 'the dog .'}\n",
              &o);
    ck_assert_int_eq(l.status, EQB_OK);
    ck_assert_str_eq(l.told, "2: \"nurse\" is in both splits: train by line 1, test here");
    ck_assert_int_eq(eqb_pairs_count(l.pairs), 2);
    ck_assert_int_eq(eqb_pairs_line(l.pairs, 1).line, 3);
    ck_assert_int_eq(eqb_pairs_get_summary(l.pairs).faults, 1);
    eqb_pairs_free(l.pairs);

    load_text(&l, "[]\n\n17\n", &o);
    ck_assert_int_eq(l.status, EQB_ERR_DATA);
    ck_assert(strstr(l.err.message, "no line is usable; the first: 1: expected an object") != NULL);
}
END_TEST

/* A good line that begins every file below. */
#define GOOD "{\"kind\": \"keep\", \"text\": \"the dog .\"}\n"

static void check_bytes(const char *data, size_t size, const char *told)
{
    loaded l;
    load_bytes(&l, data, size, NULL);
    ck_assert_str_eq(l.told, told);
    ck_assert_int_eq(l.status, EQB_ERR_DATA);
}

START_TEST(bytes)
{
#define BYTES(data, told) check_bytes(data, sizeof data - 1, told)
    BYTES("\xff\xfe{\0}\0", "1: the file is UTF-16 (little endian), expected UTF-8");
    BYTES("\xfe\xff\0{\0}", "1: the file is UTF-16 (big endian), expected UTF-8");
    BYTES("{\0}\0", "1: the file is UTF-16 (little endian), expected UTF-8");
    BYTES("\0{\0}", "1: the file is UTF-16 (big endian), expected UTF-8");
    BYTES(GOOD "{\"kind\0\"}", "2: NUL byte at column 7");
    BYTES(GOOD "\xef\xbb\xbf" GOOD,
          "2: not JSON: column 1: byte order mark (save the file as UTF-8 without one)");
    BYTES("{\"kind\": \"\xe9\"}", "1: not JSON: column 11: ill-formed UTF-8");
    BYTES("{\"kind\": \"\xc3\"}", "1: not JSON: column 11: ill-formed UTF-8");
    BYTES("{\"kind\": \"\xc0\x80\"}", "1: not JSON: column 11: ill-formed UTF-8");
    BYTES("{\"kind\": \"\xed\xa0\x80\"}", "1: not JSON: column 11: ill-formed UTF-8");
    BYTES("{\"kind\": \"\xf4\x90\x80\x80\"}", "1: not JSON: column 11: ill-formed UTF-8");
    BYTES("{\"kind\": \"\xc3\xa9\xe9\"}", "1: not JSON: column 12: ill-formed UTF-8");
    BYTES("{\"kind\":\t\"\t\"}", "1: not JSON: column 11: control character in a string");
    BYTES("{'kind': 'keep'}", "1: not JSON: column 2: unexpected character");
    BYTES("{\"a\x1b[2J\xc2\x9b\": 1}", "1: not JSON: column 4: control character in a string");
    BYTES("\f" GOOD, "1: not JSON: column 1: unexpected character");
#undef BYTES
}
END_TEST

START_TEST(long_line)
{
    enum { LIMIT = 1 << 20 };
    char *text = malloc(LIMIT + 2);
    ck_assert(text != NULL);
    memset(text, ' ', LIMIT + 2);
    memcpy(text, GOOD, strlen(GOOD) - 1);
    loaded l;
    load_bytes(&l, text, LIMIT, NULL);
    ck_assert_msg(l.status == EQB_OK, "%s", l.err.message);
    eqb_pairs_free(l.pairs);
    check_bytes(text, LIMIT + 1, "1: line of 1048577 bytes, at most 1048576 are read");
    text[LIMIT + 1] = '\n';
    check_bytes(text, LIMIT + 2, "1: line of 1048577 bytes, at most 1048576 are read");
    free(text);
}
END_TEST

START_TEST(many_equated_words)
{
    enum { PAIRS = 1001 };
    static const char pair[] = "['nurse', 'doctor'], ";
    char *text = malloc(PAIRS * sizeof pair + 200);
    ck_assert(text != NULL);
    strcpy(text, "{'male': 'he is here .', 'female': 'she is here .', 'equate': [");
    char *at = text + strlen(text);
    for (int i = 0; i < PAIRS; i++, at += sizeof pair - 1) memcpy(at, pair, sizeof pair - 1);
    strcpy(at - 2, "]}\n"); /* over the last comma */
    loaded l;
    load_text(&l, text, NULL);
    ck_assert_str_eq(l.told, "1: \"equate\" has 1001 pairs of words, at most 1000");
    free(text);
}
END_TEST

START_TEST(no_lines)
{
    loaded l;
    static const char *const empty[] = {"", "\n", "\r\n\r\n", "  \t\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        load_text(&l, empty[i], NULL);
        ck_assert_int_eq(l.status, EQB_ERR_DATA);
        ck_assert(strstr(l.err.message, "pairs.jsonl: holds no lines") != NULL);
        ck_assert_str_eq(l.told, "");
    }
}
END_TEST

START_TEST(other_errors)
{
    eqb_pairs *pairs;
    eqb_error err;
    ck_assert_int_eq(eqb_pairs_load(&pairs, "/nowhere/pairs.jsonl", small, 20, NULL, &err),
                     EQB_ERR_IO);
    ck_assert(pairs == NULL);
    ck_assert_str_eq(err.message,
                     "/nowhere/pairs.jsonl: cannot open: No such file or directory");
    eqb_pairs_options o;
    eqb_pairs_options_default(&o);
    o.holdout = 1.0;
    ck_assert_int_eq(eqb_pairs_load(&pairs, "x", small, 20, &o, &err), EQB_ERR_ARGUMENT);
    ck_assert_str_eq(err.message, "holdout is 1, expected 0 to below 1");
    ck_assert_int_eq(eqb_pairs_load(&pairs, "x", small, 2, NULL, &err), EQB_ERR_ARGUMENT);
    ck_assert_str_eq(err.message, "max_tokens is 2, expected 3 to 1048576");
    eqb_pairs_free(NULL);
}
END_TEST

TCase *pairs_faults_case(void)
{
    TCase *t = small_case("pairs faults");
    tcase_add_loop_test(t, bad_lines, 0, BAD_FILES);
    tcase_add_test(t, message_names_the_first);
    tcase_add_test(t, skipped);
    tcase_add_test(t, bytes);
    tcase_add_test(t, long_line);
    tcase_add_test(t, many_equated_words);
    tcase_add_test(t, no_lines);
    tcase_add_test(t, other_errors);
    return t;
}
