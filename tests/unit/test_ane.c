/* test_ane.c -- programs on the stand-in's engine: wires, functions, places, the cache behind
 * them. */
#include "../../backends/ane/cache.h"
#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "standin.h"

#include <sys/stat.h>
#include <time.h>

static char *top;
static Arena arena;

typedef struct {
    Source src;
    Module *m;
    const Backend *b;
    Diag d;
} Bench;

#define HEAD "program(1.3)\n{\n"
/* clang-format off */
#define STEP(name, k)                                                                              \
    "    func " name "<ios18>(tensor<fp32, [1, 2, 1, 3]> w, tensor<fp32, [1, 2, 1, 3]> x) {\n"      \
    "        string h = const()[name = string(\"h\"), val = string(\"fp16\")];\n"                   \
    "        string s = const()[name = string(\"s\"), val = string(\"fp32\")];\n"                   \
    "        tensor<fp16, [1, 2, 1, 3]> w_h = cast(x = w, dtype = h)[name = string(\"w_h\")];\n"    \
    "        tensor<fp16, [1, 2, 1, 3]> x_h = cast(x = x, dtype = h)[name = string(\"x_h\")];\n"    \
    "        tensor<fp16, [1, 2, 1, 3]> p = mul(x = x_h, y = fp16(" k "))[name = string(\"p\")];\n"  \
    "        tensor<fp16, [1, 2, 1, 3]> q = add(x = w_h, y = p)[name = string(\"q\")];\n"           \
    "        tensor<fp32, [1, 2, 1, 3]> v = cast(x = q, dtype = s)[name = string(\"v\")];\n"        \
    "    } -> (v);\n"
/* clang-format on */
static const char one[] = HEAD STEP("main", "1") "}\n";
static const char two[] = HEAD STEP("main", "1") STEP("twice", "2") "}\n";

static void open_bench(Bench *t, const char *backend, const char *text)
{
    *t = (Bench){ .src = { .name = "t.mil", .text = text, .len = strlen(text) } };
    t->m = mil_read(&t->d, &t->src, ".");
    if (!t->m || !module_verify(t->m, &t->d, NULL)) fail_msg("%s", t->d.text.s);
    t->b = backend_open(backend,
                        &(BackendOptions){ .cache_dir = arena_printf(&arena, "%s/cache", top) },
                        &t->d);
    assert_non_null(t->b);
}

static void close_bench(Bench *t)
{
    backend_close(t->b);
    module_free(t->m);
    diag_free(&t->d);
}

static Program *new_program(Bench *t, const char *func)
{
    Program *p = program_new(t->b, t->m, module_func(t->m, func), &t->d);
    if (!p) fail_msg("%s", t->d.text.s);
    return p;
}

static const Shape shape = { .rank = 4, .dim = { 1, 2, 1, 3 } };

/* v after a run, each element the same in these programs. */
static double run(Program *p, Diag *d, float *w, float *x)
{
    Binding in[2];
    const Binding *out;
    int n = 0;
    if (w) in[n++] = (Binding){ .name = "w", .value = tensor_view(DT_FP32, &shape, w) };
    if (x) in[n++] = (Binding){ .name = "x", .value = tensor_view(DT_FP32, &shape, x) };
    if (!program_run(p, d, in, n, &(RunOptions){ 0 })) fail_msg("%s", d->text.s);
    assert_int_equal(program_results(p, &out), 1);
    assert_int_equal(out[0].value.dtype, DT_FP32);
    for (size_t i = 1; i < 6; i++)
        assert_float_equal(tensor_float(&out[0].value, i), tensor_float(&out[0].value, 0), 0);
    return tensor_float(&out[0].value, 5);
}

static void fill(float v[6], float value)
{
    for (int i = 0; i < 6; i++) v[i] = value;
}

static const char *const everywhere[] = { "ane", "coreml", "cpu", "ref", "auto" };

/* ---- wires: the same everywhere ---------------------------------------------------------- */

