/* test_shape.c -- the ops of shape.def, which carry elements to another shape or place: values, open
 * shapes, and what is refused. */
#include "unit.h"

#include "calls.h"

static void test_reshape(void **state)
{
    CHECK(
        { "reshape", 15, "x=fp32[2,3] 1 2 3 4 5 6; shape=int32[2] 0 -1",
          "fp32[2,3] 1 2 3 4 5 6" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[3] 3 2 1", "fp32[3,2,1]" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[3] 0 -1 1",
          "error: it has 3, x is [2, 3]" },
        { "reshape", 17, "x=fp32[2,3]; shape=int32[4] 1 0 -1 0", "fp32[1,1,2,3]" },
        { "reshape", 17, "x=fp32[2,3]; shape=int16[2] 0 0", "fp32[2,3]" },
        { "reshape", 15, "x=fp32[?,3]; shape=int32[2] -1 6", "fp32[?,6]" },
        { "reshape", 15, "x=fp32[?,3]; shape=int32[2] 0 3", "fp32[?,3]" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[2]", "fp32[?,?]" },
        { "reshape", 15, "x=fp32[1,1] 7; shape=int32[0]", "fp32[] 7" },
        { "reshape", 17, "x=bool[] 1; shape=int32[2] 1 1", "bool[1,1] 1" },
        { "reshape", 15, "x=fp32[0,3]; shape=int32[2] 0 3", "fp32[0,3]" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[2] 2 2",
          "error: reshape: x is [2, 3], 6 elements; they do not fill [2, 2]" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[2] -1 4",
          "error: x is [2, 3], 6 elements; no dimension in place of ? makes them [?, 4]" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[2] -1 -1", "error: holds -1 twice" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[1] -6", "error: shape holds -6" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[?]", "error: must be known" },
        { "reshape", 15, "x=fp32[2,3]; shape=int32[1,2] 3 2",
          "error: shape must be a vector, not [1, 2]" },
        { "reshape", 15, "x=int8[2] 1 2; shape=int32[1] 2",
          "error: x is tensor<int8, [2]>" });
}

static void test_reshape_like(void **state)
{
    CHECK(
        { "reshape_like", 16,
          "x=fp32[4] 1 2 3 4; ref_tensors=int32[2,1] 0,fp32[1,2] 0; "
          "begins=int32[] 0,int32[] -1; ends=int32[] 1,int32[] 9; end_masks=bool[] 0,bool[] 0",
          "fp32[2,2] 1 2 3 4" },
        { "reshape_like", 16,
          "x=fp32[4]; ref_tensors=int32[?,2]; begins=int32[] 0; "
          "ends=int32[] 0; end_masks=bool[] 1",
          "error: the result is [?, 2]; the dimensions that it takes of ref_tensors must be known" },
        { "reshape_like", 16,
          "x=fp32[4]; ref_tensors=int32[3,2]; begins=int32[] 0; "
          "ends=int32[] 0; end_masks=bool[] 1",
          "error: x is [4], 4 elements; they do not fill [3, 2]" },
        { "reshape_like", 16,
          "x=fp32[4]; ref_tensors=int32[3,2]; begins=int32[] 0,int32[] 0; "
          "ends=int32[] 0; end_masks=bool[] 1",
          "error: there are 2, 1 and 1" },
        { "reshape_like", 16,
          "x=fp32[4]; ref_tensors=int32[3,2]; begins=int32[] ..; "
          "ends=int32[] 0; end_masks=bool[] 1",
          "error: begins[0] is int32; it must be a known constant, a scalar of int32" },
        { "reshape", 15, "x=fp32[1]; shape=int32[17] 1",
          "error: shape has 17 elements" });
}

static void test_axes_of_one(void **state)
{
    CHECK({ "expand_dims", 15, "x=fp32[2,?]; axes=int32[2] 0 -1", "fp32[1,2,?,1]" },
          { "expand_dims", 15, "x=fp32[] 3; axes=int32[1] -1", "fp32[1] 3" },
          { "expand_dims", 15, "x=fp32[2]; axes=int32[1] 2",
            "error: axes 2 is outside a tensor of rank 2" },
          { "expand_dims", 15, "x=fp32[2]; axes=int32[2] 0 -3",
            "error: axes names axis 0 twice" },
          { "expand_dims", 15, "x=fp32[2]; axes=int32[16] 0",
            "error: x is [2] and axes is [16]; the largest rank is 16" },
          { "expand_dims", 15, "x=fp32[2]; axes=int32[1] ..", "fp32[?,?]" },
          { "squeeze", 15, "x=fp32[1,2]; axes=int32[1] ..", "error: axes must be known" },
          { "squeeze", 15, "x=fp32[1,2,1,?]", "fp32[2,?]" },
          { "squeeze", 15, "x=fp32[1,2,1] 3 4; axes=int32[2] 0 1", "fp32[2,1] 3 4" },
          { "squeeze", 15, "x=fp32[?,2]; axes=int32[1] -2", "fp32[2]" },
          { "squeeze", 17, "x=uint8[1,1] 255", "uint8[] 255" },
          { "squeeze", 15, "x=fp32[1,2]; axes=int32[1] -3",
            "error: axes -3 is outside a tensor of rank 2" });
}

static void test_transpose(void **state)
{
    CHECK({ "transpose", 17, "x=int16[2,1,3] 1 2 3 4 5 6; perm=int32[3] 2 0 1",
            "int16[3,2,1] 1 4 2 5 3 6" },
          { "transpose", 15, "x=bool[2,2] 1 1 0 0; perm=int32[2] 1 0",
            "bool[2,2] 1 0 1 0" },
          { "transpose", 15, "x=fp32[0,3]; perm=int32[2] 1 0", "fp32[3,0]" },
          { "transpose", 15, "x=fp32[] 1; perm=int32[0]", "fp32[] 1" },
          { "transpose", 15, "x=fp32[?,3]; perm=int32[2] -1 -2", "fp32[3,?]" },
          { "transpose", 15, "x=fp32[2,3]; perm=int32[3] 0 1 2",
            "error: perm has 3 elements, but x is [2, 3]" },
          { "transpose", 15, "x=fp32[2,3]; perm=int32[2] 0 0",
            "error: perm names axis 0 twice" },
          { "transpose", 15, "x=fp32[2,3]; perm=int32[2]",
            "error: parameter perm must be a constant" });
}

static void test_reverse(void **state)
{
    CHECK(
        { "reverse", 15, "x=fp32[2,2] 1 2 3 4", "fp32[2,2] 4 3 2 1" },
        { "reverse", 17, "x=uint16[2,2] 1 2 3 4; axes=int32[1] 0",
          "uint16[2,2] 3 4 1 2" },
        { "reverse", 15, "x=fp32[2,0]", "fp32[2,0]" },
        { "reverse", 15, "x=fp32[] 5", "fp32[] 5" },
        { "reverse", 15, "x=fp32[2]; axes=int32[1] 1",
          "error: outside a tensor of rank 1" },
        { "reverse_sequence", 17,
          "x=fp32[3,2] 1 2 3 4 5 6; lengths=int8[2] 3 0; "
          "seq_axis=int32[] 0; batch_axis=int32[] -1",
          "fp32[3,2] 5 2 3 4 1 6" },
        { "reverse_sequence", 15,
          "x=fp32[2,3] 1; lengths=int32[2] 1 4; seq_axis=int32[] 1",
          "error: lengths[1] is 4; axis 1 of x has 3 entries" },
        { "reverse_sequence", 15, "x=fp32[2,3]; lengths=int32[3]; seq_axis=int32[] 1",
          "error: lengths is [3]; x is [2, 3], so axis 0" },
        { "reverse_sequence", 15, "x=fp32[2,3]; lengths=int32[2]", "error: are both 0" });
}

static void test_slice_by_index(void **state)
{
    CHECK(
        { "slice_by_index", 15, "x=fp32[5] 1 2 3 4 5; begin=int32[1] -3; end=int32[1] -1",
          "fp32[2] 3 4" },
        { "slice_by_index", 15,
          "x=fp32[5] 1 2 3 4 5; begin=int32[1] 1; end=int32[1] 99; stride=int32[1] 2",
          "fp32[2] 2 4" },
        { "slice_by_index", 15,
          "x=fp32[5] 1 2 3 4 5; begin=int32[1] 4; end=int32[1] 0; stride=int32[1] -2",
          "fp32[2] 5 3" },
        { "slice_by_index", 15,
          "x=fp32[5] 1 2 3 4 5; begin=int32[1] 0; end=int32[1] 0; "
          "stride=int32[1] -1; begin_mask=bool[1] 1; end_mask=bool[1] 1",
          "fp32[5] 5 4 3 2 1" },
        { "slice_by_index", 15, "x=fp32[5] 1; begin=int32[1] 3; end=int32[1] 3",
          "fp32[0]" },
        { "slice_by_index", 15, "x=fp32[5] 1; begin=int32[1] 9; end=int32[1] 12",
          "fp32[0]" },
        { "slice_by_index", 17,
          "x=int8[2,2] 1 2 3 4; begin=int8[2] 1 -1; end=int8[2] 0 0; squeeze_mask=bool[2] 1 1",
          "int8[] 4" },
        { "slice_by_index", 15,
          "x=fp32[2,2] 1 2 3 4; begin=int32[2] 1 1; end=int32[2] 0 2; "
          "begin_mask=bool[2] 1 0; squeeze_mask=bool[2] 1 0",
          "fp32[1] 2" },
        { "slice_by_index", 15, "x=fp32[?,4]; begin=int32[2] 0 1; end=int32[2] 1 -1",
          "fp32[1,2]" },
        { "slice_by_index", 15,
          "x=fp32[?,4]; begin=int32[2] 0 1; end=int32[2] 3 9; end_mask=bool[2] 1 0",
          "fp32[?,3]" },
        { "slice_by_index", 15,
          "x=fp32[?]; begin=int32[1] -1; end=int32[1] 0; end_mask=bool[1] 1", "fp32[1]" },
        { "slice_by_index", 15, "x=fp32[4]; begin=int32[1]; end=int32[1]", "fp32[?]" },
        { "slice_by_index", 15,
          "x=fp32[4]; begin=int32[1]; end=int32[1] 0; squeeze_mask=bool[1] 1", "fp32[]" },
        { "slice_by_index", 15,
          "x=fp32[4]; begin=int32[1]; end=int32[1]; begin_mask=bool[1] 1; "
          "end_mask=bool[1] 1; stride=int32[1] 3",
          "fp32[2]" },
        { "slice_by_index", 15, "x=fp32[2,3]; begin=int32[1] 0; end=int32[2] 1 1",
          "error: begin has 1 elements, but x is [2, 3]" },
        { "slice_by_index", 15,
          "x=fp32[2]; begin=int32[1] 0; end=int32[1] 1; squeeze_mask=bool[1] ..",
          "error: squeeze_mask, which makes the result's rank, must be known" },
        { "slice_by_index", 15,
          "x=fp32[2]; begin=int32[1] 0; end=int32[1] 1; stride=int32[1] 0",
          "error: stride is 0 at axis 0" },
        { "slice_by_index", 15,
          "x=fp32[2]; begin=int32[1] 2; end=int32[1] 0; squeeze_mask=bool[1] 1",
          "error: begin 2 is outside axis 0, which has 2 entries" });
}

static void test_slices(void **state)
{
    CHECK({ "slice_by_size", 17,
            "x=uint8[2,3] 1 2 3 4 5 6; begin=int16[2] -1 1; size=int16[2] 1 -1",
            "uint8[1,2] 5 6" },
          { "slice_by_size", 15, "x=fp32[3] 1; begin=int32[1] 3; size=int32[1] 0",
            "fp32[0]" },
          { "slice_by_size", 15, "x=fp32[?,3]; begin=int32[2]; size=int32[2] 2 -1",
            "fp32[2,?]" },
          { "slice_by_size", 15, "x=fp32[3]; begin=int32[1] 2; size=int32[1] 2",
            "error: begin 2 and size 2 leave axis 0 of x, which is [3]" },
          { "slice_by_size", 15, "x=fp32[3]; begin=int32[1] 0; size=int32[1] -2",
            "error: size is -2 at axis 0" },
          { "slice_by_size", 15, "x=fp32[3]; begin=int32[1] -4; size=int32[1] 1",
            "error: leave axis 0" },
          { "slice_update", 18,
            "x=fp32[4] 1 2 3 4; update=fp32[2] 8 9; begin=int32[1] 3; "
            "end=int32[1] 0; stride=int32[1] -2",
            "fp32[4] 1 9 3 8" },
          { "slice_update", 18,
            "x=bool[2,2] 0; update=bool[1] 1; begin=int32[2] -1 0; "
            "end=int32[2] 0 1; squeeze_mask=bool[2] 1 0",
            "bool[2,2] 0 0 1 0" },
          { "slice_update", 18,
            "x=bool[2,2] 0; update=bool[] 1; begin=int32[2] -1 0; "
            "end=int32[2] 0 0; squeeze_mask=bool[2] 1 1",
            "error: update is a scalar; Core ML has no update of rank 0" },
          { "slice_update", 18,
            "x=fp32[4]; update=fp32[3]; begin=int32[1] 0; end=int32[1] 2",
            "error: update is [3], but the slice of x, which is [4], is [2]" },
          { "slice_update", 18,
            "x=fp32[4]; update=fp16[2]; begin=int32[1] 0; end=int32[1] 2",
            "error: their element types must agree" });
}

static void test_windows_and_blocks(void **state)
{
    CHECK(
        { "sliding_windows", 17,
          "x=int8[4,2] 1 2 3 4 5 6 7 8; axis=int32[] 0; size=int32[] 2; stride=int32[] 2",
          "int8[2,2,2] 1 2 3 4 5 6 7 8" },
        { "sliding_windows", 15,
          "x=fp32[2,3] 1 2 3 4 5 6; axis=int32[] -1; size=int32[] 2",
          "fp32[2,2,2] 1 2 2 3 4 5 5 6" },
        { "sliding_windows", 15, "x=fp32[?]; axis=int32[] 0; size=int32[] 2",
          "fp32[?,2]" },
        { "sliding_windows", 15, "x=fp32[3]; axis=int32[] 0; size=int32[] 4",
          "error: do not fit axis 0" },
        { "sliding_windows", 15, "x=fp32[3]; axis=int32[] 0; size=int32[] 0",
          "error: size 0 and stride 1 must be at least 1" },
        { "space_to_batch", 15,
          "x=fp32[1,1,4,1]; block_shape=int32[2] 2 1; paddings=int32[1,2] 0",
          "error: paddings is [1, 2]; it must be [2, 2]" },
        { "space_to_batch", 15,
          "x=fp32[1,1,4,1]; block_shape=int32[2] 0 1; paddings=int32[2,2] 0",
          "error: block_shape holds 0" },
        { "space_to_batch", 15,
          "x=fp32[1,1,4,1]; block_shape=int32[2] 2 1; paddings=int32[2,2] -1 1 0 0",
          "error: paddings holds a negative number" },
        { "batch_to_space", 15,
          "x=fp32[2,1,4,1]; block_shape=int32[2] 2 1; crops=int32[2,2] -1 1 0 0",
          "error: crops holds a negative number" },
        { "batch_to_space", 15,
          "x=fp32[2,1,4,1]; block_shape=int32[2] 2 1; crops=int32[2,2] 1 -1 0 0",
          "error: crops holds a negative number" },
        { "batch_to_space", 15,
          "x=fp32[2,1,4,1]; block_shape=int32[2] 2 1; crops=int32[2,2] 5 4 0 0",
          "error: crops takes more from axis 2 than its 8 entries" },
        { "space_to_depth", 15, "x=fp32[1,1,2,2]; block_size=int32[] 0",
          "error: block_size is 0" },
        { "space_to_depth", 15, "x=fp32[1,1,2,2] 1 2 3 4; block_size=int32[] 2",
          "fp32[1,4,1,1] 1 2 3 4" },
        { "space_to_depth", 15, "x=fp32[?,1,?,4]; block_size=int32[] 2",
          "fp32[?,4,?,2]" },
        { "space_to_depth", 15, "x=fp32[1,1,3,2]; block_size=int32[] 2",
          "error: 3 rows are not a multiple of 2; x is [1, 1, 3, 2]" },
        { "pixel_shuffle", 15, "x=fp32[1,6,1,1]; upscale_factor=int32[] 2",
          "error: 6 channels" },
        { "pixel_shuffle", 15, "x=fp32[4,1,1]; upscale_factor=int32[] 2",
          "error: it is [4, 1, 1]" },
        { "depth_to_space", 15, "x=fp32[1,4,0,2]; block_size=int32[] 2",
          "fp32[1,1,0,4]" },
        { "space_to_batch", 15,
          "x=fp32[1,1,3,1] 1 2 3; block_shape=int32[2] 2 1; paddings=int32[2,2] 1 2 0 0",
          "fp32[2,1,3,1] 0 2 0 1 3 0" },
        { "batch_to_space", 15,
          "x=fp32[2,1,3,1] 0 2 0 1 3 0; block_shape=int32[2] 2 1; crops=int32[2,2] 1 2 0 0",
          "fp32[1,1,3,1] 1 2 3" },
        { "space_to_batch", 15,
          "x=fp32[?,1,4,1]; block_shape=int32[2] 2 1; paddings=int32[2,2] 0",
          "fp32[?,1,2,1]" },
        { "space_to_batch", 15,
          "x=fp32[1,1,4,1]; block_shape=int32[2] 2 1; paddings=int32[2,2] 0 1 0 0",
          "error: is 5 with its padding: no multiple of 2" },
        { "batch_to_space", 15,
          "x=fp32[3,1,4,1]; block_shape=int32[2] 2 1; crops=int32[2,2] 0",
          "error: the batch of x, which is [3, 1, 4, 1]" },
        { "batch_to_space", 15,
          "x=fp32[2,1,4]; block_shape=int32[2] 2 2; crops=int32[2,2] 0",
          "error: x is [2, 1, 4] and block_shape has 2 elements; it must be batch, channel, height and "
          "width, and two elements" },
        { "space_to_batch", 15,
          "x=fp32[2,1,4,4]; block_shape=int32[1] 2; paddings=int32[1,2] 0",
          "error: x is [2, 1, 4, 4] and block_shape has 1 elements" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reshape),     cmocka_unit_test(test_reshape_like),
        cmocka_unit_test(test_axes_of_one), cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_reverse),     cmocka_unit_test(test_slice_by_index),
        cmocka_unit_test(test_slices),      cmocka_unit_test(test_windows_and_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
