/* autodiff.c -- reverse-mode differentiation of the ops between y and x.
 *
 * A walk forward notes which values depend on x. A walk backward calls the GRAD of each op's
 * row, which turns the gradients of its results into those of its arguments; contributions
 * to one value are added. The gradient of a value is complete when the walk reaches the op
 * that makes the value, and gets its name then. */
#include "passes.h"
#include "../ops/grad.h"
#include "legal.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Op **op;
    size_t n, cap;
} OpList;

typedef struct {
    Builder *at;
    Func *func;
    Block *block; /* whose ops are walked */
    GuardTask lost;
    Arena scratch;
    OpList ops;     /* of the function, what a block holds before its owner */
    PtrMap old;     /* those, and what they define: not ours to rename */
    PtrMap depends; /* on x: by value */
    PtrMap from_x;  /* the values of x */
    PtrMap flow;    /* by value: its gradient so far */
    PtrMap toward;  /* by value: the result through which it reaches y */
    PtrMap twin;    /* by result of an op that was expanded: what it is in that */
} Auto;

static void autodiff_release(void *ctx)
{
    Auto *a = ctx;
    PtrMap *const maps[] = { &a->old,  &a->depends, &a->from_x,
                             &a->flow, &a->toward,  &a->twin };
    for (size_t i = 0; i < COUNT(maps); i++) ptrmap_free(maps[i]);
    arena_free(&a->scratch);
}

static void *autodiff_mark(void) { return (void *)(uintptr_t)1; }

static bool is_float(const Value *v)
{
    return v->type->kind == TY_TENSOR && dtype_is_float(v->type->dtype);
}

/* ---- forward ----------------------------------------------------------------------------- */

static void add_op(Auto *a, Op *op)
{
    ARENA_ROOM(&a->scratch, a->ops.op, a->ops.n, a->ops.cap);
    a->ops.op[a->ops.n++] = op;
    ptrmap_set(&a->old, op, autodiff_mark());
}

static void list_block(Auto *a, const Block *b)
{
    for (Op *op = b->first; op; op = op->next) {
        for (int i = 0; i < op_nblock(op); i++) list_block(a, op_block(op, i));
        add_op(a, op);
    }
}

static bool any_depends(const Auto *a, Value *const *v, int n)
{
    for (int i = 0; i < n; i++)
        if (ptrmap_get(&a->depends, v[i])) return true;
    return false;
}

/* Whether something flows through op: an argument depends on x, or what a block of it
 * yields. */
static bool autodiff_flows(const Auto *a, const Op *op)
{
    if (op->stop || (op->kind != OP_NONE && ops[op->kind].grad == grad_zero))
        return false;
    for (int i = 0; i < op->narg; i++)
        if (any_depends(a, op->arg[i].val, arg_count(&op->arg[i]))) return true;
    for (int i = 0; i < op_nblock(op); i++)
        if (any_depends(a, op_block(op, i)->result, op_block(op, i)->nresult))
            return true;
    return false;
}

static void note_dependence(Auto *a)
{
    a->ops.n = 0;
    list_block(a, a->block);
    for (size_t i = 0; i < a->ops.n; i++) {
        const Op *op = a->ops.op[i];
        if (!autodiff_flows(a, op)) continue;
        for (int k = 0; k < op->nout; k++)
            if (is_float(op->out[k]) || op->out[k]->type->kind != TY_TENSOR
                || op->kind == OP_quantize) /* integers that stand for floats */
                ptrmap_set(&a->depends, op->out[k], autodiff_mark());
    }
}

/* ---- saying why not ---------------------------------------------------------------------- */

enum { PATH_NAMES = 12 };

static bool add_name(Buf *b, int *n, const char *name)
{
    if (++*n == PATH_NAMES) buf_puts(b, " -> ..");
    if (*n < PATH_NAMES) buf_printf(b, "%s%s", b->len ? " -> " : "", name);
    return *n < PATH_NAMES;
}

