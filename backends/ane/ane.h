/* ane.h -- the door to programs on the Neural Engine. */
#ifndef ANEC_ANE_H
#define ANEC_ANE_H

#include "../backend.h"

/* NULL: there is no engine here; `why`, in the arena, says what is missing. */
const Backend *ane_open(const BackendOptions *o, Arena *a, const char **why);

/* Compiles the program whose files lie in `dir` for who is short of compilations (helper.h), and puts
 * the answer for it into `answer`. */
bool ane_compile_folder(const char *dir, Buf *answer);

#endif
