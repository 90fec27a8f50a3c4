/* lower_column.c -- steps of an expression, each done to a column of values.
 *
 * step_value is what a step means: of one element, by the functions that the walk of the tree
 * has too. Where all elements of a column are of one kind, and nothing goes wrong, the loops
 * below do the same to all of them. */
#include "lower_number.h"
#include "grammar.h"

#include <math.h>
#include <string.h>

/* ---- columns ----------------------------------------------------------------------------- */

static Val column_at(const NumberColumn *c, int k)
{
    Val v = { .kind = c->mixed ? (ValKind)c->own[k] : c->kind };
    switch (v.kind) {
    case V_FLOAT:
        v.u.f = c->u.f[k];
        break;
    case V_BOOL:
        v.u.b = c->u.i[k] != 0;
        break;
    case V_INT:
        v.u.i = c->u.i[k];
        break;
    default:
        memcpy(&v.u, &c->u.i[k], sizeof v.u);
        break;
    }
    return v;
}

/* An element of n; column_settle has to follow. False: a column has no such values. */
static bool column_put(NumberColumn *c, int k, Val v)
{
    c->own[k] = (uint8_t)v.kind;
    switch (v.kind) {
    case V_FLOAT:
        c->u.f[k] = v.u.f;
        return true;
    case V_BOOL:
        c->u.i[k] = v.u.b;
        return true;
    case V_INT:
        c->u.i[k] = v.u.i;
        return true;
    case V_LIST:
    case V_STRING:
        memcpy(&c->u.i[k], &v.u, sizeof v.u);
        return true;
    default:
        return v.kind == V_NONE || v.kind == V_POISON;
    }
}

/* Whether the elements, each of a kind of its own, are of one. */
static void column_settle(NumberColumn *c, int n)
{
    int same = 1;
    while (same < n && c->own[same] == c->own[0]) same++;
    c->mixed = same < n || (n && c->own[0] == V_POISON);
    c->kind = c->mixed || !n ? V_NONE : (ValKind)c->own[0];
}

static bool column_is(const NumberColumn *c, ValKind kind)
{
    return !c->mixed && c->kind == kind;
}

static bool column_is_number(const NumberColumn *c)
{
    return column_is(c, V_INT) || column_is(c, V_FLOAT);
}

static void column_fill(NumberColumn *c, Val v, int n)
{
    column_put(c, 0, v);
    const int64_t first = c->u.i[0];
    for (int k = 1; k < n; k++) c->u.i[k] = first;
    c->kind = v.kind;
    c->mixed = false;
}

static void column_copy(NumberColumn *to, const NumberColumn *from, int n)
{
    to->kind = from->kind;
    to->mixed = from->mixed;
    if (to->mixed) memcpy(to->own, from->own, (size_t)n);
    memcpy(&to->u, &from->u, (size_t)n * sizeof *to->u.i);
}

/* Numbers as floats. False: some are no numbers. */
static bool column_float(NumberColumn *c, int n)
{
    for (int k = 0; c->mixed && k < n; k++)
        if (c->own[k] != V_INT && c->own[k] != V_FLOAT) return false;
    if (!c->mixed && !column_is_number(c)) return false;
    for (int k = 0; c->mixed && k < n; k++)
        if (c->own[k] == V_INT) c->u.f[k] = (double)c->u.i[k];
    for (int k = 0; !c->mixed && c->kind == V_INT && k < n; k++)
        c->u.f[k] = (double)c->u.i[k];
    c->kind = V_FLOAT;
    c->mixed = false;
    return true;
}

/* ---- one element ------------------------------------------------------------------------- */

static Val value_equal(Val a, Val b)
{
    if (a.kind == V_NONE || b.kind == V_NONE) return val_bool(a.kind == b.kind);
    if (a.kind == V_BOOL && b.kind == V_BOOL) return val_bool(a.u.b == b.u.b);
    if (a.kind != V_STRING || b.kind != V_STRING) return val_poison();
    return val_bool(!strcmp(a.u.s, b.u.s));
}

