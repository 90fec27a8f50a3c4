/* lsp_ask.c -- requests about a place in a text: hover, definition, completion, symbols. */
#include "lsp.h"

#include "../lib/report.h"
#include "../ir/ops/ops.h"
#include "views.h"

#include <string.h>

/* ---- the word at a place ----------------------------------------------------------------- */

typedef struct {
    Loc loc;
    const char *name;
    /* the word before a dot that it stands behind, "mil" of mil.add; or NULL */
    const char *of;
} AskedWord;

static bool word_letter(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9');
}

static const char *word_before(Lsp *s, const char *text, const char *end)
{
    const char *from = end;
    while (from > text && word_letter(from[-1])) from--;
    return arena_strndup(&s->arena, from, (size_t)(end - from));
}

static AskedWord word_at(Lsp *s, const Document *d, size_t at)
{
    const char *text = d->src.text, *from = text + at, *to = text + at;
    while (from > text && word_letter(from[-1])) from--;
    while (to < text + d->src.len && word_letter(*to)) to++;
    AskedWord w = { .loc = { .src = &d->src,
                             .at = (uint32_t)(from - text),
                             .len = (uint32_t)(to - from) } };
    w.name = arena_strndup(&s->arena, from, (size_t)(to - from));
    if (from > text && from[-1] == '.') w.of = word_before(s, text, from - 1);
    return w;
}

static AskedWord word_asked(Lsp *s, const Document *d, const cJSON *params)
{
    const cJSON *position = cJSON_GetObjectItemCaseSensitive(params, "position");
    return word_at(s, d, lsp_offset(s, &d->src, position));
}

/* ---- what a word stands for -------------------------------------------------------------- */

typedef struct {
    Outline outline; /* of the text that defines it */
    const OutlineName *name;
    bool library;
} Defined;

static bool quiet_outline(Lsp *s, Outline *o, const Source *src)
{
    Diag d = { .quiet = true };
    const bool good = outline_read(o, &s->arena, &d, src);
    diag_free(&d);
    return good;
}

/* The text of a file that is imported, of the library or beside this one; NULL: it cannot be
 * read. */
static const Source *imported_text(Lsp *s, const Document *d, const char *file)
{
    Source *src = NEW(&s->arena, Source);
    Diag quiet = { .quiet = true };
    Mapped map = { 0 };
    if (!strcmp(file, "std")) {
        *src = outline_library();
        return src;
    }
    const char *path = arena_printf(&s->arena, "%s/%s", d->dir, file);
    const bool read = file_exists(path) && file_read(&quiet, path, &map);
    diag_free(&quiet);
    if (!read) return NULL;
    *src = (Source){ .name = path,
                     .text = arena_strndup(&s->arena, (const char *)map.data, map.size),
                     .len = map.size };
    file_unmap(&map);
    return src;
}

static bool import_outline(Lsp *s, const Document *d, const char *file, Outline *out)
{
    const Source *src = imported_text(s, d, file);
    return src && quiet_outline(s, out, src);
}

/* The item of that name of a file that is imported. */
static bool find_imported(Lsp *s, const Document *d, const char *file, const char *name,
                          Defined *out)
{
    out->library = !strcmp(file, "std");
    if (!import_outline(s, d, file, &out->outline)) return false;
    for (int i = 0; i < out->outline.count; i++) {
        out->name = &out->outline.at[i];
        if (out->name->item && !strcmp(out->name->name, name)) return true;
    }
    return false;
}

static bool find_defined(Lsp *s, const Document *d, const AskedWord *w, Defined *out)
{
    Outline o;
    if (!w->name[0] || !quiet_outline(s, &o, &d->src)) return false;
    const OutlineName *of = w->of ? outline_find(&o, w->of, w->loc.at) : NULL;
    if (of) return of->kind == N_IMPORT && find_imported(s, d, of->file, w->name, out);
    const OutlineName *n = w->of ? NULL : outline_find(&o, w->name, w->loc.at);
    if (n) {
        *out = (Defined){ .outline = o, .name = n };
        return true;
    }
    for (int i = 0; i < o.count && !w->of; i++)
        if (o.at[i].kind == N_IMPORT && find_imported(s, d, o.at[i].file, w->name, out))
            return true;
    return false;
}

/* ---- hover ------------------------------------------------------------------------------- */

static void hover_names(Buf *b, const Document *d, uint32_t at)
{
    for (int i = 0; i < d->nbound; i++) {
        if (d->bound[i].at != at) continue;
        for (const char *s = d->bound[i].what; *s;) {
            const size_t n = strcspn(s, "\n");
            buf_printf(b, "%.*s  \n", (int)n, s);
            s += n + (s[n] == '\n');
        }
    }
}

