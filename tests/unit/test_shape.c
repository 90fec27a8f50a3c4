/* test_shape.c -- the ops that carry elements: values, open shapes, and what is refused. */
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

static void test_join_and_cut(void **state)
{
    CHECK(
        { "concat", 15, "values=fp32[1,2] 1 2,fp32[2,2] 3 4 5 6; axis=int32[] 0",
          "fp32[3,2] 1 2 3 4 5 6" },
        { "concat", 15, "values=bool[2,1] 1 0,bool[2,2] 1 1 0 0; axis=int32[] -1",
          "bool[2,3] 1 1 1 0 0 0" },
        { "concat", 15, "values=int32[2] 1 2,int32[0],int32[1] 3; axis=int32[] 0",
          "int32[3] 1 2 3" },
        { "concat", 15, "values=int32[] 1,int32[] 2; axis=int32[] 0", "int32[2] 1 2" },
        { "concat", 15, "values=fp32[2] 1 2; axis=int32[] 0", "fp32[2] 1 2" },
        { "concat", 15,
          "values=fp32[2,2] 1 2 3 4,fp32[2,2] 5 6 7 8; axis=int32[] 0; interleave=bool[] 1",
          "fp32[4,2] 1 2 5 6 3 4 7 8" },
        { "concat", 15, "values=fp32[?,2],fp32[2,?]; axis=int32[] 0", "fp32[?,2]" },
        { "concat", 15, "values=fp32[1,2],fp32[1,3]; axis=int32[] 0",
          "error: values[1] is tensor<fp32, [1, 3]> and values[0] is tensor<fp32, [1, 2]>" },
        { "concat", 15, "values=fp32[1],fp16[1]; axis=int32[] 0",
          "error: they must agree" },
        { "concat", 15, "values=fp32[1],fp32[1]; axis=int32[] 1",
          "error: axis 1 is outside a tensor of rank 1" },
        { "stack", 15, "values=fp32[2] 1 2,fp32[2] 3 4; axis=int32[] 0",
          "fp32[2,2] 1 2 3 4" },
        { "stack", 15, "values=int32[] 1,int32[] 2; axis=int32[] -1", "int32[2] 1 2" },
        { "stack", 15, "values=fp32[2],fp32[3]; axis=int32[] 0",
          "error: they must agree" },
        { "split", 15,
          "x=fp32[2,4] 1 2 3 4 5 6 7 8; num_splits=int32[] 2; axis=int32[] -1",
          "fp32[2,2] 1 2 5 6; fp32[2,2] 3 4 7 8" },
        { "split", 15, "x=fp32[3] 1 2 3; split_sizes=int32[3] 2 0 1; axis=int32[] 0",
          "fp32[2] 1 2; fp32[0]; fp32[1] 3" },
        { "split", 15, "x=fp32[?,2]; num_splits=int32[] 2; axis=int32[] 0",
          "fp32[?,2]; fp32[?,2]" },
        { "split", 15, "x=fp32[5]; num_splits=int32[] 2; axis=int32[] 0",
          "error: x is [5]; 5 entries are not 2 equal parts" },
        { "split", 15, "x=fp32[5]; split_sizes=int32[2] 2 2; axis=int32[] 0",
          "error: split_sizes makes 4" },
        { "concat", 15, "values=list[1] fp32[1]; axis=int32[] 0",
          "error: values[0] must be a tensor, not list<" },
        { "stack", 15, "values=fp32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]; axis=int32[] 0",
          "error: the result's rank is above 16" },
        { "split", 15, "x=fp32[5]; num_splits=int32[] 0; axis=int32[] 0",
          "error: num_splits is 0" },
        { "split", 15, "x=fp32[130]; num_splits=int32[] 65; axis=int32[] 0",
          "error: num_splits is 65; 64 is the most" },
        { "split", 15, "x=fp32[5]; split_sizes=int32[2] ..; axis=int32[] 0",
          "error: split_sizes must be known" },
        { "split", 15,
          "x=fp32[5]; split_sizes=int32[2] 2 3; num_splits=int32[] 3; axis=int32[] 0",
          "error: num_splits is 3, but split_sizes has 2 elements" },
        { "split", 15, "x=fp32[5]; split_sizes=int32[2] -1 6; axis=int32[] 0",
          "error: split_sizes holds -1" },
        { "split", 15, "x=fp32[5]; axis=int32[] 0",
          "error: one of num_splits and split_sizes" });
}

