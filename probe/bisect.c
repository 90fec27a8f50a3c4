/* bisect.c -- finds ops that an engine refuses or computes wrongly, by trying ever smaller
 * parts of a program. */
#include "bisect.h"

#include "../ir/mil/mil.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* A type that stands at a cut, and whether the engine takes it. */
typedef struct Boundary Boundary;
struct Boundary {
    Boundary *next;
    DType dtype;
    Shape shape;
    bool taken;
};

typedef struct {
    const Bisect *b;
    const Func *f;
    const Binding *in;
    int nin, n; /* n: ops */
    PartVerdict whole;
    Boundary *boundary;
    BisectResult *out;
} BisectSearch;

/* ---- one program on both
 * -------------------------------------------------------------------- */

typedef struct {
    Tensor *t;
    int n;
} BisectResults;

static void results_free(BisectResults *r)
{
    for (int i = 0; i < r->n; i++) tensor_free(&r->t[i]);
    mem_free(r->t);
    *r = (BisectResults){ .n = 0 };
}

static bool run_program(Program *p, const Binding *in, int nin, uint64_t max_steps,
                        BisectResults *out, Diag *d)
{
    const Binding *result;
    const RunOptions opt = { .max_steps = max_steps };
    bool ok = program_run(p, d, in, nin, &opt);
    const int n = ok ? program_results(p, &result) : 0;
    if (ok && !(out->t = mem_zero((size_t)n + 1, sizeof *out->t))) mem_out((size_t)n);
    for (; ok && out->n < n; out->n++)
        ok = tensor_copy(&out->t[out->n], d, &result[out->n].value);
    return ok;
}

/* The module stays as it is: a backend may rewrite the one that it is given. */
static PartVerdict run_on(const BisectSearch *s, const Backend *b, Module *m,
                          const Binding *in, int nin, BisectResults *out, char *said,
                          size_t room)
{
    Diag aside = { .quiet = true };
    Module *own = func_extract(m->first);
    Program *p = program_new_as_given(b, own, own->first, &aside);
    const bool ok = p && run_program(p, in, nin, s->b->max_steps, out, &aside);
    const char *why = aside.text.s ? strstr(aside.text.s, "error: ") : NULL;
    if (!ok)
        snprintf(said, room, "%.*s", why ? (int)strcspn(why + 7, "\n") : 0,
                 why ? why + 7 : "");
    const PartVerdict v = ok ? PART_RUNS : aside.fails && !p ? PART_FAILED : PART_REFUSED;
    program_free(p);
    module_free(own);
    diag_free(&aside);
    return v;
}

static bool bisect_differs(const Bisect *b, double got, double want)
{
    if (isnan(got) || isnan(want)) return isnan(got) != isnan(want);
    if (isinf(got) || isinf(want)) return got != want;
    return fabs(got - want) > b->atol + b->rtol * fabs(want);
}

static bool is_number(const Tensor *t) { return !t->is_list && t->dtype != DT_STRING; }

/* Which element is furthest off is of more use than which is the first. */
static bool bisect_same(const BisectSearch *s, Module *m, const BisectResults *got,
                        const BisectResults *want, char *said, size_t room)
{
    double worst = -1;
    for (int r = 0; r < got->n && r < want->n; r++) {
        const Tensor *g = &got->t[r], *w = &want->t[r];
        if (!is_number(g) || !is_number(w)) continue;
        for (size_t i = 0; i < g->count && g->count == w->count; i++) {
            const double x = tensor_float(g, i), y = tensor_float(w, i);
            const double off = isfinite(x) && isfinite(y) ? fabs(x - y) : INFINITY;
            if (!bisect_differs(s->b, x, y) || off <= worst) continue;
            worst = off;
            snprintf(said, room, "element %zu of %s is %g, the reference has %g", i,
                     m->first->body->result[r]->name, x, y);
        }
        if (g->count != w->count)
            snprintf(said, room, "%s has %zu elements, the reference has %zu",
                     m->first->body->result[r]->name, g->count, w->count);
        if (g->count != w->count) return false;
    }
    return worst < 0;
}

static void leave_alone(const Bisect *b)
{
    const struct timespec t = { .tv_sec = (time_t)b->pause,
                                .tv_nsec = (long)((b->pause - floor(b->pause)) * 1e9) };
    if (b->pause > 0) nanosleep(&t, NULL);
}

