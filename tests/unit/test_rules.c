/* test_rules.c -- each rule of the chips broken and kept, and the tables themselves. */
#include "micro.h"
#include "unit.h"

#include "../../probe/probe.h"
#include "../../ir/mil/mil.h"
#include "../../ir/passes/passes.h"
#include "../../ir/targets/rules.h"

#include <string.h>

/* ---- programs ---------------------------------------------------------------------------- */

typedef struct {
    Arena arena;
    Source src;
    Module *m;
    Diag diag;
    int broken[RULE_COUNT];
    RuleLevel level[RULE_COUNT];
} Checked;

static void note(void *ctx, const RuleBreak *b)
{
    Checked *c = ctx;
    const int rule = (int)(b->rule - rules);
    c->broken[rule]++;
    c->level[rule] = b->level;
    printf("%s: error: %s\n", b->rule->name, b->message);
}

static void check_in(Checked *c, const char *text, const char *chip, const char *dir)
{
    *c = (Checked){ .diag = { .quiet = true } };
    const char *s = micro_text(&c->arena, "ios18", text);
    c->src = (Source){ .name = "case.mil", .text = s, .len = strlen(s) };
    c->m = mil_read(&c->diag, &c->src, dir);
    if (!c->m) fail_msg("%s\n%s", c->diag.text.s, s);
    bool strange = strstr(s, "no_such_op") || strstr(s, "axis = -1");
    if (!strange && !module_verify(c->m, &c->diag, NULL))
        fail_msg("%s\n%s", c->diag.text.s, s);
    RuleSet rs;
    ruleset_init(&rs, target_find(chip), NULL);
    rs.doubts = true;
    assert_true(rules_check(c->m, &rs, &c->diag, note, c) >= 0);
}

static void check_end(Checked *c)
{
    module_free(c->m);
    diag_free(&c->diag);
    arena_free(&c->arena);
}

/* ---- each rule --------------------------------------------------------------------------- */

/* What a rule says is written down where its programs tell it. */
static bool rule_is_shown(int rule)
{
    for (const RulePrograms *k = rules[rule].programs; k->breaks; k++) {
        const Target *chip = micro_chip(rule, k);
        Checked c;
        if (!chip) return false;
        check_in(&c, k->breaks, chip->name, "/nowhere");
        assert_true(c.broken[rule] > 0);
        check_end(&c);
    }
    return rules[rule].programs[0].breaks != NULL;
}

/* Each pair tells the rule on one chip at least. Those of one say it of another dimension. */
static void each_rule_breaks_and_keeps(void **state)
{
    (void)state;
    for (int r = 0; r < RULE_COUNT; r++) {
        if (r == RULE_weight_record) continue; /* records_of_files */
        if (rules[r].on != ON_RUN && !rule_is_shown(r))
            fail_msg("%s is not told by its programs on any chip", rules[r].name);
    }
}

/* What a program shows has two that a check can tell, or one that runs; what none shows has none. */
static void every_rule_has_programs(void **state)
{
    int alone = 0, unshown = 0;
    (void)state;
    for (int r = 0; r < RULE_COUNT; r++) {
        const Rule *k = &rules[r];
        assert_int_equal(k->on == ON_RUN, !k->programs[0].breaks);
        assert_null(k->programs[RULE_PAIRS - 1].breaks);
        if (k->alone) assert_true(k->tolerance > 0 && k->fill);
        if (k->on == ON_RUN) assert_non_null(k->left);
        alone += k->alone != NULL;
        unshown += k->on == ON_RUN && !k->alone;
    }
    assert_int_equal(alone, 5);
    assert_int_equal(unshown, 8);
}

/* Programs of the engines name no chip, and are read as they stand. */
static void programs_are_read(void **state)
{
    (void)state;
    for (int r = 0; r < RULE_COUNT; r++)
        for (const RulePrograms *k = rules[r].programs; k->breaks; k++) {
            Checked c;
            check_in(&c, k->breaks, "m1", "/nowhere");
            check_end(&c);
            check_in(&c, k->keeps, "m1", "/nowhere");
            check_end(&c);
        }
}

/* ---- weight records ---------------------------------------------------------------------- */

