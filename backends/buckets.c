/* buckets.c -- a function of flexible dimensions on a backend that runs fixed sizes: a program
 * for each way that a few sizes of each dimension go together, made when it is first needed.
 *
 * A run takes the smallest that is as large as its inputs, which are padded with zeros; the
 * program knows what is kept (ir/passes/padded.c), and of its results that is cut out. */
#include "composed.h"

#include "../ir/ir.h"
#include "../ir/mil/described.h"
#include "../ir/passes/passes.h"

#include <string.h>

enum { MOST_PROGRAMS = 1024 };

typedef struct {
    Module *own; /* the function of these sizes; NULL: not made yet */
    Program *program;
    int64_t *size; /* by dimension */
    Padding pad;
} Bucket;

/* Sizes that programs have of a dimension, and where it is first met. */
typedef struct {
    BucketSizes sizes;
    const BucketSizes *row; /* that named it, or is for all; NULL: none */
    const char *input;
    int axis;
} BucketDim;

typedef struct {
    Program base; /* first */
    Backend calls;
    const Backend *by;
    Arena arena;
    PadDims dims;
    BucketDim *dim;
    Bucket *bucket; /* the last dimension changes first */
    int count;
    Binding *result;
    Tensor *given; /* by parameter of a bucket: what it is given */
} Buckets;

static Buckets *buckets_of(Program *p) { return (Buckets *)p; }

bool buckets_wanted(const Module *m) { return m->nbucket > 0; }

/* ---- elements ---------------------------------------------------------------------------- */