static const Value *first_dependent(const Auto *a, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (ptrmap_get(&a->depends, op->arg[i].val[k])) return op->arg[i].val[k];
    for (int i = 0; i < op_nblock(op); i++)
        for (int k = 0; k < op_block(op, i)->nresult; k++)
            if (ptrmap_get(&a->depends, op_block(op, i)->result[k]))
                return op_block(op, i)->result[k];
    return NULL;
}

/* "x -> h -> argsort (line 4) -> y" */
static void put_path(const Auto *a, const Op *op, Buf *b)
{
    const char *before[PATH_NAMES];
    int n = 0, names = 0, line, column;
    for (const Value *v = first_dependent(a, op); v && n < PATH_NAMES;) {
        before[n++] = v->name ? v->name : "a literal";
        if (ptrmap_get(&a->from_x, v) || !v->def) break;
        v = first_dependent(a, v->def);
    }
    while (n) add_name(b, &names, before[--n]);
    names = 0;
    buf_printf(b, "%s%s", b->len ? " -> " : "", op_name(op));
    loc_line_col(op_loc(op), &line, &column);
    if (op_loc(op).src && op_loc(op).src->text) buf_printf(b, " (line %d)", line);
    const Value *v = NULL;
    for (int i = 0; i < op->nout && !v; i++)
        if (ptrmap_get(&a->flow, op->out[i])) v = op->out[i];
    for (; v && add_name(b, &names, v->name); v = ptrmap_get(&a->toward, v)) continue;
}

static const char *way_to_differentiate(const Op *op)
{
    if (op->kind == OP_NONE) return "this build does not know it";
    if (op_decodes(op)) return "decompress it first: anec --passes decompress";
    if (op->kind == OP_while_loop)
        return "write the steps out: a `for` of the language does";
    if (op->kind == OP_quantize)
        return "--straight-through takes it for what it rounds, stop(..) in the language lets "
               "nothing through";
    return "stop(..) in the language lets nothing through, if that is meant";
}

static bool has_none(const Auto *a, const Op *op, const char *arg)
{
    Buf path = { 0 };
    put_path(a, op, &path);
    diag_error(a->at->diag, op_loc(op), "%s has no gradient%s%s: %s; %s", op_name(op),
               arg ? " by " : "", arg ? arg : "", path.s ? path.s : "",
               way_to_differentiate(op));
    buf_free(&path);
    return false;
}

static bool dims_known(const Auto *a, const Op *op, const Value *v)
{
    if (!v || v->type->kind != TY_TENSOR || shape_known(&v->type->shape)) return true;
    diag_error(
        a->at->diag, op_loc(op),
        "gradient of %s: the dimensions of %s are not known; a model of fixed shapes is "
        "needed",
        op_name(op), v->name ? v->name : "an argument");
    return false;
}

/* ---- expansions -------------------------------------------------------------------------- */

static bool expand_one(Op *op, Diag *d, Value **out)
{
    Builder b = before_op(op, d);
    return legal_unroll(&b, op, op->out[0]->type->dtype, out);
}

static bool is_argument(const Op *op, const Value *v)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].val[k] == v) return true;
    return false;
}

/* Whether the ops that op was expanded into take all that flows into op: parts of a
 * weight that were cut out of its literal do not depend on it any more. */
static bool takes_all(const Auto *a, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            bool taken = !ptrmap_get(&a->depends, v);
            for (const Op *at = op->prev; at && !taken && !ptrmap_get(&a->old, at);
                 at = at->prev)
                taken = is_argument(at, v);
            if (!taken) return has_none(a, op, arg_name(&op->arg[i]));
        }
    return true;
}

/* What a row expands into stands before its op, which stays: others may have its
 * results. */
