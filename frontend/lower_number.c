/* lower_number.c -- lists that are computed of numbers: tables of angles, masks, ranges.
 *
 * [f(i) for i in 0..n if g(i)] evaluates its expressions n times. Where these are arithmetic of
 * the loop's names, of numbers and lists that names outside stand for, and of functions of
 * numbers, they are translated once into steps on a stack of columns, each of which is done to
 * many elements at a time (lower_column.c): that is some thirty times as fast as walking the
 * tree. What has something else in it, or an error in an element, is left to the walk, which
 * has the message; tests/unit/test_columns.c holds both against each other. */
#include "lower_number.h"
#include "grammar.h"

#include <string.h>

enum {
    NUMBER_CALLS = 8,    /* functions in functions */
    NUMBER_LOCALS = 16,  /* names of a function */
    NUMBER_NESTING = 100 /* expressions in expressions */
};

/* The names of a function that is called, each a column of the stack. */
typedef struct {
    File *file;
    int count, depth;
    const char *name[NUMBER_LOCALS];
    int column[NUMBER_LOCALS];
} NumberScope;

typedef struct {
    Lower *l;
    const Node *names; /* the loop's */
    NumberSteps *steps;
    int nesting;
} NumberCode;

/* ---- steps ------------------------------------------------------------------------------- */

static bool number_add(NumberCode *c, NumberStep step, int taken)
{
    NumberSteps *s = c->steps;
    s->depth += 1 - taken;
    if (s->count == NUMBER_STEPS || s->depth > NUMBER_STACK) return false;
    s->step[s->count++] = step;
    return true;
}

static bool number_push(NumberCode *c, Val v)
{
    return number_add(c, (NumberStep){ .kind = DO_PUSH, .value = v }, 0);
}

static bool number_one(NumberCode *c, DoKind kind)
{
    return number_add(c, (NumberStep){ .kind = kind }, 1);
}

static bool number_translate(NumberCode *c, const Node *n, const NumberScope *in);

/* Translates the expressions in turn; -1: one is not of numbers. */
static int number_all(NumberCode *c, const Node *list, const NumberScope *in)
{
    int count = 0;
    for (const Node *n = list; n; n = n->next, count++)
        if (n->kind == N_KEYWORD || !number_translate(c, n, in)) return -1;
    return count;
}

/* ---- names ------------------------------------------------------------------------------- */

/* The column of a function's name; -1: it is none of its own. */
static int scope_column(const NumberScope *in, const char *name)
{
    for (int i = 0; in && i < in->count; i++)
        if (in->name[i] == name) return in->column[i];
    return -1;
}

static bool scope_bind(NumberScope *in, const char *name, int column)
{
    int i = 0;
    while (i < in->count && in->name[i] != name) i++;
    if (i == NUMBER_LOCALS) return false;
    if (i == in->count) in->name[in->count++] = name;
    in->column[i] = column;
    return true;
}

/* Which of the loop's names it is; -1: none. */
static int loop_name(const NumberCode *c, const char *name, const NumberScope *in)
{
    int i = 0;
    for (const Node *n = in ? NULL : c->names; n; n = n->next, i++)
        if (n->name == name) return i;
    return -1;
}

/* What a name outside of the expression stands for; NULL: nothing, or the name is its own. */
static const Val *number_known(const NumberCode *c, const char *name,
                               const NumberScope *in)
{
    if (scope_column(in, name) >= 0 || loop_name(c, name, in) >= 0) return NULL;
    return in ? known_in_file(c->l, in->file, name) : known_name(c->l, name);
}

static bool number_is_own(const NumberCode *c, const char *name, const NumberScope *in)
{
    return scope_column(in, name) >= 0 || loop_name(c, name, in) >= 0;
}

/* A value that all elements share. */
static bool number_constant(NumberCode *c, const Val *v)
{
    return v
        && (val_is_number(*v) || v->kind == V_BOOL || v->kind == V_STRING
            || v->kind == V_LIST)
        && number_push(c, *v);
}

