/* edge.c -- where the engine's part of a function begins and ends.
 *
 * Around it stands what is the processor's: behind it the choice of a class (classify), and at
 * inputs and results that are images outside the casts between the numbers of their pixels,
 * which are fp32, and fp16. Core ML runs these on the processor, whatever runs the rest. */
#include "ops/ops.h"

#include <string.h>

DType func_fixed(const Func *f, const Value *v)
{
    for (int i = 0; v->name && i < f->nfixed; i++)
        if (!strcmp(f->fixed[i].name, v->name)) return f->fixed[i].dtype;
    return DT_NONE;
}

static bool is_float_cast(const Op *op)
{
    const Value *x = op && op->kind == OP_cast ? op_value(op, P_x) : NULL;
    return x && op->nout == 1 && x->type->kind == TY_TENSOR && dtype_is_float(x->type->dtype)
        && op->out[0]->type->kind == TY_TENSOR && dtype_is_float(op->out[0]->type->dtype);
}

bool op_chooses(const Op *op)
{
    return op->kind != OP_NONE && (ops[op->kind].flags & F_CHOICE);
}

Value *value_chosen_from(const Value *v)
{
    return v->def && op_chooses(v->def) ? op_value(v->def, P_probabilities) : NULL;
}

/* ---- results ----------------------------------------------------------------------------- */

/* The value that the engine hands over for a result of the function. */
static const Value *engine_result(const Func *f, const Value *r)
{
    const Value *from = value_chosen_from(r), *v = from ? from : r;
    return (v != r || func_fixed(f, r)) && is_float_cast(v->def) ? op_value(v->def, P_x) : v;
}

int func_engine_results(const Func *f, Arena *a, const Value ***out)
{
    const Block *b = f->body;
    const Value **v = NEW_ARRAY(a, b->nresult + 1, const Value *);
    int n = 0;
    for (int i = 0; i < b->nresult; i++) {
        const Value *r = engine_result(f, b->result[i]);
        bool have = r != b->result[i] && n && v[n - 1] == r; /* a label and its probabilities */
        if (!have) v[n++] = r;
    }
    *out = v;
    return n;
}

/* ---- inputs ------------------------------------------------------------------------------ */

typedef struct {
    const Value *v, *cast;
    bool other; /* something else reads it */
} Readers;

static bool visit_reader(void *ctx, const Op *op)
{
    Readers *r = ctx;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            if (op->arg[i].val[k] != r->v) continue;
            if (is_float_cast(op) && !r->cast) r->cast = op->out[0];
            else r->other = true;
        }
    return !r->other;
}

int func_engine_inputs(const Func *f, Arena *a, const Value ***out)
{
    const Block *b = f->body;
    const Value **v = NEW_ARRAY(a, b->nparam + 1, const Value *);
    for (int i = 0; i < b->nparam; i++) {
        Readers r = { .v = b->param[i], .other = is_result(b->param[i]) };
        if (func_fixed(f, r.v)) func_read(f, visit_reader, &r);
        v[i] = r.cast && !r.other ? r.cast : r.v;
    }
    *out = v;
    return b->nparam;
}

/* ---- statements -------------------------------------------------------------------------- */

bool op_on_processor(const Op *op)
{
    const Func *f = op->parent->func;
    const Block *b = f->body;
    if (op_chooses(op)) return true;
    if (!is_float_cast(op) || op->parent != b) return false;
    const Value *x = op_value(op, P_x);
    if (!x->def && func_fixed(f, x)) return true;
    for (int i = 0; i < b->nresult; i++) {
        const Value *r = b->result[i];
        const Value *from = value_chosen_from(r);
        if (from ? from == op->out[0] : r == op->out[0] && func_fixed(f, r)) return true;
    }
    return false;
}