static bool autodiff_expand(Auto *a)
{
    bool any = false;
    for (size_t i = 0; i < a->ops.n; i++) {
        Op *op = a->ops.op[i];
        Value *out[MAX_RESULT] = { NULL };
        if (op->kind == OP_NONE || ops[op->kind].grad != grad_expansion
            || !autodiff_flows(a, op))
            continue;
        if (op->parent != a->block) continue; /* it is made again (autodiff_cond.c) */
        a->at->m->layer = ptrmap_get(&a->at->m->layer_of, op);
        if (!expand_one(op, a->at->diag, out)) return has_none(a, op, NULL);
        if (!takes_all(a, op)) return false;
        for (int k = 0; k < op->nout; k++) ptrmap_set(&a->twin, op->out[k], out[k]);
        any = true;
    }
    if (any) note_dependence(a);
    return true;
}

/* ---- backward ---------------------------------------------------------------------------- */

static void add_flow(Auto *a, Builder *b, Value *v, Value *dx, Value *toward)
{
    if (dx->type->kind == TY_POISON) return;
    if (dx->type->dtype != v->type->dtype) dx = make_cast(b, dx, v->type->dtype);
    if (!shape_equal(&dx->type->shape, &v->type->shape)) {
        diag_error(
            b->diag, b->loc,
            "the gradient of %s, which is %s, would be %s; a result is declared of "
            "another shape than it has",
            v->name, shape_text(&a->scratch, &v->type->shape),
            shape_text(&a->scratch, &dx->type->shape));
        return;
    }
    Value *sum = ptrmap_get(&a->flow, v);
    ptrmap_set(&a->flow, v, sum ? make_two(b, OP_add, sum, dx) : dx);
    if (!sum && toward) ptrmap_set(&a->toward, v, toward);
}

/* The complete gradient of v takes its name, where it is a value of our own that has none. */
static Value *autodiff_complete(Auto *a, const Value *v)
{
    Value *d = ptrmap_get(&a->flow, v);
    if (!d || !d->def || ptrmap_get(&a->old, d->def) || d->def->nout != 1) return d;
    ptrmap_set(&a->old, d->def, autodiff_mark());
    const char *wish = arena_printf(&a->scratch, "d_%s", v->name ? v->name : "x");
    d->name = func_unique_name(a->func, wish);
    op_set_name(a->at->m, d->def, d->name);
    return d;
}

static Value *autodiff_through(const Auto *a, const Op *op)
{
    for (int i = 0; i < op->nout; i++)
        if (ptrmap_get(&a->flow, op->out[i])) return op->out[i];
    return NULL;
}

static bool autodiff_give(Auto *a, Builder *b, const Op *op, const bool *wanted,
                          Value *const *dx)
{
    int at = 0;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++, at++) {
            if (!wanted[at]) continue;
            if (!dx[at]) return has_none(a, op, arg_name(&op->arg[i]));
            add_flow(a, b, op->arg[i].val[k], dx[at], autodiff_through(a, op));
        }
    return true;
}

static bool differentiate_cond(Auto *a, Builder *b, const Op *op, Value *const *dy)
{
    CondFlow flow = { .depends = &a->depends };
    if (!autodiff_cond(b, op, dy, &a->scratch, &flow)) return false;
    for (int i = 0; i < flow.n; i++)
        if (flow.dx[i]) add_flow(a, b, flow.x[i], flow.dx[i], autodiff_through(a, op));
    return true;
}

/* What stands for floats in integers is none of the arguments that get a gradient: that of a
 * dequantize goes to what was quantized, if rounding is to be taken for nothing. */
static bool autodiff_quantized(Auto *a, Builder *b, const Op *op, Value *dy)
{
    const Value *v = op->kind == OP_dequantize ? op_value(op, P_input) : NULL;
    const Op *from = v ? v->def : NULL;
    if (!dy || !from || from->kind != OP_quantize || !autodiff_flows(a, from))
        return true;
    if (!b->m->straight) {
        ptrmap_set(&a->flow, v, dy); /* the way that the message shows */
        ptrmap_set(&a->toward, v, op->out[0]);
        return has_none(a, from, NULL);
    }
    add_flow(a, b, op_value(from, P_input), dy, op->out[0]);
    return true;
}

