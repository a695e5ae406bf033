/* One model in every format and number type that is read, and from there in every number type that
 * is written: the same numbers and answers. tests/formats_oracle.py does it with PyTorch.        */
#include "tests/formats_models.h"
#include "tests/formats_testing.h"
#include "tests/testing.h"
#include "tests/weights_testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const eqbi_dtype dtypes[] = {EQBI_F32, EQBI_F16, EQBI_BF16, EQBI_F64};

/* Eighths are exact in all number types. */
static eqb_model *make_exact_model(void)
{
    eqb_model *model = make_small_model(11, true, NULL);
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
        eqb_parameter p = eqb_model_parameter(model, i);
        for (int32_t k = 0; k < p.rows * p.cols; k++)
            p.data[k] = roundf(40.0f * p.data[k]) / 8.0f + (float)(k % 3) / 8.0f;
    }
    return model;
}

static void write_safetensors(const char *dir, const eqb_model *model, eqbi_dtype dtype)
{
    write_part(dir, "model.safetensors", model, dtype, 0, 1);
}

static void write_safetensors_shards(const char *dir, const eqb_model *model, eqbi_dtype dtype)
{
    write_part(dir, "a-0", model, dtype, 0, 2);
    write_part(dir, "a-1", model, dtype, 1, 2);
    write_index(dir, "model.safetensors.index.json", model, "a-%d", 2);
}

static void write_zip(const char *dir, const eqb_model *model, eqbi_dtype dtype)
{
    write_torch_part(dir, "pytorch_model.bin", model, ZIP, dtype, "", 0, 1);
}

static void write_legacy(const char *dir, const eqb_model *model, eqbi_dtype dtype)
{
    write_torch_part(dir, "pytorch_model.bin", model, LEGACY, dtype, "module.", 0, 1);
}

static void write_torch_shards(const char *dir, const eqb_model *model, eqbi_dtype dtype)
{
    write_torch_part(dir, "b-0", model, ZIP, dtype, "", 0, 3);
    write_torch_part(dir, "b-1", model, LEGACY, dtype, "", 1, 3);
    write_torch_part(dir, "b-2", model, ZIP, dtype, "", 2, 3);
    write_index(dir, "pytorch_model.bin.index.json", model, "b-%d", 3);
}

static const struct {
    const char *name;
    void (*write)(const char *dir, const eqb_model *model, eqbi_dtype dtype);
} formats[] = {{"safetensors", write_safetensors},
               {"safetensors in shards", write_safetensors_shards},
               {"torch zip", write_zip},
               {"torch legacy", write_legacy},
               {"torch in shards", write_torch_shards},
               {"TensorFlow", write_tensorflow}};
enum { FORMATS = sizeof formats / sizeof *formats, DTYPES = sizeof dtypes / sizeof *dtypes };

/* MLM and NSP logits of a pair of segments: 4 rows of 8, then 2. */
enum { ANSWERS = 4 * 8 + 2 };
static void ask(const eqb_model *model, float out[ANSWERS])
{
    static const int32_t start[] = {0, 4}, ids[] = {2, 5, 4, 3}, types[] = {0, 0, 1, 1};
    static const int32_t rows[] = {0, 1, 2, 3};
    const eqb_batch batch = {1, start, ids, types};
    eqb_session *s;
    const float *logits;
    eqb_error err;
    ck_assert_int_eq(eqb_session_new(&s, model, NULL, &err), EQB_OK);
    ck_assert_int_eq(eqb_session_forward(s, &batch, &err), EQB_OK);
    ck_assert_int_eq(eqb_session_mlm_logits(s, rows, 4, &logits, &err), EQB_OK);
    memcpy(out, logits, 4 * 8 * sizeof *out);
    ck_assert_int_eq(eqb_session_nsp_logits(s, &logits, &err), EQB_OK);
    memcpy(out + 4 * 8, logits, 2 * sizeof *out);
    eqb_session_free(s);
}

static void check_same(const char *dir, const eqb_model *expected, const char *what)
{
    eqb_error err;
    eqb_model *model;
    float a[ANSWERS], b[ANSWERS];
    ck_assert_msg(eqb_model_load(&model, dir, NULL, &err) == EQB_OK, "%s: %s", what, err.message);
    ck_assert_msg(same_parameters(expected, model, 0), "%s: other numbers", what);
    ck_assert_uint_eq(eqb_model_parts(model), EVERY_PART);
    ask(expected, a);
    ask(model, b);
    ck_assert_msg(memcmp(a, b, sizeof a) == 0, "%s: other answers", what);
    eqb_model_free(model);
}

/* _i: a format and a number type */
START_TEST(test_every_pair)
{
    int format = _i / DTYPES;
    eqbi_dtype dtype = dtypes[_i % DTYPES];
    eqb_model *model = make_exact_model(), *loaded;
    eqb_error err;
    char dir[4096], what[128];
    strcpy(dir, saved_dir(model));
    remove(path_in(dir, "model.safetensors"));
    formats[format].write(dir, model, dtype);
    snprintf(what, sizeof what, "%s, %s", formats[format].name, eqbi_dtype_name(dtype));
    check_same(dir, model, what);
    ck_assert_int_eq(eqb_model_load(&loaded, dir, NULL, &err), EQB_OK);
    for (eqb_dtype to = EQB_F32; to <= EQB_BF16; to++) {
        const char *target = temporary_dir();
        const eqb_save_options save = {.dtype = to};
        ck_assert_int_eq(eqb_model_save_with(loaded, target, &save, &err), EQB_OK);
        check_same(target, model, what);
    }
    eqb_model_free(loaded);
    eqb_model_free(model);
}
END_TEST

TCase *formats_pairs_tests(void)
{
    TCase *tests = tcase_create("pairs of formats");
    tcase_add_loop_test(tests, test_every_pair, 0, FORMATS * DTYPES);
    return tests;
}
