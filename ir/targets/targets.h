/* targets.h -- targets: the chips as rows of data (targets.def, chips/), what each differs in,
 * and how well facts about them are known. */
#ifndef ANEC_TARGETS_H
#define ANEC_TARGETS_H

#include "../ir.h"

/* ---- facts by chip ----------------------------------------------------------------------- */

/* A row of a .def file says of each chip how well something is known to hold there:
 *
 *     FACTS(.m1 = MEASURED, .m2 = REPORTED, .m4 = UNKNOWN)
 *
 * A chip that the row does not name has the standing of its base (ir/targets/chips), but at
 * most DERIVED, since nobody has looked; what was seen not to hold on the base is unknown
 * here. A chip without a base is unknown. The names are those of the chips' rows, so that a
 * misspelt one does not compile. */

typedef enum {
    STAND_UNNAMED,      /* the row does not name the chip, which is as its base */
    STAND_UNKNOWN,      /* nothing is known */
    STAND_NOT,          /* seen not to hold */
    STAND_CONTRADICTED, /* seen both ways */
    STAND_REPORTED,     /* somebody says so */
    STAND_DERIVED,  /* read in the compiler's own tables, or known of the generation */
    STAND_MEASURED, /* by one person */
    STAND_MEASURED_OFTEN, /* by several */
    STAND_COUNT
} Standing;

/* The words that rows use. Rows of operations state that the engine refuses one, so RUNS, which
 * was seen to run, is NOT. */
enum {
    UNKNOWN = STAND_UNKNOWN,
    NOT = STAND_NOT,
    RUNS = STAND_NOT,
    CONTRADICTED = STAND_CONTRADICTED,
    REPORTED = STAND_REPORTED,
    DERIVED = STAND_DERIVED,
    MEASURED = STAND_MEASURED,
    MEASURED_OFTEN = STAND_MEASURED_OFTEN
};

/* A fixed size, so that a new chip changes no type and only the table is compiled again. */
enum { CHIPS_MOST = 64 };

/* A Standing for each chip, by its name, or by its number (Target.chip). */
typedef union {
    struct {
#define CHIP_NAME(name) unsigned char name;
#include "chip_names.def"
    };
    unsigned char of[CHIPS_MOST];
} ChipFacts;
#define FACTS(...) \
    { \
        { \
            __VA_ARGS__ \
        } \
    }

typedef enum { IO_AUTO, IO_FP16, IO_FP32 } IoMode;

/* ---- numbers of a chip ------------------------------------------------------------------- */

enum {
#define LIMIT(id, ...) LIMIT_##id,
#include "limits.def"
    LIMIT_COUNT
};

enum {
#define NUMERIC(id, ...) NUM_##id,
#include "numerics.def"
    NUM_COUNT
};

/* Limits by name, as rows have them, or by LIMIT_x. 0: as its base; UNSAID: not known. */
enum { UNSAID = -1 };
typedef union {
    struct {
#define LIMIT(id, ...) int64_t id;
#include "limits.def"
    };
    int64_t of[LIMIT_COUNT];
} ChipLimits;

typedef struct {
    /* a Standing; STAND_UNNAMED: as its base; STAND_UNKNOWN: an assumption of this project */
    unsigned char standing;
    double value;
} ChipNumber;

typedef union {
    struct {
#define NUMERIC(id, ...) ChipNumber id;
#include "numerics.def"
    };
    ChipNumber of[NUM_COUNT];
} ChipNumbers;

/* Apart from the row: what has no pointer in it costs a process that starts nothing. */
typedef struct {
    int row; /* whose they are */
    ChipLimits limits;
    ChipNumbers numbers;
} ChipFigures;

/* ---- costs ------------------------------------------------------------------------------- */

typedef enum {
#define COST(id, ...) COST_##id,
#include "costs.def"
    COST_COUNT
} CostId;

/* The least and the most that was published of a figure; high 0: as its base. */
typedef struct {
    double low, high;
} ChipCost;

typedef union {
    struct {
#define COST(id, ...) ChipCost id;
#include "costs.def"
    };
    ChipCost of[COST_COUNT];
} ChipCosts;

