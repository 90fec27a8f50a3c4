/* flat.c -- a function of known shapes as a list of steps over slots of memory: makes the steps
 * (flat_make.c), drops those whose results nothing reads, and puts the others in order. */
#include "flat_pack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is fast ------------------------------------------------------------------------ */

const FastRow *fast_of(const Op *op)
{
#define NONE 0
#define ELEM(id) 1 + ELEM_##id
    static const FastRow fast[OP_COUNT] = {
#define OP(name, ...) [OP_##name] =
#define FAST(...) { __VA_ARGS__ },
#include "../../ir/ops/ops.def"
    };
#undef NONE
#undef ELEM
    return &fast[op->kind];
}

/* ---- memory of the plan ------------------------------------------------------------------ */

Tensor *flat_hold(FlatPlan *p)
{
    ARENA_ROOM(&p->arena, p->held, p->nheld, p->held_cap);
    Tensor *t = NEW(&p->arena, Tensor); /* where that fails, flat_free finds none */
    return p->held[p->nheld++] = t;
}

void *flat_big(FlatPlan *p, size_t bytes, PackForm form, bool *there)
{
    ARENA_ROOM(&p->arena, p->big, p->nbig, p->big_cap);
    FlatPacked *to = &p->big[p->nbig];
    *to = (FlatPacked){ .at = kept_next(p, bytes, form), .bytes = bytes, .form = form };
    *there = to->at;
    if (!to->at) {
        to->memory = mem_alloc(bytes + ALIGN + SLACK);
        if (!to->memory) mem_out(bytes);
        mem_follow(p->owner, to->memory);
        mem_wide(to->memory, bytes);
        to->at = to->memory + (ALIGN - (uintptr_t)to->memory % ALIGN) % ALIGN;
    }
    p->nbig++;
    p->packed += bytes;
    return to->at;
}

void flat_floats(const Tensor *t, size_t first, size_t n, float *dst)
{
    if (t->dtype == DT_FP32) memcpy(dst, (const float *)t->data + first, n * sizeof *dst);
    else if (t->dtype == DT_FP16)
        f16_to_floats((const uint16_t *)t->data + first, dst, n);
    else
        for (size_t i = 0; i < n; i++) dst[i] = (float)tensor_float(t, first + i);
}

/* ---- the whole --------------------------------------------------------------------------- */

