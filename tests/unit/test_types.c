/* test_types.c -- types that are equal, that fit, and that are copied into another module: of each kind,
 * with each part of another one beside it. */
#include "unit.h"

#include "../../ir/mil/mil.h"

/* Each is equal to itself alone. */
static const char *const texts[] = {
    "fp16",
    "fp32",
    "string",
    "tensor<fp16, [1]>",
    "tensor<fp16, [2]>",
    "tensor<fp16, [1, 2]>",
    "tensor<fp16, [1, ?]>",
    "tensor<fp16, [?, ?]>",
    "tensor<fp32, [1, 2]>",
    "list<fp16, 3>",
    "list<fp16, 4>",
    "list<fp16, ?>",
    "list<fp32, ?>",
    "list<tensor<fp16, [1, 2]>, 3>",
    "list<tensor<fp16, [1, ?]>, 3>",
    "dict<string, fp32>",
    "dict<string, fp16>",
    "dict<int64, fp32>",
    "dict<string, list<fp16, 3>>",
    "dict<string, list<fp16, ?>>",
    "tuple<fp16, fp32>",
    "tuple<fp32, fp16>",
    "tuple<fp16, fp32, fp32>",
    "tuple<tensor<fp16, [?]>, fp32>",
    "tuple<tensor<fp16, [7]>, fp32>",
    "state<tensor<fp16, [1, 2]>>",
    "state<tensor<fp16, [1, ?]>>",
    "state<tensor<fp32, [1, 2]>>",
    "tensor_buffer<fp16, shape=[1, 2]>",
    "tensor_buffer<fp32, shape=[1, 2]>",
    "tensor_buffer<fp16, shape=[1, ?]>",
    "tensor_buffer<fp16, shape=[1, 2], strides=[64, 32]>",
    "tensor_buffer<fp16, shape=[1, 2], strides=[64, 16]>",
    "tensor_buffer<fp16, shape=[1, 2], interleave_factors=[64, 32]>",
    "tensor_buffer<fp16, shape=[1, 2], strides=[64, 32], interleave_factors=[1, 1]>",
    "tensor_buffer<fp16, shape=[1, ?], strides=[64, 32]>",
};

/* Of two that are not equal: those that fit, either way. */
static const char *const fitting[][2] = {
    { "tensor<fp16, [1, 2]>", "tensor<fp16, [1, ?]>" },
    { "tensor<fp16, [1, 2]>", "tensor<fp16, [?, ?]>" },
    { "tensor<fp16, [1, ?]>", "tensor<fp16, [?, ?]>" },
    { "list<fp16, 3>", "list<fp16, ?>" },
    { "list<fp16, 4>", "list<fp16, ?>" },
    { "list<tensor<fp16, [1, 2]>, 3>", "list<tensor<fp16, [1, ?]>, 3>" },
    { "dict<string, list<fp16, 3>>", "dict<string, list<fp16, ?>>" },
    { "tuple<tensor<fp16, [?]>, fp32>", "tuple<tensor<fp16, [7]>, fp32>" },
    { "state<tensor<fp16, [1, 2]>>", "state<tensor<fp16, [1, ?]>>" },
    { "tensor_buffer<fp16, shape=[1, 2]>", "tensor_buffer<fp16, shape=[1, ?]>" },
    { "tensor_buffer<fp16, shape=[1, 2], strides=[64, 32]>",
      "tensor_buffer<fp16, shape=[1, ?], strides=[64, 32]>" },
};

static bool is_fitting(const char *a, const char *b)
{
    for (size_t i = 0; i < COUNT(fitting); i++)
        if ((!strcmp(a, fitting[i][0]) && !strcmp(b, fitting[i][1]))
            || (!strcmp(b, fitting[i][0]) && !strcmp(a, fitting[i][1])))
            return true;
    return false;
}

/* A module whose inputs are of these types. */
static Module *with_all(Arena *a, Diag *d)
{
    Buf b = { 0 };
    buf_puts(&b, "program(1.3)\n{\n    func main<ios18>(");
    for (size_t i = 0; i < COUNT(texts); i++)
        buf_printf(&b, "%s%s x%zu", i ? ", " : "", texts[i], i);
    buf_puts(&b, ") {\n    } -> (x0);\n}\n");
    Source *src = NEW(a, Source);
    *src =
        (Source){ .name = "types", .text = arena_strndup(a, b.s, b.len), .len = b.len };
    buf_free(&b);
    Module *m = mil_read(d, src, NULL);
    if (!m) fail_msg("%s", d->text.s);
    return m;
}

static void each_is_equal_to_itself_alone(void **state)
{
    (void)state;
    Arena a = { 0 };
    Diag d = { 0 };
    Module *m = with_all(&a, &d), *other = with_all(&a, &d);
    for (size_t i = 0; i < COUNT(texts); i++)
        for (size_t k = 0; k < COUNT(texts); k++) {
            const Type *x = m->first->body->param[i]->type,
                       *y = other->first->body->param[k]->type;
            if (type_equal(x, y) != (i == k)) fail_msg("%s = %s", texts[i], texts[k]);
            if (type_fits(x, y) != (i == k || is_fitting(texts[i], texts[k])))
                fail_msg("%s fits %s", texts[i], texts[k]);
        }
    for (size_t i = 0; i < COUNT(texts); i++) {
        const Type *x = m->first->body->param[i]->type;
        assert_true(type_fits(x, &type_poison));
        assert_true(type_fits(&type_poison, x));
        assert_false(type_equal(x, &type_poison));
        assert_false(type_equal(&type_poison, x));
    }
    assert_true(type_equal(&type_poison, &type_poison));
    module_free(m);
    module_free(other);
    arena_free(&a);
}

/* What is copied says the same, once where it came from is gone. */
static void copies_stand_alone(void **state)
{
    (void)state;
    Arena a = { 0 };
    Diag d = { 0 };
    Module *from = with_all(&a, &d), *same = with_all(&a, &d), *to = module_new();
    const Type *copy[COUNT(texts)];
    for (size_t i = 0; i < COUNT(texts); i++) {
        const Type *t = from->first->body->param[i]->type;
        copy[i] = module_type(to, t);
        assert_true(type_equal(copy[i], t));
        if (t->kind != TY_TENSOR || t->shape.rank) assert_ptr_not_equal(copy[i], t);
        if (t->kind == TY_TENSOR) assert_ptr_equal(module_type(to, copy[i]), copy[i]);
    }
    assert_ptr_equal(module_type(to, &type_poison), &type_poison);
    module_free(from);
    for (size_t i = 0; i < COUNT(texts); i++) {
        const Type *t = same->first->body->param[i]->type;
        assert_true(type_equal(copy[i], t));
        assert_string_equal(type_text(&a, copy[i]), type_text(&a, t));
    }
    module_free(same);
    module_free(to);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_equal_to_itself_alone),
        cmocka_unit_test(copies_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