static void ping_pong(const char *backend, const char *chip)
{
    Bench t;
    float w[6], x[6];
    set_machine(chip, "");
    open_bench(&t, backend, two);
    Program *p = new_program(&t, "main"), *q = new_program(&t, "twice");
    fill(w, 10);
    fill(x, 1);
    assert_true(program_wire(p, "w", p, "v", &t.d)); /* v of a run is w of the next */
    assert_true(program_wire(q, "w", p, "v", &t.d));
    assert_float_equal(run(p, &t.d, w, x), 11, 0);
    assert_float_equal(run(p, &t.d, NULL, x), 12, 0);
    assert_float_equal(run(q, &t.d, NULL, x), 14, 0); /* 12 + 2 */
    /* what is given for a wired input does not count */
    assert_float_equal(run(p, &t.d, w, x), 13, 0);
    assert_float_equal(run(q, &t.d, NULL, x), 15, 0);
    assert_float_equal(run(q, &t.d, NULL, x), 15, 0);
    assert_true(program_wire(p, "w", NULL, NULL, &t.d)); /* given again */
    assert_float_equal(run(p, &t.d, w, x), 11, 0);
    assert_float_equal(run(q, &t.d, NULL, x), 13, 0);
    assert_true(program_wire(q, "w", NULL, NULL, &t.d));
    assert_float_equal(run(q, &t.d, w, x), 12, 0);
    program_free(q);
    program_free(p);
    close_bench(&t);
}

static void test_wires(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(everywhere); i++) {
        ping_pong(everywhere[i], "m1");
        ping_pong(everywhere[i], "m4");
    }
}

static void test_wire_errors(void **state)
{
    Bench t, u;
    (void)state;
    static const char other[] =
        "program(1.3)\n{\n    func main<ios18>(tensor<fp32, [1, 2, 1, 3]> x) {\n"
        "        tensor<fp32, [1, 2, 1, 3]> y = relu(x = x)[name = string(\"y\")];\n"
        "        tensor<bool, [1, 2, 1, 3]> z = greater(x = x, y = y)[name = string(\"z\")];\n    } -> (y, z);\n}\n";
    open_bench(&t, "cpu", one);
    open_bench(&u, "cpu", other);
    Program *p = new_program(&t, "main"), *q = new_program(&u, "main");
    assert_false(program_wire(p, "u", q, "y", &t.d));
    expect_said(&t.d, "error: main has no input u\n");
    assert_false(program_wire(p, "w", q, "v", &t.d));
    expect_said(&t.d, "error: main has no result v\n");
    assert_false(program_wire(p, "w", q, "z", &t.d));
    expect_said(
        &t.d,
        "error: input w is tensor<fp32, [1, 2, 1, 3]>, but result z is tensor<bool, [1, 2, 1, 3]>: they cannot be one\n");
    program_free(p);
    program_free(q);
    close_bench(&t);
    close_bench(&u);
}

/* ---- places: more programs than fit ------------------------------------------------------ */

static void places(const char *faults)
{
    enum { N = 5 };
    Bench t[N];
    Program *p[N];
    float w[6], x[6];
    fill(w, 1);
    fill(x, 2);
    set_machine("m4", faults);
    open_bench(&t[0], "ane", one);
    for (int i = 0; i < N; i++) {
        if (i) {
            t[i] = t[0];
            t[i].d = (Diag){ 0 };
            t[i].m = mil_read(&t[i].d, &t[i].src, ".");
        }
        p[i] = new_program(&t[i], "main");
    }
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) assert_float_equal(run(p[i], &t[i].d, w, x), 3, 0);
    for (int i = N; i--;) program_free(p[i]);
    for (int i = 1; i < N; i++) {
        module_free(t[i].m);
        diag_free(&t[i].d);
    }
    close_bench(&t[0]);
}

/* Unloading removes the model's folder, and the system may have purged what it compiled. */
static void test_places(void **state)
{
    (void)state;
    places("slots:2");
    places("slots:2,purged");
}

/* A program whose place was taken is loaded again when it runs; if that fails, so does the
 * run. */
static void test_loaded_again(void **state)
{
    Bench t, u;
    float w[6], x[6];
    (void)state;
    fill(w, 1);
    fill(x, 2);
    set_machine("m4", "slots:1");
    open_bench(&t, "ane", one);
    u = t;
    u.m = mil_read(&u.d, &u.src, ".");
    Program *p = new_program(&t, "main"), *q = new_program(&u, "main");
    set_machine("m4", "load-busy:6");
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, w) },
                      { .name = "x", .value = tensor_view(DT_FP32, &shape, x) } };
    assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ 0 }));
    expect_says(
        &t.d,
        "error: the engine cannot load the program again: com.apple.appleneuralengine 6: Program load "
        "failure: status=0x5: no ANE resources (the engine has no room at this moment");
    assert_float_equal(run(p, &t.d, w, x), 3, 0); /* it has passed */
    program_free(q);
    program_free(p);
    module_free(u.m);
    close_bench(&t);
}

