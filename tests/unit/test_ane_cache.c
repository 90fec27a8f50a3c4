/* test_ane_cache.c -- the cache behind programs of the engine: hits, what they cost, what is remembered, whose it is. */
#include "../../backends/cache/cache.h"
#include "ane_bench.h"

#include <sys/stat.h>
#include <time.h>

/* ---- the cache behind programs ----------------------------------------------------------- */

/* The system's store is another, with nothing in it at first. */
static void vault_is(const char *name)
{
    setenv("ANESIM_VAULT", arena_printf(&arena, "%s/%s", top, name), 1);
}

static const char *cache_word(const char *faults)
{
    Bench t;
    float w[6] = { 0 }, x[6] = { 0 };
    set_machine("m1", faults);
    open_bench(&t, "ane", one);
    Program *p = new_program(&t, "main");
    const char *word = arena_strdup(&arena, p->as.cache);
    assert_string_equal(p->as.io, "fp16");
    assert_non_null(strstr(p->as.why, "fp32 refused: "));
    run(p, &t.d, w, x);
    program_free(p);
    close_bench(&t);
    return word;
}

static void test_cache(void **state)
{
    char *dir = arena_printf(&arena, "%s/cache", top);
    (void)state;
    assert_true(file_remove_tree(dir));
    assert_string_equal(cache_word(""), "miss");
    assert_string_equal(cache_word(""), "hit");
    /* a hit that does not load is made again */
    assert_string_equal(cache_word("load-never"), "miss");
    assert_string_equal(cache_word(""), "hit");
    assert_true(file_walk(dir, break_file, &(Break){ dir, "model.mil" }));
    assert_string_equal(cache_word(""), "miss");
    assert_string_equal(cache_word(""), "hit");
    assert_string_equal(cache_word("uncompiled"), "hit");
    /* the system has lost what it compiled, and compiles while it loads; without a word for it
     * time tells */
    assert_string_equal(cache_word("purge"), "recompiled");
    assert_string_equal(cache_word(""), "hit");
    assert_string_equal(cache_word("purge,no-selector:compiledModelExists"), "hit");
    assert_string_equal(cache_word("purge,slow:150,no-selector:compiledModelExists"),
                        "recompiled");
    assert_string_equal(cache_word("identity:7"), "recompiled");
    assert_string_equal(cache_word("identity:7"), "hit");
    Cache c;
    cache_open(&c, &arena, dir);
    cache_count(&c, true);
    vault_is("vault"); /* it knows nothing yet, and compiling leaves nothing there .. */
    assert_string_equal(cache_word("uncompiled"), "miss");
    assert_string_equal(cache_word(""), "recompiled"); /* .. so a load compiles */
    assert_string_equal(cache_word(""), "hit");
    unsetenv("ANESIM_VAULT");
    setenv("ANEC_CACHE_LIMIT", "1", 1);
    assert_string_equal(cache_word(""), "hit");
    unsetenv("ANEC_CACHE_LIMIT");
}

/* Text and weights are in an entry once, though the compiler leaves each a second time; a hit
 * has all files again. */
static void test_stored_once(void **state)
{
    const char *dir = arena_printf(&arena, "%s/once", top);
    Cache c;
    Diag d = { 0 };
    Arena a = { 0 };
    char *weights = arena_alloc(&a, 100000);
    (void)state;
    memset(weights, 'w', 100000);
    cache_open(&c, &a, dir);
    const char *from = arena_printf(&a, "%s/from", top),
               *to = arena_printf(&a, "%s/to", top);
    const char *const file[] = { "model.mil", "net.plist", "weights/weight.bin", "data" };
    for (int i = 0; i < 4; i++) {
        const char *path = arena_printf(&a, "%s/%s", from, file[i]);
        assert_true(file_make_dirs(&d, file_dir(&a, path)));
        assert_true(file_write_all(&d, path, i < 2 ? "program(1.0)" : weights,
                                   i < 2 ? 12 : 100000));
    }
    CacheSlot s = cache_slot(&c, &a, "k");
    assert_true(cache_put(&c, &s, from));
    assert_in_range(cache_count(&c, false).bytes, 100000, 102000);
    assert_true(cache_get(&c, &s, to));
    for (int i = 0; i < 4; i++) {
        Mapped m;
        assert_true(file_map(&d, arena_printf(&a, "%s/%s", to, file[i]), &m));
        assert_int_equal(m.size, i < 2 ? 12 : 100000);
        assert_memory_equal(m.data, i < 2 ? "program(1.0)" : weights, m.size);
        file_unmap(&m);
    }
    cache_leave(&s);
    assert_int_equal(cache_count(&c, true).entries, 1);
    diag_free(&d);
    arena_free(&a);
}

/* What was refused is not compiled again: the note says which form is taken. */
static void test_remembered(void **state)
{
    Bench t;
    (void)state;
    assert_string_equal(cache_word(""), "hit");
    set_machine("m1", "slow:400,refuse:fp32"); /* a compilation would take its time */
    open_bench(&t, "ane", one);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    Program *p = new_program(&t, "main");
    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_string_equal(p->as.cache, "hit");
    assert_true((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec)
                < 0.4);
    program_free(p);
    close_bench(&t);
}

/* TMPDIR may be on another volume than the folder where the framework looks. */
static void test_volumes(void **state)
{
    struct stat a, b;
    const char *other = "/tmp/anec-volume-test";
    const char *const word[] = { "miss", "hit" };
    (void)state;
    if (file_is_dir(other)) file_remove_tree(other);
    if (mkdir(other, 0700) || stat(other, &a) || stat(getenv("TMPDIR"), &b)
        || a.st_dev == b.st_dev) {
        print_message("skipped: TMPDIR and /tmp are one volume\n");
        file_remove_tree(other);
        return;
    }
    file_remove_tree(arena_printf(&arena, "%s/cache", top));
    setenv("ANESIM_TEMP", other, 1);
    for (int i = 0; i < 2; i++) assert_string_equal(cache_word(""), word[i]);
    unsetenv("ANESIM_TEMP");
    assert_int_equal(rmdir(other), 0); /* nothing is left there */
}

/* A cache that others could write to is none, and that is told on auto as well. */
static void test_not_own(void **state)
{
    Bench t;
    const char *dir = arena_printf(&arena, "%s/cache", top);
    const char *const backend[] = { "ane", "auto" };
    (void)state;
    set_machine("m4", "");
    assert_int_equal(
        system(arena_printf(&arena, "mkdir -p '%s' && chmod go+w '%s'", dir, dir)), 0);
    for (size_t i = 0; i < COUNT(backend); i++) {
        open_bench(&t, backend[i], one);
        Program *p = new_program(&t, "main");
        assert_string_equal(p->as.cache, "off");
        program_free(p);
        expect_says(&t.d, "warning: the cache is not used: others may write to ");
        close_bench(&t);
    }
    assert_int_equal(system(arena_printf(&arena, "chmod go-w '%s'", dir)), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored_once), cmocka_unit_test(test_cache),
        cmocka_unit_test(test_remembered),  cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_not_own),
    };
    (void)argc;
    return bench_main(tests, COUNT(tests), argv[0]);
}
