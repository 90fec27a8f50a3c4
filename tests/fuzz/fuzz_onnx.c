/* fuzz_onnx.c -- any bytes as a .onnx file: errors, or a program that the verifier takes and that
 * prints and reads back as itself. */
#include "../../ir/onnx/onnx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Diag d = { .quiet = true };
    unsigned char *copy = malloc(size + 1); /* the module's, from onnx_parse on */
    if (!copy) bug("out of memory");
    if (size) memcpy(copy, data, size);
    copy[size] = 0;
    const Mapped map = { .data = copy, .size = size };
    Module *m = onnx_parse(&d, "none/x.onnx", &map, NULL);
    if (!m && diag_ok(&d)) bug("refused without a word");
    if (m && !module_verify(m, &d, NULL)) bug("read, and not valid: %s", d.text.s);
    module_free(m);
    diag_free(&d);
    return 0;
}
