/* nomem.c -- a library to preload: runs the program it is loaded into again and again, the n-th
 * request for memory failing in the n-th run, until a run asks for less than n.
 *
 *   NOMEM_DIR=folder  where the program writes; emptied before each run. Its standard output
 *                     goes there.
 *   NOMEM_NAME=text   what the line of the verdict calls it
 *   NOMEM_ON=1        every request from the n-th on fails, else that one alone
 *   NOMEM_AT=n        one run alone, with the program's own exit code: for a debugger
 *
 * A run must end with exit 3 and say so, or with 0 and the very files of a run in which nothing
 * failed; whatever it leaves must be one of these files. The program's own exit code never
 * shows: 0 is that all runs were right. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static long fail_at; /* 0: not counting */
static int from_then_on;
static long *requests; /* of the run under way; shared with the parent */

/* Called by standin, which stands for another process. */
static int held;
void nomem_hold(int on) { held = on; }

static int fails(void)
{
    if (!fail_at || held) return 0;
    const long n = ++*requests;
    if (n != fail_at && !(from_then_on && n > fail_at)) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}
void *realloc(void *p, size_t size) { return fails() ? NULL : __libc_realloc(p, size); }

/* ---- what a run leaves ------------------------------------------------------------------- */

enum { MAX_FILES = 64 };
typedef struct {
    char path[200];
    uint64_t sum;
} Left;
typedef struct {
    Left file[MAX_FILES];
    int n;
} Leavings;

static uint64_t sum_of(const char *path)
{
    uint64_t h = UINT64_C(14695981039346656037);
    unsigned char block[4096];
    ssize_t n;
    const size_t len = strlen(path);
    /* the end alone is always the same */
    const int timed = len > 10 && !strcmp(path + len - 10, "trace.json");
    int fd = open(path, O_RDONLY);
    while (fd >= 0 && (n = read(fd, block, sizeof block)) > 0)
        for (ssize_t i = timed && n > 2 ? n - 2 : 0; i < n; i++)
            h = (h ^ block[i]) * UINT64_C(1099511628211);
    if (fd >= 0) close(fd);
    return h;
}

/* remove: empties the folder; else adds its files to out. */
static void visit(const char *dir, Leavings *out)
{
    char path[4096];
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (lstat(path, &st)) continue;
        if (S_ISDIR(st.st_mode)) {
            visit(path, out);
            if (!out) rmdir(path);
        } else if (!out) unlink(path);
        else if (out->n < MAX_FILES) {
            Left *l = &out->file[out->n++];
            snprintf(l->path, sizeof l->path, "%.199s", path);
            l->sum = sum_of(path);
        }
    }
    if (d) closedir(d);
}

static int has(const Leavings *all, const Left *f)
{
    for (int i = 0; i < all->n; i++)
        if (!strcmp(all->file[i].path, f->path)) return all->file[i].sum == f->sum;
    return 0;
}

/* ---- the runs ---------------------------------------------------------------------------- */

static const char *dir;
static char said[4096];

/* In the child it returns -1: the program goes on to its main. */
static int run(long n, Leavings *left)
{
    char out[4096], err[4096];
    int status;
    visit(dir, NULL);
    snprintf(out, sizeof out, "%s/stdout", dir);
    snprintf(err, sizeof err, "%s.stderr", dir);
    *requests = 0;
    const pid_t pid = fork();
    if (!pid) {
        int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dup2(fd, 1);
        close(fd);
        fd = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dup2(fd, 2);
        close(fd);
        fail_at = n;
        return -1;
    }
    waitpid(pid, &status, 0);
    left->n = 0;
    visit(dir, left);
    const int fd = open(err, O_RDONLY);
    const ssize_t len = read(fd, said, sizeof said - 1);
    said[len > 0 ? len : 0] = 0;
    close(fd);
    unlink(err);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static const char *judge(int code, const Leavings *whole, const Leavings *left)
{
    static char why[300];
    for (int i = 0; i < left->n; i++) {
        const size_t len = strlen(left->file[i].path);
        if (len >= 7 && !strcmp(left->file[i].path + len - 7, "/stdout") && code)
            continue;
        if (has(whole, &left->file[i])) continue;
        snprintf(why, sizeof why, "left %s", left->file[i].path);
        return why;
    }
    if (code != 0 && code != 3) return "neither exit 0 nor 3";
    if (code == 3 && !strstr(said, "error: ")) return "exit 3 without an error";
    if (code == 0 && left->n != whole->n) return "exit 0 without all its files";
    return NULL;
}

static void __attribute__((constructor)) drive(void)
{
    static Leavings whole, left;
    const char *name = getenv("NOMEM_NAME");
    const long never = 1L << 40;
    int wrong = 0;
    long n = 1, harmless = 0;
    dir = getenv("NOMEM_DIR");
    if (!dir && !getenv("NOMEM_AT")) return;
    unsetenv("LD_PRELOAD"); /* what the program itself starts is none of these runs */
    requests = mmap(NULL, sizeof *requests, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    from_then_on = getenv("NOMEM_ON") != NULL;
    if (!dir) {
        fail_at = atol(getenv("NOMEM_AT"));
        return;
    }
    int code = run(never, &whole);
    if (code < 0) return;
    if (code)
        dprintf(1, "%s: exit %d when nothing fails: %s\n", name, code, said), _exit(1);
    const long all = *requests;
    for (;; n++) {
        code = run(n, &left);
        if (code < 0) return;
        if (*requests < n) break;
        const char *why = judge(code, &whole, &left);
        harmless += !code;
        if (!why) continue;
        dprintf(1, "FAILED %s: request %ld of %ld: exit %d: %s\n%s", name, n, all, code,
                why, said);
        if (++wrong == 3) break;
    }
    dprintf(1, "%s: %ld requests fail%s, %ld of them without harm\n", name, n - 1,
            from_then_on ? " with all after them" : "", harmless);
    visit(dir, NULL);
    rmdir(dir);
    _exit(wrong != 0);
}
