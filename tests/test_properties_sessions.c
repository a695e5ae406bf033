/* Sessions: packed, one by one, in any order; after errors; from several threads. */
#include "tests/properties_testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Fields left out of a table's line are 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* What a says of its sequence i is what b says of its sequence k. */
static void check_same(const answers *a, const int32_t *a_start, int i, const answers *b,
                       const int32_t *b_start, int k)
{
    int32_t from = a_start[i], at = b_start[k], n = a_start[i + 1] - from;
    ck_assert_int_eq(n, b_start[k + 1] - at);
    check_near("hidden", a->hidden + from * H, b->hidden + at * H, n * H);
    check_near("mlm", a->mlm + from * V, b->mlm + at * V, n * V);
    check_near("pooled", a->pooled + i * H, b->pooled + k * H, H);
    check_near("mean", a->mean + i * H, b->mean + k * H, H);
    check_near("nsp", a->nsp + i * 2, b->nsp + k * 2, 2);
}

static answers whole, other;

START_TEST(test_packed_is_one_by_one)
{
    eqb_session *s = new_session(model, false);
    ck_assert_int_eq(ask(s, &small_batch, &whole), EQB_OK);
    for (int i = 0; i < SEQUENCES; i++) {
        const int32_t alone[] = {0, starts[i + 1] - starts[i]};
        const eqb_batch one = {1, alone, ids + starts[i], types + starts[i]};
        ck_assert_int_eq(ask(s, &one, &other), EQB_OK);
        check_same(&whole, starts, i, &other, alone, 0);
    }
    eqb_session_free(s);
}
END_TEST

START_TEST(test_order_does_not_matter)
{
    const int order[] = {2, 0, 3, 1};
    int32_t moved_starts[SEQUENCES + 1] = {0}, moved_ids[TOKENS], moved_types[TOKENS];
    const eqb_batch moved = {SEQUENCES, moved_starts, moved_ids, moved_types};
    for (int k = 0; k < SEQUENCES; k++) {
        int32_t from = starts[order[k]], n = starts[order[k] + 1] - from;
        memcpy(moved_ids + moved_starts[k], ids + from, (size_t)n * sizeof *ids);
        memcpy(moved_types + moved_starts[k], types + from, (size_t)n * sizeof *types);
        moved_starts[k + 1] = moved_starts[k] + n;
    }
    eqb_session *s = new_session(model, false);
    ck_assert_int_eq(ask(s, &small_batch, &whole), EQB_OK);
    ck_assert_int_eq(ask(s, &moved, &other), EQB_OK);
    for (int k = 0; k < SEQUENCES; k++)
        check_same(&whole, starts, order[k], &other, moved_starts, k);
    eqb_session_free(s);
}
END_TEST

START_TEST(test_no_types_are_zeros)
{
    eqb_session *s = new_session(model, false);
    memset(types, 0, sizeof types);
    ck_assert_int_eq(ask(s, &small_batch, &whole), EQB_OK);
    ck_assert_int_eq(ask(s, &(eqb_batch){SEQUENCES, starts, ids, NULL}, &other), EQB_OK);
    ck_assert_mem_eq(&whole, &other, sizeof whole);
    eqb_session_free(s);
}
END_TEST

/* Keeping hidden states changes none; those not kept and not there are NULL. */
START_TEST(test_hidden)
{
    eqb_session *keeps = new_session(model, true), *lean = new_session(model, false);
    ck_assert_ptr_null(eqb_session_hidden(keeps, 0));
    ck_assert_int_eq(eqb_session_forward(keeps, &small_batch, NULL), EQB_OK);
    ck_assert_int_eq(eqb_session_forward(lean, &small_batch, NULL), EQB_OK);
    for (int32_t layer = -1; layer <= LAYERS + 1; layer++) {
        bool there = layer >= 0 && layer <= LAYERS;
        ck_assert((eqb_session_hidden(keeps, layer) != NULL) == there);
        ck_assert((eqb_session_hidden(lean, layer) != NULL) == (layer == LAYERS));
    }
    ck_assert_mem_eq(eqb_session_hidden(keeps, LAYERS), eqb_session_hidden(lean, LAYERS),
                     sizeof whole.hidden);
    ck_assert_mem_ne(eqb_session_hidden(keeps, 1), eqb_session_hidden(keeps, 2), H * sizeof(float));
    eqb_session_free(keeps);
    eqb_session_free(lean);
}
END_TEST

START_TEST(test_mean)
{
    eqb_session *s = new_session(model, false);
    ck_assert_int_eq(ask(s, &small_batch, &whole), EQB_OK);
    for (int i = 0; i < SEQUENCES * H; i++) {
        double sum = 0.0;
        int32_t from = starts[i / H], to = starts[i / H + 1];
        for (int32_t r = from; r < to; r++) sum += (double)whole.hidden[r * H + i % H];
        ck_assert_double_eq_tol((double)whole.mean[i], sum / (to - from), 1e-6);
    }
    eqb_session_free(s);
}
END_TEST

#define LIST (const int32_t[])
static const struct {
    eqb_batch batch;
    const char *names; /* what the message has to name */
} wrong[] = {
    {{0, LIST{0}}, "0 sequences"},
    {{-1, LIST{0}}, "-1 sequences"},
    {{1, LIST{1, 2}, LIST{0, 0}}, "start[0] is 1"},
    {{2, LIST{0, 2, 2}, LIST{1, 1}}, "sequence 1"},
    {{2, LIST{0, 2, 1}, LIST{1, 1}}, "sequence 1"},
    {{1, LIST{0, P + 1}}, "41 tokens, expected 1 to 40"},
    {{1, LIST{0, INT32_MAX}}, "2147483647 tokens"},
    {{2, LIST{0, -5, 3}}, "sequence 0"},
    {{1, LIST{0, 2}, LIST{3, V}}, "id 50, expected 0 to 49"},
    {{1, LIST{0, 2}, LIST{3, -1}}, "token 1 has id -1, expected"},
    {{1, LIST{0, 2}, LIST{3, 3}, LIST{0, T}}, "type 2, expected 0 to 1"},
    {{1, LIST{0, 2}, LIST{3, 3}, LIST{0, -1}}, "token 1 has type -1, expected"},
};

