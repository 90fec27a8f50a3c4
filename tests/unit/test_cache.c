/* test_cache.c -- entries of the cache: whole or absent, whatever happened while they were
 * written. */
#include "../../backends/ane/cache.h"
#include "standin.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#if defined(__linux__) && defined(__x86_64__)
#include <sys/ptrace.h>
#define HAVE_TRACE 1
#else
#define HAVE_TRACE 0
#endif

typedef struct {
    Arena arena;
    char *top, *from, *to;
    Cache cache;
} Bench;

static Bench bench; /* of the test at work: children inherit it */

static void put_file(const char *dir, const char *rel, const char *text)
{
    Diag d = { 0 };
    const char *path = arena_printf(&bench.arena, "%s/%s", dir, rel);
    assert_true(file_make_dirs(&d, file_dir(&bench.arena, path)));
    assert_true(file_write_all(&d, path, text, strlen(text)));
}

static int set_up(void **state)
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

static int tear_down(void **state)
{
    (void)state;
    remove_folder(bench.top);
    arena_free(&bench.arena);
    return 0;
}

static bool holds(const char *rel, const char *text)
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
static bool get_whole(const CacheSlot *s)
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

static void test_put_get(void **state)
{
    (void)state;
    CacheSlot s = cache_slot(&bench.cache, &bench.arena, "key");
    assert_false(get_whole(&s));
    assert_true(cache_put(&bench.cache, &s, bench.from));
    assert_true(get_whole(&s));
    assert_true(cache_put(&bench.cache, &s, bench.from)); /* again, over it */
    assert_true(get_whole(&s));
    /* in use: a name of its own */
    CacheSlot other = cache_slot(&bench.cache, &bench.arena, "key");
    assert_string_equal(s.name, "key.0");
    assert_string_equal(other.name, "key.1");
    assert_false(get_whole(&other));
    CacheCount n = cache_count(&bench.cache, true);
    assert_int_equal(n.busy, 1);
    cache_leave(&s);
    cache_leave(&other);
    n = cache_count(&bench.cache, true);
    assert_int_equal(n.entries, 1);
    assert_int_equal(cache_count(&bench.cache, false).entries, 0);
}

/* Each of these is found out, and the entry is gone afterwards. */
static void test_corrupt(void **state)
{
    static const struct {
        const char *file, *text;
    } cases[] = {
        { "model.mil", "program(1.1)" },
        { "weights/weight.bin", "" },
        { "net.plist", "{} " },
        { "MANIFEST", "" },
        { "MANIFEST", "anec cache 1\n" },
        { "MANIFEST", "anec cache 1\nend\nend\n" },
        { "MANIFEST", "anec cache 1\n0 0 ../../../etc/passwd\nend\n" },
        { "MANIFEST", "anec cache 1\nnonsense\nend\n" },
        { "MANIFEST", "anec cache 2\nend\n" },
        { "MANIFEST", "something else's" },
    };
    (void)state;
    CacheSlot s = cache_slot(&bench.cache, &bench.arena, "key");
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(cache_put(&bench.cache, &s, bench.from) && get_whole(&s));
        put_file(s.path, cases[i].file, cases[i].text);
        if (get_whole(&s))
            fail_msg("%s was taken with: %s", cases[i].file, cases[i].text);
        assert_false(file_exists(s.path));
    }
    cache_leave(&s);
}

/* An entry is what its own record says, wherever it lies. */
static void test_swapped(void **state)
{
    (void)state;
    CacheSlot a = cache_slot(&bench.cache, &bench.arena, "a"),
              b = cache_slot(&bench.cache, &bench.arena, "b");
    assert_true(cache_put(&bench.cache, &a, bench.from)
                && cache_put(&bench.cache, &b, bench.from));
    const char *aside = arena_printf(&bench.arena, "%s/aside", bench.top);
    assert_int_equal(rename(a.path, aside), 0);
    assert_int_equal(rename(b.path, a.path), 0);
    assert_int_equal(rename(aside, b.path), 0);
    assert_false(get_whole(&a) || get_whole(&b));
    assert_false(file_exists(a.path) || file_exists(b.path));
    cache_leave(&a);
    cache_leave(&b);
}

static void expect_refused(const char *dir, const char *want)
{
    Cache c;
    Diag d = { 0 };
    cache_open(&c, &bench.arena, dir);
    assert_non_null(c.off);
    assert_non_null(c.refused);
    cache_tell(&c, &d);
    assert_null(c.refused);
    expect_says(&d,
                arena_printf(&bench.arena, "warning: the cache is not used: %s", want));
}

