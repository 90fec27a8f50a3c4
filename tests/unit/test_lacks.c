/* test_lacks.c -- systems whose libraries lack a function or a constant, or have an empty one.
 *
 * Names are looked up with dlsym, which is this file's: it hides the name that is to be missing,
 * and shows an empty variable for a constant that is to be nil. */
#include "../../backends/ane/engine.h"
#include "../../backends/ane/ml.h"
#include "nil.h"

#include <dlfcn.h>

static const char *missing, *empty; /* a name each, or NULL */

#if defined(__GLIBC__) && !defined(ANEC_SANITIZED)
static void *real_dlsym(void *lib, const char *name)
{
    static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5" };
    static void *(*real)(void *, const char *);
    for (size_t i = 0; !real && i < COUNT(versions); i++) {
        void *p = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
        memcpy(&real, &p, sizeof real);
    }
    if (!real) fail_msg("dlsym is not found");
    return real(lib, name);
}

void *dlsym(void *restrict lib, const char *restrict name);
void *dlsym(void *restrict lib, const char *restrict name)
{
    static void *nothing;
    if (missing && !strcmp(name, missing)) return NULL;
    return empty && !strcmp(name, empty) ? &nothing : real_dlsym(lib, name);
}
enum { HIDES = 1 };
#else
enum {
    HIDES = 0
}; /* no other C library lets a program take dlsym's place, nor do sanitizers */
#endif

static char *top;
static Arena arena;

static const struct Name {
    const char *name;
    bool constant;
} names[] = {
#define FN(lib, ret, name, args) { #name, false },
#define DATA(lib, name) { #name, true },
#include "../../backends/ane/objc.def"
};

static const char *open_both(void)
{
    const char *why = NULL, *other = NULL;
    Engine *e = engine_open(&arena, &why);
    if (e) engine_close(e);
    Ml *ml = ml_open(&arena, &other);
    if (ml) ml_close(ml);
    if (!!why != !!other || (why && strcmp(why, other) != 0))
        fail_msg("%s; %s", why ? why : "", other ? other : "");
    return why;
}

static void test_missing(void **state)
{
    (void)state;
    set_machine("m4", "");
    assert_null(open_both());
    for (size_t i = 0; i < COUNT(names); i++) {
        missing = names[i].name;
        const char *why = open_both();
        const char *want = arena_printf(&arena, "this system's libraries have no %s",
                                        missing);
        if (!why || strcmp(why, want) != 0)
            fail_msg("%s: %s", want, why ? why : "it opens");
        if (!i) printf("%s\n", why);
    }
    missing = NULL;
}

/* What Core ML's part needs besides. */
static void test_blocks(void **state)
{
    const char *why = NULL;
    (void)state;
    set_machine("m4", "");
    missing = "_NSConcreteStackBlock";
    assert_null(ml_open(&arena, &why));
    assert_string_equal(why, "this system's libraries have no _NSConcreteStackBlock");
    missing = NULL;
}

/* Functions that are asked for, and done without: exceptions end the process then, the signing
 * identity is not known. */
static void test_without(void **state)
{
    static const char *const all[] = { "_Unwind_SetGR",
                                       "objc_begin_catch",
                                       "objc_end_catch",
                                       "_Unwind_DeleteException",
                                       "objc_ehtype_vtable",
                                       "SecTaskCreateFromSelf",
                                       "SecTaskCopySigningIdentifier" };
    (void)state;
    set_machine("m4", "");
    for (size_t i = 0; i < COUNT(all); i++) {
        missing = all[i];
        assert_null(open_both());
    }
    missing = NULL;
}

static const char text[] =
    "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", \"3505.4.1\"}})]\n{\n"
    "    func main<ios18>(tensor<fp16, [1, 2, 1, 3]> x) {\n"
    "        tensor<fp16, [1, 2, 1, 3]> y = abs(x = x)[name = string(\"y\")];\n    } -> (y);\n}\n";

static void use(void)
{
    static uint16_t x[6];
    Used u;
    used_open(&u, "ane", arena_printf(&arena, "%s/cache", top));
    if (!u.s) u.s = anec_load_text(u.device, text, strlen(text), NULL, &u.model, &u.e);
    used_run(&u, &(anec_tensor){ "fp16", 4, { 1, 2, 1, 3 }, x, sizeof x });
    used_end(&u, "");
}

/* Constants that hold objects: nil where one is expected makes no surface, and an allocator that
 * frees nothing is done without. */
static void test_empty(void **state)
{
    char said[4096];
    (void)state;
    set_machine("m4", "");
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!names[i].constant || strstr(names[i].name, "CallBacks")) continue;
        empty = names[i].name;
        const int status = run_apart(use, said, sizeof said);
        const char *want = strstr(empty, "kIOSurface")
                             ? "status 3 no memory for the surface"
                             : "status 0";
        if (status || !strstr(said, want)) fail_msg("%s: %x %s", empty, status, said);
    }
    empty = NULL;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_missing),
                                        cmocka_unit_test(test_blocks),
                                        cmocka_unit_test(test_without),
                                        cmocka_unit_test(test_empty) };
    (void)argc;
    if (!HIDES) print_message("skipped: dlsym is another's here\n");
    if (!HIDES) return 0;
    top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
