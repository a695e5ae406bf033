/* The tokenizer against vectors that others have published, in ../shared/data/tokenizer. */
#include "tests/tokenizer_testing.h"

#include "tokenizer/unicode.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *load(const char *name, size_t *size)
{
    const char *path = shared_path(name);
    return path ? read_file(path, size) : NULL;
}

/* The JSON file data/tokenizer/name; NULL when there is none. */
static cJSON *load_json(const char *name)
{
    char path[256];
    size_t size;
    snprintf(path, sizeof path, "data/tokenizer/%s", name);
    char *text = load(path, &size);
    if (!text) return NULL;
    cJSON *json = cJSON_Parse(text);
    ck_assert_msg(json != NULL, "%s is not JSON", name);
    free(text);
    return json;
}

/* The tokenizer of data/vocab/name.vocab.txt, lower-casing unless it is a cased one. */
static eqb_tokenizer *load_tokenizer(const char *name)
{
    char path[256];
    size_t size;
    snprintf(path, sizeof path, "data/vocab/%s.vocab.txt", name);
    char *lines = load(path, &size);
    if (!lines) return NULL;
    eqb_tokenizer_options options;
    eqb_tokenizer_options_default(&options);
    options.lowercase = strstr(name, "uncased") != NULL;
    eqb_tokenizer *t;
    ck_assert_int_eq(eqb_tokenizer_new(&t, lines, size, &options, NULL), EQB_OK);
    free(lines);
    return t;
}

static const char *string_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static const cJSON *array_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsArray(item) ? item : NULL;
}

/* Joins an array of strings with (and, for newlines, ends it with) a separator; free() it. */
static char *join(const cJSON *array, char separator)
{
    size_t length = 0;
    char *joined = calloc(1, 65536);
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (length > 0 && separator == ' ') joined[length++] = ' ';
        length += (size_t)sprintf(joined + length, "%s", item->valuestring);
        if (separator == '\n') joined[length++] = '\n';
    }
    return joined;
}

static void check_tokens(const eqb_tokenizer *t, const eqb_encoding *e, const cJSON *tokens)
{
    if (!tokens) return;
    char *expected = join(tokens, ' ');
    ck_assert_str_eq(tokens_of(t, e), expected);
    free(expected);
}

static void check_numbers(const int32_t *found, int32_t count, const cJSON *expected)
{
    if (!expected) return;
    ck_assert_int_eq(count, cJSON_GetArraySize(expected));
    for (int32_t i = 0; i < count; i++)
        ck_assert_int_eq(found[i], cJSON_GetArrayItem(expected, i)->valueint);
}

/* offsets are counted in characters; [i] = [begin, end] */
static void check_offsets(const eqb_encoding *e, const char *text, const cJSON *offsets)
{
    for (int32_t i = 0; offsets && i < e->count; i++) {
        const cJSON *span = cJSON_GetArrayItem(offsets, i);
        size_t n = strlen(text);
        int32_t found[2] = {(int32_t)eqb_character_offset(text, n, e->spans[i].begin),
                            (int32_t)eqb_character_offset(text, n, e->spans[i].end)};
        check_numbers(found, 2, span);
    }
}

START_TEST(test_published_ids)
{
    cJSON *json = load_json("published_ids_bert_base_uncased.json");
    eqb_tokenizer *t = load_tokenizer("bert-base-uncased");
    eqb_encoding e = {0};
    const cJSON *v;
    if (json && t)
        cJSON_ArrayForEach(v, array_of(json, "vectors"))
        {
            const char *text = string_of(v, "text");
            ck_assert_int_eq(eqb_tokenize(t, text, strlen(text), &e, NULL), EQB_OK);
            check_numbers(e.ids, e.count, array_of(v, "ids"));
        }
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
    cJSON_Delete(json);
}
END_TEST

