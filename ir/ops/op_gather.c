/* op_gather.c -- result types of the ops that read or update places which indices name. */
#include "move.h"

#include <string.h>

/* ---- what the indices address ------------------------------------------------------------ */

static bool plan_axis(Call *c, const Shape *data, const Shape *ix, RowPlan *p, Shape *rows)
{
    return shape_append_some(c, rows, data, 0, p->axis)
        && shape_append_some(c, rows, ix, p->batch, ix->rank)
        && shape_append_some(c, rows, data, p->axis + 1, data->rank);
}

static bool plan_along(Call *c, ParamId param, const Shape *data, const Shape *ix, RowPlan *p,
                       Shape *rows)
{
    bool fits = data->rank == ix->rank;
    for (int i = 0; fits && i < ix->rank; i++)
        if (i != p->axis) fits = dim_fits(data->dim[i], ix->dim[i]);
    if (!fits)
        return call_error(c, "indices is %s, but %s is %s; they may only differ along axis %d",
                          call_text(c, ix), param_names[param], call_text(c, data), p->axis);
    *rows = *ix;
    for (int i = 0; i < ix->rank; i++)
        if (i != p->axis && ix->dim[i] == DIM_ANY) rows->dim[i] = data->dim[i];
    return true;
}

static bool plan_nd(Call *c, ParamId param, const Shape *data, const Shape *ix, RowPlan *p,
                    Shape *rows)
{
    int64_t depth = ix->rank ? ix->dim[ix->rank - 1] : 1;
    if (ix->rank <= p->batch)
        return call_error(c, "indices is %s: it needs an axis after its %d batch axes",
                          call_text(c, ix), p->batch);
    if (depth == DIM_ANY)
        return call_error(c, "the last extent of indices, which is %s, must be known",
                          call_text(c, ix));
    if (depth > data->rank - p->batch)
        return call_error(c, "an index of %lld numbers is too long for %s, which is %s",
                          (long long)depth, param_names[param], call_text(c, data));
    p->depth = (int)depth;
    return shape_append_some(c, rows, ix, 0, ix->rank - 1)
        && shape_append_some(c, rows, data, p->batch + p->depth, data->rank);
}

static bool plan_batch(Call *c, ParamId param, const Shape *data, const Shape *ix, RowPlan *p)
{
    if (!call_takes(c, P_batch_dims)) return true;
    int64_t b = call_int(c, P_batch_dims);
    if (b < 0) b += ix->rank;
    int64_t most = p->kind == ROWS_AXIS ? p->axis : data->rank;
    if (b < 0 || b > most || b > ix->rank)
        return call_error(c, "batch_dims is %lld; indices is %s and %s is %s",
                          (long long)call_int(c, P_batch_dims), call_text(c, ix),
                          param_names[param], call_text(c, data));
    for (int i = 0; i < b; i++)
        if (!dim_fits(data->dim[i], ix->dim[i]))
            return call_error(c, "the first %d extents must agree; indices is %s and %s is %s",
                              (int)b, call_text(c, ix), param_names[param], call_text(c, data));
    p->batch = (int)b;
    return true;
}

static RowKind row_kind(const Call *c)
{
    if (c->info == &ops[OP_gather] || c->info == &ops[OP_scatter]) return ROWS_AXIS;
    if (c->info == &ops[OP_gather_nd] || c->info == &ops[OP_scatter_nd]) return ROWS_ND;
    return ROWS_ALONG;
}

bool row_plan(Call *c, ParamId param, RowPlan *p, Shape *rows)
{
    const Shape *data = call_shape(c, param), *ix = call_shape(c, P_indices);
    *p = (RowPlan){ .kind = row_kind(c) };
    *rows = (Shape){ .rank = 0 };
    if (p->kind != ROWS_ND && !call_axis(c, P_axis, data->rank, &p->axis)) return false;
    if (!plan_batch(c, param, data, ix, p)) return false;
    switch (p->kind) {
    case ROWS_AXIS: return plan_axis(c, data, ix, p, rows);
    case ROWS_ALONG: return plan_along(c, param, data, ix, p, rows);
    case ROWS_ND: return plan_nd(c, param, data, ix, p, rows);
    }
    return false;
}

/* validate_indices asks for an error where an index is outside, and then a negative one is: it
 * counts from the end only where nothing is asked. */
static bool indices_valid(Call *c, const RowPlan *p, const Shape *data)
{
    const Tensor *ix = call_val(c, P_indices);
    if (!ix || !call_known(c, P_validate_indices) || !call_bool(c, P_validate_indices))
        return true;
    for (size_t i = 0; i < ix->count; i++) {
        int axis = p->kind == ROWS_ND ? p->batch + (int)(i % (size_t)p->depth) : p->axis;
        int64_t v = tensor_int(ix, i), dim = data->dim[axis];
        if (v < 0 || (dim != DIM_ANY && v >= dim))
            return call_error(c,
                              "indices[%zu] is %lld; validate_indices is true, and axis %d has "
                              "%lld entries",
                              i, (long long)v, axis, (long long)dim);
    }
    return true;
}

/* ---- types ------------------------------------------------------------------------------- */

bool infer_gathers(Call *c)
{
    RowPlan p;
    Shape rows;
    return row_plan(c, P_x, &p, &rows) && indices_valid(c, &p, call_shape(c, P_x))
        && call_out(c, call_dtype(c, P_x), rows);
}

bool infer_scatters(Call *c)
{
    static const char *const modes[] = { "add", "sub", "mul", "div", "max", "min", "update" };
    const Shape *data = call_shape(c, P_data), *updates = call_shape(c, P_updates);
    const char *mode = call_str(c, P_mode);
    RowPlan p;
    Shape rows;
    size_t i = 0;
    while (i < COUNT(modes) && strcmp(modes[i], mode)) i++;
    if (i == COUNT(modes))
        return call_error(c, "mode \"%s\" is none of add, sub, mul, div, max, min, update",
                          mode);
    if (!row_plan(c, P_data, &p, &rows) || !indices_valid(c, &p, data)) return false;
    if (!shape_fits(&rows, updates))
        return call_error(
            c,
            "updates is %s, but data, which is %s, takes %s where the indices, which "
            "are %s, point",
            call_text(c, updates), call_text(c, data), call_text(c, &rows),
            call_text(c, call_shape(c, P_indices)));
    return call_out(c, call_dtype(c, P_data), *data);
}
