/* lower_column.c -- the steps of lower_number.h, each done to a column of numbers at a time. What is
 * no arithmetic of numbers of one kind, or may go wrong, ends it. */
#include "lower_number.h"
#include "grammar.h"

#include <math.h>
#include <string.h>

static void column_fill(NumberColumn *c, Val v, int n)
{
    c->kind = v.kind;
    for (int k = 0; k < n; k++)
        if (v.kind == V_FLOAT) c->u.f[k] = v.u.f;
        else c->u.i[k] = v.kind == V_BOOL ? v.u.b : v.u.i;
}

bool column_set(NumberColumn *c, int k, Val v)
{
    if (!k) c->kind = v.kind;
    if (v.kind != c->kind) return false;
    if (v.kind == V_FLOAT) c->u.f[k] = v.u.f;
    else if (v.kind == V_INT || v.kind == V_BOOL)
        c->u.i[k] = v.kind == V_INT ? v.u.i : v.u.b;
    else return false;
    return true;
}

Val column_at(const NumberColumn *c, int k)
{
    if (c->kind == V_FLOAT) return val_float(c->u.f[k]);
    return c->kind == V_INT ? val_int(c->u.i[k]) : val_bool(c->u.i[k]);
}

static void column_float(NumberColumn *c, int n)
{
    for (int k = 0; c->kind == V_INT && k < n; k++) c->u.f[k] = (double)c->u.i[k];
    c->kind = V_FLOAT;
}

#define EACH(expr) \
    for (int k = 0; k < n; k++) expr; \
    return true
#define TRUTHS(x, sign, y) EACH(a->u.i[k] = x[k] sign y[k])

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

/* What ints seldom are asked for, or may go wrong in: one by one. */
static bool column_slowly(int token, NumberColumn *a, const NumberColumn *b, int n)
{
    for (int k = 0; k < n; k++) {
        const Val v = number_try(token, column_at(a, k), column_at(b, k));
        if (v.kind != a->kind) return false;
        if (v.kind == V_FLOAT) a->u.f[k] = v.u.f;
        else a->u.i[k] = v.u.i;
    }
    return true;
}

/* What remains of a division by numbers from 1 on; false: others are among them. */
static bool column_rest(int64_t *x, const int64_t *y, int n)
{
    for (int k = 0; k < n; k++)
        if (y[k] < 1) return false;
    for (int k = 0; k < n; k++) {
        const int64_t rest = x[k] % y[k];
        x[k] = rest < 0 ? rest + y[k] : rest;
    }
    return true;
}

static bool column_ints(int token, NumberColumn *a, const NumberColumn *b, int n)
{
    int64_t *x = a->u.i;
    const int64_t *y = b->u.i;
    bool wrong = false;
    switch (token) {
        COMPARES(x, y);
    case TK_PLUS:
        for (int k = 0; k < n; k++) wrong |= __builtin_add_overflow(x[k], y[k], &x[k]);
        return !wrong;
    case TK_MINUS:
        for (int k = 0; k < n; k++) wrong |= __builtin_sub_overflow(x[k], y[k], &x[k]);
        return !wrong;
    case TK_STAR:
        for (int k = 0; k < n; k++) wrong |= __builtin_mul_overflow(x[k], y[k], &x[k]);
        return !wrong;
    case TK_PERCENT:
        if (column_rest(x, y, n)) return true;
        return column_slowly(token, a, b, n);
    default:
        return column_slowly(token, a, b, n);
    }
}

static bool column_floats(int token, NumberColumn *a, const NumberColumn *b, int n)
{
    double *x = a->u.f;
    const double *y = b->u.f;
    switch (token) {
        COMPARES(x, y);
    case TK_PLUS:
        EACH(x[k] += y[k]);
    case TK_MINUS:
        EACH(x[k] -= y[k]);
    case TK_STAR:
        EACH(x[k] *= y[k]);
    default:
        return column_slowly(token, a, b, n);
    }
}

/* Both sides were computed: where that goes wrong and `and` would not have looked, the walk
 * finds it right. */
