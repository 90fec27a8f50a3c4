/* test_kept.c -- weights that the backend cpu packs and keeps on disk: found again, or packed anew
 * with the same numbers, whatever lies there. */
#include "program_gen.h"

#include "../../backends/backend.h"
#include "../../backends/cache/cache.h"
#include "../../backends/vector/kernels.h"
#include "../../ir/mil/mil.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORMS = 9, HEAD = 32, LINE = 24 };

typedef struct {
    Arena arena;
    const char *top, *dir; /* a folder, and the cache in it */
    Gen g;
    Binding in;
    Module *m; /* as it was written and read again: its weights are in a file */
} Kept;

/* ---- a program with each form of packed weights ------------------------------------------ */

static Value *put_conv(Gen *g, Value *x, Shape w, int64_t stride, int64_t groups)
{
    const int n = w.rank - 2;
    const int64_t ones[] = { 1, 1 }, steps[] = { stride, stride };
    const int64_t side = w.dim[2] / 2, pad[] = { side, side, side, side };
    return mil_conv(&g->b, "c", .x = x, .weight = gen_constant(g, w, 0.1),
                    .strides = gen_ints(g, n, steps), .dilations = gen_ints(g, n, ones),
                    .pad_type = build_string(&g->b, "custom"),
                    .pad = gen_ints(g, 2 * n, pad), .groups = build_int(&g->b, groups));
}

static void put_windows(Gen *g, Value *x)
{
    const int64_t two[] = { 2, 2 }, one[] = { 1, 1 }, none[] = { 0, 0, 0, 0 };
    Block *body = g->f->body;
    Value *y = put_conv(g, x, SHAPE(96, 64, 3, 3), 1, 1);
    y = put_conv(g, y, SHAPE(96, 96, 1, 1), 1, 1);
    block_result(body, put_conv(g, y, SHAPE(96, 1, 3, 3), 2, 96));
    block_result(body, put_conv(g, x, SHAPE(64, 32, 3, 3), 1, 2));
    block_result(body, put_conv(g, x, SHAPE(128, 1, 3, 3), 1, 64));
    const int64_t few[] = { 1, 4096, 4 };
    Value *narrow = mil_reshape(&g->b, "n", .x = x, .shape = gen_ints(g, 3, few));
    block_result(body, put_conv(g, narrow, SHAPE(48, 4096, 1), 1, 1));
    block_result(
        body, mil_conv_transpose(
                  &g->b, "t", .x = x, .weight = gen_constant(g, SHAPE(64, 32, 2, 2), 0.1),
                  .strides = gen_ints(g, 2, two), .dilations = gen_ints(g, 2, one),
                  .pad_type = build_string(&g->b, "custom"), .pad = gen_ints(g, 4, none),
                  .groups = build_int(&g->b, 1)));
}

static Value *put_shaped(Gen *g, Value *x, int rank, const int64_t *dim)
{
    return mil_reshape(&g->b, "s", .x = x, .shape = gen_ints(g, rank, dim));
}

static void put_products(Gen *g, Value *x)
{
    const int64_t rows[] = { 64, 256 }, steps[] = { 16, 4, 256 };
    Block *body = g->f->body;
    block_result(body, mil_matmul(&g->b, "m", .x = put_shaped(g, x, 2, rows),
                                  .y = gen_constant(g, SHAPE(256, 384), 0.1),
                                  .transpose_x = build_bool(&g->b, false),
                                  .transpose_y = build_bool(&g->b, false)));
    Value *l = mil_lstm(&g->b, "l", .x = put_shaped(g, x, 3, steps),
                        .initial_h = gen_constant(g, SHAPE(4, 64), 1),
                        .initial_c = gen_constant(g, SHAPE(4, 64), 1),
                        .weight_ih = gen_constant(g, SHAPE(256, 256), 0.1),
                        .weight_hh = gen_constant(g, SHAPE(256, 64), 0.1),
                        .direction = build_string(&g->b, "forward"),
                        .output_sequence = build_bool(&g->b, true));
    block_result(body, l);
}

