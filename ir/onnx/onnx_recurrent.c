/* onnx_recurrent.c -- LSTM, GRU and RNN: each direction an op of its own, joined afterwards. */
#include "onnx.h"

#include <string.h>

enum { ONNX_X, ONNX_W, ONNX_R, ONNX_B, ONNX_LENGTHS, ONNX_H, ONNX_C, ONNX_PEEPHOLES };

/* A family of gates: how many there are, and the order in which MIL stacks them. */
typedef struct {
    int gates;
    int order[4];
    const char *active[3]; /* the activations that it has by default */
    int nactive;
} Gates;

static const Gates lstm_gates = { 4, { 0, 2, 1, 3 }, { "Sigmoid", "Tanh", "Tanh" }, 3 };
static const Gates gru_gates = { 3, { 1, 2, 0 }, { "Sigmoid", "Tanh" }, 2 };
static const Gates rnn_gates = { 1, { 0 }, { "Tanh" }, 1 };

typedef struct {
    const Gates *gates;
    int64_t hidden, directions;
    bool back[2]; /* a direction runs backwards */
} Cell;

static bool cell_of(OnnxCall *c, const Gates *g, Cell *cell)
{
    const char *way = onnx_text(c, "direction", "forward");
    const bool both = !strcmp(way, "bidirectional");
    *cell = (Cell){ .gates = g,
                    .hidden = onnx_int(c, "hidden_size", 0),
                    .directions = both ? 2 : 1 };
    cell->back[0] = !strcmp(way, "reverse");
    cell->back[1] = both;
    if (onnx_rank(c->in[ONNX_X]) != 3 || onnx_rank(c->in[ONNX_W]) != 3
        || onnx_rank(c->in[ONNX_R]) != 3)
        return onnx_refuse(c, "its inputs are not of three dimensions");
    const int64_t hidden = onnx_shape(c->in[ONNX_R])->dim[2];
    if (!cell->hidden) cell->hidden = hidden;
    if (hidden != cell->hidden || hidden < 1)
        return onnx_refuse(c, "its weights are not those of hidden_size");
    if (onnx_attr(c, "clip")) return onnx_refuse(c, "its clip is not read");
    if (onnx_attr(c, "activations"))
        return onnx_refuse(c, "its activations are not read: leave the default ones");
    if (onnx_int(c, "input_forget", 0) || onnx_given(c, ONNX_PEEPHOLES))
        return onnx_refuse(c, "peepholes and coupled gates are not read");
    return true;
}

/* Sequences of one length alone: MIL has no other. */
static bool cell_lengths(OnnxCall *c)
{
    int64_t length[MAX_RANK * 2];
    if (onnx_shape(c->in[ONNX_X])->dim[1] < 0)
        return onnx_refuse(c, "its batch is not known before it runs");
    if (!onnx_given(c, ONNX_LENGTHS)) return true;
    const int n = value_ints(c->in[ONNX_LENGTHS], length);
    bool whole = n >= 0;
    for (int i = 0; i < n; i++)
        whole = whole && length[i] == onnx_shape(c->in[ONNX_X])->dim[0];
    return whole || onnx_refuse(c, "sequences of several lengths are not in MIL");
}

/* Direction d of a tensor that has one after the other, without that axis. */
static Value *direction(OnnxCall *c, Value *v, int64_t d)
{
    Builder *b = &c->b;
    const int64_t front = 0;
    Value *one = onnx_part(c, v, 0, d, d + 1);
    return onnx_folded(c,
                       mil_squeeze(b, "way", .x = one, .axes = build_ints(b, 1, &front)));
}

/* Gates in MIL's order; v has them along its first axis, from `first` on. */
static Value *gates(OnnxCall *c, const Cell *cell, Value *v, int64_t first)
{
    Value *part[4];
    const int64_t h = cell->hidden;
    for (int i = 0; i < cell->gates->gates; i++) {
        const int64_t at = first + cell->gates->order[i] * h;
        part[i] = onnx_part(c, v, 0, at, at + h);
    }
    return onnx_folded(c, onnx_join(c, cell->gates->gates, part, 0));
}

/* The state that direction d begins with: what is given, or zeros. */
static Value *begins(OnnxCall *c, const Cell *cell, int input, int64_t d)
{
    Builder *b = &c->b;
    const Value *x = c->in[ONNX_X];
    const Type *t = type_tensor(&c->b.m->arena, onnx_dtype(x),
                                SHAPE(onnx_shape(x)->dim[1], cell->hidden));
    void *zeros;
    if (onnx_given(c, input)) return direction(c, c->in[input], d);
    return build_const(b, "zeros", const_room(&c->b.m->arena, t, type_bytes(t), &zeros));
}

/* The bias of the inputs and that of the state are added; second: that of the state alone. */
static Value *bias(OnnxCall *c, const Cell *cell, int64_t d, bool apart, Value **second)
{
    *second = NULL;
    if (!onnx_given(c, ONNX_B)) return NULL;
    Value *b = direction(c, c->in[ONNX_B], d);
    Value *in = gates(c, cell, b, 0),
          *state = gates(c, cell, b, cell->gates->gates * cell->hidden);
    if (!apart) return onnx_folded(c, onnx_both(c, OP_add, in, state));
    *second = state;
    return in;
}

