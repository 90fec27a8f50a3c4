/* ref.c -- runs a function by calling each op's reference meaning, statement by statement. */
#include "ref.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What a slot holds during a run. */
typedef struct {
    Tensor t;
    /* mine: t is this slot's to free; else a view of what another owns. mine, but not set:
     * memory that the value of the next run may have (spare) */
    bool set, mine;
} Held;

enum {
    ROOM_FIRST = 32 << 10, /* bytes that a statement has without asking the system for any */
    ROOM_MOST = 16 << 20,  /* .. once others have asked for more */
    SPARE_ONE = 16 << 10,  /* the largest result whose memory stays for the next run */
    SPARE_ALL = 4 << 20    /* and what of it stays together */
};

typedef struct {
    char *at;
    size_t size;
} RefRoom;

typedef struct {
    Program base; /* first */
    Arena arena;
    Plan plan;
    Held *held; /* by slot */
    Binding *result, *state;
    int nresult, nstate;
    int *state_slot;
    /* executions of all ops that draw random numbers, since the last reset */
    uint64_t draws;
    uint64_t epoch; /* counts resets */
    CallHook hook;  /* run NULL: call_run */
    DecodedBytes decoded;
    size_t spare; /* bytes that slots keep for the next run */
    /* what statements need while they run, as much as one has asked for so far: zero but for the
     * statement at work, and of any bytes */
    RefRoom room, rough;
    Tensor *res; /* MAX_RESULT of that statement, empty otherwise */
    bool busy;   /* room and res are in use */
} Ref;

typedef struct {
    Ref *ref;
    Diag *diag;
    const RunOptions *opt;
    int decoding; /* constexpr statements under way, each for the one before it */
} RefRun;

/* ---- slots ------------------------------------------------------------------------------- */

static void ref_release(Ref *r, Held *h)
{
    if (h->mine && !h->set) r->spare -= h->t.bytes;
    if (h->mine) tensor_free(&h->t);
    *h = (Held){ 0 };
}

/* The value goes; small memory stays for what the statement results in next. Another's meanings
 * (CallHook) allocate for themselves. */
static void ref_drop(Ref *r, Held *h)
{
    const size_t bytes = h->t.bytes;
    if (!h->set || !h->mine || !h->t.owned || h->t.is_list || r->hook.run || bytes > SPARE_ONE
        || r->spare + bytes > SPARE_ALL) {
        if (h->set) ref_release(r, h);
        return;
    }
    h->set = false;
    r->spare += bytes;
}

/* That memory, or nothing. */
static Tensor spare_of(Ref *r, Held *h)
{
    Tensor t = { 0 };
    if (h->set || !h->mine) return t;
    r->spare -= h->t.bytes;
    t = h->t;
    *h = (Held){ 0 };
    return t;
}

/* Frees what slots [first, end) hold, but for what is constant. */
static void drop_range(Ref *r, int first, int end)
{
    for (int i = first; i < end; i++)
        if (!r->plan.slot[i].lit && !r->plan.slot[i].constant) ref_drop(r, &r->held[i]);
}

static bool load_group(Diag *d, const Const *c, Tensor *out)
{
    if (c->type->kind != TY_LIST)
        return diag_error(d, c->loc, "a value of this kind cannot be computed with");
    *out = (Tensor){ .is_list = true };
    out->item = mem_zero((size_t)c->nelem + 1, sizeof *out->item);
    if (!out->item) return diag_fail(d, "no memory for a list of %lld", (long long)c->nelem);
    for (; out->nitem < c->nelem; out->nitem++) {
        Tensor view = { 0 }, *item = mem_zero(1, sizeof *item);
        const Const *e = c->elem[out->nitem];
        if (!item) mem_out(sizeof *item);
        bool ok = e->kind != CONST_GROUP && const_tensor(e, d, &view)
               && tensor_copy(item, d, &view);
        tensor_free(&view);
        if (!ok) {
            mem_free(item);
            tensor_free(out);
            return diag_ok(d) ? diag_error(d, c->loc, "this list cannot be computed with")
                              : false;
        }
        out->item[out->nitem] = item;
    }
    return true;
}

static bool ref_decode(RefRun *run, const Step *s);

