/* flat_make.c -- the ops of a function become steps: what depends on constants alone is computed,
 * views are addresses, and elementwise ops are fused into the step that makes their operand. */
#include "flat_pack.h"

#include <math.h>
#include <string.h>

/* ---- what is known ----------------------------------------------------------------------- */

/* The literal of a slot, at first use. */
bool make_literal(Make *m, int slot)
{
    const SlotInfo *info = &m->p->plan->slot[slot];
    FlatSlot *s = &m->p->slot[slot];
    if (s->coded) return weights_decode(m, slot);
    if ((s->type && !s->zeros) || !info->lit) return true;
    if (info->lit->kind == CONST_GROUP || info->value->type->kind != TY_TENSOR)
        return false;
    Tensor *t = flat_hold(m->p);
    if (!const_tensor(info->lit, &m->quiet, t)) return false;
    tensor_follow(m->p->owner, t);
    s->known = t;
    s->kind = ROOT_CONST;
    s->zeros = false;
    s->type = type_tensor(&m->p->arena, t->dtype, t->shape);
    return true;
}

/* Whether a slot is a literal of zeros, which need not be in memory. */
static bool make_zeros(const Make *m, int slot)
{
    const SlotInfo *info = &m->p->plan->slot[slot];
    FlatSlot *s = &m->p->slot[slot];
    double v;
    if (s->zeros) return true;
    if (s->type || !info->lit || !m->p->how.fused || !value_float(info->value, &v)
        || v < 0 || v > 0 || signbit(v))
        return false;
    s->type = info->value->type;
    s->zeros = true;
    return true;
}

static bool give_args(Make *m, const Step *s, Call *c)
{
    for (int i = 0; i < s->narg; i++) {
        const StepArg *a = &s->arg[i];
        const FastRow *fast = fast_of(s->op);
        const bool coded = fast->coded == a->param, zeros = fast->zeros == a->param;
        CallArg *v = NEW_ARRAY(c->arena, a->n + 1, CallArg);
        for (int k = 0; k < a->n; k++) {
            const FlatSlot *f = &m->p->slot[a->slot[k]];
            if (!(coded && f->coded) && !(zeros && make_zeros(m, a->slot[k]))
                && !make_literal(m, a->slot[k]))
                return false;
            const SlotInfo *info = &m->p->plan->slot[a->slot[k]];
            if (!f->type) return false;
            v[k] = (CallArg){ .type = f->type,
                              .val = f->known,
                              .constant = info->lit || info->constant };
        }
        call_give(c, a->param, a->n, v);
    }
    return true;
}

static bool all_known(const Make *m, const Step *s)
{
    for (int i = 0; i < s->narg; i++)
        for (int k = 0; k < s->arg[i].n; k++) {
            const FlatSlot *f = &m->p->slot[s->arg[i].slot[k]];
            if (!f->known && fast_of(s->op)->typed == s->arg[i].param) continue;
            if (!f->known) return false;
            if (f->coded && fast_of(s->op)->coded == s->arg[i].param) return false;
        }
    return true;
}

static bool outs_known(const Step *s, const Call *c)
{
    if (c->nout != s->op->nout) return false;
    for (int i = 0; i < c->nout; i++) {
        const Type *t = c->out[i];
        if (t->kind != TY_TENSOR || !shape_known(&t->shape) || t->dtype == DT_STRING
            || (dtypes[t->dtype].bits < 8 && !(c->info->flags & F_CONSTEXPR))
            || !type_fits(s->op->out[i]->type, t))
            return false;
    }
    return true;
}

enum { KNOWN_MOST = 1 << 20 }; /* bytes of a result that is computed beforehand */

static bool worth_knowing(const Step *s, const Call *c)
{
    size_t bytes = 0;
    if (ops[s->op->kind].flags & F_CONSTEXPR) return true;
    for (int i = 0; i < c->nout; i++) bytes += type_bytes(c->out[i]);
    return bytes <= KNOWN_MOST;
}

/* An argument of which the type alone counts: a tensor without elements' memory. */
static void know_typed(Make *m, const Step *s, Call *c)
{
    const ParamId p = fast_of(s->op)->typed;
    const int slot = p ? step_slot(s, p) : -1;
    if (slot < 0 || m->p->slot[slot].known) return;
    const Type *t = m->p->slot[slot].type;
    CallArg *v = NEW(c->arena, CallArg);
    Tensor *x = NEW(c->arena, Tensor);
    *x = tensor_view(t->dtype, &t->shape, NULL);
    *v = (CallArg){ .type = t, .val = x };
    call_give(c, p, 1, v);
}

