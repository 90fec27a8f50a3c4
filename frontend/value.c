/* value.c -- compile-time values: making, comparing, describing and adding them; scopes. */
#include "lower.h"
#include "grammar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

Val val_int(int64_t i) { return (Val){ .kind = V_INT, .u.i = i }; }
Val val_float(double f) { return (Val){ .kind = V_FLOAT, .u.f = f }; }
Val val_bool(bool b) { return (Val){ .kind = V_BOOL, .u.b = b }; }
Val val_string(const char *s) { return (Val){ .kind = V_STRING, .u.s = s }; }
Val val_poison(void) { return (Val){ .kind = V_POISON }; }

Val val_tensor(Value *v)
{
    if (v->type->kind == TY_POISON) return val_poison();
    return (Val){ .kind = V_TENSOR, .u.tensor = v };
}

Val val_list(Lower *l, int64_t n)
{
    List *list = NEW(&l->arena, List);
    list->n = n;
    list->at = NEW_ARRAY(&l->arena, n, Val);
    return (Val){ .kind = V_LIST, .u.list = list };
}

ValKind list_alike(List *list)
{
    if (list->alike != V_NONE) return list->alike;
    ValKind kind = list->n ? list->at[0].kind : V_POISON;
    if (kind != V_INT && kind != V_FLOAT && kind != V_BOOL) kind = V_POISON;
    for (int64_t i = 1; i < list->n && kind != V_POISON; i++)
        if (list->at[i].kind != kind) kind = V_POISON;
    return list->alike = kind;
}

Val list_slice(Lower *l, List *of, int64_t from, int64_t n)
{
    if (of->room) { /* it may still grow, and be moved */
        Val v = val_list(l, n);
        if (n) memcpy(v.u.list->at, of->at + from, (size_t)n * sizeof *of->at);
        return v;
    }
    List *part = NEW(&l->arena, List);
    List *whole = of->whole ? of->whole : of;
    *part = (List){ .n = n, .at = of->at + from, .whole = whole };
    if (list_alike(whole) != V_POISON && n) {
        Shape *s = NEW(&l->arena, Shape);
        *s = SHAPE(n);
        part->shape = s;
        part->leaf = part->alike = whole->alike;
    }
    return (Val){ .kind = V_LIST, .u.list = part };
}

bool val_is_tensor(Val v) { return v.kind == V_TENSOR || v.kind == V_WEIGHT; }
bool val_is_number(Val v) { return v.kind == V_INT || v.kind == V_FLOAT; }
double val_double(Val v) { return v.kind == V_INT ? (double)v.u.i : v.u.f; }

const Shape *val_shape(Val v)
{
    if (v.kind == V_STATE) return &v.u.state->type->shape;
    return v.kind == V_WEIGHT ? &v.u.view->shape : &v.u.tensor->type->shape;
}

DType val_dtype(Val v)
{
    if (v.kind == V_STATE) return v.u.state->type->dtype;
    return v.kind == V_WEIGHT ? v.u.view->weight->value->type->dtype
                              : v.u.tensor->type->dtype;
}

typedef enum { ALIKE_NO, ALIKE_MAYBE, ALIKE_YES } Alike;

static Alike val_alike(Lower *l, Loc loc, Val a, Val b, int depth);

/* As its least alike elements are. */
static Alike list_alikeness(Lower *l, Loc loc, const List *a, const List *b, int depth)
{
    Alike all = ALIKE_YES;
    if (a->n != b->n) return ALIKE_NO;
    if (depth == MAX_RANK) {
        lower_error(l, loc, "lists nested deeper than %d are not compared", MAX_RANK);
        return ALIKE_NO;
    }
    for (int64_t i = 0; all && i < a->n; i++) {
        const Alike one = lower_step(l, loc)
                            ? val_alike(l, loc, a->at[i], b->at[i], depth + 1)
                            : ALIKE_NO;
        if (one < all) all = one;
    }
    return all;
}

static Alike val_alike(Lower *l, Loc loc, Val a, Val b, int depth)
{
    const bool run = a.kind == V_DIM || b.kind == V_DIM;
    if (run && (a.kind == b.kind || a.kind == V_INT || b.kind == V_INT))
        return dim_same(a, b) ? ALIKE_YES : ALIKE_MAYBE;
    bool same = a.kind == b.kind;
    if (val_is_number(a) && val_is_number(b))
        same = same && a.kind == V_INT ? a.u.i == b.u.i : val_double(a) == val_double(b);
    else if (same && a.kind == V_BOOL) same = a.u.b == b.u.b;
    else if (same && a.kind == V_STRING) same = !strcmp(a.u.s, b.u.s);
    else if (same && a.kind == V_LIST)
        return list_alikeness(l, loc, a.u.list, b.u.list, depth);
    else if (same && a.kind != V_NONE) same = a.u.s == b.u.s;
    return same ? ALIKE_YES : ALIKE_NO;
}

