/* split.c -- a classifier on an engine: the engine computes the probabilities, the processor
 * picks the class.
 *
 * Of one function two are made: that of the engine, whose results are the operands of
 * `classify` and all other results; and that of the processor, which has the classify ops
 * alone. */
#include "composed.h"

#include "../ir/ops/ops.h"
#include "ref/ref.h"

#include <string.h>

typedef struct {
    bool chosen; /* a result of the processor's part */
    int at;      /* which one of its part */
} Origin;

typedef struct {
    Program base;  /* first */
    Backend calls; /* what base.backend points at: the engine's name, and these calls */
    Module *front, *back;
    Program *engine, *chooser;
    int *takes;     /* part_params of the engine's */
    Origin *source; /* by result of the function */
    bool *unread;   /* by result of the engine's: Program.unread */
    int *fed;       /* by input of what chooses: which result of the engine's it is */
    Binding *given; /* to what chooses */
    bool half;      /* of the last run the engine's part alone has ended well */
    Binding *result;
    char *why; /* what base.as says, until a run breaks */
} Split;

static bool is_choice(const Value *v) { return value_chosen_from(v) != NULL; }

/* What the engine hands over for a value that a class is chosen from: a cast of it is the
 * processor's, as the rules have it. */
static Value *handed_over(Value *v)
{
    return v->def && v->def->kind == OP_cast && op_on_processor(v->def)
             ? op_value(v->def, P_x)
             : v;
}

bool split_wanted(const Func *f)
{
    for (int i = 0; i < f->body->nresult; i++)
        if (is_choice(f->body->result[i])) return true;
    return false;
}

/* ---- two functions ----------------------------------------------------------------------- */

static int index_of(Value *const *v, int n, const Value *x)
{
    for (int i = 0; i < n; i++)
        if (v[i] == x) return i;
    return -1;
}

/* The ops that choose, and what they alone need. */
static void drop_choice(Func *f, Op *op)
{
    Op *classes = op_value(op, P_classes)->def; /* a list, which no engine's text has */
    Op *cast = op_value(op, P_probabilities)->def;
    op_unlink(op);
    if (classes && !func_count_uses(f, classes->out[0])) op_unlink(classes);
    if (cast && cast->kind == OP_cast && !func_count_uses(f, cast->out[0]))
        op_unlink(cast);
}

/* The engine's: no op chooses, and each value that one read is a result. */
static void cut_front(Func *f)
{
    Arena a = { 0 };
    Block *b = f->body;
    const int n = b->nresult;
    Value **handed = NEW_ARRAY(&a, n, Value *);
    int kept = 0;
    for (int i = 0; i < n; i++) {
        Value *v = b->result[i], *from = value_chosen_from(v);
        handed[i] = from ? handed_over(from) : v;
    }
    for (int i = 0; i < n; i++)
        if (index_of(b->result, kept, handed[i]) < 0)
            func_set_result(f, kept++, handed[i]);
    func_drop_results(f, kept);
    for (Op *op = b->first, *next; op; op = next) {
        next = op->next;
        if (op_chooses(op)) drop_choice(f, op);
    }
    arena_free(&a);
}

typedef struct {
    Func *func;
    /* by value of the whole: its input here, or its cast; by op that chooses: its copy */
    PtrMap made;
} Back;

static Value *back_find(void *ctx, Value *v)
{
    Value *made = ptrmap_get(&((Back *)ctx)->made, v);
    return made ? made : v; /* a literal */
}

static Op *back_copy(Back *b, const Op *op);

/* What stands for v: a constant, a cast of an input, or an input. */
static void back_bring(Back *b, Value *v)
{
    if (ptrmap_get(&b->made, v) || (value_lit(v) && !v->def)) return;
    Value *made = value_lit(v) || handed_over(v) != v
                    ? back_copy(b, v->def)->out[0]
                    : block_param(b->func->body, func_unique_name(b->func, v->name),
                                  v->type, value_loc(v));
    ptrmap_set(&b->made, v, made);
}

