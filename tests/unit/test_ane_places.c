/* test_ane_places.c -- more programs than fit on the engine, and their files: gone, in two, elsewhere. */
#include "ane_bench.h"

#include <sys/stat.h>

/* ---- places: more programs than fit ------------------------------------------------------ */

static void places(const char *faults)
{
    enum { N = 5 };
    Bench t[N];
    Program *p[N];
    float w[6], x[6];
    fill(w, 1);
    fill(x, 2);
    set_machine("m4", faults);
    open_bench(&t[0], "ane", one);
    for (int i = 0; i < N; i++) {
        if (i) {
            t[i] = t[0];
            t[i].d = (Diag){ 0 };
            t[i].m = mil_read(&t[i].d, &t[i].src, ".");
        }
        p[i] = new_program(&t[i], "main");
    }
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) assert_float_equal(run(p[i], &t[i].d, w, x), 3, 0);
    for (int i = N; i--;) program_free(p[i]);
    for (int i = 1; i < N; i++) {
        module_free(t[i].m);
        diag_free(&t[i].d);
    }
    close_bench(&t[0]);
}

/* Unloading removes the model's folder, and the system may have purged what it compiled. */
static void test_places(void **state)
{
    (void)state;
    places("slots:2");
    places("slots:2,purged");
}

/* A program whose place was taken is loaded again when it runs; if that fails, so does the
 * run. */
static void test_loaded_again(void **state)
{
    Bench t, u;
    float w[6], x[6];
    (void)state;
    fill(w, 1);
    fill(x, 2);
    set_machine("m4", "slots:1");
    open_bench(&t, "ane", one);
    u = t;
    u.m = mil_read(&u.d, &u.src, ".");
    Program *p = new_program(&t, "main"), *q = new_program(&u, "main");
    set_machine("m4", "load-busy:6");
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, w) },
                      { .name = "x", .value = tensor_view(DT_FP32, &shape, x) } };
    assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ 0 }));
    expect_says(
        &t.d,
        "error: the engine cannot load the program again: com.apple.appleneuralengine 6: Program load "
        "failure: status=0x5: no ANE resources (the engine has no room at this moment");
    assert_float_equal(run(p, &t.d, w, x), 3, 0); /* it has passed */
    program_free(q);
    program_free(p);
    module_free(u.m);
    close_bench(&t);
}

/* A system that has no room for even one more says so. */
static void test_no_place(void **state)
{
    Bench t;
    (void)state;
    set_machine("m4", "slots:-1");
    open_bench(&t, "ane", one);
    assert_null(program_new(t.b, t.m, module_main(t.m), &t.d));
    expect_says(
        &t.d,
        "error: the engine does not load the program: com.apple.appleneuralengine 6: Program load "
        "failure (0x50004) (too many programs are loaded: about 127 fit)");
    close_bench(&t);
}

/* ---- weights in two files ---------------------------------------------------------------- */

static void write_weights(const char *dir, const char *name, uint16_t value)
{
    unsigned char file[192] = { 1, 0, 0, 0, 2 };
    const uint32_t record[6] = { 0xdeadbeef, 1, 12, 0, 128, 0 };
    Diag d = { 0 };
    memcpy(file + 64, record, sizeof record);
    for (int i = 0; i < 6; i++) memcpy(file + 128 + 2 * i, &value, 2);
    assert_true(file_make_dirs(&d, arena_printf(&arena, "%s/weights", dir)));
    assert_true(file_write_all(&d, arena_printf(&arena, "%s/weights/%s.bin", dir, name),
                               file, sizeof file));
}

#define WEIGHT(name) \
    "        tensor<fp16, [1, 2, 1, 3]> " name " = const()[name = string(\"" name \
    "\"), val = tensor<fp16, [1, 2, 1, 3]>(BLOBFILE(path = string(\"@model_path/weights/" name \
    ".bin\"), offset = uint64(64)))];\n"

static const char scattered[] = HEAD
    "    func main<ios18>(tensor<fp16, [1, 2, 1, 3]> x) {\n" WEIGHT("w1") WEIGHT(
        "w2") "        tensor<fp16, [1, 2, 1, 3]> p = mul(x = x, y = w1)[name = string(\"p\")];\n"
              "        tensor<fp16, [1, 2, 1, 3]> v = add(x = p, y = w2)[name = string(\"v\")];\n"
              "    } -> (v);\n}\n";

