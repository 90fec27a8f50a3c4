/* fuzz_core_text.c -- any bytes as a text of Core AI: errors, or a program that the verifier
 * takes. */
#include "../../ir/coreai/coreai.h"
#include "../../ir/query.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Diag d = { .quiet = true };
    unsigned char *copy = malloc(size + 1); /* the module's, from core_text_parse on */
    if (!copy) bug("out of memory");
    if (size) memcpy(copy, data, size);
    copy[size] = 0;
    const Mapped map = { .data = copy, .size = size };
    Module *m = core_text_parse(&d, "none/x.mlir", &map);
    if (!m && diag_ok(&d)) bug("refused without a word");
    if (m && !module_verify(m, &d, NULL)) bug("read, and not valid: %s", d.text.s);
    module_free(m);
    diag_free(&d);
    return 0;
}
