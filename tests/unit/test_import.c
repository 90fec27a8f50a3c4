/* test_import.c -- weights in files of others: each form as its writer lays it out, cut anywhere,
 * and what is written read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../train/train.h"
#include "unit.h"

enum { DIM = 4, HIDDEN = 6, LAYERS = 2, HEADS = 2, KV = 1, WORDS = 5, PLACES = 8 };

static void put_int(Buf *b, int32_t v) { buf_add(b, &v, 4); }

/* n floats: of, of + 1, .. */
static void put_floats(Buf *b, size_t n, float of)
{
    for (size_t i = 0; i < n; i++) {
        const float v = of + (float)i;
        buf_add(b, &v, 4);
    }
}

static const SafeTensor *find(const SafeTensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->tensor[i].name, name)) return &s->tensor[i];
    fail_msg("no %s", name);
    return NULL;
}

static void expect(const SafeTensors *s, const char *name, int64_t rows, int64_t columns,
                   float first)
{
    const SafeTensor *t = find(s, name);
    float is;
    assert_int_equal(t->rank, columns ? 2 : 1);
    assert_int_equal(t->shape[0], rows);
    if (columns) assert_int_equal(t->shape[1], columns);
    assert_int_equal(t->bytes, 4 * rows * (columns ? columns : 1));
    memcpy(&is, t->data, 4);
    assert_float_equal(is, first, 0);
}

/* As a model: what the header says, or why it is none. */
static void expect_model(const Buf *b, bool shared, const char *why)
{
    const Mapped m = { .data = (const unsigned char *)b->s, .size = b->len };
    Diag d = { 0 };
    BinLlama s;
    assert_true(bin_llama(&d, "f.bin", &m, &s) == !why);
    if (why) expect_said(&d, why);
    else {
        assert_int_equal(s.dim, DIM);
        assert_int_equal(s.hidden, HIDDEN);
        assert_int_equal(s.layers, LAYERS);
        assert_int_equal(s.heads, HEADS);
        assert_int_equal(s.kv, KV);
        assert_int_equal(s.vocabulary, WORDS);
        assert_int_equal(s.positions, PLACES);
        assert_true(s.shared == shared);
    }
    diag_free(&d);
}

#define UNTOLD \
    "error: f.bin holds weights of a program that it does not tell: a model is the " \
    ".bin of llama2.c\n"

static bool parse(const Buf *b, size_t size, Arena *a, Diag *d, SafeTensors *s)
{
    const Mapped m = { .data = (const unsigned char *)b->s, .size = size };
    return bin_weights_parse(a, d, (Loc){ 0 }, "f.bin", &m, s);
}

/* A file that is cut, or longer, is an error and no tensor more. */
static void cut(const Buf *b)
{
    for (size_t size = 0; size < b->len;
         size += 5) { /* 96 would be a tiny_train of 2 x 2 */
        Arena a = { 0 };
        Diag d = { .quiet = true };
        SafeTensors s;
        assert_false(parse(b, size, &a, &d, &s));
        assert_int_equal(d.errors, 1);
        const Mapped m = { .data = (const unsigned char *)b->s, .size = size };
        BinLlama shape;
        assert_false(bin_llama(&d, "f.bin", &m, &shape));
        assert_int_equal(d.errors, 2);
        diag_free(&d);
        arena_free(&a);
    }
}

/* ---- tiny_train -------------------------------------------------------------------------- */

static void test_tiny(void **state)
{
    (void)state;
    for (size_t header = 64; header <= 72; header += 8) {
        Buf b = { 0 };
        Arena a = { 0 };
        Diag d = { 0 };
        SafeTensors s;
        put_int(&b, 700);
        put_floats(&b, 1, .5f);
        put_int(&b, 3);
        put_int(&b, 5);
        while (b.len < header) buf_putc(&b, 0);
        put_floats(&b, 15, 100);
        put_floats(&b, 15, 200);
        assert_true(parse(&b, b.len, &a, &d, &s));
        assert_int_equal(s.count, 2);
        expect(&s, "w1", 5, 3, 100);
        expect(&s, "w2", 3, 5, 200);
        expect_model(&b, false, UNTOLD);
        if (header == 64) cut(&b);
        arena_free(&a);
        buf_free(&b);
    }
}

/* ---- BLZT -------------------------------------------------------------------------------- */

