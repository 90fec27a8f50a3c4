/* side.c -- runs kernels of one model side by side, each in a thread of its own, for the bench to
 * time.
 *
 * usage: side MODEL RUNS THREADS     each thread makes RUNS runs, on random inputs */
#include "../../include/anec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 64 };

typedef struct {
    anec_kernel *kernel;
    int runs;
    anec_error error;
} Work;

static anec_status bind_all(Work *w)
{
    anec_tensor x;
    const char *name;
    anec_status s = ANEC_OK;
    for (int i = 0; !s && (name = anec_port(w->kernel, ANEC_INPUT, i, &x)); i++) {
        s = anec_tensor_random(w->kernel, name, 1, &x, &w->error);
        if (!s) s = anec_bind(w->kernel, name, &x, &w->error);
    }
    return s;
}

static void *work(void *ctx)
{
    /* a kernel alone would take all processors, and leave nothing to measure */
    const anec_run_options alone = { .size = sizeof alone, .threads = 1 };
    Work *w = ctx;
    anec_status s = bind_all(w);
    for (int i = 0; !s && i < w->runs; i++)
        s = anec_run_with(w->kernel, NULL, 0, &alone, &w->error);
    return s ? w : NULL;
}

static int fail(const anec_error *e)
{
    fprintf(stderr, "side: %s\n", e->text);
    return 1;
}

int main(int argc, char **argv)
{
    static Work w[MAX_THREADS];
    pthread_t id[MAX_THREADS];
    anec_device *device;
    anec_model *model;
    anec_error e;
    const int threads = argc == 4 ? atoi(argv[3]) : 0;
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: side MODEL RUNS THREADS\n");
        return 2;
    }
    if (anec_open("cpu", NULL, &device, &e) || anec_load(device, argv[1], &model, &e))
        return fail(&e);
    for (int i = 0; i < threads; i++) {
        w[i].runs = atoi(argv[2]);
        if (anec_compile(model, NULL, &w[i].kernel, &e)) return fail(&e);
        if (pthread_create(&id[i], NULL, work, &w[i])) return 1;
    }
    for (int i = 0; i < threads; i++) {
        void *failed;
        pthread_join(id[i], &failed);
        if (failed) return fail(&w[i].error);
    }
    return 0;
}
