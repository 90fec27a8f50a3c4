/* grammar.y -- the language's grammar; docs/language.md explains it clause by clause.
 *
 * Actions are one call each: what a construct means is in ast.c and lower*.c. The lexer makes
 * SEP of a line end (or `;`) that ends a statement, and none before `}`, so that blocks need no
 * empty statements. */
%include {
#include "ast.h"

#include <stdlib.h>
}
%name dsl_parse
%token_prefix TK_
%token_type { Token }
%extra_argument { Ast *p }
%default_type { Node * }
%type items { NodeList }
%type params { NodeList }
%type weights { NodeList }
%type uses { NodeList }
%type states { NodeList }
%type arguments { NodeList }
%type arglist { NodeList }
%type results { NodeList }
%type resultlist { NodeList }
%type stmts { NodeList }
%type names { NodeList }
%type exprs { NodeList }
%type callargs { NodeList }
%type callarglist { NodeList }
%type positions { NodeList }
%type opt_exprs { NodeList }
%type dims { NodeList }
%type dimlist { NodeList }
%stack_size 3000
%stack_overflow { ast_too_deep(p, p->at); }
%token_destructor { (void)p; (void)$$; }
%start_symbol file

/* parse.c asks before each token whether it fits (parse_takes, at the end), says itself what is
 * wrong, and gives BROKEN, which fits nowhere: the parser goes back to where a statement or an
 * item begins, which is `error` then. BEGIN is before all, for what is wrong in the first
 * item. */
%nonassoc BROKEN.

/* Words that are keywords only where the grammar wants them. */
%fallback NAME FROM AS INIT WEIGHTS PARAM MODEL IMPORT LAYER WEIGHT ASSERT STATE.

%left OR.
%left AND.
%right NOT.
%nonassoc EQ NE LT LE GT GE.
%nonassoc RANGE.
%left PLUS MINUS.
%left STAR SLASH FLOORDIV PERCENT AT.
%right NEGATIVE.
%right POWER.

/* ---- file ------------------------------------------------------------------------------------ */

file ::= BEGIN items(L).        { p->root = ast_list(p, N_FILE, (Loc){ .src = p->src }, L); }
file ::= BEGIN.
    { p->root = ast_list(p, N_FILE, (Loc){ .src = p->src }, (NodeList){ 0 }); }

items(L) ::= item(X).           { L = X; }
items(L) ::= items(M) SEP item(X). { L = ast_append(M, X.first); }
%type item { NodeList }

item(L) ::= IMPORT(K) STRING(S).
    { L = ast_first(ast_node(p, N_IMPORT, loc_join(K.loc, S.loc), ast_literal(p, N_STRING, S),
          NULL, NULL)); }
item(L) ::= IMPORT(K) STRING(S) AS NAME(N).
    { L = ast_first(ast_named(p, N_IMPORT, N, loc_join(K.loc, N.loc), ast_literal(p, N_STRING,
          S), NULL, NULL)); }
item(L) ::= PARAM params(M).    { L = M; }
item(L) ::= WEIGHTS(K) FROM expr(E).
    { L = ast_first(ast_node(p, N_WEIGHTS, K.loc, E, NULL, NULL)); }
item(L) ::= WEIGHTS(K) FROM expr(E) AS STRING(S).
    { L = ast_first(ast_node(p, N_WEIGHTS, K.loc, E, ast_literal(p, N_STRING, S), NULL)); }
item(L) ::= WEIGHTS(K) INIT expr(E).
    { L = ast_first(ast_node(p, N_WEIGHTS, K.loc, NULL, NULL, E)); }
item(L) ::= LAYER NAME(N) block(B).
    { L = ast_first(ast_decl(p, N_LAYERDEF, N, NULL, B, NULL)); }
item(L) ::= LAYER NAME(N) LPAREN arguments(A) RPAREN block(B).
    { L = ast_first(ast_decl(p, N_LAYERDEF, N, A.first, B, NULL)); }
