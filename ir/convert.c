/* convert.c -- literals made of others: a part of one, or one in another float type.
 * Elements are not copied; they are converted when somebody reads them, a piece at a time. */
#include "ir.h"

#include <math.h>
#include <string.h>

/* ---- parts ------------------------------------------------------------------------------- */

Const *const_part(Module *m, const Const *c, size_t first, Shape s)
{
    const DType t = c->type->kind == TY_TENSOR ? c->type->dtype : DT_STRING;
    if (c->kind == CONST_GROUP || t == DT_STRING || dtypes[t].bits % 8) return NULL;
    Const *r = NEW(&m->arena, Const);
    *r = *c;
    r->type = type_tensor(&m->arena, t, s);
    if (c->kind == CONST_DATA) {
        r->data = (const char *)c->data + first * (size_t)dtypes[t].bits / 8;
    } else if (c->kind == CONST_OF && !c->width) {
        r->first += first;
    } else {
        *r = (Const){ .type = r->type,
                      .kind = CONST_OF,
                      .loc = c->loc,
                      .of = c,
                      .first = first,
                      .in_file = c->in_file };
    }
    return r;
}

/* ---- the range of fp16 ------------------------------------------------------------------- */

typedef struct {
    size_t count; /* elements that were moved to the edge */
    double first;
} Moved;

static bool is_beyond(double v) { return !isinf(v) && fabs(v) > F16_MAX; }

static void convert_note(Moved *moved, double v)
{
    if (!moved->count++) moved->first = v;
}

/* An epsilon that vanished would divide by zero; a mask that became infinite would give NaN. */
static double kept_in_f16(double v, Moved *moved)
{
    const double least = 0x1p-24;
    const bool vanishes = v != 0 && fabs(v) < least;
    if (!vanishes && !is_beyond(v)) return v;
    convert_note(moved, v);
    return copysign(vanishes ? least : F16_MAX, v);
}

static void say_moved(const Const *c, const char *name, const Moved *moved, Diag *d)
{
    size_t n;
    if (!moved->count || !shape_count(&c->type->shape, &n)) return;
    if (n == 1)
        diag_warn(d, WARN_PRECISION, c->loc,
                  "the constant %s%s%g is outside fp16's range and is moved to its edge",
                  name ? name : "", name ? " = " : "", moved->first);
    else
        diag_warn(
            d, WARN_PRECISION, c->loc,
            "%s: %zu of %zu elements are outside fp16's range, %g the first: each is moved "
            "to its edge",
            name ? name : "a constant", moved->count, n, moved->first);
}

/* Most fp32 weights have none: the bits of a number are in the order of its size. */
static void scan_run(const Tensor *t, Moved *moved)
{
    const uint32_t edge = 0x477fe000, inf = 0x7f800000; /* 65504 */
    const uint32_t *bits = t->data;
    size_t beyond = t->dtype != DT_FP32;
    for (size_t i = 0; t->dtype == DT_FP32 && i < t->count; i++) {
        const uint32_t v = bits[i] & 0x7fffffff;
        beyond += (v > edge) & (v < inf);
    }
    for (size_t i = 0; beyond && i < t->count; i++)
        if (is_beyond(tensor_float(t, i))) convert_note(moved, tensor_float(t, i));
}

/* Whether a rule can give such numbers. No normal one is nine deviations from the mean. */
static bool may_be_beyond(const Const *c)
{
    if (c->kind != CONST_INIT) return true;
    if (c->init == INIT_FILL) return fabs(c->a) > F16_MAX;
    if (c->init == INIT_NORMAL) return fabs(c->a) + 9 * fabs(c->b) > F16_MAX;
    return fabs(c->a) > F16_MAX || fabs(c->b) > F16_MAX;
}

void const_warn_range(const Const *c, const char *name, Diag *d)
{
    double raw[1024];
    Moved moved = { .count = 0 };
    Const wide = *c;
    Type type = *c->type;
    size_t n;
    if (!const_at_hand(c) || !may_be_beyond(c) || !shape_count(&type.shape, &n)) return;
    if (c->kind == CONST_OF) type.dtype = c->of->type->dtype;
    if (c->kind == CONST_FILE) type.dtype = dtype_is_float(c->src) ? c->src : DT_FP32;
    if (c->kind == CONST_INIT) type.dtype = DT_FP32;
    wide.type = &type;
    if (type.dtype == DT_FP16 || !dtype_is_float(type.dtype)) return;
    for (size_t i = 0; i < n; i += COUNT(raw)) {
        const size_t k = n - i < COUNT(raw) ? n - i : COUNT(raw);
        const Shape run = SHAPE((int64_t)k);
        const Tensor t = tensor_view(type.dtype, &run, raw);
        if (!const_read(&wide, d, i, k, raw)) return;
        scan_run(&t, &moved);
    }
    say_moved(c, name, &moved, d);
}

/* ---- converting -------------------------------------------------------------------------- */

/* Reads all elements. What has fewer than so many stays in the text, and none of them may
 * vanish. */
static bool convert_now(Module *m, const Const *c, size_t n, const char *name, Const *r,
                        Diag *d)
{
    Tensor from;
    Moved moved = { .count = 0 };
    const DType t = r->type->dtype;
    if (!const_tensor(c, d, &from)) return false;
    void *data = arena_alloc(&m->arena, type_bytes(r->type) + 1);
    Tensor to = tensor_view(t, &c->type->shape, data);
    for (size_t i = 0; i < n; i++) {
        double v = tensor_float(&from, i);
        if (t == DT_FP16 && n < CONST_FILE_MIN) v = kept_in_f16(v, &moved);
        else if (t == DT_FP16 && is_beyond(v)) {
            convert_note(&moved, v);
            v = copysign(F16_MAX, v);
        }
        tensor_set_float(&to, i, v);
    }
    tensor_free(&from);
    *r = (Const){ .type = r->type,
                  .kind = CONST_DATA,
                  .loc = c->loc,
                  .data = data,
                  .nelem = c->nelem,
                  .weight = c->weight,
                  .in_file = c->in_file };
    say_moved(c, name, &moved, d);
    return true;
}

Const *const_convert(Module *m, const Const *c, DType t, const char *name, Diag *d)
{
    size_t n;
    if (!const_at_hand(c) || !dtype_is_float(c->type->dtype)
        || !shape_count(&c->type->shape, &n))
        return NULL;
    Const *r = NEW(&m->arena, Const);
    *r = *c;
    if (c->kind == CONST_BLOB || c->kind == CONST_MADE)
        *r = *const_part(m, c, 0, c->type->shape);
    r->type = type_tensor(&m->arena, t, c->type->shape);
    if (c->kind == CONST_DATA || (n < CONST_FILE_MIN && c->kind != CONST_INIT))
        return convert_now(m, c, n, name, r, d) ? r : NULL;
    const int errors = diag_wrong(d);
    if (t == DT_FP16) const_warn_range(r, name, d);
    return errors == diag_wrong(d) ? r : NULL;
}
