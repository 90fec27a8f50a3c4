/* gather.c -- gather and scatter in all their forms: elements that indices name. */
#include "grad.h"
#include "move.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

/* Result types of the ops that read or update places which indices name. */

/* ---- what the indices address ------------------------------------------------------------ */

static bool plan_axis(Call *c, const Shape *data, const Shape *ix, RowPlan *p,
                      Shape *rows)
{
    return shape_append_some(c, rows, data, 0, p->axis)
        && shape_append_some(c, rows, ix, p->batch, ix->rank)
        && shape_append_some(c, rows, data, p->axis + 1, data->rank);
}

static bool plan_along(Call *c, ParamId param, const Shape *data, const Shape *ix,
                       RowPlan *p, Shape *rows)
{
    bool fits = data->rank == ix->rank;
    for (int i = 0; fits && i < ix->rank; i++)
        if (i != p->axis) fits = dim_fits(data->dim[i], ix->dim[i]);
    if (!fits)
        return call_error(
            c, "indices is %s, but %s is %s; they may only differ along axis %d",
            call_text(c, ix), param_names[param], call_text(c, data), p->axis);
    *rows = *ix;
    for (int i = 0; i < ix->rank; i++)
        if (i != p->axis && ix->dim[i] == DIM_ANY) rows->dim[i] = data->dim[i];
    return true;
}

static bool plan_nd(Call *c, ParamId param, const Shape *data, const Shape *ix,
                    RowPlan *p, Shape *rows)
{
    int64_t depth = ix->rank ? ix->dim[ix->rank - 1] : 1;
    if (ix->rank <= p->batch)
        return call_error(c, "indices is %s: it needs an axis after its %d batch axes",
                          call_text(c, ix), p->batch);
    if (depth == DIM_ANY)
        return call_error(c, "the last dimension of indices, which is %s, must be known",
                          call_text(c, ix));
    if (depth > data->rank - p->batch)
        return call_error(c, "an index of %lld numbers is too long for %s, which is %s",
                          (long long)depth, param_names[param], call_text(c, data));
    p->depth = (int)depth;
    return shape_append_some(c, rows, ix, 0, ix->rank - 1)
        && shape_append_some(c, rows, data, p->batch + p->depth, data->rank);
}

static bool plan_batch(Call *c, ParamId param, const Shape *data, const Shape *ix,
                       RowPlan *p)
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
            return call_error(
                c, "the first %d dimensions must agree; indices is %s and %s is %s",
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
    case ROWS_AXIS:
        return plan_axis(c, data, ix, p, rows);
    case ROWS_ALONG:
        return plan_along(c, param, data, ix, p, rows);
    case ROWS_ND:
        return plan_nd(c, param, data, ix, p, rows);
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
            return call_error(
                c,
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
    const Shape *data = call_shape(c, P_data), *updates = call_shape(c, P_updates);
    RowPlan p;
    Shape rows;
    if (call_choice(c, P_mode) < 0) return false;
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

/* ==== reference kernels =================================================================== */

/* The kernels of gather and scatter: rows of elements where indices point. */

/* Row r of the result of a gather, or of a scatter's updates, is `size` elements and belongs at
 * element at[r] of the data. */
typedef struct {
    int64_t size;
    size_t n;
    int64_t *at;
} GatherRows;

/* An index, counted from the end when negative. Without validate_indices, which infer obeys,
 * the reference refuses what lies outside too: Core ML leaves that undefined. */
static bool read_index(Call *c, const Tensor *ix, size_t i, int64_t dim, int axis,
                       int64_t *out)
{
    int64_t v = tensor_int(ix, i);
    *out = v < 0 ? v + dim : v;
    if (*out >= 0 && *out < dim) return true;
    return call_error(c, "indices[%zu] is %lld; axis %d has %lld entries", i,
                      (long long)v, axis, (long long)dim);
}

/* gather, scatter: for each entry of the batch, of the axes before `axis`, of the indices: one
 * row. */
static bool rows_axis(Call *c, const RowPlan *p, const Shape *data, const Tensor *ix,
                      GatherRows *r)
{
    int64_t batch = shape_elements(data, 0, p->batch),
            outer = shape_elements(data, p->batch, p->axis);
    int64_t per = shape_elements(&ix->shape, p->batch, ix->shape.rank),
            dim = data->dim[p->axis];
    size_t at = 0;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = 0; i < per; i++) {
                int64_t k;
                if (!read_index(c, ix, (size_t)(b * per + i), dim, p->axis, &k))
                    return false;
                r->at[at++] = ((b * outer + o) * dim + k) * r->size;
            }
    return true;
}

static bool rows_along(Call *c, const RowPlan *p, const Shape *data, const Tensor *ix,
                       GatherRows *r)
{
    int64_t outer = shape_elements(data, 0, p->axis), dim = data->dim[p->axis];
    int64_t per = ix->shape.dim[p->axis],
            inner = shape_elements(data, p->axis + 1, data->rank);
    size_t at = 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < per; i++)
            for (int64_t k = 0; k < inner; k++, at++) {
                int64_t v;
                if (!read_index(c, ix, at, dim, p->axis, &v)) return false;
                r->at[at] = (o * dim + v) * inner + k;
            }
    return true;
}

