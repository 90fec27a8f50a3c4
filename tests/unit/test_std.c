/* test_std.c -- every function and layer of the language's library, compiled and run by `ref`,
 * against numbers that the routines below compute in double from the definitions. */
#include "unit.h"

#include "../../backends/backend.h"
#include "../../frontend/frontend.h"

#include <math.h>

enum { MAX_IN = 8, MAX_ELEMS = 4096 };

typedef struct {
    const char *name;
    DType dtype;
    Shape shape;
    double v[MAX_ELEMS];
    size_t n;
} Array;

typedef struct {
    Diag diag;
    Array in[MAX_IN], out[MAX_IN];
    int nin, nout;
} Test;

/* ---- running ----------------------------------------------------------------------------- */

static Test *test_begin(void)
{
    Test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    return t;
}

/* An input of numbers in [low, low + span), rounded to fp32 as the model will see them. */
static double *given(Test *t, const char *name, Shape s, double low, double span)
{
    Array *a = &t->in[t->nin++];
    a->name = name;
    a->dtype = DT_FP32;
    a->shape = s;
    assert_true(shape_count(&s, &a->n) && a->n <= MAX_ELEMS);
    for (size_t i = 0; i < a->n; i++)
        a->v[i] = (float)(low + span * rng_unit(rng_key(1, name), i));
    return a->v;
}

static void compute(Test *t, const char *text)
{
    Buf all = { 0 };
    buf_printf(&all, "import \"std\"\n%s\n", text);
    Source src = { .name = "test", .text = all.s, .len = all.len };
    DslOptions opt = { .opset = OPSET_IOS17 };
    Module *m = dsl_compile(&t->diag, &src, &opt);
    if (!m) fail_msg("%s", t->diag.text.s);
    assert_true(module_verify(m, &t->diag, NULL));
    const Backend *ref = backend_find("ref");
    Program *p = program_new(ref, m, module_main(m), &t->diag);
    assert_non_null(p);
    Binding in[MAX_IN] = { { 0 } };
    const Binding *out;
    for (int i = 0; i < t->nin; i++) {
        in[i].name = t->in[i].name;
        assert_true(tensor_alloc(&in[i].value, &t->diag, t->in[i].dtype, &t->in[i].shape));
        for (size_t k = 0; k < t->in[i].n; k++)
            tensor_set_float(&in[i].value, k, t->in[i].v[k]);
    }
    RunOptions how = { 0 };
    if (!ref->run(p, &t->diag, in, t->nin, &how)) fail_msg("%s", t->diag.text.s);
    t->nout = ref->results(p, &out);
    for (int i = 0; i < t->nout; i++) {
        t->out[i].n = out[i].value.count;
        t->out[i].shape = out[i].value.shape;
        for (size_t k = 0; k < out[i].value.count; k++)
            t->out[i].v[k] = tensor_float(&out[i].value, k);
    }
    for (int i = 0; i < t->nin; i++) tensor_free(&in[i].value);
    ref->free(p);
    module_free(m);
    buf_free(&all);
}

/* Result r must have this shape and these values, within a few roundings of fp32. */
static void expect_result(const Test *t, int r, Shape s, const double *want)
{
    const Array *got = &t->out[r];
    size_t n;
    assert_true(r < t->nout && shape_count(&s, &n));
    if (!shape_equal(&s, &got->shape))
        fail_msg("result %d has rank %d and %zu elements", r, got->shape.rank, got->n);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got->v[i] - want[i]) <= 2e-5 * (1 + fabs(want[i]))))
            fail_msg("result %d, element %zu is %.9g, not %.9g", r, i, got->v[i], want[i]);
}

static void test_end(Test *t)
{
    diag_free(&t->diag);
    free(t);
}

/* What `weights init normal(std = .., seed = 3)` gives the weight of this path. */
static void drawn(const char *path, double std, double *w, size_t n)
{
    for (size_t i = 0; i < n; i++) w[i] = (float)(std * rng_normal(rng_key(3, path), i));
}

/* ---- definitions ------------------------------------------------------------------------- */

/* y[o][s] = sum of w[o][i] x[i][s]: features first, as on axis 1. */
static void product(const double *w, const double *x, int rows, int inner, int positions,
                    double *y)
{
    for (int o = 0; o < rows; o++)
        for (int s = 0; s < positions; s++) {
            double sum = 0;
            for (int i = 0; i < inner; i++) sum += w[o * inner + i] * x[i * positions + s];
            y[o * positions + s] = sum;
        }
}

static void rms_of(const double *x, const double *g, int features, int positions, double eps,
                   double *y)
{
    for (int s = 0; s < positions; s++) {
        double sum = 0;
        for (int c = 0; c < features; c++) sum += x[c * positions + s] * x[c * positions + s];
        for (int c = 0; c < features; c++)
            y[c * positions + s] = x[c * positions + s] / sqrt(sum / features + eps)
                                 * (g ? g[c] : 1);
    }
}

