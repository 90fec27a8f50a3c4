/* helper.c -- has another process compile a program (load.h). */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MOST_SAID = 1 << 16 };
#define COMPILED "compiled\n"
#define REFUSED "refused: "
#define OTHER "another identity: "

static bool helper_trouble(Trouble *why, const char *text)
{
    *why = (Trouble){ .text = text };
    return false;
}

/* This process's environment, with who asks. */
static char **helper_environment(const char *identity, Arena *a)
{
    size_t n = 0, kept = 0;
    while (environ[n]) n++;
    char **all = NEW_ARRAY(a, n + 2, char *);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], HELPER_FOR "=", sizeof HELPER_FOR) != 0)
            all[kept++] = environ[i];
    if (identity) all[kept] = arena_printf(a, HELPER_FOR "=%s", identity);
    return all;
}

/* The process, whose standard output is `out`; false: errno. Its input is empty. */
static bool helper_start(const char *const *argv, const char *dir, char *const *env,
                         Arena *a, int out, pid_t *child)
{
    posix_spawn_file_actions_t act;
    size_t n = 0;
    while (argv[n]) n++;
    char **all = NEW_ARRAY(a, n + 2, char *);
    for (size_t i = 0; i < n; i++) all[i] = arena_strdup(a, argv[i]);
    all[n] = arena_strdup(a, dir);
    if ((errno = posix_spawn_file_actions_init(&act))) return false;
    errno = posix_spawn_file_actions_addopen(&act, 0, "/dev/null", O_RDONLY, 0);
    if (!errno) errno = posix_spawn_file_actions_adddup2(&act, out, 1);
    if (!errno) errno = posix_spawnp(child, all[0], &act, NULL, all, env);
    const int error = errno;
    posix_spawn_file_actions_destroy(&act);
    errno = error;
    return !error;
}

/* All that the helper says, up to a limit; then it has ended. */
static char *helper_hear(int in, pid_t child, Arena *a)
{
    char *said = arena_alloc(a, MOST_SAID + 1);
    size_t n = 0;
    for (ssize_t got; n < MOST_SAID; n += (size_t)got) {
        got = read(in, said + n, MOST_SAID - n);
        if (got < 0 && errno == EINTR) got = 0;
        else if (got <= 0) break;
    }
    said[n] = 0;
    close(in);
    /* How it ended does not matter: what it said does. */
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    return said;
}

bool helper_compile(const char *const *argv, const char *dir, const char *identity,
                    Arena *a, const char **other, Trouble *why)
{
    int ends[2];
    pid_t child;
    if (pipe(ends))
        return helper_trouble(
            why, arena_printf(a, "no pipe can be made: %s", strerror(errno)));
    for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    const bool started = helper_start(argv, dir, helper_environment(identity, a), a,
                                      ends[1], &child);
    const int error = errno;
    close(ends[1]);
    if (!started) close(ends[0]);
    if (!started)
        return helper_trouble(why, arena_printf(a, "the helper %s cannot be started: %s",
                                                argv[0], strerror(error)));
    char *said = helper_hear(ends[0], child, a);
    if (!strcmp(said, COMPILED)) return true;
    if (!strncmp(said, OTHER, strlen(OTHER))) {
        said[strcspn(said, "\n")] = 0;
        *other = said + strlen(OTHER);
        return helper_trouble(why, "the helper is signed as another");
    }
    if (strncmp(said, REFUSED, strlen(REFUSED)) != 0)
        return helper_trouble(
            why, arena_printf(a, "the helper %s ended without an answer", argv[0]));
    said[strcspn(said, "\n")] = 0;
    return helper_trouble(why, said + strlen(REFUSED));
}
