/* test_containers.c -- .mlpackage and .mlmodelc: what is written is what the format says, what is read
 * is what was written, and what is damaged is refused. */
#include "unit.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../ir/mil/spec.h"

/* ---- helpers ---------------------------------------------------------------------------------- */

typedef struct {
    Arena a;
    char *dir;
    Diag d;
} Place;

static int make_place(void **state)
{
    Place *p = calloc(1, sizeof *p);
    p->dir = make_folder(&p->a);
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    Place *p = *state;
    remove_folder(p->dir);
    diag_free(&p->d);
    arena_free(&p->a);
    free(p);
    return 0;
}

static char *at(Place *p, const char *name) { return arena_printf(&p->a, "%s/%s", p->dir, name); }

static void put_file(Place *p, const char *path, const void *bytes, size_t n)
{
    assert_true(file_make_dirs(&p->d, file_dir(&p->a, path)));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static Mapped get_file(Place *p, const char *path)
{
    Mapped m;
    if (!file_map(&p->d, path, &m)) fail_msg("%s", p->d.text.s);
    return m;
}

static Module *must_read(Place *p, const char *path)
{
    Module *m = container_read(&p->d, path);
    if (!m) fail_msg("%s: %s", path, p->d.text.s);
    return m;
}

static void convert(Place *p, const char *from, const char *to)
{
    Module *m = must_read(p, from);
    if (!file_make_dirs(&p->d, file_dir(&p->a, to)) || !container_save(m, &p->d, to))
        fail_msg("%s: %s", to, p->d.text.s);
    module_free(m);
}

static void expect_same_file(Place *p, const char *a, const char *b)
{
    Mapped x = get_file(p, a), y = get_file(p, b);
    if (x.size != y.size || memcmp(x.data, y.data, x.size)) fail_msg("%s and %s differ", a, b);
    file_unmap(&x);
    file_unmap(&y);
}

static void expect_path_error(Place *p, const char *path, const char *want)
{
    Module *m = container_read(&p->d, path);
    if (m) fail_msg("%s was read", path);
    assert_int_equal(p->d.errors + p->d.fails, 1);
    expect_says(&p->d, want);
}

/* ---- an independent look into a protobuf ------------------------------------------------------- */

typedef struct { const unsigned char *s; size_t n; uint64_t v; bool found; } Seen;

static uint64_t seen_varint(const unsigned char **s)
{
    uint64_t v = 0;
    int shift = 0;
    do v |= (uint64_t)(**s & 127) << shift, shift += 7;
    while (*(*s)++ & 128);
    return v;
}

/* The last field of one number; of `from` repeated ones, that many are passed over first. */
static Seen seen_field(Seen in, unsigned num, int skip)
{
    const unsigned char *s = in.s, *end = in.s + in.n;
    while (in.found && s < end) {
        const uint64_t tag = seen_varint(&s);
        Seen f = { .s = s, .found = true };
        if ((tag & 7) == 0) f.v = seen_varint(&s);
        else if ((tag & 7) == 2) {
            f.n = (size_t)seen_varint(&s);
            f.s = s;
            s += f.n;
        } else s += (tag & 7) == 1 ? 8 : 4;
        assert_true(s <= end);
        if (tag >> 3 == num && skip-- == 0) return f;
    }
    return (Seen){ .found = false };
}

/* "2.1[1].3": fields from the outermost in. */
static Seen look(Mapped m, const char *path)
{
    Seen f = { .s = m.data, .n = m.size, .found = true };
    while (*path) {
        char *end;
        const unsigned num = (unsigned)strtoul(path, &end, 10);
        int skip = 0;
        if (*end == '[') {
            skip = (int)strtol(end + 1, &end, 10);
            end++;
        }
        f = seen_field(f, num, skip);
        path = *end ? end + 1 : end;
    }
    return f;
}

static void expect_text(Mapped m, const char *path, const char *want)
{
    const Seen f = look(m, path);
    if (!f.found || f.n != strlen(want) || memcmp(f.s, want, f.n))
        fail_msg("%s: \"%.*s\" in the place of \"%s\"", path, (int)f.n, f.found ? (const char *)f.s : "", want);
}

static void expect_number(Mapped m, const char *path, uint64_t want)
{
    const Seen f = look(m, path);
    if (!f.found || f.v != want) fail_msg("%s: %llu in the place of %llu", path, (unsigned long long)f.v,
                                          (unsigned long long)want);
}

/* ---- what is written ---------------------------------------------------------------------------- */

static const char small[] = "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"k\", \"v\"}})]\n{\n"
    "    func main<ios16>(tensor<fp16, [1, 2]> x, tensor<int32, [3]> i) {\n"
    "            tensor<fp16, []> c = const()[name = tensor<string, []>(\"c\"), val = tensor<fp16, []>(0x1p+0)];\n"
    "            tensor<fp16, [1, 2]> y = add(x = x, y = c)[name = tensor<string, []>(\"y\")];\n"
    "        } -> (y);\n}";

static void the_fields_are_those_of_the_published_format(void **state)
{
    Place *p = *state;
    put_file(p, at(p, "a.mil"), small, sizeof small - 1);
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    Mapped m = get_file(p, at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"));
    expect_number(m, "1", 7);
    expect_text(m, "2.1.1", "x");
    expect_text(m, "2.1.3.5.1", "\1\2");              /* shape, packed */
    expect_number(m, "2.1.3.5.2", 65552);             /* FLOAT16 */
    expect_number(m, "2.1[1].3.5.2", 131104);         /* INT32 */
    expect_text(m, "2.10.1", "y");
    assert_false(look(m, "2.20").found);              /* one main: no list of functions */
    expect_number(m, "502.1", 1);
    expect_text(m, "502.2.1", "main");
    expect_text(m, "502.2.2.1.1", "x");
    expect_number(m, "502.2.2.1.2.1.1", 10);          /* FLOAT16 of MIL */
    expect_number(m, "502.2.2.1.2.1.2", 2);           /* rank */
    assert_true(look(m, "502.2.2.1.2.1.3.1").found);
    expect_number(m, "502.2.2.1.2.1.3[1].1.1", 2);
    expect_text(m, "502.2.2.2", "CoreML6");
    expect_text(m, "502.2.2.3.1", "CoreML6");
    expect_text(m, "502.2.2.3.2.2", "y");             /* the block's result */
    expect_text(m, "502.2.2.3.2.3.1", "const");
    expect_text(m, "502.2.2.3.2.3.3.1", "c");
    expect_text(m, "502.2.2.3.2.3.5.1", "name");
    expect_text(m, "502.2.2.3.2.3.5.2.3.1.4.1", "c"); /* its value: immediate, tensor, strings */
    assert_int_equal(look(m, "502.2.2.3.2.3.5[1].2.3.1.7.1").n, 2); /* fp16 in bytes */
    assert_memory_equal(look(m, "502.2.2.3.2.3.5[1].2.3.1.7.1").s, "\0\x3c", 2);
    expect_text(m, "502.2.2.3.2.3[1].2.1", "x");
    expect_text(m, "502.2.2.3.2.3[1].2.2.1.1", "x");  /* argument, binding, name */
    expect_text(m, "502.2.2.3.2.3[1].2[1].2.1.1", "c");
    expect_text(m, "502.4.1", "buildInfo");
    expect_text(m, "502.4.2.3.4.1.2.3.1.4.1", "v");
    file_unmap(&m);
}

static void protoc_reads_it_too(void **state)
{
    Place *p = *state;
    if (system("command -v protoc >/dev/null 2>&1")) {
        print_message("skipped: there is no protoc\n");
        return;
    }
    put_file(p, at(p, "a.mil"), small, sizeof small - 1);
    convert(p, at(p, "a.mil"), at(p, "a.mlpackage"));
    assert_int_equal(system(arena_printf(&p->a, "protoc --decode_raw < '%s' > /dev/null",
                                         at(p, "a.mlpackage/Data/com.apple.CoreML/model.mlmodel"))), 0);
}

/* ---- and comes back ----------------------------------------------------------------------------- */

#define HEAD3(params) "program(1.3)\n{\n    func main<ios18>(" params ") {\n"
#define LINE "            "
static const char *const texts[] = {
    small,
    HEAD3("tensor<fp16, [1, 2]> x")
    LINE "int32 a = const()[name = string(\"a\"), val = int32(-7)];\n"
    LINE "tensor<bool, [2, 2]> b = const()[val = tensor<bool, [2, 2]>([[true, false], [false, true]])];\n"
    LINE "tensor<uint6, [5]> c = const()[val = tensor<uint6, [5]>([63, 0, 32, 1, 31])];\n"
    LINE "tensor<int4, [3]> e = const()[val = tensor<int4, [3]>([-8, 7, -1])];\n"
    LINE "tensor<uint64, [2]> f = const()[val = tensor<uint64, [2]>([18446744073709551615, 0])];\n"
    LINE "tensor<int64, [1]> g = const()[val = tensor<int64, [1]>([-9223372036854775808])];\n"
    LINE "tensor<fp32, [3]> h = const()[val = tensor<fp32, [3]>([-0x0p+0, inf, 0x1.fffffep+127])];\n"
    LINE "fp64 i = const()[val = fp64(0x1.999999999999ap-4)];\n"
    LINE "tensor<string, [2]> j = const()[val = tensor<string, [2]>([\"\", \"a \\\"quoted\\\" \xc3\xa9\"])];\n"
    LINE "tensor<int32, [2, 0]> k = const()[val = tensor<int32, [2, 0]>([[], []])];\n"
    LINE "tensor<uint16, [2]> l = const()[val = tensor<uint16, [2]>([65535, 1])];\n"
    LINE "tensor<bf16, [2]> m = const()[val = tensor<bf16, [2]>([0x1p+0, -0x1.8p+1])];\n"
    LINE "tensor<fp16, [1, 4]> y = concat(axis = int32(1), interleave = bool(false), values = (x, x))"
         "[l = list<string, ?>([\"a\", \"b\"]), t = tuple<int32, tensor<fp16, [2]>>((1, [0x1p+0, nan]))];\n"
    "        } -> (y);\n}",
    HEAD3("tensor<fp32, [1, 2]> x")
    LINE "tensor<fp32, [1, 2]> y, int32 z = while_loop(loop_vars = (x, int32(0)))\n"
    LINE "    block0(tensor<fp32, [1, 2]> a, int32 b) {\n"
    LINE "            bool p = less(x = b, y = int32(3));\n"
    LINE "        } -> (p),\n"
    LINE "    block1(tensor<fp32, [1, 2]> a, int32 b) {\n"
    LINE "            tensor<fp32, [1, 2]> c = cond(pred = bool(true))\n"
    LINE "                block0() {\n"
    LINE "                    } -> (a),\n"
    LINE "                block1() {\n"
    LINE "                        tensor<fp32, [1, 2]> a = relu(x = x);\n"
    LINE "                    } -> (a);\n"
    LINE "            int32 e = add(x = b, y = int32(1));\n"
    LINE "        } -> (c, e);\n"
    "        } -> (y, z);\n}",
    HEAD3("state<tensor<fp16, [1, 4]>> s, tensor<fp16, [1, 4]> x")
    LINE "tensor<fp16, [1, 4]> v = read_state(input = s);\n"
    LINE "tensor<fp16, [1, 4]> y = add(x = v, y = x);\n"
    LINE "write_state(data = y, input = s);\n"
    "        } -> (y);\n}",
    "program(1.0)\n{\n    func first<ios16>(tensor<fp16, [2]> x) {\n" LINE "tensor<fp16, [2]> y = relu(x = x);\n"
    "        } -> (y);\n    func second<ios17>(tensor<fp16, [3]> z) {\n" LINE "tensor<fp16, [3]> y = sigmoid(x = z);\n"
    "        } -> (y);\n}",
    "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [?, ?]> a) [FlexibleShapeInformation = tuple<tuple<string, "
    "dict<string, tensor<int32, [?]>>>, tuple<string, dict<string, list<tensor<int32, [2]>, ?>>>>(((\"DefaultShapes\","
    " {{\"a\", [2, 4]}}), (\"RangeDims\", {{\"a\", [[1, 1], [2, 4000]]}})))] {\n"
    LINE "tensor<fp32, [?, ?]> y = relu(x = a);\n        } -> (y);\n}",
    "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [?]> a) [FlexibleShapeInformation = tuple<tuple<string, "
    "dict<string, tensor<int32, [?]>>>, tuple<string, dict<string, dict<string, tensor<int32, [?]>>>>>(("
    "(\"DefaultShapes\", {{\"a\", [4]}}), (\"EnumeratedShapes\", {{\"543d0f94\", {{\"a\", [1]}}}, {\"697b758f\", "
    "{{\"a\", [2]}}}, {\"9e38c1a4\", {{\"a\", [4]}}}})))] {\n"
    LINE "tensor<fp32, [?]> y = relu(x = a);\n        } -> (y);\n}",
    "program(1.3)\n[]\n{\n    func main<ios15>(tensor<fp32, [1]> a) {\n        } -> (a);\n}",
};

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
    assert_false(look(m, "2.10.3.5.1").found);       /* the result's shape is left out */
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
    f->side[ABOUT_INPUT] = (struct Features){ .count = 2, .at = (Feature[]){ { "i", "counts", NULL, 0 },
                                                                             { "x", NULL, NULL, 0 } } };
    assert_true(container_save(m, &p->d, at(p, "b.mlmodelc")));
    module_free(m);
    convert(p, at(p, "b.mlmodelc"), at(p, "c/c.mil"));
    assert_true(file_exists(at(p, "c/c.mil.json")));
    convert(p, at(p, "c/c.mil"), at(p, "d.mlpackage"));
    convert(p, at(p, "d.mlpackage"), at(p, "e.mlmodelc"));
    expect_same_file(p, at(p, "b.mlmodelc/coremldata.bin"), at(p, "e.mlmodelc/coremldata.bin"));
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
    expect_says(&p->d, "c.mil.json is another's file: there is no place for what c.mil cannot hold");
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
        expect_same_file(p, at(p, "a.mlmodelc/coremldata.bin"), at(p, "b.mlmodelc/coremldata.bin"));
    }
    static const char bad[] = "{\"format\": \"anec beside 1\", \"functions\": {\"main\": {\"attributes\": "
                              "{\"FlexibleShapeInformation\": \"int32(\"}}}}";
    put_file(p, at(p, "a.mil.json"), bad, sizeof bad - 1);
    expect_path_error(p, at(p, "a.mil"), "a.mil.json:1:7: error: ");
}

