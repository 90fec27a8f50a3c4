/* flat_end.c -- the commonest ends of sums in one pass: an elementwise program that multiplies by a
 * number for each column, adds one for each channel or column, takes a function, adds an element of
 * another value or multiplies by it, and holds that between two numbers, is done by one kernel, which
 * reads sums and writes results. Others go by elem_run. */
#include "flat.h"

#include <math.h>
#include <string.h>

struct ElemEnd {
    /* element i has table[i / inner % n] added, and where it is of twins, table[i / (inner
     * block) % (n / block) * block + i % block]; NULL: nothing. Before that it is multiplied by
     * scale[i % n]; NULL: it is not */
    const float *table, *scale;
    int64_t n, inner, block;
    int more; /* slot, whose element i is added; -1: none */
    DType more_type;
    SumsEnd sums; /* what is the same for all elements */
};

/* ---- finding one ------------------------------------------------------------------------- */

typedef struct {
    const ElemProgram *e;
    FlatPlan *p;
    ElemEnd *end;
    int stage; /* how far along the order of SumsEnd it is */
} EndSought;

enum { AT_SUM, AT_TABLE, AT_ACT, AT_MORE, AT_BOUNDS };

static const ElemIn *in_of(const ElemProgram *e, int reg)
{
    for (int i = 0; i < e->nin; i++)
        if (e->in[i].reg == reg) return &e->in[i];
    return NULL;
}

/* The table of in as floats; NULL: it is not known. */
static const float *table_of(const EndSought *s, const ElemIn *in, int64_t n)
{
    if (in->slot < 0) return in->table;
    const Tensor *known = s->p->slot[in->slot].known;
    float *f = known ? NEW_ARRAY(&s->p->arena, n + 1, float) : NULL;
    if (known) flat_floats(known, 0, (size_t)n, f);
    return f;
}

/* A number for each channel, of twins. */
static bool end_blocks(EndSought *s, const ElemIn *in)
{
    const int last = in->rank - 1;
    const int64_t *d = in->dim, *by = in->stride;
    if (!s->e->block || last < 2 || last > 3 || s->stage >= AT_TABLE) return false;
    if (by[last] != 1 || by[last - 1] || by[last - 2] != d[last] || (last == 3 && by[0]))
        return false;
    s->end->block = d[last];
    s->end->inner = d[last - 1];
    s->end->n = d[last - 2] * d[last];
    s->end->table = table_of(s, in, s->end->n);
    s->stage = AT_TABLE;
    return s->end->table;
}

static bool end_table(EndSought *s, const ElemIn *in)
{
    if (end_blocks(s, in)) return true;
    const bool runs = in->rank && in->stride[in->rank - 1] == 0;
    const int at = in->rank - 1 - runs;
    if (in->rank == 0 || at < 0 || at > 1 || in->stride[at] != 1 || (at && in->stride[0]))
        return false;
    if (s->stage >= AT_TABLE) return false;
    if (s->end->scale && (runs || s->end->n != in->dim[at])) return false;
    s->end->n = in->dim[at];
    s->end->inner = runs ? in->dim[in->rank - 1] : 1;
    s->end->table = table_of(s, in, in->dim[at]);
    s->stage = AT_TABLE;
    return s->end->table;
}

/* A number for each column, that is multiplied by; another may be added next. */
static bool end_scale(EndSought *s, const ElemIn *in)
{
    const int last = in->rank - 1;
    if (s->stage > AT_SUM || s->end->scale || last < 0 || last > 1 || s->e->block
        || in->stride[last] != 1 || (last && in->stride[0]))
        return false;
    s->end->n = in->dim[last];
    s->end->inner = 1;
    s->end->scale = table_of(s, in, in->dim[last]);
    return s->end->scale;
}

static bool end_more(EndSought *s, const ElemIn *in, bool times)
{
    if (!in->dense || s->stage >= AT_MORE || !dtype_fast(in->dtype)) return false;
    s->end->more = in->slot;
    s->end->more_type = in->dtype;
    s->end->sums.times = times;
    s->stage = AT_MORE;
    return true;
}

static bool end_with(EndSought *s, const ElemIn *in, bool times)
{
    if (!in) return false;
    const bool run = in->slot >= 0 && !s->p->slot[in->slot].known;
    if (run) return end_more(s, in, times);
    return times ? end_scale(s, in) : end_table(s, in);
}

static bool end_act(EndSought *s, EndAct act)
{
    if (s->stage >= AT_ACT) return false;
    s->end->sums.act = act;
    s->stage = AT_ACT;
    return true;
}

/* The function that a step is, of one that has its own kernels. */
static EndAct act_of(uint8_t op)
{
    switch (op) {
#define ACT(name) \
    case ELEM_##name: \
        return END_BY_##name;
        END_ACTS(ACT)
#undef ACT
    default:
        return END_BY_NONE;
    }
}

static bool end_bounds(EndSought *s, float low, float high)
{
    if (s->stage >= AT_BOUNDS) return false;
    s->end->sums.bounded = true;
    s->end->sums.low = low;
    s->end->sums.high = high;
    s->stage = AT_BOUNDS;
    return true;
}

