/* ref_run.c -- runs the steps of a plan: ops by their reference kernels; blocks and states
 * here. */
#include "ref_run.h"

#include <string.h>

enum { ROOM_MOST = 16 << 20 }; /* bytes, once ops have asked for more than they had */

/* ---- ops -------------------------------------------------------------------------- */

/* A value computed at run time must be of the type that the program declares for it. */
static bool check_declared(RefRun *run, const Step *s, int i, const Tensor *t,
                           Arena *scratch)
{
    const Value *v = s->op->out[i];
    if (t->is_list || v->type->kind != TY_TENSOR) return true;
    if (v->type->dtype == t->dtype && shape_fits(&v->type->shape, &t->shape)) return true;
    return diag_error(run->diag, op_loc(s->op),
                      "%s is declared %s, but %s resulted in %s", v->name,
                      type_text(scratch, v->type), op_name(s->op),
                      type_text(scratch, type_tensor(scratch, t->dtype, t->shape)));
}

static bool ref_store(RefRun *run, const Step *s, int i, Tensor *t, Arena *scratch)
{
    Held *h = &run->ref->held[s->out[i]];
    ref_release(run->ref, h);
    *h = (Held){ .t = *t, .set = true, .mine = true };
    *t = (Tensor){ 0 };
    return check_declared(run, s, i, &h->t, scratch)
        && (s->decoded || !run->opt->each
            || run->opt->each(run->opt->ctx, s->op->out[i], &h->t));
}

static bool set_args(RefRun *run, const Step *s, Call *c)
{
    for (int i = 0; i < s->narg; i++) {
        const StepArg *a = &s->arg[i];
        CallArg *v = NEW_ARRAY(c->arena, a->n + 1, CallArg);
        for (int k = 0; k < a->n; k++) {
            const SlotInfo *info = &run->ref->plan.slot[a->slot[k]];
            const Tensor *t = ref_value(run, a->slot[k]);
            if (!t) return false;
            bool tensor = !t->is_list && info->value->type->kind == TY_TENSOR;
            v[k] = (CallArg){ .type = tensor ? type_tensor(c->arena, t->dtype, t->shape)
                                             : info->value->type,
                              .val = t,
                              .constant = info->lit || info->constant };
        }
        call_give(c, a->param, a->n, v);
    }
    return true;
}

static bool call_with(RefRun *run, const Step *s, Arena *scratch, Arena *rough,
                      Tensor *res)
{
    Ref *r = run->ref;
    const OpInfo *info = &ops[s->op->kind];
    Call *c = NEW(scratch, Call);
    call_init(c, info, s->opset, scratch, run->diag, op_loc(s->op));
    c->random_seed = run->opt->random_seed;
    if (info->flags & F_IMPURE) {
        if (s->drawn->epoch != r->epoch) *s->drawn = (struct Drawn){ .epoch = r->epoch };
        c->random_draw = s->drawn->times++;
        c->random_serial = r->draws++;
    }
    c->rough = rough;
    c->choice = s->choice;
    c->equation = s->equation;
    if (!set_args(run, s, c)) return false;
    for (int i = 0; i < s->op->nout; i++) res[i] = ref_spare(r, &r->held[s->out[i]]);
    if (!(r->hook.run ? r->hook.run(r->hook.ctx, s->op, c, res, MAX_RESULT)
                      : call_run(c, res, MAX_RESULT))) {
        for (int i = 0; i < s->op->nout; i++) tensor_free(&res[i]);
        return false;
    }
    bool ok = c->nout == s->op->nout
           || diag_error(run->diag, op_loc(s->op),
                         "%s resulted in %d values; %d are named", op_name(s->op),
                         c->nout, s->op->nout);
    for (int i = 0; i < c->nout; i++)
        if (ok) ok = ref_store(run, s, i, &res[i], scratch);
        else tensor_free(&res[i]);
    for (int i = c->nout; i < s->op->nout; i++) tensor_free(&res[i]);
    return ok;
}