static int records_broken(Arena *a, const char *dir, uint64_t size, uint64_t offset)
{
    Diag d = { 0 };
    Checked c;
    assert_true(probe_record(&d, arena_printf(a, "%s/wrong.bin", dir), size, offset));
    check_in(&c, rules[RULE_weight_record].programs[0].breaks, "m1", dir);
    int n = c.broken[RULE_weight_record];
    check_end(&c);
    return n;
}

static void records_of_files(void **state)
{
    (void)state;
    Arena a = { 0 };
    char *dir = make_folder(&a);
    assert_int_equal(records_broken(&a, dir, 128, 128), 0);
    assert_int_equal(records_broken(&a, dir, 0x80000, 0),
                     1); /* a constant size, offset 0: finding C50 */
    assert_int_equal(records_broken(&a, dir, 128, 0), 1);
    remove_folder(dir);
    arena_free(&a);
}

/* ---- levels ------------------------------------------------------------------------------ */

static void levels_follow_the_evidence(void **state)
{
    (void)state;
    RuleSet m1, m2, m4, all;
    ruleset_init(&m1, target_find("m1"), "m1,26.3");
    ruleset_init(&m2, target_find("m2"), NULL);
    ruleset_init(&m4, target_find("m4"), NULL);
    ruleset_init(&all, target_find("generic"), NULL);
    assert_string_equal(m1.os, "26.3");
    /* measured: an error; reported: a warning; contradicted: nothing, but for --check a
     * warning */
    assert_int_equal(rule_level(&m1, RULE_io_fp32, rule_stands(&m1, RULE_io_fp32)),
                     LEVEL_ERROR);
    assert_int_equal(rule_level(&m2, RULE_io_fp32, rule_stands(&m2, RULE_io_fp32)),
                     LEVEL_WARNING);
    assert_int_equal(rule_level(&m4, RULE_io_fp32, rule_stands(&m4, RULE_io_fp32)),
                     LEVEL_OFF);
    assert_int_equal(rule_level(&m4, RULE_concat, rule_stands(&m4, RULE_concat)),
                     LEVEL_OFF);
    m4.doubts = true;
    assert_int_equal(rule_level(&m4, RULE_concat, rule_stands(&m4, RULE_concat)),
                     LEVEL_WARNING);
    /* what costs speed alone is never an error */
    m1.doubts = true;
    assert_int_equal(rule_level(&m1, RULE_reduce_route, STAND_MEASURED), LEVEL_WARNING);
    /* wishes */
    m1.wish[RULE_io_fp32] = WISH_OFF;
    assert_int_equal(rule_level(&m1, RULE_io_fp32, STAND_MEASURED), LEVEL_OFF);
    m1.wish[RULE_io_fp32] = WISH_WARNING;
    assert_int_equal(rule_level(&m1, RULE_io_fp32, STAND_MEASURED), LEVEL_WARNING);
    m2.wish[RULE_io_fp32] = WISH_ERROR;
    assert_int_equal(rule_level(&m2, RULE_io_fp32, STAND_REPORTED), LEVEL_ERROR);
    m4.doubts = false;
    m4.wish[RULE_concat] = WISH_ON;
    assert_int_equal(rule_level(&m4, RULE_concat, STAND_CONTRADICTED), LEVEL_WARNING);
    /* generic: what any chip refuses, within what all take */
    assert_true(rule_holds(&all, RULE_width_slice));
    assert_int_equal(rule_limit(&all, LIMIT_width), 16384);
    assert_int_equal(rule_limit(&m4, LIMIT_width), 65536);
    assert_int_equal(op_refused(&all, OP_sin), STAND_MEASURED);
    assert_int_equal(op_refused(&m4, OP_sin), STAND_NOT);
    assert_int_equal(op_refused(&m4, OP_NONE), STAND_UNKNOWN);
}

