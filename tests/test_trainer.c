/* The trainer room: optimizer, schedule, checkpoints, pretraining data, whole small runs. */
#include "tests/testing.h"
#include "tests/trainer_testing.h"
#include "trainer/adamw.h"
#include "trainer/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------------- optimizer, schedule -- */

START_TEST(test_schedule_is_that_of_transformers)
{
    eqb_optimizer_options o = {.learning_rate = 2.0, .warmup = 0.25, .decay = 1.0};
    const double expected[] = {0.0, 1.0, 2.0, 10.0 / 6, 8.0 / 6, 1.0, 4.0 / 6, 2.0 / 6, 0.0};
    for (int64_t i = 0; i < 9; i++)
        ck_assert_double_eq_tol(eqb_learning_rate(&o, i, 8), expected[i], 1e-12);
    o.warmup = 0.0;
    ck_assert_double_eq(eqb_learning_rate(&o, 0, 8), 2.0);
}
END_TEST

/* Three steps of one matrix and one bias against the formula in double, without and with a pull. */
START_TEST(test_adamw_is_its_formula)
{
    eqb_model *m = small_model(NULL), *start;
    eqb_error err = {0};
    eqb_optimizer *o;
    eqb_optimizer_options options;
    eqb_optimizer_options_default(&options);
    ck_assert_int_eq(eqbi_model_clone(&start, m, &err), EQB_OK);
    options.learning_rate = 0.04;
    options.pull = _i == 0 ? 0.0 : 0.2;
    options.pull_to = start;
    options.clip_norm = 0.5;
    options.freeze = "embeddings,encoder,pooler,seq_relationship,predictions.bias";
    ck_assert_int_eq(eqb_optimizer_new(&o, m, &options, &err), EQB_OK);
    int32_t w = eqbi_model_find(m, "cls.predictions.transform.dense.weight", 38);
    int32_t b = eqbi_model_find(m, "cls.predictions.transform.dense.bias", 36);
    int32_t frozen = eqbi_model_find(m, "cls.predictions.bias", 20);
    ck_assert_int_ge(w, 0);
    ck_assert_int_ge(b, 0);
    double p0[2], p[2], mo[2] = {0, 0}, v[2] = {0, 0};
    const int32_t which[2] = {w, b};
    for (int k = 0; k < 2; k++) p0[k] = p[k] = (double)eqb_model_parameter(m, which[k]).data[1];
    float still = eqb_model_parameter(m, frozen).data[1];
    for (int t = 1; t <= 3; t++) {
        for (int32_t i = 0; i < m->entries; i++) {
            eqb_parameter q = eqb_model_parameter(m, i);
            memset(q.gradient, 0, (size_t)q.rows * (size_t)q.cols * sizeof(float));
        }
        eqb_model_parameter(m, frozen).gradient[0] = 100.0f; /* frozen: not in the norm */
        double g[2] = {0.3 * t, -0.4 * t}, norm, expected = 0.5 * t, rate = 0.01 * t;
        for (int k = 0; k < 2; k++) eqb_model_parameter(m, which[k]).gradient[1] = (float)g[k];
        /* as if a backward pass had written them */
        m->transform_w.has_g = m->transform_b.has_g = m->decoder_b.has_g = true;
        ck_assert_int_eq(eqb_optimizer_step(o, rate, &norm, &err), EQB_OK);
        ck_assert_double_eq_tol(norm, expected, 1e-6);
        double clip = fmin(1.0, 0.5 / (expected + 1e-6));
        for (int k = 0; k < 2; k++) {
            double d = g[k] * clip, decay = k == 0 ? 0.01 : 0.0;
            p[k] += rate / 0.04 * options.pull * (p0[k] - p[k]);
            p[k] *= 1.0 - rate * decay;
            mo[k] = 0.9 * mo[k] + 0.1 * d;
            v[k] = 0.999 * v[k] + 0.001 * d * d;
            p[k] -= rate / (1 - pow(0.9, t)) * mo[k] / (sqrt(v[k] / (1 - pow(0.999, t))) + 1e-8);
            ck_assert_double_eq_tol((double)eqb_model_parameter(m, which[k]).data[1], p[k], 2e-6);
        }
    }
    ck_assert(eqb_model_parameter(m, frozen).data[1] == still);
    eqb_optimizer_free(o);
    eqb_model_free(start);
    eqb_model_free(m);
}
END_TEST

