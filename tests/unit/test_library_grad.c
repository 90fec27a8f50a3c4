/* test_library_grad.c -- gradients and steps of training by the public library. */
#include "library_bench.h"

#include <math.h>

/* ---- gradients --------------------------------------------------------------------------- */

static void test_grad(void **state)
{
    static const char cube[] = "model main(x: fp32[2]) -> y {\n"
                               "    weight w: [2] = [2, 3]\n"
                               "    y = reduce_sum(w * x ** 3.0, axes = [0])\n}\n";
    static const float x[] = { 1, -2 }, want[2][2] = { { 6, 36 }, { 1, -8 } };
    anec_model *grad = NULL;
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t, anec_load_text(t.device, cube, strlen(cube), NULL, &t.model, &t.error));
    refused(anec_grad(t.model, "z", 1, &grad, &t.error), ANEC_WRONG, &t.error,
            "main has no input, weight or value z");
    refused(anec_grad(t.model, NULL, 1, NULL, &t.error), ANEC_WRONG, &t.error,
            "out is NULL");
    refused(anec_grad(NULL, NULL, 1, &grad, &t.error), ANEC_WRONG, &t.error,
            "model is NULL");
    GOOD(&t, anec_grad(t.model, NULL, 1, &grad, &t.error));
    GOOD(&t, anec_compile(grad, NULL, &t.kernel, &t.error));
    const anec_tensor in = { .dtype = "fp32",
                             .rank = 1,
                             .shape = { 2 },
                             .data = (void *)(uintptr_t)x,
                             .bytes = sizeof x };
    GOOD(&t, anec_bind(t.kernel, "x", &in, &t.error));
    GOOD(&t, anec_run(t.kernel, &t.error));
    for (int i = 0; i < 2; i++) {
        anec_tensor got;
        GOOD(&t, anec_result(t.kernel, i ? "d_w" : "d_x", &got, &t.error));
        assert_int_equal(got.bytes, sizeof want[i]);
        for (int k = 0; k < 2; k++)
            assert_true(fabsf(((const float *)got.data)[k] - want[i][k]) < 1e-5f);
    }
    anec_model_free(grad);
    close_bench(&t);
}

/* A step of training: weights are inputs, in the order of their paths, and the loss's gradients
 * are multiplied with another. */
static void test_step(void **state)
{
    static const char net[] = "layer L { weight w: [2] = [2, 3]\n fn (x) = x * w }\n"
                              "model main(x: fp32[2]) -> loss {\n"
                              "    layer l: L()[2]\n"
                              "    loss = reduce_sum(l[1](l[0](x)), axes = [0])\n}\n";
    static const float x[] = { 1, -2 }, w[2][2] = { { 2, 3 }, { 5, 7 } }, scale = 10;
    const float want[2][2] = { { 50, -140 }, { 20, -60 } };
    const anec_step_options scaled = { .size = sizeof scaled, .scaled = 1 };
    const anec_step_options gone = { .size = sizeof gone, .function = "gone" };
    anec_model *step = NULL, *mil = NULL;
    const char *input;
    anec_tensor first, got;
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    GOOD(&t, anec_load_text(t.device, text, strlen(text), NULL, &mil, &t.error));
    refused(anec_step(mil, &scaled, &step, &t.error), ANEC_WRONG, &t.error,
            "a step of training is made of an .anedsl, whose weights have paths");
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t, anec_load_text(t.device, net, strlen(net), NULL, &t.model, &t.error));
    refused(anec_step(t.model, &gone, &step, &t.error), ANEC_WRONG, &t.error,
            "<text> has no function gone");
    refused(anec_step(t.model, NULL, &step, &t.error), ANEC_WRONG, &t.error,
            "options is NULL");
    GOOD(&t, anec_step(t.model, &scaled, &step, &t.error));
    assert_string_equal(anec_weight(step, 0, &input), "l.0.w");
    assert_string_equal(input, "l_0_w");
    assert_string_equal(anec_weight(step, 1, &input), "l.1.w");
    assert_null(anec_weight(step, 2, &input));
    assert_null(anec_weight(t.model, 0, NULL));
    refused(anec_weight_value(step, 2, &first, &t.error), ANEC_WRONG, &t.error,
            "there is no such weight");
    GOOD(&t, anec_weight_value(step, 0, &first, &t.error));
    assert_memory_equal(first.data, w[0], sizeof w[0]);
    anec_tensor_free(&first);
    GOOD(&t, anec_compile(step, NULL, &t.kernel, &t.error));
    const void *const data[] = { x, w[0], w[1], &scale };
    static const char *const name[] = { "x", "l_0_w", "l_1_w", "loss_scale" };
    for (int i = 0; i < 4; i++) {
        const anec_tensor in = { .dtype = "fp32",
                                 .rank = i < 3,
                                 .shape = { 2 },
                                 .data = (void *)(uintptr_t)data[i],
                                 .bytes = i < 3 ? sizeof x : sizeof scale };
        GOOD(&t, anec_bind(t.kernel, name[i], &in, &t.error));
    }
    GOOD(&t, anec_run(t.kernel, &t.error));
    for (int i = 0; i < 2; i++) {
        GOOD(&t, anec_result(t.kernel, i ? "d_l_1_w" : "d_l_0_w", &got, &t.error));
        assert_memory_equal(got.data, want[i], sizeof want[i]);
    }
    anec_model_free(step);
    anec_model_free(mil);
    close_bench(&t);
}

