/* test_beside.c -- what a module keeps beside values and names: sets of values, who has a name and how
 * often it was counted on, literals that are said again, and names of ops that are no value's. */
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"

#include <stdio.h>

static Module *read_text(Diag *d, const char *text)
{
    const Source src = { .name = "text", .text = text, .len = strlen(text) };
    Module *m = mil_read(d, &src, NULL);
    if (!m) fail_msg("%s", d->text.s);
    return m;
}

/* ---- sets of values ---------------------------------------------------------------------- */

static void a_set_has_what_was_put(void **state)
{
    (void)state;
    static const uint32_t ids[] = { 1,    63,   64,   65,    4095,  4096,
                                    4097, 8191, 8192, 65535, 65536, 1000000 };
    ValueSet s = { 0 };
    for (size_t in = 0; in <= COUNT(ids); in++) {
        for (size_t i = 0; i < COUNT(ids); i++) {
            const Value v = { .id = ids[i] };
            assert_int_equal(value_set_has(&s, &v), i < in);
        }
        if (in < COUNT(ids)) value_set_put(&s, &(Value){ .id = ids[in] }, true);
    }
    for (size_t i = 0; i < COUNT(ids); i += 2)
        value_set_put(&s, &(Value){ .id = ids[i] }, false);
    value_set_put(&s, &(Value){ .id = ids[1] }, true); /* once more */
    value_set_put(&s, &(Value){ .id = 7 }, false);     /* it never was */
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_int_equal(value_set_has(&s, &(Value){ .id = ids[i] }), i % 2);
    assert_false(value_set_has(&s, &(Value){ .id = 7 }));
    assert_false(value_set_has(&s, &(Value){ .id = UINT32_MAX }));
    value_set_free(&s);
    assert_false(value_set_has(&s, &(Value){ .id = 63 }));
}

/* ---- names of a function ----------------------------------------------------------------- */

static void suffixes_go_on(void **state)
{
    (void)state;
    enum { MANY = 66000 }; /* a note counts to 65,535 */
    Arena a = { 0 };
    Module *m = module_new();
    Func *f = func_new(m, "main", OPSET_IOS18), *g = func_new(m, "other", OPSET_IOS18);
    assert_string_equal(func_unique_name(f, "x"), "x");
    assert_string_equal(func_unique_name(g, "x"), "x");
    for (int i = 0; i < MANY; i++) {
        const char *name = func_unique_name(f, "x");
        if (strcmp(name, arena_printf(&a, "x_%d", i)) != 0)
            fail_msg("%d is called %s", i, name);
    }
    assert_string_equal(func_unique_name(g, "x"), "x_0");
    assert_string_equal(func_unique_name(g, "x"), "x_1");
    module_free(m);
    arena_free(&a);
}

static void names_of_many_functions(void **state)
{
    (void)state;
    enum { MANY = 65536 + 4 }; /* the number of a function is short in a note */
    Module *m = module_new();
    Func *last = NULL;
    Arena a = { 0 };
    for (int i = 0; i < MANY; i++)
        last = func_new(m, arena_printf(&a, "f%d", i), OPSET_IOS18);
    Func *at[] = { m->first, m->first->next, NULL, last };
    for (Func *f = m->first; f; f = f->next)
        if (f->number == 65536)
            at[2] = f; /* as the first one where 16 bits are looked at: 0 */
    assert_non_null(at[2]);
    assert_int_equal(last->number, MANY);
    for (size_t turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < COUNT(at); i++) {
            const char *own = module_name(m, "own"),
                       *late = module_name(m, i < 2 ? "a" : "b");
            assert_int_equal(func_claim_name(at[i], own), turn == 0);
            assert_int_equal(func_claim_name(at[i], late), turn == 0);
            assert_int_equal(func_next_suffix(at[i], own), (int)turn);
        }
    module_free(m);
    arena_free(&a);
}

/* ---- literals that are said again -------------------------------------------------------- */

enum { OTHERS = 3000 };

static char *literals_of(Arena *a, int times)
{
    Buf b = { 0 };
    buf_puts(&b, "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1, 2]> x) {\n");
    for (int i = 0; i < times * OTHERS; i++)
        buf_printf(&b, "tensor<fp16, [1, 2]> s%d = add(x = x, y = fp16(%d));\n", i,
                   i % OTHERS % 2048 * (i % OTHERS < 2048 ? 1 : 2));
    buf_puts(&b, "    } -> (s0);\n}\n");
    char *text = arena_strndup(a, b.s, b.len);
    buf_free(&b);
    return text;
}

/* As many as a text has: what comes again is the same value, what is another is another. */
static void many_literals_are_shared(void **state)
{
    (void)state;
    Arena a = { 0 };
    Diag d = { 0 };
    Module *m = read_text(&d, literals_of(&a, 2));
    const Value *first[OTHERS];
    int i = 0, shared = 0;
    for (const Op *op = m->first->body->first; op; op = op->next, i++) {
        const Value *y = op_value(op, P_y);
        const int k = i % OTHERS;
        double v;
        assert_true(value_float(y, &v));
        assert_true(v == k % 2048 * (k < 2048 ? 1 : 2));
        assert_false(y->def);
        if (i < OTHERS) first[k] = y;
        else shared += first[k] == y;
    }
    assert_int_equal(i, 2 * OTHERS);
    if (shared < OTHERS * 9 / 10) fail_msg("%d of %d are shared", shared, OTHERS);
    module_free(m);
    diag_free(&d);
    arena_free(&a);
}

/* ---- names of ops ----------------------------------------------------------------- */

