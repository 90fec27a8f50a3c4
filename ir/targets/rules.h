/* rules.h -- what the engines of the chips refuse or get wrong, as data (rules.def, limits.def,
 * the column CHIPS of the op table), and checking a program against it.
 *
 *   Rule      a row of rules.def: what it forbids, what happens, the way out, the evidence
 *   Standing  how well a rule is known to hold for one chip
 *   RuleSet   the rules as they stand for one target: the table's columns, or what a profile
 *             measured on the user's own machine
 *
 * Whoever needs to know what a chip does asks a RuleSet: a check (rules_check), a pass that
 * makes a program legal (rule_asks), the simulated engine (rule_holds). Nothing here was
 * verified on a device by this project; the evidence names who reported what. */
#ifndef ANEC_RULES_H
#define ANEC_RULES_H

#include "../ops/ops.h"
#include "targets.h"

/* ---- how well a rule is known to hold ---------------------------------------------------- */

extern const char *const standing_names[STAND_COUNT]; /* "measured by one" .. */
extern const char
    standing_letters[]; /* one each, where there is room for no more: "?", "m" .. */

typedef enum { FX_REFUSED, FX_CRASH, FX_WRONG, FX_NUMERIC, FX_SLOW, FX_COUNT } Effect;
extern const char *const effect_names[FX_COUNT]; /* "refused", .. as -W groups and JSON say */

/* When the pass that a rule names takes its way out. */
typedef enum {
    FIXES_NEVER,  /* there is none: the user has to, and `left` says why */
    FIXES_HOLDS,  /* where the rule stands as reported or better */
    FIXES_DOUBT,  /* where it is contradicted too: the way out costs little */
    FIXES_PROFILE /* only where a profile measured it: the way out costs much, and reports
                  * disagree */
} FixesWhen;

typedef struct RuleCheck RuleCheck;

/* What a rule looks at. */
typedef enum {
    ON_RUN,
    ON_MODULE,
    ON_FUNC,
    ON_OP
} RuleOn; /* ON_RUN: nothing in a program shows it */

/* Two programs in MIL text (ir/targets/probes): where a rule holds, one breaks it, the other,
 * as near as it gets, does not. */
typedef struct {
    const char *breaks, *keeps;
} RulePrograms;

enum { RULE_PAIRS = 4 }; /* of them at most, the last one NULL */

typedef struct {
    const char *name;    /* "kernel-width": -W, --explain, profiles */
    const char *finding; /* numbers of the catalogue of findings: "C26 C43", or NULL */
    ChipFacts facts;     /* that it holds */
    /* releases it was seen on: "26.3", "15-26.5", NULL when not said; "27.2+": it holds from
     * that one on, "<27": before that one */
    const char *os;
    Effect effect;
    RuleOn on;
    /* ON_OP: names between blanks: " conv conv_transpose "; "*": all; else NULL */
    const char *ops;
    void (*match)(RuleCheck *); /* NULL for ON_RUN */
    FixesWhen fixes;
    const char *pass;    /* that takes the way out, or several: "a,b"; or NULL: */
    const char *left;    /* why none does */
    const char *says;    /* the rule as a sentence */
    const char *happens; /* on the engine */
    const char *fix;
    const char *evidence; /* who saw what on which chip */
    const char *against;  /* what contradicts it, or NULL */

    /* how an engine shows that it holds: rules.def */
    RulePrograms programs[RULE_PAIRS];
    const char *alone; /* or one program, whose results are further off than the tolerance */
    const char *fill;  /* elements of inputs; NULL: all are random */
    double tolerance;
    bool raw, heavy, spelled;
} Rule;

enum {
#define RULE(id, ...) RULE_##id,
#include "rules.def"
    RULE_COUNT
};
extern const Rule rules[RULE_COUNT];

/* ---- numbers by chip --------------------------------------------------------------------- */

typedef struct {
    const char *name, *unit;
    const char *evidence, *against;
} Limit;

extern const Limit limits[LIMIT_COUNT];

/* A limit that is another from some release on; of several the last one that has begun. */
typedef struct {
    int limit;
    const char *from; /* "27" */
    int64_t number;
    const char *evidence;
} LimitChange;
extern const LimitChange limit_changes[];
extern const int limit_change_count;

/* ---- operations by chip ------------------------------------------------------------------ */

