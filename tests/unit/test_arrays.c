/* test_arrays.c -- .npy and .safetensors: what is right is read, what is hostile is an
 * error. */
#include "unit.h"

/* ---- .npy -------------------------------------------------------------------------------- */

typedef struct {
    Buf b;
    size_t header; /* bytes before the elements */
} File;

/* A file of any version with this dict and these bytes after it. */
static File npy(int version, const char *dict, const void *data, size_t n)
{
    File f = { 0 };
    size_t len = strlen(dict);
    buf_add(&f.b, "\x93NUMPY", 6);
    buf_putc(&f.b, (char)version);
    buf_putc(&f.b, 0);
    for (int i = 0; i < (version == 1 ? 2 : 4); i++)
        buf_putc(&f.b, (char)(len >> 8 * i & 0xff));
    buf_puts(&f.b, dict);
    f.header = f.b.len;
    buf_add(&f.b, data, n);
    return f;
}

/* The file in memory of exactly its size, so that a sanitizer sees each byte read past its
 * end. */
static bool parse(Diag *d, const File *f, size_t size, NpyArray *out)
{
    char *p = malloc(size ? size : 1);
    if (size) memcpy(p, f->b.s, size);
    bool ok = npy_parse(d, "x.npy", p, size, out);
    if (ok && out->data != out->copy) { /* make it outlive p */
        out->copy = malloc(out->bytes ? out->bytes : 1);
        memcpy(out->copy, out->data, out->bytes);
        out->data = out->copy;
    }
    free(p);
    return ok;
}

static void expect_array(File f, const char *descr, int rank, const int64_t *shape,
                         const void *data, size_t n)
{
    Diag d = { 0 };
    NpyArray a;
    if (!parse(&d, &f, f.b.len, &a)) fail_msg("%s", d.text.s);
    assert_string_equal(a.descr, descr);
    assert_int_equal(a.rank, rank);
    for (int i = 0; i < rank; i++) assert_int_equal(a.shape[i], shape[i]);
    assert_int_equal(a.bytes, n);
    assert_memory_equal(a.data, data, n);
    npy_close(&a);
    buf_free(&f.b);
}

static void expect_wrong(File f, const char *why)
{
    Diag d = { 0 };
    NpyArray a;
    assert_false(parse(&d, &f, f.b.len, &a));
    assert_null(a.data);
    assert_int_equal(d.errors, 1);
    expect_says(&d, why);
    buf_free(&f.b);
}

#define DICT(descr, order, shape) \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }\n"

