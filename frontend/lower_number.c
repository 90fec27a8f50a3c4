/* lower_number.c -- lists of numbers that are computed of numbers: tables of angles, masks,
 * ranges.
 *
 * [f(i) for i in 0..n if g(i)] evaluates its expressions n times. Where these are arithmetic of
 * the loop's names, of numbers and lists of numbers that names outside stand for, and of
 * functions of numbers, they are translated once into steps on a small stack of columns, each
 * of which is done to many elements at a time: that is some thirty times as fast as walking the
 * tree. All elements of a column are of one kind. Whatever else is in it, or goes wrong on the
 * way, is left to the walk, which has the message. */
#include "lower.h"
#include "grammar.h"

#include <math.h>
#include <string.h>

enum {
    NUMBER_STEPS = 128,
    NUMBER_STACK = 16,
    NUMBER_NAMES = 4,
    NUMBER_CALLS = 8, /* functions in functions */
    NUMBER_BATCH = 256
};

typedef enum {
    DO_PUSH,
    DO_NAME,
    DO_CALL,
    DO_INT,
    DO_FLOAT,
    DO_NOT,
    DO_PICK,
    DO_CHOOSE,
    DO_BINARY
} DoKind;

typedef struct {
    DoKind kind;
    int token;           /* BINARY */
    int name;            /* NAME: which of the loop's; PICK: how many indices */
    double (*f)(double); /* CALL */
    Val value;           /* PUSH, PICK */
} NumberStep;

/* Names of a function that is called, which stand for its arguments. */
typedef struct NumberScope NumberScope;
struct NumberScope {
    const Node *params, *args;
    File *file;
    const NumberScope *up; /* where the arguments stand */
    int depth;
};

typedef struct {
    Lower *l;
    const Node *names;
    NumberStep step[NUMBER_STEPS];
    int count, depth;
} NumberSteps;

/* Numbers of one kind, INT, FLOAT or BOOL; truths are ints. */
typedef struct NumberColumn {
    ValKind kind;
    union {
        int64_t i[NUMBER_BATCH];
        double f[NUMBER_BATCH];
    } u;
} NumberColumn;

/* ---- translating ------------------------------------------------------------------------- */

static bool number_add(NumberSteps *s, NumberStep step, int taken)
{
    s->depth += 1 - taken;
    if (s->count == NUMBER_STEPS || s->depth > NUMBER_STACK) return false;
    s->step[s->count++] = step;
    return true;
}

static bool number_translate(NumberSteps *s, const Node *n, const NumberScope *in);

static const Val *number_known(const NumberSteps *s, const char *name,
                               const NumberScope *in)
{
    return in ? file_get(s->l, in->file, name) : known_name(s->l, name);
}

/* A name: of an argument, the loop's, or what stands for a number outside. One that means
 * something else is no number, whatever it may be. */
static bool number_name(NumberSteps *s, const Node *n, const NumberScope *in)
{
    int i = 0;
    const Node *arg = in ? in->args : NULL;
    for (const Node *p = in ? in->params : NULL; p; p = p->next, arg = arg->next)
        if (p->name == n->name) return number_translate(s, arg, in->up);
    for (const Node *name = in ? NULL : s->names; name; name = name->next, i++)
        if (name->name == n->name)
            return number_add(s, (NumberStep){ .kind = DO_NAME, .name = i }, 0);
    const Val *v = number_known(s, n->name, in);
    if (!v || (!val_is_number(*v) && v->kind != V_BOOL)) return false;
    return number_add(s, (NumberStep){ .kind = DO_PUSH, .value = *v }, 0);
}

/* fn f(x) = ..: the expression with its arguments in place of their names. */
static bool number_inline(NumberSteps *s, const Closure *c, const Node *args,
                          const NumberScope *in)
{
    const Node *f = c->decl, *body = f->c ? f->c->a : NULL, *arg = args;
    const NumberScope inner = { .params = f->a,
                                .args = args,
                                .file = c->file,
                                .up = in,
                                .depth = in ? in->depth + 1 : 1 };
    if (c->self || f->b || !body || body->next || body->kind != N_RETURN) return false;
    if (inner.depth > NUMBER_CALLS) return false;
    for (const Node *p = f->a; p; p = p->next, arg = arg->next)
        if (!arg || arg->kind == N_KEYWORD || p->a || p->b) return false;
    return !arg && number_translate(s, body->a, &inner);
}

