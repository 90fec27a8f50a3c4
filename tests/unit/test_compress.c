/* test_compress.c -- weights in every form, type and opset: what the op of the form decodes is
 * near the weight by what the form promises, and by exactly what the report says. */
#include "compress_bench.h"
#include "near.h"
#include "rewritten.h"

#include <math.h>

/* ---- elements ---------------------------------------------------------------------------- */

typedef double Element(size_t i, size_t n);

static double drawn(size_t i, size_t n) { return (void)n, rng_normal(5, i); }
static double equal(size_t i, size_t n) { return (void)i, (void)n, 0.37; }
static double below(size_t i, size_t n) { return (void)i, (void)n, -3.5; }
static double zero(size_t i, size_t n) { return (void)i, (void)n, i % 2 ? -0.0 : 0.0; }
static double huge(size_t i, size_t n)
{
    return (void)n, i % 3 ? (i % 2 ? 65504 : -65504) : 1;
}
static double tiny(size_t i, size_t n) { return (void)n, (double)(i % 23) * 0x1p-24; }
static double far_off(size_t i, size_t n)
{
    return i == n / 2 ? 1000 : rng_normal(6, i) * 0.01;
}
static double few(size_t i, size_t n) { return (void)n, i % 2 ? 0.75 : -1.25; }
static double one_sided(size_t i, size_t n) { return (void)n, 2 + rng_unit(7, i); }
static double sparse_already(size_t i, size_t n)
{
    return i % 3 ? 0 : (double)i / (double)n;
}

static Element *const elements[] = { drawn, equal,   below, zero,      huge,
                                     tiny,  far_off, few,   one_sided, sparse_already };

/* ---- what a form promises ---------------------------------------------------------------- */

typedef struct {
    const char *text;
    int bits;     /* of a quantised element, or of an index */
    bool palette; /* the step is known of quantised ones alone */
    double zeros; /* of a sparse one: the part of zeros */
    bool keeps;   /* and what is no zero is as it was */
    int since;
} Form;

static const Form forms[] = {
    { "int8", 8, .since = 16 },
    { "int8(tensor)", 8, .since = 16 },
    { "int8(affine)", 8, .since = 16 },
    { "int8(affine, tensor)", 8, .since = 16 },
    { "int8(block = 4)", 8, .since = 18 },
    { "int8(axis = -1)", 8, .since = 16 },
    { "uint8", 8, .since = 16 },
    { "uint8(affine)", 8, .since = 16 },
    { "int4", 4, .since = 18 },
    { "int4(block = 3)", 4, .since = 18 },
    { "int4(32, affine)", 4, .since = 18 },
    { "uint4", 4, .since = 18 },
    { "uint4(block = 2, affine)", 4, .since = 18 },
    { "lut1", 1, .palette = true, .since = 16 },
    { "lut2", 2, .palette = true, .since = 16 },
    { "lut3", 3, .palette = true, .since = 18 },
    { "lut4", 4, .palette = true, .since = 16 },
    { "lut6", 6, .palette = true, .since = 16 },
    { "lut8", 8, .palette = true, .since = 16 },
    { "lut4(uniform)", 4, .palette = true, .since = 16 },
    { "lut4(group = 2)", 4, .palette = true, .since = 18 },
    { "lut2(3, scaled)", 2, .palette = true, .since = 18 },
    { "lut6(scaled)", 6, .palette = true, .since = 18 },
    { "lut4(int8)", 4, .palette = true, .since = 18 },
    { "lut3(group = 2, int8, scaled)", 3, .palette = true, .since = 18 },
    { "lut4(vector = 2)", 4, .palette = true, .since = 18 },
    { "lut2(vector = 3, group = 6, scaled, seed = 9)", 2, .palette = true, .since = 18 },
    { "sparse(0)", .zeros = 0, .keeps = true, .since = 16 },
    { "sparse(0.5)", .zeros = 0.5, .keeps = true, .since = 16 },
    { "sparse(1)", .zeros = 1, .keeps = true, .since = 16 },
    { "sparse(below = 0.5)", .keeps = true, .since = 16 },
    { "sparse(below = 0)", .keeps = true, .since = 16 },
    { "sparse(below = 0.3, lut4)", 4, .palette = true, .since = 18 },
    { "sparse(0.4, int8)", 8, .zeros = 0.4, .since = 18 },
    { "sparse(0.75, int4, block = 2)", 4, .zeros = 0.75, .since = 18 },
    { "sparse(0.5, uint8, affine)", 8, .zeros = 0.5, .since = 18 },
    { "sparse(0.5, lut4)", 4, .palette = true, .zeros = 0.5, .since = 18 },
    { "sparse(0.5, lut2, group = 2, scaled)", 2, .palette = true, .zeros = 0.5,
      .since = 18 },
    { "sparse(0.3, lut4, int8)", 4, .palette = true, .zeros = 0.3, .since = 18 },
};