/* Results of what is known, computed now by their reference kernel. */
static bool know_results(Make *m, const Step *s, Call *c)
{
    Tensor res[MAX_RESULT] = { { 0 } };
    know_typed(m, s, c);
    Call again = *c;
    again.nout = 0;
    if (!call_run(&again, res, MAX_RESULT)) return false;
    for (int i = 0; i < again.nout; i++) {
        FlatSlot *f = &m->p->slot[s->out[i]];
        Tensor *t = flat_hold(m->p);
        *t = res[i];
        tensor_follow(m->p->owner, t);
        f->known = t;
        f->kind = ROOT_CONST;
        f->type = type_tensor(&m->p->arena, t->dtype, t->shape);
    }
    return true;
}

/* ---- views ------------------------------------------------------------------------------- */

/* Bytes from where x begins; -1: it is no view. */
static int64_t view_offset(const FlatLower *l)
{
    const OpInfo *info = l->c->info;
    const Type *y = l->c->out[0];
    int64_t at[MAX_RANK] = { 0 };
    if (info->eval == eval_same_bytes || info->eval == eval_identity) return 0;
    if (l->s->op->kind != OP_slice_by_size) return -1;
    const Shape *x = call_shape(l->c, P_x);
    if (!lower_known(l, P_begin) || call_ints(l->c, P_begin, at, MAX_RANK) != x->rank)
        return -1;
    int64_t stride[MAX_RANK], first = 0;
    bool whole = true; /* all that is further in is taken whole */
    shape_strides(x, stride);
    for (int i = x->rank - 1; i >= 0; i--) {
        if (!whole && y->shape.dim[i] != 1) return -1;
        if (y->shape.dim[i] != x->dim[i]) whole = false;
        first += (at[i] < 0 ? at[i] + x->dim[i] : at[i]) * stride[i];
    }
    return first * dtypes[y->dtype].bits / 8;
}

static bool make_view(FlatLower *l)
{
    const OpInfo *info = l->c->info;
    const ParamId from = P_x;
    if (!(info->flags & F_MOVES) || !info->place[P_x]) return false;
    const int64_t offset = view_offset(l);
    const int x = offset < 0 ? -1 : lower_slot(l, from);
    if (x < 0) return false;
    const FlatSlot *src = &l->p->slot[x];
    FlatSlot *dst = &l->p->slot[l->s->out[0]];
    dst->type = l->c->out[0];
    if (src->known) {
        Tensor *t = flat_hold(l->p);
        *t = tensor_view(dst->type->dtype, &dst->type->shape,
                         (const char *)src->known->data + offset);
        dst->known = t;
        dst->kind = ROOT_CONST;
        return true;
    }
    dst->root = src->root;
    dst->offset = src->offset + offset;
    return true;
}

/* ---- steps ------------------------------------------------------------------------------- */

int step_slot(const Step *s, ParamId p)
{
    for (int i = 0; i < s->narg; i++)
        if (s->arg[i].param == p && s->arg[i].n) return s->arg[i].slot[0];
    return -1;
}

const Step *step_of(const FlatPlan *p, int slot, int kind)
{
    const FlatSlot *f = slot < 0 ? NULL : &p->slot[slot];
    if (!f || !f->by || f->by->op->kind != kind || f->known || f->readers != 1
        || layout_twin(p, slot))
        return NULL;
    return f->by;
}

static bool slot_stays(const FlatPlan *p, int slot, int at)
{
    const FlatSlot *root = slot < 0 ? NULL : &p->slot[p->slot[slot].root];
    return !root || root->kind != ROOT_STATE || root->written < at;
}

bool step_stays(const FlatPlan *p, const FlatStep *s)
{
    for (int i = 0; i < s->nread; i++)
        if (!slot_stays(p, s->read[i], s->at)) return false;
    for (int i = 0; s->elem && i < s->elem->nin; i++)
        if (!slot_stays(p, s->elem->in[i].slot, s->at)) return false;
    return true;
}

int lower_slot(const FlatLower *l, ParamId p) { return step_slot(l->s, p); }

const Tensor *lower_known(const FlatLower *l, ParamId p)
{
    const int slot = lower_slot(l, p);
    return slot < 0 ? NULL : l->p->slot[slot].known;
}

