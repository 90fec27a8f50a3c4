/* part.c -- makes a program of some ops of a function (bisect.h). */
#include "bisect.h"

#include "../ir/ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the whole program computes
 * ------------------------------------------------------- */

typedef struct {
    Record *r;
    const Block *body;
    Diag *d;
} Recording;

static bool keep_value(void *ctx, const Value *v, const Tensor *t)
{
    Recording *k = ctx;
    Record *r = k->r;
    if (t->is_list || !v->name || !v->def || v->def->parent->owner) return true;
    MEM_ROOM(r->at, r->n, r->room);
    r->at[r->n] = (struct Recorded){ .name = v->name };
    return tensor_copy(&r->at[r->n++].value, k->d, t);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct Recorded *)a)->name, ((const struct Recorded *)b)->name);
}

bool record_run(Record *r, const Backend *reference, const Func *f, const Binding *in,
                int nin, uint64_t max_steps, Diag *d)
{
    Recording k = { .r = r, .d = d };
    Module *m = func_extract(f); /* one function alone */
    Program *p = program_new(reference, m, m->first, d);
    const RunOptions opt = { .max_steps = max_steps, .each = keep_value, .ctx = &k };
    bool ok = p && program_run(p, d, in, nin, &opt);
    program_free(p);
    qsort(r->at, (size_t)r->n, sizeof *r->at, by_name);
    /* names are the copy's */
    for (int i = 0; i < r->n; i++) {
        const size_t size = strlen(r->at[i].name) + 1;
        char *name = mem_alloc(size);
        if (!name) mem_out(size);
        r->at[i].name = memcpy(name, r->at[i].name, size);
    }
    module_free(m);
    return ok;
}

const Tensor *record_find(const Record *r, const char *name)
{
    const struct Recorded key = { .name = name };
    const struct Recorded *found = r->n ? bsearch(&key, r->at, (size_t)r->n, sizeof key,
                                                  by_name)
                                        : NULL;
    return found ? &found->value : NULL;
}

void record_free(Record *r)
{
    for (int i = 0; i < r->n; i++) {
        tensor_free(&r->at[i].value);
        mem_free((void *)(uintptr_t)r->at[i].name);
    }
    mem_free(r->at);
    *r = (Record){ .n = 0 };
}

/* ---- ops -------------------------------------------------------------------------- */

/* A constant, or what is computed from constants for the program's whole life: a weight. */
static bool is_constant(const Op *op)
{
    return op->kind == OP_const || (op->nout && value_is_const(op->out[0]));
}

int part_ops(const Func *f, Arena *a, const Op ***out)
{
    int n = 0, all = 0;
    for (const Op *op = f->body->first; op; op = op->next) all++;
    *out = NEW_ARRAY(a, all + 1, const Op *);
    for (const Op *op = f->body->first; op; op = op->next)
        if (!is_constant(op)) (*out)[n++] = op;
    return n;
}

/* ---- cutting ----------------------------------------------------------------------------- */

enum { USED_INSIDE = 1, USED_OUTSIDE = 2 };

static bool part_marked(const ValueTable *marks, const Value *v, uintptr_t how)
{
    return ((uintptr_t)values_get(marks, v) & how) != 0;
}

static void part_mark(ValueTable *marks, const Value *v, uintptr_t how)
{
    values_set(marks, v, (void *)((uintptr_t)values_get(marks, v) | how));
}

static void mark_uses(ValueTable *marks, const Op *op, uintptr_t how)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            part_mark(marks, op->arg[i].val[k], how);
    for (int i = 0; i < op_nblock(op); i++) {
        const Block *b = op_block(op, i);
        for (int k = 0; k < b->nresult; k++) part_mark(marks, b->result[k], how);
        for (const Op *inner = b->first; inner; inner = inner->next)
            mark_uses(marks, inner, how);
    }
}

static void mark_all(ValueTable *marks, const Func *g, Op *const *op, int n,
                     const bool *in)
{
    for (int i = 0; i < n; i++)
        mark_uses(marks, op[i], in[i] ? USED_INSIDE : USED_OUTSIDE);
    for (int i = 0; i < g->body->nresult; i++)
        part_mark(marks, g->body->result[i], USED_OUTSIDE);
}

/* What others take; of an op that nobody takes anything of, all. */
static bool make_results(const ValueTable *marks, Func *g, Op *const *op, int n,
                         const bool *in)
{
    func_drop_results(g, 0);
    for (int i = 0; i < n; i++) {
        bool used = false;
        for (int k = 0; k < op[i]->nout; k++)
            used = used || part_marked(marks, op[i]->out[k], USED_INSIDE | USED_OUTSIDE);
        for (int k = 0; in[i] && k < op[i]->nout; k++) {
            Value *v = op[i]->out[k];
            if (used && !part_marked(marks, v, USED_OUTSIDE)) continue;
            if (v->type->kind == TY_TENSOR) block_result(g->body, v);
            else if (used) return false;
        }
    }
    return g->body->nresult > 0;
}

static bool make_parameter(Func *g, Value *v, const Record *r)
{
    const Tensor *t = record_find(r, v->name);
    if (!t || v->type->kind != TY_TENSOR) return false;
    Value *p = block_param(g->body, v->name,
                           module_tensor(g->module, t->dtype, &t->shape), value_loc(v));
    func_replace_uses(g, v, p);
    return true;
}

