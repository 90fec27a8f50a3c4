/* compress_rules.c -- rules that choose a form for a weight:
 *
 *     layers.*.mlp.* = lut4(group = 8), op:gather = int8, size < 100000 = none, * = int4(block
 *     = 32)
 *
 * A rule is conditions, joined by &, and a form behind `=`; a form alone is for all weights.
 * The first rule that takes a weight counts. Rules are parted by commas, semicolons or line
 * ends; # begins a comment that ends with its line. */
#include "compress_part.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST =
        2048, /* a weight of no more elements stays, unless a rule speaks of its size */
    RANK = 2  /* a vector, as a bias or a norm, stays, unless a rule speaks of its rank */
};

typedef enum { ASKS_NAME, ASKS_SIZE, ASKS_RANK, ASKS_OP, ASKS_FUNC } Asks;

typedef struct {
    Asks asks;
    const char *text; /* a pattern, or the name of an op */
    int less, equal;  /* of numbers: whether these satisfy it */
    int more;
    double number;
} Condition;

typedef struct CompressRule {
    struct CompressRule *next;
    Loc loc;
    Condition *condition;
    int ncondition;
    Compression as;
    size_t taken;
} CompressRule;

typedef struct RulesFile {
    struct RulesFile *next;
    Mapped file;
    Source src;
} RulesFile;

struct CompressRules {
    Arena *arena;
    CompressRule *first, *last;
    RulesFile *files;
};

/* ---- reading ----------------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    Diag *diag;
    const Source *src;
    const char *at, *end; /* of what is left */
} RuleReader;

static Loc reader_loc(const RuleReader *r, const char *from, const char *to)
{
    return (Loc){ r->src, (uint32_t)(from - r->src->text), (uint32_t)(to - from) };
}

static void trim(const char **from, const char **to)
{
    while (*from < *to && isspace((unsigned char)**from)) ++*from;
    while (*to > *from && isspace((unsigned char)(*to)[-1])) --*to;
}

static const char *text_between(RuleReader *r, const char *from, const char *to)
{
    trim(&from, &to);
    return arena_strndup(r->arena, from, (size_t)(to - from));
}

/* Up to one of the characters outside of brackets, or the end. */
static const char *scan_to(const char *from, const char *end, const char *stop)
{
    int depth = 0;
    for (; from < end; from++) {
        if (*from == '(') depth++;
        if (*from == ')' && depth) depth--;
        if (*from && !depth && strchr(stop, *from)) return from;
    }
    return end;
}

/* The `=` before the form: not that of <=, >= or ==. */
static const char *scan_form(const char *from, const char *end)
{
    for (const char *at = from; (at = scan_to(at, end, "=")) < end; at++) {
        const bool compares = at > from && strchr("<>=", at[-1]);
        if (!compares && (at + 1 == end || at[1] != '=')) return at;
    }
    return NULL;
}

static bool read_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end;
}

static bool read_arg(RuleReader *r, const char *from, const char *to, CompressArg *arg)
{
    const char *is = scan_to(from, to, "=");
    const char *value = text_between(r, is < to ? is + 1 : from, to);
    *arg = (CompressArg){ .name = is < to ? text_between(r, from, is) : NULL };
    if (!*value || (arg->name && !*arg->name))
        return diag_error(r->diag, reader_loc(r, from, to < r->end ? to + 1 : to),
                          "an argument is missing here");
    if (!read_number(value, &arg->number)) arg->word = value;
    return true;
}

static bool read_form(RuleReader *r, const char *from, const char *to, Compression *out)
{
    enum { ARGS = 32 };
    CompressArg arg[ARGS];
    const char *wrong;
    int n = 0;
    trim(&from, &to);
    const char *open = memchr(from, '(', (size_t)(to - from));
    if (open && to[-1] != ')')
        return diag_error(r->diag, reader_loc(r, from, to), "there is no ) at the end");
    const char *name = text_between(r, from, open ? open : to);
    if (!*name)
        return diag_error(r->diag, reader_loc(r, from, to), "a form is missing here");
    for (const char *at = open ? open + 1 : to; at < to - 1; at++) {
        const char *stop = scan_to(at, to - 1, ",");
        if (n == ARGS)
            return diag_error(r->diag, reader_loc(r, at, stop),
                              "no form is told more than %d things", ARGS);
        if (!read_arg(r, at, stop, &arg[n++])) return false;
        at = stop;
    }
    return compression_make(r->arena, name, arg, n, out, &wrong)
        || diag_error(r->diag, reader_loc(r, from, to), "%s", wrong);
}

