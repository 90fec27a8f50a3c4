/* coreml_values.c -- tensors as Core ML's arrays: inputs in the memory of the caller, results in
 * memory that they have before the run, what it gives elsewhere copied; and the states that it
 * keeps. */
#include "coreml.h"

static void drop_all(Objc *o, MlFeature *f, int n)
{
    for (int i = 0; i < n; i++) objc_drop(o, &f[i].array);
}

Id coreml_inputs(MlProgram *p, Arena *a, const Binding *in, int nin, Diag *d)
{
    const Block *b = p->base.func->body;
    MlFeature *f = NEW_ARRAY(a, b->nparam + 1, MlFeature);
    Trouble why;
    int n = 0, at = 0;
    bool ok = true;
    for (int k = 0; ok && k < nin; k++) {
        const int i = param_find(p->base.func, in[k].name, &at);
        if (i < 0 || param_is_state(b->param[i])) continue;
        if (!in[k].value.count) {
            ok = diag_error(d, (Loc){ 0 },
                            "Core ML takes no input without elements, and %s has none",
                            in[k].name);
            continue;
        }
        f[n] = (MlFeature){ .name = in[k].name,
                            .array = ml_array_new(p->c->ml, &in[k].value, a, &why) };
        ok = f[n].array
          || diag_fail(d, "Core ML makes no array of %s: %s", in[k].name,
                       trouble_text(a, &why));
        n += ok;
    }
    Id features = ok ? ml_features_new(p->c->ml, a, f, n, &why) : NULL;
    if (ok && !features)
        diag_fail(d, "Core ML does not take the inputs: %s", trouble_text(a, &why));
    drop_all(p->c->ml->objc, f, n);
    return features;
}

/* The program is older than the run that fills its results. */
static bool alloc_result(MlProgram *p, Tensor *to, Diag *d, DType t, const Shape *shape)
{
    if (!tensor_alloc(to, d, t, shape)) return false;
    mem_follow(p, to->data);
    return true;
}

/* Results of known shape have their memory before the run. One that was taken gets new. */
bool coreml_backings(MlProgram *p, Arena *a, Diag *d)
{
    const Block *b = p->base.func->body;
    MlFeature *f = NEW_ARRAY(a, b->nresult + 1, MlFeature);
    Trouble why;
    int n = 0;
    for (int i = 0; i < b->nresult; i++) {
        const Type *t = b->result[i]->type;
        Tensor *to = &p->result[i].value;
        if (!shape_known(&t->shape)) continue;
        if (!to->owned) {
            objc_drop(p->c->ml->objc, &p->backing[i]);
            objc_drop(p->c->ml->objc, &p->options);
            if (!alloc_result(p, to, d, t->dtype, &t->shape)) return false;
        }
        /* Core ML describes these without a shape */
        if (!t->shape.rank || !to->count) continue;
        if (!p->backing[i]) p->backing[i] = ml_array_new(p->c->ml, to, a, &why);
        mem_follow(p, p->backing[i]);
        if (!p->backing[i])
            return diag_fail(d, "Core ML makes no array of %s: %s", p->result[i].name,
                             trouble_text(a, &why));
        f[n++] = (MlFeature){ .name = p->result[i].name, .array = p->backing[i] };
    }
    if (!p->options) p->options = ml_options_new(p->c->ml, a, f, n);
    mem_follow(p, p->options);
    return true;
}

/* A scalar may come as an array of one element. */
static bool coreml_fits(const MlLayout *l, const Type *t)
{
    const Type got = { .kind = TY_TENSOR, .dtype = l->dtype, .shape = l->shape };
    size_t n;
    if (!t->shape.rank)
        return l->dtype == t->dtype && shape_count(&l->shape, &n) && n == 1;
    return type_fits(&got, t);
}

static bool read_result(MlProgram *p, int i, Id array, Arena *a, Diag *d)
{
    const Type *t = p->base.func->body->result[i]->type;
    const char *name = p->result[i].name;
    Tensor *to = &p->result[i].value;
    MlLayout l;
    if (!ml_array_layout(p->c->ml, array, &l))
        return diag_fail(d, "Core ML gave an array for %s that no tensor can be", name);
    if (!coreml_fits(&l, t)) {
        const Type got = { .kind = TY_TENSOR, .dtype = l.dtype, .shape = l.shape };
        return diag_fail(d, "Core ML gave %s for %s, which is %s", type_text(a, &got),
                         name, type_text(a, t));
    }
    if (!shape_known(&t->shape)) {
        tensor_free(to);
        if (!alloc_result(p, to, d, l.dtype, &l.shape)) return false;
    }
    if (!to->count || ml_array_read(p->c->ml, array, to->data)) return true;
    return diag_fail(
        d, "the array that Core ML gave for %s is smaller than its strides say", name);
}

bool coreml_read_results(MlProgram *p, Id results, Arena *a, Diag *d)
{
    bool ok = true;
    for (int i = 0; ok && i < p->base.func->body->nresult; i++) {
        Id array = ml_feature_new(p->c->ml, results, p->result[i].name);
        if (!array)
            ok = diag_fail(d, "Core ML gave no array for the result %s",
                           p->result[i].name);
        else if (array != p->backing[i]) ok = read_result(p, i, array, a, d);
        objc_drop(p->c->ml->objc, &array);
    }
    return ok;
}

/* ---- states ------------------------------------------------------------------------------ */

bool coreml_state(MlProgram *p, Diag *d)
{
    if (!p->nkept || p->state) return true;
    p->state = ml_state_new(p->c->ml, p->model);
    mem_follow(p, p->state);
    return p->state || diag_fail(d, "Core ML makes no states for the program");
}

/* Of every state a tensor. That they can be read shows that they are what the program says. */
bool coreml_states(MlProgram *p, Diag *d)
{
    const Block *b = p->base.func->body;
    p->kept = NEW_ARRAY(&p->arena, b->nparam + 1, Binding);
    for (int i = 0; i < b->nparam; i++) {
        if (!param_is_state(b->param[i])) continue;
        const Type *t = param_type(b->param[i]);
        Binding *s = &p->kept[p->nkept++];
        *s = (Binding){ .name = b->param[i]->name };
        if (!tensor_alloc(&s->value, d, t->dtype, &t->shape)) return false;
    }
    if (!coreml_state(p, d)) return false;
    for (int i = 0; i < p->nkept; i++)
        if (!ml_state_read(p->c->ml, p->state, p->kept[i].name, &p->kept[i].value))
            return diag_fail(d, "Core ML has another state %s than the program",
                             p->kept[i].name);
    return true;
}

bool coreml_read_states(MlProgram *p)
{
    for (int i = 0; i < p->nkept; i++)
        if (!ml_state_read(p->c->ml, p->state, p->kept[i].name, &p->kept[i].value))
            return false;
    return true;
}

bool coreml_write_states(MlProgram *p)
{
    for (int i = 0; i < p->nkept; i++)
        if (!ml_state_write(p->c->ml, p->state, p->kept[i].name, &p->kept[i].value))
            return false;
    return true;
}
