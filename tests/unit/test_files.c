/* test_files.c -- reading and mapping files, some of which change meanwhile, and names inside folders. */
#include "files_bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- reading ----------------------------------------------------------------------------- */

static void a_mapping_ends_with_a_nul(void **state)
{
    FilesBench *w = *state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t sizes[] = { 1, page - 1, page, page + 1, 3 * page };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *text = arena_alloc(&w->arena, sizes[i] + 1);
        Mapped m;
        memset(text, 'x', sizes[i]);
        files_put(files_in(w, "f"), text);
        assert_true(file_map(&w->d, files_in(w, "f"), &m));
        assert_int_equal(m.size, sizes[i]);
        assert_int_equal(m.data[sizes[i] - 1], 'x');
        assert_int_equal(m.data[sizes[i]], 0);
        file_unmap(&m);
    }
    Mapped empty;
    files_put(files_in(w, "f"), "");
    assert_true(file_map(&w->d, files_in(w, "f"), &empty));
    assert_null(empty.data);
    file_unmap(&empty);
}

static void what_is_no_file_is_not_mapped(void **state)
{
    FileId id;
    assert_true(file_id("/dev/null", &id));
    assert_false(file_id("/dev/null/nothing", &id));
    FilesBench *w = *state;
    Mapped m;
    assert_false(file_map(&w->d, files_in(w, "none"), &m));
    expect_said(&w->d, arena_printf(&w->arena,
                                    "error: cannot open %s: No such file or directory\n",
                                    files_in(w, "none")));
    assert_false(file_map(&w->d, w->dir, &m));
    expect_said(&w->d, arena_printf(&w->arena, "error: cannot read %s: it is a folder\n",
                                    w->dir));
    assert_int_equal(mkfifo(files_in(w, "fifo"), 0600), 0);
    assert_false(file_map(&w->d, files_in(w, "fifo"), &m));
    expect_says(&w->d, "it is not a regular file");
    assert_null(m.data);
}

static void stdin_is_read_up_to_a_bound(void **state)
{
    FilesBench *w = *state;
    int old = dup(0);
    Mapped m;
    char *text = arena_alloc(&w->arena, 200001);
    memset(text, 'y', 200000);
    files_put(files_in(w, "f"), text);
    assert_non_null(freopen(files_in(w, "f"), "rb", stdin));
    assert_true(file_read_stdin(&w->d, 200000, &m));
    assert_int_equal(m.size, 200000);
    assert_int_equal(m.data[200000], 0);
    file_unmap(&m);
    assert_int_equal(lseek(0, 0, SEEK_SET), 0);
    assert_false(file_read_stdin(&w->d, 199999, &m));
    expect_said(&w->d, "error: <stdin> is longer than the 199999 bytes that are read\n");
    close(0);
    assert_false(file_read_stdin(&w->d, 10, &m));
    expect_says(&w->d, "cannot read <stdin>: ");
    dup2(old, 0);
    close(old);
}

/* ---- files that change while they are in use --------------------------------------------- */

enum { LARGE = 8 << 20, CUT = 4096 };

static volatile sig_atomic_t hosts;
static void host_handler(int sig) { hosts += sig == SIGBUS; }

static void make_large(FilesBench *w)
{
    char *text = malloc(LARGE + 1);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    text[LARGE] = 0;
    files_put(files_in(w, "f"), text);
    free(text);
}

static bool handler_is(void (*fn)(int))
{
    struct sigaction now;
    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    return !(now.sa_flags & SA_SIGINFO) && now.sa_handler == fn;
}

