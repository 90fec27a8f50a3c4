/* test_core_text.c -- texts of Core AI that are wrong, or say what is not public: each gives the
 * message of its row at its line and column, and no text that is cut anywhere does anything else. */
#include "unit.h"

#include "../../ir/coreai/core_import.h"

#include <unistd.h>

static Module *parse(Diag *d, const char *text)
{
    char *copy = strdup(text); /* the module's from then on */
    const Mapped map = { .data = (unsigned char *)copy, .size = strlen(text) };
    Module *m = core_text_parse(d, "x.mlir", &map);
    assert_int_equal(m != NULL, diag_ok(d));
    if (m) assert_true(module_verify(m, d, NULL));
    return m;
}

static void refuse(const char *text, const char *want)
{
    Diag d = { 0 };
    Module *m = parse(&d, text);
    if (m) fail_msg("it was read: %s", text);
    expect_says(&d, want);
}

typedef struct {
    const char *text, *want; /* what is said of it, at its place */
} Refused;

static void refuse_all(const Refused *r, size_t n)
{
    for (size_t i = 0; i < n; i++) refuse(r[i].text, r[i].want);
}

#define T "tensor<2x3xf32>"
/* A graph of an input %x, with what is in it, and the result %r. */
#define GRAPH(ops) \
    "coreai.graph @main(%x: " T ") -> (" T ") {\n" ops "\ncoreai.output %r : " T "\n}\n"
#define ONE "%one = coreai.constant dense<1> : tensor<si32>\n"
#define RESULT(ops) GRAPH(ops "\n%r = coreai.abs %x : " T " -> " T)

/* ---- syntax ------------------------------------------------------------------------------ */

static const Refused wrong_syntax[] = {
    { "", "x.mlir has no coreai.graph that is not private" },
    { "module {", "the end of the text where '}' or coreai.graph is expected" },
    { "modul {", "x.mlir:1:1: error: 'modul' where" },
    { "module { coreai.graph main() }",
      "x.mlir:1:23: error: 'main' where a name with @" },
    { "coreai.graph @a() { }", "x.mlir:1:21: error: '}' where a value or an operation" },
    { "coreai.graph @a() -> tensor<2xf32 { }",
      "'tensor' where '(' or a type is expected" },
    { "coreai.graph @a() ~", "unexpected character '~'" },
    { "coreai.graph @a() { \x01 }", "unexpected byte 0x01" },
    { "coreai.graph @a() attributes {a = \"b} {", "the string that begins here" },
    { "coreai.graph @a(%x: tensor<1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1xf32>) { coreai.output %x }",
      "it has more than 16 dimensions, or one that is too large" },
    { "coreai.graph @a(%x: tensor<9999999999999999999xf32>) { coreai.output %x }",
      "or one that is too large" },
    { "coreai.graph @a() { %r:0 = coreai.abs %x : tensor<f32> -> tensor<f32> coreai.output %r }",
      "it has 0 results" },
    { RESULT(
          "%c = coreai.constant dense<[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]> : tensor<si32>"),
      "it has more than 16 dimensions" },
};

static void syntax_errors_say_what_is_expected(void **state)
{
    (void)state;
    refuse_all(wrong_syntax, COUNT(wrong_syntax));
}

/* ---- what an operation is ---------------------------------------------------------------- */

