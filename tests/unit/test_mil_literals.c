/* test_mil_literals.c -- literals and constants of MIL text: read alone, printed, shared. */
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "../../ir/mil/mil.h"

#define WITH(ops) \
    "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1, 2]> x) {\n" ops \
    "    } -> (x);\n}"

static void one_literal_is_read_alone(void **state)
{
    (void)state;
    const char text[] = "tensor<fp32, [2, 2]>([[1, 2.5], [-3, 0x1p-1]])";
    const char bad[] = "tensor<fp32, [2]>([1, 2]) 3";
    const Source src = { .name = "literal", .text = text, .len = strlen(text) };
    const Source wrong = { .name = "literal", .text = bad, .len = strlen(bad) };
    const float want[] = { 1, 2.5f, -3, 0.5f };
    Diag d = { 0 };
    Module *m = module_new();
    const Const *c = mil_read_literal(m, &d, &src);
    assert_non_null(c);
    assert_memory_equal(c->data, want, sizeof want);
    assert_int_equal(c->nelem, 4);
    Buf b = { 0 };
    mil_print_const(c, true, &b);
    assert_string_equal(
        b.s, "tensor<fp32, [2, 2]>([[0x1p+0, 0x1.4p+1], [-0x1.8p+1, 0x1p-1]])");
    assert_null(mil_read_literal(m, &d, &wrong));
    expect_said(&d, "literal:1:27: error: expected the end of the text, found '3'\n"
                    "tensor<fp32, [2]>([1, 2]) 3\n"
                    "                          ^\n");
    buf_free(&b);
    module_free(m);
}

/* A literal that is made when read prints like one that is spelled out. */
static void made_literals_print_in_runs(void **state)
{
    (void)state;
    Arena a = { 0 };
    Const c = { .type = type_tensor(&a, DT_FP16, SHAPE(3, 700)),
                .kind = CONST_INIT,
                .a = -0.5 };
    Buf b = { 0 };
    mil_print_const(&c, true, &b);
    size_t n = 0;
    for (const char *s = b.s; (s = strstr(s, "-0x1p-1")) != NULL; s++) n++;
    assert_int_equal(n, 2100);
    buf_free(&b);
    arena_free(&a);
}

/* A text that is mapped: its pages were given back while it was read, and a message shows the
 * line all the same. Then it is cut before it is read: nothing but errors comes of that. */
static void a_large_text_is_mapped(void **state)
{
    (void)state;
    enum { LINES = 100000 };
    Arena a = { 0 };
    Diag d = { 0 };
    Buf text = { 0 };
    Mapped map;
    FileUse use;
    const char *folder = make_folder(&a), *path = arena_printf(&a, "%s/t.mil", folder);
    buf_puts(&text, "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [1, 2]> x) {\n");
    for (int i = 0; i < LINES; i++)
        buf_puts(&text,
                 "        // \xc3\xa9 comments take most of the place that texts have\n");
    buf_puts(&text, "        tensor<fp16, [1, 2]> y = relu(x = z);\n    } -> (y);\n}\n");
    assert_true(file_write_all(&d, path, text.s, text.len));
    file_use_begin(&use);
    assert_true(file_map(&d, path, &map) && map.mapped);
    Source src = { .name = "t.mil" };
    file_as_text(&map, &src);
    assert_null(mil_read(&d, &src, NULL));
    expect_said(&d, "t.mil:100004:43: error: z is not defined\n"
                    "        tensor<fp16, [1, 2]> y = relu(x = z);\n"
                    "                                          ^\n");
    assert_true(file_stayed(&d, &map));
    assert_int_equal(truncate(path, 1 << 20), 0);
    assert_null(mil_read(&d, &src, NULL));
    assert_false(file_stayed(&d, &map));
    expect_says(&d, "was cut to 1048576 bytes while its");
    file_unmap(&map);
    file_use_end(&use);
    buf_free(&text);
    remove_folder(folder);
    arena_free(&a);
}

/* Ops that say the same small constant share it: who gives one another value changes
 * that one alone. */
static void shared_constants_are_changed_one_at_a_time(void **state)
{
    (void)state;
    static const char text[] = WITH(
        "    "
        "bool a = const()[name = string(\"a\"), val = bool(false)];\n"
        "    "
        "bool b = const()[name = string(\"b\"), val = bool(false)];\n"
        "    "
        "bool c = const()[name = string(\"c\"), val = bool(true)];\n"
        "    "
        "int8 e = const()[name = string(\"e\"), val = int8(0)];\n");
    const Source src = { .name = "text", .text = text, .len = strlen(text) };
    Diag d = { 0 };
    Buf out = { 0 };
    Module *m = mil_read(&d, &src, NULL);
    assert_non_null(m);
    Op *a = m->first->body->first;
    assert_ptr_equal(value_lit(a->out[0]), value_lit(a->next->out[0]));
    op_set_attr(m, a, "val", const_bool(&m->arena, true));
    op_set_attr(m, a, "more", const_bool(&m->arena, true));
    op_set_attr(m, a->next, "val", NULL);
    mil_print(m, &out);
    assert_non_null(strstr(out.s, "a = const()[more = bool(true), name = string(\"a\"), "
                                  "val = bool(true)];"));
    assert_non_null(strstr(out.s, "b = const()[name = string(\"b\")];"));
    assert_non_null(
        strstr(out.s, "c = const()[name = string(\"c\"), val = bool(true)];"));
    assert_non_null(strstr(out.s, "e = const()[name = string(\"e\"), val = int8(0)];"));
    buf_free(&out);
    module_free(m);
}

