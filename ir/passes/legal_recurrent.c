/* legal_recurrent.c -- lstm, gru and rnn unrolled, for a known number of steps.
 *
 * The products with the input, for all steps and gates, are one linear. Each step adds the
 * product with the state, and splits the gates along an axis that is not the last. Where the
 * opset requires fp32 the computation is in fp16 all the same, as an engine does it. The
 * cells are defined in ir/ops/recurrent.c. */
#include "legal.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_STEPS = 1024,
    MAX_GATES = 4,
    CELL = 3 /* the gate that makes an lstm's new content */
};

typedef struct Unroll Unroll;
struct Unroll {
    Builder *b;
    const Op *op;
    DType type; /* of all that is computed */
    int64_t steps, batch, hidden;
    int gates, ways;
    /* direction "reverse", output_sequence, gru's reset_after */
    bool backward, sequence, after;
    int gate, cell, out;       /* activations: kinds of ops */
    double clip;               /* INFINITY: none */
    Value *input;              /* [steps, batch, gates * hidden]: W x + b */
    Value *state, *state_bias; /* weights; NULL: no bias */
    Value *candidate; /* gru: the rows of the state's weights for the candidate */
    Value *peephole[3];
    Value *h, *c; /* [batch, 1, hidden] */
};

/* ---- constants --------------------------------------------------------------------------- */

/* Elements from .. from + n of a constant argument, of the type that is computed in; NULL: it
 * is absent, or cannot be read, which was reported. */
static Value *part_of(const Unroll *u, ParamId param, int64_t from, Shape s)
{
    const Value *v = op_value(u->op, param);
    Tensor all;
    size_t n;
    if (!v || !shape_count(&s, &n) || !value_tensor(v, u->b->diag, &all)) return NULL;
    const Type *t = type_tensor(&u->b->m->arena, u->type, s);
    void *data = arena_alloc(&u->b->m->arena, type_bytes(t) + 1);
    Tensor to = tensor_view(u->type, &s, data);
    for (size_t i = 0; i < n; i++)
        tensor_set_float(&to, i, tensor_float(&all, (size_t)from + i));
    tensor_free(&all);
    return build_const(u->b, param_names[param], const_data(&u->b->m->arena, t, data));
}

/* A weight or bias of all gates. */
static Value *recurrent_whole(const Unroll *u, ParamId param)
{
    const Shape *s = shape_of_value(op_value(u->op, param));
    return s ? part_of(u, param, 0, *s) : NULL;
}

/* ---- cells ------------------------------------------------------------------------------- */

static Value *recurrent_activate(Builder *b, int kind, Value *x)
{
    if (kind == OP_identity) return x;
    if (kind == OP_sigmoid_hard) {
        Value *slope = make_number(b, x, 0.2), *middle = make_number(b, x, 0.5);
        return mil_sigmoid_hard(b, "gate", .x = x, .alpha = slope, .beta = middle);
    }
    return make_one(b, kind, x);
}

static Value *recurrent_product(const Unroll *u, Value *x, Value *weight, Value *bias)
{
    return mil_linear(u->b, "linear", .x = x, .weight = weight, .bias = bias);
}

/* [batch, 1, gates * hidden] as [batch, gates, hidden] */
static Value *gates_apart(const Unroll *u, Value *x)
{
    return make_as(u->b, x, SHAPE(u->batch, u->gates, u->hidden));
}

static Value *gate_of(const Unroll *u, Value *x, int gate)
{
    return u->gates == 1 ? x : make_slice(u->b, x, 1, gate, 1);
}

static void step_rnn(Unroll *u, Value *input)
{
    Value *sum = make_two(u->b, OP_add, input,
                          recurrent_product(u, u->h, u->state, NULL));
    u->h = recurrent_activate(u->b, u->out, sum);
}

static Value *with_peephole(const Unroll *u, Value *x, int gate)
{
    return u->peephole[gate]
             ? make_two(u->b, OP_add, x, make_two(u->b, OP_mul, u->c, u->peephole[gate]))
             : x;
}