static const Refused not_public[] = {
    { RESULT("%s = coreai.sort %x, %x, %x, %x : (" T ", " T ", " T ", " T ") -> " T),
      "x.mlir:2:6: error: sort: it is not read: what its two flags mean is not public" },
    { RESULT("%s = coreai.interpolate %x, %x, %x, %x {interpolation_mode = "
             "#coreai.interpolation_mode<linear>} : (" T ", " T ", " T ", " T ") -> " T),
      "interpolate: it is not read: how its scale and offset" },
    { RESULT("%s = coreai.create_complex %x, %x : (" T ", " T
             ") -> tensor<2x3xcomplex<f32>>"),
      "create_complex: it is not read: MIL has no complex numbers" },
    { RESULT("%s = coreai.metal4_kernel %x : " T " -> " T), "it is code for the GPU" },
    { RESULT("%s = coreai.frobnicate %x : " T " -> " T),
      "frobnicate: this operation is not known" },
    { RESULT("%s:2 = coreai.while %x : " T " -> (" T ", " T ")"),
      "while: it is not read: how it is printed is not public" },
    { RESULT(ONE "%f = coreai.constant dense<true> : tensor<i1>\n"
                 "%s = coreai.scan %x, %one, %f combiner = <sum> : (" T
                 ", tensor<si32>, tensor<i1>) -> " T),
      "what its flag means where it is true is not public" },
    { RESULT(ONE "%f = coreai.constant dense<false> : tensor<i1>\n"
                 "%s = coreai.scan %x, %one, %f combiner = <max> : (" T
                 ", tensor<si32>, tensor<i1>) -> " T),
      "combiner = <max> is not known" },
    { RESULT("%s = coreai.gelu %x approximate = <fast> : " T " -> " T),
      "approximate = <fast> is not known" },
    { RESULT("%a = coreai.constant dense<[0, -1]> : tensor<2xsi32>\n"
             "%b = coreai.constant dense<[2, 3]> : tensor<2xsi32>\n"
             "%c = coreai.constant dense<1> : tensor<2xsi32>\n"
             "%s = coreai.slice %x, %a, %b, %c : (" T
             ", tensor<2xsi32>, tensor<2xsi32>, tensor<2xsi32>) -> tensor<2x1xf32>"),
      "what a negative place or stride means is not public" },
    { RESULT("%i = coreai.cast %x : " T " to tensor<2x3xsi32>\n"
             "%s = coreai.decomposable.broadcasting_bitwise_and %i, %i : "
             "(tensor<2x3xsi32>, tensor<2x3xsi32>) -> tensor<2x3xsi32>"),
      "bitwise_and: MIL computes with no bits of integers" },
    { RESULT("%p = coreai.constant dense<1> : tensor<4xui32>\n"
             "%z = coreai.constant dense<0.0> : tensor<f32>\n"
             "%s = coreai.pad %x, %p, %z mode = <circular> : (" T
             ", tensor<4xui32>, tensor<f32>) -> tensor<4x5xf32>"),
      "mode = <circular> is not known" },
    { RESULT("%s = coreai.scatter_along_axis %x, %x, %x, %x scatter_mode = <max> : (" T
             ", " T ", " T ", " T ") -> " T),
      "scatter_mode = <max> is not known" },
    { "coreai.graph @main(%x: tensor<1x1x2x2xf32>) -> (tensor<1x1x3x3xf32>) {\n"
      "%w = coreai.constant dense<1.0> : tensor<1x1x2x2xf32>\n"
      "%a = coreai.constant dense<1> : tensor<2xui32>\n"
      "%g = coreai.constant dense<1> : tensor<ui32>\n"
      "%r = coreai.conv_transpose2d %x, %w, %a, %a, %a, %a, %g : (tensor<1x1x2x2xf32>, "
      "tensor<1x1x2x2xf32>, tensor<2xui32>, tensor<2xui32>, tensor<2xui32>, "
      "tensor<2xui32>, tensor<ui32>) -> tensor<1x1x3x3xf32>\n"
      "coreai.output %r : tensor<1x1x3x3xf32>\n}",
      "conv_transpose2d: which of its operands 3 to 5 is the dilation" },
    { "coreai.graph @main(%x: tensor<1x1x4x4xf32>) -> (tensor<1x1x2x2xf32>) {\n"
      "%a = coreai.constant dense<2> : tensor<2xui32>\n"
      "%r = coreai.sum_pool_2d %x, %a, %a, %a : (tensor<1x1x4x4xf32>, tensor<2xui32>, "
      "tensor<2xui32>, tensor<2xui32>) -> tensor<1x1x2x2xf32>\n"
      "coreai.output %r : tensor<1x1x2x2xf32>\n}",
      "pooling in MIL has no dilations" },
    { "coreai.graph @main(%x: tensor<1x1x4x4xf32>) -> (tensor<1x1x4x4xf32>) {\n"
      "%a = coreai.constant dense<2> : tensor<3xui32>\n"
      "%r = coreai.sum_pool_2d %x, %a, %a, %a : (tensor<1x1x4x4xf32>, tensor<3xui32>, "
      "tensor<3xui32>, tensor<3xui32>) -> tensor<1x1x2x2xf32>\n"
      "coreai.output %r : tensor<1x1x2x2xf32>\n}",
      "operand 1 has 3 numbers for 2 dimensions of space" },
    { "coreai.graph @main(%x: tensor<1x1x4x4xf32>, %f: tensor<i1>) -> (tensor<1x1x2x2xf32>) {\n"
      "%a = coreai.constant dense<2> : tensor<2xui32>\n"
      "%b = coreai.constant dense<1> : tensor<2xui32>\n"
      "%r = coreai.max_pool_2d %x, %a, %a, %b, %f : (tensor<1x1x4x4xf32>, tensor<2xui32>, "
      "tensor<2xui32>, tensor<2xui32>, tensor<i1>) -> tensor<1x1x2x2xf32>\n"
      "coreai.output %r : tensor<1x1x2x2xf32>\n}",
      "whether it rounds up must be a constant" },
    { RESULT("%d = coreai.constant dense<1> : tensor<2x3xsi8>\n"
             "%c = coreai.constant dense<1.0> : tensor<1x1xf32>\n"
             "%o = coreai.constant dense<0> : tensor<1x1xsi8>\n"
             "%s = coreai.blockwise_shift_scale %d, %c, %o, %c : (tensor<2x3xsi8>, "
             "tensor<1x1xf32>, tensor<1x1xsi8>, tensor<1x1xf32>) -> " T),
      "its operand 3, a second offset, must be zeros" },
    { RESULT("%i = coreai.constant dense<0> : tensor<2xui2>\n"
             "%l = coreai.constant dense<1.0> : tensor<4xf32>\n"
             "%s = coreai.lut_to_dense %i, %l, %x : (tensor<2xui2>, tensor<4xf32>, " T
             ") -> tensor<2xf32>"),
      "lut_to_dense: %x must be a constant of one number" },
    { RESULT("%i = coreai.constant dense<0> : tensor<2xui2>\n"
             "%l = coreai.constant dense<1.0> : tensor<4xf32>\n" ONE
             "%s = coreai.lut_to_dense %i, %l, %one : (tensor<2xui2>, tensor<4xf32>, "
             "tensor<si32>) -> tensor<2xf32>"),
      "its palette has too few dimensions" },
};

