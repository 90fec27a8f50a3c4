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
 * Errors: every call that can fail returns a status, ANEC_OK on success, and writes the reason
 * into `error`, which may be NULL. Nothing prints, exits, aborts, or keeps state outside of the
 * objects. Where memory runs out the call returns ANEC_WORLD; nothing of it is left, and it may
 * be made again.
 *
 * Ownership: objects are freed in the order shown above. One that is freed before others that
 * were made from it stays in memory until these are freed too, and calls that need it return a
 * status (docs/runtime.md lists these and other cases of wrong use). Freeing NULL does nothing;
 * NULL for a pointer that is required is ANEC_WRONG.
 *
 * Growth: a struct with a member `size` may get more members in later versions; the caller sets
 * it, and the library touches no more bytes than that. Other things that may grow are found by
 * name (anec_config_set, anec_fact).
 *
 * Threads: any call may be made from any thread, but a config must not be changed once a device
 * has it. Kernels run side by side, also those of one model, which is only read. While a kernel
 * is at work, other threads get ANEC_BUSY from it.
 *
 * Signals: files of 1 MiB and more are mapped. While a call is at work and a file is mapped,
 * SIGBUS has a handler of the library's, which calls the earlier one for addresses outside of
 * these files; a file that somebody cuts during a call makes it return ANEC_WORLD. No other
 * signal is touched. A process that is ended by a signal may leave a file `.tmp-PID-..` on
 * systems without unnamed files.
 *
 * Elements: tensors are packed, in C order, little endian. A caller who gives fp32 gets fp32
 * results whatever form the engine runs; where that form is fp16, numbers are rounded to it on
 * the way. */
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
    ANEC_WRONG = 1, /* an argument is wrong: a program, a name, a type, a shape */
    ANEC_USAGE =
        2, /* an option is unknown, has a wrong value, or is not for this model */
    ANEC_WORLD = 3,    /* a file, memory or the engine failed */
    ANEC_BUSY = 4,     /* the kernel, or one that it is wired to, is running */
    ANEC_UNLOADED = 5, /* the kernel was unloaded */
    ANEC_EMPTY = 6,    /* there are no results: it has not run, or its last run failed */
    ANEC_BUG =
        7 /* a fault of the library itself, whose place `error` tells. Nothing of the call
                    is left; objects that it was changing may only be freed */
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
 * Options have the names and values that they have on the command line, without dashes; what
 * `anerun --help` says of these options holds here too.
 *
 *   from             anedsl | mil: the language of a model, whatever its file is called; for
 *                    anec_load_text the default is mil
 *   target           CHIP[,OS]: rewrite for a chip (anec --list-targets), generic or host; OS
 *                    is a release of macOS, the newest that is known without it
 *   io               auto | fp16 | fp32: type of float inputs and results
 *   opset            ios15 .. ios18, ios26
 *   set              NAME=VALUE: another value for a parameter of an .anedsl; may be set
 *                    several times
 *   profile          FILE: rules of the target as aneprobe measured them
 *   passes           a,b: runs only these passes
 *   missing-weights  zero | random[:SEED]: the elements of weights whose file is absent
 *   W                [no-]NAME, error, error=NAME, no-error=NAME: warnings and rules; several
 *                    are applied in the order in which they are set
 *   strict           (value NULL) a .npy of floats or integers of another width is an error
 *                    and not converted
 *   quiet            (value NULL) neither warnings nor notes
 *   cache-dir        as anec_options.cache
 *
 * A .mil without target, io, opset, profile and passes is not rewritten. An .anedsl is
 * compiled for the target; without one for the chip of the engine that runs it, real or
 * simulated (generic where the chip is not known), and on ref and cpu for `host`, which runs
 * no passes, so that fp32 stays fp32. */

typedef struct anec_config anec_config;

anec_config *anec_config_new(void); /* NULL: no memory */
/* Sets an option; the texts are copied. ANEC_USAGE: there is no such option, or it does not
 * take this value. */
