/* compress.c -- the pass `compress`: finds the weights to compress, and encodes each. */
#include "compress_part.h"
#include "legal.h"

#include <math.h>
#include <string.h>

/* What was encoded before: equal weights of a program are encoded once. */
typedef struct Done {
    struct Done *next;
    uint64_t hash;
    const Const *from;
    Compression as;
    int channel, input;
    Encoder encoder;
} Done;

/* Who uses a weight first, and whether it is a part of a compressed one. */
typedef struct {
    const Op *op;
    ParamId param;
    bool decoded;
} Use;

typedef struct {
    Module *m;
    const PassOptions *options;
    CompressPlan *plan;
    Diag *diag;
    Func *func;
    ValueTable use;
    Done *done;
    Arena scratch;
    const char **name; /* of all weights, for a rule that takes none */
    size_t nname, name_cap;
    const Op **gone; /* what decoded weights that are compressed again, and its parts */
    size_t ngone, gone_cap;
    const char **why; /* of forms that were not had, each said once */
    size_t nwhy, why_cap;
    int changes;
    bool refused; /* the opset has no form at all, which was said */
} Compressing;

/* ---- which ------------------------------------------------------------------------------- */

static bool compress_note_use(void *ctx, Op *op)
{
    Compressing *c = ctx;
    const bool decodes = op_decodes(op);
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) {
            const Value *v = op->arg[i].val[k];
            if (!v->id || !v->def) continue;
            Use *u = values_get(&c->use, v);
            if (!u) {
                u = NEW(&c->scratch, Use);
                *u = (Use){ .op = op, .param = (ParamId)op->arg[i].param };
                values_set(&c->use, v, u);
            }
            u->decoded = u->decoded || decodes;
        }
    return true;
}

/* A float weight, or what decodes one and is no part of another. */
static bool is_weight(Compressing *c, const Op *op)
{
    size_t n;
    const Value *v = op->nout ? op->out[0] : NULL;
    if (!v || (op->kind != OP_const && !op_decodes(op)) || op->nout != 1) return false;
    const Use *u = values_get(&c->use, v);
    if (is_result(v) || (u && u->decoded) || v->type->kind != TY_TENSOR) return false;
    return (v->type->dtype == DT_FP16 || v->type->dtype == DT_FP32) && v->type->shape.rank
        && v->type->shape.rank <= MAX_RANK - 2 && shape_count(&v->type->shape, &n) && n;
}

/* The axis of what each of a weight's numbers is summed into, and that of what is summed. */
static void compress_axes(const Use *u, int rank, Encoder *e)
{
    bool turned = false;
    e->channel = 0;
    e->input = rank > 1 ? 1 : -1;
    if (!u || rank < 2) return;
    if (u->op->kind == OP_conv_transpose) turned = true;
    if (u->op->kind == OP_matmul && (u->param == P_x || u->param == P_y)) {
        const ParamId flag = u->param == P_y ? P_transpose_y : P_transpose_x;
        const Value *v = op_value(u->op, flag);
        bool transposed = false;
        if (v) value_bool(v, &transposed);
        turned = (u->param == P_y) != transposed;
        e->channel = rank - 2;
        e->input = rank - 1;
    }
    if (!turned) return;
    const int other = e->channel;
    e->channel = e->input;
    e->input = other;
}

static void compress_told_axis(const Compression *as, int rank, Encoder *e)
{
    if (!compression_says(as, TOLD_axis)) return;
    int axis = (int)as->told[TOLD_axis];
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) {
        e->why = arena_printf(&e->m->arena, "there is no axis %d",
                              (int)as->told[TOLD_axis]);
        return;
    }
    if (axis == e->input) e->input = e->channel;
    e->channel = axis;
}

/* ---- one --------------------------------------------------------------------------------- */

static CompressNote *compress_put_note(Compressing *c, const Value *v)
{
    CompressPlan *p = c->plan;
    size_t n = 0;
    ARENA_ROOM(&c->m->arena, p->note, p->nnote, p->cap);
    CompressNote *note = &p->note[p->nnote++];
    shape_count(&v->type->shape, &n);
    *note = (CompressNote){ .func = c->func->name,
                            .name = v->name,
                            .type = v->type,
                            .elements = (double)n,
                            .before = (double)type_bytes(v->type) };
    const NamedWeight *w = value_lit(v) ? const_weight(c->m, value_lit(v)) : NULL;
    note->path = w ? w->path : v->name;
    note->after = note->before;
    return note;
}

static double coded_bytes(const Coded *c)
{
    const Const *part[] = { c->data, c->mask, c->table, c->scale, c->offset };
    double bytes = 0;
    for (size_t i = 0; i < COUNT(part); i++)
        if (part[i]) bytes += (double)type_bytes(part[i]->type);
    return bytes;
}

static bool compression_same(const Compression *a, const Compression *b)
{
    return a->kind == b->kind && a->values == b->values && a->given == b->given
        && !memcmp(a->told, b->told, sizeof a->told);
}