static double silu_of(double x) { return x / (1 + exp(-x)); }

/* Features of one head at one position, as a complex number turned by the angle. */
static void turn(double *a, double *b, double angle)
{
    double x = *a, y = *b;
    *a = x * cos(angle) - y * sin(angle);
    *b = y * cos(angle) + x * sin(angle);
}

static void rotate(double *x, int heads, int size, int positions, double base, bool interleaved,
                   int start)
{
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < size / 2; i++)
            for (int s = 0; s < positions; s++) {
                int first = h * size + (interleaved ? 2 * i : i),
                    second = h * size + (interleaved ? 2 * i + 1 : i + size / 2);
                turn(&x[first * positions + s], &x[second * positions + s],
                     (start + s) / pow(base, 2.0 * i / size));
            }
}

/* q: [heads * size][queries], k and v: [kv * size][keys]; bias NULL or [queries][keys]. */
static void attend(const double *q, const double *k, const double *v, int heads, int kv,
                   int size, int queries, int keys, bool causal, const double *bias,
                   double scale, double *y)
{
    double score[64];
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < queries; i++) {
            int g = h / (heads / kv);
            double total = 0;
            for (int j = 0; j < keys; j++) {
                double dot = 0;
                for (int d = 0; d < size; d++)
                    dot += q[(h * size + d) * queries + i] * k[(g * size + d) * keys + j];
                bool seen = !causal || j <= i + keys - queries;
                score[j] = seen ? exp(dot * scale + (bias ? bias[i * keys + j] : 0)) : 0;
                total += score[j];
            }
            for (int d = 0; d < size; d++) {
                double sum = 0;
                for (int j = 0; j < keys; j++)
                    sum += score[j] / total * v[(g * size + d) * keys + j];
                y[(h * size + d) * queries + i] = sum;
            }
        }
}

/* ---- linear layers ----------------------------------------------------------------------- */

#define W3X4 "[[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -0.5, 1.0], [-2.0, 0.75, 1.0, -1.25]]"
static const double w3x4[] = { 0.5, -1, 2, 0.25, 1.5, 0, -0.5, 1, -2, 0.75, 1, -1.25 };

static void test_linear_channels(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[15], *x = given(t, "x", SHAPE(1, 4, 1, 5), -1, 2);
    compute(t, "model main(x: fp32[1, 4, 1, 5]) -> a, b { weight w: [3, 4] = " W3X4
               "\n weight c: [3] = [0.5, -0.25, 4]\n"
               " a = linear(x, w)\n b = linear(x, w, c) }");
    product(w3x4, x, 3, 4, 5, want);
    expect_result(t, 0, SHAPE(1, 3, 1, 5), want);
    for (int i = 0; i < 15; i++) want[i] += i < 5 ? 0.5 : i < 10 ? -0.25 : 4;
    expect_result(t, 1, SHAPE(1, 3, 1, 5), want);
    test_end(t);
}

static void test_linear_channels_of_input(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[18], *x = given(t, "x", SHAPE(1, 4, 2, 3), -1, 2),
                     *w = given(t, "w", SHAPE(3, 4), -1, 2);
    compute(t, "model main(x: fp32[1, 4, 2, 3], w: fp32[3, 4]) -> y = linear(x, w)");
    product(w, x, 3, 4, 6, want);
    expect_result(t, 0, SHAPE(1, 3, 2, 3), want);
    test_end(t);
}

static void test_linear_last_axis(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[18], *x = given(t, "x", SHAPE(2, 3, 4), -1, 2),
                     *w = given(t, "w", SHAPE(3, 4), -1, 2);
    compute(t, "model main(x: fp32[2, 3, 4], w: fp32[3, 4]) -> a, b { weight k: [3, 4] = " W3X4
               "\n"
               " a = linear(x, w)\n b = linear(x, k) }");
    for (int r = 0; r < 2; r++) {
        const double *weight = r ? w3x4 : w;
        for (int p = 0; p < 6; p++)
            for (int o = 0; o < 3; o++) {
                want[p * 3 + o] = 0;
                for (int i = 0; i < 4; i++) want[p * 3 + o] += weight[o * 4 + i] * x[p * 4 + i];
            }
        expect_result(t, r, SHAPE(2, 3, 3), want);
    }
    test_end(t);
}

static void test_linear_layer(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[6], w[12], *x = given(t, "x", SHAPE(1, 4, 1, 2), -1, 2);
    compute(t, "weights init normal(std = 0.5, seed = 3)\n"
               "model main(x: fp32[1, 4, 1, 2]) -> y { layer f: Linear(4, 3)\n y = f(x) }");
    drawn("f.w", 0.5, w, 12);
    product(w, x, 3, 4, 2, want);
    expect_result(t, 0, SHAPE(1, 3, 1, 2), want);
    test_end(t);
}

