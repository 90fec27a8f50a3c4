/* near_case.c -- what passes make of the programs beside a program. */
#include "near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"

/* ---- reading them ------------------------------------------------------------------------ */

Module *near_read(Diag *d, const Source *src)
{
    Diag other = { .quiet = true };
    Module *m = mil_read(d, src, "/nowhere");
    if (m && !module_verify(m, &other, NULL)) func_infer(module_main(m), &other, true);
    diag_free(&other);
    if (!m || module_verify(m, d, NULL)) return m;
    module_free(m);
    return NULL;
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
        n->arena, "program(1.3)\n{\nfunc main<%s>(%.*s) {\n%.*s\n} -> (%s);\n}\n",
        n->opset, (int)(body - text), text, (int)(results - body - 1), body + 1,
        results + 1);
    const Source src = { .name = "near.mil", .text = all, .len = strlen(all) };
    Module *m = near_read(&d, &src);
    if (m && getenv("ANEC_NEAR")) fprintf(stderr, "%s: %s\n", by, text);
    if (m) {
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
