/* call.c -- calls: setting arguments, checking them against the row, and reading them by
 * parameter. */
#include "ops.h"

#include <stdlib.h>
#include <string.h>

/* ---- asking ------------------------------------------------------------------------------ */

static int place_of(const Call *c, ParamId p)
{
    int place = c->info->place[p];
    if (!place) bug("%s has no parameter %s", c->info->name, param_names[p]);
    return place - 1;
}

bool call_takes(const Call *c, ParamId p) { return c->info->place[p] != 0; }

int call_has(const Call *c, ParamId p) { return c->p[place_of(c, p)].n; }

const CallArg *call_arg(const Call *c, ParamId p, int i)
{
    int at = place_of(c, p);
    return i < c->p[at].n ? &c->p[at].v[i] : NULL;
}

static bool is_tensor(const CallArg *a)
{
    return a && (a->type->kind == TY_TENSOR || a->type->kind == TY_BUFFER);
}

DType call_dtype(const Call *c, ParamId p)
{
    const CallArg *a = call_arg(c, p, 0);
    return is_tensor(a) ? a->type->dtype : DT_NONE;
}

const Shape *call_shape(const Call *c, ParamId p)
{
    const CallArg *a = call_arg(c, p, 0);
    return is_tensor(a) ? &a->type->shape : NULL;
}

const Tensor *call_val(const Call *c, ParamId p)
{
    const CallArg *a = call_arg(c, p, 0);
    return a ? a->val : NULL;
}

bool call_known(const Call *c, ParamId p) { return !call_has(c, p) || call_val(c, p); }

static const char *default_of(const Call *c, ParamId p)
{
    return param_default(&c->info->param[place_of(c, p)]);
}

/* The single element of a scalar argument, or NULL for the default. */
static const Tensor *scalar_of(const Call *c, ParamId p)
{
    const Tensor *t = call_val(c, p);
    return t && t->count >= 1 && !t->is_list ? t : NULL;
}

int64_t call_int(const Call *c, ParamId p)
{
    const Tensor *t = scalar_of(c, p);
    const char *def = default_of(c, p);
    if (t)
        return dtype_is_float(t->dtype) ? (int64_t)tensor_float(t, 0) : tensor_int(t, 0);
    return def ? strtoll(def, NULL, 10) : 0;
}

double call_float(const Call *c, ParamId p)
{
    const Tensor *t = scalar_of(c, p);
    const char *def = default_of(c, p);
    if (t) return tensor_float(t, 0);
    return def ? strtod(def, NULL) : 0;
}

bool call_bool(const Call *c, ParamId p)
{
    const Tensor *t = scalar_of(c, p);
    const char *def = default_of(c, p);
    if (t) return tensor_int(t, 0) != 0;
    return def && *def == 't';
}

const char *call_str(const Call *c, ParamId p)
{
    const Tensor *t = scalar_of(c, p);
    if (t && t->dtype == DT_STRING) return ((const char *const *)t->data)[0];
    return default_of(c, p);
}

int call_chosen(const Call *c, ParamId p)
{
    const int at = place_of(c, p);
    return c->choice ? c->choice[at]
                     : domain_choice(c->info->param[at].dom, call_str(c, p));
}

int call_choice(Call *c, ParamId p)
{
    const int at = call_chosen(c, p);
    if (at >= 0) return at;
    const char *s = call_str(c, p);
    call_error(c, "%s is \"%s\"; it must be %s", param_names[p], s ? s : "",
               domain_words(c->arena, c->info->param[place_of(c, p)].dom));
    return -1;
}

DType call_type_named(const Call *c, ParamId p)
{
    const int t = call_chosen(c, p);
    return t < 0 ? DT_NONE : (DType)t;
}

