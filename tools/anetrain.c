/* anetrain.c -- trains a program of the language; the work is train/. */
#include "../train/train.h"
#include "main.h"

#include <stdlib.h>
#include <unistd.h>

enum {
#define OPT(id, ...) TRAIN_##id,
#include "anetrain.def"
};
static const Option options[] = {
#define OPT OPTION_ROW
#include "anetrain.def"
};

static const Example examples[] = {
    { "anetrain examples/tiny_train.anedsl --data built-in:tiny --optimizer sgd --lr 1 "
      "--schedule constant --steps 2000 -o run",
      "2,000 steps, with a line every 100 and a checkpoint every 1,000" },
    { "anetrain --resume run --steps 3000", "1,000 more, as if it had never stopped" },
    { "anetrain net.anedsl --data x.npy,t.npy --eval x1.npy,t1.npy --patience 5 -o run",
      "until five evaluations in a row were no better" },
    { "anetrain net.anedsl --data shapes --serve -o run",
      "on folders of PNG files, img and mask, with a page that follows the run" },
    { "mpirun -np 4 anetrain net.anedsl --data x.npy,t.npy --accum 8 -o run",
      "four processes share the batches of a step; the run is the same to the last bit" },
    { "anetrain net.anedsl --data x.npy,t.npy -b sim:CHIP --dry-run",
      "whether the step can run on an M1, and in which form" },
};

static const Tool tool = {
    .name = "anetrain",
    .summary = "trains a program of the language",
    .operand = "MODEL.anedsl",
    .about =
        "The last result of the model is made small: a float of one element. Its gradient by all "
        "declared weights is computed as one program with the loss, on the engine where there is "
        "one; weights and what the optimizer keeps stay in fp32, and are updated on the processor.\n\n"
        "Which samples a step takes follows from --seed and the step alone. A run that was stopped "
        "(Ctrl-C writes a checkpoint) and resumed ends with the same bytes as one that was not.",
    .part = "MPI (Open MPI)",
    .has_part = ranks_possible,
    TOOL_TABLES,
};

typedef struct {
    Diag *diag;
    Progress *progress;
    bool terminal;
} Said;

/* Steps between those that are logged are shown on a terminal alone, in one line. */
static void put_line(void *ctx, const char *text, bool over)
{
    const Said *s = ctx;
    if (s->diag->quiet) return;
    if (over && s->progress->on) {
        fprintf(stderr, "\r\033[K%s", text);
        s->progress->drawn = true;
    } else if (!over) {
        progress_clear(s->progress);
        fprintf(stderr, "%s\n", text);
    }
}

static volatile sig_atomic_t woken;

static void on_continue(int sig)
{
    (void)sig;
    woken = woken < 1000000 ? woken + 1 : 1;
}

static volatile sig_atomic_t *catch_continue(void)
{
    struct sigaction act = { .sa_handler = on_continue, .sa_flags = SA_RESTART };
    sigemptyset(&act.sa_mask);
    sigaction(SIGCONT, &act, NULL);
    return &woken;
}

/* What is half written goes; nothing waits for the run, which is computing. */
static void leave_now(void *ctx, const char *why)
{
    (void)ctx;
    fprintf(stderr, "error: %s\n", why);
    temp_remove_all();
    _exit(EXIT_WORLD);
}

/* ---- the command ------------------------------------------------------------------------- */

static const OptValue *anetrain_opt(const ToolArgs *a, int id) { return &a->value[id]; }

static bool take_settings(const ToolArgs *a, TrainJob *job)
{
    settings_init(&job->set);
    for (int i = 0; i < SET_COUNT; i++) {
        const OptValue *v = anetrain_opt(a, i);
        if (!v->count) continue;
        settings_put(&job->set, i, v->text ? v->text : "yes");
        job->set.at[i].given = true;
    }
    return true;
}

/* What a model is read with goes to the processor's programs too; what it is rewritten with
 * does not. All of it is kept. */
static bool take_options(ToolArgs *a, TrainJob *job)
{
    static const char *const kept[] = {
        "set", "target", "io", "opset", "profile", "missing-weights", "straight-through"
    };
    anec_error e;
    int n = 0;
    for (int i = 0; i < a->tool->noption; i++) n += a->value[i].count;
    job->option = NEW_ARRAY(&a->arena, n + 2, const char *);
    for (int i = 0; i < a->tool->noption; i++)
        for (size_t k = 0; k < COUNT(kept); k++) {
            const OptValue *v = &a->value[i];
            const char *name = a->tool->option[i].name;
            if (!name || strcmp(name, kept[k]) != 0) continue;
            for (int at = 0; at < v->count; at++) {
                const char *text = v->all ? v->all[at] : v->text ? v->text : "";
                job->option[job->noption++] = arena_printf(&a->arena, "%s=%s", name,
                                                           text);
                if (k && *text) anec_config_set(job->updates, name, text, &e);
                if (!*text) anec_config_set(job->host, name, NULL, &e);
                if (!k
                    && (anec_config_set(job->host, "set", text, &e)
                        || anec_config_set(job->rest, "set", text, &e)))
                    return usage_error(&tool, "%s", e.text);
            }
        }
    if (job->backend)
        job->option[job->noption++] = arena_printf(&a->arena, "backend=%s", job->backend);
    return true;
}

