/* several.h -- several targets in one call: --target NAME[,OS],NAME[,OS].. and the files that are
 * written for them. */
#ifndef ANEC_SEVERAL_H
#define ANEC_SEVERAL_H

#include "../base/base.h"

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
