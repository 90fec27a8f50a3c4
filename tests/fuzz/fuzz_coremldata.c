/* fuzz_coremldata.c -- any bytes as the coremldata.bin of a program: errors, or what is written
 * again and reads back as itself. */
#include "../../ir/mil/mil_read.h"
#include "../../ir/mil/spec.h"
#include "turn.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1, ?]> x, state<tensor<fp16, [2]>> s) {\n"
    "            tensor<fp16, [1, ?]> y = identity(x = x)[name = string(\"y\")];\n        } -> "
    "(y);\n"
    "    func other<ios18>(tensor<int32, [3]> x) {\n"
    "            tensor<int32, [3]> z = identity(x = x)[name = string(\"z\")];\n        } -> "
    "(z);\n}";

static bool turn(const uint8_t *data, size_t size, Buf *out)
{
    const Source src = { .name = "x.mil", .text = text, .len = sizeof text - 1 };
    const Mapped map = { .data = data, .size = size };
    Diag d = { .quiet = true };
    Module *m = module_new();
    if (!mil_read_into(m, &d, &src, "none")) bug("the program is refused: %s", d.text.s);
    bool ok = coremldata_read(m, &d, "x.bin", &map);
    if (ok != diag_ok(&d)) bug("refused without a word, or taken with one");
    if (ok) ok = coremldata_write(m, &d, out);
    module_free(m);
    diag_free(&d);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return turn_twice(turn, data, size);
}
