/* test_windows.c -- convolutions and poolings against plain sums, and what they refuse.
 *
 * Cases are drawn: dimensions 1 to 3, strides, dilations, groups, every pad_type. A convolution
 * is checked against its definition; conv_transpose as its adjoint, <conv(x), y> = <x,
 * transpose(y)> for the same parameters. */
#include "unit.h"

#include "runs.h"

#include <math.h>
#include <string.h>

static const char *const pad_types[] = { "valid", "same", "same_lower", "custom" };

typedef struct {
    uint64_t seed, at;
    int n;                            /* spatial dimensions */
    int64_t batch, groups, cin, cout; /* channels of a group */
    int64_t in[3], k[3], s[3], d[3], pad[6];
    const char *type;
    double x[4096], w[4096];
} Case;

static int64_t pick(Case *c, int64_t low, int64_t high)
{
    return low + (int64_t)(rng_u64(c->seed, c->at++) % (uint64_t)(high - low + 1));
}

static void draw(Case *c, uint64_t seed)
{
    *c = (Case){ .seed = seed };
    c->n = (int)pick(c, 1, 3);
    c->batch = pick(c, 1, 2);
    c->groups = pick(c, 1, 3);
    c->cin = pick(c, 1, 2);
    c->cout = pick(c, 1, 2);
    c->type = pad_types[pick(c, 0, 3)];
    for (int i = 0; i < c->n; i++) {
        c->k[i] = pick(c, 1, 3);
        c->s[i] = pick(c, 1, 3);
        c->d[i] = pick(c, 1, 2);
        c->pad[2 * i] = pick(c, 0, 2);
        c->pad[2 * i + 1] = pick(c, 0, 2);
        c->in[i] = pick(c, (c->k[i] - 1) * c->d[i] + 1, 7);
    }
    for (size_t i = 0; i < COUNT(c->x); i++) {
        c->x[i] = (double)pick(c, -8, 8);
        c->w[i] = (double)pick(c, -8, 8);
    }
}

static Shape shape_with(int64_t a, int64_t b, int n, const int64_t *rest)
{
    Shape s = { .rank = 2 + n, .dim = { a, b } };
    for (int i = 0; i < n; i++) s.dim[2 + i] = rest[i];
    return s;
}

static void args(Run *r, const Case *c)
{
    run_ints(r, "strides", c->n, c->s);
    run_ints(r, "dilations", c->n, c->d);
    run_ints(r, "pad", 2 * c->n, c->pad);
    run_str(r, "pad_type", c->type);
    run_int(r, "groups", c->groups);
}

/* The padding before each dimension, by the documentation's formulas. */
static void before(const Case *c, int64_t *p)
{
    for (int i = 0; i < c->n; i++) {
        int64_t out = (c->in[i] + c->s[i] - 1) / c->s[i];
        int64_t total = (out - 1) * c->s[i] + (c->k[i] - 1) * c->d[i] + 1 - c->in[i];
        if (total < 0) total = 0;
        bool lower = !strcmp(c->type, "same_lower");
        p[i] = !strcmp(c->type, "custom") ? c->pad[2 * i]
             : !strcmp(c->type, "valid")  ? 0
             : lower                      ? total - total / 2
                                          : total / 2;
    }
}

/* Element i of a box of dimensions dim, as coordinates. */
static void unravel(int64_t i, int n, const int64_t *dim, int64_t *at)
{
    for (int k = n; k-- > 0; i /= dim[k]) at[k] = i % dim[k];
}

static int64_t volume(int n, const int64_t *dim)
{
    int64_t v = 1;
    for (int i = 0; i < n; i++) v *= dim[i];
    return v;
}

/* One result element by the definition. */
static double direct(const Case *c, const double *w, int64_t batch, int64_t o,
                     const int64_t *at)
{
    int64_t p[3], t[3], taps = volume(c->n, c->k), area = volume(c->n, c->in),
                        g = o / c->cout;
    double sum = 0;
    before(c, p);
    for (int64_t i = 0; i < c->cin; i++)
        for (int64_t k = 0; k < taps; k++) {
            int64_t from = 0;
            bool inside = true;
            unravel(k, c->n, c->k, t);
            for (int j = 0; j < c->n; j++) {
                int64_t v = at[j] * c->s[j] - p[j] + t[j] * c->d[j];
                inside = inside && v >= 0 && v < c->in[j];
                from = from * c->in[j] + v;
            }
            if (!inside) continue;
            int64_t ch = batch * c->groups * c->cin + g * c->cin + i;
            sum += c->x[ch * area + from] * w[(o * c->cin + i) * taps + k];
        }
    return sum;
}