static void test_linear_layer_with_bias(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[6], w[12], b[3], *x = given(t, "x", SHAPE(2, 4), -1, 2);
    compute(t,
            "model main(x: fp32[2, 4]) -> y { layer f: Dense\n y = f(x) }\n"
            "layer Dense { weight w: [3, 4] = normal(std = 0.5, seed = 3), b: [3] = normal(std "
            "= 0.1, seed = 3)\n"
            " fn (x) = linear(x, w, b) }");
    drawn("f.w", 0.5, w, 12);
    drawn("f.b", 0.1, b, 3);
    for (int p = 0; p < 2; p++)
        for (int o = 0; o < 3; o++) {
            want[p * 3 + o] = b[o];
            for (int i = 0; i < 4; i++) want[p * 3 + o] += w[o * 4 + i] * x[p * 4 + i];
        }
    expect_result(t, 0, SHAPE(2, 3), want);
    test_end(t);
}

static double conv_at(const double *x, const double *w, int o, int y, int z, int groups,
                      int stride, int pad, int dilation)
{
    double sum = 0; /* x: [4][5][6], w: [6][4 / groups][3][3] */
    for (int i = 0; i < 4 / groups; i++)
        for (int ky = 0; ky < 3; ky++)
            for (int kx = 0; kx < 3; kx++) {
                int r = y * stride - pad + ky * dilation, c = z * stride - pad + kx * dilation;
                int in = o / (6 / groups) * (4 / groups) + i;
                if (r >= 0 && r < 5 && c >= 0 && c < 6)
                    sum += x[(in * 5 + r) * 6 + c]
                         * w[((o * (4 / groups) + i) * 3 + ky) * 3 + kx];
            }
    return sum;
}

static void test_conv2d(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[120], *x = given(t, "x", SHAPE(1, 4, 5, 6), -1, 2),
                      *w = given(t, "w", SHAPE(6, 2, 3, 3), -1, 2);
    double *b = given(t, "b", SHAPE(6), -1, 2);
    compute(
        t,
        "model main(x: fp32[1, 4, 5, 6], w: fp32[6, 2, 3, 3], b: fp32[6]) -> p, q, r {\n"
        " p = conv2d(x, w, b, stride = 2, pad = 1, groups = 2)\n q = conv2d(x, w, groups = 2)\n"
        " weight k: [6, 2, 3, 3] = ones\n r = conv2d(x, k, pad = 2, dilation = 2, groups = 2) }");
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 9; i++)
            want[o * 9 + i] = conv_at(x, w, o, i / 3, i % 3, 2, 2, 1, 1) + b[o];
    expect_result(t, 0, SHAPE(1, 6, 3, 3), want);
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 12; i++)
            want[o * 12 + i] = conv_at(x, w, o, i / 4, i % 4, 2, 1, 0, 1);
    expect_result(t, 1, SHAPE(1, 6, 3, 4), want);
    double many[180], ones[108];
    for (size_t i = 0; i < COUNT(ones); i++) ones[i] = 1;
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 30; i++)
            many[o * 30 + i] = conv_at(x, ones, o, i / 6, i % 6, 2, 1, 2, 2);
    expect_result(t, 2, SHAPE(1, 6, 5, 6), many);
    test_end(t);
}

static void test_conv2d_layer(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[54], ones[108], *x = given(t, "x", SHAPE(1, 4, 5, 6), -1, 2);
    compute(t,
            "weights init ones\nmodel main(x: fp32[1, 4, 5, 6]) -> y, z {\n"
            " layer c: Conv2d(4, 6, 3, 2, pad = 1, groups = 2), d: Conv2d(4, 6, 3, stride = 2,"
            " pad = 1, groups = 2, bias = true), drop: Dropout(0.1)\n"
            " y = c(drop(x)); z = d(x) + 1.0 }");
    for (size_t i = 0; i < COUNT(ones); i++) ones[i] = 1;
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 9; i++)
            want[o * 9 + i] = conv_at(x, ones, o, i / 3, i % 3, 2, 2, 1, 1);
    expect_result(t, 0, SHAPE(1, 6, 3, 3), want);
    for (int i = 0; i < 54; i++) want[i] += 1;
    expect_result(t, 1, SHAPE(1, 6, 3, 3), want);
    test_end(t);
}

/* Of 3 x 3 around every second place of [2, 5, 6]: the largest, or the mean with zeros. */
static double pool_at(const double *x, int c, int y, int col, bool largest)
{
    double most = -INFINITY, sum = 0;
    for (int i = 0; i < 9; i++) {
        int r = y * 2 + i / 3 - 1, s = col * 2 + i % 3 - 1;
        if (r < 0 || r >= 5 || s < 0 || s >= 6) continue;
        most = fmax(most, x[(c * 5 + r) * 6 + s]);
        sum += x[(c * 5 + r) * 6 + s];
    }
    return largest ? most : sum / 9;
}

