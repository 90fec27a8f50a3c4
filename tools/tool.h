/* tool.h -- shared by the tools that are compilers: reading a model, options of the passes,
 * the list of targets, messages as JSON. */
#ifndef ANEC_TOOL_H
#define ANEC_TOOL_H

#include "../lib/read.h"
#include "main.h"

#include <cjson/cJSON.h>

/* applies -W; called first in a tool's run */
void tool_warnings(Diag *d, const ToolArgs *a);

/* The functions of lib/read.h for the operand of a command line. They return 0, or the exit
 * code after an error, which was reported. model_read opens, parses and checks. */
int model_read(Model *m, const ToolArgs *a, Diag *d);
int model_open(Model *m, const ToolArgs *a, Diag *d);
int model_parse(Model *m, const ToolArgs *a, Diag *d);
int model_check(Model *m, Diag *d);
void model_free(Model *m);

bool model_wants_passes(const Model *m, const ToolArgs *a);
int model_pipeline(Model *m, const ToolArgs *a, Diag *d, Pipeline *p);

/* ---- messages as JSON (tool.c) ----------------------------------------------------------- */

/* Makes d add its messages to the array that is returned, in place of printing them. Each is
 * an object with `level` (note, warning, error, failure), `message`, `warning` (its name),
 * `file`, `line`, `column`, `length` in bytes, and `notes`, an array. To be freed by
 * json_free or json_put, after the last message. */
cJSON *told_begin(Diag *d);
/* Adds level, message and place to an object. */
void told_message(cJSON *o, const char *level, const char *message, Loc loc);

/* ---- several targets in one call: --target NAME[,OS],NAME[,OS].. (target_list.c) --------- */

typedef struct {
    const char **item; /* "NAME" or "NAME,OS" each */
    int count;
    const char *wrong; /* what is wrong with the text, or NULL */
    const char *open;  /* a note about another reading that it could have, or NULL */
} Targets;

/* Splits a list. A word of digits and dots behind a comma is the release of the target
 * before it; any other word is another target. All texts are in the arena. */
Targets targets_split(Arena *a, const char *text);

/* {target} in a path is replaced by the target's name, with a release by NAME-OS. */
bool path_has_target(const char *path);
const char *path_of_target(Arena *a, const char *path, const char *target);

#endif