static int set_up(void **state)
{
    Kept *k = calloc(1, sizeof *k);
    const Shape s = SHAPE(1, 64, 16, 16);
    *state = k;
    k->top = make_folder(&k->arena);
    k->dir = arena_printf(&k->arena, "%s/cache", k->top);
    k->g = (Gen){ .m = module_new(), .seed = 5, .type = DT_FP32 };
    Gen *g = &k->g;
    g->f = func_new(g->m, "main", OPSET_IOS18);
    g->b = builder_at(g->f->body, NULL, &g->diag, (Loc){ 0 });
    Value *x = block_param(g->f->body, "x", type_tensor(&g->m->arena, DT_FP32, s),
                           (Loc){ 0 });
    put_windows(g, x);
    put_products(g, x);
    if (!module_verify(g->m, &g->diag, NULL)) fail_msg("%s", g->diag.text.s);
    k->in.name = "x";
    assert_true(tensor_alloc(&k->in.value, &g->diag, DT_FP32, &s));
    for (size_t i = 0; i < k->in.value.count; i++)
        tensor_set_float(&k->in.value, i, (double)(i * 5 % 7) - 3);
    const char *path = arena_printf(&k->arena, "%s/net.mil", k->top);
    Mapped text;
    assert_true(mil_save(g->m, &g->diag, path) && file_read(&g->diag, path, &text));
    const Source src = { .name = "net.mil",
                         .text = (const char *)text.data,
                         .len = text.size };
    k->m = mil_read(&g->diag, &src, k->top);
    file_unmap(&text);
    if (!k->m || !module_verify(k->m, &g->diag, NULL)) fail_msg("%s", g->diag.text.s);
    return 0;
}

static int tear_down(void **state)
{
    Kept *k = *state;
    tensor_free(&k->in.value);
    module_free(k->m);
    module_free(k->g.m);
    diag_free(&k->g.diag);
    remove_folder(k->top);
    arena_free(&k->arena);
    free(k);
    return 0;
}

/* ---- running ----------------------------------------------------------------------------- */

/* One run of m by a backend that was opened for the cache in dir; the sum of all results, and the
 * word about the cache in *word. */
static const char *run_sum(Kept *k, const Module *m, const char *dir, const char **word,
                           bool exact)
{
    char *hex = arena_alloc(&k->arena, 65);
    const Binding *got;
    const Backend *b = backend_open("cpu", &(BackendOptions){ .cache_dir = dir },
                                    &k->g.diag);
    Program *p = program_new(b, m, module_main(m), &k->g.diag);
    const RunOptions o = { .threads = 2, .exact = exact, .poison = 0x55 };
    Sha256 sha = sha256_start();
    assert_non_null(p);
    *word = p->as.cache;
    assert_true(program_run(p, &k->g.diag, &k->in, 1, &o));
    const int n = program_results(p, &got);
    for (int i = 0; i < n; i++) sha256_add(&sha, got[i].value.data, got[i].value.bytes);
    sha256_end(&sha, hex);
    program_free(p);
    backend_close(b);
    return hex;
}

static void expect_run(Kept *k, const char *want, const char *sum)
{
    const char *word, *got = run_sum(k, k->m, k->dir, &word, false);
    assert_string_equal(word ? word : "none", want);
    if (sum) assert_string_equal(got, sum);
}

/* The entry's folder, if there is one. */
static const char *entry_of(Kept *k)
{
    static const char command[] = "ls -d '%s'/v1/*.0 2>/dev/null";
    FILE *p = popen(arena_printf(&k->arena, command, k->dir), "r");
    char line[4096] = "";
    if (fgets(line, sizeof line, p)) line[strcspn(line, "\n")] = 0;
    pclose(p);
    return arena_strdup(&k->arena, line);
}

static int entries(Kept *k)
{
    Cache c;
    cache_open(&c, &k->arena, k->dir);
    return cache_count(&c, false).entries;
}

/* ---- tests ------------------------------------------------------------------------------- */

/* By each kind of kernels: packed and kept, found, and found by a program whose weights are its own
 * memory's; the same bytes as without a cache. */
