/* test_sim_numbers.c -- the numbers of the simulated engines: every figure that was published
 * of them, through programs of an op or two, and that each number of numerics.def
 * matters. */
#include "../../backends/sim/sim.h"
#include "../../ir/mil/mil.h"
#include "unit.h"

#include <math.h>

enum { CHIPS = 5, MAX_IN = 4, MAX_FILL = 8 };

/* An input's elements: fill[i], the last repeated (CYCLE: all of them in turn). */
typedef struct {
    int n;
    bool cycle;
    double fill[MAX_FILL];
} Fill;

typedef struct {
    const char *what, *params, *body; /* the result is y */
    Fill in[MAX_IN];                  /* a, b, c, d */
    size_t at;                        /* the element looked at */
    double want[CHIPS];
} Case;

#define ALL(v) \
    { \
        v, v, v, v, v \
    }
#define ONE(v) \
    { \
        .n = 1, .fill = { v } \
    }
#define MANY(k, ...) \
    { \
        .n = k, .fill = { __VA_ARGS__ } \
    }
#define CYCLE(k, ...) \
    { \
        .n = k, .cycle = true, .fill = { __VA_ARGS__ } \
    }
#define H(shape) "tensor<fp16, " shape ">"
#define F(shape) "tensor<fp32, " shape ">"
#define Y(shape, call) H(shape) " y = " call "[name = string(\"y\")];"
#define DOT(k) H("[1, " k "]") " a, " H("[" k ", 1]") " b"
#define PRODUCT \
    Y("[1, 1]", \
      "matmul(transpose_x = bool(false), transpose_y = bool(false), x = a, y = b)")
#define UNARY(op) .params = H("[1]") " a", .body = Y("[1]", op "(x = a)")
#define BINARY(op) \
    .params = H("[1]") " a, " H("[1]") " b", .body = Y("[1]", op "(x = a, y = b)")
#define LOG(op) \
    .params = H("[1]") " a", .body = Y("[1]", op "(epsilon = fp16(0x0p+0), x = a)")
/* t is a, transposed; the second product is of the first and x. */
#define FED(x) \
    .params = H("[1, 1]") " a, " H("[1, 1]") " b", \
    .body = \
        H("[1, 1]") " t = transpose(perm = tensor<int32, [2]>([1, 0]), x = a)[name = string(\"t\")];" H("[1, 1]") " p = matmul(transpose_x = bool(false), transpose_y = bool(false), x = t, y = b)[name = string(\"p\")];" Y( \
            "[1, 1]", \
            "matmul(transpose_x = bool(false), transpose_y = bool(false), x = p, y = " x \
            ")")
#define SLICE \
    .params = H("[1, 4]") " a", \
    .body = Y( \
        "[1, 3]", \
        "slice_by_size(begin = tensor<int32, [2]>([0, 1]), size = tensor<int32, [2]>([1, 3]), x = a)")
#define SLICE_INDEX \
    .params = H("[1, 4]") " a", \
    .body = Y( \
        "[1, 3]", \
        "slice_by_index(begin = tensor<int32, [2]>([0, -3]), end = tensor<int32, [2]>([1, 4]), x = a)")
#define CONV(k, w) \
    .params = H("[1, " k ", 1, 1]") " a", \
    .body = Y("[1, 1, 1, 1]", \
              "conv(dilations = tensor<int32, [2]>([1, 1]), groups = int32(1), " \
              "pad = tensor<int32, [4]>([0, 0, 0, 0]), pad_type = string(\"valid\"), " \
              "strides = tensor<int32, [2]>([1, 1]), weight = " H( \
                  "[1, " k ", 1, 1]") "(" w "), x = a)")
#define ATTENTION \
    .params = H("[1, 1, 1, 4]") " a, " H("[1, 1, 2, 4]") " b, " H("[1, 1, 1, 2]") " c", \
    .body = Y( \
        "[1, 1, 1, 4]", \
        "scaled_dot_product_attention(attn_mask = c, key = b, query = a, value = b)")

