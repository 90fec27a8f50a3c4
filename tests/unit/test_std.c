/* test_std.c -- norms, activations, attention, losses and updates of the language's library, compiled and
 * run by `ref`, against numbers that the routines below compute in double from the definitions. */
#include "std_bench.h"

#include <math.h>

/* ---- definitions --------------------------------------------------------------------------- */

static void rms_of(const double *x, const double *g, int features, int positions,
                   double eps, double *y)
{
    for (int s = 0; s < positions; s++) {
        double sum = 0;
        for (int c = 0; c < features; c++)
            sum += x[c * positions + s] * x[c * positions + s];
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

static void rotate(double *x, int heads, int size, int positions, double base,
                   bool interleaved, int start)
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

/* ---- norms ------------------------------------------------------------------------------- */

static void test_rms_norm(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[24], *x = std_given(t, "x", SHAPE(1, 6, 1, 4), -2, 4),
                     *g = std_given(t, "g", SHAPE(6), 0, 2);
    std_compute(
        t,
        "model main(x: fp32[1, 6, 1, 4], g: fp32[6]) -> a, b, c {\n layer n: RMSNorm(6, eps "
        "= 0.25)\n"
        " a = rms_norm(x)\n b = rms_norm(x, g, eps = 0.5)\n c = n(x) }");
    rms_of(x, NULL, 6, 4, 1e-5, want);
    std_expect(t, 0, SHAPE(1, 6, 1, 4), want);
    rms_of(x, g, 6, 4, 0.5, want);
    std_expect(t, 1, SHAPE(1, 6, 1, 4), want);
    rms_of(x, NULL, 6, 4, 0.25, want);
    std_expect(t, 2, SHAPE(1, 6, 1, 4), want);
    std_end(t);
}

static void test_rms_norm_last_axis(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[12], *x = std_given(t, "x", SHAPE(1, 2, 6), -2, 4),
                     *g = std_given(t, "g", SHAPE(6), 0, 2);
    std_compute(t, "model main(x: fp32[1, 2, 6], g: fp32[6]) -> y = rms_norm(x, g)");
    for (int p = 0; p < 2; p++) rms_of(x + 6 * p, g, 6, 1, 1e-5, want + 6 * p);
    std_expect(t, 0, SHAPE(1, 2, 6), want);
    std_end(t);
}

static void test_layer_norm(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[24], *x = std_given(t, "x", SHAPE(1, 6, 1, 4), -2, 4),
                     *g = std_given(t, "g", SHAPE(6), 0, 2);
    double *b = std_given(t, "b", SHAPE(6), -1, 2);
    std_compute(
        t, "model main(x: fp32[1, 6, 1, 4], g: fp32[6], b: fp32[6]) -> y, z {\n layer n: "
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
        std_expect(t, r, SHAPE(1, 6, 1, 4), want);
    }
    std_end(t);
}

/* ---- activations ------------------------------------------------------------------------- */

static void test_activations(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[6][16], *x = std_given(t, "x", SHAPE(16), -4, 8),
                        *u = std_given(t, "u", SHAPE(16), -1, 2);
    std_compute(
        t,
        "model main(x: fp32[16], u: fp32[16]) -> a, b, c, d, e, f {\n a = gelu(x)\n b = "
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
    for (int r = 0; r < 6; r++) std_expect(t, r, SHAPE(16), want[r]);
    std_end(t);
}

static void test_swiglu_layer(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double w1[20], w2[20], w3[20], gate[15], up[15], want[12],
        *x = std_given(t, "x", SHAPE(1, 4, 1, 3), -1, 2);
    std_compute(
        t, "weights init normal(std = 0.5, seed = 3)\n"
           "model main(x: fp32[1, 4, 1, 3]) -> y { layer m: SwiGLU(4, 5)\n y = m(x) }");
    std_drawn("m.w1", 0.5, w1, 20);
    std_drawn("m.w2", 0.5, w2, 20);
    std_drawn("m.w3", 0.5, w3, 20);
    std_product(w1, x, 5, 4, 3, gate);
    std_product(w3, x, 5, 4, 3, up);
    for (int i = 0; i < 15; i++) gate[i] = silu_of(gate[i]) * up[i];
    std_product(w2, gate, 4, 5, 3, want);
    std_expect(t, 0, SHAPE(1, 4, 1, 3), want);
    std_end(t);
}

/* ---- attention --------------------------------------------------------------------------- */

static void test_rope(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[60], *x = std_given(t, "x", SHAPE(1, 12, 1, 5), -1, 2);
    std_compute(
        t,
        "model main(x: fp32[1, 12, 1, 5]) -> a, b, c {\n a = rope(x, 3)\n"
        " b = rope(x, 2, base = 500.0, start = 7)\n c = rope(x, 3, interleaved = true, "
        "start = 2) }");
    memcpy(want, x, sizeof want);
    rotate(want, 3, 4, 5, 10000, false, 0);
    std_expect(t, 0, SHAPE(1, 12, 1, 5), want);
    memcpy(want, x, sizeof want);
    rotate(want, 2, 6, 5, 500, false, 7);
    std_expect(t, 1, SHAPE(1, 12, 1, 5), want);
    memcpy(want, x, sizeof want);
    rotate(want, 3, 4, 5, 10000, true, 2);
    std_expect(t, 2, SHAPE(1, 12, 1, 5), want);
    std_end(t);
}

static void test_attention(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[48], *q = std_given(t, "q", SHAPE(1, 12, 1, 4), -1, 2),
                     *k = std_given(t, "k", SHAPE(1, 6, 1, 5), -1, 2);
    double *v = std_given(t, "v", SHAPE(1, 6, 1, 5), -1, 2),
           *mask = std_given(t, "mask", SHAPE(1, 1, 4, 5), -2, 4);
    std_compute(
        t,
        "model main(q: fp32[1, 12, 1, 4], k: fp32[1, 6, 1, 5], v: fp32[1, 6, 1, 5], mask: "
        "fp32[1, 1, 4, 5]) -> a, b, c {\n"
        " a = attention(q, k, v, 4, 2)\n b = attention(q, k, v, 4, 2, causal = true)\n"
        " c = attention(q, k, v, heads = 4, kv = 2, mask = mask, scale = 0.25) }");
    attend(q, k, v, 4, 2, 3, 4, 5, false, NULL, 1 / sqrt(3), want);
    std_expect(t, 0, SHAPE(1, 12, 1, 4), want);
    attend(q, k, v, 4, 2, 3, 4, 5, true, NULL, 1 / sqrt(3), want);
    std_expect(t, 1, SHAPE(1, 12, 1, 4), want);
    attend(q, k, v, 4, 2, 3, 4, 5, false, mask, 0.25, want);
    std_expect(t, 2, SHAPE(1, 12, 1, 4), want);
    std_end(t);
}

static void test_attention_batch(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[96], *q = std_given(t, "q", SHAPE(2, 12, 1, 4), -1, 2),
                     *k = std_given(t, "k", SHAPE(2, 6, 1, 4), -1, 2);
    std_compute(
        t,
        "model main(q: fp32[2, 12, 1, 4], k: fp32[2, 6, 1, 4]) -> y = attention(q, k, k, 4, 2)");
    for (int n = 0; n < 2; n++)
        attend(q + 48 * n, k + 24 * n, k + 24 * n, 4, 2, 3, 4, 4, false, NULL,
               1 / sqrt(3), want + 48 * n);
    std_expect(t, 0, SHAPE(2, 12, 1, 4), want);
    std_end(t);
}

/* The whole of a Llama block, from weights keyed by their paths to the sum. */
static void test_llama_block(void **state)
{
    (void)state;
    enum { D = 8, KV = 4, S = 5, H = 12 };
    StdTest *t = std_begin();
    double wq[D * D], wk[KV * D], wv[KV * D], wo[D * D], w1[H * D], w2[D * H], w3[H * D];
    double n[D * S], q[D * S], k[KV * S], v[KV * S], a[D * S], h[D * S], gate[H * S],
        up[H * S], want[D * S];
    double *x = std_given(t, "x", SHAPE(1, D, 1, S), -1, 2);
    std_compute(
        t,
        "weights init normal(std = 0.3, seed = 3)\n"
        "layer Block { layer attn: Attention(8, 4, kv = 2), mlp: SwiGLU(8, 12)\n"
        " fn (x) { x = x + attn(rms_norm(x))\n return x + mlp(rms_norm(x)) } }\n"
        "model main(x: fp32[1, 8, 1, 5]) -> y { layer blocks: Block[1]\n for b in blocks { "
        "x = b(x) }\n y = x }");
    std_drawn("blocks.0.attn.wq", 0.3, wq, D * D);
    std_drawn("blocks.0.attn.wk", 0.3, wk, KV * D);
    std_drawn("blocks.0.attn.wv", 0.3, wv, KV * D);
    std_drawn("blocks.0.attn.wo", 0.3, wo, D * D);
    std_drawn("blocks.0.mlp.w1", 0.3, w1, H * D);
    std_drawn("blocks.0.mlp.w2", 0.3, w2, D * H);
    std_drawn("blocks.0.mlp.w3", 0.3, w3, H * D);
    rms_of(x, NULL, D, S, 1e-5, n);
    std_product(wq, n, D, D, S, q);
    std_product(wk, n, KV, D, S, k);
    std_product(wv, n, KV, D, S, v);
    rotate(q, 4, 2, S, 10000, false, 0);
    rotate(k, 2, 2, S, 10000, false, 0);
    attend(q, k, v, 4, 2, 2, S, S, true, NULL, 1 / sqrt(2), a);
    std_product(wo, a, D, D, S, h);
    for (int i = 0; i < D * S; i++) h[i] += x[i];
    rms_of(h, NULL, D, S, 1e-5, n);
    std_product(w1, n, H, D, S, gate);
    std_product(w3, n, H, D, S, up);
    for (int i = 0; i < H * S; i++) gate[i] = silu_of(gate[i]) * up[i];
    std_product(w2, gate, D, H, S, want);
    for (int i = 0; i < D * S; i++) want[i] += h[i];
    std_expect(t, 0, SHAPE(1, D, 1, S), want);
    std_end(t);
}

/* ---- losses and updates ------------------------------------------------------------------ */

static void test_means(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double mean = 0, square = 0, *x = std_given(t, "x", SHAPE(2, 3), -1, 2),
           *y = std_given(t, "y", SHAPE(2, 3), -1, 2);
    std_compute(
        t,
        "model main(x: fp32[2, 3], y: fp32[2, 3]) -> a, b { a = mean(x)\n b = mse(x, y) }");
    for (int i = 0; i < 6; i++) {
        mean += x[i] / 6;
        square += (x[i] - y[i]) * (x[i] - y[i]) / 6;
    }
    std_expect(t, 0, (Shape){ .rank = 0 }, &mean);
    std_expect(t, 1, (Shape){ .rank = 0 }, &square);
    std_end(t);
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
    StdTest *t = std_begin();
    double want, *z = std_given(t, "z", SHAPE(1, 5, 1, 3), -4, 8),
                 *c = std_given(t, "c", SHAPE(3), 0, 5);
    double *p = std_given(t, "p", SHAPE(1, 5, 1, 3), 0, 1),
           *last = std_given(t, "last", SHAPE(2, 5), -4, 8);
    double *two = std_given(t, "two", SHAPE(2), 0, 5);
    t->in[1].dtype = t->in[4].dtype = DT_INT32;
    for (int i = 0; i < 3; i++) c[i] = floor(c[i]);
    for (int i = 0; i < 2; i++) two[i] = floor(two[i]);
    /* The weights of a position, p, add up to anything. */
    std_compute(
        t,
        "model main(z: fp32[1, 5, 1, 3], c: int32[3], p: fp32[1, 5, 1, 3], last: fp32[2, 5], "
        "two: int32[2]) -> a, b, d {\n"
        " a = cross_entropy(z, c)\n b = cross_entropy(z, p)\n d = cross_entropy(last, two) }");
    want = entropy(z, 5, 3, c, NULL);
    std_expect(t, 0, (Shape){ .rank = 0 }, &want);
    want = entropy(z, 5, 3, NULL, p);
    std_expect(t, 1, (Shape){ .rank = 0 }, &want);
    want = (entropy(last, 5, 1, two, NULL) + entropy(last + 5, 5, 1, two + 1, NULL)) / 2;
    std_expect(t, 2, (Shape){ .rank = 0 }, &want);
    std_end(t);
}

static void test_updates(void **state)
{
    (void)state;
    StdTest *t = std_begin();
    double want[4][6], *w = std_given(t, "w", SHAPE(2, 3), -1, 2),
                       *g = std_given(t, "g", SHAPE(2, 3), -1, 2);
    double *m = std_given(t, "m", SHAPE(2, 3), -1, 2),
           *v = std_given(t, "v", SHAPE(2, 3), 0, 1),
           *lr = std_given(t, "lr", SHAPE(1), 0, 1);
    std_compute(
        t,
        "model main(w: fp32[2, 3], g: fp32[2, 3], m: fp32[2, 3], v: fp32[2, 3], lr: "
        "fp32[1]) -> a, b, c, d {\n"
        " a, b, c = adam(w, g, m, v, lr, beta1 = 0.8, beta2 = 0.95, eps = 0.01, correct1 = "
        "1.25, correct2 = 1.5, decay = 0.1)\n"
        " d = sgd(w, g, 0.5) }");
    for (int i = 0; i < 6; i++) {
        want[1][i] = 0.8 * m[i] + 0.2 * g[i];
        want[2][i] = sqrt(0.95 * v[i] * v[i]
                          + 0.05 * g[i] * g[i]); /* the state is the root */
        want[0][i] =
            w[i]
            - lr[0] * (1.25 * want[1][i] / (sqrt(1.5) * want[2][i] + 0.01) + 0.1 * w[i]);
        want[3][i] = w[i] - 0.5 * g[i];
    }
    for (int r = 0; r < 4; r++) std_expect(t, r, SHAPE(2, 3), want[r]);
    std_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rms_norm),      cmocka_unit_test(test_rms_norm_last_axis),
        cmocka_unit_test(test_layer_norm),    cmocka_unit_test(test_activations),
        cmocka_unit_test(test_swiglu_layer),  cmocka_unit_test(test_rope),
        cmocka_unit_test(test_attention),     cmocka_unit_test(test_attention_batch),
        cmocka_unit_test(test_llama_block),   cmocka_unit_test(test_means),
        cmocka_unit_test(test_cross_entropy), cmocka_unit_test(test_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
