/* compress_code.c -- encoding a weight: walks over its elements, masks of sparse forms, scales
 * and integers of quantised forms.
 *
 * A weight is never held whole: it is read from where it is, a run at a time, as often as
 * needed. Numbers are computed in double, in the order of the elements. */
#include "compress_part.h"

#include <math.h>
#include <string.h>

enum { CODE_RUN = 2048, CODE_SMALL = 1 << 16 };

/* ---- reading ----------------------------------------------------------------------------- */

static bool encoder_read(Encoder *e, size_t first, size_t n, double *v)
{
    double raw[CODE_RUN];
    const Shape run = SHAPE((int64_t)n);
    const Tensor t = tensor_view(e->from->type->dtype, &run, raw);
    if (!const_read(e->from, e->diag, first, n, raw)) return false;
    tensor_get_floats(&t, 0, n, v);
    return true;
}

static size_t keep_masked(const Encoder *e, size_t first, size_t n, double *v)
{
    size_t kept = 0;
    if (!e->mask) return n;
    for (size_t i = 0; i < n; i++)
        if (e->mask[(first + i) / 8] >> ((first + i) % 8) & 1) v[kept++] = v[i];
    return kept;
}

bool encoder_walk(Encoder *e, const Blocks *b, RunTaker *take, void *ctx)
{
    const size_t run = (size_t)b->run;
    double v[CODE_RUN];
    size_t at = 0;
    for (size_t i = 0; i < e->count; i += CODE_RUN) {
        const size_t n = e->count - i < CODE_RUN ? e->count - i : CODE_RUN;
        if (!encoder_read(e, i, n, v)) return false;
        for (size_t k = 0; k < n;) {
            const size_t left = run - (i + k) % run, step = n - k < left ? n - k : left;
            const size_t kept = keep_masked(e, i + k, step, v + k);
            take(ctx, blocks_at(b, (int64_t)(i + k)), v + k, kept, at);
            at += kept;
            k += step;
        }
    }
    return true;
}

/* Where a block begins, and how far run number `k` of it is from there. */
static size_t block_place(const Blocks *b, int64_t block, int64_t k)
{
    int64_t stride[MAX_RANK], at = 0, element = k * b->run, step = 1;
    for (int i = b->rank; i-- > 0;) {
        stride[i] = step;
        step *= b->dim[i];
    }
    for (int i = b->rank; i-- > 0;) {
        const int64_t groups = b->dim[i] / b->block[i];
        at += (block / b->stride[i] % groups * b->block[i] + element % b->block[i])
            * stride[i];
        element /= b->block[i];
    }
    return (size_t)at;
}

bool encoder_walk_block(Encoder *e, const Blocks *b, int64_t block, RunTaker *take,
                        void *ctx)
{
    double v[CODE_RUN];
    int64_t all = 1;
    for (int i = 0; i < b->rank; i++) all *= b->block[i];
    for (int64_t k = 0; k < all / b->run; k++) {
        const size_t from = block_place(b, block, k);
        for (size_t i = 0; i < (size_t)b->run; i += CODE_RUN) {
            const size_t left = (size_t)b->run - i, n = left < CODE_RUN ? left : CODE_RUN;
            if (!encoder_read(e, from + i, n, v)) return false;
            take(ctx, block, v, keep_masked(e, from + i, n, v), 0);
        }
    }
    return true;
}

/* ---- writing ----------------------------------------------------------------------------- */

Const *encoder_room(Encoder *e, DType t, Shape s, Tensor *view)
{
    const Type *type = type_tensor(&e->m->arena, t, s);
    const size_t bytes = type_bytes(type) + 1;
    void *data = bytes < CODE_SMALL ? arena_alloc(&e->m->arena, bytes) : NULL;
    if (!data) {
        Scratch *room = scratch_new(bytes);
        data = room->data;
        room->next = e->m->scratch;
        e->m->scratch = room;
        mem_follow(e->m, data);
        mem_follow(e->m, room);
    }
    *view = tensor_view(t, &s, data);
    Const *c = const_data(&e->m->arena, type, data);
    c->in_file = true;
    return c;
}

