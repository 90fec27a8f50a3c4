/* test_op_bounds.c -- calls on either side of a condition of inference or kernel: what is
 * known in part, empty, one too many. */
#include "unit.h"

#include "calls.h"

/* A bound counts where it is known; where a mask is known and set, it need not be. */
static void test_slices_known_in_part(void **state)
{
    CHECK(
        { "slice_by_index", 15, "x=fp32[5]; begin=int32[1] 1; end=int32[1] 4",
          "fp32[3]" },
        { "slice_by_index", 15, "x=fp32[5]; begin=int32[1] 1; end=int32[1]", "fp32[?]" },
        { "slice_by_index", 15, "x=fp32[5]; begin=int32[1]; end=int32[1] 4", "fp32[?]" },
        { "slice_by_index", 15,
          "x=fp32[5]; begin=int32[1] 1; end=int32[1]; end_mask=bool[1] 0", "fp32[?]" },
        { "slice_by_index", 15,
          "x=fp32[5]; begin=int32[1] 1; end=int32[1]; end_mask=bool[1] 1", "fp32[4]" },
        { "slice_by_index", 15,
          "x=fp32[5]; begin=int32[1]; end=int32[1] 4; begin_mask=bool[1] 0", "fp32[?]" },
        { "slice_by_index", 15,
          "x=fp32[5]; begin=int32[1]; end=int32[1] 4; begin_mask=bool[1] 1", "fp32[4]" },
        { "slice_by_index", 15,
          "x=fp32[5]; begin=int32[1]; end=int32[1]; begin_mask=bool[1] 1; end_mask=bool[1] 1",
          "fp32[5]" },
        { "slice_by_index", 15,
          "x=fp32[5,4]; begin=int32[2] 1 1; end=int32[2] 2 3; squeeze_mask=bool[2] 1 0",
          "fp32[2]" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] -1; end=int32[1] -4; stride=int32[1] -1",
          "fp32[3] 4 3 2" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] 4; end=int32[1] 0; stride=int32[1] -2",
          "fp32[2] 4 2" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] 4; end=int32[1] 0; stride=int32[1] -1; end_mask=bool[1] 1",
          "fp32[5] 4 3 2 1 0" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] 1; end=int32[1] 5; stride=int32[1] 2",
          "fp32[2] 1 3" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] 0; end=int32[1] 5; stride=int32[1] 2",
          "fp32[3] 0 2 4" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] 4; end=int32[1] 9; squeeze_mask=bool[1] 1",
          "fp32[] 4" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] -5; end=int32[1] 9; squeeze_mask=bool[1] 1",
          "fp32[] 0" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] 5; end=int32[1] 9; squeeze_mask=bool[1] 1",
          "error: begin 5 is outside axis 0, which has 5 entries" },
        { "slice_by_index", 15,
          "x=fp32[5] 0 1 2 3 4; begin=int32[1] -6; end=int32[1] 9; squeeze_mask=bool[1] 1",
          "error: begin -6 is outside axis 0, which has 5 entries" },
        { "slice_by_index", 15, "x=fp32[?]; begin=int32[1] -3; end=int32[1] -1",
          "fp32[?]" },
        { "slice_by_index", 15, "x=fp32[?]; begin=int32[1] 1; end=int32[1] -1",
          "fp32[?]" },
        { "slice_by_size", 15, "x=fp32[5] 0 1 2 3 4; begin=int32[1] 2; size=int32[1] 3",
          "fp32[3] 2 3 4" },
        { "slice_by_size", 15, "x=fp32[5] 0 1 2 3 4; begin=int32[1] 2; size=int32[1] 4",
          "error: " },
        { "slice_by_size", 15, "x=fp32[5] 0 1 2 3 4; begin=int32[1] 5; size=int32[1] 0",
          "fp32[0]" },
        { "slice_by_size", 15, "x=fp32[5] 0 1 2 3 4; begin=int32[1] 2; size=int32[1] -1",
          "fp32[3] 2 3 4" },
        { "slice_by_size", 15, "x=fp32[5] 0 1 2 3 4; begin=int32[1] 2; size=int32[1] -2",
          "error: " },
        { "slice_by_size", 15, "x=fp32[5] 0 1 2 3 4; begin=int32[1] -5; size=int32[1] 1",
          "fp32[1] 0" },
        { "slice_by_size", 15, "x=fp32[5] 0 1 2 3 4; begin=int32[1] -6; size=int32[1] 1",
          "error: " },
        { "slice_by_size", 15, "x=fp32[5]; begin=int32[1]; size=int32[1] 2", "fp32[2]" },
        { "slice_by_size", 15, "x=fp32[5]; begin=int32[1]; size=int32[1] -1",
          "fp32[?]" });
}

