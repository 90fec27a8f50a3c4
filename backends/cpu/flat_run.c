/* flat_run.c -- runs the steps of a plan one after the other, and times them where somebody wants to
 * know. */
#include "flat.h"

#include <time.h>

bool flat_run_step(FlatRun *r, const FlatStep *s)
{
    if (s->refers) return flat_call(s, r);
    if (s->checks) return s->checks(s, r);
    if (s->run) s->run(s, r);
    else elem_run_all(s, r);
    return true;
}

/* *next: the step that comes after this one. */
static bool take_way(FlatRun *r, const FlatStep *s, uint64_t most, int *next)
{
    uint64_t *turns = s->turns < 0 ? NULL : &r->p->turns[s->turns];
    if (s->way == GO_TO) *next = s->to;
    if (s->way == GO_FIRST) *turns = 0;
    if (s->way != GO_UNLESS) return true;
    if (!*flat_at(r, s->test)) *next = s->to;
    else if (turns) return plan_turns(s->step->op, (*turns)++, most, r->diag);
    return true;
}

/* ---- timed ------------------------------------------------------------------------------- */

/* A loop or branch that is under way. */
typedef struct {
    const FlatStep *first;
    double begun;
} TimedBlock;

typedef struct {
    FlatRun *r;
    const RunOptions *opt;
    TimedBlock *block; /* those inside others behind them */
    int nblock;
} Timing;

static double timed_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void timed_step(const Timing *t, int i, double begun, double ended)
{
    PlanStep *s = &t->r->p->told[i];
    const double took = ended - begun;
    if (s->took <= 0 || took < s->took) s->took = took;
    s->times++;
    t->opt->step(t->opt->ctx, &(TimedStep){ s, i, begun, ended });
}

/* Loops and branches that the run has left, as it goes on with step i. */
static void timed_blocks(Timing *t, int i, double ended)
{
    for (; t->nblock && i >= t->block[t->nblock - 1].first->past; t->nblock--) {
        const TimedBlock *b = &t->block[t->nblock - 1];
        const Op *op = b->first->step->op;
        const PlanStep whole = { .how = op_name(op),
                                 .name = op->nout ? op->out[0]->name : "",
                                 .ops = op_name(op) };
        t->opt->step(t->opt->ctx, &(TimedStep){ &whole, -1, b->begun, ended });
    }
}

static bool timed_run(Timing *t)
{
    FlatPlan *p = t->r->p;
    for (int i = 0; i < p->nstep;) {
        const int at = i++;
        const FlatStep *s = &p->step[at];
        const double begun = timed_now();
        const bool ok = s->way ? take_way(t->r, s, t->opt->max_steps, &i)
                               : flat_run_step(t->r, s);
        const double ended = timed_now();
        if (s->past) t->block[t->nblock++] = (TimedBlock){ s, begun };
        timed_step(t, at, begun, ended);
        if (ok) timed_blocks(t, i, ended);
        else return false;
    }
    return true;
}

/* What is told of the steps, ready for a run. */
static void timed_ready(FlatPlan *p, const PhaseHook *phase)
{
    if (!p->told) {
        phase_begin(phase, "measure");
        flat_told(p);
        phase_end(phase, "measure");
    }
    for (int i = 0; i < p->nstep; i++) p->told[i].times = 0;
}

static bool flat_run_timed(FlatRun *r, const RunOptions *opt)
{
    Arena scratch = { 0 };
    int blocks = 0;
    timed_ready(r->p, &opt->phase);
    for (int i = 0; i < r->p->nstep; i++) blocks += r->p->step[i].past != 0;
    Timing t = { .r = r,
                 .opt = opt,
                 .block = NEW_ARRAY(&scratch, blocks + 1, TimedBlock) };
    const bool ok = timed_run(&t);
    arena_free(&scratch);
    return ok;
}

/* ---- all of them ------------------------------------------------------------------------- */

bool flat_run(FlatRun *r, const RunOptions *opt)
{
    const FlatPlan *p = r->p;
    if (opt->step) return flat_run_timed(r, opt);
    for (int i = 0; i < p->nstep;) {
        const FlatStep *s = &p->step[i++];
        if (s->way ? !take_way(r, s, opt->max_steps, &i) : !flat_run_step(r, s))
            return false;
    }
    return true;
}
