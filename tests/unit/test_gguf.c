/* test_gguf.c -- .gguf files: where tensors lie, each thing that a file may say wrong, and every
 * place where it may be cut off, and the numbers of blocks. */
#include "unit.h"

#include <string.h>

enum { GGUF_NESTED = 8, GGUF_NAMED = 1 << 16 }; /* arrays in arrays, bytes of a name */

typedef struct {
    Arena a;
    Diag d;
    Buf file;
    SafeTensors s;
} Gguf;

static void gguf_put(Gguf *g, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) buf_putc(&g->file, (char)(v >> 8 * i));
}

static void gguf_text(Gguf *g, const char *s)
{
    gguf_put(g, strlen(s), 8);
    buf_puts(&g->file, s);
}

static void gguf_begin(Gguf *g, uint64_t tensors, uint64_t values)
{
    memset(g, 0, sizeof *g);
    buf_puts(&g->file, "GGUF");
    gguf_put(g, 3, 4);
    gguf_put(g, tensors, 8);
    gguf_put(g, values, 8);
}

static void gguf_tensor(Gguf *g, const char *name, uint64_t rows, uint64_t row,
                        uint32_t type, uint64_t offset)
{
    gguf_text(g, name);
    gguf_put(g, 2, 4);
    gguf_put(g, row, 8);
    gguf_put(g, rows, 8);
    gguf_put(g, type, 4);
    gguf_put(g, offset, 8);
}

static void gguf_data(Gguf *g, size_t align, size_t n)
{
    while (g->file.len % align) gguf_put(g, 0, 1);
    for (size_t i = 0; i < n; i++) gguf_put(g, i, 1);
}

static bool gguf_read(Gguf *g, size_t size)
{
    const Mapped m = { .data = (const unsigned char *)g->file.s, .size = size };
    return gguf_parse(&g->a, &g->d, (Loc){ 0 }, "m.gguf", &m, &g->s);
}

static void gguf_end(Gguf *g)
{
    buf_free(&g->file);
    diag_free(&g->d);
    arena_free(&g->a);
}

static void gguf_refused(Gguf *g, const char *why)
{
    assert_false(gguf_read(g, g->file.len));
    assert_int_equal(g->d.errors, 1);
    expect_says(&g->d, why);
    gguf_end(g);
}

/* Two tensors behind a value of each kind. */
static void gguf_good(Gguf *g)
{
    gguf_begin(g, 2, 4);
    gguf_text(g, "name");
    gguf_put(g, 8, 4);
    gguf_text(g, "a model");
    gguf_text(g, "general.alignment");
    gguf_put(g, 4, 4);
    gguf_put(g, 8, 4);
    gguf_text(g, "list");
    gguf_put(g, 9, 4);
    gguf_put(g, 8, 4);
    gguf_put(g, 2, 8);
    gguf_text(g, "x");
    gguf_text(g, "y");
    gguf_text(g, "number");
    gguf_put(g, 12, 4);
    gguf_put(g, 1, 8);
    gguf_tensor(g, "halves", 2, 3, 1, 0);
    gguf_tensor(g, "eights", 2, 32, 8, 16);
    gguf_data(g, 8, 16 + 68);
}

static void test_tensors(void **state)
{
    Gguf g;
    (void)state;
    gguf_good(&g);
    assert_true(gguf_read(&g, g.file.len));
    assert_int_equal(g.s.count, 2);
    const SafeTensor *h = &g.s.tensor[0], *e = &g.s.tensor[1];
    assert_string_equal(h->name, "halves");
    assert_string_equal(h->dtype, "F16");
    assert_int_equal(h->rank, 2);
    assert_int_equal(h->shape[0], 2);
    assert_int_equal(h->shape[1], 3);
    assert_int_equal(h->bytes, 12);
    assert_string_equal(e->dtype, "Q8_0");
    assert_int_equal(e->bytes, 68);
    assert_int_equal(*(const unsigned char *)e->data, 16);
    gguf_end(&g);
}

/* It ends behind its last tensor: anywhere before that it is cut. */
static void test_cut_anywhere(void **state)
{
    Gguf g;
    (void)state;
    gguf_good(&g);
    for (size_t n = 0; n < g.file.len; n++) {
        assert_false(gguf_read(&g, n));
        assert_int_equal(g.d.errors, 1);
        expect_says(&g.d, n < 4 ? "m.gguf: not a .gguf file" : "cut off");
    }
    assert_true(gguf_read(&g, g.file.len));
    gguf_end(&g);
}

