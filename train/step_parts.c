/* step_parts.c -- the step in parts: layers that are alike are instances of one program.
 * Inputs of a part are wired to the results of earlier parts, so that nothing is copied but
 * values that change between fp32 and fp16. */
#include "train.h"

/* ---- opening ----------------------------------------------------------------------------- */

/* What makes a value, among parts before `before`. */
static void segments_find(const TrainSegments *s, int before, TrainWire *w)
{
    const char *port, *value;
    w->part = -1;
    for (int i = 0; i < before; i++)
        for (int k = 0; (port = anec_part_port(s->parts, i, ANEC_RESULT, k, &value)); k++)
            if (!strcmp(value, w->value)) {
                w->part = i;
                w->result = port;
            }
}

static void segments_wire(TrainPrograms *e, int i)
{
    TrainSegments *s = &e->segments;
    TrainPart *p = &s->part[i];
    const char *port, *value;
    while (anec_part_port(s->parts, i, ANEC_INPUT, p->nin, NULL)) p->nin++;
    p->in = NEW_ARRAY(&e->arena, p->nin + 1, TrainWire);
    for (int k = 0; (port = anec_part_port(s->parts, i, ANEC_INPUT, k, &value)); k++) {
        p->in[k] = (TrainWire){ .port = port, .value = value };
        segments_find(s, i, &p->in[k]);
    }
}

static bool segments_alike(const anec_tensor *a, const anec_tensor *b)
{
    return !strcmp(a->dtype, b->dtype) && a->rank == b->rank
        && !memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape);
}

static bool segments_port(const anec_kernel *k, anec_kind kind, const char *name,
                          anec_tensor *out)
{
    const char *other;
    for (int i = 0; (other = anec_port(k, kind, i, out)); i++)
        if (!strcmp(other, name)) return true;
    return false;
}

/* What goes from part to part on the device does so without the processor, once and for all;
 * what it has in another type or dimensions there goes by segments_take. */
static bool segments_hand(TrainPrograms *e, TrainPart *p)
{
    bool ok = true;
    for (int k = 0; ok && k < p->nin; k++) {
        TrainWire *w = &p->in[k];
        const TrainPart *from = w->part < 0 ? NULL : &e->segments.part[w->part];
        anec_tensor in, out;
        anec_error error;
        e->segments.wires += from != NULL;
        if (!from || p->info.host || from->info.host
            || !segments_port(p->kernel, ANEC_INPUT, w->port, &in)
            || !segments_port(from->kernel, ANEC_RESULT, w->result, &out)
            || !segments_alike(&in, &out))
            continue;
        ok = programs_said(
            e, anec_rewire(p->kernel, w->port, from->kernel, w->result, &error), &error);
        w->handed = ok;
        e->segments.handed += ok;
    }
    return ok;
}

bool segments_open(TrainPrograms *e, anec_model *model)
{
    anec_error error;
    TrainSegments *s = &e->segments;
    const char *save = e->job->set.at[SET_save].text ? e->job->set.at[SET_save].text : "";
    const bool layer = !strcmp(save, "layer");
    const anec_step_options o = { .size = sizeof o,
                                  .function = e->function,
                                  .trained = e->job->set.at[SET_train].text,
                                  .refused = e->job->refused,
                                  .lifted = rule_divides(&e->job->set),
                                  .cheap_again = !strcmp(save, "default"),
                                  .scaled = 1 };
    if (!programs_said(e,
                       anec_step_parts(model, e->device, e->host, &o,
                                       layer ? 1 : e->job->set.at[SET_memory].count,
                                       &s->parts, &error),
                       &error))
        return false;
    if (!s->parts) return true;
    while (anec_part(s->parts, s->n, NULL)) s->n++;
    s->part = NEW_ARRAY(&e->arena, s->n + 1, TrainPart);
    for (int i = 0; i < s->n; i++) {
        TrainPart *p = &s->part[i];
        p->info.size = sizeof p->info;
        p->kernel = anec_part(s->parts, i, &p->info);
        segments_wire(e, i);
        if (p->info.program < s->programs) continue;
        s->programs++;
        s->engine += !p->info.host;
    }
    e->step = anec_parts_step(s->parts);
    bool ok = true;
    for (int i = 0; ok && i < s->n; i++) ok = segments_hand(e, &s->part[i]);
    return ok;
}

void segments_close(TrainSegments *s) { anec_parts_free(s->parts); }

/* ---- running ----------------------------------------------------------------------------- */

/* In the dimensions of the port, which may be others of as many elements. */
static void segments_give(TrainInputs *in, const TrainWire *w, const char *origin,
                          anec_tensor v)
{
    anec_tensor port;
    if (inputs_port(in, w->port, &port)) {
        v.rank = port.rank;
        memcpy(v.shape, port.shape, sizeof v.shape);
    }
    inputs_give(in, w->port, origin, &v);
}

static bool segments_given(const TrainData *t, TrainInputs *in, const TrainWire *w)
{
    for (int i = 0; i < t->ncolumn; i++)
        if (!strcmp(t->column[i].input, w->value)) {
            segments_give(in, w, t->column[i].file, t->column[i].tensor);
            return true;
        }
    return false;
}

static bool segments_weight(const TrainPrograms *e, const TrainPart *p, TrainInputs *in,
                            const TrainWire *w)
{
    for (int i = 0; i < e->nparam; i++)
        if (!strcmp(e->param[i].input, w->value)) {
            segments_give(in, w, "a weight",
                          p->info.host ? weight_tensor(&e->param[i])
                                       : weight_given(e, &in->arena, &e->param[i]));
            return true;
        }
    return false;
}

static bool segments_take(TrainPrograms *e, const TrainWire *w, anec_tensor *out)
{
    anec_error error;
    return programs_said(
        e, anec_result(e->segments.part[w->part].kernel, w->result, out, &error), &error);
}

bool segments_run(TrainPrograms *e, int at, const TrainData *t, const float *scale)
{
    const TrainPart *p = &e->segments.part[at];
    TrainInputs in;
    anec_run_options o = { .size = sizeof o, .threads = (int)e->job->threads, .lean = 1 };
    anec_error error;
    bool ok = true;
    inputs_open(&in, p->kernel, p->nin);
    for (int i = 0; ok && i < p->nin; i++) {
        const TrainWire *w = &p->in[i];
        anec_tensor v;
        if (w->handed) continue;
        if (w->part >= 0) {
            ok = segments_take(e, w, &v);
            if (ok) segments_give(&in, w, w->value, v);
        } else if (!segments_given(t, &in, w) && !segments_weight(e, p, &in, w))
            inputs_give_scale(&in, w->port, scale);
    }
    ok = ok
      && programs_said(e, anec_run_with(p->kernel, in.at, in.n, &o, &error), &error);
    arena_free(&in.arena);
    return ok;
}

const char *segments_refused(const TrainSegments *s, Arena *a)
{
    const char *all = "";
    for (int program = 0, i = 0; i < s->n; i++) {
        if (s->part[i].info.program != program) continue;
        if (s->part[i].info.why)
            all = arena_printf(a, "%s%s%d", all, *all ? "," : "", program);
        program++;
    }
    return all;
}

int segments_part(const TrainSegments *s, const char *name)
{
    TrainWire w = { .value = name };
    segments_find(s, s->n, &w);
    return w.part;
}

bool segments_result(TrainPrograms *e, const char *name, anec_tensor *out)
{
    TrainWire w = { .value = name };
    segments_find(&e->segments, e->segments.n, &w);
    if (w.part < 0) bug("no part has the result %s", name);
    return segments_take(e, &w, out);
}
