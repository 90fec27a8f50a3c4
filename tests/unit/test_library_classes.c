/* test_library_classes.c -- classifiers and images by the public library. */
#include "library_bench.h"

#include <math.h>

/* ---- classes and features ---------------------------------------------------------------- */

static const char cats[] =
    "program(1.3)\n{\n"
    "    func main<ios18>(tensor<fp32, [1, 4]> p) {\n"
    "        string label, dict<string, fp64> all = classify(classes = list<string, 4>([\"cat\", "
    "\"dog\", \"cow\", \"hen\"]), probabilities = p)[name = string(\"c\")];\n"
    "    } -> (label, all);\n}\n";

static void test_classes(void **state)
{
    Bench t;
    anec_class best[3];
    anec_tensor l;
    const char *probabilities;
    float p[4] = { 0.25f, NAN, 0.5f, 0.25f };
    const anec_tensor x = { "fp32", 2, { 1, 4 }, p, sizeof p };
    (void)state;
    open_bench(&t, "cpu");
    GOOD(&t, anec_load_text(t.device, cats, strlen(cats), NULL, &t.model, &t.error));
    GOOD(&t, anec_compile(t.model, NULL, &t.kernel, &t.error));
    assert_string_equal(anec_port(t.kernel, ANEC_RESULT, 1, &l), "all");
    assert_string_equal(l.dtype, "fp64");
    assert_int_equal(l.shape[0], 4);
    assert_int_equal(anec_best(t.kernel, best, 3), 0);
    GOOD(&t, anec_bind(t.kernel, "p", &x, &t.error));
    GOOD(&t, anec_run(t.kernel, &t.error));
    GOOD(&t, anec_result(t.kernel, "label", &l, &t.error));
    assert_string_equal(*(const char *const *)l.data, "cow");
    assert_int_equal(anec_best(t.kernel, best, 3), 3);
    assert_string_equal(best[0].text, "cow");
    assert_string_equal(best[1].text, "cat");
    assert_string_equal(best[2].text, "hen");
    assert_true(best[0].probability == 0.5);
    assert_string_equal(anec_classifier(t.kernel, &probabilities), "label");
    assert_string_equal(probabilities, "all");
    GOOD(&t, anec_classes(t.kernel, &l, &t.error));
    assert_string_equal(((const char *const *)l.data)[1], "dog");
    anec_tensor_free(&l);
    close_bench(&t);
}

static void test_no_classes(void **state)
{
    Bench t;
    anec_class best;
    anec_tensor l;
    anec_feature f = { .size = sizeof f };
    float x[3] = { 1, 2, 3 };
    const anec_tensor in = { "fp32", 2, { 1, 3 }, x, sizeof x };
    (void)state;
    load_bench(&t, "ref");
    assert_null(anec_classifier(t.kernel, NULL));
    refused(anec_classes(t.kernel, &l, &t.error), ANEC_WRONG, &t.error,
            "main is no classifier");
    refused(anec_image_save(t.kernel, "y", "y.png", &t.error), ANEC_EMPTY, &t.error,
            "no results");
    GOOD(&t, anec_bind(t.kernel, "x", &in, &t.error));
    GOOD(&t, anec_run(t.kernel, &t.error));
    assert_int_equal(anec_best(t.kernel, &best, 1), 0);
    refused(anec_image_save(t.kernel, "y", "y.png", &t.error), ANEC_WRONG, &t.error,
            "main has no result y that is an image");
    assert_int_equal(anec_port_feature(t.kernel, ANEC_INPUT, 0, &f), 1);
    assert_false(f.optional || f.color);
    assert_int_equal(anec_port_feature(t.kernel, ANEC_RESULT, 1, &f), 0);
    close_bench(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_no_classes),
    };
    return bench_main(tests, COUNT(tests));
}
