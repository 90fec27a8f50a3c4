/* flat_elem.c -- elementwise programs: adding ops to them, and running them block by block. */
#include "flat.h"

#include <math.h>
#include <string.h>

static bool dtype_elem(DType t) { return dtype_fast(t) || t == DT_BOOL; }

/* ---- registers --------------------------------------------------------------------------- */

static int new_reg(ElemProgram *e) { return e->nreg < ELEM_REGS ? e->nreg++ : -1; }

int elem_step(ElemProgram *e, ElemOp op, int x, int y, int w, float a, float b)
{
    const int z = new_reg(e);
    if (z < 0 || e->nstep == ELEM_STEPS || x < 0 || y < 0 || w < 0) return -1;
    e->step[e->nstep++] = (ElemStep){ (uint8_t)op, (uint8_t)z, (uint8_t)x, (uint8_t)y,
                                      (uint8_t)w,  a,          b };
    return z;
}

/* Rounded as an element of t, where that is not what it is. */
static int elem_rounded(ElemProgram *e, int reg, DType t)
{
    return t == DT_FP16 ? elem_step(e, ELEM_half, reg, reg, reg, 0, 0) : reg;
}

static void merge_dims(ElemIn *in)
{
    int64_t *stride = in->stride;
    in->rank = dims_merge(in->rank, in->dim, 1, &stride);
}

static bool is_scalar(const ElemIn *in)
{
    for (int i = 0; i < in->rank; i++)
        if (in->stride[i]) return false;
    return true;
}

static const float *elem_splat(FlatPlan *p, float v)
{
    float *t = NEW_ARRAY(&p->arena, ELEM_BLOCK + ELEM_PAD, float);
    for (int i = 0; i < ELEM_BLOCK + ELEM_PAD; i++) t[i] = v;
    return t;
}

static bool same_in(const ElemIn *a, const ElemIn *b)
{
    if (a->slot != b->slot || a->rank != b->rank || a->slot < 0) return false;
    return !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0])
        && !memcmp(a->stride, b->stride, (size_t)a->rank * sizeof a->stride[0]);
}

int elem_input(ElemProgram *e, const ElemIn *in)
{
    for (int i = 0; i < e->nin; i++)
        if (same_in(&e->in[i], in)) return e->in[i].reg;
    const int reg = e->nin < ELEM_INS ? new_reg(e) : -1;
    if (reg < 0) return -1;
    e->in[e->nin] = *in;
    e->in[e->nin++].reg = reg;
    return reg;
}

/* The register of a slot of shape s, seen as `as`. */
static int elem_load(FlatPlan *p, ElemProgram *e, int slot, const Shape *as)
{
    const Type *t = p->slot[slot].type;
    const Tensor *known = p->slot[slot].known;
    if (e->nin == ELEM_INS) return -1;
    ElemIn in = { .slot = slot, .dtype = t->dtype, .rank = as->rank };
    shape_strides_as(&t->shape, as, in.stride);
    memcpy(in.dim, as->dim, (size_t)as->rank * sizeof in.dim[0]);
    merge_dims(&in);
    if (is_scalar(&in)) {
        in.rank = 0;
        if (known) {
            in.table = elem_splat(p, (float)tensor_float(known, 0));
            in.slot = -1;
        }
    }
    in.dense = in.rank == 1 && in.stride[0] == 1;
    return elem_input(e, &in);
}

/* The same for twins: so many numbers side by side, the last filled up. */
static void table_in_blocks(FlatPlan *p, const ElemProgram *e, ElemIn *in, int64_t n,
                            int64_t inner)
{
    const int64_t side = e->block, blocks = (n + side - 1) / side;
    float *filled = NEW_ARRAY(&p->arena, blocks * side + 1, float);
    memcpy(filled, in->table, (size_t)n * sizeof *filled);
    *in = (ElemIn){ .slot = -1, .table = filled, .dtype = DT_FP32, .rank = 4 };
    in->dim[0] = e->count / (blocks * side * inner);
    in->dim[1] = blocks;
    in->dim[2] = inner;
    in->dim[3] = side;
    in->stride[1] = side;
    in->stride[3] = 1;
}

