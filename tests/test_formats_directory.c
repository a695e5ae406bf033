/* Directories of every format: which file counts, shards, the genuine models of ../shared. */
#include "base/file.h"
#include "tests/formats_models.h"
#include "tests/formats_testing.h"
#include "tests/testing.h"
#include "tests/weights_testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A directory with config and vocabulary of this model, without its weights. */
static const char *bare_dir(const eqb_model *model)
{
    const char *dir = saved_dir(model);
    remove(path_in(dir, "model.safetensors"));
    return dir;
}

static void check_loads(const char *dir, const eqb_model *expected, const char *expected_notes)
{
    eqb_error err;
    eqb_model *loaded;
    char notes[NOTES_SIZE];
    ck_assert_msg(load_noted(&loaded, dir, notes, &err) == EQB_OK, "%s", err.message);
    ck_assert_str_eq(notes, expected_notes);
    ck_assert(same_parameters(expected, loaded, 0));
    eqb_model_free(loaded);
}

/* Each format that is added outvotes those that are there, as in transformers. */
START_TEST(test_precedence)
{
    eqb_model *model[4];
    for (uint64_t i = 0; i < 4; i++) model[i] = make_small_model(i, true, NULL);
    const char *dir = bare_dir(model[0]);
    write_torch_part(dir, "pytorch_model-0.bin", model[0], LEGACY, EQBI_F32, "", 0, 2);
    write_torch_part(dir, "pytorch_model-1.bin", model[0], LEGACY, EQBI_F32, "", 1, 2);
    write_index(dir, "pytorch_model.bin.index.json", model[0], "pytorch_model-%d.bin", 2);
    check_loads(dir, model[0], "");
    write_torch_part(dir, "pytorch_model.bin", model[1], LEGACY, EQBI_F32, "module.", 0, 1);
    check_loads(dir, model[1],
                "pytorch_model.bin is used, pytorch_model.bin.index.json beside it is not\n");
    write_part(dir, "model-0.safetensors", model[2], EQBI_F32, 0, 3);
    write_part(dir, "model-1.safetensors", model[2], EQBI_F32, 1, 3);
    write_part(dir, "model-2.safetensors", model[2], EQBI_F32, 2, 3);
    write_index(dir, "model.safetensors.index.json", model[2], "model-%d.safetensors", 3);
    check_loads(dir, model[2], "");
    write_part(dir, "model.safetensors", model[3], EQBI_F32, 0, 1);
    check_loads(dir, model[3],
                "model.safetensors is used, model.safetensors.index.json beside it is not\n");
    for (int i = 0; i < 4; i++) eqb_model_free(model[i]);
}
END_TEST

START_TEST(test_shard_faults)
{
    static const char *const cases[][2] = {
        {"{", "model.safetensors.index.json:1:2: "},
        {"{}", "model.safetensors.index.json: key \"weight_map\" is no object with tensors"},
        {"{\"weight_map\":[]}", "key \"weight_map\" is no object with tensors"},
        {"{\"weight_map\":{}}", "key \"weight_map\" is no object with tensors"},
        {"{\"weight_map\":{\"a\":1}}",
         "the file of a is \"\", expected the name of a file beside it"},
        {"{\"weight_map\":{\"a\":\"\"}}", "the file of a is \"\", expected"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "the file of a is \"..\", expected"},
        {"{\"weight_map\":{\"a\":\"../model.safetensors\"}}",
         "is \"../model.safetensors\", expected"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "is \"/etc/passwd\", expected"},
        {"{\"weight_map\":{\"a\":\"x.safetensors\"}}",
         "model.safetensors.index.json: x.safetensors is missing"},
        {"{\"weight_map\":{\"a\":\"0\"}}", "model.safetensors.index.json: a is not in 0"},
        {"{\"weight_map\":{\"a\":\"0\",\"a\":\"1\"}}", "key \"a\" appears twice"},
        {"{\"weight_map\":{\"bert.embeddings.word_embeddings.weight\":\"0\","
         "\"bert.embeddings.position_embeddings.weight\":\"1\"}}",
         "model.safetensors.index.json: bert.embeddings.token_type_embeddings.weight is missing"},
        {"{\"weight_map\":{\"bert.embeddings.word_embeddings.weight\":\"0\","
         "\"bert.embeddings.position_embeddings.weight\":\"0 again\"}}",
         "bert.embeddings.position_embeddings.weight is not in 0 again"},
        {"{\"weight_map\":{\"bert.embeddings.word_embeddings.weight\":\"0\","
         "\"bert.embeddings.token_type_embeddings.weight\":\"0 again\"}}",
         "is in two files, 0 and 0 again"},
    };
    eqb_model *model = make_small_model(3, true, NULL);
    const char *dir = bare_dir(model);
    write_part(dir, "0", model, EQBI_F32, 0, 20);
    write_part(dir, "1", model, EQBI_F32, 1, 20);
    write_part(dir, "0 again", model, EQBI_F32, 0, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(dir, "model.safetensors.index.json", cases[i][0]);
        check_load_fails(dir, cases[i][1]);
    }
    write_text(dir, "model.safetensors.index.json",
               "{\"weight_map\":{\"a\":\"config.json\"}}");
    check_load_fails(dir, "config.json: ");
    eqb_model_free(model);
}
END_TEST

