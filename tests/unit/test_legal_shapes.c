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

static void take_limits(RuleSet *rs, const Limits *l)
{
    for (int i = 0; i < LIMITS && l->at[i].most; i++)
        rs->limit[l->at[i].limit] = l->at[i].most;
}

static int legalise(const Case *k, Side *was, Side *is, Diag *d, Arena *a)
{
    RuleSet rs;
    ruleset_init(&rs, target_find(k->chip), NULL);
    rs.doubts = rs.profiled[k->rule] = true;
    if (rules[k->rule].fixes == FIXES_PROFILE) rs.stand[k->rule] = STAND_MEASURED;
    take_limits(&rs, &k->with);
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

/* ---- the edge ---------------------------------------------------------------------------- */

/* What an engine is given and gives back once func_fold_edges has been there, and how many of
 * these it changed. */
static const struct {
    const char *chip;
    Limits with;
    const char *text, *edge;
} edges[] = {
#define RELU(in, out) H(in) " a | " OP(H(out), "r", "relu(x = a)") " | r"
    { "m1", WITH(AT(width, 8)), RELU("[2, 16]", "[2, 16]"),
      "2: a [2, 2, 8] -> r [2, 2, 8]" },
    { "m1", WITH(AT(width, 8)), RELU("[16, 8]", "[16, 8]"), "0: a [16, 8] -> r [16, 8]" },
    { "m1", WITH(AT(width, 8), AT(height, 8)), RELU("[16, 16]", "[16, 16]"),
      "2: a [2, 8, 2, 8] -> r [2, 8, 2, 8]" },
    /* equal parts, and room for one axis more */
    { "m1", WITH(AT(width, 8)), RELU("[2, 17]", "[2, 17]"), "0: a [2, 17] -> r [2, 17]" },
    { "m1", WITH(AT(width, 8)), RELU("[3, 1, 2, 16]", "[3, 1, 2, 16]"),
      "2: a [3, 1, 2, 2, 8] -> r [3, 1, 2, 2, 8]" },
    { "m1", WITH(AT(width, 8)), RELU("[3, 1, 1, 2, 16]", "[3, 1, 1, 2, 16]"),
      "0: a [3, 1, 1, 2, 16] -> r [3, 1, 1, 2, 16]" },
    { "m1", WITH(AT(width, 8), AT(rank, 32)),
      RELU("[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 16]",
           "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 16]"),
      "2: a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 8] -> "
      "r [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 8]" },
    { "m1", WITH(AT(width, 8), AT(rank, 32)),
      RELU("[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 16]",
           "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 16]"),
      "0: a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 16] -> "
      "r [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 16]" },
    /* each by itself */
    { "m1", WITH(AT(width, 8)),
      H("[4]") " b, " H("[12]") " a | " OP(H("[12]"), "r", "relu(x = a)")
          OP(H("[4]"), "s", "relu(x = b)") " | s, r",
      "2: b [4], a [2, 6] -> s [4], r [2, 6]" },
    /* one result in two places, others between them; what is given back as it came; a constant */
    { "m1", WITH(AT(width, 8)),
      H("[12]") " a | " OP(H("[12]"), "r", "relu(x = a)")
          OP(H("[4]"), "s",
             "slice_by_size(begin = " I("1", "2") ", size = " I(
                 "1", "4") ", x = a)") " | r, s, r",
      "2: a [2, 6] -> r [2, 6], s [4], r [2, 6]" },
    { "m1", WITH(AT(width, 8)),
      H("[12]") " a | " OP(H("[12]"), "r", "relu(x = a)") " | a, r",
      "1: a [12] -> a [12], r [2, 6]" },
    { "m1", WITH(AT(width, 8)),
      H("[12]") " a | " CONST(H("[9]"), "k", H("[9]") "([1, 2, 3, 4, 5, 6, 7, 8, 9])")
          OP(H("[12]"), "r", "relu(x = a)") " | k, r",
      "2: a [2, 6] -> k [9], r [2, 6]" },
    /* where axes are not too long, and for who has no such rule */
    { "host", WITH(AT(width, 8)), RELU("[2, 16]", "[2, 16]"),
      "0: a [2, 16] -> r [2, 16]" },
};

static void put_edge(Buf *b, const Value *const *v, int n)
{
    Arena a = { 0 };
    for (int i = 0; i < n; i++)
        buf_printf(b, "%s%s %s", i ? ", " : "", v[i]->name,
                   shape_text(&a, &v[i]->type->shape));
    arena_free(&a);
}

static void same_elements(const RefRun *was, const RefRun *is, const char *text)
{
    for (int i = 0; i < was->n; i++) {
        Tensor flat = is->value[i];
        flat.shape = was->value[i].shape;
        if (difference(&was->value[i], &flat) > 0) fail_msg("result %d: %s", i, text);
    }
}

static void edges_are_folded(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(edges); k++) {
        Arena a = { 0 };
        Diag d = { .quiet = true };
        Side was, is;
        RuleSet rs;
        Buf said = { 0 };
        uint64_t seed = 7, again = 7;
        const char *text = micro_text(&a, "ios18", edges[k].text);
        ruleset_init(&rs, target_find(edges[k].chip), NULL);
        take_limits(&rs, &edges[k].with);
        read_side(&was, &d, text);
        read_side(&is, &d, text);
        Func *f = module_main(is.m);
        buf_printf(&said, "%d: ", func_fold_edges(f, &rs, &d));
        put_edge(&said, (const Value *const *)f->body->param, f->body->nparam);
        buf_puts(&said, " -> ");
        put_edge(&said, (const Value *const *)f->body->result, f->body->nresult);
        assert_string_equal(said.s, edges[k].edge);
        assert_true(module_verify(is.m, &d, NULL));
        ref_run(&was.results, was.m, draw, &seed, text);
        ref_run(&is.results, is.m, draw, &again, text);
        same_elements(&was.results, &is.results, text);
        ref_free(&was.results);
        ref_free(&is.results);
        module_free(was.m);
        module_free(is.m);
        buf_free(&said);
        diag_free(&d);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_agrees),
        cmocka_unit_test(edges_are_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
