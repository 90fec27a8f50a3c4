/* test_text.c -- arena, names, buf, sizes, arrays that grow. */
#include "unit.h"

static void arena_gives_aligned_zeroed_memory(void **state)
{
    (void)state;
    Arena a = { 0 };
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = arena_alloc(&a, n);
        assert_int_equal((uintptr_t)p % 8, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
        if (n) memset(p, 0xff, n);
    }
    unsigned char *big = arena_alloc(&a, 10 << 20), *small = arena_alloc(&a, 1);
    assert_int_equal(big[(10 << 20) - 1], 0);
    assert_int_equal(*small, 0);
    assert_string_equal(arena_printf(&a, "%d %s", 7, "x"), "7 x");
    assert_string_equal(arena_strndup(&a, "abc", 2), "ab");
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    assert_true(a.total > 10u << 20);
    arena_free(&a);
    assert_null(a.chunk);
    assert_int_equal(a.total, 0);
}

static void what_came_after_a_mark_is_given_back(void **state)
{
    (void)state;
    Arena a = { 0 };
    arena_alloc(&a, 24);
    const ArenaMark mark = arena_mark(&a);
    char *first = arena_strdup(&a, "zeroed when it is given again");
    arena_back(&a, mark);
    char *again = arena_alloc(&a, 32);
    assert_ptr_equal(first, again);
    for (int i = 0; i < 32; i++) assert_int_equal(again[i], 0);
    arena_alloc(&a, 1 << 20); /* a chunk of its own: what is in it stays */
    arena_back(&a, mark);
    assert_ptr_not_equal(arena_alloc(&a, 32), first);
    arena_free(&a);
}

static void large_requests_leave_the_chunk_in_use(void **state)
{
    (void)state;
    /* part of a chunk of 2 MiB; one of its own */
    static const size_t large[] = { 20000, 600000 };
    for (size_t k = 0; k < COUNT(large); k++) {
        Arena a = { 0 };
        for (int i = 0; i < 100; i++) {
            arena_alloc(&a, 16);
            arena_alloc(&a, large[k]);
        }
        assert_true(a.total < 100 * (large[k] + 32) + (2 << 20) + 16000);
        arena_free(&a);
    }
}

/* The largest chunks are mapped: zeroed, aligned, written to their last byte, given back. */
static void an_arena_of_many_chunks_is_zeroed(void **state)
{
    (void)state;
    Arena a = { 0 };
    for (int i = 0; i < 20000; i++) {
        unsigned char *p = arena_alloc(&a, 500);
        assert_int_equal((uintptr_t)p % 8, 0);
        for (int k = 0; k < 500; k++)
            if (p[k]) fail_msg("byte %d of allocation %d is %d", k, i, p[k]);
        memset(p, 0xff, 500);
    }
    arena_free(&a);
    assert_null(a.chunk);
}

int __asan_address_is_poisoned(const volatile void *at) __attribute__((weak));

/* So that make san sees a loop that goes one too far in what an arena has. */
static void a_sanitizer_knows_where_allocations_end(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 7, 8, 9, 24, 1000, 20000, 600000 };
    if (!__asan_address_is_poisoned) skip();
    for (size_t before = 0; before < 5 << 20; before = 2 * before + 1) {
        Arena a = { 0 };
        arena_alloc(&a, before);
        for (size_t i = 0; i < COUNT(sizes); i++) {
            const ArenaMark mark = arena_mark(&a);
            const char *p = arena_alloc(&a, sizes[i]);
            assert_true(!sizes[i] || !__asan_address_is_poisoned(p + sizes[i] - 1));
            assert_true(__asan_address_is_poisoned(p + sizes[i]));
            arena_back(&a, mark);
            assert_true(a.at != mark.at || __asan_address_is_poisoned(a.at));
        }
        arena_free(&a);
    }
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    size_t out;
    assert_true(size_mul(SIZE_MAX / 3, 3, &out));
    assert_int_equal(out, SIZE_MAX / 3 * 3);
    assert_false(size_mul(SIZE_MAX / 3 + 1, 3, &out));
    assert_true(size_mul(0, SIZE_MAX, &out));
    assert_true(size_add(SIZE_MAX - 1, 1, &out));
    assert_false(size_add(SIZE_MAX, 1, &out));
}

