/* test_legal_shapes.c -- the passes about shapes: each program breaks a rule of its chip, keeps
 * it behind the passes, and gives the same results there. Limits are made small, so that
 * programs are. */
#include "micro.h"
#include "ref_run.h"
#include "rewritten.h"
#include "unit.h"

#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"

#include <math.h>
#include <string.h>

enum { LIMITS = 4 };

typedef struct {
    struct {
        int limit;
        int64_t most;
    } at[LIMITS];
} Limits;

typedef struct {
    int rule; /* broken before; not after, unless `stays` */
    const char *chip;
    double tolerance; /* of a difference, relative to 1 + |original| */
    Limits with;      /* limits of the rule set that are not the chip's */
    const char *text; /* inputs | ops | results */
    bool stays;       /* what cannot be rewritten: the check goes on to say so */
} Case;

static const Case cases[] = {
#define ROW(rule, chip, tolerance, with, text) \
    { RULE_##rule, #chip, tolerance, with, text, false },
#define STAYS(rule, chip, tolerance, with, text) \
    { RULE_##rule, #chip, tolerance, with, text, true },
#define AT(limit, most) \
    { \
        LIMIT_##limit, most \
    }
#define WITH(...) \
    { \
        { \
            __VA_ARGS__ \
        } \
    }
#define PLAIN \
    { \
        { \
            { \
                0, 0 \
            } \
        } \
    }
#include "legal_shapes.def"
};

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct {
    Source src;
    Module *m;
    RefRun results;
    int broken[RULE_COUNT];
} Side;

static void note(void *ctx, const RuleBreak *b)
{
    int *broken = ctx;
    broken[b->rule - rules]++;
}

static void read_side(Side *s, Diag *d, const char *text)
{
    *s = (Side){ .src = { .name = "case.mil", .text = text, .len = strlen(text) } };
    s->m = mil_read(d, &s->src, "/nowhere");
    if (!s->m) fail_msg("%s\n%s", d->text.s ? d->text.s : "", text);
    s->m->missing = 2;
    if (!module_verify(s->m, d, NULL)) fail_msg("%s\n%s", d->text.s, text);
}

static void check_side(Side *s, Diag *d, const RuleSet *rs)
{
    assert_true(rules_check(s->m, rs, d, note, s->broken) >= 0);
}

static void print_side(const Side *s)
{
    Buf b = { 0 };
    mil_print(s->m, &b);
    fprintf(stderr, "%s", b.s);
    buf_free(&b);
}

/* ---- running ----------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Ones and zeros of integers, which may be indices. */
static void draw(void *ctx, Tensor *x, int input, const char *name)
{
    uint64_t *seed = ctx;
    (void)input, (void)name;
    for (size_t k = 0; k < x->count; k++) {
        const uint64_t r = next_random(seed);
        if (dtype_is_float(x->dtype))
            tensor_set_float(x, k, (double)(r % 2001) / 1000 - 1);
        else tensor_set_int(x, k, (int64_t)(r % 2));
    }
}

static double difference(const Tensor *a, const Tensor *b)
{
    double most = 0;
    if (!shape_equal(&a->shape, &b->shape) || a->dtype != b->dtype) return INFINITY;
    for (size_t i = 0; i < a->count; i++) {
        const double x = tensor_float(a, i), y = tensor_float(b, i),
                     by = fabs(x - y) / (1 + fabs(x));
        if (!dtype_is_float(a->dtype) && tensor_int(a, i) != tensor_int(b, i))
            return INFINITY;
        if (x == y || (isnan(x) && isnan(y))) continue;
        if (!(by <= most)) most = by;
    }
    return most;
}

/* Says what is wrong with a case and goes on with the next. */
static int wrong(const Case *k, const Side *is, const char *what)
{
    if (is->m) print_side(is);
    fprintf(stderr, "%s on %s, %s: %s\n", rules[k->rule].name, k->chip, what, k->text);
    return 1;
}

static int compare(const Case *k, Side *was, Side *is, Arena *a)
{
    const Block *x = module_main(was->m)->body, *y = module_main(is->m)->body;
    uint64_t seed = 7, again = 7;
    ref_run(&was->results, was->m, draw, &seed, k->text);
    ref_run(&is->results, is->m, draw, &again, k->text);
    assert_int_equal(was->results.n, is->results.n);
    for (int i = 0; i < was->results.n; i++) {
        const char *name = x->result[i]->name, *now = y->result[i]->name;
        const double by = difference(&was->results.value[i], &is->results.value[i]);
        if (strncmp(name, now, strlen(name)) == 0 && by <= k->tolerance) continue;
        return wrong(k, is,
                     arena_printf(a, "result %s (%s) differs by %g", name, now, by));
    }
    return 0;
}

static int legalise(const Case *k, Side *was, Side *is, Diag *d, Arena *a)
{
    RuleSet rs;
    ruleset_init(&rs, target_find(k->chip), NULL);
    rs.doubts = rs.profiled[k->rule] = true;
    for (int i = 0; i < LIMITS && k->with.at[i].most; i++)
        rs.limit[k->with.at[i].limit] = k->with.at[i].most;
    check_side(was, d, &rs);
    if (!was->broken[k->rule]) return wrong(k, was, "not broken");
    const PassOptions o = { .target = target_find(k->chip), .rules = &rs, .io = IO_FP16 };
    if (!passes_run(is->m, &o, d)) return wrong(k, is, d->text.s);
    check_side(is, d, &rs);
    if ((is->broken[k->rule] != 0) != k->stays)
        return wrong(k, is, k->stays ? "made legal" : "still broken");
    return compare(k, was, is, a);
}

static Rewritten programs = { .path = "tests/unit/legal_shapes.txt" };

static int one_case(const Case *k)
{
    Arena a = { 0 };
    Diag d = { .quiet = true };
    Side was, is;
    const char *text = micro_text(&a, "ios18", k->text);
    read_side(&was, &d, text);
    read_side(&is, &d, text);
    const int failed = legalise(k, &was, &is, &d, &a);
    rewritten_add(&programs, arena_printf(&a, "%s on %s", rules[k->rule].name, k->chip),
                  k->text, is.m);
    ref_free(&was.results);
    ref_free(&is.results);
    module_free(was.m);
    module_free(is.m);
    diag_free(&d);
    arena_free(&a);
    return failed;
}

static void each_case_agrees(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < COUNT(cases); i++) failed += one_case(&cases[i]);
    assert_int_equal(failed, 0);
    rewritten_end(&programs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