static void hover_defined(Buf *b, const Document *d, const Defined *f)
{
    const char *comment = outline_comment(&f->outline, f->name);
    buf_printf(b, "```anedsl\n%s\n```\n", outline_head(&f->outline, f->name));
    if (f->outline.src == &d->src) hover_names(b, d, f->name->loc.at);
    if (comment) buf_printf(b, "\n%s", comment);
    if (f->library) buf_puts(b, "\nof the library, std\n");
}

static void hover_op(Buf *b, int op)
{
    buf_puts(b, "```\n");
    list_op(b, op);
    buf_printf(b, "```\n%s\n", ops[op].doc);
}

cJSON *lsp_hover(Lsp *s, Document *d, const cJSON *params)
{
    const AskedWord w = word_asked(s, d, params);
    Defined f = { .library = false };
    Buf b = { 0 };
    if (d->unchecked) lsp_check(s, d);
    const int op = w.of && strcmp(w.of, "mil") != 0 ? -1 : op_find(w.name);
    if (find_defined(s, d, &w, &f)) hover_defined(&b, d, &f);
    else if (op >= 0) hover_op(&b, op);
    if (!b.len) return NULL;
    cJSON *r = json_root(cJSON_CreateObject());
    cJSON *contents = json_item(r, "contents", cJSON_CreateObject());
    json_item(contents, "kind", cJSON_CreateString("markdown"));
    json_item(contents, "value", cJSON_CreateString(b.s));
    json_item(r, "range", lsp_range(s, w.loc));
    buf_free(&b);
    return r;
}

/* ---- definition -------------------------------------------------------------------------- */

/* The library lies in no file that an editor could show. */
cJSON *lsp_definition(Lsp *s, Document *d, const cJSON *params)
{
    const AskedWord w = word_asked(s, d, params);
    Defined f = { .library = false };
    if (!find_defined(s, d, &w, &f) || f.library) return NULL;
    const Source *src = f.outline.src;
    cJSON *r = json_root(cJSON_CreateObject());
    json_item(
        r, "uri",
        cJSON_CreateString(src == &d->src ? d->uri : lsp_uri(&s->arena, src->name)));
    json_item(r, "range", lsp_range(s, f.name->loc));
    return r;
}

/* ---- symbols ----------------------------------------------------------------------------- */

/* SymbolKind and CompletionItemKind of each kind of name. */
static const struct {
    NodeKind kind;
    int symbol, item;
} name_kinds[] = {
    { N_IMPORT, 2, 9 }, { N_PARAM, 14, 21 }, { N_LAYERDEF, 5, 7 }, { N_FN, 12, 3 },
    { N_MODEL, 6, 2 },  { N_ARG, 13, 6 },    { N_WEIGHT, 8, 5 },   { N_STATE, 8, 5 },
    { N_LAYER, 8, 5 },  { N_NAME, 13, 6 },
};

static int name_kind(NodeKind kind, bool symbol)
{
    for (size_t i = 0; i < COUNT(name_kinds); i++)
        if (name_kinds[i].kind == kind)
            return symbol ? name_kinds[i].symbol : name_kinds[i].item;
    bug("a kind of name without its row");
}

cJSON *lsp_symbols(Lsp *s, Document *d, const cJSON *params)
{
    Outline o;
    (void)params;
    cJSON *all = json_root(cJSON_CreateArray());
    if (!quiet_outline(s, &o, &d->src)) return all;
    for (int i = 0; i < o.count; i++) {
        if (!o.at[i].item) continue;
        cJSON *one = json_item(all, NULL, cJSON_CreateObject());
        json_item(one, "name", cJSON_CreateString(o.at[i].name));
        json_item(one, "detail", cJSON_CreateString(outline_head(&o, &o.at[i])));
        json_item(one, "kind", cJSON_CreateNumber(name_kind(o.at[i].kind, true)));
        json_item(one, "range", lsp_range(s, o.at[i].loc));
        json_item(one, "selectionRange", lsp_range(s, o.at[i].loc));
    }
    return all;
}

/* ---- completion -------------------------------------------------------------------------- */

static void complete_one(cJSON *all, const char *label, int kind, const char *detail)
{
    cJSON *o = json_item(all, NULL, cJSON_CreateObject());
    json_item(o, "label", cJSON_CreateString(label));
    json_item(o, "kind", cJSON_CreateNumber(kind));
    if (detail) json_item(o, "detail", cJSON_CreateString(detail));
}

