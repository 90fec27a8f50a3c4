/* fast.c -- the backend `cpu`: runs a function by a plan of kernels (flat.h) where all values
 * are tensors of known shape; otherwise, and where a function with blocks is watched, walks it
 * like ref.
 *
 * A program keeps a plan for each of the last few input shapes, and one without fusion for
 * runs whose values are watched. The memory of a plan is allocated in its first run. */
#include "../ref/ref.h"
#include "cpu.h"
#include "flat.h"

#include <stdlib.h>
#include <string.h>

enum { PLANS = 8 };

/* What programs of one device share; NULL in a backend that was not opened. */
typedef struct {
    FlatKeeping keep;
    char *dir; /* keep.dir */
    pthread_mutex_t lock;
} FastShared;

typedef struct {
    Program base;  /* first */
    Program *walk; /* the function as ref runs it: of cpu where flat is not for it */
    const Kernels *kernels;
    Arena arena;
    struct {
        FlatPlan *plan; /* NULL: none */
        uint64_t used;
    } flat[PLANS];
    FlatPlan *making;
    uint64_t runs;
    bool walks; /* the last run was walk's */
    Shape *in;  /* of the run under way, by parameter */
    Binding *result;
    int nresult;
    Team *team;
    int threads; /* of team */
    uint64_t draws, epoch;
} Fast;

/* ---- plans ------------------------------------------------------------------------------- */

static bool fast_suits(const FlatPlan *p, const Fast *f, FlatHow how)
{
    if (!p || p->how.fused != how.fused || p->how.exact != how.exact) return false;
    for (int i = 0; i < f->base.func->body->nparam; i++)
        if (!param_is_state(f->base.func->body->param[i])
            && !shape_equal(&p->in[i], &f->in[i]))
            return false;
    return true;
}

static FlatPlan *make_plan(Fast *f, FlatHow how, const FlatKeeping *keep)
{
    int at = 0;
    for (int i = 0; i < PLANS; i++)
        if (!f->flat[i].plan || (f->flat[at].plan && f->flat[i].used < f->flat[at].used))
            at = i;
    flat_free(f->flat[at].plan);
    f->flat[at].plan = NULL;
    if (!flat_new(&f->making, f, ref_plan(f->walk), f->base.func, f->kernels, f->in, how,
                  keep))
        return NULL;
    f->flat[at].plan = f->making;
    f->flat[at].used = f->runs;
    f->making = NULL;
    return f->flat[at].plan;
}

static FlatPlan *find_plan(Fast *f, FlatHow how)
{
    for (int i = 0; i < PLANS; i++)
        if (fast_suits(f->flat[i].plan, f, how)) {
            f->flat[i].used = f->runs;
            return f->flat[i].plan;
        }
    return make_plan(f, how, NULL);
}

/* ---- compiling --------------------------------------------------------------------------- */

static void fast_free(Program *p)
{
    Fast *f = (Fast *)p;
    team_free(f->team);
    for (int i = 0; i < PLANS; i++) flat_free(f->flat[i].plan);
    flat_free(f->making);
    for (int i = 0; f->result && i < f->base.func->body->nresult; i++)
        tensor_free(&f->result[i].value);
    if (f->walk) backend_ref.free(f->walk);
    arena_free(&f->arena);
    mem_free(f);
}

/* Plans of known shapes are made with the program. */
static bool shapes_known(const Fast *f)
{
    const Block *b = f->base.func->body;
    for (int i = 0; i < b->nparam; i++) {
        if (param_type(b->param[i])->kind != TY_TENSOR) return false;
        f->in[i] = param_type(b->param[i])->shape;
        if (!shape_known(&f->in[i])) return false;
    }
    return true;
}

/* The plan of a program whose shapes are known. */
static void fast_plan(Fast *f, Diag *d)
{
    FastShared *s = (FastShared *)(uintptr_t)f->base.backend->row;
    FlatKeeping keep = s ? s->keep : (FlatKeeping){ 0 };
    keep.diag = d;
    const FlatPlan *p = make_plan(f, (FlatHow){ .fused = true }, s ? &keep : NULL);
    if (p) f->base.as.cache = kept_word(p);
}

