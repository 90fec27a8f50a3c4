/* ref.c -- the backend `ref`: compiles a function into a plan, and runs it with its inputs. */
#include "ref_run.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROOM_FIRST = 8 << 10
}; /* bytes that an op has without asking the system for any */

const Plan *ref_plan(const Program *p) { return &((const Ref *)p)->plan; }

DecodedBytes ref_decoded(const Program *p) { return ((const Ref *)p)->decoded; }

/* ---- compiling --------------------------------------------------------------------------- */

static bool check_op(void *ctx, const Op *op)
{
    Diag *d = ctx;
    const OpInfo *info = &ops[op->kind];
    if (op->kind == OP_const || info->eval || ref_is_special(op->kind)) return true;
    diag_error(d, op_loc(op),
               info->flags & F_UNSUPPORTED
                   ? "%s is read and printed, but cannot be run"
                   : "%s has no reference kernel yet: it cannot be run",
               op_name(op));
    return true;
}

/* Weights that are needed and absent: said before anything runs, once a file. */
static bool check_weights(const Ref *r, Diag *d)
{
    bool ok = true;
    const Module *m = r->base.module;
    for (int i = 0; i < r->plan.nslot; i++) {
        const SlotInfo *s = &r->plan.slot[i];
        const WeightFile *w = s->lit && s->lit->kind == CONST_BLOB ? s->lit->file : NULL;
        bool said = false;
        if (!s->used || !w || !w->absent || m->missing) continue;
        for (int k = 0; k < i && !said; k++)
            said = r->plan.slot[k].used && r->plan.slot[k].lit
                && r->plan.slot[k].lit->kind == CONST_BLOB
                && r->plan.slot[k].lit->file == w;
        if (said) continue;
        ok = diag_error(
            d, s->lit->loc,
            "the weight file %s is absent, and %s needs it; --missing-weights "
            "random or zero stands in for it",
            w->path, s->value->name ? s->value->name : "this op");
    }
    return ok;
}

static bool make_states(Ref *r, Diag *d)
{
    const Block *b = r->base.func->body;
    bool ok = true;
    r->state = NEW_ARRAY(&r->arena, b->nparam + 1, Binding);
    r->state_slot = NEW_ARRAY(&r->arena, b->nparam + 1, int);
    for (int i = 0; ok && i < b->nparam; i++) {
        const Value *v = b->param[i];
        if (!param_is_state(v)) continue;
        const Type *t = param_type(v);
        if (!shape_known(&t->shape))
            ok = diag_error(d, value_loc(v), "the state %s has an unknown dimension: %s",
                            v->name, shape_text(&r->arena, &t->shape));
        Binding *s = &r->state[r->nstate];
        s->name = v->name;
        ok = ok && tensor_alloc(&s->value, d, t->dtype, &t->shape);
        r->state_slot[r->nstate++] = r->plan.body->param[i];
    }
    return ok;
}

static void ref_free(Program *p)
{
    Ref *r = (Ref *)p;
    for (int i = 0; r->held && i < r->plan.nslot; i++) ref_release(r, &r->held[i]);
    for (int i = 0; i < r->nresult; i++) tensor_free(&r->result[i].value);
    for (int i = 0; i < r->nstate; i++) tensor_free(&r->state[i].value);
    arena_free(&r->arena);
    mem_free(r->room.at);
    mem_free(r->rough.at);
    mem_free(r);
}

static Program *ref_compile(const Backend *self, const Module *m, const Func *f, Diag *d)
{
    (void)self;
    Ref *r = mem_zero(1, sizeof *r);
    if (!r) {
        diag_fail(d, "no memory for a program");
        return NULL;
    }
    int before = diag_wrong(d);
    r->base = (Program){ .module = m, .func = f };
    r->plan.arena = &r->arena;
    func_read(f, check_op, d);
    if (diag_wrong(d) == before && plan_make(&r->plan, f, d) && plan_fits(&r->plan, d)
        && check_weights(r, d) && make_states(r, d)) {
        r->held = NEW_ARRAY(&r->arena, r->plan.nslot + 1, Held);
        r->room = (RefRoom){ mem_zero(ROOM_FIRST, 1), ROOM_FIRST };
        if (!r->room.at) mem_out(ROOM_FIRST);
        r->res = NEW_ARRAY(&r->arena, MAX_RESULT, Tensor);
        const size_t quarter = r->plan.compressed / 4;
        r->decoded.keep = quarter > DECODED_KEEP ? quarter : DECODED_KEEP;
        r->result = NEW_ARRAY(&r->arena, f->body->nresult + 1, Binding);
        return &r->base;
    }
    ref_free(&r->base);
    return NULL;
}

void ref_hook(Program *p, CallHook hook) { ((Ref *)p)->hook = hook; }

/* ---- running ----------------------------------------------------------------------------- */

