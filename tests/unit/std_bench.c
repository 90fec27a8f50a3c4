/* std_bench.c -- a program that imports the language's library, compiled and run. */
#include "std_bench.h"

#include "../../backends/backend.h"
#include "../../frontend/frontend.h"

#include <math.h>

StdTest *std_begin(void)
{
    StdTest *t = calloc(1, sizeof *t);
    assert_non_null(t);
    return t;
}

double *std_given(StdTest *t, const char *name, Shape s, double low, double span)
{
    StdArray *a = &t->in[t->nin++];
    a->name = name;
    a->dtype = DT_FP32;
    a->shape = s;
    assert_true(shape_count(&s, &a->n) && a->n <= MAX_ELEMS);
    for (size_t i = 0; i < a->n; i++)
        a->v[i] = (float)(low + span * rng_unit(rng_key(1, name), i));
    return a->v;
}

void std_compute(StdTest *t, const char *text)
{
    Buf all = { 0 };
    buf_printf(&all, "import \"std\"\n%s\n", text);
    Source src = { .name = "test", .text = all.s, .len = all.len };
    DslOptions opt = { .opset = OPSET_IOS17 };
    Module *m = dsl_compile(&t->diag, &src, &opt);
    if (!m) fail_msg("%s", t->diag.text.s);
    assert_true(module_verify(m, &t->diag, NULL));
    const Backend *ref = backend_find("ref");
    Program *p = program_new(ref, m, module_main(m), &t->diag);
    assert_non_null(p);
    Binding in[MAX_IN] = { { 0 } };
    const Binding *out;
    for (int i = 0; i < t->nin; i++) {
        in[i].name = t->in[i].name;
        assert_true(
            tensor_alloc(&in[i].value, &t->diag, t->in[i].dtype, &t->in[i].shape));
        for (size_t k = 0; k < t->in[i].n; k++)
            tensor_set_float(&in[i].value, k, t->in[i].v[k]);
    }
    RunOptions how = { 0 };
    if (!ref->run(p, &t->diag, in, t->nin, &how)) fail_msg("%s", t->diag.text.s);
    t->nout = ref->results(p, &out);
    for (int i = 0; i < t->nout; i++) {
        t->out[i].n = out[i].value.count;
        t->out[i].shape = out[i].value.shape;
        for (size_t k = 0; k < out[i].value.count; k++)
            t->out[i].v[k] = tensor_float(&out[i].value, k);
    }
    for (int i = 0; i < t->nin; i++) tensor_free(&in[i].value);
    program_free(p);
    module_free(m);
    buf_free(&all);
}

void std_expect(const StdTest *t, int r, Shape s, const double *want)
{
    const StdArray *got = &t->out[r];
    size_t n = 0;
    assert_true(r < t->nout && shape_count(&s, &n));
    if (!shape_equal(&s, &got->shape))
        fail_msg("result %d has rank %d and %zu elements", r, got->shape.rank, got->n);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got->v[i] - want[i]) <= 2e-5 * (1 + fabs(want[i]))))
            fail_msg("result %d, element %zu is %.9g, not %.9g", r, i, got->v[i],
                     want[i]);
}

void std_end(StdTest *t)
{
    diag_free(&t->diag);
    free(t);
}

void std_drawn(const char *path, double std, double *w, size_t n)
{
    for (size_t i = 0; i < n; i++) w[i] = (float)(std * rng_normal(rng_key(3, path), i));
}

void std_product(const double *w, const double *x, int rows, int inner, int positions,
                 double *y)
{
    for (int o = 0; o < rows; o++)
        for (int s = 0; s < positions; s++) {
            double sum = 0;
            for (int i = 0; i < inner; i++)
                sum += w[o * inner + i] * x[i * positions + s];
            y[o * positions + s] = sum;
        }
}
