/* test_fixes.c -- a rule and the pass that applies its fix have one condition: where the rule
 * alone holds, the pass changes what the rule finds broken, and nothing else.
 *
 * Programs are those of every rule and those beside them (near.h), each asked about its own
 * rule, and each as it is about all others; weights are at hand, and absent. */
#include "micro.h"
#include "near.h"
#include "unit.h"

#include "../../ir/mil/mil.h"

#include <string.h>

typedef struct {
    int rule;
    const Target *chip;
    const char *passes; /* NULL: that of the rule */
    Arena *arena;
    bool weights; /* their bytes are at hand */
    int programs, acted;
} WayOut;

/* ---- the rule alone ---------------------------------------------------------------------- */

/* Whatever is known of the chip, this rule holds there, or does not, and no other does. */
static RuleSet rule_alone(const Target *chip, int rule, bool holds)
{
    RuleSet rs, whole;
    ruleset_init(&whole, chip, NULL);
    rs = whole;
    ruleset_clear(&rs);
    memcpy(rs.limit, whole.limit, sizeof rs.limit);
    rs.doubts = true;
    if (!holds) return rs;
    if (rule == RULE_op_refused) memcpy(rs.op_stand, whole.op_stand, sizeof rs.op_stand);
    rs.stand[rule] = STAND_MEASURED;
    rs.profiled[rule] = rules[rule].fixes == FIXES_PROFILE;
    return rs;
}

/* The first chip of which the tables say that the pass acts there, or else the first that the
 * programs tell. */
static const Target *chip_of(int rule, const RulePrograms *pair)
{
    const Target *chip;
    for (int i = 0; (chip = generation_at(i)); i++) {
        RuleSet rs;
        ruleset_init(&rs, chip, NULL);
        if (rule_fixes(&rs, rule) && micro_breaks(chip, rule, pair->breaks)
            && !micro_breaks(chip, rule, pair->keeps))
            return chip;
    }
    return micro_chip(rule, pair);
}

typedef struct {
    int rule, asked, left;
} Breaks;

static void count_break(void *ctx, const RuleBreak *b)
{
    Breaks *n = ctx;
    if (b->rule != &rules[n->rule]) return;
    n->asked += !b->left;
    n->left += b->left != NULL;
}

static Breaks breaks_of(const Module *m, const RuleSet *rs, int rule)
{
    Diag d = { .quiet = true };
    Breaks n = { .rule = rule };
    assert_true(rules_check(m, rs, &d, count_break, &n) >= 0);
    diag_free(&d);
    return n;
}

/* ---- its pass ---------------------------------------------------------------------------- */

static Module *read_program(const WayOut *w, const char *text)
{
    Diag d = { .quiet = true };
    Source *src = NEW(w->arena, Source);
    src->name = "program.mil";
    src->text = micro_text(w->arena, "ios18", text);
    src->len = strlen(src->text);
    Module *m = near_read(&d, src);
    if (m) func_infer(module_main(m), &d, true);
    if (m) m->missing = w->weights;
    diag_free(&d);
    return m;
}

static void add_changes(void *sum, const char *pass, int changes, const Module *m)
{
    (void)pass, (void)m;
    *(int *)sum += changes;
}

/* The text of m after the pass; NULL: it says an error, which such a program may have. */
static const char *after_pass(const WayOut *w, Module *m, const RuleSet *rs, int *changes)
{
    Diag d = { .quiet = true };
    Buf b = { 0 };
    const PassOptions o = { .target = rs->target,
                            .rules = rs,
                            .only = w->passes ? w->passes : rules[w->rule].pass,
                            .dump = "all",
                            .dump_to = add_changes,
                            .ctx = changes };
    *changes = 0;
    const bool ok = passes_run(m, &o, &d);
    if (ok) mil_print(m, &b);
    const char *text = ok ? arena_strndup(w->arena, b.s, b.len) : NULL;
    buf_free(&b);
    diag_free(&d);
    return text;
}

/* What the pass does without the rule is not the rule's. An op whose break is left may be
 * changed for a neighbour's sake. */
static void hold_against(WayOut *w, const char *text, const char *by)
{
    const Rule *r = &rules[w->rule];
    const RuleSet with = rule_alone(w->chip, w->rule, true),
                  without = rule_alone(w->chip, w->rule, false);
    Module *m = read_program(w, text), *other = read_program(w, text);
    if (!m || !other) return;
    int changes, usual_changes;
    const Breaks was = breaks_of(m, &with, w->rule);
    const char *is = after_pass(w, m, &with, &changes);
    const char *usual = after_pass(w, other, &without, &usual_changes);
    if (is && usual) {
        const Breaks now = breaks_of(m, &with, w->rule);
        const bool acted = strcmp(is, usual) != 0 || changes != usual_changes;
        if (acted && !was.asked && !was.left)
            fail_msg("%s: nothing breaks it, and %s acts (%s): %s", r->name, r->pass, by,
                     text);
        if (!changes && was.asked)
            fail_msg("%s: broken, and %s does nothing (%s): %s", r->name, r->pass, by,
                     text);
        if (changes && now.asked)
            fail_msg("%s: broken after %s (%s): %s", r->name, r->pass, by, text);
        w->programs++;
        w->acted += acted;
    }
    module_free(m);
    module_free(other);
}

