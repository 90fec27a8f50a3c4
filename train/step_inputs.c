/* step_inputs.c -- what the programs of a run are given: weights, as the step begins with them, and
 * the inputs of a run, each in the type that the program takes. */
#include "train.h"

#include <string.h>

/* ---- weights ----------------------------------------------------------------------------- */

/* What it begins as, which a run that is only told of does not need. */
static bool weight_value(TrainPrograms *e, int i, TrainParam *p)
{
    enum { AT_ONCE = 4096 };
    double some[AT_ONCE];
    anec_tensor t;
    anec_error error;
    if (!programs_said(e, anec_weight_value(e->step, i, &t, &error), &error))
        return false;
    bool ok = true;
    for (size_t k = 0, n; ok && k < p->count; k += n) {
        n = p->count - k < AT_ONCE ? p->count - k : AT_ONCE;
        ok = anec_doubles(&t, k, n, some);
        for (size_t j = 0; j < n; j++) p->master[k + j] = (float)some[j];
    }
    anec_tensor_free(&t);
    return ok;
}

static bool read_weight(TrainPrograms *e, int i, TrainParam *p)
{
    anec_tensor port;
    const char *input, *name;
    p->path = arena_strdup(&e->arena, anec_weight(e->step, i, &input));
    p->input = arena_strdup(&e->arena, input);
    p->gradient = arena_printf(&e->arena, "d_%s", p->input);
    for (int k = 0; (name = anec_port(e->look, ANEC_INPUT, k, &port)); k++)
        if (!strcmp(name, input)) break;
    if (!name) bug("the weight %s is no input", p->path);
    p->rank = port.rank;
    memcpy(p->shape, port.shape, sizeof p->shape);
    p->count = 1;
    for (int k = 0; k < p->rank; k++) p->count *= (size_t)p->shape[k];
    p->master = arena_array(&e->arena, p->count + 1, sizeof(float));
    p->frozen = !programs_result(e, p->gradient);
    p->part = segments_part(&e->segments, p->gradient);
    if (!p->frozen)
        p->grad = p->room = arena_array(&e->arena, p->count + 1, sizeof(float));
    e->numbers += p->count;
    e->learned += p->frozen ? 0 : p->count;
    return e->job->dry || weight_value(e, i, p);
}

bool programs_weights(TrainPrograms *e)
{
    while (anec_weight(e->step, e->nparam, NULL)) e->nparam++;
    e->param = NEW_ARRAY(&e->arena, e->nparam + 1, TrainParam);
    for (int i = 0; i < e->nparam; i++)
        if (!read_weight(e, i, &e->param[i])) return false;
    return true;
}

anec_tensor weight_tensor(const TrainParam *p)
{
    anec_tensor t = { .dtype = "fp32",
                      .rank = p->rank,
                      .data = p->master,
                      .bytes = p->count * sizeof(float) };
    memcpy(t.shape, p->shape, sizeof t.shape);
    return t;
}

anec_tensor weight_given(const TrainPrograms *e, Arena *a, const TrainParam *p)
{
    anec_tensor t = weight_tensor(p);
    if (!e->half) return t;
    uint16_t *half = arena_array(a, p->count + 1, sizeof *half);
    halves_round(p->path, e->turn, p->master, p->count, half);
    t.dtype = "fp16";
    t.data = half;
    t.bytes = p->count * sizeof *half;
    return t;
}

/* ---- inputs ------------------------------------------------------------------------------ */

void inputs_open(TrainInputs *in, const anec_kernel *kernel, int most)
{
    *in = (TrainInputs){ .kernel = kernel };
    in->at = NEW_ARRAY(&in->arena, most + 1, anec_input);
    in->tensor = NEW_ARRAY(&in->arena, most + 1, anec_tensor);
}

bool inputs_port(const TrainInputs *in, const char *name, anec_tensor *port)
{
    const char *other;
    for (int i = 0; (other = anec_port(in->kernel, ANEC_INPUT, i, port)); i++)
        if (!strcmp(other, name)) return true;
    return false;
}

void inputs_give(TrainInputs *in, const char *name, const char *origin,
                 const anec_tensor *t)
{
    anec_tensor port, *to = &in->tensor[in->n];
    *to = *t;
    in->at[in->n++] = (anec_input){ name, origin, to };
    if (!inputs_port(in, name, &port) || !strcmp(port.dtype, t->dtype)) return;
    if (!strcmp(port.dtype, "fp16") && !strcmp(t->dtype, "fp32")) {
        const size_t n = t->bytes / sizeof(float);
        uint16_t *half = arena_array(&in->arena, n + 1, sizeof *half);
        f16_from_floats(t->data, half, n);
        *to = (anec_tensor){ .dtype = "fp16", .data = half, .bytes = n * sizeof *half };
    } else if (!strcmp(port.dtype, "fp32") && !strcmp(t->dtype, "fp16")) {
        const size_t n = t->bytes / sizeof(uint16_t);
        float *wide = arena_array(&in->arena, n + 1, sizeof *wide);
        f16_to_floats(t->data, wide, n);
        *to = (anec_tensor){ .dtype = "fp32", .data = wide, .bytes = n * sizeof *wide };
    } else return;
    to->rank = t->rank;
    memcpy(to->shape, t->shape, sizeof to->shape);
}

/* Of a scalar that is the loss's, in its dimensions. */
void inputs_give_scale(TrainInputs *in, const char *name, const float *scale)
{
    anec_tensor port;
    if (!inputs_port(in, name, &port)) return;
    port.dtype = "fp32";
    port.data = (float *)(uintptr_t)scale;
    port.bytes = sizeof *scale;
    inputs_give(in, name, "the scale", &port);
}
