/* test_flexible.c -- the attribute FlexibleShapeInformation in every form that it may have and
 * may not have, and which features of arrays describe a value. */
#include "unit.h"

#include "../../ir/mil/described.h"
#include "../../ir/mil/mil.h"
#include "../../ir/mil/spec.h"

/* ---- the attribute ----------------------------------------------------------------------- */

#define TEXT "tensor<string, []>"
#define SHAPES(type) "dict<" TEXT ", tensor<" type ", [?]>>"
#define PAIRS(type) "dict<" TEXT ", list<tensor<" type ">, ?>>"
#define SEVERAL(type) "dict<" TEXT ", " SHAPES(type) ">"
#define PART(type, name, is) "tuple<tuple<" TEXT ", " type ">>(((\"" name "\", " is ")))"
#define TWO(t1, n1, is1, t2, n2, is2) \
    "tuple<tuple<" TEXT ", " t1 ">, tuple<" TEXT ", " t2 ">>(((\"" n1 "\", " is1 \
    "), (\"" n2 "\", " is2 ")))"
#define AXES16 "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16"

/* Of inputs x, [?, ?], and y, [2]: what is read of each, and the shape that it has when none is
 * given. NULL: it is refused. */
static const struct {
    const char *attribute, *want;
} forms[] = {
    { NULL, "x: first - y: first 2" },
    { PART(SHAPES("int32"), "DefaultShapes", "{{\"x\", [3, 4]}}"),
      "x: default 3,4 first 3,4 y: first 2" },
    { PART(SHAPES("int64"), "DefaultShapes", "{{\"x\", [3, 4]}}"),
      "x: default 3,4 first 3,4 y: first 2" },
    { PART(SHAPES("uint8"), "DefaultShapes", "{{\"y\", [7]}, {\"x\", [3, 4]}}"),
      "x: default 3,4 first 3,4 y: default 7 first 2" },
    { PART(SHAPES("int32"), "DefaultShapes", "{{\"x\", [" AXES16 "]}}"),
      "x: default 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 first "
      "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 y: first 2" },
    { PART(SHAPES("int32"), "DefaultShapes", "{{\"x\", [" AXES16 ", 17]}}"), NULL },
    { PART(SHAPES("fp32"), "DefaultShapes", "{{\"x\", [3, 4]}}"), NULL },
    { PART(SHAPES("bool"), "DefaultShapes", "{{\"x\", [true, true]}}"), NULL },
    { PART(PAIRS("int32, [2]"), "DefaultShapes", "{{\"x\", [[3, 4]]}}"), NULL },
    { PART("dict<" TEXT ", " TEXT ">", "DefaultShapes", "{{\"x\", \"3\"}}"), NULL },
    /* what is said of no input is passed over, whatever it is */
    { PART(SHAPES("fp32"), "DefaultShapes", "{{\"z\", [3, 4]}}"),
      "x: first - y: first 2" },
    { PART("dict<int32, tensor<int32, [?]>>", "DefaultShapes", "{{1, [3, 4]}}"),
      "x: first - y: first 2" },
    { PART("int32", "Others", "1"), "x: first - y: first 2" },
    /* no dictionary */
    { PART("tensor<int32, [2]>", "DefaultShapes", "[3, 4]"), NULL },
    { PART("list<" TEXT ", ?>", "DefaultShapes", "[\"z\", \"z\", \"z\"]"), NULL },
    { PART("list<" TEXT ", ?>", "DefaultShapes", "[\"z\", \"z\"]"),
      "x: first - y: first 2" },
    { "int32(1)", NULL },
    { "list<" TEXT ", ?>([\"DefaultShapes\"])", NULL },
    { "tuple<tuple<" TEXT ">>(((\"DefaultShapes\")))", NULL },
    { "tuple<tuple<" TEXT ", int32, int32>>(((\"Others\", 1, 2)))", NULL },
    { "tuple<tuple<int32, int32>>(((1, 2)))", NULL },
    /* ranges */
    { PART(PAIRS("int32, [2]"), "RangeDims", "{{\"x\", [[2, 4], [3, -1]]}}"),
      "x: range 2..4 3..-1 first - y: first 2" },
    { PART(PAIRS("int64, [2]"), "RangeDims", "{{\"y\", [[1, 2]]}}"),
      "x: first - y: range 1..2 first 2" },
    { PART(PAIRS("int32, [2]"), "RangeDims", "{{\"x\", [[2, 4]]}}"), NULL },
    { PART(PAIRS("int32, [2]"), "RangeDims", "{{\"x\", []}}"), NULL },
    { PART(PAIRS("int32, [2]"), "RangeDims", "{{\"x\", [[2, 4], [2, 4], [2, 4]]}}"),
      NULL },
    { PART(PAIRS("int32, [1]"), "RangeDims", "{{\"x\", [[2], [3]]}}"), NULL },
    { PART(PAIRS("int32, [3]"), "RangeDims", "{{\"x\", [[2, 4, 5], [3, 5, 5]]}}"), NULL },
    { PART(PAIRS("fp16, [2]"), "RangeDims", "{{\"x\", [[2, 4], [3, 5]]}}"), NULL },
    { PART(SHAPES("int32"), "RangeDims", "{{\"x\", [2, 4]}}"), NULL },
    { PART("int32", "RangeDims", "1"), NULL },
    /* enumerated */
    { PART(SEVERAL("int32"), "EnumeratedShapes",
           "{{\"a\", {{\"x\", [3, 4]}}}, {\"b\", {{\"x\", [2, 5]}}}}"),
      "x: 3,4 | 2,5 first 3,4 y: first 2 of 2" },
    { PART(SEVERAL("int32"), "EnumeratedShapes",
           "{{\"a\", {{\"y\", [1]}}}, {\"b\", {{\"x\", [2, 5]}}}}"),
      "x: - | 2,5 first - y: 1 first 2 of 2" },
    { PART(SEVERAL("fp32"), "EnumeratedShapes", "{{\"a\", {{\"x\", [3, 4]}}}}"), NULL },
    { PART(SHAPES("int32"), "EnumeratedShapes", "{{\"a\", [3, 4]}}"), NULL },
    { PART("tensor<int32, [2]>", "EnumeratedShapes", "[3, 4]"), NULL },
    { PART("list<" SHAPES("int32") ", ?>", "EnumeratedShapes", "[{{\"x\", [3, 4]}}]"),
      NULL },
    { TWO(SHAPES("int32"), "DefaultShapes", "{{\"x\", [7, 8]}}", SEVERAL("int32"),
          "EnumeratedShapes", "{{\"a\", {{\"x\", [3, 4]}}}}"),
      "x: default 7,8 3,4 first 7,8 y: first 2 of 1" },
    { TWO(SHAPES("int32"), "DefaultShapes", "{{\"x\", [7, 8]}}", SHAPES("fp32"),
          "DefaultShapes", "{{\"x\", [3, 4]}}"),
      NULL },
};

