/* ast.c -- builds the syntax tree, and prints it. */
#include "ast.h"
#include "grammar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const node_names[NODE_COUNT] = {
#define NODE(id, name) [N_##id] = name,
#include "nodes.def"
};

const char *ast_token_name(int kind)
{
    static const char *const names[] = {
#define TOKEN(id, name) [TK_##id] = name,
#include "tokens.def"
    };
    if (kind == 0) return "end of file";
    return kind > 0 && (size_t)kind < COUNT(names) && names[kind] ? names[kind] : "?";
}

/* ---- errors ------------------------------------------------------------------------------ */

static void ast_error(Ast *p, Loc loc, const char *why)
{
    if (!p->stopped && !p->mute) diag_error(p->diag, loc, "%s", why);
    p->failed = true;
}

static void ast_stop(Ast *p, Loc loc, const char *why)
{
    ast_error(p, loc, why);
    p->stopped = true;
}

void ast_too_deep(Ast *p, Loc loc)
{
    ast_stop(p, loc, "the program is nested too deeply");
}

/* ---- nodes ------------------------------------------------------------------------------- */

static int ast_deepest(const Node *list)
{
    int depth = 0;
    for (const Node *n = list; n; n = n->next)
        if (n->depth > depth) depth = n->depth;
    return depth;
}

/* An operator that may be the first operand of another in a chain; a range is looked at as a
 * whole. */
static bool goes_on(const Node *n) { return n->kind == N_BINARY && n->op != TK_RANGE; }

Node *ast_node(Ast *p, NodeKind kind, Loc loc, Node *a, Node *b, Node *c)
{
    Node *n = NEW(p->arena, Node);
    const bool chain = kind == N_BINARY && goes_on(a);
    int depth = chain ? a->depth - 1 : ast_deepest(a), db = ast_deepest(b),
        dc = ast_deepest(c);
    if (db > depth) depth = db;
    if (dc > depth) depth = dc;
    *n = (Node){ .kind = kind, .loc = loc, .a = a, .b = b, .c = c, .depth = depth + 1 };
    if (n->depth > AST_MAX_DEPTH) ast_too_deep(p, loc);
    if (++p->nodes > AST_MAX_NODES) ast_stop(p, loc, "the program is too large");
    return n;
}

static const char *text_of(const Token *t) { return t->loc.src->text + t->loc.at; }

Node *ast_named(Ast *p, NodeKind kind, Token name, Loc loc, Node *a, Node *b, Node *c)
{
    Node *n = ast_node(p, kind, loc, a, b, c);
    n->name = name_intern(p->names, text_of(&name), name.loc.len);
    return n;
}

Node *ast_decl(Ast *p, NodeKind kind, Token name, Node *a, Node *b, Node *c)
{
    return ast_named(p, kind, name, name.loc, a, b, c);
}

Node *ast_leaf(Ast *p, NodeKind kind, Token name)
{
    return ast_decl(p, kind, name, NULL, NULL, NULL);
}

/* The token's digits without `_`, NUL-terminated. */
static char *digits_of(Ast *p, const Token *t)
{
    char *s = arena_alloc(p->arena, t->loc.len + 1), *to = s;
    for (uint32_t i = 0; i < t->loc.len; i++)
        if (text_of(t)[i] != '_') *to++ = text_of(t)[i];
    return s;
}

static const char *decode_string(Ast *p, const Token *t)
{
    const char *s = text_of(t) + 1, *end = text_of(t) + t->loc.len - 1;
    char *out = arena_alloc(p->arena, t->loc.len), *to = out;
    while (s < end) {
        if (*s != '\\') {
            *to++ = *s++;
            continue;
        }
        if (!strchr("nt\"\\", s[1])) {
            ast_error(p, t->loc, "a string knows the escapes \\n \\t \\\" and \\\\ only");
            break;
        }
        *to++ = s[1] == 'n' ? '\n' : s[1] == 't' ? '\t' : s[1];
        s += 2;
    }
    return out;
}

Node *ast_literal(Ast *p, NodeKind kind, Token t)
{
    Node *n = ast_node(p, kind, t.loc, NULL, NULL, NULL);
    errno = 0;
    if (kind == N_STRING) {
        n->u.s = decode_string(p, &t);
    } else if (kind == N_BOOL) {
        n->u.i = t.kind == TK_TRUE;
    } else if (kind == N_INT) {
        const char *s = digits_of(p, &t);
        n->u.i = strtoll(s, NULL, !strncmp(s, "0x", 2) ? 16 : 10);
        if (errno == ERANGE) ast_error(p, t.loc, "this integer does not fit 64 bits");
    } else {
        n->u.f = strtod(digits_of(p, &t), NULL);
        if (isinf(n->u.f)) ast_error(p, t.loc, "this number is too large");
    }
    return n;
}

Node *ast_binary(Ast *p, Token op, Node *a, Node *b)
{
    Node *n = ast_node(p, N_BINARY, loc_join(a->loc, b->loc), a, b, NULL);
    n->op = op.kind;
    return n;
}

Node *ast_update(Ast *p, Token name, Token op, Node *by)
{
    const char sign = *text_of(&op);
    op.kind = sign == '+' ? TK_PLUS
            : sign == '-' ? TK_MINUS
            : sign == '*' ? TK_STAR
                          : TK_SLASH;
    Node *old = ast_leaf(p, N_NAME, name), *target = ast_leaf(p, N_NAME, name);
    return ast_node(p, N_ASSIGN, op.loc, target, ast_binary(p, op, old, by), NULL);
}

