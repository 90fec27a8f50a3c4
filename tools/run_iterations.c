/* run_iterations.c -- the iterations of anerun: inputs and states that are given for each, the run
 * on one backend or on two, and how long runs take. */
#include "anerun.h"

#include <string.h>
#include <time.h>

/* ---- input ------------------------------------------------------------------------------- */

/* The inputs of an iteration. Those of --random are its own: `made` has them. */
static bool bind_inputs(RunJob *j, uint64_t k, anec_input *in, int *nin,
                        anec_tensor *made)
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
    o.step = NULL;
    o.phase = NULL;
    return set_states(j, j->other, k) && wire_feeds(j, j->other, k)
        && run_kernel(j, j->other, in, nin, &o) && results_compare(j);
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
    if (ok && (!j->other || anerun_opt(j, RUN_output)->count)) ok = results_put(j);
    j->prefix = "";
    return ok;
}

/* "backend=cpu target=host precision=fp16 io=fp16 dialect=1.3 function=main (no engine: ..)" */
void run_put_backend(Buf *out, const anec_kernel *k)
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
static void put_times(const RunJob *j, double *seconds, size_t n, const anec_input *in,
                      int nin)
{
    anec_macs_info macs = { .size = sizeof macs };
    Buf out = { 0 };
    anec_macs(j->kernel, in, nin, &macs);
    report_times(&out, seconds, n);
    run_put_backend(&out, j->kernel);
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
        trace_run(&j->trace, "reset", i);
        ok = anerun_good(j, anec_reset(j->kernel, &e), &e) && set_states(j, j->kernel, 0);
        trace_phase(&j->trace, i ? "run" : "warm up");
        double start = anerun_now();
        ok = ok && run_kernel(j, j->kernel, in, nin, &j->run);
        if (ok && i) seconds[i - 1] = anerun_now() - start;
        progress_count(j->progress, "run", i, n);
    }
    progress_clear(j->progress);
    trace_run(&j->trace, "write", 0);
    if (ok && !anerun_opt(j, RUN_json)->count) put_times(j, seconds, n, in, nin);
    if (ok && anerun_opt(j, RUN_output)->count) ok = results_put(j);
    mem_free(seconds);
    return ok;
}

bool run_all(RunJob *j)
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
        trace_run(&j->trace, "bind", j->iterations > 1 ? k + 1 : 0);
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
