/* test_weights_of_programs.c -- where a program's weights come from: .npy and .safetensors
 * files, rules; what is said when they do not fit; and that no byte is read before it is asked
 * for. */
#include "unit.h"

#include "../../frontend/frontend.h"

typedef struct {
    Arena arena;
    Diag diag;
    char *folder;
    Module *module;
} Files;

static Files files_begin(void)
{
    Files f = { 0 };
    f.folder = make_folder(&f.arena);
    return f;
}

static void files_end(Files *f)
{
    module_free(f->module);
    remove_folder(f->folder);
    diag_free(&f->diag);
    arena_free(&f->arena);
}

static void save_npy(Files *f, const char *name, const char *descr, int rank,
                     const int64_t *shape, const void *data, size_t bytes)
{
    assert_true(npy_write(&f->diag, arena_printf(&f->arena, "%s/%s", f->folder, name),
                          descr, rank, shape, data, bytes));
}

static void save_tensors(Files *f, const char *name, const char *header, const void *data,
                         size_t bytes)
{
    Buf b = { 0 };
    uint64_t n = strlen(header);
    for (int i = 0; i < 8; i++) buf_putc(&b, (char)(n >> (8 * i)));
    buf_puts(&b, header);
    buf_add(&b, data, bytes);
    assert_true(file_write_all(
        &f->diag, arena_printf(&f->arena, "%s/%s", f->folder, name), b.s, b.len));
    buf_free(&b);
}

static bool compile(Files *f, const char *text)
{
    Source *src = NEW(&f->arena, Source);
    *src = (Source){ .name = "test", .text = text, .len = strlen(text) };
    DslOptions opt = { .opset = OPSET_IOS16, .dir = f->folder };
    module_free(f->module);
    f->module = dsl_compile(&f->diag, src, &opt);
    return f->module != NULL;
}

static const Const *weight(const Files *f, const char *name)
{
    for (const Op *op = module_main(f->module)->body->first; op; op = op->next)
        if (op->nout == 1 && value_lit(op->out[0]) && !strcmp(op->out[0]->name, name))
            return value_lit(op->out[0]);
    fail_msg("there is no weight %s", name);
    return NULL;
}

static void expect_weight(Files *f, const char *name, ConstKind kind, size_t n,
                          const double *want)
{
    const Const *c = weight(f, name);
    Tensor t;
    assert_int_equal(c->kind, kind);
    assert_true(const_tensor(c, &f->diag, &t));
    assert_int_equal(t.count, n);
    for (size_t i = 0; i < n; i++) assert_true(tensor_float(&t, i) == want[i]);
    tensor_free(&t);
}

static void test_npy(void **state)
{
    (void)state;
    Files f = files_begin();
    const float v[] = { 1.5f, -2, 0.1f, 4, 5, 6 };
    const int64_t shape[] = { 2, 3 };
    const int32_t ints[] = { 7, -8 };
    save_npy(&f, "layer.w.npy", "<f4", 2, shape, v, sizeof v);
    save_npy(&f, "ids.npy", "<i4", 1, shape, ints, sizeof ints);
    assert_true(
        compile(
            &f,
            "weights from \"{path}.npy\"\nlayer L { weight w: [2, 3]\n fn (x) = x * w }\n"
            "model main(x: fp16[2, 3]) -> y { layer layer_: L\n weight ids: int32[2]\n"
            " weight v: fp32[2, 3] = load(\"layer.w.npy\")\n y = x + reshape(cast(ids, "
            "\"fp16\"), [2, 1]) }")
        == false); /* layer_.w.npy is not there */
    expect_says(&f.diag, "layer_.w.npy");
    assert_true(compile(
        &f,
        "weights from \"{path}.npy\"\n"
        "model main(x: fp16[2, 3]) -> y { weight ids: int32[2]\n"
        " weight v: fp32[2, 3] = load(\"layer.w.npy\"), h: [2, 3] = load(\"layer.w.npy\")\n"
        " y = x * h + cast(ids[0], \"fp16\") }"));
    expect_weight(&f, "ids", CONST_FILE, 2, (double[]){ 7, -8 });
    expect_weight(&f, "v", CONST_FILE, 6, (double[]){ 1.5, -2, 0.1f, 4, 5, 6 });
    expect_weight(&f, "h", CONST_FILE, 6,
                  (double[]){ 1.5, -2, f16_to_double(f16_from_double(0.1f)), 4, 5, 6 });
    files_end(&f);
}

