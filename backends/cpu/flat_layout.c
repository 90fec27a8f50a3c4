/* flat_layout.c -- twins of values (flat_pack.h): which ops make them, and the steps that
 * bring a value from one order into the other. */
#include "flat_pack.h"

#include <string.h>

enum { STRIP = 256 }; /* positions that are turned at a time */

/* ---- from one order into the other ------------------------------------------------------- */

typedef struct {
    int from, to;
    bool apart; /* from blocks */
    DType type;
    int64_t batch, channels, blocks, inner;
} Relay;

typedef struct {
    const FlatRun *r;
    const Relay *v;
} RelayWork;

static size_t relay_size(const Relay *v) { return v->type == DT_FP16 ? 2 : 4; }

/* Positions [first, first + n) of one block, of `rows` channels, in fp32. */
static void relay_turn(const RelayWork *w, int64_t rows, int64_t n, const float *from,
                       float *to)
{
    const Kernels *k = w->r->k;
    const int64_t inner = w->v->inner, side = k->lanes;
    if (w->v->apart) {
        k->turn(to, inner, from, side, n, (size_t)rows);
        return;
    }
    if (rows < side) memset(to, 0, (size_t)(n * side) * sizeof *to);
    k->turn(to, side, from, inner, rows, (size_t)n);
}

/* The same in fp16, by way of floats. */
static void relay_half(const RelayWork *w, int64_t rows, int64_t n, const uint16_t *from,
                       uint16_t *to, float *room)
{
    const Kernels *k = w->r->k;
    const int64_t inner = w->v->inner, side = k->lanes;
    float *turned = room + STRIP * side;
    if (w->v->apart) {
        k->widen(room, from, (size_t)(n * side));
        k->turn(turned, STRIP, room, side, n, (size_t)rows);
        for (int64_t i = 0; i < rows; i++)
            k->narrow(to + i * inner, turned + i * STRIP, (size_t)n);
        return;
    }
    memset(turned, 0, (size_t)(n * side) * sizeof *turned);
    for (int64_t i = 0; i < rows; i++)
        k->widen(room + i * STRIP, from + i * inner, (size_t)n);
    k->turn(turned, side, room, STRIP, rows, (size_t)n);
    k->narrow(to, turned, (size_t)(n * side));
}

static void relay_part(void *ctx, int64_t part, int lane)
{
    const RelayWork *w = ctx;
    const Relay *v = w->v;
    const int64_t side = w->r->k->lanes, block = part % v->blocks,
                  image = part / v->blocks;
    const int64_t channel = block * side, left = v->channels - channel;
    const int64_t rows = left < side ? left : side;
    const int64_t plain = (image * v->channels + channel) * v->inner,
                  twin = part * v->inner * side;
    for (int64_t i = 0; i < v->inner; i += STRIP) {
        const int64_t n = v->inner - i < STRIP ? v->inner - i : STRIP;
        const int64_t from = v->apart ? twin + i * side : plain + i,
                      to = v->apart ? plain + i : twin + i * side;
        const char *src = flat_at(w->r, v->from) + (size_t)from * relay_size(v);
        char *dst = flat_at(w->r, v->to) + (size_t)to * relay_size(v);
        if (v->type == DT_FP32)
            relay_turn(w, rows, n, (const float *)(const void *)src,
                       (float *)(void *)dst);
        else
            relay_half(w, rows, n, (const uint16_t *)(const void *)src,
                       (uint16_t *)(void *)dst, flat_lane(w->r, lane));
    }
}

static void relay_run(const FlatStep *s, FlatRun *r)
{
    const Relay *v = s->data;
    RelayWork w = { r, v };
    team_run(r->team, relay_part, &w, v->batch * v->blocks);
}

/* s: the op that asks for it. */
static void relay_step(Make *m, const Step *s, int from, int to, int turn,
                       const char *how)
{
    FlatPlan *p = m->p;
    const int plain = from < to ? from : to;
    const Type *t = p->slot[plain].type;
    const int64_t *dim = t->shape.dim;
    Relay *v = NEW(&p->arena, Relay);
    *v = (Relay){ .from = from,
                  .to = to,
                  .apart = from > to,
                  .type = t->dtype,
                  .batch = dim[0],
                  .channels = dim[1],
                  .inner = dim[2] * dim[3] };
    v->blocks = layout_blocks(v->channels, p->kernels->lanes);
    const int maker = p->slot[p->slot[from].root].maker;
    if (maker >= 0) p->step[maker].open = false;
    FlatStep *f = make_step(m, s);
    f->run = relay_run;
    f->data = v;
    f->how = how;
    f->ops = "";
    f->turn = turn;
    f->read = NEW_ARRAY(&p->arena, 2, int);
    f->write = f->read + 1;
    f->read[f->nread++] = from;
    f->write[f->nwrite++] = to;
    f->lane_room = (size_t)(2 * STRIP * p->kernels->lanes + ELEM_PAD) * sizeof(float);
}