int elem_table(FlatPlan *p, ElemProgram *e, const float *table, int64_t n, int64_t inner)
{
    ElemIn in = { .slot = -1, .table = table, .dtype = DT_FP32, .rank = 3 };
    if (e->nin == ELEM_INS) return -1;
    in.dim[0] = n > 0 && inner > 0 ? e->count / (n * inner) : 0;
    in.dim[1] = n;
    in.dim[2] = inner;
    in.stride[1] = 1;
    if (e->block) table_in_blocks(p, e, &in, n, inner);
    merge_dims(&in);
    if (is_scalar(&in)) {
        in.rank = 0;
        in.table = elem_splat(p, table[0]);
    }
    in.reg = new_reg(e);
    if (in.reg < 0) return -1;
    e->in[e->nin++] = in;
    return in.reg;
}

bool lower_then(FlatLower *l, ElemOp op, int y)
{
    l->reg = elem_step(l->elem, op, l->reg, y, y, 0, 0);
    return l->reg >= 0;
}

bool lower_bias(FlatLower *l, int64_t n, int64_t inner)
{
    const Tensor *bias = lower_known(l, P_bias);
    if (!call_has(l->c, P_bias)) return true;
    if (!bias) return false;
    float *table = NEW_ARRAY(&l->p->arena, n + 1, float);
    flat_floats(bias, 0, (size_t)n, table);
    return lower_then(l, ELEM_add, elem_table(l->p, l->elem, table, n, inner));
}

bool lower_result(FlatLower *l, int index)
{
    ElemProgram *e = l->elem;
    const DType t = l->c->out[index]->dtype;
    const int z = elem_rounded(e, l->reg, t);
    if (z < 0) return false;
    e->out[e->nout++] = (ElemOut){ .slot = l->s->out[index], .dtype = t, .reg = z };
    return true;
}

/* ---- ops -------------------------------------------------------------------------- */

/* x to the power of a constant that is made of products, quotients and roots. The roots are
 * those of pow: of -0 they are as of 0, and of an infinity below 0 as of one above. */
bool power_of(const FlatLower *l, ElemOp *op)
{
    static const struct {
        double power;
        ElemOp op;
    } powers[] = { { 1, ELEM_copy },  { 2, ELEM_square }, { 3, ELEM_cube },
                   { -1, ELEM_over }, { 0.5, ELEM_root }, { -0.5, ELEM_over_root } };
    const Tensor *y = lower_known(l, P_y);
    if (!y || y->count != 1 || call_shape(l->c, P_y)->rank > call_shape(l->c, P_x)->rank)
        return false;
    const double v = tensor_float(y, 0);
    for (size_t i = 0; i < COUNT(powers); i++)
        if (powers[i].power == v) {
            *op = powers[i].op;
            return true;
        }
    return false;
}

bool gelu_of(const FlatLower *l, ElemOp *op)
{
    const int mode = call_chosen(l->c, P_mode);
    if (mode == GELU_TANH) *op = ELEM_gelu_tanh;
    if (mode == GELU_SIGMOID) *op = ELEM_gelu_sigmoid;
    return true;
}

/* What is repeated along axes where it has one element is broadcast. */
bool tile_of(const FlatLower *l, ElemOp *op)
{
    const Shape *x = call_shape(l->c, P_x), *z = &l->c->out[0]->shape;
    (void)op;
    for (int i = 0; i < z->rank; i++)
        if (x->rank != z->rank || (x->dim[i] != 1 && x->dim[i] != z->dim[i]))
            return false;
    return true;
}

bool cast_of(const FlatLower *l, ElemOp *op)
{
    const DType from = call_dtype(l->c, P_x), to = l->c->out[0]->dtype;
    if (to == DT_BOOL && from != DT_BOOL) *op = ELEM_truth;
    return true;
}

/* A parameter of a number for each channel, as floats; `fill` where it is absent; NULL: it is
 * not known. */