/* What others could have put there is not run. */
static void test_others(void **state)
{
    const char *dir = arena_printf(&bench.arena, "%s/cache", bench.top),
               *inner = bench.cache.dir;
    const char *link = arena_printf(&bench.arena, "%s/link", bench.top);
    (void)state;
    assert_int_equal(symlink(dir, link), 0);
    expect_refused(link, arena_printf(&bench.arena, "%s is a link", link));
    expect_refused(arena_printf(&bench.arena, "%s/", link),
                   arena_printf(&bench.arena, "%s is a link", link));
    const char *const folder[] = { dir, inner };
    for (size_t i = 0; i < COUNT(folder); i++) {
        assert_int_equal(chmod(folder[i], 0775), 0);
        expect_refused(
            dir, arena_printf(&bench.arena,
                              "others may write to %s; chmod go-w makes it yours alone",
                              folder[i]));
        assert_int_equal(chmod(folder[i], 0700), 0);
        if (geteuid()) continue; /* only root can give a folder away */
        assert_int_equal(chown(folder[i], 65534, (gid_t)-1), 0);
        expect_refused(
            dir, arena_printf(&bench.arena, "%s belongs to another user", folder[i]));
        assert_int_equal(chown(folder[i], 0, (gid_t)-1), 0);
    }
    put_file(bench.top, "file", "x");
    Cache c;
    cache_open(&c, &bench.arena, arena_printf(&bench.arena, "%s/file", bench.top));
    assert_non_null(strstr(c.off, "cannot make the folder "));
}

static void expect_new(const CacheSlot *s, const char *want)
{
    Diag d = { 0 };
    assert_false(get_whole(s));
    cache_tell(&bench.cache, &d);
    expect_says(&d, want);
    assert_true(cache_put(&bench.cache, s, bench.from) && get_whole(s));
}

static void test_others_entries(void **state)
{
    (void)state;
    CacheSlot s = cache_slot(&bench.cache, &bench.arena, "key");
    const char *aside = arena_printf(&bench.arena, "%s/aside", bench.top);
    assert_true(cache_put(&bench.cache, &s, bench.from));
    assert_int_equal(rename(s.path, aside), 0);
    assert_int_equal(symlink(aside, s.path), 0);
    expect_new(&s, "an entry of the cache is made anew: ");
    assert_int_equal(chmod(s.path, 0777), 0);
    expect_new(&s, "chmod go-w makes it yours alone");
    const char *file = arena_printf(&bench.arena, "%s/model.mil", s.path);
    assert_int_equal(chmod(s.path, 0755), 0);
    assert_int_equal(chmod(file, 0666), 0); /* in a folder that others may enter */
    assert_false(get_whole(&s));
    assert_true(cache_put(&bench.cache, &s, bench.from));
    assert_int_equal(chmod(s.path, 0755), 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink(arena_printf(&bench.arena, "%s/model.mil", aside), file), 0);
    assert_false(get_whole(&s)); /* the very bytes, through a link */
    cache_leave(&s);
}

/* Processes that compile one program at once: one of them keeps it. */
static void store_once(void)
{
    CacheSlot s = cache_slot(&bench.cache, &bench.arena, "key");
    const bool put = !cache_get(&bench.cache, &s, NULL)
                  && cache_put(&bench.cache, &s, bench.from);
    usleep(200000); /* it runs */
    cache_leave(&s);
    _exit(put ? 1 : 0);
}

/* .. and those that only read it have it together. While others look for it nobody may get to
 * make it: who comes again has it. */
static void share_one(void)
{
    enum { TRIES = 100 };
    CacheSlot s, made;
    for (int i = 0; !cache_share(&bench.cache, &bench.arena, "shared", &s); i++) {
        if (i == TRIES) _exit(2);
        made = cache_slot(&bench.cache, &bench.arena, "shared");
        cache_put(&bench.cache, &made, bench.from);
        cache_leave(&made);
    }
    _exit(strcmp(s.name, "shared.0") ? 3 : 1);
}

static void test_many(void **state)
{
    enum { MANY = 20 };
    void (*const work[])(void) = { store_once, share_one };
    const int want[] = { 1, MANY };
    (void)state;
    for (size_t k = 0; k < COUNT(work); k++) {
        int count = 0, status;
        fflush(stdout);
        for (int i = 0; i < MANY; i++)
            if (!fork()) work[k]();
        for (int i = 0; i < MANY; i++) {
            assert_true(wait(&status) > 0 && WIFEXITED(status)
                        && WEXITSTATUS(status) <= 1);
            count += WEXITSTATUS(status);
        }
        assert_int_equal(count, want[k]);
        assert_int_equal(cache_count(&bench.cache, false).entries, k + 1);
    }
}