#define HEAD "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1, 2]> x) {\n        "
#define TAIL "\n        } -> (s);\n}\n"
#define S "tensor<fp16, [1, 2]> s = relu(x = x)"

/* What is said in [ ], what the op is called then, and what it becomes in print. */
static const struct {
    const char *attrs, *said, *printed;
} named[] = {
    { "[name = string(\"s\")]", "s", "[name = string(\"s\")]" },
    { "[name = string(\"other\")]", "other", "[name = string(\"other\")]" },
    { "[name = string(\"a \\\"b\\\"\")]", "a \"b\"", "[name = string(\"a \\\"b\\\"\")]" },
    { "[name = string(\"\")]", "", "[name = string(\"\")]" },
    { "[more = bool(true), name = string(\"t\")]", "t",
      "[more = bool(true), name = string(\"t\")]" },
    { "[name = string(\"t\"), a = bool(true)]", "t",
      "[a = bool(true), name = string(\"t\")]" },
    { "[name = string(\"s\"), zone = int32(1)]", "s",
      "[name = string(\"s\"), zone = int32(1)]" },
    { "[name = int32(1)]", NULL, "[name = int32(1)]" },
    { "[val = int32(1), name = string(\"t\")]", "t",
      "[name = string(\"t\"), val = int32(1)]" },
    { "[val = int32(1)]", NULL, "[val = int32(1)]" },
    { "", NULL, "" },
};

static void names_are_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(named); i++) {
        Arena a = { 0 };
        Diag d = { 0 };
        Buf out = { 0 };
        Module *read = read_text(&d, arena_printf(&a, HEAD S "%s;" TAIL, named[i].attrs)),
               *m = read;
        const char *want = arena_printf(&a, S "%s;", named[i].printed);
        for (int turn = 0; turn < 3; turn++) {
            const Op *op = m->first->body->first;
            const char *said = op_said_name(op);
            if (!said != !named[i].said || (said && strcmp(said, named[i].said) != 0))
                fail_msg("%s: it is called %s", named[i].attrs, said ? said : "nothing");
            assert_int_equal(op_has_name(op), strstr(named[i].attrs, "name") != NULL);
            out.len = 0;
            mil_print(m, &out);
            if (!strstr(out.s, want)) fail_msg("%s is not in %s", want, out.s);
            if (turn == 1) { /* a copy of all is called as it is */
                Module *copy = module_clone(m);
                Op *all = copy->first->body->first;
                assert_int_equal(op_has_name(all), op_has_name(op));
                /* one beside it has its own name, where the other has one */
                const Op *one = op_clone(all, all->parent, NULL, NULL, NULL);
                const char *is = op_said_name(one);
                assert_true(op_has_name(all) ? is && !strcmp(is, one->out[0]->name)
                                             : !is);
                m = copy;
                op_unlink(all->next);
            }
        }
        buf_free(&out);
        module_free(m);
        module_free(read); /* a copy shares its literals */
        diag_free(&d);
        arena_free(&a);
    }
}

/* Another name, a name again, none: one after the other on one op. */
static void names_are_changed(void **state)
{
    (void)state;
    Diag d = { 0 };
    Module *m = read_text(&d, HEAD S ";" TAIL);
    Arena *a = &m->arena;
    Op *op = m->first->body->first;
    op_set_name(m, op, "other");
    assert_string_equal(op_said_name(op), "other");
    assert_null(op_attr(op, "name"));
    op_set_attr(m, op, "name", const_string(a, "s"));
    assert_string_equal(op_said_name(op), "s");
    assert_true(op->named);
    op_set_attr(m, op, "name", const_int(a, DT_INT32, 1));
    assert_null(op_said_name(op));
    assert_true(op_has_name(op));
    op_set_name(m, op, "again");
    assert_null(op_attr(op, "name"));
    assert_string_equal(op_said_name(op), "again");
    op_set_attr(m, op, "name", NULL);
    assert_false(op_has_name(op));
    op_set_attr(m, op, "val", const_int(a, DT_INT32, 1));
    op_set_name(m, op, "beside");
    assert_string_equal(op_said_name(op), "beside");
    assert_non_null(op_attr(op, "val"));
    op_set_name(m, op, op->out[0]->name);
    value_rename(op->out[0], module_name(m, "t"));
    assert_string_equal(op_said_name(op), "s"); /* the op keeps its attribute */
    module_free(m);
    diag_free(&d);
}

/* ---- what a program says of its build ---------------------------------------------------- */

static void each_entry_of_build_info_is_found(void **state)
{
    (void)state;
    Diag d = { 0 };
    Module *m = read_text(
        &d,
        "program(1.3)\n[buildInfo = dict<string, string>({{\"a\", \"1\"}, {\"b\", \"2\"}, "
        "{\"c\", \"3\"}})]\n{\n    func main<ios18>(tensor<fp16, [1, 2]> x) {\n"
        "    } -> (x);\n}\n");
    assert_string_equal(build_info_get(m, "a"), "1");
    assert_string_equal(build_info_get(m, "b"), "2");
    assert_string_equal(build_info_get(m, "c"), "3");
    assert_null(build_info_get(m, "1"));
    assert_null(build_info_get(m, "d"));
    module_free(m);
    m = module_new();
    assert_null(build_info_get(m, "a"));
    module_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_has_what_was_put),
        cmocka_unit_test(suffixes_go_on),
        cmocka_unit_test(names_of_many_functions),
        cmocka_unit_test(many_literals_are_shared),
        cmocka_unit_test(names_are_kept),
        cmocka_unit_test(names_are_changed),
        cmocka_unit_test(each_entry_of_build_info_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
