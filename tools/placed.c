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

static void placed_op(Buf *out, const PlacedOp *o, bool engine)
{
    buf_printf(out, "  %-24s %-24s %10.1f us %14.0f macs %12.0f bytes", op_name(o->op),
               placed_value(o), o->us[engine], o->macs, o->bytes);
    if (o->rule) buf_printf(out, "  %s: %s", o->rule->name, o->why);
    buf_putc(out, '\n');
}

static void placed_func(Buf *out, const Func *f, const Placement *at, const Target *t)
{
    buf_printf(
        out,
        "func %s for %s: %d part%s, %d of them the engine's; about %.0f us, on the "
        "processor alone %.0f us\n",
        f->name, t->name, at->npart, at->npart == 1 ? "" : "s", at->engines, at->us,
        at->alone);
    for (int i = 0; i < at->npart; i++) {
        const PlacedPart *p = &at->part[i];
        buf_printf(out, "part %d on the %s: about %.0f us", i + 1, placed_side(p->engine),
                   p->us);
        if (i) buf_printf(out, ", %.0f bytes come over", p->bytes);
        buf_putc(out, '\n');
        for (int k = p->from; k < p->to; k++)
            if (!at->op[k].free) placed_op(out, &at->op[k], p->engine);
    }
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

static cJSON *json_placed_op(const PlacedOp *o, bool engine, int part)
{
    cJSON *j = json_root(cJSON_CreateObject());
    json_word(j, "op", op_name(o->op));
    json_word(j, "value", placed_value(o));
    json_word(j, "on", placed_side(engine));
    json_item(j, "part", cJSON_CreateNumber(part + 1));
    json_item(j, "macs", json_real(o->macs));
    json_item(j, "bytes", json_real(o->bytes));
    json_item(j, "processor_us", json_real(o->us[false]));
    json_item(j, "engine_us", o->rule ? cJSON_CreateNull() : json_real(o->us[true]));
    if (o->rule) json_word(j, "rule", o->rule->name);
    if (o->rule) json_word(j, "why", o->why);
    if (o->rule) json_word(j, "evidence", o->rule->evidence);
    return j;
}

static cJSON *json_placed(const Func *f, const Placement *at)
{
    cJSON *o = json_root(cJSON_CreateObject());
    json_word(o, "name", f->name);
    json_item(o, "us", json_real(at->us));
    json_item(o, "processor_alone_us", json_real(at->alone));
    cJSON *parts = json_item(o, "parts", cJSON_CreateArray());
    cJSON *list = json_item(o, "operations", cJSON_CreateArray());
    for (int i = 0; i < at->npart; i++) {
        const PlacedPart *p = &at->part[i];
        cJSON *j = json_item(parts, NULL, cJSON_CreateObject());
        json_word(j, "on", placed_side(p->engine));
        json_item(j, "us", json_real(p->us));
        json_item(j, "bytes_over", json_real(p->bytes));
        for (int k = p->from; k < p->to; k++)
            if (!at->op[k].free)
                json_item(list, NULL, json_placed_op(&at->op[k], p->engine, i));
    }
    return o;
}

/* ---- all functions ----------------------------------------------------------------------- */

/* One that cannot be cut is the engine's whole, or the processor's. */
static void place_whole(const Func *f, const RuleSet *rs, Arena *a, Diag *d,
                        Placement *at)
{
    if (func_place(f, rs, a, d, at)) return;
    bool engine = true;
    for (int i = 0; i < at->nop; i++) engine = engine && !at->op[i].rule;
    const ChipCost dispatch = target_cost(rs->target, COST_dispatch);
    at->part = NEW(a, PlacedPart);
    at->npart = 1;
    at->engines = engine;
    *at->part = (PlacedPart){ .to = at->nop, .engine = engine };
    at->part->us = engine ? (dispatch.low + dispatch.high) / 2 : 0;
    for (int i = 0; i < at->nop; i++) at->part->us += at->op[i].us[engine];
    at->us = at->part->us;
}

void placed_text(Buf *out, const char *path, const Module *m, const RuleSet *rs, Diag *d)
{
    Arena a = { 0 };
    Placement at;
    buf_message(out, "%s\n", path);
    for (const Func *f = m->first; f; f = f->next) {
        place_whole(f, rs, &a, d, &at);
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
        place_whole(f, rs, &a, d, &at);
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
        place_whole(f, rs, &a, d, &at);
        page_func(out, f, &at);
    }
    page_end(out, m, rs->target);
    arena_free(&a);
}
