/* opset.c -- converts ops to the opset of the target, and reports those that it cannot convert.
 *
 * ops.def and domains.def say what an opset has; the casts follow from them. A value of a
 * type that no op of the opset can have as its result gets the next wider type, int32,
 * everywhere. Where the parameters of an op do not take a type (lstm of fp16 before ios17),
 * they are cast to the wider one and the results back. An op that the opset lacks is
 * replaced by others (the column OPSETS). Each op is inferred by the rules of the new opset;
 * one that does not fit is an error. */
#include "opset.h"

#include <stdlib.h>
#include <string.h>

/* ---- saying ------------------------------------------------------------------------------ */

static void opset_refuse(Level *l, const Op *op, const char *what)
{
    diag_error(l->diag, op_loc(op),
               "%s: %s cannot be expressed in %s; --opset %s keeps it", op_name(op), what,
               opset_text(l->to), opset_text(l->from));
    l->failed = true;
}

/* ---- parameters -------------------------------------------------------------------------- */

/* Parameters that never change a result that is defined: checks, the order of what has none,
 * and the width of indices, which int32 can hold too. */
static bool may_go(ParamId p)
{
    static const ParamId all[] = { P_validate_indices, P_sort, P_return_indices,
                                   P_output_dtype, P_output_indices_dtype };
    for (size_t i = 0; i < COUNT(all); i++)
        if (p == all[i]) return true;
    return false;
}

static bool is_default(const Param *p, const Value *v)
{
    const char *text = value_string(v);
    int64_t n;
    bool flag;
    double x;
    if (!param_default(p)) return false;
    if (text) return !strcmp(text, p->def);
    if (value_bool(v, &flag)) return flag == !strcmp(p->def, "true");
    if (value_int(v, &n)) return n == strtoll(p->def, NULL, 10);
    return value_float(v, &x) && x == strtod(p->def, NULL);
}

/* half_pixel_centers says what its absence means: the opposite of align_corners. */
static bool says_nothing(const Op *op, const Param *p, const Value *v)
{
    bool half, align = true;
    if (is_default(p, v) || may_go(p->id)) return true;
    if (p->id == P_reset_after)
        return value_bool(v, &half) && !half && !op_value(op, P_input_bias);
    if (p->id != P_half_pixel_centers || !value_bool(v, &half)) return false;
    return (!op_value(op, P_align_corners)
            || value_bool(op_value(op, P_align_corners), &align))
        && half != align;
}

/* Arguments that the new opset has no parameter for go when they say what it does anyway. */
static void drop_arguments(Level *l, Op *op)
{
    for (int i = op->narg; i-- > 0;) {
        const Arg *a = &op->arg[i];
        const Param *p = op_param_of(&ops[op->kind], a->param);
        if (!p || param_in(p, l->to) || !says_nothing(op, p, a->val[0])) continue;
        op_set_arg(l->m, op, a->param, NULL);
        l->changes++;
    }
}

/* What a 0 in reshape's shape means changed with ios17; the dimension itself means the same in
 * both. */
static bool spell_reshape(Level *l, Builder *b, Op *op)
{
    int64_t shape[MAX_RANK * 2];
    int n = op->kind == OP_reshape ? value_ints(op_value(op, P_shape), shape) : -1;
    bool zero = false;
    for (int i = 0; i < n; i++) zero = zero || shape[i] == 0;
    if (!zero || (l->from >= OPSET_IOS17) == (l->to >= OPSET_IOS17)) return true;
    const Shape *s = &op->out[0]->type->shape;
    if (!shape_known(s)) {
        diag_error(l->diag, op_loc(op),
                   "reshape: a 0 in its shape means another thing in %s",
                   opset_text(l->to));
        return false;
    }
    op_set_arg(l->m, op, P_shape, build_ints(b, s->rank, s->dim));
    l->changes++;
    return true;
}

