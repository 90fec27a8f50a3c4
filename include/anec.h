/* anec.h -- runs Core ML MIL programs, and compiles the language of .anedsl for it: on the
 * Apple Neural Engine, on Core ML's own terms, on the processor, or on a simulated engine.
 *
 *   anec_device *dev;  anec_model *m;  anec_kernel *k;  anec_error e;
 *   if (anec_open("auto", NULL, &dev, &e) || anec_load(dev, "model.mil", &m, &e)
 *       || anec_compile(m, NULL, &k, &e)
 *       || anec_bind(k, "x", &(anec_tensor){ "fp32", 4, { 1, 3, 224, 224 }, x, sizeof x }, &e)
 *       || anec_run(k, &e) || anec_result(k, "y", &y, &e))
 *       puts(e.text);
 *   anec_free(k);  anec_model_free(m);  anec_close(dev);
 *
 * Every call that can fail returns a status, 0 when it went well, and writes why into
 * `error`, which may be NULL. Nothing prints, exits, aborts, or keeps state outside the
 * objects. Memory that runs out is ANEC_WORLD: nothing is left of what the call made, and it
 * may be made again.
 *
 * Objects are closed in the order above. An object that is given up before what was made of it
 * stays until that has gone too, and calls that need it answer with a status: docs/runtime.md
 * lists what else is told of wrong use. NULL may be freed; where a pointer is needed it is
 * ANEC_WRONG.
 *
 * Structs with a `size` may grow: the caller sets it, and the library touches no more. What
 * else may grow has no struct, but names (anec_config_set, anec_fact).
 *
 * Threads: any call may be made from any thread; a config is not changed any more once a device
 * has it. Kernels run side by side, those of one model too: what is computed with is the
 * kernel's own, and the model stays as it was loaded. A kernel that is at work answers every
 * other thread with ANEC_BUSY.
 *
 * Signals: files of 4 MiB and more are mapped. While a call is at work and something is mapped,
 * SIGBUS has a handler of the library's, which passes on what is not in one of these files; a
 * file that is cut under a call makes it ANEC_WORLD. No other signal is touched, and none for
 * longer than a call. A process that is ended by a signal may leave a file `.tmp-PID-..` where
 * there are no files without a name.
 *
 * Elements are in C order, little endian, packed. A caller whose tensors are fp32 gets fp32
 * results whatever the engine's own form is; they are rounded to fp16 on the way where that is
 * its type. */
#ifndef ANEC_H
#define ANEC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

typedef enum {
    ANEC_OK = 0,
    ANEC_WRONG = 1,    /* what was given: a program, a name, a type, a shape */
    ANEC_USAGE = 2,    /* an option: unknown, of a wrong value, or not for this model */
    ANEC_WORLD = 3,    /* a file, memory, the engine */
    ANEC_BUSY = 4,     /* the kernel, or one that it is wired to, is running */
    ANEC_UNLOADED = 5, /* the kernel was unloaded */
    ANEC_EMPTY = 6,    /* there are no results: it has not run, or its last run failed */
    ANEC_BUG = 7 /* a fault of the library's own, which `error` says the place of; nothing is
                    left of the call, and objects that it changed are only to be freed */
} anec_status;

typedef struct {
    char text[2048]; /* one line or several, NUL-terminated; "" after success */
} anec_error;

typedef struct anec_device anec_device;
typedef struct anec_model anec_model;
typedef struct anec_kernel anec_kernel;

const char *anec_version(void);

