/* anerun.c -- runs a model on tensors from files and writes or tells what results. */
#include "../backends/ane/ane.h"
#include "../backends/ane/cache.h"
#include "report.h"
#include "tool.h"
#include "trace.h"
#include "values.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
#define OPT(id, ...) RUN_##id,
#include "anerun.def"
};
static const Option options[] = {
#define OPT OPTION_ROW
#include "anerun.def"
};

static const Example examples[] = {
    { "anerun -i a=a.npy -i b=b.npy -O out model.mil",
      "run main and write out/NAME.npy for each result" },
    { "anerun --random 1 model.mil", "run on made-up inputs and print a summary of each result" },
    { "anerun --random 1 --trace t.json model.mil",
      "how long each statement took, for chrome://tracing or Perfetto" },
    { "anerun --describe --json model.mil", "what the model takes and gives, for another program" },
    { "anerun --random 1 --compare sim:m1 -b ref model.mil",
      "where an M1 would overflow or lose accuracy: the first statement that does" },
    { "anerun --iterations 2 -i x@0=a.npy -i x@1=b.npy -O out model.mil",
      "two steps of a model with states: out/it0_NAME.npy, out/it1_NAME.npy" },
};

static const Tool tool = {
    .name = "anerun",
    .summary = "runs a Core ML MIL program",
    .operand = "MODEL",
    .about = "MODEL is a .mil text, with its weights where it says, a .mlmodelc, a .mlpackage, or an "
             ".anedsl program, which is compiled first. "
             "Every input is given with -i, or made by --random. Results are written in their own "
             "type and shape "
             "as .npy files.\n\n"
             "Floats given for an input that was rewritten for a target (--target, --io, or an "
             ".anedsl) may have the "
             "type that the model itself declares: they are rounded to the new one.",
    TOOL_TABLES,
};

typedef struct {
    const Args *args;
    Diag *diag;
    Progress *progress;
    Arena arena;
    Model model;
    Func *func;
    const Type **own;          /* by parameter: its type before passes */
    GivenList given;
    const char *helper[3]; /* this program, as one that compiles for it */
    const Backend *backend, *reference; /* reference: --compare's */
    Program *program, *other;
    uint64_t iterations;
    RunOptions run;
    Trace trace;
    const char *dump, *prefix; /* prefix: "it3_" or "" */
    Tolerance tolerance;
    Watch watch;               /* --compare's, of each statement */
    bool differs, missing;
} Job;

static const OptValue *opt(const Job *j, int id) { return &j->args->value[id]; }

/* ---- output ---------------------------------------------------------------------------------- */

static bool save(Job *j, const char *dir, const char *name, const Tensor *t)
{
    Buf path = { 0 };
    buf_printf(&path, "%s/%s%s.npy", dir, j->prefix, name);
    bool ok = tensor_save(t, j->diag, path.s);
    buf_free(&path);
    return ok;
}

/* A value of the first backend: for --dump, and for --compare. */
static bool take_value(void *ctx, const Value *v, const Tensor *t)
{
    Job *j = ctx;
    if (j->other && !watch_keep(&j->watch, v, t)) return false;
    return !j->dump || t->is_list || save(j, j->dump, v->name, t);
}

static void trace_op_begins(void *ctx, const Op *op)
{
    Job *j = ctx;
    (void)op;
    trace_begin(&j->trace);
}

static void trace_op_ends(void *ctx, const Op *op, const Tensor *result)
{
    Job *j = ctx;
    trace_end(&j->trace, op, result);
}

static bool put_values(Job *j, const Binding *b, int n)
{
    const OptValue *dir = opt(j, RUN_output);
    Buf out = { 0 };
    bool ok = true;
    for (int i = 0; ok && i < n; i++)
        if (dir->count) ok = save(j, dir->text, b[i].name, &b[i].value);
        else report_tensor(&out, j->prefix, b[i].name, &b[i].value);
    if (out.len) progress_clear(j->progress);
    if (out.len) fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
    return ok;
}

static bool put_results(Job *j)
{
    const Binding *result;
    Binding *state;
    int n = program_results(j->program, &result);
    if (!put_values(j, result, n)) return false;
    if (!opt(j, RUN_states)->count) return true;
    n = program_states(j->program, &state);
    return put_values(j, state, n);
}

static void compare_results(Job *j)
{
    const Binding *a, *b;
    Buf out = { 0 };
    int n = program_results(j->program, &a);
    if (program_results(j->other, &b) != n) bug("two backends, two counts of results");
    for (int i = 0; i < n; i++)
        if (!report_compare(&out, j->prefix, a[i].name, &a[i].value, &b[i].value,
                            report_precision(j->func->body->result[i]), &j->tolerance))
            j->differs = true;
    watch_report(&j->watch, &out, j->prefix, program_backend(j->program)->name,
                 program_backend(j->other)->name);
    fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
}

