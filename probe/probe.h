/* probe.h -- measures rules and limits on an engine, real or simulated, by running programs.
 *
 * A rule has two small programs, one that breaks it and one that keeps it
 * (ir/targets/probes). If the one that keeps it does not run, or does not give what the
 * reference gives, nothing is known. Otherwise the rule holds where the other one is refused
 * or gives something else, and does not hold where that gives the same. The rule's match in
 * ir/targets is never asked. */
#ifndef ANEC_PROBE_H
#define ANEC_PROBE_H

#include "../ir/targets/rules.h"
#include "../backends/backend.h"

typedef enum { VERDICT_UNKNOWN, VERDICT_HOLDS, VERDICT_ABSENT } Verdict;

typedef struct {
    const Backend *engine, *reference;
    Diag *diag;      /* for errors; that an engine refuses a program is none */
    const char *dir; /* a folder for weight files of the programs */
    int compiles;    /* how many programs the engine has compiled so far */
    int failures;    /* how many of them failed; a real engine is given time after each */
    char version[8]; /* for programs that do not have their own: "1.3", "1.0" */
    char said[256];  /* the reason of the last verdict, for people */
} Prober;

/* Finds the spelling that the engine takes. False: it does not even run the plainest
 * program. */
bool probe_start(Prober *p);
Verdict probe_rule(Prober *p, int rule);
bool probe_has_rule(int rule); /* whether it has programs that can tell */
/* The op of the i-th program of one operation; NULL: there are no more. */
const char *probe_op_name(int i);
Verdict probe_op(Prober *p, int i); /* VERDICT_HOLDS: the engine refuses it */

/* ---- limits: numbers of ir/targets/limits.def, searched for ---------------------------------
 *
 *   Search s;
 *   for (search_begin(&s, i); search_next(&s) > 0 && search_step(&s, &prober);) ..save s..
 *
 * A program is tried at sizes that are doubled or halved until one runs as on the reference
 * and another does not, then at sizes in the middle between these. The state of a search is
 * two numbers, from which one that was interrupted goes on. Where an engine takes some
 * larger sizes again, the search finds one of the edges. */

typedef struct {
    int row; /* of the table in search.c */
    int64_t good,
        bad; /* a size that runs as on the reference, and one that does not; 0: none yet */
    bool stuck; /* something else failed, so nothing is known */
} Search;

/* The limit (LIMIT_x) that a row of the table searches for; -1: there are no more rows. */
int search_limit(int row);
bool search_is_smallest(int row); /* whether the limit is the smallest size that runs */
bool search_is_heavy(int row);    /* whether its programs have weights of gigabytes */
void search_begin(Search *s, int row);
/* Continues an interrupted search from its two numbers; false: they are not possible here. */
bool search_restore(Search *s, int row, int64_t good, int64_t bad);
int64_t search_next(const Search *s);   /* the size to try next; 0: the search is over */
bool search_step(Search *s, Prober *p); /* tries that size; false: it is stuck */
/* The most trials that the search can take, whatever the engine does. */
int search_trials(int row);

typedef enum {
    FOUND_NOTHING, /* no size runs, or none can be tried */
    FOUND_EXACT,   /* the value is the limit */
    FOUND_NO_EDGE /* all sizes that were tried run: a limit, if any, is beyond the value */
} Found;
/* The result of a search that is over; *value is in the limit's unit. */
Found search_result(const Search *s, int64_t *value);

/* ---- one program at one size (shared by probe.c and search.c) ---------------------------- */

enum {
    PLACE = 77777
}; /* the number in a program's text and fill that the size replaces */

typedef struct {
    const char *text, *fill;
    bool spelled;     /* the text keeps its version */
    double tolerance; /* absolute; 0: as much as another order of summation may differ */
    int64_t size;
    /* Makes the program as large as n; NULL: it has its size already. */
    bool (*stretch)(Func *f, int64_t n, Diag *d);
} Trial;

typedef enum { RAN_SAME, RAN_OTHER, RAN_NOT, RAN_UNKNOWN } Ran;
Ran probe_trial(Prober *p, const Trial *t);

/* Writes a weight file of 64 fp16 elements whose only record has this size and offset. */
bool probe_record(Diag *d, const char *path, uint64_t size, uint64_t offset);

#endif
