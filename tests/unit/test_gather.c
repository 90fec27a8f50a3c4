/* test_gather.c -- the ops of gather.def, which carry elements by indices, and those of lists, states and
 * buffers: values, open shapes, and what is refused. */
#include "unit.h"

#include "calls.h"

static void test_gather(void **state)
{
    CHECK(
        { "gather", 15, "x=fp32[3,2] 1 2 3 4 5 6; indices=int32[] -1", "fp32[2] 5 6" },
        { "gather", 17, "x=int8[2,3] 1 2 3 4 5 6; indices=uint8[2] 2 0; axis=int32[] -1",
          "int8[2,2] 3 1 6 4" },
        { "gather", 16,
          "x=fp32[2,2,2] 1 2 3 4 5 6 7 8; indices=int32[2,1] 1 0; axis=int32[] 2; "
          "batch_dims=int32[] 1",
          "fp32[2,2,1] 2 4 5 7" },
        { "gather", 15, "x=fp32[?,4]; indices=int32[2,?]; axis=int32[] 1",
          "fp32[?,2,?]" },
        { "gather", 15, "x=fp32[3] 1; indices=int32[0]", "fp32[0]" },
        { "gather", 15, "x=fp32[3] 1; indices=int32[2] 0 3",
          "error: indices[1] is 3; axis 0 has 3 entries" },
        { "gather", 17, "x=fp32[3] 1; indices=int32[1] -4; validate_indices=bool[] 1",
          "error: indices[0] is -4" },
        { "gather", 16,
          "x=fp32[3,2]; indices=int32[2]; axis=int32[] 0; batch_dims=int32[] 1",
          "error: batch_dims is 1" },
        { "gather_along_axis", 15,
          "x=fp32[2,2] 1 2 3 4; indices=int32[2,3] 0 1 -1 1 1 0; axis=int32[] 1",
          "fp32[2,3] 1 2 2 4 4 3" },
        { "gather", 16,
          "x=fp32[2,3]; indices=int32[3,1]; axis=int32[] 1; batch_dims=int32[] 1",
          "error: the first 1 dimensions must agree; indices is [3, 1] and x is [2, 3]" },
        { "gather_nd", 16, "x=fp32[2,3]; indices=int32[2]; batch_dims=int32[] 1",
          "error: indices is [2]: it needs an axis after its 1 batch axes" },
        { "gather_nd", 15, "x=fp32[2,3]; indices=int32[2,?]",
          "error: the last dimension of indices, which is [2, ?], must be known" },
        { "gather_along_axis", 15, "x=fp32[2,2]; indices=int32[3,1]",
          "error: indices is [3, 1], but x is [2, 2]; they may only differ along axis 0" },
        { "gather_nd", 15, "x=fp32[2,2] 1 2 3 4; indices=int32[1,1] -1",
          "fp32[1,2] 3 4" },
        { "gather_nd", 16,
          "x=fp32[2,3] 1 2 3 4 5 6; indices=int32[2,2,1] 0 1 2 0; batch_dims=int32[] 1",
          "fp32[2,2] 1 2 6 4" },
        { "gather_nd", 15, "x=fp32[2,?,4]; indices=int32[5,2]", "fp32[5,4]" },
        { "gather_nd", 15, "x=fp32[2]; indices=int32[1,2]",
          "error: an index of 2 numbers is too long for x" });
}

static void test_scatter(void **state)
{
    CHECK(
        { "scatter", 15,
          "data=fp32[2,2] 1 2 3 4; indices=int32[1] -1; updates=fp32[2,1] 5 6; "
          "axis=int32[] 1; mode=string[] update",
          "fp32[2,2] 1 5 3 6" },
        { "scatter", 15,
          "data=fp32[2] 8 8; indices=int32[2] 0 0; updates=fp32[2] 2 2; mode=string[] div",
          "fp32[2] 2 8" },
        { "scatter", 15, "data=fp16[1] 2048; indices=int32[2] 0 0; updates=fp16[2] 1 1",
          "fp16[1] 2048" },
        { "scatter", 15,
          "data=int32[1] 2147483647; indices=int32[1] 0; updates=int32[1] 1",
          "int32[1] -2147483648" },
        { "scatter", 15,
          "data=int32[1] 1; indices=int32[1] 0; updates=int32[1] 0; mode=string[] div",
          "error: is 0: division" },
        { "scatter", 15, "data=fp32[2,2]; indices=int32[3]; updates=fp32[2,2]",
          "error: updates is [2, 2], but data, which is [2, 2], takes [3, 2]" },
        { "scatter", 15,
          "data=fp32[2]; indices=int32[1]; updates=fp32[1]; mode=string[] set",
          "error: it must be \"add\", \"sub\"" },
        { "scatter_along_axis", 15,
          "data=fp32[2,2] 1 2 3 4; indices=int32[2,1] 1 0; "
          "updates=fp32[2,1] 9 -9; axis=int32[] 1; mode=string[] min",
          "fp32[2,2] 1 2 -9 4" },
        { "scatter_nd", 15,
          "data=fp32[2,2] 1 2 3 4; indices=int32[2,2] 0 1 0 1; "
          "updates=fp32[2] 2 3; mode=string[] mul",
          "fp32[2,2] 1 12 3 4" },
        { "scatter_nd", 15, "data=fp32[2] 1; indices=int32[1,1] 2; updates=fp32[1] 1",
          "error: indices[0] is 2" });
}

