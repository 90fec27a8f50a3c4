/* containers.h -- shared by tests of containers (.mlpackage, .mlmodelc ..): a folder, model
 * files in it, and a protobuf reader that shares no code with the one under test. */
#ifndef ANEC_TEST_CONTAINERS_H
#define ANEC_TEST_CONTAINERS_H

#include "unit.h"

#include "../../ir/mil/spec.h"

/* ---- helpers ----------------------------------------------------------------------------- */

typedef struct {
    Arena a;
    char *dir;
    Diag d;
} Place;

static inline int make_place(void **state)
{
    Place *p = calloc(1, sizeof *p);
    p->dir = make_folder(&p->a);
    *state = p;
    return 0;
}

static inline int remove_place(void **state)
{
    Place *p = *state;
    remove_folder(p->dir);
    diag_free(&p->d);
    arena_free(&p->a);
    free(p);
    return 0;
}

static inline char *at(Place *p, const char *name)
{
    return arena_printf(&p->a, "%s/%s", p->dir, name);
}

static inline void put_file(Place *p, const char *path, const void *bytes, size_t n)
{
    assert_true(file_make_dirs(&p->d, file_dir(&p->a, path)));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static inline Mapped get_file(Place *p, const char *path)
{
    Mapped m;
    if (!file_map(&p->d, path, &m)) fail_msg("%s", p->d.text.s);
    return m;
}

static inline Module *must_read(Place *p, const char *path)
{
    Module *m = container_read(&p->d, path);
    if (!m) fail_msg("%s: %s", path, p->d.text.s);
    return m;
}

static inline void convert(Place *p, const char *from, const char *to)
{
    Module *m = must_read(p, from);
    if (!file_make_dirs(&p->d, file_dir(&p->a, to)) || !container_save(m, &p->d, to))
        fail_msg("%s: %s", to, p->d.text.s);
    module_free(m);
}

static inline void expect_same_file(Place *p, const char *a, const char *b)
{
    Mapped x = get_file(p, a), y = get_file(p, b);
    if (x.size != y.size || memcmp(x.data, y.data, x.size))
        fail_msg("%s and %s differ", a, b);
    file_unmap(&x);
    file_unmap(&y);
}

static inline void expect_path_error(Place *p, const char *path, const char *want)
{
    Module *m = container_read(&p->d, path);
    if (m) fail_msg("%s was read", path);
    assert_int_equal(p->d.errors + p->d.fails, 1);
    expect_says(&p->d, want);
}

/* ---- an independent look into a protobuf ------------------------------------------------- */

typedef struct {
    const unsigned char *s;
    size_t n;
    uint64_t v;
    bool found;
} Seen;

static inline uint64_t seen_varint(const unsigned char **s)
{
    uint64_t v = 0;
    int shift = 0;
    do v |= (uint64_t)(**s & 127) << shift, shift += 7;
    while (*(*s)++ & 128);
    return v;
}

/* The field of that number in `in`, after `skip` fields of the same number. */
static inline Seen seen_field(Seen in, unsigned num, int skip)
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

/* The field at a path of numbers from the outermost message in: "2.1[1].3", [1] is the
 * second of several. */
static inline Seen look(Mapped m, const char *path)
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

static inline void expect_text(Mapped m, const char *path, const char *want)
{
    const Seen f = look(m, path);
    if (!f.found || f.n != strlen(want) || memcmp(f.s, want, f.n))
        fail_msg("%s: \"%.*s\" in the place of \"%s\"", path, (int)f.n,
                 f.found ? (const char *)f.s : "", want);
}

static inline void expect_number(Mapped m, const char *path, uint64_t want)
{
    const Seen f = look(m, path);
    if (!f.found || f.v != want)
        fail_msg("%s: %llu in the place of %llu", path, (unsigned long long)f.v,
                 (unsigned long long)want);
}

/* ---- programs ---------------------------------------------------------------------------- */

static const char small[] =
    "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"k\", \"v\"}})]\n{\n"
    "    func main<ios16>(tensor<fp16, [1, 2]> x, tensor<int32, [3]> i) {\n"
    "            tensor<fp16, []> c = const()[name = tensor<string, []>(\"c\"), val = tensor<fp16, []>(0x1p+0)];\n"
    "            tensor<fp16, [1, 2]> y = add(x = x, y = c)[name = tensor<string, []>(\"y\")];\n"
    "        } -> (y);\n}";

#define HEAD3(params) "program(1.3)\n{\n    func main<ios18>(" params ") {\n"
#define LINE "            "
static const char *const texts[] = {
    small,
    HEAD3("tensor<fp16, [1, 2]> x") LINE
    "int32 a = const()[name = string(\"a\"), val = int32(-7)];\n" LINE
    "tensor<bool, [2, 2]> b = const()[val = tensor<bool, [2, 2]>([[true, false], [false, true]])];\n" LINE
    "tensor<uint6, [5]> c = const()[val = tensor<uint6, [5]>([63, 0, 32, 1, 31])];\n" LINE
    "tensor<int4, [3]> e = const()[val = tensor<int4, [3]>([-8, 7, -1])];\n" LINE
    "tensor<uint64, [2]> f = const()[val = tensor<uint64, [2]>([18446744073709551615, 0])];\n" LINE
    "tensor<int64, [1]> g = const()[val = tensor<int64, [1]>([-9223372036854775808])];\n" LINE
    "tensor<fp32, [3]> h = const()[val = tensor<fp32, [3]>([-0x0p+0, inf, 0x1.fffffep+127])];\n" LINE
    "fp64 i = const()[val = fp64(0x1.999999999999ap-4)];\n" LINE
    "tensor<string, [2]> j = const()[val = tensor<string, [2]>([\"\", \"a \\\"quoted\\\" \xc3\xa9\"])];\n" LINE
    "tensor<int32, [2, 0]> k = const()[val = tensor<int32, [2, 0]>([[], []])];\n" LINE
    "tensor<uint16, [2]> l = const()[val = tensor<uint16, [2]>([65535, 1])];\n" LINE
    "tensor<bf16, [2]> m = const()[val = tensor<bf16, [2]>([0x1p+0, -0x1.8p+1])];\n" LINE
    "tensor<fp16, [1, 4]> y = concat(axis = int32(1), interleave = bool(false), values = (x, x))"
    "[l = list<string, ?>([\"a\", \"b\"]), t = tuple<int32, tensor<fp16, [2]>>((1, [0x1p+0, nan]))];\n"
    "        } -> (y);\n}",
    HEAD3("tensor<fp32, [1, 2]> x") LINE
    "tensor<fp32, [1, 2]> y, int32 z = while_loop(loop_vars = (x, int32(0)))\n" LINE
    "    block0(tensor<fp32, [1, 2]> a, int32 b) {\n" LINE
    "            bool p = less(x = b, y = int32(3));\n" LINE "        } -> (p),\n" LINE
    "    block1(tensor<fp32, [1, 2]> a, int32 b) {\n" LINE
    "            tensor<fp32, [1, 2]> c = cond(pred = bool(true))\n" LINE
    "                block0() {\n" LINE "                    } -> (a),\n" LINE
    "                block1() {\n" LINE
    "                        tensor<fp32, [1, 2]> a = relu(x = x);\n" LINE
    "                    } -> (a);\n" LINE
    "            int32 e = add(x = b, y = int32(1));\n" LINE "        } -> (c, e);\n"
    "        } -> (y, z);\n}",
    HEAD3("state<tensor<fp16, [1, 4]>> s, tensor<fp16, [1, 4]> x") LINE
    "tensor<fp16, [1, 4]> v = read_state(input = s);\n" LINE
    "tensor<fp16, [1, 4]> y = add(x = v, y = x);\n" LINE
    "write_state(data = y, input = s);\n"
    "        } -> (y);\n}",
    "program(1.0)\n{\n    func first<ios16>(tensor<fp16, [2]> x) {\n" LINE
    "tensor<fp16, [2]> y = relu(x = x);\n"
    "        } -> (y);\n    func second<ios17>(tensor<fp16, [3]> z) {\n" LINE
    "tensor<fp16, [3]> y = sigmoid(x = z);\n"
    "        } -> (y);\n}",
    "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [?, ?]> a) [FlexibleShapeInformation = tuple<tuple<string, "
    "dict<string, tensor<int32, [?]>>>, tuple<string, dict<string, list<tensor<int32, [2]>, ?>>>>(((\"DefaultShapes\","
    " {{\"a\", [2, 4]}}), (\"RangeDims\", {{\"a\", [[1, 1], [2, 4000]]}})))] {\n" LINE
    "tensor<fp32, [?, ?]> y = relu(x = a);\n        } -> (y);\n}",
    "program(1.3)\n{\n    func main<ios17>(tensor<fp32, [?]> a) [FlexibleShapeInformation = tuple<tuple<string, "
    "dict<string, tensor<int32, [?]>>>, tuple<string, dict<string, dict<string, tensor<int32, [?]>>>>>(("
    "(\"DefaultShapes\", {{\"a\", [4]}}), (\"EnumeratedShapes\", {{\"543d0f94\", {{\"a\", [1]}}}, {\"697b758f\", "
    "{{\"a\", [2]}}}, {\"9e38c1a4\", {{\"a\", [4]}}}})))] {\n" LINE
    "tensor<fp32, [?]> y = relu(x = a);\n        } -> (y);\n}",
    "program(1.3)\n[]\n{\n    func main<ios15>(tensor<fp32, [1]> a) {\n        } -> (a);\n}",
};

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

#endif