/* ---- input ----------------------------------------------------------------------------------- */

static bool default_shape(Job *j, const Flex *flex, int p, Shape *s)
{
    const Value *v = j->func->body->param[p];
    *s = v->type->shape;
    if (shape_known(s)) return true;
    if (flex->input[p].has_default) *s = flex->input[p].def;
    else if (flex->nconfig && flex->config[0][p].rank >= 0) *s = flex->config[0][p];
    if (shape_known(s)) return true;
    return diag_error(j->diag, v->loc, "input %s has no default shape for %s: give it with -i",
                      v->name, type_text(&j->arena, v->type));
}

static bool make_random(Job *j, const Flex *flex, int p, Binding *b)
{
    const Value *v = j->func->body->param[p];
    Shape s;
    b->origin = "--random";
    if (v->type->kind != TY_TENSOR) return true; /* program_run says what is wrong */
    return default_shape(j, flex, p, &s)
           && tensor_random(&b->value, j->diag, opt(j, RUN_random)->number, v->name, v->type->dtype,
                            &s);
}

/* The inputs of an iteration. Those of --random are the binding's own: `made` counts them. */
static bool bind_inputs(Job *j, const Flex *flex, uint64_t k, Binding *in, int *nin, bool *made)
{
    const Block *b = j->func->body;
    bool ok = true;
    *nin = 0;
    for (int p = 0; p < b->nparam; p++) {
        const Value *v = b->param[p];
        if (param_is_state(v)) continue;
        Given *g = given_find(&j->given, v->name, k);
        Binding *to = &in[*nin];
        *to = (Binding){ .name = v->name };
        made[*nin] = !g;
        if (g) {
            ok = given_load(g, j->diag, v->type, j->own[p]) && ok;
            to->value = g->value;
            to->origin = !strcmp(g->text, "-") ? "<stdin>" : g->text;
        } else if (opt(j, RUN_random)->count) {
            ok = make_random(j, flex, p, to) && ok;
        } else {
            j->missing = true; /* program_run says which */
            continue;
        }
        ++*nin;
    }
    return ok;
}

/* Inputs of which no parameter has the name: handed on, so that they are reported. */
static int add_unknown(Job *j, Binding *in, int nin)
{
    const Block *b = j->func->body;
    for (int i = 0; i < j->given.count; i++) {
        bool known = false;
        for (int p = 0; p < b->nparam; p++)
            known = known || !strcmp(b->param[p]->name, j->given.item[i].name);
        for (int k = 0; k < i; k++)
            known = known || !strcmp(j->given.item[k].name, j->given.item[i].name);
        if (!known) in[nin++] = (Binding){ .name = j->given.item[i].name };
    }
    return nin;
}

static bool set_state(Job *j, Binding *state, Given *g, const Type *want)
{
    Tensor *to = &state->value, *from = &g->value;
    if (!given_load(g, j->diag, want, NULL)) return false;
    if (from->dtype != to->dtype || !shape_equal(&from->shape, &to->shape))
        return diag_error(j->diag, (Loc){ 0 }, "state %s is %s %s, but %s holds %s %s", state->name,
                          dtypes[to->dtype].name, shape_text(&j->arena, &to->shape), g->text,
                          dtypes[from->dtype].name, shape_text(&j->arena, &from->shape));
    if (to->bytes) memcpy(to->data, from->data, to->bytes);
    return true;
}

/* A state given without an iteration is set before the first; NAME@k before iteration k. */
static bool set_states(Job *j, Program *p, uint64_t k)
{
    Binding *state;
    const int n = program_states(p, &state);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        Given *g = given_find(&j->given, state[i].name, k);
        const Type want = { .kind = TY_TENSOR,
                            .dtype = state[i].value.dtype,
                            .shape = state[i].value.shape };
        if (g && (g->each || k == 0)) ok = set_state(j, &state[i], g, &want) && ok;
    }
    return ok;
}

