/* probe.c -- runs small programs on an engine and on the reference, and decides from the
 * results whether a rule holds. */
#include "probe.h"

#include "../ir/mil/mil.h"
#include "ops_texts.h"
#include "start_texts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table --------------------------------------------------------------------------- */

static const struct {
    const char *op, *program;
} one_op[] = {
#define ONE_OP(op) { #op, ops_##op },
    ops_TEXTS(ONE_OP)
};

/* ---- inputs ------------------------------------------------------------------------------ */

typedef struct {
    double rest, first, last;
} Fill;

/* "a=8 b=1,4096 c=0,0,1": all of a are 8; of b the first is 4096, the rest 1; of c the last is
 * 1. Others: random in [-1, 1). */
static bool probe_filled(const char *fill, const char *name, Fill *f)
{
    const size_t n = strlen(name);
    for (const char *s = fill; (s = strstr(s, name)); s += n) {
        if ((s > fill && s[-1] != ' ') || s[n] != '=') continue;
        char *end;
        f->rest = f->first = f->last = strtod(s + n + 1, &end);
        if (*end == ',') f->first = strtod(end + 1, &end);
        if (*end == ',') f->last = strtod(end + 1, NULL);
        return true;
    }
    return false;
}

static double probe_element(const Fill *f, size_t i, size_t count)
{
    return i == 0 ? f->first : i + 1 == count ? f->last : f->rest;
}

static bool make_input(const Value *v, const Trial *t, Binding *b, Diag *d)
{
    enum { SEED = 1, ANY = 64 };
    const uint64_t key = rng_key(SEED, v->name);
    Fill fill = { 0, 0, 0 };
    b->name = v->name;
    if (v->type->kind != TY_TENSOR) return true;
    Shape shape = v->type->shape;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dim[i] == DIM_ANY) shape.dim[i] = ANY;
    if (!tensor_alloc(&b->value, d, v->type->dtype, &shape)) return false;
    const bool given = t->fill && probe_filled(t->fill, v->name, &fill);
    for (size_t i = 0; i < b->value.count; i++) {
        double x = given ? probe_element(&fill, i, b->value.count)
                         : floor(rng_unit(key, i) * 2048 - 1024) / 1024;
        if (given && x == PLACE) x = (double)t->size;
        if (dtype_is_float(b->value.dtype)) tensor_set_float(&b->value, i, x);
        else tensor_set_int(&b->value, i, (int64_t)x);
    }
    return true;
}

/* ---- one program on one backend ---------------------------------------------------------- */

typedef enum {
    RUN_DONE,
    RUN_REFUSED,
    RUN_FAILED
} Outcome; /* FAILED: the world's fault, not the engine's */

typedef struct {
    Arena arena;
    Source src;
    Module *m;
    Binding *in;
    int nin;
} Micro;

static void micro_close(Micro *x)
{
    for (int i = 0; i < x->nin; i++) tensor_free(&x->in[i].value);
    module_free(x->m);
    arena_free(&x->arena);
}

/* Every backend has a module of its own: what it does to it is its business. */
static bool micro_open(Micro *x, Prober *p, Diag *d, const Trial *t)
{
    *x = (Micro){ .nin = 0 };
    x->src = (Source){ .name = "micro-program", .text = t->text, .len = strlen(t->text) };
    x->m = mil_read(d, &x->src, p->dir);
    Func *f = x->m ? module_main(x->m) : NULL;
    if (!f) return false;
    if (!t->spelled && p->version[0]) x->m->version = module_name(x->m, p->version);
    x->m->missing = 2;
    if (t->stretch && !t->stretch(f, t->size, d)) return false;
    x->in = NEW_ARRAY(&x->arena, f->body->nparam + 1, Binding);
    for (int i = 0; i < f->body->nparam; i++) {
        if (param_is_state(f->body->param[i])) continue;
        if (!make_input(f->body->param[i], t, &x->in[x->nin++], d)) return false;
    }
    return true;
}

/* Results as they are compared: copies, since a program's are gone with it. */
typedef struct {
    Tensor t[8];
    int n;
} Results;

static void results_free(Results *r)
{
    for (int i = 0; i < r->n; i++) tensor_free(&r->t[i]);
    r->n = 0;
}

static bool keep_results(Program *program, Results *out, Diag *d)
{
    const Binding *b;
    const int n = program_results(program, &b);
    for (out->n = 0; out->n < n && out->n < (int)COUNT(out->t); out->n++)
        if (!tensor_copy(&out->t[out->n], d, &b[out->n].value)) return false;
    return true;
}

