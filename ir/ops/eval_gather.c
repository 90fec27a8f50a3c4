/* eval_gather.c -- the meaning of gather and scatter: rows of elements where indices point. */
#include "move.h"

#include <math.h>
#include <string.h>

/* Row r of the result of a gather, or of a scatter's updates, is `size` elements and belongs at
 * element at[r] of the data. */
typedef struct {
    int64_t size;
    size_t n;
    int64_t *at;
} Rows;

/* An index, counted from the end when negative. Without validate_indices, which infer obeys,
 * the reference refuses what lies outside too: Core ML leaves that undefined. */
static bool read_index(Call *c, const Tensor *ix, size_t i, int64_t dim, int axis, int64_t *out)
{
    int64_t v = tensor_int(ix, i);
    *out = v < 0 ? v + dim : v;
    if (*out >= 0 && *out < dim) return true;
    return call_error(c, "indices[%zu] is %lld; axis %d has %lld entries", i, (long long)v,
                      axis, (long long)dim);
}

/* gather, scatter: for each entry of the batch, of the axes before `axis`, of the indices: one
 * row. */
static bool rows_axis(Call *c, const RowPlan *p, const Shape *data, const Tensor *ix, Rows *r)
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
                if (!read_index(c, ix, (size_t)(b * per + i), dim, p->axis, &k)) return false;
                r->at[at++] = ((b * outer + o) * dim + k) * r->size;
            }
    return true;
}

static bool rows_along(Call *c, const RowPlan *p, const Shape *data, const Tensor *ix, Rows *r)
{
    int64_t outer = shape_elements(data, 0, p->axis), dim = data->dim[p->axis];
    int64_t per = ix->shape.dim[p->axis], inner = shape_elements(data, p->axis + 1, data->rank);
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

static bool rows_nd(Call *c, const RowPlan *p, const Shape *data, const Tensor *ix, Rows *r)
{
    int64_t batch = shape_elements(data, 0, p->batch);
    size_t per = batch ? r->n / (size_t)batch : 0, depth = (size_t)p->depth;
    for (size_t i = 0; i < r->n; i++) {
        int64_t at = (int64_t)(i / per);
        for (size_t k = 0; k < depth; k++) {
            int axis = p->batch + (int)k;
            int64_t v;
            if (!read_index(c, ix, i * depth + k, data->dim[axis], axis, &v)) return false;
            at = at * data->dim[axis] + v;
        }
        r->at[i] = at * r->size;
    }
    return true;
}

static bool rows_of(Call *c, ParamId param, Rows *r)
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
    if (!shape_count(&rows, &count)) bug("%s has rows of unknown extent", c->info->name);
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
    Rows r;
    if (!rows_of(c, P_x, &r)) return false;
    size_t size = tensor_elem_size(x), row = size * (size_t)r.size;
    for (size_t i = 0; i < r.n; i++)
        memcpy((char *)c->res[0]->data + i * row,
               (const char *)x->data + (size_t)r.at[i] * size, row);
    return true;
}

/* ---- scatter: each update rounds once into the element it changes ------------------------ */

/* As numpy's minimum and maximum: NaN wins. */
static double fold_float(char mode, double a, double b)
{
    switch (mode) {
    case 'a': return a + b;
    case 's': return a - b;
    case 'm': return a * b;
    case 'd': return a / b;
    case '<': return isnan(a) || a < b ? a : b;
    case '>': return isnan(a) || a > b ? a : b;
    default: return b;
    }
}

static int64_t fold_int(char mode, int64_t a, int64_t b)
{
    switch (mode) {
    case 'a': return a + b;
    case 's': return a - b;
    case 'm': return a * b;
    case 'd': return a / b;
    case '<': return a < b ? a : b;
    case '>': return a > b ? a : b;
    default: return b;
    }
}

static char mode_of(const char *mode)
{
    return !strcmp(mode, "max") ? '>' : !strcmp(mode, "min") ? '<' : mode[0];
}

bool eval_scatters(Call *c)
{
    const Tensor *updates = call_val(c, P_updates);
    Tensor *res = c->res[0];
    bool floats = dtype_is_float(res->dtype);
    char mode = mode_of(call_str(c, P_mode));
    Rows r;
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
            if (mode == 'd' && !b) return call_error(c, "updates[%zu] is 0: division by it", u);
            tensor_set_int(res, at, fold_int(mode, tensor_int(res, at), b));
        }
    return true;
}