anec_status anec_config_set(anec_config *config, const char *name, const char *value,
                            anec_error *error);
/* Sets anec_options.helper. */
void anec_config_helper(anec_config *config, const char *const *command);
/* Devices that still have it make no callbacks any more. */
void anec_config_free(anec_config *config);

/* Called with each message when it is reported, as text: "net.mil:3:7: error: ..", the line of
 * the source and a caret, with a '\n' at the end. The call comes from the thread that makes the
 * library call (of anec_run_async, from the thread of the run). Errors are in the anec_error of
 * the call too; those of ANEC_USAGE, and of wrong use of a kernel, are there alone. An
 * ANEC_FAILURE is an error of the world: a file, memory, the engine. */
typedef enum { ANEC_NOTE, ANEC_WARNING, ANEC_ERROR, ANEC_FAILURE } anec_severity;
typedef void (*anec_message)(void *ctx, anec_severity severity, const char *text);
void anec_config_messages(anec_config *config, anec_message fn, void *ctx);

/* Called now and then while a large file is written, with the bytes written so far. */
typedef void (*anec_written)(void *ctx, const char *path, uint64_t bytes);
void anec_config_written(anec_config *config, anec_written fn, void *ctx);

/* Called when a stage of anec_load begins: "load", "verify", "compile". */
typedef void (*anec_stage)(void *ctx, const char *name);
void anec_config_stages(anec_config *config, anec_stage fn, void *ctx);
/* Called when a phase of a backend's work begins (begins is not 0) and ends: "compile", "load",
 * "bind", "copy in", "run", "copy out" and the like; phases may be nested. This one is called
 * while compiling; anec_run_options has the one for runs. */
typedef void (*anec_phase)(void *ctx, const char *name, int begins);
void anec_config_phases(anec_config *config, anec_phase fn, void *ctx);

/* ---- devices and models ------------------------------------------------------------------ */

typedef struct {
    /* folder of compiled programs and of packed weights; NULL: ANEC_CACHE_DIR, else
     * ~/.cache/anec */
    const char *cache;
    /* The system lets a process compile about 119 programs for the engine. From the 100th on
     * they are compiled by this command, in a process of its own: { "anerun", "--compile-only",
     * NULL }. It must outlive the device. NULL: there is none; the 120th compilation fails
     * (ANEC_WORLD), and on "auto" the program runs on the processor. */
    const char *const *helper;
} anec_options;

/* Opens a device. backend: "auto" (the engine, else the processor), "ane" (the engine),
 * "coreml" (Core ML, which apps may ship with), "cpu" (the processor), "ref" (the reference
 * interpreter), "sim:CHIP" (the simulated engine of a chip). options may be NULL. */
anec_status anec_open(const char *backend, const anec_options *options, anec_device **out,
                      anec_error *error);
/* The same with a config, which holds for the device's models and kernels; it may be NULL. */
anec_status anec_open_with(const char *backend, const anec_config *config,
                           anec_device **out, anec_error *error);
void anec_close(anec_device *device);
/* The work of a helper: has the engine's compiler leave its files for the program in `folder`.
 * Not 0: it did. The helper writes *answer to its standard output, and frees it by
 * anec_text_free. */
int anec_compile_only(const char *folder, char **answer);

/* The name of the i-th backend, and a description in *what, which may be NULL. NULL: there
 * are no more. */
const char *anec_backend(int i, const char **what);

/* Loads a model: a .mil with its weights beside it, .mlmodelc, .mlpackage, or .anedsl, which is
 * compiled; "-" is the standard input, whose language the option `from` tells. The options of
 * the device's config hold. */
anec_status anec_load(anec_device *device, const char *path, anec_model **out,
                      anec_error *error);
/* The same from a text, which is copied: MIL, or what the option `from` says. Weights are found
 * in `folder`; NULL: the text has none. An option that does not go with the language is refused,
 * as anec_load refuses it. */
anec_status anec_load_text(anec_device *device, const char *text, size_t size,
                           const char *folder, anec_model **out, anec_error *error);
