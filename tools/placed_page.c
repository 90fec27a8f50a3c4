/* placed_page.c -- --report: the plan as one HTML file without anything from elsewhere: parts as a
 * picture, the graph by layer (placed_graph.c), a table of ops with what they cost and what keeps
 * them from the engine, weights by size. */
#include "views.h"

#include "../ir/ops/ops.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_WIDTH = 960, PAGE_ROW = 22, PAGE_WEIGHTS = 40 };

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<style>\n"
    "body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:62em;color:#222}\n"
    "h1{font-size:1.4em}h2{font-size:1.15em;margin-top:2em}\n"
    "table{border-collapse:collapse;width:100%}td,th{padding:2px 8px;text-align:left;"
    "border-bottom:1px solid #eee;vertical-align:top}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    ".engine{color:#0b6e4f}.processor{color:#a4450b}.note{color:#666}\n"
    ".frame{fill:#0000000a;stroke:#bbb}.title{font-weight:bold}.note{font-weight:normal;fill:#666}\n"
    ".node text{fill:#fff}.node .kind{font-weight:bold}.node.engine rect{fill:#2a9d6f}"
    ".node.processor rect{fill:#e07a3f}.node.input rect,.node.result rect{fill:#5b6b7b}\n"
    ".edge path{fill:none;stroke:#667}.edge polygon{fill:#667}"
    ".edge:hover path{stroke:#000;stroke-width:2}\n"
    "svg text{font:12px system-ui,sans-serif}\n</style>\n";

void page_begin(Buf *out, const char *path, const Target *t)
{
    Buf name = { 0 };
    buf_message(&name, "%s", path);
    buf_puts(out, page_head);
    buf_puts(out, "<title>");
    buf_html(out, name.s);
    buf_printf(out, " on %s</title></head><body>\n<h1>", t->name);
    buf_html(out, name.s);
    buf_printf(
        out,
        " on %s</h1>\n<p class=\"note\">Times are computed from published figures (below), "
        "not verified on a device.</p>\n",
        t->name);
    buf_free(&name);
}

/* ---- parts ------------------------------------------------------------------------------- */

static const char *page_color(bool engine) { return engine ? "#2a9d6f" : "#e07a3f"; }

/* A bar for each part, as long as it takes, one below the other from left to right. */
static void page_picture(Buf *out, const Placement *at)
{
    const int height = PAGE_ROW * at->npart + 10;
    const double scale = at->us.middle > 0 ? (PAGE_WIDTH - 260) / at->us.middle : 0;
    double x = 0;
    buf_printf(out, "<svg width=\"%d\" height=\"%d\" role=\"img\">\n", PAGE_WIDTH,
               height);
    for (int i = 0; i < at->npart; i++) {
        const PlacedPart *p = &at->part[i];
        int ops_of = 0;
        for (int k = p->from; k < p->to; k++) ops_of += !at->op[k].free;
        const double wide = p->us.middle * scale < 2 ? 2 : p->us.middle * scale;
        const int y = 5 + i * PAGE_ROW;
        buf_printf(
            out,
            "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"/>"
            "<text x=\"%.1f\" y=\"%d\">%d %s, %d ops, %.0f us</text>\n",
            x, y, wide, PAGE_ROW - 6, page_color(p->engine), x + wide + 6, y + 13, i + 1,
            placed_side(p->engine), ops_of, p->us.middle);
        x += p->us.middle * scale;
    }
    buf_puts(out, "</svg>\n");
}

/* ---- the table --------------------------------------------------------------------------- */

static void page_op(Buf *out, const PlacedOp *o, int part, bool engine)
{
    Arena a = { 0 };
    const char *side = placed_side(engine && o->reason == PLACED_ENGINE);
    buf_printf(out, "<tr><td class=\"n\">%d</td><td class=\"%s\">%s</td><td>", part, side,
               side);
    buf_html(out, op_name(o->op));
    buf_puts(out, "</td><td>");
    buf_html(out, placed_value(o));
    buf_printf(
        out,
        "</td><td class=\"n\">%.0f</td><td class=\"n\">%.0f</td><td class=\"n\">%.1f</td><td>",
        o->work.macs, o->work.weights + o->work.values, o->us[engine].middle);
    if (o->reason != PLACED_ENGINE) {
        buf_printf(out, "<b>%s</b>: ", placed_word(o));
        buf_html(out, placed_reason(&a, o));
    }
    if (o->rule && o->rule->evidence) {
        buf_puts(out, " <span class=\"note\">");
        buf_html(out, o->rule->evidence);
        buf_puts(out, "</span>");
    }
    arena_free(&a);
    buf_puts(out, "</td></tr>\n");
}

void page_func(Buf *out, const Func *f, const Placement *at)
{
    Arena a = { 0 };
    buf_puts(out, "<h2>");
    buf_html(out, f->name);
    buf_printf(out,
               "</h2>\n<p>%d part%s, %d of them the engine's; %s, on the processor "
               "alone %.0f us.</p>\n",
               at->npart, at->npart == 1 ? "" : "s", at->engines,
               placed_about(&a, at->us), at->alone.middle);
    if (at->slower) {
        buf_puts(out, "<p class=\"note\">");
        buf_html(out, placed_hint(&a, at));
        buf_puts(out, "</p>\n");
    }
    page_picture(out, at);
    buf_puts(out, "<h3>By layer</h3>\n");
    placed_graph(out, f, at);
    buf_puts(out,
             "<table><tr><th class=\"n\">part</th><th>on</th><th>op</th><th>value</th>"
             "<th class=\"n\">multiply-adds</th><th class=\"n\">bytes</th>"
             "<th class=\"n\">us</th><th>what keeps it from the engine</th></tr>\n");
    for (int i = 0; i < at->npart; i++)
        for (int k = at->part[i].from; k < at->part[i].to; k++)
            if (!at->op[k].free) page_op(out, &at->op[k], i + 1, at->part[i].engine);
    buf_puts(out, "</table>\n");
    arena_free(&a);
}

/* ---- weights ----------------------------------------------------------------------------- */

static int by_bytes(const void *x, const void *y)
{
    const Value *const *a = x, *const *b = y;
    const size_t n = type_bytes((*a)->type), m = type_bytes((*b)->type);
    return n > m ? -1 : n < m ? 1 : strcmp((*a)->name, (*b)->name);
}

static void page_weights(Buf *out, const Module *m)
{
    Arena a = { 0 };
    const Value **all = NULL;
    size_t n = 0, room = 0;
    for (const Func *f = m->first; f; f = f->next)
        for (const Op *op = f->body->first; op; op = op->next) {
            if (op->nout != 1 || !value_is_const(op->out[0])) continue;
            if (op->out[0]->type->kind != TY_TENSOR || !op->out[0]->type->shape.rank)
                continue;
            ARENA_ROOM(&a, all, n, room);
            all[n++] = op->out[0];
        }
    if (n) qsort(all, n, sizeof *all, by_bytes);
    buf_puts(out, "<h2>Weights by size</h2>\n<table><tr><th>name</th><th>type</th>"
                  "<th class=\"n\">bytes</th></tr>\n");
    for (size_t i = 0; i < n && i < PAGE_WEIGHTS; i++) {
        buf_puts(out, "<tr><td>");
        buf_html(out, all[i]->name);
        buf_puts(out, "</td><td>");
        buf_html(out, type_text(&a, all[i]->type));
        buf_printf(out, "</td><td class=\"n\">%zu</td></tr>\n", type_bytes(all[i]->type));
    }
    buf_puts(out, "</table>\n");
    if (n > PAGE_WEIGHTS)
        buf_printf(out, "<p class=\"note\">and %zu more</p>\n", n - PAGE_WEIGHTS);
    arena_free(&a);
}

void page_end(Buf *out, const Module *m, const Target *t)
{
    page_weights(out, m);
    buf_puts(out, "<h2>Figures</h2>\n<table><tr><th>figure</th><th class=\"n\">least</th>"
                  "<th class=\"n\">most</th><th>unit</th><th>source</th></tr>\n");
    for (int i = 0; i < COST_COUNT; i++) {
        const ChipCost c = target_cost(t, (CostId)i);
        buf_printf(
            out,
            "<tr><td>%s: %s</td><td class=\"n\">%g</td><td class=\"n\">%g</td><td>%s</td><td>",
            costs[i].name, costs[i].doc, c.low, c.high, costs[i].unit);
        buf_html(out, costs[i].evidence);
        buf_puts(out, "</td></tr>\n");
    }
    buf_puts(out, "</table>\n</body></html>\n");
}