/* The value of a slot; literals are loaded when they are first asked for, weights decoded. */
static const Tensor *slot_value(RefRun *run, int slot)
{
    Held *h = &run->ref->held[slot];
    const SlotInfo *s = &run->ref->plan.slot[slot];
    if (h->set) return &h->t;
    if (s->decoder) return ref_decode(run, s->decoder) ? &h->t : NULL;
    if (!s->lit) bug("%s has no value", s->value->name ? s->value->name : "(an inline value)");
    bool ok = s->lit->kind == CONST_GROUP ? load_group(run->diag, s->lit, &h->t)
                                          : const_tensor(s->lit, run->diag, &h->t);
    if (!ok) {
        if (s->value->name)
            diag_note(run->diag, value_loc(s->value), "it is the value of %s", s->value->name);
        return NULL;
    }
    h->set = true;
    h->mine = h->t.owned || h->t.is_list;
    return &h->t;
}

/* ---- decoded weights ---------------------------------------------------------------------
 *
 * What a constexpr statement results in lives while a step reads it, and longer where it may
 * stay (cpu.h says how much may): so memory stays near the size of the compressed weights.
 * Those that came first stay. Evicting the oldest would decode every weight in every run, since
 * each run asks for all in the same order. */

static void let_go(Ref *r, const Step *s)
{
    if (s->decoded->pins || s->decoded->kept) return;
    for (int i = 0; i < s->op->nout; i++) ref_release(r, &r->held[s->out[i]]);
    r->decoded.now -= s->decoded->bytes;
    s->decoded->bytes = 0;
}

/* by 1 before a step reads its arguments, -1 after it. */
static void ref_pin(Ref *r, const Step *s, int by)
{
    for (int i = 0; i < s->narg; i++)
        for (int k = 0; k < s->arg[i].n; k++) {
            const Step *from = r->plan.slot[s->arg[i].slot[k]].decoder;
            if (!from) continue;
            from->decoded->pins += by;
            let_go(r, from);
        }
}

static bool run_call(RefRun *run, const Step *s);

static bool ref_decode(RefRun *run, const Step *s)
{
    Ref *r = run->ref;
    if (run->opt->begin) run->opt->begin(run->opt->ctx, s->op);
    run->decoding++;
    ref_pin(r, s, 1);
    bool ok = run_call(run, s);
    ref_pin(r, s, -1);
    run->decoding--;
    if (run->opt->end) run->opt->end(run->opt->ctx, s->op, ok ? &r->held[s->out[0]].t : NULL);
    for (int i = 0; ok && i < s->op->nout; i++) s->decoded->bytes += r->held[s->out[i]].t.bytes;
    DecodedBytes *d = &r->decoded;
    d->now += s->decoded->bytes;
    if (d->peak < d->now) d->peak = d->now;
    s->decoded->kept = ok && !run->decoding && s->decoded->bytes <= d->keep - d->kept;
    if (s->decoded->kept) d->kept += s->decoded->bytes;
    return ok;
}

/* Whoever watches values sees each weight once, at its place. */
static bool show_decoded(RefRun *run, const Step *s)
{
    bool ok = true;
    if (!run->opt->each || s->decoded->shown) return true;
    s->decoded->shown = true;
    for (int i = 0; ok && i < s->op->nout; i++) {
        const Tensor *t = slot_value(run, s->out[i]);
        ok = t && run->opt->each(run->opt->ctx, s->op->out[i], t);
    }
    let_go(run->ref, s);
    return ok;
}

const Plan *ref_plan(const Program *p) { return &((const Ref *)p)->plan; }

DecodedBytes ref_decoded(const Program *p) { return ((const Ref *)p)->decoded; }

/* ---- results of blocks ------------------------------------------------------------------- */

/* Results of a block outlive its slots: moved out where this is the last mention, else
 * copied. */
static bool take_result(RefRun *run, const Steps *b, int i, Tensor *out)
{
    int slot = b->result[i];
    const SlotInfo *s = &run->ref->plan.slot[slot];
    Held *h = &run->ref->held[slot];
    bool move = h->set && h->mine && s->owner == b && !s->lit && !s->constant;
    for (int k = i + 1; k < b->block->nresult; k++) move = move && b->result[k] != slot;
    if (move) {
        *out = h->t;
        *h = (Held){ 0 };
        return true;
    }
    const Tensor *t = slot_value(run, slot);
    const bool ok = t && tensor_copy(out, run->diag, t);
    if (s->decoder) let_go(run->ref, s->decoder);
    return ok;
}

