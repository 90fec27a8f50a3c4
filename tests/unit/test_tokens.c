/* test_tokens.c -- sources and programs with one token of them left out, written twice, or
 * another: a number by one more, a sign by a similar one, a name by one that means something
 * else. What each becomes (its text, and what it is in a package), or its first error, is held
 * against tokens.txt, a sum for each line; of golden cases one for each, with all that is said
 * (tokens_anedsl.txt, tokens_mil.txt); `make golden` writes that anew. */
#include "near.h"
#include "rewritten.h"
#include "unit.h"

#include "../../frontend/frontend.h"
#include "../../ir/mil/described.h"
#include "../../ir/mil/mil.h"
#include "../../ir/mil/spec.h"

#include <ctype.h>

static const char *const sources[] = {
    "tests/unit/tokens.anedsl",
    "tests/golden/lang/values.anedsl",
    "tests/golden/lang/builtins.anedsl",
    "tests/golden/lang/blocks.anedsl",
    "examples/tiny_train.anedsl",
    "tests/golden/insight/json-loop.mil",
    "tests/golden/interface/classify-open.mil",
    "tests/golden/mil/everything-accepted.mil",
    "tests/golden/mil/utf8-lengths.mil",
    "tests/golden/run/enumerated.mil",
    "tests/golden/run/flexible.mil",
    "tests/golden/states/as-io-read-inside.mil",
    "tests/golden/verify/blocks.mil",
};

static uint64_t sum_of(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)s[i]) * UINT64_C(1099511628211);
    return h;
}

static const char *const cases[] = {
#define SOURCE(path) path,
#include "token_sources.def"
};

typedef struct {
    const char *text;
    bool program; /* in MIL */
    bool whole;   /* all that is said counts, and not the first error alone */
    uint64_t sum;
    int compiled, refused;
} Line;

static void put_flexible(Buf *out, const Func *f)
{
    Arena a = { 0 };
    Diag cannot = { .quiet = true };
    Flex flex;
    if (flex_read(f, &cannot, &a, &flex)) {
        buf_printf(out, "%d", flex.nconfig);
        for (int i = 0; i < f->body->nparam; i++)
            buf_printf(out, " %d %d", flex.input[i].has_range, flex.input[i].has_default);
    } else buf_puts(out, cannot.text.s);
    diag_free(&cannot);
    arena_free(&a);
}

/* What the passes make of it for a chip, and its gradients. */
static void put_further(const Module *m, Buf *out)
{
    Diag cannot = { .quiet = true };
    Module *legal = module_clone(m), *back = module_clone(m);
    near_rewrite(out, legal, &(PassOptions){ .target = generation_at(0) });
    if (autodiff_module(back, &(GradOptions){ .only = true }, &cannot))
        mil_print(back, out);
    module_free(legal);
    module_free(back);
    diag_free(&cannot);
}

/* A package, and what is read of it again, which owns its bytes. */
static void put_package(const Module *m, Buf *out)
{
    Diag cannot = { .quiet = true };
    const size_t before = out->len;
    Module *back = NULL;
    if (mlmodel_write(m, &cannot, NULL, out)) {
        const size_t n = out->len - before;
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, out->s + before, n);
        const Mapped file = { .data = (const unsigned char *)copy, .size = n };
        back = mlmodel_parse(&cannot, "none/x.mlmodel", &file, NULL);
    }
    if (back) mil_print(back, out);
    for (const Func *f = back ? back->first : NULL; f; f = f->next) put_flexible(out, f);
    if (cannot.text.s) buf_puts(out, cannot.text.s);
    module_free(back);
    diag_free(&cannot);
}

static bool put_program(Diag *d, const Source *src, Buf *out)
{
    Diag cannot = { .quiet = true };
    Module *m = mil_read(d, src, NULL);
    const bool ok = m && module_verify(m, d, NULL);
    if (ok) {
        Buf copy = { 0 };
        Module *clone = module_clone(m);
        mil_print(m, out);
        mil_print(clone, &copy);
        assert_string_equal(copy.s, out->s);
        buf_free(&copy);
        module_free(clone);
        put_package(m, out);
        coremldata_write(m, &cannot, out);
        for (const Func *f = m->first; f; f = f->next) put_flexible(out, f);
        put_further(m, out);
    }
    module_free(m);
    diag_free(&cannot);
    return ok;
}

static bool put_source(Diag *d, const Source *src, Buf *out)
{
    Module *m = dsl_compile(d, src, &(DslOptions){ .opset = OPSET_IOS18 });
    if (m) mil_print(m, out);
    if (m) put_further(m, out);
    module_free(m);
    return m != NULL;
}

/* Adds what becomes of the source with n characters at `at` as `with`. */
static void try_change(Line *l, const char *at, size_t n, const char *with)
{
    Diag d = { .quiet = true, .max_errors = l->whole ? 3 : 1 };
    Buf b = { 0 }, out = { 0 };
    buf_add(&b, l->text, (size_t)(at - l->text));
    buf_puts(&b, with);
    buf_puts(&b, at + n);
    const Source src = { .name = "x", .text = b.s, .len = b.len };
    const bool ok = l->program ? put_program(&d, &src, &out) : put_source(&d, &src, &out);
    const char *said = d.text.s ? strstr(d.text.s, "error: ") : NULL;
    if (ok) l->sum = sum_of(l->sum, out.s, out.len);
    else if (said && !l->whole) l->sum = sum_of(l->sum, said, strcspn(said, "\n"));
    if (l->whole && d.text.s) l->sum = sum_of(l->sum, d.text.s, d.text.len);
    l->compiled += ok;
    l->refused += !ok;
    buf_free(&b);
    buf_free(&out);
    diag_free(&d);
}

