/* placed_graph.c -- the graph of a plan as one picture: a box for each op, in the order in which
 * they run, in frames of their layers, and an arrow from what makes a value to what reads it.
 *
 * An arrow to the next box goes straight down. What is read further below goes along a lane on the
 * right, one for each value, with a head at each reader, so that a hundred boxes stay apart. */
#include "views.h"

#include "../ir/ops/ops.h"

enum {
    GRAPH_ROW = 22,    /* the height of a box */
    GRAPH_GAP = 12,    /* between boxes, where a straight arrow is */
    GRAPH_HEAD = 18,   /* the title of a frame */
    GRAPH_STEP = 10,   /* by which frames and lanes are apart */
    GRAPH_RIGHT = 520, /* where boxes end */
    GRAPH_LANES = 40   /* at most; the values beyond share the last */
};

typedef struct {
    const Value *value; /* of an input or a result */
    const PlacedOp *op; /* of others */
    bool engine, result;
    int depth, y;
} GraphNode;

typedef struct {
    int from, to;
    const Value *value;
} GraphEdge;

typedef struct {
    const Func *func;
    const Placement *at;
    Arena arena;
    Frames frames;
    GraphNode *node;
    int n, y, most_depth;
    PtrMap place; /* of an op of the body, or an input: its node, plus 1 */
    GraphEdge *edge;
    size_t count, room;
    int *start; /* by node: its first edge, once they are sorted; n + 1 of them */
    int top[FRAMES_DEPTH];
    FramesAt open;
} Graph;

/* ---- nodes and edges --------------------------------------------------------------------- */

static void graph_nodes(Graph *g)
{
    const Block *b = g->func->body;
    const Placement *at = g->at;
    g->node = NEW_ARRAY(&g->arena, at->nop + b->nparam + b->nresult + 1, GraphNode);
    for (int i = 0; i < b->nparam; i++) {
        g->node[g->n++] = (GraphNode){ .value = b->param[i] };
        ptrmap_set(&g->place, b->param[i], (void *)(intptr_t)g->n);
    }
    for (int i = 0; i < at->npart; i++)
        for (int k = at->part[i].from; k < at->part[i].to; k++) {
            const PlacedOp *o = &at->op[k];
            if (o->free) continue;
            g->node[g->n++] = (GraphNode){ .op = o,
                                           .engine = at->part[i].engine
                                                  && o->reason == PLACED_ENGINE,
                                           .depth = g->frames.at[k].count };
            ptrmap_set(&g->place, o->op, (void *)(intptr_t)g->n);
        }
    for (int i = 0; i < b->nresult; i++)
        g->node[g->n++] = (GraphNode){ .value = b->result[i], .result = true };
}

/* The node of what the body has that op in, or that value from; -1: none. */
static int graph_of_op(const Graph *g, const Op *op)
{
    while (op->parent != g->func->body) op = op->parent->owner;
    return (int)(intptr_t)ptrmap_get(&g->place, op) - 1;
}

static int graph_of_value(const Graph *g, const Value *v)
{
    if (v->def) return graph_of_op(g, v->def);
    return (int)(intptr_t)ptrmap_get(&g->place, v) - 1;
}

static void graph_join(Graph *g, const Value *v, int to)
{
    const int from = graph_of_value(g, v);
    if (from < 0 || to < 0 || from == to) return;
    ARENA_ROOM(&g->arena, g->edge, g->count, g->room);
    g->edge[g->count++] = (GraphEdge){ from, to, v };
}

static bool graph_visit(void *ctx, const Op *op)
{
    Graph *g = ctx;
    const int to = graph_of_op(g, op);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            graph_join(g, op->arg[i].val[k], to);
    for (int i = 0; i < op_nblock(op); i++)
        for (int k = 0; k < op_block(op, i)->nresult; k++)
            graph_join(g, op_block(op, i)->result[k], to);
    return true;
}

