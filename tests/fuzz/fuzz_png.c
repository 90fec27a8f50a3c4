/* fuzz_png.c -- any bytes as a PNG for an image input: a picture of a size and depth that the
 * image may have, which fills its tensor, or one error. The first byte says which image. */
#include "../../lib/tensor_io.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t several[][2] = { { 3, 2 }, { 12, 10 }, { 16, 16 } };

/* Sizes stay small: how large a picture may be is what the model says. */
static Described image_of(uint8_t which)
{
    static const Pixels pixels[] = { PIXELS_RGB, PIXELS_BGR, PIXELS_GRAY, PIXELS_GRAY16 };
    Described d = { .pixels = pixels[which % 4], .size = { 3, 2 } };
    if (which / 4 % 2) d.nsizes = (int)COUNT(several), d.sizes = several;
    else if (which / 4 % 4 >= 2)
        d.ranged = true, d.low[0] = d.low[1] = 1, d.high[0] = d.high[1] = 64;
    return d;
}

static void read_and_look(Diag *d, const char *path, const Described *want)
{
    Picture p = { 0 };
    Tensor t = { 0 };
    if (!picture_read(&p, d, path, "image", want)) {
        if (d->errors + d->fails != 1) bug("%d errors", d->errors);
        return;
    }
    if (!described_size_fits(want, p.size)
        || (p.channels != 1 && p.channels != pixels_channels(want->pixels)))
        bug("a picture that the image may not be");
    if (!picture_to_tensor(&p, d, want, DT_FP32, &t)) bug("no tensor: %s", d->text.s);
    for (size_t i = 0; i < t.count; i++)
        if (!(tensor_float(&t, i) >= 0 && tensor_float(&t, i) <= 65535))
            bug("a pixel out of range");
    tensor_free(&t);
    mem_free(p.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Diag d = { .quiet = true };
    char path[40];
    if (!size || !picture_has_png()) return 0;
    const Described want = image_of(*data);
    const int file = memfd_create("png", MFD_CLOEXEC);
    if (file < 0 || write(file, data + 1, size - 1) != (ssize_t)size - 1)
        bug("no file to read from");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    read_and_look(&d, path, &want);
    close(file);
    diag_free(&d);
    return 0;
}