/* Weights that are given count in place of the program's, in what is made of the model too, and when
 * it has gone: baked into a step they are constants of it. */
static void test_given(void **state)
{
    static const char net[] = "model main(x: fp32[2]) -> loss {\n"
                              "    weight w: [2] = [2, 3], v: [2] = 1\n"
                              "    loss = reduce_sum(x * w * v, axes = [0])\n}\n";
    static float x[] = { 1, -2 }, w[] = { 5, 7 }, scale = 10, far[] = { 1, 2, 3 };
    const float want[] = { 50, -140 };
    const anec_step_options baked = { .size = sizeof baked, .scaled = 1, .baked = 1 };
    anec_tensor wt = { "fp32", 1, { 2 }, w, sizeof w },
                bad = { "fp32", 1, { 3 }, far, sizeof far },
                whole = { "int32", 1, { 2 }, w, sizeof w }, got;
    anec_input one = { "w", NULL, &wt };
    anec_model *other = NULL, *step = NULL;
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t, anec_load_text(t.device, net, strlen(net), NULL, &t.model, &t.error));
    one.tensor = &bad;
    refused(anec_with_weights(t.model, &one, 1, &other, &t.error), ANEC_WRONG, &t.error,
            "weight w is [2], but what is given for it holds [3]");
    one.tensor = &whole;
    refused(anec_with_weights(t.model, &one, 1, &other, &t.error), ANEC_WRONG, &t.error,
            "w is given as int32: weights are given as floats");
    one = (anec_input){ "u", NULL, &wt };
    refused(anec_with_weights(t.model, &one, 1, &other, &t.error), ANEC_WRONG, &t.error,
            "the program declares no weight u, which is given");
    one.name = "w";
    GOOD(&t, anec_with_weights(t.model, &one, 1, &other, &t.error));
    GOOD(&t, anec_step(other, &baked, &step, &t.error));
    anec_model_free(other);
    assert_string_equal(anec_weight(step, 1, NULL), "w");
    GOOD(&t, anec_compile(step, NULL, &t.kernel, &t.error));
    const anec_tensor in = { "fp32", 1, { 2 }, x, sizeof x },
                      s = { "fp32", 0, { 0 }, &scale, 4 };
    GOOD(&t, anec_bind(t.kernel, "x", &in, &t.error));
    GOOD(&t, anec_bind(t.kernel, "loss_scale", &s, &t.error));
    refused(anec_bind(t.kernel, "w", &wt, &t.error), ANEC_WRONG, &t.error, "w");
    GOOD(&t, anec_run(t.kernel, &t.error));
    GOOD(&t, anec_result(t.kernel, "loss", &got, &t.error));
    assert_float_equal(*(float *)got.data, 5 - 14, 0);
    GOOD(&t, anec_result(t.kernel, "d_v", &got, &t.error));
    assert_memory_equal(got.data, want, sizeof want);
    anec_model_free(step);
    close_bench(&t);
}

/* The same step in parts: one program for the two layers that are alike, forward and backward, and
 * the numbers of the whole. */
static const char layered[] =
    "layer L { weight w: fp32[2, 2] = [[2, 3], [1, -1]]\n"
    "    fn (x) = linear(x, w) }\n"
    "model main(x: fp32[1, 2], t: int32[1]) -> loss {\n"
    "    weight v: fp32[2] = [1, 2]\n"
    "    layer l: L[2]\n"
    "    x = x * v\n"
    "    for one in l { x = one(x) }\n"
    "    loss = reduce_sum(x * cast(t, dtype = \"fp32\"), axes = [0, 1], "
    "keep_dims = false)\n}\n";

/* As the part takes it: what goes from one to the next may be fp16 in both. */
static void give_part(Bench *t, anec_kernel *k, const char *port, const anec_tensor *from)
{
    anec_tensor to;
    GOOD(t, anec_buffer(k, port, &to, &t->error));
    if (!strcmp(to.dtype, from->dtype)) memcpy(to.data, from->data, from->bytes);
    else if (!strcmp(to.dtype, "fp16"))
        f16_from_floats(from->data, to.data, from->bytes / sizeof(float));
    else f16_to_floats(from->data, to.data, from->bytes / sizeof(uint16_t));
}

