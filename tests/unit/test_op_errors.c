/* test_op_errors.c -- what ops refuse: the messages that no other test gives, family by
 * family. */
#include "unit.h"

#include "calls.h"
#include "runs.h"

/* ---- windows ----------------------------------------------------------------------------- */

static void test_windows(void **state)
{
    CHECK({ "max_pool", 15,
            "x=fp32[1,1,4]; kernel_sizes=int32[1] 2; pad_type=string[] valid; "
            "strides=int32[2] 1 1",
            "error: max_pool: strides has 2 elements; it must have 1" },
          { "max_pool", 15,
            "x=fp32[1,1,4]; kernel_sizes=int32[1] 2; pad_type=string[] valid; "
            "strides=int32[1] 0",
            "error: strides has 0 where at least 1 is needed" },
          { "max_pool", 15,
            "x=fp32[1,1,4]; kernel_sizes=int32[1] 0; pad_type=string[] valid",
            "error: kernel_sizes has 0 where at least 1 is needed" },
          { "conv", 15, "x=fp32[1,1,4]; weight=fp32[1,1,0]",
            "error: the kernel has size 0; it must be 1 to 2^30" },
          { "max_pool", 15,
            "x=fp32[1,1,4]; kernel_sizes=int32[1] 1073741825; "
            "pad_type=string[] valid",
            "error: the kernel has size 1073741825; it must be 1 to 2^30" },
          { "conv", 15, "x=fp32[1,1,1073741825]; weight=fp32[1,1,1] 1",
            "error: x is [1, 1, 1073741825]; dimensions above 2^30 are not supported" },
          { "max_pool", 15,
            "x=fp32[1,1,4]; kernel_sizes=int32[1] 2; pad_type=string[] same; "
            "ceil_mode=bool[] 1",
            "error: ceil_mode goes with pad_type \"valid\" or \"custom\", not \"same\"" },
          { "max_pool", 15,
            "x=fp32[1,1,4]; kernel_sizes=int32[1] 2; pad_type=string[] custom; "
            "pad=int32[2] 0 1; ceil_mode=bool[] 1",
            "error: ceil_mode needs the same padding at both ends; pad has 0 and 1" });
}

static void test_transposed(void **state)
{
    CHECK(
        { "conv_transpose", 15, "x=fp32[1,3,4]; weight=fp32[2,1,2] 1",
          "error: x is [1, 3, 4] and weight is [2, 1, 2]: weight's first dimension must be x's 3 "
          "channels" },
        { "conv_transpose", 15, "x=fp32[1,3,4]; weight=fp32[3,1,2] 1; groups=int32[] 2",
          "error: x is [1, 3, 4]: its 3 channels do not divide into 2 groups" },
        { "conv_transpose", 15,
          "x=fp32[1,4,4]; weight=fp32[4,1,2] 1; groups=int32[] 2; "
          "bias=fp32[1] 1",
          "error: bias is [1]; it must be one number an output channel: [2]" },
        { "conv_transpose", 17, "x=fp32[1,4,4]; weight=fp32[4,?,2]; bias=fp32[1,1]",
          "error: bias is [1, 1]; it must be one number an output channel: [?]" },
        { "conv_transpose", 15,
          "x=fp32[1,4,4]; weight=fp32[4,1,2] 1; groups=int32[] 2; "
          "output_shape=int32[3] 1 3 5",
          "error: output_shape has 3 channels, weight [4, 1, 2] with 2 groups makes 2" },
        { "conv_transpose", 15,
          "x=fp32[2,1,3]; weight=fp32[1,1,2] 1; output_shape=int32[3] 1 1 4",
          "error: output_shape begins with 1, x is [2, 1, 3]: the batches differ" },
        { "conv_transpose", 15,
          "x=fp32[2,1,3]; weight=fp32[1,1,2] 1; output_shape=int32[3] 2 1 0",
          "error: output_shape has 0; dimensions must be 1 to 2^30" },
        { "conv_transpose", 15,
          "x=fp32[1,1,1]; weight=fp32[1,1,2] 1; pad_type=string[] custom; "
          "pad=int32[2] 1 1",
          "error: x is [1, 1, 1]; padding takes away all of the result" });
}

/* ---- images ------------------------------------------------------------------------------ */

#define SAMPLING \
    "sampling_mode=string[] bilinear; padding_mode=string[] constant; " \
    "padding_value=fp32[] 0; coordinates_mode=string[] unnormalized; " \
    "align_corners=bool[] 1"

