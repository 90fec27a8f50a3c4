/* op_pool.c -- result types of the poolings. */
#include "window.h"

bool infer_pool(Call *c)
{
    const Shape *x = call_shape(c, P_x);
    int64_t kernel[MAX_SPATIAL];
    Window w;
    if (!window_rank(c, x)) return false;
    if (x->rank == 5 && c->info == &ops[OP_l2_pool])
        return call_error(c, "x is %s; windows are of one or two spatial dimensions",
                          shape_text(c->arena, x));
    if (x->rank == 5 && call_bool(c, P_ceil_mode))
        return call_error(c, "x is %s; ceil_mode goes with one or two spatial dimensions",
                          shape_text(c->arena, x));
    if (call_val(c, P_kernel_sizes)) {
        if (!call_ints_or(c, P_kernel_sizes, x->rank - 2, 1, kernel)) return false;
        for (int i = 0; i < x->rank - 2; i++)
            if (kernel[i] < 1)
                return call_error(c, "kernel_sizes has %lld where at least 1 is needed",
                                  (long long)kernel[i]);
    } else {
        for (int i = 0; i < x->rank - 2; i++) kernel[i] = DIM_ANY;
    }
    return window_of(c, WINDOW_POOL, x, kernel, &w)
        && call_out(c, call_dtype(c, P_x), window_shape(&w, x->dim[0], x->dim[1]));
}