static void test_npy_that_does_not_fit(void **state)
{
    (void)state;
    Files f = files_begin();
    const float v[6] = { 0 };
    const int64_t shape[] = { 2, 3 };
    save_npy(&f, "w.npy", "<f4", 2, shape, v, sizeof v);
    assert_false(compile(
        &f,
        "model main(x: fp16[4]) -> y { weight w: [3, 2] = load(\"w.npy\")\n y = x }"));
    expect_said(&f.diag,
                "test:1:50: error: weight w is [3, 2], but w.npy holds [2, 3]\n"
                "model main(x: fp16[4]) -> y { weight w: [3, 2] = load(\"w.npy\")\n"
                "                                                 ^~~~~~~~~~~~~\n");
    assert_false(compile(
        &f,
        "model main(x: fp16[4]) -> y { weight w: int32[2, 3] = load(\"w.npy\")\n y = x }"));
    expect_says(&f.diag, "weight w is int32, but w.npy holds fp32");
    files_end(&f);
}

static const char header[] =
    "{\"model.w.weight\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]},"
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[6,10]},"
    "\"eight\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[10,12]}}";
static const uint16_t halves[] = {
    0x3C00, 0xC000, 0x3800, 0x3F80, 0xC040, 0x817E
}; /* 1, -2, 0.5; bf16 1, -3; of eight bits the largest, and below zero the least */

static void test_safetensors(void **state)
{
    (void)state;
    Files f = files_begin();
    save_tensors(&f, "all.safetensors", header, halves, sizeof halves);
    assert_true(compile(&f,
                        "weights from \"all.safetensors\" as \"model.{path}.weight\"\n"
                        "model main(x: fp16[3]) -> y { weight w: [3] = 7, b: fp32[2] = "
                        "load(\"all.safetensors\", \"b\"), e: fp32[2] = "
                        "load(\"all.safetensors\", \"eight\")\n"
                        " y = x * w }"));
    expect_weight(&f, "w", CONST_FILE, 3, (double[]){ 1, -2, 0.5 });
    expect_weight(&f, "b", CONST_FILE, 2, (double[]){ 1, -3 });
    expect_weight(&f, "e", CONST_FILE, 2, (double[]){ 448, -0x1p-9 });
    files_end(&f);
}

static void test_safetensors_that_do_not_fit(void **state)
{
    (void)state;
    Files f = files_begin();
    save_tensors(&f, "all.safetensors", header, halves, sizeof halves);
    assert_false(compile(&f,
                         "weights from \"all.safetensors\" as \"model.{path}.weight\"\n"
                         "model main(x: fp16[3]) -> y { weight w: [4]\n y = x }"));
    expect_says(&f.diag,
                "weight w is [4], but model.w.weight of all.safetensors holds [3]");
    assert_false(compile(&f,
                         "weights from \"all.safetensors\" as \"model.{path}.weigt\"\n"
                         "model main(x: fp16[3]) -> y { weight w: [3]\n y = x }"));
    expect_says(&f.diag, "model.w.weight");
    assert_false(compile(&f, "model main(x: fp16[3]) -> y { weight w: int8[2] = "
                             "load(\"all.safetensors\", \"eight\")\n y = x }"));
    expect_says(&f.diag, "weight w is int8, but eight of all.safetensors holds fp8_e4m3");
    files_end(&f);
}

/* A weight's numbers depend on the seed and its path, not on what stands around it. */
static void test_rules(void **state)
{
    (void)state;
    Files f = files_begin();
    double want[4];
    assert_true(compile(
        &f,
        "weights init normal(std = 2.0, seed = 9)\nlayer L { weight w: [4]\n fn (x) = x * w }\n"
        "model main(x: fp32[4]) -> y { layer a: L[2]\n weight u: [4] = uniform(-1, 3, seed = "
        "5), z: [4] = fill(2.5)\n"
        " y = a[1](a[0](x)) * u * z }"));
    for (int k = 0; k < 2; k++) {
        for (uint64_t i = 0; i < 4; i++)
            want[i] = (float)(2 * rng_normal(rng_key(9, k ? "a.1.w" : "a.0.w"), i));
        expect_weight(&f, k ? "a_1_w" : "a_0_w", CONST_INIT, 4, want);
    }
    for (uint64_t i = 0; i < 4; i++)
        want[i] = (float)(-1 + 4 * rng_unit(rng_key(5, "u"), i));
    expect_weight(&f, "u", CONST_INIT, 4, want);
    expect_weight(&f, "z", CONST_INIT, 4, (double[]){ 2.5, 2.5, 2.5, 2.5 });
    files_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy),
        cmocka_unit_test(test_npy_that_does_not_fit),
        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_safetensors_that_do_not_fit),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
