/* test_mil_blob.c -- weight files: written and read back, hostile ones. */
#include "weight_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../ir/passes/passes.h"

/* ---- the format -------------------------------------------------------------------------- */

static uint64_t number(const Buf *b, size_t at, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | (unsigned char)b->s[at + (size_t)i];
    return v;
}

static void records_are_where_the_format_has_them(void **state)
{
    (void)state;
    Place p = place();
    const Const *c[] = { bytes_const(&p.a, DT_FP16, 33), bytes_const(&p.a, DT_UINT3, 21),
                         bytes_const(&p.a, DT_INT8, 0), bytes_const(&p.a, DT_UINT6, 12) };
    static const uint64_t at[] = { 64, 256, 384, 448 }, size[] = { 66, 8, 0, 9 };
    static const uint64_t pad[] = { 0, 1, 0, 0 };
    uint64_t offset;
    BlobWriter *b = blob_create(&p.a, &p.d, in(&p, "w.bin"));
    assert_non_null(b);
    for (size_t i = 0; i < COUNT(c); i++) {
        assert_true(blob_add(b, c[i], &offset));
        assert_int_equal(offset, at[i]);
    }
    const Const same = *c[0];
    assert_true(blob_add(b, &same, &offset));
    assert_int_equal(offset, 64);
    assert_true(blob_finish(b) && blob_commit(b));
    Buf f = file_bytes(&p, "w.bin");
    assert_int_equal(f.len, 576);
    assert_int_equal(number(&f, 0, 4), 4);
    assert_int_equal(number(&f, 4, 4), 2);
    for (size_t i = 0; i < COUNT(c); i++) {
        assert_int_equal(number(&f, at[i], 4), 0xDEADBEEF);
        assert_int_equal(number(&f, at[i] + 4, 4), dtypes[c[i]->type->dtype].blob);
        assert_int_equal(number(&f, at[i] + 8, 8), size[i]);
        assert_int_equal(number(&f, at[i] + 16, 8), at[i] + 64);
        assert_int_equal(number(&f, at[i] + 24, 8), pad[i]);
        assert_memory_equal(f.s + at[i] + 64, c[i]->data, size[i]);
    }
    buf_free(&f);
    leave(&p);
}

static void strings_have_no_place_in_a_weight_file(void **state)
{
    (void)state;
    Place p = place();
    uint64_t offset;
    BlobWriter *b = blob_create(&p.a, &p.d, in(&p, "w.bin"));
    assert_false(blob_add(b, const_string(&p.a, "x"), &offset));
    expect_said(&p.d, "error: a literal of type string cannot be in a weight file\n");
    blob_abort(b);
    assert_false(file_exists(in(&p, "w.bin")));
    leave(&p);
}

/* ---- what is wrong in a file ------------------------------------------------------------- */

static bool reads(Place *p)
{
    Loaded l = load(p, "w.mil");
    Tensor t;
    const bool ok = l.m && const_tensor(const_named(l.m, "w"), &p->d, &t);
    if (ok) {
        const unsigned char *data = t.data;
        unsigned sum = 0;
        for (size_t i = 0; i < t.bytes; i++) sum += data[i];
        assert_true(sum != 1); /* each byte was looked at */
        tensor_free(&t);
    }
    unload(&l);
    return ok;
}

static void expect_wrong(Place *p, const char *text, const char *said)
{
    write_text(p, "w.mil", text);
    assert_false(reads(p));
    expect_says(&p->d, said);
}

static void references_that_do_not_fit_are_errors(void **state)
{
    (void)state;
    Place p = place();
    Buf f = good_file(&p);
    write_file(&p, "w.bin", f.s, f.len);
    write_text(&p, "w.mil", TEXT("tensor<fp16, [4, 5]>", "64"));
    assert_true(reads(&p));
    assert_null(p.d.text.s);
    expect_wrong(&p, TEXT("tensor<fp16, [20]>", "0"),
                 "has no record at 0: the file has 320 bytes");
    expect_wrong(&p, TEXT("tensor<fp16, [20]>", "300"),
                 "no record at 300: the file has 320 bytes");
    expect_wrong(&p, TEXT("tensor<fp16, [20]>", "18446744073709551615"),
                 "no record at 1844674407");
    expect_wrong(&p, TEXT("tensor<fp16, [20]>", "128"), "has no record at 128: 0x");
    expect_wrong(&p, TEXT("tensor<fp32, [10]>", "64"),
                 "the record at 64 holds fp16, but the literal is fp32");
    expect_wrong(
        &p, TEXT("tensor<fp16, [21]>", "64"),
        "the record at 64 holds 40 bytes, but the literal needs 42: 21 elements of fp16");
    expect_wrong(&p, TEXT("tensor<fp16, [4611686018427387904]>", "64"),
                 "4611686018427387904 elements of fp16 are more than memory can hold");
    buf_free(&f);
    leave(&p);
}

/* The good file with `bytes` bytes at `at` replaced. */
static void damage(Place *p, const Buf *good, size_t at, int bytes, uint64_t v)
{
    Buf f = { 0 };
    buf_add(&f, good->s, good->len);
    for (int i = 0; i < bytes; i++) f.s[at + (size_t)i] = (char)(v >> 8 * i);
    write_file(p, "w.bin", f.s, f.len);
    buf_free(&f);
}

