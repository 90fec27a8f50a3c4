/* test_utf8.c -- what is UTF-8: every reader of text judges as a decoder written here does, and
 * strings of a tensor are written as characters that numpy takes. */
#include "unit.h"

#include "../../frontend/frontend.h"
#include "../../ir/mil/mil.h"
#include "../../ir/mil/spec.h"
#include "../../lib/tensor_io.h"

/* By the definition: the number of a character, in the fewest bytes, of no surrogate. */
static bool is_utf8(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        const unsigned c = s[i];
        const size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        if (c >= 0xf8 || (c >= 0x80 && !more) || more >= n - i) return false;
        uint32_t v = more ? c & (0x3fu >> more) : c;
        for (size_t k = 1; k <= more; k++) {
            if (s[i + k] >> 6 != 2) return false;
            v = v << 6 | (s[i + k] & 0x3f);
        }
        if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) return false;
        i += more + 1;
    }
    return true;
}

/* ---- the readers ------------------------------------------------------------------------- */

static bool message_takes(const char *s, size_t n)
{
    Arena a = { 0 };
    Buf b = { 0 };
    PbField f;
    pb_put_bytes(&b, 1, s, n);
    PbFile file = { .data = (const unsigned char *)b.s, .size = b.len };
    PbIn in = pb_open(&file);
    assert_true(pb_next(&in, &f));
    const char *got = pb_string(&in, &f, &a);
    const bool taken = !file.wrong;
    assert_int_equal(strlen(got), taken ? n : 0);
    if (taken) assert_memory_equal(got, s, n);
    buf_free(&b);
    arena_free(&a);
    return taken;
}

static bool text_taken(const Buf *b)
{
    Diag d = { 0 };
    const Source src = { .name = "x.mil", .text = b->s, .len = b->len };
    Module *m = mil_read(&d, &src, NULL);
    const bool taken = m != NULL;
    if (!taken && !strstr(d.text.s, "the text is not UTF-8 here"))
        fail_msg("%s", d.text.s);
    module_free(m);
    diag_free(&d);
    return taken;
}

#define PROGRAM "program(1.0)\n{\nfunc main<ios15>(fp32 x) {\n} -> (x);\n}\n"

/* In a comment, `before` bytes from its begin; at the text's end if it is the last. */
static bool mil_takes(const char *s, size_t n, size_t before, bool last)
{
    Buf b = { 0 };
    if (last) buf_puts(&b, PROGRAM);
    buf_puts(&b, "//");
    for (size_t i = 0; i < before; i++) buf_putc(&b, '-');
    buf_add(&b, s, n);
    if (!last) buf_puts(&b, "\n" PROGRAM);
    const bool taken = text_taken(&b);
    buf_free(&b);
    return taken;
}

static bool language_takes(const char *s, size_t n)
{
    Diag d = { 0 };
    Buf b = { 0 };
    buf_puts(&b, "model main(x: fp32[1]) -> y {\n    y = x\n}\n# ");
    buf_add(&b, s, n);
    const Source src = { .name = "x.anedsl", .text = b.s, .len = b.len };
    Module *m = dsl_compile(&d, &src, &(DslOptions){ .opset = OPSET_IOS18 });
    const bool taken = m != NULL;
    if (!taken && !strstr(d.text.s, "this is not UTF-8 text")) fail_msg("%s", d.text.s);
    module_free(m);
    diag_free(&d);
    buf_free(&b);
    return taken;
}

/* Each first byte with others around every bound of the definition, one to four of them. */
static void readers_judge_alike(void **state)
{
    static const unsigned char
        next[] = { 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0 },
        rest[] = { 'a', 0x80, 0xbf, 0xc2 };
    size_t turn = 0;
    (void)state;
    for (unsigned first = 0x7e; first <= 0xff; first++)
        for (size_t i = 0; i < COUNT(next) * 16; i++)
            for (size_t n = 1; n <= 4; n++) {
                const unsigned char s[] = { (unsigned char)first, next[i / 16],
                                            rest[i / 4 % 4], rest[i % 4] };
                if ((n < 3 && i / 4 % 4) || (n < 4 && i % 4) || (n < 2 && i)) continue;
                const bool want = is_utf8(s, n);
                const char *text = (const char *)s;
                if (message_takes(text, n) != want || language_takes(text, n) != want
                    || mil_takes(text, n, turn % 9, false) != want
                    || mil_takes(text, n, turn % 9, true) != want)
                    fail_msg("%zu bytes of %02x %02x %02x %02x", n, s[0], s[1], s[2],
                             s[3]);
                turn++;
            }
    assert_true(message_takes("", 0));
    assert_false(message_takes("a\0b", 3)); /* a text ends where it says */
}

/* A large text is looked at in pieces of a megabyte: a character may lie across two of them. */
static void characters_lie_across_pieces(void **state)
{
    static const char *const good[] = { "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" },
                             *const bad[] = { "\xc3", "\xe2\x82", "\xf0\x9f\x98",
                                              "\x80\x80\x80\x80" };
    const size_t piece = 1 << 20, comment = 2;
    (void)state;
    for (size_t back = 0; back <= 5; back++) {
        const size_t before = piece - comment - back;
        for (size_t i = 0; i < COUNT(good); i++)
            assert_true(mil_takes(good[i], strlen(good[i]), before, false));
        for (size_t i = 0; i < COUNT(bad); i++)
            assert_false(mil_takes(bad[i], strlen(bad[i]), before, false));
    }
}

/* ---- strings of a tensor ----------------------------------------------------------------- */

/* Characters as they are; each byte that is none as U+FFFD, so that numpy reads the array. */
static void strings_are_written_as_characters(void **state)
{
    static const char *const text[] = {
        "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
        "\xff"
        "b",
        "\xf7\xbf\xbf\xbf",
        NULL,
        "\xc3",
    };
    enum { COUNT_TEXT = COUNT(text), WIDTH = 4, HEAD = 128 };
    static const uint32_t want[COUNT_TEXT][WIDTH] = {
        { 'a', 0xe9, 0x20ac, 0x1f600 },
        { 0xfffd, 'b' },
        { 0xfffd, 0xfffd, 0xfffd, 0xfffd },
        { 0 },
        { 0xfffd },
    };
    Arena a = { 0 };
    Diag d = { 0 };
    Mapped m;
    char *folder = make_folder(&a);
    const char *path = arena_printf(&a, "%s/s.npy", folder);
    const Tensor t = { .dtype = DT_STRING,
                       .shape = SHAPE(COUNT_TEXT),
                       .count = COUNT_TEXT,
                       .data = (void *)(uintptr_t)text };
    (void)state;
    assert_true(tensor_save(&t, &d, path));
    assert_true(file_read(&d, path, &m));
    assert_int_equal(m.size, HEAD + sizeof want);
    assert_non_null(memmem(m.data, HEAD, "'<U4'", 5));
    assert_memory_equal(m.data + HEAD, want, sizeof want);
    file_unmap(&m);
    remove_folder(folder);
    diag_free(&d);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_judge_alike),
        cmocka_unit_test(characters_lie_across_pieces),
        cmocka_unit_test(strings_are_written_as_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