static void test_pools(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[18], whole[2] = { 0 }, blocks[12], *x = given(t, "x", SHAPE(1, 2, 5, 6), -1, 2);
    compute(t, "model main(x: fp32[1, 2, 5, 6]) -> p, q, g, b {\n"
               " layer m: MaxPool2d(3, 2, pad = 1), a: AvgPool2d(3, stride = 2, pad = 1)\n"
               " p = m(x); q = a(x); g = global_pool(x); b = max_pool2d(x, 2) }");
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 18; i++) want[i] = pool_at(x, i / 9, i / 3 % 3, i % 3, !k);
        expect_result(t, k, SHAPE(1, 2, 3, 3), want);
    }
    for (int i = 0; i < 60; i++) whole[i / 30] += x[i] / 30;
    expect_result(t, 2, SHAPE(1, 2, 1, 1), whole);
    for (int i = 0; i < 12; i++) {
        const double *at = x + (i / 6 * 5 + i / 3 % 2 * 2) * 6 + i % 3 * 2;
        blocks[i] = fmax(fmax(at[0], at[1]), fmax(at[6], at[7]));
    }
    expect_result(t, 3, SHAPE(1, 2, 2, 3), blocks);
    test_end(t);
}

static void test_batch_norm(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[6], clipped[6], *x = given(t, "x", SHAPE(1, 2, 1, 3), -10, 20);
    compute(
        t,
        "model main(x: fp32[1, 2, 1, 3]) -> y, z {\n"
        " layer n: BatchNorm(2, eps = 0.5)\n y = n(x) + reshape(n.running_mean, [1, 2, 1, 1]); z = relu6(x) }");
    for (int i = 0; i < 6; i++) {
        want[i] = x[i] / sqrt(1.5);
        clipped[i] = fmin(fmax(x[i], 0), 6);
    }
    expect_result(t, 0, SHAPE(1, 2, 1, 3), want);
    expect_result(t, 1, SHAPE(1, 2, 1, 3), clipped);
    test_end(t);
}

static void test_embedding(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[9], *ids = given(t, "ids", SHAPE(3), 0, 0),
                    *table = given(t, "table", SHAPE(5, 3), -1, 2);
    t->in[0].dtype = DT_INT32;
    ids[0] = 4, ids[1] = 0, ids[2] = 2;
    compute(t, "model main(ids: int32[3], table: fp32[5, 3]) -> y = embedding(ids, table)");
    for (int i = 0; i < 9; i++) want[i] = table[(int)ids[i / 3] * 3 + i % 3];
    expect_result(t, 0, SHAPE(3, 3), want);
    test_end(t);
}

static void test_conv1d(void **state)
{
    (void)state;
    enum {
        IN = 4,
        OUT = 6,
        LONG = 7,
        SIZE = 3,
        GROUPS = 2,
        STRIDE = 2,
        PAD = 2,
        APART = 2,
        MADE = 4
    };
    Test *t = test_begin();
    double want[OUT * MADE], *x = given(t, "x", SHAPE(1, IN, 1, LONG), -1, 2);
    compute(
        t,
        "model main(x: fp32[1, 4, 1, 7]) -> y {\n layer c: Conv1d(4, 6, 3, stride = 2, pad = 2, "
        "dilation = 2, groups = 2, bias = true)\n"
        " y = c(x) }\n"
        "weights init [[[o * 6.0 + i * 3.0 + k - 17.0 for k in 0..3] for i in 0..2] for o in 0..6]");
    for (int o = 0; o < OUT; o++)
        for (int p = 0; p < MADE; p++) {
            double sum = 0;
            for (int i = 0; i < IN / GROUPS; i++)
                for (int k = 0; k < SIZE; k++) {
                    const int at = p * STRIDE - PAD + k * APART;
                    const int c = o / (OUT / GROUPS) * (IN / GROUPS) + i;
                    if (at >= 0 && at < LONG)
                        sum += (o * 6 + i * 3 + k - 17) * x[c * LONG + at];
                }
            want[o * MADE + p] = sum;
        }
    expect_result(t, 0, SHAPE(1, OUT, 1, MADE), want);
    test_end(t);
}

/* Pairs of sides: rows of one size, columns of another. */
static void test_conv_pairs(void **state)
{
    (void)state;
    enum { ROWS = 5, COLS = 6, OUT_ROWS = 4, OUT_COLS = 2 };
    Test *t = test_begin();
    double want[OUT_ROWS * OUT_COLS], *x = given(t, "x", SHAPE(1, 1, ROWS, COLS), -1, 2);
    compute(t,
            "model main(x: fp32[1, 1, 5, 6]) -> y {\n"
            " weight w: [1, 1, 4, 3] = [[[[i * 3.0 + j - 5.0 for j in 0..3] for i in 0..4]]]\n"
            " y = conv2d(x, w, stride = [1, 3], pad = [1, 0], dilation = [1, 1]) }");
    for (int r = 0; r < OUT_ROWS; r++)
        for (int c = 0; c < OUT_COLS; c++) {
            double sum = 0;
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 3; j++) {
                    const int row = r - 1 + i;
                    if (row >= 0 && row < ROWS)
                        sum += (i * 3 + j - 5) * x[row * COLS + c * 3 + j];
                }
            want[r * OUT_COLS + c] = sum;
        }
    expect_result(t, 0, SHAPE(1, 1, OUT_ROWS, OUT_COLS), want);
    test_end(t);
}