/* The column CHIPS of the op table. */
typedef struct {
    ChipFacts refused;                     /* that the engine refuses it */
    const char *note, *evidence, *against; /* "" when there is none */
} Support;

extern const Support op_support[OP_COUNT];

/* ---- the rules of a target --------------------------------------------------------------- */

typedef struct RuleSet {
    const Target *target;
    char os[16]; /* the release of macOS, asked for or the newest that is known */
    bool os_asked;
    unsigned char stand[RULE_COUNT]; /* Standing */
    unsigned char op_stand[OP_COUNT];
    int64_t limit[LIMIT_COUNT];     /* -1: not known; of `generic` the smallest of all chips */
    unsigned char wish[RULE_COUNT]; /* Wish: what -W said of it */
    bool doubts; /* what is contradicted, slow or loses accuracy is reported too (--check) */
    bool each_doubt; /* .. what is contradicted one by one: -Wcontradicted asks for it */
    bool profiled[RULE_COUNT], limit_profiled[LIMIT_COUNT];
} RuleSet;

typedef enum { WISH_NONE, WISH_ON, WISH_OFF, WISH_ERROR, WISH_WARNING } Wish;

/* `host`, and a target that is no row of the table (a model's own), have no rules. `asked` is
 * the --target text (NAME or "NAME,15") or NULL: the newest release that is known. */
void ruleset_init(RuleSet *rs, const Target *target, const char *asked);
/* The same rules on another release; what a profile measured stays. */
void ruleset_release(RuleSet *rs, const char *os);
/* Whether the rule is said to hold on that release: its row bounds none, or this is within. */
bool rule_on_release(int rule, const char *os);
void ruleset_clear(RuleSet *rs);        /* nothing holds: what runs takes everything */
bool target_has_rules(const Target *t); /* a chip, or generic */
int rule_find(const char *name);        /* by name; -1 */
/* Rules by name or by finding ("C26", "c26"); fills up to max indices, returns the count. */
int rule_lookup(const char *text, int *out, int max);

/* Whether the rule's match finds it broken: at op, or in f or its module where it looks at
 * these. What the check reports and a pass rewrites is then one condition. Nothing is
 * reported. */
bool rule_matches(const RuleSet *rs, int rule, const Func *f, const Op *op);
/* Whether its pass is to take the way out there: it fixes, and match finds a break of which it
 * does not say why the pass leaves it. tests/unit/test_ways_out.c holds passes to it. */
bool rule_asks(const RuleSet *rs, int rule, const Func *f, const Op *op);

Standing rule_stands(const RuleSet *rs, int rule);
/* reported or better: an engine that does as said */
bool rule_holds(const RuleSet *rs, int rule);
bool rule_fixes(const RuleSet *rs, int rule);   /* whether its pass takes the way out at all */
Standing op_refused(const RuleSet *rs, int op); /* a row of the op table, or OP_NONE */
/* How a row's facts stand on a target that has rules. An op of which they have no word about a
 * chip, and those that it is told from, is refused there: it is unknown. */
Standing op_standing(const Target *t, const ChipFacts *refused);
/* the rule `names` is about it; capitals are the same */
bool rule_name_taken(const char *name);
bool rule_topk_refuses(int64_t k); /* the rule `topk-k` is about it */
/* of the constants of f that lie in files, or will */
double func_weight_bytes(const Func *f);
/* What rules look for that a pass rewrites too. rounded-scale: op multiplies what was rounded
 * by one number. hard-swish-rank: op is a product of two axes times its own sigmoid_hard. */
bool rule_scales_rounded(const Op *op, Value **rounded, Value **number);
bool rule_hard_swish(const Op *op, Value **product);
/* extent: how long that axis, counted from the last, may be; INT64_MAX: as long as it wants.
 * The fewest parts of one length that an axis falls into, none longer than most, with their
 * count short enough for the axis in front of them; 0: there are none. */
int64_t rule_axis_most(const RuleSet *rs, int from_last);
int64_t rule_equal_parts(const RuleSet *rs, const Shape *s, int axis, int64_t most);
bool rule_rank_fits(const RuleSet *rs, int rank);
/* The argument that the compiler wants to see of an op and does not; P_NONE. */
ParamId rule_argument_missing(const Op *op);
/* Where a slice begins along the last axis of x: 0 when it takes it from the start; -1: that is
 * not known. */