/* ---- twins ------------------------------------------------------------------------------- */

bool layout_twin(const FlatPlan *p, int slot)
{
    return slot >= 0 && slot < p->plan->nslot && p->slot[p->plan->nslot + slot].type;
}

static const Type *twin_type(FlatPlan *p, const Type *t)
{
    const int64_t *d = t->shape.dim, side = p->kernels->lanes;
    return type_tensor(&p->arena, t->dtype,
                       SHAPE(d[0], layout_blocks(d[1], (int)side), d[2], d[3], side));
}

void layout_plain(Make *m, int slot, bool after)
{
    FlatPlan *p = m->p;
    FlatSlot *s = &p->slot[slot];
    if (!s->absent) return;
    s->absent = false;
    make_out(m, slot, s->type, -1);
    relay_step(m, s->by, p->plan->nslot + slot, slot, after ? 1 : -1, "layout, rows");
}

void layout_args(Make *m, const Step *s)
{
    for (int i = 0; i < s->narg; i++)
        for (int k = 0; k < s->arg[i].n; k++) layout_plain(m, s->arg[i].slot[k], false);
}

/* The twin of a value that a run makes. */
static int twin_of(Make *m, const Step *s, int slot)
{
    FlatPlan *p = m->p;
    const int twin = p->plan->nslot + slot;
    if (p->slot[twin].type) return twin;
    make_out(m, twin, twin_type(p, p->slot[slot].type), -1);
    relay_step(m, s, slot, twin, -1, "layout, blocks");
    return twin;
}

/* The twin of what is known: a number for each channel. */
static int twin_known(Make *m, int slot, int64_t channels)
{
    FlatPlan *p = m->p;
    const int twin = p->plan->nslot + slot, side = p->kernels->lanes;
    FlatSlot *f = &p->slot[twin];
    if (f->type) return f->type->shape.rank == 5 ? twin : -1;
    const DType t = p->slot[slot].type->dtype;
    const Shape s = SHAPE(1, layout_blocks(channels, side), 1, 1, side);
    Tensor *v = flat_hold(p);
    if (!tensor_alloc(v, &m->quiet, t, &s)) return -1;
    tensor_follow(p->owner, v);
    memset(v->data, 0, v->bytes);
    memcpy(v->data, p->slot[slot].known->data, p->slot[slot].known->bytes);
    f->known = v;
    f->kind = ROOT_CONST;
    f->type = type_tensor(&p->arena, t, s);
    return twin;
}

/* ---- ops --------------------------------------------------------------------------------- */

/* The op l by twins: result and argument `p` of it. */
typedef struct {
    Step step;
    Call call;
    FlatLower l;
} Twinned;

static Twinned *twinned(const FlatLower *l)
{
    FlatPlan *p = l->p;
    Twinned *t = NEW(&p->arena, Twinned);
    t->step = *l->s;
    t->call = *l->c;
    t->step.out = NEW_ARRAY(&p->arena, 1, int);
    t->step.out[0] = p->plan->nslot + l->s->out[0];
    t->call.out[0] = twin_type(p, l->c->out[0]);
    t->step.arg = NEW_ARRAY(&p->arena, l->s->narg + 1, StepArg);
    memcpy(t->step.arg, l->s->arg, (size_t)l->s->narg * sizeof *l->s->arg);
    t->l =
        (FlatLower){ .p = p, .s = &t->step, .c = &t->call, .block = p->kernels->lanes };
    return t;
}

static void twin_give(Twinned *t, ParamId param, int slot)
{
    for (int i = 0; i < t->step.narg; i++) {
        StepArg *a = &t->step.arg[i];
        if (a->param != param) continue;
        a->slot = NEW_ARRAY(&t->l.p->arena, 1, int);
        a->slot[0] = slot;
    }
}

/* The value has a twin, and nothing else. */
static bool made_twin(Make *m, const FlatLower *l)
{
    FlatSlot *s = &m->p->slot[l->s->out[0]];
    s->type = l->c->out[0];
    s->absent = true;
    if (!m->p->how.fused) layout_plain(m, l->s->out[0], true);
    return true;
}

