/* build.c -- how passes and front ends make ops: built, inferred and linked in at
 * once. */
#include "ir.h"
#include "ops/ops.h"

#include <ctype.h>
#include <string.h>

Builder builder_at(Block *b, Op *before, Diag *d, Loc loc)
{
    return (Builder){ .m = b->func->module,
                      .block = b,
                      .before = before,
                      .diag = d,
                      .loc = loc,
                      .opset = b->func->opset };
}

/* ---- names ------------------------------------------------------------------------------- */

/* A name that MIL text can hold: what is no letter, digit or _ becomes _; never empty. */
static const char *legal_name(Module *m, const char *wish)
{
    Buf b = { 0 };
    if (!wish || !*wish || isdigit((unsigned char)*wish)) buf_putc(&b, 'v');
    for (const char *s = wish; s && *s; s++)
        buf_putc(&b, isalnum((unsigned char)*s) && (unsigned char)*s < 128 ? *s : '_');
    const char *name = name_intern(&m->names, b.s, b.len);
    buf_free(&b);
    return name;
}

const char *func_unique_name(Func *f, const char *wish)
{
    Module *m = f->module;
    const char *base = legal_name(m, wish);
    if (func_claim_name(f, base)) return base;
    Buf b = { 0 };
    const char *name;
    do {
        b.len = 0;
        buf_printf(&b, "%s_%d", base, func_next_suffix(f, base));
        name = name_intern(&m->names, b.s, b.len);
    } while (!func_claim_name(f, name));
    buf_free(&b);
    return name;
}

/* ---- inferring --------------------------------------------------------------------------- */

/* Blocks give their owner its result types: a cond's are those of its first branch, a
 * while_loop's those of its body. */
static bool infer_blocks(Call *c, const Op *op)
{
    const Block *b = op_nblock(op) ? op_block(op, op_nblock(op) - 1) : NULL;
    if (!b) return call_error(c, "this op needs nested blocks");
    for (int i = 0; i < b->nresult; i++)
        if (!call_out_type(c, b->result[i]->type)) return false;
    return true;
}

bool op_infer(const Op *op, Call *c, Arena *scratch, Diag *d)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].val[k]->type->kind == TY_POISON) {
                call_init(c, &ops[op->kind], OPSET_IOS15, scratch, d, op_loc(op));
                return false;
            }
    if (!call_of_op(c, op, scratch, d) || !call_check(c)) return false;
    if (c->info->flags & F_BLOCKS) return infer_blocks(c, op);
    return !c->info->infer || c->info->infer(c);
}

bool build_infer(Builder *b, const char *name, Op *op)
{
    Arena scratch = { 0 };
    Call *c = NEW(&scratch, Call);
    const uint8_t own = op->opset;
    if (!own && b->opset != b->block->func->opset) op->opset = (uint8_t)b->opset;
    bool ok = op_infer(op, c, &scratch, b->diag);
    op->opset = own;
    for (int i = 0; i < (ok ? c->nout : 1); i++) {
        const Type *t = ok ? module_type(b->m, c->out[i]) : &type_poison;
        if (i < op->nout) op->out[i]->type = t;
        else
            op_out(b->m, op, func_unique_name(b->block->func, name ? name : op_name(op)),
                   t, b->loc);
    }
    arena_free(&scratch);
    return ok;
}

/* ---- ops -------------------------------------------------------------------------- */

static Op *finish_op(Builder *b, const char *name, Op *op)
{
    build_infer(b, name, op);
    op_set_name(b->m, op, op->nout ? op->out[0]->name : op_name(op));
    return op;
}

Op *build_op(Builder *b, const char *name, int kind, const BuildArg *arg, int narg)
{
    Op *op = op_new_of(b->m, b->block, b->before, kind, b->loc);
    for (int i = 0; i < narg; i++)
        for (int k = 0; k < arg[i].count; k++)
            op_arg(b->m, op, arg[i].param, arg[i].val[k]);
    return finish_op(b, name, op);
}