static void put_dims(Buf *b, const Shape *s)
{
    for (int i = 0; i < s->rank; i++)
        buf_printf(b, "%s%lld", i ? "," : " ", (long long)s->dim[i]);
}

static void put_input(Buf *b, const Func *f, const Flex *x, int p)
{
    const FlexInput *in = &x->input[p];
    Shape first;
    buf_printf(b, "%s%s:", p ? " " : "", f->body->param[p]->name);
    if (in->has_default) buf_puts(b, " default");
    if (in->has_default) put_dims(b, &in->def);
    if (in->has_range) buf_puts(b, " range");
    for (int i = 0; in->has_range && i < in->rank; i++)
        buf_printf(b, " %lld..%lld", (long long)in->lo[i], (long long)in->hi[i]);
    for (int k = 0; k < in->nshape; k++) {
        const Shape *s = flex_shape(x, p, k);
        if (k) buf_puts(b, " |");
        if (s) put_dims(b, s);
        else buf_puts(b, " -");
    }
    assert_null(flex_shape(x, p, in->nshape));
    buf_puts(b, " first");
    if (flex_default(f, x, p, &first)) put_dims(b, &first);
    else buf_puts(b, " -");
}

/* What a description says of input x is what the attribute did, and the attribute that is made
 * of it says that again, with a default. NULL: a description cannot say it. */
