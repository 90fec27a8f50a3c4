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

#include "../base/base.h"
#include "../include/anec.h"

/* ---- settings ---------------------------------------------------------------------------- */

enum {
#define SET(id, ...) SET_##id,
#include "settings.def"
    SET_COUNT
};

typedef struct {
    const char *text; /* as given, or the default; NULL: there is neither */
    bool given;       /* it was given on the command line */
    uint64_t count;
    double real;
} TrainSetting;

typedef struct {
    TrainSetting at[SET_COUNT];
} TrainSettings;

extern const char *const train_setting_names[SET_COUNT];
void settings_init(TrainSettings *s);
/* Sets one; text must outlive s. False: it does not take this value. */
bool settings_put(TrainSettings *s, int id, const char *text);
/* Checks what the steps compute with against its bounds; false: an error was reported. */
bool settings_check(const TrainSettings *s, Diag *d);
/* The learning rate of a step, of `steps` in all. */
double schedule_lr(const TrainSettings *s, uint64_t step, uint64_t steps);

/* ---- order ------------------------------------------------------------------------------- */

/* Writes the samples 0 .. n - 1 in the order of an epoch. */
void order_shuffle(uint64_t seed, uint64_t epoch, size_t n, uint32_t *out);
uint64_t order_below(uint64_t u, uint64_t n); /* floor(u * n / 2^64) */

/* ---- weights ----------------------------------------------------------------------------- */

enum { MAX_STATES = 8 };

typedef struct TrainUpdate TrainUpdate;

typedef struct {
    const char *path, *input, *gradient;
    int rank;
    int64_t shape[ANEC_MAX_RANK];
    size_t count;
    /* the weight in fp32, its gradient, and its states (moments). At first in memory of the
     * run's, after an update they are results of `own` */
    float *master, *grad, *state[MAX_STATES];
    bool frozen; /* it is not trained, and has neither gradient nor states */
    float *room; /* memory for a gradient that is no result in fp32, or has to be kept */
    anec_kernel *own; /* an instance of the program that updates weights of its shape */
    /* in place of that, where updates are the engine's: its program and the processor's */
    TrainUpdate *half, *whole;
} TrainParam;

/* ---- vocabularies ------------------------------------------------------------------------ */

typedef struct {
    const char *text;
    uint32_t len;
    float score;
} TrainPiece;

typedef struct {
    enum { VOCAB_NONE, VOCAB_BYTES, VOCAB_CHARS, VOCAB_PIECES } kind;
    Arena arena;
    int n;                   /* number of tokens */
    int rank[256];           /* the token of a byte; -1: none */
    unsigned char byte[256]; /* the byte of a token */
    TrainPiece *piece;       /* of a tokenizer: its tokens */
    int *sorted;             /* of a tokenizer: tokens in the order of their texts */
    const char *file;        /* of a tokenizer: the bytes of its file */
    size_t bytes;
} TrainVocab;

void vocab_bytes(TrainVocab *v);
/* A vocabulary of the bytes that occur in a text. */
void vocab_chars(TrainVocab *v, const unsigned char *text, size_t n);
/* Reads a tokenizer.bin of llama2.c; path is for messages. */
bool vocab_parse(TrainVocab *v, Diag *d, const char *path, const unsigned char *data,
                 size_t size);
void vocab_free(TrainVocab *v);
/* Converts a text to tokens, of which there are n at most. False: a part of it is no token,
 * which is reported; messages call the text `what`. */
bool vocab_encode(const TrainVocab *v, Diag *d, const char *what, const unsigned char *s,
                  size_t n, uint16_t *out, size_t *count);
/* The text of a token, which may be a part of a character. room is one byte of memory that
 * the text may be in. */
const char *vocab_text(const TrainVocab *v, int token, size_t *len, unsigned char *room);
/* the token that texts begin with; -1: there is none */
int vocab_begin(const TrainVocab *v);
bool vocab_ends(const TrainVocab *v, int token); /* whether texts end with this token */
/* The vocabulary as a text for a checkpoint, and back. */
const char *vocab_save(const TrainVocab *v, Arena *a);
bool vocab_load(TrainVocab *v, Diag *d, const char *path, const char *saved);

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

