/* test_engine.c -- the calls of backends/ane against the stand-in, and how strict that is. */
#include "engine_bench.h"

#include <ctype.h>
#include <dlfcn.h>
#include <signal.h>

/* ---- the whole way ----------------------------------------------------------------------- */

static void fill(Engine *e, Id surface, const Port *p, double first)
{
    char *base = engine_lock(e, surface, 0);
    for (int64_t r = 0; r < p->channels * p->height; r++)
        for (int64_t i = 0; i < p->width; i++) {
            char *row = base + (size_t)(r / p->height) * p->plane
                      + (size_t)(r % p->height) * p->row;
            ((uint16_t *)(void *)row)[i] = f16_from_double(first
                                                           + (double)(r * p->width + i));
        }
    engine_unlock(e, surface, 0);
}

static void run_on(const char *chip, const char *first_symbol)
{
    Bench b;
    Layout l;
    Id in[2], out[1];
    set_machine(chip, "");
    assert_true(set_up(&b, sum_text));
    Engine *e = b.engine;
    assert_string_equal(e->chip, chip);
    if (!engine_compile(e, &b.arena, b.model, &b.why)) fail_msg("%s", b.why.text);
    assert_true(engine_load(e, &b.arena, b.model, &b.why));
    assert_true(engine_layout(e, &b.arena, b.model, "main", &l, &b.why.text)
                == LAYOUT_READ);
    assert_int_equal(l.nin, 2);
    for (int i = 0; i < 2; i++) {
        if (l.in[i].symbol == 0) assert_string_equal(l.in[i].name, first_symbol);
        assert_int_equal(l.in[i].row, 64);
        in[i] = engine_surface_new(e, &l.in[i]);
        fill(e, in[i], &l.in[i], l.in[i].name[0] == 'a' ? 100 : 0);
    }
    assert_int_equal(l.out[0].bytes, 2 * 2 * 64);
    out[0] = engine_surface_new(e, &l.out[0]);
    Id request = engine_request_new(e, &l, in, out);
    assert_non_null(request);
    assert_true(engine_run(e, &b.arena, b.model, request, &b.why));
    const uint16_t *y = engine_lock(e, out[0], SURFACE_READ);
    assert_float_equal(f16_to_double(y[2]), 102 + 2, 0);
    /* the fourth row begins at 192 */
    assert_float_equal(f16_to_double(y[3 * 32 + 1]), 101 + 10, 0);
    engine_unlock(e, out[0], SURFACE_READ);
    objc_drop(e->objc, &request);
    objc_drop(e->objc, &in[0]);
    objc_drop(e->objc, &in[1]);
    objc_drop(e->objc, &out[0]);
    assert_true(engine_unload(e, &b.arena, b.model, &b.why));
    assert_false(file_exists(b.dir)); /* as Apple's does */
    tear_down(&b);
}

static void test_runs(void **state)
{
    (void)state;
    run_on("m1", "a_in");
    run_on("m4", "a_in");
    run_on("m5", "a_in");
}

/* ---- what is refused, and in which words ------------------------------------------------- */

typedef struct {
    const char *fault, *text, *meaning;
    bool transient, full, unknown; /* unknown: no words for it */
} Refused;

static void check_refused(const Refused *r)
{
    Bench b;
    set_machine("m4", r->fault);
    bool ok = set_up(&b, sum_text) && engine_compile(b.engine, &b.arena, b.model, &b.why)
           && engine_load(b.engine, &b.arena, b.model, &b.why);
    if (ok) {
        Trouble ignored;
        engine_unload(b.engine, &b.arena, b.model, &ignored);
        fail_msg("%s: nothing was refused", r->fault);
    }
    printf("%s: %s\n", r->fault, trouble_text(&b.arena, &b.why));
    if (!strstr(b.why.text, r->text)) fail_msg("%s: %s", r->fault, b.why.text);
    if (r->meaning && (!b.why.meaning || !strstr(b.why.meaning, r->meaning)))
        fail_msg("%s: %s", r->fault, b.why.meaning ? b.why.meaning : "no meaning");
    if (r->unknown) assert_null(b.why.meaning);
    assert_int_equal(b.why.transient, r->transient);
    assert_int_equal(b.why.full, r->full);
    tear_down(&b);
}

