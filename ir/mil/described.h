/* described.h -- what a container's description says of inputs and results beyond their types:
 * whether an input is optional, whether it is an image, which shapes it may have, and which
 * result is the label of a classifier.
 *
 * Inputs and results are found by name, so this holds whatever passes do to the program. */
#ifndef ANEC_MIL_DESCRIBED_H
#define ANEC_MIL_DESCRIBED_H

#include "../ir.h"

/* Numbers of ImageFeatureType.ColorSpace. */
typedef enum {
    PIXELS_NONE,
    PIXELS_GRAY = 10,
    PIXELS_RGB = 20,
    PIXELS_BGR = 30,
    PIXELS_GRAY16 = 40 /* pixels are fp16; in all others they are bytes */
} Pixels;
/* "RGB", as Core ML spells it; NULL: there is no such number. */
const char *pixels_name(Pixels p);
int pixels_channels(Pixels p); /* 1 or 3 */

enum { SIDE_WIDTH, SIDE_HEIGHT };
typedef struct {
    Pixels pixels;           /* PIXELS_NONE: it is no image */
    int64_t size[2];         /* default width and height of an image */
    int nsizes;              /* number of enumerated sizes; 0: none */
    int64_t (*sizes)[2];     /* in the arena that was given */
    bool ranged;             /* any size between low and high */
    int64_t low[2], high[2]; /* high < 0: no bound */
    bool optional, has_default;
    double value; /* has_default: that of every element when the input is not given */
} Described;

/* The description of input or result v; all zero where there is none. */
void described(const Func *f, const Value *v, bool input, Arena *a, Described *out);
/* Whether an image may have this size. */
bool described_size_fits(const Described *d, const int64_t size[2]);
/* Writes "12 x 10", "12 x 10 or 24 x 20", or "8..64 x 8.. (width x height)". */
void described_sizes(const Described *d, Buf *out);

typedef struct {
    const Value *label, *probabilities; /* results of the function */
    /* a list: the labels in the order of the probabilities */
    const Const *classes;
} Classifier;
/* Finds the op `classify` whose results the function returns, of several the one that the
 * description names. False: the function is no classifier. */
bool described_classifier(const Func *f, Classifier *out);

/* ---- shapes that the inputs of a function may have (flexible.c) -------------------------- */

/* A program has them in an attribute of the function, a package in its description (feature.c).
 * Flex is read from, and written as, both. It lives in the arena that it is read into. */

#define FLEXIBLE "FlexibleShapeInformation"

typedef struct {
    bool has_default, has_range;
    Shape def; /* the default shape, which --random takes */
    int rank;  /* of the range */
    int64_t lo[MAX_RANK],
        hi[MAX_RANK]; /* the range of each dimension; hi < 0: no bound */
    Shape *shape;     /* enumerated shapes: flex_shape */
    int nshape, room;
} FlexInput;

typedef struct {
    FlexInput *input; /* by parameter */
    int nconfig;      /* number of enumerated combinations of input shapes */
} Flex;

/* Reads the attribute; all zero where there is none. False: it is malformed, reported. */
bool flex_read(const Func *f, Diag *d, Arena *a, Flex *out);
/* The attribute for n inputs of these names, in alphabetical order. */
const Const *flex_const(Module *m, const char *const *name, int n, const Flex *flex);
/* The shape of an input in combination k, 0 .. nconfig - 1; NULL: the combination lacks it. */
const Shape *flex_shape(const Flex *x, int input, int k);
/* Adds that shape, for the caller to fill in. */
Shape *flex_shape_new(Arena *a, Flex *x, int input, int k);
/* The shape of a parameter when none is given: its declared one, the default, or the first
 * of the enumerated. False: there is none. */
bool flex_default(const Func *f, const Flex *flex, int param, Shape *out);

#endif
