/* test_language_bounds.c -- how much of each thing a source may have: at the bound it compiles,
 * one beyond is an error that names the bound; and what lists of numbers may be. */
#include "places.h"
#include "unit.h"

#include "../../frontend/frontend.h"

typedef struct {
    long n;
    const char *text, *beyond;
} Bound;

#define MAIN(statements) "model main(x: fp16[2]) -> y {\n" statements "\n y = x\n}\n"

static const Bound bounds[] = {
    { 98,
      "{N;fn f$(x) = f@(x)}fn f{N}(x) = x\nmodel main(x: fp16[2]) -> y { y = f0(x) }\n",
      "calls are nested deeper than 100" },
    { 4000000, MAIN("a = [1] * {N}\n"), "a list of more than 4000000 elements" },
    { 2000000, MAIN("a = [1] * 2000000 + [1] * {N}\n"),
      "a list of more than 4000000 elements" },
    { 4000000, MAIN("a = range({N})\n"), "a range has at most 4000000 elements" },
    { 4000000, MAIN("a = range(0, {2N}, 2)\n"), "a range has at most 4000000 elements" },
    { 4000000, MAIN("a = 0..{N}\n"), "a range of more than 4000000 elements" },
    { 32768, MAIN("a = \"{N=a}\" + \"{N=b}\"\n"),
      "a string of more than 65536 characters" },
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
    Buf text = places_text(MAIN("for i in 0..{N} { a = nothing + i }\n b = lacking"),
                           999);
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

/* ---- lists of numbers -------------------------------------------------------------------- */

/* What columns of one kind hold is computed many at a time, anything else by a walk: neither may
 * be seen. b is [true, false, true], m [1, 2.5, true], p [[1, 2], [3, 4]]. */
static const char *const number_lists[] = {
    "[1 if k < 1 else 2.5 for k in 0..3] == [1, 2.5, 2.5]",
    "[2.5 if k < 1 else 1 for k in 0..3] == [2.5, 1, 1]",
    "[true if k < 1 else 7 for k in 0..2] == [true, 7]",
    "[k if k > 0 else -k for k in -2..3] == [2, 1, 0, 1, 2]",
    "[0.5 if k > 1 else 1.5 for k in 0..3] == [1.5, 1.5, 0.5]",
    "[not (k < 1) for k in 0..3] == [false, true, true]",
    "[not t for t in b] == [false, true, false]",
    "[1 if t else 2 for t in b] == [1, 2, 1]",
    "[not t and k > 0 for t, k in zip(b, [1, 1, 0])] == [false, true, false]",
    "[t or k > 0 for t, k in zip(b, [1, 1, 0])] == [true, true, true]",
    "[b[k] for k in 0..3] == b",
    "[1 if b[k] else 0 for k in 0..3] == [1, 0, 1]",
    "[m[k] for k in 0..3] == m",
    "[m[k] for k in 0..1] == [1]",
    "[p[i][k] for i, k in zip([0, 1, 1], [1, 0, -1])] == [2, 3, 4]",
    "[p[-1][k] for k in -2..2] == [3, 4, 3, 4]",
    "[p[k] for k in 0..2] == p",
    "[0 * k + p[1][k] for k in 0..2] == [3, 4]",
    "[10 * k + p[1][k] + k for k in 0..2] == [3, 15]",
    "[int(k / 2.0) for k in -3..4] == [-1, -1, 0, 0, 0, 1, 1]",
    "[int(k * 1e15) for k in [0.5, -0.5, 2.25]] == [500000000000000, -500000000000000, "
    "2250000000000000]",
    "[float(k) / 2 for k in 0..3] == [0.0, 0.5, 1.0]",
    "[k // 2 for k in -3..2] == [-2, -1, -1, 0, 0]",
    "[k % 3 for k in -3..3] == [0, 1, 2, 0, 1, 2]",
    "[3 % k for k in [1, 2, -2]] == [0, 1, -1]",
    "[k ** 2 for k in -2..2] == [4, 1, 0, 1]",
    "[2 * k / 2 for k in 0..2] == [0, 1]",
    "[k == 1 for k in 0..3] == [false, true, false]",
    "[k != 1 for k in 0..3] == [true, false, true]",
    "[k >= 1 for k in 0..3] == [false, true, true]",
    "[k <= 1 for k in 0..3] == [true, true, false]",
    "[k > 1.0 for k in 0..3] == [false, false, true]",
    "[k for k in 0..600 if k % 299 == 1] == [1, 300, 599]",
    "[k + i for k, i in zip(range(300), range(300)) if k == 255 or k == 256] == [510, 512]",
    "[k for k in [1, 2.5, 3] if k > 2] == [2.5, 3]",
    "[sqrt(k) for k in [0, 4, 9]] == [0.0, 2.0, 3.0]",
};

/* And what has a message, which is the walk's. */
static const struct {
    const char *list, *says;
} number_faults[] = {
    { "[not k for k in 0..3]", "not does not take the int 0" },
    { "[sqrt(t) for t in b]", "a bool cannot be fp16" },
    { "[int(k * 1e300) for k in 0..3]", "fits 64 bits, not the float 1e+300" },
    { "[float(t) for t in b]", "float takes a number" },
    { "[t + 1 for t in b]", "+ does not take the bool true" },
    { "[1 + t for t in b]", "+ does not take the int 1 and the bool true" },
    { "[k and true for k in 0..3]", "and does not take the int 0" },
    { "[b[k] for k in 0..4]", "index 3 is outside a list of 3" },
    { "[b[k] for k in -4..0]", "index -4 is outside a list of 3" },
    { "[b[k * 0.5] for k in 0..2]", "an int is needed here, not the float 0.0" },
    { "[b[k * 0.0] for k in 0..2]", "an int is needed here, not the float 0.0" },
    { "[b[t] for t in b]", "an int is needed here, not the bool true" },
    { "[p[0][0][k] for k in 0..1]", "the int 1 cannot be indexed" },
    { "[k for k in 0..3 if k]", "must be a bool, not the int 0" },
    { "[1 if k else 2 for k in 0..3]", "must be a bool, not the int 0" },
    { "[k * 9223372036854775807 for k in 0..3]", "does not fit 64 bits" },
    { "[9223372036854775807 + k for k in 0..3]", "does not fit 64 bits" },
    { "[0 - 9223372036854775807 - k for k in 0..3]", "does not fit 64 bits" },
    { "[1 % k for k in 0..3]", "division by zero" },
    { "[i for i, k in [[1, 2], [3]]]", "there are 2 names for 1 values" },
};

static Module *compile_list(Diag *d, const char *statement, const char *list)
{
    Buf text = { 0 };
    buf_printf(
        &text,
        MAIN("b = [true, false, true]\n m = [1, 2.5, true]\n p = [[1, 2], [3, 4]]\n"
             "%s %s\n"),
        statement, list);
    Module *m = compile(d, text.s);
    buf_free(&text);
    return m;
}

static void lists_of_numbers_are_as_walked(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT(number_lists); i++) {
        Diag d = { .quiet = true };
        Module *m = compile_list(&d, "assert", number_lists[i]);
        if (!m) print_error("%s: %s\n", number_lists[i], d.text.s);
        wrong += !m;
        module_free(m);
        diag_free(&d);
    }
    for (size_t i = 0; i < COUNT(number_faults); i++) {
        Diag d = { .quiet = true };
        Module *m = compile_list(&d, "a =", number_faults[i].list);
        const char *said = d.text.s ? d.text.s : "it compiles";
        const bool says = strstr(said, number_faults[i].says);
        if (m || !says) print_error("%s: %s\n", number_faults[i].list, said);
        wrong += m || !says;
        module_free(m);
        diag_free(&d);
    }
    assert_int_equal(wrong, 0);
}

