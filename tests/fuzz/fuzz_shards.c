/* fuzz_shards.c -- any bytes as the index of a checkpoint in several files: its tensors and files
 * in order, each once, or one error. */
#include "../../base/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena a = { 0 };
    Diag d = { 0 };
    Shards s;
    const Mapped m = { .data = data, .size = size };
    if (shards_parse(&a, &d, (Loc){ 0 }, "x.index.json", &m, &s)) {
        for (size_t i = 1; i < s.count; i++)
            if (strcmp(s.place[i - 1].tensor, s.place[i].tensor) >= 0)
                bug("not in order");
        for (size_t i = 1; i < s.files; i++)
            if (strcmp(s.file[i - 1], s.file[i]) >= 0) bug("a file twice");
        if (s.files > s.count) bug("%zu files of %zu tensors", s.files, s.count);
    } else if (d.errors != 1) {
        bug("%d errors", d.errors);
    }
    diag_free(&d);
    arena_free(&a);
    return 0;
}