static const float *channel_table(const FlatLower *l, ParamId p, int64_t n, float fill)
{
    float *v = NEW_ARRAY(&l->p->arena, n + 1, float);
    const Tensor *t = lower_known(l, p);
    if (call_has(l->c, p) && !t) return NULL;
    for (int64_t i = 0; i < n; i++) v[i] = fill;
    if (t) flat_floats(t, 0, (size_t)n, v);
    return v;
}

/* (x - mean) / root, then gamma * that + beta, without a rounding in between */
int add_batch_norm(const FlatLower *l, ElemProgram *e, int x)
{
    const Shape *s = call_shape(l->c, P_x);
    const int64_t n = s->dim[1], inner = shape_elements(s, 2, s->rank);
    const float *mean = channel_table(l, P_mean, n, 0);
    const float *gamma = channel_table(l, P_gamma, n, 1),
                *beta = channel_table(l, P_beta, n, 0);
    const Tensor *variance = lower_known(l, P_variance);
    float *root = NEW_ARRAY(&l->p->arena, n + 1, float);
    if (!mean || !gamma || !beta || !variance) return -1;
    for (int64_t i = 0; i < n; i++)
        root[i] = (float)sqrt(tensor_float(variance, (size_t)i)
                              + call_float(l->c, P_epsilon));
    const int m = elem_table(l->p, e, mean, n, inner),
              r = elem_table(l->p, e, root, n, inner);
    int z = elem_step(e, ELEM_standard, x, m, r, 0, 0);
    if (!call_has(l->c, P_gamma) && !call_has(l->c, P_beta)) return z;
    const int g = elem_table(l->p, e, gamma, n, inner),
              b = elem_table(l->p, e, beta, n, inner);
    return elem_step(e, ELEM_scale, z, g, b, 0, 0);
}

int add_prelu(const FlatLower *l, ElemProgram *e, int x)
{
    const Shape *s = call_shape(l->c, P_x);
    const float *alpha = channel_table(l, P_alpha, s->dim[1], 0);
    if (!alpha) return -1;
    const int y = elem_table(l->p, e, alpha, s->dim[1], shape_elements(s, 2, s->rank));
    return elem_step(e, ELEM_prelu, x, y, y, 0, 0);
}

static float elem_number(const FlatLower *l, ParamId p)
{
    return p ? (float)call_float_like(l->c, p, P_x) : 0;
}

static bool elem_add_op(FlatLower *l, ElemProgram *e, int (*reg_of)(void *ctx, int slot),
                        void *ctx)
{
    const FastRow *row = fast_of(l->s->op);
    const ParamId from[] = { row->x, row->y, row->w };
    const Type *out = l->c->out[0];
    int reg[3] = { 0 };
    ElemOp op = (ElemOp)(row->elem - 1);
    if (!row->elem || !dtype_elem(out->dtype) || (row->choose && !row->choose(l, &op)))
        return false;
    for (int i = 0; i < 3; i++) {
        if (!from[i]) {
            reg[i] = reg[0];
            continue;
        }
        const int slot = lower_slot(l, from[i]);
        if (slot < 0 || !dtype_elem(l->p->slot[slot].type->dtype)) return false;
        /* sums and products of truths are whole numbers */
        if (l->p->slot[slot].type->dtype == DT_BOOL && !row->truths && !row->exact)
            return false;
        reg[i] = reg_of(ctx, slot);
        if (reg[i] < 0) reg[i] = again_value(l->p, e, slot);
        if (reg[i] < 0) reg[i] = elem_load(l->p, e, slot, &out->shape);
        if (reg[i] < 0) return false;
    }
    const float a = elem_number(l, row->a),
                b = row->b ? elem_number(l, row->b) : row->high;
    int z = row->add ? row->add(l, e, reg[0])
                     : elem_step(e, op, reg[0], reg[1], reg[2], a, b);
    if (z >= 0 && !row->exact) z = elem_rounded(e, z, out->dtype);
    if (z < 0 || e->nout == ELEM_OUTS) return false;
    e->out[e->nout++] = (ElemOut){ .slot = l->s->out[0], .dtype = out->dtype, .reg = z };
    return true;
}

