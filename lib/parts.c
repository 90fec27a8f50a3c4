/* parts.c -- the public library: anec_step_parts, a step of training as several kernels. */
#include "library.h"

#include "../ir/passes/alike.h"

#include <stdio.h>
#include <string.h>

enum { WHY_SIZE = 400 };

typedef struct {
    anec_model *model;
    anec_kernel *kernel; /* of the first part that it is */
    bool host;
    bool noted;         /* why has its note */
    char why[WHY_SIZE]; /* the device does not take it; else empty */
} PartProgram;

struct anec_parts {
    Arena arena;
    anec_model *step;
    anec_device *device, *host;
    bool engine; /* the device is one */
    const char *function, *refused;
    AlikeCut cut;
    PartProgram *program;
    anec_kernel **kernel; /* by part */
};

/* ---- programs ---------------------------------------------------------------------------- */

/* Of an attempt that may fail the first error is kept, without its place, and the note
 * behind it, which has the reason where the error is in the engine's words. */
static void trial_emit(void *ctx, DiagKind kind, const char *message)
{
    static const char *const words[] = {
        [DIAG_NOTE] = "note: ", [DIAG_ERROR] = "error: "
    };
    PartProgram *p = ctx;
    const size_t n = strcspn(message, "\n"), at = strlen(p->why);
    const char *word = kind == DIAG_NOTE ? words[DIAG_NOTE] : words[DIAG_ERROR];
    const char *mark = strstr(message, word);
    if (kind == DIAG_WARNING || p->noted || (kind == DIAG_NOTE) != (at > 0)) return;
    const char *from = mark && mark < message + n ? mark + strlen(word) : message;
    p->noted = kind == DIAG_NOTE;
    snprintf(p->why + at, WHY_SIZE - at, "%s%.*s", at ? ": " : "",
             (int)(message + n - from), from);
}

/* A model of one program of the cut, whose module it gets. */
static anec_model *part_model(anec_parts *p, anec_device *device, Module *module)
{
    anec_model *m = model_new(device);
    m->m.path = arena_strdup(&m->m.arena, p->step->m.path);
    m->m.dsl = true;
    m->m.lift = p->step->m.lift;
    m->m.module = module;
    return m;
}

/* On an engine what goes over its edge is in dimensions that it takes. */
static anec_status part_fold(anec_parts *p, anec_model *m, ApiCall *c)
{
    Pipeline line;
    const anec_status s = read_pipeline(&m->m, c->config, &c->d, &line);
    Func *f = module_func(m->m.module, p->function);
    if (!s && p->engine) func_fold_edges(f, line.pass.rules, &c->d);
    return s;
}

/* trial: its errors are no errors, and are kept as why. */
static anec_status part_compile(anec_parts *p, PartProgram *to, anec_device *device,
                                const Module *module, bool trial, anec_error *error)
{
    ApiCall c;
    if (call_start(&c, device->config, error)) return call_status(&c);
    anec_model *m = part_model(p, device, module_clone(module));
    if (trial) call_hear(&c, trial_emit, to);
    anec_status s = trial ? part_fold(p, m, &c) : ANEC_OK;
    if (!s) s = model_prepare(m, &c);
    call_end(&c, s == ANEC_OK);
    m->of = p->step;
    model_counts(m);
    to->model = m;
    if (s == ANEC_USAGE) return say(error, s, m->m.usage);
    return s ? s
             : kernel_try(m, p->function, trial ? trial_emit : NULL, to, &to->kernel,
                          error);
}

static void part_drop(PartProgram *to)
{
    anec_free(to->kernel);
    anec_model_free(to->model);
    to->kernel = NULL;
    to->model = NULL;
}

/* "auto" has an answer of its own to what the engine refuses: the processor, with what was made
 * for the engine. The host has it as it is written. */
