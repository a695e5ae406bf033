/* BERT against transformers: hidden states, heads, losses, the gradient of every parameter and ten
 * steps of AdamW, in float64 by tests/make_golden.py, which also says what is in its files.      */
#include "tests/testing.h"

#include "engine/model.h"
#include "trainer/equibert_train.h"
#include "weights/json.h"
#include "weights/safetensors.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"gelu", "gelu_new", "relu"};
enum { NAMES = sizeof names / sizeof *names, MAX_VALUES = 1 << 14 };

/* ----------------------------------------------------------------------------- a golden file -- */

static eqbi_tensor_file file;
static eqb_model *model;
static eqb_batch batch;
static const int32_t *rows, *labels, *next_labels;
static int32_t row_count, pair_count;
static eqb_pair_rows pairs[64];

/* The values of a tensor that must be there in this type; its shape is the caller's to know. */
static const void *values(eqbi_dtype dtype, const char *name, int32_t *count)
{
    const eqbi_file_tensor *t = eqbi_tensor_file_find(&file, name);
    ck_assert_msg(t && t->dtype == dtype && (uintptr_t)t->data % 4 == 0, "%s", name);
    if (count) *count = (int32_t)t->shape[0];
    return t->data;
}

static const float *golden(const char *prefix, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return values(EQBI_F32, full, NULL);
}

static void load_golden(const char *name)
{
    char path[64];
    eqb_error err = {0};
    snprintf(path, sizeof path, "tests/golden/%s.safetensors", name);
    eqb_status status = eqbi_safetensors_open(&file, path, name, NULL, &err);
    ck_assert_msg(status == EQB_OK, "%s", err.message);
    const int32_t *c = values(EQBI_I32, "config", NULL);
    const float *epsilon = golden("", "layer_norm_eps");
    eqb_config config = {c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], (eqb_activation)c[8],
                         .layer_norm_eps = *epsilon};
    ck_assert_int_eq(eqb_model_new(&model, &config, NULL, NULL, &err), EQB_OK);
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
        eqb_parameter p = eqb_model_parameter(model, i);
        memcpy(p.data, golden("param.", p.name), sizeof(float) * (size_t)(p.rows * p.cols));
    }
    batch = (eqb_batch){.ids = values(EQBI_I32, "ids", NULL),
                        .types = values(EQBI_I32, "types", NULL)};
    batch.start = values(EQBI_I32, "start", &batch.sequences);
    batch.sequences--;
    rows = values(EQBI_I32, "rows", &row_count);
    labels = values(EQBI_I32, "labels", NULL);
    next_labels = values(EQBI_I32, "next_labels", NULL);
    const int32_t *pair = values(EQBI_I32, "pairs", &pair_count);
    for (int32_t i = 0; i < pair_count; i++)
        pairs[i] = (eqb_pair_rows){pair[2 * i], pair[2 * i + 1], NULL, 0, 1.0f};
}

static void unload_golden(void)
{
    eqb_model_free(model);
    eqbi_tensor_file_close(&file);
}

static void check_values(const char *what, const float *found, const float *expected, int32_t count)
{
    ck_assert_msg(found != NULL, "%s", what);
    for (int32_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - (double)expected[i]) <= 1e-5))
            ck_abort_msg("%s [%d]: %.8g, expected %.8g", what, i, (double)found[i],
                         (double)expected[i]);
}

START_TEST(test_forward)
{
    load_golden(names[_i]);
    const eqb_config *c = eqb_model_config(model);
    int32_t b = batch.sequences, n = batch.start[b], h = c->hidden_size;
    eqb_session *s;
    const float *x;
    ck_assert_int_eq(
        eqb_session_new(&s, model, &(eqb_session_options){.keep_hidden = true}, NULL), EQB_OK);
    ck_assert_int_eq(eqb_session_forward(s, &batch, NULL), EQB_OK);
    for (int32_t layer = 0; layer <= c->num_layers; layer++) {
        char name[32];
        snprintf(name, sizeof name, "hidden.%d", layer);
        check_values(name, eqb_session_hidden(s, layer), golden("", name), n * h);
    }
    ck_assert_int_eq(eqb_session_pooled(s, &x, NULL), EQB_OK);
    check_values("pooled", x, golden("", "pooled"), b * h);
    ck_assert_int_eq(eqb_session_mlm_logits(s, rows, row_count, &x, NULL), EQB_OK);
    check_values("mlm", x, golden("", "mlm"), row_count * c->vocab_size);
    ck_assert_int_eq(eqb_session_nsp_logits(s, &x, NULL), EQB_OK);
    check_values("nsp", x, golden("", "nsp"), b * 2);
    eqb_session_free(s);
    unload_golden();
}
END_TEST

