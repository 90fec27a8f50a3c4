/* parse.c -- drives the parser, reports errors of syntax, and goes on behind them.
 *
 * Before the parser gets a token it is asked whether it takes it. So the parser never sees a
 * token that does not fit, and the message can name those that would. After an error reading
 * goes on with the next statement, so each statement has one error at most. */
#include "ast.h"
#include "grammar.h"

#include <string.h>

void *dsl_parseAlloc(void *(*alloc)(size_t));
void dsl_parseFree(void *parser, void (*release)(void *));
void dsl_parse(void *parser, int kind, Token t, Ast *p);

typedef struct {
    Ast ast;
    Lexer lx;
    void *lemon;
    Token last;  /* what the parser got last */
    Token *open; /* brackets and braces that are not closed, the innermost last */
    int count, room;
} Parser;

static bool parse_opens(int kind)
{
    return kind == TK_LPAREN || kind == TK_LBRACK || kind == TK_LBRACE;
}

static bool parse_closes(int kind)
{
    return kind == TK_RPAREN || kind == TK_RBRACK || kind == TK_RBRACE;
}

static void parse_give(Parser *r, Token t)
{
    if (parse_opens(t.kind)) {
        ARENA_ROOM(r->ast.arena, r->open, r->count, r->room);
        r->open[r->count++] = t;
    }
    if (parse_closes(t.kind)) r->count--;
    r->last = t;
    r->ast.at = t.loc;
    dsl_parse(r->lemon, t.kind, t, &r->ast);
}

/* Brackets that are open inside of the innermost brace: a line end means nothing in them. */
static int parse_brackets(const Parser *r)
{
    int n = 0;
    while (n < r->count && r->open[r->count - 1 - n].kind != TK_LBRACE) n++;
    return n;
}

/* ---- what is said ------------------------------------------------------------------------ */

typedef struct {
    const char *at[16];
    int count;
} Wanted;

static void parse_want(Wanted *w, bool wanted, const char *what)
{
    if (wanted && w->count < (int)COUNT(w->at)) w->at[w->count++] = what;
}

/* What could be next. Words that may be names are not listed where a name may stand. */
static Wanted parse_wanted(const Parser *r)
{
    static const struct {
        int kind;
        const char *text;
        bool goes_on; /* not named where the statement may end */
    } mark[] = {
        { TK_COMMA, "`,`", true },   { TK_RPAREN, "`)`", false },
        { TK_RBRACK, "`]`", false }, { TK_ASSIGN, "`=`", false },
        { TK_COLON, "`:`", false },  { TK_ARROW, "`->`", false },
        { TK_LBRACE, "`{`", false }, { TK_RBRACE, "`}`", true },
        { TK_IN, "`in`", false },    { TK_ELSE, "`else`", true },
    };
    Wanted w = { .count = 0 };
    const bool statement = parse_takes(r->lemon, TK_RETURN);
    const bool begins = statement || parse_takes(r->lemon, TK_FN);
    const bool name = parse_takes(r->lemon, TK_NAME),
               value = parse_takes(r->lemon, TK_FLOAT);
    const bool behind = !value && parse_takes(r->lemon, TK_PLUS);
    parse_want(&w, begins, statement ? "a statement" : "a definition");
    parse_want(&w, !begins && value, "a value");
    parse_want(&w, !begins && !value && name, "a name");
    parse_want(&w, !value && parse_takes(r->lemon, TK_STRING), "a string");
    parse_want(&w, !name && parse_takes(r->lemon, TK_FROM), "`from`");
    parse_want(&w, !name && parse_takes(r->lemon, TK_INIT), "`init`");
    parse_want(&w, !name && parse_takes(r->lemon, TK_AS), "`as`");
    parse_want(&w, !value && !behind && parse_takes(r->lemon, TK_LPAREN), "`(`");
    const bool end = parse_takes(r->lemon, TK_SEP);
    for (size_t i = 0; i < COUNT(mark); i++)
        parse_want(&w, parse_takes(r->lemon, mark[i].kind) && !(end && mark[i].goes_on),
                   mark[i].text);
    parse_want(&w, behind, "an operator");
    parse_want(&w, end, "the end of the line");
    return w;
}

static void parse_put_wanted(Buf *b, const Wanted *w)
{
    for (int i = 0; i < w->count; i++) {
        const char *joint = !i ? "" : i + 1 == w->count ? " or " : ", ";
        buf_printf(b, "%s%s", joint, w->at[i]);
    }
}

