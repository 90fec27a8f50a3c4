/* test_rewrite_bounds.c -- how much each rewrite takes: at its bound the rewrite is made, one
 * beyond the program stays, or the other way round. */
#include "places.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"
#include "../../ir/passes/passes.h"

typedef struct {
    const char *chip, *passes;
    long n;
    int op, at, beyond;
    const char *text;
} Bound;

static const Bound bounds[] = {
#define BOUND(chip, passes, n, op, at, beyond, text) \
    { #chip, passes, n, OP_##op, at, beyond, text },
#include "rewrite_bounds.def"
};

static Buf program_text(const char *text, long n)
{
    const char *const behind[] = { ") {\n", "\n} -> (", ");\n}\n" };
    Buf b = { 0 };
    int part = 0;
    buf_puts(&b, "program(1.3)\n{\nfunc main<ios18>(");
    for (const char *s = text; *s;) {
        if (*s != '|') {
            s = places_add(&b, s, n);
            continue;
        }
        buf_puts(&b, behind[part++]);
        s++;
    }
    assert_int_equal(part, 2);
    buf_puts(&b, behind[part]);
    return b;
}

typedef struct {
    int op, n;
} Count;

static bool count(void *ctx, Op *op)
{
    Count *c = ctx;
    c->n += op->kind == c->op;
    return true;
}

static int left_of(const Bound *c, long n)
{
    Diag d = { .quiet = true };
    Buf text = program_text(c->text, n);
    const Source src = { .name = "bound.mil", .text = text.s, .len = text.len };
    Module *m = mil_read(&d, &src, NULL);
    if (!m || !module_verify(m, &d, NULL)) fail_msg("%s\n%.2000s", d.text.s, text.s);
    const PassOptions o = { .target = target_find(c->chip), .only = c->passes };
    if (!passes_run(m, &o, &d)) fail_msg("%s: %s", d.text.s, c->text);
    Count left = { .op = c->op };
    func_walk(module_main(m), count, &left);
    module_free(m);
    buf_free(&text);
    diag_free(&d);
    return left.n;
}

static void rewrites_end_at_their_bounds(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        const Bound *c = &bounds[i];
        const int at = left_of(c, c->n), beyond = left_of(c, c->n + 1);
        if (at == c->at && beyond == c->beyond) continue;
        print_error("%s, %s: %d and beyond it %d of %s, not %d and %d, for %ld in %s\n",
                    c->chip, c->passes, at, beyond, ops[c->op].name, c->at, c->beyond,
                    c->n, c->text);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rewrites_end_at_their_bounds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