/* n elements in a row, from one tensor into another, which may have another type. */
static void bucket_move(Tensor *to, size_t at, const Tensor *from, size_t first, size_t n)
{
    const size_t each = (size_t)dtypes[to->dtype].bits / 8;
    if (to->dtype == from->dtype && dtypes[to->dtype].bits % 8 == 0) {
        memcpy((char *)to->data + at * each, (const char *)from->data + first * each,
               n * each);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (dtype_is_float(to->dtype))
            tensor_set_float(to, at + i, tensor_float(from, first + i));
        else tensor_set_int(to, at + i, tensor_int(from, first + i));
}

/* What both have room for, from the first element of each axis on. */
static void bucket_copy(Tensor *to, const Tensor *from)
{
    const Shape *a = &to->shape, *b = &from->shape;
    int64_t at[MAX_RANK] = { 0 }, box[MAX_RANK];
    int last = a->rank - 1;
    size_t behind = 1;
    if (!to->count || !from->count) return;
    for (int i = 0; i < a->rank; i++)
        box[i] = a->dim[i] < b->dim[i] ? a->dim[i] : b->dim[i];
    while (last > 0 && a->dim[last] == b->dim[last]) behind *= (size_t)box[last--];
    const size_t n = last < 0 ? 1 : behind * (size_t)box[last];
    for (int k = 0; k >= 0;) {
        size_t x = 0, y = 0;
        for (int i = 0; i <= last; i++) {
            x = x * (size_t)a->dim[i] + (size_t)at[i];
            y = y * (size_t)b->dim[i] + (size_t)at[i];
        }
        bucket_move(to, x * behind, from, y * behind, n);
        for (k = last - 1; k >= 0 && ++at[k] == box[k]; k--) at[k] = 0;
    }
}

/* ---- the programs ------------------------------------------------------------------------ */

static bool bucket_passes(const Backend *b, Module *m, Diag *d)
{
    RuleSet rs;
    if (!b->rules || !backend_rules(b, &rs, d)) return diag_ok(d);
    const PassOptions o = { .target = rs.target, .rules = &rs, .io = IO_AUTO };
    return passes_run(m, &o, d);
}

static bool bucket_make(Buckets *c, Bucket *k, Diag *d)
{
    if (k->program) return true;
    k->own = func_extract(c->base.func);
    Func *f = module_main(k->own);
    attr_set(k->own, &f->attrs, FLEXIBLE, NULL);
    const bool engine = c->by->rules != NULL;
    const bool ok = func_pad(f, &c->dims, k->size, engine, &k->pad, d)
                 && bucket_passes(c->by, k->own, d);
    if (ok) k->program = program_new(c->by, k->own, f, d);
    if (k->program) return true;
    module_free(k->own);
    k->own = NULL;
    return false;
}

/* ---- a run ------------------------------------------------------------------------------- */

static int bucket_dim(const Buckets *c, int param, int axis)
{
    return c->dims.of[param * MAX_RANK + axis];
}

/* An axis of an input of a run. */
typedef struct {
    const Binding *in;
    int axis;
} BucketPlace;

static bool bucket_agree(BucketPlace a, BucketPlace b, Diag *d)
{
    const long long x = a.in->value.shape.dim[a.axis], y = b.in->value.shape.dim[b.axis];
    return x == y
        || diag_error(d, (Loc){ 0 },
                      "dimension %d of input %s has %lld elements and dimension %d of "
                      "%s has %lld: the program takes them for one",
                      a.axis, a.in->name, x, b.axis, b.in->name, y);
}

/* The sizes that this run has; false: inputs differ in one. */
static bool bucket_sizes(const Buckets *c, Arena *a, Diag *d, const Binding *in, int nin,
                         int64_t *size)
{
    const Func *f = c->base.func;
    BucketPlace *first = NEW_ARRAY(a, c->dims.count + 1, BucketPlace);
    for (int i = 0, at = 0; i < nin; i++) {
        const int p = param_find(f, in[i].name, &at);
        for (int k = 0; p >= 0 && k < in[i].value.shape.rank; k++) {
            const int dim = bucket_dim(c, p, k);
            const BucketPlace here = { &in[i], k };
            if (dim < 0) continue;
            if (!first[dim].in) first[dim] = here;
            if (!bucket_agree(first[dim], here, d)) return false;
            size[dim] = in[i].value.shape.dim[k];
        }
    }
    return true;
}

static Bucket *bucket_for(const Buckets *c, const int64_t *size, Diag *d)
{
    int at = 0;
    for (int i = 0; i < c->dims.count; i++) {
        const BucketDim *dim = &c->dim[i];
        int k = 0;
        while (k < dim->sizes.n && dim->sizes.size[k] < size[i]) k++;
        if (k == dim->sizes.n) {
            diag_error(d, (Loc){ 0 },
                       "dimension %d of input %s has %lld elements, which are more than "
                       "the largest bucket, which has %lld",
                       dim->axis, dim->input, (long long)size[i],
                       (long long)dim->sizes.size[k - 1]);
            return NULL;
        }
        at = at * dim->sizes.n + k;
    }
    return &c->bucket[at];
}

/* A tensor of zeros that stays from run to run. */
static bool bucket_again(Buckets *c, Tensor *t, DType type, const Shape *s, Diag *d)
{
    if (!tensor_again(t, d, type, s)) return false;
    tensor_follow(c, t);
    return true;
}

static bool bucket_give(Buckets *c, const Bucket *k, const Binding *in, int param,
                        Diag *d)
{
    const Value *v = k->program->func->body->param[param];
    Tensor *t = &c->given[param];
    if (!bucket_again(c, t, v->type->dtype, &v->type->shape, d)) return false;
    bucket_copy(t, &in->value);
    return true;
}

/* 1 at what is kept, for each dimension that is asked for. */
static bool bucket_kept(Buckets *c, const Bucket *k, const int64_t *size, Diag *d)
{
    const Block *b = k->program->func->body;
    for (int i = 0; i < c->dims.count; i++) {
        const int param = k->pad.kept[i];
        if (param < 0) continue;
        const Type *type = b->param[param]->type;
        Tensor *t = &c->given[param];
        if (!bucket_again(c, t, type->dtype, &type->shape, d)) return false;
        for (int64_t n = 0; n < size[i]; n++) tensor_set_float(t, (size_t)n, 1);
    }
    return true;
}

static bool bucket_results(Buckets *c, const Bucket *k, const int64_t *size, Diag *d)
{
    const Binding *from;
    const Block *b = c->base.func->body;
    program_results(k->program, &from);
    for (int i = 0; i < b->nresult; i++) {
        const Tensor *all = &from[i].value;
        Tensor *to = &c->result[i].value;
        Shape s = all->shape;
        for (int axis = 0; axis < s.rank; axis++) {
            const int dim = k->pad.cut[i * MAX_RANK + axis];
            if (dim >= 0) s.dim[axis] = size[dim];
        }
        c->result[i].name = b->result[i]->name;
        if (!bucket_again(c, to, b->result[i]->type->dtype, &s, d)) return false;
        bucket_copy(to, all);
    }
    return true;
}

static bool bucket_run(Buckets *c, Bucket *k, const int64_t *size, const Binding *in,
                       int nin, const RunOptions *opt, Diag *d)
{
    Arena a = { 0 };
    Program *p = &c->base;
    const Block *b = k->program->func->body;
    Binding *all = NEW_ARRAY(&a, b->nparam, Binding);
    bool ok = true;
    for (int i = 0, at = 0; ok && i < nin; i++) {
        const int param = param_find(p->func, in[i].name, &at);
        ok = bucket_give(c, k, &in[i], param, d);
    }
    ok = ok && bucket_kept(c, k, size, d);
    for (int i = 0; i < b->nparam; i++) {
        all[i] = (Binding){ .name = b->param[i]->name, .value = c->given[i] };
        all[i].value.owned = false;
    }
    ok = ok && program_run(k->program, d, all, b->nparam, opt);
    p->broke = k->program->broke;
    ok = ok && bucket_results(c, k, size, d);
    arena_free(&a);
    return ok;
}

/* Memory has run out, and what was made in this call is gone. */
static void bucket_lost(void *ctx)
{
    Bucket *k = ctx;
    k->own = NULL;
    k->program = NULL;
}

static bool buckets_run(Program *p, Diag *d, const Binding *in, int nin,
                        const RunOptions *opt)
{
    Buckets *c = buckets_of(p);
    Arena a = { 0 };
    GuardTask lost;
    int64_t *size = NEW_ARRAY(&a, c->dims.count + 1, int64_t);
    Bucket *k = bucket_sizes(c, &a, d, in, nin, size) ? bucket_for(c, size, d) : NULL;
    const bool fresh = k && !k->program;
    if (fresh) guard_task(&lost, bucket_lost, k);
    const bool ok = k && bucket_make(c, k, d) && bucket_run(c, k, size, in, nin, opt, d);
    if (fresh) guard_task_end(&lost);
    arena_free(&a);
    return ok;
}

static int buckets_results(Program *p, const Binding **out)
{
    *out = buckets_of(p)->result;
    return p->func->body->nresult;
}

static int buckets_states(Program *p, Binding **out)
{
    (void)p;
    *out = NULL;
    return 0;
}

static void buckets_reset(Program *p)
{
    Buckets *c = buckets_of(p);
    for (int i = 0; i < c->count; i++)
        if (c->bucket[i].program) program_reset(c->bucket[i].program);
}

static void buckets_free(Program *p)
{
    Buckets *c = buckets_of(p);
    for (int i = 0; i < c->count; i++) {
        program_free(c->bucket[i].program);
        if (c->bucket[i].own) module_free(c->bucket[i].own);
    }
    for (int i = 0; c->result && i < p->func->body->nresult; i++)
        tensor_free(&c->result[i].value);
    const int most = p->func->body->nparam + c->dims.count;
    for (int i = 0; c->given && i < most; i++) tensor_free(&c->given[i]);
    arena_free(&c->arena);
    mem_free(c);
}

/* ---- compiling --------------------------------------------------------------------------- */

static bool buckets_take(const Func *f, Diag *d)
{
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        if (param_is_kept(f, v))
            return diag_error(d, value_loc(v), "a program with states has no buckets: %s",
                              v->name);
    }
    return true;
}