/* pad_type "same_lower", which ios15 lacks, as the padding that it makes. */
static void spell_padding(Level *l, Builder *b, Op *op)
{
    const char *type = op_const_string(op, P_pad_type);
    const Shape *x = shape_of_value(op_value(op, P_x)),
                *w = shape_of_value(op_value(op, P_weight));
    int64_t kernel[MAX_RANK * 2], stride[MAX_RANK * 2], hole[MAX_RANK * 2],
        pad[MAX_RANK * 2];
    int n, nstride, nhole, spatial = x ? x->rank - 2 : 0;
    if (l->to >= OPSET_IOS16 || !type || strcmp(type, "same_lower") != 0 || spatial < 1
        || spatial > 3)
        return;
    if (w) memcpy(kernel, w->dim + 2, (size_t)(n = w->rank - 2) * sizeof *kernel);
    else if (!ints_of(op, P_kernel_sizes, kernel, &n)) return;
    if (n != spatial || !ints_of(op, P_strides, stride, &nstride)
        || !ints_of(op, P_dilations, hole, &nhole))
        return;
    for (int i = 0; i < spatial; i++) {
        const int64_t s = i < nstride ? stride[i] : 1,
                      span = (kernel[i] - 1) * (i < nhole ? hole[i] : 1) + 1;
        const int64_t steps = (x->dim[2 + i] + s - 1) / s;
        int64_t all = s * (steps - 1) + span - x->dim[2 + i];
        if (all < 0) all = 0;
        pad[2 * i + 1] = all / 2;
        pad[2 * i] = all - all / 2;
    }
    op_set_arg(l->m, op, P_pad_type, build_string(b, "custom"));
    op_set_arg(l->m, op, P_pad, build_ints(b, 2 * spatial, pad));
    l->changes++;
}

/* ---- results ----------------------------------------------------------------------------- */

/* `with` takes the place of a result, its name and what is known of it. */
static void take_place(Level *l, Value *from, Value *with)
{
    func_replace_uses(l->func, from, with);
    with->name = from->name;
    values_set(&l->was, with, values_get(&l->was, from));
    op_set_name(l->m, with->def, with->name);
}

/* A result whose type the op does not give any more, in the type that its users
 * expect. */
static void cast_back(Level *l, Op *op, int i, DType now)
{
    Value *v = op->out[i];
    const DType was = v->type->dtype;
    Builder b = builder_at(op->parent, op->next, l->diag, op_loc(op));
    v->type = opset_retyped(l, v->type, now);
    Value *r = make_cast(&b, v, was);
    const char *name = v->name;
    take_place(l, v, r);
    op_set_arg(l->m, r->def, P_x, v);
    v->name = func_unique_name(
        l->func, arena_printf(&l->scratch, "%s_to_%s", name, dtypes[now].name));
    values_set(&l->was, v, NULL);
    if (i == 0) op_set_name(l->m, op, v->name);
}

static bool take_type(Level *l, Op *op, int i, const Type *t)
{
    Value *v = op->out[i];
    const Type *old = v->type;
    if (t->kind != TY_TENSOR || old->kind != TY_TENSOR) return true;
    if (!shape_fits(&old->shape, &t->shape)) {
        diag_error(l->diag, op_loc(op), "%s results in %s in %s, not in %s", op_name(op),
                   type_text(&l->scratch, t), opset_text(l->to),
                   type_text(&l->scratch, old));
        return false;
    }
    if (t->dtype == old->dtype) return true;
    l->changes++;
    if (opset_computes(l->to, old->dtype)) cast_back(l, op, i, t->dtype);
    else v->type = opset_retyped(l, old, t->dtype);
    return true;
}

/* The op as the new opset has it. */
static bool infer_anew(Level *l, Op *op)
{
    Arena scratch = { 0 };
    Call *c = NEW(&scratch, Call);
    const int errors = diag_wrong(l->diag);
    const bool poisoned = op->nout && op->out[0]->type->kind == TY_POISON;
    bool ok = op_infer(op, c, &scratch, l->diag) || poisoned;
    /* of topk, which ios15 always gives its indices */
    for (int i = op->nout; ok && i < c->nout; i++)
        op_out(l->m, op, func_unique_name(l->func, op_name(op)),
               opset_retyped(l, c->out[i], c->out[i]->dtype), op_loc(op));
    for (int i = 0; ok && i < op->nout && i < c->nout; i++)
        ok = take_type(l, op, i, c->out[i]);
    if (!ok && errors != diag_wrong(l->diag))
        diag_note(l->diag, op_loc(op),
                  "that is %s's rule, which %s is taken to; --opset %s keeps it",
                  opset_text(l->to), op_name(op), opset_text(l->from));
    arena_free(&scratch);
    return ok;
}

/* ---- ops -------------------------------------------------------------------------- */

OpsetForm *opset_form(const Op *op)
{
    static OpsetForm *const forms[OP_COUNT] = {
#define NONE 0
#define OP(name, ...) [OP_##name] =
#define OPSETS(f) f,
#include "../ops/ops.def"
#undef NONE
    };
    return forms[op->kind];
}

