/* test_constants.c -- constants: read in another type, in windows and pieces, packed, compared. */
#include "unit.h"

#include "../../ir/ir.h"

#include <math.h>
#include <string.h>

enum { LONG = 1300 }; /* more than a run that is converted at once */

static double number_of(size_t i)
{
    return i % 9 == 4 ? 1e6
         : i % 9 == 5 ? -70000
         : i == 1200  ? (double)INFINITY
                      : (double)i / 7;
}

/* A long constant is converted when it is read, in whole or in part: finite numbers beyond fp16
 * go to its edge, infinite ones stay. */
static void test_constants_in_another_type(void **state)
{
    (void)state;
    Module *m = module_new();
    Diag d = { 0 };
    const Type *t = type_tensor(&m->arena, DT_FP32, SHAPE(LONG));
    float *v = arena_alloc(&m->arena, LONG * sizeof *v);
    static uint16_t whole[LONG], part[LONG];
    for (size_t i = 0; i < LONG; i++) v[i] = (float)number_of(i);
    Const *half = const_convert(m, const_data(&m->arena, t, v), DT_FP16, "w", &d);
    assert_non_null(half);
    assert_true(const_at_hand(half));
    expect_says(&d, "w: 288 of 1300 elements are outside fp16's range, 1e+06 the first");
    assert_true(const_read(half, &d, 0, LONG, whole));
    for (size_t i = 0; i < LONG; i++) {
        const double x = (double)v[i], want = isinf(x)     ? x
                                            : x > F16_MAX  ? F16_MAX
                                            : x < -F16_MAX ? -F16_MAX
                                                           : x;
        assert_int_equal(whole[i], f16_from_double(want));
    }
    for (size_t first = 0; first < LONG; first += 101)
        for (size_t n = 1; first + n <= LONG; n += 255) {
            assert_true(const_read(half, &d, first, n, part));
            assert_memory_equal(part, whole + first, n * sizeof *part);
        }
    const Const *some = const_part(m, half, 600, SHAPE(4, 150));
    assert_true(const_read(some, &d, 3, 590, part));
    assert_memory_equal(part, whole + 603, 590 * sizeof *part);
    assert_true(const_equal(some, const_part(m, half, 600, SHAPE(4, 150))));
    assert_false(const_equal(some, const_part(m, half, 601, SHAPE(4, 150))));
    assert_false(const_equal(some, const_part(m, half, 600, SHAPE(150, 4))));
    module_free(m);
    diag_free(&d);
}

/* Constants of each kind, as long ones are made. */
static int consts_of_each_kind(Module *m, Diag *d, const Const **all)
{
    static const InitKind inits[] = { INIT_FILL, INIT_NORMAL, INIT_UNIFORM };
    static const DType types[] = { DT_FP32, DT_FP16, DT_INT32 },
                       from[] = { DT_FP32, DT_INT8 };
    static unsigned char bytes[LONG * 4 + 1];
    const char **words = arena_array(&m->arena, LONG, sizeof *words);
    int n = 0;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7 % 61);
    for (int i = 0; i < LONG; i++) words[i] = arena_printf(&m->arena, "w%d", i);
    for (size_t t = 0; t < COUNT(types); t++) {
        const Type *type = type_tensor(&m->arena, types[t], SHAPE(LONG));
        for (size_t k = 0; k < COUNT(inits) && dtype_is_float(types[t]); k++) {
            Const *c = NEW(&m->arena, Const);
            *c = (Const){ .type = type, .kind = CONST_INIT, .init = inits[k] };
            c->a = 1.5, c->b = 3, c->seed = 9;
            all[n++] = c;
        }
        for (size_t k = 0; k < COUNT(from); k++) { /* at any address */
            Const *c = NEW(&m->arena, Const);
            *c = (Const){ .type = type, .kind = CONST_FILE, .src = from[k] };
            c->src_data = bytes + 1;
            all[n++] = c;
        }
        all[n] = const_part(m, all[n - 1], 0, SHAPE(LONG)), n++;
    }
    /* windows of a line, backwards, of its type and of another */
    const Const *line = all[n - 1];
    const Type *wide = type_tensor(&m->arena, DT_INT32, SHAPE(LONG / 10, 10)),
               *half = type_tensor(&m->arena, DT_FP16, SHAPE(LONG / 10, 10));
    all[n++] = const_windows(&m->arena, wide, line, LONG - 10, -1);
    all[n++] = const_windows(&m->arena, wide, line, 3, 2);
    all[n++] = const_windows(&m->arena, half, all[0], 3, 2);
    Const *c = NEW(&m->arena, Const);
    *c = (Const){ .type = type_tensor(&m->arena, DT_INT4, SHAPE(LONG)),
                  .kind = CONST_FILE };
    c->src = DT_INT4, c->src_data = bytes;
    all[n++] = c;
    all[n++] = const_data(&m->arena, type_tensor(&m->arena, DT_UINT4, SHAPE(LONG)),
                          bytes);
    all[n++] = const_data(&m->arena, type_tensor(&m->arena, DT_STRING, SHAPE(LONG)),
                          words);
    all[n++] = const_convert(m, all[0], DT_FP16, NULL, d);
    all[n++] = const_convert(m, all[3], DT_FP16, NULL, d);
    all[n++] = const_convert(m, all[6], DT_FP32, NULL, d);
    return n;
}

