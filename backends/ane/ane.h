/* ane.h -- the backends that run programs on the Neural Engine: `ane`, through the private
 * framework, and `coreml`, the public way. */
#ifndef ANEC_ANE_H
#define ANEC_ANE_H

#include "../backend.h"

/* NULL: there is no engine on this machine; *why, in the arena, tells what is missing. */
const Backend *ane_open(const BackendOptions *o, Arena *a, const char **why);

/* Whether the last compilation failed for a reason that is not the engine's, such as a full
 * disk. */
bool ane_was_outside(const Backend *ane);
/* Gives warnings that were held back because a compilation was quiet. */
void ane_tell(const Backend *ane, Diag *d);

/* The work of a helper (helper.c): compiles the program whose files are in `dir` for a
 * process that may not compile any more, and writes the answer to it into `answer`. */
bool ane_compile_folder(const char *dir, Buf *answer);

/* NULL: Core ML is not on this machine; *why, in the arena, tells what is missing. */
const Backend *coreml_open(const BackendOptions *o, Arena *a, const char **why);

#endif