static void what_is_not_public_is_named(void **state)
{
    (void)state;
    refuse_all(not_public, COUNT(not_public));
}

static const Refused not_fitting[] = {
    { GRAPH("%r = coreai.abs %y : " T " -> " T),
      "x.mlir:2:17: error: %y is not defined" },
    { GRAPH("%r = coreai.abs %x#1 : " T " -> " T), "%x has 1 values" },
    { GRAPH("%r = coreai.abs %x : " T " -> tensor<3x2xf32>"),
      "what it computes is tensor<fp32, [2, 3]>, and its type says tensor<fp32, [3, 2]>" },
    { GRAPH("%r = coreai.abs %x : tensor<2x3xf16> -> " T),
      "x.mlir:2:22: error: %x is tensor<fp32, [2, 3]>, and its type says tensor<fp16" },
    { GRAPH("%r = coreai.add %x, %x : (" T ") -> " T), "it has 2 operands and 1 types" },
    { GRAPH("%r = coreai.add %x : " T " -> " T), "add: it has 1 operands" },
    { GRAPH("%r, %s = coreai.abs %x : " T " -> (" T ", " T ")"),
      "it gives 1 values, and the text has 2 names and 2 types" },
    { RESULT("%c = coreai.constant dense<1.0> : tensor<3xf32>\n"
             "%s = coreai.add %x, %c : (" T ", tensor<3xf32>) -> " T),
      "only coreai.decomposable.broadcasting_add takes two shapes" },
    { RESULT("%s = coreai.reduce_max %x, %x : (" T ", " T ") -> " T),
      "reduce_max: %x must be a constant, of 32 numbers at most" },
    { RESULT("%c = coreai.constant dense<7> : tensor<si32>\n"
             "%s = coreai.softmax %x, %c : (" T ", tensor<si32>) -> " T),
      "there is no dimension 7 in 2" },
    { RESULT("%c = coreai.constant dense<[4, 3]> : tensor<2xui32>\n"
             "%s = coreai.broadcast_to %x, %c : (" T
             ", tensor<2xui32>) -> tensor<4x3xf32>"),
      "[2, 3] does not become [4, 3]" },
    { RESULT("%c = coreai.constant dense<4> : tensor<1xui32>\n"
             "%s = coreai.broadcast_to %x, %c : (" T
             ", tensor<1xui32>) -> tensor<4xf32>"),
      "its shape has 1 dimensions" },
    { RESULT("%c = coreai.constant dense<4> : tensor<1xui32>\n"
             "%a = coreai.constant dense<[0, 1]> : tensor<2xsi32>\n"
             "%s = coreai.broadcast_in_dims %x, %c, %a : (" T
             ", tensor<1xui32>, tensor<2xsi32>) -> " T),
      "it has 1 sizes and 2 axes" },
    { RESULT("%c = coreai.constant dense<4> : tensor<1xui32>\n"
             "%a = coreai.constant dense<5> : tensor<1xsi32>\n"
             "%s = coreai.broadcast_in_dims %x, %c, %a : (" T
             ", tensor<1xui32>, tensor<1xsi32>) -> " T),
      "broadcast_in_dims: there is no dimension 5" },
    { RESULT("%a = coreai.constant dense<0> : tensor<15xsi32>\n"
             "%s = coreai.expand_dims %x, %a : (" T ", tensor<15xsi32>) to " T),
      "it gives more than 16 dimensions" },
    { RESULT("%a = coreai.constant dense<1> : tensor<1xsi32>\n"
             "%s = coreai.slice %x, %a, %a, %a : (" T
             ", tensor<1xsi32>, tensor<1xsi32>, tensor<1xsi32>) -> " T),
      "it has 1 places for 2 dimensions" },
    { RESULT("%p = coreai.constant dense<1> : tensor<2xui32>\n"
             "%z = coreai.constant dense<0.0> : tensor<f32>\n"
             "%s = coreai.pad %x, %p, %z mode = <constant> : (" T
             ", tensor<2xui32>, tensor<f32>) -> " T),
      "it has 2 pads for 2 dimensions" },
    { RESULT("%p = coreai.constant dense<1> : tensor<4xui32>\n"
             "%s = coreai.pad %x, %p, %x mode = <constant> : (" T ", tensor<4xui32>, " T
             ") -> tensor<4x5xf32>"),
      "its value must be a constant" },
    { RESULT("%c = coreai.cast %x : tensor<2x3xf32> to tensor<2x3xbf16>"),
      "MIL has no tensors of bf16" },
    { RESULT("%t = coreai.create_token : !coreai.token\n"
             "%s = coreai.abs %t : " T " -> " T),
      "a token and a tensor are not the same" },
    { RESULT("%t = coreai.create_token : !coreai.token\n"
             "%s = coreai.abs %t : !coreai.token -> " T),
      "abs: %t is a token" },
    { RESULT("%t = coreai.create_token : !coreai.token\n"
             "%s, %u = coreai.read_handle %x, %t : (" T ", !coreai.token) -> (" T
             ", !coreai.token)"),
      "it takes a handle first and a token last" },
    { "coreai.graph @main(%x: !coreai.token) { coreai.output %x : !coreai.token }",
      "a graph that is an entry takes no tokens" },
    { "coreai.graph @main(%x: " T ") -> (" T ", " T ") { coreai.output %x : " T " }",
      "@main gives 1 values, and says 2" },
    { "coreai.graph @main(%x: " T ") -> (tensor<3xf32>) { coreai.output %x : " T " }",
      "a result is tensor<fp32, [2, 3]>, and its type says" },
    { "coreai.graph @a() { coreai.output } coreai.graph @a() { coreai.output }",
      "there is another graph of that name" },
    { RESULT("%s = coreai.invoke @none(%x) : (" T ") -> " T), "there is no graph @none" },
    { RESULT("%s = coreai.invoke @main(%x) : (" T ") -> " T), "@main invokes itself" },
    { "coreai.graph private @f() -> (" T
      ") { coreai.output }\n" RESULT("%s = coreai.invoke @f(%x) : (" T ") -> " T),
      "@f takes 0 values, not 1" },
    { "coreai.graph private @f(%a: tensor<1xf32>) { coreai.output }\n" RESULT(
          "%s = coreai.invoke @f(%x) : (" T ") -> " T),
      "%a is tensor<fp32, [2, 3]>, and its type says" },
};

