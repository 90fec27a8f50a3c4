/* frontend.h -- the door to the language: .anedsl text becomes a Module of MIL.
 *
 * docs/language.md is the reference; each of its numbered clauses is a test. */
#ifndef ANEC_FRONTEND_H
#define ANEC_FRONTEND_H

#include "../ir/ir.h"
#include "../ir/ops/ops.h"

typedef struct {
    const char *name, *value; /* --set NAME=VALUE, as typed */
} DslSet;

/* A declared weight, or one that became an input. */
typedef struct {
    const char *path,
        *input; /* "blocks.0.wq", and as an input is called: "blocks_0_wq" (NULL: none) */
    const Const *value; /* what it begins as */
} DslWeight;

typedef struct {
    DslWeight *at;
    int count;
} DslWeights;

/* What a declared weight is, in place of what the program says. */
typedef struct {
    const char *path;
    const Const *value;
} DslGiven;

/* The name at this place stands for `what` from now on, "a tensor fp16[1, 2]" or "the int 3":
 * told each time, and so several times where a function is called so often. For editors. */
typedef void (*DslBound)(void *ctx, Loc name, const char *what);

typedef struct {
    const DslSet *set;
    int nset;
    const DslGiven *given; /* a path that no weight of the program has is an error */
    int ngiven;
    Opset opset; /* of the target: of the module made, and what calls of ops are checked
                    against; OPSET_IOS16 by default */
    /* imports and weight files are found below it; NULL: the folder of src */
    const char *dir;
    bool follow_links; /* --follow-links: these may be links that leave it */
    /* --weights: files and folders that all weights are read from, whatever the program names */
    const char *const *from;
    int nfrom;
    /* The float weights of this model (*: of each) are inputs behind its own, no constants;
     * they are told in *weights, in the module's arena and in the order of their paths. NULL:
     * of none. */
    const char *promote;
    const char *promoted; /* those alone that this list of patterns has; NULL: all */
    DslWeights *weights;
    DslWeights *declared; /* told: every weight, in the order of declaration; or NULL */
    DslBound bound;       /* told of each name that is bound; or NULL */
    void *bound_ctx;
} DslOptions;

/* Compiles the text. Float types are compute types; the boundary is a target's business
 * (ir/targets). NULL after errors, all reported at the lines that caused them. */
Module *dsl_compile(Diag *d, const Source *src, const DslOptions *opt);
bool dsl_print_tokens(Diag *d, const Source *src, Buf *out); /* --emit tokens */
bool dsl_print_ast(Diag *d, const Source *src, Buf *out);    /* --emit ast */
/* The text laid out: tokens, comments and line ends as they are, what is between them as all
 * programs have it. A text that is no program is told, and not laid out: false. */
bool dsl_format(Diag *d, const Source *src, Buf *out);

#endif
