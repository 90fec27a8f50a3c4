/* test_std_layers.c -- layers of the language's library that weigh their input (linear, convolutions,
 * embeddings, experts), compiled and run by `ref`, against numbers that are computed in double from the
 * definitions. */
#include "std_bench.h"

#include <math.h>

/* ---- linear layers ----------------------------------------------------------------------- */

#define W3X4 "[[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -0.5, 1.0], [-2.0, 0.75, 1.0, -1.25]]"
static const double w3x4[] = { 0.5, -1, 2, 0.25, 1.5, 0, -0.5, 1, -2, 0.75, 1, -1.25 };

static void test_linear_channels(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[15], *x = std_given(t, "x", SHAPE(1, 4, 1, 5), -1, 2);
    std_compute(t, "model main(x: fp32[1, 4, 1, 5]) -> a, b { weight w: [3, 4] = " W3X4
                   "\n weight c: [3] = [0.5, -0.25, 4]\n"
                   " a = linear(x, w)\n b = linear(x, w, c) }");
    std_product(w3x4, x, 3, 4, 5, want);
    std_expect(t, 0, SHAPE(1, 3, 1, 5), want);
    for (int i = 0; i < 15; i++) want[i] += i < 5 ? 0.5 : i < 10 ? -0.25 : 4;
    std_expect(t, 1, SHAPE(1, 3, 1, 5), want);
    std_end(t);
}

static void test_linear_channels_of_input(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[18], *x = std_given(t, "x", SHAPE(1, 4, 2, 3), -1, 2),
                     *w = std_given(t, "w", SHAPE(3, 4), -1, 2);
    std_compute(t, "model main(x: fp32[1, 4, 2, 3], w: fp32[3, 4]) -> y = linear(x, w)");
    std_product(w, x, 3, 4, 6, want);
    std_expect(t, 0, SHAPE(1, 3, 2, 3), want);
    std_end(t);
}

static void test_linear_last_axis(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[18], *x = std_given(t, "x", SHAPE(2, 3, 4), -1, 2),
                     *w = std_given(t, "w", SHAPE(3, 4), -1, 2);
    std_compute(
        t,
        "model main(x: fp32[2, 3, 4], w: fp32[3, 4]) -> a, b { weight k: [3, 4] = " W3X4
        "\n"
        " a = linear(x, w)\n b = linear(x, k) }");
    for (int r = 0; r < 2; r++) {
        const double *weight = r ? w3x4 : w;
        for (int p = 0; p < 6; p++)
            for (int o = 0; o < 3; o++) {
                want[p * 3 + o] = 0;
                for (int i = 0; i < 4; i++)
                    want[p * 3 + o] += weight[o * 4 + i] * x[p * 4 + i];
            }
        std_expect(t, r, SHAPE(2, 3, 3), want);
    }
    std_end(t);
}

static void test_linear_layer(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[6], w[12], *x = std_given(t, "x", SHAPE(1, 4, 1, 2), -1, 2);
    std_compute(
        t, "weights init normal(std = 0.5, seed = 3)\n"
           "model main(x: fp32[1, 4, 1, 2]) -> y { layer f: Linear(4, 3)\n y = f(x) }");
    std_drawn("f.w", 0.5, w, 12);
    std_product(w, x, 3, 4, 2, want);
    std_expect(t, 0, SHAPE(1, 3, 1, 2), want);
    std_end(t);
}

static void test_linear_layer_with_bias(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[6], w[12], b[3], *x = std_given(t, "x", SHAPE(2, 4), -1, 2);
    std_compute(
        t,
        "model main(x: fp32[2, 4]) -> y { layer f: Dense\n y = f(x) }\n"
        "layer Dense { weight w: [3, 4] = normal(std = 0.5, seed = 3), b: [3] = normal(std "
        "= 0.1, seed = 3)\n"
        " fn (x) = linear(x, w, b) }");
    std_drawn("f.w", 0.5, w, 12);
    std_drawn("f.b", 0.1, b, 3);
    for (int p = 0; p < 2; p++)
        for (int o = 0; o < 3; o++) {
            want[p * 3 + o] = b[o];
            for (int i = 0; i < 4; i++) want[p * 3 + o] += w[o * 4 + i] * x[p * 4 + i];
        }
    std_expect(t, 0, SHAPE(2, 3), want);
    std_end(t);
}

