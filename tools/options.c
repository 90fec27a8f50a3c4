/* options.c -- reads a command line by a table of options. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool usage_error(const Tool *t, const char *fmt, ...)
{
    va_list ap;
    Buf m = { 0 };
    va_start(ap, fmt);
    buf_vmessage(&m, fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s: %s\n", t->name, m.s ? m.s : "");
    buf_free(&m);
    fprintf(stderr, "%s --help tells how it is used\n", t->name);
    return false;
}

/* ---- finding ----------------------------------------------------------------------------- */

static int find_long(const Tool *t, const char *name, size_t len)
{
    for (int i = 0; i < t->noption; i++) {
        const char *s = t->option[i].name;
        if (s && strlen(s) == len && !memcmp(s, name, len)) return i;
    }
    return -1;
}

static int find_letter(const Tool *t, char letter)
{
    for (int i = 0; i < t->noption; i++)
        if (t->option[i].letter && t->option[i].letter == letter) return i;
    return -1;
}

static bool unknown_option(Args *a, const char *name, size_t len)
{
    const Tool *t = a->tool;
    const char **known = NEW_ARRAY(&a->arena, t->noption + 1, const char *);
    size_t n = 0;
    for (int i = 0; i < t->noption; i++)
        if (t->option[i].name && t->option[i].kind != OPT_HIDDEN)
            known[n++] = t->option[i].name;
    const char *near = name_nearest(arena_strndup(&a->arena, name, len), known, n);
    if (near)
        return usage_error(t, "there is no option --%.*s; did you mean --%s?", (int)len, name,
                           near);
    return usage_error(t, "there is no option --%.*s", (int)len, name);
}

/* As it is written on the command line: "--iterations" or "-i". */
static const char *spelled(Args *a, const Option *o)
{
    return o->name ? arena_printf(&a->arena, "--%s", o->name)
                   : arena_printf(&a->arena, "-%c", o->letter);
}

/* ---- values ------------------------------------------------------------------------------ */

bool parse_count(const char *text, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    *out = v;
    return !*end && !errno;
}

static bool parse_real(const char *text, double *out)
{
    char *end;
    if ((*text < '0' || *text > '9') && *text != '.') return false;
    *out = strtod(text, &end);
    return end != text && !*end;
}

static bool check_choice(Args *a, const Option *o, const char *text)
{
    return name_is_choice(o->choices, text)
        || usage_error(a->tool, "%s takes %s, not '%s'", spelled(a, o), o->choices, text);
}

static bool set_option(Args *a, int i, const char *text)
{
    const Option *o = &a->tool->option[i];
    OptValue *v = &a->value[i];
    v->text = text;
    v->count++;
    switch (o->kind) {
    case OPT_COUNT:
        if (parse_count(text, &v->number)) return true;
        return usage_error(a->tool, "%s takes a whole number from 0, not '%s'", spelled(a, o),
                           text);
    case OPT_NUMBER:
        if (parse_real(text, &v->real)) return true;
        return usage_error(a->tool, "%s takes a number from 0, not '%s'", spelled(a, o), text);
    case OPT_CHOICE: return check_choice(a, o, text);
    case OPT_LIST: v->all[v->count - 1] = text; return true;
    case OPT_FLAG:
    case OPT_HIDDEN:
    case OPT_MAYBE:
    case OPT_TEXT: return true;
    }
    return true;
}

/* ---- the command line -------------------------------------------------------------------- */

typedef struct {
    int argc, at;
    char **argv;
} Cursor;

static bool take_argument(Args *a, Cursor *c, int i, const char *joined)
{
    const Option *o = &a->tool->option[i];
    if (!o->arg && joined) return usage_error(a->tool, "%s takes no argument", spelled(a, o));
    if (o->arg && !joined && o->kind != OPT_MAYBE) {
        if (c->at + 1 >= c->argc)
            return usage_error(a->tool, "%s needs %s", spelled(a, o), o->arg);
        joined = c->argv[++c->at];
    }
    return set_option(a, i, joined);
}

static bool parse_long(Args *a, Cursor *c, const char *s)
{
    size_t len = strcspn(s, "=");
    int i = find_long(a->tool, s, len);
    return i < 0 ? unknown_option(a, s, len)
                 : take_argument(a, c, i, s[len] ? s + len + 1 : NULL);
}

static bool parse_letters(Args *a, Cursor *c, const char *s)
{
    for (; *s; s++) {
        int i = find_letter(a->tool, *s);
        if (i < 0) return usage_error(a->tool, "there is no option -%c", *s);
        if (a->tool->option[i].arg) return take_argument(a, c, i, s[1] ? s + 1 : NULL);
        if (!take_argument(a, c, i, NULL)) return false;
    }
    return true;
}

static bool parse_operand(Args *a, const char *s)
{
    if (!a->tool->operand)
        return usage_error(a->tool, "'%s' is no option, and nothing else is taken", s);
    if (a->tool->two && a->second)
        return usage_error(a->tool, "two operands are taken; '%s' is the third", s);
    if (a->tool->two && a->operand) {
        a->second = s;
        return true;
    }
    if (a->operand)
        return usage_error(a->tool, "one %s at a time: '%s' and '%s' are two", a->tool->operand,
                           a->operand, s);
    a->operand = s;
    return true;
}

bool args_parse(Args *a, const Tool *t, int argc, char **argv)
{
    Cursor c = { .argc = argc, .at = 1, .argv = argv };
    bool ends = false, ok = true;
    *a = (Args){ .tool = t, .program = argv[0] };
    a->value = NEW_ARRAY(&a->arena, t->noption, OptValue);
    for (int i = 0; i < t->noption; i++)
        if (t->option[i].kind == OPT_LIST)
            a->value[i].all = NEW_ARRAY(&a->arena, argc, const char *);
    for (; ok && c.at < argc; c.at++) {
        const char *s = argv[c.at];
        if (ends || s[0] != '-' || !s[1]) ok = parse_operand(a, s);
        else if (!strcmp(s, "--")) ends = true;
        else ok = s[1] == '-' ? parse_long(a, &c, s + 2) : parse_letters(a, &c, s + 1);
    }
    return ok;
}

void args_free(Args *a) { arena_free(&a->arena); }