static void releases_are_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why; /* NULL: it names a target */
    } asked[] = {
        { "m1,15", NULL },
        { "m5,27.2", NULL },
        { "m5,26.6.2", NULL },
        { "m6", NULL },
        { "m5,99", NULL }, /* newer than what is known */
        { "m5,", "behind the comma stands a release of macOS" },
        { "m5,20", "there is no macOS 20: after 15 Apple went on with 27.2" },
        { "m5,9", "macOS 9 is older than any Mac with an engine" },
        { "m5,27..2", "behind the comma stands a release of macOS, as in m5,27.2" },
        { "m5,1.2.3.4", "behind the comma stands a release of macOS" },
        { "m5,x", "behind the comma stands a release of macOS" },
        { "m5,100", "behind the comma stands a release of macOS" },
        { "m7", "there is no target m7; did you mean m6?" },
        { "m10,27", "there is no target m10,27; did you mean m6,27?" },
        { "M5 Ultra", "there is no target M5 Ultra; did you mean m5ultra?" },
        { "m4ultra", "there is no target m4ultra; did you mean m4?" },
        { "genric", "there is no target genric; did you mean generic?" },
        { "pentium", "there is no target pentium; anec --list-targets shows all" },
    };
    Arena a = { 0 };
    for (size_t i = 0; i < COUNT(asked); i++) {
        const char *why = target_wrong(&a, asked[i].text);
        if ((why == NULL) != (asked[i].why == NULL))
            fail_msg("%s: %s", asked[i].text, why);
        if (why && !strstr(why, asked[i].why)) fail_msg("%s: %s", asked[i].text, why);
    }
    arena_free(&a);
    assert_true(release_number("26.6.2", 6) > release_number("26.6", 4));
    assert_true(release_number("26.10", 5) > release_number("26.6", 4));
    assert_int_equal(release_number("27", 2), release_number("27.0", 4));
    assert_true(release_number("26.1", 4) > release_number("26.0.99", 7));
    assert_true(release_number("27", 2) > release_number("26.99.99", 8));
    assert_true(release_number("26.21", 5) > release_number("26.19", 5));
    assert_int_equal(release_number("26.100", 6), -1);
    assert_int_equal(release_number("macos26.3", 9), release_number("26.3", 4));
    assert_int_equal(release_number("macOS15", 7), release_number("15", 2));
    assert_int_equal(release_number("macos", 5), -1);
    assert_int_equal(release_number("macosx", 6), -1);
    assert_string_equal(release_asked(NULL), release_newest());
    assert_string_equal(release_asked("m1"), release_newest());
    for (int i = 0; i < RULE_COUNT; i++) /* bounds that nobody could meet */
        for (const char *s = rules[i].os; s && *s; s += strspn(s, " ")) {
            const size_t n = strcspn(s, " ");
            if (s[n - 1] == '+') assert_true(release_number(s, n - 1) > 0);
            if (s[0] == '<') assert_true(release_number(s + 1, n - 1) > 0);
            s += n;
        }
}

static void limits_change_with_releases(void **state)
{
    (void)state;
    RuleSet rs;
    ruleset_init(&rs, target_find("m2"), "m2,26.6.2");
    assert_int_equal(rule_limit(&rs, LIMIT_coreml_weights), INT64_C(2) << 30);
    ruleset_release(&rs, "27");
    assert_int_equal(rule_limit(&rs, LIMIT_coreml_weights), INT64_C(1) << 30);
    rs.limit[LIMIT_coreml_weights] = 7;
    rs.limit_profiled[LIMIT_coreml_weights] = true;
    ruleset_release(&rs, "27.2");
    assert_int_equal(rule_limit(&rs, LIMIT_coreml_weights), 7);
    ruleset_init(&rs, target_find("generic"), NULL);
    assert_int_equal(rule_limit(&rs, LIMIT_coreml_weights), INT64_C(1) << 30);
}

/* A chip that nobody has measured: no column, the base's facts, none of them measured. */
static void chips_without_facts_have_those_of_their_base(void **state)
{
    (void)state;
    RuleSet is, base;
    ruleset_init(&is, target_find("m6"), NULL);
    ruleset_init(&base, target_find("m5"), NULL);
    assert_ptr_equal(target_base(is.target), base.target);
    for (int i = 0; i < RULE_COUNT; i++) {
        const Standing s = rule_stands(&base, i), t = rule_stands(&is, i);
        if (s == STAND_NOT) assert_int_equal(t, STAND_UNKNOWN);
        else assert_int_equal(t, s > STAND_DERIVED ? STAND_DERIVED : s);
    }
    assert_int_equal(rule_limit(&is, LIMIT_width), rule_limit(&base, LIMIT_width));
    assert_int_equal(op_refused(&is, OP_sinh), STAND_DERIVED);
    assert_int_equal(op_refused(&is, OP_sin), STAND_UNKNOWN);
}