static void test_images(void **state)
{
    CHECK(
        { "upsample_bilinear", 15, "x=fp32[1,2,2]; scale_factor_width=fp32[] 0",
          "error: scale_factor_width is 0; it must be above 0" },
        { "resize", 17, "x=fp32[2,2]; shape=int32[1,2] 4; resized_dims=uint32[] 2",
          "error: shape is [1, 2]; it must be of rank 1" },
        { "resample", 15, "x=fp32[1,1,0,4]; coordinates=fp32[1,2,2,2]; " SAMPLING,
          "error: x is [1, 1, 0, 4]; there are no pixels to sample" },
        { "affine", 15,
          "x=fp32[2,1,4,4]; transform_matrix=fp32[2,5]; output_height=int32[] 2; "
          "output_width=int32[] 2; " SAMPLING,
          "error: x is [2, 1, 4, 4] and transform_matrix is [2, 5]; it must be [1 or batch of x, "
          "6]" },
        { "affine", 15,
          "x=fp32[2,1,4,4]; transform_matrix=fp32[3,6]; output_height=int32[] 2; "
          "output_width=int32[] 2; " SAMPLING,
          "error: transform_matrix is [3, 6]; it must be [1 or batch of x, 6]" },
        { "crop_resize", 17, "x=fp32[1,1,4,4]; boxes=fp32[2,3]",
          "error: boxes is [2, 3]; it must be [boxes, 4]" });
}

/* ---- products ---------------------------------------------------------------------------- */

static void test_products(void **state)
{
    CHECK(
        { "linear", 15, "x=fp32[2,3]; weight=fp32[3] 1",
          "error: weight is [3]; it must be [outputs, inputs]" },
        { "linear", 15, "x=fp32[]; weight=fp32[2,3] 1",
          "error: x is a scalar; its last dimension must be the inputs" },
        { "einsum", 15, "values=fp32[2],fp32[2]; equation=string[] ..",
          "error: equation must be a string that is known at compile time" },
        { "einsum", 15, "values=fp32[2,2]; equation=string[] abcdefghijklmnopq->a",
          "error: equation \"abcdefghijklmnopq->a\": a term has more than 16 dimensions" },
        { "einsum", 15,
          "values=fp32[1,1,1,1,1,1,1,1,1],fp32[1,1,1,1,1,1,1,1,1]; "
          "equation=string[] abcdefghi,jklmnopqr",
          "error: the result has more than 16 dimensions" },
        { "einsum", 15, "values=fp32[2,2]; equation=string[] ab->a,b",
          "error: equation \"ab->a,b\": more follows after the result's term" },
        { "einsum", 15,
          "values=fp32[65536] 1,fp32[65536] 1,fp32[1,1] 1; "
          "equation=string[] a,b,ab->",
          "error: einsum: a product on the way has more than 2^31 elements" });
}

/* The third operand still needs the 18 letters of the first two, and the result gets two. */
static void test_long_product(void **state)
{
    CHECK({ "einsum", 15,
            "values=fp32[2,2,2,2,2,2,2,2,2] 1,fp32[2,2,2,2,2,2,2,2,2] 1,"
            "fp32[2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2] 1; "
            "equation=string[] abcdefghi,jklmnopqr,abcdefghijklmnop->qr",
            "error: einsum: a product on the way has more than 16 dimensions" },
          { "einsum", 15,
            "values=fp32[2,2,2,2,2,2,2,2,2] 1,fp32[1,1,1,1,1,1,1,2,2] 1,"
            "fp32[2,2,2,2,2,2,2,2,2,1,1,1,1,1,1,1] 1; "
            "equation=string[] abcdefghi,jklmnopqr,abcdefghijklmnop->qr",
            "fp32[2,2] 512 512 512 512" });
}

/* Forms that Core ML does not have, though they would have a meaning. */
static void test_forms(void **state)
{
    CHECK(
        { "cast", 16, "x=fp32[2]; dtype=string[] int8",
          "error: dtype \"int8\" exists from ios17 on; this is ios16, which has int32 for it" },
        { "cast", 15, "x=fp32[2]; dtype=string[] uint16",
          "error: dtype \"uint16\" exists from ios17 on" },
        { "cast", 17, "x=fp32[2]; dtype=string[] uint16", "uint16[2]" },
        { "matmul", 17, "x=fp16[2,3]; y=fp32[3,2]",
          "error: x is tensor<fp16, [2, 3]> and y is tensor<fp32, [3, 2]>; their element types may differ where "
          "one of them is a constant: cast the other" },
        { "matmul", 17, "x=fp16[2,3]; y=fp16[3,2]", "fp16[2,2]" },
        { "l2_pool", 15,
          "x=fp32[1,1,2,2,2]; kernel_sizes=int32[3] 1 1 1; pad_type=string[] valid",
          "error: x is [1, 1, 2, 2, 2]; windows are of one or two spatial dimensions" },
        { "max_pool", 15,
          "x=fp32[1,1,2,2,2]; kernel_sizes=int32[3] 1 1 1; pad_type=string[] valid; ceil_mode=bool[] 1",
          "error: x is [1, 1, 2, 2, 2]; ceil_mode goes with one or two spatial dimensions" },
        { "avg_pool", 15,
          "x=fp32[1,1,2,2]; kernel_sizes=int32[2] 1 1; strides=int32[1,2] 1 1; pad_type=string[] valid",
          "error: strides is [1, 2]; it must be of rank 1" },
        { "max_pool", 15,
          "x=fp32[1,1,2,2]; kernel_sizes=int32[2] 1 1; strides=int32[1] 1; pad_type=string[] valid",
          "error: strides has 1 elements; it must have 2" },
        { "conv", 15, "x=fp32[1,1,2,2]; weight=fp32[1,1,1,1] 1; strides=int32[3] 1 1 1",
          "error: strides has 3 elements; it must have 2" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[2,3,4]; key=fp32[1,3,4]; value=fp32[2,3,4]",
          "error: batch dimensions differ: query is [2, 3, 4], key is [1, 3, 4]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,2,3,4]; key=fp32[2,3,4]; value=fp32[2,3,4]",
          "error: batch dimensions differ: query is [1, 2, 3, 4], key is [2, 3, 4]" },
        { "reduce_argmax", 17, "x=fp32[2]; output_dtype=string[] int8",
          "error: output_dtype is \"int8\"; it must be" });
}