static void test_reversals(void **state)
{
    CHECK(
        { "reverse", 15, "x=fp32[2,2] 1 2 3 4", "fp32[2,2] 4 3 2 1" },
        { "reverse", 15, "x=fp32[2,2] 1 2 3 4; axes=int32[1] 0", "fp32[2,2] 3 4 1 2" },
        { "reverse", 15, "x=fp32[2,2] 1 2 3 4; axes=int32[1] -1", "fp32[2,2] 2 1 4 3" },
        { "reverse", 15, "x=fp32[2,2] 1 2 3 4; axes=int32[1] 2", "error: " },
        { "reverse", 15, "x=fp32[2,2] 1 2 3 4; axes=int32[1] -3", "error: " },
        { "reverse_sequence", 15,
          "x=fp32[2,3] 1 2 3 4 5 6; lengths=int32[2] 2 3; seq_axis=int32[] 1; batch_axis=int32[] 0",
          "fp32[2,3] 2 1 3 6 5 4" },
        { "reverse_sequence", 15,
          "x=fp32[2,3] 1 2 3 4 5 6; lengths=int32[2] 0 1; seq_axis=int32[] 1; batch_axis=int32[] 0",
          "fp32[2,3] 1 2 3 4 5 6" },
        { "reverse_sequence", 15,
          "x=fp32[2,3] 1; lengths=int32[2] 2 3; seq_axis=int32[] 2; batch_axis=int32[] 0",
          "error: " },
        { "reverse_sequence", 15,
          "x=fp32[2,3] 1; lengths=int32[2] 2 3; seq_axis=int32[] 1; batch_axis=int32[] -3",
          "error: " },
        { "reverse_sequence", 15,
          "x=fp32[2,3] 1; lengths=int32[2] 2 3; seq_axis=int32[] 1; batch_axis=int32[] -1",
          "error: seq_axis and batch_axis are both 1" },
        { "reverse_sequence", 15,
          "x=fp32[2,3] 1; lengths=int32[2] 2 4; seq_axis=int32[] 1; batch_axis=int32[] 0",
          "error: " },
        { "reverse_sequence", 15,
          "x=fp32[2,3] 1; lengths=int32[2] 2 -1; seq_axis=int32[] 1; batch_axis=int32[] 0",
          "error: " },
        { "reverse_sequence", 15,
          "x=fp32[2,3]; lengths=int32[3]; seq_axis=int32[] 1; batch_axis=int32[] 0",
          "error: lengths is [3]" });
}

/* Nothing goes in, nothing comes out, and that is no error. */
static void test_empty(void **state)
{
    CHECK(
        { "conv", 15, "x=fp32[0,1,3] 1; weight=fp32[1,1,2] 1; pad_type=string[] valid",
          "fp32[0,1,2]" },
        { "conv", 15, "x=fp32[1,1,3] 1; weight=fp32[0,1,2] 1; pad_type=string[] valid",
          "fp32[1,0,2]" },
        { "conv_transpose", 15,
          "x=fp32[0,1,3] 1; weight=fp32[1,1,2] 1; pad_type=string[] valid",
          "fp32[0,1,4]" },
        { "max_pool", 15,
          "x=fp32[0,1,3] 1; kernel_sizes=int32[1] 2; pad_type=string[] valid",
          "fp32[0,1,2]" },
        { "avg_pool", 15,
          "x=fp32[0,1,3] 1; kernel_sizes=int32[1] 2; pad_type=string[] valid",
          "fp32[0,1,2]" },
        { "linear", 15, "x=fp32[0,2] 1; weight=fp32[3,2] 1", "fp32[0,3]" },
        { "matmul", 15, "x=fp32[0,2] 1; y=fp32[2,3] 1", "fp32[0,3]" },
        { "matmul", 15, "x=fp32[2,0] 1; y=fp32[0,2] 1", "fp32[2,2] 0 0 0 0" },
        { "softmax", 15, "x=fp32[0,2] 1; axis=int32[] 1", "fp32[0,2]" },
        { "reduce_sum", 15, "x=fp32[0,2] 1; axes=int32[1] 0", "fp32[2] 0 0" },
        { "reduce_prod", 15, "x=fp32[0,2] 1; axes=int32[1] 0", "fp32[2] 1 1" },
        { "concat", 15, "values=fp32[0] 1,fp32[2] 1 2; axis=int32[] 0", "fp32[2] 1 2" },
        { "gather", 15, "x=fp32[3] 1 2 3; indices=int32[0] 1; axis=int32[] 0",
          "fp32[0]" },
        { "transpose", 15, "x=fp32[0,2] 1; perm=int32[2] 1 0", "fp32[2,0]" },
        { "cumsum", 15, "x=fp32[0] 1; axis=int32[] 0", "fp32[0]" },
        { "layer_norm", 15, "x=fp32[0,2] 1; axes=int32[1] 1", "fp32[0,2]" },
        { "argsort", 15, "x=fp32[0] 1; axis=int32[] 0", "int32[0]" },
        { "pad", 15,
          "x=fp32[0] 1; pad=int32[2] 1 1; mode=string[] constant; constant_val=fp32[] 7",
          "fp32[2] 7 7" },
        { "tile", 15, "x=fp32[2] 1; reps=int32[1] 0", "error: tile: reps holds 0" });
}