/* From the last to the first: who uses an op that goes has gone, or stays. */
static bool drop_ops(const ValueTable *marks, Func *g, Op *const *op, int n,
                     const bool *in, const Record *r)
{
    bool ok = true;
    for (int i = n - 1; ok && i >= 0; i--) {
        if (in[i]) continue;
        for (int k = 0; ok && k < op[i]->nout; k++)
            if (part_marked(marks, op[i]->out[k], USED_INSIDE))
                ok = make_parameter(g, op[i]->out[k], r);
        if (ok) op_unlink(op[i]);
    }
    return ok;
}

/* Constants and parameters that no op takes any more. */
static void drop_unused(Func *g)
{
    Block *b = g->body;
    ValueTable marks = { 0 };
    int n = 0;
    for (Op *op = b->last, *before; op; op = before) {
        bool used = !is_constant(op);
        before = op->prev;
        for (int k = 0; k < op->nout; k++)
            used = used || part_marked(&marks, op->out[k], USED_INSIDE);
        if (used) mark_uses(&marks, op, USED_INSIDE);
        else op_unlink(op);
    }
    for (int i = 0; i < b->nparam; i++)
        if (part_marked(&marks, b->param[i], USED_INSIDE)) b->param[n++] = b->param[i];
    b->nparam = n;
    values_free(&marks);
}

/* Parameters of flexible shape get that which the program was run with. */
static bool bind_shapes(Func *g, const Binding *in, int nin)
{
    bool bound = false, ok = true;
    for (int i = 0; i < g->body->nparam; i++) {
        Value *v = g->body->param[i];
        if (v->type->kind != TY_TENSOR || shape_known(&v->type->shape)) continue;
        for (int k = 0; k < nin; k++)
            if (!strcmp(in[k].name, v->name))
                v->type = module_tensor(g->module, in[k].value.dtype, &in[k].value.shape);
        bound = true;
    }
    if (!bound) return true;
    Diag quiet = { .quiet = true };
    attr_set(g->module, &g->attrs, "FlexibleShapeInformation", NULL);
    ok = func_infer(g, &quiet, true);
    diag_free(&quiet);
    return ok;
}

static bool is_sound(Module *m)
{
    Diag quiet = { .quiet = true };
    const bool ok = module_verify(m, &quiet, NULL);
    diag_free(&quiet);
    return ok;
}

Module *part_new(const Func *f, const bool *in, const Record *r, const Binding *given,
                 int ngiven)
{
    Arena a = { 0 };
    GuardTask lost;
    ValueTable marks = { 0 };
    Module *m = func_extract(f);
    Func *g = m->first;
    const Op **op;
    const int n = part_ops(g, &a, &op);
    mark_all(&marks, g, (Op *const *)op, n, in);
    bool ok = make_results(&marks, g, (Op *const *)op, n, in);
    func_walk_begin(g, &lost);
    ok = ok && drop_ops(&marks, g, (Op *const *)op, n, in, r);
    func_walk_end(g, &lost);
    if (ok) drop_unused(g);
    ok = ok && bind_shapes(g, given, ngiven) && is_sound(m);
    values_free(&marks);
    arena_free(&a);
    if (ok) return m;
    module_free(m);
    return NULL;
}

int part_inputs(const Func *part, Arena *a, const Record *r, const Binding *in, int nin,
                Binding **out)
{
    const Block *b = part->body;
    int n = 0;
    *out = NEW_ARRAY(a, b->nparam + 1, Binding);
    for (int i = 0; i < b->nparam; i++) {
        const Value *v = b->param[i];
        if (param_is_state(v)) continue;
        const Tensor *t = record_find(r, v->name);
        for (int k = 0; !t && k < nin; k++)
            if (!strcmp(in[k].name, v->name)) t = &in[k].value;
        if (!t) continue;
        (*out)[n] = (Binding){ .name = v->name, .value = *t };
        (*out)[n++].value.owned = false;
    }
    return n;
}

/* ---- a type by itself -------------------------------------------------------------------- */

/* Ops that take two equal tensors, or one, and give such a one: one of them must run. */
static const struct {
    DClass cls;
    int op;
    bool two;
} controls[] = {
    { CLASS_FLOAT, OP_relu, false }, { CLASS_FLOAT, OP_add, true },
    { CLASS_FLOAT, OP_mul, true },   { CLASS_INT, OP_add, true },
    { CLASS_UINT, OP_add, true },    { CLASS_BOOL, OP_logical_not, false },
};

Module *part_control(const Func *f, const Type *t, int i)
{
    size_t row = 0;
    while (row < COUNT(controls)
           && (controls[row].cls != dtypes[t->dtype].cls || i-- > 0))
        row++;
    if (row == COUNT(controls)) return NULL;
    Module *m = func_extract(f);
    Func *g = m->first;
    func_drop_results(g, 0);
    while (g->body->last) op_unlink(g->body->last);
    g->body->nparam = 0;
    Value *x = block_param(g->body, "x", module_tensor(m, t->dtype, &t->shape),
                           (Loc){ 0 });
    Op *op = op_new(m, g->body, NULL, module_name(m, ops[controls[row].op].name),
                    (Loc){ 0 });
    op_set_arg(m, op, P_x, x);
    if (controls[row].two) op_set_arg(m, op, P_y, x);
    Value *y = op_out(m, op, module_name(m, "y"), x->type, (Loc){ 0 });
    op_set_name(m, op, y->name);
    block_result(g->body, y);
    if (is_sound(m)) return m;
    module_free(m);
    return NULL;
}
