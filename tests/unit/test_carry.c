/* test_carry.c -- states on an engine, which has none: what a run leaves is what the next one begins
 * with, without a copy where the engine can have it so, and never with another meaning. */
#include "program_bench.h"
#include "standin.h"

static char *top;
static Arena arena;

enum { WIDTH = 640 }; /* of the state: 1280 bytes, which no other surface has */

/* kept is read and written, fixed is read alone; y = x + kept + fixed. */
static const char text[] =
    "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", \"3505.4.1\"}})]\n{\n"
    "    func main<ios18>(state<tensor<fp16, [1, 1, 1, 640]>> kept, state<tensor<fp16, [1, 1, 1, 640]>> fixed, "
    "tensor<fp16, [1, 1, 1, 64]> x) {\n"
    "        tensor<fp16, [1, 1, 1, 640]> old = read_state(input = kept)[name = string(\"old\")];\n"
    "        tensor<fp16, [1, 1, 1, 640]> add_to = read_state(input = fixed)[name = string(\"add_to\")];\n"
    "        tensor<fp16, [1, 1, 1, 1]> first = slice_by_size(x = x, begin = tensor<int32, [4]>([0, 0, 0, 0]), "
    "size = tensor<int32, [4]>([1, 1, 1, 1]))[name = string(\"first\")];\n"
    "        tensor<fp16, [1, 1, 1, 640]> both = add(x = old, y = add_to)[name = string(\"both\")];\n"
    "        tensor<fp16, [1, 1, 1, 640]> now = add(x = both, y = first)[name = string(\"now\")];\n"
    "        write_state(data = now, input = kept)[name = string(\"w\")];\n"
    "        tensor<fp16, [1, 1, 1, 1]> y = reduce_max(x = now, axes = tensor<int32, [1]>([3]), keep_dims = bool(true))"
    "[name = string(\"y\")];\n"
    "    } -> (y);\n}\n";

static void open_bench(Bench *t, const char *backend)
{
    const BackendOptions o = { .cache_dir = arena_printf(&arena, "%s/cache", top) };
    if (!bench_compiles(t, backend, &o, text, NULL)) fail_msg("%s", t->d.text.s);
}

static bool try_run(Bench *t, double x, const RunOptions *opt)
{
    static const Shape shape = { .rank = 4, .dim = { 1, 1, 1, 64 } };
    uint16_t v[64];
    for (int i = 0; i < 64; i++) v[i] = f16_from_double(x);
    const Binding in = { .name = "x", .value = tensor_view(DT_FP16, &shape, v) };
    return program_run(t->p, &t->d, &in, 1, opt);
}

static void check_run(Bench *t, double x, double want)
{
    const Binding *out;
    if (!try_run(t, x, &(RunOptions){ 0 })) fail_msg("%s", t->d.text.s);
    assert_int_equal(program_results(t->p, &out), 1);
    assert_float_equal(tensor_float(&out[0].value, 0), (float)want, 0);
}

static Tensor *state_of(Bench *t, const char *name)
{
    Binding *b;
    const int n = program_states(t->p, &b);
    assert_int_equal(n, 2);
    for (int i = 0; i < n; i++)
        if (!strcmp(b[i].name, name)) return &b[i].value;
    fail_msg("there is no state %s", name);
    return NULL;
}

static void fill(Tensor *t, double v)
{
    for (size_t i = 0; i < t->count; i++) tensor_set_float(t, i, v);
}

/* ---- the meaning, whoever runs it -------------------------------------------------------- */

static bool look_away(void *ctx, const Value *v, const Tensor *t)
{
    (void)ctx, (void)v, (void)t;
    return false;
}

/* Runs, what they leave, what somebody puts in between, and a run that is given up. */
static void follow_states(const char *backend, const char *chip)
{
    Bench t;
    set_machine(chip, "");
    open_bench(&t, backend);
    check_run(&t, 1, 1);
    check_run(&t, 2, 3);
    check_run(&t, 4, 7);
    assert_float_equal(tensor_float(state_of(&t, "kept"), WIDTH - 1), 7, 0);
    check_run(&t, 1, 8); /* after somebody has looked */
    fill(state_of(&t, "kept"), 20);
    fill(state_of(&t, "fixed"), 100);
    check_run(&t, 1, 121);
    check_run(&t, 1, 222); /* what is not written stays */
    assert_false(try_run(&t, 5, &(RunOptions){ .each = look_away }));
    check_run(&t, 0, 322);
    check_run(&t, 0, 422);
    assert_float_equal(tensor_float(state_of(&t, "fixed"), 0), 100, 0);
    program_reset(t.p);
    check_run(&t, 2, 2);
    assert_float_equal(tensor_float(state_of(&t, "kept"), 0), 2, 0);
    close_bench(&t);
}