/* The next op that wants as much has it without asking the system. */
static void room_more(Ref *r, RefRoom *room, const Arena *used)
{
    const size_t wanted = room->size + used->total;
    char *more = wanted <= ROOM_MOST ? mem_zero(wanted, 1) : NULL;
    if (!more) return;
    mem_free(room->at);
    *room = (RefRoom){ more, wanted };
    mem_follow(r, more);
}

static Arena room_begin(const RefRoom *room)
{
    return room->at ? (Arena){ .at = room->at, .end = room->at + room->size }
                    : (Arena){ .at = NULL };
}

/* In the room, as it is, or by what did not fit. */
static size_t room_used(const RefRoom *room, const Arena *a)
{
    return a->end == room->at + room->size ? (size_t)(a->at - room->at) : room->size;
}

/* A call in the program's own room, which is made zero again; one inside another, as the
 * decoding of its operand is, in memory of its own. */
bool ref_call(RefRun *run, const Step *s)
{
    Ref *r = run->ref;
    const bool own = !r->busy;
    Arena scratch = { 0 }, rough = { 0 };
    if (own) {
        scratch = room_begin(&r->room);
        rough = room_begin(&r->rough);
    }
    Tensor *res = own ? r->res : NEW_ARRAY(&scratch, MAX_RESULT, Tensor);
    r->busy = true;
    const bool ok = call_with(run, s, &scratch, own ? &rough : NULL, res);
    if (own) {
        memset(r->room.at, 0, room_used(&r->room, &scratch));
        if (scratch.chunk) room_more(r, &r->room, &scratch);
        if (rough.chunk) room_more(r, &r->rough, &rough);
        r->busy = false;
    }
    if (scratch.chunk) arena_free(&scratch);
    if (rough.chunk) arena_free(&rough);
    return ok;
}

/* ---- states ------------------------------------------------------------------------------ */

static int step_slot(const Step *s, ParamId p)
{
    for (int i = 0; i < s->narg; i++)
        if (s->arg[i].param == p && s->arg[i].n) return s->arg[i].slot[0];
    bug("%s has no %s", op_name(s->op), param_names[p]);
}

static bool run_read_state(RefRun *run, const Step *s, Arena *scratch)
{
    Tensor t;
    const Tensor *state = ref_value(run, step_slot(s, P_input));
    return state && tensor_copy(&t, run->diag, state)
        && ref_store(run, s, 0, &t, scratch);
}

static bool run_write_state(RefRun *run, const Step *s, Arena *scratch)
{
    const Tensor *state = ref_value(run, step_slot(s, P_input));
    const Tensor *data = ref_value(run, step_slot(s, P_data));
    if (!state || !data) return false;
    if (state->dtype != data->dtype || !shape_equal(&state->shape, &data->shape))
        return diag_error(run->diag, op_loc(s->op),
                          "%s: the state holds %s %s, data is %s %s", op_name(s->op),
                          dtypes[state->dtype].name, shape_text(scratch, &state->shape),
                          dtypes[data->dtype].name, shape_text(scratch, &data->shape));
    if (data->bytes) memcpy(state->data, data->data, data->bytes);
    return !s->op->nout || run_read_state(run, s, scratch);
}

/* ---- blocks ------------------------------------------------------------------------------ */

static bool run_cond(RefRun *run, const Step *s, Arena *scratch)
{
    const Tensor *pred = ref_value(run, step_slot(s, P_pred));
    if (!pred) return false;
    if (pred->count != 1)
        return diag_error(run->diag, op_loc(s->op), "cond: pred must be one bool");
    const Steps *b = s->block[tensor_int(pred, 0) ? 0 : 1];
    bool ok = ref_steps(run, b);
    for (int i = 0; ok && i < s->op->nout; i++) {
        Tensor t;
        ok = ref_take_result(run, b, i, &t) && ref_store(run, s, i, &t, scratch);
    }
    ref_drop_range(run->ref, b->first, b->end);
    return ok;
}

static void bind_vars(RefRun *run, const Steps *b, const Held *var)
{
    for (int i = 0; i < b->block->nparam; i++) {
        Held *h = &run->ref->held[b->param[i]];
        ref_release(run->ref, h);
        *h = (Held){ .t = var[i].t, .set = true };
    }
}

