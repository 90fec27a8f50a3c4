/* test_opset.c -- programs taken to every opset compute the same there, or are refused with a
 * fix. */
#include "micro.h"
#include "near.h"
#include "ref_run.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/passes/passes.h"

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
    Diag diag;
    RefRun results;
} Test;

static Module *program(Test *t, const Case *c)
{
    return micro_read(&t->arena, &t->diag, opset_text(c->from), c->text);
}

static void run(Test *t, const Case *c, const Module *m)
{
    RefRange range = { c->low, c->high };
    ref_run(&t->results, m, ref_draw, &range, c->text);
}

static void test_end(Test *t, Module *m)
{
    ref_free(&t->results);
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
        ref_compare(&was->results, &is.results, c->tolerance, 1,
                    arena_printf(&is.arena, "in %s: %s", opset_text(to), c->text));
        rewritten_add(&programs, opset_text(to), c->text, m);
    } else if (!strstr(is.diag.text.s, opset_text(to))
               || !strstr(is.diag.text.s, "--opset")) {
        fail_msg("an error without a fix: %s", is.diag.text.s);
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