START_TEST(test_optimizer_refuses)
{
    eqb_model *m = small_model(NULL);
    eqb_error err = {0};
    eqb_optimizer *o;
    eqb_optimizer_options options;
    eqb_optimizer_options_default(&options);
    options.freeze = "encoder,no_such_name";
    ck_assert_int_eq(eqb_optimizer_new(&o, m, &options, &err), EQB_ERR_ARGUMENT);
    ck_assert_str_eq(err.message, "freeze: no parameter's name holds \"no_such_name\"");
    options.freeze = "predictions.decoder"; /* which is the word embeddings */
    ck_assert_int_eq(eqb_optimizer_new(&o, m, &options, &err), EQB_OK);
    ck_assert(!m->word.needs_grad && m->position.needs_grad);
    eqb_optimizer_free(o);
    options.freeze = NULL;
    options.pull = 1.0; /* to where? */
    ck_assert_int_eq(eqb_optimizer_new(&o, m, &options, &err), EQB_ERR_ARGUMENT);
    options.pull_to = m;
    options.pull = 1.5;
    ck_assert_int_eq(eqb_optimizer_new(&o, m, &options, &err), EQB_ERR_ARGUMENT);
    options.pull = 0.0;
    options.beta2 = 1.0;
    ck_assert_int_eq(eqb_optimizer_new(&o, m, &options, &err), EQB_ERR_ARGUMENT);
    options.beta2 = 0.99;
    ck_assert_int_eq(eqb_optimizer_new(&o, m, &options, &err), EQB_OK);
    float before = m->block[0];
    m->gradients[0] = NAN;
    m->word.has_g = true;
    ck_assert_int_eq(eqb_optimizer_step(o, 0.1, NULL, &err), EQB_ERR_DIVERGED);
    ck_assert(m->block[0] == before && o->step == 0);
    eqb_optimizer_free(o);
    eqb_model_free(m);
}
END_TEST

/* ---------------------------------------------------------------------------------- pretrain -- */

static const char text[] =
    "The cat sat on the mat. The dog ran after Mr. Smith. \"Stop!\" said the man.\n"
    "A bird sang in the tree. It was a warm day.\n"
    "\n"
    "She works in a shop. He works in a school. They like the work.\n"
    "The shop is near the school. The day is long.\n"
    "\n"
    "   \n"
    "Rain fell all night. The river rose. The man and the dog ran to the hill.\r\n";

/* All text of a corpus that has one window. */
static eqbi_window whole_of(const eqb_corpus *c)
{
    eqbi_window w = {0};
    ck_assert_uint_eq(eqbi_corpus_windows(c), 1);
    ck_assert_int_eq(eqbi_window_load(&w, c, 42, 0, 0, NULL), EQB_OK);
    ck_assert_int_eq((int64_t)w.tokens, eqb_corpus_tokens(c));
    ck_assert_int_eq((int64_t)w.documents, eqb_corpus_documents(c));
    return w;
}

START_TEST(test_corpus_is_cut_into_sentences)
{
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_of(text, t);
    eqbi_window w = whole_of(c);
    ck_assert_int_eq(eqb_corpus_documents(c), 3);
    ck_assert_uint_eq(w.sentences, 5 + 5 + 3);
    eqb_encoding e = {0};
    const char *second = "The dog ran after Mr. Smith.";
    ck_assert_int_eq(eqb_tokenize(t, second, strlen(second), &e, NULL), EQB_OK);
    ck_assert_uint_eq(w.sentence[2] - w.sentence[1], (size_t)e.count);
    ck_assert(memcmp(w.token + w.sentence[1], e.ids, (size_t)e.count * sizeof *e.ids) == 0);
    eqb_encoding_free(&e);
    eqbi_window_free(&w);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
}
END_TEST