static void test_headers(void **state)
{
    Gguf g;
    (void)state;
    gguf_begin(&g, 0, 0);
    assert_true(gguf_read(&g, g.file.len));
    g.file.s[4] = 1;
    gguf_refused(&g, "m.gguf: a .gguf of version 1; 2 and 3 are read, little endian");
    gguf_begin(&g, UINT64_MAX, 0);
    gguf_refused(&g, "the file is cut off");
    gguf_begin(&g, 0, UINT64_MAX);
    gguf_refused(&g, "the file is cut off");
}

/* A value by key: its type, and behind it numbers of 8 bytes. */
static void gguf_bad_value(const char *key, uint32_t type, int n, const uint64_t *v,
                           const char *why)
{
    Gguf g;
    gguf_begin(&g, 0, 1);
    gguf_text(&g, key);
    gguf_put(&g, type, 4);
    for (int i = 0; i < n; i++) gguf_put(&g, v[i], 8);
    gguf_refused(&g, why);
}

static void test_values(void **state)
{
    Gguf g;
    (void)state;
    gguf_bad_value("k", 13, 0, NULL, "is of the unknown type 13");
    gguf_bad_value("k", 8, 1, (uint64_t[]){ UINT64_MAX }, "cut off");
    gguf_bad_value("general.alignment", 4, 1, (uint64_t[]){ 0 },
                   "an alignment of 0 bytes");
    gguf_bad_value("general.alignment", 4, 1, (uint64_t[]){ 12 },
                   "an alignment of 12 bytes");
    gguf_begin(&g, 0, 1);
    gguf_text(&g, "k");
    gguf_put(&g, 9, 4);
    gguf_put(&g, 12, 4);
    gguf_put(&g, UINT64_MAX / 2, 8);
    gguf_refused(&g, "cut off");
    gguf_begin(&g, 0, 1);
    gguf_text(&g, "k");
    gguf_put(&g, 9, 4);
    for (int i = 0; i < 20; i++) {
        gguf_put(&g, 9, 4);
        gguf_put(&g, 1, 8);
    }
    gguf_refused(&g, "is of the unknown type 9");
    gguf_begin(&g, 0, 1);
    gguf_put(&g, 1 << 20, 8);
    gguf_refused(&g, "m.gguf: the name at byte 24 has 1048576 bytes");
    gguf_begin(&g, 0, 1);
    gguf_put(&g, 2, 8);
    gguf_put(&g, 0, 4);
    gguf_refused(&g, "m.gguf: the name at byte 24 has a 0 in it");
}

static void gguf_bad_tensor(uint64_t rows, uint64_t row, uint32_t type, uint64_t offset,
                            const char *why)
{
    Gguf g;
    gguf_begin(&g, 1, 0);
    gguf_tensor(&g, "w", rows, row, type, offset);
    gguf_data(&g, 32, 64);
    gguf_refused(&g, why);
}

static void test_places(void **state)
{
    Gguf g;
    (void)state;
    gguf_bad_tensor(2, 16, 8, 0,
                    "'w' has rows of 16 elements, but Q8_0 has 32 in a block");
    gguf_bad_tensor(2, 32, 16, 0, "tensor 'w' is of type 16, which is not read");
    gguf_bad_tensor(UINT64_MAX, 1, 0, 0, "tensor 'w' is too large");
    gguf_bad_tensor((uint64_t)1 << 62, 32, 0, 0, "tensor 'w' is too large");
    gguf_bad_tensor(1, 4, 0, 4, "begins at byte 4, which is no multiple of 32");
    gguf_bad_tensor(1, 17, 0, 0, "tensor 'w' ends behind the file's");
    gguf_bad_tensor(1, 4, 0, UINT64_MAX - 31, "tensor 'w' ends behind the file's");
    gguf_begin(&g, 1, 0);
    gguf_text(&g, "w");
    gguf_put(&g, 17, 4);
    gguf_data(&g, 32, 64);
    gguf_refused(&g, "tensor 'w' has more than 16 dimensions");
}

/* ---- bounds ------------------------------------------------------------------------------ */

