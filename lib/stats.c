/* stats.c -- anec_count and --stats: counts operations, weights, multiply-adds and bytes of
 * values. */
#include "report.h"

#include "../ir/ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* What is kept as data: a literal of a file or made by a rule, or floats of rank 1 and more;
 * and what decodes compressed weights, with the literals it takes. */
typedef struct {
    const void
        *origin;      /* of equal ones, one is counted: the literal, or the decoding op */
    const char *path; /* a literal in a weight file instead: path and offset */
    uint64_t offset;
    double elements, bytes;
} CountedWeight;

typedef struct {
    int count;
    double macs; /* of those that are known */
} StatsKind;

typedef struct {
    StatsKind kind[OP_COUNT + 1]; /* the last: ops that the table lacks */
    int nop;                      /* consts not counted */
    double macs;
    const Op *open; /* an op whose multiply-adds are not known */
    CountedWeight *weight;
    size_t nweight, cap;
    double elements, bytes; /* of the weights */
    double state_bytes;
    ValueTable decoded; /* of what a constexpr op takes: no parameter itself */
    Peak peak;
} Stats;

/* ---- weights ----------------------------------------------------------------------------- */

static void add_weight(Stats *s, CountedWeight w)
{
    MEM_ROOM(s->weight, s->nweight, s->cap);
    s->weight[s->nweight++] = w;
}

static double elements_of(const Type *t)
{
    size_t n = 0;
    return t->kind == TY_TENSOR && shape_count(&t->shape, &n) ? (double)n : 0;
}

static void add_literal(Stats *s, const Const *c, bool decoded)
{
    if (c->type->kind != TY_TENSOR) return;
    bool kept = c->kind != CONST_DATA && c->kind != CONST_GROUP;
    bool data = c->type->shape.rank > 0 && (dtype_is_float(c->type->dtype) || decoded);
    if (!kept && !data) return;
    CountedWeight w = { .origin = c, .bytes = (double)type_bytes(c->type) };
    if (c->kind == CONST_BLOB)
        w = (CountedWeight){ .path = c->path, .offset = c->offset, .bytes = w.bytes };
    w.elements = decoded ? 0 : elements_of(c->type);
    add_weight(s, w);
}

static bool mark_decoded(void *ctx, const Op *op)
{
    Stats *s = ctx;
    for (int i = 0; op_decodes(op) && i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            values_set(&s->decoded, op->arg[i].val[k], s);
    return true;
}

static void add_decoded(Stats *s, const Op *op)
{
    for (int i = 0; i < op->nout; i++)
        if (!values_get(&s->decoded, op->out[i]))
            add_weight(s, (CountedWeight){ .origin = op->out[i],
                                           .elements = elements_of(op->out[i]->type) });
    Attr one;
    const Attrs attrs = op_attrs(op, &one);
    for (int i = 0; i < attrs.count; i++)
        if (op_param(&ops[op->kind], attrs.at[i].name))
            add_literal(s, attrs.at[i].val, true);
}

static int by_place(const void *x, const void *y)
{
    const CountedWeight *a = x, *b = y;
    if (!a->path != !b->path) return a->path ? 1 : -1;
    int order = a->path ? strcmp(a->path, b->path) : 0;
    if (order) return order;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return a->origin < b->origin ? -1 : a->origin > b->origin;
}

static void sum_weights(Stats *s)
{
    if (s->nweight) qsort(s->weight, s->nweight, sizeof *s->weight, by_place);
    for (size_t i = 0; i < s->nweight; i++) {
        if (i && !by_place(&s->weight[i - 1], &s->weight[i])) continue;
        s->elements += s->weight[i].elements;
        s->bytes += s->weight[i].bytes;
    }
}

/* ---- operations -------------------------------------------------------------------------- */

static void add_macs(Stats *s, StatsKind *kind, const Op *op)
{
    double n = op_macs(op);
    if (n < 0 && !s->open) s->open = op;
    if (n > 0) {
        kind->macs += n;
        s->macs += n;
    }
}

static bool add_op(void *ctx, const Op *op)
{
    Stats *s = ctx;
    StatsKind *kind = &s->kind[op->kind == OP_NONE ? OP_COUNT : op->kind];
    kind->count++;
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++)
            if (!op->arg[i].val[k]->name && value_lit(op->arg[i].val[k]))
                add_literal(s, value_lit(op->arg[i].val[k]), op_decodes(op));
    if (op->kind == OP_const) {
        if (value_lit(op->out[0]))
            add_literal(s, value_lit(op->out[0]),
                        values_get(&s->decoded, op->out[0]) != NULL);
        return true;
    }
    s->nop++;
    if (op_decodes(op)) add_decoded(s, op);
    if (op->kind != OP_NONE && ops[op->kind].macs) add_macs(s, kind, op);
    return true;
}

