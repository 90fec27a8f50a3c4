/* diag.c -- diagnostics: formats a message with its source line and caret, counts it, and
 * decides by limit, -W and -q whether it is shown. */
#include "base.h"

#include <string.h>

enum { MAX_ERRORS = 20, MAX_MESSAGE = 4000, WINDOW = 100, WINDOW_BEFORE = 40 };

const char *const warning_names[WARN_COUNT] = {
#define W(id, name, text) [WARN_##id] = name,
#include "warnings.def"
};

const char *const warning_texts[WARN_COUNT] = {
#define W(id, name, text) [WARN_##id] = text,
#include "warnings.def"
};

_Static_assert(WARN_COUNT <= 64,
               "Diag.off and Diag.promoted have a bit for each warning");

int warning_find(const char *name)
{
    for (int i = 0; i < WARN_COUNT; i++)
        if (!strcmp(warning_names[i], name)) return i;
    return -1;
}

const char *warnings_take(const char *word, uint64_t *off, uint64_t *promoted,
                          uint64_t *asked)
{
    static const struct {
        const char *before;
        bool promotes, on;
    } forms[] = {
        { "no-error=", true, false },
        { "error=", true, true },
        { "no-", false, false },
        { "", false, true },
    };
    uint64_t unheard = 0;
    size_t k = 0;
    if (!asked) asked = &unheard;
    if (!strcmp(word, "error") || !strcmp(word, "no-error")) {
        *promoted = *word == 'e' ? ~UINT64_C(0) : 0;
        *asked |= *promoted;
        return NULL;
    }
    while (strncmp(word, forms[k].before, strlen(forms[k].before)) != 0) k++;
    const char *name = word + strlen(forms[k].before);
    const int w = warning_find(name);
    if (w < 0) return name;
    const uint64_t bit = UINT64_C(1) << w;
    uint64_t *bits = forms[k].promotes ? promoted : off;
    if (forms[k].promotes == forms[k].on) *bits |= bit;
    else *bits &= ~bit;
    if (forms[k].on) *asked |= bit;
    else *asked &= ~bit;
    return NULL;
}

/* ---- places ------------------------------------------------------------------------------ */

Loc loc_join(Loc first, Loc last)
{
    if (!first.src) return last;
    if (!last.src || last.src != first.src) return first;
    uint32_t a = first.at + first.len, b = last.at + last.len;
    uint32_t at = first.at < last.at ? first.at : last.at;
    return (Loc){ .src = first.src, .at = at, .len = (a > b ? a : b) - at };
}

static const char *line_start(const char *text, const char *at)
{
    while (at > text && at[-1] != '\n') at--;
    return at;
}

void loc_line_col(Loc loc, int *line, int *col)
{
    *line = *col = 1;
    if (!loc.src || !loc.src->text) return;
    const char *text = loc.src->text, *end = text + loc.src->len;
    const char *at = text + (loc.at < loc.src->len ? loc.at : loc.src->len);
    const char *start = line_start(text, at);
    for (const char *p = text; p < start && (p = memchr(p, '\n', (size_t)(start - p)));
         p++)
        ++*line;
    for (int n; start < at; start += n) {
        text_code_point(start, end, &n);
        ++*col;
    }
}

/* Columns that a terminal gives a code point. */
static int diag_width(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        int width;
    } range[] = {
        { 0x0300, 0x036f, 0 }, { 0x200b, 0x200f, 0 },   { 0xfe00, 0xfe0f, 0 },
        { 0x1100, 0x115f, 2 }, { 0x2e80, 0xa4cf, 2 },   { 0xac00, 0xd7a3, 2 },
        { 0xf900, 0xfaff, 2 }, { 0xfe30, 0xfe6f, 2 },   { 0xff00, 0xff60, 2 },
        { 0xffe0, 0xffe6, 2 }, { 0x1f300, 0x1faff, 2 }, { 0x20000, 0x3fffd, 2 },
    };
    for (size_t i = 0; i < COUNT(range); i++)
        if (c >= range[i].first && c <= range[i].last) return range[i].width;
    return 1;
}

/* ---- the source line and its caret ------------------------------------------------------- */

/* Moves p by n code points, not past end. */
static const char *diag_forward(const char *p, const char *end, int n)
{
    for (int len; n > 0 && p < end; n--, p += len) text_code_point(p, end, &len);
    return p;
}