int64_t encoder_groups(Encoder *e, int axis, double each, const char *what)
{
    const int64_t n = axis < 0 ? 1 : e->shape.dim[axis],
                  most = each < 1 ? 1 : (int64_t)each;
    int64_t size = most < n ? most : n;
    while (size > 1 && n % size) size--;
    const bool near = 2 * size > most || size == n;
    if (n % most && near)
        e->why = arena_printf(&e->m->arena, "no %s of %lld parts an axis of %lld: %lld",
                              what, (long long)most, (long long)n, (long long)size);
    if (!near)
        e->why = arena_printf(&e->m->arena, "no %s near %lld parts an axis of %lld", what,
                              (long long)most, (long long)n);
    return near ? n / size : 1;
}

/* ---- numbers of the weight's type -------------------------------------------------------- */

double encoder_rounded(const Encoder *e, double v)
{
    return e->from->type->dtype == DT_FP16 ? f16_to_double(f16_from_double(v)) : (float)v;
}

static double rounded_next(const Encoder *e, double v, bool up)
{
    if (e->from->type->dtype == DT_FP32) return nextafterf((float)v, up ? INFINITY : 0);
    return f16_to_double((uint16_t)(f16_from_double(v) + (up ? 1 : -1)));
}

/* Small scales are few and far between: the next one up loses less than numbers that are cut. A
 * large one must not take its largest multiple beyond the type. */
static double encoder_step(const Encoder *e, double wanted)
{
    const double normal = e->from->type->dtype == DT_FP16 ? 0x1p-14 : 0x1p-126;
    const double s = encoder_rounded(e, wanted);
    if (wanted == 0) return 1;
    return s < normal && s < wanted ? rounded_next(e, s, true) : s;
}

double encoder_scale(const Encoder *e, double most, double reach)
{
    double s = encoder_step(e, most / reach);
    while (most > 0 && isinf(encoder_rounded(e, s * reach)))
        s = rounded_next(e, s, false);
    return s;
}

/* ---- what may be compressed -------------------------------------------------------------- */

typedef struct {
    size_t at, bad; /* bad: of the first that is not finite, from 1 */
    double value;
} Finite;

static void look_finite(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    Finite *f = ctx;
    (void)block;
    for (size_t i = 0; i < n && !f->bad; i++) {
        if (isfinite(v[i])) continue;
        f->bad = at + i + 1;
        f->value = v[i];
    }
}

static bool is_all_finite(Encoder *e)
{
    Blocks whole;
    Finite f = { 0 };
    blocks_of_axis(&whole, &e->shape, -1);
    if (!encoder_walk(e, &whole, look_finite, &f)) return false;
    return !f.bad
        || diag_error(
            e->diag, e->from->loc,
            "the weight %s has %g as element %zu, which no compressed form holds; the "
            "rule `%s = none` leaves it as it is",
            e->name, f.value, f.bad - 1, e->name);
}

/* ---- sparse ------------------------------------------------------------------------------ */

/* Floats without their sign are in the order of their bits. How many have which upper half, and
 * of one upper half which lower half. */
typedef struct {
    size_t *count;
    /* of those whose lower half is counted; UINT32_MAX: upper halves are */
    uint32_t upper;
} Ranks;

static uint32_t rank_of(double v)
{
    const float f = (float)fabs(v);
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static void count_ranks(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    Ranks *r = ctx;
    (void)block, (void)at;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = rank_of(v[i]);
        if (r->upper == UINT32_MAX) r->count[bits >> 16]++;
        else if (bits >> 16 == r->upper) r->count[bits & 0xffff]++;
    }
}

/* The first whose count goes beyond `left`, which loses those before. */
static uint32_t rank_reached(const size_t *count, size_t *left)
{
    uint32_t i = 0;
    for (; i < 0xffff && count[i] <= *left; i++) *left -= count[i];
    return i;
}

typedef struct {
    uint8_t *mask;
    uint32_t edge; /* smaller ones go, larger ones stay */
    size_t ties;   /* of those that are equal, so many go, the first ones */
    size_t kept;
} Cutting;