/* A system that has no room for even one more says so. */
static void test_no_place(void **state)
{
    Bench t;
    (void)state;
    set_machine("m4", "slots:-1");
    open_bench(&t, "ane", one);
    assert_null(program_new(t.b, t.m, module_main(t.m), &t.d));
    expect_says(
        &t.d,
        "error: the engine does not load the program: com.apple.appleneuralengine 6: Program load "
        "failure (0x50004) (too many programs are loaded: about 127 fit)");
    close_bench(&t);
}

/* Compilations that succeed are counted by the system; after its limit the message says what
 * helps. */
static void test_many_compilations(void **state)
{
    Bench t;
    (void)state;
    assert_true(file_remove_tree(arena_printf(&arena, "%s/cache", top)));
    set_machine("m4", "compiles:1");
    open_bench(&t, "ane", two);
    Program *p = new_program(&t, "main");
    Module *m = mil_read(&t.d, &(Source){ .name = "u.mil", .text = one, .len = strlen(one) },
                         ".");
    assert_null(program_new(t.b, m, module_main(m), &t.d));
    expect_says(&t.d, "error: the engine takes no form of this program: fp32 refused: ");
    module_free(m);
    program_free(p);
    close_bench(&t);
}

/* ---- runs that fail ---------------------------------------------------------------------- */

/* On auto the processor goes on, with what the failed run was given: also through wires. */
static void break_at(const char *chip, const char *faults, int good)
{
    Bench t;
    float w[6], x[6];
    set_machine(chip, "");
    open_bench(&t, "auto", two);
    Program *p = new_program(&t, "main"), *q = new_program(&t, "twice");
    fill(w, 10);
    fill(x, 1);
    assert_true(program_wire(p, "w", p, "v", &t.d));
    assert_true(program_wire(q, "w", p, "v", &t.d));
    double v = 10;
    for (int i = 0; i < 6; i++) {
        if (i == good) set_machine(chip, faults);
        v += 1;
        assert_float_equal(run(p, &t.d, i ? NULL : w, x), v, 0);
        assert_string_equal(program_backend(p)->name, i < good ? "ane" : "cpu");
        if (i == good)
            expect_says(
                &t.d, "warning: cpu does this program from here on: a run failed on ane: the ");
        if (i == good) set_machine(chip, "");
        assert_float_equal(run(q, &t.d, NULL, x), v + 2, 0);
        assert_string_equal(program_backend(q)->name, "ane");
    }
    assert_null(t.d.text.s); /* said once */
    assert_non_null(strstr(p->as.why, "a run failed on ane: the "));
    assert_true(program_wire(q, "w", NULL, NULL, &t.d));
    assert_true(program_wire(q, "w", p, "v", &t.d));
    assert_float_equal(run(q, &t.d, NULL, x), v + 2, 0);
    assert_true(program_wire(p, "w", NULL, NULL, &t.d));
    assert_float_equal(run(p, &t.d, w, x), 11, 0);
    program_reset(p);
    program_free(q);
    program_free(p);
    close_bench(&t);
}

static void test_runs_that_fail(void **state)
{
    static const char *const chips[] = { "m1", "m4" };
    static const char *const faults[] = { "eval-fails", "silent-zeros", "half-written" };
    (void)state;
    for (size_t c = 0; c < COUNT(chips); c++)
        for (int good = 0; good < 4; good++)
            for (size_t i = 0; i < (good ? 1 : COUNT(faults)); i++)
                break_at(chips[c], faults[i], good);
}

/* Between two programs that feed each other either may fall. */
static void test_one_of_two_fails(void **state)
{
    Bench t;
    float w[6], x[6];
    (void)state;
    fill(w, 10);
    fill(x, 1);
    for (int falls = 0; falls < 2; falls++) {
        set_machine("m4", "");
        open_bench(&t, "auto", two);
        Program *p = new_program(&t, "main"), *q = new_program(&t, "twice");
        assert_true(program_wire(p, "w", q, "v", &t.d));
        assert_true(program_wire(q, "w", p, "v", &t.d));
        double v = 10;
        for (int i = 0; i < 4; i++) {
            if (i == 2 && falls == 0) set_machine("m4", "eval-fails");
            v += 1;
            assert_float_equal(run(p, &t.d, i ? NULL : w, x), v, 0);
            set_machine("m4", i == 2 && falls == 1 ? "eval-fails" : "");
            v += 2;
            assert_float_equal(run(q, &t.d, NULL, x), v, 0);
            set_machine("m4", "");
        }
        assert_string_equal(program_backend(p)->name, falls == 0 ? "cpu" : "ane");
        assert_string_equal(program_backend(q)->name, falls == 1 ? "cpu" : "ane");
        expect_says(&t.d, "warning: cpu does this program from here on: a run failed on ane: ");
        program_free(q);
        program_free(p);
        close_bench(&t);
    }
}