Val val_equal(Lower *l, Loc loc, Val a, Val b)
{
    const Alike alike = val_alike(l, loc, a, b, 0);
    return alike == ALIKE_MAYBE ? (Val){ .kind = V_MAYBE } : val_bool(alike == ALIKE_YES);
}

/* ---- as text ----------------------------------------------------------------------------- */

static void put_number(Buf *b, double f)
{
    char s[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, f);
        if (strtod(s, NULL) == f) break;
    }
    buf_puts(b, s);
    if (!strpbrk(s, ".en")) buf_puts(b, ".0");
}

static const char *const kind_names[] = {
    [V_NONE] = "none",
    [V_POISON] = "something wrong",
    [V_INT] = "an int",
    [V_FLOAT] = "a float",
    [V_BOOL] = "a bool",
    [V_STRING] = "a string",
    [V_LIST] = "a list",
    [V_TENSOR] = "a tensor",
    [V_WEIGHT] = "a weight",
    [V_FN] = "a function",
    [V_LAYER] = "a layer",
    [V_MODEL] = "a model",
    [V_INSTANCE] = "a layer in use",
    [V_FILE] = "an imported file",
    [V_BUILTIN] = "a built-in function",
    [V_OP] = "an op",
    [V_STATE] = "a state (read(..) is what it holds)",
    [V_DIM] = "a dimension that is known when the model runs",
    [V_MAYBE] = "a truth that is known when the model runs",
};

static void put_val(Lower *l, Buf *b, Val v, int depth)
{
    enum { MAX_SHOWN = 32, MAX_NESTING = 8 };
    switch (v.kind) {
    case V_INT:
        buf_printf(b, "%lld", (long long)v.u.i);
        return;
    case V_FLOAT:
        put_number(b, v.u.f);
        return;
    case V_BOOL:
        buf_puts(b, v.u.b ? "true" : "false");
        return;
    case V_STRING:
        buf_puts(b, v.u.s);
        return;
    case V_TENSOR:
        buf_puts(b, type_text(&l->arena, v.u.tensor->type));
        return;
    case V_DIM:
        buf_puts(b, "?");
        return;
    case V_WEIGHT:
        buf_printf(b, "weight %s", shape_text(&l->arena, val_shape(v)));
        return;
    case V_LIST:
        buf_putc(b, '[');
        for (int64_t i = 0; i < v.u.list->n; i++) {
            if (i) buf_puts(b, ", ");
            if (i == MAX_SHOWN || depth == MAX_NESTING) {
                buf_puts(b, "..");
                break;
            }
            put_val(l, b, v.u.list->at[i], depth + 1);
        }
        buf_putc(b, ']');
        return;
    default:
        buf_puts(b, kind_names[v.kind]);
    }
}

const char *val_text(Lower *l, Val v)
{
    Buf b = { 0 };
    put_val(l, &b, v, 0);
    const char *s = arena_strndup(&l->arena, b.s ? b.s : "", b.len);
    buf_free(&b);
    return s;
}

const char *val_kind(Lower *l, Val v)
{
    if (v.kind == V_TENSOR || v.kind == V_WEIGHT)
        return arena_printf(&l->arena, "%s %s%s", kind_names[v.kind],
                            dtypes[val_dtype(v)].name,
                            shape_text(&l->arena, val_shape(v)));
    if (val_is_number(v) || v.kind == V_BOOL)
        return arena_printf(&l->arena, "the %s %s", strchr(kind_names[v.kind], ' ') + 1,
                            val_text(l, v));
    return kind_names[v.kind];
}

/* ---- scopes ------------------------------------------------------------------------------ */

static Slot *env_slot(Slot *slot, int cap, const char *name)
{
    size_t mask = (size_t)cap - 1;
    size_t i = (size_t)(((uintptr_t)name >> 3) * 0x9E3779B97F4A7C15u >> 24) & mask;
    while (slot[i].name && slot[i].name != name) i = (i + 1) & mask;
    return &slot[i];
}

Val *env_get(const Env *e, const char *name)
{
    if (!e->cap) return NULL;
    Slot *s = env_slot(e->slot, e->cap, name);
    return s->name ? &s->val : NULL;
}

void env_set(Lower *l, Env *e, const char *name, Val v)
{
    if (2 * e->count >= e->cap) {
        int cap = e->cap ? 2 * e->cap : 8;
        Slot *more = lower_take(l, (size_t)cap * sizeof *more);
        for (int i = 0; i < e->cap; i++)
            if (e->slot[i].name) *env_slot(more, cap, e->slot[i].name) = e->slot[i];
        lower_give(l, e->slot, (size_t)e->cap * sizeof *more);
        e->slot = more;
        e->cap = cap;
    }
    Slot *s = env_slot(e->slot, e->cap, name);
    if (!s->name) e->count++;
    *s = (Slot){ .name = name, .val = v };
}

