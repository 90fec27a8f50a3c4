/* alike_form.c -- finds parts of a function that are alike, and makes a program for each kind.
 *
 * Each part is written as a text in which its values have numbers, in the order of their first
 * use; parts with the same text are alike, whatever their values are called. Literals are
 * compared by their elements. */
#include "alike.h"
#include "passes.h"

#include <string.h>

typedef struct {
    AlikeWork *w;
    int group, next;
    Buf text;
    const Const **literal;
    int nliteral, literals;
    const Value **in, **out;
    int nin, ins, nout, outs;
    bool *needed; /* by place: ops of the function that the program has */
} AlikeForm;

/* ---- what a part has --------------------------------------------------------------------- */

/* A comparison of floats is made again where its result is needed: bools are nothing that an
 * engine hands over. */
static bool alike_is_mask(const AlikeOp *op)
{
    const Op *o = op->op;
    bool floats = o->nout == 1 && o->out[0]->type->kind == TY_TENSOR && !op->host
               && o->out[0]->type->dtype == DT_BOOL
               && (ops[o->kind].flags & F_ELEMENTWISE);
    for (int i = 0; floats && i < o->narg; i++)
        for (int k = 0; floats && k < arg_count(&o->arg[i]); k++) {
            const Type *t = o->arg[i].val[k]->type;
            floats = t->kind == TY_TENSOR
                  && (dtype_is_float(t->dtype) || t->dtype == DT_BOOL);
        }
    return floats;
}

/* What takes about as long to compute again as to fetch. */
static bool alike_is_cheap(const Op *op)
{
    return (ops[op->kind].flags & (F_ELEMENTWISE | F_MOVES)) || op->kind == OP_softmax;
}

static bool alike_mark(void *ctx, const Value *v)
{
    AlikeForm *f = ctx;
    const AlikeGroup *group = &f->w->group[f->group];
    const int from = alike_place(f->w, v);
    if (from < 0) return true;
    const AlikeOp *op = &f->w->op[from];
    const bool cheap = f->w->options->cheap && group->of >= 0 && op->group == group->of
                    && alike_is_cheap(op->op);
    if (op->fixed || (group->again >= 0 && op->group == group->again && !op->drawn)
        || (cheap && !op->drawn) || alike_is_mask(op))
        f->needed[from] = true;
    return true;
}

static void alike_close(AlikeForm *f)
{
    f->needed = NEW_ARRAY(&f->w->arena, f->w->n + 1, bool);
    for (int i = f->w->n; i-- > 0;) {
        f->needed[i] = f->needed[i] || f->w->op[i].group == f->group;
        if (f->needed[i]) alike_uses(f->w->op[i].op, alike_mark, f);
    }
}

/* ---- a part as text ---------------------------------------------------------------------- */

static void alike_put_op(AlikeForm *f, const Op *op);

static void alike_put_type(AlikeForm *f, const Type *t)
{
    buf_puts(&f->text, type_text(&f->w->arena, t));
}

static void alike_put_literal(AlikeForm *f, const Const *c)
{
    ARENA_ROOM(&f->w->arena, f->literal, f->nliteral, f->literals);
    f->literal[f->nliteral++] = c;
    buf_putc(&f->text, '#');
    alike_put_type(f, c->type);
}

static void alike_number(AlikeForm *f, const Value *v)
{
    ptrmap_set(&f->w->number, v, (void *)(uintptr_t)++f->next);
}

/* Inputs are numbered, and what is known is written, where they are first used. */
static void alike_put_value(AlikeForm *f, const Value *v)
{
    const int from = alike_place(f->w, v);
    if (!v->def && value_lit(v)) {
        alike_put_literal(f, value_lit(v));
        return;
    }
    if (from >= 0 && f->w->op[from].fixed && !ptrmap_get(&f->w->number, v))
        alike_put_op(f, f->w->op[from].op);
    if (!ptrmap_get(&f->w->number, v)) {
        ARENA_ROOM(&f->w->arena, f->in, f->nin, f->ins);
        f->in[f->nin++] = v;
        buf_putc(&f->text, '<');
        alike_put_type(f, v->type);
        alike_number(f, v);
    }
    buf_printf(&f->text, " %llu",
               (unsigned long long)(uintptr_t)ptrmap_get(&f->w->number, v));
}