static bool autodiff_differentiate(Auto *a, const Op *op)
{
    Value *dy[MAX_RESULT] = { NULL };
    bool any = false, known = true;
    for (int i = 0; i < op->nout && i < MAX_RESULT; i++) {
        dy[i] = autodiff_complete(a, op->out[i]);
        any = any || dy[i];
    }
    if (!any || !autodiff_flows(a, op)) return true;
    Builder b = *a->at;
    b.loc = op_loc(op);
    if (op->opset) b.opset = op->opset;
    if (op->nout && ptrmap_get(&a->twin, op->out[0])) {
        for (int i = 0; i < op->nout; i++)
            if (dy[i])
                add_flow(a, &b, ptrmap_get(&a->twin, op->out[i]), dy[i], op->out[i]);
        return true;
    }
    if (op->kind == OP_NONE || !ops[op->kind].grad) return has_none(a, op, NULL);
    if (!autodiff_quantized(a, &b, op, dy[0])) return false;
    if (ops[op->kind].grad == grad_blocks) return differentiate_cond(a, &b, op, dy);
    int count = 0, at = 0;
    for (int i = 0; i < op->narg; i++) count += arg_count(&op->arg[i]);
    bool *wanted = NEW_ARRAY(&a->scratch, count + 1, bool);
    Value **dx = NEW_ARRAY(&a->scratch, count + 1, Value *);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++, at++) {
            Value *v = op->arg[i].val[k];
            wanted[at] = is_float(v) && ptrmap_get(&a->depends, v);
            known = known && dims_known(a, op, v);
        }
    for (int i = 0; i < op->nout; i++) known = known && dims_known(a, op, op->out[i]);
    Grad g = { .b = &b, .op = op, .dy = dy, .wanted = wanted, .dx = dx };
    const int errors = diag_wrong(b.diag);
    return known && ops[op->kind].grad(&g) && errors == diag_wrong(b.diag)
        && autodiff_give(a, &b, op, wanted, dx);
}

bool autodiff_within(Builder *at, Block *block, Value *const *y, Value *const *seed,
                     int ny, Value *const *x, int nx, Value **dx)
{
    Auto a = { .at = at, .func = at->block->func, .block = block };
    const char *const layer = at->m->layer;
    guard_task(&a.lost, autodiff_release, &a);
    for (int i = 0; block->owner && i < ny;
         i++) /* of outside, where they have their names */
        if (seed[i]->def) ptrmap_set(&a.old, seed[i]->def, autodiff_mark());
    for (int i = 0; i < nx; i++) {
        ptrmap_set(&a.from_x, x[i], autodiff_mark());
        ptrmap_set(&a.depends, x[i], autodiff_mark());
    }
    note_dependence(&a);
    bool ok = autodiff_expand(&a);
    for (int i = 0; ok && i < ny; i++)
        if (ptrmap_get(&a.depends, y[i])) add_flow(&a, at, y[i], seed[i], NULL);
    for (size_t i = a.ops.n; ok && i-- > 0;) {
        at->m->layer = ptrmap_get(&at->m->layer_of, a.ops.op[i]);
        ok = autodiff_differentiate(&a, a.ops.op[i]);
    }
    at->m->layer = layer;
    for (int i = 0; i < nx; i++) {
        Value *d = ok ? ptrmap_get(&a.flow, x[i]) : NULL;
        dx[i] = d && !block->owner ? autodiff_complete(&a, x[i])
                                   : d; /* a branch's has no name outside */
    }
    guard_task_end(&a.lost);
    autodiff_release(&a);
    return ok;
}

bool autodiff(Builder *at, Value *const *y, Value *const *seed, int ny, Value *const *x,
              int nx, Value **dx)
{
    return autodiff_within(at, at->block->func->body, y, seed, ny, x, nx, dx);
}