static bool number_name(NumberCode *c, const Node *n, const NumberScope *in)
{
    const int column = scope_column(in, n->name), name = loop_name(c, n->name, in);
    if (column >= 0)
        return number_add(c, (NumberStep){ .kind = DO_COPY, .n = column }, 0);
    if (name >= 0) return number_add(c, (NumberStep){ .kind = DO_NAME, .n = name }, 0);
    return number_constant(c, number_known(c, n->name, in));
}

/* What `f.name` is, of an imported file or a layer; NULL: that is something else. */
static const Val *number_member(const NumberCode *c, const Node *n, const NumberScope *in)
{
    const Val *of = n->a->kind == N_NAME ? number_known(c, n->a->name, in) : NULL;
    if (!of) return NULL;
    if (of->kind == V_INSTANCE) return env_get(&of->u.self->env, n->name);
    return of->kind == V_FILE && n->name[0] != '_' ? file_get(c->l, of->u.file, n->name)
                                                   : NULL;
}

/* x.shape, x.rank of a tensor outside. */
static bool number_of_tensor(NumberCode *c, const Node *n, const NumberScope *in)
{
    const Val *of = n->a->kind == N_NAME ? number_known(c, n->a->name, in) : NULL;
    Val v;
    return of && val_is_tensor(*of) && tensor_member_of(c->l, *of, n->name, &v)
        && number_push(c, v);
}

/* ---- calls ------------------------------------------------------------------------------- */

/* The argument for a parameter; NULL: there is none. */
static const Node *number_argument(const Node *params, const Node *p, const Node *args)
{
    for (; args && args->kind != N_KEYWORD; args = args->next, params = params->next)
        if (params == p) return args;
    for (; args; args = args->next)
        if (args->name == p->name) return args->a;
    return NULL;
}

/* Whether each argument is one of the parameters', once, without a name before those that
 * have one. */
static bool number_arguments_fit(const Node *params, const Node *args)
{
    for (; args && args->kind != N_KEYWORD; args = args->next, params = params->next)
        if (!params) return false;
    for (; args; args = args->next) {
        const Node *p = params;
        while (p && p->name != args->name) p = p->next;
        if (args->kind != N_KEYWORD || !p) return false;
        for (const Node *other = args->next; other; other = other->next)
            if (other->kind == N_KEYWORD && other->name == args->name) return false;
    }
    return true;
}

/* The top of the stack has that name from now on. */
static bool number_bind(const NumberCode *c, NumberScope *in, const char *name)
{
    return scope_bind(in, name, c->steps->depth - 1);
}

/* A parameter with a type is what the type makes of its argument. */
static bool number_typed(NumberCode *c, NumberScope *inner, const Node *p)
{
    const Val kind = { .kind = kind_of_type(p->a) };
    return kind.kind != V_NONE && number_name(c, p, inner)
        && number_add(c, (NumberStep){ .kind = DO_KIND, .value = kind }, 1)
        && number_bind(c, inner, p->name);
}

/* Arguments first, in the caller's scope, then what parameters are without one. */
static bool number_parameters(NumberCode *c, const Node *f, const Node *args,
                              const NumberScope *in, NumberScope *inner)
{
    if (!number_arguments_fit(f->a, args)) return false;
    for (const Node *p = f->a; p; p = p->next) {
        const Node *arg = number_argument(f->a, p, args);
        if (arg && (!number_translate(c, arg, in) || !number_bind(c, inner, p->name)))
            return false;
    }
    for (const Node *p = f->a; p; p = p->next) {
        if (!number_argument(f->a, p, args)
            && (!p->b || !number_translate(c, p->b, inner)
                || !number_bind(c, inner, p->name)))
            return false;
        if (p->a && !number_typed(c, inner, p)) return false;
    }
    return true;
}