static void versions_orders_and_spellings_are_read(void **state)
{
    (void)state;
    const int64_t s23[] = { 2, 3 }, s6[] = { 6 };
    const unsigned char c[6] = { 1, 2, 3, 4, 5, 6 }, fortran[6] = { 1, 4, 2, 5, 3, 6 };
    for (int v = 1; v <= 3; v++) {
        expect_array(npy(v, DICT("|u1", "False", "(2, 3)"), c, 6), "|u1", 2, s23, c, 6);
        expect_array(npy(v, DICT("|u1", "True", "(2, 3)"), fortran, 6), "|u1", 2, s23, c,
                     6);
    }
    expect_array(npy(1, "{\"shape\":(6,),'descr':'|i1' , 'fortran_order' :True}", c, 6),
                 "|i1", 1, s6, c, 6);
    expect_array(
        npy(1, " {'fortran_order':False,'shape':( 2L ,3L, ),\n'descr':'<u1'} ", c, 6),
        "|u1", 2, s23, c, 6);
    expect_array(
        npy(1,
            "\t{\r\n'fortran_order'\t:\rFalse ,\t'shape'\n:\r(\t2\n,\t3\r)\n,'descr':\t'|u1'\r}\t\n",
            c, 6),
        "|u1", 2, s23, c, 6);
    int64_t ones[16];
    for (int i = 0; i < 16; i++) ones[i] = 1;
    expect_array(npy(1, DICT("|u1", "False", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), c, 1),
                 "|u1", 16, ones, c, 1);
    expect_wrong(
        npy(1, DICT("|u1", "False", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), c, 1),
        "more than 16 dimensions");
    expect_wrong(npy(1, DICT("|u1", "False", "(9223372036854775808,)"), c, 1),
                 "a dimension of the array is too large");
    expect_wrong(npy(1, DICT("|u1", "False", "(92233720368547758070,)"), c, 1),
                 "a dimension of the array is too large");
    expect_wrong(npy(1, DICT("|u1", "False", "(9223372036854775807,)"), c, 6),
                 "the file is cut off: 6 bytes of elements");
    expect_wrong(npy(1, DICT("|u1", "False", "(7,)"), c, 6),
                 "the file is cut off: 6 bytes of elements");
    expect_wrong(npy(1, DICT("|u2", "False", "(3,)"), c, 6),
                 "element type '|u2' cannot be read");
    expect_wrong(npy(1, DICT("<f1", "False", "(3,)"), c, 6),
                 "element type '<f1' cannot be read");
    expect_wrong(npy(1, DICT("<u12", "False", "(3,)"), c, 6),
                 "element type '<u12' cannot be read");
    expect_wrong(npy(1, DICT("?u1", "False", "(3,)"), c, 6),
                 "element type '?u1' cannot be read");
    expect_array(npy(1, DICT("=u1", "False", "()"), c, 1), "|u1", 0, NULL, c, 1);
    expect_array(npy(1, DICT("|u1", "False", "(6,)"), "\1\2\3\4\5\6 tail", 11), "|u1", 1,
                 s6, c, 6);
    const int64_t empty[] = { 0, 4 }, vast[] = { INT64_MAX, INT64_MAX, 0 };
    expect_array(npy(1, DICT("<f8", "True", "(0, 4)"), "", 0), "<f8", 2, empty, "", 0);
    expect_array(
        npy(1, DICT("<f8", "False", "(9223372036854775807, 9223372036854775807, 0)"), "",
            0),
        "<f8", 3, vast, "", 0);
    const unsigned char bools[6] = { 0, 1, 2, 255, 0, 128 },
                        clean[6] = { 0, 1, 1, 1, 0, 1 };
    expect_array(npy(1, DICT("|b1", "False", "(6,)"), bools, 6), "|b1", 1, s6, clean, 6);
}

/* Bytes that are 0 and 1 alone stay where they are; any other, in any place, is made 1. */
static void bools_are_made_new_where_one_is_odd(void **state)
{
    (void)state;
    unsigned char bools[] = { 0, 1, 1, 0 };
    for (int odd = -1; odd < (int)COUNT(bools); odd++) {
        Diag d = { 0 };
        NpyArray a;
        const unsigned char was = odd < 0 ? 0 : bools[odd];
        if (odd >= 0) bools[odd] = 2;
        File f = npy(1, DICT("|b1", "False", "(4,)"), bools, sizeof bools);
        assert_true(npy_parse(&d, "x.npy", f.b.s, f.b.len, &a));
        assert_int_equal(a.copy != NULL, odd >= 0);
        for (int i = 0; i < (int)COUNT(bools); i++)
            assert_int_equal(((const unsigned char *)a.data)[i], bools[i] != 0);
        if (odd >= 0) bools[odd] = was;
        npy_close(&a);
        buf_free(&f.b);
    }
}

