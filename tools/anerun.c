/* anerun.c -- runs a model on tensors from files, and prints or writes the results. */
#include "anerun.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
    { "anerun --random 1 model.mil",
      "run on made-up inputs and print a summary of each result" },
    { "anerun --random 1 --trace t.json model.mil",
      "how long each op took, for chrome://tracing or Perfetto" },
    { "anerun --backend coreml --plan model.mlpackage",
      "where Core ML would run each operation" },
    { "anerun --describe --json model.mil",
      "what the model takes and gives, for another program" },
    { "anerun --random 1 --compare sim:CHIP -b ref model.mil",
      "where an M1 would overflow or lose accuracy: the first op that does" },
    { "anerun --iterations 2 -i x@0=a.npy -i x@1=b.npy -O out model.mil",
      "two steps of a model with states: out/it0_NAME.npy, out/it1_NAME.npy" },
};

static const Tool tool = {
    .name = "anerun",
    .summary = "runs a Core ML MIL program",
    .operand = "MODEL",
    .about =
        "MODEL is a .mil text, with its weights where it says, a .mlmodelc, a .mlpackage, or an "
        ".anedsl program, which is compiled first: for the chip of what runs it, and for ref and cpu "
        "as it is written. "
        "Every input is given with -i, or made by --random. Results are written in their own "
        "type and shape "
        "as .npy files.\n\n"
        "Floats given for an input that was rewritten for a target (--target, --io, or an "
        ".anedsl) may have the "
        "type that the model itself declares: they are rounded to the new one.",
    TOOL_TABLES,
};

typedef struct {
    const ToolArgs *args;
    Diag *diag;
    Progress *progress;
    Arena arena;
    GivenList given;
    FeedList feed;
    const char *function;            /* that runs */
    const char *helper[3];           /* this program, as one that compiles for it */
    anec_device *device, *reference; /* reference: --compare's */
    anec_model *model;
    anec_kernel *kernel, *other; /* of the one device and the other */
    uint64_t iterations;
    anec_run_options run;
    Trace trace;
    const char *dump, *prefix; /* prefix: "it3_" or "" */
    Watch watch;               /* --compare's, of each op */
    bool differs, missing;
} RunJob;

static const OptValue *anerun_opt(const RunJob *j, int id) { return &j->args->value[id]; }

/* ---- what the library tells -------------------------------------------------------------- */

static void take_written(void *ctx, const char *path, uint64_t bytes)
{
    RunJob *j = ctx;
    progress_file(j->progress, path, bytes);
}

static void take_stage(void *ctx, const char *name)
{
    RunJob *j = ctx;
    trace_phase(&j->trace, name);
}

/* Whether a call went well; what no message told is told. */
static bool anerun_good(RunJob *j, anec_status s, const anec_error *e)
{
    if (s == ANEC_USAGE) return usage_error(&tool, "%s", e->text);
    if (s && diag_ok(j->diag) && *e->text) return diag_fail(j->diag, "%s", e->text);
    return s == ANEC_OK;
}

/* ---- output ------------------------------------------------------------------------------ */

static bool anerun_save(RunJob *j, const char *dir, const char *name, const anec_tensor *t)
{
    Buf path = { 0 };
    anec_error e;
    buf_printf(&path, "%s/%s%s.npy", dir, j->prefix, name);
    bool ok = anerun_good(j, anec_tensor_save(j->args->config, t, path.s, &e), &e);
    buf_free(&path);
    return ok;
}

/* A value of the first backend: for --dump, and for --compare. */
static int take_value(void *ctx, const anec_value *v, const anec_tensor *t)
{
    RunJob *j = ctx;
    if (j->other && watch_keep(&j->watch, v, t)) return 1;
    return j->dump && strcmp(t->dtype, "list") != 0
        && !anerun_save(j, j->dump, anec_value_name(v), t);
}

static void take_inner(void *ctx, const char *name, int begins)
{
    RunJob *j = ctx;
    trace_inner(&j->trace, name, begins);
}

