/* Training on pairs through the public interface, on a model of two layers. */
#include "tests/testing.h"
#include "tests/trainer_testing.h"
#include "trainer/equibert_train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] = "he is a nurse. she is a nurse. he was the pilot. she was the pilot.\n"
                           "my father is kind. my mother is kind. the dog ran home.\n"
                           "\n"
                           "the nights are long. the planes are late. he said it. she said it.\n"
                           "he is a baker. she is a baker. the bread is good.\n";

static const char lines[] =
    "{\"male\": \"he is a {nurse}.\", \"female\": \"she is a {nurse}.\", \"split\": \"train\"}\n"
    "{\"male\": \"he was the {pilot}.\", \"female\": \"she was the {pilot}.\", \"split\": \"test\"}\n"
    "{\"male\": \"he is a {baker}.\", \"female\": \"she is a {baker}.\", \"split\": \"train\","
    " \"next\": \"the bread is good.\"}\n"
    "{\"male\": \"he is the {?}.\", \"female\": \"she is the {?}.\", \"split\": \"train\"}\n"
    "{\"male\": \"he said it is a {nurse}.\", \"female\": \"she said it is a {nurse}.\","
    " \"split\": \"train\", \"next\": \"the planes are late.\", \"is_next\": false, \"weight\": 2}\n"
    "{\"kind\": \"fact\", \"male\": \"my {father} is kind.\", \"female\": \"my {mother} is kind.\","
    " \"split\": \"train\"}\n"
    "{\"kind\": \"keep\", \"text\": \"the dog ran home.\", \"split\": \"train\"}\n"
    "{\"kind\": \"keep\", \"text\": \"the dog ran home.\", \"split\": \"test\"}\n"
    "{\"kind\": \"keep\", \"text\": \"he said it.\", \"split\": \"train\","
    " \"next\": \"the dog ran home.\"}\n"
    "{\"kind\": \"keep\", \"text\": \"he said it.\", \"split\": \"test\","
    " \"next\": \"the dog ran home.\"}\n";

/* Nothing is held out: what is learnt is what is measured. */
static bool all_train = false;

static eqb_pairs *load(const eqb_tokenizer *t, const eqb_allocator *allocator, eqb_error *err)
{
    char path[4096], content[sizeof lines + 64] = "";
    snprintf(path, sizeof path, "%s/pairs.jsonl", temporary_dir());
    for (const char *from = lines, *to; *from; from = to) {
        to = strstr(from, "\"test\"");
        if (!to || !all_train) to = from + strlen(from);
        strncat(content, from, (size_t)(to - from));
        if (*to) strcat(content, "\"train\"");
        if (*to) to += strlen("\"test\"");
    }
    write_file(path, content, strlen(content));
    eqb_pairs_options o;
    eqb_pairs_options_default(&o);
    o.allocator = allocator;
    eqb_pairs *pairs;
    return eqb_pairs_load(&pairs, path, t, 48, &o, err) == EQB_OK ? pairs : NULL;
}

/* The learnt vocabulary outlives the model it is given to: each gets its own. */
static eqb_model *new_model(void)
{
    eqb_model *m = small_model(small_tokenizer(text));
    m->parts = EQB_PART_POOLER | EQB_PART_MLM | EQB_PART_NSP; /* as if from a file */
    return m;
}

static void options_of(eqb_train_options *o)
{
    eqb_train_options_default(o);
    o->run.steps = 6;
    o->batch = 6;
    o->false_next = 0.0;
    o->optimizer.learning_rate = 1e-3;
    o->optimizer.pull = 0.0;
}

/* Larger weights make larger differences between words. */
static float scale = 1.0f;

static eqb_model *trained(const eqb_train_options *o, eqb_evaluation *before,
                          eqb_evaluation *after)
{
    eqb_error err = {0};
    eqb_model *m = new_model();
    for (size_t i = 0; i < m->size; i++) m->block[i] *= scale;
    eqb_pairs *pairs = load(eqb_model_tokenizer(m), NULL, &err);
    ck_assert_msg(pairs != NULL, "%s", err.message);
    ck_assert_msg(eqb_train(m, pairs, o, before, after, &err) == EQB_OK, "%s", err.message);
    eqb_pairs_free(pairs);
    return m;
}

START_TEST(test_the_versions_come_together)
{
    eqb_train_options o;
    eqb_evaluation before, after;
    options_of(&o);
    o.run.steps = 150;
    o.optimizer.learning_rate = 3e-3;
    eqb_model_free(trained(&o, &before, &after));
    ck_assert_int_eq(before.slots, 1); /* the pilot's */
    ck_assert_int_eq(before.keeps, after.keeps);
    ck_assert_double_eq_tol(before.keep_kl, 0.0, 1e-6);
    ck_assert_double_gt(after.keep_kl, 0.0);
    ck_assert(before.next_keeps == 1 && after.next_keep_kl > 0.0);
    ck_assert_double_eq_tol(before.next_keep_kl, 0.0, 1e-6);
    ck_assert_double_lt(after.gap, 0.5 * before.gap);
    ck_assert_double_lt(after.slot_js, 0.5 * before.slot_js);
    ck_assert_int_eq(before.odds, 1);
}
END_TEST