FlatStep *make_step(Make *m, const Step *s)
{
    FlatPlan *p = m->p;
    ARENA_ROOM(&p->arena, p->step, m->nstep, m->cap);
    FlatStep *f = &p->step[m->nstep++];
    *f = (FlatStep){ .step = s, .at = m->now, .ops = op_name(s->op) };
    return f;
}

/* The open step that makes all of the slot's value, as element i for element i; -1: none. */
static int open_maker(const Make *m, int slot, size_t count)
{
    const FlatPlan *p = m->p;
    const FlatSlot *s = &p->slot[slot], *root = &p->slot[s->root];
    size_t whole, part;
    if (root->maker < 0 || !p->step[root->maker].open || s->offset) return -1;
    if (!shape_count(&root->type->shape, &whole) || !shape_count(&s->type->shape, &part))
        return -1;
    return whole == part && part == count ? root->maker : -1;
}

typedef struct {
    const Make *m;
    int step; /* that is joined */
} Joining;

static int reg_of(void *ctx, int slot)
{
    const Joining *j = ctx;
    const FlatPlan *p = j->m->p;
    const int root = p->slot[slot].root;
    if (j->step < 0 || p->slot[root].maker != j->step) return -1;
    const ElemProgram *e = p->step[j->step].elem;
    for (int i = 0; i < e->nout; i++)
        if (e->out[i].slot == root) return e->out[i].reg;
    return -1;
}

/* What reads a value that an open step makes ends that step, unless it joins. */
void make_close(Make *m, const Step *s, int but)
{
    for (int i = 0; i < s->narg; i++)
        for (int k = 0; k < s->arg[i].n; k++) {
            const int maker = m->p->slot[m->p->slot[s->arg[i].slot[k]].root].maker;
            if (maker >= 0 && maker != but) m->p->step[maker].open = false;
        }
}

/* The step that an elementwise op joins; -1: none. A value of it that is seen otherwise
 * than whole would have to be there before. */
static int flat_joined(const Make *m, const Step *s, size_t count)
{
    int best = -1;
    for (int i = 0; i < s->narg && m->p->how.fused; i++)
        for (int k = 0; k < s->arg[i].n; k++) {
            const int at = open_maker(m, s->arg[i].slot[k], count);
            if (at > best) best = at;
        }
    for (int i = 0; i < s->narg && best >= 0; i++)
        for (int k = 0; k < s->arg[i].n; k++) {
            const int slot = s->arg[i].slot[k];
            if (m->p->slot[m->p->slot[slot].root].maker == best
                && open_maker(m, slot, count) != best)
                return -1;
        }
    return best;
}

void make_out(Make *m, int slot, const Type *t, int maker)
{
    FlatSlot *f = &m->p->slot[slot];
    f->type = t;
    f->kind = ROOT_ARENA;
    f->bytes = type_bytes(t);
    f->maker = maker;
}

void make_outs(Make *m, const Step *s, const Call *c, int maker)
{
    for (int i = 0; i < c->nout; i++) make_out(m, s->out[i], c->out[i], maker);
}

static ElemProgram *new_program(Make *m, const FlatLower *l, size_t count)
{
    ElemProgram *e = NEW(&m->p->arena, ElemProgram);
    e->count = (int64_t)count;
    e->block = l->block;
    return e;
}

bool make_elementwise(Make *m, FlatLower *l)
{
    size_t count;
    if (!fast_of(l->s->op)->elem || !shape_count(&l->c->out[0]->shape, &count))
        return false;
    Joining j = { m, flat_joined(m, l->s, count) };
    if (j.step >= 0 && elem_add(l, m->p->step[j.step].elem, reg_of, &j)) {
        FlatStep *f = &m->p->step[j.step];
        make_close(m, l->s, j.step);
        f->step = l->s;
        f->at = m->now;
        f->ops = arena_printf(&m->p->arena, "%s %s", f->ops, op_name(l->s->op));
        make_outs(m, l->s, l->c, j.step);
        return true;
    }
    j.step = -1;
    ElemProgram *e = new_program(m, l, count);
    if (!elem_add(l, e, reg_of, &j)) return false;
    make_close(m, l->s, -1);
    FlatStep *f = make_step(m, l->s);
    f->elem = e;
    f->open = true;
    f->how = "elementwise";
    make_outs(m, l->s, l->c, m->nstep - 1);
    return true;
}

static double info_macs(const FlatLower *l)
{
    const double n = l->c->info->macs ? l->c->info->macs(l->c) : 0;
    return n < 0 ? 0 : n;
}

