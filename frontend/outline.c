/* outline.c -- finds the names that a text defines, and where they may be used. */
#include "outline.h"
#include "grammar.h"
#include "lower.h"

#include <string.h>

/* ---- reading ----------------------------------------------------------------------------- */

/* Where names are defined now: in a function, or at the top. */
typedef struct {
    Outline *o;
    uint32_t from, to;
    bool top;
} Region;

static void outline_walk(const Region *r, const Node *list);
static void outline_within(const Region *r, const Node *n);

static OutlineName *outline_add(const Region *r, const Node *n, NodeKind kind)
{
    Outline *o = r->o;
    if (!n->name) return NULL;
    ARENA_ROOM(o->arena, o->at, o->count, o->room);
    o->at[o->count] = (OutlineName){ .name = arena_strdup(o->arena, n->name),
                                     .kind = kind,
                                     .item = r->top,
                                     .loc = n->loc,
                                     .from = r->from,
                                     .to = r->to };
    return &o->at[o->count++];
}

static void outline_names(const Region *r, const Node *names)
{
    for (const Node *n = names; n; n = n->next) outline_add(r, n, N_NAME);
}

/* A function or layer: its name may be used where it stands, its arguments up to its end, which
 * is where the next definition begins. */
static void outline_function(const Region *r, const Node *n)
{
    const Node *body = n->kind == N_LAYERDEF ? n->b : n->c;
    const Region inside = { r->o, n->loc.at, n->next ? n->next->loc.at : r->to, false };
    outline_add(r, n, n->kind);
    for (const Node *a = n->a; a; a = a->next) {
        outline_add(&inside, a, N_ARG);
        for (const Node *e = a->a ? a->a->a : NULL; e; e = e->next)
            if (e->kind == N_DIM) outline_add(&inside, e, N_ARG);
        outline_within(&inside, a->b);
    }
    if (body) outline_walk(&inside, body->a);
}

static void outline_import(const Region *r, const Node *n)
{
    const Node as = { .name = n->name ? n->name : n->a->u.s, .loc = n->loc };
    outline_add(r, &as, N_IMPORT)->file = arena_strdup(r->o->arena, n->a->u.s);
}

/* Names in the midst of an expression: those of comprehensions. */
static void outline_within(const Region *r, const Node *n)
{
    for (; n && n->kind == N_BINARY; n = n->a) outline_within(r, n->b);
    if (!n) return;
    if (n->kind == N_EACH) outline_names(r, n->c);
    outline_within(r, n->a);
    if (n->kind != N_EACH) outline_within(r, n->c);
    for (const Node *b = n->b; b; b = b->next) outline_within(r, b);
    if (n->kind == N_LIST)
        for (const Node *e = n->a ? n->a->next : NULL; e; e = e->next)
            outline_within(r, e);
}

static void outline_statement(const Region *r, const Node *n)
{
    switch (n->kind) {
    case N_IMPORT:
        outline_import(r, n);
        return;
    case N_FN:
    case N_MODEL:
    case N_LAYERDEF:
        outline_function(r, n);
        return;
    case N_PARAM:
    case N_WEIGHT:
    case N_STATE:
    case N_LAYER:
        outline_add(r, n, n->kind);
        break;
    case N_ASSIGN:
        outline_names(r, n->a);
        outline_within(r, n->b);
        return;
    case N_FOR:
        outline_names(r, n->a);
        outline_within(r, n->b);
        outline_walk(r, n->c->a);
        return;
    case N_IF:
        outline_within(r, n->a);
        outline_walk(r, n->b->a);
        if (n->c && n->c->kind == N_IF) outline_statement(r, n->c);
        else if (n->c) outline_walk(r, n->c->a);
        return;
    default:
        break;
    }
    outline_within(r, n->a);
    outline_within(r, n->b);
}

static void outline_walk(const Region *r, const Node *list)
{
    for (const Node *n = list; n; n = n->next) outline_statement(r, n);
}

