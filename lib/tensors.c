/* tensors.c -- the public library: reading, writing and comparing tensors. */
#include "library.h"
#include "tensor_io.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A tensor of the caller's: its memory, in the other form. */
static anec_status hand_over(ApiCall *c, bool ok, Tensor *t, anec_tensor *out)
{
    if (!ok) tensor_free(t);
    const anec_status s = call_end(c, ok);
    if (ok) tell_tensor(t, out);
    return s;
}

void anec_tensor_free(anec_tensor *tensor)
{
    if (!tensor) return;
    mem_free(tensor->data);
    *tensor = (anec_tensor){ 0 };
}

/* ---- in ---------------------------------------------------------------------------------- */

anec_status anec_tensor_read(anec_kernel *kernel, const char *port, const char *text,
                             anec_tensor *out, anec_error *error)
{
    ApiCall c;
    Tensor t = { 0 };
    const anec_kernel *k = kernel;
    GIVEN(out);
    *out = (anec_tensor){ 0 };
    GIVEN(kernel);
    GIVEN(port);
    GIVEN(text);
    const int p = param_of(k, port);
    if (call_start(&c, k->model->device->config, error)) return call_status(&c);
    bool ok = p >= 0 || wrong(&c.d, "%s has no input or state %s", k->func->name, port);
    if (ok) {
        const Value *v = k->func->body->param[p];
        Arena a = { 0 };
        Place to = { .name = port,
                     .want = param_type(v),
                     .own = param_is_kept(k->func, v) ? NULL : declared_type(k, p),
                     .strict = config_get(c.config, CONFIG_strict)->count > 0 };
        described(k->func, v, true, &a, &to.described);
        ok = tensor_given(&t, &c.d, text, &to);
        arena_free(&a);
    }
    return hand_over(&c, ok, &t, out);
}

static bool make_random(const anec_kernel *k, int p, uint64_t seed, Tensor *t, Diag *d)
{
    const Value *v = k->func->body->param[p];
    Arena a = { 0 };
    Flex flex;
    Shape s;
    bool ok = v->type->kind == TY_TENSOR
           || diag_error(d, value_loc(v), "input %s is a %s; only tensors can be given",
                         v->name, type_text(&a, v->type));
    s = v->type->shape;
    ok = ok && (shape_known(&s) || flex_read(k->func, d, &a, &flex))
      && (shape_known(&s) || flex_default(k->func, &flex, p, &s)
          || diag_error(d, value_loc(v),
                        "input %s has no default shape for %s: give it with -i", v->name,
                        type_text(&a, v->type)))
      && tensor_random(t, d, seed, v->name, v->type->dtype, &s);
    arena_free(&a);
    return ok;
}

anec_status anec_tensor_random(anec_kernel *kernel, const char *input, uint64_t seed,
                               anec_tensor *out, anec_error *error)
{
    ApiCall c;
    Tensor t = { 0 };
    const anec_kernel *k = kernel;
    GIVEN(out);
    *out = (anec_tensor){ 0 };
    GIVEN(kernel);
    GIVEN(input);
    const int p = param_of(k, input);
    if (call_start(&c, k->model->device->config, error)) return call_status(&c);
    bool ok = p >= 0 && !param_is_kept(k->func, k->func->body->param[p]);
    if (!ok) wrong(&c.d, "%s has no input %s", k->func->name, input);
    ok = ok && make_random(k, p, seed, &t, &c.d);
    return hand_over(&c, ok, &t, out);
}

anec_status anec_weight_value(anec_model *step, int i, anec_tensor *out,
                              anec_error *error)
{
    ApiCall c;
    Tensor t = { 0 }, view = { 0 };
    GIVEN(out);
    *out = (anec_tensor){ 0 };
    GIVEN(step);
    if (!anec_weight(step, i, NULL))
        return say(error, ANEC_WRONG, "there is no such weight");
    if (step->given_up) return say(error, ANEC_WRONG, "the model was freed");
    if (call_start(&c, step->device->config, error)) return call_status(&c);
    bool ok = const_tensor(step->m.weights.at[i].value, &c.d, &view)
           && tensor_copy(&t, &c.d, &view) && module_stayed(step->m.module, &c.d);
    tensor_free(&view);
    return hand_over(&c, ok, &t, out);
}

