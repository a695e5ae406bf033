/* Loading files whose tensors have other names, are missing, wrong, or of another dtype. */
#include "base/file.h"
#include "tests/test_weights.h"
#include "tests/testing.h"
#include "tests/weights_testing.h"
#include "weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What happens to one tensor on its way into a file; false leaves it out. name may be rewritten. */
typedef bool (*change)(eqbi_file_tensor *t, char name[128], const void *arg);

static const char *changed_dir(const eqb_model *model, change f, const void *arg,
                               const eqbi_file_tensor *extra)
{
    char names[64][128];
    eqbi_file_tensor list[64];
    size_t count = 0;
    eqb_error err;
    const char *dir = saved_dir(model);
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
        eqb_parameter p = eqb_model_parameter(model, i);
        uint64_t rows = (uint64_t)p.rows, cols = (uint64_t)p.cols;
        eqbi_file_tensor t = {.name = strcpy(names[count], p.name),
                            .data = p.data,
                            .shape = {p.dims == 1 ? cols : rows, cols},
                            .dims = (uint8_t)p.dims,
                            .dtype = EQBI_F32};
        if (f(&t, names[count], arg)) list[count++] = t;
    }
    if (extra) list[count++] = *extra;
    eqbi_output out;
    ck_assert_int_eq(eqbi_output_create(&out, path_in(dir, "model.safetensors"), &err), EQB_OK);
    ck_assert_int_eq(eqbi_safetensors_write(&out, list, count, NULL, &err), EQB_OK);
    ck_assert_int_eq(eqbi_output_commit(&out, &err), EQB_OK);
    return dir;
}

static bool unchanged(eqbi_file_tensor *t, char name[128], const void *arg)
{
    (void)t, (void)name, (void)arg;
    return true;
}

/* arg: ending of the name, what replaces it, ending, ... NULL */
static bool rename_endings(eqbi_file_tensor *t, char name[128], const void *arg)
{
    (void)t;
    for (const char *const *pair = arg; pair[0]; pair += 2) {
        size_t length = strlen(name), tail = strlen(pair[0]);
        if (length >= tail && strcmp(name + length - tail, pair[0]) == 0)
            strcpy(name + length - tail, pair[1]);
    }
    return true;
}

static bool add_prefix(eqbi_file_tensor *t, char name[128], const void *arg)
{
    (void)t;
    char whole[128];
    snprintf(whole, sizeof whole, "%s%s", (const char *)arg, name);
    strcpy(name, whole);
    return true;
}

/* BertModel: no prefix, no heads */
static bool bare_encoder(eqbi_file_tensor *t, char name[128], const void *arg)
{
    (void)t, (void)arg;
    if (strncmp(name, "bert.", 5) != 0) return false;
    memmove(name, name + 5, strlen(name) - 4);
    return true;
}

/* arg: the start of the names that are left out */
static bool drop(eqbi_file_tensor *t, char name[128], const void *arg)
{
    (void)t;
    return strncmp(name, arg, strlen(arg)) != 0;
}

/* arg: a tensor that takes the place of the one with its name */
static bool replace(eqbi_file_tensor *t, char name[128], const void *arg)
{
    const eqbi_file_tensor *other = arg;
    if (strcmp(name, other->name) == 0) *t = *other;
    return true;
}