static const Case cases[] = {
    /* the table of published figures */
    { "ones x 4096", DOT("4096"), PRODUCT, { ONE(1), ONE(1) }, 0, ALL(4096) },
    { "4096 + 1024 x 1",
      DOT("1025"),
      PRODUCT,
      { MANY(2, 4096, 1), ONE(1) },
      0,
      { 5116, 5116, 5120, 5120, 5120 } },
    { "[4000, -4000, 1] x 16",
      DOT("48"),
      PRODUCT,
      { CYCLE(3, 4000, -4000, 1), ONE(1) },
      0,
      ALL(16) },
    { "[8000, -8000, 1] x 16",
      DOT("48"),
      PRODUCT,
      { CYCLE(3, 8000, -8000, 1), ONE(1) },
      0,
      { 4, 4, 16, 16, 16 } },
    { "32752", DOT("2"), PRODUCT, { ONE(16376), ONE(1) }, 0, ALL(32752) },
    { "32768",
      DOT("2"),
      PRODUCT,
      { ONE(16384), ONE(1) },
      0,
      { INFINITY, INFINITY, 0, INFINITY, INFINITY } },
    { "-32768",
      DOT("2"),
      PRODUCT,
      { ONE(-16384), ONE(1) },
      0,
      { -INFINITY, -INFINITY, 0, -INFINITY, -INFINITY } },
    { "linear 32752",
      H("[1, 2]") " a, " H("[1, 2]") " b",
      Y("[1, 1]", "linear(weight = tensor<fp16, [1, 2]>([[1, 1]]), x = a)"),
      { ONE(16376), ONE(1) },
      0,
      ALL(32752) },
    { "linear 32768",
      H("[1, 2]") " a, " H("[1, 2]") " b",
      Y("[1, 1]", "linear(weight = tensor<fp16, [1, 2]>([[1, 1]]), x = a)"),
      { ONE(16384), ONE(1) },
      0,
      { INFINITY, INFINITY, 0, INFINITY, INFINITY } },
    { "width slice of 4094", SLICE, .in = { ONE(4094) }, .want = ALL(4094) },
    { "width slice of 4096", SLICE, .in = { ONE(4096) },
      .want = { INFINITY, INFINITY, 4096, 4096, 4096 } },
    { "width slice of -4096, by index", SLICE_INDEX, .in = { ONE(-4096) },
      .want = { -INFINITY, -INFINITY, -4096, -4096, -4096 } },
    { "NaN + 0", BINARY("add"), .in = { ONE(NAN), ONE(0) }, .want = ALL(INFINITY) },
    { "sqrt(-1)", UNARY("sqrt"), .in = { ONE(-1) }, .want = ALL(0) },
    { "log(-1)", LOG("log"), .in = { ONE(-1) }, .want = ALL(0) },
    { "inf - inf", BINARY("sub"), .in = { ONE(INFINITY), ONE(INFINITY) },
      .want = ALL(0) },
    { "0 * inf", BINARY("mul"), .in = { ONE(0), ONE(INFINITY) }, .want = ALL(0) },
    { "log(0)", LOG("log"), .in = { ONE(0) }, .want = ALL(-45440) },
    { "denormal operands",
      DOT("2"),
      PRODUCT,
      { ONE(0x3ffp-24), ONE(1) },
      0,
      { 0, 0, 0, 0x7fep-24, 0x7fep-24 } },
    { "denormal products",
      DOT("2"),
      PRODUCT,
      { ONE(0x1p-8), ONE(0x1p-7) },
      0,
      { 0, 0, 0, 0x1p-14, 0x1p-14 } },
    { "denormals of other ops are kept", BINARY("add"),
      .in = { ONE(0x1p-24), ONE(0x1p-24) }, .want = ALL(0x1p-23) },
    { "2048 + 1", BINARY("add"), .in = { ONE(2048), ONE(1) },
      .want = { 2048, 2048, 2050, 2050, 2050 } },
    { "-2048 - 1", BINARY("add"), .in = { ONE(-2048), ONE(-1) },
      .want = { -2048, -2048, -2050, -2050, -2050 } },
    { "2050 + 1", BINARY("add"), .in = { ONE(2050), ONE(1) }, .want = ALL(2052) },
    { "gelu(0)",
      H("[1]") " a",
      Y("[1]", "gelu(mode = string(\"EXACT\"), x = a)"),
      { ONE(0) },
      0,
      ALL(-0.000543) },
    { "silu(0)", UNARY("silu"), .in = { ONE(0) }, .want = ALL(-0.001259) },
    { "softmax [1000, 1, 2, 3]: 1000",
      H("[1, 4]") " a",
      Y("[1, 4]", "softmax(axis = int32(-1), x = a)"),
      { MANY(4, 1000, 1, 2, 3) },
      0,
      ALL(1) },
    { "softmax [1000, 1, 2, 3]: 3",
      H("[1, 4]") " a",
      Y("[1, 4]", "softmax(axis = int32(-1), x = a)"),
      { MANY(4, 1000, 1, 2, 3) },
      3,
      ALL(0) },
    /* what the catalogue says besides */
    { "products are rounded",
      DOT("2"),
      PRODUCT,
      { MANY(2, 1 + 0x1p-10, -1 - 0x1p-9), MANY(2, 1 + 0x1p-10, 1) },
      0,
      ALL(0) },
    { "0 * inf among products",
      DOT("2"),
      PRODUCT,
      { MANY(2, INFINITY, 1), MANY(2, 0, 5) },
      0,
      ALL(5) },
    { "a sum on the way",
      DOT("3"),
      PRODUCT,
      { MANY(3, 16384, 16384, -16384), ONE(1) },
      0,
      { 16384, 16384, 0, 16384, 16384 } },
    { "reduce_sum keeps the range",
      H("[1, 2]") " a",
      Y("[1, 1]",
        "reduce_sum(axes = tensor<int32, [1]>([1]), keep_dims = bool(true), x = a)"),
      { ONE(30000) },
      0,
      ALL(60000) },
    { "60000 in a 1x1 convolution", CONV("1", "[[[[1]]]]"), .in = { ONE(60000) },
      .want = { 60000, 60000, 60000, 60000, 60000 } },
    { "60000 of two channels", CONV("2", "[[[[1]], [[1]]]]"), .in = { ONE(30000) },
      .want = { INFINITY, INFINITY, 0, INFINITY, INFINITY } },
    { "exp(11.0859)", UNARY("exp"), .in = { ONE(11.0859375) }, .want = ALL(65248) },
    { "exp(11.0938)", UNARY("exp"), .in = { ONE(11.09375) }, .want = ALL(INFINITY) },
    { "square(255.875)", UNARY("square"), .in = { ONE(255.875) }, .want = ALL(65472) },
    { "square(-256)", UNARY("square"), .in = { ONE(-256) }, .want = ALL(INFINITY) },
    { "log(+inf)", LOG("log"), .in = { ONE(INFINITY) }, .want = ALL(0) },
    { "log below its floor", LOG("log"), .in = { ONE(130 * 0x1p-24) },
      .want = ALL(-11.734375) },
    { "rsqrt below its floor", LOG("rsqrt"), .in = { ONE(0x1p-24) },
      .want = ALL(353.75) },
    { "1 / -0", BINARY("real_div"), .in = { ONE(1), ONE(-0.0) }, .want = ALL(INFINITY) },
    { "softplus(10)", UNARY("softplus"), .in = { ONE(10) }, .want = ALL(10) },
    { "softplus(11)", UNARY("softplus"), .in = { ONE(11) }, .want = ALL(0) },
    { "softplus(60000)", UNARY("softplus"), .in = { ONE(60000) }, .want = ALL(0) },
    { "softplus(+inf)", UNARY("softplus"), .in = { ONE(INFINITY) }, .want = ALL(0) },
    { "softsign(60000)", UNARY("softsign"), .in = { ONE(60000) }, .want = ALL(1) },
    { "softsign(+inf)", UNARY("softsign"), .in = { ONE(INFINITY) }, .want = ALL(0) },
    { "round(1023)", UNARY("round"), .in = { ONE(1023) }, .want = ALL(1023) },
    { "round(1024)", UNARY("round"), .in = { ONE(1024) }, .want = ALL(0) },
    { "the mask of attention", ATTENTION,
      .in = { ONE(0), MANY(5, 1, 1, 1, 1, 3), MANY(2, 0, -60000) }, .want = ALL(2) },
    { "the second product of a transpose", FED("t"), .in = { ONE(2), ONE(2000) },
      .want = ALL(INFINITY) },
    { "4000 of such a product", FED("t"), .in = { ONE(2), ONE(1000) },
      .want = ALL(4000) },
    { "20000 where the first alone is fed", FED("b"), .in = { ONE(50), ONE(20) },
      .want = ALL(20000) },
    { "fp32 inside of a program",
      H("[1]") " a, " H("[1]") " b",
      F("[1]") " p = cast(dtype = string(\"fp32\"), x = a)[name = string(\"p\")];" F("[1]") " q = cast(dtype = string(\"fp32\"), x = b)[name = string(\"q\")];" F(
          "[1]") " s = add(x = p, y = q)[name = string(\"s\")];" F("[1]") " u = sub(x = s, y = p)[name = string(\"u\")];" H("[1]") " y = cast(dtype = string(\"fp16\"), x = u)[name = string(\"y\")];",
      { ONE(1), ONE(0x1p-12) },
      0,
      ALL(0) },
};
enum { CASES = (int)COUNT(cases) };