static void test_repeat_and_fill(void **state)
{
    CHECK(
        { "tile", 15, "x=fp32[2] 1 2; reps=int32[1] 3", "fp32[6] 1 2 1 2 1 2" },
        { "tile", 15, "x=bool[2,1] 1 0; reps=int32[2] 2 2", "bool[4,2] 1 1 0 0 1 1 0 0" },
        { "tile", 15, "x=fp32[2,?]; reps=int32[2]", "fp32[?,?]" },
        { "tile", 15, "x=fp32[4611686018427387904]; reps=int32[1] 4",
          "error: the result has too many elements" },
        { "range_1d", 15, "end=fp32[] inf; start=fp32[] 0; step=fp32[] 1",
          "error: there is no end from 0 to inf by 1" },
        { "tile", 15, "x=fp32[2]; reps=int32[1] 0", "error: reps holds 0" },
        { "tile", 15, "x=fp32[2]; reps=int32[2] 1 1",
          "error: reps has 2 elements, but x is [2]" },
        { "fill", 15, "shape=int32[2] 1 2", "fp32[1,2] 0 0" },
        { "fill", 15, "shape=int32[0]; value=fp16[] 2", "fp16[] 2" },
        { "fill", 15, "shape=int32[2]; value=bool[] 1", "bool[?,?]" },
        { "fill", 15, "shape=int32[1] -1", "error: shape holds -1" },
        { "fill_like", 16, "ref_tensor=bool[?,2]", "fp32[?,2]" },
        { "range_1d", 15, "end=int32[] -1; start=int32[] 5; step=int32[] -2",
          "int32[3] 5 3 1" },
        { "range_1d", 15, "end=int32[] 0; start=int32[] 5; step=int32[] 2", "int32[0]" },
        { "range_1d", 15, "end=fp32[] 0.3; start=fp32[] 0; step=fp32[] 0.1",
          "fp32[3] 0 0.1 0.2" },
        { "range_1d", 15, "end=fp16[] 0.5; start=fp16[] 0; step=fp16[] -0.1", "fp16[0]" },
        { "range_1d", 15, "end=fp16[] 0.5; start=fp16[] 0; step=fp16[] 0.1",
          "fp16[5] 0 0.0999756 0.199951 0.299805 0.399902" },
        { "range_1d", 15, "end=fp16[] 60000; start=fp16[] -60000; step=fp16[] 40000",
          "fp16[3] -60000 -20000 20000" },
        { "range_1d", 15, "end=fp32[]; start=fp32[] 0; step=fp32[] 1", "fp32[?]" },
        { "range_1d", 15, "end=fp32[] 1; start=fp32[] 0; step=fp32[] 0",
          "error: step is 0" },
        { "range_1d", 15, "end=fp32[] 1; start=fp32[2] 0; step=fp32[] 1",
          "error: start must be a scalar, not [2]" },
        { "fill", 15, "shape=int32[1] 1; value=fp32[0]",
          "error: value must be a scalar, not [0]" },
        { "one_hot", 15,
          "indices=int32[2] 1 3; one_hot_vector_size=int32[] 2; axis=int32[] 0",
          "int32[2,2] 0 0 1 0" },
        { "one_hot", 15,
          "indices=int32[] 1; one_hot_vector_size=int32[] 2; on_value=bool[] 1; "
          "off_value=bool[] 0",
          "bool[2] 0 1" },
        { "one_hot", 15, "indices=int32[?]; one_hot_vector_size=int32[]; axis=int32[] -2",
          "int32[?,?]" });
}

