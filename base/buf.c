/* buf.c -- growing text. */
#include "base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void buf_room(Buf *b, size_t n)
{
    size_t need;
    if (!size_add(b->len, n, &need) || !size_add(need, 1, &need)) mem_out(n);
    if (need > b->cap) {
        size_t cap = b->cap < SIZE_MAX / 2 && b->cap * 2 > need ? b->cap * 2 : need;
        if (cap < 64) cap = 64;
        char *s = mem_resize(b->s, cap);
        if (!s) mem_out(cap);
        b->s = s;
        b->cap = cap;
    }
}

void buf_add(Buf *b, const void *p, size_t n)
{
    if (b->cap - b->len <= n) buf_room(b, n);
    if (n) memcpy(b->s + b->len, p, n);
    b->len += n;
    b->s[b->len] = 0;
}

void buf_vprintf(Buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(room ? b->s + b->len : NULL, room, fmt, ap);
    if (n < 0 && errno == ENOMEM) mem_out(1);
    if (n < 0) bug("a format that cannot be printed: %s", fmt);
    if ((size_t)n >= room) {
        buf_room(b, (size_t)n);
        vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    b->len += (size_t)n;
}

void buf_printf(Buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_quote(Buf *b, const char *s)
{
    buf_putc(b, '"');
    for (size_t n; *s; s += n) {
        n = strcspn(s, "\"\\");
        buf_add(b, s, n);
        if (!s[n]) break;
        buf_putc(b, '\\');
        buf_putc(b, s[n++]);
    }
    buf_putc(b, '"');
}

void buf_free(Buf *b)
{
    mem_free(b->s);
    *b = (Buf){ 0 };
}
