/* core_tree.c -- builds the tree of a text that Core AI's package printed; each function is what an
 * action of core_grammar.y does. */
#include "core_text.h"

#include <errno.h>
#include <stdlib.h>

/* ---- places and messages ----------------------------------------------------------------- */

Loc core_loc(const CoreReader *r, CoreToken t)
{
    if (!t.s) return (Loc){ .src = r->src };
    return (Loc){ .src = r->src, .at = (uint32_t)(t.s - r->src->text), .len = t.len };
}

bool core_error(CoreReader *r, CoreToken t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(r->arena, fmt, ap);
    va_end(ap);
    return diag_error(r->diag, core_loc(r, t), "%s", text);
}

void core_syntax_error(CoreReader *r, CoreToken t, const char *end, const char *expected)
{
    if (end) core_error(r, t, "%s where %s is expected", end, expected);
    else
        core_error(r, t, "'%.*s' where %s is expected", t.len > 40 ? 40 : (int)t.len, t.s,
                   expected);
}

void core_too_deep(CoreReader *r)
{
    core_error(r, (CoreToken){ .s = r->at }, "brackets or blocks are nested too deep");
    r->stop = true;
}

const char *core_word(const CoreReader *r, CoreToken t)
{
    if (!t.s || t.len < 2 || *t.s != '"')
        return arena_strndup(r->arena, t.s ? t.s : "", t.len);
    char *out = arena_strndup(r->arena, t.s + 1, t.len - 2), *to = out;
    for (const char *s = out; *s; s++) {
        if (*s == '\\' && s[1]) s++;
        *to++ = *s;
    }
    *to = 0;
    return out;
}

const CoreAttr *core_attr(const CoreAttr *list, const char *key)
{
    while (list && strcmp(list->key, key) != 0) list = list->next;
    return list;
}

/* ---- types ------------------------------------------------------------------------------- */

/* "2x?xf32>": dimensions, and behind them the element. */
static void type_dims(CoreReader *r, CoreType *t, const char *s, const char *end)
{
    while (*s == '?' || (*s >= '0' && *s <= '9')) {
        char *next = (char *)s + 1;
        errno = 0;
        const long long v = *s == '?' ? DIM_ANY : strtoll(s, &next, 10);
        t->deep |= t->shape.rank == MAX_RANK || errno || v > INT32_MAX;
        if (!t->deep) t->shape.dim[t->shape.rank++] = v;
        s = next + 1; /* behind the x */
    }
    while (end > s && end[-1] == '>') end--;
    const bool pair = *s == 'c'; /* complex<f32> */
    t->elem = arena_printf(r->arena, "%.*s%s", (int)(end - s), s, pair ? ">" : "");
}

CoreType core_type(CoreReader *r, CoreToken t)
{
    const char *inner = NULL, *mark = "tensor<";
    const size_t n = strlen(mark);
    CoreType out = { .kind = CORE_TENSOR, .elem = "", .at = t };
    for (uint32_t i = 0; !inner && i + n <= t.len; i++)
        if (!memcmp(t.s + i, mark, n)) inner = t.s + i + n;
    if (!inner) out.kind = CORE_TOKEN;
    else if (inner != t.s + n) out.kind = CORE_HANDLE;
    if (inner) type_dims(r, &out, inner, t.s + t.len);
    if (out.deep)
        core_error(r, t, "it has more than %d dimensions, or one that is too large",
                   MAX_RANK);
    return out;
}

void core_types_add(CoreReader *r, CoreTypes *list, CoreType t)
{
    ARENA_ROOM(r->arena, list->item, list->count, list->room);
    list->item[list->count++] = t;
}

CoreAttr *core_attr_new(CoreReader *r, CoreAttr *before, CoreToken key, CoreToken value)
{
    CoreAttr *a = NEW(r->arena, CoreAttr);
    *a = (CoreAttr){ core_word(r, key), core_word(r, value), before };
    return a;
}

/* ---- graphs ------------------------------------------------------------------------------ */

void core_graph(CoreReader *r, CoreToken name, bool hidden)
{
    CoreGraph *g = NEW(r->arena, CoreGraph);
    const CoreToken bare = { name.s + 1, name.len - 1 };
    *g = (CoreGraph){ .name = core_word(r, bare), .at = name, .hidden = hidden };
    for (const CoreGraph *other = r->first; other; other = other->next)
        if (!strcmp(other->name, g->name))
            core_error(r, name, "there is another graph of that name");
    if (r->last) r->last->next = g;
    else r->first = g;
    r->last = g;
}

void core_param(CoreReader *r, CoreToken name, CoreType t, CoreAttr *attrs)
{
    CoreGraph *g = r->last;
    ARENA_ROOM(r->arena, g->param, g->nparam, g->param_room);
    g->param[g->nparam++] = (CoreParam){ core_word(r, name), t, attrs, name };
}

void core_return(CoreReader *r, CoreType t, CoreAttr *attrs)
{
    CoreGraph *g = r->last;
    ARENA_ROOM(r->arena, g->result, g->nresult, g->result_room);
    g->result[g->nresult++] = (CoreParam){ "", t, attrs, t.at };
}

void core_graph_attrs(CoreReader *r, CoreAttr *attrs) { r->last->attrs = attrs; }

void core_graph_open(CoreReader *r)
{
    r->last->body = NEW(r->arena, CoreBlock);
    *r->last->body = (CoreBlock){ 0 };
    r->block = r->last->body;
}

