/* test_damage.c -- .mlpackage, .mlmodelc and .mlmodel that are damaged, lead elsewhere or
 * cannot be written are refused with one error. */
#include "containers.h"

#include <sys/stat.h>
#include <unistd.h>

/* ---- damage ------------------------------------------------------------------------------ */

static void expect_one_error(Place *p, const char *path)
{
    Module *m = container_read(&p->d, path);
    if (m) fail_msg("damaged, but read");
    assert_int_equal(p->d.errors + p->d.fails, 1);
    diag_free(&p->d);
    p->d = (Diag){ 0 };
}

static void cut_anywhere_is_one_error(void **state)
{
    Place *p = *state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        put_file(p, at(p, "a.mil"), texts[i], strlen(texts[i]));
        convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
        Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
        for (size_t n = 0; n < m.size; n++) {
            unsigned char *copy = malloc(n + 1); /* its own end, for the sanitizer */
            memcpy(copy, m.data, n);
            put_file(p, at(p, "cut.mlmodel"), copy, n);
            expect_one_error(p, at(p, "cut.mlmodel"));
            free(copy);
        }
        file_unmap(&m);
    }
}

static void changed_bytes_do_no_harm(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), texts[1], strlen(texts[1]));
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    unsigned char *copy = malloc(m.size);
    for (uint64_t i = 0; i < 3000; i++) {
        memcpy(copy, m.data, m.size);
        for (uint64_t k = 0; k <= i % 3; k++)
            copy[rng_u64(1, 8 * i + k) % m.size] = (unsigned char)rng_u64(2, 8 * i + k);
        put_file(p, at(p, "x.mlmodel"), copy, m.size);
        Module *got = container_read(&p->d, at(p, "x.mlmodel"));
        assert_true(got ? diag_ok(&p->d) : p->d.errors + p->d.fails > 0);
        Buf out = { 0 };
        if (got) mil_print(got, &out);
        buf_free(&out);
        module_free(got);
        diag_free(&p->d);
        p->d = (Diag){ 0 };
    }
    free(copy);
    file_unmap(&m);
}

/* A model made of a program that is given as fields, to say what no program of ours says. */
static void put_model(Place *p, const Buf *program)
{
    Buf b = { 0 };
    pb_put_number(&b, MODEL_VERSION, 7);
    pb_put_bytes(&b, MODEL_PROGRAM, program->s, program->len);
    put_file(p, at(p, "m.mlmodel"), b.s, b.len);
    buf_free(&b);
}

/* main<CoreML6>() { type(arg = name) -> out of fp16; } -> (result); */
static void put_wide_op(Place *p, const char *key, const char *name, const char *use,
                        const char *out, const char *result, int nargs, int nouts)
{
    Buf b = { 0 };
    const size_t entry = pb_begin(&b, 2);
    pb_put_string(&b, 1, "main");
    const size_t func = pb_begin(&b, 2);
    pb_put_string(&b, 2, "CoreML6");
    const size_t spec = pb_begin(&b, 3);
    pb_put_string(&b, 1, key);
    const size_t block = pb_begin(&b, 2);
    pb_put_string(&b, 2, result);
    const size_t op = pb_begin(&b, 3);
    pb_put_string(&b, 1, name);
    for (int i = 0; i < nargs; i++) {
        const size_t arg = pb_begin(&b, 2);
        char name_of[16];
        snprintf(name_of, sizeof name_of, i ? "x%d" : "x", i);
        pb_put_string(&b, 1, name_of);
        const size_t list = pb_begin(&b, 2);
        if (nargs == 1) {
            const size_t binding = pb_begin(&b, 1);
            pb_put_string(&b, 1, use);
            pb_end(&b, binding);
        }
        pb_end(&b, list);
        pb_end(&b, arg);
    }
    for (int i = 0; i < nouts; i++) {
        const size_t named = pb_begin(&b, 3);
        char name_of[16];
        snprintf(name_of, sizeof name_of, i ? "%s%d" : "%s", out, i);
        pb_put_string(&b, 1, name_of);
        const size_t type = pb_begin(&b, 2), tensor = pb_begin(&b, 1);
        pb_put_number(&b, 1, 10);
        pb_end(&b, tensor);
        pb_end(&b, type);
        pb_end(&b, named);
    }
    pb_end(&b, op);
    pb_end(&b, block);
    pb_end(&b, spec);
    pb_end(&b, func);
    pb_end(&b, entry);
    put_model(p, &b);
    buf_free(&b);
}

static void put_op(Place *p, const char *key, const char *name, const char *use,
                   const char *out, const char *result)
{
    put_wide_op(p, key, name, use, out, result, 1, 1);
}

