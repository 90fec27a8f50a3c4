/* cache_bench.h -- shared by tests of the cache: one in a folder of its own, a program to put in it, and
 * what it gives. */
#ifndef ANEC_TEST_CACHE_BENCH_H
#define ANEC_TEST_CACHE_BENCH_H

#include "../../backends/cache/cache.h"
#include "standin.h"

typedef struct {
    Arena arena;
    char *top, *from, *to;
    Cache cache;
} Bench;

static Bench bench; /* of the test at work: children inherit it */

static inline void put_file(const char *dir, const char *rel, const char *text)
{
    Diag d = { 0 };
    const char *path = arena_printf(&bench.arena, "%s/%s", dir, rel);
    assert_true(file_make_dirs(&d, file_dir(&bench.arena, path)));
    assert_true(file_write_all(&d, path, text, strlen(text)));
}

static inline int set_up(void **state)
{
    (void)state;
    bench = (Bench){ 0 };
    bench.top = make_folder(&bench.arena);
    bench.from = arena_printf(&bench.arena, "%s/from", bench.top);
    bench.to = arena_printf(&bench.arena, "%s/to", bench.top);
    put_file(bench.from, "model.mil", "program(1.0)");
    put_file(bench.from, "weights/weight.bin", "weights and weights");
    put_file(bench.from, "net.plist", "{}");
    unsetenv("ANEC_CACHE_LIMIT");
    cache_open(&bench.cache, &bench.arena,
               arena_printf(&bench.arena, "%s/cache", bench.top));
    assert_null(bench.cache.off);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    remove_folder(bench.top);
    arena_free(&bench.arena);
    return 0;
}

static inline bool holds(const char *rel, const char *text)
{
    Diag d = { 0 };
    Mapped m;
    bool ok = file_map(&d, arena_printf(&bench.arena, "%s/%s", bench.to, rel), &m);
    if (ok) ok = m.size == strlen(text) && !memcmp(m.data, text, m.size);
    if (ok) file_unmap(&m);
    diag_free(&d);
    return ok;
}

/* What the entry gives: false for nothing, and never something else than what was put. */
static inline bool get_whole(const CacheSlot *s)
{
    assert_true(file_remove_tree(bench.to));
    bool ok = cache_get(&bench.cache, s, bench.to);
    if (ok)
        assert_true(holds("model.mil", "program(1.0)")
                    && holds("weights/weight.bin", "weights and weights")
                    && holds("net.plist", "{}"));
    else assert_false(file_exists(bench.to));
    return ok;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static inline void cache_on_memory(void) /* hundreds of fsyncs */
{
    if (!access("/dev/shm", W_OK)) setenv("TMPDIR", "/dev/shm", 1);
}

#endif