static void put_blzt(Buf *b, int version)
{
    const int q = version == 4 ? 2 * DIM : DIM, kv = version == 4 ? q / HEADS * KV : DIM;
    const int head[] = { 0x424c5a54, version, 9,      10,    LAYERS,
                         WORDS,      DIM,     HIDDEN, HEADS, PLACES };
    const int size[] = { q * DIM,      kv * DIM,     kv * DIM, DIM * q, HIDDEN * DIM,
                         DIM * HIDDEN, HIDDEN * DIM, DIM,      DIM };
    for (size_t i = 0; i < COUNT(head); i++) put_int(b, head[i]);
    while (b->len < 84) buf_putc(b, 0);
    put_int(b, version == 4 ? KV : 0);
    put_int(b, version == 4 ? q / HEADS : 0);
    put_int(b, version == 4 ? q : 0);
    for (int l = 0; l < LAYERS; l++) {
        for (int k = 0; k < 9; k++)
            put_floats(b, (size_t)size[k], (float)(1000 * l + 100 * k));
        for (int k = 0; k < 18; k++) put_floats(b, (size_t)size[k / 2], -1);
    }
    put_floats(b, DIM, 5000);
    put_floats(b, 2 * DIM, -1);
    put_floats(b, WORDS * DIM, 6000);
    put_floats(b, 2 * WORDS * DIM, -1);
}

static void test_blzt(void **state)
{
    (void)state;
    for (int version = 2; version <= 5; version++) {
        Buf b = { 0 };
        Arena a = { 0 };
        Diag d = { 0 };
        SafeTensors s;
        const int q = version == 4 ? 2 * DIM : DIM, kv = version == 4 ? DIM : DIM;
        put_blzt(&b, version);
        const bool ok = parse(&b, b.len, &a, &d, &s);
        if (version == 5)
            expect_said(&d,
                        "error: f.bin is BLZT of version 5: 2, 3 and 4 are understood\n");
        assert_true(ok == (version < 5));
        if (ok) {
            assert_int_equal(s.count, 9 * LAYERS + 2);
            expect(&s, "blocks.0.wq", q, DIM, 0);
            expect(&s, "blocks.1.wk", kv, DIM, 1100);
            expect(&s, "blocks.1.wo", DIM, q, 1300);
            expect(&s, "blocks.0.w2", DIM, HIDDEN, 500);
            expect(&s, "blocks.1.g2", DIM, 0, 1800);
            expect(&s, "g", DIM, 0, 5000);
            expect(&s, "embedding", WORDS, DIM, 6000);
            expect_model(&b, false, UNTOLD);
            cut(&b);
        }
        diag_free(&d);
        arena_free(&a);
        buf_free(&b);
    }
}

/* ---- llama2.c ---------------------------------------------------------------------------- */

static void put_shapes(Buf *b, int words)
{
    const int shape[] = { DIM, HIDDEN, LAYERS, HEADS, KV, words, PLACES };
    for (size_t i = 0; i < COUNT(shape); i++) put_int(b, shape[i]);
}

/* A kind of weight of all layers. */
static void put_kind(Buf *b, size_t n, float of)
{
    for (int i = 0; i < LAYERS; i++) put_floats(b, n, of + 1000 * (float)i);
}

static void put_matrices(Buf *b)
{
    const int kv = DIM / HEADS * KV;
    put_kind(b, DIM * DIM, 10);
    put_kind(b, (size_t)(kv * DIM), 20);
    put_kind(b, (size_t)(kv * DIM), 30);
    put_kind(b, DIM * DIM, 40);
}

static void put_feed(Buf *b)
{
    put_kind(b, HIDDEN * DIM, 50);
    put_kind(b, DIM * HIDDEN, 60);
    put_kind(b, HIDDEN * DIM, 70);
}

static void expect_llama(const SafeTensors *s, bool own)
{
    assert_int_equal(s->count, 9 * LAYERS + 2 + own);
    expect(s, "embedding", WORDS, DIM, 1);
    expect(s, "blocks.1.g1", DIM, 0, 1002);
    expect(s, "blocks.1.wq", DIM, DIM, 1010);
    expect(s, "blocks.0.wk", DIM / HEADS * KV, DIM, 20);
    expect(s, "blocks.1.wo", DIM, DIM, 1040);
    expect(s, "blocks.1.g2", DIM, 0, 1003);
    expect(s, "blocks.1.w1", HIDDEN, DIM, 1050);
    expect(s, "blocks.0.w2", DIM, HIDDEN, 60);
    expect(s, "blocks.1.w3", HIDDEN, DIM, 1070);
    expect(s, "g", DIM, 0, 4);
    if (own) expect(s, "classifier", WORDS, DIM, 80);
}

static void test_llama(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        Buf b = { 0 };
        Arena a = { 0 };
        Diag d = { 0 };
        SafeTensors s;
        put_shapes(&b, own ? -WORDS : WORDS);
        put_floats(&b, WORDS * DIM, 1);
        put_kind(&b, DIM, 2);
        put_matrices(&b);
        put_kind(&b, DIM, 3);
        put_feed(&b);
        put_floats(&b, DIM, 4);
        put_floats(&b, (size_t)PLACES * DIM / HEADS, -1); /* cosines, sines */
        if (own) put_floats(&b, WORDS * DIM, 80);
        assert_true(parse(&b, b.len, &a, &d, &s));
        expect_llama(&s, own);
        expect_model(&b, !own, NULL);
        cut(&b);
        arena_free(&a);
        buf_free(&b);
    }
}