void env_end(Lower *l, Env *e)
{
    lower_give(l, e->slot, (size_t)e->cap * sizeof *e->slot);
    *e = (Env){ 0 };
}

void lower_tell_bound(Lower *l, const Node *name, Val v)
{
    if (l->opt->bound && v.kind != V_POISON)
        l->opt->bound(l->opt->bound_ctx, name->loc, val_kind(l, v));
}

void lower_bind(Lower *l, const Node *name, Val v)
{
    env_set(l, l->frame->env, name->name, v);
    lower_tell_bound(l, name, v);
}

/* ---- arithmetic of numbers --------------------------------------------------------------- */

static Val val_compare(int token, double order)
{
    switch (token) {
    case TK_EQ:
        return val_bool(order == 0);
    case TK_NE:
        return val_bool(order != 0);
    case TK_LT:
        return val_bool(order < 0);
    case TK_LE:
        return val_bool(order <= 0);
    case TK_GT:
        return val_bool(order > 0);
    default:
        return val_bool(order >= 0);
    }
}

/* l NULL: nothing is said. */
static Val val_bad(Lower *l, Loc loc, const char *why)
{
    if (l) lower_error(l, loc, "%s", why);
    return val_poison();
}

static bool int_power(int64_t x, int64_t n, int64_t *out)
{
    *out = 1;
    for (; n > 0; n >>= 1) {
        if (n & 1 && __builtin_mul_overflow(*out, x, out)) return false;
        if (n > 1 && __builtin_mul_overflow(x, x, &x)) return false;
    }
    return true;
}

/* Quotient toward minus infinity, and the remainder that belongs to it. */
static void floor_divide(int64_t a, int64_t b, int64_t *q, int64_t *r)
{
    *q = a / b;
    *r = a % b;
    if (*r && (*r < 0) != (b < 0)) {
        *q -= 1;
        *r += b;
    }
}

static Val int_op(Lower *l, Loc loc, int token, int64_t a, int64_t b)
{
    int64_t out = 0, rest = 0;
    bool fits = true;
    switch (token) {
    case TK_PLUS:
        fits = !__builtin_add_overflow(a, b, &out);
        break;
    case TK_MINUS:
        fits = !__builtin_sub_overflow(a, b, &out);
        break;
    case TK_STAR:
        fits = !__builtin_mul_overflow(a, b, &out);
        break;
    case TK_POWER:
        if (b < 0) return val_float(pow((double)a, (double)b));
        fits = int_power(a, b, &out);
        break;
    case TK_SLASH:
    case TK_FLOORDIV:
    case TK_PERCENT:
        if (!b) return val_bad(l, loc, "division by zero");
        if (a == INT64_MIN && b == -1) fits = false;
        else floor_divide(a, b, &out, &rest);
        if (token == TK_SLASH && rest) {
            if (l)
                lower_error(
                    l, loc,
                    "%lld / %lld is not a whole number; // rounds down, %lld.0 / %lld gives a float",
                    (long long)a, (long long)b, (long long)a, (long long)b);
            return val_poison();
        }
        if (token == TK_PERCENT) out = rest;
        break;
    default:
        return val_compare(token, a < b ? -1 : a > b);
    }
    return fits ? val_int(out) : val_bad(l, loc, "the result does not fit 64 bits");
}

static Val float_op(Lower *l, Loc loc, int token, double a, double b)
{
    if ((token == TK_SLASH || token == TK_FLOORDIV || token == TK_PERCENT) && b == 0)
        return val_bad(l, loc, "division by zero");
    switch (token) {
    case TK_PLUS:
        return val_float(a + b);
    case TK_MINUS:
        return val_float(a - b);
    case TK_STAR:
        return val_float(a * b);
    case TK_SLASH:
        return val_float(a / b);
    case TK_FLOORDIV:
        return val_float(floor(a / b));
    case TK_PERCENT:
        return val_float(a - b * floor(a / b));
    case TK_POWER:
        return val_float(pow(a, b));
    default:
        return isnan(a) || isnan(b) ? val_bool(token == TK_NE)
                                    : val_compare(token, a < b ? -1 : a > b);
    }
}

Val number_op(Lower *l, Loc loc, int token, Val a, Val b)
{
    if (a.kind == V_INT && b.kind == V_INT) return int_op(l, loc, token, a.u.i, b.u.i);
    return float_op(l, loc, token, val_double(a), val_double(b));
}

Val number_try(int token, Val a, Val b)
{
    return number_op(NULL, (Loc){ .src = NULL }, token, a, b);
}
