/* test_batch.c -- a batch_norm behind a convolution becomes part of it where nothing is lost by
 * that, computes the same then, and stays where one of the conditions fails. */
#include "micro.h"
#include "ref_run.h"
#include "unit.h"

#include "../../ir/passes/passes.h"

#define IN "tensor<fp32, [1, 2, 4, 5]> x"
#define VEC(name, values) \
    "tensor<fp32, [2]> " name " = const()[name = string(\"" name \
    "\"), val = tensor<fp32, [2]>(" values ")];"
#define W(type) \
    "tensor<" type \
    ", [2, 2, 2, 2]> w = const()[name = string(\"w\"), val = tensor<" type \
    ", [2, 2, 2, 2]>([[[[0.5, -1], [0.25, 2]], [[1.5, -0.125], [0.75, 1]]], [[[-2, 0.5], [1, " \
    "0.375]], [[0.5, 0.5], [-1.25, 3]]]])];"
#define MEAN VEC("mean", "[0.5, -0.25]")
#define VARIANCE VEC("variance", "[0.25, 3]")
#define GAMMA VEC("gamma", "[-1.5, 0.75]")
#define BETA VEC("beta", "[0.125, -2]")
#define PADS \
    "pad_type = string(\"valid\"), strides = tensor<int32, [2]>([1, 1]), dilations = " \
    "tensor<int32, [2]>([1, 1]), pad = tensor<int32, [4]>([0, 0, 0, 0])"
#define C \
    "tensor<fp32, [1, 2, 3, 4]> c = conv(x = x, weight = w, groups = int32(1), " PADS \
    ")[name = string(\"c\")];"
#define CB \
    "tensor<fp32, [1, 2, 3, 4]> c = conv(x = x, weight = w, bias = b, groups = int32(1), " PADS \
    ")[name = string(\"c\")];"
#define NORM(args) \
    "tensor<fp32, [1, 2, 3, 4]> y = batch_norm(x = c, mean = mean, variance = variance" args \
    ")[name = string(\"y\")];"
#define ALL ", gamma = gamma, beta = beta"

