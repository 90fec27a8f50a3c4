/* test_containers.c -- .mlpackage and .mlmodelc: what is written is what the format says, and
 * what is read is what was written. */
#include "containers.h"

#include <dirent.h>
#include <unistd.h>

/* ---- what is written --------------------------------------------------------------------- */

static void the_fields_are_those_of_the_published_format(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), small, sizeof small - 1);
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    expect_number(m, "1", 7);
    expect_text(m, "2.1.1", "x");
    expect_text(m, "2.1.3.5.1", "\1\2");      /* shape, packed */
    expect_number(m, "2.1.3.5.2", 65552);     /* FLOAT16 */
    expect_number(m, "2.1[1].3.5.2", 131104); /* INT32 */
    expect_text(m, "2.10.1", "y");
    assert_false(look(m, "2.20").found); /* one main: no list of functions */
    expect_number(m, "502.1", 1);
    expect_text(m, "502.2.1", "main");
    expect_text(m, "502.2.2.1.1", "x");
    expect_number(m, "502.2.2.1.2.1.1", 10); /* FLOAT16 of MIL */
    expect_number(m, "502.2.2.1.2.1.2", 2);  /* rank */
    assert_true(look(m, "502.2.2.1.2.1.3.1").found);
    expect_number(m, "502.2.2.1.2.1.3[1].1.1", 2);
    expect_text(m, "502.2.2.2", "CoreML6");
    expect_text(m, "502.2.2.3.1", "CoreML6");
    expect_text(m, "502.2.2.3.2.2", "y"); /* the block's result */
    expect_text(m, "502.2.2.3.2.3.1", "const");
    expect_text(m, "502.2.2.3.2.3.3.1", "c");
    expect_text(m, "502.2.2.3.2.3.5.1", "name");
    /* its value: immediate, tensor, strings */
    expect_text(m, "502.2.2.3.2.3.5.2.3.1.4.1", "c");
    assert_int_equal(look(m, "502.2.2.3.2.3.5[1].2.3.1.7.1").n, 2); /* fp16 in bytes */
    assert_memory_equal(look(m, "502.2.2.3.2.3.5[1].2.3.1.7.1").s, "\0\x3c", 2);
    expect_text(m, "502.2.2.3.2.3[1].2.1", "x");
    expect_text(m, "502.2.2.3.2.3[1].2.2.1.1", "x"); /* argument, binding, name */
    expect_text(m, "502.2.2.3.2.3[1].2[1].2.1.1", "c");
    expect_text(m, "502.4.1", "buildInfo");
    expect_text(m, "502.4.2.3.4.1.2.3.1.4.1", "v");
    file_unmap(&m);
}

/* What protoc makes of it with the published layout (tests/unit/coreml.proto). A field that is
 * not in the layout, or is of another kind there, would show as a number. */
static char *decoded(Place *p, const char *package)
{
    const char *model = arena_printf(&p->a, "%s/Data/com.apple.CoreML/model.mlmodel",
                                     package);
    const char *out = at(p, "decoded.txt");
    assert_int_equal(
        system(arena_printf(
            &p->a, "protoc --decode=Model -Itests/unit coreml.proto < '%s' > '%s'", model,
            out)),
        0);
    Mapped m = get_file(p, out);
    char *text = arena_strndup(&p->a, (const char *)m.data, m.size);
    file_unmap(&m);
    for (const char *line = text; *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        const char *word = line + strspn(line, " ");
        if (*word >= '0' && *word <= '9')
            fail_msg("a field that the layout lacks: %.40s", word);
    }
    return text;
}

static void protoc_decodes_what_is_written(void **state)
{
    static const char *const parts[] = {
        "specificationVersion: 7\n",
        "    name: \"x\"\n    type {\n      multiArrayType {\n        shape: 1\n        shape: 2\n"
        "        dataType: FLOAT16\n",
        "        shape: 3\n        dataType: INT32\n",
        "mlProgram {\n  version: 1\n  functions {\n    key: \"main\"\n",
        "      opset: \"CoreML6\"\n      block_specializations {\n        key: \"CoreML6\"\n",
        "          outputs: \"y\"\n",
        "            type: \"add\"\n            inputs {\n              key: \"x\"\n              value {\n"
        "                arguments {\n                  name: \"x\"\n",
        "                    bytes {\n                      values: \"\\000<\"\n",
        "                    strings {\n                      values: \"y\"\n",
    };
    Place *p = *state;
    put_file(p, at(p, "a.mil"), small, sizeof small - 1);
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    const char *text = decoded(p, at(p, "a.mlpackage"));
    for (size_t i = 0; i < COUNT(parts); i++)
        if (!strstr(text, parts[i])) fail_msg("`%s` is not in %s", parts[i], text);
    for (size_t i = 0; i < COUNT(texts); i++) {
        put_file(p, at(p, "b.mil"), texts[i], strlen(texts[i]));
        convert(p, at(p, "b.mil"), at(p, "b.mlpackage"));
        assert_true(strlen(decoded(p, at(p, "b.mlpackage"))) > 500);
    }
}