bool layout_conv(Make *m, FlatLower *l)
{
    Conv v;
    const int x = lower_slot(l, P_x);
    const Tensor *weight = lower_known(l, P_weight);
    if (!weight || !dtype_fast(call_dtype(l->c, P_x)) || !dtype_fast(weight->dtype)
        || m->p->slot[x].known || l->c->out[0]->shape.rank != 4
        || !conv_of(l->c, false, &v))
        return false;
    LowerFn *lower = depth_blocks(l, &v) ? lower_depth
                   : wino_suits(l, &v)   ? lower_wino
                   : direct_suits(l, &v) ? lower_direct
                                         : NULL;
    if (!lower) return false;
    Twinned *t = twinned(l);
    if (layout_twin(m->p, x)) twin_give(t, P_x, m->p->plan->nslot + x);
    return make_kernel(m, &t->l, lower) && made_twin(m, l);
}

bool layout_pool(Make *m, FlatLower *l)
{
    const int x = lower_slot(l, P_x);
    if (!layout_twin(m->p, x) || !pool_blocks(l)) return false;
    Twinned *t = twinned(l);
    twin_give(t, P_x, m->p->plan->nslot + x);
    return make_kernel(m, &t->l, lower_depth_pool) && made_twin(m, l);
}

/* What an elementwise op is to read for an operand; -1: there is no such thing. */
static int operand_of(Make *m, const FlatLower *l, int slot)
{
    const FlatSlot *f = &m->p->slot[slot];
    const Shape *s = &f->type->shape, *out = &l->c->out[0]->shape;
    size_t n;
    if (!dtype_fast(f->type->dtype) || !shape_count(s, &n)) return -1;
    if (shape_equal(s, out)) return f->known ? -1 : twin_of(m, l->s, slot);
    if (n == 1 && s->rank <= 4) return slot;
    const int channel = s->rank - 3; /* [channels, 1, 1], and a batch of 1 */
    if (!f->known || channel < 0 || s->dim[channel] != out->dim[1]
        || n != (size_t)out->dim[1])
        return -1;
    return twin_known(m, slot, out->dim[1]);
}

static bool layout_elementwise(Make *m, FlatLower *l)
{
    const FastRow *row = fast_of(l->s->op);
    const ParamId from[] = { row->x, row->y, row->w };
    const Type *out = l->c->out[0];
    bool any = false;
    int use[COUNT(from)] = { 0 };
    if (!row->elem || out->shape.rank != 4 || !dtype_fast(out->dtype)) return false;
    for (size_t i = 0; i < COUNT(from); i++) {
        const int slot = from[i] ? lower_slot(l, from[i]) : -1;
        if (from[i] && slot < 0) return false;
        any = any || (layout_twin(m->p, slot) && !m->p->slot[slot].known);
    }
    for (size_t i = 0; any && i < COUNT(from); i++)
        if (from[i] && (use[i] = operand_of(m, l, lower_slot(l, from[i]))) < 0)
            return false;
    if (!any) return false;
    Twinned *t = twinned(l);
    for (size_t i = 0; i < COUNT(from); i++)
        if (from[i]) twin_give(t, from[i], use[i]);
    return make_elementwise(m, &t->l) && made_twin(m, l);
}

bool layout_call(Make *m, FlatLower *l)
{
    if (!m->twins || l->s->op->nout != 1 || l->c->out[0]->kind != TY_TENSOR) return false;
    BlockedFn *blocked = fast_of(l->s->op)->blocked;
    return blocked ? blocked(m, l) : layout_elementwise(m, l);
}

/* ---- ends -------------------------------------------------------------------------------- */

void layout_end(const FlatStep *s, const FlatRun *r, int64_t first, int64_t n, float *c)
{
    const int64_t side = r->k->lanes;
    for (int64_t i = 0; i < n;
         i += END_ROWS, first += END_ROWS * side, c += END_ROWS * side) {
        const int64_t rows = n - i < END_ROWS ? n - i : END_ROWS;
        const ElemBlock b = { .first = first, .apart = side, .rows = rows, .cols = side };
        const ElemBlock line = { first, rows * side, 1, rows * side };
        EndRoom room;
        SumsEnd e;
        if (elem_end(s->elem, r, b, &room, &e)) r->k->end(&e, c, side, rows, side);
        else elem_run_block(s->elem, r, line, c, rows * side);
    }
}