typedef struct {
    double least, most, max_error, sum, zeros, kept_least, cut_most;
} Seen;

static Seen look(const CompressBench *t, const Tensor *is)
{
    Seen s = { .least = 0, .most = 0, .kept_least = INFINITY };
    for (size_t i = 0; i < t->n; i++) {
        const double was = t->was[i], now = tensor_float(is, i), off = fabs(now - was);
        assert_true(isfinite(now));
        s.least = fmin(s.least, was);
        s.most = fmax(s.most, was);
        s.max_error = fmax(s.max_error, off);
        s.sum += off * off;
        s.zeros += now == 0;
        if (now == 0) s.cut_most = fmax(s.cut_most, fabs(was));
        else s.kept_least = fmin(s.kept_least, fabs(was));
    }
    return s;
}

/* How far a quantised element may be off: half a step, and what the type rounds. */
static double half_step(const Form *f, const Seen *s, DType t)
{
    const double range = fmax(2 * fmax(-s->least, s->most), s->most - s->least);
    const double step = range / (ldexp(1, f->bits) - 2),
                 unit = t == DT_FP16 ? 0x1p-10 : 0x1p-20;
    return step * 0.75 + range * unit + (t == DT_FP16 ? 0x1p-23 : 0);
}

static void expect_near(const Form *f, const CompressBench *t, const Seen *s)
{
    const double range = s->most - s->least;
    if (f->keeps && s->max_error != s->cut_most)
        fail_msg("%s: an element that stays is off", f->text);
    if (f->zeros > 0 && s->zeros < floor(f->zeros * (double)t->n) - 1)
        fail_msg("%s leaves %g zeros of %zu", f->text, s->zeros, t->n);
    if (f->keeps && s->kept_least < s->cut_most)
        fail_msg("%s: %g stays, and %g went", f->text, s->kept_least, s->cut_most);
    if (!f->zeros && !f->palette && !f->keeps && s->max_error > half_step(f, s, t->dtype))
        fail_msg("%s is %g off, more than %g", f->text, s->max_error,
                 half_step(f, s, t->dtype));
    if (f->palette && s->max_error > fmax(range, fmax(s->most, -s->least)) * 1.01)
        fail_msg("%s is %g off, of %g", f->text, s->max_error, range);
}

static void expect_told(const CompressBench *t, const Seen *s, const Tensor *is)
{
    assert_int_equal(t->plan.nnote, 1);
    const CompressNote *note = &t->plan.note[0];
    const double rms = sqrt(s->sum / (double)t->n);
    assert_non_null(note->as);
    assert_true(note->max_error == s->max_error);
    assert_true(fabs(note->rms_error - rms) <= 1e-12 * rms);
    assert_true(note->before == (double)is->bytes);
    assert_true(note->after > 0);
}

static uint64_t decoded; /* the sum of all that was */

static void add_decoded(const Tensor *t)
{
    const uint8_t *byte = t->data;
    for (size_t i = 0; i < t->bytes; i++)
        decoded = (decoded ^ byte[i]) * UINT64_C(1099511628211);
}

/* What a form decodes stays, held against a file: so near it is by more than one table. */
static void put_decoded(Rewritten *r, const Form *f)
{
    buf_printf(&r->text, "%s: %016llx\n", f->text, (unsigned long long)decoded);
    decoded = NEAR_START;
}

