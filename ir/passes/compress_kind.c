/* compress_kind.c -- names and parameters of the compressed forms, and the nearest form that an
 * opset and target have. */
#include "compress_part.h"

#include "../targets/rules.h"

#include <math.h>
#include <string.h>

const CompressFamilyRow compress_families[] = {
#define FAMILY(id, old, now, joint, text) \
    [FAMILY_##id] = { OP_##old, OP_##now, OP_##joint },
#include "compress.def"
};

const CompressKind compress_kinds[KIND_COUNT] = {
#define KIND(id, n, f, t, s, i, r, facts, e, d) \
    [KIND_##id] = { .name = n, \
                    .family = FAMILY_##f, \
                    .stored = DT_##t, \
                    .since = (Opset)(s), \
                    .instead = KIND_##i, \
                    .refused = KIND_##r, \
                    .streams = facts, \
                    .evidence = e, \
                    .says = d },
#include "compress.def"
};

enum { NUMBER = false, WORD = true };
const CompressTold compress_told[TOLD_COUNT] = {
#define TOLD(id, n, how, f, s, l, h, d) \
    [TOLD_##id] = { .name = n, \
                    .word = how, \
                    .families = f, \
                    .since = (Opset)(s), \
                    .low = l, \
                    .high = h, \
                    .says = d },
#include "compress.def"
};

int compression_bits(int kind) { return dtypes[compress_kinds[kind].stored].bits; }

/* ---- making ------------------------------------------------------------------------------ */

typedef struct {
    Arena *arena;
    Compression *c;
    const char **wrong;
    int numbers; /* that had no name so far */
} Telling;

static bool telling_wrong(Telling *t, const char *text)
{
    *t->wrong = text;
    return false;
}

static int kind_find(const char *name)
{
    for (int i = 0; i < KIND_COUNT; i++)
        if (!strcmp(compress_kinds[i].name, name)) return i;
    return -1;
}

bool compression_word(const char *name)
{
    bool is = kind_find(name) >= 0;
    for (int i = 0; i < TOLD_COUNT; i++) is = is || !strcmp(compress_told[i].name, name);
    return is;
}

const char *compression_kinds(Arena *a)
{
    Buf all = { 0 };
    for (int i = 0; i < KIND_COUNT; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", compress_kinds[i].name);
    const char *text = arena_strdup(a, all.s);
    buf_free(&all);
    return text;
}

/* What may be told is its family's, or of a sparse one that of its values too. */
static int families_of(const Compression *c)
{
    const int own = 1 << compress_kinds[c->kind].family;
    return own == IN_SPARSE ? own | 1 << compress_kinds[c->values].family : own;
}

static int told_find(const Compression *c, const char *name)
{
    for (int i = 0; i < TOLD_COUNT; i++)
        if (compress_told[i].families & families_of(c)
            && !strcmp(compress_told[i].name, name))
            return i;
    return -1;
}

static int told_first(const Compression *c, bool values)
{
    const int family = 1 << compress_kinds[values ? c->values : c->kind].family;
    for (int i = 0; i < TOLD_COUNT; i++)
        if (compress_told[i].families == family && !compress_told[i].word) return i;
    return -1;
}

static bool tell_unknown(Telling *t, const char *name)
{
    const char *known[TOLD_COUNT], *kind = compress_kinds[t->c->kind].name;
    size_t n = 0;
    for (int i = 0; i < TOLD_COUNT; i++)
        if (compress_told[i].families & families_of(t->c))
            known[n++] = compress_told[i].name;
    const char *near = name_nearest(name, known, n);
    Buf all = { 0 };
    for (size_t i = 0; i < n; i++) buf_printf(&all, "%s%s", i ? ", " : "", known[i]);
    telling_wrong(
        t, near ? arena_printf(t->arena, "%s takes no %s; did you mean %s?", kind, name,
                               near)
                : arena_printf(t->arena, "%s takes no %s, but %s", kind, name, all.s));
    buf_free(&all);
    return false;
}

static bool tell_one(Telling *t, int told, const CompressArg *arg)
{
    const CompressTold *row = &compress_told[told];
    const char *kind = compress_kinds[t->c->kind].name;
    if (t->c->given >> told & 1)
        return telling_wrong(
            t, arena_printf(t->arena, "%s: %s is given twice", kind, row->name));
    if (row->word != (arg->word != NULL))
        return telling_wrong(
            t, arena_printf(t->arena, "%s: %s is %s", kind, row->name,
                            row->word ? "a word without a number" : "a number"));
    const bool whole = told != TOLD_ratio && told != TOLD_below;
    const double v = row->word ? 1 : arg->number;
    if (!(v >= row->low && v <= row->high) || (whole && v != floor(v)))
        return telling_wrong(t, arena_printf(t->arena,
                                             "%s: %s is %.17g; it must be a %snumber "
                                             "from %.17g to %.17g",
                                             kind, row->name, v, whole ? "whole " : "",
                                             row->low, row->high));
    t->c->told[told] = v;
    t->c->given |= 1u << told;
    return true;
}

/* The form of what a sparse weight keeps, as in sparse(0.5, int8). */
static bool tell_values(Telling *t, const char *name)
{
    const int kind = kind_find(name);
    const CompressFamily family = kind < 0 ? FAMILY_LEAVE : compress_kinds[kind].family;
    if (family != FAMILY_QUANT && family != FAMILY_LUT) return false;
    t->c->values = kind;
    return true;
}

static bool tell(Telling *t, const CompressArg *arg)
{
    Compression *c = t->c;
    const bool free = c->kind == KIND_sparse && c->values == KIND_none;
    const char *name = arg->name ? arg->name : arg->word;
    if (!arg->name && arg->word && free && tell_values(t, arg->word)) return true;
    if (!name) {
        const int first = told_first(c, c->kind == KIND_sparse && t->numbers);
        if (first >= 0 && ++t->numbers) return tell_one(t, first, arg);
        return telling_wrong(t, arena_printf(t->arena, "%s takes no number here",
                                             compress_kinds[c->kind].name));
    }
    const int told = told_find(c, name);
    return told < 0 ? tell_unknown(t, name) : tell_one(t, told, arg);
}

bool compression_make(Arena *a, const char *kind, const CompressArg *arg, int n,
                      Compression *out, const char **wrong)
{
    *out = (Compression){ .kind = kind_find(kind) };
    Telling t = { .arena = a, .c = out, .wrong = wrong };
    if (out->kind < 0) {
        const char *known[KIND_COUNT], *near;
        for (int i = 0; i < KIND_COUNT; i++) known[i] = compress_kinds[i].name;
        near = name_nearest(kind, known, KIND_COUNT);
        return telling_wrong(
            &t, near
                    ? arena_printf(a, "there is no form %s; did you mean %s?", kind, near)
                    : arena_printf(a, "there is no form %s, but %s", kind,
                                   compression_kinds(a)));
    }
    for (int i = 0; i < n; i++)
        if (!tell(&t, &arg[i])) return false;
    const bool part = compression_says(out, TOLD_ratio),
               edge = compression_says(out, TOLD_below);
    if (out->kind == KIND_sparse && !part && !edge)
        return telling_wrong(
            &t, "sparse needs the part that becomes zeros, as in sparse(0.5), or "
                "what is below a number, as in sparse(below = 0.01)");
    if (part && edge) return telling_wrong(&t, "ratio and below contradict each other");
    if (out->kind == KIND_sparse && compression_says(out, TOLD_vector))
        return telling_wrong(&t, "sparse leaves single elements: it has no vectors");
    if (compression_says(out, TOLD_vector) && compression_says(out, TOLD_uniform))
        return telling_wrong(&t, "vectors have no order: uniform is for single values");
    if (compression_says(out, TOLD_vector) && compression_says(out, TOLD_table8))
        return telling_wrong(
            &t, "a table of vectors has no bytes: int8 is for single values");
    if (compression_says(out, TOLD_block) && compression_says(out, TOLD_tensor))
        return telling_wrong(&t, "block and tensor contradict each other");
    return true;
}

const char *compression_text(Arena *a, const Compression *c)
{
    Buf out = { 0 };
    const char *sep = "(";
    buf_puts(&out, compress_kinds[c->kind].name);
    for (int i = 0; i < TOLD_COUNT; i++) {
        if (!compression_says(c, i)) continue;
        if (i == TOLD_ratio) buf_printf(&out, "%s%g", sep, c->told[i]);
        else if (compress_told[i].word)
            buf_printf(&out, "%s%s", sep, compress_told[i].name);
        else buf_printf(&out, "%s%s = %.15g", sep, compress_told[i].name, c->told[i]);
        sep = ", ";
        if ((i == TOLD_ratio || i == TOLD_below) && c->values != KIND_none)
            buf_printf(&out, "%s%s", sep, compress_kinds[c->values].name);
    }
    if (*sep == ',') buf_putc(&out, ')');
    const char *text = arena_strdup(a, out.s);
    buf_free(&out);
    return text;
}

/* ---- the nearest ------------------------------------------------------------------------- */

/* Why a form is another than was wished, in one sentence. */
typedef struct {
    Arena *arena;
    const char *why;
} Nearest;

static void nearest_says(Nearest *n, const char *why)
{
    n->why = n->why ? arena_printf(n->arena, "%s; %s", n->why, why) : why;
}

/* Of all chips that a target stands for. */
static bool kind_streams(int kind, const Target *t)
{
    const ChipFacts *f = &compress_kinds[kind].streams;
    if (t->chip >= 0) return chip_standing(t, f) >= STAND_REPORTED;
    bool all = target_has_rules(t);
    for (int i = 0; all && i < generation_count(); i++)
        all = chip_standing(generation_at(i), f) >= STAND_REPORTED;
    return all;
}

static int kind_chosen(const Target *t)
{
    int first = KIND_none;
    for (int i = 0; i < KIND_COUNT; i++) {
        if (compress_kinds[i].family == FAMILY_LEAVE
            || compress_kinds[i].family == FAMILY_CHOOSE)
            continue;
        if (first == KIND_none) first = i;
        if (kind_streams(i, t)) return i;
    }
    return first; /* for what streams none: the processor */
}

static void nearest_chosen(Nearest *n, Compression *c, const Target *t)
{
    c->kind = kind_chosen(t);
    const CompressKind *k = &compress_kinds[c->kind];
    if (!kind_streams(c->kind, t))
        nearest_says(n, arena_printf(n->arena,
                                     "%s streams no form; %s is near and half as large",
                                     t->name, k->name));
    else if (t->chip < 0)
        nearest_says(n, arena_printf(n->arena, "every chip streams %s (%s)", k->name,
                                     k->evidence));
    else
        nearest_says(n, arena_printf(n->arena, "%s streams %s (%s; %s)", t->name, k->name,
                                     standing_names[chip_standing(t, &k->streams)],
                                     k->evidence));
}

/* The palette of no more than so many bits an element, for vectors that an opset has not. */
static int kind_of_vectors(const Compression *c, Opset o)
{
    const double bits = compression_bits(c->kind) / c->told[TOLD_vector];
    int best = KIND_lut8;
    for (int i = 0; i < KIND_COUNT; i++)
        if (compress_kinds[i].family == FAMILY_LUT && compress_kinds[i].since <= o
            && compression_bits(i) >= bits
            && compression_bits(i) < compression_bits(best))
            best = i;
    return best;
}

static void told_forget(Compression *c, int told)
{
    c->given &= ~(1u << told);
    c->told[told] = 0;
}

/* What a kind that took another's place has no word for. */
static void told_settle(Compression *c)
{
    for (int i = 0; i < TOLD_COUNT; i++)
        if (!(compress_told[i].families & families_of(c))) told_forget(c, i);
}

static void nearest_kind(Nearest *n, int *kind, Opset o)
{
    const CompressKind *k = &compress_kinds[*kind];
    if (k->since <= o) return;
    nearest_says(n, arena_printf(n->arena, "%s exists from %s on, and %s has %s for it",
                                 k->name, opset_text(k->since), opset_text(o),
                                 compress_kinds[k->instead].name));
    *kind = k->instead;
}

static void nearest_told(Nearest *n, Compression *c, Opset o)
{
    if (compression_says(c, TOLD_vector) && compress_told[TOLD_vector].since > o)
        c->kind = kind_of_vectors(c, o);
    for (int i = 0; i < TOLD_COUNT; i++) {
        if (!compression_says(c, i) || compress_told[i].since <= o) continue;
        nearest_says(n, arena_printf(n->arena, "%s has no %s", opset_text(o),
                                     compress_told[i].name));
        told_forget(c, i);
    }
}

/* What stays of a sparse weight has a form of its own from ios18 on. */
static void nearest_values(Nearest *n, Compression *c, Opset o)
{
    if (c->values == KIND_none || o >= OPSET_IOS18) return;
    nearest_says(n, arena_printf(n->arena, "%s has no sparse %s", opset_text(o),
                                 compress_kinds[c->values].name));
    c->values = KIND_none;
    told_settle(c);
}

/* What a profile measured: scales beside numbers, or beside what tables hold. */
static void nearest_scales(Nearest *n, Compression *c, const PassOptions *o, Opset opset)
{
    static const int scales[] = { TOLD_scaled, TOLD_table8 };
    const CompressKind *k = &compress_kinds[c->kind];
    const int rule = opset < OPSET_IOS18 ? RULE_constexpr_affine
                                         : RULE_constexpr_blockwise;
    if (!rule_fixes(o->rules, rule)) return;
    if (k->family == FAMILY_QUANT) {
        nearest_says(n, arena_printf(n->arena, "the profile refuses %s", k->name));
        c->kind = k->refused;
        told_settle(c);
    }
    for (size_t i = 0; i < COUNT(scales); i++) {
        if (k->family != FAMILY_LUT || !compression_says(c, scales[i])) continue;
        nearest_says(n, arena_printf(n->arena, "the profile refuses %s",
                                     compress_told[scales[i]].name));
        told_forget(c, scales[i]);
    }
}

/* What a chip gets wrong. */
static void nearest_tables(Nearest *n, Compression *c, const PassOptions *o,
                           const Op *use)
{
    const bool conv = use && (use->kind == OP_conv || use->kind == OP_conv_transpose);
    if (!conv || !compression_says(c, TOLD_group)
        || !rule_fixes(o->rules, RULE_grouped_palettes))
        return;
    nearest_says(n, "the target has one table for a convolution (rule grouped-palettes)");
    told_forget(c, TOLD_group);
}

Compression compression_for(const Compression *wish, const PassOptions *o, Opset opset,
                            const Op *use, Arena *a, const char **why)
{
    Compression c = *wish;
    Nearest n = { .arena = a };
    if (c.kind == KIND_auto) nearest_chosen(&n, &c, o->target);
    nearest_scales(&n, &c, o, opset);
    nearest_tables(&n, &c, o, use);
    nearest_values(&n, &c, opset);
    nearest_kind(&n, &c.kind, opset);
    nearest_kind(&n, &c.values, opset);
    told_settle(&c);
    nearest_told(&n, &c, opset);
    told_forget(&c, TOLD_again); /* which is no part of what it becomes */
    *why = n.why;
    return c;
}