static Val value_binary(int token, Val a, Val b)
{
    if (token == TK_AND || token == TK_OR) {
        if (a.kind == V_BOOL && a.u.b == (token == TK_OR)) return a;
        return a.kind == V_BOOL && b.kind == V_BOOL ? b : val_poison();
    }
    if (val_is_number(a) && val_is_number(b)) return number_try(token, a, b);
    if (token != TK_EQ && token != TK_NE) return val_poison();
    Val same = value_equal(a, b);
    if (same.kind == V_BOOL) same.u.b = same.u.b == (token == TK_EQ);
    return same;
}

Val val_pick(Val list, Val at)
{
    if (list.kind != V_LIST || at.kind != V_INT) return val_poison();
    const int64_t size = list.u.list->n, i = at.u.i;
    if (i < -size || i >= size) return val_poison();
    return list.u.list->at[i < 0 ? i + size : i];
}

/* As a parameter of that type takes it. */
static Val value_of_kind(Val v, ValKind kind)
{
    if (v.kind == V_INT && kind == V_FLOAT) return val_float((double)v.u.i);
    return v.kind == kind ? v : val_poison();
}

static Val value_math(const NumberFunction *f, const Val *a)
{
    for (int i = 0; i < f->takes; i++)
        if (!val_is_number(a[i])) return val_poison();
    return number_apply(f, a);
}

static Val value_list(Lower *l, const Val *a, int n)
{
    const Val list = val_list(l, n);
    for (int i = 0; i < n; i++) list.u.list->at[i] = a[i];
    return list;
}

static Val value_minus(Val a)
{
    if (a.kind == V_FLOAT) return val_float(-a.u.f);
    return a.kind == V_INT ? number_try(TK_MINUS, val_int(0), a) : val_poison();
}

/* How many values a step takes. */
static int step_takes(const NumberStep *s)
{
    switch (s->kind) {
    case DO_PUSH:
    case DO_NAME:
    case DO_COPY:
        return 0;
    case DO_DROP:
        return s->n + 1;
    case DO_MATH:
        return s->math->takes;
    case DO_CALL:
    case DO_LIST:
        return s->n;
    case DO_CHOOSE:
        return 3;
    case DO_LEAST:
    case DO_MOST:
    case DO_PICK:
    case DO_BINARY:
        return 2;
    default:
        return 1;
    }
}

/* What it makes of the values of one element. */
static Val step_value(Lower *l, const NumberStep *s, Val *a)
{
    if (s->kind == DO_CHOOSE)
        return a[0].kind == V_BOOL ? a[a[0].u.b ? 1 : 2] : val_poison();
    if (s->kind == DO_BINARY) return value_binary(s->token, a[0], a[1]);
    const int takes = step_takes(s);
    for (int i = 0; i < takes; i++)
        if (a[i].kind == V_POISON) return a[i];
    switch (s->kind) {
    case DO_DROP:
        return a[s->n];
    case DO_KIND:
        return value_of_kind(a[0], s->value.kind);
    case DO_MATH:
        return value_math(s->math, a);
    case DO_NOT:
        return a->kind == V_BOOL ? val_bool(!a->u.b) : val_poison();
    case DO_MINUS:
        return value_minus(a[0]);
    case DO_PICK:
        return val_pick(a[0], a[1]);
    case DO_LIST:
        return value_list(l, a, s->n);
    default:
        return s->call->call(NULL, (Loc){ .src = NULL }, a, takes);
    }
}

/* ---- loops ------------------------------------------------------------------------------- */

/* Each returns whether it did the step, the result of which is then in the first column, `a`;
 * else columns have what they had, but for ints of a float's partner, which are floats then.
 * `to` is a column that nobody needs. */
#define TRUTHS(x, sign, y) \
    for (int k = 0; k < n; k++) to[k] = (x)[k] sign(y)[k]; \
    return true

/* A comparison, which both kinds have. */
#define COMPARES(x, y) \
    case TK_EQ: \
        TRUTHS(x, ==, y); \
    case TK_NE: \
        TRUTHS(x, !=, y); \
    case TK_LT: \
        TRUTHS(x, <, y); \
    case TK_LE: \
        TRUTHS(x, <=, y); \
    case TK_GT: \
        TRUTHS(x, >, y); \
    case TK_GE: \
        TRUTHS(x, >=, y)

