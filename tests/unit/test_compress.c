/* test_compress.c -- weights in every form, type and opset: what the op of the form decodes is
 * near the weight by what the form promises, and by exactly what the report says. */
#include "near.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/ops/ops.h"
#include "../../ir/passes/compress.h"
#include "../../ir/passes/passes.h"

#include <math.h>

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct {
    Arena arena;
    Diag diag;
    Module *m;
    Func *f;
    CompressPlan plan;
    double *was; /* the weight's elements */
    size_t n;
    DType dtype;
} Test;

static void begin(Test *t, Opset o)
{
    *t = (Test){ .m = module_new(), .plan = { .measures = true } };
    t->f = func_new(t->m, "main", o);
}

static void end(Test *t)
{
    compress_rules_free(t->plan.rules);
    module_free(t->m);
    arena_free(&t->arena);
    diag_free(&t->diag);
}

typedef enum { BY_MUL, BY_LINEAR, BY_MATMUL, BY_MATMUL_T, BY_CONV, BY_DECONV, BY_COUNT } By;

static Value *input(Test *t, Shape s)
{
    return block_param(t->f->body, "x", type_tensor(&t->m->arena, t->dtype, s), (Loc){ 0 });
}

static Value *used(Test *t, Value *w, By by)
{
    Builder b = builder_at(t->f->body, NULL, &t->diag, (Loc){ 0 });
    const Shape *s = &w->type->shape;
    const int64_t first = s->dim[0], last = s->dim[s->rank - 1];
    switch (by) {
    case BY_LINEAR:
        return mil_linear(&b, "y", .x = input(t, SHAPE(2, last)), .weight = w);
    case BY_MATMUL:
    case BY_MATMUL_T:
        return mil_matmul(&b, "y", .x = input(t, SHAPE(2, by == BY_MATMUL ? first : last)),
                          .y = w, .transpose_x = build_bool(&b, false),
                          .transpose_y = build_bool(&b, by == BY_MATMUL_T));
    case BY_CONV:
        return mil_conv(&b, "y", .x = input(t, SHAPE(1, s->dim[1], 9, 9)), .weight = w);
    case BY_DECONV:
        return mil_conv_transpose(&b, "y", .x = input(t, SHAPE(1, first, 9, 9)), .weight = w);
    default:
        return mil_mul(&b, "y", .x = input(t, *s), .y = w);
    }
}

/* A program that uses a weight of those elements. */
static void program(Test *t, DType dtype, Shape s, By by, const double *v)
{
    void *data;
    assert_true(shape_count(&s, &t->n));
    t->dtype = dtype;
    const Type *type = type_tensor(&t->m->arena, dtype, s);
    Const *c = const_room(&t->m->arena, type, type_bytes(type), &data);
    Tensor view = tensor_view(dtype, &s, data);
    tensor_put_floats(&view, 0, t->n, v);
    t->was = NEW_ARRAY(&t->arena, t->n + 1, double);
    tensor_get_floats(&view, 0, t->n, t->was);
    Builder b = builder_at(t->f->body, NULL, &t->diag, (Loc){ 0 });
    block_result(t->f->body, used(t, build_const(&b, "w", c), by));
    assert_true(module_verify(t->m, &t->diag, NULL));
}

static bool compress(Test *t, const char *text)
{
    const PassOptions o = { .target = &targets[TARGET_host],
                            .only = "compress",
                            .compress = &t->plan };
    if (!t->plan.rules) t->plan.rules = compress_rules_new(&t->arena);
    return compress_rules_add(t->plan.rules, &t->diag, text) && passes_run(t->m, &o, &t->diag);
}

static Value *value_called(const Module *m, const char *name)
{
    for (const Op *op = m->first->body->first; op; op = op->next)
        for (int i = 0; i < op->nout; i++)
            if (!strcmp(op->out[i]->name, name)) return op->out[i];
    fail_msg("there is no %s", name);
    return NULL;
}

