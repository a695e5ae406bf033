/* Warm steps and sessions leave the heap alone, and any allocation may fail. */
#include "tests/properties_testing.h"

/* Below an arena's chunk: with this limit each request becomes a block of its own. */
enum { SMALL = 1 << 19 };

static answers other;

/* After two steps of one size all memory is in place: in chunks, or (odd _i) in small blocks. */
START_TEST(test_warm_steps)
{
    test_allocator a;
    test_allocator_init(&a);
    a.limit = _i % 2 ? SMALL : 0;
    graph *g = new_graph(&a.base);
    size_t calls = 0;
    for (uint64_t step = 0; step < 5; step++) {
        ck_assert_int_eq(step_of(g, EQB_MODE_TRAIN, 1, step, 1.0f), EQB_OK);
        if (step == 1) calls = a.calls;
    }
    ck_assert_uint_eq(a.calls, calls);
    eqb_graph_free(g);
    ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

START_TEST(test_warm_session)
{
    test_allocator a;
    test_allocator_init(&a);
    a.limit = _i % 2 ? SMALL : 0;
    eqb_session *s;
    const eqb_session_options options = {.allocator = &a.base, .keep_hidden = _i / 2 != 0};
    ck_assert_int_eq(eqb_session_new(&s, model, &options, NULL), EQB_OK);
    size_t calls = 0;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(s, &small_batch, &other), EQB_OK);
        if (i == 1) calls = a.calls;
    }
    ck_assert_uint_eq(a.calls, calls);
    eqb_session_free(s);
    ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

/* Without kept hidden states, a session needs no more memory for nine layers than for two. */
START_TEST(test_session_memory)
{
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        test_allocator a;
        test_allocator_init(&a);
        a.limit = SMALL;
        eqb_config deep = small_config;
        deep.num_layers = i == 0 ? 2 : 9;
        eqb_model *m;
        eqb_session *s;
        ck_assert_int_eq(eqb_model_new(&m, &deep, NULL, NULL, NULL), EQB_OK);
        const eqb_session_options options = {.allocator = &a.base};
        ck_assert_int_eq(eqb_session_new(&s, m, &options, NULL), EQB_OK);
        size_t before = a.live_bytes;
        ck_assert_int_eq(eqb_session_forward(s, &small_batch, NULL), EQB_OK);
        bytes[i] = a.live_bytes - before;
        eqb_session_free(s);
        eqb_model_free(m);
    }
    ck_assert_uint_eq(bytes[0], bytes[1]);
}
END_TEST

static eqb_status make_model(test_allocator *a)
{
    eqb_model *m;
    const eqb_model_options options = {.allocator = &a->base};
    eqb_status status = eqb_model_new(&m, &small_config, NULL, &options, NULL);
    ck_assert((m != NULL) == (status == EQB_OK));
    if (status == EQB_OK) status = eqb_model_gradients(m, NULL);
    eqb_model_free(m);
    return status;
}

static eqb_status make_session(test_allocator *a)
{
    eqb_session *s;
    const eqb_session_options options = {.allocator = &a->base, .keep_hidden = true};
    eqb_status status = eqb_session_new(&s, model, &options, NULL);
    ck_assert((s != NULL) == (status == EQB_OK));
    if (status == EQB_OK) {
        status = eqb_session_forward(s, &small_batch, NULL);
        ck_assert((eqb_session_hidden(s, 0) != NULL) == (status == EQB_OK));
        if (status == EQB_OK) status = ask(s, &small_batch, &other);
        size_t calls = a->calls;
        a->fail_at = 0; /* memory is back: the session works */
        ck_assert_int_eq(ask(s, &small_batch, &other), EQB_OK);
        a->calls = calls;
    }
    eqb_session_free(s);
    return status;
}

static eqb_status make_step(test_allocator *a)
{
    graph *g;
    eqb_status status = eqb_graph_new(&g, &a->base, NULL);
    ck_assert((g != NULL) == (status == EQB_OK));
    if (status == EQB_OK) {
        status = step_of(g, EQB_MODE_TRAIN, 1, 1, 1.0f);
        a->fail_at = 0;
        ck_assert_int_eq(step_of(g, EQB_MODE_TRAIN, 1, 1, 1.0f), EQB_OK);
    }
    eqb_graph_free(g);
    return status;
}

/* Each allocation in turn is refused: with all that follow and an arena's usual chunks, or it alone
 * and with a block for each request of the arena. */
START_TEST(test_every_allocation_fails)
{
    eqb_status (*const make[])(test_allocator *) = {make_model, make_session, make_step};
    for (size_t limit = 0; limit <= SMALL; limit += SMALL) {
        test_allocator a;
        test_allocator_init(&a);
        a.limit = limit, a.fail_after = limit == 0;
        bool done = false;
        for (size_t fail_at = 1; !done; fail_at++) {
            a.calls = 0, a.fail_at = fail_at;
            eqb_status status = make[_i](&a);
            done = a.calls < fail_at;
            ck_assert_msg(status == (done ? EQB_OK : EQB_ERR_NOMEM), "block %zu", fail_at);
            ck_assert_uint_eq(a.live_blocks, 0);
        }
        ck_assert_uint_gt(a.calls, 1);
    }
}
END_TEST

TCase *memory_tests(void)
{
    TCase *t = properties_case("memory");
    tcase_add_loop_test(t, test_warm_steps, 0, 2);
    tcase_add_loop_test(t, test_warm_session, 0, 4);
    tcase_add_test(t, test_session_memory);
    tcase_add_loop_test(t, test_every_allocation_fails, 0, 3);
    return t;
}