static void weights_keep_file_and_offset(void **state)
{
    static const char text[] = "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [4]> x) {\n"
        LINE "tensor<fp32, [4]> w = const()[val = tensor<fp32, [4]>(BLOBFILE(path = string(\"@model_path/weights/w.bin\"),"
        " offset = uint64(64)))];\n" LINE "tensor<fp32, [4]> y = add(x = x, y = w);\n        } -> (y);\n}";
    Place *p = *state;
    const Const c = { .type = type_tensor(&p->a, DT_FP32, SHAPE(4)), .kind = CONST_INIT, .a = 2 };
    uint64_t offset;
    put_file(p, at(p, "a.mil"), text, sizeof text - 1);
    assert_true(file_make_dirs(&p->d, at(p, "weights")));
    BlobWriter *b = blob_create(&p->a, &p->d, at(p, "weights/w.bin"));
    assert_true(blob_add(b, &c, &offset) && blob_finish(b) && blob_commit(b));
    convert(p, at(p, "a.mil"), at(p, "b.mlpackage"));
    expect_same_file(p, at(p, "weights/w.bin"), at(p, "b.mlpackage/Data/com.apple.CoreML/weights/w.bin"));
    convert(p, at(p, "b.mlpackage"), at(p, "b.mlpackage")); /* onto itself */
    convert(p, at(p, "b.mlpackage"), at(p, "c/c.mil"));
    expect_same_file(p, at(p, "a.mil"), at(p, "c/c.mil"));
    assert_int_equal(unlink(at(p, "b.mlpackage/Data/com.apple.CoreML/weights/w.bin")), 0);
    Module *m = must_read(p, at(p, "b.mlpackage")); /* asked for only when bytes are needed */
    assert_int_equal(p->d.warnings, 1);
    expect_says(&p->d, "weights/w.bin is absent");
    module_free(m);
}