const signed char *op_choices(const Op *op, Opset o, Arena *a)
{
    const Param *p = ops[op->kind].param;
    signed char *all = NULL;
    for (int i = 0; p[i].id; i++) {
        if (domain_types(p[i].dom, o) != 1u << DT_STRING) continue;
        const Value *given = op_value(op, p[i].id);
        const char *word = given ? value_string(given) : param_default(&p[i]);
        if ((given && !word) || ops[op->kind].flags & F_CONSTEXPR) return NULL;
        if (!all) all = memset(arena_alloc(a, MAX_PARAM), -1, MAX_PARAM);
        all[i] = (signed char)domain_choice(p[i].dom, word);
    }
    return all;
}

int call_ints(const Call *c, ParamId p, int64_t *out, int max)
{
    const Tensor *t = call_val(c, p);
    if (!t || t->is_list || t->count > (size_t)max) return -1;
    for (size_t i = 0; i < t->count; i++) out[i] = tensor_int(t, i);
    return (int)t->count;
}

int call_bools(const Call *c, ParamId p, bool *out, int max)
{
    int64_t v[MAX_RANK * 4];
    int n = call_ints(c, p, v, max < (int)COUNT(v) ? max : (int)COUNT(v));
    for (int i = 0; i < n; i++) out[i] = v[i] != 0;
    return n;
}

bool call_ints_or(Call *c, ParamId p, int n, int64_t fill, int64_t *out)
{
    const Tensor *t = call_val(c, p);
    if (!t) {
        for (int i = 0; i < n; i++) out[i] = fill;
        return true;
    }
    if (t->count != (size_t)n)
        return call_error(c, "%s has %zu elements; it must have %d", param_names[p],
                          t->count, n);
    return call_ints(c, p, out, n) == n;
}

bool call_norm_axis(Call *c, ParamId p, int64_t axis, int rank, int *out)
{
    int64_t a = axis < 0 ? axis + rank : axis;
    if (a < 0 || a >= rank)
        return call_error(c, "%s %lld is outside a tensor of rank %d", param_names[p],
                          (long long)axis, rank);
    *out = (int)a;
    return true;
}

bool call_axis(Call *c, ParamId p, int rank, int *out)
{
    return call_norm_axis(c, p, call_int(c, p), rank, out);
}

/* ---- answering --------------------------------------------------------------------------- */

bool call_out_type(Call *c, const Type *t)
{
    if (c->nout == MAX_RESULT)
        bug("%s has more than %d results", c->info->name, MAX_RESULT);
    c->out[c->nout++] = t;
    return true;
}

bool call_out(Call *c, DType t, Shape s)
{
    return call_out_type(c, type_tensor(c->arena, t, s));
}

bool call_error(Call *c, const char *fmt, ...)
{
    Buf b = { 0 };
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    diag_error(c->diag, c->loc, "%s: %s", c->info->name, b.s);
    buf_free(&b);
    return false;
}

bool call_alloc(Call *c, int i, DType t, const Shape *s)
{
    tensor_free(c->res[i]);
    return tensor_alloc(c->res[i], c->diag, t, s);
}

void *call_scratch(Call *c, size_t count, size_t size)
{
    return arena_array(c->arena, count, size);
}

void *call_rough(Call *c, size_t count, size_t size)
{
    return arena_array(c->rough ? c->rough : c->arena, count, size);
}

double *call_doubles_of(Call *c, const Tensor *t)
{
    double *p = call_rough(c, t->count + 1, sizeof *p);
    tensor_get_floats(t, 0, t->count, p);
    return p;
}

double *call_doubles(Call *c, ParamId p)
{
    const Tensor *t = call_val(c, p);
    return t ? call_doubles_of(c, t) : NULL;
}

/* ---- checking ---------------------------------------------------------------------------- */

void call_init(Call *c, const OpInfo *info, Opset o, Arena *scratch, Diag *d, Loc loc)
{
    *c = (Call){ .info = info, .opset = o, .arena = scratch, .diag = d, .loc = loc };
}

void call_give(Call *c, ParamId p, int n, CallArg *v)
{
    int at = place_of(c, p);
    c->p[at].n = n;
    c->p[at].v = v;
}

