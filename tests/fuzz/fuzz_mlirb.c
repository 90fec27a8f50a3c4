/* fuzz_mlirb.c -- any bytes as MLIR bytecode: read, or refused at a byte of theirs with a word. */
#include "../../ir/coreai/coreai.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena a = { 0 };
    Mlirb f;
    const bool ok = mlirb_read(&f, &a, data, size);
    if (ok == (f.wrong != NULL)) bug("refused without a word");
    if (f.wrong && f.at > size) bug("refused behind its end");
    for (int i = 0; i < f.nsection; i++)
        if (f.section[i].at > size || f.section[i].size > size - f.section[i].at)
            bug("a section behind the end");
    for (int i = 0; i < f.nop; i++)
        if (f.op[i].dialect >= f.ndialect || !f.op[i].name) bug("an op of no dialect");
    arena_free(&a);
    return 0;
}