/* One forward and backward pass; the means of the three losses in loss[3]. Returns their sum. */
static double backward(graph *g, double loss[3])
{
    int32_t labelled = 0, next = 0;
    for (int32_t i = 0; i < row_count; i++) labelled += labels[i] >= 0;
    for (int32_t i = 0; i < batch.sequences; i++) next += next_labels[i] >= 0;
    eqb_graph_begin(g, EQB_MODE_TRAIN, 0, 0);
    eqb_tensor *hidden = eqb_bert_encoder(g, model, &batch);
    eqb_tensor *mlm = eqb_bert_mlm(g, model, hidden, rows, row_count);
    eqb_tensor *nsp = eqb_bert_nsp(g, model, eqb_bert_pooler(g, model, hidden, &batch));
    loss[0] = eqb_loss_mlm(g, mlm, labels, NULL, EQB_LABEL_CROSS_ENTROPY, 1.0f / (float)labelled);
    loss[1] = eqb_loss_nsp(g, nsp, next_labels, NULL, 1.0f / (float)next);
    loss[2] = eqb_loss_pair(g, mlm, pairs, pair_count, EQB_PAIR_MSE, NULL, 0,
                            1.0f / (float)pair_count);
    eqb_error err = {0};
    eqb_status status = eqb_graph_backward(g, NULL, 0.0f, &err);
    ck_assert_msg(status == EQB_OK, "%s", err.message);
    loss[0] /= labelled, loss[1] /= next, loss[2] /= pair_count;
    return loss[0] + loss[1] + loss[2];
}

/* Within 3e-5 of each gradient's norm. That of a key's bias is 0 but for rounding, as softmax does
 * not see a constant; so the bar also leaves 1e-6 of the largest norm. */
START_TEST(test_gradients)
{
    load_golden(names[_i]);
    const double *expected_loss = values(EQBI_F64, "losses", NULL);
    double loss[3], largest = 0.0;
    graph *g;
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
    ck_assert_int_eq(eqb_model_gradients(model, NULL), EQB_OK);
    backward(g, loss);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(loss[i], expected_loss[i], 1e-5 * expected_loss[i]);
    for (int pass = 0; pass < 2; pass++) { /* first the largest norm, then the comparison */
        for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
            eqb_parameter p = eqb_model_parameter(model, i);
            const float *expected = golden("grad.", p.name);
            double norm = 0.0, error = 0.0;
            for (int32_t k = 0; k < p.rows * p.cols; k++) {
                norm += pow((double)expected[k], 2.0);
                error += pow((double)p.gradient[k] - (double)expected[k], 2.0);
            }
            if (pass == 0) largest = fmax(largest, sqrt(norm));
            ck_assert_msg(pass == 0 || sqrt(error) <= 3e-5 * sqrt(norm) + 1e-6 * largest,
                          "%s: %.2e off, norm %.2e", p.name, sqrt(error), sqrt(norm));
        }
    }
    eqb_graph_free(g);
    unload_golden();
}
END_TEST

/* As torch.optim.AdamW and get_linear_schedule_with_warmup do it, ten times over. */
START_TEST(test_training)
{
    enum { STEPS = 10 };
    load_golden(names[_i]);
    const double *losses = values(EQBI_F64, "training", NULL);
    const double *norms = values(EQBI_F64, "norms", NULL);
    eqb_optimizer_options options;
    eqb_optimizer *o;
    graph *g;
    eqb_optimizer_options_default(&options);
    options.learning_rate = 1e-3;
    options.warmup = 0.2;
    ck_assert_int_eq(eqb_graph_new(&g, NULL, NULL), EQB_OK);
    ck_assert_int_eq(eqb_optimizer_new(&o, model, &options, NULL), EQB_OK);
    for (int step = 0; step < STEPS; step++) {
        double loss[3], norm, total = backward(g, loss);
        ck_assert_double_eq_tol(total, losses[step], 1e-5 * losses[step]);
        ck_assert_int_eq(
            eqb_optimizer_step(o, eqb_learning_rate(&options, step, STEPS), &norm, NULL), EQB_OK);
        ck_assert_double_eq_tol(norm, norms[step], 5e-5 * norms[step]);
    }
    eqb_optimizer_free(o);
    eqb_graph_free(g);
    unload_golden();
}
END_TEST

/* ---------------------------------------------------------- a fixture made by somebody else -- */

/* The numbers of nested arrays, one after another; returns how many. */
static int32_t numbers(const eqbi_json_value *value, double *out)
{
    if (eqbi_json_type(value) == EQBI_JSON_NUMBER) {
        *out = cJSON_GetNumberValue(value);
        return 1;
    }
    int32_t n = 0;
    const eqbi_json_value *v = eqbi_json_first(value);
    for (; v; v = eqbi_json_next(v)) n += numbers(v, out + n);
    return n;
}