/* ---- damage ------------------------------------------------------------------------------------- */

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
        for (uint64_t k = 0; k <= i % 3; k++) copy[rng_u64(1, 8 * i + k) % m.size] = (unsigned char)rng_u64(2, 8 * i + k);
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
static void put_op(Place *p, const char *key, const char *name, const char *use, const char *out, const char *result)
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
    const size_t arg = pb_begin(&b, 2);
    pb_put_string(&b, 1, "x");
    const size_t list = pb_begin(&b, 2), binding = pb_begin(&b, 1);
    pb_put_string(&b, 1, use);
    pb_end(&b, binding);
    pb_end(&b, list);
    pb_end(&b, arg);
    const size_t named = pb_begin(&b, 3);
    pb_put_string(&b, 1, out);
    const size_t type = pb_begin(&b, 2), tensor = pb_begin(&b, 1);
    pb_put_number(&b, 1, 10);
    pb_end(&b, tensor);
    pb_end(&b, type);
    pb_end(&b, named);
    pb_end(&b, op);
    pb_end(&b, block);
    pb_end(&b, spec);
    pb_end(&b, func);
    pb_end(&b, entry);
    put_model(p, &b);
    buf_free(&b);
}

static void references_lead_backwards_only(void **state)
{
    Place *p = *state;
    put_op(p, "CoreML6", "relu", "y", "y", "y");
    expect_path_error(p, at(p, "m.mlmodel"), "m.mlmodel: error: function main: relu: x is y, which nothing before it defines");
    put_op(p, "CoreML6", "relu", "later", "y", "y");
    expect_path_error(p, at(p, "m.mlmodel"), "x is later, which nothing before it defines");
    put_op(p, "CoreML5", "relu", "y", "y", "y");
    expect_path_error(p, at(p, "m.mlmodel"), "function main has no block for its opset CoreML6");
    put_op(p, "CoreML6", "re lu", "y", "y", "y");
    expect_path_error(p, at(p, "m.mlmodel"),
                      "\"re lu\" is no name: it may have letters, digits and _, and begins with no digit");
    Buf none = { 0 }, b = { 0 };
    put_model(p, &none);
    Module *empty = must_read(p, at(p, "m.mlmodel"));
    module_free(empty);
    pb_put_number(&b, MODEL_VERSION, 4);
    put_file(p, at(p, "m.mlmodel"), b.s, b.len);
    expect_path_error(p, at(p, "m.mlmodel"), "holds no ML program: neural networks, pipelines and other older models");
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
    expect_path_error(p, at(p, "b.mlmodel"), "function main: the result q is not defined");
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
    const size_t value = pb_begin(&attr, 2), type = pb_begin(&attr, 2), list = pb_begin(&attr, 2);
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

/* ---- packages and folders that are none --------------------------------------------------------- */

static void put_manifest(Place *p, const char *path)
{
    const char *text = arena_printf(&p->a, "{\"itemInfoEntries\": {\"A\": {\"path\": \"%s\"}}, "
                                           "\"rootModelIdentifier\": \"A\"}", path);
    put_file(p, at(p, "a.mlpackage/Manifest.json"), text, strlen(text));
}

static void a_manifest_leads_into_its_package(void **state)
{
    Place *p = *state;
    expect_path_error(p, at(p, "a.mlpackage"), "cannot open");
    put_file(p, at(p, "a.mlpackage/Manifest.json"), "{", 1);
    expect_path_error(p, at(p, "a.mlpackage"), "Manifest.json is not JSON");
    put_file(p, at(p, "a.mlpackage/Manifest.json"), "{}", 2);
    expect_path_error(p, at(p, "a.mlpackage/"),
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
    expect_path_error(p, at(p, "a.mlmodelc"), "has no model.mil: only compiled ML programs are read");
    expect_path_error(p, at(p, "a.onnx"), "the name must end in .mil, .mlmodelc or .mlpackage");
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
    expect_path_error(p, at(p, "a.mlmodelc"), "coremldata.bin has a layout that is not known");
    copy[83] = 0;
    put_file(p, data, copy, size);
    expect_path_error(p, at(p, "a.mlmodelc"), "coremldata.bin is damaged at byte 83: a field has no valid number");
    free(copy);
    Module *text = must_read(p, at(p, "a.mil"));
    assert_false(container_save(text, &p->d, at(p, "x.mlmodel")));
    expect_says(&p->d, "x.mlmodel: the name must end in");
    module_free(text);
}

/* ---- what a form cannot hold -------------------------------------------------------------------- */

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
    refuse_save(p, "main<ios18>(tensor<fp16, [1]> x) { tensor<fp16, [1]> y = relu<ios17>(x = x); } -> (y);",
                "relu<ios17>: a .mlpackage has one opset for a whole function");
    refuse_save(p, "main(tensor<fp16, [1]> x) { } -> (x);",
                "the function main names no opset, which a .mlpackage needs; --opset gives one");
    refuse_save(p, "main<ios18>(tensor<fp16, [1]> x) { tensor_buffer<fp16, shape=[1]> y = f(x = x); } -> (x);",
                "a .mlpackage cannot hold the type");
    refuse_save(p, "main<ios18>(tensor<bool, [1]> x) { } -> (x);", "x of function main is no tensor of fp16, fp32");
    refuse_save(p, "main<ios18>(tensor<fp16, [?]> x) { } -> (x);",
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
    expect_path_error(p, at(p, "b.mlmodel"), "the default function First is not in the program");
    free(copy);
    file_unmap(&m);
}

/* ---- real models -------------------------------------------------------------------------------- */

static void come_back(Place *p, const char *from)
{
    const char *whole = arena_printf(&p->a, "%s/0.mlmodelc", p->dir);
    assert_int_equal(system(arena_printf(&p->a, "rm -rf '%s'/*; cp -r '%s' '%s' && chmod -R u+w '%s'", p->dir, from,
                                         whole, whole)), 0);
    const bool data = file_exists(at(p, "0.mlmodelc/coremldata.bin"));
    convert(p, whole, at(p, "1.mlmodelc")); /* without the line break that one has at its end */
    convert(p, at(p, "1.mlmodelc"), at(p, "2.mlpackage"));
    convert(p, at(p, "2.mlpackage"), at(p, "3/x.mil"));
    convert(p, at(p, "3/x.mil"), at(p, "4.mlmodelc"));
    expect_same_file(p, at(p, "1.mlmodelc/model.mil"), at(p, "4.mlmodelc/model.mil"));
    if (file_exists(at(p, "0.mlmodelc/weights/weight.bin")))
        expect_same_file(p, at(p, "0.mlmodelc/weights/weight.bin"), at(p, "4.mlmodelc/weights/weight.bin"));
    if (!data) return;
    expect_same_file(p, at(p, "0.mlmodelc/coremldata.bin"), at(p, "1.mlmodelc/coremldata.bin"));
    expect_same_file(p, at(p, "0.mlmodelc/coremldata.bin"), at(p, "4.mlmodelc/coremldata.bin"));
    /* Features made from the program alone are Apple's too. */
    Module *m = must_read(p, whole);
    for (int side = 0; side < ABOUT_SIDES; side++)
        for (int i = 0; i < m->about->func[0].side[side].count; i++) m->about->func[0].side[side].at[i].type = NULL;
    assert_true(container_save(m, &p->d, at(p, "5.mlmodelc")));
    module_free(m);
    expect_same_file(p, at(p, "0.mlmodelc/coremldata.bin"), at(p, "5.mlmodelc/coremldata.bin"));
}

static void models_of_apples_compiler_come_back(void **state)
{
    static const char folder[] = "../shared/wild-models";
    Place *p = *state;
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        if (*e->d_name == '.' || !file_exists(arena_printf(&p->a, "%s/%s/model.mil", folder, e->d_name))) continue;
        come_back(p, arena_printf(&p->a, "%s/%s", folder, e->d_name));
        n++;
    }
    if (dir) closedir(dir);
    if (n) print_message("%d models came back\n", n);
    else print_message("skipped: there is no %s\n", folder);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_fields_are_those_of_the_published_format),
        TEST(protoc_reads_it_too),
        TEST(texts_come_back_through_both_containers),
        TEST(flexible_shapes_are_in_the_description),
        TEST(states_and_functions_are_in_the_description),
        TEST(metadata_and_order_survive_text),
        TEST(what_is_beside_may_be_anything),
        TEST(weights_keep_file_and_offset),
        TEST(cut_anywhere_is_one_error),
        TEST(changed_bytes_do_no_harm),
        TEST(references_lead_backwards_only),
        TEST(an_undefined_result_is_named),
        TEST(nesting_has_a_bound),
        TEST(a_manifest_leads_into_its_package),
        TEST(folders_that_are_no_model_are_refused),
        TEST(what_a_package_cannot_hold_is_an_error),
        TEST(the_default_function_must_exist),
        TEST(models_of_apples_compiler_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