/* ---- running ----------------------------------------------------------------------------- */

typedef struct {
    Diag diag;
    Source src;
    Module *m;
    Program *p;
    Buf text;
    Tensor value[MAX_IN];
    Binding in[MAX_IN];
    int nin;
} Made;

static void fill(Tensor *t, const Fill *f)
{
    for (size_t i = 0; i < t->count; i++) {
        size_t k = f->cycle ? i % (size_t)f->n : i < (size_t)f->n ? i : (size_t)f->n - 1;
        tensor_set_float(t, i, f->fill[k]);
    }
}

static void make(Made *t, const Case *c, const char *backend)
{
    *t = (Made){ .nin = 0 };
    buf_printf(
        &t->text,
        "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", \"3505.4.1\"}})]\n"
        "{\n    func main<ios18>(%s) {\n        %s\n    } -> (y);\n}\n",
        c->params, c->body);
    t->src = (Source){ .name = c->what, .text = t->text.s, .len = t->text.len };
    t->m = mil_read(&t->diag, &t->src, ".");
    if (!t->m || !module_verify(t->m, &t->diag, NULL))
        fail_msg("%s: %s", c->what, t->diag.text.s);
    Func *f = module_main(t->m);
    t->p = program_new(backend_find(backend), t->m, f, &t->diag);
    if (!t->p) fail_msg("%s on %s: %s", c->what, backend, t->diag.text.s);
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        assert_true(
            tensor_alloc(&t->value[i], &t->diag, v->type->dtype, &v->type->shape));
        fill(&t->value[i], &c->in[i]);
        t->in[t->nin++] = (Binding){ .name = v->name, .value = t->value[i] };
    }
}

