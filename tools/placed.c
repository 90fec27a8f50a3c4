/* placed.c -- --plan: where each op would run, engine or processor, and what it costs by published
 * figures: as text and as JSON. */
#include "views.h"

#include "../ir/ops/ops.h"
#include "../lib/report.h"

#include <string.h>

const char *placed_side(bool engine) { return engine ? "engine" : "processor"; }

const char *placed_value(const PlacedOp *o)
{
    return o->op->nout ? o->op->out[0]->name : "";
}

/* ---- text -------------------------------------------------------------------------------- */

static void placed_figures(Buf *out, const Target *t)
{
    buf_puts(out, "figures, none of them verified on a device:\n");
    for (int i = 0; i < COST_COUNT; i++) {
        const ChipCost c = target_cost(t, (CostId)i);
        buf_printf(out, "  %-9s %g", costs[i].name, c.low);
        if (c.high > c.low) buf_printf(out, " to %g", c.high);
        buf_printf(out, " %s  %s (%s)\n", costs[i].unit, costs[i].doc, costs[i].evidence);
    }
}

const char *placed_reason(Arena *a, const PlacedOp *o)
{
    switch (o->reason) {
    case PLACED_ENGINE:
        return NULL;
    case PLACED_ASIDE:
        return "in front of the engine's part or behind it";
    case PLACED_RULE:
        return o->why;
    case PLACED_COST:
        return arena_printf(
            a,
            "%d op%s would save %.1f us on the engine, a dispatch costs %.1f us, copies %.1f us",
            o->saving->ops, o->saving->ops == 1 ? "" : "s", o->saving->saves,
            o->saving->dispatch, o->saving->copies);
    case PLACED_UNCUT:
        return "what it reads or makes cannot go over to an engine";
    case PLACED_STATES:
        return "a program with states stays one";
    }
    return NULL;
}

const char *placed_word(const PlacedOp *o)
{
    static const char *const words[] = {
        "", "aside", "rule", "by cost", "uncut", "states"
    };
    return o->rule ? o->rule->name : words[o->reason];
}

static void placed_op(Buf *out, const PlacedOp *o, bool engine, Arena *a)
{
    const CostWork *w = &o->work;
    buf_printf(out, "  %-24s %-24s %10.1f us %14.0f macs %12.0f bytes", op_name(o->op),
               placed_value(o), o->us[engine].middle, w->macs, w->weights + w->values);
    if (o->reason != PLACED_ENGINE)
        buf_printf(out, "  processor: %s: %s", placed_word(o), placed_reason(a, o));
    if (o->rule && o->rule->evidence) buf_printf(out, " [%s]", o->rule->evidence);
    buf_putc(out, '\n');
}

const char *placed_about(Arena *a, CostUs us)
{
    return us.most - us.least < 0.5 ? arena_printf(a, "about %.0f us", us.middle)
                                    : arena_printf(a, "about %.0f us (%.0f to %.0f)",
                                                   us.middle, us.least, us.most);
}

const char *placed_hint(Arena *a, const Placement *at)
{
    return at->slower
             ? arena_printf(a,
                            "the processor alone is predicted at %.0f us, less than the "
                            "%.0f us that the engine takes at least; `--backend cpu` "
                            "runs it there",
                            at->alone.middle, at->us.least)
             : NULL;
}

static void placed_func(Buf *out, const Func *f, const Placement *at, const Target *t)
{
    Arena a = { 0 };
    buf_printf(out,
               "func %s for %s: %d part%s, %d of them the engine's; %s, on the "
               "processor alone %.0f us\n",
               f->name, t->name, at->npart, at->npart == 1 ? "" : "s", at->engines,
               placed_about(&a, at->us), at->alone.middle);
    if (at->slower) buf_printf(out, "hint: %s\n", placed_hint(&a, at));
    for (int i = 0; i < at->npart; i++) {
        const PlacedPart *p = &at->part[i];
        buf_printf(out, "part %d on the %s: %s", i + 1, placed_side(p->engine),
                   placed_about(&a, p->us));
        if (i) buf_printf(out, ", %.0f bytes come over", p->bytes);
        buf_putc(out, '\n');
        for (int k = p->from; k < p->to; k++)
            if (!at->op[k].free) placed_op(out, &at->op[k], p->engine, &a);
    }
    arena_free(&a);
}

/* ---- JSON -------------------------------------------------------------------------------- */

static cJSON *json_figures(const Target *t)
{
    cJSON *all = json_root(cJSON_CreateArray());
    for (int i = 0; i < COST_COUNT; i++) {
        const ChipCost c = target_cost(t, (CostId)i);
        cJSON *o = json_item(all, NULL, cJSON_CreateObject());
        json_word(o, "name", costs[i].name);
        json_word(o, "unit", costs[i].unit);
        json_item(o, "low", json_real(c.low));
        json_item(o, "high", json_real(c.high));
        json_word(o, "evidence", costs[i].evidence);
    }
    return all;
}