static void test_pad(void **state)
{
    CHECK({ "pad", 15, "x=fp32[1,2] 1 2; pad=int32[4] 1 0 0 1; constant_val=fp32[] 9",
            "fp32[2,3] 9 9 9 1 2 9" },
          { "pad", 15, "x=fp32[2,2] 1 2 3 4; pad=int32[2] 1 1; mode=string[] replicate",
            "fp32[2,4] 1 1 2 2 3 3 4 4" },
          { "pad", 15, "x=fp32[2,2] 1 2 3 4; pad=int32[4] 1 1 1 0; mode=string[] reflect",
            "fp32[4,3] 4 3 4 2 1 2 4 3 4 2 1 2" },
          { "pad", 15, "x=fp32[2,?]; pad=int32[2] 1 1", "fp32[2,?]" },
          { "pad", 15, "x=fp32[2,3]; pad=int32[2] ..", "fp32[2,?]" },
          { "pad", 15, "x=fp32[2,3]; pad=int32[4]", "fp32[?,?]" },
          { "pad", 15, "x=fp32[2,3]; pad=int32[2]",
            "error: pad is computed and has 2 elements; x is [2, 3], so it must have 4" },
          { "pad", 15, "x=fp32[2]; pad=int32[2] 2 0; mode=string[] reflect",
            "error: mode reflect cannot make 2 entries from axis 0 of x, which is [2]" },
          { "pad", 15, "x=fp32[2]; pad=int32[3] 0 0 0",
            "error: pad has 3 elements; x is [2]" },
          { "pad", 15, "x=fp32[2]; pad=int32[4] 0 0 0 0",
            "error: pad has 4 elements; x is [2]" },
          { "pad", 15, "x=fp32[2]; pad=int32[2] -1 0", "error: negative" },
          { "pad", 15, "x=fp32[2]; pad=int32[2] 1 0; mode=string[] edge",
            "error: mode is \"edge\"" });
}

static void test_order(void **state)
{
    CHECK(
        { "topk", 15, "x=fp32[2,3] 1 3 2 6 6 5; k=int32[] 2; axis=int32[] -1",
          "fp32[2,2] 3 2 6 6; int32[2,2] 1 2 0 1" },
        { "topk", 15,
          "x=fp32[2,2] 1 4 3 2; k=int32[] 1; axis=int32[] 0; ascending=bool[] 1",
          "fp32[1,2] 1 2; int32[1,2] 0 1" },
        { "topk", 16, "x=fp32[3] 1 nan 2; k=int32[] -1; return_indices=bool[] 0",
          "fp32[3] 2 1 nan" },
        { "topk", 17,
          "x=uint8[3] 200 100 250; k=int8[] 1; output_indices_dtype=string[] uint16",
          "uint8[1] 250; uint16[1] 2" },
        { "topk", 17,
          "x=fp32[2]; output_indices_dtype=string[] int32; return_indices=bool[] 0",
          "error: output_indices_dtype goes with return_indices" },
        { "topk", 15, "x=fp32[2]; k=int32[] 3",
          "error: k is 3, but axis 0 of x, which is [2]" },
        { "topk", 17, "x=fp32[2]; output_indices_dtype=string[] fp16",
          "error: output_indices_dtype \"fp16\" is no type for indices" },
        { "topk", 15, "x=fp32[2]; sort=bool[] 1", "error: sort does not exist in ios15" },
        { "argsort", 15, "x=int32[4] 2 1 2 1; ascending=bool[] 1", "int32[4] 1 3 0 2" },
        { "argsort", 15, "x=fp32[]", "error: axis -1 is outside a tensor of rank 0" },
        { "cumsum", 15, "x=int32[2,2] 1 2 3 4; axis=int32[] 1; reverse=bool[] 1",
          "int32[2,2] 3 2 7 4" },
        { "cumsum", 15, "x=fp16[3] 2048 1 1", "fp16[3] 2048 2048 2050" },
        { "cumsum", 15, "x=fp32[2,2]; axis=int32[] -1", "fp32[2,2]" },
        { "cumsum", 15, "x=fp32[2,2]; axis=int32[] -2",
          "error: axis is -2; it must be -1" },
        { "non_zero", 15, "x=bool[3] 1 0 1", "int32[2,1] 0 2" },
        { "non_zero", 15, "x=fp32[2,2]", "int32[?,2]" },
        { "band_part", 15, "x=int32[2,3] 1 2 3 4 5 6; lower=int32[] -1; upper=int32[] 0",
          "int32[2,3] 1 0 0 4 5 0" },
        { "band_part", 15, "x=int32[3]", "error: x is [3]: a matrix is needed" },
        { "flatten2d", 15, "x=fp32[2,?,3]; axis=int32[] 2", "fp32[?,3]" },
        { "flatten2d", 15, "x=fp32[2,3] 1 2 3 4 5 6; axis=int32[] 0",
          "fp32[1,6] 1 2 3 4 5 6" },
        { "flatten2d", 15, "x=fp32[2,3]; axis=int32[] 3",
          "error: axis 3 is outside x, which is [2, 3]" },
        { "shape", 15, "x=fp32[] 1", "int32[0]" });
}

