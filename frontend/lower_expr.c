/* lower_expr.c -- expressions: numbers and lists are computed, operations on tensors become
 * ops. */
#include "lower.h"
#include "grammar.h"

#include <string.h>

/* The op of each operator, for tensors: the column SIGN of the op table. */
static const int signs[OP_COUNT] = {
#define TK_NONE 0
#define OP(name, ...) [OP_##name] =
#define SIGN(token) TK_##token,
#include "../ir/ops/ops.def"
#undef TK_NONE
};

static int infix_op(int token)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (signs[i] == token) return i;
    bug("no op stands for %s", ast_token_name(token));
}

/* ---- operators --------------------------------------------------------------------------- */

static Val concat_lists(Lower *l, Loc loc, const List *a, const List *b)
{
    if (a->n + b->n > MAX_LIST) {
        lower_error(l, loc, "a list of more than %d elements", MAX_LIST);
        return val_poison();
    }
    Val v = val_list(l, a->n + b->n);
    if (a->n) memcpy(v.u.list->at, a->at, (size_t)a->n * sizeof *a->at);
    if (b->n) memcpy(v.u.list->at + a->n, b->at, (size_t)b->n * sizeof *b->at);
    return v;
}

static Val repeat_list(Lower *l, Loc loc, const List *a, int64_t times)
{
    int64_t n = 0;
    if (times < 0) times = 0;
    if (__builtin_mul_overflow(a->n, times, &n) || n > MAX_LIST) {
        lower_error(l, loc, "a list of more than %d elements", MAX_LIST);
        return val_poison();
    }
    Val v = val_list(l, n);
    for (int64_t i = 0; i < n; i++) v.u.list->at[i] = a->at[i % a->n];
    return v;
}

static Val text_concat(Lower *l, Loc loc, Val a, Val b)
{
    const char *s = val_text(l, a), *t = val_text(l, b);
    if (strlen(s) + strlen(t) > AST_MAX_TOKEN) {
        lower_error(l, loc, "a string of more than %d characters", AST_MAX_TOKEN);
        return val_poison();
    }
    return val_string(text_arg(l, "%s%s", s, t));
}

static Val values_op(Lower *l, const Node *n, Val a, Val b)
{
    const bool logic = n->op == TK_AND || n->op == TK_OR;
    if (val_is_number(a) && val_is_number(b) && n->op != TK_AT && !logic)
        return number_op(l, n->loc, n->op, a, b);
    if (n->op == TK_PLUS && (a.kind == V_STRING || b.kind == V_STRING))
        return text_concat(l, n->loc, a, b);
    if (n->op == TK_PLUS && a.kind == V_LIST && b.kind == V_LIST)
        return concat_lists(l, n->loc, a.u.list, b.u.list);
    if (n->op == TK_STAR && a.kind == V_LIST && b.kind == V_INT)
        return repeat_list(l, n->loc, a.u.list, b.u.i);
    if (n->op == TK_STAR && a.kind == V_INT && b.kind == V_LIST)
        return repeat_list(l, n->loc, b.u.list, a.u.i);
    if ((n->op == TK_EQ || n->op == TK_NE) && a.kind == b.kind) {
        Val same = val_equal(l, n->loc, a, b);
        if (same.kind == V_BOOL) same.u.b = same.u.b == (n->op == TK_EQ);
        return same;
    }
    lower_error(l, n->loc, "%s does not take %s and %s", ast_token_name(n->op),
                val_kind(l, a), val_kind(l, b));
    return val_poison();
}

/* a..b; false: an error was reported. */
static bool range_bounds(Lower *l, const Node *n, NumberEach *out)
{
    int64_t from = 0, to = 0;
    if (!eval_int(l, n->a, &from) || !eval_int(l, n->b, &to)) return false;
    int64_t count = to > from ? (int64_t)((uint64_t)to - (uint64_t)from) : 0;
    if (count < 0 || count > MAX_LIST)
        return lower_error(l, n->loc, "a range of more than %d elements", MAX_LIST);
    *out = (NumberEach){ .from = from, .n = count };
    return true;
}

static Val range_list(Lower *l, const NumberEach *r)
{
    Val v = val_list(l, r->n);
    for (int64_t i = 0; i < r->n; i++) v.u.list->at[i] = val_int(r->from + i);
    return v;
}

static Val range_value(Lower *l, const Node *n)
{
    NumberEach r;
    return range_bounds(l, n, &r) ? range_list(l, &r) : val_poison();
}

/* `and`, `or`: of bools known now the second is evaluated only where it matters. */
static bool expr_shortcut(const Node *n, Val a, Val *out)
{
    if (a.kind != V_BOOL || (n->op != TK_AND && n->op != TK_OR)) return false;
    if (a.u.b != (n->op == TK_OR)) return false;
    *out = a;
    return true;
}