static Done *compress_find(Compressing *c, const Encoder *e, uint64_t hash)
{
    for (Done *d = c->done; d; d = d->next)
        if (d->hash == hash && d->channel == e->channel && d->input == e->input
            && compression_same(&d->as, e->as) && const_equal(d->from, e->from))
            return d;
    return NULL;
}

static Done *compress_keep(Compressing *c, const Encoder *e, uint64_t hash)
{
    Done *d = NEW(&c->m->arena, Done);
    *d = (Done){ .next = c->done,
                 .hash = hash,
                 .from = e->from,
                 .as = *e->as,
                 .channel = e->channel,
                 .input = e->input,
                 .encoder = *e };
    d->encoder.as = &d->as;
    c->done = d;
    return d;
}

static const Const *made_for_compress(void *ctx, const Value *v)
{
    (void)ctx, (void)v;
    return NULL;
}

static const Const *compress_source(Compressing *c, const Value *v)
{
    if (value_lit(v)) return value_lit(v);
    return value_at_hand(v) ? const_made(c->m, v->def, v->index, made_for_compress, NULL)
                            : NULL;
}

static void compress_measure(Compressing *c, const Value *v, const Const *from,
                             CompressNote *n)
{
    Tensor t;
    double raw[1024], was[1024], is[1024], sum = 0, all = 0;
    if (!value_tensor(v, c->diag, &t)) return;
    for (size_t i = 0; i < t.count; i += COUNT(raw)) {
        const size_t k = t.count - i < COUNT(raw) ? t.count - i : COUNT(raw);
        const Shape run = SHAPE((int64_t)k);
        const Tensor part = tensor_view(t.dtype, &run, raw);
        if (!const_read(from, c->diag, i, k, raw)) break;
        tensor_get_floats(&part, 0, k, was);
        tensor_get_floats(&t, i, k, is);
        for (size_t j = 0; j < k; j++) {
            const double off = fabs(is[j] - was[j]);
            if (off > n->max_error) n->max_error = off;
            sum += off * off;
            all += was[j] * was[j];
        }
    }
    n->rms_error = sqrt(sum / (double)t.count);
    n->rms = sqrt(all / (double)t.count);
    tensor_free(&t);
}

static const char *compress_joined(Arena *a, const char *one, const char *two)
{
    return one && two ? arena_printf(a, "%s; %s", one, two) : one ? one : two;
}

static void compress_note_gone(Compressing *c, const Op *op)
{
    ARENA_ROOM(&c->scratch, c->gone, c->ngone, c->gone_cap);
    c->gone[c->ngone++] = op;
}

/* Of the first weight of all that go another way for the same reason. */
static void compress_say(Compressing *c, const Op *op, const CompressNote *note)
{
    for (size_t i = 0; i < c->nwhy; i++)
        if (!strcmp(c->why[i], note->why)) return;
    ARENA_ROOM(&c->scratch, c->why, c->nwhy, c->why_cap);
    c->why[c->nwhy++] = note->why;
    diag_warn(c->diag, WARN_COMPRESS, op_loc(op), "the weight %s becomes %s: %s",
              note->path, note->as, note->why);
}

static bool compress_one(Compressing *c, Op *op, const Compression *as, const char *why,
                         bool chosen)
{
    Value *v = op->out[0];
    CompressNote *note = compress_put_note(c, v);
    Encoder e = { .m = c->m, .diag = c->diag, .name = v->name, .as = as };
    e.from = compress_source(c, v);
    if (!e.from || !const_at_hand(e.from)) {
        note->why = "its bytes are not at hand";
        diag_warn(c->diag, WARN_COMPRESS, op_loc(op), "the weight %s stays as it is: %s",
                  v->name, note->why);
        return true;
    }
    compress_axes(values_get(&c->use, v), v->type->shape.rank, &e);
    compress_told_axis(as, v->type->shape.rank, &e);
    const uint64_t hash = const_hash(e.from);
    Done *done = compress_find(c, &e, hash);
    note->shared = done != NULL;
    if (!done && !compress_encode(&e)) return false;
    if (!done) done = compress_keep(c, &e, hash);
    Value *made = compress_form(c->m, op, v, &done->encoder, c->diag);
    made->def->keep = op->keep;
    note->as = compression_text(&c->m->arena, as);
    note->why = compress_joined(&c->m->arena, why, done->encoder.why);
    note->after = coded_bytes(&done->encoder.to);
    if (note->after > note->before)
        note->why = compress_joined(&c->m->arena, note->why, "that takes more room");
    if (note->why && !chosen) compress_say(c, op, note);
    if (c->plan->measures) compress_measure(c, made, e.from, note);
    legal_replace(op, made);
    if (op_decodes(op)) compress_note_gone(c, op);
    c->changes++;
    return true;
}

/* ---- all --------------------------------------------------------------------------------- */

