/* test_semantics.c -- what ops mean where their formulas leave it open: the order of gates and
 * steps, ties, NaN, rounding of ints, windows at the edge, defaults that round to the type of
 * x. */
#include "calls.h"
#include "unit.h"

/* ---- recurrent --------------------------------------------------------------------------- */

#define LINEAR "; activation=string[] linear; recurrent_activation=string[] linear"
#define LSTM(more) \
    "x=fp32[1,1,1] 2; initial_h=fp32[1,1] 0; initial_c=fp32[1,1] 4; weight_ih=fp32[4,1] 0 0 0 3; " \
    "weight_hh=fp32[4,1] 0; bias=fp32[4] 1 1 1 0; cell_activation=string[] linear" LINEAR \
        more
#define BOTH_WAYS(more) \
    "x=fp32[2,1,1] 1 2; initial_h=fp32[1,2] 0; initial_c=fp32[1,2] 0; weight_ih=fp32[4,1] 0 0 0 3; " \
    "weight_hh=fp32[4,1] 0; bias=fp32[4] 1 0 1 0; weight_ih_back=fp32[4,1] 0 0 0 10; " \
    "weight_hh_back=fp32[4,1] 0; bias_back=fp32[4] 1 1 1 0; direction=string[] bidirectional; " \
    "cell_activation=string[] linear" LINEAR more
#define GRU(bias, more) \
    "x=fp32[1,1,1] 1; initial_h=fp32[1,1] 2; weight_ih=fp32[3,1] 0 1 0; weight_hh=fp32[3,1] 0 3 0; " \
    "bias=fp32[3] " bias LINEAR more
#define RNN(more) \
    "x=fp32[2,1,1] 1 2; initial_h=fp32[1,1] 3; weight_ih=fp32[1,1] 10; weight_hh=fp32[1,1] 2; " \
    "activation=string[] linear" more

static void test_recurrent(void **state)
{
    CHECK(
        { "lstm", 15, LSTM(""), "fp32[1,1,1] 10; fp32[1,1] 10; fp32[1,1] 10" },
        /* the output gate looks at the new cell, the input gate at the old one */
        { "lstm", 15, LSTM("; peephole=fp32[3] 0 0 1"),
          "fp32[1,1,1] 110; fp32[1,1] 110; fp32[1,1] 10" },
        { "lstm", 15, LSTM("; peephole=fp32[3] 1 0 0"),
          "fp32[1,1,1] 34; fp32[1,1] 34; fp32[1,1] 34" },
        { "lstm", 15, LSTM("; clip=fp32[] 5"),
          "fp32[1,1,1] 5; fp32[1,1] 5; fp32[1,1] 5" },
        /* the backward half stands in the order of time */
        { "lstm", 15, BOTH_WAYS("; output_sequence=bool[] 1"),
          "fp32[2,1,2] 3 30 6 20; fp32[1,2] 6 30; fp32[1,2] 6 30" },
        { "lstm", 15, BOTH_WAYS(""), "fp32[1,1,2] 6 30; fp32[1,2] 6 30; fp32[1,2] 6 30" },
        /* gates are stacked reset, new, update; the reset comes before the product */
        { "gru", 15, GRU("0.5 1 0", ""), "fp32[1,1,1] 5; fp32[1,1] 5" },
        { "gru", 15, GRU("0.5 1 0.25", ""), "fp32[1,1,1] 4.25; fp32[1,1] 4.25" },
        { "gru", 18, GRU("0.5 1 0", "; reset_after=bool[] 1"),
          "fp32[1,1,1] 4.5; fp32[1,1] 4.5" },
        { "gru", 18, GRU("0.5 1 0", "; reset_after=bool[] 1; input_bias=fp32[3] 0 10 0"),
          "fp32[1,1,1] 14.5; fp32[1,1] 14.5" },
        /* results of "reverse" stand in the order in which they are made */
        { "rnn", 15, RNN("; output_sequence=bool[] 1"),
          "fp32[2,1,1] 16 52; fp32[1,1] 52" },
        { "rnn", 15, RNN("; output_sequence=bool[] 1; direction=string[] reverse"),
          "fp32[2,1,1] 26 62; fp32[1,1] 62" },
        { "rnn", 15, RNN("; direction=string[] reverse"),
          "fp32[1,1,1] 62; fp32[1,1] 62" },
        { "gru", 15, GRU("0", "; direction=string[] bidirectional"),
          "error: direction is \"bidirectional\"" });
}