int64_t rule_width_begin(const Op *op);
/* It is a slice that does not begin at the start of the last axis. */
bool rule_begins_inside(const Op *op);
/* sliced-products: where slices of the last axis that begin at different places feed products,
 * those that do not begin at 0, in order; out is in a. The count. */
int rule_sliced_for_products(const Func *f, Arena *a, Op ***out);
/* deep-program: how many layers of attention lie in a row, over statements in their order */
typedef struct {
    PtrMap depth; /* of values behind attention; {0}: of none */
    uintptr_t most;
} Layers;
void layers_count(Layers *l, const Op *op);
void layers_free(Layers *l);
int64_t func_layers(const Func *f);
/* state: a nested block writes it, so that it cannot become an input and a result */
bool rule_state_is_inside(const Func *f, const Value *state);
static inline int64_t rule_limit(const RuleSet *rs, int limit) { return rs->limit[limit]; }

/* Errors are what is measured or derived, and refused, crashing or wrong; what is reported is a
 * warning; the rest too, where rs->doubts or -WNAME ask for it. */
typedef enum { LEVEL_OFF, LEVEL_WARNING, LEVEL_ERROR } RuleLevel;
RuleLevel rule_level(const RuleSet *rs, int rule, Standing s);

/* ---- profiles: what aneprobe measured on one machine ------------------------------------- */

enum { PROFILE_VERSION = 1 };

/* Text, a line each: `anec-profile 1`, `chip NAME`, `os 26.3`, `rule NAME
 * holds|absent|unknown`, `limit NAME NUMBER|unknown`, `op NAME refused|runs`; # begins a
 * comment. Overrides rs (except `chip`, which must fit its target); unknown names are warned of
 * and skipped. False after an error. */
bool profile_read(RuleSet *rs, Diag *d, const char *path);
/* the text of one, a NUL behind it */
bool profile_parse(RuleSet *rs, Diag *d, const Source *src);

/* ---- checking ---------------------------------------------------------------------------- */

typedef struct {
    const Rule *rule;
    RuleLevel level;
    Standing standing;
    const Func *func; /* or NULL */
    const Op *op;     /* or NULL */
    Loc loc;
    const char *message; /* valid during the call */
    const char *left;    /* why no pass takes the way out here, or NULL */
} RuleBreak;

typedef void RuleSink(void *ctx, const RuleBreak *b);

struct RuleCheck {
    const RuleSet *rules;
    int rule;
    const Module *module;
    const Func *func; /* ON_FUNC, ON_OP */
    const Op *op;     /* ON_OP */
    Diag *diag;
    Arena *scratch;
    RuleSink *sink;
    void *ctx;
    const Func **said; /* by rule: the function in which its warning was said last */
    bool *doubted;     /* by rule: contradicted, and told in one line with others */
    /* of the next break: why the pass leaves this one; a check sets and clears it */
    const char *left;
    bool silent; /* only whether it is broken is asked */
    /* broken: how often; asking: without a word why no pass takes the way out */
    int errors, broken, asking;
};

/* For checks: the rule is broken at loc; the message says what of the program breaks it, in
 * numbers. */
void rule_broken(RuleCheck *c, Loc loc, const char *fmt, ...) PRINTF(3, 4);
/* The same where the standing is not the rule's own: of one operation. */
void rule_broken_as(RuleCheck *c, Standing s, Loc loc, const char *fmt, ...) PRINTF(4, 5);

/* Checks a verified module against every rule of the set. Every break goes to sink, or, when
 * that is NULL, to d with notes: errors each at its statement, the warnings of a rule once a
 * function, and what other findings contradict in one line, but where rs->each_doubt or -WNAME
 * ask for more. The number of rules broken as errors; -1 after another failure. */
int rules_check(const Module *m, const RuleSet *rs, Diag *d, RuleSink *sink, void *ctx);

/* ---- shared by checks (not for outside) -------------------------------------------------- */

#define RULE(id, ...) void rule_##id(RuleCheck *c);
#include "rules.def"
/* Those that several rules have. */
void rule_present(RuleCheck *c);
void rule_decoded(RuleCheck *c);
void rule_conv_1d(RuleCheck *c);
void rule_conv_3d(RuleCheck *c);
void rule_joined_slices(RuleCheck *c);
void rule_groups(RuleCheck *c);

#endif
