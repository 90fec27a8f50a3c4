/* runs.h -- for unit tests: calls the reference kernel of one op, without a program.
 * Arguments are given by name between run_open and run_go; the results are in r->out until
 * run_close. */
#ifndef ANEC_TEST_RUNS_H
#define ANEC_TEST_RUNS_H

#include "../../ir/ops/ops.h"

typedef struct {
    Arena arena;
    Diag diag;
    Call call;
    Tensor out[MAX_RESULT];
    bool ok;
} Run;

static inline void run_open(Run *r, const char *op, Opset opset)
{
    *r = (Run){ .ok = false };
    call_init(&r->call, &ops[op_find(op)], opset, &r->arena, &r->diag, (Loc){ 0 });
}

static inline void run_arg(Run *r, const char *name, Tensor *t)
{
    CallArg *v = NEW(&r->arena, CallArg);
    *v = (CallArg){ type_tensor(&r->arena, t->dtype, t->shape), t, true };
    if (!call_set(&r->call, name, 1, v)) bug("no parameter %s", name);
}

static inline Tensor *run_tensor(Run *r, DType t, Shape s)
{
    Tensor *x = NEW(&r->arena, Tensor), made;
    if (!tensor_alloc(&made, &r->diag, t, &s)) bug("no memory");
    *x = made;
    x->data = arena_alloc(&r->arena, made.bytes + 1);
    x->owned = false;
    tensor_free(&made);
    return x;
}

/* Gives a numeric tensor, converted from doubles; v NULL: zeros. */
static inline void run_num(Run *r, const char *name, DType t, Shape s, const double *v)
{
    Tensor *x = run_tensor(r, t, s);
    for (size_t i = 0; v && i < x->count; i++) tensor_set_float(x, i, v[i]);
    run_arg(r, name, x);
}

static inline void run_str(Run *r, const char *name, const char *v)
{
    Tensor *x = NEW(&r->arena, Tensor);
    const char **p = NEW(&r->arena, const char *);
    Shape scalar = { .rank = 0 };
    *p = v;
    *x = tensor_view(DT_STRING, &scalar, p);
    run_arg(r, name, x);
}

static inline void run_ints(Run *r, const char *name, int n, const int64_t *v)
{
    Tensor *x = run_tensor(r, DT_INT32, shape_of(1, (int64_t[]){ n }));
    for (int i = 0; i < n; i++) tensor_set_int(x, (size_t)i, v[i]);
    run_arg(r, name, x);
}

static inline void run_int(Run *r, const char *name, int64_t v)
{
    Tensor *x = run_tensor(r, DT_INT32, (Shape){ .rank = 0 });
    tensor_set_int(x, 0, v);
    run_arg(r, name, x);
}

static inline void run_bool(Run *r, const char *name, bool v)
{
    Tensor *x = run_tensor(r, DT_BOOL, (Shape){ .rank = 0 });
    tensor_set_int(x, 0, v);
    run_arg(r, name, x);
}

static inline bool run_go(Run *r)
{
    return r->ok = call_run(&r->call, r->out, MAX_RESULT);
}

static inline void run_close(Run *r)
{
    for (int i = 0; r->ok && i < r->call.nout; i++) tensor_free(&r->out[i]);
    diag_free(&r->diag);
    arena_free(&r->arena);
}

#endif
