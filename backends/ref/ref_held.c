/* ref_held.c -- the values of a program of `ref` while it runs: slots, decoded weights,
 * results of blocks. */
#include "ref_run.h"

enum {
    SPARE_ONE = 16 << 10, /* the largest result whose memory stays for the next run */
    SPARE_ALL = 4 << 20   /* and what of it stays together */
};

/* ---- slots ------------------------------------------------------------------------------- */

void ref_release(Ref *r, Held *h)
{
    if (h->mine && !h->set) r->spare -= h->t.bytes;
    if (h->mine) tensor_free(&h->t);
    *h = (Held){ 0 };
}

/* The value goes; small memory stays for what the op results in next. Another's kernels
 * (CallHook) allocate for themselves. */
void ref_drop(Ref *r, Held *h)
{
    const size_t bytes = h->t.bytes;
    if (!h->set || !h->mine || !h->t.owned || h->t.is_list || r->hook.run
        || bytes > SPARE_ONE || r->spare + bytes > SPARE_ALL) {
        if (h->set) ref_release(r, h);
        return;
    }
    h->set = false;
    r->spare += bytes;
}

/* That memory, or nothing. */
Tensor ref_spare(Ref *r, Held *h)
{
    Tensor t = { 0 };
    if (h->set || !h->mine) return t;
    r->spare -= h->t.bytes;
    t = h->t;
    *h = (Held){ 0 };
    return t;
}

/* Frees what slots [first, end) hold, but for what is constant. */
void ref_drop_range(Ref *r, int first, int end)
{
    for (int i = first; i < end; i++)
        if (!r->plan.slot[i].lit && !r->plan.slot[i].constant) ref_drop(r, &r->held[i]);
}

static bool load_group(Diag *d, const Const *c, Tensor *out)
{
    if (c->type->kind != TY_LIST)
        return diag_error(d, c->loc, "a value of this kind cannot be computed with");
    *out = (Tensor){ .is_list = true };
    out->item = mem_zero((size_t)c->nelem + 1, sizeof *out->item);
    if (!out->item)
        return diag_fail(d, "no memory for a list of %lld", (long long)c->nelem);
    for (; out->nitem < c->nelem; out->nitem++) {
        Tensor view = { 0 }, *item = mem_zero(1, sizeof *item);
        const Const *e = c->elem[out->nitem];
        if (!item) mem_out(sizeof *item);
        bool ok = e->kind != CONST_GROUP && const_tensor(e, d, &view)
               && tensor_copy(item, d, &view);
        tensor_free(&view);
        if (!ok) {
            mem_free(item);
            tensor_free(out);
            return diag_ok(d) ? diag_error(d, c->loc, "this list cannot be computed with")
                              : false;
        }
        out->item[out->nitem] = item;
    }
    return true;
}

static bool ref_decode(RefRun *run, const Step *s);

/* The value of a slot; literals are loaded when they are first asked for, weights decoded. */
const Tensor *ref_value(RefRun *run, int slot)
{
    Held *h = &run->ref->held[slot];
    const SlotInfo *s = &run->ref->plan.slot[slot];
    if (h->set) return &h->t;
    if (s->decoder) return ref_decode(run, s->decoder) ? &h->t : NULL;
    if (!s->lit)
        bug("%s has no value", s->value->name ? s->value->name : "(an inline value)");
    bool ok = s->lit->kind == CONST_GROUP ? load_group(run->diag, s->lit, &h->t)
                                          : const_tensor(s->lit, run->diag, &h->t);
    if (!ok) {
        if (s->value->name)
            diag_note(run->diag, value_loc(s->value), "it is the value of %s",
                      s->value->name);
        return NULL;
    }
    h->set = true;
    h->mine = h->t.owned || h->t.is_list;
    return &h->t;
}

/* ---- decoded weights ---------------------------------------------------------------------
 *
 * What a constexpr op results in lives while a step reads it, and longer where it may
 * stay (cpu.h says how much may): so memory stays near the size of the compressed weights.
 * Those that came first stay. Evicting the oldest would decode every weight in every run, since
 * each run asks for all in the same order. */

void ref_let_go(Ref *r, const Step *s)
{
    if (s->decoded->pins || s->decoded->kept) return;
    for (int i = 0; i < s->op->nout; i++) ref_release(r, &r->held[s->out[i]]);
    r->decoded.now -= s->decoded->bytes;
    s->decoded->bytes = 0;
}

/* by 1 before a step reads its arguments, -1 after it. */
void ref_pin(Ref *r, const Step *s, int by)
{
    for (int i = 0; i < s->narg; i++)
        for (int k = 0; k < s->arg[i].n; k++) {
            const Step *from = r->plan.slot[s->arg[i].slot[k]].decoder;
            if (!from) continue;
            from->decoded->pins += by;
            ref_let_go(r, from);
        }
}

static bool ref_decode(RefRun *run, const Step *s)
{
    Ref *r = run->ref;
    if (run->opt->begin) run->opt->begin(run->opt->ctx, s->op);
    run->decoding++;
    ref_pin(r, s, 1);
    bool ok = ref_call(run, s);
    ref_pin(r, s, -1);
    run->decoding--;
    if (run->opt->end)
        run->opt->end(run->opt->ctx, s->op, ok ? &r->held[s->out[0]].t : NULL);
    for (int i = 0; ok && i < s->op->nout; i++)
        s->decoded->bytes += r->held[s->out[i]].t.bytes;
    DecodedBytes *d = &r->decoded;
    d->now += s->decoded->bytes;
    if (d->peak < d->now) d->peak = d->now;
    s->decoded->kept = ok && !run->decoding && s->decoded->bytes <= d->keep - d->kept;
    if (s->decoded->kept) d->kept += s->decoded->bytes;
    return ok;
}

/* Whoever watches values sees each weight once, at its place. */
bool ref_show_decoded(RefRun *run, const Step *s)
{
    bool ok = true;
    if (!run->opt->each || s->decoded->shown) return true;
    s->decoded->shown = true;
    for (int i = 0; ok && i < s->op->nout; i++) {
        const Tensor *t = ref_value(run, s->out[i]);
        ok = t && run->opt->each(run->opt->ctx, s->op->out[i], t);
    }
    ref_let_go(run->ref, s);
    return ok;
}

/* ---- results of blocks ------------------------------------------------------------------- */

/* Results of a block outlive its slots: moved out where this is the last mention, else
 * copied. */
bool ref_take_result(RefRun *run, const Steps *b, int i, Tensor *out)
{
    int slot = b->result[i];
    const SlotInfo *s = &run->ref->plan.slot[slot];
    Held *h = &run->ref->held[slot];
    bool move = h->set && h->mine && s->owner == b && !s->lit && !s->constant;
    for (int k = i + 1; k < b->block->nresult; k++) move = move && b->result[k] != slot;
    if (move) {
        *out = h->t;
        *h = (Held){ 0 };
        return true;
    }
    const Tensor *t = ref_value(run, slot);
    const bool ok = t && tensor_copy(out, run->diag, t);
    if (s->decoder) ref_let_go(run->ref, s->decoder);
    return ok;
}
