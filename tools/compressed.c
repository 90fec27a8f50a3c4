/* compressed.c -- the list of compressed forms, and --compress-report, as a table and as
 * JSON. */
#include "views.h"

#include "../lib/report.h"
#include "../ir/ops/ops.h"
#include "../ir/passes/compress_part.h"

#include <math.h>

/* ---- the forms --------------------------------------------------------------------------- */

static void put_form_ops(Buf *out, const CompressKind *k)
{
    const CompressFamilyRow *f = &compress_families[k->family];
    if (f->now == OP_NONE) return;
    buf_printf(out, "; %s", opset_text(k->since));
    if (k->since < OPSET_IOS18 && f->old != f->now)
        buf_printf(out, " %s, ios18", ops[f->old].name);
    buf_printf(out, " %s", ops[f->now].name);
    if (f->joint != OP_NONE) buf_printf(out, ", in sparse %s", ops[f->joint].name);
}

static void put_streams(Buf *out, const ChipFacts *f)
{
    const char *before = "; streams on";
    for (int i = 0; generation_at(i); i++) {
        if (chip_standing(generation_at(i), f) < STAND_REPORTED) continue;
        buf_printf(out, "%s %s", before, generation_at(i)->name);
        before = "";
    }
}

static void put_told(Buf *out, const CompressTold *t)
{
    const char *sep = "";
    buf_printf(out, "  %-8s %-7s ", t->name, t->word ? "word" : "number");
    for (int i = 0; i < FAMILY_COUNT; i++) {
        static const char *const names[] = {
#define FAMILY(id, old, now, joint, text) [FAMILY_##id] = text,
#include "../ir/passes/compress.def"
        };
        if (t->families == IN_ALL || !(t->families >> i & 1)) continue;
        buf_printf(out, "%s%s", sep, names[i]);
        sep = " and ";
    }
    buf_printf(out, "%s%s%s%s\n", *sep ? ": " : "", t->says,
               t->since > OPSET_IOS16 ? ", from " : "",
               t->since > OPSET_IOS16 ? opset_text(t->since) : "");
}

void compressed_list(Buf *out)
{
    buf_puts(out, "forms\n");
    for (int i = 0; i < KIND_COUNT; i++) {
        const CompressKind *k = &compress_kinds[i];
        buf_printf(out, "  %-8s %s", k->name, k->says);
        put_form_ops(out, k);
        put_streams(out, &k->streams);
        buf_printf(out, "%s%s%s\n", *k->evidence ? " (" : "", k->evidence,
                   *k->evidence ? ")" : "");
    }
    buf_puts(out, "what may stand in brackets behind them\n");
    for (int i = 0; i < TOLD_COUNT; i++) put_told(out, &compress_told[i]);
}

/* ---- sums -------------------------------------------------------------------------------- */

typedef struct {
    double elements, before, after; /* of what was compressed */
    size_t weights;
} Sums;

static Sums sums_of(const CompressPlan *p)
{
    Sums s = { 0 };
    for (size_t i = 0; i < p->nnote; i++) {
        const CompressNote *n = &p->note[i];
        if (n->shared || !n->as) continue;
        s.weights++;
        s.elements += n->elements;
        s.before += n->before;
        s.after += n->after;
    }
    return s;
}

/* How much larger the weights are than what is off, in decibels. */
static double decibels(const CompressNote *n)
{
    if (n->rms_error == 0) return INFINITY;
    return n->rms == 0 ? -INFINITY : 20 * log10(n->rms / n->rms_error);
}

static double ratio(double before, double after)
{
    return after > 0 ? before / after : 0;
}

/* ---- a table ----------------------------------------------------------------------------- */

static void put_row(Buf *out, Arena *a, const CompressNote *n, bool func)
{
    const char *name = func ? arena_printf(a, "%s:%s", n->func, n->path) : n->path;
    buf_printf(out, "%-32s %-18s ", name, shape_text(a, &n->type->shape));
    if (!n->as) {
        buf_printf(out, "stays: %s\n", n->why);
        return;
    }
    buf_printf(out, "%-22s %12.0f %12.0f %6.2f %10.3g %10.3g %7.1f%s\n", n->as, n->before,
               n->after, ratio(n->before, n->after), n->max_error, n->rms_error,
               decibels(n), n->shared ? "  (shared)" : "");
    if (n->why) buf_printf(out, "    %s\n", n->why);
}

void compressed_text(Buf *out, const CompressPlan *p)
{
    Arena a = { 0 };
    const Sums s = sums_of(p);
    bool func = false;
    for (size_t i = 1; i < p->nnote; i++)
        func = func || p->note[i].func != p->note[0].func;
    buf_printf(out, "%-32s %-18s %-22s %12s %12s %6s %10s %10s %7s\n", "weight", "shape",
               "form", "bytes", "becomes", "ratio", "max error", "rms error", "SNR dB");
    for (size_t i = 0; i < p->nnote; i++) put_row(out, &a, &p->note[i], func);
    buf_printf(out, "%zu weight%s of %.0f elements: %.0f bytes become %.0f, %.2f to 1\n",
               s.weights, s.weights == 1 ? "" : "s", s.elements, s.before, s.after,
               ratio(s.before, s.after));
    arena_free(&a);
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void json_weight(cJSON *all, const CompressNote *n)
{
    cJSON *o = json_item(all, NULL, cJSON_CreateObject());
    json_item(o, "function", cJSON_CreateString(n->func));
    json_item(o, "name", cJSON_CreateString(n->name));
    json_item(o, "weight", cJSON_CreateString(n->path));
    json_item(o, "dtype", cJSON_CreateString(dtypes[n->type->dtype].name));
    json_item(o, "shape", json_shape(&n->type->shape));
    json_item(o, "form", n->as ? cJSON_CreateString(n->as) : cJSON_CreateNull());
    json_word(o, "why", n->why);
    json_item(o, "bytes_before", json_real(n->before));
    json_item(o, "bytes_after", json_real(n->after));
    json_item(o, "ratio", json_real(ratio(n->before, n->after)));
    if (n->shared) json_item(o, "shared", cJSON_CreateBool(true));
    if (!n->as) return;
    json_item(o, "max_error", json_real(n->max_error));
    json_item(o, "rms_error", json_real(n->rms_error));
    json_item(o, "rms", json_real(n->rms));
    json_item(o, "snr_db", json_real(decibels(n)));
}

void compressed_json(Buf *out, const CompressPlan *p)
{
    const Sums s = sums_of(p);
    cJSON *root = json_root(cJSON_CreateObject());
    cJSON *all = json_item(root, "weights", cJSON_CreateArray());
    for (size_t i = 0; i < p->nnote; i++) json_weight(all, &p->note[i]);
    cJSON *total = json_item(root, "total", cJSON_CreateObject());
    json_item(total, "weights", json_real((double)s.weights));
    json_item(total, "elements", json_real(s.elements));
    json_item(total, "bytes_before", json_real(s.before));
    json_item(total, "bytes_after", json_real(s.after));
    json_item(total, "ratio", json_real(ratio(s.before, s.after)));
    json_put(out, root);
}
