/* fp16.c -- turns fp32 computation into fp16.
 *
 * Every op that takes fp16 in its opset gets fp16 arguments. Values that are fp32 (inputs,
 * results of ops that only have fp32) are cast once, behind their definition. Results of the
 * function keep their type by a cast; `boundary` decides about those. */
#include "passes.h"

#include <string.h>

typedef struct Pair {
    Value *half; /* the fp16 value of an fp32 one */
    Value *full; /* the fp32 value of one that was fp32 and is fp16 now */
} Pair;

typedef struct {
    Module *m;
    Func *func;
    Diag *diag;
    Arena scratch;
    ValueTable pairs; /* a Pair of each value that has one */
    int changes;
} Halving;

/* ---- values ------------------------------------------------------------------------------ */

static bool is_full(const Value *v)
{
    return v->type->kind == TY_TENSOR && v->type->dtype == DT_FP32;
}

static Pair *pair_of(Halving *h, Value *v)
{
    Pair *p = values_get(&h->pairs, v);
    if (!p) values_set(&h->pairs, v, p = NEW(&h->scratch, Pair));
    return p;
}

static Value *cast_at(Halving *h, Block *b, Op *before, Value *v, DType t)
{
    Builder at = builder_at(b, before, h->diag, value_loc(v));
    Value *dtype = build_string(&at, dtypes[t].name);
    const char *name = arena_printf(&h->scratch, "%s_to_%s", v->name ? v->name : "c",
                                    dtypes[t].name);
    Value *r = mil_cast(&at, name, .x = v, .dtype = dtype);
    h->changes++;
    return r;
}

static Value *half_of(Halving *h, Value *v, Block *here);

/* The block in whose list a parameter stands. */
static Block *owner_of(const Value *param, Block *here)
{
    for (Block *b = here; b; b = b->owner ? b->owner->parent : NULL)
        for (int i = 0; i < b->nparam; i++)
            if (b->param[i] == param) return b;
    return here;
}

/* A declared weight is the fp16 one now. */
static void take_keep(Op *to, Op *from)
{
    to->keep = from->keep;
    from->keep = false;
}

static Value *half_literal(Halving *h, Value *v)
{
    const char *name = v->name ? arena_printf(&h->scratch, "%s_to_fp16", v->name) : NULL;
    const Const *lit = const_convert(h->m, value_lit(v), DT_FP16, v->name, h->diag);
    if (!lit || !name) return lit ? value_literal(h->m, lit, value_loc(v)) : NULL;
    Builder at = builder_at(v->def->parent, v->def->next, h->diag, value_loc(v));
    Value *half = build_const(&at, name, lit);
    take_keep(half->def, v->def);
    h->changes++;
    return half;
}

/* ---- what a constexpr decodes ------------------------------------------------------------ */

/* The parameter that gives the result its type. */
static const struct {
    int op;
    ParamId param;
} typed_by[] = {
    { OP_constexpr_affine_dequantize, P_scale },
    { OP_constexpr_blockwise_shift_scale, P_scale },
    { OP_constexpr_sparse_blockwise_shift_scale, P_scale },
    { OP_constexpr_lut_to_dense, P_lut },
    { OP_constexpr_lut_to_sparse, P_lut },
    { OP_constexpr_sparse_to_dense, P_nonzero_data },
};

/* A weight that is stored as fp16 is the constant itself. */
static Value *half_of_cast(Halving *h, Value *v)
{
    Op *op = v->def;
    const Value *from = op_value(op, P_source_val);
    const Const *c = from ? value_lit(from) : op_attr(op, "source_val");
    if (!c || c->type->kind != TY_TENSOR || c->type->dtype != DT_FP16) return NULL;
    Builder at = builder_at(op->parent, op->next, h->diag, value_loc(v));
    Value *half = build_const(&at, arena_printf(&h->scratch, "%s_to_fp16", v->name), c);
    take_keep(half->def, op);
    h->changes++;
    return half;
}

static Value *its_half(void *ctx, Value *v)
{
    const Halving *h = ctx;
    const Pair *p = values_get(&h->pairs, v);
    return p && p->half ? p->half : v;
}

/* The same op of an fp16 table, scale or list of elements; NULL: its bytes are not at
 * hand. */
static Value *half_of_coded(Halving *h, Value *v)
{
    Op *op = v->def;
    ParamId param = P_NONE;
    if (op->kind == OP_constexpr_cast) return half_of_cast(h, v);
    for (size_t i = 0; i < COUNT(typed_by); i++)
        if (typed_by[i].op == op->kind) param = typed_by[i].param;
    Value *given = param ? op_value(op, param) : NULL;
    const Const *attr = param ? op_attr(op, param_names[param]) : NULL, *data = NULL;
    if (!value_at_hand(v) || (!given && !attr)) return NULL;
    const char *of = arena_printf(&h->scratch, "%s of %s", param_names[param], v->name);
    if (given) half_of(h, given, op->parent);
    else if (!(data = const_convert(h->m, attr, DT_FP16, of, h->diag))) return NULL;
    Op *half = op_clone(op, op->parent, op->next, its_half, h);
    take_keep(half, op);
    if (data) op_set_attr(h->m, half, param_names[param], data);
    Builder at = before_op(half, h->diag);
    build_infer(&at, NULL, half);
    for (int i = 0; i < op->nout; i++) pair_of(h, op->out[i])->half = half->out[i];
    h->changes++;
    return half->out[v->index];
}

/* ---- any value --------------------------------------------------------------------------- */

/* The fp16 value of v, made right behind its definition: a constant is converted, others are
 * cast, and so is a constant whose bytes are not there. */
