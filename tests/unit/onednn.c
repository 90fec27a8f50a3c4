/* onednn.c -- one op as a program of ours and as a primitive of oneDNN's, of the same numbers. */
#include "onednn.h"

#ifdef ANEC_DNNL
#include "../../backends/cpu/cpu.h"

#include <dnnl.h>
#include <math.h>

/* ---- ours -------------------------------------------------------------------------------- */

static bool beside_slides(const BesideShape *s) { return s->side > 0; }

static Shape beside_x(const BesideShape *s)
{
    return beside_slides(s) ? SHAPE(s->n, s->c, s->high, s->wide) : SHAPE(s->n, s->c);
}

static Shape beside_w(const BesideShape *s)
{
    return beside_slides(s) ? SHAPE(s->out, s->c / s->groups, s->side, s->side)
                            : SHAPE(s->out, s->c);
}

static Value *beside_op(Gen *g, const BesideShape *s, Value *x, Value *w)
{
    const int64_t pad[] = { s->pad, s->pad, s->pad, s->pad },
                  step[] = { s->step, s->step }, one[] = { 1, 1 };
    if (!beside_slides(s)) return mil_linear(&g->b, "y", .x = x, .weight = w);
    return mil_conv(&g->b, "y", .x = x, .weight = w, .strides = gen_ints(g, 2, step),
                    .dilations = gen_ints(g, 2, one),
                    .pad_type = build_string(&g->b, "custom"), .pad = gen_ints(g, 4, pad),
                    .groups = build_int(&g->b, s->groups));
}

static void beside_fill(Gen *d, Tensor *t, bool as_sizes)
{
    for (size_t i = 0; i < t->count; i++) {
        const double v = (gen_draw(d, 2001) - 1000) / 1000.0;
        tensor_set_float(t, i, as_sizes ? fabs(v) : v);
    }
}

static void beside_ours_new(Beside *b, bool as_sizes)
{
    Gen *g = &b->g, d = { .seed = 7 };
    void *data;
    const Shape xs = beside_x(&b->shape), ws = beside_w(&b->shape);
    g->f = func_new(g->m, "main", OPSET_IOS18);
    g->b = builder_at(g->f->body, NULL, &g->diag, (Loc){ 0 });
    Value *x = block_param(g->f->body, "x", type_tensor(&g->m->arena, DT_FP32, xs),
                           (Loc){ 0 });
    const Type *t = type_tensor(&g->m->arena, DT_FP32, ws);
    Const *c = const_room(&g->m->arena, t, type_bytes(t), &data);
    b->w = tensor_view(DT_FP32, &ws, data);
    b->in.name = "x";
    assert_true(tensor_alloc(&b->in.value, &g->diag, DT_FP32, &xs));
    beside_fill(&d, &b->w, as_sizes);
    beside_fill(&d, &b->in.value, as_sizes);
    Value *y = beside_op(g, &b->shape, x, build_const(&g->b, "w", c));
    if (!y) fail_msg("%s", g->diag.text.s);
    block_result(g->f->body, y);
    assert_true(tensor_alloc(&b->y, &g->diag, DT_FP32, &y->type->shape));
    b->ours = program_new(&backend_cpu, g->m, g->f, &g->diag);
    if (!b->ours) fail_msg("%s", g->diag.text.s);
    b->depth = (int64_t)b->w.count / b->shape.out;
    b->macs = (double)b->y.count * (double)b->depth;
}

void beside_ours(Beside *b, int threads, bool exact)
{
    const RunOptions o = { .threads = threads, .exact = exact };
    if (!program_run(b->ours, &b->g.diag, &b->in, 1, &o))
        fail_msg("%s", b->g.diag.text.s);
}

const Tensor *beside_result(const Beside *b)
{
    const Binding *out;
    program_results(b->ours, &out);
    return &out[0].value;
}

/* ---- the peer ---------------------------------------------------------------------------- */

/* X, W and Y of it: the plain array, the peer's own, and what turns one into the other. */
enum { PEER_X, PEER_W, PEER_Y, PEER_ARRAYS };

struct BesidePeer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t op, turn[PEER_ARRAYS];
    dnnl_memory_t plain[PEER_ARRAYS], own[PEER_ARRAYS];
};

static void peer_ok(dnnl_status_t s)
{
    if (s != dnnl_success) fail_msg("oneDNN: status %d", (int)s);
}

static dnnl_memory_desc_t peer_desc(const Shape *s, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    dnnl_dims_t dims;
    for (int i = 0; i < s->rank; i++) dims[i] = s->dim[i];
    peer_ok(dnnl_memory_desc_init_by_tag(&d, s->rank, dims, dnnl_f32, tag));
    return d;
}

/* The weights as the peer counts their dimensions: groups first, or turned. */
static dnnl_memory_desc_t peer_weights(const BesideShape *s, bool any)
{
    const Shape grouped = SHAPE(s->groups, s->out / (s->groups ? s->groups : 1),
                                s->c / (s->groups ? s->groups : 1), s->side, s->side);
    const Shape plain = SHAPE(s->out, s->c, s->side, s->side),
                turned = SHAPE(s->c, s->out);
    if (!beside_slides(s)) return peer_desc(&turned, any ? dnnl_format_tag_any : dnnl_ba);
    if (s->groups > 1) return peer_desc(&grouped, any ? dnnl_format_tag_any : dnnl_abcde);
    return peer_desc(&plain, any ? dnnl_format_tag_any : dnnl_abcd);
}