/* ---- options and messages ----------------------------------------------------------------
 *
 *   anec_config *c = anec_config_new();
 *   anec_config_set(c, "target", "generic", &e);
 *   anec_config_set(c, "set", "width=64", &e);
 *   anec_open_with("cpu", c, &dev, &e), anec_load(dev, "net.anedsl", &m, &e) ..
 *
 * Options are called and written as on the command line, without dashes (which messages have):
 * what `anerun --help` tells of these holds here.
 *
 *   from             anedsl | mil: what a model is, whatever its name says; for text, mil
 *                    without it
 *   target           CHIP[,OS]: rewrite for a chip (anec --list-targets), generic or host; OS
 *                    is a release of macOS, the newest that is known without it
 *   io               auto | fp16 | fp32: type of float inputs and results
 *   opset            ios15 .. ios18, ios26
 *   set              NAME=VALUE: another value for a parameter of an .anedsl; every one that
 *                    is set holds
 *   profile          FILE: rules of the target as aneprobe measured them
 *   passes           a,b: only these
 *   missing-weights  zero | random[:SEED]: what stands for weight files that are absent
 *   W                [no-]NAME, error, error=NAME, no-error=NAME: warnings and rules, in this
 *                    order
 *   strict           (value NULL) a .npy of floats or integers of another width is not
 *                    converted
 *   quiet            (value NULL) neither warnings nor notes
 *   cache-dir        as anec_options.cache
 *
 * A .mil without target, io, opset, profile and passes stays as it is. An .anedsl is compiled
 * for the target, else for what runs it: the chip of an engine or a simulated one (generic
 * where it is not known), and for ref and cpu `host`, as it is written: fp32 stays fp32, and no
 * pass runs. */

typedef struct anec_config anec_config;

anec_config *anec_config_new(void); /* NULL: no memory */
/* ANEC_USAGE: there is no such option, or it does not take this value. The texts are copied. */
anec_status anec_config_set(anec_config *config, const char *name, const char *value,
                            anec_error *error);
/* As anec_options.helper. */
void anec_config_helper(anec_config *config, const char *const *command);
/* devices that still have it call nobody any more */
void anec_config_free(anec_config *config);

/* Each message as it arises, formatted: "net.mil:3:7: error: ..", the line and a caret, one
 * '\n' at the end. Comes from the thread that makes the call (from the run's own, of
 * anec_run_async). Errors of a call are in its anec_error too; ANEC_USAGE, and wrong use of a
 * kernel, there alone. */
/* failure: the world */
typedef enum { ANEC_NOTE, ANEC_WARNING, ANEC_ERROR, ANEC_FAILURE } anec_severity;
typedef void (*anec_message)(void *ctx, anec_severity severity, const char *text);
void anec_config_messages(anec_config *config, anec_message fn, void *ctx);

/* as a large file grows */
typedef void (*anec_written)(void *ctx, const char *path, uint64_t bytes);
void anec_config_written(anec_config *config, anec_written fn, void *ctx);

/* of anec_load: "load", "verify", "compile" begins */
typedef void (*anec_stage)(void *ctx, const char *name);
void anec_config_stages(anec_config *config, anec_stage fn, void *ctx);
/* What a backend is at work on begins and ends: "compile", "load", "bind", "copy in", "run",
 * "copy out" and the like, one inside of another or after it. This one is for compiling,
 * anec_run_options has that of runs. */
typedef void (*anec_phase)(void *ctx, const char *name, int begins);
void anec_config_phases(anec_config *config, anec_phase fn, void *ctx);

/* ---- devices and models ------------------------------------------------------------------ */

typedef struct {
    /* folder of compiled programs; NULL: ANEC_CACHE_DIR, else ~/.cache/anec */
    const char *cache;
    /* The system lets a process compile about 119 programs for the engine. From the 100th on
     * this command does it in a process of its own: { "anerun", "--compile-only", NULL }. It
     * outlives the device. NULL: the 120th compilation is an error (ANEC_WORLD), and on "auto"
     * the processor's. */
    const char *const *helper;
} anec_options;

/* backend: "auto" (the engine, else the processor), "ane", "coreml" (Core ML, which apps may
 * ship with), "cpu", "ref", "sim:CHIP" (the simulated engine of a chip). options may be NULL. */
anec_status anec_open(const char *backend, const anec_options *options, anec_device **out,
                      anec_error *error);
/* The same with options, which hold for the device's models and kernels. config may be NULL. */
anec_status anec_open_with(const char *backend, const anec_config *config, anec_device **out,
                           anec_error *error);