/* The list of what a guarded call owns finds each as long as it is there, whatever left it
 * before. */
static void what_a_guard_owns_is_found_until_it_goes(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static void *own[MANY];
    Guard g;
    static uint64_t seed = 1;
    if (guard_begin(&g)) fail_msg("no memory");
    for (int i = 0; i < MANY; i++)
        assert_non_null(own[i] = mem_zero(1, (size_t)(i % 60) + 1));
    for (int left = MANY; left > 0; left--) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const int at = (int)((seed >> 33) % (uint64_t)left);
        void *gone = own[at];
        own[at] = own[left - 1];
        assert_true(mem_owned(gone));
        mem_free(gone);
        assert_false(mem_owned(gone));
        for (int i = 0; i < left - 1; i += left < 60 ? 1 : 97)
            assert_true(mem_owned(own[i]));
    }
    guard_end(&g);
}

static void buf_grows_and_quotes(void **state)
{
    (void)state;
    Buf b = { 0 };
    for (int i = 0; i < 1000; i++) buf_printf(&b, "%d,", i);
    assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(strlen(b.s), b.len);
    buf_free(&b);
    buf_quote(&b, "a\"b\\c\"");
    assert_string_equal(b.s, "\"a\\\"b\\\\c\\\"\"");
    buf_free(&b);
    buf_add(&b, NULL, 0);
    assert_string_equal(b.s, "");
    buf_printf(&b, "%s", "");
    buf_add(&b, "x\0y", 3);
    assert_memory_equal(b.s, "x\0y", 4);
    buf_free(&b);
}

static void equal_names_are_equal_pointers(void **state)
{
    (void)state;
    Arena a = { 0 };
    Names n = { .arena = &a };
    const char *first[5000];
    for (int i = 0; i < 5000; i++)
        first[i] = name_intern_z(&n, arena_printf(&a, "name_%d", i));
    for (int i = 0; i < 5000; i++) {
        const char *again = arena_printf(&a, "name_%d tail", i);
        assert_ptr_equal(name_intern(&n, again, strlen(again) - 5), first[i]);
    }
    assert_int_equal(n.count, 5000);
    assert_string_equal(name_intern(&n, NULL, 0), "");
    assert_ptr_equal(name_intern(&n, "ab\0c", 4), name_intern_z(&n, "ab"));
    size_t all = 0;
    for (size_t at = 0; name_each(&n, &at);) all++;
    assert_int_equal(all, n.count);
    assert_null(name_note(first[1])->tag);
    names_free(&n);
    arena_free(&a);
}

/* Names as long as pages of names and some letters more or less, each as the first one and behind
 * another: all of them stay what they are, and are found. */
static void names_of_any_length(void **state)
{
    (void)state;
    enum { PAGE = 32768, AROUND = 24 };
    for (int pages = 1; pages <= 3; pages++)
        for (int k = -AROUND; k <= AROUND; k++)
            for (int before = 0; before < 2; before++) {
                Arena a = { 0 };
                Names n = { .arena = &a };
                const size_t len = (size_t)(pages * PAGE + k);
                char *s = arena_alloc(&a, len + 1);
                memset(s, 'a', len);
                s[len] = 0;
                if (before) name_intern_z(&n, "before");
                const char *long_one = name_intern_z(&n, s),
                           *next = name_intern_z(&n, "next");
                name_note(next)->tag = s;
                assert_string_equal(long_one, s);
                assert_string_equal(next, "next");
                assert_null(name_note(long_one)->tag);
                assert_ptr_equal(name_intern(&n, s, len), long_one);
                assert_ptr_not_equal(name_intern(&n, s, len - 1), long_one);
                assert_int_equal(strlen(long_one), len);
                names_free(&n);
                arena_free(&a);
            }
}