static const struct {
    const char *attribute, *want;
} described_forms[] = {
    { NULL, NULL },
    { PART(SHAPES("int32"), "DefaultShapes", "{{\"x\", [3, 4]}}"), NULL },
    { PART("int32", "DefaultShapes", "1"), NULL },
    { PART(PAIRS("int32, [2]"), "RangeDims", "{{\"x\", [[2, 4], [3, -1]]}}"),
      "x: default 2,3 range 2..4 3..-1 first 2,3" },
    { TWO(SHAPES("int32"), "DefaultShapes", "{{\"x\", [3, 4]}}", PAIRS("int64, [2]"),
          "RangeDims", "{{\"x\", [[0, 2147483647], [3, 2147483648]]}}"),
      "x: default 3,4 range 0..2147483647 3..-1 first 3,4" },
    { PART(SEVERAL("int32"), "EnumeratedShapes",
           "{{\"a\", {{\"x\", [3, 4]}}}, {\"b\", {{\"x\", [2, 5]}}}}"),
      "x: default 3,4 3,4 | 2,5 first 3,4" },
    { PART(SEVERAL("int32"), "EnumeratedShapes",
           "{{\"a\", {{\"y\", [1]}}}, {\"b\", {{\"x\", [2, 5]}}}}"),
      "x: default 2,5 2,5 first 2,5" },
    { TWO(SHAPES("int32"), "DefaultShapes", "{{\"x\", [7, 8]}}", SEVERAL("int32"),
          "EnumeratedShapes", "{{\"a\", {{\"x\", [3, 4]}}}}"),
      "x: default 7,8 3,4 first 7,8" },
};

static Module *program_with(Arena *a, const char *said)
{
    Diag d = { 0 };
    const char *text = arena_printf(
        a,
        "program(1.0)\n{\nfunc main<ios16>(tensor<fp32, [?, ?]> x, tensor<fp32, [2]> y)"
        "%s%s%s {\n} -> (x);\n}\n",
        said ? "[FlexibleShapeInformation = " : "", said ? said : "", said ? "]" : "");
    Source *src = NEW(a, Source);
    *src = (Source){ .name = "x.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(&d, src, NULL);
    if (!m) fail_msg("%s", d.text.s);
    diag_free(&d);
    return m;
}

static void descriptions_say_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(described_forms); i++) {
        Arena a = { 0 };
        Diag d = { .quiet = true };
        Flex x;
        Buf made = { 0 }, got = { 0 };
        const char *want = described_forms[i].want;
        Module *m = program_with(&a, described_forms[i].attribute);
        Func *f = m->first;
        const bool said = feature_make(&d, f, f->body->param[0], true, &made);
        assert_int_equal(said, want != NULL);
        assert_int_equal(d.errors, !said);
        if (said) {
            Feature one = { .name = "x", .type = made.s, .len = made.len };
            AboutFunc about = { .name = "main" };
            about.side[ABOUT_INPUT] = (struct Features){ .at = &one, .count = 1 };
            assert_true(feature_fits(made.s, made.len, f->body->param[0]));
            assert_false(feature_fits(made.s, made.len, f->body->param[1]));
            attr_set(m, &f->attrs, FLEXIBLE, flexible_make(m, &about));
            assert_true(flex_read(f, &d, &a, &x));
            put_input(&got, f, &x, 0);
            assert_string_equal(got.s, want);
            one.len = 0; /* what says nothing makes no attribute */
            assert_null(flexible_make(m, &about));
        }
        buf_free(&made);
        buf_free(&got);
        module_free(m);
        diag_free(&d);
        arena_free(&a);
    }
}

static void each_form_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        Arena a = { 0 };
        Diag d = { 0 };
        Flex x;
        Buf got = { 0 };
        const char *said = forms[i].attribute;
        Module *m = program_with(&a, said);
        const Func *f = module_main(m);
        const bool read = flex_read(f, &d, &a, &x);
        if (read != (forms[i].want != NULL))
            fail_msg("%s is%s read", said, read ? "" : " not");
        if (!read)
            expect_says(&d, "FlexibleShapeInformation of main is not of the form this "
                            "attribute has");
        for (int p = 0; read && p < 2; p++) put_input(&got, f, &x, p);
        if (read && x.nconfig) buf_printf(&got, " of %d", x.nconfig);
        if (read) assert_string_equal(got.s, forms[i].want);
        buf_free(&got);
        module_free(m);
        diag_free(&d);
        arena_free(&a);
    }
}

