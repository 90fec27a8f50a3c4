/* rules.h -- rules: what the engines of the chips refuse or compute wrongly, as data
 * (rules.def, limits.def, the column CHIPS of the op table), and checking a program against
 * them.
 *
 * A Rule is a row of rules.def: what it forbids, what happens otherwise, the fix, the evidence. A
 * Standing says how well a rule is known to hold on a chip (targets.h). A RuleSet has the rules for
 * one target: from the table, or as a profile measured them on the user's own machine.
 *
 * All that needs to know what a chip does asks a RuleSet: the check of a program
 * (rules_check), the passes that make it legal (rule_asks), the simulated engine
 * (rule_holds). Nothing here was verified on a device by this project; the evidence names
 * who reported what. */
#ifndef ANEC_RULES_H
#define ANEC_RULES_H

#include "../ops/ops.h"
#include "targets.h"

/* ---- how well a rule is known to hold ---------------------------------------------------- */

extern const char *const standing_names[STAND_COUNT]; /* "measured by one" .. */
extern const char standing_letters[]; /* a letter for each, for tables: "?", "m" .. */

typedef enum { FX_REFUSED, FX_CRASH, FX_WRONG, FX_NUMERIC, FX_SLOW, FX_COUNT } Effect;
extern const char *const effect_names[FX_COUNT]; /* "refused", .. in -W groups and JSON */

/* When the pass that a rule names applies its fix. */
typedef enum {
    FIXES_NEVER, /* there is no pass: `left` says why, and the user has to change the program */
    FIXES_HOLDS,  /* where the rule stands as reported or better */
    FIXES_DOUBT,  /* also where it is contradicted, since the fix costs little */
    FIXES_PROFILE /* only where a profile measured it, since the fix costs much */
} FixesWhen;

typedef struct RuleCheck RuleCheck;

/* What a rule is checked on. ON_RUN: nothing in a program shows it. */
typedef enum { ON_RUN, ON_MODULE, ON_FUNC, ON_OP } RuleOn;

/* Two programs in MIL text (ir/targets/probes): one that breaks a rule, and one that is as near
 * to it as possible and keeps the rule. */
typedef struct {
    const char *breaks, *keeps;
} RulePrograms;

enum { RULE_PAIRS = 4 }; /* at most, the last one NULL */