static void drop(Made *t)
{
    for (int i = 0; i < t->nin; i++) tensor_free(&t->value[i]);
    program_free(t->p);
    module_free(t->m);
    buf_free(&t->text);
    diag_free(&t->diag);
}

static double result(Made *t, const Case *c)
{
    const Binding *out;
    if (!program_run(t->p, &t->diag, t->in, t->nin, &(RunOptions){ 0 }))
        fail_msg("%s: %s", c->what, t->diag.text.s);
    assert_int_equal(program_results(t->p, &out), 1);
    return tensor_float(&out[0].value, c->at);
}

static const char *chip(int i) { return sim_at(generation_at(i)->chip)->name; }

/* The number of a chip, as nobody measured another rule there. */
static double number(int chip, int n)
{
    RuleSet rs;
    Numbers of;
    ruleset_init(&rs, generation_at(chip), NULL);
    numbers_of(&of, &rs);
    return of.v[n];
}

/* Printed figures are rounded; -0 and 0 are told apart nowhere. */
static bool is(double got, double want)
{
    if (isnan(want)) return isnan(got);
    return got == want || fabs(got - want) < 1e-3 * fabs(want);
}

static void every_published_figure(void **state)
{
    (void)state;
    int wrong = 0;
    for (int i = 0; i < CASES; i++)
        for (int k = 0; k < CHIPS; k++) {
            Made t;
            make(&t, &cases[i], chip(k));
            double got = result(&t, &cases[i]);
            if (!is(got, cases[i].want[k])) {
                print_error("%s on %s: %.9g, not %.9g\n", cases[i].what, chip(k), got,
                            cases[i].want[k]);
                wrong++;
            }
            drop(&t);
        }
    assert_int_equal(wrong, 0);
}

/* ---- that each number matters ------------------------------------------------------------ */

/* Figures are moved by a tenth; what is yes, no or infinite becomes plain. */

/* Whether some case comes out otherwise with another value of number n. */
static bool matters(Made *t, int n, double value)
{
    bool other = false;
    for (int i = 0; i < CASES && !other; i++) {
        SimEngine *e = sim_engine(t[i].p);
        double kept = e->numbers.v[n], before = result(&t[i], &cases[i]);
        e->numbers.v[n] = value;
        engine_init(e);
        double after = result(&t[i], &cases[i]);
        other = before != after && !(isnan(before) && isnan(after));
        e->numbers.v[n] = kept;
        engine_init(e);
    }
    return other;
}

