/* test_description.c -- the description of a model: each of its fields comes back as it was read,
 * at its own place, and what does not hold of the program is left out. */
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/mil/spec.h"

enum {
    INPUT = 1,
    OUTPUT = 10,
    LABEL = 11,
    CHANCES = 12,
    FUNCTION = 20,
    DEFAULT = 21,
    META = 100,
    USER = 100,
    UNKNOWN = 999
};
enum { FUNC_NAME = 1, FUNC_INPUT = 2, FUNC_OUTPUT = 3, FUNC_LABEL = 4, FUNC_CHANCES = 5 };

#define FUNCTION_OF(name) \
    "func " name "<ios16>(tensor<fp32, [2]> x) {\n" \
    "tensor<fp32, [2]> y = relu(x = x);\n} -> (y);\n"
#define PROGRAM(functions) "program(1.0)\n{\n" functions "}\n"
static const char one[] = PROGRAM(FUNCTION_OF("main")),
                  two[] = PROGRAM(FUNCTION_OF("first") FUNCTION_OF("second"));

/* One at a time: the module refers to its source. */
static Module *program_of(const char *text)
{
    static Source src;
    Diag d = { 0 };
    src = (Source){ .name = "x.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(&d, &src, NULL);
    if (!m) fail_msg("%s", d.text.s);
    diag_free(&d);
    return m;
}

/* A feature of x or y: an array of fp32 [2]. */
static void put_feature(Buf *b, uint32_t num, const char *name, const char *doc)
{
    const size_t at = pb_begin(b, num);
    pb_put_string(b, 1, name);
    if (doc) pb_put_string(b, 2, doc);
    const size_t type = pb_begin(b, 3), array = pb_begin(b, 5), shape = pb_begin(b, 1);
    pb_put_varint(b, 2);
    pb_end(b, shape);
    pb_put_number(b, 2, 65568);
    pb_end(b, array);
    pb_end(b, type);
    pb_end(b, at);
}

static void put_pair(Buf *b, const char *key, const char *value)
{
    const size_t at = pb_begin(b, USER);
    if (key) pb_put_string(b, 1, key);
    if (value) pb_put_string(b, 2, value);
    pb_end(b, at);
}

static bool description_read(Module *m, Diag *d, const Buf *b)
{
    PbFile file = { .data = (const unsigned char *)b->s, .size = b->len };
    const bool ok = about_read(m, d, pb_open(&file));
    assert_null(file.wrong);
    return ok;
}

/* Reads `given` and checks that it is written as `want`; frees the module and both. */
static void expect_back(Module *m, Buf *given, Buf *want)
{
    Diag d = { 0 };
    Buf got = { 0 };
    if (!description_read(m, &d, given) || !about_write(m, &d, &got))
        fail_msg("%s", d.text.s);
    assert_int_equal(got.len, want->len);
    if (got.len) assert_memory_equal(got.s, want->s, got.len);
    module_free(m);
    diag_free(&d);
    buf_free(&got);
    if (given != want) buf_free(given);
    buf_free(want);
}

static void put_sides(Buf *b)
{
    put_feature(b, INPUT, "x", NULL);
    put_feature(b, OUTPUT, "y", NULL);
}

/* ---- what is said of a model ------------------------------------------------------------- */

static void metadata_comes_back(void **state)
{
    (void)state;
    for (uint32_t text = 0; text <= ABOUT_TEXTS; text++)
        for (int pairs = 0; pairs < 3; pairs++) {
            Buf b = { 0 };
            put_sides(&b);
            const size_t at = pb_begin(&b, META);
            if (text) pb_put_string(&b, text, "said");
            for (int i = 0; i < pairs; i++) put_pair(&b, i ? "k" : "key", i ? "" : "v");
            pb_end(&b, at);
            expect_back(program_of(one), &b, &b);
        }
}

/* A text that did not come from a description is metadata too; an empty one is none. */
static void texts_alone_are_metadata(void **state)
{
    (void)state;
    static const char *const texts[] = { NULL, "", "said" };
    for (size_t i = 0; i < COUNT(texts) * ABOUT_TEXTS; i++) {
        const char *text = texts[i % COUNT(texts)];
        const uint32_t which = (uint32_t)(i / COUNT(texts));
        Module *m = program_of(one);
        Buf given = { 0 }, want = { 0 };
        about_of(m)->text[which] = text;
        put_sides(&given);
        put_sides(&want);
        if (text && *text) {
            const size_t at = pb_begin(&want, META);
            pb_put_string(&want, which + 1, text);
            pb_end(&want, at);
        }
        expect_back(m, &given, &want);
    }
}

/* An empty text says nothing, a pair has both of its sides, and other fields have no meaning. */
static void what_metadata_does_not_say_is_left_out(void **state)
{
    (void)state;
    Buf given = { 0 }, want = { 0 };
    put_feature(&given, INPUT, "x", "");
    put_feature(&given, OUTPUT, "y", "it");
    size_t at = pb_begin(&given, META);
    for (uint32_t i = 1; i <= ABOUT_TEXTS + 1; i++) pb_put_string(&given, i, "");
    pb_put_string(&given, ABOUT_TEXTS + 1, "of a field that is not known");
    put_pair(&given, "alone", NULL);
    put_pair(&given, NULL, "nameless");
    pb_end(&given, at);
    put_feature(&want, INPUT, "x", NULL);
    put_feature(&want, OUTPUT, "y", "it");
    at = pb_begin(&want, META);
    put_pair(&want, "alone", "");
    put_pair(&want, "", "nameless");
    pb_end(&want, at);
    expect_back(program_of(one), &given, &want);
}

/* Fields that nothing here knows follow the features, in their order. */
static void unknown_fields_come_back(void **state)
{
    (void)state;
    Buf given = { 0 }, want = { 0 };
    pb_put_string(&given, UNKNOWN, "before");
    put_sides(&given);
    pb_put_number(&given, UNKNOWN + 1, 7);
    pb_put_string(&given, UNKNOWN, "behind");
    put_sides(&want);
    pb_put_string(&want, UNKNOWN, "before");
    pb_put_number(&want, UNKNOWN + 1, 7);
    pb_put_string(&want, UNKNOWN, "behind");
    expect_back(program_of(one), &given, &want);
}

/* The names of a label and of probabilities are those of results, or nothing. */
static void predicted_names_are_results(void **state)
{
    (void)state;
    static const char *const names[] = { NULL, "y", "x", "other" };
    for (size_t i = 0; i < COUNT(names) * COUNT(names); i++) {
        const char *name[] = { names[i % COUNT(names)], names[i / COUNT(names)] };
        Buf given = { 0 }, want = { 0 };
        put_sides(&given);
        put_sides(&want);
        for (uint32_t k = 0; k < 2; k++) {
            if (name[k]) pb_put_string(&given, LABEL + k, name[k]);
            if (name[k] && !strcmp(name[k], "y")) pb_put_string(&want, LABEL + k, "y");
        }
        expect_back(program_of(one), &given, &want);
    }
}

/* ---- functions --------------------------------------------------------------------------- */

static void put_function(Buf *b, const char *name, const char *doc, bool more)
{
    const size_t at = pb_begin(b, FUNCTION);
    pb_put_string(b, FUNC_NAME, name);
    put_feature(b, FUNC_INPUT, "x", doc);
    put_feature(b, FUNC_OUTPUT, "y", NULL);
    if (more) {
        pb_put_string(b, FUNC_LABEL, "y");
        pb_put_string(b, FUNC_CHANCES, "y");
        pb_put_string(b, UNKNOWN, "a field");
        pb_put_string(b, UNKNOWN, "another");
    }
    pb_end(b, at);
}

static void functions_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        Buf b = { 0 };
        put_function(&b, "first", i & 1 ? "of the first" : NULL, i & 2);
        put_function(&b, "second", NULL, !(i & 2));
        pb_put_string(&b, DEFAULT, i & 4 ? "second" : "first");
        expect_back(program_of(two), &b, &b);
    }
}

