/* op_recurrent.c -- result types of lstm, gru and rnn. */
#include "recurrent.h"
#include "window.h"

#include <math.h>
#include <string.h>

/* ---- activations ------------------------------------------------------------------------- */

static double act_hard_sigmoid(double v)
{
    double y = 0.2 * v + 0.5;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}
static double act_linear(double v) { return v; }
static double act_relu(double v) { return v < 0 ? 0 : v; }
static double act_sigmoid(double v) { return 1 / (1 + exp(-v)); }

static const struct {
    const char *name;
    Activation *f;
} activations[] = {
    { "hard_sigmoid", act_hard_sigmoid },
    { "linear", act_linear },
    { "relu", act_relu },
    { "scaled_tanh", tanh }, /* both constants are 1 */
    { "sigmoid", act_sigmoid },
    { "sigmoid_hard", act_hard_sigmoid }, /* as rnn's documentation has it */
    { "tanh", tanh },
};

Activation *recurrent_activation(Call *c, ParamId param)
{
    const char *names[COUNT(activations)];
    for (size_t i = 0; i < COUNT(activations); i++) names[i] = activations[i].name;
    int i = call_mode_any_case(c, param, names, COUNT(activations));
    return i < 0 ? NULL : activations[i].f;
}

/* ---- shapes ------------------------------------------------------------------------------ */

/* The argument, when present, is a matrix rows by cols (cols NULL: a vector of rows). What is
 * not known of them is taken from it. */
static bool expect(Call *c, ParamId param, int64_t *rows, int64_t *cols)
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
                      param_names[param], shape_text(c->arena, s), shape_text(c->arena, &w),
                      shape_text(c->arena, call_shape(c, P_x)),
                      shape_text(c->arena, call_shape(c, P_weight_hh)));
}

static int64_t times(int64_t a, int64_t b) { return a == DIM_ANY ? DIM_ANY : a * b; }

static int gates_of(const Call *c)
{
    return call_takes(c, P_cell_activation) ? 4 : call_takes(c, P_recurrent_activation) ? 3 : 1;
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
    int64_t rows = times(r->hidden, r->gates), three = times(r->hidden, 3);
    return expect(c, weights[way].ih, &rows, &r->width)
        && expect(c, weights[way].hh, &rows, &r->hidden)
        && expect(c, weights[way].bias, &rows, NULL)
        && (!call_takes(c, P_peephole) || expect(c, weights[way].peephole, &three, NULL))
        && (!call_takes(c, P_input_bias) || expect(c, P_input_bias, &rows, NULL));
}

static bool check_names(Call *c)
{
    static const ParamId params[] = { P_activation, P_recurrent_activation, P_cell_activation };
    for (size_t i = 0; i < COUNT(params); i++)
        if (call_takes(c, params[i]) && call_known(c, params[i])
            && !recurrent_activation(c, params[i]))
            return false;
    return true;
}

bool recurrent_of(Call *c, Recurrent *r)
{
    static const char *const ways[] = { "forward", "reverse", "bidirectional" };
    const Shape *x = call_shape(c, P_x), *hh = call_shape(c, P_weight_hh);
    int way = call_mode(c, P_direction, ways, call_takes(c, P_weight_ih_back) ? 3 : 2);
    if (way < 0 || !check_names(c)) return false;
    if (x->rank != 3)
        return call_error(c, "x is %s; it must be [steps, batch, features]",
                          shape_text(c->arena, x));
    if (hh->rank != 2)
        return call_error(c, "weight_hh is %s; it must be of rank 2", shape_text(c->arena, hh));
    *r = (Recurrent){
        x->dim[0],   x->dim[1],        x->dim[2], hh->dim[1],
        gates_of(c), way == 2 ? 2 : 1, way == 1,  call_bool(c, P_output_sequence)
    };
    if (r->ways == 2 && (!call_has(c, P_weight_ih_back) || !call_has(c, P_weight_hh_back)))
        return call_error(
            c, "direction \"bidirectional\" needs weight_ih_back and weight_hh_back");
    int64_t wide = times(r->hidden, r->ways);
    return check_weights(c, r, 0) && (r->ways == 1 || check_weights(c, r, 1))
        && expect(c, P_initial_h, &r->batch, &wide)
        && (!call_takes(c, P_initial_c) || expect(c, P_initial_c, &r->batch, &wide));
}

bool infer_recurrent(Call *c)
{
    Recurrent r;
    if (!recurrent_of(c, &r)) return false;
    DType t = call_dtype(c, P_x);
    int64_t wide = times(r.hidden, r.ways);
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