static const char *name_of(Engine *e, Arena *a, const char *mil, const EngineWeight *w,
                           int n)
{
    Trouble why;
    Id model = engine_model_new(e, a, mil, strlen(mil), w, n, &why);
    assert_non_null(model);
    const char *dir = engine_model_dir(e, a, model);
    objc_drop(e->objc, &model);
    return file_base(dir);
}

/* A model is called by the sums of its text and of all weights, in the order of their paths, which
 * themselves do not count (facts 10.3). */
static void test_names(void **state)
{
    static const char zeros[4];
    Arena a = { 0 };
    const char *why = "";
    char sum[65];
    (void)state;
    set_machine("m4", "");
    Engine *e = engine_open(&a, &why);
    if (!e) fail_msg("%s", why);
    const EngineWeight one = { "@model_path/a.bin", "one", 3 },
                       two = { "@model_path/b.bin", "two", 3 };
    EngineWeight ab[] = { one, two }, ba[] = { two, one }, other[] = { two, one };
    other[0].path = "@model_path/0.bin";
    const char *name = name_of(e, &a, sum_text, ab, 2);
    Sha256 sha = sha256_start();
    sha256_add(&sha, zeros, 4);
    sha256_add(&sha, "onetwo", 6);
    sha256_end(&sha, sum);
    for (char *c = sum; *c; c++) *c = (char)toupper((unsigned char)*c);
    assert_int_equal(strlen(name), 3 * 64 + 2);
    assert_memory_equal(name + 65, sum, 64);
    assert_string_equal(name_of(e, &a, sum_text, ba, 2), name);
    assert_string_not_equal(name_of(e, &a, sum_text, other, 2),
                            name); /* its bytes come first */
    other[0].path = "@model_path/c.bin";
    assert_string_equal(name_of(e, &a, sum_text, other, 2), name);
    assert_string_not_equal(name_of(e, &a, sum_text, ab, 1), name);
    assert_string_not_equal(name_of(e, &a, "program(1.0)", ab, 2), name);
    engine_close(e);
    arena_free(&a);
}

