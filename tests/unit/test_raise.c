/* test_raise.c -- exceptions in every function of Apple's libraries that is called and every
 * method that is sent to: each becomes a status or is done without, what was made is given back,
 * and what then runs computes right. */
#include "ml_programs.h"
#include "nil.h"

#include <dlfcn.h>

static char *top;
static Arena arena;

static const struct {
    const char *class, *name; /* class NULL: a function */
} called[] = {
#define SELECTOR(part, class, kind, id, selector, since, need) { class, selector },
#include "../../backends/ane/selectors.def"
#define FN(lib, ret, name, args) { NULL, #name },
#define MAY(ret, name, args) { NULL, #name },
#include "../../backends/ane/objc.def"
};

/* ---- uses of the libraries: each name above is reached by one of them -------------------- */

static const char cache_name[] = "cache";

static const char weighted[] =
    "program(1.0)\n"
    "[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-version\", \"3505.4.1\"}})]\n"
    "{\n"
    "    func main<ios16>(tensor<fp16, [1, 2, 1, 3]> x) {\n"
    "        tensor<fp16, [1, 2, 1, 3]> w = const()[name = tensor<string, []>(\"w\"), val = "
    "tensor<fp16, [1, 2, 1, 3]>(BLOBFILE(path = tensor<string, []>(\"@model_path/weights/w.bin\"), "
    "offset = tensor<uint64, []>(64)))];\n"
    "        tensor<fp16, [1, 2, 1, 3]> y = add(x = x, y = w)[name = tensor<string, []>(\"y\")];\n"
    "    } -> (y);\n"
    "}\n";
static const char other[] =
    "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [2, 3]> x) {\n"
    "        tensor<fp16, [2, 3]> new = relu(x = x)[name = string(\"new\")];\n    } -> (new);\n"
    "    func second<ios18>(tensor<fp16, [2, 3]> x) {\n"
    "        tensor<fp16, [2, 3]> new = abs(x = x)[name = string(\"new\")];\n    } -> (new);\n}\n";

static uint16_t twos[6]; /* of fp16 */

/* Every element of the result. */
static const char *right(Used *u, const char *name, double want)
{
    anec_tensor y;
    if (u->s || (u->s = anec_result(u->kernel, name, &y, &u->e))) return "";
    for (size_t i = 0; i < 6; i++)
        if (f16_to_double(((const uint16_t *)y.data)[i]) != want) return "wrong\n";
    return "right\n";
}

static void use_engine(void)
{
    const anec_tensor in = { "fp16", 4, { 1, 2, 1, 3 }, twos, sizeof twos };
    Used u;
    used_open(&u, "ane", arena_printf(&arena, "%s/%s", top, cache_name));
    if (!u.s)
        u.s = anec_load(u.device, arena_printf(&arena, "%s/model.mil", top), &u.model,
                        &u.e);
    used_run(&u, &in);
    const char *said = right(&u, "y", 2); /* the weights are 0 */
    used_end(&u, said);
}

/* Found in the cache the second time. */
static void use_again(void)
{
    use_engine();
    use_engine();
}

/* A program with a state, and its plan. */
static void use_states(void)
{
    const anec_tensor in = { "fp16", 2, { 2, 3 }, twos, sizeof twos };
    anec_tensor held;
    char *plan = NULL;
    Used u;
    used_open(&u, "coreml", arena_printf(&arena, "%s/%s", top, cache_name));
    if (!u.s)
        u.s = anec_load_text(u.device, counts, strlen(counts), NULL, &u.model, &u.e);
    used_run(&u, &in);
    if (!u.s) u.s = anec_state(u.kernel, "acc", &held, &u.e);
    if (!u.s) u.s = anec_set_state(u.kernel, "acc", &in, NULL, &u.e);
    if (!u.s) u.s = anec_run(u.kernel, &u.e);
    const char *said = right(&u, "new", 4);
    if (!u.s) u.s = anec_plan(u.kernel, "text", &plan, &u.e);
    used_end(&u, said);
    anec_text_free(plan);
}