static void test_nms(void **state)
{
    CHECK(
        { "non_maximum_suppression", 15,
          "boxes=fp32[1,2,4] 0 0 2 2 0 0 2 2; "
          "scores=fp32[1,2,2] 1 3 4 2; iou_threshold=fp32[] 0.5; score_threshold=fp32[] 0; "
          "max_boxes=int32[] 3; per_class_suppression=bool[] 1",
          "fp32[1,3,4] 0 0 2 2 0 0 2 2 0 0 0 0; fp32[1,3,2] 4 2 1 3 0 0; int32[1,3] 1 0 -1; "
          "int32[1] 2" },
        { "non_maximum_suppression", 15,
          "boxes=fp32[1,2,4] 0 0 2 2 9 9 2 2; "
          "scores=fp32[1,2,1] 1 3; iou_threshold=fp32[] 0.5; score_threshold=fp32[] 8; "
          "max_boxes=int32[] 1",
          "fp32[1,1,4] 9 9 2 2; fp32[1,1,1] 3; int32[1,1] 1; int32[1] 1" },
        { "non_maximum_suppression", 17,
          "boxes=fp32[1,4,2] 0 9 0 9 2 2 2 2; scores=fp32[1,2,2] 1 4 3 2; iou_threshold=fp32[] 0.5; "
          "max_boxes=int32[] 3",
          "fp32[1,4,3] 9 0 0 9 0 0 2 2 0 2 2 0; fp32[1,2,3] 4 1 0 2 3 0; int32[1,3] 1 0 -1" },
        { "non_maximum_suppression", 18,
          "boxes=fp32[2,4,?]; scores=fp32[?,3,7]; iou_threshold=fp32[] 1; max_boxes=int32[] 5",
          "fp32[2,4,5]; fp32[2,3,5]; int32[2,5]" },
        { "non_maximum_suppression", 16,
          "boxes=fp32[1,2,4]; scores=fp32[1,3,1]; iou_threshold=fp32[] 1; score_threshold=fp32[] 0; "
          "max_boxes=int32[] 1",
          "error: boxes is [1, 2, 4] and scores is [1, 3, 1]; ios16 has them as [n, B, 4] and" },
        { "non_maximum_suppression", 17,
          "boxes=fp32[1,2,4]; scores=fp32[1,2,4]; iou_threshold=fp32[] 1; max_boxes=int32[] 1",
          "error: boxes is [1, 2, 4] and scores is [1, 2, 4]; ios17 has them as [n, 4, B] and" },
        { "non_maximum_suppression", 17,
          "boxes=fp32[1,4,2]; scores=fp32[1,0,2]; iou_threshold=fp32[] 1; max_boxes=int32[] 1",
          "error: scores is [1, 0, 2]: there is no class" },
        { "non_maximum_suppression", 17,
          "boxes=fp32[1,4,2]; scores=fp32[1,1,2]; iou_threshold=fp32[] 1; max_boxes=int32[] -1",
          "error: max_boxes is -1" });
}

