/* Models: what they are initialised to, their parameters' names, the configs they refuse. */
#include "tests/properties_testing.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Fields left out of a table's line are 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

START_TEST(test_initialisation)
{
    eqb_model *m[3];
    const uint64_t seeds[] = {0, 0, 1};
    for (int i = 0; i < 3; i++) {
        const eqb_model_options options = {.seed = seeds[i]};
        ck_assert_int_eq(eqb_model_new(&m[i], &small_config, NULL, &options, NULL), EQB_OK);
    }
    ck_assert_mem_eq(m[0]->block, m[1]->block, gradient_bytes());
    for (int32_t i = 0; i < eqb_model_parameter_count(m[0]); i++) {
        eqb_parameter p = eqb_model_parameter(m[0], i), q = eqb_model_parameter(m[2], i);
        size_t n = (size_t)p.rows * (size_t)p.cols, length = strlen(p.name);
        bool gain = length > 16 && strcmp(p.name + length - 16, "LayerNorm.weight") == 0;
        double sum = 0.0, squares = 0.0, sigma = (double)small_config.initializer_range;
        for (size_t k = 0; k < n; k++) {
            sum += (double)p.data[k];
            squares += (double)p.data[k] * (double)p.data[k];
            if (p.dims == 1) ck_assert_float_eq(p.data[k], gain ? 1.0f : 0.0f);
        }
        if (p.dims == 1) continue;
        if (i == 0) n -= H; /* the padding token's row, which is 0 */
        double count = (double)n, variance = squares / count;
        ck_assert_double_le(fabs(sum / count), 5.0 * sigma / sqrt(count));
        ck_assert_double_le(fabs(variance / (sigma * sigma) - 1.0), 5.0 * sqrt(2.0 / count));
        ck_assert_mem_ne(p.data + H, q.data + H, H * sizeof(float));
    }
    const float *padding = eqb_model_parameter(m[0], 0).data;
    for (int k = 0; k < H; k++) ck_assert_float_eq(padding[k], 0.0f);
    ck_assert_ptr_null(eqb_model_parameter(m[0], -1).data);
    ck_assert_ptr_null(eqb_model_parameter(m[0], eqb_model_parameter_count(m[0])).data);
    for (int i = 0; i < 3; i++) eqb_model_free(m[i]);
    eqb_model_free(NULL);
}
END_TEST

/* Query, key and value of a layer are one tensor of the engine and three parameters of the user. */
START_TEST(test_parameters)
{
    ck_assert_int_eq(eqb_model_parameter_count(model), 14 + 16 * LAYERS);
    const char *const thirds[] = {"query", "key", "value"};
    for (int i = 0; i < 3; i++) {
        char name[80];
        snprintf(name, sizeof name, "bert.encoder.layer.1.attention.self.%s.weight", thirds[i]);
        int32_t at = eqbi_model_find(model, name, strlen(name));
        ck_assert_int_ge(at, 0);
        eqb_parameter p = eqb_model_parameter(model, at);
        ck_assert_ptr_eq(p.data, model->layer[1].qkv_w.x + i * H * H);
        ck_assert_ptr_eq(p.gradient, model->layer[1].qkv_w.g + i * H * H);
        ck_assert_int_eq(eqbi_model_find(model, name, strlen(name) - 1), -1);
    }
    for (int32_t i = 0; i < model->entries; i++) {
        const eqbi_entry *e = &model->entry[i];
        bool inside = strstr(e->name, ".key.") || strstr(e->name, ".value.");
        ck_assert_msg(inside || (uintptr_t)(model->block + e->offset) % 64 == 0, "%s", e->name);
        ck_assert(e->decay == (e->dims == 2));
    }
    for (size_t i = 0; i < model->size; i++) ck_assert(model->gradients[i] == 0.0f);
}
END_TEST

/* A decoder of its own that holds the same numbers: the same step, and what both matrices are told
 * is together what the tied one is told. */
