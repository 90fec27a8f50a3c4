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

typedef struct {
    const DslSet *set;
    int nset;
    Opset opset; /* of the target: of the module made, and what calls of ops are checked
                    against; OPSET_IOS16 by default */
    /* imports and weight files are found below it; NULL: the folder of src */
    const char *dir;
    bool follow_links; /* --follow-links: these may be links that leave it */
} DslOptions;

/* Compiles the text. Float types are compute types; the boundary is a target's business
 * (ir/targets). NULL after errors, all reported at the lines that caused them. */
Module *dsl_compile(Diag *d, const Source *src, const DslOptions *opt);
bool dsl_print_tokens(Diag *d, const Source *src, Buf *out); /* --emit tokens */
bool dsl_print_ast(Diag *d, const Source *src, Buf *out);    /* --emit ast */

#endif
