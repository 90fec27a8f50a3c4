/* train.h -- training: a client of the public library that computes a loss and its gradients as
 * a program of the model's (anec_step), keeps weights and moments in fp32, and updates them by
 * rules that are programs too.
 *
 *   data.c        samples from files, laid into the inputs of a step, and which of them a step
 *                 takes: a function of seed and step alone
 *   pictures.c    folders of PNG files as samples
 *   tokens.c      texts as samples
 *   vocab.c       what tokens stand for
 *   schedule.c    settings of a run, and the learning rate and loss scale of a step
 *   rule.c        optimizers, compiled from the language
 *   checkpoint.c  a run in a file, written whole or not at all
 *   import.c      weights from files of others
 *   export.c      and for them
 *   restore.c     the same read, where every byte is doubted
 *   folder.c      the run's folder: its lock, its checkpoints, log.csv
 *   programs.c    the programs of a run, on the device and on the host
 *   step_parts.c  the step in parts, where layers are alike
 *   open.c        what a run begins with: its programs, its data, its checkpoint
 *   tell.c        what is said of it
 *   page.c        its curve, as a drawing and a page
 *   sums.c        the gradients of a step's batches, by one process or several
 *   several.c     who speaks of several processes, and what is done when one is gone
 *   ranks.c       processes that train together, by MPI
 *   serve.c       a page that follows the run (live.html)
 *   loop.c        the run
 *   generate.c    a model that goes on with tokens: which one comes next
 *   write.c       and with a text
 *   samples.c     and while it is trained
 *
 * A step s takes what data.c says of s, so that a run which is resumed needs no other memory
 * than its checkpoint, and equals one that never stopped, bit for bit. */
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
    const char *text; /* as given, or the default; NULL: neither */
    bool given;       /* on the command line */
    uint64_t count;
    double real;
} TrainSetting;

typedef struct {
    TrainSetting at[SET_COUNT];
} TrainSettings;

extern const char *const train_setting_names[SET_COUNT];
void settings_init(TrainSettings *s);
/* text must outlive it. False: it does not take this value. */
bool settings_put(TrainSettings *s, int id, const char *text);
/* the learning rate of step s of n */
double schedule_lr(const TrainSettings *s, uint64_t step, uint64_t steps);

/* ---- order ------------------------------------------------------------------------------- */

/* The samples 0 .. n - 1 in the order of an epoch. */
void order_shuffle(uint64_t seed, uint64_t epoch, size_t n, uint32_t *out);
uint64_t order_below(uint64_t u, uint64_t n); /* floor(u * n / 2^64) */

/* ---- what is trained --------------------------------------------------------------------- */

enum { MAX_STATES = 8 };

typedef struct {
    const char *path, *input, *gradient;
    int rank;
    int64_t shape[ANEC_MAX_RANK];
    size_t count;
    /* as they begin memory of the run's; after an update results of `own` */
    float *master, *grad, *state[MAX_STATES];
    bool frozen;      /* it stays as it is: it has no gradient and no states */
    float *room;      /* of a gradient that is no result of fp32, or has to be kept */
    anec_kernel *own; /* of the program that updates weights of its shape, an instance */
} TrainParam;

/* ---- what tokens stand for --------------------------------------------------------------- */

typedef struct {
    const char *text;
    uint32_t len;
    float score;
} TrainPiece;

typedef struct {
    enum { VOCAB_NONE, VOCAB_BYTES, VOCAB_CHARS, VOCAB_PIECES } kind;
    Arena arena;
    int n;                   /* tokens */
    int rank[256];           /* what a byte is as a token; -1: none */
    unsigned char byte[256]; /* the other way */
    TrainPiece *piece;       /* of a tokenizer */
    int *sorted;             /* its tokens by their text */
    const char *file;        /* its bytes */
    size_t bytes;
} TrainVocab;

void vocab_bytes(TrainVocab *v);
void vocab_chars(TrainVocab *v, const unsigned char *text, size_t n); /* its bytes */
/* A tokenizer.bin of llama2.c; path is for messages. */
bool vocab_parse(TrainVocab *v, Diag *d, const char *path, const unsigned char *data,
                 size_t size);
void vocab_free(TrainVocab *v);
/* As many tokens as bytes are the most. what: for messages. False, said: no token is this. */
bool vocab_encode(const TrainVocab *v, Diag *d, const char *what, const unsigned char *s,
                  size_t n, uint16_t *out, size_t *count);
