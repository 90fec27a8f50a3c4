/* lower_number.c -- fast evaluation of lists of numbers: tables of angles, masks, ranges.
 *
 * [f(i) for i in 0..n] evaluates its expression n times. Where that is arithmetic with names
 * of the loop, numbers from outside, and functions of one number, it is compiled once to a
 * small stack machine, about five times as fast as walking the tree. Everything else, and
 * every error, is left to the walk, which reports it. */
#include "lower.h"
#include "grammar.h"

#include <math.h>
#include <string.h>

enum { NUMBER_STEPS = 64, NUMBER_STACK = 16, NUMBER_NAMES = 4 };

typedef enum { DO_PUSH, DO_NAME, DO_CALL, DO_NOT, DO_BINARY } DoKind;

typedef struct {
    DoKind kind;
    int token;           /* BINARY */
    int name;            /* NAME: which of the loop's */
    double (*f)(double); /* CALL */
    Val value;           /* PUSH */
} NumberStep;

typedef struct {
    Lower *l;
    const Node *names;
    NumberStep step[NUMBER_STEPS];
    int count, depth;
} NumberSteps;

/* ---- translating ------------------------------------------------------------------------- */

static bool number_add(NumberSteps *s, NumberStep step, int taken)
{
    s->depth += 1 - taken;
    if (s->count == NUMBER_STEPS || s->depth > NUMBER_STACK) return false;
    s->step[s->count++] = step;
    return true;
}

static bool number_translate(NumberSteps *s, const Node *n);

/* A name: the loop's, or what stands for a number outside. One that means something else is no
 * number, whatever it may be. */
static bool number_name(NumberSteps *s, const Node *n)
{
    int i = 0;
    for (const Node *name = s->names; name; name = name->next, i++)
        if (name->name == n->name)
            return number_add(s, (NumberStep){ .kind = DO_NAME, .name = i }, 0);
    const Val *v = known_name(s->l, n->name);
    if (!v || (!val_is_number(*v) && v->kind != V_BOOL)) return false;
    return number_add(s, (NumberStep){ .kind = DO_PUSH, .value = *v }, 0);
}

/* cos(x) where cos is the op. */
static bool number_call(NumberSteps *s, const Node *n)
{
    const Node *f = n->a, *x = n->b;
    if (f->kind != N_NAME || !x || x->next || x->kind == N_KEYWORD || known_name(s->l, f->name))
        return false;
    double (*math)(double) = number_function(f->name);
    return math && number_translate(s, x)
        && number_add(s, (NumberStep){ .kind = DO_CALL, .f = math }, 1);
}

static bool number_binary(NumberSteps *s, const Node *n)
{
    static const int known[] = { TK_PLUS,    TK_MINUS, TK_STAR, TK_SLASH, TK_FLOORDIV,
                                 TK_PERCENT, TK_POWER, TK_EQ,   TK_NE,    TK_LT,
                                 TK_LE,      TK_GT,    TK_GE };
    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i] == n->op)
            return number_translate(s, n->a) && number_translate(s, n->b)
                && number_add(s, (NumberStep){ .kind = DO_BINARY, .token = n->op }, 2);
    return false;
}

static bool number_translate(NumberSteps *s, const Node *n)
{
    switch (n->kind) {
    case N_INT:
        return number_add(s, (NumberStep){ .kind = DO_PUSH, .value = val_int(n->u.i) }, 0);
    case N_FLOAT:
        return number_add(s, (NumberStep){ .kind = DO_PUSH, .value = val_float(n->u.f) }, 0);
    case N_NAME:
        return number_name(s, n);
    case N_CALL:
        return number_call(s, n);
    case N_BINARY:
        return n->depth < NUMBER_STACK && number_binary(s, n);
    case N_UNARY:
        if (n->op == TK_NOT)
            return number_translate(s, n->a)
                && number_add(s, (NumberStep){ .kind = DO_NOT }, 1);
        if (n->op != TK_MINUS || n->depth >= NUMBER_STACK) return false;
        return number_add(s, (NumberStep){ .kind = DO_PUSH, .value = val_int(0) }, 0)
            && number_translate(s, n->a)
            && number_add(s, (NumberStep){ .kind = DO_BINARY, .token = TK_MINUS }, 2);
    default:
        return false;
    }
}

