/* mil_grammar.y -- the syntax of MIL text: program(1.0) and program(1.3), as one language.
 *
 * The rules are a reference of the syntax. Every action is one call, of a function in
 * mil_read.c (functions, blocks, ops) or mil_types.c and literal.c (types and values). There are no
 * conflicts. */

/* ---- directives -------------------------------------------------------------------------- */

%name MilParse                  // MilParseAlloc, MilParse, MilParseFree
%token_prefix MT_
%token_type {MilToken}
%default_type {int}             // most rules have no value: they leave things with the reader
%extra_context {MilReader *r}
%stack_size 1000                // what bounds the nesting of brackets, types and blocks
%start_symbol text

%include {
/* mil_grammar.c -- generated from mil_grammar.y. */
#define NDEBUG 1 /* lemon's tracing keeps file-scope state: left out */
#include "mil_read.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void syntax_error(MilReader *r, int state, int token, MilToken found);
}

%stack_overflow { mil_too_deep(r); }
%parse_failure  { r->stop = true; }
%syntax_error   { syntax_error(r, yypParser->yytos->stateno, yymajor, TOKEN); }
%token_destructor { (void)r; }  // tokens own nothing; lemon's own code leaves r unused without it

// Words that name something when no keyword can stand there. The words of types are reserved.
%fallback ID PROGRAM FUNC BLOBFILE INFNAN.

// BEGIN_LITERAL comes from no text: mil_read_literal puts it in front. ILLEGAL is what the lexer
// has reported.
%token BEGIN_LITERAL ILLEGAL.

/* ---- program ----------------------------------------------------------------------------- */

text ::= head LBRACE funcs RBRACE.
text ::= BEGIN_LITERAL value(V).                        { r->result = V; }

head ::= version attrs.                                 { mil_read_head(r); }
version ::= PROGRAM LPAREN NUMBER(V) RPAREN.            { mil_read_version(r, V); }

/* ---- functions --------------------------------------------------------------------------- */

funcs ::= .
funcs ::= funcs func.

func ::= func_head block SEMI.
func_head ::= func_name params attrs.                   { mil_read_func_head(r); }
func_name ::= FUNC ID(N) opset(O).                      { mil_read_func_name(r, N, O); }

params ::= LPAREN RPAREN.
params ::= LPAREN param_list RPAREN.
param_list ::= param.
param_list ::= param_list COMMA param.
param ::= type(T) ID(N).                                { mil_read_param(r, T, N); }

%type opset {MilToken}
opset(O) ::= .                                          { O = (MilToken){ 0 }; }
opset(O) ::= LT ID(N) GT.                               { O = N; }

block ::= LBRACE ops RBRACE ARROW results.              { mil_read_block_end(r); }
results ::= LPAREN RPAREN.                              { mil_read_results(r); }
results ::= LPAREN names RPAREN.                        { mil_read_results(r); }
names ::= ID(N).                                        { mil_read_name(r, N); }
names ::= names COMMA ID(N).                            { mil_read_name(r, N); }

/* ---- ops ------------------------------------------------------------------------------ */

ops ::= .
ops ::= ops op_line.

op_line ::= op(O) SEMI.                                 { mil_read_op_end(r, O); }
op_line ::= owner(O) SEMI.                              { mil_read_op_end(r, O); }
op_line ::= error SEMI.                                 { mil_read_skip(r); }

// Nested blocks follow their op, separated by commas.
%type op {Op *}
%type owner {Op *}
%type owner_head {Op *}
owner(O) ::= owner_head(H) block.                       { O = H; }
owner_head(O) ::= op(P) block_head(N).                  { O = mil_read_block_head(r, P, N); }
owner_head(O) ::= owner(P) COMMA block_head(N).         { O = mil_read_block_head(r, P, N); }
%type block_head {MilToken}
block_head(B) ::= ID(N) params.                         { B = N; }

op(O) ::= outs EQ call(C).                              { O = C; }
op(O) ::= call(C).                                      { O = C; }
%type call {Op *}
call(O) ::= ID(N) opset(S) args attrs.                  { O = mil_read_op(r, N, S); }

outs ::= out.
outs ::= outs COMMA out.
out ::= type(T) ID(N).                                  { mil_read_out(r, T, N); }

/* ---- arguments --------------------------------------------------------------------------- */

args ::= LPAREN RPAREN.
args ::= LPAREN arg_list RPAREN.
arg_list ::= arg.
arg_list ::= arg_list COMMA arg.

arg ::= arg_name item.
arg ::= arg_name open_tuple RPAREN.
arg ::= arg_name open_tuple items RPAREN.
arg_name ::= ID(N) EQ.                                  { mil_read_arg(r, N); }
open_tuple ::= LPAREN(P).                               { mil_read_tuple(r, P); }
items ::= item.
items ::= items COMMA item.