static void run_parts(Bench *t, const anec_parts *parts, anec_tensor *loss,
                      anec_tensor *d_v)
{
    static const float x[] = { 1, -2 }, w[] = { 2, 3, 1, -1 }, v[] = { 1, 2 }, one = 1;
    static const int32_t number = 3;
    const anec_tensor given[] = { { "fp32", 2, { 1, 2 }, (void *)(uintptr_t)x, 8 },
                                  { "int32", 1, { 1 }, (void *)(uintptr_t)&number, 4 },
                                  { "fp32", 2, { 2, 2 }, (void *)(uintptr_t)w, 16 },
                                  { "fp32", 2, { 2, 2 }, (void *)(uintptr_t)w, 16 },
                                  { "fp32", 1, { 2 }, (void *)(uintptr_t)v, 8 },
                                  { "fp32", 0, { 0 }, (void *)(uintptr_t)&one, 4 } };
    static const char *const name[] = { "x", "t", "l_0_w", "l_1_w", "v", "loss_scale" };
    struct {
        const char *value;
        anec_tensor at;
    } made[32];
    int n = 0;
    const char *port, *value;
    anec_kernel *k;
    for (size_t i = 0; i < COUNT(name); i++)
        made[n].value = name[i], made[n++].at = given[i];
    for (int i = 0; (k = anec_part(parts, i, NULL)); i++) {
        for (int p = 0; (port = anec_part_port(parts, i, ANEC_INPUT, p, &value)); p++)
            for (int m = 0; m < n; m++)
                if (!strcmp(made[m].value, value)) give_part(t, k, port, &made[m].at);
        GOOD(t, anec_run(k, &t->error));
        for (int p = 0; (port = anec_part_port(parts, i, ANEC_RESULT, p, &value)); p++) {
            GOOD(t, anec_result(k, port, &made[n].at, &t->error));
            made[n].value = value;
            if (!strcmp(value, "loss")) *loss = made[n].at;
            if (!strcmp(value, "d_v")) *d_v = made[n].at;
            n++;
        }
    }
}

static void test_parts(void **state)
{
    const anec_step_options scaled = { .size = sizeof scaled, .scaled = 1 };
    const anec_step_options forward = { .size = sizeof forward, .forward = 1 };
    anec_part_info info = { .size = sizeof info };
    anec_parts *parts = NULL;
    anec_device *sim;
    anec_tensor loss, d_v;
    Bench t;
    (void)state;
    open_bench(&t, "ref");
    GOOD(&t, anec_open("sim:m1", NULL, &sim, &t.error));
    GOOD(&t, anec_config_set(t.config, "from", "anedsl", &t.error));
    GOOD(&t,
         anec_load_text(t.device, layered, strlen(layered), NULL, &t.model, &t.error));
    refused(anec_step_parts(t.model, t.device, t.device, &forward, 0, &parts, &t.error),
            ANEC_WRONG, &t.error,
            "a step in parts has gradients, and its weights are inputs");
    refused(anec_step_parts(t.model, t.device, NULL, &scaled, 0, &parts, &t.error),
            ANEC_WRONG, &t.error, "host is NULL");
    refused(anec_step_parts(t.model, NULL, t.device, &scaled, 0, &parts, &t.error),
            ANEC_WRONG, &t.error, "device is NULL");
    assert_null(anec_part(NULL, 0, NULL));
    assert_null(anec_part_port(NULL, 0, ANEC_INPUT, 0, NULL));
    assert_null(anec_parts_step(NULL));
    assert_int_equal(anec_parts_bytes(NULL), 0);
    anec_parts_free(NULL);
    for (int i = 0; i < 4; i++) { /* on ref and m1, kept and computed again */
        GOOD(&t, anec_step_parts(t.model, i % 2 ? sim : t.device, t.device, &scaled,
                                 (uint64_t)i / 2, &parts, &t.error));
        assert_string_equal(anec_weight(anec_parts_step(parts), 2, NULL), "v");
        assert_non_null(anec_part(parts, 1, &info));
        assert_string_equal(info.layer, "l.0");
        const int program = info.program;
        assert_non_null(anec_part(parts, 2, &info));
        assert_string_equal(info.layer, "l.1");
        assert_int_equal(info.program, program);
        assert_int_equal(info.host, 0);
        assert_null(anec_part(parts, -1, &info));
        assert_null(anec_part_port(parts, 1, ANEC_INPUT, 2, NULL));
        assert_null(anec_part_port(parts, 1, ANEC_STATE, 0, NULL));
        run_parts(&t, parts, &loss, &d_v);
        double number, by[2];
        assert_int_equal(anec_doubles(&loss, 0, 1, &number), 1);
        assert_int_equal(anec_doubles(&d_v, 0, 2, by), 1);
        assert_float_equal(number, -60, 0);
        assert_float_equal(by[0], 24, 0);
        assert_float_equal(by[1], -42, 0);
        anec_parts_free(parts);
    }
    anec_close(sim);
    close_bench(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grad),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_parts),
    };
    return bench_main(tests, COUNT(tests));
}
