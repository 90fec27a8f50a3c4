/* row.c -- several programs in a row that act as one: for a function that is too deep, or
 * that has ops on integers in front. Each is wired to those before it, so that on an engine
 * values go from one to the next in its surfaces. The same holds from run to run: a result
 * of the whole may be wired to an input of the whole, if one part has both. */
#include "composed.h"
#include "ref/ref.h"

#include "../ir/passes/passes.h"

#include <string.h>

typedef struct {
    int part, result;
} RowOrigin;

typedef struct {
    Program base;  /* first */
    Backend calls; /* what base.backend points at: the engine's name, and these calls */
    Arena arena;
    Module **module;
    int modules;
    Program **part;
    int n;             /* those that are compiled */
    int **param;       /* by part: part_params */
    RowOrigin *source; /* by result of the function */
    bool **unread;     /* by part and its results: Program.unread */
    Binding *result;
    bool whole; /* the last run has ended well: there are results */
    int done;   /* how many parts of one that has not ended well have */
    char *why;
} Row;

static Row *row_of(Program *p) { return (Row *)p; }

/* ---- running ----------------------------------------------------------------------------- */

static int given_to(const Row *r, int part, const Binding *in, int nin, Binding *out)
{
    return part_given(r->base.func, r->part[part]->func, r->param[part], in, nin, out);
}

static bool row_reads(const Row *r, int result)
{
    return !r->base.unread || !r->base.unread[result];
}

/* What parts hand to each other nobody reads, but who watches every value. */
static void row_mind(Row *r, bool every)
{
    for (int i = 0; i < r->n; i++) {
        for (int k = 0; k < r->part[i]->func->body->nresult; k++)
            r->unread[i][k] = !every;
        r->part[i]->unread = r->unread[i];
    }
    for (int i = 0; i < r->base.func->body->nresult; i++)
        r->unread[r->source[i].part][r->source[i].result] = !row_reads(r, i);
}

static bool row_run(Program *p, Diag *d, const Binding *in, int nin,
                    const RunOptions *opt)
{
    Row *r = row_of(p);
    Arena a = { 0 };
    Binding *some = NEW_ARRAY(&a, nin + 1, Binding);
    bool ok = true;
    r->whole = false;
    r->done = 0;
    row_mind(r, opt->each);
    for (int i = 0; ok && i < r->n; i++) {
        ok = program_run(r->part[i], d, some, given_to(r, i, in, nin, some), opt);
        p->broke = r->part[i]->broke;
        r->done += ok;
    }
    if (ok) r->done = 0;
    r->whole = ok;
    arena_free(&a);
    return ok;
}

static int row_results(Program *p, const Binding **out)
{
    Row *r = row_of(p);
    const Binding *from;
    *out = r->result;
    if (!r->whole) return 0;
    row_mind(r, false);
    for (int i = 0; i < p->func->body->nresult; i++) {
        program_results(r->part[r->source[i].part], &from);
        r->result[i].value = from[r->source[i].result].value;
        r->result[i].value.owned = false;
    }
    return p->func->body->nresult;
}

static int row_states(Program *p, Binding **out)
{
    (void)p;
    *out = NULL;
    return 0;
}

static void row_reset(Program *p)
{
    for (int i = 0; i < row_of(p)->n; i++) program_reset(row_of(p)->part[i]);
}

static void row_free(Program *p)
{
    Row *r = row_of(p);
    for (int i = r->n; i-- > 0;) {
        program_free(r->part[i]);
        if (r->param) mem_free(r->param[i]);
    }
    for (int i = 0; i < r->modules; i++) module_free(r->module[i]);
    arena_free(&r->arena);
    mem_free(r->why);
    mem_free(r);
}

/* ---- wiring ------------------------------------------------------------------------------ */

static int row_param(const Row *r, int part, int param) { return r->param[part][param]; }

/* Parts that take the parameter share it no more. */
static void row_unwire(Row *r, int param)
{
    for (int i = 0; i < r->n; i++) {
        const int k = row_param(r, i, param);
        if (k >= 0) r->part[i]->backend->wire(r->part[i], k, NULL, 0);
    }
}

/* The part that makes the result takes the parameter too, so that it has two surfaces in turn,
 * and none behind it does: those would find what is new. Parts before it read the surface that
 * is its input when its turn comes. */
