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

static void each_form_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        Arena a = { 0 };
        Diag d = { 0 };
        Flex x;
        Buf got = { 0 };
        const char *said = forms[i].attribute;
        const char *text = arena_printf(
            &a,
            "program(1.0)\n{\nfunc main<ios16>(tensor<fp32, [?, ?]> x, tensor<fp32, [2]> y)"
            "%s%s%s {\n} -> (x);\n}\n",
            said ? "[FlexibleShapeInformation = " : "", said ? said : "",
            said ? "]" : "");
        const Source src = { .name = "x.mil", .text = text, .len = strlen(text) };
        Module *m = mil_read(&d, &src, NULL);
        if (!m) fail_msg("%s", d.text.s);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read_or_refused),
        cmocka_unit_test(arrays_fit_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