static void test_found(void **state)
{
    Kept *k = *state;
    for (int i = 0; kernels_at(i); i++) {
        const char *word, *other;
        setenv("ANEC_CPU", kernels_at(i)->name, 1);
        const char *sum = run_sum(k, k->m, "/dev/null/x", &word, false);
        assert_string_equal(word, "off");
        expect_run(k, "miss", sum);
        expect_run(k, "hit", sum);
        assert_string_equal(run_sum(k, k->g.m, k->dir, &word, false), sum);
        assert_string_equal(word, "miss");
        assert_string_equal(run_sum(k, k->g.m, k->dir, &word, false), sum);
        assert_string_equal(word, "hit");
        other = run_sum(k, k->m, k->dir, &word, true); /* a plan of its own */
        assert_string_equal(other, run_sum(k, k->m, "/dev/null/x", &word, true));
        expect_run(k, "hit", sum);
        assert_int_equal(entries(k), 2 * (i + 1));
    }
    unsetenv("ANEC_CPU");
}

/* The program has each form of pieces: else a test of all of them is none. */
static void test_forms(void **state)
{
    Kept *k = *state;
    Mapped m;
    int seen[FORMS] = { 0 };
    expect_run(k, "miss", NULL);
    const char *data = arena_printf(&k->arena, "%s/data", entry_of(k));
    assert_true(file_map(&k->g.diag, data, &m));
    uint64_t n;
    memcpy(&n, m.data + 16, sizeof n);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t line[3];
        memcpy(line, m.data + HEAD + i * LINE, sizeof line);
        assert_in_range(line[2], 0, FORMS - 1);
        seen[line[2]]++;
        assert_int_equal(line[0] % 64, 0);
    }
    for (int i = 0; i < FORMS; i++)
        if (!seen[i]) fail_msg("no weights are packed in form %d", i);
    file_unmap(&m);
}

