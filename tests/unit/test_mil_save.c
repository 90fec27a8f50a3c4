/* test_mil_save.c -- programs that are saved with their weights: where these go, and what lies there
 * already. */
#include "weight_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../ir/passes/passes.h"

/* ---- saving ------------------------------------------------------------------------------ */

static Const *made(Arena *a, int64_t n, double v)
{
    Const *c = NEW(a, Const);
    *c = (Const){ .type = type_tensor(a, DT_FP16, SHAPE(n)), .kind = CONST_INIT, .a = v };
    return c;
}

#define SAVED(name, type, file, offset) \
    "            " type " " name " = const()[name = string(\"" name "\"), val = " type \
    "(BLOBFILE(path = string(\"@model_path/weights/" file "\"), offset = uint64(" offset \
    ")))];\n"
#define FRAME(statements) \
    "program(1.3)\n{\n    func main<ios18>(tensor<fp16, [2]> x) {\n" statements \
    "        } -> (x);\n}"

static void large_literals_go_to_the_weight_file(void **state)
{
    (void)state;
    Place p = place();
    Const *c[] = { made(&p.a, 10, 0.5), made(&p.a, 10, 0.5), made(&p.a, 9, 1),
                   made(&p.a, 12, 2) };
    Module *m = module_of(COUNT(c), c);
    assert_true(mil_needs_weights(m, true));
    assert_true(mil_save(m, &p.d, in(&p, "m.mil")));
    expect_file(
        &p, "m.mil",
        FRAME(SAVED("c0", "tensor<fp16, [10]>", "weight.bin", "64") SAVED(
            "c1", "tensor<fp16, [10]>", "weight.bin",
            "64") "            tensor<fp16, [9]> c2 = const()[name = string(\"c2\"), val = tensor<fp16, [9]>("
                  "[0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0])];\n" SAVED(
                      "c3", "tensor<fp16, [12]>", "weight.bin", "192")));
    assert_int_equal(c[0]->kind, CONST_INIT); /* the module is as it was */
    Loaded l = load(&p, "m.mil");
    Tensor t;
    assert_false(mil_needs_weights(l.m, true));
    assert_true(const_tensor(const_named(l.m, "c3"), &p.d, &t));
    assert_true(tensor_float(&t, 11) == 2);
    assert_null(p.d.text.s);
    unload(&l);
    module_free(m);
    leave(&p);
}

/* A const's name may be another one than the value's. */
static void joining_files_changes_values_alone(void **state)
{
    (void)state;
    Place p = place();
    Const *c[] = { made(&p.a, 10, 0.5), made(&p.a, 12, 2), made(&p.a, 2, 3) };
    Module *m = module_of(COUNT(c), c);
    assert_true(mil_save(m, &p.d, in(&p, "m.mil")));
    Loaded l = load(&p, "m.mil");
    for (Op *op = module_main(l.m)->body->first; op; op = op->next) {
        op_set_attr(l.m, op, "name", const_string(&l.m->arena, "another"));
        assert_null(op_attr(op, "name"));
    }
    assert_true(weights_join(l.m, &p.d));
    for (const Op *op = module_main(l.m)->body->first; op; op = op->next) {
        assert_ptr_equal(value_lit(op->out[0]), op_attr(op, "val"));
        assert_string_equal(op_said_name(op), "another");
    }
    unload(&l);
    module_free(m);
    leave(&p);
}

static void literals_spelled_out_stay_in_the_text(void **state)
{
    (void)state;
    static const char text[] = FRAME(
        "            tensor<fp16, [12]> y = const()[val = tensor<fp16, [12]>([0x0p+0, 0x1p+0, 0x1p+1, "
        "0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0, 0x1p+0])];\n");
    Place p = place();
    write_text(&p, "a.mil", text);
    Loaded l = load(&p, "a.mil");
    assert_false(mil_needs_weights(l.m, true));
    assert_true(mil_save(l.m, &p.d, in(&p, "a.mil"))); /* onto itself */
    expect_file(&p, "a.mil", text);
    assert_false(file_exists(in(&p, "weights")));
    unload(&l);
    leave(&p);
}

