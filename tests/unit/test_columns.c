/* test_columns.c -- lists that are computed by columns have the values, and the errors, that
 * walking the tree gives.
 *
 * Each expression of the table is evaluated for every pair of values: as a statement of its own,
 * which is walked; and by columns, for the pairs of each two kinds, and for all of them in one
 * list. Values are compared as `bound` describes them, which tells ints from floats, zeros by
 * their sign, and floats by all their digits. A loop's name that is bound shows that a list was
 * walked. */
#include "places.h"
#include "unit.h"

#include "../../frontend/frontend.h"

static const char before[] = "row = [1, 2.5, 3, -4]\n"
                             "words = [\"x\", \"\", \"yy\"]\n"
                             "nested = [[1, 2], [3.5, 4], [5, 6]]\n"
                             "f_sum = sum\n"
                             "f_cos = cos\n"
                             "fn square(n) = n * n\n"
                             "fn over(n, by = 2, more = by + 1) {\n"
                             "    part = n / by\n"
                             "    part = part + more\n"
                             "    return part * part\n"
                             "}\n"
                             "fn typed(n: float, m: int = 3) = n / m\n"
                             "fn truth(n: bool) = not n\n"
                             "fn unused(n, m) = n\n"
                             "fn local(n, m) { lost = 1 / n\n return n }\n"
                             "fn twice(n, m) = unused(m = square(n), n = m) + over(n)\n"
                             "fn pair(n, m) { return n, m }\n"
                             "fn named(sqrt) = sqrt + 1\n"
                             "model main(x: fp16[3, 4]) -> y {\n"
                             "y = x\n";

/* Twice as many pairs are fewer than the errors after which a compilation stops. */
static const char *const values[] = {
    "0",
    "1",
    "2",
    "3",
    "-7",
    "-60",
    "4503599627370497",
    "9007199254740993",
    "9223372036854775807",
    "(-9223372036854775807 - 1)",
    "0.0",
    "-0.0",
    "0.5",
    "-1.5",
    "1e300",
    "5e-324",
    "(1e300 * 1e300)",
    "(1e300 * 1e300 - 1e300 * 1e300)",
    "true",
    "false",
    "\"x\"",
    "[2, 0.5]",
};
enum { VALUES = COUNT(values), PAIRS = VALUES * VALUES };
/* how many of them, in turn, are of one kind and size */
static const int kinds[] = { 4, 2, 2, 2, 8, 2, 1, 1 };
enum { SCALARS = 20 }; /* what is done to a string, or a list, may be walked */

static const char *const expressions[] = {
    "a",
    "a + b",
    "a - b",
    "a * b",
    "a / b",
    "a // b",
    "a % b",
    "a ** b",
    "a == b",
    "a != b",
    "a < b",
    "a <= b",
    "a > b",
    "a >= b",
    "a and b",
    "a or b",
    "not a",
    "-a",
    "a == b and b != 0 and a // b == 1",
    "a != a or a > b",
    "a if b else 0.5",
    "0 if a == 0 else b / a",
    "(a if a == b else 1) + 1",
    "(1 if a == b else 0.5) * 2.5",
    "max(a, 0.0) * 2",
    "min(a, 3) + 0.25",
    "int(a)",
    "float(a)",
    "min(a, b)",
    "max(a, b)",
    "min(a, b, 2, 0.5)",
    "max([a, b, 1])",
    "min(a)",
    "max([a])",
    "sum(a)",
    "sum(a, b)",
    "sum([a, b, 1])",
    "sum([a])",
    "prod(a)",
    "prod(a, b, 2)",
    "prod([b, a])",
    "len(a)",
    "len([a, b, a])",
    "abs(a)",
    "sqrt(a)",
    "rsqrt(a)",
    "exp(a)",
    "exp2(a)",
    "log(a)",
    "sin(a)",
    "cos(a)",
    "tan(a)",
    "tanh(a)",
    "erf(a)",
    "sign(a)",
    "floor(a)",
    "ceil(a)",
    "round(a)",
    "pow(a, b)",
    "mil.pow(b, a)",
    "mil.abs(a)",
    "f_sum(a, b)",
    "f_cos(a)",
    "row[a]",
    "row[a] + 1.5",
    "words[a]",
    "nested[a][b]",
    "row[1] * a",
    "a if a == 0 else row[4]",
    "nested[-1][a]",
    "sum(nested[a])",
    "prod(nested[a])",
    "max(nested[a])",
    "sum(row[a])",
    "sum([row, [a, b]][0])",
    "sum([[a, b], [b, a]][b])",
    "min([[a, b, a], [b, a, b]][b])",
    "max([[a, b, 2], [2, b, a]][1])",
    "prod([[a, b], [b]][1])",
    "2 ** a",
    "2.0 ** a",
    "2.0 ** -b",
    "[2, 2.0][1] ** (a * 16)",
    "[a, b]",
    "[a < b, 2 * b, [a]]",
    "[]",
    "min(nested[a]) == a",
    "[a, b][0]",
    "[a, [b, a]][1][0]",
    "x.shape[a]",
    "x.rank * a",
    "square(a)",
    "over(a)",
    "over(a, b)",
    "over(a, more = b)",
    "over(by = b, n = a)",
    "typed(a)",
    "typed(a, b)",
    "truth(a)",
    "unused(a, 1 / b)",
    "local(a, b)",
    "twice(a, b)",
    "pair(a, b)[1]",
    "named(a)",
    "a if a == \"x\" else b",
    "1 + 2 * 3",
};