/* size < 1024, rank == 2 */
static bool read_comparison(RuleReader *r, const char *from, const char *to, Condition *c)
{
    const char *sign = from + strcspn(from, "<>="), *number = sign;
    c->less = *sign == '<';
    c->more = *sign == '>';
    number += c->less || c->more;
    c->equal = *number == '=';
    while (number < to && *number == '=') number++;
    const char *what = text_between(r, from, sign), *text = text_between(r, number, to);
    c->asks = !strcmp(what, "rank") ? ASKS_RANK : ASKS_SIZE;
    if (strcmp(what, "rank") != 0 && strcmp(what, "size") != 0)
        return diag_error(
            r->diag, reader_loc(r, from, to),
            "%s has no number to compare: size (elements) and rank have one", what);
    if (!read_number(text, &c->number))
        return diag_error(r->diag, reader_loc(r, from, to), "%s: `%s` is no number", what,
                          text);
    return true;
}

static bool read_named(RuleReader *r, const char *from, const char *to, Condition *c)
{
    static const struct {
        const char *before;
        Asks asks;
    } forms[] = { { "op:", ASKS_OP }, { "func:", ASKS_FUNC } };
    c->asks = ASKS_NAME;
    for (size_t i = 0; i < COUNT(forms); i++) {
        const size_t n = strlen(forms[i].before);
        if ((size_t)(to - from) <= n || strncmp(from, forms[i].before, n) != 0) continue;
        c->asks = forms[i].asks;
        from += n;
    }
    c->text = text_between(r, from, to);
    if (!*c->text)
        return diag_error(r->diag, reader_loc(r, from, to),
                          "a name or condition is missing");
    if (c->asks != ASKS_OP || op_find(c->text) != OP_NONE) return true;
    return diag_error(r->diag, reader_loc(r, from, to),
                      "there is no operation %s; --list-ops shows all", c->text);
}

static bool read_condition(RuleReader *r, const char *from, const char *to, Condition *c)
{
    trim(&from, &to);
    const size_t n = (size_t)(to - from);
    const bool compares = memchr(from, '<', n) || memchr(from, '>', n)
                       || memchr(from, '=', n);
    return (compares ? read_comparison : read_named)(r, from, to, c);
}

static bool read_rule(CompressRules *all, RuleReader *r, const char *from, const char *to)
{
    trim(&from, &to);
    const char *is = scan_form(from, to);
    CompressRule *one = NEW(all->arena, CompressRule);
    size_t cap = 0;
    one->loc = reader_loc(r, from, to);
    for (const char *at = from; is && at < is; at++) {
        const char *stop = scan_to(at, is, "&");
        ARENA_ROOM(all->arena, one->condition, (size_t)one->ncondition, cap);
        one->condition[one->ncondition] = (Condition){ .asks = ASKS_NAME };
        if (!read_condition(r, at, stop, &one->condition[one->ncondition++]))
            return false;
        at = stop;
    }
    if (is == from)
        return diag_error(r->diag, one->loc, "a name or condition is missing before =");
    if (!read_form(r, is ? is + 1 : from, to, &one->as)) return false;
    *(all->last ? &all->last->next : &all->first) = one;
    all->last = one;
    return true;
}

static bool read_rules(CompressRules *all, RuleReader *r)
{
    const int errors = r->diag->errors;
    while (r->at < r->end) {
        if (isspace((unsigned char)*r->at) || *r->at == ',' || *r->at == ';') r->at++;
        else if (*r->at == '#') r->at = scan_to(r->at, r->end, "\n");
        else {
            const char *stop = scan_to(r->at, r->end, ",;\n#");
            read_rule(all, r, r->at, stop);
            r->at = stop;
        }
    }
    return errors == r->diag->errors;
}

