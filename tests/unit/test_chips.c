/* test_chips.c -- what becomes of a program depends on the columns of a chip's rows and on
 * nothing else. */
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <string.h>

static const char text[] =
    "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-version\", \"3505.4.1\"}})]\n{\n"
    "    func main<ios18>(tensor<fp32, [1, 4, 8, 64]> a, tensor<fp32, [8, 8]> mask) {\n"
    "        tensor<fp32, [1, 4, 8, 32]> left = slice_by_size(begin = tensor<int32, [4]>([0, 0, 0, "
    "0]), size = "
    "tensor<int32, [4]>([1, 4, 8, 32]), x = a)[name = string(\"left\")];\n"
    "        tensor<fp32, [1, 4, 8, 32]> right = slice_by_size(begin = tensor<int32, [4]>([0, 0, "
    "0, 32]), size = "
    "tensor<int32, [4]>([1, 4, 8, 32]), x = a)[name = string(\"right\")];\n"
    "        tensor<fp32, [1, 4, 8, 32]> s = scaled_dot_product_attention(attn_mask = mask, key = "
    "left, query = right, "
    "value = left)[name = string(\"s\")];\n"
    "        tensor<fp32, [1, 4, 8, 32]> t = silu(x = s)[name = string(\"t\")];\n"
    "        tensor<fp32, [1, 4, 8, 32]> u = sin(x = t)[name = string(\"u\")];\n"
    "        tensor<fp32, [1, 4, 8, 32]> v = rsqrt(epsilon = fp32(0x1p-10), x = u)[name = "
    "string(\"v\")];\n"
    "        tensor<fp32, [1, 4, 8, 32]> w = tile(reps = tensor<int32, [4]>([1, 1, 1, 1]), x = "
    "v)[name = string(\"w\")];\n"
    "        tensor<fp32, [1, 4, 8, 1]> x = reduce_mean(axes = tensor<int32, [1]>([3]), keep_dims "
    "= bool(true), x = w)[name "
    "= string(\"x\")];\n"
    "    } -> (x);\n}\n";

/* The program as it becomes for a target with rules; the caller frees it. */
static Buf compiled(const Target *t, const RuleSet *rs)
{
    Diag d = { .quiet = true };
    Buf out = { 0 };
    const Source src = { .name = "chips.mil", .text = text, .len = sizeof text - 1 };
    Module *m = mil_read(&d, &src, NULL);
    assert_non_null(m);
    if (!module_verify(m, &d, NULL)) fail_msg("%s", d.text.s);
    if (!passes_run(m, &(PassOptions){ .target = t, .rules = rs }, &d))
        fail_msg("%s: %s", t->name, d.text.s);
    mil_print(m, &out);
    module_free(m);
    diag_free(&d);
    return out;
}

static void no_code_asks_which_chip_it_is(void **state)
{
    (void)state;
    for (int i = 0; i < chip_count; i++) {
        RuleSet rs;
        Target nameless = *chip_at(i);
        ruleset_init(&rs, chip_at(i), NULL);
        nameless.name = "no chip";
        nameless.doc = nameless.evidence = "";
        Buf a = compiled(chip_at(i), &rs), b = compiled(&nameless, &rs);
        assert_string_equal(a.s, b.s);
        buf_free(&a);
        buf_free(&b);
    }
}

/* Two chips whose texts differ become equal when one is given the other's rows. */
static void chips_differ_by_their_rows_alone(void **state)
{
    (void)state;
    for (int i = 0; i < generation_count(); i++)
        for (int k = 0; k < generation_count(); k++) {
            RuleSet of_k;
            Target like = *generation_at(k);
            ruleset_init(&of_k, generation_at(k), NULL);
            like.name = generation_at(i)->name;
            of_k.target = &like;
            Buf a = compiled(&like, &of_k), b = compiled(generation_at(k), NULL);
            assert_string_equal(a.s, b.s);
            buf_free(&a);
            buf_free(&b);
        }
}

static void generations_do_differ(void **state)
{
    (void)state;
    Buf m1 = compiled(target_find("m1"), NULL), m4 = compiled(target_find("m4"), NULL),
        m5 = compiled(target_find("m5"), NULL);
    assert_string_not_equal(m1.s, m4.s);
    assert_non_null(strstr(m1.s, "transpose")); /* the slice inside of the last axis */
    assert_null(strstr(m1.s, "sin("));          /* which m1 refuses */
    assert_non_null(strstr(m4.s, "sin("));
    assert_non_null(strstr(m4.s, "rsqrt(")); /* contradicted on m5, not on m4 */
    assert_null(strstr(m5.s, "rsqrt("));
    buf_free(&m1);
    buf_free(&m4);
    buf_free(&m5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_code_asks_which_chip_it_is),
        cmocka_unit_test(chips_differ_by_their_rows_alone),
        cmocka_unit_test(generations_do_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
