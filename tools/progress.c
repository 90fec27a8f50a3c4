/* progress.c -- a line on the terminal about work that takes long. */
#include "progress.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static double progress_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(Progress *p, bool quiet)
{
    *p = (Progress){ .on = !quiet && isatty(STDERR_FILENO) };
}

/* Work of less than half a second is not worth a line; later, ten a second are enough. */
static bool is_due(Progress *p)
{
    if (!p->on) return false;
    double t = progress_now();
    if (p->due > 0 && t < p->due) return false;
    bool first = p->due <= 0;
    p->due = t + (first ? 0.5 : 0.1);
    return !first;
}

void progress_count(Progress *p, const char *what, uint64_t done, uint64_t all)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    if (!all || !is_due(p)) return;
    const int full = (int)((double)done / (double)all * WIDTH);
    for (int i = 0; i < WIDTH; i++) bar[i] = i < full ? '#' : ' ';
    bar[WIDTH] = 0;
    fprintf(stderr, "\r\033[K%s [%s] %llu of %llu", what, bar, (unsigned long long)done,
            (unsigned long long)all);
    p->drawn = true;
}

void progress_file(void *progress, const char *path, uint64_t written)
{
    Progress *p = progress;
    if (!is_due(p)) return;
    Buf name = { 0 };
    buf_escape(&name, path, strlen(path));
    fprintf(stderr, "\r\033[Kwriting %s: %.1f MB", name.s ? name.s : "", (double)written / 1e6);
    buf_free(&name);
    p->drawn = true;
}

void progress_clear(Progress *p)
{
    if (p->drawn) fputs("\r\033[K", stderr);
    p->drawn = false;
}
