/* test_attributes.c -- what a compiled model says of itself: the keys that the engine's runtime
 * asks for, and those that the stand-in answers with, each held against the printed dump by a
 * reader of its own. */
#include "engine_bench.h"

#include <ctype.h>

static const char two_functions[] =
    "program(1.0)\n"
    "[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-version\", \"3505.4.1\"}})]\n"
    "{\n"
    "    func main<ios16>(tensor<fp16, [1, 2, 2, 3]> b, tensor<fp16, [1, 1, 1, 3]> a) {\n"
    "        tensor<fp16, [1, 2, 2, 3]> y = add(x = a, y = b)[name = tensor<string, []>(\"y\")];\n"
    "    } -> (y);\n"
    "    func minus<ios16>(tensor<fp16, [1, 4, 1, 3]> a) {\n"
    "        tensor<fp16, [1, 4, 1, 3]> y = sub(x = a, y = a)[name = tensor<string, []>(\"y\")];\n"
    "    } -> (y);\n"
    "}\n";

/* ---- the dump ---------------------------------------------------------------------------- */

/* The words before `=` in the dump, in the order of the file; the test's own reading of it. */
typedef struct {
    char word[128][64];
    int n;
} Keys;

static void read_dump(const char *path, Keys *keys)
{
    FILE *f = fopen(path, "r");
    char line[512];
    keys->n = 0;
    if (!f) fail_msg("%s cannot be read", path);
    while (fgets(line, sizeof line, f)) {
        char *s = line, *equals = strstr(line, " = ");
        while (isspace((unsigned char)*s)) s++;
        if (!strncmp(s, "//", 2) || !equals || *s == '$') continue;
        assert_true(keys->n < (int)COUNT(keys->word));
        snprintf(keys->word[keys->n++], sizeof *keys->word, "%.*s", (int)(equals - s), s);
    }
    fclose(f);
}

static bool has_key(const Keys *keys, const char *word)
{
    for (int i = 0; i < keys->n; i++)
        if (!strcmp(keys->word[i], word)) return true;
    return false;
}

static const char *dump_path(void)
{
    static const char path[] = "standin/attributes.dump";
    return path;
}

/* Every key that the runtime asks for, and every exported string of the stand-in, stands in the
 * dump; PlaneDescriptor alone is of image programs, whose dump the stand-in's has not. */
static void test_keys(void **state)
{
    static const char *const asked[] = {
#define KEY(id, constant, text) text,
#include "../../backends/ane/attributes.def"
    };
    static const char *const exported[] = {
#define CONSTANT(name, value) value,
#include "../../standin/constants.def"
    };
    Keys keys;
    (void)state;
    read_dump(dump_path(), &keys);
    assert_true(keys.n > 20);
    for (size_t i = 0; i < COUNT(asked); i++)
        if (!has_key(&keys, asked[i]) && strcmp(asked[i], "PlaneDescriptor") != 0)
            fail_msg("attributes.def asks for %s, which the dump does not have",
                     asked[i]);
    for (size_t i = 0; i < COUNT(exported); i++)
        if (!has_key(&keys, exported[i]))
            fail_msg("constants.def exports %s, which the dump does not have",
                     exported[i]);
}

/* ---- what the stand-in answers ----------------------------------------------------------- */

static void load(Bench *b, const char *mil)
{
    if (!set_up(b, mil) || !engine_compile(b->engine, &b->arena, b->model, &b->why)
        || !engine_load(b->engine, &b->arena, b->model, &b->why))
        fail_msg("%s", b->why.text);
}

static void unload(Bench *b)
{
    assert_true(engine_unload(b->engine, &b->arena, b->model, &b->why));
    tear_down(b);
}

static Id at(Objc *o, Id d, const char *key)
{
    Id v = dict_at(o, d, key);
    if (!v) fail_msg("there is no %s", key);
    return v;
}

/* The answer for a program of two functions, read with literal words as they stand in printed
 * dumps. */
