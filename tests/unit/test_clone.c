/* test_clone.c -- a copy of an op is all of the op: arguments in either list, data
 * in attributes, nested blocks, its own opset, its place in the source, whether it is kept. */
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/ops/ops.h"

static const char text[] =
    "program(1.3)\n{\n"
    "    func main<ios17>(tensor<fp32, [2, 2]> x, tensor<int32, []> n) {\n"
    "        tensor<fp32, [2, 2]> w = constexpr_affine_dequantize()[axis = int32(0), name = "
    "string(\"w\"), "
    "quantized_data = tensor<int8, [2, 2]>([[1, 2], [3, 4]]), scale = fp32(0.5), zero_point = "
    "int8(1)];\n"
    "        tensor<fp32, [4, 2]> c = concat(axis = int32(0), interleave = bool(false), values = "
    "(x, w))"
    "[name = string(\"c\")];\n"
    "        tensor<int32, []> i, tensor<fp32, [2, 2]> y = while_loop(loop_vars = (n, x))"
    "[name = string(\"i\")]\n"
    "            block0(tensor<int32, []> i_c, tensor<fp32, [2, 2]> y_c) {\n"
    "                bool more = greater(x = i_c, y = int32(0))[name = string(\"more\")];\n"
    "            } -> (more),\n"
    "            block1(tensor<int32, []> i_b, tensor<fp32, [2, 2]> y_b) {\n"
    "                tensor<int32, []> less = sub(x = i_b, y = int32(1))[name = "
    "string(\"less\")];\n"
    "                tensor<fp32, [2, 2]> twice = add(x = y_b, y = y_b)[name = "
    "string(\"twice\")];\n"
    "            } -> (less, twice);\n"
    "        tensor<fp32, [4, 2]> twice = add(x = c, y = c)[name = string(\"add.1\")];\n"
    "    } -> (twice, i, y);\n}\n";

static Module *read_text(Diag *d)
{
    static const Source src = { .name = "x.mil", .text = text, .len = sizeof text - 1 };
    Module *m = mil_read(d, &src, NULL);
    if (!m || !module_verify(m, d, NULL)) fail_msg("%s", d->text.s);
    return m;
}

static bool same_values(const Arg *a, const Arg *b)
{
    if (arg_count(a) != arg_count(b) || strcmp(arg_name(a), arg_name(b)) != 0)
        return false;
    for (int i = 0; i < arg_count(a); i++)
        if (a->val[i] != b->val[i]
            && !(value_lit(a->val[i]) && value_lit(b->val[i]) == value_lit(a->val[i])))
            return false;
    return true;
}

/* Beside the name, which is the copy's own. */
static int other_attrs(const Op *op)
{
    Attr one;
    return op_attrs(op, &one).count - (op_attr(op, "name") != NULL);
}

static void check_copy(const Op *op, const Op *made)
{
    assert_int_equal(op->kind, made->kind);
    assert_int_equal(op->opset, made->opset);
    assert_int_equal(op->keep, made->keep);
    assert_int_equal(op_loc(op).at, op_loc(made).at);
    assert_int_equal(op->narg, made->narg);
    for (int i = 0; i < op->narg; i++)
        assert_true(same_values(&op->arg[i], &made->arg[i]));
    assert_int_equal(other_attrs(op), other_attrs(made));
    assert_int_equal(op_has_name(op), op_has_name(made));
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++)
        if (strcmp(attrs.at[i].name, "name") != 0)
            assert_true(const_equal(attrs.at[i].val, op_attr(made, attrs.at[i].name)));
    assert_int_equal(op->nout, made->nout);
    for (int i = 0; i < op->nout; i++) {
        assert_true(type_equal(op->out[i]->type, made->out[i]->type));
        assert_string_not_equal(op->out[i]->name, made->out[i]->name);
        assert_ptr_equal(made->out[i]->def, made);
        assert_int_equal(made->out[i]->index, i);
    }
    assert_int_equal(op_nblock(op), op_nblock(made));
}

static void test_every_piece(void **state)
{
    (void)state;
    Diag d = { 0 };
    Module *m = read_text(&d);
    Block *body = module_main(m)->body;
    const Op *last = body->last;
    for (Op *op = body->first;; op = op->next) {
        op->keep = op->kind == OP_concat;
        op->opset = op->kind == OP_concat ? OPSET_IOS16 : OPSET_NONE;
        check_copy(op, op_clone(op, body, NULL, NULL, NULL));
        if (op == last) break;
    }
    if (!module_verify(m, &d, NULL)) fail_msg("%s", d.text.s);
    diag_free(&d);
    module_free(m);
}

/* What is inside of a copied block refers to the copies. */
static void test_blocks(void **state)
{
    (void)state;
    Diag d = { 0 };
    Module *m = read_text(&d);
    Block *body = module_main(m)->body;
    const Op *loop = body->last->prev, *made = op_clone(loop, body, NULL, NULL, NULL);
    for (int i = 0; i < op_nblock(loop); i++) {
        const Block *was = op_block(loop, i), *is = op_block(made, i);
        assert_int_equal(was->nparam, is->nparam);
        assert_int_equal(was->nresult, is->nresult);
        for (const Op *a = was->first, *b = is->first; a; a = a->next, b = b->next) {
            assert_int_equal(a->kind, b->kind);
            for (int k = 0; k < a->narg; k++)
                for (int p = 0; p < was->nparam; p++)
                    if (a->arg[k].val[0] == was->param[p])
                        assert_ptr_equal(b->arg[k].val[0], is->param[p]);
        }
        for (int k = 0; k < was->nresult; k++)
            assert_ptr_not_equal(was->result[k], is->result[k]);
    }
    diag_free(&d);
    module_free(m);
}

static Value *other(void *ctx, Value *v)
{
    Value **pair = ctx;
    return v == pair[0] ? pair[1] : v;
}

static void test_mapped_arguments(void **state)
{
    (void)state;
    Diag d = { 0 };
    Module *m = read_text(&d);
    Block *body = module_main(m)->body;
    const Op *concat = body->first->next;
    Value *pair[2] = { body->param[0], body->first->out[0] };
    const Op *made = op_clone(concat, body, NULL, other, pair);
    const Arg *values = op_find_arg(made, P_values);
    assert_ptr_equal(values->val[0], pair[1]);
    assert_ptr_equal(values->val[1], pair[1]);
    assert_ptr_equal(op_find_arg(concat, P_values)->val[0], pair[0]);
    diag_free(&d);
    module_free(m);
}

/* Names too, also one that a block has as well, and that of an op which is not its
 * result's. */
static void test_a_function_alone(void **state)
{
    (void)state;
    Diag d = { 0 };
    Buf was = { 0 }, is = { 0 };
    Module *m = read_text(&d), *alone = func_extract(module_main(m));
    mil_print_func(module_main(m), &was);
    mil_print_func(module_main(alone), &is);
    assert_string_equal(was.s, is.s);
    if (!module_verify(alone, &d, NULL)) fail_msg("%s", d.text.s);
    value_rename(module_main(alone)->body->param[0], module_name(alone, "other"));
    is.len = 0;
    mil_print_func(module_main(m), &is);
    assert_string_equal(was.s, is.s); /* the first one has not noticed */
    module_free(alone);
    module_free(m);
    buf_free(&was);
    buf_free(&is);
    diag_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_piece),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_mapped_arguments),
        cmocka_unit_test(test_a_function_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