/* Alone the engine's failure stays an error; what passes is waited for. */
static void test_run_alone(void **state)
{
    Bench t;
    float w[6], x[6];
    (void)state;
    fill(w, 1);
    fill(x, 2);
    set_machine("m4", "");
    open_bench(&t, "ane", one);
    Program *p = new_program(&t, "main");
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, w) },
                      { .name = "x", .value = tensor_view(DT_FP32, &shape, x) } };
    set_machine("m4", "eval-fails");
    assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ 0 }));
    expect_says(&t.d,
                "error: the engine did not run the program: com.apple.appleneuralengine 8: ");
    set_machine("m4", "eval-busy:2");
    assert_float_equal(run(p, &t.d, w, x), 3, 0);
    program_free(p);
    close_bench(&t);
}

static bool look_away(void *ctx, const Value *v, const Tensor *t)
{
    (void)ctx, (void)v, (void)t;
    return false;
}

/* Neither who watches nor an input of another type makes a run fall. */
static void test_not_broken(void **state)
{
    Bench t;
    float w[6], x[6];
    (void)state;
    fill(w, 1);
    fill(x, 2);
    set_machine("m4", "");
    open_bench(&t, "auto", one);
    Program *p = new_program(&t, "main");
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, w) },
                      { .name = "x", .value = tensor_view(DT_FP32, &shape, x) } };
    assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ .each = look_away }));
    assert_false(program_run(p, &t.d, in, 1, &(RunOptions){ 0 }));
    expect_says(&t.d, "error: input x (tensor<fp32, [1, 2, 1, 3]>) is not given");
    assert_float_equal(run(p, &t.d, w, x), 3, 0);
    assert_string_equal(program_backend(p)->name, "ane");
    program_free(p);
    close_bench(&t);
}

/* ---- more compilations than a process may have ------------------------------------------- */

enum { MANY = 124 };
static const char *const *use_helper;
static const char *use_faults;
static const char *anerun;

static Program *numbered(const Backend *b, Module **m, int i, Diag *d)
{
    Source src = { .name = "n.mil" };
    char *text = arena_strdup(&arena, one), *k = strstr(text, "y = fp16(1)");
    text = arena_printf(&arena, "%.*sy = fp16(%d)%s", (int)(k - text), text, i,
                        k + strlen("y = fp16(1)"));
    src.text = text;
    src.len = strlen(text);
    *m = mil_read(d, &src, ".");
    if (!*m || !module_verify(*m, d, NULL)) fail_msg("%s", d->text.s);
    return program_new(b, *m, module_main(*m), d);
}

/* The system's store is another, with nothing in it at first. */
static void vault_is(const char *name)
{
    setenv("ANESIM_VAULT", arena_printf(&arena, "%s/%s", top, name), 1);
}

/* In a process of its own: the stand-in counts, as the system does. */
static void compile_many(void)
{
    const BackendOptions o = { .cache_dir = arena_printf(&arena, "%s/many", top),
                               .helper = use_helper };
    Program *p[MANY] = { NULL };
    Module *m[MANY] = { NULL };
    float w[6], x[6];
    Diag d = { 0 };
    int n = 0;
    fill(w, 1);
    fill(x, 1);
    set_machine("m4", use_faults);
    const Backend *b = backend_open("ane", &o, &d);
    for (; n < MANY && (p[n] = numbered(b, &m[n], n, &d)); n++) continue;
    if (d.text.s) fputs(d.text.s, stderr);
    fprintf(stderr, "%d programs, cache=%s\n", n, p[0]->as.cache);
    if (p[n - 1]->as.why) fprintf(stderr, "%s\n", p[n - 1]->as.why);
    for (int i = 0; i < n; i++) assert_float_equal(run(p[i], &d, w, x), (float)(1 + i), 0);
    if (use_helper) { /* what it refuses is refused */
        set_machine("m4", "refuse:all");
        Module *more;
        buf_free(&d.text);
        assert_null(numbered(b, &more, 1000, &d));
        if (d.text.s) fputs(d.text.s, stderr);
        module_free(more);
    }
    for (int i = 0; i < MANY; i++) {
        program_free(p[i]);
        if (m[i]) module_free(m[i]);
    }
    backend_close(b);
    diag_free(&d);
}