static bool loop_goes_on(RefRun *run, const Steps *cond, const Held *var, bool *yes)
{
    bind_vars(run, cond, var);
    bool ok = ref_steps(run, cond);
    const Tensor *t = ok ? ref_value(run, cond->result[0]) : NULL;
    ok = t != NULL
      && (t->count == 1
          || diag_error(run->diag, op_loc(cond->block->owner),
                        "while_loop: its condition must yield one bool"));
    if (ok) *yes = tensor_int(t, 0) != 0;
    ref_drop_range(run->ref, cond->first, cond->end);
    return ok;
}

static bool loop_step(RefRun *run, const Steps *body, Held *var, int n, Arena *scratch)
{
    Held *next = NEW_ARRAY(scratch, n + 1, Held);
    bind_vars(run, body, var);
    bool ok = ref_steps(run, body);
    for (int i = 0; ok && i < n; i++) {
        if (body->result[i] == body->param[i])
            continue; /* this variable stays as it is */
        ok = ref_take_result(run, body, i, &next[i].t);
        next[i].set = next[i].mine = ok;
    }
    ref_drop_range(run->ref, body->first, body->end);
    for (int i = 0; i < n; i++) {
        if (!next[i].set) continue;
        ref_release(run->ref, &var[i]);
        var[i] = next[i];
    }
    return ok;
}

static bool loop_end(RefRun *run, const Step *s, Held *var, int i, Arena *scratch)
{
    Tensor t;
    if (!var[i].mine && !tensor_copy(&t, run->diag, &var[i].t)) return false;
    if (var[i].mine) t = var[i].t;
    var[i] = (Held){ 0 };
    return ref_store(run, s, i, &t, scratch);
}

static bool run_while(RefRun *run, const Step *s, Arena *scratch)
{
    const int n = s->op->nout;
    Held *var = NEW_ARRAY(scratch, n + 1, Held);
    bool ok = true, yes = false;
    for (int i = 0; ok && i < n; i++) {
        const Tensor *t = ref_value(run, s->arg[0].slot[i]);
        ok = t != NULL;
        if (t) var[i] = (Held){ .t = *t, .set = true };
    }
    for (uint64_t step = 0; ok; step++) {
        Arena turn = { 0 };
        ok = loop_goes_on(run, s->block[0], var, &yes);
        if (ok && !yes) break;
        ok = ok && plan_turns(s->op, step, run->opt->max_steps, run->diag)
          && loop_step(run, s->block[1], var, n, &turn);
        arena_free(&turn);
    }
    for (int i = 0; ok && i < n; i++) ok = loop_end(run, s, var, i, scratch);
    for (int i = 0; i < n; i++) ref_release(run->ref, &var[i]);
    return ok;
}

/* Ops that are not calls: they are carried out by the run itself. */
static bool (*const special[OP_COUNT])(RefRun *, const Step *, Arena *) = {
#define run_CALL NULL
#define run_LITERAL NULL
#define run_NONE NULL
#define OP(name, ...) [OP_##name] =
#define RUN(how) run_##how,
#include "../../ir/ops/ops.def"
};

static bool run_special(RefRun *run, const Step *s)
{
    Arena scratch = { 0 };
    const bool ok = special[s->op->kind](run, s, &scratch);
    arena_free(&scratch);
    return ok;
}

static bool run_step(RefRun *run, const Step *s)
{
    Ref *r = run->ref;
    if (s->decoded) return ref_show_decoded(run, s);
    if (run->opt->begin) run->opt->begin(run->opt->ctx, s->op);
    ref_pin(r, s, 1);
    bool ok = special[s->op->kind] ? run_special(run, s) : ref_call(run, s);
    ref_pin(r, s, -1);
    if (run->opt->end)
        run->opt->end(run->opt->ctx, s->op,
                      ok && s->op->nout ? &r->held[s->out[0]].t : NULL);
    for (int i = 0; i < s->ndrop; i++) ref_drop(r, &r->held[s->drop[i]]);
    return ok;
}

bool ref_steps(RefRun *run, const Steps *b)
{
    for (int i = 0; i < b->nstep; i++)
        if (!run_step(run, &b->step[i])) return false;
    return true;
}

bool ref_is_special(int kind) { return special[kind] != NULL; }
