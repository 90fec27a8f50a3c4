/* flexible.h -- which shapes the inputs of a function may have, as its attribute says. */
#ifndef ANEC_MIL_FLEXIBLE_H
#define ANEC_MIL_FLEXIBLE_H

#include "../ir.h"

#define FLEXIBLE "FlexibleShapeInformation"

/* The attribute FlexibleShapeInformation. Lives in the arena it was read into. */
typedef struct {
    bool has_default, has_range;
    Shape def;                          /* used for an input that --random makes */
    int rank;                           /* of the range */
    int64_t lo[MAX_RANK], hi[MAX_RANK]; /* hi < 0: no bound */
} FlexInput;

typedef struct {
    FlexInput *input; /* by parameter */
    /* enumerated: config[k][parameter]; rank -1: that input is not in it */
    int nconfig;
    Shape **config;
} Flex;

/* all zero without the attribute */
bool flex_read(const Func *f, Diag *d, Arena *a, Flex *out);
/* The shape of a parameter that nobody gives one: its own, the default, or the first that is
 * enumerated. False: there is none. */
bool flex_default(const Func *f, const Flex *flex, int param, Shape *out);

#endif