/* fn f(x) = .., or statements `y = ..` and a `return` behind them: columns for its names,
 * and then the result alone. Those are computed whether or not the result has them in it, as
 * a call does. */
static bool number_function_call(NumberCode *c, const Closure *f, const Node *args,
                                 const NumberScope *in)
{
    NumberScope inner = { .file = f->file, .depth = in ? in->depth + 1 : 1 };
    const Node *decl = f->decl, *s = decl->c ? decl->c->a : NULL;
    const int below = c->steps->depth;
    if (f->self || decl->kind != N_FN || decl->b || inner.depth > NUMBER_CALLS
        || !number_parameters(c, decl, args, in, &inner))
        return false;
    for (; s && s->kind == N_ASSIGN; s = s->next)
        if (s->a->next || !number_translate(c, s->b, &inner)
            || !number_bind(c, &inner, s->a->name))
            return false;
    if (!s || s->next || s->kind != N_RETURN || !number_translate(c, s->a, &inner))
        return false;
    const int names = c->steps->depth - below - 1;
    return !names
        || number_add(c, (NumberStep){ .kind = DO_DROP, .n = names }, names + 1);
}

/* The built-in functions that take numbers, and say nothing when they are called so. Those of
 * many values are done to two after another, from `start` on where there is one. */
static const struct {
    const char *name;
    DoKind kind;
    int token; /* of an element and what was made of those before it */
    int start;
} number_builtins[] = {
    { "int", DO_INT, 0, 0 },           { "float", DO_FLOAT, 0, 0 },
    { "len", DO_CALL, 0, 0 },          { "min", DO_LEAST, TK_LT, 0 },
    { "max", DO_MOST, TK_GT, 0 },      { "sum", DO_BINARY, TK_PLUS, 0 },
    { "prod", DO_BINARY, TK_STAR, 1 },
};

/* f(a, b, ..) and f([a, b, ..]), of two values at least. */
static bool number_fold(NumberCode *c, size_t row, const Builtin *f, const Node *args,
                        const NumberScope *in)
{
    const NumberStep step = { .kind = number_builtins[row].kind,
                              .token = number_builtins[row].token,
                              .call = f };
    const bool starts = step.kind == DO_BINARY;
    if (starts && !number_push(c, val_int(number_builtins[row].start))) return false;
    for (const Node *n = args; n; n = n->next) {
        if (n->kind == N_KEYWORD || !number_translate(c, n, in)) return false;
        if ((starts || n != args) && !number_add(c, step, 2)) return false;
    }
    return true;
}

static bool number_builtin(NumberCode *c, const Builtin *f, const Node *args,
                           const NumberScope *in)
{
    size_t row = 0;
    while (row < COUNT(number_builtins) && strcmp(number_builtins[row].name, f->name))
        row++;
    if (row == COUNT(number_builtins)) return false;
    const bool list = args && args->kind == N_LIST && !args->next;
    const Node *values = list ? args->a : args;
    if (f->max > 1 && values && values->next) return number_fold(c, row, f, values, in);
    const int n = number_all(c, args, in);
    const DoKind kind = f->max > 1 ? DO_CALL : number_builtins[row].kind;
    const int token = number_builtins[row].token;
    return n == 1
        && number_add(c, (NumberStep){ .kind = kind, .token = token, .n = n, .call = f },
                      n);
}

static bool number_op_call(NumberCode *c, const char *op, const Node *args,
                           const NumberScope *in)
{
    const NumberFunction *f = number_function(op);
    return f && number_all(c, args, in) == f->takes
        && number_add(c, (NumberStep){ .kind = DO_MATH, .math = f }, f->takes);
}