static void complete_items(cJSON *all, const Outline *o)
{
    for (int i = 0; i < o->count; i++)
        if (o->at[i].item && o->at[i].name[0] != '_' && o->at[i].kind != N_IMPORT)
            complete_one(all, o->at[i].name, name_kind(o->at[i].kind, false),
                         outline_head(o, &o->at[i]));
}

static void complete_file(Lsp *s, const Document *d, cJSON *all, const char *file)
{
    Outline o;
    if (import_outline(s, d, file, &o)) complete_items(all, &o);
}

static void complete_names(Lsp *s, const Document *d, cJSON *all, const Outline *o,
                           uint32_t at)
{
    for (int i = 0; i < o->count; i++) {
        const OutlineName *n = &o->at[i];
        if (n->kind == N_IMPORT) complete_file(s, d, all, n->file);
        else if (outline_find(o, n->name, at) == n)
            complete_one(all, n->name, name_kind(n->kind, false), outline_head(o, n));
    }
}

static void complete_words(cJSON *all)
{
    enum { FUNCTION = 3, KEYWORD = 14 };
    for (int i = 0; outline_keyword(i); i++)
        complete_one(all, outline_keyword(i), KEYWORD, NULL);
    for (int i = 0; outline_builtin(i); i++)
        complete_one(all, outline_builtin(i), FUNCTION, NULL);
}

static void complete_ops(cJSON *all)
{
    enum { METHOD = 2 };
    for (int i = 0; i < OP_COUNT; i++) complete_one(all, ops[i].name, METHOD, ops[i].doc);
}

static void complete_members(cJSON *all)
{
    enum { PROPERTY = 10 };
    for (int i = 0; outline_member(i); i++)
        complete_one(all, outline_member(i), PROPERTY, NULL);
}

/* A text is seldom a program while it is typed: the line at work is left out where it is
 * none. */
static bool complete_outline(Lsp *s, const Document *d, Outline *o, size_t at)
{
    if (quiet_outline(s, o, &d->src)) return true;
    char *text = arena_strndup(&s->arena, d->src.text, d->src.len);
    size_t from = at, to = at;
    while (from > 0 && text[from - 1] != '\n') from--;
    while (to < d->src.len && text[to] != '\n') to++;
    memset(text + from, ' ', to - from);
    Source *src = NEW(&s->arena, Source);
    *src = (Source){ .name = d->path, .text = text, .len = d->src.len };
    return quiet_outline(s, o, src);
}

cJSON *lsp_completion(Lsp *s, Document *d, const cJSON *params)
{
    const cJSON *position = cJSON_GetObjectItemCaseSensitive(params, "position");
    const size_t at = lsp_offset(s, &d->src, position);
    const AskedWord w = word_at(s, d, at);
    Outline o = { .count = 0 };
    cJSON *all = json_root(cJSON_CreateArray());
    const bool known = complete_outline(s, d, &o, at);
    const OutlineName *of = known && w.of ? outline_find(&o, w.of, w.loc.at) : NULL;
    if (of && of->kind == N_IMPORT) {
        complete_file(s, d, all, of->file);
    } else if (w.of) {
        if (!strcmp(w.of, "mil")) complete_ops(all);
        else complete_members(all);
    } else {
        complete_words(all);
        if (known) complete_names(s, d, all, &o, w.loc.at);
        complete_ops(all);
    }
    return all;
}

/* ---- layout ------------------------------------------------------------------------------ */

/* One edit of the whole text; none where it is laid out, null where it is no program. */
cJSON *lsp_formatting(Lsp *s, Document *d, const cJSON *params)
{
    Buf out = { 0 };
    Diag quiet = { .quiet = true };
    (void)params;
    const bool good = dsl_format(&quiet, &d->src, &out);
    diag_free(&quiet);
    if (!good) return buf_free(&out), NULL;
    cJSON *all = json_root(cJSON_CreateArray());
    const bool same = out.len == d->src.len
                   && (!out.len || !memcmp(out.s, d->src.text, out.len));
    if (!same) {
        cJSON *edit = json_item(all, NULL, cJSON_CreateObject());
        json_item(edit, "range",
                  lsp_range(s, (Loc){ .src = &d->src, .len = (uint32_t)d->src.len }));
        json_item(edit, "newText", cJSON_CreateString(out.s ? out.s : ""));
    }
    buf_free(&out);
    return all;
}
