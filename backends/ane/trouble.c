/* trouble.c -- reads an NSError and the errors below it: domain, code, text, status word and
 * stage of loading; and looks its meaning up in trouble.def. */
#include "objc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef enum { ANY, ENGINE } ErrorDomain;

static const struct Row {
    ErrorDomain domain;
    int64_t code;
    uint64_t status;
    bool transient, full;
    const char *meaning, *source;
} rows[] = {
#define TROUBLE(domain, code, status, transient, full, meaning, source) \
    { domain, code, status, transient, full, meaning, source },
#include "trouble.def"
};

static ErrorDomain domain_of(const char *name)
{
    return name && !strcmp(name, "com.apple.appleneuralengine") ? ENGINE : ANY;
}

/* How much a row says of the error: 2 for the status, 1 for the code; -1: it does not hold. */
static int row_fits(const struct Row *r, ErrorDomain domain, int64_t code,
                    uint64_t status)
{
    if (r->domain != ANY && r->domain != domain) return -1;
    if (r->code && r->code != code) return -1;
    if (r->status && r->status != status) return -1;
    return 2 * (r->status != 0) + (r->code != 0);
}

/* Takes the row that says most of this code and status, if it says more than what was found
 * before. */
static void look_up_row(Trouble *t, ErrorDomain domain, int64_t code, uint64_t status,
                        int *best)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int fits = row_fits(&rows[i], domain, code, status);
        if (fits <= *best) continue;
        *best = fits;
        t->meaning = rows[i].meaning;
        t->transient = rows[i].transient;
        t->full = rows[i].full;
        t->status = rows[i].status;
    }
}

/* The status words of a text are its hexadecimal numbers: "status=0x1d : statusType=0x9". Of
 * several that are known the first counts. */
static void look_up_text(Trouble *t, ErrorDomain domain, int64_t code, const char *text,
                         int *best)
{
    look_up_row(t, domain, code, 0, best);
    for (const char *s = text; s && (s = strstr(s, "0x")) != NULL; s += 2)
        if (isxdigit((unsigned char)s[2]))
            look_up_row(t, domain, code, strtoull(s, NULL, 16), best);
}

static bool is_error(Objc *o, Id v)
{
    return v && o->CFGetTypeID(v) == o->CFErrorGetTypeID();
}

/* One error, and then what lies under it, whose words follow. */
static void read_error(Objc *o, Arena *a, Id error, Trouble *t, int *best, int depth)
{
    enum { DEEPEST = 3 };
    const char *name = string_text(o, a, o->CFErrorGetDomain(error));
    const int64_t code = o->CFErrorGetCode(error);
    Id said = objc_own(o, o->CFErrorCopyDescription(error));
    Id info = objc_own(o, o->CFErrorCopyUserInfo(error));
    const char *words = string_text(o, a, said);
    const char *text = arena_printf(a, "%s %lld: %s", name ? name : "error",
                                    (long long)code, words ? words : "no words");
    t->text = depth ? arena_printf(a, "%s <- %s", t->text, text) : text;
    if (!depth) t->code = code;
    look_up_text(t, domain_of(name), code, words, best);
    const int64_t status = number_value(o, dict_at(o, info, "_ANEErrorUnderlyingStatus"),
                                        0);
    if (status > 0) look_up_row(t, domain_of(name), code, (uint64_t)status, best);
    if (!t->stage) t->stage = number_value(o, dict_at(o, info, "_ANEErrorLoadStage"), 0);
    Id under = dict_at(o, info, "NSUnderlyingError");
    if (depth < DEEPEST && is_error(o, under))
        read_error(o, a, under, t, best, depth + 1);
    objc_drop(o, &said);
    objc_drop(o, &info);
}

void trouble_read(Objc *o, Arena *a, Id error, Trouble *out)
{
    int best = -1;
    *out = (Trouble){ .text = "no reason is given" };
    const char *exception = raise_text(o, a);
    if (exception) out->text = exception;
    if (exception || !error) return;
    read_error(o, a, error, out, &best, 0);
    if (out->stage)
        out->text = arena_printf(a, "%s (loading stage %lld)", out->text,
                                 (long long)out->stage);
}

const char *trouble_text(Arena *a, const Trouble *t)
{
    return t->meaning ? arena_printf(a, "%s (%s)", t->text, t->meaning) : t->text;
}