/* ---- where they stand -------------------------------------------------------------------- */

CompressRules *compress_rules_new(Arena *a)
{
    CompressRules *r = NEW(a, CompressRules);
    r->arena = a;
    return r;
}

void compress_rules_free(CompressRules *r)
{
    for (RulesFile *f = r ? r->files : NULL; f; f = f->next) file_unmap(&f->file);
    if (r) r->files = NULL;
}

/* What is a rule goes before a file of that name. */
static bool is_rules(const char *text)
{
    const char *end = text + strcspn(text, "(,; \t\n&#");
    return !*text || *end || strchr(text, '=') || !strcmp(text, "*");
}

static bool is_kind(const char *text)
{
    for (int i = 0; i < KIND_COUNT; i++)
        if (!strcmp(compress_kinds[i].name, text)) return true;
    return false;
}

bool compress_rules_add(CompressRules *all, Diag *d, const char *text)
{
    RulesFile *f = NEW(all->arena, RulesFile);
    f->src = (Source){ .name = "--compress", .text = text, .len = strlen(text) };
    if (!is_kind(text) && !is_rules(text) && file_exists(text)) {
        if (!file_read(d, text, &f->file)) return false;
        f->src.name = text;
        file_as_text(&f->file, &f->src);
        f->next = all->files;
        all->files = f;
    }
    RuleReader r = { .arena = all->arena,
                     .diag = d,
                     .src = &f->src,
                     .at = f->src.text,
                     .end = f->src.text + f->src.len };
    return read_rules(all, &r);
}

/* ---- asking ------------------------------------------------------------------------------ */

/* A weight's path has dots where the name of its value has underscores. */
static bool is_called(const char *pattern, const char *name)
{
    const size_t n = strlen(pattern);
    char flat[256];
    if (name_matches(pattern, n, name)) return true;
    if (n >= sizeof flat || !strchr(pattern, '.')) return false;
    for (size_t i = 0; i <= n; i++)
        flat[i] = (char)(pattern[i] == '.' ? '_' : pattern[i]);
    return name_matches(flat, n, name);
}

static bool compares(const Condition *c, double v)
{
    return v < c->number ? c->less : v > c->number ? c->more : c->equal;
}

static bool condition_holds(const Condition *c, const CompressSubject *s)
{
    switch (c->asks) {
    case ASKS_SIZE:
        return compares(c, (double)s->elements);
    case ASKS_RANK:
        return compares(c, s->rank);
    case ASKS_OP:
        return s->use && !strcmp(op_name(s->use), c->text);
    case ASKS_FUNC:
        return is_called(c->text, s->func);
    case ASKS_NAME:
        break;
    }
    return is_called(c->text, s->name) || (s->path && is_called(c->text, s->path));
}

/* A rule that names one weight alone means it, whatever its size. */
static bool rule_takes(const CompressRule *r, const CompressSubject *s)
{
    bool size = false, rank = false;
    for (int i = 0; i < r->ncondition; i++) {
        const Condition *c = &r->condition[i];
        const bool one = c->asks == ASKS_NAME && !strchr(c->text, '*');
        if (!condition_holds(c, s)) return false;
        size = size || one || c->asks == ASKS_SIZE;
        rank = rank || one || c->asks == ASKS_RANK;
    }
    return (size || s->elements > LEAST) && (rank || s->rank >= RANK);
}

const Compression *compress_rules_ask(CompressRules *all, const CompressSubject *s)
{
    for (CompressRule *r = all->first; r; r = r->next) {
        if (!rule_takes(r, s)) continue;
        r->taken++;
        return &r->as;
    }
    return NULL;
}

void compress_rules_idle(const CompressRules *all, Diag *d, const char *const *names,
                         size_t n)
{
    for (const CompressRule *r = all->first; r; r = r->next) {
        const char *near = NULL, *asked = NULL;
        if (r->taken) continue;
        for (int i = 0; i < r->ncondition; i++)
            if (r->condition[i].asks == ASKS_NAME) asked = r->condition[i].text;
        if (asked) near = name_nearest(asked, names, n);
        diag_warn(d, WARN_COMPRESS, r->loc, "the rule takes no weight%s%s%s",
                  near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
}