/* ---- statements -------------------------------------------------------------------------- */

/* A value computed at run time must be of the type that the program declares for it. */
static bool check_declared(RefRun *run, const Step *s, int i, const Tensor *t, Arena *scratch)
{
    const Value *v = s->op->out[i];
    if (t->is_list || v->type->kind != TY_TENSOR) return true;
    if (v->type->dtype == t->dtype && shape_fits(&v->type->shape, &t->shape)) return true;
    return diag_error(run->diag, op_loc(s->op), "%s is declared %s, but %s resulted in %s",
                      v->name, type_text(scratch, v->type), op_name(s->op),
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
            const Tensor *t = slot_value(run, a->slot[k]);
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

static bool call_with(RefRun *run, const Step *s, Arena *scratch, Arena *rough, Tensor *res)
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
    for (int i = 0; i < s->op->nout; i++) res[i] = spare_of(r, &r->held[s->out[i]]);
    if (!(r->hook.run ? r->hook.run(r->hook.ctx, s->op, c, res, MAX_RESULT)
                      : call_run(c, res, MAX_RESULT))) {
        for (int i = 0; i < s->op->nout; i++) tensor_free(&res[i]);
        return false;
    }
    bool ok = c->nout == s->op->nout
           || diag_error(run->diag, op_loc(s->op), "%s resulted in %d values; %d are named",
                         op_name(s->op), c->nout, s->op->nout);
    for (int i = 0; i < c->nout; i++)
        if (ok) ok = ref_store(run, s, i, &res[i], scratch);
        else tensor_free(&res[i]);
    for (int i = c->nout; i < s->op->nout; i++) tensor_free(&res[i]);
    return ok;
}

/* The next statement that wants as much has it without asking the system. */
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
static bool run_call(RefRun *run, const Step *s)
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
    const Tensor *state = slot_value(run, step_slot(s, P_input));
    return state && tensor_copy(&t, run->diag, state) && ref_store(run, s, 0, &t, scratch);
}

static bool run_write_state(RefRun *run, const Step *s, Arena *scratch)
{
    const Tensor *state = slot_value(run, step_slot(s, P_input));
    const Tensor *data = slot_value(run, step_slot(s, P_data));
    if (!state || !data) return false;
    if (state->dtype != data->dtype || !shape_equal(&state->shape, &data->shape))
        return diag_error(run->diag, op_loc(s->op), "%s: the state holds %s %s, data is %s %s",
                          op_name(s->op), dtypes[state->dtype].name,
                          shape_text(scratch, &state->shape), dtypes[data->dtype].name,
                          shape_text(scratch, &data->shape));
    if (data->bytes) memcpy(state->data, data->data, data->bytes);
    return !s->op->nout || run_read_state(run, s, scratch);
}

/* ---- blocks ------------------------------------------------------------------------------ */

static bool run_steps(RefRun *run, const Steps *b);

static bool run_cond(RefRun *run, const Step *s, Arena *scratch)
{
    const Tensor *pred = slot_value(run, step_slot(s, P_pred));
    if (!pred) return false;
    if (pred->count != 1)
        return diag_error(run->diag, op_loc(s->op), "cond: pred must be one bool");
    const Steps *b = s->block[tensor_int(pred, 0) ? 0 : 1];
    bool ok = run_steps(run, b);
    for (int i = 0; ok && i < s->op->nout; i++) {
        Tensor t;
        ok = take_result(run, b, i, &t) && ref_store(run, s, i, &t, scratch);
    }
    drop_range(run->ref, b->first, b->end);
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
    bool ok = run_steps(run, cond);
    const Tensor *t = ok ? slot_value(run, cond->result[0]) : NULL;
    ok = t != NULL
      && (t->count == 1
          || diag_error(run->diag, op_loc(cond->block->owner),
                        "while_loop: its condition must yield one bool"));
    if (ok) *yes = tensor_int(t, 0) != 0;
    drop_range(run->ref, cond->first, cond->end);
    return ok;
}