/* ---- windows and grids ------------------------------------------------------------------- */

#define POOL(k, s, more) \
    "x=fp32[1,1,3] 1 2 3; kernel_sizes=int32[1] " k "; strides=int32[1] " s more
#define CEILED "; ceil_mode=bool[] 1"
#define PADDED "; pad_type=string[] custom; pad=int32[2] 1 1"
#define INSIDE "; exclude_padding_from_average=bool[] 1"

static void test_windows(void **state)
{
    CHECK(
        /* padding counts, what lies beyond it does not */
        { "avg_pool", 15, POOL("2", "2", CEILED "; pad_type=string[] valid"),
          "fp32[1,1,2] 1.5 3" },
        { "avg_pool", 15, POOL("3", "3", CEILED PADDED), "fp32[1,1,2] 1 1.5" },
        { "avg_pool", 15, POOL("3", "3", CEILED PADDED INSIDE), "fp32[1,1,2] 1.5 3" },
        /* a window that begins in the padding at the end is none */
        { "avg_pool", 15, POOL("2", "2", CEILED PADDED), "fp32[1,1,2] 0.5 2.5" },
        { "max_pool", 15,
          "x=fp32[1,1,3] -1 -2 -3; kernel_sizes=int32[1] 3; strides=int32[1] 2" PADDED,
          "fp32[1,1,2] -1 -2" },
        /* the odd element of the padding is the last, or with same_lower the first */
        { "avg_pool", 15, POOL("2", "1", "; pad_type=string[] same"),
          "fp32[1,1,3] 1.5 2.5 1.5" },
        { "avg_pool", 16, POOL("2", "1", "; pad_type=string[] same_lower"),
          "fp32[1,1,3] 0.5 1.5 2.5" },
        /* one op takes the element below a point of the grid, the other the nearest */
        { "resize_nearest_neighbor", 15,
          "x=fp32[1,1,2] 3 4; target_size_height=int32[] 1; target_size_width=int32[] 3",
          "fp32[1,1,3] 3 3 4" },
        { "resize", 17,
          "x=fp32[2] 3 4; shape=int32[1] 3; resized_dims=uint32[] 1; "
          "interpolation_mode=string[] NEAREST_NEIGHBOR",
          "fp32[3] 3 4 4" },
        { "local_response_norm", 15,
          "x=fp32[1,3,1,1] 1 2 3; size=int32[] 2; alpha=fp32[] 2; beta=fp32[] 1",
          "fp32[1,3,1,1] 0.5 0.333333 0.214286" },
        { "l2_norm", 15, "x=fp32[2,1,1,2] 3 4 6 8; epsilon=fp32[] 0",
          "fp32[2,1,1,2] 0.6 0.8 0.6 0.8" },
        { "space_to_batch", 15,
          "x=fp32[1,1,2,2] 1 2 3 4; block_shape=int32[2] 2; paddings=int32[2,2] 0",
          "fp32[4,1,1,1] 1 2 3 4" });
}

/* ---- numbers ----------------------------------------------------------------------------- */