void core_graph_end(CoreReader *r) { r->block = NULL; }

/* ---- operations -------------------------------------------------------------------------- */

void core_out(CoreReader *r, CoreToken name, const CoreToken *count)
{
    const long n = count ? strtol(core_word(r, *count), NULL, 10) : 1;
    if (n < 1 || n > 1 << 20)
        core_error(r, *count, "it has %ld results", n), r->stop = true;
    ARENA_ROOM(r->arena, r->out, r->nout, r->out_room);
    r->out[r->nout++] = (CoreOut){ core_word(r, name), (int)n, name };
}

/* The name without the words that all have. */
static const char *node_name(const CoreReader *r, CoreToken t, bool *strict)
{
    const char *name = core_word(r, t), *dialect = "coreai.",
               *wide = "decomposable.broadcasting_";
    name += strlen(dialect);
    *strict = strncmp(name, wide, strlen(wide)) != 0;
    return *strict ? name : name + strlen(wide);
}

void core_node(CoreReader *r, CoreToken name)
{
    CoreNode *n = NEW(r->arena, CoreNode);
    *n = (CoreNode){ .at = name, .out = r->out, .nout = r->nout };
    n->name = node_name(r, name, &n->strict);
    r->out = NULL;
    r->nout = r->out_room = 0;
    r->node = n;
}

void core_callee(CoreReader *r, CoreToken name)
{
    const CoreToken bare = { name.s + 1, name.len - 1 };
    r->node->callee = core_word(r, bare);
}

/* "%r#1" is the second of what "%r:2" gives. */
void core_use(CoreReader *r, CoreToken name)
{
    CoreNode *n = r->node;
    char *text = arena_strndup(r->arena, name.s, name.len), *mark = strchr(text, '#');
    CoreUse u = { .name = text, .at = name };
    if (mark) {
        const long index = strtol(mark + 1, NULL, 10);
        u.index = index < 0 || index > 1 << 20 ? 1 << 20 : (int)index;
        *mark = 0;
    }
    ARENA_ROOM(r->arena, n->use, n->nuse, n->use_room);
    n->use[n->nuse++] = u;
}

void core_node_attr(CoreReader *r, CoreToken key, CoreToken value)
{
    r->node->attrs = core_attr_new(r, r->node->attrs, key, value);
}

void core_node_attrs(CoreReader *r, CoreAttr *attrs)
{
    for (CoreAttr *last = attrs; last; last = last->next) {
        if (last->next) continue;
        last->next = r->node->attrs;
        r->node->attrs = attrs;
        return;
    }
}

void core_node_types(CoreReader *r, CoreTypes in, CoreTypes given)
{
    r->node->in = in;
    r->node->given = given;
}

CoreNode *core_block_open(CoreReader *r)
{
    CoreNode *owner = r->node;
    CoreBlock *b = NEW(r->arena, CoreBlock);
    int depth = 0;
    *b = (CoreBlock){ .outer = r->block };
    for (const CoreBlock *o = b; o; o = o->outer) depth++;
    if (depth > CORE_NODES) core_too_deep(r);
    owner->block[owner->block[0] ? 1 : 0] = b;
    r->block = b;
    return owner;
}

void core_block_end(CoreReader *r, CoreNode *owner)
{
    r->block = r->block->outer;
    r->node = owner;
}

void core_node_end(CoreReader *r)
{
    CoreBlock *b = r->block;
    if (b->last) b->last->next = r->node;
    else b->first = r->node;
    b->last = r->node;
}

/* ---- constants and resources ------------------------------------------------------------- */

void core_dense(CoreReader *r, CoreToken at)
{
    r->dense = NEW(r->arena, CoreDense);
    *r->dense = (CoreDense){ .at = at };
    r->node->dense = r->dense;
}

void core_dense_key(CoreReader *r, CoreToken key) { r->dense->key = core_word(r, key); }

/* One more thing stands in the brackets that are open. */
static void dense_counted(CoreDense *d)
{
    if (d->depth) d->seen[d->depth - 1]++;
}

void core_element(CoreReader *r, CoreToken t)
{
    CoreDense *d = r->dense;
    ARENA_ROOM(r->arena, d->item, d->count, d->room);
    d->item[d->count++] = t;
    dense_counted(d);
}

/* Brackets of one depth hold equally many things. */
static void dense_close(CoreDense *d)
{
    const int at = --d->depth;
    int64_t *dim = &d->shape.dim[at];
    d->ragged |= *dim != DIM_ANY && *dim != d->seen[at];
    *dim = d->seen[at];
    d->seen[at] = 0;
    dense_counted(d);
}

void core_bracket(CoreReader *r, bool open)
{
    CoreDense *d = r->dense;
    if (!open) {
        dense_close(d);
        return;
    }
    if (d->depth == MAX_RANK) {
        core_error(r, d->at, "it has more than %d dimensions", MAX_RANK);
        r->stop = true;
        return;
    }
    if (d->depth++ == d->shape.rank) d->shape.dim[d->shape.rank++] = DIM_ANY;
}

void core_blob(CoreReader *r, CoreToken key, CoreToken text)
{
    CoreBlob *b = NEW(r->arena, CoreBlob);
    *b = (CoreBlob){ core_word(r, key), text, r->blobs };
    r->blobs = b;
}
