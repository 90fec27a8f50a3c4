/* frontend.h -- the compiler of the language: from the text of an .anedsl file to a Module of
 * MIL.
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

/* A value for a declared weight, in place of the one that the program has. */
typedef struct {
    const char *path;
    const Const *value;
} DslGiven;

/* Called when a name is bound, with a description of its value: "a tensor fp16[1, 2]", "the
 * int 3". Where a function is called several times, so is this for the names in it. For
 * editors. */
typedef void (*DslBound)(void *ctx, Loc name, const char *what);

typedef struct {
    const DslSet *set;
    int nset;
    const DslGiven *given; /* a path that is none of a declared weight is an error */
    int ngiven;
    Opset opset; /* that of the target, for the module and for checking calls of ops; by
                    default OPSET_IOS16 */
    /* folder of imports and weight files; NULL: the folder of src */
    const char *dir;
    bool follow_links; /* --follow-links: these may be links that leave the folder */
    /* --weights: files and folders that all weights are read from, whatever the program says */
    const char *const *from;
    int nfrom;
    /* The float weights of this model (*: of every model) become inputs, behind its own
     * inputs, and are listed in *weights, in the module's arena and in the order of their
     * paths. NULL: weights are constants. */
    const char *promote;
    const char *promoted; /* only those that match this list of patterns; NULL: all */
    DslWeights *weights;
    DslWeights *declared; /* receives all weights, in the order of declaration; or NULL */
    bool straight;        /* --straight-through: Module.straight */
    bool lean;            /* only main, and the model of `promote`, are compiled */
    DslBound bound;       /* or NULL */
    void *bound_ctx;
} DslOptions;

/* Compiles the text. Float types are those in which the program computes; types of inputs
 * and results may be changed for a target later (ir/passes/boundary.c). NULL: there were
 * errors, all reported. */
Module *dsl_compile(Diag *d, const Source *src, const DslOptions *opt);
bool dsl_print_tokens(Diag *d, const Source *src, Buf *out); /* --emit tokens */
bool dsl_print_ast(Diag *d, const Source *src, Buf *out);    /* --emit ast */
/* --format: the same tokens, comments and line ends, with uniform indentation and blanks.
 * False: the text has errors of syntax, which are reported. */
bool dsl_format(Diag *d, const Source *src, Buf *out);

#endif
