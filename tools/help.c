/* help.c -- --help and the man page, written from an option table. */
#include "../include/anec.h"
#include "main.h"

#include <string.h>

/* ---- --help ------------------------------------------------------------------------------ */

enum { WIDTH = 80, INDENT = 27 };

/* Words of s (n bytes) in lines up to WIDTH; the first begins at column `at`, others at
 * indent. */
static void help_wrap(Buf *out, const char *s, size_t n, size_t at, size_t indent)
{
    bool first = true;
    for (size_t i = 0; i < n;) {
        size_t len = 0;
        while (i + len < n && s[i + len] != ' ' && s[i + len] != '\n') len++;
        if (!first && at + 1 + len > WIDTH) {
            buf_printf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            buf_putc(out, ' ');
            at++;
        }
        buf_add(out, s + i, len);
        at += len;
        first = false;
        for (i += len; i < n && (s[i] == ' ' || s[i] == '\n');) i++;
    }
    buf_putc(out, '\n');
}

static void put_spelling(Buf *out, const Option *o)
{
    if (o->letter) buf_printf(out, "-%c", o->letter);
    if (o->letter && o->name) buf_puts(out, ", ");
    if (o->name) buf_printf(out, "%s--%s", o->letter ? "" : "    ", o->name);
    if (!o->arg) return;
    if (o->kind == OPT_MAYBE) {
        buf_printf(out, "[=%s]", o->arg);
        return;
    }
    buf_putc(out, ' ');
    buf_puts(out, o->choices ? o->choices : o->arg);
}

static void put_option(Buf *out, const Option *o)
{
    size_t start = out->len;
    buf_puts(out, "  ");
    put_spelling(out, o);
    size_t at = out->len - start;
    if (at + 2 > INDENT) {
        buf_printf(out, "\n%*s", INDENT, "");
    } else {
        buf_printf(out, "%*s", (int)(INDENT - at), "");
    }
    help_wrap(out, o->help, strlen(o->help), INDENT, INDENT);
}

/* An example as it can be run: CHIP in it is a chip of which there is a simulated engine. */
static char *example_command(Arena *a, const char *command)
{
    const char *at = strstr(command, "CHIP"), *backend;
    for (int i = 0; at && (backend = anec_backend(i, NULL)); i++)
        if (!strncmp(backend, "sim:", 4))
            return arena_printf(a, "%.*s%s%s", (int)(at - command), command, backend + 4,
                                at + 4);
    return arena_strdup(a, command);
}

static const char *const exits[][2] = {
    { "0", "done" },
    { "1", "what was given is wrong: a program, a model, an input" },
    { "2", "wrong usage, or something that this build does not have yet" },
    { "3", "the world: a file that cannot be opened, memory, a device" },
};

void tool_help(const Tool *t, Buf *out)
{
    buf_printf(out, "usage: %s [options]%s%s\n", t->name, t->operand ? " " : "",
               t->operand ? t->operand : "");
    help_wrap(out, t->summary, strlen(t->summary), 0, 0);
    for (const char *s = t->about; *s;) {
        const char *end = strstr(s, "\n\n");
        size_t n = end ? (size_t)(end - s) : strlen(s);
        buf_putc(out, '\n');
        help_wrap(out, s, n, 0, 0);
        s += n;
        while (*s == '\n') s++;
    }
    buf_puts(out, "\noptions:\n");
    for (int i = 0; i < t->noption; i++)
        if (t->option[i].kind != OPT_HIDDEN) put_option(out, &t->option[i]);
    buf_puts(out, "\nexamples:\n");
    Arena a = { 0 };
    for (int i = 0; i < t->nexample; i++)
        buf_printf(out, "  %s\n      %s\n", example_command(&a, t->example[i].command),
                   t->example[i].text);
    arena_free(&a);
    buf_puts(out, "\nexit status:\n");
    for (size_t i = 0; i < COUNT(exits); i++)
        buf_printf(out, "  %s  %s\n", exits[i][0], exits[i][1]);
}

/* ---- the man page ------------------------------------------------------------------------ */

/* Text with what troff would take for itself escaped. */
static void put_roff(Buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || s[i - 1] == '\n';
        if (first && (s[i] == '.' || s[i] == '\'')) buf_puts(out, "\\&");
        if (s[i] == '\\') buf_puts(out, "\\e");
        else if (s[i] == '-') buf_puts(out, "\\-");
        else buf_putc(out, s[i]);
    }
}

static void put_roff_z(Buf *out, const char *s) { put_roff(out, s, strlen(s)); }

static void put_man_option(Buf *out, const Option *o)
{
    Buf spelling = { 0 };
    put_spelling(&spelling, o);
    size_t skip = strspn(spelling.s, " ");
    buf_puts(out, ".TP\n.B ");
    put_roff(out, spelling.s + skip, spelling.len - skip);
    buf_putc(out, '\n');
    put_roff_z(out, o->help);
    buf_putc(out, '\n');
    buf_free(&spelling);
}

void tool_man(const Tool *t, Buf *out)
{
    buf_puts(out, ".TH ");
    for (const char *s = t->name; *s; s++)
        buf_putc(out, (char)(*s == ' '                ? '-'
                             : *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A'
                                                      : *s));
    // The page's own name is one word, by which man finds it.
    buf_puts(out, " 1\n.SH NAME\n");
    for (const char *s = t->name; *s; s++) buf_putc(out, *s == ' ' ? '-' : *s);
    buf_puts(out, " \\- ");
    put_roff_z(out, t->summary);
    buf_printf(out, "\n.SH SYNOPSIS\n.B %s\n[options] %s\n.SH DESCRIPTION\n", t->name,
               t->operand ? t->operand : "");
    for (const char *s = t->about; *s;) {
        const char *end = strstr(s, "\n\n");
        size_t n = end ? (size_t)(end - s) : strlen(s);
        put_roff(out, s, n);
        buf_puts(out, end ? "\n.PP\n" : "\n");
        s += n;
        while (*s == '\n') s++;
    }
    buf_puts(out, ".SH OPTIONS\n");
    for (int i = 0; i < t->noption; i++)
        if (t->option[i].kind != OPT_HIDDEN) put_man_option(out, &t->option[i]);
    Arena a = { 0 };
    buf_puts(out, ".SH EXAMPLES\n");
    for (int i = 0; i < t->nexample; i++) {
        buf_puts(out, ".TP\n.B ");
        put_roff_z(out, example_command(&a, t->example[i].command));
        buf_putc(out, '\n');
        put_roff_z(out, t->example[i].text);
        buf_putc(out, '\n');
    }
    arena_free(&a);
    buf_puts(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < COUNT(exits); i++) {
        buf_printf(out, ".TP\n.B %s\n", exits[i][0]);
        put_roff_z(out, exits[i][1]);
        buf_putc(out, '\n');
    }
}