/* What a program binds and says: the values of `v` and the errors, in turn, and where these
 * began to be of another pair. */
typedef struct {
    Arena arena;
    int pair;    /* counts `p`, which is bound before each */
    bool walked; /* a loop's name was bound */
    int count;
    char *value[4 * PAIRS];
    char *of_pair[PAIRS]; /* the value of a pair, or its error */
    char *error[PAIRS];
} Heard;

/* Begins what is of the next pair. An error that is the last one again is not said again,
 * so that there is another one between. */
#define BEGIN "p = other; p = 0; "

static void hear_name(void *ctx, Loc name, const char *what)
{
    Heard *h = ctx;
    const char *s = name.src->text + name.at;
    if (name.len != 1) return;
    if (*s == 'a') h->walked = true;
    if (*s == 'p') h->pair++;
    if (*s != 'v' || h->count == 4 * PAIRS) return;
    h->value[h->count] = arena_strdup(&h->arena, what);
    if (h->pair) h->of_pair[h->pair - 1] = h->value[h->count];
    h->count++;
}

static void hear_error(void *ctx, const DiagItem *item)
{
    Heard *h = ctx;
    if (item->kind != DIAG_ERROR || !strncmp(item->message, "other ", 6)) return;
    if (!h->error[h->pair - 1])
        h->error[h->pair - 1] = arena_strdup(&h->arena, item->message);
}

static Heard *run_behind(const char *functions, const Buf *statements)
{
    Heard *h = calloc(1, sizeof *h);
    Buf text = { 0 };
    buf_printf(&text, "%s%s%s}\n", functions, before, statements->s ? statements->s : "");
    const Source src = { .name = "columns.anedsl", .text = text.s, .len = text.len };
    Diag d = { .max_errors = 2 * PAIRS, .item = hear_error, .item_ctx = h };
    module_free(dsl_compile(
        &d, &src,
        &(DslOptions){ .opset = OPSET_IOS18, .bound = hear_name, .bound_ctx = h }));
    for (int i = 0; i < PAIRS; i++)
        if (h->error[i]) h->of_pair[i] = NULL;
    diag_free(&d);
    buf_free(&text);
    return h;
}

static Heard *run(const Buf *statements) { return run_behind("", statements); }

static void heard_free(Heard *h)
{
    arena_free(&h->arena);
    free(h);
}

/* What walking an expression gives, for each pair: a value, or else an error. */
typedef struct {
    const char *expression;
    Heard *heard;
    char *const *value; /* of a pair; NULL: an error */
} Walked;

static Walked walk(const char *expression)
{
    Walked w = { .expression = expression };
    Buf b = { 0 };
    for (int i = 0; i < PAIRS; i++)
        buf_printf(&b, BEGIN "a, b = [%s, %s]; v = %s\n", values[i / VALUES],
                   values[i % VALUES], expression);
    w.heard = run(&b);
    w.value = w.heard->of_pair;
    buf_free(&b);
    return w;
}