/* Makes another model whose main function computes gradients too, from the model as it was
 * written, before it is rewritten for a target. names: what to differentiate by, as in
 * "x,blocks.0.wq": inputs, weights by path, or other float values of the program; NULL: all
 * float inputs and weights (of MIL: float constants of more than one element).
 *   inputs   those of the model, then for each float result that is no scalar d_<result>, the
 *            vector that its Jacobian is multiplied by (for a scalar that is 1)
 *   results  those of the model (none of them with `only`), then d_<name> with the type and
 *            dimensions of the value that it is the gradient by; _ replaces characters that a
 *            name may not have
 * The gradient by a value that no result depends on is zeros, with the warning
 * zero-gradient. An operation on the way without a gradient, dimensions that are not known,
 * and names that are taken already are errors (ANEC_WRONG). The given model is not changed;
 * files of a container are read again. */
anec_status anec_grad(anec_model *model, const char *names, int only, anec_model **out,
                      anec_error *error);
/* Makes a step of training from a model of the language. The declared float weights become
 * inputs, behind the function's own, named by their paths with _ in place of dots. The last
 * result of the function, the loss, must have one element, and is differentiated by them.
 * Results are those of the function, then d_<input> for each weight that is trained and that
 * the loss depends on; one that it depends on through `stop` only has no gradient. A weight
 * that the function does not use is no input. */
typedef struct {
    size_t size;          /* set by the caller: sizeof (anec_step_options) */
    const char *function; /* NULL: main */
    int scaled; /* not 0: the gradients are multiplied by another input, loss_scale, which has
                    the type and dimensions of the loss */
    int forward; /* not 0: weights are inputs, and there are no gradients */
    int baked; /* not 0: the weights are constants in the program, with their present values;
                    anec_weight still tells their paths and gradients */
    /* paths of the weights that get gradients, "blocks.*.down,head", in which * stands for any
     * text; the others stay inputs. NULL: all */
    const char *trained;
    /* for anec_step_parts: numbers of programs, "2,4", that the device has refused before and
     * that run on the host without being tried; NULL: none */
    const char *refused;
    /* not 0: keeps gradients that are too small for the chip, which Adam needs: where products
     * below 2^-14 become zero, operands are scaled up by powers of two, and products down */
    int lifted;
    /* not 0, for anec_step_parts: backward parts recompute what is elementwise, a move or a
     * softmax in the forward part of their layer, and get the other results alone */
    int cheap_again;
} anec_step_options;
anec_status anec_step(anec_model *model, const anec_step_options *options,
                      anec_model **out, anec_error *error);
/* The path of the i-th weight of a step, in the order of the paths ("blocks.2.w" before
 * "blocks.10.w"), and in *input, which may be NULL, the name of its input. NULL: there are no
 * more. */
const char *anec_weight(const anec_model *step, int i, const char **input);
void anec_model_free(anec_model *model);

/* The name of the i-th function; NULL: there are no more. Where a call takes a function,
 * NULL is the one that anec_main_function names. */
const char *anec_function(const anec_model *model, int i);
const char *anec_main_function(const anec_model *model);

/* Describes inputs, results and states of the model's functions, with flexible shapes. format:
 * "text" or "json" (docs/runtime.md). *out is freed by anec_text_free. */
anec_status anec_describe(const anec_model *model, const char *format, char **out,
                          anec_error *error);
/* Counts, by function, operations of each kind with their multiply-adds, constants, parameters,
 * bytes of weights and states, and the most bytes of values that are needed at once, as
 * `anec --stats` does. Otherwise as anec_describe. */
anec_status anec_count(const anec_model *model, const char *format, char **out,
                       anec_error *error);
void anec_text_free(char *text);

/* ---- what is wrong with a model ------------------------------------------------------------ */

