/* test_carry.c -- states on an engine, which has none: what a run leaves is what the next one begins
 * with, without a copy where the engine can have it so, and never with other results. */
#include "program_bench.h"
#include "standin.h"

static char *top;
static Arena arena;

enum { WIDTH = 640 }; /* of the state: 1280 bytes, which no other surface has */

/* kept is read and written, fixed is read alone; y = x + kept + fixed. */
static const char plain[] =
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

/* The same of a program that becomes three in a row on an engine, in the places that reading and
 * writing kept may have there. Its layers leave h, whose elements are all x, as it is. */
typedef struct {
    const char *early, *after; /* ops before its layers, and behind them */
} DeepPlaces;

#define WIDE "tensor<fp16, [1, 1, 1, 640]> "
#define ONE "tensor<fp16, [1, 1, 1, 1]> "
#define LARGEST(name, of) \
    "        " ONE name " = reduce_max(x = " of \
    ", axes = tensor<int32, [1]>([3]), keep_dims = bool(true))[name = string(\"" name \
    "\")];\n"
#define OP_TEXT(type, name, what) \
    "        " type name " = " what "[name = string(\"" name "\")];\n"
#define FIRST(of) \
    "slice_by_size(x = " of \
    ", begin = tensor<int32, [4]>([0, 0, 0, 0]), size = tensor<int32, [4]>([1, 1, 1, 1]))"
#define KEEP "        write_state(data = now, input = kept)[name = string(\"w\")];\n"

static const DeepPlaces in_first = {
    OP_TEXT(WIDE, "now", "add(x = both, y = first)") KEEP,
    OP_TEXT(ONE, "more", "sub(x = last, y = first)"),
};
/* first reads it too, and the last makes of it what it becomes */
static const DeepPlaces in_both = {
    LARGEST("early", "old"),
    LARGEST("late", "old") OP_TEXT(ONE, "more", "sub(x = early, y = late)")
        OP_TEXT(WIDE, "now", "add(x = both_late, y = last)") KEEP,
};
/* the last has what it becomes alone */
static const DeepPlaces apart = {
    "",
    OP_TEXT(ONE, "more", "sub(x = last, y = first)")
        OP_TEXT(WIDE, "now", "add(x = both, y = first)") KEEP,
};
/* the last reads what it was, which the first has replaced */
static const DeepPlaces replaced = {
    LARGEST("early", "old") OP_TEXT(WIDE, "now", "add(x = both, y = first)") KEEP,
    LARGEST("late", "old") OP_TEXT(ONE, "zero", "sub(x = early, y = late)")
        OP_TEXT(ONE, "same", "sub(x = last, y = first)")
            OP_TEXT(ONE, "more", "add(x = zero, y = same)"),
};

static void deep_layers(Buf *b, int n)
{
    static const char layer[] =
        "        tensor<fp16, [1, 1, 2, 2]> s%d = matmul(x = h%d, y = h%d, transpose_x = bool(false), transpose_y = bool(true))"
        "[name = string(\"s%d\")];\n"
        "        tensor<fp16, [1, 1, 2, 2]> p%d = softmax(x = s%d, axis = int32(-1))[name = string(\"p%d\")];\n"
        "        tensor<fp16, [1, 1, 2, 32]> h%d = matmul(x = p%d, y = h%d, transpose_x = bool(false), transpose_y = bool(false))"
        "[name = string(\"h%d\")];\n";
    for (int i = 0; i < n; i++)
        buf_printf(b, layer, i, i, i, i, i, i, i, i + 1, i, i, i + 1);
}

static const char *deep(const DeepPlaces *at)
{
    Buf b = { 0 };
    buf_puts(
        &b,
        "program(1.3)\n"
        "[buildInfo = dict<string, string>({{\"coremlc-version\", \"3505.4.1\"}})]\n{\n"
        "    func main<ios18>(state<" WIDE "> kept, state<" WIDE
        "> fixed, tensor<fp16, [1, 1, 1, 64]> x) {\n");
    buf_puts(
        &b,
        OP_TEXT(WIDE, "old", "read_state(input = kept)") OP_TEXT(
            WIDE, "add_to", "read_state(input = fixed)") OP_TEXT(ONE, "first", FIRST("x"))
            OP_TEXT(WIDE, "both", "add(x = old, y = add_to)")
                OP_TEXT("tensor<fp16, [1, 1, 2, 32]> ", "h0",
                        "reshape(x = x, shape = tensor<int32, [4]>([1, 1, 2, 32]))"));
    buf_puts(&b, at->early);
    deep_layers(&b, 70);
    buf_puts(&b, OP_TEXT(ONE, "last", FIRST("h70"))
                     OP_TEXT(WIDE, "both_late", "add(x = old, y = add_to)"));
    buf_puts(&b, at->after);
    buf_puts(&b, LARGEST("most", "now")
                     OP_TEXT(ONE, "y", "add(x = most, y = more)") "    } -> (y);\n}\n");
    const char *made = arena_strndup(&arena, b.s, b.len);
    buf_free(&b);
    return made;
}