static bool column_compares(int token)
{
    return token == TK_EQ || token == TK_NE || token == TK_LT || token == TK_LE
        || token == TK_GT || token == TK_GE;
}

/* Whether all are from `low` to 2^52, which doubles have exactly. */
static bool ints_within(const int64_t *x, int64_t low, int n)
{
    const int64_t most = (int64_t)1 << 52;
    bool within = true;
    for (int k = 0; k < n; k++) within &= x[k] >= low && x[k] <= most;
    return within;
}

/* By numbers from 1 on. The quotient of such doubles, cut off, is that of the ints: what it
 * is below the next whole number is more than the rounding of a quotient that large. */
static bool loop_divide(int token, const int64_t *x, const int64_t *y, int64_t *to, int n)
{
    int64_t left = 0;
    if (!ints_within(x, -((int64_t)1 << 52), n) || !ints_within(y, 1, n)) return false;
    for (int k = 0; k < n; k++) {
        const int64_t whole = (int64_t)((double)x[k] / (double)y[k]),
                      rest = x[k] - whole * y[k];
        left |= rest;
        to[k] = token == TK_PERCENT ? rest + (rest < 0 ? y[k] : 0) : whole - (rest < 0);
    }
    return token != TK_SLASH || !left;
}

static bool loop_ints(int token, const int64_t *x, const int64_t *y, int64_t *to, int n)
{
    bool wrong = false;
    switch (token) {
        COMPARES(x, y);
    case TK_PLUS:
        for (int k = 0; k < n; k++) wrong |= __builtin_add_overflow(x[k], y[k], &to[k]);
        return !wrong;
    case TK_MINUS:
        for (int k = 0; k < n; k++) wrong |= __builtin_sub_overflow(x[k], y[k], &to[k]);
        return !wrong;
    case TK_STAR:
        for (int k = 0; k < n; k++) wrong |= __builtin_mul_overflow(x[k], y[k], &to[k]);
        return !wrong;
    case TK_SLASH:
    case TK_FLOORDIV:
    case TK_PERCENT:
        return loop_divide(token, x, y, to, n);
    default:
        return false;
    }
}

static bool loop_quotient(int token, const double *x, const double *y, double *to, int n)
{
    bool zero = false;
    for (int k = 0; k < n; k++) zero |= y[k] == 0;
    if (zero) return false;
    for (int k = 0; k < n; k++) {
        const double whole = x[k] / y[k];
        if (token == TK_SLASH) to[k] = whole;
        else to[k] = token == TK_FLOORDIV ? floor(whole) : x[k] - y[k] * floor(whole);
    }
    return true;
}

static bool loop_floats(int token, const double *x, const double *y, double *to, int n)
{
    switch (token) {
    case TK_PLUS:
        for (int k = 0; k < n; k++) to[k] = x[k] + y[k];
        return true;
    case TK_MINUS:
        for (int k = 0; k < n; k++) to[k] = x[k] - y[k];
        return true;
    case TK_STAR:
        for (int k = 0; k < n; k++) to[k] = x[k] * y[k];
        return true;
    case TK_POWER:
        for (int k = 0; k < n; k++) to[k] = pow(x[k], y[k]);
        return true;
    default:
        return loop_quotient(token, x, y, to, n);
    }
}

static bool loop_compare(int token, const double *x, const double *y, int64_t *to, int n)
{
    switch (token) {
        COMPARES(x, y);
    default:
        return false;
    }
}

static bool loop_logic(int token, NumberColumn *a, const NumberColumn *b, int n)
{
    if (!column_is(a, V_BOOL) || !column_is(b, V_BOOL)) return false;
    for (int k = 0; k < n; k++)
        if (token == TK_AND) a->u.i[k] &= b->u.i[k];
        else a->u.i[k] |= b->u.i[k];
    return true;
}