static void test_states(void **state)
{
    static const char *const backend[] = { "ane", "auto", "sim:m1", "sim:m4", "ref" };
    (void)state;
    for (size_t i = 0; i < COUNT(backend); i++) follow_states(backend[i], "m1");
    follow_states("ane", "m5");
}

/* ---- without a copy ---------------------------------------------------------------------- */

static void run_ten(void)
{
    Bench t;
    set_machine("m4", "");
    open_bench(&t, "ane");
    check_run(&t, 1, 1);
    setenv("ANESIM_FAULT", "locks-told", 1); /* from here on */
    for (int i = 2; i <= 10; i++) check_run(&t, 1, i);
    fprintf(stderr, "why: %s\n", t.p->as.why);
    setenv("ANESIM_FAULT", "", 1);
    assert_float_equal(tensor_float(state_of(&t, "kept"), WIDTH - 1), 10, 0);
    close_bench(&t);
}

static int count_of(const char *said, const char *what)
{
    int n = 0;
    for (const char *s = said; (s = strstr(s, what)) != NULL; s++) n++;
    return n;
}

/* The input is written and the result read, and nobody touches the states. */
static void test_no_copy(void **state)
{
    char said[8192];
    (void)state;
    if (run_apart(run_ten, said, sizeof said)) fail_msg("%s", said);
    assert_non_null(strstr(said, "its states are kept in its memory"));
    assert_int_equal(count_of(said, "anesim: locked to write: 128 bytes\n"), 9);
    assert_int_equal(count_of(said, "anesim: locked to read: 64 bytes\n"), 9);
    assert_int_equal(count_of(said, "anesim: locked"), 18);
}

/* Results that lie otherwise than inputs cannot be those: then they are copied, 1280 bytes each
 * way. */
static void run_apart_places(void)
{
    Bench t;
    set_machine("m4", "result-rows");
    open_bench(&t, "ane");
    check_run(&t, 1, 1);
    setenv("ANESIM_FAULT", "result-rows,locks-told", 1);
    for (int i = 2; i <= 10; i++) check_run(&t, 1, i);
    fprintf(stderr, "why: %s\n", t.p->as.why);
    close_bench(&t);
}

static void test_copies(void **state)
{
    char said[8192];
    (void)state;
    if (run_apart(run_apart_places, said, sizeof said)) fail_msg("%s", said);
    assert_non_null(strstr(said, "its states are kept outside"));
    assert_int_equal(count_of(said, "anesim: locked to write: 1280 bytes\n"), 18);
    assert_int_equal(count_of(said, "anesim: locked to read: 1344 bytes\n"), 9);
}

/* ---- runs that fail ---------------------------------------------------------------------- */

/* The states are those before it: alone, where the next run goes on with them, and on auto,
 * where the processor does. */
static void fail_run(const char *backend, int good)
{
    Bench t;
    set_machine("m4", "");
    open_bench(&t, backend);
    for (int i = 0; i < good; i++) check_run(&t, 1, i + 1);
    set_machine("m4", "eval-fails");
    if (!strcmp(backend, "auto")) {
        check_run(&t, 1, good + 1);
        assert_string_equal(program_backend(t.p)->name, "cpu");
    } else {
        assert_false(try_run(&t, 1, &(RunOptions){ 0 }));
        expect_says(&t.d, "error: the engine did not run the program: ");
        assert_float_equal(tensor_float(state_of(&t, "kept"), 3), (float)good, 0);
        assert_false(try_run(&t, 1, &(RunOptions){ 0 }));
        set_machine("m4", "");
        check_run(&t, 1, good + 1);
    }
    set_machine("m4", "");
    check_run(&t, 3, good + 4);
    assert_float_equal(tensor_float(state_of(&t, "kept"), WIDTH - 1), (float)(good + 4), 0);
    close_bench(&t);
}

static void test_runs_that_fail(void **state)
{
    (void)state;
    for (int good = 0; good < 4; good++) {
        fail_run("ane", good);
        fail_run("auto", good);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_no_copy),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_runs_that_fail),
    };
    (void)argc;
    use_standin(argv[0]);
    top = make_folder(&arena);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