/* More functions than the first table of them holds. */
static void many_functions_keep_their_descriptions(void **state)
{
    (void)state;
    enum { MANY = 40 };
    Arena a = { 0 };
    Buf text = { 0 }, b = { 0 };
    buf_puts(&text, "program(1.0)\n{\n");
    for (int i = 0; i < MANY; i++) {
        buf_printf(&text, "func f%d<ios16>(tensor<fp32, [2]> x) {\n", i);
        buf_puts(&text, "tensor<fp32, [2]> y = relu(x = x);\n} -> (y);\n");
        put_function(&b, arena_printf(&a, "f%d", i), arena_printf(&a, "of %d", i), i % 3);
    }
    buf_puts(&text, "}\n");
    pb_put_string(&b, DEFAULT, "f7");
    expect_back(program_of(text.s), &b, &b);
    buf_free(&text);
    arena_free(&a);
}

/* Of a program without functions everything is kept as it is. */
static void without_functions_all_is_kept(void **state)
{
    (void)state;
    Buf b = { 0 };
    put_sides(&b);
    pb_put_string(&b, LABEL, "y");
    pb_put_string(&b, UNKNOWN, "more");
    expect_back(module_new(), &b, &b);
}

static void the_default_function_is_there(void **state)
{
    (void)state;
    static const struct {
        const char *program, *name;
        bool good;
    } cases[] = {
        { two, "first", true }, { two, "second", true }, { two, "third", false },
        { two, "main", true },  { two, "", true },       { one, "main", true },
        { one, "x", false },    { NULL, "x", true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Diag d = { 0 };
        Buf b = { 0 };
        Module *m = cases[i].program ? program_of(cases[i].program) : module_new();
        pb_put_string(&b, DEFAULT, cases[i].name);
        assert_int_equal(description_read(m, &d, &b), cases[i].good);
        if (!cases[i].good) expect_says(&d, "is not in the program");
        assert_int_equal(d.errors, 0);
        module_free(m);
        diag_free(&d);
        buf_free(&b);
    }
}

/* ---- specificationVersion ---------------------------------------------------------------- */

static void the_version_follows_what_is_used(void **state)
{
    (void)state;
#define OF(name, opset, params) "func " name "<" opset ">(" params ") {\n} -> (x);\n"
    static const struct {
        const char *program;
        int needs;
    } cases[] = {
        { PROGRAM(OF("main", "ios15", "fp32 x")), 6 },
        { PROGRAM(OF("main", "ios16", "fp32 x")), 7 },
        { PROGRAM(OF("main", "ios17", "fp32 x")), 8 },
        { PROGRAM(OF("main", "ios18", "fp32 x")), 9 },
        { PROGRAM(OF("main", "ios26", "fp32 x")), 10 },
        { PROGRAM(OF("main", "ios15", "fp16 x")), 7 },
        { PROGRAM(OF("main", "ios15", "int32 x")), 6 },
        { PROGRAM(OF("main", "ios17", "int8 x")), 10 },
        { PROGRAM(OF("main", "ios17", "state<tensor<fp32, [1]>> s, fp32 x")), 9 },
        { PROGRAM(OF("main", "ios17", "state<tensor<fp16, [1]>> s, fp32 x")), 9 },
        { PROGRAM(OF("other", "ios15", "fp32 x")), 9 },
        { PROGRAM(OF("main", "ios15", "fp32 x") OF("b", "ios15", "fp32 x")), 9 },
        { PROGRAM(OF("main", "ios15", "fp32 x") OF("b", "ios26", "fp32 x")), 10 },
        { PROGRAM(OF("main", "ios26", "fp32 x") OF("b", "ios15", "fp32 x")), 10 },
        { PROGRAM(OF("main", "ios18", "tuple<fp16> x")), 9 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Module *m = program_of(cases[i].program);
        const int needs = cases[i].needs;
        if (about_spec(m) != needs) fail_msg("%s: %d", cases[i].program, about_spec(m));
        /* one that was read stays while the program needs what it did then */
        About *a = about_of(m);
        for (int said = 1; said < 12; said++)
            for (int then = 0; then < 12; then++) {
                a->spec = said;
                a->read_spec = then;
                const bool stays = said > needs && (!then || then == needs);
                assert_int_equal(about_spec(m), stays ? said : needs);
            }
        module_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_comes_back),
        cmocka_unit_test(texts_alone_are_metadata),
        cmocka_unit_test(what_metadata_does_not_say_is_left_out),
        cmocka_unit_test(unknown_fields_come_back),
        cmocka_unit_test(predicted_names_are_results),
        cmocka_unit_test(functions_come_back),
        cmocka_unit_test(many_functions_keep_their_descriptions),
        cmocka_unit_test(without_functions_all_is_kept),
        cmocka_unit_test(the_default_function_is_there),
        cmocka_unit_test(the_version_follows_what_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
