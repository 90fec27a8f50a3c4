/* test_tables.c -- the facts of the tables, row by row, as the program has them, against
 * tables.txt: a number or letter that changes in a table changes a line there. `make golden`
 * writes it anew, and the diff is the review. What is said of a row for people stands in
 * docs/, whose pages are compared by tests/pages.sh. */
#include "unit.h"

#include "rewritten.h"

#include "../../backends/ane/objc.h"
#include "../../backends/sim/sim.h"
#include "../../ir/passes/passes.h"
#include "../../ir/targets/rules.h"

static Rewritten tables = { .path = "tests/unit/tables.txt" };

static void title(const char *text) { buf_printf(&tables.text, "%s:\n", text); }

#define LINE(...) buf_printf(&tables.text, "  " __VA_ARGS__)

static const char *or_none(const char *text) { return text ? text : "-"; }

/* ---- ir ---------------------------------------------------------------------------------- */

static void put_types(void)
{
    title(
        "dtypes.def: bits, class, .npy, .safetensors, blob, spec, field, array, schema");
    for (int i = 0; i < DT_COUNT; i++) {
        const DTypeInfo *t = &dtypes[i];
        LINE("%s %d %d \"%s\" \"%s\" %d %d %u %x \"%s\"\n", t->name, t->bits, (int)t->cls,
             t->npy, t->safetensors, t->blob, t->spec, t->field, t->array, t->schema);
    }
    Arena a = { 0 };
    title("choices.def: words");
    for (int i = 0; i < DOM_COUNT; i++) {
        const char *words = domain_words(&a, (Domain)i);
        if (*words) LINE("%d: %s\n", i, words);
    }
    arena_free(&a);
    title("domains.def: wider types");
    for (int i = 0; i < DT_COUNT; i++)
        if (dtype_wider((DType)i) != DT_NONE)
            LINE("%s %s\n", dtypes[i].name, dtypes[dtype_wider((DType)i)].name);
    title("domains.def: types in ios15 .. ios26");
    for (int i = 0; i < DOM_COUNT; i++)
        LINE("%d: %x %x %x %x %x\n", i, domain_types((Domain)i, OPSET_IOS15),
             domain_types((Domain)i, OPSET_IOS16), domain_types((Domain)i, OPSET_IOS17),
             domain_types((Domain)i, OPSET_IOS18), domain_types((Domain)i, OPSET_IOS26));
}

/* What an op has beside its names: whoever leaves a column out does so here too. */
static void put_ops(void)
{
    title(
        "ops.def: opset, flags, columns; parameters: variable, types now and in ios15, flags, "
        "default, opsets");
    for (int i = 0; i < OP_COUNT; i++) {
        const OpInfo *o = &ops[i];
        LINE("%s %s %s %x%s%s%s%s\n", o->name, family_names[o->family],
             opset_text(o->since), o->flags, o->infer ? " infer" : "",
             o->eval ? " eval" : "", o->macs ? " macs" : "", o->grad ? " grad" : "");
        const Laws *l = &op_laws[o - ops];
        LINE("  laws %d, %d %g, %d %g, %d %s %lld, %d %d\n", l->relabels, l->right.is,
             l->right.number, l->left.is, l->left.number, (int)l->idle.when,
             param_names[l->idle.param] ? param_names[l->idle.param] : "-",
             (long long)l->idle.number, l->round_trip, l->of_one);
        for (const Param *p = o->param; p->id; p++)
            LINE("  %s \"%s\" %x %x %x %s %d %d\n", param_name(p), p->var,
                 domain_types(p->dom, OPSET_IOS26), domain_types(p->dom, OPSET_IOS15),
                 p->flags, or_none(param_default(p)), p->since, p->until);
    }
}

static void put_passes(void)
{
    title("passes.def");
    for (int i = 0; i < pass_count; i++) LINE("%s\n", passes[i].name);
}

/* ---- targets ----------------------------------------------------------------------------- */

static void put_targets(void)
{
    title(
        "targets.def: base, spelling, opset, io, passes, types to try, spellings to try");
    for (int i = 0; i < target_count; i++) {
        const Target *t = &targets[i], *base = target_base(t);
        const IoMode *io = target_try_io(t);
        const char *const *version = target_try_version(t);
        LINE("%s \"%s\" %s %s %d %s, %d %d %d, %s %s %s\n", t->name,
             base ? base->name : "", or_none(target_version(t)),
             opset_text(target_opset(t)), (int)target_io(t), or_none(target_passes(t)),
             (int)io[0], (int)io[1], (int)io[2], or_none(version[0]), or_none(version[1]),
             or_none(version[2]));
    }
    title("releases.def: a day before each, and each");
    LINE("%s\n", release_newest());
    for (int i = 10; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s,%d.1", chip_at(0)->name, i);
        LINE("%s %s\n", name, target_find(name) ? "is known" : "is none");
    }
}

static void put_numbers(int limit)
{
    const Target *chip;
    for (int k = 0; (chip = generation_at(k)); k++)
        buf_printf(&tables.text, " %lld", (long long)chip_limit(chip, limit));
    buf_putc(&tables.text, '\n');
}

