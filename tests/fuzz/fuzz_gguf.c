/* fuzz_gguf.c -- any bytes as a .gguf file: tensors inside of it, whose blocks are numbers, or
 * one error. */
#include "../../base/base.h"
#include "../../ir/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_blocks(const SafeTensor *t)
{
    const ByteFloat *coded = byte_float_of_file(t->dtype);
    const unsigned char *at = t->data;
    float out[MAX_BLOCK];
    if (!coded) return;
    if (t->bytes % coded->bytes) bug("a block that is not whole");
    for (size_t i = 0; i < t->bytes; i += coded->bytes) coded->block(at + i, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena a = { 0 };
    Diag d = { 0 };
    SafeTensors s;
    const Mapped m = { .data = data, .size = size };
    if (gguf_parse(&a, &d, (Loc){ 0 }, "x.gguf", &m, &s)) {
        for (size_t i = 0; i < s.count; i++) {
            const uint8_t *at = s.tensor[i].data;
            if (at < data || s.tensor[i].bytes > (size_t)(data + size - at))
                bug("a tensor outside of its file");
            look_at_blocks(&s.tensor[i]);
        }
    } else if (d.errors != 1) {
        bug("%d errors", d.errors);
    }
    diag_free(&d);
    arena_free(&a);
    return 0;
}