/* Row i of windows is the line from first + i * step on. */
static void test_windows_of_a_line(void **state)
{
    (void)state;
    enum { LINE = 100, ROWS = 7, WIDE = 9 };
    Module *m = module_new();
    Diag d = { 0 };
    int64_t v[LINE];
    int32_t got[ROWS * WIDE], part[WIDE];
    for (int i = 0; i < LINE; i++) v[i] = i * i;
    const Const *line = const_ints(&m->arena, DT_INT32, LINE, v);
    for (int step = -8; step <= 8; step += 4) {
        const size_t first = step < 0 ? LINE - WIDE : 2;
        const Type *t = type_tensor(&m->arena, DT_INT32, SHAPE(ROWS, WIDE));
        const Const *c = const_windows(&m->arena, t, line, first, step);
        assert_true(const_read(c, &d, 0, ROWS * WIDE, got));
        for (int i = 0; i < ROWS * WIDE; i++)
            assert_int_equal(got[i], v[(int)first + i / WIDE * step + i % WIDE]);
        const Const *some = const_part(m, c, 13, SHAPE(WIDE));
        assert_true(const_read(some, &d, 0, WIDE, part));
        assert_memory_equal(part, got + 13, sizeof part);
        assert_false(const_equal(c, const_windows(&m->arena, t, line, first + 1, step)));
        assert_false(const_equal(c, const_windows(&m->arena, t, line, first, step + 1)));
        assert_true(const_equal(c, const_windows(&m->arena, t, line, first, step)));
    }
    module_free(m);
    diag_free(&d);
}

/* Read in pieces, a constant of each kind has the elements that it has as a whole, and is equal
 * to itself alone. */
static void test_constants_in_pieces(void **state)
{
    (void)state;
    enum { MOST = 40, CONVERTED = 3 }; /* the last ones, which may be of another's kind */
    Module *m = module_new();
    Diag d = { 0 };
    const Const *all[MOST];
    static char whole[LONG * 8], part[LONG * 8];
    const int n = consts_of_each_kind(m, &d, all);
    assert_true(n < MOST && !d.errors);
    for (int i = 0; i < n; i++) {
        const size_t bits = all[i]->type->dtype == DT_STRING
                              ? 64
                              : (size_t)dtypes[all[i]->type->dtype].bits;
        assert_true(const_read(all[i], &d, 0, LONG, whole));
        for (size_t first = 0; first < LONG; first += 102)
            for (size_t k = 2; first + k <= LONG; k += 254) {
                memset(part, 0x55, sizeof part);
                assert_true(const_read(all[i], &d, first, k, part));
                assert_memory_equal(part, whole + first * bits / 8, k * bits / 8);
                assert_int_equal(part[k * bits / 8], 0x55);
            }
        Tensor t;
        assert_true(const_tensor(all[i], &d, &t));
        assert_memory_equal(t.data, whole, LONG * bits / 8);
        tensor_free(&t);
        for (int k = 0; k < n && i < n - CONVERTED && k < n - CONVERTED; k++)
            assert_int_equal(const_equal(all[i], all[k]), i == k);
    }
    module_free(m);
    diag_free(&d);
}