/* ---- and comes back ---------------------------------------------------------------------- */

static void texts_come_back_through_both_containers(void **state)
{
    Place *p = *state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *own = texts[i];
        put_file(p, at(p, "1/a.mil"), own, strlen(own));
        convert(p, at(p, "1/a.mil"), at(p, "2/a.mlpackage"));
        convert(p, at(p, "2/a.mlpackage"), at(p, "3/a.mil"));
        expect_same_file(p, at(p, "1/a.mil"), at(p, "3/a.mil"));
        convert(p, at(p, "2/a.mlpackage"), at(p, "4/a.mlmodelc/"));
        convert(p, at(p, "4/a.mlmodelc"), at(p, "5/a.mil"));
        expect_same_file(p, at(p, "1/a.mil"), at(p, "5/a.mil"));
        convert(p, at(p, "4/a.mlmodelc"), at(p, "6/a.mlpackage"));
        expect_same_file(p, at(p, "2/a.mlpackage/Data/com.apple.CoreML/model.mlmodel"),
                         at(p, "6/a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    }
}

static void flexible_shapes_are_in_the_description(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), texts[5], strlen(texts[5]));
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    expect_text(m, "2.1.3.5.1", "\2\4");
    expect_number(m, "2.1.3.5.31.1.1", 1);
    expect_number(m, "2.1.3.5.31.1[1].2", 4000);
    assert_true(look(m, "502.2.2.1.2.1.3.2").found); /* an unknown dimension */
    assert_false(look(m, "502.2.2.4").found);
    assert_false(look(m, "2.10.3.5.1").found); /* the result's shape is left out */
    file_unmap(&m);
    put_file(p, at(p, "b.mil"), texts[6], strlen(texts[6]));
    convert(p, at(p, "b.mil"), at(p, "b.mlpackage"));
    m = get_file(p, at(p, "b.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    expect_text(m, "2.1.3.5.21.1[2].1", "\4");
    file_unmap(&m);
}

static void states_and_functions_are_in_the_description(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), texts[3], strlen(texts[3]));
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    expect_number(m, "1", 9);
    expect_text(m, "2.13.1", "s");
    expect_number(m, "2.13.3.8.1.2", 65552);
    expect_number(m, "502.2.2.1.2.5.1.1.1", 10); /* StateType of fp16 */
    file_unmap(&m);
    put_file(p, at(p, "b.mil"), texts[4], strlen(texts[4]));
    Module *two = must_read(p, at(p, "b.mil"));
    two->default_func = "second";
    assert_true(container_save(two, &p->d, at(p, "b.mlpackage")));
    module_free(two);
    m = get_file(p, at(p, "b.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    expect_text(m, "2.20.1", "first");
    expect_text(m, "2.20[1].2.1", "z");
    expect_text(m, "2.20[1].3.1", "y");
    expect_text(m, "2.21", "second");
    assert_false(look(m, "2.1").found);
    file_unmap(&m);
    convert(p, at(p, "b.mlpackage"), at(p, "c.mil")); /* the default is beside it */
    two = must_read(p, at(p, "c.mil"));
    assert_string_equal(two->default_func, "second");
    module_free(two);
}

/* What .mil has no place for is beside it, and goes when there is nothing any more. */
static void metadata_and_order_survive_text(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), small, sizeof small - 1);
    Module *m = must_read(p, at(p, "a.mil"));
    About *about = about_of(m);
    about->text[0] = "it adds \xe2\x80\x94 \"one\"";
    about->text[2] = "nobody";
    about->user = (const char *[]){ "k", "v", "empty", "" };
    about->nuser = 4;
    AboutFunc *f = about_func(m, about, "main");
    f->side[ABOUT_INPUT] = (struct Features){
        .count = 2,
        .at = (Feature[]){ { "i", "counts", NULL, 0 }, { "x", NULL, NULL, 0 } }
    };
    assert_true(container_save(m, &p->d, at(p, "b.mlmodelc")));
    module_free(m);
    Mapped shown = get_file(p, at(p, "b.mlmodelc/metadata.json"));
    const char *json = arena_strndup(&p->a, (const char *)shown.data, shown.size);
    file_unmap(&shown);
    const char *own = strstr(json, "\"userDefinedMetadata\"");
    assert_true(own && strstr(own, "\"k\"") && strstr(own, "\"v\"")
                && strstr(own, "\"empty\""));
    convert(p, at(p, "b.mlmodelc"), at(p, "c/c.mil"));
    assert_true(file_exists(at(p, "c/c.mil.json")));
    convert(p, at(p, "c/c.mil"), at(p, "d.mlpackage"));
    convert(p, at(p, "d.mlpackage"), at(p, "e.mlmodelc"));
    expect_same_file(p, at(p, "b.mlmodelc/coremldata.bin"),
                     at(p, "e.mlmodelc/coremldata.bin"));
    expect_same_file(p, at(p, "b.mlmodelc/model.mil"), at(p, "e.mlmodelc/model.mil"));
    Mapped spec = get_file(p, at(p, "d.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    expect_text(spec, "2.1.1", "i");
    expect_text(spec, "2.1.2", "counts");
    expect_text(spec, "2.100.3", "nobody");
    expect_text(spec, "2.100.100[1].1", "empty");
    expect_text(spec, "502.2.2.1.1", "x"); /* the program's own order stays */
    file_unmap(&spec);
    convert(p, at(p, "a.mil"), at(p, "c/c.mil"));
    assert_false(file_exists(at(p, "c/c.mil.json")));
    put_file(p, at(p, "c/c.mil.json"), "{}", 2);
    m = must_read(p, at(p, "d.mlpackage"));
    assert_false(container_save(m, &p->d, at(p, "c/c.mil")));
    expect_says(
        &p->d,
        "c.mil.json is another's file: there is no place for what c.mil cannot hold");
    module_free(m);
}

/* Anything may stand in a file beside: it is used where it fits, and does no harm elsewhere. */
static void what_is_beside_may_be_anything(void **state)
{
    static const char *const beside[] = {
        "{\"format\": \"anec beside 1\", \"rest\": \"a!\", \"default\": \"nowhere\", \"userDefined\": {\"k\": 1}}",
        "{\"format\": \"anec beside 1\", \"functions\": {\"main\": {\"inputs\": [{\"name\": \"x\", \"type\": "
        "\"KgQKAg==\"}, {\"name\": \"gone\"}, {\"name\": \"x\"}, 7], \"outputs\": {}, \"states\": \"s\"}, \"no\": 1}}",
        "{\"format\": \"anec beside 1\", \"specificationVersion\": -4, \"functions\": []}",
        "{\"format\": \"another\"",
    };
    Place *p = *state;
    put_file(p, at(p, "a.mil"), small, sizeof small - 1);
    convert(p, at(p, "a.mil"), at(p, "a.mlmodelc"));
    for (size_t i = 0; i < COUNT(beside); i++) {
        put_file(p, at(p, "a.mil.json"), beside[i], strlen(beside[i]));
        convert(p, at(p, "a.mil"), at(p, "b.mlmodelc"));
        expect_same_file(p, at(p, "a.mlmodelc/coremldata.bin"),
                         at(p, "b.mlmodelc/coremldata.bin"));
    }
    static const char bad[] =
        "{\"format\": \"anec beside 1\", \"functions\": {\"main\": {\"attributes\": "
        "{\"FlexibleShapeInformation\": \"int32(\"}}}}";
    put_file(p, at(p, "a.mil.json"), bad, sizeof bad - 1);
    expect_path_error(p, at(p, "a.mil"), "a.mil.json:1:7: error: ");
}

static void weights_keep_file_and_offset(void **state)
{
    static const char text[] =
        "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [4]> x) {\n" LINE
        "tensor<fp32, [4]> w = const()[val = tensor<fp32, [4]>(BLOBFILE(path = string(\"@model_path/weights/w.bin\"),"
        " offset = uint64(64)))];\n" LINE
        "tensor<fp32, [4]> y = add(x = x, y = w);\n        } -> (y);\n}";
    Place *p = *state;
    const Const c = { .type = type_tensor(&p->a, DT_FP32, SHAPE(4)),
                      .kind = CONST_INIT,
                      .a = 2 };
    uint64_t offset;
    put_file(p, at(p, "a.mil"), text, sizeof text - 1);
    assert_true(file_make_dirs(&p->d, at(p, "weights")));
    BlobWriter *b = blob_create(&p->a, &p->d, at(p, "weights/w.bin"));
    assert_true(blob_add(b, &c, &offset) && blob_finish(b) && blob_commit(b));
    convert(p, at(p, "a.mil"), at(p, "b.mlpackage"));
    expect_same_file(p, at(p, "weights/w.bin"),
                     at(p, "b.mlpackage/Data/com.apple.CoreML/weights/w.bin"));
    convert(p, at(p, "b.mlpackage"), at(p, "b.mlpackage")); /* onto itself */
    convert(p, at(p, "b.mlpackage"), at(p, "c/c.mil"));
    expect_same_file(p, at(p, "a.mil"), at(p, "c/c.mil"));
    assert_int_equal(unlink(at(p, "b.mlpackage/Data/com.apple.CoreML/weights/w.bin")), 0);
    Module *m = must_read(
        p, at(p, "b.mlpackage")); /* asked for only when bytes are needed */
    assert_int_equal(p->d.warnings, 1);
    expect_says(&p->d, "weights/w.bin is absent");
    module_free(m);
}

/* ---- real models ------------------------------------------------------------------------- */

static void come_back(Place *p, const char *from)
{
    const char *whole = arena_printf(&p->a, "%s/0.mlmodelc", p->dir);
    assert_int_equal(
        system(arena_printf(&p->a, "rm -rf '%s'/*; cp -r '%s' '%s' && chmod -R u+w '%s'",
                            p->dir, from, whole, whole)),
        0);
    const bool data = file_exists(at(p, "0.mlmodelc/coremldata.bin"));
    convert(p, whole,
            at(p, "1.mlmodelc")); /* without the line break that one has at its end */
    convert(p, at(p, "1.mlmodelc"), at(p, "2.mlpackage"));
    convert(p, at(p, "2.mlpackage"), at(p, "3/x.mil"));
    convert(p, at(p, "3/x.mil"), at(p, "4.mlmodelc"));
    expect_same_file(p, at(p, "1.mlmodelc/model.mil"), at(p, "4.mlmodelc/model.mil"));
    if (file_exists(at(p, "0.mlmodelc/weights/weight.bin")))
        expect_same_file(p, at(p, "0.mlmodelc/weights/weight.bin"),
                         at(p, "4.mlmodelc/weights/weight.bin"));
    if (!data) return;
    expect_same_file(p, at(p, "0.mlmodelc/coremldata.bin"),
                     at(p, "1.mlmodelc/coremldata.bin"));
    expect_same_file(p, at(p, "0.mlmodelc/coremldata.bin"),
                     at(p, "4.mlmodelc/coremldata.bin"));
    /* Features made from the program alone are Apple's too. */
    Module *m = must_read(p, whole);
    for (int side = 0; side < ABOUT_SIDES; side++)
        for (int i = 0; i < m->about->func[0].side[side].count; i++)
            m->about->func[0].side[side].at[i].type = NULL;
    assert_true(container_save(m, &p->d, at(p, "5.mlmodelc")));
    module_free(m);
    expect_same_file(p, at(p, "0.mlmodelc/coremldata.bin"),
                     at(p, "5.mlmodelc/coremldata.bin"));
}

static void models_of_apples_compiler_come_back(void **state)
{
    static const char folder[] = "../shared/wild-models";
    Place *p = *state;
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        if (*e->d_name == '.'
            || !file_exists(arena_printf(&p->a, "%s/%s/model.mil", folder, e->d_name)))
            continue;
        come_back(p, arena_printf(&p->a, "%s/%s", folder, e->d_name));
        n++;
    }
    if (dir) closedir(dir);
    if (n) print_message("%d models came back\n", n);
    else print_message("skipped: there is no %s\n", folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_fields_are_those_of_the_published_format),
        TEST(protoc_decodes_what_is_written),
        TEST(texts_come_back_through_both_containers),
        TEST(flexible_shapes_are_in_the_description),
        TEST(states_and_functions_are_in_the_description),
        TEST(metadata_and_order_survive_text),
        TEST(what_is_beside_may_be_anything),
        TEST(weights_keep_file_and_offset),
        TEST(models_of_apples_compiler_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