static int compare(const char *where, const Walked *w, int pair, const char *got,
                   const char *want)
{
    if (got && want && !strcmp(got, want)) return 0;
    print_error("%s of %s, a = %s, b = %s: %s by columns, walked %s\n", where,
                w->expression, values[pair / VALUES], values[pair % VALUES],
                got ? got : "nothing", want ? want : "nothing");
    return 1;
}

enum { TIMES = 3 }; /* a list is longer than a column */

static bool may_be_walked(const int *pair, int n)
{
    for (int i = 0; i < n; i++)
        if (pair[i] / VALUES >= SCALARS || pair[i] % VALUES >= SCALARS) return true;
    return false;
}

/* The pairs in one list, which has to be made by columns. */
static int hold_list(const Walked *w, const int *pair, int n)
{
    Buf b = { 0 };
    int wrong = 0;
    buf_printf(&b, "t = [%s for a, b in [", w->expression);
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s[%s, %s]", i ? ", " : "", values[pair[i] / VALUES],
                   values[pair[i] % VALUES]);
    buf_printf(&b, "] * %d]\nfor r in t { v = r }\n", TIMES);
    Heard *h = n ? run(&b) : NULL;
    if (h && h->walked && !may_be_walked(pair, n))
        wrong += compare("a walk", w, pair[0], NULL, NULL);
    for (int i = 0; h && i < n * TIMES; i++)
        wrong += compare("an element", w, pair[i % n], i < h->count ? h->value[i] : NULL,
                         w->value[pair[i % n]]);
    if (h) heard_free(h);
    buf_free(&b);
    return wrong;
}

/* The pairs by the expression as a condition. */
static int hold_filter(const Walked *w, const int *pair, int n)
{
    Buf b = { 0 };
    int wrong = 0, at = 0;
    for (int i = 0; i < n; i++)
        if (!strstr(w->value[pair[i]], "bool")) return 0;
    buf_puts(&b, "t = [i for i, a, b in [");
    for (int i = 0; i < n * TIMES; i++)
        buf_printf(&b, "%s[%d, %s, %s]", i ? ", " : "", i, values[pair[i % n] / VALUES],
                   values[pair[i % n] % VALUES]);
    buf_printf(&b, "] if %s]\nfor r in t { v = r }\n", w->expression);
    Heard *h = n ? run(&b) : NULL;
    if (h && h->walked && !may_be_walked(pair, n))
        wrong += compare("a walked filter", w, pair[0], NULL, NULL);
    for (int i = 0; h && i < n * TIMES; i++) {
        char want[40];
        if (!strstr(w->value[pair[i % n]], "true")) continue;
        snprintf(want, sizeof want, "the int %d", i);
        wrong += compare("a filter", w, pair[i % n], at < h->count ? h->value[at] : NULL,
                         want);
        at++;
    }
    if (h && at != h->count) wrong += compare("too many", w, pair[0], NULL, NULL);
    if (h) heard_free(h);
    buf_free(&b);
    return wrong;
}

/* Each pair with an error, behind one without, has that error in a list. */
static int hold_errors(const Walked *w, int good)
{
    Buf b = { 0 };
    int wrong = 0;
    for (int i = 0; i < PAIRS; i++)
        buf_printf(&b, BEGIN "t = [%s for a, b in [[%s, %s], [%s, %s]]]\n",
                   w->value[i] ? "0" : w->expression, values[good / VALUES],
                   values[good % VALUES], values[i / VALUES], values[i % VALUES]);
    Heard *h = run(&b);
    for (int i = 0; i < PAIRS; i++)
        if (!w->value[i])
            wrong += compare("an error", w, i, h->error[i], w->heard->error[i]);
    heard_free(h);
    buf_free(&b);
    return wrong;
}

/* The pairs with a value, of values from `row` and from `column` on. */
static int choose(const Walked *w, int row, int rows, int column, int columns, int *out)
{
    int n = 0;
    for (int i = row; i < row + rows; i++)
        for (int j = column; j < column + columns; j++)
            if (w->value[i * VALUES + j]) out[n++] = i * VALUES + j;
    return n;
}