static bool column_logic(int token, NumberColumn *a, const NumberColumn *b, int n)
{
    if (a->kind != V_BOOL || b->kind != V_BOOL) return false;
    if (token == TK_AND) {
        EACH(a->u.i[k] &= b->u.i[k]);
    }
    EACH(a->u.i[k] |= b->u.i[k]);
}

static bool column_binary(int token, NumberColumn *a, NumberColumn *b, int n)
{
    if (token == TK_AND || token == TK_OR) return column_logic(token, a, b, n);
    if (a->kind == V_BOOL || b->kind == V_BOOL) return false;
    const bool ints = a->kind == V_INT && b->kind == V_INT;
    if (!ints) {
        column_float(a, n);
        column_float(b, n);
    }
    if (!(ints ? column_ints : column_floats)(token, a, b, n)) return false;
    if (column_compares(token)) a->kind = V_BOOL;
    return true;
}

/* a where c holds, else b; into c. */
static bool column_choose(NumberColumn *c, const NumberColumn *a, const NumberColumn *b,
                          int n)
{
    if (c->kind != V_BOOL || a->kind != b->kind) return false;
    c->kind = a->kind;
    EACH(c->u.i[k] = c->u.i[k] ? a->u.i[k] : b->u.i[k]);
}

/* Elements of a list by indices, the first of which are in the column `to`. */
static bool column_pick(const NumberStep *s, NumberColumn *to, int n)
{
    for (int d = 0; d < s->name; d++)
        if (to[d].kind != V_INT) return false;
    for (int k = 0; k < n; k++) {
        Val v = s->value;
        for (int d = 0; d < s->name; d++) {
            if (v.kind != V_LIST) return false;
            const int64_t size = v.u.list->n, i = to[d].u.i[k];
            if (i < -size || i >= size) return false;
            v = v.u.list->at[i < 0 ? i + size : i];
        }
        if (!column_set(to, k, v)) return false;
    }
    return true;
}

/* ---- steps ------------------------------------------------------------------------------- */

static bool column_call(double (*f)(double), NumberColumn *c, int n)
{
    if (c->kind == V_BOOL) return false;
    column_float(c, n);
    EACH(c->u.f[k] = f(c->u.f[k]));
}

/* int(x) of what fits, toward zero. */
static bool column_int(NumberColumn *c, int n)
{
    for (int k = 0; c->kind == V_FLOAT && k < n; k++) {
        if (!(fabs(c->u.f[k]) < 9e18)) return false;
        c->u.i[k] = (int64_t)c->u.f[k];
    }
    c->kind = V_INT;
    return true;
}

bool number_compute(const NumberSteps *s, const NumberColumn *name, NumberColumn *stack,
                    int n)
{
    NumberColumn *top = stack - 1;
    for (const NumberStep *at = s->step, *end = at + s->count; at < end; at++) {
        bool ok = true;
        switch (at->kind) {
        case DO_PUSH:
            column_fill(++top, at->value, n);
            break;
        case DO_NAME:
            (++top)->kind = name[at->name].kind;
            memcpy(&top->u, &name[at->name].u, (size_t)n * sizeof *top->u.i);
            break;
        case DO_CALL:
            ok = column_call(at->f, top, n);
            break;
        case DO_INT:
            ok = column_int(top, n);
            break;
        case DO_FLOAT:
            ok = top->kind != V_BOOL;
            if (ok) column_float(top, n);
            break;
        case DO_NOT:
            ok = top->kind == V_BOOL;
            for (int k = 0; ok && k < n; k++) top->u.i[k] = !top->u.i[k];
            break;
        case DO_PICK:
            top -= at->name - 1;
            ok = column_pick(at, top, n);
            break;
        case DO_CHOOSE:
            top -= 2;
            ok = column_choose(top, top + 1, top + 2, n);
            break;
        case DO_BINARY:
            top--;
            ok = column_binary(at->token, top, top + 1, n);
            break;
        }
        if (!ok) return false;
    }
    return true;
}
