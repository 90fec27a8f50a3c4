/* padded.c -- a function of a flexible dimension as one of a fixed, larger size, which computes
 * the same of inputs that are padded to it.
 *
 * What was padded is followed from the inputs through every op. Where it stays in the places
 * behind the kept ones it changes nothing there. Where an op would mix it with what is kept
 * (sums along the dimension, softmax, products that contract it, convolutions along it), it is
 * replaced first by what counts for nothing: zero, or a number so low or so high that it is
 * never chosen. Which places are kept the run says by one more input, `anec_kept`. An op of
 * which nobody knows how it mixes is refused: there is no guess.
 *
 * Sizes that the program computes (`shape`) are the padded ones: they may say how large
 * something becomes, and nothing else. */
#include "padded.h"

/* ---- what is known of a value ------------------------------------------------------------ */

PadState *pad_state(const Padder *p, const Value *v)
{
    return v ? values_get(&p->state, v) : NULL;
}

unsigned pad_axes(const Padder *p, const Value *v)
{
    const PadState *s = pad_state(p, v);
    return s ? s->axes : 0;
}

bool pad_sized(const Padder *p, const Value *v)
{
    const PadState *s = pad_state(p, v);
    return s && s->sized;
}

PadState *pad_note(Padder *p, const Value *v)
{
    PadState *s = pad_state(p, v);
    if (!s) {
        s = NEW(&p->arena, PadState);
        values_set(&p->state, v, s);
    }
    return s;
}

bool pad_mark(Padder *p, const Value *v, unsigned axes)
{
    if (axes) pad_note(p, v)->axes = axes;
    return true;
}

bool pad_refuse(const Padder *p, const Op *op, const char *why)
{
    return diag_error(p->d, op_loc(op),
                      "padding to a bucket may change what %s gives: %s", op_name(op),
                      why);
}

int pad_rank(const Value *v) { return v->type->shape.rank; }

Builder pad_before(const Padder *p, Op *op)
{
    Builder b = builder_at(op->parent, op, p->d, op_loc(op));
    if (op->opset) b.opset = op->opset;
    return b;
}

/* ---- masks ------------------------------------------------------------------------------- */

/* True at what is kept, for a value of that rank. */
static Value *pad_mask(Padder *p, int rank, int axis)
{
    Value **mask = &p->mask[rank][axis];
    int64_t shape[MAX_RANK];
    if (*mask) return *mask;
    Builder b = builder_at(p->func->body, p->begin, p->d, p->func->loc);
    for (int i = 0; i < rank; i++) shape[i] = i == axis ? p->size : 1;
    Value *to = build_ints(&b, rank, shape);
    Value *kept = mil_reshape(&b, "kept", .x = p->kept, .shape = to);
    Value *half = build_float(&b, p->kept->type->dtype, 0.5);
    return *mask = mil_greater(&b, "kept", .x = kept, .y = half);
}

/* An argument with `fill` in the place of what was padded along the axis. */
bool pad_fill(Padder *p, Op *op, ParamId param, int axis, double fill)
{
    Value *v = op_value(op, param);
    if (!dtype_is_float(v->type->dtype))
        return pad_refuse(p, op,
                          "its integers would be mixed with those that were padded");
    Value *mask = pad_mask(p, pad_rank(v), axis);
    Builder b = pad_before(p, op);
    Value *other = build_float(&b, v->type->dtype, fill);
    Value *out = mil_select(&b, "filled", .cond = mask, .a = v, .b = other);
    pad_mark(p, out, pad_axes(p, v));
    op_set_arg(p->func->module, op, param, out);
    return true;
}

/* ---- arguments --------------------------------------------------------------------------- */

/* Nothing but its x comes from what was padded, which is no size. */
bool pad_only_x(const Padder *p, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].param != P_x && pad_state(p, op->arg[i].val[k]))
                return pad_refuse(p, op, "another argument than x was padded");
    return !pad_sized(p, op_value(op, P_x))
        || pad_refuse(p, op, "it computes with a size");
}

bool pad_axis_of(const Op *op, ParamId param, int rank, int64_t *out)
{
    if (!value_int(op_value(op, param), out)) return false;
    if (*out < 0) *out += rank;
    return *out >= 0 && *out < rank;
}

/* Axes that a parameter lists; absent: all. */
bool pad_axes_of(const Op *op, ParamId param, int rank, unsigned *out)
{
    int64_t v[MAX_RANK * 2];
    const Value *list = op_value(op, param);
    *out = (1u << rank) - 1;
    if (!list) return true;
    const int n = value_ints(list, v);
    *out = 0;
    for (int i = 0; i < n; i++) {
        const int64_t axis = v[i] < 0 ? v[i] + rank : v[i];
        if (axis < 0 || axis >= rank) return false;
        *out |= 1u << axis;
    }
    return n >= 0;
}

