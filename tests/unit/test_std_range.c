/* test_std_range.c -- the functions of the language's library and the composites, in fp16, over
 * the whole range of fp16: inputs of every magnitude from 2^-24 to 65504, on `ref` as they are
 * written and on each simulated engine as they are compiled for its chip, against formulas in
 * double.
 *
 * A result has to be within `ulps` units of fp16's last place, which is one for each rounding
 * of the form on the way to it, and one unit of the last place of what is added up on the way
 * (`size`). Results that fp16 cannot hold are left out. What the engines' own numbers make
 * worse is listed in `beyond`, with where it is from; what is listed and does not show is an
 * error too. */
#include "unit.h"

#include "../../backends/backend.h"
#include "../../frontend/lower.h"
#include "../../ir/passes/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { C = 32, S = 32, N = C * S, MAX_IN = 4 };

/* ---- formulas ---------------------------------------------------------------------------- */

typedef struct {
    const double *in[MAX_IN];
    double want[N], size[N]; /* size: of the largest on the way; 0: the result's own */
    size_t n;
} Sum;

static double normal_at(const double *x, int s, double eps, bool centred, int c,
                        double *size)
{
    /* Where all is denormal four roundings of half a unit of 2^-24 are of halves: 2^-22. */
    double mean = 0, square = 0, most = 0x1p-12;
    for (int i = 0; i < C; i++) mean += centred ? x[i * S + s] / C : 0;
    for (int i = 0; i < C; i++) {
        const double d = x[i * S + s] - mean;
        square += d * d / C;
        most = fmax(most, fabs(d));
    }
    const double root = sqrt(square + eps);
    *size = centred ? most / root : 0;
    return (x[c * S + s] - mean) / root;
}

static void want_rms(Sum *o)
{
    for (int i = 0; i < N; i++)
        o->want[i] = normal_at(o->in[0], i % S, 1e-5, false, i / S, &o->size[i]);
}

static void want_layer(Sum *o)
{
    for (int i = 0; i < N; i++)
        o->want[i] = normal_at(o->in[0], i % S, 1e-5, true, i / S, &o->size[i]);
}

/* Of four groups of channels; denormals as in normal_at. */
static void want_group(Sum *o)
{
    enum { GROUPS = 4, SIZE = N / GROUPS };
    for (int g = 0; g < GROUPS; g++) {
        const double *x = o->in[0] + g * SIZE;
        double mean = 0, square = 0, most = 0x1p-12;
        for (int i = 0; i < SIZE; i++) mean += x[i] / SIZE;
        for (int i = 0; i < SIZE; i++) square += (x[i] - mean) * (x[i] - mean) / SIZE;
        for (int i = 0; i < SIZE; i++) most = fmax(most, fabs(x[i] - mean));
        for (int i = 0; i < SIZE; i++) {
            o->want[g * SIZE + i] = (x[i] - mean) / sqrt(square + 1e-5);
            o->size[g * SIZE + i] = most / sqrt(square + 1e-5);
        }
    }
}

static double sigmoid_of(double x) { return 1 / (1 + exp(-x)); }

static void want_sigmoid(Sum *o)
{
    for (int i = 0; i < N; i++) o->want[i] = sigmoid_of(o->in[0][i]);
}

static void want_relu6(Sum *o)
{
    for (int i = 0; i < N; i++) o->want[i] = fmin(fmax(o->in[0][i], 0), 6);
}

static void want_batch_norm(Sum *o)
{
    for (int i = 0; i < N; i++) o->want[i] = o->in[0][i] / sqrt(1 + 1e-5);
}

static void want_silu(Sum *o)
{
    for (int i = 0; i < N; i++) o->want[i] = o->in[0][i] * sigmoid_of(o->in[0][i]);
}

static void want_gelu(Sum *o)
{
    for (int i = 0; i < N; i++)
        o->want[i] = o->in[0][i] / 2 * (1 + erf(o->in[0][i] / sqrt(2)));
}

static void want_gelu_tanh(Sum *o)
{
    for (int i = 0; i < N; i++) {
        const double x = o->in[0][i];
        o->want[i] = x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    }
}