static void try_form(const Form *f, DType dtype, Opset o, Shape s, By by, Element *e)
{
    CompressBench t;
    Tensor is;
    size_t n;
    compress_begin(&t, o);
    assert_true(shape_count(&s, &n));
    double *v = NEW_ARRAY(&t.arena, n + 1, double);
    for (size_t i = 0; i < n; i++) v[i] = e(i, n);
    compress_program(&t, dtype, s, by, v);
    const char *rule = arena_printf(&t.arena, "w = %s", f->text);
    if (!compress_run(&t, rule)) fail_msg("%s: %s", rule, t.diag.text.s);
    if (!t.diag.text.len != !t.plan.note[0].why) fail_msg("%s: %s", rule, t.diag.text.s);
    const Value *w = compress_value(t.m, "w");
    assert_true(w->def->kind != OP_const && ops[w->def->kind].flags & F_CONSTEXPR);
    assert_true(w->type->dtype == dtype && shape_equal(&w->type->shape, &s));
    assert_true(value_tensor(w, &t.diag, &is));
    const Seen seen = look(&t, &is);
    if (f->since <= (int)o) expect_near(f, &t, &seen);
    expect_told(&t, &seen, &is);
    add_decoded(&is);
    tensor_free(&is);
    compress_end(&t);
}

/* ---- every form -------------------------------------------------------------------------- */

static const Opset opsets[] = { OPSET_IOS16, OPSET_IOS17, OPSET_IOS18, OPSET_IOS26 };

static void every_form_decodes_near(void **state)
{
    Rewritten r = { .path = "tests/unit/compress_forms.txt" };
    (void)state;
    decoded = NEAR_START;
    for (size_t i = 0; i < COUNT(forms); i++) {
        for (size_t o = 0; o < COUNT(opsets); o++)
            for (size_t e = 0; e < COUNT(elements); e++)
                for (int fp32 = 0; fp32 < 2; fp32++)
                    try_form(&forms[i], fp32 ? DT_FP32 : DT_FP16, opsets[o], SHAPE(12, 8),
                             BY_MUL, elements[e]);
        put_decoded(&r, &forms[i]);
    }
    rewritten_end(&r);
}

static void odd_dimensions_and_every_use(void **state)
{
    static const struct {
        By by;
        int64_t dim[4];
        int rank;
    } at[] = {
        { BY_MUL, { 1 }, 1 },
        { BY_MUL, { 13 }, 1 },
        { BY_MUL, { 1, 1 }, 2 },
        { BY_LINEAR, { 7, 5 }, 2 },
        { BY_LINEAR, { 1, 9 }, 2 },
        { BY_MATMUL, { 5, 7 }, 2 },
        { BY_MATMUL_T, { 6, 5 }, 2 },
        { BY_CONV, { 6, 3, 3, 1 }, 4 },
        { BY_DECONV, { 3, 6, 2, 3 }, 4 },
        { BY_MUL, { 3, 1, 2, 5 }, 4 },
        { BY_MUL, { 257, 3 }, 2 },
    };
    Rewritten r = { .path = "tests/unit/compress_uses.txt" };
    (void)state;
    decoded = NEAR_START;
    for (size_t i = 0; i < COUNT(forms); i++) {
        for (size_t k = 0; k < COUNT(at); k++)
            for (size_t o = 0; o < COUNT(opsets); o += 2)
                try_form(&forms[i], DT_FP16, opsets[o], shape_of(at[k].rank, at[k].dim),
                         at[k].by, drawn);
        put_decoded(&r, &forms[i]);
    }
    rewritten_end(&r);
}