item ::= ID(N).                                         { mil_read_use(r, N); }
item ::= value(V).                                      { mil_read_inline(r, V); }
item ::= NUMBER(N).                                     { mil_read_bare(r, MIL_BARE_NUMBER, N); }
item ::= INFNAN(N).                                     { mil_read_bare(r, MIL_BARE_NUMBER, N); }
item ::= STRING(S).                                     { mil_read_bare(r, MIL_BARE_STRING, S); }
item ::= BOOL(B).                                       { mil_read_bare(r, MIL_BARE_BOOL, B); }

attrs ::= .
attrs ::= open_attrs RBRACKET.
attrs ::= open_attrs attr_list RBRACKET.
open_attrs ::= LBRACKET.                                { mil_read_attrs(r); }
attr_list ::= attr.
attr_list ::= attr_list COMMA attr.
attr ::= ID(N) EQ value(V).                             { mil_read_attr(r, N, V); }

/* ---- values ------------------------------------------------------------------------------ */

// The type comes first, so that elements go straight to their bytes.
%type value {const Const *}
value(V) ::= value_type literal RPAREN(P).              { V = mil_value_end(r, P); }
value_type ::= type(T) LPAREN.                          { mil_value_begin(r, T); }

literal ::= NUMBER(N).                                  { mil_number(r, N); }
literal ::= INFNAN(N).                                  { mil_number(r, N); }
literal ::= STRING(S).                                  { mil_string(r, S); }
literal ::= BOOL(B).                                    { mil_bool(r, B); }
literal ::= open_list RBRACKET(E).                      { mil_close(r, E); }
literal ::= open_list literals RBRACKET(E).             { mil_close(r, E); }
literal ::= open_group RPAREN(E).                       { mil_close(r, E); }
literal ::= open_group literals RPAREN(E).              { mil_close(r, E); }
literal ::= open_dict RBRACE(E).                        { mil_close(r, E); }
literal ::= open_dict pairs RBRACE(E).                  { mil_close(r, E); }
literal ::= BLOBFILE(B) LPAREN ID(P) EQ plain(V) COMMA ID(Q) EQ plain(W) RPAREN.
                                                        { mil_blob(r, B, P, V, Q, W); }
open_list ::= LBRACKET(B).                              { mil_open(r, B); }
open_group ::= LPAREN(B).                               { mil_open(r, B); }
open_dict ::= LBRACE(B).                                { mil_open(r, B); }
literals ::= literal.
literals ::= literals COMMA literal.
pairs ::= pair.
pairs ::= pairs COMMA pair.
pair ::= LBRACE literal COMMA literal RBRACE.

// The two values inside BLOBFILE: their types are always the same two, only the spelling varies.
%type plain {MilToken}
plain(V) ::= type LPAREN STRING(S) RPAREN.              { V = S; }
plain(V) ::= type LPAREN NUMBER(N) RPAREN.              { V = N; }

/* ---- types ------------------------------------------------------------------------------- */

%type type {MilType}
type(T) ::= ELEM(E).                                    { T = mil_type_elem(E); }
type(T) ::= TENSOR(W) LT ELEM(E) COMMA dims GT.         { T = mil_type_tensor(r, W, E); }
type(T) ::= LIST(W) LT type(U) COMMA NUMBER(N) GT.      { T = mil_type_list(r, W, U, N); }
type(T) ::= LIST(W) LT type(U) COMMA ANY(N) GT.         { T = mil_type_list(r, W, U, N); }
type(T) ::= DICT(W) LT type(K) COMMA type(V) GT.        { T = mil_type_dict(r, W, K, V); }
type(T) ::= TUPLE(W) LT members(M) GT.                  { T = mil_type_tuple(r, W, M); }
type(T) ::= STATE(W) LT type(U) GT.                     { T = mil_type_state(r, W, U); }
type(T) ::= BUFFER(W) LT ELEM(E) fields GT.             { T = mil_type_buffer(r, W, E); }

%type members {MilTypes *}
members(M) ::= type(T).                                 { M = mil_type_member(r, NULL, T); }
members(M) ::= members(B) COMMA type(T).                { M = mil_type_member(r, B, T); }

fields ::= .
fields ::= fields COMMA ID(N) EQ dims.                  { mil_field(r, N); }

dims ::= open_dims RBRACKET.
dims ::= open_dims dim_list RBRACKET.
open_dims ::= LBRACKET.                                 { mil_dims_begin(r); }
dim_list ::= dim.
dim_list ::= dim_list COMMA dim.
dim ::= NUMBER(N).                                      { mil_dim(r, N); }
dim ::= ANY(A).                                         { mil_dim_any(r, A); }

/* ---- what a syntax error says, and the loop over the tokens ------------------------------ */