static Program *fast_compile(const Backend *self, const Module *m, const Func *func,
                             Diag *d)
{
    const Kernels *k = kernels_here(NULL, d);
    Fast *f = k ? mem_zero(1, sizeof *f) : NULL;
    if (!k) return NULL;
    if (!f) mem_out(sizeof *f);
    f->base = (Program){ .backend = self, .module = m, .func = func };
    f->kernels = k;
    f->in = NEW_ARRAY(&f->arena, func->body->nparam + 1, Shape);
    f->result = NEW_ARRAY(&f->arena, func->body->nresult + 1, Binding);
    f->walk = backend_ref.compile(&backend_ref, m, func, d);
    if (!f->walk) {
        fast_free(&f->base);
        return NULL;
    }
    if (shapes_known(f)) fast_plan(f, d);
    return &f->base;
}

/* ---- running ----------------------------------------------------------------------------- */

typedef struct {
    Fast *f;
    FlatPlan *p;
    const RunOptions *opt;
    const Binding *in;
    int nin;
    FlatRun r;
} Going;

static void *fast_room(const Fast *f, size_t bytes)
{
    void *m = mem_alloc(bytes + 64);
    if (!m) mem_out(bytes);
    mem_follow(f, m);
    mem_wide(m, bytes);
    return m;
}

static char *fast_aligned(void *m) { return (char *)m + (64 - (uintptr_t)m % 64) % 64; }

/* As many as are wanted, where the plan has work for them. */
static Team *team_of(Fast *f, const FlatPlan *p, int wanted)
{
    const double ENOUGH = 4e6; /* multiply-adds: tenths of a millisecond */
    const int n = wanted > 0 ? wanted : p->macs < ENOUGH ? 1 : team_processors();
    if (n < 2) return NULL;
    if (f->team && f->threads == n) return f->team;
    team_free(f->team);
    f->team = NULL;
    f->threads = n;
    f->team = team_new(n);
    mem_follow(f, f->team);
    return f->team;
}

static void give_memory(Going *g)
{
    FlatPlan *p = g->p;
    if (!p->memory) p->memory = fast_room(g->f, p->arena_bytes);
    const size_t lanes = (size_t)team_lanes(g->r.team) * p->lane_room,
                 all = lanes + p->room;
    if (!p->scratch || p->scratch_bytes < all) {
        mem_free(p->scratch);
        p->scratch = NULL;
        p->scratch = fast_room(g->f, all);
        p->scratch_bytes = all;
    }
    if (g->opt->poison) memset(p->memory, g->opt->poison, p->arena_bytes);
    if (g->opt->poison) memset(p->scratch, g->opt->poison, p->scratch_bytes);
    g->r.lanes = fast_aligned(p->scratch);
    g->r.room = g->r.lanes + lanes;
}

/* What a run alone needed: another program's may have it next. */
static void give_back(FlatPlan *p)
{
    mem_free(p->memory);
    mem_free(p->scratch);
    p->memory = p->scratch = NULL;
    p->scratch_bytes = 0;
}

static bool give_results(Going *g)
{
    Fast *f = g->f;
    const Steps *b = g->p->plan->body;
    const int poison = g->opt->poison;
    for (int i = 0; i < b->block->nresult; i++) {
        const Type *t = g->p->slot[b->result[i]].type;
        Tensor *v = &f->result[i].value;
        f->result[i].name = b->block->result[i]->name;
        if (poison && v->owned && v->bytes) memset(v->data, poison, v->bytes);
        if (v->owned && v->dtype == t->dtype && shape_equal(&v->shape, &t->shape))
            continue;
        tensor_free(v);
        if (!tensor_alloc(v, g->r.diag, t->dtype, &t->shape)) return false;
        tensor_follow(f, v);
    }
    return true;
}

static char *root_at(const Going *g, const FlatSlot *s)
{
    switch (s->kind) {
    case ROOT_ARENA:
        return fast_aligned(g->p->memory) + s->place;
    case ROOT_RESULT:
        return g->f->result[s->index].value.data;
    case ROOT_INPUT:
    case ROOT_STATE:
        return g->p->base[g->p->plan->body->param[s->index]];
    default:
        return s->known ? s->known->data : NULL;
    }
}

