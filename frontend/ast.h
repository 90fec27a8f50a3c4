/* ast.h -- the syntax tree of the language, and the lexer and parser that make it.
 *
 * Nodes live in the arena that they were made in; names are interned, so that equal names
 * are equal pointers. Lists of nodes are linked through `next`. Every node has the depth of
 * the tree below it; more than AST_MAX_DEPTH is an error of the parser, so that walkers may
 * recurse. First operands of operators do not count as depth: a sum of 10,000 terms is one
 * level, along which walkers go in a loop (ast_chain). */
#ifndef ANEC_AST_H
#define ANEC_AST_H

#include "../base/base.h"

enum {
    AST_MAX_DEPTH = 1000,
    AST_MAX_NODES = 1 << 21, /* about 200 MB of tree: above it a text is refused */
    AST_MAX_TOKEN = 1 << 16, /* characters of one literal or name */
};

typedef enum {
#define NODE(id, name) N_##id,
#include "nodes.def"
    NODE_COUNT
} NodeKind;
extern const char *const node_names[NODE_COUNT];

typedef struct Node Node;
struct Node {
    NodeKind kind;
    int op; /* UNARY, BINARY: the token */
    int depth;
    Loc loc;
    const char *name; /* interned; what nodes.def says */
    Node *a, *b, *c;
    Node *next;
    union {
        int64_t i;     /* INT, BOOL */
        double f;      /* FLOAT */
        const char *s; /* STRING: decoded */
    } u;
};

typedef struct {
    Node *first, *last;
} NodeList;

typedef struct {
    int kind; /* TK_.. of grammar.h; 0 at the end of the text */
    Loc loc;
} Token;

/* The state of the parser, for the actions of the grammar. */
typedef struct {
    Arena *arena;
    Names *names;
    Diag *diag;
    const Source *src;
    Node *root;
    Loc at; /* the token that is being read */
    int nodes;
    bool failed;  /* an error was reported: reading goes on, but there will be no tree */
    bool stopped; /* reading does not go on: the text is too deep or too large */
    bool mute;    /* errors are not reported */
} Ast;

/* ---- the lexer (lexer.re) ---------------------------------------------------------------- */

typedef struct {
    const Source *src;
    const char *at, *end;
    int nesting;  /* open parentheses and brackets: line ends mean nothing inside them */
    bool can_end; /* the last token can end a statement */
    Token held; /* a token that was read ahead, to decide about the line end before it */
    bool has_held;
} Lexer;

/* False, and reported: the text is too long, or has invalid UTF-8 or control characters. */
bool lexer_open(Lexer *lx, Diag *d, const Source *src);
/* Whether it is a keyword that is a name where the grammar wants a name. */
bool lexer_is_word(int kind);
/* Whether a statement may end with such a token. */
bool lexer_ends(int kind);
/* Reads a token; t->kind is 0 at the end. False: an error about *t was reported, and the
 * next call goes on behind it. */
bool lexer_next(Lexer *lx, Diag *d, Token *t);

/* ---- the parser (grammar.y, parse.c) ----------------------------------------------------- */

/* The FILE node; NULL: errors were reported, at most one for each statement. */
Node *ast_parse(Arena *a, Names *names, Diag *d, const Source *src);
/* The same for `len` bytes of the text from `at` on, which must be whole items. */
Node *ast_parse_part(Arena *a, Names *names, Diag *d, const Source *src, size_t at,
                     size_t len);
/* The chain of an operator, its first operand, the first operand of that and so on, the
 * outermost first; returns the count. */
int ast_chain(Arena *a, const Node *n, const Node ***out);
void ast_print(const Node *n, Buf *out);
const char *ast_token_name(int kind); /* "NAME", "+"; for --emit tokens and messages */
/* Whether a token of this kind could be next; defined at the end of grammar.y. */
bool parse_takes(const void *parser, int kind);

/* For the actions of grammar.y; each may set p->failed. */
Node *ast_node(Ast *p, NodeKind kind, Loc loc, Node *a, Node *b, Node *c);
Node *ast_named(Ast *p, NodeKind kind, Token name, Loc loc, Node *a, Node *b, Node *c);
/* at the name */
Node *ast_decl(Ast *p, NodeKind kind, Token name, Node *a, Node *b, Node *c);
Node *ast_leaf(Ast *p, NodeKind kind, Token name);
Node *ast_literal(Ast *p, NodeKind kind, Token t);
Node *ast_binary(Ast *p, Token op, Node *a, Node *b);
Node *ast_effect(Ast *p, Node *call); /* a statement of its own */
Node *ast_unary(Ast *p, Token op, Node *a);
Node *ast_update(Ast *p, Token name, Token op, Node *by);      /* x += by is x = x + by */
Node *ast_list(Ast *p, NodeKind kind, Loc loc, NodeList kids); /* a = the first of kids */
NodeList ast_first(Node *n);
/* n and what is linked behind it */
NodeList ast_append(NodeList l, Node *n);
NodeList ast_share(Ast *p, NodeList l, const char *what); /* `a, b: T` is `a: T, b: T` */
/* A dimension that may have several sizes: a range, a list or `?`. A single size stays an
 * expression. */
Node *ast_dim(Ast *p, Node *def, Node *sizes);
Node *ast_dim_named(Ast *p, Token name, Node *dim);
/* The type of a weight that is stored in that form. */
Node *ast_form(Node *type, Node *form);
void ast_too_deep(Ast *p, Loc loc);

#endif