bool elem_add(FlatLower *l, ElemProgram *e, int (*reg_of)(void *ctx, int slot), void *ctx)
{
    const int nin = e->nin, nstep = e->nstep, nout = e->nout, nreg = e->nreg;
    if (elem_add_op(l, e, reg_of, ctx)) return true;
    e->nin = nin;
    e->nstep = nstep;
    e->nout = nout;
    e->nreg = nreg;
    return false;
}

/* ---- running ----------------------------------------------------------------------------- */

static void copy_in(const Kernels *k, float *dst, const char *src, DType t, int64_t at,
                    size_t n)
{
    if (t == DT_FP32) memcpy(dst, src + at * 4, n * 4);
    else if (t == DT_FP16) k->widen(dst, (const uint16_t *)(const void *)src + at, n);
    else
        for (size_t i = 0; i < n; i++) dst[i] = src[(size_t)at + i] != 0;
}

static float one_of(const Kernels *k, const char *src, DType t, int64_t at)
{
    float v;
    copy_in(k, &v, src, t, at, 1);
    return v;
}

static void fill_part(float *dst, float v, size_t n)
{
    for (size_t i = 0; i < n; i++) dst[i] = v;
}

/* Element `first` on of what is not dense, a run of the last dimension at a time. */
static void walk_in(const ElemIn *in, const Kernels *k, const char *src, int64_t first,
                    size_t n, float *dst)
{
    int64_t index[MAX_RANK], at = 0, rest = first;
    const int last = in->rank - 1;
    for (int i = last; i >= 0; i--) {
        index[i] = rest % in->dim[i];
        rest /= in->dim[i];
        at += index[i] * in->stride[i];
    }
    while (n) {
        const int64_t left = in->dim[last] - index[last], step = in->stride[last];
        const size_t run = (size_t)left < n ? (size_t)left : n;
        if (step == 1) copy_in(k, dst, src, in->dtype, at, run);
        else if (!step && run == n) k->fill(dst, one_of(k, src, in->dtype, at), run);
        else if (!step) fill_part(dst, one_of(k, src, in->dtype, at), run);
        else
            for (size_t i = 0; i < run; i++)
                dst[i] = one_of(k, src, in->dtype, at + (int64_t)i * step);
        dst += run;
        n -= run;
        index[last] += (int64_t)run;
        at += (int64_t)run * step;
        for (int i = last; i > 0 && index[i] == in->dim[i]; i--) {
            at += in->stride[i - 1] - in->stride[i] * in->dim[i];
            index[i] = 0;
            index[i - 1]++;
        }
    }
}

/* Kernels work on whole vectors: what is there past the last element is 0. */
static void elem_pad(float *v, size_t n, size_t padded)
{
    for (; n < padded; n++) v[n] = 0;
}

typedef float ElemRoom[ELEM_BLOCK + ELEM_PAD];

/* Where elements lie side by side as they are wanted; NULL: they do not. */
static const float *lying_in(const ElemIn *in, const char *src, int64_t first, size_t n)
{
    const float *f = (const float *)(const void *)src;
    const int last = in->rank - 1;
    if (in->dtype != DT_FP32 || n % ELEM_PAD) return NULL;
    if (in->dense) return f + first;
    if (in->stride[last] != 1 || first % in->dim[last] + (int64_t)n > in->dim[last])
        return NULL;
    for (int i = last; i >= 0; i--) {
        f += first % in->dim[i] * in->stride[i];
        first /= in->dim[i];
    }
    return f;
}

static const float *load_in(const ElemIn *in, const FlatRun *r, int64_t first, size_t n,
                            float *room)
{
    if (in->slot < 0 && !in->rank) return in->table;
    const char *src = in->slot < 0 ? (const char *)in->table : flat_at(r, in->slot);
    const float *lying = in->rank ? lying_in(in, src, first, n) : NULL;
    if (lying) return lying;
    if (!in->rank) r->k->fill(room, one_of(r->k, src, in->dtype, 0), n);
    else if (!in->dense) walk_in(in, r->k, src, first, n, room);
    else copy_in(r->k, room, src, in->dtype, first, n);
    return room;
}

