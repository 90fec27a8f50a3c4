/* mil_lexer.re -- the tokens of MIL text. The text is given by pointer and length and needs no
 * NUL at its end. */
#include "mil_read.h"
#include "mil_grammar.h"

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
    hex     = [0-9A-Fa-f];
    name    = letter (letter | digit)*;
    int     = digit+;
    decimal = digit+ ("." digit*)? ([eE] [+-]? digit+)?;
    hexreal = "0" [xX] hex+ ("." hex*)? [pP] [+-]? digit+;
    number  = "-"? (decimal | hexreal);
    malformed = number (letter | digit | ".")+ | "-"? "0x" (letter | digit | ".")*;
    string  = "\"" ([^"\\\x00] | "\\" [^\x00])* "\"";
    elem    = "fp16" | "fp32" | "fp64" | "bf16" | "bool" | "string"
            | "u"? "int" ("8" | "16" | "32" | "64") | "int4" | "uint" [12346];
*/

static void unexpected(MilReader *r, MilToken t)
{
    const unsigned char c = (unsigned char)*t.s;
    r->syntax++;
    if (c == '"') mil_error(r, t, "the string that begins here is not closed");
    else if (c == '-' || (c >= '0' && c <= '9'))
        mil_error(r, t, "%.*s is not a number of MIL: 12, -0.5, 0x1.8p-3, inf, nan",
                   t.len > 40 ? 40 : (int)t.len, t.s);
    else if (c > ' ' && c < 127) mil_error(r, t, "unexpected character '%c'", c);
    else mil_error(r, t, "unexpected byte 0x%02x", c);
}

int mil_lex(MilReader *r, MilToken *t)
{
    const char *at = r->at, *mark = at, *start;
    const char *const end = r->end;
    int code;

again:
    start = at;
    /*!re2c
        blank | comment { goto again; }

        "("  { code = MT_LPAREN;   goto found; }
        ")"  { code = MT_RPAREN;   goto found; }
        "["  { code = MT_LBRACKET; goto found; }
        "]"  { code = MT_RBRACKET; goto found; }
        "{"  { code = MT_LBRACE;   goto found; }
        "}"  { code = MT_RBRACE;   goto found; }
        "<"  { code = MT_LT;       goto found; }
        ">"  { code = MT_GT;       goto found; }
        ","  { code = MT_COMMA;    goto found; }
        "="  { code = MT_EQ;       goto found; }
        ";"  { code = MT_SEMI;     goto found; }
        "?"  { code = MT_ANY;      goto found; }
        "->" { code = MT_ARROW;    goto found; }

        "program"       { code = MT_PROGRAM;  goto found; }
        "func"          { code = MT_FUNC;     goto found; }
        "tensor"        { code = MT_TENSOR;   goto found; }
        "list"          { code = MT_LIST;     goto found; }
        "dict"          { code = MT_DICT;     goto found; }
        "tuple"         { code = MT_TUPLE;    goto found; }
        "state"         { code = MT_STATE;    goto found; }
        "tensor_buffer" { code = MT_BUFFER;   goto found; }
        "BLOBFILE"      { code = MT_BLOBFILE; goto found; }
        "true" | "false" { code = MT_BOOL;    goto found; }
        "inf" | "nan"   { code = MT_INFNAN;   goto found; }
        elem            { code = MT_ELEM;     goto found; }

        "-inf" | number { code = MT_NUMBER;   goto found; }
        string          { code = MT_STRING;   goto found; }
        name            { code = MT_ID;       goto found; }

        malformed       { code = MT_ILLEGAL;  goto found; }
        end             { code = start < end ? MT_ILLEGAL : 0; goto found; }
        *               { code = MT_ILLEGAL; goto found; }
    */
found:
    if (at > end) at = end;
    *t = (MilToken){ .s = start, .len = (uint32_t)(at - start) };
    r->at = at;
    if (code == MT_ILLEGAL) unexpected(r, *t);
    return code;
}