static Value *half_of(Halving *h, Value *v, Block *here)
{
    if (!is_full(v)) return v;
    Pair *p = pair_of(h, v);
    if (p->half) return p->half;
    Value *half = NULL;
    if (value_lit(v)) half = half_literal(h, v);
    else if (value_is_const(v)) half = half_of_coded(h, v);
    if (!half && v->def) half = cast_at(h, v->def->parent, v->def->next, v, DT_FP16);
    if (!half) {
        Block *owner = value_lit(v) ? here : owner_of(v, here);
        half = cast_at(h, owner, value_lit(v) ? here->first : owner->first, v, DT_FP16);
    }
    return p->half = half;
}

/* ---- ops -------------------------------------------------------------------------- */

static bool has_list(const Op *op)
{
    for (int i = 0; i < op->nout; i++)
        if (op->out[i]->type->kind != TY_TENSOR) return true;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].val[k]->type->kind != TY_TENSOR) return true;
    return false;
}

/* Whether the row lets each argument that is fp32 be fp16 in this opset. */
static bool takes_half(const Op *op)
{
    Opset o = op_opset(op);
    if (op->kind == OP_NONE || has_list(op)
        || (ops[op->kind].flags & (F_UNSUPPORTED | F_CONSTEXPR)))
        return false;
    for (int i = 0; i < op->narg; i++) {
        const Param *p = op_param(&ops[op->kind], arg_name(&op->arg[i]));
        if (!p) return false;
        if (is_full(op->arg[i].val[0]) && !(domain_types(p->dom, o) >> DT_FP16 & 1))
            return false;
    }
    return true;
}

/* An op that stays in fp32 gets back in fp32 what others have turned. */
static void keep_full(Halving *h, Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            Value *v = op->arg[i].val[k];
            Pair *p = values_get(&h->pairs, v);
            if (!p || !p->full) continue;
            if (p->full == v) p->full = cast_at(h, op->parent, op, v, DT_FP32);
            op_put_arg(op, i, k, p->full);
        }
}

static bool is_cast_to_full(const Op *op)
{
    const char *dtype = op->kind == OP_cast ? op_const_string(op, P_dtype) : NULL;
    return dtype && !strcmp(dtype, "fp32");
}

/* Values of nested blocks see fp16 outside values; while_loop's own variables become fp16 with
 * it. */
static void halve_block(Halving *h, Block *b);

static void halve_op(Halving *h, Op *op)
{
    bool was_full[MAX_RESULT];
    bool touched = op_nblock(op) > 0;
    for (int i = 0; i < op->nout; i++) touched |= was_full[i] = is_full(op->out[i]);
    if (op->kind == OP_const) return;
    if (!takes_half(op)) {
        keep_full(h, op);
        return;
    }
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            Value *half = half_of(h, op->arg[i].val[k], op->parent);
            touched = touched || half != op->arg[i].val[k];
            op_put_arg(op, i, k, half);
        }
    Builder b = before_op(op, h->diag);
    if (is_cast_to_full(op)) op_set_arg(h->m, op, P_dtype, build_string(&b, "fp16"));
    for (int i = 0; i < op_nblock(op); i++) {
        for (int k = 0; k < op_block(op, i)->nparam; k++) {
            Value *p = op_block(op, i)->param[k];
            if (is_full(p)) p->type = type_tensor(&h->m->arena, DT_FP16, p->type->shape);
        }
        halve_block(h, op_block(op, i));
        for (int k = 0; k < op_block(op, i)->nresult; k++)
            op_block(op, i)->result[k] = half_of(h, op_block(op, i)->result[k],
                                                 op_block(op, i));
    }
    if (touched) build_infer(&b, NULL, op);
    for (int i = 0; i < op->nout; i++)
        if (was_full[i] && !is_full(op->out[i])) {
            Pair *p = pair_of(h, op->out[i]);
            p->full = op->out[i]; /* stands for: not made yet */
            h->changes++;
        }
}

static void halve_block(Halving *h, Block *b)
{
    for (Op *op = b->first, *next; op; op = next) {
        next = op->next;
        halve_op(h, op);
    }
}

/* A result that was fp32 stays fp32 under its name; the fp16 value behind it is renamed. */
static void restore_results(Halving *h, const bool *was_full)
{
    Func *f = h->func;
    for (int i = 0; i < f->body->nresult; i++) {
        Value *v = f->body->result[i];
        if (!was_full[i] || is_full(v)) continue;
        const char *name = v->name;
        value_rename(v,
                     func_unique_name(f, arena_printf(&h->scratch, "%s_to_fp16", name)));
        Value *r = cast_at(h, f->body, NULL, v, DT_FP32);
        r->name = name;
        op_set_name(h->m, r->def, name);
        for (int k = i; is_result(v); k++)
            if (f->body->result[k] == v) func_set_result(f, k, r);
    }
}

static void halve_func(Halving *h)
{
    Func *f = h->func;
    bool *was_full = NEW_ARRAY(&h->scratch, f->body->nresult, bool);
    for (int i = 0; i < f->body->nresult; i++) was_full[i] = is_full(f->body->result[i]);
    halve_block(h, f->body);
    restore_results(h, was_full);
}

int pass_fp16(Module *m, const PassOptions *o, Diag *d)
{
    (void)o;
    Halving h = { .m = m, .diag = d };
    int errors = diag_wrong(d);
    for (h.func = m->first; h.func; h.func = h.func->next) halve_func(&h);
    values_free(&h.pairs);
    arena_free(&h.scratch);
    return errors == diag_wrong(d) ? h.changes : -1;
}
