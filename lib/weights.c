/* weights.c -- the public library: models with other weights, and saving models. */
#include "library.h"

#include "../ir/mil/mil.h"

#include <string.h>

/* ---- baked ------------------------------------------------------------------------------- */

void model_bake(anec_model *m)
{
    Func *f = module_func(m->m.module, m->m.promote);
    Diag quiet = { .quiet = true };
    for (int i = 0; i < m->m.weights.count; i++) {
        const DslWeight *w = &m->m.weights.at[i];
        int at = 0;
        Value *in = f->body->param[param_find(f, w->input, &at)];
        Builder b = builder_at(f->body, f->body->first, &quiet, value_loc(in));
        Value *v = build_const(&b, w->input, w->value);
        func_replace_uses(f, in, v);
        block_drop_param(f->body, in);
        v->name = w->input;
        op_set_name(m->m.module, v->def, v->name);
    }
    diag_free(&quiet);
}

/* ---- given ------------------------------------------------------------------------------- */

/* The tensor as a constant of the model's. */
static bool model_give(anec_model *m, Diag *d, const anec_input *from, DslGiven *to)
{
    Tensor t;
    const char *path = arena_strdup(&m->m.arena, from->name);
    if (!view_tensor(d, path, from->tensor, false, &t)) return false;
    if (!dtype_is_float(t.dtype))
        return diag_error(d, (Loc){ 0 }, "%s is given as %s: weights are given as floats",
                          path, dtypes[t.dtype].name);
    void *data = arena_alloc(&m->m.arena, t.bytes + 1);
    if (t.bytes) memcpy(data, t.data, t.bytes);
    Const *c = const_data(&m->m.arena, type_tensor(&m->m.arena, t.dtype, t.shape), data);
    c->in_file = t.count > 1;
    *to = (DslGiven){ path, c };
    return true;
}

anec_status anec_with_weights(anec_model *model, const anec_input *weights, int n,
                              anec_model **out, anec_error *error)
{
    ApiCall c;
    GIVEN(out);
    *out = NULL;
    GIVEN(model);
    if (n) GIVEN(weights);
    for (int i = 0; i < n; i++)
        if (!weights[i].name || !weights[i].tensor)
            return say(error, ANEC_WRONG, "a weight or its name is NULL");
    if (model->given_up) return say(error, ANEC_WRONG, "the model was freed");
    if (model->device->given_up) return say(error, ANEC_WRONG, "the device was closed");
    if (!model->m.dsl)
        return say(error, ANEC_WRONG,
                   "weights are given to an .anedsl, where they have paths");
    if (call_start(&c, model->device->config, error)) return call_status(&c);
    anec_model *m = model_again(model);
    DslGiven *given = NEW_ARRAY(&m->m.arena, n + 1, DslGiven);
    bool ok = true;
    for (int i = 0; ok && i < n; i++) ok = model_give(m, &c.d, &weights[i], &given[i]);
    m->m.given = given;
    m->m.ngiven = n;
    model_stage(&c, "load");
    return model_finish(m, &c, ok ? ANEC_OK : ANEC_WRONG, out);
}

/* ---- in files ---------------------------------------------------------------------------- */

anec_status anec_save(const anec_model *model, const char *path, anec_error *error)
{
    ApiCall c;
    GIVEN(model);
    GIVEN(path);
    if (model->given_up) return say(error, ANEC_WRONG, "the model was freed");
    if (call_start(&c, model->device->config, error)) return call_status(&c);
    bool ok = container_writes(path);
    if (!ok) {
        Arena a = { 0 };
        diag_error(&c.d, (Loc){ 0 }, "%s: the name must end in %s", path,
                   container_endings(&a, false));
        arena_free(&a);
    }
    Module *copy = ok ? module_clone(model->m.module) : NULL; /* writing moves literals */
    ok = ok && file_make_dirs(&c.d, file_dir(&copy->arena, path))
      && container_save(copy, &c.d, path);
    if (copy) module_free(copy);
    return call_end(&c, ok);
}