static void use_second(void)
{
    const anec_tensor in = { "fp16", 2, { 2, 3 }, twos, sizeof twos };
    Used u;
    used_open(&u, "coreml", arena_printf(&arena, "%s/%s", top, cache_name));
    if (!u.s) u.s = anec_load_text(u.device, other, strlen(other), NULL, &u.model, &u.e);
    if (!u.s) u.s = anec_compile(u.model, "second", &u.kernel, &u.e);
    if (!u.s) u.s = anec_bind(u.kernel, "x", &in, &u.e);
    if (!u.s) u.s = anec_run(u.kernel, &u.e);
    const char *said = right(&u, "new", 2);
    used_end(&u, said);
}

static const struct {
    void (*use)(void);
    const char *with; /* another fault that leads there */
} uses[] = {
    { use_engine, "" },
    { use_states, "" },
    { use_states, ",ml-written" },
    { use_second, "" },
    { use_engine, ",load-error:6,error-under:7" },
    { use_engine, ",no-selector:unloadWithQoS:error:" },
    { use_again, "" },
};

/* ---- from the n-th call on --------------------------------------------------------------- */

static char said[1 << 16];

/* Whether anything was raised; what was said is in `said`. */
static bool raise_in(size_t use, const char *name, long from, const char *more)
{
    assert_true(file_remove_tree(arena_printf(&arena, "%s/%s", top, cache_name)));
    set_machine("m4", arena_printf(&arena, "raise:%s,raise-from:%ld,raise-told%s%s", name,
                                   from, uses[use].with, more));
    const int status = run_apart(uses[use].use, said, sizeof said);
    const char *at = strstr(said, "status ");
    /* nothing can be done with a model that is loaded and cannot be unloaded */
    if (strstr(said, "unloadWithQoS:error: raises")
        && strstr(said, "released while it is loaded"))
        return true;
    if (status || !at)
        fail_msg("%s, call %ld: ended with %x, said %s", name, from, status, said);
    const int s = at[7] - '0';
    if (s != 0 && s != 1 && s != 3) fail_msg("%s, call %ld: %s", name, from, said);
    if (!s && !strstr(at, "right")) fail_msg("%s, call %ld: wrong: %s", name, from, said);
    return strstr(said, " raises\n") != NULL;
}

static void each_call(const char *name)
{
    size_t reached = 0;
    for (size_t i = 0; i < COUNT(uses); i++) {
        if (uses[i].use == use_again && reached) break;
        if (!raise_in(i, name, 1, "")) continue;
        if (!reached++) printf("%s: %s", name, strstr(said, "status "));
        for (long n = 2; raise_in(i, name, n, ""); n *= n < 4 ? 2 : 6) continue;
    }
    if (!reached) fail_msg("%s is never called", name);
}

/* The unwinder is found where the libraries bring it as one: one that was linked into the
 * stand-in, as a cross compiler does, shows nothing of itself. */
static bool has_unwinder(void)
{
    void *lib = dlopen(getenv("ANEC_ANE_LIB"), RTLD_NOW);
    const bool found = lib && dlsym(lib, "_Unwind_SetGR");
    if (lib) dlclose(lib);
    return found;
}

/* Nothing is read of exceptions but what they are called. */
static bool is_of_exceptions(size_t i)
{
    return called[i].class && !strcmp(called[i].class, "NSException");
}

static void test_functions(void **state)
{
    (void)state;
    if (!has_unwinder()) skip();
    for (size_t i = 0; i < COUNT(called); i++)
        if (!called[i].class) each_call(called[i].name);
}

static void test_selectors(void **state)
{
    (void)state;
    if (!has_unwinder()) skip();
    for (size_t i = 0; i < COUNT(called); i++)
        if (called[i].class && !is_of_exceptions(i)) each_call(called[i].name);
}