/* One operator, whose first operand is known. */
static Val operator_value(Lower *l, const Node *n, Val a, const char *hint)
{
    Val out;
    if (expr_shortcut(n, a, &out)) return out;
    Val b = eval(l, n->b, NULL);
    if (a.kind == V_POISON || b.kind == V_POISON) return val_poison();
    if ((n->op == TK_EQ || n->op == TK_NE) && (a.kind == V_NONE || b.kind == V_NONE))
        return val_bool((a.kind == b.kind) == (n->op == TK_EQ));
    const bool logic = n->op == TK_AND || n->op == TK_OR;
    if (logic && (a.kind == V_MAYBE || b.kind == V_MAYBE))
        if ((a.kind == V_MAYBE || a.kind == V_BOOL)
            && (b.kind == V_MAYBE || b.kind == V_BOOL))
            return dim_logic(n->op, a, b);
    if (logic && a.kind == V_BOOL && b.kind == V_BOOL) return b;
    if (dim_operator(l, n, &a, &b, &out)) return out;
    bool text = n->op == TK_PLUS && (a.kind == V_STRING || b.kind == V_STRING);
    if (text || (!val_is_tensor(a) && !val_is_tensor(b))) return values_op(l, n, a, b);
    const int op = infix_op(n->op);
    if (op == OP_real_div && val_is_number(b) && val_double(b) == 0)
        diag_warn(l->diag, WARN_PRECISION, n->loc,
                  "a division by 0 is infinite, and no number where 0 is divided");
    NamedVal arg[] = { given(P_x, a, n->a->loc), given(P_y, b, n->b->loc) };
    /* constants stand second */
    if (!val_is_tensor(a) && (ops[op].flags & F_COMMUTES)) {
        arg[0].val = b;
        arg[1].val = a;
    }
    return emit(l, n->loc, hint, op, arg, 2);
}

/* Along the chain of first operands in a loop, from the innermost outwards. */
static Val binary_value(Lower *l, const Node *n, const char *hint)
{
    Arena scratch = { 0 };
    const Node **all;
    const int count = ast_chain(&scratch, n, &all);
    Val v = eval(l, all[count - 1]->a, NULL);
    for (int i = count; i-- > 0;) {
        const bool go = i == 0 || lower_step(l, all[i]->loc);
        v = go ? operator_value(l, all[i], v, i ? NULL : hint) : val_poison();
    }
    arena_free(&scratch);
    return v;
}

static Val unary_value(Lower *l, const Node *n, const char *hint)
{
    Val a = eval(l, n->a, NULL);
    if (a.kind == V_POISON) return a;
    if (n->op == TK_NOT && a.kind == V_BOOL) return val_bool(!a.u.b);
    if (n->op == TK_NOT && a.kind == V_MAYBE) return a;
    if (n->op == TK_MINUS && a.kind == V_DIM) a = dim_tensor(l, a, n->loc);
    if (n->op == TK_MINUS && a.kind == V_FLOAT) return val_float(-a.u.f);
    if (n->op == TK_MINUS && a.kind == V_INT)
        return number_op(l, n->loc, TK_MINUS, val_int(0), a);
    if (val_is_tensor(a)) {
        NamedVal arg[] = { given(P_x, a, n->a->loc), given(P_y, val_int(-1), n->loc) };
        return n->op == TK_NOT ? emit(l, n->loc, hint, OP_logical_not, arg, 1)
                               : emit(l, n->loc, hint, OP_mul, arg, 2);
    }
    lower_error(l, n->loc, "%s does not take %s", ast_token_name(n->op), val_kind(l, a));
    return val_poison();
}

/* ---- lists ------------------------------------------------------------------------------- */

static Val list_value(Lower *l, const Node *n)
{
    int64_t count = 0;
    bool ok = true;
    for (const Node *e = n->a; e; e = e->next) count++;
    Val v = val_list(l, count);
    count = 0;
    for (const Node *e = n->a; e; e = e->next) {
        Val x = eval(l, e, NULL);
        if (x.kind == V_POISON) ok = false;
        v.u.list->at[count++] = x;
    }
    return ok ? v : val_poison();
}

/* What a list is made for: a range is not made where nobody walks it. */
static bool each_of(Lower *l, const Node *of, NumberEach *out)
{
    if (of->kind == N_BINARY && of->op == TK_RANGE) return range_bounds(l, of, out);
    const Val in = eval(l, of, NULL);
    if (in.kind == V_POISON) return false;
    if (in.kind != V_LIST)
        return lower_error(l, of->loc, "`for` walks a list or a range, not %s",
                           val_kind(l, in));
    *out = (NumberEach){ .list = in.u.list, .n = in.u.list->n };
    return true;
}

/* Walks the trees of the expression and of the condition for each element. */
static bool each_walk(Lower *l, const Node *n, const NumberEach *each, List *out)
{
    const Node *only = n->b->kind == N_FILTER ? n->b->b : NULL;
    const Val *old = env_get(l->frame->env, n->c->name);
    const Val saved = old ? *old : (Val){ .kind = V_NONE };
    bool ok = true;
    out->n = 0;
    for (int64_t i = 0; ok && i < each->n; i++) {
        bool yes = true;
        bind_names(l, n->c, each->list ? each->list->at[i] : val_int(each->from + i),
                   n->loc);
        ok = !only || eval_truth(l, only, "the condition of a list", &yes);
        if (!ok || !yes) continue;
        const Val x = eval(l, n->a, NULL);
        out->at[out->n++] = x;
        ok = x.kind != V_POISON && !l->stopped;
    }
    if (old) env_set(l, l->frame->env, n->c->name, saved);
    return ok;
}

