/* test_foreign.c -- what people bring: models that are no ML program, and weights that lie elsewhere. */
#include "containers.h"
#include "../../ir/ops/ops.h"

#include <unistd.h>

/* ---- what is no ML program --------------------------------------------------------------- */

/* The Model message of `small`, for parts of pipelines. */
static void add_program(Place *p, Buf *models)
{
    put_file(p, at(p, "s.mil"), small, sizeof small - 1);
    convert(p, at(p, "s.mil"), at(p, "s.mlpackage"));
    Mapped m = get_file(p, at(p, "s.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    pb_put_bytes(models, 1, m.data, m.size);
    file_unmap(&m);
}

static void add_kind(Buf *models, uint32_t field, uint32_t kind)
{
    const size_t at = field ? pb_begin(models, field) : 0;
    pb_put_number(models, 1, 4);
    pb_put_bytes(models, kind, "", 0);
    if (field) pb_end(models, at);
}

static void refuse_part(Place *p, const char *path, const char *part, const char *want)
{
    const MilReading how = { .part = part };
    assert_null(container_read_as(&p->d, path, &how));
    assert_int_equal(p->d.errors + p->d.fails, 1);
    expect_says(&p->d, want);
}

static void pipelines_list_their_parts_and_give_one(void **state)
{
    Place *p = *state;
    static const uint32_t kinds[] = { 200, 201, 202 };
    static const char *const words[] = { "a pipeline classifier", "a pipeline regressor",
                                         "a pipeline" };
    for (int k = 0; k < 3; k++) {
        Buf inner = { 0 }, b = { 0 };
        add_kind(&inner, 1, 500);
        add_program(p, &inner);
        const size_t nested = pb_begin(&inner, 1), pipe = pb_begin(&inner, 202);
        add_program(p, &inner);
        pb_end(&inner, pipe);
        pb_end(&inner, nested);
        pb_put_string(&inner, 2, "scale");
        pb_put_string(&inner, 2, "vision");
        pb_put_string(&inner, 2, "deep");
        pb_put_number(&b, 1, 8);
        const size_t outer = pb_begin(&b, kinds[k]),
                     list = kinds[k] == 202 ? 0 : pb_begin(&b, 1);
        buf_add(&b, inner.s, inner.len);
        if (list) pb_end(&b, list);
        pb_end(&b, outer);
        const char *file = at(p, "pipe.mlmodel");
        put_file(p, file, b.s, b.len);
        refuse_part(
            p, file, NULL,
            arena_printf(
                &p->a,
                "pipe.mlmodel is %s of 3 models: scale (a neural network), "
                "vision (an ML program), deep (a pipeline); --part NAME takes one of them\n",
                words[k]));
        refuse_part(p, file, "visoin",
                    "pipe.mlmodel has no part visoin; did you mean vision?\n");
        refuse_part(p, file, "far away",
                    "pipe.mlmodel has no part far away; its parts are: scale (a neural");
        refuse_part(
            p, file, "scale",
            "pipe.mlmodel is a neural network, an older form that has no MIL program: convert "
            "the original once more with coremltools, convert_to=\"mlprogram\"\n");
        refuse_part(p, file, "deep",
                    "is a pipeline of 1 models: 0 (an ML program); --part NAME");
        refuse_part(p, file, "vision/x",
                    "pipe.mlmodel is no pipeline: it has no part x\n");
        static const char *const good[] = { "vision", "deep/0" };
        for (int i = 0; i < 2; i++) {
            const MilReading how = { .part = good[i] };
            Module *m = container_read_as(&p->d, file, &how);
            assert_non_null(m);
            assert_true(container_save(m, &p->d, at(p, "out.mlpackage")));
            expect_same_file(p,
                             at(p, "out.mlpackage/Data/com.apple.CoreML/model.mlmodel"),
                             at(p, "s.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
            module_free(m);
        }
        buf_free(&inner);
        buf_free(&b);
    }
}

static void models_of_other_kinds_are_called_what_they_are(void **state)
{
    static const struct {
        uint32_t kind;
        const char *want;
    } cases[] = {
        { 303,
          "a.mlmodel is a neural network regressor, an older form that has no MIL program: convert the original" },
        { 403, "a.mlmodel is a neural network classifier, an older form" },
        { 500, "a.mlmodel is a neural network, an older form" },
        { 402,
          "a.mlmodel is a tree ensemble classifier, which has no MIL program: only ML programs are read" },
        { 2002, "a.mlmodel is a vision feature print, which has" },
        { 777,
          "a.mlmodel holds no ML program, nor any kind of model that is known: only ML programs are read" },
    };
    Place *p = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Buf b = { 0 };
        add_kind(&b, 0, cases[i].kind);
        put_file(p, at(p, "a.mlmodel"), b.s, b.len);
        expect_path_error(p, at(p, "a.mlmodel"), cases[i].want);
        buf_free(&b);
    }
}

static void archives_and_folders_of_others_are_called_what_they_are(void **state)
{
    static const char zip[] = "PK\3\4 and so on";
    Place *p = *state;
    static const char *const names[] = { "z.mlmodel", "z.mlpackage", "z.mlmodelc" };
    for (size_t i = 0; i < COUNT(names); i++) {
        put_file(p, at(p, names[i]), zip, sizeof zip);
        expect_path_error(
            p, at(p, names[i]),
            "is a zip archive: unpack it, and give the .mlpackage, .mlmodelc or .mil");
        if (!i) continue;
        put_file(p, at(p, names[i]), "text", 4);
        expect_path_error(
            p, at(p, names[i]),
            "is a file, but a model of this ending is a folder; a bare specification "
            "ends in .mlmodel\n");
    }
    put_file(p, at(p, "e.mlmodelc/model.espresso.net"), "{}", 2);
    expect_path_error(
        p, at(p, "e.mlmodelc"),
        "e.mlmodelc is a neural network compiled for Espresso, an older form that "
        "has no MIL program: convert the original once more");
    put_file(p, at(p, "p.mlmodelc/model0/model.espresso.net"), "{}", 2);
    put_file(p, at(p, "p.mlmodelc/model1/model.mil"), small, sizeof small - 1);
    expect_path_error(
        p, at(p, "p.mlmodelc"),
        "p.mlmodelc is a compiled pipeline: model0 (no ML program), model1 (an ML "
        "program); --part NAME takes one of them\n");
    refuse_part(p, at(p, "p.mlmodelc"), "model0",
                "model0 is a neural network compiled for Espresso");
    refuse_part(p, at(p, "p.mlmodelc"), "../p.mlmodelc/model1", "it has a \"..\"");
    refuse_part(p, at(p, "p.mlmodelc/model1.mlmodelc"), "x", "cannot open");
    Module *m = container_read_as(&p->d, at(p, "p.mlmodelc"),
                                  &(MilReading){ .part = "model1" });
    assert_non_null(m);
    module_free(m);
    put_file(p, at(p, "s.mil"), small, sizeof small - 1);
    convert(p, at(p, "s.mil"), at(p, "s.mlmodelc"));
    refuse_part(p, at(p, "s.mlmodelc"), "model1",
                "s.mlmodelc is no pipeline: it has no part model1\n");
}

/* ---- files that are elsewhere ------------------------------------------------------------ */

static const char pointer[] =
    "version https://git-lfs.github.com/spec/v1\noid sha256:"
    "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

static const char weighty[] =
    "program(1.3)\n{\n    func main<ios17>(tensor<fp16, [20]> x) {\n" LINE
    "tensor<fp16, [20]> a = const()[val = tensor<fp16, [20]>(BLOBFILE(path = string(\"@model_path/weights/w.bin\"), offset = uint64(64)))];\n" LINE
    "tensor<fp16, [20]> b = const()[val = tensor<fp16, [20]>(BLOBFILE(path = string(\"@model_path/weights/w.bin\"), offset = uint64(192)))];\n" LINE
    "tensor<fp16, [20]> c = const()[val = tensor<fp16, [20]>(BLOBFILE(path = string(\"@model_path/weights/w.bin\"), offset = uint64(320)))];\n"
    "        } -> (x);\n}";

static void put_weights(Place *p, const char *path)
{
    assert_true(file_make_dirs(&p->d, file_dir(&p->a, path)));
    BlobWriter *b = blob_create(&p->a, &p->d, path);
    uint64_t offset;
    for (int i = 0; i < 3; i++) {
        Const *c = NEW(&p->a, Const);
        *c = (Const){ .type = type_tensor(&p->a, DT_FP16, SHAPE(20)),
                      .kind = CONST_INIT,
                      .init = INIT_FILL,
                      .a = i };
        assert_true(blob_add(b, c, &offset));
    }
    assert_true(blob_finish(b) && blob_commit(b));
}

/* The weights of all parts lie in the package of the pipeline. */
static void a_part_of_a_pipeline_has_its_weights(void **state)
{
    Place *p = *state;
    static const char model[] = "q.mlpackage/Data/com.apple.CoreML/model.mlmodel";
    put_file(p, at(p, "w/a.mil"), weighty, sizeof weighty - 1);
    put_weights(p, at(p, "w/weights/w.bin"));
    convert(p, at(p, "w/a.mil"), at(p, "q.mlpackage"));
    Buf inner = { 0 }, b = { 0 };
    Mapped m = get_file(p, at(p, model));
    pb_put_bytes(&inner, 1, m.data, m.size);
    file_unmap(&m);
    pb_put_string(&inner, 2, "vision");
    pb_put_number(&b, 1, 8);
    pb_put_bytes(&b, 202, inner.s, inner.len);
    put_file(p, at(p, model), b.s, b.len);
    const MilReading how = { .part = "vision" };
    Module *part = container_read_as(&p->d, at(p, "q.mlpackage"), &how);
    if (!part) fail_msg("%s", p->d.text.s);
    int k = 0;
    for (const Op *op = module_main(part)->body->first; op; op = op->next) {
        Tensor t;
        if (op->kind != OP_const || !value_tensor(op->out[0], &p->d, &t) || t.count != 20)
            continue;
        for (size_t i = 0; i < t.count; i++) assert_true(tensor_float(&t, i) == k);
        tensor_free(&t);
        k++;
    }
    assert_int_equal(k, 3);
    assert_true(
        container_save(part, &p->d, at(p, "vision.mlpackage"))); /* alone, with them */
    module_free(part);
    Module *alone = must_read(p, at(p, "vision.mlpackage"));
    assert_true(module_verify(alone, &p->d, NULL));
    module_free(alone);
    buf_free(&inner);
    buf_free(&b);
}

/* Whatever stands as a pointer, a model, its weights, a manifest, arrays: one error that calls
 * it that. */
static void pointers_of_git_lfs_are_called_that(void **state)
{
    static const char want[] =
        " is a Git LFS pointer, which stands for the file: git lfs pull in its repository "
        "fetches the file itself\n";
    static const char *const names[] = {
        "a.mlmodel",
        "a.mil",
        "a.mlpackage/Manifest.json",
        "a.mlmodelc/model.mil",
        "b.mlpackage/Data/com.apple.CoreML/model.mlmodel",
        "c.mlpackage"
    };
    Place *p = *state;
    put_file(p, at(p, "s.mil"), small, sizeof small - 1);
    convert(p, at(p, "s.mil"), at(p, "b.mlpackage"));
    for (size_t i = 0; i < COUNT(names); i++) {
        put_file(p, at(p, names[i]), pointer, sizeof pointer - 1);
        char *model = arena_strdup(&p->a, names[i]), *slash = strchr(model, '/');
        if (slash) *slash = 0;
        expect_path_error(p, at(p, model), arena_printf(&p->a, "%s%s", names[i], want));
    }
    put_file(p, at(p, "w/a.mil"), weighty, sizeof weighty - 1);
    put_file(p, at(p, "w/weights/w.bin"), pointer, sizeof pointer - 1);
    expect_path_error(p, at(p, "w/a.mil"), arena_printf(&p->a, "weights/w.bin%s", want));
    NpyArray array;
    put_file(p, at(p, "a.npy"), pointer, sizeof pointer - 1);
    assert_false(npy_open(&p->d, at(p, "a.npy"), &array));
    expect_says(&p->d, want);
}

static void a_cut_weight_file_is_one_error(void **state)
{
    /* of 424 bytes and more */
    static const size_t sizes[] = { 0, 63, 100, 127, 150, 200, 250, 300, 383, 400 };
    Place *p = *state;
    put_file(p, at(p, "a.mil"), weighty, sizeof weighty - 1);
    put_weights(p, at(p, "whole.bin"));
    Mapped whole = get_file(p, at(p, "whole.bin"));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        put_file(p, at(p, "weights/w.bin"), whole.data, sizes[i]);
        p->d.quiet = true;
        Module *m = must_read(p, at(p, "a.mil"));
        for (const Op *op = m->first->body->first; op; op = op->next) {
            Tensor t;
            if (const_tensor(op_attr(op, "val"), &p->d, &t)) tensor_free(&t);
        }
        assert_int_equal(p->d.errors + p->d.fails, 1);
        expect_says(&p->d, "the file has");
        module_free(m);
    }
    file_unmap(&whole);
}

static void weights_that_are_links_are_followed_when_asked(void **state)
{
    Place *p = *state;
    const MilReading how = { .follow_links = true };
    put_weights(p, at(p, "store/4d7a"));
    put_file(p, at(p, "s.mil"), weighty, sizeof weighty - 1);
    convert(p, at(p, "s.mil"), at(p, "s.mlpackage"));
    Mapped spec = get_file(p, at(p, "s.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    put_file(p, at(p, "store/5e8b"), spec.data, spec.size);
    file_unmap(&spec);
    static const char *const models[] = { "m.mil", "m.mlmodelc", "m.mlpackage" };
    static const char *const weights[] = {
        "weights/w.bin", "m.mlmodelc/weights/w.bin",
        "m.mlpackage/Data/com.apple.CoreML/weights/w.bin"
    };
    put_file(p, at(p, "m.mil"), weighty, sizeof weighty - 1);
    put_file(p, at(p, "m.mlmodelc/model.mil"), weighty, sizeof weighty - 1);
    Mapped manifest = get_file(p, at(p, "s.mlpackage/Manifest.json"));
    put_file(p, at(p, "m.mlpackage/Manifest.json"), manifest.data, manifest.size);
    file_unmap(&manifest);
    assert_true(file_make_dirs(&p->d, at(p, "m.mlpackage/Data/com.apple.CoreML")));
    /* In a folder of its own, so that the store is outside of the model's. */
    const char *hub = at(p, "hub");
    assert_true(file_make_dirs(&p->d, hub));
    for (size_t i = 0; i < COUNT(models); i++) {
        const char *from = at(p, models[i]),
                   *to = arena_printf(&p->a, "%s/%s", hub, models[i]);
        assert_int_equal(rename(from, to), 0);
        const char *file = arena_printf(&p->a, "%s/%s", hub, weights[i]);
        assert_true(file_make_dirs(&p->d, file_dir(&p->a, file)));
        assert_int_equal(symlink(at(p, "store/4d7a"), file), 0);
        if (i == 2)
            assert_int_equal(
                symlink(
                    at(p, "store/5e8b"),
                    arena_printf(&p->a, "%s/Data/com.apple.CoreML/model.mlmodel", to)),
                0);
        expect_path_error(p, to, "; --follow-links reads it\n");
        Module *m = container_read_as(&p->d, to, &how);
        if (!m) fail_msg("%s", p->d.text.s);
        Tensor t;
        const Op *last = m->first->body->last;
        assert_true(const_tensor(op_attr(last, "val"), &p->d, &t));
        assert_true(tensor_float(&t, 19) == 2.0);
        tensor_free(&t);
        module_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pipelines_list_their_parts_and_give_one),
        TEST(a_part_of_a_pipeline_has_its_weights),
        TEST(models_of_other_kinds_are_called_what_they_are),
        TEST(archives_and_folders_of_others_are_called_what_they_are),
        TEST(pointers_of_git_lfs_are_called_that),
        TEST(a_cut_weight_file_is_one_error),
        TEST(weights_that_are_links_are_followed_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