/* What a token is as text, no character perhaps but a part of one; room: of one byte. */
const char *vocab_text(const TrainVocab *v, int token, size_t *len, unsigned char *room);
int vocab_begin(const TrainVocab *v); /* the token that texts begin with; -1: there is none */
bool vocab_ends(const TrainVocab *v, int token); /* texts end with this one */
/* The same as a text, for a checkpoint. */
const char *vocab_save(const TrainVocab *v, Arena *a);
bool vocab_load(TrainVocab *v, Diag *d, const char *path, const char *saved);

/* ---- data -------------------------------------------------------------------------------- */

/* One input of a step. */
typedef struct {
    const char *input, *file; /* file: for messages */
    NpyArray array;
    const char **name; /* of the pictures in a folder, in order; of a file there are none */
    size_t names;
    size_t sample;      /* elements of one */
    bool whole;         /* a sample is all of the input: it has no axis for them */
    void *room;         /* what the step is given: fp32, or int32 */
    anec_tensor tensor; /* that */
} TrainColumn;

typedef struct {
    Diag *diag;
    Arena arena;
    const char *text; /* as given */
    TrainColumn *column;
    int ncolumn;
    size_t samples, batch;
    uint64_t epoch; /* of `order` */
    uint32_t *order;
    uint64_t bytes;
    char sha256[65]; /* of all elements */
    uint16_t *token; /* of a text, or NULL: samples are windows of these */
    size_t tokens, window;
    const char *vocab_name; /* --vocab */
    TrainVocab vocab;       /* of a text */
} TrainData;

/* Opens what `text` names for the inputs of a step's kernel, which are all but weights.
 * t->vocab_name is the caller's; saved: a vocabulary that counts in its place, or NULL. */
bool data_open(TrainData *t, Diag *d, const char *text, const anec_kernel *kernel,
               const anec_model *step, const char *saved);
/* pictures.c: whether what is named holds pictures, and their elements as the column's array. */
bool pictures_named(const char *path);
bool pictures_open(TrainData *t, TrainColumn *c, const anec_tensor *port);
/* "FOLDER/img,FOLDER/mask" of a folder that has an img, else what was given. */
const char *pictures_pairs(Arena *a, const char *text);
/* tokens.c: whether data of this name is one, and the same for it, with the columns' ports. */
bool tokens_named(const char *text);
bool tokens_open(TrainData *t, const char *saved);
void tokens_batch(TrainData *t, uint64_t seed, uint64_t index);
void tokens_range(TrainData *t, size_t first, size_t n);
/* built-in:tiny brings the weights that its run begins with, where the model's are two, w1 and
 * w2; other data changes nothing. */
void data_first_weights(const TrainData *t, TrainParam *p, int n);
void data_close(TrainData *t);
/* Lays batch `index` of the run into the tensors of the columns. */
void data_batch(TrainData *t, uint64_t seed, uint64_t index);
/* n samples from `first` on, in the order of the file. */
void data_range(TrainData *t, size_t first, size_t n);
/* What is laid into the tensors. False, said: a float that is no finite number, or a whole number
 * below 0, where classes and tokens are. */
bool data_sound(TrainData *t);

/* ---- rules ------------------------------------------------------------------------------- */

enum { RULE_NUMBERS = 5 };

typedef struct TrainUpdate TrainUpdate;
struct TrainUpdate { /* compiled for the weights of one shape */
    TrainUpdate *next;
    int rank;
    int64_t shape[ANEC_MAX_RANK];
    bool decays;
    anec_model *model;
    anec_kernel *kernel; /* the instances are of it */
};

typedef struct {
    Diag *diag;
    Arena arena;
    anec_device *host;
    const TrainSettings *set;
    const char *name, *file, *function; /* file, function: the user's own */
    int states, kind;
    TrainUpdate *first;
    int programs;
    /* what a step is made with, which all instances are bound to: lr, c1, c2, scale, step */
    float number[RULE_NUMBERS];
} TrainRule;

/* What a step is made with. */
typedef struct {
    float lr, correct1, correct2, factor, step;
} TrainStep;

/* Whether its steps do not grow with the gradients, so that small ones are needed. */
bool rule_divides(const TrainSettings *s);
bool rule_open(TrainRule *r, Diag *d, anec_device *host, const TrainSettings *s);
void rule_close(TrainRule *r);
/* Compiles what updates a weight, where none of its shape was compiled before, and wires it: what
 * it makes of weight and states is what it takes in its next run. r must stay where it is. */
bool rule_prepare(TrainRule *r, TrainParam *p);
void rule_release(TrainParam *p);
bool rule_update(TrainRule *r, TrainParam *p, const TrainStep *h);
TrainStep rule_step(const TrainRule *r, double lr, uint64_t t, double factor);