static void a_statement_has_an_end(void **state)
{
    Place *p = *state;
    put_wide_op(p, "CoreML6", "many", "y", "y", "y", 0, OP_RESULTS + 1);
    expect_path_error(p, at(p, "m.mlmodel"), "an op has too many results");
    put_wide_op(p, "CoreML6", "many", "y", "y", "y", OP_ARGS + 1, 1);
    expect_path_error(p, at(p, "m.mlmodel"), "an op has too many arguments");
}

static void references_lead_backwards_only(void **state)
{
    Place *p = *state;
    put_op(p, "CoreML6", "relu", "y", "y", "y");
    expect_path_error(
        p, at(p, "m.mlmodel"),
        "m.mlmodel: error: function main: relu: x is y, which nothing before it defines");
    put_op(p, "CoreML6", "relu", "later", "y", "y");
    expect_path_error(p, at(p, "m.mlmodel"),
                      "x is later, which nothing before it defines");
    put_op(p, "CoreML5", "relu", "y", "y", "y");
    expect_path_error(p, at(p, "m.mlmodel"),
                      "function main has no block for its opset CoreML6");
    put_op(p, "CoreML6", "re lu", "y", "y", "y");
    expect_path_error(
        p, at(p, "m.mlmodel"),
        "\"re lu\" is no name: it may have letters, digits and _, and begins with no digit");
    Buf none = { 0 }, b = { 0 };
    put_model(p, &none);
    Module *empty = must_read(p, at(p, "m.mlmodel"));
    module_free(empty);
    pb_put_number(&b, MODEL_VERSION, 4);
    put_file(p, at(p, "m.mlmodel"), b.s, b.len);
    expect_path_error(p, at(p, "m.mlmodel"),
                      "holds no ML program, nor any kind of model that is known");
    buf_free(&b);
}

static void an_undefined_result_is_named(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), small, sizeof small - 1);
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    const char *file = at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel");
    Mapped m = get_file(p, file);
    unsigned char *copy = malloc(m.size);
    memcpy(copy, m.data, m.size);
    const Seen result = look(m, "502.2.2.3.2.2");
    copy[result.s - m.data] = 'q';
    put_file(p, at(p, "b.mlmodel"), copy, m.size);
    expect_path_error(p, at(p, "b.mlmodel"),
                      "function main: the result q is not defined");
    free(copy);
    file_unmap(&m);
}

static void nesting_has_a_bound(void **state)
{
    Place *p = *state;
    Buf b = { 0 };
    for (int i = 0; i < 400; i++) { /* a list of lists of .. */
        Buf outer = { 0 };
        const size_t type = pb_begin(&outer, 2 - (i > 0)), list = pb_begin(&outer, 2);
        if (b.len) buf_add(&outer, b.s, b.len);
        pb_end(&outer, list);
        pb_end(&outer, type);
        buf_free(&b);
        b = outer;
    }
    Buf attr = { 0 };
    const size_t entry = pb_begin(&attr, 4);
    pb_put_string(&attr, 1, "a");
    const size_t value = pb_begin(&attr, 2), type = pb_begin(&attr, 2),
                 list = pb_begin(&attr, 2);
    buf_add(&attr, b.s, b.len);
    pb_end(&attr, list);
    pb_end(&attr, type);
    pb_end(&attr, value);
    pb_end(&attr, entry);
    put_model(p, &attr);
    expect_one_error(p, at(p, "m.mlmodel"));
    buf_free(&attr);
    buf_free(&b);
}

/* ---- packages and folders that are none -------------------------------------------------- */

static void put_manifest(Place *p, const char *path)
{
    const char *text = arena_printf(&p->a,
                                    "{\"itemInfoEntries\": {\"A\": {\"path\": \"%s\"}}, "
                                    "\"rootModelIdentifier\": \"A\"}",
                                    path);
    put_file(p, at(p, "a.mlpackage/Manifest.json"), text, strlen(text));
}

static void a_manifest_leads_into_its_package(void **state)
{
    Place *p = *state;
    expect_path_error(p, at(p, "a.mlpackage"), "cannot open");
    put_file(p, at(p, "a.mlpackage/Manifest.json"), "{", 1);
    expect_path_error(p, at(p, "a.mlpackage"), "Manifest.json is not JSON");
    put_file(p, at(p, "a.mlpackage/Manifest.json"), "{}", 2);
    expect_path_error(
        p, at(p, "a.mlpackage/"),
        "names no root model: rootModelIdentifier and its entry in itemInfoEntries do");
    put_file(p, at(p, "a.mlpackage/Data/x"), "", 0);
    put_manifest(p, "../../a.mil");
    expect_path_error(p, at(p, "a.mlpackage"), "../../a.mil");
    put_manifest(p, "/etc/passwd");
    expect_path_error(p, at(p, "a.mlpackage"), "/etc/passwd");
    put_manifest(p, "com.apple.CoreML/model.mlmodel");
    expect_path_error(p, at(p, "a.mlpackage"), "model.mlmodel");
}