/* A function by its name, or as m.name; mil.name is an op. */
static bool number_call(NumberCode *c, const Node *n, const NumberScope *in)
{
    const Node *f = n->a;
    const Val *known = NULL;
    if (f->kind == N_MEMBER) {
        const bool mil = f->a->kind == N_NAME && !strcmp(f->a->name, "mil");
        known = number_member(c, f, in);
        if (!known && mil && !number_is_own(c, f->a->name, in)
            && !number_known(c, f->a->name, in))
            return number_op_call(c, f->name, n->b, in);
    } else if (f->kind == N_NAME && !number_is_own(c, f->name, in)) {
        known = number_known(c, f->name, in);
        const Builtin *b = known ? NULL : builtin_find(f->name);
        if (b) return number_builtin(c, b, n->b, in);
        if (!known) return number_op_call(c, f->name, n->b, in);
    }
    if (!known) return false;
    if (known->kind == V_OP) return number_op_call(c, ops[known->u.op].name, n->b, in);
    if (known->kind == V_BUILTIN) return number_builtin(c, known->u.builtin, n->b, in);
    return known->kind == V_FN && number_function_call(c, known->u.fn, n->b, in);
}

/* ---- expressions ------------------------------------------------------------------------- */

static bool number_binary(NumberCode *c, const Node *n, const NumberScope *in)
{
    static const int known[] = { TK_PLUS,    TK_MINUS, TK_STAR, TK_SLASH, TK_FLOORDIV,
                                 TK_PERCENT, TK_POWER, TK_EQ,   TK_NE,    TK_LT,
                                 TK_LE,      TK_GT,    TK_GE,   TK_AND,   TK_OR };
    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i] == n->op)
            return number_translate(c, n->a, in) && number_translate(c, n->b, in)
                && number_add(c, (NumberStep){ .kind = DO_BINARY, .token = n->op }, 2);
    return false;
}

/* An element that all share, of a list by an int: its two steps become one. */
static bool number_shared(NumberCode *c)
{
    NumberStep *s = c->steps->step + c->steps->count - 2;
    if (c->steps->count < 2 || s[0].kind != DO_PUSH || s[1].kind != DO_PUSH) return false;
    const Val v = val_pick(s[0].value, s[1].value);
    if (v.kind != V_INT && v.kind != V_FLOAT && v.kind != V_BOOL && v.kind != V_LIST)
        return false;
    s[0].value = v;
    c->steps->count--;
    c->steps->depth--;
    return true;
}

/* a[i], of a list. */
static bool number_pick(NumberCode *c, const Node *n, const NumberScope *in)
{
    const Node *at = n->b;
    return !at->next && at->kind != N_SLICE && at->kind != N_REST
        && number_translate(c, n->a, in) && number_translate(c, at, in)
        && (number_shared(c) || number_add(c, (NumberStep){ .kind = DO_PICK }, 2));
}

static bool number_list(NumberCode *c, const Node *n, const NumberScope *in)
{
    const int count = number_all(c, n->a, in);
    return count >= 0
        && number_add(c, (NumberStep){ .kind = DO_LIST, .n = count }, count);
}

static bool number_kind(NumberCode *c, const Node *n, const NumberScope *in)
{
    switch (n->kind) {
    case N_INT:
        return number_push(c, val_int(n->u.i));
    case N_FLOAT:
        return number_push(c, val_float(n->u.f));
    case N_BOOL:
        return number_push(c, val_bool(n->u.i));
    case N_STRING:
        return number_push(c, val_string(n->u.s));
    case N_NAME:
        return number_name(c, n, in);
    case N_MEMBER:
        return number_constant(c, number_member(c, n, in)) || number_of_tensor(c, n, in);
    case N_CALL:
        return number_call(c, n, in);
    case N_BINARY:
        return number_binary(c, n, in);
    case N_UNARY:
        return number_translate(c, n->a, in)
            && number_one(c, n->op == TK_NOT ? DO_NOT : DO_MINUS);
    case N_INDEX:
        return number_pick(c, n, in);
    case N_LIST:
        return number_list(c, n, in);
    case N_COND:
        return number_translate(c, n->b, in) && number_translate(c, n->a, in)
            && number_translate(c, n->c, in)
            && number_add(c, (NumberStep){ .kind = DO_CHOOSE }, 3);
    default:
        return false;
    }
}