/* Axes that stay, in their new places. */
unsigned pad_without(unsigned axes, unsigned gone, int rank)
{
    unsigned out = 0;
    for (int i = 0, to = 0; i < rank; i++)
        if (!(gone >> i & 1)) out |= (axes >> i & 1) << to++;
    return out;
}

/* ---- ops --------------------------------------------------------------------------------- */

static bool pad_any(const Padder *p, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (pad_state(p, op->arg[i].val[k])) return true;
    return false;
}

/* The column PAD of the op table. */
static PadRule *const pad_rules[OP_COUNT] = {
#define NONE NULL
#define OP(name, ...) [OP_##name] =
#define PAD(rule) rule,
#include "../ops/ops.def"
};

/* Numbers that follow from the size are constants here, from which types follow. */
static void pad_fold(Padder *p, Op *op)
{
    enum { MOST = MAX_RANK * 4 };
    const Const *c;
    const PadState *s = pad_state(p, op->out[0]);
    if (op->kind == OP_shape || op->nout != 1 || op->out[0]->type->dtype != DT_INT32
        || (s && !s->sized))
        return;
    if (!op_literals(p->func->module, op, MOST, p->d, &c)) return;
    Builder b = pad_before(p, op);
    Value *known = build_const(&b, "size", c);
    if (s) *pad_note(p, known) = *s;
    func_replace_uses(p->func, op->out[0], known);
}

static bool pad_rule(Padder *p, Op *op)
{
    const bool known = op->kind != OP_NONE;
    if (known && pad_rules[op->kind]) return pad_rules[op->kind](p, op);
    if (known && ops[op->kind].flags & F_ELEMENTWISE) return pad_elementwise(p, op);
    return pad_refuse(p, op, "nobody knows what it makes of it");
}

/* What was before it may have another type now. */
static bool pad_op(Padder *p, Op *op)
{
    if (op->kind == OP_const) return true;
    if (op_nblock(op))
        return pad_refuse(p, op, "what stands in its blocks is not followed");
    Builder b = pad_before(p, op);
    if (!build_infer(&b, NULL, op)) return false;
    if (!pad_any(p, op)) return true;
    if (!pad_rule(p, op)) return false;
    pad_fold(p, op);
    return true;
}

/* ---- a function -------------------------------------------------------------------------- */

/* The one flexible axis of an input; -1: it has none, -2: it has several. */
int pad_input_axis(const Value *v)
{
    int axis = -1;
    if (v->type->kind != TY_TENSOR) return -1;
    for (int i = 0; i < v->type->shape.rank; i++) {
        if (v->type->shape.dim[i] != DIM_ANY) continue;
        if (axis >= 0) return -2;
        axis = i;
    }
    return axis;
}

static void pad_inputs(Padder *p)
{
    Module *m = p->func->module;
    Block *body = p->func->body;
    DType real = DT_FP16;
    for (int i = 0; i < body->nparam; i++) {
        Value *v = body->param[i];
        const int axis = pad_input_axis(v);
        if (v->type->kind == TY_TENSOR && v->type->dtype == DT_FP32) real = DT_FP32;
        if (axis < 0) continue;
        Shape s = v->type->shape;
        s.dim[axis] = p->size;
        v->type = type_tensor(&m->arena, v->type->dtype, s);
        if (p->size > 1) pad_mark(p, v, 1u << axis); /* of one nothing is padded */
    }
    const Type *t = type_tensor(&m->arena, real, SHAPE(1, 1, 1, p->size));
    const char *name = func_unique_name(p->func, "anec_kept");
    p->kept = block_param(body, name, t, p->func->loc);
}

bool func_pad(Func *f, int64_t size, bool engine, unsigned *cut, Diag *d)
{
    Padder p = { .func = f, .d = d, .size = size, .engine = engine };
    pad_inputs(&p);
    p.begin = f->body->first;
    bool ok = true;
    for (Op *op = f->body->first, *next; ok && op; op = next) {
        next = op->next;
        ok = pad_op(&p, op);
    }
    for (int i = 0; ok && i < f->body->nresult; i++) {
        const Value *v = f->body->result[i];
        cut[i] = pad_axes(&p, v);
        if (pad_sized(&p, v))
            ok = diag_error(d, f->loc,
                            "result %d of %s is a size, which a bucket has of its own",
                            i + 1, f->name);
    }
    if (ok && !func_count_uses(f, p.kept)) block_drop_param(f->body, p.kept);
    values_free(&p.state);
    arena_free(&p.arena);
    return ok;
}
