/* recurrent.c -- recurrent layers. */
#include "eval.h"
#include "geometry.h"

#include <math.h>
#include <string.h>

/* ==== inference
 * ============================================================================= */

/* Result types of lstm, gru and rnn. */

/* ---- activations ------------------------------------------------------------------------- */

static double act_hard_sigmoid(double v)
{
    double y = 0.2 * v + 0.5;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}
static double act_linear(double v) { return v; }
static double act_relu(double v) { return v < 0 ? 0 : v; }
static double act_sigmoid(double v) { return 1 / (1 + exp(-v)); }

RecurrentActivation *recurrent_activation(Call *c, ParamId param)
{
    static RecurrentActivation *const activations[ACT_COUNT] = {
        [ACT_HARD_SIGMOID] = act_hard_sigmoid,
        [ACT_LINEAR] = act_linear,
        [ACT_RELU] = act_relu,
        [ACT_SCALED_TANH] = tanh, /* both constants are 1 */
        [ACT_SIGMOID] = act_sigmoid,
        [ACT_SIGMOID_HARD] = act_hard_sigmoid,
        [ACT_TANH] = tanh,
    };
    const int i = call_choice(c, param);
    return i < 0 ? NULL : activations[i];
}

/* ---- shapes ------------------------------------------------------------------------------ */

/* The argument, when present, is a matrix rows by cols (cols NULL: a vector of rows). What is
 * not known of them is taken from it. */
static bool recurrent_expect(Call *c, ParamId param, int64_t *rows, int64_t *cols)
{
    const Shape *s = call_shape(c, param);
    int64_t *want[2] = { rows, cols };
    int rank = cols ? 2 : 1;
    if (!s) return true;
    bool good = s->rank == rank;
    for (int i = 0; good && i < rank; i++) {
        if (*want[i] == DIM_ANY) *want[i] = s->dim[i];
        else good = s->dim[i] == DIM_ANY || s->dim[i] == *want[i];
    }
    if (good) return true;
    Shape w = shape_of(rank, (int64_t[]){ *rows, cols ? *cols : 0 });
    return call_error(c, "%s is %s where %s is needed (x is %s, weight_hh is %s)",
                      param_names[param], shape_text(c->arena, s),
                      shape_text(c->arena, &w), shape_text(c->arena, call_shape(c, P_x)),
                      shape_text(c->arena, call_shape(c, P_weight_hh)));
}

static int64_t recurrent_times(int64_t a, int64_t b)
{
    return a == DIM_ANY ? DIM_ANY : a * b;
}

static int gates_of(const Call *c)
{
    return call_takes(c, P_cell_activation)      ? 4
         : call_takes(c, P_recurrent_activation) ? 3
                                                 : 1;
}

/* The weights of each direction. */
static const struct {
    ParamId ih, hh, bias, peephole;
} weights[2] = {
    { P_weight_ih, P_weight_hh, P_bias, P_peephole },
    { P_weight_ih_back, P_weight_hh_back, P_bias_back, P_peephole_back },
};

static bool check_weights(Call *c, Recurrent *r, int way)
{
    int64_t rows = recurrent_times(r->hidden, r->gates),
            three = recurrent_times(r->hidden, 3);
    return recurrent_expect(c, weights[way].ih, &rows, &r->width)
        && recurrent_expect(c, weights[way].hh, &rows, &r->hidden)
        && recurrent_expect(c, weights[way].bias, &rows, NULL)
        && (!call_takes(c, P_peephole)
            || recurrent_expect(c, weights[way].peephole, &three, NULL))
        && (!call_takes(c, P_input_bias)
            || recurrent_expect(c, P_input_bias, &rows, NULL));
}

static bool check_names(Call *c)
{
    static const ParamId params[] = { P_activation, P_recurrent_activation,
                                      P_cell_activation };
    for (size_t i = 0; i < COUNT(params); i++)
        if (call_takes(c, params[i]) && call_known(c, params[i])
            && !recurrent_activation(c, params[i]))
            return false;
    return true;
}

bool recurrent_of(Call *c, Recurrent *r)
{
    const Shape *x = call_shape(c, P_x), *hh = call_shape(c, P_weight_hh);
    int way = call_choice(c, P_direction); /* a Way, or OneWay */
    if (way < 0 || !check_names(c)) return false;
    if (x->rank != 3)
        return call_error(c, "x is %s; it must be [steps, batch, features]",
                          shape_text(c->arena, x));
    if (hh->rank != 2)
        return call_error(c, "weight_hh is %s; it must be of rank 2",
                          shape_text(c->arena, hh));
    *r = (Recurrent){ x->dim[0],          x->dim[1],
                      x->dim[2],          hh->dim[1],
                      gates_of(c),        way == WAY_BOTH ? 2 : 1,
                      way == WAY_REVERSE, call_bool(c, P_output_sequence) };
    if (r->ways == 2
        && (!call_has(c, P_weight_ih_back) || !call_has(c, P_weight_hh_back)))
        return call_error(
            c, "direction \"bidirectional\" needs weight_ih_back and weight_hh_back");
    int64_t wide = recurrent_times(r->hidden, r->ways);
    return check_weights(c, r, 0) && (r->ways == 1 || check_weights(c, r, 1))
        && recurrent_expect(c, P_initial_h, &r->batch, &wide)
        && (!call_takes(c, P_initial_c)
            || recurrent_expect(c, P_initial_c, &r->batch, &wide));
}

