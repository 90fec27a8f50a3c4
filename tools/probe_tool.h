/* probe_tool.h -- what the files of aneprobe share. */
#ifndef ANEC_PROBE_TOOL_H
#define ANEC_PROBE_TOOL_H

#include "../backends/backend.h"
#include "tool.h"

enum {
#define OPT(id, ...) PROBE_##id,
#include "aneprobe.def"
};

static inline const OptValue *probe_opt(const ToolArgs *a, int id) { return &a->value[id]; }

/* The backend that --backend names, or the engine; NULL, and *code is the exit code: what is
 * wrong has been said. */
const Backend *probe_backend(const ToolArgs *a, Diag *d, int *code);
/* seconds that the engine is to be left alone after a refusal, and compilations that one
 * process may make (0: any number): as the options say, or as the backend wants it */
double probe_pause(const ToolArgs *a, const Backend *b);
int probe_compiles(const ToolArgs *a, const Backend *b);

/* --bisect, --first-run and --trial: the exit code */
int probe_bisect(const ToolArgs *a, Diag *d, Progress *progress);
int probe_first(const ToolArgs *a, Diag *d, Progress *progress);
int probe_trial_one(const ToolArgs *a, Diag *d);
void probe_first_doc(void);

#endif