Node *ast_unary(Ast *p, Token op, Node *a)
{
    Node *n = ast_node(p, N_UNARY, loc_join(op.loc, a->loc), a, NULL, NULL);
    n->op = op.kind;
    return n;
}

Node *ast_effect(Ast *p, Node *call)
{
    if (call->kind != N_CALL)
        ast_error(
            p, call->loc,
            "nothing is done with this value; `name = ..` keeps it, and a call stands alone");
    return call;
}

Node *ast_list(Ast *p, NodeKind kind, Loc loc, NodeList kids)
{
    return ast_node(p, kind, loc, kids.first, NULL, NULL);
}

NodeList ast_first(Node *n) { return ast_append((NodeList){ 0 }, n); }

NodeList ast_append(NodeList l, Node *n)
{
    if (!n) return l;
    if (l.last) l.last->next = n;
    else l.first = n;
    for (l.last = n; l.last->next;) l.last = l.last->next;
    return l;
}

NodeList ast_share(Ast *p, NodeList l, const char *what)
{
    Node *from = l.first;
    for (Node *n = l.first; n; n = n->next) {
        if (!n->a) continue;
        for (; from != n; from = from->next) { /* c is the index of a layer, its own */
            from->a = n->a;
            from->b = n->b;
        }
        from = n->next;
    }
    if (from)
        ast_error(p, from->loc,
                  arena_printf(p->arena, "%s %s needs a type: `%s: ..`", what, from->name,
                               from->name));
    return l;
}

Node *ast_dim(Ast *p, Node *def, Node *sizes)
{
    const bool range = sizes->kind == N_BINARY && sizes->op == TK_RANGE;
    const bool several = range || sizes->kind == N_ANY || sizes->kind == N_LIST;
    if (!def && !several) return sizes;
    return ast_node(p, N_DIM, def ? loc_join(def->loc, sizes->loc) : sizes->loc, def,
                    sizes, NULL);
}

Node *ast_dim_named(Ast *p, Token name, Node *dim)
{
    if (dim->kind != N_DIM) dim = ast_node(p, N_DIM, dim->loc, NULL, dim, NULL);
    dim->name = name_intern(p->names, text_of(&name), name.loc.len);
    dim->loc = loc_join(name.loc, dim->loc);
    return dim;
}

Node *ast_form(Node *type, Node *form)
{
    type->c = form;
    return type;
}

int ast_chain(Arena *a, const Node *n, const Node ***out)
{
    int count = 1;
    for (const Node *m = n->a; goes_on(m); m = m->a) count++;
    const Node **all = NEW_ARRAY(a, count, const Node *);
    for (int i = 0; i < count; i++, n = n->a) all[i] = n;
    *out = all;
    return count;
}

/* ---- the tree as text -------------------------------------------------------------------- */

static void print_value(const Node *n, Buf *out)
{
    if (n->name) buf_printf(out, " %s", n->name);
    if (n->kind == N_INT) buf_printf(out, " %lld", (long long)n->u.i);
    if (n->kind == N_FLOAT) buf_printf(out, " %.17g", n->u.f);
    if (n->kind == N_BOOL) buf_puts(out, n->u.i ? " true" : " false");
    if (n->kind == N_UNARY || n->kind == N_BINARY)
        buf_printf(out, " %s", ast_token_name(n->op));
    if (n->kind == N_STRING) {
        buf_putc(out, ' ');
        buf_quote(out, n->u.s);
    }
}

static void print_list(const Node *n, int indent, const char *role, Buf *out);

static void print_head(const Node *n, int indent, const char *role, Buf *out)
{
    enum {
        MAX_INDENT = 200
    }; /* of a long chain, whose lines would be as long as it is */
    buf_printf(out, "%*s%s%s", indent < MAX_INDENT ? indent : MAX_INDENT, "", role,
               node_names[n->kind]);
    print_value(n, out);
    buf_putc(out, '\n');
}

static void print_chain(const Node *n, int indent, const char *role, Buf *out)
{
    Arena scratch = { 0 };
    const Node **all;
    const int count = ast_chain(&scratch, n, &all);
    for (int i = 0; i < count; i++)
        print_head(all[i], indent + 2 * i, i ? "a " : role, out);
    print_list(all[count - 1]->a, indent + 2 * count, "a ", out);
    for (int i = count; i-- > 0;) print_list(all[i]->b, indent + 2 * i + 2, "b ", out);
    arena_free(&scratch);
}

static void print_list(const Node *n, int indent, const char *role, Buf *out)
{
    for (; n; n = n->next) {
        if (n->kind == N_BINARY) {
            print_chain(n, indent, role, out);
            continue;
        }
        print_head(n, indent, role, out);
        bool seq = n->kind == N_FILE || n->kind == N_BLOCK || n->kind == N_LIST;
        print_list(n->a, indent + 2, seq ? "" : "a ", out);
        print_list(n->kind == N_TYPE ? NULL : n->b, indent + 2, "b ", out);
        print_list(n->c, indent + 2, "c ", out);
    }
}

void ast_print(const Node *n, Buf *out) { print_list(n, 0, "", out); }
