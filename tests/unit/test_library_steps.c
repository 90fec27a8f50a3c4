/* test_library_steps.c -- the steps of the backend cpu as a run tells them: they are those of the plan, each
 * when it ran, with loops and branches around them; and nothing else changes. */
#include "library_bench.h"

#include <cjson/cJSON.h>
#include <math.h>

enum { WIDTH = 64, MOST = 200, TURNS = 5 };

/* Products that elementwise ops join, and one op by its reference kernel. */
static const char line[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [64, 64]> x) {\n"
    "        tensor<fp32, [64, 64]> a = matmul(x = x, y = x)[name = string(\"a\")];\n"
    "        tensor<fp32, [64, 64]> b = relu(x = a)[name = string(\"b\")];\n"
    "        tensor<fp32, [64, 64]> c = softmax(axis = int32(-1), x = b)[name = string(\"c\")];\n"
    "        tensor<fp32, [64, 64]> d = cumsum(x = c)[name = string(\"d\")];\n"
    "        tensor<fp32, [64, 64]> e = add(x = d, y = b)[name = string(\"e\")];\n"
    "    } -> (e);\n}\n";

/* A loop, which doubles x once and then adds to it. */
static const char loop[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [64, 64]> x) {\n"
    "        tensor<int32, []> i, tensor<fp32, [64, 64]> y = while_loop(loop_vars = (int32(0), x))"
    "[name = string(\"w\")]\n"
    "            block0(tensor<int32, []> i0, tensor<fp32, [64, 64]> a0) {\n"
    "                bool go = less(x = i0, y = int32(5))[name = string(\"go\")];\n"
    "            } -> (go),\n"
    "            block1(tensor<int32, []> i1, tensor<fp32, [64, 64]> a1) {\n"
    "                tensor<int32, []> i2 = add(x = i1, y = int32(1))[name = string(\"i2\")];\n"
    "                bool one = less(x = i1, y = int32(1))[name = string(\"one\")];\n"
    "                tensor<fp32, [64, 64]> a2 = cond(pred = one)[name = string(\"a2\")]\n"
    "                    true_branch() {\n"
    "                        tensor<fp32, [64, 64]> t = mul(x = a1, y = fp32(2))[name = string(\"t\")];\n"
    "                    } -> (t),\n"
    "                    false_branch() {\n"
    "                        tensor<fp32, [64, 64]> f = add(x = a1, y = x)[name = string(\"f\")];\n"
    "                    } -> (f);\n"
    "            } -> (i2, a2);\n"
    "        tensor<fp32, [64, 64]> z = softmax(axis = int32(-1), x = y)[name = string(\"z\")];\n"
    "    } -> (z);\n}\n";

/* What a run told. */
typedef struct {
    anec_timed_step step[MOST];
    int n, ops, values;
} Told;

static void hear_step(void *ctx, const anec_timed_step *s)
{
    Told *told = ctx;
    assert_in_range(told->n, 0, MOST - 1);
    told->step[told->n++] = *s;
}

static void hear_begin(void *ctx, const anec_op *op) { (void)ctx, (void)op; }

static void hear_end(void *ctx, const anec_op *op, const anec_tensor *result)
{
    (void)op, (void)result;
    ((Told *)ctx)->ops++;
}

static int hear_value(void *ctx, const anec_value *v, const anec_tensor *t)
{
    (void)v, (void)t;
    ((Told *)ctx)->values++;
    return 0;
}

static void load_program(Bench *t, const char *backend, const char *program)
{
    open_bench(t, backend);
    GOOD(t,
         anec_load_text(t->device, program, strlen(program), NULL, &t->model, &t->error));
    GOOD(t, anec_compile(t->model, NULL, &t->kernel, &t->error));
}

/* A copy of the result; the caller frees it. */
static float *run_program(Bench *t, const char *result, anec_run_options o)
{
    anec_tensor x, y;
    o.size = sizeof o;
    GOOD(t, anec_tensor_random(t->kernel, "x", 1, &x, &t->error));
    const anec_input in = { .name = "x", .tensor = &x };
    GOOD(t, anec_run_with(t->kernel, &in, 1, &o, &t->error));
    GOOD(t, anec_result(t->kernel, result, &y, &t->error));
    assert_int_equal(y.bytes, WIDTH * WIDTH * sizeof(float));
    float *copy = mem_alloc(y.bytes);
    memcpy(copy, y.data, y.bytes);
    anec_tensor_free(&x);
    return copy;
}

static cJSON *plan_of(Bench *t)
{
    char *said;
    GOOD(t, anec_plan(t->kernel, "json", &said, &t->error));
    cJSON *plan = cJSON_Parse(said);
    assert_non_null(plan);
    anec_text_free(said);
    return plan;
}

static const char *word(const cJSON *step, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(step, key));
}

static double number(const cJSON *step, const char *key)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItem(step, key));
}

