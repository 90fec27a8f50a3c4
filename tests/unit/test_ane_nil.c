/* test_ane_nil.c -- what makes an object of Apple's makes none, from its n-th call on, for all
 * n: the library says so by a status, and whatever was made is given back. */
#include "../../include/anec.h"
#include "standin.h"

static char *top;
static Arena arena;
static const char text[] =
    "program(1.0)\n"
    "[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-version\", \"3505.4.1\"}})]\n"
    "{\n"
    "    func main<ios16>(tensor<fp16, [1, 2, 1, 3]> x) {\n"
    "        tensor<fp16, [1, 2, 1, 3]> w = const()[name = tensor<string, []>(\"w\"), val = "
    "tensor<fp16, [1, 2, 1, 3]>(BLOBFILE(path = tensor<string, []>(\"@model_path/weights/w.bin\"), "
    "offset = tensor<uint64, []>(64)))];\n"
    "        tensor<fp16, [1, 2, 1, 3]> y = add(x = x, y = w)[name = tensor<string, []>(\"y\")];\n"
    "    } -> (y);\n"
    "}\n";

/* In a process of its own, which the stand-in ends where an object is left. */
static void use(void)
{
    anec_device *dev = NULL;
    anec_model *m = NULL;
    anec_kernel *k = NULL;
    anec_error e = { .text = "" };
    static uint16_t x[6];
    const anec_tensor in = { "fp16", 4, { 1, 2, 1, 3 }, x, sizeof x };
    anec_options o = { .cache = arena_printf(&arena, "%s/cache", top) };
    anec_status s = anec_open("ane", &o, &dev, &e);
    if (!s) s = anec_load(dev, arena_printf(&arena, "%s/model.mil", top), &m, &e);
    if (!s) s = anec_compile(m, NULL, &k, &e);
    if (!s) s = anec_bind(k, "x", &in, &e);
    if (!s) s = anec_run(k, &e);
    anec_free(k);
    anec_model_free(m);
    anec_close(dev);
    fprintf(stderr, "status %d %s\n", (int)s, e.text);
}

typedef struct {
    const char *what;
    const char *says; /* at the first call */
    bool without;     /* it can be done without: everything runs */
} Maker;

static void test_nil(void **state)
{
    static const Maker makers[] = {
        { .what = "CFStringCreateWithCString", .says = "memory" },
        { .what = "CFNumberCreate", .says = "memory" },
        { .what = "CFDataCreate", .says = "memory" },
        { .what = "CFDataCreateWithBytesNoCopy", .says = "memory" },
        { .what = "CFArrayCreate", .says = "memory" },
        { .what = "CFDictionaryCreate", .says = "memory" },
        { .what = "IOSurfaceCreate", .says = "no memory for the surface of x" },
        { .what = "NSTemporaryDirectory", .says = "names no folder" },
        { .what = "modelWithMILText:weights:optionsPlist:", .says = "gives no descriptor" },
        { .what = "inMemoryModelWithDescriptor:", .says = "gives no model" },
        { .what = "hexStringIdentifier", .says = "names no folder" },
        { .what = "objectWithIOSurface:", .says = "does not take these surfaces" },
        { .what =
              "requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:"
              "procedureIndex:",
          .says = "does not take these surfaces" },
        { .what = "IOSurfaceGetBaseAddress", .says = "the surface of x cannot be locked" },
        { .what = "CFNumberGetValue", .without = true },
        { .what = "CFStringGetCString", .says = "names no folder" },
        { .what = "CFArrayGetValueAtIndex", .without = true },
        { .what = "CFDictionaryGetValue", .without = true },
        { .what = "processInfo", .without = true },
        { .what = "operatingSystemVersionString", .without = true },
        { .what = "localModelPath", .without = true },
        { .what = "model", .without = true },
        { .what = "modelAttributes", .without = true },
    };
    char said[4096];
    (void)state;
    for (size_t i = 0; i < COUNT(makers); i++) {
        const Maker *t = &makers[i];
        bool ran = false;
        int n = 1;
        for (; !ran && n < 100; n++) {
            assert_true(file_remove_tree(arena_printf(&arena, "%s/cache", top)));
            set_machine("m1", arena_printf(&arena, "nil:%s,nil-from:%d", t->what, n));
            const int status = run_apart(use, said, sizeof said);
            if (status)
                fail_msg("%s, call %d: ended with %x, said %s", t->what, n, status, said);
            ran = strstr(said, "status 0") != NULL;
            if (n == 1) printf("%s: %s", t->what, said);
            if (ran) continue;
            if (n == 1 && !strstr(said, t->without ? "status 0" : t->says))
                fail_msg("%s: %s", t->what, said);
            if (!strstr(said, "status 3 ") && !strstr(said, "status 1 "))
                fail_msg("%s, call %d: %s", t->what, n, said);
        }
        assert_true(ran); /* later calls than there are harm nothing */
        assert_int_equal(n == 2, t->without);
    }
}

/* An error that neither says what it is nor carries anything is a refusal all the same. */
static void test_bare_errors(void **state)
{
    static const char *const what[] = { "CFErrorCopyDescription", "CFErrorCopyUserInfo",
                                        "CFErrorGetDomain" };
    char said[4096];
    (void)state;
    for (size_t i = 0; i < COUNT(what); i++) {
        assert_true(file_remove_tree(arena_printf(&arena, "%s/cache", top)));
        set_machine("m1", arena_printf(&arena, "refuse:all,nil:%s", what[i]));
        assert_int_equal(run_apart(use, said, sizeof said), 0);
        assert_non_null(strstr(said, "status 1 "));
        assert_non_null(strstr(said, i ? "InvalidMILProgram" : "no words"));
        if (i == 2) assert_non_null(strstr(said, "error 1: "));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_nil),
                                        cmocka_unit_test(test_bare_errors) };
    Diag d = { 0 };
    unsigned char file[64 + 64 + 12] = { 1, 0, 0, 0, 2 };
    (void)argc;
    if (!access("/dev/shm", W_OK)) setenv("TMPDIR", "/dev/shm", 1);
    use_standin(argv[0]);
    top = make_folder(&arena);
    memcpy(file + 64, (unsigned char[]){ 0xef, 0xbe, 0xad, 0xde, 1, 0, 0, 0, 12 }, 9);
    file[64 + 16] = 128;
    file_make_dirs(&d, arena_printf(&arena, "%s/weights", top));
    file_write_all(&d, arena_printf(&arena, "%s/weights/w.bin", top), file, sizeof file);
    file_write_all(&d, arena_printf(&arena, "%s/model.mil", top), text, strlen(text));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_folder(top);
    diag_free(&d);
    arena_free(&arena);
    return failed;
}