static bool number_translate(NumberCode *c, const Node *n, const NumberScope *in)
{
    if (++c->nesting > NUMBER_NESTING) return false; /* and whoever asked gives up too */
    const bool ok = number_kind(c, n, in);
    c->nesting--;
    return ok;
}

/* ---- the list ---------------------------------------------------------------------------- */

typedef struct {
    Lower *l;
    const NumberSteps *body, *test; /* test NULL: all stay */
    const NumberEach *each;
    int count; /* of the loop's names */
    NumberColumn *name, *stack;
} NumberLoop;

/* The values of the loop's names at n elements. */
static bool number_elements(const NumberLoop *x, int64_t at, int n)
{
    const NumberEach *e = x->each;
    if (!e->list) {
        column_count(x->name, e->from + at, n);
        return x->count == 1;
    }
    const Val *element = e->list->at + at;
    if (x->count == 1) return column_read(x->name, element, n);
    Val part[NUMBER_BATCH];
    for (int i = 0; i < x->count; i++) {
        for (int k = 0; k < n; k++) {
            const List *of = element[k].kind == V_LIST ? element[k].u.list : NULL;
            if (!of || of->n != x->count) return false;
            part[k] = of->at[i];
        }
        if (!column_read(&x->name[i], part, n)) return false;
    }
    return true;
}

/* Only those for which the test holds stay; how many these are. */
static int number_keep(const NumberColumn *test, NumberColumn *name, int count, int n)
{
    int kept = 0;
    for (int i = 0; i < count; i++) {
        kept = 0;
        for (int k = 0; k < n; k++) {
            name[i].u.i[kept] = name[i].u.i[k];
            if (name[i].mixed) name[i].own[kept] = name[i].own[k];
            kept += test->u.i[k] != 0;
        }
    }
    return kept;
}

static bool number_batch(const NumberLoop *x, int64_t at, int n, List *out)
{
    if (!number_elements(x, at, n)) return false;
    if (x->test) {
        columns_compute(x->l, x->test, x->name, x->stack, n);
        if (x->stack->mixed || x->stack->kind != V_BOOL) return false;
        n = number_keep(x->stack, x->name, x->count, n);
    }
    if (!n) return true;
    columns_compute(x->l, x->body, x->name, x->stack, n);
    if (!column_write(x->stack, out->at + out->n, n)) return false;
    out->n += n;
    return true;
}

static bool number_code(Lower *l, const Node *n, const Node *loop, NumberSteps *steps)
{
    NumberCode c = { .l = l, .names = loop->c, .steps = steps };
    return number_translate(&c, n, NULL);
}

bool each_number(Lower *l, const Node *n, const NumberEach *each, List *out)
{
    const Node *only = n->b->kind == N_FILTER ? n->b->b : NULL;
    NumberSteps body = { .count = 0 }, test = { .count = 0 };
    int count = 0;
    for (const Node *c = n->c; c; c = c->next) count++;
    if (count > NUMBER_NAMES || each->n > MAX_STEPS - l->steps
        || !number_code(l, n->a, n, &body) || (only && !number_code(l, only, n, &test)))
        return false;
    if (!l->columns)
        l->columns = NEW_ARRAY(&l->arena, NUMBER_NAMES + NUMBER_STACK + 1, NumberColumn);
    const NumberLoop x = { .l = l,
                           .body = &body,
                           .test = only ? &test : NULL,
                           .each = each,
                           .count = count,
                           .name = l->columns,
                           .stack = l->columns + NUMBER_NAMES };
    out->n = 0;
    for (int64_t i = 0; i < each->n; i += NUMBER_BATCH) {
        const int64_t left = each->n - i;
        if (!number_batch(&x, i, left < NUMBER_BATCH ? (int)left : NUMBER_BATCH, out))
            return false;
    }
    l->steps += each->n;
    return true;
}
