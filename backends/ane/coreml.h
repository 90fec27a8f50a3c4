/* coreml.h -- the door to programs that run through Core ML, the public way to the engine. */
#ifndef ANEC_COREML_H
#define ANEC_COREML_H

#include "../backend.h"

/* NULL: Core ML is not here; `why`, in the arena, says what is missing. */
const Backend *coreml_open(const BackendOptions *o, Arena *a, const char **why);

#endif