static void write_at(const char *path, int64_t at, const void *bytes, size_t n)
{
    const int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

/* What was changed, cut or is another program's is found out, and made anew. */
static void test_damaged(void **state)
{
    Kept *k = *state;
    const char *word, *sum = run_sum(k, k->m, k->dir, &word, false);
    const char *entry = entry_of(k), *data = arena_printf(&k->arena, "%s/data", entry);
    static const int64_t places[] = { 0, 17, 40, 100000, -1 };
    struct stat st;
    assert_int_equal(stat(data, &st), 0);
    for (size_t i = 0; i < COUNT(places); i++) {
        expect_run(k, "hit", sum);
        write_at(data, places[i] < 0 ? st.st_size - 300 : places[i], "\x81\x17", 2);
        expect_run(k, "miss", sum);
    }
    const off_t lengths[] = { 0, 16, 4096, st.st_size - 1, st.st_size + 1 };
    for (size_t i = 0; i < COUNT(lengths); i++) {
        expect_run(k, "hit", sum);
        assert_int_equal(truncate(data, lengths[i]), 0);
        expect_run(k, "miss", sum);
    }
    expect_run(k, "hit", sum);
    assert_int_equal(unlink(data), 0);
    expect_run(k, "miss", sum);
    /* an entry names its own key */
    const char *aside = arena_printf(&k->arena, "%s/v1/%064d.0", k->dir, 7);
    assert_int_equal(rename(entry, aside), 0);
    expect_run(k, "miss", sum);
    assert_true(file_remove_tree(entry));
    assert_int_equal(rename(aside, entry), 0);
    expect_run(k, "hit", sum);
}

/* An entry of this very key that is whole, and has something else in it. */
static void test_something_else(void **state)
{
    Kept *k = *state;
    Cache c;
    Mapped m;
    const char *word, *sum = run_sum(k, k->m, k->dir, &word, false);
    const char *entry = entry_of(k), *name = file_base(entry);
    const char *key = arena_strndup(&k->arena, name, strlen(name) - 2);
    cache_open(&c, &k->arena, k->dir);
    assert_true(cache_find(&c, key, &m));
    const size_t size = m.size;
    unsigned char *right = malloc(size), *wrong = malloc(size);
    memcpy(right, m.data, size);
    file_unmap(&m);
    const uint64_t huge = UINT64_MAX - 63, most = 1 << 30, one = 1;
    const struct {
        size_t at;
        const void *bytes;
        size_t n, size;
    } cases[] = {
        { 0, "ANEC", 4, size },       /* another beginning */
        { 16, &huge, 8, size },       /* so many pieces */
        { 16, &most, 8, size },       /* and more than fit */
        { 24, &one, 8, size },        /* another size */
        { HEAD, &huge, 8, size },     /* a piece that is elsewhere */
        { HEAD, &one, 8, size },      /* or on no boundary */
        { HEAD + 8, &huge, 8, size }, /* is too long */
        { HEAD + 8, &most, 8, size },
        { HEAD + 8, &one, 8, size },   /* has another length */
        { HEAD + 16, &most, 8, size }, /* or another form */
        { HEAD + 2 * LINE + 16, &most, 8, size },
        { 0, "", 0, 5 },
        { 0, "", 0, 4096 }, /* is cut */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        memcpy(wrong, right, size);
        memcpy(wrong + cases[i].at, cases[i].bytes, cases[i].n);
        const CachePart part = { wrong, cases[i].size };
        assert_true(cache_keep(&c, key, &part, 1, true));
        expect_run(k, "miss", sum);
        expect_run(k, "hit", sum);
    }
    free(right);
    free(wrong);
}

/* What others may have put there is not used, and the warning says so. */
static void test_others(void **state)
{
    Kept *k = *state;
    const char *word, *sum = run_sum(k, k->m, k->dir, &word, false);
    const char *entry = entry_of(k), *aside = arena_printf(&k->arena, "%s/e", k->top);
    assert_int_equal(chmod(entry, 0775), 0);
    expect_run(k, "miss", sum);
    assert_int_equal(rename(entry, aside), 0);
    assert_int_equal(symlink(aside, entry), 0);
    expect_run(k, "miss", sum);
    expect_run(k, "hit", sum);
    assert_int_equal(chmod(k->dir, 0775), 0);
    expect_run(k, "off", sum);
    expect_says(&k->g.diag, "the cache is not used: ");
    assert_int_equal(chmod(k->dir, 0700), 0);
}

/* A folder that cannot be written still gives what is in it. */
static void test_fixed(void **state)
{
    Kept *k = *state;
    const char *word, *sum = run_sum(k, k->m, k->dir, &word, false);
    static const char command[] = "chown -R 65534 '%s' && chmod 0500 '%s'/v1 '%s'";
    if (geteuid()) skip(); /* only root can become another user */
    assert_int_equal(system(arena_printf(&k->arena, command, k->top, k->dir, k->dir)), 0);
    assert_int_equal(seteuid(65534), 0);
    const char *hit = run_sum(k, k->m, k->dir, &word, false);
    assert_string_equal(word, "hit");
    assert_string_equal(hit, sum);
    const char *other = run_sum(k, k->g.m, k->dir, &word, false);
    assert_int_equal(seteuid(0), 0);
    assert_string_equal(word, "off");
    assert_string_equal(other, sum);
}

/* Many at once: one stores it. */
static void test_at_once(void **state)
{
    enum { MANY = 20 };
    Kept *k = *state;
    const char *word, *sum = run_sum(k, k->m, "/dev/null/x", &word, false);
    int stored = 0;
    fflush(NULL);
    for (int i = 0; i < MANY; i++)
        if (!fork()) {
            const char *got = run_sum(k, k->m, k->dir, &word, false);
            _exit(strcmp(got, sum) != 0 ? 2 : !strcmp(word, "miss"));
        }
    for (int i = 0; i < MANY; i++) {
        int status;
        wait(&status);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 2);
        stored += WEXITSTATUS(status);
    }
    assert_int_equal(entries(k), 1);
    assert_true(stored >= 1);
    expect_run(k, "hit", sum);
}

