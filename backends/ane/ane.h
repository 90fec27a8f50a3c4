/* ane.h -- the door to programs on the Neural Engine: through the private framework, and
 * through Core ML, the public way. */
#ifndef ANEC_ANE_H
#define ANEC_ANE_H

#include "../backend.h"

/* NULL: there is no engine here; `why`, in the arena, says what is missing. */
const Backend *ane_open(const BackendOptions *o, Arena *a, const char **why);

/* Of ane_open's: its last compilation failed, and for a reason that is not the engine's: a full
 * disk. */
bool ane_was_outside(const Backend *ane);
/* warnings that a quiet compilation had no one for */
void ane_tell(const Backend *ane, Diag *d);

/* Compiles the program whose files lie in `dir` for who is short of compilations (helper.c),
 * and puts the answer for it into `answer`. */
bool ane_compile_folder(const char *dir, Buf *answer);

/* NULL: Core ML is not here; `why`, in the arena, says what is missing. */
const Backend *coreml_open(const BackendOptions *o, Arena *a, const char **why);

#endif
