/* sim_op.c -- one op on the simulated engine.
 *
 * Operands are converted to the engine's format (fp16, no NaN). The op's reference kernel
 * computes in double, with sums of products by mac.c; then each element of the result is
 * changed as numerics.def says of the op, and rounded once, as the engine rounds. Results of
 * ops that copy elements, and of those whose kernels round themselves (not `wide` in the op
 * table), are rounded again. */
#include "sim.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1024 };

/* ---- single functions: y is what ref computes of x, in double ----------------------------- */

typedef double Fix(const SimEngine *e, const Table *t, double x, double y);

static double sim_num(const SimEngine *e, int i) { return e->numbers.v[i]; }

static double fix_table(const SimEngine *e, const Table *t, double x, double y)
{
    return sim_num(e, NUM_tables) != 0 ? table_at(t, x) : y;
}

/* Infinite from `at` on and finite below, whatever rounding would make of it. */
static double overflow_at(double at, double x, double y)
{
    if (x >= at) return INFINITY;
    return isfinite(at) && y > 65504 ? 65504 : y;
}

static double fix_exp(const SimEngine *e, const Table *t, double x, double y)
{
    (void)t;
    return overflow_at(sim_num(e, NUM_exp_overflow_at), x, y);
}

static double fix_square(const SimEngine *e, const Table *t, double x, double y)
{
    (void)t;
    return overflow_at(sim_num(e, NUM_square_overflow_at), fabs(x), y);
}

static double fix_log(const SimEngine *e, const Table *t, double x, double y)
{
    (void)t;
    if (x == 0) return sim_num(e, NUM_log_of_zero);
    if (x == INFINITY) return sim_num(e, NUM_log_of_inf);
    return x > 0 && x < sim_num(e, NUM_log_floor) ? log(sim_num(e, NUM_log_floor)) : y;
}

static double fix_rsqrt(const SimEngine *e, const Table *t, double x, double y)
{
    (void)t;
    return x >= 0 && x < sim_num(e, NUM_log_floor) ? 1 / sqrt(sim_num(e, NUM_log_floor))
                                                   : y;
}

static double fix_softplus(const SimEngine *e, const Table *t, double x, double y)
{
    (void)t;
    return x > sim_num(e, NUM_softplus_max) ? 0 : y;
}

static double fix_softsign(const SimEngine *e, const Table *t, double x, double y)
{
    (void)t;
    return x > sim_num(e, NUM_softsign_max) ? 0 : y;
}

static double fix_round(const SimEngine *e, const Table *t, double x, double y)
{
    (void)t;
    return fabs(x) >= sim_num(e, NUM_round_max) ? 0 : y;
}

/* ---- what is particular of an op --------------------------------------------------------- */

static bool sim_attention(SimEngine *e, Call *c, Tensor *res);

/* The column SIM of the op table. */
static const struct Own {
    /* the reference kernel writes its results element by element as numbers, of whatever float type */
    bool wide;
    Fix *fix;
    ParamId divisor; /* the operand whose -0 divides as +0 */
    bool mac, slice;
    bool (*instead)(SimEngine *e, Call *c, Tensor *res);
} own[OP_COUNT] = {
#define OP(name, ...) [OP_##name] =
#define SIM(...) { __VA_ARGS__ },
#include "../../ir/ops/ops.def"
};

static int kind_of(const Call *c) { return (int)(c->info - ops); }
static bool sim_moves(const Call *c) { return (c->info->flags & F_MOVES) != 0; }

/* ---- operands ---------------------------------------------------------------------------- */

static bool has_nan(const Tensor *t)
{
    const uint16_t *h = t->data;
    for (size_t i = 0; t->dtype == DT_FP16 && i < t->count; i++)
        if ((h[i] & 0x7fff) > 0x7c00) return true;
    return false;
}

