/* lower_name.c -- what names stand for: what is in reach, and members behind a point. */
#include "lower.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- names ------------------------------------------------------------------------------- */

static Val *find_imported(Lower *l, const File *f, const Node *name, bool *clash)
{
    Val *found = NULL;
    const File *where = NULL;
    if (name->name[0] == '_') return NULL; /* a file's own */
    for (int i = 0; i < f->nimport; i++) {
        Val *v = file_get(l, f->import[i], name->name);
        if (v && found && f->import[i] != where && !where->std && !f->import[i]->std) {
            lower_error(l, name->loc,
                        "%s is defined by both %s and %s; import one of them `as` a name",
                        name->name, where->name, f->import[i]->name);
            *clash = true;
        }
        if (v && (!found || where->std)) {
            found = v;
            where = f->import[i];
        }
    }
    return found;
}

const Val *known_in_file(Lower *l, File *f, const char *name)
{
    static const Val clash = { .kind = V_POISON };
    const Val *v = file_get(l, f, name);
    for (int i = 0, found = 0; (!v || found) && name[0] != '_' && i < f->nimport; i++) {
        const Val *other = file_get(l, f->import[i], name);
        if (other) v = found++ ? &clash : other;
    }
    return v;
}

const Val *known_name(Lower *l, const char *name)
{
    const Frame *f = l->frame;
    const Val *v = env_get(f->env, name);
    if (!v && f->self) v = env_get(&f->self->env, name);
    return v ? v : known_in_file(l, f->file, name);
}

/* Small letters before large ones. */
static int by_text(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    const int way = strcasecmp(x, y);
    return way ? way : strcmp(y, x);
}

/* In an order that is the same in each run: where they stand in the table depends on where
 * their text is in memory. */
static void add_names(const Env *e, const char **known, size_t *n, size_t max)
{
    const size_t first = *n;
    for (int i = 0; i < e->cap && *n < max; i++)
        if (e->slot[i].name) known[(*n)++] = e->slot[i].name;
    qsort(known + first, *n - first, sizeof *known, by_text);
}

static Val unknown_name(Lower *l, const Node *name)
{
    enum { MAX_KNOWN = 2000 };
    const Frame *f = l->frame;
    const char **known = NEW_ARRAY(&l->arena, MAX_KNOWN, const char *);
    size_t n = 0;
    add_names(f->env, known, &n, MAX_KNOWN);
    if (f->self) add_names(&f->self->env, known, &n, MAX_KNOWN);
    add_names(file_names(f->file), known, &n, MAX_KNOWN);
    for (int i = 0; i < f->file->nimport; i++)
        add_names(file_names(f->file->import[i]), known, &n, MAX_KNOWN);
    for (const Builtin *b = builtins; b->name && n < MAX_KNOWN; b++) known[n++] = b->name;
    for (int i = 0; i < OP_COUNT && n < MAX_KNOWN; i++) known[n++] = ops[i].name;
    lower_error(l, name->loc, "%s is not defined%s", name->name,
                lower_std_missed(l, name->name)
                    ? "; the library has it: import \"std\""
                    : lower_meant(l, WORD_NAME, name->name, known, n));
    return val_poison();
}

/* Within the library an op is that of MIL. */
static Val op_meant(Lower *l, int op)
{
    const bool wider = (ops[op].flags & F_WIDER) && !l->frame->file->std;
    const Val *made = wider ? lower_std_composite(l, ops[op].name) : NULL;
    return made ? *made : (Val){ .kind = V_OP, .u.op = op };
}

Val lookup(Lower *l, const Node *name)
{
    const Frame *f = l->frame;
    bool clash = false;
    Val *v = env_get(f->env, name->name);
    if (!v && f->self) v = env_get(&f->self->env, name->name);
    if (!v) v = file_get(l, f->file, name->name);
    if (!v) v = find_imported(l, f->file, name, &clash);
    if (clash) return val_poison();
    if (v) return *v;
    if (!strcmp(name->name, "none")) return (Val){ .kind = V_NONE };
    const Builtin *b = builtin_find(name->name);
    if (b) return (Val){ .kind = V_BUILTIN, .u.builtin = b };
    int op = op_find(name->name);
    return op == OP_NONE ? unknown_name(l, name) : op_meant(l, op);
}