item(L) ::= FN NAME(N) LPAREN arguments(A) RPAREN results(R) body(B).
    { L = ast_first(ast_decl(p, N_FN, N, A.first, R.first, B)); }
item(L) ::= MODEL NAME(N) LPAREN arguments(A) RPAREN results(R) body(B).
    { L = ast_first(ast_decl(p, N_MODEL, N, A.first, R.first, B)); }
item(L) ::= WEIGHT weights(M).  { L = ast_share(p, M, "weight"); }
item(L) ::= STATE states(M).    { L = ast_share(p, M, "state"); }
item(L) ::= assign(X).          { L = ast_first(X); }
item(L) ::= assertion(X).       { L = ast_first(X); }
item(L) ::= error.              { L = (NodeList){ 0 }; }

params(L) ::= param(X).                  { L = ast_first(X); }
params(L) ::= params(M) COMMA param(X).  { L = ast_append(M, X); }
param(X) ::= NAME(N) ASSIGN expr(E).     { X = ast_decl(p, N_PARAM, N, E, NULL, NULL); }

/* ---- functions and types --------------------------------------------------------------------- */

arguments(L) ::= .                             { L = (NodeList){ 0 }; }
arguments(L) ::= arglist(M).                   { L = M; }
arguments(L) ::= arglist(M) COMMA.             { L = M; }
arglist(L) ::= argument(X).                    { L = ast_first(X); }
arglist(L) ::= arglist(M) COMMA argument(X).   { L = ast_append(M, X); }
argument(X) ::= NAME(N).                       { X = ast_leaf(p, N_ARG, N); }
argument(X) ::= NAME(N) COLON type(T).         { X = ast_decl(p, N_ARG, N, T, NULL, NULL); }
argument(X) ::= NAME(N) ASSIGN expr(E).        { X = ast_decl(p, N_ARG, N, NULL, E, NULL); }
argument(X) ::= NAME(N) COLON type(T) ASSIGN expr(E). { X = ast_decl(p, N_ARG, N, T, E, NULL); }

results(L) ::= .                               { L = (NodeList){ 0 }; }
results(L) ::= ARROW resultlist(M).            { L = M; }
results(L) ::= ARROW LPAREN resultlist(M) RPAREN. { L = M; }
resultlist(L) ::= result(X).                   { L = ast_first(X); }
resultlist(L) ::= resultlist(M) COMMA result(X). { L = ast_append(M, X); }
result(X) ::= NAME(N).                         { X = ast_leaf(p, N_RESULT, N); }
result(X) ::= NAME(N) COLON type(T).           { X = ast_decl(p, N_RESULT, N, T, NULL, NULL); }
result(X) ::= NAME(N) LBRACK WEIGHTS(W) RBRACK.
    { X = ast_decl(p, N_RESULT, N, NULL, ast_leaf(p, N_NAME, W), NULL); }

type(X) ::= NAME(N).                           { X = ast_leaf(p, N_TYPE, N); }
type(X) ::= NAME(N) LBRACK dims(L) RBRACK(R).
    { X = ast_named(p, N_TYPE, N, loc_join(N.loc, R.loc), L.first, ast_node(p, N_LIST, N.loc,
          NULL, NULL, NULL), NULL); }
type(X) ::= LBRACK(B) dims(L) RBRACK(R).
    { X = ast_node(p, N_TYPE, loc_join(B.loc, R.loc), L.first, ast_node(p, N_LIST, B.loc, NULL,
          NULL, NULL), NULL); }

dims(L) ::= .                               { L = (NodeList){ 0 }; }
dims(L) ::= dimlist(M).                  { L = M; }
dims(L) ::= dimlist(M) COMMA.            { L = M; }
dimlist(L) ::= dim(X).                   { L = ast_first(X); }
dimlist(L) ::= dimlist(M) COMMA dim(X). { L = ast_append(M, X); }
dim(X) ::= span(S).                         { X = S; }
dim(X) ::= NAME(N) ASSIGN span(S).          { X = ast_dim_named(p, N, S); }
span(X) ::= sizes(S).                          { X = ast_dim(p, NULL, S); }
span(X) ::= simple(D) IN sizes(S).             { X = ast_dim(p, D, S); }
sizes(X) ::= expr(E).                          { X = E; }
sizes(X) ::= ANY(T).                           { X = ast_node(p, N_ANY, T.loc, NULL, NULL, NULL); }
sizes(X) ::= simple(A) RANGE(T) ANY(K).
    { X = ast_binary(p, T, A, ast_node(p, N_ANY, K.loc, NULL, NULL, NULL)); }