/* ---- running --------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool run_once(Job *j, const Binding *in, int nin, uint64_t k)
{
    char prefix[32] = "";
    if (opt(j, RUN_iterations)->count && j->iterations > 1)
        snprintf(prefix, sizeof prefix, "it%llu_", (unsigned long long)k);
    j->prefix = prefix;
    trace_phase(&j->trace, "run");
    bool ok = set_states(j, j->program, k) && program_run(j->program, j->diag, in, nin, &j->run);
    if (ok && j->other) {
        trace_phase(&j->trace, "compare");
        RunOptions quiet = j->run;
        quiet.each = watch_meet;
        quiet.ctx = &j->watch;
        quiet.begin = NULL;
        quiet.end = NULL;
        quiet.phase = (PhaseHook){ 0 };
        ok = set_states(j, j->other, k) && program_run(j->other, j->diag, in, nin, &quiet);
        if (ok) compare_results(j);
    }
    trace_phase(&j->trace, "write");
    if (ok && (!j->other || opt(j, RUN_output)->count)) ok = put_results(j);
    j->prefix = "";
    return ok;
}

/* "backend=cpu io=fp16 dialect=1.0 function=main (no engine: ..)" */
static void put_backend(Buf *out, const Job *j, const Program *p)
{
    const RunsAs *as = &p->as;
    const Backend *b = program_backend(p);
    buf_printf(out, "backend=%s io=%s dialect=%s", b->name, as->io, as->dialect);
    if (as->cache) buf_printf(out, " cache=%s", as->cache);
    buf_printf(out, " function=%s (%s)\n", j->func->name, as->why ? as->why : b->doc);
}

/* Multiply-adds at the extents that the inputs have. */
static Macs macs_of_inputs(Job *j, const Binding *in, int nin)
{
    const Block *b = j->func->body;
    const Type **type = NEW_ARRAY(&j->arena, b->nparam + 1, const Type *);
    for (int i = 0; i < b->nparam; i++)
        for (int k = 0; k < nin; k++)
            if (!strcmp(b->param[i]->name, in[k].name) && b->param[i]->type->kind == TY_TENSOR)
                type[i] = type_tensor(&j->arena, in[k].value.dtype, in[k].value.shape);
    return func_macs(j->func, type);
}

/* How long the runs took, where they ran, and what that makes a second. */
static void put_times(Job *j, double *seconds, size_t n, const Binding *in, int nin)
{
    const Macs macs = macs_of_inputs(j, in, nin);
    Buf out = { 0 };
    report_times(&out, seconds, n);
    put_backend(&out, j, j->program);
    report_rate(&out, &macs, seconds[n / 2]);
    fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
}

static bool run_bench(Job *j, const Binding *in, int nin)
{
    const size_t n = (size_t)opt(j, RUN_bench)->number;
    double *seconds = calloc(n, sizeof *seconds);
    if (!seconds) return diag_fail(j->diag, "no memory for %zu times", n);
    bool ok = true;
    for (size_t i = 0; ok && i < n + 1; i++) { /* the first warms up */
        program_reset(j->program);
        ok = set_states(j, j->program, 0);
        double start = now();
        ok = ok && program_run(j->program, j->diag, in, nin, &j->run);
        if (ok && i) seconds[i - 1] = now() - start;
        progress_count(j->progress, "run", i, n);
    }
    progress_clear(j->progress);
    if (ok) put_times(j, seconds, n, in, nin);
    if (ok && opt(j, RUN_output)->count) ok = put_results(j);
    free(seconds);
    return ok;
}

static bool run_all(Job *j)
{
    const int room = j->func->body->nparam + j->given.count + 1;
    Binding *in = NEW_ARRAY(&j->arena, room, Binding);
    bool *made = NEW_ARRAY(&j->arena, room, bool), ok;
    Flex flex;
    ok = flex_read(j->func, j->diag, &j->arena, &flex);
    for (uint64_t k = 0; ok && k < j->iterations; k++) {
        int n = 0;
        progress_count(j->progress, "iteration", k, j->iterations);
        trace_phase(&j->trace, "bind");
        ok = bind_inputs(j, &flex, k, in, &n, made);
        int all = add_unknown(j, in, n);
        if (ok) ok = opt(j, RUN_bench)->count ? run_bench(j, in, all) : run_once(j, in, all, k);
        if (j->missing && !ok)
            diag_note(j->diag, (Loc){ 0 },
                      "-i NAME=FILE.npy gives an input, --random SEED makes up the rest");
        for (int i = 0; i < n; i++)
            if (made[i]) tensor_free(&in[i].value);
        for (int i = 0; i < j->given.count; i++) given_done(&j->given.item[i], k);
    }
    return ok;
}

/* ---- preparing ------------------------------------------------------------------------------- */

