/* near.c -- programs beside a program. */
#include "near.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- other programs ---------------------------------------------------------------------- */

char *near_with(Arena *a, const char *text, const char *was, const char *is)
{
    Buf b = { 0 };
    const size_t n = strlen(was);
    for (const char *s = text; *s;) {
        const bool begins = s == text
                         || !(isalnum((unsigned char)s[-1]) || strchr("_.@", s[-1]));
        if (begins && !strncmp(s, was, n) && !isalnum((unsigned char)s[n]) && s[n] != '_'
            && s[n] != '.') {
            buf_puts(&b, is);
            s += n;
        } else buf_putc(&b, *s++);
    }
    char *r = arena_strndup(a, b.s, b.len);
    buf_free(&b);
    return r;
}

static void change_words(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    static const char *const pairs[][2] = { { "fp16", "fp32" },     { "true", "false" },
                                            { "false", "true" },    { "valid", "same" },
                                            { "relu", "identity" }, { "matmul", "mul" },
                                            { "add", "mul" },       { "mul", "add" },
                                            { "fp32", "fp16" } };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const char *other = near_with(a, text, pairs[i][0], pairs[i][1]);
        if (strcmp(other, text) != 0) fn(ctx, other, pairs[i][0]);
    }
    const char *turned = near_with(
        a, near_with(a, near_with(a, text, "x", "x_y"), "y", "x"), "x_y", "y");
    if (strcmp(turned, text) != 0) fn(ctx, turned, "x and y");
}

static void change_numbers(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    long seen[32];
    int count = 0;
    for (const char *s = text; *s && count < 32; s++) {
        if (!isdigit((unsigned char)*s) || isalnum((unsigned char)s[-1])
            || strchr("_.", s[-1]))
            continue;
        const long v = strtol(s, NULL, 10);
        bool again = false;
        for (int i = 0; i < count; i++) again = again || seen[i] == v;
        if (again || s[strspn(s, "0123456789")] == '.') continue;
        seen[count++] = v;
        const long to[] = { v + 1, v - 1, 2 * v, 1 };
        for (size_t k = 0; k < COUNT(to); k++)
            if (to[k] >= 0 && to[k] != v && (k == 0 || to[k] != to[0]))
                fn(ctx,
                   near_with(a, text, arena_printf(a, "%ld", v),
                             arena_printf(a, "%ld", to[k])),
                   arena_printf(a, "%ld is %ld", v, to[k]));
    }
}

/* ---- everything twice -------------------------------------------------------------------- */

typedef struct {
    const char *at[64];
    size_t len[64];
    int count;
} NearNames;

static size_t word_of(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_') n++;
    return n;
}

static bool begins_word(const char *text, const char *s)
{
    return word_of(s) && (s == text || !(word_of(s - 1) || strchr("./@", s[-1])));
}

/* What stands before and behind a word, blanks aside. */
static char before(const char *text, const char *s)
{
    while (s > text && isspace((unsigned char)s[-1])) s--;
    return s == text ? 0 : s[-1];
}

static char behind(const char *s)
{
    s += word_of(s);
    return s[strspn(s, " \n")];
}

/* A name follows its type, and what is given a name or is one of several stands behind it. */
static void names_in(const char *text, const char *end, NearNames *out)
{
    for (const char *s = text; s < end; s++) {
        const char b = begins_word(text, s) ? before(text, s) : 0;
        if (b != '>' && !isalnum((unsigned char)b)) continue;
        if (!strchr("=,|", behind(s)) || out->count == COUNT(out->at)) continue;
        out->at[out->count] = s;
        out->len[out->count++] = word_of(s);
    }
}

/* With other names, but for those of arguments. */
static void put_renamed(Buf *b, const char *text, const char *end, const NearNames *names)
{
    for (const char *s = text; s < end;) {
        const size_t n = begins_word(text, s) ? word_of(s) : 1;
        bool found = false;
        for (int i = 0; i < names->count; i++)
            found = found || (names->len[i] == n && !memcmp(names->at[i], s, n));
        if (behind(s) == '=' && strchr("(,[", before(text, s))) found = false;
        buf_add(b, s, n);
        if (found && begins_word(text, s)) buf_puts(b, "_2");
        s += n;
    }
}

