/* Saving in fewer bits and in parts, looking at files, and ./convert. */
#include "tests/formats_testing.h"
#include "tests/programs_testing.h"
#include "tests/weights_testing.h"
#include "weights/convert_dtype.h"
#include "weights/safetensors.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every half is a float that becomes this half again; between two halves lies the tie. */
START_TEST(test_narrow)
{
    static const eqbi_dtype dtypes[] = {EQBI_F16, EQBI_BF16};
    for (int k = 0; k < 2; k++)
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            uint16_t half = (uint16_t)bits, next = (uint16_t)(bits + 1), found;
            float x, y, middle;
            eqbi_widen(&x, &half, dtypes[k], 1);
            eqbi_widen(&y, &next, dtypes[k], 1);
            size_t fits = eqbi_narrow(&found, &x, dtypes[k], 1);
            ck_assert_uint_eq(fits, 1);
            if (isnan(x)) {
                eqbi_widen(&x, &found, dtypes[k], 1);
                ck_assert(isnan(x));
                continue;
            }
            ck_assert_msg(found == half, "%04x became %04x", half, found);
            if ((bits & 0x7fff) == 0x7fff || isinf(x) || !isfinite(y)) continue;
            middle = (float)(((double)x + (double)y) / 2);
            eqbi_narrow(&found, &middle, dtypes[k], 1);
            ck_assert_msg(found == (half & 1 ? next : half), "%04x: the tie became %04x", half,
                          found);
            middle = nextafterf(middle, y);
            eqbi_narrow(&found, &middle, dtypes[k], 1);
            ck_assert_uint_eq(found, next);
        }
    static const float large[] = {1, 65519.99f, 65520, 1};
    uint16_t out[4];
    ck_assert_uint_eq(eqbi_narrow(out, large, EQBI_F16, 4), 2);
    ck_assert_uint_eq(eqbi_narrow(out, large, EQBI_BF16, 4), 4);
    ck_assert_uint_eq(eqbi_narrow(out, &(float){FLT_MAX}, EQBI_BF16, 1), 0);
    ck_assert_uint_eq(eqbi_narrow(out, &(float){INFINITY}, EQBI_F16, 1), 1);
}
END_TEST

/* All sizes around the tiles of the transposing conversion, and where it finds NaN. */
START_TEST(test_transposed_tensors)
{
    static const size_t sizes[] = {1, 2, 31, 32, 33, 127, 128, 129, 260};
    enum { SIZES = sizeof sizes / sizeof *sizes, MOST = 260 * 260 };
    float *from = malloc(MOST * sizeof *from), *to = malloc(MOST * sizeof *to);
    for (size_t i = 0; i < MOST; i++) from[i] = (float)i;
    for (size_t a = 0; a < SIZES; a++)
        for (size_t b = 0; b < SIZES; b++) {
            size_t rows = sizes[a], cols = sizes[b], bad = rows * cols / 2;
            eqbi_file_tensor t = {.data = from, .size = 4 * rows * cols, .shape = {rows, cols},
                                  .dims = 2, .dtype = EQBI_F32, .transposed = true};
            ck_assert_uint_eq(eqbi_convert_tensor(to, &t), rows * cols);
            for (size_t i = 0; i < rows * cols; i++)
                ck_assert(to[i] == from[i % cols * rows + i / cols]);
            from[bad % cols * rows + bad / cols] = NAN;
            ck_assert_uint_eq(eqbi_convert_tensor(to, &t), bad);
            ck_assert(isnan(to[bad]));
            from[bad % cols * rows + bad / cols] = (float)(bad % cols * rows + bad / cols);
        }
    free(from);
    free(to);
}
END_TEST

static size_t tensors_in(const char *dir, eqbi_dtype *dtype)
{
    eqb_error err;
    eqbi_tensor_file file;
    ck_assert_msg(eqbi_safetensors_open(&file, path_in(dir, "model.safetensors"), "f", NULL,
                                        &err) == EQB_OK, "%s", err.message);
    size_t count = file.count;
    *dtype = file.tensor[0].dtype;
    eqbi_tensor_file_close(&file);
    return count;
}