static void use_while_cut(FilesBench *w)
{
    Mapped m;
    FileUse u;
    make_large(w);
    file_use_begin(&u);
    assert_true(handler_is(host_handler)); /* nothing is mapped yet */
    files_put(files_in(w, "g"), "small");
    assert_true(file_map(&w->d, files_in(w, "g"), &m) && !m.mapped);
    assert_true(handler_is(host_handler));
    file_unmap(&m);
    assert_true(file_map(&w->d, files_in(w, "f"), &m) && m.mapped);
    assert_false(handler_is(host_handler));
    assert_true(file_stayed(&w->d, &m));
    hosts = 0;
    raise(SIGBUS); /* none of ours: the host's handler has it */
    assert_int_equal(hosts, 1);
    assert_int_equal(truncate(files_in(w, "f"), CUT), 0);
    assert_int_equal(m.data[CUT - 1], 'x');
    for (size_t i = CUT; i < m.size; i += 1000) assert_int_equal(m.data[i], 0);
    assert_false(file_stayed(&w->d, &m));
    assert_int_equal(truncate(files_in(w, "f"), LARGE), 0);
    assert_false(file_stayed(&w->d, &m));
    file_unmap(&m);
    file_use_end(&u);
    assert_int_equal(hosts, 1);
    expect_said(
        &w->d,
        arena_printf(&w->arena,
                     "error: %s was cut to 4096 bytes while its 8388608 were in use\n"
                     "error: %s could not be read any more while it was in use\n",
                     files_in(w, "f"), files_in(w, "f")));
}

static void *use_blocked(void *world)
{
    sigset_t all, after;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    use_while_cut(world);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_true(sigismember(&after, SIGBUS)); /* as before */
    return NULL;
}

static void a_file_that_is_cut_raises_no_signal(void **state)
{
    FilesBench *w = *state;
    struct sigaction host = { .sa_handler = host_handler }, old;
    pthread_t id;
    assert_int_equal(sigaction(SIGBUS, &host, &old), 0);
    use_while_cut(w);
    assert_true(handler_is(host_handler)); /* given back */
    /* a thread that blocks signals */
    assert_int_equal(pthread_create(&id, NULL, use_blocked, w), 0);
    assert_int_equal(pthread_join(id, NULL), 0);
    assert_true(handler_is(host_handler));
    sigaction(SIGBUS, &old, NULL);
}

/* What is mapped while no call is at work, or is not mapped any more, leaves the host's handler
 * alone. */
static void the_handler_is_there_for_a_call_that_has_mapped(void **state)
{
    FilesBench *w = *state;
    struct sigaction host = { .sa_handler = host_handler }, old;
    Mapped m, n;
    FileUse u;
    make_large(w);
    assert_int_equal(sigaction(SIGBUS, &host, &old), 0);
    assert_true(file_map(&w->d, files_in(w, "f"), &m) && m.mapped);
    assert_true(handler_is(host_handler));
    file_use_begin(&u);
    assert_false(handler_is(host_handler));
    assert_true(file_map(&w->d, files_in(w, "f"), &n) && n.mapped);
    file_unmap(&m);
    assert_false(handler_is(host_handler));
    file_unmap(&n);
    assert_true(handler_is(host_handler));
    file_use_end(&u);
    assert_true(handler_is(host_handler));
    sigaction(SIGBUS, &old, NULL);
}

static void a_file_that_is_written_to_is_told(void **state)
{
    FilesBench *w = *state;
    Mapped m;
    make_large(w);
    assert_true(file_map(&w->d, files_in(w, "f"), &m) && m.mapped);
    const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    assert_int_equal(utimensat(AT_FDCWD, files_in(w, "f"), long_ago, 0), 0);
    assert_false(file_stayed(&w->d, &m));
    expect_said(&w->d,
                arena_printf(&w->arena, "error: %s was written to while it was in use\n",
                             files_in(w, "f")));
    file_unmap(&m);
    files_put(files_in(w, "f"),
              "small"); /* is read: what happens to it later is no matter */
    assert_true(file_map(&w->d, files_in(w, "f"), &m) && !m.mapped);
    assert_int_equal(truncate(files_in(w, "f"), 0), 0);
    assert_true(file_stayed(&w->d, &m));
    assert_memory_equal(m.data, "small", 6);
    file_unmap(&m);
}

