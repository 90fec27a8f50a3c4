/* flexible.h -- which shapes the inputs of a function may have: as its attribute says, or a package's
 * description (feature.c); Flex is what both are read into and written from. */
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
    Shape *shape;                       /* enumerated: flex_shape */
    int nshape, room;
} FlexInput;

typedef struct {
    FlexInput *input; /* by parameter */
    int nconfig;      /* enumerated: in how many ways shapes of inputs go together */
} Flex;

/* all zero without the attribute */
bool flex_read(const Func *f, Diag *d, Arena *a, Flex *out);
/* The attribute that says it of n inputs of these names, in alphabetical order. */
const Const *flex_const(Module *m, const char *const *name, int n, const Flex *flex);
/* The shape of an input in the k-th of nconfig; NULL: it is not in it. */
const Shape *flex_shape(const Flex *x, int input, int k);
/* To be filled in: it is, from now on. */
Shape *flex_shape_new(Arena *a, Flex *x, int input, int k);
/* The shape of a parameter that nobody gives one: its own, the default, or the first that is
 * enumerated. False: there is none. */
bool flex_default(const Func *f, const Flex *flex, int param, Shape *out);

#endif