static void many(const char *const *helper, const char *count, const char *says)
{
    char said[8192];
    use_helper = helper;
    const int status = run_apart(compile_many, said, sizeof said);
    fputs(said, stdout);
    assert_int_equal(status, 0);
    if (!strstr(said, count) || !strstr(said, says)) fail_msg("no `%s`, `%s`", count, says);
}

/* The same, and nothing is kept from before. */
static void many_anew(const char *const *helper, const char *count, const char *says)
{
    assert_true(file_remove_tree(arena_printf(&arena, "%s/many", top)));
    many(helper, count, says);
}

#define SPENT "error: this process has compiled as often as the system allows: "

static void test_compile_limit(void **state)
{
    const char *const ours[] = { anerun, "--compile-only", NULL };
    (void)state;
    use_faults = "";
    many_anew(NULL, "119 programs, cache=miss",
              SPENT "what the system has compiled before still loads; start again, or name a "
                    "helper that compiles");
    many_anew((const char *const[]){ "/nowhere/anerun", NULL }, "100 programs",
              "the helper /nowhere/anerun cannot be started: No such file or directory");
    many_anew((const char *const[]){ "true", NULL }, "100 programs",
              "the helper true ended without an answer");
    many_anew(ours, "124 programs, cache=miss",
              "FAILED: InvalidMILProgram (all, by ANESIM_FAULT)");
}

/* What is in our cache and not in the system's store any more is compiled when it is loaded.
 * That counts, goes to the helper in time, and where nobody may any more the entry stays. */
static void test_hits_that_compile(void **state)
{
    const char *const ours[] = { anerun, "--compile-only", NULL };
    (void)state;
    use_faults = "purge"; /* the programs of the test before */
    many(NULL, "119 programs, cache=recompiled", SPENT "what the system has compiled before");
    use_faults = "";
    many(ours, "124 programs, cache=hit", "FAILED: InvalidMILProgram (all, by ANESIM_FAULT)");
    vault_is("vault of one");
    many(ours, "124 programs, cache=recompiled", "FAILED: InvalidMILProgram");
    unsetenv("ANESIM_VAULT");
}

/* A helper of another identity is found out before it compiles, by name where systems tell, and
 * is not asked again; what it would have done is done here as long as that may be. */
static void test_helper_of_another(void **state)
{
    const char *const other[] = { "env", "ANESIM_FAULT=identity:2", anerun, "--compile-only",
                                  NULL };
    const char *const nobody[] = { "env", "ANESIM_FAULT=unsigned", anerun, "--compile-only",
                                   NULL };
    (void)state;
    use_faults = "";
    many_anew(
        other, "119 programs",
        SPENT
        "the helper env is signed as anesim.signed.2, and this process as anesim.signed.0");
    vault_is("vault of two"); /* the programs have the names of those before */
    many_anew(nobody, "119 programs",
              "the helper env compiles the system keeps apart from this process");
    unsetenv("ANESIM_VAULT");
}

/* ---- the cache behind programs ----------------------------------------------------------- */

static const char *cache_word(const char *faults)
{
    Bench t;
    float w[6] = { 0 }, x[6] = { 0 };
    set_machine("m1", faults);
    open_bench(&t, "ane", one);
    Program *p = new_program(&t, "main");
    const char *word = arena_strdup(&arena, p->as.cache);
    assert_string_equal(p->as.io, "fp16");
    assert_non_null(strstr(p->as.why, "fp32 refused: "));
    run(p, &t.d, w, x);
    program_free(p);
    close_bench(&t);
    return word;
}

static void test_cache(void **state)
{
    char *dir = arena_printf(&arena, "%s/cache", top);
    (void)state;
    assert_true(file_remove_tree(dir));
    assert_string_equal(cache_word(""), "miss");
    assert_string_equal(cache_word(""), "hit");
    /* a hit that does not load is made again */
    assert_string_equal(cache_word("load-never"), "miss");
    assert_string_equal(cache_word(""), "hit");
    assert_true(file_walk(dir, break_file, &(Break){ dir, "model.mil" }));
    assert_string_equal(cache_word(""), "miss");
    assert_string_equal(cache_word(""), "hit");
    assert_string_equal(cache_word("uncompiled"), "hit");
    /* the system has lost what it compiled, and compiles while it loads; without a word for it
     * time tells */
    assert_string_equal(cache_word("purge"), "recompiled");
    assert_string_equal(cache_word(""), "hit");
    assert_string_equal(cache_word("purge,no-selector:compiledModelExists"), "hit");
    assert_string_equal(cache_word("purge,slow:150,no-selector:compiledModelExists"),
                        "recompiled");
    assert_string_equal(cache_word("identity:7"), "recompiled");
    assert_string_equal(cache_word("identity:7"), "hit");
    Cache c;
    cache_open(&c, &arena, dir);
    cache_count(&c, true);
    vault_is("vault"); /* it knows nothing yet, and compiling leaves nothing there .. */
    assert_string_equal(cache_word("uncompiled"), "miss");
    assert_string_equal(cache_word(""), "recompiled"); /* .. so a load compiles */
    assert_string_equal(cache_word(""), "hit");
    unsetenv("ANESIM_VAULT");
    setenv("ANEC_CACHE_LIMIT", "1", 1);
    assert_string_equal(cache_word(""), "hit");
    unsetenv("ANEC_CACHE_LIMIT");
}

