/* first_runs.c -- trials that run programs: their results, and surfaces that are input and
 * result at once. */
#include "first.h"

#include <math.h>
#include <string.h>

/* ---- a run ------------------------------------------------------------------------------- */

enum {
    BATCHES = 2,
    CHANNELS = 2,
    LINES = 2,
    WIDTH = 40,
    ALL = BATCHES * CHANNELS * LINES * WIDTH
};

static uint16_t *first_element(void *base, const Port *p, int i)
{
    const size_t w = (size_t)i % WIDTH, h = (size_t)i / WIDTH % LINES,
                 c = (size_t)i / (WIDTH * LINES) % CHANNELS,
                 n = (size_t)i / (WIDTH * LINES * CHANNELS);
    return (uint16_t *)(void *)((char *)base + n * p->batch_stride + c * p->plane
                                + h * p->row + w * 2);
}

static bool first_fits(const Port *p)
{
    return p->batch == BATCHES && p->channels == CHANNELS && p->height == LINES
        && p->width == WIDTH && p->element == 2;
}

/* a is 2 i, b is i / 2, so that r is 1.5 i: exchanged they are seen. */
static bool first_fill(FirstTrial *t, Id surface, const Port *p)
{
    void *base = surface && first_fits(p) ? engine_lock(t->engine, surface, 0) : NULL;
    for (int i = 0; base && i < ALL; i++)
        *first_element(base, p,
                       i) = f16_from_double(!strcmp(p->name, "a") ? 2.0 * i : i / 2.0);
    if (base) engine_unlock(t->engine, surface, 0);
    return base != NULL;
}

/* Whether element i is `each` times i, and `more`. */
static FirstVerdict first_look(FirstTrial *t, Id surface, const Port *p, double each,
                               double more)
{
    void *base = engine_lock(t->engine, surface, SURFACE_READ);
    if (!base) return first_say(t, FIRST_UNKNOWN, "the result's surface cannot be read");
    FirstVerdict v = first_say(t, FIRST_HOLDS, "%d elements are right", ALL);
    for (int i = ALL - 1; i >= 0; i--) {
        const double got = f16_to_double(*first_element(base, p, i)),
                     want = each * i + more;
        if (!(fabs(got - want) <= 0.5))
            v = first_say(t, FIRST_DIFFERS, "element %d is %g, and should be %g", i, got,
                          want);
    }
    engine_unlock(t->engine, surface, SURFACE_READ);
    return v;
}

static bool first_run(FirstTrial *t, const Layout *l, const Id *in, const Id *out)
{
    Trouble why;
    Objc *o = t->engine->objc;
    Id request = engine_request_new(t->engine, l, in, out);
    const bool ok = request && engine_run(t->engine, &t->arena, t->model, request, &why);
    if (!request) first_say(t, FIRST_DIFFERS, "the framework does not take the request");
    else if (!ok)
        first_say(t, FIRST_DIFFERS, "it does not run: %s", trouble_text(&t->arena, &why));
    objc_drop(o, &request);
    return ok;
}

static bool first_ports(FirstTrial *t, Layout *l)
{
    if (!first_layout(t, l)) return false;
    if (l->nin == 2 && l->nout == 1 && first_fits(&l->in[0]) && first_fits(&l->in[1])
        && first_fits(&l->out[0]))
        return true;
    first_say(t, FIRST_UNKNOWN, "the ports are others than the program's");
    return false;
}

typedef struct {
    Id in[2], out[1]; /* in the layout's order */
} FirstSurfaces;

static bool first_surfaces(FirstTrial *t, const Layout *l, FirstSurfaces *s)
{
    for (int i = 0; i < 2; i++) s->in[i] = engine_surface_new(t->engine, &l->in[i]);
    s->out[0] = engine_surface_new(t->engine, &l->out[0]);
    if (first_fill(t, s->in[0], &l->in[0]) && first_fill(t, s->in[1], &l->in[1])
        && s->out[0])
        return true;
    first_say(t, FIRST_UNKNOWN, "no surface, or it cannot be locked");
    return false;
}

static void first_drop(FirstTrial *t, FirstSurfaces *s)
{
    for (int i = 0; i < 2; i++) objc_drop(t->engine->objc, &s->in[i]);
    objc_drop(t->engine->objc, &s->out[0]);
}

static FirstVerdict first_computes(FirstTrial *t, double each, double more)
{
    Layout l;
    FirstSurfaces s;
    FirstVerdict v = FIRST_UNKNOWN;
    if (!first_ports(t, &l)) return v;
    if (first_surfaces(t, &l, &s))
        v = first_run(t, &l, s.in, s.out) ? first_look(t, s.out[0], &l.out[0], each, more)
                                          : FIRST_DIFFERS;
    first_drop(t, &s);
    return v;
}