/* ---- what is told ------------------------------------------------------------------------ */

#define RAISED "the framework raised NSInvalidArgumentException: *** "
#define OTHER "the framework raised an exception that is none of Objective-C"

static void test_told(void **state)
{
    static const struct {
        size_t use;
        const char *name, *more, *says;
    } cases[] = {
        { 0, "compileWithQoS:options:error:", "",
          RAISED "compileWithQoS:options:error:: by ANESIM_FAULT" },
        { 0, "loadWithQoS:options:error:", "", RAISED "loadWithQoS:options:error:" },
        { 0, "evaluateWithQoS:options:request:error:", "",
          RAISED "evaluateWithQoS:options:request:error:" },
        { 0, "modelWithMILText:weights:optionsPlist:", "",
          RAISED "modelWithMILText:weights:optionsPlist:" },
        { 0, "inMemoryModelWithDescriptor:", "", RAISED "inMemoryModelWithDescriptor:" },
        { 0, "compileWithQoS:options:error:", ",raise-kind:1", OTHER },
        { 0, "compileWithQoS:options:error:", ",raise-kind:2", OTHER },
        { 0, "class_respondsToSelector", "",
          "the framework raised an exception: no reason is given" },
        { 0, "sel_registerName", "",
          "this system has no selector processInfo: the framework raised an exception: no "
          "reason is given" },
        { 0, "objc_getClass", "", RAISED "objc_getClass" },
        { 0, "CFArrayCreate", "", "out of memory" },
        { 0, "objc_autoreleasePoolPush", "", "out of memory" },
        { 0, "objc_retain", "", "out of memory" },
        { 0, "IOSurfaceLock", "", "the surface of x cannot be locked" },
        { 0, "IOSurfaceCreate", "", "no memory for the surface of x" },
        { 0, "IOSurfaceGetAllocSize", "", "the surface of x is smaller than its layout" },
        { 1, "predictionFromFeatures:usingState:options:error:", "",
          RAISED "prediction" },
        { 1, "modelWithContentsOfURL:configuration:error:", "",
          RAISED "modelWithContents" },
        { 1, "functions", "", RAISED "functions" },
    };
    (void)state;
    if (!has_unwinder()) skip();
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (!raise_in(cases[i].use, cases[i].name, 1, cases[i].more)
            || !strstr(said, cases[i].says))
            fail_msg("%s: %s", cases[i].name, said);
    }
}

/* Of whatever language: it is caught and given back. */
static void test_languages(void **state)
{
    (void)state;
    if (!has_unwinder()) skip();
    for (size_t i = 0; i < COUNT(called); i++) {
        const char *more = arena_printf(&arena, ",raise-kind:%d", (int)(i % 2) + 1);
        for (size_t k = 0; k < 2 && !is_of_exceptions(i); k++)
            if (raise_in(k, called[i].name, 1, more)) break;
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_functions),
                                        cmocka_unit_test(test_selectors),
                                        cmocka_unit_test(test_told),
                                        cmocka_unit_test(test_languages) };
    Diag d = { 0 };
    unsigned char file[64 + 64 + 12] = { 1, 0, 0, 0, 2 };
    (void)argc;
    top = use_standin(&arena, argv[0]);
    for (int i = 0; i < 6; i++) twos[i] = f16_from_double(2);
    memcpy(file + 64, (unsigned char[]){ 0xef, 0xbe, 0xad, 0xde, 1, 0, 0, 0, 12 }, 9);
    file[64 + 16] = 128;
    file_make_dirs(&d, arena_printf(&arena, "%s/weights", top));
    file_write_all(&d, arena_printf(&arena, "%s/weights/w.bin", top), file, sizeof file);
    file_write_all(&d, arena_printf(&arena, "%s/model.mil", top), weighted,
                   strlen(weighted));
    diag_free(&d);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
