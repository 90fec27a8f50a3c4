/* lower_builtin.c -- functions of compile-time values, and the arithmetic of ops on plain
 * numbers. */
#include "lower.h"
#include "grammar.h"

#include <math.h>
#include <string.h>

/* l NULL, here and in what numbers alone are given to: nothing is said. */
static Val builtin_wrong(Lower *l, Loc loc, const char *what, Val v)
{
    if (l) lower_error(l, loc, "%s, not %s", what, val_kind(l, v));
    return val_poison();
}

static Val b_len(Lower *l, Loc loc, Val *a, int n)
{
    (void)n;
    if (a->kind == V_LIST) return val_int(a->u.list->n);
    if (a->kind == V_STRING) return val_int((int64_t)strlen(a->u.s));
    if (!val_is_tensor(*a)) return builtin_wrong(l, loc, "len takes a list", *a);
    return builtin_wrong(l, loc, "len takes a list, x.shape for example", *a);
}

static Val b_range(Lower *l, Loc loc, Val *a, int n)
{
    int64_t v[3] = { 0, 0, 1 };
    for (int i = 0; i < n; i++)
        if (a[i].kind != V_INT) return builtin_wrong(l, loc, "range takes ints", a[i]);
    if (n == 1) v[1] = a[0].u.i;
    for (int i = 0; n > 1 && i < n; i++) v[i] = a[i].u.i;
    if (v[2] == 0)
        return builtin_wrong(l, loc, "the step of a range must differ from 0", a[2]);
    double span = ceil(((double)v[1] - (double)v[0]) / (double)v[2]);
    if (span > MAX_LIST)
        return builtin_wrong(l, loc, "a range has at most 4000000 elements", a[n - 1]);
    Val list = val_list(l, span > 0 ? (int64_t)span : 0);
    for (int64_t i = 0; i < list.u.list->n; i++)
        list.u.list->at[i] = val_int(v[0] + i * v[2]);
    return list;
}

static Val b_enumerate(Lower *l, Loc loc, Val *a, int n)
{
    (void)n;
    if (a->kind != V_LIST) return builtin_wrong(l, loc, "enumerate takes a list", *a);
    Val list = val_list(l, a->u.list->n);
    for (int64_t i = 0; i < a->u.list->n; i++) {
        Val pair = val_list(l, 2);
        pair.u.list->at[0] = val_int(i);
        pair.u.list->at[1] = a->u.list->at[i];
        list.u.list->at[i] = pair;
    }
    return list;
}

static Val b_int(Lower *l, Loc loc, Val *a, int n)
{
    (void)n;
    if (a->kind == V_INT) return *a;
    if (a->kind == V_BOOL) return val_int(a->u.b);
    if (a->kind == V_FLOAT && fabs(a->u.f) < 9e18) return val_int((int64_t)a->u.f);
    return builtin_wrong(l, loc, "int takes a number that fits 64 bits", *a);
}

static Val b_float(Lower *l, Loc loc, Val *a, int n)
{
    (void)n;
    return val_is_number(*a)
             ? val_float(val_double(*a))
             : builtin_wrong(l, loc,
                             "float takes a number, and cast(x, \"fp32\") a tensor", *a);
}

static Val b_str(Lower *l, Loc loc, Val *a, int n)
{
    (void)loc, (void)n;
    return val_string(val_text(l, *a));
}

/* min, max, sum, prod: of their arguments, or of one list. of_tensors: what does it to
 * tensors. */
static Val builtin_reduce(Lower *l, Loc loc, Val *a, int n, int token, Val start,
                          const char *of_tensors)
{
    Val *at = a, out = start;
    int64_t count = n;
    if (n == 1 && a->kind == V_LIST) {
        at = a->u.list->at;
        count = a->u.list->n;
    }
    for (int64_t i = 0; i < count; i++) {
        if (l && val_is_tensor(at[i])) {
            lower_error(l, loc, "a number is needed, not %s; of tensors it is %s",
                        val_kind(l, at[i]), of_tensors);
            return val_poison();
        }
        if (!val_is_number(at[i]))
            return builtin_wrong(l, loc, "a number is needed", at[i]);
        if (out.kind == V_NONE) out = at[i];
        else if (token == TK_LT || token == TK_GT)
            out = number_op(l, loc, token, at[i], out).u.b ? at[i] : out;
        else out = number_op(l, loc, token, out, at[i]);
        if (out.kind == V_POISON) return out;
    }
    if (out.kind != V_NONE) return out;
    if (l) lower_error(l, loc, "of no numbers there is no least and no greatest");
    return val_poison();
}

static Val b_min(Lower *l, Loc loc, Val *a, int n)
{
    return builtin_reduce(l, loc, a, n, TK_LT, (Val){ .kind = V_NONE },
                          "minimum(a, b), and reduce_min(x, axes = [..]) along axes");
}
static Val b_max(Lower *l, Loc loc, Val *a, int n)
{
    return builtin_reduce(l, loc, a, n, TK_GT, (Val){ .kind = V_NONE },
                          "maximum(a, b), and reduce_max(x, axes = [..]) along axes");
}
static Val b_sum(Lower *l, Loc loc, Val *a, int n)
{
    return builtin_reduce(l, loc, a, n, TK_PLUS, val_int(0),
                          "a + b, and reduce_sum(x, axes = [..]) along axes");
}
static Val b_prod(Lower *l, Loc loc, Val *a, int n)
{
    return builtin_reduce(l, loc, a, n, TK_STAR, val_int(1),
                          "a * b, and reduce_prod(x, axes = [..]) along axes");
}