FirstVerdict try_result(FirstTrial *t) { return first_computes(t, 1.5, 0); }

#define HEAD \
    "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-component-MIL\", " \
    "\"3500.14.1\"}})]\n{\n"
#define TENSOR "tensor<fp16, [2, 2, 2, 40]>"

/* main has other symbols, another number, and another result. */
FirstVerdict try_functions(FirstTrial *t)
{
    t->text = HEAD
        "    func main<ios16>(" TENSOR " b, " TENSOR " a) {\n"
        "        " TENSOR " r = sub(x = a, y = b)[name = tensor<string, []>(\"r\")];\n"
        "    } -> (r);\n"
        "    func more<ios16>(" TENSOR " a, " TENSOR " b) {\n"
        "        " TENSOR " r = add(x = a, y = b)[name = tensor<string, []>(\"r\")];\n"
        "    } -> (r);\n}\n";
    t->function = "more";
    return first_computes(t, 2.5, 0);
}

/* Without their bytes they would be 0. */
FirstVerdict try_weights(FirstTrial *t)
{
    static const char text[] = HEAD
        "    func main<ios16>(" TENSOR " a, " TENSOR " b) {\n"
        "        tensor<fp16, [1, 1, 1, 40]> w = const()[name = tensor<string, []>(\"w\"), "
        "val = tensor<fp16, [1, 1, 1, 40]>(BLOBFILE(path = "
        "tensor<string, []>(\"@model_path/weights/weight.bin\"), "
        "offset = tensor<uint64, []>(64)))];\n"
        "        " TENSOR " s = sub(x = a, y = b)[name = tensor<string, []>(\"s\")];\n"
        "        " TENSOR " r = sub(x = s, y = w)[name = tensor<string, []>(\"r\")];\n"
        "    } -> (r);\n}\n";
    const char *dir = temp_folder(&t->arena, t->diag);
    FirstVerdict v = FIRST_UNKNOWN;
    t->text = text;
    if (dir && first_weights(t, text, WIDTH, dir)) v = first_computes(t, 1.5, -1);
    else first_say(t, v, "no file of weights can be written");
    temp_tree_end(dir);
    return v;
}

/* ---- surfaces that are result and input -------------------------------------------------- */

static int place_of_a(const Layout *l) { return !strcmp(l->in[0].name, "a") ? 0 : 1; }

/* What was the result is a then, and r - b is i. */
static FirstVerdict look_again(FirstTrial *t, FirstTrial *next, const Layout *l, Id *in,
                               const Id *out)
{
    if (!first_run(next, l, in, out)) return FIRST_DIFFERS;
    return first_look(t, out[0], &l->out[0], 1.0, 0);
}

FirstVerdict try_turns(FirstTrial *t)
{
    Layout l;
    FirstSurfaces s;
    FirstVerdict v = FIRST_UNKNOWN;
    if (!first_ports(t, &l)) return v;
    const int a = place_of_a(&l);
    if (l.in[a].row != l.out[0].row || l.in[a].bytes != l.out[0].bytes)
        return first_say(t, FIRST_DIFFERS, "a result lies otherwise than an input");
    if (first_surfaces(t, &l, &s)) {
        v = FIRST_DIFFERS;
        if (first_run(t, &l, s.in, s.out)) {
            const Id was = s.in[a];
            s.in[a] = s.out[0];
            s.out[0] = was;
            v = look_again(t, t, &l, s.in, s.out);
        }
    }
    first_drop(t, &s);
    return v;
}

/* Another program that computes the same, loaded beside the first. */
static FirstVerdict hand_on(FirstTrial *t, FirstTrial *next)
{
    Layout l, k;
    FirstSurfaces s, u;
    FirstVerdict v = FIRST_UNKNOWN;
    if (!first_ports(t, &l) || !first_ports(next, &k)) return v;
    const bool ok = first_surfaces(t, &l, &s);
    if (first_surfaces(next, &k, &u) && ok) {
        Id in[2] = { u.in[0], u.in[1] };
        in[place_of_a(&k)] = s.out[0];
        v = first_run(t, &l, s.in, s.out) ? look_again(t, next, &k, in, u.out)
                                          : FIRST_DIFFERS;
    }
    first_drop(t, &s);
    first_drop(t, &u);
    return v;
}

FirstVerdict try_handed_on(FirstTrial *t)
{
    FirstTrial next = { .diag = t->diag,
                        .engine = t->engine,
                        .why = t->why,
                        .text = first_own_text(t),
                        .said = t->said,
                        .room = t->room };
    const FirstVerdict v = hand_on(t, &next);
    first_end(&next);
    arena_free(&next.arena);
    return v;
}