/* A scale lies along what the op sums into. */
static void scales_follow_the_use(void **state)
{
    static const struct {
        By by;
        int64_t dim[4];
        int rank, axis;
    } at[] = {
        { BY_LINEAR, { 6, 4 }, 2, 0 },       { BY_MATMUL, { 6, 4 }, 2, 1 },
        { BY_MATMUL_T, { 6, 4 }, 2, 0 },     { BY_CONV, { 6, 4, 1, 1 }, 4, 0 },
        { BY_DECONV, { 6, 4, 1, 1 }, 4, 1 }, { BY_MUL, { 6, 4 }, 2, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(at); i++) {
        CompressBench t;
        double v[24];
        for (size_t k = 0; k < COUNT(v); k++) v[k] = rng_normal(1, k);
        compress_begin(&t, OPSET_IOS18);
        compress_program(&t, DT_FP16, shape_of(at[i].rank, at[i].dim), at[i].by, v);
        assert_true(compress_run(&t, "w = int8"));
        const Value *scale = op_value(compress_value(t.m, "w")->def, P_scale);
        for (int k = 0; k < at[i].rank; k++)
            assert_int_equal(scale->type->shape.dim[k],
                             k == at[i].axis ? at[i].dim[k] : 1);
        compress_end(&t);
    }
}

/* What has no more different values than a table has entries loses nothing. */
static void palettes_of_few_values_are_exact(void **state)
{
    static const char *const text[] = { "lut1", "lut4", "lut8", "lut1(uniform)" };
    (void)state;
    for (size_t i = 0; i < COUNT(text); i++) {
        CompressBench t;
        Tensor is;
        double v[33];
        compress_begin(&t, OPSET_IOS18);
        for (size_t k = 0; k < COUNT(v); k++) v[k] = few(k, COUNT(v));
        compress_program(&t, DT_FP16, SHAPE(3, 11), BY_MUL, v);
        assert_true(compress_run(&t, arena_printf(&t.arena, "w = %s", text[i])));
        assert_true(value_tensor(compress_value(t.m, "w"), &t.diag, &is));
        for (size_t k = 0; k < t.n; k++) assert_true(tensor_float(&is, k) == t.was[k]);
        tensor_free(&is);
        compress_end(&t);
    }
}

/* The best 16 values for a normal distribution are 20.22 dB from it (Lloyd, Max). */
static double decibels_of(DType dtype, Shape s, const char *text)
{
    CompressBench t;
    size_t n;
    compress_begin(&t, OPSET_IOS18);
    assert_true(shape_count(&s, &n));
    double *v = NEW_ARRAY(&t.arena, n, double);
    rng_normals(11, 0, n, v);
    compress_program(&t, dtype, s, BY_MUL, v);
    assert_true(compress_run(&t, text));
    const CompressNote note = t.plan.note[0];
    compress_end(&t);
    return 20 * log10(note.rms / note.rms_error);
}

static void palettes_are_as_good_as_they_can_be(void **state)
{
    (void)state;
    const double best[] = { 4.40, 9.30, 14.62, 20.22 };
    static const char *const text[] = { "*=lut1", "*=lut2", "*=lut3", "*=lut4" };
    for (size_t i = 0; i < COUNT(text); i++) {
        const double is = decibels_of(DT_FP16, SHAPE(512, 128), text[i]);
        if (fabs(is - best[i]) > 0.1) fail_msg("%s: %g dB, not %g", text[i], is, best[i]);
    }
    /* counted and not sorted, in rooms that are files */
    const double large = decibels_of(DT_FP32, SHAPE(1536, 1024), "*=lut4");
    assert_true(fabs(large - 20.22) < 0.1);
    assert_true(decibels_of(DT_FP16, SHAPE(512, 128), "*=lut4(vector=2)")
                > decibels_of(DT_FP16, SHAPE(512, 128), "*=lut2"));
}

/* ---- equal bytes ------------------------------------------------------------------------- */

static uint64_t bytes_of(const char *text)
{
    CompressBench t;
    uint64_t h = 0;
    double v[12 * 32];
    compress_begin(&t, OPSET_IOS18);
    for (size_t i = 0; i < COUNT(v); i++) v[i] = rng_normal(2, i);
    compress_program(&t, DT_FP16, SHAPE(12, 32), BY_MUL, v);
    assert_true(compress_run(&t, text));
    for (const Op *op = t.f->body->first; op; op = op->next)
        for (int i = 0; i < op->narg; i++) {
            const Const *c = value_lit(op->arg[i].val[0]);
            if (c) h = hash_mix(h, const_hash(c));
        }
    compress_end(&t);
    return h;
}

static void equal_seeds_give_equal_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        Arena a = { 0 };
        const char *rule = arena_printf(&a, "w = %s", forms[i].text);
        assert_true(bytes_of(rule) == bytes_of(rule));
        arena_free(&a);
    }
    assert_true(bytes_of("w=lut4(vector=2,seed=1)")
                != bytes_of("w=lut4(vector=2,seed=2)"));
}

/* ---- what is refused --------------------------------------------------------------------- */

static void what_is_not_finite_is_refused(void **state)
{
    const double other[] = { INFINITY, -INFINITY, NAN };
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++)
        for (size_t k = 0; k < COUNT(other); k++) {
            CompressBench t;
            double v[40] = { 1, 2, 3 };
            v[17] = other[k];
            compress_begin(&t, OPSET_IOS18);
            compress_program(&t, k ? DT_FP32 : DT_FP16, SHAPE(8, 5), BY_MUL, v);
            assert_false(
                compress_run(&t, arena_printf(&t.arena, "w = %s", forms[i].text)));
            expect_says(&t.diag, k == 2 ? "nan as element 17" : "inf as element 17");
            compress_end(&t);
        }
}

/* ---- what another opset, or the dimensions, have in the place of a form ----------------------- */

