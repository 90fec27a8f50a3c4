/* chips.h -- facts about one thing, a chip each, as the rows of .def files say them.
 *
 *     FACTS(.m1 = MEASURED, .m2 = REPORTED, .m4 = UNKNOWN)
 *
 * A row names the chips that it has facts for. One that it does not name stands as the chip that
 * it is told from (ir/targets/chips), at most derived, since nobody looked: what was seen not to
 * hold there is unknown here. A chip without such a base is unknown. The names are those of the
 * chips' own rows: another one does not compile. */
#ifndef ANEC_CHIPS_H
#define ANEC_CHIPS_H

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

/* As rows say it. RUNS is NOT of an operation: that the engine refuses it was seen not to be so. */
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

#endif
