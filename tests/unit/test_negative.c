/* test_negative.c -- what no pass may take: beside each program that a rewrite applies to,
 * those that lack one of its conditions. The ops that are left are counted out, and both
 * compute the same to the last bit. */
#include "micro.h"
#include "near.h"
#include "near_bounds.h"
#include "ref_run.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/passes/passes.h"

typedef struct {
    /* the ops' names behind the passes, without const */
    const char *chip, *passes, *left;
    const char *text; /* inputs | ops | results */
} Case;

static const Case cases[] = {
#define CASE(passes, left, text) { "m4", passes, left, text },
#define ON(chip, passes, left, text) { #chip, passes, left, text },
#include "negative_cases.def"
};

static bool put_name(void *ctx, Op *op)
{
    Buf *b = ctx;
    if (op->kind != OP_const) buf_printf(b, "%s%s", b->len ? " " : "", op_name(op));
    return true;
}

/* Numbers that no other type holds: thirds of either sign, and whole ones beyond fp16 and
 * int16. */
static void fill(void *ctx, Tensor *x, int which, const char *name)
{
    (void)ctx, (void)name;
    for (size_t i = 0; i < x->count; i++) {
        const int n = (int)i * 7 + which * 3 - 5;
        if (dtype_is_float(x->dtype))
            tensor_set_float(x, i, i % 4 == 3 ? n * 30011.0 : n / 3.0);
        else
            tensor_set_int(x, i,
                           x->dtype == DT_BOOL ? n & 1
                           : i % 4 == 3        ? n * 30011
                                               : n);
    }
}

/* As fp16, where `boundary` has made fp32 of it. */
static bool same_element(const Tensor *a, const Tensor *b, size_t i)
{
    const double x = tensor_float(a, i), y = tensor_float(b, i);
    if (!dtype_is_float(a->dtype) && !dtype_is_float(b->dtype))
        return tensor_int(a, i) == tensor_int(b, i);
    if (a->dtype == b->dtype) return x == y || (x != x && y != y);
    return f16_from_double(x) == f16_from_double(y);
}

static void compare(const RefRun *was, const RefRun *is, const Case *c)
{
    if (!strcmp(c->passes, "fp16")) return; /* which rounds by its nature */
    if (was->n != is->n) fail_msg("%d results are %d: %s", was->n, is->n, c->text);
    for (int i = 0; i < is->n; i++) {
        const Tensor *a = &was->value[i], *b = &is->value[i];
        bool same = shape_equal(&a->shape, &b->shape);
        for (size_t k = 0; same && k < b->count; k++) same = same_element(a, b, k);
        if (!same) fail_msg("result %d is another: %s", i, c->text);
    }
}

static Rewritten programs = { .path = "tests/unit/negative_cases.txt" };
static int wrong;

static void check(const Case *c)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    Buf left = { 0 };
    RefRun was, is;
    Module *before = micro_read(&a, &d, "ios18", c->text),
           *after = micro_read(&a, &d, "ios18", c->text);
    const PassOptions o = { .target = target_find(c->chip), .only = c->passes };
    if (!passes_run(after, &o, &d)) fail_msg("%s: %s", d.text.s, c->text);
    func_walk(module_main(after), put_name, &left);
    if (strcmp(left.s ? left.s : "", c->left) != 0) {
        print_error("%s leaves `%s`, not `%s`, of %s\n", c->passes, left.s, c->left,
                    c->text);
        wrong++;
    }
    ref_run(&was, before, fill, NULL, c->text);
    ref_run(&is, after, fill, NULL, c->text);
    compare(&was, &is, c);
    rewritten_add(&programs, arena_printf(&a, "%s %s", c->chip, c->passes), c->text,
                  after);
    ref_free(&was);
    ref_free(&is);
    module_free(before);
    module_free(after);
    buf_free(&left);
    diag_free(&d);
    arena_free(&a);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) check(&cases[i]);
    assert_int_equal(wrong, 0);
    rewritten_end(&programs);
}

static void test_near(void **state)
{
    Rewritten r = { .path = "tests/unit/negative_near.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const PassOptions o = { .target = target_find(cases[i].chip),
                                .only = cases[i].passes };
        near_case(&r.text, cases[i].passes, "ios18", cases[i].text, &o);
        /* by all passes, chips take turns */
        const Target *chip = generation_at((int)i % generation_count());
        const PassOptions all = { .target = chip, .io = i % 3 ? IO_AUTO : IO_FP32 };
        near_case(&r.text, chip->name, "ios18", cases[i].text, &all);
    }
    rewritten_end(&r);
}

static void test_bounds(void **state)
{
    enum { MOST = 1 << 13 };
    Rewritten r = { .path = "tests/unit/negative_bounds.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        NearRewrite how = { .opset = "ios18",
                            .options = { .target = target_find(cases[i].chip),
                                         .only = cases[i].passes } };
        buf_printf(&r.text, "%s: %.60s\n", cases[i].passes, cases[i].text);
        near_bounds(&r.text, cases[i].text, MOST, near_says_ops, &how);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
