/* ref_run.c -- runs of one program before and after it was rewritten. */
#include "ref_run.h"

#include "../../backends/backend.h"
#include "unit.h"

#include <math.h>

void ref_draw(void *ctx, Tensor *x, int input, const char *name)
{
    const RefRange *r = ctx;
    (void)input;
    for (size_t i = 0; i < x->count; i++) {
        const double v = r->low + (r->high - r->low) * rng_unit(rng_key(7, name), i);
        tensor_set_float(x, i, dtype_is_float(x->dtype) ? v : floor(v));
    }
}

static void ref_bind(Binding *in, Diag *d, const Value *v)
{
    Shape s = v->type->shape;
    for (int k = 0; k < s.rank; k++) s.dim[k] = s.dim[k] == DIM_ANY ? 2 : s.dim[k];
    in->name = v->name;
    assert_true(tensor_alloc(&in->value, d, v->type->dtype, &s));
}

void ref_run(RefRun *r, const Module *m, RefFill *fill, void *ctx, const char *what)
{
    const Func *f = module_main(m);
    const int n = f->body->nparam;
    Diag d = { .quiet = true };
    Binding in[REF_MOST] = { { 0 } };
    const Binding *out;
    assert_true(n <= REF_MOST);
    Program *p = program_new(backend_find("ref"), m, f, &d);
    if (!p) fail_msg("%s: %s", d.text.s, what);
    for (int i = 0; i < n; i++) {
        ref_bind(&in[i], &d, f->body->param[i]);
        fill(ctx, &in[i].value, i, in[i].name);
    }
    if (!program_run(p, &d, in, n, &(RunOptions){ .max_steps = 100000 }))
        fail_msg("%s: %s", d.text.s, what);
    r->n = program_results(p, &out);
    assert_true(r->n <= REF_MOST);
    for (int i = 0; i < r->n; i++)
        assert_true(tensor_copy(&r->value[i], &d, &out[i].value));
    for (int i = 0; i < n; i++) tensor_free(&in[i].value);
    program_free(p);
    diag_free(&d);
}

void ref_compare(const RefRun *was, const RefRun *is, double tolerance, double least,
                 const char *what)
{
    assert_int_equal(was->n, is->n);
    for (int i = 0; i < was->n; i++) {
        const Tensor *a = &was->value[i], *b = &is->value[i];
        assert_true(shape_equal(&a->shape, &b->shape));
        for (size_t k = 0; k < a->count; k++) {
            const double x = tensor_float(a, k), y = tensor_float(b, k);
            if (!dtype_is_float(a->dtype))
                assert_int_equal(tensor_int(a, k), tensor_int(b, k));
            else if (x != y && !(fabs(x - y) <= tolerance * fmax(least, fabs(x))))
                fail_msg("result %d [%zu] is %g, and was %g: %s", i, k, y, x, what);
        }
    }
}

void ref_free(RefRun *r)
{
    for (int i = 0; i < r->n; i++) tensor_free(&r->value[i]);
    r->n = 0;
}