static void parse_put_token(Buf *b, const Token *t)
{
    const char *s = t->loc.src->text + t->loc.at;
    const int len = (int)t->loc.len;
    if (t->kind == TK_NAME) buf_printf(b, "the name %.*s", len < 60 ? len : 60, s);
    else if (t->kind == TK_INT || t->kind == TK_FLOAT)
        buf_printf(b, "the number %.*s", len < 40 ? len : 40, s);
    else if (t->kind == TK_STRING) buf_puts(b, "this string");
    else buf_printf(b, "`%s`", ast_token_name(t->kind));
}

/* Words of other languages, and what stands for them here. */
static const struct {
    const char *word, *hint;
} parse_words[] = {
    { "def", "a function is `fn name(x) = ..` or `fn name(x) { .. }`" },
    { "func", "a function is `fn name(x) = ..` or `fn name(x) { .. }`" },
    { "function", "a function is `fn name(x) = ..` or `fn name(x) { .. }`" },
    { "lambda", "a function has a name: `fn name(x) = ..`, and is a value then" },
    { "class", "a part with weights of its own is `layer Name(arguments) { .. }`" },
    { "let", "`name = ..` alone binds a name" },
    { "var", "`name = ..` alone binds a name" },
    { "const", "`name = ..` alone binds a name" },
    { "elif", "it is written `else if`" },
    { "then", "what a condition decides stands in { }" },
    { "do", "what is repeated stands in { }" },
    { "while",
      "`for` walks a list now; while_loop(c, f, [..]) goes on when the model runs" },
    { "is", "`==` compares" },
    { "import", "a file is imported by its path: `import \"std\"`" },
    { "from", "a file is imported by its path: `import \"std\"`" },
    { "yield", "several values are returned as `return a, b`" },
    { "del", "nothing is taken back; a name may be bound anew" },
    { "global", "names of a file are known in all of it" },
    { "try", "nothing is caught; `assert` says what has to hold" },
    { "with", "a block belongs to `if`, `for`, `fn`, `layer` and `model`" },
    { "raise", "`assert` says what has to hold" },
    { "nn", "a layer is of no class: `layer Name(arguments) { .. }`" },
};

static bool parse_is_word(const Token *t, const char *word)
{
    return t->loc.src && t->loc.len == strlen(word)
        && !memcmp(t->loc.src->text + t->loc.at, word, t->loc.len);
}

static bool parse_begins_line(Loc loc)
{
    const char *text = loc.src->text, *s = text + loc.at;
    while (s > text && strchr(" \t\r\f", s[-1])) s--;
    return s == text || s[-1] == '\n';
}

/* The name of an element type was read last, as a type: a call could go on with `(`. */
static bool parse_is_type(const Parser *r)
{
    return r->last.kind == TK_NAME && !parse_takes(r->lemon, TK_PLUS)
        && parse_takes(r->lemon, TK_LBRACK);
}

static bool parse_is_behind(const Token *t, int kind, char c)
{
    const size_t next = t->loc.at + t->loc.len;
    return t->kind == kind && next < t->loc.src->len && t->loc.src->text[next] == c;
}

/* Of signs that other languages have, and what they stand for here. */
static const char *parse_sign_hint(const Parser *r, const Token *t)
{
    const Loc was = r->last.loc;
    if (parse_is_behind(t, TK_PLUS, '+')) return "`name += 1` adds";
    if (parse_is_behind(t, TK_MINUS, '-')) return "`name -= 1` subtracts";
    if (parse_is_behind(t, TK_SLASH, '*'))
        return "a comment goes from # to the end of its line";
    if (t->kind == TK_AT && parse_takes(r->lemon, TK_FN))
        return "nothing stands before `fn`, `layer` and `model`";
    if (t->kind == TK_LPAREN && parse_is_word(&r->last, "for"))
        return "it is `for i in 0..n { .. }`";
    if (t->kind != TK_ASSIGN || parse_takes(r->lemon, TK_EQ)) return NULL;
    if (r->last.kind == TK_RBRACK && !parse_takes(r->lemon, TK_COLON))
        return "no value changes; concat(..), select(..) or scatter(..) makes another";
    if (r->last.kind == TK_NAME && was.at && was.src->text[was.at - 1] == '.')
        return "a name stands alone before `=`; what is declared as `weight` or `layer` stays";
    return NULL;
}