static void want_gelu_sigmoid(Sum *o)
{
    for (int i = 0; i < N; i++)
        o->want[i] = o->in[0][i] * sigmoid_of(1.702 * o->in[0][i]);
}

static void want_swiglu(Sum *o)
{
    for (int i = 0; i < N; i++) {
        const double gate = o->in[0][i] * sigmoid_of(o->in[0][i]);
        o->want[i] = gate * o->in[1][i];
        o->size[i] = fmax(fabs(gate), 0x1p-14) * fabs(o->in[1][i]);
    }
}

static void want_mean(Sum *o)
{
    o->n = 1;
    for (int i = 0; i < N; i++) o->want[0] += o->in[0][i] / N;
}

static void want_mse(Sum *o)
{
    o->n = 1;
    for (int i = 0; i < N; i++) o->want[0] += pow(o->in[0][i] - o->in[1][i], 2) / N;
}

/* Targets that do not add up to 1. */
static void want_entropy(Sum *o)
{
    o->n = 1;
    for (int s = 0; s < S; s++) {
        double most = -INFINITY, sum = 0;
        for (int c = 0; c < C; c++) most = fmax(most, o->in[0][c * S + s]);
        for (int c = 0; c < C; c++) sum += exp(o->in[0][c * S + s] - most);
        for (int c = 0; c < C; c++) {
            const double z = o->in[0][c * S + s] - most - log(sum),
                         t = fabs(o->in[1][c * S + s]);
            o->want[0] -= t * z / S;
            o->size[0] = fmax(o->size[0], fabs(z));
        }
    }
}

static int class_at(int s) { return (s * 11 + 3) % C; }

static void want_class_entropy(Sum *o)
{
    o->n = 1;
    for (int s = 0; s < S; s++) {
        double most = -INFINITY, sum = 0;
        for (int c = 0; c < C; c++) most = fmax(most, o->in[0][c * S + s]);
        for (int c = 0; c < C; c++) sum += exp(o->in[0][c * S + s] - most);
        const double z = o->in[0][class_at(s) * S + s] - most - log(sum);
        o->want[0] -= z / S;
        o->size[0] = fmax(o->size[0], fabs(z));
    }
}

/* Rows of a table of 32. */
static void want_embedding(Sum *o)
{
    for (int i = 0; i < N; i++) o->want[i] = o->in[0][class_at(i / S) * S + i % S];
}

static double gain_at(int c) { return (double)(c % 5 - 2) / 4; }
static double bias_at(int c) { return (double)(c % 3 - 1) / 2; }

static void scale_features(Sum *o)
{
    for (int i = 0; i < N; i++) {
        o->want[i] = o->want[i] * gain_at(i / S) + bias_at(i / S);
        o->size[i] = fmax(o->size[i], 2);
    }
}

static void want_layer_scaled(Sum *o)
{
    want_layer(o);
    scale_features(o);
}

static void want_rms_scaled(Sum *o)
{
    want_rms(o);
    for (int i = 0; i < N; i++) o->want[i] *= gain_at(i / S);
}

static void want_sgd(Sum *o)
{
    for (int i = 0; i < N; i++) {
        o->want[i] = o->in[0][i] - 0.01 * o->in[1][i];
        o->size[i] = 0.01 * fabs(o->in[1][i]);
    }
}

/* The first step, in which every element moves by 0.01 where its gradient is above eps. A state
 * has quanta of 2^-24, beside which eps stands divided by the root of the correction: 1e-4 /
 * sqrt(1000). */
static void want_adam(Sum *o)
{
    for (int i = 0; i < N; i++) {
        const double g = o->in[1][i];
        o->want[i] = o->in[0][i] - 0.01 * g / (fabs(g) + 1e-4);
        o->size[i] = 0.01 * (1 + 0x1p-24 / (1e-4 / sqrt(1000)) * 0x1p10);
    }
}

/* The mean of gradients after one step, from the mean before, c, and its share of the update. A
 * mean that fp16 cannot hold is a result that it cannot. Each of mu, lr, two products and two sums
 * is rounded, by half a unit of what is added up: less than 4 units; where all is denormal half a
 * unit is of 2^-24. */
