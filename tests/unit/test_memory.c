/* test_memory.c -- the public library where memory runs out: each call with the n-th request
 * failing, for all n, that one alone and all from it on. A call that fails says so by its
 * status, leaves nothing of what it made, and works when it is made again. */
#include "../../backends/backend.h"
#include "../../frontend/frontend.h"
#include "../../include/anec.h"
#include "../../ir/mil/mil.h"
#include "unit.h"

#include <errno.h>

#if !defined(__GLIBC__) || defined(ANEC_SANITIZED)
static void test_skipped(void **state)
{
    (void)state;
    print_message(
        "skipped: requests for memory can be made to fail with the GNU library alone, unsanitized\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_skipped) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else

/* ---- requests that fail ------------------------------------------------------------------ */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);

/* fail_at 0: none fails; live: blocks that were not freed yet */
static long fail_at, requests, live;
static bool all_after;

static bool fails(void)
{
    const long n = __atomic_add_fetch(&requests, 1, __ATOMIC_RELAXED);
    if (!fail_at || n < fail_at || (n > fail_at && !all_after)) return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *p)
{
    if (p) __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return p;
}

void *malloc(size_t size) { return fails() ? NULL : counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(count, size));
}
void *realloc(void *p, size_t size)
{
    if (fails()) return NULL;
    void *q = __libc_realloc(p, size);
    return p ? q : counted(q);
}
void free(void *p)
{
    if (p) __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    __libc_free(p);
}

/* ---- what the calls work on -------------------------------------------------------------- */

