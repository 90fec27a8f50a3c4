/* lsp_text.c -- the texts that an editor has open, and places in them as the protocol counts
 * them. */
#include "lsp.h"

#include "../lib/report.h"

#include <stdlib.h>
#include <string.h>

/* ---- names of files ---------------------------------------------------------------------- */

static int uri_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

const char *lsp_path(Arena *a, const char *uri)
{
    static const char scheme[] = "file://";
    if (strncmp(uri, scheme, sizeof scheme - 1) != 0) return NULL;
    const char *s = strchr(uri + sizeof scheme - 1,
                           '/'); /* behind the host, which is this one */
    Buf b = { 0 };
    for (; s && *s; s++) {
        const int high = *s == '%' ? uri_digit(s[1]) : -1;
        const int low = high >= 0 ? uri_digit(s[2]) : -1;
        if (low >= 0 && high + low > 0) buf_putc(&b, (char)(16 * high + low)), s += 2;
        else buf_putc(&b, *s);
    }
    const char *path = b.len ? arena_strndup(a, b.s, b.len) : NULL;
    buf_free(&b);
    return path;
}

const char *lsp_uri(Arena *a, const char *path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    Buf b = { 0 };
    buf_puts(&b, "file://");
    for (const char *s = path; *s; s++)
        if (strchr(plain, *s)) buf_putc(&b, *s);
        else buf_printf(&b, "%%%02X", (unsigned char)*s);
    const char *uri = arena_strndup(a, b.s, b.len);
    buf_free(&b);
    return uri;
}

/* ---- documents --------------------------------------------------------------------------- */

Document *lsp_document(const Lsp *s, const char *uri)
{
    for (Document *d = s->first; d; d = d->next)
        if (!strcmp(d->uri, uri)) return d;
    return NULL;
}

Document *lsp_open_document(Lsp *s, const char *uri)
{
    Document *d = lsp_document(s, uri);
    if (d) return d;
    d = arena_alloc(&s->args->arena, sizeof *d);
    *d = (Document){ .uri = arena_strdup(&s->args->arena, uri), .next = s->first };
    const char *path = lsp_path(&s->args->arena, uri);
    d->path = path ? path : d->uri;
    d->dir = path ? file_dir(&s->args->arena, path) : ".";
    s->first = d;
    return d;
}

void lsp_set_text(Document *d, const char *text, size_t len)
{
    d->text.len = 0;
    buf_add(&d->text, text, len);
    d->src = (Source){ .name = d->path, .text = d->text.s, .len = d->text.len };
    d->unchecked = true;
}

void lsp_close_document(Lsp *s, Document *d)
{
    Document **at = &s->first;
    while (*at != d) at = &(*at)->next;
    *at = d->next;
    buf_free(&d->text);
    arena_free(&d->told);
}

/* ---- places ------------------------------------------------------------------------------ */

/* How many columns the character has that begins here: in UTF-16 two where UTF-8 takes four
 * bytes. */
static size_t place_columns(const Lsp *s, unsigned char first)
{
    if (s->bytes) return 1;
    return (first & 0xC0) == 0x80 ? 0 : first >= 0xF0 ? 2 : 1;
}

cJSON *lsp_position(const Lsp *s, const Source *src, size_t at)
{
    size_t line = 0, column = 0;
    for (size_t i = 0; i < at && i < src->len; i++)
        if (src->text[i] == '\n') line++, column = 0;
        else column += place_columns(s, (unsigned char)src->text[i]);
    cJSON *p = json_root(cJSON_CreateObject());
    json_item(p, "line", cJSON_CreateNumber((double)line));
    json_item(p, "character", cJSON_CreateNumber((double)column));
    return p;
}

static size_t place_number(const cJSON *o, const char *name)
{
    const double v = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return v > 0 && v < 1e15 ? (size_t)v : 0;
}

size_t lsp_offset(const Lsp *s, const Source *src, const cJSON *position)
{
    size_t line = place_number(position, "line"),
           left = place_number(position, "character");
    size_t at = 0;
    for (; line && at < src->len; at++) line -= src->text[at] == '\n';
    if (line) return src->len;
    while (left && at < src->len && src->text[at] != '\n') {
        const size_t n = place_columns(s, (unsigned char)src->text[at++]);
        left -= n < left ? n : left;
    }
    while (!s->bytes && at < src->len && ((unsigned char)src->text[at] & 0xC0) == 0x80)
        at++;
    return at;
}

cJSON *lsp_range(const Lsp *s, Loc loc)
{
    cJSON *r = json_root(cJSON_CreateObject());
    json_item(r, "start", lsp_position(s, loc.src, loc.at));
    json_item(r, "end", lsp_position(s, loc.src, loc.at + loc.len));
    return r;
}
