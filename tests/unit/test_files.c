/* test_files.c -- mapping, names inside folders, atomic output when the world misbehaves. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    Arena arena;
    Diag d;
    char *dir;
} World;

static int setup(void **state)
{
    World *w = calloc(1, sizeof *w);
    w->dir = make_folder(&w->arena);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    World *w = *state;
    remove_folder(w->dir);
    diag_free(&w->d);
    arena_free(&w->arena);
    free(w);
    return 0;
}

static char *in(World *w, const char *name)
{
    return arena_printf(&w->arena, "%s/%s", w->dir, name);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void expect_content(World *w, const char *path, const char *text)
{
    Mapped m;
    assert_true(file_map(&w->d, path, &m));
    assert_int_equal(m.size, strlen(text));
    if (m.size) assert_memory_equal(m.data, text, m.size);
    file_unmap(&m);
}

static int entries(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

/* ---- reading ----------------------------------------------------------------------------- */

static void a_mapping_ends_with_a_nul(void **state)
{
    World *w = *state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t sizes[] = { 1, page - 1, page, page + 1, 3 * page };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *text = arena_alloc(&w->arena, sizes[i] + 1);
        Mapped m;
        memset(text, 'x', sizes[i]);
        put(in(w, "f"), text);
        assert_true(file_map(&w->d, in(w, "f"), &m));
        assert_int_equal(m.size, sizes[i]);
        assert_int_equal(m.data[sizes[i] - 1], 'x');
        assert_int_equal(m.data[sizes[i]], 0);
        file_unmap(&m);
    }
    Mapped empty;
    put(in(w, "f"), "");
    assert_true(file_map(&w->d, in(w, "f"), &empty));
    assert_null(empty.data);
    file_unmap(&empty);
}

static void what_is_no_file_is_not_mapped(void **state)
{
    World *w = *state;
    Mapped m;
    assert_false(file_map(&w->d, in(w, "none"), &m));
    expect_said(&w->d,
                arena_printf(&w->arena, "error: cannot open %s: No such file or directory\n",
                             in(w, "none")));
    assert_false(file_map(&w->d, w->dir, &m));
    expect_said(&w->d,
                arena_printf(&w->arena, "error: cannot read %s: it is a folder\n", w->dir));
    assert_int_equal(mkfifo(in(w, "fifo"), 0600), 0);
    assert_false(file_map(&w->d, in(w, "fifo"), &m));
    expect_says(&w->d, "it is not a regular file");
    assert_null(m.data);
}

