/* test_weights.c -- quantised, palettised, sparse weights in both spellings; recurrent ops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "calls.h"

static void test_quantize(void **state)
{
    CHECK({ "quantize", 17,
            "input=fp32[8] 0.5 1.5 2.5 -0.5 127.4 127.5 -128.5 -200; scale=fp32[] 1; "
            "output_dtype=string[] int8",
            "int8[8] 0 2 2 0 127 127 -128 -128" },
          { "quantize", 17,
            "input=fp16[4] -1 0 255 300; scale=fp16[] 1; output_dtype=string[] uint8",
            "uint8[4] 0 0 255 255" },
          { "quantize", 17,
            "input=fp32[2,2] 1 1 -1 -1; scale=fp32[2] 0.5 0.25; axis=int32[] -1; "
            "zero_point=uint8[2] 10 1; output_dtype=string[] uint8",
            "uint8[2,2] 12 5 8 0" },
          { "quantize", 17,
            "input=fp32[2,2] 1 1 -1 -1; scale=fp32[2] 0.5 0.25; axis=int32[] 0; "
            "output_dtype=string[] int8",
            "int8[2,2] 2 2 -4 -4" },
          { "quantize", 17, "input=fp32[?,2]; scale=fp32[] 1; output_dtype=string[] int8",
            "int8[?,2]" },
          { "quantize", 17, "input=fp32[2]; scale=fp32[] 1; output_dtype=string[] int4",
            "error: output_dtype is \"int4\"; it must be \"int8\" or \"uint8\"" },
          { "quantize", 17,
            "input=fp32[2]; scale=fp32[] 1; zero_point=uint8[] 1; "
            "output_dtype=string[] int8",
            "error: zero_point is uint8 but output_dtype is \"int8\"" },
          { "quantize", 17,
            "input=fp32[2,3]; scale=fp32[2] 1; axis=int32[] 1; "
            "output_dtype=string[] int8",
            "error: scale is [2] where dimension 1 of [2, 3] has 3 elements" },
          { "quantize", 17,
            "input=fp32[2,3]; scale=fp32[3] 1; output_dtype=string[] int8",
            "error: scale is [3]: a vector needs the parameter axis" },
          { "dequantize", 17,
            "input=int8[3] -128 0 127; scale=fp16[] 0.5; zero_point=int8[] -128",
            "fp16[3] 0 64 127.5" },
          { "dequantize", 17,
            "input=uint8[2,1,2] 1 2 3 4; scale=fp32[2] 1 10; axis=int32[] 0",
            "fp32[2,1,2] 1 2 30 40" },
          { "dequantize", 17, "input=uint8[2]; scale=fp32[2] 1; axis=int32[] 1",
            "error: axis 1 is outside a tensor of rank 1" });
}

static void test_affine(void **state)
{
    CHECK(
        { "constexpr_affine_dequantize", 16,
          "quantized_data=uint8[2,2] 0 1 2 255; "
          "zero_point=uint8[2] 1 2; scale=fp16[] 2; axis=int32[] 1",
          "fp16[2,2] -2 -2 2 506" },
        { "constexpr_affine_dequantize", 16,
          "quantized_data=int8[1,2] 4 8; zero_point=fp32[] 0.5; "
          "scale=fp32[2] 1 2; axis=int32[] 1",
          "fp32[1,2] 3.5 15" },
        { "constexpr_affine_dequantize", 16,
          "quantized_data=int8[2] -4 4; zero_point=uint8[] 200; "
          "scale=fp32[] 1; axis=int32[] 0",
          "fp32[2] -204 -196" },
        { "constexpr_affine_dequantize", 16,
          "quantized_data=uint8[2] 255 4; zero_point=int8[2] -1 1; "
          "scale=fp32[] 1; axis=int32[] 0",
          "fp32[2] 256 3" },
        { "quantize", 17,
          "input=fp32[2]; scale=fp32[] 1; axis=int32[] 0; output_dtype=string[] int8",
          "error: scale is a scalar, so the parameter axis must not be given" },
        { "dequantize", 17, "input=int8[2]; scale=fp32[] 1; axis=int32[] 0",
          "error: scale is a scalar, so the parameter axis must not be given" },
        { "dequantize", 17,
          "input=int8[2]; scale=fp32[2] 1 2; axis=int32[] 0; zero_point=int8[] 1",
          "error: zero_point is [] and scale is [2]; both must be scalars, or both vectors" },
        { "constexpr_cast", 16,
          "source_val=fp16[2] 1.5 -65504; output_dtype=string[] fp32",
          "fp32[2] 1.5 -65504" },
        { "constexpr_cast", 18, "source_val=fp16[2] 1; output_dtype=string[] int8",
          "error: output_dtype is \"int8\"; it must be \"fp32\"" },
        { "constexpr_cast", 16, "source_val=fp16[2] 1; output_dtype=string[] fp16",
          "error: output_dtype is \"fp16\"; it must be \"fp32\"" });
}

static void test_blocks(void **state)
{
    CHECK({ "constexpr_blockwise_shift_scale", 18,
            "data=int4[2,4] -8 7 1 2 3 4 5 6; "
            "scale=fp16[2,2] 1 2 3 4",
            "fp16[2,4] -8 7 2 4 9 12 20 24" },
          { "constexpr_blockwise_shift_scale", 18,
            "data=uint4[4,1] 15 1 2 3; scale=fp32[2,1] 1 10; "
            "offset=uint4[2,1] 15 1",
            "fp32[4,1] 0 -14 10 20" },
          { "constexpr_blockwise_shift_scale", 18,
            "data=uint8[1,2] 200 100; scale=fp32[1,2] 1 2; "
            "offset=fp16[1,2] 0.5 0",
            "fp32[1,2] 199.5 200" },
          { "constexpr_blockwise_shift_scale", 18, "data=int8[1,4] 1; scale=fp32[1,3] 1",
            "error: data is [1, 4] and scale is [1, 3]" },
          { "constexpr_blockwise_shift_scale", 18, "data=int8[1,4] 1; scale=fp32[4] 1",
            "error: scale must have the same rank" },
          { "constexpr_blockwise_shift_scale", 18,
            "data=int8[4] 1; scale=fp32[2] 1; "
            "offset=int8[4] 1",
            "error: offset is [4] but scale is [2]" },
          { "constexpr_blockwise_shift_scale", 18,
            "data=int8[4] 1; scale=fp32[2] 1; "
            "offset=uint8[2] 1",
            "error: offset is uint8; it must be a float type or int8 as the data" },
          { "constexpr_sparse_blockwise_shift_scale", 18,
            "data_mask=uint1[2,2] 0 1 1 1; "
            "nonzero_data=int4[3] 1 -2 3; scale=fp32[2,1] 2 10",
            "uint1[2,2] 0 1 1 1; fp32[3] 2 -20 30" },
          { "constexpr_sparse_blockwise_shift_scale", 18,
            "data_mask=uint1[2,2] 0 1 1 1; "
            "nonzero_data=int4[2] 1 2; scale=fp32[2,1] 2 10",
            "error: data_mask has 3 bits set, nonzero_data is [2]" });
}

static void test_sparse(void **state)
{
    CHECK({ "constexpr_sparse_to_dense", 16,
            "mask=uint8[2] 129 2; nonzero_data=fp16[3] 1 2 3; "
            "shape=uint32[2] 2 5",
            "fp16[2,5] 1 0 0 0 0 0 0 2 0 3" },
          { "constexpr_sparse_to_dense", 18,
            "mask=uint1[3] 0 1 1; nonzero_data=int4[2] -3 4", "int4[3] 0 -3 4" },
          { "constexpr_sparse_to_dense", 16,
            "mask=uint8[1] 7; nonzero_data=fp16[2] 1 2; "
            "shape=uint32[1] 8",
            "error: mask has 3 bits set, nonzero_data is [2]" },
          { "constexpr_sparse_to_dense", 16,
            "mask=uint8[2] 7; nonzero_data=fp16[3] 1 2 3; "
            "shape=uint32[1] 8",
            "error: mask is [2]; shape [8] with 1 bits an element takes [1]" },
          { "constexpr_sparse_to_dense", 18, "mask=uint1[3] 0; nonzero_data=int8[2,1] 0",
            "error: nonzero_data is [2, 1]; it must be of rank 1" });
}

static void test_tables(void **state)
{
    CHECK(
        { "constexpr_lut_to_dense", 16,
          "indices=uint8[1] 6; lut=fp16[2] 5 7; "
          "shape=uint32[3] 1 3 1",
          "fp16[1,3,1] 5 7 7" },
        { "constexpr_lut_to_dense", 16,
          "indices=uint8[1] 228; lut=int8[4] 1 -2 3 -4; "
          "shape=uint32[1] 4",
          "int8[4] 1 -2 3 -4" },
        { "constexpr_lut_to_dense", 16,
          "indices=uint8[2] 209 5; lut=fp32[8] 0 1 2 3 4 5 6 7; "
          "shape=uint32[1] 4",
          "error: lut is [8]; it must be of 2, 4, 16, 64 or 256 values" },
        { "constexpr_lut_to_dense", 16,
          "indices=uint8[2] 33 3; shape=uint32[1] 3; "
          "lut=fp32[16] 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
          "fp32[3] 1 2 3" },
        { "constexpr_lut_to_dense", 16,
          "indices=uint8[2] 0; shape=uint32[1] 4; lut=fp32[5] 0",
          "error: lut is [5]; it must be of 2, 4, 16, 64 or 256 values" },
        { "constexpr_lut_to_dense", 16,
          "indices=uint8[2] 0; shape=uint32[1] 4; lut=fp32[4] 0",
          "error: indices is [2]; shape [4] with 2 bits an element takes [1]" },
        { "constexpr_lut_to_dense", 18,
          "indices=uint2[2,2] 0 1 2 3; "
          "lut=fp16[2,1,4,1] 1 2 3 4 5 6 7 8",
          "fp16[2,2] 1 2 7 8" },
        { "constexpr_lut_to_dense", 18,
          "indices=uint1[2,2] 0 1 1 1; vector_axis=int32[] 1; "
          "lut=fp16[1,1,2,3] 1 2 3 4 5 6",
          "fp16[2,6] 1 2 3 4 5 6 4 5 6 4 5 6" },
        { "constexpr_lut_to_dense", 18,
          "indices=uint1[2,2] 0 1 1 1; vector_axis=int32[] -2; "
          "lut=fp16[1,2,2,2] 1 2 3 4 5 6 7 8",
          "fp16[4,2] 1 7 2 8 3 7 4 8" },
        { "constexpr_lut_to_dense", 18, "indices=uint2[2] 0; lut=fp16[1,2,1] 0",
          "error: lut is [1, 2, 1]; with uint2 indices it must be [.., 4, values an entry]" },
        { "constexpr_lut_to_dense", 18, "indices=uint1[2] 0; lut=fp16[1,2,2] 0",
          "error: entries of 2 values need the parameter vector_axis" },
        { "constexpr_lut_to_dense", 18, "indices=uint1[3] 0; lut=fp16[2,2,1] 0",
          "error: indices is [3] and lut is [2, 2, 1]" },
        { "constexpr_lut_to_sparse", 18,
          "indices_mask=uint1[2,2] 1 0 1 1; "
          "indices_nonzero_data=uint1[3] 1 0 1; lut=fp16[2,1,2,1] 1 2 3 4",
          "uint1[2,2] 1 0 1 1; fp16[3] 2 3 4" },
        { "constexpr_lut_to_sparse", 18,
          "indices_mask=uint1[2,2] 1 0 1 1; vector_axis=int32[] 0; "
          "indices_nonzero_data=uint1[3] 1 0 1; lut=fp16[1,1,2,2] 1 2 3 4",
          "uint1[4,2] 1 0 1 0 1 1 1 1; fp16[6] 3 4 1 3 2 4" },
        { "constexpr_lut_to_sparse", 18,
          "indices_mask=uint1[2,2] 1 0 1 1; "
          "indices_nonzero_data=uint1[2] 1; lut=fp16[1,1,2,1] 1",
          "error: indices_mask has 3 bits set, indices_nonzero_data is [2]" });
}

/* ---- recurrent --------------------------------------------------------------------------- */

