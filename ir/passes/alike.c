/* alike.c -- decides where a step of training is cut: between the layers of lists, forward and
 * backward, and around ops that no engine computes. alike_form.c finds parts that are alike and
 * makes the programs.
 *
 * Ops that depend on no input (tables of angles, masks) are copied into each part that uses
 * them. */
#include "alike.h"
#include "passes.h"

#include <stdlib.h>
#include <string.h>

/* ---- ops -------------------------------------------------------------------------- */

/* The op of the function's body that v comes from, or that holds it; -1: none. */
int alike_place(const AlikeWork *w, const Value *v)
{
    const Op *op = v->def;
    while (op && op->parent != w->func->body) op = op->parent->owner;
    return op ? (int)((uintptr_t)ptrmap_get(&w->place, op) - 1) : -1;
}

bool alike_uses(const Op *op, AlikeUse *fn, void *ctx)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (!fn(ctx, op->arg[i].val[k])) return false;
    for (int i = 0; i < op_nblock(op); i++) {
        const Block *b = op_block(op, i);
        for (const Op *in = b->first; in; in = in->next)
            if (!alike_uses(in, fn, ctx)) return false;
        for (int k = 0; k < b->nresult; k++)
            if (!fn(ctx, b->result[k])) return false;
    }
    return true;
}

static bool alike_impure(const Op *op)
{
    if (op->kind == OP_NONE || (ops[op->kind].flags & F_IMPURE)) return true;
    for (int i = 0; i < op_nblock(op); i++)
        for (const Op *in = op_block(op, i)->first; in; in = in->next)
            if (alike_impure(in)) return true;
    return false;
}

typedef struct {
    const AlikeWork *w;
    int at;
} AlikeAsk;

/* False: v depends on an input. */
static bool alike_is_known(void *ctx, const Value *v)
{
    const AlikeAsk *ask = ctx;
    const int from = alike_place(ask->w, v);
    if (from >= 0) return from == ask->at || ask->w->op[from].fixed;
    return !ptrmap_get(&ask->w->input, v);
}

static bool alike_list(AlikeWork *w)
{
    const Block *b = w->func->body;
    for (const Op *op = b->first; op; op = op->next) w->n++;
    w->op = NEW_ARRAY(&w->arena, w->n + 1, AlikeOp);
    for (int i = 0; i < b->nparam; i++) {
        if (b->param[i]->type->kind != TY_TENSOR)
            return false; /* a state stays in one program */
        ptrmap_set(&w->input, b->param[i], b->param[i]);
    }
    int n = 0;
    for (const Op *op = b->first; op; op = op->next, n++) {
        w->op[n] = (AlikeOp){ .op = op,
                              .layer = ptrmap_get(&w->func->module->layer_of, op) };
        ptrmap_set(&w->place, op, (void *)(uintptr_t)(n + 1));
    }
    for (int i = 0; i < b->nresult; i++) {
        const int from = alike_place(w, b->result[i]);
        if (from < 0) return false; /* no part would make it */
        w->op[from].gives = true;
    }
    for (int i = 0; i < n; i++) {
        AlikeAsk ask = { w, i };
        w->op[i].drawn = alike_impure(w->op[i].op);
        w->op[i].fixed = !w->op[i].gives && !w->op[i].drawn
                      && alike_uses(w->op[i].op, alike_is_known, &ask);
    }
    return true;
}

/* ---- runs -------------------------------------------------------------------------------- */

/* A result that is another value under its own name goes where that is made. */
static int alike_renames(const AlikeWork *w, int i)
{
    const Op *op = w->op[i].op;
    if (op->kind != OP_identity || w->op[i].layer || !w->op[i].gives) return -1;
    const int from = alike_place(w, op_value(op, P_x));
    return from >= 0 && !w->op[from].fixed ? from : -1;
}