/* A text is spelled by its code points, since one has a NUL; the longest are given as text only. */
static size_t spell(const cJSON *vector, char *text)
{
    const cJSON *codepoints = array_of(vector, "codepoints");
    size_t length = 0;
    if (!codepoints) return (size_t)sprintf(text, "%s", string_of(vector, "text"));
    const cJSON *code;
    cJSON_ArrayForEach(code, codepoints)
    {
        uint32_t c = (uint32_t)strtoul(code->valuestring + strlen("U+"), NULL, 16);
        length += (size_t)eqbi_utf8_put(text + length, c);
    }
    return length;
}

START_TEST(test_edge_cases)
{
    static const char *const names[2] = {"uncased", "cased"};
    cJSON *json = load_json("edge_cases_derived.json");
    for (int i = 0; i < 2 && json; i++) {
        char vocabulary[32], *text = calloc(1, 65536);
        snprintf(vocabulary, sizeof vocabulary, "bert-base-%s", names[i]);
        eqb_tokenizer *t = load_tokenizer(vocabulary);
        eqb_encoding e = {0};
        const cJSON *v;
        if (t)
            cJSON_ArrayForEach(v, array_of(json, "vectors"))
            {
                const cJSON *expected = cJSON_GetObjectItemCaseSensitive(v, names[i]);
                size_t length = spell(v, text);
                ck_assert_int_eq(eqb_tokenize(t, text, length, &e, NULL), EQB_OK);
                check_tokens(t, &e, array_of(expected, "tokens"));
                check_numbers(e.ids, e.count, array_of(expected, "ids"));
            }
        eqb_encoding_free(&e);
        eqb_tokenizer_free(t);
        free(text);
    }
    cJSON_Delete(json);
}
END_TEST

/* true, false, or null for "not given" */
static int switch_of(const cJSON *options, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(options, key);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : -1;
}

/* Words: a vocabulary of just the expected words must give just them. */
START_TEST(test_published_words)
{
    cJSON *json = load_json("published_tests.json");
    const cJSON *v;
    cJSON_ArrayForEach(v, array_of(json, "basic"))
    {
        const cJSON *given = cJSON_GetObjectItemCaseSensitive(v, "options");
        eqb_tokenizer_options options;
        eqb_tokenizer_options_default(&options);
        options.lowercase = switch_of(given, "do_lower_case") != 0;
        options.strip_accents = switch_of(given, "strip_accents");
        const char *text = string_of(v, "text");
        char *lines = join(array_of(v, "tokens"), '\n');
        eqb_tokenizer *t = tokenizer_of_lines(lines, &options);
        eqb_encoding e = {0};
        ck_assert_int_eq(eqb_tokenize(t, text, strlen(text), &e, NULL), EQB_OK);
        check_tokens(t, &e, array_of(v, "tokens"));
        eqb_encoding_free(&e);
        eqb_tokenizer_free(t);
        free(lines);
    }
    cJSON_Delete(json);
}
END_TEST

static eqb_tokenizer *tokenizer_of(const cJSON *vector)
{
    const cJSON *vocab = cJSON_GetObjectItemCaseSensitive(vector, "vocab");
    if (cJSON_IsString(vocab) && strncmp(vocab->valuestring, "bert-", 5) == 0)
        return load_tokenizer(vocab->valuestring);
    char *lines = join(cJSON_IsArray(vocab) ? vocab : NULL, '\n');
    eqb_tokenizer *t = tokenizer_of_lines(lines, NULL);
    free(lines);
    return t;
}

static void check_full(const cJSON *v, const char *text, const cJSON *tokens)
{
    eqb_tokenizer *t = tokenizer_of(v);
    if (!t) return;
    eqb_encoding e = {0};
    const cJSON *first = cJSON_GetArrayItem(tokens, 0);
    const char *pair = string_of(v, "pair");
    if (first && strcmp(first->valuestring, "[CLS]") == 0)
        ck_assert_int_eq(eqb_encode(t, text, strlen(text), pair, pair ? strlen(pair) : 0, 512, &e,
                                    NULL), EQB_OK);
    else
        ck_assert_int_eq(eqb_tokenize(t, text, strlen(text), &e, NULL), EQB_OK);
    check_tokens(t, &e, tokens);
    check_numbers(e.ids, e.count, array_of(v, "ids"));
    check_numbers(e.types, e.count, array_of(v, "type_ids"));
    check_offsets(&e, text, array_of(v, "offsets"));
    check_offsets(&e, text, array_of(v, "offsets_chars"));
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
}