/* What a weight file holds is at hand while it is there, or while something stands in for
 * it. */
static void test_constants_at_hand(void **state)
{
    (void)state;
    Module *m = module_new();
    Arena *a = &m->arena;
    const Type *t = type_tensor(a, DT_FP32, SHAPE(2));
    static const float x[] = { 1, 2 };
    WeightFile file = { .owner = m, .path = "w.bin" };
    Const blob = {
        .type = t, .kind = CONST_BLOB, .path = "w.bin", .offset = 64, .file = &file
    };
    const Const group = { .type = type_tuple(a, 1, &t), .kind = CONST_GROUP };
    const Const part = { .type = t, .kind = CONST_OF, .of = &blob };
    assert_true(const_at_hand(const_data(a, t, x)));
    assert_false(const_at_hand(&group));
    assert_true(const_at_hand(&blob) && const_at_hand(&part));
    file.absent = true;
    assert_false(const_at_hand(&blob) || const_at_hand(&part));
    m->missing = 1;
    assert_true(const_at_hand(&blob) && const_at_hand(&part));
    blob.file = NULL;
    assert_false(const_at_hand(&blob) || const_at_hand(&part));
    m->missing = 0;
    module_free(m);
}

/* --random: floats of [-1/16, 1/16), which come near both, ints of 0 and 1, other ones at other
 * offsets, the same in pieces. */
static void test_absent_ones_by_chance(void **state)
{
    enum { SOME = 400 };
    static const DType types[] = { DT_FP32, DT_FP16, DT_INT32, DT_BOOL };
    static int32_t whole[SOME], other[SOME], part[SOME];
    (void)state;
    Diag d = { 0 };
    Module *m = module_new();
    m->missing = 2;
    WeightFile file = { .owner = m, .path = "w.bin", .absent = true };
    for (size_t k = 0; k < COUNT(types); k++) {
        const Shape s = SHAPE(SOME);
        const Type *t = type_tensor(&m->arena, types[k], s);
        Const c = {
            .type = t, .kind = CONST_BLOB, .path = "w.bin", .offset = 64, .file = &file
        };
        const Tensor x = tensor_view(types[k], &s, whole);
        const size_t size = x.bytes / SOME;
        double low = 1, high = -1;
        assert_true(const_read(&c, &d, 0, SOME, whole));
        assert_true(const_read(&c, &d, 300, 7, part));
        assert_memory_equal(part, (char *)whole + 300 * size, 7 * size);
        for (size_t i = 0; i < SOME; i++) {
            low = fmin(low, tensor_float(&x, i));
            high = fmax(high, tensor_float(&x, i));
        }
        if (dtype_is_float(types[k])) {
            assert_true(low >= -1 / 16.0 && low < -1 / 16.5);
            assert_true(high <= 1 / 16.0 && high > 1 / 16.5);
        } else {
            assert_true(low == 0 && high == 1);
        }
        c.offset = 128;
        assert_true(const_read(&c, &d, 0, SOME, other));
        assert_memory_not_equal(whole, other, x.bytes);
    }
    module_free(m);
}

