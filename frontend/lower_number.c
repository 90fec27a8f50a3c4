/* lower_number.c -- lists of numbers that are computed of numbers: tables of angles, masks,
 * ranges.
 *
 * [f(i) for i in 0..n if g(i)] evaluates its expressions n times. Where these are arithmetic of
 * the loop's names, of numbers and lists of numbers that names outside stand for, and of
 * functions of numbers, they are translated once into steps on a small stack of columns, each
 * of which is done to many elements at a time: that is some thirty times as fast as walking the
 * tree. All elements of a column are of one kind. Whatever else is in it, or goes wrong on the
 * way, is left to the walk, which has the message. */
#include "lower_number.h"
#include "grammar.h"

#include <string.h>

/* Names of a function that is called, which stand for its arguments. */
typedef struct NumberScope NumberScope;
struct NumberScope {
    const Node *params, *args;
    File *file;
    const NumberScope *up; /* where the arguments stand */
    int depth;
};

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
