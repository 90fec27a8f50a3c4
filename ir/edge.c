/* edge.c -- where the engine's part of a function begins and ends.
 *
 * The processor runs what lies outside: in front of it ops on integer inputs (the rows of a
 * table, by token ids), which no engine takes; behind it the op classify; and at inputs and
 * results that are images the casts between fp32, which pixels have there, and fp16. Core ML
 * runs these on the processor too, whatever runs the rest. */
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
    return x && op->nout == 1 && x->type->kind == TY_TENSOR
        && dtype_is_float(x->type->dtype) && op->out[0]->type->kind == TY_TENSOR
        && dtype_is_float(op->out[0]->type->dtype);
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
    return (v != r || func_fixed(f, r)) && is_float_cast(v->def) ? op_value(v->def, P_x)
                                                                 : v;
}

int func_engine_results(const Func *f, Arena *a, const Value ***out)
{
    const Block *b = f->body;
    const Value **v = NEW_ARRAY(a, b->nresult + 1, const Value *);
    int n = 0;
    for (int i = 0; i < b->nresult; i++) {
        const Value *r = engine_result(f, b->result[i]);
        if (r->def && op_is_ahead(r->def)) continue;
        bool have = r != b->result[i] && n
                 && v[n - 1] == r; /* a label and its probabilities */
        if (!have) v[n++] = r;
    }
    *out = v;
    return n;
}

/* ---- what integers look up --------------------------------------------------------------- */

/* Ops looked at to find one out; integers are computed by few. Past so many nothing is
 * taken for the processor's, so that asking costs the same in a chain of any length. */
typedef struct {
    const Op *op[32];
    bool ahead[32];
    int count, entered;
} AheadSearch;

static bool edge_ahead(const Op *op, AheadSearch *s);

static bool edge_number_type(const Value *v)
{
    return v->type->kind == TY_TENSOR && !dtypes[v->type->dtype].edge;
}

/* An input of a type that no engine takes, or what is computed of such ones and is of one. */
static bool edge_number(const Value *v, AheadSearch *s)
{
    if (v->has_lit || !edge_number_type(v)) return false;
    return !v->def || edge_ahead(v->def, s);
}

/* As it is given, or in another float type. */
static bool edge_is_input(const Value *v)
{
    if (is_float_cast(v->def)) v = op_value(v->def, P_x);
    return !v->def && v->type->kind == TY_TENSOR;
}

/* Most ops have no argument of such a type, and are done with here. */
static bool edge_has_numbers(const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (!v->has_lit && edge_number_type(v)) return true;
        }
    return false;
}

/* Reads such numbers, and beside them constants, inputs, and what was looked up alone: what is
 * there before the engine begins. */
static bool edge_reads_numbers(const Op *op, AheadSearch *s)
{
    bool some = false;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (value_is_const(v)) continue;
            if (edge_number(v, s)) some = true;
            else if (!edge_is_input(v) && !(v->def && edge_ahead(v->def, s)))
                return false;
        }
    return some;
}

static bool edge_ahead(const Op *op, AheadSearch *s)
{
    if (op->parent != op->parent->func->body || op_nblock(op) || op->kind == OP_NONE)
        return false;
    if (!edge_has_numbers(op)) return false;
    for (int i = 0; i < s->count; i++)
        if (s->op[i] == op) return s->ahead[i];
    if (s->entered >= (int)COUNT(s->op)) return false;
    s->entered++;
    const bool ahead = edge_reads_numbers(op, s);
    if (s->count == (int)COUNT(s->op)) return false;
    s->op[s->count] = op;
    s->ahead[s->count++] = ahead;
    return ahead;
}

bool value_is_number(const Value *v)
{
    AheadSearch s;
    s.count = s.entered = 0;
    return edge_number(v, &s);
}

bool op_is_ahead(const Op *op)
{
    AheadSearch s;
    s.count = s.entered = 0;
    return edge_ahead(op, &s);
}

static bool value_is_ahead(const Value *v) { return v->def && op_is_ahead(v->def); }

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

typedef struct {
    Arena *arena;
    PtrMap ahead; /* values that ops before the engine read */
    PtrMap read;  /* values of before the engine that it reads itself */
    const Value **made;
    int count, room;
} AheadReads;

static void ahead_note(AheadReads *r, const Value *v, bool ahead)
{
    PtrMap *by = ahead ? &r->ahead : &r->read;
    if (v->has_lit || ptrmap_get(by, v)) return;
    ptrmap_set(by, v, (void *)v);
    if (ahead || !value_is_ahead(v)) return;
    ARENA_ROOM(r->arena, r->made, r->count, r->room);
    r->made[r->count++] = v;
}

static bool ahead_visit(void *ctx, const Op *op)
{
    AheadReads *r = ctx;
    const bool ahead = op_is_ahead(op);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            ahead_note(r, op->arg[i].val[k], ahead);
    for (int i = 0; i < op_nblock(op); i++)
        for (int k = 0; k < op_block(op, i)->nresult; k++)
            ahead_note(r, op_block(op, i)->result[k], ahead);
    return true;
}

static void ahead_free(AheadReads *r)
{
    ptrmap_free(&r->ahead);
    ptrmap_free(&r->read);
}

int func_ahead_values(const Func *f, Arena *a, const Value ***out)
{
    AheadReads r = { .arena = a };
    func_read(f, ahead_visit, &r);
    ahead_free(&r);
    *out = r.made;
    return r.count;
}

static bool edge_takes_numbers(const Func *f)
{
    for (int i = 0; i < f->body->nparam; i++) {
        const Type *t = f->body->param[i]->type;
        if (t->kind == TY_TENSOR && !dtypes[t->dtype].edge) return true;
    }
    return false;
}

/* Inputs that are read before the engine begins alone are not the engine's, and what is made of
 * them is. */
static int ahead_inputs(const Func *f, Arena *a, const Value ***v, int n)
{
    AheadReads r = { .arena = a };
    int kept = 0;
    func_read(f, ahead_visit, &r);
    for (int i = 0; i < n; i++) {
        const Value *in = (*v)[i];
        const bool away = ptrmap_get(&r.ahead, in) && !ptrmap_get(&r.read, in)
                       && !is_result(in);
        if (!away) (*v)[kept++] = in;
    }
    const Value **all = NEW_ARRAY(a, kept + r.count + 1, const Value *);
    memcpy(all, *v, (size_t)kept * sizeof *all);
    for (int i = 0; i < r.count; i++) all[kept + i] = r.made[i];
    ahead_free(&r);
    *v = all;
    return kept + r.count;
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
    return edge_takes_numbers(f) ? ahead_inputs(f, a, out, b->nparam) : b->nparam;
}

/* ---- ops -------------------------------------------------------------------------- */

bool op_on_processor(const Op *op)
{
    const Func *f = op->parent->func;
    const Block *b = f->body;
    if (op_chooses(op) || op_is_ahead(op)) return true;
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

bool func_on_processor(const Func *f)
{
    bool ahead = false;
    for (const Op *op = f->body->first; op; op = op->next) {
        if (op_is_fixed(op)) continue;
        if (!op_on_processor(op) && !is_float_cast(op)) return false;
        ahead = ahead || op_is_ahead(op);
    }
    return ahead;
}