void anec_close(anec_device *device);
/* What a helper does when it is run: has the engine's compiler leave its files for the program
 * in `folder`. Not 0: it did. *answer is for the helper's standard output, and for
 * anec_text_free. */
int anec_compile_only(const char *folder, char **answer);

/* The name of the i-th backend, or NULL, and what it is (`what` may be NULL). */
const char *anec_backend(int i, const char **what);

/* path: .mil with its weights beside it, .mlmodelc, .mlpackage, or .anedsl, which is
 * compiled; "-" is the standard input, with the option `from`. The options of the device's
 * config hold. */
anec_status anec_load(anec_device *device, const char *path, anec_model **out,
                      anec_error *error);
/* MIL text, or as the option `from` says; weights are found in `folder` (NULL: the text has
 * none). The text is copied. */
anec_status anec_load_text(anec_device *device, const char *text, size_t size,
                           const char *folder, anec_model **out, anec_error *error);
/* The same model once more, as it was written and before it is rewritten for a target, whose
 * main function computes gradients too. names: what is differentiated by, "x,blocks.0.wq":
 * inputs, weights by path, or other floats of the program; NULL: all float inputs and weights
 * (of MIL: float constants of more than one element). Its inputs are the model's, then
 * d_<result> for each float result that is no scalar, what that is multiplied with; a scalar
 * has 1. Its results are the model's (with `only`: none of them), then d_<name> of the type and
 * dimensions of what it is the gradient of, _ standing for what a name may not have. What no
 * result depends on has zeros, and the warning zero-gradient. An operation without a gradient
 * on the way, dimensions that are not known and names that are taken are errors (ANEC_WRONG).
 * The model stays as it is; of a container the files are read again. */
anec_status anec_grad(anec_model *model, const char *names, int only, anec_model **out,
                      anec_error *error);
/* A model of the language once more as a step of training: its declared weights of floats are
 * inputs, behind its own, called by their paths with _ for dots; the function's last result,
 * which has one element, is differentiated by them. Results are the function's, then d_<input>
 * for each weight that `trained` means and that result depends on; one that goes through `stop`
 * alone has none. A weight that the function does not use is none. */
typedef struct {
    size_t size;          /* set by the caller: sizeof (anec_step_options) */
    const char *function; /* NULL: main */
    int scaled;  /* not 0: the gradients are multiplied with one more input, loss_scale, of the
                    type and dimensions of that result */
    int forward; /* not 0: no gradients, weights are inputs and that is all */
    int baked;   /* not 0: the weights are constants all the same: what they are now is compiled
                    into the program, of which anec_weight tells the paths and gradients */
    const char
        *trained; /* "blocks.*.down,head": paths of the weights that have gradients, * for
                            any characters; NULL: all. Others stay inputs */
    /* of anec_step_parts: "2,4": programs that are the host's without being tried, since the
     * device refused them before; NULL: none */
    const char *refused;
    int lifted; /* not 0: for who needs gradients in their own precision however small they are, as
                   Adam does: on a chip whose products below 2^-14 are 0, operands are multiplied
                   with powers of two before and products divided by them behind */
} anec_step_options;
anec_status anec_step(anec_model *model, const anec_step_options *options, anec_model **out,
                      anec_error *error);
/* The path of the i-th weight of a step, in the order of the paths ("blocks.2.w" before
 * "blocks.10.w"), and its input (may be NULL). NULL: there are no more. */
const char *anec_weight(const anec_model *step, int i, const char **input);
void anec_model_free(anec_model *model);

/* The i-th function's name, or NULL. The one that is meant by NULL is anec_main_function's. */
const char *anec_function(const anec_model *model, int i);
const char *anec_main_function(const anec_model *model);

/* What the model's functions take and give, with flexible shapes; format: "text" or "json"
 * (docs/runtime.md). *out is for anec_text_free. */
anec_status anec_describe(const anec_model *model, const char *format, char **out,
                          anec_error *error);
void anec_text_free(char *text);

/* Where the system would run each operation of the kernel's function, as it plans it itself: on
 * the backend coreml, from macOS 14.4 on. By which steps cpu runs it, for the shapes of the last
 * run where they are not known before. format: "text" or "json" (docs/runtime.md).
 * *out is for anec_text_free. */
