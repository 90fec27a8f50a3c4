/* tensor_io.h -- tensors read from and written to files, images included; tensors from an
 * argument of the command line; random tensors. */
#ifndef ANEC_TENSOR_IO_H
#define ANEC_TENSOR_IO_H

#include "../backends/backend.h"
#include "../ir/mil/described.h"

/* ---- arrays (tensor_io.c) ---------------------------------------------------------------- */

/* The type that .npy has in place of t. It has neither bf16 nor types below 8 bits: these
 * are written and read as a type that holds them exactly (fp32, int8, uint8). Strings are
 * NumPy's text of fixed width (<U). */
DType npy_stand_in(DType t);

bool tensor_load(Tensor *t, Diag *d, const char *path); /* "-": standard input */
bool tensor_save(const Tensor *t, Diag *d, const char *path);
/* Converts every element to another type, rounding once. An integer that does not fit is an
 * error that names `what`. */
bool tensor_convert(Tensor *t, Diag *d, DType to, const char *what);
/* Random elements for an input, as --random makes them (docs/runtime.md). */
bool tensor_random(Tensor *t, Diag *d, uint64_t seed, const char *name, DType dtype,
                   const Shape *s);

/* The parameter that a tensor is for. */
typedef struct {
    const char *name;
    const Type *want; /* its type */
    const Type *own;  /* the type that it had before the model was rewritten, or NULL */
    Described described;
    bool strict; /* floats and integers of another width are not converted */
} Place;

/* Reads a tensor: text is the name of a .npy or .png file, "-", or a number or text for the
 * element. */
bool tensor_given(Tensor *t, Diag *d, const char *text, const Place *p);

/* ---- images (picture.c) ------------------------------------------------------------------- *
 *
 * Users give and get images as PNG files or arrays of pixels, in the channel order R, G, B.
 * In the program an image is a tensor [1, channels, height, width] of floats 0 .. 255, in
 * the channel order of its description. */

typedef struct {
    int64_t size[2]; /* width and height */
    int channels;    /* 1 or 3 */
    int bits;        /* 8 or 16, in the machine's order */
    void *data;      /* packed rows, from the top; to be freed by mem_free */
} Picture;

/* Whether this build can read and write PNG. */
bool picture_has_png(void);
/* Reads a PNG for the image `name`. Palettes and other depths are converted to 8 bits (16
 * where the image has more), one channel to three. Colours for a grey image, transparent
 * pixels and a size that the image may not have are errors. */
bool picture_read(Picture *p, Diag *d, const char *path, const char *name,
                  const Described *want);
/* Reports that the image may not have this size; always false. */
bool picture_other_size(Diag *d, const char *path, const char *name,
                        const int64_t size[2], const Described *want);
/* Reads a PNG of 8 bits a sample, grey or RGB, as it is; others are errors. */
bool picture_read_plain(Picture *p, Diag *d, const char *path);
bool picture_write(const Picture *p, Diag *d, const char *path);
/* Converts pixels to the tensor of an image, of element type `as`. */
bool picture_to_tensor(const Picture *p, Diag *d, const Described *want, DType as,
                       Tensor *out);
/* The same for an array [height, width] or [height, width, channels] of bytes, which
 * messages call `origin`. */
bool pixels_to_tensor(const Tensor *pixels, Diag *d, const char *origin, const char *name,
                      const Described *want, DType as, Tensor *out);
/* Converts a result to pixels: rounded, clamped to their range, NaN to 0. */
bool picture_of_tensor(Picture *p, Diag *d, const char *name, const Described *is,
                       const Tensor *t);

#endif
