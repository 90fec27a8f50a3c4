/* dot.c -- --emit dot: a program for Graphviz, with ops as boxes, weights as ellipses, arrows
 * labelled with types, and a frame around what belongs to a layer. */
#include "../ir/ops/ops.h"
#include "views.h"
#include "../lib/report.h"

typedef struct {
    Buf *out;
    Arena arena;
    int next; /* number of the next node */
    int depth;
    /* the number of the node that makes a value; consts are drawn where they are used */
    ValueTable nodes;
    Frames frames;
    FramesAt open; /* the layers whose frames are open */
    /* Arrows of a function, written behind its nodes: one inside of a frame would draw both of
     * its ends there. */
    Buf edges;
} Dot;

static int node_of(const Dot *d, const Value *v)
{
    return (int)(intptr_t)values_get(&d->nodes, v);
}

static void set_node(Dot *d, const Value *v, int node)
{
    values_set(&d->nodes, v, (void *)(intptr_t)node);
}

static void dot_indent(Dot *d) { buf_printf(d->out, "%*s", 2 * d->depth, ""); }

/* Text inside a label's quotes; a line of the label ends with \n, as dot has it. */
static void put_label(Buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') buf_putc(out, '\\');
        if (*s == '\n') buf_puts(out, "\\n");
        else buf_putc(out, *s);
    }
}

/* "fp16 [1, 3]"; types that are no tensor as MIL writes them. */
static const char *short_type(Arena *a, const Type *t)
{
    return t->kind == TY_TENSOR
             ? arena_printf(a, "%s %s", dtypes[t->dtype].name, shape_text(a, &t->shape))
             : type_text(a, t);
}

/* ---- literals ---------------------------------------------------------------------------- */

bool literal_is_small(const Const *c)
{
    size_t n;
    return c->kind == CONST_DATA && c->type->kind == TY_TENSOR
        && shape_count(&c->type->shape, &n) && n <= SMALL_LITERAL;
}

static const char *literal_text(Arena *a, const Const *c)
{
    Buf b = { 0 };
    const Tensor t = tensor_view(c->type->dtype, &c->type->shape, c->data);
    if (t.shape.rank) buf_putc(&b, '[');
    for (size_t i = 0; i < t.count; i++) {
        if (i) buf_puts(&b, ", ");
        report_element(&b, &t, i);
    }
    if (t.shape.rank) buf_putc(&b, ']');
    const char *s = arena_strndup(a, b.s ? b.s : "", b.len);
    buf_free(&b);
    return s;
}

/* ---- nodes ------------------------------------------------------------------------------- */

static int put_node(Dot *d, const char *look, const char *label)
{
    dot_indent(d);
    buf_printf(d->out, "n%d [%s, label=\"", d->next, look);
    put_label(d->out, label);
    buf_puts(d->out, "\"];\n");
    return d->next++;
}

static void put_edge(Dot *d, int from, int to, const char *label)
{
    buf_printf(&d->edges, "    n%d -> n%d [label=\"", from, to);
    put_label(&d->edges, label);
    buf_puts(&d->edges, "\"];\n");
}

static int put_weight(Dot *d, const Value *v)
{
    return put_node(d, "shape=ellipse, fontsize=9, style=dashed",
                    arena_printf(&d->arena, "%s%s%s", v->name ? v->name : "",
                                 v->name ? "\n" : "", short_type(&d->arena, v->type)));
}

/* Drawn once, beside its first use. */
static int weight_node(Dot *d, Value *v)
{
    if (!v->name) return put_weight(d, v);
    if (!node_of(d, v)) set_node(d, v, put_weight(d, v));
    return node_of(d, v);
}

static bool is_small(const Value *v)
{
    return value_lit(v) && literal_is_small(value_lit(v));
}

/* The op's kind, its result, and those of its arguments that are small literals. */
static const char *op_label(Dot *d, const Op *op)
{
    Buf b = { 0 };
    buf_puts(&b, op_name(op));
    for (int i = 0; i < op->nout; i++)
        buf_printf(&b, "%s%s", i ? ", " : "\n", op->out[i]->name);
    for (int i = 0; i < op->narg; i++) {
        const Arg *a = &op->arg[i];
        for (int k = 0; k < arg_count(a); k++)
            if (is_small(a->val[k]))
                buf_printf(&b, "\n%s = %s", arg_name(a),
                           literal_text(&d->arena, value_lit(a->val[k])));
    }
    const char *s = arena_strndup(&d->arena, b.s, b.len);
    buf_free(&b);
    return s;
}

/* ---- frames ------------------------------------------------------------------------------ */

static void dot_close(Dot *d, int left)
{
    for (; d->open.count > left; d->open.count--) {
        d->depth--;
        dot_indent(d);
        buf_puts(d->out, "}\n");
    }
}

/* Opens the frames of the layers that an op of the function belongs to, and closes others. A
 * frame may be opened several times: it has its name from the layer. */
