/* escape.c -- foreign text in messages: characters that a terminal would obey, and bytes that
 * are no text, are written as escapes.
 *
 * File names, option values and names in a model can come from anybody. Every message
 * inserts them by the %s of its format, and buf_vmessage is the one place that does so. The
 * format's own text is not changed. */
#include "base.h"

#include <string.h>

/* A byte that is not UTF-8 counts as one code point. */
uint32_t text_code_point(const char *s, const char *end, int *len)
{
    const unsigned char *p = (const unsigned char *)s;
    const int n = *p < 0x80 ? 1
                : *p < 0xc2 ? 0
                : *p < 0xe0 ? 2
                : *p < 0xf0 ? 3
                : *p < 0xf5 ? 4
                            : 0;
    *len = 1;
    if (n == 1) return *p;
    if (!n || end - s < n) return TEXT_NOT_UTF8;
    uint32_t c = *p & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return TEXT_NOT_UTF8;
        c = c << 6 | (p[i] & 0x3f);
    }
    /* Longer than it need be, half of a pair, or beyond the last: no character is written
     * so. */
    if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff))
        || (c >> 11) == 0x1b)
        return TEXT_NOT_UTF8;
    *len = n;
    return c;
}

/* Control characters, line separators, and what turns the direction of the text around it. */
bool text_is_odd(uint32_t c)
{
    return c < ' ' || (c >= 0x7f && c < 0xa0) || c == TEXT_NOT_UTF8 || c == 0x2028
        || c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069)
        || c == 0x200e || c == 0x200f;
}

void buf_escape(Buf *b, const char *s, size_t n)
{
    static const char special[] = "\n\t\r", letter[] = "ntr";
    for (const char *end = s + n; s < end;) {
        int len;
        const uint32_t c = text_code_point(s, end, &len);
        const char *known = c && c < ' ' ? strchr(special, (int)c) : NULL;
        if (!text_is_odd(c)) buf_add(b, s, (size_t)len);
        else if (known) buf_printf(b, "\\%c", letter[known - special]);
        else if (len == 1) buf_printf(b, "\\x%02x", (unsigned char)*s);
        else buf_printf(b, "\\u%04x", (unsigned)c);
        s += len;
    }
}

void buf_html(Buf *b, const char *s)
{
    static const char odd[] = "<>&\"";
    static const char *const instead[] = { "&lt;", "&gt;", "&amp;", "&quot;" };
    for (; *s; s++) {
        const char *at = strchr(odd, *s);
        if (at) buf_puts(b, instead[at - odd]);
        else buf_putc(b, *s);
    }
}

/* ---- formats ----------------------------------------------------------------------------- */

typedef struct {
    char spec[48]; /* "%-*.*lld" with the numbers in the stars' places, but for %s */
    size_t len;
    int width, precision; /* -1: none */
    bool left;
    int size; /* of h, l and z: -1 short, 1 long, 2 long long, 3 size_t; -2 char */
    char kind;
} Conversion;

static void spec_add(Conversion *c, const char *s, size_t n)
{
    if (n >= sizeof c->spec - c->len)
        bug("a conversion that is too long: %.40s", c->spec);
    memcpy(c->spec + c->len, s, n);
    c->len += n;
    c->spec[c->len] = 0;
}

/* A number of the format, or the argument that a star stands for. */
static const char *read_count(Conversion *c, const char *fmt, va_list *ap, int *out)
{
    char text[16];
    if (*fmt == '*') {
        *out = va_arg(*ap, int);
        fmt++;
    } else {
        for (*out = 0; *fmt >= '0' && *fmt <= '9'; fmt++) *out = *out * 10 + (*fmt - '0');
    }
    spec_add(c, text, (size_t)snprintf(text, sizeof text, "%d", *out));
    return fmt;
}

/* What stands after a %: where the format goes on. */
static const char *read_conversion(Conversion *c, const char *fmt, va_list *ap)
{
    *c = (Conversion){ .width = -1, .precision = -1 };
    spec_add(c, "%", 1);
    for (; *fmt && strchr("-+ #0", *fmt); fmt++) {
        c->left |= *fmt == '-';
        spec_add(c, fmt, 1);
    }
    if (*fmt == '*' || (*fmt >= '1' && *fmt <= '9'))
        fmt = read_count(c, fmt, ap, &c->width);
    if (*fmt == '.') {
        spec_add(c, fmt, 1);
        fmt = read_count(c, fmt + 1, ap, &c->precision);
    }
    for (; *fmt && strchr("hlzjt", *fmt); fmt++) {
        c->size = *fmt == 'h' ? c->size - 1
                : *fmt == 'l' ? c->size + 1
                : *fmt == 'z' ? 3
                              : 4;
        spec_add(c, fmt, 1);
    }
    c->kind = *fmt;
    spec_add(c, fmt, 1);
    return fmt + (*fmt != 0);
}

static void put_text(Buf *b, const Conversion *c, const char *s)
{
    Buf shown = { 0 };
    if (!s) s = "(null)";
    buf_escape(&shown, s,
               c->precision < 0 ? strlen(s) : strnlen(s, (size_t)c->precision));
    const size_t wide = c->width > 0 ? (size_t)c->width : 0,
                 blanks = wide > shown.len ? wide - shown.len : 0;
    if (!c->left) buf_printf(b, "%*s", (int)blanks, "");
    buf_add(b, shown.s ? shown.s : "", shown.len);
    if (c->left) buf_printf(b, "%*s", (int)blanks, "");
    buf_free(&shown);
}

static void put_conversion(Buf *b, const Conversion *c, va_list *ap)
{
    switch (c->kind) {
    case 's':
        put_text(b, c, va_arg(*ap, const char *));
        return;
    case '%':
        buf_putc(b, '%');
        return;
    case 'p':
        buf_printf(b, c->spec, va_arg(*ap, void *));
        return;
    case 'c': {
        const char one = (char)va_arg(*ap, int);
        buf_escape(b, &one, 1);
        return;
    }
    case 'a':
    case 'e':
    case 'f':
    case 'g':
    case 'A':
    case 'E':
    case 'F':
    case 'G':
        buf_printf(b, c->spec, va_arg(*ap, double));
        return;
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        break;
    default:
        bug("a message with the conversion %s, which is not known", c->spec);
    }
    if (c->size == 1) buf_printf(b, c->spec, va_arg(*ap, long));
    else if (c->size == 2) buf_printf(b, c->spec, va_arg(*ap, long long));
    else if (c->size == 3) buf_printf(b, c->spec, va_arg(*ap, size_t));
    else if (c->size <= 0) buf_printf(b, c->spec, va_arg(*ap, int));
    else bug("a message with the conversion %s, which is not known", c->spec);
}

void buf_vmessage(Buf *b, const char *fmt, va_list list)
{
    va_list ap;
    va_copy(ap, list);
    while (*fmt) {
        const size_t n = strcspn(fmt, "%");
        buf_add(b, fmt, n);
        if (!fmt[n]) break;
        Conversion c;
        fmt = read_conversion(&c, fmt + n + 1, &ap);
        put_conversion(b, &c, &ap);
    }
    va_end(ap);
}

void buf_message(Buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vmessage(b, fmt, ap);
    va_end(ap);
}