static bool has_function(Job *j)
{
    const OptValue *name = opt(j, RUN_function);
    Module *m = j->model.module;
    j->func = name->count ? module_func(m, name->text) : module_main(m);
    if (j->func) return true;
    const char *known[64];
    size_t n = 0;
    for (const Func *f = m->first; f && n < COUNT(known); f = f->next) known[n++] = f->name;
    const char *near = name_nearest(name->text, known, n);
    if (near)
        return diag_error(j->diag, (Loc){ 0 }, "%s has no function %s; did you mean %s?",
                          j->model.path, name->text, near);
    return diag_error(j->diag, (Loc){ 0 }, "%s has no function %s; --describe shows what it has",
                      j->model.path, name->text);
}

/* NULL: no such backend, or none on this machine; the exit code. */
static const Backend *open_backend(Job *j, const char *name, int *code)
{
    j->helper[0] = j->args->program;
    j->helper[1] = "--compile-only";
    const BackendOptions o = { .phase = { trace_inner, &j->trace }, .helper = j->helper };
    const Backend *b = backend_open(name, &o, j->diag);
    const char *doc = b ? NULL : backend_absent(name), *all = "";
    *code = b ? EXIT_DONE : diag_ok(j->diag) ? EXIT_USAGE : diag_exit(j->diag);
    if (b || !diag_ok(j->diag)) return b;
    if (doc) usage_error(&tool, "the backend %s (%s) is not in this build yet", name, doc);
    if (doc) return NULL;
    for (int i = 0; (doc = backend_opened_at(i)); i++)
        all = arena_printf(&j->arena, "%s%s%s", all, i ? ", " : "", doc);
    for (int i = 0; (b = backend_at(i)); i++) all = arena_printf(&j->arena, "%s, %s", all, b->name);
    usage_error(&tool, "there is no backend %s; this build has %s", name, all);
    return NULL;
}

static int open_backends(Job *j)
{
    const OptValue *backend = opt(j, RUN_backend), *compare = opt(j, RUN_compare);
    int code;
    j->backend = open_backend(j, backend->count ? backend->text : "auto", &code);
    if (j->backend && compare->count) j->reference = open_backend(j, compare->text, &code);
    return code;
}

static void say_backend(const Job *j, const Program *p)
{
    Buf out = { 0 };
    put_backend(&out, j, p);
    fprintf(stderr, "anerun: %s", out.s);
    buf_free(&out);
}

static bool start_program(Job *j, const Backend *b, Program **p)
{
    *p = program_new(b, j->model.module, j->func, j->diag);
    if (*p && common(j->args, COM_verbose)->count) say_backend(j, *p);
    return *p != NULL;
}

/* --cache status|clear */
static int answer_cache(Job *j)
{
    const bool clear = !strcmp(opt(j, RUN_cache)->text, "clear");
    Cache c;
    cache_open(&c, &j->arena, NULL);
    if (c.off) diag_fail(j->diag, "there is no cache: %s", c.off);
    if (c.off) return diag_exit(j->diag);
    const CacheCount n = cache_count(&c, clear);
    printf("%s: %d programs, %.1f MB %s; at most %.1f MB are kept\n", c.top, n.entries,
           (double)n.bytes * 1e-6, clear ? "removed" : "used", (double)c.limit * 1e-6);
    if (n.busy) printf("%d programs are in use and stay\n", n.busy);
    return EXIT_DONE;
}

/* --compile-only DIR */
static int answer_helper(Job *j)
{
    Buf answer = { 0 };
    ane_compile_folder(opt(j, RUN_compile_only)->text, &answer);
    fwrite(answer.s, 1, answer.len, stdout);
    const bool ok = !strncmp(answer.s, "compiled", 8);
    buf_free(&answer);
    return ok ? EXIT_DONE : EXIT_WORLD;
}

static bool check_usage(Job *j)
{
    const OptValue *n = opt(j, RUN_iterations), *bench = opt(j, RUN_bench);
    j->iterations = n->count ? n->number : 1;
    if (!j->iterations) return usage_error(&tool, "--iterations takes a number from 1");
    if (bench->count && (!bench->number || bench->number > 100000000))
        return usage_error(&tool, "--bench takes a number from 1 to 100000000");
    if (bench->count && (n->count || opt(j, RUN_compare)->count))
        return usage_error(&tool, "--bench goes neither with --iterations nor with --compare");
    if (opt(j, RUN_json)->count && !opt(j, RUN_describe)->count)
        return usage_error(&tool, "--json goes with --describe");
    if (opt(j, RUN_trace)->count && (bench->count || opt(j, RUN_describe)->count))
        return usage_error(&tool, "--trace goes neither with --bench nor with --describe");
    if (!opt(j, RUN_compare)->count && (opt(j, RUN_rtol)->count || opt(j, RUN_atol)->count))
        return usage_error(&tool, "--rtol and --atol go with --compare");
    return true;
}

