/* fuzz_beside.c -- any bytes as the .json beside a model: errors, or a module that can be
 * written. */
#include "../../ir/mil/mil_read.h"
#include "../../ir/mil/spec.h"

#include <string.h>

#include <cjson/cJSON.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "program(1.0)\n{\n    func main<ios16>(tensor<fp16, [1, ?]> x) {\n"
    "            tensor<fp16, [1, ?]> y = identity(x = x)[name = tensor<string, []>(\"y\")];\n"
    "        } -> (y);\n}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const Source src = { .name = "x.mil", .text = text, .len = sizeof text - 1 };
    Diag d = { .quiet = true };
    Buf out = { 0 };
    cJSON *json = cJSON_ParseWithLength((const char *)data, size);
    Module *m = module_new();
    if (!mil_read_into(m, &d, &src, "none")) bug("the program is refused: %s", d.text.s);
    if (json) {
        const bool ok = beside_parse(m, &d, "x.mil.json", json);
        if (ok != diag_ok(&d)) bug("refused without a word, or taken with one");
        if (ok) {
            mil_print(m, &out);
            mlmodel_write(m, &d, NULL, &out);
        }
    }
    cJSON_Delete(json);
    module_free(m);
    diag_free(&d);
    buf_free(&out);
    return 0;
}