static void names_types_and_counts_are_held_against_each_other(void **state)
{
    (void)state;
    refuse_all(not_fitting, COUNT(not_fitting));
}

static void branches_agree(void **state)
{
    (void)state;
#define IF(cond, yes, no) \
    RESULT("%c = coreai.constant dense<true> : tensor<i1>\n%s = coreai.if " cond \
           " {" yes "} else {" no "} : tensor<i1> -> " T)
#define X "coreai.yield %x : " T
    refuse(RESULT("%c = coreai.constant dense<true> : tensor<i1>\n%s = coreai.if %c {" X
                  "} : tensor<i1> -> " T),
           "if: it has no else");
    refuse(RESULT("%s = coreai.if %x {" X "} else {" X "} : " T " -> " T),
           "its condition is no single truth value");
    refuse(IF("%c", X, "coreai.yield %x, %x : " T ", " T),
           "its branches give 1 and 2 values");
    refuse(IF("%c", X, "coreai.yield %c : tensor<i1>"),
           "value 0 of a branch is tensor<fp32, [2, 3]>, of the other bool");
    refuse(IF("%c", "%t = coreai.create_token : !coreai.token coreai.yield %t", X),
           "a branch gives a token");
    Buf deep = { 0 };
    buf_puts(&deep, "coreai.graph @main(%c: tensor<i1>) { ");
    for (int i = 0; i < 400; i++) buf_puts(&deep, "%r = coreai.if %c {");
    refuse(deep.s, "brackets or blocks are nested too deep");
    buf_free(&deep);
    buf_puts(&deep, "coreai.graph @g0(%x: " T ") -> (" T ") { coreai.output %x }\n");
    for (int i = 1; i < 40; i++)
        buf_printf(&deep,
                   "coreai.graph private @g%d(%%x: " T ") -> (" T
                   ") { %%r = coreai.invoke @g%d(%%x) : (" T ") -> " T
                   " coreai.output %%r }\n",
                   i, i - 1);
    buf_puts(&deep, RESULT("%s = coreai.invoke @g39(%x) : (" T ") -> " T));
    refuse(deep.s, "more than 32 graphs invoke each other");
    buf_free(&deep);
}