/* The operand as the engine reads it; itself where nothing changes. */
static const Tensor *as_read(const SimEngine *e, Call *c, const Tensor *t, bool divisor)
{
    const bool half = t->dtype == DT_FP16,
               no_nan = sim_num(e, NUM_nan_to_inf) != 0 && !sim_moves(c);
    const bool positive = divisor && sim_num(e, NUM_zero_divisor_positive) != 0;
    if (half ? !(no_nan && has_nan(t)) && !positive : sim_num(e, NUM_half_only) == 0)
        return t;
    double v[CHUNK];
    Tensor *to = NEW(c->arena, Tensor);
    *to = *t;
    to->owned = false;
    to->data = call_scratch(c, t->bytes + 1, 1);
    for (size_t i = 0; i < t->count; i += CHUNK) {
        size_t n = t->count - i < CHUNK ? t->count - i : CHUNK;
        tensor_get_floats(t, i, n, v);
        for (size_t k = 0; k < n; k++) {
            if (no_nan && isnan(v[k])) v[k] = INFINITY;
            if (positive && v[k] == 0) v[k] = 0;
            if (!half) v[k] = sim_half(&e->numbers, v[k]);
        }
        tensor_put_floats(to, i, n, v);
    }
    return to;
}

/* Constant scalars are settings of an op, not data. */
static void read_operands(const SimEngine *e, Call *c)
{
    const ParamId divisor = own[kind_of(c)].divisor;
    for (int i = 0; c->info->param[i].id; i++) {
        const Param *p = &c->info->param[i];
        const bool setting = (param_flags(p, c->opset) & P_CONST) != 0;
        for (int k = 0; k < c->p[i].n; k++) {
            CallArg *a = &c->p[i].v[k];
            if (!a->val || a->val->is_list || !dtype_is_float(a->val->dtype)) continue;
            if (setting && a->val->shape.rank == 0) continue;
            a->val = as_read(e, c, a->val, divisor && divisor == p->id);
        }
    }
}

/* ---- results ----------------------------------------------------------------------------- */

typedef struct {
    const SimEngine *e;
    Fix *fix;
    const Table *table;
    const Tensor *x; /* the operand of fix */
    double epsilon;  /* that the op adds to it */
    bool limited;    /* sums of products, with the engine's ceiling */
    bool half;       /* rounded to fp16, whatever float type it has */
} Finish;

static double finish_one(const Finish *f, size_t i, double y)
{
    const SimEngine *e = f->e;
    if (f->fix) y = f->fix(e, f->table, tensor_float(f->x, i) + f->epsilon, y);
    if (isnan(y) && sim_num(e, NUM_invalid_to_zero) != 0) return 0;
    if (f->half) y = sim_half(&e->numbers, y);
    if (f->limited && fabs(y) >= sim_num(e, NUM_mac_overflow_at))
        y = copysign(sim_num(e, NUM_mac_overflow_to), y);
    return y;
}

static void sim_finish(const Finish *f, const Tensor *from, Tensor *to)
{
    double v[CHUNK];
    for (size_t i = 0; i < from->count; i += CHUNK) {
        size_t n = from->count - i < CHUNK ? from->count - i : CHUNK;
        tensor_get_floats(from, i, n, v);
        for (size_t k = 0; k < n; k++) v[k] = finish_one(f, i + k, v[k]);
        tensor_put_floats(to, i, n, v);
    }
}

/* A convolution of one product an element. */
static bool one_product(const Call *c)
{
    if (kind_of(c) != OP_conv) return false;
    const Shape *w = call_shape(c, P_weight);
    return shape_elements(w, 1, w->rank) == 1;
}

static bool free_of_limit(const SimEngine *e, const Call *c)
{
    return sim_num(e, NUM_conv_one_product_free) != 0 && one_product(c);
}

static Finish finish_of(const SimEngine *e, Call *c, DType t)
{
    const struct Own *o = &own[kind_of(c)];
    Finish f = { .e = e,
                 .fix = o->fix,
                 .half = t == DT_FP16 || sim_num(e, NUM_half_only) != 0 };
    f.limited = o->mac && !free_of_limit(e, c);
    if (kind_of(c) == OP_gelu && call_chosen(c, P_mode) == GELU_SIGMOID) f.fix = NULL;
    if (!f.fix) return f;
    f.x = call_val(c, P_x);
    if (call_takes(c, P_epsilon)) f.epsilon = call_float_like(c, P_epsilon, P_x);
    for (int i = 0; i < TABLE_COUNT; i++)
        if (e->table[i].op == kind_of(c)) f.table = &e->table[i];
    return f;
}

/* Whether a slice begins inside of the last axis. */
static bool inside_width(const Call *c)
{
    int64_t begin[MAX_RANK];
    bool mask[MAX_RANK] = { false };
    const int n = call_ints(c, P_begin, begin, MAX_RANK);
    if (n < 1) return false;
    if (call_takes(c, P_begin_mask)) call_bools(c, P_begin_mask, mask, MAX_RANK);
    return !mask[n - 1] && begin[n - 1] != 0
        && begin[n - 1] != -call_shape(c, P_x)->dim[n - 1];
}

