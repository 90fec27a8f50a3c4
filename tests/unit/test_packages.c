/* test_packages.c -- packages as we write them and as others do: bytes, versions, flexible shapes,
 * references. */
#include "containers.h"
#include "../../ir/ops/ops.h"

/* ---- equal runs write equal bytes -------------------------------------------------------- */

/* A literal whose last byte has bits to spare follows one of ones: they are zero all the same,
 * in the text's literal, in a package's and in a record of a weight file, whatever was in
 * memory. */
static void spare_bits_of_a_literal_are_zero(void **state)
{
    Place *p = *state;
    for (int t = 1; t < DT_COUNT; t++) {
        const int bits = dtypes[t].bits;
        if (!bits || bits >= 8) continue;
        const char *text = arena_printf(
            &p->a,
            HEAD3("tensor<fp16, [1]> x") LINE
            "tensor<uint8, [4]> before = const()[val = tensor<uint8, [4]>([255, 255, 255, 255])];\n" LINE
            "tensor<%s, [3]> c = const()[name = string(\"c\"), val = tensor<%s, [3]>([1, 0, 1])];\n"
            "        } -> (x);\n}",
            dtypes[t].name, dtypes[t].name);
        const unsigned all = 1u | 1u << 2 * bits;
        put_file(p, at(p, "a.mil"), text, strlen(text));
        convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
        Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
        const Seen bytes = look(m, "502.2.2.3.2.3[1].5[1].2.3.1.7.1");
        assert_int_equal(bytes.n, (3 * bits + 7) / 8);
        for (size_t i = 0; i < bytes.n; i++)
            assert_int_equal(bytes.s[i], all >> 8 * i & 255);
        file_unmap(&m);

        Module *module = must_read(p, at(p, "a.mil"));
        Const *c = (Const *)(uintptr_t)op_attr(module->first->body->first->next, "val");
        BlobWriter *b = blob_create(&p->a, &p->d, at(p, "w.bin"));
        uint64_t offset;
        *(unsigned char *)(uintptr_t)((const char *)c->data + bytes.n
                                      - 1) |= (unsigned char)(0xff << 3 * bits % 8);
        assert_true(blob_add(b, c, &offset) && blob_finish(b) && blob_commit(b));
        m = get_file(p, at(p, "w.bin"));
        for (size_t i = 0; i < bytes.n; i++)
            assert_int_equal(m.data[offset + 64 + i], all >> 8 * i & 255);
        file_unmap(&m);
        module_free(module);
    }
}

/* ---- what is written names the version that it needs ------------------------------------- */

#define FUNC(name, opset, params, body, result) \
    "    func " name "<" opset ">(" params ") {\n" LINE body ";\n        } -> (" result \
    ");\n"
#define PROGRAM(funcs) "program(1.3)\n{\n" funcs "}"
#define RELU(opset, t) \
    FUNC("main", opset, "tensor<" t ", [2]> x", \
         "tensor<" t ", [2]> y = relu(x = x)[name = string(\"y\")]", "y")
#define ONLY(opset, t) \
    FUNC("main", opset, "tensor<" t ", [2]> x", "int32 c = const()[val = int32(1)]", "x")

static void the_specification_follows_what_is_used(void **state)
{
    static const struct {
        const char *text;
        unsigned spec;
    } cases[] = {
        { PROGRAM(RELU("ios15", "fp32")), 6 },
        { PROGRAM(RELU("ios15", "fp16")), 7 }, /* arrays of fp16 are of iOS 16 */
        { PROGRAM(ONLY("ios15", "int32")), 6 },
        { PROGRAM(RELU("ios16", "fp32")), 7 },
        { PROGRAM(RELU("ios17", "fp32")), 8 },
        { PROGRAM(RELU("ios18", "fp32")), 9 },
        { PROGRAM(ONLY("ios15", "int8")), 10 }, /* arrays of int8 of iOS 26 */
        { PROGRAM(ONLY("ios18", "int8")), 10 },
        { PROGRAM(RELU("ios15", "fp32") FUNC("other", "ios15", "tensor<fp32, [2]> x",
                                             /* functions */
                                             "tensor<fp32, [2]> y = relu(x = x)", "y")),
          9 },
        { PROGRAM(FUNC("other", "ios16", "tensor<fp32, [2]> x",
                       "tensor<fp32, [2]> y = relu(x = x)", "y")),
          9 },
        { PROGRAM(FUNC("main", "ios18", "state<tensor<fp16, [2]>> s, tensor<fp32, [2]> x",
                       "tensor<fp32, [2]> y = relu(x = x)", "y")),
          9 },
    };
    Place *p = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        put_file(p, at(p, "a.mil"), cases[i].text, strlen(cases[i].text));
        convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
        Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
        if (look(m, "1").v != cases[i].spec)
            fail_msg("case %zu: %d", i, (int)look(m, "1").v);
        file_unmap(&m);
        convert(p, at(p, "a.mil"), at(p, "a.mlmodelc"));
        m = get_file(p, at(p, "a.mlmodelc/coremldata.bin"));
        assert_int_equal(m.data[43], cases[i].spec);
        file_unmap(&m);
    }
}

/* A version that was read stays when the program needs nothing newer; one that is too old for
 * it does not. */
