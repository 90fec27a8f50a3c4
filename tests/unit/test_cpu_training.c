/* test_cpu_training.c -- what training steps are made of, by the backend cpu against ref: a loss of
 * scores that are computed again where they are read, scores that gradients are added to in their
 * place, products that are summed over batches; what indices may not name; and states that are written
 * behind an op that reads them. */
#include "../../include/anec.h"
#include "unit.h"

#include <math.h>

/* ---- running ------------------------------------------------------------------------------- */

enum { WORDS = 5000, DRAWN = 2 * WORDS * 128 };

typedef struct {
    anec_config *config;
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel;
    anec_error e;
} Bench;

static void bench_open(Bench *b, const char *backend, const char *text)
{
    *b = (Bench){ 0 };
    b->config = anec_config_new();
    if (anec_config_set(b->config, "from", "anedsl", &b->e)
        || anec_open_with(backend, b->config, &b->device, &b->e)
        || anec_load_text(b->device, text, strlen(text), NULL, &b->model, &b->e)
        || anec_compile(b->model, NULL, &b->kernel, &b->e))
        fail_msg("%s", b->e.text);
}

static void bench_close(Bench *b)
{
    anec_free(b->kernel);
    anec_model_free(b->model);
    anec_close(b->device);
    anec_config_free(b->config);
}

/* Inputs of floats are drawn between -1 and 1, those of integers among the words; `off` is added to the
 * last of these. */
static anec_status bench_run(Bench *b, int threads, int off)
{
    static float x[4][DRAWN];
    static int32_t t[DRAWN];
    const anec_run_options o = { .size = sizeof o, .threads = threads };
    anec_input in[4];
    anec_tensor port[4];
    const char *name;
    uint32_t seed = 1;
    int n = 0;
    for (; n < 4 && (name = anec_port(b->kernel, ANEC_INPUT, n, &port[n])); n++) {
        size_t count = 1;
        for (int i = 0; i < port[n].rank; i++) count *= (size_t)port[n].shape[i];
        const bool whole = !strcmp(port[n].dtype, "int32");
        for (size_t i = 0; i < count; i++) {
            seed = seed * 1664525 + 1013904223;
            if (whole) t[i] = (int32_t)(seed >> 8) % WORDS;
            else x[n][i] = (float)(seed >> 8) / (1 << 23) - 1;
        }
        if (whole) t[count - 1] += off;
        port[n].data = whole ? (void *)t : (void *)x[n];
        port[n].bytes = 4 * count;
        in[n] = (anec_input){ .name = name, .tensor = &port[n] };
    }
    return anec_run_with(b->kernel, in, n, &o, &b->e);
}

static void bench_good(Bench *b, int threads)
{
    if (bench_run(b, threads, 0)) fail_msg("%s", b->e.text);
}

/* ---- against ref --------------------------------------------------------------------------- */

/* The largest difference of a result, by the largest number of it. */
static double apart(Bench *a, Bench *b, const char *name)
{
    anec_tensor x, y;
    double off = 0, most = 0;
    if (anec_result(a->kernel, name, &x, &a->e)
        || anec_result(b->kernel, name, &y, &b->e))
        fail_msg("%s%s", a->e.text, b->e.text);
    assert_int_equal(x.bytes, y.bytes);
    for (size_t i = 0; i < x.bytes / 4; i++) {
        const double u = (double)((float *)x.data)[i], v = (double)((float *)y.data)[i];
        off = fmax(off, fabs(u - v));
        most = fmax(most, fabs(v));
    }
    return off / most;
}

static void held_against(Bench *a, Bench *b, const char *what, double most)
{
    anec_tensor t;
    const char *name;
    for (int i = 0; (name = anec_port(b->kernel, ANEC_RESULT, i, &t)); i++) {
        const double off = apart(a, b, name);
        if (!(off <= most)) fail_msg("%s: %s is off by %g", what, name, off);
    }
}

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct {
    const char *what, *text;
    /* what the plan of cpu must have, and must not; NULL: anything */
    const char *has, *lacks;
} Case;

