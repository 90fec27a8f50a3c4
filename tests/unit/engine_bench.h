/* engine_bench.h -- shared by tests of the calls of backends/ane: an engine, and a model in its folder. */
#ifndef ANEC_TEST_ENGINE_BENCH_H
#define ANEC_TEST_ENGINE_BENCH_H

#include "../../backends/ane/engine.h"
#include "standin.h"

static const char sum_text[] =
    "program(1.0)\n"
    "[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-version\", \"3505.4.1\"}})]\n"
    "{\n"
    "    func main<ios16>(tensor<fp16, [1, 2, 2, 3]> b_in, tensor<fp16, [1, 1, 1, 3]> a_in) {\n"
    "        tensor<fp16, [1, 2, 2, 3]> sum = add(x = a_in, y = b_in)[name = tensor<string, []>(\"sum\")];\n"
    "    } -> (sum);\n"
    "}\n";

typedef struct {
    Arena arena;
    Engine *engine;
    Id model;
    char *dir;
    Trouble why;
} Bench;

static inline bool set_up(Bench *b, const char *mil)
{
    const char *why = "";
    Diag d = { 0 };
    *b = (Bench){ 0 };
    b->engine = engine_open(&b->arena, &why);
    if (!b->engine) {
        b->why.text = why;
        return false;
    }
    b->model = engine_model_new(b->engine, &b->arena, mil, strlen(mil), NULL, 0, &b->why);
    if (!b->model) return false;
    b->dir = engine_model_dir(b->engine, &b->arena, b->model);
    if (!b->dir) b->why.text = "the model has no name";
    if (!b->dir) return false;
    assert_true(file_make_dirs(&d, b->dir));
    assert_true(file_write_all(&d, arena_printf(&b->arena, "%s/model.mil", b->dir), mil,
                               strlen(mil)));
    return true;
}

static inline void tear_down(Bench *b)
{
    if (b->dir && file_exists(b->dir)) remove_folder(b->dir);
    if (b->engine) objc_drop(b->engine->objc, &b->model);
    if (b->engine) engine_close(b->engine);
    arena_free(&b->arena);
}

#endif