static Val b_is_const(Lower *l, Loc loc, Val *a, int n)
{
    (void)l, (void)loc, (void)n;
    const bool input = a->kind == V_WEIGHT && weight_promoted(l, a->u.view->weight);
    return val_bool(!input && (a->kind != V_TENSOR || value_is_const(a->u.tensor)));
}

static Val b_kind(Lower *l, Loc loc, Val *a, int n)
{
    static const char *const words[] = {
        [V_NONE] = "none",        [V_INT] = "int",        [V_FLOAT] = "float",
        [V_BOOL] = "bool",        [V_STRING] = "string",  [V_LIST] = "list",
        [V_TENSOR] = "tensor",    [V_WEIGHT] = "tensor",  [V_FN] = "function",
        [V_BUILTIN] = "function", [V_OP] = "function",    [V_LAYER] = "layer type",
        [V_MODEL] = "model",      [V_INSTANCE] = "layer", [V_FILE] = "file",
        [V_STATE] = "state",      [V_DIM] = "extent",     [V_MAYBE] = "bool",
    };
    (void)l, (void)loc, (void)n;
    return val_string(words[a->kind]);
}

/* Said whatever was said before. */
static Val b_print(Lower *l, Loc loc, Val *a, int n)
{
    Buf b = { 0 };
    for (int i = 0; i < n; i++) buf_printf(&b, "%s%s", i ? " " : "", val_text(l, a[i]));
    l->diag->dropped = false;
    diag_note(l->diag, lower_blame(l, loc), "%s", b.s ? b.s : "");
    buf_free(&b);
    return (Val){ .kind = V_NONE };
}

const Builtin builtins[] = {
    { "kind", 1, 1, b_kind },
    { "print", 1, 1000, b_print },
    { "len", 1, 1, b_len },
    { "range", 1, 3, b_range },
    { "enumerate", 1, 1, b_enumerate },
    { "int", 1, 1, b_int },
    { "float", 1, 1, b_float },
    { "str", 1, 1, b_str },
    { "min", 1, 1000, b_min },
    { "max", 1, 1000, b_max },
    { "sum", 1, 1000, b_sum },
    { "prod", 1, 1000, b_prod },
    { "is_const", 1, 1, b_is_const },
    { "grad", 2, 3, builtin_grad },
    { "stop", 1, 1, builtin_stop },
    { "weights", 0, 1, builtin_weights },
    { "paths", 0, 1, builtin_paths },
    { "zip", 2, 16, builtin_zip },
    { "read", 1, 1, builtin_read },
    { "write", 2, 2, builtin_write },
    { "Sequential", 0, 1000, builtin_sequential },
    { NULL, 0, 0, NULL },
};

const Builtin *builtin_find(const char *name)
{
    for (const Builtin *b = builtins; b->name; b++)
        if (!strcmp(b->name, name)) return b;
    return NULL;
}

/* ---- ops on numbers ---------------------------------------------------------------------- */

static double builtin_sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
static double one_over_sqrt(double x) { return 1 / sqrt(x); }

static int64_t whole_abs(int64_t x) { return x < 0 ? -x : x; }

static const NumberFunction functions[] = {
    { "sqrt", 1, .one = sqrt },         { "rsqrt", 1, .one = one_over_sqrt },
    { "exp", 1, .one = exp },           { "exp2", 1, .one = exp2 },
    { "log", 1, .one = log },           { "sin", 1, .one = sin },
    { "cos", 1, .one = cos },           { "tan", 1, .one = tan },
    { "tanh", 1, .one = tanh },         { "erf", 1, .one = erf },
    { "sign", 1, .one = builtin_sign }, { "floor", 1, .one = floor },
    { "ceil", 1, .one = ceil },         { "round", 1, .one = nearbyint },
    { "pow", 2, .two = pow },           { "abs", 1, .one = fabs, .whole = whole_abs },
};

const NumberFunction *number_function(const char *op)
{
    for (size_t i = 0; i < COUNT(functions); i++)
        if (!strcmp(functions[i].name, op)) return &functions[i];
    return NULL;
}

Val number_apply(const NumberFunction *f, const Val *a)
{
    if (f->whole && a->kind == V_INT && a->u.i != INT64_MIN)
        return val_int(f->whole(a->u.i));
    if (f->two) return val_float(f->two(val_double(a[0]), val_double(a[1])));
    return val_float(f->one(val_double(a[0])));
}

/* Of numbers that an author wrote: what is no number, or infinite, is seldom meant. */
static void warn_number(Lower *l, Loc loc, const char *op, const Val *a, int n, Val out)
{
    bool finite = true;
    for (int i = 0; i < n; i++) finite = finite && isfinite(val_double(a[i]));
    if (!finite || out.kind != V_FLOAT || isfinite(out.u.f)) return;
    diag_warn(l->diag, WARN_PRECISION, loc, "%s(%s%s%s) is %s", op, val_text(l, a[0]),
              n > 1 ? ", " : "", n > 1 ? val_text(l, a[1]) : "",
              isnan(out.u.f)  ? "no number"
              : out.u.f < 0.0 ? "-inf"
                              : "inf");
}

bool fold_math(Lower *l, Loc loc, const char *op, int n, const NamedVal *arg, Val *out)
{
    const NumberFunction *f = number_function(op);
    Val a[2];
    if (!f || n != f->takes) return false;
    for (int i = 0; i < n; i++) {
        if (!val_is_number(arg[i].val) || arg[i].name) return false;
        a[i] = arg[i].val;
    }
    *out = number_apply(f, a);
    warn_number(l, loc, op, a, n, *out);
    return true;
}
