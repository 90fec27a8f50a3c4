/* probe.h -- rules measured on an engine, real or simulated, from what programs of it give
 * alone.
 *
 * A rule has two small programs, one that breaks it and one that keeps it (ir/targets/probes).
 * The one that keeps it must run and give what the reference gives, else nothing is known.
 * Then: the other one is refused, or gives something else: the rule holds; it gives the same:
 * it does not. The rule's own check in ir/targets is never asked. */
#ifndef ANEC_PROBE_H
#define ANEC_PROBE_H

#include "../ir/targets/rules.h"
#include "../backends/backend.h"

typedef enum { VERDICT_UNKNOWN, VERDICT_HOLDS, VERDICT_ABSENT } Verdict;

typedef struct {
    const Backend *engine, *reference;
    Diag *diag;      /* what could not be done; what an engine refuses is no error */
    const char *dir; /* scratch: weight files of micro-programs */
    int compiles;    /* programs that the engine was asked to compile so far */
    int failures;    /* those that failed: a real engine is given time after each */
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

/* ---- limits: numbers of ir/targets/limits.def, searched for ---------------------------------
 *
 *   Search s;
 *   for (search_begin(&s, i); search_next(&s) > 0 && search_step(&s, &prober);) ..save s..
 *
 * A program is tried at one size after the other, doubled or halved until one size runs as
 * the reference and another does not, then in the middle between them. Two numbers are all
 * there is to know of a search, so that one which was cut short goes on from them. An engine
 * that takes some larger sizes again shows one of its edges. */

typedef struct {
    int row;           /* of the table */
    int64_t good, bad; /* sizes that run as the reference, and that do not; 0: none yet */
    bool stuck;        /* the world's fault: nothing can be said */
} Search;

/* the limit that a row of the table is about; -1 past the last */
int search_limit(int row);
bool search_is_smallest(int row); /* its limit is the least that runs, not the most */
bool search_is_heavy(int row);    /* its programs have weights of gigabytes */
void search_begin(Search *s, int row);
/* At the two numbers of one that was cut short; false: they cannot be this row's. */
bool search_restore(Search *s, int row, int64_t good, int64_t bad);
int64_t search_next(const Search *s);   /* the size to try next; 0: the search is over */
bool search_step(Search *s, Prober *p); /* tries it; false: stuck */
/* no search takes more trials, whatever the engine does */
int search_trials(int row);

typedef enum {
    FOUND_NOTHING, /* nothing runs, or it cannot be tried */
    FOUND_EXACT,   /* the value is the limit */
    FOUND_NO_EDGE  /* all that is tried runs: the limit, if any, is beyond the value */
} Found;
/* Of a search that is over, in the limit's unit. */
Found search_result(const Search *s, int64_t *value);

/* ---- one program at one size (shared by probe.c and search.c) ---------------------------- */

enum { PLACE = 77777 }; /* stands in a program's text and fill for the size */

typedef struct {
    const char *text, *fill;
    bool spelled;     /* it keeps its version */
    double tolerance; /* absolute; 0: what two orders of summation differ by */
    int64_t size;
    /* Makes the program as large as n says; NULL: it is as it should be. */
    bool (*stretch)(Func *f, int64_t n, Diag *d);
} Trial;

typedef enum { RAN_SAME, RAN_OTHER, RAN_NOT, RAN_UNKNOWN } Ran;
Ran probe_trial(Prober *p, const Trial *t);

/* A weight file of 64 fp16 elements, whose one record claims size and offset. */
bool probe_record(Diag *d, const char *path, uint64_t size, uint64_t offset);

#endif
