/* constant.c -- values that are constants (literals, and results of constexpr ops) and their
 * elements. */
#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* Fn holds for each literal and constexpr that v is made of. A constexpr of a constexpr of one
 * is what ios18 has; deeper ones are hostile. */
typedef bool Holds(const Const *c);

static bool any_const(const Const *c) { return c != NULL; }

static bool made_of(const Value *v, Holds *holds, int depth)
{
    enum { DEEPEST = 4 };
    if (value_lit(v)) return holds(value_lit(v));
    const Op *op = v->def;
    if (!op || !op_decodes(op) || depth == DEEPEST) return false;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (!made_of(op->arg[i].val[k], holds, depth + 1)) return false;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++)
        if (op_param(&ops[op->kind], attrs.at[i].name) && !holds(attrs.at[i].val))
            return false;
    return true;
}

bool value_is_const(const Value *v) { return made_of(v, any_const, 0); }
bool value_at_hand(const Value *v) { return made_of(v, const_at_hand, 0); }

/* ---- elements ---------------------------------------------------------------------------- */

/* Where each argument of a call comes from: a value, or (up to ios17) an attribute. */
static bool constant_load(const Value *v, const Const *attr, Diag *d, Tensor *out)
{
    return v ? value_tensor(v, d, out) : attr && const_tensor(attr, d, out);
}

/* The call's arguments that are not known to it, since they are large or decoded. */
static bool load_all(Call *c, const Op *op, Diag *d, Tensor *room, int *n)
{
    for (int i = 0; c->info->param[i].id; i++) {
        const char *name = param_name(&c->info->param[i]);
        const Arg *a = op_find_arg(op, c->info->param[i].id);
        for (int k = 0; k < c->p[i].n; k++) {
            if (c->p[i].v[k].val) continue;
            if (!constant_load(a ? a->val[k] : NULL, op_attr(op, name), d, &room[*n]))
                return false;
            c->p[i].v[k].val = &room[(*n)++];
        }
    }
    return true;
}

static int constant_arguments(const Call *c)
{
    int n = 0;
    for (int i = 0; c->info->param[i].id; i++) n += c->p[i].n;
    return n;
}

bool op_compute(const Op *op, Diag *d, Tensor *res, int *n)
{
    Arena scratch = { 0 };
    Call *c = NEW(&scratch, Call);
    int loaded = 0;
    bool ok = call_of_op(c, op, &scratch, d);
    Tensor *room = NEW_ARRAY(&scratch, ok ? constant_arguments(c) + 1 : 1, Tensor);
    ok = ok && load_all(c, op, d, room, &loaded) && call_run(c, res, MAX_RESULT);
    *n = ok ? c->nout : 0;
    for (int i = 0; i < loaded; i++) tensor_free(&room[i]);
    arena_free(&scratch);
    return ok;
}

bool op_is_computable(const Op *op)
{
    return op->kind != OP_NONE && op->nout && op->narg && ops[op->kind].eval
        && !(ops[op->kind].flags & (F_IMPURE | F_UNSUPPORTED | F_CONSTEXPR));
}

static bool is_finite(const Tensor *t, double *other)
{
    for (size_t i = 0; dtype_is_float(t->dtype) && i < t->count; i++)
        if (!isfinite(*other = tensor_float(t, i))) return false;
    return true;
}

static bool made_of_finite(const Op *op)
{
    Diag quiet = { .quiet = true };
    bool finite = true;
    for (int i = 0; finite && i < op->narg; i++)
        for (int k = 0; finite && k < arg_count(&op->arg[i]); k++) {
            Tensor arg;
            double other;
            if (!value_tensor(op->arg[i].val[k], &quiet, &arg)) continue;
            finite = is_finite(&arg, &other);
            tensor_free(&arg);
        }
    diag_free(&quiet);
    return finite;
}

bool op_warn_not_finite(const Op *op, int index, const Tensor *t, Diag *d)
{
    double first;
    if (is_finite(t, &first)) return false;
    if (made_of_finite(op))
        diag_warn(d, WARN_PRECISION, op_loc(op),
                  "%s, computed from finite constants, holds %g", op->out[index]->name,
                  first);
    return true;
}

static const Const *constant_kept(Module *m, const Tensor *t)
{
    const Type *type = module_tensor(m, t->dtype, &t->shape);
    void *p = arena_alloc(&m->arena, t->bytes + 1);
    if (t->bytes) memcpy(p, t->data, t->bytes);
    const char **s = p;
    for (size_t i = 0; t->dtype == DT_STRING && i < t->count; i++)
        s[i] = arena_strdup(&m->arena, s[i]);
    return const_data(&m->arena, type, p);
}

bool op_literals(Module *m, const Op *op, size_t most, Diag *d, const Const **out)
{
    Diag quiet = { .quiet = true };
    Tensor res[MAX_RESULT] = { { 0 } };
    size_t bytes = 0;
    int n;
    bool ok = op_compute(op, &quiet, res, &n) && n == op->nout;
    for (int i = 0; ok && i < n; i++) {
        bytes += res[i].bytes;
        ok = !res[i].is_list && res[i].dtype == op->out[i]->type->dtype && bytes <= most;
    }
    for (int i = 0; ok && i < n; i++) {
        op_warn_not_finite(op, i, &res[i], d);
        out[i] = constant_kept(m, &res[i]);
    }
    for (int i = 0; i < MAX_RESULT; i++) tensor_free(&res[i]);
    diag_free(&quiet);
    return ok;
}

static bool constant_decode(const Op *op, int index, Diag *d, Tensor *out)
{
    Tensor res[MAX_RESULT] = { { 0 } };
    int n;
    const bool ok = op_compute(op, d, res, &n) && index < n;
    if (ok) {
        *out = res[index];
        res[index] = (Tensor){ 0 };
    }
    for (int i = 0; i < MAX_RESULT; i++) tensor_free(&res[i]);
    return ok;
}

bool value_tensor(const Value *v, Diag *d, Tensor *out)
{
    if (value_lit(v))
        return value_lit(v)->kind != CONST_GROUP && value_lit(v)->type->kind == TY_TENSOR
            && const_tensor(value_lit(v), d, out);
    return value_is_const(v) && constant_decode(v->def, v->index, d, out);
}