START_TEST(test_published_tokens)
{
    cJSON *json = load_json("published_tests.json");
    static const char *const lists[] = {"wordpiece", "full"};
    for (int i = 0; i < 2; i++) {
        const cJSON *v;
        cJSON_ArrayForEach(v, array_of(json, lists[i]))
        {
            const cJSON *texts = array_of(v, "texts"), *tokens = array_of(v, "tokens");
            for (int k = 0; k < cJSON_GetArraySize(texts); k++)
                check_full(v, cJSON_GetArrayItem(texts, k)->valuestring,
                           cJSON_GetArrayItem(tokens, k));
            if (!texts) check_full(v, string_of(v, "text"), tokens);
        }
    }
    cJSON_Delete(json);
}
END_TEST

START_TEST(test_published_decoding)
{
    cJSON *json = load_json("published_tests.json");
    const cJSON *v;
    cJSON_ArrayForEach(v, array_of(json, "decode"))
    {
        const cJSON *tokens = array_of(v, "tokens");
        if (!tokens || switch_of(v, "cleanup") != 0) continue; /* we never clean up */
        char *lines = join(tokens, '\n'), text[256];
        eqb_tokenizer *t = tokenizer_of_lines(lines, NULL);
        int32_t ids[16];
        for (int32_t i = 0; i < cJSON_GetArraySize(tokens); i++) ids[i] = i;
        eqb_decode(t, ids, cJSON_GetArraySize(tokens), true, text, sizeof text);
        ck_assert_str_eq(text, string_of(v, "text"));
        eqb_tokenizer_free(t);
        free(lines);
    }
    cJSON_Delete(json);
}
END_TEST

START_TEST(test_unicode_classes)
{
    static const struct {
        const char *key;
        unsigned flag, without;
    } classes[] = {
        {"removed_hf_fast(Unicode 8 Cc,Cf,Co; plus 0,FFFD)", EQBI_REMOVED, 0},
        {"whitespace_hf_fast(White_Space)", EQBI_SPACE, EQBI_REMOVED},
        {"punctuation_hf_fast(Unicode 8)", EQBI_PUNCTUATION, 0},
        {"isolated_cjk_hf_fast", EQBI_CHINESE, 0},
        {"Mn_hf_fast(Unicode 8)", EQBI_MARK, EQBI_DECOMPOSES},
    };
    cJSON *json = load_json("unicode_classes.json");
    for (size_t i = 0; i < sizeof classes / sizeof *classes && json; i++) {
        const cJSON *ranges = array_of(json, classes[i].key), *range;
        ck_assert_ptr_nonnull(ranges);
        bool *member = calloc(0x110000, sizeof *member);
        cJSON_ArrayForEach(range, ranges)
        {
            unsigned long first = strtoul(cJSON_GetArrayItem(range, 0)->valuestring, NULL, 16);
            unsigned long last = strtoul(cJSON_GetArrayItem(range, 1)->valuestring, NULL, 16);
            for (; first <= last; first++) member[first] = true;
        }
        for (uint32_t c = 0; c < 0x110000; c++) {
            unsigned flags = eqbi_char(c)->flags;
            ck_assert_msg(((flags & classes[i].flag) != 0) ==
                              (member[c] && !(flags & classes[i].without)),
                          "U+%04X: %s", c, classes[i].key);
        }
        free(member);
    }
    cJSON_Delete(json);
}
END_TEST

TCase *tokenizer_vectors_case(void)
{
    TCase *tests = tcase_create("vectors");
    tcase_add_test(tests, test_published_ids);
    tcase_add_test(tests, test_edge_cases);
    tcase_add_test(tests, test_published_words);
    tcase_add_test(tests, test_published_tokens);
    tcase_add_test(tests, test_published_decoding);
    tcase_add_test(tests, test_unicode_classes);
    return tests;
}