#define CEIL(p) \
    "x=fp32[1,1,4,4] 1; kernel_sizes=int32[2] 2 2; strides=int32[2] 2 2; pad_type=string[] custom; pad=int32[4] " p \
    "; ceil_mode=bool[] 1"

/* With ceil_mode both ends of each dimension have the same padding. */
static void test_pools(void **state)
{
    CHECK(
        { "max_pool", 15, CEIL("0 0 0 0"), "fp32[1,1,2,2] 1 1 1 1" },
        { "max_pool", 15, CEIL("1 1 0 0"), "fp32[1,1,3,2] 1 1 1 1 1 1" },
        { "max_pool", 15, CEIL("0 0 1 1"), "fp32[1,1,2,3] 1 1 1 1 1 1" },
        { "max_pool", 15, CEIL("1 0 0 0"),
          "error: max_pool: ceil_mode needs the same padding at both ends; pad has 1 and 0" },
        { "max_pool", 15, CEIL("0 1 0 0"),
          "error: max_pool: ceil_mode needs the same padding at both ends; pad has 0 and 1" },
        { "max_pool", 15, CEIL("0 0 1 0"),
          "error: max_pool: ceil_mode needs the same padding at both ends; pad has 1 and 0" },
        { "max_pool", 15, CEIL("0 0 0 1"),
          "error: max_pool: ceil_mode needs the same padding at both ends; pad has 0 and 1" },
        { "max_pool", 15, CEIL("1 1 0 1"),
          "error: max_pool: ceil_mode needs the same padding at both ends; pad has 0 and 1" });
}

/* Either end may be wrong, and either bound unknown. */
static void test_ends(void **state)
{
    CHECK(
        { "crop", 15,
          "x=fp32[1,1,4,4] 1; crop_height=int32[2] 1 1; crop_width=int32[2] 0 3",
          "fp32[1,1,2,1] 1 1" },
        { "crop", 15,
          "x=fp32[1,1,4,4] 1; crop_height=int32[2] -1 1; crop_width=int32[2] 0 0",
          "error: crop: " },
        { "crop", 15,
          "x=fp32[1,1,4,4] 1; crop_height=int32[2] 1 -1; crop_width=int32[2] 0 0",
          "error: crop: " },
        { "crop", 15,
          "x=fp32[1,1,4,4] 1; crop_height=int32[2] 0 0; crop_width=int32[2] -1 0",
          "error: crop: " },
        { "crop", 15,
          "x=fp32[1,1,4,4] 1; crop_height=int32[2] 0 0; crop_width=int32[2] 0 -1",
          "error: crop: " },
        { "crop", 15,
          "x=fp32[1,1,4,4] 1; crop_height=int32[2] 0 0; crop_width=int32[2] 2 3",
          "error: crop: " },
        { "clip", 17, "x=fp32[2] 1 9; alpha=fp32[] 2; beta=fp32[] 3", "fp32[2] 2 3" },
        { "clip", 17, "x=fp32[2] 1 9; alpha=fp32[] 3; beta=fp32[] 2", "error: clip: " },
        { "clip", 17, "x=fp32[2] 1 9; alpha=fp32[] 3; beta=fp32[] 3", "error: clip: " });
}

