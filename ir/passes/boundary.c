/* boundary.c -- gives inputs and results the float type of the target, with casts between them
 * and the program.
 *
 * Names stay: an input changes its type and feeds a cast; the name of a result moves to the
 * cast behind it. Where the program has casts there already, `algebra` removes the pairs, so
 * that an fp32 input that was cast to fp16 becomes an fp16 input without a cast, and vice
 * versa. */
#include "passes.h"

/* What is an image outside keeps the type that pixels have: the cast behind it is the
 * processor's. */
static DType float_type(void *ctx, const Func *f, const Value *v)
{
    const IoMode *io = ctx;
    const DType fixed = func_fixed(f, v), is = v->type->dtype;
    if (is != DT_FP16 && is != DT_FP32) return DT_NONE;
    return fixed ? fixed : *io == IO_FP32 ? DT_FP32 : DT_FP16;
}

static bool is_other(const Type *t, DType want)
{
    return want != DT_NONE && t->dtype != want;
}

typedef struct {
    Func *f;
    Diag *diag;
    EdgeType *wanted;
    void *ctx;
} BoundaryEdges;

static DType wanted_of(const BoundaryEdges *e, const Value *v)
{
    return v->type->kind == TY_TENSOR ? e->wanted(e->ctx, e->f, v) : DT_NONE;
}

static const Type *boundary_retyped(Module *m, const Type *t, DType want)
{
    return type_tensor(&m->arena, want, t->shape);
}

static const char *with_dtype(Module *m, const char *name, DType t)
{
    return arena_printf(&m->arena, "%s_to_%s", name, dtypes[t].name);
}

static int convert_inputs(const BoundaryEdges *e)
{
    Func *f = e->f;
    Module *m = f->module;
    int changes = 0;
    for (int i = 0; i < f->body->nparam; i++) {
        Value *p = f->body->param[i];
        const DType want = wanted_of(e, p);
        if (!is_other(p->type, want)) continue;
        DType inside = p->type->dtype;
        p->type = boundary_retyped(m, p->type, want);
        changes++;
        Builder b = builder_at(f->body, f->body->first, e->diag, value_loc(p));
        Value *dtype = build_string(&b, dtypes[inside].name);
        Value *v = mil_cast(&b, with_dtype(m, p->name, inside), .x = p, .dtype = dtype);
        const bool result = is_result(p);
        func_replace_uses(f, p, v);
        op_set_arg(m, v->def, P_x, p);
        for (int k = 0; result && is_result(v); k++)
            if (f->body->result[k] == v)
                func_set_result(f, k, p); /* what goes in comes out */
    }
    return changes;
}

static int convert_results(const BoundaryEdges *e)
{
    Func *f = e->f;
    Module *m = f->module;
    int changes = 0;
    for (int i = 0; i < f->body->nresult; i++) {
        Value *r = f->body->result[i];
        const DType want = wanted_of(e, r);
        if (!is_other(r->type, want) || !r->def) continue;
        const char *name = r->name;
        Builder b = builder_at(f->body, NULL, e->diag, value_loc(r));
        value_rename(r, func_unique_name(f, with_dtype(m, name, r->type->dtype)));
        Value *dtype = build_string(&b, dtypes[want].name);
        Value *v = mil_cast(&b, "result", .x = r, .dtype = dtype);
        v->name = name;
        changes++;
        for (int k = i; is_result(r); k++)
            if (f->body->result[k] == r) func_set_result(f, k, v);
    }
    return changes;
}

int edges_take(Func *f, Diag *d, EdgeType *wanted, void *ctx)
{
    const BoundaryEdges e = { .f = f, .diag = d, .wanted = wanted, .ctx = ctx };
    GuardTask lost;
    func_walk_begin(f, &lost);
    int changes = convert_inputs(&e);
    changes += convert_results(&e);
    func_walk_end(f, &lost);
    return changes;
}

int pass_boundary(Module *m, const PassOptions *o, Diag *d)
{
    IoMode io = pass_io(o);
    int changes = 0;
    if (io == IO_AUTO) return 0; /* the types stay as they are declared */
    for (Func *f = m->first; f; f = f->next) changes += edges_take(f, d, float_type, &io);
    return changes;
}
