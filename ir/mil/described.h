/* described.h -- what the description of a model says of an input or result beyond its type:
 * whether it may be left out, whether it is an image outside, which shapes it may have; and
 * which result is a classifier's label.
 *
 * It is asked by name, so that it holds whatever passes have made of the program. */
#ifndef ANEC_MIL_DESCRIBED_H
#define ANEC_MIL_DESCRIBED_H

#include "../ir.h"

/* Numbers of ImageFeatureType.ColorSpace. */
typedef enum {
    PIXELS_NONE,
    PIXELS_GRAY = 10,
    PIXELS_RGB = 20,
    PIXELS_BGR = 30,
    PIXELS_GRAY16 = 40 /* fp16 numbers; all others are bytes outside */
} Pixels;
/* "RGB", as Core ML spells it; NULL: there is no such number */
const char *pixels_name(Pixels p);
int pixels_channels(Pixels p); /* 1 or 3 */

enum { SIDE_WIDTH, SIDE_HEIGHT };
typedef struct {
    Pixels pixels;           /* PIXELS_NONE: an array */
    int64_t size[2];         /* of an image by default: width and height */
    int nsizes;              /* enumerated sizes; 0: none */
    int64_t (*sizes)[2];     /* in the arena that was given */
    bool ranged;             /* sizes between low and high */
    int64_t low[2], high[2]; /* high < 0: no bound */
    bool optional, has_default;
    double value; /* that every element has when the input is left out */
} Described;

/* All zero when nothing is said of it. */
void described(const Func *f, const Value *v, bool input, Arena *a, Described *out);
/* Whether an image may have this size. */
bool described_size_fits(const Described *d, const int64_t size[2]);
/* "12 x 10", "12 x 10 or 24 x 20", "8..64 x 8.. (width x height)" */
void described_sizes(const Described *d, Buf *out);

typedef struct {
    const Value *label, *probabilities; /* results of the function */
    /* a list: the labels in the order of the probabilities */
    const Const *classes;
} Classifier;
/* The statement `classify` whose results the function returns; of several the one that the
 * description names. False: it is no classifier. */
bool described_classifier(const Func *f, Classifier *out);

/* ---- shapes that the inputs of a function may have (flexible.c) -------------------------- */

/* As its attribute says, or a package's description (feature.c); Flex is what both are read
 * into and written from. */

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