%code {
/* How messages call a token; tokens that share a text are one in a list of what is expected. */
static const char *const token_text[] = {
    [MT_ID] = "a name", [MT_PROGRAM] = "program", [MT_FUNC] = "func", [MT_TENSOR] = "a type",
    [MT_LIST] = "a type", [MT_DICT] = "a type", [MT_TUPLE] = "a type", [MT_STATE] = "a type",
    [MT_BUFFER] = "a type", [MT_ELEM] = "an element type", [MT_BLOBFILE] = "a literal",
    [MT_BOOL] = "a literal", [MT_INFNAN] = "a literal", [MT_NUMBER] = "a number",
    [MT_STRING] = "a string", [MT_LPAREN] = "'('", [MT_RPAREN] = "')'", [MT_LBRACKET] = "'['",
    [MT_RBRACKET] = "']'", [MT_LBRACE] = "'{'", [MT_RBRACE] = "'}'", [MT_LT] = "'<'",
    [MT_GT] = "'>'", [MT_COMMA] = "','", [MT_EQ] = "'='", [MT_SEMI] = "';'", [MT_ANY] = "'?'",
    [MT_ARROW] = "'->'",
};

static const char reserved[] = "it is a reserved word";

/* Fixes of what hand-written texts get wrong: FOUND where EXPECTED was possible. */
static const struct { int found, expected; const char *text; } hints[] = {
    { MT_COMMA, MT_EQ, "arguments have names: f(x = a, y = b)" },
    { MT_RPAREN, MT_EQ, "arguments have names: f(x = a, y = b)" },
    { MT_LBRACKET, MT_ELEM, "a list needs its type: tensor<int32, [3]>([0, 2, 3])" },
    { MT_RBRACE, MT_SEMI, "an op ends with ;" },
    { MT_ELEM, MT_SEMI, "an op ends with ;" },
    { MT_TENSOR, MT_SEMI, "an op ends with ;" },
    { MT_ELEM, MT_ID, reserved }, { MT_TENSOR, MT_ID, reserved }, { MT_LIST, MT_ID, reserved },
    { MT_DICT, MT_ID, reserved }, { MT_TUPLE, MT_ID, reserved }, { MT_STATE, MT_ID, reserved },
    { MT_BOOL, MT_ID, reserved },
};

/* A token that the state has an entry of its own for; fallbacks and defaults do not count. */
static bool is_expected(int state, int token)
{
    const int i = state <= YY_SHIFT_COUNT ? (int)yy_shift_ofst[state] + token : -1;
    return i >= 0 && i < (int)YY_NLOOKAHEAD && yy_lookahead[i] == token
           && token < (int)COUNT(token_text) && token_text[token];
}

/* A list of what is expected: "a name, a type or ')'". Literals of all kinds are one thing. */
static void list_expected(int state, Buf *out)
{
    const char *text[COUNT(token_text)];
    size_t n = 0;
    const bool literal = is_expected(state, MT_BOOL), type = is_expected(state, MT_TENSOR);
    for (int t = 1; t < (int)COUNT(token_text); t++) {
        if (!is_expected(state, t)) continue;
        const char *s = token_text[t];
        if (literal && (t == MT_NUMBER || t == MT_STRING)) s = token_text[MT_BOOL];
        if (type && t == MT_ELEM) s = token_text[MT_TENSOR];
        size_t k = 0;
        while (k < n && text[k] != s && strcmp(text[k], s) != 0) k++;
        if (k == n) text[n++] = s;
    }
    for (size_t i = 0; i < n; i++) {
        if (i) buf_puts(out, i + 1 < n ? ", " : " or ");
        buf_puts(out, text[i]);
    }
    if (!n) buf_puts(out, "the end of the text");
}

static void syntax_error(MilReader *r, int state, int token, MilToken found)
{
    const char *hint = NULL;
    Buf expected = { 0 };
    if (token == MT_ILLEGAL) return;
    for (size_t i = 0; i < COUNT(hints) && !hint; i++)
        if (hints[i].found == token && is_expected(state, hints[i].expected)) hint = hints[i].text;
    list_expected(state, &expected);
    mil_syntax_error(r, found, token ? NULL : "the end of the text", expected.s, hint);
    buf_free(&expected);
}

void mil_parse(MilReader *r, bool literal)
{
    MilToken t = { .s = r->at };
    void *p = MilParseAlloc(mem_alloc, r);
    if (!p) mem_out(0);
    if (literal) MilParse(p, MT_BEGIN_LITERAL, t);
    for (int code = 1; code && !r->stop;) {
        code = mil_lex(r, &t);
        MilParse(p, code, t);
        mil_let_go(r, r->at);
    }
    MilParseFree(p, mem_free);
}
}