static void conv_open(Run *r, const Case *c, DType x, DType w)
{
    run_open(r, "conv", OPSET_IOS17);
    run_num(r, "x", x, shape_with(c->batch, c->groups * c->cin, c->n, c->in), c->x);
    run_num(r, "weight", w, shape_with(c->groups * c->cout, c->cin, c->n, c->k), c->w);
    args(r, c);
}

static void test_conv(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++) {
        Case c;
        Run r;
        draw(&c, seed);
        conv_open(&r, &c, DT_FP32, seed % 2 ? DT_FP16 : DT_FP32);
        assert_true(run_go(&r));
        const Shape *s = &r.out[0].shape;
        int64_t area = volume(c.n, s->dim + 2), at[3];
        for (int64_t i = 0; i < (int64_t)r.out[0].count; i++) {
            unravel(i % area, c.n, s->dim + 2, at);
            double want = direct(&c, c.w, i / area / s->dim[1], i / area % s->dim[1], at);
            if (tensor_float(&r.out[0], (size_t)i) != want)
                fail_msg("case %d, element %d: %g, not %g", (int)seed, (int)i,
                         tensor_float(&r.out[0], (size_t)i), want);
        }
        run_close(&r);
    }
}

/* x for y: the transposed op with the dimensions of x as its result. */
static void test_adjoint(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++) {
        Case c;
        Run r, t;
        double left = 0, right = 0, y[4096];
        draw(&c, seed);
        if (!strcmp(c.type, "same_lower")) continue; /* conv_transpose has none */
        conv_open(&r, &c, DT_FP32, DT_FP32);
        assert_true(run_go(&r));
        for (size_t i = 0; i < r.out[0].count; i++) {
            y[i] = c.w[COUNT(c.w) - 1 - i];
            left += y[i] * tensor_float(&r.out[0], i);
        }
        Shape x = shape_with(c.batch, c.groups * c.cin, c.n, c.in);
        run_open(&t, "conv_transpose", OPSET_IOS17);
        run_num(&t, "x", DT_FP32, r.out[0].shape, y);
        run_num(&t, "weight", DT_FP32, shape_with(c.groups * c.cout, c.cin, c.n, c.k),
                c.w);
        run_ints(&t, "output_shape", x.rank, x.dim);
        args(&t, &c);
        assert_true(run_go(&t));
        assert_true(shape_equal(&t.out[0].shape, &x));
        for (size_t i = 0; i < t.out[0].count; i++)
            right += c.x[i] * tensor_float(&t.out[0], i);
        if (left != right) fail_msg("case %d: %g is not %g", (int)seed, left, right);
        run_close(&r);
        run_close(&t);
    }
}

/* ---- dimensions of results ------------------------------------------------------------------ */

