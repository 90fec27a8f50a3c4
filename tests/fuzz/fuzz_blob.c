/* fuzz_blob.c -- any bytes as a weight file: what a literal may read lies inside of it, or one
 * error. */
#include "../../ir/mil/mil_text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the record at `at` says it holds, as elements of t. */
static size_t elements_of(const uint8_t *data, size_t size, size_t at, DType t)
{
    uint64_t bytes = 0;
    if (at <= size && size - at >= 16) memcpy(&bytes, data + at + 8, sizeof bytes);
    return bytes > SIZE_MAX / 8 ? (size_t)bytes
                                : (size_t)bytes * 8 / (size_t)dtypes[t].bits;
}

static unsigned ask(const WeightFile *w, Diag *d, size_t at, DType t)
{
    unsigned sum = 0;
    const size_t n = elements_of(w->map.data, w->map.size, at, t);
    const int before = d->errors;
    const uint8_t *p = weight_data(w, d, (Loc){ 0 }, at, t, n);
    /* That a file is cut is said once, however many literals lie beyond its end. */
    if (!p && (!d->errors || d->errors > before + 1))
        bug("%d errors", d->errors - before);
    if (!p) return 0;
    const size_t bytes = n / 8 * (size_t)dtypes[t].bits
                       + n % 8 * (size_t)dtypes[t].bits / 8;
    if (p < w->map.data || bytes > (size_t)(w->map.data + w->map.size - p))
        bug("data outside of the file");
    for (size_t i = 0; i < bytes; i++) sum += p[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Diag d = { .quiet = true, .max_errors = 1 };
    WeightFile w = { .path = "w.bin",
                     .real = "w.bin",
                     .map = { .data = data, .size = size } };
    unsigned sum = 0;
    if (!size) w.map.data = NULL;
    weight_file_check(&w, &d, (Loc){ 0 });
    if (!diag_ok(&d)) bug("a warning that is an error");
    /* every place that a record may stand at, and the first bytes of the file as another */
    for (size_t at = 0; at <= size && at < 1024; at += 64)
        for (int t = 1; t < DT_COUNT; t++)
            if (dtypes[t].blob) sum += ask(&w, &d, at, (DType)t);
    uint64_t any = 0;
    if (size >= 16) memcpy(&any, data + 8, sizeof any);
    weight_data(&w, &d, (Loc){ 0 }, any, DT_FP16, (size_t)any);
    if (sum == 1 && size == 0) bug("something of nothing");
    diag_free(&d);
    return 0;
}
