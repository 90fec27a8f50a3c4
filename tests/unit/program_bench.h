/* program_bench.h -- for unit tests of backends: compiles one function of a MIL text on a
 * backend. */
#ifndef ANEC_TEST_PROGRAM_BENCH_H
#define ANEC_TEST_PROGRAM_BENCH_H

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "unit.h"

typedef struct {
    Source src;
    Module *m;
    const Backend *b;
    Program *p;
    Diag d;
} Bench;

/* Compiles the function of that name (NULL: the main one). False when the backend cannot be
 * opened or refuses the function; the reason is then in t->d. An invalid text fails the
 * test. */
static inline bool bench_compiles(Bench *t, const char *backend, const BackendOptions *o,
                                  const char *text, const char *func)
{
    *t = (Bench){ .src = { .name = "t.mil", .text = text, .len = strlen(text) } };
    t->m = mil_read(&t->d, &t->src, ".");
    if (!t->m || !module_verify(t->m, &t->d, NULL)) fail_msg("%s", t->d.text.s);
    t->b = backend_open(backend, o, &t->d);
    if (t->b)
        t->p = program_new(t->b, t->m, func ? module_func(t->m, func) : module_main(t->m),
                           &t->d);
    return t->p != NULL;
}

static inline void close_bench(Bench *t)
{
    program_free(t->p);
    backend_close(t->b);
    module_free(t->m);
    diag_free(&t->d);
}

#endif
