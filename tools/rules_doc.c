/* rules_doc.c -- writes docs/targets.md from the tables: chips, rules, limits, operations,
 * sources. */
#include "views.h"

#include <string.h>

/* A cell of a table: what would end it is written another way. */
static void put_cell(Buf *out, const char *text)
{
    buf_puts(out, "| ");
    for (const char *s = text; s && *s; s++) {
        if (*s == '|') buf_puts(out, "\\|");
        else buf_putc(out, *s);
    }
    buf_putc(out, ' ');
}

static void put_intro(Buf *out)
{
    Arena a = { 0 };
    const char *chip = generation_at(0)->name;
    buf_printf(
        out,
        "# Chips, and what they refuse or get wrong\n\n"
        "Written by `make docs` from `ir/targets/*.def`; change those. **Nothing here was verified on a device "
        "by this project**: it is\n"
        "what others reported, with who saw it where, and what contradicts it. A machine of your own can settle "
        "it: `aneprobe`\n"
        "measures rules and writes a profile that `anec --profile` uses instead of the tables.\n\n"
        "    anec --check --target %s model.mil     what that chip would refuse or get wrong, and the fix\n"
        "    anec --target %s -o new.mil model.mil  the fixes applied\n"
        "    anec --explain width-slice             one rule, a finding (C100) or an operation, with its evidence\n"
        "    anec --list-rules --target %s          those of one chip; --json for tools\n"
        "    anec -Wno-RULE, -Werror=RULE           silence or promote one; -Wno-error=RULE makes it a warning\n\n"
        "A rule that is measured, or derived from the compiler's own tables, is an error when it is broken, unless "
        "it costs speed or\n"
        "accuracy alone; what is reported by one is a warning. Contradicted rules are one line of `--check`, and each "
        "by itself with\n"
        "`-Wcontradicted`; those about speed and accuracy are warnings of `--check`. Neither is mentioned while "
        "compiling. Letters, a chip each, %s: `M` measured by "
        "several, `m` by one,\n"
        "`d` derived from the compiler's tables or the generation, `r` reported, `c` contradicted, `.` seen not to "
        "hold, `?` nothing\n"
        "known; behind them the releases of macOS it was seen on, `27.2+`: it holds from that one on. `generic` takes the strongest of them. A pass applies the fix where the rule stands as reported or "
        "better; `*`: where\n"
        "it is contradicted too, because that costs little; `**`: only where a profile measured it. `no pass`: the user has to, and why.\n",
        chip, chip, chip, generation_list(&a));
    arena_free(&a);
}

static void put_targets(Buf *out)
{
    buf_puts(
        out,
        "\n## Targets\n\n| target | chips | program | opset | boundary | reported |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < target_count; i++) {
        const Target *t = &targets[i];
        put_cell(out, t->name);
        put_cell(out, t->doc);
        put_cell(out, target_version(t));
        put_cell(out, opset_text(target_opset(t)));
        put_cell(out, target_io(t) == IO_FP32   ? "fp32"
                      : target_io(t) == IO_FP16 ? "fp16"
                                                : "as declared");
        buf_puts(out, t->base >= 0 && !t->arch ? "| as its base; of itself: " : "| ");
        buf_printf(out, "%s |\n", t->evidence);
    }
    buf_printf(
        out,
        "\nA target may name a release of macOS, `--target CHIP,26.5`: rules and numbers that hold from some release on, or "
        "before one, are\nthose of that release. Without one it is the newest that is known, %s. A chip that nobody has measured "
        "has the\nrules of the chip it is taken for, each at most derived.\n",
        release_newest());
}

static void put_pass(Buf *out, const Rule *r)
{
    static const char *const mark[] = { [FIXES_NEVER] = "",
                                        [FIXES_HOLDS] = "",
                                        [FIXES_DOUBT] = " *",
                                        [FIXES_PROFILE] = " **" };
    Buf cell = { 0 };
    buf_puts(&cell, r->fix);
    if (r->pass) buf_printf(&cell, " (`%s`%s)", r->pass, mark[r->fixes]);
    else buf_printf(&cell, " (no pass: %s)", r->left);
    put_cell(out, cell.s);
    buf_free(&cell);
}

