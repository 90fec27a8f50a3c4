/* anec.h -- runs Core ML MIL programs: on the Apple Neural Engine, on Core ML's own terms, on the
 * processor, or on a simulated engine.
 *
 *   anec_device *dev;  anec_model *m;  anec_kernel *k;  anec_error e;
 *   if (anec_open("auto", NULL, &dev, &e) || anec_load(dev, "model.mil", &m, &e)
 *       || anec_compile(m, NULL, &k, &e)
 *       || anec_bind(k, "x", &(anec_tensor){ "fp32", 4, { 1, 3, 224, 224 }, x, sizeof x }, &e)
 *       || anec_run(k, &e) || anec_result(k, "y", &y, &e))
 *       puts(e.text);
 *   anec_free(k);  anec_model_free(m);  anec_close(dev);
 *
 * Every call that can fail returns a status, 0 when it went well, and writes why into `error`, which
 * may be NULL. Nothing prints, exits, or keeps state outside the objects. Objects are closed in the
 * order above; NULL may be freed.
 *
 * Threads: any call may be made from any thread. Kernels of one model run one after the other, those
 * of different models at once. A kernel that is at work answers every other thread with ANEC_BUSY.
 *
 * Elements are in C order, little endian, packed. A caller whose tensors are fp32 gets fp32 results
 * whatever the engine's own form is; they are rounded to fp16 on the way where that is its type. */
#ifndef ANEC_H
#define ANEC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ANEC_OK = 0,
    ANEC_WRONG = 1,    /* what was given: a program, a name, a type, a shape */
    ANEC_WORLD = 3,    /* a file, memory, the engine */
    ANEC_BUSY = 4,     /* the kernel, or one that it is wired to, is running */
    ANEC_UNLOADED = 5, /* the kernel was unloaded */
    ANEC_EMPTY = 6     /* there are no results: it has not run, or its last run failed */
} anec_status;

typedef struct {
    char text[2048]; /* one line or several, NUL-terminated; "" after success */
} anec_error;

typedef struct anec_device anec_device;
typedef struct anec_model anec_model;
typedef struct anec_kernel anec_kernel;

const char *anec_version(void);

/* ---- devices and models ------------------------------------------------------------------------- */

typedef struct {
    const char *cache; /* folder of compiled programs; NULL: ANEC_CACHE_DIR, else ~/.cache/anec */
    /* The system lets a process compile about 119 programs for the engine. From the 100th on this
     * command does it in a process of its own: { "anerun", "--compile-only", NULL }. It outlives the
     * device. NULL: the 120th compilation is an error (ANEC_WORLD), and on "auto" the processor's. */
    const char *const *helper;
} anec_options;

/* backend: "auto" (the engine, else the processor), "ane", "cpu", "ref". options may be NULL. */
anec_status anec_open(const char *backend, const anec_options *options, anec_device **out,
                      anec_error *error);
void anec_close(anec_device *device);

/* path: .mil with its weights beside it, .mlmodelc or .mlpackage. */
anec_status anec_load(anec_device *device, const char *path, anec_model **out, anec_error *error);
/* MIL text; weights are found in `folder` (NULL: the text has none). The text is copied. */
anec_status anec_load_text(anec_device *device, const char *text, size_t size, const char *folder,
                           anec_model **out, anec_error *error);
void anec_model_free(anec_model *model);

/* ---- kernels ---------------------------------------------------------------------------------------- */

/* A function of the model (NULL: its main one), compiled and loaded. On the engine all functions of
 * a model are procedures of one program, which is compiled and loaded once. */
anec_status anec_compile(anec_model *model, const char *function, anec_kernel **out, anec_error *error);
/* What it takes when it runs is given back; the handle stays, and answers ANEC_UNLOADED. */
anec_status anec_unload(anec_kernel *kernel, anec_error *error);
void anec_free(anec_kernel *kernel); /* waits for a run that was started */
/* Where and how it runs: "backend=ane io=fp16 dialect=1.0 cache=hit (fp32 refused: ..)". On a device
 * "auto" a run that fails on the engine is done by the processor, and so are those after it: the text
 * is another then, and says why. Both live as long as the kernel. */
const char *anec_how(const anec_kernel *kernel);

enum { ANEC_MAX_RANK = 16 };
typedef struct {
    const char *dtype; /* "fp16", "fp32", "int32", "bool" .. */
    int rank;          /* 0: a scalar */
    int64_t shape[ANEC_MAX_RANK]; /* -1, in what anec_port tells: any */
    void *data;
    size_t bytes;
} anec_tensor;

typedef enum { ANEC_INPUT, ANEC_RESULT, ANEC_STATE } anec_kind;
/* The i-th input, result or state, in the function's order: its name, and what it is (data NULL).
 * NULL: there are no more. */
const char *anec_port(const anec_kernel *kernel, anec_kind kind, int i, anec_tensor *out);

/* Binds an input to the caller's memory, which is read at every run until something else is bound. */
anec_status anec_bind(anec_kernel *kernel, const char *input, const anec_tensor *tensor, anec_error *error);
/* The same with memory of the kernel's: `out` is the tensor to write into before each run. For an input
 * of known shape. */
anec_status anec_buffer(anec_kernel *kernel, const char *input, anec_tensor *out, anec_error *error);
/* From the next run on, input `input` of `to` is what the last run of `from` gave as `result`, without
 * a copy where the backend can share memory. from == to: a value that goes from run to run, like
 * weights that are trained; until `from` has run, what is bound counts. from NULL ends it. `from` must
 * not be freed or unloaded before. */
anec_status anec_rewire(anec_kernel *to, const char *input, anec_kernel *from, const char *result,
                        anec_error *error);

anec_status anec_run(anec_kernel *kernel, anec_error *error);
/* Runs in another thread, which calls `done` at its end; done may call nothing of this kernel but
 * anec_result. anec_wait returns after it, with the run's status; a run that is not waited for is
 * waited for by the next call. */
typedef void (*anec_done)(void *ctx, anec_status status, const char *message);
anec_status anec_run_async(anec_kernel *kernel, anec_done done, void *ctx, anec_error *error);
anec_status anec_wait(anec_kernel *kernel, anec_error *error);

/* A result of the last run; valid until the next run, rewiring or unloading. */
anec_status anec_result(anec_kernel *kernel, const char *name, anec_tensor *out, anec_error *error);
/* A state, which may be written between runs; states begin at zero. */
anec_status anec_state(anec_kernel *kernel, const char *name, anec_tensor *out, anec_error *error);
anec_status anec_reset(anec_kernel *kernel, anec_error *error); /* states to zero */

#ifdef __cplusplus
}
#endif
#endif