static void test_sinusoidal(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[4 * 5];
    given(t, "x", SHAPE(1, 4, 1, 5), 0, 0);
    compute(t, "model main(x: fp32[1, 4, 1, 5]) -> y = x + sinusoidal(4, 5, start = 3)");
    for (int i = 0; i < 20; i++) {
        const double angle = (i % 5 + 3) * pow(10000, -(double)(i / 5 / 2) / 2);
        want[i] = i / 5 % 2 ? cos(angle) : sin(angle);
    }
    expect_result(t, 0, SHAPE(1, 4, 1, 5), want);
    test_end(t);
}

/* The two largest of four, divided by their sum; of all a softmax is itself. */
static void test_experts(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[12], all[12], *p = given(t, "p", SHAPE(1, 4, 1, 3), 0.1, 1);
    compute(
        t,
        "model main(p: fp32[1, 4, 1, 3]) -> y, z { y = top_experts(p, 2); z = top_experts(p, 4) }");
    for (int s = 0; s < 3; s++) {
        double sum = 0, whole = 0;
        for (int e = 0; e < 4; e++) {
            int above = 0;
            for (int k = 0; k < 4; k++) above += p[k * 3 + s] > p[e * 3 + s];
            want[e * 3 + s] = above < 2 ? p[e * 3 + s] : 0;
            sum += want[e * 3 + s];
            whole += p[e * 3 + s];
        }
        for (int e = 0; e < 4; e++)
            want[e * 3 + s] /= sum, all[e * 3 + s] = p[e * 3 + s] / whole;
    }
    expect_result(t, 0, SHAPE(1, 4, 1, 3), want);
    expect_result(t, 1, SHAPE(1, 4, 1, 3), all);
    test_end(t);
}

/* Layers are the functions that they are made of, with their weights. */
static void test_layers_of_layers(void **state)
{
    (void)state;
    Test *t = test_begin();
    static const double none[64];
    given(t, "x", SHAPE(1, 8, 1, 4), -1, 2);
    given(t, "m", SHAPE(1, 6, 1, 3), -1, 2);
    compute(
        t,
        "weights init normal(std = 0.5, seed = 4)\n"
        "model main(x: fp32[1, 8, 1, 4], m: fp32[1, 6, 1, 3]) -> a, b, c, d {\n"
        " layer n: MultiHeadAttention(8, 2, memory_dim = 6, head_dim = 3), g: GroupNorm(2, 8)\n"
        " layer s: MultiHeadAttention(8, 4, bias = false, causal = true), e: MoE(8, 5, 3)\n"
        " a = n(x, m) - linear(attention(linear(x, n.wq, n.bq), linear(m, n.wk, n.bk), "
        "linear(m, n.wv, n.bv), 2), n.wo, n.bo)\n"
        " b = s(x) - linear(attention(linear(x, s.wq), linear(x, s.wk), linear(x, s.wv), 4, "
        "causal = true), s.wo)\n"
        " p = top_experts(softmax(linear(x, e.gate), axis = 1), 2)\n"
        " c = e(x) - (e.expert[0](x) * p[:, 0:1] + e.expert[1](x) * p[:, 1:2] "
        "+ e.expert[2](x) * p[:, 2:3])\n"
        " d = g(x) - group_norm(x, 2, g.g, g.b) }");
    for (int i = 0; i < 4; i++) expect_result(t, i, SHAPE(1, 8, 1, 4), none);
    test_end(t);
}

/* ---- norms ------------------------------------------------------------------------------- */

static void test_rms_norm(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[24], *x = given(t, "x", SHAPE(1, 6, 1, 4), -2, 4),
                     *g = given(t, "g", SHAPE(6), 0, 2);
    compute(
        t, "model main(x: fp32[1, 6, 1, 4], g: fp32[6]) -> a, b, c {\n layer n: RMSNorm(6, eps "
           "= 0.25)\n"
           " a = rms_norm(x)\n b = rms_norm(x, g, eps = 0.5)\n c = n(x) }");
    rms_of(x, NULL, 6, 4, 1e-5, want);
    expect_result(t, 0, SHAPE(1, 6, 1, 4), want);
    rms_of(x, g, 6, 4, 0.5, want);
    expect_result(t, 1, SHAPE(1, 6, 1, 4), want);
    rms_of(x, NULL, 6, 4, 0.25, want);
    expect_result(t, 2, SHAPE(1, 6, 1, 4), want);
    test_end(t);
}

