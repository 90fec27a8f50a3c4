/* picture.h -- images outside: PNG files, arrays of pixels, and the tensors that they are
 * inside.
 *
 * A tensor of an image is [1, channels, height, width] of floats 0 .. 255, in the channel order
 * of its description; pixels outside are in the order R, G, B. */
#ifndef ANEC_PICTURE_H
#define ANEC_PICTURE_H

#include "../ir/mil/described.h"

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
