/* test_bytes.c -- files of each kind that we read, with one byte of them changed, left out or
 * all behind it cut off, and numbers of 4 and of 8 bytes such as lead to the end. Which of these are read, as what, and with which messages the others
 * are refused, is held against bytes.txt; `make golden` writes that anew. */
#include "rewritten.h"
#include "unit.h"

#include "../../frontend/frontend.h"
#include "../../ir/mil/mil_text.h"
#include "../../ir/mil/mil.h"
#include "../../ir/mil/mil_read.h"
#include "../../ir/mil/spec.h"
#include "../../ir/onnx/onnx.h"
#include "../../ir/targets/rules.h"

#include <cjson/cJSON.h>

/* Puts what was read into *out; false: refused, with an error in d. Behind the data is a
 * NUL. */
typedef bool Reader(Diag *d, const unsigned char *data, size_t size, Buf *out);

/* ---- readers ----------------------------------------------------------------------------- */

static void put_bytes(Buf *out, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%02x", ((const unsigned char *)data)[i]);
}

static bool read_npy(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    NpyArray a;
    if (!npy_parse(d, "x.npy", data, size, &a)) return false;
    buf_printf(out, "%s %d", a.descr, a.rank);
    for (int i = 0; i < a.rank; i++) buf_printf(out, " %lld", (long long)a.shape[i]);
    put_bytes(out, a.data, a.bytes);
    npy_close(&a);
    return true;
}

typedef bool TensorsReader(Arena *a, Diag *d, Loc loc, const char *path,
                           const Mapped *file, SafeTensors *out);

static bool read_tensors(TensorsReader *read, Diag *d, const unsigned char *data,
                         size_t size, const char *path, Buf *out)
{
    Arena a = { 0 };
    SafeTensors s;
    const Mapped m = { .data = data, .size = size };
    const bool ok = read(&a, d, (Loc){ 0 }, path, &m, &s);
    for (size_t i = 0; ok && i < s.count; i++) {
        buf_printf(out, "%s %s ", s.tensor[i].name, s.tensor[i].dtype);
        for (int k = 0; k < s.tensor[i].rank; k++)
            buf_printf(out, " %lld", (long long)s.tensor[i].shape[k]);
        put_bytes(out, s.tensor[i].data, s.tensor[i].bytes);
    }
    arena_free(&a);
    return ok;
}

static bool read_safetensors(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    return read_tensors(safetensors_parse, d, data, size, "x.safetensors", out);
}

static bool read_gguf(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    return read_tensors(gguf_parse, d, data, size, "x.gguf", out);
}

static bool read_shards(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    Arena a = { 0 };
    Shards s;
    const Mapped m = { .data = data, .size = size };
    const bool ok = shards_parse(&a, d, (Loc){ 0 }, "x.index.json", &m, &s);
    for (size_t i = 0; ok && i < s.count; i++)
        buf_printf(out, "%s %s ", s.place[i].tensor, s.place[i].file);
    for (size_t i = 0; ok && i < s.files; i++) buf_printf(out, "%s ", s.file[i]);
    arena_free(&a);
    return ok;
}

/* Each place asked for each type: bytes, or what is wrong with them. */
static bool read_blob(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    WeightFile w = { .path = "w.bin",
                     .real = "w.bin",
                     .map = { .data = data, .size = size } };
    d->max_errors = 0;
    weight_file_check(&w, d, (Loc){ 0 });
    for (size_t at = 0; at < size; at += 64)
        for (int t = 1; t < DT_COUNT; t++)
            for (size_t n = 0; dtypes[t].blob && n <= 8; n += 4) {
                const unsigned char *p = weight_data(&w, d, (Loc){ 0 }, at, (DType)t, n);
                if (p) put_bytes(out, p, n * (size_t)dtypes[t].bits / 8);
                else buf_puts(out, "no");
            }
    if (d->text.len) buf_puts(out, d->text.s);
    return true;
}

/* As text, and as both kinds of file hold it, or why they cannot. */
static bool put_module(Module *m, Diag *d, bool ok, Buf *out)
{
    Diag cannot = { .quiet = true };
    ok = ok && m && module_verify(m, d, NULL);
    if (ok) {
        mil_print(m, out);
        mlmodel_write(m, &cannot, NULL, out);
        coremldata_write(m, &cannot, out);
        if (cannot.text.len) buf_puts(out, cannot.text.s);
    }
    diag_free(&cannot);
    module_free(m);
    return ok;
}

static bool read_mil(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    const Source src = { .name = "x.mil", .text = (const char *)data, .len = size };
    return put_module(mil_read(d, &src, NULL), d, true, out);
}

static bool read_mlmodel(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    unsigned char *copy = malloc(size + 1); /* the module's from here on */
    memcpy(copy, data, size + 1);
    const Mapped map = { .data = copy, .size = size };
    return put_module(mlmodel_parse(d, "none/x.mlmodel", &map, NULL), d, true, out);
}

