/* lower_column.c -- steps of an expression, each done to a column of values.
 *
 * step_value is what a step computes of one element, by the functions that the walk of the tree
 * has too. Where all elements of a column are of one kind, and nothing goes wrong, the loops of
 * lower_loop.c do the same to all of them. */
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

void column_settle(NumberColumn *c, int n)
{
    int same = 1;
    while (same < n && c->own[same] == c->own[0]) same++;
    c->mixed = same < n || (n && c->own[0] == V_POISON);
    c->kind = c->mixed || !n ? V_NONE : (ValKind)c->own[0];
}

static void column_fill(NumberColumn *c, Val v, int n)
{
    column_put(c, 0, v);
    const int64_t first = c->u.i[0];
    for (int k = 1; k < n; k++) c->u.i[k] = first;
    c->kind = v.kind;
    c->mixed = false;
}

void column_copy(NumberColumn *to, const NumberColumn *from, int n)
{
    to->kind = from->kind;
    to->mixed = from->mixed;
    if (to->mixed) memcpy(to->own, from->own, (size_t)n);
    memcpy(&to->u, &from->u, (size_t)n * sizeof *to->u.i);
}

bool column_float(NumberColumn *c, int n)
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
            if (!step_loop(l, at, top, stack + NUMBER_STACK, n))
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
    bool numbers = c->mixed;
    for (int k = 0; numbers && k < n; k++)
        numbers = c->own[k] == V_INT || c->own[k] == V_FLOAT;
    for (int k = 0; numbers && k < n; k++) {
        v[k].kind = (ValKind)c->own[k];
        memcpy(&v[k].u, &c->u.i[k], sizeof v->u);
    }
    for (int k = 0; !numbers && k < n; k++) {
        v[k] = column_at(c, k);
        if (v[k].kind == V_POISON) return false;
    }
    return true;
}