/* Multiplied on the way in fp16, and divided again. */
static void pass_width(const SimEngine *e, const Call *c, Tensor *t)
{
    const double gain = sim_num(e, NUM_width_gain);
    if (!dtype_is_float(t->dtype) || gain == 1 || !inside_width(c)) return;
    for (size_t i = 0; i < t->count; i++)
        tensor_set_float(t, i, sim_half(&e->numbers, tensor_float(t, i) * gain) / gain);
}

/* ---- running ----------------------------------------------------------------------------- */

/* What the reference kernel computes, in doubles, then each element finished. */
static bool run_wide(SimEngine *e, Call *c, Tensor *res)
{
    Tensor big = { 0 };
    const Type *t = c->out[0];
    const Finish f = finish_of(e, c, t->dtype);
    c->res[0] = &big;
    bool ok = tensor_alloc(&big, c->diag, DT_FP64, &t->shape) && c->info->eval(c)
           && tensor_alloc(res, c->diag, t->dtype, &t->shape);
    if (ok) sim_finish(&f, &big, res);
    tensor_free(&big);
    return ok;
}

static bool run_plain(SimEngine *e, Call *c, Tensor *res, int max)
{
    if (!call_run(c, res, max)) return false;
    const bool all = sim_num(e, NUM_half_only) != 0;
    for (int i = 0; i < c->nout; i++) {
        if (res[i].is_list || !dtype_is_float(res[i].dtype)) continue;
        if (own[kind_of(c)].slice) pass_width(e, c, &res[i]);
        const Finish f = { .e = e, .half = all || res[i].dtype == DT_FP16 };
        if (!sim_moves(c) || (all && res[i].dtype != DT_FP16))
            sim_finish(&f, &res[i], &res[i]);
    }
    return true;
}

static bool sim_run_call(SimEngine *e, Call *c, Tensor *res, int max)
{
    read_operands(e, c);
    c->products = free_of_limit(e, c) ? &e->single.products : &e->mac.products;
    if (!own[kind_of(c)].wide && !own[kind_of(c)].instead)
        return run_plain(e, c, res, max);
    if (!call_check(c) || !c->info->infer(c)) return false;
    const Type *t = c->out[0];
    if (own[kind_of(c)].instead) return own[kind_of(c)].instead(e, c, res);
    if (c->nout == 1 && t->kind == TY_TENSOR && shape_known(&t->shape)
        && dtype_is_float(t->dtype))
        return run_wide(e, c, res);
    c->nout = 0;
    return run_plain(e, c, res, max);
}

/* ---- attention: the engine runs it as two products and a softmax ------------------------- */

typedef struct {
    ParamId param;
    const Tensor *val;
} SimNamed;

static bool sim_step(SimEngine *e, const Call *outer, int op, const SimNamed *arg, int n,
                     Tensor *out)
{
    Call *c = NEW(outer->arena, Call);
    call_init(c, &ops[op], outer->opset, outer->arena, outer->diag, outer->loc);
    for (int i = 0; i < n; i++) {
        CallArg *v = NEW(outer->arena, CallArg);
        *v = (CallArg){ type_tensor(outer->arena, arg[i].val->dtype, arg[i].val->shape),
                        arg[i].val, true };
        call_give(c, arg[i].param, 1, v);
    }
    return sim_run_call(e, c, out, 1);
}

/* What is added to the scores: a bool mask lets pass where it is true. */
static bool mask_as_numbers(const Call *c, const Tensor *mask, DType t, Tensor *out)
{
    if (!tensor_alloc(out, c->diag, t, &mask->shape)) return false;
    for (size_t i = 0; i < mask->count; i++) {
        double v = tensor_float(mask, i);
        tensor_set_float(out, i, mask->dtype == DT_BOOL ? (v != 0 ? 0 : -INFINITY) : v);
    }
    return true;
}

static Tensor *scalar_of(const Call *c, DType t, double v)
{
    const Shape none = { .rank = 0 };
    Tensor *x = NEW(c->arena, Tensor);
    *x = tensor_view(t, &none, arena_alloc(c->arena, 8));
    tensor_set_float(x, 0, v);
    return x;
}