static void trace_op_begins(void *ctx, const anec_op *s)
{
    RunJob *j = ctx;
    (void)s;
    trace_begin(&j->trace);
}

static void trace_op_ends(void *ctx, const anec_op *s, const anec_tensor *result)
{
    RunJob *j = ctx;
    trace_end(&j->trace, s, result);
}

/* The labels of a dictionary's values beside them; a result that is an image, as one too. */
static bool save_more(RunJob *j, const char *dir, const char *name, anec_kind kind, int i)
{
    const char *probabilities;
    anec_feature f = { .size = sizeof f };
    anec_tensor labels;
    anec_error e;
    Buf path = { 0 };
    bool ok = true;
    if (kind != ANEC_RESULT) return true;
    anec_classifier(j->kernel, &probabilities);
    if (probabilities && !strcmp(probabilities, name)) {
        ok = anerun_good(j, anec_classes(j->kernel, &labels, &e), &e);
        buf_printf(&path, "%s.keys", name);
        ok = ok && anerun_save(j, dir, path.s, &labels);
        anec_tensor_free(&labels);
    } else if (anec_port_feature(j->kernel, kind, i, &f) && f.color && anec_has_png()) {
        buf_printf(&path, "%s/%s%s.png", dir, j->prefix, name);
        ok = anerun_good(j, anec_image_save(j->kernel, name, path.s, &e), &e);
    }
    buf_free(&path);
    return ok;
}

/* The most probable classes, a line each. */
static void put_best(RunJob *j, Buf *out)
{
    enum { BEST = 5 };
    anec_class best[BEST];
    const int n = anec_best(j->kernel, best, BEST);
    for (int i = 0; i < n; i++) {
        buf_printf(out, "%s  %8.5f  ", j->prefix, best[i].probability);
        if (best[i].text) buf_quote(out, best[i].text);
        else buf_printf(out, "%lld", (long long)best[i].number);
        buf_putc(out, '\n');
    }
}

/* Results or states. */
static bool put_values(RunJob *j, anec_kind kind)
{
    const OptValue *dir = anerun_opt(j, RUN_output);
    const char *name;
    anec_tensor t;
    anec_error e;
    Buf out = { 0 };
    bool ok = true;
    for (int i = 0; ok && (name = anec_port(j->kernel, kind, i, &t)); i++) {
        const anec_status s = kind == ANEC_STATE ? anec_state(j->kernel, name, &t, &e)
                                                 : anec_result(j->kernel, name, &t, &e);
        ok = anerun_good(j, s, &e);
        if (ok && dir->count) {
            ok = anerun_save(j, dir->text, name, &t) && save_more(j, dir->text, name, kind, i);
        } else if (ok) {
            char *line = anec_summary(&t);
            if (!line) mem_out(1);
            buf_printf(&out, "%s%s: ", j->prefix, name);
            buf_puts(&out, line);
            anec_text_free(line);
        }
    }
    if (ok && kind == ANEC_RESULT && !dir->count) put_best(j, &out);
    if (out.len) progress_clear(j->progress);
    if (out.len) fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
    return ok;
}

static bool put_results(RunJob *j)
{
    return put_values(j, ANEC_RESULT)
        && (!anerun_opt(j, RUN_states)->count || put_values(j, ANEC_STATE));
}

static bool compare_results(RunJob *j)
{
    const char *name;
    anec_tensor a, b;
    anec_error e;
    Buf out = { 0 };
    for (int i = 0; (name = anec_port(j->kernel, ANEC_RESULT, i, &a)); i++) {
        anec_difference d = { .size = sizeof d };
        if (!anerun_good(j, anec_result(j->kernel, name, &a, &e), &e)
            || !anerun_good(j, anec_result(j->other, name, &b, &e), &e))
            return false;
        const char *as = anec_value_precision(anec_result_value(j->kernel, i));
        anec_compare(&a, &b, as, &j->watch.tolerance, &d);
        if (d.differs < 0) mem_out(1);
        buf_printf(&out, "%s%s: %s\n", j->prefix, name, d.text);
        j->differs |= d.differs != 0;
    }
    watch_report(&j->watch, &out, j->prefix, anec_fact(j->kernel, "backend"),
                 anec_fact(j->other, "backend"));
    fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
    return true;
}

