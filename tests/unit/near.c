/* near.c -- programs beside a program, and what passes make of them. */
#include "near.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"

/* ---- other programs ---------------------------------------------------------------------- */

/* The text with one word another, wherever it stands alone. */
static char *with(Arena *a, const char *text, const char *was, const char *is)
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
        const char *other = with(a, text, pairs[i][0], pairs[i][1]);
        if (strcmp(other, text) != 0) fn(ctx, other, pairs[i][0]);
    }
    const char *turned = with(a, with(a, with(a, text, "x", "x_y"), "y", "x"), "x_y", "y");
    if (strcmp(turned, text) != 0) fn(ctx, turned, "x and y");
}

static void change_numbers(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    long seen[32];
    int count = 0;
    for (const char *s = text; *s && count < 32; s++) {
        if (!isdigit((unsigned char)*s) || isalnum((unsigned char)s[-1]) || strchr("_.", s[-1]))
            continue;
        const long v = strtol(s, NULL, 10);
        bool again = false;
        for (int i = 0; i < count; i++) again = again || seen[i] == v;
        if (again || s[strspn(s, "0123456789")] == '.') continue;
        seen[count++] = v;
        const long to[] = { v + 1, v - 1, 2 * v, 1 };
        for (size_t k = 0; k < COUNT(to); k++)
            if (to[k] >= 0 && to[k] != v && (k == 0 || to[k] != to[0]))
                fn(ctx, with(a, text, arena_printf(a, "%ld", v), arena_printf(a, "%ld", to[k])),
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
    const char *part[] = { text, body, body + 1, results, results + 1, text + strlen(text) };
    for (int i = 0; i < 6; i += 2) {
        const bool joined = i != 2 && strspn(part[i], " \n") < (size_t)(part[i + 1] - part[i]);
        if (i) buf_puts(&b, " | ");
        buf_add(&b, part[i], (size_t)(part[i + 1] - part[i]));
        if (joined) buf_puts(&b, ", ");
        put_renamed(&b, part[i], part[i + 1], &names);
    }
    fn(ctx, arena_strndup(a, b.s, b.len), "twice");
    buf_free(&b);
}

void near_each(Arena *a, const char *text, NearFn *fn, void *ctx)
{
    fn(ctx, text, "as it is");
    change_count(a, text, fn, ctx);
    change_words(a, text, fn, ctx);
    change_numbers(a, text, fn, ctx);
}

/* ---- sums -------------------------------------------------------------------------------- */

uint64_t near_sum(uint64_t h, const char *s)
{
    for (; *s; s++) h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
    return h;
}

static bool count(void *ctx, Op *op)
{
    *(int *)ctx += op->kind != OP_const;
    return true;
}

void near_rewrite(Buf *out, Module *m, const PassOptions *o)
{
    Diag d = { .quiet = true };
    Buf text = { 0 };
    int n = 0;
    if (passes_run(m, o, &d)) {
        func_walk(module_main(m), count, &n);
        mil_print(m, &text);
        const uint64_t sum = near_sum(NEAR_START, text.s);
        buf_printf(out, "becomes %d, %08llx", n, (unsigned long long)(sum >> 32));
    } else {
        const char *said = d.text.s ? strstr(d.text.s, "error: ") : NULL;
        if (said) buf_printf(out, "%.*s", (int)strcspn(said, "\n"), said);
    }
    buf_free(&text);
    diag_free(&d);
}

/* ---- of a whole case --------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    const char *opset;
    const PassOptions *options;
    uint64_t sum;
    int programs;
} Near;

static void rewrite(void *ctx, const char *text, const char *by)
{
    Near *n = ctx;
    Diag d = { .quiet = true };
    Buf b = { 0 };
    const char *body = strchr(text, '|'), *results = body ? strrchr(text, '|') : NULL;
    if (!results) return;
    const char *all = arena_printf(
        n->arena, "program(1.3)\n{\nfunc main<%s>(%.*s) {\n%.*s\n} -> (%s);\n}\n", n->opset,
        (int)(body - text), text, (int)(results - body - 1), body + 1, results + 1);
    const Source src = { .name = "near.mil", .text = all, .len = strlen(all) };
    Module *m = mil_read(&d, &src, "/nowhere");
    if (m && module_verify(m, &d, NULL)) {
        near_rewrite(&b, m, n->options);
        n->sum = near_sum(near_sum(n->sum, by), b.s ? b.s : "");
        n->programs++;
    }
    module_free(m);
    buf_free(&b);
    diag_free(&d);
}

void near_case(Buf *out, const char *title, const char *opset, const char *text,
               const PassOptions *o)
{
    Arena a = { 0 };
    Near n = { .arena = &a, .opset = opset, .options = o, .sum = NEAR_START };
    near_each(&a, text, rewrite, &n);
    buf_printf(out, "%s: %d programs, %016llx: %.60s\n", title, n.programs,
               (unsigned long long)n.sum, text);
    arena_free(&a);
}