static void stats_of(Stats *s, const Func *f)
{
    *s = (Stats){ 0 };
    func_read(f, mark_decoded, s);
    func_read(f, add_op, s);
    values_free(&s->decoded);
    for (int i = 0; i < f->body->nparam; i++) {
        const Type *t = f->body->param[i]->type;
        if (t->kind == TY_STATE) s->state_bytes += (double)type_bytes(t->sub[0]);
    }
    sum_weights(s);
    s->peak = liveness_peak(f);
}

static const char *kind_name(int i)
{
    return i == OP_COUNT ? "(not in the table)" : ops[i].name;
}

/* The kinds of which there are some, by name; consts are told apart. */
static int kinds_of(const Stats *s, int at[OP_COUNT + 1])
{
    int n = 0;
    for (int i = 0; i <= OP_COUNT; i++) {
        if (!s->kind[i].count || i == OP_const) continue;
        int k = n++;
        for (; k > 0 && strcmp(kind_name(at[k - 1]), kind_name(i)) > 0; k--)
            at[k] = at[k - 1];
        at[k] = i;
    }
    return n;
}

/* ---- text -------------------------------------------------------------------------------- */

/* 12,345,678 */
static const char *number_text(Arena *a, double n)
{
    char *digits = arena_printf(a, "%.0f", n),
         *out = arena_alloc(a, 2 * strlen(digits) + 1), *p = out;
    for (size_t i = 0, len = strlen(digits); i < len; i++) {
        if (i && (len - i) % 3 == 0) *p++ = ',';
        *p++ = digits[i];
    }
    return out;
}

static void put_bytes(Buf *out, Arena *a, double bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;
    double n = bytes / 1024;
    for (; n >= 1024 && unit + 1 < COUNT(units); n /= 1024) unit++;
    buf_printf(out, "%s bytes", number_text(a, bytes));
    if (bytes >= 1024) buf_printf(out, " (%.1f %s)", n, units[unit]);
}

static void put_peak(Buf *out, Arena *a, const Peak *p)
{
    buf_puts(out, "  values at once  ");
    if (p->open) {
        buf_printf(out, "not known: %s is %s\n", p->open->name,
                   type_text(a, p->open->type));
        return;
    }
    put_bytes(out, a, p->bytes);
    if (p->at)
        buf_printf(out, ", at %s of %s", op_name(p->at),
                   p->at->nout ? p->at->out[0]->name : "nothing");
    buf_putc(out, '\n');
}

static void put_func(Buf *out, Arena *a, const Func *f, const Stats *s)
{
    int at[OP_COUNT + 1], n = kinds_of(s, at), width = 9;
    for (int i = 0; i < n; i++)
        width = (int)strlen(kind_name(at[i])) > width ? (int)strlen(kind_name(at[i]))
                                                      : width;
    buf_printf(out, "func %s (%s)\n  %-*s  %7s  %18s\n", f->name, opset_text(f->opset),
               width, "operation", "count", "multiply-adds");
    for (int i = 0; i < n; i++) {
        const StatsKind *k = &s->kind[at[i]];
        bool counts = at[i] < OP_COUNT && ops[at[i]].macs;
        buf_printf(out, "  %-*s  %7s  %18s", width, kind_name(at[i]),
                   number_text(a, k->count), counts ? number_text(a, k->macs) : "");
        while (out->s[out->len - 1] == ' ') out->s[--out->len] = 0;
        buf_putc(out, '\n');
    }
    buf_printf(out, "  %-*s  %7s  %18s\n", width, "all", number_text(a, s->nop),
               number_text(a, s->macs));
    if (s->open)
        buf_printf(
            out,
            "  not counted     the multiply-adds of %s, whose dimensions are not known\n",
            s->open->nout ? s->open->out[0]->name : op_name(s->open));
    buf_printf(out, "  constants       %s\n", number_text(a, s->kind[OP_const].count));
    buf_printf(out, "  parameters      %s\n", number_text(a, s->elements));
    buf_puts(out, "  weights         ");
    put_bytes(out, a, s->bytes);
    buf_putc(out, '\n');
    if (s->state_bytes > 0) {
        buf_puts(out, "  states          ");
        put_bytes(out, a, s->state_bytes);
        buf_putc(out, '\n');
    }
    put_peak(out, a, &s->peak);
}