static PartVerdict try_module(BisectSearch *s, Module *m, const Binding *in, int nin,
                              char *said, size_t room)
{
    BisectResults got = { .n = 0 }, want = { .n = 0 };
    char aside[256];
    s->out->compiles++;
    PartVerdict v = run_on(s, s->b->engine, m, in, nin, &got, said, room);
    if (v == PART_REFUSED) leave_alone(s->b);
    if (v == PART_RUNS
        && run_on(s, s->b->reference, m, in, nin, &want, aside, sizeof aside)
               != PART_RUNS)
        v = PART_UNKNOWN;
    if (v == PART_RUNS && !bisect_same(s, m, &got, &want, said, room)) v = PART_WRONG;
    results_free(&got);
    results_free(&want);
    return v;
}

static bool bisect_spent(const BisectSearch *s)
{
    return s->b->most > 0 && s->out->compiles >= s->b->most;
}

/* ---- what stands at the cut -------------------------------------------------------------- */

/* Random numbers as everywhere: zeros would be right by chance. */
static void bisect_fill(Tensor *t)
{
    enum { SEED = 1 };
    for (size_t i = 0; i < t->count; i++) {
        const double x = floor(rng_unit(rng_key(SEED, "x"), i) * 2048 - 1024) / 1024;
        if (dtype_is_float(t->dtype)) tensor_set_float(t, i, x);
        else tensor_set_int(t, i, x > 0);
    }
}

/* The first of its programs that runs shows it. */
static bool boundary_runs(BisectSearch *s, const Type *t)
{
    bool runs = false;
    char said[256];
    Module *m;
    for (int i = 0; !runs && !bisect_spent(s) && (m = part_control(s->f, t, i)); i++) {
        Binding x = { .name = "x" };
        /* what the processor would do says nothing of the engine */
        if (!func_on_processor(module_main(m))
            && tensor_alloc(&x.value, s->b->diag, t->dtype, &t->shape)) {
            bisect_fill(&x.value);
            runs = try_module(s, m, &x, 1, said, sizeof said) == PART_RUNS;
        }
        tensor_free(&x.value);
        module_free(m);
    }
    return runs;
}

static bool boundary_taken(BisectSearch *s, const Type *t)
{
    for (const Boundary *k = s->boundary; k; k = k->next)
        if (k->dtype == t->dtype && shape_equal(&k->shape, &t->shape)) return k->taken;
    Boundary *k = NEW(&s->out->arena, Boundary);
    *k = (Boundary){ .next = s->boundary, .dtype = t->dtype, .shape = t->shape };
    k->taken = boundary_runs(s, t);
    s->boundary = k;
    return k->taken;
}

static bool is_own(Value *const *v, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(v[i]->name, name)) return true;
    return false;
}

/* Inputs and results of the whole program are what they were. A part has no inputs only where
 * the program has none, and not many more than it: both are refused for their own sake. */
static bool cut_is_taken(BisectSearch *s, const Func *part)
{
    enum { FEW = 32 };
    const Block *whole = s->f->body, *b = part->body;
    const int most = whole->nparam + whole->nresult;
    if ((!b->nparam && whole->nparam)
        || b->nparam + b->nresult > (most > FEW ? most : FEW))
        return false;
    for (int i = 0; i < b->nparam; i++)
        if (!is_own(whole->param, whole->nparam, b->param[i]->name)
            && !boundary_taken(s, b->param[i]->type))
            return false;
    for (int i = 0; i < b->nresult; i++)
        if (!is_own(whole->result, whole->nresult, b->result[i]->name)
            && !boundary_taken(s, b->result[i]->type))
            return false;
    return true;
}

/* ---- parts
 * ---------------------------------------------------------------------------------- */

static int bisect_count(const bool *in, int n)
{
    int k = 0;
    for (int i = 0; i < n; i++) k += in[i];
    return k;
}

/* Whether these ops fail as the whole does; what does becomes the result. */
static bool bisect_fails(BisectSearch *s, const bool *in)
{
    BisectResult *out = s->out;
    char said[sizeof out->said] = "";
    if (bisect_spent(s)) {
        out->stopped = true;
        return false;
    }
    if (s->b->step) s->b->step(s->b->ctx, bisect_count(in, s->n), s->n);
    Module *m = part_new(s->f, in, out->record, s->in, s->nin);
    if (!m || !cut_is_taken(s, m->first)) {
        out->uncut++;
        module_free(m);
        return false;
    }
    Arena a = { 0 };
    Binding *given;
    const int n = part_inputs(m->first, &a, out->record, s->in, s->nin, &given);
    const bool is = try_module(s, m, given, n, said, sizeof said) == s->whole;
    arena_free(&a);
    if (!is) {
        module_free(m);
        return false;
    }
    module_free(out->module);
    out->module = m;
    out->nops = bisect_count(in, s->n);
    memcpy(out->said, said, sizeof said);
    return true;
}