static void test_lists_and_states(void **state)
{
    CHECK({ "make_list", 15,
            "init_length=int32[] 2; elem_shape=int32[] 3,string[] n; dtype=string[] fp16",
            "list[2] fp16[3,?]" },
          { "make_list", 15, "init_length=int32[] 100000000; elem_shape=int32[] 2",
            "error: a list of 100000000 elements is too long" },
          { "make_list", 15, "init_length=int32[]; elem_shape=int32[] 2",
            "list[-1] fp32[2]" },
          { "make_list", 15, "init_length=int32[] -1; elem_shape=int32[] 2",
            "error: init_length is -1" },
          { "make_list", 15, "dtype=string[] bool", "list[1] bool[]" },
          { "make_list", 15, "elem_shape=int32[]",
            "error: elem_shape must hold integer constants" },
          { "tensor_to_tensor_buffer", 17,
            "input=list[1] fp16[2]; interleave_factors=uint8[1] 1; strides=int64[1] 1",
            "error: input must be a tensor, not list<" },
          { "make_list", 15, "elem_shape=int32[] -2", "error: elem_shape holds -2" },
          { "make_list", 15, "elem_shape=int32[] 1; dtype=string[] float",
            "error: dtype \"float\"" },
          { "list_read", 15, "ls=list[2] fp32[3,?]; index=int32[] 0", "fp32[3,?]" },
          { "list_gather", 15, "ls=list[2] fp32[3]; indices=int32[?]", "fp32[?,3]" },
          { "list_write", 15, "ls=list[2] fp32[3]; index=int32[] 0; value=fp32[4]",
            "error: value is tensor<fp32, [4]>, but tensor<fp32, [3]> is needed" },
          { "list_scatter", 15, "ls=list[2] fp32[3]; indices=int32[2]; value=fp32[2,3]",
            "list[2] fp32[3]" },
          { "list_length", 15, "ls=fp32[3]",
            "error: ls must be a list of tensors, not tensor<fp32, [3]>" },
          { "read_state", 18, "input=state fp16[2]", "fp16[2]" },
          { "write_state", 18, "data=fp16[2]; input=state fp16[2]", "" },
          { "tensor_to_tensor_buffer", 17,
            "input=fp16[2]; interleave_factors=uint8[1] 1; strides=string[1] a",
            "error: strides must be a vector of integers" },
          { "tensor_to_tensor_buffer", 17,
            "input=fp16[2]; interleave_factors=uint8[1] 1; strides=int64[2] 4 1",
            "error: strides has 2 elements; input is [2]" },
          { "tensor_buffer_to_tensor", 17, "input=fp16[2]",
            "error: input must be a tensor_buffer" },
          { "write_state", 18, "data=fp16[3]; input=state fp16[2]",
            "error: data is tensor<fp16, [3]>, but the state holds tensor<fp16, [2]>" },
          { "read_state", 18, "input=fp16[2]", "error: input must be a state" });
}

/* ---- list values: what a list op makes is the next one's argument ------------------------ */

typedef struct {
    Arena arena;
    Diag diag;
    const Type *list;
} Lists;

