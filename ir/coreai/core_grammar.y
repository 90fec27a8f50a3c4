/* core_grammar.y -- the syntax of the text that Core AI's package prints, as far as public sources
 * show it: graphs, operations with their types, constants, attributes, resources.
 *
 * The rules are a reference of the syntax. Every action is one call, of a function in
 * core_tree.c. There are no conflicts. */

/* ---- directives -------------------------------------------------------------------------- */

%name CoreParse                 // CoreParseAlloc, CoreParse, CoreParseFree
%token_prefix CT_
%token_type {CoreToken}
%default_type {int}             // most rules have no value: they leave things with the reader
%extra_context {CoreReader *r}
%stack_size 1000                // what bounds the nesting of brackets and blocks
%start_symbol text

%include {
/* core_grammar.c -- generated from core_grammar.y. */
#define NDEBUG 1 /* lemon's tracing keeps file-scope state: left out */
#include "core_text.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void core_wrong(CoreReader *r, int state, int token, CoreToken found);
}

%stack_overflow { core_too_deep(r); }
%parse_failure  { r->stop = true; }
%syntax_error   { core_wrong(r, yypParser->yytos->stateno, yymajor, TOKEN); }
%token_destructor { (void)r; }  // tokens own nothing; lemon's own code leaves r unused without it

// Words that name something when no keyword can stand there.
%fallback ID MODULE PRIVATE NOINLINE ATTRIBUTES ELSE AT WITH ALONG TO DENSE RESOURCE.

// ILLEGAL is what the lexer has reported.
%token ILLEGAL.

/* ---- module and graphs ------------------------------------------------------------------- */

text ::= module_head LBRACE graphs RBRACE resources.
text ::= graphs resources.
module_head ::= MODULE.
module_head ::= MODULE SYMBOL.
module_head ::= MODULE ATTRIBUTES dict.
module_head ::= MODULE SYMBOL ATTRIBUTES dict.

graphs ::= .
graphs ::= graphs graph.

graph ::= graph_open ops end RBRACE.                    { core_graph_end(r); }
graph_open ::= graph_name params returns graph_attrs LBRACE. { core_graph_open(r); }
graph_name ::= GRAPH SYMBOL(N).                         { core_graph(r, N, false); }
graph_name ::= GRAPH NOINLINE SYMBOL(N).                { core_graph(r, N, false); }
graph_name ::= GRAPH PRIVATE SYMBOL(N).                 { core_graph(r, N, true); }
graph_name ::= GRAPH PRIVATE NOINLINE SYMBOL(N).        { core_graph(r, N, true); }

params ::= LPAREN RPAREN.
params ::= LPAREN param_list RPAREN.
param_list ::= param.
param_list ::= param_list COMMA param.
param ::= LOCAL(N) COLON type(T).                       { core_param(r, N, T, NULL); }
param ::= LOCAL(N) COLON type(T) dict(D).               { core_param(r, N, T, D); }

returns ::= .
returns ::= ARROW type(T).                              { core_return(r, T, NULL); }
returns ::= ARROW LPAREN RPAREN.
returns ::= ARROW LPAREN return_list RPAREN.
return_list ::= return.
return_list ::= return_list COMMA return.
return ::= type(T).                                     { core_return(r, T, NULL); }
return ::= type(T) dict(D).                             { core_return(r, T, D); }

graph_attrs ::= .
graph_attrs ::= ATTRIBUTES dict(D).                     { core_graph_attrs(r, D); }

/* ---- operations -------------------------------------------------------------------------- */

ops ::= .
ops ::= ops op.

op ::= outs EQ body.                                    { core_node_end(r); }
op ::= body.                                            { core_node_end(r); }

outs ::= out.
outs ::= outs COMMA out.
out ::= LOCAL(N).                                       { core_out(r, N, NULL); }
out ::= LOCAL(N) COLON NUMBER(C).                       { core_out(r, N, &C); }

body ::= head operands options COLON types(T).          { core_node_types(r, (CoreTypes){ 0 }, T); }
body ::= head operands options COLON types(T) leads types(U). { core_node_types(r, T, U); }
head ::= OP(N).                                         { core_node(r, N); }

body ::= constant dense options COLON types(T).         { core_node_types(r, (CoreTypes){ 0 }, T); }
constant ::= CONSTANT(N).                               { core_node(r, N); }

body ::= invoke LPAREN uses RPAREN options COLON types(T) leads types(U).
                                                        { core_node_types(r, T, U); }
body ::= invoke LPAREN RPAREN options COLON types(T) leads types(U).
                                                        { core_node_types(r, T, U); }