anec_status anec_plan(anec_kernel *kernel, const char *format, char **out, anec_error *error);

/* What is kept of compiled programs in the config's cache-dir; with `clear`, what was, and is
 * removed. */
typedef struct {
    size_t size;        /* set by the caller: sizeof (anec_cache_info) */
    int programs, busy; /* busy: in use, and not removed */
    uint64_t bytes, limit;
    char folder[1024];
    /* programs since it was cleared: found, found and compiled all the same, since the system
     * had not kept what it had compiled, and not found */
    uint64_t hits, recompiled, misses;
} anec_cache_info;
anec_status anec_cache(const anec_config *config, int clear, anec_cache_info *out,
                       anec_error *error);

/* ---- kernels ----------------------------------------------------------------------------- */

/* A function of the model (NULL: its main one), compiled and loaded. On the engine all
 * functions of a model are procedures of one program, which is compiled and loaded once. */
anec_status anec_compile(anec_model *model, const char *function, anec_kernel **out,
                         anec_error *error);
/* The same on another device, so that one model runs on several: on the processor for
 * comparison. */
anec_status anec_compile_on(anec_model *model, anec_device *device, const char *function,
                            anec_kernel **out, anec_error *error);
/* The same compiled program once more, with inputs, results, states and wires of its own: layers
 * that are alike are one program with an instance each. On the engine it is compiled and loaded
 * once for all of them; on the processor each has its own plan and memory. An instance does not
 * need the kernel that it is of any more. */
anec_status anec_instance(anec_kernel *kernel, anec_kernel **out, anec_error *error);
/* What it takes when it runs is given back; the handle stays, and answers ANEC_UNLOADED. */
anec_status anec_unload(anec_kernel *kernel, anec_error *error);
void anec_free(anec_kernel *kernel); /* waits for a run that was started */
/* Where and how it runs: "backend=ane io=fp16 dialect=1.0 cache=hit (fp32 refused: ..)". On a
 * device "auto" a run that fails on the engine is done by the processor, and so are those after
 * it: the text is another then, and says why. Both live as long as the kernel. */
const char *anec_how(const anec_kernel *kernel);
/* A part of it: "backend", "target" (that the model was compiled or rewritten for), "precision"
 * (of what is computed), "io", "dialect", "cache", "why", "function", or "what" (the backend
 * is). NULL: nothing to say, or no such part. */
const char *anec_fact(const anec_kernel *kernel, const char *part);

enum { ANEC_MAX_RANK = 16 };
typedef struct {
    const char *dtype; /* "fp16", "fp32", "int32", "bool" .., "string": data is of const char *;
                          a result may be a "list", whose data is the library's own, for
                          anec_tensor_save alone */
    int rank;          /* 0: a scalar */
    int64_t shape[ANEC_MAX_RANK]; /* -1, in what anec_port tells: any */
    void *data;
    size_t bytes;
} anec_tensor;

typedef enum { ANEC_INPUT, ANEC_RESULT, ANEC_STATE } anec_kind;
/* The i-th input, result or state, in the function's order: its name, and what it is (data
 * NULL). NULL: there are no more. */
const char *anec_port(const anec_kernel *kernel, anec_kind kind, int i, anec_tensor *out);

/* ---- a step in parts ----------------------------------------------------------------------
 *
 * The same step as several kernels, to be run one after the other: cut at the layers of lists
 * (`layer blocks: Block[12]`), forward and backward, and, for an engine, around what it has no
 * form for: numbers of tokens, gather, scatter. Layers that are alike are instances of one
 * program. It is compiled for `device`, whatever the model's own is; a part that the device does
 * not take for `host`, as it is written. *out is NULL where the step is one program, since no
 * layers are alike. forward and baked are not for it. The devices must outlive it. */
typedef struct anec_parts anec_parts;
/* memory: bytes that may go from part to part in a step, all together; above that layers
 * compute again in their backward part what they had forward, the first layers last. 0: as many
 * as there are. */