/* Heads of one number each. */
static void test_single(void **state)
{
    (void)state;
    Buf b = { 0 };
    const int shape[] = { 2, 1, 1, 2, 2, 1, 1 };
    for (size_t i = 0; i < COUNT(shape); i++) put_int(&b, shape[i]);
    put_floats(&b, 2 + 2 + 16 + 2 + 6 + 2 + 1, 1);
    expect_model(
        &b, false,
        "error: f.bin has heads of 1 numbers, which are no pairs to be turned\n");
    buf_free(&b);
}

static void put_ak42(Buf *b, int version, bool own)
{
    put_int(b, 0x616b3432);
    put_int(b, version);
    put_shapes(b, WORDS);
    buf_putc(b, own ? 0 : 1);
    while (b->len < 256) buf_putc(b, 0);
    put_kind(b, DIM, 2);
    put_kind(b, DIM, 3);
    put_floats(b, DIM, 4);
    put_floats(b, WORDS * DIM, 1);
    put_matrices(b);
    put_feed(b);
    if (own) put_floats(b, WORDS * DIM, 80);
}

/* What is read is written again, to the same bytes. */
static void write_again(const Buf *b, const SafeTensors *s)
{
    Diag d = { 0 };
    Mapped m;
    TrainParam p[9 * LAYERS + 3] = { 0 };
    const TrainExport o = { .heads = HEADS, .positions = PLACES };
    Arena a = { 0 };
    const char *folder = make_folder(&a),
               *path = arena_printf(&a, "%s/again.bin", folder);
    for (size_t i = 0; i < s->count; i++) {
        const SafeTensor *t = &s->tensor[s->count - 1 - i];
        p[i] = (TrainParam){ .path = t->name,
                             .rank = t->rank,
                             .count = t->bytes / 4,
                             .master = (float *)(uintptr_t)t->data };
        memcpy(p[i].shape, t->shape, sizeof p[i].shape);
    }
    assert_true(export_write(&o, &d, path, p, (int)s->count));
    assert_true(file_read(&d, path, &m));
    assert_int_equal(m.size, b->len);
    assert_memory_equal(m.data, b->s, b->len);
    file_unmap(&m);
    remove_folder(folder);
    arena_free(&a);
    assert_false(export_write(&(TrainExport){ 0 }, &d, "w.bin", p, (int)s->count));
    assert_false(export_write(&o, &d, "w.bin", p, (int)s->count - 1));
    assert_false(export_write(&o, &d, "w.bin", p + 1, 3));
    assert_false(export_write(&o, &d, "w.npy", p, 1));
    expect_said(
        &d,
        "error: --export w.bin: llama2.c has the number of heads and places in its "
        "header: the program needs the parameters heads and positions\n"
        "error: --export w.bin: llama2.c has the weights embedding, g, blocks.N.wq, wk, "
        "wv, wo, w1, w2, w3, g1, g2 and perhaps classifier; there is no g1\n"
        "error: --export w.bin: llama2.c has the weights embedding, g, blocks.N.wq, wk, "
        "wv, wo, w1, w2, w3, g1, g2 and perhaps classifier; there is no embedding\n"
        "error: --export w.npy: weights are written as .safetensors and, for llama2.c, "
        ".bin, the trained program as .mil, .mlpackage or .mlmodelc\n");
}

static void test_ak42(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        Buf b = { 0 };
        Arena a = { 0 };
        Diag d = { 0 };
        SafeTensors s;
        put_ak42(&b, 1, own);
        assert_true(parse(&b, b.len, &a, &d, &s));
        expect_llama(&s, own);
        if (!own) write_again(&b, &s);
        cut(&b);
        buf_free(&b);
        put_ak42(&b, 2, own);
        assert_false(parse(&b, b.len, &a, &d, &s));
        expect_said(
            &d, "error: f.bin is llama2.c's version 2: 0 and 1, which have floats, are "
                "understood\n");
        buf_free(&b);
        arena_free(&a);
    }
}

/* ---- none -------------------------------------------------------------------------------- */

static void test_none(void **state)
{
    Buf b = { 0 };
    Arena a = { 0 };
    Diag d = { 0 };
    SafeTensors s;
    (void)state;
    put_shapes(&b, WORDS);
    put_floats(&b, 50, 0);
    assert_false(parse(&b, b.len, &a, &d, &s));
    memset(b.s, 0xff, b.len);
    assert_false(parse(&b, b.len, &a, &d, &s));
    expect_said(
        &d, "error: f.bin is cut off, or no model of llama2.c: it has 228 bytes, by its "
            "header 1212\n"
            "error: f.bin is no file of weights that is understood: .safetensors, and "
            ".bin of llama2.c, tiny_train and BLZT are\n");
    buf_free(&b);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiny),  cmocka_unit_test(test_blzt),
        cmocka_unit_test(test_llama), cmocka_unit_test(test_single),
        cmocka_unit_test(test_ak42),  cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