static void step_momentum(Sum *o, bool nesterov)
{
    for (int i = 0; i < N; i++) {
        const double g = o->in[1][i], m = 0.9 * o->in[2][i] + g;
        const double step = nesterov ? g + 0.9 * m : m;
        o->want[i] = fabs(m) > 65504 ? INFINITY : o->in[0][i] - 0.01 * step;
        o->size[i] = 4 * 0.01 * (fabs(g) + fabs(o->in[2][i]) + 0x1p-12);
    }
}

static void want_momentum(Sum *o) { step_momentum(o, false); }
static void want_nesterov(Sum *o) { step_momentum(o, true); }

static void want_lion(Sum *o)
{
    for (int i = 0; i < N; i++) {
        const double g = o->in[1][i];
        o->want[i] = o->in[0][i] - 0.01 * ((g > 0) - (g < 0));
        o->size[i] = 0.01;
    }
}

static void want_rope(Sum *o)
{
    enum { HALF = C / 4 };
    for (int i = 0; i < N; i++) {
        const int c = i / S, s = i % S, f = c % HALF, head = c / (2 * HALF) * 2 * HALF;
        const double angle = s * pow(10000, -(double)f / HALF);
        const double a = o->in[0][(head + f) * S + s],
                     b = o->in[0][(head + f + HALF) * S + s];
        o->want[i] = c - head < HALF ? a * cos(angle) - b * sin(angle)
                                     : b * cos(angle) + a * sin(angle);
        o->size[i] = fabs(a) + fabs(b);
    }
}

static double kernel_at(int o, int c) { return (double)((o * 7 + c * 3) % 17 - 8) / 64; }

static void want_linear(Sum *o)
{
    for (int i = 0; i < N; i++)
        for (int c = 0; c < C; c++) {
            const double part = kernel_at(i / S, c) * o->in[0][c * S + i % S];
            o->want[i] += part;
            o->size[i] += fabs(part);
        }
}

static void want_rope_pairs(Sum *o)
{
    enum { HALF = C / 4 };
    for (int i = 0; i < N; i++) {
        const int c = i / S, s = i % S, f = c % (2 * HALF) / 2;
        const double angle = s * pow(10000, -(double)f / HALF);
        const double a = o->in[0][(c & ~1) * S + s], b = o->in[0][(c | 1) * S + s];
        o->want[i] = c % 2 ? b * cos(angle) + a * sin(angle)
                           : a * cos(angle) - b * sin(angle);
        o->size[i] = fabs(a) + fabs(b);
    }
}

/* Two heads; scores are of the queries in [-1, 1] alone, values are of every magnitude. */
static void attend(Sum *o, bool causal)
{
    enum { SIZE = C / 2 };
    for (int i = 0; i < N; i++) {
        const int head = i / S / SIZE * SIZE, q = i % S;
        double weight[S], sum = 0;
        const int keys = causal ? q + 1 : S;
        for (int k = 0; k < keys; k++) {
            double score = 0;
            for (int c = 0; c < SIZE; c++)
                score += o->in[0][(head + c) * S + q] * o->in[1][(head + c) * S + k]
                       / sqrt(SIZE);
            sum += weight[k] = exp(score);
        }
        for (int k = 0; k < keys; k++)
            o->want[i] += weight[k] / sum * o->in[2][i / S * S + k];
        for (int k = 0; k < keys; k++)
            o->size[i] = fmax(o->size[i], fabs(o->in[2][i / S * S + k]));
    }
}

static void want_attention(Sum *o) { attend(o, false); }
static void want_causal(Sum *o) { attend(o, true); }

/* ---- cases ------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *body; /* of `model main(..) -> r`, whose inputs are a, b, c */
    /* the inputs that go through all magnitudes; the others are in [-1, 1] */
    const char *scaled;
    int nin, ulps;
    void (*want)(Sum *);
} Case;

#define KERNEL \
    "weight w: [32, 32] = [[(float((o * 7 + c * 3) % 17) - 8.0) / 64.0 for c in 0..32] for o in " \
    "0..32]; "