/* Other models' weights under BERT's configuration, or none. */
START_TEST(test_other_models)
{
    eqb_model *model = make_small_model(3, true, NULL);
    static const char *const cases[][2] = {
        {"roberta.", "pytorch_model.bin: holds RoBERTa (roberta.bert.embeddings."},
        {"module.distilbert.", "pytorch_model.bin: holds DistilBERT (module.distilbert."},
        {"albert.", "pytorch_model.bin: holds ALBERT (albert."},
        {"something.", "pytorch_model.bin: bert.embeddings.word_embeddings.weight is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *dir = bare_dir(model);
        write_torch_part(dir, "pytorch_model.bin", model, LEGACY, EQBI_F32, cases[i][0], 0, 1);
        check_load_fails(dir, cases[i][1]);
    }
    const char *dir = bare_dir(model);
    write_text(dir, "bert_model.ckpt.index", "x");
    check_load_fails(dir, "bert_model.ckpt.data-00000-of-00001 is missing");
    write_text(dir, "bert_model.ckpt.data-00000-of-00001", "");
    check_load_fails(dir, "bert_model.ckpt.index: is not the index of a TensorFlow V2 checkpoint");
    write_text(dir, "pytorch_model.bin", "<!doctype html>");
    check_load_fails(dir, "pytorch_model.bin: is an HTML page: ");
    eqb_model_free(model);
}
END_TEST

START_TEST(test_hub_names)
{
    static const char *const good[] = {"bert-base-uncased", "google-bert/bert-base-uncased", "a",
                                       "A.b_c-1/d.2"};
    static const char *const bad[] = {"", "/", "a/", "/a", "a/b/c", "./a", "a/.b", "../a", "a..b",
                                      "a--b", "a b", "a/b.", "-a", "a\\b", "~/a", "a/-b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(eqb_hub_is_name(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!eqb_hub_is_name(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(test_hub_cache)
{
    static const char *const folders[] = {
        "models--o--m/snapshots/abc1", "models--o--m/snapshots/abc2", "models--o--m/refs/pr",
        "models--google-bert--bert-tiny/snapshots/abc3", "models--google-bert--bert-tiny/refs"};
    static const char *const refs[][2] = {{"models--o--m/refs/main", "abc1"},
                                          {"models--o--m/refs/v2", "abc2\n"},
                                          {"models--o--m/refs/pr/7", "abc2"},
                                          {"models--o--m/refs/gone", "abc9"},
                                          {"models--o--m/refs/bad", "../../../etc"},
                                          {"models--google-bert--bert-tiny/refs/main", "abc3"}};
    static const struct {
        const char *name, *revision, *found; /* found: the end of the path, or of the message */
        eqb_status status;
    } cases[] = {
        {"o/m", NULL, "models--o--m/snapshots/abc1", EQB_OK},
        {"o/m", "v2", "models--o--m/snapshots/abc2", EQB_OK},
        {"o/m", "pr/7", "models--o--m/snapshots/abc2", EQB_OK},
        {"o/m", "abc2", "models--o--m/snapshots/abc2", EQB_OK},
        {"bert-tiny", NULL, "models--google-bert--bert-tiny/snapshots/abc3", EQB_OK},
        {"google-bert/bert-tiny", "main", "models--google-bert--bert-tiny/snapshots/abc3", EQB_OK},
        {"o/other", NULL, "o/other: is not in the cache ", EQB_ERR_IO},
        {"m", NULL, "m: is not in the cache ", EQB_ERR_IO},
        {"o/m", "gone", "has no revision gone of it", EQB_ERR_IO},
        {"o/m", "abc9", "has no revision abc9 of it", EQB_ERR_IO},
        {"o/m", "bad", "refs/bad: does not name a commit", EQB_ERR_MODEL},
        {"o/m", "../v2", "is no name of the Hugging Face hub", EQB_ERR_ARGUMENT},
        {"../o", NULL, "is no name of the Hugging Face hub", EQB_ERR_ARGUMENT},
    };
    const char *cache = temporary_dir();
    eqb_error err;
    char path[4096];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        ck_assert_int_eq(eqbi_make_dirs(path_in(cache, folders[i]), &err), EQB_OK);
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
        write_text(cache, refs[i][0], refs[i][1]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_status status = eqb_hub_find(path, sizeof path, cases[i].name, cache,
                                         cases[i].revision, &err);
        ck_assert_int_eq(status, cases[i].status);
        ck_assert_msg(strstr(status ? err.message : path, cases[i].found) != NULL, "%zu: %s", i,
                      status ? err.message : path);
    }
    ck_assert_int_eq(eqb_hub_find(path, 20, "o/m", cache, NULL, &err), EQB_ERR_ARGUMENT);
}
END_TEST

/* ----------------------------------------------------------------------- models of ../shared -- */

/* What PyTorch, or the bytes of the checkpoint, say of each model: the sum of its parameters, of
 * their absolute values, and three numbers of the key matrix of the first layer. */
typedef struct genuine {
    const char *dir, *weights; /* in ../shared/data/weights, and the file there */
    const char *refused;       /* why the directory as it is cannot be loaded, or NULL */
    const char *notes;         /* of the model without its vocabulary */
    unsigned parts;
    double sum, magnitude;
    float first, second, last;
} genuine;

/* A directory with config and weights of this one, the weights under their usual name. */
static const char *without_vocabulary(const genuine *g)
{
    const char *usual = strstr(g->weights, "pytorch") ? "pytorch_model.bin" : g->weights;
    const char *const files[][2] = {{"config.json", "config.json"},
                                    {"bert_config.json", "bert_config.json"},
                                    {"bert_model.ckpt.data-00000-of-00001",
                                     "bert_model.ckpt.data-00000-of-00001"},
                                    {g->weights, usual}};
    const char *dir = temporary_dir();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[256];
        size_t size;
        snprintf(path, sizeof path, "../shared/data/weights/%s/%s", g->dir, files[i][0]);
        if (!eqbi_file_exists(path)) continue;
        char *data = read_file(path, &size);
        write_file(path_in(dir, files[i][1]), data, size);
        free(data);
    }
    return dir;
}

static void check_genuine(const char *dir, const genuine *g)
{
    eqb_error err;
    eqb_model *model;
    char notes[NOTES_SIZE];
    ck_assert_msg(load_noted(&model, dir, notes, &err) == EQB_OK, "%s", err.message);
    ck_assert_str_eq(strchr(notes, '\n') + 1, g->notes); /* the first one: no tokenizer */
    ck_assert_uint_eq(eqb_model_parts(model), g->parts);
    double sum = 0, magnitude = 0;
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
        eqb_parameter p = eqb_model_parameter(model, i);
        if (model->entry[i].part & ~g->parts) continue;
        for (int32_t k = 0; k < p.rows * p.cols; k++) {
            sum += (double)p.data[k];
            magnitude += fabs((double)p.data[k]);
        }
        if (strcmp(p.name, "bert.encoder.layer.0.attention.self.key.weight") != 0) continue;
        ck_assert(p.data[0] == g->first && p.data[1] == g->second);
        ck_assert(p.data[p.rows * p.cols - 1] == g->last);
    }
    ck_assert_double_eq_tol(sum, g->sum, 1e-6);
    ck_assert_double_eq_tol(magnitude, g->magnitude, 1e-5);
    eqb_model_free(model);
}

#define NO_POOLER(f) f ": has no pooler: drawn at random, train it before use\n"
#define NO_HEADS(f)                                                                              \
    f ": has no masked-language-model head: drawn at random, train it before use\n"              \
    f ": has no next-sentence head: drawn at random, train it before use\n"
#define UNUSED(f, name) f ": " name " is not used\n"

START_TEST(test_genuine_models)
{
    static const genuine cases[] = {
        {"caikit-tiny-seqcls", "pytorch_model.bin", NULL,
         UNUSED("pytorch_model.bin", "classifier.bias")
         UNUSED("pytorch_model.bin", "classifier.weight") NO_HEADS("pytorch_model.bin"),
         EQB_PART_POOLER, 349.949515, 1727.78737, -0.022845815867185593f, 0.03308755159378052f,
         -0.00022515098680742085f},
        {"camphr-bert-legacy", "pytorch_model.bin", NULL, NO_HEADS("pytorch_model.bin"),
         EQB_PART_POOLER, 82.5737489, 244.814026, -0.002365219173952937f, -0.016937745735049248f,
         -0.007984306663274765f},
        {"camphr-ner-bert-zip", "pytorch_model.bin", NULL, /* 405 tokens, of which it has 402 */
         UNUSED("pytorch_model.bin", "classifier.bias")
         UNUSED("pytorch_model.bin", "classifier.weight") NO_POOLER("pytorch_model.bin")
         NO_HEADS("pytorch_model.bin"), 0, 45.4867842, 204.594734, -0.029408765956759453f,
         0.018073653802275658f, -0.009441097266972065f},
        /* parameters pickled as such */
        {"fastnlp-small-bert-legacy", "small_pytorch_model.bin",
         "found small_pytorch_model.bin: if these are the weights, rename it to pytorch_model.bin",
         NO_HEADS("pytorch_model.bin"), EQB_PART_POOLER, 111.625354, 446.986606,
         -0.0032747734803706408f, -0.010477352887392044f, -0.007755529601126909f},
        {"coldfire-tiny-bert", "model.safetensors", NULL,
         NO_POOLER("model.safetensors") NO_HEADS("model.safetensors"), 0, 165.37701,
         619.264788, 0.015912212431430817f, 0.021287404000759125f, 0.0035732395481318235f},
        {"keras-bert-test-ckpt", "bert_model.ckpt.index", NULL, "", EVERY_PART,
         24.1691856, 32.0359932, -0.025959772989153862f, -0.0017385417595505714f,
         0.016308758407831192f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[128];
        snprintf(name, sizeof name, "data/weights/%s", cases[i].dir);
        const char *dir = shared_path(name);
        if (!dir) continue;
        check_genuine(without_vocabulary(&cases[i]), &cases[i]);
        dir = shared_path(name);
        eqb_model *model = NULL;
        eqb_error err;
        if (cases[i].refused)
            check_load_fails(dir, cases[i].refused);
        else
            ck_assert_msg(eqb_model_load(&model, dir, NULL, &err) == EQB_OK, "%s", err.message);
        eqb_model_free(model);
    }
    const char *dir = shared_path("data/weights/neural-api-tiny-bert");
    if (dir) check_load_fails(dir, "has no config.json");
}
END_TEST

TCase *formats_directory_tests(void)
{
    TCase *tests = tcase_create("directories");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_precedence);
    tcase_add_test(tests, test_shard_faults);
    tcase_add_test(tests, test_other_models);
    tcase_add_test(tests, test_hub_names);
    tcase_add_test(tests, test_hub_cache);
    tcase_add_test(tests, test_genuine_models);
    return tests;
}