static void every_element_type_is_read_in_both_byte_orders(void **state)
{
    (void)state;
    static const char *const types[] = { "|b1", "|i1", "|u1", "<i2", "<u2", "<i4",
                                         "<u4", "<i8", "<u8", "<f2", "<f4", "<f8" };
    Arena a = { 0 };
    for (size_t i = 0; i < COUNT(types); i++) {
        size_t item = (size_t)(types[i][2] - '0');
        unsigned char little[24], big[24];
        for (size_t k = 0; k < 24; k++)
            little[k] = (unsigned char)(types[i][1] == 'b' ? k & 1 : 3 * k + 1);
        for (size_t k = 0; k < 24; k++)
            big[k] = little[k / item * item + item - 1 - k % item];
        const int64_t shape[] = { 1, (int64_t)(24 / item) };
        for (const char *order = "<>"; *order; order++) {
            char *dict = arena_printf(
                &a, "{'descr': '%c%s', 'fortran_order': False, 'shape': (1, %d)}", *order,
                types[i] + 1, (int)shape[1]);
            expect_array(npy(2, dict, *order == '<' ? little : big, 24), types[i], 2,
                         shape, little, 24);
        }
    }
    arena_free(&a);
}

static void orders_agree_for_any_rank(void **state)
{
    (void)state;
    const int64_t shape[] = { 2, 3, 4, 5 };
    uint16_t c[120], fortran[120], big[120];
    for (int i = 0; i < 120; i++) {
        int at[4] = { i / 60, i / 20 % 3, i / 5 % 4, i % 5 };
        c[i] = (uint16_t)(1000 + 37 * i);
        fortran[at[0] + 2 * (at[1] + 3 * (at[2] + 4 * at[3]))] = c[i];
    }
    for (int i = 0; i < 120; i++) big[i] = (uint16_t)(fortran[i] << 8 | fortran[i] >> 8);
    expect_array(npy(1, DICT("<u2", "True", "(2, 3, 4, 5)"), fortran, 240), "<u2", 4,
                 shape, c, 240);
    expect_array(npy(1, DICT(">u2", "True", "(2, 3, 4, 5)"), big, 240), "<u2", 4, shape,
                 c, 240);
}

static void hostile_headers_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *dict, *why;
    } bad[] = {
        { "", "no '{' where one belongs" },
        { "{", "no string where one belongs" },
        { "{}", "has no 'descr'" },
        { "{'descr': '<f4', 'shape': ()}", "has no 'fortran_order'" },
        { "{'descr': '<f4', 'fortran_order': False}", "has no 'shape'" },
        { "{'descr' '<f4'}", "no ':' where one belongs" },
        { "{'descr': '<f4' 'shape': ()}", "no '}' where one belongs" },
        { "{'descr': '<f4', 'descr': '<f4'}", "gives 'descr' twice" },
        { "{'descr': '<c8'}", "element type '<c8' cannot be read" },
        { "{'descr': '|O'}", "element type '|O' cannot be read" },
        { "{'descr': '|f4'}", "element type '|f4' cannot be read" },
        { "{'descr': '<U12'}", "element type '<U12' cannot be read" },
        { "{'descr': [('a', '<f4')]}", "an array of records cannot be read" },
        { "{'descr': '<f4}", "a string does not end" },
        { "{'descr': '<f\n4'}", "a string does not end" },
        { "{'descr': '\\x3c'}", "a string does not end" },
        { "{'color': 1}", "an unknown key 'color'" },
        { "{'fortran_order': Maybe}", "neither True nor False" },
        { "{'shape': 3}", "no '(' where one belongs" },
        { "{'shape': (3)}", "no ',' where one belongs" },
        { "{'shape': (3, 4 5)}", "no ')' where one belongs" },
        { "{'shape': (-3,)}", "a dimension is no whole number" },
        { "{'shape': (3.5,)}", "no ',' where one belongs" },
        { "{'shape': (99999999999999999999,)}", "a dimension of the array is too large" },
        { "{'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}", "more than 16 dimensions" },
        { DICT("<f4", "False", "()") "x", "more follows its end" },
        { DICT("<f8", "False", "(4294967296, 4294967296)"), "its shape asks for more" },
        { DICT("<f8", "False", "(2305843009213693952,)"), "its shape asks for more" },
        { DICT("<f8", "True", "(1, 3)"),
          "16 bytes of elements are there, its shape asks for more" },
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        expect_wrong(npy(1, bad[i].dict, "0123456789abcdef", 16), bad[i].why);
    expect_wrong(npy(4, DICT("<f4", "False", "()"), "0123", 4),
                 "version 4.0 of .npy cannot be read");
    File f = npy(2, DICT("<f4", "False", "()"), "0123", 4);
    memset(f.b.s + 8, 0xff, 4);
    expect_wrong(f, "cut off in its .npy header");
    expect_wrong((File){ 0 }, "not a .npy file");
}

