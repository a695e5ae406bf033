/* Training steps: dropout, the modes of a graph, gradients that add up, frozen parameters. */
#include "tests/properties_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The gradients of a fresh step in memory of their own; free() them. */
static float *gradients_of(graph *g, eqb_mode mode, uint64_t seed, uint64_t step)
{
    float *copy = malloc(gradient_bytes());
    eqb_model_forget_gradients(model);
    ck_assert_int_eq(step_of(g, mode, seed, step, 1.0f), EQB_OK);
    memcpy(copy, model->gradients, gradient_bytes());
    return copy;
}

START_TEST(test_dropout_repeats)
{
    const struct {
        eqb_mode mode;
        uint64_t seed, step;
        bool same;
    } at[] = {{EQB_MODE_TRAIN, 1, 5, true},
              {EQB_MODE_TRAIN, 1, 6, false},
              {EQB_MODE_TRAIN, 2, 5, false},
              {EQB_MODE_RECORD, 1, 5, false}};
    graph *g = new_graph(NULL);
    float *first = gradients_of(g, EQB_MODE_TRAIN, 1, 5);
    float *again = gradients_of(g, at[_i].mode, at[_i].seed, at[_i].step);
    ck_assert((memcmp(first, again, gradient_bytes()) == 0) == at[_i].same);
    free(first);
    free(again);
    eqb_graph_free(g);
}
END_TEST

/* Layers that are computed again in backward take less memory and give the same bits. */
START_TEST(test_recomputed)
{
    graph *g = new_graph(NULL);
    float *kept = gradients_of(g, EQB_MODE_TRAIN, 1, 5);
    eqb_graph_begin(g, EQB_MODE_TRAIN, 1, 5);
    ck_assert_ptr_nonnull(eqb_bert_encoder(g, model, &small_batch));
    size_t all = eqbi_arena_mark(&g->mem).used;
    eqb_graph_set_activation_limit(g, 0);
    float *again = gradients_of(g, EQB_MODE_TRAIN, 1, 5);
    ck_assert_mem_eq(kept, again, gradient_bytes());
    eqb_graph_begin(g, EQB_MODE_TRAIN, 1, 5);
    ck_assert_ptr_nonnull(eqb_bert_encoder(g, model, &small_batch));
    ck_assert_uint_lt(2 * eqbi_arena_mark(&g->mem).used, all);
    free(kept);
    free(again);
    eqb_graph_free(g);
}
END_TEST

/* One layer learns, the upper or the lower one. */
START_TEST(test_recomputed_frozen)
{
    graph *g = new_graph(NULL);
    bool *frozen = calloc((size_t)model->entries, sizeof *frozen);
    for (int32_t i = 0; i < model->entries; i++)
        frozen[i] = strstr(model->entry[i].name, _i == 0 ? "layer.1." : "layer.0.") == NULL;
    eqbi_model_freeze(model, frozen);
    free(frozen);
    float *kept = gradients_of(g, EQB_MODE_TRAIN, 1, 5);
    eqb_graph_set_activation_limit(g, 0);
    float *again = gradients_of(g, EQB_MODE_TRAIN, 1, 5);
    ck_assert_mem_eq(kept, again, gradient_bytes());
    free(kept);
    free(again);
    eqb_graph_free(g);
}
END_TEST

/* Where BERT has dropout: after the embeddings' norm, and three times in each layer. */
START_TEST(test_dropout_places)
{
    const struct {
        float hidden, attention;
        uint32_t sites;
    } at[] = {{0.1f, 0.1f, 1 + 3 * LAYERS}, {0.1f, 0, 1 + 2 * LAYERS}, {0, 0.1f, LAYERS}};
    graph *g = new_graph(NULL);
    model->config.hidden_dropout = at[_i].hidden;
    model->config.attention_dropout = at[_i].attention;
    ck_assert_int_eq(step_of(g, EQB_MODE_TRAIN, 1, 5, 1.0f), EQB_OK);
    ck_assert_uint_eq(g->site, at[_i].sites);
    /* without layers, the embeddings are all there is: kept and scaled, or 0 */
    eqb_session *s = new_session(model, true);
    ck_assert_int_eq(eqb_session_forward(s, &small_batch, NULL), EQB_OK);
    model->config.num_layers = 0;
    eqb_graph_begin(g, EQB_MODE_TRAIN, 1, 5);
    const float *x = eqb_data(eqb_bert_encoder(g, model, &small_batch));
    const float *y = eqb_session_hidden(s, 0);
    int dropped = 0;
    for (int i = 0; i < TOKENS * H; i++) {
        dropped += x[i] == 0.0f;
        ck_assert(x[i] == 0.0f || fabsf(x[i] - y[i] / (1.0f - at[_i].hidden)) < 1e-5f);
    }
    ck_assert((dropped > 0) == (at[_i].hidden > 0.0f));
    model->config.num_layers = LAYERS;
    eqb_session_free(s);
    eqb_graph_free(g);
}
END_TEST