/* Text and weights are in an entry once, though the compiler leaves each a second time; a hit
 * has all files again. */
static void test_stored_once(void **state)
{
    const char *dir = arena_printf(&arena, "%s/once", top);
    Cache c;
    Diag d = { 0 };
    Arena a = { 0 };
    char *weights = arena_alloc(&a, 100000);
    (void)state;
    memset(weights, 'w', 100000);
    cache_open(&c, &a, dir);
    const char *from = arena_printf(&a, "%s/from", top), *to = arena_printf(&a, "%s/to", top);
    const char *const file[] = { "model.mil", "net.plist", "weights/weight.bin", "data" };
    for (int i = 0; i < 4; i++) {
        const char *path = arena_printf(&a, "%s/%s", from, file[i]);
        assert_true(file_make_dirs(&d, file_dir(&a, path)));
        assert_true(
            file_write_all(&d, path, i < 2 ? "program(1.0)" : weights, i < 2 ? 12 : 100000));
    }
    CacheSlot s = cache_slot(&c, &a, "k");
    assert_true(cache_put(&c, &s, from));
    assert_in_range(cache_count(&c, false).bytes, 100000, 102000);
    assert_true(cache_get(&c, &s, to));
    for (int i = 0; i < 4; i++) {
        Mapped m;
        assert_true(file_map(&d, arena_printf(&a, "%s/%s", to, file[i]), &m));
        assert_int_equal(m.size, i < 2 ? 12 : 100000);
        assert_memory_equal(m.data, i < 2 ? "program(1.0)" : weights, m.size);
        file_unmap(&m);
    }
    cache_leave(&s);
    assert_int_equal(cache_count(&c, true).entries, 1);
    diag_free(&d);
    arena_free(&a);
}

/* ---- weights in two files ---------------------------------------------------------------- */

static void write_weights(const char *dir, const char *name, uint16_t value)
{
    unsigned char file[192] = { 1, 0, 0, 0, 2 };
    const uint32_t record[6] = { 0xdeadbeef, 1, 12, 0, 128, 0 };
    Diag d = { 0 };
    memcpy(file + 64, record, sizeof record);
    for (int i = 0; i < 6; i++) memcpy(file + 128 + 2 * i, &value, 2);
    assert_true(file_make_dirs(&d, arena_printf(&arena, "%s/weights", dir)));
    assert_true(file_write_all(&d, arena_printf(&arena, "%s/weights/%s.bin", dir, name), file,
                               sizeof file));
}

#define WEIGHT(name)                                                                           \
    "        tensor<fp16, [1, 2, 1, 3]> " name " = const()[name = string(\"" name              \
    "\"), val = tensor<fp16, [1, 2, 1, 3]>(BLOBFILE(path = string(\"@model_path/weights/" name \
    ".bin\"), offset = uint64(64)))];\n"

static const char scattered[] = HEAD
    "    func main<ios18>(tensor<fp16, [1, 2, 1, 3]> x) {\n" WEIGHT("w1") WEIGHT(
        "w2") "        tensor<fp16, [1, 2, 1, 3]> p = mul(x = x, y = w1)[name = string(\"p\")];\n"
              "        tensor<fp16, [1, 2, 1, 3]> v = add(x = p, y = w2)[name = string(\"v\")];\n"
              "    } -> (v);\n}\n";

/* macOS 27.2 takes one file, so the engine is given one; who wants to see what is refused gives
 * them as they are. */