static void test_answer(void **state)
{
    Bench l;
    Arena a = { 0 };
    (void)state;
    set_machine("m4", "");
    load(&l, two_functions);
    Objc *o = l.engine->objc;
    void *pool = objc_pool(o);
    Id all = SEND0(o, Id, SEND0(o, Id, l.model, SEL_innerModel), SEL_attributes);
    Id about = at(o, all, "ANEFModelDescription");
    Id ids = at(o, about, "kANEFModelProcedureNameToIDMapKey");
    assert_int_equal(number_value(o, at(o, ids, "main"), -1), 0);
    assert_int_equal(number_value(o, at(o, ids, "minus"), -1), 1);
    Id inputs = at(o, about, "kANEFModelInputSymbolsArrayKey");
    assert_int_equal(array_count(o, inputs), 3); /* of both functions */
    Id outputs = at(o, about, "kANEFModelOutputSymbolsArrayKey");
    assert_string_equal(string_text(o, &a, array_at(o, outputs, 1)), "y@output");
    Id minus = array_at(o, at(o, about, "ANEFModelProcedures"), 1);
    assert_int_equal(number_value(o, at(o, minus, "ANEFModelProcedureID"), -1), 1);
    assert_int_equal(
        number_value(o, array_at(o, at(o, minus, "ANEFModelInputSymbolIndexArray"), 0),
                     -1),
        2);
    Id network = array_at(o, at(o, all, "NetworkStatusList"), 1);
    assert_string_equal(string_text(o, &a, at(o, network, "Name")), "minus");
    Id port = array_at(o, at(o, network, "LiveOutputList"), 0);
    static const struct {
        const char *key;
        int64_t value;
    } numbers[] = {
        { "Batches", 1 },      { "BatchStride", 4 * 64 }, { "Channels", 4 },
        { "Depth", 1 },        { "Height", 1 },           { "Interleave", 1 },
        { "PlaneStride", 64 }, { "RowStride", 64 },       { "Width", 3 },
    };
    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_int_equal(number_value(o, at(o, port, numbers[i].key), -1),
                         numbers[i].value);
    assert_string_equal(string_text(o, &a, at(o, port, "Symbol")), "y@output");
    assert_string_equal(string_text(o, &a, at(o, port, "Type")), "Float16");
    assert_null(dict_at(o, port, "4CCFormat"));
    objc_pool_end(o, pool);
    unload(&l);
    arena_free(&a);
}

/* ---- what the runtime makes of it -------------------------------------------------------- */

typedef struct {
    const char *faults, *function;
    LayoutFound found;
    int procedure;
    const char *why; /* NULL: read */
} Told;

static void check_told(const Told *t)
{
    Bench l;
    Layout layout;
    const char *why = NULL;
    set_machine("m4", t->faults);
    load(&l, two_functions);
    const LayoutFound found = engine_layout(l.engine, &l.arena, l.model, t->function,
                                            &layout, &why);
    if (found != t->found)
        fail_msg("%s, %s: found %d (%s)", t->faults, t->function, (int)found,
                 why ? why : "");
    if (t->why && (!why || !strstr(why, t->why)))
        fail_msg("%s: %s", t->faults, why ? why : "nothing is said");
    if (found == LAYOUT_READ) {
        const bool main = t->procedure == 0;
        const Port *y = port_find(layout.out, layout.nout, "y"),
                   *a = port_find(layout.in, layout.nin, "a");
        assert_int_equal(layout.procedure, t->procedure);
        assert_int_equal(layout.nin, main ? 2 : 1);
        assert_true(y && a);
        assert_int_equal(y->symbol, main ? 0 : 1);
        assert_int_equal(a->symbol, main ? 0 : 2);
        assert_int_equal(y->channels, main ? 2 : 4);
        assert_int_equal(a->channels, main ? 1 : 4); /* b has 2 */
        assert_null(port_find(layout.in, layout.nin, "y"));
    }
    set_machine("m4", "");
    unload(&l);
}