bool call_set(Call *c, const char *name, int n, CallArg *v)
{
    const char *known[MAX_PARAM];
    size_t count = 0;
    for (int i = 0; c->info->param[i].id; i++) {
        if (!strcmp(param_name(&c->info->param[i]), name)) {
            call_give(c, c->info->param[i].id, n, v);
            return true;
        }
        known[count++] = param_name(&c->info->param[i]);
    }
    const char *near = name_nearest(name, known, count);
    return near ? call_error(c, "no parameter is called %s; did you mean %s?", name, near)
                : call_error(c, "no parameter is called %s", name);
}

static const char *types_text(Arena *a, DTypes set)
{
    Buf b = { 0 };
    for (int i = 1; i < DT_COUNT; i++)
        if (set >> i & 1) {
            if (b.len) buf_puts(&b, ", ");
            buf_puts(&b, dtypes[i].name);
        }
    const char *s = arena_strndup(a, b.s ? b.s : "", b.len);
    buf_free(&b);
    return s;
}

static bool check_type(Call *c, const Param *p, const CallArg *a)
{
    DTypes set = domain_types(p->dom, c->opset);
    if (set == ~0u) return true;
    if (a->type->kind != TY_TENSOR)
        return call_error(c, "%s must be a tensor, not %s", param_name(p),
                          type_text(c->arena, a->type));
    if (set >> a->type->dtype & 1) return true;
    return call_error(c, "%s is %s; %s takes %s here", param_name(p),
                      type_text(c->arena, a->type), opset_text(c->opset),
                      types_text(c->arena, set));
}

static bool check_scalar(Call *c, const Param *p, const Type *t)
{
    for (int i = 0; t->kind == TY_TENSOR && i < t->shape.rank; i++)
        if (t->shape.dim[i] != 1 && t->shape.dim[i] != DIM_ANY)
            return call_error(c, "%s must be a scalar, not %s", param_name(p),
                              shape_text(c->arena, &t->shape));
    return true;
}

/* Parameters that share a type variable must share their element type. */
static bool check_vars(Call *c)
{
    const Param *first[128] = { NULL };
    for (int i = 0; c->info->param[i].id; i++) {
        const Param *p = &c->info->param[i];
        int var = param_var(p, c->opset) & 127;
        if (!var || !c->p[i].n) continue;
        const Param *q = first[var];
        if (!q) {
            first[var] = p;
            continue;
        }
        const Type *a = c->p[q - c->info->param].v[0].type, *b = c->p[i].v[0].type;
        if (a->dtype != b->dtype)
            return call_error(c, "%s is %s but %s is %s; their element types must agree",
                              param_name(q), type_text(c->arena, a), param_name(p),
                              type_text(c->arena, b));
    }
    return true;
}

bool call_check(Call *c)
{
    for (int i = 0; c->info->param[i].id; i++) {
        const Param *p = &c->info->param[i];
        unsigned flags = param_flags(p, c->opset);
        if (!c->p[i].n) {
            if (!(flags & P_OPT) && param_in(p, c->opset))
                return call_error(c, "parameter %s is missing", param_name(p));
            continue;
        }
        if (!param_in(p, c->opset))
            return call_error(c, "parameter %s does not exist in %s (%s ios%d)",
                              param_name(p), opset_text(c->opset),
                              p->since ? "from" : "until",
                              p->since ? p->since : p->until);
        if (c->p[i].n > 1 && !(flags & P_VARIADIC))
            return call_error(c, "parameter %s takes one value, not %d", param_name(p),
                              c->p[i].n);
        for (int k = 0; k < c->p[i].n; k++)
            if (!check_type(c, p, &c->p[i].v[k])) return false;
        if ((flags & P_CONST) && !c->p[i].v[0].val && !c->p[i].v[0].constant)
            return call_error(c, "parameter %s must be a constant", param_name(p));
        if ((flags & P_SCALAR) && !check_scalar(c, p, c->p[i].v[0].type)) return false;
    }
    return check_vars(c);
}

