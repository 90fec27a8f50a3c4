/* test_opset.c -- programs taken to every opset compute the same there, or are refused with a
 * way out. */
#include "near.h"
#include "rewritten.h"
#include "unit.h"

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <math.h>

enum { MAX_VALUES = 6 };

typedef struct {
    Opset from;
    const char *reaches;
    double low, high, tolerance;
    const char *text;
} Case;

static const Case cases[] = {
#define CASE(from, reaches, low, high, tolerance, text) \
    { (Opset)(from), reaches, low, high, tolerance, text },
#include "opset_cases.def"
};

typedef struct {
    Arena arena;
    Source src;
    Diag diag;
    Tensor result[MAX_VALUES];
    int nresult;
} Test;

static Module *program(Test *t, const Case *c)
{
    const char *body = strchr(c->text, '|'),
               *results = body ? strrchr(c->text, '|') : NULL;
    if (!results) fail_msg("a case is inputs | ops | results: %s", c->text);
    const char *s = arena_printf(
        &t->arena,
        "program(1.3)\n{\n    func main<%s>(%.*s) {\n%.*s\n    } -> (%s);\n}\n",
        opset_text(c->from), (int)(body - c->text), c->text, (int)(results - body - 1),
        body + 1, results + 1);
    t->src = (Source){ .name = "case.mil", .text = s, .len = strlen(s) };
    Module *m = mil_read(&t->diag, &t->src, NULL);
    if (!m || !module_verify(m, &t->diag, NULL)) fail_msg("%s\n%s", t->diag.text.s, s);
    return m;
}

static void fill(Tensor *x, const Case *c, const char *name)
{
    const bool whole = !dtype_is_float(x->dtype);
    for (size_t i = 0; i < x->count; i++) {
        double v = c->low + (c->high - c->low) * rng_unit(rng_key(7, name), i);
        tensor_set_float(x, i, whole ? floor(v) : v);
    }
}

static void run(Test *t, const Case *c, Module *m)
{
    const Func *f = module_main(m);
    Program *p = program_new(backend_find("ref"), m, module_main(m), &t->diag);
    if (!p) fail_msg("%s", t->diag.text.s);
    Binding in[MAX_VALUES] = { { 0 } };
    const Binding *out;
    const RunOptions how = { 0 };
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        in[i].name = v->name;
        assert_true(
            tensor_alloc(&in[i].value, &t->diag, v->type->dtype, &v->type->shape));
        fill(&in[i].value, c, v->name);
    }
    if (!program_run(p, &t->diag, in, f->body->nparam, &how))
        fail_msg("%s: %s", t->diag.text.s, c->text);
    t->nresult = program_results(p, &out);
    for (int i = 0; i < t->nresult; i++)
        assert_true(tensor_copy(&t->result[i], &t->diag, &out[i].value));
    for (int i = 0; i < f->body->nparam; i++) tensor_free(&in[i].value);
    program_free(p);
}

static void compare(const Test *was, const Test *is, const Case *c, Opset to)
{
    assert_int_equal(was->nresult, is->nresult);
    for (int i = 0; i < was->nresult; i++) {
        const Tensor *a = &was->result[i], *b = &is->result[i];
        assert_true(shape_equal(&a->shape, &b->shape));
        for (size_t k = 0; k < a->count; k++) {
            const double x = tensor_float(a, k), y = tensor_float(b, k);
            if (!dtype_is_float(a->dtype))
                assert_int_equal(tensor_int(a, k), tensor_int(b, k));
            else if (x != y && !(fabs(x - y) <= c->tolerance * fmax(1, fabs(x))))
                fail_msg("in %s result %d [%zu] is %g, and was %g: %s", opset_text(to), i,
                         k, y, x, c->text);
        }
    }
}

static void test_end(Test *t, Module *m)
{
    for (int i = 0; i < t->nresult; i++) tensor_free(&t->result[i]);
    module_free(m);
    diag_free(&t->diag);
    arena_free(&t->arena);
}

