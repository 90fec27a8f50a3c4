/* ops_doc.c -- prints docs/ops.md from the op table; `make docs` calls it.
 *
 * usage: ops-doc > docs/ops.md */
#include "../ir/ops/ops.h"

#include <string.h>

static const Opset opsets[] = { OPSET_IOS15, OPSET_IOS16, OPSET_IOS17, OPSET_IOS18 };

/* ---- types ------------------------------------------------------------------------------- */

static void put_types(Buf *out, DTypes set)
{
    const char *sep = "";
    for (int t = 1; t < DT_COUNT; t++) {
        if (!(set >> t & 1)) continue;
        buf_printf(out, "%s%s", sep, dtypes[t].name);
        sep = ", ";
    }
}

/* The element types in the first opset that has the parameter, then what later ones change. */
static void put_domain(Buf *out, const OpInfo *o, const Param *p)
{
    DTypes before = 0;
    bool any = false;
    if (domain_types(p->dom, OPSET_IOS15) == ~(DTypes)0) {
        buf_puts(out, "any");
        return;
    }
    for (size_t i = 0; i < COUNT(opsets); i++) {
        if (opsets[i] < o->since || !param_in(p, opsets[i])) continue;
        const DTypes now = domain_types(p->dom, opsets[i]);
        if (any && now == before) continue;
        if (any) buf_printf(out, "; from %s ", opset_text(opsets[i]));
        if (any && (now & before) == before) {
            buf_puts(out, "also ");
            put_types(out, now & ~before);
        } else {
            put_types(out, now);
        }
        before = now;
        any = true;
    }
}

/* ---- parameters -------------------------------------------------------------------------- */

static const char *page_kind(const OpInfo *o, const Param *p)
{
    if (p->flags & P_VARIADIC) return "tuple of values";
    if (p->flags & P_CONST_UNTIL_17)
        return o->since >= OPSET_IOS17 ? "value" : "constant; a value from ios17 on";
    if (p->flags & P_SCALAR) return p->flags & P_CONST ? "constant scalar" : "scalar";
    return p->flags & P_CONST ? "constant" : "value";
}

static void put_var(Buf *out, const Param *p)
{
    if (!*p->var) return;
    if (p->var[1] && p->var[1] != p->var[0])
        buf_printf(out, "%c (from ios17 %c): ", p->var[0], p->var[1]);
    else buf_printf(out, "%c: ", p->var[0]);
}

static void put_param(Buf *out, const OpInfo *o, const Param *p)
{
    buf_printf(out, "| `%s` | %s | ", param_name(p), page_kind(o, p));
    put_var(out, p);
    put_domain(out, o, p);
    buf_puts(out, " | ");
    if (param_default(p)) buf_printf(out, "`%s`", p->def);
    else if (p->flags & P_OPT) buf_puts(out, "may be absent");
    if (p->since) buf_printf(out, "%sfrom ios%d", p->flags & P_OPT ? ", " : "", p->since);
    if (p->until)
        buf_printf(out, "%suntil ios%d", p->flags & P_OPT || p->since ? ", " : "",
                   p->until);
    buf_puts(out, " |\n");
}

static void put_params(Buf *out, const OpInfo *o)
{
    if (!o->param->id) return;
    buf_puts(out,
             "\n| parameter | given as | element types | default |\n|---|---|---|---|\n");
    for (const Param *p = o->param; p->id; p++) put_param(out, o, p);
}

/* ---- ops --------------------------------------------------------------------------------- */

static const struct {
    unsigned flag;
    const char *text;
} flags[] = {
    { F_ELEMENTWISE, "Works element by element." },
    { F_COMMUTES, "`x` and `y` may be exchanged." },
    { F_MOVES, "Moves elements without computing." },
    { F_IMPURE, "Has an effect or draws anew each time: never folded or merged." },
    { F_CONSTEXPR,
      "Decodes a compressed weight. Up to ios17 its data stand in the attribute list." },
    { F_BLOCKS, "Has nested blocks." },
    { F_UNSUPPORTED, "Read and printed; running it is an error." },
    { F_PRIVATE, "Of the E5 dialect, not of public Core ML." },
};

/* Statements one a line, then the call and what it results in. */
static void put_example(Buf *out, const OpInfo *o)
{
    if (!o->example) return;
    const char *s = o->example;
    buf_printf(out, "\n```mil\n");
    for (const char *end; (end = strstr(s, "; ")); s = end + 2)
        buf_printf(out, "%.*s;\n", (int)(end - s), s);
    buf_printf(out, "%s(%s)", o->name, s);
    if (o->example_opset) buf_printf(out, "    // ios%d", o->example_opset);
    buf_puts(out, "\n```\nresults in\n```mil\n");
    for (s = o->expect; s;) {
        const char *end = strstr(s, "; ");
        buf_printf(out, "%.*s\n", end ? (int)(end - s) : (int)strlen(s), s);
        s = end ? end + 2 : NULL;
    }
    buf_puts(out, "```\n");
}

static void put_op(Buf *out, const OpInfo *o)
{
    buf_printf(out, "\n### %s\n\nFrom %s on: %s.", o->name, opset_text(o->since), o->doc);
    for (size_t i = 0; i < COUNT(flags); i++)
        if (o->flags & flags[i].flag) buf_printf(out, " %s", flags[i].text);
    buf_putc(out, '\n');
    put_params(out, o);
    put_example(out, o);
}

static bool first_of_family(int op)
{
    for (int i = 0; i < op; i++)
        if (ops[i].family == ops[op].family) return false;
    return true;
}

static void put_family(Buf *out, int first)
{
    buf_printf(out, "\n## %s\n", family_names[ops[first].family]);
    for (int i = first; i < OP_COUNT; i++)
        if (ops[i].family == ops[first].family) put_op(out, &ops[i]);
}

static void put_contents(Buf *out)
{
    for (int i = 0; i < OP_COUNT; i++) {
        if (!first_of_family(i)) continue;
        buf_printf(out, "* [%s](#%s):", family_names[ops[i].family],
                   family_names[ops[i].family]);
        for (int k = i; k < OP_COUNT; k++)
            if (ops[k].family == ops[i].family)
                buf_printf(out, " [%s](#%s)", ops[k].name, ops[k].name);
        buf_putc(out, '\n');
    }
}

int main(void)
{
    Buf out = { 0 };
    buf_puts(
        &out,
        "# Operations\n\n"
        "Every operation of MIL that this toolchain knows. This file is printed from the op table, "
        "`ir/ops/ops.def`, by `make docs`;\n`make check` fails when it is not current. Each example is "
        "also a test: the reference interpreter must give the result shown.\n\n"
        "Parameters stand in the order in which the language takes them by position "
        "([language.md](language.md)). A *constant* must be\nknown at compile time, a *value* need not. "
        "Parameters with the same letter before their types have the same element type; letters\nthat "
        "differ are independent. The number, types and shapes of the results follow from the "
        "arguments; an example shows them.\n\n"
        "Opsets are `ios15` to `ios18`, and `ios26`, which brought no operation, parameter or type of a "
        "parameter: what is\nsaid of `ios18` holds for it. It brought inputs and results of int8, and "
        "tables of integers that are scaled after they were\nlooked up ([containers.md]"
        "(containers.md)).\n\n");
    put_contents(&out);
    for (int i = 0; i < OP_COUNT; i++)
        if (first_of_family(i)) put_family(&out, i);
    const bool ok = fwrite(out.s, 1, out.len, stdout) == out.len && !fflush(stdout);
    buf_free(&out);
    return ok ? 0 : 3;
}
