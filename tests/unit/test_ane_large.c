/* test_ane_large.c -- weights of 100 MB compiled for the engine in 64 MB of memory, and found
 * in the cache again until they are written to. */
#include "../../backends/backend.h"
#include "../../ir/mil/mil.h"
#include "standin.h"

#include <sys/resource.h>

static char *top;
static Arena arena;

#define HUGE_DIR "huge"

/* Where the limit is one: a sanitizer's own memory counts too, and other systems count
 * otherwise. */
#if defined(__linux__) && !defined(ANEC_SANITIZED)
enum { LIMITED = 1 };
#else
enum { LIMITED = 0 };
#endif
static const char huge[] =
    "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1, 1024, 1, 1]> x) {\n"
    "        tensor<fp16, [51200, 1024, 1, 1]> w = const()[name = string(\"w\"), val = "
    "tensor<fp16, [51200, 1024, 1, 1]>"
    "(BLOBFILE(path = string(\"@model_path/weights/weight.bin\"), offset = uint64(64)))];\n"
    "        tensor<fp16, [1, 51200, 1, 1]> y = conv(x = x, weight = w)[name = string(\"y\")];\n   "
    " } -> (y);\n}\n";

static void make_huge(void)
{
    const uint64_t bytes = 51200 * 1024 * 2;
    const uint32_t head[16] = { 1, 2 },
                   record[16] = { 0xdeadbeef, 1, (uint32_t)bytes, 0, 128, 0 };
    Diag d = { 0 };
    assert_true(file_make_dirs(&d, arena_printf(&arena, "%s/" HUGE_DIR "/weights", top)));
    FILE *f = fopen(arena_printf(&arena, "%s/" HUGE_DIR "/weights/weight.bin", top), "w");
    assert_non_null(f);
    fwrite(head, sizeof head, 1, f);
    fwrite(record, sizeof record, 1, f);
    fflush(f);
    assert_int_equal(ftruncate(fileno(f), (off_t)(128 + bytes)), 0);
    fclose(f);
}

static void poke_huge(char byte)
{
    FILE *f = fopen(arena_printf(&arena, "%s/" HUGE_DIR "/weights/weight.bin", top),
                    "r+");
    assert_non_null(f);
    fseek(f, 1000, SEEK_SET);
    fputc(byte, f);
    fclose(f);
}

static bool poke_between;

/* Compiles it in little memory; says what the cache did. */
static void load_huge(void)
{
    const struct rlimit little = { 64 << 20, 64 << 20 };
    const char *dir = arena_printf(&arena, "%s/" HUGE_DIR, top);
    const BackendOptions o = { .cache_dir = arena_printf(&arena, "%s/cache", top) };
    Source src = { .name = "h.mil", .text = huge, .len = strlen(huge) };
    Diag d = { 0 };
    if (LIMITED) assert_int_equal(setrlimit(RLIMIT_DATA, &little), 0);
    char *most = malloc(100 << 20);
    if (most) fprintf(stderr, "100 MB are to be had\n");
    free(most);
    set_machine("m4", "");
    const Backend *b = backend_open("ane", &o, &d);
    Module *m = mil_read(&d, &src, dir);
    assert_true(module_verify(m, &d, NULL));
    if (poke_between) poke_huge('c');
    Program *p = program_new(b, m, module_main(m), &d);
    fprintf(stderr, "%s%s\n", p ? "cache=" : "", p ? p->as.cache : d.text.s);
    program_free(p);
    module_free(m);
    backend_close(b);
    diag_free(&d);
}

static void huge_says(const char *want)
{
    char said[2048];
    const int status = run_apart(load_huge, said, sizeof said);
    fputs(said, stdout);
    assert_int_equal(status, 0);
    if (!strstr(said, want)) fail_msg("%s", said);
    if (LIMITED) assert_null(strstr(said, "are to be had")); /* the limit is one */
}

static void test_large_weights(void **state)
{
    (void)state;
    make_huge();
    huge_says("cache=miss");
    huge_says("cache=hit");
    sleep(3); /* so that the sum is remembered */
    huge_says("cache=hit");
    huge_says("cache=hit");
    poke_huge('a'); /* of the same size, and now */
    huge_says("cache=miss");
    poke_huge('b');
    poke_between = true;
    huge_says("weight.bin was written to while it was in use");
    poke_between = false;
    huge_says("cache=miss");
    huge_says("cache=hit");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_large_weights) };
    (void)argc;
    top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