/* ---- scale ------------------------------------------------------------------------------- */

typedef struct {
    bool dynamic, on;
    double value;
    uint64_t good, skipped, in_a_row;
} TrainScale;

bool scale_open(TrainScale *s, Diag *d, const char *text, bool half);
/* After a step whose gradients were finite or not, and small or not: it rises where they are,
 * since elsewhere that would gain nothing and bring the end of fp16 nearer. False: it cannot
 * fall any more. */
bool scale_after(TrainScale *s, bool finite, bool small);
/* Whether the elements of some weight's gradient, as they came from the device, are so small in
 * the mean square that fp16 may lose many of them. */
bool scale_small(const TrainParam *p, int n);
/* Norm of all gradients; *bad: the first that has one which is not finite, or NULL. */
double scale_norm(const TrainParam *p, int n, const TrainParam **bad);

/* ---- checkpoints ------------------------------------------------------------------------- */

/* What a run knows of itself beside its tensors; state.def lists it. */
typedef struct {
    /* steps done, those of them that changed weights, samples seen; of the loss scale: good
     * steps in a row, and all that were skipped; evaluations since the best one */
    uint64_t step, updates, samples, good, skipped, stale;
    double scale, loss, best_loss;
    uint64_t best_step;
    const char *settings, *options; /* JSON: TrainSettings, and what the library was told */
    const char *data_sha256;
    const char *backend, *io, *chip, *why, *anec_version; /* the mode that it ran in */
    const char *machine; /* processor and system of that, or "" */
    const char *refused; /* programs of the step that the engine refused: "2,4", or "" */
    const char *model_path, *model_sha256, *model; /* model: the program's text */
    const char *vocab;                             /* of tokens (vocab_save), or "" */
    int states;                                    /* tensors a weight beside itself */
} TrainState;

/* Writes the run as path, whole or not at all. */
bool checkpoint_write(Diag *d, const char *path, const TrainState *s, const TrainParam *p,
                      int n);

typedef struct {
    const char *path;
    Arena arena;
    Mapped file;
    SafeTensors tensors;
    TrainState state;
} TrainCheckpoint;

/* Reads and checks all that does not need the model; when it fails there is nothing to close. */
bool checkpoint_open(TrainCheckpoint *c, Diag *d, const char *path);
/* The same of a file that is mapped already, which is the checkpoint's from then on. */
bool checkpoint_parse(TrainCheckpoint *c, Diag *d, const char *path, const Mapped *file);
void checkpoint_close(TrainCheckpoint *c);
/* The tensors into weights and states of these shapes; false: another model's, whose hash is
 * not this one. */
bool checkpoint_fill(const TrainCheckpoint *c, Diag *d, TrainParam *p, int n,
                     const char *model_sha256);
/* The tensors of a mapped file, which must outlive them: a .safetensors, or what import.c takes. */
bool tensors_parse(Arena *a, Diag *d, const char *path, const Mapped *file, SafeTensors *out);
bool import_named(const char *path);
bool import_parse(Arena *a, Diag *d, const char *path, const Mapped *file, SafeTensors *out);
/* What was trained as FILE.safetensors, weights alone, or FILE.bin, for llama2.c. */
typedef struct {
    int64_t heads, positions; /* of the program, 0: it does not say */
} TrainExport;
/* A name that the library writes programs under. */
bool export_is_program(const char *path);
bool export_write(const TrainExport *o, Diag *d, const char *path, const TrainParam *p, int n);
/* Weights alone, from a checkpoint or any .safetensors with their paths as names, or the files
 * of others. partial: those that are learned may be missing there, and are left; *left of them. */
bool weights_fill(Diag *d, const char *path, TrainParam *p, int n, bool partial, int *left);
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* How one lies in its file, for what writes it and what reads it. */
enum { CHECKPOINT_LENGTH = 8 };
#define CHECKPOINT_START "{\"__metadata__\":{\"header\":\""
#define CHECKPOINT_FORMAT "anec-train"
#define CHECKPOINT_VERSION "1"
#define CHECKPOINT_FILL "_fill."

/* Part 0 of a weight are its numbers, part k + 1 its state k; NULL: it has none, being frozen. */
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
/* Of a run that begins: an error where the folder has checkpoints, or with `anew` they go. */
bool folder_begin(TrainFolder *f, bool anew);
void folder_close(TrainFolder *f);
/* log.csv from here on: lines of steps from `step` on are cut. */
bool folder_log(TrainFolder *f, uint64_t step);
bool folder_line(TrainFolder *f, const char *line);
/* The newest checkpoint of a folder that can be read, or of a file that is one. */
bool folder_newest(TrainFolder *f, TrainCheckpoint *c);
/* Saves, and removes what is older than the last `keep`; `best`: it is the best so far. */
bool folder_save(TrainFolder *f, const TrainState *s, const TrainParam *p, int n, uint64_t keep,
                 bool best);