static void store_out(const ElemOut *o, const FlatRun *r, int64_t first, size_t n,
                      const float *v)
{
    char *dst = flat_at(r, o->slot);
    if ((const char *)(const void *)v == dst + first * 4) return; /* it was made there */
    if (o->dtype == DT_FP16) r->k->narrow((uint16_t *)(void *)dst + first, v, n);
    else if (o->dtype == DT_FP32) memcpy(dst + first * 4, v, n * 4);
    else
        for (size_t i = 0; i < n; i++) dst[(size_t)first + i] = v[i] != 0;
}

/* Where the last step's result may be made at once: it is all of a result that is fp32, or
 * what was given. */
static float *last_at(const ElemProgram *e, const FlatRun *r, int64_t first, size_t n,
                      float *given)
{
    if (!e->nstep || n % ELEM_PAD) return NULL;
    for (int i = 0; i < e->nout; i++) {
        const ElemOut *o = &e->out[i];
        if (o->reg != e->step[e->nstep - 1].z || o->dtype != DT_FP32) continue;
        if (o->slot < 0) return e->nout == 1 ? given : NULL;
        return (float *)(void *)flat_at(r, o->slot) + first;
    }
    return NULL;
}

void elem_run(const ElemProgram *e, const FlatRun *r, int64_t first, size_t n,
              float *given)
{
    ElemRoom room[ELEM_REGS];
    const float *reg[ELEM_REGS];
    const size_t padded = (n + ELEM_PAD - 1) / ELEM_PAD * ELEM_PAD;
    float *last = last_at(e, r, first, n, given);
    reg[0] = given;
    if (given) elem_pad(given, n, padded);
    for (int i = 0; i < e->nin; i++) {
        float *own = room[e->in[i].reg];
        reg[e->in[i].reg] = load_in(&e->in[i], r, first, n, own);
        if (reg[e->in[i].reg] == own) elem_pad(own, n, padded);
    }
    for (int i = 0; i < e->nstep; i++) {
        const ElemStep *s = &e->step[i];
        float *z = i + 1 == e->nstep && last ? last : room[s->z];
        r->k->elem[s->op](z, reg[s->x], reg[s->y], reg[s->w], s->a, s->b, padded);
        reg[s->z] = z;
    }
    for (int i = 0; i < e->nout; i++) {
        const float *v = reg[e->out[i].reg];
        if (e->out[i].slot >= 0) store_out(&e->out[i], r, first, n, v);
        else if (v != given) memcpy(given, v, n * sizeof *v);
    }
}

/* A row that is handed over is read to the next multiple of ELEM_PAD. */
void elem_run_row(const ElemProgram *e, const FlatRun *r, int64_t first, int64_t n,
                  float *given)
{
    for (int64_t i = 0; i < n; i += ELEM_BLOCK) {
        const int64_t part = n - i < ELEM_BLOCK ? n - i : ELEM_BLOCK;
        elem_run(e, r, first + i, (size_t)part, given ? given + i : NULL);
    }
}

enum { ELEM_GRAIN = 64 * ELEM_BLOCK };

typedef struct {
    const ElemProgram *e;
    const FlatRun *r;
} ElemWork;

static void elem_part(void *ctx, int64_t part, int lane)
{
    const ElemWork *w = ctx;
    const int64_t first = part * ELEM_GRAIN, rest = w->e->count - first;
    (void)lane;
    elem_run_row(w->e, w->r, first, rest < ELEM_GRAIN ? rest : ELEM_GRAIN, NULL);
}

void elem_run_all(const FlatStep *s, FlatRun *r)
{
    ElemWork w = { s->elem, r };
    team_run(r->team, elem_part, &w, (s->elem->count + ELEM_GRAIN - 1) / ELEM_GRAIN);
}

const float *flat_row(const FlatRun *r, int slot, DType t, int64_t first, size_t n,
                      float *room)
{
    const char *src = flat_at(r, slot);
    if (t == DT_FP32) return (const float *)(const void *)src + first;
    copy_in(r->k, room, src, t, first, n);
    return room;
}