static void step_lstm(Unroll *u, Value *input)
{
    enum { IN, FORGET, OUT };
    Builder *b = u->b;
    Value *all = gates_apart(
        u, make_two(b, OP_add, input, recurrent_product(u, u->h, u->state, NULL)));
    Value *in = recurrent_activate(b, u->gate, with_peephole(u, gate_of(u, all, IN), IN));
    Value *forget = recurrent_activate(b, u->gate,
                                       with_peephole(u, gate_of(u, all, FORGET), FORGET));
    Value *content = recurrent_activate(b, u->cell, gate_of(u, all, CELL));
    Value *kept = make_two(b, OP_mul, forget, u->c);
    u->c = make_two(b, OP_add, kept, make_two(b, OP_mul, in, content));
    if (!isinf(u->clip)) u->c = make_clip(b, u->c, -u->clip, u->clip);
    Value *open = recurrent_activate(b, u->gate,
                                     with_peephole(u, gate_of(u, all, OUT), OUT));
    u->h = make_two(b, OP_mul, open, recurrent_activate(b, u->out, u->c));
}

static void step_gru(Unroll *u, Value *input)
{
    enum { RESET, NEW_STATE, UPDATE };
    Builder *b = u->b;
    Value *given = gates_apart(u, input),
          *from_state = gates_apart(u,
                                    recurrent_product(u, u->h, u->state, u->state_bias));
    Value *sum = make_two(b, OP_add, given, from_state);
    Value *reset = recurrent_activate(b, u->gate, gate_of(u, sum, RESET));
    Value *update = recurrent_activate(b, u->gate, gate_of(u, sum, UPDATE));
    Value *kept = u->after ? make_two(b, OP_mul, reset, gate_of(u, from_state, NEW_STATE))
                           : recurrent_product(u, make_two(b, OP_mul, reset, u->h),
                                               u->candidate, NULL);
    Value *fresh = recurrent_activate(
        b, u->out, make_two(b, OP_add, gate_of(u, given, NEW_STATE), kept));
    /* (1 - z) o + z h */
    u->h = make_two(b, OP_add, fresh,
                    make_two(b, OP_mul, update, make_two(b, OP_sub, u->h, fresh)));
}

/* ---- one direction ----------------------------------------------------------------------- */

/* This direction's part of a [batch, ways * hidden] state, as [batch, 1, hidden]. */
static Value *first_state(const Unroll *u, ParamId param, int way)
{
    Value *v = make_cast(u->b, op_value(u->op, param), u->type);
    v = make_as(u->b, v, SHAPE(u->batch, u->ways, u->hidden));
    return u->ways == 1 ? v : make_slice(u->b, v, 1, way, 1);
}

/* The input's products carry all biases, but for a gru with reset_after: there `bias` is of the
 * state's products, and input_bias of the input's. */
static bool legal_recurrent_load(Unroll *u, int way)
{
    const int errors = diag_wrong(u->b->diag);
    Value *w = recurrent_whole(u, way ? P_weight_ih_back : P_weight_ih),
          *bias = recurrent_whole(u, way ? P_bias_back : P_bias);
    Value *x = make_cast(u->b, op_value(u->op, P_x), u->type);
    u->state = recurrent_whole(u, way ? P_weight_hh_back : P_weight_hh);
    if (!w || !u->state) return false;
    Value *input_bias = u->gates == 3 ? recurrent_whole(u, P_input_bias) : NULL;
    u->state_bias = u->after ? bias : NULL;
    u->input = recurrent_product(u, x, w, input_bias);
    if (bias && !u->after) u->input = make_two(u->b, OP_add, u->input, bias);
    if (u->gates == 3)
        u->candidate = part_of(u, P_weight_hh, u->hidden * u->hidden,
                               SHAPE(u->hidden, u->hidden));
    for (int i = 0; i < 3 && u->gates == MAX_GATES; i++)
        u->peephole[i] = part_of(u, way ? P_peephole_back : P_peephole, i * u->hidden,
                                 SHAPE(1, 1, u->hidden));
    u->h = first_state(u, P_initial_h, way);
    if (u->gates == MAX_GATES) u->c = first_state(u, P_initial_c, way);
    return errors == diag_wrong(u->b->diag);
}

/* part[t]: the state of each step as [1, batch, hidden], in the order of the result. */
static bool one_way(Unroll *u, int way, Value **part)
{
    static void (*const step[])(
        Unroll *, Value *) = { [1] = step_rnn, [3] = step_gru, [4] = step_lstm };
    const bool back = way || u->backward;
    if (!legal_recurrent_load(u, way)) return false;
    for (int64_t t = 0; t < u->steps; t++) {
        Value *input = make_slice(u->b, u->input, 0, back ? u->steps - 1 - t : t, 1);
        input = make_as(u->b, input, SHAPE(u->batch, 1, u->gates * u->hidden));
        step[u->gates](u, input);
        part[way ? u->steps - 1 - t : t] = make_as(u->b, u->h,
                                                   SHAPE(1, u->batch, u->hidden));
    }
    return true;
}

