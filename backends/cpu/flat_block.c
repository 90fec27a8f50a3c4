/* flat_block.c -- lowers branches, loops and states, which are no calls.
 *
 * The variables of a loop are in the memory of its results, which the parameters of both of
 * its blocks share; a turn ends by copying what the body yields to there. A state is memory
 * of the program, and reading it copies nothing unless the value is needed after the next
 * write. */
#include "flat.h"

#include <string.h>

/* ---- values brought to their places ------------------------------------------------------ */

typedef struct {
    int from, to;
    size_t bytes;
    bool early; /* what it is in is written before it */
    size_t room;
} Bring;

typedef struct {
    int n;
    Bring *at;
} Brings;

static void bring_run(const FlatStep *s, FlatRun *r)
{
    const Brings *b = s->data;
    for (int i = 0; i < b->n; i++)
        if (b->at[i].early)
            memcpy(r->room + b->at[i].room, flat_at(r, b->at[i].from), b->at[i].bytes);
    for (int i = 0; i < b->n; i++) {
        const Bring *v = &b->at[i];
        const char *from = v->early ? r->room + v->room : flat_at(r, v->from);
        if (v->bytes) memmove(flat_at(r, v->to), from, v->bytes);
    }
}

static bool same_type(const Type *a, const Type *b)
{
    return a->dtype == b->dtype && shape_equal(&a->shape, &b->shape);
}

/* Slots from[i] to to[i], as if at once; what is there already stays. */
static bool block_bring(Make *m, const Step *s, int n, const int *from, const int *to)
{
    FlatPlan *p = m->p;
    Brings *b = NEW(&p->arena, Brings);
    int *read = NEW_ARRAY(&p->arena, n + 1, int),
        *write = NEW_ARRAY(&p->arena, n + 1, int);
    size_t room = 0;
    b->at = NEW_ARRAY(&p->arena, n + 1, Bring);
    for (int i = 0; i < n; i++) {
        if (!make_literal(m, from[i]) || !p->slot[from[i]].type) return false;
        const FlatSlot *x = &p->slot[from[i]], *z = &p->slot[to[i]];
        if (!same_type(x->type, z->type)) return false;
        if (x->root == z->root && x->offset == z->offset) continue;
        Bring v = {
            .from = from[i], .to = to[i], .bytes = type_bytes(z->type), .room = room
        };
        for (int k = 0; k < n; k++)
            if (k != i && p->slot[to[k]].root == x->root) v.early = true;
        if (v.early) room += (v.bytes + 15) / 16 * 16;
        read[b->n] = from[i];
        write[b->n] = to[i];
        b->at[b->n++] = v;
    }
    if (!b->n) return true;
    FlatStep *f = make_step(m, s);
    f->run = bring_run;
    f->data = b;
    f->how = "copy";
    f->read = read;
    f->write = write;
    f->nread = f->nwrite = b->n;
    f->room = room;
    return true;
}

void make_settle(Make *m)
{
    for (; m->settled < m->nstep; m->settled++) m->p->step[m->settled].open = false;
}

/* A step that only says where the run goes on. */
static FlatStep *add_way(Make *m, const Step *s, FlatWay way, int test, int turns)
{
    make_settle(m);
    FlatStep *f = make_step(m, s);
    f->way = way;
    f->how = way == GO_UNLESS ? "branch" : "go on";
    f->test = test;
    f->turns = turns;
    if (test < 0) return f;
    f->read = NEW_ARRAY(&m->p->arena, 1, int);
    f->read[f->nread++] = test;
    return f;
}

/* ---- branches and loops ------------------------------------------------------------------ */

/* A slot that decides: one bool. */
static bool one_truth(Make *m, int slot)
{
    const Type *t = slot >= 0 && make_literal(m, slot) ? m->p->slot[slot].type : NULL;
    size_t n;
    return t && t->dtype == DT_BOOL && shape_count(&t->shape, &n) && n == 1;
}

