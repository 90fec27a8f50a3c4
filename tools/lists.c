/* lists.c -- the tables of operations, targets and passes as text. */
#include "lists.h"

#include "../ir/ops/ops.h"
#include "../ir/passes/passes.h"

#include <string.h>

static void put_param(Buf *out, const Param *p)
{
    buf_puts(out, p->name);
    if (p->flags & P_VARIADIC) buf_puts(out, "..");
    if (p->def) buf_printf(out, " = %s", p->def);
    else if (p->flags & P_OPT) buf_putc(out, '?');
    if (p->since) buf_printf(out, " (from ios%d)", p->since);
    if (p->until) buf_printf(out, " (until ios%d)", p->until);
}

/* What keeps an op from being run by the reference, in words. */
static const char *standing(const OpInfo *o)
{
    if (o->flags & F_UNSUPPORTED) return "  [read and printed only]";
    if (o->flags & F_PRIVATE) return "  [not of public Core ML]";
    if (o->flags & F_COMPOSITE) return "  [expands into MIL ops]";
    return "";
}

void list_ops(Buf *out)
{
    for (int i = 0; i < OP_COUNT; i++) {
        const char *sep = "";
        buf_printf(out, "%-34s %s  (", ops[i].name, opset_text(ops[i].since));
        for (const Param *p = ops[i].param; p && p->name; p++) {
            buf_puts(out, sep);
            put_param(out, p);
            sep = ", ";
        }
        buf_printf(out, ")%s\n", standing(&ops[i]));
    }
}

static const char *io_text(IoMode io)
{
    return io == IO_FP32 ? "fp32 inputs and results"
         : io == IO_FP16 ? "fp16 inputs and results"
                         : "inputs and results as declared";
}

void list_targets(Buf *out)
{
    for (int i = 0; i < TARGET_COUNT; i++) {
        const Target *t = &targets[i];
        buf_printf(out, "%-8s program(%s) %s, %s: %s\n         %s%s\n", t->name, t->version,
                   opset_text(t->opset), io_text(t->io), t->doc,
                   t->base[0]            ? "unknown: "
                   : target_has_rules(t) ? "reported, not verified on a device: "
                                         : "",
                   t->evidence);
    }
}

void list_passes(Buf *out)
{
    for (int i = 0; i < pass_count; i++)
        buf_printf(out, "%-12s %s\n", passes[i].name, passes[i].why);
}