/* ---- the op ----------------------------------------------------------------------- */

/* The op that an activation is; false: it is not known. */
static bool activation_of(const Op *op, ParamId arg, int other, int *out)
{
    static const struct {
        const char *name;
        int kind;
    } all[] = {
        { "hard_sigmoid", OP_sigmoid_hard },
        { "linear", OP_identity },
        { "relu", OP_relu },
        { "scaled_tanh", OP_tanh }, /* by 1 and 1 */
        { "sigmoid", OP_sigmoid },
        { "sigmoid_hard", OP_sigmoid_hard },
        { "tanh", OP_tanh },
    };
    *out = other;
    if (!op_value(op, arg)) return true;
    const char *how = op_const_string(op, arg);
    for (size_t i = 0; how && i < COUNT(all); i++) {
        *out = all[i].kind;
        if (!strcasecmp(how, all[i].name)) return true;
    }
    return false;
}

static bool recurrent_plan(Unroll *u)
{
    const Op *op = u->op;
    const Shape *x = shape_of_value(op_value(op, P_x)),
                *hh = shape_of_value(op_value(op, P_weight_hh));
    const char *way = op_value(op, P_direction) ? op_const_string(op, P_direction)
                                                : "forward";
    if (!x || !hh || x->rank != 3 || hh->rank != 2) return false;
    u->steps = x->dim[0], u->batch = x->dim[1], u->hidden = hh->dim[1];
    if (u->steps < 1 || u->steps > MAX_STEPS || u->batch < 1 || u->hidden < 1)
        return false;
    u->gates = op->kind == OP_lstm ? MAX_GATES : op->kind == OP_gru ? 3 : 1;
    if (!way || !activation_of(op, P_activation, OP_tanh, &u->out)
        || !activation_of(op, P_recurrent_activation, OP_sigmoid, &u->gate)
        || !activation_of(op, P_cell_activation, OP_tanh, &u->cell)
        || !float_of(op, P_clip, INFINITY, &u->clip))
        return false;
    u->clip = fabs(u->clip);
    u->ways = !strcmp(way, "bidirectional") ? 2 : 1;
    u->backward = !strcmp(way, "reverse");
    u->sequence = flag_of(op, P_output_sequence);
    u->after = flag_of(op, P_reset_after);
    for (int i = 0; i < op->narg; i++) { /* what is constant is also there */
        const Value *v = op->arg[i].val[0];
        if (value_is_const(v) && !value_at_hand(v)) return false;
    }
    return true;
}

/* Both directions side by side. */
static Value *recurrent_beside(const Unroll *u, Value **v)
{
    return u->ways == 1 ? v[0]
                        : make_concat(u->b, v, u->ways, v[0]->type->shape.rank - 1);
}

static Value *recurrent_result(const Unroll *u, int i, Value *v)
{
    const Type *t = u->op->out[i]->type;
    return make_cast(u->b, make_shape(u->b, v, &t->shape), t->dtype);
}

bool recurrent_by_steps(const Legal *l, Builder *b, Op *op, Value **out)
{
    (void)l;
    return legal_unroll(b, op, DT_FP16, out);
}

bool legal_unroll(Builder *b, Op *op, DType t, Value **out)
{
    Unroll u = { .b = b, .op = op, .type = t };
    Value *last[2], *cell[2], *rows[2];
    if (!recurrent_plan(&u)) return false;
    Value **part = NEW_ARRAY(&b->m->arena, u.steps, Value *);
    for (int way = 0; way < u.ways; way++) {
        if (!one_way(&u, way, part)) return false;
        last[way] = u.h;
        cell[way] = u.c;
        rows[way] = u.sequence ? make_concat(b, part, (int)u.steps, 0) : u.h;
    }
    out[0] = recurrent_result(&u, 0, recurrent_beside(&u, rows));
    out[1] = recurrent_result(&u, 1, recurrent_beside(&u, last));
    if (op->nout > 2) out[2] = recurrent_result(&u, 2, recurrent_beside(&u, cell));
    return true;
}