static void the_nearest_name_is_suggested(void **state)
{
    (void)state;
    static const char *const names[] = { "matmul", "softmax",    "relu", "Conv",
                                         NULL,     "reduce_sum", "x" };
    assert_string_equal(name_nearest("matmull", names, COUNT(names)), "matmul");
    assert_string_equal(name_nearest("matmlu", names, COUNT(names)), "matmul");
    assert_string_equal(name_nearest("conv", names, COUNT(names)), "Conv");
    assert_string_equal(name_nearest("softmx", names, COUNT(names)), "softmax");
    assert_string_equal(name_nearest("reduce_sun", names, COUNT(names)), "reduce_sum");
    assert_null(name_nearest("transpose", names, COUNT(names)));
    assert_null(name_nearest("y", names, COUNT(names)));
    assert_null(name_nearest("", names, COUNT(names)));
    assert_null(name_nearest("relu", names + 2, 1)); /* it is there: nothing to suggest */
}

/* What is so long is no slip of a finger, and would take long to look for. */
static void long_names_are_not_searched(void **state)
{
    (void)state;
    char want[101], other[101];
    for (size_t n = 98; n <= 100; n++) {
        memset(want, 'a', n);
        want[n] = 0;
        memcpy(other, want, n + 1);
        other[n / 2] = 'b';
        const char *const known[] = { other };
        if (n < 100) assert_ptr_equal(name_nearest(want, known, 1), other);
        else assert_null(name_nearest(want, known, 1));
    }
    other[99] = 0;
    want[99] = 0;
    memcpy(other + 99, "c", 2);
    assert_null(name_nearest(want, (const char *const[]){ other }, 1));
    assert_non_null(name_nearest("abc", (const char *const[]){ "abd" }, 1));
    assert_null(name_nearest("abc", (const char *const[]){ "ade" }, 1));
    assert_non_null(name_nearest("abcde", (const char *const[]){ "abcxy" }, 1));
    assert_null(name_nearest("abcde", (const char *const[]){ "abxyz" }, 1));
    assert_null(name_nearest("abcde", (const char *const[]){ "abcdefgh" }, 1));
    assert_non_null(name_nearest("abcde", (const char *const[]){ "abcdefg" }, 1));
    assert_string_equal(
        name_nearest("abcd", (const char *const[]){ "axyd", "abxd", "abcx" }, 3), "abxd");
}

/* ---- growing arrays ---------------------------------------------------------------------- */

/* Room doubles, and what was there stays; an arena's old arrays stay as they were. */
static void arrays_grow(void **state)
{
    Arena a = { 0 };
    int *in_arena = NULL, *in_mem = NULL;
    int n = 0, cap = 0;
    size_t count = 0, room = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        ARENA_ROOM(&a, in_arena, n, cap);
        in_arena[n++] = i;
        MEM_ROOM(in_mem, count, room);
        in_mem[count++] = -i;
        assert_true(n <= cap && count <= room);
    }
    assert_int_equal(cap, 1024);
    assert_int_equal(room, 1024);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(in_arena[i], i);
        assert_int_equal(in_mem[i], -i);
    }
    int *first = in_arena;
    ARENA_ROOM(&a, in_arena, n, cap); /* there is room */
    assert_ptr_equal(in_arena, first);
    n = cap;
    ARENA_ROOM(&a, in_arena, n, cap);
    assert_ptr_not_equal(in_arena, first);
    assert_int_equal(first[999], in_arena[999]);
    mem_free(in_mem);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_aligned_zeroed_memory),
        cmocka_unit_test(what_came_after_a_mark_is_given_back),
        cmocka_unit_test(large_requests_leave_the_chunk_in_use),
        cmocka_unit_test(an_arena_of_many_chunks_is_zeroed),
        cmocka_unit_test(a_sanitizer_knows_where_allocations_end),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(what_a_guard_owns_is_found_until_it_goes),
        cmocka_unit_test(buf_grows_and_quotes),
        cmocka_unit_test(equal_names_are_equal_pointers),
        cmocka_unit_test(names_of_any_length),
        cmocka_unit_test(the_nearest_name_is_suggested),
        cmocka_unit_test(long_names_are_not_searched),
        cmocka_unit_test(arrays_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
