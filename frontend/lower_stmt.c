/* lower_stmt.c -- statements of the language. Loops and conditions are evaluated at once, so
 * that nothing of them is left in the program. */
#include "lower.h"
#include "grammar.h"

#include <string.h>

static void run_stmt(Lower *l, const Node *n);

void run_block(Lower *l, const Node *block)
{
    for (const Node *n = block->a; n && !l->frame->returned && !l->stopped; n = n->next)
        run_stmt(l, n);
}

/* ---- assignment -------------------------------------------------------------------------- */

void bind_names(Lower *l, const Node *names, Val v, Loc loc)
{
    int n = 0;
    for (const Node *a = names; a; a = a->next) n++;
    if (n == 1) {
        lower_bind(l, names, v);
        return;
    }
    bool fits = v.kind == V_LIST && v.u.list->n == n;
    if (v.kind == V_LIST && !fits)
        lower_error(l, loc, "there are %d names for %lld values", n,
                    (long long)v.u.list->n);
    else if (!fits && v.kind != V_POISON)
        lower_error(l, loc, "there are %d names, but one value: %s", n, val_kind(l, v));
    n = 0;
    for (const Node *a = names; a; a = a->next, n++)
        lower_bind(l, a, fits ? v.u.list->at[n] : val_poison());
}

/* Results of one op are named after what they are assigned to. */
static void name_results(Lower *l, const Node *names, Val v)
{
    if (v.kind != V_LIST) return;
    int64_t i = 0;
    for (const Node *a = names; a && i < v.u.list->n; a = a->next, i++) {
        Val x = v.u.list->at[i];
        if (x.kind != V_TENSOR || !x.u.tensor->def || x.u.tensor->def->nout < 2) continue;
        Value *t = x.u.tensor;
        t->name = func_unique_name(l->func, join_path(l, l->frame->prefix, a->name));
        if (t->def->out[0] == t) op_set_name(l->m, t->def, t->name);
    }
}

static void run_assign(Lower *l, const Node *n)
{
    bool one = !n->a->next;
    if (!one
        /* a, b = f(x), g(x): each value is named after its own target */
        && n->b->kind == N_LIST) {
        const Node *e = n->b->a;
        int64_t count = 0, i = 0;
        for (; e; e = e->next) count++;
        Val v = val_list(l, count);
        e = n->b->a;
        for (const Node *a = n->a; e; e = e->next, a = a ? a->next : NULL)
            v.u.list->at[i++] = eval(l, e,
                                     a ? join_path(l, l->frame->prefix, a->name) : NULL);
        bind_names(l, n->a, v, n->loc);
        return;
    }
    Val v = eval(l, n->b, one ? join_path(l, l->frame->prefix, n->a->name) : NULL);
    if (!one && l->func) name_results(l, n->a, v);
    bind_names(l, n->a, v, n->loc);
}

/* ---- declarations ------------------------------------------------------------------------ */

void run_weight(Lower *l, const Node *n) { lower_bind(l, n, declare_weight(l, n)); }

static void run_fn(Lower *l, const Node *n)
{
    Closure *c = NEW(&l->arena, Closure);
    *c = (Closure){ .decl = n, .file = l->frame->file, .self = l->frame->self };
    if (!l->frame->self || l->frame->env != &l->frame->self->env) {
        lower_error(l, n->loc,
                    "a function is defined in a layer or at the top of a file, not here");
        return;
    }
    const char *name = n->name ? n->name : module_name(l->m, "()");
    if (env_get(l->frame->env, name))
        lower_error(l, n->loc, "layer %s defines %s twice", l->frame->what,
                    n->name ? n->name : "its fn");
    env_set(l, l->frame->env, name, (Val){ .kind = V_FN, .u.fn = c });
}

/* ---- control ----------------------------------------------------------------------------- */