anec_status anec_step_parts(anec_model *model, anec_device *device, anec_device *host,
                            const anec_step_options *options, uint64_t memory, anec_parts **out,
                            anec_error *error);
typedef struct {
    size_t size;       /* set by the caller: sizeof (anec_part_info) */
    int program;       /* its number, from 0 */
    const char *layer; /* "blocks.3", NULL: it is of none; */
    int again;         /* not 0: it computes again what the layer had forward */
    int host;          /* not 0: it runs on host, */
    const char *why;   /* since: NULL: it was cut for that */
} anec_part_info;
/* The i-th part, which belongs to `parts`. NULL: there are no more. info may be NULL. */
anec_kernel *anec_part(const anec_parts *parts, int i, anec_part_info *info);
/* The k-th input or result of part i, and what it is of the whole step (`value`, may be NULL):
 * an input of that, or what a part has as a result. NULL: there are no more. The elements are those
 * of the step's, in their order; where that has an axis longer than the device addresses, the part
 * has two for it (anec_port tells). */
const char *anec_part_port(const anec_parts *parts, int i, anec_kind kind, int k,
                           const char **value);
/* The whole, for its weights: it is for no target, and not to be freed. */
anec_model *anec_parts_step(const anec_parts *parts);
uint64_t anec_parts_bytes(const anec_parts *parts); /* that go from part to part in a step */
void anec_parts_free(anec_parts *parts);

/* ---- kernels: running --------------------------------------------------------------------- */

/* Binds an input to the caller's memory, which is read at every run until something else is
 * bound. */
anec_status anec_bind(anec_kernel *kernel, const char *input, const anec_tensor *tensor,
                      anec_error *error);
/* The same with memory of the kernel's: `out` is the tensor to write into before each run. For
 * an input of known shape. */
anec_status anec_buffer(anec_kernel *kernel, const char *input, anec_tensor *out,
                        anec_error *error);
/* From the next run on, input `input` of `to` is what the last run of `from` gave as `result`,
 * without a copy where the backend can share memory. from == to: a value that goes from run to
 * run, like weights that are trained; until `from` has run, what is bound counts. from NULL
 * ends it. When `from` is freed or unloaded before, runs of `to` are ANEC_UNLOADED until it is
 * wired anew. */
anec_status anec_rewire(anec_kernel *to, const char *input, anec_kernel *from,
                        const char *result, anec_error *error);

anec_status anec_run(anec_kernel *kernel, anec_error *error);
/* Tensors for one run, in place of what is bound; origin is what messages call them
 * ("x.npy"), or NULL. tensor NULL: a name alone, which is checked. All that is wrong is
 * reported at once. */
typedef struct {
    const char *name, *origin;
    const anec_tensor *tensor;
} anec_input;

/* What a program computes, while it runs; valid as long as the model, and the same for all its
 * kernels. */
typedef struct anec_value anec_value;
typedef struct anec_op anec_op;
const char *anec_value_name(const anec_value *value);
const char *anec_value_op(const anec_value *value); /* "add", or NULL */
/* Of what type's tolerance it is to be compared: its own, or fp16 where it is only cast from
 * there. */
const char *anec_value_precision(const anec_value *value);
/* "net.mil:3:7", or "" where there is no text; cut to `size` bytes. */
void anec_value_where(const anec_value *value, char *out, size_t size);
/* of its first result; else its op */
const char *anec_op_name(const anec_op *op);
const char *anec_op_type(const anec_op *op);
/* of the i-th result, or NULL */
const anec_value *anec_result_value(const anec_kernel *kernel, int i);

