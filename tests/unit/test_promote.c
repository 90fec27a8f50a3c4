/* test_promote.c -- weights that became inputs: with the constants as inputs a program computes what
 * it computed with them in it, in every opset that has the op. */
#include "ref_run.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#define SLIDE \
    "pad_type = string(\"custom\"), strides = tensor<int32, [2]>([2, 1]), pad = " \
    "tensor<int32, [4]>([1, 0, 1, 1]), dilations = tensor<int32, [2]>([1, 2]), groups = " \
    "int32(2)"

typedef struct {
    const char *inputs; /* of x */
    const char *weight[5];
    const char *op;
} PromoteCase;

static const PromoteCase cases[] = {
    { "3, 4", { "w: 2, 4", "b: 2" }, "linear(x = x, weight = w, bias = b)" },
    { "3, 4", { "w: 2, 4" }, "linear(x = x, weight = w)" },
    { "1, 4, 5, 6",
      { "w: 6, 2, 2, 2", "b: 6" },
      "conv(x = x, weight = w, bias = b, " SLIDE ")" },
    { "1, 4, 5, 6",
      { "w: 4, 3, 2, 2", "b: 6" },
      "conv_transpose(x = x, weight = w, bias = b, " SLIDE ")" },
    { "2, 3, 2, 2",
      { "g: 3", "b: 3" },
      "instance_norm(x = x, gamma = g, beta = b, epsilon = fp32(0.1))" },
    { "2, 3, 4",
      { "g: 3, 4", "b: 3, 4" },
      "layer_norm(x = x, axes = tensor<int32, [2]>([-2, -1]), gamma = g, beta = b, epsilon = "
      "fp32(0.1))" },
    { "2, 3, 4",
      { "g: 3" },
      "layer_norm(x = x, axes = tensor<int32, [1]>([1]), gamma = g)" },
    { "2, 3, 4",
      { "g: 2, 4", "b: 2, 4" },
      "layer_norm(x = x, axes = tensor<int32, [2]>([0, 2]), gamma = g, beta = b)" },
    { "2, 3, 4",
      { "g: 4, 2", "b: 4, 2" },
      "layer_norm(x = x, axes = tensor<int32, [2]>([2, 0]), gamma = g, beta = b)" },
    { "2, 3, 4",
      { "g: 3, 2", "b: 3, 2" },
      "layer_norm(x = x, axes = tensor<int32, [2]>([1, 0]), gamma = g, beta = b)" },
    { "2, 3, 4",
      { "g: 4, 3", "b: 4, 3" },
      "layer_norm(x = x, axes = tensor<int32, [2]>([-1, -2]), gamma = g, beta = b)" },
    { "2, 3, 4",
      { "g: 2, 4", "b: 2, 4" },
      "layer_norm(x = x, axes = tensor<int32, [2]>([0, -1]), gamma = g, beta = b)" },
    { "2, 3, 4",
      { "g: 4, 2, 3", "b: 4, 2, 3" },
      "layer_norm(x = x, axes = tensor<int32, [3]>([2, 0, 1]), gamma = g, beta = b)" },
    { "2, 3, 4",
      { "g: 3, 4, 2", "b: 3, 4, 2" },
      "layer_norm(x = x, axes = tensor<int32, [3]>([1, 2, 0]), gamma = g, beta = b)" },
    { "2, 3, 4", { "g: 2, 3, 4" }, "layer_norm(x = x, gamma = g)" },
    { "2, 3, 4",
      { "b: 4" },
      "layer_norm(x = x, axes = tensor<int32, [1]>([2]), beta = b)" },
    { "2, 3, 4", { "b: 2, 3, 4" }, "layer_norm(x = x, beta = b)" },
    { "2, 3, 2, 2", { "g: 3" }, "instance_norm(x = x, gamma = g)" },
    { "2, 3, 2, 2", { "b: 3" }, "instance_norm(x = x, beta = b)" },
    { "2, 3, 2, 2",
      { "m: 3", "v: 3", "g: 3", "b: 3" },
      "batch_norm(x = x, mean = m, variance = v, gamma = g, beta = b, epsilon = fp32(0.1))" },
    { "2, 3, 2, 2", { "m: 3", "v: 3" }, "batch_norm(x = x, mean = m, variance = v)" },
    { "2, 3, 2, 2",
      { "m: 3", "v: 3", "g: 3" },
      "batch_norm(x = x, mean = m, variance = v, gamma = g)" },
    { "2, 3, 2, 2",
      { "m: 3", "v: 3", "b: 3" },
      "batch_norm(x = x, mean = m, variance = v, beta = b)" },
    { "2, 3, 2, 2", { "a: 3" }, "prelu(x = x, alpha = a)" },
};