/* A step of the plan is what was told. */
static void expect_same(const cJSON *step, const anec_timed_step *got)
{
    assert_string_equal(word(step, "step"), got->how);
    assert_string_equal(word(step, "result"), got->result);
    assert_string_equal(word(step, "operations"), got->operations);
    assert_true(number(step, "bytes") == got->bytes);
    assert_true(number(step, "weights") == got->weights);
    assert_true(number(step, "flop") == got->flop);
    assert_true(fabs(number(step, "least") - got->least) <= 1e-9 * got->least);
}

/* All that was told is of the plan, which knows how often each ran, and how fast. */
static void expect_plan(Bench *t, const Told *told)
{
    cJSON *plan = plan_of(t);
    const cJSON *steps = cJSON_GetObjectItem(plan, "steps");
    int times[MOST] = { 0 };
    double least[MOST];
    for (int i = 0; i < told->n; i++) {
        const anec_timed_step *s = &told->step[i];
        const double took = s->ended - s->begun;
        assert_true(took >= 0);
        if (s->number < 0) continue;
        assert_in_range(s->number, 0, cJSON_GetArraySize(steps) - 1);
        expect_same(cJSON_GetArrayItem(steps, s->number), s);
        if (!times[s->number]++ || took < least[s->number]) least[s->number] = took;
    }
    for (int i = 0; i < cJSON_GetArraySize(steps); i++) {
        const cJSON *s = cJSON_GetArrayItem(steps, i);
        assert_int_equal(cJSON_HasObjectItem(s, "times"), times[i] > 0);
        if (!times[i]) continue;
        assert_int_equal((int)number(s, "times"), times[i]);
        assert_true(number(s, "took") <= least[i] * (1 + 1e-9));
    }
    cJSON_Delete(plan);
}

static void steps_are_the_plans(void **state)
{
    Bench t;
    Told told = { .n = 0 };
    (void)state;
    load_program(&t, "cpu", line);
    cJSON *plan = plan_of(&t);
    const int steps = cJSON_GetArraySize(cJSON_GetObjectItem(plan, "steps"));
    cJSON_Delete(plan);
    for (int threads = 1; threads < 3; threads++) {
        const anec_run_options quiet = { .threads = threads };
        anec_run_options o = quiet;
        o.step = hear_step;
        o.begin = hear_begin;
        o.end = hear_end;
        o.ctx = &told;
        told = (Told){ .n = 0 };
        float *want = run_program(&t, "e", quiet), *got = run_program(&t, "e", o);
        assert_memory_equal(got, want, WIDTH * WIDTH * sizeof *got);
        assert_int_equal(told.n, steps);
        assert_int_equal(told.ops, 0);
        for (int i = 0; i < told.n; i++) {
            assert_int_equal(told.step[i].number, i);
            assert_true(!i || told.step[i].begun >= told.step[i - 1].ended);
        }
        expect_plan(&t, &told);
        mem_free(want);
        mem_free(got);
    }
    char *said;
    GOOD(&t, anec_plan(t.kernel, "text", &said, &t.error));
    assert_non_null(strstr(said, "us, ran"));
    anec_text_free(said);
    close_bench(&t);
}