bool infer_recurrent(Call *c)
{
    Recurrent r;
    if (!recurrent_of(c, &r)) return false;
    DType t = call_dtype(c, P_x);
    int64_t wide = recurrent_times(r.hidden, r.ways);
    int64_t rows = !call_known(c, P_output_sequence) ? DIM_ANY : r.sequence ? r.steps : 1;
    call_out(c, t, SHAPE(rows, r.batch, wide));
    for (int i = call_takes(c, P_initial_c) ? 2 : 1; i > 0; i--)
        call_out(c, t, SHAPE(r.batch, wide));
    return true;
}

/* A step multiplies its input and the hidden state by the matrices of all gates. */
double macs_recurrent(Call *c)
{
    Recurrent r;
    if (!recurrent_of(c, &r) || r.steps < 0 || r.batch < 0 || r.width < 0 || r.hidden < 0)
        return -1;
    return (double)r.steps * (double)r.batch * r.ways * r.gates * (double)r.hidden
         * (double)(r.width + r.hidden);
}

/* ==== reference kernels =================================================================== */

/* Lstm, gru and rnn: one walk over the steps, one function a cell.
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

typedef struct RecurrentWalker RecurrentWalker;
struct RecurrentWalker {
    Recurrent r;
    RecurrentActivation *gate, *cell, *out; /* recurrent_, cell_ and plain activation */
    double *input, *state; /* weights: gates * hidden by width or hidden */
    double *x;             /* a step of x: batch by width */
    double *bias, *input_bias, *peephole;
    double *h, *c; /* batch by hidden */
    double *pre;   /* batch by gates * hidden: what the gates are made of */
    double *room;  /* the same again */
    double clip;   /* INFINITY: none */
    bool reset_after;
    void (*step)(
        RecurrentWalker *k); /* pre holds W x on entry; makes the new h (and c) */
};

/* pre += R h, for all gates or those from `first` on */
static void add_state(const RecurrentWalker *k, const double *h, int first, int count,
                      double *pre)
{
    int64_t n = k->r.hidden, row = k->r.gates * n;
    gemm_double_turned(k->r.batch, count * n, n, h, n, k->state + first * n * n, n,
                       pre + first * n, row);
}

static double recurrent_at(const double *v, int64_t i) { return v ? v[i] : 0; }

/* ---- cells ------------------------------------------------------------------------------- */

static void step_rnn(RecurrentWalker *k)
{
    int64_t n = k->r.hidden;
    add_state(k, k->h, 0, 1, k->pre);
    for (int64_t i = 0; i < k->r.batch * n; i++)
        k->h[i] = k->out(k->pre[i] + recurrent_at(k->bias, i % n));
}

/* What is not there adds nothing, whatever the cell has: 0 times infinity would be no number. */
static double recurrent_peeped(const double *peephole, int64_t i, double cell)
{
    return peephole ? peephole[i] * cell : 0;
}

static double recurrent_clipped(double v, double to)
{
    return v > to ? to : v < -to ? -to : v;
}

static void step_lstm(RecurrentWalker *k)
{
    int64_t n = k->r.hidden;
    add_state(k, k->h, 0, 4, k->pre);
    for (int64_t b = 0; b < k->r.batch; b++)
        for (int64_t j = 0; j < n; j++) {
            const double *p = k->pre + b * 4 * n + j;
            double *h = k->h + b * n + j, *c = k->c + b * n + j;
            double i = k->gate(p[0] + recurrent_at(k->bias, j)
                               + recurrent_peeped(k->peephole, j, *c));
            double f = k->gate(p[n] + recurrent_at(k->bias, n + j)
                               + recurrent_peeped(k->peephole, n + j, *c));
            double z = k->cell(p[3 * n] + recurrent_at(k->bias, 3 * n + j));
            *c = recurrent_clipped(f * *c + i * z, k->clip);
            double o = k->gate(p[2 * n] + recurrent_at(k->bias, 2 * n + j)
                               + recurrent_peeped(k->peephole, 2 * n + j, *c));
            *h = o * k->out(*c);
        }
}

