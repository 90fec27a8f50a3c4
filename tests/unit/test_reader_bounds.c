/* test_reader_bounds.c -- how much of each thing what is read may have: at the bound it is read,
 * one beyond is an error that says so. Bounds of the language are in test_language_bounds.c,
 * those of rewrites in test_rewrite_bounds.c. */
#include "places.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/mil/spec.h"
#include "../../ir/ops/ops.h"
#include "../../ir/targets/rules.h"
#include "calls.h"

typedef struct {
    long n;
    const char *text, *beyond;
} Bound;

#define PROGRAM(inputs, ops, result) \
    "program(1.3)\n{\nfunc main<ios18>(" inputs ") {\n" ops "\n} -> (" result ");\n}\n"

static const Bound bounds[] = {
    { 16, PROGRAM("tensor<fp16, [{N:1}]> x", "", "x"), "16" },
    { 16,
      PROGRAM(
          "bool b",
          "tensor<fp16, [{N:1}]> y = const()[name = string(\"y\"), val = tensor<fp16, "
          "[{N:1}]>({N=[}1{N=]})];",
          "y"),
      "16" },
};

static bool is_read(Diag *d, const char *text)
{
    const Source src = { .name = "bound.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(d, &src, NULL);
    const bool ok = m && module_verify(m, d, NULL);
    module_free(m);
    return ok;
}

static void programs_end_at_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        const Bound *c = &bounds[i];
        Diag d = { .quiet = true }, e = { .quiet = true };
        Buf at = places_text(c->text, c->n), over = places_text(c->text, c->n + 1);
        const bool fits = is_read(&d, at.s), too = is_read(&e, over.s);
        if (!fits || too || !strstr(e.text.s, c->beyond))
            fail_msg("%ld of %.80s: %.300s\n and beyond: %.300s\n", c->n, c->text,
                     d.text.s ? d.text.s : "is read", e.text.s ? e.text.s : "is read");
        buf_free(&at);
        buf_free(&over);
        diag_free(&d);
        diag_free(&e);
    }
}

/* A word of a text that is too long for a message. */
typedef struct {
    int most; /* so much of it is said */
    const char *before, *head, *fill, *tail, *after, *said_before, *said_after;
} LongWord;

#define IN_CONST(type) \
    "program(1.3)\n{\nfunc main<ios18>(bool b) {\n" type \
    " y = const()[name = string(\"y\"), val = " type "("
#define ENDS ")];\n} -> (b);\n}\n"
#define BARE \
    "program(1.3)\n{\nfunc main<ios18>(tensor<fp32, [2]> x) {\ntensor<fp32, [2]> y = add(x = x, y = "

static const LongWord long_words[] = {
    { 40, "program(1.3)\n{\nfunc main<ios18>(tensor<fp16, [", "9", "9", "",
      "]> b) {\n} -> (b);\n}\n", "error: ", " is not a dimension" },
    { 40, IN_CONST("int32"), "\"a", "b", "\"", ENDS,
      "error: ", " is not an element of int32" },
    { 60, IN_CONST("int32"), "9", "8", "", ENDS, "error: ", " does not fit int32" },
    { 60, IN_CONST("fp16"), "9", "8", "", ENDS, "warning: ", " is infinite in fp16" },
    { 60, IN_CONST("int32"), "1.", "2", "", ENDS, "int32 wants a whole number, not ",
      "\n" },
    { 20, "", "2", "1", "", ")\n{\nfunc main<ios18>(bool b) {\n} -> (b);\n}\n",
      "program(", ") is not a version of MIL" },
    { 40, BARE, "1.", "0", "", ")[name = string(\"y\")];\n} -> (y);\n}\n",
      "warning: y = ", " has no type; read as fp32(" },
    { 40, BARE, "1.", "0", "", ")[name = string(\"y\")];\n} -> (y);\n}\n",
      " has no type; read as fp32(", ")" },
};

