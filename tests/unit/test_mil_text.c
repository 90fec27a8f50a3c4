/* test_mil_text.c -- MIL text in and out: what is printed is what was read. */
#include "unit.h"

#include <dirent.h>
#include <math.h>
#include <sys/mman.h>

#include "../../ir/mil/mil.h"

/* ---- reading and printing ---------------------------------------------------------------- */

/* The text printed again, in *out; false when it was refused. */
static bool again(Diag *d, const char *name, const char *text, size_t len, Buf *out)
{
    const Source src = { .name = name, .text = text, .len = len };
    Module *m = mil_read(d, &src, NULL);
    if (m) mil_print(m, out);
    module_free(m);
    return m != NULL;
}

static void expect_same(const char *text)
{
    Diag d = { .quiet = true }; /* of absent weights */
    Buf out = { 0 };
    if (!again(&d, "text", text, strlen(text), &out)) fail_msg("refused: %s", d.text.s);
    assert_string_equal(out.s, text);
    assert_true(diag_ok(&d));
    buf_free(&out);
    diag_free(&d);
}

#define PROGRAM(version, opset, statements, results) \
    "program(" version ")\n{\n    func main<" opset \
    ">(tensor<fp16, [1, 2]> x) {\n" statements "        } -> (" results ");\n}"
#define LINE "            "

static void both_spellings_come_back(void **state)
{
    (void)state;
    expect_same(PROGRAM(
        "1.0", "ios16",
        LINE
        "tensor<int32, []> a = const()[name = tensor<string, []>(\"a\"), "
        "val = tensor<int32, []>(1)];\n" LINE
        "tensor<fp16, [12]> w = const()[val = tensor<fp16, [12]>(BLOBFILE("
        "path = tensor<string, []>(\"@model_path/w.bin\"), offset = tensor<uint64, []>(64)))];\n",
        "x"));
}

static void nested_lists_follow_the_rank(void **state)
{
    (void)state;
    expect_same(PROGRAM(
        "1.3", "ios18",
        LINE
        "tensor<bool, [2, 1, 2]> a = const()[val = tensor<bool, [2, 1, 2]>("
        "[[[true, false]], [[false, true]]])];\n" LINE
        "tensor<int32, [2, 0]> b = const()[val = tensor<int32, [2, 0]>([[], []])];\n" LINE
        "tensor<int32, [0, 2]> c = const()[val = tensor<int32, [0, 2]>([])];\n" LINE
        "tensor<uint6, [5]> e = const()[val = tensor<uint6, [5]>([63, 0, 32, 1, 31])];\n",
        "x, a"));
}

static void blocks_see_outer_names_and_keep_their_own(void **state)
{
    (void)state;
    expect_same(PROGRAM(
        "1.3", "ios18",
        LINE
        "tensor<fp16, [1, 2]> y, int32 z = while_loop(loop_vars = (x, int32(0)))\n" LINE
        "    block0(tensor<fp16, [1, 2]> a, int32 b) {\n" LINE
        "            bool p = less(x = b, y = int32(3));\n" LINE
        "        } -> (p),\n" LINE "    block1(tensor<fp16, [1, 2]> a, int32 b) {\n" LINE
        "            tensor<fp16, [1, 2]> c = cond(pred = x)\n" LINE
        "                block0() {\n" LINE "                    } -> (a),\n" LINE
        "                block1() {\n" LINE
        "                        tensor<fp16, [1, 2]> a = relu(x = x);\n" LINE
        "                    } -> (a);\n" LINE "        } -> (c, b);\n",
        "y, z"));
}

/* A text may end anywhere: what follows it in memory is not read, and each cut is an error. */
static void cut_anywhere_is_an_error(void **state)
{
    (void)state;
    static const char text[] =
        "program(1.3)\n[a = dict<string, fp64>({{\"k\", 0.5}})]\n{\n"
        "    func f<ios18>(state<tensor<fp16, [2]>> s, "
        "tensor_buffer<fp16, shape=[1], strides=[2]> b) {\n"
        "            tensor<fp16, [2]> y = add<ios17>(x = tensor<fp16, [2]>([0x1p-1, -inf]), "
        "y = (s, 1.5e3));\n"
        "            list<int32, ?> l = const()[val = list<int32, ?>([1])]; // the end\n"
        "        } -> (y, l);\n}";
    for (size_t n = 0; n < sizeof text; n++) {
        char *exact = malloc(n ? n : 1); /* where reading too far is noticed */
        Diag d = { 0 };
        Buf out = { 0 };
        assert_non_null(exact);
        memcpy(exact, text, n);
        const bool ok = again(&d, "cut", exact, n, &out);
        assert_int_equal(ok, n == sizeof text - 1);
        /* a name that was cut is not defined, too */
        assert_in_range(d.errors, !ok, ok ? 0 : 2);
        diag_free(&d);
        buf_free(&out);
        free(exact);
    }
}

