/* test_format.c -- programs laid out: what stands where, that nothing else changes, and that what is
 * laid out stays as it is. */
#include "../../frontend/ast.h"
#include "../../frontend/frontend.h"
#include "../../frontend/outline.h"
#include "../../frontend/grammar.h"
#include "unit.h"

#include <ftw.h>

static Source source_of(const char *text, size_t len)
{
    return (Source){ .name = "x.anedsl", .text = text, .len = len };
}

/* Laid out; len 0 and NULL where it is no program. */
static Buf laid_out(const char *text, size_t len)
{
    Buf out = { 0 };
    Diag d = { .quiet = true };
    const Source src = source_of(text, len);
    dsl_format(&d, &src, &out);
    diag_free(&d);
    return out;
}

/* ---- what stands where ------------------------------------------------------------------- */

static void expect_layout(const char *text, const char *want)
{
    Buf got = laid_out(text, strlen(text));
    assert_non_null(got.s);
    assert_string_equal(got.s, want);
    buf_free(&got);
}

static void blanks_stand_between_words(void **state)
{
    (void)state;
    expect_layout("fn  f ( x,y=1 )=x*-y", "fn f(x, y = 1) = x * -y\n");
    expect_layout("fn f(x)=-x**-0.5-1", "fn f(x) = -x ** -0.5 - 1\n");
    expect_layout("a=[1 ,2,\t3] ; b=a [ 0 ]", "a = [1, 2, 3]; b = a[0]\n");
    expect_layout("fn f(x)=x[ : , i : i+1 ]", "fn f(x) = x[:, i:i + 1]\n");
    expect_layout("fn f(x)=x[..., 1 : ]", "fn f(x) = x[..., 1:]\n");
    expect_layout("a=[i for i in 0 .. 9 if not(i==3)]",
                  "a = [i for i in 0..9 if not (i == 3)]\n");
    expect_layout("model main(x:fp16[1,4])->y:fp16[1,4]{y=x}",
                  "model main(x: fp16[1, 4]) -> y: fp16[1, 4] { y = x }\n");
    expect_layout("layer L{}", "layer L {}\n");
    expect_layout("layer L { fn(x)=x . shape }", "layer L { fn (x) = x.shape }\n");
    expect_layout("fn f(weights)=weights(1)", "fn f(weights) = weights(1)\n");
    expect_layout("weights from (\"a\")", "weights from (\"a\")\n");
    expect_layout("fn f(x) { x+=1;return(x) }", "fn f(x) { x += 1; return (x) }\n");
}

static void lines_go_in_by_braces_and_brackets(void **state)
{
    (void)state;
    expect_layout("fn f(x) {\nif true {\n  return x\n      } else {\nreturn 1 }\n}",
                  "fn f(x) {\n    if true {\n        return x\n    } else {\n"
                  "        return 1 }\n}\n");
    /* below what stands behind the bracket, as it was */
    expect_layout("fn  f(x,\n      y)=g(x,\n           y)",
                  "fn f(x,\n     y) = g(x,\n            y)\n");
    /* as far in as it was, at least four */
    expect_layout("fn f(x) {\n  y = x\n        + 1\n  z = y\n  + 1\n}",
                  "fn f(x) {\n    y = x\n          + 1\n    z = y\n        + 1\n}\n");
    expect_layout("a = [\n1,\n2\n]", "a = [\n    1,\n    2\n]\n");
    /* tabs are four columns, and none is left */
    expect_layout("fn f(x) {\n\treturn\tx\n}", "fn f(x) {\n    return x\n}\n");
}

static void comments_stay_with_what_they_tell_of(void **state)
{
    (void)state;
    expect_layout("a = 1 # one\nbcd = 2 # two\n\ne = 3    # three",
                  "a = 1    # one\nbcd = 2  # two\n\ne = 3  # three\n");
    expect_layout(
        "fn f(x) {\n# here\nreturn x # there  \n      # at the end\n}\n#after",
        "fn f(x) {\n    # here\n    return x  # there\n    # at the end\n}\n#after\n");
    expect_layout("a = [1,  # one\n  # alone\n     2]",
                  "a = [1,  # one\n  # alone\n     2]\n");
    /* a width is of characters, not of bytes */
    expect_layout("a = \"\xC3\xA4\" # one\nb = \"ae\" # two",
                  "a = \"\xC3\xA4\"   # one\nb = \"ae\"  # two\n");
    expect_layout("# alone", "# alone\n");
}

static void empty_lines_are_one(void **state)
{
    (void)state;
    expect_layout("\n\n\na = 1;\n\n\n\nfn f(x) {\n\n\n  return x\n\n}\n\n",
                  "a = 1\n\nfn f(x) {\n    return x\n}\n");
    assert_int_equal(laid_out("", 0).len, 0);
    assert_int_equal(laid_out(NULL, 0).len, 0);
    expect_layout("\xEF\xBB\xBF"
                  "a = 1",
                  "a = 1\n");
    expect_layout("a = 1\r\nb = 2\r\n", "a = 1\nb = 2\n");
}