/* Inputs are x and w, which are drawn, and t, whose numbers are those of words. */
static const Case cases[] = {
    { "a loss and its gradients, in features by positions",
      "import \"std\"\n"
      "model main(x: fp32[2, 8, 1, 128], w: fp32[5000, 8], t: int32[2, 128]) -> loss, dx, dw {\n"
      "    loss = cross_entropy(linear(x, w), t)\n"
      "    dx, dw = grad(loss, [x, w])\n}\n",
      "matmul reduce_sum\n", "elementwise  cross_entropy_half" },
    { "the same in positions by features",
      "import \"std\"\n"
      "model main(x: fp32[257, 8], w: fp32[5000, 8], t: int32[257]) -> loss, dx, dw {\n"
      "    loss = cross_entropy(linear(x, w), t)\n"
      "    dx, dw = grad(loss, [x, w])\n}\n",
      "scatter_along_axis add\n", NULL },
    { "rows of a state are added to others, after the state is another",
      "import \"std\"\n"
      "model main(x: fp32[257, 8], w: fp32[5000, 8], t: int32[257]) -> y {\n"
      "    state s: fp32[257, 8]\n"
      "    weight none: fp32[5000, 8] = zeros\n"
      "    write(s, x)\n"
      "    g = mil.scatter(data = none, indices = t, updates = read(s), axis = 0, mode = \"add\")\n"
      "    write(s, x * 2.0)\n"
      "    y = mil.reverse(x = w, axes = [0]) + g\n}\n",
      "scatter", "scatter add\n" },
    { "rows that are added to zeros below 0, which stay so where nothing is added",
      "import \"std\"\n"
      "model main(x: fp32[257, 8], t: int32[257]) -> y {\n"
      "    weight none: fp32[5000, 8] = -0.0\n"
      "    g = mil.scatter(data = none, indices = t, updates = x, axis = 0, mode = \"add\")\n"
      "    y = mil.cast(x = mil.less(x = 1.0 / g, y = 0.0), dtype = \"fp32\")\n}\n",
      "scatter", NULL },
    { "a value that is computed again, and needed in memory as well",
      "import \"std\"\n"
      "model main(x: fp32[1100, 1024], w: fp32[1100, 1]) -> a, b, c {\n"
      "    y = exp(x) * w\n"
      "    a = reduce_sum(y * y, axes = [1], keep_dims = true)\n"
      "    b = reduce_max(y - a, axes = [0], keep_dims = true)\n"
      "    c = transpose(y + 1.0, perm = [1, 0])\n}\n",
      "transpose\n", NULL },
    { "rows of two that are both needed, one of them added to where others read",
      "import \"std\"\n"
      "model main(x: fp32[5000, 3], t: int32[70]) -> d, y {\n"
      "    z = gather(x, t, axis = 0)\n"
      "    y = x * 2.0\n"
      "    d = grad(reduce_sum(z * z, axes = [0, 1]) + reduce_sum(x * y, axes = [0, 1]), x)\n}\n",
      "gather\n", NULL },
    { "a sum of first and last dimensions",
      "import \"std\"\n"
      "model main(x: fp32[3, 5, 2, 37]) -> s, m, q {\n"
      "    s = reduce_sum(x, axes = [0, 3], keep_dims = true)\n"
      "    m = reduce_mean(x, axes = [0, 2, 3], keep_dims = false)\n"
      "    q = reduce_max(x, axes = [0, 2, 3], keep_dims = true)\n}\n",
      "reduce     s ", NULL },
    { "products that are summed over batches, with a number added",
      "import \"std\"\n"
      "model main(x: fp32[3, 33, 40], w: fp32[3, 40, 65]) -> s, p {\n"
      "    s = reduce_sum(matmul(x, w), axes = [0], keep_dims = false) + 1.0\n"
      "    p = reduce_sum(matmul(x, w, transpose_x = false) * 2.0, axes = [0], keep_dims = true)\n}\n",
      NULL, NULL },
    { "the same of columns that lie apart",
      "import \"std\"\n"
      "model main(x: fp32[3, 300, 33], w: fp32[3, 300, 65]) -> s {\n"
      "    s = reduce_sum(matmul(x, w, transpose_x = true), axes = [0], keep_dims = false)\n}\n",
      "matmul reduce_sum\n", NULL },
};

static void plan_is(Bench *b, const Case *c)
{
    char *text;
    if (anec_plan(b->kernel, "text", &text, &b->e)) fail_msg("%s", b->e.text);
    if (c->has && !strstr(text, c->has))
        fail_msg("%s: not \"%s\" in:\n%s", c->what, c->has, text);
    if (c->lacks && strstr(text, c->lacks))
        fail_msg("%s: \"%s\" in:\n%s", c->what, c->lacks, text);
    anec_text_free(text);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Bench ref, cpu, more;
        bench_open(&ref, "ref", cases[i].text);
        bench_open(&cpu, "cpu", cases[i].text);
        bench_open(&more, "cpu", cases[i].text);
        plan_is(&cpu, &cases[i]);
        bench_good(&ref, 1);
        bench_good(&cpu, 1);
        held_against(&cpu, &ref, cases[i].what, 1e-5);
        for (int threads = 2; threads <= 3; threads++) {
            bench_good(&more, threads);
            held_against(&more, &cpu, cases[i].what, 0);
        }
        bench_close(&ref);
        bench_close(&cpu);
        bench_close(&more);
    }
}

