/* test_images.c -- image ops: every sampling, padding and coordinate mode, boxes, and
 * refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "calls.h"

#define LINE(mode, n) \
    "x=fp32[1,1,4] 0 10 20 30; target_size_height=int32[] 1; target_size_width=int32[] " n \
    "; sampling_mode=string[] " mode

/* Grid points are tenths of these values. */
static void test_grids(void **state)
{
    CHECK({ "resize_bilinear", 15, LINE("STRICT_ALIGN_CORNERS", "7"),
            "fp32[1,1,7] 0 5 10 15 20 25 30" },
          { "resize_bilinear", 15, LINE("STRICT_ALIGN_CORNERS", "1"), "fp32[1,1,1] 0" },
          { "resize_bilinear", 15, LINE("ALIGN_CORNERS", "7"),
            "fp32[1,1,7] 0 5 10 15 20 25 30" },
          { "resize_bilinear", 15, LINE("ALIGN_CORNERS", "1"), "fp32[1,1,1] 15" },
          { "resize_bilinear", 15, LINE("DEFAULT", "8"),
            "fp32[1,1,8] 0 5 10 15 20 25 30 30" },
          { "resize_bilinear", 15, LINE("OFFSET_CORNERS", "6"),
            "fp32[1,1,6] 2.5 7.5 12.5 17.5 22.5 27.5" },
          { "resize_bilinear", 15, LINE("OFFSET_CORNERS", "1"), "fp32[1,1,1] 15" },
          { "resize_bilinear", 15, LINE("UNALIGN_CORNERS", "8"),
            "fp32[1,1,8] 0 2.5 7.5 12.5 17.5 22.5 27.5 30" },
          { "resize_bilinear", 15, LINE("UNALIGN_CORNERS", "2"), "fp32[1,1,2] 5 25" },
          { "resize_bilinear", 15, LINE("CORNERS", "2"),
            "error: sampling_mode is \"CORNERS\"; it must be \"STRICT_ALIGN_CORNERS\"" });
}

static void test_resize(void **state)
{
    CHECK(
        { "resize", 17, "x=int32[3] 0 10 21; shape=int32[1] 6; resized_dims=uint32[] 1",
          "int32[6] 0 5 10 16 21 21" },
        { "resize", 17,
          "x=fp16[1,2,2] 0 4 8 12; shape=int16[2] 3 0; resized_dims=uint32[] 2; "
          "sampling_mode=string[] ALIGN_CORNERS",
          "fp16[1,3,2] 0 4 4 8 8 12" },
        { "resize", 17,
          "x=fp32[2,2] 1 2 3 4; shape=int32[2] 0 4; resized_dims=uint32[] 2; "
          "interpolation_mode=string[] NEAREST_NEIGHBOR; sampling_mode=string[] UNALIGN_CORNERS",
          "fp32[2,4] 1 1 2 2 3 3 4 4" },
        { "resize", 17, "x=fp32[2,1] 1 2; shape=int32[2] 7 0; resized_dims=uint32[] 1",
          "fp32[2,1] 1 2" },
        { "resize", 17, "x=fp32[2,3]; shape=int32[2]; resized_dims=uint32[] 1",
          "fp32[2,?]" },
        { "resize", 17, "x=fp32[2,?]; shape=int32[2] 5 0; resized_dims=uint32[] 2",
          "fp32[5,?]" },
        { "resize", 17, "x=fp32[2,3]; shape=int32[1] 5; resized_dims=uint32[] 2",
          "error: resized_dims is 2, shape has 1 elements and x is [2, 3]" },
        { "resize", 17, "x=fp32[2]; shape=int32[2] 5 5; resized_dims=uint32[] 1",
          "error: shape has 2 elements, x is [2]" },
        { "resize", 17, "x=fp32[2]; shape=int32[1] -1; resized_dims=uint32[] 1",
          "error: shape asks for a dimension of -1" },
        { "resize", 17, "x=fp32[0]; shape=int32[1] 2; resized_dims=uint32[] 1",
          "error: x is [0]; there is nothing to resize along dimension 0" });
}

