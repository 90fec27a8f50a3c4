/* writing.h -- texts: vocabularies, and writing text with a model. train.h includes it. */
#ifndef ANEC_TRAIN_WRITING_H
#define ANEC_TRAIN_WRITING_H

#include "../base/base.h"
#include "../include/anec.h"

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