static void place_states(const Going *g)
{
    Binding *state;
    const Block *b = g->f->base.func->body;
    backend_ref.states(g->f->walk, &state);
    for (int i = 0; i < b->nparam; i++)
        if (param_is_state(b->param[i]))
            g->p->base[g->p->plan->body->param[i]] = (state++)->value.data;
}

static void place_slots(Going *g)
{
    int at = 0;
    FlatPlan *p = g->p;
    place_states(g);
    for (int i = 0; i < g->nin; i++) {
        const int k = param_find(g->f->base.func, g->in[i].name, &at);
        if (k >= 0) p->base[p->plan->body->param[k]] = g->in[i].value.data;
    }
    for (int i = 0; i < p->nslot; i++) {
        const FlatSlot *s = &p->slot[i];
        if (!s->type || s->kind == ROOT_INPUT || s->kind == ROOT_STATE) continue;
        char *at_root = root_at(g, &p->slot[s->root]);
        p->base[i] = at_root ? at_root + s->offset : NULL;
    }
}

/* Results that are not made in their own memory. */
static void copy_results(const Going *g)
{
    const Steps *b = g->p->plan->body;
    for (int i = 0; i < b->block->nresult; i++) {
        Tensor *t = &g->f->result[i].value;
        const char *from = g->p->base[b->result[i]];
        if (t->bytes && from != t->data) memcpy(t->data, from, t->bytes);
    }
}

static bool fast_show(const Going *g, const Step *s, Tensor *first)
{
    for (int i = 0; i < s->op->nout; i++) {
        const FlatSlot *f = &g->p->slot[s->out[i]];
        const Tensor t = tensor_view(f->type->dtype, &f->type->shape,
                                     g->p->base[s->out[i]]);
        if (!i) *first = t;
        if (g->opt->each && !g->opt->each(g->opt->ctx, s->op->out[i], &t)) return false;
    }
    return true;
}

/* Op by op, each with its result. */
static bool run_shown(Going *g)
{
    const Steps *b = g->p->plan->body;
    const RunOptions *o = g->opt;
    bool ok = true;
    for (int i = 0, k = 0; ok && i < b->nstep; i++) {
        const Step *s = &b->step[i];
        Tensor first = { 0 };
        if (o->begin) o->begin(o->ctx, s->op);
        while (ok && k < g->p->nstep && g->p->step[k].at == i)
            ok = flat_run_step(&g->r, &g->p->step[k++]);
        ok = ok && fast_show(g, s, &first);
        if (o->end) o->end(o->ctx, s->op, ok && s->op->nout ? &first : NULL);
    }
    return ok;
}

/* Memory ran out: what was being made goes, and results are none. */
static void run_lost(void *fast)
{
    Fast *f = fast;
    flat_free(f->making);
    f->making = NULL;
    f->nresult = 0;
}

static bool run_flat(Fast *f, FlatPlan *p, Diag *d, const Binding *in, int nin,
                     const RunOptions *opt)
{
    Going g = { .f = f, .p = p, .opt = opt, .in = in, .nin = nin };
    g.r = (FlatRun){ .p = p,
                     .k = f->kernels,
                     .diag = d,
                     .seed = opt->random_seed,
                     .epoch = f->epoch,
                     .draws = &f->draws };
    g.r.team = team_of(f, p, opt->threads);
    give_memory(&g);
    if (!give_results(&g)) return false;
    place_slots(&g);
    if (!(p->how.fused ? flat_run(&g.r, opt) : run_shown(&g)) || !kept_stayed(p, d))
        return false;
    copy_results(&g);
    f->nresult = f->base.func->body->nresult;
    if (opt->lean) give_back(p);
    return true;
}