static void test_upsample(void **state)
{
    CHECK(
        { "upsample_bilinear", 16,
          "x=fp32[1,1,2] 0 6; scale_factor_width=int32[] 3; "
          "scale_factor_height=int32[] 1; align_corners=bool[] 0; half_pixel_centers=bool[] 0",
          "fp32[1,1,6] 0 2 4 6 6 6" },
        { "upsample_bilinear", 16,
          "x=fp32[1,1,2] 0 6; scale_factor_width=int32[] 3; "
          "align_corners=bool[] 0; half_pixel_centers=bool[] 1",
          "fp32[1,1,6] 0 0 2 4 6 6" },
        { "upsample_bilinear", 15, "x=fp32[1,1,2] 0 5; scale_factor_width=int32[] 3",
          "fp32[1,1,6] 0 1 2 3 4 5" },
        { "upsample_bilinear", 15, "x=fp32[1,1,?]; scale_factor_height=int32[] 3",
          "fp32[1,3,?]" },
        { "upsample_bilinear", 16,
          "x=fp32[1,1,2]; align_corners=bool[] 1; "
          "half_pixel_centers=bool[] 1",
          "error: exclude each other" },
        { "upsample_nearest_neighbor", 15,
          "x=fp32[1,2,2] 1 2 3 4; scale_factor_height=fp32[] 1; "
          "scale_factor_width=fp32[] 2.5",
          "fp32[1,2,5] 1 1 1 2 2 3 3 3 4 4" },
        { "upsample_nearest_neighbor", 15,
          "x=fp32[1,1,10]; scale_factor_height=fp32[] 1; "
          "scale_factor_width=fp32[] 0.7",
          "fp32[1,1,7]" },
        { "upsample_nearest_neighbor", 15,
          "x=fp32[1,1,2]; scale_factor_height=fp32[] 1; "
          "scale_factor_width=fp32[] 0.25",
          "error: a dimension of 2 becomes 0" },
        { "upsample_nearest_neighbor", 15, "x=fp32[1,2]",
          "error: x is [1, 2]; it must be of rank 3" });
}

static void test_crop(void **state)
{
    CHECK(
        { "crop", 15,
          "x=fp16[2,2,2] 1 2 3 4 5 6 7 8; crop_height=int32[2] 1 0; "
          "crop_width=int32[2] 0 1",
          "fp16[2,1,1] 3 7" },
        { "crop", 15, "x=fp32[1,3,?]; crop_height=int32[2] 1 1; crop_width=int32[2] 0 1",
          "fp32[1,1,?]" },
        { "crop", 15, "x=fp32[1,3,3]; crop_height=int32[2] 2 2; crop_width=int32[2] 0 0",
          "error: crop_height takes 2 and 2 away from dimension 1 of [1, 3, 3]" });
}

#define AT(edge, coord, align, points, v) \
    "x=fp32[1,1,1,3] 1 2 3; coordinates=fp32[1,1," points ",2] " v \
    "; padding_value=fp32[] 9; " \
    "sampling_mode=string[] bilinear; padding_mode=string[] " edge \
    "; coordinates_mode=string[] " coord "; align_corners=bool[] " align