/* NULL: nothing is known that helps. */
static const char *parse_hint(const Parser *r, const Token *t)
{
    const char *sign = parse_sign_hint(r, t);
    if (sign) return sign;
    for (size_t i = 0; i < COUNT(parse_words); i++)
        if (parse_is_word(t, parse_words[i].word)
            || parse_is_word(&r->last, parse_words[i].word))
            return parse_words[i].hint;
    const int in = r->count ? r->open[r->count - 1].kind : 0;
    if (t->kind == TK_ANY) return "`a if c else b` chooses";
    if (t->kind == TK_COMMA && in == TK_LPAREN)
        return "several values in one are a list, [a, b]";
    if (t->kind == TK_STRING && r->last.kind == TK_NAME
        && r->last.loc.at + r->last.loc.len == t->loc.at)
        return "text is joined: \"x is \" + x";
    if ((t->kind == TK_NAME || t->kind == TK_INT || t->kind == TK_FLOAT)
        && r->last.kind == TK_NAME && !parse_brackets(r)
        && parse_takes(r->lemon, TK_PLUS))
        return "arguments stand in ( )";
    if (t->kind == TK_COLON && parse_takes(r->lemon, TK_LBRACE))
        return "a block stands in { }, without a `:`";
    if (t->kind == TK_COLON && parse_takes(r->lemon, TK_ASSIGN))
        return "`name = value`; the type of what is computed follows";
    if (t->kind == TK_ASSIGN && parse_takes(r->lemon, TK_COLON))
        return "its type stands behind a `:`";
    if (t->kind == TK_GT && r->last.kind == TK_ASSIGN) return "results stand behind `->`";
    if (t->kind == TK_ASSIGN && r->last.kind == TK_ASSIGN)
        return "`==` is written as one";
    if (t->kind == TK_ASSIGN && parse_begins_line(r->last.loc)
        && parse_takes(r->lemon, TK_EQ))
        return "the line before ends with an operator, so that this one belongs to it";
    if (t->kind == TK_ASSIGN && parse_takes(r->lemon, TK_EQ)) return "`==` compares";
    if (t->kind == TK_LBRACE && parse_takes(r->lemon, TK_FLOAT))
        return "a list stands in [ ]";
    if (t->kind == TK_LPAREN && parse_is_type(r)) return "dimensions stand in [ ]";
    return NULL;
}

static bool parse_lines_between(Loc a, Loc b)
{
    return memchr(a.src->text + a.at, '\n', b.at - a.at) != NULL;
}

static void parse_wrong(const Parser *r, const Token *t)
{
    Diag *d = r->ast.diag;
    const Token *in = r->count ? &r->open[r->count - 1] : NULL;
    if (!t->kind && in) {
        diag_error(d, in->loc, "this `%s` is not closed", ast_token_name(in->kind));
        return;
    }
    if (parse_closes(t->kind) && (t->kind == TK_RBRACE ? !in : !parse_brackets(r))) {
        diag_error(d, t->loc, "this `%s` closes nothing", ast_token_name(t->kind));
        return;
    }
    Buf b = { 0 };
    const Wanted w = parse_wanted(r);
    if (t->kind == TK_SEP || !t->kind) {
        buf_printf(&b, "%s ends where ", t->kind ? "the line" : "the program");
        parse_put_wanted(&b, &w);
        buf_puts(&b, " is expected");
    } else {
        buf_puts(&b, w.count ? "expected " : "there is no place");
        parse_put_wanted(&b, &w);
        buf_puts(&b, w.count ? " before " : " for ");
        parse_put_token(&b, t);
    }
    const char *hint = !w.count && r->last.kind == TK_LBRACK ? "results are names: `-> y`"
                                                             : parse_hint(r, t);
    diag_error(d, t->loc, "%s%s%s", b.s, hint ? "; " : "", hint ? hint : "");
    buf_free(&b);
    if (parse_brackets(r) && parse_lines_between(in->loc, t->loc))
        diag_note(d, in->loc, "it stands in the `%s` that is opened here",
                  ast_token_name(in->kind));
}

/* ---- where reading goes on --------------------------------------------------------------- */

/* What no expression holds: where it comes, a bracket before it was not closed. */
static bool parse_ends_expression(int kind)
{
    static const int kinds[] = { 0,         TK_LBRACE, TK_RBRACE, TK_FN,     TK_RETURN,
                                 TK_MODEL,  TK_LAYER,  TK_IMPORT, TK_WEIGHT, TK_WEIGHTS,
                                 TK_ASSERT, TK_STATE,  TK_PARAM };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i] == kind) return true;
    return false;
}

/* Goes on behind the brackets that t stands in. False: one of them is not closed before the
 * expression must have ended; nothing is skipped then. */
static bool parse_leave_brackets(Parser *r, Token *t)
{
    Lexer lx = r->lx;
    Diag mute = { .max_errors = 1 };
    int open = parse_brackets(r);
    bool closed = true;
    Token u = *t;
    for (;;) {
        open += (u.kind == TK_LPAREN || u.kind == TK_LBRACK);
        open -= (u.kind == TK_RPAREN || u.kind == TK_RBRACK);
        if (open <= 0) break;
        closed = !parse_ends_expression(u.kind);
        if (!closed) break;
        (void)lexer_next(&lx, &mute, &u);
    }
    diag_free(&mute);
    if (!closed) return false;
    r->lx = lx;
    *t = u;
    return true;
}