/* Any one byte replaced: read or refused, never a crash; what is read prints stably. */
static void damaged_texts_do_no_harm(void **state)
{
    (void)state;
    static const char text[] =
        "program(1.3)\n{\n    func f<ios18>(tensor<fp16, [1, 2]> x) {\n"
        "            int32 a, bool c = g(x = x, y = (x, uint8(3)), z = -1)[name = string(\"n\")]\n"
        "                b(int32 q) {\n                    } -> (q);\n"
        "            tensor<int4, [1, 3]> w = const()[val = tensor<int4, [1, 3]>([[-8, 0, 7]])];\n"
        "        } -> (a);\n}";
    char broken[sizeof text];
    for (uint64_t i = 0; i < 20000; i++) {
        Diag d = { 0 };
        Buf first = { 0 }, second = { 0 };
        memcpy(broken, text, sizeof text);
        for (uint64_t k = 0; k <= rng_u64(8, i) % 3; k++) {
            const uint64_t to = rng_u64(9 + k, i), from = rng_u64(20 + k, i);
            broken[to % (sizeof text - 1)] = text[from % (sizeof text - 1)];
        }
        if (again(&d, "damaged", broken, sizeof text - 1, &first)) {
            if (!again(&d, "again", first.s, first.len, &second))
                fail_msg("%s: %s", first.s, d.text.s);
            assert_string_equal(first.s, second.s);
        } else assert_true(d.errors >= 1 && d.errors <= 8);
        diag_free(&d);
        buf_free(&first);
        buf_free(&second);
    }
}

static void more_than_a_gibibyte_is_refused_unread(void **state)
{
    (void)state;
    const size_t len = (size_t)FILE_MAX_TEXT + 1;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    char *text = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);
    const Source src = { .name = "large", .text = text, .len = len };
    Diag d = { 0 };
    assert_true(text != MAP_FAILED);
    text[0] = '\n'; /* the line that is shown */
    assert_null(mil_read(&d, &src, NULL));
    expect_says(&d, "error: the text is larger than 1 GiB");
    munmap(text, len);
}

/* ---- random programs --------------------------------------------------------------------- */

typedef struct {
    uint64_t seed, at;
} Rng;

static uint64_t below(Rng *r, uint64_t n) { return rng_u64(r->seed, r->at++) % n; }

static void random_element(Rng *r, Buf *b, DType t)
{
    if (t == DT_STRING) buf_puts(b, below(r, 2) ? "\"a \\\"b\\\"\"" : "\"\"");
    else if (t == DT_BOOL) buf_puts(b, below(r, 2) ? "true" : "false");
    else if (!dtype_is_float(t)) buf_printf(b, "%d", (int)below(r, 2));
    else if (below(r, 20) == 0) buf_puts(b, below(r, 2) ? "inf" : "-inf");
    else if (t == DT_FP16) buf_printf(b, "%a", f16_to_double((uint16_t)below(r, 0x7c00)));
    else
        buf_printf(b, "%a",
                   ldexp((double)below(r, 0x800000) + 0x800000, (int)below(r, 60) - 50));
}

static void random_list(Rng *r, Buf *b, DType t, const int64_t *dim, int rank)
{
    if (!rank) {
        random_element(r, b, t);
        return;
    }
    buf_putc(b, '[');
    for (int64_t i = 0; i < *dim; i++) {
        if (i) buf_puts(b, ", ");
        random_list(r, b, t, dim + 1, rank - 1);
    }
    buf_putc(b, ']');
}

static void random_literal(Rng *r, Buf *b, bool short_scalars, Buf *type)
{
    static const DType any[] = { DT_FP16,  DT_FP32,  DT_BOOL,  DT_STRING,
                                 DT_INT32, DT_UINT8, DT_UINT3, DT_INT4 };
    const DType t = any[below(r, COUNT(any))];
    int64_t dim[4];
    const int rank = (int)below(r, 5);
    type->len = 0;
    buf_printf(type, short_scalars && !rank ? "%s" : "tensor<%s, [", dtypes[t].name);
    for (int i = 0; i < rank; i++) {
        dim[i] = (int64_t)below(r, 4);
        if (i && !dim[i - 1]) dim[i] = 1;
        buf_printf(type, i ? ", %d" : "%d", (int)dim[i]);
    }
    if (!short_scalars || rank) buf_puts(type, "]>");
    buf_printf(b, "%s(", type->s);
    random_list(r, b, t, dim, rank);
    buf_putc(b, ')');
}