invoke ::= invoke_word SYMBOL(S).                       { core_callee(r, S); }
invoke_word ::= INVOKE(N).                              { core_node(r, N); }

// What a graph or block gives stands at its end.
end ::= what.                                           { core_node_end(r); }
what ::= output operands options.
what ::= output operands options COLON type_list(T).    { core_node_types(r, T, (CoreTypes){ 0 }); }
output ::= OUTPUT(N).                                   { core_node(r, N); }

body ::= branches COLON types(T) leads types(U).        { core_node_types(r, T, U); }
branches ::= then.
branches ::= then ELSE block.
then ::= condition block.
condition ::= if use.
if ::= IF(N).                                           { core_node(r, N); }
block ::= block_open(O) ops end RBRACE.                     { core_block_end(r, O); }
%type block_open {CoreNode *}
block_open(O) ::= LBRACE.                               { O = core_block_open(r); }

leads ::= ARROW.
leads ::= TO.

operands ::= .
operands ::= operand_list.
operand_list ::= use.
operand_list ::= operand_list between use.
operand_list ::= operand_list AT LPAREN uses RPAREN.
between ::= COMMA.
between ::= AT.
between ::= WITH.
between ::= ALONG.
uses ::= use.
uses ::= uses COMMA use.
use ::= LOCAL(N).                                       { core_use(r, N); }

options ::= .
options ::= options option.
option ::= ID(K) EQ LT ID(V) GT.                        { core_node_attr(r, K, V); }
option ::= dict(D).                                     { core_node_attrs(r, D); }

/* ---- types ------------------------------------------------------------------------------- */

%type type {CoreType}
type(T) ::= TYPE(W).                                    { T = core_type(r, W); }
type(T) ::= HANDLE(W).                                  { T = core_type(r, W); }
type(T) ::= TOKEN(W).                                   { T = core_type(r, W); }

%type types {CoreTypes}
%type type_list {CoreTypes}
types(L) ::= type(T).                                   { L = (CoreTypes){ 0 }; core_types_add(r, &L, T); }
types(L) ::= LPAREN RPAREN.                             { L = (CoreTypes){ 0 }; }
types(L) ::= LPAREN type_list(M) RPAREN.                { L = M; }
type_list(L) ::= type(T).                               { L = (CoreTypes){ 0 }; core_types_add(r, &L, T); }
type_list(L) ::= type_list(M) COMMA type(T).            { L = M; core_types_add(r, &L, T); }

/* ---- constants --------------------------------------------------------------------------- */

dense ::= dense_word LT GT.
dense ::= dense_word LT elements GT.
dense ::= resource_word LT key(K) GT.                   { core_dense_key(r, K); }
dense_word ::= DENSE(W).                                { core_dense(r, W); }
resource_word ::= RESOURCE(W).                          { core_dense(r, W); }

elements ::= NUMBER(N).                                 { core_element(r, N); }
elements ::= BOOL(N).                                   { core_element(r, N); }
elements ::= STRING(N).                                 { core_element(r, N); }
elements ::= open RBRACKET.                             { core_bracket(r, false); }
elements ::= open element_list RBRACKET.                { core_bracket(r, false); }
open ::= LBRACKET.                                      { core_bracket(r, true); }
element_list ::= elements.
element_list ::= element_list COMMA elements.

/* ---- attributes -------------------------------------------------------------------------- */

%type dict {CoreAttr *}
%type entries {CoreAttr *}
dict(D) ::= LBRACE RBRACE.                              { D = NULL; }
dict(D) ::= LBRACE entries(E) RBRACE.                   { D = E; }
entries(E) ::= key(K).                                  { E = core_attr_new(r, NULL, K, K); }
entries(E) ::= key(K) EQ attr(V).                       { E = core_attr_new(r, NULL, K, V); }
entries(E) ::= entries(F) COMMA key(K).                 { E = core_attr_new(r, F, K, K); }
entries(E) ::= entries(F) COMMA key(K) EQ attr(V).      { E = core_attr_new(r, F, K, V); }

%type key {CoreToken}
key(K) ::= ID(N).                                       { K = N; }
key(K) ::= OP(N).                                       { K = N; }
key(K) ::= STRING(N).                                   { K = N; }