static bool loop_step(RefRun *run, const Steps *body, Held *var, int n, Arena *scratch)
{
    Held *next = NEW_ARRAY(scratch, n + 1, Held);
    bind_vars(run, body, var);
    bool ok = run_steps(run, body);
    for (int i = 0; ok && i < n; i++) {
        if (body->result[i] == body->param[i]) continue; /* this variable stays as it is */
        ok = take_result(run, body, i, &next[i].t);
        next[i].set = next[i].mine = ok;
    }
    drop_range(run->ref, body->first, body->end);
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
        const Tensor *t = slot_value(run, s->arg[0].slot[i]);
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

/* Statements that are not calls: their meaning is in the run itself. */
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
    if (s->decoded) return show_decoded(run, s);
    if (run->opt->begin) run->opt->begin(run->opt->ctx, s->op);
    ref_pin(r, s, 1);
    bool ok = special[s->op->kind] ? run_special(run, s) : run_call(run, s);
    ref_pin(r, s, -1);
    if (run->opt->end)
        run->opt->end(run->opt->ctx, s->op, ok && s->op->nout ? &r->held[s->out[0]].t : NULL);
    for (int i = 0; i < s->ndrop; i++) ref_drop(r, &r->held[s->drop[i]]);
    return ok;
}

static bool run_steps(RefRun *run, const Steps *b)
{
    for (int i = 0; i < b->nstep; i++)
        if (!run_step(run, &b->step[i])) return false;
    return true;
}

/* ---- compiling --------------------------------------------------------------------------- */

static bool check_op(void *ctx, const Op *op)
{
    Diag *d = ctx;
    const OpInfo *info = &ops[op->kind];
    if (op->kind == OP_const || info->eval || special[op->kind]) return true;
    diag_error(d, op_loc(op),
               info->flags & F_UNSUPPORTED
                   ? "%s is read and printed, but cannot be run"
                   : "%s has no reference meaning yet: it cannot be run",
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
                && r->plan.slot[k].lit->kind == CONST_BLOB && r->plan.slot[k].lit->file == w;
        if (said) continue;
        ok = diag_error(d, s->lit->loc,
                        "the weight file %s is absent, and %s needs it; --missing-weights "
                        "random or zero stands in for it",
                        w->path, s->value->name ? s->value->name : "this statement");
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
            ok = diag_error(d, value_loc(v), "the state %s has an unknown extent: %s", v->name,
                            shape_text(&r->arena, &t->shape));
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
    int before = d->errors + d->fails;
    r->base = (Program){ .module = m, .func = f };
    r->plan.arena = &r->arena;
    func_read(f, check_op, d);
    if (d->errors + d->fails == before && plan_make(&r->plan, f, d) && plan_fits(&r->plan, d)
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
        if (p >= 0) r->held[r->plan.body->param[p]] = (Held){ .t = in[k].value, .set = true };
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

/* Results of the last run, which end with this one: their memory is for what takes their place. */
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

static bool ref_run(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt)
{
    Ref *r = (Ref *)p;
    const Block *b = p->func->body;
    RefRun run = { .ref = r, .diag = d, .opt = opt };
    GuardTask lost;
    guard_task(&lost, run_lost, r);
    results_back(r);
    bind_params(r, in, nin);
    bool ok = run_steps(&run, r->plan.body);
    for (int i = 0; ok && i < b->nresult; i++) {
        r->result[i] = (Binding){ .name = b->result[i]->name };
        ok = take_result(&run, r->plan.body, i, &r->result[i].value);
        if (ok) r->nresult++;
    }
    drop_range(r, 0, r->plan.nslot);
    for (int i = 0; i < r->plan.nslot; i++)
        if (r->plan.slot[i].decoder) let_go(r, r->plan.slot[i].decoder);
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
        if (r->state[i].value.bytes) memset(r->state[i].value.data, 0, r->state[i].value.bytes);
    r->draws = 0;
    r->epoch++;
}

const Backend backend_ref = { .name = "ref",
                              .doc = "the meaning of every op, one after the other; floats in "
                                     "double",
                              .target = &targets[TARGET_host],
                              .compile = ref_compile,
                              .run = ref_run,
                              .results = ref_results,
                              .states = ref_states,
                              .reset = ref_reset,
                              .free = ref_free,
                              .take = ref_take };