static bool read_onnx(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    unsigned char *copy = malloc(size + 1); /* the module's from here on */
    memcpy(copy, data, size + 1);
    const Mapped map = { .data = copy, .size = size };
    return put_module(onnx_parse(d, "none/x.onnx", &map, NULL), d, true, out);
}

static const char program[] =
    "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1, ?]> x, state<tensor<fp16, [2]>> s) {\n"
    "            tensor<fp16, [1, ?]> y = identity(x = x)[name = string(\"y\")];\n        } -> "
    "(y);\n"
    "    func other<ios18>(tensor<int32, [3]> x) {\n"
    "            tensor<int32, [3]> z = identity(x = x)[name = string(\"z\")];\n        } -> "
    "(z);\n}";

static Module *read_program(Diag *d)
{
    static const Source src = { .name = "x.mil",
                                .text = program,
                                .len = sizeof program - 1 };
    Module *m = module_new();
    assert_true(mil_read_into(m, d, &src, "none"));
    return m;
}

static bool read_coremldata(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    const Mapped map = { .data = data, .size = size };
    Module *m = read_program(d);
    return put_module(m, d, coremldata_read(m, d, "x.bin", &map), out);
}

static bool read_beside(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    cJSON *json = cJSON_ParseWithLength((const char *)data, size);
    Module *m = read_program(d);
    if (!json) diag_error(d, (Loc){ 0 }, "no JSON");
    const bool ok = put_module(m, d, json && beside_parse(m, d, "x.mil.json", json), out);
    cJSON_Delete(json);
    return ok;
}

/* What the profile changes, by name: new rules and limits are none of it. */
static bool read_profile(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    RuleSet rs, was;
    const Source src = { .name = "profile", .text = (const char *)data, .len = size };
    ruleset_init(&was, target_find("m1"), NULL);
    ruleset_init(&rs, target_find("m1"), NULL);
    if (!profile_parse(&rs, d, &src)) return false;
    for (int i = 0; i < RULE_COUNT; i++)
        if (rs.stand[i] != was.stand[i] || rs.profiled[i] != was.profiled[i])
            buf_printf(out, "%s %d %d ", rules[i].name, rs.stand[i], rs.profiled[i]);
    for (int i = 0; i < LIMIT_COUNT; i++)
        if (rs.limit[i] != was.limit[i])
            buf_printf(out, "%s %lld ", limits[i].name, (long long)rs.limit[i]);
    return true;
}

static bool read_dsl(Diag *d, const unsigned char *data, size_t size, Buf *out)
{
    const Source src = { .name = "x.anedsl", .text = (const char *)data, .len = size };
    const DslOptions opt = { .dir = "tests/fuzz/none", .opset = OPSET_IOS16 };
    return put_module(dsl_compile(d, &src, &opt), d, true, out);
}

/* ---- answers ----------------------------------------------------------------------------- */

enum { MOST_ANSWERS = 512, SAID = 12 };

typedef struct {
    Reader *read;
    Arena arena;
    struct {
        const char *text;
        int n;
        uint64_t sum; /* of which changes, and of what was read */
    } answer[MOST_ANSWERS];
    int n;
} Answers;

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * UINT64_C(1099511628211);
    return h;
}