/* By where they begin; those of one node stay in order, and each is there once. */
static void graph_edges(Graph *g)
{
    const Block *b = g->func->body;
    func_read(g->func, graph_visit, g);
    for (int i = 0; i < b->nresult; i++)
        graph_join(g, b->result[i], g->n - b->nresult + i);
    g->start = NEW_ARRAY(&g->arena, g->n + 2, int);
    GraphEdge *sorted = NEW_ARRAY(&g->arena, g->count + 1, GraphEdge);
    for (size_t i = 0; i < g->count; i++) g->start[g->edge[i].from + 1]++;
    for (int i = 0; i < g->n; i++) g->start[i + 1] += g->start[i];
    int *next = NEW_ARRAY(&g->arena, g->n + 1, int);
    for (int i = 0; i < g->n; i++) next[i] = g->start[i];
    for (size_t i = 0; i < g->count; i++) sorted[next[g->edge[i].from]++] = g->edge[i];
    int kept = 0;
    for (int i = 0; i < g->n; i++) {
        const int begin = g->start[i], end = g->start[i + 1];
        int last = 0;
        g->start[i] = kept;
        for (int k = begin; k < end; k++)
            if (last < sorted[k].to) {
                last = sorted[k].to;
                sorted[kept++] = sorted[k];
            }
    }
    g->start[g->n] = kept;
    g->edge = sorted;
}

/* ---- boxes and frames -------------------------------------------------------------------- */

static int graph_left(int depth) { return 10 + depth * GRAPH_STEP; }

/* The frame of that depth, whose end is reached, behind what stands in it. */
static void graph_close(Graph *g, Buf *behind, int depth)
{
    g->y += GRAPH_GAP / 2;
    buf_printf(
        behind,
        "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\"/>\n",
        graph_left(depth) - 5, g->top[depth],
        GRAPH_RIGHT + (g->most_depth - depth) * 4 - graph_left(depth) + 10,
        g->y - g->top[depth]);
    g->y += GRAPH_GAP / 2;
}

static void graph_title(Graph *g, Buf *boxes, int at, int depth)
{
    int count = 0;
    double us = 0;
    for (int i = at; i < g->n && g->node[i].op; i++) {
        const GraphNode *n = &g->node[i];
        if (frames_same(&g->open, &g->frames.at[n->op - g->at->op]) <= depth) break;
        us += n->op->us[n->engine].middle;
        count++;
    }
    g->top[depth] = g->y;
    buf_printf(boxes, "<text class=\"title\" x=\"%d\" y=\"%d\">", graph_left(depth) + 2,
               g->y + 14);
    buf_html(boxes, frames_label(&g->frames, &g->open, depth));
    buf_printf(boxes, "<tspan class=\"note\"> %d op%s, %.1f us</tspan></text>\n", count,
               count == 1 ? "" : "s", us);
    g->y += GRAPH_HEAD + GRAPH_GAP / 2;
}

static const char *graph_class(const GraphNode *n)
{
    return n->op ? placed_side(n->engine) : n->result ? "result" : "input";
}

static void graph_box(const Graph *g, Buf *boxes, int i)
{
    const GraphNode *n = &g->node[i];
    const int x = graph_left(n->depth), wide = GRAPH_RIGHT - x;
    const char *name = n->op ? placed_value(n->op) : n->value->name;
    buf_printf(
        boxes,
        "<g class=\"node %s\" data-node=\"%d\"><rect x=\"%d\" y=\"%d\" "
        "width=\"%d\" height=\"%d\" rx=\"%d\"/>"
        "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"><text x=\"8\" y=\"15\"><tspan "
        "class=\"kind\">",
        graph_class(n), i, x, n->y, wide, GRAPH_ROW, n->op ? 3 : GRAPH_ROW / 2, x, n->y,
        wide - 80, GRAPH_ROW);
    buf_html(boxes, n->op ? op_name(n->op->op) : graph_class(n));
    buf_puts(boxes, "</tspan> ");
    buf_html(boxes, name);
    buf_puts(boxes, "</text></svg>");
    if (n->op)
        buf_printf(
            boxes,
            "<text class=\"us\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%.1f us</text>",
            GRAPH_RIGHT - 8, n->y + 15, n->op->us[n->engine].middle);
    if (n->op && n->op->reason != PLACED_ENGINE) {
        Arena a = { 0 };
        buf_printf(boxes, "<title>%s: ", placed_word(n->op));
        buf_html(boxes, placed_reason(&a, n->op));
        buf_puts(boxes, "</title>");
        arena_free(&a);
    }
    buf_puts(boxes, "</g>\n");
}

static void graph_boxes(Graph *g, Buf *behind, Buf *boxes)
{
    static const FramesAt none;
    g->y = GRAPH_GAP / 2;
    for (int i = 0; i < g->n; i++) {
        GraphNode *n = &g->node[i];
        const FramesAt *at = n->op ? &g->frames.at[n->op - g->at->op] : &none;
        const int same = frames_same(&g->open, at);
        for (int k = g->open.count; k-- > same;) graph_close(g, behind, k);
        g->open = *at;
        for (int k = same; k < at->count; k++) graph_title(g, boxes, i, k);
        n->y = g->y;
        graph_box(g, boxes, i);
        g->y += GRAPH_ROW + GRAPH_GAP;
    }
}