static void test_gather(void **state)
{
    CHECK(
        { "gather", 15, "x=fp32[3,2] 1 2 3 4 5 6; indices=int32[] -1", "fp32[2] 5 6" },
        { "gather", 17, "x=int8[2,3] 1 2 3 4 5 6; indices=uint8[2] 2 0; axis=int32[] -1",
          "int8[2,2] 3 1 6 4" },
        { "gather", 16,
          "x=fp32[2,2,2] 1 2 3 4 5 6 7 8; indices=int32[2,1] 1 0; axis=int32[] 2; "
          "batch_dims=int32[] 1",
          "fp32[2,2,1] 2 4 5 7" },
        { "gather", 15, "x=fp32[?,4]; indices=int32[2,?]; axis=int32[] 1",
          "fp32[?,2,?]" },
        { "gather", 15, "x=fp32[3] 1; indices=int32[0]", "fp32[0]" },
        { "gather", 15, "x=fp32[3] 1; indices=int32[2] 0 3",
          "error: indices[1] is 3; axis 0 has 3 entries" },
        { "gather", 17, "x=fp32[3] 1; indices=int32[1] -4; validate_indices=bool[] 1",
          "error: indices[0] is -4" },
        { "gather", 16,
          "x=fp32[3,2]; indices=int32[2]; axis=int32[] 0; batch_dims=int32[] 1",
          "error: batch_dims is 1" },
        { "gather_along_axis", 15,
          "x=fp32[2,2] 1 2 3 4; indices=int32[2,3] 0 1 -1 1 1 0; axis=int32[] 1",
          "fp32[2,3] 1 2 2 4 4 3" },
        { "gather", 16,
          "x=fp32[2,3]; indices=int32[3,1]; axis=int32[] 1; batch_dims=int32[] 1",
          "error: the first 1 dimensions must agree; indices is [3, 1] and x is [2, 3]" },
        { "gather_nd", 16, "x=fp32[2,3]; indices=int32[2]; batch_dims=int32[] 1",
          "error: indices is [2]: it needs an axis after its 1 batch axes" },
        { "gather_nd", 15, "x=fp32[2,3]; indices=int32[2,?]",
          "error: the last dimension of indices, which is [2, ?], must be known" },
        { "gather_along_axis", 15, "x=fp32[2,2]; indices=int32[3,1]",
          "error: indices is [3, 1], but x is [2, 2]; they may only differ along axis 0" },
        { "gather_nd", 15, "x=fp32[2,2] 1 2 3 4; indices=int32[1,1] -1",
          "fp32[1,2] 3 4" },
        { "gather_nd", 16,
          "x=fp32[2,3] 1 2 3 4 5 6; indices=int32[2,2,1] 0 1 2 0; batch_dims=int32[] 1",
          "fp32[2,2] 1 2 6 4" },
        { "gather_nd", 15, "x=fp32[2,?,4]; indices=int32[5,2]", "fp32[5,4]" },
        { "gather_nd", 15, "x=fp32[2]; indices=int32[1,2]",
          "error: an index of 2 numbers is too long for x" });
}

static void test_scatter(void **state)
{
    CHECK(
        { "scatter", 15,
          "data=fp32[2,2] 1 2 3 4; indices=int32[1] -1; updates=fp32[2,1] 5 6; "
          "axis=int32[] 1; mode=string[] update",
          "fp32[2,2] 1 5 3 6" },
        { "scatter", 15,
          "data=fp32[2] 8 8; indices=int32[2] 0 0; updates=fp32[2] 2 2; mode=string[] div",
          "fp32[2] 2 8" },
        { "scatter", 15, "data=fp16[1] 2048; indices=int32[2] 0 0; updates=fp16[2] 1 1",
          "fp16[1] 2048" },
        { "scatter", 15,
          "data=int32[1] 2147483647; indices=int32[1] 0; updates=int32[1] 1",
          "int32[1] -2147483648" },
        { "scatter", 15,
          "data=int32[1] 1; indices=int32[1] 0; updates=int32[1] 0; mode=string[] div",
          "error: is 0: division" },
        { "scatter", 15, "data=fp32[2,2]; indices=int32[3]; updates=fp32[2,2]",
          "error: updates is [2, 2], but data, which is [2, 2], takes [3, 2]" },
        { "scatter", 15,
          "data=fp32[2]; indices=int32[1]; updates=fp32[1]; mode=string[] set",
          "error: it must be \"add\", \"sub\"" },
        { "scatter_along_axis", 15,
          "data=fp32[2,2] 1 2 3 4; indices=int32[2,1] 1 0; "
          "updates=fp32[2,1] 9 -9; axis=int32[] 1; mode=string[] min",
          "fp32[2,2] 1 2 -9 4" },
        { "scatter_nd", 15,
          "data=fp32[2,2] 1 2 3 4; indices=int32[2,2] 0 1 0 1; "
          "updates=fp32[2] 2 3; mode=string[] mul",
          "fp32[2,2] 1 12 3 4" },
        { "scatter_nd", 15, "data=fp32[2] 1; indices=int32[1,1] 2; updates=fp32[1] 1",
          "error: indices[0] is 2" });
}