static void passes_heal_as_the_table_says(void **state)
{
    (void)state;
    RuleSet m4;
    ruleset_init(&m4, target_find("m4"), NULL);
    assert_false(rule_fixes(&m4, RULE_width_slice)); /* seen not to hold */
    assert_true(rule_fixes(&m4, RULE_sdpa_mask));
    assert_false(rule_fixes(&m4, RULE_concat)); /* contradicted, and its fix costs much */
    m4.stand[RULE_concat] = STAND_MEASURED;
    m4.profiled[RULE_concat] = true;
    assert_true(rule_fixes(&m4, RULE_concat));
    RuleSet m5;
    ruleset_init(&m5, target_find("m5"), NULL);
    assert_true(rule_fixes(&m5, RULE_rsqrt)); /* contradicted, and its fix costs little */
    assert_false(rule_fixes(&m5, RULE_slot_order));
}

/* Letters, names and passes of the tables, which the compiler cannot check. */
static void tables_are_sound(void **state)
{
    (void)state;
    for (int i = 0; i < RULE_COUNT; i++) {
        assert_int_equal(rule_find(rules[i].name), i);
        assert_true((rules[i].on == ON_RUN) == (rules[i].match == NULL));
        for (const char *s = rules[i].pass; s; s = list_next(s)) {
            bool pass = false;
            for (int k = 0; k < pass_count; k++)
                pass = pass
                    || (strlen(passes[k].name) == strcspn(s, ",")
                        && !strncmp(passes[k].name, s, strcspn(s, ",")));
            if (!pass)
                fail_msg("rule %s names the pass %s, which there is not", rules[i].name,
                         s);
        }
        /* a fix is applied by a pass, or the table says why none takes it */
        assert_true((rules[i].fixes == FIXES_NEVER) == (rules[i].pass == NULL));
        assert_true((rules[i].pass == NULL)
                    == (rules[i].left != NULL && rules[i].left[0] != 0));
        assert_true(rules[i].evidence[0] && rules[i].happens[0] && rules[i].fix[0]);
        bool contradicted = false, named = false;
        for (int k = 0; k < chip_count; k++) {
            contradicted |= rules[i].facts.of[k] == CONTRADICTED;
            named |= rules[i].facts.of[k] != STAND_UNNAMED;
        }
        assert_true(named); /* somebody said it of some chip */
        assert_true(!contradicted || rules[i].against);
    }
    /* every op has a word about every chip; one that has none would be refused */
    static const ChipFacts none, newest = FACTS(.m5 = RUNS);
    const Target *generic = &targets[TARGET_generic];
    for (int i = 0; i < chip_count; i++)
        assert_int_equal(op_standing(chip_at(i), &none), STAND_DERIVED);
    assert_int_equal(op_standing(generic, &none), STAND_DERIVED);
    assert_int_equal(op_standing(generic, &newest), STAND_DERIVED);
    assert_int_equal(op_standing(target_find("m4"), &newest), STAND_DERIVED);
    assert_int_equal(op_standing(target_find("m5"), &newest), STAND_NOT);
    assert_int_equal(op_standing(target_find("m6"), &newest), STAND_UNKNOWN);
    for (int i = 0; i < OP_COUNT; i++) {
        assert_true(op_refusals[i].of[chip_at(0)->chip] != STAND_UNNAMED);
        assert_true(op_support[i].note && op_support[i].evidence[0]);
    }
    for (int i = 0; i < chip_count; i++) {
        const Target *chip = chip_at(i), *base = target_base(chip);
        assert_int_equal(chip->chip, i);
        assert_ptr_equal(target_find(chip->name), chip);
        assert_true(!base || (base < chip && base->chip >= 0)); /* bases come first */
    }
    assert_int_equal(targets[TARGET_generic].chip, -1);
    assert_null(chip_at(chip_count));
}

static void rules_are_found_by_finding(void **state)
{
    (void)state;
    int found[8];
    assert_int_equal(rule_lookup("c29", found, 8), 2);
    assert_int_equal(found[0], RULE_kernel_width);
    assert_int_equal(rule_lookup("C02", found, 8), 1);
    assert_int_equal(rule_lookup("C2", found, 8), 0); /* not C20 to C29 */
    assert_int_equal(rule_lookup("io-fp32", found, 8), 1);
    assert_int_equal(rule_lookup("C999", found, 8), 0);
}

/* ---- profiles ---------------------------------------------------------------------------- */

