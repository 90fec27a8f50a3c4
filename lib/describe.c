/* describe.c -- anec_describe and --describe: inputs, results and states of a model's
 * functions, as text and as JSON. */
#include "report.h"

#include "../ir/mil/described.h"

#include <string.h>

typedef struct {
    const Func *func;
    const char *key, *title; /* in JSON, in text */
    Value *const *val;
    int n;
    bool states, inputs; /* of the parameters: those alone */
} Group;

enum { GROUPS = 3 };

static void groups_of(const Func *f, Group g[GROUPS])
{
    const Block *b = f->body;
    g[0] = (Group){ f, "inputs", "inputs", b->param, b->nparam, .inputs = true };
    g[1] = (Group){ f, "states", "states", b->param, b->nparam, .states = true };
    g[2] = (Group){ f, "outputs", "results", b->result, b->nresult, .states = false };
}

static bool in_group(const Group *g, const Value *v)
{
    return g->states ? param_is_kept(g->func, v)
         : g->inputs ? !param_is_kept(g->func, v)
                     : true;
}

/* ---- text -------------------------------------------------------------------------------- */

static void put_flex(Buf *out, Arena *a, const Flex *flex, int p)
{
    const FlexInput *in = &flex->input[p];
    if (in->has_default) buf_printf(out, "  default %s", shape_text(a, &in->def));
    if (in->has_range) {
        buf_puts(out, "  range [");
        for (int i = 0; i < in->rank; i++) {
            buf_printf(out, "%s%lld..", i ? ", " : "", (long long)in->lo[i]);
            if (in->hi[i] >= 0) buf_printf(out, "%lld", (long long)in->hi[i]);
        }
        buf_putc(out, ']');
    }
    for (int k = 0, shown = 0; k < flex->nconfig; k++) {
        const Shape *s = flex_shape(flex, p, k);
        if (s) buf_printf(out, "%s%s", shown++ ? " or " : "  one of ", shape_text(a, s));
    }
}

/* What the description says beyond the type. */
static void put_described(Buf *out, const Described *say)
{
    if (say->pixels) {
        buf_printf(out, "  image %s ", pixels_name(say->pixels));
        described_sizes(say, out);
        buf_puts(out, " (width x height)");
    }
    if (say->optional) buf_puts(out, "  optional");
    if (say->optional && say->has_default) buf_printf(out, ", then %.9g", say->value);
}

static void put_classes(Buf *out, const Func *f)
{
    Classifier c;
    if (!described_classifier(f, &c)) return;
    buf_printf(out, "  classes: %lld, label %s", (long long)c.classes->nelem,
               c.label->name);
    if (c.probabilities) buf_printf(out, ", probabilities %s", c.probabilities->name);
    buf_putc(out, '\n');
}

static void text_group(Buf *out, Arena *a, const Func *f, const Group *g,
                       const Flex *flex)
{
    int width = 0, count = 0;
    for (int i = 0; i < g->n; i++) {
        if (!in_group(g, g->val[i])) continue;
        int n = (int)strlen(g->val[i]->name);
        width = n > width ? n : width;
        count++;
    }
    if (!count) return;
    buf_printf(out, "  %s\n", g->title);
    for (int i = 0; i < g->n; i++) {
        const Value *v = g->val[i];
        if (!in_group(g, v)) continue;
        buf_printf(out, "    %-*s  %s", width, v->name, type_text(a, param_type(v)));
        if (g->inputs) put_flex(out, a, flex, i);
        Described say;
        described(f, v, g->inputs || g->states, a, &say);
        put_described(out, &say);
        buf_putc(out, '\n');
    }
}

