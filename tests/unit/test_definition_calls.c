/* test_definition_calls.c -- what inference accepts in one opset and refuses in another, and what kernels
 * compute in each, as tables of calls: the accepted form, and the refused one beside it. */
#include "calls.h"
#include "unit.h"

/* ---- windows ----------------------------------------------------------------------------- */

#define DILATED(w) "x=fp32[1,1,6] 1 2 3 4 5 6; weight=" w "; dilations=int32[1] 2"
#define CEILED(k, s, more) \
    "x=fp32[1,1,2] 3 5; kernel_sizes=int32[1] " k "; strides=int32[1] " s \
    "; ceil_mode=bool[] 1; pad_type=string[] " more

static void test_windows(void **state)
{
    CHECK(
        { "conv", 15, DILATED("fp32[1,1,2] 1 10"), "fp32[1,1,4] 31 42 53 64" },
        { "conv", 15, DILATED("fp32[1,1,2] .."), "fp32[1,1,4]" },
        { "conv", 15, DILATED("fp32[1,1,2]"),
          "error: dilations has 2 and weight is no constant; a weight that is computed goes with "
          "dilations of 1 alone" },
        { "conv", 18, DILATED("fp16[1,1,2]"),
          "error: dilations has 2 and weight is no constant" },
        { "conv", 15, "x=fp32[1,1,6]; weight=fp32[1,1,2]; dilations=int32[1] 1",
          "fp32[1,1,5]" },
        { "conv_transpose", 17, "x=fp32[1,1,6]; weight=fp32[1,1,2]; dilations=int32[1] 2",
          "fp32[1,1,8]" },
        { "conv", 16, "x=fp32[1,1,5]; weight=fp32[1,1,2]; pad_type=string[] same_lower",
          "fp32[1,1,5]" },
        { "conv", 15, "x=fp32[1,1,5]; weight=fp32[1,1,2]; pad_type=string[] same_lower",
          "error: pad_type \"same_lower\" needs ios16" },
        { "conv_transpose", 18,
          "x=fp32[1,1,5]; weight=fp32[1,1,2]; pad_type=string[] same_lower",
          "error: pad_type \"same_lower\" goes with conv and the pools alone" },
        { "conv", 15, "x=fp32[1,1,5]; weight=fp32[1,1,2]; pad_type=string[] SAME",
          "error: pad_type is \"SAME\"; it must be \"valid\", \"same\", \"same_lower\" or \"custom\"" },
        { "avg_pool", 15,
          "x=fp32[1,1,5]; kernel_sizes=int32[1] 2; pad_type=string[] SAME",
          "fp32[1,1,5]" },
        /* rounded up, a window may reach beyond the end by less than its stride */
        { "max_pool", 15, CEILED("3", "2", "valid"), "fp32[1,1,1] 5" },
        { "avg_pool", 15, CEILED("3", "2", "valid"), "fp32[1,1,1] 4" },
        { "max_pool", 15, CEILED("3", "1", "valid"),
          "error: is shorter than the kernel" },
        { "max_pool", 15, CEILED("4", "2", "valid"),
          "error: is shorter than the kernel" },
        { "max_pool", 15,
          "x=fp32[1,1,2]; kernel_sizes=int32[1] 3; strides=int32[1] 2; pad_type=string[] valid",
          "error: is shorter than the kernel" },
        /* pad counts whether or not it is used */
        { "max_pool", 15, CEILED("1", "1", "valid; pad=int32[2] 0 0"),
          "fp32[1,1,2] 3 5" },
        { "max_pool", 15, CEILED("1", "1", "valid; pad=int32[2] 0 1"),
          "error: ceil_mode needs the same padding at both ends; pad has 0 and 1" });
}

/* ---- elementwise ------------------------------------------------------------------------- */

#define CLIP(low, high) "x=fp32[3] -2 0 2; alpha=fp32[] " low "; beta=fp32[] " high

static void test_elements(void **state)
{
    CHECK({ "clip", 16, CLIP("1", "1"), "fp32[3] 1 1 1" },
          { "clip", 15, CLIP("1", "-1"), "fp32[3] -1 -1 -1" },
          { "clip", 17, CLIP("-1", "1"), "fp32[3] -1 0 1" },
          { "clip", 17, CLIP("1", "1"),
            "error: alpha is 1 and beta is 1; from ios17 on alpha must be below beta" },
          { "clip", 18, CLIP("1", "-1"),
            "error: alpha is 1 and beta is -1; from ios17 on" },
          { "cast", 17, "x=fp32[] -3.7; dtype=string[] uint8", "uint8[] 0" },
          { "cast", 16, "x=fp32[] 3; dtype=string[] int16",
            "error: dtype \"int16\" exists from ios17 on" },
          { "cast", 18, "x=fp32[] 3; dtype=string[] bf16",
            "error: dtype \"bf16\" is none that can be cast to" },
          { "softplus_parametric", 15, "x=fp32[1,2,1]; alpha=fp32[2] 1; beta=fp32[2] 1",
            "fp32[1,2,1]" },
          { "softplus_parametric", 15, "x=fp32[1,2]; alpha=fp32[2] 1; beta=fp32[2] 1",
            "error: x is [1, 2]; it must be of rank 3 or more" });
}

