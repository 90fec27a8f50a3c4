/* fuzz_npy.c -- any bytes as a .npy file: an array that lies inside of what was given, or one
 * error. */
#include "../../base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Diag d = { 0 };
    NpyArray a;
    if (npy_parse(&d, "x.npy", data, size, &a)) {
        unsigned sum = 0;
        for (size_t i = 0; i < a.bytes; i++) sum += ((const uint8_t *)a.data)[i];
        if (a.bytes > size || sum > 255 * size) bug("an array larger than its file");
        npy_close(&a);
    } else if (d.errors + d.fails != 1) {
        bug("%d errors", d.errors);
    }
    diag_free(&d);
    return 0;
}