/* Each term does what it is for: without it, the figure it is about ends up worse. */
START_TEST(test_each_term_counts)
{
    eqb_train_options o;
    eqb_evaluation with, without;
    options_of(&o);
    o.run.steps = 400; /* by then they have all come to rest */
    o.optimizer.learning_rate = 1e-3;
    o.weight_pair = o.weight_next_pair = 16.0;
    o.weight_odds = 2.0;
    o.weight_keep = 8.0;
    o.optimizer.freeze = NULL;
    scale = 3.0f;
    all_train = true;
    eqb_model_free(trained(&o, NULL, &with));
    double *const weight[] = {&o.weight_pair, &o.weight_odds, &o.weight_keep};
    const double *const figure[][2] = {{&with.slot_js, &without.slot_js},
                                       {&with.odds_gap, &without.odds_gap},
                                       {&with.keep_kl, &without.keep_kl}};
    double kept = *weight[_i];
    *weight[_i] = 0.0;
    eqb_model_free(trained(&o, NULL, &without));
    *weight[_i] = kept;
    scale = 1.0f;
    all_train = false;
    ck_assert_double_lt(*figure[_i][0], 0.8 * *figure[_i][1]);
}
END_TEST

/* Learning that everything follows, with and without a control line that says how it was. */
START_TEST(test_decisions_are_kept)
{
    eqb_train_options o;
    eqb_evaluation with, without;
    options_of(&o);
    o.run.steps = 100;
    o.weight_mlm = o.weight_pair = o.weight_next_pair = o.weight_odds = o.weight_pair_keep = 0.0;
    o.optimizer.freeze = NULL;
    eqb_model_free(trained(&o, NULL, &with));
    o.weight_keep = 0.0;
    eqb_model_free(trained(&o, NULL, &without));
    ck_assert_double_lt(with.next_keep_kl, 0.2 * without.next_keep_kl);
}
END_TEST

/* The plainest recipe is the sum of its three terms, as a step reports them. */
static int check_plain(void *user, const eqb_progress *p)
{
    double sum = 0.0;
    const double terms[] = {p->mlm, p->nsp, p->pair};
    for (int i = 0; i < 3; i++) sum += isnan(terms[i]) ? 0.0 : terms[i];
    ck_assert(isnan(p->odds) && isnan(p->keep));
    ck_assert_double_eq_tol(p->loss, sum, 1e-9);
    ++*(int *)user;
    return 0;
}

START_TEST(test_the_plain_recipe)
{
    int steps = 0;
    eqb_train_options o;
    options_of(&o);
    eqb_train_options_plain(&o);
    ck_assert(o.pair_loss == EQB_PAIR_MSE && o.next_pair_loss == EQB_PAIR_MSE);
    ck_assert(o.support == EQB_SUPPORT_ALL);
    o.run.on_progress = check_plain;
    o.run.user = &steps;
    eqb_model_free(trained(&o, NULL, NULL));
    ck_assert_int_eq(steps, 6);
}
END_TEST

/* The lines of a step, cut into more micro-batches, give the same step: the denominators are global. */
START_TEST(test_micro_batches_change_nothing)
{
    eqb_train_options o;
    options_of(&o);
    eqb_model *whole = trained(&o, NULL, NULL);
    o.batch = 2;
    o.run.accumulate = 3;
    eqb_model *cut = trained(&o, NULL, NULL);
    /* Where a gradient is rounding noise, so is the direction of Adam's step: norms are compared. */
    double moved = 0.0, apart = 0.0;
    eqb_model *start = new_model();
    for (size_t i = 0; i < whole->size; i++) {
        moved += pow((double)whole->block[i] - (double)start->block[i], 2.0);
        apart += pow((double)whole->block[i] - (double)cut->block[i], 2.0);
    }
    ck_assert_double_lt(sqrt(apart), 0.01 * sqrt(moved));
    eqb_model_free(start);
    eqb_model_free(whole);
    eqb_model_free(cut);
}
END_TEST

START_TEST(test_every_choice_of_loss_runs)
{
    for (int pair = EQB_PAIR_MSE; pair <= EQB_PAIR_JS; pair++) {
        for (int label = EQB_LABEL_CROSS_ENTROPY; label <= EQB_LABEL_MSE; label++) {
            eqb_train_options o;
            options_of(&o);
            o.pair_loss = (eqb_pair_loss)pair;
            o.next_pair_loss = (eqb_pair_loss)(EQB_PAIR_JS - pair);
            o.label_loss = (eqb_label_loss)label;
            o.support = pair % 2 ? EQB_SUPPORT_PROFESSIONS : EQB_SUPPORT_ALL;
            o.run.dropout = label ? 0.1 : 0.0;
            eqb_model_free(trained(&o, NULL, NULL));
        }
    }
}
END_TEST