static double conv_at(const double *x, const double *w, int o, int y, int z, int groups,
                      int stride, int pad, int dilation)
{
    double sum = 0; /* x: [4][5][6], w: [6][4 / groups][3][3] */
    for (int i = 0; i < 4 / groups; i++)
        for (int ky = 0; ky < 3; ky++)
            for (int kx = 0; kx < 3; kx++) {
                int r = y * stride - pad + ky * dilation,
                    c = z * stride - pad + kx * dilation;
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
    StdTest *t = std_begin();
    double want[120], *x = std_given(t, "x", SHAPE(1, 4, 5, 6), -1, 2),
                      *w = std_given(t, "w", SHAPE(6, 2, 3, 3), -1, 2);
    double *b = std_given(t, "b", SHAPE(6), -1, 2);
    std_compute(
        t,
        "model main(x: fp32[1, 4, 5, 6], w: fp32[6, 2, 3, 3], b: fp32[6]) -> p, q, r {\n"
        " p = conv2d(x, w, b, stride = 2, pad = 1, groups = 2)\n q = conv2d(x, w, groups = 2)\n"
        " weight k: [6, 2, 3, 3] = ones\n r = conv2d(x, k, pad = 2, dilation = 2, groups = 2) }");
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 9; i++)
            want[o * 9 + i] = conv_at(x, w, o, i / 3, i % 3, 2, 2, 1, 1) + b[o];
    std_expect(t, 0, SHAPE(1, 6, 3, 3), want);
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 12; i++)
            want[o * 12 + i] = conv_at(x, w, o, i / 4, i % 4, 2, 1, 0, 1);
    std_expect(t, 1, SHAPE(1, 6, 3, 4), want);
    double many[180], ones[108];
    for (size_t i = 0; i < COUNT(ones); i++) ones[i] = 1;
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 30; i++)
            many[o * 30 + i] = conv_at(x, ones, o, i / 6, i % 6, 2, 1, 2, 2);
    std_expect(t, 2, SHAPE(1, 6, 5, 6), many);
    std_end(t);
}

static void test_conv2d_layer(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[54], ones[108], *x = std_given(t, "x", SHAPE(1, 4, 5, 6), -1, 2);
    std_compute(
        t,
        "weights init ones\nmodel main(x: fp32[1, 4, 5, 6]) -> y, z {\n"
        " layer c: Conv2d(4, 6, 3, 2, pad = 1, groups = 2), d: Conv2d(4, 6, 3, stride = 2,"
        " pad = 1, groups = 2, bias = true), drop: Dropout(0.1)\n"
        " y = c(drop(x)); z = d(x) + 1.0 }");
    for (size_t i = 0; i < COUNT(ones); i++) ones[i] = 1;
    for (int o = 0; o < 6; o++)
        for (int i = 0; i < 9; i++)
            want[o * 9 + i] = conv_at(x, ones, o, i / 3, i % 3, 2, 2, 1, 1);
    std_expect(t, 0, SHAPE(1, 6, 3, 3), want);
    for (int i = 0; i < 54; i++) want[i] += 1;
    std_expect(t, 1, SHAPE(1, 6, 3, 3), want);
    std_end(t);
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
    StdTest *t = std_begin();
    double want[18], whole[2] = { 0 }, blocks[12],
                     *x = std_given(t, "x", SHAPE(1, 2, 5, 6), -1, 2);
    std_compute(
        t, "model main(x: fp32[1, 2, 5, 6]) -> p, q, g, b {\n"
           " layer m: MaxPool2d(3, 2, pad = 1), a: AvgPool2d(3, stride = 2, pad = 1)\n"
           " p = m(x); q = a(x); g = global_pool(x); b = max_pool2d(x, 2) }");
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 18; i++) want[i] = pool_at(x, i / 9, i / 3 % 3, i % 3, !k);
        std_expect(t, k, SHAPE(1, 2, 3, 3), want);
    }
    for (int i = 0; i < 60; i++) whole[i / 30] += x[i] / 30;
    std_expect(t, 2, SHAPE(1, 2, 1, 1), whole);
    for (int i = 0; i < 12; i++) {
        const double *at = x + (i / 6 * 5 + i / 3 % 2 * 2) * 6 + i % 3 * 2;
        blocks[i] = fmax(fmax(at[0], at[1]), fmax(at[6], at[7]));
    }
    std_expect(t, 3, SHAPE(1, 2, 2, 3), blocks);
    std_end(t);
}

