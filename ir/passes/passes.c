/* passes.c -- the pipeline: runs the passes of passes.def in order, with the verifier after
 * each. */
#include "compress.h"
#include "passes.h"

#include <string.h>

#define ALL NULL
#define ABOUT(...) \
    (const int16_t[]) { __VA_ARGS__, OP_NONE }
const Pass passes[] = {
#define PASS(f, n, kinds, w) { .name = n, .why = w, .about = kinds, .run = pass_##f },
#include "passes.def"
};
#undef ALL
#undef ABOUT
const int pass_count = (int)COUNT(passes);

/* For scripts that name the pass which expanded ops of our own. */
int pass_nothing(Module *m, const PassOptions *o, Diag *d)
{
    (void)m, (void)o, (void)d;
    return 0;
}

bool pass_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *s = list; s; s = list_next(s))
        if (strcspn(s, ",") == len && !memcmp(s, name, len)) return true;
    return false;
}

/* Every name of a list must be a pass. */
static bool check_list(const char *list, Diag *d)
{
    Arena scratch = { 0 };
    bool ok = true;
    for (const char *s = list; ok && s; s = list_next(s)) {
        const char *name = arena_strndup(&scratch, s, strcspn(s, ","));
        const char *known[COUNT(passes)];
        bool found = false;
        for (size_t i = 0; i < COUNT(passes); i++) {
            known[i] = passes[i].name;
            found = found || !strcmp(name, known[i]);
        }
        const char *near = found ? NULL : name_nearest(name, known, COUNT(passes));
        if (!found)
            ok = near ? diag_error(d, (Loc){ 0 },
                                   "there is no pass called %s; did you mean %s?", name,
                                   near)
                      : diag_error(d, (Loc){ 0 },
                                   "there is no pass called %s; --list-passes shows all",
                                   name);
    }
    arena_free(&scratch);
    return ok;
}

/* Passes that say what the options --io and --opset say: those run for every target. */
static const char io_passes[] = "boundary,algebra", opset_passes[] = "opset,dce,spelling";

static bool is_wanted(const Module *m, const PassOptions *o, const char *name)
{
    const bool compress = !strcmp(name, "compress");
    if (compress && o->compress) return true;
    if (o->only) return pass_listed(o->only, name);
    if (compress) return module_compresses(m);
    const char *listed = target_passes(o->target);
    return !listed || pass_listed(listed, name)
        || (o->io != IO_AUTO && pass_listed(io_passes, name))
        || (o->opset != OPSET_NONE && pass_listed(opset_passes, name))
        || (o->states_as_io && !strcmp(name, "states"));
}

bool pass_begin(const Pass *p, const Module *m, PassOptions *o)
{
    bool some = !p->about;
    memset(o->about, !p->about, sizeof o->about);
    for (const int16_t *k = p->about; k && *k != OP_NONE; k++) {
        o->about[*k] = true;
        some = some || module_has_kind(m, *k);
    }
    return some;
}

typedef struct {
    GuardTask lost;
    Module *module;
    uint64_t links;
} Under;

static void left_half(void *under)
{
    const Under *u = under;
    u->module->broken |= u->module->links != u->links;
}

static bool run_all(Module *m, const PassOptions *given, Diag *d);

bool passes_run(Module *m, const PassOptions *o, Diag *d)
{
    Under u = { .module = m, .links = m->links };
    guard_task(&u.lost, left_half, &u);
    const bool ok = run_all(m, o, d);
    guard_task_end(&u.lost);
    return ok;
}

/* A program of more ops than this is verified once behind all passes, not behind each that changed
 * something, which was a third of their time; whose fault it then is a smaller program shows. */
enum { VERIFIED_EACH = 50000 };

/* Verifies what the passes since the last time made; `last` is the last that changed something.
 * What becomes known by folding may show that an op of the author's does not take it, which nobody
 * could tell before: an error of the program, and no fault of the pass. */
static bool is_valid_behind(Module *m, const Pass *last, Diag *d)
{
    Diag quiet = { .quiet = true };
    if (last->run != pass_fold) return module_verify(m, d, last->name);
    const bool ok = module_verify(m, &quiet, NULL);
    diag_free(&quiet);
    return ok || module_verify(m, d, NULL);
}

static bool run_all(Module *m, const PassOptions *given, Diag *d)
{
    RuleSet own;
    PassOptions with = *given, *o = &with;
    if (!o->rules) {
        ruleset_init(&own, o->target, NULL);
        o->rules = &own;
    }
    if (o->only && !check_list(o->only, d)) return false;
    if (o->dump && strcmp(o->dump, "all") != 0 && !check_list(o->dump, d)) return false;
    if (o->compress) compress_name_weights(m);
    const Pass *unverified = NULL;
    for (int i = 0; i < pass_count; i++) {
        if (!is_wanted(m, o, passes[i].name)) continue;
        int changes = pass_begin(&passes[i], m, o) ? passes[i].run(m, o, d) : 0;
        if (changes < 0) return false;
        if (changes) unverified = &passes[i];
        if (changes && (m->nop <= VERIFIED_EACH || passes[i].run == pass_fold)) {
            if (!is_valid_behind(m, unverified, d)) return false;
            unverified = NULL;
        }
        if (o->dump && (!strcmp(o->dump, "all") || pass_listed(o->dump, passes[i].name)))
            o->dump_to(o->ctx, passes[i].name, changes, m);
    }
    return !unverified || is_valid_behind(m, unverified, d);
}

/* ---- shared by passes -------------------------------------------------------------------- */

IoMode pass_io(const PassOptions *o)
{
    return o->io != IO_AUTO ? o->io : target_io(o->target);
}

Builder before_op(Op *op, Diag *d)
{
    Builder b = builder_at(op->parent, op, d, op_loc(op));
    if (op->opset) b.opset = op->opset;
    return b;
}

void replace_op(Op *op, Value *with)
{
    func_replace_uses(op->parent->func, op->out[0], with);
    op_unlink(op);
}

const char *op_const_string(const Op *op, ParamId arg)
{
    const Value *v = op_value(op, arg);
    return v ? value_string(v) : NULL;
}

bool is_relabel(const Op *op)
{
    return op->kind != OP_NONE && op_laws[op->kind].relabels;
}