body(X) ::= block(B).                          { X = B; }
body(X) ::= ASSIGN(T) values(E).
    { X = ast_list(p, N_BLOCK, T.loc, ast_first(ast_node(p, N_RETURN, E->loc, E, NULL, NULL))); }

/* ---- statements ------------------------------------------------------------------------------ */

block(X) ::= LBRACE(B) RBRACE.                 { X = ast_list(p, N_BLOCK, B.loc, (NodeList){ 0 }); }
block(X) ::= LBRACE(B) stmts(L) RBRACE.        { X = ast_list(p, N_BLOCK, B.loc, L); }
stmts(L) ::= stmt(X).                          { L = X; }
stmts(L) ::= stmts(M) SEP stmt(X).             { L = ast_append(M, X.first); }
%type stmt { NodeList }

stmt(L) ::= error.                             { L = (NodeList){ 0 }; }
stmt(L) ::= assign(X).                         { L = ast_first(X); }
stmt(L) ::= assertion(X).                      { L = ast_first(X); }
stmt(L) ::= WEIGHT weights(M).                 { L = ast_share(p, M, "weight"); }
stmt(L) ::= STATE states(M).                   { L = ast_share(p, M, "state"); }
stmt(L) ::= primary(X).                        { L = ast_first(ast_effect(p, X)); }
stmt(L) ::= LAYER uses(M).                     { L = ast_share(p, M, "layer"); }
stmt(L) ::= RETURN(K) values(E).
    { L = ast_first(ast_node(p, N_RETURN, K.loc, E, NULL, NULL)); }
stmt(L) ::= choice(X).                         { L = ast_first(X); }
stmt(L) ::= FOR(K) names(M) IN expr(E) block(B).
    { L = ast_first(ast_node(p, N_FOR, K.loc, M.first, E, B)); }
stmt(L) ::= FN(K) LPAREN arguments(A) RPAREN results(R) body(B).
    { L = ast_first(ast_node(p, N_FN, K.loc, A.first, R.first, B)); }
stmt(L) ::= FN NAME(N) LPAREN arguments(A) RPAREN results(R) body(B).
    { L = ast_first(ast_decl(p, N_FN, N, A.first, R.first, B)); }

assign(X) ::= names(L) ASSIGN(T) values(E).
    { X = ast_node(p, N_ASSIGN, T.loc, L.first, E, NULL); }
assign(X) ::= NAME(N) ADDING(T) expr(E).       { X = ast_update(p, N, T, E); }
names(L) ::= NAME(N).                          { L = ast_first(ast_leaf(p, N_NAME, N)); }
names(L) ::= names(M) COMMA NAME(N).           { L = ast_append(M, ast_leaf(p, N_NAME, N)); }
values(X) ::= expr(E).                         { X = E; }
values(X) ::= expr(E) COMMA(C) exprs(L).
    { X = ast_list(p, N_LIST, C.loc, ast_append(ast_first(E), L.first)); }

assertion(X) ::= ASSERT(K) expr(E).            { X = ast_node(p, N_ASSERT, K.loc, E, NULL, NULL); }
assertion(X) ::= ASSERT(K) expr(E) COMMA expr(M). { X = ast_node(p, N_ASSERT, K.loc, E, M, NULL); }

choice(X) ::= IF(K) expr(E) block(B).                  { X = ast_node(p, N_IF, K.loc, E, B, NULL); }
choice(X) ::= IF(K) expr(E) block(B) ELSE block(C).    { X = ast_node(p, N_IF, K.loc, E, B, C); }
choice(X) ::= IF(K) expr(E) block(B) ELSE choice(C).   { X = ast_node(p, N_IF, K.loc, E, B, C); }

