/* anerun.c -- runs a model on tensors from files, and prints or writes the results: options, what
 * is opened and loaded for them, and what is answered without a run. */
#include "anerun.h"

#include <string.h>
#include <unistd.h>

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

const OptValue *anerun_opt(const RunJob *j, int id) { return &j->args->value[id]; }

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
bool anerun_good(RunJob *j, anec_status s, const anec_error *e)
{
    if (s == ANEC_USAGE) return usage_error(&tool, "%s", e->text);
    if (s && diag_ok(j->diag) && *e->text) return diag_fail(j->diag, "%s", e->text);
    return s == ANEC_OK;
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

static void trace_step_ran(void *ctx, const anec_timed_step *s)
{
    RunJob *j = ctx;
    trace_step(&j->trace, s);
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
        return diag_error(j->diag, (Loc){ 0 }, "%s has no function %s; did you mean %s?",
                          path, name->text, near);
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
    const OptValue *backend = anerun_opt(j, RUN_backend),
                   *compare = anerun_opt(j, RUN_compare);
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
    run_put_backend(&out, *k);
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
    printf("%s: %d programs, ", c.folder, c.programs);
    if (c.packed) printf("packed weights of %d, ", c.packed);
    printf("%.1f MB %s; at most %.1f MB are kept\n", (double)c.bytes * 1e-6,
           clear ? "removed" : "used", (double)c.limit * 1e-6);
    if (c.busy) printf("%d are in use and stay\n", c.busy);
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
        return usage_error(&tool,
                           "--bench goes neither with --iterations nor with --compare");
    if (anerun_opt(j, RUN_json)->count && !anerun_opt(j, RUN_describe)->count
        && !anerun_opt(j, RUN_plan)->count)
        return usage_error(&tool, "--json goes with --describe or --plan");
    if (anerun_opt(j, RUN_plan)->count && !anerun_opt(j, RUN_backend)->count)
        return usage_error(&tool, "--plan goes with --backend coreml or cpu");
    const OptValue *backend = anerun_opt(j, RUN_backend), *plan = anerun_opt(j, RUN_plan);
    if (plan->count && bench->count && strcmp(backend->text, "cpu") != 0)
        return usage_error(&tool, "--plan with --bench goes with --backend cpu");
    if (anerun_opt(j, RUN_trace)->count
        && (anerun_opt(j, RUN_describe)->count || (plan->count && !bench->count)))
        return usage_error(
            &tool, "--trace goes with what runs: not with --describe, with --plan if "
                   "--bench is there");
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
    fprintf(stderr, "anerun: --threads %llu: it runs with %ld\n",
            (unsigned long long)v->number, v->number ? most : 1);
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
    if (anerun_opt(j, RUN_trace)->count || anerun_opt(j, RUN_plan)->count)
        j->run.step = trace_step_ran;
    if (anerun_opt(j, RUN_dump)->count) {
        j->dump = anerun_opt(j, RUN_dump)->text;
        j->run.value = results_take;
    }
    if (anerun_opt(j, RUN_compare)->count) j->run.value = results_take;
    j->watch.diag = j->diag;
    j->watch.tolerance = (anec_tolerance){ .rtol = rtol->count ? rtol->real : -1,
                                           .atol = atol->count ? atol->real : -1 };
}

/* Prints the text that a call made; of a call that failed, its error. */
static void anerun_say(RunJob *j, anec_status status, char *text, const anec_error *e)
{
    if (anerun_good(j, status, e)) fputs(text, stdout);
    anec_text_free(text);
}

static const char *anerun_form(const RunJob *j)
{
    return anerun_opt(j, RUN_json)->count ? "json" : "text";
}

static int anerun_describe(RunJob *j)
{
    char *text;
    anec_error e;
    const anec_status s = anec_describe(j->model, anerun_form(j), &text, &e);
    anerun_say(j, s, text, &e);
    return diag_exit(j->diag);
}

/* --plan with --bench: the runs whose steps are timed. */
static bool plan_runs(RunJob *j)
{
    set_run_options(j);
    return make_dir(j, anerun_opt(j, RUN_output)) && run_all(j);
}

/* --plan */
static int anerun_plan(RunJob *j)
{
    char *text;
    anec_error e;
    if (anerun_start(j, j->device, &j->kernel)
        && (!anerun_opt(j, RUN_bench)->count || plan_runs(j))) {
        const anec_status s = anec_plan(j->kernel, anerun_form(j), &text, &e);
        anerun_say(j, s, text, &e);
        trace_close(&j->trace);
    }
    return diag_exit(j->diag);
}

static int anerun_load(RunJob *j)
{
    const OptValue *trace = anerun_opt(j, RUN_trace);
    anec_error e;
    if (!j->args->operand) usage_error(&tool, "no %s is given", tool.operand);
    if (!j->args->operand) return EXIT_USAGE;
    if (trace->count && !trace_open(&j->trace, j->diag, trace->text))
        return diag_exit(j->diag);
    const anec_status s = anec_load(j->device, j->args->operand, &j->model, &e);
    return anerun_good(j, s, &e) ? EXIT_DONE
         : s == ANEC_USAGE       ? EXIT_USAGE
                                 : diag_exit(j->diag);
}

static int run_job(RunJob *j, ToolArgs *a)
{
    if (!check_usage(j)
        || !given_parse(&j->given, a, anerun_opt(j, RUN_input), j->iterations)
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
    if (args->value[RUN_strict].count)
        anec_config_set(args->config, "strict", NULL, NULL);
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
