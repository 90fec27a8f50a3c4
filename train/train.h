/* train.h -- training, a client of the public library. A step (anec_step) computes the loss of
 * a model and its gradients; weights and the moments of the optimizer are kept in fp32, and
 * updated by rules, which are programs too.
 *
 *   data.c        samples from files, copied into the inputs of a step; which samples a step
 *                 takes is a function of seed and step alone
 *   pictures.c    folders of PNG files as samples
 *   tokens.c      texts as samples
 *   vocab.c       vocabularies: texts to tokens and back
 *   schedule.c    settings of a run, learning rate and loss scale
 *   rule.c        optimizers, compiled from the language
 *   rule_engine.c the same on the engine
 *   checkpoint.c  writes checkpoints, whole or not at all
 *   restore.c     reads checkpoints, and trusts no byte of them
 *   export.c      writes weights for other programs
 *   folder.c      the folder of a run: its lock, its checkpoints, log.csv
 *   programs.c    the programs of a run, on the device and on the host
 *   halves.c      rounds weights to fp16 for a device that computes in it
 *   loss.c        a loss of std behind a model that has none
 *   step_parts.c  the step in parts, where layers are alike
 *   open.c        begins a run: programs, data, checkpoint
 *   loop.c        the run: steps, evaluations, checkpoints
 *   tell.c        messages about a run, and log.csv
 *   page.c        the curve of a run, as a drawing and a page
 *   serve.c       a page that follows the run (live.html)
 *   sums.c        adds the gradients of a step's batches, in one process or several
 *   several.c     a run of several processes: which one writes, and what happens when one ends
 *   ranks.c       messages between processes, by MPI
 *   generate.c    predicts tokens with a trained model
 *   write.c       writes text with it (anegen)
 *   samples.c     writes text during training
 *
 * Since step s takes the samples that data.c computes from s, a resumed run needs nothing
 * but its checkpoint, and equals one that was never stopped, bit for bit. */
#ifndef ANEC_TRAIN_H
#define ANEC_TRAIN_H

#include "rule.h"
#include "writing.h"

/* ---- order ------------------------------------------------------------------------------- */

/* Writes the samples 0 .. n - 1 in the order of an epoch. */
void order_shuffle(uint64_t seed, uint64_t epoch, size_t n, uint32_t *out);
uint64_t order_below(uint64_t u, uint64_t n); /* floor(u * n / 2^64) */

/* ---- data -------------------------------------------------------------------------------- */

/* One input of a step. */
typedef struct {
    const char *input, *file; /* file: for messages */
    NpyArray array;
    const char **name; /* of a folder: names of its pictures, in order */
    size_t names;
    size_t sample;      /* number of elements in a sample */
    bool whole;         /* a sample is the whole input, which has no axis for samples */
    void *room;         /* the elements of a batch, fp32 or int32, */
    anec_tensor tensor; /* and the tensor of them that the step is given */
} TrainColumn;

typedef struct {
    Diag *diag;
    Arena arena;
    const char *text; /* --data, as given */
    TrainColumn *column;
    int ncolumn;
    size_t samples, batch;
    size_t parts;   /* so many batches are one of the order of samples */
    uint64_t epoch; /* the epoch that `order` is for */
    uint32_t *order;
    uint64_t bytes;
    char sha256[65]; /* of all elements */
    uint16_t *token; /* of a text: its tokens, of which samples are windows; or NULL */
    size_t tokens, window;
    const char *vocab_name; /* --vocab */
    TrainVocab vocab;       /* of a text */
} TrainData;

/* Opens the data that `text` names, for all inputs of a step's kernel but the weights. The
 * caller sets t->vocab_name; saved: a vocabulary from a checkpoint that is taken in its
 * place, or NULL. */
bool data_open(TrainData *t, Diag *d, const char *text, const anec_kernel *kernel,
               const anec_model *step, const char *saved);
/* pictures.c: whether a path is a folder of pictures, and reading them as the column's
 * array. */
bool pictures_named(const char *path);
bool pictures_open(TrainData *t, TrainColumn *c, const anec_tensor *port);
/* "FOLDER/img,FOLDER/mask" for a folder that has an img, else the text that was given. */
const char *pictures_pairs(Arena *a, const char *text);
/* tokens.c: whether data of this name is a text; opening it, and copying its samples. */
bool tokens_named(const char *text);
bool tokens_open(TrainData *t, const char *saved);
void tokens_batch(TrainData *t, uint64_t seed, uint64_t index);
void tokens_range(TrainData *t, size_t first, size_t n);
/* Sets the initial weights that the data built-in:tiny brings, where the model has the two
 * weights w1 and w2; does nothing for other data. */
