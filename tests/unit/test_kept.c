/* test_kept.c -- weights that the backend cpu packs and keeps on disk: found again, or packed anew
 * with the same numbers, whatever lies there. */
#include "kept_bench.h"

enum { FORMS = 9, HEAD = 32, LINE = 24 };

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
        expect_run(k, "first", sum);
        expect_run(k, "miss", sum);
        expect_run(k, "hit", sum);
        assert_string_equal(run_sum(k, k->g.m, k->dir, &word, false), sum);
        assert_string_equal(word, "first");
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
    keep(k);
    const char *data = arena_printf(&k->arena, "%s/packed", entry_of(k));
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
    const char *sum = keep(k), *entry = entry_of(k);
    const char *data = arena_printf(&k->arena, "%s/packed", entry);
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
    const char *sum = keep(k), *entry = entry_of(k), *name = file_base(entry);
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
    const char *sum = keep(k), *entry = entry_of(k);
    const char *aside = arena_printf(&k->arena, "%s/e", k->top);
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
    const char *word, *sum = keep(k);
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

/* Written to while a program has it mapped: no run goes well from then on. */
static void test_changed(void **state)
{
    Kept *k = *state;
    keep(k);
    const Backend *b = backend_open("cpu", &(BackendOptions){ .cache_dir = k->dir },
                                    &k->g.diag);
    Program *p = program_new(b, k->m, module_main(k->m), &k->g.diag);
    assert_string_equal(p->as.cache, "hit");
    assert_true(program_run(p, &k->g.diag, &k->in, 1, &(RunOptions){ 0 }));
    const char *data = arena_printf(&k->arena, "%s/packed", entry_of(k));
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
    keep(k);
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

int main(void)
{
    if (!access("/dev/shm", W_OK)) setenv("TMPDIR", "/dev/shm", 1); /* many fsyncs */
    const struct CMUnitTest tests[] = {
        TEST(test_found),          TEST(test_forms),   TEST(test_damaged),
        TEST(test_something_else), TEST(test_others),  TEST(test_fixed),
        TEST(test_changed),        TEST(test_removed), TEST(test_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