static bool part_fell(const anec_parts *p, PartProgram *to)
{
    const Program *program = to->kernel->program;
    if (!p->engine || program_backend(program)->target != &targets[TARGET_host])
        return false;
    snprintf(to->why, WHY_SIZE, "%s",
             program->as.why ? program->as.why : "no reason given");
    return true;
}

static bool part_was_refused(const anec_parts *p, int i)
{
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    for (const char *s = p->refused; s; s = list_next(s))
        if (strcspn(s, ",") == strlen(number) && !strncmp(s, number, strlen(number)))
            return true;
    return false;
}

/* On the device where it is for that and taken, else on the host. */
static anec_status part_place(anec_parts *p, int i, bool host, anec_error *error)
{
    PartProgram *to = &p->program[i];
    const Module *module = p->cut.program[i];
    const bool known = !host && part_was_refused(p, i);
    if (known) snprintf(to->why, WHY_SIZE, "refused before");
    if (!host && !known) {
        const anec_status s = part_compile(p, to, p->device, module, true, error);
        const bool refused = s ? s != ANEC_USAGE && *to->why : part_fell(p, to);
        if (!refused) return s; /* nothing was said: memory ran out */
        part_drop(to);
    }
    to->host = true;
    return part_compile(p, to, p->host, module, false, error);
}

/* ---- the step ---------------------------------------------------------------------------- */

static anec_status parts_compile(anec_parts *p, anec_error *error)
{
    anec_status s = ANEC_OK;
    for (int i = 0; !s && i < p->cut.npart; i++) {
        PartProgram *of = &p->program[p->cut.part[i].program];
        if (!of->kernel) {
            s = part_place(p, p->cut.part[i].program, p->cut.part[i].host, error);
            p->kernel[i] = of->kernel;
        } else s = anec_instance(of->kernel, &p->kernel[i], error);
    }
    return s;
}

/* Messages of a step that may turn out to be one program: it is read again then. */
typedef struct PartHeld PartHeld;
struct PartHeld {
    PartHeld *next;
    DiagKind kind;
    const char *text;
};
typedef struct {
    Arena arena;
    PartHeld *first, **last;
} PartsHeld;

static void held_emit(void *ctx, DiagKind kind, const char *message)
{
    PartsHeld *h = ctx;
    PartHeld *one = NEW(&h->arena, PartHeld);
    *one = (PartHeld){ .kind = kind, .text = arena_strdup(&h->arena, message) };
    *h->last = one;
    h->last = &one->next;
}

static anec_status parts_read(anec_parts *p, anec_model *m, uint64_t memory, bool cheap,
                              ApiCall *c)
{
    Pipeline line;
    const anec_status s = read_pipeline(&m->m, c->config, &c->d, &line);
    if (s) return s;
    p->engine = line.pass.target != &targets[TARGET_host];
    const AlikeOptions o = { .engine = p->engine, .memory = memory, .cheap = cheap };
    func_cut_alike(module_func(m->m.module, p->function), &o, &p->arena, &p->cut, &c->d);
    p->program = NEW_ARRAY(&p->arena, p->cut.nprogram + 1, PartProgram);
    p->kernel = NEW_ARRAY(&p->arena, p->cut.npart + 1, anec_kernel *);
    return diag_ok(&c->d) ? ANEC_OK : read_failed(&c->d);
}

/* The step read and cut, in a call of its own. */
static anec_status parts_cut(anec_model *model, const anec_step_options *how,
                             uint64_t memory, anec_parts *p, anec_error *error)
{
    ApiCall c;
    anec_status s;
    PartsHeld held = { .last = &held.first };
    if (call_start(&c, p->device->config, error)) {
        p->cut = (AlikeCut){ 0 }; /* released */
        return call_status(&c);
    }
    CallTrial *const emit = c.d.emit;
    void *const ctx = c.d.ctx;
    const bool quiet = c.d.quiet;
    call_hear(&c, held_emit, &held);
    anec_model *m = step_read(model, p->device, how, &c, &s);
    if (!s) s = parts_read(p, m, memory, how->cheap_again != 0, &c);
    call_hear(&c, emit, ctx);
    for (const PartHeld *h = held.first; h && (s || p->cut.npart); h = h->next)
        if (!quiet || h->kind == DIAG_ERROR || h->kind == DIAG_FAIL)
            emit(ctx, h->kind, h->text);
    arena_free(&held.arena);
    const anec_status end = call_end(&c, s == ANEC_OK);
    if (s == ANEC_USAGE) say(error, s, m->m.usage);
    model_counts(m);
    p->step = m;
    return s == ANEC_USAGE ? s : end;
}

