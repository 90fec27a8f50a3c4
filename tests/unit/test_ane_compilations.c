/* test_ane_compilations.c -- more compilations than a process may have, and who does them then. */
#include "ane_bench.h"

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
    for (int i = 0; i < n; i++)
        assert_float_equal(run(p[i], &d, w, x), (float)(1 + i), 0);
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
    if (!strstr(said, count) || !strstr(said, says))
        fail_msg("no `%s`, `%s`", count, says);
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
              SPENT
              "what the system has compiled before still loads; start again, or name a "
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
    many(NULL, "119 programs, cache=recompiled",
         SPENT "what the system has compiled before");
    use_faults =
        "purge,slow:110,no-selector:compiledModelExists"; /* where time alone tells */
    many(NULL, "119 programs, cache=recompiled",
         SPENT "what the system has compiled before");
    use_faults = "";
    many(ours, "124 programs, cache=hit",
         "FAILED: InvalidMILProgram (all, by ANESIM_FAULT)");
    vault_is("vault of one");
    many(ours, "124 programs, cache=recompiled", "FAILED: InvalidMILProgram");
    unsetenv("ANESIM_VAULT");
}

/* A helper of another identity is found out before it compiles, by name where systems tell, and
 * is not asked again; what it would have done is done here as long as that may be. */
static void test_helper_of_another(void **state)
{
    const char *const other[] = { "env", "ANESIM_FAULT=identity:2", anerun,
                                  "--compile-only", NULL };
    const char *const nobody[] = { "env", "ANESIM_FAULT=unsigned", anerun,
                                   "--compile-only", NULL };
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
    Module *m = mil_read(
        &t.d, &(Source){ .name = "u.mil", .text = one, .len = strlen(one) }, ".");
    assert_null(program_new(t.b, m, module_main(m), &t.d));
    expect_says(&t.d, "error: the engine takes no form of this program: fp32 refused: ");
    module_free(m);
    program_free(p);
    close_bench(&t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compile_limit),
        cmocka_unit_test(test_hits_that_compile),
        cmocka_unit_test(test_helper_of_another),
        cmocka_unit_test(test_many_compilations),
    };
    (void)argc;
    anerun = arena_printf(&arena, "%s/../anerun", file_dir(&arena, argv[0]));
    return bench_main(tests, COUNT(tests), argv[0]);
}
