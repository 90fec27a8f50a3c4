/* fuzz_safetensors.c -- any bytes as a .safetensors file: tensors inside of it, or one
 * error. */
#include "../../base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena a = { 0 };
    Diag d = { 0 };
    SafeTensors s;
    const Mapped m = { .data = data, .size = size };
    if (safetensors_parse(&a, &d, (Loc){ 0 }, "x.safetensors", &m, &s)) {
        for (size_t i = 0; i < s.count; i++) {
            const uint8_t *at = s.tensor[i].data;
            if (at < data || s.tensor[i].bytes > (size_t)(data + size - at))
                bug("a tensor outside of its file");
        }
        safetensors_find(&s, &d, (Loc){ 0 }, "weight");
    } else if (d.errors != 1) {
        bug("%d errors", d.errors);
    }
    diag_free(&d);
    arena_free(&a);
    return 0;
}
