/* test_slice_forms.c -- slice_update for an opset that lacks it: every begin, end, stride and mask along
 * an axis of five, known and not known, gives in ios16 what it gives in ios18. */
#include "micro.h"
#include "near.h"
#include "unit.h"

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <stdio.h>

enum { LONG = 5, WIDE = 2 };

typedef struct {
    int begin, end, stride, count;
    bool first, last, squeezed, given; /* masks; begin is an input */
} SliceForm;

static char *slice_text(Arena *a, const SliceForm *s)
{
    const char *const flag[] = { "false", "true" };
    const char *update = s->squeezed ? arena_printf(a, "%d", WIDE)
                                     : arena_printf(a, "%d, %d", s->count, WIDE);
    const char *begin = s->given
                          ? "b"
                          : arena_printf(a, "tensor<int32, [2]>([%d, 0])", s->begin);
    return arena_printf(
        a,
        "tensor<fp32, [%d, %d]> x, tensor<fp32, [%s]> u, tensor<int32, [2]> b | "
        "tensor<fp32, [%d, %d]> r = slice_update(x = x, update = u, begin = %s, end = "
        "tensor<int32, [2]>([%d, %d]), stride = tensor<int32, [2]>([%d, 1]), begin_mask = "
        "tensor<bool, [2]>([%s, true]), end_mask = tensor<bool, [2]>([%s, true]), "
        "squeeze_mask = tensor<bool, [2]>([%s, false]))[name = string(\"r\")]; | r",
        LONG, WIDE, update, LONG, WIDE, begin, s->end, WIDE, s->stride, flag[s->first],
        flag[s->last], flag[s->squeezed]);
}

/* The result for x of 1, 2, 3 .. and an update of -1, -2, -3 ..; false: it cannot be run. */
static bool slice_run(Module *m, const SliceForm *s, Tensor *out)
{
    Diag d = { .quiet = true };
    float x[LONG * WIDE], u[LONG * WIDE];
    int32_t b[] = { s->begin, 0 };
    const Func *f = module_main(m);
    void *const data[] = { x, u, b };
    Binding in[3];
    const Binding *res;
    for (int i = 0; i < LONG * WIDE; i++) x[i] = (float)(i + 1), u[i] = (float)(-i - 1);
    for (int i = 0; i < 3; i++) {
        const Value *v = f->body->param[i];
        in[i] = (Binding){ .name = v->name };
        in[i].value = tensor_view(v->type->dtype, &v->type->shape, data[i]);
    }
    Program *p = program_new(backend_find("ref"), m, f, &d);
    const bool ok = p && program_run(p, &d, in, 3, &(RunOptions){ 0 })
                 && program_results(p, &res) == 1 && tensor_copy(out, &d, &res[0].value);
    program_free(p);
    diag_free(&d);
    return ok;
}

static Module *slice_read(Arena *a, const SliceForm *s)
{
    Diag d = { .quiet = true };
    const char *text = micro_text(a, "ios18", slice_text(a, s));
    Source *src = NEW(a, Source); /* which the module's places tell of */
    *src = (Source){ .name = "slice.mil", .text = text, .len = strlen(text) };
    Module *m = near_read(&d, src);
    diag_free(&d);
    return m;
}

/* What is made of it, where it is valid; how many were. */
static int slice_check(const SliceForm *s)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    Tensor was = { 0 }, is = { 0 };
    Module *m = slice_read(&a, s), *other = m ? slice_read(&a, s) : NULL;
    const bool ran = m && slice_run(m, s, &was);
    if (ran) {
        const PassOptions o = { .target = target_find("host"), .opset = OPSET_IOS16 };
        if (!passes_run(other, &o, &d)) fail_msg("%s: %s", d.text.s, slice_text(&a, s));
        assert_int_equal(module_main(other)->opset, OPSET_IOS16);
        if (!slice_run(other, s, &is) || was.bytes != is.bytes
            || memcmp(was.data, is.data, was.bytes) != 0)
            fail_msg("another result in ios16, begin %d: %s", s->begin,
                     slice_text(&a, s));
    }
    tensor_free(&was);
    tensor_free(&is);
    module_free(m);
    module_free(other);
    diag_free(&d);
    arena_free(&a);
    return ran;
}

static int slice_masks(int begin, int end, int stride)
{
    int n = 0;
    for (int way = 0; way < 16; way++)
        for (int count = 0; count <= LONG; count++) {
            const SliceForm s = { begin,   end,     stride,  count,
                                  way & 1, way & 2, way & 4, way & 8 };
            if (!s.squeezed || count == 1) n += slice_check(&s);
        }
    return n;
}

static void slices_are_as_they_were(void **state)
{
    static const int stride[] = { 1, 2, 3, -1, -2 };
    int n = 0;
    (void)state;
    for (int begin = -LONG - 1; begin <= LONG; begin += 1)
        for (int end = -LONG - 1; end <= LONG + 1; end += 1)
            for (size_t k = 0; k < COUNT(stride); k++)
                n += slice_masks(begin, end, stride[k]);
    printf("%d slices\n", n);
    assert_true(n > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(slices_are_as_they_were) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
