/* test_ml_nil.c -- what makes an object of Core ML's makes none, from its n-th call on, for all n:
 * the library says so by a status, and whatever was made is given back. */
#include "ml_programs.h"
#include "nil.h"

static char *top;
static Arena arena;

static const char *cache_of(void) { return arena_printf(&arena, "%s/cache", top); }

/* A program with a state, run twice, whose state is read and written between. */
static void use(void)
{
    static uint16_t x[6];
    const anec_tensor in = { "fp16", 2, { 2, 3 }, x, sizeof x };
    anec_tensor held;
    char *plan = NULL;
    Used u;
    used_open(&u, "coreml", cache_of());
    if (!u.s)
        u.s = anec_load_text(u.device, counts, strlen(counts), NULL, &u.model, &u.e);
    used_run(&u, &in);
    if (!u.s) u.s = anec_state(u.kernel, "acc", &held, &u.e);
    if (!u.s) u.s = anec_set_state(u.kernel, "acc", &in, NULL, &u.e);
    if (!u.s) u.s = anec_run(u.kernel, &u.e);
    if (!u.s && getenv("WITH_PLAN")) u.s = anec_plan(u.kernel, "text", &plan, &u.e);
    used_end(&u, plan ? plan : "");
    anec_text_free(plan);
}

static void test_models(void **state)
{
    static const NilCall makers[] = {
        { .what = "CFStringCreateWithCString", .says = "memory" },
        { .what = "CFNumberCreate", .says = "memory" },
        { .what = "CFArrayCreate", .says = "memory" },
        { .what = "CFDictionaryCreate", .says = "memory" },
        { .what = "CFArrayGetValueAtIndex", .says = "Core ML has another state acc" },
        { .what = "CFNumberGetValue", .says = "Core ML has another state acc" },
        { .what = "fileURLWithPath:isDirectory:", .says = "does not load the program" },
        { .what = "path", .says = "no reason is given", .with = "ml-written" },
        { .what = "compileModelAtURL:error:",
          .says = "no reason is given",
          .with = "ml-written" },
        { .what = "modelWithContentsOfURL:configuration:error:",
          .says = "Core ML does not load the program: no reason is given" },
        { .what = "MLModelConfiguration.alloc", .says = "memory" },
        { .what = "MLModelConfiguration.init", .says = "memory" },
        { .what = "MLPredictionOptions.alloc", .says = "memory" },
        { .what = "MLPredictionOptions.init", .says = "memory" },
        { .what = "MLMultiArray.alloc", .says = "Core ML makes no array of" },
        { .what = "initWithDataPointer:shape:dataType:strides:deallocator:error:",
          .says = "Core ML makes no array of" },
        { .what = "shape", .says = "Core ML has another state acc" },
        { .what = "strides", .says = "Core ML has another state acc" },
        { .what = "featureValueWithMultiArray:",
          .says = "Core ML does not take the inputs: no reason is given" },
        { .what = "MLDictionaryFeatureProvider.alloc",
          .says = "Core ML does not take the inputs: no reason is given" },
        { .what = "initWithDictionary:error:",
          .says = "Core ML does not take the inputs: no reason is given" },
        { .what = "predictionFromFeatures:usingState:options:error:",
          .says = "Core ML did not run the program: no reason is given" },
        { .what = "featureValueForName:",
          .says = "Core ML gave no array for the result" },
        { .what = "multiArrayValue", .says = "Core ML gave no array for the result" },
        { .what = "newState", .says = "Core ML makes no states for the program" },
        { .what = "processInfo", .says = "this system is older" },
        { .what = "operatingSystemVersionString" },
    };
    (void)state;
    unsetenv("WITH_PLAN");
    for (size_t i = 0; i < COUNT(makers); i++)
        nil_each_call(&arena, &makers[i], use, "m4", cache_of());
}

static void test_plans(void **state)
{
    static const NilCall makers[] = {
        { .what = "modelStructure", .says = "its plan is of no program" },
        { .what = "program", .says = "its plan is of no program" },
        { .what = "functions", .says = "its plan has no function main" },
        { .what = "block", .says = "func main, 0 operations" },
        { .what = "operations", .says = "func main, 0 operations" },
        { .what = "operatorName" },
        { .what = "outputs" },
        { .what = "blocks" },
        { .what = "name" },
        { .what = "computeDeviceUsageForMLProgramOperation:", .says = "not said" },
        { .what = "estimatedCostOfMLProgramOperation:", .says = "?" },
        { .what = "preferredComputeDevice", .says = "not said" },
        { .what = "supportedComputeDevices", .says = "not said" },
    };
    (void)state;
    setenv("WITH_PLAN", "1", 1);
    for (size_t i = 0; i < COUNT(makers); i++)
        nil_each_call(&arena, &makers[i], use, "m4", cache_of());
}

/* Blocks that are called without what they are to show. */
static void test_blocks(void **state)
{
    static const struct {
        const char *fault, *says;
    } cases[] = {
        { "ml-no-bytes", "status 3 Core ML has another state acc than the program" },
        { "ml-state-nil", "status 3 Core ML has another state acc than the program" },
    };
    char said[4096];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        set_machine("m4", cases[i].fault);
        const int status = run_apart(use, said, sizeof said);
        if (status || !strstr(said, cases[i].says))
            fail_msg("%s: %s", cases[i].fault, said);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_models),
                                        cmocka_unit_test(test_plans),
                                        cmocka_unit_test(test_blocks) };
    (void)argc;
    top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
