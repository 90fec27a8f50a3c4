/* library.h -- shared by the files of the public library alone: its objects, and how calls
 * begin and end. */
#ifndef ANEC_API_H
#define ANEC_API_H

#include "../backends/backend.h"
#include "read.h"

#include <pthread.h>
#include <stdatomic.h>

/* Objects are reference-counted: `refs` counts the owner and the objects that were made of
 * it. After the owner has freed it (`given_up`) calls that need it return a status. */
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
    anec_model *of; /* the model in whose memory m.given is, or NULL */
    /* that it was compiled or rewritten for; NULL: it was not rewritten */
    const char *target;
    Declared *declared; /* by function */
    int ndeclared;
};

struct anec_kernel {
    atomic_int refs; /* one for the owner, and one for each input that is wired to it */
    atomic_bool given_up;
    anec_model *model;
    anec_device *device; /* that it was compiled on */
    const Func *func;
    Program *program; /* NULL: unloaded */
    atomic_bool busy;
    _Atomic(anec_kernel *)
        holder;       /* the kernel whose run uses this one, being wired to it */
    atomic_int asked; /* behind the parameter that was asked for last */
    int *port[3];     /* by anec_kind: its parameters or results, in order */
    int nport[3];
    int found;            /* behind the result or state that was found last */
    Binding *bound;       /* by parameter; without data: nothing is bound */
    Tensor *own;          /* by parameter: the kernel's own memory (anec_buffer) */
    anec_kernel **source; /* by parameter: the kernel that it is wired to */
    char *how,
        *how_now; /* anec_how after compiling, and after a run failed on the engine */
    _Atomic(const char *) said_how;
    /* for anec_fact, which may be called while a run changes these */
    pthread_mutex_t facts_lock;
    RunsAs as;
    const Backend *by; /* NULL: unloaded */
    bool started;      /* there is a thread to be joined */
    pthread_t thread;
    anec_done done;
    void *ctx;
    anec_status status;
    anec_error error;
};

extern const anec_config config_none; /* no option is set */

/* ---- calls ------------------------------------------------------------------------------- */

typedef struct {
    Guard guard;
    Diag d;
    const anec_config *config;
    Buf text; /* errors so far */
    anec_error *error;
    anec_kernel *kernel[2]; /* those entered, which call_end leaves; or NULL */
    bool sources;           /* the kernels that the first is wired to were entered too */
    FileUse use;
} ApiCall;

/* Checks a pointer that the caller must give; for calls that return a status. */
#define GIVEN(p) \
    do { \
        if (!(p)) return say(error, ANEC_WRONG, #p " is NULL"); \
    } while (0)

/* Begins a call; config NULL: config_none. It returns a second time, with true, where memory
 * has run out in the call or there was a bug(): the call has ended then, nothing of it is
 * left, and the caller returns call_status. */
#define call_start(c, config, error) \
    (call_begin(c, config, error), _setjmp((c)->guard.back) != 0 && call_lost(c))
void call_begin(ApiCall *c, const anec_config *config, anec_error *error);
bool call_lost(ApiCall *c);                /* always true */
anec_status call_status(const ApiCall *c); /* ANEC_WORLD, or ANEC_BUG */
/* Takes the kernel, with `sources` also those that it is wired to, for this thread until the
 * call ends. Not ANEC_OK: it is not possible, and the call has ended with this status. A
 * second kernel is taken without sources. */
anec_status call_enter(ApiCall *c, anec_kernel *k, bool sources);
/* Begins a call and takes a kernel for it, or returns the status. */
#define ENTER(c, k, sources, error) \
    do { \
        if (call_start(c, (k)->model->device->config, error)) return call_status(c); \
        const anec_status entered = call_enter(c, k, sources); \
        if (entered) return entered; \
    } while (0)
/* Sends the messages of the call to `emit` alone from now on: for a trial whose failure the
 * user need not see. */
typedef void CallTrial(void *ctx, DiagKind kind, const char *message);
void call_hear(ApiCall *c, CallTrial *emit, void *ctx);
/* Ends the call: writes its errors to the caller's anec_error and returns the status that they
 * call for. */
anec_status call_end(ApiCall *c, bool ok);
/* Ends the call with this text and status. */
anec_status call_say(ApiCall *c, anec_status status, const char *text);
anec_status say(anec_error *error, anec_status status, const char *text);
anec_severity severity_of(DiagKind kind);
bool wrong(Diag *d, const char *fmt, const char *a, const char *b);

void leave(anec_kernel *k, bool sources);
/* Give up a reference; an object without references is freed. */
void config_release(anec_config *c);
void device_release(anec_device *d);
void model_release(anec_model *m);
void kernel_release(anec_kernel *k);
/* Waits for the thread of an earlier run, whose status is kept in the kernel. */
void join(anec_kernel *k);

void describe_kernel(anec_kernel *k, char **out); /* makes the text for anec_how */

/* ---- models (model.c) -------------------------------------------------------------------- */

/* A new model from the text of another, with the weights that the other was given. */
anec_model *model_again(anec_model *model);
/* Parses, verifies and rewrites a model whose text or container was opened; ends the call. */
anec_status model_finish(anec_model *m, ApiCall *c, anec_status s, anec_model **out);
void model_stage(const ApiCall *c, const char *name); /* calls the anec_stage callback */
/* An empty model. */
anec_model *model_new(anec_device *device);
/* Takes references to what the model needs; called after the end of the call that made it,
 * since memory may run out before. */
void model_counts(const anec_model *m);
/* Rewrites the model for its target, so that a backend takes it. */
anec_status model_prepare(anec_model *m, ApiCall *c);
/* Whether a model can become a step; not ANEC_OK: why not. */
anec_status step_refused(const anec_model *model, anec_error *error);
/* A copy of the options that has all members, whatever their `size`. */
anec_step_options step_options(const anec_step_options *given);
/* Reads the text of a model as a step with gradients, in the opset of the device's target.
 * To be given to model_counts when the call has ended, whatever *status is. */
anec_model *step_read(anec_model *model, const anec_device *device,
                      const anec_step_options *how, ApiCall *c, anec_status *status);
/* weights.c: replaces inputs that stand for weights by the weights' values. */
void model_bake(anec_model *m);

/* kernel.c: compiles a kernel on trial; emit gets the messages. */
anec_status kernel_try(anec_model *model, const char *function, CallTrial *emit,
                       void *ctx, anec_kernel **out, anec_error *error);

/* ---- tensors ----------------------------------------------------------------------------- */

void tell_type(const Type *t, anec_tensor *out);
void tell_tensor(const Tensor *t, anec_tensor *out);
/* A view of the caller's tensor; false: its type or shape is wrong, reported with `name`. */
bool view_tensor(Diag *d, const char *name, const anec_tensor *t, bool strings,
                 Tensor *out);
int param_of(const anec_kernel *k, const char *name); /* index by name; -1: none */
/* The type of a parameter before passes; NULL: not known. */
const Type *declared_type(const anec_kernel *k, int param);

#endif
