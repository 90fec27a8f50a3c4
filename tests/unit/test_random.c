/* test_random.c -- the random ops: statistics, seeds, draws and limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runs.h"

#include <math.h>
#include <string.h>

enum { N = 40000 };

static void open_shaped(Run *r, const char *op, int64_t n, int64_t seed)
{
    run_open(r, op, OPSET_IOS17);
    run_ints(r, "shape", 2, (int64_t[]){ 4, n / 4 });
    run_int(r, "seed", seed);
}

static void arg(Run *r, const char *name, DType t, double v)
{
    run_num(r, name, t, (Shape){ .rank = 0 }, &v);
}

/* Mean, variance, skewness and extremes. */
typedef struct {
    double mean, var, skew, low, high;
} Stats;

static Stats stats_of(const Tensor *t)
{
    Stats s = { .low = INFINITY, .high = -INFINITY };
    double n = (double)t->count;
    for (size_t i = 0; i < t->count; i++) s.mean += tensor_float(t, i) / n;
    for (size_t i = 0; i < t->count; i++) {
        double v = tensor_float(t, i), d = v - s.mean;
        s.var += d * d / n;
        s.skew += d * d * d / n;
        s.low = v < s.low ? v : s.low;
        s.high = v > s.high ? v : s.high;
    }
    return s;
}

/* Bounds below are five standard errors of the statistic. */
static void near(double got, double want, double error)
{
    if (fabs(got - want) > 5 * error)
        fail_msg("%g is not within 5 * %g of %g", got, error, want);
}

static void test_normal(void **state)
{
    (void)state;
    Run r;
    open_shaped(&r, "random_normal", N, 11);
    arg(&r, "mean", DT_FP32, 3);
    arg(&r, "stddev", DT_FP32, 2);
    assert_true(run_go(&r));
    assert_int_equal(r.out[0].dtype, DT_FP32);
    assert_int_equal(r.out[0].shape.rank, 2);
    assert_int_equal(r.out[0].shape.dim[1], N / 4);
    Stats s = stats_of(&r.out[0]);
    near(s.mean, 3, 2 / sqrt(N));
    near(s.var, 4, 4 * sqrt(2.0 / N));
    near(s.skew, 0, 8 * sqrt(15.0 / N));
    assert_true(s.high > 3 + 2 * 3 && s.low < 3 - 2 * 3);
    run_close(&r);
}

static void test_uniform(void **state)
{
    (void)state;
    Run r;
    open_shaped(&r, "random_uniform", N, 12);
    arg(&r, "low", DT_FP16, -1);
    arg(&r, "high", DT_FP16, 3);
    assert_true(run_go(&r));
    assert_int_equal(r.out[0].dtype, DT_FP16);
    Stats s = stats_of(&r.out[0]);
    near(s.mean, 1, 4 / sqrt(12.0 * N));
    near(s.var, 16.0 / 12, 16 * sqrt(1.0 / 180 / N));
    assert_true(s.low >= -1 && s.low < -0.99 && s.high < 3 && s.high > 2.99);
    run_close(&r);
}

/* In fp16 the numbers from 2048 to 2050 are those two alone: the upper end must not appear. */
static void test_uniform_excludes_high(void **state)
{
    (void)state;
    Run r;
    open_shaped(&r, "random_uniform", 4000, 5);
    arg(&r, "low", DT_FP16, 2048);
    arg(&r, "high", DT_FP16, 2050);
    assert_true(run_go(&r));
    Stats s = stats_of(&r.out[0]);
    assert_true(s.low == 2048 && s.high == 2048);
    run_close(&r);
}

static void test_bernoulli(void **state)
{
    (void)state;
    static const double probs[] = { 0, 0.1, 0.5, 0.9, 1 };
    for (size_t i = 0; i < COUNT(probs); i++) {
        Run r;
        open_shaped(&r, "random_bernoulli", N, 13);
        arg(&r, "prob", DT_FP32, probs[i]);
        assert_true(run_go(&r));
        Stats s = stats_of(&r.out[0]);
        near(s.mean, probs[i], sqrt(probs[i] * (1 - probs[i]) / N) + 1e-9);
        for (size_t k = 0; k < r.out[0].count; k++) {
            double v = tensor_float(&r.out[0], k);
            assert_true(v == 0 || v == 1);
        }
        run_close(&r);
    }
}

static void frequencies(const char *mode, const double *x, const double *p, int classes)
{
    Run r;
    double count[8] = { 0 };
    run_open(&r, "random_categorical", OPSET_IOS15);
    run_num(&r, "x", DT_FP32, SHAPE(1, classes), x);
    run_str(&r, "mode", mode);
    run_int(&r, "size", N);
    run_int(&r, "seed", 14);
    assert_true(run_go(&r));
    assert_int_equal(r.out[0].shape.dim[1], N);
    for (size_t i = 0; i < N; i++) count[(int)tensor_float(&r.out[0], i)]++;
    for (int i = 0; i < classes; i++)
        near(count[i] / N, p[i], sqrt(p[i] * (1 - p[i]) / N) + 1e-9);
    run_close(&r);
}

static void test_categorical(void **state)
{
    (void)state;
    const double p[] = { 0.1, 0, 0.6, 0.3 }, twice[] = { 0.2, 0, 1.2, 0.6 };
    const double logits[] = { 1000 + log(0.1), -INFINITY, 1000 + log(0.6),
                              1000 + log(0.3) };
    frequencies("probs", p, p, 4);
    frequencies("probs", twice, p, 4);
    frequencies("logits", logits, (const double[]){ 0.1, 0, 0.6, 0.3 }, 4);
}

/* The elements of one execution, for comparing. */
static void draw(float *to, int64_t seed, uint64_t random_seed, uint64_t n)
{
    Run r;
    open_shaped(&r, "random_normal", 64, seed);
    r.call.random_seed = random_seed;
    r.call.random_draw = n;
    assert_true(run_go(&r));
    memcpy(to, r.out[0].data, 64 * sizeof *to);
    run_close(&r);
}

static void test_seeds(void **state)
{
    (void)state;
    float a[64], b[64];
    draw(a, 7, 0, 0);
    draw(b, 7, 99, 0);
    assert_memory_equal(a, b, sizeof a); /* its own seed is all that counts */
    draw(b, 8, 0, 0);
    assert_memory_not_equal(a, b, sizeof a);
    draw(b, 7, 0, 1);
    assert_memory_not_equal(a, b, sizeof a); /* each execution draws anew */
    draw(a, -1, 99, 0);
    draw(b, -1, 98, 0);
    assert_memory_not_equal(a, b, sizeof a);
    draw(b, 99, 0, 0);
    assert_memory_equal(a, b, sizeof a); /* -1 stands for the run's seed */
}

static void test_errors(void **state)
{
    (void)state;
    Run r;
    run_open(&r, "random_uniform", OPSET_IOS15);
    run_ints(&r, "shape", 2, (int64_t[]){ 2, -3 });
    assert_false(run_go(&r));
    assert_non_null(strstr(r.diag.text.s, "dimension of -3"));
    run_close(&r);
    run_open(&r, "random_categorical", OPSET_IOS15);
    run_num(&r, "x", DT_FP32, SHAPE(2, 3), NULL);
    run_str(&r, "mode", "odds");
    assert_false(run_go(&r));
    assert_non_null(
        strstr(r.diag.text.s, "mode is \"odds\"; it must be \"logits\" or \"probs\""));
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_uniform_excludes_high),
        cmocka_unit_test(test_bernoulli),
        cmocka_unit_test(test_categorical),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
