/* test_probe.c -- aneprobe's verdicts against simulated engines whose rules were flipped by
 * chance. */
#include "unit.h"

#include "../../probe/probe.h"
#include "../../ir/mil/mil.h"

#include <string.h>

/* Rules that no simulation can show: what a caller binds is right by construction, or nothing
 * is known of what goes wrong. */
static bool unseen(int rule)
{
    static const int list[] = { RULE_slot_order, RULE_row_padding,
                                RULE_names,      RULE_rank3_matmul,
                                RULE_tile,       RULE_identity_result,
                                RULE_broadcast,  RULE_weight_record,
                                RULE_private_op };
    for (size_t i = 0; i < COUNT(list); i++)
        if (list[i] == rule) return true;
    return !probe_has_rule(rule);
}

typedef struct {
    Arena arena;
    char *dir;
    RuleSet truth;
    int flipped[3];
    Diag diag;
    Prober prober;
} Flip;

static void flip_open(Flip *f, const char *chip)
{
    *f = (Flip){ .flipped = { -1, -1, -1 } };
    f->dir = make_folder(&f->arena);
    ruleset_init(&f->truth, target_find(chip), NULL);
    f->prober = (Prober){ .engine = backend_find(arena_printf(&f->arena, "sim:%s", chip)),
                          .reference = backend_find("ref"),
                          .diag = &f->diag,
                          .dir = f->dir };
    assert_non_null(f->prober.engine);
}

static void flip_close(Flip *f)
{
    unsetenv("ANESIM_PROFILE");
    remove_folder(f->dir);
    diag_free(&f->diag);
    arena_free(&f->arena);
}

/* Writes the profile of an engine whose rules i of `flipped` are the other way round. */
static void flip_write(Flip *f)
{
    Buf b = { 0 };
    buf_printf(&b, "anec-profile 1\nchip %s\n", f->truth.target->name);
    RuleSet least;
    ruleset_init(&least, target_find("generic"), NULL);
    for (int i = 0; i < LIMIT_COUNT;
         i++) { /* a rule can only hold where its number is known */
        if (f->truth.limit[i] >= 0) continue;
        f->truth.limit[i] = least.limit[i];
        buf_printf(&b, "limit %s %lld\n", limits[i].name, (long long)least.limit[i]);
    }
    for (size_t i = 0; i < COUNT(f->flipped); i++) {
        const int r = f->flipped[i];
        if (r < 0) continue;
        const bool holds = !rule_holds(&f->truth, r);
        buf_printf(&b, "rule %s %s\n", rules[r].name, holds ? "holds" : "absent");
        f->truth.stand[r] = holds ? STAND_MEASURED : STAND_NOT;
    }
    const char *path = arena_printf(&f->arena, "%s/profile", f->dir);
    assert_true(file_write_all(&f->diag, path, b.s, b.len));
    buf_free(&b);
    assert_int_equal(setenv("ANESIM_PROFILE", path, 1), 0);
}

typedef struct {
    int refused, silent;
} Broken;

static void note_break(void *ctx, const RuleBreak *b)
{
    Broken *n = ctx;
    if (b->rule->effect == FX_WRONG) n->silent++;
    else n->refused++;
}

/* What of all that holds on the engine a program breaks. */
static Broken broken_by(const Flip *f, const char *text, bool spelled)
{
    Diag d = { .quiet = true };
    Broken n = { 0, 0 };
    RuleSet rs = f->truth;
    for (int r = 0; r < RULE_COUNT; r++)
        if (!rule_holds(&rs, r) || rules[r].effect == FX_SLOW
            || rules[r].effect == FX_NUMERIC)
            rs.wish[r] = WISH_OFF;
    for (int i = 0; i < OP_COUNT; i++)
        if (rs.op_stand[i] == STAND_CONTRADICTED) rs.op_stand[i] = STAND_NOT;
    const Source src = { .name = "case.mil", .text = text, .len = strlen(text) };
    Module *m = mil_read(&d, &src, "/nowhere");
    assert_non_null(m);
    if (!spelled) m->version = module_name(m, f->prober.version);
    rules_check(m, &rs, &d, note_break, &n);
    module_free(m);
    diag_free(&d);
    return n;
}

/* A program made to break one rule may break another too, which may hold: by a refusal, or by
 * wrong values, which its inputs may or may not show. */
static Verdict truth_of(const Flip *f, int rule, bool *either)
{
    Broken all = { 0, 0 };
    for (const RulePrograms *k = rules[rule].programs; k->breaks; k++) {
        const Broken n = broken_by(f, k->breaks, rules[rule].spelled);
        all.refused += n.refused;
        all.silent += n.silent;
    }
    const bool holds = rule_holds(&f->truth, rule);
    *either = !holds && !all.refused && all.silent;
    return holds || all.refused ? VERDICT_HOLDS : VERDICT_ABSENT;
}

/* The verdict on a rule must be the engine's truth; it may be unknown where another flip hides
 * it. */