static bool rows_nd(Call *c, const RowPlan *p, const Shape *data, const Tensor *ix,
                    GatherRows *r)
{
    int64_t batch = shape_elements(data, 0, p->batch);
    size_t per = batch ? r->n / (size_t)batch : 0, depth = (size_t)p->depth;
    for (size_t i = 0; i < r->n; i++) {
        int64_t at = (int64_t)(i / per);
        for (size_t k = 0; k < depth; k++) {
            int axis = p->batch + (int)k;
            int64_t v;
            if (!read_index(c, ix, i * depth + k, data->dim[axis], axis, &v))
                return false;
            at = at * data->dim[axis] + v;
        }
        r->at[i] = at * r->size;
    }
    return true;
}

static bool rows_of(Call *c, ParamId param, GatherRows *r)
{
    const Shape *data = call_shape(c, param);
    const Tensor *ix = call_val(c, P_indices);
    RowPlan p;
    Shape rows;
    size_t count;
    if (!row_plan(c, param, &p, &rows)) return false;
    int inner = p.kind == ROWS_AXIS ? p.axis + 1
              : p.kind == ROWS_ND   ? p.batch + p.depth
                                    : data->rank;
    r->size = shape_elements(data, inner, data->rank);
    if (!shape_count(&rows, &count))
        bug("%s has rows of unknown dimension", c->info->name);
    r->n = r->size ? count / (size_t)r->size : 0;
    r->at = call_scratch(c, r->n + 1, sizeof *r->at);
    if (!r->n) return true;
    return p.kind == ROWS_AXIS ? rows_axis(c, &p, data, ix, r)
         : p.kind == ROWS_ND   ? rows_nd(c, &p, data, ix, r)
                               : rows_along(c, &p, data, ix, r);
}

bool eval_gathers(Call *c)
{
    const Tensor *x = call_val(c, P_x);
    GatherRows r;
    if (!rows_of(c, P_x, &r)) return false;
    size_t size = tensor_elem_size(x), row = size * (size_t)r.size;
    for (size_t i = 0; i < r.n; i++)
        memcpy((char *)c->res[0]->data + i * row,
               (const char *)x->data + (size_t)r.at[i] * size, row);
    return true;
}

/* ---- scatter: each update rounds once into the element it changes ------------------------ */

/* As numpy's minimum and maximum: NaN wins. */
static double fold_float(ScatterMode mode, double a, double b)
{
    switch (mode) {
    case SCATTER_ADD:
        return a + b;
    case SCATTER_SUB:
        return a - b;
    case SCATTER_MUL:
        return a * b;
    case SCATTER_DIV:
        return a / b;
    case SCATTER_MIN:
        return isnan(a) || a < b ? a : b;
    case SCATTER_MAX:
        return isnan(a) || a > b ? a : b;
    default:
        return b;
    }
}

static int64_t fold_int(ScatterMode mode, int64_t a, int64_t b)
{
    switch (mode) {
    case SCATTER_ADD:
        return a + b;
    case SCATTER_SUB:
        return a - b;
    case SCATTER_MUL:
        return a * b;
    case SCATTER_DIV:
        return a / b;
    case SCATTER_MIN:
        return a < b ? a : b;
    case SCATTER_MAX:
        return a > b ? a : b;
    default:
        return b;
    }
}

