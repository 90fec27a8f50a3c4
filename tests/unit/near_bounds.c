/* near_bounds.c -- bounds that are found by looking for them. */
#include "near_bounds.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"
#include "near.h"

enum { MOST_NUMBERS = 12, MOST_CHANGES = 4, SHORT = 24 };

typedef struct {
    Arena arena; /* of one program */
    const char *text;
    long number;
    NearSays *says;
    void *ctx;
    Buf said; /* of the last number */
} Bounds;

/* ---- one number -------------------------------------------------------------------------- */

static uint64_t said_of(Bounds *b, long n)
{
    char was[24], is[24];
    snprintf(was, sizeof was, "%ld", b->number);
    snprintf(is, sizeof is, "%ld", n);
    b->said.len = 0;
    b->says(b->ctx, near_with(&b->arena, b->text, was, is), &b->said);
    arena_free(&b->arena);
    return near_sum(NEAR_START, b->said.len ? b->said.s : "");
}

static void put_said(Buf *out, const Bounds *b, uint64_t sum)
{
    if (!b->said.len) buf_puts(out, " -");
    else if (b->said.len <= SHORT) buf_printf(out, " %s", b->said.s);
    else buf_printf(out, " %08llx", (unsigned long long)(sum >> 32));
}

/* Every change between a number, of which `was` is said, and `to`, of which `is`. */
static void put_changes(Buf *out, Bounds *b, long from, uint64_t was, long to,
                        uint64_t is)
{
    for (int i = 0; was != is && i < MOST_CHANGES; i++) {
        long low = from, high = to;
        while (high - low > 1) {
            const long middle = low + (high - low) / 2;
            if (said_of(b, middle) == was) low = middle;
            else high = middle;
        }
        was = said_of(b, high);
        buf_printf(out, "; %ld", high);
        put_said(out, b, was);
        from = high;
    }
}

static void put_number(Buf *out, Bounds *b, long most)
{
    uint64_t was = said_of(b, 0);
    long last = 0;
    buf_printf(out, "    %ld:", b->number);
    put_said(out, b, was);
    for (long n = 1; n <= most; n *= 2) {
        const uint64_t is = said_of(b, n);
        put_changes(out, b, last, was, n, is);
        was = is;
        last = n;
    }
    buf_putc(out, '\n');
}

/* ---- all of a program -------------------------------------------------------------------- */

void near_bounds(Buf *out, const char *text, long most, NearSays *says, void *ctx)
{
    Bounds b = { .text = text, .says = says, .ctx = ctx };
    long seen[MOST_NUMBERS];
    int count = 0;
    for (const char *s = text + 1; *s && count < MOST_NUMBERS; s++) {
        if (!isdigit((unsigned char)*s) || isalnum((unsigned char)s[-1])
            || strchr("_.", s[-1]))
            continue;
        const size_t n = strspn(s, "0123456789");
        bool again = strchr(".e", s[n]) || n > 9;
        b.number = strtol(s, NULL, 10);
        for (int i = 0; i < count; i++) again = again || seen[i] == b.number;
        if (!again) {
            seen[count++] = b.number;
            put_number(out, &b, most);
        }
        s += n - 1;
    }
    buf_free(&b.said);
}

/* ---- what rewrites leave ----------------------------------------------------------------- */

static bool put_op(void *ctx, Op *op)
{
    if (op->kind != OP_const) buf_printf(ctx, "%s ", op_name(op));
    return true;
}

void near_says_ops(void *rewrite, const char *text, Buf *out)
{
    const NearRewrite *r = rewrite;
    Arena a = { 0 };
    Diag d = { .quiet = true };
    const char *body = strchr(text, '|'), *results = strrchr(text, '|');
    const char *all = arena_printf(
        &a, "program(1.3)\n{\nfunc main<%s>(%.*s) {\n%.*s\n} -> (%s);\n}\n", r->opset,
        (int)(body - text), text, (int)(results - body - 1), body + 1, results + 1);
    const Source src = { .name = "near.mil", .text = all, .len = strlen(all) };
    Module *m = near_read(&d, &src);
    if (m && passes_run(m, &r->options, &d)) {
        func_walk(module_main(m), put_op, out);
        if (!out->len) buf_puts(out, "nothing");
    } else if (m) buf_puts(out, "refused");
    module_free(m);
    diag_free(&d);
    arena_free(&a);
}