static bool judge(Flip *f, int rule, bool must_know)
{
    if (rule_stands(&f->truth, rule) == STAND_UNKNOWN)
        return true; /* what the simulation assumes is its own */
    bool either;
    const Verdict v = probe_rule(&f->prober, rule), want = truth_of(f, rule, &either);
    if (v == want || either || (v == VERDICT_UNKNOWN && !must_know)) return v == want;
    fail_msg("%s on %s: %s, but it %s (%s)", rules[rule].name, f->truth.target->name,
             v == VERDICT_HOLDS    ? "holds"
             : v == VERDICT_ABSENT ? "absent"
                                   : "unknown",
             want == VERDICT_HOLDS ? "holds" : "does not", f->prober.said);
    return false;
}

/* What hides a rule even alone: its programs need something that this chip refuses. */
static bool hidden(const RuleSet *rs, int rule)
{
    return (rule == RULE_topk_k && op_refused(rs, OP_topk) >= STAND_REPORTED)
        || (rule == RULE_arg_axis && op_refused(rs, OP_reduce_argmax) >= STAND_REPORTED);
}

static void each_rule_is_found_alone(void **state)
{
    (void)state;
    static const char *const chips[] = { "m1", "m4" };
    for (size_t c = 0; c < COUNT(chips); c++)
        for (int r = 0; r < RULE_COUNT; r++) {
            Flip f;
            if (unseen(r)) continue;
            flip_open(&f, chips[c]);
            f.flipped[0] = r;
            flip_write(&f);
            if (!probe_start(&f.prober)) fail_msg("%s: %s", rules[r].name, f.diag.text.s);
            judge(&f, r, !hidden(&f.truth, r));
            flip_close(&f);
        }
}

/* Programs of many elements, which take a while. */
static bool is_large(int r)
{
    return r == RULE_matmul_shape || r == RULE_conv_channels || r == RULE_extent;
}

static bool is_flipped(const Flip *f, int r)
{
    for (size_t i = 0; i < COUNT(f->flipped); i++)
        if (f->flipped[i] == r) return true;
    return false;
}

static void flips_by_chance_are_discovered(void **state)
{
    (void)state;
    enum { SEEDS = 12 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Flip f;
        int n = 0, known = 0, all = 0;
        flip_open(&f, generation_at((int)seed % generation_count())->name);
        for (uint64_t k = 0; n < (int)COUNT(f.flipped); k++) {
            const int r = (int)(rng_u64(seed, k) % RULE_COUNT);
            bool taken = unseen(r) || hidden(&f.truth, r);
            taken = taken || r == RULE_surface_minimum; /* it hides small programs */
            for (int i = 0; i < n; i++) taken = taken || f.flipped[i] == r;
            if (!taken) f.flipped[n++] = r;
        }
        flip_write(&f);
        printf("seed %d on %s: %s, %s, %s\n", (int)seed, f.truth.target->name,
               rules[f.flipped[0]].name, rules[f.flipped[1]].name,
               rules[f.flipped[2]].name);
        assert_true(probe_start(&f.prober));
        for (int r = 0; r < RULE_COUNT; r++) {
            if (unseen(r) || (is_large(r) && !is_flipped(&f, r))) continue;
            all++;
            known += judge(&f, r, false);
        }
        if (known < all * 3 / 4)
            fail_msg("seed %d: only %d of %d rules were found out", (int)seed, known,
                     all);
        flip_close(&f);
    }
}

static void operations_are_found(void **state)
{
    (void)state;
    static const char *const chips[] = { "m1", "m5" };
    for (size_t c = 0; c < COUNT(chips); c++) {
        Flip f;
        flip_open(&f, chips[c]);
        assert_true(probe_start(&f.prober));
        for (int i = 0; probe_op_name(i); i++) {
            const Verdict want = op_refused(&f.truth, op_find(probe_op_name(i)))
                                      >= STAND_REPORTED
                                   ? VERDICT_HOLDS
                                   : VERDICT_ABSENT;
            if (probe_op(&f.prober, i) != want)
                fail_msg("%s on %s: %s", probe_op_name(i), chips[c], f.prober.said);
        }
        flip_close(&f);
    }
}

/* Each verdict on a rule must come from its own programs: an engine that refuses everything
 * gives none. */
static void an_engine_that_refuses_all_is_an_error(void **state)
{
    (void)state;
    Flip f;
    flip_open(&f, "m2");
    const char *path = arena_printf(&f.arena, "%s/profile", f.dir),
               *text = "anec-profile 1\nop relu refused\n";
    assert_true(file_write_all(&f.diag, path, text, strlen(text)));
    assert_int_equal(setenv("ANESIM_PROFILE", path, 1), 0);
    assert_false(probe_start(&f.prober));
    expect_says(&f.diag, "sim:m2 runs not even relu");
    assert_int_equal(probe_rule(&f.prober, RULE_extent), VERDICT_UNKNOWN);
    flip_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_is_found_alone),
        cmocka_unit_test(flips_by_chance_are_discovered),
        cmocka_unit_test(operations_are_found),
        cmocka_unit_test(an_engine_that_refuses_all_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
