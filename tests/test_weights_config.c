/* config.json and the tokenizer's files: what is read from them, what is refused and why. */
#include "tests/test_weights.h"
#include "tests/testing.h"
#include "weights/hf_config.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------------- config.json -- */

static eqb_status read_config(eqb_config *config, const char *text, eqb_error *err)
{
    eqbi_json doc = {.where = "config.json", .fault = EQB_ERR_MODEL};
    eqb_status status = eqbi_json_parse(&doc, text, strlen(text), err);
    if (status == EQB_OK) status = eqbi_hf_config_read(config, &doc, err);
    eqbi_json_free(&doc);
    return status;
}

START_TEST(test_config_faults)
{
    static const char *const cases[][2] = {
        {"[]", "expected an object"},
        {"{\"vocab_size\": \"x\"}", "key \"vocab_size\" is \"x\", expected a whole number"},
        {"{\"vocab_size\": 0}", "vocab_size is 0"},
        {"{\"vocab_size\": 1e9}", "vocab_size is 1000000000"},
        {"{\"hidden_size\": -768}", "key \"hidden_size\" is -768"},
        {"{\"hidden_size\": 768.5}", "key \"hidden_size\" is 768.5"},
        {"{\"hidden_size\": 1e400}", "key \"hidden_size\" is inf"},
        {"{\"hidden_size\": 4294967296}", "key \"hidden_size\" is 4294967296"},
        {"{\"hidden_size\": true}", "key \"hidden_size\" is true"},
        {"{\"hidden_size\": 770}", "hidden_size 770 is not divisible by num_attention_heads 12"},
        {"{\"num_hidden_layers\": 100000}", "num_hidden_layers is 100000"},
        {"{\"num_attention_heads\": 0}", "num_attention_heads is 0"},
        {"{\"intermediate_size\": []}", "key \"intermediate_size\" is an array"},
        {"{\"max_position_embeddings\": 0}", "max_position_embeddings is 0"},
        {"{\"type_vocab_size\": {}}", "key \"type_vocab_size\" is an object"},
        {"{\"pad_token_id\": 30522}", "pad_token_id is 30522"},
        {"{\"pad_token_id\": -1}", "key \"pad_token_id\" is -1"},
        {"{\"layer_norm_eps\": \"1e-12\"}",
         "key \"layer_norm_eps\" is \"1e-12\", expected a number"},
        {"{\"layer_norm_eps\": -1}", "key \"layer_norm_eps\" is -1"},
        {"{\"layer_norm_eps\": 5}", "layer_norm_eps is 5"},
        {"{\"hidden_dropout_prob\": 1}", "hidden_dropout_prob is 1"},
        {"{\"attention_probs_dropout_prob\": 2}", "attention_probs_dropout_prob is 2"},
        {"{\"initializer_range\": false}", "key \"initializer_range\" is false"},
        {"{\"hidden_act\": \"silu\"}", "key \"hidden_act\" is \"silu\", expected gelu, gelu_new"},
        {"{\"hidden_act\": \"GELU\"}", "key \"hidden_act\" is \"GELU\""},
        {"{\"hidden_act\": 1}", "key \"hidden_act\" is 1, expected a string"},
        {"{\"model_type\": \"roberta\"}", "key \"model_type\" is \"roberta\", only \"bert\""},
        {"{\"position_embedding_type\": \"relative_key\"}",
         "is \"relative_key\", only \"absolute\""},
        {"{\"is_decoder\": true}", "key \"is_decoder\" is true, only false is supported"},
        {"{\"add_cross_attention\": true}", "key \"add_cross_attention\" is true"},
        {"{\"is_decoder\": 1}", "key \"is_decoder\" is 1, expected true or false"},
        {"{\"pruned_heads\": {\"1\": [0, 2]}}", "key \"pruned_heads\" is not empty"},
        {"{\"tie_word_embeddings\": \"no\"}", "key \"tie_word_embeddings\" is \"no\""},
        {"{\"vocab_size\": 5, \"vocab_size\": 6}", "key \"vocab_size\" appears twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_error err;
        eqb_config config;
        ck_assert_msg(read_config(&config, cases[i][0], &err) == EQB_ERR_MODEL, "%s", cases[i][0]);
        ck_assert_msg(strncmp(err.message, "config.json: ", 13) == 0 &&
                          strstr(err.message, cases[i][1]),
                      "%s: %s", cases[i][0], err.message);
    }
}
END_TEST

/* JSON that fits no key, and how a message shows it. */
static const char *const values[][2] = {{"\"7\"", "\"7\""}, {"[7]", "an array"},
                                        {"{}", "an object"},  {"-1", "-1"},
                                        {"1e99", "1e+99"},    {"0.5", "0.5"},
                                        {"true", "true"},     {"7", "7"}};
enum { TEXT, ARRAY, OBJECT, NEGATIVE, HUGE_NUMBER, FRACTION, TRUE, SEVEN, VALUES };

/* Every key with every value of a wrong kind, in a file of its own. */
static void check_kinds(eqb_status (*read)(const char *json, eqb_error *err), const char *file,
                        const char *const *keys, size_t count, unsigned wrong,
                        const char *expected)
{
    for (size_t i = 0; i < count * VALUES; i++) {
        char json[128], message[256];
        eqb_error err;
        if (!(wrong >> i % VALUES & 1)) continue;
        const char *key = keys[i / VALUES];
        snprintf(json, sizeof json, "{\"%s\": %s}", key, values[i % VALUES][0]);
        snprintf(message, sizeof message, "%s: key \"%s\" is %s, expected %s", file, key,
                 values[i % VALUES][1], expected);
        ck_assert_msg(read(json, &err) == EQB_ERR_MODEL, "%s", json);
        ck_assert_str_eq(err.message, message);
    }
}

static eqb_status read_only_config(const char *json, eqb_error *err)
{
    eqb_config config;
    return read_config(&config, json, err);
}

START_TEST(test_config_kinds)
{
    static const char *const whole[] = {"vocab_size", "hidden_size", "num_hidden_layers",
                                        "num_attention_heads", "intermediate_size",
                                        "max_position_embeddings", "type_vocab_size",
                                        "pad_token_id"},
        *const real[] = {"layer_norm_eps", "initializer_range", "hidden_dropout_prob",
                         "attention_probs_dropout_prob"},
        *const text[] = {"hidden_act", "model_type", "position_embedding_type"},
        *const flag[] = {"is_decoder", "add_cross_attention", "is_encoder_decoder",
                         "tie_word_embeddings"};
    const unsigned all = (1u << VALUES) - 1;
    check_kinds(read_only_config, "config.json", whole, 8, all & ~(1u << SEVEN),
                "a whole number from 0 to 2147483647");
    check_kinds(read_only_config, "config.json", real, 4,
                all & ~(1u << SEVEN | 1u << FRACTION), "a number from 0 to 3.40282e+38");
    check_kinds(read_only_config, "config.json", text, 3, all & ~(1u << TEXT), "a string");
    check_kinds(read_only_config, "config.json", flag, 4, all & ~(1u << TRUE), "true or false");
}
END_TEST

/* of an eqb_config: all but the last member and what pads it */
enum { NUMBERS = offsetof(eqb_config, untied_decoder) };

START_TEST(test_config_values)
{
    eqb_error err;
    eqb_config c;
    ck_assert_int_eq(read_config(&c, "{}", &err), EQB_OK);
    eqb_config defaults;
    eqb_config_default(&defaults);
    ck_assert_mem_eq(&c, &defaults, NUMBERS);
    ck_assert(!c.untied_decoder);
    const char *text = "{\"model_type\":\"bert\",\"vocab_size\":100.0,\"hidden_size\":12,"
                       "\"num_hidden_layers\":3,\"num_attention_heads\":4,\"pad_token_id\":null,"
                       "\"intermediate_size\":24,\"max_position_embeddings\":16,"
                       "\"type_vocab_size\":1,\"hidden_act\":\"gelu_pytorch_tanh\","
                       "\"layer_norm_eps\":1E-5,\"initializer_range\":0.01,\"pruned_heads\":{},"
                       "\"hidden_dropout_prob\":0,\"attention_probs_dropout_prob\":0.25,"
                       "\"tie_word_embeddings\":false,\"pooler_type\":\"x\"}";
    ck_assert_int_eq(read_config(&c, text, &err), EQB_OK);
    ck_assert(c.untied_decoder);
    const eqb_config expected = {100, 12, 3, 4, 24, 16, 1, -1, EQB_ACT_GELU_TANH,
                                 1e-5f, 0.01f, 0.0f, 0.25f, true};
    ck_assert_mem_eq(&c, &expected, NUMBERS);
    for (int act = EQB_ACT_NONE; act <= EQB_ACT_RELU; act++) { /* written and read again */
        eqb_config again;
        eqbi_text out = {0};
        c.hidden_act = (eqb_activation)act;
        eqbi_hf_config_write(&out, &c, 0, EQB_F32);
        eqbi_text_put(&out, "", 1);
        ck_assert_msg(read_config(&again, out.data, &err) == EQB_OK, "%s", err.message);
        ck_assert_mem_eq(&again, &c, NUMBERS);
        ck_assert(again.untied_decoder);
        eqbi_text_free(&out);
    }
}
END_TEST

/* --------------------------------------------------------------------------- tokenizer files -- */

#define VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nA\n"
#define MODEL \
    "\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":7,\"vocab\":{\"A\":7,\"b\":6," \
    "\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3,\"[MASK]\":4,\"a\":5}}"
#define CASED \
    "\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false,\"strip_accents\":true," \
    "\"handle_chinese_chars\":false},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}"
#define FAST "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}"

/* A directory of up to three files; NULL leaves one out. */
static const char *tokenizer_dir(const char *vocab, const char *config, const char *json)
{
    const char *dir = temporary_dir();
    const char *const files[][2] = {
        {"vocab.txt", vocab}, {"tokenizer_config.json", config}, {"tokenizer.json", json}};
    for (int i = 0; i < 3; i++) {
        char path[4096];
        if (!files[i][1]) continue;
        snprintf(path, sizeof path, "%s/%s", dir, files[i][0]);
        write_file(path, files[i][1], strlen(files[i][1]));
    }
    return dir;
}

START_TEST(test_tokenizer_switches)
{
    static const struct {
        const char *vocab, *config, *json;
        eqb_tokenizer_options expected;
    } cases[] = {
        {VOCAB, NULL, NULL, {true, -1, true, 100, NULL}},
        {VOCAB, "{\"do_lower_case\":false,\"model_max_length\":1000000000000000019884624838656}",
         NULL, {false, -1, true, 100, NULL}},
        {VOCAB, "{\"strip_accents\":false,\"tokenize_chinese_chars\":false}", NULL,
         {true, 0, false, 100, NULL}},
        /* BertTokenizer: tokenizer.json gives nothing but the vocabulary */
        {NULL, NULL, "{" CASED "," MODEL "}", {true, -1, true, 100, NULL}},
        {NULL, "{\"strip_accents\":null,\"do_lower_case\":false}", "{" MODEL "}",
         {false, -1, true, 100, NULL}},
        {VOCAB, FAST, "{" CASED "," MODEL "}", {false, 1, false, 7, NULL}},
        {VOCAB, FAST, NULL, {true, -1, true, 100, NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_error err;
        eqb_tokenizer *t;
        const char *dir = tokenizer_dir(cases[i].vocab, cases[i].config, cases[i].json);
        ck_assert_msg(eqb_tokenizer_load(&t, dir, NULL, &err) == EQB_OK, "%zu %s", i, err.message);
        const eqb_tokenizer_options *o = eqb_tokenizer_get_options(t);
        ck_assert_msg(o->lowercase == cases[i].expected.lowercase, "%zu", i);
        ck_assert_int_eq(o->strip_accents, cases[i].expected.strip_accents);
        ck_assert_int_eq(o->split_chinese, cases[i].expected.split_chinese);
        ck_assert_int_eq(o->max_word_chars, cases[i].expected.max_word_chars);
        ck_assert_int_eq(eqb_tokenizer_size(t), 8);
        ck_assert_int_eq(eqb_tokenizer_id(t, "A", 1), 7);
        eqb_tokenizer_free(t);
    }
}
END_TEST

START_TEST(test_tokenizer_faults)
{
    static const struct {
        const char *vocab, *config, *json, *message;
    } cases[] = {
        {NULL, NULL, NULL, "has neither vocab.txt nor tokenizer.json"},
        {VOCAB, "{", NULL, "tokenizer_config.json:1:2: expected a key in double quotes"},
        {VOCAB, "[]", NULL, "tokenizer_config.json: expected an object"},
        {VOCAB, "{\"do_lower_case\":\"true\"}", NULL,
         "tokenizer_config.json: key \"do_lower_case\" is \"true\", expected true or false"},
        {VOCAB, "{\"tokenizer_class\":\"BertJapaneseTokenizer\"}", NULL,
         "tokenizer_config.json: key \"tokenizer_class\" is \"BertJapaneseTokenizer\", which is "
         "not BERT's"},
        {VOCAB, "{\"mask_token\":{\"content\":\"<mask>\"}}", NULL,
         "tokenizer_config.json: key \"mask_token\" is \"<mask>\", only \"[MASK]\" is supported"},
        {NULL, NULL, "{\"model\":{\"type\":\"BPE\"}}",
         "tokenizer.json: the model is BPE, only WordPiece is supported"},
        {NULL, NULL, "{\"model\":{}}",
         "tokenizer.json: key \"vocab\" of the model is no object with tokens"},
        {NULL, NULL, "{\"model\":{\"vocab\":{}}}",
         "tokenizer.json: key \"vocab\" of the model is no object with tokens"},
        {NULL, NULL, "{\"model\":{\"vocab\":{\"a\":0,\"b\":0}}}",
         "tokenizer.json: tokens \"a\" and \"b\" both have id 0"},
        {NULL, NULL, "{\"model\":{\"vocab\":{\"a\":0,\"b\":2}}}",
         "tokenizer.json: token \"b\": expected an id from 0 to 1"},
        {NULL, NULL, "{\"model\":{\"vocab\":{\"a\\nb\":0}}}",
         "tokenizer.json: token 0 contains a line break"},
        {NULL, NULL, "{\"added_tokens\":[{\"id\":9,\"content\":\"[NEW]\"}]," MODEL "}",
         "added token \"[NEW]\" has id 9, expected 8"},
        {NULL, NULL, "{\"model\":{\"unk_token\":\"<unk>\",\"vocab\":{\"a\":0}}}",
         "tokenizer.json: key \"unk_token\" is \"<unk>\", only \"[UNK]\" is supported"},
        {NULL, NULL, "{\"model\":{\"continuing_subword_prefix\":\"\",\"vocab\":{\"a\":0}}}",
         "tokenizer.json: key \"continuing_subword_prefix\" is \"\", only \"##\" is supported"},
        {NULL, FAST, "{\"normalizer\":{\"type\":\"Lowercase\"}," MODEL "}",
         "tokenizer.json: the normalizer is Lowercase, only BertNormalizer is supported"},
        {NULL, FAST, "{\"normalizer\":null," MODEL "}",
         "tokenizer.json: the normalizer is missing, only BertNormalizer is supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_error err;
        eqb_tokenizer *t;
        const char *dir = tokenizer_dir(cases[i].vocab, cases[i].config, cases[i].json);
        ck_assert_int_eq(eqb_tokenizer_load(&t, dir, NULL, &err), EQB_ERR_MODEL);
        ck_assert_ptr_null(t);
        ck_assert_msg(strstr(err.message, cases[i].message) != NULL, "%s", err.message);
    }
}
END_TEST

static eqb_status read_only_tokenizer(const char *json, eqb_error *err)
{
    eqb_tokenizer *t;
    return eqb_tokenizer_load(&t, tokenizer_dir(VOCAB, json, NULL), NULL, err);
}

static eqb_status read_only_specials(const char *json, eqb_error *err)
{
    char path[4096];
    eqb_tokenizer *t;
    const char *dir = tokenizer_dir(VOCAB, NULL, NULL);
    snprintf(path, sizeof path, "%s/special_tokens_map.json", dir);
    write_file(path, json, strlen(json));
    return eqb_tokenizer_load(&t, dir, NULL, err);
}

START_TEST(test_tokenizer_kinds)
{
    static const char *const flags[] = {"do_lower_case", "strip_accents",
                                        "tokenize_chinese_chars"},
        *const name[] = {"tokenizer_class"},
        *const tokens[] = {"unk_token", "cls_token", "sep_token", "pad_token", "mask_token"};
    const unsigned all = (1u << VALUES) - 1, texts = all & ~(1u << TEXT | 1u << OBJECT);
    check_kinds(read_only_tokenizer, "tokenizer_config.json", flags, 3, all & ~(1u << TRUE),
                "true or false");
    check_kinds(read_only_tokenizer, "tokenizer_config.json", name, 1, all & ~(1u << TEXT),
                "a string");
    check_kinds(read_only_tokenizer, "tokenizer_config.json", tokens, 5, texts, "a string");
    check_kinds(read_only_specials, "special_tokens_map.json", tokens, 5, texts, "a string");
}
END_TEST

START_TEST(test_tokenizer_without_memory)
{
    test_allocator memory;
    test_allocator_init(&memory);
    const char *const dirs[] = {VOCAB, NULL};
    for (int i = 0; i < 2; i++) {
        char dir[4096];
        strcpy(dir, tokenizer_dir(dirs[i], FAST, dirs[i] ? NULL : "{" CASED "," MODEL "}"));
        eqb_status status = EQB_ERR_NOMEM;
        for (memory.fail_at = 1; status != EQB_OK; memory.fail_at++) {
            eqb_error err;
            eqb_tokenizer *t;
            memory.calls = 0;
            status = eqb_tokenizer_load(&t, dir, &memory.base, &err);
            ck_assert_msg(status == EQB_OK || status == EQB_ERR_NOMEM, "%s", err.message);
            eqb_tokenizer_free(t);
            ck_assert_uint_eq(memory.live_blocks, 0);
        }
        ck_assert_uint_gt(memory.fail_at, 5);
    }
}
END_TEST

TCase *weights_config_tests(void)
{
    TCase *tests = tcase_create("config");
    tcase_add_test(tests, test_config_faults);
    tcase_add_test(tests, test_config_kinds);
    tcase_add_test(tests, test_config_values);
    tcase_add_test(tests, test_tokenizer_switches);
    tcase_add_test(tests, test_tokenizer_faults);
    tcase_add_test(tests, test_tokenizer_kinds);
    tcase_add_test(tests, test_tokenizer_without_memory);
    return tests;
}
