/* features.c -- the public library: optional inputs, images and classes, as the description has
 * them. */
#include "library.h"
#include "tensor_io.h"

#include <math.h>
#include <string.h>

/* ---- what is said of a port -------------------------------------------------------------- */

static const Value *port_value(const anec_kernel *k, anec_kind kind, int i)
{
    const Block *b = k->func->body;
    Value *const *v = kind == ANEC_RESULT ? b->result : b->param;
    const int n = kind == ANEC_RESULT ? b->nresult : b->nparam;
    for (int p = 0; p < n; p++)
        if ((kind == ANEC_RESULT || param_is_kept(k->func, v[p]) == (kind == ANEC_STATE))
            && !i--)
            return v[p];
    return NULL;
}

int anec_port_feature(const anec_kernel *kernel, anec_kind kind, int i, anec_feature *out)
{
    ApiCall c;
    Arena a = { 0 };
    Described is;
    Buf sizes = { 0 };
    if (!kernel || !out || i < 0) return 0;
    anec_feature r = { .size = out->size < sizeof r ? out->size : sizeof r };
    const Value *v = port_value(kernel, kind, i);
    if (!v || call_start(&c, kernel->model->device->config, NULL)) return 0;
    described(kernel->func, v, kind != ANEC_RESULT, &a, &is);
    r.optional = is.optional;
    r.has_value = is.has_default;
    r.value = is.value;
    r.color = pixels_name(is.pixels);
    r.width = is.size[SIDE_WIDTH];
    r.height = is.size[SIDE_HEIGHT];
    if (is.pixels) described_sizes(&is, &sizes);
    snprintf(r.sizes, sizeof r.sizes, "%s", sizes.s ? sizes.s : "");
    buf_free(&sizes);
    arena_free(&a);
    call_end(&c, true);
    memcpy(out, &r, r.size);
    return 1;
}

/* ---- classes ----------------------------------------------------------------------------- */

const char *anec_classifier(const anec_kernel *kernel, const char **probabilities)
{
    Classifier c;
    if (probabilities) *probabilities = NULL;
    if (!kernel || !described_classifier(kernel->func, &c)) return NULL;
    if (probabilities && c.probabilities) *probabilities = c.probabilities->name;
    return c.label->name;
}

anec_status anec_classes(const anec_kernel *kernel, anec_tensor *out, anec_error *error)
{
    ApiCall c;
    Classifier is;
    Tensor t = { 0 };
    GIVEN(out);
    *out = (anec_tensor){ 0 };
    GIVEN(kernel);
    if (call_start(&c, kernel->model->device->config, error)) return call_status(&c);
    bool ok = described_classifier(kernel->func, &is)
           || wrong(&c.d, "%s is no classifier%s", kernel->func->name, "");
    const Shape s = SHAPE(ok ? is.classes->nelem : 0);
    ok = ok && tensor_alloc(&t, &c.d, is.classes->type->sub[0]->dtype, &s);
    for (size_t i = 0; ok && i < t.count; i++) {
        Tensor one;
        ok = const_tensor(is.classes->elem[i], &c.d, &one);
        if (ok)
            memcpy((char *)t.data + i * (t.bytes / t.count), one.data, t.bytes / t.count);
        tensor_free(&one);
    }
    if (!ok) tensor_free(&t);
    const anec_status end = call_end(&c, ok);
    if (ok) tell_tensor(&t, out);
    return end;
}

static const Tensor *result_of(const anec_kernel *k, const Value *v)
{
    const Binding *b;
    const int n = program_results(k->program, &b);
    for (int i = 0; v && i < n; i++)
        if (!strcmp(b[i].name, v->name)) return &b[i].value;
    return NULL;
}

/* The n largest, of equal ones the first; NaN comes last. */
static int find_best(const Tensor *p, const Const *classes, anec_class *out, int n)
{
    int have = 0;
    for (size_t i = 0; i < p->count && i < (size_t)classes->nelem; i++) {
        const double v = tensor_float(p, i);
        int at = have;
        while (at
               && (v > out[at - 1].probability
                   || (isnan(out[at - 1].probability) && !isnan(v))))
            at--;
        if (at >= n) continue;
        const Const *name = classes->elem[i];
        const bool text = name->type->dtype == DT_STRING;
        have += have < n;
        memmove(out + at + 1, out + at, (size_t)(have - 1 - at) * sizeof *out);
        out[at] = (anec_class){ .probability = v };
        if (text) out[at].text = *(const char *const *)name->data;
        else memcpy(&out[at].number, name->data, sizeof out[at].number);
    }
    return have;
}

int anec_best(anec_kernel *kernel, anec_class *out, int n)
{
    ApiCall c;
    Classifier is;
    if (!kernel || !out || n < 1 || call_start(&c, kernel->model->device->config, NULL))
        return 0;
    if (call_enter(&c, kernel, false)) return 0;
    const bool known = kernel->program->ran && described_classifier(kernel->func, &is);
    const Tensor *p = known ? result_of(kernel, is.probabilities) : NULL;
    const int have = p ? find_best(p, is.classes, out, n) : 0;
    call_end(&c, true);
    return have;
}

/* ---- images ------------------------------------------------------------------------------ */

anec_status anec_image_save(anec_kernel *kernel, const char *result, const char *path,
                            anec_error *error)
{
    ApiCall c;
    Arena a = { 0 };
    Described is = { 0 };
    Picture p = { 0 };
    GIVEN(kernel);
    GIVEN(result);
    GIVEN(path);
    ENTER(&c, kernel, false, error);
    if (!kernel->program->ran)
        return call_say(&c, ANEC_EMPTY, "there are no results of a run");
    const Value *v = NULL;
    const Block *b = kernel->func->body;
    for (int i = 0; i < b->nresult; i++)
        if (!strcmp(b->result[i]->name, result)) v = b->result[i];
    if (v) described(kernel->func, v, false, &a, &is);
    const Tensor *t = is.pixels ? result_of(kernel, v) : NULL;
    bool ok = t
           || wrong(&c.d, "%s has no result %s that is an image", kernel->func->name,
                    result);
    ok = ok && picture_of_tensor(&p, &c.d, result, &is, t)
      && picture_write(&p, &c.d, path);
    mem_free(p.data);
    arena_free(&a);
    return call_end(&c, ok);
}

int anec_has_png(void) { return picture_has_png(); }