/* The block, and its results brought to the op's; they have their types by the first. */
static bool make_branch(Make *m, const Step *s, const Steps *b, bool first)
{
    FlatPlan *p = m->p;
    if (b->block->nresult != s->op->nout || !make_block(m, b)) return false;
    for (int i = 0; i < s->op->nout && first; i++) {
        if (!make_literal(m, b->result[i]) || !p->slot[b->result[i]].type) return false;
        make_out(m, s->out[i], p->slot[b->result[i]].type, -1);
    }
    make_settle(m);
    return block_bring(m, s, s->op->nout, b->result, s->out);
}

static bool make_cond(Make *m, const Steps *b, int i)
{
    const Step *s = &b->step[i];
    const int pred = step_slot(s, P_pred);
    if (!m->p->how.fused || op_nblock(s->op) != 2 || !one_truth(m, pred)) return false;
    const int branch = m->nstep;
    add_way(m, s, GO_UNLESS, pred, -1);
    m->now++;
    if (!make_branch(m, s, s->block[0], true)) return false;
    m->now++;
    const int past = m->nstep;
    add_way(m, s, GO_TO, -1, -1);
    m->p->step[branch].to = ++m->now;
    if (!make_branch(m, s, s->block[1], false)) return false;
    m->p->step[branch].past = m->p->step[past].to = ++m->now;
    return true;
}

/* The variables of a loop under the names that a block has for them. */
static bool name_vars(Make *m, const Step *s, const Steps *b)
{
    if (b->block->nparam != s->op->nout) return false;
    for (int i = 0; i < s->op->nout; i++) {
        FlatSlot *v = &m->p->slot[b->param[i]];
        v->type = m->p->slot[s->out[i]].type;
        v->root = s->out[i];
    }
    return true;
}

static bool make_vars(Make *m, const Step *s)
{
    if (!s->narg || s->arg[0].n != s->op->nout) return false;
    for (int i = 0; i < s->op->nout; i++) {
        const int from = s->arg[0].slot[i];
        if (!make_literal(m, from) || !m->p->slot[from].type) return false;
        make_out(m, s->out[i], m->p->slot[from].type, -1);
    }
    make_close(m, s, -1);
    make_settle(m);
    return block_bring(m, s, s->op->nout, s->arg[0].slot, s->out)
        && name_vars(m, s, s->block[0]) && name_vars(m, s, s->block[1]);
}

static int new_loop(FlatPlan *p, FlatLoop v)
{
    FlatLoop *more = NEW_ARRAY(&p->arena, p->nloop + 1, FlatLoop);
    if (p->nloop) memcpy(more, p->loop, (size_t)p->nloop * sizeof *more);
    p->loop = more;
    p->loop[p->nloop] = v;
    return p->nloop++;
}

/* Its number is given when it begins, its place among the loops when it ends: those inside
 * others come first. */
static bool make_while(Make *m, const Steps *b, int i)
{
    const Step *s = &b->step[i];
    if (!m->p->how.fused || op_nblock(s->op) != 2 || !make_vars(m, s)) return false;
    const Steps *cond = s->block[0], *body = s->block[1];
    m->now++;
    const int enter = m->nstep;
    add_way(m, s, GO_FIRST, -1, -1);
    const int again = ++m->now;
    m->p->step[enter].to = again;
    if (!make_block(m, cond) || cond->block->nresult != 1
        || !one_truth(m, cond->result[0]))
        return false;
    const int test = m->nstep;
    add_way(m, s, GO_UNLESS, cond->result[0], -1);
    m->now++;
    if (!make_branch(m, s, body, false)) return false;
    m->now++;
    FlatStep *back = add_way(m, s, GO_TO, -1, -1);
    back->to = again;
    const int end = ++m->now, loop = new_loop(m->p, (FlatLoop){ again, end });
    m->p->step[enter].past = m->p->step[test].to = end;
    m->p->step[test].turns = m->p->step[enter].turns = loop;
    return true;
}

/* ---- states ------------------------------------------------------------------------------ */

