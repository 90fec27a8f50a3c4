/* targets.h -- the door to what chips differ in, as data (targets.def). */
#ifndef ANEC_TARGETS_H
#define ANEC_TARGETS_H

#include "../ir.h"

typedef enum { IO_AUTO, IO_FP16, IO_FP32 } IoMode;

typedef struct {
    const char *name, *doc;
    const char *version;       /* spelling: "1.0" verbose, "1.3" short */
    Opset opset;               /* written in func main<..> */
    IoMode io;                 /* boundary type of float inputs and results */
    IoMode try_io[3];          /* in this order when compiling on a device, ends with IO_AUTO */
    const char *try_version[3];/* spellings in the order to try, ends with NULL */
    const char *evidence;      /* where the row comes from, and what was never verified on a device */
} Target;

extern const Target targets[];
extern const int target_count;
const Target *target_find(const char *name); /* "m1", "m1,15"; NULL when unknown */

#endif