/* What programs of the tests are made of, unless a test sets another. */
static const char *text = plain;

static void open_bench(Bench *t, const char *backend)
{
    const BackendOptions o = { .cache_dir = arena_printf(&arena, "%s/cache", top) };
    if (!bench_compiles(t, backend, &o, text, NULL)) fail_msg("%s", t->d.text.s);
}

/* How a run calls the input x; test_names has another. */
static const char *called = "x";

static bool try_run(Bench *t, double x, const RunOptions *opt)
{
    static const Shape shape = { .rank = 4, .dim = { 1, 1, 1, 64 } };
    uint16_t v[64];
    for (int i = 0; i < 64; i++) v[i] = f16_from_double(x);
    const Binding in = { .name = called, .value = tensor_view(DT_FP16, &shape, v) };
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

/* ---- the results, whoever runs it -------------------------------------------------------- */

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

static const DeepPlaces *const places[] = { &in_first, &in_both, &apart, &replaced };

static void test_states_of_parts(void **state)
{
    static const char *const backend[] = { "ane", "auto", "sim:m4", "ref" };
    (void)state;
    for (size_t k = 0; k < COUNT(places); k++) {
        text = deep(places[k]);
        for (size_t i = 0; i < COUNT(backend); i++) follow_states(backend[i], "m4");
    }
    text = plain;
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

/* Nor does anybody touch what goes from part to part. */
static void test_no_copy_in_parts(void **state)
{
    char said[16384];
    (void)state;
    for (int k = 0; k < 2; k++) {
        text = deep(places[k]);
        if (run_apart(run_ten, said, sizeof said)) fail_msg("%s", said);
        assert_non_null(
            strstr(said, "3 programs in a row; its states are kept in its memory"));
        assert_int_equal(count_of(said, "1280 bytes\n"), 0);
        assert_int_equal(count_of(said, "anesim: locked to read: 64 bytes\n"), 9);
        assert_int_equal(count_of(said, "anesim: locked to read"), 9);
    }
    text = plain;
}

/* A part that would find what is new, or have no second surface for it: copied. */
static void test_copies_in_parts(void **state)
{
    char said[16384];
    (void)state;
    for (int k = 2; k < 4; k++) {
        text = deep(places[k]);
        if (run_apart(run_ten, said, sizeof said)) fail_msg("%s", said);
        assert_non_null(strstr(said, "3 programs in a row; its states are kept outside"));
        assert_int_equal(count_of(said, "anesim: locked to read: 1280 bytes\n"), 9);
    }
    text = plain;
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
    assert_float_equal(tensor_float(state_of(&t, "kept"), WIDTH - 1), (float)(good + 4),
                       0);
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

/* The engine fails in each of three parts, after as many good runs. */
static int fail_good, fail_part;
static const char *fail_backend;

static void fail_in_part(void)
{
    Bench t;
    set_machine("m4", "");
    open_bench(&t, fail_backend);
    for (int i = 0; i < fail_good; i++) check_run(&t, 1, i + 1);
    set_machine("m4", arena_printf(&arena, "eval-fails:%d", fail_part + 1));
    if (!strcmp(fail_backend, "auto")) {
        check_run(&t, 1, fail_good + 1);
    } else {
        assert_false(try_run(&t, 1, &(RunOptions){ 0 }));
        if (fail_good % 2) /* nobody looks */
            assert_float_equal(tensor_float(state_of(&t, "kept"), 3), (float)fail_good,
                               0);
        set_machine("m4", "");
        check_run(&t, 1, fail_good + 1);
    }
    set_machine("m4", "");
    check_run(&t, 3, fail_good + 4);
    assert_float_equal(tensor_float(state_of(&t, "kept"), WIDTH - 1),
                       (float)(fail_good + 4), 0);
    close_bench(&t);
}

static void test_parts_that_fail(void **state)
{
    char said[8192];
    (void)state;
    for (size_t k = 0; k < COUNT(places); k++) {
        text = deep(places[k]);
        for (fail_good = 0; fail_good < 4; fail_good++)
            for (fail_part = 0; fail_part < 3; fail_part++)
                for (int i = 0; i < 2; i++) {
                    fail_backend = i ? "auto" : "ane";
                    if (run_apart(fail_in_part, said, sizeof said))
                        fail_msg("program %zu, %d good runs, part %d, %s: %s", k,
                                 fail_good, fail_part, fail_backend, said);
                }
    }
    text = plain;
}

/* ---- behind an engine that leaves the choice of a class to the processor ----------------- */

/* The class is the state's largest of two elements, which each run changes by x. */
static const char choosing[] =
    "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", \"3505.4.1\"}})]\n{\n"
    "    func main<ios18>(state<tensor<fp16, [1, 2]>> kept, tensor<fp16, [1, 2]> x) {\n"
    "        tensor<fp16, [1, 2]> old = read_state(input = kept)[name = string(\"old\")];\n"
    "        tensor<fp16, [1, 2]> now = add(x = old, y = x)[name = string(\"now\")];\n"
    "        write_state(data = now, input = kept)[name = string(\"w\")];\n"
    "        tensor<fp16, [1, 2]> p = softmax(x = now, axis = int32(-1))[name = string(\"p\")];\n"
    "        tensor<fp32, [1, 2]> q = cast(x = p, dtype = string(\"fp32\"))[name = string(\"q\")];\n"
    "        string label, dict<string, fp64> probs = classify(classes = list<string, 2>([\"no\", \"yes\"]), "
    "probabilities = q)[name = string(\"c\")];\n"
    "    } -> (label, probs);\n}\n";

static bool choose(Bench *t, double no, double yes, const RunOptions *opt)
{
    static const Shape shape = { .rank = 2, .dim = { 1, 2 } };
    uint16_t v[2] = { f16_from_double(no), f16_from_double(yes) };
    const Binding in = { .name = called, .value = tensor_view(DT_FP16, &shape, v) };
    return program_run(t->p, &t->d, &in, 1, opt);
}

static void check_choice(Bench *t, double no, double yes, const char *want)
{
    const Binding *out;
    if (!choose(t, no, yes, &(RunOptions){ 0 })) fail_msg("%s", t->d.text.s);
    assert_int_equal(program_results(t->p, &out), 2);
    assert_string_equal(*(const char *const *)out[0].value.data, want);
}

static bool look_at_label(void *ctx, const Value *v, const Tensor *t)
{
    (void)ctx, (void)t;
    return strcmp(v->name, "label") != 0; /* the processor's part ends with it */
}

static void check_kept(Bench *t, double no, double yes)
{
    Binding *b;
    assert_int_equal(program_states(t->p, &b), 1);
    assert_float_equal(tensor_float(&b->value, 0), (float)no, 0);
    assert_float_equal(tensor_float(&b->value, 1), (float)yes, 0);
}

/* A run whose second half is given up leaves states as they were, although the engine has run. */
static void follow_choices(const char *backend, int good)
{
    Bench t;
    const BackendOptions o = { .cache_dir = arena_printf(&arena, "%s/cache", top) };
    set_machine("m4", "");
    if (!bench_compiles(&t, backend, &o, choosing, NULL)) fail_msg("%s", t.d.text.s);
    for (int i = 0; i < good; i++) check_choice(&t, 1, 0, "no");
    assert_false(choose(&t, 0, 10, &(RunOptions){ .each = look_at_label }));
    if (good == 2) check_kept(&t, good, 0);
    check_choice(&t, 0, 1, good ? "no" : "yes");
    check_kept(&t, good, 1);
    check_choice(&t, 0, 3, "yes");
    check_kept(&t, good, 4);
    if (!strcmp(backend, "ane"))
        assert_non_null(strstr(t.p->as.why, "its states are kept in its memory"));
    close_bench(&t);
}

static void test_choices(void **state)
{
    static const char *const backend[] = { "ane", "auto", "sim:m4" };
    (void)state;
    for (size_t i = 0; i < COUNT(backend); i++)
        for (int good = 0; good < 4; good++) follow_choices(backend[i], good);
}

/* ---- names --------------------------------------------------------------------------------- */

/* The parameters' own names, which a steady run knows by their addresses: from here on nobody can
 * read one. */
static void hide_names(const Bench *t)
{
    const Block *b = module_main(t->m)->body;
    for (int i = 0; i < b->nparam; i++) {
        const bool x = !strcmp(b->param[i]->name, "x");
        b->param[i]->name = (const char *)(uintptr_t)(i + 1);
        if (x) called = b->param[i]->name;
    }
}

static void run_without_names(const char *backend)
{
    Bench t;
    set_machine("m4", "");
    open_bench(&t, backend);
    check_run(&t, 1, 1);
    hide_names(&t);
    for (int i = 2; i < 5; i++) check_run(&t, 1, i);
    called = "x";
    close_bench(&t);
}

static void choose_without_names(const char *backend)
{
    Bench t;
    const BackendOptions o = { .cache_dir = arena_printf(&arena, "%s/cache", top) };
    set_machine("m4", "");
    if (!bench_compiles(&t, backend, &o, choosing, NULL)) fail_msg("%s", t.d.text.s);
    check_choice(&t, 1, 0, "no");
    hide_names(&t);
    check_choice(&t, 0, 3, "yes");
    check_choice(&t, 9, 0, "no");
    called = "x";
    close_bench(&t);
}

static void test_names(void **state)
{
    static const char *const backend[] = { "ane", "auto", "cpu", "ref", "sim:m4" };
    (void)state;
    for (size_t i = 0; i < COUNT(backend); i++) {
        run_without_names(backend[i]);
        choose_without_names(backend[i]);
        for (size_t k = 0; k < COUNT(places); k++) {
            text = deep(places[k]);
            run_without_names(backend[i]);
        }
        text = plain;
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_states_of_parts),
        cmocka_unit_test(test_no_copy_in_parts),
        cmocka_unit_test(test_copies_in_parts),
        cmocka_unit_test(
            test_parts_that_fail), /* before others have counted evaluations */
        cmocka_unit_test(test_no_copy),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_runs_that_fail),
        cmocka_unit_test(test_names),
    };
    (void)argc;
    top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