/* Nothing of the model's size is asked for, nothing can be read, and the next batch is as ever. */
START_TEST(test_wrong_batch)
{
    test_allocator a;
    test_allocator_init(&a);
    eqb_session *s;
    eqb_error err = {0};
    const float *x = whole.hidden;
    const eqb_session_options options = {.allocator = &a.base, .keep_hidden = true};
    ck_assert_int_eq(eqb_session_new(&s, model, &options, NULL), EQB_OK);
    ck_assert_int_eq(ask(s, &small_batch, &whole), EQB_OK);
    size_t calls = a.calls;
    ck_assert_int_eq(eqb_session_forward(s, &wrong[_i].batch, &err), EQB_ERR_ARGUMENT);
    ck_assert_msg(strstr(err.message, wrong[_i].names) != NULL, "%s", err.message);
    ck_assert_uint_eq(a.calls, calls);
    ck_assert_ptr_null(eqb_session_hidden(s, 0));
    ck_assert_int_eq(eqb_session_pooled(s, &x, &err), EQB_ERR_ARGUMENT);
    ck_assert_ptr_null(x);
    ck_assert_int_eq(ask(s, &small_batch, &other), EQB_OK);
    ck_assert_mem_eq(&whole, &other, sizeof whole);
    eqb_session_free(s);
}
END_TEST

START_TEST(test_before_forward)
{
    eqb_session *s = new_session(model, false);
    const float *x;
    ck_assert_int_eq(eqb_session_pooled(s, &x, NULL), EQB_ERR_ARGUMENT);
    ck_assert_int_eq(eqb_session_mean_pooled(s, &x, NULL), EQB_ERR_ARGUMENT);
    ck_assert_int_eq(eqb_session_mlm_logits(s, starts, 1, &x, NULL), EQB_ERR_ARGUMENT);
    ck_assert_int_eq(eqb_session_nsp_logits(s, &x, NULL), EQB_ERR_ARGUMENT);
    ck_assert_ptr_null(eqb_session_hidden(s, LAYERS));
    eqb_session_free(s);
    eqb_session_free(NULL);
}
END_TEST

/* An accessor's error costs nothing but its answer. */
START_TEST(test_wrong_rows)
{
    const struct {
        int32_t row, count;
    } bad[] = {{-1, 1}, {TOKENS, 1}, {0, 0}, {0, -1}};
    eqb_session *s = new_session(model, false);
    const float *x;
    ck_assert_int_eq(ask(s, &small_batch, &whole), EQB_OK);
    ck_assert_int_eq(
        eqb_session_mlm_logits(s, &bad[_i].row, bad[_i].count, &x, NULL), EQB_ERR_ARGUMENT);
    ck_assert_ptr_null(x);
    ck_assert_int_eq(eqb_session_pooled(s, &x, NULL), EQB_OK);
    ck_assert_mem_eq(x, whole.pooled, sizeof whole.pooled);
    eqb_session_free(s);
}
END_TEST

/* ----------------------------------------------------------------------------------- threads -- */

enum { ROUNDS = 20 };

typedef struct job {
    eqb_session *session;
    answers answer[2];
    int wrong;
} job;

static void *work(void *data)
{
    job *j = data;
    const eqb_batch halves[] = {{2, starts, ids, types}, small_batch};
    static const size_t sizes[] = {8 * H * sizeof(float), TOKENS * H * sizeof(float)};
    for (int i = 0; i < 2 * ROUNDS; i++) {
        answers *a = malloc(sizeof *a);
        if (!a || ask(j->session, &halves[i % 2], a) != EQB_OK) j->wrong++;
        if (a && memcmp(a->hidden, j->answer[i % 2].hidden, sizes[i % 2]) != 0) j->wrong++;
        free(a);
    }
    return NULL;
}

/* Two threads with a session each on one model find the bits that one thread found. */
START_TEST(test_threads_share_a_model)
{
    static job jobs[2];
    pthread_t thread[2];
    const eqb_batch half = {2, starts, ids, types};
    for (int i = 0; i < 2; i++) {
        jobs[i] = (job){.session = new_session(model, i == 1)};
        ck_assert_int_eq(ask(jobs[i].session, &half, &jobs[i].answer[0]), EQB_OK);
        ck_assert_int_eq(ask(jobs[i].session, &small_batch, &jobs[i].answer[1]), EQB_OK);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, work, &jobs[i]), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
        ck_assert_int_eq(jobs[i].wrong, 0);
        eqb_session_free(jobs[i].session);
    }
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))
TCase *session_tests(void)
{
    TCase *t = properties_case("sessions");
    tcase_add_test(t, test_packed_is_one_by_one);
    tcase_add_test(t, test_order_does_not_matter);
    tcase_add_test(t, test_no_types_are_zeros);
    tcase_add_test(t, test_hidden);
    tcase_add_test(t, test_mean);
    tcase_add_loop_test(t, test_wrong_batch, 0, COUNT(wrong));
    tcase_add_test(t, test_before_forward);
    tcase_add_loop_test(t, test_wrong_rows, 0, 4);
    tcase_add_test(t, test_threads_share_a_model);
    return t;
}