/* What is said of many inputs is all there: each has numbers of its own. */
static void many_inputs_have_room(void **state)
{
    enum { MANY = 300, CONFIGS = 3 };
    (void)state;
    Arena a = { 0 };
    Diag d = { 0 };
    Buf text = { 0 };
    const char *name[MANY];
    FlexInput input[MANY] = { { 0 } };
    Flex made = { .input = input, .nconfig = CONFIGS }, got;
    for (int i = 0; i < MANY; i++) {
        name[i] = arena_printf(&a, "x%d", i);
        input[i].has_default = input[i].has_range = true;
        input[i].def = SHAPE(1 + i);
        input[i].rank = 1;
        input[i].lo[0] = 1 + i;
        input[i].hi[0] = 1000 + i;
        for (int k = 0; k < CONFIGS; k++)
            *flex_shape_new(&a, &made, i, k) = SHAPE(1 + i + k);
        buf_printf(&text, "%stensor<fp32, [?]> x%d", i ? ", " : "", i);
    }
    const char *whole = arena_printf(
        &a, "program(1.0)\n{\nfunc main<ios16>(%s) {\n} -> (x0);\n}\n", text.s);
    const Source src = { .name = "x.mil", .text = whole, .len = strlen(whole) };
    Module *m = mil_read(&d, &src, NULL);
    Func *f = module_main(m);
    attr_set(m, &f->attrs, FLEXIBLE, flex_const(m, name, MANY, &made));
    assert_true(flex_read(f, &d, &a, &got));
    assert_int_equal(got.nconfig, CONFIGS);
    for (int i = 0; i < MANY; i++) {
        const FlexInput *in = &got.input[i];
        int64_t sizes = 0;
        assert_true(in->has_default && in->def.rank == 1 && in->def.dim[0] == 1 + i);
        assert_true(in->has_range && in->rank == 1 && in->lo[0] == 1 + i
                    && in->hi[0] == 1000 + i);
        for (int k = 0; k < CONFIGS; k++) sizes += flex_shape(&got, i, k)->dim[0];
        assert_int_equal(sizes, CONFIGS * (1 + i) + 3);
    }
    module_free(m);
    buf_free(&text);
    diag_free(&d);
    arena_free(&a);
}

/* ---- features of arrays ------------------------------------------------------------------ */

enum { ARRAY = 5, STATE = 8, FP16 = 65552, FP32 = 65568, INT32 = 131104 };

/* What a feature says, and what a value is. */
typedef struct {
    bool state;
    uint64_t type;
    int rank, form; /* form: a shape, a range, or a list of shapes */
    int64_t dim[2];
} Told;

static Buf told_bytes(const Told *t)
{
    Buf b = { 0 };
    const size_t whole = t->state ? pb_begin(&b, STATE) : 0;
    const size_t array = pb_begin(&b, t->state ? 1 : ARRAY);
    for (int i = 0; i < t->rank; i++) pb_put_number(&b, 1, (uint64_t)t->dim[i]);
    pb_put_number(&b, 2, t->type);
    if (t->form) {
        const size_t list = pb_begin(&b, t->form == 1 ? 31 : 21);
        pb_end(&b, pb_begin(&b, 1)); /* one range, or one shape */
        pb_end(&b, list);
    }
    pb_end(&b, array);
    if (t->state) pb_end(&b, whole);
    return b;
}

static bool should_fit(const Told *t, const Value *v)
{
    const bool state = v->type->kind == TY_STATE;
    const Type *is = state ? v->type->sub[0] : v->type;
    const uint64_t type = is->dtype == DT_FP16 ? FP16
                        : is->dtype == DT_FP32 ? FP32
                                               : INT32;
    if (t->state != state || t->type != type) return false;
    if (t->form) return !shape_known(&is->shape);
    if (!t->rank) return v->def || !is->shape.rank;
    bool same = t->rank == is->shape.rank;
    for (int i = 0; same && i < t->rank; i++) same = t->dim[i] == is->shape.dim[i];
    return same;
}

/* Every feature of a few sizes, types and forms beside every value of such. */
static void arrays_fit_their_values(void **state)
{
    (void)state;
    static const uint64_t types[] = { FP16, FP32, INT32 };
    static const DType own[] = { DT_FP16, DT_FP32, DT_INT32 };
    static const int64_t dims[][2] = { { 2, 3 }, { 2, 4 }, { 3, 3 }, { DIM_ANY, 3 } };
    Arena a = { 0 };
    Op maker = { 0 };
    int fits = 0;
    for (int k = 0; k < 2 * 3 * 3 * 3 * 3; k++) {
        const Told t = { .state = k % 2,
                         .type = types[k / 2 % 3],
                         .rank = k / 6 % 3,
                         .form = k / 18 % 3,
                         .dim = { dims[k / 54][0], dims[k / 54][1] } };
        Buf told = told_bytes(&t);
        for (int n = 0; n < 2 * 2 * 3 * 3 * 4; n++) {
            const int rank = n / 12 % 3, at = n / 36;
            const Shape s = { .rank = rank, .dim = { dims[at][0], dims[at][1] } };
            const Type *array = type_tensor(&a, own[n / 4 % 3], s);
            const Value v = { .type = n % 2 ? type_state(&a, array) : array,
                              .def = n / 2 % 2 ? &maker : NULL };
            const bool fit = feature_fits(told.s, told.len, &v);
            if (fit != should_fit(&t, &v))
                fail_msg("feature %d and value %d: %d", k, n, fit);
            fits += fit;
            if (told.len) assert_false(feature_fits(told.s, told.len - 1, &v));
        }
        buf_free(&told);
    }
    assert_true(fits > 100);
    arena_free(&a);
}