static bool fast_run(Program *prog, Diag *d, const Binding *in, int nin,
                     const RunOptions *opt)
{
    Fast *f = (Fast *)prog;
    GuardTask lost;
    int at = 0, given = 0, wanted = 0;
    guard_task(&lost, run_lost, f);
    f->runs++;
    f->nresult = 0;
    f->walks = false;
    for (int i = 0; i < nin; i++) {
        const int k = param_find(prog->func, in[i].name, &at);
        if (k < 0) continue;
        f->in[k] = in[i].value.shape;
        given++;
    }
    for (int i = 0; i < prog->func->body->nparam; i++)
        wanted += !param_is_state(prog->func->body->param[i]);
    const bool shown = opt->each || (!opt->step && (opt->begin || opt->end));
    const FlatHow how = { .fused = !shown, .exact = opt->exact };
    FlatPlan *p = given == wanted ? find_plan(f, how) : NULL;
    bool ok;
    if (p) ok = run_flat(f, p, d, in, nin, opt);
    else {
        f->walks = true;
        ok = backend_ref.run(f->walk, d, in, nin, opt);
    }
    guard_task_end(&lost);
    return ok;
}

static int fast_results(Program *p, const Binding **out)
{
    Fast *f = (Fast *)p;
    if (f->walks) return backend_ref.results(f->walk, out);
    *out = f->result;
    return f->nresult;
}

static bool fast_take(Program *p, int result, Tensor *out)
{
    Fast *f = (Fast *)p;
    if (f->walks) return backend_ref.take(f->walk, result, out);
    Tensor *t = &f->result[result].value;
    if (result >= f->nresult || !t->owned) return false;
    *out = *t;
    t->owned = false;
    return true;
}

static int fast_states(Program *p, Binding **out)
{
    return backend_ref.states(((Fast *)p)->walk, out);
}

static void fast_reset(Program *p)
{
    Fast *f = (Fast *)p;
    backend_ref.reset(f->walk);
    f->draws = 0;
    f->epoch++;
}

/* ---- its steps, for who wants to see them (--plan) --------------------------------------- */

static const char *why_none(const Func *f)
{
    for (int i = 0; i < f->body->nparam; i++) {
        const Type *t = f->body->param[i]->type;
        if (t->kind == TY_TENSOR && !shape_known(&t->shape))
            return "it is planned in a run, for the shapes that are given";
    }
    return "it runs as ref does, since it has lists, strings or values of unknown shapes";
}

/* The plan that was used last. */
static bool fast_place(Program *prog, Arena *a, Diag *d, Placings *out)
{
    Fast *f = (Fast *)prog;
    FlatPlan *p = NULL;
    uint64_t used = 0;
    (void)d;
    for (int i = 0; i < PLANS; i++) {
        if (!f->flat[i].plan || !f->flat[i].plan->how.fused
            || (p && f->flat[i].used < used))
            continue;
        p = f->flat[i].plan;
        used = f->flat[i].used;
    }
    *out = (Placings){ .why = why_none(prog->func) };
    if (p) flat_tell(p, a, out);
    return true;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void fast_close(const Backend *b)
{
    FastShared *s = (FastShared *)(uintptr_t)b->row;
    pthread_mutex_destroy(&s->lock);
    mem_free(s->dir);
    mem_free(s);
    mem_free((void *)(uintptr_t)b);
}

static const Backend *fast_open(const Backend *self, const BackendOptions *o)
{
    Backend *b = mem_alloc(sizeof *b);
    FastShared *s = mem_zero(1, sizeof *s);
    if (!b || !s) mem_out(sizeof *s);
    if (o && o->cache_dir) s->dir = mem_strdup(o->cache_dir);
    s->keep = (FlatKeeping){ .dir = s->dir, .lock = &s->lock };
    if (o) s->keep.phase = o->phase;
    pthread_mutex_init(&s->lock, NULL);
    *b = *self;
    b->row = s;
    b->open = NULL;
    b->close = fast_close;
    return b;
}

const Backend backend_cpu = { .name = "cpu",
                              .doc = "the processor, by its own vector instructions",
                              .target = &targets[TARGET_host],
                              .open = fast_open,
                              .compile = fast_compile,
                              .run = fast_run,
                              .results = fast_results,
                              .states = fast_states,
                              .reset = fast_reset,
                              .free = fast_free,
                              .take = fast_take,
                              .place = fast_place };
