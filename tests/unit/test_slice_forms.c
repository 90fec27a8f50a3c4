/* test_slice_forms.c -- every begin, end, stride and mask along an axis of five: slice_update for an opset
 * that lacks it, known and not known, gives in ios16 what it gives in ios18, and slices as each chip
 * has them, along the first axis and the last, give what they gave. */
#include "micro.h"
#include "near.h"
#include "ref_run.h"
#include "unit.h"

#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

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

static void updates_are_as_they_were(void **state)
{
    static const int stride[] = { 1, 2, 3, -1, -2 };
    int n = 0;
    (void)state;
    for (int begin = -LONG - 1; begin <= LONG; begin++)
        for (int end = -LONG - 1; end <= LONG + 1; end++)
            for (size_t k = 0; k < COUNT(stride); k++)
                n += slice_masks(begin, end, stride[k]);
    assert_true(n > 10000);
}

/* ---- for chips --------------------------------------------------------------------------- */

static char *taken_text(Arena *a, const SliceForm *s, bool last)
{
    const char *const flag[] = { "false", "true" };
    const char *shape = last ? arena_printf(a, "%d, %d", WIDE, LONG)
                             : arena_printf(a, "%d, %d", LONG, WIDE);
#define PAIR(format, one, other) \
    (last ? arena_printf(a, format ", " format, other, one) \
          : arena_printf(a, format ", " format, one, other))
    return arena_printf(
        a,
        "tensor<fp16, [%s]> x | tensor<fp16, [1]> r = slice_by_index(x = x, begin = "
        "tensor<int32, [2]>([%s]), end = tensor<int32, [2]>([%s]), stride = tensor<int32, "
        "[2]>([%s]), begin_mask = tensor<bool, [2]>([%s]), end_mask = tensor<bool, "
        "[2]>([%s]), squeeze_mask = tensor<bool, [2]>([%s]))[name = string(\"r\")]; | r",
        shape, PAIR("%d", s->begin, 0), PAIR("%d", s->end, WIDE),
        PAIR("%d", s->stride, 1), PAIR("%s", flag[s->first], "true"),
        PAIR("%s", flag[s->last], "true"), PAIR("%s", flag[s->squeezed], "false"));
#undef PAIR
}

static void taken_fill(void *ctx, Tensor *x, int input, const char *name)
{
    (void)ctx;
    (void)name;
    for (size_t i = 0; i < x->count; i++) tensor_set_float(x, i, (double)i + 1 + input);
}

static int taken_check(const SliceForm *s, bool last, const Target *chip)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    RefRun was, is;
    const char *said = taken_text(&a, s, last), *text = micro_text(&a, "ios18", said);
    const Source src = { .name = "slice.mil", .text = text, .len = strlen(text) };
    Module *m = near_read(&d, &src), *other = m ? near_read(&d, &src) : NULL;
    const PassOptions o = { .target = chip };
    const bool valid = other && passes_run(other, &o, &d);
    if (valid) {
        ref_run(&was, m, taken_fill, NULL, said);
        ref_run(&is, other, taken_fill, NULL, said);
        ref_compare(&was, &is, 0, 1, said);
        ref_free(&was);
        ref_free(&is);
    }
    module_free(m);
    module_free(other);
    diag_free(&d);
    arena_free(&a);
    return valid;
}

static void slices_are_as_they_were(void **state)
{
    static const int stride[] = { 1, 2, 3 };
    int n = 0, turn = 0;
    (void)state;
    for (int begin = -LONG; begin <= LONG; begin++)
        for (int end = -LONG; end <= LONG; end++)
            for (size_t k = 0; k < COUNT(stride); k++)
                for (int way = 0; way < 16; way++) {
                    const SliceForm s = {
                        begin, end, stride[k], 0, way & 1, way & 2, way & 4, false,
                    };
                    const Target *chip = generation_at(turn++ % generation_count());
                    n += taken_check(&s, way & 8, chip);
                }
    assert_true(n > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(updates_are_as_they_were),
                                        cmocka_unit_test(slices_are_as_they_were) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
