/* tool.h -- what the tools that are compilers share: reading a model, options of the passes. */
#ifndef ANEC_TOOL_H
#define ANEC_TOOL_H

#include "../lib/read.h"
#include "main.h"

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

#endif
