/* JSON: what is refused and where, typed members, writing. */
#include "tests/test_weights.h"
#include "tests/testing.h"
#include "weights/json.h"
#include "weights/json_write.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* Parses a copy without a terminator, so that a sanitizer sees reads beyond its end. */
static eqb_status parse(eqbi_json *doc, const char *text, eqb_error *err)
{
    size_t size = strlen(text);
    char *copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    *doc = (eqbi_json){.where = "f", .fault = EQB_ERR_DATA};
    eqb_status status = eqbi_json_parse(doc, copy, size, err);
    free(copy);
    return status;
}

START_TEST(test_syntax_faults)
{
    static const char *const cases[][2] = {
        {"", "f:1:1: expected a value"},
        {"{\n \"a\": 1,\n}", "f:3:1: expected a key in double quotes"},
        {"{\"\xc3\xa4\xe2\x82\xac\": 01}", "f:1:8: number with a leading zero"},
        {"{\"a\" 1}", "f:1:6: expected ':'"},
        {"[1 2]", "f:1:4: expected ',' or ']'"},
        {"{\"a\":1;}", "f:1:7: unexpected character"},
        {"{\"a\":1]", "f:1:7: expected ',' or '}'"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "f: key \"a\" appears twice"},
        {"[{\"a\":1,\"\\u0061\":2}]", "f: key \"a\" appears twice"},
        {"{} x", "f:1:4: unexpected character"},
        {"{} {}", "f:1:4: text after the end of the document"},
        {"\xef\xbb\xbf{}", "f:1:1: byte order mark (save the file as UTF-8 without one)"},
        {"\"\xc0\x80\"", "f:1:2: ill-formed UTF-8"},
        {"\"\xed\xa0\x80\"", "f:1:2: ill-formed UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "f:1:2: ill-formed UTF-8"},
        {"\"\xe2\x82\"", "f:1:2: ill-formed UTF-8"},
        {"\"a\nb\"", "f:1:3: control character in a string"},
        {"\"a", "f:1:3: the text ends within a string"},
        {"\"\\x\"", "f:1:2: unknown escape in a string"},
        {"\"\\u12g4\"", "f:1:2: \\u needs four hexadecimal digits"},
        {"\"\\u0000\"", "f:1:2: \\u0000 in a string"},
        {"\"\\ud800\"", "f:1:2: half a surrogate pair in a string"},
        {"\"\\udc00\\ud800\"", "f:1:2: half a surrogate pair in a string"},
        {"[1.]", "f:1:4: expected a digit after the decimal point"},
        {"[1e]", "f:1:4: expected a digit in the exponent"},
        {"[-]", "f:1:2: a minus sign without a number"},
        {"[+1]", "f:1:2: unexpected character"},
        {"[.5]", "f:1:2: unexpected character"},
        {"[NaN]", "f:1:2: unexpected character"},
        {"[0x10]", "f:1:3: unexpected character"},
        {"[1,]", "f:1:4: expected a value"},
        {"// c\n{}", "f:1:1: unexpected character"},
        {"[0000000000000000000000000000000000000000000000000000000000000000]",
         "f:1:2: number with a leading zero"},
        {"[1000000000000000000000000000000000000000000000000000000000000000]",
         "f:1:2: number of more than 63 characters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_error err;
        eqbi_json doc;
        ck_assert_msg(parse(&doc, cases[i][0], &err) == EQB_ERR_DATA, "%s", cases[i][0]);
        ck_assert_str_eq(err.message, cases[i][1]);
        ck_assert_ptr_null(doc.root);
    }
}
END_TEST

START_TEST(test_depth)
{
    char text[2 * 65 + 1];
    eqb_error err;
    for (int depth = 64; depth <= 65; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        eqbi_json doc;
        ck_assert_int_eq(parse(&doc, text, &err), depth == 64 ? EQB_OK : EQB_ERR_DATA);
        eqbi_json_free(&doc);
    }
    ck_assert_str_eq(err.message, "f:1:65: nested deeper than 64 levels");
}
END_TEST

/* The tree of such a text would take 60 times its size. */
START_TEST(test_crowded)
{
    enum { VALUES = 100000 };
    char *text = malloc(2 * VALUES + 1);
    ck_assert_ptr_nonnull(text);
    text[0] = '[';
    for (int i = 0; i < VALUES; i++) memcpy(text + 1 + 2 * i, "0,", 2);
    memcpy(text + 2 * VALUES, "]", 1);
    for (int part = 1; part <= 20; part += 19) { /* a small one may */
        eqbi_json doc = {.where = "f", .fault = EQB_ERR_DATA};
        eqb_error err;
        size_t length = 2 * VALUES / (size_t)part + 1;
        text[length - 1] = ']';
        eqb_status status = eqbi_json_parse(&doc, text, length, &err);
        ck_assert_int_eq(status, part == 1 ? EQB_ERR_DATA : EQB_OK);
        eqbi_json_free(&doc);
        if (part == 1)
            ck_assert_str_eq(err.message,
                             "f: has 100001 values, which would take 64 times its size");
    }
    free(text);
}
END_TEST

START_TEST(test_members)
{
    eqb_error err;
    eqbi_json doc;
    ck_assert_int_eq(parse(&doc,
                           " {\"i\": 768.0, \"d\": 1E-12, \"b\": true, \"n\": null, \"big\": 1e300,"
                           "\"s\": \"a\\u00e9\\ud83d\\ude00\\n\\/\", \"half\": 0.5, \"o\": {}}\r\n",
                           &err),
                     EQB_OK);
    int64_t i = 5;
    double d = 0;
    bool b = false;
    const char *s = NULL;
    const eqbi_json_value *o = doc.root;
    ck_assert_int_eq(eqbi_json_int(&doc, o, "absent", 0, 9, &i, &err), EQB_OK);
    ck_assert_int_eq(eqbi_json_int(&doc, o, "n", 0, 9, &i, &err), EQB_OK);
    ck_assert_int_eq(i, 5);
    ck_assert_int_eq(eqbi_json_int(&doc, o, "i", 0, 1000, &i, &err), EQB_OK);
    ck_assert_int_eq(i, 768);
    ck_assert_int_eq(eqbi_json_double(&doc, o, "d", 0, 1, &d, &err), EQB_OK);
    ck_assert(d == 1e-12);
    ck_assert_int_eq(eqbi_json_bool(&doc, o, "b", &b, &err), EQB_OK);
    ck_assert(b);
    ck_assert_int_eq(eqbi_json_string(&doc, o, "s", &s, &err), EQB_OK);
    ck_assert_str_eq(s, "a\xc3\xa9\xf0\x9f\x98\x80\n/");
    ck_assert(eqbi_json_is_null(o, "n") && !eqbi_json_is_null(o, "i"));
    ck_assert_int_eq(eqbi_json_int(&doc, o, "i", 0, 9, &i, &err), EQB_ERR_DATA);
    ck_assert_str_eq(err.message, "f: key \"i\" is 768, expected a whole number from 0 to 9");
    ck_assert_int_eq(eqbi_json_int(&doc, o, "half", 0, 9, &i, &err), EQB_ERR_DATA);
    ck_assert_str_eq(err.message, "f: key \"half\" is 0.5, expected a whole number from 0 to 9");
    ck_assert_int_eq(eqbi_json_int(&doc, o, "big", 0, 9, &i, &err), EQB_ERR_DATA);
    ck_assert_int_eq(eqbi_json_double(&doc, o, "s", 0, 1, &d, &err), EQB_ERR_DATA);
    ck_assert_int_eq(eqbi_json_bool(&doc, o, "o", &b, &err), EQB_ERR_DATA);
    ck_assert_str_eq(err.message, "f: key \"o\" is an object, expected true or false");
    doc.line = 17;
    ck_assert_int_eq(eqbi_json_string(&doc, o, "b", &s, &err), EQB_ERR_DATA);
    ck_assert_str_eq(err.message, "f:17: key \"b\" is true, expected a string");
    eqbi_json_free(&doc);
    ck_assert_int_eq(eqbi_json_parse(&(eqbi_json){.where = "f", .line = 17, .fault = EQB_ERR_DATA},
                                     "[", 1, &err),
                     EQB_ERR_DATA);
    ck_assert_str_eq(err.message, "f:17:2: expected a value");
}
END_TEST

static void check_written(eqbi_text *text, const char *expected)
{
    ck_assert(!text->failed);
    eqbi_text_put(text, "", 1);
    ck_assert_str_eq(text->data, expected);
    eqbi_text_free(text);
}

START_TEST(test_writing)
{
    static const char raw[] = "q\" b\\ \n\t\x01 \xc3\xa9 \xff\xe2\x82 \x7f";
    eqbi_text text = {0};
    eqbi_text_json_string(&text, raw, sizeof raw - 1);
    check_written(&text, "\"q\\\" b\\\\ \\n\\t\\u0001 \xc3\xa9 "
                         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \x7f\"");
    static const struct {
        float x;
        const char *text;
    } floats[] = {{0.1f, "0.1"},     {1e-12f, "1e-12"},      {0, "0"},           {-2.5f, "-2.5"},
                  {16777216, "16777216"}, {0.3333333433f, "0.33333334"}, {3e38f, "3e+38"}};
    /* A locale with another decimal point must not show; where none is installed, C must do. */
    const char *locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
    for (size_t k = 0; k < sizeof locales / sizeof *locales; k++) {
        setlocale(LC_NUMERIC, locales[k]);
        for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
            eqbi_text_json_float(&text, floats[i].x);
            check_written(&text, floats[i].text);
        }
    }
    setlocale(LC_NUMERIC, "C");
}
END_TEST

TCase *weights_json_tests(void)
{
    TCase *tests = tcase_create("json");
    tcase_add_test(tests, test_syntax_faults);
    tcase_add_test(tests, test_depth);
    tcase_add_test(tests, test_crowded);
    tcase_add_test(tests, test_members);
    tcase_add_test(tests, test_writing);
    return tests;
}