static void test_recurrent(void **state)
{
    CHECK(
        { "rnn", 17,
          "x=fp16[2,1,1] 1 2; initial_h=fp16[1,1] 0; weight_ih=fp16[1,1] 1; "
          "weight_hh=fp16[1,1] 2; activation=string[] linear; output_sequence=bool[] 1",
          "fp16[2,1,1] 1 4; fp16[1,1] 4" },
        { "gru", 18,
          "x=fp32[1,1,1] 1; initial_h=fp32[1,1] 2; weight_ih=fp32[3,1] 0 1 0; "
          "weight_hh=fp32[3,1] 0 3 0; bias=fp32[3] 0 4 0; input_bias=fp32[3] 0 5 0; "
          "activation=string[] linear; reset_after=bool[] 1",
          "fp32[1,1,1] 6.5; fp32[1,1] 6.5" },
        { "gru", 18,
          "x=fp32[1,1,1] 1; initial_h=fp32[1,1] 2; weight_ih=fp32[3,1] 0 1 0; "
          "weight_hh=fp32[3,1] 0 3 0; bias=fp32[3] 0 4 0; activation=string[] linear",
          "fp32[1,1,1] 5; fp32[1,1] 5" },
        { "lstm", 17,
          "x=fp32[2,1,1] 1 2; initial_h=fp32[1,2] 0; initial_c=fp32[1,2] 0; "
          "weight_ih=fp32[4,1] 0 0 0 1; weight_hh=fp32[4,1] 0; weight_ih_back=fp32[4,1] 0 0 0 2; "
          "weight_hh_back=fp32[4,1] 0; direction=string[] bidirectional; "
          "activation=string[] linear; "
          "cell_activation=string[] linear; output_sequence=bool[] 1",
          "fp32[2,1,2] 0.25 1 0.625 1; fp32[1,2] 0.625 1; fp32[1,2] 1.25 2" },
        { "lstm", 17,
          "x=fp32[?,?,3]; initial_h=fp32[?,2]; initial_c=fp32[?,2]; "
          "weight_ih=fp32[8,3] 0; weight_hh=fp32[8,2] 0; output_sequence=bool[] 1",
          "fp32[?,?,2]; fp32[?,2]; fp32[?,2]" },
        { "lstm", 17,
          "x=fp32[2,1,1]; initial_h=fp32[1,2]; initial_c=fp32[1,2]; "
          "weight_ih=fp32[4,1] 0; weight_hh=fp32[4,1] 0; direction=string[] bidirectional",
          "error: needs weight_ih_back and weight_hh_back" },
        { "lstm", 17,
          "x=fp32[2,1,1]; initial_h=fp32[1,1]; initial_c=fp32[1,1]; "
          "weight_ih=fp32[3,1] 0; weight_hh=fp32[4,1] 0",
          "error: weight_ih is [3, 1] where [4, 1] is needed" },
        { "gru", 17,
          "x=fp32[2,1,1]; initial_h=fp32[1,1]; weight_ih=fp32[3,1] 0; "
          "weight_hh=fp32[3,1] 0; direction=string[] bidirectional",
          "error: it must be \"forward\" or \"reverse\"" },
        { "rnn", 17,
          "x=fp32[2,1,1]; initial_h=fp32[1,1]; weight_ih=fp32[1,1] 0; "
          "weight_hh=fp32[1,1] 0; activation=string[] swish",
          "error: activation is \"swish\"; it must be \"hard_sigmoid\"" },
        { "rnn", 17,
          "x=fp32[2,1]; initial_h=fp32[1,1]; weight_ih=fp32[1,1] 0; "
          "weight_hh=fp32[1,1] 0",
          "error: x is [2, 1]; it must be [steps, batch, features]" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantize), cmocka_unit_test(test_affine),
        cmocka_unit_test(test_blocks),   cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_tables),   cmocka_unit_test(test_recurrent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