static bool row_wire_param(Program *to, int param, Program *from, int result)
{
    Row *r = row_of(to);
    if (from) row_unwire(r, param);
    else return row_unwire(r, param), true;
    if (from != to) return false;
    const RowOrigin o = r->source[result];
    bool ok = row_param(r, o.part, param) >= 0;
    for (int i = 0; ok && i < r->n; i++) {
        const int k = row_param(r, i, param);
        if (k < 0) continue;
        ok = i <= o.part && r->part[i]->backend == r->part[o.part]->backend
          && r->part[i]->backend->wire(r->part[i], k, r->part[o.part], o.result);
    }
    if (!ok) row_unwire(r, param);
    return ok;
}

/* The part that makes what the parameter becomes has what it was. */
static bool row_given(Program *p, int param, bool undone, Diag *d, Tensor *out)
{
    Row *r = row_of(p);
    int i = r->n - 1;
    while (i > 0 && row_param(r, i, param) < 0) i--;
    return r->part[i]->backend->given(r->part[i], row_param(r, i, param),
                                      undone || i < r->done, d, out);
}

/* ---- compiling --------------------------------------------------------------------------- */

static int result_of(const Program *p, const char *name)
{
    for (int i = 0; i < p->func->body->nresult; i++)
        if (!strcmp(p->func->body->result[i]->name, name)) return i;
    return -1;
}

/* The part of the first n that makes a value of that name. */
static bool find_origin(const Row *r, int n, const char *name, RowOrigin *out)
{
    for (int i = 0; i < n; i++) {
        const int k = result_of(r->part[i], name);
        if (k < 0) continue;
        *out = (RowOrigin){ i, k };
        return true;
    }
    return false;
}

static bool row_wire(Row *r, int part, Diag *d)
{
    const Block *b = r->part[part]->func->body;
    RowOrigin from;
    bool ok = true;
    for (int i = 0; ok && i < b->nparam; i++)
        if (find_origin(r, part, b->param[i]->name, &from))
            ok = program_wire(r->part[part], b->param[i]->name, r->part[from.part],
                              b->param[i]->name, d);
    return ok;
}

static void name_results(Row *r, const Func *f)
{
    const int n = f->body->nresult;
    r->source = NEW_ARRAY(&r->arena, n + 1, RowOrigin);
    r->result = NEW_ARRAY(&r->arena, n + 1, Binding);
    r->unread = NEW_ARRAY(&r->arena, r->n + 1, bool *);
    for (int i = 0; i < r->n; i++)
        r->unread[i] = NEW_ARRAY(&r->arena, r->part[i]->func->body->nresult + 1, bool);
    for (int i = 0; i < n; i++) {
        r->result[i].name = f->body->result[i]->name;
        if (!find_origin(r, r->n, r->result[i].name, &r->source[i]))
            bug("no part makes %s", r->result[i].name);
    }
}

static bool compile_part(Row *r, const Backend *b, Diag *d)
{
    const int i = r->n;
    r->part[i] = program_under(b, r->module[i], module_main(r->module[i]), d);
    r->n += r->part[i] != NULL;
    return r->part[i] && row_wire(r, i, d);
}

/* They run as part `first` does, for a reason more. */
static void row_told(Row *r, const Func *f, int first, const char *reason)
{
    Buf why = { 0 };
    name_results(r, f);
    r->param = NEW_ARRAY(&r->arena, r->n + 1, int *);
    for (int i = 0; i < r->n; i++) r->param[i] = part_params(f, r->part[i]->func);
    r->base.as = r->part[first]->as;
    const char *before = r->base.as.why;
    buf_printf(&why, "%s%s%s", before ? before : "", before ? "; " : "", reason);
    r->base.as.why = r->why = why.s;
}

static bool compile_parts(Row *r, const Backend *b, const Func *f, Diag *d)
{
    r->part = NEW_ARRAY(&r->arena, r->modules + 1, Program *);
    for (int i = 0; i < r->modules; i++)
        if (!compile_part(r, b, d)) return false;
    row_told(r, f, 0, arena_printf(&r->arena, "%d programs in a row", r->n));
    return true;
}