static void test_attention(void **state)
{
    CHECK(
        { "scaled_dot_product_attention", 18,
          "query=fp32[2,3,4]; key=fp32[3,3,4]; "
          "value=fp32[2,3,4]",
          "error: batch dimensions differ: query is [2, 3, 4], key is [3, 3, 4], value is "
          "[2, 3, 4]" });
}

/* ---- weights ----------------------------------------------------------------------------- */

static void test_weights(void **state)
{
    CHECK({ "dequantize", 17, "input=int8[2,2]; scale=fp32[1,2] 1; axis=int32[] 1",
            "error: scale is [1, 2]; it must be a scalar or of rank 1" },
          { "constexpr_blockwise_shift_scale", 18, "data=int8[] 1; scale=fp32[] 1",
            "error: data must not be a scalar" },
          { "constexpr_sparse_to_dense", 16,
            "nonzero_data=fp32[1] 1; mask=uint8[1] 1; "
            "shape=uint32[2] ..",
            "error: shape is not known, or has more than 16 elements" },
          { "constexpr_sparse_to_dense", 16,
            "nonzero_data=fp32[1] 1; mask=uint8[1] 1; "
            "shape=uint32[17] 1",
            "error: shape is not known, or has more than 16 elements" },
          { "constexpr_sparse_to_dense", 16,
            "nonzero_data=fp32[1] 1; mask=uint8[1] 1; "
            "shape=uint32[3] 4294967295",
            "error: shape [4294967295, 4294967295, 4294967295] is too large" },
          { "constexpr_lut_to_dense", 18, "indices=uint1[] 1; lut=fp32[2,1] 1",
            "error: indices must not be a scalar" },
          { "constexpr_lut_to_dense", 18,
            "indices=uint1[4294967296] ..; "
            "lut=fp32[1,2,4294967296] ..; vector_axis=int32[] 0",
            "error: the result is too large" });
}

/* ---- the others -------------------------------------------------------------------------- */

static void test_random(void **state)
{
    CHECK({ "random_normal", 15, "shape=int32[1,2] 2",
            "error: shape is [1, 2]; it must be of rank 1" },
          { "random_normal", 15, "shape=int32[?]",
            "error: the number of dimensions in shape is not known" },
          { "random_uniform", 15, "shape=int32[17] 1",
            "error: shape has 17 dimensions, at most 16 are supported" },
          { "random_categorical", 15, "x=fp32[2,0]",
            "error: x is [2, 0]; its last dimension must hold the classes" },
          { "random_categorical", 15, "x=fp32[]",
            "error: x is []; its last dimension must hold the classes" });
}

static void test_others(void **state)
{
    CHECK({ "rnn", 15,
            "x=fp32[1,1,1]; initial_h=fp32[1,1]; weight_ih=fp32[1,1] 1; "
            "weight_hh=fp32[1] 1",
            "error: weight_hh is [1]; it must be of rank 2" },
          { "reduce_sum", 15, "x=fp32[2,3]; axes=int32[1] ..",
            "error: axes must be known at compile time" },
          { "cast", 15, "x=fp32[2]; dtype=string[] ..",
            "error: dtype must be a string that is known at compile time" });
}

/* Backends ask first; who does not is told. */
static void test_without_meaning(void **state)
{
    (void)state;
    Run r;
    run_open(&r, "conv_quantized", OPSET_IOS15);
    assert_false(run_go(&r));
    expect_said(&r.diag, "error: conv_quantized: this op is not supported\n");
    run_close(&r);
    run_open(&r, "cond", OPSET_IOS15);
    assert_false(run_go(&r));
    expect_said(&r.diag, "error: cond: this op cannot be run here\n");
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),      cmocka_unit_test(test_transposed),
        cmocka_unit_test(test_images),       cmocka_unit_test(test_products),
        cmocka_unit_test(test_long_product), cmocka_unit_test(test_attention),
        cmocka_unit_test(test_weights),      cmocka_unit_test(test_random),
        cmocka_unit_test(test_others),       cmocka_unit_test(test_without_meaning),
        cmocka_unit_test(test_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