static void stdin_is_read_up_to_a_bound(void **state)
{
    World *w = *state;
    int old = dup(0);
    Mapped m;
    char *text = arena_alloc(&w->arena, 200001);
    memset(text, 'y', 200000);
    put(in(w, "f"), text);
    assert_non_null(freopen(in(w, "f"), "rb", stdin));
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

static void make_large(World *w)
{
    char *text = malloc(LARGE + 1);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    text[LARGE] = 0;
    put(in(w, "f"), text);
    free(text);
}

static bool handler_is(void (*fn)(int))
{
    struct sigaction now;
    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    return !(now.sa_flags & SA_SIGINFO) && now.sa_handler == fn;
}

static void use_while_cut(World *w)
{
    Mapped m;
    FileUse u;
    make_large(w);
    file_use_begin(&u);
    assert_true(handler_is(host_handler)); /* nothing is mapped yet */
    put(in(w, "g"), "small");
    assert_true(file_map(&w->d, in(w, "g"), &m) && !m.mapped);
    assert_true(handler_is(host_handler));
    file_unmap(&m);
    assert_true(file_map(&w->d, in(w, "f"), &m) && m.mapped);
    assert_false(handler_is(host_handler));
    assert_true(file_stayed(&w->d, &m));
    hosts = 0;
    raise(SIGBUS); /* none of ours: the host's handler has it */
    assert_int_equal(hosts, 1);
    assert_int_equal(truncate(in(w, "f"), CUT), 0);
    assert_int_equal(m.data[CUT - 1], 'x');
    for (size_t i = CUT; i < m.size; i += 1000) assert_int_equal(m.data[i], 0);
    assert_false(file_stayed(&w->d, &m));
    assert_int_equal(truncate(in(w, "f"), LARGE), 0);
    assert_false(file_stayed(&w->d, &m));
    file_unmap(&m);
    file_use_end(&u);
    assert_int_equal(hosts, 1);
    expect_said(&w->d,
                arena_printf(&w->arena,
                             "error: %s was cut to 4096 bytes while its 8388608 were in use\n"
                             "error: %s could not be read any more while it was in use\n",
                             in(w, "f"), in(w, "f")));
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
    World *w = *state;
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
    World *w = *state;
    struct sigaction host = { .sa_handler = host_handler }, old;
    Mapped m, n;
    FileUse u;
    make_large(w);
    assert_int_equal(sigaction(SIGBUS, &host, &old), 0);
    assert_true(file_map(&w->d, in(w, "f"), &m) && m.mapped);
    assert_true(handler_is(host_handler));
    file_use_begin(&u);
    assert_false(handler_is(host_handler));
    assert_true(file_map(&w->d, in(w, "f"), &n) && n.mapped);
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
    World *w = *state;
    Mapped m;
    make_large(w);
    assert_true(file_map(&w->d, in(w, "f"), &m) && m.mapped);
    const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    assert_int_equal(utimensat(AT_FDCWD, in(w, "f"), long_ago, 0), 0);
    assert_false(file_stayed(&w->d, &m));
    expect_said(&w->d, arena_printf(&w->arena, "error: %s was written to while it was in use\n",
                                    in(w, "f")));
    file_unmap(&m);
    put(in(w, "f"), "small"); /* is read: what happens to it later is no matter */
    assert_true(file_map(&w->d, in(w, "f"), &m) && !m.mapped);
    assert_int_equal(truncate(in(w, "f"), 0), 0);
    assert_true(file_stayed(&w->d, &m));
    assert_memory_equal(m.data, "small", 6);
    file_unmap(&m);
}

/* A file that grows all the time is no file to read. */
static void a_file_that_changes_while_it_is_read_is_none(void **state)
{
    World *w = *state;
    make_large(w);
    fflush(stdout);
    const pid_t child = fork();
    if (!child) {
        const int fd = open(in(w, "f"), O_WRONLY | O_APPEND);
        for (int i = 0; i < 20 * 1000 * 1000 && fd >= 0; i++)
            if (write(fd, "x", 1) != 1) break;
        _exit(0);
    }
    bool ok = true;
    for (int i = 0; ok && i < 1000; i++) {
        Mapped m;
        ok = file_read(&w->d, in(w, "f"), &m);
        if (ok) file_unmap(&m);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(ok);
    expect_said(&w->d, arena_printf(&w->arena, "error: %s was written to while it was read\n",
                                    in(w, "f")));
}

/* ---- names ------------------------------------------------------------------------------- */

static void folders_are_made_and_named(void **state)
{
    World *w = *state;
    assert_true(file_make_dirs(&w->d, in(w, "a/b//c/")));
    assert_true(file_make_dirs(&w->d, in(w, "a/b")));
    assert_true(file_is_dir(in(w, "a/b/c")));
    put(in(w, "file"), "x");
    assert_true(file_exists(in(w, "file")));
    assert_false(file_is_dir(in(w, "file")));
    assert_false(file_make_dirs(&w->d, in(w, "file/sub")));
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
    World *w = *state;
    const char *dir = in(w, "model"), *other = in(w, "other");
    const Source s = { .name = "a.mil", .text = "path", .len = 4 };
    const Loc loc = { .src = &s, .len = 4 };
    file_make_dirs(&w->d, in(w, "model/weights"));
    file_make_dirs(&w->d, other);
    put(in(w, "other/secret"), "x");
    assert_int_equal(symlink(other, in(w, "model/out")), 0);
    assert_int_equal(symlink("weights", in(w, "model/alias")), 0);
    assert_int_equal(symlink("../other/secret", in(w, "model/link")), 0);

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
    file_make_dirs(&w->d, in(w, "model2"));
    assert_int_equal(symlink("../model2", in(w, "model/near")), 0);
    assert_null(file_join_inside(&w->arena, &w->d, loc, dir, "near/x"));
    expect_says(&w->d, "a.mil:1:1: error: the path near/x leaves the folder ");
}

/* ---- output ------------------------------------------------------------------------------ */

static void output_appears_whole(void **state)
{
    World *w = *state;
    OutFile o;
    const char *path = in(w, "f");
    put(path, "old");
    assert_int_equal(chmod(path, 0640), 0);
    Mapped old;
    assert_true(file_map(&w->d, path, &old)); /* writing onto what is mapped is safe */
    assert_true(out_open(&o, &w->d, path));
    assert_true(out_write(&o, "0000 new", 8));
    expect_content(w, path, "old");
    assert_true(out_seek(&o, 0));
    assert_true(out_write(&o, "1234", 4));
    assert_int_equal(o.written, 8);
    assert_true(out_commit(&o));
    expect_content(w, path, "1234 new");
    assert_memory_equal(old.data, "old", 3);
    file_unmap(&old);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(entries(w->dir), 1);
    assert_false(out_write(&o, "x", 1)); /* after the end: refused, nothing said */
    assert_true(diag_ok(&w->d));
    assert_true(file_write_all(&w->d, in(w, "empty"), NULL, 0));
    expect_content(w, in(w, "empty"), "");
}

static void an_abort_leaves_the_old_file(void **state)
{
    World *w = *state;
    OutFile o;
    put(in(w, "f"), "old");
    assert_true(out_open(&o, &w->d, in(w, "f")));
    assert_true(out_write(&o, "new", 3));
    out_abort(&o);
    out_abort(&o);
    expect_content(w, in(w, "f"), "old");
    assert_int_equal(entries(w->dir), 1);
}

static void links_and_devices_stay(void **state)
{
    World *w = *state;
    put(in(w, "f"), "old");
    assert_int_equal(symlink("f", in(w, "link")), 0);
    assert_true(file_write_all(&w->d, in(w, "link"), "new", 3));
    expect_content(w, in(w, "f"), "new");
    struct stat st;
    assert_int_equal(lstat(in(w, "link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_true(file_write_all(&w->d, "/dev/null", "new", 3));
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_false(file_write_all(&w->d, w->dir, "new", 3));
    expect_said(&w->d,
                arena_printf(&w->arena, "error: cannot write %s: Is a directory\n", w->dir));
}

static void a_full_disk_is_reported_once(void **state)
{
    World *w = *state;
    OutFile o;
    if (access("/dev/full", W_OK) == 0) {
        assert_true(out_open(&o, &w->d, "/dev/full"));
        for (int i = 0; i < 100; i++) out_write(&o, w->dir, strlen(w->dir));
        assert_false(out_commit(&o));
        expect_said(&w->d, "error: cannot write /dev/full: No space left on device\n");
        assert_false(file_write_all(&w->d, "/dev/full", "x", 1));
        expect_said(&w->d, "error: cannot write /dev/full: No space left on device\n");
    }
    /* A regular file that may not grow. */
    struct rlimit old, small;
    put(in(w, "f"), "old");
    char *block = arena_alloc(&w->arena, 1 << 16);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    fflush(stdout);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool opened = out_open(&o, &w->d, in(w, "f")), wrote = true;
    for (int i = 0; i < 10; i++) wrote = out_write(&o, block, 1 << 16);
    bool done = out_commit(&o);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(opened && !wrote && !done);
    assert_int_equal(w->d.fails, 1);
    expect_said(
        &w->d, arena_printf(&w->arena, "error: cannot write %s: File too large\n", in(w, "f")));
    expect_content(w, in(w, "f"), "old");
    assert_int_equal(entries(w->dir), 1);
}

static void an_unwritable_folder_is_reported(void **state)
{
    World *w = *state;
    bool root = geteuid() == 0;
    assert_int_equal(mkdir(in(w, "closed"), 0555), 0);
    assert_int_equal(chmod(w->dir, 0755), 0);
    if (root) assert_int_equal(seteuid(65534), 0); /* root may write anywhere */
    bool ok = file_write_all(&w->d, in(w, "closed/f"), "x", 1);
    bool made = file_make_dirs(&w->d, in(w, "closed/sub"));
    if (root) assert_int_equal(seteuid(0), 0);
    assert_false(ok || made);
    expect_said(&w->d, arena_printf(&w->arena,
                                    "error: cannot write %s: Permission denied\n"
                                    "error: cannot make the folder %s: Permission denied\n",
                                    in(w, "closed/f"), in(w, "closed/sub")));
    assert_false(file_write_all(&w->d, in(w, "none/f"), "x", 1));
    expect_says(&w->d, "none/f: No such file or directory");
}

static void a_target_that_cannot_be_replaced_is_reported(void **state)
{
    World *w = *state;
    OutFile o;
    assert_true(out_open(&o, &w->d, in(w, "f")));
    assert_int_equal(mkdir(in(w, "f"), 0755), 0);
    assert_true(out_write(&o, "x", 1));
    assert_false(out_commit(&o));
    expect_says(&w->d, "cannot replace ");
    assert_int_equal(entries(w->dir), 1);
    assert_true(out_open(&o, &w->d, in(w, "g")));
    assert_false(out_seek(&o, UINT64_MAX));
    expect_said(&w->d, arena_printf(&w->arena, "error: cannot seek in %s: Invalid argument\n",
                                    in(w, "g")));
    assert_false(out_write(&o, "x", 1));
    assert_false(out_commit(&o));
    assert_true(diag_ok(&w->d));
    assert_false(file_exists(in(w, "g")));
}

/* ---- temporaries ------------------------------------------------------------------------- */

static void put_old(World *w, const char *name, time_t age)
{
    const struct timespec t[2] = { { .tv_sec = time(NULL) - age },
                                   { .tv_sec = time(NULL) - age } };
    if (!file_exists(in(w, name))) put(in(w, name), "x");
    assert_int_equal(utimensat(AT_FDCWD, in(w, name), t, 0), 0);
}

static void what_a_dead_process_left_is_swept(void **state)
{
    enum { HOUR = 3600, LONG = 25 * HOUR };
    World *w = *state;
    fflush(stdout);
    const pid_t gone = fork();
    if (!gone) _exit(0);
    waitpid(gone, NULL, 0);
    const char *hex = "0123456789abcdef";
    const char *old = arena_printf(&w->arena, ".tmp-%ld-%s", (long)gone, hex);
    const char *folder = arena_printf(&w->arena, ".tmp-%ld-%s", (long)gone, "fedcba9876543210");
    const char *keep[] = {
        arena_printf(&w->arena, ".tmp-%ld-1123456789abcdef", (long)gone), /* of today */
        /* whose owner lives */
        arena_printf(&w->arena, ".tmp-%ld-%s", (long)getpid(), hex),
        arena_printf(&w->arena, ".tmp-%s", hex), /* another's */
        arena_printf(&w->arena, ".tmp-%ld-%sx", (long)gone, hex),
        "a.mil",
    };
    put_old(w, old, LONG);
    assert_true(
        file_make_dirs(&w->d, arena_printf(&w->arena, "%s/%s/weights", w->dir, folder)));
    put_old(w, folder, LONG);
    for (size_t i = 0; i < COUNT(keep); i++) put_old(w, keep[i], i ? LONG : HOUR);
    /* any write sweeps its folder */
    assert_true(file_write_all(&w->d, in(w, "b.mil"), "new", 3));
    assert_int_equal(entries(w->dir), COUNT(keep) + 1);
    for (size_t i = 0; i < COUNT(keep); i++) assert_true(file_exists(in(w, keep[i])));
}

/* What a handler of signals does, in the middle of everything. */
static void end_in_the_middle(World *w)
{
    OutFile o, inner;
    Stage s;
    if (!out_open(&o, &w->d, in(w, "f")) || !out_write(&o, "new", 3)) _exit(2);
    if (!stage_open(&s, &w->d, in(w, "folder"))) _exit(3);
    const char *dir = arena_printf(&w->arena, "%s/Data/weights", s.at);
    if (!file_make_dirs(&w->d, dir)) _exit(4);
    if (!file_write_all(&w->d, arena_printf(&w->arena, "%s/w.bin", dir), "w", 1)) _exit(5);
    if (!out_open(&inner, &w->d, arena_printf(&w->arena, "%s/model.mil", s.at))) _exit(6);
    temp_remove_all();
    _exit(0);
}

static void ending_leaves_nothing(void **state)
{
    World *w = *state;
    int status;
    put(in(w, "f"), "old");
    assert_true(file_make_dirs(&w->d, in(w, "folder/Data")));
    fflush(stdout);
    const pid_t child = fork();
    if (!child) end_in_the_middle(w);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(entries(w->dir), 2);
    expect_content(w, in(w, "f"), "old");
    assert_true(file_is_dir(in(w, "folder/Data")));
}

static void a_folder_is_replaced_whole(void **state)
{
    World *w = *state;
    Stage s;
    const char *path = in(w, "folder");
    put(in(w, "f"), "x");
    assert_false(stage_open(&s, &w->d, in(w, "f")));
    expect_said(&w->d,
                arena_printf(&w->arena, "error: cannot make the folder %s: Not a directory\n",
                             in(w, "f")));
    for (int i = 0; i < 3; i++) { /* new, over one, and aborted */
        assert_true(stage_open(&s, &w->d, path));
        assert_true(file_make_dirs(&w->d, arena_printf(&w->arena, "%s/sub", s.at)));
        put(arena_printf(&w->arena, "%s/sub/%d", s.at, i), "x");
        if (i == 2) stage_abort(&s);
        else assert_true(stage_commit(&s));
    }
    assert_int_equal(entries(w->dir), 2);
    assert_int_equal(entries(in(w, "folder/sub")), 1);
    assert_true(file_exists(in(w, "folder/sub/1")));
    /* What was moved away for the moment, by a process that ended then, comes back. */
    assert_int_equal(rename(path, in(w, ".tmp-old-folder")), 0);
    assert_true(stage_open(&s, &w->d, path));
    stage_abort(&s);
    assert_true(file_exists(in(w, "folder/sub/1")));
    /* deeper than is removed */
    assert_true(file_make_dirs(&w->d, in(w, "folder/1/2/3/4/5/6/7/8/9/10")));
    assert_true(stage_open(&s, &w->d, path));
    assert_false(stage_commit(&s));
    assert_true(s.placed && file_is_empty(path));
    expect_says(&w->d, "cannot remove the folder ");
    assert_false(file_sync_folder(&w->d, in(w, "none")));
    expect_said(&w->d,
                arena_printf(&w->arena,
                             "error: cannot write the folder %s: No such file or directory\n",
                             in(w, "none")));
}

/* Two processes write one file over and over; a reader sees one or the other, whole. */
static void write_many(World *w, char letter)
{
    enum { SIZE = 100000 };
    char *text = arena_alloc(&w->arena, SIZE);
    memset(text, letter, SIZE);
    for (int i = 0; i < 60; i++)
        if (!file_write_all(&w->d, in(w, "f"), text, SIZE)) _exit(1);
    _exit(0);
}

static void two_writers_never_mix(void **state)
{
    World *w = *state;
    int seen = 0, left = 2;
    fflush(stdout);
    for (int i = 0; i < 2; i++)
        if (fork() == 0) write_many(w, (char)('a' + i));
    while (left) {
        int status;
        Mapped m;
        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_int_equal(status, 0);
            left--;
        }
        if (!file_exists(in(w, "f"))) continue;
        assert_true(file_map(&w->d, in(w, "f"), &m));
        assert_int_equal(m.size, 100000);
        for (size_t i = 0; i < m.size; i++) assert_int_equal(m.data[i], m.data[0]);
        file_unmap(&m);
        seen++;
    }
    assert_true(seen > 0);
    assert_int_equal(entries(w->dir), 1);
}

/* What a process that is gone left, a day and more ago, and nothing else. */
static void only_the_temporaries_of_the_dead_are_stale(void **state)
{
    World *w = *state;
    enum { DAY = 24 * 60 * 60 };
    const long alive = (long)getppid(), gone = (long)fork();
    if (!gone) _exit(0);
    assert_int_equal(waitpid((pid_t)gone, NULL, 0), gone);
    const struct {
        const char *format; /* with the number of a process */
        long pid, age;
        bool stale;
    } names[] = {
        { ".tmp-%ld-0123456789abcdef", gone, DAY + 9, true },
        { ".tmp-%ld-0123456789abcdef", gone, 9 * DAY, true },
        { ".tmp-%ld-0123456789abcdef", gone, DAY - 9, false },
        { ".tmp-%ld-0123456789abcdef", gone, 0, false },
        { ".tmp-%ld-0123456789abcdef", alive, 9 * DAY, false },
        { ".tmp-%ld-0123456789abcdef", 0, 9 * DAY, false },
        { ".tmp-00%ld-0123456789abcdef", 0, 9 * DAY, false },
        { ".tmp-99999999999999999%ld-0123456789abcdef", gone, 9 * DAY, false },
        { ".tmp-%ld-0123456789abcde", gone, 9 * DAY, false },
        { ".tmp-%ld-0123456789abcdef0", gone, 9 * DAY, false },
        { ".tmp-%ld-0123456789abcdeg", gone, 9 * DAY, false },
        { ".tmp-%ld-0123456789ABCDEF", gone, 9 * DAY, false },
        { ".tmp-%ld-0123456789abcdef.mil", gone, 9 * DAY, false },
        { ".tmp-%ld+0123456789abcdef", gone, 9 * DAY, false },
        { ".tmp-+%ld-0123456789abcdef", gone, 9 * DAY, false },
        { ".tmp--%ld-0123456789abcdef", gone, 9 * DAY, false },
        { ".tmp- %ld-0123456789abcdef", gone, 9 * DAY, false },
        { ".tmp%ld-0123456789abcdef", gone, 9 * DAY, false },
        { "tmp-%ld-0123456789abcdef", gone, 9 * DAY, false },
        { "a.tmp-%ld-0123456789abcdef", gone, 9 * DAY, false },
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        char name[80];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(name, sizeof name, names[i].format, names[i].pid);
#pragma GCC diagnostic pop
        const struct timespec at[2] = { { .tv_sec = time(NULL) - names[i].age },
                                        { .tv_sec = time(NULL) - names[i].age } };
        assert_false(temp_is_stale(w->dir, name)); /* it is not there */
        put(in(w, name), "x");
        assert_int_equal(utimensat(AT_FDCWD, in(w, name), at, 0), 0);
        if (temp_is_stale(w->dir, name) != names[i].stale)
            fail_msg("%s, %ld s old, is %sstale", name, names[i].age,
                     names[i].stale ? "not " : "");
        assert_int_equal(unlink(in(w, name)), 0);
    }
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(only_the_temporaries_of_the_dead_are_stale),
        CASE(a_mapping_ends_with_a_nul),
        CASE(what_is_no_file_is_not_mapped),
        CASE(stdin_is_read_up_to_a_bound),
        CASE(a_file_that_is_cut_raises_no_signal),
        CASE(the_handler_is_there_for_a_call_that_has_mapped),
        CASE(a_file_that_is_written_to_is_told),
        CASE(a_file_that_changes_while_it_is_read_is_none),
        CASE(folders_are_made_and_named),
        CASE(paths_stay_inside),
        CASE(output_appears_whole),
        CASE(an_abort_leaves_the_old_file),
        CASE(links_and_devices_stay),
        CASE(a_full_disk_is_reported_once),
        CASE(an_unwritable_folder_is_reported),
        CASE(a_target_that_cannot_be_replaced_is_reported),
        CASE(what_a_dead_process_left_is_swept),
        CASE(ending_leaves_nothing),
        CASE(a_folder_is_replaced_whole),
        CASE(two_writers_never_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
