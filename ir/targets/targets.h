/* targets.h -- the door to what chips differ in, as data (targets.def). */
#ifndef ANEC_TARGETS_H
#define ANEC_TARGETS_H

#include "../ir.h"

typedef enum { IO_AUTO, IO_FP16, IO_FP32 } IoMode;

typedef struct {
    const char *name, *doc;
    const char *base;    /* the chip that it is taken for, "" for none */
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
const Target *target_find(const char *name); /* "m1", "m1,27.2"; NULL when unknown */

/* ---- releases of macOS (releases.def) ---------------------------------------------------- */

/* "27.2" as a number that grows with the release; -1: it is none, n bytes of it are read. */
int release_number(const char *text, size_t n);
const char *release_newest(void); /* "27.2": what a target without a release means */
/* The release behind the comma of "m1,27.2"; without one the newest. */
const char *release_asked(const char *target);
/* Why a --target names no target, as a message without its place, with the nearest that there
 * is; NULL: it names one. A release of a major version that Apple left out is no release. */
const char *target_wrong(Arena *a, const char *name);
/* The row that a name which is none may have meant; NULL: none is near. */
const char *target_nearest(Arena *a, const char *name);

#endif