static anec_status parts_new(const anec_model *model, const char *function,
                             anec_parts **out, anec_error *error)
{
    ApiCall c;
    if (call_start(&c, model->device->config, error)) return call_status(&c);
    anec_parts *p = mem_zero(1, sizeof *p);
    if (!p) mem_out(sizeof *p);
    p->function = arena_strdup(&p->arena, function);
    *out = p;
    return call_end(&c, true);
}

anec_status anec_step_parts(anec_model *model, anec_device *device, anec_device *host,
                            const anec_step_options *options, uint64_t memory,
                            anec_parts **out, anec_error *error)
{
    anec_parts *p = NULL;
    GIVEN(out);
    *out = NULL;
    GIVEN(model);
    GIVEN(device);
    GIVEN(host);
    GIVEN(options);
    const anec_step_options how = step_options(options);
    anec_status s = step_refused(model, error);
    if (!s && (host->given_up || device->given_up))
        return say(error, ANEC_WRONG, "the device was closed");
    if (!s && (how.forward || how.baked))
        return say(error, ANEC_WRONG,
                   "a step in parts has gradients, and its weights are inputs");
    if (!s) s = parts_new(model, how.function, &p, error);
    if (s) return s;
    p->device = device;
    p->host = host;
    p->refused = how.refused;
    s = parts_cut(model, &how, memory, p, error);
    if (!s) s = parts_compile(p, error);
    if (s || !p->cut.npart) anec_parts_free(p);
    else *out = p;
    return s;
}

void anec_parts_free(anec_parts *p)
{
    if (!p) return;
    for (int i = 0; i < p->cut.npart; i++)
        if (p->kernel[i] != p->program[p->cut.part[i].program].kernel)
            anec_free(p->kernel[i]);
    for (int i = 0; i < p->cut.nprogram; i++) {
        part_drop(&p->program[i]);
        module_free(p->cut.program[i]);
    }
    anec_model_free(p->step);
    arena_free(&p->arena);
    mem_free(p);
}

/* ---- asking ------------------------------------------------------------------------------ */

anec_kernel *anec_part(const anec_parts *p, int i, anec_part_info *info)
{
    if (!p || i < 0 || i >= p->cut.npart) return NULL;
    const AlikePart *part = &p->cut.part[i];
    const PartProgram *of = &p->program[part->program];
    const anec_part_info all = { .size = info ? info->size : 0,
                                 .program = part->program,
                                 .layer = part->layer,
                                 .again = part->again,
                                 .host = of->host,
                                 .why = *of->why ? of->why : NULL };
    if (info) memcpy(info, &all, info->size < sizeof all ? info->size : sizeof all);
    return p->kernel[i];
}

const char *anec_part_port(const anec_parts *p, int i, anec_kind kind, int k,
                           const char **value)
{
    if (!p || i < 0 || i >= p->cut.npart || k < 0 || kind == ANEC_STATE) return NULL;
    const AlikePart *part = &p->cut.part[i];
    if (k >= (kind == ANEC_INPUT ? part->nin : part->nout)) return NULL;
    const AlikePort *port = &(kind == ANEC_INPUT ? part->in : part->out)[k];
    if (value) *value = port->value;
    return port->port;
}

anec_model *anec_parts_step(const anec_parts *p) { return p ? p->step : NULL; }

uint64_t anec_parts_bytes(const anec_parts *p) { return p ? p->cut.kept : 0; }