static void said_of_long_word(const LongWord *w, int n)
{
    Diag d = { 0 };
    Buf word = { 0 }, text = { 0 }, want = { 0 };
    buf_puts(&word, w->head);
    while ((int)(word.len + strlen(w->tail)) < n) buf_puts(&word, w->fill);
    buf_puts(&word, w->tail);
    buf_printf(&text, "%s%s%s%s", *w->before ? "" : "program(", w->before, word.s,
               w->after);
    buf_printf(&want, "%s%.*s%s", w->said_before, w->most, word.s, w->said_after);
    is_read(&d, text.s);
    if (!d.text.s || !strstr(d.text.s, want.s))
        fail_msg("a word of %d: %s\nsays not: %s", n, d.text.s ? d.text.s : "nothing",
                 want.s);
    buf_free(&word);
    buf_free(&text);
    buf_free(&want);
    diag_free(&d);
}

static void messages_have_the_beginning_of_long_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(long_words); i++)
        for (int more = -1; more < 3; more++)
            said_of_long_word(&long_words[i], long_words[i].most + more);
}

/* The first and the last character of each length, and what is beside them and none. */
static void characters_end_at_their_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool one;
    } characters[] = {
        { "\x7f", true },
        { "\x80", false },
        { "\xbf", false },
        { "\xc1\xbf", false },
        { "\xc2\x80", true },
        { "\xc2\x7f", false },
        { "\xc2\xc0", false },
        { "\xdf\xbf", true },
        { "\xe0\x9f\xbf", false },
        { "\xe0\xa0\x80", true },
        { "\xe1\x80\x80", true },
        { "\xe0\xa0", false },
        { "\xed\x9f\xbf", true },
        { "\xed\xa0\x80", false },
        { "\xed\xbf\xbf", false },
        { "\xee\x80\x80", true },
        { "\xef\xbf\xbf", true },
        { "\xf0\x8f\xbf\xbf", false },
        { "\xf0\x90\x80\x80", true },
        { "\xf1\x80\x80\x80", true },
        { "\xf4\x8f\xbf\xbf", true },
        { "\xf4\x90\x80\x80", false },
        { "\xf5\x80\x80\x80", false },
        { "\xf4\x8f\xbf\x7f", false },
        { "\xff", false },
    };
    for (size_t i = 0; i < COUNT(characters); i++) {
        Diag d = { .quiet = true };
        Buf b = { 0 };
        buf_printf(&b, "// %s\n" PROGRAM("bool b", "", "b"), characters[i].bytes);
        if (is_read(&d, b.s) != characters[i].one)
            fail_msg("row %zu: %s", i, d.text.s ? d.text.s : "is read");
        buf_free(&b);
        diag_free(&d);
    }
}

/* n messages, each the only field of the one before. */
static const char *wrong_with_messages(int n)
{
    Buf b = { 0 };
    for (int i = 0; i < n; i++) {
        Buf around = { 0 };
        pb_put_bytes(&around, 1, b.s, b.len);
        buf_free(&b);
        b = around;
    }
    PbFile file = { .data = (const unsigned char *)b.s, .size = b.len };
    PbIn in = pb_open(&file);
    PbField f;
    for (int i = 0; i < n && pb_next(&in, &f); i++) in = pb_sub(&in, &f);
    buf_free(&b);
    return file.wrong;
}

static void messages_are_nested_so_deep(void **state)
{
    (void)state;
    assert_int_equal(PB_DEPTH, 200);
    assert_null(wrong_with_messages(PB_DEPTH));
    assert_string_equal(wrong_with_messages(PB_DEPTH + 1),
                        "messages are nested too deeply");
}

