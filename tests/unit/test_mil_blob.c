/* test_mil_blob.c -- weight files: written and read back, hostile ones; saving into folders. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

/* ---- folders, files, modules ------------------------------------------------------------- */

typedef struct {
    Arena a;
    Diag d;
    char *dir;
} Place;

static Place place(void)
{
    Place p = { .dir = NULL };
    p.dir = make_folder(&p.a);
    return p;
}

static void leave(Place *p)
{
    remove_folder(p->dir);
    diag_free(&p->d);
    arena_free(&p->a);
}

static const char *in(Place *p, const char *rel)
{
    return arena_printf(&p->a, "%s/%s", p->dir, rel);
}

static void write_file(Place *p, const char *rel, const void *data, size_t n)
{
    const char *path = in(p, rel);
    assert_true(file_make_dirs(&p->d, file_dir(&p->a, path)));
    FILE *f = fopen(path, "wb"); /* without waiting for the disk */
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void write_text(Place *p, const char *rel, const char *text)
{
    write_file(p, rel, text, strlen(text));
}

static Buf file_bytes(Place *p, const char *rel)
{
    Mapped map;
    Buf b = { 0 };
    if (!file_map(&p->d, in(p, rel), &map)) fail_msg("%s: %s", rel, p->d.text.s);
    buf_add(&b, map.data, map.size);
    file_unmap(&map);
    return b;
}

static void expect_file(Place *p, const char *rel, const char *want)
{
    Buf b = file_bytes(p, rel);
    assert_string_equal(b.s, want);
    buf_free(&b);
}

/* Every path in messages begins with the folder, whose name is another one in each run. */
static void expect_said_in(Place *p, const char *want)
{
    Buf plain = { 0 };
    const size_t n = strlen(p->dir);
    for (const char *s = p->d.text.s; s && *s;) {
        if (!strncmp(s, p->dir, n)) s += n, buf_puts(&plain, "DIR");
        else buf_putc(&plain, *s++);
    }
    buf_free(&p->d.text);
    p->d.text = plain;
    expect_said(&p->d, want);
}

typedef struct {
    Module *m;
    Source *src;
    Mapped map;
} Loaded;

static Loaded load(Place *p, const char *rel)
{
    const char *path = in(p, rel);
    Loaded l = { .src = NEW(&p->a, Source) };
    assert_true(file_map(&p->d, path, &l.map));
    *l.src =
        (Source){ .name = path, .text = (const char *)l.map.data, .len = l.map.size };
    l.m = mil_read(&p->d, l.src, file_dir(&p->a, path));
    return l;
}

static void unload(Loaded *l)
{
    module_free(l->m);
    file_unmap(&l->map);
}

static const Const *const_named(const Module *m, const char *name)
{
    for (const Op *op = m->first->body->first; op; op = op->next)
        if (!strcmp(op->out[0]->name, name)) return value_lit(op->out[0]);
    fail_msg("there is no %s", name);
    return NULL;
}

/* A program of consts c0, c1 ..; saved with its weights where they belong. */
static Module *module_of(int n, Const *const *c)
{
    Module *m = module_new();
    m->version = "1.3";
    Func *f = func_new(m, "main", OPSET_IOS18);
    Diag d = { 0 };
    Builder b = builder_at(f->body, NULL, &d, (Loc){ .src = NULL });
    Value *v = block_param(f->body, "x", type_tensor(&m->arena, DT_FP16, SHAPE(2)),
                           b.loc);
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        build_const(&b, name, c[i]);
    }
    block_result(f->body, v);
    return m;
}

/* ---- the format -------------------------------------------------------------------------- */

static Const *bytes_const(Arena *a, DType t, int64_t n)
{
    const Type *type = type_tensor(a, t, SHAPE(n));
    const size_t size = type_bytes(type);
    unsigned char *data = arena_alloc(a, size + 1);
    for (size_t i = 0; i < size; i++) data[i] = (unsigned char)(i * 7 + (size_t)t);
    const int last = (int)(n * dtypes[t].bits
                           % 8); /* bits used of the last byte; 0: all */
    if (last) data[size - 1] &= (unsigned char)((1 << last) - 1);
    return const_data(a, type, data);
}

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

#define TEXT(type, offset) \
    "program(1.3)\n{\nfunc main<ios18>(fp16 x) {\n" type " w = const()[val = " type \
    "(BLOBFILE(path = string(\"@model_path/w.bin\"), offset = uint64(" offset \
    ")))];\n} -> (x);\n}"

/* Two records: 20 halves at 64, 10 bytes of uint8 at 192. */
static Buf good_file(Place *p)
{
    uint64_t offset;
    BlobWriter *b = blob_create(&p->a, &p->d, in(p, "good.bin"));
    assert_true(blob_add(b, bytes_const(&p->a, DT_FP16, 20), &offset));
    assert_true(blob_add(b, bytes_const(&p->a, DT_UINT8, 10), &offset));
    assert_int_equal(offset, 192);
    assert_true(blob_finish(b) && blob_commit(b));
    return file_bytes(p, "good.bin");
}

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
        cmocka_unit_test(records_are_where_the_format_has_them),
        cmocka_unit_test(strings_have_no_place_in_a_weight_file),
        cmocka_unit_test(references_that_do_not_fit_are_errors),
        cmocka_unit_test(damaged_records_are_errors),
        cmocka_unit_test(odd_but_readable_files_are_warned_of),
        cmocka_unit_test(files_cut_at_any_byte_do_no_harm),
        cmocka_unit_test(absent_files_can_be_stood_in_for),
        cmocka_unit_test(a_link_out_of_the_folder_is_refused),
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