typedef struct {
    size_t size;        /* set by the caller: sizeof (anec_run_options) */
    uint64_t seed;      /* what MIL's random ops take where the program has none */
    uint64_t max_steps; /* of one while_loop; 0: no bound */
    /* Called with every value that is computed; not 0 ends the run, which then fails with what
     * the caller knows. On the engine results alone are seen. No call of this kernel or model
     * may be made. */
    int (*value)(void *ctx, const anec_value *value, const anec_tensor *tensor);
    /* Bracket each op, those of nested blocks inside of their owner's. result: its
     * first, or NULL. Both or none. */
    void (*begin)(void *ctx, const anec_op *op);
    void (*end)(void *ctx, const anec_op *op, const anec_tensor *result);
    void *ctx;
    anec_phase phase; /* of the backend; with it results are copied out before the run ends */
    /* Of the backend cpu, the calling one among them: 0: as many as there are processors, where
     * the program has work for them. Results are the same for any number. They belong to the
     * kernel and end with it. */
    int threads;
    /* Not 0: the backend cpu keeps no memory that a run alone needs, which kernels that run one
     * behind the other so share; results stay. */
    int lean;
    /* Not 0: the backend cpu uses no method that is faster than the direct form of a sum and
     * further from it (Winograd's, of convolutions): results in fp32 are within 5e-6 of the
     * largest number of those of the definition, and not 1e-4. */
    int exact;
} anec_run_options; /* all 0 but size: as anec_run */
anec_status anec_run_with(anec_kernel *kernel, const anec_input *input, int inputs,
                          const anec_run_options *options, anec_error *error);

/* Multiply-adds of a run with these inputs (what is bound, where none is given). */
typedef struct {
    size_t size; /* set by the caller: sizeof (anec_macs_info) */
    double count;
    int blocks; /* not 0: loop bodies and both branches of conds are counted once */
    /* the first op that is not counted, its dimensions being unknown; NULL: none */
    const char *open;
} anec_macs_info;
void anec_macs(const anec_kernel *kernel, const anec_input *input, int inputs,
               anec_macs_info *out);

/* Runs in another thread, which calls `done` at its end; done may call nothing of this kernel
 * but anec_result. anec_wait returns after it, with the run's status; a run that is not waited
 * for is waited for by the next call. */
typedef void (*anec_done)(void *ctx, anec_status status, const char *message);
anec_status anec_run_async(anec_kernel *kernel, anec_done done, void *ctx, anec_error *error);
anec_status anec_wait(anec_kernel *kernel, anec_error *error);

/* A result of the last run; valid until the next run, rewiring or unloading. */
anec_status anec_result(anec_kernel *kernel, const char *name, anec_tensor *out,
                        anec_error *error);
/* A state, which may be written between runs; states begin at zero. */
anec_status anec_state(anec_kernel *kernel, const char *name, anec_tensor *out,
                       anec_error *error);
/* Sets a state from a tensor of its type and shape. */
anec_status anec_set_state(anec_kernel *kernel, const char *name, const anec_tensor *tensor,
                           const char *origin, anec_error *error);
anec_status anec_reset(anec_kernel *kernel, anec_error *error); /* states to zero */

/* ---- what the description says: optional inputs, images, classes ----------------------------
 *
 * An input that is optional and has a value is that in every element where nothing is bound or
 * given. A classifier's label is a result of type "string" or "int64" without dimensions; its
 * dictionary is the vector of the probabilities, "fp64", in the order of the classes. */

typedef struct {
    size_t size; /* set by the caller: sizeof (anec_feature) */
    int optional, has_value;
    double value;
    /* of an image "RGB", "BGR", "GRAYSCALE", "GRAYSCALE_FLOAT16"; NULL: no image */
    const char *color;
    int64_t width, height; /* its default size */
    /* those that it may have: "12 x 10 or 24 x 20", width first; perhaps cut off */
    char sizes[512];
} anec_feature;
/* Of the port that anec_port counts. 0: there is none. */
int anec_port_feature(const anec_kernel *kernel, anec_kind kind, int i, anec_feature *out);

/* The result that is the label, and the one that is the dictionary (NULL: it is not returned;
 * may be NULL). NULL: the function is no classifier. */
const char *anec_classifier(const anec_kernel *kernel, const char **probabilities);
/* All labels: memory of its own (anec_tensor_free) whose texts live as long as the model. */
anec_status anec_classes(const anec_kernel *kernel, anec_tensor *out, anec_error *error);
typedef struct {
    const char *text; /* NULL: the label is the number */
    int64_t number;
    double probability;
} anec_class;
/* The n most probable classes of the last run, the first first; how many there are. 0: it is no
 * classifier, returns no probabilities, or has no results. */