#define CLASSES "weight t: int32[32] = [(s * 11 + 3) % 32 for s in 0..32]; "
#define GAIN \
    "weight g: [32] = [(float(c % 5) - 2.0) / 4.0 for c in 0..32]; " \
    "weight h: [32] = [(float(c % 3) - 1.0) / 2.0 for c in 0..32]; "
static const Case cases[] = {
    { "rms_norm", "r = rms_norm(a)", "a", 1, 6, want_rms },
    { "layer_norm", "r = layer_norm(a)", "a", 1, 10, want_layer },
    { "group_norm", "r = group_norm(a, 4)", "a", 1, 10, want_group },
    { "rms_norm (composite)", "r = mil.rms_norm(a, axes = [1])", "a", 1, 6, want_rms },
    { "mse_loss (composite)", "r = mil.mse_loss(a, b)", "ab", 2, 10, want_mse },
    { "mse", "r = mse(a, b)", "ab", 2, 10, want_mse },
    { "mean", "r = mean(a)", "a", 1, 2, want_mean },
    { "cross_entropy", "r = cross_entropy(a, abs(b))", "a", 2, 8, want_entropy },
    { "cross_entropy of weights", "r = cross_entropy(a, abs(b))", "b", 2, 8,
      want_entropy },
    { "cross_entropy of classes", CLASSES "r = cross_entropy(a, t)", "a", 1, 8,
      want_class_entropy },
    { "embedding",
      CLASSES "r = reshape(embedding(t, reshape(a, [32, 32])), [1, 32, 1, 32])", "a", 1,
      0, want_embedding },
    { "RMSNorm", "layer n: RMSNorm(32); r = n(a)", "a", 1, 7, want_rms },
    { "LayerNorm", "layer n: LayerNorm(32); r = n(a)", "a", 1, 12, want_layer },
    { "rms_norm with gain", GAIN "r = rms_norm(a, g)", "a", 1, 7, want_rms_scaled },
    { "layer_norm with gain and bias", GAIN "r = layer_norm(a, g, h)", "a", 1, 12,
      want_layer_scaled },
    { "rope interleaved", "r = rope(a, 2, interleaved = true)", "a", 1, 3,
      want_rope_pairs },
    { "attention, causal", "r = attention(a, b, c, 2, causal = true)", "c", 3, 8,
      want_causal },
    { "sgd", "r = sgd(a, b, 0.01)", "b", 2, 3, want_sgd },
    { "adam",
      "m = a * 0.0; r = adam(a, b, m, m, 0.01, correct1 = 10.0, correct2 = 1000.0)[0]",
      "b", 2, 8, want_adam },
    { "momentum", "r = momentum(a, b, c, 0.01)[0]", "bc", 3, 4, want_momentum },
    { "momentum, nesterov", "r = momentum(a, b, c, 0.01, nesterov = true)[0]", "bc", 3, 5,
      want_nesterov },
    { "lion", "r = lion(a, b, b, 0.01)[0]", "b", 2, 2, want_lion },
    { "rope", "r = rope(a, 2)", "a", 1, 3, want_rope },
    { "linear", KERNEL "r = linear(a, w)", "a", 1, 2, want_linear },
    { "conv2d", KERNEL "r = conv2d(a, reshape(w, [32, 32, 1, 1]))", "a", 1, 2,
      want_linear },
    { "attention", "r = attention(a, b, c, 2)", "c", 3, 8, want_attention },
    { "sigmoid", "r = sigmoid(a)", "a", 1, 1, want_sigmoid },
    { "relu6", "r = relu6(a)", "a", 1, 0, want_relu6 },
    { "BatchNorm", "layer n: BatchNorm(32); r = n(a)", "a", 1, 2, want_batch_norm },
    { "silu", "r = silu(a)", "a", 1, 1, want_silu },
    { "gelu", "r = gelu(a)", "a", 1, 1, want_gelu },
    { "gelu_tanh", "r = gelu_tanh(a)", "a", 1, 1, want_gelu_tanh },
    { "gelu_sigmoid", "r = gelu_sigmoid(a)", "a", 1, 1, want_gelu_sigmoid },
    { "swiglu", "r = swiglu(a, b)", "ab", 2, 2, want_swiglu },
};