START_TEST(test_names)
{
    static const char *const legacy[] = {"LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias",
                                         "LayerNorm.beta", NULL};
    static const char *const second[] = {"predictions.bias", "predictions.decoder.bias", NULL};
    const struct {
        change f;
        const void *arg;
        unsigned parts;
    } cases[] = {{unchanged, NULL, EVERY_PART},
                 {rename_endings, legacy, EVERY_PART},
                 {rename_endings, second, EVERY_PART},
                 {add_prefix, "module.", EVERY_PART},
                 {add_prefix, "_orig_mod.module.", EVERY_PART},
                 {bare_encoder, NULL, EQB_PART_POOLER},
                 {drop, "bert.pooler.", EQB_PART_MLM | EQB_PART_NSP},
                 {drop, "cls.seq", EQB_PART_POOLER | EQB_PART_MLM},
                 {drop, "cls.predictions.bias", EQB_PART_POOLER | EQB_PART_NSP}};
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    eqb_model *other = make_small_model(9, true, NULL);
    model->decoder_b.x[2] = 0.5f;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqb_error err;
        char notes[NOTES_SIZE];
        const char *dir = changed_dir(model, cases[i].f, cases[i].arg, NULL);
        ck_assert_msg(load_noted(&loaded, dir, notes, &err) == EQB_OK, "%zu: %s", i, err.message);
        ck_assert_uint_eq(eqb_model_parts(loaded), cases[i].parts);
        ck_assert(same_parameters(model, loaded, EVERY_PART & ~cases[i].parts));
        if (cases[i].parts == EVERY_PART) ck_assert_str_eq(notes, "");
        /* what is missing is what a new model with the load's seed has */
        if (!(cases[i].parts & EQB_PART_POOLER))
            ck_assert_mem_eq(loaded->pool_w.x, other->pool_w.x, eqbi_size(&other->pool_w) * 4);
        if (!(cases[i].parts & EQB_PART_NSP))
            ck_assert_mem_eq(loaded->nsp_w.x, other->nsp_w.x, eqbi_size(&other->nsp_w) * 4);
        eqb_model_free(loaded);
    }
    eqb_model_free(model);
    eqb_model_free(other);
}
END_TEST

START_TEST(test_notes)
{
    static const int64_t ids[5];
    static const float zeros[8];
    const struct {
        eqbi_file_tensor extra;
        const char *notes;
    } cases[] = {
        {{.name = "bert.embeddings.position_ids", .data = ids, .dims = 2, .shape = {1, 5},
          .dtype = EQBI_I64}, ""},
        {{.name = "classifier.weight", .data = ids, .dims = 2, .shape = {2, 4}, .dtype = EQBI_U8},
         "model.safetensors: classifier.weight is not used\n"},
        {{.name = "cls.predictions.decoder.bias", .data = zeros, .dims = 1, .shape = {8},
          .dtype = EQBI_F32}, ""},
    };
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    eqb_error err;
    char notes[NOTES_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *dir = changed_dir(model, unchanged, NULL, &cases[i].extra);
        ck_assert_msg(load_noted(&loaded, dir, notes, &err) == EQB_OK, "%s", err.message);
        ck_assert_str_eq(notes, cases[i].notes);
        ck_assert(same_parameters(model, loaded, 0));
        eqb_model_free(loaded);
    }
    const char *dir = changed_dir(model, drop, "cls.", NULL);
    ck_assert_int_eq(load_noted(&loaded, dir, notes, &err), EQB_OK);
    ck_assert_str_eq(notes,
                     "model.safetensors: has no masked-language-model head: drawn at random, train "
                     "it before use\n"
                     "model.safetensors: has no next-sentence head: drawn at random, train it "
                     "before use\n");
    eqb_model_free(loaded);
    eqb_model_free(model);
}
END_TEST

/* arg: the name of a tensor; it alone is left out */
static bool omit(eqbi_file_tensor *t, char name[128], const void *arg)
{
    (void)t;
    return strcmp(name, arg) != 0;
}

#define CONFIG(tied)                                                                             \
    "{\"vocab_size\":8,\"hidden_size\":4,\"num_hidden_layers\":2,\"num_attention_heads\":2,"      \
    "\"intermediate_size\":6,\"max_position_embeddings\":5,\"tie_word_embeddings\":" tied "}"