static void every_number_matters(void **state)
{
    (void)state;
    static Made t[CASES];
    int unseen = 0;
    for (int k = 0; k < CHIPS; k++) {
        for (int i = 0; i < CASES; i++) make(&t[i], &cases[i], chip(k));
        for (int n = 0; n < NUM_COUNT; n++) {
            double v = number(k, n);
            bool figure = v != 0 && v != 1 && isfinite(v);
            bool seen = v == numerics[n].plain
                     || matters(t, n, figure ? 0.9 * v : numerics[n].plain);
            if (!seen)
                print_error("%s: no case depends on %s\n", chip(k), numerics[n].name);
            unseen += !seen;
        }
        for (int i = 0; i < CASES; i++) drop(&t[i]);
    }
    assert_int_equal(unseen, 0);
}

/* A chip's rules and its numbers come from the same reports. */
static void numbers_and_rules_agree(void **state)
{
    (void)state;
    for (int n = 0; n < NUM_COUNT; n++) {
        const Numeric *row = &numerics[n];
        assert_true(strlen(row->evidence) > 0 && strlen(row->doc) > 0);
        if (!row->rule[0]) continue;
        int rule = rule_find(row->rule);
        if (rule < 0) fail_msg("%s: there is no rule %s", row->name, row->rule);
        for (int k = 0; k < CHIPS; k++)
            if (chip_standing(generation_at(k), &rules[rule].facts) == STAND_NOT
                && number(k, n) != row->plain
                && chip_number(generation_at(k), n).standing != STAND_UNKNOWN)
                fail_msg("%s: the rule %s does not hold for chip %d", row->name,
                         row->rule, k + 1);
    }
}

/* ---- the documentation ------------------------------------------------------------------- */

/* A row of the table in docs/simulator.md; a star marks what is assumed. */
static void put_row(Buf *out, const Numeric *n)
{
    buf_printf(out, "| `%s` |", n->name);
    for (int k = 0; k < CHIPS; k++) {
        const ChipNumber said = chip_number(generation_at(k), (int)(n - numerics));
        buf_printf(out, " %.7g%s |", said.value,
                   said.standing == STAND_UNKNOWN ? "\\*" : "");
    }
    buf_printf(out, " %s | %s | %s |\n", n->doc, n->rule, n->evidence);
}

static void the_documentation_shows_every_number(void **state)
{
    (void)state;
    Diag d = { 0 };
    Mapped file;
    int absent = 0;
    assert_true(file_map(&d, "docs/simulator.md", &file));
    for (int n = 0; n < NUM_COUNT; n++) {
        Buf row = { 0 };
        put_row(&row, &numerics[n]);
        if (!strstr((const char *)file.data, row.s)) {
            print_message("%s", row.s);
            absent++;
        }
        buf_free(&row);
    }
    file_unmap(&file);
    if (absent) fail_msg("docs/simulator.md lacks the %d rows above", absent);
}

/* ---- tables ------------------------------------------------------------------------------ */

static void tables_are_as_far_off_as_printed(void **state)
{
    (void)state;
    Table t[TABLE_COUNT];
    tables_make(t);
    for (int i = 0; i < TABLE_COUNT; i++) {
        double worst = 0;
        for (double x = -20; x <= 20; x += 1.0 / 512) {
            double off = fabs(table_at(&t[i], x) - t[i].f(x));
            if (off > worst) worst = off;
        }
        print_message("%s: off by %g, published %g\n", ops[t[i].op].name, worst,
                      t[i].error_max);
        assert_true(worst > 0.1 * t[i].error_max && worst <= t[i].error_max);
        if (!isnan(t[i].at_zero))
            assert_true(fabs(table_at(&t[i], 0) - t[i].at_zero) < 1e-9);
        for (int k = 1; k < KNOTS; k++) assert_true(t[i].x[k] > t[i].x[k - 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_published_figure),
        cmocka_unit_test(every_number_matters),
        cmocka_unit_test(numbers_and_rules_agree),
        cmocka_unit_test(the_documentation_shows_every_number),
        cmocka_unit_test(tables_are_as_far_off_as_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