typedef struct {
    /* as the library has it: what lies behind it is newer than this header */
    size_t size;
    /* ANEC_ERROR: the engine is known to refuse the program, to crash or to give wrong numbers, or
     * it is no program; ANEC_WARNING: that is reported, or accuracy or speed suffer; ANEC_NOTE:
     * reports contradict each other; ANEC_FAILURE: a file cannot be read */
    anec_severity severity;
    /* the rule's name (`anec --explain`) or the warning's, "invalid" or "unreadable"; NULL: a note
     * on the finding before it */
    const char *id;
    int is_rule; /* not 0: id is that of a rule of the target */
    const char *text;
    const char *file; /* NULL: none */
    int line, column; /* from 1; line 0: no text has it; columns count code points */
    const char *function, *op,
        *value; /* where in the program: "main", "conv", "y"; or NULL */
    /* that rewrites it when the model is compiled for the target, or NULL */
    const char *pass;
    const char *left; /* why no pass rewrites it, or NULL */
} anec_finding;
/* Called for each finding; everything in it is valid during the call. */
typedef void (*anec_found)(void *ctx, const anec_finding *finding);
/* Tells what `anec --check` finds in a model, for the target of the config; without one an
 * .anedsl is checked for generic, any other as it is written. No engine is needed. ANEC_WRONG: a
 * finding is an error; ANEC_WORLD: one is a failure. config may be NULL. */
anec_status anec_check(const anec_config *config, const char *path, anec_found found,
                       void *ctx, anec_error *error);

/* Describes how the kernel's function is run. On coreml, from macOS 14.4 on: the device on
 * which Core ML plans to run each operation. On cpu: the steps, for the shapes of the last
 * run where the program does not tell them, and the least time that each took in runs whose
 * steps were timed (anec_run_options.step). format: "text" or "json" (docs/runtime.md). *out
 * is freed by anec_text_free. */
anec_status anec_plan(anec_kernel *kernel, const char *format, char **out,
                      anec_error *error);

/* Counts the compiled programs and the packed weights in the config's cache-dir; with `clear`
 * not 0 also removes them. */
typedef struct {
    size_t size;        /* set by the caller: sizeof (anec_cache_info) */
    int programs, busy; /* busy: what is in use, which is not removed */
    uint64_t bytes, limit;
    char folder[1024];
    /* since the cache was cleared: programs, and packed weights, that were found, those that
     * were found and had to be compiled nevertheless since the system had not kept them, and
     * those not found */
    uint64_t hits, recompiled, misses;
    int packed; /* weights that the processor's kernels have packed; not among the programs */
} anec_cache_info;
anec_status anec_cache(const anec_config *config, int clear, anec_cache_info *out,
                       anec_error *error);

/* ---- kernels ----------------------------------------------------------------------------- */

/* Compiles and loads a function of the model; NULL: its main one. On the engine all
 * functions of a model are procedures of one program, which is compiled and loaded once. */
anec_status anec_compile(anec_model *model, const char *function, anec_kernel **out,
                         anec_error *error);
/* The same on another device, so that one model can run on several, for instance on the
 * processor for comparison. */
anec_status anec_compile_on(anec_model *model, anec_device *device, const char *function,
                            anec_kernel **out, anec_error *error);
/* Makes another kernel of the same compiled program, with inputs, results, states and wires
 * of its own; so layers that are alike can share one program. On the engine it is compiled
 * and loaded once for all instances; on the processor each has a plan and memory of its own.
 * The first kernel may be freed before the instance. */
anec_status anec_instance(anec_kernel *kernel, anec_kernel **out, anec_error *error);
/* Frees what the kernel needs for running. It stays, and its calls return ANEC_UNLOADED. */
anec_status anec_unload(anec_kernel *kernel, anec_error *error);
void anec_free(anec_kernel *kernel); /* waits for a run that was started */
/* Where and how it runs: "backend=ane io=fp16 dialect=1.0 cache=hit (fp32 refused: ..)". On a
 * device "auto" a run that fails on the engine is repeated on the processor, as are all later
 * ones; anec_how then returns another text, which tells why. Both texts live as long as the
 * kernel. */