static size_t document_of(const eqbi_window *w, size_t token)
{
    size_t d = 0;
    while (d + 1 < w->documents && w->sentence[w->document[d + 1]] <= token) d++;
    return d;
}

START_TEST(test_instances_follow_or_come_from_elsewhere)
{
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_of(text, t);
    eqbi_window w = whole_of(c);
    eqb_pretrain_options o;
    eqb_pretrain_options_default(&o);
    o.max_tokens = 24;
    o.batch_tokens = 60;
    int64_t random = 0, pairs = 0, total = 0;
    for (uint64_t number = 0; number < 100; number++) {
        eqbi_deal e = {0};
        ck_assert_int_eq(eqbi_deal_make(&e, &w, &o, number, NULL), EQB_OK);
        ck_assert_uint_eq(e.batch[e.batches], e.count);
        for (size_t i = 0; i < e.count; i++) {
            const eqbi_instance *x = &e.instance[i];
            total++;
            ck_assert_int_ge(x->a_length, 1);
            ck_assert_int_le(x->a_length + x->b_length + 3, o.max_tokens);
            if (x->next < 0) {
                ck_assert_int_eq(x->b_length, 0);
                continue;
            }
            pairs++;
            random += x->next;
            ck_assert_int_ge(x->b_length, 1);
            ck_assert((document_of(&w, x->a) != document_of(&w, x->b)) == x->next);
            ck_assert(x->next == 1 || x->b >= x->a + (size_t)x->a_length);
        }
        for (size_t k = 0; k < e.batches; k++) ck_assert_uint_lt(e.batch[k], e.batch[k + 1]);
        eqbi_deal_free(&e);
    }
    ck_assert_double_eq_tol((double)random / (double)pairs, 0.6, 0.15); /* lone sentences: always */
    ck_assert_double_eq_tol((double)(total - pairs) / (double)total, o.single, 0.05);
    eqbi_window_free(&w);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_masks_are_80_10_10)
{
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_of(text, t);
    eqbi_window w = whole_of(c);
    eqb_pretrain_options o;
    eqb_pretrain_options_default(&o);
    o.max_tokens = 40;
    o.batch_tokens = 200;
    eqbi_text_batch b = {0}, again = {0};
    int64_t masked = 0, mask = 0, same = 0, tokens = 0;
    for (uint64_t epoch = 0; epoch < 400; epoch++) {
        eqbi_deal e = {0};
        ck_assert_int_eq(eqbi_deal_make(&e, &w, &o, epoch, NULL), EQB_OK);
        ck_assert_int_eq(eqbi_text_batch_make(&b, c, &w, &e, 0, &o, epoch, NULL), EQB_OK);
        ck_assert_int_eq(eqbi_text_batch_make(&again, c, &w, &e, 0, &o, epoch, NULL), EQB_OK);
        int32_t n = b.start[b.batch.sequences];
        ck_assert(memcmp(b.ids, again.ids, (size_t)n * sizeof *b.ids) == 0);
        for (int32_t r = 0; r < b.rows; r++) {
            ck_assert_int_ne(b.label[r], c->special.cls);
            ck_assert_int_ne(b.label[r], c->special.sep);
            mask += b.ids[b.row[r]] == c->special.mask;
            same += b.ids[b.row[r]] == b.label[r];
        }
        masked += b.rows;
        tokens += n;
        eqbi_deal_free(&e);
    }
    ck_assert_double_eq_tol((double)masked / (double)tokens, 0.15, 0.01);
    ck_assert_double_eq_tol((double)mask / (double)masked, 0.8, 0.03);
    ck_assert_double_eq_tol((double)same / (double)masked, 0.1, 0.03); /* and some random hits */
    eqbi_text_batch_free(&b);
    eqbi_text_batch_free(&again);
    eqbi_window_free(&w);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_whole_words_are_masked_together)
{
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_of(text, t);
    eqbi_window w = whole_of(c);
    eqb_pretrain_options o;
    eqb_pretrain_options_default(&o);
    o.max_tokens = 40;
    o.batch_tokens = 200;
    o.whole_words = true;
    eqbi_deal e = {0};
    eqbi_text_batch b = {0};
    ck_assert_int_eq(eqbi_deal_make(&e, &w, &o, 0, NULL), EQB_OK);
    ck_assert_int_eq(eqbi_text_batch_make(&b, c, &w, &e, 0, &o, 0, NULL), EQB_OK);
    for (int32_t r = 0; r < b.rows; r++) {
        if (!c->continues[b.label[r]]) continue;
        bool before = b.ids[b.row[r] - 1] == c->special.cls || b.ids[b.row[r] - 1] == c->special.sep;
        for (int32_t k = 0; k < b.rows; k++) before = before || b.row[k] == b.row[r] - 1;
        ck_assert(before); /* the piece it continues is masked too */
    }
    eqbi_text_batch_free(&b);
    eqbi_deal_free(&e);
    eqbi_window_free(&w);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_a_small_text_is_learnt)
{
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_of(text, t);
    eqb_model *m = small_model(t);
    eqb_pretrain_options o;
    eqb_pretrain_evaluation before, after;
    eqb_error err = {0};
    eqb_pretrain_options_default(&o);
    o.max_tokens = 32;
    o.batch_tokens = 128;
    o.run.steps = 1200;
    o.run.dropout = 0.0;
    o.optimizer.learning_rate = 3e-3;
    ck_assert_int_eq(eqb_pretrain_evaluate(&before, m, c, NULL, &o, 100, &err), EQB_OK);
    ck_assert_msg(eqb_pretrain(m, c, &o, &err) == EQB_OK, "%s", err.message);
    ck_assert_int_eq(eqb_pretrain_evaluate(&after, m, c, NULL, &o, 100, &err), EQB_OK);
    ck_assert_double_lt(after.mlm_loss, 0.7 * before.mlm_loss);
    ck_assert_double_lt(after.mlm_loss, 0.85 * after.unigram_loss);
    eqb_corpus_free(c);
    eqb_model_free(m);
}
END_TEST