static bool loop_binary(int token, NumberColumn *a, NumberColumn *b, NumberColumn *to,
                        int n)
{
    if (token == TK_AND || token == TK_OR) return loop_logic(token, a, b, n);
    bool done;
    if (column_is(a, V_INT) && column_is(b, V_INT))
        done = loop_ints(token, a->u.i, b->u.i, to->u.i, n);
    else {
        const bool one = column_is(a, V_FLOAT) || column_is(b, V_FLOAT);
        if (!one || !column_float(a, n) || !column_float(b, n)) return false;
        done = column_compares(token) ? loop_compare(token, a->u.f, b->u.f, to->u.i, n)
                                      : loop_floats(token, a->u.f, b->u.f, to->u.f, n);
    }
    if (!done) return false;
    memcpy(&a->u, &to->u, (size_t)n * sizeof *to->u.i);
    if (column_compares(token)) a->kind = V_BOOL;
    return true;
}

/* The second where it is above, or below, the first; of each kind the element that it is. */
static bool loop_least(bool least, NumberColumn *a, const NumberColumn *b, int n)
{
    if (!column_is_number(a) || !column_is_number(b)) return false;
    const bool ints = a->kind == V_INT && b->kind == V_INT;
    for (int k = 0; ints && k < n; k++) {
        const int64_t x = a->u.i[k], y = b->u.i[k];
        a->u.i[k] = (least ? y < x : y > x) ? y : x;
    }
    if (ints) return true;
    for (int k = 0; k < n; k++) {
        const double x = a->kind == V_INT ? (double)a->u.i[k] : a->u.f[k],
                     y = b->kind == V_INT ? (double)b->u.i[k] : b->u.f[k];
        const NumberColumn *from = (least ? y < x : y > x) ? b : a;
        a->own[k] = (uint8_t)from->kind;
        a->u.i[k] = from->u.i[k];
    }
    column_settle(a, n);
    return true;
}

static bool loop_choose(NumberColumn *c, const NumberColumn *a, const NumberColumn *b,
                        int n)
{
    if (!column_is(c, V_BOOL)) return false;
    for (int k = 0; k < n; k++) {
        const NumberColumn *from = c->u.i[k] ? a : b;
        c->own[k] = from->mixed ? from->own[k] : (uint8_t)from->kind;
        c->u.i[k] = from->u.i[k];
    }
    column_settle(c, n);
    return true;
}

static bool loop_pick(NumberColumn *a, const NumberColumn *at, int n)
{
    if (!column_is(a, V_LIST) || !column_is(at, V_INT)) return false;
    for (int k = 0; k < n; k++) {
        Val list = { .kind = V_LIST };
        memcpy(&list.u, &a->u.i[k], sizeof list.u);
        if (!column_put(a, k, val_pick(list, val_int(at->u.i[k])))) a->own[k] = V_POISON;
    }
    column_settle(a, n);
    return true;
}

static bool loop_whole(const NumberFunction *f, NumberColumn *a, int n)
{
    bool least = false;
    for (int k = 0; k < n; k++) least |= a->u.i[k] == INT64_MIN;
    for (int k = 0; !least && k < n; k++) a->u.i[k] = f->whole(a->u.i[k]);
    return !least;
}

static bool loop_math(const NumberFunction *f, NumberColumn *a, NumberColumn *b, int n)
{
    if (f->whole && !column_is(a, V_FLOAT))
        return column_is(a, V_INT) && loop_whole(f, a, n);
    if (!column_float(a, n) || (f->two && !column_float(b, n))) return false;
    for (int k = 0; k < n; k++)
        a->u.f[k] = f->two ? f->two(a->u.f[k], b->u.f[k]) : f->one(a->u.f[k]);
    return true;
}

/* int(x) of what fits, toward zero. */
static bool loop_int(NumberColumn *a, int n)
{
    if (column_is(a, V_FLOAT)) {
        bool fits = true;
        for (int k = 0; k < n; k++) fits &= fabs(a->u.f[k]) < 9e18;
        if (!fits) return false;
        for (int k = 0; k < n; k++) a->u.i[k] = (int64_t)a->u.f[k];
    } else if (!column_is(a, V_BOOL) && !column_is(a, V_INT)) return false;
    a->kind = V_INT;
    return true;
}