static void test_lists_and_states(void **state)
{
    CHECK({ "make_list", 15,
            "init_length=int32[] 2; elem_shape=int32[] 3,string[] n; dtype=string[] fp16",
            "list[2] fp16[3,?]" },
          { "make_list", 15, "init_length=int32[] 100000000; elem_shape=int32[] 2",
            "error: a list of 100000000 elements is too long" },
          { "make_list", 15, "init_length=int32[]; elem_shape=int32[] 2",
            "list[-1] fp32[2]" },
          { "make_list", 15, "init_length=int32[] -1; elem_shape=int32[] 2",
            "error: init_length is -1" },
          { "make_list", 15, "dtype=string[] bool", "list[1] bool[]" },
          { "make_list", 15, "elem_shape=int32[]",
            "error: elem_shape must hold integer constants" },
          { "tensor_to_tensor_buffer", 17,
            "input=list[1] fp16[2]; interleave_factors=uint8[1] 1; strides=int64[1] 1",
            "error: input must be a tensor, not list<" },
          { "make_list", 15, "elem_shape=int32[] -2", "error: elem_shape holds -2" },
          { "make_list", 15, "elem_shape=int32[] 1; dtype=string[] float",
            "error: dtype \"float\"" },
          { "list_read", 15, "ls=list[2] fp32[3,?]; index=int32[] 0", "fp32[3,?]" },
          { "list_gather", 15, "ls=list[2] fp32[3]; indices=int32[?]", "fp32[?,3]" },
          { "list_write", 15, "ls=list[2] fp32[3]; index=int32[] 0; value=fp32[4]",
            "error: value is tensor<fp32, [4]>, but tensor<fp32, [3]> is needed" },
          { "list_scatter", 15, "ls=list[2] fp32[3]; indices=int32[2]; value=fp32[2,3]",
            "list[2] fp32[3]" },
          { "list_length", 15, "ls=fp32[3]",
            "error: ls must be a list of tensors, not tensor<fp32, [3]>" },
          { "read_state", 18, "input=state fp16[2]", "fp16[2]" },
          { "write_state", 18, "data=fp16[2]; input=state fp16[2]", "" },
          { "tensor_to_tensor_buffer", 17,
            "input=fp16[2]; interleave_factors=uint8[1] 1; strides=string[1] a",
            "error: strides must be a vector of integers" },
          { "tensor_to_tensor_buffer", 17,
            "input=fp16[2]; interleave_factors=uint8[1] 1; strides=int64[2] 4 1",
            "error: strides has 2 elements; input is [2]" },
          { "tensor_buffer_to_tensor", 17, "input=fp16[2]",
            "error: input must be a tensor_buffer" },
          { "write_state", 18, "data=fp16[3]; input=state fp16[2]",
            "error: data is tensor<fp16, [3]>, but the state holds tensor<fp16, [2]>" },
          { "read_state", 18, "input=fp16[2]", "error: input must be a state" });
}

/* ---- list values: what a list op makes is the next one's argument ------------------------ */

typedef struct {
    Arena arena;
    Diag diag;
    const Type *list;
} Lists;

/* Runs a list op on `ls`; list_gather gets the two indices from `index` on. */
static Tensor *run_list(Lists *l, const char *op, Tensor *ls, int32_t index,
                        Tensor *value)
{
    Call *c = NEW(&l->arena, Call);
    Tensor *at = NEW_ARRAY(&l->arena, 2, Tensor), *res = NEW(&l->arena, Tensor);
    int32_t *v = NEW_ARRAY(&l->arena, 2, int32_t);
    Shape scalar = { .rank = 0 }, two = SHAPE(2);
    v[0] = index;
    v[1] = index + 1;
    at[0] = tensor_view(DT_INT32, &scalar, v);
    at[1] = tensor_view(DT_INT32, &two, v);
    CallArg args[4] = { { .type = l->list, .val = ls },
                        { .type = type_scalar(DT_INT32), .val = &at[0] },
                        { .type = type_tensor(&l->arena, DT_INT32, two), .val = &at[1] },
                        { .val = value } };
    if (value) args[3].type = type_tensor(&l->arena, value->dtype, value->shape);
    call_init(c, &ops[op_find(op)], OPSET_IOS15, &l->arena, &l->diag, (Loc){ 0 });
    call_set(c, "ls", 1, &args[0]);
    if (op_param(c->info, "index")) call_set(c, "index", 1, &args[1]);
    if (op_param(c->info, "indices")) call_set(c, "indices", 1, &args[2]);
    if (value) call_set(c, "value", 1, &args[3]);
    return call_run(c, res, 1) ? res : NULL;
}