static Val each_value(Lower *l, const Node *n)
{
    NumberEach each;
    if (!each_of(l, n->b->kind == N_FILTER ? n->b->a : n->b, &each)) return val_poison();
    Val v = val_list(l, each.n);
    return each_number(l, n, &each, v.u.list) || each_walk(l, n, &each, v.u.list)
             ? v
             : val_poison();
}

/* ---- every expression -------------------------------------------------------------------- */

static Val eval_kind(Lower *l, const Node *n, const char *hint)
{
    bool yes = false;
    switch (n->kind) {
    case N_INT:
        return val_int(n->u.i);
    case N_FLOAT:
        return val_float(n->u.f);
    case N_BOOL:
        return val_bool(n->u.i != 0);
    case N_STRING:
        return val_string(n->u.s);
    case N_NAME:
        return lookup(l, n);
    case N_MEMBER:
        return member_value(l, n);
    case N_UNARY:
        return unary_value(l, n, hint);
    case N_BINARY:
        return n->op == TK_RANGE ? range_value(l, n) : binary_value(l, n, hint);
    case N_LIST:
        return list_value(l, n);
    case N_EACH:
        return each_value(l, n);
    case N_INDEX:
        return eval_index(l, n, hint);
    case N_CALL:
        return eval_call(l, n, hint);
    case N_COND:
        if (!eval_truth(l, n->b, "the condition of `if`", &yes)) return val_poison();
        return eval(l, yes ? n->a : n->c, hint);
    default:
        bug("%s is no expression", node_names[n->kind]);
    }
}

Val eval(Lower *l, const Node *n, const char *hint)
{
    if (!lower_enter(l, n->loc)) return val_poison();
    Val v = eval_kind(l, n, hint);
    lower_leave(l);
    return v;
}

bool eval_int(Lower *l, const Node *n, int64_t *out)
{
    Val v = eval(l, n, NULL);
    if (v.kind == V_INT) *out = v.u.i;
    else if (v.kind != V_POISON)
        lower_error(l, n->loc, "an int is needed here, not %s", val_kind(l, v));
    return v.kind == V_INT;
}

static bool truth_of(Lower *l, const Node *n, Val v, const char *what, bool *out)
{
    if (v.kind == V_BOOL) *out = v.u.b;
    else if (v.kind == V_MAYBE)
        lower_error(l, n->loc,
                    "%s depends on dimensions that are known only when the model runs",
                    what);
    else if (val_is_tensor(v))
        lower_error(
            l, n->loc,
            "%s is %s, which is known only when the model runs; select(cond, a, b) chooses then",
            what, val_kind(l, v));
    else if (v.kind != V_POISON)
        lower_error(l, n->loc, "%s must be a bool, not %s", what, val_kind(l, v));
    return v.kind == V_BOOL;
}

bool eval_truth(Lower *l, const Node *n, const char *what, bool *out)
{
    return truth_of(l, n, eval(l, n, NULL), what, out);
}

bool eval_claim(Lower *l, const Node *n, const char *what, bool *out)
{
    const Val v = eval(l, n, NULL);
    if (v.kind == V_MAYBE) *out = true;
    return v.kind == V_MAYBE || truth_of(l, n, v, what, out);
}

bool eval_dims(Lower *l, const Node *list, bool wildcard, Shape *out)
{
    *out = (Shape){ .rank = 0 };
    for (const Node *n = list; n; n = n->next) {
        int64_t dim = DIM_ANY;
        if (out->rank == MAX_RANK)
            return lower_error(l, n->loc, "a tensor has at most %d dimensions", MAX_RANK);
        if (n->kind == N_DIM && !wildcard)
            return lower_error(
                l, n->loc, "only an input of a model has a dimension that a run chooses");
        const Val *known = n->kind == N_NAME && wildcard ? known_name(l, n->name) : NULL;
        const bool open = n->kind == N_NAME && (!known || known->kind == V_DIM);
        const bool any = wildcard && (n->kind == N_DIM || open);
        if (!any) {
            if (!eval_int(l, n, &dim)) return false;
            if (dim < 1 || dim > INT32_MAX)
                return lower_error(l, n->loc,
                                   "a dimension must be from 1 to %d, not %lld",
                                   INT32_MAX, (long long)dim);
        }
        out->dim[out->rank++] = dim;
    }
    size_t count;
    if (shape_known(out) && (!shape_count(out, &count) || count > (size_t)1 << 40))
        return lower_error(l, list->loc, "a tensor %s is too large",
                           shape_text(&l->arena, out));
    return true;
}