static void test_rms_norm_last_axis(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[12], *x = given(t, "x", SHAPE(1, 2, 6), -2, 4),
                     *g = given(t, "g", SHAPE(6), 0, 2);
    compute(t, "model main(x: fp32[1, 2, 6], g: fp32[6]) -> y = rms_norm(x, g)");
    for (int p = 0; p < 2; p++) rms_of(x + 6 * p, g, 6, 1, 1e-5, want + 6 * p);
    expect_result(t, 0, SHAPE(1, 2, 6), want);
    test_end(t);
}

static void test_layer_norm(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[24], *x = given(t, "x", SHAPE(1, 6, 1, 4), -2, 4),
                     *g = given(t, "g", SHAPE(6), 0, 2);
    double *b = given(t, "b", SHAPE(6), -1, 2);
    compute(t, "model main(x: fp32[1, 6, 1, 4], g: fp32[6], b: fp32[6]) -> y, z {\n layer n: "
               "LayerNorm(6)\n"
               " y = layer_norm(x, g, b, eps = 0.001)\n z = n(x) }");
    for (int r = 0; r < 2; r++) {
        for (int s = 0; s < 4; s++) {
            double mean = 0, var = 0;
            for (int c = 0; c < 6; c++) mean += x[c * 4 + s] / 6;
            for (int c = 0; c < 6; c++)
                var += (x[c * 4 + s] - mean) * (x[c * 4 + s] - mean) / 6;
            for (int c = 0; c < 6; c++)
                want[c * 4 + s] = (x[c * 4 + s] - mean) / sqrt(var + (r ? 1e-5 : 0.001))
                                    * (r ? 1 : g[c])
                                + (r ? 0 : b[c]);
        }
        expect_result(t, r, SHAPE(1, 6, 1, 4), want);
    }
    test_end(t);
}

/* ---- activations ------------------------------------------------------------------------- */

static void test_activations(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[6][16], *x = given(t, "x", SHAPE(16), -4, 8),
                        *u = given(t, "u", SHAPE(16), -1, 2);
    compute(t, "model main(x: fp32[16], u: fp32[16]) -> a, b, c, d, e, f {\n a = gelu(x)\n b = "
               "gelu_tanh(x)\n"
               " c = gelu_sigmoid(x)\n d = sigmoid(x)\n e = silu(x)\n f = swiglu(x, u) }");
    for (int i = 0; i < 16; i++) {
        double v = x[i];
        want[0][i] = v / 2 * (1 + erf(v / sqrt(2)));
        want[1][i] = v / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (v + 0.044715 * v * v * v)));
        want[2][i] = v / (1 + exp(-1.702 * v));
        want[3][i] = 1 / (1 + exp(-v));
        want[4][i] = silu_of(v);
        want[5][i] = silu_of(v) * u[i];
    }
    for (int r = 0; r < 6; r++) expect_result(t, r, SHAPE(16), want[r]);
    test_end(t);
}

static void test_swiglu_layer(void **state)
{
    (void)state;
    Test *t = test_begin();
    double w1[20], w2[20], w3[20], gate[15], up[15], want[12],
        *x = given(t, "x", SHAPE(1, 4, 1, 3), -1, 2);
    compute(t, "weights init normal(std = 0.5, seed = 3)\n"
               "model main(x: fp32[1, 4, 1, 3]) -> y { layer m: SwiGLU(4, 5)\n y = m(x) }");
    drawn("m.w1", 0.5, w1, 20);
    drawn("m.w2", 0.5, w2, 20);
    drawn("m.w3", 0.5, w3, 20);
    product(w1, x, 5, 4, 3, gate);
    product(w3, x, 5, 4, 3, up);
    for (int i = 0; i < 15; i++) gate[i] = silu_of(gate[i]) * up[i];
    product(w2, gate, 4, 5, 3, want);
    expect_result(t, 0, SHAPE(1, 4, 1, 3), want);
    test_end(t);
}

/* ---- attention --------------------------------------------------------------------------- */

static void test_rope(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[60], *x = given(t, "x", SHAPE(1, 12, 1, 5), -1, 2);
    compute(t, "model main(x: fp32[1, 12, 1, 5]) -> a, b, c {\n a = rope(x, 3)\n"
               " b = rope(x, 2, base = 500.0, start = 7)\n c = rope(x, 3, interleaved = true, "
               "start = 2) }");
    memcpy(want, x, sizeof want);
    rotate(want, 3, 4, 5, 10000, false, 0);
    expect_result(t, 0, SHAPE(1, 12, 1, 5), want);
    memcpy(want, x, sizeof want);
    rotate(want, 2, 6, 5, 500, false, 7);
    expect_result(t, 1, SHAPE(1, 12, 1, 5), want);
    memcpy(want, x, sizeof want);
    rotate(want, 3, 4, 5, 10000, true, 2);
    expect_result(t, 2, SHAPE(1, 12, 1, 5), want);
    test_end(t);
}

