/* lexer.re -- the language's tokens, and where a line end ends a statement.
 *
 * The text need not end in NUL: every character is read through a bounds check that gives NUL
 * at the end, and a NUL in the text was refused before. */
#include "ast.h"
#include "grammar.h"

#include <string.h>

/* ---- is it text? ----------------------------------------------------------------------------- */

static bool check_text(Diag *d, const Source *src)
{
    const char *const text = src->text;
    int n;
    for (size_t i = 0; i < src->len; i += (size_t)n) {
        const Loc here = { .src = src, .at = (uint32_t)i, .len = 1 };
        const uint32_t c = text_code_point(text + i, text + src->len, &n);
        if (c == TEXT_NOT_UTF8)
            return diag_error(d, here, "this is not UTF-8 text (byte 0x%02x)",
                              (unsigned char)text[i]);
        if (c < 32 && !strchr("\t\n\r\f", c ? (int)c : 1))
            return diag_error(d, here, "a program is text; this is the control character 0x%02x",
                              (unsigned)c);
    }
    return true;
}

bool lexer_open(Lexer *lx, Diag *d, const Source *src)
{
    *lx = (Lexer){ .src = src, .at = src->text ? src->text : "" };
    lx->end = lx->at + (src->text ? src->len : 0);
    if (src->len > FILE_MAX_TEXT)
        return diag_error(d, (Loc){ .src = src }, "the program is larger than 1 GiB");
    if (src->text && !check_text(d, src)) return false;
    if (src->len >= 3 && !memcmp(lx->at, "\xEF\xBB\xBF", 3)) lx->at += 3;
    return true;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* A name stands behind on the same line. */
static bool name_follows(const char *s, const char *end)
{
    while (s < end && (*s == ' ' || *s == '\t')) s++;
    return s < end && (*s == '_' || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z'));
}

/* The next token with line ends as SEP, whether they matter or not. */
static bool scan(Lexer *lx, Diag *d, Token *t)
{
    const char *cur = lx->at, *end = lx->end, *mark = cur, *start;
#define LOC                                                             \
    ((Loc){ .src = lx->src, .at = (uint32_t)(start - lx->src->text),      \
            .len = (uint32_t)(cur - start) })
#define IS(id) return *t = (Token){ .kind = TK_##id, .loc = LOC }, lx->at = cur, true
#define REFUSE(why) \
    return *t = (Token){ .kind = TK_BROKEN, .loc = LOC }, lx->at = cur, diag_error(d, LOC, "%s", why)
    for (;;) {
        start = cur;
        /*!re2c
            re2c:define:YYCTYPE = "unsigned char";
            re2c:api = custom;
            re2c:api:style = free-form;
            re2c:define:YYPEEK = "(cur < end ? (unsigned char)*cur : 0)";
            re2c:define:YYSKIP = "++cur;";
            re2c:define:YYBACKUP = "mark = cur;";
            re2c:define:YYRESTORE = "cur = mark;";
            re2c:yyfill:enable = 0;

            end     = "\x00";
            blank   = [ \t\f\r];
            letter  = [A-Za-z_];
            digit   = [0-9];
            digits  = digit (digit | "_")*;
            exp     = [eE] [+-]? digit+;
            any     = [^\x00\n];

            end     {
                if (start >= end) {
                    *t = (Token){ .loc = { .src = lx->src, .at = (uint32_t)lx->src->len } };
                    lx->at = end;
                    return true;
                }
                REFUSE("a program is text; this is the control character 0x00");
            }
            blank+      { continue; }
            "#" any*    { continue; }
            "\n" | ";"  { IS(SEP); }

            "import"  { IS(IMPORT); }   "param" { IS(PARAM); }    "weights" { IS(WEIGHTS); }
            "from"    { IS(FROM); }     "as"    { IS(AS); }       "init"    { IS(INIT); }
            "weight"  { IS(WEIGHT); }   "layer" { IS(LAYER); }    "model"   { IS(MODEL); }
            "fn"      { IS(FN); }       "return" { IS(RETURN); }  "assert"  { IS(ASSERT); }
            "if"      { IS(IF); }       "else"  { IS(ELSE); }     "for"     { IS(FOR); }
            "in"      { IS(IN); }       "and"   { IS(AND); }      "or"      { IS(OR); }
            "not"     { IS(NOT); }      "true"  { IS(TRUE); }     "false"   { IS(FALSE); }
            "state" { /* a name as well, of many a program */
                if (name_follows(cur, end)) { IS(STATE); }
                IS(NAME);
            }
            letter (letter | digit)*    { IS(NAME); }

            digits                            { IS(INT); }
            "0x" [0-9a-fA-F]+                 { IS(INT); }
            digits "." digits exp? | digits exp { IS(FLOAT); }
            (digits | "0x" [0-9a-fA-F]*) letter
                {
                    REFUSE("a number ends here and a name begins; put a blank or an operator between");
                }
            ["] ([^"\\\n\x00] | "\\" any)* ["] { IS(STRING); }
            ["] ([^"\\\n\x00] | "\\" any)* {
                REFUSE("this string does not end on its line");
            }

            "+=" | "-=" | "*=" | "/=" { IS(ADDING); }   "..." { IS(ELLIPSIS); }
            "->" { IS(ARROW); }   ".." { IS(RANGE); }  "**" { IS(POWER); }  "//" { IS(FLOORDIV); }
            "==" { IS(EQ); }       "!=" { IS(NE); }       "<=" { IS(LE); }       ">=" { IS(GE); }
            "<"  { IS(LT); }       ">"  { IS(GT); }       "="  { IS(ASSIGN); }   "+"  { IS(PLUS); }
            "-"  { IS(MINUS); }   "*"  { IS(STAR); }   "/"  { IS(SLASH); }  "%"  { IS(PERCENT); }
            "@"  { IS(AT); }      "("  { IS(LPAREN); } ")"  { IS(RPAREN); } "["  { IS(LBRACK); }
            "]"  { IS(RBRACK); }   "{"  { IS(LBRACE); }   "}"  { IS(RBRACE); }   ","  { IS(COMMA); }
            ":"  { IS(COLON); }    "."  { IS(DOT); }    "?"  { IS(ANY); }

            "!"  { REFUSE("there is no operator !; write `not`, or != to compare"); }
            "&" | "&&" { REFUSE("there is no operator &; write `and`"); }
            "|" | "||" { REFUSE("there is no operator |; write `or`"); }
            "^"  { REFUSE("there is no operator ^; x ** y is the power"); }
            "'"  { REFUSE("a string stands between \" and \""); }
            [\xC2-\xF4] [\x80-\xBF]+ { REFUSE("no token begins with this character"); }
            *    { REFUSE("no token begins with this character"); }
        */
    }
#undef REFUSE
#undef IS
#undef LOC
}