static void peer_describe(BesidePeer *p, const BesideShape *s, const Tensor *y)
{
    const Shape xs = beside_x(s);
    const dnnl_memory_desc_t x = peer_desc(&xs, dnnl_format_tag_any),
                             w = peer_weights(s, true),
                             to = peer_desc(&y->shape, dnnl_format_tag_any);
    const dnnl_dims_t step = { s->step, s->step }, pad = { s->pad, s->pad };
    dnnl_convolution_desc_t conv;
    dnnl_matmul_desc_t product;
    if (beside_slides(s))
        peer_ok(dnnl_convolution_forward_desc_init(&conv, dnnl_forward_inference,
                                                   dnnl_convolution_auto, &x, &w, NULL,
                                                   &to, step, pad, pad));
    else peer_ok(dnnl_matmul_desc_init(&product, &x, &w, NULL, &to));
    peer_ok(dnnl_primitive_desc_create(
        &p->desc, beside_slides(s) ? (const void *)&conv : (const void *)&product, NULL,
        p->engine, NULL));
    peer_ok(dnnl_primitive_create(&p->op, p->desc));
}

/* An array of ours, one in the layout that the peer asks for, and the way between them. */
static void peer_array(BesidePeer *p, int i, const dnnl_memory_desc_t *plain, void *data)
{
    static const dnnl_query_t asked[] = { dnnl_query_src_md, dnnl_query_weights_md,
                                          dnnl_query_dst_md };
    const dnnl_memory_desc_t *own = dnnl_primitive_desc_query_md(p->desc, asked[i], 0);
    const bool back = i == PEER_Y;
    dnnl_primitive_desc_t way;
    peer_ok(dnnl_memory_create(&p->plain[i], plain, p->engine, data));
    peer_ok(dnnl_memory_create(&p->own[i], own, p->engine, DNNL_MEMORY_ALLOCATE));
    peer_ok(dnnl_reorder_primitive_desc_create(&way, back ? own : plain, p->engine,
                                               back ? plain : own, p->engine, NULL));
    peer_ok(dnnl_primitive_create(&p->turn[i], way));
    peer_ok(dnnl_primitive_desc_destroy(way));
}

static void peer_turn(const BesidePeer *p, int i)
{
    const bool back = i == PEER_Y;
    const dnnl_exec_arg_t args[] = {
        { DNNL_ARG_FROM, back ? p->own[i] : p->plain[i] },
        { DNNL_ARG_TO, back ? p->plain[i] : p->own[i] },
    };
    peer_ok(dnnl_primitive_execute(p->turn[i], p->stream, 2, args));
}

static void beside_peer_new(Beside *b)
{
    BesidePeer *p = b->peer = test_calloc(1, sizeof *p);
    peer_ok(dnnl_engine_create(&p->engine, dnnl_cpu, 0));
    peer_ok(dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags));
    peer_describe(p, &b->shape, &b->y);
    const bool planes = beside_slides(&b->shape);
    const dnnl_format_tag_t tag = planes ? dnnl_abcd : dnnl_ab;
    const dnnl_memory_desc_t x = peer_desc(&b->in.value.shape, tag),
                             w = peer_weights(&b->shape, false),
                             y = peer_desc(&b->y.shape, tag);
    peer_array(p, PEER_X, &x, b->in.value.data);
    peer_array(p, PEER_W, &w, b->w.data);
    peer_array(p, PEER_Y, &y, b->y.data);
    peer_turn(p, PEER_X);
    peer_turn(p, PEER_W);
}

void beside_peer(Beside *b, bool from_plain)
{
    const BesidePeer *p = b->peer;
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, p->own[PEER_X] },
                                     { DNNL_ARG_WEIGHTS, p->own[PEER_W] },
                                     { DNNL_ARG_DST, p->own[PEER_Y] } };
    if (from_plain) peer_turn(p, PEER_X);
    peer_ok(dnnl_primitive_execute(p->op, p->stream, 3, args));
    if (from_plain) peer_turn(p, PEER_Y);
    peer_ok(dnnl_stream_wait(p->stream));
}

/* ---- both -------------------------------------------------------------------------------- */

void beside_new(Beside *b, const BesideShape *s, bool as_sizes)
{
    *b = (Beside){ .g = { .m = module_new(), .type = DT_FP32 }, .shape = *s };
    beside_ours_new(b, as_sizes);
    beside_peer_new(b);
}

void beside_free(Beside *b)
{
    BesidePeer *p = b->peer;
    for (int i = 0; i < PEER_ARRAYS; i++) {
        dnnl_primitive_destroy(p->turn[i]);
        dnnl_memory_destroy(p->plain[i]);
        dnnl_memory_destroy(p->own[i]);
    }
    dnnl_primitive_destroy(p->op);
    dnnl_primitive_desc_destroy(p->desc);
    dnnl_stream_destroy(p->stream);
    dnnl_engine_destroy(p->engine);
    test_free(p);
    program_free(b->ours);
    tensor_free(&b->in.value);
    tensor_free(&b->y);
    module_free(b->g.m);
    diag_free(&b->g.diag);
}
#endif