/* Behind what it reads. */
static Op *back_copy(Back *b, const Op *op)
{
    for (int i = 0; i < op->narg; i++)
        for (int k = 0; k < arg_count(&op->arg[i]); k++) back_bring(b, op->arg[i].val[k]);
    return op_clone(op, b->func->body, NULL, back_find, b);
}

/* The processor's: the ops that choose, whose inputs have the names of the engine's
 * results. */
static Module *make_back(const Func *f)
{
    Module *m = module_new();
    Back b = { .func = func_new(m, f->name, f->opset) };
    m->version = f->module->version;
    m->default_func = module_name(m, f->name);
    for (int i = 0; i < f->body->nresult; i++) {
        const Value *v = f->body->result[i];
        if (!is_choice(v)) continue;
        Op *copy = ptrmap_get(&b.made, v->def);
        if (!copy) ptrmap_set(&b.made, v->def, copy = back_copy(&b, v->def));
        block_result(b.func->body, copy->out[v->index]);
    }
    ptrmap_free(&b.made);
    return m;
}

/* Which result of which part is each result of the whole, and which of the engine's is each input
 * of what chooses. */
static void find_origins(Split *s, const Func *f)
{
    const Block *front = module_main(s->front)->body, *back = module_main(s->back)->body;
    int chosen = 0;
    for (int i = 0; i < back->nparam; i++)
        while (strcmp(front->result[s->fed[i]]->name, back->param[i]->name) != 0)
            s->fed[i]++;
    for (int i = 0; i < f->body->nresult; i++) {
        const Value *v = f->body->result[i];
        int at = 0;
        while (!is_choice(v) && strcmp(front->result[at]->name, v->name) != 0) at++;
        s->source[i] = is_choice(v) ? (Origin){ true, chosen++ } : (Origin){ false, at };
    }
}

/* ---- the calls of a backend -------------------------------------------------------------- */

static Split *split_of(Program *p) { return (Split *)p; }

/* What the processor chooses from is read, whoever else passes over it. */
static void split_mind(Split *s)
{
    const Func *front = s->engine->func;
    const Block *inputs = module_main(s->back)->body;
    for (int i = 0; i < front->body->nresult; i++) s->unread[i] = true;
    for (int i = 0; i < s->base.func->body->nresult; i++)
        if (!s->source[i].chosen && !(s->base.unread && s->base.unread[i]))
            s->unread[s->source[i].at] = false;
    for (int k = 0; k < inputs->nparam; k++) s->unread[s->fed[k]] = false;
    s->engine->unread = s->unread;
}

static bool split_run(Program *p, Diag *d, const Binding *in, int nin,
                      const RunOptions *opt)
{
    Split *s = split_of(p);
    const Binding *front;
    Arena a = { 0 };
    Binding *all = NEW_ARRAY(&a, nin + 1, Binding);
    const int given = part_given(p->func, s->engine->func, s->takes, in, nin, all);
    p->broke = s->half = false;
    split_mind(s);
    const bool went = program_run(s->engine, d, all, given, opt);
    arena_free(&a);
    if (!went) {
        p->broke = s->engine->broke;
        return false;
    }
    s->half = true;
    program_results(s->engine, &front);
    const Block *back = s->chooser->func->body;
    const int n = back->nparam;
    for (int i = 0; i < n; i++) {
        s->given[i] = front[s->fed[i]];
        s->given[i].name = back->param[i]->name;
    }
    RunOptions quiet = *opt;
    quiet.phase = (PhaseHook){ 0 };
    const bool ok = program_run(s->chooser, d, s->given, n, &quiet);
    s->half = !ok;
    return ok;
}

static int split_results(Program *p, const Binding **out)
{
    Split *s = split_of(p);
    const Binding *front, *back;
    split_mind(s);
    program_results(s->engine, &front);
    program_results(s->chooser, &back);
    for (int i = 0; i < p->func->body->nresult; i++) {
        s->result[i].name = p->func->body->result[i]->name;
        s->result[i].value = (s->source[i].chosen ? back : front)[s->source[i].at].value;
        s->result[i].value.owned = false;
    }
    *out = s->result;
    return p->func->body->nresult;
}

