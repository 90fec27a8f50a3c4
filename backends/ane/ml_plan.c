/* ml_plan.c -- where Core ML would run each operation of a model (MLComputePlan).
 *
 * The system makes the plan on a thread of its own and then calls a handler, for which the
 * caller waits. Names and numbers of the plan are copied; no object of it is kept. */
#include "ml.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { DEEPEST = 64 }; /* blocks in blocks */

/* ---- the plan ---------------------------------------------------------------------------- */

typedef struct {
    Objc *objc;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done;
    Id plan, error; /* retained */
} Waiting;

/* void (^)(MLComputePlan *plan, NSError *error), on another thread: the guard's list is not its
 * business. */
static void on_plan(ObjcBlock *self, Id plan, Id error)
{
    Waiting *w = self->ctx;
    pthread_mutex_lock(&w->lock);
    w->plan = plan ? w->objc->objc_retain(plan) : NULL;
    w->error = error ? w->objc->objc_retain(error) : NULL;
    w->done = true;
    pthread_cond_signal(&w->over);
    pthread_mutex_unlock(&w->lock);
}

static void wait_for(Waiting *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->done) pthread_cond_wait(&w->over, &w->lock);
    pthread_mutex_unlock(&w->lock);
    objc_own(w->objc, w->plan);
    objc_own(w->objc, w->error);
}

/* The caller's; NULL: refused. */
static Id plan_new(Ml *ml, Arena *a, Id class, const char *path, Trouble *why)
{
    Objc *o = ml->objc;
    Waiting w = { .objc = o };
    ObjcBlock handler;
    Id url = ml_url(ml, path), configuration = ml_configuration_new(ml, NULL);
    if (!closure_make(o, &handler, (void (*)(void))on_plan, &w))
        bug("a system with Core ML and without blocks");
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.over, NULL);
    const char *raised = NULL;
    const bool asks = url && configuration;
    if (asks)
        SEND(o, void, (Id, Id, ObjcBlock *), class, SEL_loadPlan, url, configuration,
             &handler);
    raised = raise_text(o, a);
    if (asks && !raised) wait_for(&w); /* who raises has called no handler */
    pthread_cond_destroy(&w.over);
    pthread_mutex_destroy(&w.lock);
    if (raised) *why = (Trouble){ .text = raised };
    else if (!w.plan) trouble_read(o, a, w.error, why);
    objc_drop(o, &w.error);
    objc_drop(o, &configuration);
    return w.plan;
}

/* ---- reading it -------------------------------------------------------------------------- */

typedef struct {
    Ml *ml;
    Arena *arena;
    Id plan;
    Placing *at;
    int n, room;
} Reading;

static const struct {
    const char *class, *name;
} devices[] = {
#define DEVICE(class, name) { class, name },
#include "ml.def"
};

static const char *device_name(Objc *o, Id device)
{
    for (size_t i = 0; i < COUNT(devices); i++) {
        Id class = o->objc_getClass(devices[i].class);
        if (class
            && o->class_respondsToSelector(o->object_getClass(device),
                                           o->selector[SEL_isKindOf])
            && SEND(o, Flag, (Id), device, SEL_isKindOf, class))
            return devices[i].name;
    }
    return "another device";
}

static void read_usage(Reading *r, Id operation, Placing *p)
{
    Objc *o = r->ml->objc;
    Id usage = SEND(o, Id, (Id), r->plan, SEL_usageOfOperation, operation);
    if (!usage) return;
    Id device = SEND0(o, Id, usage, SEL_preferred),
       all = SEND0(o, Id, usage, SEL_supported);
    if (device) p->prefers = device_name(o, device);
    for (long i = 0; i < array_count(o, all) && p->ncan < (int)COUNT(p->can); i++)
        p->can[p->ncan++] = device_name(o, array_at(o, all, i));
}