/* ---- delta debugging --------------------------------------------------------------------- */

/* Of the ops in `in` the k-th of `of` runs alone, or all without it. */
static void bisect_choose(const bool *in, int n, int k, int of, bool without, bool *out)
{
    const int all = bisect_count(in, n), from = (int)((int64_t)all * k / of),
              to = (int)((int64_t)all * (k + 1) / of);
    for (int i = 0, at = 0; i < n; i++) {
        const bool inside = in[i] && at >= from && at < to;
        at += in[i];
        out[i] = in[i] && inside != without;
    }
}

/* One round: a piece that fails alone, or what is left without one; false: none does. */
static bool bisect_reduce(BisectSearch *s, bool *in, int *of)
{
    bool *next = NEW_ARRAY(&s->out->arena, s->n + 1, bool);
    for (int without = 0; without < (*of > 2 ? 2 : 1); without++)
        for (int k = 0; k < *of; k++) {
            bisect_choose(in, s->n, k, *of, without, next);
            if (!bisect_fails(s, next)) continue;
            memcpy(in, next, (size_t)s->n * sizeof *in);
            *of = without && *of > 2 ? *of - 1 : 2;
            return true;
        }
    return false;
}

static void bisect_minimize(BisectSearch *s, bool *in)
{
    int of = 2;
    for (int left; (left = bisect_count(in, s->n)) > 1 && !s->out->stopped;) {
        if (of > left) of = left;
        if (bisect_reduce(s, in, &of)) continue;
        if (of == left) break;
        of = 2 * of < left ? 2 * of : left;
    }
}

/* ---- as text ----------------------------------------------------------------------------- */

/* A part is printed in one spelling, whatever the model's was: literals with their types, every
 * op with its name. What was refused for its spelling does not fail so. */
static bool runs_as_printed(BisectSearch *s)
{
    BisectResult *out = s->out;
    if (s->whole != PART_REFUSED || mil_needs_weights(out->module, false)
        || bisect_spent(s))
        return false;
    char said[256];
    Buf text = { 0 };
    Diag quiet = { .quiet = true };
    mil_print(out->module, &text);
    const Source src = { .name = "part.mil", .text = text.s, .len = text.len };
    Module *m = mil_read(&quiet, &src, ".");
    if (m) m->missing = out->module->missing;
    const bool runs = m && module_verify(m, &quiet, NULL)
                   && try_module(s, m, out->in, out->nin, said, sizeof said) == PART_RUNS;
    module_free(m);
    buf_free(&text);
    diag_free(&quiet);
    return runs;
}

/* ---- the whole --------------------------------------------------------------------------- */

static bool look_at_whole(BisectSearch *s, bool *in)
{
    BisectResult *out = s->out;
    Module *m = func_extract(s->f);
    for (int i = 0; i < s->n; i++) in[i] = true;
    if (s->b->step) s->b->step(s->b->ctx, s->n, s->n);
    s->whole = try_module(s, m, s->in, s->nin, out->said, sizeof out->said);
    out->verdict = s->whole;
    out->nops = s->n;
    if (s->whole == PART_REFUSED || s->whole == PART_WRONG) out->module = m;
    else module_free(m);
    if (s->whole == PART_FAILED)
        return diag_fail(s->b->diag, "%s cannot try the program: %s", s->b->engine->name,
                         out->said);
    return true;
}

bool bisect(const Bisect *b, const Func *f, const Binding *in, int nin, BisectResult *out)
{
    const Op **op;
    *out = (BisectResult){ .verdict = PART_UNKNOWN };
    BisectSearch s = { .b = b, .f = f, .in = in, .nin = nin, .out = out };
    out->record = NEW(&out->arena, Record);
    out->all = s.n = part_ops(f, &out->arena, &op);
    if (!record_run(out->record, b->reference, f, in, nin, b->max_steps, b->diag))
        return false;
    bool *kept = NEW_ARRAY(&out->arena, s.n + 1, bool);
    if (!look_at_whole(&s, kept)) return false;
    if (!out->module) return true;
    bisect_minimize(&s, kept);
    out->nin = part_inputs(out->module->first, &out->arena, out->record, in, nin,
                           &out->in);
    out->spelling = runs_as_printed(&s);
    return true;
}

void bisect_free(BisectResult *r)
{
    module_free(r->module);
    if (r->record) record_free(r->record);
    arena_free(&r->arena);
    *r = (BisectResult){ .verdict = PART_UNKNOWN };
}