static const char mil[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [2, 3]> x, state<tensor<fp32, [2, 3]>> s) {\n"
    "        tensor<fp32, [2, 3]> r = read_state(input = s)[name = string(\"r\")];\n"
    "        tensor<fp32, [2, 3]> v = add(x = x, y = r)[name = string(\"v\")];\n"
    "        tensor<fp32, [2, 3]> w = sigmoid(x = v)[name = string(\"w\")];\n"
    "        write_state(data = w, input = s)[name = string(\"k\")];\n"
    "    } -> (w);\n"
    "    func other<ios18>(tensor<fp32, [2, 3]> x) {\n"
    "        tensor<fp32, [2, 3]> y = mul(x = x, y = x)[name = string(\"y\")];\n"
    "    } -> (y);\n}\n";

static const char dsl[] = "import \"std\"\n"
                          "model main(x: fp16[1, 8, 1, 4]) -> y {\n"
                          "    weight w: [8, 8] = normal(std = 0.1, seed = 1)\n"
                          "    y = relu(linear(x, w))\n}\n";

static char *folder;
static float x[6] = { 1, 2, 3, 4, 5, 6 };
static uint16_t half[32];

static struct {
    const char *net, *npy, *out; /* files */
    anec_config *config;
    anec_device *cpu, *sim, *language;
    anec_model *model, *weights, *layers;
    anec_kernel *kernel, *other, *heavy, *simulated;
    /* what a call makes, */
    anec_device *device;
    anec_model *loaded;
    anec_kernel *compiled;
    anec_tensor tensor;
    anec_parts *parts;
    char *text;
    anec_error e;
} t;

static const char layered[] =
    "layer L { weight w: fp32[4, 4] = normal(std = 0.1)\n fn (x) = relu(linear(x, w)) }\n"
    "model main(x: fp32[2, 4], t: int32[2]) -> loss {\n"
    "    layer l: L[2]\n"
    "    for one in l { x = one(x) }\n"
    "    loss = reduce_mean(gather_along_axis(x, reshape(t, [2, 1]), axis = 1), axes = [0, 1])\n"
    "}\n";

#define FP32 (&(anec_tensor){ "fp32", 2, { 2, 3 }, x, sizeof x })
#define FP16 (&(anec_tensor){ "fp16", 4, { 1, 8, 1, 4 }, half, sizeof half })
#define GOOD(call) \
    do { \
        if (call) fail_msg("%s: %s", #call, t.e.text); \
    } while (0)

static void write_files(void)
{
    static Arena a;
    const char *top = folder = make_folder(&a);
    Diag d = { 0 };
    const Source src = { .name = "x.anedsl", .text = dsl, .len = sizeof dsl - 1 };
    Module *m = dsl_compile(&d, &src, &(DslOptions){ .dir = ".", .opset = OPSET_IOS16 });
    t.net = arena_printf(&a, "%s/net.mil", top);
    t.npy = arena_printf(&a, "%s/x.npy", top);
    t.out = arena_printf(&a, "%s/out.npy", top);
    if (!m || !mil_save(m, &d, t.net)) fail_msg("%s", d.text.s);
    module_free(m);
    diag_free(&d);
    GOOD(anec_tensor_save(NULL, FP32, t.npy, &t.e));
}

static int begin(void **state)
{
    (void)state;
    write_files();
    t.config = anec_config_new();
    GOOD(anec_config_set(t.config, "from", "anedsl", &t.e));
    GOOD(anec_open("cpu", NULL, &t.cpu, &t.e));
    GOOD(anec_open("sim:m1", NULL, &t.sim, &t.e));
    GOOD(anec_load_text(t.cpu, mil, sizeof mil - 1, NULL, &t.model, &t.e));
    GOOD(anec_load(t.cpu, t.net, &t.weights, &t.e));
    GOOD(anec_open_with("cpu", t.config, &t.language, &t.e));
    GOOD(anec_load_text(t.language, layered, sizeof layered - 1, ".", &t.layers, &t.e));
    GOOD(anec_compile(t.model, NULL, &t.kernel, &t.e));
    GOOD(anec_compile(t.model, "other", &t.other, &t.e));
    GOOD(anec_compile(t.weights, NULL, &t.heavy, &t.e));
    GOOD(anec_compile_on(t.weights, t.sim, NULL, &t.simulated, &t.e));
    GOOD(anec_bind(t.kernel, "x", FP32, &t.e));
    GOOD(anec_bind(t.other, "x", FP32, &t.e));
    GOOD(anec_bind(t.heavy, "x", FP16, &t.e));
    GOOD(anec_bind(t.simulated, "x", FP16, &t.e));
    return 0;
}

static int end(void **state)
{
    (void)state;
    anec_free(t.kernel), anec_free(t.other), anec_free(t.heavy), anec_free(t.simulated);
    anec_model_free(t.model), anec_model_free(t.weights), anec_model_free(t.layers);
    anec_close(t.cpu), anec_close(t.sim), anec_close(t.language);
    anec_config_free(t.config);
    remove_folder(folder);
    return 0;
}

/* ---- the calls --------------------------------------------------------------------------- */

static anec_status set(void) { return anec_config_set(t.config, "quiet", NULL, &t.e); }
static anec_status set_wrong(void)
{
    const anec_status s = anec_config_set(t.config, "tarket", "m1", &t.e);
    return s == ANEC_USAGE ? ANEC_OK : s;
}
static anec_status open_cpu(void)
{
    return anec_open_with("cpu", t.config, &t.device, &t.e);
}
static anec_status open_auto(void) { return anec_open("auto", NULL, &t.device, &t.e); }
static void close_device(void) { anec_close(t.device); }
static anec_status load_mil(void)
{
    return anec_load_text(t.cpu, mil, sizeof mil - 1, NULL, &t.loaded, &t.e);
}
static anec_status load_file(void) { return anec_load(t.cpu, t.net, &t.loaded, &t.e); }
static anec_status load_wrong(void)
{
    const anec_status s = anec_load_text(t.cpu, mil, sizeof mil - 9, NULL, &t.loaded,
                                         &t.e);
    return s == ANEC_WRONG ? ANEC_OK : s;
}
static anec_status load_dsl(void)
{
    anec_device *d;
    anec_status s = anec_open_with("cpu", t.config, &d, &t.e);
    if (!s) s = anec_load_text(d, dsl, sizeof dsl - 1, ".", &t.loaded, &t.e);
    if (!s || d) anec_close(d);
    return s;
}
static void free_loaded(void) { anec_model_free(t.loaded); }
static anec_status compile(void)
{
    return anec_compile(t.model, NULL, &t.compiled, &t.e);
}
static anec_status compile_weights(void)
{
    return anec_compile(t.weights, NULL, &t.compiled, &t.e);
}
static anec_status compile_sim(void)
{
    return anec_compile_on(t.weights, t.sim, NULL, &t.compiled, &t.e);
}
static anec_status make_instance(void)
{
    return anec_instance(t.kernel, &t.compiled, &t.e);
}
static anec_status cut_step(anec_device *device)
{
    const anec_step_options o = { .size = sizeof o };
    return anec_step_parts(t.layers, device, t.cpu, &o, 1, &t.parts, &t.e);
}
static anec_status cut_for_cpu(void) { return cut_step(t.cpu); }
static anec_status cut_for_sim(void) { return cut_step(t.sim); }
static void free_parts(void) { anec_parts_free(t.parts); }
static void free_compiled(void) { anec_free(t.compiled); }
static anec_status run(void) { return anec_run(t.kernel, &t.e); }
static anec_status run_heavy(void) { return anec_run(t.heavy, &t.e); }
static anec_status run_sim(void) { return anec_run(t.simulated, &t.e); }
static anec_status run_async(void)
{
    const anec_status s = anec_run_async(t.kernel, NULL, NULL, &t.e);
    return s ? s : anec_wait(t.kernel, &t.e);
}
static anec_status run_wired(void)
{
    anec_status s = anec_run(t.other, &t.e);
    if (!s) s = anec_rewire(t.kernel, "x", t.other, "y", &t.e);
    if (!s) s = anec_run(t.kernel, &t.e);
    return s;
}
static void cut_wire(void) { GOOD(anec_rewire(t.kernel, "x", NULL, NULL, &t.e)); }
static anec_status run_wrong(void)
{
    const anec_input in = { "z", NULL, FP32 };
    const anec_status s = anec_run_with(t.kernel, &in, 1, NULL, &t.e);
    return s == ANEC_WRONG ? ANEC_OK : s;
}
static anec_status describe(void)
{
    return anec_describe(t.model, "json", &t.text, &t.e);
}
static anec_status describe_text(void)
{
    return anec_describe(t.model, "text", &t.text, &t.e);
}
static void free_text(void) { anec_text_free(t.text); }
static anec_status summary(void)
{
    return (t.text = anec_summary(FP32)) ? ANEC_OK : ANEC_WORLD;
}
static anec_status read_npy(void)
{
    return anec_tensor_read(t.kernel, "x", t.npy, &t.tensor, &t.e);
}
static anec_status load_npy(void)
{
    return anec_tensor_load(t.config, t.npy, &t.tensor, &t.e);
}
static anec_status make_random(void)
{
    return anec_tensor_random(t.kernel, "x", 1, &t.tensor, &t.e);
}
static void free_tensor(void) { anec_tensor_free(&t.tensor); }
static anec_status save(void) { return anec_tensor_save(t.config, FP32, t.out, &t.e); }
static anec_status put_state(void)
{
    return anec_set_state(t.kernel, "s", FP32, NULL, &t.e);
}
static anec_status compare(void)
{
    anec_difference d = { .size = sizeof d };
    anec_compare(FP32, FP32, NULL, NULL, &d);
    return d.differs < 0 ? ANEC_WORLD : ANEC_OK;
}

static const struct Step {
    const char *name;
    anec_status (*call)(void);
    void (*undo)(void); /* after one that went well; NULL: nothing is to be done */
    bool grows; /* an object that is older keeps what the call left in it for later */
} steps[] = {
    { "anec_config_set", set, NULL, true },
    { "anec_config_set, wrong", set_wrong, NULL, true },
    { "anec_open_with", open_cpu, close_device, false },
    /* the system's libraries are looked for */
    { "anec_open, auto", open_auto, close_device, true },
    { "anec_load_text", load_mil, free_loaded, false },
    { "anec_load_text, wrong", load_wrong, NULL, false },
    { "anec_load_text, the language", load_dsl, free_loaded, false },
    { "anec_load", load_file, free_loaded, false },
    { "anec_compile", compile, free_compiled, true },
    { "anec_compile, weights", compile_weights, free_compiled, true },
    { "anec_compile_on, simulated", compile_sim, free_compiled, true },
    { "anec_instance", make_instance, free_compiled, true },
    { "anec_step_parts", cut_for_cpu, free_parts, true },
    { "anec_step_parts, simulated", cut_for_sim, free_parts, true },
    { "anec_run", run, NULL, true },
    { "anec_run, weights", run_heavy, NULL, true },
    { "anec_run, simulated", run_sim, NULL, true },
    { "anec_run_async", run_async, NULL, true },
    { "anec_rewire", run_wired, cut_wire, true },
    { "anec_run_with, wrong", run_wrong, NULL, true },
    { "anec_describe, json", describe, free_text, true },
    { "anec_describe, text", describe_text, free_text, true },
    { "anec_summary", summary, free_text, false },
    { "anec_tensor_read", read_npy, free_tensor, false },
    { "anec_tensor_load", load_npy, free_tensor, false },
    { "anec_tensor_random", make_random, free_tensor, false },
    { "anec_tensor_save", save, NULL, false },
    { "anec_set_state", put_state, NULL, false },
    { "anec_compare", compare, NULL, false },
};

/* ---- all of them ------------------------------------------------------------------------- */

/* The call with its n-th request failing; false: it makes less of them. */
static bool fail_nth(const struct Step *s, long n, int *failed)
{
    const long before = live;
    requests = 0;
    fail_at = n;
    const anec_status got = s->call();
    const bool reached = requests >= n;
    fail_at = 0;
    *failed += got != ANEC_OK;
    if (got != ANEC_OK && got != ANEC_WORLD)
        fail_msg("%s, request %ld: status %d: %s", s->name, n, (int)got, t.e.text);
    if (got == ANEC_OK && s->undo) s->undo();
    if (got != ANEC_OK && !s->grows && live != before)
        fail_msg("%s, request %ld: %ld blocks are left", s->name, n, live - before);
    return reached;
}

static void fail_all(const struct Step *s, bool on)
{
    int failed = 0;
    long n = 1;
    all_after = on;
    while (fail_nth(s, n, &failed)) n++;
    print_message("%-32s %ld requests, %d ended it\n", s->name, n - 1, failed);
    if (s->call()) fail_msg("%s, after that: %s", s->name, t.e.text);
    if (s->undo) s->undo();
}

static void test_one_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) fail_all(&steps[i], false);
}

