/* lower_layer.c -- `layer name: ..`: makes one layer, several alike, or a list of different
 * ones, each with a path of its own. */
#include "lower.h"

#include <string.h>

static Val make_use(Lower *l, const Node *e, const char *path, bool listed);

static const char *numbered(Lower *l, const char *path, int64_t i)
{
    return text_arg(l, "%s.%lld", path, (long long)i);
}

static Val not_a_layer(Lower *l, Loc loc, Val v)
{
    if (v.kind != V_POISON)
        lower_error(l, loc, "a layer is needed here, not %s", val_kind(l, v));
    return val_poison();
}

/* ---- several ----------------------------------------------------------------------------- */

/* Elements of a list, and arguments of Sequential; one with a name has it in place of its
 * number. */
static Val make_list(Lower *l, const Node *first, const char *path)
{
    int64_t n = 0;
    for (const Node *e = first; e; e = e->next) n++;
    Val v = val_list(l, n);
    bool ok = true;
    n = 0;
    for (const Node *e = first; e && !l->stopped; e = e->next, n++) {
        const bool named = e->kind == N_KEYWORD;
        const Val x = make_use(l, named ? e->a : e,
                               named ? join_path(l, path, e->name) : numbered(l, path, n),
                               true);
        ok = ok && x.kind != V_POISON;
        v.u.list->at[n] = x;
    }
    return ok ? v : val_poison();
}

static Val make_each(Lower *l, const Node *n, const char *path)
{
    Val in = eval(l, n->b, NULL);
    if (in.kind == V_POISON) return in;
    if (in.kind != V_LIST) {
        lower_error(l, n->b->loc, "`for` walks a list or a range, not %s",
                    val_kind(l, in));
        return val_poison();
    }
    Val v = val_list(l, in.u.list->n);
    bool ok = true;
    for (int64_t i = 0; ok && i < v.u.list->n; i++) {
        bind_names(l, n->c, in.u.list->at[i], n->loc);
        v.u.list->at[i] = make_use(l, n->a, numbered(l, path, i), true);
        ok = v.u.list->at[i].kind != V_POISON;
    }
    return ok && !l->stopped ? v : val_poison();
}

/* Type[n], Type(..)[n] */
static Val make_many(Lower *l, const Node *n, const char *path)
{
    int64_t count = 0;
    if (n->b->kind == N_SLICE || n->b->next) {
        lower_error(l, n->b->loc, "behind a layer its number stands in [ ]");
        return val_poison();
    }
    if (!eval_int(l, n->b, &count)) return val_poison();
    if (count < 0 || count > MAX_OPS) {
        lower_error(l, n->b->loc, "%lld layers cannot be made", (long long)count);
        return val_poison();
    }
    Val v = val_list(l, count);
    bool ok = true;
    for (int64_t i = 0; ok && i < count && !l->stopped; i++) {
        v.u.list->at[i] = make_use(l, n->a, numbered(l, path, i), true);
        ok = v.u.list->at[i].kind != V_POISON;
    }
    return ok ? v : val_poison();
}

/* ---- one --------------------------------------------------------------------------------- */

static Val make_call(Lower *l, const Node *n, const char *path)
{
    Val f = eval(l, n->a, NULL);
    if (f.kind == V_BUILTIN && f.u.builtin->call == builtin_sequential)
        return make_list(l, n->b, path);
    if (f.kind != V_LAYER) return not_a_layer(l, n->a->loc, f);
    return instantiate(l, f.u.fn, n->b, n->loc, path);
}

static Val make_kind(Lower *l, const Node *e, const char *path, bool listed)
{
    bool yes = false;
    switch (e->kind) {
    case N_LIST:
        return make_list(l, e->a, path);
    case N_EACH:
        return make_each(l, e, path);
    case N_INDEX:
        return make_many(l, e, path);
    case N_CALL:
        return make_call(l, e, path);
    case N_COND:
        if (!eval_truth(l, e->b, "the condition of `if`", &yes)) return val_poison();
        return make_use(l, yes ? e->a : e->c, path, listed);
    default:
        break;
    }
    Val f = eval(l, e, NULL);
    if (f.kind == V_LAYER) return instantiate(l, f.u.fn, NULL, e->loc, path);
    const bool function = f.kind == V_FN || f.kind == V_OP;
    return (listed && function) || f.kind == V_NONE ? f : not_a_layer(l, e->loc, f);
}

/* What the expression names, put to use with a path of its own. listed: functions, which have
 * no weights, may stand between layers. */
static Val make_use(Lower *l, const Node *e, const char *path, bool listed)
{
    if (!lower_enter(l, e->loc)) return val_poison();
    Val v = make_kind(l, e, path, listed);
    lower_leave(l);
    return v;
}

/* ---- one by one: layer blocks[i]: .. ----------------------------------------------------- */

/* The list with place for element i, `none` where nothing was declared; the elements are shared
 * with what it was, which had no such element. */
static List *list_to(Lower *l, const List *old, int64_t i)
{
    List *list = NEW(&l->arena, List);
    *list = (List){ .n = old->n, .at = old->at, .room = old->room };
    if (i < old->n) return list;
    list->n = i + 1;
    if (i < old->room) return list;
    list->room = 2 * (i + 1);
    list->at = NEW_ARRAY(&l->arena, list->room, Val);
    if (old->n) memcpy(list->at, old->at, (size_t)old->n * sizeof *list->at);
    return list;
}

static void use_at(Lower *l, const Node *n)
{
    int64_t i = 0;
    const List none = { 0 };
    const Val *old = env_get(l->frame->env, n->name);
    if (!eval_int(l, n->c, &i)) return;
    if (i < 0 || i >= MAX_OPS) {
        lower_error(l, n->c->loc, "a layer's index is from 0 to %d, not %lld",
                    MAX_OPS - 1, (long long)i);
        return;
    }
    if (old && (old->kind != V_LIST || !old->u.list->room)) {
        if (old->kind != V_POISON)
            lower_error(l, n->loc, "%s is %s already, not layers declared one by one",
                        n->name, val_kind(l, *old));
        return;
    }
    List *list = list_to(l, old ? old->u.list : &none, i);
    if (list->at[i].kind != V_NONE) {
        lower_error(l, n->loc, "there is a layer %s[%lld] already", n->name,
                    (long long)i);
        return;
    }
    const char *path = join_path(l, frame_path(l, l->frame), numbered(l, n->name, i));
    list->at[i] = make_use(l, n->a, path, true);
    lower_bind(l, n, (Val){ .kind = V_LIST, .u.list = list });
}

void run_use(Lower *l, const Node *n)
{
    if (n->c) {
        use_at(l, n);
        return;
    }
    const char *path = join_path(l, frame_path(l, l->frame), n->name);
    lower_bind(l, n, make_use(l, n->a, path, false));
}

Val builtin_sequential(Lower *l, Loc loc, Val *a, int n)
{
    (void)a, (void)n;
    lower_error(
        l, loc,
        "Sequential stands where layers are declared: `layer name: Sequential(..)`");
    return val_poison();
}