const char *anec_how(const anec_kernel *kernel);
/* One part of that: "backend", "target" (that the model was compiled or rewritten for),
 * "precision" (in which it computes), "io", "dialect", "cache", "why", "function", or "what" (a
 * description of the backend). NULL: there is no such part, or nothing to say about it. */
const char *anec_fact(const anec_kernel *kernel, const char *part);

enum { ANEC_MAX_RANK = 16 };
typedef struct {
    /* "fp16", "fp32", "int32", "bool" and so on; of "string" the elements are pointers to
     * text; a result may be a "list", whose data only anec_tensor_save can read */
    const char *dtype;
    int rank;                     /* 0: a scalar */
    int64_t shape[ANEC_MAX_RANK]; /* -1, from anec_port alone: any size */
    void *data;
    size_t bytes;
} anec_tensor;

typedef enum { ANEC_INPUT, ANEC_RESULT, ANEC_STATE } anec_kind;
/* The name of the i-th input, result or state, in the function's order, and in *out its type
 * and shape (data is NULL). NULL: there are no more. */
const char *anec_port(const anec_kernel *kernel, anec_kind kind, int i, anec_tensor *out);

/* ---- a step in parts ----------------------------------------------------------------------
 *
 * A step (anec_step) as several kernels that are run one after the other: cut at the layers
 * of lists (`layer blocks: Block[12]`), forward and backward, and for an engine also around
 * ops that it has no form for, on token ids, gather and scatter. Layers that are alike are
 * instances of one program. Parts are compiled for `device`, whatever the model's own is,
 * and those that it does not take for `host`, unrewritten. *out is NULL where no layers are
 * alike, so that the step is one program. The options forward and baked are not possible.
 * The devices must outlive it. */
typedef struct anec_parts anec_parts;
/* memory: how many bytes may be kept from part to part in a step, in all. Beyond that, backward
 * parts recompute what the forward parts of their layers had, those of the first layers last.
 * 0: no bound. */
anec_status anec_step_parts(anec_model *model, anec_device *device, anec_device *host,
                            const anec_step_options *options, uint64_t memory,
                            anec_parts **out, anec_error *error);
typedef struct {
    size_t size;       /* set by the caller: sizeof (anec_part_info) */
    int program;       /* the number of its program, from 0 */
    const char *layer; /* "blocks.3"; NULL: it belongs to no layer */
    int again;         /* not 0: it recomputes what its layer's forward part had */
    int host;          /* not 0: it runs on the host, */
    const char *why;   /* for this reason; NULL: it was cut off for the host */
} anec_part_info;
/* The i-th part, which belongs to `parts`; NULL: there are no more. info may be NULL. */
anec_kernel *anec_part(const anec_parts *parts, int i, anec_part_info *info);
/* The name of the k-th input or result of part i, and in *value, which may be NULL, the name
 * of the step's input or of the value that it stands for. NULL: there are no more. It has
 * the same elements in the same order; where an axis is longer than the device addresses,
 * the part has two axes in its place (anec_port tells). */
const char *anec_part_port(const anec_parts *parts, int i, anec_kind kind, int k,
                           const char **value);
/* The whole step, for asking about its weights; it belongs to `parts`, and is for no target. */
anec_model *anec_parts_step(const anec_parts *parts);
/* bytes kept from part to part in a step */
uint64_t anec_parts_bytes(const anec_parts *parts);
void anec_parts_free(anec_parts *parts);

/* ---- kernels: running -------------------------------------------------------------------- */

/* Binds an input to memory of the caller's, which every run reads until something else is
 * bound. */
anec_status anec_bind(anec_kernel *kernel, const char *input, const anec_tensor *tensor,
                      anec_error *error);
/* Binds an input of known shape to memory of the kernel's; the caller writes into *out
 * before each run. */
anec_status anec_buffer(anec_kernel *kernel, const char *input, anec_tensor *out,
                        anec_error *error);