/* Bytes that are not UTF-8 count alone, as they do forwards. */
static const char *diag_backward(const char *p, const char *start, int n)
{
    for (; n > 0 && p > start; n--) {
        int back = 1, len = 0;
        while (back < 4 && p - back > start && ((unsigned char)p[-back] & 0xc0) == 0x80)
            back++;
        text_code_point(p - back, p, &len);
        p -= len == back ? back : 1;
    }
    return p;
}

/* What a terminal would obey, or is not text, is shown as `?`. */
static void add_line(Buf *out, const char *p, const char *end)
{
    for (int n; p < end; p += n) {
        uint32_t c = text_code_point(p, end, &n);
        const bool odd = text_is_odd(c) && c != '\t';
        if (odd) buf_putc(out, '?');
        else buf_add(out, p, (size_t)n);
    }
    buf_putc(out, '\n');
}

static void add_caret(Buf *out, const char *p, const char *at, const char *span_end,
                      const char *end)
{
    for (int n; p < at; p += n) {
        uint32_t c = text_code_point(p, end, &n);
        if (c == '\t') buf_putc(out, '\t');
        else buf_printf(out, "%*s", diag_width(c), "");
    }
    buf_putc(out, '^');
    int wide = 0;
    for (int n; at < span_end; at += n) {
        uint32_t c = text_code_point(at, end, &n);
        wide += diag_width(c);
    }
    for (; wide > 1; wide--) buf_putc(out, '~');
    buf_putc(out, '\n');
}

/* A long line is shown as about WINDOW columns around the place. */
static void add_source(Buf *out, Loc loc)
{
    const Source *src = loc.src;
    if (!src || !src->text || loc.at > src->len) return;
    const char *at = src->text + loc.at, *end = src->text + src->len;
    const char *start = line_start(src->text, at),
               *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) stop = end;
    if (stop > at && stop[-1] == '\r') stop--;
    if (start == stop) return;
    const char *first = start, *last = diag_forward(start, stop, WINDOW);
    if (last < stop) {
        first = diag_backward(at, start, WINDOW_BEFORE);
        last = diag_forward(first, stop, WINDOW);
        if (last < at) last = at; /* a place inside of a character */
    }
    const char *span = (size_t)(last - at) < loc.len ? last : at + loc.len;
    Buf shown = { 0 };
    size_t skipped = first > start ? 3 : 0;
    buf_add(&shown, "...", skipped);
    buf_add(&shown, first, (size_t)(last - first));
    if (last < stop) buf_puts(&shown, "...");
    const char *s = shown.s;
    ptrdiff_t to_at = (at - first) + (ptrdiff_t)skipped,
              to_span = (span - first) + (ptrdiff_t)skipped;
    add_line(out, s, s + shown.len);
    add_caret(out, s, s + to_at, s + to_span, s + shown.len);
    buf_free(&shown);
}

/* ---- messages ---------------------------------------------------------------------------- */

static int diag_limit(const Diag *d)
{
    return d->max_errors > 0 ? d->max_errors : MAX_ERRORS;
}

static void add_message(Buf *out, const char *fmt, va_list ap)
{
    size_t start = out->len;
    buf_vmessage(out, fmt, ap);
    if (out->len - start > MAX_MESSAGE) {
        out->len = start + MAX_MESSAGE;
        while (((unsigned char)out->s[out->len] & 0xc0) == 0x80) out->len--;
        buf_puts(out, "...");
    }
}

static void diag_deliver(Diag *d, DiagKind kind, Buf *m)
{
    if (d->item) d->item(d->item_ctx, &(DiagItem){ .kind = kind, .message = m->s });
    else if (d->emit) d->emit(d->ctx, kind, m->s);
    else buf_add(&d->text, m->s, m->len);
    buf_free(m);
}

static void diag_hand(Diag *d, DiagKind kind, Loc loc, const char *warning,
                      const char *fmt, va_list ap)
{
    Buf m = { 0 };
    add_message(&m, fmt, ap);
    d->item(d->item_ctx, &(DiagItem){ kind, loc, m.s ? m.s : "", warning });
    buf_free(&m);
}