static bool sim_attention(SimEngine *e, Call *c, Tensor *res)
{
    const Tensor *q = call_val(c, P_query), *k = call_val(c, P_key),
                 *v = call_val(c, P_value);
    const Tensor *mask = sim_num(e, NUM_mac_ignores_mask) != 0 ? NULL
                                                               : call_val(c, P_attn_mask);
    const Tensor *yes = scalar_of(c, DT_BOOL, 1), *last = scalar_of(c, DT_INT32, -1);
    const Tensor *scale = scalar_of(c, q->dtype,
                                    1 / sqrt((double)q->shape.dim[q->shape.rank - 1]));
    Tensor t[6] = { { 0 } };
    const SimNamed scores[] = { { P_x, q }, { P_y, k }, { P_transpose_y, yes } };
    const SimNamed scaled[] = { { P_x, &t[0] }, { P_y, scale } },
                   added[] = { { P_x, &t[1] }, { P_y, &t[2] } };
    const SimNamed soft[] = { { P_x, mask ? &t[3] : &t[1] }, { P_axis, last } };
    const SimNamed mixed[] = { { P_x, &t[4] }, { P_y, v } };
    bool ok = sim_step(e, c, OP_matmul, scores, 3, &t[0])
           && sim_step(e, c, OP_mul, scaled, 2, &t[1])
           && (!mask
               || (mask_as_numbers(c, mask, q->dtype, &t[2])
                   && sim_step(e, c, OP_add, added, 2, &t[3])))
           && sim_step(e, c, OP_softmax, soft, 2, &t[4])
           && sim_step(e, c, OP_matmul, mixed, 2, res);
    for (size_t i = 0; i < COUNT(t); i++) tensor_free(&t[i]);
    return ok;
}

/* ---- silent faults ----------------------------------------------------------------------- */

/* A multiplication that is dropped leaves what would have been multiplied. */
static void drop_product(const Call *c, Tensor *res)
{
    const Tensor *x = call_val(c, P_x), *y = call_val(c, P_y);
    const Tensor *whole = shape_equal(&x->shape, &res->shape) ? x : y;
    for (size_t i = 0; i < res->count; i++)
        tensor_set_float(res, i, tensor_float(whole, whole->count == res->count ? i : 0));
}

/* How large the error is was said, not where: all of it is off by as much. */
static void sim_scale(Tensor *res, double by)
{
    for (size_t i = 0; i < res->count; i++)
        tensor_set_float(res, i, tensor_float(res, i) * by);
}

static void overflow_from(double at, Tensor *res)
{
    for (size_t i = 0; i < res->count; i++) {
        const double y = tensor_float(res, i);
        if (fabs(y) >= at) tensor_set_float(res, i, copysign(INFINITY, y));
    }
}

/* What a silent fault gives is seldom known: zeros stand for it. */
static void spoil_by(const SimEngine *e, int rule, const Call *c, Tensor *res, int n)
{
    if (rule == RULE_rounded_scale) drop_product(c, res);
    else if (rule == RULE_transposed_products)
        overflow_from(sim_num(e, NUM_fed_overflow_at), res);
    else if (rule == RULE_hard_swish_rank) sim_scale(res, 1 - 0.039);
    else if (rule == RULE_quantized_scale) sim_scale(res, 2);
    else
        for (int i = 0; i < n; i++)
            if (res[i].bytes && !res[i].is_list && res[i].dtype != DT_STRING)
                memset(res[i].data, 0, res[i].bytes);
}

static void sim_spoil(const SimEngine *e, const Op *op, const Call *c, Tensor *res)
{
    for (int i = 0; i < e->nspoiled; i++)
        if (e->spoiled[i].op == op) spoil_by(e, e->spoiled[i].rule, c, res, c->nout);
}

/* ---- the door ---------------------------------------------------------------------------- */

void engine_init(SimEngine *e)
{
    Numbers free = e->numbers;
    free.v[NUM_mac_overflow_partial] = 0;
    mac_init(&e->mac, &e->numbers);
    mac_init(&e->single, &free);
    tables_make(e->table);
}

bool engine_call(void *engine, const Op *op, Call *c, Tensor *res, int max)
{
    SimEngine *e = engine;
    if (op_on_processor(op)) return call_run(c, res, max);
    if (!sim_run_call(e, c, res, max)) return false;
    sim_spoil(e, op, c, res);
    return true;
}