/* clang-format off */
static const struct {
    const char *what;
    bool folds;
    double tolerance;
    const char *text; /* inputs | ops | results */
} cases[] = {
    { "without a bias", true, 2e-6, IN "|" W("fp32") MEAN VARIANCE GAMMA BETA C NORM(ALL) "| y" },
    { "with a bias", true, 2e-6, IN "|" W("fp32") VEC("b", "[3, -1]") MEAN VARIANCE GAMMA BETA CB NORM(ALL) "| y" },
    { "without gamma and beta", true, 2e-6, IN "|" W("fp32") MEAN VARIANCE C NORM("") "| y" },
    { "with an epsilon that counts", true, 2e-6, IN "|" W("fp32") MEAN VEC("variance", "[0, 0.001]") GAMMA BETA C NORM(ALL ", epsilon = fp32(0.5)") "| y" },
    { "a channel that is off", true, 2e-6, IN "|" W("fp32") MEAN VARIANCE VEC("gamma", "[0, 0x1p-30]") BETA C NORM(ALL) "| y" },
    { "weights of one group for each channel", true, 2e-6, IN "|"
      "tensor<fp32, [2, 1, 1, 1]> w = const()[name = string(\"w\"), val = tensor<fp32, [2, 1, 1, 1]>([[[[2]]], [[[-0.5]]]])];" MEAN VARIANCE GAMMA BETA
      "tensor<fp32, [1, 2, 4, 5]> c = conv(x = x, weight = w, groups = int32(2), " PADS ")[name = string(\"c\")];"
      "tensor<fp32, [1, 2, 4, 5]> y = batch_norm(x = c, mean = mean, variance = variance" ALL ")[name = string(\"y\")]; | y" },
    { "a transposed convolution, whose channels are the second axis", true, 2e-6, IN "|" W("fp32") MEAN VARIANCE GAMMA BETA
      "tensor<fp32, [1, 2, 5, 6]> c = conv_transpose(x = x, weight = w, groups = int32(1), " PADS ")[name = string(\"c\")];"
      "tensor<fp32, [1, 2, 5, 6]> y = batch_norm(x = c, mean = mean, variance = variance" ALL ")[name = string(\"y\")]; | y" },
    { "a line", true, 2e-6, "tensor<fp32, [1, 2, 5]> x |"
      "tensor<fp32, [2, 2, 2]> w = const()[name = string(\"w\"), val = tensor<fp32, [2, 2, 2]>([[[0.5, -1], [0.25, 2]], [[1.5, -0.125], [0.75, 1]]])];" MEAN VARIANCE GAMMA BETA
      "tensor<fp32, [1, 2, 4]> c = conv(x = x, weight = w, groups = int32(1), pad_type = string(\"valid\"), strides = tensor<int32, [1]>([1]), dilations = tensor<int32, [1]>([1]), pad = tensor<int32, [2]>([0, 0]))[name = string(\"c\")];"
      "tensor<fp32, [1, 2, 4]> y = batch_norm(x = c, mean = mean, variance = variance" ALL ")[name = string(\"y\")]; | y" },
    { "in fp16", true, 4e-3, "tensor<fp16, [1, 2, 4, 5]> x |" W("fp16")
      "tensor<fp16, [2]> mean = const()[name = string(\"mean\"), val = tensor<fp16, [2]>([0.5, -0.25])];"
      "tensor<fp16, [2]> variance = const()[name = string(\"variance\"), val = tensor<fp16, [2]>([0.25, 3])];"
      "tensor<fp16, [1, 2, 3, 4]> c = conv(x = x, weight = w, groups = int32(1), " PADS ")[name = string(\"c\")];"
      "tensor<fp16, [1, 2, 3, 4]> y = batch_norm(x = c, mean = mean, variance = variance)[name = string(\"y\")]; | y" },

    { "a weight that is computed from constants", true, 2e-6, IN "|" W("fp32") MEAN VARIANCE GAMMA BETA
      "tensor<fp32, [2, 2, 2, 2]> t = transpose(x = w, perm = tensor<int32, [4]>([1, 0, 3, 2]))[name = string(\"t\")];"
      "tensor<fp32, [1, 2, 3, 4]> c = conv(x = x, weight = t, groups = int32(1), " PADS ")[name = string(\"c\")];" NORM(ALL) "| y" },
    { "a weight that is compressed", false, 0, IN "|"
      "tensor<fp32, [2, 2, 2, 2]> w = constexpr_blockwise_shift_scale(data = tensor<int8, [2, 2, 2, 2]>([[[[1, 2], [3, 4]], [[5, 6], [7, 8]]], [[[-1, 2], [-3, 4]], [[5, -6], [7, 9]]]]), "
      "scale = tensor<fp32, [2, 1, 1, 1]>([[[[0.5]]], [[[0.25]]]]))[name = string(\"w\")];" MEAN VARIANCE GAMMA BETA C NORM(ALL) "| y" },
    { "what the convolution gives is a result too", false, 0, IN "|" W("fp32") MEAN VARIANCE GAMMA BETA C NORM(ALL) "| y, c" },
    { "what the convolution gives goes elsewhere too", false, 0, IN "|" W("fp32") MEAN VARIANCE GAMMA BETA C NORM(ALL)
      "tensor<fp32, [1, 2, 3, 4]> z = add(x = y, y = c)[name = string(\"z\")]; | z" },
    { "the weight goes elsewhere too", false, 0, IN "|" W("fp32") MEAN VARIANCE GAMMA BETA C NORM(ALL)
      "tensor<fp32, [2, 2, 2, 2]> z = add(x = w, y = w)[name = string(\"z\")]; | y, z" },
    { "the weight is computed when the program runs", false, 0, IN ", tensor<fp32, [2, 2, 2, 2]> w |" MEAN VARIANCE GAMMA BETA C NORM(ALL) "| y" },
    { "an op between them", false, 0, IN "|" W("fp32") MEAN VARIANCE GAMMA BETA C
      "tensor<fp32, [1, 2, 3, 4]> r = relu(x = c)[name = string(\"r\")];"
      "tensor<fp32, [1, 2, 3, 4]> y = batch_norm(x = r, mean = mean, variance = variance" ALL ")[name = string(\"y\")]; | y" },
    { "no convolution at all", false, 0, "tensor<fp32, [1, 2, 3, 4]> c |" MEAN VARIANCE GAMMA BETA NORM(ALL) "| y" },
    { "a transposed convolution in groups", false, 0, IN "|"
      "tensor<fp32, [2, 1, 1, 1]> w = const()[name = string(\"w\"), val = tensor<fp32, [2, 1, 1, 1]>([[[[2]]], [[[-0.5]]]])];" MEAN VARIANCE GAMMA BETA
      "tensor<fp32, [1, 2, 4, 5]> c = conv_transpose(x = x, weight = w, groups = int32(2), " PADS ")[name = string(\"c\")];"
      "tensor<fp32, [1, 2, 4, 5]> y = batch_norm(x = c, mean = mean, variance = variance" ALL ")[name = string(\"y\")]; | y" },
    { "weights beyond fp16", false, 0, IN "|" W("fp32") MEAN VEC("variance", "[1, 1]") VEC("gamma", "[1, 30000]") BETA C NORM(ALL) "| y" },
    { "weights at the end of fp16", true, 2e-6, IN "|" W("fp32") MEAN VEC("variance", "[1, 1]") VEC("gamma", "[1, 20000]") BETA C NORM(ALL ", epsilon = fp32(0x1p-40)") "| y" },
    { "a bias beyond fp16", false, 0, IN "|" W("fp32") VEC("mean", "[0, -60000]") VEC("variance", "[1, 1]") VEC("gamma", "[1, 2]") BETA C NORM(ALL) "| y" },
    { "weights below the normal numbers of fp16", false, 0, IN "|" W("fp32") MEAN VEC("variance", "[1, 1]") VEC("gamma", "[1, 1e-5]") BETA C NORM(ALL) "| y" },
    { "weights at the least normal number of fp16", true, 2e-6, IN "|" W("fp32") MEAN VEC("variance", "[1, 1]") VEC("gamma", "[1, 3e-5]") BETA C NORM(ALL) "| y" },
    { "variances of less than nothing", false, 0, IN "|" W("fp32") MEAN VEC("variance", "[1, -1]") GAMMA BETA C NORM(ALL) "| y" },
};
/* clang-format on */

static bool count_norm(void *ctx, Op *op)
{
    *(int *)ctx += op->kind == OP_batch_norm;
    return true;
}

static void folded_where_nothing_is_lost(void **state)
{
    RefRange range = { -1, 1 };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Arena a = { 0 };
        Diag d = { .quiet = true };
        RefRun was, is;
        int norms = 0;
        Module *before = micro_read(&a, &d, "ios18", cases[i].text),
               *after = micro_read(&a, &d, "ios18", cases[i].text);
        const PassOptions o = { .target = target_find("m4"), .only = "batch-norm,dce" };
        if (!passes_run(after, &o, &d)) fail_msg("%s: %s", cases[i].what, d.text.s);
        func_walk(module_main(after), count_norm, &norms);
        if ((norms == 0) != cases[i].folds)
            fail_msg("%s: %d are left", cases[i].what, norms);
        ref_run(&was, before, ref_draw, &range, cases[i].what);
        ref_run(&is, after, ref_draw, &range, cases[i].what);
        if (cases[i].folds) ref_compare(&was, &is, cases[i].tolerance, 1, cases[i].what);
        ref_free(&was);
        ref_free(&is);
        module_free(before);
        module_free(after);
        diag_free(&d);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(folded_where_nothing_is_lost) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
