/* lists.c -- the tables of operations, targets and passes as text. */
#include "views.h"

#include "../lib/report.h"
#include "../ir/ops/ops.h"
#include "../ir/passes/passes.h"
#include "../ir/targets/rules.h"

#include <string.h>

static void put_param(Buf *out, const Param *p)
{
    buf_puts(out, param_name(p));
    if (p->flags & P_VARIADIC) buf_puts(out, "..");
    if (param_default(p)) buf_printf(out, " = %s", p->def);
    else if (p->flags & P_OPT) buf_putc(out, '?');
    if (p->since) buf_printf(out, " (from ios%d)", p->since);
    if (p->until) buf_printf(out, " (until ios%d)", p->until);
}

/* What keeps an op from being run by the reference, in words. */
static const char *lists_standing(const OpInfo *o)
{
    if (o->flags & F_UNSUPPORTED) return "  [read and printed only]";
    if (o->flags & F_PRIVATE) return "  [not of public Core ML]";
    return "";
}

void list_op(Buf *out, int kind)
{
    const OpInfo *op = &ops[kind];
    const char *sep = "";
    buf_printf(out, "%-34s %s  (", op->name, opset_text(op->since));
    for (const Param *p = op->param; p && p->id; p++) {
        buf_puts(out, sep);
        put_param(out, p);
        sep = ", ";
    }
    buf_printf(out, ")%s\n", lists_standing(op));
}

void list_ops(Buf *out)
{
    for (int i = 0; i < OP_COUNT; i++) list_op(out, i);
}

static const char *io_text(IoMode io)
{
    return io == IO_FP32 ? "fp32 inputs and results"
         : io == IO_FP16 ? "fp16 inputs and results"
                         : "inputs and results as declared";
}

static const char *io_name(IoMode io)
{
    return io == IO_FP32 ? "fp32" : io == IO_FP16 ? "fp16" : "as declared";
}

void list_targets(Buf *out)
{
    for (int i = 0; i < target_count; i++) {
        const Target *t = &targets[i];
        buf_printf(out, "%-8s program(%s) %s, %s: %s\n         %s%s\n", t->name,
                   target_version(t), opset_text(target_opset(t)), io_text(target_io(t)),
                   t->doc,
                   t->base >= 0 && !t->arch ? "as its base; of itself: "
                   : target_has_rules(t)    ? "reported, not verified on a device: "
                                            : "",
                   t->evidence);
    }
}

void list_targets_json(Buf *out)
{
    cJSON *all = json_root(cJSON_CreateArray());
    for (int i = 0; i < target_count; i++) {
        const Target *t = &targets[i], *base = target_base(t);
        cJSON *o = json_item(all, NULL, cJSON_CreateObject());
        json_item(o, "target", cJSON_CreateString(t->name));
        json_item(o, "what", cJSON_CreateString(t->doc));
        json_item(o, "chip", cJSON_CreateBool(t->chip >= 0));
        if (base) json_item(o, "base", cJSON_CreateString(base->name));
        if (t->arch) json_item(o, "engine", cJSON_CreateString(t->arch));
        json_item(o, "program", cJSON_CreateString(target_version(t)));
        json_item(o, "opset", cJSON_CreateString(opset_text(target_opset(t))));
        json_item(o, "io", cJSON_CreateString(io_name(target_io(t))));
        json_item(o, "evidence", cJSON_CreateString(t->evidence));
        json_item(o, "verified_on_a_device", cJSON_CreateBool(false));
    }
    json_put(out, all);
}

void list_passes(Buf *out)
{
    for (int i = 0; i < pass_count; i++)
        buf_printf(out, "%-12s %s\n", passes[i].name, passes[i].why);
}

static void put_word(Buf *out, const char *word)
{
    buf_printf(out, "%s%s", out->len ? " " : "", word);
}

void list_words(Buf *out, const char *arg)
{
    if (!strcmp(arg, "RULE") || !strcmp(arg, "[no-]NAME"))
        for (int i = 0; i < RULE_COUNT; i++) put_word(out, rules[i].name);
    if (!strcmp(arg, "PASS"))
        for (int i = 0; i < pass_count; i++) put_word(out, passes[i].name);
}