/* NaN unless it is said, as the part of the whole that it is. */
static double read_cost(Reading *r, Id operation)
{
    Objc *o = r->ml->objc;
    Id cost = SEND(o, Id, (Id), r->plan, SEL_costOfOperation, operation);
    const double weight = cost ? SEND0(o, double, cost, SEL_weight) : NAN;
    return weight >= 0 && weight <= 1 ? weight : NAN;
}

static Placing *ml_plan_more(Reading *r)
{
    ARENA_ROOM(r->arena, r->at, r->n, r->room);
    return &r->at[r->n++];
}

/* "ios16.conv" is a conv. */
static const char *operation_name(Reading *r, Id operation)
{
    Objc *o = r->ml->objc;
    const char *name = string_text(o, r->arena,
                                   SEND0(o, Id, operation, SEL_operatorName));
    const char *dot = name ? strrchr(name, '.') : NULL;
    return dot ? dot + 1 : name ? name : "";
}

static void read_block(Reading *r, Id block, int depth);

static void read_operation(Reading *r, Id operation, int depth)
{
    Objc *o = r->ml->objc;
    const char *op = operation_name(r, operation);
    if (!strcmp(op, "const")) return; /* nothing runs */
    Id first = array_at(o, SEND0(o, Id, operation, SEL_outputs), 0);
    const char *name = first
                         ? string_text(o, r->arena, SEND0(o, Id, first, SEL_nameOfValue))
                         : NULL;
    Placing *p = ml_plan_more(r);
    *p = (Placing){ .op = op, .name = name ? name : "", .depth = depth };
    p->cost = read_cost(r, operation);
    read_usage(r, operation, p);
    Id blocks = SEND0(o, Id, operation, SEL_blocks);
    for (long i = 0; depth < DEEPEST && i < array_count(o, blocks); i++)
        read_block(r, array_at(o, blocks, i), depth + 1);
}

static void read_block(Reading *r, Id block, int depth)
{
    Objc *o = r->ml->objc;
    Id all = block ? SEND0(o, Id, block, SEL_operations) : NULL;
    for (long i = 0; i < array_count(o, all); i++) {
        Id operation = array_at(o, all, i);
        if (operation) read_operation(r, operation, depth);
    }
}

static bool read_plan(Reading *r, const char *function, Trouble *why)
{
    Objc *o = r->ml->objc;
    Id structure = SEND0(o, Id, r->plan, SEL_structure);
    Id program = structure ? SEND0(o, Id, structure, SEL_program) : NULL;
    Id f = program ? dict_at(o, SEND0(o, Id, program, SEL_functions), function) : NULL;
    const char *raised = f ? NULL : raise_text(o, r->arena);
    if (f) read_block(r, SEND0(o, Id, f, SEL_block), 0);
    else if (raised) *why = (Trouble){ .text = raised };
    else
        *why = (Trouble){ .text = program ? arena_printf(
                                      r->arena, "its plan has no function %s", function)
                                          : "its plan is of no program" };
    return f != NULL;
}

bool ml_plan(Ml *ml, Arena *a, const char *path, const char *function, Placings *out,
             Trouble *why)
{
    Objc *o = ml->objc;
    const char *lacks;
    Id class = o->objc_getClass("MLComputePlan");
    *why = (Trouble){ 0 };
    if (!class) {
        why->text = arena_printf(
            a, "it has plans from macOS 14.4 on, and %s has no class MLComputePlan",
            objc_system_name(o, a));
        return false;
    }
    if (!objc_check(o, a, PART_PLAN, &lacks)) {
        why->text = lacks;
        return false;
    }
    void *pool = objc_pool(o);
    Reading r = { .ml = ml, .arena = a, .plan = plan_new(ml, a, class, path, why) };
    const bool ok = r.plan && read_plan(&r, function, why);
    objc_drop(o, &r.plan);
    objc_pool_end(o, pool);
    *out = (Placings){ .at = r.at, .n = r.n };
    return ok;
}
