/* pair.c -- times two commands in turn and prints both medians, their ratio and their
 * memory.
 *
 * usage: pair RUNS NAME_A 'COMMAND A' NAME_B 'COMMAND B' The two alternate, A B A B .., so that
 * a machine whose speed drifts does not favour either. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RUNS = 100 };

typedef struct {
    const char *name, *command;
    double seconds[MAX_RUNS];
    double megabytes; /* the largest resident set of any run */
} Side;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run(Side *s, int at)
{
    struct rusage use;
    int status;
    double start = now();
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", s->command, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &use) < 0) return 0;
    s->seconds[at] = now() - start;
    if ((double)use.ru_maxrss / 1024 > s->megabytes)
        s->megabytes = (double)use.ru_maxrss / 1024;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(Side *s, int n)
{
    qsort(s->seconds, (size_t)n, sizeof *s->seconds, by_value);
    return s->seconds[n / 2];
}

int main(int argc, char **argv)
{
    int n = argc == 6 ? atoi(argv[1]) : 0;
    if (n < 1 || n > MAX_RUNS) {
        fputs("usage: pair RUNS NAME_A 'COMMAND A' NAME_B 'COMMAND B'\n", stderr);
        return 2;
    }
    Side a = { .name = argv[2], .command = argv[3] },
         b = { .name = argv[4], .command = argv[5] };
    for (int i = -1; i < n; i++) /* the first round warms up */
        if (!run(&a, i < 0 ? 0 : i) || !run(&b, i < 0 ? 0 : i)) {
            fprintf(stderr, "pair: a command failed\n");
            return 1;
        }
    double ta = median(&a, n), tb = median(&b, n);
    printf("%-34s %8.3f s %8.1f MB   %-12s %8.3f s   ratio %.2f\n", a.name, ta,
           a.megabytes, b.name, tb, ta / tb);
    return 0;
}