/* ---- rules: optimizers ------------------------------------------------------------------- */

enum { RULE_NUMBERS = 5 };

struct TrainUpdate { /* the program that updates weights of one shape */
    TrainUpdate *next;
    int rank;
    int64_t shape[ANEC_MAX_RANK];
    bool decays, half; /* half: it is in fp16, for the engine */
    anec_model *model;
    anec_kernel *kernel; /* its instances are TrainParam.own */
};

typedef struct {
    Diag *diag;
    Arena arena;
    anec_device *host;
    anec_device *engine; /* that updates are on, or NULL */
    bool low;            /* it was told that a rate is too small for fp16 */
    const TrainSettings *set;
    const char *name, *file,
        *function; /* file, function: where the user has written it */
    int states, kind;
    TrainUpdate *first;
    int programs;
    /* inputs of the update, which all instances are bound to: lr, c1, c2, scale, step */
    float number[RULE_NUMBERS];
} TrainRule;

/* The numbers of an update. */
typedef struct {
    float lr, correct1, correct2, factor, step;
} TrainStep;

/* Whether the optimizer divides by the size of gradients (Adam and its kin), so that very
 * small ones matter. */
bool rule_divides(const TrainSettings *s);
bool rule_has_eps(const TrainSettings *s); /* whether it takes --eps */
bool rule_open(TrainRule *r, Diag *d, anec_device *host, const TrainSettings *s);
/* The program for a weight's shape, compiled unless it was. why: receives what refused it, and
 * nothing is reported; NULL: it is. */
TrainUpdate *update_program(TrainRule *r, const TrainParam *p, bool half,
                            const char **why);
void rule_close(TrainRule *r);
/* Compiles the update of a weight, unless that was done for its shape, and wires its
 * results, weight and states, to its own inputs for the next run. r must not be moved
 * afterwards. */
bool rule_prepare(TrainRule *r, TrainParam *p);
void rule_release(TrainParam *p);
bool rule_update(TrainRule *r, TrainParam *p, const TrainStep *h);
TrainStep rule_step(const TrainRule *r, double lr, uint64_t t, double factor);
/* The names of a state and of what becomes of it; -1 is the weight. */
void update_names(int state, char in[16], char out[24]);
/* Where one is kept. */
float **update_part(TrainParam *p, int state);
bool update_misshapen(TrainRule *r, const TrainParam *p, const char *result);
bool update_said(TrainRule *r, anec_status s, const anec_error *e);
extern const char *const update_scalars[RULE_NUMBERS];

/* rule_engine.c: updates on the engine, in fp16. What divides by the size of gradients gets
 * these, and its eps, times ENGINE_LIFT, as do its states: a second moment is times 2^20. */
#define ENGINE_LIFT 0x1p10
#define ENGINE_EPS 1e-4
#define ENGINE_RATE 0x1p-14 /* smaller numbers are 0 on some engines */
bool engine_prepare(TrainRule *r, TrainParam *p);
bool engine_update(TrainRule *r, TrainParam *p, const TrainStep *h);

/* ---- loss scale -------------------------------------------------------------------------- */

typedef struct {
    bool dynamic, on;
    double value;
    uint64_t good, skipped, in_a_row;
} TrainScale;

bool scale_open(TrainScale *s, Diag *d, const char *text, bool half);
/* Adjusts the scale after a step. It falls where gradients were not finite, and rises where
 * they were small, since otherwise rising would gain nothing and risk overflow. False: it
 * cannot fall any more. */
bool scale_after(TrainScale *s, bool finite, bool small);
/* Whether the elements of some weight's gradient, as the device gave them, are so small in
 * the mean square that fp16 may lose many of them. */
bool scale_small(const TrainParam *p, int n);
/* The first whose gradient, as the device gave it, has an element at the end of fp16: some ops
 * hold there what is larger. NULL: none. */
const TrainParam *scale_saturated(const TrainParam *p, int n);
/* The norm of all gradients; *bad is the first weight with an element that is not finite, or
 * NULL. */