/* Functions may share weights: those of all are counted anew. */
static void stats_share(Stats *all, const Stats *s)
{
    for (size_t i = 0; i < s->nweight; i++) add_weight(all, s->weight[i]);
}

bool stats_text(Buf *out, const char *path, const Module *m, Diag *d)
{
    (void)d;
    Arena a = { 0 };
    Stats all = { 0 };
    buf_message(out, "%s: program(%s)\n", path, m->version);
    for (const Func *f = m->first; f; f = f->next) {
        Stats *s = NEW(&a, Stats);
        stats_of(s, f);
        put_func(out, &a, f, s);
        stats_share(&all, s);
        mem_free(s->weight);
    }
    sum_weights(&all);
    if (m->first && m->first->next) {
        buf_printf(out, "all functions: %s parameters, ", number_text(&a, all.elements));
        put_bytes(out, &a, all.bytes);
        buf_puts(out, " of weights\n");
    }
    mem_free(all.weight);
    arena_free(&a);
    return true;
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void json_peak(cJSON *o, const Peak *p)
{
    json_item(o, "peak_bytes", p->open ? cJSON_CreateNull() : json_real(p->bytes));
    if (!p->open && p->at && p->at->nout)
        json_item(o, "peak_at", cJSON_CreateString(p->at->out[0]->name));
}

static cJSON *json_func(const Func *f, const Stats *s)
{
    int at[OP_COUNT + 1], n = kinds_of(s, at);
    cJSON *o = json_root(cJSON_CreateObject());
    json_item(o, "name", cJSON_CreateString(f->name));
    json_item(o, "opset", cJSON_CreateString(opset_text(f->opset)));
    cJSON *list = json_item(o, "operations", cJSON_CreateArray());
    for (int i = 0; i < n; i++) {
        cJSON *k = json_root(cJSON_CreateObject());
        json_item(k, "op", cJSON_CreateString(kind_name(at[i])));
        json_item(k, "count", cJSON_CreateNumber(s->kind[at[i]].count));
        json_item(k, "macs", cJSON_CreateNumber(s->kind[at[i]].macs));
        json_item(list, NULL, k);
    }
    json_item(o, "count", cJSON_CreateNumber(s->nop));
    json_item(o, "macs", cJSON_CreateNumber(s->macs));
    json_item(o, "macs_complete", cJSON_CreateBool(!s->open));
    json_item(o, "constants", cJSON_CreateNumber(s->kind[OP_const].count));
    json_item(o, "parameters", cJSON_CreateNumber(s->elements));
    json_item(o, "weight_bytes", cJSON_CreateNumber(s->bytes));
    json_item(o, "state_bytes", cJSON_CreateNumber(s->state_bytes));
    json_peak(o, &s->peak);
    return o;
}

bool stats_json(Buf *out, const char *path, const Module *m, Diag *d)
{
    (void)d;
    Arena a = { 0 };
    Stats all = { 0 };
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "file", json_path(path));
    cJSON *list = json_item(root, "functions", cJSON_CreateArray());
    for (const Func *f = m->first; f; f = f->next) {
        Stats *s = NEW(&a, Stats);
        stats_of(s, f);
        json_item(list, NULL, json_func(f, s));
        stats_share(&all, s);
        mem_free(s->weight);
    }
    sum_weights(&all);
    json_item(root, "parameters", cJSON_CreateNumber(all.elements));
    json_item(root, "weight_bytes", cJSON_CreateNumber(all.bytes));
    mem_free(all.weight);
    arena_free(&a);
    json_put(out, root);
    return true;
}
