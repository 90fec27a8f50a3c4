/* test_described.c -- features that are more than arrays: what a description says of an image or of
 * a default value is read as it is written, and sizes, types and shapes of inputs are taken to
 * their bounds and no further. */
#include "unit.h"

#include "../../backends/backend.h"
#include "../../ir/mil/described.h"
#include "../../ir/mil/mil.h"
#include "../../ir/mil/spec.h"

enum { IMAGE = 4, ARRAY = 5, OPTIONAL = 1000, COLOR = 3, SIZES = 21, RANGE = 31 };
enum { WHOLE = 41, SINGLE = 51, DOUBLE = 61 };

/* ---- sizes ------------------------------------------------------------------------------- */

static bool fits(const Described *d, int64_t width, int64_t height)
{
    const int64_t size[] = { width, height };
    return described_size_fits(d, size);
}

/* Every size up to 12 by 12 beside what each kind of image says. */
static void sizes_end_at_their_bounds(void **state)
{
    (void)state;
    int64_t several[][2] = { { 3, 2 }, { 10, 4 }, { 2, 3 } };
    const Described one = { .size = { 5, 4 } };
    const Described some = { .size = { 5, 4 }, .nsizes = 3, .sizes = several };
    const Described range = {
        .size = { 5, 4 }, .ranged = true, .low = { 4, 2 }, .high = { 9, 6 }
    };
    const Described open = {
        .size = { 1, 12 }, .ranged = true, .low = { 4, 2 }, .high = { -1, 6 }
    };
    for (int64_t w = 0; w <= 12; w++)
        for (int64_t h = 0; h <= 12; h++) {
            const bool own = w == 5 && h == 4, listed = (w == 3 && h == 2)
                                                     || (w == 10 && h == 4)
                                                     || (w == 2 && h == 3);
            const bool within = w >= 4 && w <= 9 && h >= 2 && h <= 6;
            assert_int_equal(fits(&one, w, h), own);
            assert_int_equal(fits(&some, w, h), own || listed);
            assert_int_equal(fits(&range, w, h), within);
            assert_int_equal(fits(&open, w, h),
                             (w >= 4 && h >= 2 && h <= 6) || (w == 1 && h == 12));
        }
}

static void expect_sizes(const Described *d, const char *want)
{
    Buf said = { 0 };
    described_sizes(d, &said);
    assert_string_equal(said.s, want);
    buf_free(&said);
}

static void sizes_are_said(void **state)
{
    (void)state;
    int64_t several[][2] = { { 3, 2 }, { 10, 4 } };
    expect_sizes(&(Described){ .size = { 5, 4 } }, "5 x 4");
    expect_sizes(&(Described){ .nsizes = 2, .sizes = several }, "3 x 2 or 10 x 4");
    expect_sizes(&(Described){ .ranged = true, .low = { 1, 2 }, .high = { 3, -1 } },
                 "1..3 x 2..");
    expect_sizes(&(Described){ .ranged = true, .low = { 1, 2 }, .high = { -1, 0 } },
                 "1.. x 2..0");
}

/* ---- what is read ------------------------------------------------------------------------ */

static void put_sides(Buf *b, uint32_t num, int64_t first, int64_t second)
{
    const size_t at = pb_begin(b, num);
    pb_put_number(b, 1, (uint64_t)first);
    pb_put_number(b, 2, (uint64_t)second);
    pb_end(b, at);
}

/* An image 5 wide and 4 high; with `sizes` of several sizes, with `range` of a range. */
static Buf image_of(int color, int sizes, bool range)
{
    Buf b = { 0 };
    const size_t at = pb_begin(&b, IMAGE);
    pb_put_number(&b, 1, 5);
    pb_put_number(&b, 2, 4);
    pb_put_number(&b, COLOR, (uint64_t)color);
    if (sizes) {
        const size_t list = pb_begin(&b, SIZES);
        for (int i = 0; i < sizes; i++) put_sides(&b, 1, 10 + i, 20 + i);
        pb_end(&b, list);
    }
    if (range) {
        const size_t both = pb_begin(&b, RANGE);
        put_sides(&b, 1, 2, 7);
        put_sides(&b, 2, 3, -1);
        pb_end(&b, both);
    }
    pb_end(&b, at);
    return b;
}

/* The input x of a program, with that description. */
static Described described_as(Arena *a, const Buf *type)
{
    static const char text[] =
        "program(1.0)\n{\nfunc main<ios16>(tensor<fp32, [1, 3, 4, 5]> x) {\n} -> (x);\n}\n";
    const Source src = { .name = "x.mil", .text = text, .len = sizeof text - 1 };
    Diag d = { 0 };
    Described out = { 0 };
    Module *m = mil_read(&d, &src, NULL);
    assert_non_null(m);
    Feature x = { .name = "x", .type = type->s, .len = type->len };
    AboutFunc *about = about_func(m, about_of(m), "main");
    about->side[ABOUT_INPUT].at = &x;
    about->side[ABOUT_INPUT].count = 1;
    described(module_main(m), module_main(m)->body->param[0], true, a, &out);
    module_free(m);
    diag_free(&d);
    return out;
}