static answers whole;

/* Recording and inferring compute the same numbers. */
START_TEST(test_modes_agree)
{
    eqb_session *s = new_session(model, false);
    graph *g = new_graph(NULL);
    ck_assert_int_eq(ask(s, &small_batch, &whole), EQB_OK);
    for (int mode = EQB_MODE_INFER; mode <= EQB_MODE_RECORD; mode++) {
        eqb_graph_begin(g, (eqb_mode)mode, 1, 1);
        eqb_tensor *hidden = eqb_bert_encoder(g, model, &small_batch);
        ck_assert_ptr_nonnull(hidden);
        check_near("hidden", eqb_data(hidden), whole.hidden, TOKENS * H);
    }
    eqb_graph_free(g);
    eqb_session_free(s);
}
END_TEST

/* Logits and gradients of both heads, either of them, or one row, computed with the last layer at
 * the used rows only, and the same from all hidden states. Rows come in any order and repeat; the
 * second and last of the sequences have none.                                                     */
START_TEST(test_heads_agree)
{
    const int32_t asked[] = {9, 1, 42, 20, 1, 5};
    const struct {
        int32_t first, count;
        bool mlm, nsp;
    } wanted[] = {{0, 6, true, true}, {0, 6, true, false}, {0, 6, false, true},
                  {2, 1, true, true}, {0, 0, true, true}};
    const int32_t *at = asked + wanted[_i].first, count = wanted[_i].mlm ? wanted[_i].count : 0;
    bool nsp_wanted = wanted[_i].nsp;
    graph *g = new_graph(NULL);
    float *expected = NULL, mlm_expected[6 * V], nsp_expected[SEQUENCES * 2];
    for (int short_way = 0; short_way < 2; short_way++) {
        eqb_tensor *mlm = NULL, *nsp = NULL;
        eqb_graph_begin(g, EQB_MODE_RECORD, 1, 1);
        memset(model->gradients, 0xff, gradient_bytes());
        eqb_model_forget_gradients(model);
        if (short_way) {
            eqb_bert_heads(g, model, &small_batch, at, count, wanted[_i].mlm ? &mlm : NULL,
                           nsp_wanted ? &nsp : NULL);
        } else {
            eqb_tensor *hidden = eqb_bert_encoder(g, model, &small_batch);
            if (count > 0) mlm = eqb_bert_mlm(g, model, hidden, at, count);
            if (nsp_wanted)
                nsp = eqb_bert_nsp(g, model, eqb_bert_pooler(g, model, hidden, &small_batch));
        }
        ck_assert(eqb_graph_status(g, NULL) == EQB_OK && (mlm != NULL) == (count > 0) &&
                  (nsp != NULL) == nsp_wanted);
        if (short_way && mlm) check_near("mlm", mlm->x, mlm_expected, count * V);
        if (short_way && nsp) check_near("nsp", nsp->x, nsp_expected, SEQUENCES * 2);
        if (mlm) memcpy(mlm_expected, mlm->x, eqbi_size(mlm) * sizeof(float));
        if (nsp) memcpy(nsp_expected, nsp->x, eqbi_size(nsp) * sizeof(float));
        const int32_t word[6] = {4, 9, 0, 49, 4, 7}, next[SEQUENCES] = {0, 1, 1, 0};
        eqb_loss_mlm(g, mlm, word, NULL, EQB_LABEL_CROSS_ENTROPY, 1.0f);
        eqb_loss_nsp(g, nsp, next, NULL, 1.0f);
        ck_assert_int_eq(eqb_graph_backward(g, NULL, 0.0f, NULL), EQB_OK);
        eqbi_model_complete_gradients(model);
        for (int32_t i = 0; short_way && i < model->entries; i++) {
            const eqbi_entry *e = &model->entry[i];
            check_near(e->name, model->gradients + e->offset, expected + e->offset,
                       e->rows * e->cols);
        }
        if (!short_way) {
            expected = malloc(gradient_bytes());
            memcpy(expected, model->gradients, gradient_bytes());
        }
    }
    free(expected);
    eqb_graph_free(g);
}
END_TEST