static void alike_put_block(AlikeForm *f, const Block *b)
{
    buf_puts(&f->text, " {");
    for (int i = 0; i < b->nparam; i++) {
        alike_put_type(f, b->param[i]->type);
        alike_number(f, b->param[i]);
    }
    for (const Op *op = b->first; op; op = op->next) alike_put_op(f, op);
    buf_puts(&f->text, " ->");
    for (int i = 0; i < b->nresult; i++) alike_put_value(f, b->result[i]);
    buf_putc(&f->text, '}');
}

static void alike_put_op(AlikeForm *f, const Op *op)
{
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    Buf before = f->text; /* what it takes may be written first */
    f->text = (Buf){ 0 };
    buf_printf(&f->text, "%s.%d(", op_name(op), op->opset);
    for (int i = 0; i < op->narg; i++) {
        buf_printf(&f->text, " %s=", arg_name(&op->arg[i]));
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            alike_put_value(f, op->arg[i].val[k]);
    }
    for (int i = 0; i < attrs.count; i++) {
        if (!strcmp(attrs.at[i].name, "name")) continue;
        buf_printf(&f->text, " [%s]", attrs.at[i].name);
        alike_put_literal(f, attrs.at[i].val);
    }
    for (int i = 0; i < op_nblock(op); i++) alike_put_block(f, op_block(op, i));
    buf_puts(&f->text, ") ->");
    for (int i = 0; i < op->nout; i++) {
        buf_putc(&f->text, ' ');
        alike_put_type(f, op->out[i]->type);
        alike_number(f, op->out[i]);
    }
    buf_putc(&f->text, '\n');
    Buf own = f->text;
    f->text = before;
    buf_add(&f->text, own.s, own.len);
    buf_free(&own);
}

/* ---- results ----------------------------------------------------------------------------- */

typedef struct {
    const AlikeWork *w;
    const AlikeForm *by;
    PtrMap *taken;
} AlikeTaken;

static bool alike_note_taken(void *ctx, const Value *v)
{
    const AlikeTaken *t = ctx;
    const int from = alike_place(t->w, v);
    if (from >= 0 && !t->w->op[from].fixed && !t->by->needed[from])
        ptrmap_set(t->taken, v, (void *)(uintptr_t)1);
    return true;
}

/* Values that some part takes from another, and the function's results. */
static void alike_taken(AlikeWork *w, const AlikeForm *form, int n, PtrMap *taken)
{
    for (int g = 0; g < n; g++)
        for (int i = 0; i < w->n; i++) {
            AlikeTaken t = { w, &form[g], taken };
            if (form[g].needed[i]) alike_uses(w->op[i].op, alike_note_taken, &t);
        }
    for (int i = 0; i < w->func->body->nresult; i++)
        ptrmap_set(taken, w->func->body->result[i], (void *)(uintptr_t)1);
}

static void alike_put_results(AlikeForm *f, const PtrMap *taken)
{
    for (int i = 0; i < f->w->n; i++) {
        const AlikeOp *op = &f->w->op[i];
        for (int k = 0; op->group == f->group && k < op->op->nout; k++) {
            const Value *v = op->op->out[k];
            if (!ptrmap_get(taken, v)) continue;
            ARENA_ROOM(&f->w->arena, f->out, f->nout, f->outs);
            f->out[f->nout++] = v;
            buf_puts(&f->text, " >");
            alike_put_value(f, v);
        }
    }
}

static void alike_write(AlikeForm *f, const PtrMap *taken)
{
    ptrmap_clear(&f->w->number);
    for (int i = 0; i < f->w->n; i++)
        if (f->needed[i] && !f->w->op[i].fixed) alike_put_op(f, f->w->op[i].op);
    alike_put_results(f, taken);
}

/* ---- which are alike --------------------------------------------------------------------- */

/* Literals that are computed are looked at: each layer has its own. */
static bool alike_same_literal(const Const *a, const Const *b, Diag *d)
{
    Tensor x, y;
    if (const_equal(a, b)) return true;
    if (a->kind != CONST_MADE || b->kind != CONST_MADE || !type_equal(a->type, b->type))
        return false;
    bool same = const_tensor(a, d, &x);
    if (same && (same = const_tensor(b, d, &y))) {
        same = x.bytes == y.bytes && !memcmp(x.data, y.data, x.bytes);
        tensor_free(&y);
    }
    tensor_free(&x);
    return same;
}

