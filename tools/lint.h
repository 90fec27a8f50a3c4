/* lint.h -- what the files of anec lint share: models below paths, findings, the report. */
#ifndef ANEC_LINT_H
#define ANEC_LINT_H

#include "../ir/targets/rules.h"
#include "tool.h"

/* ---- which files ------------------------------------------------------------------------- */

typedef struct {
    const char **item;
    size_t count, room;
} Paths;

/* The models of a path: itself, or all below a folder, in order of names. Names that begin with
 * a dot and links are passed over, a library of the language (no model in it) too. False: there
 * is none, which was said. */
bool lint_find(Paths *out, Arena *a, Diag *d, const char *path);

/* ---- what was found ---------------------------------------------------------------------- */

/* A note is what findings of others contradict: worth knowing, no reason to stop. */
typedef enum { LINT_NOTE, LINT_WARNING, LINT_ERROR, LINT_LEVELS } LintLevel;

typedef struct {
    LintLevel level;
    int rule;       /* a row of rules.def, or -1 */
    const char *id; /* the rule's or warning's name, "invalid" or "unreadable" */
    const char *message, *file;
    int line, column, length;      /* line 0: the file has no text; length in code points */
    const char *func, *value, *op; /* or NULL */
    const char *notes;             /* lines, or NULL */
    const char *left;              /* why no pass applies the fix, or NULL */
    const char **target;           /* for which it holds */
    int ntarget;
} Finding;

typedef struct {
    Finding *item;
    size_t count, room;
    int levels[LINT_LEVELS]; /* how many of each */
    size_t model;            /* where those of the model that is looked at begin */
    const Paths *models;
    const char **target; /* those that were checked for */
    int ntarget;
    Arena *arena;
} Findings;

/* The same finding for another target is one more target of it. */
void lint_add(Findings *all, const Finding *f, const char *target);

/* ---- the report -------------------------------------------------------------------------- */

void lint_text(Buf *out, const Findings *all, LintLevel least);
void lint_json(Buf *out, const Findings *all);
void lint_sarif(Buf *out, const Findings *all);

extern const Tool lint_tool;
/* `anec lint ..`, argv[0] being "lint" */
int lint_main(const Tool *whole, int argc, char **argv);

#endif
