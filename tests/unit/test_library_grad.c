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
    refused(anec_grad(t.model, NULL, 1, NULL, &t.error), ANEC_WRONG, &t.error, "out is NULL");
    refused(anec_grad(NULL, NULL, 1, &grad, &t.error), ANEC_WRONG, &t.error, "model is NULL");
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
    refused(anec_step(t.model, NULL, &step, &t.error), ANEC_WRONG, &t.error, "options is NULL");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grad),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_given),
    };
    return bench_main(tests, COUNT(tests));
}