/* A program whose function gives back its input, of n dimensions of 1. */
static void put_program(Buf *b, int n)
{
    const size_t program = pb_begin(b, MODEL_PROGRAM), entry = pb_begin(b, 2);
    pb_put_string(b, 1, "main");
    const size_t func = pb_begin(b, 2), input = pb_begin(b, 1);
    pb_put_string(b, 1, "x");
    const size_t type = pb_begin(b, 2), tensor = pb_begin(b, 1);
    pb_put_number(b, 1, (uint64_t)dtypes[DT_FP32].spec);
    pb_put_number(b, 2, (uint64_t)n);
    for (int i = 0; i < n; i++) {
        const size_t dim = pb_begin(b, 3), constant = pb_begin(b, 1);
        pb_put_number(b, 1, 1);
        pb_end(b, constant);
        pb_end(b, dim);
    }
    pb_end(b, tensor);
    pb_end(b, type);
    pb_end(b, input);
    pb_put_string(b, 2, "CoreML7");
    const size_t body = pb_begin(b, 3);
    pb_put_string(b, 1, "CoreML7");
    const size_t block = pb_begin(b, 2);
    pb_put_string(b, 2, "x");
    pb_end(b, block);
    pb_end(b, body);
    pb_end(b, func);
    pb_end(b, entry);
    pb_end(b, program);
}

/* NULL: it is read. */
static const char *wrong_with_dimensions(int n)
{
    Buf b = { 0 };
    Diag d = { .quiet = true };
    PbField f;
    put_program(&b, n);
    PbFile file = { .data = (const unsigned char *)b.s, .size = b.len };
    PbIn in = pb_open(&file);
    Module *m = module_new();
    if (pb_next(&in, &f) && program_read(m, &d, pb_sub(&in, &f)))
        assert_int_equal(module_main(m)->body->param[0]->type->shape.rank, n);
    assert_int_equal(d.errors, 0);
    module_free(m);
    buf_free(&b);
    diag_free(&d);
    return file.wrong;
}

static void types_have_so_many_dimensions(void **state)
{
    (void)state;
    assert_null(wrong_with_dimensions(0));
    assert_null(wrong_with_dimensions(MAX_RANK));
    assert_string_equal(wrong_with_dimensions(MAX_RANK + 1),
                        "a tensor has too many dimensions");
}

/* The dimensions that a description of an input has, of which n are in the file. */
static int described_dimensions(int n)
{
    int64_t out[MAX_RANK];
    Buf b = { 0 };
    const size_t at = pb_begin(&b, 1);
    for (int i = 0; i < n; i++) pb_put_varint(&b, (uint64_t)i + 1);
    pb_end(&b, at);
    PbFile file = { .data = (const unsigned char *)b.s, .size = b.len };
    const int read = feature_ints(pb_open(&file), 1, out);
    for (int i = 0; i < read; i++) assert_int_equal(out[i], i + 1);
    buf_free(&b);
    return read;
}

static void descriptions_have_so_many_dimensions(void **state)
{
    (void)state;
    assert_int_equal(described_dimensions(MAX_RANK), MAX_RANK);
    assert_int_equal(described_dimensions(MAX_RANK + 1), -1);
}

/* A field of these bytes: its value, or what is wrong. */
static void wire_reads(const char *bytes, size_t n, uint64_t value, const char *wrong)
{
    PbField f = { .value = 0 };
    PbFile file = { .data = (const unsigned char *)bytes, .size = n };
    PbIn in = pb_open(&file);
    assert_int_equal(pb_next(&in, &f), !wrong);
    if (wrong) assert_string_equal(file.wrong, wrong);
    else assert_int_equal(f.value, value);
}

#define WIRE(bytes, value, wrong) wire_reads(bytes, sizeof bytes - 1, value, wrong)

static void fields_end_at_their_bounds(void **state)
{
    (void)state;
    WIRE("\x08\x7f", 127, NULL);
    WIRE("\x08\x80\x01", 128, NULL);
    WIRE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", UINT64_MAX, NULL);
    WIRE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 0,
         "a number has more than 64 bits");
    WIRE("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 0,
         "a number has more than 64 bits");
    WIRE("\x08\x80", 0, "a number is cut off");
    WIRE("\x09\x01\x02\x03\x04\x05\x06\x07\x08", 0x0807060504030201, NULL);
    WIRE("\x09\x01\x02\x03\x04\x05\x06\x07", 0, "a number is cut off");
    WIRE("\x0d\x01\x02\x03\x04", 0x04030201, NULL);
    WIRE("\x0d\x01\x02\x03", 0, "a number is cut off");
    WIRE("\x0a\x02zz", 0, NULL);
    WIRE("\x0a\x03zz", 0, "a field is longer than what it stands in");
    WIRE("\x0b\x01", 0, "a field is of no known kind");
    WIRE("\x00\x01", 0, "a field has no valid number");
    WIRE("\xf8\xff\xff\xff\x0f\x01", 1, NULL);
    WIRE("\x80\x80\x80\x80\x10\x01", 0, "a field has no valid number");
}

