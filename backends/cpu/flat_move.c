/* flat_move.c -- transposes, slices, concats, splits and zeros around a value as copies with strides. */
#include "flat.h"

#include <string.h>

/* A copy: elements of a shape, merged, from `from` on in a slot to `to` on in another. */
typedef struct {
    int src, dst;
    size_t size;
    int rank;
    int64_t dim[MAX_RANK], from[MAX_RANK], to[MAX_RANK]; /* strides */
    int64_t first, at;
} Copy;

typedef struct {
    int n;
    Copy *copy;
    size_t zeros; /* bytes of the first one's dst that are 0 before */
} Moves;

/* ---- running ----------------------------------------------------------------------------- */

#define TURN(name, T) \
    /* rows of dst from columns of src, a square at a time */ \
    static void name(T *dst, const T *src, int64_t rows, int64_t cols, int64_t to, \
                     int64_t from) \
    { \
        enum { SIDE = 16 }; \
        for (int64_t i = 0; i < rows; i += SIDE) \
            for (int64_t j = 0; j < cols; j += SIDE) \
                for (int64_t x = i; x < i + SIDE && x < rows; x++) \
                    for (int64_t y = j; y < j + SIDE && y < cols; y++) \
                        dst[x * to + y] = src[y * from + x]; \
    }
TURN(turn1, uint8_t)
TURN(turn8, uint64_t)

/* Elements of 16 bits as the low halves of what has 32, and back. */
static void halves_to_words(float *to, const uint16_t *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const uint32_t word = from[i];
        memcpy(&to[i], &word, sizeof word);
    }
}

static void words_to_halves(uint16_t *to, const float *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, &from[i], sizeof word);
        to[i] = (uint16_t)word;
    }
}

/* The same of 16 bits, which are turned as floats are: that moves them and computes nothing. */
static void turn2(const Kernels *k, uint16_t *dst, const uint16_t *src, int64_t rows,
                  int64_t cols, int64_t to, int64_t from)
{
    enum { SIDE = 16, STRIP = 64 };
    float wide[SIDE * STRIP], turned[STRIP * SIDE];
    for (int64_t j = 0; j < cols; j += SIDE)
        for (int64_t i = 0; i < rows; i += STRIP) {
            const int64_t n = cols - j < SIDE ? cols - j : SIDE,
                          m = rows - i < STRIP ? rows - i : STRIP;
            for (int64_t y = 0; y < n; y++)
                halves_to_words(wide + y * STRIP, src + (j + y) * from + i, m);
            k->turn(turned, SIDE, wide, STRIP, n, (size_t)m);
            for (int64_t x = 0; x < m; x++)
                words_to_halves(dst + (i + x) * to + j, turned + x * SIDE, n);
        }
}

static void move_turn(const Copy *c, const Kernels *k, char *dst, const char *src)
{
    const int r = c->rank;
    const int64_t rows = c->dim[r - 2], cols = c->dim[r - 1], to = c->to[r - 2],
                  from = c->from[r - 1];
    if (c->size == 1)
        turn1((uint8_t *)(void *)dst, (const uint8_t *)(const void *)src, rows, cols, to,
              from);
    else if (c->size == 2)
        turn2(k, (uint16_t *)(void *)dst, (const uint16_t *)(const void *)src, rows, cols,
              to, from);
    else if (c->size == 4)
        k->turn((float *)(void *)dst, to, (const float *)(const void *)src, from, cols,
                (size_t)rows);
    else
        turn8((uint64_t *)(void *)dst, (const uint64_t *)(const void *)src, rows, cols,
              to, from);
}

