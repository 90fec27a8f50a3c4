/* k_all.h -- all kernels of one kind of processor. A file isa_*.c includes it once, after it has
 * defined VEC_NAME, what vec.h asks for, and VEC_ROWS, which says how many rows of sums fit
 * into the registers. The files k_*.h are parts of it: they are included here alone, in this
 * order, and their functions are static, so that each kind of processor has its own. */
#include "kernels.h"

#include "vec_math.h"

#include "k_elem.h"
#include "k_code.h"
#include "k_end.h"
#include "k_depth.h"
#include "k_line.h"
#include "k_gemm.h"
#include "k_runs.h"
#include "k_thin.h"
#include "k_rows.h"
#include "k_rope.h"
#include "k_window.h"
#include "k_wino.h"

#define KERNELS_PASTE(a, b) a##b
#define KERNELS_NAME(name) KERNELS_PASTE(kernels_, name)
#define KERNELS_TEXT_OF(name) #name
#define KERNELS_TEXT(name) KERNELS_TEXT_OF(name)

extern const Kernels KERNELS_NAME(VEC_NAME);
const Kernels KERNELS_NAME(VEC_NAME) = {
    .name = KERNELS_TEXT(VEC_NAME),
    .lanes = VEC_LANES,
    .mr = VEC_ROWS,
    .nr = NR,
    .tile = gemm_tile,
    .runs = runs_tile,
    .thin = thin,
    .dots = dots,
    .turn = turn,
    .end = sums_end,
    .elem = elem_loops,
    .gather = gemm_gather,
    .fill = fill,
    .widen = widen,
    .narrow = narrow,
    .decode = code_run,
    .spread = code_spread,
    .row = { row_sum, row_squares, row_abs, row_max, row_min, row_rounded, row_halved },
    .fold = { fold_sum, fold_squares, fold_abs, fold_max, fold_min, fold_rounded,
              fold_halved },
    .softmax = row_softmax,
    .weigh = weigh,
    .standardise = row_standardise,
    .dot = row_dot,
    .rope = rope,
    .by = row_by,
    .window_sum = window_sum,
    .window_max = window_max,
    .depth = depth_plane,
    .depth_line = depth_line,
    .split = split,
    .wino_in = wino_in,
    .wino_out = wino_out,
    .wino_weight = wino_weight,
};
