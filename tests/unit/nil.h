/* nil.h -- for unit tests in which calls of Apple's libraries give nothing: a program that is used
 * whole, in a process of its own, which the stand-in ends where an object is left. */
#ifndef ANEC_TEST_NIL_H
#define ANEC_TEST_NIL_H

#include "../../include/anec.h"
#include "standin.h"

typedef struct {
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel;
    anec_error e;
    anec_status s; /* of the first call that failed; what follows it does nothing */
} Used;

static inline void used_open(Used *u, const char *backend, const char *cache)
{
    *u = (Used){ .e = { .text = "" } };
    u->s = anec_open(backend, &(anec_options){ .cache = cache }, &u->device, &u->e);
}

/* The main function of the model that was loaded, once, on what is given for x. */
static inline void used_run(Used *u, const anec_tensor *x)
{
    if (!u->s) u->s = anec_compile(u->model, NULL, &u->kernel, &u->e);
    if (!u->s) u->s = anec_bind(u->kernel, "x", x, &u->e);
    if (!u->s) u->s = anec_run(u->kernel, &u->e);
}

static inline void used_end(Used *u, const char *more)
{
    fprintf(stderr, "status %d %s\n%s", (int)u->s, u->e.text, more);
    anec_free(u->kernel);
    anec_model_free(u->model);
    anec_close(u->device);
}

typedef struct {
    const char *what; /* the call that gives nothing */
    const char *says; /* then, at its first; NULL: it can be done without */
    const char *with; /* another fault that leads there; or NULL */
} NilCall;

/* From its n-th call on, for all n: a status, and everything that was made is given back. */
static inline void nil_each_call(Arena *a, const NilCall *t, void (*use)(void),
                                 const char *chip, const char *cache)
{
    char said[4096];
    bool ran = false;
    for (int n = 1; !ran; n++) {
        assert_true(n < 100); /* later calls than there are harm nothing */
        assert_true(file_remove_tree(cache));
        set_machine(chip, arena_printf(a, "nil:%s,nil-from:%d%s%s", t->what, n,
                                       t->with ? "," : "", t->with ? t->with : ""));
        const int status = run_apart(use, said, sizeof said);
        if (status) fail_msg("%s, call %d: ended with %x, said %s", t->what, n, status, said);
        ran = strstr(said, "status 0") != NULL;
        if (n == 1) printf("%s: %s", t->what, said);
        if (n == 1 && !strstr(said, t->says ? t->says : "status 0"))
            fail_msg("%s: %s", t->what, said);
        if (!ran && !strstr(said, "status 3 ") && !strstr(said, "status 1 "))
            fail_msg("%s, call %d: %s", t->what, n, said);
    }
}

#endif