/* Two of what the program has one of, of other inputs: who visits all must not end at the
 * first. */
static void change_count(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    NearNames names = { .count = 0 };
    Buf b = { 0 };
    const char *body = strchr(text, '|'), *results = body ? strrchr(text, '|') : NULL;
    if (!results) return;
    names_in(text, results, &names);
    const char *part[] = {
        text, body, body + 1, results, results + 1, text + strlen(text)
    };
    for (int i = 0; i < 6; i += 2) {
        const bool joined = i != 2
                         && strspn(part[i], " \n") < (size_t)(part[i + 1] - part[i]);
        if (i) buf_puts(&b, " | ");
        buf_add(&b, part[i], (size_t)(part[i + 1] - part[i]));
        if (joined) buf_puts(&b, ", ");
        put_renamed(&b, part[i], part[i + 1], &names);
    }
    fn(ctx, arena_strndup(a, b.s, b.len), "twice");
    buf_free(&b);
}

/* ---- in a block -------------------------------------------------------------------------- */

/* Where the last op begins. */
static const char *last_op(const char *body, const char *end)
{
    const char *begin = body, *last = body;
    int depth = 0;
    for (bool quoted = false; body < end; body++) {
        if (*body == '"') quoted = !quoted;
        if (quoted) continue;
        if (strchr("([{", *body)) depth++;
        if (strchr(")]}", *body)) depth--;
        if (depth || *body != ';') continue;
        last = begin;
        begin = body + 1;
    }
    return last;
}

/* The ops from there on in both branches of a choice, in one of them by other names: who goes
 * through the ops of a function goes through those of its blocks. */
static void put_in_block(Arena *a, const char *text, const char *from, const char *by,
                         NearFn *fn, void *ctx)
{
    NearNames names = { .count = 0 };
    Buf b = { 0 }, out = { 0 };
    const char *body = strchr(text, '|'), *results = strrchr(text, '|');
    const char *end = text + strlen(text);
    const bool none = body == text + strspn(text, " \n");
    names_in(from, results, &names);
    buf_printf(&b, "%.*s%sbool near_p | %.*s", (int)(body - text), text, none ? "" : ", ",
               (int)(from - body - 1), body + 1);
    for (const char *s = results + 1; s < end; s += word_of(s) + !word_of(s)) {
        if (!word_of(s)) continue;
        buf_printf(&b, "%stensor<fp16, [1]> near_%zu", out.len ? ", " : "", out.len);
        buf_printf(&out, "%snear_%zu", out.len ? ", " : "", out.len);
    }
    buf_puts(&b, " = cond(pred = near_p)[name = string(\"near_0\")] block0() { ");
    buf_add(&b, from, (size_t)(results - from));
    buf_printf(&b, "} -> (%s), block1() { ", results + 1);
    put_renamed(&b, from, results, &names);
    buf_puts(&b, "} -> (");
    put_renamed(&b, results + 1, end, &names);
    buf_printf(&b, "); | %s", out.s);
    fn(ctx, arena_strndup(a, b.s, b.len), by);
    buf_free(&b);
    buf_free(&out);
}

static void change_block(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    const char *body = strchr(text, '|') + 1, *results = strrchr(text, '|');
    const char *last = last_op(body, results);
    if (strstr(text, "block0") || !results[1 + strspn(results + 1, " \n")]) return;
    put_in_block(a, text, body, "in a block", fn, ctx);
    if (last > body) put_in_block(a, text, last, "the last in a block", fn, ctx);
}

/* ---- other values ------------------------------------------------------------------------ */

static char *spliced(Arena *a, const char *text, const char *at, size_t n,
                     const char *with)
{
    return arena_printf(a, "%.*s%s%s", (int)(at - text), text, with, at + n);
}

/* Of an argument: where its name begins, and its value begins and ends. */
typedef struct {
    const char *name, *value, *end;
} NearArg;

typedef struct {
    NearArg at[64];
    int count;
} NearArgs;