/* ---- computing --------------------------------------------------------------------------- */

/* The two that tables are made of; what may go wrong, and the rest, is number_op's. */
static bool number_quick(int token, const Val *a, const Val *b, Val *out)
{
    int64_t i;
    if (a->kind == V_INT && b->kind == V_INT) {
        if (token == TK_PLUS    ? __builtin_add_overflow(a->u.i, b->u.i, &i)
            : token == TK_MINUS ? __builtin_sub_overflow(a->u.i, b->u.i, &i)
            : token == TK_STAR  ? __builtin_mul_overflow(a->u.i, b->u.i, &i)
                                : true)
            return false;
        *out = val_int(i);
        return true;
    }
    const double x = val_double(*a), y = val_double(*b);
    if (token == TK_PLUS) *out = val_float(x + y);
    else if (token == TK_MINUS) *out = val_float(x - y);
    else if (token == TK_STAR) *out = val_float(x * y);
    else return false;
    return true;
}

/* False: something is wrong. */
static bool number_compute(const NumberSteps *s, const Val *name, Val *out)
{
    Val stack[NUMBER_STACK + 1];
    int n = 0;
    for (const NumberStep *at = s->step, *end = at + s->count; at < end; at++) {
        Val *top = &stack[n ? n - 1 : 0]; /* of what is pushed first there is none */
        switch (at->kind) {
        case DO_PUSH:
            stack[n++] = at->value;
            continue;
        case DO_NAME:
            stack[n++] = name[at->name];
            continue;
        case DO_CALL:
            if (!val_is_number(*top)) return false;
            *top = val_float(at->f(val_double(*top)));
            continue;
        case DO_NOT:
            if (top->kind != V_BOOL) return false;
            top->u.b = !top->u.b;
            continue;
        case DO_BINARY:
            n--;
            break;
        }
        const Val b = *top;
        top--;
        if (!val_is_number(*top) || !val_is_number(b)) return false;
        if (number_quick(at->token, top, &b, top)) continue;
        *top = number_try(at->token, *top, b);
        if (top->kind == V_POISON) return false;
    }
    *out = stack[0];
    return true;
}

/* ---- the list ---------------------------------------------------------------------------- */

/* The values of the loop's names at an element. */
static bool number_bind(int count, Val element, Val *name)
{
    if (count == 1) {
        *name = element;
        return val_is_number(element) || element.kind == V_BOOL;
    }
    if (element.kind != V_LIST || element.u.list->n != count) return false;
    for (int i = 0; i < count; i++) {
        name[i] = element.u.list->at[i];
        if (!val_is_number(name[i]) && name[i].kind != V_BOOL) return false;
    }
    return true;
}

bool each_number(Lower *l, const Node *n, const List *in, List *out)
{
    const Node *only = n->b->kind == N_FILTER ? n->b->b : NULL;
    NumberSteps body = { .l = l, .names = n->c }, test = { .l = l, .names = n->c };
    Val name[NUMBER_NAMES], yes = val_bool(true);
    int count = 0;
    for (const Node *c = n->c; c; c = c->next) count++;
    if (count > NUMBER_NAMES || in->n > MAX_STEPS - l->steps || !number_translate(&body, n->a)
        || (only && !number_translate(&test, only)))
        return false;
    int64_t made = 0;
    for (int64_t i = 0; i < in->n; i++) {
        if (!number_bind(count, in->at[i], name)
            || (only && (!number_compute(&test, name, &yes) || yes.kind != V_BOOL)))
            return false;
        if (!yes.u.b) continue;
        if (!number_compute(&body, name, &out->at[made])) return false;
        made++;
    }
    out->n = made;
    l->steps += in->n;
    return true;
}