/* Each element of each packed type is its own, whatever its neighbours hold. */
static void test_packed_elements(void **state)
{
    (void)state;
    static const DType types[] = { DT_UINT1, DT_UINT2, DT_UINT3, DT_UINT4,
                                   DT_UINT6, DT_INT4,  DT_INT8,  DT_UINT16 };
    enum { N = 40 };
    for (size_t k = 0; k < COUNT(types); k++) {
        Diag d = { 0 };
        Tensor t;
        const Shape s = { .rank = 1, .dim = { N } };
        const int bits = dtypes[types[k]].bits < 8 ? dtypes[types[k]].bits : 8;
        const int64_t most = dtypes[types[k]].cls == CLASS_INT ? (1 << (bits - 1)) - 1
                                                               : (1 << bits) - 1;
        assert_true(tensor_alloc(&t, &d, types[k], &s));
        for (int from = 0; from < 2; from++) { /* ones, then zeros, before the numbers */
            for (size_t i = 0; i < N; i++) tensor_set_int(&t, i, from ? 0 : most);
            for (size_t i = 0; i < N; i++) {
                tensor_set_int(&t, i, (int64_t)(i * 5 % (size_t)(most + 1)));
                for (size_t j = 0; j < N; j++)
                    assert_int_equal(tensor_int(&t, j),
                                     j > i ? (from ? 0 : most)
                                           : (int64_t)(j * 5 % (size_t)(most + 1)));
            }
        }
        tensor_free(&t);
    }
}

static void test_texts_of_types(void **state)
{
    (void)state;
    Arena a = { 0 };
    const Type *t = type_tensor(&a, DT_FP16, SHAPE(1, DIM_ANY)),
               *both[] = { t, type_scalar(DT_INT32) };
    Type buffer = { .kind = TY_BUFFER, .dtype = DT_FP16, .shape = SHAPE(2) };
    assert_string_equal(type_text(&a, t), "tensor<fp16, [1, ?]>");
    assert_string_equal(type_text(&a, both[1]), "int32");
    assert_string_equal(type_text(&a, &buffer), "tensor_buffer<fp16, [2]>");
    assert_string_equal(type_text(&a, type_state(&a, t)), "state<tensor<fp16, [1, ?]>>");
    assert_string_equal(type_text(&a, type_list(&a, t, 3)),
                        "list<tensor<fp16, [1, ?]>, 3>");
    assert_string_equal(type_text(&a, type_list(&a, t, DIM_ANY)),
                        "list<tensor<fp16, [1, ?]>, ?>");
    assert_string_equal(type_text(&a, type_tuple(&a, 2, both)),
                        "tuple<tensor<fp16, [1, ?]>, int32>");
    assert_string_equal(type_text(&a, type_dict(&a, both[1], t)),
                        "dict<int32, tensor<fp16, [1, ?]>>");
    arena_free(&a);
}

/* Equal in all that says what their elements are, and in nothing less. */
static void test_equal_constants(void **state)
{
    (void)state;
    Module *m = module_new();
    Arena *a = &m->arena;
    const Type *t = type_tensor(a, DT_FP32, SHAPE(2)),
               *other = type_tensor(a, DT_FP32, SHAPE(2, 1));
    static const float x[] = { 1, 2 }, y[] = { 1, 3 }, z[] = { 1, 2 };
    assert_true(const_equal(const_data(a, t, x), const_data(a, t, x)));
    assert_true(const_equal(const_data(a, t, x), const_data(a, t, z)));
    assert_false(const_equal(const_data(a, t, x), const_data(a, t, y)));
    assert_false(const_equal(const_data(a, t, x), const_data(a, other, x)));
    assert_true(const_equal(const_string(a, "a"), const_string(a, "a")));
    assert_false(const_equal(const_string(a, "a"), const_string(a, "b")));
    const Const init = {
        .type = t, .kind = CONST_INIT, .init = INIT_NORMAL, .a = 0, .b = 1, .seed = 7
    };
    Const k = init;
    assert_true(const_equal(&init, &k));
    k.seed = 8;
    assert_false(const_equal(&init, &k));
    k = init, k.init = INIT_UNIFORM;
    assert_false(const_equal(&init, &k));
    k = init, k.a = -0.0;
    assert_false(const_equal(&init, &k));
    k = init, k.b = 2;
    assert_false(const_equal(&init, &k));
    WeightFile *file = (WeightFile *)(void *)&k; /* only compared */
    const Const blob = {
        .type = t, .kind = CONST_BLOB, .path = "w.bin", .offset = 64, .file = file
    };
    k = blob;
    assert_true(const_equal(&blob, &k));
    k.offset = 128;
    assert_false(const_equal(&blob, &k));
    k = blob, k.path = "v.bin";
    assert_false(const_equal(&blob, &k));
    k = blob, k.file = NULL;
    assert_false(const_equal(&blob, &k));
    const Const *elem[] = { const_data(a, t, x), const_data(a, t, y) },
                *same[] = { const_data(a, t, z), const_data(a, t, y) };
    const Const *less[] = { const_data(a, t, z), const_data(a, t, z) };
    const Const group = { .type = t, .kind = CONST_GROUP, .nelem = 2, .elem = elem };
    k = group, k.elem = same;
    assert_true(const_equal(&group, &k));
    k.elem = less;
    assert_false(const_equal(&group, &k));
    k = group, k.nelem = 1;
    assert_false(const_equal(&group, &k));
    const Const mapped = {
        .type = t, .kind = CONST_FILE, .src = DT_INT8, .src_data = x, .file = file
    };
    k = mapped;
    assert_true(const_equal(&mapped, &k));
    k.src_data = y;
    assert_false(const_equal(&mapped, &k));
    k = mapped, k.src = DT_UINT8;
    assert_false(const_equal(&mapped, &k));
    k = mapped, k.coded = (const ByteFloat *)(const void *)x; /* only compared */
    assert_false(const_equal(&mapped, &k));
    module_free(m);
}