static Row *row_new(const Backend *b, const Func *f)
{
    Row *r = mem_zero(1, sizeof *r);
    if (!r) mem_out(sizeof *r);
    r->calls = (Backend){ .name = b->name,
                          .doc = b->doc,
                          .target = b->target,
                          .row = b->row,
                          .run = row_run,
                          .results = row_results,
                          .states = row_states,
                          .reset = row_reset,
                          .free = row_free };
    if (b->wire && b->given) {
        r->calls.wire = row_wire_param;
        r->calls.given = row_given;
    }
    r->base.backend = &r->calls;
    r->base.func = f;
    return r;
}

bool row_compile(const Backend *b, const Module *m, const Func *f, Diag *d, Program **out)
{
    RuleSet rs;
    (void)m;
    if (!backend_rules(b, &rs, d) || !func_is_deep(f, &rs)) return false;
    Row *r = row_new(b, f);
    const int n = func_cut(f, &rs, &r->arena, &r->module, d);
    r->modules = n;
    *out = n && compile_parts(r, b, f, d) ? &r->base : NULL;
    if (!*out) row_free(&r->base);
    return n > 0;
}

/* ---- the engine's parts and the processor's ---------------------------------------------- */

/* What keeps the first op that is not the engine's from it. */
static const char *placed_why(const Placement *at, Arena *a)
{
    for (int i = 0; i < at->nop; i++)
        if (at->op[i].rule)
            return arena_printf(
                a, "%d parts, %d of them the engine's; the processor runs %s (%s)",
                at->npart, at->engines, op_name(at->op[i].op), at->op[i].rule->name);
    return arena_printf(a, "%d parts, %d of them the engine's", at->npart, at->engines);
}

static bool compile_placed(Row *r, const Backend *const by[2], const RuleSet *rs,
                           const Placement *at, Diag *d)
{
    const Func *f = r->base.func;
    Arena *a = &r->arena;
    int *end = NEW_ARRAY(a, at->npart + 1, int), first = 0;
    for (int i = 0; i < at->npart; i++) end[i] = at->part[i].to;
    r->part = NEW_ARRAY(a, at->npart + 1, Program *);
    r->module = func_cut_at(f, rs, at->npart, end, a, d);
    r->modules = at->npart;
    for (int i = 0; i < r->modules; i++)
        if (!compile_part(r, by[at->part[i].engine], d)) return false;
    while (!at->part[first].engine) first++;
    row_told(r, f, first, placed_why(at, a));
    return true;
}

Program *row_compile_placed(const Backend *engine, const Backend *other, const Func *f,
                            Diag *d)
{
    RuleSet rs;
    Placement at;
    const Backend *const by[2] = { other, engine };
    if (!backend_rules(engine, &rs, d)) return NULL;
    Row *r = row_new(engine, f);
    func_place(f, &rs, &r->arena, d, &at);
    if (at.engines && at.npart > 1 && compile_placed(r, by, &rs, &at, d)) return &r->base;
    row_free(&r->base);
    return NULL;
}

/* ---- what is looked up before ------------------------------------------------------------ */

static bool compile_behind(Row *r, const Backend *b, const Func *f, Diag *d)
{
    r->modules = 2;
    r->module = NEW_ARRAY(&r->arena, r->modules, Module *);
    r->part = NEW_ARRAY(&r->arena, r->modules + 1, Program *);
    front_cut(f, r->module);
    for (int i = 0; i < r->modules; i++)
        if (!module_verify(r->module[i], d, "front")) return false;
    if (!compile_part(r, &backend_ref, d) || !compile_part(r, b, d)) return false;
    row_told(r, f, 1, "the processor looks up what integers stand for");
    return true;
}

bool row_compile_behind(const Backend *b, const Func *f, Diag *d, Program **out)
{
    RuleSet rs;
    if (!b->engine || !front_wanted(f) || !backend_rules(b, &rs, d)
        || !rule_holds(&rs, RULE_io_type))
        return false;
    if (func_on_processor(f)) {
        *out = program_new(&backend_ref, f->module, f, d);
        if (*out) (*out)->as.why = "nothing of it is an engine's";
        return true;
    }
    Row *r = row_new(b, f);
    *out = compile_behind(r, b, f, d) ? &r->base : NULL;
    if (!*out) row_free(&r->base);
    return true;
}
