/* test_math.c -- elementwise ops, reductions, norms, products: edges and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../ir/ops/eval.h"
#include "calls.h"

static void test_unary(void **state)
{
    CHECK({ "abs", 15, "x=int32[2] -2147483648 7", "int32[2] -2147483648 7" },
          { "abs", 15, "x=fp32[0,3]", "fp32[0,3]" },
          { "round", 15, "x=fp32[5] -2.5 -1.5 -0.5 0.5 1.5", "fp32[5] -2 -2 -0 0 2" },
          { "sign", 15, "x=fp32[4] -inf -0 0 inf", "fp32[4] -1 0 0 1" },
          { "exp", 15, "x=fp16[3] 11 12 -20", "fp16[3] 59872 inf 0" },
          { "exp2", 15, "x=int32[5] 31 32 64 -1 0", "int32[5] -2147483648 0 0 0 1" },
          { "square", 15, "x=int32[] 65537", "int32[] 131073" },
          { "log", 15, "x=fp32[2] 0 1", "fp32[2] -103.279 0" },
          { "log", 15, "x=fp16[1] 0", "fp16[1] -inf" },
          { "log", 17, "x=fp16[1] 0; epsilon=fp32[] 0.5", "fp16[1] -0.693359" },
          { "log", 15, "x=fp16[1] 0; epsilon=fp32[] 0.5",
            "error: element types must agree" },
          { "rsqrt", 15, "x=fp32[2] 0 4", "fp32[2] 1e+06 0.5" },
          { "inverse", 15, "x=fp32[2] 0 -0.0001", "fp32[2] 10000 inf" },
          { "clip", 15, "x=fp32[3] inf nan -inf; alpha=fp32[] 0; beta=fp32[] 1",
            "fp32[3] 1 nan 0" },
          { "threshold", 15, "x=int32[2] -5 5; alpha=int32[] 2147483647",
            "int32[2] 2147483647 2147483647" },
          { "erf", 15, "x=fp32[?,4]", "fp32[?,4]" });
}

static void test_cast(void **state)
{
    CHECK(
        { "cast", 15, "x=fp32[4] -1.9 1.9 1e30 nan; dtype=string[] int32",
          "int32[4] -1 1 2147483647 0" },
        { "cast", 17, "x=fp32[4] -1.9 255.9 256 -200; dtype=string[] uint8",
          "uint8[4] 0 255 255 0" },
        { "cast", 17, "x=fp16[2] -inf inf; dtype=string[] int8", "int8[2] -128 127" },
        { "cast", 17, "x=int32[3] 300 -1 -129; dtype=string[] uint8",
          "uint8[3] 44 255 127" },
        { "cast", 15, "x=fp32[4] 0 -0 0.001 nan; dtype=string[] bool",
          "bool[4] 0 0 1 1" },
        { "cast", 15, "x=int32[3] 0 256 -1; dtype=string[] bool", "bool[3] 0 1 1" },
        { "cast", 15, "x=bool[2] 1 0; dtype=string[] fp16", "fp16[2] 1 0" },
        { "cast", 15, "x=int32[2] 16777217 65520; dtype=string[] fp16",
          "fp16[2] inf inf" },
        { "cast", 15, "x=int32[1] 16777217; dtype=string[] fp32", "fp32[1] 1.67772e+07" },
        { "cast", 15, "x=fp32[] 2.5; dtype=string[] int32", "int32[] 2" },
        { "cast", 18, "x=fp32[] 2.5; dtype=string[] int64",
          "error: dtype \"int64\" is none that can be cast to; the types are bool, fp16, fp32, int32, and "
          "from ios17 on int8, uint8, int16 and uint16" },
        { "cast", 15, "x=fp32[] 2.5; dtype=string[] fp64",
          "error: dtype \"fp64\" is none" },
        { "cast", 18, "x=fp32[] 2.5; dtype=string[] uint32",
          "error: dtype \"uint32\" is none" },
        { "cast", 15, "x=fp32[1] 2; dtype=string[] text", "error: can be cast to" },
        { "cast", 15, "x=fp32[1] 2; dtype=string[] string", "error: can be cast to" });
}

static void test_binary(void **state)
{
    CHECK(
        { "add", 15, "x=fp32[] 1; y=fp32[] 2", "fp32[] 3" },
        { "add", 15, "x=int32[] 2147483647; y=int32[1] 1", "int32[1] -2147483648" },
        { "add", 15, "x=fp32[2,1] 1 2; y=fp32[1,3] 10 20 30",
          "fp32[2,3] 11 21 31 12 22 32" },
        { "add", 15, "x=fp32[2,1,2] 1 2 3 4; y=fp32[3,1] 10 20 30",
          "fp32[2,3,2] 11 12 21 22 31 32 13 14 23 24 33 34" },
        { "add", 15, "x=fp32[0,1]; y=fp32[1,3] 1 2 3", "fp32[0,3]" },
        { "add", 15, "x=fp32[?,3]; y=fp32[1,1,1]", "fp32[1,?,3]" },
        { "add", 15, "x=fp32[?]; y=fp32[5]", "fp32[5]" },
        { "add", 15, "x=fp32[2,3] 1; y=fp32[4,5] 1", "error: x is [2, 3], y is [4, 5]" },
        { "add", 15, "x=fp32[1] 1; y=int32[1] 1", "error: element types must agree" },
        { "mul", 15, "x=int32[] 65536; y=int32[] 65537", "int32[] 65536" },
        { "real_div", 15, "x=fp32[3] 1 -1 0; y=fp32[] 0", "fp32[3] inf -inf nan" },
        { "floor_div", 15, "x=fp32[4] 7 -7 7 -7; y=fp32[4] 2 2 -2 -2",
          "fp32[4] 3 -4 -4 3" },
        { "floor_div", 15, "x=int32[1] -2147483648; y=int32[1] -1",
          "int32[1] -2147483648" },
        { "floor_div", 15, "x=fp32[2] 1 -1; y=fp32[] inf", "fp32[2] 0 -1" },
        { "mod", 15, "x=int32[5] 7 -7 7 -7 3; y=int32[5] 3 3 -3 -3 0",
          "int32[5] 1 2 -2 -1 0" },
        { "mod", 15, "x=fp32[2] -1 6; y=fp32[2] inf 3", "fp32[2] inf 0" },
        { "pow", 15, "x=fp32[4] -8 0 2 -2; y=fp32[4] 2 0 0.5 3",
          "fp32[4] 64 1 1.41421 -8" },
        { "pow", 15, "x=int32[4] 0 -1 -1 3; y=int32[4] 0 -3 -2 21",
          "int32[4] 1 -1 1 1870418611" },
        { "maximum", 15, "x=fp32[2] 1 nan; y=fp32[2] nan 1", "fp32[2] nan nan" },
        { "minimum", 15, "x=int32[2] -1 5; y=int32[] 2", "int32[2] -1 2" },
        { "equal", 15, "x=fp32[3] nan 0 2; y=fp32[3] nan -0 3", "bool[3] 0 1 0" },
        { "not_equal", 15, "x=int32[2] 1 2; y=int32[] 1", "bool[2] 0 1" },
        { "logical_xor", 15, "x=bool[2,1] 1 0; y=bool[2] 1 0", "bool[2,2] 0 1 1 0" });
}

static void test_select(void **state)
{
    CHECK({ "select", 15, "cond=bool[] 1; a=fp32[2] 1 2; b=fp32[] 9", "fp32[2] 1 2" },
          { "select", 15, "cond=bool[2,1] 1 0; a=fp16[3] 1 2 3; b=fp16[1,1] 0",
            "fp16[2,3] 1 2 3 0 0 0" },
          { "select", 15, "cond=bool[3] 0 1 0; a=bool[] 1; b=bool[] 0", "bool[3] 0 1 0" },
          { "select", 15, "cond=bool[?]; a=fp32[?,2]; b=fp32[3,1]", "fp32[3,2]" },
          { "select", 15, "cond=bool[4] 1; a=fp32[2] 1; b=fp32[2] 1",
            "error: cond is [4]" });
}

static void test_activation(void **state)
{
    CHECK(
        { "relu", 15, "x=fp32[3] -1 nan 2", "fp32[3] 0 nan 2" },
        { "sigmoid", 15, "x=fp32[3] -1000 0 1000", "fp32[3] 0 0.5 1" },
        { "softplus", 15, "x=fp32[3] -1000 0 1000", "fp32[3] 0 0.693147 1000" },
        { "gelu", 15, "x=fp32[2] -10 1", "fp32[2] -7.61985e-23 0.841345" },
        { "gelu", 15, "x=fp32[1] 1; mode=string[] SIGMOID_APPROXIMATION",
          "fp32[1] 0.845796" },
        { "gelu", 15, "x=fp32[1] 1; mode=string[] TANH_APPROXIMATION",
          "fp32[1] 0.841192" },
        { "gelu", 15, "x=fp32[1] 1; mode=string[] exact", "error: it must be \"EXACT\"" },
        { "prelu", 17, "x=fp16[1,2,1,1] -1 -2; alpha=fp32[2] 0.5 0.25",
          "fp16[1,2,1,1] -0.5 -0.5" },
        { "prelu", 15, "x=fp32[1,2,1] 1; alpha=fp32[3] 1",
          "error: alpha is [3] where x" },
        { "prelu", 15, "x=fp32[1,2,1] -1 -2; alpha=fp32[2] 0.5 0.5",
          "fp32[1,2,1] -0.5 -1" },
        { "prelu", 15, "x=fp32[1,2,1,1,1]; alpha=fp32[2] 0.5 0.25",
          "error: x is [1, 2, 1, 1, 1]; the numbers of alpha may differ where x is of rank 4 alone" },
        { "prelu", 15, "x=fp32[1,2,1,1,1,1]; alpha=fp32[2] 0.5 0.5",
          "error: it must be of rank 3 to 5" },
        { "prelu", 15, "x=fp32[3] 1; alpha=fp32[3] 1", "error: no second dimension" },
        { "softmax", 15, "x=fp32[2,2] 1000 1000 inf 0", "fp32[2,2] 0.5 0.5 nan nan" },
        { "softmax", 15, "x=fp32[2,1] 3 3; axis=int32[] -2", "fp32[2,1] 0.5 0.5" },
        { "softmax", 15, "x=fp32[2,1] 3 3; axis=int32[] 2", "error: axis 2 is outside" },
        { "softmax", 15, "x=fp32[?,0]; axis=int32[] -1", "fp32[?,0]" });
}

static void test_reduce(void **state)
{
    CHECK({ "reduce_sum", 15, "x=fp32[2,3] 1 2 3 4 5 6", "fp32[] 21" },
          { "reduce_sum", 15, "x=fp32[2,3] 1 2 3 4 5 6; keep_dims=bool[] 1",
            "fp32[1,1] 21" },
          { "reduce_sum", 15, "x=fp32[2,1,2] 1 2 3 4; axes=int32[2] -1 0", "fp32[1] 10" },
          { "reduce_sum", 15,
            "x=fp32[2,1,2] 1 2 3 4; axes=int32[1] 0; keep_dims=bool[] 1",
            "fp32[1,1,2] 4 6" },
          { "reduce_sum", 15, "x=fp32[2] 1 2; axes=int32[0]", "fp32[2] 1 2" },
          { "reduce_sum", 15, "x=fp32[] 5", "fp32[] 5" },
          { "reduce_sum", 15, "x=fp32[2,0]; axes=int32[1] 1", "fp32[2] 0 0" },
          { "reduce_sum", 15, "x=int32[2] 2147483647 1", "int32[] -2147483648" },
          { "reduce_sum", 15, "x=fp16[3] 2048 1 1", "fp16[] 2050" },
          { "reduce_prod", 15, "x=fp32[0]", "fp32[] 1" },
          { "reduce_max", 15, "x=fp32[0]", "fp32[] -inf" },
          { "reduce_max", 15, "x=fp32[3] 1 nan 3", "fp32[] nan" },
          { "reduce_min", 15, "x=int32[3] 1 -7 3; axes=int32[1] 0", "int32[] -7" },
          { "reduce_mean", 15, "x=int32[2] -3 -4", "int32[] -3" },
          { "reduce_l2_norm", 15, "x=int32[2] 3 4", "int32[] 5" },
          { "reduce_log_sum_exp", 15, "x=fp32[2] -inf -inf", "fp32[] -inf" },
          { "reduce_log_sum_exp", 15, "x=fp32[2] 10000 10000", "fp32[] 10000.7" },
          { "reduce_sum", 15, "x=fp32[?,3]; axes=int32[1] 1", "fp32[?]" },
          { "reduce_sum", 15, "x=fp32[2,3] 1; axes=int32[2] 1 -1",
            "error: names axis 1 twice" },
          { "reduce_sum", 15, "x=fp32[2,3] 1; axes=int32[1] -3",
            "error: axes -3 is outside" },
          { "reduce_argmax", 15, "x=fp32[4] 1 5 5 nan", "int32[] 3" },
          { "reduce_argmax", 17,
            "x=fp32[2,2] 1 5 5 1; axis=int32[] 0; output_dtype=string[] uint16",
            "uint16[2] 1 0" },
          { "reduce_argmin", 15, "x=int32[2,2] 1 1 2 1; keep_dims=bool[] 1",
            "int32[2,1] 0 1" },
          { "reduce_argmin", 15, "x=int32[2,0]", "error: has no element" },
          { "reduce_argmax", 17, "x=fp32[2] 1; output_dtype=string[] fp32",
            "error: output_dtype is \"fp32\"; it must be \"int32\" or \"uint16\"" });
}

static void test_norm(void **state)
{
    CHECK({ "layer_norm", 15, "x=fp32[2,2] 0 2 4 6",
            "fp32[2,2] -1.34164 -0.447213 0.447213 1.34164" },
          { "layer_norm", 15,
            "x=fp32[2,2] 0 2 4 8; axes=int32[1] 0; gamma=fp32[2] 1 2; beta=fp32[2] 0 1",
            "fp32[2,2] -0.999999 -0.999999 3 3" },
          { "layer_norm", 17, "x=fp16[1,2] 1 3; axes=int32[1] -1; gamma=fp32[2] 2 4",
            "fp16[1,2] -2 4" },
          { "layer_norm", 15,
            "x=fp32[1,1,2] 1 3; axes=int32[2] -1 -2; gamma=fp32[2,1] 1 2",
            "fp32[1,1,2] -0.999995 1.99999" },
          { "layer_norm", 15, "x=fp32[2,3] 1; axes=int32[1] 1; gamma=fp32[2] 1",
            "error: gamma is [2]" },
          { "instance_norm", 15, "x=fp32[1,1,2,1] 1 3; epsilon=fp32[] 3",
            "fp32[1,1,2,1] -0.5 0.5" },
          { "instance_norm", 15, "x=fp32[1,2] 1 3", "error: rank must be 3 to 5" },
          { "batch_norm", 15,
            "x=fp32[2,1,1] 1 3; mean=fp32[1] 1; variance=fp32[1] 3; "
            "epsilon=fp32[] 1; beta=fp32[1] 10",
            "fp32[2,1,1] 10 11" },
          { "batch_norm", 15, "x=fp32[?,4,?]; mean=fp32[4]; variance=fp32[4] 1",
            "error: mean must be a constant" },
          { "l2_norm", 15, "x=fp32[2,1,1,2] 3 4 0 0", "fp32[2,1,1,2] 0.6 0.8 0 0" },
          { "l2_norm", 15, "x=fp32[1,2] 3 4", "error: rank" },
          { "local_response_norm", 15,
            "x=fp32[1,3,1] 1 2 3; size=int32[] 2; alpha=fp32[] 2; "
            "beta=fp32[] 1; k=fp32[] 0",
            "fp32[1,3,1] 1 0.4 0.230769" },
          { "local_response_norm", 15, "x=fp32[1,3,1] 1 2 3; size=int32[] 0",
            "error: at least 1" });
}

static void test_matmul(void **state)
{
    CHECK(
        { "matmul", 15, "x=fp32[3] 1 2 3; y=fp32[3] 4 5 6", "fp32[] 32" },
        { "matmul", 15, "x=fp32[2] 1 2; y=fp32[2,3] 1 2 3 4 5 6", "fp32[3] 9 12 15" },
        { "matmul", 15, "x=fp32[2,2] 1 2 3 4; y=fp32[2] 1 10", "fp32[2] 21 43" },
        { "matmul", 15,
          "x=fp32[2] 1 2; y=fp32[2] 1 10; transpose_x=bool[] 1; transpose_y=bool[] 1",
          "fp32[] 21" },
        { "matmul", 15,
          "x=fp32[2,1] 1 2; y=fp32[1,2] 1 10; transpose_x=bool[] 1; "
          "transpose_y=bool[] 1",
          "fp32[1,1] 21" },
        { "matmul", 15, "x=fp32[2,1,1,2] 1 2 3 4; y=fp32[2,2,1] 1 1 1 0",
          "fp32[2,2,1,1] 3 1 7 3" },
        { "matmul", 15, "x=fp32[2] 1 1; y=fp32[3,2,1] 1 2 3 4 5 6", "fp32[3,1] 3 7 11" },
        { "matmul", 15, "x=int32[1,2] 2147483647 2; y=int32[2,1] 2 1", "int32[1,1] 0" },
        { "matmul", 15, "x=fp16[1,3] 2048 1 1; y=fp16[3,1] 1 1 1", "fp16[1,1] 2050" },
        { "matmul", 17, "x=fp16[1,1]; y=fp32[1,1] 0.5", "fp16[1,1]" },
        { "matmul", 17, "x=fp16[1,1] 3; y=fp32[1,1] 0.5",
          "error: their element types may differ where one" },
        { "matmul", 17, "x=fp32[2,1] 3; y=fp16[1,?]", "fp16[2,?]" },
        { "matmul", 17, "x=int32[2,?]; y=fp16[3,1] 1", "int32[2,1]" },
        { "matmul", 15, "x=fp32[2,0]; y=fp32[0,2]", "fp32[2,2] 0 0 0 0" },
        { "matmul", 15, "x=fp32[?,?,4]; y=fp32[4,5]", "fp32[?,?,5]" },
        { "matmul", 15, "x=fp32[2,3] 1; y=fp32[4,5] 1",
          "error: x is [2, 3], y is [4, 5]" },
        { "matmul", 15, "x=fp32[2,1] 1; y=fp32[4,5] 1",
          "error: inner sizes differ, 1 and 4" },
        { "matmul", 15, "x=fp32[2,1,3] 1; y=fp32[5,3,1] 1", "error: batch dimensions" },
        { "matmul", 15, "x=fp32[] 1; y=fp32[1] 1", "error: scalar" },
        { "linear", 15, "x=fp32[2] 1 2; weight=fp32[1,2] 3 4", "fp32[1] 11" },
        { "linear", 15,
          "x=int32[1,1,2] 1 2; weight=int32[2,2] 3 4 5 6; bias=int32[2] 1 -1",
          "int32[1,1,2] 12 16" },
        { "linear", 17, "x=fp16[1,1] 1; weight=fp32[1,1] 2; bias=fp32[1] 0.5",
          "fp16[1,1] 2.5" },
        { "linear", 15, "x=fp32[2,3] 1; weight=fp32[4,2] 1",
          "error: x is [2, 3], weight is [4, 2]" },
        { "linear", 15, "x=fp32[2,2] 1; weight=fp32[4,2] 1; bias=fp32[3] 1",
          "error: bias is [3]" });
}

static void test_einsum(void **state)
{
    CHECK(
        { "einsum", 15,
          "values=fp32[1,2,1,2] 1 2 3 4,fp32[1,2,2,1] 1 1 1 0; "
          "equation=string[] nchw,nwhu->nchu",
          "fp32[1,2,2,1] 3 1 7 3" },
        { "einsum", 15, "values=fp32[2,2] 1 2 3 4; equation=string[] ij->ji",
          "fp32[2,2] 1 3 2 4" },
        { "einsum", 15, "values=fp32[2,2] 1 2 3 4; equation=string[] ii", "fp32[] 5" },
        { "einsum", 15, "values=fp32[2,2] 1 2 3 4; equation=string[] ii->i",
          "fp32[2] 1 4" },
        { "einsum", 15, "values=fp32[2,2] 1 2 3 4; equation=string[] ij->", "fp32[] 10" },
        { "einsum", 15, "values=fp32[2] 1 2,fp32[3] 1 2 3; equation=string[] b,a",
          "fp32[3,2] 1 2 2 4 3 6" },
        { "einsum", 15,
          "values=fp32[2] 1 2,fp32[2] 3 4,fp32[2] 5 6; equation=string[] i,i,i->i",
          "fp32[2] 15 48" },
        { "einsum", 15,
          "values=fp32[2] 1 2,fp32[2] 3 4,fp32[2] 5 6; equation=string[] a,b,a->b",
          "fp32[2] 51 68" },
        { "einsum", 15,
          "values=fp32[2,1,2] 1 2 3 4,fp32[2,1] 1 1; equation=string[] ...ij,jk->...ik",
          "fp32[2,1,1] 3 7" },
        { "einsum", 15,
          "values=fp32[1,2] 1 2,fp32[3,2] 1 1 2 2 3 3; equation=string[] ab,ab->ab",
          "fp32[3,2] 1 2 2 4 3 6" },
        { "einsum", 15,
          "values=int32[2] 2147483647 1,int32[2] 2 2; equation=string[] i,i->",
          "int32[] 0" },
        { "einsum", 15, "values=fp32[2] 1 2,fp32[3] 1 2 3; equation=string[] Z,A",
          "fp32[3,2] 1 2 2 4 3 6" },
        { "einsum", 15, "values=fp32[2] 1 2,fp32[3] 1 2 3; equation=string[] z,A",
          "fp32[3,2] 1 2 2 4 3 6" },
        { "einsum", 15, "values=fp32[2] 1,fp32[3] 1; equation=string[] Z,Z->Z",
          "error: disagree about dimension Z; they are [2], [3]" },
        { "einsum", 15, "values=fp32[2] 1,fp32[3] 1; equation=string[] A,A->A",
          "error: disagree about dimension A; they are [2], [3]" },
        { "einsum", 15, "values=fp32[2] 1,fp32[3] 1; equation=string[] z,z->z",
          "error: disagree about dimension z; they are [2], [3]" },
        { "einsum", 15, "values=fp32[2] 1,fp32[3] 1; equation=string[] ...,...->...",
          "error: disagree about dimension .; they are [2], [3]" },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] [->[", "error: " },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] @->@", "error: " },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] {->{", "error: " },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] `->`", "error: " },
        { "einsum", 15, "values=fp32[2,?],fp32[3,4]; equation=string[] ab,bc->ac",
          "fp32[2,4]" },
        { "einsum", 15, "values=fp32[2,3] 1,fp32[4,5] 1; equation=string[] ab,bc->ac",
          "error: disagree about dimension b; they are [2, 3], [4, 5]" },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] ab->a",
          "error: names 2 dimensions" },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] a->b",
          "error: no operand has" },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] a->aa", "error: twice" },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] a,b->a",
          "error: needs 1 terms" },
        { "einsum", 15, "values=fp32[2] 1,int32[2] 1; equation=string[] a,a->a",
          "error: one type" },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] a-a",
          "error: -> is expected" },
        { "einsum", 15, "values=fp32[2] 1; equation=string[] 1->1", "error: no letter" });
}

static void test_attention(void **state)
{
    CHECK(
        { "scaled_dot_product_attention",
          18, /* key and value alone are known to differ */
          "query=fp32[?,2,3,2]; key=fp32[2,2,3,2]; value=fp32[3,2,3,2]",
          "error: scaled_dot_product_attention" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[2,2,3,2]; key=fp32[?,2,3,2]; value=fp32[3,2,3,2]",
          "error: scaled_dot_product_attention" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[2,2,3,2]; key=fp32[3,2,3,2]; value=fp32[?,2,3,2]",
          "error: scaled_dot_product_attention" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,1,1] 0; key=fp32[1,2,1] 1 2; value=fp32[1,2,2] 1 2 3 4",
          "fp32[1,1,2] 2 3" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[2,1,1,1] 0 0; key=fp32[2,1,2,1] 1 2 3 4; value=fp32[2,1,2,1] 1 2 3 4; "
          "attn_mask=bool[2,1,1,2] 1 0 0 1",
          "fp32[2,1,1,1] 1 4" },
        { "scaled_dot_product_attention", 18,
          "query=fp16[1,2,1] 0 0; key=fp16[1,2,1] 1 1; value=fp16[1,2,1] 1 3; "
          "attn_mask=fp16[2,1] 5 -5",
          "error: attn_mask is [2, 1]; its last dimension must be the length" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[?,8,?,64]; key=fp32[?,8,?,64]; "
          "value=fp32[?,8,?,32]; attn_mask=fp32[1,1,?,?]",
          "fp32[?,8,?,32]" },
        { "scaled_dot_product_attention", 18, /* whoever knows the batch says it */
          "query=fp32[?,2,3,2]; key=fp32[2,2,5,2]; value=fp32[?,2,5,4]",
          "fp32[2,2,3,4]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[?,2,3,2]; key=fp32[?,2,5,2]; value=fp32[2,2,5,4]",
          "fp32[2,2,3,4]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[2,2,3,2]; key=fp32[?,2,5,2]; value=fp32[?,2,5,4]",
          "fp32[2,2,3,4]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[3,?,3,2]; key=fp32[3,2,5,2]; value=fp32[3,?,5,4]; attn_mask=bool[?]",
          "fp32[3,2,3,4]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,3,?]; key=fp32[1,5,2]; value=fp32[1,?,4]", "fp32[1,3,4]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[2,3,4]; key=fp32[2,3,4]; value=fp32[1,2,3,4]",
          "error: batch dimensions differ: query is [2, 3, 4], key is [2, 3, 4], value is "
          "[1, 2, 3, 4]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[2,3,4]; key=fp32[2,3,4]; value=fp32[5,3,4]",
          "error: batch dimensions differ" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,3,4]; key=fp32[3,4]; value=fp32[1,3,4]", "error: need [batch" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,3,4]; key=fp32[1,3,4]; value=fp32[3,4]", "error: need [batch" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,2,4]; key=fp32[1,3,4]; value=fp32[1,3,4]; attn_mask=bool[5,3]",
          "error: attn_mask is [5, 3]; it does not broadcast to the scores, which are "
          "[1, 2, 3]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,2,4]; key=fp32[1,3,4]; value=fp32[1,3,4]; attn_mask=bool[6,1,2,3]",
          "error: it does not broadcast to the scores" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,1,3] 0; key=fp32[1,2,1] 1; value=fp32[1,2,2] 1",
          "error: [1, 1, 3] and [1, 2, 1]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,1,1] 0; key=fp32[1,2,1] 1; value=fp32[1,3,2] 1",
          "error: differ in length" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,1,1] 0; key=fp32[1,2,1] 1; value=fp32[1,2,2] 1; attn_mask=bool[3] 1",
          "error: attn_mask is [3]" },
        { "scaled_dot_product_attention", 18,
          "query=fp32[1,1] 0; key=fp32[1,2,1] 1; "
          "value=fp32[1,2,2] 1",
          "error: need [batch" });
}

/* Tiles and their edges against the definition, for every small size around the tile. */
static void test_gemm_edges(void **state)
{
    enum { MOST = 9, K = 131 };
    int64_t a[MOST * K], b[K * MOST], c[MOST * MOST];
    (void)state;
    for (int i = 0; i < MOST * K; i++) a[i] = i * 77 % 19 - 9, b[i] = i * 31 % 23 - 11;
    for (int64_t m = 1; m <= MOST; m++)
        for (int64_t n = 1; n <= MOST; n++) {
            memset(c, 0, sizeof c);
            gemm_int(m, n, K, a, K, b, MOST, c, n);
            for (int64_t i = 0; i < m * n; i++) {
                int64_t sum = 0;
                for (int64_t l = 0; l < K; l++)
                    sum += a[i / n * K + l] * b[l * MOST + i % n];
                assert_int_equal(c[i], sum);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),      cmocka_unit_test(test_cast),
        cmocka_unit_test(test_binary),     cmocka_unit_test(test_select),
        cmocka_unit_test(test_activation), cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_norm),       cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_einsum),     cmocka_unit_test(test_attention),
        cmocka_unit_test(test_gemm_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