/* What is not swept under its own name. */
static const char *const unswept[][2] = {
    { "feature_axis", "an axis, no numbers" },
    { "per_feature", "a reshape" },
    { "split_heads", "a reshape and a transposition" },
    { "causal_mask", "0 and the number that excludes, no input" },
    { "places", "0 and 1, of positions up to 2048" },
    { "Linear", "linear with a weight" },
    { "Embedding", "embedding with a weight" },
    { "Conv1d", "conv2d with a weight" },
    { "GroupNorm", "group_norm, scaled as layer_norm is" },
    { "top_experts", "of what softmax gives" },
    { "MoE", "SwiGLU times what softmax gives" },
    { "sinusoidal", "sines of positions, no input" },
    { "MultiHeadAttention", "attention between four linear" },
    { "Conv2d", "conv2d with a weight" },
    { "max_pool2d", "picks one of what it is given" },
    { "MaxPool2d", "max_pool2d" },
    { "avg_pool2d", "the mean of a window by the op itself" },
    { "AvgPool2d", "avg_pool2d" },
    { "global_pool", "a mean, as `mean` over all axes is" },
    { "Dropout", "its input" },
    { "CachedAttention",
      "attention between four linear, sums with 0 and products with 1" },
    { "SwiGLU", "swiglu between three linear" },
    { "Attention", "attention between four linear" },
};

/* ---- what the engines' own numbers make worse -------------------------------------------- */

typedef struct {
    const char *name,
        *chips; /* cases: a name before a blank, or all of it; "m1 m2", "*" for all */
    double low, high; /* magnitudes of inputs between which it shows */
    double ulps,
        /* more units of the last place, and an absolute bound; 0, 0: nothing holds */
        within;
    int per;         /* the input whose size multiplies the bound; -1: none */
    const char *why; /* a number of backends/sim/numerics.def, or a rule */
} Beyond;

static const Beyond beyond[] = {
    { "linear", "m4 m5", 0, 1, 16, 0, -1,
      "product_round: 32 products, each of which may lose half a unit of 2^-24" },
    { "conv2d", "m4 m5", 0, 1, 16, 0, -1, "product_round: as linear" },
    { "linear", "m1 m2 m3", 0, 1, 2, 32 * 0x1p-14, -1,
      "mac_flush: products below 2^-14 are 0, 32 of them" },
    { "conv2d", "m1 m2 m3", 0, 1, 2, 32 * 0x1p-14, -1, "mac_flush: as linear" },
    { "linear", "m1 m2 m4 m5", 32768, 65504, 0, 0, -1,
      "mac_overflow_at: a result from 32768 on is infinite" },
    { "conv2d", "m1 m2 m4 m5", 32768, 65504, 0, 0, -1, "mac_overflow_at: as linear" },
    { "linear", "m3", 16384, 65504, 0, 0, -1,
      "mac_overflow_partial, mac_overflow_to: a sum on the way from 32768 on is 0" },
    { "conv2d", "m3", 16384, 65504, 0, 0, -1,
      "mac_overflow_partial, mac_overflow_to: as linear" },
    { "attention", "m1 m2 m3", 0, 1, 0, 32 * 0x1p-14, -1,
      "mac_flush: of the weights, which are 1/32, times the values" },
    { "attention, causal", "m1 m2 m3", 0, 1, 0, 32 * 0x1p-14, -1,
      "mac_flush: as attention" },
    { "attention, causal", "m1 m2 m4 m5", 32768, 65504, 0, 0, -1,
      "mac_overflow_at: the first query has one key, whose weight is 1" },
    { "attention, causal", "m3", 32768, 65504, 0, 0, -1,
      "mac_overflow_partial, mac_overflow_to: as linear" },
    { "sigmoid", "*", 0, 65504, 0, 2e-3, -1,
      "tables: 33 points with straight lines between" },
    { "silu", "*", 0, 65504, 4, 1.7e-4, -1,
      "activation-table, exp_overflow_at: x / (1 + exp(-x)) is 0 below -11.09" },
    { "swiglu", "*", 0, 65504, 4, 1.7e-4, 1,
      "exp_overflow_at: as silu, times the other" },
    { "gelu", "*", 0, 65504, 4, 1e-3, -1,
      "activation-table: by exp, in the form with tanh" },
    { "gelu_tanh", "*", 0, 65504, 4, 1e-3, -1, "activation-table: by exp" },
    { "gelu_sigmoid", "*", 0, 65504, 4, 1e-3, -1, "activation-table: by exp" },
};
static bool shown[COUNT(beyond)];