/* One that each dimension may have, larger than one where there is such. */
static int64_t buckets_some(const Module *m)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < m->nbucket; i++)
        for (int k = 0; k < m->bucket[i].n; k++) {
            const int64_t size = m->bucket[i].size[k];
            if (size > 1 && size < least) least = size;
        }
    return least < INT64_MAX ? least : 2;
}

/* The dimension that a row names; -1: there is none, which was reported. */
static int buckets_meant(const Buckets *c, const BucketSizes *row, Diag *d)
{
    int at = 0;
    const Func *f = c->base.func;
    const int p = param_find(f, row->input, &at),
              dim = p < 0 ? -1 : bucket_dim(c, p, row->axis);
    if (dim < 0)
        diag_error(d, f->loc,
                   "--buckets %s.%d: function %s has no flexible dimension there",
                   row->input, row->axis, f->name);
    return dim;
}

/* Rows behind each other that name one dimension. */
static bool buckets_join(Buckets *c, const Module *m, Diag *d)
{
    const int places = c->base.func->body->nparam * MAX_RANK;
    for (int i = 0; i < m->nbucket; i++) {
        if (!m->bucket[i].joined) continue;
        const int dim = buckets_meant(c, &m->bucket[i], d),
                  before = buckets_meant(c, &m->bucket[i - 1], d);
        if (dim < 0 || before < 0) return false;
        if (dim != before) pad_dims_join(&c->dims, places, before, dim);
    }
    return true;
}

/* A row that names an axis is for the dimension that this is. */
static bool buckets_named(Buckets *c, const BucketSizes *row, Diag *d)
{
    const Func *f = c->base.func;
    const int dim = buckets_meant(c, row, d);
    if (dim < 0) return false;
    const BucketSizes *was = c->dim[dim].row;
    c->dim[dim].row = row;
    return !was || !was->input || row->joined
        || diag_error(d, f->loc,
                      "--buckets has sizes for %s.%d and for %s.%d, which function %s "
                      "takes for one dimension",
                      was->input, was->axis, row->input, row->axis, f->name);
}

/* Those of its row that a run may need: from the least size on that the input may have up to
 * the first that holds all. */
