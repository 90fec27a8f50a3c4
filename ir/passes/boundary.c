/* boundary.c -- inputs and results take the target's float type; casts join them to what is
 * inside.
 *
 * Names stay: an input changes its type and feeds a cast; a result's name moves to the cast
 * behind it. Where the program had casts there, pairs arise that `algebra` removes, so that
 * fp32 inputs that were cast to fp16 become fp16 inputs without a cast, and the other way
 * round. */
#include "pass.h"

/* What is an image outside keeps the type that pixels have: the cast behind it is the
 * processor's. */
static DType boundary_type(const Func *f, const Value *v, IoMode io)
{
    const DType fixed = func_fixed(f, v);
    return fixed ? fixed : io == IO_FP32 ? DT_FP32 : DT_FP16;
}

static bool is_other_float(const Type *t, DType want)
{
    return t->kind == TY_TENSOR && t->dtype != want
        && (t->dtype == DT_FP16 || t->dtype == DT_FP32);
}

static const Type *retyped(Module *m, const Type *t, DType want)
{
    return type_tensor(&m->arena, want, t->shape);
}

static const char *with_dtype(Module *m, const char *name, DType t)
{
    return arena_printf(&m->arena, "%s_to_%s", name, dtypes[t].name);
}

static int convert_inputs(Func *f, IoMode io, Diag *d)
{
    Module *m = f->module;
    int changes = 0;
    for (int i = 0; i < f->body->nparam; i++) {
        Value *p = f->body->param[i];
        const DType want = boundary_type(f, p, io);
        if (!is_other_float(p->type, want)) continue;
        DType inside = p->type->dtype;
        p->type = retyped(m, p->type, want);
        changes++;
        Builder b = builder_at(f->body, f->body->first, d, p->loc);
        Value *dtype = build_string(&b, dtypes[inside].name);
        Value *v = mil_cast(&b, with_dtype(m, p->name, inside), .x = p, .dtype = dtype);
        const bool result = is_result(p);
        func_replace_uses(f, p, v);
        op_set_arg(m, v->def, P_x, p);
        for (int k = 0; result && is_result(v); k++)
            if (f->body->result[k] == v) func_set_result(f, k, p); /* what goes in comes out */
    }
    return changes;
}

static int convert_results(Func *f, IoMode io, Diag *d)
{
    Module *m = f->module;
    int changes = 0;
    for (int i = 0; i < f->body->nresult; i++) {
        Value *r = f->body->result[i];
        const DType want = boundary_type(f, r, io);
        if (!is_other_float(r->type, want) || !r->def) continue;
        const char *name = r->name;
        Builder b = builder_at(f->body, NULL, d, r->loc);
        value_rename(r, func_unique_name(f, with_dtype(m, name, r->type->dtype)));
        Value *dtype = build_string(&b, dtypes[want].name);
        Value *v = mil_cast(&b, "result", .x = r, .dtype = dtype);
        v->name = name;
        op_set_name(m, v->def, name);
        changes++;
        for (int k = i; is_result(r); k++)
            if (f->body->result[k] == r) func_set_result(f, k, v);
    }
    return changes;
}

int pass_boundary(Module *m, const PassOptions *o, Diag *d)
{
    const IoMode io = pass_io(o);
    int changes = 0;
    if (io == IO_AUTO) return 0; /* the types stay as they are declared */
    for (Func *f = m->first; f; f = f->next) {
        GuardTask lost;
        func_walk_begin(f, &lost);
        changes += convert_inputs(f, io, d) + convert_results(f, io, d);
        func_walk_end(f, &lost);
    }
    return changes;
}