static void test_lists(void **state)
{
    CHECK({ "list_write", 15, "ls=list[3] fp32[2]; index=int32[]; value=fp32[2]",
            "list[3] fp32[2]" },
          { "list_write", 15, "ls=list[3] fp32[2]; index=int32[]; value=fp32[3]",
            "error: value is tensor<fp32, [3]>" },
          { "list_write", 15, "ls=list[3] fp32[2]; index=int32[]; value=int32[2]",
            "error: value is tensor<int32, [2]>" },
          { "list_write", 15, "ls=list[3] fp32[?]; index=int32[]; value=fp32[3]",
            "list[3] fp32[?]" },
          { "list_read", 15, "ls=list[3] fp32[2]; index=int32[]", "fp32[2]" },
          { "list_read", 15, "ls=list[3] fp32[2]; index=int32[1]", "fp32[2]" },
          { "list_read", 15, "ls=list[3] fp32[2]; index=int32[?]", "fp32[2]" },
          { "list_read", 15, "ls=list[3] fp32[2]; index=int32[2]",
            "error: index must be a scalar, not [2]" },
          { "list_read", 15, "ls=list[3] fp32[2]; index=int32[1,1]",
            "error: index must be a scalar, not [1, 1]" },
          { "list_read", 15, "ls=list[3] fp32[2]; index=fp32[]", "error: " },
          { "list_read", 15, "ls=fp32[2]; index=int32[]", "error: " },
          { "list_write", 15, "ls=list[3] fp32[2]; index=int32[1]; value=fp32[2]",
            "list[3] fp32[2]" },
          { "list_write", 15, "ls=list[3] fp32[2]; index=int32[0]; value=fp32[2]",
            "error: index must be a scalar, not [0]" },
          { "list_gather", 15, "ls=list[3] fp32[2]; indices=int32[4]", "fp32[4,2]" },
          { "list_gather", 15, "ls=list[3] fp32[2]; indices=int32[]",
            "error: indices must be a vector, not []" },
          { "list_gather", 15, "ls=list[3] fp32[2]; indices=int32[1,1]",
            "error: indices must be a vector, not [1, 1]" },
          { "list_scatter", 15, "ls=list[3] fp32[2]; indices=int32[]; value=fp32[2,2]",
            "error: " },
          { "list_scatter", 15, "ls=list[3] fp32[2]; indices=int32[2]; value=fp32[2,2]",
            "list[3] fp32[2]" },
          { "list_scatter", 15, "ls=list[3] fp32[2]; indices=int32[2]; value=fp32[3,2]",
            "error: value is" },
          { "list_scatter", 15, "ls=list[3] fp32[2]; indices=int32[2]; value=fp16[2,2]",
            "error: value is" });
}

/* What each type's ends are, and the first number beyond. */
static void test_ends_of_types(void **state)
{
    CHECK(
        { "cast", 17, "x=fp32[6] 127 127.9 128 -128 -128.9 -129; dtype=string[] int8",
          "int8[6] 127 127 127 -128 -128 -128" },
        { "cast", 17, "x=fp32[4] 255 255.9 256 -0.9; dtype=string[] uint8",
          "uint8[4] 255 255 255 0" },
        { "cast", 17, "x=fp32[4] 32767 32768 -32768 -32769; dtype=string[] int16",
          "int16[4] 32767 32767 -32768 -32768" },
        { "cast", 17, "x=fp32[4] 65535 65536 -1 0.5; dtype=string[] uint16",
          "uint16[4] 65535 65535 0 0" },
        { "cast", 15,
          "x=fp32[4] 2147483520 2147483648 -2147483648 -2147483904; dtype=string[] int32",
          "int32[4] 2147483520 2147483647 -2147483648 -2147483648" },
        { "cast", 15, "x=fp32[4] 65504 65519 65520 65536; dtype=string[] fp16",
          "fp16[4] 65504 65504 inf inf" },
        { "cast", 15, "x=fp32[3] 2049 2051 -2049; dtype=string[] fp16",
          "fp16[3] 2048 2052 -2048" },
        { "add", 15, "x=int32[2] 2147483646 -2147483647; y=int32[2] 1 -1",
          "int32[2] 2147483647 -2147483648" },
        { "sub", 15, "x=int32[2] 2147483647 -2147483648; y=int32[2] -1 1",
          "int32[2] -2147483648 2147483647" },
        { "mul", 15, "x=int32[2] 46341 -46341; y=int32[2] 46341 46341",
          "int32[2] -2147479015 2147479015" },
        { "reduce_sum", 15, "x=int32[3] 2000000000 2000000000 2000000001",
          "int32[] 1705032705" },
        { "maximum", 15, "x=int32[2] 16777217 16777216; y=int32[2] 16777216 16777217",
          "int32[2] 16777217 16777217" },
        { "equal", 15, "x=int32[2] 16777217 16777216; y=int32[2] 16777216 16777216",
          "bool[2] 0 1" },
        { "less", 15, "x=int32[3] 16777216 16777217 5; y=int32[3] 16777217 16777216 5",
          "bool[3] 1 0 0" },
        { "less_equal", 15,
          "x=int32[3] 16777216 16777217 5; y=int32[3] 16777217 16777216 5",
          "bool[3] 1 0 1" },
        { "greater", 15, "x=int32[3] 16777216 16777217 5; y=int32[3] 16777217 16777216 5",
          "bool[3] 0 1 0" },
        { "greater_equal", 15,
          "x=int32[3] 16777216 16777217 5; y=int32[3] 16777217 16777216 5",
          "bool[3] 0 1 1" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices_known_in_part),
        cmocka_unit_test(test_reversals),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_ends_of_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
