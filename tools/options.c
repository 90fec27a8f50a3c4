/* options.c -- parses a command line by a table of options. */
#include "main.h"

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

static bool unknown_option(ToolArgs *a, const char *name, size_t len)
{
    const Tool *t = a->tool;
    const char *near = option_nearest(&a->arena, t->option, t->noption, name, len);
    if (near)
        return usage_error(t, "there is no option --%.*s; did you mean --%s?", (int)len,
                           name, near);
    return usage_error(t, "there is no option --%.*s", (int)len, name);
}

/* As it is written on the command line: "--iterations" or "-i". */
static const char *options_spelled(ToolArgs *a, const Option *o)
{
    return o->name ? arena_printf(&a->arena, "--%s", o->name)
                   : arena_printf(&a->arena, "-%c", o->letter);
}

/* ---- values ------------------------------------------------------------------------------ */

static bool set_option(ToolArgs *a, int i, const char *text)
{
    const Option *o = &a->tool->option[i];
    OptValue *v = &a->value[i];
    const char *wrong = option_wrong(&a->arena, o, options_spelled(a, o), text);
    if (wrong) return usage_error(a->tool, "%s", wrong);
    v->text = text;
    v->count++;
    if (o->kind == OPT_LIST) v->all[v->count - 1] = text;
    if (o->kind == OPT_COUNT) option_count(text, &v->number);
    if (o->kind == OPT_NUMBER) option_number(text, &v->real);
    return true;
}

/* ---- the command line -------------------------------------------------------------------- */

typedef struct {
    int argc, at;
    char **argv;
} Cursor;

static bool take_argument(ToolArgs *a, Cursor *c, int i, const char *joined)
{
    const Option *o = &a->tool->option[i];
    if (!o->arg && joined)
        return usage_error(a->tool, "%s takes no argument", options_spelled(a, o));
    if (o->arg && !joined && o->kind != OPT_MAYBE) {
        if (c->at + 1 >= c->argc)
            return usage_error(a->tool, "%s needs %s", options_spelled(a, o), o->arg);
        joined = c->argv[++c->at];
    }
    return set_option(a, i, joined);
}

static bool parse_long(ToolArgs *a, Cursor *c, const char *s)
{
    size_t len = strcspn(s, "=");
    int i = option_find(a->tool->option, a->tool->noption, s, len);
    return i < 0 ? unknown_option(a, s, len)
                 : take_argument(a, c, i, s[len] ? s + len + 1 : NULL);
}

static bool parse_letters(ToolArgs *a, Cursor *c, const char *s)
{
    for (; *s; s++) {
        int i = option_find_letter(a->tool->option, a->tool->noption, *s);
        if (i < 0) return usage_error(a->tool, "there is no option -%c", *s);
        if (a->tool->option[i].arg) return take_argument(a, c, i, s[1] ? s + 1 : NULL);
        if (!take_argument(a, c, i, NULL)) return false;
    }
    return true;
}

static bool parse_operand(ToolArgs *a, const char *s)
{
    if (!a->tool->operand)
        return usage_error(a->tool, "'%s' is no option, and nothing else is taken", s);
    if (a->tool->many) {
        a->operands[a->noperand++] = s;
        return true;
    }
    if (a->tool->two && a->second)
        return usage_error(a->tool, "two operands are taken; '%s' is the third", s);
    if (a->tool->two && a->operand) {
        a->second = s;
        return true;
    }
    if (a->operand)
        return usage_error(a->tool, "one %s at a time: '%s' and '%s' are two",
                           a->tool->operand, a->operand, s);
    a->operand = s;
    return true;
}

bool args_parse(ToolArgs *a, const Tool *t, int argc, char **argv)
{
    Cursor c = { .argc = argc, .at = 1, .argv = argv };
    bool ends = false, ok = true;
    *a = (ToolArgs){ .tool = t, .program = argv[0] };
    a->value = NEW_ARRAY(&a->arena, t->noption, OptValue);
    if (t->many) a->operands = NEW_ARRAY(&a->arena, argc, const char *);
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

void args_free(ToolArgs *a) { arena_free(&a->arena); }