static void buckets_trim(BucketDim *dim, const FlexInput *in)
{
    BucketSizes *s = &dim->sizes;
    *s = *dim->row;
    if (!in->has_range) return;
    const int64_t low = in->lo[dim->axis], high = in->hi[dim->axis];
    while (s->n > 1 && high > 0 && s->size[s->n - 2] >= high) s->n--;
    int less = 0;
    while (less < s->n - 1 && s->size[less] < low) less++;
    s->size += less;
    s->n -= less;
}

static bool buckets_dim(Buckets *c, const Flex *x, int param, int axis, Diag *d)
{
    const Func *f = c->base.func;
    BucketDim *dim = &c->dim[bucket_dim(c, param, axis)];
    if (dim->input) return true;
    dim->input = f->body->param[param]->name;
    dim->axis = axis;
    if (!dim->row)
        return diag_error(d, value_loc(f->body->param[param]),
                          "--buckets has no sizes for dimension %d of input %s: add "
                          "%s.%d=64,128",
                          axis, dim->input, dim->input, axis);
    buckets_trim(dim, &x->input[param]);
    return true;
}

/* Which sizes each dimension has. */
static bool buckets_sizes(Buckets *c, const Module *m, Diag *d)
{
    const Func *f = c->base.func;
    Flex x;
    c->dim = NEW_ARRAY(&c->arena, c->dims.count + 1, BucketDim);
    for (int i = 0; i < m->nbucket; i++)
        for (int k = 0; !m->bucket[i].input && k < c->dims.count; k++)
            c->dim[k].row = &m->bucket[i];
    for (int i = 0; i < m->nbucket; i++)
        if (m->bucket[i].input && !buckets_named(c, &m->bucket[i], d)) return false;
    if (!flex_read(f, d, &c->arena, &x)) return false;
    for (int i = 0; i < f->body->nparam; i++)
        for (int k = 0; k < MAX_RANK; k++)
            if (bucket_dim(c, i, k) >= 0 && !buckets_dim(c, &x, i, k, d)) return false;
    return true;
}

static bool buckets_count(Buckets *c, Diag *d)
{
    const Func *f = c->base.func;
    size_t n = 1;
    bool more = false; /* than can be said */
    for (int i = 0; i < c->dims.count && !more; i++)
        more = !size_mul(n, (size_t)c->dim[i].sizes.n, &n);
    if (more) n = SIZE_MAX;
    c->count = n <= MOST_PROGRAMS ? (int)n : 0;
    return c->count
        || diag_error(d, f->loc,
                      "the sizes of %d flexible dimensions of function %s go together in "
                      "%s%zu ways, which would be as many programs; at most %d may be",
                      c->dims.count, f->name, more ? "more than " : "", n, MOST_PROGRAMS);
}

/* Room for each program, and the sizes that it has. */
static void buckets_room(Buckets *c)
{
    const Block *b = c->base.func->body;
    const int n = c->dims.count;
    c->bucket = NEW_ARRAY(&c->arena, c->count, Bucket);
    c->result = NEW_ARRAY(&c->arena, b->nresult + 1, Binding);
    c->given = NEW_ARRAY(&c->arena, b->nparam + n + 1, Tensor);
    for (int i = 0; i < c->count; i++) {
        Bucket *k = &c->bucket[i];
        k->size = NEW_ARRAY(&c->arena, n + 1, int64_t);
        k->pad.kept = NEW_ARRAY(&c->arena, n + 1, int);
        k->pad.cut = NEW_ARRAY(&c->arena, (b->nresult + 1) * MAX_RANK, int);
        for (int dim = n - 1, at = i; dim >= 0; dim--) {
            const BucketSizes *s = &c->dim[dim].sizes;
            k->size[dim] = s->size[at % s->n];
            at /= s->n;
        }
    }
}

Program *buckets_compile(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    if (!buckets_take(f, d)) return NULL;
    Buckets *c = mem_zero(1, sizeof *c);
    if (!c) mem_out(sizeof *c);
    c->base.backend = &c->calls;
    c->base.func = f;
    c->by = b;
    c->calls = (Backend){ .name = b->name,
                          .doc = b->doc,
                          .target = b->target,
                          .row = b->row,
                          .run = buckets_run,
                          .results = buckets_results,
                          .states = buckets_states,
                          .reset = buckets_reset,
                          .free = buckets_free };
    func_pad_dims(f, buckets_some(m), &c->arena, &c->dims);
    bool ok = buckets_join(c, m, d) && buckets_sizes(c, m, d) && buckets_count(c, d);
    if (ok) buckets_room(c);
    /* The smallest now: what cannot be padded is said before anything runs. */
    if (!ok || !bucket_make(c, &c->bucket[0], d)) {
        buckets_free(&c->base);
        return NULL;
    }
    c->base.as = c->bucket[0].program->as;
    return &c->base;
}
