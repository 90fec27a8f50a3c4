/* fuzz_mil.c -- any bytes as MIL text: errors, or a program whose print reads back as
 * itself. */
#include "../../ir/mil/mil.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool print(const char *text, size_t size, Buf *out)
{
    Diag d = { 0 };
    const Source src = { .name = "x.mil", .text = text, .len = size };
    Module *m = mil_read(&d, &src, NULL);
    if (!m && d.errors + d.fails == 0) bug("refused without a word");
    bool ok = m && module_verify(m, &d, NULL);
    if (ok) mil_print(m, out);
    module_free(m);
    diag_free(&d);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Buf copy = { 0 }, first = { 0 }, second = { 0 };
    buf_add(&copy, data, size); /* a NUL follows, as in a mapped file */
    if (print(copy.s, copy.len, &first)) {
        if (!print(first.s, first.len, &second))
            bug("its own print is refused:\n%s", first.s);
        if (first.len != second.len || memcmp(first.s, second.s, first.len))
            bug("its own print reads as another:\n%s\n%s", first.s, second.s);
    }
    buf_free(&copy);
    buf_free(&first);
    buf_free(&second);
    return 0;
}