/* ---- input ------------------------------------------------------------------------------- */

/* The inputs of an iteration. Those of --random are its own: `made` has them. */
static bool bind_inputs(RunJob *j, uint64_t k, anec_input *in, int *nin, anec_tensor *made)
{
    const char *name;
    anec_tensor t;
    anec_error e;
    bool ok = true;
    *nin = 0;
    for (int i = 0; (name = anec_port(j->kernel, ANEC_INPUT, i, &t)); i++) {
        Given *g = given_find(&j->given, name, k);
        anec_input *to = &in[*nin];
        if (k && feed_has(&j->feed, name) && !(g && g->each)) continue; /* wired */
        *to = (anec_input){ .name = name };
        if (g) {
            ok = anerun_good(j, given_load(g, j->kernel, &e), &e) && ok;
            to->tensor = &g->value;
            to->origin = !strcmp(g->text, "-") ? "<stdin>" : g->text;
        } else if (anerun_opt(j, RUN_random)->count) {
            anec_tensor *r = &made[*nin];
            ok = anerun_good(j,
                             anec_tensor_random(j->kernel, name,
                                                anerun_opt(j, RUN_random)->number, r, &e),
                             &e)
              && ok;
            to->tensor = r;
            to->origin = "--random";
        } else {
            j->missing = true; /* the run says which */
            continue;
        }
        ++*nin;
    }
    return ok;
}

static bool is_port(const RunJob *j, const char *name)
{
    const char *port;
    anec_tensor t;
    static const anec_kind kinds[] = { ANEC_INPUT, ANEC_STATE };
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (int i = 0; (port = anec_port(j->kernel, kinds[k], i, &t)); i++)
            if (!strcmp(port, name)) return true;
    return false;
}

/* Inputs of which no parameter has the name: handed on, so that they are reported. */
static int add_unknown(RunJob *j, anec_input *in, int nin)
{
    for (int i = 0; i < j->given.count; i++) {
        bool known = is_port(j, j->given.item[i].name);
        for (int k = 0; k < i; k++)
            known = known || !strcmp(j->given.item[k].name, j->given.item[i].name);
        if (!known) in[nin++] = (anec_input){ .name = j->given.item[i].name };
    }
    return nin;
}

/* A state given without an iteration is set before the first; NAME@k before iteration k. */
static bool set_states(RunJob *j, anec_kernel *kernel, uint64_t k)
{
    const char *name;
    anec_tensor t;
    anec_error e;
    bool ok = true;
    for (int i = 0; (name = anec_port(kernel, ANEC_STATE, i, &t)); i++) {
        Given *g = given_find(&j->given, name, k);
        if (!g || !(g->each || k == 0)) continue;
        anec_status s = given_load(g, kernel, &e);
        if (!s) s = anec_set_state(kernel, name, &g->value, g->text, &e);
        ok = anerun_good(j, s, &e) && ok;
    }
    return ok;
}

/* ---- running ----------------------------------------------------------------------------- */

static double anerun_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool wire_feeds(RunJob *j, anec_kernel *kernel, uint64_t k)
{
    anec_error e;
    return anerun_good(j, feed_wire(&j->feed, &j->given, kernel, k, &e), &e);
}

static bool run_kernel(RunJob *j, anec_kernel *kernel, const anec_input *in, int nin,
                       const anec_run_options *o)
{
    anec_error e;
    return anerun_good(j, anec_run_with(kernel, in, nin, o, &e), &e);
}

/* The other backend's run, which meets the values of the first. */
static bool run_other(RunJob *j, const anec_input *in, int nin, uint64_t k)
{
    anec_run_options o = j->run;
    trace_phase(&j->trace, "compare");
    o.value = watch_meet;
    o.ctx = &j->watch;
    o.begin = NULL;
    o.end = NULL;
    o.phase = NULL;
    return set_states(j, j->other, k) && wire_feeds(j, j->other, k)
        && run_kernel(j, j->other, in, nin, &o) && compare_results(j);
}