static bool alike_equal(const AlikeForm *a, const AlikeForm *b, Diag *d)
{
    const AlikeGroup *group = a->w->group;
    bool same = group[a->group].host == group[b->group].host && a->text.len == b->text.len
             && a->nliteral == b->nliteral && !memcmp(a->text.s, b->text.s, a->text.len);
    for (int i = 0; same && i < a->nliteral; i++)
        same = alike_same_literal(a->literal[i], b->literal[i], d);
    return same;
}

/* By part the first that it is alike with. */
static AlikeForm *alike_compare(AlikeWork *w, int *first, Diag *d)
{
    PtrMap taken = { 0 };
    AlikeForm *form = NEW_ARRAY(&w->arena, w->ngroup + 1, AlikeForm);
    for (int g = 0; g < w->ngroup; g++) {
        form[g] = (AlikeForm){ .w = w, .group = g };
        alike_close(&form[g]);
    }
    alike_taken(w, form, w->ngroup, &taken);
    for (int g = 0; g < w->ngroup; g++) {
        alike_write(&form[g], &taken);
        first[g] = g;
        for (int k = 0; k < g && first[g] == g; k++)
            if (first[k] == k && alike_equal(&form[k], &form[g], d)) first[g] = k;
    }
    ptrmap_free(&taken);
    return form;
}

static bool alike_alone(const AlikeWork *w, const int *first, int g)
{
    for (int k = 0; k < w->ngroup; k++)
        if (k != g && first[k] == first[g]) return false;
    return true;
}

/* "blocks" of "blocks.3" */
static bool alike_same_list(const char *a, const char *b)
{
    const char *x = strrchr(a, '.'), *y = strrchr(b, '.');
    return x && y && x - a == y - b && !strncmp(a, b, (size_t)(x - a));
}

/* One of a list whose layers are programs stays one: what it would be joined with may be
 * nothing for an engine. */
static bool alike_of_programs(const AlikeWork *w, const int *first, const char *layer)
{
    bool any = false;
    for (int k = 0; layer && k < w->ngroup && !any; k++)
        any = w->group[k].layer && alike_same_list(layer, w->group[k].layer)
           && !alike_alone(w, first, k);
    return any;
}

/* Neighbours that are like no other are one part. True: some were. */
static bool alike_merge(AlikeWork *w, const int *first)
{
    int n = 0, *to = NEW_ARRAY(&w->arena, w->ngroup + 1, int);
    AlikeGroup *kept = NEW_ARRAY(&w->arena, w->ngroup + 1, AlikeGroup);
    bool may = false; /* join the part before */
    for (int g = 0; g < w->ngroup; g++) {
        const AlikeGroup *group = &w->group[g];
        const bool alone = alike_alone(w, first, g) && group->again < 0
                        && !alike_of_programs(w, first, group->layer);
        const bool joins = may && alone && kept[n - 1].host == group->host;
        if (!joins) kept[n++] = *group;
        else kept[n - 1].layer = NULL;
        to[g] = n - 1;
        may = alone;
    }
    const bool any = n < w->ngroup;
    for (int g = 0; g < n; g++) {
        if (kept[g].again >= 0) kept[g].again = to[kept[g].again];
        if (kept[g].of >= 0) kept[g].of = to[kept[g].of];
    }
    for (int i = 0; i < w->n; i++)
        if (w->op[i].group >= 0) w->op[i].group = to[w->op[i].group];
    w->group = kept;
    w->ngroup = n;
    return any;
}

/* ---- programs ---------------------------------------------------------------------------- */

