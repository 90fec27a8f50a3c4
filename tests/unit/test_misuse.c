/* test_misuse.c -- the public library used as it should not be: NULL for every pointer, objects
 * whose parents are gone, things given up twice, partners that are unloaded, calls from inside
 * of a call. All of it gives a status (docs/runtime.md lists it). */
#include "../../lib/library.h"
#include "../../include/anec.h"
#include "unit.h"

static const char text[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [2, 3]> x, state<tensor<fp32, [2, 3]>> s) {\n"
    "        tensor<fp32, [2, 3]> r = read_state(input = s)[name = string(\"r\")];\n"
    "        tensor<fp32, [2, 3]> y = add(x = x, y = r)[name = string(\"y\")];\n"
    "    } -> (y);\n}\n";

typedef struct {
    anec_device *device;
    anec_model *model;
    anec_kernel *kernel, *other;
    anec_tensor tensor;
    anec_error e;
    float x[6];
} Bench;

#define GOOD(b, call) \
    do { \
        if (call) fail_msg("%s: %s", #call, (b)->e.text); \
    } while (0)

static void open_bench(Bench *b)
{
    *b = (Bench){ .x = { 1, 2, 3, 4, 5, 6 } };
    b->tensor = (anec_tensor){ "fp32", 2, { 2, 3 }, b->x, sizeof b->x };
    GOOD(b, anec_open("cpu", NULL, &b->device, &b->e));
    GOOD(b, anec_load_text(b->device, text, sizeof text - 1, NULL, &b->model, &b->e));
    GOOD(b, anec_compile(b->model, NULL, &b->kernel, &b->e));
    GOOD(b, anec_compile(b->model, NULL, &b->other, &b->e));
    GOOD(b, anec_bind(b->kernel, "x", &b->tensor, &b->e));
    GOOD(b, anec_bind(b->other, "x", &b->tensor, &b->e));
}

static void close_bench(Bench *b)
{
    anec_free(b->kernel);
    anec_free(b->other);
    anec_model_free(b->model);
    anec_close(b->device);
}

static void gives(Bench *b, const char *call, anec_status got, anec_status want,
                  const char *says)
{
    printf("error: %s\n", b->e.text);
    if (got != want)
        fail_msg("%s: status %d, not %d: %s", call, (int)got, (int)want, b->e.text);
    if (strcmp(b->e.text, says) != 0)
        fail_msg("%s: `%s`, not `%s`", call, b->e.text, says);
}
#define GIVES(b, call, want, says) gives((b), #call, (call), (want), (says))
#define IS_NULL(b, call, name) GIVES(b, call, ANEC_WRONG, name " is NULL")

/* ---- NULL -------------------------------------------------------------------------------- */

static void test_null_objects(void **state)
{
    (void)state;
    Bench bench, *b = &bench;
    anec_device *d;
    anec_model *m;
    anec_kernel *k;
    char *s;
    open_bench(b);
    IS_NULL(b, anec_config_set(NULL, "quiet", NULL, &b->e), "config");
    IS_NULL(b, anec_open(NULL, NULL, &d, &b->e), "backend");
    IS_NULL(b, anec_open("cpu", NULL, NULL, &b->e), "out");
    IS_NULL(b, anec_open_with(NULL, NULL, &d, &b->e), "backend");
    IS_NULL(b, anec_open_with("cpu", NULL, NULL, &b->e), "out");
    IS_NULL(b, anec_load(NULL, "x.mil", &m, &b->e), "device");
    IS_NULL(b, anec_load(b->device, NULL, &m, &b->e), "path");
    IS_NULL(b, anec_load(b->device, "x.mil", NULL, &b->e), "out");
    IS_NULL(b, anec_load_text(NULL, text, 1, NULL, &m, &b->e), "device");
    IS_NULL(b, anec_load_text(b->device, NULL, 1, NULL, &m, &b->e), "text");
    IS_NULL(b, anec_load_text(b->device, text, 1, NULL, NULL, &b->e), "out");
    IS_NULL(b, anec_describe(NULL, "text", &s, &b->e), "model");
    IS_NULL(b, anec_describe(b->model, NULL, &s, &b->e), "format");
    IS_NULL(b, anec_describe(b->model, "text", NULL, &b->e), "out");
    IS_NULL(b, anec_plan(NULL, "text", &s, &b->e), "kernel");
    IS_NULL(b, anec_plan(b->kernel, NULL, &s, &b->e), "format");
    IS_NULL(b, anec_plan(b->kernel, "text", NULL, &b->e), "out");
    GIVES(b, anec_plan(b->kernel, "xml", &s, &b->e), ANEC_WRONG,
          "a plan is told as text or as json");
    IS_NULL(b, anec_cache(NULL, 0, NULL, &b->e), "out");
    anec_model *more;
    anec_input none = { NULL, NULL, NULL };
    IS_NULL(b, anec_with_weights(NULL, NULL, 0, &more, &b->e), "model");
    IS_NULL(b, anec_with_weights(b->model, NULL, 1, &more, &b->e), "weights");
    IS_NULL(b, anec_with_weights(b->model, NULL, 0, NULL, &b->e), "out");
    GIVES(b, anec_with_weights(b->model, &none, 1, &more, &b->e), ANEC_WRONG,
          "a weight or its name is NULL");
    GIVES(b, anec_with_weights(b->model, NULL, 0, &more, &b->e), ANEC_WRONG,
          "weights are given to an .anedsl, where they have paths");
    IS_NULL(b, anec_save(NULL, "x.mil", &b->e), "model");
    IS_NULL(b, anec_save(b->model, NULL, &b->e), "path");
    GIVES(b, anec_save(b->model, "x.txt", &b->e), ANEC_WRONG,
          "x.txt: the name must end in .mil, .mlmodelc or .mlpackage");
    IS_NULL(b, anec_compile(NULL, NULL, &k, &b->e), "model");
    IS_NULL(b, anec_compile(b->model, NULL, NULL, &b->e), "out");
    IS_NULL(b, anec_compile_on(NULL, b->device, NULL, &k, &b->e), "model");
    IS_NULL(b, anec_compile_on(b->model, NULL, NULL, &k, &b->e), "device");
    IS_NULL(b, anec_compile_on(b->model, b->device, NULL, NULL, &b->e), "out");
    anec_config *c = anec_config_new();
    IS_NULL(b, anec_config_set(c, NULL, NULL, &b->e), "name");
    GIVES(b, anec_config_set(c, "target", NULL, &b->e), ANEC_USAGE,
          "target needs CHIP[,OS]");
    anec_config_free(c);
    close_bench(b);
}

static void test_null_in_calls_of_kernels(void **state)
{
    (void)state;
    Bench bench, *b = &bench;
    anec_tensor t, none = { "fp32", 2, { 2, 3 }, NULL, 24 };
    anec_input in = { NULL, NULL, NULL };
    open_bench(b);
    anec_kernel *k = b->kernel;
    IS_NULL(b, anec_unload(NULL, &b->e), "kernel");
    IS_NULL(b, anec_instance(NULL, &k, &b->e), "kernel");
    k = b->kernel;
    IS_NULL(b, anec_instance(k, NULL, &b->e), "out");
    IS_NULL(b, anec_bind(NULL, "x", &b->tensor, &b->e), "kernel");
    IS_NULL(b, anec_bind(k, NULL, &b->tensor, &b->e), "input");
    IS_NULL(b, anec_bind(k, "x", NULL, &b->e), "tensor");
    GIVES(b, anec_bind(k, "x", &none, &b->e), ANEC_WRONG, "x: the tensor has no data");
    none.dtype = NULL;
    GIVES(b, anec_bind(k, "x", &none, &b->e), ANEC_WRONG,
          "x: there is no tensor of type NULL and this rank");
    IS_NULL(b, anec_buffer(NULL, "x", &t, &b->e), "kernel");
    IS_NULL(b, anec_buffer(k, NULL, &t, &b->e), "input");
    IS_NULL(b, anec_buffer(k, "x", NULL, &b->e), "out");
    IS_NULL(b, anec_rewire(NULL, "x", k, "y", &b->e), "to");
    IS_NULL(b, anec_rewire(k, NULL, k, "y", &b->e), "input");
    IS_NULL(b, anec_rewire(k, "x", k, NULL, &b->e), "result");
    IS_NULL(b, anec_run(NULL, &b->e), "kernel");
    IS_NULL(b, anec_run_with(NULL, NULL, 0, NULL, &b->e), "kernel");
    GIVES(b, anec_run_with(k, NULL, 1, NULL, &b->e), ANEC_WRONG,
          "an input or its name is NULL");
    GIVES(b, anec_run_with(k, &in, 1, NULL, &b->e), ANEC_WRONG,
          "an input or its name is NULL");
    IS_NULL(b, anec_run_async(NULL, NULL, NULL, &b->e), "kernel");
    IS_NULL(b, anec_wait(NULL, &b->e), "kernel");
    IS_NULL(b, anec_result(NULL, "y", &t, &b->e), "kernel");
    IS_NULL(b, anec_result(k, NULL, &t, &b->e), "name");
    IS_NULL(b, anec_result(k, "y", NULL, &b->e), "out");
    IS_NULL(b, anec_state(NULL, "s", &t, &b->e), "kernel");
    IS_NULL(b, anec_state(k, NULL, &t, &b->e), "name");
    IS_NULL(b, anec_state(k, "s", NULL, &b->e), "out");
    IS_NULL(b, anec_set_state(NULL, "s", &b->tensor, NULL, &b->e), "kernel");
    IS_NULL(b, anec_set_state(k, NULL, &b->tensor, NULL, &b->e), "name");
    IS_NULL(b, anec_set_state(k, "s", NULL, NULL, &b->e), "tensor");
    IS_NULL(b, anec_reset(NULL, &b->e), "kernel");
    IS_NULL(b, anec_tensor_read(NULL, "x", "1", &t, &b->e), "kernel");
    IS_NULL(b, anec_tensor_read(k, NULL, "1", &t, &b->e), "port");
    IS_NULL(b, anec_tensor_read(k, "x", NULL, &t, &b->e), "text");
    IS_NULL(b, anec_tensor_read(k, "x", "1", NULL, &b->e), "out");
    IS_NULL(b, anec_tensor_random(NULL, "x", 1, &t, &b->e), "kernel");
    IS_NULL(b, anec_tensor_random(k, NULL, 1, &t, &b->e), "input");
    IS_NULL(b, anec_tensor_random(k, "x", 1, NULL, &b->e), "out");
    IS_NULL(b, anec_tensor_load(NULL, NULL, &t, &b->e), "path");
    IS_NULL(b, anec_tensor_load(NULL, "x.npy", NULL, &b->e), "out");
    IS_NULL(b, anec_tensor_save(NULL, NULL, "x.npy", &b->e), "tensor");
    IS_NULL(b, anec_tensor_save(NULL, &b->tensor, NULL, &b->e), "path");
    assert_int_equal(anec_run(k, NULL), ANEC_OK); /* the error may be NULL */
    close_bench(b);
}

/* What has no status says nothing, or does nothing. */
static void test_null_without_a_status(void **state)
{
    (void)state;
    char where[8] = "x", *answer = where;
    anec_tensor t;
    anec_macs_info macs = { .size = sizeof macs };
    anec_difference d = { .size = sizeof d };
    assert_null(anec_how(NULL));
    assert_null(anec_fact(NULL, "io"));
    assert_null(anec_port(NULL, ANEC_INPUT, 0, &t));
    assert_null(anec_function(NULL, 0));
    assert_null(anec_main_function(NULL));
    assert_null(anec_value_name(NULL));
    assert_null(anec_value_op(NULL));
    assert_null(anec_value_precision(NULL));
    assert_null(anec_op_name(NULL));
    assert_null(anec_op_type(NULL));
    assert_null(anec_result_value(NULL, 0));
    anec_value_where(NULL, NULL, 8);
    anec_value_where(NULL, where, sizeof where);
    assert_string_equal(where, "");
    assert_non_null(anec_backend(0, NULL));
    assert_int_equal(anec_compile_only(NULL, &answer), 0);
    assert_null(answer);
    assert_int_equal(anec_compile_only("x", NULL), 0);
    anec_macs(NULL, NULL, 0, &macs);
    assert_true(macs.count == 0 && !macs.open);
    anec_macs(NULL, NULL, 0, NULL);
    anec_compare(NULL, NULL, NULL, NULL, &d);
    assert_int_equal(d.differs, 1);
    anec_compare(NULL, NULL, NULL, NULL, NULL);
    char *line = anec_summary(NULL);
    assert_string_equal(line, "no tensor\n");
    anec_text_free(line);
    assert_int_equal(anec_doubles(NULL, 0, 1, NULL), 0);
    anec_config_messages(NULL, NULL, NULL);
    anec_config_written(NULL, NULL, NULL);
    anec_config_stages(NULL, NULL, NULL);
    anec_config_phases(NULL, NULL, NULL);
    anec_config_helper(NULL, NULL);
    anec_tensor_free(NULL);
    anec_text_free(NULL);
    anec_free(NULL);
    anec_model_free(NULL);
    anec_close(NULL);
    anec_config_free(NULL);
}

/* ---- parents that are gone --------------------------------------------------------------- */

static void test_parents_that_are_freed_first(void **state)
{
    (void)state;
    Bench bench, *b = &bench;
    anec_kernel *k;
    anec_model *m;
    char *s;
    open_bench(b);
    anec_model_free(b->model);
    GIVES(b, anec_run(b->kernel, &b->e), ANEC_UNLOADED, "the kernel's model was freed");
    GIVES(b, anec_bind(b->kernel, "x", &b->tensor, &b->e), ANEC_UNLOADED,
          "the kernel's model was freed");
    GIVES(b, anec_compile(b->model, NULL, &k, &b->e), ANEC_WRONG, "the model was freed");
    GIVES(b, anec_describe(b->model, "text", &s, &b->e), ANEC_WRONG,
          "the model was freed");
    anec_model_free(b->model); /* a second time, while kernels hold it */
    anec_close(b->device);
    GIVES(b, anec_load_text(b->device, text, sizeof text - 1, NULL, &m, &b->e),
          ANEC_WRONG, "the device was closed");
    anec_close(b->device);
    anec_free(b->kernel);
    anec_free(b->other);
}

static void test_a_device_that_is_closed_first(void **state)
{
    (void)state;
    Bench bench, *b = &bench;
    anec_kernel *k;
    open_bench(b);
    anec_close(b->device);
    GIVES(b, anec_run(b->kernel, &b->e), ANEC_UNLOADED, "the kernel's device was closed");
    GIVES(b, anec_compile(b->model, NULL, &k, &b->e), ANEC_WRONG,
          "the device was closed");
    anec_close(b->device); /* a second time, while the model holds it */
    anec_free(b->kernel);
    anec_free(b->other);
    anec_model_free(b->model);
}

static void hear(void *ctx, anec_severity severity, const char *message)
{
    (void)severity;
    (void)message;
    ++*(int *)ctx;
}

/* Whoever frees the options first is not called any more. */
static void test_options_that_are_freed_first(void **state)
{
    (void)state;
    Bench bench = { 0 }, *b = &bench;
    int heard = 0;
    anec_config *c = anec_config_new();
    anec_config_messages(c, hear, &heard);
    GOOD(b, anec_open_with("cpu", c, &b->device, &b->e));
    assert_int_equal(anec_load_text(b->device, "program", 7, NULL, &b->model, &b->e),
                     ANEC_WRONG);
    assert_int_equal(heard, 1);
    anec_config_free(c);
    anec_config_free(c);
    assert_int_equal(anec_load_text(b->device, "program", 7, NULL, &b->model, &b->e),
                     ANEC_WRONG);
    assert_int_equal(heard, 1);
    anec_close(b->device);
}

/* ---- partners ---------------------------------------------------------------------------- */

static void test_sources_that_are_gone(void **state)
{
    (void)state;
    Bench bench, *b = &bench;
    static const char gone[] = "a kernel that this one is wired to is unloaded";
    open_bench(b);
    GOOD(b, anec_rewire(b->kernel, "x", b->other, "y", &b->e));
    GOOD(b, anec_run(b->other, &b->e));
    GOOD(b, anec_run(b->kernel, &b->e));
    GOOD(b, anec_unload(b->other, &b->e));
    GIVES(b, anec_run(b->kernel, &b->e), ANEC_UNLOADED, gone);
    GIVES(b, anec_run_async(b->kernel, NULL, NULL, &b->e), ANEC_UNLOADED, gone);
    GIVES(b, anec_rewire(b->kernel, "x", b->other, "y", &b->e), ANEC_UNLOADED,
          "the kernel is unloaded");
    GIVES(b, anec_unload(b->other, &b->e), ANEC_UNLOADED, "the kernel is unloaded");
    anec_free(b->other);
    GIVES(b, anec_run(b->kernel, &b->e), ANEC_UNLOADED, gone);
    GIVES(b, anec_rewire(b->kernel, "x", b->other, "y", &b->e), ANEC_UNLOADED,
          "the kernel was freed");
    anec_free(b->other); /* a second time, while an input is wired to it */
    GOOD(b, anec_rewire(b->kernel, "x", NULL, NULL, &b->e));
    GOOD(b, anec_bind(b->kernel, "x", &b->tensor, &b->e));
    GOOD(b, anec_run(b->kernel, &b->e));
    b->other = NULL;
    close_bench(b);
}

/* ---- calls from inside of a call --------------------------------------------------------- */

static anec_status inside[3];

static int see(void *ctx, const anec_value *value, const anec_tensor *tensor)
{
    Bench *b = ctx;
    anec_error e;
    char *s;
    (void)value;
    (void)tensor;
    inside[0] = anec_run(b->kernel, &e);
    printf("error: %s\n", e.text);
    inside[1] = anec_describe(b->model, "text", &s, &e);
    anec_text_free(s);
    inside[2] = anec_run(b->other, &e);
    return 0;
}

static void test_calls_while_it_runs(void **state)
{
    (void)state;
    Bench bench, *b = &bench;
    open_bench(b);
    const anec_run_options o = { .size = sizeof o, .value = see, .ctx = b };
    GOOD(b, anec_run_with(b->kernel, NULL, 0, &o, &b->e));
    assert_int_equal(inside[0], ANEC_BUSY);
    assert_int_equal(inside[1],
                     ANEC_OK); /* its model, and another kernel of that, are free */
    assert_int_equal(inside[2], ANEC_OK);
    GOOD(b, anec_run(b->other, &b->e));
    close_bench(b);
}

/* ---- a bug of the library's own ---------------------------------------------------------- */

static int told;

static void release_told(void *p, size_t size)
{
    (void)p, (void)size;
    told++;
}

static void tell(void *ctx) { ++*(int *)ctx; }

/* As the calls of the library are written; it holds something that is no memory, and has a
 * task. */
static anec_status call_with_a_bug(anec_error *error)
{
    ApiCall c;
    GuardTask task;
    if (call_start(&c, NULL, error)) return call_status(&c);
    mem_own(&told, 0, release_told);
    guard_task(&task, tell, &told);
    bug("%s is %d", "this", 1);
}

static void test_a_bug_ends_the_call_alone(void **state)
{
    (void)state;
    Bench bench, *b = &bench;
    open_bench(b);
    assert_int_equal(call_with_a_bug(&b->e), ANEC_BUG);
    assert_int_equal(told, 2);
    assert_non_null(strstr(b->e.text, "a bug of anec's own, please report it: "));
    assert_non_null(strstr(b->e.text, "test_misuse.c"));
    assert_non_null(strstr(b->e.text, ": this is 1"));
    GOOD(b, anec_run(b->other, &b->e)); /* and the next one works */
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_objects),
        cmocka_unit_test(test_null_in_calls_of_kernels),
        cmocka_unit_test(test_null_without_a_status),
        cmocka_unit_test(test_parents_that_are_freed_first),
        cmocka_unit_test(test_a_device_that_is_closed_first),
        cmocka_unit_test(test_options_that_are_freed_first),
        cmocka_unit_test(test_sources_that_are_gone),
        cmocka_unit_test(test_calls_while_it_runs),
        cmocka_unit_test(test_a_bug_ends_the_call_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