static bool run_once(RunJob *j, const anec_input *in, int nin, uint64_t k)
{
    char prefix[32] = "";
    if (anerun_opt(j, RUN_iterations)->count && j->iterations > 1)
        snprintf(prefix, sizeof prefix, "it%llu_", (unsigned long long)k);
    j->prefix = prefix;
    trace_phase(&j->trace, "run");
    bool ok = set_states(j, j->kernel, k) && wire_feeds(j, j->kernel, k)
           && run_kernel(j, j->kernel, in, nin, &j->run);
    if (ok && j->other) ok = run_other(j, in, nin, k);
    trace_phase(&j->trace, "write");
    if (ok && (!j->other || anerun_opt(j, RUN_output)->count)) ok = put_results(j);
    j->prefix = "";
    return ok;
}

/* "backend=cpu target=host precision=fp16 io=fp16 dialect=1.3 function=main (no engine: ..)" */
static void put_backend(Buf *out, const anec_kernel *k)
{
    const char *cache = anec_fact(k, "cache"), *why = anec_fact(k, "why");
    const char *target = anec_fact(k, "target");
    buf_printf(out, "backend=%s", anec_fact(k, "backend"));
    if (target) buf_printf(out, " target=%s", target);
    buf_printf(out, " precision=%s io=%s dialect=%s", anec_fact(k, "precision"),
               anec_fact(k, "io"), anec_fact(k, "dialect"));
    if (cache) buf_printf(out, " cache=%s", cache);
    buf_printf(out, " function=%s (%s)\n", anec_fact(k, "function"),
               why ? why : anec_fact(k, "what"));
}

/* How long the runs took, where they ran, and what that makes a second. */
static void put_times(const RunJob *j, double *seconds, size_t n, const anec_input *in, int nin)
{
    anec_macs_info macs = { .size = sizeof macs };
    Buf out = { 0 };
    anec_macs(j->kernel, in, nin, &macs);
    report_times(&out, seconds, n);
    put_backend(&out, j->kernel);
    report_rate(&out, &macs, seconds[n / 2]);
    fwrite(out.s, 1, out.len, stdout);
    buf_free(&out);
}

static bool run_bench(RunJob *j, const anec_input *in, int nin)
{
    const size_t n = (size_t)anerun_opt(j, RUN_bench)->number;
    double *seconds = mem_zero(n, sizeof *seconds);
    if (!seconds) return diag_fail(j->diag, "no memory for %zu times", n);
    bool ok = true;
    for (size_t i = 0; ok && i < n + 1; i++) { /* the first warms up */
        anec_error e;
        ok = anerun_good(j, anec_reset(j->kernel, &e), &e) && set_states(j, j->kernel, 0);
        double start = anerun_now();
        ok = ok && run_kernel(j, j->kernel, in, nin, &j->run);
        if (ok && i) seconds[i - 1] = anerun_now() - start;
        progress_count(j->progress, "run", i, n);
    }
    progress_clear(j->progress);
    if (ok) put_times(j, seconds, n, in, nin);
    if (ok && anerun_opt(j, RUN_output)->count) ok = put_results(j);
    mem_free(seconds);
    return ok;
}

static bool run_all(RunJob *j)
{
    const char *name;
    anec_tensor t;
    int room = j->given.count + 1;
    for (int i = 0; (name = anec_port(j->kernel, ANEC_INPUT, i, &t)); i++) room++;
    anec_input *in = NEW_ARRAY(&j->arena, room, anec_input);
    anec_tensor *made = NEW_ARRAY(&j->arena, room, anec_tensor);
    bool ok = true;
    for (uint64_t k = 0; ok && k < j->iterations; k++) {
        int n = 0;
        progress_count(j->progress, "iteration", k, j->iterations);
        trace_phase(&j->trace, "bind");
        ok = bind_inputs(j, k, in, &n, made);
        int all = add_unknown(j, in, n);
        if (ok)
            ok = anerun_opt(j, RUN_bench)->count ? run_bench(j, in, all)
                                                 : run_once(j, in, all, k);
        if (j->missing && !ok)
            diag_note(j->diag, (Loc){ 0 },
                      "-i NAME=FILE.npy gives an input, --random SEED makes up the rest");
        for (int i = 0; i < n; i++) anec_tensor_free(&made[i]);
        for (int i = 0; i < j->given.count; i++) given_done(&j->given.item[i], k);
    }
    return ok;
}