typedef struct {
    Arena arena;
    Source src;
    Diag diag;
    Module *m;
    RefRun result;
} PromoteRun;

/* Between -1 and 1; of a variance above 0. */
static void fill_one(void *ctx, Tensor *t, int input, const char *name)
{
    (void)ctx, (void)input;
    for (size_t i = 0; i < t->count; i++) {
        const double u = rng_unit(rng_key(3, name), i);
        tensor_set_float(t, i, *name == 'v' ? u + .5 : 2 * u - 1);
    }
}

static void put_weight(Buf *b, const char *weight)
{
    const char *shape = strchr(weight, ':') + 2;
    Shape s = { 0 };
    for (const char *at = shape; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        s.dim[s.rank++] = strtol(at, NULL, 10);
    size_t n;
    assert_true(shape_count(&s, &n));
    const char name[2] = { *weight, 0 };
    buf_printf(
        b,
        "tensor<fp32, [%s]> %s = const()[name = string(\"%s\"), val = tensor<fp32, [%s]>(",
        shape, name, name, shape);
    size_t inner[MAX_RANK + 1];
    inner[s.rank] = 1;
    for (int k = s.rank; k-- > 0;) inner[k] = inner[k + 1] * (size_t)s.dim[k];
    for (size_t i = 0; i < n; i++) {
        const double u = rng_unit(rng_key(3, name), i);
        if (i) buf_puts(b, ", ");
        for (int k = 0; k < s.rank; k++)
            if (i % inner[k] == 0) buf_puts(b, "[");
        buf_printf(b, "%.9g", (float)(*name == 'v' ? u + .5 : 2 * u - 1));
        for (int k = 0; k < s.rank; k++)
            if (i % inner[k] == inner[k] - 1) buf_puts(b, "]");
    }
    buf_puts(b, ")];\n");
}

static void open_case(PromoteRun *r, const PromoteCase *c, Opset opset)
{
    Buf b = { 0 };
    *r = (PromoteRun){ .diag = { .quiet = true } };
    buf_printf(&b, "program(1.3)\n{\n    func main<%s>(tensor<fp32, [%s]> x) {\n",
               opset_text(opset), c->inputs);
    for (int i = 0; c->weight[i]; i++) put_weight(&b, c->weight[i]);
    buf_printf(&b, "tensor<fp32, [%s]> y = %s[name = string(\"y\")];\n    } -> (y);\n}\n",
               strstr(c->op, "linear") ? "3, 2"
               : *c->op == 'c'
                   ? (strstr(c->op, "transpose") ? "1, 6, 9, 6" : "1, 6, 3, 6")
                   : c->inputs,
               c->op);
    const char *s = arena_strndup(&r->arena, b.s, b.len);
    buf_free(&b);
    r->src = (Source){ .name = "case.mil", .text = s, .len = strlen(s) };
    r->m = mil_read(&r->diag, &r->src, NULL);
    if (!r->m || !module_verify(r->m, &r->diag, NULL))
        fail_msg("%s\n%s", r->diag.text.s, s);
}

static void run_case(PromoteRun *r, const PromoteCase *c)
{
    ref_run(&r->result, r->m, fill_one, NULL, c->op);
}

static void close_case(PromoteRun *r)
{
    ref_free(&r->result);
    module_free(r->m);
    diag_free(&r->diag);
    arena_free(&r->arena);
}

/* What the rewriting needed on its way is gone. */
static void expect_no_unused(Module *m, const PromoteCase *c)
{
    Func *f = module_main(m);
    for (const Op *op = f->body->first; op; op = op->next)
        for (int i = 0; i < op->nout; i++)
            if (!func_count_uses(f, op->out[i]) && !is_result(op->out[i]))
                fail_msg("%s: nobody reads %s", c->op, op->out[i]->name);
}

static void same_in(const PromoteCase *c, Opset opset)
{
    PromoteRun was, is;
    int n = 0;
    open_case(&was, c, opset);
    run_case(&was, c);
    open_case(&is, c, opset);
    if (!promote_module(is.m, NULL, &is.diag)) fail_msg("%s: %s", c->op, is.diag.text.s);
    while (c->weight[n]) n++;
    assert_int_equal(module_main(is.m)->body->nparam, 1 + n);
    expect_no_unused(is.m, c);
    run_case(&is, c);
    ref_compare(&was.result, &is.result, 2e-6, 1,
                arena_printf(&is.arena, "%s in %s", c->op, opset_text(opset)));
    close_case(&was);
    close_case(&is);
}

static void test_forms(void **state)
{
    static const Opset all[] = { OPSET_IOS15, OPSET_IOS16, OPSET_IOS17, OPSET_IOS18 };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(all); k++) same_in(&cases[i], all[k]);
}