/* ---- running ----------------------------------------------------------------------------- */

bool call_run(Call *c, Tensor *res, int max)
{
    if (!c->info->eval)
        return call_error(c, c->info->flags & F_UNSUPPORTED
                                 ? "this op is not supported"
                                 : "this op cannot be run here");
    if (!call_check(c) || (c->info->infer && !c->info->infer(c))) return false;
    if (c->nout > max) bug("%s has %d results, room for %d", c->info->name, c->nout, max);
    bool ok = true;
    for (int i = 0; ok && i < c->nout; i++) {
        const Type *t = c->out[i];
        c->res[i] = &res[i];
        if (t->kind == TY_TENSOR && shape_known(&t->shape))
            ok = tensor_again(&res[i], c->diag, t->dtype, &t->shape);
        else tensor_free(&res[i]);
    }
    ok = ok && c->info->eval(c);
    if (!ok)
        for (int i = 0; i < c->nout; i++) tensor_free(&res[i]);
    return ok;
}

/* ---- the call an op of the IR is --------------------------------------------------------- */

/* A literal's value when its bytes are at hand; of a weight file only what may be a shape or an
 * index: larger ones are data, which types do not depend on. */
static const Tensor *literal_value(const Value *v, Arena *scratch, Diag *d)
{
    enum { SMALL = 4096, FLOATS = 64 }; /* bytes; of floats nobody takes shapes */
    const Const *k = value_lit(v);
    if (!k || k->type->kind != TY_TENSOR || k->kind == CONST_GROUP) return NULL;
    /* The verifier reports both; what follows from them is not said. */
    if (!shape_known(&k->type->shape) || !type_equal(k->type, v->type)) return NULL;
    const size_t bytes = type_bytes(k->type);
    const bool small = bytes <= (dtype_is_float(k->type->dtype) ? FLOATS : SMALL);
    if (k->kind != CONST_DATA && !small) return NULL;
    if (k->kind == CONST_BLOB && (!k->file || k->file->absent)) return NULL;
    Tensor *t = NEW(scratch, Tensor);
    if (k->kind == CONST_DATA) {
        *t = tensor_view(k->type->dtype, &k->type->shape, k->data);
        return t;
    }
    *t = tensor_view(k->type->dtype, &k->type->shape, arena_alloc(scratch, bytes + 16));
    return const_read(k, d, 0, t->count, t->data) ? t : NULL;
}

static CallArg *values_of(Value *const *val, int n, Arena *scratch, Diag *d)
{
    CallArg *v = NEW_ARRAY(scratch, n, CallArg);
    for (int i = 0; i < n; i++)
        v[i] = (CallArg){ .type = val[i]->type,
                          .val = literal_value(val[i], scratch, d),
                          .constant = value_is_const(val[i]) };
    return v;
}

bool call_of_op(Call *c, const Op *op, Arena *scratch, Diag *d)
{
    call_init(c, &ops[op->kind], op_opset(op), scratch, d, op_loc(op));
    for (int i = 0; i < op->narg; i++) {
        const Arg *a = &op->arg[i];
        CallArg *v = values_of(a->val, arg_count(a), scratch, d);
        if (a->param) call_give(c, a->param, arg_count(a), v);
        else if (!call_set(c, arg_name(a), arg_count(a), v)) return false;
    }
    if (!(ops[op->kind].flags & F_CONSTEXPR)) return true;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++) { /* up to ios17 the data are attributes */
        const Attr *a = &attrs.at[i];
        const Param *p = op_param(c->info, a->name);
        if (!p) continue;
        Literal *lit = NEW(scratch, Literal);
        *lit = const_literal(a->val);
        Value *v = &lit->v;
        call_give(c, p->id, 1, values_of(&v, 1, scratch, d));
    }
    return true;
}