double scale_norm(const TrainParam *p, int n, const TrainParam **bad);

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
} TrainPrograms;

bool programs_open(TrainPrograms *e, Diag *d, const TrainJob *job, const char *text,
                   const char *path);
void programs_close(TrainPrograms *e);
/* Runs the step on a batch: the gradients, multiplied by `scale`, go into each weight's
 * grad. */
bool programs_gradients(TrainPrograms *e, const TrainData *t, float scale, double *loss);
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

/* step_parts.c: the step of a model in parts, where layers are alike. */
bool segments_open(TrainPrograms *e, anec_model *model);
void segments_close(TrainSegments *s);
bool segments_run(TrainPrograms *e, const TrainData *t, const float *scale);
/* The numbers of programs that the device has refused, "2,4", or "". */
const char *segments_refused(const TrainSegments *s, Arena *a);
bool segments_has(const TrainSegments *s, const char *name); /* whether it is a result */
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

/* ---- writing text with a model ----------------------------------------------------------- */

typedef struct {
    double temperature, top_p, min_p;
    uint64_t top_k, seed; /* top_k 0: all */
} TrainSampling;
/* Draws the token with the number `index` of a text. Temperature 0: the one with the largest
 * logit, the first of equals. */
int sample_token(const TrainSampling *s, const float *logit, size_t n, uint64_t index);

typedef struct {
    const char *text, *folder; /* of the program, */
    const char *path;          /* or a file that the library knows the program of */
    const char **option;       /* NAME=VALUE of its parameters */
    int noption;
    const char *backend;
    size_t block; /* how many tokens of a prompt one run reads, 512 at most */
    anec_message message;
    void *ctx;
} TrainWriterOptions;

typedef struct { /* the function `next`, compiled for `block` tokens in a run */
    size_t block;
    anec_config *config;
    anec_device *device;
    anec_model *model, *step;
    anec_kernel *kernel;
    int wired; /* the half whose results its inputs are wired to */
} TrainHalf;

typedef struct { /* a value that goes from run to run: a key or value cache */
    const char *input, *result;
    anec_tensor zero;
} TrainKept;

typedef struct {
    Diag *diag;
    Arena arena;
    TrainHalf half[2]; /* for one token, for a block */
    TrainKept *kept;
    int nkept, last; /* the half that ran last; -1: none since the beginning */
    int threads;
    const char *logits;
    size_t vocabulary, places, at; /* at: how many of the places for tokens are taken */
} TrainWriter;

/* The tensors must outlive the writer, which is to be closed after an error too. */
bool writer_open(TrainWriter *w, Diag *d, const TrainWriterOptions *o,
                 const SafeTensors *s);
void writer_close(TrainWriter *w);
void writer_restart(TrainWriter *w); /* forgets all tokens */
/* Appends n tokens, for which there must be places. *logits, of the token behind them, are
 * valid until the next call. */
bool writer_push(TrainWriter *w, const uint16_t *token, size_t n, const float **logits);

typedef struct {
    /* the folder of a run, or a checkpoint; with `model` a weight file */
    const char *from;
    const char *model;   /* NULL: that of the checkpoint, or of the .bin of llama2.c */
    const char *vocab;   /* with `model`: bytes, or the file of a tokenizer */
    const char **option; /* with `model`: NAME=VALUE of its parameters */
    int noption;
    const char *prompt; /* the beginning of the text */
    const char *stop;   /* the text ends before this; NULL: nowhere */
    const char *backend;
    uint64_t tokens, block; /* how many tokens to write; TrainWriterOptions.block */
    int threads;
    TrainSampling sampling;
    anec_message message;
    void *message_ctx;
    /* called with the text as it is written, in whole characters */
    void (*put)(void *ctx, const char *text, size_t n);
    void *put_ctx;
    volatile sig_atomic_t *stop_now; /* not 0: end after this token */
} TrainWritingJob;
typedef struct {
    size_t prompt, made; /* numbers of tokens */
    double seconds_prompt, seconds;
} TrainWritten;
bool writing_run(const TrainWritingJob *job, Diag *d, TrainWritten *out);

#endif
