/* eval_recurrent.c -- lstm, gru and rnn: one walk over the steps, one function a cell.
 *
 * With W the input's weights, R the state's and b the bias, rows of each stacked by gates:
 *   rnn   h' = f(W x + R h + b)
 *   gru   gates r, o, z:     r, z = g(W x + R h + b),  o = f(Wo x + Ro (r h) + bo),
 *                            h' = (1 - z) o + z h;
 *                            reset_after: o = f(Wo x + bi + r (Ro h + bo))
 *   lstm  gates i, f, o, z:  z = k(..), c' = clip(f c + i z), h' = o f(c'); a peephole adds p c
 *                            to what i and f are made of, and p c' to o
 *
 * States stay doubles from step to step and are rounded where they are results. */
#include "eval.h"
#include "recurrent.h"

#include <math.h>
#include <string.h>

typedef struct Walker Walker;
struct Walker {
    Recurrent r;
    Activation *gate, *cell, *out; /* recurrent_, cell_ and plain activation */
    double *input, *state;         /* weights turned: width or hidden by gates * hidden */
    double *x;                     /* a step of x: batch by width */
    double *bias, *input_bias, *peephole;
    double *h, *c; /* batch by hidden */
    double *pre;   /* batch by gates * hidden: what the gates are made of */
    double *room;  /* the same again */
    double clip;   /* INFINITY: none */
    bool reset_after;
    void (*step)(Walker *k); /* pre holds W x on entry; makes the new h (and c) */
};

/* pre += R h, for all gates or those from `first` on */
static void add_state(const Walker *k, const double *h, int first, int count, double *pre)
{
    int64_t n = k->r.hidden, row = k->r.gates * n;
    gemm_double(k->r.batch, count * n, n, h, n, k->state + first * n, row, pre + first * n,
                row);
}

static double at(const double *v, int64_t i) { return v ? v[i] : 0; }

/* ---- cells ------------------------------------------------------------------------------- */

static void step_rnn(Walker *k)
{
    int64_t n = k->r.hidden;
    add_state(k, k->h, 0, 1, k->pre);
    for (int64_t i = 0; i < k->r.batch * n; i++)
        k->h[i] = k->out(k->pre[i] + at(k->bias, i % n));
}

static double clipped(double v, double to) { return v > to ? to : v < -to ? -to : v; }

static void step_lstm(Walker *k)
{
    int64_t n = k->r.hidden;
    add_state(k, k->h, 0, 4, k->pre);
    for (int64_t b = 0; b < k->r.batch; b++)
        for (int64_t j = 0; j < n; j++) {
            const double *p = k->pre + b * 4 * n + j;
            double *h = k->h + b * n + j, *c = k->c + b * n + j;
            double i = k->gate(p[0] + at(k->bias, j) + at(k->peephole, j) * *c);
            double f = k->gate(p[n] + at(k->bias, n + j) + at(k->peephole, n + j) * *c);
            double z = k->cell(p[3 * n] + at(k->bias, 3 * n + j));
            *c = clipped(f * *c + i * z, k->clip);
            double o = k->gate(p[2 * n] + at(k->bias, 2 * n + j)
                               + at(k->peephole, 2 * n + j) * *c);
            *h = o * k->out(*c);
        }
}

/* room becomes r, then what the candidate takes of the state */
static void step_gru(Walker *k)
{
    int64_t n = k->r.hidden, row = 3 * n;
    double *rh = k->room, *from_state = k->room + k->r.batch * n;
    memset(from_state, 0, (size_t)(k->r.batch * row) * sizeof *from_state);
    add_state(k, k->h, 0, 3, from_state);
    for (int64_t i = 0; i < k->r.batch * n; i++) {
        int64_t b = i / n, j = i % n;
        double r = k->gate(k->pre[b * row + j] + from_state[b * row + j] + at(k->bias, j)
                           + at(k->input_bias, j));
        rh[i] = k->reset_after ? r : r * k->h[i];
    }
    if (!k->reset_after) {
        for (int64_t b = 0; b < k->r.batch; b++)
            memset(from_state + b * row + n, 0, (size_t)n * sizeof *from_state);
        add_state(k, rh, 1, 1, from_state);
    }
    for (int64_t i = 0; i < k->r.batch * n; i++) {
        int64_t b = i / n, o = b * row + n + i % n, z = o + n, j = i % n;
        double u = k->gate(k->pre[z] + from_state[z] + at(k->bias, 2 * n + j)
                           + at(k->input_bias, 2 * n + j));
        double s = from_state[o] + at(k->bias, n + j);
        double v = k->out(k->pre[o] + at(k->input_bias, n + j)
                          + (k->reset_after ? rh[i] * s : s));
        k->h[i] = (1 - u) * v + u * k->h[i];
    }
}