bool eval_scatters(Call *c)
{
    const Tensor *updates = call_val(c, P_updates);
    Tensor *res = c->res[0];
    bool floats = dtype_is_float(res->dtype);
    const ScatterMode mode = (ScatterMode)call_chosen(c, P_mode);
    GatherRows r;
    if (!rows_of(c, P_data, &r)) return false;
    move_all(call_val(c, P_data), res);
    for (size_t i = 0, u = 0; i < r.n; i++)
        for (int64_t k = 0; k < r.size; k++, u++) {
            size_t at = (size_t)(r.at[i] + k);
            if (floats) {
                double b = tensor_float(updates, u);
                tensor_set_float(res, at, fold_float(mode, tensor_float(res, at), b));
                continue;
            }
            int64_t b = tensor_int(updates, u);
            if (mode == SCATTER_DIV && !b)
                return call_error(c, "updates[%zu] is 0: division by it", u);
            tensor_set_int(res, at, fold_int(mode, tensor_int(res, at), b));
        }
    return true;
}

/* ==== gradients
 * ============================================================================= */

/* Gradients of gathering, which is scattering, and of scattering. They run on
 * the processor: the engine has no scatter. */

static Value *int32_indices(Grad *g)
{
    Value *v = grad_arg(g, P_indices);
    if (v->type->dtype == DT_INT32) return v;
    return mil_cast(g->b, "cast", .x = v, .dtype = build_string(g->b, "int32"));
}

/* d added into zeros of data's shape by the scatter that undoes op */
static Value *add_into(Grad *g, int op, const Value *data, bool has_axis)
{
    Builder *b = g->b;
    Value *zeros = grad_zeros(b, data), *at = int32_indices(g),
          *mode = build_string(b, "add");
    if (!has_axis)
        return build_of(b, "scatter", op, P_data, zeros, P_indices, at, P_updates,
                        g->dy[0], P_mode, mode, P_NONE);
    const int axis = grad_axis(g, P_axis, data->type->shape.rank);
    return build_of(b, "scatter", op, P_data, zeros, P_indices, at, P_updates, g->dy[0],
                    P_axis, build_int(b, axis), P_mode, mode, P_NONE);
}

/* Without batch_dims, which scatter lacks; with them by the numbers of the places. */
static bool gather_gathered(Grad *g, int op, bool has_axis)
{
    Value *x = grad_arg(g, P_x);
    if (!grad_wants(g, P_x)) return true;
    const bool scalar = !grad_arg(g, P_indices)->type->shape.rank;
    const bool batches = op_find_arg(g->op, P_batch_dims) && grad_int(g, P_batch_dims);
    if (scalar || batches) return grad_picked(g);
    grad_give(g, P_x, add_into(g, op, x, has_axis));
    return true;
}
bool grad_gather(Grad *g) { return gather_gathered(g, OP_scatter, true); }
bool grad_gather_along(Grad *g)
{
    return gather_gathered(g, OP_scatter_along_axis, true);
}
bool grad_gather_nd(Grad *g) { return gather_gathered(g, OP_scatter_nd, false); }

/* mode add: all of d; update: d but where something was put. */
static bool gather_scattered(Grad *g, int op, int gather, bool has_axis)
{
    Builder *b = g->b;
    Value *const d = g->dy[0];
    const int mode = grad_choice(g, P_mode);
    const bool add = mode == SCATTER_ADD, sub = mode == SCATTER_SUB;
    if (!add && !sub && mode != SCATTER_UPDATE)
        return grad_error(g, "mode \"%s\" has none; add, sub and update have",
                          grad_str(g, P_mode));
    if (grad_wants(g, P_data)) {
        Value *none = add || sub ? NULL : grad_zeros(b, grad_arg(g, P_updates));
        const BuildArg with[] = {
            { .param = P_data, .val = (Value **)(uintptr_t)&d, .count = 1 },
            { .param = P_updates, .val = &none, .count = 1 }
        };
        grad_give(g, P_data, none ? grad_same(g, op, 2, with) : d);
    }
    if (!grad_wants(g, P_updates)) return true;
    Value *at = grad_arg(g, P_indices), *part;
    if (has_axis)
        part = build_of(b, ops[gather].name, gather, P_x, d, P_indices, at, P_axis,
                        build_int(b, grad_axis(g, P_axis, d->type->shape.rank)), P_NONE);
    else part = build_of(b, ops[gather].name, gather, P_x, d, P_indices, at, P_NONE);
    grad_give(g, P_updates, grad_scaled(b, part, sub ? -1 : 1));
    return true;
}
bool grad_scatter(Grad *g) { return gather_scattered(g, OP_scatter, OP_gather, true); }
bool grad_scatter_along(Grad *g)
{
    return gather_scattered(g, OP_scatter_along_axis, OP_gather_along_axis, true);
}
bool grad_scatter_nd(Grad *g)
{
    return gather_scattered(g, OP_scatter_nd, OP_gather_nd, false);
}
