/* targets.h -- the door to what chips differ in, as data (targets.def). */
#ifndef ANEC_TARGETS_H
#define ANEC_TARGETS_H

#include "../ir.h"

typedef enum { IO_AUTO, IO_FP16, IO_FP32 } IoMode;

typedef struct {
    const char *name, *doc;
    const char *version; /* spelling: "1.0" verbose, "1.3" short */
    Opset opset;         /* written in func main<..> */
    /* boundary type of float inputs and results; IO_AUTO: as declared */
    IoMode io;
    const char *passes; /* names of those that run for it, "a,b"; NULL: all */
    IoMode try_io[3];   /* in this order when compiling on a device, ends with IO_AUTO */
    const char *try_version[3]; /* spellings in the order to try, ends with NULL */
    /* where the row comes from, and what was never verified on a device */
    const char *evidence;
} Target;

enum {
#define TARGET(name, ...) TARGET_##name,
#include "targets.def"
    TARGET_COUNT
};
extern const Target targets[TARGET_COUNT];
const Target *target_find(const char *name); /* "m1", "m1,15"; NULL when unknown */

#endif