static void test_two_weight_files(void **state)
{
    (void)state;
    for (int as_given = 0; as_given < 2; as_given++) {
        Bench t = { .src = {
                        .name = "t.mil", .text = scattered, .len = sizeof scattered - 1 } };
        uint16_t x[6] = { 0x3c00, 0x4000, 0x4200, 0x4400, 0, 0xbc00 }; /* 1 2 3 4 0 -1 */
        const Binding in = { .name = "x", .value = tensor_view(DT_FP16, &shape, x) };
        const Binding *out;
        set_machine("m4", "one-file,compiles:400");
        write_weights(top, "w1", 0x4000); /* 2 */
        write_weights(top, "w2", 0x4500); /* 5 */
        t.m = mil_read(&t.d, &t.src, top);
        const BackendOptions o = { .cache_dir = arena_printf(&arena, "%s/cache", top),
                                   .as_given = as_given };
        t.b = backend_open("ane", &o, &t.d);
        Program *p = program_new(t.b, t.m, module_main(t.m), &t.d);
        if (as_given) {
            assert_null(p);
            expect_says(&t.d, "appleneuralengine 10: verifyBundleAtPath: invalid model");
        } else {
            if (!p || !program_run(p, &t.d, &in, 1, &(RunOptions){ 0 }))
                fail_msg("%s", t.d.text.s);
            assert_int_equal(program_results(p, &out), 1);
            for (size_t i = 0; i < 6; i++)
                assert_float_equal(tensor_float(&out[0].value, i),
                                   (float)(2 * tensor_float(&in.value, i) + 5), 0);
            program_free(p);
        }
        close_bench(&t);
    }
}

/* ---- files that are gone, and volumes ---------------------------------------------------- */

static void empty_folder(const char *dir)
{
    assert_true(file_remove_tree(dir));
    assert_int_equal(mkdir(dir, 0700), 0);
}

/* All that lay in the framework's folder is gone while a program waits for its place: it is
 * made again from our entry, and loaded, or compiled where the system has nothing either. */
static void lose_files(const char *faults, bool cached, const char *says)
{
    Bench t, u;
    float w[6], x[6];
    const char *temp = arena_printf(&arena, "%s/temp", top);
    fill(w, 1);
    fill(x, 2);
    empty_folder(temp);
    setenv("ANESIM_TEMP", temp, 1);
    set_machine("m4", "slots:1");
    open_bench(&t, "ane", one);
    if (!cached) {
        backend_close(t.b);
        t.b = backend_open("ane", &(BackendOptions){ .cache_dir = "/dev/null/none" }, &t.d);
    }
    u = t;
    u.m = mil_read(&u.d, &u.src, ".");
    Program *p = new_program(&t, "main"), *q = new_program(&u, "main");
    empty_folder(temp);
    set_machine("m4", faults);
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, w) },
                      { .name = "x", .value = tensor_view(DT_FP32, &shape, x) } };
    if (says) {
        assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ 0 }));
        expect_says(&t.d, says);
    } else assert_float_equal(run(p, &t.d, w, x), 3, 0);
    program_free(q);
    program_free(p);
    module_free(u.m);
    close_bench(&t);
    unsetenv("ANESIM_TEMP");
}

static void test_files_gone(void **state)
{
    (void)state;
    lose_files("slots:1", true, NULL);
    lose_files("slots:1,purge", true, NULL);
    lose_files("slots:1", false, NULL); /* the system still has it */
    lose_files(
        "slots:1,purge", false,
        "error: the engine cannot load the program again: its files are not there any more");
}

/* TMPDIR may be on another volume than the folder where the framework looks. */
static void test_volumes(void **state)
{
    struct stat a, b;
    const char *other = "/tmp/anec-volume-test";
    const char *const word[] = { "miss", "hit" };
    (void)state;
    if (file_is_dir(other)) file_remove_tree(other);
    if (mkdir(other, 0700) || stat(other, &a) || stat(getenv("TMPDIR"), &b)
        || a.st_dev == b.st_dev) {
        print_message("skipped: TMPDIR and /tmp are one volume\n");
        file_remove_tree(other);
        return;
    }
    file_remove_tree(arena_printf(&arena, "%s/cache", top));
    setenv("ANESIM_TEMP", other, 1);
    for (int i = 0; i < 2; i++) assert_string_equal(cache_word(""), word[i]);
    unsetenv("ANESIM_TEMP");
    assert_int_equal(rmdir(other), 0); /* nothing is left there */
}

/* What was refused is not compiled again: the note says which form is taken. */
static void test_remembered(void **state)
{
    Bench t;
    (void)state;
    assert_string_equal(cache_word(""), "hit");
    set_machine("m1", "slow:400,refuse:fp32"); /* a compilation would take its time */
    open_bench(&t, "ane", one);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    Program *p = new_program(&t, "main");
    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_string_equal(p->as.cache, "hit");
    assert_true((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) < 0.4);
    program_free(p);
    close_bench(&t);
}