static void test_resample(void **state)
{
    CHECK(
        { "resample", 15,
          AT("constant", "unnormalized", "0", "4", "-1 0 -0.5 0 1.5 0 2.5 0"),
          "fp32[1,1,1,4] 9 5 2.5 6" },
        { "resample", 15, AT("border", "unnormalized", "1", "3", "-3 7 2.5 0 0 -9"),
          "fp32[1,1,1,3] 1 3 1" },
        { "resample", 15,
          AT("reflection", "unnormalized", "1", "6", "-1 0 -2 0 -3 0 3 0 4 0 5 0"),
          "fp32[1,1,1,6] 2 3 2 2 1 2" },
        { "resample", 15,
          AT("symmetric", "unnormalized", "1", "7", "-1 0 -2 0 -3 0 -4 0 3 0 4 0 6 0"),
          "fp32[1,1,1,7] 1 2 3 3 3 2 1" },
        { "resample", 15,
          AT("border", "normalized_minus_one_to_one", "1", "3", "-1 0 0 0 0.5 0"),
          "fp32[1,1,1,3] 1 2 2.5" },
        { "resample", 15,
          AT("border", "normalized_minus_one_to_one", "0", "3", "-1 0 0 0 0.5 0"),
          "fp32[1,1,1,3] 1 2 2.75" },
        { "resample", 15, AT("border", "normalized_zero_to_one", "1", "2", "0.25 0 1 0"),
          "fp32[1,1,1,2] 1.5 3" },
        { "resample", 15,
          AT("border", "normalized_zero_to_one", "0", "2", "0.25 0 0.5 0"),
          "fp32[1,1,1,2] 1.25 2" },
        { "resample", 17,
          "x=fp32[1,1,1,3] 1 2 3; coordinates=int8[1,1,2,2] 2 0 -1 0; "
          "padding_value=fp32[] 9; sampling_mode=string[] nearest; padding_mode=string[] constant; "
          "coordinates_mode=string[] unnormalized; align_corners=bool[] 1",
          "fp32[1,1,1,2] 3 9" },
        { "resample", 15,
          "x=fp32[1,1,1,3] 1 2 3; coordinates=fp32[1,1,3,2] 0.6 0 1.5 0 1.4 0.4; "
          "padding_value=fp32[] 9; sampling_mode=string[] nearest; padding_mode=string[] border; "
          "coordinates_mode=string[] unnormalized; align_corners=bool[] 1",
          "fp32[1,1,1,3] 2 3 2" },
        { "resample", 15, AT("zeros", "unnormalized", "0", "1", "0 0"),
          "error: padding_mode is \"zeros\"" },
        { "resample", 15,
          "x=fp32[2,1,1,3]; coordinates=fp32[1,1,3,2]; padding_value=fp32[] 9; "
          "sampling_mode=string[] nearest; padding_mode=string[] border; "
          "coordinates_mode=string[] unnormalized; align_corners=bool[] 1",
          "error: x is [2, 1, 1, 3] and coordinates is [1, 1, 3, 2]" });
}

#define AFFINE(batch, m, coord, align) \
    "x=fp32[" batch ",1,1,3] 1 2 3; transform_matrix=fp32[1,6] " m \
    "; output_height=int32[] 1; " \
    "output_width=int32[] 3; padding_value=fp32[] 0; sampling_mode=string[] bilinear; " \
    "padding_mode=string[] constant; coordinates_mode=string[] " coord "; " \
    "align_corners=bool[] " align

static void test_affine(void **state)
{
    CHECK(
        { "affine", 15, AFFINE("1", "1 0 0 0 1 0", "normalized_minus_one_to_one", "1"),
          "fp32[1,1,1,3] 1 2 3" },
        { "affine", 15, AFFINE("1", "1 0 0 0 1 0", "normalized_minus_one_to_one", "0"),
          "fp32[1,1,1,3] 1 2 3" },
        { "affine", 15, AFFINE("1", "-1 0 0 0 1 0", "normalized_minus_one_to_one", "1"),
          "fp32[1,1,1,3] 3 2 1" },
        { "affine", 15, AFFINE("1", "1 0 1 0 1 0", "normalized_minus_one_to_one", "1"),
          "fp32[1,1,1,3] 2 3 0" },
        { "affine", 15,
          AFFINE("1", "0.5 0 0.5 0 0 0", "Normalized_Minus_One_To_One", "1"),
          "fp32[1,1,1,3] 2 2.5 3" },
        { "affine", 15, AFFINE("1", "1 0 1 0 1 0", "unnormalized", "0"),
          "error: affine: sampling_mode is \"bilinear\", padding_mode \"constant\", padding_value 0 and "
          "coordinates_mode \"unnormalized\"; Core ML has" },
        { "affine", 18, AFFINE("1", "1 0 1 0 1 0", "normalized_zero_to_one", "1"),
          "error: coordinates_mode \"normalized_zero_to_one\"; Core ML has" },
        { "affine", 15, AFFINE("1", "1 0 0 0 1 0", "polar", "1"),
          "error: coordinates_mode" });
}

