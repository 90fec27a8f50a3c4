/* lower_call.c -- calls: frames, inlining functions, making layers. */
#include "lower.h"

#include <string.h>

/* ---- frames ------------------------------------------------------------------------------ */

/* The path that weights declared in this call begin with; a function's is made when first asked
 * for, so that calls which declare none cost no name. */
const char *frame_path(Lower *l, Frame *f)
{
    if (f->path) return f->path;
    const char *base = join_path(l, f->up ? frame_path(l, f->up) : "", f->what),
               *path = base;
    for (int i = 1;; i++) {
        const char *key = module_name(l->m, path);
        if (!env_get(&l->uses, key)) {
            env_set(l, &l->uses, key, val_bool(true));
            return f->path = key;
        }
        path = text_arg(l, "%s_%d", base, i);
    }
}

static bool refuse_recursion(Lower *l, const Closure *c, Loc loc, const char *what)
{
    bool layer = c->decl->kind == N_LAYERDEF;
    Buf b = { 0 };
    const Frame *chain[MAX_CALL_DEPTH + 1], *f = l->frame;
    int n = 0;
    for (; f && n <= MAX_CALL_DEPTH; f = f->up) {
        chain[n++] = f;
        if (f->decl == c->decl && (layer || f->self == c->self)) break;
    }
    while (n-- > 0) buf_printf(&b, "%s -> ", chain[n]->what);
    if (layer)
        lower_error(l, loc, "layer %s cannot contain itself: %s%s", what, b.s ? b.s : "",
                    what);
    else
        lower_error(l, loc, "functions are inlined, so %s cannot call itself: %s%s", what,
                    b.s ? b.s : "", what);
    buf_free(&b);
    return false;
}

static bool call_push(Lower *l, Frame *f, const Closure *c, Loc loc)
{
    for (const Frame *g = l->frame; g; g = g->up)
        if (g->decl == c->decl && (g->self == c->self || c->decl->kind == N_LAYERDEF))
            return refuse_recursion(l, c, loc, f->what);
    if (l->call_depth == MAX_CALL_DEPTH)
        return lower_error(l, loc, "calls are nested deeper than %d", MAX_CALL_DEPTH);
    l->call_depth++;
    f->up = l->frame;
    f->decl = c->decl;
    f->file = c->file;
    f->call = loc;
    f->wrong = l->wrong + l->diag->errors;
    l->frame = f;
    return true;
}

static void call_pop(Lower *l)
{
    l->frame = l->frame->up;
    l->call_depth--;
}

/* ---- bodies ------------------------------------------------------------------------------ */

static Val named_results(Lower *l, const Node *results)
{
    int64_t n = 0;
    for (const Node *r = results; r; r = r->next) n++;
    Val v = val_list(l, n);
    n = 0;
    for (const Node *r = results; r; r = r->next, n++) {
        Val *x = env_get(l->frame->env, r->name);
        if (!x && l->wrong + l->diag->errors > l->frame->wrong)
            return val_poison(); /* which may be why */
        if (!x) {
            lower_error(l, r->loc, "%s never gives its result %s a value", l->frame->what,
                        r->name);
            return val_poison();
        }
        v.u.list->at[n] = *x;
    }
    return n == 1 ? v.u.list->at[0] : v;
}

/* As many values as there are names for, each of the type that its name has. */
static bool results_as_named(Lower *l, const Node *decl, Val v)
{
    int64_t n = 0, i = 0;
    for (const Node *r = decl->b; r; r = r->next) n++;
    if (n > 1 && v.kind == V_POISON) return false;
    if (n > 1 && (v.kind != V_LIST || v.u.list->n != n))
        return lower_error(l, decl->loc, "%s%s names %lld results, but returns %s",
                           decl->kind == N_MODEL ? "model " : "", l->frame->what,
                           (long long)n,
                           v.kind == V_LIST ? text_arg(l, "%lld", (long long)v.u.list->n)
                                            : val_kind(l, v));
    for (const Node *r = decl->b; r; r = r->next, i++) {
        Val x = n > 1 ? v.u.list->at[i] : v;
        const char *says = r->a ? text_arg(l, "result %s", r->name) : NULL;
        if (!check_type(l, r->a, says, r->loc, &x)) return false;
    }
    return true;
}

static Val run_body(Lower *l, const Node *decl)
{
    Frame *f = l->frame;
    run_block(l, decl->c);
    if (l->stopped) return val_poison();
    Val v = f->result;
    if (!f->returned && decl->b) v = named_results(l, decl->b);
    else if (!f->returned) {
        lower_error(l, decl->loc, "%s ends without `return`", f->what);
        return val_poison();
    }
    return results_as_named(l, decl, v) ? v : val_poison();
}

/* What depends on numbers and strings alone is computed once: tables and masks are the same
 * list wherever they are used, and so become one constant. */