/* Results of the directions: sequences [T, B, H] as [T, D, B, H], states [B, H] as [D, B, H]. */
static Value *beside(OnnxCall *c, const Cell *cell, Value *const *v, int64_t axis)
{
    Builder *b = &c->b;
    Value *wide[2];
    for (int d = 0; d < cell->directions; d++)
        wide[d] = mil_expand_dims(b, "way", .x = v[d], .axes = build_ints(b, 1, &axis));
    return onnx_join(c, (int)cell->directions, wide, (int)axis);
}

/* Makes the op of direction d: its sequence, and its states. */
typedef Value *CellOp(OnnxCall *c, const Cell *cell, int64_t d, Value *w, Value *r);

static bool lower_cell(OnnxCall *c, const Gates *g, CellOp *make)
{
    Cell cell;
    Value *result[3][2] = { { NULL } };
    if (!cell_of(c, g, &cell) || !cell_lengths(c)) return false;
    if (onnx_shape(c->in[ONNX_W])->dim[0] != cell.directions
        || onnx_shape(c->in[ONNX_W])->dim[1] != g->gates * cell.hidden)
        return onnx_refuse(c, "its weights are not those of %d gates and %d directions",
                           g->gates, (int)cell.directions);
    int n = 0;
    for (int64_t d = 0; d < cell.directions; d++) {
        Value *w = gates(c, &cell, direction(c, c->in[ONNX_W], d), 0);
        Value *r = gates(c, &cell, direction(c, c->in[ONNX_R], d), 0);
        Value *y = make(c, &cell, d, w, r);
        if (!y || y->type->kind != TY_TENSOR) return false;
        n = y->def->nout;
        for (int i = 0; i < n && i < 3; i++) result[i][d] = y->def->out[i];
    }
    for (int i = 0; i < n && i < 3; i++) c->out[i] = beside(c, &cell, result[i], i == 0);
    return true;
}

static Value *word(OnnxCall *c, const Cell *cell, int64_t d)
{
    Builder *b = &c->b;
    return build_string(b, cell->back[d] ? "reverse" : "forward");
}

static Value *make_lstm(OnnxCall *c, const Cell *cell, int64_t d, Value *w, Value *r)
{
    Builder *b = &c->b;
    Value *none, *both = bias(c, cell, d, false, &none);
    Value *h = begins(c, cell, ONNX_H, d);
    Value *s = begins(c, cell, ONNX_C, d);
    Value *way = word(c, cell, d);
    Value *all = build_bool(b, true);
    return mil_lstm(b, "lstm", .x = c->in[ONNX_X], .initial_h = h, .initial_c = s,
                    .weight_ih = w, .weight_hh = r, .bias = both, .direction = way,
                    .output_sequence = all);
}

static Value *make_gru(OnnxCall *c, const Cell *cell, int64_t d, Value *w, Value *r)
{
    Builder *b = &c->b;
    const bool after = onnx_int(c, "linear_before_reset", 0) != 0;
    Value *state, *in = bias(c, cell, d, after, &state);
    Value *h = begins(c, cell, ONNX_H, d);
    Value *way = word(c, cell, d);
    Value *all = build_bool(b, true);
    Value *late = build_bool(b, after);
    return mil_gru(b, "gru", .x = c->in[ONNX_X], .initial_h = h, .weight_ih = w,
                   .weight_hh = r, .bias = after ? state : in,
                   .input_bias = after ? in : NULL, .direction = way,
                   .output_sequence = all, .reset_after = late);
}

static Value *make_rnn(OnnxCall *c, const Cell *cell, int64_t d, Value *w, Value *r)
{
    Builder *b = &c->b;
    Value *none, *both = bias(c, cell, d, false, &none);
    Value *h = begins(c, cell, ONNX_H, d);
    Value *way = word(c, cell, d);
    Value *all = build_bool(b, true);
    return mil_rnn(b, "rnn", .x = c->in[ONNX_X], .initial_h = h, .weight_ih = w,
                   .weight_hh = r, .bias = both, .direction = way,
                   .output_sequence = all);
}

static Value *turned(OnnxCall *c, Value *v, int n, const int64_t *perm)
{
    Builder *b = &c->b;
    return v ? mil_transpose(b, "turned", .x = v, .perm = build_ints(b, n, perm)) : NULL;
}

/* layout 1 has the batch in front, of inputs, states and results. */
static bool lower_layout(OnnxCall *c, const Gates *g, CellOp *make)
{
    static const int64_t front[] = { 1, 0, 2 }, sequence[] = { 2, 0, 1, 3 };
    if (!onnx_int(c, "layout", 0)) return lower_cell(c, g, make);
    if (onnx_rank(c->in[ONNX_X]) != 3)
        return onnx_refuse(c, "its input is not of three dimensions");
    for (int i = ONNX_X; i <= ONNX_C; i += i ? 1 : ONNX_H)
        if (onnx_given(c, i)) c->in[i] = onnx_folded(c, turned(c, c->in[i], 3, front));
    if (!lower_cell(c, g, make)) return false;
    c->out[0] = turned(c, c->out[0], 4, sequence);
    for (int i = 1; i < 3; i++) c->out[i] = turned(c, c->out[i], 3, front);
    return true;
}

bool node_lstm(OnnxCall *c) { return lower_layout(c, &lstm_gates, make_lstm); }
bool node_gru(OnnxCall *c) { return lower_layout(c, &gru_gates, make_gru); }
bool node_rnn(OnnxCall *c) { return lower_layout(c, &rnn_gates, make_rnn); }