static void hold_near(void *ctx, const char *text, const char *by)
{
    hold_against(ctx, text, by);
}

/* ---- programs ---------------------------------------------------------------------------- */

static bool has_program(int rule)
{
    return !rules[rule].heavy && rule != RULE_weight_record
        && rules[rule].programs[0].breaks;
}

static void hold_beside(WayOut *w, const char *text)
{
    Arena a = { 0 };
    w->arena = &a;
    const char *micro = rules[w->rule].spelled ? NULL : micro_short(&a, text);
    for (int i = 0; i < 2; i++) {
        w->weights = i;
        if (micro) near_words(&a, micro, hold_near, w);
        else hold_against(w, text, "as it is");
    }
    arena_free(&a);
}

static void the_pass_acts_where_the_rule_is_broken(void **state)
{
    int fixed = 0;
    (void)state;
    for (int r = 0; r < RULE_COUNT; r++) {
        if (!rules[r].pass || !has_program(r)) continue;
        WayOut w = { .rule = r };
        for (const RulePrograms *k = rules[r].programs; k->breaks; k++) {
            w.chip = chip_of(r, k);
            assert_non_null(w.chip);
            hold_beside(&w, k->breaks);
            hold_beside(&w, k->keeps);
        }
        assert_true(w.programs > 1);
        fixed += w.acted > 0;
    }
    assert_true(fixed > 50);
}

static void the_pass_leaves_what_other_rules_are_about(void **state)
{
    (void)state;
    for (int r = 0; r < RULE_COUNT; r++) {
        if (!rules[r].pass || !has_program(r)) continue;
        WayOut w = { .rule = r, .chip = chip_of(r, rules[r].programs) };
        for (int i = 0; i < RULE_COUNT; i++) {
            if (!has_program(i)) continue;
            Arena a = { 0 };
            w.arena = &a;
            for (const RulePrograms *k = rules[i].programs; k->breaks; k++) {
                hold_against(&w, k->breaks, rules[i].name);
                hold_against(&w, k->keeps, rules[i].name);
            }
            arena_free(&a);
        }
    }
}

/* An axis that is too long, of what each kind of op makes: either the pass does it, or the check
 * does not promise it. */
static void the_pass_does_what_is_promised_of_long_axes(void **state)
{
#define LONG "tensor<fp16, [1, 20000]>"
#define OF(op) LONG " x = relu(x = a)[name = string(\"x\")]; " op
#define GIVES(type, call) type " y = " call "[name = string(\"y\")]; "
#define ENDS \
    "tensor<fp16, [1]> r = reduce_sum(axes = tensor<int32, [1]>([1]), keep_dims = bool(false), " \
    "x = y)[name = string(\"r\")]; | r"
    static const char *const programs[] = {
        OF(GIVES(LONG, "exp(x = x)") ENDS),
        OF(GIVES(LONG, "softmax(axis = int32(-1), x = x)") ENDS),
        OF(GIVES(
            LONG,
            "cumsum(axis = int32(1), exclusive = bool(false), reverse = bool(false), "
            "x = x)") ENDS),
        OF(GIVES(LONG, "reverse(axes = tensor<int32, [1]>([1]), x = x)") ENDS),
        OF(GIVES(LONG, "concat(axis = int32(0), interleave = bool(false), values = (x))")
               ENDS),
        OF(GIVES(
            "tensor<fp16, [20000, 1]>",
            "transpose(perm = tensor<int32, [2]>([1, 0]), x = x)") "tensor<fp16, [1]> r = reduce_max(axes = tensor<int32, [1]>([0]), keep_dims = "
                                                                   "bool(false), x = y)[name = string(\"r\")]; | r"),
        OF(GIVES("tensor<int32, [1]>",
                 "reduce_argmax(axis = int32(1), keep_dims = bool(false), "
                 "x = x)") "| y"),
        OF(GIVES(
            "tensor<fp16, [20000]>",
            "reshape(shape = tensor<int32, [1]>([20000]), x = x)") "tensor<fp16, [1]> r = reduce_sum(axes = tensor<int32, [1]>([0]), keep_dims = "
                                                                   "bool(true), x = y)[name = string(\"r\")]; | r"),
        OF(GIVES(
            "tensor<fp16, [20000]>",
            "reshape(shape = tensor<int32, [1]>([20000]), x = x)") "tensor<fp16, [20000]> z = reverse(axes = tensor<int32, [1]>([0]), x = y)[name = "
                                                                   "string(\"z\")]; tensor<fp16, [1]> r = reduce_sum(axes = tensor<int32, [1]>([0]), "
                                                                   "keep_dims = bool(true), x = z)[name = string(\"r\")]; | r"),
    };
    (void)state;
    int acted = 0;
    for (size_t i = 0; i < COUNT(programs); i++) {
        Arena a = { 0 };
        WayOut w = { .arena = &a,
                     .rule = RULE_extent,
                     .chip = target_find("m1"),
                     .passes = "tile,algebra,dce" };
        hold_against(&w, arena_printf(&a, LONG " a | %s", programs[i]), "a long axis");
        assert_int_equal(w.programs, 1);
        acted += w.acted;
        arena_free(&a);
    }
    assert_true(acted >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pass_acts_where_the_rule_is_broken),
        cmocka_unit_test(the_pass_leaves_what_other_rules_are_about),
        cmocka_unit_test(the_pass_does_what_is_promised_of_long_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