static void test_batch_norm(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[6], clipped[6], *x = std_given(t, "x", SHAPE(1, 2, 1, 3), -10, 20);
    std_compute(
        t,
        "model main(x: fp32[1, 2, 1, 3]) -> y, z {\n"
        " layer n: BatchNorm(2, eps = 0.5)\n y = n(x) + reshape(n.running_mean, [1, 2, 1, 1]); z = relu6(x) }");
    for (int i = 0; i < 6; i++) {
        want[i] = x[i] / sqrt(1.5);
        clipped[i] = fmin(fmax(x[i], 0), 6);
    }
    std_expect(t, 0, SHAPE(1, 2, 1, 3), want);
    std_expect(t, 1, SHAPE(1, 2, 1, 3), clipped);
    std_end(t);
}

static void test_embedding(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[9], *ids = std_given(t, "ids", SHAPE(3), 0, 0),
                    *table = std_given(t, "table", SHAPE(5, 3), -1, 2);
    t->in[0].dtype = DT_INT32;
    ids[0] = 4, ids[1] = 0, ids[2] = 2;
    std_compute(
        t, "model main(ids: int32[3], table: fp32[5, 3]) -> y = embedding(ids, table)");
    for (int i = 0; i < 9; i++) want[i] = table[(int)ids[i / 3] * 3 + i % 3];
    std_expect(t, 0, SHAPE(3, 3), want);
    std_end(t);
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
    StdTest *t = std_begin();
    double want[OUT * MADE], *x = std_given(t, "x", SHAPE(1, IN, 1, LONG), -1, 2);
    std_compute(
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
    std_expect(t, 0, SHAPE(1, OUT, 1, MADE), want);
    std_end(t);
}

/* Pairs of sides: rows of one size, columns of another. */
static void test_conv_pairs(void **state)
{
    (void)state;
    enum { ROWS = 5, COLS = 6, OUT_ROWS = 4, OUT_COLS = 2 };
    StdTest *t = std_begin();
    double want[OUT_ROWS * OUT_COLS],
        *x = std_given(t, "x", SHAPE(1, 1, ROWS, COLS), -1, 2);
    std_compute(
        t,
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
    std_expect(t, 0, SHAPE(1, 1, OUT_ROWS, OUT_COLS), want);
    std_end(t);
}

static void test_sinusoidal(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[4 * 5];
    std_given(t, "x", SHAPE(1, 4, 1, 5), 0, 0);
    std_compute(t,
                "model main(x: fp32[1, 4, 1, 5]) -> y = x + sinusoidal(4, 5, start = 3)");
    for (int i = 0; i < 20; i++) {
        const double angle = (i % 5 + 3) * pow(10000, -(double)(i / 5 / 2) / 2);
        want[i] = i / 5 % 2 ? cos(angle) : sin(angle);
    }
    std_expect(t, 0, SHAPE(1, 4, 1, 5), want);
    std_end(t);
}

/* The two largest of four, divided by their sum; of all a softmax is itself. */
static void test_experts(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[12], all[12], *p = std_given(t, "p", SHAPE(1, 4, 1, 3), 0.1, 1);
    std_compute(
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
    std_expect(t, 0, SHAPE(1, 4, 1, 3), want);
    std_expect(t, 1, SHAPE(1, 4, 1, 3), all);
    std_end(t);
}

/* Layers are the functions that they are made of, with their weights. */
static void test_layers_of_layers(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    static const double none[64];
    std_given(t, "x", SHAPE(1, 8, 1, 4), -1, 2);
    std_given(t, "m", SHAPE(1, 6, 1, 3), -1, 2);
    std_compute(
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
    for (int i = 0; i < 4; i++) std_expect(t, i, SHAPE(1, 8, 1, 4), none);
    std_end(t);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