/* The parser goes back to where its innermost block expects a statement. What it makes of the
 * half one that it has is not judged. */
static void parse_break(Parser *r, Loc at)
{
    at.len = 0;
    r->count -= parse_brackets(r);
    r->ast.mute = true;
    parse_give(r, (Token){ .kind = TK_BROKEN, .loc = at });
    r->ast.mute = false;
}

/* .. and t ends it. */
static void parse_drop_statement(Parser *r, Token t)
{
    parse_break(r, t.loc);
    if (parse_takes(r->lemon, t.kind)) parse_give(r, t);
}

/* The next token is read again, as the first one of a statement. */
static void parse_again(Parser *r, Loc loc)
{
    r->lx.at = loc.src->text + loc.at;
    r->lx.has_held = r->lx.can_end = false;
    r->lx.nesting = 0;
    parse_drop_statement(r, (Token){ .kind = TK_SEP, .loc = loc });
}

/* Skips the rest of the statement that t does not fit. False: the text ends with it. */
static bool parse_skip_statement(Parser *r, Token t)
{
    if (!parse_leave_brackets(r, &t)) {
        r->lx.nesting = 0;
        if (t.kind && t.kind != TK_RBRACE && parse_begins_line(t.loc)) {
            parse_again(r, t.loc);
            return true;
        }
    }
    Diag mute = { .max_errors = 1 };
    int braces = 0;
    for (;;) {
        if (t.kind == TK_LBRACE) braces++;
        if (!t.kind
            || (!braces && (t.kind == TK_SEP || (t.kind == TK_RBRACE && r->count))))
            break;
        if (t.kind == TK_RBRACE && braces) braces--;
        (void)lexer_next(&r->lx, &mute, &t);
    }
    diag_free(&mute);
    parse_drop_statement(r, t);
    return t.kind != 0;
}

/* `model NAME` in a block: a block before it was not closed. All of them are closed now. */
static bool parse_left_open(Parser *r, const Token *t)
{
    const Token head = r->last;
    const bool item = (head.kind == TK_MODEL || head.kind == TK_PARAM
                       || head.kind == TK_IMPORT)
                   && (t->kind == TK_NAME || t->kind == TK_STRING);
    if (!item || !r->count || !parse_begins_line(head.loc)) return false;
    const Token *in = &r->open[r->count - 1];
    diag_error(r->ast.diag, in->loc, "this `%s` is not closed", ast_token_name(in->kind));
    diag_note(r->ast.diag, head.loc,
              "`%s` stands at the top of a program, not in a block",
              ast_token_name(head.kind));
    parse_break(r, head.loc);
    while (r->count) parse_give(r, (Token){ .kind = TK_RBRACE, .loc = head.loc });
    parse_again(r, head.loc);
    return true;
}

/* ---- the driver -------------------------------------------------------------------------- */

static void parse_all(Parser *r)
{
    Token t;
    bool more = true;
    parse_give(r, (Token){ .kind = TK_BEGIN, .loc = { .src = r->ast.src } });
    while (more && !r->ast.stopped && !(r->ast.failed && diag_full(r->ast.diag))) {
        const bool read = lexer_next(&r->lx, r->ast.diag, &t);
        if (read && parse_takes(r->lemon, t.kind)) {
            parse_give(r, t);
            more = t.kind != 0;
            continue;
        }
        r->ast.failed = true;
        if (read && parse_left_open(r, &t)) continue;
        if (read) parse_wrong(r, &t);
        more = t.kind && parse_skip_statement(r, t);
    }
}

static Node *parse_text(const Lexer *lx, Arena *a, Names *names, Diag *d)
{
    Parser r = { .ast = { .arena = a, .names = names, .diag = d, .src = lx->src },
                 .lx = *lx };
    r.lemon = dsl_parseAlloc(mem_alloc);
    if (!r.lemon) mem_out(0);
    parse_all(&r);
    dsl_parseFree(r.lemon, mem_free);
    return r.ast.failed ? NULL : r.ast.root;
}

Node *ast_parse(Arena *a, Names *names, Diag *d, const Source *src)
{
    Lexer lx;
    return lexer_open(&lx, d, src) ? parse_text(&lx, a, names, d) : NULL;
}

Node *ast_parse_part(Arena *a, Names *names, Diag *d, const Source *src, size_t at,
                     size_t len)
{
    const Lexer lx = { .src = src, .at = src->text + at, .end = src->text + at + len };
    return parse_text(&lx, a, names, d);
}