static bool rewritten(Test *t, Module *m, Opset to)
{
    const PassOptions o = { .target = target_find("host"),
                            .opset = to,
                            .only = "opset,dce" };
    return passes_run(m, &o, &t->diag);
}

static Rewritten programs = { .path = "tests/unit/opset_cases.txt" };

static void check(const Case *c, const Test *was, Opset to)
{
    Test is = { .diag = { .quiet = false } };
    Module *m = program(&is, c);
    const bool reaches = strstr(c->reaches, opset_text(to) + strlen("ios")) != NULL;
    if (rewritten(&is, m, to) != reaches)
        fail_msg("%s is %s for %s: %s", c->text, reaches ? "refused" : "written",
                 opset_text(to), is.diag.text.s ? is.diag.text.s : "");
    if (reaches) {
        assert_int_equal(module_main(m)->opset, to);
        run(&is, c, m);
        compare(was, &is, c, to);
        rewritten_add(&programs, opset_text(to), c->text, m);
    } else if (!strstr(is.diag.text.s, opset_text(to))
               || !strstr(is.diag.text.s, "--opset")) {
        fail_msg("an error without a way out: %s", is.diag.text.s);
    }
    test_end(&is, m);
}

static const Opset opsets[] = { OPSET_IOS15, OPSET_IOS16, OPSET_IOS17, OPSET_IOS18,
                                OPSET_IOS26 };

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Test was = { .diag = { .quiet = true } };
        Module *m = program(&was, &cases[i]);
        run(&was, &cases[i], m);
        for (size_t k = 0; k < COUNT(opsets); k++) check(&cases[i], &was, opsets[k]);
        test_end(&was, m);
    }
    rewritten_end(&programs);
}

/* What each opset says about what it lacks. */
static void said(const Case *c, Opset to, const char *words)
{
    Test t = { .diag = { .quiet = false } };
    Module *m = program(&t, c);
    rewritten(&t, m, to);
    if (!t.diag.text.s || !strstr(t.diag.text.s, words))
        fail_msg("not \"%s\": %s", words, t.diag.text.s ? t.diag.text.s : "");
    puts(t.diag.text.s); /* for the list of messages that are tested */
    test_end(&t, m);
}

static void test_words(void **state)
{
    (void)state;
    said(
        &(Case){
            17, "", 0, 1, 0,
            "tensor<int16, [2]> a | tensor<int16, [1, 2]> b = expand_dims(x = a, axes = "
            "tensor<int32, [1]>([0]))[name = string(\"b\")]; | b" },
        OPSET_IOS16, "ios16 has no input of int16: a takes int32");
    said(
        &(Case){
            17, "", 0, 1, 0,
            "tensor<int16, [2]> a | tensor<int16, [1, 2]> b = expand_dims(x = a, axes = "
            "tensor<int32, [1]>([0]))[name = string(\"b\")]; | b" },
        OPSET_IOS16, "ios16 has no result of int16: b is int32");
    said(
        &(Case){
            18, "", 0, 1, 0,
            "state<tensor<fp16, [2]>> s | tensor<fp16, [2]> b = read_state(input = s)"
            "[name = string(\"b\")]; | b" },
        OPSET_IOS17, "s is a state, which exists from ios18 on; --opset ios18 keeps it");
    said(
        &(Case){
            17, "", 0, 1, 0,
            "tensor<fp16, [?, 2]> x | tensor<fp16, [?, 2]> b = reshape(x = x, shape = "
            "tensor<int32, [2]>([0, 2]))[name = string(\"b\")]; | b" },
        OPSET_IOS16, "reshape: a 0 in its shape means another thing in ios16");
}

static void test_near(void **state)
{
    Rewritten r = { .path = "tests/unit/opset_near.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int to = OPSET_IOS15; to <= OPSET_IOS18; to++) {
            const PassOptions o = { .target = target_find("host"), .opset = (Opset)to };
            near_case(&r.text, opset_text((Opset)to), opset_text(cases[i].from),
                      cases[i].text, &o);
        }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