/* ---- where statements end -------------------------------------------------------------------- */

typedef struct {
    bool ends;      /* a statement may end behind it */
    bool continues; /* on a new line it continues the line before */
} Role;

#define ENDS(id) [TK_##id] = { .ends = true }
#define CONTINUES(id) [TK_##id] = { .continues = true }
#define BOTH(id) [TK_##id] = { .ends = true, .continues = true }
static const Role roles[] = {
    ENDS(ELLIPSIS), ENDS(ANY), CONTINUES(ADDING),
    ENDS(NAME), ENDS(INT), ENDS(FLOAT), ENDS(STRING), ENDS(TRUE), ENDS(FALSE),
    BOTH(RPAREN), BOTH(RBRACK), BOTH(RBRACE),
#define TOKEN(id, name)
#define WORD(id, name) ENDS(id),
#include "tokens.def"
    /* what no statement begins with */
    CONTINUES(ELSE), CONTINUES(OR), CONTINUES(AND), CONTINUES(EQ), CONTINUES(NE), CONTINUES(LT),
    CONTINUES(LE), CONTINUES(GT), CONTINUES(GE), CONTINUES(PLUS), CONTINUES(MINUS),
    CONTINUES(STAR), CONTINUES(SLASH), CONTINUES(FLOORDIV), CONTINUES(PERCENT), CONTINUES(AT),
    CONTINUES(POWER), CONTINUES(ARROW), CONTINUES(DOT), CONTINUES(RANGE), CONTINUES(COMMA),
    CONTINUES(ASSIGN), CONTINUES(LBRACE),
};

static Role role_of(int kind)
{
    return kind > 0 && (size_t)kind < COUNT(roles) ? roles[kind] : (Role){ false, false };
}

bool lexer_ends(int kind) { return role_of(kind).ends; }

bool lexer_is_word(int kind)
{
    static const bool words[] = {
#define TOKEN(id, name)
#define WORD(id, name) [TK_##id] = true,
#include "tokens.def"
    };
    return kind > 0 && (size_t)kind < COUNT(words) && words[kind];
}

/* The next token that is no line end, and whether one stood before it; *sep is the first. */
static bool scan_past_lines(Lexer *lx, Diag *d, Token *t, Token *sep)
{
    sep->kind = 0;
    for (;;) {
        if (!scan(lx, d, t)) return false;
        if (t->kind != TK_SEP) return true;
        if (!sep->kind) *sep = *t;
    }
}

bool lexer_next(Lexer *lx, Diag *d, Token *t)
{
    Token sep = { 0 };
    if (lx->has_held) {
        *t = lx->held;
        lx->has_held = false;
    } else {
        if (!scan_past_lines(lx, d, t, &sep)) {
            lx->can_end = true;
            return false;
        }
        if (sep.kind && lx->can_end && !lx->nesting && t->kind && !role_of(t->kind).continues) {
            lx->held = *t;
            lx->has_held = true;
            lx->can_end = false;
            *t = sep;
            return true;
        }
    }
    if (t->loc.len > AST_MAX_TOKEN)
        return diag_error(d, t->loc, "this token is %u characters long; %d are the limit",
                          t->loc.len, AST_MAX_TOKEN);
    if (t->kind == TK_LPAREN || t->kind == TK_LBRACK) lx->nesting++;
    if ((t->kind == TK_RPAREN || t->kind == TK_RBRACK) && lx->nesting) lx->nesting--;
    lx->can_end = role_of(t->kind).ends;
    return true;
}