static bool make_dir(Job *j, const OptValue *dir)
{
    return !dir->count || file_make_dirs(j->diag, dir->text);
}

static void set_run_options(Job *j)
{
    const OptValue *steps = opt(j, RUN_max_steps), *rtol = opt(j, RUN_rtol),
                   *atol = opt(j, RUN_atol);
    j->run = (RunOptions){ .random_seed = opt(j, RUN_random)->number,
                           .max_steps = steps->count ? steps->number : 1000000 };
    j->run.ctx = j;
    if (opt(j, RUN_trace)->count) {
        j->run.begin = trace_op_begins;
        j->run.end = trace_op_ends;
        j->run.phase = (PhaseHook){ trace_inner, &j->trace };
    }
    if (opt(j, RUN_dump)->count) {
        j->dump = opt(j, RUN_dump)->text;
        j->run.each = take_value;
    }
    if (opt(j, RUN_compare)->count) j->run.each = take_value;
    j->watch = (Watch){ .diag = j->diag, .tolerance = &j->tolerance };
    j->tolerance = (Tolerance){ .has_rtol = rtol->count > 0, .rtol = rtol->real,
                                .has_atol = atol->count > 0, .atol = atol->real };
}

/* Rewrites the model as the options ask; the types it declares itself are kept aside. */
static int retarget(Job *j)
{
    Pipeline p;
    const Block *b = j->func->body;
    j->own = NEW_ARRAY(&j->arena, b->nparam + 1, const Type *);
    for (int i = 0; i < b->nparam; i++) j->own[i] = b->param[i]->type;
    j->model.target = j->backend->target;
    if (!model_wants_passes(&j->model, j->args)) return EXIT_DONE;
    int code = model_pipeline(&j->model, j->args, j->diag, &p);
    if (code) return code;
    /* The processor takes everything: a chip that was named has rules, or that of the backend. */
    if (!p.chip && !(j->model.dsl && j->model.target)) ruleset_clear(&p.rules);
    return passes_run(j->model.module, &p.pass, j->diag) ? EXIT_DONE : diag_exit(j->diag);
}

static int describe(Job *j)
{
    Buf out = { 0 };
    bool json = opt(j, RUN_json)->count > 0;
    bool ok = (json ? describe_json : describe_text)(&out, j->model.path, j->model.module, j->diag);
    if (ok) fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
    return diag_exit(j->diag);
}

static int load(Job *j, const Args *a)
{
    const OptValue *trace = opt(j, RUN_trace);
    if (trace->count && !trace_open(&j->trace, j->diag, trace->text)) return diag_exit(j->diag);
    trace_phase(&j->trace, "load");
    int code = model_open(&j->model, a, j->diag);
    if (!code) code = model_parse(&j->model, a, j->diag);
    trace_phase(&j->trace, "verify");
    return code || j->model.dsl ? code : model_check(&j->model, j->diag);
}

static int run_job(Job *j, Args *a)
{
    if (!check_usage(j) || !given_parse(&j->given, a, opt(j, RUN_input), j->iterations))
        return EXIT_USAGE;
    if (opt(j, RUN_cache)->count) return answer_cache(j);
    if (opt(j, RUN_compile_only)->count) return answer_helper(j);
    int code = open_backends(j);
    if (code) return code;
    code = load(j, a);
    if (code) return code;
    if (!has_function(j)) return diag_exit(j->diag);
    trace_phase(&j->trace, "compile");
    if ((code = retarget(j))) return code;
    if (opt(j, RUN_describe)->count) return describe(j);
    set_run_options(j);
    if (!start_program(j, j->backend, &j->program)
        || (j->reference && !start_program(j, j->reference, &j->other)))
        return diag_exit(j->diag);
    if (!make_dir(j, opt(j, RUN_output)) || !make_dir(j, opt(j, RUN_dump)) || !run_all(j))
        return diag_exit(j->diag);
    if (!trace_close(&j->trace)) return diag_exit(j->diag);
    return j->differs ? EXIT_WRONG : diag_exit(j->diag);
}

static int run(Args *args, Diag *d, Progress *progress)
{
    Job job = { .args = args, .diag = d, .progress = progress, .prefix = "" };
    int code = run_job(&job, args);
    progress_clear(progress);
    trace_abort(&job.trace);
    watch_free(&job.watch);
    program_free(job.program);
    program_free(job.other);
    backend_close(job.backend);
    backend_close(job.reference);
    given_free(&job.given);
    model_free(&job.model);
    arena_free(&job.arena);
    return code;
}

int main(int argc, char **argv) { return tool_main(&tool, argc, argv, run); }