START_TEST(test_untied_decoder)
{
    graph *g = new_graph(NULL);
    eqb_model *tied = model;
    eqb_config config = small_config;
    config.untied_decoder = true;
    ck_assert_int_eq(step_of(g, EQB_MODE_TRAIN, 1, 5, 1.0f), EQB_OK);
    ck_assert_int_eq(eqb_model_new(&model, &config, NULL, NULL, NULL), EQB_OK);
    int32_t entries = eqb_model_parameter_count(tied);
    ck_assert_int_eq(eqb_model_parameter_count(model), entries + 1);
    memcpy(model->block, tied->block, tied->size * sizeof(float));
    memcpy(model->own_decoder_w.x, tied->word.x, V * H * sizeof(float));
    ck_assert_int_eq(eqb_model_gradients(model, NULL), EQB_OK);
    ck_assert_int_eq(step_of(g, EQB_MODE_TRAIN, 1, 5, 1.0f), EQB_OK);
    for (int32_t i = 1; i < entries; i++) {
        eqb_parameter p = eqb_model_parameter(model, i), q = eqb_model_parameter(tied, i);
        size_t size = (size_t)p.rows * (size_t)p.cols * sizeof(float);
        ck_assert_msg(memcmp(p.gradient, q.gradient, size) == 0, "%s", p.name);
    }
    float sum[V * H], largest = 0.0f;
    for (int i = 0; i < V * H; i++) {
        sum[i] = model->word.g[i] + model->own_decoder_w.g[i];
        largest = fmaxf(largest, fabsf(model->own_decoder_w.g[i]));
    }
    ck_assert_float_gt(largest, 0.0f);
    check_near("word embeddings and decoder", sum, tied->word.g, V * H);
    eqb_model *copy;
    ck_assert_int_eq(eqbi_model_clone(&copy, model, NULL), EQB_OK);
    ck_assert_mem_eq(copy->block, model->block, gradient_bytes());
    ck_assert_ptr_eq(copy->decoder_w, &copy->own_decoder_w);
    eqb_model_free(copy);
    eqb_model_free(model);
    model = tied;
    eqb_graph_free(g);
}
END_TEST

#define FIELD(key, name) key, offsetof(eqb_config, name)
static const struct {
    const char *key; /* which the message names */
    size_t field;
    int32_t whole;
    bool is_real;
    float real;
} bad_configs[] = {
    {FIELD("vocab_size", vocab_size), 0},
    {FIELD("vocab_size", vocab_size), (1 << 24) + 1},
    {FIELD("hidden_size", hidden_size), 0},
    {FIELD("hidden_size", hidden_size), 25},
    {FIELD("num_hidden_layers", num_layers), -1},
    {FIELD("num_hidden_layers", num_layers), 1025},
    {FIELD("num_attention_heads", num_heads), 0},
    {FIELD("num_attention_heads", num_heads), 5},
    {FIELD("intermediate_size", intermediate_size), 0},
    {FIELD("max_position_embeddings", max_positions), 0},
    {FIELD("type_vocab_size", type_vocab_size), 0},
    {FIELD("pad_token_id", pad_token_id), V},
    {FIELD("pad_token_id", pad_token_id), -2},
    {FIELD("hidden_act", hidden_act), EQB_ACT_RELU + 1},
    {FIELD("layer_norm_eps", layer_norm_eps), 0, true, -1e-12f},
    {FIELD("layer_norm_eps", layer_norm_eps), 0, true, NAN},
    {FIELD("initializer_range", initializer_range), 0, true, INFINITY},
    {FIELD("hidden_dropout_prob", hidden_dropout), 0, true, 1.0f},
    {FIELD("attention_probs_dropout_prob", attention_dropout), 0, true, -0.1f},
};

START_TEST(test_bad_config)
{
    eqb_config bad = small_config;
    eqb_error err = {0};
    eqb_model *m = model;
    const void *value = bad_configs[_i].is_real ? (const void *)&bad_configs[_i].real
                                                : (const void *)&bad_configs[_i].whole;
    memcpy((char *)&bad + bad_configs[_i].field, value, 4);
    ck_assert_int_eq(eqb_model_new(&m, &bad, NULL, NULL, &err), EQB_ERR_MODEL);
    ck_assert_ptr_null(m);
    ck_assert_msg(strstr(err.message, bad_configs[_i].key) != NULL, "%s", err.message);
}
END_TEST

START_TEST(test_default_config)
{
    eqb_config c;
    eqb_config_default(&c);
    ck_assert_int_eq(eqbi_config_check(&c, "default", NULL), EQB_OK);
    ck_assert(c.vocab_size == 30522 && c.hidden_size == 768 && c.num_layers == 12);
}
END_TEST

/* A model too large for memory or for size_t is refused, not cut. */
START_TEST(test_too_large)
{
    test_allocator a;
    test_allocator_init(&a);
    a.limit = 1 << 20;
    eqb_model *m = model;
    eqb_config large = small_config;
    large.vocab_size = 1 << 24;
    large.hidden_size = 3 * (1 << 14);
    const eqb_model_options options = {.allocator = &a.base};
    ck_assert_int_eq(eqb_model_new(&m, &large, NULL, &options, NULL), EQB_ERR_NOMEM);
    ck_assert_ptr_null(m);
    ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

TCase *model_tests(void)
{
    TCase *t = properties_case("models");
    tcase_add_test(t, test_initialisation);
    tcase_add_test(t, test_parameters);
    tcase_add_test(t, test_untied_decoder);
    tcase_add_loop_test(t, test_bad_config, 0, (int)(sizeof bad_configs / sizeof *bad_configs));
    tcase_add_test(t, test_default_config);
    tcase_add_test(t, test_too_large);
    return t;
}
