/* test_op_data.c -- what ops compute of more data than a case has that is written by hand: each
 * row of op_data.def with each choice of its parameters. The sums of the results, or why there
 * are none, are held against op_data.txt; `make golden` writes that anew, and ANEC_DATA=conv
 * before the program's name prints each call of conv with its results. That the numbers are
 * right show the cases by hand and the published ones: here nothing of them changes without a
 * word. The data are quarters, so that results are exact, and equal on every machine. */
#include "calls.h"
#include "near.h"
#include "rewritten.h"
#include "unit.h"

typedef struct {
    const char *op;
    int opset;
    const char *args; /* as in calls.h, with choices as {1|2|3} */
} DataRow;

static const DataRow data_rows[] = {
#define DATA(op, opset, args) { #op, opset, args },
#include "op_data.def"
};

/* Choice k of those between braces at s; the end of them behind. */
static const char *choice(Arena *a, const char *s, int k, const char **end)
{
    *end = s + strcspn(s, "}");
    for (; k > 0; k--) s += strcspn(s, "|}") + 1;
    return s > *end ? NULL : arena_strndup(a, s, strcspn(s, "|}"));
}

/* What the calls of a row gave: of those with one first choice how many, and the sum. */
typedef struct {
    const DataRow *row;
    Arena arena;
    int computed, refused;
    uint64_t sum;
} DataSum;

static void one_call(DataSum *d, const char *args)
{
    Buf b = { 0 };
    call_answer(&d->arena, d->row->op, d->row->opset, args, &b);
    const char *got = b.s ? b.s : "nothing";
    if (getenv("ANEC_DATA") && !strcmp(getenv("ANEC_DATA"), d->row->op))
        printf("%s(%s)\n    %s\n", d->row->op, args, got);
    if (strncmp(got, "error: ", 7) != 0) d->computed++;
    else d->refused++;
    d->sum = near_sum(near_sum(d->sum, got), "\n");
    buf_free(&b);
}

/* Every text that the choices from `rest` on make; `made` is what stands before. */
static void each_choice(DataSum *d, const char *made, const char *rest, Buf *out)
{
    const size_t n = strcspn(rest, "{");
    made = arena_printf(&d->arena, "%s%.*s", made, (int)n, rest);
    if (!rest[n]) {
        one_call(d, made);
        return;
    }
    const char *end, *one;
    for (int k = 0; (one = choice(&d->arena, rest + n + 1, k, &end)); k++) {
        each_choice(d, arena_printf(&d->arena, "%s%s", made, one), end + 1, NULL);
        if (!out) continue;
        buf_printf(out, "  {%s}: %d computed, %d refused, %016llx\n", one, d->computed,
                   d->refused, (unsigned long long)d->sum);
        *d = (DataSum){ .row = d->row, .arena = d->arena, .sum = NEAR_START };
    }
}

static void what_ops_compute_stays(void **state)
{
    Rewritten r = { .path = "tests/unit/op_data.txt" };
    (void)state;
    for (size_t i = 0; i < COUNT(data_rows); i++) {
        const DataRow *row = &data_rows[i];
        DataSum d = { .row = row, .sum = NEAR_START };
        if (op_find(row->op) == OP_NONE) fail_msg("no op is called %s", row->op);
        buf_printf(&r.text, "%s<ios%d>(%s)\n", row->op, row->opset, row->args);
        each_choice(&d, "", row->args, &r.text);
        if (d.computed + d.refused)
            buf_printf(&r.text, "  %d computed, %d refused, %016llx\n", d.computed,
                       d.refused, (unsigned long long)d.sum);
        arena_free(&d.arena);
    }
    rewritten_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_ops_compute_stays) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
