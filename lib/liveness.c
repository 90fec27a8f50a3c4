/* liveness.c -- computes the most bytes of values that a function needs at once. */
#include "../ir/ops/ops.h"
#include "report.h"

/* A block at work: what dies after each of its ops. */
typedef struct Living Living;
struct Living {
    const Block *block;
    Living *parent;
    size_t at;     /* of the owner, in the parent */
    double *dies;  /* by op */
    double first;  /* bytes of the parameters */
    double *inner; /* peak of the op's blocks */
};

typedef struct {
    Living *frame;
    size_t last;
    double bytes;
} Life;

typedef struct {
    Arena arena;
    ValueTable life; /* a Life of each value that takes room */
    Peak peak;
} Run;

static double bytes_of(const Type *t)
{
    return t->kind != TY_TENSOR ? 0 : shape_known(&t->shape) ? (double)type_bytes(t) : -1;
}

/* A value begins to live at op `at`, and dies there unless something reads it later. */
static double liveness_define(Run *r, Living *f, size_t at, const Value *v)
{
    double bytes = bytes_of(v->type);
    Life *l = NEW(&r->arena, Life);
    if (bytes < 0 && !r->peak.open) r->peak.open = v;
    *l = (Life){ .frame = f, .last = at, .bytes = bytes < 0 ? 0 : bytes };
    values_set(&r->life, v, l);
    f->dies[at] += l->bytes;
    return l->bytes;
}

static void liveness_use(const Run *r, Living *f, size_t at, const Value *v)
{
    Life *l = values_get(&r->life, v);
    if (!l) return;
    for (; f != l->frame; f = f->parent) at = f->at;
    if (at <= l->last) return;
    f->dies[l->last] -= l->bytes;
    f->dies[at] += l->bytes;
    l->last = at;
}

/* Definitions and uses. */
static Living *liveness_survey(Run *r, Block *b, Living *parent, size_t at)
{
    size_t n = 0, i = 0;
    for (const Op *op = b->first; op; op = op->next) n++;
    Living *f = NEW(&r->arena, Living);
    *f = (Living){ .block = b, .parent = parent, .at = at };
    f->dies = NEW_ARRAY(&r->arena, n + 1, double);
    f->inner = NEW_ARRAY(&r->arena, n + 1, double);
    for (int k = 0; k < b->nparam; k++) f->first += liveness_define(r, f, 0, b->param[k]);
    for (Op *op = b->first; op; op = op->next, i++) {
        for (int k = 0; k < op->nout; k++)
            if (!op_is_fixed(op)) liveness_define(r, f, i, op->out[k]);
        for (int a = 0; a < op->narg; a++)
            for (int k = 0; k < arg_count(&op->arg[a]); k++)
                liveness_use(r, f, i, op->arg[a].val[k]);
    }
    for (int k = 0; k < b->nresult; k++) liveness_use(r, f, n, b->result[k]);
    return f;
}

static void block_peak(Run *r, Block *b, Living *parent, size_t at, Peak *peak);

/* Blocks inside use values of this one, so they are surveyed before this one is measured. */
static void survey_inner(Run *r, Living *f)
{
    size_t i = 0;
    for (const Op *op = f->block->first; op; op = op->next, i++)
        for (int k = 0; k < op_nblock(op); k++) {
            Peak inner = { 0 };
            block_peak(r, op_block(op, k), f, i, &inner);
            if (inner.bytes > f->inner[i]) f->inner[i] = inner.bytes;
        }
}

static void block_peak(Run *r, Block *b, Living *parent, size_t at, Peak *peak)
{
    Living *f = liveness_survey(r, b, parent, at);
    survey_inner(r, f);
    double live = f->first;
    size_t i = 0;
    peak->bytes = live;
    for (const Op *op = b->first; op; op = op->next, i++) {
        for (int k = 0; k < op->nout && !op_is_fixed(op); k++)
            live += bytes_of(op->out[k]->type);
        if (live + f->inner[i] > peak->bytes || (!peak->at && !op_is_fixed(op))) {
            peak->bytes = live + f->inner[i];
            peak->at = op;
        }
        live -= f->dies[i];
    }
}

Peak liveness_peak(const Func *f)
{
    Run r = { 0 };
    Peak peak = { 0 };
    block_peak(&r, f->body, NULL, 0, &peak);
    if (r.peak.open) peak = (Peak){ .bytes = -1, .open = r.peak.open };
    values_free(&r.life);
    arena_free(&r.arena);
    return peak;
}
