/* test_cache_limit.c -- how much the cache keeps, its notes, and what it counts. */
#include "cache_bench.h"

#include <sys/stat.h>

static void test_limit(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        CacheSlot s = cache_slot(&bench.cache, &bench.arena,
                                 arena_printf(&bench.arena, "key%d", i));
        assert_true(cache_put(&bench.cache, &s, bench.from));
        cache_leave(&s);
        usleep(10000);
    }
    CacheSlot first = cache_slot(&bench.cache, &bench.arena, "key0");
    assert_true(get_whole(&first)); /* used last: it stays */
    cache_leave(&first);
    usleep(10000);
    bench.cache.limit = cache_count(&bench.cache, false).bytes * 3 / 5 + 1;
    CacheSlot last = cache_slot(&bench.cache, &bench.arena, "key5");
    assert_true(cache_put(&bench.cache, &last, bench.from));
    assert_int_equal(cache_count(&bench.cache, false).entries, 3);
    assert_true(get_whole(&last));
    first = cache_slot(&bench.cache, &bench.arena, "key0");
    assert_true(get_whole(&first));
    cache_leave(&first);
    cache_leave(&last);
}

/* What is larger than all that may be kept is kept alone: it was asked for just now. */
static void test_limit_below_one(void **state)
{
    (void)state;
    bench.cache.limit = 1;
    for (int i = 0; i < 3; i++) {
        CacheSlot s = cache_slot(&bench.cache, &bench.arena,
                                 arena_printf(&bench.arena, "key%d", 9 - i));
        assert_true(cache_put(&bench.cache, &s, bench.from));
        assert_int_equal(cache_count(&bench.cache, false).entries, 1);
        assert_true(get_whole(&s));
        cache_leave(&s);
    }
}

/* Nothing goes while all fits, to the byte. */
static void test_limit_of_all(void **state)
{
    (void)state;
    CacheSlot s[2];
    for (int i = 0; i < 2; i++) {
        s[i] = cache_slot(&bench.cache, &bench.arena,
                          arena_printf(&bench.arena, "key%d", i));
        assert_true(cache_put(&bench.cache, &s[i], bench.from));
        cache_leave(&s[i]);
    }
    bench.cache.limit = cache_count(&bench.cache, false).bytes;
    s[1] = cache_slot(&bench.cache, &bench.arena, "key1");
    assert_true(cache_put(&bench.cache, &s[1], bench.from));
    cache_leave(&s[1]);
    assert_int_equal(cache_count(&bench.cache, false).entries, 2);
    bench.cache.limit--;
    s[1] = cache_slot(&bench.cache, &bench.arena, "key1");
    assert_true(cache_put(&bench.cache, &s[1], bench.from));
    cache_leave(&s[1]);
    assert_int_equal(cache_count(&bench.cache, false).entries, 1);
}

static void test_notes(void **state)
{
    (void)state;
    assert_null(cache_note(&bench.cache, &bench.arena, "key"));
    cache_set_note(&bench.cache, "key", "1\nwhy\n");
    assert_string_equal(cache_note(&bench.cache, &bench.arena, "key"), "1\nwhy\n");
    put_file(bench.cache.dir, "key.note", "1\nhalf a no");
    assert_null(cache_note(&bench.cache, &bench.arena, "key"));
}

static void tally_is(uint64_t miss, uint64_t hit, uint64_t recompiled)
{
    const CacheTally t = cache_tally(&bench.cache);
    assert_int_equal(t.n[TALLY_MISS], miss);
    assert_int_equal(t.n[TALLY_HIT], hit);
    assert_int_equal(t.n[TALLY_RECOMPILED], recompiled);
}

/* Processes that count at once lose nothing; a file that is none of ours counts as nothing, and
 * clearing begins anew. */