static void make_packed(const FlatLower *l)
{
    for (int i = 0; i < l->npacked; i++) weights_packed(l, l->packed[i]);
}

/* A kernel that makes its one result in the order of its elements, for what follows to join. */
bool make_kernel(Make *m, FlatLower *l, LowerFn *lower)
{
    size_t count;
    if (!lower || l->c->nout != 1 || !shape_count(&l->c->out[0]->shape, &count) || !count)
        return false;
    FlatStep f = { .step = l->s, .at = m->now, .ops = op_name(l->s->op), .open = true };
    f.elem = l->elem = new_program(m, l, count);
    f.elem->nreg = 1;
    l->reg = 0;
    l->npacked = 0;
    const size_t packed = m->p->packed;
    if (!lower(l, &f)) return false;
    f.weights += m->p->packed - packed;
    if (!lower_result(l, 0)) return false;
    if (!l->block) f.macs += info_macs(l);
    make_packed(l);
    make_close(m, l->s, -1);
    *make_step(m, l->s) = f;
    make_outs(m, l->s, l->c, m->nstep - 1);
    return true;
}

/* A kernel that writes its results where they are. */
static bool make_whole(Make *m, FlatLower *l)
{
    LowerFn *lower = fast_of(l->s->op)->whole;
    FlatStep f = { .step = l->s, .at = m->now, .ops = op_name(l->s->op) };
    l->npacked = 0;
    const size_t packed = m->p->packed;
    if (!lower || !lower(l, &f)) return false;
    f.weights = m->p->packed - packed;
    f.macs = info_macs(l);
    make_packed(l);
    make_close(m, l->s, -1);
    *make_step(m, l->s) = f;
    make_outs(m, l->s, l->c, m->nstep - 1);
    return true;
}

static void make_reference(Make *m, FlatLower *l)
{
    make_close(m, l->s, -1);
    FlatStep *f = make_step(m, l->s);
    make_outs(m, l->s, l->c, m->nstep - 1);
    f->how = "reference";
    flat_refer(l, f);
}

/* The slot of an argument that is compressed, or not there since it is zeros, which no kernel could
 * read so; -1: none. */
static int make_waiting(const Make *m, const Step *s, const FlatLower *l)
{
    const FastRow *fast = fast_of(s->op);
    const ParamId waits = fast->coded ? fast->coded : fast->zeros;
    const int slot = waits ? lower_slot(l, waits) : -1;
    const FlatSlot *f = slot < 0 ? NULL : &m->p->slot[slot];
    return f && (f->coded || f->zeros) && !f->known ? slot : -1;
}

static bool make_call(Make *m, const Step *s)
{
    const OpInfo *info = &ops[s->op->kind];
    if (!info->eval) return false;
    Call *c = NEW(&m->p->arena, Call);
    call_init(c, info, s->opset, &m->p->arena, &m->quiet, op_loc(s->op));
    if (!give_args(m, s, c) || !call_check(c) || (info->infer && !info->infer(c))
        || !outs_known(s, c))
        return false;
    FlatLower l = { .p = m->p, .s = s, .c = c };
    for (int i = 0; i < s->op->nout; i++) m->p->slot[s->out[i]].by = s;
    if (layout_call(m, &l)) return true;
    layout_args(m, s);
    if (make_view(&l)) return true;
    const bool known = all_known(m, s) && !(info->flags & F_IMPURE);
    if (known && weights_zeros(m, s, c)) return true;
    if (known && worth_knowing(s, c))
        return weights_wait(m, s, c) || know_results(m, s, c);
    if (make_scattered(m, &l) || (rows_by_suits(&l) && make_kernel(m, &l, lower_rows_by))
        || make_elementwise(m, &l) || make_kernel(m, &l, fast_of(s->op)->rows)
        || attention_turned(m, &l) || make_whole(m, &l))
        return true;
    const int waiting = make_waiting(m, s, &l);
    if (waiting >= 0) return make_literal(m, waiting) && make_call(m, s);
    make_reference(m, &l);
    return true;
}

bool make_block(Make *m, const Steps *b)
{
    for (int i = 0; i < b->nstep; i++, m->now++) {
        MakeFn *other = make_others[b->step[i].op->kind];
        if (other) layout_args(m, &b->step[i]);
        if (other ? !other(m, b, i) : !make_call(m, &b->step[i])) return false;
    }
    return true;
}