weights(L) ::= weight(X).                      { L = ast_first(X); }
weights(L) ::= weights(M) COMMA weight(X).     { L = ast_append(M, X); }
weight(X) ::= NAME(N).                         { X = ast_leaf(p, N_WEIGHT, N); }
weight(X) ::= NAME(N) COLON stored(T).         { X = ast_decl(p, N_WEIGHT, N, T, NULL, NULL); }
weight(X) ::= NAME(N) COLON stored(T) ASSIGN expr(E). { X = ast_decl(p, N_WEIGHT, N, T, E, NULL); }
stored(X) ::= type(T).                         { X = T; }
stored(X) ::= type(T) AS primary(F).           { X = ast_form(T, F); }

states(L) ::= state(X).                        { L = ast_first(X); }
states(L) ::= states(M) COMMA state(X).        { L = ast_append(M, X); }
state(X) ::= NAME(N).                          { X = ast_leaf(p, N_STATE, N); }
state(X) ::= NAME(N) COLON type(T).            { X = ast_decl(p, N_STATE, N, T, NULL, NULL); }

uses(L) ::= use(X).                            { L = ast_first(X); }
uses(L) ::= uses(M) COMMA use(X).              { L = ast_append(M, X); }
use(X) ::= NAME(N).                            { X = ast_leaf(p, N_LAYER, N); }
use(X) ::= NAME(N) COLON expr(E).              { X = ast_decl(p, N_LAYER, N, E, NULL, NULL); }
use(X) ::= NAME(N) LBRACK expr(I) RBRACK.      { X = ast_decl(p, N_LAYER, N, NULL, NULL, I); }
use(X) ::= NAME(N) LBRACK expr(I) RBRACK COLON expr(E).
    { X = ast_decl(p, N_LAYER, N, E, NULL, I); }

/* ---- expressions ----------------------------------------------------------------------------- */

expr(X) ::= simple(A).                         { X = A; }
expr(X) ::= simple(A) IF simple(C) ELSE expr(B).
    { X = ast_node(p, N_COND, loc_join(A->loc, B->loc), A, C, B); }

simple(X) ::= simple(A) OR(T) simple(B).       { X = ast_binary(p, T, A, B); }
simple(X) ::= simple(A) AND(T) simple(B).      { X = ast_binary(p, T, A, B); }
simple(X) ::= NOT(T) simple(A).                { X = ast_unary(p, T, A); }
simple(X) ::= simple(A) EQ|NE|LT|LE|GT|GE(T) simple(B). { X = ast_binary(p, T, A, B); }
simple(X) ::= simple(A) RANGE(T) simple(B).    { X = ast_binary(p, T, A, B); }
simple(X) ::= simple(A) PLUS|MINUS(T) simple(B). { X = ast_binary(p, T, A, B); }
simple(X) ::= simple(A) STAR|SLASH|FLOORDIV|PERCENT|AT(T) simple(B). { X = ast_binary(p, T, A, B); }
simple(X) ::= MINUS(T) simple(A). [NEGATIVE]   { X = ast_unary(p, T, A); }
simple(X) ::= simple(A) POWER(T) simple(B).    { X = ast_binary(p, T, A, B); }
simple(X) ::= primary(A).                      { X = A; }

primary(X) ::= NAME(N).                        { X = ast_leaf(p, N_NAME, N); }
primary(X) ::= INT(T).                         { X = ast_literal(p, N_INT, T); }
primary(X) ::= FLOAT(T).                       { X = ast_literal(p, N_FLOAT, T); }
primary(X) ::= STRING(T).                      { X = ast_literal(p, N_STRING, T); }
primary(X) ::= TRUE|FALSE(T).                  { X = ast_literal(p, N_BOOL, T); }
primary(X) ::= LPAREN expr(E) RPAREN.          { X = E; }
primary(X) ::= primary(A) LPAREN callargs(L) RPAREN(R).
    { X = ast_node(p, N_CALL, loc_join(A->loc, R.loc), A, L.first, NULL); }