/* Ops of one layer that follow each other, or of none. */
static void alike_runs(AlikeWork *w)
{
    int n = 0;
    w->run = NEW_ARRAY(&w->arena, w->n + 1, AlikeRun);
    for (int i = 0; i < w->n; i++) {
        AlikeOp *op = &w->op[i];
        const int as = op->fixed ? -1 : alike_renames(w, i);
        if (op->fixed) continue;
        if (as >= 0) {
            op->run = w->op[as].run;
            continue;
        }
        if (!n || w->run[n - 1].layer != op->layer) w->run[n++].layer = op->layer;
        op->run = n - 1;
    }
    w->nrun = n;
}

/* The forward and the backward part of a layer find each other as brackets do. */
static void alike_pair(AlikeWork *w)
{
    for (int r = 0; r < w->nrun; r++) w->run[r].forward = -1;
    for (int r = 0; r < w->nrun; r++) {
        int count = 0, before = 0;
        if (!w->run[r].layer) continue;
        for (int k = 0; k < w->nrun; k++)
            if (w->run[k].layer == w->run[r].layer) count++, before += k < r;
        if (count % 2 || before < count / 2) continue;
        for (int k = 0, at = 0; k < r; k++)
            if (w->run[k].layer == w->run[r].layer && at++ == count - 1 - before)
                w->run[r].forward = k;
    }
}

/* What stands between two layers is of the one before, and backward of the one behind, so that
 * it stays with the same layer. */
static void alike_join_between(AlikeWork *w)
{
    int *to = NEW_ARRAY(&w->arena, w->nrun + 1, int);
    for (int r = 0; r < w->nrun; r++) {
        const bool inside = !w->run[r].layer && r && r + 1 < w->nrun;
        const bool between = inside && w->run[r - 1].layer != w->run[r + 1].layer;
        const bool back = between && w->run[r + 1].forward >= 0;
        to[r] = !between ? r : back ? r + 1 : r - 1;
    }
    for (int i = 0; i < w->n; i++)
        if (!w->op[i].fixed) w->op[i].run = to[w->op[i].run];
}

/* ---- what no engine computes ------------------------------------------------------------- */

/* The operations that an engine is for: a part without one of them is not worth its copies. */
static const int alike_worth[] = { OP_matmul,         OP_linear,
                                   OP_einsum,         OP_conv,
                                   OP_conv_transpose, OP_scaled_dot_product_attention };

static bool alike_is_worth(const Op *op)
{
    for (size_t i = 0; i < COUNT(alike_worth); i++)
        if (op->kind == alike_worth[i]) return true;
    return false;
}

static bool alike_is_whole(const Value *v)
{
    return v->type->kind == TY_TENSOR && !dtype_is_float(v->type->dtype);
}

/* False: whole numbers that are computed or given, or bools that the processor has. */
static bool alike_is_float(void *ctx, const Value *v)
{
    const AlikeWork *w = ctx;
    const int from = alike_place(w, v);
    const bool computed = from >= 0 ? !w->op[from].fixed
                                    : ptrmap_get(&w->input, v) != NULL;
    const bool mask = v->type->dtype == DT_BOOL && (from < 0 || !w->op[from].host);
    return !computed || !alike_is_whole(v) || mask;
}

/* Levels in a run of no layer: even ones are the processor's. Each op is in the first
 * that it may be in. */
typedef struct {
    AlikeWork *w;
    int at, level;
} AlikeLevel;

static bool alike_after(void *ctx, const Value *v)
{
    AlikeLevel *l = ctx;
    const int from = alike_place(l->w, v);
    if (from < 0 || from == l->at || l->w->op[from].fixed) return true;
    const AlikeOp *before = &l->w->op[from];
    if (before->run == l->w->op[l->at].run && before->level > l->level)
        l->level = before->level;
    return true;
}

static void alike_levels(AlikeWork *w)
{
    for (int i = 0; i < w->n; i++) {
        AlikeLevel l = { w, i, 0 };
        if (w->op[i].fixed || w->run[w->op[i].run].layer) continue;
        alike_uses(w->op[i].op, alike_after, &l);
        w->op[i].level = l.level + ((l.level % 2 == 0) != w->op[i].host);
    }
}

