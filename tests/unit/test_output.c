/* test_output.c -- files and folders that appear whole or not at all when the world misbehaves, and what
 * is swept behind those who died. */
#include "files_bench.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- output ------------------------------------------------------------------------------ */

static void output_appears_whole(void **state)
{
    FilesBench *w = *state;
    OutFile o;
    const char *path = files_in(w, "f");
    files_put(path, "old");
    assert_int_equal(chmod(path, 0640), 0);
    Mapped old;
    assert_true(file_map(&w->d, path, &old)); /* writing onto what is mapped is safe */
    assert_true(out_open(&o, &w->d, path));
    assert_true(out_write(&o, "0000 new", 8));
    files_expect(w, path, "old");
    assert_true(out_seek(&o, 0));
    assert_true(out_write(&o, "1234", 4));
    assert_int_equal(o.written, 8);
    assert_true(out_commit(&o));
    files_expect(w, path, "1234 new");
    assert_memory_equal(old.data, "old", 3);
    file_unmap(&old);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(files_entries(w->dir), 1);
    assert_false(out_write(&o, "x", 1)); /* after the end: refused, nothing said */
    assert_true(diag_ok(&w->d));
    assert_true(file_write_all(&w->d, files_in(w, "empty"), NULL, 0));
    files_expect(w, files_in(w, "empty"), "");
}

static void an_abort_leaves_the_old_file(void **state)
{
    FilesBench *w = *state;
    OutFile o;
    files_put(files_in(w, "f"), "old");
    assert_true(out_open(&o, &w->d, files_in(w, "f")));
    assert_true(out_write(&o, "new", 3));
    out_abort(&o);
    out_abort(&o);
    files_expect(w, files_in(w, "f"), "old");
    assert_int_equal(files_entries(w->dir), 1);
}