static const char *value_end(const char *s)
{
    int depth = 0;
    for (bool quoted = false; *s; s++) {
        if (*s == '"') quoted = !quoted;
        if (quoted) continue;
        if (!depth && strchr(",)", *s)) break;
        if (strchr("([{<", *s)) depth++;
        if (strchr(")]}>", *s)) depth--;
    }
    return s;
}

/* What a call takes, from behind its parenthesis on; where it ends. */
static const char *args_of(const char *s, NearArgs *out)
{
    while (*s && *s != ')' && out->count < (int)COUNT(out->at)) {
        s += strspn(s, ", \n");
        NearArg *arg = &out->at[out->count];
        arg->name = s;
        s += word_of(s);
        s += strspn(s, " =");
        arg->value = s;
        arg->end = s = value_end(s);
        out->count += arg->value > arg->name;
    }
    return s;
}

static void args_in(const char *s, const char *end, NearArgs *out)
{
    int depth = 0;
    for (bool quoted = false; s < end; s++) {
        if (*s == '"') quoted = !quoted;
        if (quoted) continue;
        if (!depth && *s == '(') s = args_of(s + 1, out);
        else if (strchr("([{<", *s)) depth++;
        else if (strchr(")]}>", *s)) depth--;
    }
}

/* Every value where another is used. */
static void change_use(Arena *a, const char *text, const NearArg *arg,
                       const NearNames *names, NearFn *fn, void *ctx)
{
    for (const char *s = arg->value; s < arg->end; s++) {
        const size_t n = begins_word(text, s) ? word_of(s) : 0;
        bool is_value = false;
        for (int i = 0; n && i < names->count; i++)
            is_value = is_value || (names->len[i] == n && !memcmp(names->at[i], s, n));
        for (int i = 0; is_value && i < names->count && i < 6; i++) {
            const char *other = arena_strndup(a, names->at[i], names->len[i]);
            if (names->len[i] == n && !memcmp(other, s, n)) continue;
            fn(ctx, spliced(a, text, s, n, other), arena_printf(a, "%s used", other));
        }
        if (n) s += n - 1;
    }
}

static void change_absent(Arena *a, const char *text, const NearArg *arg, NearFn *fn,
                          void *ctx)
{
    const size_t n = (size_t)(arg->end - arg->name) + (*arg->end == ',' ? 2 : 0);
    fn(ctx, spliced(a, text, arg->name, n, ""),
       arena_printf(a, "no %.*s", (int)word_of(arg->name), arg->name));
}

/* A literal that comes from outside, as an input. */
static void change_known(Arena *a, const char *text, const NearArg *arg, NearFn *fn,
                         void *ctx)
{
    const size_t n = word_of(arg->value);
    const char *open = arg->value + n, *type;
    if (n < 3 || !strncmp(arg->value, "string", n)) return;
    if (*open == '<') {
        for (int depth = 0; *open; open++) {
            depth += (*open == '<') - (*open == '>');
            if (!depth) break;
        }
        type = arena_strndup(a, arg->value, (size_t)(++open - arg->value));
    } else type = arena_printf(a, "tensor<%.*s, []>", (int)n, arg->value);
    if (*open != '(') return;
    const char *body = spliced(a, text, arg->value, (size_t)(arg->end - arg->value),
                               "near_in");
    const bool first = text[strspn(text, " \n")] == '|';
    fn(ctx, arena_printf(a, "%s near_in%s%s", type, first ? " " : ", ", body),
       arena_printf(a, "%.*s not known", (int)word_of(arg->name), arg->name));
}

/* What is inside is seen outside as well, so that it has to stay. */
static void change_results(Arena *a, const char *text, const NearNames *names, NearFn *fn,
                           void *ctx)
{
    for (int i = 0; i < names->count; i++) {
        const char *name = arena_strndup(a, names->at[i], names->len[i]);
        fn(ctx, arena_printf(a, "%s, %s", text, name),
           arena_printf(a, "%s a result", name));
    }
}

