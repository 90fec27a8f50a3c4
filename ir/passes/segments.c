/* segments.c -- cuts a function into several that run one after the other: one that is too deep
 * for a target (rule deep-program), or where the caller says (place.c).
 *
 * A good place for a cut is one where few bytes go over: between the layers of a model that
 * is one tensor. A value that goes over becomes a result of one part and an input, of the
 * same name, of later parts; constants are copied into each part that uses them. */
#include "../ops/ops.h"
#include "passes.h"

typedef struct {
    const Func *func;
    const RuleSet *rules;
    Arena arena;
    const Op **op; /* by place */
    int n;
    PtrMap place;  /* of an op, plus 1 */
    PtrMap last;   /* of a value that is computed: behind its last use, plus 1 */
    double *bytes; /* by place: of what goes over it */
    int *odd;      /* by place: values that no engine hands over */
} SegmentCut;

/* ---- what goes over each place ----------------------------------------------------------- */

static int place_of(const SegmentCut *c, const Op *op)
{
    while (op->parent != c->func->body) op = op->parent->owner;
    return (int)((uintptr_t)ptrmap_get(&c->place, op) - 1);
}

static void segments_use(SegmentCut *c, const Value *v, int before)
{
    if (!v->def || v->def->parent != c->func->body || op_is_fixed(v->def)) return;
    const uintptr_t was = (uintptr_t)ptrmap_get(&c->last, v);
    if (was < (uintptr_t)before + 1)
        ptrmap_set(&c->last, v, (void *)((uintptr_t)before + 1));
}

static bool note_uses(void *ctx, const Op *op)
{
    SegmentCut *c = ctx;
    const int at = place_of(c, op);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            segments_use(c, op->arg[i].val[k], at);
    for (int i = 0; i < op_nblock(op); i++)
        for (int k = 0; k < op_block(op, i)->nresult; k++)
            segments_use(c, op_block(op, i)->result[k], at);
    return true;
}

/* The last place that v goes over; -1: none. */
static int last_of(const SegmentCut *c, const Value *v)
{
    return (int)((uintptr_t)ptrmap_get(&c->last, v) - 1);
}

/* False: as an input it would be refused. */
static bool can_cross(const SegmentCut *c, const Value *v)
{
    const Type *t = v->type;
    if (t->kind != TY_TENSOR || !shape_known(&t->shape)) return false;
    return t->dtype == DT_FP16
        || (t->dtype == DT_FP32 && !rule_holds(c->rules, RULE_io_fp32));
}

static void segments_weigh(SegmentCut *c)
{
    c->bytes = NEW_ARRAY(&c->arena, c->n + 1, double);
    c->odd = NEW_ARRAY(&c->arena, c->n + 1, int);
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->op[i]->nout; k++) {
            const Value *v = c->op[i]->out[k];
            const int last = last_of(c, v);
            if (last <= i) continue;
            const bool ok = can_cross(c, v);
            const double bytes = ok ? (double)type_bytes(v->type) : 0;
            c->bytes[i + 1] += bytes;
            c->odd[i + 1] += !ok;
            if (last == c->n) continue;
            c->bytes[last + 1] -= bytes;
            c->odd[last + 1] -= !ok;
        }
    for (int i = 1; i <= c->n; i++) {
        c->bytes[i] += c->bytes[i - 1];
        c->odd[i] += c->odd[i - 1];
    }
}

static void cut_open(SegmentCut *c)
{
    const Block *b = c->func->body;
    for (const Op *op = b->first; op; op = op->next) c->n++;
    c->op = NEW_ARRAY(&c->arena, c->n + 1, const Op *);
    int i = 0;
    for (const Op *op = b->first; op; op = op->next) {
        c->op[i++] = op;
        ptrmap_set(&c->place, op, (void *)(uintptr_t)i);
    }
    func_read(c->func, note_uses, c);
    for (int k = 0; k < b->nresult; k++) segments_use(c, b->result[k], c->n);
    segments_weigh(c);
}

static void cut_close(SegmentCut *c)
{
    ptrmap_free(&c->place);
    ptrmap_free(&c->last);
    arena_free(&c->arena);
}

/* ---- where ------------------------------------------------------------------------------- */

/* Where the part that begins at `from` ends: at the lightest of the places behind half of the
 * layers that it may have, the last of those that are as light. c->n: nothing is left; -1:
 * there is no such place. */
static int end_of(const SegmentCut *c, int from, int64_t most)
{
    Layers l = { .most = 0 };
    int end = -1, i = from;
    for (; i < c->n; i++) {
        layers_count(&l, c->op[i]);
        if ((int64_t)l.most > most) break;
        const int at = i + 1;
        if ((int64_t)l.most * 2 < most || c->odd[at]) continue;
        if (end < 0 || c->bytes[at] <= c->bytes[end]) end = at;
    }
    layers_free(&l);
    return i == c->n ? c->n : end;
}