static const char *memo_key(Lower *l, const Closure *c, const Args *a)
{
    if (c->self || c->decl->kind != N_FN || !a->n) return NULL;
    for (int i = 0; i < a->n; i++) {
        ValKind k = a->at[i].val.kind;
        if (k != V_INT && k != V_FLOAT && k != V_BOOL && k != V_STRING) return NULL;
    }
    Buf b = { 0 };
    buf_printf(&b, "%p", (const void *)c->decl);
    for (int i = 0; i < a->n; i++) {
        Val v = a->at[i].val;
        buf_printf(&b, "\x01%s\x01%d\x01", a->at[i].name ? a->at[i].name : "",
                   (int)v.kind);
        if (v.kind == V_FLOAT) buf_printf(&b, "%a", v.u.f);
        else buf_puts(&b, val_text(l, v));
    }
    const char *key = name_intern(&l->m->names, b.s, b.len);
    buf_free(&b);
    return key;
}

static bool known_now(Val v, int depth, int64_t *left)
{
    if (v.kind != V_LIST)
        return val_is_number(v) || v.kind == V_BOOL || v.kind == V_STRING;
    for (int64_t i = 0; i < v.u.list->n; i++)
        if (--*left < 0 || depth == MAX_RANK
            || !known_now(v.u.list->at[i], depth + 1, left))
            return false;
    return true;
}

static Val run_model_body(Lower *l, const Closure *c)
{
    Env uses = l->uses;
    const char *path = l->model_path;
    l->uses = (Env){ 0 };
    l->pass++;
    l->frame->path = l->model_path = strcmp(c->decl->name, "main") ? c->decl->name : "";
    Val v = run_body(l, c->decl);
    l->uses = uses;
    l->model_path = path;
    return v;
}

/* The layer of a list that a call is of: "blocks.3" of "blocks.3.attn"; NULL: of none. */
static const char *layer_in_list(Lower *l, const char *path)
{
    for (const char *s = path; *s;) {
        const size_t n = strcspn(s, ".");
        if (n && strspn(s, "0123456789") == n)
            return module_name(l->m,
                               arena_strndup(&l->arena, path, (size_t)(s - path) + n));
        s += n + (s[n] == '.');
    }
    return NULL;
}

Val call_with(Lower *l, const Closure *c, const Args *a, Loc loc, const char *hint)
{
    const char *const layer = l->m->layer;
    Env env = { 0 };
    bool anonymous = !c->decl->name;
    Frame f = { .env = &env, .self = c->self, .hint = hint };
    f.what = anonymous ? c->self->decl->name : c->decl->name;
    if (anonymous) f.path = c->self->path;
    f.prefix = anonymous
                 ? c->self->path
                 : join_path(l, c->self ? c->self->path : l->frame->prefix, f.what);
    if (c->self && !anonymous) f.path = c->self->path;
    if (!call_push(l, &f, c, loc)) return val_poison();
    Val v = val_poison();
    if (l->promote && !layer && c->self) l->m->layer = layer_in_list(l, c->self->path);
    if (bind_args(l, c->decl->a, a, loc, f.what))
        v = c->decl->kind == N_MODEL ? run_model_body(l, c) : run_body(l, c->decl);
    l->m->layer = layer;
    call_pop(l);
    env_end(l, &env);
    return v;
}

static Val call_closure(Lower *l, const Closure *c, const Args *a, Loc loc,
                        const char *hint)
{
    const char *key = memo_key(l, c, a);
    const Val *known = key ? env_get(&l->memo, key) : NULL;
    if (known) return *known;
    if (!hint)
        hint = join_path(l, c->self ? c->self->path : l->frame->prefix, c->decl->name);
    Val v = call_with(l, c, a, loc, hint);
    int64_t left = MAX_LIST;
    if (key && known_now(v, 0, &left)) env_set(l, &l->memo, key, v);
    return v;
}

Val call_entry(Lower *l, Closure *c, const Val *args)
{
    Env env = { 0 };
    Frame f = { .env = &env, .what = c->decl->name, .prefix = "", .path = l->model_path };
    Val v = val_poison();
    if (!call_push(l, &f, c, (Loc){ 0 })) return v;
    int n = 0;
    for (const Node *p = c->decl->a; p; p = p->next, n++) {
        lower_bind(l, p, args[n]);
        if (args[n].kind != V_POISON) bind_dims(l, p->a, p->name, p->loc, args[n]);
    }
    for (const Node *r = c->decl->b; r && !r->next; r = r->next) f.hint = r->name;
    l->uses = (Env){ 0 };
    l->pass++;
    v = run_body(l, c->decl);
    call_pop(l);
    return v;
}

/* ---- layers ------------------------------------------------------------------------------ */