static void test_told(void **state)
{
    static const Told cases[] = {
        { "", "main", LAYOUT_READ, 0, NULL },
        { "", "minus", LAYOUT_READ, 1, NULL },
        /* by number and name, never by position */
        { "reversed", "main", LAYOUT_READ, 0, NULL },
        { "reversed", "minus", LAYOUT_READ, 1, NULL },
        { "networks-back", "main", LAYOUT_READ, 0, NULL },
        { "networks-back", "minus", LAYOUT_READ, 1, NULL },
        { "symbols-only", "minus", LAYOUT_READ, 1, NULL },
        { "names-crossed", "main", LAYOUT_READ, 0, NULL },
        { "names-only", "minus", LAYOUT_READ, 1, NULL },
        { "parameters", "main", LAYOUT_READ, 0, NULL },
        { "", "times", LAYOUT_UNTOLD, 0, "names no procedure times" },
        { "no-attributes", "main", LAYOUT_UNTOLD, 0, "does not describe itself" },
        { "depth:2", "main", LAYOUT_REFUSED, 0, "has a depth of 2" },
        { "interleave:4", "main", LAYOUT_REFUSED, 0, "has channels interleaved by 4" },
        { "image", "main", LAYOUT_REFUSED, 0, "is an image" },
        { "other-type", "main", LAYOUT_REFUSED, 0, "has elements of type BFloat16" },
        { "states", "main", LAYOUT_REFUSED, 0, "it keeps states" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) check_told(&cases[i]);
}

/* Dimensions and strides at their bounds and beyond: ports of `minus` are [1, 4, 1, 3] in rows and
 * planes of 64 bytes, with 256 between batches. */
static void test_dims(void **state)
{
    static const struct {
        const char *faults;
        bool read;
    } cases[] = {
        { "more-batches:-1", true }, /* not told */
        { "more-batches:-2", false },
        { "more-batches:16777215", true },
        { "more-batches:16777216", false },
        { "more-channels:-4", false },
        { "more-channels:16777213", false },
        { "more-height:-1", false },
        { "more-height:1", false },
        { "more-height:1,more-plane:64", true },
        { "more-height:1,more-plane:63", false },
        { "more-height:3,more-plane:-64,more-row:9223372036854775700", false },
        { "more-width:-3", false },
        { "more-width:29", true },
        { "more-width:30", false },
        { "more-row:-58,more-plane:-58", true },
        { "more-row:-60,more-plane:-60", false }, /* shorter than three elements */
        { "more-row:-57,more-plane:-57", false }, /* no whole elements */
        { "more-row:-64", false },
        { "more-plane:64", true },
        { "more-plane:32", false }, /* no whole rows */
        { "more-plane:-64", false },
        { "more-between:-64", true }, /* of one batch it says nothing */
        { "more-batches:1", true },
        { "more-batches:1,more-between:-256", true }, /* not told */
        { "more-batches:1,more-between:-64", false },
        { "more-batches:1,more-between:64", true },
        { "more-batches:1,more-between:32", false },
        { "more-batches:1,more-between:-320", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const Told t = { cases[i].faults, "minus",
                         cases[i].read ? LAYOUT_READ : LAYOUT_UNTOLD, cases[i].read,
                         cases[i].read ? NULL : "does not say where its tensors lie" };
        check_told(&t);
    }
}

/* Exported strings count where they are there: with other values the answer's keys are others
 * too. */
static void other_keys(void)
{
    Told t = { "other-keys", "minus", LAYOUT_READ, 1, NULL };
    check_told(&t);
}

static void no_constants(void)
{
    Told t = { "no-constants", "minus", LAYOUT_READ, 1, NULL };
    check_told(&t);
}

static void test_constants(void **state)
{
    static void (*const apart[])(void) = { other_keys, no_constants };
    static const char *const faults[] = { "other-keys", "no-constants" };
    char said[2000];
    (void)state;
    for (size_t i = 0; i < COUNT(apart); i++) {
        set_machine("m4",
                    faults[i]); /* the library makes its strings when it is opened */
        const int status = run_apart(apart[i], said, sizeof said);
        if (status) fail_msg("%s: status %d: %s", faults[i], status, said);
    }
    set_machine("m4", "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants), /* first: the library is not open yet */
        cmocka_unit_test(test_keys),      cmocka_unit_test(test_answer),
        cmocka_unit_test(test_told),      cmocka_unit_test(test_dims),
    };
    (void)argc;
    Arena arena = { 0 };
    const char *top = use_standin(&arena, argv[0]);
    return run_in_folder(tests, COUNT(tests), top, &arena);
}