static void dot_frames(Dot *d, const Func *f, FramesAt at)
{
    const int same = frames_same(&d->open, &at);
    dot_close(d, same);
    for (int i = same; i < at.count; i++) {
        dot_indent(d);
        buf_puts(d->out, "subgraph \"cluster ");
        put_label(d->out,
                  arena_printf(&d->arena, "%s %.*s", f->name, (int)at.end[i], at.name));
        buf_puts(d->out, "\" {\n");
        d->depth++;
        dot_indent(d);
        buf_puts(
            d->out,
            "style=\"rounded,filled\"; color=\"#888888\"; fillcolor=\"#0000000a\"; label=\"");
        put_label(d->out, frames_label(&d->frames, &at, i));
        buf_puts(d->out, "\";\n");
    }
    d->open = at;
}

static void put_block(Dot *d, Block *b);

static void put_inner(Dot *d, Op *op, int node)
{
    for (int i = 0; i < op_nblock(op); i++) {
        Block *b = op_block(op, i);
        dot_indent(d);
        buf_printf(d->out, "subgraph cluster_%d {\n", d->next++);
        d->depth++;
        dot_indent(d);
        buf_puts(d->out, "label=\"");
        put_label(d->out, b->name ? b->name : op_name(op));
        buf_puts(d->out, "\";\n");
        for (int k = 0; k < b->nparam; k++)
            set_node(d, b->param[k],
                     put_node(d, "shape=plaintext",
                              arena_printf(&d->arena, "%s\n%s", b->param[k]->name,
                                           short_type(&d->arena, b->param[k]->type))));
        put_block(d, b);
        d->depth--;
        dot_indent(d);
        buf_puts(d->out, "}\n");
        for (int k = 0; k < b->nresult; k++)
            if (node_of(d, b->result[k]))
                put_edge(d, node_of(d, b->result[k]), node, b->result[k]->name);
    }
}

static void put_op(Dot *d, Op *op)
{
    int node = put_node(d, "shape=box", op_label(d, op));
    for (int i = 0; i < op->nout; i++) set_node(d, op->out[i], node);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            Value *v = op->arg[i].val[k];
            if (is_small(v)) continue;
            int from = value_lit(v) ? weight_node(d, v) : node_of(d, v);
            put_edge(d, from, node,
                     value_lit(v) ? arg_name(&op->arg[i])
                                  : short_type(&d->arena, v->type));
        }
    put_inner(d, op, node);
}

static void put_block(Dot *d, Block *b)
{
    int at = 0;
    for (Op *op = b->first; op; op = op->next, at++)
        if (op->kind == OP_const) set_node(d, op->out[0], 0);
        else {
            if (!b->owner) dot_frames(d, b->func, d->frames.at[at]);
            put_op(d, op);
        }
    if (!b->owner) dot_close(d, 0);
    for (int i = 0; i < b->nresult; i++) /* a block may yield a constant */
        if (value_lit(b->result[i])) weight_node(d, b->result[i]);
}

static void put_func(Dot *d, const Func *f)
{
    Block *b = f->body;
    buf_printf(d->out, "  subgraph cluster_%d {\n    label=\"", d->next++);
    put_label(d->out, arena_printf(&d->arena, "%s (%s)", f->name, opset_text(f->opset)));
    buf_puts(d->out, "\";\n");
    d->depth = 2;
    d->open.count = 0;
    frames_find(&d->frames, f);
    for (int i = 0; i < b->nparam; i++) {
        const bool state = b->param[i]->type->kind == TY_STATE;
        set_node(d, b->param[i],
                 put_node(d, state ? "shape=cylinder" : "shape=invhouse, style=bold",
                          arena_printf(&d->arena, "%s\n%s", b->param[i]->name,
                                       short_type(&d->arena, b->param[i]->type))));
    }
    put_block(d, b);
    for (int i = 0; i < b->nresult; i++) {
        const Value *v = b->result[i];
        const char *type = short_type(&d->arena, v->type);
        int node = put_node(d, "shape=house, style=bold",
                            arena_printf(&d->arena, "%s\n%s", v->name, type));
        put_edge(d, node_of(d, v), node, type);
    }
    buf_puts(d->out, d->edges.s ? d->edges.s : "");
    buf_free(&d->edges);
    frames_free(&d->frames);
    buf_puts(d->out, "  }\n");
}

void graph_dot(Buf *out, const char *path, const Module *m)
{
    Dot d = { .out = out, .next = 1 };
    buf_puts(out, "digraph \"");
    put_label(out, path);
    buf_puts(out,
             "\" {\n  node [fontname=\"Helvetica\"];\n  edge [fontname=\"Helvetica\", "
             "fontsize=9];\n");
    for (const Func *f = m->first; f; f = f->next) put_func(&d, f);
    buf_puts(out, "}\n");
    values_free(&d.nodes);
    arena_free(&d.arena);
}
