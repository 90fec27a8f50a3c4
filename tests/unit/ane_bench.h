/* ane_bench.h -- for unit tests that run programs on the stand-in for the engine: v = w + k
 * x, in a program with one function (k = 1) or two (k = 1 and 2). */
#ifndef ANEC_TEST_ANE_BENCH_H
#define ANEC_TEST_ANE_BENCH_H

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "standin.h"

static char *top; /* the tests' folder */
static Arena arena;

typedef struct {
    Source src;
    Module *m;
    const Backend *b;
    Diag d;
} Bench;

#define HEAD "program(1.3)\n{\n"
/* clang-format off */
#define STEP(name, k)                                                                              \
    "    func " name "<ios18>(tensor<fp32, [1, 2, 1, 3]> w, tensor<fp32, [1, 2, 1, 3]> x) {\n"      \
    "        string h = const()[name = string(\"h\"), val = string(\"fp16\")];\n"                   \
    "        string s = const()[name = string(\"s\"), val = string(\"fp32\")];\n"                   \
    "        tensor<fp16, [1, 2, 1, 3]> w_h = cast(x = w, dtype = h)[name = string(\"w_h\")];\n"    \
    "        tensor<fp16, [1, 2, 1, 3]> x_h = cast(x = x, dtype = h)[name = string(\"x_h\")];\n"    \
    "        tensor<fp16, [1, 2, 1, 3]> p = mul(x = x_h, y = fp16(" k "))[name = string(\"p\")];\n"  \
    "        tensor<fp16, [1, 2, 1, 3]> q = add(x = w_h, y = p)[name = string(\"q\")];\n"           \
    "        tensor<fp32, [1, 2, 1, 3]> v = cast(x = q, dtype = s)[name = string(\"v\")];\n"        \
    "    } -> (v);\n"
/* clang-format on */
static const char one[] = HEAD STEP("main", "1") "}\n";
static const char two[] = HEAD STEP("main", "1") STEP("twice", "2") "}\n";

static inline void open_bench(Bench *t, const char *backend, const char *text)
{
    *t = (Bench){ .src = { .name = "t.mil", .text = text, .len = strlen(text) } };
    t->m = mil_read(&t->d, &t->src, ".");
    if (!t->m || !module_verify(t->m, &t->d, NULL)) fail_msg("%s", t->d.text.s);
    t->b = backend_open(
        backend, &(BackendOptions){ .cache_dir = arena_printf(&arena, "%s/cache", top) },
        &t->d);
    assert_non_null(t->b);
}

static inline void close_bench(Bench *t)
{
    backend_close(t->b);
    module_free(t->m);
    diag_free(&t->d);
}

static inline Program *new_program(Bench *t, const char *func)
{
    Program *p = program_new(t->b, t->m, module_func(t->m, func), &t->d);
    if (!p) fail_msg("%s", t->d.text.s);
    return p;
}

static const Shape shape = { .rank = 4, .dim = { 1, 2, 1, 3 } };

/* Runs the program and returns v, whose elements are all equal in these tests. */
static inline double run(Program *p, Diag *d, float *w, float *x)
{
    Binding in[2];
    const Binding *out;
    int n = 0;
    if (w) in[n++] = (Binding){ .name = "w", .value = tensor_view(DT_FP32, &shape, w) };
    if (x) in[n++] = (Binding){ .name = "x", .value = tensor_view(DT_FP32, &shape, x) };
    if (!program_run(p, d, in, n, &(RunOptions){ 0 })) fail_msg("%s", d->text.s);
    assert_int_equal(program_results(p, &out), 1);
    assert_int_equal(out[0].value.dtype, DT_FP32);
    for (size_t i = 1; i < 6; i++)
        assert_float_equal(tensor_float(&out[0].value, i), tensor_float(&out[0].value, 0),
                           0);
    return tensor_float(&out[0].value, 5);
}

static inline void fill(float v[6], float value)
{
    for (int i = 0; i < 6; i++) v[i] = value;
}

static inline int bench_main(const struct CMUnitTest *tests, size_t n, const char *argv0)
{
    top = use_standin(&arena, argv0);
    return run_in_folder(tests, n, top, &arena);
}

#endif