static void test_attention(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[48], *q = given(t, "q", SHAPE(1, 12, 1, 4), -1, 2),
                     *k = given(t, "k", SHAPE(1, 6, 1, 5), -1, 2);
    double *v = given(t, "v", SHAPE(1, 6, 1, 5), -1, 2),
           *mask = given(t, "mask", SHAPE(1, 1, 4, 5), -2, 4);
    compute(t,
            "model main(q: fp32[1, 12, 1, 4], k: fp32[1, 6, 1, 5], v: fp32[1, 6, 1, 5], mask: "
            "fp32[1, 1, 4, 5]) -> a, b, c {\n"
            " a = attention(q, k, v, 4, 2)\n b = attention(q, k, v, 4, 2, causal = true)\n"
            " c = attention(q, k, v, heads = 4, kv = 2, mask = mask, scale = 0.25) }");
    attend(q, k, v, 4, 2, 3, 4, 5, false, NULL, 1 / sqrt(3), want);
    expect_result(t, 0, SHAPE(1, 12, 1, 4), want);
    attend(q, k, v, 4, 2, 3, 4, 5, true, NULL, 1 / sqrt(3), want);
    expect_result(t, 1, SHAPE(1, 12, 1, 4), want);
    attend(q, k, v, 4, 2, 3, 4, 5, false, mask, 0.25, want);
    expect_result(t, 2, SHAPE(1, 12, 1, 4), want);
    test_end(t);
}

static void test_attention_batch(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[96], *q = given(t, "q", SHAPE(2, 12, 1, 4), -1, 2),
                     *k = given(t, "k", SHAPE(2, 6, 1, 4), -1, 2);
    compute(
        t,
        "model main(q: fp32[2, 12, 1, 4], k: fp32[2, 6, 1, 4]) -> y = attention(q, k, k, 4, 2)");
    for (int n = 0; n < 2; n++)
        attend(q + 48 * n, k + 24 * n, k + 24 * n, 4, 2, 3, 4, 4, false, NULL, 1 / sqrt(3),
               want + 48 * n);
    expect_result(t, 0, SHAPE(2, 12, 1, 4), want);
    test_end(t);
}

/* The whole of a Llama block, from weights keyed by their paths to the sum. */
static void test_llama_block(void **state)
{
    (void)state;
    enum { D = 8, KV = 4, S = 5, H = 12 };
    Test *t = test_begin();
    double wq[D * D], wk[KV * D], wv[KV * D], wo[D * D], w1[H * D], w2[D * H], w3[H * D];
    double n[D * S], q[D * S], k[KV * S], v[KV * S], a[D * S], h[D * S], gate[H * S], up[H * S],
        want[D * S];
    double *x = given(t, "x", SHAPE(1, D, 1, S), -1, 2);
    compute(t,
            "weights init normal(std = 0.3, seed = 3)\n"
            "layer Block { layer attn: Attention(8, 4, kv = 2), mlp: SwiGLU(8, 12)\n"
            " fn (x) { x = x + attn(rms_norm(x))\n return x + mlp(rms_norm(x)) } }\n"
            "model main(x: fp32[1, 8, 1, 5]) -> y { layer blocks: Block[1]\n for b in blocks { "
            "x = b(x) }\n y = x }");
    drawn("blocks.0.attn.wq", 0.3, wq, D * D);
    drawn("blocks.0.attn.wk", 0.3, wk, KV * D);
    drawn("blocks.0.attn.wv", 0.3, wv, KV * D);
    drawn("blocks.0.attn.wo", 0.3, wo, D * D);
    drawn("blocks.0.mlp.w1", 0.3, w1, H * D);
    drawn("blocks.0.mlp.w2", 0.3, w2, D * H);
    drawn("blocks.0.mlp.w3", 0.3, w3, H * D);
    rms_of(x, NULL, D, S, 1e-5, n);
    product(wq, n, D, D, S, q);
    product(wk, n, KV, D, S, k);
    product(wv, n, KV, D, S, v);
    rotate(q, 4, 2, S, 10000, false, 0);
    rotate(k, 2, 2, S, 10000, false, 0);
    attend(q, k, v, 4, 2, 2, S, S, true, NULL, 1 / sqrt(2), a);
    product(wo, a, D, D, S, h);
    for (int i = 0; i < D * S; i++) h[i] += x[i];
    rms_of(h, NULL, D, S, 1e-5, n);
    product(w1, n, H, D, S, gate);
    product(w3, n, H, D, S, up);
    for (int i = 0; i < H * S; i++) gate[i] = silu_of(gate[i]) * up[i];
    product(w2, gate, D, H, S, want);
    for (int i = 0; i < D * S; i++) want[i] += h[i];
    expect_result(t, 0, SHAPE(1, D, 1, S), want);
    test_end(t);
}

/* ---- losses and updates ------------------------------------------------------------------ */