const char *folder_checkpoint(TrainFolder *f, uint64_t step); /* its path */

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct TrainJob TrainJob;

/* Where an input of a part, or a result of the step, comes from: a part's result, else an input of
 * the step. */
typedef struct {
    const char *port, *value; /* as the part, and as the step calls it */
    int part;                 /* -1: an input of the step */
    const char *result;
    bool handed; /* the part has it from that one, where the device left it */
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
    int n, programs, engine; /* programs in all, and those of the device */
    int wires, handed;       /* inputs of parts that are results of others, and those wired */
} TrainSegments;

typedef struct {
    Diag *diag;
    Arena arena;
    const TrainJob *job;
    const char *text, *path; /* of the model: NULL, it is read from path; where it was */
    anec_device *device, *host, *plain, *rest_device;
    anec_model *model, *step; /* on the device */
    anec_kernel *kernel;
    TrainSegments segments;
    anec_model *host_model, *forward; /* the loss alone, on the host where fp16 computes */
    anec_kernel *look;
    anec_model *rest_model, *rest; /* the same of fewer samples, for the last of a set */
    anec_kernel *rest_look;
    TrainParam *param;
    int nparam;
    size_t numbers, learned;   /* of all weights, of those that are not frozen */
    const char *loss, *metric; /* results; metric may be NULL */
    bool half;                 /* fp16 computes the gradients */
} TrainPrograms;

bool programs_open(TrainPrograms *e, Diag *d, const TrainJob *job, const char *text,
                   const char *path);
void programs_close(TrainPrograms *e);
/* One batch: the gradients, multiplied with `scale`, go into each weight's grad. */
bool programs_gradients(TrainPrograms *e, const TrainData *t, float scale, double *loss);
/* The loss of a batch with the masters in fp32; metric is left where the model has none. */
bool programs_loss(TrainPrograms *e, const TrainData *t, double *loss, double *metric);
/* Their means over all samples; what is left behind the last batch counts where the program has
 * a parameter `batch`. metric: NaN where there is none. */
bool programs_evaluate(TrainPrograms *e, TrainData *t, double *loss, double *metric);
/* The value of a parameter of the program, which is this text; 0: it has none of this name. */
bool programs_param(TrainPrograms *e, const char *text, const char *name, int64_t *out);
/* The program with the weights as they are, as a container that the library writes. */
bool programs_save(TrainPrograms *e, const char *path);
/* Whether a program has a parameter of this name. */
bool program_has_param(const char *text, const char *name);
bool programs_said(const TrainPrograms *e, anec_status s, const anec_error *error);
/* What tells about the gradients: their program, or the first part of the device. */
const anec_kernel *programs_tells(const TrainPrograms *e);
/* The kernel that all data goes into. */
const anec_kernel *programs_takes(const TrainPrograms *e);

/* The inputs of a run, while they are gathered. */
typedef struct {
    Arena arena;
    const anec_kernel *kernel;
    anec_input *at;
    anec_tensor *tensor;
    int n;
} TrainInputs;

void inputs_open(TrainInputs *in, const anec_kernel *kernel, int most);
/* What an input of that name is; false: there is none. */
bool inputs_port(const TrainInputs *in, const char *name, anec_tensor *port);
/* Floats as the program takes them: an engine's may be fp16. */
void inputs_give(TrainInputs *in, const char *name, const char *origin, const anec_tensor *t);
void inputs_give_scale(TrainInputs *in, const char *name, const float *scale);
anec_tensor weight_tensor(const TrainParam *p); /* the master */

/* step_parts.c: the step of a model in parts, where layers of it are alike. */
bool segments_open(TrainPrograms *e, anec_model *model);
void segments_close(TrainSegments *s);
bool segments_run(TrainPrograms *e, const TrainData *t, const float *scale);
/* Programs that the device refused, "2,4"; "": none. */
const char *segments_refused(const TrainSegments *s, Arena *a);
bool segments_has(const TrainSegments *s, const char *name); /* a result of the step */
bool segments_result(TrainPrograms *e, const char *name, anec_tensor *out);

/* ---- a run ------------------------------------------------------------------------------- */

