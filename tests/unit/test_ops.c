/* test_ops.c -- every example of the op table, read as MIL text, run, and compared. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"

enum { MOST_OPS = 16 };

typedef struct {
    const OpInfo *op;
    Arena arena;
    Diag diag;
    Module *m;
    bool seen[OP_COUNT]; /* ops that some example runs */
    Tensor out[MOST_OPS][MAX_RESULT];
    int nout;          /* ops run */
    ValueTable values; /* of an op's first result: the Tensors of all */
} Example;

/* ---- text -------------------------------------------------------------------------------- */

/* The end of a piece of text: a comma or a semicolon outside brackets and strings, or the
 * end. */
static const char *piece_end(const char *s, char stop)
{
    int depth = 0;
    for (bool quoted = false; *s; s++) {
        if (*s == '"') quoted = !quoted;
        if (quoted) continue;
        if (strchr("([{<", *s)) depth++;
        if (strchr(")]}>", *s)) depth--;
        if (!depth && *s == stop) break;
    }
    return s;
}

/* Ops that come before the arguments; the arguments are what is left of *args. */
static size_t ops_before(const char **args)
{
    const char *start = *args;
    for (const char *end; *(end = piece_end(*args, ';'));) *args = end + 1;
    return (size_t)(*args - start);
}

/* "TYPE y0, TYPE y1" for the expected literals; the types are what stands before their "(". */
static void put_results(Buf *b, const char *expect)
{
    for (int i = 0; *expect; i++) {
        const char *type_end = strchr(expect, '('), *end = piece_end(expect, ',');
        assert_non_null(type_end);
        buf_printf(b, "%s%.*s y%d", i ? ", " : "", (int)(type_end - expect), expect, i);
        expect = end + (*end == ',');
        while (*expect == ' ') expect++;
    }
}

/* A program of one function whose last op is the example. Up to ios17 a constexpr op has
 * its data among the attributes. */
static void put_program(Buf *b, const OpInfo *op)
{
    const char *args = op->example;
    size_t before = ops_before(&args);
    bool attrs = (op->flags & F_CONSTEXPR) && op->example_opset < OPSET_IOS18;
    buf_printf(b, "program(1.0)\n{\n    func main<ios%d>() {\n        %.*s\n        ",
               op->example_opset, (int)before, op->example);
    put_results(b, op->expect);
    if (attrs)
        buf_printf(b, " = %s()[%s, name = tensor<string, []>(\"y0\")];\n", op->name,
                   args);
    else buf_printf(b, " = %s(%s)[name = tensor<string, []>(\"y0\")];\n", op->name, args);
    buf_puts(b, "    } -> (y0);\n}\n");
}

/* ---- running ----------------------------------------------------------------------------- */

/* Arguments that are results of earlier ops have their values. */
static void fill_values(const Example *e, Call *c, const Op *op)
{
    for (int i = 0; i < op->narg; i++) {
        const Param *p = op_param(c->info, arg_name(&op->arg[i]));
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            Tensor *values = v->def ? values_get(&e->values, v->def->out[0]) : NULL;
            if (values) c->p[p - c->info->param].v[k].val = &values[v->index];
        }
    }
}

static void run_op(Example *e, const Op *op)
{
    Call *c = NEW(&e->arena, Call);
    if (op->kind == OP_const) return;
    assert_true(e->nout < MOST_OPS);
    Tensor *out = e->out[e->nout++];
    if (call_of_op(c, op, &e->arena, &e->diag)) {
        fill_values(e, c, op);
        call_run(c, out, MAX_RESULT);
    }
    if (e->diag.errors || e->diag.fails) fail_msg("%s: %s", e->op->name, e->diag.text.s);
    assert_int_equal(c->nout, op->nout);
    values_set(&e->values, op->out[0], out);
    e->seen[op->kind] = true;
}

/* How far a float may be from its literal: half a unit of the type in the last place, and half
 * a unit in the literal's ninth digit; results are of the order of 1 where they cancel. */
static double allowed(DType t, double want)
{
    double ulp = t == DT_FP16 ? ldexp(1, -11) : ldexp(1, -24);
    return fmax(fabs(want), 1) * (ulp + 1e-8);
}

static void compare(const Example *e, int i, const Tensor *got, const Tensor *want)
{
    assert_int_equal(got->dtype, want->dtype);
    if (!shape_equal(&got->shape, &want->shape))
        fail_msg("%s: shape of y%d", e->op->name, i);
    for (size_t k = 0; k < want->count; k++) {
        if (want->dtype == DT_STRING) {
            assert_string_equal(((char **)got->data)[k], ((char **)want->data)[k]);
            continue;
        }
        if (!dtype_is_float(want->dtype)) {
            assert_int_equal(tensor_int(got, k), tensor_int(want, k));
            continue;
        }
        double g = tensor_float(got, k), w = tensor_float(want, k);
        bool close = g == w || (g != g && w != w)
                  || fabs(g - w) <= allowed(want->dtype, w);
        if (!close)
            fail_msg("%s: y%d[%zu] is %.9g where %.9g is expected", e->op->name, i, k, g,
                     w);
    }
}

