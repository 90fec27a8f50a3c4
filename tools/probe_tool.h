/* probe_tool.h -- shared by the files of aneprobe alone. */
#ifndef ANEC_PROBE_TOOL_H
#define ANEC_PROBE_TOOL_H

#include "../backends/backend.h"
#include "tool.h"

enum {
#define OPT(id, ...) PROBE_##id,
#include "aneprobe.def"
};

static inline const OptValue *probe_opt(const ToolArgs *a, int id)
{
    return &a->value[id];
}

/* The backend that --backend names, or the engine. NULL: an error was reported, and *code is
 * the exit code. */
const Backend *probe_backend(const ToolArgs *a, Diag *d, int *code);
/* The seconds to wait after a program that the engine has refused, and the number of
 * programs that one process may compile (0: any), by the options or else by the backend. */
double probe_pause(const ToolArgs *a, const Backend *b);
int probe_compiles(const ToolArgs *a, const Backend *b);

/* --bisect, --first-run and --trial; they return the exit code. */
int probe_bisect(const ToolArgs *a, Diag *d, Progress *progress);
int probe_first(const ToolArgs *a, Diag *d, Progress *progress);
int probe_trial_one(const ToolArgs *a, Diag *d);
void probe_first_doc(void);

#endif