static void put_rules(Buf *out, bool checked)
{
    buf_puts(
        out,
        "| rule | says | happens | chips, macOS | fix | evidence | against | findings |\n"
        "|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < RULE_COUNT; i++) {
        const Rule *r = &rules[i];
        if ((r->on != ON_RUN) != checked) continue;
        buf_printf(out, "| `%s` (%s) ", r->name, effect_names[r->effect]);
        put_cell(out, r->says);
        put_cell(out, r->happens);
        buf_puts(out, "| `");
        rules_letters(out, &r->facts);
        buf_printf(out, "`%s%s ", r->os ? " " : "", r->os ? r->os : "");
        put_pass(out, r);
        put_cell(out, r->evidence);
        put_cell(out, r->against);
        put_cell(out, r->finding);
        buf_puts(out, "|\n");
    }
}

/* A column a generation: its number, or another one from some release of macOS on. */
static void put_numbers(Buf *out, int limit, const LimitChange *c)
{
    const Target *chip;
    for (int i = 0; (chip = generation_at(i)); i++) {
        const int64_t own = chip_limit(chip, limit), n = c && own >= 0 ? c->number : own;
        if (n < 0) buf_puts(out, "| ? ");
        else buf_printf(out, "| %lld ", (long long)n);
    }
}

static void put_change(Buf *out, const LimitChange *c)
{
    buf_printf(out, "| %s, macOS %s on ", limits[c->limit].name, c->from);
    put_cell(out, limits[c->limit].unit);
    put_numbers(out, c->limit, c);
    put_cell(out, c->evidence);
    buf_puts(out, "| |\n");
}

static void put_limits(Buf *out)
{
    const Target *chip;
    buf_puts(out, "\n## Numbers\n\n`?`: nobody said.\n\n| limit | unit |");
    for (int i = 0; (chip = generation_at(i)); i++) buf_printf(out, " %s |", chip->name);
    buf_puts(out, " evidence | against |\n|---|---|");
    for (int i = 0; generation_at(i); i++) buf_puts(out, "---|");
    buf_puts(out, "---|---|\n");
    for (int i = 0; i < LIMIT_COUNT; i++) {
        const Limit *l = &limits[i];
        put_cell(out, l->name);
        put_cell(out, l->unit);
        put_numbers(out, i, NULL);
        put_cell(out, l->evidence);
        put_cell(out, l->against);
        buf_puts(out, "|\n");
        for (int k = 0; k < limit_change_count; k++)
            if (limit_changes[k].limit == i) put_change(out, &limit_changes[k]);
    }
}

static void put_operations(Buf *out)
{
    buf_puts(
        out,
        "\n## Operations\n\nHow \"the engine refuses it as it is written\" stands; `.`: it runs there.\n\n"
        "| operation | chips | note | evidence | against |\n|---|---|---|---|---|\n");
    for (int i = 0; i < OP_COUNT; i++) {
        const Support *s = &op_support[i];
        const Target *chip;
        put_cell(out, ops[i].name);
        buf_puts(out, "| `");
        for (int k = 0; (chip = generation_at(k)); k++)
            buf_putc(out, standing_letters[target_standing(chip, &op_refusals[i])]);
        buf_puts(out, "` ");
        put_cell(out, s->note);
        put_cell(out, s->evidence);
        put_cell(out, s->against);
        buf_puts(out, "|\n");
    }
}

static void put_sources(Buf *out)
{
    static const struct {
        const char *tag, *what, *weight;
    } sources[] = {
#define SOURCE(t, w, g) { t, w, g },
#include "../ir/targets/sources.def"
    };
    buf_puts(out, "\n## Sources\n\n| tag | what | weight given |\n|---|---|---|\n");
    for (size_t i = 0; i < COUNT(sources); i++) {
        put_cell(out, sources[i].tag);
        put_cell(out, sources[i].what);
        put_cell(out, sources[i].weight);
        buf_puts(out, "|\n");
    }
}

void rules_markdown(Buf *out)
{
    put_intro(out);
    put_targets(out);
    buf_puts(out, "\n## Rules of programs\n\n`anec --check` looks for these.\n\n");
    put_rules(out, true);
    buf_puts(
        out,
        "\n## Rules of running\n\nNothing in a program shows these: the runtime and the simulated engine heed them.\n\n");
    put_rules(out, false);
    put_limits(out);
    put_operations(out);
    put_sources(out);
}