/* Dimensions of inputs that are not known. */
static void change_dims(Arena *a, const char *text, const char *end, NearFn *fn,
                        void *ctx)
{
    Buf all = { 0 };
    const char *from = text;
    int count = 0;
    for (const char *s = text; s < end; s++) {
        const size_t n = strspn(s, "0123456789");
        if (!n || s == text || !strchr(" [", s[-1]) || !strchr(",]", s[n])) continue;
        if (count++ < 8) fn(ctx, spliced(a, text, s, n, "?"), "one extent unknown");
        buf_add(&all, from, (size_t)(s - from));
        buf_putc(&all, '?');
        from = s + n;
    }
    buf_puts(&all, from);
    if (count > 1) fn(ctx, arena_strndup(a, all.s, all.len), "no extent known");
    buf_free(&all);
}

/* Tensors of floats with an axis more in front. */
static void change_rank(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    Buf b = { 0 };
    for (const char *s = text; *s; s++) {
        const bool shape = *s == '[' && s - text > 6
                        && (!strncmp(s - 6, "fp16, ", 6) || !strncmp(s - 6, "fp32, ", 6));
        buf_putc(&b, *s);
        if (shape && s[1] != ']') buf_puts(&b, "1, ");
    }
    fn(ctx, arena_strndup(a, b.s, b.len), "an axis more");
    buf_free(&b);
}

/* Tensors without their first axis. */
static void change_less(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    Buf b = { 0 };
    for (const char *s = text; *s; s++) {
        const bool shape = *s == '[' && s - text > 6
                        && (!strncmp(s - 6, "fp16, ", 6) || !strncmp(s - 6, "fp32, ", 6));
        const size_t n = shape ? strspn(s + 1, "0123456789") : 0;
        buf_putc(&b, *s);
        if (n && s[1 + n] == ',') s += n + 2;
    }
    fn(ctx, arena_strndup(a, b.s, b.len), "an axis less");
    buf_free(&b);
}

static void change_types(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    static const char *const pairs[][2] = { { "fp16", "int32" },  { "fp32", "int32" },
                                            { "fp16", "bool" },   { "int32", "fp32" },
                                            { "int32", "int16" }, { "bool", "fp16" },
                                            { "fp32", "int8" } };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const char *other = near_with(a, text, pairs[i][0], pairs[i][1]);
        if (strcmp(other, text) != 0) fn(ctx, other, pairs[i][1]);
    }
}

/* A number in one place of several. */
static void change_places(Arena *a, const char *text, const char *end, NearFn *fn,
                          void *ctx)
{
    int count = 0;
    for (const char *s = text + 1; s < end && count < 40; s++) {
        const size_t n = isdigit((unsigned char)*s) ? strspn(s, "0123456789.") : 0;
        if (!n || isalnum((unsigned char)s[-1]) || strchr("_.", s[-1])) continue;
        const long v = strtol(s, NULL, 10);
        count++;
        fn(ctx, spliced(a, text, s, n, arena_printf(a, "%ld", v + 1)),
           "one more in a place");
        fn(ctx, spliced(a, text, s, n, v ? "0" : "-1"), "another in a place");
        s += n - 1;
    }
}

void near_values(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    NearNames names = { .count = 0 };
    NearArgs args = { .count = 0 };
    const char *body = strchr(text, '|'), *results = body ? strrchr(text, '|') : NULL;
    if (!results) return;
    names_in(text, results, &names);
    args_in(body, results, &args);
    for (int i = 0; i < args.count; i++) {
        change_use(a, text, &args.at[i], &names, fn, ctx);
        change_absent(a, text, &args.at[i], fn, ctx);
        change_known(a, text, &args.at[i], fn, ctx);
    }
    change_results(a, text, &names, fn, ctx);
    change_dims(a, text, body, fn, ctx);
    change_rank(a, text, fn, ctx);
    change_less(a, text, fn, ctx);
    change_types(a, text, fn, ctx);
    change_places(a, text, results, fn, ctx);
    change_block(a, text, fn, ctx);
}

void near_words(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    fn(ctx, text, "as it is");
    change_count(a, text, fn, ctx);
    change_words(a, text, fn, ctx);
    change_numbers(a, text, fn, ctx);
}

void near_each(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    near_words(a, text, fn, ctx);
    near_values(a, text, fn, ctx);
}
