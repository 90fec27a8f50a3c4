/* test_diag.c -- characters, and the look of diagnostics. */
#include "unit.h"

/* ---- characters -------------------------------------------------------------------------- */

static size_t encode(uint32_t c, char *s)
{
    const int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char head[] = { 0, 0xc0, 0xe0, 0xf0 };
    s[0] = (char)(head[more] | c >> 6 * more);
    for (int i = 1; i <= more; i++) s[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
    return (size_t)more + 1;
}

/* Every code point is read as itself or, half of a pair, not; those that are shown as numbers
 * are as many as the standard has of them. */
static void every_code_point_is_itself(void **state)
{
    (void)state;
    int odd = 0;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char s[5] = { 0 };
        int len;
        const size_t n = encode(c, s);
        const bool half = c >= 0xd800 && c <= 0xdfff;
        const uint32_t got = text_code_point(s, s + n, &len);
        if (got != (half ? TEXT_NOT_UTF8 : c) || (size_t)len != (half ? 1 : n))
            fail_msg("%x is read as %x of %d bytes", c, got, len);
        if (n > 1) assert_int_equal(text_code_point(s, s + n - 1, &len), TEXT_NOT_UTF8);
        odd += !half && text_is_odd(c);
    }
    assert_int_equal(odd, 32 + 33 + 2 + 5 + 4
                              + 2); /* C0, C1, lines, embeddings, isolates, marks */
    static const uint32_t edges[] = { 0x1f,   0x7f,   0x9f,   0x2028, 0x2029, 0x202a,
                                      0x202e, 0x2066, 0x2069, 0x200e, 0x200f },
                          beside[] = { 0x20,   0x7e,   0xa0,   0x2027, 0x202f,
                                       0x2065, 0x206a, 0x200d, 0x2010 };
    for (size_t i = 0; i < COUNT(edges); i++) assert_true(text_is_odd(edges[i]));
    for (size_t i = 0; i < COUNT(beside); i++) assert_false(text_is_odd(beside[i]));
}

/* ---- diagnostics ------------------------------------------------------------------------- */

static Source source(const char *text)
{
    return (Source){ .name = "a.mil", .text = text, .len = strlen(text) };
}

static Loc place(const Source *s, const char *what)
{
    const char *at = strstr(s->text, what);
    assert_non_null(at);
    return (
        Loc){ .src = s, .at = (uint32_t)(at - s->text), .len = (uint32_t)strlen(what) };
}

static void an_error_shows_line_and_caret(void **state)
{
    (void)state;
    Diag d = { 0 };
    const Source s = source("one\n  let x = matmul(a, b);\r\nthree");
    assert_false(diag_error(&d, place(&s, "matmul"), "inner sizes differ: %d, %d", 3, 4));
    diag_note(&d, place(&s, "three"), "declared here");
    expect_said(&d, "a.mil:2:11: error: inner sizes differ: 3, 4\n"
                    "  let x = matmul(a, b);\n"
                    "          ^~~~~~\n"
                    "a.mil:3:1: note: declared here\n"
                    "three\n"
                    "^~~~~\n");
    diag_error(&d, (Loc){ .src = &s, .at = (uint32_t)s.len }, "the text ends");
    expect_said(&d, "a.mil:3:6: error: the text ends\nthree\n     ^\n");
    diag_error(&d, (Loc){ .src = &s, .at = 2, .len = 1000 }, "over several lines");
    expect_said(&d, "a.mil:1:3: error: over several lines\none\n  ^\n");
    diag_error(&d, (Loc){ 0 }, "nowhere");
    expect_said(&d, "error: nowhere\n");
    const Source blob = { .name = "w.bin" };
    diag_error(&d, (Loc){ .src = &blob, .at = 7 }, "no text");
    expect_said(&d, "w.bin: error: no text\n");
    diag_error(&d, (Loc){ .src = &s, .at = UINT32_MAX, .len = UINT32_MAX },
               "past the end");
    expect_said(&d, "a.mil:3:6: error: past the end\n");
    const Source empty = source("");
    diag_error(&d, (Loc){ .src = &empty }, "empty");
    expect_said(&d, "a.mil:1:1: error: empty\n");
}

static void carets_stand_under_tabs_and_wide_letters(void **state)
{
    (void)state;
    Diag d = { 0 };
    const Source s = source("\tä漢 = \"é\" bad\x1b[0m \xff end");
    diag_error(&d, place(&s, "bad"), "here");
    expect_said(&d, "a.mil:1:11: error: here\n"
                    "\tä漢 = \"é\" bad?[0m ? end\n"
                    "\t          ^~~\n");
    diag_error(&d, place(&s, "漢"), "a wide one");
    expect_said(&d, "a.mil:1:3: error: a wide one\n"
                    "\tä漢 = \"é\" bad?[0m ? end\n"
                    "\t ^~\n");
}

