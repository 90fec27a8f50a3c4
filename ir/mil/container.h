/* container.h -- what the ending of a model's path means: the rows of container.c, for those who
 * tell a container by its name. Reading and writing by path are mil.h's. */
#ifndef ANEC_MIL_CONTAINER_H
#define ANEC_MIL_CONTAINER_H

#include "mil.h"

/* What a path's ending means: a row of container.c. */
typedef struct {
    const char *ending; /* ".mil" */
    bool text;          /* one text: it may come from the standard input */
    bool folder;        /* its ending alone tells it from another folder */
    Module *(*read)(Diag *d, const char *path, const MilReading *how);
    bool (*write)(Module *m, Diag *d, const char *path); /* NULL: it is read alone */
} Container;
const Container *container_find(const char *path); /* NULL: none; slashes behind do not count */
/* ".mil, .mlmodelc or .mlpackage", for messages: what is written, or folders alone; in a. */
const char *container_endings(Arena *a, bool folders);

#endif