static void save_made(Place *p, const char *rel, double v)
{
    Const *c[] = { made(&p->a, 10, v) };
    Module *m = module_of(1, c);
    if (!mil_save(m, &p->d, in(p, rel))) fail_msg("%s", p->d.text.s);
    module_free(m);
}

static bool count_file(void *ctx, const char *rel)
{
    int *n = ctx;
    ++*n;
    return rel != NULL;
}

static int weight_files(Place *p)
{
    int n = 0;
    assert_true(file_walk(in(p, "weights"), count_file, &n));
    return n;
}

static void weights_of_another_text_are_left_alone(void **state)
{
    (void)state;
    Place p = place();
    save_made(&p, "a.mil", 1);
    /* under another name: until its text is there the old one stays whole */
    save_made(&p, "a.mil", 2);
    assert_false(file_exists(in(&p, "weights/weight.bin")));
    assert_int_equal(weight_files(&p), 1);
    save_made(&p, "a.mil", 3);
    assert_true(file_exists(in(&p, "weights/weight.bin")));
    assert_int_equal(weight_files(&p), 1);
    save_made(&p, "a.mil", 2);
    assert_null(p.d.text.s);
    save_made(&p, "a.mil", 2); /* the same again: nothing changes */
    assert_null(p.d.text.s);
    assert_int_equal(weight_files(&p), 1);
    assert_true(file_remove_tree(in(&p, "weights")) && !unlink(in(&p, "a.mil")));
    save_made(&p, "a.mil", 2);
    Buf first = file_bytes(&p, "weights/weight.bin");
    save_made(&p, "b.mil", 2); /* the same bytes are shared */
    assert_null(p.d.text.s);
    expect_file(&p, "b.mil",
                FRAME(SAVED("c0", "tensor<fp16, [10]>", "weight.bin", "64")));
    assert_false(file_exists(in(&p, "weights/b.bin")));
    save_made(&p, "c d.mil", 3);
    expect_said_in(&p, "note: DIR/weights/weight.bin belongs to others; "
                       "the weights are in weights/c_d.bin\n");
    expect_file(&p, "c d.mil", FRAME(SAVED("c0", "tensor<fp16, [10]>", "c_d.bin", "64")));
    Buf now = file_bytes(&p, "weights/weight.bin");
    assert_int_equal(now.len, first.len);
    assert_memory_equal(now.s, first.s, now.len);
    for (int i = 4; i < 8; i++) { /* one after the other, each beside what b.mil has */
        save_made(&p, "a.mil", (uint64_t)i);
        expect_says(&p.d, "weight.bin belongs to others; the weights are in weights/a");
        assert_int_equal(weight_files(&p), 3);
    }
    assert_int_equal(unlink(in(&p, "b.mil")), 0);
    save_made(&p, "a.mil", 8); /* nobody else has it any more */
    assert_null(p.d.text.s);
    assert_int_equal(weight_files(&p), 2);
    buf_free(&first);
    buf_free(&now);
    leave(&p);
}

/* References of this folder stay, also when new weights come beside them. */
static void references_stay_in_their_folder(void **state)
{
    (void)state;
    Place p = place();
    save_made(&p, "a.mil", 1);
    Loaded l = load(&p, "a.mil");
    Builder b = builder_at(l.m->first->body, NULL, &p.d, (Loc){ .src = NULL });
    build_const(&b, "c1", made(&l.m->arena, 16, 4));
    assert_true(mil_save(l.m, &p.d, in(&p, "a.mil")));
    expect_file(&p, "a.mil",
                FRAME(SAVED("c0", "tensor<fp16, [10]>", "weight.bin", "64")
                          SAVED("c1", "tensor<fp16, [16]>", "a.bin", "64")));
    unload(&l);
    leave(&p);
}