static void test_all_requests_from_one_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) fail_all(&steps[i], true);
}

/* Everything that the library took is given back at the end, whatever failed in between. */
static void test_nothing_is_left(void **state)
{
    const long before = live;
    begin(state);
    all_after = false;
    for (size_t i = 0; i < COUNT(steps); i++) {
        int failed = 0;
        if (steps[i].call == open_auto) continue;
        for (long n = 1; fail_nth(&steps[i], n, &failed);) n += 3;
    }
    end(state);
    if (live != before) fail_msg("%ld blocks are left", live - before);
}

/* A lean run gives back what it alone needed, and its results are those of any other. */
static void test_lean_runs(void **state)
{
    const anec_run_options lean = { .size = sizeof lean, .lean = 1 };
    unsigned char result[64];
    anec_tensor y;
    (void)state;
    fail_at = 0;
    GOOD(anec_run(t.heavy, &t.e));
    const long kept = live;
    GOOD(anec_result(t.heavy, anec_port(t.heavy, ANEC_RESULT, 0, &y), &y, &t.e));
    assert_true(y.bytes && y.bytes <= sizeof result);
    memcpy(result, y.data, y.bytes);
    for (int i = 0; i < 2; i++) {
        GOOD(anec_run_with(t.heavy, NULL, 0, &lean, &t.e));
        assert_true(live < kept);
        GOOD(anec_result(t.heavy, anec_port(t.heavy, ANEC_RESULT, 0, &y), &y, &t.e));
        assert_memory_equal(y.data, result, y.bytes);
    }
    GOOD(anec_run(t.heavy, &t.e));
    assert_int_equal(live, kept);
}