/* Wires an input of `to` to a result of `from`: each later run of `to` takes what the last
 * run of `from` gave, without a copy where the backend can share memory. Both may be the
 * same kernel, for a value that goes from run to run, like weights that are trained. Until
 * `from` has run, the bound tensor is taken. from NULL ends the wiring. When `from` is freed
 * or unloaded first, runs of `to` return ANEC_UNLOADED until the input is wired anew. */
anec_status anec_rewire(anec_kernel *to, const char *input, anec_kernel *from,
                        const char *result, anec_error *error);

anec_status anec_run(anec_kernel *kernel, anec_error *error);
/* An input for one run, in place of what is bound. origin: how messages call it ("x.npy"), or
 * NULL. tensor NULL: only the name is checked. All that is wrong with the inputs of a run is
 * reported at once. */
typedef struct {
    const char *name, *origin;
    const anec_tensor *tensor;
} anec_input;

/* A value and an operation of a program, as callbacks of a run get them. They are valid as
 * long as the model, and the same for all of its kernels. */
typedef struct anec_value anec_value;
typedef struct anec_op anec_op;
const char *anec_value_name(const anec_value *value);
/* The type of the operation that computes it: "add"; NULL: it is an input or a literal. */
const char *anec_value_op(const anec_value *value);
/* The element type by whose tolerance it should be compared: its own, or fp16 where it is
 * only a cast of an fp16 value. */
const char *anec_value_precision(const anec_value *value);
/* Its place in the source: "net.mil:3:7", or "" where there is no text; cut to `size` bytes. */
void anec_value_where(const anec_value *value, char *out, size_t size);
/* The name of an operation, which is that of its first result; without results its type. */
const char *anec_op_name(const anec_op *op);
/* The type of an operation: "add". */
const char *anec_op_type(const anec_op *op);
/* The value of the i-th result; NULL: there are no more. */
const anec_value *anec_result_value(const anec_kernel *kernel, int i);

/* A step of the backend cpu that ran, as anec_plan lists it, or a loop or branch as a whole, which is
 * told after the steps in it: `how` and `operations` are its operation then. The texts are valid
 * until the kernel's next run. */
typedef struct {
    int number; /* in the list, from 0; -1: a loop or branch */
    const char *how, *result, *operations;
    double bytes, weights,
        flop;            /* bytes of values and of weights; two for a multiply-add */
    double least;        /* seconds that a core takes at least */
    double begun, ended; /* seconds of CLOCK_MONOTONIC */
} anec_timed_step;

typedef struct {
    size_t size;        /* set by the caller: sizeof (anec_run_options) */
    uint64_t seed;      /* of random ops that have no seed in the program */
    uint64_t max_steps; /* of one while_loop; 0: no bound */
    /* Called with every value that is computed (on the engine with results only). Not 0 ends
     * the run, which then fails without a message. It must not call functions of this kernel
     * or model. */
    int (*value)(void *ctx, const anec_value *value, const anec_tensor *tensor);
    /* Called before and after each operation; those of nested blocks come between the calls for
     * their owner. result: the first result, or NULL. Both or none must be set. */
    void (*begin)(void *ctx, const anec_op *op);
    void (*end)(void *ctx, const anec_op *op, const anec_tensor *result);
    void *ctx;
    anec_phase phase; /* where it is set, results are copied out before the run ends */
    /* The number of threads of the backend cpu, the calling one included; 0: as many as
     * there are processors, if the program has work for them. Results do not depend on it.
     * The threads belong to the kernel and end with it. */
    int threads;
    /* Not 0: the backend cpu frees memory that only a run needs after each run, so that kernels
     * which run one after the other share it. Results stay. */
    int lean;
    /* Not 0: the backend cpu computes sums of products in their direct form only, and no
     * convolution by Winograd's method. Results in fp32 then differ from the definition by at
     * most 5e-6 of the largest number, otherwise by 1e-4. */
    int exact;
    /* Called after each step of the backend cpu, which joins operations, and begin and end are
     * not called then. Where there are no such steps (another backend, or `value` is set)
     * operations run one by one, and begin and end are called. It must not call functions of
     * this kernel. anec_plan tells the least times afterwards. */
    void (*step)(void *ctx, const anec_timed_step *step);
} anec_run_options; /* with all members 0 but `size` a run is as by anec_run */
anec_status anec_run_with(anec_kernel *kernel, const anec_input *input, int inputs,
                          const anec_run_options *options, anec_error *error);