static void lists_start(Lists *l, int64_t elem)
{
    *l = (Lists){ .list = NULL };
    l->list = type_list(&l->arena, type_tensor(&l->arena, DT_FP32, SHAPE(elem)), DIM_ANY);
}

static void lists_end(Lists *l)
{
    diag_free(&l->diag);
    arena_free(&l->arena);
}

static void test_list_values(void **state)
{
    (void)state;
    Lists l;
    Shape two = SHAPE(2);
    const float data[2] = { 5, 6 };
    Tensor value = tensor_view(DT_FP32, &two, data), empty = { .is_list = true };
    lists_start(&l, 2);
    Tensor *grown = run_list(&l, "list_write", &empty, 2, &value);
    assert_non_null(grown);
    assert_int_equal(grown->nitem, 3);
    Tensor *n = run_list(&l, "list_length", grown, 0, NULL);
    assert_int_equal(tensor_int(n, 0), 3);
    Tensor *read = run_list(&l, "list_read", grown, -1, NULL);
    assert_memory_equal(read->data, data, sizeof data);
    Tensor *pair = run_list(&l, "list_gather", grown, 1, NULL);
    assert_int_equal(pair->count, 4);
    assert_true(tensor_float(pair, 1) == 0 && tensor_float(pair, 2) == 5);
    grown->fixed = true;
    Tensor *same = run_list(&l, "list_write", grown, 0, &value);
    assert_int_equal(same->nitem, 3);
    assert_true(same->fixed);
    Tensor *all[] = { grown, n, read, pair, same };
    for (size_t i = 0; i < COUNT(all); i++) tensor_free(all[i]);
    assert_true(diag_ok(&l.diag));
    lists_end(&l);
}

static void test_list_refusals(void **state)
{
    (void)state;
    Lists l;
    Shape two = SHAPE(2), three = SHAPE(3);
    const float data[3] = { 5, 6, 7 };
    Tensor a = tensor_view(DT_FP32, &two, data), b = tensor_view(DT_FP32, &three, data);
    Tensor empty = { .is_list = true };
    lists_start(&l, DIM_ANY);
    Tensor *one = run_list(&l, "list_write", &empty, 1, &a);
    Tensor *both = run_list(&l, "list_write", one, 2, &b);
    assert_null(run_list(&l, "list_read", one, 0, NULL));
    assert_null(run_list(&l, "list_read", one, 2, NULL));
    assert_null(run_list(&l, "list_gather", both, 1, NULL));
    one->fixed = true;
    assert_null(run_list(&l, "list_write", one, 2, &a));
    expect_said(
        &l.diag,
        "error: list_read: nothing was written, so the dimensions of tensor<fp32, [?]> are "
        "not known\n"
        "error: list_read: index 2 is outside a list of 2\n"
        "error: list_gather: element 1 is [2], but others are [3]\n"
        "error: list_write: index 2 is outside a list of fixed length 2\n");
    tensor_free(one);
    tensor_free(both);
    lists_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reshape),      cmocka_unit_test(test_reshape_like),
        cmocka_unit_test(test_axes_of_one),  cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_reverse),      cmocka_unit_test(test_slice_by_index),
        cmocka_unit_test(test_slices),       cmocka_unit_test(test_windows_and_blocks),
        cmocka_unit_test(test_join_and_cut), cmocka_unit_test(test_repeat_and_fill),
        cmocka_unit_test(test_pad),          cmocka_unit_test(test_order),
        cmocka_unit_test(test_nms),          cmocka_unit_test(test_gather),
        cmocka_unit_test(test_scatter),      cmocka_unit_test(test_lists_and_states),
        cmocka_unit_test(test_list_values),  cmocka_unit_test(test_list_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
