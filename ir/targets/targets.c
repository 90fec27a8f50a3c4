/* targets.c -- the table of targets.def, and looking a chip up in it. */
#include "targets.h"

#include <string.h>

const Target targets[] = {
#define TARGET(n, v, o, i, p, ti, tv, d, e)                                                    \
    { .name = #n,                                                                              \
      .doc = d,                                                                                \
      .version = v,                                                                            \
      .opset = OPSET_##o,                                                                      \
      .io = i,                                                                                 \
      .passes = p,                                                                             \
      .try_io = ti,                                                                            \
      .try_version = tv,                                                                       \
      .evidence = e },
#include "targets.def"
};

/* "m1" or "m1,15": the part after the comma is an OS release, which no row depends on yet. */
const Target *target_find(const char *name)
{
    size_t len = strcspn(name, ",");
    if (name[len] && !name[len + 1]) return NULL;
    for (const char *s = name + len + (name[len] == ','); *s; s++)
        if ((*s < '0' || *s > '9') && *s != '.') return NULL;
    for (int i = 0; i < TARGET_COUNT; i++)
        if (strlen(targets[i].name) == len && !memcmp(targets[i].name, name, len))
            return &targets[i];
    return NULL;
}
