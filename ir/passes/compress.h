/* compress.h -- weights in fewer bits: the compressed forms (compress.def), rules that choose a
 * form by name and size, and a report of the error that it makes.
 *
 * A weight that is declared `as int4(block = 32)`, and one that a rule of --compress
 * selects, are compressed by the same pass, `compress`, which runs after all passes that
 * compute weights. It reads a weight piece by piece, and keeps results in files without a
 * name (base/scratch.c), so that memory does not grow with the model. The same weight gives
 * the same bytes on every machine. */
#ifndef ANEC_COMPRESS_H
#define ANEC_COMPRESS_H

#include "../ir.h"

/* ---- a form ------------------------------------------------------------------------------ */

typedef enum {
#define FAMILY(id, ...) FAMILY_##id,
#include "compress.def"
    FAMILY_COUNT
} CompressFamily;

enum {
#define FAMILY(id, ...) IN_##id = 1 << FAMILY_##id,
#include "compress.def"
    IN_ALL = -1
};

enum {
#define KIND(id, ...) KIND_##id,
#include "compress.def"
    KIND_COUNT
};

enum {
#define TOLD(id, ...) TOLD_##id,
#include "compress.def"
    TOLD_COUNT
};

typedef struct Compression {
    int kind;
    int values;     /* of `sparse`: the form of the elements that stay, or KIND_none */
    uint32_t given; /* bit i: parameter TOLD_i was given */
    double told[TOLD_COUNT]; /* parameters by TOLD_; 0 where not given */
} Compression;

/* A parameter in the parentheses behind a kind: a number or a word, with or without its
 * name. */
typedef struct {
    const char *name; /* NULL: by position */
    const char *word; /* NULL: a number */
    double number;
} CompressArg;

/* A form from its text in parts. False: *wrong is the message, without a place. */
bool compression_make(Arena *a, const char *kind, const CompressArg *arg, int n,
                      Compression *out, const char **wrong);
/* "int4(block = 32)" */
const char *compression_text(Arena *a, const Compression *c);
/* Whether it is the name of a kind or of a parameter of one. */
bool compression_word(const char *name);
/* The names of all kinds, "none, auto, ..", for messages. */
const char *compression_kinds(Arena *a);

/* ---- rules ------------------------------------------------------------------------------- */

typedef struct CompressRules CompressRules;

CompressRules *compress_rules_new(Arena *a);
/* Appends rules: a text, or the name of a file of them. False: an error was reported. */
bool compress_rules_add(CompressRules *r, Diag *d, const char *text);
void compress_rules_free(CompressRules *r); /* NULL is allowed */

/* ---- the plan, and a note on each weight ------------------------------------------------- */

typedef struct {
    const char *func, *name; /* of the value in the program */
    const char *path;        /* of the named weight that it is, or is computed from */
    const char *as;  /* the form it got; NULL: it stays as it is, `why` tells why */
    const char *why; /* why it is not what was asked for, or NULL */
    const Type *type;
    double elements, before, after; /* number of elements; bytes before and after */
    bool shared; /* an earlier function has the weight too, and its bytes count there */
    /* where plan->measures: of the decoded weight against the original */
    double max_error, rms_error, rms;
} CompressNote;

typedef struct CompressPlan {
    CompressRules *rules; /* NULL: only declared forms */
    bool measures;        /* decodes every compressed weight to measure its error */
    CompressNote *note;   /* in the module's arena, in the program's order */
    size_t nnote, cap;
} CompressPlan;

/* Whether the program declares a form for any weight. */
bool module_compresses(const Module *m);
/* Notes the names of weights, by which rules select them, before passes rename values. */
void compress_name_weights(Module *m);

#endif