typedef struct {
    const char *name;    /* "kernel-width", for -W, --explain and profiles */
    const char *finding; /* numbers of the catalogue of findings: "C26 C43", or NULL */
    ChipFacts facts;     /* how well it is known to hold, by chip */
    /* releases it was seen on: "26.3", "15-26.5", NULL: not known; "27.2+": it holds from that
     * one on, "<27": before that one */
    const char *os;
    Effect effect;
    RuleOn on;
    /* ON_OP: names of ops between blanks, " conv conv_transpose ", or "*" for all; else NULL */
    const char *ops;
    void (*match)(
        RuleCheck *); /* calls rule_broken where the rule is broken; ON_RUN: NULL */
    double slower; /* FX_SLOW: how many times as long the op takes at most; 0: not said */
    FixesWhen fixes;
    const char *pass;     /* the pass that applies the fix, or several, "a,b"; or NULL, */
    const char *left;     /* and why there is none */
    const char *says;     /* the rule as a sentence */
    const char *happens;  /* what the engine does otherwise */
    const char *fix;      /* how the program can be changed */
    const char *evidence; /* who saw what on which chip */
    const char *against;  /* what contradicts it, or NULL */

    /* programs that show on an engine whether it holds (rules.def) */
    RulePrograms programs[RULE_PAIRS];
    /* or one program, whose results are off by more than the tolerance */
    const char *alone;
    const char *fill; /* elements of their inputs; NULL: all are random */
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

/* Another number for a limit from some release of macOS on; of several the last one counts. */
typedef struct {
    int limit;
    const char *from; /* "27" */
    int64_t number;
    const char *evidence;
} LimitChange;
extern const LimitChange limit_changes[];
extern const int limit_change_count;

/* ---- operations by chip ------------------------------------------------------------------ */

/* The column CHIPS of the op table: how well it is known that the engine refuses it, and what is
 * said of that. */
typedef struct {
    const char *note, *evidence, *against; /* "": none */
} Support;

extern const ChipFacts op_refusals[OP_COUNT];
extern const Support op_support[OP_COUNT];

/* ---- the rules of a target --------------------------------------------------------------- */

typedef struct RuleSet {
    const Target *target;
    char os[16]; /* the release of macOS, asked for or the newest that is known */
    bool os_asked;
    unsigned char stand[RULE_COUNT]; /* Standing */
    unsigned char op_stand[OP_COUNT];
    /* -1: not known; of `generic` the smallest of all chips */
    int64_t limit[LIMIT_COUNT];
    unsigned char wish[RULE_COUNT]; /* a Wish: what -W asks for */
    /* --check: reports rules that are contradicted, of speed or accuracy too */
    bool doubts;
    bool each_doubt; /* -Wcontradicted: reports each contradicted one by itself */
    bool profiled[RULE_COUNT], limit_profiled[LIMIT_COUNT]; /* which a profile has set */
} RuleSet;

typedef enum { WISH_NONE, WISH_ON, WISH_OFF, WISH_ERROR, WISH_WARNING } Wish;

/* The rules of a target. `host`, and a target that is no row of the table (a model's own), have
 * none. `asked` is the text of --target, which may name a release; without one, or NULL, it is
 * the newest that is known. */
void ruleset_init(RuleSet *rs, const Target *target, const char *asked);
/* Takes another release; what a profile measured stays. */
void ruleset_release(RuleSet *rs, const char *os);
/* Whether the rule can hold on that release: its row has no bounds, or the release is
 * within. */
bool rule_on_release(int rule, const char *os);
void ruleset_clear(RuleSet *rs);        /* no rule holds any more */
bool target_has_rules(const Target *t); /* whether it is a chip, or generic */
int rule_find(const char *name);        /* by name; -1: none */
/* Rules by name or by finding ("C26" or "c26"): writes up to max numbers, returns the count. */
int rule_lookup(const char *text, int *out, int max);

/* Whether the rule's match finds the rule broken, at op, or in f or its module where the
 * rule is on these. Nothing is reported. So the check and the passes have one condition. */
bool rule_matches(const RuleSet *rs, int rule, const Func *f, const Op *op);
/* How many times as long op takes at most by the rules that it breaks; 1: as long as others. */
double rules_slower(const RuleSet *rs, const Func *f, const Op *op);
/* Whether the rule's pass has to apply the fix there: the rule has a fix here, and match
 * finds a break without saying why the pass leaves it. tests/unit/test_fixes.c holds passes
 * to it. */
bool rule_asks(const RuleSet *rs, int rule, const Func *f, const Op *op);

Standing rule_stands(const RuleSet *rs, int rule);
bool rule_holds(const RuleSet *rs, int rule); /* it stands as reported or better */
/* its pass applies the fix on this target */
bool rule_fixes(const RuleSet *rs, int rule);
Standing op_refused(const RuleSet *rs, int op); /* of a row of the op table, or OP_NONE */
/* How well it is known that a target with rules refuses an op. An op whose row says nothing of
 * the chip and its bases is unknown, and counts as refused. */
Standing op_standing(const Target *t, const ChipFacts *refused);

/* ---- the conditions of single rules, which their passes need too ------------------------- */

/* names: whether the compiler reserves the name, in capitals or not. */
bool rule_name_taken(const char *name);
bool rule_topk_refuses(int64_t k); /* topk-k */
/* weights-total: bytes of the constants of f that are, or will be, in files */
double func_weight_bytes(const Func *f);
/* rounded-scale: whether op multiplies a rounded value by one number. hard-swish-rank:
 * whether it multiplies a product of two axes by its own sigmoid_hard. */
bool rule_scales_rounded(const Op *op, Value **rounded, Value **number);
bool rule_hard_swish(const Op *op, Value **product);
/* extent: the longest that an axis, counted from the last, may be; INT64_MAX: any length.
 * And the fewest equal parts of an axis that are no longer than `most`, and few enough for
 * the axis in front; 0: there are none. */
int64_t rule_axis_most(const RuleSet *rs, int from_last);
int64_t rule_equal_parts(const RuleSet *rs, const Shape *s, int axis, int64_t most);
bool rule_rank_fits(const RuleSet *rs, int rank);
/* The argument that the compiler requires of op and that is not given; P_NONE: none. */
ParamId rule_argument_missing(const Op *op);
/* The index along the last axis of x at which a slice begins; -1: not known. */
int64_t rule_width_begin(const Op *op);
/* Whether it is a slice that does not begin at index 0 of the last axis. */
bool rule_begins_inside(const Op *op);
/* sliced-products: where slices of the last axis that begin at different indices feed products,
 * the slices that do not begin at 0, in order, in the arena; returns the count. */
int rule_sliced_for_products(const Func *f, Arena *a, Op ***out);
/* deep-program: counts layers of attention behind each other, given the ops in order. */
typedef struct {
    PtrMap depth; /* by value: the layers before it */
    uintptr_t most;
} Layers;
void layers_count(Layers *l, const Op *op);
void layers_free(Layers *l);
int64_t func_layers(const Func *f);
/* state: whether a nested block writes it, so that it cannot become an input and a result. */
bool rule_state_is_inside(const Func *f, const Value *state);
static inline int64_t rule_limit(const RuleSet *rs, int limit)
{
    return rs->limit[limit];
}

/* An error is a rule that is measured or derived and whose effect is refused, crash or
 * wrong; one that is reported is a warning, as are the others where rs->doubts or -WNAME
 * asks for them. */
typedef enum { LEVEL_OFF, LEVEL_WARNING, LEVEL_ERROR } RuleLevel;
RuleLevel rule_level(const RuleSet *rs, int rule, Standing s);

/* ---- profiles: what aneprobe measured on one machine ------------------------------------- */

enum { PROFILE_VERSION = 1 };

/* Reads a profile over rs. It is a text of lines: `anec-profile 1`, `chip NAME`, which must
 * fit the target of rs, `os 26.3`, `rule NAME holds|absent|unknown`, `limit NAME
 * NUMBER|unknown`, `op NAME refused|runs`; # begins a comment. Unknown names give the
 * warning `profile`. False: an error was reported. */
bool profile_read(RuleSet *rs, Diag *d, const char *path);
/* The same from a text, which ends with a NUL. */
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
    const char *left;    /* why no pass applies the fix here, or NULL */
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
    const Func **said; /* by rule: the function for which its warning was given last */
    /* by rule: it is contradicted, and goes into the line with the others */
    bool *doubted;
    /* set by a match before rule_broken: why the pass leaves this break */
    const char *left;
    bool silent; /* only the counts are wanted */
    /* breaks that are errors; all breaks; those that the pass has to fix */
    int errors, broken, asking;
};