/* Wholes of an operation that were told, each of which lies around all that ran in it. */
static int wholes(const Told *told, const char *op)
{
    int n = 0;
    for (int i = 0; i < told->n; i++) {
        const anec_timed_step *w = &told->step[i];
        if (w->number >= 0 || strcmp(w->how, op) != 0) continue;
        assert_string_equal(w->operations, op);
        n++;
        for (int k = 0; k < told->n; k++) {
            const anec_timed_step *s = &told->step[k];
            const bool inside = s->begun >= w->begun && s->begun < w->ended;
            if (inside && s->ended > w->ended && s->number >= 0)
                fail_msg("step %d runs beyond its %s", s->number, op);
        }
    }
    return n;
}

static void blocks_are_around_their_steps(void **state)
{
    Bench t;
    Told told = { .n = 0 };
    (void)state;
    load_program(&t, "cpu", loop);
    for (int threads = 1; threads < 3; threads++) {
        const anec_run_options quiet = { .threads = threads, .max_steps = 100 };
        anec_run_options o = quiet;
        o.step = hear_step;
        o.ctx = &told;
        told = (Told){ .n = 0 };
        float *want = run_program(&t, "z", quiet), *got = run_program(&t, "z", o);
        assert_memory_equal(got, want, WIDTH * WIDTH * sizeof *got);
        assert_int_equal(wholes(&told, "while_loop"), 1);
        assert_int_equal(wholes(&told, "cond"), TURNS);
        expect_plan(&t, &told);
        /* The softmax behind the loop is in none. */
        assert_string_equal(told.step[told.n - 2].how, "while_loop");
        assert_string_equal(told.step[told.n - 2].result, "i");
        assert_string_equal(told.step[told.n - 1].operations, "softmax");
        assert_true(told.step[told.n - 1].begun >= told.step[told.n - 2].ended);
        int doubled = 0, added = 0;
        for (int i = 0; i < told.n; i++) {
            doubled += !strcmp(told.step[i].operations, "mul");
            added += told.step[i].number >= 0 && !strcmp(told.step[i].result, "f");
        }
        assert_int_equal(doubled, 1);
        assert_int_equal(added, TURNS - 1);
        mem_free(want);
        mem_free(got);
    }
    close_bench(&t);
}

/* Where each op is seen, or there are no steps, ops are told. */
static void ops_where_there_are_no_steps(void **state)
{
    (void)state;
    static const struct {
        const char *backend;
        bool values;
    } ways[] = { { "cpu", true }, { "ref", false }, { "ref", true } };
    for (size_t i = 0; i < COUNT(ways); i++) {
        Bench t;
        Told told = { .n = 0 };
        load_program(&t, ways[i].backend, line);
        anec_run_options o = { .step = hear_step,
                               .begin = hear_begin,
                               .end = hear_end,
                               .value = ways[i].values ? hear_value : NULL,
                               .ctx = &told };
        mem_free(run_program(&t, "e", o));
        assert_int_equal(told.n, 0);
        assert_int_equal(told.ops, 5);
        assert_int_equal(told.values, ways[i].values ? 5 : 0);
        close_bench(&t);
    }
}

/* A loop that is ended has told what ran. */
static void a_run_that_fails(void **state)
{
    Bench t;
    Told told = { .n = 0 };
    anec_tensor x;
    (void)state;
    load_program(&t, "cpu", loop);
    GOOD(&t, anec_tensor_random(t.kernel, "x", 1, &x, &t.error));
    const anec_input in = { .name = "x", .tensor = &x };
    const anec_run_options o = {
        .size = sizeof o, .step = hear_step, .ctx = &told, .max_steps = 2
    };
    assert_int_not_equal(anec_run_with(t.kernel, &in, 1, &o, &t.error), ANEC_OK);
    assert_true(told.n > 0);
    assert_int_equal(wholes(&told, "while_loop"), 0);
    assert_int_equal(wholes(&told, "cond"), 2);
    anec_tensor_free(&x);
    close_bench(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_the_plans),
        cmocka_unit_test(blocks_are_around_their_steps),
        cmocka_unit_test(ops_where_there_are_no_steps),
        cmocka_unit_test(a_run_that_fails),
    };
    return bench_main(tests, COUNT(tests));
}
