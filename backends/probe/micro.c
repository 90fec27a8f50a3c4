/* micro.c -- the programs of probes.def as text and files. */
#include "probe.h"

#include <string.h>

#define HEAD                                                                                   \
    "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", \"3505.4.1\"}})]\n{\n"

static const char *micro_program(Arena *a, const char *text)
{
    const char *body = strchr(text, '|'), *results = body ? strrchr(text, '|') : NULL;
    if (!results) bug("a micro-program is inputs | statements | results: %s", text);
    return arena_printf(a, HEAD "    func main<ios18>(%.*s) {\n%.*s\n    } -> (%s);\n}\n",
                        (int)(body - text), text, (int)(results - body - 1), body + 1,
                        results + 1);
}

/* One input more than buffers may be, with the result. */
static void many_buffers(Buf *b)
{
    for (int i = 0; i < 255; i++) buf_printf(b, "%stensor<fp16, [64]> a%d", i ? ", " : "", i);
    buf_puts(b, " | tensor<fp16, [64]> r = relu(x = a0)[name = string(\"r\")]; | r");
}

static void many_files(Buf *b)
{
    buf_puts(b, "tensor<fp16, [64]> a | ");
    for (int i = 0; i < 17; i++)
        buf_printf(
            b,
            "tensor<fp16, [64]> w%d = const()[name = string(\"w%d\"), val = tensor<fp16, "
            "[64]>(BLOBFILE("
            "path = string(\"@model_path/weights/w%d.bin\"), offset = uint64(64)))]; ",
            i, i, i);
    buf_puts(b, "tensor<fp16, [64]> r0 = add(x = a, y = w0)[name = string(\"r0\")]; ");
    for (int i = 1; i < 17; i++)
        buf_printf(b,
                   "tensor<fp16, [64]> r%d = add(x = r%d, y = w%d)[name = string(\"r%d\")]; ",
                   i, i - 1, i, i);
    buf_puts(b, "| r16");
}

/* Layers of attention in a row. */
static void micro_layers(Buf *b, int n)
{
    buf_puts(b, "tensor<fp16, [1, 4, 4]> a0 | ");
    for (int i = 0; i < n; i++)
        buf_printf(b,
                   "tensor<fp16, [1, 4, 4]> s%d = softmax(axis = int32(-1), x = a%d)[name = "
                   "string(\"s%d\")]; tensor<fp16, [1, 4, 4]> a%d = matmul(transpose_x = "
                   "bool(false), transpose_y = bool(false), x = s%d, y = a%d)[name = "
                   "string(\"a%d\")]; ",
                   i, i, i, i + 1, i, i, i + 1);
    buf_printf(b, "| a%d", n);
}

static void many_layers(Buf *b) { micro_layers(b, 31); }
static void enough_layers(Buf *b) { micro_layers(b, 30); }

static void one_record(Buf *b)
{
    buf_puts(
        b, "tensor<fp16, [64]> a | tensor<fp16, [64]> w = const()[name = string(\"w\"), val = "
           "tensor<fp16, "
           "[64]>(BLOBFILE(path = string(\"@model_path/w.bin\"), offset = uint64(64)))]; "
           "tensor<fp16, [64]> r = "
           "add(x = a, y = w)[name = string(\"r\")]; | r");
}

/* Programs of several functions: n of them, with `nin` inputs each. */
static void micro_functions(Buf *b, int n, int nin)
{
    buf_puts(b, HEAD);
    for (int i = 0; i < n; i++) {
        buf_puts(b, "    func ");
        buf_printf(b, i ? "f%d<ios18>(" : "main<ios18>(", i);
        for (int k = 0; k < nin; k++)
            buf_printf(b, "%stensor<fp16, [64]> a%d", k ? ", " : "", k);
        buf_puts(b, ") {\n        tensor<fp16, [64]> r = relu(x = a0)[name = string(\"r\")];\n"
                    "    } -> (r);\n");
    }
    buf_puts(b, "}\n");
}

static void many_symbols(Buf *b) { micro_functions(b, 2, 128); }
static void many_procedures(Buf *b) { micro_functions(b, 130, 1); }

static const struct {
    const char *word;
    void (*make)(Buf *b);
} made[] = {
    { "buffers", many_buffers }, { "files", many_files }, { "procedures", many_procedures },
    { "symbols", many_symbols }, { "deep", many_layers }, { "30 layers", enough_layers },
    { "record", one_record },    { "sound", one_record },
};

const char *micro_text(Arena *a, const char *text)
{
    if (!strncmp(text, "program(", 8)) return text;
    for (size_t i = 0; i < COUNT(made); i++) {
        if (strcmp(text, made[i].word) != 0) continue;
        Buf b = { 0 };
        made[i].make(&b);
        const bool all = !strncmp(b.s, "program(", 8);
        const char *whole = all ? arena_strdup(a, b.s) : micro_program(a, b.s);
        buf_free(&b);
        return whole;
    }
    return micro_program(a, text);
}

static void micro_put(unsigned char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * i);
}

bool micro_record(Diag *d, const char *dir, uint64_t size, uint64_t offset)
{
    enum { HEADER = 64, RECORD = 64, BYTES = 128, FP16 = 1 };
    unsigned char file[HEADER + RECORD + BYTES] = { 0 };
    Arena a = { 0 };
    micro_put(file, 1, 4);
    micro_put(file + 4, 2, 4);
    micro_put(file + HEADER, 0xdeadbeef, 4);
    micro_put(file + HEADER + 4, FP16, 4);
    micro_put(file + HEADER + 8, size, 8);
    micro_put(file + HEADER + 16, offset, 8);
    for (int i = 0; i < BYTES; i += 2)
        micro_put(file + HEADER + RECORD + i, 0x3c00, 2); /* ones */
    bool ok = file_write_all(d, arena_printf(&a, "%s/w.bin", dir), file, sizeof file);
    arena_free(&a);
    return ok;
}
