/* rule_engine.c -- updates on the engine (--optimizer-on engine): weights, moments and rules are in
 * fp16 there.
 *
 * Between steps they are in memory of the run, as fp32 numbers that fp16 has, so that a
 * checkpoint is what it is otherwise. A step whose rate fp16 cannot hold is made by the
 * processor, with the same weights and moments. */
#include "train.h"

bool engine_prepare(TrainRule *r, TrainParam *p)
{
    const char *why = NULL;
    p->half = update_program(r, p, true, &why);
    if (!p->half)
        diag_note(r->diag, (Loc){ 0 }, "the processor updates %s, the engine refused: %s",
                  p->path, why);
    p->whole = update_program(r, p, false, NULL);
    return p->whole != NULL;
}

/* p times `by`, for the time of a run. */
static float *engine_times(Arena *a, const float *p, size_t n, double by)
{
    float *out = arena_array(a, n + 1, sizeof *out);
    for (size_t i = 0; i < n; i++) out[i] = (float)(p[i] * by);
    return out;
}

static void engine_give(TrainInputs *in, const TrainParam *p, const char *name,
                        const float *from, double by)
{
    TrainParam lifted = *p;
    lifted.master = engine_times(&in->arena, from, p->count, by);
    const anec_tensor t = weight_tensor(&lifted);
    inputs_give(in, name, "the optimizer", &t);
}

/* A result of the run into memory of the run's. */
static bool engine_take(TrainRule *r, TrainParam *p, const anec_kernel *k, int state,
                        double by)
{
    char in[16], out[24];
    anec_tensor t;
    anec_error e;
    float *to = *update_part(p, state);
    update_names(state, in, out);
    if (!update_said(r, anec_result((anec_kernel *)(uintptr_t)k, out, &t, &e), &e))
        return false;
    if (!strcmp(t.dtype, "fp16") && t.bytes == 2 * p->count)
        f16_to_floats(t.data, to, p->count);
    else if (!strcmp(t.dtype, "fp32") && t.bytes == 4 * p->count)
        memcpy(to, t.data, t.bytes);
    else return update_misshapen(r, p, out);
    for (size_t i = 0; i < p->count; i++) to[i] = (float)(to[i] * by);
    return true;
}

/* Gradients are multiplied in fp32, as what they are to be multiplied with may vanish in fp16. */
static void engine_inputs(TrainRule *r, TrainInputs *in, const TrainParam *p,
                          const TrainStep *h, double lift)
{
    const float one = 1,
                now[RULE_NUMBERS] = { h->lr, h->correct1, h->correct2, one, h->step };
    memcpy(r->number, now, sizeof now);
    engine_give(in, p, "w", p->master, 1);
    engine_give(in, p, "g", p->grad, h->factor * lift);
    for (int i = 0; i < r->states; i++) {
        char name[16], next[24];
        update_names(i, name, next);
        engine_give(in, p, arena_strdup(&in->arena, name), p->state[i], lift);
    }
    for (int i = 0; i < RULE_NUMBERS; i++)
        inputs_give_scale(in, update_scalars[i], &r->number[i]);
}

bool engine_update(TrainRule *r, TrainParam *p, const TrainStep *h)
{
    const bool low = h->lr < ENGINE_RATE, half = p->half && !low;
    const TrainUpdate *u = half ? p->half : p->whole;
    const double lift = half && !r->file && rule_divides(r->set) ? ENGINE_LIFT : 1;
    const anec_run_options o = { .size = sizeof o };
    TrainInputs in;
    anec_error e;
    if (low && !r->low)
        diag_note(r->diag, (Loc){ 0 },
                  "the rate %.3g is below 6.1e-05, where numbers of fp16 may end: such "
                  "steps are made by the processor",
                  (double)h->lr);
    r->low = r->low || low;
    inputs_open(&in, u->kernel, 2 + r->states + RULE_NUMBERS);
    engine_inputs(r, &in, p, h, lift);
    bool ok = update_said(r, anec_run_with(u->kernel, in.at, in.n, &o, &e), &e);
    for (int i = -1; ok && i < r->states; i++)
        ok = engine_take(r, p, u->kernel, i, i < 0 ? 1 : 1 / lift);
    arena_free(&in.arena);
    return ok;
}
