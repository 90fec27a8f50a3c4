/* padded.c -- a function of flexible dimensions as one of fixed, larger sizes, which computes
 * the same of inputs that are padded to them.
 *
 * What was padded is followed from the inputs through every op. Where it stays in the places
 * behind the kept ones it changes nothing there. Where an op would mix it with what is kept
 * (sums along the dimension, softmax, products that contract it, convolutions along it), it is
 * replaced first by what counts for nothing: zero, or a number so low or so high that it is
 * never chosen. Which places are kept the run says by one more input for each dimension,
 * `anec_kept`. An op of which nobody knows how it mixes is refused: there is no guess.
 *
 * Sizes that the program computes (`shape`) are the padded ones: they may say how large
 * something becomes, and nothing else. */
#include "padded.h"

#include <string.h>

/* ---- what is known of a value ------------------------------------------------------------ */

int64_t pad_size(const Padder *p) { return p->size[p->now]; }

static PadState *pad_state(const Padder *p, const Value *v)
{
    return v ? values_get(&p->state, v) : NULL;
}

bool pad_known(const Padder *p, const Value *v) { return pad_state(p, v) != NULL; }

unsigned pad_axes(const Padder *p, const Value *v)
{
    const PadState *s = pad_state(p, v);
    return s ? s->of[p->now].axes : 0;
}

bool pad_along(const Padder *p, const Value *v, int axis)
{
    return pad_axes(p, v) >> axis & 1;
}

int pad_by(const Padder *p, const Value *v, int k)
{
    const PadState *s = pad_state(p, v);
    return s ? s->of[p->now].by[k] : 0;
}

bool pad_sized(const Padder *p, const Value *v)
{
    const PadState *s = pad_state(p, v);
    return s && s->sized;
}

static size_t pad_bytes(const Padder *p)
{
    return sizeof(PadState) + (size_t)p->dims->count * sizeof(PadOf);
}

PadState *pad_note(Padder *p, const Value *v)
{
    PadState *s = pad_state(p, v);
    if (!s) {
        s = arena_alloc(&p->arena, pad_bytes(p));
        memset(s, 0, pad_bytes(p));
        values_set(&p->state, v, s);
    }
    return s;
}

bool pad_copy(Padder *p, const Value *to, const Value *from)
{
    const PadState *s = pad_state(p, from);
    if (s && to != from) memcpy(pad_note(p, to), s, pad_bytes(p));
    return true;
}

bool pad_mark(Padder *p, const Value *v, unsigned axes)
{
    if (axes) pad_note(p, v)->of[p->now].axes = axes;
    return true;
}

void pad_meet(Padder *p, const Value *v, int axis)
{
    const PadState *s = pad_state(p, v);
    for (int i = 0; s && i < p->dims->count; i++)
        if (i != p->now && s->of[i].axes >> axis & 1) p->meets = i;
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
    PadMasks *of = &p->masks[p->now];
    Value **mask = &of->mask[rank][axis];
    int64_t shape[MAX_RANK];
    if (*mask) return *mask;
    Builder b = builder_at(p->func->body, p->begin, p->d, p->func->loc);
    for (int i = 0; i < rank; i++) shape[i] = i == axis ? pad_size(p) : 1;
    Value *to = build_ints(&b, rank, shape);
    Value *kept = mil_reshape(&b, "kept", .x = of->kept, .shape = to);
    Value *half = build_float(&b, of->kept->type->dtype, 0.5);
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
    pad_copy(p, out, v);
    op_set_arg(p->func->module, op, param, out);
    return true;
}

/* ---- arguments --------------------------------------------------------------------------- */

/* Nothing but its x comes from what was padded, which is no size. */
bool pad_only_x(const Padder *p, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].param != P_x && pad_known(p, op->arg[i].val[k]))
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

/* Whether anything of the dimension came to an op. */
static bool pad_any(const Padder *p, const Op *op)
{
    static const PadOf nothing;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const PadState *s = pad_state(p, op->arg[i].val[k]);
            if (s && memcmp(&s->of[p->now], &nothing, sizeof nothing) != 0) return true;
        }
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
    pad_copy(p, known, op->out[0]);
    func_replace_uses(p->func, op->out[0], known);
}

