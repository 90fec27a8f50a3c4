/* made.c -- literals that are the result of an op on other literals. Their elements are
 * computed when they are read, and those of the last one are kept, so that a program with
 * many large weights holds one of them at a time. */
#include "ir.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

struct Made {
    Module *m;
    const Op *op;  /* in no block; its arguments are literals of its own */
    int index;     /* of the result */
    int cost;      /* ops that are computed for it, each as often as it is */
    size_t leaves; /* bytes of the literals that they are computed from */
    bool told;     /* that it is not finite */
};

struct MadeRoom {
    const Const *of;
    void *data;
};

/* ---- making ------------------------------------------------------------------------------ */

/* More ops than that are computed when the program runs. It bounds recursion too, and
 * what is computed again and again where a value is used twice. */
enum { MOST = 64 };

typedef struct {
    Module *m;
    MadeLookup *made;
    void *ctx;
    int cost;
    size_t leaves;
} Making;

static bool is_decoded(const Value *v) { return v->def && op_decodes(v->def); }

/* Whether all arguments have literals, which nearly all ops lack: asked before anything
 * is made. */
static bool has_literals(const Making *g, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (!value_lit(v) && !is_decoded(v) && !g->made(g->ctx, v)) return false;
        }
    return true;
}

static const Const *literal_of(Making *g, const Value *v)
{
    const Const *c = value_lit(v) ? value_lit(v) : g->made(g->ctx, v);
    if (!c && is_decoded(v) && value_at_hand(v))
        c = const_made(g->m, v->def, v->index, g->made, g->ctx);
    if (!c || !const_at_hand(c) || !shape_known(&c->type->shape)) return NULL;
    const Const *of = c->kind == CONST_OF ? c->of : c;
    if (of->kind == CONST_MADE) {
        g->cost += of->made->cost;
        g->leaves += of->made->leaves;
    } else {
        g->leaves += type_bytes(c->type);
    }
    return c;
}

static bool copy_args(Making *g, Op *to, const Op *op)
{
    to->arg = NEW_ARRAY(&g->m->arena, op->narg ? op->narg : 1, Arg);
    to->narg = op->narg;
    to->tight = true;
    for (int i = 0; i < op->narg; i++) {
        const Arg *from = &op->arg[i];
        to->arg[i] = *from;
        arg_reserve(g->m, &to->arg[i], arg_count(from));
        for (int k = 0; k < arg_count(from); k++) {
            const Const *c = literal_of(g, from->val[k]);
            if (!c || g->cost > MOST) return false;
            arg_put(&to->arg[i], k, literal_placed(g->m, c, value_loc(from->val[k])));
        }
    }
    return true;
}

/* A result can be read a run at a time only where an element is a byte or more. */
static bool may_be_read(const Type *t)
{
    return t->kind == TY_TENSOR && shape_known(&t->shape)
        && dtypes[t->dtype].bits % 8 == 0 && t->dtype != DT_STRING;
}

const Const *const_made(Module *m, const Op *op, int index, MadeLookup *made, void *ctx)
{
    Making g = { .m = m, .made = made, .ctx = ctx, .cost = 1 };
    if (!op_is_computable(op) && !op_decodes(op)) return NULL;
    if (!may_be_read(op->out[index]->type) || !has_literals(&g, op)) return NULL;
    Op *own = NEW(&m->arena, Op);
    *own = (Op){ .kind = op->kind,
                 .opset = (uint8_t)op_opset(op),
                 .out = op->out,
                 .nout = op->nout,
                 .parent = op->parent,
                 .gone = true };
    op_set_loc(own, op_loc(op));
    if (!copy_args(&g, own, op)) return NULL;
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    op_take_attrs(m, own, attrs);
    for (int i = 0; i < attrs.count; i++)
        if (attrs.at[i].val->type->kind == TY_TENSOR)
            g.leaves += type_bytes(attrs.at[i].val->type);
    struct Made *r = NEW(&m->arena, struct Made);
    *r = (struct Made){
        .m = m, .op = own, .index = index, .cost = g.cost, .leaves = g.leaves
    };
    Const *c = NEW(&m->arena, Const);
    *c = (Const){ .type = op->out[index]->type, .kind = CONST_MADE, .made = r };
    return c;
}