static void cut_small(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    Cutting *c = ctx;
    (void)block;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = rank_of(v[i]);
        bool stays = bits > c->edge;
        if (bits == c->edge && c->ties) c->ties--;
        else if (bits == c->edge) stays = true;
        if (!stays || !bits) continue;
        c->mask[(at + i) / 8] |= (uint8_t)(1u << (at + i) % 8);
        c->kept++;
    }
}

/* The magnitude that parts those that go from those that stay, for a part of all elements. */
static bool cut_ratio(Encoder *e, const Blocks *whole, Cutting *c)
{
    size_t left = (size_t)rint(e->as->told[TOLD_ratio] * (double)e->count);
    Ranks r = { NEW_ARRAY(&e->scratch, 0x10000, size_t), UINT32_MAX };
    if (left == e->count) left--; /* no file has a literal of no elements */
    if (!encoder_walk(e, whole, count_ranks, &r)) return false;
    const uint32_t upper = rank_reached(r.count, &left);
    memset(r.count, 0, 0x10000 * sizeof *r.count);
    r.upper = upper;
    if (!encoder_walk(e, whole, count_ranks, &r)) return false;
    c->edge = upper << 16 | rank_reached(r.count, &left);
    c->ties = left;
    return true;
}

bool encode_sparse(Encoder *e)
{
    Blocks whole;
    Tensor mask;
    Cutting c = { .edge = rank_of(e->as->told[TOLD_below]) };
    blocks_of_axis(&whole, &e->shape, -1);
    if (compression_says(e->as, TOLD_ratio) && !cut_ratio(e, &whole, &c)) return false;
    e->to.mask = encoder_room(e, DT_UINT1, e->shape, &mask);
    c.mask = mask.data;
    if (!encoder_walk(e, &whole, cut_small, &c)) return false;
    if (!c.kept) { /* all are zeros: the first one is said */
        c.mask[0] |= 1;
        c.kept = 1;
    }
    e->mask = c.mask;
    e->kept = c.kept;
    return true;
}

static void put_kept(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    (void)block;
    tensor_put_floats(ctx, at, n, v);
}

static bool encode_kept(Encoder *e)
{
    Blocks whole;
    Tensor to;
    blocks_of_axis(&whole, &e->shape, -1);
    e->to.data = encoder_room(e, e->from->type->dtype, SHAPE((int64_t)e->kept), &to);
    return encoder_walk(e, &whole, put_kept, &to);
}

/* ---- quantised --------------------------------------------------------------------------- */

typedef struct {
    Encoder *e;
    double *low, *high; /* of each block; then */
    double *scale,
        *zero; /* what its elements are multiples of, and which number stands for 0 */
    double least, most; /* what an element of the stored type may be */
    Tensor to;
} Quantising;

static void take_range(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    Quantising *q = ctx;
    (void)at;
    for (size_t i = 0; i < n; i++) {
        if (v[i] < q->low[block]) q->low[block] = v[i];
        if (v[i] > q->high[block]) q->high[block] = v[i];
    }
}

/* Zero is among what can be said. */
static void range_scaled(Quantising *q, int64_t i)
{
    const Encoder *e = q->e;
    const double middle = q->least < 0 ? 0 : (q->most + 1) / 2, reach = q->most - middle;
    if (compression_says(e->as, TOLD_affine)) {
        const double steps = q->most - q->least, from = -q->low[i], to = q->high[i];
        q->scale[i] = encoder_step(e, (from + to) / steps);
        q->zero[i] = rint(q->least + from / q->scale[i]);
        if (q->zero[i] > q->most) q->zero[i] = q->most;
        return;
    }
    const double below = -q->low[i] / (reach + 1), above = q->high[i] / reach;
    q->zero[i] = middle;
    q->scale[i] = below > above ? encoder_scale(e, -q->low[i], reach + 1)
                                : encoder_scale(e, q->high[i], reach);
}

