/* kept_bench.h -- shared by tests of weights that the backend cpu packs and keeps: a program with each
 * form of them, and what its starts say. */
#ifndef ANEC_TEST_KEPT_BENCH_H
#define ANEC_TEST_KEPT_BENCH_H

#include "program_gen.h"

#include "../../backends/backend.h"
#include "../../backends/cache/cache.h"
#include "../../backends/vector/kernels.h"
#include "../../ir/mil/mil.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    Arena arena;
    const char *top, *dir; /* a folder, and the cache in it */
    Gen g;
    Binding in;
    Module *m; /* as it was written and read again: its weights are in a file */
} Kept;

/* ---- a program with each form of packed weights ------------------------------------------ */

static inline Value *put_conv(Gen *g, Value *x, Shape w, int64_t stride, int64_t groups)
{
    const int n = w.rank - 2;
    const int64_t ones[] = { 1, 1 }, steps[] = { stride, stride };
    const int64_t side = w.dim[2] / 2, pad[] = { side, side, side, side };
    return mil_conv(&g->b, "c", .x = x, .weight = gen_constant(g, w, 0.1),
                    .strides = gen_ints(g, n, steps), .dilations = gen_ints(g, n, ones),
                    .pad_type = build_string(&g->b, "custom"),
                    .pad = gen_ints(g, 2 * n, pad), .groups = build_int(&g->b, groups));
}

static inline void put_windows(Gen *g, Value *x)
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

static inline Value *put_shaped(Gen *g, Value *x, int rank, const int64_t *dim)
{
    return mil_reshape(&g->b, "s", .x = x, .shape = gen_ints(g, rank, dim));
}

static inline void put_products(Gen *g, Value *x)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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
static inline const char *run_sum(Kept *k, const Module *m, const char *dir,
                                  const char **word, bool exact)
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

static inline void expect_run(Kept *k, const char *want, const char *sum)
{
    const char *word, *got = run_sum(k, k->m, k->dir, &word, false);
    assert_string_equal(word ? word : "none", want);
    if (sum) assert_string_equal(got, sum);
}

/* Its packed weights are kept by the second start; the sum of its results. */
static inline const char *keep(Kept *k)
{
    const char *word, *sum = run_sum(k, k->m, k->dir, &word, false);
    assert_string_equal(word, "first");
    expect_run(k, "miss", sum);
    return sum;
}

/* The entry's folder, if there is one. */
static inline const char *entry_of(Kept *k)
{
    static const char command[] = "ls -d '%s'/v1/*.0 2>/dev/null";
    FILE *p = popen(arena_printf(&k->arena, command, k->dir), "r");
    char line[4096] = "";
    if (fgets(line, sizeof line, p)) line[strcspn(line, "\n")] = 0;
    pclose(p);
    return arena_strdup(&k->arena, line);
}

static inline int entries(Kept *k)
{
    Cache c;
    cache_open(&c, &k->arena, k->dir);
    return cache_count(&c, false).entries;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

#endif
