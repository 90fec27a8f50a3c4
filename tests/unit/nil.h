/* nil.h -- for unit tests in which calls of Apple's libraries return nil. Each test loads,
 * compiles and runs a program in a process of its own; the stand-in aborts that process when
 * an object was not released. */
#ifndef ANEC_TEST_NIL_H
#define ANEC_TEST_NIL_H

#include "../../include/anec.h"
#include "standin.h"

typedef struct {
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel;
    anec_error e;
    anec_status s; /* of the first call that failed; the calls after it are skipped */
} Used;

static inline void used_open(Used *u, const char *backend, const char *cache)
{
    *u = (Used){ .e = { .text = "" } };
    u->s = anec_open(backend, &(anec_options){ .cache = cache }, &u->device, &u->e);
}

/* Compiles the main function of the loaded model and runs it once on x. */
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
    const char *what; /* the call that returns nil */
    const char *says; /* the message when its first call does; NULL: it succeeds anyway */
    const char *with; /* another fault that is needed to reach the call; or NULL */
} NilCall;

/* Lets the call return nil from its n-th use on, for n = 1, 2 .. until nothing fails: each
 * time there has to be an error status, and every object has to be released. */
static inline void nil_each_call(Arena *a, const NilCall *t, void (*use)(void),
                                 const char *chip, const char *cache)
{
    char said[4096];
    bool ran = false;
    for (int n = 1; !ran; n++) {
        assert_true(n < 100); /* with n beyond the last use the run succeeds */
        assert_true(file_remove_tree(cache));
        set_machine(chip, arena_printf(a, "nil:%s,nil-from:%d%s%s", t->what, n,
                                       t->with ? "," : "", t->with ? t->with : ""));
        const int status = run_apart(use, said, sizeof said);
        if (status)
            fail_msg("%s, call %d: ended with %x, said %s", t->what, n, status, said);
        ran = strstr(said, "status 0") != NULL;
        if (n == 1) printf("%s: %s", t->what, said);
        if (n == 1 && !strstr(said, t->says ? t->says : "status 0"))
            fail_msg("%s: %s", t->what, said);
        if (!ran && !strstr(said, "status 3 ") && !strstr(said, "status 1 "))
            fail_msg("%s, call %d: %s", t->what, n, said);
    }
}

#endif