/* What a message prints of others: names of files and of models, values of options. */
static void text_of_others_is_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        { "a b/c-d.mil", "a b/c-d.mil" },
        { "caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80", "café 漢 😀" },
        { "C:\\x \"q\"", "C:\\x \"q\"" },
        { "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m" },
        { "a\nerror: b", "a\\nerror: b" },
        { "\t\r\b\x7f", "\\t\\r\\x08\\x7f" },
        { "\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82" },
        { "\xc2\x85\xc2\x9b",
          "\\u0085\\u009b" }, /* C1 controls: a terminal's other escapes */
        { "\xe2\x80\xae gnp.exe", "\\u202e gnp.exe" },
        { "\xe2\x80\xa8", "\\u2028" },
        { "\xc0\x80\xe0\x80\x80\xed\xa0\x80\xf4\x90\x80\x80", /* no character is written so */
          "\\xc0\\x80\\xe0\\x80\\x80\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Arena a = { 0 };
        Diag d = { 0 };
        const Source s = { .name = cases[i].text };
        diag_error(&d, (Loc){ .src = &s }, "%s is not here\n  ever", cases[i].text);
        expect_said(&d, arena_printf(&a, "%s: error: %s is not here\n  ever\n",
                                     cases[i].shown, cases[i].shown));
        diag_fail(&d, "cannot open %s", cases[i].text);
        expect_said(&d, arena_printf(&a, "error: cannot open %s\n", cases[i].shown));
        arena_free(&a);
    }
}

/* buf_message prints as printf does. */
static void messages_know_every_conversion(void **state)
{
    (void)state;
    Buf b = { 0 };
    char want[400];
    const long long big = -5000000000;
#define BOTH(...) (snprintf(want, sizeof want, __VA_ARGS__), buf_message(&b, __VA_ARGS__))
    BOTH("%d|%5d|%-5d|%05d|%+d|%i|%u|%x|%X|%o|%%|%c", 7, 7, 7, 7, 7, -7, 7u, 255u, 255u,
         8u, 'c');
    assert_string_equal(b.s, want);
    buf_free(&b);
    BOTH("%lld|%llu|%llx|%ld|%lu|%zu|%016llx|%hhx|%hd", big, 5ull, 6ull, 7l, 8ul,
         (size_t)9, 10ull, 11, 12);
    assert_string_equal(b.s, want);
    buf_free(&b);
    BOTH("%g|%.17g|%f|%.3f|%e|%a|%*.*f|%-8g|", 0.1, 0.1, 0.5, 2.0 / 3, 1e9, 1.5, 9, 2,
         3.25, 0.5);
    assert_string_equal(b.s, want);
    buf_free(&b);
    BOTH("%s|%6s|%-6s|%.2s|%.*s|%*s|%-*s|%s", "abc", "abc", "abc", "abc", 1, "abc", 5,
         "abc", 5, "abc", "");
    assert_string_equal(b.s, want);
    buf_free(&b);
#undef BOTH
}

static void long_lines_are_windowed(void **state)
{
    (void)state;
    Diag d = { 0 };
    Arena a = { 0 };
    char *text = arena_alloc(&a, 2001);
    for (int i = 0; i < 2000; i++) text[i] = (char)('0' + i % 10);
    memcpy(text + 1000, "HERE", 4);
    const Source s = source(text);
    diag_error(&d, place(&s, "HERE"), "far in");
    char *want = arena_printf(&a, "a.mil:1:1001: error: far in\n...%.100s...\n%43s^~~~\n",
                              text + 960, "");
    expect_said(&d, want);
    diag_error(&d, (Loc){ .src = &s, .at = 1998, .len = 2 }, "near the end");
    expect_said(&d,
                arena_printf(&a, "a.mil:1:1999: error: near the end\n...%.42s\n%43s^~\n",
                             text + 1958, ""));
    char *long_text = arena_alloc(&a, 6001);
    memset(long_text, 'x', 6000);
    diag_error(&d, (Loc){ 0 }, "%s", long_text);
    assert_int_equal(d.text.len, strlen("error: ...\n") + 4000);
    diag_free(&d);
    arena_free(&a);
}