/* ---- moves ------------------------------------------------------------------------------- */

#define SLICE(b, e, s) \
    "x=fp32[4] 1 2 3 4; begin=int32[1] " b "; end=int32[1] " e "; stride=int32[1] " s

static void test_moves(void **state)
{
    CHECK(
        { "slice_by_index", 15, SLICE("2", "2", "1"), "fp32[0]" },
        { "slice_by_index", 15, SLICE("3", "1", "1"),
          "error: begin 3, end 1 and stride 1 go the wrong way at axis 0" },
        { "slice_by_index", 17, SLICE("-3", "-1", "-1"),
          "error: begin -3, end -1 and stride -1 go the wrong way at axis 0" },
        { "slice_by_index", 15, SLICE("-1", "1", "1"), "fp32[0]" }, /* known when x is */
        { "slice_by_index", 15, SLICE("1", "3", "-1"), "fp32[0]" },
        { "slice_by_index", 15, SLICE("3", "1", "1") "; end_mask=bool[1] 1",
          "fp32[1] 4" },
        { "slice_by_index", 15, SLICE("3", "1", "1") "; begin_mask=bool[1] 1",
          "fp32[1] 1" },
        { "slice_by_index", 15, SLICE("3", "1", "1") "; squeeze_mask=bool[1] 1",
          "fp32[] 4" },
        { "slice_by_index", 15, "x=fp32[4]; begin=int32[1] 3; end=int32[1]", "fp32[?]" },
        { "slice_update", 18,
          "x=fp32[4]; update=fp32[0]; begin=int32[1] 3; end=int32[1] 1",
          "error: begin 3, end 1 and stride 1 go the wrong way at axis 0" },
        { "reshape_like", 16,
          "x=fp32[2]; ref_tensors=int32[2,3]; begins=int32[] 0; ends=int32[] 1; "
          "end_masks=bool[] 0",
          "fp32[2]" },
        { "reshape_like", 18,
          "x=fp32[2]; ref_tensors=int32[2,3]; begins=int32[1] 0; ends=int32[] 1; "
          "end_masks=bool[] 0",
          "error: begins[0] is tensor<int32, [1]>; it must be a known constant, a scalar of int32" },
        { "reshape_like", 16,
          "x=fp32[2]; ref_tensors=int32[2,3]; begins=int32[] 0; ends=int32[]; "
          "end_masks=bool[] 0",
          "error: ends[0] is int32; it must be a known constant, a scalar of int32" },
        { "reshape_like", 17,
          "x=fp32[2]; ref_tensors=int32[2,3]; begins=int32[] 0; ends=int32[] 1; "
          "end_masks=int32[] 0",
          "error: end_masks[0] is int32; it must be a known constant, a scalar of bool" },
        { "non_zero", 15, "x=int32[2,2] 1 0 0 7", "int32[2,2] 0 0 1 1" },
        { "non_zero", 15, "x=int32[2,2]", "int32[?,2]" },
        { "tile", 15, "x=fp32[1] 3; reps=int32[1] 2", "fp32[2] 3 3" },
        { "tile", 15, "x=fp32[] 3; reps=int32[0]",
          "error: x is a scalar; it has no axis to repeat" });
}

/* ---- places that indices name ------------------------------------------------------------ */

static void test_indices(void **state)
{
    CHECK(
        { "gather", 16, "x=fp32[3] 1 2 3; indices=int32[1] -1", "fp32[1] 3" },
        { "gather", 17, "x=fp32[3] 1 2 3; indices=int32[1] -1", "fp32[1] 3" },
        { "gather", 17, "x=fp32[3] 1 2 3; indices=int32[1] 2; validate_indices=bool[] 1",
          "fp32[1] 3" },
        { "gather", 17, "x=fp32[3]; indices=int32[2] 0 -1; validate_indices=bool[] 1",
          "error: indices[1] is -1; validate_indices is true, and axis 0 has 3 entries" },
        { "gather", 18, "x=fp32[3]; indices=int32[1] 3; validate_indices=bool[] 1",
          "error: indices[0] is 3; validate_indices is true, and axis 0 has 3 entries" },
        { "gather", 18, "x=fp32[3]; indices=int32[1]; validate_indices=bool[] 1",
          "fp32[1]" },
        { "gather_along_axis", 17,
          "x=fp32[2,3]; indices=int32[2,1] 0 3; axis=int32[] 1; validate_indices=bool[] 1",
          "error: indices[1] is 3; validate_indices is true, and axis 1 has 3 entries" },
        { "gather_nd", 17,
          "x=fp32[2,3]; indices=int32[1,2] 1 3; validate_indices=bool[] 1",
          "error: indices[1] is 3; validate_indices is true, and axis 1 has 3 entries" },
        { "scatter", 17,
          "data=fp32[3]; indices=int32[1] -1; updates=fp32[1]; validate_indices=bool[] 1",
          "error: indices[0] is -1; validate_indices is true" },
        { "scatter_nd", 17,
          "data=fp32[3] 1; indices=int32[1,1] 2; updates=fp32[1] 5; validate_indices=bool[] 1",
          "fp32[3] 1 1 6" },
        { "scatter_along_axis", 18,
          "data=fp32[2]; indices=int32[1] 2; updates=fp32[1]; validate_indices=bool[] 1",
          "error: indices[0] is 2; validate_indices is true" });
}