static void the_nearest_form_is_said(void **state)
{
    static const struct {
        Opset o;
        const char *rule, *as, *why;
    } near[] = {
        { OPSET_IOS16, "int4", "lut4",
          "int4 exists from ios18 on, and ios16 has lut4 for it" },
        { OPSET_IOS17, "int8(block = 2)", "int8", "ios17 has no block" },
        { OPSET_IOS16, "lut4(group = 2, scaled)", "lut4",
          "ios16 has no group; ios16 has no scaled" },
        { OPSET_IOS16, "lut8(vector = 4)", "lut2", "ios16 has no vector" },
        { OPSET_IOS16, "lut6(vector = 2)", "lut4", "ios16 has no vector" },
        { OPSET_IOS16, "sparse(0.5, int8)", "sparse(0.5)", "ios16 has no sparse int8" },
        { OPSET_IOS16, "lut3", "lut4",
          "lut3 exists from ios18 on, and ios16 has lut4 for it" },
        { OPSET_IOS16, "lut4(int8)", "lut4", "ios16 has no int8" },
        { OPSET_IOS18, "int4(block = 4)", "int4(block = 4)",
          "no block of 4 parts an axis of 6: 3" },
        { OPSET_IOS18, "int4(block = 32)", "int4(block = 32)",
          "no block of 32 parts an axis of 6: 6" },
        { OPSET_IOS18, "lut4(group = 4)", "lut4(group = 4)",
          "no group near 4 parts an axis of 7" },
        { OPSET_IOS18, "lut4(vector = 2)", "lut4(vector = 2)",
          "no vectors of 2 part an axis of 7" },
        { OPSET_IOS18, "int8(axis = 5)", "int8(axis = 5)", "there is no axis 5" },
        { OPSET_IOS18, "auto", "int8",
          "host streams no form; int8 is near and half as large" },
        { OPSET_IOS18, "lut4(group = 7)", "lut4(group = 7)", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(near); i++) {
        CompressBench t;
        double v[42];
        for (size_t k = 0; k < COUNT(v); k++) v[k] = rng_normal(3, k);
        compress_begin(&t, near[i].o);
        compress_program(&t, DT_FP16, SHAPE(7, 6), BY_LINEAR, v);
        assert_true(compress_run(&t, arena_printf(&t.arena, "w = %s", near[i].rule)));
        assert_string_equal(t.plan.note[0].as, near[i].as);
        if (!near[i].why) assert_null(t.plan.note[0].why);
        else assert_string_equal(t.plan.note[0].why, near[i].why);
        compress_end(&t);
    }
}

/* ---- again ------------------------------------------------------------------------------- */

static void what_is_compressed_stays_unless_asked(void **state)
{
    (void)state;
    CompressBench t;
    double v[64];
    for (size_t k = 0; k < COUNT(v); k++) v[k] = rng_normal(4, k);
    compress_begin(&t, OPSET_IOS18);
    compress_program(&t, DT_FP16, SHAPE(8, 8), BY_LINEAR, v);
    assert_true(compress_run(&t, "w = lut4(scaled)"));
    t.plan = (CompressPlan){ .measures = true };
    assert_true(compress_run(&t, "w = int8"));
    assert_null(t.plan.note[0].as);
    assert_string_equal(t.plan.note[0].why, "it is compressed already");
    assert_int_equal(compress_value(t.m, "w")->def->kind,
                     OP_constexpr_blockwise_shift_scale);
    buf_free(&t.diag.text);
    t.plan = (CompressPlan){ .measures = true };
    assert_true(compress_run(&t, "w = sparse(0.5, again)"));
    assert_string_equal(t.plan.note[0].as, "sparse(0.5)");
    assert_int_equal(compress_value(t.m, "w")->def->kind, OP_constexpr_sparse_to_dense);
    for (const Op *op = t.f->body->first; op; op = op->next)
        assert_int_not_equal(op->kind, OP_constexpr_lut_to_dense);
    compress_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_decodes_near),
        cmocka_unit_test(odd_dimensions_and_every_use),
        cmocka_unit_test(scales_follow_the_use),
        cmocka_unit_test(palettes_of_few_values_are_exact),
        cmocka_unit_test(palettes_are_as_good_as_they_can_be),
        cmocka_unit_test(equal_seeds_give_equal_bytes),
        cmocka_unit_test(what_is_not_finite_is_refused),
        cmocka_unit_test(the_nearest_form_is_said),
        cmocka_unit_test(what_is_compressed_stays_unless_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