/* From the second run on the reference asks the system for nothing: what its ops need, small
 * or large, and what they result in has the room that it had before. */
static void test_a_steady_run_asks_for_nothing(void **state)
{
    static const char text[] =
        "model main(x: fp32[1, 64, 1, 16], h: fp32[2, 8], s: fp32[3, 2, 8]) -> (y, z) {\n"
        "    weight w: [96, 64, 1, 3] = normal(seed = 1), f: [40, 96] = normal(seed = 2)\n"
        "    weight a: [32, 8] = normal(seed = 3), b: [32, 8] = normal(seed = 4)\n"
        "    c = relu(conv(x, w, pad_type = \"same\"))\n"
        "    y = softmax(linear(transpose(reshape(c, [96, 16]), perm = [1, 0]), f), axis = 1)\n"
        "    q = lstm(s, initial_h = h, initial_c = h, weight_ih = a, weight_hh = b)\n"
        "    z = q[0]\n"
        "}\n";
    static const float zero[1024];
    const Shape xs = SHAPE(1, 64, 1, 16), hs = SHAPE(2, 8), ss = SHAPE(3, 2, 8);
    const Binding in[] = { { .name = "x", .value = tensor_view(DT_FP32, &xs, zero) },
                           { .name = "h", .value = tensor_view(DT_FP32, &hs, zero) },
                           { .name = "s", .value = tensor_view(DT_FP32, &ss, zero) } };
    const Source src = { .name = "steady.anedsl", .text = text, .len = sizeof text - 1 };
    Diag d = { .quiet = true };
    const Backend *ref = backend_find("ref");
    long first = 0;
    (void)state;
    fail_at = 0;
    Module *m = dsl_compile(&d, &src, &(DslOptions){ .opset = OPSET_IOS18 });
    if (!m) fail_msg("%s", d.text.s);
    Program *p = program_new(ref, m, module_main(m), &d);
    assert_non_null(p);
    for (int i = 0; i < 4; i++) {
        const long before = requests;
        assert_true(ref->run(p, &d, in, 3, &(RunOptions){ .max_steps = 0 }));
        if (i == 0) first = requests - before;
        if (i > 1) assert_int_equal(requests - before, 0);
    }
    assert_true(first > 10);
    const long kept = live;
    assert_true(ref->run(p, &d, in, 3, &(RunOptions){ .lean = true }));
    assert_true(live < kept);
    program_free(p);
    module_free(m);
    diag_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_steady_run_asks_for_nothing),
        cmocka_unit_test_setup_teardown(test_lean_runs, begin, end),
        cmocka_unit_test_setup_teardown(test_one_request, begin, end),
        cmocka_unit_test_setup_teardown(test_all_requests_from_one_on, begin, end),
        cmocka_unit_test(test_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
