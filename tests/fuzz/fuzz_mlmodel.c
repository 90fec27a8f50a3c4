/* fuzz_mlmodel.c -- any bytes as a .mlmodel: errors, or a module whose writing reads back as
 * itself. */
#include "../../ir/mil/spec.h"
#include "turn.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* True when it reads and verifies; out: how it is written again. */
static bool turn(const uint8_t *data, size_t size, Buf *out)
{
    Diag d = { .quiet = true };
    unsigned char *copy = malloc(size + 1); /* the module's, from mlmodel_parse on */
    if (!copy) bug("out of memory");
    if (size) memcpy(copy, data, size);
    copy[size] = 0;
    const Mapped map = { .data = copy, .size = size };
    Buf text = { 0 };
    Module *m = mlmodel_parse(&d, "none/x.mlmodel", &map, NULL);
    if (!m && diag_ok(&d)) bug("refused without a word");
    bool ok = m && module_verify(m, &d, NULL);
    if (m) mil_print(m, &text);
    if (ok) ok = mlmodel_write(m, &d, NULL, out);
    module_free(m);
    diag_free(&d);
    buf_free(&text);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return turn_twice(turn, data, size);
}
