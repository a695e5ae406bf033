/* Added tokens: where they are listed, what they do to a text, what is wrong with them. */
#include "tests/formats_testing.h"
#include "tests/testing.h"
#include "tests/weights_testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##c\nnew\nA\n" /* ids 0 to 9 */
#define MODEL                                                                                    \
    "\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,"       \
    "\"[SEP]\":3,\"[MASK]\":4,\"a\":5,\"b\":6,\"##c\":7,\"new\":8,\"A\":9}}"
#define JSON(added) "{\"added_tokens\":[" added "]," MODEL "}"

typedef struct files {
    const char *config, *added, *specials, *json; /* NULL: there is none */
} files;

/* vocab.txt is there unless tokenizer.json is. */
static const char *dir_of(const files *f)
{
    const char *dir = temporary_dir();
    if (!f->json) write_text(dir, "vocab.txt", VOCAB);
    if (f->config) write_text(dir, "tokenizer_config.json", f->config);
    if (f->added) write_text(dir, "added_tokens.json", f->added);
    if (f->specials) write_text(dir, "special_tokens_map.json", f->specials);
    if (f->json) write_text(dir, "tokenizer.json", f->json);
    return dir;
}

/* "5[0,1] 10[2,7]": ids and bytes of the tokens of a text */
static const char *tokens_of_text(const eqb_tokenizer *t, const char *text)
{
    static char shown[1024];
    eqb_encoding e = {0};
    size_t used = 0;
    shown[0] = '\0';
    ck_assert_int_eq(eqb_tokenize(t, text, strlen(text), &e, NULL), EQB_OK);
    for (int32_t i = 0; i < e.count; i++)
        used += (size_t)snprintf(shown + used, sizeof shown - used, "%s%d[%zu,%zu]", i ? " " : "",
                                 e.ids[i], e.spans[i].begin, e.spans[i].end);
    eqb_encoding_free(&e);
    return shown;
}

/* Each list alone gives "[NEW]" the id 10; a plain one is found as it is spelled, a normalized one
 * in any case. */