void data_first_weights(const TrainData *t, TrainParam *p, int n);
void data_close(TrainData *t);
/* Copies batch `index` of the run into the tensors of the columns. */
void data_batch(TrainData *t, uint64_t seed, uint64_t index);
/* Copies n samples from `first` on, in the order of the file. */
void data_range(TrainData *t, size_t first, size_t n);
/* Checks what was copied. False, and reported: a float is not finite, or an integer, which
 * is a class or token, is below 0. */
bool data_sound(TrainData *t);

/* ---- checkpoints ------------------------------------------------------------------------- */

/* The state of a run beside its tensors; state.def lists it. */
typedef struct {
    /* steps done, steps that changed weights, samples seen; of the loss scale good steps in
     * a row and skipped steps; evaluations since the best one */
    uint64_t step, updates, samples, good, skipped, stale;
    double scale, loss, best_loss;
    uint64_t best_step;
    const char *settings, *options; /* JSON: TrainSettings, and options of the library */
    const char *data_sha256;
    const char *backend, *io, *chip, *why, *anec_version; /* how it ran */
    const char *machine;          /* processor and system, or "", */
    const char *os_build, *rules; /* its build, and the rules of chips that were known */
    const char *refused; /* programs of the step that the engine refused: "2,4", or "" */
    const char *model_path, *model_sha256, *model; /* model: the text of the program */
    const char *vocab;                             /* vocab_save, or "" */
    int states;                                    /* number of states of each weight */
} TrainState;

/* Writes a checkpoint, which appears whole or not at all. */
bool checkpoint_write(Diag *d, const char *path, const TrainState *s, const TrainParam *p,
                      int n);

typedef struct {
    const char *path;
    Arena arena;
    Mapped file;
    SafeTensors tensors;
    TrainState state;
} TrainCheckpoint;

/* Opens a checkpoint and checks all that does not need the model. Where it fails there is
 * nothing to close. */
bool checkpoint_open(TrainCheckpoint *c, Diag *d, const char *path);
/* The same for a mapped file, which the checkpoint takes over. */
bool checkpoint_parse(TrainCheckpoint *c, Diag *d, const char *path, const Mapped *file);
void checkpoint_close(TrainCheckpoint *c);
/* Copies the tensors into weights and states. False: it is the checkpoint of another model,
 * with another SHA-256, which is reported. */
bool checkpoint_fill(const TrainCheckpoint *c, Diag *d, TrainParam *p, int n,
                     const char *model_sha256);
/* The tensors of a mapped file, which must outlive them: a .safetensors, or a file of
 * others (bin_weights_parse). */
bool tensors_parse(Arena *a, Diag *d, const char *path, const Mapped *file,
                   SafeTensors *out);
/* Writes the weights as FILE.safetensors, or as FILE.bin for llama2.c. */
typedef struct {
    int64_t heads, positions; /* of the program; 0: it does not tell */
} TrainExport;
/* Whether the ending is that of a container, which the library writes with the program. */
bool export_is_program(const char *path);
bool export_write(const TrainExport *o, Diag *d, const char *path, const TrainParam *p,
                  int n);
/* Reads weights from a checkpoint, any .safetensors that names them by their paths, or a
 * file of others. partial: weights that are trained may be missing, and stay;
 * *left counts them. */
bool weights_fill(Diag *d, const char *path, TrainParam *p, int n, bool partial,
                  int *left);
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* The format of a checkpoint, for its writer and its reader. */
enum { CHECKPOINT_LENGTH = 8 };
#define CHECKPOINT_START "{\"__metadata__\":{\"header\":\""
#define CHECKPOINT_FORMAT "anec-train"
#define CHECKPOINT_VERSION "1"
#define CHECKPOINT_FILL "_fill."

/* Part 0 of a weight is the weight itself, part k + 1 its state k; NULL: it is frozen and
 * has no states. */
const float *checkpoint_part(const TrainParam *p, int part);
const char *checkpoint_name(Arena *a, const TrainParam *p, int part);

/* ---- the folder of a run ----------------------------------------------------------------- */

typedef struct {
    Diag *diag;
    Arena arena;
    const char *path;
    int lock; /* its descriptor */
    FILE *log;
} TrainFolder;