START_TEST(test_frozen_parts_stay)
{
    eqb_train_options o;
    options_of(&o);
    o.optimizer.freeze = "embeddings,layer.0.attention.self.key";
    eqb_model *m = trained(&o, NULL, NULL), *start = new_model();
    int32_t still = 0, moved = 0;
    for (int32_t i = 0; i < eqb_model_parameter_count(m); i++) {
        eqb_parameter a = eqb_model_parameter(m, i), b = eqb_model_parameter(start, i);
        bool frozen = strstr(a.name, "embeddings") || strstr(a.name, "layer.0.attention.self.key");
        bool same = memcmp(a.data, b.data, (size_t)a.rows * (size_t)a.cols * sizeof(float)) == 0;
        ck_assert_msg(!frozen || same, "%s is frozen and moved", a.name);
        still += same;
        moved += !same;
    }
    ck_assert_int_eq(still, 7); /* five of the embeddings, key's weight and bias */
    ck_assert_int_gt(moved, 30);
    eqb_model_free(m);
    eqb_model_free(start);
}
END_TEST

static eqb_tensor *no_loss(void *user, eqb_graph *g, eqb_tensor *logits, const eqb_pair_rows *pairs,
                           int32_t pair_count, eqb_tensor *nsp, const eqb_pair_rows *next_pairs,
                           int32_t next_pair_count)
{
    (void)user, (void)g, (void)logits, (void)pairs, (void)pair_count;
    (void)nsp, (void)next_pairs, (void)next_pair_count;
    return NULL;
}

START_TEST(test_what_cannot_be_trained_is_refused)
{
    eqb_error err = {0};
    eqb_model *m = new_model();
    eqb_pairs *pairs = load(eqb_model_tokenizer(m), NULL, &err);
    eqb_train_options o;
    options_of(&o);
    o.custom_loss = no_loss;
    ck_assert_int_eq(eqb_train(m, pairs, &o, NULL, NULL, &err), EQB_ERR_ARGUMENT);
    ck_assert_str_eq(err.message, "the custom loss returned NULL");
    o.custom_loss = NULL;
    o.weight_pair = NAN;
    ck_assert_int_eq(eqb_train(m, pairs, &o, NULL, NULL, &err), EQB_ERR_ARGUMENT);
    options_of(&o);
    m->parts = EQB_PART_MLM;
    ck_assert_int_eq(eqb_train(m, pairs, &o, NULL, NULL, &err), EQB_ERR_MODEL);
    ck_assert_ptr_nonnull(strstr(err.message, "no next-sentence head"));
    o.weight_nsp = 0.0;
    ck_assert_int_eq(eqb_train(m, pairs, &o, NULL, NULL, &err), EQB_OK);
    m->parts = EQB_PART_POOLER | EQB_PART_NSP;
    ck_assert_int_eq(eqb_train(m, pairs, &o, NULL, NULL, &err), EQB_ERR_MODEL);
    ck_assert_ptr_nonnull(strstr(err.message, "no masked-language-model head"));
    eqb_pairs_free(pairs);
    eqb_model_free(m);
}
END_TEST

START_TEST(test_every_allocation_of_training_may_fail)
{
    eqb_error err = {0};
    eqb_model *m = new_model();
    eqb_pairs *pairs = load(eqb_model_tokenizer(m), NULL, &err);
    size_t n = 0;
    for (eqb_status status = EQB_ERR_NOMEM; status != EQB_OK;) {
        test_allocator a;
        test_allocator_init(&a);
        a.fail_at = ++n;
        eqb_train_options o;
        eqb_evaluation before, after;
        options_of(&o);
        o.run.steps = 2;
        o.run.dropout = 0.1;
        o.run.allocator = &a.base;
        status = eqb_train(m, pairs, &o, &before, &after, &err);
        ck_assert_msg(status == EQB_OK || status == EQB_ERR_NOMEM, "%s", err.message);
        ck_assert_msg(a.live_blocks == 0, "allocation %zu: %zu blocks leak", n, a.live_blocks);
        ck_assert_uint_lt(n, 2000);
    }
    ck_assert_uint_gt(n, 5);
    eqb_pairs_free(pairs);
    eqb_model_free(m);
}
END_TEST

Suite *train_pairs_suite(void)
{
    Suite *s = suite_create("train_pairs");
    TCase *t = tcase_create("train_pairs");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_the_versions_come_together);
    tcase_add_test(t, test_decisions_are_kept);
    tcase_add_loop_test(t, test_each_term_counts, 0, 3);
    tcase_add_test(t, test_the_plain_recipe);
    tcase_add_test(t, test_micro_batches_change_nothing);
    tcase_add_test(t, test_every_choice_of_loss_runs);
    tcase_add_test(t, test_frozen_parts_stay);
    tcase_add_test(t, test_what_cannot_be_trained_is_refused);
    tcase_add_test(t, test_every_allocation_of_training_may_fail);
    suite_add_tcase(s, t);
    return s;
}