START_TEST(test_save_with)
{
    eqb_error err;
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    static const eqbi_dtype dtypes[] = {[EQB_F32] = EQBI_F32, [EQB_F16] = EQBI_F16,
                                        [EQB_BF16] = EQBI_BF16};
    for (eqb_dtype d = EQB_F32; d <= EQB_BF16; d++) {
        eqbi_dtype found;
        char notes[NOTES_SIZE];
        const char *dir = temporary_dir();
        const eqb_save_options options = {.dtype = d};
        ck_assert_int_eq(eqb_model_save_with(model, dir, &options, &err), EQB_OK);
        ck_assert_uint_eq(tensors_in(dir, &found), (size_t)model->entries);
        ck_assert_int_eq(found, dtypes[d]);
        ck_assert_int_eq(load_noted(&loaded, dir, notes, &err), EQB_OK);
        for (size_t i = 0; i < model->size; i++)
            ck_assert(fabsf(model->block[i] - loaded->block[i]) <= fabsf(model->block[i]) / 256);
        eqb_model_free(loaded);
    }
    model->transform_w.x[3] = 65520;
    const eqb_save_options half = {.dtype = EQB_F16};
    ck_assert_int_eq(eqb_model_save_with(model, temporary_dir(), &half, &err), EQB_ERR_MODEL);
    ck_assert_str_eq(err.message, "cls.predictions.transform.dense.weight has 65520 at index 3, "
                                  "too large for F16");
    eqb_model_free(model);
}
END_TEST

/* A new model has no known parts; those of a loaded one follow its file. */
START_TEST(test_save_parts)
{
    static const struct {
        unsigned parts;
        const char *architecture;
        size_t tensors;
    } cases[] = {{0, "BertModel", 37},
                 {EQB_PART_POOLER, "BertModel", 39},
                 {EQB_PART_MLM, "BertForMaskedLM", 42},
                 {EQB_PART_POOLER | EQB_PART_NSP, "BertForNextSentencePrediction", 41},
                 {EVERY_PART, "BertForPreTraining", 46}};
    eqb_error err;
    const eqb_save_options options = {.known_parts_only = true};
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eqbi_dtype dtype;
        size_t size;
        char notes[NOTES_SIZE];
        const char *dir = temporary_dir();
        model->parts = cases[i].parts;
        ck_assert_int_eq(eqb_model_save_with(model, dir, &options, &err), EQB_OK);
        ck_assert_uint_eq(tensors_in(dir, &dtype), cases[i].tensors);
        char *config = read_file(path_in(dir, "config.json"), &size);
        ck_assert_ptr_nonnull(strstr(config, cases[i].architecture));
        free(config);
        ck_assert_int_eq(load_noted(&loaded, dir, notes, &err), EQB_OK);
        ck_assert_uint_eq(eqb_model_parts(loaded), cases[i].parts);
        ck_assert(same_parameters(model, loaded, EVERY_PART & ~cases[i].parts));
        eqb_model_free(loaded);
    }
    eqb_model_free(model);
}
END_TEST

/* Weights of another format and another model lie in the directory that is saved over: at no time
 * do they count. */
START_TEST(test_save_over_another_format)
{
    eqb_error err;
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    const char *dir = temporary_dir();
    write_text(dir, "config.json", "{}");
    write_text(dir, "pytorch_model.bin", "x");
    ck_assert_int_eq(eqb_model_save(model, dir, &err), EQB_OK);
    ck_assert_int_eq(eqb_model_load(&loaded, dir, NULL, &err), EQB_OK);
    ck_assert(same_parameters(model, loaded, 0));
    write_text(dir, "model.safetensors", "");
    check_load_fails(dir, "model.safetensors: has 0 bytes, too few for a header");
    eqb_model_free(loaded);
    eqb_model_free(model);
}
END_TEST

/* -------------------------------------------------------------------------------- inspecting -- */