/* The last level that an op's readers in its run leave it. */
static bool alike_note_late(void *ctx, const Value *v)
{
    const AlikeLevel *l = ctx;
    const int from = alike_place(l->w, v);
    if (from < 0 || from == l->at || l->w->op[from].fixed) return true;
    const AlikeOp *by = &l->w->op[l->at];
    AlikeOp *op = &l->w->op[from];
    const int level = by->host ? by->level : by->level - 1;
    if (op->run == by->run && (op->late < 0 || level < op->late)) op->late = level;
    return true;
}

/* What the processor does goes as late as it may: so it comes together. */
static void alike_delay(AlikeWork *w)
{
    for (int i = 0; i < w->n; i++) w->op[i].late = -1;
    for (int i = w->n; i-- > 0;) {
        AlikeOp *op = &w->op[i];
        AlikeLevel l = { w, i, 0 };
        if (op->fixed || w->run[op->run].layer) continue;
        if (op->host && op->late > op->level) op->level = op->late;
        alike_uses(op->op, alike_note_late, &l);
    }
}

/* Parts of no layer that have nothing that is worth it become the processor's: true. */
static bool alike_drop_small(AlikeWork *w)
{
    bool any = false;
    for (int i = 0; i < w->n; i++) {
        bool worth = false;
        const AlikeOp *op = &w->op[i];
        const int run = op->run, level = op->level;
        if (op->fixed || op->host || w->run[run].layer) continue;
        for (int k = 0; k < w->n && !worth; k++)
            worth = !w->op[k].fixed && w->op[k].run == run && w->op[k].level == level
                 && alike_is_worth(w->op[k].op);
        for (int k = 0; k < w->n && !worth; k++)
            if (!w->op[k].fixed && w->op[k].run == run && w->op[k].level == level)
                w->op[k].host = true;
        any = any || !worth;
    }
    return any;
}

static void alike_place_all(AlikeWork *w)
{
    for (int i = 0; i < w->n; i++) {
        const Op *op = w->op[i].op;
        bool whole = !alike_uses(op, alike_is_float, w);
        for (int k = 0; k < op->nout; k++)
            whole = whole
                 || (alike_is_whole(op->out[k]) && op->out[k]->type->dtype != DT_BOOL);
        w->op[i].host = whole && !w->op[i].fixed && !w->run[w->op[i].run].layer;
    }
    do alike_levels(w);
    while (alike_drop_small(w));
    alike_delay(w);
}

/* ---- parts ------------------------------------------------------------------------------- */

static int alike_order(const void *a, const void *b)
{
    const AlikeGroup *x = a, *y = b;
    return x->run != y->run ? (x->run > y->run) - (x->run < y->run)
                            : (x->level > y->level) - (x->level < y->level);
}

static AlikeGroup *alike_find(const AlikeWork *w, int run, int level)
{
    for (int g = 0; g < w->ngroup; g++)
        if (w->group[g].run == run && w->group[g].level == level) return &w->group[g];
    return NULL;
}

static void alike_group(AlikeWork *w)
{
    w->group = NEW_ARRAY(&w->arena, w->n + 1, AlikeGroup);
    for (int i = 0; i < w->n; i++) {
        const AlikeOp *op = &w->op[i];
        if (op->fixed || alike_find(w, op->run, op->level)) continue;
        w->group[w->ngroup++] = (AlikeGroup){ .run = op->run,
                                              .level = op->level,
                                              .layer = w->run[op->run].layer,
                                              .host = op->host,
                                              .again = -1,
                                              .of = -1 };
    }
    qsort(w->group, (size_t)w->ngroup, sizeof *w->group, alike_order);
    for (int i = 0; i < w->n; i++) {
        AlikeOp *op = &w->op[i];
        op->group = op->fixed ? -1 : (int)(alike_find(w, op->run, op->level) - w->group);
    }
}

