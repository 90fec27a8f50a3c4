/* test_ml.c -- Core ML's classes as C calls against the stand-in, and how strict that is. */
#include "../../backends/ane/ml.h"
#include "../../ir/mil/mil.h"
#include "ml_programs.h"
#include "standin.h"

#include <signal.h>

static char *top;
static Arena arena;

typedef struct {
    Source src;
    Module *m;
    Diag d;
} Bench;

static void open_bench(Bench *t, const char *text)
{
    t->src = (Source){ .name = "t.mil", .text = text, .len = strlen(text) };
    t->m = mil_read(&t->d, &t->src, ".");
    if (!t->m || !module_verify(t->m, &t->d, NULL)) fail_msg("%s", t->d.text.s);
}

static void close_bench(Bench *t)
{
    module_free(t->m);
    diag_free(&t->d);
}

/* ---- programs ---------------------------------------------------------------------------- */

/* ---- how strict the stand-in is ---------------------------------------------------------- */

static Ml *open_ml(void)
{
    const char *why = "";
    set_machine("m4", "");
    Ml *ml = ml_open(&arena, &why);
    if (!ml) fail_msg("%s", why);
    return ml;
}

static void no_block(void)
{
    Ml *ml = open_ml();
    Trouble why;
    ObjcBlock c = { .invoke = NULL };
    float x[2] = { 0 };
    const Shape s = SHAPE(2);
    Tensor t = tensor_view(DT_FP32, &s, x);
    Id array = ml_array_new(ml, &t, &arena, &why);
    SEND(ml->objc, void, (ObjcBlock *), array, SEL_getBytes, &c);
}

static void array_left(void)
{
    Ml *ml = open_ml();
    Trouble why;
    float x[2] = { 0 };
    const Shape s = SHAPE(2);
    Tensor t = tensor_view(DT_FP32, &s, x);
    ml_array_new(ml, &t, &arena, &why);
    ml_close(ml);
}

static void old_function(void)
{
    Ml *ml = open_ml();
    Trouble why;
    set_machine("m4", "macos:14");
    ml_model_new(ml, &arena, "/nowhere.mlmodelc", "main", &why);
}

static void array_of_nothing(void)
{
    Ml *ml = open_ml();
    SEND0(ml->objc, long, SEND0(ml->objc, Id, ml->array, SEL_alloc), SEL_dataType);
}

static void test_strict(void **state)
{
    static const struct {
        void (*fn)(void);
        const char *said;
    } cases[] = {
        { no_block, "anesim: getBytesWithHandler:: this is no block" },
        { array_left, "anesim: 1 objects of MLMultiArray are left" },
        { old_function,
          "anesim: MLModelConfiguration does not understand setFunctionName:" },
        { array_of_nothing, "anesim: dataType to an array without memory" },
    };
    char said[4096];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = run_apart(cases[i].fn, said, sizeof said);
        if (!strstr(said, cases[i].said)) fail_msg("%s: %s", cases[i].said, said);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

/* A prediction with these arrays for inputs and for results. */
static void check_prediction(const char *text, const MlFeature *in, int nin,
                             const MlFeature *out, int nout, const char *said)
{
    Bench t = { 0 };
    Trouble why = { .text = "nothing" };
    char *dir = arena_printf(&arena, "%s/predict.mlmodelc", top);
    open_bench(&t, text);
    Ml *ml = open_ml();
    assert_true(container_save(t.m, &t.d, dir));
    MlFeature all[8];
    for (int i = 0; i < nin + nout; i++) {
        all[i] = i < nin ? in[i] : out[i - nin];
        all[i].array = ml_array_new(ml, all[i].array, &arena, &why);
        assert_non_null(all[i].array);
    }
    Id model = ml_model_new(ml, &arena, dir, NULL, &why),
       features = ml_features_new(ml, &arena, all, nin, &why);
    Id options = ml_options_new(ml, &arena, all + nin, nout);
    assert_null(ml_predict(ml, &arena, model, features, NULL, options, &why));
    printf("%s\n", why.text);
    if (!strstr(why.text, said)) fail_msg("%s: %s", said, why.text);
    objc_drop(ml->objc, &options);
    objc_drop(ml->objc, &features);
    objc_drop(ml->objc, &model);
    for (int i = 0; i < nin + nout; i++) objc_drop(ml->objc, &all[i].array);
    ml_close(ml);
    close_bench(&t);
    remove_folder(dir);
}

/* What does not fit the description is refused by the stand-in too, and not only before it. */
static void test_predictions_refused(void **state)
{
    float v[30] = { 0 };
    const Shape counted = SHAPE(2, 3);
    Tensor x = tensor_view(DT_FP16, &shape, v), w = tensor_view(DT_FP32, &small, v);
    Tensor half = tensor_view(DT_FP16, &small, v), c = tensor_view(DT_FP16, &counted, v);
    const MlFeature good[2] = { { "x", &x }, { "w", &w } },
                    typed[2] = { { "x", &x }, { "w", &half } };
    const MlFeature more[3] = { { "x", &x }, { "w", &w }, { "z", &w } };
    const MlFeature backing = { "v", &w }, single = { "x", &c };
    (void)state;
    check_prediction(one, good, 1, NULL, 0, "Feature w is required but not specified.");
    check_prediction(one, typed, 2, NULL, 0, "MultiArray for w has another type of data");
    check_prediction(one, more, 3, NULL, 0, "3 features are given, and the model has 2");
    check_prediction(one, good, 2, &backing, 1,
                     "the output backing of v does not fit it");
    check_prediction(counts, &single, 1, NULL, 0,
                     "The model has states, and none is given");
}

typedef struct {
    const char *file, *text, *said;
} Broken;

/* What is in the folder is read: a description that is not of the program is refused. */
static void test_folder_is_read(void **state)
{
    static const Broken cases[] = {
        { "coremldata.bin", NULL, "there is no coremldata.bin" },
        { "coremldata.bin", "short", "coremldata.bin is too short" },
        { "model.mil", UNARY("ios18", "tensor<fp16, [2, 3, 5]>", "abs"),
          "the description of w does not fit the program" },
        { "model.mil", UNARY("ios26", "tensor<fp16, [2, 3, 5]>", "abs"),
          "specification 9, where the program needs 10" },
        { "metadata.json", NULL, "there is no metadata.json" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Bench t = { 0 };
        Trouble why = { 0 };
        char *dir = arena_printf(&arena, "%s/broken%zu.mlmodelc", top, i);
        const char *file = arena_printf(&arena, "%s/%s", dir, cases[i].file);
        open_bench(&t, one);
        Ml *ml = open_ml();
        assert_true(container_save(t.m, &t.d, dir));
        Id model = ml_model_new(ml, &arena, dir, NULL, &why);
        assert_non_null(model);
        objc_drop(ml->objc, &model);
        if (cases[i].text)
            assert_true(file_write_all(&t.d, file, cases[i].text, strlen(cases[i].text)));
        else assert_int_equal(unlink(file), 0);
        assert_null(ml_model_new(ml, &arena, dir, NULL, &why));
        if (!strstr(why.text, cases[i].said)) fail_msg("%s: %s", cases[i].said, why.text);
        assert_null(ml_model_new(ml, &arena, dir, "absent", &why));
        ml_close(ml);
        close_bench(&t);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_folder_is_read),
        cmocka_unit_test(test_predictions_refused),
    };
    (void)argc;
    top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