/* ---- elements ---------------------------------------------------------------------------- */

typedef double Element(size_t i, size_t n);

static double drawn(size_t i, size_t n) { return (void)n, rng_normal(5, i); }
static double equal(size_t i, size_t n) { return (void)i, (void)n, 0.37; }
static double below(size_t i, size_t n) { return (void)i, (void)n, -3.5; }
static double zero(size_t i, size_t n) { return (void)i, (void)n, i % 2 ? -0.0 : 0.0; }
static double huge(size_t i, size_t n) { return (void)n, i % 3 ? (i % 2 ? 65504 : -65504) : 1; }
static double tiny(size_t i, size_t n) { return (void)n, (double)(i % 23) * 0x1p-24; }
static double far_off(size_t i, size_t n)
{
    return i == n / 2 ? 1000 : rng_normal(6, i) * 0.01;
}
static double few(size_t i, size_t n) { return (void)n, i % 2 ? 0.75 : -1.25; }
static double one_sided(size_t i, size_t n) { return (void)n, 2 + rng_unit(7, i); }
static double sparse_already(size_t i, size_t n) { return i % 3 ? 0 : (double)i / (double)n; }

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
    { "sparse(0.5, lut2, group = 2, scaled)", 2, .palette = true, .zeros = 0.5, .since = 18 },
    { "sparse(0.3, lut4, int8)", 4, .palette = true, .zeros = 0.3, .since = 18 },
};

typedef struct {
    double least, most, max_error, sum, zeros, kept_least, cut_most;
} Seen;

static Seen look(const Test *t, const Tensor *is)
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

static void expect_near(const Form *f, const Test *t, const Seen *s)
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

static void expect_told(const Test *t, const Seen *s, const Tensor *is)
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
    Test t;
    Tensor is;
    size_t n;
    begin(&t, o);
    assert_true(shape_count(&s, &n));
    double *v = NEW_ARRAY(&t.arena, n + 1, double);
    for (size_t i = 0; i < n; i++) v[i] = e(i, n);
    program(&t, dtype, s, by, v);
    const char *rule = arena_printf(&t.arena, "w = %s", f->text);
    if (!compress(&t, rule)) fail_msg("%s: %s", rule, t.diag.text.s);
    if (!t.diag.text.len != !t.plan.note[0].why) fail_msg("%s: %s", rule, t.diag.text.s);
    const Value *w = value_called(t.m, "w");
    assert_true(w->def->kind != OP_const && ops[w->def->kind].flags & F_CONSTEXPR);
    assert_true(w->type->dtype == dtype && shape_equal(&w->type->shape, &s));
    assert_true(value_tensor(w, &t.diag, &is));
    const Seen seen = look(&t, &is);
    if (f->since <= (int)o) expect_near(f, &t, &seen);
    expect_told(&t, &seen, &is);
    add_decoded(&is);
    tensor_free(&is);
    end(&t);
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

static void odd_extents_and_every_use(void **state)
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

/* A scale lies along what the statement sums into. */
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
        Test t;
        double v[24];
        for (size_t k = 0; k < COUNT(v); k++) v[k] = rng_normal(1, k);
        begin(&t, OPSET_IOS18);
        program(&t, DT_FP16, shape_of(at[i].rank, at[i].dim), at[i].by, v);
        assert_true(compress(&t, "w = int8"));
        const Value *scale = op_value(value_called(t.m, "w")->def, P_scale);
        for (int k = 0; k < at[i].rank; k++)
            assert_int_equal(scale->type->shape.dim[k], k == at[i].axis ? at[i].dim[k] : 1);
        end(&t);
    }
}

