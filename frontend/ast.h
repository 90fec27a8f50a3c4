/* ast.h -- the syntax tree of the language, and the lexer and parser that make it.
 *
 * Nodes live in the arena they were made in and die with it; names are interned, so that equal
 * names are equal pointers. Lists of nodes are linked through `next`. Every node knows how deep
 * the tree below it is: deeper than AST_MAX_DEPTH is an error of the parser, so that walkers
 * may recurse. Only the first operands of operators do not count: a sum of 10,000 terms is one
 * level, and walkers go along it in a loop (ast_chain). */
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

/* What the parser's actions work on. */
typedef struct {
    Arena *arena;
    Names *names;
    Diag *diag;
    const Source *src;
    Node *root;
    Loc at; /* the token that is being read */
    int nodes;
    bool failed;  /* an error was reported: there will be no tree, but what follows is read */
    bool stopped; /* .. it is not: the text is deeper or larger than is read */
    bool mute;    /* what is wrong is not said */
} Ast;

/* ---- the lexer (lexer.re) ---------------------------------------------------------------- */

typedef struct {
    const Source *src;
    const char *at, *end;
    int nesting;  /* open parentheses and brackets: line ends mean nothing inside them */
    bool can_end; /* the last token can end a statement */
    Token held;   /* read already, because a line end before it had to be judged */
    bool has_held;
} Lexer;

/* Refuses what is no text: too long, invalid UTF-8, control characters. */
bool lexer_open(Lexer *lx, Diag *d, const Source *src);
/* A word of the language that is a name where the grammar wants one. */
bool lexer_is_word(int kind);
/* A statement, and so an operand, may end with such a token. */
bool lexer_ends(int kind);
/* t->kind is 0 at the end. False after an error about *t, behind which the next call goes on. */
bool lexer_next(Lexer *lx, Diag *d, Token *t);

/* ---- the parser (grammar.y, parse.c) ----------------------------------------------------- */

/* The FILE node, NULL after errors, of which each statement may have one. */
Node *ast_parse(Arena *a, Names *names, Diag *d, const Source *src);
/* The same of `len` bytes of the text from `at` on, where whole items stand. */
Node *ast_parse_part(Arena *a, Names *names, Diag *d, const Source *src, size_t at, size_t len);
/* An operator and those that are its first operand in turn, the outermost first; the count. */
int ast_chain(Arena *a, const Node *n, const Node ***out);
void ast_print(const Node *n, Buf *out);
const char *ast_token_name(int kind); /* "NAME", "+"; for --emit tokens and messages */
/* Whether a token of this kind could be next; at the end of grammar.y. */
bool parse_takes(const void *parser, int kind);

/* For the actions of grammar.y; each may set p->failed. */
Node *ast_node(Ast *p, NodeKind kind, Loc loc, Node *a, Node *b, Node *c);
Node *ast_named(Ast *p, NodeKind kind, Token name, Loc loc, Node *a, Node *b, Node *c);
Node *ast_decl(Ast *p, NodeKind kind, Token name, Node *a, Node *b, Node *c); /* at the name */
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
/* An extent that may be several: a range, a list or `?`. A single one stays an expression. */
Node *ast_extent(Ast *p, Node *def, Node *sizes);
Node *ast_extent_named(Ast *p, Token name, Node *extent);
/* The type of a weight that is stored in that form. */
Node *ast_form(Node *type, Node *form);
void ast_too_deep(Ast *p, Loc loc);

#endif