/* ---- running ----------------------------------------------------------------------------- */

static double last_place(double v)
{
    int e;
    frexp(v, &e);
    return ldexp(1, (v == 0 || e < -13 ? -13 : e) - 11);
}

/* In [-1, 1], with -1 and 1 among them. */
static double pattern(int input, int i)
{
    static const char *const names[] = { "a", "b", "c" };
    if (i % 61 == 7) return i % 2 ? 1 : -1;
    return 2 * rng_unit(rng_key(5, names[input]), (uint64_t)i) - 1;
}

typedef struct {
    Diag diag;
    Module *m;
    Program *p;
} Compiled;

static void start(Compiled *k, const Case *c, const Backend *b)
{
    Buf text = { 0 };
    buf_puts(&text, "import \"std\"\nmodel main(");
    for (int i = 0; i < c->nin; i++)
        buf_printf(&text, "%s%c: fp16[1, 32, 1, 32]", i ? ", " : "", 'a' + i);
    buf_printf(&text, ") -> r { %s }\n", c->body);
    Source src = { .name = c->name, .text = text.s, .len = text.len };
    DslOptions o = { .opset = target_opset(b->target) };
    PassOptions pass = { .target = b->target };
    *k = (Compiled){ 0 };
    k->m = dsl_compile(&k->diag, &src, &o);
    if (!k->m || !passes_run(k->m, &pass, &k->diag)) fail_msg("%s", k->diag.text.s);
    k->p = program_new(b, k->m, module_main(k->m), &k->diag);
    if (!k->p) fail_msg("%s on %s: %s", c->name, b->name, k->diag.text.s);
    buf_free(&text);
}

static void run_at(Compiled *k, const Case *c, double magnitude, double in[MAX_IN][N],
                   Sum *o, double *got)
{
    Binding bound[MAX_IN] = { { 0 } };
    const Binding *out;
    const Block *body = module_main(k->m)->body;
    for (int i = 0; i < c->nin; i++) {
        const Type *t = body->param[i]->type;
        const double by = strchr(c->scaled, 'a' + i) ? magnitude : 1;
        bound[i].name = body->param[i]->name;
        assert_true(tensor_alloc(&bound[i].value, &k->diag, t->dtype, &t->shape));
        for (int e = 0; e < N; e++)
            in[i][e] = f16_to_double(f16_from_double(by * pattern(i, e)));
        for (int e = 0; e < N; e++)
            tensor_set_float(&bound[i].value, (size_t)e, in[i][e]);
        o->in[i] = in[i];
    }
    o->n = N;
    c->want(o);
    if (!program_run(k->p, &k->diag, bound, c->nin, &(RunOptions){ 0 }))
        fail_msg("%s", k->diag.text.s);
    assert_int_equal(program_results(k->p, &out), 1);
    assert_int_equal(out[0].value.count, o->n);
    for (size_t e = 0; e < o->n; e++) got[e] = tensor_float(&out[0].value, e);
    for (int i = 0; i < c->nin; i++) tensor_free(&bound[i].value);
}

static bool is_about(const Beyond *l, const Case *c, const Backend *b, double magnitude)
{
    const char *chip = strchr(b->name, ':');
    return chip && !strcmp(c->name, l->name)
        && (l->chips[0] == '*' || strstr(l->chips, chip + 1)) && magnitude >= l->low
        && magnitude <= l->high;
}