%type attr {CoreToken}
attr(A) ::= STRING(V).                                  { A = V; }
attr(A) ::= BOOL(V).                                    { A = V; }
attr(A) ::= NUMBER(V).                                  { A = V; }
attr(A) ::= NUMBER(V) COLON ID.                         { A = V; }
attr(A) ::= ID(V).                                      { A = V; }
attr(A) ::= SYMBOL(V).                                  { A = V; }
attr(A) ::= TYPE(V).                                    { A = V; }
attr(A) ::= HASH(V).                                    { A = V; }
attr(A) ::= HASH LT ID(V) GT.                           { A = V; }
attr(A) ::= HASH LT STRING(V) GT.                       { A = V; }
attr(A) ::= HASH LT STRING(V) EQ dict GT.               { A = V; }
attr(A) ::= dict.                                       { A = (CoreToken){ 0 }; }
attr(A) ::= LBRACKET RBRACKET.                          { A = (CoreToken){ 0 }; }
attr(A) ::= LBRACKET attrs RBRACKET.                    { A = (CoreToken){ 0 }; }
attrs ::= attr.
attrs ::= attrs COMMA attr.

/* ---- resources --------------------------------------------------------------------------- */

resources ::= .
resources ::= OPEN sections CLOSE.
sections ::= section.
sections ::= sections COMMA section.
section ::= ID COLON LBRACE groups RBRACE.
groups ::= group.
groups ::= groups COMMA group.
group ::= ID COLON LBRACE blobs RBRACE.
blobs ::= blob.
blobs ::= blobs COMMA blob.
blob ::= key(K) COLON STRING(V).                        { core_blob(r, K, V); }

/* ---- what a syntax error says, and the loop over the tokens ------------------------------ */

%code {
/* How messages call a token; tokens that share a text are one in a list of what is expected. */
static const char *const token_text[] = {
    [CT_ID] = "a word", [CT_MODULE] = "module", [CT_GRAPH] = "coreai.graph",
    [CT_ATTRIBUTES] = "attributes", [CT_ELSE] = "else", [CT_DENSE] = "a constant",
    [CT_RESOURCE] = "a constant", [CT_BOOL] = "an element", [CT_NUMBER] = "a number",
    [CT_STRING] = "a string", [CT_LOCAL] = "a value", [CT_SYMBOL] = "a name with @",
    [CT_HASH] = "an attribute", [CT_OP] = "an operation", [CT_CONSTANT] = "an operation",
    [CT_INVOKE] = "an operation", [CT_IF] = "an operation", [CT_OUTPUT] = "an operation",
    [CT_TYPE] = "a type", [CT_HANDLE] = "a type", [CT_TOKEN] = "a type", [CT_LPAREN] = "'('",
    [CT_RPAREN] = "')'", [CT_LBRACKET] = "'['", [CT_RBRACKET] = "']'", [CT_LBRACE] = "'{'",
    [CT_RBRACE] = "'}'", [CT_LT] = "'<'", [CT_GT] = "'>'", [CT_COMMA] = "','", [CT_EQ] = "'='",
    [CT_COLON] = "':'", [CT_ARROW] = "'->'", [CT_OPEN] = "'{-#'", [CT_CLOSE] = "'#-}'",
};

/* A token that the state has an entry of its own for; fallbacks and defaults do not count. */
static bool core_expects(int state, int token)
{
    const int i = state <= YY_SHIFT_COUNT ? (int)yy_shift_ofst[state] + token : -1;
    return i >= 0 && i < (int)YY_NLOOKAHEAD && yy_lookahead[i] == token
           && token < (int)COUNT(token_text) && token_text[token];
}

static void core_wrong(CoreReader *r, int state, int token, CoreToken found)
{
    const char *text[COUNT(token_text)];
    size_t n = 0;
    Buf expected = { 0 };
    if (token == CT_ILLEGAL || r->stop) return;
    for (int t = 1; t < (int)COUNT(token_text); t++) {
        size_t k = 0;
        if (!core_expects(state, t)) continue;
        while (k < n && strcmp(text[k], token_text[t]) != 0) k++;
        if (k == n) text[n++] = token_text[t];
    }
    for (size_t i = 0; i < n; i++)
        buf_printf(&expected, "%s%s", i ? (i + 1 < n ? ", " : " or ") : "", text[i]);
    core_syntax_error(r, found, token ? NULL : "the end of the text",
                      n ? expected.s : "the end of the text");
    buf_free(&expected);
    r->stop = true;
}

bool core_parse(CoreReader *r)
{
    const int errors = r->diag->errors;
    CoreToken t = { .s = r->at };
    void *p = CoreParseAlloc(mem_alloc, r);
    if (!p) mem_out(0);
    for (int code = 1; code && !r->stop;) {
        code = core_lex(r, &t);
        CoreParse(p, code, t);
    }
    CoreParseFree(p, mem_free);
    return r->diag->errors == errors;
}
}