static void a_profile_is_a_mebibyte(void **state)
{
    (void)state;
    Arena a = { 0 };
    Diag d = { .quiet = true };
    RuleSet rs;
    char *dir = make_folder(&a), *path = arena_printf(&a, "%s/p", dir);
    for (int more = 0; more < 2; more++) {
        FILE *f = fopen(path, "w");
        int n = fprintf(f, "anec-profile 1\nchip m1\n#");
        for (; n < (1 << 20) - 1 + more; n++) fputc('x', f);
        fputc('\n', f);
        assert_int_equal(fclose(f), 0);
        ruleset_init(&rs, target_find("m1"), NULL);
        assert_int_equal(profile_read(&rs, &d, path), !more);
    }
    expect_says(&d, "is larger than the 1 MiB that a profile may have");
    remove_folder(dir);
    arena_free(&a);
}

/* Dimensions of windows, lists, products. */
static void calls_end_at_their_bounds(void **state)
{
    CHECK(
        { "max_pool", 15,
          "x=fp32[1,1,1073741824]; kernel_sizes=int32[1] 1; strides=int32[1] 1; pad_type=string[] valid; "
          "pad=int32[2] 0; ceil_mode=bool[] 0",
          "fp32[1,1,1073741824]" },
        { "max_pool", 15,
          "x=fp32[1,1,1073741825]; kernel_sizes=int32[1] 1; strides=int32[1] 1; pad_type=string[] valid; "
          "pad=int32[2] 0; ceil_mode=bool[] 0",
          "error: x is [1, 1, 1073741825]; dimensions above 2^30 are not supported" },
        { "max_pool", 15,
          "x=fp32[1,1,1073741824]; kernel_sizes=int32[1] 1073741824; strides=int32[1] 1; "
          "pad_type=string[] valid; pad=int32[2] 0; ceil_mode=bool[] 0",
          "fp32[1,1,1]" },
        { "max_pool", 15,
          "x=fp32[1,1,4]; kernel_sizes=int32[1] 1073741825; strides=int32[1] 1; "
          "pad_type=string[] same; pad=int32[2] 0; ceil_mode=bool[] 0",
          "error: the kernel has size 1073741825; it must be 1 to 2^30" },
        { "max_pool", 15,
          "x=fp32[1,1,4]; kernel_sizes=int32[1] 0; strides=int32[1] 1; pad_type=string[] valid; "
          "pad=int32[2] 0; ceil_mode=bool[] 0",
          "error: max_pool: kernel_sizes has 0 where at least 1 is needed" },
        { "make_list", 15,
          "init_length=int32[] 16777217; elem_shape=int32[1] 1; dtype=string[] fp32",
          "error: a list of 16777217 elements is too long" },
        { "make_list", 15,
          "init_length=int32[] -1; elem_shape=int32[1] 1; dtype=string[] fp32",
          "error: " });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_end_at_their_bounds),
        cmocka_unit_test(messages_have_the_beginning_of_long_words),
        cmocka_unit_test(characters_end_at_their_bounds),
        cmocka_unit_test(messages_are_nested_so_deep),
        cmocka_unit_test(types_have_so_many_dimensions),
        cmocka_unit_test(descriptions_have_so_many_dimensions),
        cmocka_unit_test(fields_end_at_their_bounds),
        cmocka_unit_test(a_profile_is_a_mebibyte),
        cmocka_unit_test(calls_end_at_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
