/* test_about.c -- what a pass says that it is about (the column of passes.def) is all that it
 * changes: it is not run over a program without such ops, and sees no others. The programs are those
 * of every rule, and the examples of every op, on every generation of chips. */
#include "micro.h"
#include "near.h"
#include "unit.h"

#include "../../ir/mil/mil.h"

#include <string.h>

static char *printed(const Module *m)
{
    Buf b = { 0 };
    mil_print(m, &b);
    buf_putc(&b, '\0');
    return b.s;
}

static int run_shown(const Pass *p, Module *m, PassOptions *o, bool all)
{
    Diag d = { .quiet = true };
    const bool begins = pass_begin(p, m, o);
    if (all) memset(o->about, 1, sizeof o->about);
    const int changes = begins || all ? p->run(m, o, &d) : 0;
    diag_free(&d);
    return changes;
}

/* The pass over m, after two copies have shown that it changes the same where it sees all ops. -1: it
 * says an error. */
static int both_ways(const Pass *p, Module *m, PassOptions *o, int *skipped)
{
    Module *some = module_clone(m), *all = module_clone(m);
    const int changes = run_shown(p, some, o, false), usual = run_shown(p, all, o, true);
    char *is = printed(some), *would_be = printed(all);
    if (changes != usual || (usual >= 0 && strcmp(is, would_be) != 0))
        fail_msg("the pass %s changes %d, and %d where it is shown all: %s", p->name,
                 changes, usual, would_be);
    *skipped += !pass_begin(p, m, o);
    mem_free(is);
    mem_free(would_be);
    module_free(some);
    module_free(all);
    return run_shown(p, m, o, false);
}

/* The number of passes that had nothing to do in the program. */
static int hold_pipeline(Arena *a, const Target *chip, const char *text)
{
    Diag d = { .quiet = true };
    Source src = { .name = "program.mil", .text = micro_text(a, "ios18", text) };
    src.len = strlen(src.text);
    Module *m = near_read(&d, &src);
    RuleSet rs;
    ruleset_init(&rs, chip, NULL);
    PassOptions o = { .target = chip, .rules = &rs };
    int skipped = 0;
    if (m) m->missing = 1;
    for (int i = 0; m && i < pass_count; i++)
        if (strcmp(passes[i].name, "compress") != 0
            && both_ways(&passes[i], m, &o, &skipped) < 0)
            break;
    module_free(m);
    diag_free(&d);
    return skipped;
}

static void passes_change_what_they_are_about(void **state)
{
    (void)state;
    int skipped = 0, programs = 0;
    for (int r = 0; r < RULE_COUNT; r++) {
        if (rules[r].heavy || !rules[r].programs[0].breaks) continue;
        for (const RulePrograms *k = rules[r].programs; k->breaks; k++) {
            const Target *chip;
            for (int i = 0; (chip = generation_at(i)); i++) {
                Arena a = { 0 };
                skipped += hold_pipeline(&a, chip, k->breaks);
                skipped += hold_pipeline(&a, chip, k->keeps);
                programs += 2;
                arena_free(&a);
            }
        }
    }
    assert_true(skipped > 5 * programs);
}

/* The ops that a rule names are those that its pass, where it is one alone, is about; a pass for
 * compressed weights is about these, and its rules also name who takes them. */
static void passes_are_about_what_their_rules_name(void **state)
{
    (void)state;
    int held = 0;
    for (int r = 0; r < RULE_COUNT; r++)
        for (int i = 0; rules[r].pass && i < pass_count; i++) {
            const int16_t *about = passes[i].about;
            if (strcmp(rules[r].pass, passes[i].name) != 0 || !about
                || ops[*about].flags & F_CONSTEXPR)
                continue;
            for (int k = 0; k < OP_COUNT; k++) {
                Arena a = { 0 };
                bool listed = false;
                for (const int16_t *at = about; *at != OP_NONE; at++)
                    listed = listed || *at == k;
                if (rules[r].ops
                    && strstr(rules[r].ops, arena_printf(&a, " %s ", ops[k].name))
                    && !listed)
                    fail_msg("the rule %s is about %s, the pass %s is not", rules[r].name,
                             ops[k].name, passes[i].name);
                held += listed;
                arena_free(&a);
            }
        }
    assert_true(held > 30);
}

/* Each row that names ops is skipped where a program has none, and runs where it has one. */
static void passes_are_skipped_without_their_ops(void **state)
{
    (void)state;
    for (int i = 0; i < pass_count; i++) {
        PassOptions o = { .target = target_find("m1") };
        Module *m = module_new();
        assert_int_equal(pass_begin(&passes[i], m, &o), !passes[i].about);
        for (int k = 0; k < OP_COUNT; k++) {
            bool listed = !passes[i].about;
            for (const int16_t *at = passes[i].about; at && *at != OP_NONE; at++)
                listed = listed || *at == k;
            assert_int_equal(o.about[k], listed);
        }
        if (passes[i].about) {
            Func *f = func_new(m, "main", OPSET_IOS18);
            op_unlink(op_new_of(m, f->body, NULL, passes[i].about[0], (Loc){ 0 }));
            assert_true(pass_begin(&passes[i], m, &o));
        }
        module_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_change_what_they_are_about),
        cmocka_unit_test(passes_are_about_what_their_rules_name),
        cmocka_unit_test(passes_are_skipped_without_their_ops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