/* In a copy of the function: other ops go, and what came from them comes in. */
static void alike_reduce(const AlikeForm *f, Func *to, Op **copy)
{
    const AlikeWork *w = f->w;
    GuardTask lost;
    func_walk_begin(to, &lost);
    func_drop_results(to, 0);
    for (int i = 0; i < f->nout; i++) {
        const int from = alike_place(w, f->out[i]);
        block_result(to->body, copy[from]->out[f->out[i]->index]);
    }
    for (int i = 0; i < f->nin; i++) {
        const int from = alike_place(w, f->in[i]);
        if (from < 0) continue; /* an input of the function */
        Value *v = copy[from]->out[f->in[i]->index];
        func_replace_uses(to, v, block_param(to->body, v->name, v->type, value_loc(v)));
    }
    func_walk_end(to, &lost);
    for (int i = w->n; i-- > 0;) {
        copy[i]->keep = false;
        if (!f->needed[i]) op_unlink(copy[i]);
    }
}

static Module *alike_make(const AlikeForm *f, Diag *d)
{
    const AlikeWork *w = f->w;
    Module *m = func_extract(w->func);
    const PassOptions dead = { .target = &targets[TARGET_host], .only = "dce" };
    Func *to = module_main(m);
    Op **copy = NEW_ARRAY(&m->arena, w->n + 1, Op *);
    int n = 0;
    to->attrs.count = 0; /* of inputs that it may not have */
    for (Op *op = to->body->first; op; op = op->next) copy[n++] = op;
    alike_reduce(f, to, copy);
    passes_run(m, &dead, d);
    n = 0;
    for (int i = 0; i < to->body->nparam; i++)
        if (func_count_uses(to, to->body->param[i]))
            to->body->param[n++] = to->body->param[i];
    to->body->nparam = n;
    module_verify(m, d, "alike");
    return m;
}

static AlikePort *alike_ports(Arena *a, const Value *const *port,
                              const Value *const *value, int n)
{
    AlikePort *out = NEW_ARRAY(a, n + 1, AlikePort);
    for (int i = 0; i < n; i++)
        out[i] = (AlikePort){ arena_strdup(a, port[i]->name),
                              arena_strdup(a, value[i]->name) };
    return out;
}

static void alike_tell(const AlikeWork *w, const AlikeForm *form, const int *first,
                       Arena *a, AlikeCut *out, Diag *d)
{
    int *number = NEW_ARRAY(a, w->ngroup + 1, int);
    PtrMap read = { 0 };
    out->kept = 0;
    for (int g = 0; g < w->ngroup; g++)
        for (int i = 0; i < form[g].nin; i++)
            if (!ptrmap_set(&read, form[g].in[i], (void *)(uintptr_t)1)
                && form[g].in[i]->def)
                out->kept += alike_bytes(w, form[g].in[i]);
    ptrmap_free(&read);
    out->program = NEW_ARRAY(a, w->ngroup + 1, Module *);
    out->part = NEW_ARRAY(a, w->ngroup + 1, AlikePart);
    for (int g = 0; g < w->ngroup; g++) {
        const AlikeForm *f = &form[g], *of = &form[first[g]];
        const char *layer = w->group[g].layer;
        if (first[g] == g) {
            number[g] = out->nprogram;
            out->program[out->nprogram++] = alike_make(f, d);
        }
        out->part[out->npart++] =
            (AlikePart){ .program = number[first[g]],
                         .layer = layer ? arena_strdup(a, layer) : NULL,
                         .host = w->group[g].host,
                         .again = w->group[g].again >= 0,
                         .in = alike_ports(a, of->in, f->in, f->nin),
                         .out = alike_ports(a, of->out, f->out, f->nout),
                         .nin = f->nin,
                         .nout = f->nout };
    }
}

static void alike_forget(AlikeForm *form, int n)
{
    for (int g = 0; g < n; g++) buf_free(&form[g].text);
}

void alike_form(AlikeWork *w, Arena *arena, AlikeCut *out, Diag *d)
{
    bool several = false, host = false, engine = false;
    int *first = NEW_ARRAY(&w->arena, w->ngroup + 1, int);
    AlikeForm *form = alike_compare(w, first, d);
    for (int n = w->ngroup; alike_merge(w, first); n = w->ngroup) {
        alike_forget(form, n);
        form = alike_compare(w, first, d);
    }
    for (int g = 0; g < w->ngroup; g++) {
        several = several || first[g] != g;
        host = host || w->group[g].host;
        engine = engine || !w->group[g].host;
    }
    if (several || (host && engine)) alike_tell(w, form, first, arena, out, d);
    alike_forget(form, w->ngroup);
}