START_TEST(test_places)
{
    static const struct {
        files files;
        const char *plain, *lower; /* tokens of "a[NEW]b" and of "[new]" */
    } cases[] = {
        {{.added = "{\"[NEW]\":10}"}, "5[0,1] 10[1,6] 6[6,7]", "10[0,5]"},
        {{.config = "{\"added_tokens_decoder\":{\"10\":{\"content\":\"[NEW]\",\"special\":true}}}"},
         "5[0,1] 10[1,6] 6[6,7]", "1[0,1] 8[1,4] 1[4,5]"},
        {{.config = "{\"added_tokens_decoder\":{\"10\":{\"content\":\"[NEW]\","
                    "\"normalized\":true}}}",
          .added = "{\"no\":99}"},
         "5[0,1] 10[1,6] 6[6,7]", "10[0,5]"},
        {{.json = JSON("{\"id\":10,\"content\":\"[NEW]\",\"normalized\":false}")},
         "5[0,1] 10[1,6] 6[6,7]", "1[0,1] 8[1,4] 1[4,5]"},
        {{.json = JSON("{\"id\":10,\"content\":\"[NEW]\",\"normalized\":true}"),
          .added = "{\"[OTHER]\":10}"},
         "5[0,1] 10[1,6] 6[6,7]", "10[0,5]"},
        {{.specials = "{\"additional_special_tokens\":[\"[NEW]\"]}"}, "5[0,1] 10[1,6] 6[6,7]",
         "1[0,1] 8[1,4] 1[4,5]"},
        {{.config = "{\"additional_special_tokens\":[{\"content\":\"[NEW]\"}]}"},
         "5[0,1] 10[1,6] 6[6,7]", "1[0,1] 8[1,4] 1[4,5]"},
        {{.config = "{\"extra_special_tokens\":{\"new_token\":\"[NEW]\"}}"},
         "5[0,1] 10[1,6] 6[6,7]", "1[0,1] 8[1,4] 1[4,5]"},
        {{.added = "{\"[NEW]\":10}", .specials = "{\"additional_special_tokens\":[\"[NEW]\"]}"},
         "5[0,1] 10[1,6] 6[6,7]", "10[0,5]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_error err;
        eqb_tokenizer *t;
        ck_assert_msg(eqb_tokenizer_load(&t, dir_of(&cases[i].files), NULL, &err) == EQB_OK,
                      "%zu: %s", i, err.message);
        ck_assert_int_eq(eqb_tokenizer_size(t), 11);
        ck_assert_int_eq(eqb_tokenizer_id(t, "[NEW]", 5), 10);
        ck_assert_str_eq(eqb_tokenizer_token(t, 10), "[NEW]");
        ck_assert_ptr_null(eqb_tokenizer_token(t, 11));
        ck_assert_str_eq(tokens_of_text(t, "a[NEW]b"), cases[i].plain);
        ck_assert_str_eq(tokens_of_text(t, "[new]"), cases[i].lower);
        ck_assert_str_eq(tokens_of_text(t, "[MASK] bc"), "4[0,6] 6[7,8] 7[8,9]");
        ck_assert_str_eq(tokens_of_text(t, ""), "");
        eqb_tokenizer_free(t);
    }
}
END_TEST

/* Long before short, plain before normalized, inside words, over punctuation and spaces, through
 * accents, Chinese and characters that are removed; a token of the vocabulary among them. */
START_TEST(test_matches)
{
    static const files f = {
        .config = "{\"added_tokens_decoder\":{"
                  "\"10\":{\"content\":\"New\",\"normalized\":true},"
                  "\"11\":{\"content\":\"new-b\",\"normalized\":true},"
                  "\"12\":{\"content\":\"x y\",\"normalized\":true},"
                  "\"13\":{\"content\":\"\xc3\x89t\",\"normalized\":true},"
                  "\"14\":{\"content\":\"\xe4\xb8\xad\",\"normalized\":true},"
                  "\"15\":{\"content\":\"Raw\",\"normalized\":false},"
                  "\"16\":{\"content\":\"Rawer\",\"normalized\":false},"
                  "\"5\":{\"content\":\"a\",\"normalized\":true},"
                  "\"17\":{\"content\":\"\xe2\x80\x8b\",\"normalized\":true}}}"};
    static const char *const cases[][2] = {
        {"newb", "10[0,3] 6[3,4]"},
        {"new-b new-c", "11[0,5] 10[6,9] 1[9,10] 1[10,11]"},
        {"X\tY", "12[0,3]"},
        {"x  y", "1[0,1] 1[3,4]"},
        {"e\xcc\x81T", "13[0,4]"},
        {"b\xe4\xb8\xad" "b", "6[0,1] 14[1,4] 6[4,5]"},
        {"Raw raw Rawer", "15[0,3] 1[4,5] 5[5,6] 1[6,7] 16[8,13]"},
        {"n\xe2\x80\x8b" "ew", "10[0,6]"},
        {"banb", "6[0,1] 5[1,2] 1[2,4]"},
        {"[MASK]a[mask]", "4[0,6] 5[6,7] 1[7,8] 1[8,9] 5[9,10] 1[10,12] 1[12,13]"},
    };
    eqb_error err;
    eqb_tokenizer *t;
    ck_assert_msg(eqb_tokenizer_load(&t, dir_of(&f), NULL, &err) == EQB_OK, "%s", err.message);
    ck_assert_int_eq(eqb_tokenizer_size(t), 18);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(tokens_of_text(t, cases[i][0]), cases[i][1]);
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_faults)
{
    static const struct {
        files files;
        const char *message;
    } cases[] = {
        {{.added = "[]"}, "added_tokens.json: expected an object"},
        {{.added = "{\"x\":\"10\"}"}, "added_tokens.json: added token \"x\": expected an id"},
        {{.added = "{\"x\":-1}"}, "added_tokens.json: added token \"x\": expected an id"},
        {{.added = "{\"x\":11}"}, "added token \"x\" has id 11, expected 10"},
        {{.added = "{\"x\":5}"}, "added token \"x\" has id 5, expected 10"},
        {{.added = "{\"a\":10}"}, "added token \"a\" has id 10, expected 5"},
        {{.added = "{\"x\":10,\"y\":12}"}, "added token \"y\" has id 12, expected 11"},
        {{.config = "{\"added_tokens_decoder\":{\"x\":{\"content\":\"x\"}}}"},
         "tokenizer_config.json: added token \"x\": expected an id"},
        {{.config = "{\"added_tokens_decoder\":{\"-1\":{\"content\":\"x\"}}}"},
         "tokenizer_config.json: added token \"-1\": expected an id"},
        {{.config = "{\"added_tokens_decoder\":[{\"content\":\"x\"}]}"},
         "tokenizer_config.json: added token \"\": expected an id"},
        {{.config = "{\"added_tokens_decoder\":{\"10\":{}}}"},
         "tokenizer_config.json: an added token without \"content\""},
        {{.config = "{\"added_tokens_decoder\":{\"10\":7}}"},
         "tokenizer_config.json: an added token without \"content\""},
        {{.config = "{\"added_tokens_decoder\":{\"10\":{\"content\":7}}}"},
         "tokenizer_config.json: key \"content\" is 7, expected a string"},
        {{.config = "{\"added_tokens_decoder\":{\"10\":{\"content\":\"x\",\"single_word\":true}}}"},
         "tokenizer_config.json: added token \"x\" is a single_word, which is unsupported"},
        {{.json = JSON("{\"content\":\"x\"}")}, "tokenizer.json: added token \"x\" has no id"},
        {{.json = JSON("{\"id\":10}")}, "tokenizer.json: an added token without \"content\""},
        {{.json = JSON("{\"id\":1.5,\"content\":\"x\"}")}, "tokenizer.json: key \"id\" is 1.5"},
        {{.specials = "{\"additional_special_tokens\":[7]}"},
         "special_tokens_map.json: an added token without \"content\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_error err;
        eqb_tokenizer *t;
        eqb_status status = eqb_tokenizer_load(&t, dir_of(&cases[i].files), NULL, &err);
        ck_assert_msg(status == EQB_ERR_MODEL, "%zu: %s", i, cases[i].message);
        ck_assert_ptr_null(t);
        ck_assert_msg(strstr(err.message, cases[i].message) != NULL, "%s", err.message);
    }
    bytes many = {0};
    eqb_error err;
    eqb_tokenizer *t;
    put_text(&many, "{\"");
    for (int i = 0; i < 256; i++) put_text(&many, "y");
    put(&many, "\":10}", 6);
    const files longer = {.added = (char *)many.data};
    ck_assert_int_eq(eqb_tokenizer_load(&t, dir_of(&longer), NULL, &err), EQB_ERR_MODEL);
    ck_assert_ptr_nonnull(strstr(err.message, "yyy...\" has more than 255 bytes"));
    free(many.data);
}
END_TEST

/* So many that a time which grows with their square, or with the product of their number and the
 * length of a text, would be minutes. Each is named twice. */
START_TEST(test_many)
{
    enum { MANY = 50000, LENGTH = 100000 };
    bytes names = {0}, ids = {0};
    put_text(&names, "{\"additional_special_tokens\":[\"a\"");
    put_text(&ids, "{\"a\":5");
    for (int i = 0; i < MANY; i++) {
        char entry[32];
        snprintf(entry, sizeof entry, ",\"[[x%d\":%d", i, 10 + i);
        put_text(&ids, entry);
        snprintf(entry, sizeof entry, ",\"[[%c%d\"", i % 2 ? 'x' : 'y', i);
        put_text(&names, entry);
    }
    put(&names, "]}", 3);
    put(&ids, "}", 2);
    const files f = {.added = (char *)ids.data, .specials = (char *)names.data};
    eqb_error err;
    eqb_tokenizer *t;
    ck_assert_msg(eqb_tokenizer_load(&t, dir_of(&f), NULL, &err) == EQB_OK, "%s", err.message);
    ck_assert_int_eq(eqb_tokenizer_size(t), 10 + MANY + MANY / 2);
    ck_assert_str_eq(tokens_of_text(t, "[[x49999[[x4a[[y49998"),
                     "50009[0,8] 14[8,12] 5[12,13] 75009[13,21]");
    char *text = malloc(LENGTH);
    memset(text, '[', LENGTH);
    eqb_encoding e = {0};
    ck_assert_int_eq(eqb_tokenize(t, text, LENGTH, &e, &err), EQB_OK);
    ck_assert_int_eq(e.count, LENGTH);
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
    free(text);
    free(names.data);
    free(ids.data);
}
END_TEST

/* Saved and loaded again; and every allocation fails once. */
START_TEST(test_saved)
{
    static const files f = {.added = "{\"[New]\":10,\"b c\":11}",
                            .specials = "{\"additional_special_tokens\":[\"\\\"X\\\"\"]}"};
    static const eqb_config config = {16, 4, 0, 2, 6, 5, 2, 0, EQB_ACT_GELU, 1e-12f, 0.02f, 0.1f,
                                      0.1f, false};
    const char *text = "a [new] B C \"X\" \"x\" [MASK]";
    eqb_error err;
    eqb_tokenizer *t = NULL;
    test_allocator memory;
    test_allocator_init(&memory);
    char dir[4096], expected[1024];
    strcpy(dir, dir_of(&f));
    eqb_status status = EQB_ERR_NOMEM;
    for (memory.fail_at = 1; status != EQB_OK; memory.fail_at++) {
        memory.calls = 0;
        status = eqb_tokenizer_load(&t, dir, &memory.base, &err);
        ck_assert_msg(status == EQB_OK || status == EQB_ERR_NOMEM, "%s", err.message);
        if (status != EQB_OK) ck_assert_uint_eq(memory.live_blocks, 0);
    }
    memory.fail_at = 0;
    strcpy(expected, tokens_of_text(t, text));
    ck_assert_str_eq(expected, "5[0,1] 10[2,7] 11[8,11] 12[12,15] 1[16,17] 1[17,18] 1[18,19] "
                               "4[20,26]");
    eqb_model *model;
    ck_assert_int_eq(eqb_model_new(&model, &config, t, NULL, &err), EQB_OK);
    strcpy(dir, saved_dir(model));
    eqb_model_free(model);
    ck_assert_uint_eq(memory.live_blocks, 0);
    ck_assert_int_eq(eqb_model_load(&model, dir, NULL, &err), EQB_OK);
    ck_assert_str_eq(tokens_of_text(eqb_model_tokenizer(model), text), expected);
    eqb_model_free(model);
}
END_TEST

TCase *formats_added_tests(void)
{
    TCase *tests = tcase_create("added tokens");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_places);
    tcase_add_test(tests, test_matches);
    tcase_add_test(tests, test_faults);
    tcase_add_test(tests, test_many);
    tcase_add_test(tests, test_saved);
    return tests;
}