/* The file as it is, and without its last byte. */
static void gguf_just_ends(Gguf *g)
{
    if (!gguf_read(g, g->file.len)) fail_msg("%s", g->d.text.s);
    assert_false(gguf_read(g, g->file.len - 1));
    expect_says(&g->d, "cut off");
    gguf_end(g);
}

static void gguf_key(Gguf *g, const char *key, uint32_t type)
{
    gguf_begin(g, 0, 1);
    gguf_text(g, key);
    gguf_put(g, type, 4);
}

static void gguf_array(Gguf *g, uint32_t of, uint64_t n, int bytes)
{
    gguf_key(g, "k", 9);
    gguf_put(g, of, 4);
    gguf_put(g, n, 8);
    for (int i = 0; i < bytes; i++) gguf_put(g, 0, 1);
}

static void values_end_with_the_file(void **state)
{
    static const int bytes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    Gguf g;
    (void)state;
    for (uint32_t type = 0; type < COUNT(bytes); type++) {
        if (!bytes[type]) continue;
        gguf_key(&g, "k", type);
        gguf_put(&g, 0, bytes[type]);
        gguf_just_ends(&g);
        gguf_array(&g, type, 3, 3 * bytes[type]);
        gguf_just_ends(&g);
        gguf_array(&g, type, 4, 3 * bytes[type]);
        gguf_refused(&g, "cut off");
        /* as many as fit the whole file, and more than what is left of it */
        gguf_array(&g, type, 40 / (uint64_t)bytes[type], 0);
        gguf_refused(&g, "cut off");
    }
    gguf_key(&g, "k", 8);
    gguf_text(&g, "text");
    gguf_just_ends(&g);
    gguf_array(&g, 8, 1, 0);
    gguf_text(&g, "text");
    gguf_just_ends(&g);
    gguf_array(&g, 13, 0, 0);
    assert_true(gguf_read(&g, g.file.len));
    gguf_end(&g);
    gguf_array(&g, 13, 1, 8);
    gguf_refused(&g, "is of the unknown type 13");
}

static void names_end_at_their_bound(void **state)
{
    Gguf g;
    (void)state;
    for (size_t n = GGUF_NAMED - 1; n <= GGUF_NAMED + 1; n++) {
        gguf_begin(&g, 0, 1);
        gguf_put(&g, n, 8);
        for (size_t i = 0; i < n; i++) buf_putc(&g.file, 'k');
        gguf_put(&g, 7, 4);
        gguf_put(&g, 1, 1);
        if (n <= GGUF_NAMED) gguf_just_ends(&g);
        else gguf_refused(&g, "the name at byte 24 has 65537 bytes");
    }
}

static void alignments_end_at_their_bounds(void **state)
{
    static const uint64_t right[] = { 8, 16, 24, 1 << 20 },
                          wrong[] = { 0, 1, 4, 7, 9, 12, (1 << 20) + 8, 1 << 21 };
    Gguf g;
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        gguf_key(&g, "general.alignment", 4);
        gguf_put(&g, right[i], 4);
        gguf_just_ends(&g);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        gguf_key(&g, "general.alignment", 4);
        gguf_put(&g, wrong[i], 4);
        gguf_refused(&g, "an alignment of");
    }
    gguf_key(&g, "general.alignment", 5); /* of another type it says nothing */
    gguf_put(&g, 12, 4);
    gguf_just_ends(&g);
}

/* Arrays within arrays: so many, and one more. */
static void nesting_ends_at_its_bound(void **state)
{
    Gguf g;
    int deepest = 0;
    (void)state;
    for (int depth = 1; depth < 40; depth++) {
        gguf_key(&g, "k", 9);
        for (int i = 1; i < depth; i++) {
            gguf_put(&g, 9, 4);
            gguf_put(&g, 1, 8);
        }
        gguf_put(&g, 0, 4);
        gguf_put(&g, 1, 8);
        gguf_put(&g, 7, 1);
        if (gguf_read(&g, g.file.len) && deepest == depth - 1) deepest = depth;
        gguf_end(&g);
    }
    assert_int_equal(deepest, GGUF_NESTED);
}