/* What a backend is given has been verified: a literal without its type is all that may be
 * wrong with it. */
static bool probe_sound(Micro *x, const char *text)
{
    Diag quiet = { .quiet = true };
    bool ok = module_verify(x->m, &quiet, NULL) || strstr(text, "axis = -1");
    diag_free(&quiet);
    return ok;
}

static Outcome run_on(Prober *p, const Backend *b, const Trial *t, Results *out)
{
    Micro x;
    Diag aside = { .quiet = true };
    Outcome outcome = RUN_FAILED;
    Program *program = NULL;
    if (micro_open(&x, p, &aside, t) && probe_sound(&x, t->text)) {
        if (b == p->engine) p->compiles++;
        program = program_new_as_given(b, x.m, module_main(x.m), &aside);
        const RunOptions opt = { .max_steps = 1000 };
        bool ok = program && program_run(program, &aside, x.in, x.nin, &opt)
               && keep_results(program, out, &aside);
        outcome = ok ? RUN_DONE : aside.fails ? RUN_FAILED : RUN_REFUSED;
    }
    if (outcome == RUN_REFUSED && b == p->engine) p->failures++;
    const char *why = aside.text.s ? strstr(aside.text.s, "error: ") : NULL;
    if (why && b == p->engine)
        snprintf(p->said, sizeof p->said, "%.*s", (int)strcspn(why + 7, "\n"), why + 7);
    program_free(program);
    micro_close(&x);
    diag_free(&aside);
    return outcome;
}

/* ---- comparing --------------------------------------------------------------------------- */

/* Two summation orders in fp16 over at most a few hundred elements of size 1 stay within this;
 * a table of 33 points does not at 0, where it is told apart. */
static double tolerance_of(double want) { return 2e-4 + 4e-3 * fabs(want); }

static bool probe_differ(double got, double want, double tolerance)
{
    if (isnan(got) || isnan(want)) return isnan(got) != isnan(want);
    if (isinf(got) || isinf(want)) return got != want;
    return fabs(got - want) > (tolerance > 0 ? tolerance : tolerance_of(want));
}

static bool same_results(Prober *p, const Results *got, const Results *want,
                         double tolerance)
{
    if (got->n != want->n) return false;
    for (int r = 0; r < got->n; r++) {
        if (got->t[r].count != want->t[r].count || got->t[r].is_list) return false;
        for (size_t i = 0; i < got->t[r].count; i++) {
            double g = tensor_float(&got->t[r], i), w = tensor_float(&want->t[r], i);
            if (!probe_differ(g, w, tolerance)) continue;
            snprintf(p->said, sizeof p->said, "element %zu is %g, the reference has %g",
                     i, g, w);
            return false;
        }
    }
    return true;
}

Ran probe_trial(Prober *p, const Trial *t)
{
    Results got = { .n = 0 }, want = { .n = 0 };
    Ran ran = RAN_UNKNOWN;
    p->said[0] = 0;
    switch (run_on(p, p->engine, t, &got)) {
    case RUN_REFUSED:
        ran = RAN_NOT;
        break;
    case RUN_FAILED:
        break;
    case RUN_DONE:
        if (run_on(p, p->reference, t, &want) != RUN_DONE)
            snprintf(p->said, sizeof p->said, "the reference does not run it");
        else ran = same_results(p, &got, &want, t->tolerance) ? RAN_SAME : RAN_OTHER;
    }
    results_free(&got);
    results_free(&want);
    return ran;
}

/* ---- weight files ------------------------------------------------------------------------ */

static void probe_put(unsigned char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * i);
}

bool probe_record(Diag *d, const char *path, uint64_t size, uint64_t offset)
{
    enum { HEADER = 64, RECORD = 64, BYTES = 128, FP16 = 1 };
    unsigned char file[HEADER + RECORD + BYTES] = { 0 };
    probe_put(file, 1, 4);
    probe_put(file + 4, 2, 4);
    probe_put(file + HEADER, 0xdeadbeef, 4);
    probe_put(file + HEADER + 4, FP16, 4);
    probe_put(file + HEADER + 8, size, 8);
    probe_put(file + HEADER + 16, offset, 8);
    for (int i = 0; i < BYTES; i += 2)
        probe_put(file + HEADER + RECORD + i, 0x3c00, 2); /* ones */
    return file_write_all(d, path, file, sizeof file);
}

