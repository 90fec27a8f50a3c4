/* test_cache.c -- entries of the cache: whole or absent, whatever happened while they were
 * written. */
#include "cache_bench.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#if defined(__linux__) && defined(__x86_64__)
#include <sys/ptrace.h>
#define HAVE_TRACE 1
#else
#define HAVE_TRACE 0
#endif

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
    char *bytes = calloc(1, SUM_LARGE + 1), piece[65];
    /* large pieces are summed by instructions of the processor, small ones in C */
    for (int i = 0; i <= SUM_LARGE; i++) bytes[i] = (char)(i * 37 % 251);
    Sha256 whole = sha256_start(), parts = sha256_start();
    sha256_add(&whole, bytes, SUM_LARGE + 1);
    for (int i = 0; i <= SUM_LARGE; i += 999)
        sha256_add(&parts, bytes + i,
                   (size_t)(SUM_LARGE + 1 - i < 999 ? SUM_LARGE + 1 - i : 999));
    sha256_end(&whole, hex);
    sha256_end(&parts, piece);
    assert_string_equal(hex, piece);
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
    const struct CMUnitTest tests[] = {
        TEST(test_put_get),
        TEST(test_corrupt),
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
    cache_on_memory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