static void random_program(Rng *r, Buf *b)
{
    const bool short_scalars = below(r, 2);
    Buf value = { 0 }, type = { 0 };
    buf_printf(b, "program(%s)\n{\n    func main<ios%d>(tensor<fp32, [?, 2]> v0) {\n",
               short_scalars ? "1.3" : "1.0", 15 + (int)below(r, 4));
    const int n = 1 + (int)below(r, 20);
    for (int i = 1; i <= n; i++) {
        value.len = 0;
        random_literal(r, &value, short_scalars, &type);
        if (below(r, 2))
            buf_printf(b, LINE "%s v%d = const()[val = %s];\n", type.s, i, value.s);
        else {
            buf_printf(b, LINE "%s v%d = f(a = v%d, b = ", type.s, i,
                       (int)below(r, (uint64_t)i));
            if (below(r, 2)) buf_puts(b, value.s);
            else buf_printf(b, "(v%d, %s)", (int)below(r, (uint64_t)i), value.s);
            buf_puts(b, ");\n");
        }
    }
    buf_printf(b, "        } -> (v%d, v0);\n}", n);
    buf_free(&value);
    buf_free(&type);
}

static void random_programs_come_back(void **state)
{
    (void)state;
    Rng r = { .seed = 11 };
    for (int i = 0; i < 3000; i++) {
        Buf text = { 0 };
        random_program(&r, &text);
        expect_same(text.s);
        buf_free(&text);
    }
}

/* ---- real programs ----------------------------------------------------------------------- */

static bool is_compiled(const Mapped *index, const char *file)
{
    const char *s = memmem(index->data, index->size, file, strlen(file));
    const size_t at = s ? (size_t)(s - (const char *)index->data) : 0;
    const char *end = s ? memchr(s, '\n', index->size - at) : NULL;
    return end && memmem(s, (size_t)(end - s), "\tcoremlc\t", 9);
}

/* One final newline is what a committer's editor may have added. */
static bool same_text(const Buf *a, const Mapped *b)
{
    const size_t n = b->size && b->data[b->size - 1] == '\n' ? b->size - 1 : b->size;
    return a->len == n && !memcmp(a->s, b->data, n);
}

static int check_folder(const char *folder)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    Mapped index = { 0 };
    int n = 0;
    DIR *dir = opendir(folder);
    if (!dir) return 0;
    (void)file_map(&d, arena_printf(&a, "%s/INDEX.tsv", folder), &index);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        const char *path = arena_printf(&a, "%s/%s", folder, e->d_name);
        Mapped text;
        Buf out = { 0 }, twice = { 0 };
        if (!file_has_suffix(path, ".mil") || !file_map(&d, path, &text)) continue;
        const char *rejected = arena_printf(&a, "%s/rejected-syntax/%s", folder,
                                            e->d_name);
        const bool ok = again(&d, path, (const char *)text.data, text.size, &out);
        assert_int_equal(ok, !file_exists(rejected));
        if (ok && is_compiled(&index, e->d_name)) assert_true(same_text(&out, &text));
        if (ok) {
            assert_true(again(&d, path, out.s, out.len, &twice));
            assert_string_equal(out.s, twice.s);
        }
        n++;
        buf_free(&out);
        buf_free(&twice);
        file_unmap(&text);
    }
    closedir(dir);
    file_unmap(&index);
    diag_free(&d);
    arena_free(&a);
    return n;
}

static void real_programs_come_back(void **state)
{
    (void)state;
    const int wild = check_folder("../shared/wild"),
              embedded = check_folder("../shared/embedded");
    if (wild + embedded)
        print_message("%d real programs, %d generated ones\n", wild, embedded);
    else print_message("skipped: there is no ../shared/wild\n");
}

static void rejected_syntax_is_refused_at_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *file, *place;
    } refused[] = {
        { "layer_0_bwd", ":20:87: error: expected a name, " },
        { "layer_0_fwd", ":32:56: error: expected '=', found ')'" },
        { "layer_0_fwd_conv", ":23:56: error: expected '=', found ')'" },
    };
    Arena a = { 0 };
    for (size_t i = 0; i < COUNT(refused); i++) {
        const char *path = arena_printf(
            &a, "../shared/wild/rejected-syntax/luengnat__rustane__%s.mil",
            refused[i].file);
        Diag d = { 0 };
        Mapped text;
        Buf out = { 0 };
        if (!file_exists(path) || !file_map(&d, path, &text)) continue;
        assert_false(again(&d, path, (const char *)text.data, text.size, &out));
        assert_int_equal(d.errors, 3);
        expect_says(&d, refused[i].place);
        file_unmap(&text);
    }
    arena_free(&a);
}