/* Each field of the struct is a pointer: to a Value, or to Values where p takes several. */
static void add_built(Builder *b, Op *op, const Param *p, const char *field)
{
    Value *one = NULL;
    const Values *several = NULL;
    const bool variadic = (p->flags & P_VARIADIC) != 0;
    if (variadic) memcpy(&several, field, sizeof several);
    else memcpy(&one, field, sizeof one);
    for (int k = 0; several && k < several->n; k++)
        op_arg(b->m, op, p->id, several->v[k]);
    if (one) op_arg(b->m, op, p->id, one);
    if (!one && !several && !(p->flags & P_OPT) && param_in(p, b->opset))
        bug("%s is built without %s", op_name(op), param_name(p));
}

Op *build_args_op(Builder *b, const char *name, int kind, const void *args)
{
    Op *op = op_new_of(b->m, b->block, b->before, kind, b->loc);
    const Param *p = ops[kind].param;
    for (int i = 0; p[i].id; i++)
        add_built(b, op, &p[i], (const char *)args + (size_t)i * sizeof(Value *));
    return finish_op(b, name, op);
}

Value *build_of(Builder *b, const char *name, int kind, ...)
{
    Op *op = op_new_of(b->m, b->block, b->before, kind, b->loc);
    va_list ap;
    va_start(ap, kind);
    for (ParamId p; (p = (ParamId)va_arg(ap, int)) != P_NONE;)
        op_arg(b->m, op, p, va_arg(ap, Value *));
    va_end(ap);
    finish_op(b, name, op);
    return op->nout ? op->out[0] : NULL;
}

Value *build_args(Builder *b, const char *name, int kind, const void *args)
{
    Op *op = build_args_op(b, name, kind, args);
    return op->nout ? op->out[0] : NULL;
}

Value *build_const(Builder *b, const char *name, const Const *c)
{
    Op *op = op_new_of(b->m, b->block, b->before, OP_const, b->loc);
    op_set_attr(b->m, op, "val", c);
    Value *v = op_out(b->m, op, func_unique_name(b->block->func, name ? name : "const"),
                      c->type, b->loc);
    op->named = true;
    return v;
}

Value *build_int(Builder *b, int64_t v)
{
    return build_const(b, "int", const_int(&b->m->arena, DT_INT32, v));
}
Value *build_bool(Builder *b, bool v)
{
    return build_const(b, v ? "true_" : "false_", const_bool(&b->m->arena, v));
}

Value *build_string(Builder *b, const char *s)
{
    Arena scratch = { 0 };
    Value *v = build_const(b, arena_printf(&scratch, "str_%s", s),
                           const_string(&b->m->arena, s));
    arena_free(&scratch);
    return v;
}

/* The scalar that the block has already; they are told apart by their bits. */
static Value *built_scalar(BuiltScalars *s, const Block *block, DType t, double v)
{
    if (s->block != block) s->count = 0;
    s->block = block;
    for (int i = 0; i < s->count; i++)
        if (s->at[i].dtype == t && !memcmp(&s->at[i].value, &v, sizeof v))
            return s->at[i].made;
    return NULL;
}

Value *build_float(Builder *b, DType t, double v)
{
    BuiltScalars *s = b->scalars;
    Value *made = s ? built_scalar(s, b->block, t, v) : NULL;
    if (made) return made;
    made = build_const(b, "c", const_float(&b->m->arena, t, v));
    if (s && s->count < BUILT_SCALARS)
        s->at[s->count++] = (struct BuiltScalar){ .dtype = t, .value = v, .made = made };
    return made;
}

Value *build_ints(Builder *b, int n, const int64_t *v)
{
    return build_const(b, "ints", const_ints(&b->m->arena, DT_INT32, n, v));
}

Value *value_literal(Module *m, const Const *c, Loc loc)
{
    Value *v = literal_placed(m, c, loc);
    v->id = ++m->nvalue;
    return v;
}