/* A file that grows all the time is no file to read. */
static void a_file_that_changes_while_it_is_read_is_none(void **state)
{
    FilesBench *w = *state;
    make_large(w);
    fflush(stdout);
    const pid_t child = fork();
    if (!child) {
        const int fd = open(files_in(w, "f"), O_WRONLY | O_APPEND);
        for (int i = 0; i < 20 * 1000 * 1000 && fd >= 0; i++)
            if (write(fd, "x", 1) != 1) break;
        _exit(0);
    }
    bool ok = true;
    for (int i = 0; ok && i < 1000; i++) {
        Mapped m;
        ok = file_read(&w->d, files_in(w, "f"), &m);
        if (ok) file_unmap(&m);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(ok);
    expect_said(&w->d,
                arena_printf(&w->arena, "error: %s was written to while it was read\n",
                             files_in(w, "f")));
}

/* ---- names ------------------------------------------------------------------------------- */

static void folders_are_made_and_named(void **state)
{
    FilesBench *w = *state;
    assert_true(file_make_dirs(&w->d, files_in(w, "a/b//c/")));
    assert_true(file_make_dirs(&w->d, files_in(w, "a/b")));
    assert_true(file_is_dir(files_in(w, "a/b/c")));
    files_put(files_in(w, "file"), "x");
    assert_true(file_exists(files_in(w, "file")));
    assert_false(file_is_dir(files_in(w, "file")));
    assert_false(file_make_dirs(&w->d, files_in(w, "file/sub")));
    expect_says(&w->d, "file: Not a directory");
    assert_string_equal(file_dir(&w->arena, "x"), ".");
    assert_string_equal(file_dir(&w->arena, "/x"), "/");
    assert_string_equal(file_dir(&w->arena, "a//x"), "a");
    assert_string_equal(file_base("a/b/c.mil"), "c.mil");
    assert_true(file_has_suffix("x.mil", ".mil"));
    assert_false(file_has_suffix("mil", ".mil"));
}

static void paths_stay_inside(void **state)
{
    FilesBench *w = *state;
    const char *dir = files_in(w, "model"), *other = files_in(w, "other");
    const Source s = { .name = "a.mil", .text = "path", .len = 4 };
    const Loc loc = { .src = &s, .len = 4 };
    file_make_dirs(&w->d, files_in(w, "model/weights"));
    file_make_dirs(&w->d, other);
    files_put(files_in(w, "other/secret"), "x");
    assert_int_equal(symlink(other, files_in(w, "model/out")), 0);
    assert_int_equal(symlink("weights", files_in(w, "model/alias")), 0);
    assert_int_equal(symlink("../other/secret", files_in(w, "model/link")), 0);

    static const char *const good[] = {
        "weights/w.bin", "w.bin", "./weights/./w.bin", "new/folder/w.bin", "alias/w.bin",
        "..x",           "x/..y"
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        char *p = file_join_inside(&w->arena, &w->d, loc, dir, good[i]);
        assert_non_null(p);
        assert_string_equal(p, arena_printf(&w->arena, "%s/%s", dir, good[i]));
    }
    assert_string_equal(file_join_inside(&w->arena, &w->d, loc, ".", "a"), "a");
    assert_true(diag_ok(&w->d));

    static const struct {
        const char *path, *why;
    } bad[] = {
        { "", "the path is empty" },      { "/etc/passwd", "it is absolute" },
        { "..", "it has a \"..\"" },      { "a/../../x", "it has a \"..\"" },
        { "weights/..", "it has a" },     { "link", "a link leads to " },
        { "out/secret", "a link leads" }, { "out/not/there", "a link leads" },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_null(file_join_inside(&w->arena, &w->d, loc, dir, bad[i].path));
        expect_says(&w->d, bad[i].why);
    }
    /* A folder whose name only begins like the other's is outside. */
    file_make_dirs(&w->d, files_in(w, "model2"));
    assert_int_equal(symlink("../model2", files_in(w, "model/near")), 0);
    assert_null(file_join_inside(&w->arena, &w->d, loc, dir, "near/x"));
    expect_says(&w->d, "a.mil:1:1: error: the path near/x leaves the folder ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_CASE(a_mapping_ends_with_a_nul),
        FILES_CASE(what_is_no_file_is_not_mapped),
        FILES_CASE(stdin_is_read_up_to_a_bound),
        FILES_CASE(a_file_that_is_cut_raises_no_signal),
        FILES_CASE(the_handler_is_there_for_a_call_that_has_mapped),
        FILES_CASE(a_file_that_is_written_to_is_told),
        FILES_CASE(a_file_that_changes_while_it_is_read_is_none),
        FILES_CASE(folders_are_made_and_named),
        FILES_CASE(paths_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