/* Counts the multiply-adds of a run with these inputs; for an input that is not given the bound
 * tensor counts. */
typedef struct {
    size_t size; /* set by the caller: sizeof (anec_macs_info) */
    double count;
    int blocks; /* not 0: there are loops or conds, whose blocks were counted once each */
    /* name of the first operation that was not counted, as its dimensions are not known; or
     * NULL */
    const char *open;
} anec_macs_info;
void anec_macs(const anec_kernel *kernel, const anec_input *input, int inputs,
               anec_macs_info *out);

/* Runs in another thread, which calls `done` at the end; the only function of this kernel
 * that it may call is anec_result. anec_wait returns after that, with the status of the run.
 * The next call for the kernel waits for a run that nobody has waited for. */
typedef void (*anec_done)(void *ctx, anec_status status, const char *message);
anec_status anec_run_async(anec_kernel *kernel, anec_done done, void *ctx,
                           anec_error *error);
anec_status anec_wait(anec_kernel *kernel, anec_error *error);

/* A result of the last run, in memory of the kernel's; valid until the next run, rewiring or
 * unloading. */
anec_status anec_result(anec_kernel *kernel, const char *name, anec_tensor *out,
                        anec_error *error);
/* A state, in memory of the kernel's, which may be written between runs. States begin at
 * zero. */
anec_status anec_state(anec_kernel *kernel, const char *name, anec_tensor *out,
                       anec_error *error);
/* Sets a state from a tensor of its type and shape. */
anec_status anec_set_state(anec_kernel *kernel, const char *name,
                           const anec_tensor *tensor, const char *origin,
                           anec_error *error);
anec_status anec_reset(anec_kernel *kernel, anec_error *error); /* states to zero */

/* ---- the description of a model: optional inputs, images, classes ---------------------------
 *
 * An optional input that has a default value has it in every element where no tensor is
 * bound or given. The label of a classifier is a result of type "string" or "int64" without
 * dimensions; its dictionary of probabilities is a vector of "fp64" in the order of the
 * classes. */

typedef struct {
    size_t size; /* set by the caller: sizeof (anec_feature) */
    int optional, has_value;
    double value; /* the default, where has_value is not 0 */
    /* of an image: "RGB", "BGR", "GRAYSCALE", "GRAYSCALE_FLOAT16"; NULL: it is none */
    const char *color;
    int64_t width, height; /* its default size, in pixels */
    /* the sizes that it may have, "12 x 10 or 24 x 20", width first; may be cut off */
    char sizes[512];
} anec_feature;
/* The description of the i-th input, result or state (anec_port). 0: there is none. */
int anec_port_feature(const anec_kernel *kernel, anec_kind kind, int i,
                      anec_feature *out);

/* The name of the result that is the label, and in *probabilities, which may be NULL, that
 * of the dictionary (NULL: it is not returned). NULL: the function is no classifier. */
const char *anec_classifier(const anec_kernel *kernel, const char **probabilities);
/* All labels, to be freed by anec_tensor_free; their texts live as long as the model. */
anec_status anec_classes(const anec_kernel *kernel, anec_tensor *out, anec_error *error);
typedef struct {
    const char *text; /* NULL: the label is the number */
    int64_t number;
    double probability;
} anec_class;
/* The n most probable classes of the last run, the best first; returns how many it has
 * written. 0: the function is no classifier, returns no probabilities, or has no results. */
int anec_best(anec_kernel *kernel, anec_class *out, int n);

/* Writes a result that is an image as a PNG; values are rounded and clamped to 0 .. 255. The
 * file appears whole or not at all. */
