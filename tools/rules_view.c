/* rules_view.c -- the rules of the chips as text and JSON. */
#include "views.h"
#include "tool.h"

#include "../lib/report.h"

#include <string.h>

static Standing standing_on(const Rule *r, const Target *chip)
{
    RuleSet one;
    ruleset_init(&one, chip, NULL);
    return rule_stands(&one, (int)(r - rules));
}

void rules_letters(Buf *out, const ChipFacts *f)
{
    for (int i = 0; generation_at(i); i++)
        buf_putc(out, standing_letters[chip_standing(generation_at(i), f)]);
}

/* Whether a rule is worth a line: it stands for the target, or no target was named. */
static bool rules_view_stands(const Rule *r, const RuleSet *rs)
{
    return !rs || rule_stands(rs, (int)(r - rules)) >= STAND_CONTRADICTED;
}

static void list_line(Buf *out, const Rule *r, const RuleSet *rs)
{
    buf_printf(out, "%-18s %-8s ", r->name, effect_names[r->effect]);
    if (rs) buf_printf(out, "%-20s ", standing_names[rule_stands(rs, (int)(r - rules))]);
    else {
        rules_letters(out, &r->facts);
        buf_puts(out, "  ");
    }
    buf_printf(out, "%s%s%s%s\n", r->says, r->finding ? " (" : "",
               r->finding ? r->finding : "", r->finding ? ")" : "");
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void add_chips(cJSON *o, const Rule *r, const RuleSet *rs)
{
    if (rs) {
        json_word(o, "target", rs->target->name);
        json_word(o, "standing", standing_names[rule_stands(rs, (int)(r - rules))]);
        return;
    }
    cJSON *by = json_item(o, "standing", cJSON_CreateObject());
    const Target *chip;
    for (int i = 0; (chip = generation_at(i)); i++)
        json_word(by, chip->name, standing_names[standing_on(r, chip)]);
}

static cJSON *rule_json(const Rule *r, const RuleSet *rs)
{
    cJSON *o = json_root(cJSON_CreateObject());
    json_word(o, "rule", r->name);
    json_word(o, "findings", r->finding);
    json_word(o, "effect", effect_names[r->effect]);
    json_item(o, "checked", cJSON_CreateBool(r->on != ON_RUN));
    add_chips(o, r, rs);
    json_word(o, "os", r->os);
    json_word(o, "says", r->says);
    json_word(o, "happens", r->happens);
    json_word(o, "fix", r->fix);
    json_word(o, "pass", r->pass);
    json_word(o, "no_pass", r->left);
    json_word(o, "evidence", r->evidence);
    json_word(o, "against", r->against);
    json_item(o, "verified_on_a_device", cJSON_CreateBool(false));
    return o;
}

void rules_list(Buf *out, const RuleSet *rs, bool json)
{
    Arena a = { 0 };
    cJSON *all = json ? json_root(cJSON_CreateArray()) : NULL;
    if (!json)
        buf_puts(out,
                 "Reported by others, not verified on a device by this project; anec "
                 "--explain RULE has the "
                 "evidence.\n");
    if (!json && !rs)
        buf_printf(
            out,
            "A letter a chip, %s: M measured by several, m by one, d derived, r reported, c "
            "contradicted, . not so, ? unknown.\n",
            generation_list(&a));
    arena_free(&a);
    for (int i = 0; i < RULE_COUNT; i++) {
        if (!rules_view_stands(&rules[i], rs)) continue;
        if (json) json_item(all, NULL, rule_json(&rules[i], rs));
        else list_line(out, &rules[i], rs);
    }
    if (json) json_put(out, all);
}

/* ---- one rule ---------------------------------------------------------------------------- */

static void put_field(Buf *out, const char *name, const char *text)
{
    if (text && text[0]) buf_printf(out, "  %-12s %s\n", name, text);
}

static void explain_rule(Buf *out, const Rule *r, const RuleSet *rs)
{
    static const char *const fixed[] = {
        [FIXES_NEVER] = "",
        [FIXES_HOLDS] = "where the rule stands as reported or better",
        [FIXES_DOUBT] = "where the rule is contradicted too: it costs little",
        [FIXES_PROFILE] = "only where a profile measured the rule",
    };
    buf_printf(out, "%s: %s\n", r->name, r->says);
    put_field(out, "effect", effect_names[r->effect]);
    put_field(out, "happens", r->happens);
    put_field(out, "fix", r->fix);
    put_field(out, "no pass", r->left);
    if (r->pass) buf_printf(out, "  %-12s %s, %s\n", "pass", r->pass, fixed[r->fixes]);
    if (rs) {
        const int i = (int)(r - rules);
        buf_printf(out, "  %-12s %s", rs->target->name,
                   standing_names[rule_stands(rs, i)]);
        if (rs->profiled[i]) buf_puts(out, " (by the profile)");
        else if (!rule_on_release(i, rs->os)) buf_printf(out, " on macOS %s", rs->os);
        buf_putc(out, '\n');
    } else {
        const Target *chip;
        for (int i = 0; (chip = generation_at(i)); i++)
            put_field(out, chip->name, standing_names[standing_on(r, chip)]);
    }
    put_field(out, "macOS", r->os);
    put_field(out, "evidence", r->evidence);
    put_field(out, "against", r->against);
    put_field(out, "findings", r->finding);
    put_field(out, "checked",
              r->on == ON_RUN ? "no: nothing in a program shows it"
                              : "by anec --check --target CHIP");
    put_field(out, "verified", "not on a device by this project");
}

static cJSON *support_json(int row)
{
    const Support *s = &op_support[row];
    cJSON *o = json_root(cJSON_CreateObject()), *by;
    json_word(o, "operation", ops[row].name);
    by = json_item(o, "refused", cJSON_CreateObject());
    const Target *chip;
    for (int i = 0; (chip = generation_at(i)); i++) {
        RuleSet rs;
        ruleset_init(&rs, chip, NULL);
        json_word(by, chip->name, standing_names[op_refused(&rs, row)]);
    }
    json_word(o, "note", s->note);
    json_word(o, "evidence", s->evidence);
    json_word(o, "against", s->against);
    json_item(o, "verified_on_a_device", cJSON_CreateBool(false));
    return o;
}

static void explain_op(Buf *out, int row)
{
    const Support *s = &op_support[row];
    buf_printf(out, "%s, an operation, on the engine:\n", ops[row].name);
    const Target *chip;
    for (int i = 0; (chip = generation_at(i)); i++) {
        RuleSet rs;
        ruleset_init(&rs, chip, NULL);
        Standing st = op_refused(&rs, row);
        const char *says = st == STAND_NOT     ? "runs"
                         : st == STAND_UNKNOWN ? "nothing known"
                                               : "refused, ";
        buf_printf(out, "  %-12s %s%s\n", chip->name, says,
                   st >= STAND_CONTRADICTED ? standing_names[st] : "");
    }
    put_field(out, "note", s->note);
    put_field(out, "evidence", s->evidence);
    put_field(out, "against", s->against);
    put_field(out, "verified", "not on a device by this project");
}

bool rules_explain(Buf *out, const RuleSet *rs, const char *what, bool json)
{
    int found[RULE_COUNT];
    const int n = rule_lookup(what, found, RULE_COUNT), row = op_find(what);
    if (!n && row < 0) return false;
    cJSON *all = json ? json_root(cJSON_CreateArray()) : NULL;
    for (int i = 0; i < n; i++) {
        if (json) json_item(all, NULL, rule_json(&rules[found[i]], rs));
        else explain_rule(out, &rules[found[i]], rs);
        if (!json && (i + 1 < n || row >= 0)) buf_putc(out, '\n');
    }
    if (row >= 0 && json) json_item(all, NULL, support_json(row));
    else if (row >= 0) explain_op(out, row);
    if (json) json_put(out, all);
    return true;
}

const char *rules_nearest(const char *what)
{
    const char *known[RULE_COUNT];
    for (int i = 0; i < RULE_COUNT; i++) known[i] = rules[i].name;
    return name_nearest(what, known, RULE_COUNT);
}

/* ---- what a program breaks --------------------------------------------------------------- */

static void add_break(void *ctx, const RuleBreak *b)
{
    cJSON *o = rule_json(b->rule, NULL);
    told_message(o, b->level == LEVEL_ERROR ? "error" : "warning", b->message, b->loc);
    if (b->left && b->rule->pass) { /* there is one, and it leaves this */
        cJSON_DeleteItemFromObject(o, "pass");
        json_word(o, "no_pass", b->left);
    }
    cJSON_DeleteItemFromObject(o, "standing");
    json_word(o, "standing", standing_names[b->standing]);
    if (b->func) json_word(o, "function", b->func->name);
    if (b->op) json_word(o, "operation", op_name(b->op));
    if (b->op && b->op->nout) json_word(o, "value", b->op->out[0]->name);
    json_item(ctx, NULL, o);
}

void rules_check_json(cJSON *all, Diag *d, Module *m, const RuleSet *rs)
{
    const int errors = rules_check(m, rs, d, add_break, all);
    if (errors > 0) d->errors += errors;
}