/* A remembered sum is taken for what it says, until anything of the file differs. */
static void test_sums(void **state)
{
    const char *path = arena_printf(&bench.arena, "%s/large", bench.from);
    char right[65], hex[65], wrong[65];
    FileId id;
    Mapped m;
    Diag d = { 0 };
    (void)state;
    memset(wrong, 'a', 64);
    wrong[64] = 0;
    char *bytes = calloc(1, SUM_LARGE + 1);
    assert_true(file_write_all(&d, path, bytes, SUM_LARGE + 1));
    assert_true(file_map(&d, path, &m) && file_id(path, &id));
    sum_file(&bench.cache, path, false, &m, right);
    /* too new: it could be written again at this time */
    sum_remember(&bench.cache, path, &id, false, wrong);
    sum_file(&bench.cache, path, false, &m, hex);
    assert_string_equal(hex, right);
    sum_remember(&bench.cache, path, &id, true, wrong);
    sum_file(&bench.cache, path, true, &m, hex);
    assert_string_equal(hex, wrong); /* not read */
    m.id.written++;
    sum_file(&bench.cache, path, true, &m, hex);
    assert_string_equal(hex, right);
    file_unmap(&m);
    /* an entry's is linked, not copied */
    CacheSlot s = cache_slot(&bench.cache, &bench.arena, "large");
    assert_true(cache_put(&bench.cache, &s, bench.from));
    const char *to = arena_printf(&bench.arena, "%s.to", bench.from);
    assert_true(cache_get(&bench.cache, &s, to));
    FileId a, b;
    assert_true(file_id(arena_printf(&bench.arena, "%s/large", s.path), &a));
    assert_true(file_id(arena_printf(&bench.arena, "%s/large", to), &b));
    assert_true(a.inode == b.inode);
    assert_true(file_remove_tree(to) && cache_get(&bench.cache, &s, to)
                && file_remove_tree(to));
    bytes[0] = 1;
    assert_true(file_write_all(&d, arena_printf(&bench.arena, "%s/large", s.path), bytes,
                               SUM_LARGE + 1));
    assert_false(cache_get(&bench.cache, &s, to)); /* corrupt */
    cache_leave(&s);
    free(bytes);
    assert_true(file_remove_tree(path));
}

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

/* A disk that is full while an entry is written: there is none, and what was there before is
 * whole. */
static void fill_disk(void)
{
    struct rlimit r = { .rlim_cur = 15, .rlim_max = RLIM_INFINITY };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &r);
    CacheSlot s = cache_slot(&bench.cache, &bench.arena, "key");
    _exit(cache_put(&bench.cache, &s, bench.from) ? 1 : 7);
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

static void test_full_disk(void **state)
{
    char said[1000];
    (void)state;
    int status = run_apart(fill_disk, said, sizeof said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CacheSlot s = cache_slot(&bench.cache, &bench.arena, "key");
    assert_false(get_whole(&s));
    assert_int_equal(cache_count(&bench.cache, false).entries, 0);
    cache_leave(&s);
}

static void test_no_cache(void **state)
{
    Cache c;
    (void)state;
    cache_open(&c, &bench.arena, "/dev/null/x");
    assert_non_null(c.off);
    CacheSlot a = cache_slot(&c, &bench.arena, "key"),
              b = cache_slot(&c, &bench.arena, "key");
    assert_string_not_equal(a.name, b.name);
    assert_false(cache_put(&c, &a, bench.from) || cache_get(&c, &a, bench.to));
}

/* ---- killed at every call of the system -------------------------------------------------- */

#if HAVE_TRACE
/* Runs cache_put in a child that is killed before its n-th call; false: it had fewer and
 * ended. */
static bool killed_at(int n)
{
    int status;
    pid_t child = fork();
    if (!child) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        CacheSlot s = cache_slot(&bench.cache, &bench.arena, "key");
        _exit(cache_put(&bench.cache, &s, bench.from) ? 0 : 1);
    }
    waitpid(child, &status, 0);
    for (int i = 0; i < 2 * n; i++) { /* each call stops twice, before and after */
        ptrace(PTRACE_SYSCALL, child, NULL, NULL);
        waitpid(child, &status, 0);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return false;
        }
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return true;
}

static void test_killed(void **state)
{
    int n = 0, whole = 0;
    (void)state;
    for (bool before = false;; before = !before) {
        CacheSlot s = cache_slot(&bench.cache, &bench.arena, "key");
        /* killed while it is replaced */
        if (before) assert_true(cache_put(&bench.cache, &s, bench.from));
        cache_leave(&s);
        bool killed = killed_at(n);
        s = cache_slot(&bench.cache, &bench.arena, "key");
        assert_string_equal(s.name, "key.0"); /* its lock died with it */
        whole += get_whole(&s);
        assert_true(cache_put(&bench.cache, &s, bench.from) && get_whole(&s));
        cache_drop(&s);
        cache_leave(&s);
        if (!killed) break;
        n += before;
    }
    printf("killed at each of %d calls; %d times the entry was whole, else absent\n", n,
           whole);
    assert_true(n > 40 && whole > 0);
}
#endif

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_put_get),
        TEST(test_corrupt),
        TEST(test_limit),
        TEST(test_limit_below_one),
        TEST(test_limit_of_all),
        TEST(test_notes),
        TEST(test_tally),
        TEST(test_swapped),
        TEST(test_others),
        TEST(test_others_entries),
        TEST(test_many),
        TEST(test_full_disk),
        TEST(test_no_cache),
#if HAVE_TRACE
        TEST(test_sums),
        TEST(test_killed),
#endif
    };
    if (!access("/dev/shm", W_OK))
        setenv("TMPDIR", "/dev/shm", 1); /* hundreds of fsyncs */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