/* How a message begins; the whole of it goes into the sum. */
static const char *said(Arena *a, const char *text)
{
    const char *at = text ? strstr(text, "error: ") : NULL;
    const size_t n = at ? strcspn(at + 7, "\n") : 0;
    char *s = at ? arena_strndup(a, at + 7, n < SAID ? n : SAID)
                 : arena_strdup(a, "refused");
    for (char *c = s; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~') *c = '?';
    return s;
}

static void ask(Answers *w, const unsigned char *data, size_t size, uint64_t change)
{
    Diag d = { .quiet = true, .max_errors = 1 };
    Buf out = { 0 };
    const bool ok = w->read(&d, data, size, &out);
    const char *text = ok ? "read" : said(&w->arena, d.text.s);
    int i = 0;
    while (i < w->n && strcmp(w->answer[i].text, text) != 0) i++;
    if (i == MOST_ANSWERS) fail_msg("more than %d different answers", MOST_ANSWERS);
    if (i == w->n) w->answer[w->n++].text = text;
    w->answer[i].n++;
    w->answer[i].sum = mix(w->answer[i].sum, &change, sizeof change);
    const Buf *all = ok ? &out : &d.text;
    if (all->len) w->answer[i].sum = mix(w->answer[i].sum, all->s, all->len);
    buf_free(&out);
    diag_free(&d);
}

/* Numbers of a header that lead to the end of the file, and one beyond. */
static void ask_ends(Answers *w, const unsigned char *was, size_t size, unsigned bytes)
{
    unsigned char *copy = malloc(size + 1);
    memcpy(copy, was, size + 1);
    for (size_t at = 0; at + bytes <= size; at += bytes) {
        const uint64_t rest = size - at - bytes;
        const uint64_t to[] = { rest - 1, rest,     rest + 1, size - 1,
                                size,     size + 1, 0 - size };
        for (size_t k = 0; k < COUNT(to); k++) {
            for (unsigned i = 0; i < bytes; i++)
                copy[at + i] = (unsigned char)(to[k] >> 8 * i);
            ask(w, copy, size, at << 8 | k | (uint64_t)bytes << 40);
        }
        memcpy(copy + at, was + at, bytes);
    }
    free(copy);
}

/* The file in memory of just its size and the NUL, so that a sanitizer sees what lies
 * beyond. */
static void ask_all(Answers *w, const unsigned char *was, size_t size)
{
    static const unsigned char to[] = { 0, '-', '0', '9', ']', ' ', 0xff };
    unsigned char *copy = malloc(size + 1);
    memcpy(copy, was, size + 1);
    ask(w, copy, size, 0);
    for (size_t at = 0; at < size; at++) {
        for (size_t k = 0; k < COUNT(to) + 2; k++) {
            copy[at] = k < COUNT(to)
                         ? to[k]
                         : (unsigned char)(was[at] + (k == COUNT(to) ? 1 : 255));
            if (copy[at] != was[at]) ask(w, copy, size, at << 8 | copy[at]);
        }
        copy[at] = was[at];
        unsigned char *cut = malloc(size + 1);
        memcpy(cut, was, at);
        cut[at] = 0;
        ask(w, cut, at, at << 8 | UINT64_C(1) << 32);
        memcpy(cut + at, was + at + 1, size - at);
        ask(w, cut, size - 1, at << 8 | UINT64_C(1) << 33);
        free(cut);
    }
    free(copy);
}

/* ---- files ------------------------------------------------------------------------------- */

static void one_file(Buf *out, Reader *read, const char *path)
{
    static Answers w;
    Diag d = { 0 };
    Mapped m = { 0 };
    w = (Answers){ .read = read };
    assert_true(file_read(&d, path, &m));
    ask_all(&w, m.data, m.size);
    ask_ends(&w, m.data, m.size, 4);
    ask_ends(&w, m.data, m.size, 8);
    buf_printf(out, "%s\n", path);
    for (int i = 0; i < w.n; i++)
        buf_printf(out, "  %d %016llx %s\n", w.answer[i].n,
                   (unsigned long long)w.answer[i].sum, w.answer[i].text);
    file_unmap(&m);
    arena_free(&w.arena);
}

static const struct {
    Reader *read;
    const char *path;
} files[] = {
    { read_beside, "beside/all.json" },
    { read_beside, "beside/functions-in-a-list" },
    { read_blob, "blob/elsewhere" },
    { read_blob, "blob/fp16" },
    { read_blob, "blob/two" },
    { read_coremldata, "coremldata/flexible" },
    { read_coremldata, "coremldata/state" },
    { read_coremldata, "coremldata/two-functions" },
    { read_dsl, "dsl/net.anedsl" },
    { read_gguf, "gguf/plain" },
    { read_mil, "mil/short.mil" },
    { read_mil, "mil/verbose.mil" },
    { read_mlmodel, "mlmodel/cond" },
    { read_mlmodel, "mlmodel/flexible" },
    { read_mlmodel, "mlmodel/state-and-literals" },
    { read_mlmodel, "mlmodel/two-functions" },
    { read_npy, "npy/bool-scalar" },
    { read_npy, "npy/f2-fortran-big" },
    { read_npy, "npy/f4-c" },
    { read_onnx, "onnx/add" },
    { read_onnx, "onnx/cast" },
    { read_onnx, "onnx/constant" },
    { read_onnx, "onnx/conv" },
    { read_onnx, "onnx/cumsum" },
    { read_onnx, "onnx/einsum" },
    { read_onnx, "onnx/left-out-of-several" },
    { read_onnx, "onnx/lrn" },
    { read_onnx, "onnx/number-beyond-int" },
    { read_onnx, "onnx/reshape" },
    { read_onnx, "onnx/resize" },
    { read_onnx, "onnx/rnn" },
    { read_onnx, "onnx/softmax" },
    { read_onnx, "onnx/split" },
    { read_profile, "profile/all" },
    { read_safetensors, "safetensors/two" },
    { read_shards, "shards/three" },
};

static void test_bytes(void **state)
{
    Arena a = { 0 };
    Rewritten r = { .path = "tests/unit/bytes.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++)
        one_file(&r.text, files[i].read,
                 arena_printf(&a, "tests/fuzz/%s", files[i].path));
    arena_free(&a);
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