/* ------------------------------------------------------------------------------- checkpoints -- */

static int stop_at(void *user, const eqb_progress *p)
{
    return p->step == *(const int64_t *)user;
}

static void run_options(eqb_pretrain_options *o, const char *dir)
{
    eqb_pretrain_options_default(o);
    o->max_tokens = 32;
    o->batch_tokens = 64;
    o->run.steps = 9;
    o->run.accumulate = 2;
    o->run.save_every = 2;
    o->run.output = dir;
}

/* Trains a fresh small model; returns its block's bytes as a copy, or NULL with the status kept. */
static float *trained(const eqb_pretrain_options *o, size_t *size, eqb_status *status,
                      eqb_error *err)
{
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_of(text, t);
    eqb_model *m = small_model(t);
    *status = eqb_pretrain(m, c, o, err);
    float *copy = NULL;
    *size = m->size;
    if (*status == EQB_OK) {
        copy = malloc(m->size * sizeof *copy);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, m->block, m->size * sizeof *copy);
    }
    eqb_corpus_free(c);
    eqb_model_free(m);
    return copy;
}

START_TEST(test_resume_gives_the_same_bits)
{
    char whole_dir[4096], cut_dir[4096], path[4200];
    snprintf(whole_dir, sizeof whole_dir, "%s", temporary_dir());
    snprintf(cut_dir, sizeof cut_dir, "%s", temporary_dir());
    eqb_pretrain_options o;
    eqb_error err = {0};
    eqb_status status;
    size_t size;
    run_options(&o, whole_dir);
    float *whole = trained(&o, &size, &status, &err);
    ck_assert_msg(status == EQB_OK, "%s", err.message);
    run_options(&o, cut_dir);
    int64_t stop = 5;
    o.run.on_progress = stop_at;
    o.run.user = &stop;
    ck_assert_ptr_null(trained(&o, &size, &status, &err));
    ck_assert_int_eq(status, EQB_ERR_CANCELLED);
    o.run.on_progress = NULL;
    ck_assert_ptr_null(trained(&o, &size, &status, &err));
    ck_assert_int_eq(status, EQB_ERR_DATA); /* an unfinished run is not overwritten */
    ck_assert_ptr_nonnull(strstr(err.message, "holds checkpoint-"));
    o.run.resume = true;
    o.optimizer.learning_rate *= 2;
    ck_assert_ptr_null(trained(&o, &size, &status, &err));
    ck_assert_int_eq(status, EQB_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.message, "was made with learning_rate="));
    o.optimizer.learning_rate /= 2;
    /* The newest checkpoint is cut short: the one before it must do. */
    snprintf(path, sizeof path, "%s/checkpoint-5/state.safetensors", cut_dir);
    ck_assert_int_eq(truncate(path, 1000), 0);
    float *resumed = trained(&o, &size, &status, &err);
    ck_assert_msg(status == EQB_OK, "%s", err.message);
    ck_assert(memcmp(whole, resumed, size * sizeof *whole) == 0);
    size_t length;
    snprintf(path, sizeof path, "%s/metrics.jsonl", cut_dir);
    char *metrics = read_file(path, &length);
    int lines = 0;
    for (char *c = metrics; *c; c++) lines += *c == '\n';
    ck_assert_int_eq(lines, 9); /* each step once */
    free(metrics);
    free(whole);
    free(resumed);
}
END_TEST

