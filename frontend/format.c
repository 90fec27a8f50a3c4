/* format.c -- the uniform layout of programs: `anec --format`.
 *
 * Line ends stay where the author put them, since they tell what belongs together. Within a
 * line the layout is made anew: indentation, one blank between words and none where none is
 * needed, comments of neighbouring lines aligned. Tokens are never changed, so a program
 * is the same program, and formatting twice is the same as once. */
#include "ast.h"
#include "frontend.h"
#include "grammar.h"

#include <string.h>

enum { FORMAT_INDENT = 4, FORMAT_COMMENT = -1, FORMAT_BEFORE_COMMENT = 2 };

/* A token or a comment, and what stood before it. */
typedef struct {
    int kind; /* TK_.. or FORMAT_COMMENT */
    const char *text;
    int len;
    int column;  /* where it stood on its line, from 0 */
    int lines;   /* line ends before it */
    bool blank;  /* a blank stood before it */
    bool begins; /* a statement begins with it */
    bool behind; /* `;` stood before it and ended a statement on the same line */
} LayoutPiece;

/* A bracket or brace that is open. */
typedef struct {
    int kind;
    int statement; /* the column at which the statement begins that it is in, as laid out .. */
    int was;       /* .. and as it was */
    int inside;     /* the column behind it, as laid out .. */
    int inside_was; /* .. and as it was */
} LayoutOpen;

/* A line as laid out, in the text of all; its comment is put behind it when its neighbours are
 * known. */
typedef struct {
    size_t at, len;
    int width; /* in characters, which is what is seen */
    bool says; /* more than blanks */
    const LayoutPiece *comment;
} LayoutLine;

typedef struct {
    Arena arena;
    LayoutPiece *piece;
    int count, room;
    LayoutOpen *open;
    int nopen, open_room;
    LayoutLine *line;
    int nline, line_room;
    int statement,
        was; /* where the statement that is being laid out begins: its columns */
    Buf text;
} Formatter;

/* ---- reading ----------------------------------------------------------------------------- */

static int format_width(const char *s, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < len; i++) n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

/* The column at which s stands on its line; tabs go to the next multiple of FORMAT_INDENT. */
static int format_column(const char *text, const char *s)
{
    const char *begin = s;
    while (begin > text && begin[-1] != '\n') begin--;
    int column = 0;
    for (; begin < s; begin++)
        if (*begin == '\t') column += FORMAT_INDENT - column % FORMAT_INDENT;
        else column += ((unsigned char)*begin & 0xC0) != 0x80;
    return column;
}

static LayoutPiece *format_add(Formatter *f, LayoutPiece p)
{
    ARENA_ROOM(&f->arena, f->piece, f->count, f->room);
    f->piece[f->count] = p;
    return &f->piece[f->count++];
}

/* What stands between two tokens: blanks, line ends, `;` and comments, which are pieces. What
 * it gives tells of the token that follows. */
static LayoutPiece format_gap(Formatter *f, const char *text, const char *at,
                              const char *end)
{
    LayoutPiece next = { .lines = 0 };
    while (at < end) {
        if (*at != '#') {
            next.lines += *at == '\n';
            next.blank = next.blank || *at == ' ' || *at == '\t';
            at++;
            continue;
        }
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        int len = (int)(stop - at);
        while (len && strchr(" \t\r\f", at[len - 1])) len--;
        next.kind = FORMAT_COMMENT;
        next.text = at;
        next.len = len;
        next.column = format_column(text, at);
        format_add(f, next);
        next = (LayoutPiece){ .lines = 0 };
        at = stop;
    }
    return next;
}

