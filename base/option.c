/* option.c -- finds an option in its table and checks its value. */
#include "option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- finding ----------------------------------------------------------------------------- */

int option_find(const Option *o, int n, const char *name, size_t len)
{
    for (int i = 0; i < n; i++)
        if (o[i].name && strlen(o[i].name) == len && !memcmp(o[i].name, name, len))
            return i;
    return -1;
}

int option_find_letter(const Option *o, int n, char letter)
{
    for (int i = 0; i < n; i++)
        if (o[i].letter && o[i].letter == letter) return i;
    return -1;
}

const char *option_nearest(Arena *a, const Option *o, int n, const char *name, size_t len)
{
    const char **known = NEW_ARRAY(a, n + 1, const char *);
    size_t count = 0;
    for (int i = 0; i < n; i++)
        if (o[i].name && o[i].kind != OPT_HIDDEN) known[count++] = o[i].name;
    return name_nearest(arena_strndup(a, name, len), known, count);
}

/* ---- values ------------------------------------------------------------------------------ */

bool option_count(const char *text, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    *out = v;
    return !*end && !errno;
}

/* A decimal one, which a double holds: neither inf nor what becomes 0. */
bool option_number(const char *text, double *out)
{
    char *end;
    if ((*text < '0' || *text > '9') && *text != '.') return false;
    if (strpbrk(text, "xX")) return false;
    errno = 0;
    *out = strtod(text, &end);
    return end != text && !*end && !errno;
}

const char *option_wrong(Arena *a, const Option *o, const char *spelled, const char *text)
{
    uint64_t count;
    double number;
    if (!text) return NULL;
    if (o->kind == OPT_COUNT && !option_count(text, &count))
        return arena_printf(a, "%s takes a whole number from 0, not '%s'", spelled, text);
    if (o->kind == OPT_NUMBER && !option_number(text, &number))
        return arena_printf(a, "%s takes a number from 0, not '%s'", spelled, text);
    if (o->kind == OPT_CHOICE && !name_is_choice(o->choices, text))
        return arena_printf(a, "%s takes %s, not '%s'", spelled, o->choices, text);
    return NULL;
}