/* A word that is none, above and below, ends a run as it ends one of ref. */
static void test_outside(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int off = -3 * WORDS; off <= 3 * WORDS; off += 6 * WORDS) {
            Bench ref, cpu;
            bench_open(&ref, "ref", cases[i].text);
            bench_open(&cpu, "cpu", cases[i].text);
            assert_int_equal(bench_run(&ref, 1, off), bench_run(&cpu, 1, off));
            if (!strstr(cpu.e.text, "axis ") || strcmp(cpu.e.text, ref.e.text) != 0)
                fail_msg("cpu: %s, ref: %s", cpu.e.text, ref.e.text);
            bench_good(&cpu, 1);
            bench_close(&ref);
            bench_close(&cpu);
        }
}

/* ---- states -------------------------------------------------------------------------------- */

/* An op of r, by kernels of all kinds; weight: the dimensions of w, where there is one. */
static const struct {
    const char *dims, *weight, *op;
} readers[] = {
    { "[40, 64]", "", "mil.matmul(x = r, y = r, transpose_y = true)" },
    { "[40, 64]", "", "mil.softmax(x = r, axis = 1)" },
    { "[40, 64]", "", "mil.reduce_sum(x = r, axes = [1], keep_dims = true)" },
    { "[40, 64]", "", "mil.exp(x = r)" },
    { "[40, 64]", "", "mil.transpose(x = r, perm = [1, 0])" },
    { "[40, 64]", "", "mil.reshape(x = r, shape = [64, 40])" },
    { "[40, 64]", "", "mil.gather(x = r, indices = [3, 1, 7], axis = 0)" },
    { "[40, 64]", "", "mil.slice_by_size(x = r, begin = [1, 0], size = [9, 64])" },
    { "[40, 64]", "", "mil.concat(values = [r, r], axis = 0)" },
    { "[40, 64]", "", "mil.layer_norm(x = r, axes = [1], epsilon = 1e-5)" },
    { "[40, 64]", "", "mil.cumsum(x = r, axis = 1)" },
    { "[40, 64]", "[24, 64]", "linear(r, w)" },
    { "[1, 16, 12, 12]", "[32, 16, 3, 3]",
      "mil.conv(x = r, weight = w, pad_type = \"same\")" },
    { "[1, 16, 12, 12]", "[16, 16, 1, 1]", "mil.conv(x = r, weight = w)" },
    { "[1, 16, 12, 12]", "[16, 16, 1, 1]", "mil.conv_transpose(x = r, weight = w)" },
    { "[1, 16, 12, 12]", "",
      "mil.max_pool(x = r, kernel_sizes = [3, 3], strides = [2, 2], pad_type = \"same\")" },
};

/* The state is another before what follows the op joins it: %s is the op. */
static const char *const forms[] = {
    "    r = read(s)\n    a = %s\n    write(s, exp(x))\n    y = mil.relu(x = a + 1.0)\n",
    "    r = read(s)\n    write(s, exp(x))\n    y = tanh(%s) * 2.0\n",
    "    r = sigmoid(read(s)) + 0.5\n    write(s, exp(x))\n    y = %s\n",
};

static void test_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(readers) * COUNT(forms); i++) {
        const char *dims = readers[i / COUNT(forms)].dims,
                   *weight = readers[i / COUNT(forms)].weight;
        char has[128] = "", body[1024], text[2048];
        if (*weight)
            snprintf(has, sizeof has, "    weight w: fp32%s = normal(std = 0.1)\n",
                     weight);
        snprintf(body, sizeof body, forms[i % COUNT(forms)],
                 readers[i / COUNT(forms)].op);
        snprintf(text, sizeof text,
                 "import \"std\"\nmodel main(x: fp32%s) -> y {\n    state s: fp32%s\n"
                 "    write(s, x)\n%s%s}\n",
                 dims, dims, has, body);
        Bench ref, cpu;
        bench_open(&ref, "ref", text);
        bench_open(&cpu, "cpu", text);
        bench_good(&ref, 1);
        bench_good(&cpu, 2);
        held_against(&cpu, &ref, body, 1e-4);
        bench_close(&ref);
        bench_close(&cpu);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases),
                                        cmocka_unit_test(test_outside),
                                        cmocka_unit_test(test_states) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