Val instantiate(Lower *l, Closure *c, const Node *args, Loc loc, const char *path)
{
    Args a = eval_args(l, args);
    Instance *self = NEW(&l->arena, Instance);
    *self = (Instance){ .decl = c->decl, .file = c->file, .path = path };
    Frame f = { .env = &self->env,
                .self = self,
                .what = c->decl->name,
                .path = path,
                .prefix = path };
    if (!a.ok || !call_push(l, &f, c, loc)) return val_poison();
    bool ok = bind_args(l, c->decl->a, &a, loc, f.what);
    if (ok) run_block(l, c->decl->b);
    call_pop(l);
    return ok ? (Val){ .kind = V_INSTANCE, .u.self = self } : val_poison();
}

static Val call_instance(Lower *l, Instance *self, const Args *a, Loc loc,
                         const char *hint)
{
    Val *fn = env_get(&self->env, module_name(l->m, "()"));
    if (fn && fn->kind == V_FN)
        return call_closure(l, fn->u.fn, a, loc, hint ? hint : self->path);
    lower_error(l, loc,
                "layer %s has no `fn (..)`, without a name, so it cannot be called",
                self->decl->name);
    return val_poison();
}

/* Each takes the result of the one before; the first what was given. `none` is left out. */
static Val call_list(Lower *l, const List *list, const Args *a, Loc loc, const char *hint)
{
    int64_t last = list->n;
    while (last > 0 && list->at[last - 1].kind == V_NONE) last--;
    if (!last && a->n != 1) {
        lower_error(l, loc, "a list without layers gives its one argument back, not %d",
                    a->n);
        return val_poison();
    }
    Args given = *a;
    NamedVal one = { .loc = loc, .name_loc = loc };
    if (!last) one.val = a->at[0].val;
    for (int64_t i = 0; i < last; i++) {
        const Val f = list->at[i];
        if (f.kind == V_NONE) continue;
        if (!may_be_called(f)) {
            lower_error(
                l, loc,
                "a list is called layer by layer, but its element %lld is %s; [ ] picks an element",
                (long long)i, val_kind(l, f));
            return val_poison();
        }
        one.val = call_value(l, f, &given, loc, i + 1 == last ? hint : NULL);
        if (one.val.kind == V_POISON) return one.val;
        given = (Args){ .n = 1, .at = &one, .ok = true };
    }
    return one.val;
}

/* ---- any call ---------------------------------------------------------------------------- */

static Val call_builtin(Lower *l, const Builtin *b, const Args *a, Loc loc)
{
    Val *v = NEW_ARRAY(&l->arena, a->n, Val);
    for (int i = 0; i < a->n; i++) {
        if (a->at[i].name) {
            lower_error(l, a->at[i].name_loc, "the arguments of %s have no names%s",
                        b->name, lower_reduces(l, b->name));
            return val_poison();
        }
        v[i] = a->at[i].val;
    }
    if (a->n < b->min || a->n > b->max) {
        const char *most = b->max > b->min ? text_arg(l, " to %d", b->max) : "";
        lower_error(l, loc, "%s takes %d%s argument%s, not %d", b->name, b->min, most,
                    b->min == 1 && b->max == 1 ? "" : "s", a->n);
        return val_poison();
    }
    return b->call(l, loc, v, a->n);
}

bool may_be_called(Val f)
{
    return f.kind == V_FN || f.kind == V_MODEL || f.kind == V_INSTANCE
        || f.kind == V_BUILTIN || f.kind == V_OP || f.kind == V_LIST;
}

/* Not inlined: evaluating arguments nests, and its frame would be part of each. */
__attribute__((noinline)) Val call_value(Lower *l, Val f, Args *a, Loc loc,
                                         const char *hint)
{
    switch (f.kind) {
    case V_FN:
    case V_MODEL:
        return call_closure(l, f.u.fn, a, loc, hint);
    case V_INSTANCE:
        return call_instance(l, f.u.self, a, loc, hint);
    case V_LIST:
        return call_list(l, f.u.list, a, loc, hint);
    case V_BUILTIN:
        return call_builtin(l, f.u.builtin, a, loc);
    case V_OP:
        return emit_call(l, loc, f.u.op, a, hint);
    default:
        bug("%s is called", val_kind(l, f));
    }
}

Val eval_call(Lower *l, const Node *n, const char *hint)
{
    Val f = eval(l, n->a, NULL);
    if (f.kind == V_POISON) return f;
    if (may_be_called(f)) {
        Args a = eval_args(l, n->b);
        const Val v = a.ok ? call_value(l, f, &a, n->loc, hint) : val_poison();
        lower_give(l, a.at, (size_t)a.n * sizeof *a.at);
        return v;
    }
    if (f.kind == V_LAYER)
        lower_error(
            l, n->loc,
            "%s is a layer: declare a use of it, `layer name: %s(..)`, and call that",
            f.u.fn->decl->name, f.u.fn->decl->name);
    else lower_error(l, n->loc, "%s cannot be called", val_kind(l, f));
    return val_poison();
}
