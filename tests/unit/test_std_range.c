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
#include "std_formulas.h"
#include "unit.h"

#include "../../backends/backend.h"
#include "../../frontend/lower.h"
#include "../../ir/passes/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- cases ------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *body; /* of `model main(..) -> r`, whose inputs are a, b, c */
    /* the inputs that go through all magnitudes; the others are in [-1, 1] */
    const char *scaled;
    int nin, ulps;
    Want *want;
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
                   Wanted *o, double *got)
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
static bool is_beyond(const Case *c, const Backend *b, double magnitude, const Wanted *o,
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
static int compare(const Case *c, const Backend *b, double magnitude, const Wanted *o,
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
    static Wanted o;
    Compiled k = { 0 };
    int wrong = 0;
    start(&k, c, b);
    for (int e = -24; e <= 16; e++) {
        const double magnitude = e == 16 ? 65504 : ldexp(1, e);
        o = (Wanted){ 0 };
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
