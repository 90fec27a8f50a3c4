/* test_engine_parts.c -- what a system may lack: selectors, classes, the library itself. */
#include "../../backends/ane/ml.h"
#include "engine_bench.h"

static const struct {
    const char *part, *class, *selector, *need;
} sent[] = {
#define SELECTOR(part, class, kind, id, selector, since, need) \
    { #part, class, selector, #need },
#include "../../backends/ane/selectors.def"
};

/* Opens what this part of selectors.def belongs to. */
static bool opens(Arena *a, const char *part, const char **why)
{
    if (!strcmp(part, "ML") || !strcmp(part, "PLAN")) {
        Ml *ml = ml_open(a, why);
        const bool ok = ml && (*part == 'M' || objc_check(ml->objc, a, PART_PLAN, why));
        if (ml) ml_close(ml);
        return ok;
    }
    Engine *e = engine_open(a, why);
    if (e) engine_close(e);
    return e != NULL;
}

/* Every selector and class is asked for before anything is sent: what is needed and missing is
 * said by name, with the system's; without the others everything runs. */
static void test_selectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sent); i++) {
        Arena a = { 0 };
        const char *why = "";
        const bool need = !strcmp(sent[i].need, "NEED");
        set_machine("m4", arena_printf(&a, "no-selector:%s", sent[i].selector));
        assert_int_equal(opens(&a, sent[i].part, &why), !need);
        if (need) {
            assert_non_null(strstr(why, sent[i].selector));
            assert_non_null(strstr(why, !strcmp(sent[i].part, "BASE") ? "this system"
                                                                      : "Version 26.0"));
        }
        if (i == 3 || i == COUNT(sent) - 1) printf("%s\n", why);
        set_machine("m4", arena_printf(&a, "no-class:%s", sent[i].class));
        bool needed = false;
        for (size_t k = 0; k < COUNT(sent); k++)
            needed |= !strcmp(sent[k].class, sent[i].class)
                   && !strcmp(sent[k].need, "NEED");
        assert_int_equal(opens(&a, sent[i].part, &why), !needed);
        if (needed) assert_non_null(strstr(why, sent[i].class));
        arena_free(&a);
    }
}

static void test_runs_without(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sent); i++) {
        Bench b;
        if (strcmp(sent[i].part, "ENGINE") != 0 || strcmp(sent[i].need, "MAY") != 0)
            continue;
        set_machine("m4", "");
        Arena a = { 0 };
        set_machine("m4", arena_printf(&a, "no-selector:%s", sent[i].selector));
        assert_true(set_up(&b, sum_text));
        if (!engine_compile(b.engine, &b.arena, b.model, &b.why))
            fail_msg("%s", b.why.text);
        assert_true(engine_load(b.engine, &b.arena, b.model, &b.why));
        assert_true(engine_unload(b.engine, &b.arena, b.model, &b.why));
        tear_down(&b);
        arena_free(&a);
    }
}

static void test_no_library(void **state)
{
    Arena a = { 0 };
    const char *why = NULL, *was = arena_strdup(&a, getenv("ANEC_ANE_LIB"));
    (void)state;
    setenv("ANEC_ANE_LIB", "/nowhere.so", 1);
    assert_null(engine_open(&a, &why));
    assert_non_null(strstr(why, "/nowhere.so is not on this system"));
    /* one that is there and is no library: the loader's reason is told */
    char *dir = make_folder(&a), *file = arena_printf(&a, "%s/text.so", dir);
    Diag d = { 0 };
    assert_true(file_write_all(&d, file, "no library\n", 11));
    setenv("ANEC_ANE_LIB", file, 1);
    assert_null(engine_open(&a, &why));
    printf("%s\n", why);
    const char *said = strstr(why, "cannot be opened: ");
    if (!said || strncmp(why, file, strlen(file)) != 0 || strlen(said) < 30)
        fail_msg("%s", why);
    diag_free(&d);
    remove_folder(dir);
    setenv("ANEC_ANE_LIB", was, 1);
    arena_free(&a);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_library),
        cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_runs_without),
    };
    (void)argc;
    Arena arena = { 0 };
    const char *top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