/* A bert of 2 layers, 8 wide, with exact GELU, from a file whose names begin with prefix. */
static void load_tiny(const char *path, const char *prefix)
{
    eqb_error err = {0};
    eqb_config config = {11, 8, 2, 2, 16, 16, 2, -1, EQB_ACT_GELU, .layer_norm_eps = 1e-12f};
    eqb_status status = eqbi_safetensors_open(&file, path, path, NULL, &err);
    ck_assert_msg(status == EQB_OK, "%s", err.message);
    ck_assert_int_eq(eqb_model_new(&model, &config, NULL, NULL, &err), EQB_OK);
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
        eqb_parameter p = eqb_model_parameter(model, i);
        if (strncmp(p.name, "bert.", 5) == 0)
            memcpy(p.data, golden(prefix, p.name + 5), sizeof(float) * (size_t)(p.rows * p.cols));
    }
}

static const char *tiny_path(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "data/weights/neural-api-tiny-bert/%s", name);
    return shared_path(path);
}

/* Runs the three sequences of a fixture; hidden states and pooled go to the two arrays. */
static bool run_tiny(const char *weights, const char *prefix, const char *results, eqbi_json *doc,
                     float *hidden, float *pooled)
{
    enum { SEQUENCES = 3, LENGTH = 16, TOKENS = SEQUENCES * LENGTH, H = 8 };
    static const int32_t start[] = {0, LENGTH, 2 * LENGTH, TOKENS};
    double number[TOKENS];
    int32_t ids[TOKENS], types[TOKENS];
    const char *path = tiny_path(weights);
    if (!path) return false;
    load_tiny(path, prefix);
    size_t size;
    char *text = read_file(tiny_path(results), &size);
    *doc = (eqbi_json){.where = results, .fault = EQB_ERR_DATA};
    ck_assert_int_eq(eqbi_json_parse(doc, text, size, NULL), EQB_OK);
    free(text);
    ck_assert_int_eq(numbers(eqbi_json_get(doc->root, "sequences"), number), TOKENS);
    for (int i = 0; i < TOKENS; i++) ids[i] = (int32_t)number[i];
    ck_assert_int_eq(numbers(eqbi_json_get(doc->root, "token_types"), number), TOKENS);
    for (int i = 0; i < TOKENS; i++) types[i] = (int32_t)number[i];
    eqb_session *s;
    const float *x;
    ck_assert_int_eq(eqb_session_new(&s, model, NULL, NULL), EQB_OK);
    const eqb_batch three = {SEQUENCES, start, ids, types};
    ck_assert_int_eq(eqb_session_forward(s, &three, NULL), EQB_OK);
    memcpy(hidden, eqb_session_hidden(s, 2), TOKENS * H * sizeof *hidden);
    ck_assert_int_eq(eqb_session_pooled(s, &x, NULL), EQB_OK);
    memcpy(pooled, x, SEQUENCES * H * sizeof *pooled);
    eqb_session_free(s);
    return true;
}

static void check_numbers(const eqbi_json *doc, const char *key, const float *found, int32_t count)
{
    static double expected[MAX_VALUES];
    ck_assert_int_eq(numbers(eqbi_json_get(doc->root, key), expected), count);
    for (int32_t i = 0; i < count; i++)
        ck_assert_double_eq_tol((double)found[i], expected[i], 1e-5);
}

START_TEST(test_tiny_bert)
{
    eqbi_json doc;
    float hidden[48 * 8], pooled[3 * 8];
    if (!run_tiny("tiny_bert.safetensors", "", "tiny_bert_hidden.json", &doc, hidden, pooled))
        return;
    check_numbers(&doc, "hidden", hidden, 48 * 8);
    check_numbers(&doc, "pooler", pooled, 3 * 8);
    eqbi_json_free(&doc);
    unload_golden();
}
END_TEST

START_TEST(test_tiny_classifier)
{
    eqbi_json doc;
    float hidden[48 * 8], pooled[3 * 8], logits[3 * 3];
    if (!run_tiny("tiny_bert_seqcls.safetensors", "bert.", "tiny_bert_seqcls_logits.json", &doc,
                  hidden, pooled))
        return;
    const float *w = golden("", "classifier.weight"), *b = golden("", "classifier.bias");
    for (int i = 0; i < 9; i++) {
        logits[i] = b[i % 3];
        for (int k = 0; k < 8; k++) logits[i] += w[i % 3 * 8 + k] * pooled[i / 3 * 8 + k];
    }
    check_numbers(&doc, "logits", logits, 9);
    eqbi_json_free(&doc);
    unload_golden();
}
END_TEST

Suite *bert_suite(void)
{
    Suite *s = suite_create("bert");
    TCase *golden_files = tcase_create("golden");
    tcase_add_loop_test(golden_files, test_forward, 0, NAMES);
    tcase_add_loop_test(golden_files, test_gradients, 0, NAMES);
    tcase_add_loop_test(golden_files, test_training, 0, NAMES);
    suite_add_tcase(s, golden_files);
    TCase *tiny = tcase_create("neural-api");
    tcase_add_test(tiny, test_tiny_bert);
    tcase_add_test(tiny, test_tiny_classifier);
    suite_add_tcase(s, tiny);
    return s;
}