static void images_are_read_as_written(void **state)
{
    (void)state;
    Arena a = { 0 };
    for (int sizes = 0; sizes < 4; sizes++)
        for (int range = 0; range < 2; range++) {
            Buf type = image_of(PIXELS_BGR, sizes, range);
            const Described d = described_as(&a, &type);
            assert_int_equal(d.pixels, PIXELS_BGR);
            assert_int_equal(d.size[SIDE_WIDTH], 5);
            assert_int_equal(d.size[SIDE_HEIGHT], 4);
            assert_int_equal(d.nsizes, sizes);
            for (int i = 0; i < sizes; i++) {
                assert_int_equal(d.sizes[i][SIDE_WIDTH], 10 + i);
                assert_int_equal(d.sizes[i][SIDE_HEIGHT], 20 + i);
            }
            assert_int_equal(d.ranged, range);
            if (range) {
                assert_int_equal(d.low[SIDE_WIDTH], 2);
                assert_int_equal(d.high[SIDE_WIDTH], 7);
                assert_int_equal(d.low[SIDE_HEIGHT], 3);
                assert_true(d.high[SIDE_HEIGHT] < 0);
            }
            assert_false(d.optional || d.has_default);
            buf_free(&type);
        }
    arena_free(&a);
}

static void put_little(Buf *b, uint32_t num, int wire, const void *bytes, size_t n)
{
    pb_put_varint(b, (uint64_t)num << 3 | (unsigned)wire);
    buf_add(b, bytes, n);
}

/* A default of each kind; one of a field's number and another's form is none. */
static void defaults_are_read_as_written(void **state)
{
    (void)state;
    const float single = -2.5f;
    const double wide = 1e300;
    for (int kind = 0; kind < 7; kind++) {
        Arena a = { 0 };
        Buf b = { 0 };
        const size_t at = pb_begin(&b, ARRAY);
        if (kind == 1) pb_put_number(&b, WHOLE, (uint64_t)-3);
        if (kind == 2) put_little(&b, SINGLE, PB_FIXED32, &single, 4);
        if (kind == 3) put_little(&b, DOUBLE, PB_FIXED64, &wide, 8);
        if (kind == 4) put_little(&b, WHOLE, PB_FIXED32, &single, 4);
        if (kind == 5) put_little(&b, SINGLE, PB_FIXED64, &wide, 8);
        if (kind == 6) put_little(&b, DOUBLE, PB_FIXED32, &single, 4);
        pb_end(&b, at);
        pb_put_number(&b, OPTIONAL, (uint64_t)kind % 2);
        const Described d = described_as(&a, &b);
        const double want[] = { 0, -3, -2.5, 1e300, 0, 0, 0 };
        assert_int_equal(d.has_default, kind >= 1 && kind <= 3);
        assert_true(d.value == want[kind]);
        assert_int_equal(d.optional, kind % 2);
        assert_int_equal(d.pixels, PIXELS_NONE);
        buf_free(&b);
        arena_free(&a);
    }
}

/* ---- tensors of images ------------------------------------------------------------------- */

/* Every tensor of up to five axes near the image's, of each type. */
static void images_fit_their_tensors(void **state)
{
    (void)state;
    static const Pixels all[] = { PIXELS_GRAY, PIXELS_RGB, PIXELS_BGR, PIXELS_GRAY16 };
    static const DType types[] = { DT_FP16, DT_FP32, DT_INT32, DT_FP64, DT_BOOL };
    for (size_t p = 0; p < COUNT(all) * 3; p++) {
        const Pixels color = all[p % COUNT(all)];
        const bool fixed = p < COUNT(all); /* of one size */
        Buf type = image_of((int)color, p / COUNT(all) == 1 ? 2 : 0, p / COUNT(all) == 2);
        const int64_t own[] = { 1, pixels_channels(color), 4, 5 };
        for (int way = 0; way < 256; way++)
            for (size_t t = 0; t < COUNT(types); t++)
                for (int rank = 3; rank <= 5; rank++) {
                    Arena a = { 0 };
                    Shape s = { .rank = rank };
                    bool want = rank == 4 && t < 2;
                    for (int i = 0; i < rank; i++) {
                        const int how = i < 4 ? way >> 2 * i & 3 : 0;
                        const int64_t n = i < 4 ? own[i] : 1;
                        s.dim[i] = how == 3 ? DIM_ANY : n + (how == 1) - (how == 2);
                        const bool free = how == 3 || (!fixed && i >= 2);
                        want = want && (how == 0 || free);
                    }
                    const Type *tensor = type_tensor(&a, types[t], s);
                    assert_int_equal(feature_image_fits(type.s, type.len, tensor), want);
                    arena_free(&a);
                }
        buf_free(&type);
    }
}