/* By name and by pattern; what is no constant of floats, or has to be one, is said. */
static void test_names(void **state)
{
    PromoteRun r;
    (void)state;
    open_case(&r, &cases[0], OPSET_IOS18);
    assert_true(promote_module(r.m, "b", &r.diag));
    assert_int_equal(module_main(r.m)->body->nparam, 2);
    assert_false(promote_module(r.m, "x,c*", &r.diag));
    expect_said(&r.diag,
                "error: main has no float constant of more than one element that is "
                "called like x,c*\n");
    assert_true(promote_module(r.m, "z,*", &r.diag));
    assert_int_equal(module_main(r.m)->body->nparam, 3);
    r.diag.quiet = true;
    assert_false(promote_module(r.m, NULL, &r.diag));
    expect_said(&r.diag, "error: main has no float constant of more than one element\n");
    close_case(&r);
}

/* A weight of rnn has no other form: with its name that is an error, without one it stays. */
static void test_must_stay(void **state)
{
    static const char text[] =
        "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [1, 1, 2]> x, tensor<fp32, [1, 2]> h) {\n"
        "tensor<fp32, [2, 2]> w = const()[name = string(\"w\"), val = tensor<fp32, [2, 2]>([[1, 2], "
        "[3, 4]])];\n"
        "tensor<fp32, [2]> k = const()[name = string(\"k\"), val = tensor<fp32, [2]>([1, 2])];\n"
        "tensor<fp32, [1, 1, 2]> z, tensor<fp32, [1, 2]> o = rnn(x = x, initial_h = h, weight_ih = w, "
        "weight_hh = w)[name = string(\"z\")];\n"
        "tensor<fp32, [1, 2]> y = add(x = o, y = k)[name = string(\"y\")];\n    } -> (y);\n}\n";
    PromoteRun r = { .diag = { .quiet = true } };
    (void)state;
    r.src = (Source){ .name = "case.mil", .text = text, .len = strlen(text) };
    r.m = mil_read(&r.diag, &r.src, NULL);
    if (!r.m || !module_verify(r.m, &r.diag, NULL)) fail_msg("%s", r.diag.text.s);
    assert_false(promote_module(r.m, "w", &r.diag));
    expect_says(
        &r.diag,
        "error: w cannot be an input: rnn wants a constant there, and has no form "
        "that takes another\n");
    assert_true(promote_module(r.m, NULL, &r.diag));
    assert_int_equal(module_main(r.m)->body->nparam, 3);
    close_case(&r);
}

#define MODEL(ops) \
    "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [2, 3, 4]> x) {\n" ops \
    "    } -> (y);\n}\n"

static void open_text(PromoteRun *r, const char *text)
{
    *r = (PromoteRun){ .diag = { .quiet = true } };
    r->src = (Source){ .name = "case.mil", .text = text, .len = strlen(text) };
    r->m = mil_read(&r->diag, &r->src, NULL);
    if (!r->m || !module_verify(r->m, &r->diag, NULL)) fail_msg("%s", r->diag.text.s);
}

/* Floats of more than one element alone are weights. */
static void test_what_is_no_weight(void **state)
{
    PromoteRun r;
    (void)state;
    open_text(
        &r,
        MODEL(
            "tensor<fp32, [1]> one = const()[name = string(\"one\"), val = tensor<fp32, "
            "[1]>([2])];\n"
            "fp32 zero = const()[name = string(\"zero\"), val = fp32(3)];\n"
            "tensor<int32, [2]> whole = const()[name = string(\"whole\"), val = "
            "tensor<int32, [2]>([1, 2])];\n"
            "tensor<fp32, [2, 3, 4]> a = add(x = x, y = one)[name = string(\"a\")];\n"
            "tensor<fp32, [2, 3, 4]> b = mul(x = a, y = zero)[name = string(\"b\")];\n"
            "tensor<fp32, [2, 3]> y = reduce_sum(x = b, axes = tensor<int32, [1]>([2]), "
            "keep_dims = bool(false))[name = string(\"y\")];\n"));
    assert_false(promote_module(r.m, NULL, &r.diag));
    assert_non_null(
        strstr(r.diag.text.s, "main has no float constant of more than one element"));
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = { "one", "zero", "whole" };
        assert_false(promote_module(r.m, names[i], &r.diag));
    }
    assert_int_equal(module_main(r.m)->body->nparam, 1);
    close_case(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_must_stay),
        cmocka_unit_test(test_what_is_no_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