/* ---- preparing --------------------------------------------------------------------------- */

static bool has_function(RunJob *j)
{
    const OptValue *name = anerun_opt(j, RUN_function);
    const char *known[64], *f;
    size_t n = 0;
    j->function = name->count ? name->text : anec_main_function(j->model);
    for (int i = 0; (f = anec_function(j->model, i)); i++) {
        if (j->function && !strcmp(f, j->function)) return true;
        if (n < COUNT(known)) known[n++] = f;
    }
    const char *path = !strcmp(j->args->operand, "-") ? "<stdin>" : j->args->operand;
    const char *near = name->count ? name_nearest(name->text, known, n) : NULL;
    if (near)
        return diag_error(j->diag, (Loc){ 0 }, "%s has no function %s; did you mean %s?", path,
                          name->text, near);
    return diag_error(j->diag, (Loc){ 0 },
                      "%s has no function %s; --describe shows what it has", path,
                      name->count ? name->text : "at all");
}

/* false: no such backend, or none on this machine; the exit code. */
static bool open_backend(RunJob *j, const char *name, anec_device **out, int *code)
{
    const char *have, *all = "";
    anec_error e;
    *code = EXIT_USAGE;
    for (int i = 0; (have = anec_backend(i, NULL)); i++) {
        all = arena_printf(&j->arena, "%s%s%s", all, i ? ", " : "", have);
        if (strcmp(have, name) != 0) continue;
        const anec_status s = anec_open_with(name, j->args->config, out, &e);
        bool ok = anerun_good(j, s, &e);
        *code = ok ? EXIT_DONE : diag_exit(j->diag);
        return ok;
    }
    return usage_error(&tool, "there is no backend %s; this build has %s", name, all);
}

static int open_backends(RunJob *j)
{
    const OptValue *backend = anerun_opt(j, RUN_backend), *compare = anerun_opt(j, RUN_compare);
    int code;
    if (open_backend(j, backend->count ? backend->text : "auto", &j->device, &code)
        && compare->count)
        open_backend(j, compare->text, &j->reference, &code);
    return code;
}

static bool anerun_start(RunJob *j, anec_device *device, anec_kernel **k)
{
    anec_error e;
    if (!anerun_good(j, anec_compile_on(j->model, device, j->function, k, &e), &e))
        return false;
    if (!common(j->args, COM_verbose)->count) return true;
    Buf out = { 0 };
    put_backend(&out, *k);
    fprintf(stderr, "anerun: %s", out.s);
    buf_free(&out);
    return true;
}

/* --cache status|clear */
static int answer_cache(RunJob *j)
{
    const bool clear = !strcmp(anerun_opt(j, RUN_cache)->text, "clear");
    anec_cache_info c = { .size = sizeof c };
    anec_error e;
    if (!anerun_good(j, anec_cache(j->args->config, clear, &c, &e), &e))
        return diag_exit(j->diag);
    printf("%s: %d programs, %.1f MB %s; at most %.1f MB are kept\n", c.folder, c.programs,
           (double)c.bytes * 1e-6, clear ? "removed" : "used", (double)c.limit * 1e-6);
    if (c.busy) printf("%d programs are in use and stay\n", c.busy);
    if (c.hits || c.misses)
        printf(
            "%llu found since it was cleared, of which the system compiled %llu all the same; %llu not found\n",
            (unsigned long long)c.hits, (unsigned long long)c.recompiled,
            (unsigned long long)c.misses);
    return EXIT_DONE;
}

