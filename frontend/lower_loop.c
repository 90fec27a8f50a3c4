/* lower_loop.c -- steps of an expression, each done to all elements of columns in one loop: what
 * step_value of lower_column.c makes of each, where all are of one kind and nothing goes wrong. */
#include "lower_number.h"
#include "grammar.h"

#include <math.h>
#include <string.h>

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

static bool loop_quotient(int token, double *x, const double *y, int n)
{
    bool zero = false;
    for (int k = 0; k < n; k++) zero |= y[k] == 0;
    if (zero) return false;
    for (int k = 0; token == TK_SLASH && k < n; k++) x[k] /= y[k];
    for (int k = 0; token != TK_SLASH && k < n; k++) {
        const double whole = floor(x[k] / y[k]);
        x[k] = token == TK_FLOORDIV ? whole : x[k] - y[k] * whole;
    }
    return true;
}

/* 2 to a power. That of a whole number is exact, or beyond the largest or below half of the least
 * that a double says, so that pow has the same. */
static double power_of_two(double y)
{
    const int64_t whole = fabs(y) < 1e6 ? (int64_t)y : 0;
    if ((double)whole != y) return pow(2, y);
    if (whole > 1023) return HUGE_VAL;
    if (whole < -1022) return whole < -1080 ? 0 : pow(2, y);
    const uint64_t bits = (uint64_t)(whole + 1023) << 52;
    double out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

static void loop_power(double *x, const double *y, int n)
{
    bool two = true;
    for (int k = 0; k < n; k++) two &= x[k] == 2;
    for (int k = 0; two && k < n; k++) x[k] = power_of_two(y[k]);
    for (int k = 0; !two && k < n; k++) x[k] = pow(x[k], y[k]);
}

/* In the place of x. */
static bool loop_floats(int token, double *x, const double *y, int n)
{
    switch (token) {
    case TK_PLUS:
        for (int k = 0; k < n; k++) x[k] += y[k];
        return true;
    case TK_MINUS:
        for (int k = 0; k < n; k++) x[k] -= y[k];
        return true;
    case TK_STAR:
        for (int k = 0; k < n; k++) x[k] *= y[k];
        return true;
    case TK_POWER:
        loop_power(x, y, n);
        return true;
    default:
        return loop_quotient(token, x, y, n);
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
        if (!column_compares(token)) return loop_floats(token, a->u.f, b->u.f, n);
        done = loop_compare(token, a->u.f, b->u.f, to->u.i, n);
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
    const List *list = NULL;
    for (int k = 0; k < n; k++) {
        const int64_t i = at->u.i[k];
        memcpy(&list, &a->u.i[k], sizeof list);
        if (i < -list->n || i >= list->n) a->own[k] = V_POISON;
        else if (!column_put(a, k, list->at[i < 0 ? i + list->n : i]))
            a->own[k] = V_POISON;
    }
    column_settle(a, n);
    return true;
}

/* The sum, the product, the least or the greatest of one number at least, as built-in functions
 * have it: from 0 and 1 on, and of equal ones the first. False: an int beyond 64 bits. */
static bool total_ints(int token, const Val *v, const Val *end, int64_t *out)
{
    int64_t all = token == TK_PLUS ? 0 : token == TK_STAR ? 1 : v->u.i;
    bool wrong = false;
    for (; token == TK_PLUS && v < end; v++)
        wrong |= __builtin_add_overflow(all, v->u.i, &all);
    for (; token == TK_STAR && v < end; v++)
        wrong |= __builtin_mul_overflow(all, v->u.i, &all);
    for (; token == TK_LT && v < end; v++) all = v->u.i < all ? v->u.i : all;
    for (; token == TK_GT && v < end; v++) all = v->u.i > all ? v->u.i : all;
    *out = all;
    return !wrong;
}

static double total_floats(int token, const Val *v, const Val *end)
{
    double all = token == TK_PLUS ? 0 : token == TK_STAR ? 1 : v->u.f;
    for (; token == TK_PLUS && v < end; v++) all += v->u.f;
    for (; token == TK_STAR && v < end; v++) all *= v->u.f;
    for (; token == TK_LT && v < end; v++) all = v->u.f < all ? v->u.f : all;
    for (; token == TK_GT && v < end; v++) all = v->u.f > all ? v->u.f : all;
    return all;
}

/* Of a list's numbers of one kind. */
static bool list_total(int token, List *list, NumberColumn *to, int k)
{
    const ValKind kind = list_alike(list);
    const Val *v = list->at, *end = v + list->n;
    to->own[k] = (uint8_t)kind;
    if (v == end) return false;
    if (kind == V_FLOAT) to->u.f[k] = total_floats(token, v, end);
    return kind == V_FLOAT || (kind == V_INT && total_ints(token, v, end, &to->u.i[k]));
}

static bool loop_total(int token, NumberColumn *a, NumberColumn *to, int n)
{
    if (!token || !column_is(a, V_LIST)) return false;
    for (int k = 0; k < n; k++) {
        List *list;
        memcpy(&list, &a->u.i[k], sizeof list);
        if (!list_total(token, list, to, k)) return false;
    }
    column_settle(to, n);
    column_copy(a, to, n);
    return true;
}

/* Lists of the values of `count` columns, all made at once. */
static bool loop_list(Lower *l, int count, NumberColumn *a, int n)
{
    bool alike = count > 0;
    for (int i = 0; i < count; i++) {
        if (a[i].mixed || a[i].kind == V_NONE) return false;
        alike = alike && column_is_number(&a[i]) && a[i].kind == a->kind;
    }
    List *list = NEW_ARRAY(&l->arena, n, List);
    Val *at = NEW_ARRAY(&l->arena, (size_t)n * (size_t)count, Val);
    for (int k = 0; k < n; k++) { /* the rest is zeroed */
        list[k].n = count;
        list[k].at = at + (size_t)k * (size_t)count;
        list[k].alike = alike ? a->kind : V_NONE;
    }
    for (int i = 0; i < count; i++)
        for (int k = 0; k < n; k++) {
            Val *v = &list[k].at[i];
            v->kind = a[i].kind;
            if (v->kind == V_BOOL) v->u.b = a[i].u.i[k] != 0;
            else memcpy(&v->u, &a[i].u.i[k], sizeof v->u);
        }
    for (int k = 0; k < n; k++) {
        const Val v = { .kind = V_LIST, .u.list = &list[k] };
        memcpy(&a->u.i[k], &v.u, sizeof v.u);
    }
    a->kind = V_LIST;
    a->mixed = false;
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

bool step_loop(Lower *l, const NumberStep *s, NumberColumn *a, NumberColumn *to, int n)
{
    switch (s->kind) {
    case DO_CALL:
        return loop_total(s->token, a, to, n);
    case DO_LIST:
        return loop_list(l, s->n, a, n);
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