/* Runs a list op on `ls`; list_gather gets the two indices from `index` on. */
static Tensor *run_list(Lists *l, const char *op, Tensor *ls, int32_t index,
                        Tensor *value)
{
    Call *c = NEW(&l->arena, Call);
    Tensor *at = NEW_ARRAY(&l->arena, 2, Tensor), *res = NEW(&l->arena, Tensor);
    int32_t *v = NEW_ARRAY(&l->arena, 2, int32_t);
    Shape scalar = { .rank = 0 }, two = SHAPE(2);
    v[0] = index;
    v[1] = index + 1;
    at[0] = tensor_view(DT_INT32, &scalar, v);
    at[1] = tensor_view(DT_INT32, &two, v);
    CallArg args[4] = { { .type = l->list, .val = ls },
                        { .type = type_scalar(DT_INT32), .val = &at[0] },
                        { .type = type_tensor(&l->arena, DT_INT32, two), .val = &at[1] },
                        { .val = value } };
    if (value) args[3].type = type_tensor(&l->arena, value->dtype, value->shape);
    call_init(c, &ops[op_find(op)], OPSET_IOS15, &l->arena, &l->diag, (Loc){ 0 });
    call_set(c, "ls", 1, &args[0]);
    if (op_param(c->info, "index")) call_set(c, "index", 1, &args[1]);
    if (op_param(c->info, "indices")) call_set(c, "indices", 1, &args[2]);
    if (value) call_set(c, "value", 1, &args[3]);
    return call_run(c, res, 1) ? res : NULL;
}

static void lists_start(Lists *l, int64_t elem)
{
    *l = (Lists){ .list = NULL };
    l->list = type_list(&l->arena, type_tensor(&l->arena, DT_FP32, SHAPE(elem)), DIM_ANY);
}

static void lists_end(Lists *l)
{
    diag_free(&l->diag);
    arena_free(&l->arena);
}

static void test_list_values(void **state)
{
    (void)state;
    Lists l;
    Shape two = SHAPE(2);
    const float data[2] = { 5, 6 };
    Tensor value = tensor_view(DT_FP32, &two, data), empty = { .is_list = true };
    lists_start(&l, 2);
    Tensor *grown = run_list(&l, "list_write", &empty, 2, &value);
    assert_non_null(grown);
    assert_int_equal(grown->nitem, 3);
    Tensor *n = run_list(&l, "list_length", grown, 0, NULL);
    assert_int_equal(tensor_int(n, 0), 3);
    Tensor *read = run_list(&l, "list_read", grown, -1, NULL);
    assert_memory_equal(read->data, data, sizeof data);
    Tensor *pair = run_list(&l, "list_gather", grown, 1, NULL);
    assert_int_equal(pair->count, 4);
    assert_true(tensor_float(pair, 1) == 0 && tensor_float(pair, 2) == 5);
    grown->fixed = true;
    Tensor *same = run_list(&l, "list_write", grown, 0, &value);
    assert_int_equal(same->nitem, 3);
    assert_true(same->fixed);
    Tensor *all[] = { grown, n, read, pair, same };
    for (size_t i = 0; i < COUNT(all); i++) tensor_free(all[i]);
    assert_true(diag_ok(&l.diag));
    lists_end(&l);
}

static void test_list_refusals(void **state)
{
    (void)state;
    Lists l;
    Shape two = SHAPE(2), three = SHAPE(3);
    const float data[3] = { 5, 6, 7 };
    Tensor a = tensor_view(DT_FP32, &two, data), b = tensor_view(DT_FP32, &three, data);
    Tensor empty = { .is_list = true };
    lists_start(&l, DIM_ANY);
    Tensor *one = run_list(&l, "list_write", &empty, 1, &a);
    Tensor *both = run_list(&l, "list_write", one, 2, &b);
    assert_null(run_list(&l, "list_read", one, 0, NULL));
    assert_null(run_list(&l, "list_read", one, 2, NULL));
    assert_null(run_list(&l, "list_gather", both, 1, NULL));
    one->fixed = true;
    assert_null(run_list(&l, "list_write", one, 2, &a));
    expect_said(
        &l.diag,
        "error: list_read: nothing was written, so the dimensions of tensor<fp32, [?]> are "
        "not known\n"
        "error: list_read: index 2 is outside a list of 2\n"
        "error: list_gather: element 1 is [2], but others are [3]\n"
        "error: list_write: index 2 is outside a list of fixed length 2\n");
    tensor_free(one);
    tensor_free(both);
    lists_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather),           cmocka_unit_test(test_scatter),
        cmocka_unit_test(test_lists_and_states), cmocka_unit_test(test_list_values),
        cmocka_unit_test(test_list_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