typedef struct {
    Module *m;
    PtrMap *made;
    int depth;
} Behind;

static const Const *made_behind(void *ctx, const Value *v)
{
    Behind *b = ctx;
    if (!v->def || v->def->kind == OP_NONE || b->depth == MOST) return NULL;
    const Const *c = ptrmap_get(b->made, v);
    if (c) return c;
    b->depth++;
    c = const_made(b->m, v->def, v->index, made_behind, b);
    b->depth--;
    if (c) ptrmap_set(b->made, v, (void *)(uintptr_t)c);
    return c;
}

const Const *const_of_value(Module *m, const Value *v, PtrMap *made)
{
    Behind b = { .m = m, .made = made };
    return value_lit(v) ? value_lit(v) : made_behind(&b, v);
}

void op_let_weights_go(const Op *op, const PtrMap *made)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            Op *def = op->arg[i].val[k]->def;
            if (!def || def->kind == OP_NONE) continue;
            const bool constant = op_is_fixed(def);
            if (constant) def->keep = false;
            if (constant || (made && ptrmap_get(made, def->out[0])))
                op_let_weights_go(def, made);
        }
}

size_t const_made_from(const Const *c) { return c->made->leaves; }

const Const *const_made_largest(const Const *c)
{
    const Op *op = c->made->op;
    const Const *largest = NULL;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Const *one = value_lit(op->arg[i].val[k]);
            if (!largest || type_bytes(one->type) > type_bytes(largest->type))
                largest = one;
        }
    return largest;
}

/* ---- reading ----------------------------------------------------------------------------- */

static void give_up(struct MadeRoom *room)
{
    if (room) free(room->data);
    free(room);
}

/* What was computed last is taken out of its place while it is used, so that no lock is needed;
 * whoever finds nothing there computes it himself. It is no guarded memory: it outlives the
 * call. */
static struct MadeRoom *made_swap(Module *m, struct MadeRoom *room)
{
    return __atomic_exchange_n(&m->made, room, __ATOMIC_ACQ_REL);
}

void made_free(Module *m) { give_up(made_swap(m, NULL)); }

static bool made_computed(const Const *c, Diag *d, Tensor *out)
{
    Tensor res[MAX_RESULT] = { { 0 } };
    int n = 0;
    bool ok = op_compute(c->made->op, d, res, &n) && c->made->index < n;
    if (ok) {
        *out = res[c->made->index];
        res[c->made->index] = (Tensor){ 0 };
        if (out->bytes != type_bytes(c->type))
            bug("%s computed what it was not inferred to", op_name(c->made->op));
        out->shape = c->type->shape; /* which may have been given another one since */
        if (!c->made->told && !d->quiet)
            c->made->told = op_warn_not_finite(c->made->op, c->made->index, out, d);
    }
    for (int i = 0; i < MAX_RESULT; i++) tensor_free(&res[i]);
    return ok;
}

bool made_tensor(const Const *c, Diag *d, Tensor *out)
{
    return made_computed(c, d, out);
}

bool made_read(const Const *c, Diag *d, size_t first, size_t n, void *dst)
{
    struct MadeRoom *room = made_swap(c->made->m, NULL);
    if (!room || room->of != c) {
        Tensor t;
        give_up(room);
        if (!made_computed(c, d, &t)) return false;
        if (!t.owned) bug("a computed literal is a view");
        mem_disown(t.data);
        room = malloc(sizeof *room);
        if (room) *room = (struct MadeRoom){ c, t.data };
        else free(t.data);
        if (!room) mem_out(sizeof *room);
    }
    const Shape run = SHAPE((int64_t)n);
    const size_t bits = (size_t)dtypes[c->type->dtype].bits;
    memcpy(dst, (const char *)room->data + first * bits / 8,
           tensor_view(c->type->dtype, &run, dst).bytes);
    give_up(made_swap(c->made->m, room));
    return true;
}