static bool check_command(const ToolArgs *a)
{
    if (!a->operand && !anetrain_opt(a, TRAIN_resume)->count)
        return usage_error(&tool, "no MODEL.anedsl is given, and no --resume RUN");
    if (anetrain_opt(a, TRAIN_anew)->count && anetrain_opt(a, TRAIN_resume)->count
        && !anetrain_opt(a, TRAIN_output)->count)
        return usage_error(&tool,
                           "--anew begins a run and --resume goes on with one: they go "
                           "together with -o, another folder that has a run");
    if (a->operand && !file_has_suffix(a->operand, ".anedsl"))
        return usage_error(&tool,
                           "%s is no .anedsl: weights of a program of the language are "
                           "what is trained",
                           a->operand);
    if (anetrain_opt(a, TRAIN_threads)->number > 1024)
        return usage_error(&tool, "--threads %s: 1024 at most",
                           anetrain_opt(a, TRAIN_threads)->text);
    const OptValue *bench = anetrain_opt(a, TRAIN_bench);
    if (bench->count
        && (!bench->number || bench->number > 1 << 30 || anetrain_opt(a, TRAIN_dry)->count
            || anetrain_opt(a, TRAIN_plan)->count || anetrain_opt(a, TRAIN_export)->count
            || anetrain_opt(a, TRAIN_serve)->count))
        return usage_error(&tool,
                           "--bench N times 1 to 2^30 steps, and keeps nothing: it goes "
                           "without --dry-run, --export and --serve");
    if (anetrain_opt(a, TRAIN_init)->count && anetrain_opt(a, TRAIN_resume)->count)
        return usage_error(
            &tool, "--init and --resume do not go together: a run that is resumed "
                   "has its weights");
    return true;
}

static bool take_port(const ToolArgs *a, uint64_t *out)
{
    const char *port = anetrain_opt(a, TRAIN_serve)->text;
    if (!port || (option_count(port, out) && *out <= 65535)) return true;
    return usage_error(&tool, "--serve=%s: a port is a number up to 65535", port);
}

static int run_job(ToolArgs *a, TrainJob *job, Diag *d)
{
    anec_error e;
    anec_config *const all[] = { job->config, job->host, job->rest, job->plain };
    for (size_t i = 0; i < COUNT(all); i++) {
        if (!all[i] || !job->updates) mem_out(1);
        anec_config_messages(all[i], tool_message, d);
        anec_config_set(all[i], "from", "anedsl", &e);
        if (d->quiet) anec_config_set(all[i], "quiet", NULL, &e);
    }
    anec_config_set(job->updates, "from", "anedsl", &e);
    if (!take_settings(a, job) || !take_options(a, job)) return EXIT_USAGE;
    job->stop = tool_catch_stop();
    job->woken = catch_continue();
    if (!train_run(job, d)) return diag_exit(d);
    return *job->stop ? 128 + *job->stop : EXIT_DONE;
}

static int anetrain_run(ToolArgs *a, Diag *d, Progress *p)
{
    Said said = { .diag = d, .progress = p };
    const OptValue *words = anetrain_opt(a, TRAIN_warn);
    if (!check_command(a)) return EXIT_USAGE;
    for (int i = 0; i < words->count; i++)
        warnings_take(words->all[i], &d->off, &d->promoted, NULL);
    uint64_t port = 0;
    if (!take_port(a, &port)) return EXIT_USAGE;
    const OptValue *from = anetrain_opt(a, TRAIN_from_step);
    TrainJob job = { .port = port,
                     .model = a->operand,
                     .folder = anetrain_opt(a, TRAIN_output)->text,
                     .resume = anetrain_opt(a, TRAIN_resume)->text,
                     .anew = anetrain_opt(a, TRAIN_anew)->count > 0,
                     .init = anetrain_opt(a, TRAIN_init)->text,
                     .export = anetrain_opt(a, TRAIN_export)->text,
                     .backend = anetrain_opt(a, TRAIN_backend)->text,
                     .threads = anetrain_opt(a, TRAIN_threads)->number,
                     .shown = anetrain_opt(a, TRAIN_serve)->count > 0,
                     .plan = anetrain_opt(a, TRAIN_plan)->count > 0,
                     .dry = anetrain_opt(a, TRAIN_dry)->count
                         || anetrain_opt(a, TRAIN_plan)->count,
                     .bench = anetrain_opt(a, TRAIN_bench)->number,
                     .from = from->count ? from->number : UINT64_MAX,
                     .bake = anetrain_opt(a, TRAIN_bake)->count > 0,
                     .config = a->config,
                     .host = anec_config_new(),
                     .rest = anec_config_new(),
                     .plain = anec_config_new(),
                     .updates = anec_config_new(),
                     .line = put_line,
                     .leave = leave_now,
                     .ctx = &said };
    const int code = run_job(a, &job, d);
    anec_config_free(job.host);
    anec_config_free(job.rest);
    anec_config_free(job.plain);
    anec_config_free(job.updates);
    return code;
}

int main(int argc, char **argv) { return tool_main(&tool, argc, argv, anetrain_run); }