static bool loop_minus(NumberColumn *a, int n)
{
    if (column_is(a, V_FLOAT)) {
        for (int k = 0; k < n; k++) a->u.f[k] = -a->u.f[k];
        return true;
    }
    bool wrong = !column_is(a, V_INT);
    for (int k = 0; !wrong && k < n; k++) wrong = a->u.i[k] == INT64_MIN;
    for (int k = 0; !wrong && k < n; k++) a->u.i[k] = -a->u.i[k];
    return !wrong;
}

static bool loop_not(NumberColumn *a, int n)
{
    if (!column_is(a, V_BOOL)) return false;
    for (int k = 0; k < n; k++) a->u.i[k] = !a->u.i[k];
    return true;
}

/* Columns that are dropped have nothing wrong, or nothing would be done. */
static bool loop_drop(const NumberStep *s, NumberColumn *a, int n)
{
    for (int i = 0; i < s->n; i++)
        if (a[i].mixed) return false;
    if (s->n) column_copy(a, a + s->n, n);
    return true;
}

static bool step_loop(const NumberStep *s, NumberColumn *a, NumberColumn *to, int n)
{
    switch (s->kind) {
    case DO_DROP:
        return loop_drop(s, a, n);
    case DO_MATH:
        return loop_math(s->math, a, a + 1, n);
    case DO_INT:
        return loop_int(a, n);
    case DO_FLOAT:
        return column_float(a, n);
    case DO_LEAST:
    case DO_MOST:
        return loop_least(s->kind == DO_LEAST, a, a + 1, n);
    case DO_NOT:
        return loop_not(a, n);
    case DO_MINUS:
        return loop_minus(a, n);
    case DO_PICK:
        return loop_pick(a, a + 1, n);
    case DO_CHOOSE:
        return loop_choose(a, a + 1, a + 2, n);
    case DO_BINARY:
        return loop_binary(s->token, a, a + 1, to, n);
    default:
        return false;
    }
}

/* ---- computing --------------------------------------------------------------------------- */

static void step_each(Lower *l, const NumberStep *s, NumberColumn *a, int takes, int n)
{
    Val v[NUMBER_STACK];
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < takes; i++) v[i] = column_at(a + i, k);
        if (!column_put(a, k, step_value(l, s, v))) a->own[k] = V_POISON;
    }
    column_settle(a, n);
}

void columns_compute(Lower *l, const NumberSteps *s, const NumberColumn *name,
                     NumberColumn *stack, int n)
{
    NumberColumn *top = stack - 1;
    for (const NumberStep *at = s->step, *end = at + s->count; at < end; at++) {
        const int takes = step_takes(at);
        top += 1 - takes;
        switch (at->kind) {
        case DO_PUSH:
            column_fill(top, at->value, n);
            break;
        case DO_NAME:
            column_copy(top, &name[at->n], n);
            break;
        case DO_COPY:
            column_copy(top, &stack[at->n], n);
            break;
        default:
            if (!step_loop(at, top, stack + NUMBER_STACK, n))
                step_each(l, at, top, takes, n);
        }
    }
}

/* ---- from values, and to them ------------------------------------------------------------ */

void column_count(NumberColumn *c, int64_t from, int n)
{
    for (int k = 0; k < n; k++) c->u.i[k] = from + k;
    c->kind = V_INT;
    c->mixed = false;
}

bool column_read(NumberColumn *c, const Val *v, int n)
{
    const ValKind kind = v[0].kind;
    int k = 0;
    if (kind == V_INT || kind == V_FLOAT)
        for (; k < n && v[k].kind == kind; k++) memcpy(&c->u.i[k], &v[k].u, sizeof v->u);
    c->kind = kind;
    c->mixed = false;
    if (k == n) return true;
    for (k = 0; k < n; k++)
        if (!column_put(c, k, v[k])) return false;
    column_settle(c, n);
    return true;
}

bool column_write(const NumberColumn *c, Val *v, int n)
{
    if (column_is_number(c)) {
        for (int k = 0; k < n; k++) {
            v[k].kind = c->kind;
            memcpy(&v[k].u, &c->u.i[k], sizeof v->u);
        }
        return true;
    }
    for (int k = 0; k < n; k++) {
        v[k] = column_at(c, k);
        if (v[k].kind == V_POISON) return false;
    }
    return true;
}