static void test_numbers(void **state)
{
    CHECK(
        /* defaults are of the type of x */
        { "rsqrt", 15, "x=fp16[1] 0", "fp16[1] inf" },
        { "rsqrt", 15, "x=fp32[1] 0", "fp32[1] 1e+06" },
        { "log", 15, "x=fp16[1] 0", "fp16[1] -inf" },
        { "log", 15, "x=fp32[1] 0", "fp32[1] -103.279" },
        { "inverse", 15, "x=fp16[1] 0", "fp16[1] 10000" },
        { "ceil", 15, "x=fp32[4] -0.5 0.5 nan inf", "fp32[4] -0 1 nan inf" },
        { "clamped_relu", 15, "x=fp32[4] -4 -1 1 nan; alpha=fp32[] 0.5; beta=fp32[] -1",
          "fp32[4] -2 -1 -1 nan" },
        { "thresholded_relu", 15, "x=fp32[2] 1 0.99; alpha=fp32[] 1", "fp32[2] 1 0" },
        { "elu", 15, "x=fp32[2] -inf 3; alpha=fp32[] 0.5", "fp32[2] -0.5 3" },
        { "leaky_relu", 17, "x=fp16[2] -2 4; alpha=fp32[] 0.25", "fp16[2] -0.5 4" },
        { "linear_activation", 15, "x=fp32[1] 3; alpha=fp32[] 2; beta=fp32[] 1",
          "fp32[1] 7" },
        { "scaled_tanh", 15, "x=fp32[1] inf; alpha=fp32[] 2; beta=fp32[] 1",
          "fp32[1] 2" },
        { "relu6", 15, "x=fp32[3] 7 -1 nan", "fp32[3] 6 0 nan" },
        { "logical_not", 15, "x=bool[2] 1 0", "bool[2] 0 1" },
        { "greater_equal", 15, "x=fp32[2] 1 nan; y=fp32[] 1", "bool[2] 1 0" },
        { "less_equal", 15, "x=int32[3] 0 1 2; y=int32[] 1", "bool[3] 1 1 0" },
        /* of ints toward zero, and modulo 2^32 */
        { "reduce_mean", 15, "x=int32[2] -3 0", "int32[] -1" },
        { "reduce_l1_norm", 15, "x=int32[2] -3 2", "int32[] 5" },
        { "reduce_l2_norm", 15, "x=int32[3] 3 4 1", "int32[] 5" },
        { "reduce_log_sum", 15, "x=int32[1] 8", "int32[] 2" },
        { "reduce_sum_square", 15, "x=int32[2] -3 2", "int32[] 13" },
        { "reduce_prod", 15, "x=int32[2] 65536 65537", "int32[] 65536" },
        { "cumsum", 15, "x=int32[2] 2147483647 1", "int32[2] 2147483647 -2147483648" },
        { "reduce_log_sum", 15, "x=fp32[2] 1 -1", "fp32[] -inf" });
}

/* ---- orders and places ------------------------------------------------------------------- */

#define SCATTER(mode, data, updates) \
    "data=fp32[2] " data "; indices=int32[2] 0; updates=fp32[2] " updates \
    "; mode=string[] " mode

static void test_places(void **state)
{
    CHECK(
        /* of equals the first, NaN before and behind all */
        { "reduce_argmax", 15, "x=fp32[4] 1 3 3 2", "int32[] 1" },
        { "reduce_argmin", 15, "x=fp32[3] 2 nan nan", "int32[] 1" },
        { "topk", 15, "x=fp32[4] 2 1 1 2; k=int32[] 3; ascending=bool[] 1",
          "fp32[3] 1 1 2; int32[3] 1 2 0" },
        { "topk", 15, "x=fp32[3] nan 1 2; k=int32[] 2", "fp32[2] 2 1; int32[2] 2 1" },
        { "argsort", 15, "x=int32[4] 2 1 1 2", "int32[4] 0 3 1 2" },
        { "non_zero", 15, "x=fp32[3] 0 nan -0", "int32[1,1] 1" },
        { "range_1d", 15, "start=fp32[] 1; end=fp32[] 0; step=fp32[] -0.25",
          "fp32[4] 1 0.75 0.5 0.25" },
        { "band_part", 15, "x=fp32[2,3] 1 2 3 4 5 6; upper=int32[] 0",
          "fp32[2,3] 1 0 0 4 5 0" },
        { "one_hot", 15,
          "indices=int32[2] 1 0; one_hot_vector_size=int32[] 2; axis=int32[] 0",
          "int32[2,2] 0 1 1 0" },
        /* where two updates meet, one after the other */
        { "scatter", 15, SCATTER("update", "1 2", "10 20"), "fp32[2] 20 2" },
        { "scatter", 15, SCATTER("sub", "5 2", "1 3"), "fp32[2] 1 2" },
        { "scatter", 15, SCATTER("div", "8 2", "2 2"), "fp32[2] 2 2" },
        { "scatter", 15, SCATTER("mul", "1 2", "3 4"), "fp32[2] 12 2" },
        { "scatter", 15, SCATTER("min", "1 2", "3 -4"), "fp32[2] -4 2" },
        { "scatter", 15, SCATTER("max", "1 2", "nan 4"), "fp32[2] nan 2" },
        { "scatter_nd", 15, "data=fp32[2] 1; indices=int32[2,1] 1; updates=fp32[2] 2 3",
          "fp32[2] 1 6" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recurrent),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