static void test_refused(void **state)
{
    static const Refused cases[] = {
        { .fault = "no-engine", .text = "this machine has no Neural Engine" },
        { .fault = "nil-descriptor", .text = "no descriptor" },
        /* the compiler's codes are not those of the engine */
        { .fault = "refuse:all",
          .text = "appleneuralengine.compiler 1: _ANECompiler : ANECCompile() FAILED",
          .unknown = true },
        { .fault = "refuse:fp16", .text = "InvalidMILProgram (fp16", .unknown = true },
        { .fault = "load-once", .text = "Program load failure" },
        { .fault = "load-busy:1",
          .text = "0x5",
          .meaning = "no room at this moment",
          .transient = true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) check_refused(&cases[i]);
}

/* Every code of the engine's fixed list has its words, none is believed to pass, and a code
 * that nobody knows has none. */
static void test_codes(void **state)
{
    static const int last = 26;
    char fault[40], said[40];
    (void)state;
    for (int code = 1; code <= last + 1; code++) {
        Bench b;
        snprintf(fault, sizeof fault, "load-error:%d", code);
        snprintf(said, sizeof said, "appleneuralengine %d: ", code);
        set_machine("m4", fault);
        assert_true(set_up(&b, sum_text)
                    && engine_compile(b.engine, &b.arena, b.model, &b.why));
        assert_false(engine_load(b.engine, &b.arena, b.model, &b.why));
        assert_non_null(strstr(b.why.text, said));
        assert_int_equal(b.why.code, code);
        assert_false(b.why.transient || b.why.full);
        assert_int_equal(b.why.meaning != NULL, code <= last);
        tear_down(&b);
    }
}

/* Code, status word, loading stage and what lies under the error are read together. */
static void test_decoded(void **state)
{
    static const Refused cases[] = {
        { .fault = "load-error:53,error-status:1,error-stage:4",
          .text = "(loading stage 4)",
          .meaning = "and it was not" }, /* Apple's text says transient */
        { .fault = "load-error:5", .text = "5: ", .meaning = "the program overflowed" },
        { .fault = "load-error:5,error-status:2",
          .text = "5: ",
          .meaning = "a sum overflowed" },
        { .fault = "load-error:8,error-status:2",
          .text = "8: ",
          .meaning = "the indices of inputs" },
        { .fault = "load-error:6,error-status:14",
          .text = "6: ",
          .meaning = "is not there any more" },
        { .fault = "load-error:6,error-status:15",
          .text = "6: ",
          .meaning = "did not answer in time" },
        { .fault = "load-error:6,error-status:18",
          .text = "6: ",
          .meaning = "could not be mapped" },
        { .fault = "load-error:6,error-status:19",
          .text = "6: ",
          .meaning = "could not be mapped" },
        { .fault = "load-error:6,error-status:21",
          .text = "6: ",
          .meaning = "was aborted" },
        { .fault = "load-error:6,error-status:22",
          .text = "6: ",
          .meaning = "without an explanation" },
        { .fault = "load-error:6,error-status:131076",
          .text = "6: ",
          .meaning = "could not be loaded" },
        { .fault = "load-error:6,error-status:327684",
          .text = "6: ",
          .meaning = "too many programs",
          .transient = true,
          .full = true },
        { .fault = "load-error:47", .text = "47: ", .meaning = "was aborted" },
        { .fault = "load-error:99,error-under:7",
          .text = "<- com.apple.appleneuralengine 7: ",
          .meaning = "no code signature" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) check_refused(&cases[i]);
}

/* Surfaces that are too small, or of other rows, are refused as on the engine: 0x1d. */
static void test_wrong_layout(void **state)
{
    Bench b;
    Layout l;
    Id in[2], out[1];
    (void)state;
    set_machine("m4", "");
    assert_true(set_up(&b, sum_text)
                && engine_compile(b.engine, &b.arena, b.model, &b.why));
    assert_true(engine_load(b.engine, &b.arena, b.model, &b.why));
    assert_true(engine_layout(b.engine, &b.arena, b.model, "main", &l, &b.why.text)
                == LAYOUT_READ);
    Port packed = l.out[0];
    packed.row = 6;
    packed.plane = 12;
    packed.batch_stride = packed.bytes = 24;
    for (int i = 0; i < 2; i++) in[i] = engine_surface_new(b.engine, &l.in[i]);
    out[0] = engine_surface_new(b.engine, &packed);
    Id request = engine_request_new(b.engine, &l, in, out);
    assert_false(engine_run(b.engine, &b.arena, b.model, request, &b.why));
    assert_non_null(strstr(b.why.text, "status=0x1d"));
    assert_non_null(strstr(trouble_text(&b.arena, &b.why), "do not have the layout"));
    objc_drop(b.engine->objc, &request);
    for (int i = 0; i < 2; i++) objc_drop(b.engine->objc, &in[i]);
    objc_drop(b.engine->objc, &out[0]);
    assert_true(engine_unload(b.engine, &b.arena, b.model, &b.why));
    tear_down(&b);
}

/* ---- strictness: each of these ends the process, and says why ---------------------------- */

static Objc *objc_of(Arena *a)
{
    const char *why = "";
    Objc *o = objc_open(a, &why);
    if (!o) fprintf(stderr, "%s\n", why);
    return o;
}

static void unknown_selector(void)
{
    Arena a = { 0 };
    Objc *o = objc_of(&a);
    o->selector[SEL_model] = o->sel_registerName("frobnicate");
    SEND0(o, Id, string_new(o, "x"), SEL_model);
}

static void message_to_released(void)
{
    Arena a = { 0 };
    Objc *o = objc_of(&a);
    Id s = string_new(o, "x");
    o->objc_release(s);
    o->selector[SEL_model] = o->sel_registerName("retain");
    SEND0(o, Id, s, SEL_model);
}

static void release_too_many(void)
{
    Arena a = { 0 };
    Objc *o = objc_of(&a);
    Id s = string_new(o, "x");
    o->objc_release(s);
    o->objc_release(s);
}

static void leak(void)
{
    /* What is left is to be the string alone, and the stand-in is to find it, not a sanitizer. */
    static Arena a;
    static Id left;
    left = string_new(objc_of(&a), "x");
    assert_non_null(left);
}

static void no_pool(void)
{
    Arena a = { 0 };
    objc_of(&a)->NSTemporaryDirectory();
}

static void wrong_class(void)
{
    Arena a = { 0 };
    Objc *o = objc_of(&a);
    Id s = string_new(o, "not data");
    SEND(o, Id, (Id, Id, Id), o->objc_getClass("_ANEInMemoryModelDescriptor"),
         SEL_descriptor, s, s, NULL);
}

static Id small_surface(Engine *e)
{
    return engine_surface_new(e, &(Port){ .batch = 1,
                                          .channels = 1,
                                          .height = 1,
                                          .width = 32,
                                          .row = 64,
                                          .plane = 64,
                                          .bytes = 64,
                                          .element = 2 });
}

static void address_unlocked(void)
{
    Arena a = { 0 };
    const char *why;
    Engine *e = engine_open(&a, &why);
    e->objc->IOSurfaceGetBaseAddress(small_surface(e));
}

static void write_unlocked(void)
{
    Arena a = { 0 };
    const char *why;
    Engine *e = engine_open(&a, &why);
    Id s = small_surface(e);
    volatile char *base = engine_lock(e, s, 0);
    engine_unlock(e, s, 0);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    *base = 1;
}

static void unlock_unlocked(void)
{
    Arena a = { 0 };
    const char *why;
    Engine *e = engine_open(&a, &why);
    engine_unlock(e, small_surface(e), 0);
}

static void unknown_fault(void)
{
    Arena a = { 0 };
    const char *why;
    set_machine("m4", "meteorite");
    engine_open(&a, &why);
}

static void test_strict(void **state)
{
    static const struct {
        void (*fn)(void);
        const char *said;
        int signal;
    } cases[] = {
        { unknown_selector, "anesim: NSString does not understand frobnicate", SIGABRT },
        { message_to_released, "anesim: a released object does not understand retain",
          SIGABRT },
        { release_too_many, "anesim: a release too many", SIGABRT },
        { leak, "anesim: 1 objects of NSString are left", SIGABRT },
        { no_pool, "is autoreleased, and no pool is open", SIGABRT },
        { wrong_class, "takes NSData, not NSString", SIGABRT },
        { address_unlocked, "the address of a surface that is not locked", SIGABRT },
        { write_unlocked, "", SIGSEGV },
        { unlock_unlocked, "is unlocked that is not locked", SIGABRT },
        { unknown_fault, "there is no fault meteorite", SIGABRT },
    };
    char said[2000];
    (void)state;
    set_machine("m4", "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = run_apart(cases[i].fn, said, sizeof said);
        if (!strstr(said, cases[i].said))
            fail_msg("`%s` is not in `%s`", cases[i].said, said);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != cases[i].signal)
            fail_msg("%s: status %d, said %s", cases[i].said, status, said);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_wrong_layout),
        cmocka_unit_test(test_strict),  cmocka_unit_test(test_codes),
        cmocka_unit_test(test_decoded),
    };
    (void)argc;
    Arena arena = { 0 };
    const char *top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