static void take_report(void *user, const eqb_tensor_report *r)
{
    static const char *const uses[] = {"used", "ignored", "unused", "missing", "refused"};
    bytes *lines = user;
    char line[512];
    snprintf(line, sizeof line, "%s|%s|%s|%s|%s|%s|%llu %llu %llu|%g %g %g %g\n", r->name, r->shape,
             r->dtype, uses[r->use], r->parameter ? r->parameter : "", r->reason ? r->reason : "",
             (unsigned long long)r->count, (unsigned long long)r->nan,
             (unsigned long long)r->infinite, r->min, r->max, r->mean, r->deviation);
    put_text(lines, line);
}

START_TEST(test_inspect)
{
    static const float bias[] = {1, NAN, 5, -INFINITY}, narrow[] = {0, 0, 0}, word[32] = {1};
    static const double gamma[] = {3, 3, 3, 3};
    static const int64_t ids[] = {0, 1};
    const eqbi_file_tensor list[] = {
        {.name = "bert.embeddings.LayerNorm.beta", .data = bias, .dims = 1, .shape = {4},
         .dtype = EQBI_F32},
        {.name = "bert.embeddings.LayerNorm.gamma", .data = gamma, .dims = 1, .shape = {4},
         .dtype = EQBI_F64},
        {.name = "bert.embeddings.position_ids", .data = ids, .dims = 2, .shape = {1, 2},
         .dtype = EQBI_I64},
        {.name = "bert.embeddings.word_embeddings.weight", .data = word, .dims = 2,
         .shape = {8, 4}, .dtype = EQBI_F32},
        {.name = "bert.pooler.dense.bias", .data = narrow, .dims = 1, .shape = {3},
         .dtype = EQBI_F32},
        {.name = "classifier.bias", .data = narrow, .dims = 1, .shape = {3}, .dtype = EQBI_F32},
        {.name = "cls.predictions.decoder.weight", .data = word, .dims = 2, .shape = {8, 4},
         .dtype = EQBI_F32},
    };
    static const char *const expected[] = {
        "bert.embeddings.LayerNorm.beta|4|F32|refused|bert.embeddings.LayerNorm.bias|has NaN or "
        "infinity|4 1 1|1 5 3 2\n",
        "bert.embeddings.LayerNorm.gamma|4|F64|used|bert.embeddings.LayerNorm.weight|converted to "
        "F32|4 0 0|3 3 3 0\n",
        "bert.embeddings.position_ids|1,2|I64|ignored||a constant, or of an optimizer|0 0 0|0 0 0 "
        "0\n",
        "bert.embeddings.word_embeddings.weight|8,4|F32|used|"
        "bert.embeddings.word_embeddings.weight||32 0 0|0 1 0.03125 0.173993\n",
        "bert.pooler.dense.bias|3|F32|refused|bert.pooler.dense.bias|model.safetensors: "
        "bert.pooler.dense.bias is [3], expected [4]|3 0 0|0 0 0 0\n",
        "classifier.bias|3|F32|unused||belongs to nothing here|3 0 0|0 0 0 0\n",
        "cls.predictions.decoder.weight|8,4|F32|ignored|bert.embeddings.word_embeddings.weight|"
        "another tensor is this parameter|32 0 0|0 1 0.03125 0.173993\n",
        "bert.embeddings.position_embeddings.weight|5,4||refused|"
        "bert.embeddings.position_embeddings.weight|missing|0 0 0|0 0 0 0\n",
        "cls.seq_relationship.bias|2||missing|cls.seq_relationship.bias|missing: drawn at random|0 "
        "0 0|0 0 0 0\n",
    };
    eqb_error err;
    eqbi_output out;
    bytes lines = {0};
    eqb_model *model = make_small_model(3, true, NULL);
    const char *dir = saved_dir(model);
    ck_assert_int_eq(eqbi_output_create(&out, path_in(dir, "model.safetensors"), &err), EQB_OK);
    ck_assert_int_eq(eqbi_safetensors_write(&out, list, 7, NULL, &err), EQB_OK);
    ck_assert_int_eq(eqbi_output_commit(&out, &err), EQB_OK);
    ck_assert_int_eq(eqb_model_inspect(dir, NULL, take_report, &lines, &err), EQB_OK);
    put(&lines, "", 1);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_msg(strstr((char *)lines.data, expected[i]) != NULL, "no %s in\n%s", expected[i],
                      (char *)lines.data);
    ck_assert_int_eq(eqb_model_inspect("no/such", NULL, take_report, &lines, &err), EQB_ERR_IO);
    ck_assert_int_eq(eqb_model_inspect(temporary_dir(), NULL, take_report, &lines, &err),
                     EQB_ERR_MODEL);
    free(lines.data);
    eqb_model_free(model);
}
END_TEST