bool outline_read(Outline *o, Arena *a, Diag *d, const Source *src)
{
    Names names = { .arena = a };
    const Node *root = ast_parse(a, &names, d, src);
    *o = (Outline){ .src = src, .arena = a };
    const Region top = { o, 0, UINT32_MAX, true };
    if (root) outline_walk(&top, root->a);
    names_free(&names);
    return root != NULL;
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Of two definitions of one name that both reach a place, the one that holds there. */
static bool outline_better(const OutlineName *n, const OutlineName *than, uint32_t at)
{
    if (!than) return true;
    if (n->to - n->from != than->to - than->from)
        return n->to - n->from < than->to - than->from;
    return n->loc.at <= at && n->loc.at >= than->loc.at;
}

const OutlineName *outline_find(const Outline *o, const char *name, uint32_t at)
{
    const OutlineName *best = NULL;
    for (int i = 0; i < o->count; i++) {
        const OutlineName *n = &o->at[i];
        if (at < n->from || at > n->to || strcmp(n->name, name) != 0) continue;
        if (outline_better(n, best, at)) best = n;
    }
    return best;
}

static const char *outline_line(const Outline *o, uint32_t at)
{
    const char *s = o->src->text + at;
    while (s > o->src->text && s[-1] != '\n') s--;
    return s;
}

/* Up to the body of what is defined: a brace, or = outside of brackets; for other names to the
 * end of the line. */
static size_t outline_head_length(const OutlineName *n, const char *s, const char *end)
{
    const bool body = n->kind == N_FN || n->kind == N_MODEL || n->kind == N_LAYERDEF;
    int nesting = 0;
    const char *p = s;
    for (; p < end; p++) {
        if (*p == '(' || *p == '[') nesting++;
        if (*p == ')' || *p == ']') nesting--;
        if (nesting > 0) continue;
        if (*p == '\n' || *p == ';' || (body && (*p == '{' || *p == '='))) break;
    }
    while (p > s && strchr(" \t\r", p[-1])) p--;
    return (size_t)(p - s);
}

const char *outline_head(const Outline *o, const OutlineName *n)
{
    const char *s = outline_line(o, n->loc.at), *end = o->src->text + o->src->len;
    while (*s == ' ' || *s == '\t') s++;
    return arena_strndup(o->arena, s, outline_head_length(n, s, end));
}

/* The line before this one, or NULL where it is no comment. */
static const char *outline_comment_before(const Outline *o, const char *line)
{
    if (line == o->src->text) return NULL;
    const char *s = outline_line(o, (uint32_t)(line - 1 - o->src->text));
    const char *p = s;
    while (*p == ' ' || *p == '\t') p++;
    return *p == '#' ? s : NULL;
}

const char *outline_comment(const Outline *o, const OutlineName *n)
{
    const char *end = outline_line(o, n->loc.at), *first = end;
    for (const char *s; (s = outline_comment_before(o, first));) first = s;
    if (first == end) return NULL;
    Buf b = { 0 };
    for (const char *s = first; s < end; s++) {
        while (*s == ' ' || *s == '\t') s++;
        s += s[1] == ' ' ? 2 : 1; /* the # and one blank */
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        buf_add(&b, s, (size_t)(stop - s) + 1);
        s = stop;
    }
    const char *text = arena_strndup(o->arena, b.s, b.len);
    buf_free(&b);
    return text;
}

/* ---- what every program has -------------------------------------------------------------- */

Source outline_library(void)
{
    return (Source){ .name = "std", .text = (const char *)std_text, .len = std_size };
}

const char *outline_builtin(int i) { return builtins[i].name; }

const char *outline_keyword(int i)
{
    static const char *const words[] = {
#define TOKEN(id, name)
#define WORD(id, name) name,
#define KEYWORD(id, name) name,
#include "tokens.def"
    };
    return i < (int)COUNT(words) ? words[i] : NULL;
}

const char *outline_member(int i)
{
    return i < tensor_member_count ? tensor_members[i] : NULL;
}