/* Of inline literals too, which stand somewhere as arguments; a float that fp16 has not is shared
 * by none, since warnings show where it stands. */
static void inline_literals_are_shared(void **state)
{
    (void)state;
    static const char text[] = WITH(
        "    "
        "tensor<fp32, [1, 2]> a = cast(x = x, dtype = string(\"fp32\"));\n"
        "    "
        "tensor<fp32, [1, 2]> b = clip(x = a, alpha = fp32(0x1p-1), beta = fp32(1e9));\n"
        "    "
        "tensor<fp32, [1, 2]> c = clip(x = b, alpha = fp32(0x1p-1), beta = fp32(1e9));\n"
        "    "
        "tensor<fp32, [1, 2]> e = cast(x = c, dtype = string(\"fp32\"));\n"
        "    "
        "tensor<int32, [1, 2]> f = cast(x = e, dtype = string(\"int32\"));\n");
    const Source src = { .name = "text", .text = text, .len = strlen(text) };
    Diag d = { 0 };
    Module *m = mil_read(&d, &src, NULL);
    assert_non_null(m);
    const Op *a = m->first->body->first, *b = a->next, *c = b->next, *e = c->next;
    const Arg *low = op_find_arg(b, P_alpha), *same = op_find_arg(c, P_alpha);
    assert_ptr_equal(low->val[0], same->val[0]);
    assert_int_equal(arg_loc(b, low).at, strstr(text, "fp32(0x1p-1)") - text);
    assert_int_equal(arg_loc(c, same).at,
                     strstr(strchr(strstr(text, "1e9"), ';'), "fp32(0x") - text);
    assert_int_equal(arg_loc(c, same).len, strlen("fp32"));
    const Value *high = op_value(b, P_beta), *other = op_value(c, P_beta);
    assert_ptr_not_equal(value_lit(high), value_lit(other));
    assert_int_equal(value_loc(high).at, strstr(text, "fp32(1e9)") - text);
    assert_int_equal(value_loc(high).len, strlen("fp32(1e9)"));
    assert_true(value_loc(other).at > value_loc(high).at);
    assert_ptr_equal(op_value(a, P_dtype), op_value(e, P_dtype));
    assert_string_equal(value_string(op_value(e, P_dtype)), "fp32");
    assert_string_equal(value_string(op_value(e->next, P_dtype)), "int32");
    module_free(m);
    diag_free(&d);
}

/* One list for all axes, and a list for each: what is beyond the type's places is counted, and put
 * nowhere. */
static void elements_beyond_the_type_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *type, *element;
    } of[] = { { "fp32", "1.5" },
               { "uint4", "3" },
               { "int64", "-1" },
               { "bool", "true" },
               { "string", "\"a\"" } };
    enum { MOST = 300 }; /* more than the first room for elements */
    for (size_t k = 0; k < COUNT(of); k++)
        for (int want = 4; want <= MOST; want += 148)
            for (int flat = 0; flat < 2; flat++)
                for (int n = want - 1; n <= want + 70; n += n < want + 3 ? 1 : 67) {
                    Diag d = { .quiet = true };
                    Buf b = { 0 }, said = { 0 };
                    Module *m = module_new();
                    buf_printf(&b, "tensor<%s, [%d%s]>([", of[k].type, want / (1 + flat),
                               flat ? ", 2" : "");
                    for (int i = 0; i < n; i++)
                        buf_printf(&b, "%s%s", i ? ", " : "", of[k].element);
                    buf_puts(&b, "])");
                    if (flat)
                        buf_printf(&said, "[%d, 2]> has %d elements, but %d are given",
                                   want / 2, want, n);
                    else
                        buf_printf(&said,
                                   "[%d]> has size %d along axis 0, but this list has %d",
                                   want, want, n);
                    const Source src = { .name = "literal", .text = b.s, .len = b.len };
                    assert_int_equal(mil_read_literal(m, &d, &src) != NULL, n == want);
                    if (n != want && !strstr(d.text.s, said.s))
                        fail_msg("%s, not %s", d.text.s, said.s);
                    buf_free(&b);
                    buf_free(&said);
                    module_free(m);
                    diag_free(&d);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_literal_is_read_alone),
        cmocka_unit_test(elements_beyond_the_type_are_counted),
        cmocka_unit_test(made_literals_print_in_runs),
        cmocka_unit_test(a_large_text_is_mapped),
        cmocka_unit_test(shared_constants_are_changed_one_at_a_time),
        cmocka_unit_test(inline_literals_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