primary(X) ::= primary(A) LBRACK positions(L) RBRACK(R).
    { X = ast_node(p, N_INDEX, loc_join(A->loc, R.loc), A, L.first, NULL); }
primary(X) ::= primary(A) DOT NAME(N).
    { X = ast_named(p, N_MEMBER, N, loc_join(A->loc, N.loc), A, NULL, NULL); }
primary(X) ::= LBRACK(B) opt_exprs(L) RBRACK(R).
    { X = ast_list(p, N_LIST, loc_join(B.loc, R.loc), L); }
primary(X) ::= LBRACK(B) expr(E) FOR names(N) IN simple(S) RBRACK(R).
    { X = ast_node(p, N_EACH, loc_join(B.loc, R.loc), E, S, N.first); }
primary(X) ::= LBRACK(B) expr(E) FOR names(N) IN simple(S) IF(I) simple(C) RBRACK(R).
    { X = ast_node(p, N_EACH, loc_join(B.loc, R.loc), E, ast_node(p, N_FILTER, I.loc, S, C,
          NULL), N.first); }

opt_exprs(L) ::= .                             { L = (NodeList){ 0 }; }
opt_exprs(L) ::= exprs(M).                     { L = M; }
opt_exprs(L) ::= exprs(M) COMMA.               { L = M; }
exprs(L) ::= expr(X).                          { L = ast_first(X); }
exprs(L) ::= exprs(M) COMMA expr(X).           { L = ast_append(M, X); }

callargs(L) ::= .                              { L = (NodeList){ 0 }; }
callargs(L) ::= callarglist(M).                { L = M; }
callargs(L) ::= callarglist(M) COMMA.          { L = M; }
callarglist(L) ::= callarg(X).                 { L = ast_first(X); }
callarglist(L) ::= callarglist(M) COMMA callarg(X). { L = ast_append(M, X); }
callarg(X) ::= expr(E).                        { X = E; }
callarg(X) ::= NAME(N) ASSIGN expr(E).         { X = ast_decl(p, N_KEYWORD, N, E, NULL, NULL); }

positions(L) ::= position(X).                  { L = ast_first(X); }
positions(L) ::= positions(M) COMMA position(X). { L = ast_append(M, X); }
position(X) ::= expr(E).                       { X = E; }
position(X) ::= ELLIPSIS(T).                   { X = ast_node(p, N_REST, T.loc, NULL, NULL, NULL); }
position(X) ::= bound(A) COLON(T) bound(B).    { X = ast_node(p, N_SLICE, T.loc, A, B, NULL); }
position(X) ::= bound(A) COLON(T) bound(B) COLON bound(C).
    { X = ast_node(p, N_SLICE, T.loc, A, B, C); }
bound(X) ::= .                                 { X = NULL; }
bound(X) ::= expr(E).                          { X = E; }

%code {
/* The tables are followed as dsl_parse follows them, on states of its own: what is taken off
 * the parser's stack is counted, what would be put there is kept in `more`. */
bool parse_takes(const void *parser, int kind)
{
    const yyParser *y = parser;
    const yyStackEntry *top = y->yytos;
    YYACTIONTYPE more[16]; /* a rule takes off what it puts on, or is one of a few that are empty */
    int n = 0;
    for (;;) {
        YYACTIONTYPE act =
            yy_find_shift_action((YYCODETYPE)kind, n ? more[n - 1] : top->stateno);
        if (act <= YY_MAX_SHIFTREDUCE || act == YY_ACCEPT_ACTION) return true;
        if (act < YY_MIN_REDUCE) return false;
        const int rule = act - YY_MIN_REDUCE;
        for (int size = -yyRuleInfoNRhs[rule]; size > 0; size--) {
            if (n) n--;
            else top--;
        }
        if (n == COUNT(more)) bug("a chain of empty rules in the grammar");
        act = yy_find_reduce_action(n ? more[n - 1] : top->stateno, yyRuleInfoLhs[rule]);
        more[n++] = act;
    }
}
}
