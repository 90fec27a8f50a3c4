/* mil_source.c -- MIL text as a whole: whether it is MIL and UTF-8, what is reported where its
 * syntax is wrong, and how its reader (mil_read.c) begins and ends. */
#include "mil.h"
#include "mil_read.h"

#include <string.h>

enum {
    MAX_SYNTAX_ERRORS = 3, /* what follows is mostly their echo */
    TEXT_WINDOW = 1 << 20, /* bytes of a mapped text that are held */
};

void mil_let_go(MilReader *r, const char *at)
{
    if (!r->src->mapped || at - r->held < TEXT_WINDOW) return;
    file_let_go(r->held, at);
    r->held = at;
}

/* ---- syntax errors ----------------------------------------------------------------------- */

void mil_syntax_error(MilReader *r, MilToken found, const char *found_as,
                      const char *expected, const char *hint)
{
    char word[48];
    if (r->syntax >= MAX_SYNTAX_ERRORS) {
        r->stop = true;
        return;
    }
    r->syntax++;
    snprintf(word, sizeof word, "%.*s", found.len > 40 ? 40 : (int)found.len, found.s);
    if (found.len > 40) snprintf(word + 40, sizeof word - 40, "..");
    for (char *c = word; *c; c++)
        if (*c == '\n' || *c == '\r') *c = ' ';
    const char *quote = found_as ? "" : *word == '"' ? "" : "'";
    mil_error(r, found, "expected %s, found %s%s%s%s%s", expected, quote,
              found_as ? found_as : word, quote, hint ? "; " : "", hint ? hint : "");
}

void mil_too_deep(MilReader *r)
{
    const char *at = r->at > r->src->text ? r->at - 1 : r->at;
    const MilToken here = { .s = at, .len = 1 };
    mil_error(r, here, "brackets are nested too deeply here");
    r->stop = true;
}

void mil_read_skip(MilReader *r)
{
    r->nout = r->narg = r->nitem = r->nparam = r->nname = r->nfield = 0;
    r->attrs = (Attrs){ 0 };
    r->val = NULL;
    r->named = false;
    r->said = NULL;
    if (r->syntax >= MAX_SYNTAX_ERRORS) r->stop = true;
}

/* ---- the door ---------------------------------------------------------------------------- */

/* Where the text stops being UTF-8, or its end. */
static const char *utf8_end(const char *s, const char *end)
{
    for (int n; s < end; s += n) {
        uint64_t eight = UINT64_MAX;
        if (end - s >= 8) memcpy(&eight, s, 8);
        if (!(eight & UINT64_C(0x8080808080808080))) n = 8;
        else if (text_code_point(s, end, &n) == TEXT_NOT_UTF8) return s;
    }
    return end;
}

/* The same of the whole text, in pieces that end with a character. */
static const char *all_utf8(MilReader *r)
{
    const char *at = r->src->text, *next;
    for (; at < r->end; at = next) {
        next = r->end - at > TEXT_WINDOW ? at + TEXT_WINDOW : r->end;
        for (int i = 0; i < 3 && next < r->end && ((unsigned char)*next & 0xc0) == 0x80;
             i++)
            next--;
        const char *end = utf8_end(at, next);
        if (end < next) return end;
        mil_let_go(r, at);
    }
    if (r->src->mapped) file_let_go(r->held, r->end);
    r->held = r->src->text;
    return r->end;
}

/* After blanks and comments, the word that MIL text begins with. */
static bool begins_like_mil(const MilReader *r)
{
    MilReader look = *r;
    Diag quiet = { .quiet = true };
    MilToken t;
    look.d = &quiet;
    mil_lex(&look, &t);
    diag_free(&quiet);
    return t.len == 7 && !memcmp(t.s, "program", 7);
}

static bool check_text(MilReader *r)
{
    static const char not_mil[] = "this is not MIL text: it must begin with program(1.0)";
    const char *text = r->src->text;
    if (r->src->len > FILE_MAX_TEXT)
        return diag_error(r->d, (Loc){ .src = r->src }, "the text is larger than 1 GiB");
    if (!r->src->len)
        return diag_error(r->d, (Loc){ .src = r->src }, "the text is empty");
    if (!begins_like_mil(r)) {
        const bool dump = r->src->len > 5 && !memcmp(text, "main[", 5);
        return diag_error(r->d, (Loc){ .src = r->src, .len = 1 }, "%s%s", not_mil,
                          dump ? "; what coremltools prints is another language" : "");
    }
    const char *end = all_utf8(r);
    return end == r->end
        || mil_error(r, ((MilToken){ .s = end, .len = 1 }), "the text is not UTF-8 here");
}

static void reader_free(MilReader *r)
{
    for (int i = 0; i < r->lit.ngroup; i++) mem_free(r->lit.group[i].elem);
    mem_free(r->lit.group);
    mem_free(r->lit.bytes);
    mem_free(r->param);
    mem_free(r->out);
    mem_free(r->item);
    mem_free(r->arg);
    mem_free(r->name);
    mem_free(r->shared.known);
    mem_free(r->inlined.known);
    mil_unbind_all(r);
    mem_free(r->undo);
    mem_free(r->mark);
}

static bool reader_ok(const MilReader *r)
{
    return !r->stop && diag_wrong(r->d) == r->errors;
}

static MilReader reader_at(Module *m, Diag *d, const Source *src)
{
    return (MilReader){ .m = m,
                        .d = d,
                        .src = src,
                        .at = src->text,
                        .end = src->text + src->len,
                        .held = src->text,
                        .errors = diag_wrong(d) };
}

bool mil_read_into(Module *m, Diag *d, const Source *src, const char *dir)
{
    MilReader r = reader_at(m, d, src);
    m->src = src;
    m->dir = dir ? arena_strdup(&m->arena, dir) : NULL;
    const bool text = check_text(&r);
    if (text) mil_parse(&r, false);
    const bool ok = text && reader_ok(&r);
    reader_free(&r);
    return ok;
}

Module *mil_read(Diag *d, const Source *src, const char *dir)
{
    return mil_read_as(d, src, dir, NULL);
}

Module *mil_read_as(Diag *d, const Source *src, const char *dir, const MilReading *how)
{
    Module *m = module_new();
    m->follow_links = how && how->follow_links;
    if (mil_read_into(m, d, src, dir)) return m;
    module_free(m);
    return NULL;
}

const Const *mil_read_literal(Module *m, Diag *d, const Source *src)
{
    MilReader r = reader_at(m, d, src);
    mil_parse(&r, true);
    const Const *c = reader_ok(&r) ? r.result : NULL;
    reader_free(&r);
    return c;
}