static void another_folder_gets_whole_files_or_new_ones(void **state)
{
    (void)state;
    Place p = place();
    Buf f = good_file(&p);
    write_file(&p, "old/w.bin", f.s, f.len);
    write_text(&p, "old/m.mil", TEXT("tensor<uint8, [10]>", "192"));
    assert_true(file_make_dirs(&p.d, in(&p, "new")));
    Loaded l = load(&p, "old/m.mil");
    /* nothing else changes: offsets stay */
    assert_true(mil_save(l.m, &p.d, in(&p, "new/m.mil")));
    Buf copy = file_bytes(&p, "new/w.bin"), text = file_bytes(&p, "new/m.mil");
    assert_int_equal(copy.len, f.len);
    assert_memory_equal(copy.s, f.s, f.len);
    assert_non_null(strstr(text.s, "offset = uint64(192)"));
    buf_free(&text);
    Builder b = builder_at(l.m->first->body, NULL, &p.d, (Loc){ .src = NULL });
    build_const(&b, "c1", made(&l.m->arena, 16, 4));
    assert_false(mil_save(l.m, &p.d, in(&p, "more/m.mil")));
    expect_said_in(&p,
                   "error: cannot write DIR/more/m.mil: there is no folder DIR/more\n");
    assert_true(file_make_dirs(&p.d, in(&p, "more")));
    assert_true(mil_save(l.m, &p.d, in(&p, "more/m.mil")));
    text = file_bytes(&p, "more/m.mil");
    assert_non_null(strstr(text.s, "weights/weight.bin\"), offset = uint64(64)"));
    assert_non_null(strstr(text.s, "weights/weight.bin\"), offset = uint64(192)"));
    assert_false(file_exists(in(&p, "more/w.bin")));
    buf_free(&text);
    buf_free(&copy);
    buf_free(&f);
    unload(&l);
    leave(&p);
}

static void failing_saves_leave_nothing(void **state)
{
    (void)state;
    Place p = place();
    Const *c[] = { made(&p.a, 10, 1) };
    Module *m = module_of(1, c);
    /* a folder stands where the text should */
    assert_true(file_make_dirs(&p.d, in(&p, "m.mil")));
    assert_false(mil_save(m, &p.d, in(&p, "m.mil")));
    expect_says(&p.d, "cannot write");
    assert_false(file_exists(in(&p, "weights/weight.bin")));
    write_text(&p, "o/weights", "a file");
    assert_false(mil_save(m, &p.d, in(&p, "o/m.mil")));
    expect_says(&p.d, "cannot make the folder");
    assert_false(file_exists(in(&p, "o/m.mil")));
    module_free(m);
    leave(&p);
}

static void a_weights_folder_outside_is_refused(void **state)
{
    (void)state;
    Place p = place();
    Const *c[] = { made(&p.a, 10, 1) };
    Module *m = module_of(1, c);
    assert_true(file_make_dirs(&p.d, in(&p, "model"))
                && file_make_dirs(&p.d, in(&p, "other")));
    assert_int_equal(symlink("../other", in(&p, "model/weights")), 0);
    assert_false(mil_save(m, &p.d, in(&p, "model/m.mil")));
    expect_says(&p.d, "the path weights/weight.bin leaves the folder");
    module_free(m);
    leave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_literals_go_to_the_weight_file),
        cmocka_unit_test(joining_files_changes_values_alone),
        cmocka_unit_test(literals_spelled_out_stay_in_the_text),
        cmocka_unit_test(weights_of_another_text_are_left_alone),
        cmocka_unit_test(references_stay_in_their_folder),
        cmocka_unit_test(another_folder_gets_whole_files_or_new_ones),
        cmocka_unit_test(failing_saves_leave_nothing),
        cmocka_unit_test(a_weights_folder_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
