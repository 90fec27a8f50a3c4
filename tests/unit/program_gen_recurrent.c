/* program_gen_recurrent.c -- recurrent layers of programs made at random: either way or both, with and
 * without a bias, and each activation that a layer may have. */
#include "program_gen.h"

#include <math.h>

/* The steps times the batch that a layer may have. */
enum { LONGEST = 64 };

/* What the layers have in common: sizes, and what is drawn for each direction. */
typedef struct {
    int64_t batch, hidden;
    int ways;
    Value *ih[2], *hh[2], *bias[2];
} Drawn;

static void draw_weights(Gen *g, Drawn *d, int gates, int64_t width)
{
    const int64_t n = d->hidden;
    for (int i = 0; i < d->ways; i++) {
        d->ih[i] = gen_constant(g, SHAPE(gates * n, width), 1 / sqrt((double)width));
        d->hh[i] = gen_constant(g, SHAPE(gates * n, n), 1 / sqrt((double)n));
        d->bias[i] = gen_draw(g, 2) ? gen_constant(g, SHAPE(gates * n), 0.5) : NULL;
    }
}

static Value *draw_way(Gen *g, int ways)
{
    static const char *const one[] = { "forward", "reverse" };
    const char *way = ways == 2 ? "bidirectional" : one[gen_draw(g, 2)];
    return build_string(&g->b, way);
}

/* NULL: the usual one. What grows without a bound has weights that let it shrink. */
static Value *draw_curve(Gen *g)
{
    static const char *const curves[] = { "relu",        "linear",  "hard_sigmoid",
                                          "scaled_tanh", "sigmoid", "tanh",
                                          "sigmoid_hard" };
    return gen_draw(g, 2) ? NULL
                          : build_string(&g->b, curves[gen_draw(g, COUNT(curves))]);
}

/* A gate is between 0 and 1. */
static Value *draw_gate(Gen *g)
{
    static const char *const curves[] = { "hard_sigmoid", "sigmoid", "sigmoid_hard" };
    return gen_draw(g, 2) ? NULL
                          : build_string(&g->b, curves[gen_draw(g, COUNT(curves))]);
}

static Value *draw_state(Gen *g, const Drawn *d)
{
    return gen_constant(g, SHAPE(d->batch, d->hidden * d->ways), 1);
}

static Value *draw_lstm(Gen *g, Value *x, Drawn *d)
{
    d->ways = 1 + gen_draw(g, 2);
    draw_weights(g, d, 4, x->type->shape.dim[2]);
    return mil_lstm(&g->b, "l", .x = x, .initial_h = draw_state(g, d),
                    .initial_c = draw_state(g, d), .weight_ih = d->ih[0],
                    .weight_hh = d->hh[0], .bias = d->bias[0],
                    .direction = draw_way(g, d->ways), .weight_ih_back = d->ih[1],
                    .weight_hh_back = d->hh[1], .bias_back = d->bias[1],
                    .output_sequence = gen_flag(g), .recurrent_activation = draw_gate(g),
                    .cell_activation = draw_curve(g), .activation = draw_curve(g));
}

static Value *draw_gru(Gen *g, Value *x, Drawn *d)
{
    const Shape gates = SHAPE(3 * d->hidden);
    draw_weights(g, d, 3, x->type->shape.dim[2]);
    return mil_gru(&g->b, "u", .x = x, .initial_h = draw_state(g, d),
                   .weight_ih = d->ih[0], .weight_hh = d->hh[0], .bias = d->bias[0],
                   .direction = draw_way(g, 1), .output_sequence = gen_flag(g),
                   .recurrent_activation = draw_gate(g), .activation = draw_curve(g),
                   .reset_after = gen_draw(g, 3) ? gen_flag(g) : NULL,
                   .input_bias = gen_draw(g, 2) ? gen_constant(g, gates, 0.5) : NULL);
}

static Value *draw_rnn(Gen *g, Value *x, Drawn *d)
{
    draw_weights(g, d, 1, x->type->shape.dim[2]);
    return mil_rnn(&g->b, "n", .x = x, .initial_h = draw_state(g, d),
                   .weight_ih = d->ih[0], .weight_hh = d->hh[0], .bias = d->bias[0],
                   .direction = draw_way(g, 1), .output_sequence = gen_flag(g),
                   .activation = draw_curve(g));
}

Value *gen_recurrent(Gen *g, Value *x)
{
    static Value *(*const layers[])(Gen *, Value *, Drawn *) = { draw_lstm, draw_gru,
                                                                 draw_gru, draw_rnn };
    if (x->type->shape.rank != 3) x = gen_shaped(g, x, 3);
    const Shape *s = &x->type->shape;
    if (s->dim[0] * s->dim[1] > LONGEST) return NULL;
    Drawn d = { .batch = s->dim[1], .hidden = gen_dim(g), .ways = 1 };
    Value *y = layers[gen_draw(g, COUNT(layers))](g, x, &d);
    return y ? y->def->out[gen_draw(g, 4) ? 0 : y->def->nout - 1] : NULL;
}
