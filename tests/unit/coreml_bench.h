/* coreml_bench.h -- shared by tests of programs through the stand-in's Core ML: two inputs, what comes
 * of them, and what is left in the tests' folder. */
#ifndef ANEC_TEST_COREML_BENCH_H
#define ANEC_TEST_COREML_BENCH_H

#include "ml_programs.h"
#include "program_bench.h"
#include "standin.h"

#include <dirent.h>

static char *top;
static Arena arena;

static inline void must_open(Bench *t, const char *backend, const char *text,
                             const char *func)
{
    if (!bench_compiles(t, backend, NULL, text, func)) fail_msg("%s", t->d.text.s);
}

/* How many folders of ours, or of the stand-in's compiler, are left. */
static inline int folders(void)
{
    DIR *dir = opendir(top);
    int n = 0;
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        n += !strncmp(e->d_name, ".tmp-", 5) || !strncmp(e->d_name, "anesim", 6);
    closedir(dir);
    return n;
}

static inline void fill(Tensor *t, double first)
{
    for (size_t i = 0; i < t->count; i++)
        tensor_set_float(t, i, first + (double)(i % 7) / 4);
}

/* The two inputs of `one` and `two`. */
typedef struct {
    Tensor x, w;
    Binding in[2];
} Inputs;

static inline void make_inputs(Inputs *in, Diag *d)
{
    *in = (Inputs){ .in = { { .name = "x" }, { .name = "w" } } };
    assert_true(tensor_alloc(&in->x, d, DT_FP16, &shape)
                && tensor_alloc(&in->w, d, DT_FP32, &small));
    fill(&in->x, -1);
    fill(&in->w, 10);
    in->in[0].value = in->x;
    in->in[1].value = in->w;
    in->in[0].value.owned = in->in[1].value.owned = false;
}

static inline void free_inputs(Inputs *in)
{
    tensor_free(&in->x);
    tensor_free(&in->w);
}

static inline bool run(Bench *t, const Binding *in, int n)
{
    return program_run(t->p, &t->d, in, n, &(RunOptions){ 0 });
}

/* v = k * x + w in every element, and q is the same in fp16. */
static inline void check_results(Bench *t, const Inputs *in, double k)
{
    const Binding *out;
    if (!run(t, in->in, 2)) fail_msg("%s", t->d.text.s);
    assert_int_equal(program_results(t->p, &out), 2);
    assert_int_equal(out[0].value.dtype, DT_FP32);
    assert_int_equal(out[1].value.dtype, DT_FP16);
    for (size_t i = 0; i < 30; i++) {
        const double want = k * tensor_float(&in->x, i) + tensor_float(&in->w, i % 15);
        assert_float_equal(tensor_float(&out[0].value, i), want, 0.01);
        assert_float_equal(tensor_float(&out[1].value, i), want, 0.01);
    }
}

static inline int coreml_main(const char *self, const struct CMUnitTest *tests, size_t n)
{
    top = use_standin(&arena, self);
    setenv("ANEC_CACHE_DIR", arena_printf(&arena, "%s/cache", top), 1);
    return run_in_folder(tests, n, top, &arena);
}

#endif
