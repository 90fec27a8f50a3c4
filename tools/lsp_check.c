/* lsp_check.c -- compiles a text as `anec --check` does, for its errors and the values of its
 * names. */
#include "lsp.h"

#include "../lib/report.h"
#include "compiler.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Lsp *s;
    Document *d;
    cJSON *all, *last; /* diagnostics; the one that a note belongs to, or NULL */
} Checked;

/* ---- what names stand for ---------------------------------------------------------------- */

static bool bound_has(const char *lines, const char *what)
{
    const char *at = strstr(lines, what);
    return at && (at == lines || at[-1] == '\n');
}

/* Called for each call of a function: what a name stands for then is kept once, and no more
 * than a few of them. */
static void lsp_bound(void *ctx, Loc name, const char *what)
{
    enum { MOST = 400 };
    Document *d = ((Checked *)ctx)->d;
    if (!name.src || name.src->text != d->src.text) return;
    for (int i = d->nbound; i-- > 0;) {
        LspBound *b = &d->bound[i];
        if (b->at != name.at) continue;
        if (!bound_has(b->what, what) && strlen(b->what) < MOST)
            b->what = arena_printf(&d->told, "%s\n%s", b->what, what);
        return;
    }
    ARENA_ROOM(&d->told, d->bound, d->nbound, d->bound_room);
    d->bound[d->nbound++] = (LspBound){ name.at, arena_strdup(&d->told, what) };
}

/* ---- what is wrong ----------------------------------------------------------------------- */

/* DiagnosticSeverity: error, warning, information, hint. What findings of others contradict is
 * no more than a hint. */
static int lsp_severity(const DiagItem *item)
{
    if (item->warning && !strcmp(item->warning, warning_names[WARN_CONTRADICTED]))
        return 4;
    return item->kind == DIAG_WARNING ? 2 : item->kind == DIAG_NOTE ? 3 : 1;
}

/* A place in this text, or else its beginning, with the place put before the message. */
static Loc lsp_place(Checked *c, const DiagItem *item, const char **message)
{
    const Loc here = { .src = &c->d->src };
    int line, column;
    *message = item->message;
    if (!item->loc.src || !item->loc.src->text) return here;
    if (item->loc.src->text == c->d->src.text)
        return (Loc){ .src = &c->d->src, .at = item->loc.at, .len = item->loc.len };
    loc_line_col(item->loc, &line, &column);
    *message = arena_printf(&c->s->arena, "%s:%d:%d: %s", item->loc.src->name, line,
                            column, item->message);
    return here;
}

static void lsp_told_note(Checked *c, const char *message, Loc at)
{
    cJSON *all = cJSON_GetObjectItem(c->last, "relatedInformation");
    if (!all) all = json_item(c->last, "relatedInformation", cJSON_CreateArray());
    cJSON *o = json_item(all, NULL, cJSON_CreateObject());
    cJSON *place = json_item(o, "location", cJSON_CreateObject());
    json_item(place, "uri", cJSON_CreateString(c->d->uri));
    json_item(place, "range", lsp_range(c->s, at));
    json_item(o, "message", cJSON_CreateString(message));
}

static void lsp_told(void *ctx, const DiagItem *item)
{
    Checked *c = ctx;
    const char *message;
    const Loc at = lsp_place(c, item, &message);
    if (item->kind == DIAG_NOTE && c->last) {
        lsp_told_note(c, message, at);
        return;
    }
    cJSON *o = json_item(c->all, NULL, cJSON_CreateObject());
    json_item(o, "range", lsp_range(c->s, at));
    json_item(o, "severity", cJSON_CreateNumber(lsp_severity(item)));
    json_item(o, "source", cJSON_CreateString("anec"));
    if (item->warning) json_item(o, "code", cJSON_CreateString(item->warning));
    json_item(o, "message", cJSON_CreateString(message));
    c->last = item->kind == DIAG_NOTE ? NULL : o;
}

void lsp_check(Lsp *s, Document *d)
{
    Checked c = { .s = s, .d = d, .all = json_root(cJSON_CreateArray()) };
    Diag diag = { .item = lsp_told, .item_ctx = &c };
    CompilerJob job = { .args = s->args, .mode = MODE_CHECK, .diag = &diag };
    tool_warnings(&diag, s->args);
    arena_free(&d->told);
    d->bound = NULL;
    d->nbound = d->bound_room = 0;
    d->unchecked = false;
    job.model = (Model){ .path = d->path,
                         .dir = d->dir,
                         .dsl = true,
                         .src = d->src,
                         .bound = lsp_bound,
                         .bound_ctx = &c };
    compiler_opened(&job);
    diag_end(&diag);
    compiler_free(&job);
    diag_free(&diag);
    cJSON *told = json_root(cJSON_CreateObject());
    json_item(told, "uri", cJSON_CreateString(d->uri));
    json_item(told, "diagnostics", c.all);
    lsp_notify("textDocument/publishDiagnostics", told);
}