/* All pieces of a text that has been parsed without an error. */
static bool format_read(Formatter *f, Diag *d, const Source *src)
{
    Lexer lx;
    Token t;
    if (!lexer_open(&lx, d, src)) return false;
    const char *at = lx.at, *text = src->text ? src->text : ""; /* NULL: of no bytes */
    bool begins = true, behind = false;
    while (lexer_next(&lx, d, &t)) {
        if (t.kind == TK_SEP) {
            begins = true;
            behind = text[t.loc.at] == ';';
            continue;
        }
        const char *s = text + t.loc.at;
        LayoutPiece p = format_gap(f, text, at, s);
        if (!t.kind) return true;
        p.kind = t.kind;
        p.text = s;
        p.len = (int)t.loc.len;
        p.column = format_column(text, s);
        p.begins = begins || t.kind == TK_RBRACE;
        p.behind = behind && !p.lines;
        format_add(f, p);
        begins = t.kind == TK_LBRACE || (t.kind == TK_RBRACE && !lx.nesting);
        behind = false;
        at = s + t.loc.len;
    }
    return false;
}

/* ---- between two pieces ------------------------------------------------------------------ */

static int format_inside(const Formatter *f)
{
    return f->nopen ? f->open[f->nopen - 1].kind : 0;
}

/* A sign: a minus behind what ends no operand. */
static bool format_sign(const LayoutPiece *p, int i)
{
    return p[i].kind == TK_MINUS && (i == 0 || !lexer_ends(p[i - 1].kind) || p[i].begins);
}

static bool format_calls(const LayoutPiece *was, const LayoutPiece *now)
{
    if (lexer_is_word(was->kind)) return !now->blank;
    return lexer_ends(was->kind) && was->kind != TK_RBRACE;
}

/* Whether a blank stands between piece i and the one before it, on one line. */
static bool format_blank(const Formatter *f, int i)
{
    const LayoutPiece *p = f->piece;
    const int was = p[i - 1].kind, now = p[i].kind;
    if (now == TK_COMMA || now == TK_DOT || now == TK_RANGE || now == TK_RPAREN)
        return false;
    if (now == TK_RBRACK || was == TK_LPAREN || was == TK_LBRACK || was == TK_DOT)
        return false;
    if (was == TK_RANGE || format_sign(p, i - 1)) return false;
    if (now == TK_COLON) return was == TK_COMMA;
    if (was == TK_COLON) return format_inside(f) != TK_LBRACK;
    if (was == TK_LBRACE && now == TK_RBRACE) return false;
    if (now == TK_LPAREN || now == TK_LBRACK) return !format_calls(&p[i - 1], &p[i]);
    return true;
}

/* ---- laying out -------------------------------------------------------------------------- */

static LayoutLine *format_line(Formatter *f) { return &f->line[f->nline - 1]; }

static void format_put(Formatter *f, const char *s, int len)
{
    buf_add(&f->text, s, (size_t)len);
    format_line(f)->len = f->text.len - format_line(f)->at;
    format_line(f)->width += format_width(s, (size_t)len);
}

static void format_start(Formatter *f, int indent)
{
    ARENA_ROOM(&f->arena, f->line, f->nline, f->line_room);
    f->line[f->nline++] = (LayoutLine){ .at = f->text.len };
    for (int i = 0; i < indent; i++) format_put(f, " ", 1);
}

/* The column for a piece that begins a line within a statement: below what stands behind the
 * open bracket where it stood there, else as far in as it was. */
static int format_continued(const Formatter *f, const LayoutPiece *p)
{
    const LayoutOpen *o = f->nopen ? &f->open[f->nopen - 1] : NULL;
    if (o && o->kind != TK_LBRACE && p->column == o->inside_was) return o->inside;
    const int in = p->column - f->was;
    const bool closes = p->kind == TK_RPAREN || p->kind == TK_RBRACK;
    if (in > 0 || (in == 0 && closes)) return f->statement + in;
    return f->statement + FORMAT_INDENT;
}

static int format_indent(const Formatter *f, const LayoutPiece *p)
{
    const LayoutOpen *o = f->nopen ? &f->open[f->nopen - 1] : NULL;
    const int below = !o ? 0 : o->statement + FORMAT_INDENT;
    if (p->kind == TK_RBRACE) return o ? o->statement : 0;
    if (o && o->kind != TK_LBRACE) return format_continued(f, p);
    return p->begins ? below : format_continued(f, p);
}