static void bind_params(Ref *r, const Binding *in, int nin)
{
    int at = 0;
    for (int k = 0; k < nin; k++) {
        const int p = param_find(r->base.func, in[k].name, &at);
        if (p >= 0)
            r->held[r->plan.body->param[p]] = (Held){ .t = in[k].value, .set = true };
    }
    for (int i = 0; i < r->nstate; i++)
        r->held[r->state_slot[i]] = (Held){ .t = r->state[i].value, .set = true };
}

/* Memory ran out: what slots hold goes, and with it what was loaded and decoded for later. */
static void run_lost(void *ref)
{
    Ref *r = ref;
    for (int i = 0; i < r->plan.nslot; i++) {
        const Step *from = r->plan.slot[i].decoder;
        ref_release(r, &r->held[i]);
        if (from) *from->decoded = (struct Decoded){ 0 };
    }
    r->decoded.now = r->decoded.kept = 0;
    if (r->busy) {
        for (int i = 0; i < MAX_RESULT; i++) tensor_free(&r->res[i]);
        memset(r->room.at, 0, r->room.size);
        r->busy = false;
    }
    for (int i = 0; i < r->nresult; i++) tensor_free(&r->result[i].value);
    r->nresult = 0;
}

/* What stays until the next run is the program's, and no more the call's. */
static void ref_keep(const Ref *r)
{
    if (mem_owned(r)) return;
    for (int i = 0; i < r->plan.nslot; i++)
        if (r->held[i].mine) tensor_follow(r, &r->held[i].t);
    for (int i = 0; i < r->nresult; i++) tensor_follow(r, &r->result[i].value);
}

/* Results of the last run, which end with this one: their memory is for what takes their
 * place. */
static void results_back(Ref *r)
{
    for (int i = 0; i < r->nresult; i++) {
        Tensor *t = &r->result[i].value;
        const int slot = r->plan.body->result[i];
        const SlotInfo *s = &r->plan.slot[slot];
        Held *h = &r->held[slot];
        if (t->owned && s->value->def && !s->lit && !s->constant && !h->set && !h->mine) {
            *h = (Held){ .t = *t, .set = true, .mine = true };
            ref_drop(r, h);
            *t = (Tensor){ 0 };
        } else tensor_free(t);
    }
    r->nresult = 0;
}

/* All that is for the next run alone. */
static void ref_lean(Ref *r)
{
    for (int i = 0; i < r->plan.nslot; i++)
        if (r->held[i].mine && !r->held[i].set) ref_release(r, &r->held[i]);
    mem_free(r->rough.at);
    r->rough = (RefRoom){ .at = NULL };
    char *least = r->room.size > ROOM_FIRST ? mem_zero(ROOM_FIRST, 1) : NULL;
    if (!least) return;
    mem_free(r->room.at);
    r->room = (RefRoom){ least, ROOM_FIRST };
    mem_follow(r, least);
}

static bool ref_run(Program *p, Diag *d, const Binding *in, int nin,
                    const RunOptions *opt)
{
    Ref *r = (Ref *)p;
    const Block *b = p->func->body;
    RefRun run = { .ref = r, .diag = d, .opt = opt };
    GuardTask lost;
    guard_task(&lost, run_lost, r);
    results_back(r);
    bind_params(r, in, nin);
    bool ok = ref_steps(&run, r->plan.body);
    for (int i = 0; ok && i < b->nresult; i++) {
        r->result[i] = (Binding){ .name = b->result[i]->name };
        ok = ref_take_result(&run, r->plan.body, i, &r->result[i].value);
        if (ok) r->nresult++;
    }
    ref_drop_range(r, 0, r->plan.nslot);
    for (int i = 0; i < r->plan.nslot; i++)
        if (r->plan.slot[i].decoder) ref_let_go(r, r->plan.slot[i].decoder);
    guard_task_end(&lost);
    if (opt->lean) ref_lean(r);
    ref_keep(r);
    return ok;
}

static int ref_results(Program *p, const Binding **out)
{
    *out = ((Ref *)p)->result;
    return ((Ref *)p)->nresult;
}

/* Only of its own memory: a result may be a view of an input or a literal. */
static bool ref_take(Program *p, int result, Tensor *out)
{
    Ref *r = (Ref *)p;
    Tensor *t = &r->result[result].value;
    if (result >= r->nresult || !t->owned) return false;
    *out = *t;
    t->owned = false;
    return true;
}

static int ref_states(Program *p, Binding **out)
{
    *out = ((Ref *)p)->state;
    return ((Ref *)p)->nstate;
}

static void ref_reset(Program *p)
{
    Ref *r = (Ref *)p;
    for (int i = 0; i < r->nstate; i++)
        if (r->state[i].value.bytes)
            memset(r->state[i].value.data, 0, r->state[i].value.bytes);
    r->draws = 0;
    r->epoch++;
}

const Backend backend_ref = {
    .name = "ref",
    .doc = "the reference kernel of every op, one after the other; floats in "
           "double",
    .target = &targets[TARGET_host],
    .compile = ref_compile,
    .run = ref_run,
    .results = ref_results,
    .states = ref_states,
    .reset = ref_reset,
    .free = ref_free,
    .take = ref_take
};