static void test_room(void **state)
{
    Kept *k = *state;
    const char *word, *sum = run_sum(k, k->m, "/dev/null/x", &word, false);
    setenv("ANEC_CACHE_LIMIT", "1000000", 1);
    expect_run(k, "off", sum); /* larger than all of the cache */
    assert_int_equal(entries(k), 0);
    unsetenv("ANEC_CACHE_LIMIT");
    expect_run(k, "miss", sum);
    Cache c;
    cache_open(&c, &k->arena, k->dir);
    const uint64_t most = cache_count(&c, false).bytes * 3 / 2;
    setenv("ANEC_CACHE_LIMIT", arena_printf(&k->arena, "%llu", (unsigned long long)most),
           1);
    for (int i = 0; kernels_at(i); i++) { /* each goes when the next is kept */
        setenv("ANEC_CPU", kernels_at(i)->name, 1);
        expect_run(k, i ? "miss" : "hit", NULL);
        expect_run(k, "hit", NULL);
        assert_true(cache_count(&c, false).bytes <= most);
    }
    unsetenv("ANEC_CPU");
    unsetenv("ANEC_CACHE_LIMIT");
    setenv("ANEC_CACHE_DIR", "", 1);
    run_sum(k, k->m, NULL, &word, false);
    assert_string_equal(word, "off");
    unsetenv("ANEC_CACHE_DIR");
}

/* Written to while a program has it mapped: no run goes well from then on. */
static void test_changed(void **state)
{
    Kept *k = *state;
    expect_run(k, "miss", NULL);
    const Backend *b = backend_open("cpu", &(BackendOptions){ .cache_dir = k->dir },
                                    &k->g.diag);
    Program *p = program_new(b, k->m, module_main(k->m), &k->g.diag);
    assert_string_equal(p->as.cache, "hit");
    assert_true(program_run(p, &k->g.diag, &k->in, 1, &(RunOptions){ 0 }));
    const char *data = arena_printf(&k->arena, "%s/data", entry_of(k));
    assert_int_equal(truncate(data, 4096), 0);
    FileUse use;
    file_use_begin(&use);
    assert_false(program_run(p, &k->g.diag, &k->in, 1, &(RunOptions){ 0 }));
    file_use_end(&use);
    expect_says(&k->g.diag, "was cut to 4096 bytes");
    program_free(p);
    backend_close(b);
}

/* An entry that goes while it is mapped stays for who has it. */
static void test_removed(void **state)
{
    Kept *k = *state;
    Cache c;
    expect_run(k, "miss", NULL);
    const Backend *b = backend_open("cpu", &(BackendOptions){ .cache_dir = k->dir },
                                    &k->g.diag);
    Program *p = program_new(b, k->m, module_main(k->m), &k->g.diag);
    assert_string_equal(p->as.cache, "hit");
    cache_open(&c, &k->arena, k->dir);
    assert_int_equal(cache_count(&c, true).busy, 0);
    assert_int_equal(entries(k), 0);
    assert_true(program_run(p, &k->g.diag, &k->in, 1, &(RunOptions){ 0 }));
    program_free(p);
    backend_close(b);
}

/* A backend that was not opened keeps nothing, nor does a program with little to pack. */
static void test_little(void **state)
{
    Kept *k = *state;
    Program *p = program_new(backend_find("cpu"), k->m, module_main(k->m), &k->g.diag);
    assert_null(p->as.cache);
    program_free(p);
    static const char text[] =
        "program(1.3)\n{\n    func main<ios18>(tensor<fp32, [2]> x) {\n"
        "        tensor<fp32, [2]> y = add(x = x, y = x)[name = string(\"y\")];\n    } -> (y);\n}\n";
    const Source src = { .name = "x.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(&k->g.diag, &src, NULL);
    const Backend *b = backend_open("cpu", &(BackendOptions){ .cache_dir = k->dir },
                                    &k->g.diag);
    p = program_new(b, m, module_main(m), &k->g.diag);
    assert_null(p->as.cache);
    assert_false(file_exists(k->dir));
    program_free(p);
    backend_close(b);
    module_free(m);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    if (!access("/dev/shm", W_OK)) setenv("TMPDIR", "/dev/shm", 1); /* many fsyncs */
    const struct CMUnitTest tests[] = {
        TEST(test_found),          TEST(test_forms),  TEST(test_damaged),
        TEST(test_something_else), TEST(test_others), TEST(test_fixed),
        TEST(test_at_once),        TEST(test_room),   TEST(test_changed),
        TEST(test_removed),        TEST(test_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