static const Compression *compress_wish(Compressing *c, const Op *op)
{
    const Value *v = op->out[0];
    const NamedWeight *w = value_lit(v) ? const_weight(c->m, value_lit(v)) : NULL;
    const Use *u = values_get(&c->use, v);
    CompressSubject s = { .name = v->name,
                          .path = w ? w->path : NULL,
                          .func = c->func->name,
                          .use = u ? u->op : NULL,
                          .rank = v->type->shape.rank };
    shape_count(&v->type->shape, &s.elements);
    ARENA_ROOM(&c->scratch, c->name, c->nname, c->name_cap);
    c->name[c->nname++] = w ? w->path : v->name;
    const Compression *ruled = c->plan->rules ? compress_rules_ask(c->plan->rules, &s)
                                              : NULL;
    const bool again = ruled && compression_says(ruled, TOLD_again);
    if (op_decodes(op)) return again ? ruled : NULL;
    return w && w->as && !again ? w->as : ruled;
}

/* ios15 has none of these ops. */
static bool compress_has_forms(Compressing *c, const Op *op, const Compression *as,
                               Opset o)
{
    const CompressFamilyRow *f = &compress_families[compress_kinds[as->kind].family];
    if (o >= OPSET_IOS16 || c->refused) return o >= OPSET_IOS16;
    c->refused = true;
    return diag_error(
        c->diag, op_loc(op),
        "the weight %s cannot be %s in %s: %s exists from ios16 on; --opset ios16 "
        "has it, and so has every --target",
        op->out[0]->name, compress_kinds[as->kind].name, opset_text(o), ops[f->old].name);
}

static bool compress_visit(void *ctx, Op *op)
{
    Compressing *c = ctx;
    if (!is_weight(c, op)) return true;
    const Compression *wish = compress_wish(c, op);
    if (op_decodes(op) && !wish) {
        CompressNote *note = compress_put_note(c, op->out[0]);
        note->why = "it is compressed already";
        return true;
    }
    if (!wish) return true;
    const char *why;
    const Use *u = values_get(&c->use, op->out[0]);
    const Opset o = op_opset(op);
    const Compression as = compression_for(wish, c->options, o, u ? u->op : NULL,
                                           &c->m->arena, &why);
    if (as.kind == KIND_none) return true;
    if (!compress_has_forms(c, op, &as, o)) return true;
    return compress_one(c, op, &as, why, wish->kind == KIND_auto);
}

static bool compress_mark_used(void *ctx, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (op->arg[i].val[k]->id) value_set_put(ctx, op->arg[i].val[k], true);
    return true;
}

static bool is_loose_part(const ValueSet *used, const Op *part)
{
    if (!part || part->gone || part->keep) return false;
    bool loose = part->kind == OP_const || op_decodes(part);
    for (int i = 0; loose && i < part->nout; i++)
        loose = !value_set_has(used, part->out[i]) && !is_result(part->out[i]);
    return loose;
}

/* What a weight was decoded from goes with it, where nothing else uses it; then its own
 * parts. */
static void compress_drop_parts(Compressing *c)
{
    for (size_t from = 0, to = c->ngone; from < to; from = to, to = c->ngone) {
        ValueSet used = { 0 };
        func_read(c->func, compress_mark_used, &used);
        for (size_t n = from; n < to; n++)
            for (int i = 0; i < c->gone[n]->narg; i++) {
                Op *part = c->gone[n]->arg[i].val[0]->def;
                if (!is_loose_part(&used, part)) continue;
                op_unlink(part);
                compress_note_gone(c, part);
            }
        value_set_free(&used);
    }
    c->ngone = 0;
}

static void compress_func(Compressing *c)
{
    func_walk(c->func, compress_note_use, c);
    func_walk(c->func, compress_visit, c);
    compress_drop_parts(c);
    values_free(&c->use);
    c->use = (ValueTable){ 0 };
}

bool module_compresses(const Module *m)
{
    for (uint32_t i = 1; i < m->nweight; i++)
        if (m->weight[i].as) return true;
    return false;
}

static bool name_weight(void *ctx, Op *op)
{
    Module *m = ctx;
    const Const *c = op->kind == OP_const ? value_lit(op->out[0]) : NULL;
    if (!c || c->type->kind != TY_TENSOR || !dtype_is_float(c->type->dtype) || c->weight
        || !c->type->shape.rank || const_weight(m, c))
        return true;
    Const *named = NEW(&m->arena, Const);
    *named = *c;
    named->weight = module_name_weight(m, op->out[0]->name, NULL);
    value_set_lit(op->out[0], named);
    return true;
}

void compress_name_weights(Module *m)
{
    for (Func *f = m->first; f; f = f->next) func_walk(f, name_weight, m);
}

int pass_compress(Module *m, const PassOptions *o, Diag *d)
{
    CompressPlan declared = { 0 };
    Compressing c = {
        .m = m, .options = o, .plan = o->compress ? o->compress : &declared, .diag = d
    };
    const int errors = diag_wrong(d);
    if (!o->compress && !module_compresses(m)) return 0;
    for (c.func = m->first; c.func; c.func = c.func->next) compress_func(&c);
    if (c.plan->rules) compress_rules_idle(c.plan->rules, d, c.name, c.nname);
    arena_free(&c.scratch);
    return errors == diag_wrong(d) ? c.changes : -1;
}