/* --compile-only DIR */
static int answer_helper(const RunJob *j)
{
    char *answer;
    const bool ok = anec_compile_only(anerun_opt(j, RUN_compile_only)->text, &answer);
    fputs(answer, stdout);
    anec_text_free(answer);
    return ok ? EXIT_DONE : EXIT_WORLD;
}

static bool check_usage(RunJob *j)
{
    const OptValue *n = anerun_opt(j, RUN_iterations), *bench = anerun_opt(j, RUN_bench);
    j->iterations = n->count ? n->number : 1;
    if (!j->iterations) return usage_error(&tool, "--iterations takes a number from 1");
    if (bench->count && (!bench->number || bench->number > 100000000))
        return usage_error(&tool, "--bench takes a number from 1 to 100000000");
    if (anerun_opt(j, RUN_feed)->count && j->iterations < 2)
        return usage_error(&tool, "--feed goes with --iterations, from 2 on");
    if (bench->count && (n->count || anerun_opt(j, RUN_compare)->count))
        return usage_error(&tool, "--bench goes neither with --iterations nor with --compare");
    if (anerun_opt(j, RUN_json)->count && !anerun_opt(j, RUN_describe)->count
        && !anerun_opt(j, RUN_plan)->count)
        return usage_error(&tool, "--json goes with --describe or --plan");
    if (anerun_opt(j, RUN_plan)->count && !anerun_opt(j, RUN_backend)->count)
        return usage_error(&tool, "--plan goes with --backend coreml or cpu");
    if (anerun_opt(j, RUN_trace)->count && (bench->count || anerun_opt(j, RUN_describe)->count))
        return usage_error(&tool, "--trace goes neither with --bench nor with --describe");
    if (!anerun_opt(j, RUN_compare)->count
        && (anerun_opt(j, RUN_rtol)->count || anerun_opt(j, RUN_atol)->count))
        return usage_error(&tool, "--rtol and --atol go with --compare");
    return true;
}

static bool make_dir(RunJob *j, const OptValue *dir)
{
    return !dir->count || file_make_dirs(j->diag, dir->text);
}

/* No more than there are processors for: others would only wait. */
static int threads_of(const OptValue *v)
{
    const long here = sysconf(_SC_NPROCESSORS_ONLN), most = here < 1 ? 1 : here;
    if (!v->count || (v->number && v->number <= (uint64_t)most)) return (int)v->number;
    fprintf(stderr, "anerun: --threads %llu: it runs with %ld\n", (unsigned long long)v->number,
            v->number ? most : 1);
    return v->number ? (int)most : 1;
}

static void set_run_options(RunJob *j)
{
    const OptValue *steps = anerun_opt(j, RUN_max_steps), *rtol = anerun_opt(j, RUN_rtol),
                   *atol = anerun_opt(j, RUN_atol);
    j->run = (anec_run_options){ .size = sizeof j->run,
                                 .seed = anerun_opt(j, RUN_random)->number,
                                 .max_steps = steps->count ? steps->number : 1000000 };
    j->run.ctx = j;
    j->run.threads = threads_of(anerun_opt(j, RUN_threads));
    j->run.exact = anerun_opt(j, RUN_exact)->count != 0;
    if (anerun_opt(j, RUN_trace)->count) {
        j->run.begin = trace_op_begins;
        j->run.end = trace_op_ends;
        j->run.phase = take_inner;
    }
    if (anerun_opt(j, RUN_dump)->count) {
        j->dump = anerun_opt(j, RUN_dump)->text;
        j->run.value = take_value;
    }
    if (anerun_opt(j, RUN_compare)->count) j->run.value = take_value;
    j->watch.diag = j->diag;
    j->watch.tolerance = (anec_tolerance){ .rtol = rtol->count ? rtol->real : -1,
                                           .atol = atol->count ? atol->real : -1 };
}

