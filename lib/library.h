/* library.h -- what the files of the public library share: its objects, and how a call ends. */
#ifndef ANEC_API_H
#define ANEC_API_H

#include "../backends/backend.h"
#include "read.h"

#include <pthread.h>
#include <stdatomic.h>

/* An object stays until what was made of it has gone too: `refs` counts its owner and those.
 * From when its owner has given it up (`given_up`) calls that need it answer with a status. */
struct anec_device {
    atomic_int refs;
    atomic_bool given_up;
    const Backend *backend;
    anec_config *config; /* NULL: config_none */
};

/* The types of a function's parameters before passes. */
typedef struct {
    const char *func;
    const Type **type;
} Declared;

struct anec_model {
    atomic_int refs;
    atomic_bool given_up;
    anec_device *device;
    Model m;
    anec_model *of;     /* whose memory m.given is in, or NULL */
    const char *target; /* that it was compiled or rewritten for; NULL: it is as it was given */
    Declared *declared; /* by function */
    int ndeclared;
};

struct anec_kernel {
    atomic_int refs; /* its owner's, and one of each input that is wired to it */
    atomic_bool given_up;
    anec_model *model;
    anec_device *device; /* that it was compiled on */
    const Func *func;
    Program *program; /* NULL: unloaded */
    atomic_bool busy;
    _Atomic(anec_kernel *) holder; /* whose run entered this one, as what it is wired to */
    atomic_int asked;              /* behind the parameter that was asked for last */
    int *port[3];                  /* by anec_kind: the parameters or results of it, in order */
    int nport[3];
    int found;            /* behind where the last result or state was found */
    Binding *bound;       /* by parameter; without data: nothing is bound */
    Tensor *own;          /* by parameter: the kernel's own memory */
    anec_kernel **source; /* by parameter: what it is wired to */
    char *how, *how_now;  /* as compiled; after a run failed on the engine, as since then */
    _Atomic(const char *) said_how;
    /* What anec_fact tells, which may be asked while a run changes it. */
    pthread_mutex_t facts_lock;
    RunsAs as;
    const Backend *by; /* NULL: unloaded */
    bool started;      /* a thread is to be joined */
    pthread_t thread;
    anec_done done;
    void *ctx;
    anec_status status;
    anec_error error;
};

extern const anec_config config_none; /* nothing is set */

/* ---- calls ------------------------------------------------------------------------------- */

typedef struct {
    Guard guard;
    Diag d;
    const anec_config *config;
    Buf text; /* errors so far */
    anec_error *error;
    anec_kernel *kernel[2]; /* entered, or NULL: left when the call ends */
    bool sources;           /* and what feeds the first */
    FileUse use;
} ApiCall;

/* A pointer that the caller must give, in a call that answers with a status. */
#define GIVEN(p) \
    do { \
        if (!(p)) return say(error, ANEC_WRONG, #p " is NULL"); \
    } while (0)

/* Begins a call. True: memory has run out in it, or it came upon a bug, and it has ended, with
 * call_status; nothing is left of what it made. config NULL: config_none. */
#define call_start(c, config, error) \
    (call_begin(c, config, error), _setjmp((c)->guard.back) != 0 && call_lost(c))
void call_begin(ApiCall *c, const anec_config *config, anec_error *error);
bool call_lost(ApiCall *c);                /* always true */
anec_status call_status(const ApiCall *c); /* ANEC_WORLD, or ANEC_BUG */
/* Until the call ends the kernel, and those that feed it when `sources`, are this thread's;
 * else a status, with which the call has ended. A second kernel has no sources. */
anec_status call_enter(ApiCall *c, anec_kernel *k, bool sources);
/* Begins a call of a kernel that is this thread's until the call ends; else the call has ended, and
 * its caller returns why. */
#define ENTER(c, k, sources, error) \
    do { \
        if (call_start(c, (k)->model->device->config, error)) return call_status(c); \
        const anec_status entered = call_enter(c, k, sources); \
        if (entered) return entered; \
    } while (0)
/* What is said in it from now on goes there alone: it may fail, and nobody shall hear of it. */
typedef void CallTrial(void *ctx, DiagKind kind, const char *message);
void call_hear(ApiCall *c, CallTrial *emit, void *ctx);
/* Ends it: its messages go to the caller, its status is theirs. */
anec_status call_end(ApiCall *c, bool ok);
/* Ends it with a text alone. */
anec_status call_say(ApiCall *c, anec_status status, const char *text);
anec_status say(anec_error *error, anec_status status, const char *text);
bool wrong(Diag *d, const char *fmt, const char *a, const char *b);

void leave(anec_kernel *k, bool sources);
/* One reference less; frees what has none left. */
void config_release(anec_config *c);
void device_release(anec_device *d);
void model_release(anec_model *m);
void kernel_release(anec_kernel *k);
/* Waits for the thread of an earlier run; its status stays in the kernel. */
void join(anec_kernel *k);

void describe_kernel(anec_kernel *k, char **out); /* what anec_how says from now on */

/* ---- models (model.c) -------------------------------------------------------------------- */

/* A model of the text of another, whose given weights it goes on to use. */
anec_model *model_again(anec_model *model);
/* What follows once there is a text or a container; ends the call. */
anec_status model_finish(anec_model *m, ApiCall *c, anec_status s, anec_model **out);
void model_stage(const ApiCall *c, const char *name); /* begins */
/* An empty one. */
anec_model *model_new(anec_device *device);
/* When its call has ended, in which memory may run out: what it needs counts it from now on. */
void model_counts(const anec_model *m);
/* Rewritten for its target, so that a backend takes it. */
anec_status model_prepare(anec_model *m, ApiCall *c);
/* Whether a model can become a step; not ANEC_OK: the call ends with it. */
anec_status step_refused(const anec_model *model, anec_error *error);
anec_step_options step_options(const anec_step_options *given); /* all that is known of them */
/* A step with its gradients as it is written, in what the device's target has; to be counted
 * when the call has ended, whatever *status says. */
anec_model *step_read(anec_model *model, const anec_device *device,
                      const anec_step_options *how, ApiCall *c, anec_status *status);
/* weights.c: inputs that stand for weights become what those are */
void model_bake(anec_model *m);

/* kernel.c: a kernel that may not come about; emit hears why, and nobody else. */
anec_status kernel_try(anec_model *model, const char *function, CallTrial *emit, void *ctx,
                       anec_kernel **out, anec_error *error);

/* ---- tensors ----------------------------------------------------------------------------- */

void tell_type(const Type *t, anec_tensor *out);
void tell_tensor(const Tensor *t, anec_tensor *out);
/* The caller's memory as a Tensor; false: there is no such one, reported with `name`. */
bool view_tensor(Diag *d, const char *name, const anec_tensor *t, bool strings, Tensor *out);
int param_of(const anec_kernel *k, const char *name); /* -1: none */
/* What a parameter of the kernel's function was declared as, before passes; NULL: not known. */
const Type *declared_type(const anec_kernel *k, int param);

#endif