static void a_file_cut_anywhere_is_an_error(void **state)
{
    (void)state;
    const double data[6] = { 1, 2, 3, 4, 5, 6 };
    for (int v = 1; v <= 3; v++) {
        File f = npy(v, DICT("<f8", "True", "(2, 3)"), data, sizeof data);
        for (size_t n = 0; n < f.b.len; n++) {
            Diag d = { 0 };
            NpyArray a;
            assert_false(parse(&d, &f, n, &a));
            assert_int_equal(d.errors, 1);
            diag_free(&d);
        }
        /* any byte changed: read or refused, never more */
        for (size_t at = 0; at < f.header; at++)
            for (int bit = 0; bit < 8; bit++) {
                Diag d = { 0 };
                NpyArray a;
                f.b.s[at] = (char)(f.b.s[at] ^ 1 << bit);
                if (parse(&d, &f, f.b.len, &a)) {
                    assert_true(a.bytes <= sizeof data + f.header);
                    npy_close(&a);
                } else {
                    assert_true(d.errors == 1);
                }
                f.b.s[at] = (char)(f.b.s[at] ^ 1 << bit);
                diag_free(&d);
            }
        buf_free(&f.b);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    Arena a = { 0 };
    Diag d = { 0 };
    char *dir = make_folder(&a), *path = arena_printf(&a, "%s/x.npy", dir);
    const int64_t shape[] = { 2, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    const float data[6] = { 1, 2, 3, 4, 5, 6 };
    for (int rank = 3; rank <= 16; rank++) {
        NpyArray n;
        assert_true(npy_write(&d, path, "<f4", rank, shape, data, sizeof data));
        assert_true(npy_open(&d, path, &n));
        assert_null(n.copy); /* aligned: straight from the file's bytes */
        assert_int_equal(((const unsigned char *)n.data - n.map.data) % 64, 0);
        assert_int_equal(n.rank, rank);
        assert_memory_equal(n.shape, shape, sizeof *shape * (size_t)rank);
        assert_memory_equal(n.data, data, sizeof data);
        npy_close(&n);
    }
    Buf h = { 0 };
    npy_header(&h, "|b1", 1, (const int64_t[]){ 7 });
    assert_int_equal(h.len % 64, 0);
    assert_memory_equal(
        h.s + 10, "{'descr': '|b1', 'fortran_order': False, 'shape': (7,), }  ", 59);
    buf_free(&h);
    NpyArray n;
    assert_false(npy_open(&d, dir, &n));
    assert_false(npy_write(&d, dir, "<f4", 0, NULL, data, 4));
    diag_free(&d);
    remove_folder(dir);
    arena_free(&a);
}

/* ---- .safetensors ------------------------------------------------------------------------ */

enum { DATA = 24 };

static Mapped safe(const char *json, size_t data)
{
    size_t len = strlen(json);
    unsigned char *p = malloc(8 + len + data);
    for (int i = 0; i < 8; i++) p[i] = (unsigned char)((uint64_t)len >> 8 * i);
    memcpy(p + 8, json, len);
    for (size_t i = 0; i < data; i++) p[8 + len + i] = (unsigned char)i;
    return (Mapped){ .data = p, .size = 8 + len + data };
}

static const char model[] =
    "{\"__metadata__\": {\"format\": \"pt\"},"
    "\"a.weight\": {\"dtype\": \"F32\", \"shape\": [2, 2], \"data_offsets\": [0, 16]},"
    "\"a.bias\": {\"shape\": [], \"data_offsets\": [16, 18], \"dtype\": \"BF16\"},"
    "\"none\": {\"dtype\": \"I64\", \"shape\": [0, 3], \"data_offsets\": [18, 18]},"
    "\"again\": {\"dtype\": \"U8\", \"shape\": [24], \"data_offsets\": [0, 24]}}";

static void tensors_are_found_by_name(void **state)
{
    (void)state;
    Arena a = { 0 };
    Diag d = { 0 };
    SafeTensors s;
    Mapped m = safe(model, DATA);
    assert_true(safetensors_parse(&a, &d, (Loc){ 0 }, "m.safetensors", &m, &s));
    assert_int_equal(s.count, 4);
    const SafeTensor *w = safetensors_find(&s, &d, (Loc){ 0 }, "a.weight");
    assert_string_equal(w->dtype, "F32");
    assert_int_equal(w->rank, 2);
    assert_int_equal(w->shape[1], 2);
    assert_int_equal(w->bytes, 16);
    assert_int_equal(*(const unsigned char *)w->data, 0);
    const SafeTensor *b = safetensors_find(&s, &d, (Loc){ 0 }, "a.bias");
    assert_int_equal(b->rank, 0);
    assert_int_equal(*(const unsigned char *)b->data, 16);
    assert_int_equal(safetensors_find(&s, &d, (Loc){ 0 }, "none")->bytes, 0);
    assert_true(diag_ok(&d));
    assert_null(safetensors_find(&s, &d, (Loc){ 0 }, "a.wieght"));
    expect_said(
        &d,
        "error: m.safetensors has no tensor 'a.wieght' among its 4; did you mean 'a.weight'?\n");
    assert_null(safetensors_find(&s, &d, (Loc){ 0 }, "zzzzzz"));
    expect_said(&d, "error: m.safetensors has no tensor 'zzzzzz' among its 4\n");
    file_unmap(&m);
    arena_free(&a);
}

#define T(dtype, shape, offsets) \
    "{\"t\": {\"dtype\": " dtype ", \"shape\": " shape ", \"data_offsets\": " offsets "}}"

/* As many dimensions as there may be, whole numbers up to the last that is exact, data to the
 * last byte. */
static void tensors_at_the_bounds_are_read(void **state)
{
    (void)state;
    static const char *const good[] = {
        T("\"U8\"", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[23, 24]"),
        T("\"F64\"", "[3]", "[0, 24]"),
        T("\"I64\"", "[0, 9007199254740991]", "[24, 24]"),
        "{}",
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        Arena a = { 0 };
        Diag d = { 0 };
        SafeTensors s;
        Mapped m = safe(good[i], DATA);
        assert_true(safetensors_parse(&a, &d, (Loc){ 0 }, "m", &m, &s));
        assert_int_equal(s.count, i < 3);
        file_unmap(&m);
        arena_free(&a);
    }
}

static void hostile_tensors_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } bad[] = {
        { "", "its .safetensors header is no JSON object" },
        { "[1]", "its .safetensors header is no JSON object" },
        { "{\"t\": 1}", "tensor 't' has no dtype" },
        { "{\"t\": {\"dtype\": \"F32\"}}", "tensor 't' has no shape" },
        { "{\"t\": {\"dtype\": \"F32\", \"shape\": []}}",
          "tensor 't' has no data_offsets" },
        { T("\"F4\"", "[]", "[0, 4]"), "tensor 't' has the unknown dtype 'F4'" },
        { T("\"F32\"", "[-1]", "[0, 4]"),
          "a dimension of tensor 't' is no whole number" },
        { T("\"F32\"", "[0.5]", "[0, 4]"),
          "a dimension of tensor 't' is no whole number" },
        { T("\"F32\"", "[1e300]", "[0, 4]"),
          "a dimension of tensor 't' is no whole number" },
        { T("\"F32\"", "[\"1\"]", "[0, 4]"),
          "a dimension of tensor 't' is no whole number" },
        { T("\"F32\"", "[4503599627370496, 4503599627370496]", "[0, 4]"),
          "tensor 't' is too large" },
        { T("\"F32\"", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0, 4]"),
          "tensor 't' has more than 16 dimensions" },
        { T("\"F32\"", "[1]", "[0]"), "tensor 't' has no data_offsets" },
        { T("\"F32\"", "[1]", "[4, 0]"), "tensor 't' has no data_offsets" },
        { T("\"F32\"", "[1]", "[-4, 0]"), "tensor 't' has no data_offsets" },
        { T("\"F32\"", "[1]", "[24, 28]"),
          "tensor 't' ends at byte 28 of 24: the file is cut off" },
        { T("\"U8\"", "[1]", "[24, 25]"),
          "tensor 't' ends at byte 25 of 24: the file is cut off" },
        { T("\"U8\"", "[0]", "[25, 25]"),
          "tensor 't' ends at byte 25 of 24: the file is cut off" },
        { T("\"U8\"", "[1]", "[0, 1, 2]"), "tensor 't' has no data_offsets" },
        { T("\"U8\"", "[1]", "[0, 1.5]"), "tensor 't' has no data_offsets" },
        { T("\"U8\"", "[1]", "[0, 9007199254740992]"), "tensor 't' has no data_offsets" },
        { T("\"U8\"", "[1]", "[0, 9007199254740991]"),
          "tensor 't' ends at byte 9007199254740991 of 24" },
        { T("\"F32\"", "[1]", "[0, 5]"),
          "tensor 't' has 5 bytes, its shape and dtype ask for 4" },
        { T("\"F32\"", "[2]", "[0, 4]"),
          "tensor 't' has 4 bytes, its shape and dtype ask for 8" },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        Arena a = { 0 };
        Diag d = { 0 };
        SafeTensors s;
        Mapped m = safe(bad[i].json, DATA);
        assert_false(safetensors_parse(&a, &d, (Loc){ 0 }, "m.safetensors", &m, &s));
        assert_int_equal(d.errors, 1);
        assert_non_null(strstr(d.text.s, "error: m.safetensors: "));
        expect_says(&d, bad[i].why);
        file_unmap(&m);
        arena_free(&a);
    }
}

static void a_model_cut_or_nested_is_an_error(void **state)
{
    (void)state;
    Arena a = { 0 };
    Diag d = { 0 };
    SafeTensors s;
    Mapped whole = safe(model, DATA);
    for (size_t n = 0; n < whole.size; n++) {
        Mapped m = { .data = memcpy(malloc(n + 1), whole.data, n), .size = n };
        assert_false(safetensors_parse(&a, &d, (Loc){ 0 }, "m", &m, &s));
        expect_says(&d, n < 8                   ? "m: not a .safetensors file: "
                        : n < whole.size - DATA ? "or cut off: its header has"
                                                : "the file is cut off");
        file_unmap(&m);
    }
    d = (Diag){ 0 };
    char *deep = arena_alloc(&a, 100001);
    memset(deep, '[', 100000);
    Mapped m = safe(deep, 0);
    assert_false(safetensors_parse(&a, &d, (Loc){ 0 }, "m", &m, &s));
    diag_free(&d);
    file_unmap(&m);
    file_unmap(&whole);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_orders_and_spellings_are_read),
        cmocka_unit_test(bools_are_made_new_where_one_is_odd),
        cmocka_unit_test(every_element_type_is_read_in_both_byte_orders),
        cmocka_unit_test(orders_agree_for_any_rank),
        cmocka_unit_test(hostile_headers_are_errors),
        cmocka_unit_test(a_file_cut_anywhere_is_an_error),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(tensors_are_found_by_name),
        cmocka_unit_test(tensors_at_the_bounds_are_read),
        cmocka_unit_test(hostile_tensors_are_errors),
        cmocka_unit_test(a_model_cut_or_nested_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
