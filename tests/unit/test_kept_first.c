/* test_kept_first.c -- which start keeps what the backend cpu has packed: not the first, one of many at
 * once, and none where there is no room. */
#include "kept_bench.h"

/* The first start reads no weights for their sums and leaves one number; what stands in the place
 * of that, or is lost of it, only keeps them sooner or later. */
static void test_first(void **state)
{
    Kept *k = *state;
    Cache c;
    const char *word, *sum = run_sum(k, k->m, "/dev/null/x", &word, false);
    const char *seen = arena_printf(&k->arena, "%s/v1/seen", k->dir);
    cache_open(&c, &k->arena, k->dir);
    for (int i = 0; i < 2; i++) {
        expect_run(k, "first", sum);
        assert_int_equal(cache_count(&c, false).entries, 0);
        assert_int_equal(cache_count(&c, false).notes, 0);
        assert_int_equal(truncate(seen, 0), 0);
    }
    expect_run(k, "first", sum);
    expect_run(k, "miss", sum);
    assert_int_equal(cache_count(&c, false).kept, 1);
    assert_int_equal(cache_tally(&c).n[TALLY_MISS], 4);
    expect_run(k, "hit", sum);
    assert_int_equal(cache_tally(&c).n[TALLY_HIT], 1);
    assert_int_equal(cache_count(&c, true).kept, 1);
    assert_false(file_exists(seen));
}

/* Many at once, of which the first was before: one stores it. */
static void test_at_once(void **state)
{
    enum { MANY = 20 };
    Kept *k = *state;
    const char *word, *sum = run_sum(k, k->m, "/dev/null/x", &word, false);
    int stored = 0;
    expect_run(k, "first", sum);
    assert_int_equal(entries(k), 0);
    fflush(NULL);
    for (int i = 0; i < MANY; i++)
        if (!fork()) {
            const char *got = run_sum(k, k->m, k->dir, &word, false);
            _exit(strcmp(got, sum) != 0 ? 2 : !strcmp(word, "miss"));
        }
    for (int i = 0; i < MANY; i++) {
        int status;
        wait(&status);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 2);
        stored += WEXITSTATUS(status);
    }
    assert_int_equal(entries(k), 1);
    assert_true(stored >= 1);
    expect_run(k, "hit", sum);
}

static void test_room(void **state)
{
    Kept *k = *state;
    const char *word, *sum = run_sum(k, k->m, "/dev/null/x", &word, false);
    setenv("ANEC_CACHE_LIMIT", "1000000", 1);
    expect_run(k, "first", sum);
    expect_run(k, "off", sum); /* larger than all of the cache */
    assert_int_equal(entries(k), 0);
    unsetenv("ANEC_CACHE_LIMIT");
    expect_run(k, "miss", sum);
    Cache c;
    cache_open(&c, &k->arena, k->dir);
    const uint64_t most = cache_count(&c, false).bytes * 3 / 2;
    setenv("ANEC_CACHE_LIMIT", arena_printf(&k->arena, "%llu", (unsigned long long)most),
           1);
    for (int i = 0; kernels_at(i); i++) { /* each goes when the next is kept */
        setenv("ANEC_CPU", kernels_at(i)->name, 1);
        if (i) expect_run(k, "first", NULL);
        expect_run(k, i ? "miss" : "hit", NULL);
        expect_run(k, "hit", NULL);
        assert_true(cache_count(&c, false).bytes <= most);
    }
    unsetenv("ANEC_CPU");
    unsetenv("ANEC_CACHE_LIMIT");
    setenv("ANEC_CACHE_DIR", "", 1);
    run_sum(k, k->m, NULL, &word, false);
    assert_string_equal(word, "off");
    unsetenv("ANEC_CACHE_DIR");
}

int main(void)
{
    if (!access("/dev/shm", W_OK)) setenv("TMPDIR", "/dev/shm", 1); /* many fsyncs */
    const struct CMUnitTest tests[] = {
        TEST(test_first),
        TEST(test_at_once),
        TEST(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