static bool make_inputs(Make *m, const Shape *in)
{
    const Block *b = m->f->body;
    m->p->in = NEW_ARRAY(&m->p->arena, b->nparam + 1, Shape);
    for (int i = 0; i < b->nparam; i++) {
        const Value *v = b->param[i];
        FlatSlot *s = &m->p->slot[m->p->plan->body->param[i]];
        const Type *t = param_type(v);
        if (t->kind != TY_TENSOR || t->dtype == DT_STRING) return false;
        m->p->in[i] = param_is_state(v) ? t->shape : in[i];
        s->type = type_tensor(&m->p->arena, t->dtype, m->p->in[i]);
        s->kind = param_is_state(v) ? ROOT_STATE : ROOT_INPUT;
        s->index = i;
        s->bytes = type_bytes(s->type);
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const FlatStep *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->turn < y->turn ? -1 : x->turn > y->turn;
}

/* Results of elementwise programs that nothing reads outside are no more than registers. */
static void drop_outs(FlatPlan *p, const bool *read)
{
    for (int i = 0; i < p->nstep; i++) {
        ElemProgram *e = p->step[i].elem;
        int n = 0;
        for (int k = 0; e && k < e->nout; k++)
            if (read[e->out[k].slot]) e->out[n++] = e->out[k];
            else p->slot[e->out[k].slot].kind = ROOT_NONE;
        if (!e) continue;
        e->nout = n;
        elem_trim(e);
    }
}

static void note_reads(const FlatPlan *p, bool *read)
{
    for (int i = 0; i < p->nstep; i++) {
        const FlatStep *s = &p->step[i];
        for (int k = 0; k < s->nread; k++) read[p->slot[s->read[k]].root] = true;
        for (int k = 0; s->elem && k < s->elem->nin; k++)
            if (s->elem->in[k].slot >= 0) read[p->slot[s->elem->in[k].slot].root] = true;
    }
    for (int i = 0; i < p->plan->body->block->nresult; i++)
        read[p->slot[p->plan->body->result[i]].root] = true;
}

static bool step_read(const FlatPlan *p, const FlatStep *s, const bool *read)
{
    if (s->way || s->refers || (s->elem && s->elem->nout)) return true;
    for (int i = 0; i < s->nwrite; i++)
        if (read[p->slot[s->write[i]].root]) return true;
    return !s->elem && !s->nwrite;
}

/* Steps go whose results nothing reads any more, since what read them reads what they read. */
static void drop_steps(FlatPlan *p, Arena *scratch)
{
    for (int before = -1; before != p->nstep;) {
        bool *read = NEW_ARRAY(scratch, p->nslot + 1, bool);
        before = p->nstep;
        note_reads(p, read);
        drop_outs(p, read);
        int n = 0;
        for (int i = 0; i < p->nstep; i++) {
            FlatStep *s = &p->step[i];
            if (step_read(p, s, read)) {
                p->step[n++] = *s;
                continue;
            }
            for (int k = 0; k < s->nwrite; k++) p->slot[s->write[k]].kind = ROOT_NONE;
        }
        p->nstep = n;
    }
}

/* Numbers of ops become those of steps: the first that is not before. */
static int step_at(const FlatPlan *p, int at)
{
    int low = 0, high = p->nstep;
    while (low < high) {
        const int mid = low + (high - low) / 2;
        if (p->step[mid].at < at) low = mid + 1;
        else high = mid;
    }
    return low;
}

static void order_steps(FlatPlan *p)
{
    if (p->nstep) qsort(p->step, (size_t)p->nstep, sizeof *p->step, by_place);
    for (int i = 0; i < p->nstep; i++) {
        FlatStep *s = &p->step[i];
        if (s->way) s->to = step_at(p, s->to);
        if (s->past) s->past = step_at(p, s->past);
    }
    for (int i = 0; i < p->nloop; i++) {
        p->loop[i].first = step_at(p, p->loop[i].first);
        p->loop[i].end = step_at(p, p->loop[i].end) - 1;
    }
    p->turns = NEW_ARRAY(&p->arena, p->nloop + 1, uint64_t);
}

/* What stands in a block is not always run: nothing that others read may be made there
 * first. */
bool flat_blocks(const Steps *b)
{
    for (int i = 0; i < b->nstep; i++)
        if (op_nblock(b->step[i].op)) return true;
    return false;
}

static bool make_all(Make *m, const Shape *in, const FlatKeeping *keep)
{
    FlatPlan *p = m->p;
    const Steps *body = p->plan->body;
    m->twins = !flat_blocks(body);
    weights_count(p, body);
    again_count(p, body);
    if (!make_inputs(m, in)) return false;
    kept_find(p, keep, m->f);
    if (!make_block(m, body)) return false;
    for (int i = 0; i < body->block->nresult; i++)
        layout_plain(m, body->result[i], false);
    for (int i = 0; i < body->block->nresult; i++)
        if (!make_literal(m, body->result[i]) || !p->slot[body->result[i]].type
            || p->slot[body->result[i]].type->dtype == DT_STRING)
            return false;
    p->nstep = m->nstep;
    if (p->how.fused) drop_steps(p, &m->scratch);
    for (int i = 0; i < p->nstep; i++) p->macs += p->step[i].macs;
    for (int i = 0; i < p->nstep; i++)
        if (p->step[i].run && p->step[i].elem) elem_find_end(p, p->step[i].elem);
    order_steps(p);
    flat_place(p);
    kept_put(p, keep);
    return true;
}

bool flat_new(FlatPlan **out, const void *owner, const Plan *plan, const Func *f,
              const Kernels *k, const Shape *in, FlatHow how, const FlatKeeping *keep)
{
    FlatPlan *p = mem_zero(1, sizeof *p);
    if (!p) mem_out(sizeof *p);
    mem_follow(owner, p);
    *out = p;
    p->owner = owner;
    p->plan = plan;
    p->kernels = k;
    p->how = how;
    p->nslot = 2 * plan->nslot;
    p->slot = NEW_ARRAY(&p->arena, p->nslot + 1, FlatSlot);
    mem_follow(owner, p->arena.chunk);
    p->base = NEW_ARRAY(&p->arena, p->nslot + 1, char *);
    for (int i = 0; i < p->nslot; i++)
        p->slot[i] = (FlatSlot){
            .root = i, .first = INT_MAX, .last = -1, .maker = -1, .written = -1
        };
    Make m = { .p = p, .f = f, .quiet = { .quiet = true } };
    const bool ok = make_all(&m, in, keep);
    diag_free(&m.quiet);
    arena_free(&m.scratch);
    if (ok) return true;
    flat_free(p);
    *out = NULL;
    return false;
}

void flat_free(FlatPlan *p)
{
    if (!p) return;
    for (int i = 0; i < p->nheld; i++) tensor_free(p->held[i]);
    for (int i = 0; i < p->nbig; i++) mem_free(p->big[i].memory);
    kept_free(p);
    mem_free(p->memory);
    mem_free(p->scratch);
    arena_free(&p->arena);
    mem_free(p);
}
