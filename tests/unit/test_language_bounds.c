/* test_language_bounds.c -- how much of each thing a source may have: at the bound it compiles,
 * one beyond is an error that names the bound. */
#include "places.h"
#include "unit.h"

#include "../../frontend/frontend.h"

typedef struct {
    long n;
    const char *text, *beyond;
} Bound;

#define MAIN(statements) "model main(x: fp16[2]) -> y {\n" statements "\n y = x\n}\n"

static const Bound bounds[] = {
    { 98, "{N;fn f$(x) = f@(x)}fn f{N}(x) = x\nmodel main(x: fp16[2]) -> y { y = f0(x) }\n",
      "calls are nested deeper than 100" },
    { 4000000, MAIN("a = [1] * {N}\n"), "a list of more than 4000000 elements" },
    { 2000000, MAIN("a = [1] * 2000000 + [1] * {N}\n"),
      "a list of more than 4000000 elements" },
    { 4000000, MAIN("a = range({N})\n"), "a range has at most 4000000 elements" },
    { 4000000, MAIN("a = range(0, {2N}, 2)\n"), "a range has at most 4000000 elements" },
    { 4000000, MAIN("a = 0..{N}\n"), "a range of more than 4000000 elements" },
    { 32768, MAIN("a = \"{N=a}\" + \"{N=b}\"\n"), "a string of more than 65536 characters" },
    { 65534, MAIN("a = \"{N=a}\"\n"), "65536 are the limit" },
    { 16, "model main(x: fp16[{N:1}]) -> y { y = relu(x) }\n", "16" },
    { 995, MAIN("a = {N=[}1{N=]}\n"), "nested" },
    { 1000, MAIN("a = min({N:1})\n"), "min takes 1 to 1000 arguments, not 1001" },
    { 16, MAIN("a = zip({N:[1]})\n"), "zip takes 2 to 16 arguments, not 17" },
};

static Module *compile(Diag *d, const char *text)
{
    const Source src = { .name = "bound.anedsl", .text = text, .len = strlen(text) };
    return dsl_compile(d, &src, &(DslOptions){ .opset = OPSET_IOS18 });
}

static void sources_end_at_their_bounds(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        const Bound *c = &bounds[i];
        Diag d = { .quiet = true }, e = { .quiet = true };
        Buf at = places_text(c->text, c->n), over = places_text(c->text, c->n + 1);
        Module *m = compile(&d, at.s), *none = compile(&e, over.s);
        const char *said = e.text.s ? e.text.s : "";
        if (!m || none || !strstr(said, c->beyond)) {
            print_error("%ld of %.80s: %.300s\n and beyond: %.300s\n", c->n, c->text,
                        d.text.s ? d.text.s : "compiles", said);
            wrong++;
        }
        module_free(m);
        module_free(none);
        buf_free(&at);
        buf_free(&over);
        diag_free(&d);
        diag_free(&e);
    }
    assert_int_equal(wrong, 0);
}

typedef struct {
    int constants;
} Seen;

static bool count(void *ctx, Op *op)
{
    Seen *s = ctx;
    s->constants += op->kind == OP_const && op->nout && op->out[0]->type->shape.rank == 1;
    return true;
}

/* Constants that a list of n elements becomes which is used twice. */
static int constants_of(long n)
{
    Diag d = { .quiet = true };
    Seen seen = { 0 };
    Buf text = places_text(
        "model main(x: fp16[{N}]) -> y {\n a = [{N:1.5}]\n y = x * a + a\n}\n", n);
    Module *m = compile(&d, text.s);
    if (!m) fail_msg("%s", d.text.s);
    func_walk(module_main(m), count, &seen);
    module_free(m);
    buf_free(&text);
    diag_free(&d);
    return seen.constants;
}

static void long_lists_are_one_constant(void **state)
{
    (void)state;
    assert_int_equal(constants_of(16), 1);
    assert_int_equal(constants_of(17), 1);
    assert_int_equal(constants_of(15), constants_of(2));
    assert_int_not_equal(constants_of(15), 1);
}

/* What a loop gives again is said once and counted: after a thousand the source is left. */
static void a_thousand_errors_are_enough(void **state)
{
    (void)state;
    Diag d = { .quiet = true };
    Buf text = places_text(MAIN("for i in 0..{N} { a = nothing + i }\n b = lacking"), 999);
    assert_null(compile(&d, text.s));
    assert_non_null(strstr(d.text.s, "lacking is not defined"));
    buf_free(&text);
    diag_free(&d);
    d = (Diag){ .quiet = true };
    text = places_text(MAIN("for i in 0..{N} { a = nothing + i }\n b = lacking"), 1000);
    assert_null(compile(&d, text.s));
    assert_null(strstr(d.text.s, "lacking is not defined"));
    buf_free(&text);
    diag_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_end_at_their_bounds),
        cmocka_unit_test(long_lists_are_one_constant),
        cmocka_unit_test(a_thousand_errors_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