START_TEST(test_inspect_without_memory)
{
    eqb_model *model = make_small_model(3, true, NULL);
    char dir[4096];
    strcpy(dir, saved_dir(model));
    eqb_model_free(model);
    test_allocator memory;
    test_allocator_init(&memory);
    eqb_status status = EQB_ERR_NOMEM;
    for (memory.fail_at = 1; status != EQB_OK; memory.fail_at++) {
        eqb_error err;
        bytes lines = {0};
        memory.calls = 0;
        status = eqb_model_inspect(dir, &memory.base, take_report, &lines, &err);
        ck_assert_msg(status == EQB_OK || status == EQB_ERR_NOMEM, "%s", err.message);
        ck_assert_uint_eq(memory.live_blocks, 0);
        free(lines.data);
    }
    ck_assert_uint_gt(memory.fail_at, 8);
}
END_TEST

/* --------------------------------------------------------------------------------- ./convert -- */

START_TEST(test_program)
{
    eqb_error err;
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    char from[4096], to[4096];
    strcpy(from, saved_dir(model));
    strcpy(to, fresh_path());
    char *said = expect_output(ARGS("convert", from, to));
    ck_assert_ptr_nonnull(strstr(said, "parts       encoder, pooler, masked-language-model head, "
                                       "next-sentence head\n"));
    free(said);
    ck_assert_int_eq(eqb_model_load(&loaded, to, NULL, &err), EQB_OK);
    ck_assert(same_parameters(model, loaded, 0));
    eqb_model_free(loaded);
    free(expect_output(ARGS("convert", "--dtype", "f16", from, to)));
    said = expect_output(ARGS("convert", "--check", to));
    ck_assert_ptr_nonnull(strstr(said, "used: converted to F32\n"));
    ck_assert_ptr_nonnull(strstr(said, "\n46 used, 0 ignored, 0 not used, 0 missing, 0 refused; "));
    ck_assert_ptr_nonnull(strstr(said, " can be loaded\n"));
    free(said);
    model->word.x[1] = NAN;
    ck_assert_int_eq(eqb_model_save(model, from, &err), EQB_OK);
    expect_code(ARGS("convert", "--check", from), 3,
                "bert.embeddings.word_embeddings.weight is NaN at index 1");
    expect_code(ARGS("convert", from, to), 3, "is NaN at index 1");
    expect_code(ARGS("convert", from), 1, "expected FROM and TO");
    expect_code(ARGS("convert", from, from), 1, "are the same directory");
    expect_code(ARGS("convert", "--check", from, to), 1, "--check takes one directory");
    expect_code(ARGS("convert", "--dtype", "f64", from, to), 1, "is not one of f32,f16,bf16");
    eqb_model_free(model);
}
END_TEST

TCase *formats_convert_tests(void)
{
    TCase *tests = tcase_create("convert");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_narrow);
    tcase_add_test(tests, test_transposed_tensors);
    tcase_add_test(tests, test_save_with);
    tcase_add_test(tests, test_save_parts);
    tcase_add_test(tests, test_save_over_another_format);
    tcase_add_test(tests, test_inspect);
    tcase_add_test(tests, test_inspect_without_memory);
    tcase_add_test(tests, test_program);
    return tests;
}