/* The six ways in which config.json, word embeddings and decoder can stand to each other. */
START_TEST(test_decoder)
{
    static const char differs[] = "model.safetensors: " EQBI_DECODER
                                  " differs from the word embeddings and is not tied to them\n";
    static const char missing[] =
        "config.json: key \"tie_word_embeddings\" is false, but model.safetensors has no " EQBI_DECODER
        "\nmodel.safetensors: has no masked-language-model head: drawn at random, train it before "
        "use\n";
    static const float other[32] = {1, 2, 3};
    eqb_model *model = make_small_model(3, true, NULL), *loaded, *again;
    const struct {
        const char *config, *left_out;
        const float *decoder; /* NULL: none */
        bool untied;
        const char *notes;
    } cases[] = {{CONFIG("true"), "", model->word.x, false, ""},
                 {CONFIG("true"), "", other, true, differs},
                 {CONFIG("true"), EQBI_WORD_EMBEDDINGS, model->word.x, false, ""},
                 {CONFIG("false"), "", model->word.x, true, ""},
                 {CONFIG("false"), "", other, true, ""},
                 {CONFIG("false"), "", NULL, false, missing}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const eqbi_file_tensor decoder = {.name = EQBI_DECODER, .data = cases[i].decoder,
                                          .dims = 2, .shape = {8, 4}, .dtype = EQBI_F32};
        char notes[NOTES_SIZE];
        eqb_error err;
        const char *dir =
            changed_dir(model, omit, cases[i].left_out, decoder.data ? &decoder : NULL);
        write_text(dir, "config.json", cases[i].config);
        ck_assert_msg(load_noted(&loaded, dir, notes, &err) == EQB_OK, "%s", err.message);
        ck_assert_str_eq(notes, cases[i].notes);
        ck_assert(loaded->config.untied_decoder == cases[i].untied);
        ck_assert(same_parameters(model, loaded, 0));
        ck_assert_uint_eq(loaded->parts, EVERY_PART & ~(decoder.data ? 0u : EQB_PART_MLM));
        if (decoder.data) ck_assert_mem_eq(loaded->decoder_w->x, decoder.data, sizeof other);
        dir = saved_dir(loaded);
        ck_assert_msg(load_noted(&again, dir, notes, &err) == EQB_OK, "%s", err.message);
        ck_assert_str_eq(notes, "");
        ck_assert(again->config.untied_decoder == cases[i].untied);
        ck_assert(same_parameters(loaded, again, 0));
        eqb_model_free(again);
        eqb_model_free(loaded);
    }
    const char *dir = changed_dir(model, omit, EQBI_WORD_EMBEDDINGS,
                                  &(eqbi_file_tensor){.name = EQBI_DECODER, .data = other,
                                                      .dims = 2, .shape = {8, 4},
                                                      .dtype = EQBI_F32});
    write_text(dir, "config.json", CONFIG("false"));
    check_load_fails(dir, "model.safetensors: " EQBI_WORD_EMBEDDINGS " is missing");
    eqb_model_free(model);
}
END_TEST

/* transformers computes with the decoder's. */
START_TEST(test_two_biases)
{
    static const float other[8] = {1};
    eqbi_file_tensor bias = {.name = "cls.predictions.decoder.bias", .data = other, .dims = 1,
                             .shape = {8}, .dtype = EQBI_F32};
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    char notes[NOTES_SIZE];
    eqb_error err;
    const char *dir = changed_dir(model, unchanged, NULL, &bias);
    ck_assert_msg(load_noted(&loaded, dir, notes, &err) == EQB_OK, "%s", err.message);
    ck_assert_str_eq(notes, "model.safetensors: cls.predictions.bias differs from "
                            "cls.predictions.decoder.bias and is not used\n");
    ck_assert_mem_eq(loaded->decoder_b.x, other, sizeof other);
    eqb_model_free(loaded);
    bias.shape[0] = 7;
    check_load_fails(changed_dir(model, unchanged, NULL, &bias),
                     "model.safetensors: cls.predictions.decoder.bias is [7], expected [8]");
    eqb_model_free(model);
}
END_TEST