/* int(x), float(x). */
static bool number_convert(NumberSteps *s, const char *name, const Node *x,
                           const NumberScope *in)
{
    const bool whole = !strcmp(name, "int");
    if (!whole && strcmp(name, "float") != 0) return false;
    return number_translate(s, x, in)
        && number_add(s, (NumberStep){ .kind = whole ? DO_INT : DO_FLOAT }, 1);
}

/* cos(x) where cos is the op, or a function of the program's. */
static bool number_call(NumberSteps *s, const Node *n, const NumberScope *in)
{
    const Node *f = n->a, *x = n->b;
    if (f->kind != N_NAME) return false;
    for (const Node *p = in ? in->params : s->names; p; p = p->next)
        if (p->name == f->name) return false;
    const Val *known = number_known(s, f->name, in);
    if (known) return known->kind == V_FN && number_inline(s, known->u.fn, n->b, in);
    if (!x || x->next || x->kind == N_KEYWORD || (in && in->file->nimport)) return false;
    double (*math)(double) = number_function(f->name);
    if (!math) return number_convert(s, f->name, x, in);
    return number_translate(s, x, in)
        && number_add(s, (NumberStep){ .kind = DO_CALL, .f = math }, 1);
}

static bool number_binary(NumberSteps *s, const Node *n, const NumberScope *in)
{
    static const int known[] = { TK_PLUS,    TK_MINUS, TK_STAR, TK_SLASH, TK_FLOORDIV,
                                 TK_PERCENT, TK_POWER, TK_EQ,   TK_NE,    TK_LT,
                                 TK_LE,      TK_GT,    TK_GE,   TK_AND,   TK_OR };
    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i] == n->op)
            return number_translate(s, n->a, in) && number_translate(s, n->b, in)
                && number_add(s, (NumberStep){ .kind = DO_BINARY, .token = n->op }, 2);
    return false;
}

/* a[i][j], where a is a list outside. */
static bool number_pick(NumberSteps *s, const Node *n, const NumberScope *in)
{
    const Node *at[NUMBER_NAMES];
    int count = 0;
    for (; n->kind == N_INDEX; n = n->a) {
        const Node *p = n->b;
        if (count == NUMBER_NAMES || p->next || p->kind == N_SLICE || p->kind == N_REST)
            return false;
        at[count++] = p;
    }
    const Val *list = n->kind == N_NAME ? number_known(s, n->name, in) : NULL;
    for (const Node *p = in ? in->params : s->names; p; p = p->next)
        if (p->name == n->name) return false;
    if (!list || list->kind != V_LIST) return false;
    for (int i = count; i-- > 0;)
        if (!number_translate(s, at[i], in)) return false;
    return number_add(s, (NumberStep){ .kind = DO_PICK, .name = count, .value = *list },
                      count);
}

static bool number_unary(NumberSteps *s, const Node *n, const NumberScope *in)
{
    if (n->op == TK_NOT)
        return number_translate(s, n->a, in)
            && number_add(s, (NumberStep){ .kind = DO_NOT }, 1);
    return n->op == TK_MINUS
        && number_add(s, (NumberStep){ .kind = DO_PUSH, .value = val_int(0) }, 0)
        && number_translate(s, n->a, in)
        && number_add(s, (NumberStep){ .kind = DO_BINARY, .token = TK_MINUS }, 2);
}

static bool number_translate(NumberSteps *s, const Node *n, const NumberScope *in)
{
    if (n->depth >= NUMBER_STACK) return false;
    switch (n->kind) {
    case N_INT:
        return number_add(s, (NumberStep){ .kind = DO_PUSH, .value = val_int(n->u.i) },
                          0);
    case N_FLOAT:
        return number_add(s, (NumberStep){ .kind = DO_PUSH, .value = val_float(n->u.f) },
                          0);
    case N_BOOL:
        return number_add(s, (NumberStep){ .kind = DO_PUSH, .value = val_bool(n->u.i) },
                          0);
    case N_NAME:
        return number_name(s, n, in);
    case N_CALL:
        return number_call(s, n, in);
    case N_BINARY:
        return number_binary(s, n, in);
    case N_UNARY:
        return number_unary(s, n, in);
    case N_INDEX:
        return number_pick(s, n, in);
    case N_COND:
        return number_translate(s, n->b, in) && number_translate(s, n->a, in)
            && number_translate(s, n->c, in)
            && number_add(s, (NumberStep){ .kind = DO_CHOOSE }, 3);
    default:
        return false;
    }
}