/* ---- the walk ---------------------------------------------------------------------------- */

/* A matrix turned over, from the call's arena. */
static double *turned(Call *c, const double *m, int64_t rows, int64_t cols)
{
    double *t = call_scratch(c, (size_t)rows, (size_t)cols * sizeof *t);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) t[j * rows + i] = m[i * cols + j];
    return t;
}

/* pre becomes W x of a step. */
static void take_input(Call *c, Walker *k, int64_t time)
{
    int64_t b = k->r.batch, n = k->r.gates * k->r.hidden, w = k->r.width;
    tensor_get_floats(call_val(c, P_x), (size_t)(time * b * w), (size_t)(b * w), k->x);
    memset(k->pre, 0, (size_t)(b * n) * sizeof *k->pre);
    gemm_double(b, n, w, k->x, w, k->input, n, k->pre, n);
}

/* This direction's half of a [batch, ways * hidden] state. */
static double *first_state(Call *c, const Walker *k, ParamId param, int way)
{
    int64_t n = k->r.hidden, wide = n * k->r.ways;
    const double *all = call_doubles(c, param);
    double *s = call_scratch(c, (size_t)k->r.batch, (size_t)n * sizeof *s);
    for (int64_t b = 0; b < k->r.batch; b++)
        memcpy(s + b * n, all + b * wide + way * n, (size_t)n * sizeof *s);
    return s;
}

/* Puts batch rows of `hidden` into a result of rows `ways * hidden`, from row `first` on. */
static void put_rows(Tensor *z, const Walker *k, const double *v, int64_t first, int way)
{
    int64_t n = k->r.hidden, wide = n * k->r.ways;
    for (int64_t b = 0; b < k->r.batch; b++)
        tensor_put_floats(z, (size_t)((first + b) * wide + way * n), (size_t)n, v + b * n);
}

static void load(Call *c, Walker *k, int way)
{
    int64_t n = k->r.hidden, row = n * k->r.gates;
    size_t size = (size_t)k->r.batch * sizeof(double);
    k->input = turned(c, call_doubles(c, way ? P_weight_ih_back : P_weight_ih), row,
                      k->r.width);
    k->state = turned(c, call_doubles(c, way ? P_weight_hh_back : P_weight_hh), row, n);
    k->bias = call_doubles(c, way ? P_bias_back : P_bias);
    k->h = first_state(c, k, P_initial_h, way);
    k->room = call_scratch(c, (size_t)(row + n), size);
    k->pre = call_scratch(c, (size_t)row, size);
    k->x = call_scratch(c, (size_t)k->r.width, size);
    if (k->r.gates != 4) return;
    k->c = first_state(c, k, P_initial_c, way);
    k->peephole = call_doubles(c, way ? P_peephole_back : P_peephole);
}

/* Results of direction "reverse" stand in the order of processing; those of the backward half
 * of a bidirectional op in the order of time. */
static void one_way(Call *c, Walker *k, int way)
{
    int64_t steps = k->r.steps;
    load(c, k, way);
    for (int64_t t = 0; t < steps; t++) {
        int64_t time = way || k->r.backward ? steps - 1 - t : t;
        take_input(c, k, time);
        k->step(k);
        if (k->r.sequence) put_rows(c->res[0], k, k->h, (way ? time : t) * k->r.batch, way);
    }
    if (!k->r.sequence) put_rows(c->res[0], k, k->h, 0, way);
    put_rows(c->res[1], k, k->h, 0, way);
    if (k->c) put_rows(c->res[2], k, k->c, 0, way);
}

static bool run(Call *c, Walker *k)
{
    if (!recurrent_of(c, &k->r)) return false;
    k->out = recurrent_activation(c, P_activation);
    if (k->r.gates > 1) k->gate = recurrent_activation(c, P_recurrent_activation);
    if (k->r.gates == 4) k->cell = recurrent_activation(c, P_cell_activation);
    for (int way = 0; way < k->r.ways; way++) one_way(c, k, way);
    return true;
}

bool eval_rnn(Call *c) { return run(c, &(Walker){ .step = step_rnn }); }

bool eval_gru(Call *c)
{
    return run(c, &(Walker){ .step = step_gru,
                             .reset_after = call_bool(c, P_reset_after),
                             .input_bias = call_doubles(c, P_input_bias) });
}

bool eval_lstm(Call *c)
{
    double clip = call_has(c, P_clip) ? fabs(call_float(c, P_clip)) : INFINITY;
    return run(c, &(Walker){ .step = step_lstm, .clip = clip });
}