static void twenty_errors_and_a_count_of_the_rest(void **state)
{
    (void)state;
    Diag d = { 0 };
    for (int i = 0; i < 23; i++) {
        diag_error(&d, (Loc){ 0 }, "e%d", i);
        diag_note(&d, (Loc){ 0 }, "n%d", i);
    }
    for (int i = 0; i < 21; i++) diag_warn(&d, WARN_UNUSED, (Loc){ 0 }, "w%d", i);
    assert_int_equal(d.errors, 23);
    diag_end(&d);
    diag_end(&d);
    assert_non_null(strstr(d.text.s, "error: e19\nnote: n19\nwarning: w0 [-Wunused]\n"));
    assert_non_null(
        strstr(d.text.s, "warning: w19 [-Wunused]\n3 more errors, 1 more warning\n"));
    assert_null(strstr(d.text.s, "n20"));
    assert_int_equal(strlen(strstr(d.text.s, "3 more")),
                     strlen("3 more errors, 1 more warning\n"));
    assert_int_equal(diag_exit(&d), 1);
    diag_fail(&d, "no disk");
    assert_int_equal(diag_exit(&d), 3);
    diag_free(&d);
    d = (Diag){ .max_errors = 1 };
    diag_error(&d, (Loc){ 0 }, "a");
    diag_error(&d, (Loc){ 0 }, "b");
    diag_end(&d);
    expect_said(&d, "error: a\n1 more error\n");
    for (int quiet = 0; quiet < 2; quiet++) {
        d = (Diag){ .max_errors = 1, .quiet = quiet };
        for (int i = 0; i < 3; i++) diag_warn(&d, WARN_UNUSED, (Loc){ 0 }, "w");
        diag_end(&d);
        expect_said(&d, quiet ? "" : "warning: w [-Wunused]\n2 more warnings\n");
    }
    d = (Diag){ .max_errors = 1 };
    diag_fail(&d, "a");
    diag_fail(&d, "b");
    diag_error(&d, (Loc){ 0 }, "c");
    diag_error(&d, (Loc){ 0 }, "d");
    diag_end(&d);
    assert_int_equal(diag_exit(&d), 3);
    assert_false(diag_ok(&d));
    assert_non_null(strstr(d.text.s, "2 more errors\n"));
    diag_free(&d);
}

static void warnings_are_named_silenced_and_promoted(void **state)
{
    (void)state;
    Diag d = { 0 };
    assert_int_equal(warning_find("unused"), WARN_UNUSED);
    assert_int_equal(warning_find("nothing"), -1);
    diag_warn(&d, WARN_UNUSED, (Loc){ 0 }, "%s is unused", "x");
    assert_true(diag_ok(&d));
    assert_int_equal(d.warnings, 1);
    expect_said(&d, "warning: x is unused [-Wunused]\n");
    d.off = (uint64_t)1 << WARN_UNUSED;
    diag_warn(&d, WARN_UNUSED, (Loc){ 0 }, "x is unused");
    diag_note(&d, (Loc){ 0 }, "because");
    expect_said(&d, "");
    d.off = 0;
    d.promoted = (uint64_t)1 << WARN_UNUSED;
    diag_warn(&d, WARN_UNUSED, (Loc){ 0 }, "x is unused");
    assert_int_equal(diag_exit(&d), 1);
    expect_said(&d, "error: x is unused [-Werror=unused]\n");
    d.promoted = 0;
    d.quiet = true;
    diag_warn(&d, WARN_UNUSED, (Loc){ 0 }, "x is unused");
    diag_error(&d, (Loc){ 0 }, "wrong");
    diag_note(&d, (Loc){ 0 }, "because");
    expect_said(&d, "error: wrong\n");
}

static void places_join(void **state)
{
    (void)state;
    const Source s = source("a bb ccc");
    Loc a = place(&s, "a"), c = place(&s, "ccc"), all = loc_join(a, c);
    assert_int_equal(all.at, 0);
    assert_int_equal(all.len, 8);
    assert_true(all.src == &s);
    assert_int_equal(loc_join(c, a).len, 8);
    assert_int_equal(loc_join((Loc){ 0 }, c).at, 5);
    assert_int_equal(loc_join(a, (Loc){ 0 }).len, 1);
}

static void keep(void *ctx, DiagKind kind, const char *message)
{
    buf_printf(ctx, "%d %s", (int)kind, message);
}

static void messages_are_emitted_at_once(void **state)
{
    (void)state;
    Buf b = { 0 };
    Diag d = { .emit = keep, .ctx = &b, .max_errors = 1 };
    diag_error(&d, (Loc){ 0 }, "a");
    assert_string_equal(b.s, "2 error: a\n");
    diag_error(&d, (Loc){ 0 }, "b");
    diag_free(&d);
    assert_string_equal(b.s, "2 error: a\n0 1 more error\n");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_itself),
        cmocka_unit_test(an_error_shows_line_and_caret),
        cmocka_unit_test(carets_stand_under_tabs_and_wide_letters),
        cmocka_unit_test(text_of_others_is_escaped),
        cmocka_unit_test(messages_know_every_conversion),
        cmocka_unit_test(long_lines_are_windowed),
        cmocka_unit_test(twenty_errors_and_a_count_of_the_rest),
        cmocka_unit_test(warnings_are_named_silenced_and_promoted),
        cmocka_unit_test(places_join),
        cmocka_unit_test(messages_are_emitted_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