/* What has no more different values than a table has entries loses nothing. */
static void palettes_of_few_values_are_exact(void **state)
{
    static const char *const text[] = { "lut1", "lut4", "lut8", "lut1(uniform)" };
    (void)state;
    for (size_t i = 0; i < COUNT(text); i++) {
        Test t;
        Tensor is;
        double v[33];
        begin(&t, OPSET_IOS18);
        for (size_t k = 0; k < COUNT(v); k++) v[k] = few(k, COUNT(v));
        program(&t, DT_FP16, SHAPE(3, 11), BY_MUL, v);
        assert_true(compress(&t, arena_printf(&t.arena, "w = %s", text[i])));
        assert_true(value_tensor(value_called(t.m, "w"), &t.diag, &is));
        for (size_t k = 0; k < t.n; k++) assert_true(tensor_float(&is, k) == t.was[k]);
        tensor_free(&is);
        end(&t);
    }
}

/* The best 16 values for a normal distribution are 20.22 dB from it (Lloyd, Max). */
static double decibels_of(DType dtype, Shape s, const char *text)
{
    Test t;
    size_t n;
    begin(&t, OPSET_IOS18);
    assert_true(shape_count(&s, &n));
    double *v = NEW_ARRAY(&t.arena, n, double);
    rng_normals(11, 0, n, v);
    program(&t, dtype, s, BY_MUL, v);
    assert_true(compress(&t, text));
    const CompressNote note = t.plan.note[0];
    end(&t);
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
    Test t;
    uint64_t h = 0;
    double v[12 * 32];
    begin(&t, OPSET_IOS18);
    for (size_t i = 0; i < COUNT(v); i++) v[i] = rng_normal(2, i);
    program(&t, DT_FP16, SHAPE(12, 32), BY_MUL, v);
    assert_true(compress(&t, text));
    for (const Op *op = t.f->body->first; op; op = op->next)
        for (int i = 0; i < op->narg; i++) {
            const Const *c = value_lit(op->arg[i].val[0]);
            if (c) h = hash_mix(h, const_hash(c));
        }
    end(&t);
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
    assert_true(bytes_of("w=lut4(vector=2,seed=1)") != bytes_of("w=lut4(vector=2,seed=2)"));
}

/* ---- which weights ----------------------------------------------------------------------- */

typedef struct {
    const char *rules, *want; /* "w1: int8, w2: -" of those that are weights */
} Choice;

static void put_weights(Test *t)
{
    static const struct {
        const char *name;
        int64_t dim[2];
        int rank;
    } at[] = { { "layers_0_w", { 64, 64 }, 2 },
               { "layers_1_w", { 64, 128 }, 2 },
               { "head", { 16, 8 }, 2 },
               { "norm", { 4096 }, 1 } };
    t->dtype = DT_FP16;
    Builder b = builder_at(t->f->body, NULL, &t->diag, (Loc){ 0 });
    for (size_t i = 0; i < COUNT(at); i++) {
        const Shape s = shape_of(at[i].rank, at[i].dim);
        Const *c = NEW(&t->m->arena, Const);
        *c = (Const){ .type = type_tensor(&t->m->arena, DT_FP16, s),
                      .kind = CONST_INIT,
                      .init = INIT_NORMAL,
                      .b = 1,
                      .seed = i };
        Value *w = build_const(&b, at[i].name, c);
        Value *x = block_param(t->f->body, func_unique_name(t->f, "x"), c->type, (Loc){ 0 });
        block_result(t->f->body, mil_mul(&b, "y", .x = x, .y = w));
    }
}