/* A comment on a line of its own stands where the statement behind it will, or in the midst of
 * one. */
static int format_comment_indent(const Formatter *f, int i)
{
    const LayoutOpen *o = f->nopen ? &f->open[f->nopen - 1] : NULL;
    const LayoutPiece *next = &f->piece[i], *end = f->piece + f->count;
    while (next < end && next->kind == FORMAT_COMMENT) next++;
    const bool midst = (o && o->kind != TK_LBRACE) || (next < end && !next->begins);
    if (midst) return format_continued(f, &f->piece[i]);
    return o ? o->statement + FORMAT_INDENT : 0;
}

static void format_track(Formatter *f, const LayoutPiece *p)
{
    if (p->kind == TK_LPAREN || p->kind == TK_LBRACK || p->kind == TK_LBRACE) {
        ARENA_ROOM(&f->arena, f->open, f->nopen, f->open_room);
        f->open[f->nopen++] = (LayoutOpen){ p->kind, f->statement, f->was,
                                            format_line(f)->width, p->column + 1 };
    }
    const bool closes = p->kind == TK_RPAREN || p->kind == TK_RBRACK
                     || p->kind == TK_RBRACE;
    if (!closes || !f->nopen) return;
    const LayoutOpen *o = &f->open[--f->nopen];
    f->statement = o->statement;
    f->was = o->was;
}

static void format_piece(Formatter *f, int i)
{
    const LayoutPiece *p = &f->piece[i];
    const bool first = i == 0 || p->lines > 0, comment = p->kind == FORMAT_COMMENT;
    if (comment && !first) {
        format_line(f)->comment = p;
        return;
    }
    if (i > 0 && f->piece[i - 1].kind != TK_LBRACE && p->lines > 1
        && p->kind != TK_RBRACE)
        format_start(f, 0);
    if (first) {
        const int indent = comment ? format_comment_indent(f, i) : format_indent(f, p);
        format_start(f, indent);
        if (p->begins && p->kind != TK_RBRACE) {
            f->statement = indent;
            f->was = p->column;
        }
    } else {
        if (p->behind) format_put(f, ";", 1);
        if (format_blank(f, i)) format_put(f, " ", 1);
    }
    if (comment) format_line(f)->comment = p;
    else format_put(f, p->text, p->len), format_line(f)->says = true;
    format_track(f, p);
}

/* ---- the text ---------------------------------------------------------------------------- */

static bool format_beside(const LayoutLine *l) { return l->comment && l->says; }

static void format_blanks(Buf *out, int n)
{
    while (n-- > 0) buf_putc(out, ' ');
}

/* Lines with comments behind what they say, one below the other, have these in one column. */
static void format_write(const Formatter *f, Buf *out)
{
    for (int i = 0, end; i < f->nline; i = end) {
        int column = 0;
        for (end = i; end < f->nline && format_beside(&f->line[end]); end++)
            if (f->line[end].width > column) column = f->line[end].width;
        if (end == i) end++;
        for (int k = i; k < end; k++) {
            const LayoutLine *l = &f->line[k];
            if (l->len) buf_add(out, f->text.s + l->at, l->len);
            if (l->comment && column)
                format_blanks(out, column - l->width + FORMAT_BEFORE_COMMENT);
            if (l->comment) buf_add(out, l->comment->text, (size_t)l->comment->len);
            buf_putc(out, '\n');
        }
    }
}

bool dsl_format(Diag *d, const Source *src, Buf *out)
{
    Formatter f = { .count = 0 };
    Names names = { .arena = &f.arena };
    bool good = ast_parse(&f.arena, &names, d, src) && format_read(&f, d, src);
    for (int i = 0; good && i < f.count; i++) format_piece(&f, i);
    if (good) format_write(&f, out);
    buf_free(&f.text);
    names_free(&names);
    arena_free(&f.arena);
    return good;
}