bool describe_text(Buf *out, const char *path, const Module *m, Diag *d)
{
    Arena a = { 0 };
    bool ok = true;
    buf_message(out, "%s: program(%s)\n", path, m->version);
    for (const Func *f = m->first; ok && f; f = f->next) {
        Group g[GROUPS];
        Flex flex;
        ok = flex_read(f, d, &a, &flex);
        buf_printf(out, "func %s (%s)%s\n", f->name, opset_text(f->opset),
                   f == module_main(m) ? ", runs by default" : "");
        groups_of(f, g);
        for (int i = 0; ok && i < GROUPS; i++) text_group(out, &a, f, &g[i], &flex);
        if (ok) put_classes(out, f);
    }
    arena_free(&a);
    return ok;
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void json_flex(cJSON *o, const Flex *flex, int p)
{
    const FlexInput *in = &flex->input[p];
    if (in->has_default) json_item(o, "default", json_shape(&in->def));
    cJSON *range = in->has_range ? json_item(o, "range", cJSON_CreateArray()) : NULL;
    for (int i = 0; range && i < in->rank; i++) {
        cJSON *pair = json_root(cJSON_CreateArray());
        json_item(pair, NULL, json_dim(in->lo[i]));
        json_item(pair, NULL, json_dim(in->hi[i]));
        json_item(range, NULL, pair);
    }
    cJSON *all = flex->nconfig ? json_root(cJSON_CreateArray()) : NULL;
    for (int k = 0; k < flex->nconfig; k++)
        if (flex_shape(flex, p, k))
            json_item(all, NULL, json_shape(flex_shape(flex, p, k)));
    if (cJSON_GetArraySize(all)) json_item(o, "enumerated", all);
    else json_free(all);
}

static void json_pair(cJSON *to, const int64_t v[2])
{
    cJSON *pair = cJSON_CreateArray();
    for (int i = 0; i < 2; i++) cJSON_AddItemToArray(pair, json_dim(v[i]));
    cJSON_AddItemToArray(to, pair);
}

static void json_described(cJSON *o, const Described *say)
{
    if (say->optional) cJSON_AddTrueToObject(o, "optional");
    if (say->optional && say->has_default)
        cJSON_AddItemToObject(o, "default_value", json_real(say->value));
    if (!say->pixels) return;
    cJSON *image = cJSON_AddObjectToObject(o, "image");
    cJSON_AddStringToObject(image, "color", pixels_name(say->pixels));
    cJSON_AddItemToObject(image, "width", json_int(say->size[SIDE_WIDTH]));
    cJSON_AddItemToObject(image, "height", json_int(say->size[SIDE_HEIGHT]));
    cJSON *sizes = say->nsizes ? cJSON_AddArrayToObject(image, "sizes") : NULL;
    for (int i = 0; i < say->nsizes; i++) json_pair(sizes, say->sizes[i]);
    cJSON *range = say->ranged ? cJSON_AddArrayToObject(image, "range") : NULL;
    for (int i = 0; range && i < 2; i++)
        json_pair(range, (int64_t[]){ say->low[i], say->high[i] });
}

static void json_classes(cJSON *func, const Func *f)
{
    Classifier c;
    if (!described_classifier(f, &c)) return;
    cJSON *o = cJSON_AddObjectToObject(func, "classifier");
    cJSON_AddStringToObject(o, "label", c.label->name);
    if (c.probabilities)
        cJSON_AddStringToObject(o, "probabilities", c.probabilities->name);
    cJSON *list = cJSON_AddArrayToObject(o, "classes");
    for (int64_t i = 0; i < c.classes->nelem; i++) {
        const Const *k = c.classes->elem[i];
        if (k->type->dtype == DT_STRING)
            cJSON_AddItemToArray(list, cJSON_CreateString(*(const char *const *)k->data));
        else cJSON_AddItemToArray(list, json_int(*(const int64_t *)k->data));
    }
}

static void json_group(cJSON *func, Arena *a, const Func *f, const Group *g,
                       const Flex *flex)
{
    cJSON *list = json_item(func, g->key, cJSON_CreateArray());
    for (int i = 0; i < g->n; i++) {
        const Value *v = g->val[i];
        if (!in_group(g, v)) continue;
        const Type *t = param_type(v);
        cJSON *o = json_root(cJSON_CreateObject());
        json_item(list, NULL, o);
        json_item(o, "name", cJSON_CreateString(v->name));
        json_type(o, a, t);
        if (g->inputs) json_flex(o, flex, i);
        Described say;
        described(f, v, g->inputs || g->states, a, &say);
        json_described(o, &say);
    }
}

static bool json_func(cJSON *list, const Func *f, Arena *a, Diag *d)
{
    Group g[GROUPS];
    Flex flex;
    cJSON *o = json_root(cJSON_CreateObject());
    json_item(list, NULL, o);
    json_item(o, "name", cJSON_CreateString(f->name));
    json_item(o, "opset", cJSON_CreateString(opset_text(f->opset)));
    if (!flex_read(f, d, a, &flex)) return false;
    groups_of(f, g);
    for (int i = 0; i < GROUPS; i++) json_group(o, a, f, &g[i], &flex);
    json_classes(o, f);
    return true;
}

bool describe_json(Buf *out, const char *path, const Module *m, Diag *d)
{
    Arena a = { 0 };
    bool ok = true;
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "file", json_path(path));
    json_item(root, "version", cJSON_CreateString(m->version));
    json_item(root, "default_function", cJSON_CreateString(module_main(m)->name));
    cJSON *list = json_item(root, "functions", cJSON_CreateArray());
    for (const Func *f = m->first; ok && f; f = f->next) ok = json_func(list, f, &a, d);
    if (ok) json_put(out, root);
    else json_free(root);
    arena_free(&a);
    return ok;
}