/* The engine's part takes what the whole takes, and makes what is not chosen. */
static bool split_wire(Program *to, int param, Program *from, int result)
{
    Split *s = split_of(to);
    const int k = s->takes[param];
    if (k < 0 || (from && (from != to || s->source[result].chosen))) return false;
    return s->engine->backend->wire(s->engine, k, from ? s->engine : NULL,
                                    from ? s->source[result].at : 0);
}

static bool split_given(Program *p, int param, bool undone, Diag *d, Tensor *out)
{
    Split *s = split_of(p);
    return s->engine->backend->given(s->engine, s->takes[param], undone || s->half, d,
                                     out);
}

static int split_states(Program *p, Binding **out)
{
    return program_states(split_of(p)->engine, out);
}
static void split_reset(Program *p) { program_reset(split_of(p)->engine); }

static void split_free(Program *p)
{
    Split *s = split_of(p);
    program_free(s->engine);
    program_free(s->chooser);
    module_free(s->front);
    module_free(s->back);
    mem_free(s->takes);
    mem_free(s->source);
    mem_free(s->result);
    mem_free(s->unread);
    mem_free(s->fed);
    mem_free(s->given);
    mem_free(s->why);
    mem_free(s);
}

static char *split_also(const char *why)
{
    Buf b = { 0 };
    buf_printf(&b, "%s%sthe processor chooses the class", why ? why : "",
               why ? "; " : "");
    return b.s;
}

static bool make_parts(Split *s, const Backend *b, const Func *f, Diag *d)
{
    s->front = func_extract(f);
    cut_front(module_main(s->front));
    s->back = make_back(f);
    const size_t inputs = (size_t)module_main(s->back)->body->nparam + 1;
    if (!(s->fed = mem_zero(inputs, sizeof *s->fed))
        || !(s->given = mem_zero(inputs, sizeof *s->given)))
        mem_out(inputs * sizeof *s->given);
    find_origins(s, f);
    if (!module_verify(s->front, d, "split") || !module_verify(s->back, d, "split"))
        return false;
    s->engine = program_new(b, s->front, module_main(s->front), d);
    s->takes = part_params(f, module_main(s->front));
    const size_t n = (size_t)module_main(s->front)->body->nresult;
    if (!(s->unread = mem_zero(n, sizeof *s->unread))) mem_out(n);
    s->chooser = s->engine ? program_new(&backend_ref, s->back, module_main(s->back), d)
                           : NULL;
    return s->chooser != NULL;
}

/* Of what is the engine's; the choice of a class is nobody else's business. */
static bool split_place(Program *p, Arena *a, Diag *d, Placings *out)
{
    return program_place(((Split *)p)->engine, a, d, out);
}

Program *split_compile(const Backend *b, const Module *m, const Func *f, Diag *d)
{
    Split *s = mem_zero(1, sizeof *s);
    const size_t n = (size_t)f->body->nresult;
    if (!s || !(s->source = mem_zero(n, sizeof *s->source))
        || !(s->result = mem_zero(n, sizeof *s->result)))
        mem_out(n * sizeof *s->result);
    (void)m;
    s->calls = (Backend){ .name = b->name,
                          .doc = b->doc,
                          .target = b->target,
                          .row = b->row,
                          .run = split_run,
                          .results = split_results,
                          .states = split_states,
                          .reset = split_reset,
                          .place = split_place,
                          .free = split_free };
    if (b->wire && b->given) {
        s->calls.wire = split_wire;
        s->calls.given = split_given;
    }
    s->base.backend = &s->calls;
    s->base.func = f;
    if (!make_parts(s, b, f, d)) {
        split_free(&s->base);
        return NULL;
    }
    s->base.as = s->engine->as;
    s->base.as.why = s->why = split_also(s->engine->as.why);
    return &s->base;
}