#define ROI(opset, shape, v, more) \
    { \
        "crop_resize", opset, \
            "x=fp32[2,1,2,3] 1 2 3 4 5 6 11 12 13 14 15 16; roi=fp32" shape " " v \
            "; target_height=int32[] 1; target_width=int32[] 2; " \
            "sampling_mode=string[] ALIGN_CORNERS; " more

#define BOXES(shape, v, more) \
    { \
        "crop_resize", 17, \
            "x=fp32[2,1,2,3] 1 2 3 4 5 6 11 12 13 14 15 16; boxes=fp32" shape " " v \
            "; target_height=int32[] 1; target_width=int32[] 2; " \
            "sampling_mode=string[] ALIGN_CORNERS; " more

static void test_crop_resize(void **state)
{
    CHECK(
        ROI(15, "[1,1,4,1,1]", "0 0 1 2", "spatial_scale=fp32[] 1"),
          "fp32[1,2,1,1,2] 2.5 4.5 12.5 14.5" },
        ROI(15, "[1,1,5,1,1]", "1 0 0 1 2", "spatial_scale=fp32[] 1"),
          "fp32[1,1,1,1,2] 12.5 14.5"
}
, ROI(15, "[1,1,5,1,1]", "2 0 0 1 2", "spatial_scale=fp32[] 1"),
    "error: a box names image 2; x holds 2"
}
, ROI(15, "[1,1,4,1,1]", "0 1 0 3", "spatial_scale=fp32[] 1"), "fp32[1,2,1,1,2] 2 3 12 13"
}
, ROI(16, "[1,1,4,1,1]", "0 1 0 3", "pad_value=fp32[] 7"), "fp32[1,2,1,1,2] 2 7 12 7"
}
, ROI(16, "[1,4]", "0 1 0 3", "pad_value=fp32[] 7"), "error: roi is [1, 4]"
}
, BOXES("[1,4]", "0 0 0 2", "box_indices=int32[1] 1"), "fp32[1,1,1,2] 11 13"
}
, BOXES("[1,4]", "0 0 2 0", "box_coordinate_mode=string[] CORNERS_WIDTH_FIRST"),
    "fp32[1,1,1,2] 1 3"
}
, BOXES("[1,4]", "1 1 0 2", "box_coordinate_mode=string[] CENTER_SIZE_HEIGHT_FIRST"),
    "fp32[1,1,1,2] 4 6"
}
, BOXES("[1,4]", "1 1 2 0", "box_coordinate_mode=string[] CENTER_SIZE_WIDTH_FIRST"),
    "fp32[1,1,1,2] 4 6"
}
, BOXES("[1,4]", "0 0.5 1 1", "normalized_coordinates=bool[] 1"), "fp32[1,1,1,2] 3.5 4.5"
}
, BOXES("[1,4]", "0 0 0 8", "spatial_scale=fp32[] 0.25"), "fp32[1,1,1,2] 1 3"
}
, BOXES("[1,4]", "0 2 0 0", "pad_value=fp32[] 0"), "fp32[1,1,1,2] 3 1"
}
, BOXES("[1,4]", "0 0 0 2", "box_indices=int32[1] 2"),
    "error: box_indices holds 2; x is [2, 1, 2, 3]"
}
,
    { "crop_resize", 17, "x=fp32[2,1,2,3]; boxes=fp32[2,4]; box_indices=uint16[2] 0 7",
      "error: box_indices holds 7; x is [2, 1, 2, 3]" },
    BOXES("[3,4]", "0", "pad_value=fp32[] 0"),
    "error: without box_indices box i is of image i"
}
, BOXES("[3,4]", "0", "box_indices=int32[2] 0 1"),
    "error: box_indices is [2], boxes is [3, 4]"
},
        { "crop_resize", 17, "x=fp32[2,1,2,3]; boxes=uint16[1,4]; normalized_coordinates=bool[] 1",
          "error: with normalized_coordinates it must be fp16 or fp32" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grids),       cmocka_unit_test(test_resize),
        cmocka_unit_test(test_upsample),    cmocka_unit_test(test_crop),
        cmocka_unit_test(test_resample),    cmocka_unit_test(test_affine),
        cmocka_unit_test(test_crop_resize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