/* ---- weights in another shape ------------------------------------------------------------ */

/* Nothing is moved for a weight when the model runs, where all dimensions are said. */
static const struct {
    const char *dims;
    int moved;
    const char *says; /* NULL: it compiles, with so many that are moved */
} reshapes[] = {
    { "[2, 3]", 0, NULL },
    { "[6]", 0, NULL },
    { "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3]", 0, NULL },
    { "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3]", 0, "16" },
    { "[2, -1]", 1, NULL },
    { "6", 1, NULL },
    { "[0, 3]", 0, "they do not fill [1, 3]" },
    { "[2, 3.0]", 0, "3.0 is not a whole number" },
    { "[2, 2]", 0, "weight w is [6], which is not [2, 2]" },
    { "[1, 5]", 0, "weight w is [6], which is not [1, 5]" },
    { "[4611686018427387904, 4611686018427387904]", 0, "4611686018427387904" },
};

static bool count_moved(void *ctx, Op *op)
{
    *(int *)ctx += op->kind == OP_reshape;
    return true;
}

static void weights_take_the_shape_they_are_used_in(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT(reshapes); i++) {
        Diag d = { .quiet = true };
        Buf text = { 0 };
        buf_printf(&text,
                   "model main(x: fp16[1]) -> y {\n weight w: fp16[6] = 1\n"
                   " y = reshape(w, %s) * x\n}\n",
                   reshapes[i].dims);
        Module *m = compile(&d, text.s);
        const char *said = d.text.s ? d.text.s : "it compiles";
        const char *says = reshapes[i].says;
        int moved = 0;
        if (m) func_walk(module_main(m), count_moved, &moved);
        const bool right = m ? !says : says && strstr(said, says);
        if (!right || moved != reshapes[i].moved) {
            print_error("%s: %d moved, %s\n", reshapes[i].dims, moved, said);
            wrong++;
        }
        module_free(m);
        buf_free(&text);
        diag_free(&d);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_end_at_their_bounds),
        cmocka_unit_test(long_lists_are_one_constant),
        cmocka_unit_test(lists_of_numbers_are_as_walked),
        cmocka_unit_test(weights_take_the_shape_they_are_used_in),
        cmocka_unit_test(a_thousand_errors_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