/* Labels are described as such, on the side of results alone, and not by what arrays are. */
static void labels_are_no_arrays(void **state)
{
    (void)state;
    Arena a = { 0 };
    Module *m = module_new();
    Func *f = func_new(m, "main", OPSET_IOS16);
    const Type *text = type_scalar(DT_STRING), *number = type_scalar(DT_INT64),
               *real = type_scalar(DT_FP32);
    const Type *labels[] = { text, number, type_dict(&a, text, real),
                             type_dict(&a, number, real) };
    const Told array = { .type = FP32 };
    Buf plain = told_bytes(&array);
    for (size_t i = 0; i < COUNT(labels); i++) {
        Diag d = { .quiet = true };
        Buf made = { 0 }, none = { 0 };
        const Value v = { .name = "v", .type = labels[i] },
                    w = { .name = "w", .type = real };
        assert_true(feature_make(&d, f, &v, false, &made));
        assert_int_equal(d.errors, 0);
        assert_true(feature_fits(made.s, made.len, &v));
        assert_false(feature_fits(plain.s, plain.len, &v));
        assert_false(feature_fits(made.s, made.len, &w));
        assert_false(feature_make(&d, f, &v, true, &none));
        assert_int_equal(d.errors, 1);
        buf_free(&made);
        buf_free(&none);
        diag_free(&d);
    }
    /* a scalar's shape is not written */
    Diag d = { 0 };
    Buf made = { 0 };
    const Value scalar = { .name = "w", .type = real };
    for (int input = 0; input < 2; input++) {
        made.len = 0;
        assert_true(feature_make(&d, f, &scalar, input, &made));
        assert_int_equal(made.len, plain.len);
        assert_memory_equal(made.s, plain.s, plain.len);
    }
    buf_free(&made);
    buf_free(&plain);
    module_free(m);
    arena_free(&a);
}

/* As many dimensions and shapes as there may be, and one more of each. */
static void features_end_at_their_bounds(void **state)
{
    (void)state;
    enum { MOST_SHAPES = 4096 };
    for (int more = 0; more < 2; more++) {
        Buf dims = { 0 }, shapes = { 0 }, ranges = { 0 };
        FeatureInfo o;
        size_t at = pb_begin(&dims, ARRAY);
        for (int i = 0; i < MAX_RANK + more; i++) pb_put_number(&dims, 1, 2);
        pb_end(&dims, at);
        assert_int_equal(feature_info(dims.s, dims.len, &o), !more);
        at = pb_begin(&shapes, ARRAY);
        size_t list = pb_begin(&shapes, 21);
        pb_put_number(&shapes, 2, 7); /* no shape */
        for (int i = 0; i < MOST_SHAPES + more; i++)
            pb_end(&shapes, pb_begin(&shapes, 1));
        pb_end(&shapes, list);
        pb_end(&shapes, at);
        assert_int_equal(feature_info(shapes.s, shapes.len, &o), !more);
        assert_int_equal(o.nshapes, MOST_SHAPES + more);
        at = pb_begin(&ranges, ARRAY);
        list = pb_begin(&ranges, 31);
        pb_put_number(&ranges, 2, 7); /* no range */
        for (int i = 0; i < MAX_RANK + more; i++) {
            const size_t one = pb_begin(&ranges, 1);
            pb_put_number(&ranges, 1, (uint64_t)i);
            pb_put_number(&ranges, 2, (uint64_t)i + 10);
            pb_end(&ranges, one);
        }
        pb_end(&ranges, list);
        pb_end(&ranges, at);
        assert_true(feature_info(ranges.s, ranges.len, &o));
        assert_int_equal(o.nrange, MAX_RANK);
        for (int i = 0; i < MAX_RANK; i++) {
            assert_int_equal(o.low[i], i);
            assert_int_equal(o.high[i], i + 10);
        }
        buf_free(&dims);
        buf_free(&shapes);
        buf_free(&ranges);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read_or_refused),
        cmocka_unit_test(many_inputs_have_room),
        cmocka_unit_test(descriptions_say_the_same),
        cmocka_unit_test(arrays_fit_their_values),
        cmocka_unit_test(labels_are_no_arrays),
        cmocka_unit_test(features_end_at_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
