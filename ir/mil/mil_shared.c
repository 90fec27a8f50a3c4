/* mil_shared.c -- literals of a text: equal small ones are kept once, and those without a type
 * get the one that the op's row says. */
#include "mil_read.h"
#include "mil_text.h"

#include <string.h>

/* ---- literals that many ops say --------------------------------------------------- */

/* fp16 has all of them, so no warning about their range will show where they stand. */
static bool fits_half(const Const *c)
{
    size_t n;
    if (!shape_count(&c->type->shape, &n)) return false;
    const Tensor t = tensor_view(c->type->dtype, &c->type->shape, c->near);
    for (size_t i = 0; i < n; i++) {
        const double v = tensor_float(&t, i);
        if (f16_to_double(f16_from_double(v)) != v) return false;
    }
    return true;
}

/* What a few whole numbers, truths, floats or a string say is mostly what was said before: a
 * model has `false` and `1` hundreds of times. */
static bool may_be_shared(const Const *c)
{
    const Type *t = c->type;
    if (c->kind != CONST_DATA || c->data != c->near || t->kind != TY_TENSOR) return false;
    if (t->dtype == DT_STRING) return !t->shape.rank;
    return !dtype_is_float(t->dtype) || fits_half(c);
}

/* Of what is said and nowhere of an address, so that equal runs share equally. */
static uint64_t hash_of_shared(const Const *c)
{
    const char *text = c->type->dtype == DT_STRING ? *(const char *const *)c->data : NULL;
    const uint64_t type = (uint64_t)c->type->dtype << 32 | (uint32_t)c->nelem;
    const uint64_t h = hash_mix(type, text ? 0 : c->near[0]);
    return text ? hash_bytes(h, text, strlen(text)) : hash_mix(h, c->near[1]);
}

static bool is_same(const Const *a, const Const *b)
{
    if (a->type != b->type || a->nelem != b->nelem) return false;
    if (a->type->dtype != DT_STRING) return !memcmp(a->near, b->near, sizeof a->near);
    return !strcmp(*(const char *const *)a->data, *(const char *const *)b->data);
}

/* Where c is among those known, or may stand: slots of one that stands no more than NEAR_BY
 * from where its hash leads are looked at, the last of which is given up for another. */
enum { NEAR_BY = 8, SHARED_FIRST = 64, SHARED_MOST = 1 << 16 };

static MilKnown *slot_of_shared(const MilShared *s, const Const *c)
{
    const size_t at = (size_t)(hash_of_shared(c) >> 32);
    size_t i = 0;
    while (i < NEAR_BY - 1) {
        const MilKnown *k = &s->known[(at + i) & (s->cap - 1)];
        if (!k->lit || is_same(k->lit, c)) break;
        i++;
    }
    return &s->known[(at + i) & (s->cap - 1)];
}

/* Twice the room while there is little: what a text says is kept as far as the table goes, so
 * that it stays small beside a text that never says a thing twice. */
static void grow_shared(MilShared *s)
{
    MilShared more = { .cap = s->cap ? 2 * s->cap : SHARED_FIRST };
    if (s->cap == SHARED_MOST || 2 * s->count < s->cap) return;
    more.known = mem_zero(more.cap, sizeof *more.known);
    if (!more.known) mem_out(more.cap * sizeof *more.known);
    for (size_t i = 0; i < s->cap; i++) {
        if (!s->known[i].lit) continue;
        *slot_of_shared(&more, s->known[i].lit) = s->known[i];
        more.count++;
    }
    mem_free(s->known);
    *s = more;
}

/* What was read before and says the same: then c is gone; else c, in a slot without a value. */
static MilKnown *known_of(MilReader *r, MilShared *s, const Const *c)
{
    grow_shared(s);
    MilKnown *k = slot_of_shared(s, c);
    if (k->lit && is_same(k->lit, c)) arena_back(&r->m->arena, r->lit.mark);
    else {
        s->count += !k->lit;
        *k = (MilKnown){ .lit = c };
    }
    return k;
}

const Const *mil_shared_const(MilReader *r, const Const *c)
{
    return may_be_shared(c) ? known_of(r, &r->shared, c)->lit : c;
}

Value *mil_shared_literal(MilReader *r, const Const *c)
{
    if (!may_be_shared(c)) return value_literal(r->m, c, c->loc);
    MilKnown *k = known_of(r, &r->inlined, c);
    if (!k->val) k->val = value_literal(r->m, c, (Loc){ .src = NULL });
    return k->val;
}

/* ---- literals without a type ------------------------------------------------------------- */

/* The element type that an argument with the same type variable has, or the op's
 * result. */
static DType type_beside(const MilReader *r, const OpInfo *info, const Param *p,
                         DTypes allowed)
{
    for (int i = 0; i < r->narg; i++) {
        const MilArg *a = &r->arg[i];
        const Value *v = a->count ? r->item[a->first].val : NULL;
        char name[64];
        if (!v || v->type->kind != TY_TENSOR || a->name.len >= sizeof name) continue;
        memcpy(name, a->name.s, a->name.len);
        name[a->name.len] = 0;
        const Param *q = op_param(info, name);
        if (q && *p->var && *q->var == *p->var && (allowed >> v->type->dtype & 1))
            return v->type->dtype;
    }
    const Type *out = r->nout ? r->out[0].type : NULL;
    return out && out->kind == TY_TENSOR && (allowed >> out->dtype & 1) ? out->dtype
                                                                        : DT_NONE;
}

/* The type of a bare literal: what the op's row takes there, nearest to how it is written. */
static DType bare_type(const MilReader *r, const Op *op, const Param *p,
                       const MilItem *item)
{
    static const DType whole[] = { DT_INT32, DT_UINT32, DT_INT8,
                                   DT_UINT8, DT_FP32,   DT_FP16 };
    static const DType real[] = { DT_FP32, DT_FP16, DT_INT32 };
    if (item->bare == MIL_BARE_STRING) return DT_STRING;
    if (item->bare == MIL_BARE_BOOL) return DT_BOOL;
    const bool is_whole = number_is_whole(item->at.s, item->at.len);
    const DTypes any = (1u << DT_FP32) | (is_whole ? 1u << DT_INT32 : 0);
    const DTypes allowed = p ? domain_types(p->dom, r->func->opset) : any;
    const DType beside = p ? type_beside(r, &ops[op->kind], p, allowed) : DT_NONE;
    if (beside && (is_whole || dtype_is_float(beside))) return beside;
    for (size_t i = 0; i < (is_whole ? COUNT(whole) : COUNT(real)); i++) {
        const DType t = is_whole ? whole[i] : real[i];
        if (allowed >> t & 1) return t;
    }
    return is_whole ? DT_INT32 : DT_FP32;
}

Value *mil_bare_value(MilReader *r, const Op *op, const char *name, const Param *p,
                      const MilItem *item)
{
    const DType t = bare_type(r, op, p, item);
    const Loc loc = mil_loc(r, item->at);
    Value *v = value_literal(r->m, mil_bare_const(r, t, item->bare, item->at), loc);
    v->bare = true;
    diag_warn(r->d, WARN_BARE_LITERAL, loc, "%s = %.*s has no type; read as %s(%.*s)",
              name, item->at.len > 40 ? 40 : (int)item->at.len, item->at.s,
              dtypes[t].name, item->at.len > 40 ? 40 : (int)item->at.len, item->at.s);
    return v;
}
