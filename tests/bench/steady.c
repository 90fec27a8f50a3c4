/* steady.c -- runs a model on the backend cpu over and over, and tells the least time of a run.
 *
 * usage: steady DIR/NET THREADS SECONDS     of DIR/NET.mil, its inputs from DIR/NET.INPUT.raw
 *
 * Writes result k of a run into DIR/NET.ours.k.raw, and prints milliseconds of processor time and of the
 * clock a run, of processor time from the start to the first result beyond such a run, and the most
 * memory that the process had, in megabytes. */
#include "../../include/anec.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { ROOM = 4096, LEAST = 5 };

static double ms_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int fail(const anec_error *e)
{
    fprintf(stderr, "steady: %s\n", e->text);
    return 1;
}

static int copy_file(const char *path, const char *mode, const anec_tensor *t)
{
    FILE *f = fopen(path, mode);
    const int put = mode[0] == 'w';
    size_t n = 0;
    if (f) n = put ? fwrite(t->data, 1, t->bytes, f) : fread(t->data, 1, t->bytes, f);
    if ((!f || fclose(f) || n != t->bytes) && fprintf(stderr, "steady: %s\n", path))
        return 1;
    return 0;
}

static int fill_inputs(anec_kernel *k, const char *net)
{
    anec_error e;
    anec_tensor t;
    char path[ROOM];
    const char *name;
    for (int i = 0; (name = anec_port(k, ANEC_INPUT, i, &t)); i++) {
        if (anec_buffer(k, name, &t, &e)) return fail(&e);
        snprintf(path, sizeof path, "%s.%s.raw", net, name);
        if (copy_file(path, "rb", &t)) return 1;
    }
    return 0;
}

static int keep_results(anec_kernel *k, const char *net)
{
    anec_error e;
    anec_tensor t;
    char path[ROOM];
    const char *name;
    for (int i = 0; (name = anec_port(k, ANEC_RESULT, i, &t)); i++) {
        if (anec_result(k, name, &t, &e)) return fail(&e);
        snprintf(path, sizeof path, "%s.ours.%d.raw", net, i);
        if (copy_file(path, "wb", &t)) return 1;
    }
    return 0;
}

typedef struct {
    double cpu, wall;
} Least;

static int run_once(anec_kernel *k, const anec_run_options *o, Least *least)
{
    anec_error e;
    const double cpu = ms_of(CLOCK_PROCESS_CPUTIME_ID), wall = ms_of(CLOCK_MONOTONIC);
    if (anec_run_with(k, NULL, 0, o, &e)) return fail(&e);
    const Least now = { ms_of(CLOCK_PROCESS_CPUTIME_ID) - cpu,
                        ms_of(CLOCK_MONOTONIC) - wall };
    if (now.cpu < least->cpu) least->cpu = now.cpu;
    if (now.wall < least->wall) least->wall = now.wall;
    return 0;
}

static int time_runs(anec_kernel *k, const char *net, int threads, double seconds)
{
    const anec_run_options o = { .size = sizeof o, .threads = threads };
    const double before = ms_of(CLOCK_PROCESS_CPUTIME_ID);
    Least first = { 1e30, 1e30 }, least = first;
    struct rusage use;
    if (fill_inputs(k, net) || run_once(k, &o, &first) || keep_results(k, net)) return 1;
    const double start = before + first.cpu,
                 until = ms_of(CLOCK_MONOTONIC) + seconds * 1e3;
    for (int i = 0; i < LEAST || ms_of(CLOCK_MONOTONIC) < until; i++)
        if (run_once(k, &o, &least)) return 1;
    getrusage(RUSAGE_SELF, &use);
    printf("%.4f %.4f %.2f %.1f\n", least.cpu, least.wall, start - least.cpu,
           (double)use.ru_maxrss / 1024);
    return 0;
}

int main(int argc, char **argv)
{
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel;
    anec_error e;
    char path[ROOM];
    if (argc != 4) {
        fprintf(stderr, "usage: steady DIR/NET THREADS SECONDS\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s.mil", argv[1]);
    if (anec_open("cpu", NULL, &device, &e) || anec_load(device, path, &model, &e)
        || anec_compile(model, NULL, &kernel, &e))
        return fail(&e);
    const int bad = time_runs(kernel, argv[1], atoi(argv[2]), atof(argv[3]));
    anec_free(kernel);
    anec_model_free(model);
    anec_close(device);
    return bad;
}