static void test_dims(void **state)
{
    (void)state;
    static const struct {
        const char *op, *type;
        int64_t in, k, s, pad;
        bool ceil;
        int64_t out;
    } rows[] = {
        { "max_pool", "valid", 5, 2, 2, 0, false, 2 },
        { "max_pool", "valid", 5, 2, 2, 0, true, 3 },
        { "max_pool", "same", 5, 2, 2, 0, false, 3 },
        { "max_pool", "same_lower", 6, 3, 4, 0, false, 2 },
        { "max_pool", "custom", 5, 2, 3, 1, true, 2 },
        { "max_pool", "custom", 6, 2, 3, 1, true, 3 },
        { "conv_transpose", "same", 4, 3, 2, 0, false, 8 },
        { "conv_transpose", "valid", 4, 3, 2, 0, false, 9 },
        { "conv_transpose", "custom", 4, 3, 2, 1, false, 7 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Run r;
        bool pool = rows[i].op[0] == 'm';
        run_open(&r, rows[i].op, OPSET_IOS17);
        run_num(&r, "x", DT_FP32, SHAPE(1, 1, rows[i].in), NULL);
        if (pool) run_ints(&r, "kernel_sizes", 1, &rows[i].k);
        else run_num(&r, "weight", DT_FP32, SHAPE(1, 1, rows[i].k), NULL);
        run_ints(&r, "strides", 1, &rows[i].s);
        run_ints(&r, "pad", 2, (int64_t[]){ rows[i].pad, rows[i].pad });
        run_str(&r, "pad_type", rows[i].type);
        if (pool) run_bool(&r, "ceil_mode", rows[i].ceil);
        assert_true(run_go(&r));
        if (r.out[0].shape.dim[2] != rows[i].out)
            fail_msg("row %d: %d", (int)i, (int)r.out[0].shape.dim[2]);
        run_close(&r);
    }
}

/* Padding counts into a mean, what lies beyond the padding does not. */
static void test_means(void **state)
{
    (void)state;
    static const double x[] = { 6, 6, 6, 6, 6 };
    static const double counted[] = { 4, 6, 4 }, excluded[] = { 6, 6, 6 };
    for (int exclude = 0; exclude < 2; exclude++) {
        Run r;
        run_open(&r, "avg_pool", OPSET_IOS15);
        run_num(&r, "x", DT_FP16, SHAPE(1, 1, 5), x);
        run_ints(&r, "kernel_sizes", 1, (int64_t[]){ 3 });
        run_ints(&r, "strides", 1, (int64_t[]){ 2 });
        run_ints(&r, "pad", 2, (int64_t[]){ 1, 1 });
        run_str(&r, "pad_type", "custom");
        run_bool(&r, "exclude_padding_from_average", exclude);
        assert_true(run_go(&r));
        assert_int_equal(r.out[0].count, 3);
        for (size_t i = 0; i < 3; i++)
            assert_true(tensor_float(&r.out[0], i) == (exclude ? excluded : counted)[i]);
        run_close(&r);
    }
}

static void test_empty_window(void **state)
{
    (void)state;
    Run r;
    run_open(&r, "max_pool", OPSET_IOS15);
    run_num(&r, "x", DT_FP32, SHAPE(1, 1, 1), (const double[]){ NAN });
    run_ints(&r, "kernel_sizes", 1, (int64_t[]){ 1 });
    run_ints(&r, "pad", 2, (int64_t[]){ 1, 0 });
    run_str(&r, "pad_type", "custom");
    assert_true(run_go(&r));
    assert_true(tensor_float(&r.out[0], 0) == -INFINITY
                && isnan(tensor_float(&r.out[0], 1)));
    run_close(&r);
}

/* ---- errors ------------------------------------------------------------------------------ */

static void conv_wrong(Shape x, Shape w, int64_t groups, const char *pad_type,
                       const char *text)
{
    Run r;
    run_open(&r, "conv", OPSET_IOS15);
    run_num(&r, "x", DT_FP32, x, NULL);
    run_num(&r, "weight", DT_FP32, w, NULL);
    run_int(&r, "groups", groups);
    run_str(&r, "pad_type", pad_type);
    assert_false(run_go(&r));
    expect_says(&r.diag, text);
    run_close(&r);
}

static void test_errors(void **state)
{
    (void)state;
    conv_wrong(SHAPE(1, 3), SHAPE(2, 3), 1, "valid",
               "x is [1, 3]; it must be of rank 3 to 5");
    conv_wrong(SHAPE(1, 3, 4), SHAPE(2, 3, 1, 1), 1, "valid",
               "x is [1, 3, 4] but weight is [2, 3, 1, 1]");
    conv_wrong(
        SHAPE(1, 3, 4), SHAPE(2, 2, 1), 1, "valid",
        "x is [1, 3, 4] and weight is [2, 2, 1]: with 1 groups weight's second dimension "
        "must be 3 / 1");
    conv_wrong(SHAPE(1, 4, 4), SHAPE(3, 2, 1), 2, "valid",
               "3 output channels do not divide into 2");
    conv_wrong(
        SHAPE(1, 3, 4), SHAPE(2, 3, 5), 1, "valid",
        "x is [1, 3, 4]; with padding 0 + 0 its dimension 2 is shorter than the kernel");
    conv_wrong(SHAPE(1, 3, 4), SHAPE(2, 3, 1), 1, "full",
               "pad_type is \"full\"; it must be \"valid\"");
    conv_wrong(SHAPE(1, 3, 4), SHAPE(2, 3, 1), 1, "same_lower", "needs ios16");
    conv_wrong(SHAPE(1, 3, 4), SHAPE(2, 3, 1), 0, "valid", "groups is 0");
}

/* Inference alone, with what is not known. */
static void test_unknown(void **state)
{
    (void)state;
    Run r;
    run_open(&r, "conv", OPSET_IOS15);
    run_num(&r, "weight", DT_FP32, SHAPE(8, 3, 3, 3), NULL);
    run_str(&r, "pad_type", "same");
    CallArg x = { type_tensor(&r.arena, DT_FP32, SHAPE(DIM_ANY, 3, DIM_ANY, 20)), NULL,
                  false };
    assert_true(call_set(&r.call, "x", 1, &x));
    assert_true(call_check(&r.call) && r.call.info->infer(&r.call));
    Shape want = SHAPE(DIM_ANY, 8, DIM_ANY, 20);
    assert_true(shape_equal(&r.call.out[0]->shape, &want));
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),         cmocka_unit_test(test_adjoint),
        cmocka_unit_test(test_dims),         cmocka_unit_test(test_means),
        cmocka_unit_test(test_empty_window), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