/* ---- parts ------------------------------------------------------------------------------- */

typedef struct {
    const SegmentCut *cut;
    Module *m;
    Func *func;
    Op **op; /* by place, as in the whole */
    int from, to;
} SegmentPart;

/* Its results: what others read, or the caller. */
static void give_results(SegmentPart *p)
{
    func_drop_results(p->func, 0);
    for (int i = p->from; i < p->to; i++)
        for (int k = 0; k < p->op[i]->nout; k++) {
            const int last = last_of(p->cut, p->cut->op[i]->out[k]);
            if (last >= p->to) block_result(p->func->body, p->op[i]->out[k]);
        }
}

/* What comes from parts before is an input of the same name. */
static void take_inputs(SegmentPart *p)
{
    for (int i = 0; i < p->from; i++)
        for (int k = 0; k < p->op[i]->nout; k++) {
            Value *v = p->op[i]->out[k];
            if (last_of(p->cut, p->cut->op[i]->out[k]) < p->from) continue;
            func_replace_uses(p->func, v,
                              block_param(p->func->body, v->name, v->type, value_loc(v)));
        }
}

static void drop_others(SegmentPart *p)
{
    for (int i = p->cut->n; i-- > 0;) {
        p->op[i]->keep = false;
        if ((i < p->from || i >= p->to) && !op_is_fixed(p->op[i])) op_unlink(p->op[i]);
    }
}

static void drop_unused(SegmentPart *p)
{
    Block *b = p->func->body;
    int n = 0;
    for (int i = 0; i < b->nparam; i++)
        if (func_count_uses(p->func, b->param[i])) b->param[n++] = b->param[i];
    b->nparam = n;
}

static Module *make_part(const SegmentCut *c, int from, int to, Diag *d)
{
    SegmentPart p = { .cut = c, .from = from, .to = to, .m = func_extract(c->func) };
    const PassOptions dead = { .target = &targets[TARGET_host], .only = "dce" };
    p.func = module_main(p.m);
    p.func->attrs.count = 0; /* of inputs that it may not have */
    p.op = NEW_ARRAY(&p.m->arena, c->n + 1, Op *);
    int i = 0;
    for (Op *op = p.func->body->first; op; op = op->next) p.op[i++] = op;
    give_results(&p);
    take_inputs(&p);
    drop_others(&p);
    passes_run(p.m, &dead, d);
    drop_unused(&p);
    module_verify(p.m, d, "cut");
    return p.m;
}

/* A result that no op of any part makes has no part to come from. */
static bool results_are_computed(const Func *f)
{
    for (int i = 0; i < f->body->nresult; i++) {
        const Value *v = f->body->result[i];
        if (!v->def || op_is_fixed(v->def)) return false;
    }
    return true;
}

bool func_is_deep(const Func *f, const RuleSet *rs)
{
    const int64_t most = rule_limit(rs, LIMIT_layers);
    return rule_holds(rs, RULE_deep_program) && most > 0 && func_layers(f) > most;
}

static void make_parts(const SegmentCut *c, int n, const int *end, Arena *a,
                       Module ***out, Diag *d)
{
    *out = NEW_ARRAY(a, n + 1, Module *);
    for (int i = 0; i < n; i++) (*out)[i] = make_part(c, i ? end[i - 1] : 0, end[i], d);
}

int func_cut(const Func *f, const RuleSet *rs, Arena *a, Module ***out, Diag *d)
{
    SegmentCut c = { .func = f, .rules = rs };
    int n = 0, *end;
    if (!func_is_deep(f, rs) || !results_are_computed(f)) return 0;
    cut_open(&c);
    end = NEW_ARRAY(&c.arena, c.n + 1, int);
    for (int at = 0; at >= 0 && at < c.n;)
        at = end[n++] = end_of(&c, at, rule_limit(rs, LIMIT_layers));
    if (end[n - 1] < 0) n = 0;
    make_parts(&c, n, end, a, out, d);
    cut_close(&c);
    return n;
}

bool func_cut_places(const Func *f, const RuleSet *rs, Arena *a, CutPlaces *out)
{
    SegmentCut c = { .func = f, .rules = rs };
    if (!results_are_computed(f)) return false;
    cut_open(&c);
    *out = (CutPlaces){ .n = c.n };
    out->open = NEW_ARRAY(a, c.n + 1, bool);
    out->bytes = NEW_ARRAY(a, c.n + 1, double);
    for (int i = 0; i <= c.n; i++) {
        out->open[i] = !c.odd[i];
        out->bytes[i] = c.bytes[i];
    }
    cut_close(&c);
    return true;
}

Module **func_cut_at(const Func *f, const RuleSet *rs, int n, const int *end, Arena *a,
                     Diag *d)
{
    SegmentCut c = { .func = f, .rules = rs };
    Module **part;
    cut_open(&c);
    make_parts(&c, n, end, a, &part, d);
    cut_close(&c);
    return part;
}