static void put_quantised(void *ctx, int64_t block, const double *v, size_t n, size_t at)
{
    Quantising *q = ctx;
    const double scale = q->scale[block], zero = q->zero[block];
    const double edge = q->e->from->type->dtype == DT_FP16 ? 65520 : 0x1.ffffffp127;
    double k[CODE_RUN];
    for (size_t i = 0; i < n; i++) {
        double is = rint(v[i] / scale) + zero;
        is = is < q->least ? q->least : is > q->most ? q->most : is;
        /* from there on the type rounds to an infinity */
        while (fabs(scale * (is - zero)) >= edge) is += is > zero ? -1 : 1;
        k[i] = is;
    }
    tensor_put_floats(&q->to, at, n, k);
}

static void quant_blocks(Encoder *e, Blocks *b, Shape *groups)
{
    const Compression *c = e->as;
    *groups = (Shape){ .rank = e->shape.rank };
    for (int i = 0; i < groups->rank; i++) groups->dim[i] = 1;
    const bool parted = compression_says(c, TOLD_block);
    if (e->shape.rank > 1 && !compression_says(c, TOLD_tensor))
        groups->dim[e->channel] = e->shape.dim[e->channel];
    const int axis = e->shape.rank > 1 ? e->input : 0;
    if (parted)
        groups->dim[axis < 0 ? 0 : axis] *= encoder_groups(e, axis, c->told[TOLD_block],
                                                           "block");
    blocks_of(b, e->shape.rank, e->shape.dim, groups->dim);
}

static void quant_offsets(Encoder *e, const Quantising *q, Shape groups, size_t n,
                          DType t)
{
    Tensor scale, zero;
    bool any = false;
    for (size_t i = 0; i < n; i++) any = any || q->zero[i] != 0;
    e->to.scale = encoder_room(e, e->from->type->dtype, groups, &scale);
    tensor_put_floats(&scale, 0, n, q->scale);
    if (!any) return;
    e->to.offset = encoder_room(e, t, groups, &zero);
    for (size_t i = 0; i < n; i++) tensor_set_int(&zero, i, (int64_t)q->zero[i]);
}

bool encode_quantised(Encoder *e)
{
    Blocks b;
    Shape groups;
    size_t n;
    const int kind = e->as->kind == KIND_sparse ? e->as->values : e->as->kind;
    const DType t = compress_kinds[kind].stored;
    const int bits = dtypes[t].bits;
    const bool with_sign = dtypes[t].cls == CLASS_INT;
    quant_blocks(e, &b, &groups);
    if (!shape_count(&groups, &n)) bug("blocks of no known count");
    Quantising q = { .e = e,
                     .low = NEW_ARRAY(&e->scratch, n, double),
                     .high = NEW_ARRAY(&e->scratch, n, double),
                     .scale = NEW_ARRAY(&e->scratch, n, double),
                     .zero = NEW_ARRAY(&e->scratch, n, double),
                     .least = with_sign ? -ldexp(1, bits - 1) : 0,
                     .most = ldexp(1, with_sign ? bits - 1 : bits) - 1 };
    if (!encoder_walk(e, &b, take_range, &q)) return false;
    for (size_t i = 0; i < n; i++) range_scaled(&q, (int64_t)i);
    e->to.data = encoder_room(e, t, e->mask ? SHAPE((int64_t)e->kept) : e->shape, &q.to);
    quant_offsets(e, &q, groups, n, t);
    return encoder_walk(e, &b, put_quantised, &q);
}

/* ---- all --------------------------------------------------------------------------------- */

static bool encode_values(Encoder *e)
{
    const int kind = e->as->kind == KIND_sparse ? e->as->values : e->as->kind;
    if (kind == KIND_none) return encode_kept(e);
    if (compress_kinds[kind].family == FAMILY_QUANT) return encode_quantised(e);
    return compression_says(e->as, TOLD_vector) ? encode_vectors(e) : encode_palette(e);
}

bool compress_encode(Encoder *e)
{
    e->shape = e->from->type->shape;
    if (!shape_count(&e->shape, &e->count)) bug("a weight of unknown dimensions");
    e->kept = e->count;
    e->to = (Coded){ 0 };
    bool ok = is_all_finite(e) && (e->as->kind != KIND_sparse || encode_sparse(e))
           && encode_values(e);
    arena_free(&e->scratch);
    return ok;
}