/* ---- the rest ---------------------------------------------------------------------------- */

#define COORDINATES(type) \
    "x=fp32[1,1,1,1] 1; coordinates=" type \
    "[1,1,1,2] 0; sampling_mode=string[] bilinear; " \
    "padding_mode=string[] border; padding_value=fp32[] 0; coordinates_mode=string[] " \
    "unnormalized; align_corners=bool[] 1"
#define QKV "query=fp32[1,2,2]; key=fp32[1,3,2]; value=fp32[1,3,2]; attn_mask="
#define RNN(name) \
    "x=fp32[1,1,1] 1; initial_h=fp32[1,1] 0; weight_ih=fp32[1,1] 1; weight_hh=fp32[1,1] 0; " \
    "activation=string[] " name

static void test_others(void **state)
{
    CHECK(
        { "resample", 15, COORDINATES("fp32"), "fp32[1,1,1,1] 1" },
        { "resample", 15, COORDINATES("fp16"), "error: ios15 takes fp32, int32 here" },
        { "resample", 16, COORDINATES("fp16"), "fp32[1,1,1,1] 1" },
        { "resample", 16, COORDINATES("int8"),
          "error: ios16 takes fp16, fp32, int32 here" },
        { "resample", 17, COORDINATES("int8"), "fp32[1,1,1,1] 1" },
        { "resize_bilinear", 15, "x=fp32[1,2,2]; sampling_mode=string[] default",
          "error: sampling_mode is \"default\"; it must be" },
        { "scaled_dot_product_attention", 18, QKV "bool[3]", "fp32[1,2,2]" },
        { "scaled_dot_product_attention", 18, QKV "bool[]",
          "error: attn_mask is a scalar; it must be at least a vector, as long as key" },
        { "reduce_argmax", 17, "x=fp32[2] 1 2; output_dtype=string[] UINT16",
          "uint16[] 1" },
        { "rnn", 15, RNN("hard_sigmoid"), "fp32[1,1,1] 0.7; fp32[1,1] 0.7" },
        { "rnn", 15, RNN("sigmoid_hard"), "fp32[1,1,1] 0.7; fp32[1,1] 0.7" },
        /* 1 broadcasts in what the operands share, but not in what is summed */
        { "einsum", 15, "values=fp32[2,1,3],fp32[3,4,2]; equation=string[] abc,cbd->abd",
          "fp32[2,4,2]" },
        { "einsum", 15, "values=fp32[2,4,1],fp32[3,4,2]; equation=string[] abc,cbd->abd",
          "error: equation \"abc,cbd->abd\": inner sizes differ, 1 and 3: the operands are [2, 4, 1], [3, 4, 2]" },
        { "einsum", 18,
          "values=fp32[1,2,4,?],fp32[2,3,4,2]; equation=string[] nchw,nwhu->nchu",
          "fp32[2,2,4,2]" },
        { "make_list", 15, "dtype=string[] fp16", "list[1] fp16[]" },
        { "make_list", 15, "dtype=string[] int8",
          "error: dtype \"int8\" is none of bool, fp16, fp32 and int32" },
        { "constexpr_affine_dequantize", 16,
          "quantized_data=int8[2] 1; zero_point=uint8[] 1; scale=fp32[] 1; "
          "axis=int32[] -1",
          "fp32[2] 0 0" },
        { "constexpr_affine_dequantize", 18,
          "quantized_data=int8[2] 1; zero_point=uint8[] 1; scale=fp32[] 1; "
          "axis=int32[] 1",
          "error: axis 1 is outside a tensor of rank 1" },
        { "constexpr_lut_to_dense", 17,
          "indices=uint4[1] 1; lut=fp16[2] 1; shape=uint32[1] 1",
          "error: ios17 takes uint8 here" },
        { "constexpr_sparse_to_dense", 16,
          "nonzero_data=fp16[2] 5; mask=uint8[1] 5; shape=uint32[1] 3", "fp16[3] 5 0 5" },
        { "constexpr_sparse_to_dense", 16,
          "nonzero_data=fp16[2] 5; mask=uint8[1] 13; shape=uint32[1] 3",
          "error: mask: the last byte is 13; of its bits the first 3 are elements, and the others must be 0" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows), cmocka_unit_test(test_elements),
        cmocka_unit_test(test_moves),   cmocka_unit_test(test_indices),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
