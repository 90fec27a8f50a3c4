/* buckets.c -- a function of a flexible dimension on a backend that runs fixed sizes: a program
 * for each of a few sizes, made when it is first needed.
 *
 * A run takes the smallest that is as large as its inputs, which are padded with zeros; the
 * program knows what is kept (ir/passes/padded.c), and of its results that is cut out. */
#include "composed.h"

#include "../ir/ir.h"
#include "../ir/passes/passes.h"

#include <string.h>

typedef struct {
    int64_t size;
    Module *own; /* the function of that size; NULL: not made yet */
    Program *program;
    unsigned *cut; /* by result: the axes of which the first elements are kept */
} Bucket;

typedef struct {
    Program base; /* first */
    Backend calls;
    const Backend *by;
    Bucket *bucket;
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

/* Along an axis the first `n` elements of one into another, whose axis may be longer or
 * shorter; all others are as long. */
static void bucket_copy(Tensor *to, const Tensor *from, int axis, int64_t n)
{
    size_t before = 1, behind = 1;
    for (int i = 0; i < axis; i++) before *= (size_t)to->shape.dim[i];
    for (int i = axis + 1; i < to->shape.rank; i++) behind *= (size_t)to->shape.dim[i];
    const size_t a = (size_t)to->shape.dim[axis] * behind,
                 b = (size_t)from->shape.dim[axis] * behind;
    for (size_t i = 0; i < before; i++)
        bucket_move(to, i * a, from, i * b, (size_t)n * behind);
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
    k->cut = mem_zero((size_t)f->body->nresult + 1, sizeof *k->cut);
    if (!k->cut) mem_out(((size_t)f->body->nresult + 1) * sizeof *k->cut);
    const bool ok = func_pad(f, k->size, c->by->rules != NULL, k->cut, d)
                 && bucket_passes(c->by, k->own, d);
    if (ok) k->program = program_new(c->by, k->own, f, d);
    if (k->program) return true;
    module_free(k->own);
    mem_free(k->cut);
    *k = (Bucket){ .size = k->size };
    return false;
}

/* ---- a run ------------------------------------------------------------------------------- */

/* The size that this run has; false: inputs differ in it. */
static bool bucket_size(const Func *f, Diag *d, const Binding *in, int nin, int64_t *size)
{
    const Binding *first = NULL;
    for (int i = 0, at = 0; i < nin; i++) {
        const int p = param_find(f, in[i].name, &at);
        const int axis = p < 0 ? -1 : pad_input_axis(f->body->param[p]);
        if (axis < 0) continue;
        const int64_t n = in[i].value.shape.dim[axis];
        if (first && n != *size)
            return diag_error(d, (Loc){ 0 },
                              "inputs %s and %s have %lld and %lld elements along their "
                              "flexible dimensions; buckets are for one size in a run",
                              first->name, in[i].name, (long long)*size, (long long)n);
        if (!first) first = &in[i];
        *size = n;
    }
    return true;
}

static Bucket *bucket_for(Buckets *c, int64_t size, Diag *d)
{
    for (int i = 0; i < c->count; i++)
        if (c->bucket[i].size >= size) return &c->bucket[i];
    diag_error(d, (Loc){ 0 },
               "%lld elements are more than the largest bucket, which has %lld",
               (long long)size, (long long)c->bucket[c->count - 1].size);
    return NULL;
}

static bool bucket_give(Buckets *c, const Bucket *k, const Binding *in, int param,
                        Diag *d)
{
    const Value *v = k->program->func->body->param[param];
    const int axis = pad_input_axis(c->base.func->body->param[param]);
    Tensor *t = &c->given[param];
    if (!tensor_again(t, d, v->type->dtype, &v->type->shape)) return false;
    if (axis >= 0) bucket_copy(t, &in->value, axis, in->value.shape.dim[axis]);
    else bucket_move(t, 0, &in->value, 0, t->count);
    return true;
}

/* 1 at what is kept. */
static bool bucket_kept(Buckets *c, const Bucket *k, int64_t size, Diag *d)
{
    const Block *b = k->program->func->body;
    if (b->nparam == c->base.func->body->nparam) return true; /* nobody asks */
    const Value *v = b->param[b->nparam - 1];
    Tensor *t = &c->given[b->nparam - 1];
    if (!tensor_again(t, d, v->type->dtype, &v->type->shape)) return false;
    for (int64_t i = 0; i < size; i++) tensor_set_float(t, (size_t)i, 1);
    return true;
}

static bool bucket_result(Tensor *to, const Tensor *from, unsigned axes, int64_t size,
                          DType t, Diag *d)
{
    Tensor now = *from, cut;
    now.owned = false;
    for (int axis = 0; axis < from->shape.rank; axis++) {
        if (!(axes >> axis & 1)) continue;
        Shape s = now.shape;
        s.dim[axis] = size;
        if (!tensor_alloc(&cut, d, now.dtype, &s)) return false;
        bucket_copy(&cut, &now, axis, size);
        tensor_free(&now);
        now = cut;
    }
    const bool ok = tensor_again(to, d, t, &now.shape);
    if (ok) bucket_move(to, 0, &now, 0, to->count);
    tensor_free(&now);
    return ok;
}

static bool bucket_results(Buckets *c, const Bucket *k, int64_t size, Diag *d)
{
    const Binding *from;
    const Block *b = c->base.func->body;
    program_results(k->program, &from);
    for (int i = 0; i < b->nresult; i++) {
        const DType t = b->result[i]->type->dtype;
        c->result[i].name = b->result[i]->name;
        if (!bucket_result(&c->result[i].value, &from[i].value, k->cut[i], size, t, d))
            return false;
    }
    return true;
}

static bool buckets_run(Program *p, Diag *d, const Binding *in, int nin,
                        const RunOptions *opt)
{
    Buckets *c = buckets_of(p);
    int64_t size = 1;
    Bucket *k = bucket_size(p->func, d, in, nin, &size) ? bucket_for(c, size, d) : NULL;
    if (!k || !bucket_make(c, k, d)) return false;
    Arena a = { 0 };
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
        mem_free(c->bucket[i].cut);
    }
    for (int i = 0; c->result && i < p->func->body->nresult; i++)
        tensor_free(&c->result[i].value);
    for (int i = 0; c->given && i <= p->func->body->nparam; i++)
        tensor_free(&c->given[i]);
    mem_free(c->bucket);
    mem_free(c->result);
    mem_free(c->given);
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
        if (pad_input_axis(v) == -2)
            return diag_error(
                d, value_loc(v),
                "input %s has several flexible dimensions; buckets are for one", v->name);
    }
    return true;
}

static void *bucket_room(size_t n, size_t size)
{
    void *p = mem_zero(n, size);
    if (!p) mem_out(n * size);
    return p;
}

Program *buckets_compile(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    if (!buckets_take(f, d)) return NULL;
    Buckets *c = bucket_room(1, sizeof *c);
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
    c->bucket = bucket_room((size_t)m->nbucket, sizeof *c->bucket);
    c->result = bucket_room((size_t)f->body->nresult + 1, sizeof *c->result);
    c->given = bucket_room((size_t)f->body->nparam + 1, sizeof *c->given);
    for (c->count = 0; c->count < m->nbucket; c->count++)
        c->bucket[c->count].size = m->bucket[c->count];
    /* The smallest now: what cannot be padded is said before anything runs. */
    if (!bucket_make(c, &c->bucket[0], d)) {
        buckets_free(&c->base);
        return NULL;
    }
    c->base.as = c->bucket[0].program->as;
    return &c->base;
}
