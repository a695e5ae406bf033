/* What holds for a BERT of any weights: packing changes nothing, sessions recover from errors, warm
 * steps leave the heap alone, memory may fail anywhere, threads share a model, dropout repeats.
 * This file has what the tests share; they stand in test_properties_*.c.                        */
#include "tests/properties_testing.h"

#include <math.h>
#include <string.h>

const eqb_config small_config = {.vocab_size = V,
                                 .hidden_size = H,
                                 .num_layers = LAYERS,
                                 .num_heads = 3,
                                 .intermediate_size = 40,
                                 .max_positions = P,
                                 .type_vocab_size = T,
                                 .hidden_act = EQB_ACT_GELU,
                                 .layer_norm_eps = 1e-12f,
                                 .initializer_range = 0.2f,
                                 .hidden_dropout = 0.1f,
                                 .attention_dropout = 0.2f};


/* Both versions of two pairs are among the masked rows. */
const int32_t starts[] = {0, 7, 8, 43, TOKENS};
int32_t ids[TOKENS], types[TOKENS];
const eqb_batch small_batch = {SEQUENCES, starts, ids, types};
static const int32_t rows[MASKED] = {1, 45, 7, 20, 42, 3}, labels[MASKED] = {4, -1, 9, 0, 49, 4};
static const int32_t next_labels[SEQUENCES] = {0, 1, -1, 1};
static const eqb_pair_rows pairs[] = {{.male = 0, .female = 1, .weight = 1},
                                      {.male = 3, .female = 4, .weight = 1}};

eqb_model *model;

static void setup(void)
{
    for (int i = 0; i < TOKENS; i++) {
        ids[i] = (i * 29 + 3) % V;
        types[i] = i % 3 == 0;
    }
    ck_assert_int_eq(eqb_model_new(&model, &small_config, NULL, NULL, NULL), EQB_OK);
    ck_assert_int_eq(eqb_model_gradients(model, NULL), EQB_OK);
}

static void teardown(void)
{
    eqb_model_free(model);
}

TCase *properties_case(const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, setup, teardown);
    return t;
}

eqb_session *new_session(const eqb_model *of, bool keep_hidden)
{
    eqb_session *s;
    const eqb_session_options options = {.keep_hidden = keep_hidden};
    ck_assert_int_eq(eqb_session_new(&s, of, &options, NULL), EQB_OK);
    return s;
}

graph *new_graph(const eqb_allocator *allocator)
{
    graph *g;
    ck_assert_int_eq(eqb_graph_new(&g, allocator, NULL), EQB_OK);
    return g;
}

eqb_status ask(eqb_session *s, const eqb_batch *b, answers *a)
{
    int32_t all[TOKENS];
    size_t n = (size_t)b->start[b->sequences], sequences = (size_t)b->sequences;
    const float *x;
    for (int32_t i = 0; i < TOKENS; i++) all[i] = i;
    EQBI_TRY(eqb_session_forward(s, b, NULL));
    memcpy(a->hidden, eqb_session_hidden(s, LAYERS), n * H * sizeof(float));
    EQBI_TRY(eqb_session_pooled(s, &x, NULL));
    memcpy(a->pooled, x, sequences * H * sizeof(float));
    EQBI_TRY(eqb_session_mlm_logits(s, all, (int32_t)n, &x, NULL));
    memcpy(a->mlm, x, n * V * sizeof(float));
    EQBI_TRY(eqb_session_mean_pooled(s, &x, NULL));
    memcpy(a->mean, x, sequences * H * sizeof(float));
    EQBI_TRY(eqb_session_nsp_logits(s, &x, NULL));
    memcpy(a->nsp, x, sequences * 2 * sizeof(float));
    return EQB_OK;
}

void check_near(const char *what, const float *a, const float *b, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= 2e-6f))
            ck_abort_msg("%s [%d]: %.8g and %.8g", what, i, (double)a[i], (double)b[i]);
}

eqb_status step_of(graph *g, eqb_mode mode, uint64_t seed, uint64_t step,
                          float factor)
{
    eqb_graph_begin(g, mode, seed, step);
    eqb_tensor *hidden = eqb_bert_encoder(g, model, &small_batch);
    eqb_tensor *mlm = eqb_bert_mlm(g, model, hidden, rows, MASKED);
    eqb_tensor *nsp = eqb_bert_nsp(g, model, eqb_bert_pooler(g, model, hidden, &small_batch));
    eqb_loss_mlm(g, mlm, labels, NULL, EQB_LABEL_CROSS_ENTROPY, factor);
    eqb_loss_nsp(g, nsp, next_labels, NULL, factor);
    eqb_loss_pair(g, mlm, pairs, 2, EQB_PAIR_MSE, NULL, 0, factor);
    return eqb_graph_backward(g, NULL, 0.0f, NULL);
}

Suite *properties_suite(void)
{
    Suite *s = suite_create("properties");
    suite_add_tcase(s, session_tests());
    suite_add_tcase(s, step_tests());
    suite_add_tcase(s, memory_tests());
    suite_add_tcase(s, model_tests());
    return s;
}