START_TEST(test_two_runs_in_one_directory)
{
    eqbi_run_dir first, second;
    eqb_error err = {0};
    const char *dir = temporary_dir();
    ck_assert_int_eq(eqbi_run_dir_open(&first, dir, false, false, &err), EQB_OK);
    ck_assert_int_eq(eqbi_run_dir_open(&second, dir, false, false, &err), EQB_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.message, "another run is writing there"));
    eqbi_run_dir_close(&first);
    ck_assert_int_eq(eqbi_run_dir_open(&second, dir, true, false, &err), EQB_OK);
    eqbi_run_dir_close(&second);
}
END_TEST

START_TEST(test_every_allocation_of_a_run_may_fail)
{
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_of(text, t);
    size_t n = 0;
    for (eqb_status status = EQB_ERR_NOMEM; status != EQB_OK;) {
        test_allocator a;
        test_allocator_init(&a);
        a.fail_at = ++n;
        eqb_pretrain_options o;
        eqb_error err = {0};
        run_options(&o, NULL);
        o.run.steps = 2;
        o.run.allocator = &a.base;
        eqb_model *m = small_model_with(NULL, c->vocab_size, &a.base, &err);
        status = m ? eqb_pretrain(m, c, &o, &err) : EQB_ERR_NOMEM;
        ck_assert_msg(status == EQB_OK || status == EQB_ERR_NOMEM, "%s", err.message);
        eqb_model_free(m);
        ck_assert_msg(a.live_blocks == 0, "allocation %zu: %zu blocks leak", n, a.live_blocks);
        ck_assert_uint_lt(n, 2000);
    }
    ck_assert_uint_gt(n, 15);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
}
END_TEST

Suite *trainer_suite(void)
{
    Suite *s = suite_create("trainer");
    TCase *t = tcase_create("trainer");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_schedule_is_that_of_transformers);
    tcase_add_loop_test(t, test_adamw_is_its_formula, 0, 2);
    tcase_add_test(t, test_optimizer_refuses);
    tcase_add_test(t, test_corpus_is_cut_into_sentences);
    tcase_add_test(t, test_instances_follow_or_come_from_elsewhere);
    tcase_add_test(t, test_masks_are_80_10_10);
    tcase_add_test(t, test_whole_words_are_masked_together);
    tcase_add_test(t, test_a_small_text_is_learnt);
    tcase_add_test(t, test_resume_gives_the_same_bits);
    tcase_add_test(t, test_two_runs_in_one_directory);
    tcase_add_test(t, test_every_allocation_of_a_run_may_fail);
    suite_add_tcase(s, t);
    suite_add_tcase(s, trainer_text_case());
    return s;
}