START_TEST(test_heads_refuse)
{
    const int32_t rows[][2] = {{0, TOKENS}, {-1, 0}};
    graph *g = new_graph(NULL);
    eqb_tensor *mlm, *nsp;
    eqb_graph_begin(g, EQB_MODE_RECORD, 1, 1);
    eqb_bert_heads(g, model, &small_batch, rows[_i], 2, &mlm, &nsp);
    ck_assert(!mlm && !nsp && eqb_graph_status(g, NULL) == EQB_ERR_ARGUMENT);
    eqb_graph_free(g);
}
END_TEST

/* Gradients add up until they are forgotten. Twice the loss scales every product exactly, so that
 * only the sum itself is rounded. */
START_TEST(test_gradients_add_up)
{
    graph *g = new_graph(NULL);
    float *once = gradients_of(g, EQB_MODE_TRAIN, 1, 5);
    ck_assert_int_eq(step_of(g, EQB_MODE_TRAIN, 1, 5, 2.0f), EQB_OK);
    double error = 0.0, norm = 0.0;
    for (size_t i = 0; i < model->size; i++) {
        norm += pow((double)once[i], 2.0);
        error += pow((double)model->gradients[i] - 3.0 * (double)once[i], 2.0);
    }
    ck_assert_double_le(sqrt(error), 1e-6 * sqrt(norm));
    free(once);
    eqb_graph_free(g);
}
END_TEST

/* Frozen parameters get nothing, the others the same bits as before; what is below the lowest
 * unfrozen parameter is not even recorded. */
START_TEST(test_frozen)
{
    const char *const learns[] = {"", "encoder.layer.1.", "bert.pooler.", "key.bias", "cls."};
    bool frozen[64];
    graph *g = new_graph(NULL);
    float *all = gradients_of(g, EQB_MODE_TRAIN, 1, 5);
    for (int32_t i = 0; i < model->entries; i++)
        frozen[i] = strstr(model->entry[i].name, learns[_i]) == NULL;
    eqbi_model_freeze(model, frozen);
    memset(model->gradients, 0xff, gradient_bytes());
    eqb_model_forget_gradients(model);
    ck_assert_int_eq(step_of(g, EQB_MODE_TRAIN, 1, 5, 1.0f), EQB_OK);
    eqbi_model_complete_gradients(model);
    for (int32_t i = 0; i < model->entries; i++) {
        const eqbi_entry *e = &model->entry[i];
        bool part_of_qkv = strstr(e->name, "key.") || strstr(e->name, "query.") ||
                           strstr(e->name, "value.");
        for (size_t k = 0; k < (size_t)e->rows * (size_t)e->cols; k++) {
            float d = model->gradients[e->offset + k], before = all[e->offset + k];
            ck_assert_msg(frozen[i] ? part_of_qkv || d == 0.0f : d == before, "%s", e->name);
        }
    }
    eqb_graph_begin(g, EQB_MODE_RECORD, 0, 0);
    ck_assert_ptr_nonnull(eqb_bert_encoder(g, model, &small_batch));
    int nodes = 0;
    for (node *n = g->tape; n; n = n->previous) nodes++;
    const int expected[] = {2 + 7 * LAYERS, 7, 0, 7 * LAYERS, 0};
    ck_assert_int_eq(nodes, expected[_i]);
    free(all);
    eqb_graph_free(g);
}
END_TEST

TCase *step_tests(void)
{
    TCase *t = properties_case("steps");
    tcase_add_loop_test(t, test_dropout_repeats, 0, 4);
    tcase_add_test(t, test_recomputed);
    tcase_add_loop_test(t, test_recomputed_frozen, 0, 2);
    tcase_add_loop_test(t, test_dropout_places, 0, 3);
    tcase_add_test(t, test_modes_agree);
    tcase_add_loop_test(t, test_heads_agree, 0, 5);
    tcase_add_loop_test(t, test_heads_refuse, 0, 2);
    tcase_add_test(t, test_gradients_add_up);
    tcase_add_loop_test(t, test_frozen, 0, 5);
    return t;
}