static void compare_all(Example *e)
{
    const char *expect = e->op->expect;
    for (int i = 0; *expect; i++) {
        const char *end = piece_end(expect, ',');
        Source src = { .name = e->op->name,
                       .text = expect,
                       .len = (size_t)(end - expect) };
        const Const *k = mil_read_literal(e->m, &e->diag, &src);
        if (!k) fail_msg("%s: %s", e->op->name, e->diag.text.s);
        Tensor want = { 0 };
        assert_true(const_tensor(k, &e->diag, &want));
        compare(e, i, &e->out[e->nout - 1][i], &want);
        tensor_free(&want);
        expect = end + (*end == ',');
        while (*expect == ' ') expect++;
    }
}

static void run_example(Example *e)
{
    Buf text = { 0 };
    put_program(&text, e->op);
    Source src = { .name = e->op->name, .text = text.s, .len = text.len };
    e->m = mil_read(&e->diag, &src, NULL);
    if (!e->m || !module_verify(e->m, &e->diag, NULL))
        fail_msg("%s\n%s", text.s, e->diag.text.s);
    e->nout = 0;
    for (const Op *op = module_main(e->m)->body->first; op; op = op->next) run_op(e, op);
    compare_all(e);
    for (int i = 0; i < e->nout; i++)
        for (int k = 0; k < MAX_RESULT; k++) tensor_free(&e->out[i][k]);
    values_free(&e->values);
    module_free(e->m);
    diag_free(&e->diag);
    arena_free(&e->arena);
    e->diag = (Diag){ 0 };
    buf_free(&text);
}

static void test_examples(void **state)
{
    Example e = { 0 };
    (void)state;
    for (int i = 0; i < OP_COUNT; i++) {
        e.op = &ops[i];
        if (ops[i].example) run_example(&e);
    }
    for (int i = 0; i < OP_COUNT; i++)
        /* classify, whose dictionary is no literal, is run by tests/golden/interface */
        if (ops[i].eval && !e.seen[i] && i != OP_classify)
            fail_msg("%s: no example runs it", ops[i].name);
}

/* Every row says what it is and which function infers it. */
static void test_rows(void **state)
{
    (void)state;
    for (int i = 0; i < OP_COUNT; i++) {
        if (!*ops[i].doc) fail_msg("%s has no description", ops[i].name);
        if (ops[i].eval && !ops[i].infer)
            fail_msg("%s has a kernel but no inference", ops[i].name);
    }
}

/* Words of parameters: a default is one of them, capitals are alike where Core ML reads them so, and what a
 * op says is known before it runs. */
static void words_are_enumerators(void **state)
{
    int lists = 0;
    (void)state;
    for (int op = 0; op < OP_COUNT; op++)
        for (const Param *p = ops[op].param; p->id; p++) {
            Arena a = { 0 };
            assert_non_null(memchr(p->var, 0, sizeof p->var));
            assert_non_null(memchr(p->def, 0, sizeof p->def));
            if (*domain_words(&a, p->dom) || p->dom == DOM_TypeName) {
                lists++;
                if (param_default(p)) assert_true(domain_choice(p->dom, p->def) >= 0);
                assert_int_equal(domain_choice(p->dom, "else"), -1);
                assert_int_equal(domain_choice(p->dom, NULL), -1);
            } else assert_int_equal(domain_choice(p->dom, p->def), -1);
            arena_free(&a);
        }
    assert_true(lists > 25);
    assert_int_equal(domain_choice(DOM_PadType, "same_lower"), PAD_SAME_LOWER);
    assert_int_equal(domain_choice(DOM_PadType, "SAME"), -1);
    assert_int_equal(domain_choice(DOM_PoolPadType, "SAME"), POOL_PAD_SAME);
    assert_int_equal(domain_choice(DOM_Activation, "Sigmoid_Hard"), ACT_SIGMOID_HARD);
    assert_int_equal(domain_choice(DOM_Activation, "sigmoid_har"), -1);
    assert_int_equal(domain_choice(DOM_TypeName, "bf16"), DT_BF16);
    /* a pool's words are a convolution's */
    assert_int_equal((int)POOL_PAD_CUSTOM, (int)PAD_CUSTOM);
    assert_int_equal((int)ONE_WAY_REVERSE, (int)WAY_REVERSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(words_are_enumerators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
