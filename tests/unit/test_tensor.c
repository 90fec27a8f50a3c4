/* test_tensor.c -- the ops of tensor.def, which join, cut, repeat, fill and order: values, open shapes, and
 * what is refused. */
#include "unit.h"

#include "calls.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_and_cut), cmocka_unit_test(test_repeat_and_fill),
        cmocka_unit_test(test_pad),          cmocka_unit_test(test_order),
        cmocka_unit_test(test_nms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