/* Whether a listed limit explains the difference. */
static bool is_beyond(const Case *c, const Backend *b, double magnitude, const Sum *o,
                      size_t e, double off, double unit)
{
    for (size_t i = 0; i < COUNT(beyond); i++) {
        const Beyond *l = &beyond[i];
        if (!is_about(l, c, b, magnitude)) continue;
        const double bound = l->ulps * unit
                           + l->within * (l->per < 0 ? 1 : fabs(o->in[l->per][e]));
        if (bound > 0 && !(off <= bound)) continue;
        shown[i] = true;
        return true;
    }
    return false;
}

/* The number of results that are out of tolerance. */
static int compare(const Case *c, const Backend *b, double magnitude, const Sum *o,
                   const double *got)
{
    int wrong = 0;
    for (size_t e = 0; e < o->n; e++) {
        const double off = fabs(got[e] - o->want[e]),
                     unit = fmax(last_place(o->want[e]), last_place(o->size[e]));
        const double tol = c->ulps * last_place(o->want[e]) + last_place(o->size[e]);
        if (fabs(o->want[e]) > 65504 || off <= tol) continue;
        if (is_beyond(c, b, magnitude, o, e, off, unit)) continue;
        if (!wrong++)
            print_message(
                "%s on %s, inputs of %g: element %zu is %.9g, not %.9g (within %.3g)\n",
                c->name, b->name, magnitude, e, got[e], o->want[e], tol);
    }
    return wrong;
}

static int sweep(const Case *c, const Backend *b)
{
    static double in[MAX_IN][N], got[N];
    static Sum o;
    Compiled k = { 0 };
    int wrong = 0;
    start(&k, c, b);
    for (int e = -24; e <= 16; e++) {
        const double magnitude = e == 16 ? 65504 : ldexp(1, e);
        o = (Sum){ 0 };
        run_at(&k, c, magnitude, in, &o, got);
        wrong += compare(c, b, magnitude, &o, got) > 0;
    }
    program_free(k.p);
    module_free(k.m);
    diag_free(&k.diag);
    return wrong;
}

static void test_backend(void **state)
{
    const Backend *b = *state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) wrong += sweep(&cases[i], b);
    assert_int_equal(wrong, 0);
}

/* Runs last. */
static void test_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(beyond); i++)
        if (!shown[i])
            fail_msg("%s on %s: nothing shows that %s", beyond[i].name, beyond[i].chips,
                     beyond[i].why);
}

/* Whether the body of a case calls or declares it. */
static bool is_swept(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        for (const char *at = cases[i].body; (at = strstr(at, name)); at += len)
            if ((at == cases[i].body || strchr(" (", at[-1])) && at[len] == '(')
                return true;
    return false;
}

static bool is_unswept(const char *name)
{
    for (size_t i = 0; i < COUNT(unswept); i++)
        if (!strcmp(unswept[i][0], name)) return true;
    return false;
}

/* Every function and layer of the library, but for those whose names begin with _, which others
 * are made of, goes through the range or is listed with why not. */
static void test_whole_library(void **state)
{
    (void)state;
    char *copy = strndup((const char *)std_text, std_size), *line, *rest = copy;
    int functions = 0;
    while ((line = strsep(&rest, "\n"))) {
        const bool fn = !strncmp(line, "fn ", 3);
        if (!fn && strncmp(line, "layer ", 6)) continue;
        char *name = line + (fn ? 3 : 6);
        const size_t len = strcspn(name, "(");
        name[len] = 0;
        if (name[0] == '_') continue;
        functions++;
        if (is_swept(name, len) == is_unswept(name))
            fail_msg("%s of std is neither swept nor listed as unswept, or is both",
                     name);
    }
    free(copy);
    assert_true(functions > 25);
}

int main(void)
{
    struct CMUnitTest tests[9];
    size_t n = 0;
    const Backend *b;
    for (int i = 0; (b = backend_at(i)); i++) {
        if (b->target && b->target->chip >= 0 && !b->target->arch)
            continue; /* as its base */
        tests[n++] = (struct CMUnitTest){ .name = b->name,
                                          .test_func = test_backend,
                                          .initial_state = (void *)(uintptr_t)b };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_beyond);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_whole_library);
    return _cmocka_run_group_tests("library over fp16's range", tests, n, NULL, NULL);
}
