/* api.h -- what the files of the public library share: its objects, and how a call ends. */
#ifndef ANEC_API_H
#define ANEC_API_H

#include "../backends/backend.h"
#include "read.h"

#include <pthread.h>
#include <stdatomic.h>

struct anec_device {
    const Backend *backend;
    const anec_config *config; /* never NULL */
};

struct anec_model {
    anec_device *device;
    Model m;
    const char *target; /* that it was compiled or rewritten for; NULL: it is as it was given */
    struct Declared { const char *func; const Type **type; } *declared; /* by function: its parameters' types
                                                                           before passes */
    int ndeclared;
    pthread_mutex_t lock; /* weights are opened when they are first needed: one run at a time */
};

struct anec_kernel {
    anec_model *model;
    Func *func;
    Program *program;     /* NULL: unloaded */
    atomic_bool busy;
    Binding *bound;       /* by parameter; without data: nothing is bound */
    Tensor *own;          /* by parameter: the kernel's own memory */
    anec_kernel **source; /* by parameter: what it is wired to */
    char *how, *how_now;  /* as compiled; after a run failed on the engine, as since then */
    _Atomic(const char *) said_how;
    bool started;         /* a thread is to be joined */
    pthread_t thread;
    anec_done done;
    void *ctx;
    anec_status status;
    anec_error error;
};

extern const anec_config config_none; /* nothing is set */

/* ---- calls ----------------------------------------------------------------------------------- */

typedef struct {
    Diag d;
    const anec_config *config;
    Buf text; /* errors so far */
} ApiCall;

void call_start(ApiCall *c, const anec_config *config); /* NULL: config_none */
/* Ends it: its messages go to the caller, its status is theirs. */
anec_status call_end(ApiCall *c, bool ok, anec_error *error);
anec_status say(anec_error *error, anec_status status, const char *text); /* a text alone */
bool wrong(Diag *d, const char *fmt, const char *a, const char *b);

/* The kernel, and those that feed it when `sources`, are this thread's; else a status. */
anec_status enter(anec_kernel *k, bool sources, anec_error *error);
void leave(anec_kernel *k, int wires); /* wires: how many of the sources were entered */
void join(anec_kernel *k); /* waits for the thread of an earlier run; its status stays in the kernel */

void describe_kernel(anec_kernel *k, char **out); /* what anec_how says from now on */

/* ---- tensors --------------------------------------------------------------------------------- */

void tell_type(const Type *t, anec_tensor *out);
void tell_tensor(const Tensor *t, anec_tensor *out);
/* The caller's memory as a Tensor; false: there is no such one, reported with `name`. */
bool view_tensor(Diag *d, const char *name, const anec_tensor *t, bool strings, Tensor *out);
int param_of(const anec_kernel *k, const char *name); /* -1: none */
/* What a parameter of the kernel's function was declared as, before passes; NULL: not known. */
const Type *declared_type(const anec_kernel *k, int param);

#endif