/* The next step of the chain, of what is in register `now` so far. */
static bool end_step(EndSought *s, const ElemStep *step, int now)
{
    switch (step->op) {
    case ELEM_add:
    case ELEM_mul:
        if (step->x != now && step->y != now) return false;
        return step->x != step->y
            && end_with(s, in_of(s->e, step->x == now ? step->y : step->x),
                        step->op == ELEM_mul);
    case ELEM_clip:
        return step->x == now && end_bounds(s, step->a, step->b);
    case ELEM_at_least:
        return step->x == now && end_bounds(s, step->a, INFINITY);
    case ELEM_half:
        if (s->stage == AT_SUM && s->end->scale) s->stage = AT_TABLE;
        if (s->stage < AT_BOUNDS) s->end->sums.round[s->stage] = true;
        return step->x == now;
    default:
        return step->x == now && act_of(step->op) && end_act(s, act_of(step->op));
    }
}

static bool half_itself(float v)
{
    return f16_to_double(f16_from_double((double)v)) == (double)v;
}

/* A store to fp16 rounds by itself. What was rounded before it, and then only held between two
 * fp16 of which the lower is not negative, is the same without: rounding keeps the order. */
static void end_rounds_once(ElemEnd *d, DType to)
{
    const SumsEnd *s = &d->sums;
    if (to != DT_FP16) return;
    if (s->bounded && !(s->low >= 0 && half_itself(s->low) && half_itself(s->high)))
        return;
    d->sums.round[d->more >= 0           ? END_MORE
                  : s->act               ? END_ACT
                  : d->table || d->scale ? END_TABLE
                                         : END_SUM] = false;
}

void elem_find_end(FlatPlan *p, ElemProgram *e)
{
    EndSought s = { .e = e, .p = p, .end = NEW(&p->arena, ElemEnd) };
    int now = 0;
    *s.end = (ElemEnd){ .more = -1 };
    if (e->nout != 1 || !dtype_fast(e->out[0].dtype)) return;
    for (int i = 0; i < e->nstep; i++) {
        if (!end_step(&s, &e->step[i], now)) return;
        now = e->step[i].z;
    }
    if (e->out[0].reg != now) return;
    end_rounds_once(s.end, e->out[0].dtype);
    e->end = s.end;
}

bool elem_ends_blocks(const ElemProgram *e)
{
    const ElemEnd *d = e->end;
    return d && d->more < 0
        && (!d->table || d->block || (d->inner == 1 && d->n == e->block));
}

/* ---- running ----------------------------------------------------------------------------- */

/* The block's share of the table: a number for each row or for each column; false: neither. */
static bool end_place(const ElemEnd *d, SumsEnd *e, int64_t first, int64_t rows,
                      int64_t cols, float *row)
{
    if (!d->table && !d->scale) return true;
    if (d->block) {
        const int64_t all = d->inner * d->block;
        if (cols != d->block || e->apart != d->block || first % d->block) return false;
        e->col = d->table + first / all % (d->n / d->block) * d->block;
        return first % all + rows * cols <= all;
    }
    if (d->inner == 1 && (rows == 1 || e->apart % d->n == 0)
        && first % d->n + cols <= d->n) {
        if (d->table) e->col = d->table + first % d->n;
        if (d->scale) e->scale = d->scale + first % d->n;
        return true;
    }
    if (d->scale) return false;
    if (first % d->inner + cols > d->inner || (rows > 1 && e->apart % d->inner))
        return false;
    const int64_t by = e->apart / d->inner % d->n;
    int64_t at = first / d->inner % d->n;
    for (int64_t i = 0; i < rows; i++) {
        row[i] = d->table[at];
        at = at + by < d->n ? at + by : at + by - d->n;
    }
    e->row = row;
    return true;
}

static char *element_at(const FlatRun *r, int slot, DType t, int64_t i)
{
    return flat_at(r, slot) + i * (t == DT_FP16 ? 2 : 4);
}

bool elem_end_any(const ElemProgram *e, const FlatRun *r, ElemBlock b, EndRoom *room,
                  SumsEnd *s)
{
    const ElemEnd *d = e->end;
    if (!d || b.rows > END_ROWS) return false;
    *s = d->sums;
    s->apart = b.apart;
    if (!end_place(d, s, b.first, b.rows, b.cols, room->row)) return false;
    const ElemOut *o = &e->out[0];
    if (d->more >= 0) s->more = element_at(r, d->more, d->more_type, b.first);
    s->more_half = d->more_type == DT_FP16;
    s->to = o->slot < 0 ? NULL : element_at(r, o->slot, o->dtype, b.first);
    s->to_half = o->dtype == DT_FP16;
    return true;
}

bool elem_end(const ElemProgram *e, const FlatRun *r, ElemBlock b, EndRoom *room,
              SumsEnd *s)
{
    return elem_end_any(e, r, b, room, s) && sums_end_plain(s);
}

/* elem_run writes past the end of what it is given, where other sums may lie. */
static void end_row(const ElemProgram *e, const FlatRun *r, int64_t first, int64_t n,
                    float *c)
{
    float room[ELEM_PAD];
    const int64_t whole = n / ELEM_PAD * ELEM_PAD, rest = n - whole;
    elem_run_row(e, r, first, whole, c);
    if (!rest) return;
    memcpy(room, c + whole, (size_t)rest * sizeof *room);
    elem_run(e, r, first + whole, (size_t)rest, room);
}

void elem_run_block(const ElemProgram *e, const FlatRun *r, ElemBlock b, float *c,
                    int64_t ldc)
{
    EndRoom room;
    SumsEnd s;
    if (elem_end_any(e, r, b, &room, &s)) {
        r->k->end(&s, c, ldc, b.rows, b.cols);
        return;
    }
    for (int64_t i = 0; i < b.rows; i++)
        end_row(e, r, b.first + i * b.apart, b.cols, c + i * ldc);
}