static void the_first_rule_that_takes_a_weight_counts(void **state)
{
    static const Choice choices[] = {
        { "int8", "layers_0_w int8; layers_1_w int8; " },
        { "* = int8", "layers_0_w int8; layers_1_w int8; " },
        { "layers.1.* = lut4(group = 8), *=int4(block=32)",
          "layers_0_w int4(block = 32); layers_1_w lut4(group = 8); " },
        { "size < 5000 = none; * = lut2\n# a comment, with = signs\n", "layers_1_w lut2; " },
        { "size<=4096&layers.*=none,*=int8", "layers_1_w int8; " },
        { "size >= 100 = int8", "layers_0_w int8; layers_1_w int8; head int8; " },
        { "size > 100 & rank == 1 = int8", "norm int8; " },
        { "rank >= 1 = int8", "layers_0_w int8; layers_1_w int8; norm int8; " },
        { "head = int8", "head int8; " },
        { "norm = int8, h*ad & size > 1 = lut1", "head lut1; norm int8; " },
        { "op:mul = int4", "layers_0_w int4; layers_1_w int4; " },
        { "func:main & layers.0.w = uint8(affine)", "layers_0_w uint8(affine); " },
        { "layers_0* = sparse(0.5, lut4, 8, scaled)",
          "layers_0_w sparse(0.5, lut4, group = 8, scaled); " },
        { "auto", "layers_0_w int8; layers_1_w int8; " },
        { "none", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(choices); i++) {
        Test t;
        Buf got = { 0 };
        begin(&t, OPSET_IOS18);
        put_weights(&t);
        buf_puts(&got, "");
        if (!compress(&t, choices[i].rules)) fail_msg("%s", t.diag.text.s);
        for (size_t k = 0; k < t.plan.nnote; k++)
            buf_printf(&got, "%s %s; ", t.plan.note[k].name, t.plan.note[k].as);
        if (strcmp(got.s ? got.s : "", choices[i].want) != 0)
            fail_msg("%s: %s, not %s", choices[i].rules, got.s, choices[i].want);
        buf_free(&got);
        end(&t);
    }
}

static void a_rule_that_takes_nothing_is_said(void **state)
{
    (void)state;
    Test t;
    begin(&t, OPSET_IOS18);
    put_weights(&t);
    assert_true(compress(&t, "layers.0.v = int8, size > 1000000 = lut4, head = int8"));
    expect_said(&t.diag, "--compress:1:1: warning: the rule takes no weight; did you mean "
                         "layers_0_w? [-Wcompress]\n"
                         "layers.0.v = int8, size > 1000000 = lut4, head = int8\n"
                         "^~~~~~~~~~~~~~~~~\n"
                         "--compress:1:20: warning: the rule takes no weight [-Wcompress]\n"
                         "layers.0.v = int8, size > 1000000 = lut4, head = int8\n"
                         "                   ^~~~~~~~~~~~~~~~~~~~~\n");
    end(&t);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void wrong_rules_are_refused(void **state)
{
    static const struct {
        const char *rules, *says;
    } wrong[] = {
        { "int9", "there is no form int9; did you mean int8?" },
        { "xyz", "there is no form xyz, but none, auto, int8, lut4, uint8," },
        { "* =", "a form is missing here" },
        { "= int8", "a name or condition is missing before =" },
        { "a & = int8", "a name or condition is missing" },
        { "int8(block = 32", "there is no ) at the end" },
        { "int8(blok = 32)", "int8 takes no blok; did you mean block?" },
        { "int8(group = 8)", "int8 takes no group, but block, axis, tensor, affine, again" },
        { "lut4(block = 8)", "lut4 takes no block, but" },
        { "int8(block = 0)", "int8: block is 0; it must be a whole number from 1 to 16777216" },
        { "int8(block = 1.5)", "int8: block is 1.5; it must be a whole number" },
        { "sparse(1.5)", "sparse: ratio is 1.5; it must be a number from 0 to 1" },
        { "sparse(nan)", "sparse: ratio is nan; it must be" },
        { "sparse", "sparse needs the part that becomes zeros, as in sparse(0.5)" },
        { "sparse(int8)", "sparse needs the part that becomes zeros" },
        { "sparse(0.5, below = 3)", "ratio and below contradict each other" },
        { "sparse(below = -1)", "sparse: below is -1; it must be a number from 0 to" },
        { "sparse(0.5, int8, 4, 5)", "sparse: block is given twice" },
        { "sparse(0.5, lut4, vector = 2)", "sparse leaves single elements: it has no vectors" },
        { "lut4(vector = 2, uniform)", "vectors have no order: uniform is for single values" },
        { "lut4(vector = 2, int8)",
          "a table of vectors has no bytes: int8 is for single values" },
        { "int8(block = 8, tensor)", "block and tensor contradict each other" },
        { "int8(tensor = 3)", "int8: tensor is a word without a number" },
        { "int8(block = tensor)", "int8: block is a number" },
        { "int8(tensor, tensor)", "int8: tensor is given twice" },
        { "int8(,)", "an argument is missing here" },
        { "none(3)", "none takes no number here" },
        { "sise < 3 = int8",
          "sise has no number to compare: size (elements) and rank have one" },
        { "size < x = int8", "size: `x` is no number" },
        { "int8(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)",
          "no form is told more than 32 things" },
        { "op:convv = int8", "there is no operation convv; --list-ops shows all" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        Test t;
        begin(&t, OPSET_IOS18);
        t.plan.rules = compress_rules_new(&t.arena);
        assert_false(compress_rules_add(t.plan.rules, &t.diag, wrong[i].rules));
        expect_says(&t.diag, wrong[i].says);
        end(&t);
    }
}

/* Whatever is written, it is read or refused with a word. */
static void rules_of_any_pieces(void **state)
{
    static const char *const piece[] = {
        "int8",  "lut4",  "sparse", "none",     "(",    ")",    "=",  ",",    ";",
        "&",     "*",     "block",  "4",        "0.5",  "size", "<",  ">=",   "rank",
        "op:",   "func:", "#",      "\n",       " ",    "conv", "-1", "1e99", "x.",
        "group", "((",    "vector", "\xff\x01", "auto", "nan",
    };
    enum { PIECES = 12, TIMES = 20000 };
    int good = 0;
    (void)state;
    for (uint64_t n = 0; n < TIMES; n++) {
        Arena a = { 0 };
        Diag d = { 0 };
        Buf text = { 0 };
        const uint64_t count = rng_u64(n, 0) % PIECES + 1;
        for (uint64_t i = 1; i <= count; i++)
            buf_puts(&text, piece[rng_u64(n, i) % COUNT(piece)]);
        CompressRules *r = compress_rules_new(&a);
        const bool ok = compress_rules_add(r, &d, text.s);
        if (ok != !d.errors || (!ok && !d.text.len)) fail_msg("%s", text.s);
        good += ok;
        compress_rules_free(r);
        buf_free(&text);
        diag_free(&d);
        arena_free(&a);
    }
    assert_true(good > TIMES / 100 && good < TIMES / 2);
}

static void what_is_not_finite_is_refused(void **state)
{
    const double other[] = { INFINITY, -INFINITY, NAN };
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++)
        for (size_t k = 0; k < COUNT(other); k++) {
            Test t;
            double v[40] = { 1, 2, 3 };
            v[17] = other[k];
            begin(&t, OPSET_IOS18);
            program(&t, k ? DT_FP32 : DT_FP16, SHAPE(8, 5), BY_MUL, v);
            assert_false(compress(&t, arena_printf(&t.arena, "w = %s", forms[i].text)));
            expect_says(&t.diag, k == 2 ? "nan as element 17" : "inf as element 17");
            end(&t);
        }
}

static void an_opset_without_forms_is_refused(void **state)
{
    (void)state;
    Test t;
    double v[40] = { 1, 2, 3 };
    begin(&t, OPSET_IOS15);
    program(&t, DT_FP16, SHAPE(8, 5), BY_MUL, v);
    assert_false(compress(&t, "w = lut4"));
    expect_says(&t.diag,
                "the weight w cannot be lut4 in ios15: constexpr_lut_to_dense exists from "
                "ios16 on; --opset ios16 has it, and so has every --target");
    end(&t);
}

/* ---- what another opset, or the extents, have in the place of a form ----------------------- */

static void the_nearest_form_is_said(void **state)
{
    static const struct {
        Opset o;
        const char *rule, *as, *why;
    } near[] = {
        { OPSET_IOS16, "int4", "lut4", "int4 exists from ios18 on, and ios16 has lut4 for it" },
        { OPSET_IOS17, "int8(block = 2)", "int8", "ios17 has no block" },
        { OPSET_IOS16, "lut4(group = 2, scaled)", "lut4",
          "ios16 has no group; ios16 has no scaled" },
        { OPSET_IOS16, "lut8(vector = 4)", "lut2", "ios16 has no vector" },
        { OPSET_IOS16, "lut6(vector = 2)", "lut4", "ios16 has no vector" },
        { OPSET_IOS16, "sparse(0.5, int8)", "sparse(0.5)", "ios16 has no sparse int8" },
        { OPSET_IOS16, "lut3", "lut4", "lut3 exists from ios18 on, and ios16 has lut4 for it" },
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
        { OPSET_IOS18, "auto", "int8", "host streams no form; int8 is near and half as large" },
        { OPSET_IOS18, "lut4(group = 7)", "lut4(group = 7)", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(near); i++) {
        Test t;
        double v[42];
        for (size_t k = 0; k < COUNT(v); k++) v[k] = rng_normal(3, k);
        begin(&t, near[i].o);
        program(&t, DT_FP16, SHAPE(7, 6), BY_LINEAR, v);
        assert_true(compress(&t, arena_printf(&t.arena, "w = %s", near[i].rule)));
        assert_string_equal(t.plan.note[0].as, near[i].as);
        if (!near[i].why) assert_null(t.plan.note[0].why);
        else assert_string_equal(t.plan.note[0].why, near[i].why);
        end(&t);
    }
}

/* ---- again ------------------------------------------------------------------------------- */

static void what_is_compressed_stays_unless_asked(void **state)
{
    (void)state;
    Test t;
    double v[64];
    for (size_t k = 0; k < COUNT(v); k++) v[k] = rng_normal(4, k);
    begin(&t, OPSET_IOS18);
    program(&t, DT_FP16, SHAPE(8, 8), BY_LINEAR, v);
    assert_true(compress(&t, "w = lut4(scaled)"));
    t.plan = (CompressPlan){ .measures = true };
    assert_true(compress(&t, "w = int8"));
    assert_null(t.plan.note[0].as);
    assert_string_equal(t.plan.note[0].why, "it is compressed already");
    assert_int_equal(value_called(t.m, "w")->def->kind, OP_constexpr_blockwise_shift_scale);
    buf_free(&t.diag.text);
    t.plan = (CompressPlan){ .measures = true };
    assert_true(compress(&t, "w = sparse(0.5, again)"));
    assert_string_equal(t.plan.note[0].as, "sparse(0.5)");
    assert_int_equal(value_called(t.m, "w")->def->kind, OP_constexpr_sparse_to_dense);
    for (const Op *op = t.f->body->first; op; op = op->next)
        assert_int_not_equal(op->kind, OP_constexpr_lut_to_dense);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_decodes_near),
        cmocka_unit_test(odd_extents_and_every_use),
        cmocka_unit_test(scales_follow_the_use),
        cmocka_unit_test(palettes_of_few_values_are_exact),
        cmocka_unit_test(palettes_are_as_good_as_they_can_be),
        cmocka_unit_test(equal_seeds_give_equal_bytes),
        cmocka_unit_test(the_first_rule_that_takes_a_weight_counts),
        cmocka_unit_test(a_rule_that_takes_nothing_is_said),
        cmocka_unit_test(wrong_rules_are_refused),
        cmocka_unit_test(rules_of_any_pieces),
        cmocka_unit_test(what_is_not_finite_is_refused),
        cmocka_unit_test(an_opset_without_forms_is_refused),
        cmocka_unit_test(the_nearest_form_is_said),
        cmocka_unit_test(what_is_compressed_stays_unless_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