static void a_version_that_is_too_old_is_raised(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), small, sizeof small - 1); /* ios16 with fp16: 7 */
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    const char *file = at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel");
    for (unsigned char spec = 5; spec <= 9; spec++) {
        Mapped m = get_file(p, file);
        unsigned char *copy = malloc(m.size);
        memcpy(copy, m.data, m.size);
        copy[1] = spec;
        put_file(p, at(p, "b.mlmodel"), copy, m.size);
        free(copy);
        file_unmap(&m);
        convert(p, at(p, "b.mlmodel"), at(p, "c.mlpackage"));
        m = get_file(p, at(p, "c.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
        expect_number(m, "1", spec < 7 ? 7 : spec);
        file_unmap(&m);
    }
}

/* ---- flexible shapes of any integer type ------------------------------------------------- */

static void flexible_shapes_of_any_integer_type_are_one(void **state)
{
    Place *p = *state;
    for (int t = 1; t < DT_COUNT; t++) {
        if (!dtype_is_int((DType)t) || dtypes[t].bits < 8) continue;
        const char *n = dtypes[t].name;
        for (int form = 0; form < 2; form++) {
            const char *kind =
                form ? arena_printf(&p->a, "dict<string, dict<string, tensor<%s, [?]>>>",
                                    n)
                     : arena_printf(&p->a, "dict<string, list<tensor<%s, [2]>, ?>>", n);
            const char *value =
                form
                    ? "(\"EnumeratedShapes\", {{\"01\", {{\"a\", [1, 4]}}}, {\"02\", {{\"a\", [2, 4]}}}})"
                    : "(\"RangeDims\", {{\"a\", [[1, 100], [4, 4]]}})";
            const char *text = arena_printf(
                &p->a,
                "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [?, ?]> a) [FlexibleShapeInformation = tuple<tuple<"
                "string, dict<string, tensor<%s, [?]>>>, tuple<string, %s>>(((\"DefaultShapes\", {{\"a\", [2, 4]}}), "
                "%s))] {\n" LINE
                "tensor<fp32, [?, ?]> y = relu(x = a);\n        } -> (y);\n}",
                n, kind, value);
            const char *to = arena_printf(&p->a, "%s/%s%d.mlpackage", p->dir, n, form);
            put_file(p, at(p, "a.mil"), text, strlen(text));
            convert(p, at(p, "a.mil"), to);
            expect_same_file(
                p, arena_printf(&p->a, "%s/Data/com.apple.CoreML/model.mlmodel", to),
                form ? at(p, "int81.mlpackage/Data/com.apple.CoreML/model.mlmodel")
                     : at(p, "int80.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
        }
    }
}

static void flexible_shapes_that_are_malformed_are_not_written(void **state)
{
    static const char text[] =
        "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [?, 4]> a) [FlexibleShapeInformation = tuple<tuple<string, "
        "dict<string, list<tensor<int32, [2]>, ?>>>>(((\"RangeDims\", {{\"a\", [[1, 8]]}})))] {\n" LINE
        "tensor<fp32, [?, 4]> y = relu(x = a);\n        } -> (y);\n}";
    Place *p = *state;
    put_file(p, at(p, "a.mil"), text, sizeof text - 1);
    Module *m = must_read(p, at(p, "a.mil"));
    assert_false(container_save(m, &p->d, at(p, "a.mlpackage")));
    assert_int_equal(p->d.errors, 1);
    expect_says(&p->d,
                "FlexibleShapeInformation of main is not of the form this attribute has");
    /* nothing is begun of what cannot be held */
    assert_false(file_exists(at(p, "a.mlpackage")));
    module_free(m);
}

/* ---- a reference of an argument becomes a const ------------------------------------------ */

static void references_of_arguments_become_consts(void **state)
{
    static const char text[] =
        "program(1.3)\n{\n    func main<ios17>(tensor<fp16, [1, 20]> x) {\n" LINE
        "tensor<fp16, [1, 20]> y = add(x = x, y = tensor<fp16, [1, 20]>(BLOBFILE(path = string(\"@model_path/w.bin\"), "
        "offset = uint64(64))))[name = string(\"y\")];\n        } -> (y);\n}";
    static const char want[] =
        "program(1.3)\n{\n    func main<ios17>(tensor<fp16, [1, 20]> x) {\n" LINE
        "tensor<fp16, [1, 20]> y_y = const()[name = string(\"y_y\"), val = tensor<fp16, [1, 20]>(BLOBFILE(path = "
        "string(\"@model_path/w.bin\"), offset = uint64(64)))];\n" LINE
        "tensor<fp16, [1, 20]> y = add(x = x, y = y_y)[name = string(\"y\")];\n        } -> (y);\n}";
    Place *p = *state;
    BlobWriter *b = blob_create(&p->a, &p->d, at(p, "w.bin"));
    const Const c = { .type = type_tensor(&p->a, DT_FP16, SHAPE(1, 20)),
                      .kind = CONST_INIT,
                      .init = INIT_FILL,
                      .a = 2 };
    uint64_t offset;
    assert_true(blob_add(b, &c, &offset) && blob_finish(b) && blob_commit(b));
    put_file(p, at(p, "a.mil"), text, sizeof text - 1);
    convert(p, at(p, "a.mil"), at(p, "b.mil"));
    Mapped m = get_file(p, at(p, "b.mil"));
    assert_int_equal(m.size, sizeof want - 1);
    assert_memory_equal(m.data, want, m.size);
    file_unmap(&m);
    convert(p, at(p, "a.mil"), at(p, "c.mlpackage"));
    m = get_file(p, at(p, "c.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    expect_text(m, "502.2.2.3.2.3.1", "const");
    expect_text(m, "502.2.2.3.2.3[1].2[1].2.1.1", "y_y");
    file_unmap(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spare_bits_of_a_literal_are_zero),
        TEST(the_specification_follows_what_is_used),
        TEST(a_version_that_is_too_old_is_raised),
        TEST(flexible_shapes_of_any_integer_type_are_one),
        TEST(flexible_shapes_that_are_malformed_are_not_written),
        TEST(references_of_arguments_become_consts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
