/* standin.h -- for unit tests that run against the stand-in for Apple's libraries. */
#ifndef ANEC_TEST_STANDIN_H
#define ANEC_TEST_STANDIN_H

#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

/* Makes this process load the stand-in, build/libanesim.so, in place of Apple's libraries. Returns a new folder,
 * in memory where the system keeps one there, which TMPDIR names from now on: the engine stages a model in TMPDIR
 * under the name of its text, and another test program may stage the same text at the same time. */
static inline char *use_standin(Arena *a, const char *argv0)
{
    char real[4096];
    const char *lib = arena_printf(a, "%s/../libanesim.so", file_dir(a, argv0));
    if (!realpath(lib, real)) fail_msg("%s is not there", lib);
    setenv("ANEC_ANE_LIB", real, 1);
    if (!access("/dev/shm", W_OK)) setenv("TMPDIR", "/dev/shm", 1);
    char *folder = make_folder(a);
    setenv("TMPDIR", folder, 1);
    return folder;
}

static inline void set_machine(const char *chip, const char *faults)
{
    setenv("ANESIM_CHIP", chip, 1);
    setenv("ANESIM_FAULT", faults, 1);
}

/* For file_walk over the tree `dir`: break_file overwrites every file of that name. */
typedef struct {
    const char *dir, *name;
} Break;

static inline bool break_file(void *ctx, const char *rel)
{
    const Break *b = ctx;
    Arena a = { 0 };
    Diag d = { 0 };
    bool ok = !file_has_suffix(rel, b->name)
           || file_write_all(&d, arena_printf(&a, "%s/%s", b->dir, rel), "broken", 6);
    arena_free(&a);
    return ok;
}

/* Runs fn in a process of its own. Returns its status as waitpid gives it; `said` is what it
 * wrote to stderr. */
static inline int run_apart(void (*fn)(void), char *said, size_t room)
{
    int pipes[2];
    size_t n = 0;
    assert_int_equal(pipe(pipes), 0);
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        dup2(pipes[1], 2);
        close(pipes[0]);
        fn();
        exit(0);
    }
    close(pipes[1]);
    for (ssize_t got; n + 1 < room && (got = read(pipes[0], said + n, room - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = 0;
    close(pipes[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

#endif