static void json_cost(cJSON *o, CostUs us)
{
    json_item(o, "us", json_real(us.middle));
    json_item(o, "us_least", json_real(us.least));
    json_item(o, "us_most", json_real(us.most));
}

static cJSON *json_saving(const PlacedSaving *s)
{
    cJSON *o = json_root(cJSON_CreateObject());
    json_item(o, "operations", cJSON_CreateNumber(s->ops));
    json_item(o, "saves_us", json_real(s->saves));
    json_item(o, "dispatch_us", json_real(s->dispatch));
    json_item(o, "copies_us", json_real(s->copies));
    return o;
}

static cJSON *json_placed_op(const PlacedOp *o, bool engine, int part)
{
    static const char *const reasons[] = { "engine", "aside", "rule",
                                           "cost",   "uncut", "states" };
    Arena a = { 0 };
    cJSON *j = json_root(cJSON_CreateObject());
    const bool aside = o->reason == PLACED_ASIDE;
    json_word(j, "op", op_name(o->op));
    json_word(j, "value", placed_value(o));
    json_word(j, "on", placed_side(engine && !aside));
    json_item(j, "part", cJSON_CreateNumber(part + 1));
    json_item(j, "macs", json_real(o->work.macs));
    json_item(j, "bytes", json_real(o->work.weights + o->work.values));
    json_item(j, "processor_us", json_real(o->us[false].middle));
    json_item(j, "engine_us",
              o->rule || aside ? cJSON_CreateNull() : json_real(o->us[true].middle));
    json_word(j, "reason", reasons[o->reason]);
    if (o->rule) json_word(j, "rule", o->rule->name);
    if (o->reason != PLACED_ENGINE) json_word(j, "why", placed_reason(&a, o));
    if (o->rule && o->rule->evidence) json_word(j, "evidence", o->rule->evidence);
    if (o->saving) json_item(j, "saving", json_saving(o->saving));
    arena_free(&a);
    return j;
}

static cJSON *json_placed(const Func *f, const Placement *at)
{
    Arena a = { 0 };
    cJSON *o = json_root(cJSON_CreateObject());
    json_word(o, "name", f->name);
    json_cost(o, at->us);
    json_item(o, "processor_alone_us", json_real(at->alone.middle));
    if (at->slower) json_word(o, "hint", placed_hint(&a, at));
    arena_free(&a);
    cJSON *parts = json_item(o, "parts", cJSON_CreateArray());
    cJSON *list = json_item(o, "operations", cJSON_CreateArray());
    for (int i = 0; i < at->npart; i++) {
        const PlacedPart *p = &at->part[i];
        cJSON *j = json_item(parts, NULL, cJSON_CreateObject());
        json_word(j, "on", placed_side(p->engine));
        json_cost(j, p->us);
        json_item(j, "bytes_over", json_real(p->bytes));
        for (int k = p->from; k < p->to; k++)
            if (!at->op[k].free)
                json_item(list, NULL, json_placed_op(&at->op[k], p->engine, i));
    }
    return o;
}

/* ---- all functions ----------------------------------------------------------------------- */

void placed_text(Buf *out, const char *path, const Module *m, const RuleSet *rs, Diag *d)
{
    Arena a = { 0 };
    Placement at;
    buf_message(out, "%s\n", path);
    for (const Func *f = m->first; f; f = f->next) {
        func_place(f, rs, &a, d, &at);
        placed_func(out, f, &at, rs->target);
    }
    placed_figures(out, rs->target);
    arena_free(&a);
}

void placed_json(Buf *out, const char *path, const Module *m, const RuleSet *rs, Diag *d)
{
    Arena a = { 0 };
    Placement at;
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "file", json_path(path));
    json_word(root, "target", rs->target->name);
    cJSON *list = json_item(root, "functions", cJSON_CreateArray());
    for (const Func *f = m->first; f; f = f->next) {
        func_place(f, rs, &a, d, &at);
        json_item(list, NULL, json_placed(f, &at));
    }
    json_item(root, "figures", json_figures(rs->target));
    json_put(out, root);
    arena_free(&a);
}

void placed_page(Buf *out, const char *path, const Module *m, const RuleSet *rs, Diag *d)
{
    Arena a = { 0 };
    Placement at;
    page_begin(out, path, rs->target);
    for (const Func *f = m->first; f; f = f->next) {
        func_place(f, rs, &a, d, &at);
        page_func(out, f, &at);
    }
    page_end(out, m, rs->target);
    arena_free(&a);
}