/* Pixels as they are: [height, width, channels]. */
static bool load_pixels(Tensor *t, Diag *d, const char *path)
{
    Picture p;
    if (!picture_read_plain(&p, d, path)) return false;
    const Shape s = SHAPE(p.size[SIDE_HEIGHT], p.size[SIDE_WIDTH], p.channels);
    const bool ok = tensor_alloc(t, d, DT_UINT8, &s);
    if (ok) memcpy(t->data, p.data, t->count);
    mem_free(p.data);
    return ok;
}

anec_status anec_tensor_load(const anec_config *config, const char *path,
                             anec_tensor *out, anec_error *error)
{
    ApiCall c;
    Tensor t = { 0 };
    GIVEN(out);
    *out = (anec_tensor){ 0 };
    GIVEN(path);
    if (call_start(&c, config, error)) return call_status(&c);
    const bool pixels = file_has_suffix(path, ".png");
    const bool ok = pixels ? load_pixels(&t, &c.d, path) : tensor_load(&t, &c.d, path);
    return hand_over(&c, ok, &t, out);
}

/* ---- out --------------------------------------------------------------------------------- */

/* A list is the library's own Tensor (tell_tensor). */
static bool view_any(Diag *d, const anec_tensor *tensor, Tensor *out)
{
    if (!tensor->dtype || strcmp(tensor->dtype, "list") != 0)
        return view_tensor(d, "tensor", tensor, true, out);
    *out = *(const Tensor *)tensor->data;
    return true;
}

anec_status anec_tensor_save(const anec_config *config, const anec_tensor *tensor,
                             const char *path, anec_error *error)
{
    ApiCall c;
    Tensor t;
    GIVEN(tensor);
    GIVEN(path);
    if (call_start(&c, config, error)) return call_status(&c);
    return call_end(&c, view_any(&c.d, tensor, &t) && tensor_save(&t, &c.d, path));
}

/* Without a place for messages: whether there is such a tensor. */
static bool view_quietly(const anec_tensor *tensor, Tensor *out)
{
    Diag d = { .quiet = true };
    bool ok = tensor && view_any(&d, tensor, out);
    diag_free(&d);
    return ok;
}

int anec_doubles(const anec_tensor *tensor, size_t first, size_t n, double *out)
{
    ApiCall c;
    Tensor t;
    if ((n && !out) || call_start(&c, NULL, NULL)) return 0;
    const bool is = view_quietly(tensor, &t);
    call_end(&c, true);
    if (!is || t.is_list || t.dtype == DT_STRING) return 0;
    if (first > t.count || n > t.count - first) return 0;
    if (n) tensor_get_floats(&t, first, n, out);
    return 1;
}

char *anec_summary(const anec_tensor *tensor)
{
    ApiCall c;
    Tensor t;
    Buf out = { 0 };
    if (call_start(&c, NULL, NULL)) return NULL;
    if (view_quietly(tensor, &t)) report_tensor(&out, &t);
    else buf_puts(&out, "no tensor\n");
    call_end(&c, true);
    return out.s;
}

static void tensor_compare(const anec_tensor *a, const anec_tensor *b,
                           const char *precision, const Tolerance *tol,
                           anec_difference *r)
{
    Tensor x, y;
    Buf line = { 0 };
    if (view_quietly(a, &x) && view_quietly(b, &y)) {
        const DType as = precision ? dtype_find(precision, strlen(precision)) : x.dtype;
        r->differs = !report_compare(&line, &x, &y, as, tol);
        if (!x.is_list && !y.is_list)
            report_parting(tol, as, &x, &y, &r->overflow, &r->loss);
    } else buf_puts(&line, "no tensor\n");
    line.s[line.len - 1] = 0; /* the end of the line */
    snprintf(r->text, sizeof r->text, "%s", line.s);
    buf_free(&line);
}

void anec_compare(const anec_tensor *a, const anec_tensor *b, const char *precision,
                  const anec_tolerance *tolerance, anec_difference *out)
{
    ApiCall c;
    Tolerance tol = { 0 };
    if (!out) return;
    const size_t size = out->size < sizeof *out ? out->size : sizeof *out;
    anec_difference r = {
        .size = size, .differs = -1, .overflow = -1, .loss = -1, .text = "no memory"
    };
    memcpy(out, &r, size);
    r.differs = 1;
    if (tolerance)
        tol = (Tolerance){ .has_rtol = tolerance->rtol >= 0,
                           .rtol = tolerance->rtol,
                           .has_atol = tolerance->atol >= 0,
                           .atol = tolerance->atol };
    if (call_start(&c, NULL, NULL)) return;
    tensor_compare(a, b, precision, &tol, &r);
    call_end(&c, true);
    memcpy(out, &r, size);
}