static void test_means(void **state)
{
    (void)state;
    Test *t = test_begin();
    double mean = 0, square = 0, *x = given(t, "x", SHAPE(2, 3), -1, 2),
           *y = given(t, "y", SHAPE(2, 3), -1, 2);
    compute(t,
            "model main(x: fp32[2, 3], y: fp32[2, 3]) -> a, b { a = mean(x)\n b = mse(x, y) }");
    for (int i = 0; i < 6; i++) {
        mean += x[i] / 6;
        square += (x[i] - y[i]) * (x[i] - y[i]) / 6;
    }
    expect_result(t, 0, (Shape){ .rank = 0 }, &mean);
    expect_result(t, 1, (Shape){ .rank = 0 }, &square);
    test_end(t);
}

/* logits [classes][positions]; the class of each position, or weights in the same layout. */
static double entropy(const double *z, int classes, int positions, const double *target,
                      const double *p)
{
    double loss = 0;
    for (int s = 0; s < positions; s++) {
        double sum = 0;
        for (int c = 0; c < classes; c++) sum += exp(z[c * positions + s]);
        for (int c = 0; c < classes; c++) {
            double weight = target ? (int)target[s] == c : p[c * positions + s];
            loss -= weight * log(exp(z[c * positions + s]) / sum) / positions;
        }
    }
    return loss;
}

static void test_cross_entropy(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want, *z = given(t, "z", SHAPE(1, 5, 1, 3), -4, 8),
                 *c = given(t, "c", SHAPE(3), 0, 5);
    double *p = given(t, "p", SHAPE(1, 5, 1, 3), 0, 1),
           *last = given(t, "last", SHAPE(2, 5), -4, 8);
    double *two = given(t, "two", SHAPE(2), 0, 5);
    t->in[1].dtype = t->in[4].dtype = DT_INT32;
    for (int i = 0; i < 3; i++) c[i] = floor(c[i]);
    for (int i = 0; i < 2; i++) two[i] = floor(two[i]);
    /* The weights of a position, p, add up to anything. */
    compute(
        t,
        "model main(z: fp32[1, 5, 1, 3], c: int32[3], p: fp32[1, 5, 1, 3], last: fp32[2, 5], "
        "two: int32[2]) -> a, b, d {\n"
        " a = cross_entropy(z, c)\n b = cross_entropy(z, p)\n d = cross_entropy(last, two) }");
    want = entropy(z, 5, 3, c, NULL);
    expect_result(t, 0, (Shape){ .rank = 0 }, &want);
    want = entropy(z, 5, 3, NULL, p);
    expect_result(t, 1, (Shape){ .rank = 0 }, &want);
    want = (entropy(last, 5, 1, two, NULL) + entropy(last + 5, 5, 1, two + 1, NULL)) / 2;
    expect_result(t, 2, (Shape){ .rank = 0 }, &want);
    test_end(t);
}

static void test_updates(void **state)
{
    (void)state;
    Test *t = test_begin();
    double want[4][6], *w = given(t, "w", SHAPE(2, 3), -1, 2),
                       *g = given(t, "g", SHAPE(2, 3), -1, 2);
    double *m = given(t, "m", SHAPE(2, 3), -1, 2), *v = given(t, "v", SHAPE(2, 3), 0, 1),
           *lr = given(t, "lr", SHAPE(1), 0, 1);
    compute(t,
            "model main(w: fp32[2, 3], g: fp32[2, 3], m: fp32[2, 3], v: fp32[2, 3], lr: "
            "fp32[1]) -> a, b, c, d {\n"
            " a, b, c = adam(w, g, m, v, lr, beta1 = 0.8, beta2 = 0.95, eps = 0.01, correct1 = "
            "1.25, correct2 = 1.5, decay = 0.1)\n"
            " d = sgd(w, g, 0.5) }");
    for (int i = 0; i < 6; i++) {
        want[1][i] = 0.8 * m[i] + 0.2 * g[i];
        want[2][i] = sqrt(0.95 * v[i] * v[i] + 0.05 * g[i] * g[i]); /* the state is the root */
        want[0][i] = w[i]
                   - lr[0] * (1.25 * want[1][i] / (sqrt(1.5) * want[2][i] + 0.01) + 0.1 * w[i]);
        want[3][i] = w[i] - 0.5 * g[i];
    }
    for (int r = 0; r < 4; r++) expect_result(t, r, SHAPE(2, 3), want[r]);
    test_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_channels),
        cmocka_unit_test(test_linear_channels_of_input),
        cmocka_unit_test(test_linear_last_axis),
        cmocka_unit_test(test_linear_layer),
        cmocka_unit_test(test_linear_layer_with_bias),
        cmocka_unit_test(test_conv2d),
        cmocka_unit_test(test_conv2d_layer),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_conv1d),
        cmocka_unit_test(test_conv_pairs),
        cmocka_unit_test(test_sinusoidal),
        cmocka_unit_test(test_experts),
        cmocka_unit_test(test_layers_of_layers),
        cmocka_unit_test(test_rms_norm),
        cmocka_unit_test(test_rms_norm_last_axis),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_swiglu_layer),
        cmocka_unit_test(test_rope),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_attention_batch),
        cmocka_unit_test(test_llama_block),
        cmocka_unit_test(test_means),
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