bool folder_open(TrainFolder *f, Diag *d, const char *path);
/* For a run that begins: checkpoints in the folder are an error, or with `anew` are removed. */
bool folder_begin(TrainFolder *f, bool anew);
void folder_close(TrainFolder *f);
/* Opens log.csv, from which lines of steps from `step` on are cut. */
bool folder_log(TrainFolder *f, uint64_t step);
bool folder_line(TrainFolder *f, const char *line);
/* Writes tokens.bin, what a text became. */
bool folder_tokens(TrainFolder *f, const uint16_t *token, size_t n);
/* Writes config.json, whole or not at all. */
bool folder_config(TrainFolder *f, const char *text);
/* The step of the newest checkpoint; false: there is none. */
bool folder_has(TrainFolder *f, uint64_t *newest);
/* Opens the newest checkpoint that can be read, of the step `most` or one before it. */
bool folder_newest(TrainFolder *f, uint64_t most, TrainCheckpoint *c);
/* Writes a checkpoint and removes those older than the last `keep`; `best`: it is the best so
 * far. */
bool folder_save(TrainFolder *f, const TrainState *s, const TrainParam *p, int n,
                 uint64_t keep, bool best);
/* the path of a checkpoint */
const char *folder_checkpoint(TrainFolder *f, uint64_t step);

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct TrainJob TrainJob;

/* Where an input of a part, or a result of the step, comes from: the result of a part, or an
 * input of the step. */
typedef struct {
    const char *port, *value; /* its name in the part, and in the step */
    int part;                 /* -1: an input of the step */
    const char *result;
    bool handed; /* it is wired on the device, without a copy */
} TrainWire;

typedef struct {
    anec_kernel *kernel;
    anec_part_info info;
    TrainWire *in;
    int nin;
} TrainPart;

/* The step in parts (step_parts.c). */
typedef struct {
    anec_parts *parts; /* NULL: it is one program */
    TrainPart *part;
    int n, programs, engine; /* parts, programs, and programs on the device */
    int wires, handed; /* inputs of parts that are results of others, and those wired */
} TrainSegments;

typedef struct {
    Diag *diag;
    Arena arena;
    const TrainJob *job;
    const char *text, *path; /* of the model; text NULL: it is read from path */
    anec_device *device, *host, *plain, *rest_device;
    anec_device *updates;     /* of --optimizer-on engine, or NULL */
    anec_model *model, *step; /* the step on the device */
    anec_kernel *kernel;
    TrainSegments segments;
    anec_model *host_model, *forward; /* the loss without gradients, in fp32 */
    anec_kernel *look;
    anec_model *rest_model,
        *rest; /* the same with a smaller batch, for the last samples */
    anec_kernel *rest_look;
    TrainParam *param;
    int nparam;
    size_t numbers, learned; /* elements of all weights, and of those that are trained */
    const char *function;    /* of the step: that of --loss, or what loss.c adds */
    const char *loss, *metric; /* names of results; metric may be NULL */
    bool half;                 /* the gradients are computed in fp16 */
    uint64_t turn;             /* the step that they are computed for */
    /* Told of each weight that has its gradient, in the order that they come in. */
    void (*made)(void *made_by, int param);
    void *made_by;
} TrainPrograms;

bool programs_open(TrainPrograms *e, Diag *d, const TrainJob *job, const char *text,
                   const char *path);
void programs_close(TrainPrograms *e);
/* Runs step number `step` on a batch: the gradients, multiplied by `scale`, go into each
 * weight's grad. */
bool programs_gradients(TrainPrograms *e, const TrainData *t, uint64_t step, float scale,
                        double *loss);
/* The loss of a batch in fp32; *metric is not set where the model has none. */
bool programs_loss(TrainPrograms *e, const TrainData *t, double *loss, double *metric);
/* The means over all samples. Samples behind the last full batch count only where the
 * program has a parameter `batch`. *metric is NaN where there is none. */
bool programs_evaluate(TrainPrograms *e, TrainData *t, double *loss, double *metric);
/* The value of a parameter of the program with this text; 0: it has none of that name. */
bool programs_param(TrainPrograms *e, const char *text, const char *name, int64_t *out);
/* Writes the program with its present weights, as a container. */
bool programs_save(TrainPrograms *e, const char *path);
/* loss.c: whether --loss names a loss of std; whether the program has a model of that name,
 * which counts then; and else what is appended to the program. */
bool loss_known(const char *loss);
bool loss_has_model(const anec_model *model, const char *loss);
bool loss_add(TrainPrograms *e, const anec_model *model, Buf *program);
/* Whether a program has a parameter of this name. */
bool program_has_param(const char *text, const char *name);
/* Reports an error of the library; true where there is none. */
bool programs_said(const TrainPrograms *e, anec_status s, const anec_error *error);
/* The kernel to ask about the gradients (anec_fact): the step, or its first part on the
 * device. */