static void folders_that_are_no_model_are_refused(void **state)
{
    Place *p = *state;
    assert_true(file_make_dirs(&p->d, at(p, "a.mlmodelc")));
    expect_path_error(p, at(p, "a.mlmodelc"),
                      "has no model.mil: only compiled ML programs are read");
    expect_path_error(p, at(p, "a.pt"),
                      "the name must end in .mil, .mlmodelc or .mlpackage");
    put_file(p, at(p, "a.mil"), small, sizeof small - 1);
    convert(p, at(p, "a.mil"), at(p, "a.mlmodelc"));
    const char *data = at(p, "a.mlmodelc/coremldata.bin");
    Mapped m = get_file(p, data);
    unsigned char *copy = malloc(m.size);
    memcpy(copy, m.data, m.size);
    const size_t size = m.size;
    file_unmap(&m);
    put_file(p, data, copy, 50);
    expect_path_error(p, at(p, "a.mlmodelc"), "coremldata.bin is too short");
    put_file(p, data, copy, size - 1);
    expect_path_error(p, at(p, "a.mlmodelc"),
                      "coremldata.bin has a layout that is not known");
    copy[83] = 0;
    put_file(p, data, copy, size);
    expect_path_error(
        p, at(p, "a.mlmodelc"),
        "coremldata.bin is damaged at byte 83: a field has no valid number");
    free(copy);
    Module *text = must_read(p, at(p, "a.mil"));
    assert_false(container_save(text, &p->d, at(p, "x.mlmodel")));
    expect_says(&p->d, "x.mlmodel: the name must end in");
    static const char *const forms[] = { "mine.mlpackage", "mine.mlmodelc" };
    for (size_t i = 0; i < COUNT(forms);
         i++) { /* what is no model is not replaced by one */
        const char *mine = arena_printf(&p->a, "%s/notes", at(p, forms[i]));
        put_file(p, mine, "x", 1);
        assert_false(container_save(text, &p->d, at(p, forms[i])));
        expect_says(&p->d, "is a folder that holds no model: it is not replaced");
        assert_true(file_exists(mine) && !unlink(mine));
        assert_true(container_save(text, &p->d, at(p, forms[i]))); /* an empty one is */
    }
    module_free(text);
}

/* ---- what a form cannot hold ------------------------------------------------------------- */

static void refuse_save(Place *p, const char *func, const char *want)
{
    const char *text = arena_printf(&p->a, "program(1.3)\n{\n    func %s\n}", func);
    put_file(p, at(p, "a.mil"), text, strlen(text));
    Module *m = must_read(p, at(p, "a.mil"));
    assert_false(container_save(m, &p->d, at(p, "a.mlpackage")));
    assert_int_equal(p->d.errors, 1);
    module_free(m);
    expect_says(&p->d, want);
    assert_false(file_exists(at(p, "a.mlpackage/Manifest.json")));
}

static void what_a_package_cannot_hold_is_an_error(void **state)
{
    Place *p = *state;
    refuse_save(
        p,
        "main<ios18>(tensor<fp16, [1]> x) { tensor<fp16, [1]> y = relu<ios17>(x = x); } -> (y);",
        "relu<ios17>: a .mlpackage has one opset for a whole function");
    refuse_save(
        p, "main(tensor<fp16, [1]> x) { } -> (x);",
        "the function main names no opset, which a .mlpackage needs; --opset gives one");
    refuse_save(
        p,
        "main<ios18>(tensor<fp16, [1]> x) { tensor_buffer<fp16, shape=[1]> y = f(x = x); } -> (x);",
        "a .mlpackage cannot hold the type");
    refuse_save(p, "main<ios18>(tensor<bool, [1]> x) { } -> (x);",
                "x of function main is no tensor of fp16, fp32");
    refuse_save(
        p, "main<ios18>(tensor<fp16, [?]> x) { } -> (x);",
        "x of function main has a `?`, but FlexibleShapeInformation does not say which shapes it may have");
}

static void the_default_function_must_exist(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), texts[4], strlen(texts[4]));
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    const char *file = at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel");
    Mapped m = get_file(p, file);
    unsigned char *copy = malloc(m.size);
    memcpy(copy, m.data, m.size);
    copy[look(m, "2.21").s - m.data] = 'F';
    put_file(p, at(p, "b.mlmodel"), copy, m.size);
    expect_path_error(p, at(p, "b.mlmodel"),
                      "the default function First is not in the program");
    free(copy);
    file_unmap(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cut_anywhere_is_one_error),
        TEST(changed_bytes_do_no_harm),
        TEST(a_statement_has_an_end),
        TEST(references_lead_backwards_only),
        TEST(an_undefined_result_is_named),
        TEST(nesting_has_a_bound),
        TEST(a_manifest_leads_into_its_package),
        TEST(folders_that_are_no_model_are_refused),
        TEST(what_a_package_cannot_hold_is_an_error),
        TEST(the_default_function_must_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