/* ---- constants --------------------------------------------------------------------------- */

static void constants_are_of_their_type(void **state)
{
    (void)state;
    static const struct {
        const char *value, *want;
    } cases[] = {
        { "dense<[1, 2]> : tensor<3xsi32>",
          "the elements are not as many as the type says" },
        { "dense<[[1], [2, 3]]> : tensor<2x1xsi32>", "not as many" },
        { "dense<[[1, 2], [3]]> : tensor<1x3xsi32>", "not as many" },
        { "dense<> : tensor<1xsi32>", "not as many" },
        { "dense<1.5> : tensor<si32>",
          "an integer does not fit into the constant's type" },
        { "dense<300> : tensor<si8>", "an integer does not fit" },
        { "dense<-1> : tensor<ui8>", "an integer does not fit" },
        { "dense<-1> : tensor<ui32>", "an integer does not fit" },
        { "dense<4294967295> : tensor<ui32>", "an integer does not fit" },
        { "dense<true> : tensor<si32>", "an element is not of the constant's type" },
        { "dense<[\"a\"]> : tensor<1xsi32>", "an element is not of the constant's type" },
        { "dense<1> : tensor<i1>", "an element is not of the constant's type" },
        { "dense<0x7FC0> : tensor<f32>",
          "bits of a float have as many digits as its type" },
        { "dense<\"0x00\"> : tensor<2xf32>",
          "there are not as many bytes as the type says" },
        { "dense<\"zz\"> : tensor<2xf32>", "bytes are written as" },
        { "dense<\"0x0z\"> : tensor<1xsi8>", "bytes are written as" },
        { "dense<\"0x01\"> : tensor<2xui4>",
          "how elements of less than a byte share one" },
        { "dense<\"0xFFFFFFFF\"> : tensor<1xui32>", "does not fit into int32, and MIL" },
        { "dense<1> : tensor<?xsi32>", "a constant has a size that is known" },
        { "dense<1> : tensor<2147483647x2147483647x2147483647xsi32>",
          "a size that is known" },
        { "dense<[1]> : tensor<2147483647xui4>", "not as many" },
        { "dense<1> : tensor<2xf8E5M2>", "MIL has no tensors of f8E5M2" },
        { "dense<1> : tensor<2xq7>", "MIL has no tensors of q7" },
        { "dense<1> : !coreai.token", "a constant is a tensor" },
        { "dense_resource<r> : tensor<2xf32>",
          "the text has no bytes of the resource r" },
        { "dense<1> : (tensor<1xf32>, tensor<1xf32>)", "constant: it has no type" },
        { "dense<1111111111111111111111111111111111111111111111111111111111111111111> : "
          "tensor<2xsi32>",
          "a number is too long" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Buf text = { 0 };
        buf_puts(&text,
                 "coreai.graph @main(%x: " T ") -> (" T ") {\n%c = coreai.constant ");
        buf_puts(&text, cases[i].value);
        buf_puts(&text,
                 "\n%r = coreai.abs %x : " T " -> " T "\ncoreai.output %r : " T "\n}");
        refuse(text.s, cases[i].want);
        buf_free(&text);
    }
}

/* A large constant of one number takes no room of its own. */
static void one_number_everywhere_is_small(void **state)
{
    (void)state;
    Diag d = { 0 };
    Module *m = parse(
        &d, "coreai.graph @main(%x: tensor<f32>) -> (tensor<2000000000xf32>) {\n"
            "%c = coreai.constant dense<1.5> : tensor<2000000000xf32>\n"
            "%r = coreai.decomposable.broadcasting_add %c, %x : "
            "(tensor<2000000000xf32>, tensor<f32>) -> tensor<2000000000xf32>\n"
            "coreai.output %r : tensor<2000000000xf32>\n}");
    assert_non_null(m);
    module_free(m);
    diag_free(&d);
}

/* ---- cut anywhere ------------------------------------------------------------------------ */

static void every_cut_and_changed_byte_ends_well(void **state)
{
    (void)state;
    static const char *const files[] = { "weights", "branch", "state" };
    for (size_t k = 0; k < COUNT(files); k++) {
        Arena a = { 0 };
        Diag d = { .quiet = true };
        Mapped map;
        const char *path = arena_printf(&a, "tests/golden/coreai/%s.mlir", files[k]);
        assert_true(file_map(&d, path, &map));
        char *text = arena_strndup(&a, (const char *)map.data, map.size);
        for (size_t n = 0; n < map.size; n += 3) {
            const char before = text[n];
            for (int how = 0; how < 2; how++) {
                Diag one = { .quiet = true };
                text[n] = how ? '<' : 0;
                Module *m = parse(&one, text);
                if (m) module_free(m);
                diag_free(&one);
            }
            text[n] = before;
        }
        file_unmap(&map);
        arena_free(&a);
        diag_free(&d);
    }
}

static void what_is_beyond_its_room_is_refused(void **state)
{
    Arena a = { 0 };
    Diag d = { 0 };
    Buf b = { 0 };
    (void)state;
    buf_puts(&b, "%r = coreai.concat %x");
    for (int i = 0; i < CORE_IN; i++) buf_puts(&b, ", %x");
    buf_puts(&b, " : (" T);
    for (int i = 0; i < CORE_IN; i++) buf_puts(&b, ", " T);
    const char *text = arena_printf(&a,
                                    "coreai.graph @main(%%x: " T ") -> (" T
                                    ") {\n%s) -> " T "\ncoreai.output %%r : " T "\n}\n",
                                    b.s);
    refuse(text, "it has more than 256 operands");
    const char *folder = make_folder(&a);
    const char *path = arena_printf(&a, "%s/large.mlir", folder);
    assert_true(file_write_all(&d, path, "", 0));
    assert_int_equal(truncate(path, (off_t)FILE_MAX_TEXT + 1), 0);
    assert_null(core_text_read(&d, path, NULL));
    expect_says(&d, "large.mlir is larger than the 1 GiB that a text may have");
    remove_folder(folder);
    buf_free(&b);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_errors_say_what_is_expected),
        cmocka_unit_test(what_is_not_public_is_named),
        cmocka_unit_test(names_types_and_counts_are_held_against_each_other),
        cmocka_unit_test(branches_agree),
        cmocka_unit_test(constants_are_of_their_type),
        cmocka_unit_test(one_number_everywhere_is_small),
        cmocka_unit_test(what_is_beyond_its_room_is_refused),
        cmocka_unit_test(every_cut_and_changed_byte_ends_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