/* warning: which one it is, or NULL; suffix says it. */
static void diag_report(Diag *d, DiagKind kind, Loc loc, const char *warning,
                        const char *suffix, const char *fmt, va_list ap)
{
    if (d->item) {
        diag_hand(d, kind, loc, warning, fmt, ap);
        return;
    }
    static const char *const word[] = {
        [DIAG_NOTE] = "note",
        [DIAG_WARNING] = "warning",
        [DIAG_ERROR] = "error",
        [DIAG_FAIL] = "error",
    };
    Buf m = { 0 };
    int line, col;
    if (loc.src) buf_escape(&m, loc.src->name, strlen(loc.src->name));
    if (loc.src && loc.src->text) {
        loc_line_col(loc, &line, &col);
        buf_printf(&m, ":%d:%d", line, col);
    }
    if (loc.src) buf_puts(&m, ": ");
    buf_printf(&m, "%s: ", word[kind]);
    add_message(&m, fmt, ap);
    buf_printf(&m, "%s\n", suffix);
    add_source(&m, loc);
    diag_deliver(d, kind, &m);
}

static void count_error(Diag *d, Loc loc, const char *warning, const char *suffix,
                        const char *fmt, va_list ap)
{
    d->last = DIAG_ERROR;
    d->dropped = ++d->errors > diag_limit(d);
    if (!d->dropped) diag_report(d, DIAG_ERROR, loc, warning, suffix, fmt, ap);
}

bool diag_error(Diag *d, Loc loc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    count_error(d, loc, NULL, "", fmt, ap);
    va_end(ap);
    return false;
}

bool diag_error_once(Diag *d, const void *what, Loc loc, const char *fmt, ...)
{
    va_list ap;
    size_t i = 0;
    while (i < COUNT(d->once) && d->once[i] && d->once[i] != what) i++;
    if (i < COUNT(d->once) && d->once[i]) return false;
    if (i < COUNT(d->once)) d->once[i] = what;
    va_start(ap, fmt);
    count_error(d, loc, NULL, "", fmt, ap);
    va_end(ap);
    return false;
}

bool diag_fail(Diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    d->last = DIAG_FAIL;
    d->dropped = ++d->fails > diag_limit(d);
    if (!d->dropped) diag_report(d, DIAG_FAIL, (Loc){ 0 }, NULL, "", fmt, ap);
    va_end(ap);
    return false;
}

void diag_warn(Diag *d, Warning w, Loc loc, const char *fmt, ...)
{
    uint64_t bit = (uint64_t)1 << w;
    bool promoted = (d->promoted & bit) != 0;
    d->last = DIAG_WARNING;
    d->dropped = (d->off & bit) != 0;
    if (d->dropped) return;
    Buf suffix = { 0 };
    va_list ap;
    va_start(ap, fmt);
    buf_printf(&suffix, promoted ? " [-Werror=%s]" : " [-W%s]", warning_names[w]);
    if (promoted) {
        count_error(d, loc, warning_names[w], suffix.s, fmt, ap);
    } else {
        d->dropped = ++d->warnings > diag_limit(d) || d->quiet;
        if (!d->dropped)
            diag_report(d, DIAG_WARNING, loc, warning_names[w], suffix.s, fmt, ap);
    }
    va_end(ap);
    buf_free(&suffix);
}

void diag_note(Diag *d, Loc loc, const char *fmt, ...)
{
    if (d->dropped || d->quiet) return;
    va_list ap;
    va_start(ap, fmt);
    diag_report(d, DIAG_NOTE, loc, NULL, "", fmt, ap);
    va_end(ap);
}

bool diag_full(const Diag *d) { return d->errors >= diag_limit(d); }

static int diag_more(int count, int max) { return count > max ? count - max : 0; }

void diag_end(Diag *d)
{
    int errors = diag_more(d->errors, diag_limit(d)) + diag_more(d->fails, diag_limit(d));
    int warnings = d->quiet ? 0 : diag_more(d->warnings, diag_limit(d));
    Buf m = { 0 };
    if (d->ended || errors + warnings == 0) return;
    d->ended = true;
    if (errors) buf_printf(&m, "%d more error%s", errors, errors > 1 ? "s" : "");
    if (warnings)
        buf_printf(&m, "%s%d more warning%s", errors ? ", " : "", warnings,
                   warnings > 1 ? "s" : "");
    buf_puts(&m, "\n");
    diag_deliver(d, DIAG_NOTE, &m);
}

int diag_exit(const Diag *d) { return d->fails ? 3 : d->errors ? 1 : 0; }

bool diag_ok(const Diag *d) { return !d->fails && !d->errors; }

int diag_wrong(const Diag *d) { return d->errors + d->fails; }

void diag_free(Diag *d)
{
    if (d->emit) diag_end(d);
    buf_free(&d->text);
}