/* ---- members ----------------------------------------------------------------------------- */

static Val shape_list(Lower *l, Val of)
{
    const int rank = val_shape(of)->rank;
    Val v = val_list(l, rank);
    for (int i = 0; i < rank; i++) v.u.list->at[i] = dim_value(l, of, i);
    return v;
}

enum { MEMBER_SHAPE, MEMBER_RANK, MEMBER_DTYPE, MEMBER_COUNT };
const char *const tensor_members[] = {
    [MEMBER_SHAPE] = "shape",
    [MEMBER_RANK] = "rank",
    [MEMBER_DTYPE] = "dtype",
};
const int tensor_member_count = MEMBER_COUNT;

bool tensor_member_of(Lower *l, Val of, const char *name, Val *out)
{
    int member = 0;
    while (member < MEMBER_COUNT && strcmp(name, tensor_members[member]) != 0) member++;
    switch (member) {
    case MEMBER_SHAPE:
        *out = shape_list(l, of);
        return true;
    case MEMBER_RANK:
        *out = val_int(val_shape(of)->rank);
        return true;
    case MEMBER_DTYPE:
        *out = val_string(dtypes[val_dtype(of)].name);
        return true;
    default:
        return false;
    }
}

static Val tensor_member(Lower *l, const Node *n, Val v)
{
    Val is;
    if (tensor_member_of(l, v, n->name, &is)) return is;
    const char *meant =
        op_find(n->name) != OP_NONE
            ? text_arg(l, "; ops are called as functions: %s(x, ..)", n->name)
            : lower_meant(l, WORD_MEMBER, n->name, tensor_members, MEMBER_COUNT);
    lower_error(l, n->loc, "a tensor has .shape, .rank and .dtype, but no .%s%s", n->name,
                meant);
    return val_poison();
}

/* v: what was found, or NULL; e: where. */
static Val env_member(Lower *l, const Node *n, const Val *v, const Env *e, const char *of)
{
    const char *known[256];
    size_t count = 0;
    if (v) return *v;
    add_names(e, known, &count, COUNT(known));
    lower_error(l, n->loc, "%s has no %s%s", of, n->name,
                lower_meant(l, WORD_NAME, n->name, known, count));
    return val_poison();
}

static Val mil_member(Lower *l, const Node *n)
{
    const char *known[OP_COUNT];
    int op = op_find(n->name);
    if (op != OP_NONE) return op_meant(l, op);
    const Val *made = lower_std_composite(l, n->name);
    if (made) return *made;
    for (int i = 0; i < OP_COUNT; i++) known[i] = ops[i].name;
    lower_error(l, n->loc, "there is no op called %s%s", n->name,
                lower_meant(l, WORD_NAME, n->name, known, OP_COUNT));
    return val_poison();
}

Val member_value(Lower *l, const Node *n)
{
    /* mil.NAME is the op, whatever NAME means here */
    if (n->a->kind == N_NAME && !strcmp(n->a->name, "mil")
        && !env_get(l->frame->env, n->a->name)
        && !env_get(&l->frame->file->env, n->a->name))
        return mil_member(l, n);
    Val v = eval(l, n->a, NULL);
    if (v.kind == V_POISON) return v;
    if (val_is_tensor(v) || v.kind == V_STATE) return tensor_member(l, n, v);
    if (v.kind == V_FILE && n->name[0] != '_')
        return env_member(l, n, file_get(l, v.u.file, n->name), file_names(v.u.file),
                          v.u.file->name);
    if (v.kind == V_INSTANCE)
        return env_member(l, n, env_get(&v.u.self->env, n->name), &v.u.self->env,
                          v.u.self->decl->name);
    lower_error(l, n->loc, "%s has no members", val_kind(l, v));
    return val_poison();
}
