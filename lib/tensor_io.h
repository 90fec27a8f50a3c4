/* tensor_io.h -- tensors in and out of files, images among them; from a word of the command
 * line; and made up. */
#ifndef ANEC_TENSOR_IO_H
#define ANEC_TENSOR_IO_H

#include "../backends/backend.h"
#include "../ir/mil/described.h"

/* ---- arrays (tensor_io.c) ---------------------------------------------------------------- */

/* .npy has no bf16, no type below 8 bits: those are written and read as a type that holds them
 * exactly (fp32, int8, uint8). Strings are numpy's fixed-width text (<U). */
DType npy_stand_in(DType t);

bool tensor_load(Tensor *t, Diag *d, const char *path); /* "-": standard input */
bool tensor_save(const Tensor *t, Diag *d, const char *path);
/* Every element in another type, rounded once; ints that do not fit are an error naming
 * `what`. */
bool tensor_convert(Tensor *t, Diag *d, DType to, const char *what);
/* The elements that --random gives an input: docs/runtime.md. */
bool tensor_random(Tensor *t, Diag *d, uint64_t seed, const char *name, DType dtype,
                   const Shape *s);

/* A parameter that is given a tensor. */
typedef struct {
    const char *name;
    const Type *want; /* its type */
    const Type *own;  /* what the model itself declared before it was rewritten, or NULL */
    Described described;
    bool strict; /* floats and integers of another width are not converted */
} Place;

/* `text` is a .npy or .png file, "-", or a number or text that fills the tensor. */
bool tensor_given(Tensor *t, Diag *d, const char *text, const Place *p);

/* ---- images (picture.c) ------------------------------------------------------------------- *
 *
 * Images outside are PNG files and arrays of pixels. Inside, a tensor of an image is
 * [1, channels, height, width] of floats 0 .. 255, in the channel order of its description;
 * pixels outside are in the order R, G, B. */

typedef struct {
    int64_t size[2]; /* width and height */
    int channels;    /* 1 or 3 */
    int bits;        /* 8 or 16, in the machine's order */
    void *data;      /* rows from the top, packed; mem_free's */
} Picture;

/* Whether this build can read and write PNG. */
bool picture_has_png(void);
/* A PNG for an image called `name`: palettes and depths become 8 bits (16 where the image has
 * more), one channel becomes three; colours for a grey image, transparent pixels and another
 * size are errors. */
bool picture_read(Picture *p, Diag *d, const char *path, const char *name,
                  const Described *want);
/* Reports that the size is none that the image may have; always false. */
bool picture_other_size(Diag *d, const char *path, const char *name, const int64_t size[2],
                        const Described *want);
/* A PNG as it is, of 8 bits a sample, grey or of colours; others are errors. */
bool picture_read_plain(Picture *p, Diag *d, const char *path);
bool picture_write(const Picture *p, Diag *d, const char *path);
/* Pixels as the tensor of an image, of element type `as`. */
bool picture_to_tensor(const Picture *p, Diag *d, const Described *want, DType as, Tensor *out);
/* The same of an array [height, width] or [height, width, channels] of bytes; `origin` is for
 * messages. */
bool pixels_to_tensor(const Tensor *pixels, Diag *d, const char *origin, const char *name,
                      const Described *want, DType as, Tensor *out);
/* The pixels of a result: rounded to whole numbers and moved into their range, NaN is 0. */
bool picture_of_tensor(Picture *p, Diag *d, const char *name, const Described *is,
                       const Tensor *t);

#endif
