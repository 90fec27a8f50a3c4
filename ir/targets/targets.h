/* targets.h -- the door to what chips differ in, as data (targets.def and chips/). */
#ifndef ANEC_TARGETS_H
#define ANEC_TARGETS_H

#include "../ir.h"

/* ---- facts about one thing, a chip each, as the rows of .def files say them -------------- */

/*     FACTS(.m1 = MEASURED, .m2 = REPORTED, .m4 = UNKNOWN)
 *
 * A row names the chips that it has facts for. One that it does not name stands as the chip
 * that it is told from (ir/targets/chips), at most derived, since nobody looked: what was seen
 * not to hold there is unknown here. A chip without such a base is unknown. The names are those
 * of the chips' own rows: another one does not compile. */

typedef enum {
    STAND_UNNAMED,        /* the row does not name the chip: as its base */
    STAND_UNKNOWN,        /* nothing is known */
    STAND_NOT,            /* seen not to hold */
    STAND_CONTRADICTED,   /* seen both ways */
    STAND_REPORTED,       /* somebody says so */
    STAND_DERIVED,        /* read out of the compiler's own tables, or of the same generation */
    STAND_MEASURED,       /* by one */
    STAND_MEASURED_OFTEN, /* by several */
    STAND_COUNT
} Standing;

/* As rows say it. RUNS is NOT of an operation: that the engine refuses it was seen not to be
 * so. */
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

enum {
    CHIPS_MOST = 64
}; /* a chip more changes no type, so nothing but the table is compiled */

/* A Standing for each chip, by its name or by its number (Target.chip). */
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

/* By name, as rows say them, or by LIMIT_x; 0: as its base, UNSAID: not known. */
enum { UNSAID = -1 };
typedef union {
    struct {
#define LIMIT(id, ...) int64_t id;
#include "limits.def"
    };
    int64_t of[LIMIT_COUNT];
} ChipLimits;

typedef struct {
    /* a Standing; STAND_UNNAMED: as its base; STAND_UNKNOWN: assumed by this project */
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

/* ---- targets ----------------------------------------------------------------------------- */

/* In which order a compiled program asks for its inputs, as far as it was seen. */
typedef enum { ORDER_UNSAID, ORDER_BY_SIZE, ORDER_BY_NAME } InputOrder;

/* A row. What it leaves out is as in its base: ask by the functions below, never the fields
 * from `version` on. */
typedef struct Target Target;
struct Target {
    const char *name, *doc;
    /* where the row comes from, and what was never verified on a device */
    const char *evidence;
    int base;            /* the row that it is told from; -1: none */
    int chip;            /* its number in ChipFacts; -1: no chip */
    const char *version; /* spelling: "1.0" rank-0 tensors, "1.3" scalars */
    Opset opset;         /* written in func main<..> */
    /* boundary type of float inputs and results; IO_AUTO: as declared */
    IoMode io;
    const char *passes; /* names of those that run for it, "a,b"; NULL: all */
    IoMode try_io[4];   /* in this order when compiling on a device, ends with IO_AUTO */
    const char *try_version[3]; /* spellings in the order to try, ends with NULL */
    /* how the framework's name of its architecture begins, and one that was seen */
    const char *arch, *arch_one;
    InputOrder order;
    ChipLimits limits;
    ChipNumbers numbers;
};

enum { TARGET_generic, TARGET_host, TARGET_FIRST_CHIP }; /* chips follow */
extern const Target targets[];
extern const int target_count;
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
const Target *chip_at(int chip); /* by its number; NULL: there are not so many */
/* The chips that have an engine of their own, oldest first; the others (Pro, Max, Ultra, what
 * is too new) have their base's. NULL behind the last. */
const Target *generation_at(int i);
int generation_count(void);
/* The chip whose engine calls itself so ("h16c"); NULL: none. */
const Target *chip_of_arch(const char *arch);
/* All chips, and those of generation_at, as a list of names with commas; in a. */
const char *chip_list(Arena *a);
const char *generation_list(Arena *a);

int64_t chip_limit(const Target *t, int limit); /* -1: not known */
/* What a base says of it is STAND_UNKNOWN here: nobody measured it. */
ChipNumber chip_number(const Target *t, int number);
/* How a fact stands for a chip. */
Standing chip_standing(const Target *t, const ChipFacts *f);
/* The same of any target: for generic, which has to run on each chip, the strongest of all. */
Standing target_standing(const Target *t, const ChipFacts *f);

const Target *target_find(const char *name); /* NAME or "NAME,27.2"; NULL when unknown */

/* ---- releases of macOS (releases.def) ---------------------------------------------------- */

/* "27.2" as a number that grows with the release; -1: it is none, n bytes of it are read. */
int release_number(const char *text, size_t n);
const char *release_newest(void); /* "27.2": what a target without a release means */
/* The release behind the comma of "NAME,27.2"; without one the newest. */
const char *release_asked(const char *target);
/* Why a --target names no target, as a message without its place, with the nearest that there
 * is; NULL: it names one. A release of a major version that Apple left out is no release. */
const char *target_wrong(Arena *a, const char *name);
/* The row that a name which is none may have meant; NULL: none is near. */
const char *target_nearest(Arena *a, const char *name);

#endif
