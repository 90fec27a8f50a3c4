/* rewritten.c -- programs in short lines: an op a line, literals where they are used. */
#include "rewritten.h"

#include <stdio.h>

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"
#include "unit.h"

enum { SHOWN = 96, MOST_LINES = 60 }; /* of a literal's text; of a program's ops */

typedef struct {
    Buf *out;
    Arena scratch;
    int lines;
} Lines;

static uint64_t sum_of(const char *s, size_t n)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)s[i]) * UINT64_C(1099511628211);
    return h;
}

/* A long text ends in its sum, so that no number of it changes without a word. */
static void put_cut(Buf *out, const char *s, size_t n)
{
    if (n <= SHOWN) buf_add(out, s, n);
    else buf_printf(out, "%.*s.. %016llx", SHOWN, s, (unsigned long long)sum_of(s, n));
}

static void put_value(Lines *l, const Value *v)
{
    Buf text = { 0 };
    if (!value_lit(v)) {
        buf_puts(l->out, v->name);
        return;
    }
    mil_print_const(value_lit(v), true, &text);
    put_cut(l->out, text.s, text.len);
    buf_free(&text);
}

static bool put_op(void *ctx, Op *op)
{
    Lines *l = ctx;
    if (op->kind == OP_const) return true;
    for (int i = 0; i < op->nout; i++)
        buf_printf(l->out, "%s%s %s", i ? ", " : "  ",
                   type_text(&l->scratch, op->out[i]->type), op->out[i]->name);
    buf_printf(l->out, " = %s", op_name(op));
    if (op->opset) buf_printf(l->out, "<%s>", opset_text((Opset)op->opset));
    for (int i = 0; i < op->narg; i++) {
        buf_printf(l->out, "%s%s =", i ? ", " : "(", arg_name(&op->arg[i]));
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            buf_putc(l->out, ' ');
            put_value(l, op->arg[i].val[k]);
        }
    }
    buf_puts(l->out, op->narg ? ")\n" : "()\n");
    for (int i = 0; i < op_nblock(op); i++)
        for (int k = 0; k < op_block(op, i)->nresult; k++)
            buf_printf(l->out, "    block %d yields %s\n", i,
                       op_block(op, i)->result[k]->name ? op_block(op, i)->result[k]->name
                                                        : "?");
    l->lines++;
    return true;
}

void rewritten_add(Rewritten *r, const char *of, const char *from, const Module *m)
{
    Buf text = { 0 };
    Lines l = { .out = &text };
    Func *f = module_main(m);
    buf_printf(&r->text, "%s: ", of);
    put_cut(&r->text, from, strlen(from));
    buf_putc(&r->text, '\n');
    for (int i = 0; i < f->body->nparam; i++)
        buf_printf(&r->text, "  %s %s\n", type_text(&l.scratch, f->body->param[i]->type),
                   f->body->param[i]->name);
    func_walk(f, put_op, &l);
    if (l.lines <= MOST_LINES) buf_add(&r->text, text.s ? text.s : "", text.len);
    else
        buf_printf(&r->text, "  %d ops, %016llx\n", l.lines,
                   (unsigned long long)sum_of(text.s, text.len));
    buf_puts(&r->text, "  ->");
    for (int i = 0; i < f->body->nresult; i++)
        buf_printf(&r->text, " %s", f->body->result[i]->name);
    buf_puts(&r->text, "\n\n");
    buf_free(&text);
    arena_free(&l.scratch);
}

static size_t line_end(const char *s) { return strcspn(s, "\n"); }

void rewritten_end(Rewritten *r)
{
    Arena a = { 0 };
    Diag d = { 0 };
    Mapped file = { 0 };
    const char *now = r->text.s ? r->text.s : "";
    if (getenv("ANEC_WRITE")) {
        FILE *f = fopen(r->path, "w");
        assert_non_null(f);
        fputs(now, f);
        assert_int_equal(fclose(f), 0);
    }
    assert_true(file_read(&d, r->path, &file));
    const char *was = arena_strndup(&a, (const char *)file.data, file.size), *head = now;
    while (*was && line_end(was) == line_end(now) && !strncmp(was, now, line_end(now))) {
        if (*now && *now != ' ' && *now != '\n') head = now;
        was += line_end(was) + (was[line_end(was)] == '\n');
        now += line_end(now) + (now[line_end(now)] == '\n');
    }
    if (*was || *now)
        fail_msg("%s: %.*s\nhas\n%.*s\nand not\n%.*s\n`make golden` writes it anew",
                 r->path, (int)line_end(head), head, (int)line_end(now), now,
                 (int)line_end(was), was);
    file_unmap(&file);
    arena_free(&a);
    buf_free(&r->text);
}
