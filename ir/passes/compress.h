/* compress.h -- weights in fewer bits: the forms (compress.def), rules that choose one by name
 * and size, and what it cost.
 *
 * A weight that is declared `as int4(block = 32)` and one that a rule of --compress takes go
 * the same way. The pass `compress` stands behind all that computes weights: what is compressed
 * is what the program uses. It reads a weight piece by piece, and keeps what it makes in files
 * without a name (base/scratch.c), so that memory does not grow with the model. The same weight
 * gives the same bytes on every machine. */
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
    int values;              /* of `sparse`: the form of the elements that stay, or KIND_none */
    uint32_t given;          /* a bit for each TOLD_ that was said */
    double told[TOLD_COUNT]; /* 0 where it was not */
} Compression;

/* What stands in the brackets behind a kind: a number or a word, with or without its name. */
typedef struct {
    const char *name; /* NULL: by position */
    const char *word; /* NULL: a number */
    double number;
} CompressArg;

/* False: *wrong says why, without a place. */
bool compression_make(Arena *a, const char *kind, const CompressArg *arg, int n,
                      Compression *out, const char **wrong);
/* "int4(block = 32)" */
const char *compression_text(Arena *a, const Compression *c);
/* Whether it is the name of a kind, or of something that one is told. */
bool compression_word(const char *name);
/* The names of all kinds, "none, auto, .." */
const char *compression_kinds(Arena *a);

/* ---- rules ------------------------------------------------------------------------------- */

typedef struct CompressRules CompressRules;

CompressRules *compress_rules_new(Arena *a);
/* More rules behind those that are there: a text, or the name of a file of them. False:
 * reported. */
bool compress_rules_add(CompressRules *r, Diag *d, const char *text);
void compress_rules_free(CompressRules *r); /* the files that it holds; NULL is allowed */

/* ---- what came of it --------------------------------------------------------------------- */

typedef struct {
    const char *func, *name; /* of the value in the program */
    const char *path;        /* of the weight that it is, or is made of */
    const char *as;          /* NULL: it stays as it is, and `why` says why */
    const char *why;         /* it is not what was asked for, or NULL */
    const Type *type;
    double elements, before, after; /* bytes */
    bool shared;                    /* with a function before: its bytes count there */
    /* of the decoded weight beside the weight, where plan->measures */
    double max_error, rms_error, rms;
} CompressNote;

typedef struct CompressPlan {
    CompressRules *rules; /* NULL: what is declared alone */
    bool measures;        /* decodes all that it has made, by the op's reference kernel */
    CompressNote *note;   /* in the module's arena, in the program's order */
    size_t nnote, cap;
} CompressPlan;

/* Whether the program declares a form for a weight. */
bool module_compresses(const Module *m);
/* The weights get the names that rules are about, before passes give them others. */
void compress_name_weights(Module *m);

#endif