/* ---- shapes of inputs --------------------------------------------------------------------- */

#define FLEX_RANGE \
    "tuple<tuple<tensor<string, []>, dict<tensor<string, []>, tensor<int32, [?]>>>, " \
    "tuple<tensor<string, []>, dict<tensor<string, []>, list<tensor<int32, [2]>, ?>>>>" \
    "(((\"DefaultShapes\", {{\"x\", [3, 4]}}), (\"RangeDims\", {{\"x\", [[2, 4], [3, -1]]}})))"
#define FLEX_SEVERAL \
    "tuple<tuple<tensor<string, []>, dict<tensor<string, []>, tensor<int32, [?]>>>, " \
    "tuple<tensor<string, []>, dict<tensor<string, []>, dict<tensor<string, []>, " \
    "tensor<int32, [?]>>>>>(((\"DefaultShapes\", {{\"x\", [3, 4]}}), (\"EnumeratedShapes\", " \
    "{{\"543d0f94\", {{\"x\", [3, 4]}}}, {\"697b758f\", {{\"x\", [2, 5]}}}})))"

/* Whether an input of the size is taken. */
static bool shape_taken(const char *flexible, int64_t rows, int64_t cols)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    const char *text = arena_printf(
        &a,
        "program(1.0)\n{\nfunc main<ios16>(tensor<fp32, [?, ?]> x)"
        "[FlexibleShapeInformation = %s] {\n} -> (x);\n}\n",
        flexible);
    const Source src = { .name = "x.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(&d, &src, NULL);
    if (!m) fail_msg("%s", d.text.s);
    const Binding in = { .name = "x",
                         .value = { .dtype = DT_FP32, .shape = SHAPE(rows, cols) } };
    const bool taken = inputs_check(module_main(m), &d, &in, 1);
    assert_int_equal(taken, d.errors == 0);
    module_free(m);
    diag_free(&d);
    arena_free(&a);
    return taken;
}

static void shapes_end_at_their_bounds(void **state)
{
    (void)state;
    for (int64_t rows = 1; rows <= 6; rows++)
        for (int64_t cols = 1; cols <= 6; cols++) {
            assert_int_equal(shape_taken(FLEX_RANGE, rows, cols),
                             rows >= 2 && rows <= 4 && cols >= 3);
            assert_int_equal(shape_taken(FLEX_SEVERAL, rows, cols),
                             (rows == 3 && cols == 4) || (rows == 2 && cols == 5));
        }
    assert_true(shape_taken(FLEX_RANGE, 2, INT32_MAX));
}

/* ---- labels ------------------------------------------------------------------------------ */

/* A label, or the probabilities of labels, is described by these bytes and no others: none that are
 * cut, none with more behind, and not those of another kind of label. */
static void labels_fit_their_values(void **state)
{
    (void)state;
    enum { KINDS = 4 };
    Module *m = module_new();
    Arena *a = &m->arena;
    const Type *text = type_scalar(DT_STRING), *number = type_scalar(DT_INT64),
               *real = type_scalar(DT_FP32);
    const Type *types[KINDS] = { text, number, type_dict(a, text, real),
                                 type_dict(a, number, real) };
    const Type *no_label[] = { real, type_tensor(a, DT_STRING, SHAPE(2)),
                               type_dict(a, real, real) };
    Buf made[KINDS] = { { 0 } }, none = { 0 };
    for (int i = 0; i < KINDS; i++)
        assert_true(feature_label(&(Value){ .type = types[i] }, &made[i]));
    for (size_t i = 0; i < COUNT(no_label); i++)
        assert_false(feature_label(&(Value){ .type = no_label[i] }, &none));
    for (int i = 0; i < KINDS; i++) {
        const Value v = { .type = types[i] };
        for (int k = 0; k < KINDS; k++)
            assert_int_equal(feature_label_fits(made[k].s, made[k].len, &v), i == k);
        for (size_t len = 0; len < made[i].len; len++)
            assert_false(feature_label_fits(made[i].s, len, &v));
        buf_putc(&made[i], 0);
        assert_false(feature_label_fits(made[i].s, made[i].len, &v));
        made[i].len--;
        for (size_t k = 0; k < COUNT(no_label); k++)
            assert_false(feature_label_fits(made[i].s, made[i].len,
                                            &(Value){ .type = no_label[k] }));
    }
    for (int i = 0; i < KINDS; i++) buf_free(&made[i]);
    buf_free(&none);
    module_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_end_at_their_bounds),
        cmocka_unit_test(sizes_are_said),
        cmocka_unit_test(images_are_read_as_written),
        cmocka_unit_test(defaults_are_read_as_written),
        cmocka_unit_test(images_fit_their_tensors),
        cmocka_unit_test(shapes_end_at_their_bounds),
        cmocka_unit_test(labels_fit_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