/* ---- verdicts ---------------------------------------------------------------------------- */

bool probe_start(Prober *p)
{
    static const char *const versions[] = { "1.3", "1.0" };
    static const char *const plain[] = {
        start_wide,  /* larger than any surface that was said to be too small */
        start_short, /* shorter than any axis was said to be allowed */
    };
    for (size_t i = 0; i < COUNT(versions) * COUNT(plain); i++) {
        snprintf(p->version, sizeof p->version, "%s", versions[i % COUNT(versions)]);
        if (probe_trial(p, &(Trial){ .text = plain[i / COUNT(versions)] }) == RAN_SAME)
            return true;
    }
    return diag_error(p->diag, (Loc){ 0 }, "%s runs not even relu: %s", p->engine->name,
                      p->said);
}

static Ran probe_text(Prober *p, const Rule *r, const char *text)
{
    return probe_trial(p, &(Trial){ .text = text,
                                    .fill = r->fill,
                                    .tolerance = r->tolerance,
                                    .spelled = r->spelled });
}

static Verdict probe_pair(Prober *p, const Rule *r, const RulePrograms *pair)
{
    if (probe_text(p, r, pair->keeps) != RAN_SAME) {
        char why[sizeof p->said];
        memcpy(why, p->said, sizeof why);
        snprintf(p->said, sizeof p->said,
                 "the program that keeps it does not run as the reference%s%.180s",
                 why[0] ? ": " : "", why);
        return VERDICT_UNKNOWN;
    }
    switch (probe_text(p, r, pair->breaks)) {
    case RAN_SAME:
        return VERDICT_ABSENT;
    case RAN_OTHER:
    case RAN_NOT:
        return VERDICT_HOLDS;
    case RAN_UNKNOWN:
        break;
    }
    return VERDICT_UNKNOWN;
}

/* Order of weight: one program that shows the rule outweighs those that do not, whose limits
 * differ by chip. */
static Verdict probe_stronger(Verdict a, Verdict b)
{
    if (a == VERDICT_HOLDS || b == VERDICT_HOLDS) return VERDICT_HOLDS;
    return a == VERDICT_ABSENT || b == VERDICT_ABSENT ? VERDICT_ABSENT : VERDICT_UNKNOWN;
}

/* What costs speed alone cannot be told from results. */
bool probe_has_rule(int rule)
{
    const Rule *r = &rules[rule];
    return r->alone || (r->programs[0].breaks && r->effect != FX_SLOW);
}

/* The files that programs name: their one record is as it should be, or claims what is not
 * so. */
static bool probe_files(Prober *p)
{
    Arena a = { 0 };
    const bool ok =
        probe_record(p->diag, arena_printf(&a, "%s/sound.bin", p->dir), 128, 128)
        && probe_record(p->diag, arena_printf(&a, "%s/wrong.bin", p->dir), 0x80000, 0);
    arena_free(&a);
    return ok;
}

Verdict probe_rule(Prober *p, int rule)
{
    const Rule *r = &rules[rule];
    Verdict v = VERDICT_UNKNOWN;
    p->said[0] = 0;
    if (!probe_files(p)) return v;
    for (const RulePrograms *k = r->programs; k->breaks && v != VERDICT_HOLDS; k++)
        v = probe_stronger(v, probe_pair(p, r, k));
    if (!r->alone) return v;
    switch (probe_text(p, r, r->alone)) {
    case RAN_SAME:
        return VERDICT_ABSENT;
    case RAN_OTHER:
        return VERDICT_HOLDS;
    case RAN_NOT:
    case RAN_UNKNOWN:
        break;
    }
    return VERDICT_UNKNOWN;
}

const char *probe_op_name(int i) { return i < (int)COUNT(one_op) ? one_op[i].op : NULL; }

Verdict probe_op(Prober *p, int i)
{
    /* tables are a rule of their own */
    const Trial t = { .text = one_op[i].program,
                      .fill = "a=0.5 b=0.5",
                      .tolerance = 0.06 };
    switch (probe_trial(p, &t)) {
    case RAN_SAME:
        return VERDICT_ABSENT;
    case RAN_NOT:
        return VERDICT_HOLDS;
    case RAN_OTHER:
        snprintf(p->said, sizeof p->said, "it runs and gives something else");
        break;
    case RAN_UNKNOWN:
        break;
    }
    return VERDICT_UNKNOWN;
}
