/* lint.h -- shared by the files of `anec lint` alone: finding models, findings, the report. */
#ifndef ANEC_LINT_H
#define ANEC_LINT_H

#include "../ir/targets/rules.h"
#include "tool.h"

/* ---- which files ------------------------------------------------------------------------- */

typedef struct {
    const char **item;
    size_t count, room;
} Paths;

/* Lists the models of a path: itself, or all below a folder, in the order of names. Names
 * that begin with a dot, links, and files of the language without a model are skipped.
 * False: there is no model, which was reported. */
bool lint_find(Paths *out, Arena *a, Diag *d, const char *path);

/* ---- findings ---------------------------------------------------------------------------- */

/* A note is a broken rule that other reports contradict: worth knowing, and no failure. */
typedef enum { LINT_NOTE, LINT_WARNING, LINT_ERROR, LINT_LEVELS } LintLevel;

typedef struct {
    LintLevel level;
    int rule;       /* row of rules.def, or -1 */
    const char *id; /* the rule's or warning's name, "invalid" or "unreadable" */
    const char *message, *file;
    int line, column, length; /* line 0: the file is no text; length in code points */
    const char *func, *value, *op; /* or NULL */
    const char *notes;             /* lines, or NULL */
    const char *left;              /* why no pass applies the fix, or NULL */
    const char **target;           /* the targets that have it */
    int ntarget;
} Finding;

typedef struct {
    Finding *item;
    size_t count, room;
    int levels[LINT_LEVELS]; /* number of findings of each level */
    size_t model;            /* index of the first finding of the current model */
    const Paths *models;
    const char **target; /* all targets that were checked */
    int ntarget;
    Arena *arena;
} Findings;

/* Adds a finding; one that is there already gets another target. */
void lint_add(Findings *all, const Finding *f, const char *target);

/* ---- the report -------------------------------------------------------------------------- */

void lint_text(Buf *out, const Findings *all, LintLevel least);
void lint_json(Buf *out, const Findings *all);
void lint_sarif(Buf *out, const Findings *all);

extern const Tool lint_tool;
/* `anec lint ..`, argv[0] being "lint" */
int lint_main(const Tool *whole, int argc, char **argv);

#endif
