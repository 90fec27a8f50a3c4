/* describe.h -- what the functions of a model take and give, for people and as JSON. */
#ifndef ANEC_DESCRIBE_H
#define ANEC_DESCRIBE_H

#include "../backends/backend.h"

/* Every function; false when an attribute is malformed. */
bool describe_text(Buf *out, const char *path, const Module *m, Diag *d);
bool describe_json(Buf *out, const char *path, const Module *m, Diag *d);

#endif
