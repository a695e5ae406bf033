/* The arena: places that do not overlap, growth, marks, sizes that overflow, no memory. */
#include "tests/math_testing.h"

#include "autograd/tensor.h"

#include <string.h>

static test_allocator heap;
static eqbi_arena arena;

static void setup_arena(void)
{
    test_allocator_init(&heap);
    arena = (eqbi_arena){.allocator = &heap.base};
}

static void teardown_arena(void)
{
    eqbi_arena_free(&arena);
    ck_assert_uint_eq(heap.live_blocks, 0);
}

START_TEST(test_arena_blocks)
{
    enum { N = 300 };
    unsigned char *block[N];
    size_t size[N];
    for (size_t i = 0; i < N; i++) {
        size[i] = i % 100 == 99 ? 3 << 20 : i * 37 + 1; /* now and then more than all so far */
        block[i] = eqbi_arena_alloc(&arena, size[i], 1);
        ck_assert_ptr_nonnull(block[i]);
        ck_assert_uint_eq((uintptr_t)block[i] % 64, 0);
        memset(block[i], (int)(i % 251), size[i]);
    }
    for (size_t i = 0; i < N; i++) /* all bytes are as the first one, and that is right */
        ck_assert(*block[i] == i % 251 && memcmp(block[i], block[i] + 1, size[i] - 1) == 0);
    /* the same again: the same places, and the heap is left alone */
    size_t calls = heap.calls;
    eqbi_arena_reset(&arena);
    for (size_t i = 0; i < N; i++) ck_assert_ptr_eq(eqbi_arena_alloc(&arena, size[i], 1), block[i]);
    ck_assert_uint_eq(heap.calls, calls);
}
END_TEST

START_TEST(test_arena_rewind)
{
    char *before = eqbi_arena_alloc(&arena, 100, 1);
    eqbi_mark mark = eqbi_arena_mark(&arena);
    char *small = eqbi_arena_alloc(&arena, 10, 4);
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 5 << 20, 1));
    memset(before, 7, 100);
    eqbi_arena_rewind(&arena, mark);
    ck_assert_ptr_eq(eqbi_arena_alloc(&arena, 40, 1), small);
    for (int i = 0; i < 100; i++) ck_assert_int_eq(before[i], 7);
}
END_TEST

/* A mark of an arena without memory: rewinding forgets all, and loses nothing. */
START_TEST(test_arena_rewind_to_nothing)
{
    eqbi_mark mark = eqbi_arena_mark(&arena);
    void *first = eqbi_arena_alloc(&arena, 1, 1);
    eqbi_arena_rewind(&arena, mark);
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 3 << 20, 1)); /* too much for the first chunk */
    eqbi_arena_rewind(&arena, mark);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 1, 1));
}
END_TEST

START_TEST(test_arena_overflow)
{
    const size_t sizes[][2] = {{SIZE_MAX, 1},     {SIZE_MAX / 2, 3},    {3, SIZE_MAX / 2},
                               {SIZE_MAX - 64, 1}, {SIZE_MAX / 64, 64}, {SIZE_MAX / 2 + 1, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        ck_assert_ptr_null(eqbi_arena_alloc(&arena, sizes[i][0], sizes[i][1]));
    ck_assert_uint_eq(heap.live_blocks, 0);
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 0, 8));
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 1, 8));
}
END_TEST

START_TEST(test_arena_no_memory)
{
    for (size_t fail_at = 1; fail_at <= 2; fail_at++) {
        heap.calls = 0, heap.fail_at = fail_at, heap.fail_after = true;
        ck_assert_ptr_null(eqbi_arena_alloc(&arena, 100, 1));
        ck_assert_uint_eq(heap.live_blocks, 0);
    }
    heap.fail_at = 0, heap.limit = 1 << 10; /* no room for a chunk: what is needed will do */
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 100, 1));
    ck_assert_ptr_null(eqbi_arena_alloc(&arena, 2000, 1));
    ck_assert_ptr_nonnull(eqbi_arena_alloc(&arena, 200, 1));
}
END_TEST

TCase *arena_tests(void)
{
    TCase *t = tcase_create("arena");
    tcase_add_checked_fixture(t, setup_arena, teardown_arena);
    tcase_add_test(t, test_arena_blocks);
    tcase_add_test(t, test_arena_rewind);
    tcase_add_test(t, test_arena_rewind_to_nothing);
    tcase_add_test(t, test_arena_overflow);
    tcase_add_test(t, test_arena_no_memory);
    return t;
}