static void test_tally(void **state)
{
    enum { CHILDREN = 4, EACH = 25 };
    static const char *const broken[] = {
        "",
        "anec tally 2\nmiss 1\nhit 1\nrecompiled 1\nend\n",
        "anec tally 1\nmiss 1\nhit -1\nrecompiled 1\nend\n",
        "anec tally 1\nmiss 1\nhit 1\nrecompiled 1\n",
        "anec tally 1\nmiss 1\nhit 1\nrecompiled 1 \nend\n",
        "anec tally 1\nhit 1\nmiss 1\nrecompiled 1\nend\n",
        "anec tally 1\nmiss 1\nhit 1\nrecompiled 1\nend\nmore",
    };
    (void)state;
    tally_is(0, 0, 0);
    cache_count_one(&bench.cache, "miss");
    cache_count_one(&bench.cache, "hit");
    cache_count_one(&bench.cache, "recompiled");
    cache_count_one(&bench.cache, "hit");
    cache_count_one(&bench.cache, "off");
    tally_is(1, 2, 1);
    for (int i = 0; i < CHILDREN; i++)
        if (!fork()) {
            for (int k = 0; k < EACH; k++) cache_count_one(&bench.cache, "hit");
            _exit(0);
        }
    while (wait(NULL) > 0) {}
    tally_is(1, 2 + CHILDREN * EACH, 1);
    for (size_t i = 0; i < COUNT(broken); i++) {
        put_file(bench.cache.dir, "tally", broken[i]);
        tally_is(0, 0, 0);
    }
    put_file(bench.cache.dir, "tally",
             "anec tally 1\nmiss 5\nhit 6\nrecompiled 7\nend\n");
    tally_is(5, 6, 7);
    cache_count_one(&bench.cache, "recompiled");
    tally_is(5, 6, 8);
    cache_count(&bench.cache, true);
    tally_is(0, 0, 0);
    Cache none = { .off = "nowhere", .arena = &bench.arena };
    cache_count_one(&none, "hit");
    assert_int_equal(cache_tally(&none).n[TALLY_HIT], 0);
}

/* A key whose number is n, in the group that numbers apart by GROUPS share. */
static const char *seen_key(uint64_t n)
{
    return arena_printf(&bench.arena, "%016llx%048d", (unsigned long long)n, 0);
}

/* Each key is new once; a group has room for eight, of which the oldest goes; the file stays as
 * small as it is. */
static void test_seen(void **state)
{
    enum { GROUPS = 512, WAYS = 8, SIZE = GROUPS * WAYS * 8 };
    struct stat st;
    const char *path = arena_printf(&bench.arena, "%s/seen", bench.cache.dir);
    (void)state;
    for (int i = 0; i < 2; i++)
        for (uint64_t n = 0; n < WAYS; n++)
            assert_int_equal(cache_seen(&bench.cache, seen_key(n * 2 * GROUPS + 5)), i);
    assert_false(cache_seen(&bench.cache, seen_key(UINT64_C(2) * WAYS * GROUPS + 5)));
    assert_true(cache_seen(&bench.cache, seen_key(UINT64_C(2) * 1 * GROUPS + 5)));
    assert_false(cache_seen(&bench.cache, seen_key(5)));
    for (uint64_t n = 0; n < 3000; n++)
        cache_seen(&bench.cache, seen_key(n * UINT64_C(0x9e3779b97f4a7c15)));
    assert_int_equal(stat(path, &st), 0);
    assert_in_range(st.st_size, 1, SIZE);
    cache_count(&bench.cache, true);
    assert_false(file_exists(path));
}

/* Damaged, cut or too long it is only wrong; what is no such file is not written to. */
static void test_seen_hostile(void **state)
{
    struct stat st;
    const char *path = arena_printf(&bench.arena, "%s/seen", bench.cache.dir),
               *aside = arena_printf(&bench.arena, "%s/aside", bench.cache.dir);
    const char *key = seen_key(UINT64_C(1) << 60);
    (void)state;
    put_file(bench.cache.dir, "seen", "no numbers at all, and no whole group of them");
    assert_false(cache_seen(&bench.cache, key));
    assert_true(cache_seen(&bench.cache, key));
    assert_int_equal(truncate(path, 3), 0);
    assert_false(cache_seen(&bench.cache, key));
    assert_true(cache_seen(&bench.cache, key));
    assert_int_equal(truncate(path, 1 << 30), 0);
    assert_true(cache_seen(&bench.cache, key));
    assert_false(cache_seen(&bench.cache, seen_key(1 << 20)));
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(truncate(aside, 0), 0);
    assert_int_equal(symlink(aside, path), 0);
    assert_true(cache_seen(&bench.cache, seen_key(77)));
    assert_int_equal(stat(aside, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(cache_seen(&bench.cache, seen_key(77)));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(cache_seen(&bench.cache, seen_key(77)));
    assert_int_equal(rmdir(path), 0);
    Cache none = { .off = "nowhere", .arena = &bench.arena };
    assert_true(cache_seen(&none, seen_key(77)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_limit),        TEST(test_limit_below_one), TEST(test_limit_of_all),
        TEST(test_notes),        TEST(test_tally),           TEST(test_seen),
        TEST(test_seen_hostile),
    };
    cache_on_memory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