static bool read_text(RuleSet *rs, Diag *d, const char *dir, Arena *a, const char *text)
{
    const char *path = arena_printf(a, "%s/p", dir);
    Diag w = { 0 };
    assert_true(file_write_all(&w, path, text, strlen(text)));
    ruleset_init(rs, target_find("m1"), NULL);
    return profile_read(rs, d, path);
}

static void profiles_override_the_tables(void **state)
{
    (void)state;
    Arena a = { 0 };
    char *dir = make_folder(&a);
    RuleSet rs;
    Diag d = { 0 };
    assert_true(read_text(
        &rs, &d, dir, &a,
        "# made by hand\nanec-profile 1\nchip m1\nos 26.3\ndate 2026-11-25\n"
        "rule io-fp32 absent\nrule concat holds # and more\nrule tile unknown\n"
        "limit tensor-width 100\nlimit tensor-rank unknown\nop sin runs\nop relu refused\n"
        "op cos unknown\n"));
    assert_false(rule_holds(&rs, RULE_io_fp32));
    assert_true(rule_fixes(&rs, RULE_concat));
    assert_false(rs.profiled[RULE_tile]);
    assert_int_equal(rule_limit(&rs, LIMIT_width), 100);
    assert_int_equal(rule_limit(&rs, LIMIT_rank), 5);
    assert_int_equal(op_refused(&rs, OP_sin), STAND_NOT);
    assert_int_equal(op_refused(&rs, OP_relu), STAND_MEASURED);
    assert_int_equal(op_refused(&rs, OP_cos), STAND_MEASURED);
    assert_int_equal(d.warnings, 0);
    assert_true(read_text(
        &rs, &d, dir, &a,
        "anec-profile 1\nrule nothing holds\nop nothing runs\nlimit nothing 1\n"));
    expect_says(&d, "this build knows no limit nothing");
    remove_folder(dir);
    arena_free(&a);
}

static void malformed_profiles_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "", "this is no profile: it does not begin with anec-profile 1" },
        { "rule concat holds\n", "a profile has its first line, anec-profile 1, here" },
        { "hello\n", "a profile has anec-profile 1 here" },
        { "anec-profile 1\nhello world\n",
          "a profile has chip, os, date, rule, limit or op here" },
        { "anec-profile 2\n", "this profile is of version 2; this build reads up to 1" },
        { "anec-profile x\n", "a profile has a version number here" },
        { "anec-profile 1\nchip m2\n",
          "this profile was measured on m2, the target is m1" },
        { "anec-profile 1\nchip\n", "a profile has one word after this here" },
        { "anec-profile 1\nrule concat\n", "a profile has a name and a value here" },
        { "anec-profile 1\nrule concat perhaps\n",
          "a profile has holds, absent or unknown here" },
        { "anec-profile 1\nop relu perhaps\n",
          "a profile has refused, runs or unknown here" },
        { "anec-profile 1\nlimit tensor-width -5\n",
          "a profile has a number from 0, or unknown here" },
    };
    Arena a = { 0 };
    char *dir = make_folder(&a);
    for (size_t i = 0; i < COUNT(bad); i++) {
        RuleSet rs;
        Diag d = { 0 };
        assert_false(read_text(&rs, &d, dir, &a, bad[i].text));
        expect_says(&d, bad[i].says);
    }
    char *large = malloc((1 << 20) + 2);
    assert_non_null(large);
    memset(large, '#', (1 << 20) + 1);
    large[(1 << 20) + 1] = 0;
    RuleSet rs;
    Diag d = { 0 };
    assert_false(read_text(&rs, &d, dir, &a, large));
    expect_says(&d, "is larger than the 1 MiB that a profile may have");
    free(large);
    remove_folder(dir);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_breaks_and_keeps),
        cmocka_unit_test(every_rule_has_programs),
        cmocka_unit_test(programs_are_read),
        cmocka_unit_test(records_of_files),
        cmocka_unit_test(levels_follow_the_evidence),
        cmocka_unit_test(releases_are_numbers),
        cmocka_unit_test(limits_change_with_releases),
        cmocka_unit_test(chips_without_facts_have_those_of_their_base),
        cmocka_unit_test(passes_heal_as_the_table_says),
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(rules_are_found_by_finding),
        cmocka_unit_test(profiles_override_the_tables),
        cmocka_unit_test(malformed_profiles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