START_TEST(test_wrong_tensors)
{
    static const float zeros[64];
    static const struct {
        eqbi_file_tensor tensor;
        const char *message;
    } cases[] = {
        {{.name = "bert.encoder.layer.1.attention.output.dense.weight", .data = zeros, .dims = 2,
          .shape = {4, 3}, .dtype = EQBI_F32},
         "model.safetensors: bert.encoder.layer.1.attention.output.dense.weight is [4,3], expected "
         "[4,4]"},
        {{.name = "bert.embeddings.LayerNorm.bias", .data = zeros, .dims = 2, .shape = {1, 4},
          .dtype = EQBI_F32},
         "model.safetensors: bert.embeddings.LayerNorm.bias is [1,4], expected [4]"},
        {{.name = "bert.embeddings.LayerNorm.bias", .data = zeros, .dims = 0, .dtype = EQBI_F32},
         "model.safetensors: bert.embeddings.LayerNorm.bias is [], expected [4]"},
        {{.name = "cls.predictions.bias", .data = zeros, .dims = 1, .shape = {8},
          .dtype = EQBI_I32},
         "model.safetensors: cls.predictions.bias is I32, expected F32, F16, BF16 or F64"},
        {{.name = "cls.predictions.bias", .data = zeros, .dims = 1, .shape = {8},
          .dtype = EQBI_F8_E4M3},
         "model.safetensors: cls.predictions.bias is F8_E4M3, expected F32, F16, BF16 or F64"},
    };
    eqb_model *model = make_small_model(3, true, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_load_fails(changed_dir(model, replace, &cases[i].tensor, NULL), cases[i].message);
    const char *missing = "bert.encoder.layer.1.output.dense.bias";
    check_load_fails(changed_dir(model, drop, missing, NULL),
                "model.safetensors: bert.encoder.layer.1.output.dense.bias is missing");
    model->layer[1].norm2_b.x[3] = NAN;
    model->nsp_w.x[5] = -INFINITY;
    check_load_fails(saved_dir(model),
                "model.safetensors: bert.encoder.layer.1.output.LayerNorm.bias is NaN at index 3");
    model->layer[1].norm2_b.x[3] = 0;
    check_load_fails(saved_dir(model),
                "model.safetensors: cls.seq_relationship.weight is infinite at index 5");
    eqb_model_free(model);
}
END_TEST

/* arg: a dtype; every number becomes 1 */
static bool all_ones(eqbi_file_tensor *t, char name[128], const void *arg)
{
    static uint16_t f16[32], bf16[32];
    static double f64[32];
    (void)name;
    for (int i = 0; i < 32; i++) f16[i] = 0x3c00, bf16[i] = 0x3f80, f64[i] = 1;
    t->dtype = *(const uint8_t *)arg;
    t->data = t->dtype == EQBI_F16 ? (void *)f16 : t->dtype == EQBI_BF16 ? (void *)bf16 : f64;
    return true;
}

START_TEST(test_dtypes)
{
    static const uint8_t dtypes[] = {EQBI_F16, EQBI_BF16, EQBI_F64};
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    for (size_t i = 0; i < sizeof dtypes; i++) {
        eqb_error err;
        char notes[NOTES_SIZE];
        const char *dir = changed_dir(model, all_ones, &dtypes[i], NULL);
        ck_assert_msg(load_noted(&loaded, dir, notes, &err) == EQB_OK, "%s", err.message);
        for (int32_t k = 0; k < eqb_model_parameter_count(loaded); k++) {
            eqb_parameter p = eqb_model_parameter(loaded, k);
            for (int32_t j = 0; j < p.rows * p.cols; j++) ck_assert(p.data[j] == 1.0f);
        }
        eqb_model_free(loaded);
    }
    eqb_model_free(model);
}
END_TEST

TCase *weights_tensors_tests(void)
{
    TCase *tests = tcase_create("tensors");
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_notes);
    tcase_add_test(tests, test_decoder);
    tcase_add_test(tests, test_two_biases);
    tcase_add_test(tests, test_wrong_tensors);
    tcase_add_test(tests, test_dtypes);
    return tests;
}
