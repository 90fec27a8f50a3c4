/* lower_state.c -- `state name: type`: a value that a function keeps from run to run. It
 * begins at zero, is read and written by read() and write(), and is a parameter of a kind of
 * its own. */
#include "lower.h"

#include <string.h>

static Val state_again(Lower *l, const Node *n, State *s)
{
    if (s->pass == l->pass || s->loc.at != n->loc.at || s->loc.src != n->loc.src) {
        lower_error(l, n->loc, "there is a state %s already", s->path);
        diag_note(l->diag, s->loc, "it is declared here");
        return val_poison();
    }
    s->pass = l->pass;
    return (Val){ .kind = V_STATE, .u.state = s };
}

static Val declare_state(Lower *l, const Node *n)
{
    Shape shape;
    const char *path = module_name(l->m, join_path(l, frame_path(l, l->frame), n->name));
    const Val *old = env_get(&l->states, path);
    if (old) return state_again(l, n, old->u.state);
    const DType t = n->a->name ? dtype_find(n->a->name, strlen(n->a->name))
                               : l->float_type;
    if (t == DT_NONE || t == DT_STRING) {
        lower_error(l, n->a->loc, "%s is no element type", n->a->name);
        return val_poison();
    }
    if (!eval_dims(l, n->a->a, false, &shape)) return val_poison();
    State *s = NEW(&l->arena, State);
    *s = (State){ .path = path,
                  .type = type_tensor(&l->m->arena, t, shape),
                  .loc = n->loc,
                  .pass = l->pass };
    const Val v = { .kind = V_STATE, .u.state = s };
    env_set(l, &l->states, path, v);
    if (l->func) state_value(l, s);
    return v;
}

void run_state(Lower *l, const Node *n) { lower_bind(l, n, declare_state(l, n)); }

Value *state_value(Lower *l, State *s)
{
    if (s->func == l->func) return s->param;
    char *name = arena_strdup(&l->arena, s->path);
    for (char *c = name; *c; c++)
        if (*c == '.') *c = '_';
    s->func = l->func;
    s->param = block_param(l->func->body, func_unique_name(l->func, name),
                           type_state(&l->m->arena, s->type), lower_blame(l, s->loc));
    return s->param;
}

static bool needs_state(Lower *l, Loc loc, const char *what, Val v)
{
    if (v.kind == V_STATE) return true;
    return lower_error(l, loc,
                       "%s takes a state, not %s: `state name: fp16[..]` declares one",
                       what, val_kind(l, v));
}

Val builtin_read(Lower *l, Loc loc, Val *a, int n)
{
    (void)n;
    if (!needs_state(l, loc, "read", a[0])) return val_poison();
    const NamedVal arg = given(P_input, a[0], loc);
    return emit(l, loc, NULL, OP_read_state, &arg, 1);
}

/* Gives what was written. */
Val builtin_write(Lower *l, Loc loc, Val *a, int n)
{
    (void)n;
    if (!needs_state(l, loc, "write", a[0])) return val_poison();
    const State *s = a[0].u.state;
    const NamedVal arg[] = { given(P_data, a[1], loc), given(P_input, a[0], loc) };
    if (!val_is_tensor(a[1]) || val_dtype(a[1]) != s->type->dtype
        || !shape_fits(&s->type->shape, val_shape(a[1]))) {
        lower_error(l, loc, "write: the state %s holds %s%s, not %s", s->path,
                    dtypes[s->type->dtype].name, shape_text(&l->arena, &s->type->shape),
                    val_kind(l, a[1]));
        return val_poison();
    }
    return emit(l, loc, NULL, OP_write_state, arg, 2).kind == V_POISON ? val_poison()
                                                                       : a[1];
}
