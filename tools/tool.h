/* tool.h -- what the tools that are compilers share: reading a model, options of the passes,
 * the list of targets, messages as JSON. */
#ifndef ANEC_TOOL_H
#define ANEC_TOOL_H

#include "../lib/read.h"
#include "main.h"

#include <cjson/cJSON.h>

void tool_warnings(Diag *d, const ToolArgs *a); /* as -W says; for the start of a tool's run */

/* Reads and checks what the operand names. 0, or the exit code: what is wrong has been said. */
int model_read(Model *m, const ToolArgs *a, Diag *d);
int model_open(Model *m, const ToolArgs *a, Diag *d); /* the text alone: m->module stays NULL */
/* of an opened text; MIL is not checked yet: */
int model_parse(Model *m, const ToolArgs *a, Diag *d);
int model_check(Model *m, Diag *d); /* what is only copied need not be right */
void model_free(Model *m);

bool model_wants_passes(const Model *m, const ToolArgs *a);
/* 0, or the exit code: what is wrong has been said. */
int model_pipeline(Model *m, const ToolArgs *a, Diag *d, Pipeline *p);

/* ---- reports as JSON, for tools that read them (tool.c) ---------------------------------- */

/* What d reports from now on is added to the array that is returned, in the place of being
 * printed: each message an object with `level` (note, warning, error, failure), `message`,
 * `warning` (its name), `file`, `line`, `column`, `length` in bytes, and `notes`, those that
 * belong to it. Freed by json_free or json_put, not before the last report. */
cJSON *told_begin(Diag *d);
/* level, message and place of one message */
void told_message(cJSON *o, const char *level, const char *message, Loc loc);

/* ---- several targets in one call: --target NAME[,OS],NAME[,OS].. (target_list.c) --------- */

typedef struct {
    const char **item; /* "NAME" or "NAME,OS", each what --target takes alone */
    int count;
    const char *wrong; /* what is wrong with the text; NULL: nothing */
    const char *open;  /* what it may have meant otherwise, for a note; NULL: nothing */
} Targets;

/* A word of digits and dots behind a comma is a release of the target before it, any other word
 * the next target. All texts are in a. */
Targets targets_split(Arena *a, const char *text);

/* {target} in a path stands for the target's name, with its release as NAME-OS. */
bool path_has_target(const char *path);
const char *path_of_target(Arena *a, const char *path, const char *target);

#endif