/* A tensor of rank n; its dimensions are 1 but for the first in the file. */
static bool gguf_of_rank(Gguf *g, uint64_t rank, uint64_t row, size_t bytes)
{
    gguf_begin(g, 1, 0);
    gguf_text(g, "w");
    gguf_put(g, rank, 4);
    for (uint64_t i = 0; i < rank; i++) gguf_put(g, i ? 1 : row, 8);
    gguf_put(g, 0, 4);
    gguf_put(g, 0, 8);
    gguf_data(g, 32, bytes);
    const bool read = gguf_read(g, g->file.len);
    gguf_end(g);
    return read;
}

static void tensors_end_with_the_file(void **state)
{
    Gguf g;
    (void)state;
    for (uint64_t rank = 0; rank <= 18; rank++)
        assert_int_equal(gguf_of_rank(&g, rank, 1, 4), rank <= 16);
    for (uint64_t row = 0; row <= 9; row++)
        for (size_t bytes = 0; bytes <= 36; bytes++)
            assert_int_equal(gguf_of_rank(&g, 2, row, bytes), 4 * row <= bytes);
    assert_false(gguf_of_rank(&g, 1, (uint64_t)INT64_MAX + 1, 4));
}

/* ---- blocks ------------------------------------------------------------------------------ */

enum { BLOCK_DRAWN = 8, BLOCK_MOST = 256 };

/* A sum over eight drawn blocks of each type; tests/gguf.py reads them on its own, and these are
 * the sums of its numbers. */
static const struct {
    uint32_t type;
    void (*read)(const unsigned char *, float *);
    int size, scale, least, count; /* least -1: there is none */
    uint64_t sum;
} gguf_block[] = {
    // clang-format off
    { 2, gguf_q4_0, 18, 0, -1, 32, 0x7c1240696f0cff25 },
    { 3, gguf_q4_1, 20, 0, 2, 32, 0x13190f8f5f8075a5 },
    { 6, gguf_q5_0, 22, 0, -1, 32, 0x30e1013e74a86b25 },
    { 7, gguf_q5_1, 24, 0, 2, 32, 0xa341eb122d36ad25 },
    { 8, gguf_q8_0, 34, 0, -1, 32, 0x4f705db26b2ccfa5 },
    { 10, gguf_q2_k, 84, 80, 82, 256, 0x781f12bba799a8d5 },
    { 11, gguf_q3_k, 110, 108, -1, 256, 0x1c724d8e6c884825 },
    { 12, gguf_q4_k, 144, 0, 2, 256, 0x158887f26384588b },
    { 13, gguf_q5_k, 176, 0, 2, 256, 0x7bebccfa8a240e1c },
    { 14, gguf_q6_k, 210, 208, -1, 256, 0xd9459275f83842a1 },
    // clang-format on
};

static void gguf_half(unsigned char *to, unsigned bits)
{
    to[0] = (unsigned char)bits;
    to[1] = (unsigned char)(bits >> 8);
}

/* FNV-1a over the bits of each number; a zero has no sign. */
static uint64_t gguf_sum(uint64_t sum, const float *x, int n)
{
    for (int i = 0; i < n; i++) {
        const float plain = x[i] + 0.0f;
        uint32_t bits;
        memcpy(&bits, &plain, sizeof bits);
        sum = (sum ^ bits) * 0x100000001b3;
    }
    return sum;
}

static void test_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(gguf_block); i++) {
        unsigned char block[BLOCK_MOST];
        float x[BLOCK_MOST];
        uint32_t draw = gguf_block[i].type;
        uint64_t sum = 0xcbf29ce484222325;
        for (int k = 0; k < BLOCK_DRAWN; k++) {
            for (int at = 0; at < gguf_block[i].size; at++) {
                draw = draw * 1664525 + 1013904223;
                block[at] = (unsigned char)(draw >> 24);
            }
            gguf_half(block + gguf_block[i].scale, 0x2e66);
            if (gguf_block[i].least > 0) gguf_half(block + gguf_block[i].least, 0xa123);
            gguf_block[i].read(block, x);
            sum = gguf_sum(sum, x, gguf_block[i].count);
        }
        if (sum != gguf_block[i].sum) fail_msg("type %u", (unsigned)gguf_block[i].type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(values_end_with_the_file),
        cmocka_unit_test(names_end_at_their_bound),
        cmocka_unit_test(alignments_end_at_their_bounds),
        cmocka_unit_test(nesting_ends_at_its_bound),
        cmocka_unit_test(tensors_end_with_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