/* macOS 27.2 takes one file, so the engine is given one; who wants to see what is refused gives
 * them as they are. */
static void test_two_weight_files(void **state)
{
    (void)state;
    for (int as_given = 0; as_given < 2; as_given++) {
        Bench t = {
            .src = { .name = "t.mil", .text = scattered, .len = sizeof scattered - 1 }
        };
        uint16_t x[6] = { 0x3c00, 0x4000, 0x4200, 0x4400, 0, 0xbc00 }; /* 1 2 3 4 0 -1 */
        const Binding in = { .name = "x", .value = tensor_view(DT_FP16, &shape, x) };
        const Binding *out;
        set_machine("m4", "one-file,compiles:400");
        write_weights(top, "w1", 0x4000); /* 2 */
        write_weights(top, "w2", 0x4500); /* 5 */
        t.m = mil_read(&t.d, &t.src, top);
        const BackendOptions o = { .cache_dir = arena_printf(&arena, "%s/cache", top),
                                   .as_given = as_given };
        t.b = backend_open("ane", &o, &t.d);
        Program *p = program_new(t.b, t.m, module_main(t.m), &t.d);
        if (as_given) {
            assert_null(p);
            expect_says(&t.d, "appleneuralengine 10: verifyBundleAtPath: invalid model");
        } else {
            if (!p || !program_run(p, &t.d, &in, 1, &(RunOptions){ 0 }))
                fail_msg("%s", t.d.text.s);
            assert_int_equal(program_results(p, &out), 1);
            for (size_t i = 0; i < 6; i++)
                assert_float_equal(tensor_float(&out[0].value, i),
                                   (float)(2 * tensor_float(&in.value, i) + 5), 0);
            program_free(p);
        }
        close_bench(&t);
    }
}

/* ---- files that are gone, and volumes ---------------------------------------------------- */

static void empty_folder(const char *dir)
{
    assert_true(file_remove_tree(dir));
    assert_int_equal(mkdir(dir, 0700), 0);
}

/* All that lay in the framework's folder is gone while a program waits for its place: it is
 * made again from our entry, and loaded, or compiled where the system has nothing either. */
static void lose_files(const char *faults, bool gone, bool cached, const char *says)
{
    Bench t, u;
    float w[6], x[6];
    const char *temp = arena_printf(&arena, "%s/temp", top);
    fill(w, 1);
    fill(x, 2);
    empty_folder(temp);
    setenv("ANESIM_TEMP", temp, 1);
    set_machine("m4", "slots:1");
    open_bench(&t, "ane", one);
    if (!cached) {
        backend_close(t.b);
        t.b = backend_open("ane", &(BackendOptions){ .cache_dir = "/dev/null/none" },
                           &t.d);
    }
    u = t;
    u.m = mil_read(&u.d, &u.src, ".");
    Program *p = new_program(&t, "main"), *q = new_program(&u, "main");
    if (gone) empty_folder(temp);
    set_machine("m4", faults);
    Binding in[2] = { { .name = "w", .value = tensor_view(DT_FP32, &shape, w) },
                      { .name = "x", .value = tensor_view(DT_FP32, &shape, x) } };
    if (says) {
        assert_false(program_run(p, &t.d, in, 2, &(RunOptions){ 0 }));
        expect_says(&t.d, says);
    } else assert_float_equal(run(p, &t.d, w, x), 3, 0);
    program_free(q);
    program_free(p);
    module_free(u.m);
    close_bench(&t);
    unsetenv("ANESIM_TEMP");
}

static void test_files_gone(void **state)
{
    (void)state;
    lose_files("slots:1", true, true, NULL);
    lose_files("slots:1,purge", true, true, NULL);
    lose_files("slots:1", true, false, NULL); /* the system still has it */
    lose_files(
        "slots:1,purge", true, false,
        "error: the engine cannot load the program again: its files are not there any more");
    /* the framework has removed its folder, and the files had been moved out of its way */
    lose_files("slots:1,purge", false, false, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),           cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_loaded_again),     cmocka_unit_test(test_files_gone),
        cmocka_unit_test(test_two_weight_files),
    };
    (void)argc;
    return bench_main(tests, COUNT(tests), argv[0]);
}