/* ---- columns ----------------------------------------------------------------------------- */

static void column_fill(NumberColumn *c, Val v, int n)
{
    c->kind = v.kind;
    for (int k = 0; k < n; k++)
        if (v.kind == V_FLOAT) c->u.f[k] = v.u.f;
        else c->u.i[k] = v.kind == V_BOOL ? v.u.b : v.u.i;
}

/* An element that is of the column's kind; the first says which that is. */
static bool column_set(NumberColumn *c, int k, Val v)
{
    if (!k) c->kind = v.kind;
    if (v.kind != c->kind) return false;
    if (v.kind == V_FLOAT) c->u.f[k] = v.u.f;
    else if (v.kind == V_INT || v.kind == V_BOOL)
        c->u.i[k] = v.kind == V_INT ? v.u.i : v.u.b;
    else return false;
    return true;
}

static Val column_at(const NumberColumn *c, int k)
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

/* ---- computing --------------------------------------------------------------------------- */

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

/* Of n elements; the result is in the first column. False: something is wrong. */
static bool number_compute(const NumberSteps *s, const NumberColumn *name,
                           NumberColumn *stack, int n)
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

/* ---- the list ---------------------------------------------------------------------------- */

/* The values of the loop's names at n elements. */
static bool number_bind(int count, const Val *element, int n, NumberColumn *name)
{
    for (int k = 0; k < n; k++) {
        const List *of = element[k].kind == V_LIST ? element[k].u.list : NULL;
        if (count > 1 && (!of || of->n != count)) return false;
        for (int i = 0; i < count; i++)
            if (!column_set(&name[i], k, count > 1 ? of->at[i] : element[k]))
                return false;
    }
    return true;
}

/* Only those for which the test holds stay; how many these are. */
static int number_keep(const NumberColumn *test, NumberColumn *name, int count, int n)
{
    int kept = 0;
    for (int k = 0; k < n; k++) {
        if (!test->u.i[k]) continue;
        for (int i = 0; i < count; i++) name[i].u.i[kept] = name[i].u.i[k];
        kept++;
    }
    return kept;
}

typedef struct {
    const NumberSteps *body, *test; /* test NULL: all stay */
    int count;
    NumberColumn *name, *stack;
} NumberLoop;

static bool number_batch(const NumberLoop *x, const Val *element, int n, List *out)
{
    if (!number_bind(x->count, element, n, x->name)) return false;
    if (x->test) {
        if (!number_compute(x->test, x->name, x->stack, n) || x->stack->kind != V_BOOL)
            return false;
        n = number_keep(x->stack, x->name, x->count, n);
    }
    if (n && !number_compute(x->body, x->name, x->stack, n)) return false;
    for (int k = 0; k < n; k++) out->at[out->n++] = column_at(x->stack, k);
    return true;
}

bool each_number(Lower *l, const Node *n, const List *in, List *out)
{
    const Node *only = n->b->kind == N_FILTER ? n->b->b : NULL;
    NumberSteps body = { .l = l, .names = n->c }, test = { .l = l, .names = n->c };
    int count = 0;
    for (const Node *c = n->c; c; c = c->next) count++;
    if (count > NUMBER_NAMES || in->n > MAX_STEPS - l->steps
        || !number_translate(&body, n->a, NULL)
        || (only && !number_translate(&test, only, NULL)))
        return false;
    if (!l->columns)
        l->columns = NEW_ARRAY(&l->arena, NUMBER_NAMES + NUMBER_STACK, NumberColumn);
    const NumberLoop x = { .body = &body,
                           .test = only ? &test : NULL,
                           .count = count,
                           .name = l->columns,
                           .stack = l->columns + NUMBER_NAMES };
    out->n = 0;
    for (int64_t i = 0; i < in->n; i += NUMBER_BATCH) {
        const int64_t left = in->n - i;
        if (!number_batch(&x, in->at + i, left < NUMBER_BATCH ? (int)left : NUMBER_BATCH,
                          out))
            return false;
    }
    l->steps += in->n;
    return true;
}
