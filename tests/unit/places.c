/* places.c -- texts with places for a number. */
#include "places.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void put_line(Buf *b, const char *s, size_t len, long i)
{
    for (size_t k = 0; k < len; k++)
        if (s[k] == '$' || s[k] == '@') buf_printf(b, "%ld", i + (s[k] == '@'));
        else buf_putc(b, s[k]);
    buf_putc(b, '\n');
}

/* n times what stands behind the sign s[0]. */
static void put_times(Buf *b, const char *s, size_t len, long n)
{
    const long step = *s == '#' ? strtol(s + 1, NULL, 10) : 0;
    for (long i = 0; i < n; i++) {
        if (i && (*s == ':' || *s == '#')) buf_puts(b, ", ");
        if (*s == '#') buf_printf(b, "%ld", i * step);
        else if (*s == ';') put_line(b, s + 1, len - 1, i);
        else buf_add(b, s + 1, len - 1);
    }
}

static bool is_place(const char *s)
{
    return *s == '{' && (s[1] == 'N' || (isdigit((unsigned char)s[1]) && s[2] == 'N'));
}

const char *places_add(Buf *b, const char *s, long n)
{
    if (!is_place(s)) {
        buf_putc(b, *s);
        return s + 1;
    }
    const long times = s[1] == 'N' ? 1 : s[1] - '0';
    s += s[1] == 'N' ? 2 : 3;
    const size_t len = strcspn(s, "}");
    if (strchr(":=#;", *s)) put_times(b, s, len, n);
    else buf_printf(b, "%ld", times * n + strtol(s, NULL, 10));
    return s + len + 1;
}

Buf places_text(const char *text, long n)
{
    Buf b = { 0 };
    while (*text) text = places_add(&b, text, n);
    buf_putc(&b, 0);
    b.len--;
    return b;
}