static void run_if(Lower *l, const Node *n)
{
    bool yes = false;
    if (!eval_truth(l, n->a, "the condition of `if`", &yes)) return;
    if (yes) run_block(l, n->b);
    else if (n->c) n->c->kind == N_IF ? run_stmt(l, n->c) : run_block(l, n->c);
}

static void run_for(Lower *l, const Node *n)
{
    Val in = eval(l, n->b, NULL);
    if (in.kind == V_POISON) return;
    if (in.kind != V_LIST) {
        lower_error(l, n->b->loc, "`for` walks a list or a range, not %s",
                    val_kind(l, in));
        return;
    }
    for (int64_t i = 0; i < in.u.list->n && !l->frame->returned && lower_step(l, n->loc);
         i++) {
        bind_names(l, n->a, in.u.list->at[i], n->loc);
        run_block(l, n->c);
    }
}

/* What does not hold of a condition: of `a and b` the one that is not so. */
static const Node *assert_part(Lower *l, const Node *n)
{
    bool yes = false;
    while (n->kind == N_BINARY && n->op == TK_AND)
        n = eval_claim(l, n->a, "what is asserted", &yes) && yes ? n->b : n->a;
    return n;
}

/* "[2, 3] == [3, 2]", of a comparison that does not hold; NULL of other conditions, and of the
 * library's, whose messages say it. */
static const char *assert_values(Lower *l, const Node *n)
{
    static const int compares[] = { TK_EQ, TK_NE, TK_LT, TK_LE, TK_GT, TK_GE };
    if (lower_blame(l, n->loc).src != n->loc.src) return NULL;
    n = assert_part(l, n);
    for (size_t i = 0; n->kind == N_BINARY && i < COUNT(compares); i++) {
        if (compares[i] != n->op) continue;
        const Val a = eval(l, n->a, NULL), b = eval(l, n->b, NULL);
        return text_arg(l, "%s %s %s", val_text(l, a), ast_token_name(n->op),
                        val_text(l, b));
    }
    return NULL;
}

static void run_assert(Lower *l, const Node *n)
{
    bool yes = false;
    if (!eval_claim(l, n->a, "what is asserted", &yes) || yes) return;
    const Val why = n->b ? eval(l, n->b, NULL) : val_string("");
    if (why.kind == V_POISON) return;
    const char *values = assert_values(l, n->a), *text = val_text(l, why);
    if (!n->b)
        lower_error(l, n->a->loc, "this does not hold%s%s", values ? ": " : "",
                    values ? values : "");
    else if (values) lower_error(l, n->a->loc, "%s (%s does not hold)", text, values);
    else lower_error(l, n->a->loc, "%s", text);
    l->frame->returned = true;
    l->frame->result = val_poison();
}

static void run_return(Lower *l, const Node *n, const char *hint)
{
    if (l->frame->self && l->frame->env == &l->frame->self->env) {
        lower_error(l, n->loc, "a layer's body does not return; its `fn` does");
        return;
    }
    l->frame->result = eval(l, n->a, hint);
    l->frame->returned = true;
}

static void run_stmt(Lower *l, const Node *n)
{
    if (!lower_enter(l, n->loc)) return;
    switch (n->kind) {
    case N_ASSIGN:
        run_assign(l, n);
        break;
    case N_WEIGHT:
        run_weight(l, n);
        break;
    case N_STATE:
        run_state(l, n);
        break;
    case N_CALL:
        eval_call(l, n, NULL);
        break;
    case N_LAYER:
        run_use(l, n);
        break;
    case N_FN:
        run_fn(l, n);
        break;
    case N_RETURN:
        run_return(l, n, l->frame->hint);
        break;
    case N_IF:
        run_if(l, n);
        break;
    case N_FOR:
        run_for(l, n);
        break;
    case N_ASSERT:
        run_assert(l, n);
        break;
    default:
        bug("%s is no statement", node_names[n->kind]);
    }
    lower_leave(l);
}