/* ---- what the engine cannot -------------------------------------------------------------- */

static void test_not_for_the_engine(void **state)
{
    Bench t;
    (void)state;
    set_machine("m4", "");
    open_bench(
        &t, "ane",
        "program(1.3)\n{\n    func main<ios18>(state<tensor<fp16, [4]>> s, tensor<fp16, [?]> x) {\n"
        "        tensor<fp16, [?]> y = relu(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n");
    assert_null(program_new_as_given(t.b, t.m, module_main(t.m), &t.d));
    const char *said = t.d.text.s;
    assert_non_null(strstr(said, "the engine keeps no states, and s is one"));
    assert_non_null(strstr(said, "the engine takes tensors of known shape; x is none"));
    expect_says(&t.d, "error: the engine keeps no states, and s is one");
    close_bench(&t);
}

static void test_wrong_input(void **state)
{
    Bench t;
    float x[6] = { 0 };
    (void)state;
    set_machine("m4", "");
    open_bench(&t, "ane", one);
    Program *p = new_program(&t, "main");
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, x) },
                      { .name = "x", .value = tensor_view(DT_FP16, &shape, x) } };
    assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ 0 }));
    assert_non_null(strstr(t.d.text.s, "fp16"));
    program_free(p);
    close_bench(&t);
}

/* The processor takes over without a word where the engine does not want a program; that a
 * folder cannot be written is no reason of the engine's, and is told. */
static void test_told(void **state)
{
    Bench t;
    (void)state;
    const char *temp = arena_strdup(&arena, getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    const char *const folder[] = { temp, "/dev/null" };
    for (size_t i = 0; i < COUNT(folder); i++) {
        set_machine("m4", "");
        open_bench(&t, "auto", one);
        setenv("TMPDIR", folder[i], 1);
        Program *p = new_program(&t, "main");
        setenv("TMPDIR", temp, 1);
        const bool told = t.d.text.s
                       && strstr(t.d.text.s, "warning: the processor does this program: ");
        assert_int_equal(told, i);
        if (i) assert_ptr_equal(p->backend, backend_find("cpu"));
        program_free(p);
        if (i)
            expect_says(
                &t.d,
                "warning: the processor does this program: no temporary folder can be made: /dev/null: Not a directory");
        close_bench(&t);
    }
}

/* A cache that others could write to is none, and that is told on auto as well. */
static void test_not_own(void **state)
{
    Bench t;
    const char *dir = arena_printf(&arena, "%s/cache", top);
    const char *const backend[] = { "ane", "auto" };
    (void)state;
    set_machine("m4", "");
    assert_int_equal(system(arena_printf(&arena, "mkdir -p '%s' && chmod go+w '%s'", dir, dir)),
                     0);
    for (size_t i = 0; i < COUNT(backend); i++) {
        open_bench(&t, backend[i], one);
        Program *p = new_program(&t, "main");
        assert_string_equal(p->as.cache, "off");
        program_free(p);
        expect_says(&t.d, "warning: the cache is not used: others may write to ");
        close_bench(&t);
    }
    assert_int_equal(system(arena_printf(&arena, "chmod go-w '%s'", dir)), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compile_limit), /* first: nothing is compiled yet */
        cmocka_unit_test(test_hits_that_compile),
        cmocka_unit_test(test_helper_of_another),
        cmocka_unit_test(test_stored_once),
        cmocka_unit_test(test_files_gone),
        cmocka_unit_test(test_wires),
        cmocka_unit_test(test_wire_errors),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_loaded_again),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_not_for_the_engine),
        cmocka_unit_test(test_wrong_input),
        cmocka_unit_test(test_many_compilations),
        cmocka_unit_test(test_runs_that_fail),
        cmocka_unit_test(test_one_of_two_fails),
        cmocka_unit_test(test_run_alone),
        cmocka_unit_test(test_not_broken),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_not_own),
        cmocka_unit_test(test_two_weight_files),
    };
    (void)argc;
    if (!access("/dev/shm", W_OK)) setenv("TMPDIR", "/dev/shm", 1);
    use_standin(argv[0]);
    anerun = arena_printf(&arena, "%s/../anerun", file_dir(&arena, argv[0]));
    top = make_folder(&arena);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_folder(top);
    arena_free(&arena);
    return failed;
}