static void put_rules(void)
{
    title("limits.def: by chip");
    for (int i = 0; i < LIMIT_COUNT; i++) {
        LINE("%s", limits[i].name);
        put_numbers(i);
    }
    for (int i = 0; i < limit_change_count; i++) {
        LINE("%s from %s %lld\n", limits[limit_changes[i].limit].name,
             limit_changes[i].from, (long long)limit_changes[i].number);
    }
    title("ops.def: standing by chip");
    for (int i = 0; i < OP_COUNT; i++) {
        char letters[32] = { 0 };
        const Target *chip;
        for (int k = 0; (chip = generation_at(k)) && k < 31; k++)
            letters[k] = standing_letters[target_standing(chip, &op_refusals[i])];
        LINE("%s %s\n", ops[i].name, letters);
    }
    title(
        "rules.def: standing by chip, releases, effect, what it looks at, fix, pass, ops");
    for (int i = 0; i < RULE_COUNT; i++) {
        const Rule *r = &rules[i];
        LINE("%s ", r->name);
        for (int k = 0; generation_at(k); k++)
            buf_putc(&tables.text,
                     standing_letters[chip_standing(generation_at(k), &r->facts)]);
        buf_printf(&tables.text, " \"%s\" %s %d %d %s |%s|\n", r->os ? r->os : "",
                   effect_names[r->effect], (int)r->on, (int)r->fixes, or_none(r->pass),
                   r->ops ? r->ops : "");
    }
}

/* ---- engines ----------------------------------------------------------------------------- */

static void put_numerics(void)
{
    title("numerics.def: plain, by chip, standing, rule");
    for (int i = 0; i < NUM_COUNT; i++) {
        const Numeric *n = &numerics[i];
        LINE("%s %.17g,", n->name, n->plain);
        const Target *chip;
        for (int k = 0; (chip = generation_at(k)); k++)
            buf_printf(&tables.text, " %.17g", chip_number(chip, i).value);
        buf_putc(&tables.text, ' ');
        for (int k = 0; (chip = generation_at(k));
             k++) /* by the letter of its Standing */
            buf_putc(&tables.text, "?a.crdmM"[chip_number(chip, i).standing]);
        buf_printf(&tables.text, " %s\n", n->rule[0] ? n->rule : "-");
    }
    Table t[TABLE_COUNT];
    tables_make(t);
    title("tables.def: from, to, below, above, at 0, largest error");
    for (int i = 0; i < TABLE_COUNT; i++)
        LINE("%s %.9g %.9g %.9g %.9g %.9g %.9g\n", ops[t[i].op].name, t[i].x[0],
             t[i].x[KNOTS - 1], t[i].below, t[i].above, t[i].at_zero, t[i].error_max);
}

/* Tables that are their file's own: the rows as they stand. */
static void put_texts(void)
{
    title("trouble.def: domain, code, status, transient, full");
#define TROUBLE(domain, code, status, transient, full, meaning, source) \
    LINE(#domain " " #code " " #status " " #transient " " #full ": %s\n", meaning);
#include "../../backends/ane/trouble.def"
    title("selectors.def: part, class, kind, since, need");
#define SELECTOR(part, class, kind, id, selector, since, need) \
    LINE(#part " " class " %c" selector " %d " #need "\n", kind, since);
#define ALSO(part, class, kind, id, since, need) \
    LINE(#part " " class " %c" #id " %d " #need "\n", kind, since);
#include "../../backends/ane/selectors.def"
#undef SELECTOR
#undef ALSO
    title("chips: architectures, order of inputs");
    for (int i = 0; generation_at(i); i++)
        LINE("%s %s %s %d\n", generation_at(i)->arch, generation_at(i)->arch_one,
             generation_at(i)->name, (int)target_order(generation_at(i)));
    title("ml.def");
#define CLASS(id, name) LINE(#id " " name "\n");
#define TYPE(dtype, since) LINE(#dtype " %d\n", since);
#define DEVICE(class, name) LINE(class " " name "\n");
#define NEED(id, since, what) LINE(#id " %d\n", since);
#include "../../backends/ane/ml.def"
    title("settings.def: kind, choices, default");
#define SET(id, name, kind, arg, choices, otherwise, help) \
    LINE("%s " #kind " %s %s\n", name, or_none(choices), or_none(otherwise));
#include "../../train/settings.def"
    title("state.def");
#define STATE(member, kind) LINE(#member " %c\n", kind);
#include "../../train/state.def"
    title("options.def: letter, kind, choices");
#define ONLY_OF_LIBRARY
#define OPT(id, name, letter, kind, argument, choices, help) \
    LINE("%s %d " #kind " %s\n", or_none(name), letter, or_none(choices));
#include "../../include/options.def"
#undef OPT
    title("warnings.def");
    for (int i = 0; i < WARN_COUNT; i++) LINE("%s\n", warning_names[i]);
}

static void rows_are_as_they_were(void **state)
{
    (void)state;
    put_types();
    put_ops();
    put_passes();
    put_targets();
    put_rules();
    put_numerics();
    put_texts();
    rewritten_end(&tables);
}

/* ---- against facts ------------------------------------------------------------------------ */

/* Numbers that were printed by others, beside the tables. */
static void facts_stand_in_the_tables(void **state)
{
    (void)state;
    static const struct {
        int limit;
        int64_t m1, m5;
    } facts[] = {
        { LIMIT_width, 16384, 65536 },
        { LIMIT_height, 16384, 65536 },
        { LIMIT_channels, 65536, 65536 },
        { LIMIT_batch, 65536, 65536 },
        { LIMIT_rank, 5, 5 },
        { LIMIT_kernel_width, 13, 15 },
        { LIMIT_kernel_height, 29, 32 },
        { LIMIT_arg_axis, 2048, 2048 },
        { LIMIT_norm_width, 10239, 10239 },
    };
    for (size_t i = 0; i < COUNT(facts); i++) {
        assert_int_equal(chip_limit(target_find("m1"), facts[i].limit), facts[i].m1);
        assert_int_equal(chip_limit(target_find("m5"), facts[i].limit), facts[i].m5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_as_they_were),
        cmocka_unit_test(facts_stand_in_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