static bool alike_before(void *ctx, const Value *v)
{
    const AlikeAsk *ask = ctx;
    const int from = alike_place(ask->w, v);
    return from < 0 || ask->w->op[from].group <= ask->w->op[ask->at].group;
}

/* Whether each part takes from parts before it alone. */
static bool alike_in_order(AlikeWork *w)
{
    for (int i = 0; i < w->n; i++) {
        AlikeAsk ask = { w, i };
        if (!w->op[i].fixed && !alike_uses(w->op[i].op, alike_before, &ask)) return false;
    }
    return true;
}

/* ---- memory ------------------------------------------------------------------------------ */

typedef struct {
    AlikeWork *w;
    int at;
} AlikeReach;

/* Which parts read an op: the first and the last behind its own. */
static bool alike_note_reader(void *ctx, const Value *v)
{
    const AlikeReach *r = ctx;
    const int from = alike_place(r->w, v), by = r->w->op[r->at].group;
    if (from < 0 || r->w->op[from].fixed || r->w->op[from].group >= by) return true;
    AlikeOp *op = &r->w->op[from];
    if (op->reader < 0) op->reader = by;
    else if (op->reader != by) op->several = true;
    return true;
}

uint64_t alike_bytes(const AlikeWork *w, const Value *v)
{
    const uint64_t all = type_bytes(v->type);
    return w->options->engine && v->type->dtype == DT_FP32 ? all / 2 : all;
}

static uint64_t alike_bytes_of(const AlikeWork *w, const Op *op)
{
    uint64_t bytes = 0;
    for (int k = 0; k < op->nout; k++) bytes += alike_bytes(w, op->out[k]);
    return bytes;
}

/* The ops of a layer are computed again in its backward part until what is kept fits. */
static void alike_remember(AlikeWork *w, AlikeCut *out)
{
    for (int i = 0; i < w->n; i++) w->op[i].reader = -1;
    for (int i = 0; i < w->n; i++) {
        AlikeReach r = { w, i };
        if (!w->op[i].fixed) alike_uses(w->op[i].op, alike_note_reader, &r);
    }
    for (int i = 0; i < w->n; i++)
        if (w->op[i].reader >= 0) out->kept += alike_bytes_of(w, w->op[i].op);
    for (int g = 0; g < w->ngroup; g++) {
        AlikeGroup *back = &w->group[w->ngroup - 1 - g];
        const int forward = back->layer ? w->run[back->run].forward : -1;
        const AlikeGroup *of = forward < 0 ? NULL : alike_find(w, forward, 0);
        if (of) back->of = (int)(of - w->group);
        if (!of || !w->options->memory || out->kept <= w->options->memory) continue;
        back->again = (int)(of - w->group);
        for (int i = 0; i < w->n; i++)
            if (w->op[i].group == back->again && !w->op[i].several && !w->op[i].drawn
                && w->op[i].reader == (int)(back - w->group))
                out->kept -= alike_bytes_of(w, w->op[i].op);
    }
}

/* ---- the cut ----------------------------------------------------------------------------- */

static void alike_release(void *ctx)
{
    AlikeWork *w = ctx;
    ptrmap_free(&w->place);
    ptrmap_free(&w->input);
    ptrmap_free(&w->number);
    arena_free(&w->arena);
}

void func_cut_alike(const Func *f, const AlikeOptions *o, Arena *arena, AlikeCut *out,
                    Diag *d)
{
    GuardTask lost;
    AlikeWork w = { .func = f, .options = o };
    *out = (AlikeCut){ 0 };
    guard_task(&lost, alike_release, &w);
    if (alike_list(&w)) {
        alike_runs(&w);
        alike_pair(&w);
        alike_join_between(&w);
        if (o->engine) alike_place_all(&w);
        alike_group(&w);
        if (alike_in_order(&w)) {
            alike_remember(&w, out);
            alike_form(&w, arena, out, d);
        }
    }
    guard_task_end(&lost);
    alike_release(&w);
}
