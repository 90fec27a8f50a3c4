/* sim.c -- the backends sim:CHIP: ref walks the program, engine_call computes its ops, and
 * inputs and results pass through surfaces. */
#include "sim.h"

#include "../ref/ref.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Program base; /* first */
    Arena arena;
    SimEngine engine;
    Program *inner;  /* of ref, with engine_call as its hook */
    Binding *result; /* its own tensors, except where `lent` */
    int *in, *out;   /* by parameter, and by result: its symbol */
    bool *lent; /* a list, or a type that has no surface: the inner program's tensor */
    int nresult;
} Sim;

/* ---- surfaces ---------------------------------------------------------------------------- */

/* The surfaces of one side of a function, by symbol; those of tensors without one are NULL. */
typedef struct {
    int n, symbols;
    SimLayout *layout; /* in the order of the bindings */
    void **surface;
} SimSide;

static void side_free(SimSide *s)
{
    for (int i = 0; i < s->symbols; i++) mem_free(s->surface[i]);
}

/* symbol: of each binding, below `symbols`. */
static bool side_make(SimSide *s, Arena *a, Diag *d, const Binding *b, int n,
                      const int *symbol, int symbols)
{
    *s = (SimSide){ .n = n, .symbols = symbols };
    s->layout = NEW_ARRAY(a, n + 1, SimLayout);
    s->surface = NEW_ARRAY(a, symbols + 1, void *);
    bool *has = NEW_ARRAY(a, n + 1, bool);
    for (int i = 0; i < n; i++) {
        const Tensor *t = &b[i].value;
        has[i] = !t->is_list && layout_of(b[i].name, t->dtype, &t->shape, &s->layout[i]);
        s->layout[i].name = b[i].name;
        s->layout[i].symbol = symbol[i];
    }
    for (int i = 0; i < n; i++) {
        const SimLayout *l = &s->layout[i];
        if (!has[i]) continue;
        void *bytes = mem_alloc(l->bytes + 1);
        if (!bytes) return diag_fail(d, "no memory for a surface of %zu bytes", l->bytes);
        layout_poison(l, bytes);
        s->surface[l->symbol] = bytes;
    }
    return true;
}

/* ---- running ----------------------------------------------------------------------------- */

static void drop_results(Sim *s)
{
    for (int i = 0; i < s->nresult; i++)
        if (!s->lent[i]) tensor_free(&s->result[i].value);
    s->nresult = 0;
}

static void run_lost(void *sim) { drop_results(sim); }

/* The inputs as the engine finds them in their surfaces. */
static bool take_inputs(Diag *d, const SimSide *side, const Binding *in, Binding *out)
{
    for (int i = 0; i < side->n; i++) {
        const Tensor *t = &in[i].value;
        void *surface = side->surface[side->layout[i].symbol];
        out[i] = in[i];
        if (!surface) continue;
        layout_put(&side->layout[i], t->data, surface);
        out[i].value = (Tensor){ 0 };
        if (!tensor_alloc(&out[i].value, d, t->dtype, &t->shape)) return false;
        layout_get(&side->layout[i], surface, out[i].value.data);
    }
    return true;
}

/* The engine's results, through their surfaces into tensors of the program. */
static bool give_results(Sim *s, Diag *d)
{
    const Binding *from;
    SimSide side;
    Arena scratch = { 0 };
    const int n = program_results(s->inner, &from);
    bool ok = side_make(&side, &scratch, d, from, n, s->out, n);
    for (int i = 0; ok && i < n; i++) {
        const Tensor *t = &from[i].value;
        void *surface = side.surface[side.layout[i].symbol];
        s->result[i] = (Binding){ .name = from[i].name };
        s->lent[i] = !surface;
        if (!surface) {
            s->result[i].value = *t;
        } else {
            if (s->engine.all_spoiled && t->bytes) memset(t->data, 0, t->bytes);
            layout_put(&side.layout[i], t->data, surface);
            ok = tensor_alloc(&s->result[i].value, d, t->dtype, &t->shape);
            if (ok) layout_get(&side.layout[i], surface, s->result[i].value.data);
        }
        if (ok) s->nresult++;
    }
    side_free(&side);
    arena_free(&scratch);
    return ok;
}