/* What the tool tells of a run. */
struct TrainJob {
    const char *model;   /* NULL: that of the checkpoint */
    const char *folder;  /* NULL: that of the checkpoint, else `run` */
    const char *resume;  /* a folder or a checkpoint, or NULL */
    bool anew;           /* a run that the folder has is removed */
    const char *init;    /* weights that it begins with, or NULL */
    const char *export;  /* a file that gets the weights at the end, or NULL */
    const char *backend; /* NULL: auto */
    bool shown;          /* a page follows the run */
    uint64_t port;       /* of that at 127.0.0.1; 0: one that is free */
    bool dry;            /* say what would run, and end */
    bool bake;           /* weights are constants, and each step's program is another */
    uint64_t threads;    /* of what the processor computes; 0: as many as there are */
    anec_config *config; /* of the device */
    anec_config *host;   /* of what runs on the processor */
    anec_config *rest;   /* the same once more, which is given another batch */
    anec_config *plain;  /* of the optimizer's programs */
    bool batches;        /* the program has a parameter `batch` */
    const char *refused; /* programs of the step that the engine refused before, or NULL */
    const char **option; /* NAME=VALUE that both were told, */
    int noption;         /* which a checkpoint keeps */
    TrainSettings set;
    /* a line for people; over: the next one may replace it */
    void (*line)(void *ctx, const char *text, bool over);
    void *ctx;
    volatile sig_atomic_t *stop; /* not 0: end after this step, with a checkpoint */
};

/* False: failed and said. */
bool train_run(TrainJob *job, Diag *d);

/* Whether Open MPI's library, by which processes train together, can be loaded, for --version. */
bool ranks_possible(void);

/* ---- writing ----------------------------------------------------------------------------- */

typedef struct {
    double temperature, top_p, min_p;
    uint64_t top_k, seed; /* top_k 0: all */
} TrainSampling;
/* The token that comes as number `index`; temperature 0: the largest logit, the first of
 * equals. */
int sample_token(const TrainSampling *s, const float *logit, size_t n, uint64_t index);

typedef struct {
    const char *text, *folder; /* of the program */
    const char **option;       /* NAME=VALUE of its parameters */
    int noption;
    const char *backend;
    size_t block; /* tokens of a run while a prompt is read: 512 at most */
    anec_message message;
    void *ctx;
} TrainWriterOptions;

typedef struct { /* `next` for so many tokens a run */
    size_t block;
    anec_config *config;
    anec_device *device;
    anec_model *model, *step;
    anec_kernel *kernel;
    int wired; /* what it takes over: of which half */
} TrainHalf;

typedef struct { /* what a run hands on to the next one */
    const char *input, *result;
    anec_tensor zero;
} TrainKept;

typedef struct {
    Diag *diag;
    Arena arena;
    TrainHalf half[2]; /* of one token, of a block */
    TrainKept *kept;
    int nkept, last; /* the half that ran last; -1: none since the beginning */
    int threads;
    const char *logits;
    size_t vocabulary, places, at; /* places: for tokens; at: those that are taken */
} TrainWriter;

/* The tensors must stay as long as it does. After an error it is to be closed all the same. */
bool writer_open(TrainWriter *w, Diag *d, const TrainWriterOptions *o, const SafeTensors *s);
void writer_close(TrainWriter *w);
void writer_restart(TrainWriter *w); /* forgets all tokens */
/* n more tokens, for which there must be places; the logits of what comes behind them are valid
 * until the next call. */
bool writer_push(TrainWriter *w, const uint16_t *token, size_t n, const float **logits);

typedef struct {
    const char *from;    /* a run's folder, or a checkpoint; with `model` any file of weights */
    const char *model;   /* NULL: the checkpoint's */
    const char *vocab;   /* with `model`: bytes, or a tokenizer's file */
    const char **option; /* with `model`: NAME=VALUE of its parameters */
    int noption;
    const char *prompt; /* comes out first */
    const char *stop;   /* the text ends before this; NULL: nowhere */
    const char *backend;
    uint64_t tokens, block; /* as many as are made; of a run over the prompt */
    int threads;
    TrainSampling sampling;
    anec_message message;
    void *message_ctx;
    /* the text as it is made, in whole characters */
    void (*put)(void *ctx, const char *text, size_t n);
    void *put_ctx;
    volatile sig_atomic_t *stop_now; /* not 0: end after this token */
} TrainWritingJob;
typedef struct {
    size_t prompt, made; /* tokens */
    double seconds_prompt, seconds;
} TrainWritten;
bool writing_run(const TrainWritingJob *job, Diag *d, TrainWritten *out);

#endif