/* How many arguments and results an op may have; one more of either is refused there. */
static void a_statement_has_an_end(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++)
        for (int args = 0; args < 2; args++) {
            const int n = (args ? OP_ARGS : OP_RESULTS) + more;
            Buf b = { 0 }, out = { 0 };
            Diag d = { 0 };
            buf_puts(&b, "program(1.3)\n{\n    func main<ios18>(int32 x) {\n");
            for (int i = 0; i < (args ? 1 : n); i++)
                buf_printf(&b, "%sint32 y%d", i ? ", " : "", i);
            buf_puts(&b, " = many(");
            for (int i = 0; i < (args ? n : 1); i++)
                buf_printf(&b, "%sa%d = x", i ? ", " : "", i);
            buf_puts(&b, ");\n    } -> (x);\n}\n");
            assert_int_equal(again(&d, "text", b.s, b.len, &out), !more);
            if (more)
                expect_says(&d, args ? "an op has 1000 arguments at the most"
                                     : "an op has 65535 results at the most");
            buf_free(&b);
            buf_free(&out);
            diag_free(&d);
        }
}

/* ---- words ------------------------------------------------------------------------------- */

/* A program whose inner value is called so; the reader is not asked. */
static Module *called(Diag *d, const char *name)
{
    static const char text[] = PROGRAM(
        "1.0", "ios16",
        LINE
        "tensor<fp16, [1, 2]> inner = relu(x = x)[name = tensor<string, []>(\"inner\")];\n" LINE
        "tensor<fp16, [1, 2]> y = relu(x = inner)[name = tensor<string, []>(\"y\")];\n",
        "y");
    static const Source src = { .name = "text", .text = text, .len = sizeof text - 1 };
    Module *m = mil_read(d, &src, NULL);
    if (!m) fail_msg("%s", d->text.s);
    Op *op = m->first->body->first;
    value_rename(op->out[0], module_name(m, name));
    op_set_name(m, op, name);
    return m;
}

static bool reads_back(const Module *m)
{
    Diag d = { .quiet = true };
    Buf text = { 0 }, out = { 0 };
    mil_print(m, &text);
    const bool ok = again(&d, "text", text.s, text.len, &out);
    buf_free(&text);
    buf_free(&out);
    diag_free(&d);
    return ok;
}

/* What the reader refuses as a name is a word, and gets another name; what only begins like one
 * stays. */
static void words_are_no_names(void **state)
{
    static const char *const others[] = {
        "any",   "program", "func",    "tensor",        "list",     "dict",
        "tuple", "state",   "nan",     "tensor_buffer", "BLOBFILE", "true",
        "false", "inf",     "tensor1", "Tensor",        "lists",    "x_state",
        "fp161", "const",   "relu",    "ios16",         "int3",     "name",
    };
    int words = 0;
    (void)state;
    for (int i = 1; i < DT_COUNT + (int)COUNT(others); i++) {
        Diag d = { 0 };
        const char *name = i < DT_COUNT ? dtypes[i].name : others[i - DT_COUNT];
        Module *m = called(&d, name);
        const Op *op = m->first->body->first;
        if (!reads_back(m) && !mil_is_word(name)) fail_msg("%s is a word", name);
        assert_true(mil_free_words(m, &d));
        assert_int_equal(!strcmp(op->out[0]->name, name), !mil_is_word(name));
        assert_string_equal(op_said_name(op), op->out[0]->name);
        if (!reads_back(m)) fail_msg("%s cannot be read back", name);
        words += mil_is_word(name);
        module_free(m);
        diag_free(&d);
    }
    assert_true(words > 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_spellings_come_back),
        cmocka_unit_test(nested_lists_follow_the_rank),
        cmocka_unit_test(blocks_see_outer_names_and_keep_their_own),
        cmocka_unit_test(cut_anywhere_is_an_error),
        cmocka_unit_test(damaged_texts_do_no_harm),
        cmocka_unit_test(more_than_a_gibibyte_is_refused_unread),
        cmocka_unit_test(random_programs_come_back),
        cmocka_unit_test(real_programs_come_back),
        cmocka_unit_test(rejected_syntax_is_refused_at_its_place),
        cmocka_unit_test(a_statement_has_an_end),
        cmocka_unit_test(words_are_no_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