static void links_and_devices_stay(void **state)
{
    FilesBench *w = *state;
    files_put(files_in(w, "f"), "old");
    assert_int_equal(symlink("f", files_in(w, "link")), 0);
    assert_true(file_write_all(&w->d, files_in(w, "link"), "new", 3));
    files_expect(w, files_in(w, "f"), "new");
    struct stat st;
    assert_int_equal(lstat(files_in(w, "link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_true(file_write_all(&w->d, "/dev/null", "new", 3));
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_false(file_write_all(&w->d, w->dir, "new", 3));
    expect_said(&w->d, arena_printf(&w->arena, "error: cannot write %s: Is a directory\n",
                                    w->dir));
}

static void a_full_disk_is_reported_once(void **state)
{
    FilesBench *w = *state;
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
    files_put(files_in(w, "f"), "old");
    char *block = arena_alloc(&w->arena, 1 << 16);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    fflush(stdout);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool opened = out_open(&o, &w->d, files_in(w, "f")), wrote = true;
    for (int i = 0; i < 10; i++) wrote = out_write(&o, block, 1 << 16);
    bool done = out_commit(&o);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(opened && !wrote && !done);
    assert_int_equal(w->d.fails, 1);
    expect_said(&w->d, arena_printf(&w->arena, "error: cannot write %s: File too large\n",
                                    files_in(w, "f")));
    files_expect(w, files_in(w, "f"), "old");
    assert_int_equal(files_entries(w->dir), 1);
}

static void an_unwritable_folder_is_reported(void **state)
{
    FilesBench *w = *state;
    bool root = geteuid() == 0;
    assert_int_equal(mkdir(files_in(w, "closed"), 0555), 0);
    assert_int_equal(chmod(w->dir, 0755), 0);
    if (root) assert_int_equal(seteuid(65534), 0); /* root may write anywhere */
    bool ok = file_write_all(&w->d, files_in(w, "closed/f"), "x", 1);
    bool made = file_make_dirs(&w->d, files_in(w, "closed/sub"));
    if (root) assert_int_equal(seteuid(0), 0);
    assert_false(ok || made);
    expect_said(&w->d,
                arena_printf(&w->arena,
                             "error: cannot write %s: Permission denied\n"
                             "error: cannot make the folder %s: Permission denied\n",
                             files_in(w, "closed/f"), files_in(w, "closed/sub")));
    assert_false(file_write_all(&w->d, files_in(w, "none/f"), "x", 1));
    expect_says(&w->d, "none/f: No such file or directory");
}

static void a_target_that_cannot_be_replaced_is_reported(void **state)
{
    FilesBench *w = *state;
    OutFile o;
    assert_true(out_open(&o, &w->d, files_in(w, "f")));
    assert_int_equal(mkdir(files_in(w, "f"), 0755), 0);
    assert_true(out_write(&o, "x", 1));
    assert_false(out_commit(&o));
    expect_says(&w->d, "cannot replace ");
    assert_int_equal(files_entries(w->dir), 1);
    assert_true(out_open(&o, &w->d, files_in(w, "g")));
    assert_false(out_seek(&o, UINT64_MAX));
    expect_said(&w->d,
                arena_printf(&w->arena, "error: cannot seek in %s: Invalid argument\n",
                             files_in(w, "g")));
    assert_false(out_write(&o, "x", 1));
    assert_false(out_commit(&o));
    assert_true(diag_ok(&w->d));
    assert_false(file_exists(files_in(w, "g")));
}

/* ---- temporaries ------------------------------------------------------------------------- */

static void put_old(FilesBench *w, const char *name, time_t age)
{
    const struct timespec t[2] = { { .tv_sec = time(NULL) - age },
                                   { .tv_sec = time(NULL) - age } };
    if (!file_exists(files_in(w, name))) files_put(files_in(w, name), "x");
    assert_int_equal(utimensat(AT_FDCWD, files_in(w, name), t, 0), 0);
}

static void what_a_dead_process_left_is_swept(void **state)
{
    enum { HOUR = 3600, LONG = 25 * HOUR };
    FilesBench *w = *state;
    fflush(stdout);
    const pid_t gone = fork();
    if (!gone) _exit(0);
    waitpid(gone, NULL, 0);
    const char *hex = "0123456789abcdef";
    const char *old = arena_printf(&w->arena, ".tmp-%ld-%s", (long)gone, hex);
    const char *folder = arena_printf(&w->arena, ".tmp-%ld-%s", (long)gone,
                                      "fedcba9876543210");
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
    assert_true(file_write_all(&w->d, files_in(w, "b.mil"), "new", 3));
    assert_int_equal(files_entries(w->dir), COUNT(keep) + 1);
    for (size_t i = 0; i < COUNT(keep); i++)
        assert_true(file_exists(files_in(w, keep[i])));
}

/* What a handler of signals does, in the middle of everything. */
static void end_in_the_middle(FilesBench *w)
{
    OutFile o, inner;
    Stage s;
    if (!out_open(&o, &w->d, files_in(w, "f")) || !out_write(&o, "new", 3)) _exit(2);
    if (!stage_open(&s, &w->d, files_in(w, "folder"))) _exit(3);
    const char *dir = arena_printf(&w->arena, "%s/Data/weights", s.at);
    if (!file_make_dirs(&w->d, dir)) _exit(4);
    if (!file_write_all(&w->d, arena_printf(&w->arena, "%s/w.bin", dir), "w", 1))
        _exit(5);
    if (!out_open(&inner, &w->d, arena_printf(&w->arena, "%s/model.mil", s.at))) _exit(6);
    temp_remove_all();
    _exit(0);
}

static void ending_leaves_nothing(void **state)
{
    FilesBench *w = *state;
    int status;
    files_put(files_in(w, "f"), "old");
    assert_true(file_make_dirs(&w->d, files_in(w, "folder/Data")));
    fflush(stdout);
    const pid_t child = fork();
    if (!child) end_in_the_middle(w);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(files_entries(w->dir), 2);
    files_expect(w, files_in(w, "f"), "old");
    assert_true(file_is_dir(files_in(w, "folder/Data")));
}

/* What lies below a folder that is done with is nobody's any more; the others are still this
 * process's. */
static void drop_in_the_middle(FilesBench *w)
{
    const char *below = files_in(w, "top/a"), *beside = files_in(w, "topmost");
    if (temp_add(below) < 0 || temp_add(beside) < 0) _exit(2);
    temp_drop_below(files_in(w, "top"));
    temp_remove_all();
    _exit(file_exists(below) && !file_exists(beside) ? 0 : 3);
}

static void dropping_below_a_folder_leaves_the_others(void **state)
{
    FilesBench *w = *state;
    int status;
    assert_true(file_make_dirs(&w->d, files_in(w, "top")));
    files_put(files_in(w, "top/a"), "a");
    files_put(files_in(w, "topmost"), "b");
    fflush(stdout);
    const pid_t child = fork();
    if (!child) drop_in_the_middle(w);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void a_folder_is_replaced_whole(void **state)
{
    FilesBench *w = *state;
    Stage s;
    const char *path = files_in(w, "folder");
    files_put(files_in(w, "f"), "x");
    assert_false(stage_open(&s, &w->d, files_in(w, "f")));
    expect_said(&w->d, arena_printf(&w->arena,
                                    "error: cannot make the folder %s: Not a directory\n",
                                    files_in(w, "f")));
    for (int i = 0; i < 3; i++) { /* new, over one, and aborted */
        assert_true(stage_open(&s, &w->d, path));
        assert_true(file_make_dirs(&w->d, arena_printf(&w->arena, "%s/sub", s.at)));
        files_put(arena_printf(&w->arena, "%s/sub/%d", s.at, i), "x");
        if (i == 2) stage_abort(&s);
        else assert_true(stage_commit(&s));
    }
    assert_int_equal(files_entries(w->dir), 2);
    assert_int_equal(files_entries(files_in(w, "folder/sub")), 1);
    assert_true(file_exists(files_in(w, "folder/sub/1")));
    /* What was moved away for the moment, by a process that ended then, comes back. */
    assert_int_equal(rename(path, files_in(w, ".tmp-old-folder")), 0);
    assert_true(stage_open(&s, &w->d, path));
    stage_abort(&s);
    assert_true(file_exists(files_in(w, "folder/sub/1")));
    /* deeper than is removed */
    assert_true(file_make_dirs(&w->d, files_in(w, "folder/1/2/3/4/5/6/7/8/9/10")));
    assert_true(stage_open(&s, &w->d, path));
    assert_false(stage_commit(&s));
    assert_true(s.placed && file_is_empty(path));
    expect_says(&w->d, "cannot remove the folder ");
    assert_false(file_sync_folder(&w->d, files_in(w, "none")));
    expect_said(
        &w->d,
        arena_printf(&w->arena,
                     "error: cannot write the folder %s: No such file or directory\n",
                     files_in(w, "none")));
}

/* Two processes write one file over and over; a reader sees one or the other, whole. */
static void write_many(FilesBench *w, char letter)
{
    enum { SIZE = 100000 };
    char *text = arena_alloc(&w->arena, SIZE);
    memset(text, letter, SIZE);
    for (int i = 0; i < 60; i++)
        if (!file_write_all(&w->d, files_in(w, "f"), text, SIZE)) _exit(1);
    _exit(0);
}

static void two_writers_never_mix(void **state)
{
    FilesBench *w = *state;
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
        if (!file_exists(files_in(w, "f"))) continue;
        assert_true(file_map(&w->d, files_in(w, "f"), &m));
        assert_int_equal(m.size, 100000);
        for (size_t i = 0; i < m.size; i++) assert_int_equal(m.data[i], m.data[0]);
        file_unmap(&m);
        seen++;
    }
    assert_true(seen > 0);
    assert_int_equal(files_entries(w->dir), 1);
}

/* What a process that is gone left, a day and more ago, and nothing else. */
static void only_the_temporaries_of_the_dead_are_stale(void **state)
{
    FilesBench *w = *state;
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
        files_put(files_in(w, name), "x");
        assert_int_equal(utimensat(AT_FDCWD, files_in(w, name), at, 0), 0);
        if (temp_is_stale(w->dir, name) != names[i].stale)
            fail_msg("%s, %ld s old, is %sstale", name, names[i].age,
                     names[i].stale ? "not " : "");
        assert_int_equal(unlink(files_in(w, name)), 0);
    }
}

enum { LISTED = 1024, MORE = 3 };

static const char *numbered(FilesBench *w, int i)
{
    return files_in(w, arena_printf(&w->arena, "n%d", i));
}

/* The list of what a signal removes has so many places, the last as good as the first; what is
 * taken off makes room. Returns what was wrong, for the child's status. */
static int fill_the_list(FilesBench *w)
{
    int at[LISTED + MORE];
    for (int i = 0; i < LISTED + MORE; i++) {
        at[i] = temp_add(numbered(w, i));
        if (i < LISTED ? at[i] != i : at[i] != -1) return 2;
    }
    for (int i = 0; i < LISTED; i += LISTED - 1) {
        const char *below = arena_printf(&w->arena, "%s/x", numbered(w, i));
        if (!temp_covers(below) || temp_in_tree(below)) return 3;
    }
    if (temp_covers(arena_printf(&w->arena, "%s/x", numbered(w, LISTED)))) return 4;
    temp_drop(at[LISTED - 1]);
    temp_drop(at[700]);
    temp_drop(-1);
    if (temp_add(numbered(w, LISTED)) != 700) return 5;
    if (temp_add(numbered(w, LISTED + 1)) != LISTED - 1) return 6;
    if (temp_add(numbered(w, LISTED + 2)) != -1) return 7;
    temp_drop_below(numbered(w, 3)); /* which is not below itself */
    temp_remove_all();
    for (int i = 0; i < LISTED + MORE; i++) {
        const bool off = i == LISTED - 1 || i == 700 || i == LISTED + 2;
        if (file_exists(numbered(w, i)) != off) return 8;
    }
    return 0;
}

static void the_list_of_temporaries_ends_at_its_bound(void **state)
{
    FilesBench *w = *state;
    int status;
    for (int i = 0; i < LISTED + MORE; i++) files_put(numbered(w, i), "x");
    fflush(stdout);
    const pid_t child = fork();
    if (!child) _exit(fill_the_list(w));
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

/* What is held as a tree goes with all that is in it, and takes in what lies below it alone. */
static int trees_in_the_middle(FilesBench *w)
{
    const char *tree = files_in(w, "tree"), *other = files_in(w, "trees");
    temp_tree_hold(tree);
    temp_tree_hold(other);
    if (!temp_in_tree(files_in(w, "tree/a/b"))) return 2;
    if (!temp_in_tree(files_in(w, "trees/a"))) return 3;
    if (temp_in_tree(tree) || temp_in_tree(files_in(w, "tre/a"))) return 4;
    temp_tree_let(other);
    if (temp_in_tree(files_in(w, "trees/a"))) return 5;
    if (!temp_in_tree(files_in(w, "tree/a/b"))) return 6;
    temp_tree_hold(other);
    if (!temp_tree_end(other) || file_exists(other)
        || temp_in_tree(files_in(w, "trees/a")))
        return 7;
    if (!temp_tree_end(NULL)) return 8;
    temp_remove_all();
    return file_exists(tree) ? 9 : 0;
}

static void trees_go_whole(void **state)
{
    FilesBench *w = *state;
    int status;
    assert_true(file_make_dirs(&w->d, files_in(w, "tree/a/b")));
    assert_true(file_make_dirs(&w->d, files_in(w, "trees/a")));
    files_put(files_in(w, "tree/a/b/c"), "x");
    files_put(files_in(w, "trees/a/c"), "x");
    fflush(stdout);
    const pid_t child = fork();
    if (!child) _exit(trees_in_the_middle(w));
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_CASE(only_the_temporaries_of_the_dead_are_stale),
        FILES_CASE(output_appears_whole),
        FILES_CASE(an_abort_leaves_the_old_file),
        FILES_CASE(links_and_devices_stay),
        FILES_CASE(a_full_disk_is_reported_once),
        FILES_CASE(an_unwritable_folder_is_reported),
        FILES_CASE(a_target_that_cannot_be_replaced_is_reported),
        FILES_CASE(what_a_dead_process_left_is_swept),
        FILES_CASE(ending_leaves_nothing),
        FILES_CASE(dropping_below_a_folder_leaves_the_others),
        FILES_CASE(the_list_of_temporaries_ends_at_its_bound),
        FILES_CASE(trees_go_whole),
        FILES_CASE(a_folder_is_replaced_whole),
        FILES_CASE(two_writers_never_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
