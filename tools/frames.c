/* frames.c -- which layers a program's operations belong to, by the names of weights.
 *
 * A weight is named by the way to it: blocks_0_attn_wq, or blocks.0.attn.wq where another tool
 * made the program. What stands before its last word, blocks_0_attn, is a layer where two
 * operations or more have names below it, or its own, and so are blocks_0 and blocks. */
#include "views.h"

#include "../ir/ops/ops.h"

#include <string.h>

static bool frames_part(char c) { return c == '_' || c == '.' || c == '/'; }

/* Where the name ends before a word, or at all, behind its first `at` characters; 0: it does
 * not. */
static size_t frames_next(const char *name, size_t at)
{
    if (!name[at]) return 0;
    for (at++; name[at]; at++)
        if (frames_part(name[at]) && name[at + 1] && !frames_part(name[at - 1]))
            return at;
    return at;
}

static bool frames_is_weight(const Value *v)
{
    return value_is_const(v) && v->name && v->type->kind == TY_TENSOR
        && v->type->shape.rank && !(value_lit(v) && literal_is_small(value_lit(v)));
}

/* The length of a name without the number at its end that makes it the only one. */
static size_t frames_stem(const char *name)
{
    size_t n = strlen(name);
    while (n && name[n - 1] >= '0' && name[n - 1] <= '9') n--;
    return n > 1 && name[n] && name[n - 1] == '_' ? n - 1 : strlen(name);
}

/* The layers of a weight, when it is met first: a constant that has its name from the op that
 * takes it first is none. */
static void frames_add(Frames *l, PtrMap *met, const Value *v, const Op *user)
{
    const size_t n = frames_stem(user->out[0]->name);
    if (!frames_is_weight(v) || ptrmap_set(met, v, l)) return;
    if (!strncmp(v->name, user->out[0]->name, n) && frames_part(v->name[n])) return;
    for (size_t at = 0; (at = frames_next(v->name, at)) && v->name[at];)
        name_intern(&l->names, v->name, at);
}

/* Counts the operations below each layer. */
static void frames_count(Frames *l, const char *name)
{
    for (size_t at = 0; (at = frames_next(name, at));) {
        const char *key = arena_strndup(&l->arena, name, at);
        const char *known = name_find(&l->names, key);
        if (known)
            ptrmap_set(&l->ops, known,
                       (void *)((intptr_t)ptrmap_get(&l->ops, known) + 1));
    }
}

int frames_same(const FramesAt *a, const FramesAt *b)
{
    int n = 0;
    while (n < a->count && n < b->count && a->end[n] == b->end[n]
           && !memcmp(a->name, b->name, a->end[n]))
        n++;
    return n;
}

static int frames_below(Frames *l, const char *name, size_t end[FRAMES_DEPTH])
{
    int n = 0;
    for (size_t at = 0; n < FRAMES_DEPTH && (at = frames_next(name, at));) {
        const char *key = arena_strndup(&l->arena, name, at);
        const char *known = name_find(&l->names, key);
        if (known && (intptr_t)ptrmap_get(&l->ops, known) > 1) end[n++] = at;
    }
    return n;
}

static bool frames_has(const Op *op) { return op->nout && !value_is_const(op->out[0]); }

/* What stands between two operations of one layer, as an op that a pass has made and called
 * by its kind, is of it too. */
static void frames_between(const Func *f, FramesAt *at)
{
    int i = 0, last = -1;
    for (const Op *op = f->body->first; op; op = op->next, i++) {
        if (!frames_has(op) || !at[i].count) continue;
        const int same = last < 0 ? 0 : frames_same(&at[last], &at[i]);
        if (same == at[i].count && same == at[last].count)
            for (int k = last + 1; k < i; k++) at[k] = at[last];
        last = i;
    }
}

void frames_find(Frames *l, const Func *f)
{
    PtrMap met = { 0 };
    int n = 0, i = 0;
    *l = (Frames){ .names = { 0 } };
    l->names.arena = &l->arena;
    for (const Op *op = f->body->first; op; op = op->next, n++)
        for (int k = 0; op->nout && k < op->narg; k++)
            for (int v = 0; v < arg_count(&op->arg[k]); v++)
                frames_add(l, &met, op->arg[k].val[v], op);
    ptrmap_free(&met);
    for (const Op *op = f->body->first; op; op = op->next)
        if (frames_has(op)) frames_count(l, op->out[0]->name);
    l->at = NEW_ARRAY(&l->arena, n + 1, FramesAt);
    for (const Op *op = f->body->first; op; op = op->next, i++) {
        if (!frames_has(op)) continue;
        l->at[i].name = op->out[0]->name;
        l->at[i].count = frames_below(l, l->at[i].name, l->at[i].end);
    }
    frames_between(f, l->at);
}

const char *frames_label(Frames *l, const FramesAt *at, int depth)
{
    const size_t from = depth ? at->end[depth - 1] + 1 : 0;
    return arena_strndup(&l->arena, at->name + from, at->end[depth] - from);
}

void frames_free(Frames *l)
{
    names_free(&l->names);
    ptrmap_free(&l->ops);
    arena_free(&l->arena);
}