const anec_kernel *programs_tells(const TrainPrograms *e);
/* The kernel whose inputs are all data. */
const anec_kernel *programs_takes(const TrainPrograms *e);

/* Whether the step has a result of this name. */
bool programs_result(const TrainPrograms *e, const char *name);
/* Finds the weights of the step, and what they begin as. */
bool programs_weights(TrainPrograms *e);

/* The inputs of a run, while they are collected. */
typedef struct {
    Arena arena;
    const anec_kernel *kernel;
    anec_input *at;
    anec_tensor *tensor;
    int n;
} TrainInputs;

void inputs_open(TrainInputs *in, const anec_kernel *kernel, int most);
/* The type and shape of an input by name; false: there is none. */
bool inputs_port(const TrainInputs *in, const char *name, anec_tensor *port);
/* Adds an input; floats are converted to the type of the program, which may be fp16. */
void inputs_give(TrainInputs *in, const char *name, const char *origin,
                 const anec_tensor *t);
void inputs_give_scale(TrainInputs *in, const char *name, const float *scale);
anec_tensor weight_tensor(const TrainParam *p); /* a view of the master */
/* The weight as a program of the device is given it at step e->turn: the master or, in memory
 * of the arena, its copy in fp16 where the device computes in that. */
anec_tensor weight_given(const TrainPrograms *e, Arena *a, const TrainParam *p);
/* halves.c: n elements of the weight `path` as numbers of fp16, each one of its two neighbours,
 * which over the steps are as near to it in the mean as it is to itself. */
void halves_round(const char *path, uint64_t step, const float *w, size_t n,
                  uint16_t *out);

/* step_parts.c: the step of a model in parts, where layers are alike. */
bool segments_open(TrainPrograms *e, anec_model *model);
void segments_close(TrainSegments *s);
/* Runs part i of it. */
bool segments_run(TrainPrograms *e, int i, const TrainData *t, const float *scale);
/* The numbers of programs that the device has refused, "2,4", or "". */
const char *segments_refused(const TrainSegments *s, Arena *a);
int segments_part(const TrainSegments *s, const char *name); /* that makes it, or -1 */
bool segments_result(TrainPrograms *e, const char *name, anec_tensor *out);

/* ---- a run ------------------------------------------------------------------------------- */

/* The options of a run. */
struct TrainJob {
    const char *model;   /* NULL: that of the checkpoint */
    const char *folder;  /* NULL: that of the checkpoint, else `run` */
    const char *resume;  /* a folder or a checkpoint, or NULL */
    bool anew;           /* removes a run that is in the folder */
    const char *init;    /* a file with initial weights, or NULL */
    const char *export;  /* a file for the weights at the end, or NULL */
    const char *backend; /* NULL: auto */
    bool shown;          /* serves a page that follows the run */
    uint64_t port;       /* of the page, at 127.0.0.1; 0: one that is free */
    bool plan;           /* as dry, with the bytes of each program */
    bool dry;            /* tells what would run, and ends */
    uint64_t from;       /* the step that is begun at; UINT64_MAX: it is not said */
    uint64_t bench;   /* so many steps are timed, and nothing is written; 0: it trains */
    bool bake;        /* weights are constants, so each step compiles a program */
    uint64_t threads; /* of the processor; 0: as many as it has */
    anec_config *config;  /* of the device */
    anec_config *host;    /* of the programs on the processor */
    anec_config *rest;    /* of those with another batch */
    anec_config *plain;   /* of the optimizer's programs, */
    anec_config *updates; /* and where they are for the device */
    bool batches;         /* the program has a parameter `batch`, */
    uint64_t parts;       /* which is so many times in --batch; 0 is 1 */
    /* numbers of programs that the engine has refused before, or NULL */
    const char *refused;
    const char **option; /* NAME=VALUE: options of `config` and `host`, */
    int noption;         /* which a checkpoint keeps */
    TrainSettings set;
    /* called with a line for people; over: the next line may replace it */
    void (*line)(void *ctx, const char *text, bool over);
    /* by any thread: ends the process at once, with this error and exit 3 */
    void (*leave)(void *ctx, const char *why);
    void *ctx;
    volatile sig_atomic_t *stop;  /* not 0: end after this step, with a checkpoint */
    volatile sig_atomic_t *woken; /* how often the process was told to go on (SIGCONT) */
};

/* How many batches are computed for a step: parts of --batch, of --accum of them. */
uint64_t job_batches(const TrainJob *job);

/* Runs it; false: an error was reported. */
bool train_run(TrainJob *job, Diag *d);

/* Whether the library of Open MPI, by which processes train together, can be loaded; for
 * --version. */
bool ranks_possible(void);

#endif