static const char *const coded_names[] = { "F8_E4M3", "F8_E5M2", "F8_E8M0", "Q4_0",
                                           "Q4_1",    "Q5_0",    "Q5_1",    "Q8_0",
                                           "Q2_K",    "Q3_K",    "Q4_K",    "Q5_K",
                                           "Q6_K" };

/* What files have in bytes and blocks, read from any element on, in any number, as all of it is: a
 * piece begins and ends within a block, and a block within a piece. */
static void test_coded_in_pieces(void **state)
{
    (void)state;
    enum { ELEMENTS = 5 * MAX_BLOCK };
    static const DType types[] = { DT_FP32, DT_FP16, DT_INT32 };
    static unsigned char bytes[ELEMENTS * 2];
    static double whole[ELEMENTS], part[ELEMENTS];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37 % 59); /* no exponent is large */
    Module *m = module_new();
    Diag d = { 0 };
    for (size_t k = 0; k < COUNT(coded_names); k++)
        for (size_t t = 0; t < COUNT(types); t++) {
            const ByteFloat *f = byte_float_of_file(coded_names[k]);
            assert_non_null(f);
            Const c = { .type = type_tensor(&m->arena, types[t], SHAPE(ELEMENTS)),
                        .kind = CONST_FILE,
                        .src = f->as,
                        .coded = f,
                        .src_data = bytes };
            const size_t size = (size_t)dtypes[types[t]].bits / 8;
            assert_true(const_read(&c, &d, 0, ELEMENTS, whole));
            float block[MAX_BLOCK]; /* the last one, whole by itself */
            const size_t last = ELEMENTS - f->count;
            if (f->block)
                f->block(bytes + ELEMENTS / f->count * f->bytes - f->bytes, block);
            for (size_t i = 0; f->block && types[t] == DT_FP32 && i < f->count; i++)
                assert_memory_equal((char *)whole + (last + i) * size, &block[i], size);
            for (size_t first = 0; first < ELEMENTS; first += first < 40 ? 1 : 129)
                for (size_t n = 1; first + n <= ELEMENTS; n += n < 35 ? 1 : 126) {
                    memset(part, 0x55, sizeof part);
                    assert_true(const_read(&c, &d, first, n, part));
                    assert_memory_equal(part, (char *)whole + first * size, n * size);
                    if (n < ELEMENTS) assert_int_equal(((char *)part)[n * size], 0x55);
                }
        }
    module_free(m);
    diag_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants_in_another_type),
        cmocka_unit_test(test_constants_in_pieces),
        cmocka_unit_test(test_coded_in_pieces),
        cmocka_unit_test(test_constants_at_hand),
        cmocka_unit_test(test_absent_ones_by_chance),
        cmocka_unit_test(test_texts_of_types),
        cmocka_unit_test(test_packed_elements),
        cmocka_unit_test(test_equal_constants),
        cmocka_unit_test(test_windows_of_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