typedef struct {
    const char *name, *unit, *doc, *evidence;
} CostInfo;
extern const CostInfo costs[COST_COUNT];

/* ---- targets ----------------------------------------------------------------------------- */

/* The order in which a compiled program takes its inputs, as far as it was observed. */
typedef enum { ORDER_UNSAID, ORDER_BY_SIZE, ORDER_BY_NAME } InputOrder;

/* A row. Fields that it leaves out are those of its base, so the fields from `version` on are
 * read by the functions below alone, as are its limits and numbers. */
typedef struct Target Target;
struct Target {
    const char *name, *doc;
    /* where the row comes from, and what was never verified on a device */
    const char *evidence;
    int base;            /* index of the row that it differs from; -1: none */
    int chip;            /* its number in ChipFacts; -1: it is no chip */
    const char *version; /* spelling: "1.0" rank-0 tensors, "1.3" scalars */
    Opset opset;         /* written in func main<..> */
    /* boundary type of float inputs and results; IO_AUTO: as declared */
    IoMode io;
    const char *passes; /* names of the passes that run for it, "a,b"; NULL: all */
    /* tried in this order when compiling on a device; ends with IO_AUTO */
    IoMode try_io[4];
    const char *try_version[3]; /* spellings, tried in this order; ends with NULL */
    /* the beginning of the framework's name of its architecture, and a name that was seen */
    const char *arch, *arch_one;
    InputOrder order;
    ChipCosts costs;
    const ChipFigures *figures;
};

enum { TARGET_generic, TARGET_host, TARGET_FIRST_CHIP }; /* the chips follow */
extern const Target targets[];
extern const int target_count;
/* A figure of costs.def: the target's own or that of its nearest base that has one; of one that is
 * no chip, the first chip's. */
ChipCost target_cost(const Target *t, CostId id);
const Target *target_base(const Target *t); /* NULL: none */

const char *target_version(const Target *t);
Opset target_opset(const Target *t);
IoMode target_io(const Target *t);
const char *target_passes(const Target *t);
const IoMode *target_try_io(const Target *t);
const char *const *target_try_version(const Target *t);
InputOrder target_order(const Target *t);

/* ---- chips ------------------------------------------------------------------------------- */

extern const int chip_count;
const Target *chip_at(int chip); /* by its number; NULL: there are no more */
/* The i-th of the chips that have an engine of their own, oldest first; NULL: there are no
 * more. The others (Pro, Max, Ultra, a chip that is not known yet) have the engine of their
 * base. */
const Target *generation_at(int i);
int generation_count(void);
/* The chip whose engine has this architecture ("h16c"); NULL: none is known. */
const Target *chip_of_arch(const char *arch);
/* The names of all chips, and of those of generation_at, with commas; in the arena. */
const char *chip_list(Arena *a);
const char *generation_list(Arena *a);

int64_t chip_limit(const Target *t, int limit); /* -1: not known */
/* A number of numerics.def. One that comes from the base has STAND_UNKNOWN: nobody measured it
 * on this chip. */
ChipNumber chip_number(const Target *t, int number);
/* How well a fact is known to hold on a chip. */
Standing chip_standing(const Target *t, const ChipFacts *f);
/* The same for any target: for generic, which has to run on every chip, the strongest of
 * all. */
Standing target_standing(const Target *t, const ChipFacts *f);

const Target *target_find(const char *name); /* by "CHIP" or "CHIP,27.2"; NULL: unknown */

/* ---- releases of macOS (releases.def) ---------------------------------------------------- */

/* The bytes of "macos" before a release that is written so, or 0. */
size_t release_word(const char *text);
/* The n bytes "27.2" or "macos27.2" as a number that grows with the release; -1: they are no release. */
int release_number(const char *text, size_t n);
const char *release_newest(void); /* "27.2": that of a target without one */
/* The release behind the comma of "NAME,27.2", or the newest. */
const char *release_asked(const char *target);
/* What is wrong with the value of --target, with the nearest name there is, as a message
 * without its place; NULL: it is right. Major versions that Apple skipped are no releases. */
const char *target_wrong(Arena *a, const char *name);
/* The row that a wrong name probably meant; NULL: none is near. */
const char *target_nearest(Arena *a, const char *name);

#endif
