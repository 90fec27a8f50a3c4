/* core_lexer.re -- the tokens of the text that Core AI's package prints. A tensor's type is one
 * token, as "2x3xf32" is no word of its own. The text needs no NUL at its end. */
#include "core_text.h"
#include "core_grammar.h"

/* The end of the text reads as NUL; a NUL before it is an unexpected character like others. */
#define YYPEEK() (at < end ? (unsigned char)*at : 0)
#define YYSKIP() (++at)
#define YYBACKUP() (mark = at)
#define YYRESTORE() (at = mark)

/*!re2c
    re2c:api = custom;
    re2c:api:style = free-form;
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYPEEK = "YYPEEK()";
    re2c:define:YYSKIP = "YYSKIP();";
    re2c:define:YYBACKUP = "YYBACKUP();";
    re2c:define:YYRESTORE = "YYRESTORE();";
    re2c:yyfill:enable = 0;
    re2c:flags:nested-ifs = 1;

    end     = [\x00];
    blank   = [ \t\r\n]+;
    comment = "//" [^\n\x00]*;
    letter  = [A-Za-z_];
    digit   = [0-9];
    hex     = "0x" [0-9A-Fa-f]+;
    name    = letter (letter | digit | [.$])*;
    suffix  = (letter | digit | [.$-])+;
    number  = "-"? digit+ ("." digit* ([eE] [+-]? digit+)?)?;
    string  = "\"" ([^"\\\x00\n] | "\\" [^\x00\n])* "\"";
    elem    = letter (letter | digit)* | "complex<" letter digit+ ">";
    tensor  = "tensor<" ((digit+ | "?") "x")* elem ">";
*/

static void unexpected(CoreReader *r, CoreToken t)
{
    const unsigned char c = (unsigned char)*t.s;
    if (c == '"') core_error(r, t, "the string that begins here is not closed");
    else if (c > ' ' && c < 127) core_error(r, t, "unexpected character '%c'", c);
    else core_error(r, t, "unexpected byte 0x%02x", c);
    r->stop = true;
}

int core_lex(CoreReader *r, CoreToken *t)
{
    const char *at = r->at, *mark = at, *start;
    const char *const end = r->end;
    int code;

again:
    start = at;
    /*!re2c
        blank | comment { goto again; }

        "("   { code = CT_LPAREN;   goto found; }
        ")"   { code = CT_RPAREN;   goto found; }
        "["   { code = CT_LBRACKET; goto found; }
        "]"   { code = CT_RBRACKET; goto found; }
        "{"   { code = CT_LBRACE;   goto found; }
        "}"   { code = CT_RBRACE;   goto found; }
        "<"   { code = CT_LT;       goto found; }
        ">"   { code = CT_GT;       goto found; }
        ","   { code = CT_COMMA;    goto found; }
        "="   { code = CT_EQ;       goto found; }
        ":"   { code = CT_COLON;    goto found; }
        "->"  { code = CT_ARROW;    goto found; }
        "{-#" { code = CT_OPEN;     goto found; }
        "#-}" { code = CT_CLOSE;    goto found; }

        "module"          { code = CT_MODULE;     goto found; }
        "private"         { code = CT_PRIVATE;    goto found; }
        "noinline"        { code = CT_NOINLINE;   goto found; }
        "attributes"      { code = CT_ATTRIBUTES; goto found; }
        "else"            { code = CT_ELSE;       goto found; }
        "at"              { code = CT_AT;         goto found; }
        "with"            { code = CT_WITH;       goto found; }
        "along"           { code = CT_ALONG;      goto found; }
        "to"              { code = CT_TO;         goto found; }
        "dense"           { code = CT_DENSE;      goto found; }
        "dense_resource"  { code = CT_RESOURCE;   goto found; }
        "true" | "false"  { code = CT_BOOL;       goto found; }
        "coreai.graph"    { code = CT_GRAPH;      goto found; }
        "coreai.output" | "coreai.yield" { code = CT_OUTPUT; goto found; }
        "coreai.invoke"   { code = CT_INVOKE;     goto found; }
        "coreai.constant" { code = CT_CONSTANT;   goto found; }
        "coreai.if"       { code = CT_IF;         goto found; }
        "coreai." name    { code = CT_OP;         goto found; }

        tensor                         { code = CT_TYPE;   goto found; }
        "!coreai.handle<" tensor ">"   { code = CT_HANDLE; goto found; }
        "<" tensor ">"                 { code = CT_HANDLE; goto found; }
        "!coreai.token"                { code = CT_TOKEN;  goto found; }

        "%" suffix ("#" digit+)?       { code = CT_LOCAL;  goto found; }
        "@" (suffix | string)          { code = CT_SYMBOL; goto found; }
        "#" name                       { code = CT_HASH;   goto found; }
        number | hex                   { code = CT_NUMBER; goto found; }
        string                         { code = CT_STRING; goto found; }
        name                           { code = CT_ID;     goto found; }

        end             { code = start < end ? CT_ILLEGAL : 0; goto found; }
        *               { code = CT_ILLEGAL; goto found; }
    */
found:
    if (at > end) at = end;
    *t = (CoreToken){ .s = start, .len = (uint32_t)(at - start) };
    r->at = at;
    if (code == CT_ILLEGAL) unexpected(r, *t);
    return code;
}