typedef struct {
    const FlatPlan *p;
    bool *seen; /* slots that are the state's memory as it is now, or places in it */
    int state;  /* its slot */
    bool uses, writes;
} BlockLook;

/* What an op, and those in its blocks, do with the memory under watch. */
static void look_at(BlockLook *k, const Step *s)
{
    const bool carries = (ops[s->op->kind].flags & F_MOVES)
                      || s->op->kind == OP_write_state;
    bool uses = false;
    for (int i = 0; i < s->narg; i++)
        for (int j = 0; j < s->arg[i].n; j++) uses = uses || k->seen[s->arg[i].slot[j]];
    for (int i = 0; uses && carries && i < s->op->nout; i++) k->seen[s->out[i]] = true;
    k->uses = k->uses || uses;
    k->writes = k->writes
             || (s->op->kind == OP_write_state && step_slot(s, P_input) == k->state);
    for (int b = 0; b < op_nblock(s->op); b++) {
        for (int i = 0; i < s->block[b]->nstep; i++) look_at(k, &s->block[b]->step[i]);
        for (int i = 0; i < s->block[b]->block->nresult; i++)
            k->uses = k->uses || k->seen[s->block[b]->result[i]];
    }
}

/* Whether nobody reads slot, which is the state's memory, after the next write to the
 * state that comes after op i of the body. */
static bool is_read_in_time(Make *m, const Steps *b, int i, int state, int slot)
{
    BlockLook k = { .p = m->p, .state = state };
    bool written = false;
    if (b->parent) return false; /* a loop may come back to it */
    k.seen = NEW_ARRAY(&m->scratch, m->p->plan->nslot + 1, bool);
    k.seen[slot] = true;
    for (i++; i < b->nstep; i++) {
        k.uses = k.writes = false;
        look_at(&k, &b->step[i]);
        if (k.uses && (written || (k.writes && op_nblock(b->step[i].op)))) return false;
        written = written || k.writes;
    }
    for (int r = 0; r < b->block->nresult && written; r++)
        if (k.seen[b->result[r]]) return false;
    return true;
}

static bool make_read_state(Make *m, const Steps *b, int i)
{
    const Step *s = &b->step[i];
    const int state = step_slot(s, P_input);
    FlatSlot *z = &m->p->slot[s->out[0]];
    const Type *t = state < 0 ? NULL : m->p->slot[state].type;
    if (!t || s->op->nout != 1) return false;
    if (is_read_in_time(m, b, i, state, s->out[0])) {
        z->type = t;
        z->root = m->p->slot[state].root;
        return true;
    }
    make_out(m, s->out[0], t, -1);
    return block_bring(m, s, 1, &state, s->out);
}

/* Steps that read the state as it was are not put off any more. */
static void close_readers(Make *m, int root)
{
    FlatPlan *p = m->p;
    for (int i = m->settled; i < m->nstep; i++) {
        FlatStep *s = &p->step[i];
        for (int k = 0; s->open && k < s->nread; k++)
            if (p->slot[s->read[k]].root == root) s->open = false;
        for (int k = 0; s->open && s->elem && k < s->elem->nin; k++)
            if (s->elem->in[k].slot >= 0 && p->slot[s->elem->in[k].slot].root == root)
                s->open = false;
    }
}

static bool make_write_state(Make *m, const Steps *b, int i)
{
    const Step *s = &b->step[i];
    const int state = step_slot(s, P_input), data = step_slot(s, P_data);
    if (state < 0 || data < 0 || s->op->nout) return false;
    make_close(m, s, -1);
    close_readers(m, m->p->slot[state].root);
    m->p->slot[m->p->slot[state].root].written = m->now;
    return block_bring(m, s, 1, &data, &state);
}

MakeFn *const make_others[OP_COUNT] = {
#define make_CALL NULL
#define make_LITERAL NULL
#define make_NONE NULL
#define OP(name, ...) [OP_##name] =
#define RUN(how) make_##how,
#include "../../ir/ops/ops.def"
};