static void damaged_records_are_errors(void **state)
{
    (void)state;
    Place p = place();
    Buf f = good_file(&p);
    p.d.off = 1u << WARN_WEIGHT_FILE;
    const char *text = TEXT("tensor<fp16, [20]>", "64");
    damage(&p, &f, 64, 4, 0xDEADBEEE);
    expect_wrong(&p, text,
                 "has no record at 64: 0xdeadbeee stands there, not 0xdeadbeef");
    damage(&p, &f, 68, 4, 16);
    expect_wrong(&p, text, "the record at 64 holds f8e4m3fn, but the literal is fp16");
    damage(&p, &f, 72, 8, UINT64_MAX);
    expect_wrong(&p, text, "holds 18446744073709551615 bytes");
    damage(&p, &f, 80, 8, 281);
    expect_wrong(&p, text, "has its 40 bytes at 281, but the file has 320 bytes");
    damage(&p, &f, 80, 8, UINT64_MAX - 8);
    expect_wrong(&p, text,
                 "has its 40 bytes at 18446744073709551607, but the file has 320 bytes");
    damage(&p, &f, 80, 8, 0);
    expect_wrong(&p, text, "has its 40 bytes at 0, but");
    damage(&p, &f, 80, 8, 129);
    expect_wrong(&p, text, "begin at 129, not a multiple of the 2 bytes of fp16");
    buf_free(&f);
    leave(&p);
}

static void odd_but_readable_files_are_warned_of(void **state)
{
    (void)state;
    Place p = place();
    Buf f = good_file(&p);
    static const struct {
        size_t at;
        int bytes;
        uint64_t v;
        const char *said;
    } odd[] = {
        { 0, 4, 1, "w.bin says it has 1 records, but 2 are there [-Wweight-file]" },
        { 4, 4, 0, "w.bin says version 0; 2 is known" },
        { 7, 1, 1, "w.bin says version 16777218; 2 is known" },
        { 208, 8, 128,
          "the record at 192 are said to be 10 bytes at 128, not right after it" },
    };
    write_text(&p, "w.mil", TEXT("tensor<fp16, [20]>", "64"));
    for (size_t i = 0; i < COUNT(odd); i++) {
        damage(&p, &f, odd[i].at, odd[i].bytes, odd[i].v);
        assert_true(reads(&p));
        assert_int_equal(p.d.warnings, 1);
        expect_says(&p.d, odd[i].said);
    }
    /* Records follow each other without a gap: the second stands at 168. */
    Buf tight = { 0 };
    buf_add(&tight, f.s, 168);
    buf_add(&tight, f.s + 192, f.len - 192);
    for (int i = 0; i < 8; i++)
        tight.s[168 + 16 + i] = (char)((UINT64_C(232) >> 8 * i) & 0xff);
    write_file(&p, "w.bin", tight.s, tight.len);
    assert_true(reads(&p));
    expect_says(&p.d, "the record at 168 is not aligned to 64 bytes");
    write_text(&p, "w.mil", TEXT("tensor<uint8, [10]>", "168"));
    assert_true(reads(&p));
    write_file(&p, "w.bin", f.s, 63);
    p.d.text.len = 0;
    assert_false(reads(&p));
    expect_says(&p.d, "w.bin has 63 bytes, less than its header");
    buf_free(&tight);
    buf_free(&f);
    leave(&p);
}

static void files_cut_at_any_byte_do_no_harm(void **state)
{
    (void)state;
    Place p = place();
    Buf f = good_file(&p);
    write_text(&p, "w.mil", TEXT("tensor<uint8, [10]>", "192"));
    p.d.quiet = true;
    for (size_t n = 0; n <= f.len; n++) {
        write_file(&p, "w.bin", f.s, n);
        assert_int_equal(reads(&p), n >= 256 + 10);
    }
    for (uint64_t i = 0; i < 3000; i++) { /* and any byte replaced */
        damage(&p, &f, rng_u64(1, i) % f.len, 1, rng_u64(2, i));
        (void)reads(&p);
    }
    buf_free(&f);
    leave(&p);
}

static void absent_files_can_be_stood_in_for(void **state)
{
    (void)state;
    Place p = place();
    write_text(&p, "w.mil", TEXT("tensor<fp16, [20]>", "64"));
    Loaded l = load(&p, "w.mil");
    Tensor t;
    assert_non_null(l.m);
    expect_says(&p.d, "w.bin is absent [-Wmissing-weights]");
    assert_false(const_tensor(const_named(l.m, "w"), &p.d, &t));
    expect_says(
        &p.d,
        "weight file @model_path/w.bin is absent; --missing-weights zero or random");
    l.m->missing = 1;
    assert_true(const_tensor(const_named(l.m, "w"), &p.d, &t));
    tensor_free(&t);
    unload(&l);
    leave(&p);
}

static void a_link_out_of_the_folder_is_refused(void **state)
{
    (void)state;
    Place p = place();
    Buf f = good_file(&p);
    write_file(&p, "w.bin", f.s, f.len);
    write_text(&p, "model/w.mil", TEXT("tensor<fp16, [20]>", "64"));
    assert_int_equal(symlink("../w.bin", in(&p, "model/w.bin")), 0);
    Loaded l = load(&p, "model/w.mil");
    assert_null(l.m);
    expect_says(&p.d, "the path w.bin leaves the folder");
    unload(&l);
    buf_free(&f);
    leave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_where_the_format_has_them),
        cmocka_unit_test(strings_have_no_place_in_a_weight_file),
        cmocka_unit_test(references_that_do_not_fit_are_errors),
        cmocka_unit_test(damaged_records_are_errors),
        cmocka_unit_test(odd_but_readable_files_are_warned_of),
        cmocka_unit_test(files_cut_at_any_byte_do_no_harm),
        cmocka_unit_test(absent_files_can_be_stood_in_for),
        cmocka_unit_test(a_link_out_of_the_folder_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
