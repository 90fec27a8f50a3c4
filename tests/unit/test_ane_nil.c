/* test_ane_nil.c -- what makes an object of Apple's makes none, from its n-th call on, for all
 * n: the library says so by a status, and whatever was made is given back. */
#include "nil.h"

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

static const char *cache_of(void) { return arena_printf(&arena, "%s/cache", top); }

static void use(void)
{
    static uint16_t x[6];
    Used u;
    used_open(&u, "ane", cache_of());
    if (!u.s)
        u.s = anec_load(u.device, arena_printf(&arena, "%s/model.mil", top), &u.model,
                        &u.e);
    used_run(&u, &(anec_tensor){ "fp16", 4, { 1, 2, 1, 3 }, x, sizeof x });
    used_end(&u, "");
}

static void test_nil(void **state)
{
    static const NilCall calls[] = {
        { .what = "CFStringCreateWithCString", .says = "memory" },
        { .what = "CFNumberCreate", .says = "memory" },
        { .what = "CFDataCreate", .says = "memory" },
        { .what = "CFDataCreateWithBytesNoCopy", .says = "memory" },
        { .what = "CFArrayCreate", .says = "memory" },
        { .what = "CFDictionaryCreate", .says = "memory" },
        { .what = "IOSurfaceCreate", .says = "no memory for the surface of x" },
        { .what = "NSTemporaryDirectory", .says = "names no folder" },
        { .what = "modelWithMILText:weights:optionsPlist:",
          .says = "gives no descriptor" },
        { .what = "inMemoryModelWithDescriptor:", .says = "gives no model" },
        { .what = "hexStringIdentifier", .says = "names no folder" },
        { .what = "objectWithIOSurface:", .says = "does not take these surfaces" },
        { .what =
              "requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:"
              "procedureIndex:",
          .says = "does not take these surfaces" },
        { .what = "IOSurfaceGetBaseAddress",
          .says = "the surface of x cannot be locked" },
        { .what = "CFNumberGetValue", .says = NULL },
        { .what = "CFStringGetCString", .says = "names no folder" },
        { .what = "CFArrayGetValueAtIndex", .says = NULL },
        { .what = "CFDictionaryGetValue", .says = NULL },
        { .what = "processInfo", .says = NULL },
        { .what = "operatingSystemVersionString", .says = NULL },
        { .what = "localModelPath", .says = NULL },
        { .what = "model", .says = NULL },
        { .what = "modelAttributes", .says = NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++)
        nil_each_call(&arena, &calls[i], use, "m1", cache_of());
}

/* An error that neither says what it is nor carries anything is a refusal all the same. */
static void test_bare_errors(void **state)
{
    static const char *const what[] = { "CFErrorCopyDescription", "CFErrorCopyUserInfo",
                                        "CFErrorGetDomain" };
    char said[4096];
    (void)state;
    for (size_t i = 0; i < COUNT(what); i++) {
        assert_true(file_remove_tree(cache_of()));
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
    top = use_standin(&arena, argv[0]);
    memcpy(file + 64, (unsigned char[]){ 0xef, 0xbe, 0xad, 0xde, 1, 0, 0, 0, 12 }, 9);
    file[64 + 16] = 128;
    file_make_dirs(&d, arena_printf(&arena, "%s/weights", top));
    file_write_all(&d, arena_printf(&arena, "%s/weights/w.bin", top), file, sizeof file);
    file_write_all(&d, arena_printf(&arena, "%s/model.mil", top), text, strlen(text));
    diag_free(&d);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