anec_status anec_image_save(anec_kernel *kernel, const char *result, const char *path,
                            anec_error *error);
int anec_has_png(void); /* not 0: this build reads and writes PNG */

/* ---- tensors: reading, writing, random ones, elements, comparing ----------------------------
 *
 * Tensors that these calls make have memory of their own, to be freed by anec_tensor_free. */

/* Reads a tensor for an input or a state. text: "FILE.npy"; "-" for a .npy from the standard
 * input; for an image also "FILE.png", or a .npy of uint8 [height, width, channels]; for one
 * element a number, true, false, or a text. Arrays may also have the type that the model
 * declared before it was rewritten, and the type that .npy has in place of one that it lacks
 * (docs/runtime.md). */
anec_status anec_tensor_read(anec_kernel *kernel, const char *port, const char *text,
                             anec_tensor *out, anec_error *error);
/* Makes a tensor of random elements for an input. They are a function of seed, name and
 * shape alone (docs/runtime.md defines it), the same on all backends and platforms. A
 * dimension `?` has its default size, or else the first that is enumerated. */
anec_status anec_tensor_random(anec_kernel *kernel, const char *input, uint64_t seed,
                               anec_tensor *out, anec_error *error);
/* The initial value of the i-th weight of a step (anec_step), in its declared type. */
anec_status anec_weight_value(anec_model *step, int i, anec_tensor *out,
                              anec_error *error);
/* Makes another model of the language with other values for declared float weights, given by
 * their paths, which are copied. Weights that are not named keep theirs. */
anec_status anec_with_weights(anec_model *model, const anec_input *weights, int n,
                              anec_model **out, anec_error *error);
/* Writes the model, as the options of its device have rewritten it: .mil with its weights
 * beside it, .mlmodelc or .mlpackage. It appears whole or not at all. */
anec_status anec_save(const anec_model *model, const char *path, anec_error *error);
/* Reads a .npy file in its own type, or the pixels of a .png file as uint8 [height, width,
 * channels] with 1 or 3 channels (only 8 bits a sample, without a palette). config may be
 * NULL. */
anec_status anec_tensor_load(const anec_config *config, const char *path,
                             anec_tensor *out, anec_error *error);
/* Writes a .npy file, which appears whole or not at all. config may be NULL. */
anec_status anec_tensor_save(const anec_config *config, const anec_tensor *tensor,
                             const char *path, anec_error *error);
/* of one that these calls made; sets it to zeros */
void anec_tensor_free(anec_tensor *tensor);

/* Converts elements first .. first + n - 1 to double, exactly but for large 64-bit integers.
 * 0: the tensor has not so many, or they are texts. */
int anec_doubles(const anec_tensor *tensor, size_t first, size_t n, double *out);
/* A line for people, "fp32 [2, 3]  min 0  max 1  mean 0.5  [0, 1, ..]", with a '\n' at its
 * end, to be freed by anec_text_free. */
char *anec_summary(const anec_tensor *tensor);

/* Two elements are equal where |a - b| <= atol + rtol |b|; NaN equals NaN, and an infinity
 * itself. Less than 0: the default, rtol 1e-3 and atol 1e-4, of fp16 and bf16 1e-2 and 5e-3,
 * of integers 0. */
typedef struct {
    double rtol, atol;
} anec_tolerance;
typedef struct {
    size_t size; /* set by the caller: sizeof (anec_difference) */
    /* 0: all elements are equal; 1: some are not, or types or shapes differ; -1: no memory */
    int differs;
    int64_t overflow,
        loss;        /* index of the first element that is finite on one side only, and of
                               the first other that is not equal; -1: none */
    char text[1024]; /* "max abs 0  max rel 0  ok" */
} anec_difference;
/* precision: the element type whose default tolerance counts (anec_value_precision); NULL:
 * that of a. */
void anec_compare(const anec_tensor *a, const anec_tensor *b, const char *precision,
                  const anec_tolerance *tolerance, anec_difference *out);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