int anec_best(anec_kernel *kernel, anec_class *out, int n);

/* Writes a result that is an image as a PNG, whole or not at all: values are rounded and moved
 * into 0 .. 255. */
anec_status anec_image_save(anec_kernel *kernel, const char *result, const char *path,
                            anec_error *error);
int anec_has_png(void); /* not 0: this build reads and writes PNG */

/* ---- tensors: files, made-up ones, elements, comparing --------------------------------------
 *
 * These tensors have memory of their own: anec_tensor_free. */

/* A tensor for an input or a state: `text` is "FILE.npy", "-" (a .npy file from the standard
 * input), for an image "FILE.png" or a .npy of uint8 [height, width, channels] too, else for
 * one element a number, true, false, or a text. Arrays may have the type that the model itself
 * declares where it was rewritten, and the type that stands for one .npy lacks:
 * docs/runtime.md. */
anec_status anec_tensor_read(anec_kernel *kernel, const char *port, const char *text,
                             anec_tensor *out, anec_error *error);
/* Elements that are a function of seed, name and shape alone, the same on all backends and
 * platforms, as docs/runtime.md writes it out. `?` takes its default, else the first enumerated
 * dimension. */
anec_status anec_tensor_random(anec_kernel *kernel, const char *input, uint64_t seed,
                               anec_tensor *out, anec_error *error);
/* What the i-th weight of a step (anec_step) begins as, in the type that it was declared in. */
anec_status anec_weight_value(anec_model *step, int i, anec_tensor *out, anec_error *error);
/* A model of the language once more with other numbers for its declared weights of floats, each by
 * its path; they are copied. A weight that is not named has what the program says. */
anec_status anec_with_weights(anec_model *model, const anec_input *weights, int n,
                              anec_model **out, anec_error *error);
/* Writes the model as its device's options have it: .mil with its weights beside it, .mlmodelc or
 * .mlpackage, whole or not at all. */
anec_status anec_save(const anec_model *model, const char *path, anec_error *error);
/* Any .npy file, in its own type; of a .png file its pixels as they are, uint8 [height, width,
 * channels] with 1 channel or 3 (of 8 bits a sample, without a palette). */
anec_status anec_tensor_load(const anec_config *config, const char *path, anec_tensor *out,
                             anec_error *error);
/* Writes a .npy file, whole or not at all. config may be NULL. */
anec_status anec_tensor_save(const anec_config *config, const anec_tensor *tensor,
                             const char *path, anec_error *error);
void anec_tensor_free(anec_tensor *tensor); /* of the calls above; it is zero again */

/* Elements first .. first + n - 1 as numbers; 0: they are not all there, or are texts. Exact
 * but for 64-bit integers as double. */
int anec_doubles(const anec_tensor *tensor, size_t first, size_t n, double *out);
/* "fp32 [2, 3]  min 0  max 1  mean 0.5  [0, 1, ..]" for people, with a '\n'; for
 * anec_text_free. */
char *anec_summary(const anec_tensor *tensor);

/* An element passes when |a - b| <= atol + rtol |b|; NaN equals NaN, an infinity itself. */
typedef struct {
    /* less than 0: 1e-3 and 1e-4, of fp16 and bf16 1e-2 and 5e-3, of integers 0 */
    double rtol, atol;
} anec_tolerance;
typedef struct {
    size_t size; /* set by the caller: sizeof (anec_difference) */
    /* an element does not pass, or types or shapes differ; less than 0: no memory */
    int differs;
    int64_t overflow, loss; /* the first element that is finite on one side only, and the first
                               other that does not pass; -1: none */
    char text[1024];        /* "max abs 0  max rel 0  ok" */
} anec_difference;
/* precision: whose tolerance (anec_value_precision); NULL: a's type. */
void anec_compare(const anec_tensor *a, const anec_tensor *b, const char *precision,
                  const anec_tolerance *tolerance, anec_difference *out);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