/* ---- arrows ------------------------------------------------------------------------------ */

static void graph_arrow_begin(Buf *arrows, const GraphEdge *e)
{
    Arena a = { 0 };
    buf_printf(arrows, "<g class=\"edge\" data-from=\"%d\" data-to=\"%d\"><title>",
               e->from, e->to);
    if (e->value->name) buf_html(arrows, e->value->name);
    buf_puts(arrows, ": ");
    buf_html(arrows, type_text(&a, e->value->type));
    buf_puts(arrows, "</title>");
    arena_free(&a);
}

static void graph_down(const Graph *g, Buf *arrows, const GraphEdge *e)
{
    const int x = GRAPH_RIGHT - 110, from = g->node[e->from].y + GRAPH_ROW,
              to = g->node[e->to].y;
    graph_arrow_begin(arrows, e);
    buf_printf(arrows,
               "<path d=\"M%d %dV%d\"/><polygon points=\"%d,%d %d,%d %d,%d\"/></g>\n", x,
               from, to - 6, x, to, x - 4, to - 7, x + 4, to - 7);
}

static void graph_along(const Graph *g, Buf *arrows, const GraphEdge *e, int lane)
{
    const int x = GRAPH_RIGHT + 24 + g->most_depth * 4 + lane * GRAPH_STEP,
              from = g->node[e->from].y + GRAPH_ROW / 2 + 5,
              to = g->node[e->to].y + GRAPH_ROW / 2 - 5;
    graph_arrow_begin(arrows, e);
    buf_printf(arrows,
               "<path d=\"M%d %dH%dQ%d %d %d %dV%dQ%d %d %d %dH%d\"/>"
               "<polygon points=\"%d,%d %d,%d %d,%d\"/></g>\n",
               GRAPH_RIGHT, from, x - 5, x, from, x, from + 5, to - 5, x, to, x - 5, to,
               GRAPH_RIGHT + 6, GRAPH_RIGHT, to, GRAPH_RIGHT + 7, to - 4, GRAPH_RIGHT + 7,
               to + 4);
}

/* A lane is free again behind the last reader of what goes along it. Returns how many there are. */
static int graph_arrows(const Graph *g, Buf *arrows)
{
    int ends[GRAPH_LANES] = { 0 }, lanes = 0;
    for (int i = 0; i < g->n; i++) {
        const int begin = g->start[i], end = g->start[i + 1];
        int lane = 0;
        const bool far = end > begin && g->edge[end - 1].to > i + 1;
        while (far && lane < GRAPH_LANES - 1 && ends[lane] > i) lane++;
        if (far) ends[lane] = g->edge[end - 1].to;
        if (far && lane >= lanes) lanes = lane + 1;
        for (int k = begin; k < end; k++)
            if (g->edge[k].to == i + 1) graph_down(g, arrows, &g->edge[k]);
            else graph_along(g, arrows, &g->edge[k], lane);
    }
    return lanes;
}

void placed_graph(Buf *out, const Func *f, const Placement *at)
{
    Graph g = { .func = f, .at = at };
    Buf behind = { 0 }, boxes = { 0 }, arrows = { 0 };
    frames_find(&g.frames, f);
    for (int i = 0; i < at->nop; i++)
        if (g.frames.at[i].count > g.most_depth) g.most_depth = g.frames.at[i].count;
    graph_nodes(&g);
    graph_edges(&g);
    graph_boxes(&g, &behind, &boxes);
    const int lanes = graph_arrows(&g, &arrows);
    buf_printf(out, "<svg class=\"graph\" width=\"%d\" height=\"%d\" role=\"img\">\n",
               GRAPH_RIGHT + 40 + g.most_depth * 4 + lanes * GRAPH_STEP, g.y);
    buf_add(out, behind.s, behind.len);
    buf_add(out, arrows.s, arrows.len);
    buf_add(out, boxes.s, boxes.len);
    buf_puts(out, "</svg>\n");
    buf_free(&behind);
    buf_free(&boxes);
    buf_free(&arrows);
    ptrmap_free(&g.place);
    frames_free(&g.frames);
    arena_free(&g.arena);
}