/* Called by a match: the rule is broken at loc. The message says by what, in numbers. */
void rule_broken(RuleCheck *c, Loc loc, const char *fmt, ...) PRINTF(3, 4);
/* The same with another standing than the rule's: that of one operation. */
void rule_broken_as(RuleCheck *c, Standing s, Loc loc, const char *fmt, ...) PRINTF(4, 5);

/* Checks a verified module against all rules of the set. Breaks go to sink, or, where that
 * is NULL, to d with notes: every error at its op, the warning of a rule once for each
 * function, and contradicted rules in one line, unless rs->each_doubt or -WNAME asks for
 * more. Returns the number of errors; -1 after another failure. */
int rules_check(const Module *m, const RuleSet *rs, Diag *d, RuleSink *sink, void *ctx);

/* ---- the functions in the column `match`; for ir/targets alone --------------------------- */

#define RULE(id, ...) void rule_##id(RuleCheck *c);
#include "rules.def"
/* Shared by several rules. */
void rule_present(RuleCheck *c);
void rule_decoded(RuleCheck *c);
void rule_conv_1d(RuleCheck *c);
void rule_conv_3d(RuleCheck *c);
void rule_joined_slices(RuleCheck *c);
void rule_groups(RuleCheck *c);

/* ---- what these ask of shapes (rule_shape.c) --------------------------------------------- */

const Shape *rule_tensor_shape(const Value *v); /* NULL: v is NULL, or no tensor */
const Shape *rule_arg_shape(const RuleCheck *c, ParamId p);
/* A dimension counted from the last; -1: there is none, or it is not known. */
int64_t rule_shape_dim(const Shape *s, int from_last);
/* Whether n is more than a limit, which the chip has. */
bool rule_over(const RuleCheck *c, int limit, int64_t n);
/* Whether an axis falls into parts of one length, each of at most so many elements. */
bool rule_falls_apart(const RuleCheck *c, const Shape *s, int axis, int64_t most);
/* Why a pass leaves what it is asked to fix, for RuleCheck.left. */
extern const char rule_unequal_parts[], rule_absent_bytes[];

#endif