static size_t token_length(const char *s)
{
    static const char *const two[] = { "==", "!=", "<=", ">=", "**", "//", "->", ".." };
    size_t n = 0;
    if (isalnum((unsigned char)*s) || *s == '_') {
        while (isalnum((unsigned char)s[n]) || s[n] == '_'
               || (s[n] == '.' && s[n + 1] != '.' && isdigit((unsigned char)*s)))
            n++;
        return n;
    }
    if (*s == '"') return strcspn(s + 1, "\"\n") + 2;
    for (size_t i = 0; i < COUNT(two); i++)
        if (!strncmp(s, two[i], 2)) return 2;
    return 1;
}

static void try_others(Line *l, const char *at, size_t n)
{
    static const struct {
        const char *was, *is;
    } swaps[] = { { "+", "-" },        { "-", "+" },    { "*", "//" },
                  { "//", "%" },       { "%", "*" },    { "/", "*" },
                  { "**", "*" },       { "==", "!=" },  { "!=", "==" },
                  { "<", "<=" },       { "<=", "<" },   { ">", ">=" },
                  { ">=", ">" },       { "and", "or" }, { "or", "and" },
                  { "true", "false" }, { "@", "*" },    { "false", "1" },
                  { "fp16", "int32" }, { "..", "," },   { "int", "float" },
                  { "min", "max" } };
    char word[64];
    if (n >= sizeof word) return;
    memcpy(word, at, n);
    word[n] = 0;
    if (isdigit((unsigned char)*at)) {
        Arena a = { 0 };
        try_change(l, at, n,
                   arena_printf(&a, strchr(word, '.') ? "%.1f" : "%.0f",
                                strtod(word, NULL) + 1));
        try_change(l, at, n, "0");
        try_change(l, at, n, "true");
        arena_free(&a);
    } else if (isalpha((unsigned char)*at)) {
        try_change(l, at, n, "x");
        try_change(l, at, n, "1.5");
        try_change(l, at, n, "[1, 2]");
    } else if (*at == '"') try_change(l, at, n, "2");
    for (size_t i = 0; i < COUNT(swaps); i++)
        if (!strcmp(word, swaps[i].was)) try_change(l, at, n, swaps[i].is);
}

/* Fewer changes than of a line, of all tokens of a case. */
static void one_case(Buf *out, const char *path, const char *text)
{
    Line l = { .text = text, .whole = true, .sum = UINT64_C(14695981039346656037) };
    l.program = file_has_suffix(path, ".mil");
    try_change(&l, text, 0, "");
    for (const char *at = text; *at;) {
        size_t n = *at == '#' || (at[0] == '/' && at[1] == '/' && l.program)
                     ? strcspn(at, "\n")
                     : 1;
        if (n == 1 && !isspace((unsigned char)*at)) {
            n = token_length(at);
            try_change(&l, at, n, "");
            try_others(&l, at, n);
        }
        at += n;
    }
    buf_printf(out, "%s: %d compile, %d do not, %016llx\n", path, l.compiled, l.refused,
               (unsigned long long)l.sum);
}

static void changed_cases(const char *list, const char *suffix)
{
    Rewritten r = { .path = list };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Diag d = { .quiet = true };
        Mapped file = { 0 };
        if (!file_has_suffix(cases[i], suffix)) continue;
        if (!file_read(&d, cases[i], &file)) fail_msg("%s", d.text.s);
        one_case(&r.text, cases[i], (const char *)file.data);
        file_unmap(&file);
    }
    rewritten_end(&r);
}

static void changed_cases_of_the_language(void **state)
{
    (void)state;
    changed_cases("tests/unit/tokens_anedsl.txt", ".anedsl");
}

static void changed_cases_of_mil(void **state)
{
    (void)state;
    changed_cases("tests/unit/tokens_mil.txt", ".mil");
}

static const char *one_line(Buf *out, const char *text, bool program, const char *at,
                            int number)
{
    Line l = { .text = text, .program = program, .sum = UINT64_C(14695981039346656037) };
    for (size_t n; *at && *at != '\n'; at += n) {
        n = *at == '#' || (at[0] == '/' && at[1] == '/' && program) ? strcspn(at, "\n")
                                                                    : 1;
        if (n > 1 || isspace((unsigned char)*at) || *at == '#') continue;
        n = token_length(at);
        Arena a = { 0 };
        const char *twice = arena_printf(&a, "%.*s %.*s", (int)n, at, (int)n, at);
        try_change(&l, at, n, "");
        try_change(&l, at, n, twice);
        try_others(&l, at, n);
        arena_free(&a);
    }
    if (l.compiled + l.refused)
        buf_printf(out, "  %d: %d compile, %d do not, %016llx\n", number, l.compiled,
                   l.refused, (unsigned long long)l.sum);
    return *at ? at + 1 : at;
}

static void changed_sources_become_what_they_became(void **state)
{
    Rewritten r = { .path = "tests/unit/tokens.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(sources); i++) {
        Diag d = { .quiet = true };
        Mapped file = { 0 };
        if (!file_read(&d, sources[i], &file)) fail_msg("%s", d.text.s);
        buf_printf(&r.text, "%s\n", sources[i]);
        const char *text = (const char *)file.data, *at = text;
        for (int n = 1; *at; n++)
            at = one_line(&r.text, text, file_has_suffix(sources[i], ".mil"), at, n);
        file_unmap(&file);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_sources_become_what_they_became),
        cmocka_unit_test(changed_cases_of_the_language),
        cmocka_unit_test(changed_cases_of_mil),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
