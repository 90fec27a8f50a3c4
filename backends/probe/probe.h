/* probe.h -- rules measured on an engine, real or simulated, from what programs of it give alone.
 *
 * A rule has two small programs, one that breaks it and one that keeps it (probes.def). The one
 * that keeps it must run and give what the reference gives, else nothing is known. Then: the other
 * one is refused, or gives something else: the rule holds; it gives the same: it does not. The
 * rule's own check in ir/targets is never asked. */
#ifndef ANEC_PROBE_H
#define ANEC_PROBE_H

#include "../../ir/targets/rules.h"
#include "../backend.h"

typedef enum { VERDICT_UNKNOWN, VERDICT_HOLDS, VERDICT_ABSENT } Verdict;

typedef struct {
    const Backend *engine, *reference;
    Diag *diag;      /* what could not be done; what an engine refuses is no error */
    const char *dir; /* scratch: weight files of micro-programs */
    int failures;    /* compilations that failed so far: a real engine is given time after each */
    char version[8]; /* of micro-programs that do not say theirs: "1.3", "1.0" */
    char said[256];  /* what decided the last verdict, for people */
} Prober;

/* Finds which spelling the engine takes; false: it runs not even the plainest program. */
bool probe_start(Prober *p);
Verdict probe_rule(Prober *p, int rule);
bool probe_has_rule(int rule); /* some program can tell */
/* Programs of one operation, from 0; NULL past the last. */
const char *probe_op_name(int i);
Verdict probe_op(Prober *p, int i); /* HOLDS: refused */

/* ---- micro-programs (tests use them too)
 * ----------------------------------------------------------- */

/* "inputs | statements | results" as a program; whole ones as they are; "buffers", "files",
 * "record" and "sound" stand for what is too long to write. */
const char *micro_text(Arena *a, const char *text);
/* A weight file w.bin in dir of 64 fp16 elements, whose one record claims size and offset. */
bool micro_record(Diag *d, const char *dir, uint64_t size, uint64_t offset);

#endif