static int anerun_describe(RunJob *j)
{
    char *text;
    anec_error e;
    if (anerun_good(j,
                    anec_describe(j->model, anerun_opt(j, RUN_json)->count ? "json" : "text",
                                  &text, &e),
                    &e))
        fputs(text, stdout);
    anec_text_free(text);
    return diag_exit(j->diag);
}

/* --plan */
static int anerun_plan(RunJob *j)
{
    char *text = NULL;
    anec_error e;
    if (anerun_start(j, j->device, &j->kernel)
        && anerun_good(
            j,
            anec_plan(j->kernel, anerun_opt(j, RUN_json)->count ? "json" : "text", &text, &e),
            &e))
        fputs(text, stdout);
    anec_text_free(text);
    return diag_exit(j->diag);
}

static int anerun_load(RunJob *j)
{
    const OptValue *trace = anerun_opt(j, RUN_trace);
    anec_error e;
    if (!j->args->operand) usage_error(&tool, "no %s is given", tool.operand);
    if (!j->args->operand) return EXIT_USAGE;
    if (trace->count && !trace_open(&j->trace, j->diag, trace->text)) return diag_exit(j->diag);
    const anec_status s = anec_load(j->device, j->args->operand, &j->model, &e);
    return anerun_good(j, s, &e) ? EXIT_DONE
         : s == ANEC_USAGE       ? EXIT_USAGE
                                 : diag_exit(j->diag);
}

static int run_job(RunJob *j, ToolArgs *a)
{
    if (!check_usage(j) || !given_parse(&j->given, a, anerun_opt(j, RUN_input), j->iterations)
        || !feed_parse(&j->feed, a, anerun_opt(j, RUN_feed)))
        return EXIT_USAGE;
    if (anerun_opt(j, RUN_cache)->count) return answer_cache(j);
    if (anerun_opt(j, RUN_compile_only)->count) return answer_helper(j);
    int code = open_backends(j);
    if (code) return code;
    if ((code = anerun_load(j))) return code;
    if (!has_function(j)) return diag_exit(j->diag);
    if (anerun_opt(j, RUN_describe)->count) return anerun_describe(j);
    if (anerun_opt(j, RUN_plan)->count) return anerun_plan(j);
    set_run_options(j);
    if (!anerun_start(j, j->device, &j->kernel)
        || (j->reference && !anerun_start(j, j->reference, &j->other)))
        return diag_exit(j->diag);
    if (!make_dir(j, anerun_opt(j, RUN_output)) || !make_dir(j, anerun_opt(j, RUN_dump))
        || !run_all(j))
        return diag_exit(j->diag);
    if (!trace_close(&j->trace)) return diag_exit(j->diag);
    return j->differs ? EXIT_WRONG : diag_exit(j->diag);
}

static void give_back(void *ctx)
{
    RunJob *j = ctx;
    anec_free(j->kernel);
    anec_free(j->other);
    anec_model_free(j->model);
    anec_close(j->device);
    anec_close(j->reference);
}

static int anerun_run(ToolArgs *args, Diag *d, Progress *progress)
{
    RunJob job = { .args = args, .diag = d, .progress = progress, .prefix = "" };
    job.helper[0] = args->program;
    job.helper[1] = "--compile-only";
    if (args->value[RUN_strict].count) anec_config_set(args->config, "strict", NULL, NULL);
    anec_config_helper(args->config, job.helper);
    anec_config_messages(args->config, tool_message, d);
    anec_config_written(args->config, take_written, &job);
    anec_config_stages(args->config, take_stage, &job);
    anec_config_phases(args->config, trace_inner, &job.trace);
    GuardTask lost;
    /* an engine keeps files of a program for as long as it is loaded */
    guard_task(&lost, give_back, &job);
    int code = run_job(&job, args);
    progress_clear(progress);
    trace_abort(&job.trace);
    watch_free(&job.watch);
    guard_task_end(&lost);
    give_back(&job);
    given_free(&job.given);
    arena_free(&job.arena);
    return code;
}

int main(int argc, char **argv) { return tool_main(&tool, argc, argv, anerun_run); }