static void what_is_no_program_is_not_laid_out(void **state)
{
    (void)state;
    static const char *const texts[] = { "fn f(x) = (", "a = $", "fn f(", "a = \"b",
                                         "a = \x01" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Diag d = { .quiet = true };
        Buf out = { 0 };
        const Source src = source_of(texts[i], strlen(texts[i]));
        assert_false(dsl_format(&d, &src, &out));
        assert_int_equal(out.len, 0);
        assert_true(d.errors > 0);
        diag_free(&d);
        buf_free(&out);
    }
}

/* ---- nothing else changes ---------------------------------------------------------------- */

static bool next_token(Lexer *lx, Token *t)
{
    Diag d = { .quiet = true };
    const bool good = lexer_next(lx, &d, t);
    diag_free(&d);
    return good;
}

/* The same tokens; a line end stands for `;` as well. */
static void expect_tokens(const Buf *a, const Buf *b, const char *path)
{
    Lexer x, y;
    Token s, t;
    Diag d = { .quiet = true };
    const Source of_a = source_of(a->s, a->len), of_b = source_of(b->s, b->len);
    assert_true(lexer_open(&x, &d, &of_a) && lexer_open(&y, &d, &of_b));
    do {
        assert_true(next_token(&x, &s) && next_token(&y, &t));
        bool same = s.kind == t.kind;
        if (same && s.kind != TK_SEP)
            same = s.loc.len == t.loc.len
                && !memcmp(a->s + s.loc.at, b->s + t.loc.at, s.loc.len);
        if (!same) fail_msg("%s: a token changed at %u", path, s.loc.at);
    } while (s.kind);
    diag_free(&d);
}

static int count_char(const Buf *b, char c)
{
    int n = 0;
    for (size_t i = 0; i < b->len; i++) n += b->s[i] == c;
    return n;
}

static int looked_at;

static int expect_file(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s, (void)at;
    const size_t len = strlen(path);
    Buf text = { 0 };
    Diag d = { .quiet = true };
    Mapped file;
    if (kind != FTW_F || len < 7 || strcmp(path + len - 7, ".anedsl") != 0) return 0;
    if (!file_read(&d, path, &file)) fail_msg("%s cannot be read", path);
    buf_add(&text, file.data, file.size);
    file_unmap(&file);
    Buf once = laid_out(text.s, text.len);
    if (once.len) {
        Buf twice = laid_out(once.s, once.len);
        expect_tokens(&text, &once, path);
        assert_int_equal(count_char(&text, '#'), count_char(&once, '#'));
        /* what we ship is laid out */
        if (strncmp(path, "tests/", 6) != 0 && strcmp(text.s, once.s) != 0)
            fail_msg("%s is not laid out: anec --format -o %s %s", path, path, path);
        if (once.len != twice.len || memcmp(once.s, twice.s, once.len) != 0)
            fail_msg("%s is laid out otherwise the second time", path);
        buf_free(&twice);
        looked_at++;
    }
    buf_free(&once);
    buf_free(&text);
    diag_free(&d);
    return 0;
}

static void programs_keep_their_tokens(void **state)
{
    (void)state;
    static const char *const folders[] = { "frontend", "examples", "tests/golden",
                                           "tests/fuzz/dsl" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        nftw(folders[i], expect_file, 16, FTW_PHYS);
    assert_true(looked_at > 200);
}

/* ---- the words of the language ------------------------------------------------------------ */

/* tokens.def says which words may be names, and so does the grammar. */
static void words_that_may_be_names_are(void **state)
{
    (void)state;
    for (int i = 0; outline_keyword(i); i++) {
        Arena a = { 0 };
        Lexer lx;
        Token t;
        Diag d = { .quiet = true };
        const char *word = outline_keyword(i);
        const Source alone = source_of(word, strlen(word));
        assert_true(lexer_open(&lx, &d, &alone) && lexer_next(&lx, &d, &t));
        const char *text = arena_printf(&a, "fn f(%s) = %s", word, word);
        Buf out = laid_out(text, strlen(text));
        if ((t.kind == TK_NAME || lexer_is_word(t.kind)) != (out.len > 0))
            fail_msg("%s: tokens.def and grammar.y differ", word);
        buf_free(&out);
        arena_free(&a);
        diag_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_stand_between_words),
        cmocka_unit_test(lines_go_in_by_braces_and_brackets),
        cmocka_unit_test(comments_stay_with_what_they_tell_of),
        cmocka_unit_test(empty_lines_are_one),
        cmocka_unit_test(what_is_no_program_is_not_laid_out),
        cmocka_unit_test(programs_keep_their_tokens),
        cmocka_unit_test(words_that_may_be_names_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