static int hold_expression(const char *expression)
{
    const Walked w = walk(expression);
    int wrong = 0, row = 0;
    static int pair[PAIRS];
    for (size_t i = 0; i < COUNT(kinds); row += kinds[i++])
        for (size_t j = 0, column = 0; j < COUNT(kinds); column += (size_t)kinds[j++]) {
            const int n = choose(&w, row, kinds[i], (int)column, kinds[j], pair);
            wrong += hold_list(&w, pair, n) + hold_filter(&w, pair, n);
        }
    const int all = choose(&w, 0, SCALARS, 0, SCALARS, pair);
    wrong += hold_list(&w, pair, all) + hold_filter(&w, pair, all);
    if (choose(&w, 0, VALUES, 0, VALUES, pair)) wrong += hold_errors(&w, pair[0]);
    else wrong += compare("no value", &w, 0, NULL, NULL);
    heard_free(w.heard);
    return wrong;
}

static void columns_are_what_walking_gives(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT(expressions); i++)
        wrong += hold_expression(expressions[i]);
    assert_int_equal(wrong, 0);
}

/* Whatever is not translated is walked, however long it is. */
static void chains_of_any_length_are_computed(void **state)
{
    (void)state;
    enum { TERMS = 200000 };
    Buf b = { 0 };
    buf_puts(&b, "t = [i");
    for (int i = 0; i < TERMS; i++) buf_puts(&b, " + 1");
    buf_puts(&b, " for i in 0..3]\nv = t[2]\n");
    Heard *h = run(&b);
    assert_int_equal(h->count, 1);
    assert_string_equal(h->value[0], "the int 200002");
    heard_free(h);
    buf_free(&b);
}

/* What a list may have to be made by columns, at the bound and one beyond, where it is walked: steps
 * in turn, columns at a time, expressions in expressions, names of a loop, functions in functions,
 * and names of a function. The last value is the same either way. */
static const struct {
    long n;
    const char *functions, *list;
    long factor, more; /* the last value is factor * n + more */
} bounds[] = {
    { 63, "", "a{N= + 1} for a in 0..3", 1, 2 },
    { 31, "", "{N=a + (}a{N=)} for a in 0..3", 2, 2 },
    { 98, "", "abs({N=- }a) for a in 0..3", 0, 2 },
    { 99, "", "{N=int(}a{N=)} for a in 0..3", 0, 2 },
    { 8, "{N;fn g$(x) = g@(x + 1)}fn g{N}(x) = x\n", "g1(a) for a in 0..3", 1, 1 },
    { 15, "fn g(x) {\n{N;y$ = x + $}return x + y{N-1}\n}\n", "g(a) for a in 0..3", 1, 3 },
    { 63, "", "sum([{N:a}]) for a in 0..3", 2, 0 },
    { 32, "", "len([{N:a}]) + a for a in 0..3", 1, 2 },
};

static bool is_walked(size_t i, long n)
{
    char want[40];
    Buf functions = places_text(bounds[i].functions, n), b = { 0 },
        list = places_text(bounds[i].list, n);
    buf_printf(&b, "t = [%s]\nv = t[2]\n", list.s);
    Heard *h = run_behind(functions.s ? functions.s : "", &b);
    snprintf(want, sizeof want, "the int %ld", bounds[i].factor * n + bounds[i].more);
    if (h->count != 1 || strcmp(h->value[0], want) != 0)
        fail_msg("%ld of %s: %s, not %s", n, bounds[i].list,
                 h->count ? h->value[0] : "nothing", want);
    const bool walked = h->walked;
    heard_free(h);
    buf_free(&functions);
    buf_free(&list);
    buf_free(&b);
    return walked;
}

static void columns_end_at_their_bounds(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        long n = 1;
        while (n < 200 && !is_walked(i, n)) n++;
        if (n == bounds[i].n + 1) continue;
        print_error("%ld is walked, not %ld: %s\n", n, bounds[i].n + 1, bounds[i].list);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_any_length_are_computed),
        cmocka_unit_test(columns_end_at_their_bounds),
        cmocka_unit_test(columns_are_what_walking_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