/* The parameter that the new opset lacks, or needs and the op lacks, or needs as a
 * constant. */
static const char *opset_lacking(const Level *l, const Op *op)
{
    for (const Param *p = ops[op->kind].param; p->id; p++) {
        const Arg *a = op_find_arg(op, p->id);
        const bool there = a && arg_count(a);
        if (there && !param_in(p, l->to)) return param_name(p);
        if (!there && param_in(p, l->to) && !param_in(p, l->from) && !(p->flags & P_OPT))
            return param_name(p);
        const unsigned flags = param_flags(p, l->to);
        if (there && (flags & P_CONST) && !(param_flags(p, l->from) & P_CONST)
            && !value_is_const(a->val[0]))
            return param_name(p);
    }
    return NULL;
}

/* Whether it casts to a type that the new opset does not compute. */
static bool casts_to_lost(const Level *l, const Op *op)
{
    const char *dtype = op->kind == OP_cast ? op_const_string(op, P_dtype) : NULL;
    return dtype && !opset_computes(l->to, dtype_find(dtype, strlen(dtype)));
}

static void say_lacking(Level *l, const Op *op, const char *param)
{
    l->failed = true;
    if (ops[op->kind].since > l->to)
        diag_error(
            l->diag, op_loc(op),
            "%s exists from %s on and has no form in %s: a newer --target, --target host or --opset %s "
            "takes it",
            op_name(op), opset_text(ops[op->kind].since), opset_text(l->to),
            opset_text(l->from));
    else if (param) opset_refuse(l, op, arena_printf(&l->scratch, "parameter %s", param));
    else opset_refuse(l, op, "this use");
}

/* True: the op has gone, or was refused. */
static bool say_otherwise(Level *l, Builder *b, Op *op)
{
    const char *param = opset_lacking(l, op);
    if (ops[op->kind].since <= l->to && !param && !casts_to_lost(l, op)) return false;
    OpsetForm *form = opset_form(op);
    Value *out[MAX_RESULT] = { NULL };
    const int errors = diag_wrong(l->diag);
    if (!form || !form(l, b, op, out)) {
        if (errors == diag_wrong(l->diag)) say_lacking(l, op, param);
        l->failed = true;
        return true;
    }
    for (int i = 0; i < op->nout; i++)
        if (out[i]) take_place(l, op->out[i], out[i]);
    op_unlink(op);
    l->changes++;
    return true;
}

/* A constant that a block yields, or what decodes one, which is visited later and is still of
 * the old opset. */
static void yield_wider(Level *l, Builder *b, Value **r)
{
    Op *def = (*r)->def;
    if (!value_is_const(*r) || !opset_lost(l, (*r)->type)) return;
    if (def && !def->opset) def->opset = (uint8_t)l->from;
    *r = opset_as(b, *r, dtype_wider((*r)->type->dtype));
}

/* Variables of a loop and what blocks yield; the ops inside come later. */
static void enter_blocks(Level *l, Op *op)
{
    for (int i = 0; i < op->nout; i++)
        if (opset_lost(l, op->out[i]->type))
            op->out[i]->type = opset_retyped(l, op->out[i]->type,
                                             dtype_wider(op->out[i]->type->dtype));
    for (int i = 0; i < op_nblock(op); i++) {
        Block *k = op_block(op, i);
        Builder b = builder_at(k, NULL, l->diag, op_loc(op));
        for (int j = 0; j < k->nparam; j++)
            if (opset_lost(l, k->param[j]->type))
                k->param[j]->type = opset_retyped(l, k->param[j]->type,
                                                  dtype_wider(k->param[j]->type->dtype));
        for (int j = 0; j < k->nresult; j++) yield_wider(l, &b, &k->result[j]);
    }
}

static void take_over(Level *l, Op *op)
{
    Builder b = builder_at(op->parent, op, l->diag, op_loc(op));
    if (opset_weight(l, op)) return;
    opset_say_edge(l, op);
    drop_arguments(l, op);
    opset_fit_types(l, &b, op);
    if (say_otherwise(l, &b, op)) return;
    if (!spell_reshape(l, &b, op)) {
        l->failed = true;
        return;
    }
    spell_padding(l, &b, op);
    op->opset = OPSET_NONE;
    if (op_nblock(op)) enter_blocks(l, op);
    else if (op->kind != OP_const && !infer_anew(l, op)) l->failed = true;
}