static bool sim_run(Program *p, Diag *d, const Binding *in, int nin,
                    const RunOptions *opt)
{
    Sim *s = (Sim *)p;
    Arena scratch = { 0 };
    SimSide side;
    Binding *bound = NEW_ARRAY(&scratch, nin + 1, Binding);
    int *symbol = NEW_ARRAY(&scratch, nin + 1, int), at = 0;
    for (int i = 0; i < nin; i++) symbol[i] = s->in[param_find(p->func, in[i].name, &at)];
    GuardTask lost;
    guard_task(&lost, run_lost, s);
    drop_results(s);
    RunOptions inner = *opt;
    inner.phase = (PhaseHook){ 0 };
    phase_begin(&opt->phase, "copy in");
    bool ok = side_make(&side, &scratch, d, in, nin, symbol, p->func->body->nparam)
           && take_inputs(d, &side, in, bound);
    phase_end(&opt->phase, "copy in");
    phase_begin(&opt->phase, "run");
    ok = ok && program_run(s->inner, d, bound, nin, &inner);
    phase_end(&opt->phase, "run");
    phase_begin(&opt->phase, "copy out");
    ok = ok && give_results(s, d);
    phase_end(&opt->phase, "copy out");
    for (int i = 0; i < nin; i++)
        if (bound[i].value.data != in[i].value.data) tensor_free(&bound[i].value);
    side_free(&side);
    arena_free(&scratch);
    guard_task_end(&lost);
    for (int i = 0; i < s->nresult; i++) tensor_follow(s, &s->result[i].value);
    return ok;
}

static int sim_results(Program *p, const Binding **out)
{
    *out = ((Sim *)p)->result;
    return ((Sim *)p)->nresult;
}

static int sim_states(Program *p, Binding **out)
{
    return program_states(((Sim *)p)->inner, out);
}
static void sim_reset(Program *p) { program_reset(((Sim *)p)->inner); }

/* ---- compiling --------------------------------------------------------------------------- */

static void sim_free(Program *p)
{
    Sim *s = (Sim *)p;
    drop_results(s);
    program_free(s->inner);
    arena_free(&s->arena);
    mem_free(s);
}

/* Symbols follow the names. */
static int *sim_symbols(Arena *a, Value *const *v, int n)
{
    SimLayout *l = NEW_ARRAY(a, n + 1, SimLayout);
    int *symbol = NEW_ARRAY(a, n + 1, int);
    for (int i = 0; i < n; i++) l[i].name = v[i]->name;
    layouts_order(l, n);
    for (int i = 0; i < n; i++) symbol[i] = l[i].symbol;
    return symbol;
}

SimEngine *sim_engine(Program *p) { return &((Sim *)p)->engine; }

static bool sim_rules(const Backend *self, RuleSet *out, Diag *d)
{
    const char *profile = getenv("ANESIM_PROFILE"), *os = getenv("ANESIM_OS");
    ruleset_init(out, self->row, NULL);
    if (os && release_number(os, strlen(os)) > 0) {
        ruleset_release(out, os);
        out->os_asked = true;
    }
    return !profile || !*profile || profile_read(out, d, profile);
}

static Program *sim_compile(const Backend *self, const Module *m, const Func *f, Diag *d)
{
    RuleSet rs;
    Sim *s = mem_zero(1, sizeof *s);
    if (!s) {
        diag_fail(d, "no memory for a program");
        return NULL;
    }
    bool ok = sim_rules(self, &rs, d);
    numbers_of(&s->engine.numbers, &rs);
    engine_init(&s->engine);
    ok = ok && sim_accepts(m, f, &rs, d, &s->arena, &s->engine);
    if (ok) s->inner = program_new(backend_find("ref"), m, f, d);
    if (!s->inner) {
        sim_free(&s->base);
        return NULL;
    }
    ref_hook(s->inner, (CallHook){ engine_call, &s->engine });
    s->result = NEW_ARRAY(&s->arena, f->body->nresult + 1, Binding);
    s->in = sim_symbols(&s->arena, f->body->param, f->body->nparam);
    s->out = sim_symbols(&s->arena, f->body->result, f->body->nresult);
    s->lent = NEW_ARRAY(&s->arena, f->body->nresult + 1, bool);
    return &s->base;
}

/* ---- the backends ------------------------------------------------------------------------ */

enum {
#define CHIP_NAME(n) ROW_##n,
    BEFORE_CHIPS = TARGET_FIRST_CHIP - 1,
#include "chip_names.def"
};

static const Backend engines[] = {
#define CHIP_NAME(n) \
    { .name = "sim:" #n, \
      .doc = "simulated: the engine of " #n, \
      .target = &targets[ROW_##n], \
      .row = &targets[ROW_##n], \
      .compile = sim_compile, \
      .rules = sim_rules, \
      .run = sim_run, \
      .results = sim_results, \
      .states = sim_states, \
      .reset = sim_reset, \
      .free = sim_free },
#include "chip_names.def"
};

const Backend *sim_at(int chip)
{
    return chip < (int)COUNT(engines) ? &engines[chip] : NULL;
}