static void line_of(const Copy *c, char *dst, const char *src)
{
    const int last = c->rank - 1;
    const int64_t n = c->dim[last], from = c->from[last], to = c->to[last];
    if (from == 1 && to == 1) {
        memcpy(dst, src, (size_t)n * c->size);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        memcpy(dst + i * to * (int64_t)c->size, src + i * from * (int64_t)c->size,
               c->size);
}

/* The last two dimensions are a matrix turned over: read along one, written along the other. */
static bool is_turned(const Copy *c)
{
    const int r = c->rank;
    return r >= 2 && c->to[r - 1] == 1 && c->from[r - 2] == 1 && c->from[r - 1] > 1;
}

static void copy_run(const Copy *c, const FlatRun *r)
{
    int64_t index[MAX_RANK] = { 0 };
    const int outer = c->rank - (is_turned(c) ? 2 : 1);
    const int64_t size = (int64_t)c->size;
    const char *src = flat_at(r, c->src) + c->first * size;
    char *dst = flat_at(r, c->dst) + c->at * size;
    for (;;) {
        if (outer == c->rank - 2) move_turn(c, r->k, dst, src);
        else line_of(c, dst, src);
        int i = outer - 1;
        for (; i >= 0; i--) {
            src += c->from[i] * size;
            dst += c->to[i] * size;
            if (++index[i] < c->dim[i]) break;
            src -= c->from[i] * c->dim[i] * size;
            dst -= c->to[i] * c->dim[i] * size;
            index[i] = 0;
        }
        if (i < 0) return;
    }
}

static void move_run(const FlatStep *s, FlatRun *r)
{
    const Moves *m = s->data;
    if (m->zeros) memset(flat_at(r, m->copy[0].dst), 0, m->zeros);
    for (int i = 0; i < m->n; i++) copy_run(&m->copy[i], r);
}

/* ---- lowering ---------------------------------------------------------------------------- */

static bool dims_walk_as_one(int before, int d, const int64_t *dim, int n,
                             int64_t *const *stride)
{
    for (int i = 0; i < n; i++)
        if (stride[i][before] != stride[i][d] * dim[d]) return false;
    return true;
}

int dims_merge(int rank, int64_t *dim, int n, int64_t *const *stride)
{
    int left = 0;
    for (int d = 0; d < rank; d++) {
        const int64_t size = dim[d];
        if (size == 1) continue;
        const bool one = left && dims_walk_as_one(left - 1, d, dim, n, stride);
        if (one) dim[left - 1] *= size;
        else dim[left++] = size;
        for (int i = 0; i < n; i++) stride[i][left - 1] = stride[i][d];
    }
    return left;
}

static void move_merge(Copy *c)
{
    int64_t *stride[] = { c->from, c->to };
    c->rank = dims_merge(c->rank, c->dim, COUNT(stride), stride);
    if (c->rank) return;
    c->dim[0] = c->from[0] = c->to[0] = 1;
    c->rank = 1;
}

/* All of `shape` from a slot that has it, to one that has it too; strides are changed after. */
static Copy copy_of(const FlatLower *l, int src, int dst, const Shape *shape)
{
    Copy c = { .src = src, .dst = dst, .rank = shape->rank };
    c.size = (size_t)dtypes[l->p->slot[src].type->dtype].bits / 8;
    memcpy(c.dim, shape->dim, sizeof c.dim);
    shape_strides(shape, c.from);
    shape_strides(shape, c.to);
    return c;
}

static bool move_transposed(FlatLower *l, Copy *c, int64_t *perm)
{
    int64_t stride[MAX_RANK];
    const Shape *x = call_shape(l->c, P_x);
    if (!lower_known(l, P_perm) || call_ints(l->c, P_perm, perm, MAX_RANK) != x->rank)
        return false;
    shape_strides(x, stride);
    for (int i = 0; i < x->rank; i++)
        c->from[i] = stride[perm[i] < 0 ? perm[i] + x->rank : perm[i]];
    return true;
}

/* What reads the result may read x instead, by the strides that it has there, or what x is of.
 * perm: the axes of x in the order of the result; NULL: the same. */
static void note_lies(FlatLower *l, const Copy *c, const int64_t *perm)
{
    const FlatSlot *x = &l->p->slot[c->src];
    const int rank = x->type->shape.rank;
    FlatSlot *y = &l->p->slot[c->dst];
    if (!l->p->how.fused) return;
    int64_t own[MAX_RANK], rest = c->first;
    int64_t *stride = NEW_ARRAY(&l->p->arena, rank + 1, int64_t);
    shape_strides(&x->type->shape, own);
    y->lies_in = x->lies ? x->lies_in : c->src;
    y->lies_at = x->lies ? x->lies_at : 0;
    for (int i = 0; i < rank; i++) {
        const int64_t axis = !perm ? i : perm[i] < 0 ? perm[i] + rank : perm[i];
        stride[i] = x->lies ? x->lies[axis] : own[axis];
        y->lies_at += rest / own[i] * (x->lies ? x->lies[i] : own[i]);
        rest %= own[i];
    }
    y->lies = stride;
}

static bool sliced_by_size(FlatLower *l, Copy *c)
{
    int64_t begin[MAX_RANK], stride[MAX_RANK];
    const Shape *x = call_shape(l->c, P_x);
    if (!lower_known(l, P_begin) || call_ints(l->c, P_begin, begin, MAX_RANK) != x->rank)
        return false;
    shape_strides(x, stride);
    for (int i = 0; i < x->rank; i++) {
        c->from[i] = stride[i];
        c->first += (begin[i] < 0 ? begin[i] + x->dim[i] : begin[i]) * stride[i];
    }
    return true;
}

/* With steps of 1 and no dimension dropped; the rest is the reference's. */
static bool sliced_by_index(FlatLower *l, Copy *c)
{
    int64_t begin[MAX_RANK], by[MAX_RANK], stride[MAX_RANK];
    bool from_start[MAX_RANK] = { false }, dropped[MAX_RANK] = { false };
    const Shape *x = call_shape(l->c, P_x);
    if (!lower_known(l, P_begin) || call_ints(l->c, P_begin, begin, MAX_RANK) != x->rank
        || !call_ints_or(l->c, P_stride, x->rank, 1, by))
        return false;
    if (call_has(l->c, P_begin_mask))
        call_bools(l->c, P_begin_mask, from_start, MAX_RANK);
    if (call_has(l->c, P_squeeze_mask))
        call_bools(l->c, P_squeeze_mask, dropped, MAX_RANK);
    shape_strides(x, stride);
    for (int i = 0; i < x->rank; i++) {
        if (by[i] != 1 || dropped[i]) return false;
        int64_t b = begin[i] < 0 ? begin[i] + x->dim[i] : begin[i];
        if (from_start[i] || b < 0) b = 0;
        if (b > x->dim[i]) return false;
        c->from[i] = stride[i];
        c->first += b * stride[i];
    }
    return true;
}

static bool move_finish(FlatLower *l, FlatStep *s, Copy *copy, int n)
{
    Moves *m = NEW(&l->p->arena, Moves);
    *m = (Moves){ .n = n, .copy = copy };
    if (l->s->op->kind == OP_pad) m->zeros = type_bytes(l->c->out[0]);
    s->read = NEW_ARRAY(&l->p->arena, n + 1, int);
    for (int i = 0; i < n; i++) {
        move_merge(&copy[i]);
        s->read[s->nread++] = copy[i].src;
    }
    s->data = m;
    s->run = move_run;
    s->how = "move";
    s->write = l->s->out;
    s->nwrite = l->s->op->nout;
    return true;
}

static bool lower_concat(FlatLower *l, FlatStep *s)
{
    int axis;
    const Type *z = l->c->out[0];
    const StepArg *values = NULL;
    for (int i = 0; i < l->s->narg; i++)
        if (l->s->arg[i].param == P_values) values = &l->s->arg[i];
    if (!values || call_bool(l->c, P_interleave)
        || !call_axis(l->c, P_axis, z->shape.rank, &axis))
        return false;
    if (lower_rope(l, s, values, axis)) return true;
    Copy *copy = NEW_ARRAY(&l->p->arena, values->n + 1, Copy);
    int64_t at = 0;
    int n = 0;
    for (int i = 0; i < values->n; i++) {
        const Shape *x = &l->p->slot[values->slot[i]].type->shape;
        if (!shape_elements(x, 0, x->rank)) continue;
        Copy c = copy_of(l, values->slot[i], l->s->out[0], x);
        shape_strides(&z->shape, c.to);
        c.at = at * c.to[axis];
        at += x->dim[axis];
        copy[n++] = c;
    }
    return move_finish(l, s, copy, n);
}

static bool lower_split(FlatLower *l, FlatStep *s)
{
    int axis;
    const Shape *x = call_shape(l->c, P_x);
    const int slot = lower_slot(l, P_x), n = l->c->nout;
    if (!call_axis(l->c, P_axis, x->rank, &axis)) return false;
    Copy *copy = NEW_ARRAY(&l->p->arena, n + 1, Copy);
    int64_t at = 0;
    int kept = 0;
    for (int i = 0; i < n; i++) {
        const Shape *z = &l->c->out[i]->shape;
        if (!shape_elements(z, 0, z->rank)) continue;
        Copy c = copy_of(l, slot, l->s->out[i], z);
        shape_strides(x, c.from);
        c.first = at * c.from[axis];
        at += z->dim[axis];
        note_lies(l, &c, NULL);
        copy[kept++] = c;
    }
    return move_finish(l, s, copy, kept);
}

/* Zeros around x. */
static bool lower_pad(FlatLower *l, FlatStep *s)
{
    int64_t pad[2 * MAX_RANK];
    const Shape *x = call_shape(l->c, P_x);
    const Tensor *rest = lower_known(l, P_constant_val);
    if (!lower_known(l, P_pad) || call_chosen(l->c, P_mode) != EXTEND_CONSTANT
        || (call_has(l->c, P_constant_val) && (!rest || tensor_float(rest, 0) != 0))
        || !shape_elements(x, 0, x->rank))
        return false;
    const int first = x->rank - call_ints(l->c, P_pad, pad, 2 * MAX_RANK) / 2;
    Copy *c = NEW(&l->p->arena, Copy);
    *c = copy_of(l, lower_slot(l, P_x), l->s->out[0], x);
    shape_strides(&l->c->out[0]->shape, c->to);
    for (int i = first; i < x->rank; i++) c->at += pad[2 * (i - first)] * c->to[i];
    return move_finish(l, s, c, 1);
}

bool lower_move(FlatLower *l, FlatStep *s)
{
    const int kind = l->s->op->kind;
    const Type *z = l->c->out[0];
    if (dtypes[z->dtype].bits < 8 || z->dtype == DT_STRING) return false;
    if (kind == OP_concat) return lower_concat(l, s);
    if (kind == OP_split) return lower_split(l, s);
    if (kind == OP_pad) return lower_pad(l, s);
    if (!shape_elements(&z->shape, 0, z->shape.rank)) return false;
    Copy *c = NEW(&l->p->arena, Copy);
    *c = copy_of(l, lower_slot(l, P_x), l->s->out[0], &z->shape);
    int64_t perm[MAX_RANK];
    const bool ok = kind == OP_transpose     ? move_transposed(l, c, perm)
                  : kind == OP_slice_by_size ? sliced_by_size(l, c)
                                             : sliced_by_index(l, c);
    if (ok) note_lies(l, c, kind == OP_transpose ? perm : NULL);
    return ok && move_finish(l, s, c, 1);
}