Value *pad_told(Padder *p, Op *op)
{
    const Value *x = op_value(op, P_x);
    Builder b = pad_before(p, op);
    Value *known = build_ints(&b, pad_rank(x), x->type->shape.dim);
    func_replace_uses(p->func, op->out[0], known);
    return known;
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
    bool any = false;
    for (p->now = 0; p->now < p->dims->count; p->now++) {
        if (!pad_any(p, op)) continue;
        if (!pad_rule(p, op)) return false;
        any = true;
    }
    /* A size of one, of which nothing was padded, is as known as others. */
    if (!any && op->kind == OP_shape) pad_told(p, op);
    pad_fold(p, op);
    return true;
}

/* ---- a function -------------------------------------------------------------------------- */

/* What is kept of the dimension, as an input. */
static Value *pad_kept(const Padder *p, DType real)
{
    Func *f = p->func;
    const Shape s = SHAPE(1, 1, 1, pad_size(p));
    const Type *t = type_tensor(&f->module->arena, real, s);
    return block_param(f->body, func_unique_name(f, "anec_kept"), t, f->loc);
}

static void pad_inputs(Padder *p)
{
    Module *m = p->func->module;
    Block *body = p->func->body;
    DType real = DT_FP16;
    for (int i = 0; i < body->nparam; i++) {
        Value *v = body->param[i];
        if (v->type->kind != TY_TENSOR) continue;
        if (v->type->dtype == DT_FP32) real = DT_FP32;
        Shape s = v->type->shape;
        for (int k = 0; k < s.rank; k++) {
            const int dim = p->dims->of[i * MAX_RANK + k];
            if (dim < 0) continue;
            s.dim[k] = p->size[dim];
            /* Of one nothing is padded. */
            if (s.dim[k] > 1) pad_note(p, v)->of[dim].axes |= 1u << k;
        }
        v->type = type_tensor(&m->arena, v->type->dtype, s);
    }
    for (p->now = 0; p->now < p->dims->count; p->now++)
        p->masks[p->now].kept = pad_kept(p, real);
}

bool pad_all(Padder *p)
{
    p->masks = NEW_ARRAY(&p->arena, p->dims->count + 1, PadMasks);
    p->meets = -1;
    pad_inputs(p);
    p->begin = p->func->body->first;
    for (Op *op = p->begin; op; op = op->next)
        if (!pad_op(p, op)) return false;
    return true;
}

void pad_end(Padder *p)
{
    values_free(&p->state);
    arena_free(&p->arena);
}

static bool pad_results(Padder *p, int *cut)
{
    const Func *f = p->func;
    for (int i = 0; i < f->body->nresult; i++) {
        const Value *v = f->body->result[i];
        int *at = &cut[i * MAX_RANK];
        for (int k = 0; k < MAX_RANK; k++) at[k] = -1;
        if (pad_sized(p, v))
            return diag_error(p->d, f->loc,
                              "result %d of %s is a size, which a bucket has of its own",
                              i + 1, f->name);
        for (p->now = 0; p->now < p->dims->count; p->now++)
            for (int k = 0; k < MAX_RANK; k++)
                if (pad_axes(p, v) >> k & 1) at[k] = p->now;
    }
    return true;
}

/* Inputs that nobody asked are gone; where the others are now. */
static void pad_asked(Padder *p, int *kept)
{
    Block *body = p->func->body;
    int to = body->nparam - p->dims->count;
    for (int i = 0; i < p->dims->count; i++) {
        Value *v = p->masks[i].kept;
        const bool asked = func_count_uses(p->func, v) > 0;
        if (!asked) block_drop_param(body, v);
        kept[i] = asked ? to++ : -1;
    }
}

bool func_pad(Func *f, const PadDims *dims, const int64_t *size, bool engine,
              const Padding *out, Diag *d)
{
    Padder p = { .func = f, .d = d, .dims = dims, .size = size, .engine = engine };
    const bool ok = pad_all(&p) && pad_results(&p, out->cut);
    if (ok) pad_asked(&p, out->kept);
    pad_end(&p);
    return ok;
}