static bool opset_visit(void *ctx, Op *op)
{
    Level *l = ctx;
    const Opset own = op->opset, function = l->from;
    if (op->kind == OP_NONE || (own ? own : function) == l->to || l->failed) return true;
    if (own) l->from = own;
    op->opset = (uint8_t)l->from; /* its parameters are still those of the old opset */
    take_over(l, op);
    if (op->opset == l->from) op->opset = OPSET_NONE;
    l->from = function;
    return true;
}

/* ---- functions --------------------------------------------------------------------------- */

void opset_say_input(const Level *l, const Value *v, DType is)
{
    diag_warn(l->diag, WARN_IO_TYPE, value_loc(v), "%s has no input of %s: %s takes %s",
              opset_text(l->to), dtypes[v->type->dtype].name, v->name, dtypes[is].name);
}

void opset_say_result(const Level *l, const Value *v, DType was, DType is)
{
    diag_warn(l->diag, WARN_IO_TYPE, value_loc(v), "%s has no result of %s: %s is %s",
              opset_text(l->to), dtypes[was].name, v->name, dtypes[is].name);
}

/* Inputs of a type that no op of the opset computes are given in the wider one. */
static void take_inputs(Level *l)
{
    for (int i = 0; i < l->func->body->nparam; i++) {
        Value *p = l->func->body->param[i];
        if (p->type->kind == TY_STATE && l->to < OPSET_IOS18) {
            diag_error(l->diag, value_loc(p).src ? value_loc(p) : l->func->loc,
                       "%s is a state, which exists from ios18 on; --opset %s keeps it",
                       p->name, opset_text(l->from));
            l->failed = true;
        }
        if (!opset_lost(l, p->type)) continue;
        opset_say_input(l, p, dtype_wider(p->type->dtype));
        p->type = opset_retyped(l, p->type, dtype_wider(p->type->dtype));
        l->changes++;
    }
}

static void give_results(Level *l, const DType *was)
{
    Block *body = l->func->body;
    for (int i = 0; i < body->nresult; i++) {
        Value *r = body->result[i];
        if (r->type->kind != TY_TENSOR || opset_computes(l->to, was[i])) continue;
        if (opset_lost(l, r->type)) { /* a constant */
            Builder b = builder_at(body, NULL, l->diag, value_loc(r));
            Value *v = opset_as(&b, r, dtype_wider(was[i]));
            v->name = r->name;
            r->name = func_unique_name(l->func, r->name);
            op_set_name(l->m, v->def, v->name);
            if (r->def) op_set_name(l->m, r->def, r->name);
            for (int k = i; k < body->nresult; k++)
                if (body->result[k] == r) func_set_result(l->func, k, v);
            r = v;
        }
        opset_say_result(l, r, was[i], r->type->dtype);
    }
}

static void take_function(Level *l)
{
    Block *body = l->func->body;
    DType *was = NEW_ARRAY(&l->scratch, body->nresult, DType);
    for (int i = 0; i < body->nresult; i++) was[i] = body->result[i]->type->dtype;
    opset_scale_tables(l);
    opset_flow(l);
    take_inputs(l);
    l->func->opset = l->to;
    func_walk(l->func, opset_visit, l);
    if (!l->failed) give_results(l, was);
    if (!l->failed) opset_arrays(l);
    l->changes++;
}

/* Ops may be of another opset than their function. */
static bool is_of(void *ctx, Op *op)
{
    const Opset *to = ctx;
    return op->opset == OPSET_NONE || op->opset == *to;
}

/* To the opset `to`, or where that is none, each function's ops to the function's
 * own. */
static int take_module(Module *m, Opset to, bool arrays, Diag *d)
{
    Level l = { .m = m, .diag = d, .arrays = arrays };
    const int errors = diag_wrong(d);
    for (l.func = m->first; l.func; l.func = l.func->next) {
        l.from = l.func->opset;
        l.to = to ? to : l.from;
        if (l.from != l.to || !func_walk(l.func, is_of, &l.to)) take_function(&l);
    }
    values_free(&l.was);
    arena_free(&l.scratch);
    return l.failed || errors != diag_wrong(d) ? -1 : l.changes;
}

int pass_opset(Module *m, const PassOptions *o, Diag *d)
{
    /* a chip takes int8 whatever the opset; who asks for the opset alone means Core ML's */
    const bool arrays = o->opset && !target_has_rules(o->target);
    return take_module(m, o->opset ? o->opset : target_opset(o->target), arrays, d);
}

int pass_opset_own(Module *m, const PassOptions *o, Diag *d)
{
    (void)o;
    return take_module(m, OPSET_NONE, false, d);
}