/* room becomes r, then what the candidate takes of the state */
static void step_gru(RecurrentWalker *k)
{
    int64_t n = k->r.hidden, row = 3 * n;
    double *rh = k->room, *from_state = k->room + k->r.batch * n;
    memset(from_state, 0, (size_t)(k->r.batch * row) * sizeof *from_state);
    add_state(k, k->h, 0, 3, from_state);
    for (int64_t i = 0; i < k->r.batch * n; i++) {
        int64_t b = i / n, j = i % n;
        double r = k->gate(k->pre[b * row + j] + from_state[b * row + j]
                           + recurrent_at(k->bias, j) + recurrent_at(k->input_bias, j));
        rh[i] = k->reset_after ? r : r * k->h[i];
    }
    if (!k->reset_after) {
        for (int64_t b = 0; b < k->r.batch; b++)
            memset(from_state + b * row + n, 0, (size_t)n * sizeof *from_state);
        add_state(k, rh, 1, 1, from_state);
    }
    for (int64_t i = 0; i < k->r.batch * n; i++) {
        int64_t b = i / n, o = b * row + n + i % n, z = o + n, j = i % n;
        double u = k->gate(k->pre[z] + from_state[z] + recurrent_at(k->bias, 2 * n + j)
                           + recurrent_at(k->input_bias, 2 * n + j));
        double s = from_state[o] + recurrent_at(k->bias, n + j);
        double v = k->out(k->pre[o] + recurrent_at(k->input_bias, n + j)
                          + (k->reset_after ? rh[i] * s : s));
        k->h[i] = (1 - u) * v + u * k->h[i];
    }
}

/* ---- the walk ---------------------------------------------------------------------------- */

/* pre becomes W x of a step. */
static void take_input(Call *c, RecurrentWalker *k, int64_t time)
{
    int64_t b = k->r.batch, n = k->r.gates * k->r.hidden, w = k->r.width;
    tensor_get_floats(call_val(c, P_x), (size_t)(time * b * w), (size_t)(b * w), k->x);
    memset(k->pre, 0, (size_t)(b * n) * sizeof *k->pre);
    gemm_double_turned(b, n, w, k->x, w, k->input, w, k->pre, n);
}

/* This direction's half of a [batch, ways * hidden] state. */
static double *first_state(Call *c, const RecurrentWalker *k, ParamId param, int way)
{
    int64_t n = k->r.hidden, wide = n * k->r.ways;
    const double *all = call_doubles(c, param);
    double *s = call_scratch(c, (size_t)k->r.batch, (size_t)n * sizeof *s);
    for (int64_t b = 0; b < k->r.batch; b++)
        memcpy(s + b * n, all + b * wide + way * n, (size_t)n * sizeof *s);
    return s;
}

/* Puts batch rows of `hidden` into a result of rows `ways * hidden`, from row `first` on. */
static void put_rows(Tensor *z, const RecurrentWalker *k, const double *v, int64_t first,
                     int way)
{
    int64_t n = k->r.hidden, wide = n * k->r.ways;
    for (int64_t b = 0; b < k->r.batch; b++)
        tensor_put_floats(z, (size_t)((first + b) * wide + way * n), (size_t)n,
                          v + b * n);
}

static void recurrent_load(Call *c, RecurrentWalker *k, int way)
{
    int64_t n = k->r.hidden, row = n * k->r.gates;
    size_t size = (size_t)k->r.batch * sizeof(double);
    k->input = call_doubles(c, weights[way].ih);
    k->state = call_doubles(c, weights[way].hh);
    k->bias = call_doubles(c, weights[way].bias);
    k->h = first_state(c, k, P_initial_h, way);
    k->room = call_scratch(c, (size_t)(row + n), size);
    k->pre = call_scratch(c, (size_t)row, size);
    k->x = call_scratch(c, (size_t)k->r.width, size);
    if (k->r.gates != 4) return;
    k->c = first_state(c, k, P_initial_c, way);
    k->peephole = call_doubles(c, weights[way].peephole);
}

/* Results of direction "reverse" stand in the order of processing; those of the backward half
 * of a bidirectional op in the order of time. */
static void one_way(Call *c, RecurrentWalker *k, int way)
{
    int64_t steps = k->r.steps;
    recurrent_load(c, k, way);
    for (int64_t t = 0; t < steps; t++) {
        int64_t time = way || k->r.backward ? steps - 1 - t : t;
        take_input(c, k, time);
        k->step(k);
        if (k->r.sequence)
            put_rows(c->res[0], k, k->h, (way ? time : t) * k->r.batch, way);
    }
    if (!k->r.sequence) put_rows(c->res[0], k, k->h, 0, way);
    put_rows(c->res[1], k, k->h, 0, way);
    if (k->c) put_rows(c->res[2], k, k->c, 0, way);
}

static bool recurrent_run(Call *c, RecurrentWalker *k)
{
    if (!recurrent_of(c, &k->r)) return false;
    k->out = recurrent_activation(c, P_activation);
    if (k->r.gates > 1) k->gate = recurrent_activation(c, P_recurrent_activation);
    if (k->r.gates == 4) k->cell = recurrent_activation(c, P_cell_activation);
    for (int way = 0; way < k->r.ways; way++) one_way(c, k, way);
    return true;
}

bool eval_rnn(Call *c)
{
    return recurrent_run(c, &(RecurrentWalker){ .step = step_rnn });
}

bool eval_gru(Call *c)
{
    return recurrent_run(
        c, &(RecurrentWalker){ .step = step_gru,
                               .reset_after = call_bool(c, P_reset_after),
                               .input_bias = call_doubles(c, P_input_bias) });
}

bool eval_lstm(Call *c)
{
    double clip = call_has(c, P_clip) ? fabs(call_float(c, P_clip)) : INFINITY;
    return recurrent_run(c, &(RecurrentWalker){ .step = step_lstm, .clip = clip });
}
