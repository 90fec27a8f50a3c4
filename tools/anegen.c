/* anegen.c -- writes text by a model that anetrain trained; the work is train/write.c. */
#include "../train/train.h"

#define TOOL_WITHOUT_MODEL
#include "main.h"

enum {
#define OPT(id, ...) GEN_##id,
#include "anegen.def"
};
static const Option options[] = {
#define OPT OPTION_ROW
#include "anegen.def"
};

static const Example examples[] = {
    { "anegen run --prompt \"The licenses for most\" -n 80", "80 tokens more" },
    { "anegen run/step-00000300.safetensors -t 0", "always the most probable token" },
    { "anegen stories.bin --vocab tokenizer.bin -p \"Once\"",
      "weights of llama2.c, and a program of the same dimensions" },
    { "anegen run --seed 2 --top-k 40 --stop \"END\"",
      "of the 40 most probable ones, up to END" },
};

static const Tool tool = {
    .name = "anegen",
    .summary = "writes text by a model that anetrain trained",
    .operand = "RUN",
    .about =
        "RUN is the folder of a run over text, whose newest checkpoint counts, or a checkpoint. The "
        "program has a model `next` beside the one that was trained: it takes tokens and their places, "
        "and hands on keys and values of all tokens from run to run.\n\n"
        "The text goes to the standard output as it is written, in whole characters. The same seed "
        "gives the same text, whatever --block and --threads are.",
    TOOL_TABLES,
};

static const OptValue *anegen_opt(const ToolArgs *a, int id) { return &a->value[id]; }

static double anegen_real(const ToolArgs *a, int id, double otherwise)
{
    return anegen_opt(a, id)->count ? anegen_opt(a, id)->real : otherwise;
}

static uint64_t anegen_count(const ToolArgs *a, int id, uint64_t otherwise)
{
    return anegen_opt(a, id)->count ? anegen_opt(a, id)->number : otherwise;
}

/* Notes and warnings of a model that a run has are nothing new. */
static void anegen_message(void *ctx, anec_severity severity, const char *text)
{
    if (severity == ANEC_ERROR || severity == ANEC_FAILURE)
        tool_message(ctx, severity, text);
}

static void anegen_put(void *ctx, const char *text, size_t n)
{
    (void)ctx;
    fwrite(text, 1, n, stdout);
    fflush(stdout);
}

static void say_time(const TrainWritten *w)
{
    const double rest = w->seconds - w->seconds_prompt;
    fprintf(stderr,
            "anegen: %zu tokens read in %.1f ms, %zu written, %.2f ms each, %.0f tok/s\n",
            w->prompt, 1000 * w->seconds_prompt, w->made,
            w->made > 1 ? 1000 * rest / (double)(w->made - 1) : 0,
            w->made > 1 && rest > 0 ? (double)(w->made - 1) / rest : 0);
}

static bool check_command(const ToolArgs *a, const TrainWritingJob *job)
{
    if (!a->operand)
        return usage_error(&tool, "no RUN is given: a run's folder or a checkpoint");
    if (!job->model && !bin_weights_named(job->from) && (job->vocab || job->noption))
        return usage_error(&tool,
                           "--vocab and --set go with --model, or with the .bin of "
                           "llama2.c: a run has its own");
    if (job->block < 1 || job->block > 512)
        return usage_error(&tool, "--block %s: 1 to 512 tokens are read at once",
                           anegen_opt(a, GEN_block)->text);
    static const int parts[] = { GEN_top_p, GEN_min_p };
    for (size_t i = 0; i < COUNT(parts); i++)
        if (anegen_opt(a, parts[i])->real > 1)
            return usage_error(&tool, "--%s %s: a probability is 1 at most",
                               options[parts[i]].name, anegen_opt(a, parts[i])->text);
    if (anegen_opt(a, GEN_threads)->number > 1024)
        return usage_error(&tool, "--threads %s: 1024 at most",
                           anegen_opt(a, GEN_threads)->text);
    if (job->tokens > 1u << 24)
        return usage_error(&tool, "--tokens %s: 16777216 at most",
                           anegen_opt(a, GEN_tokens)->text);
    return true;
}

static int anegen_run(ToolArgs *a, Diag *d, Progress *p)
{
    TrainWritten written;
    const char *prompt = anegen_opt(a, GEN_prompt)->text;
    TrainWritingJob job = { .from = a->operand,
                            .prompt = prompt ? prompt : "\n",
                            .stop = anegen_opt(a, GEN_stop)->text,
                            .model = anegen_opt(a, GEN_model)->text,
                            .vocab = anegen_opt(a, GEN_vocab)->text,
                            .option = anegen_opt(a, GEN_set)->all,
                            .noption = anegen_opt(a, GEN_set)->count,
                            .backend = anegen_opt(a, GEN_backend)->text,
                            .tokens = anegen_count(a, GEN_tokens, 256),
                            .block = anegen_count(a, GEN_block, 16),
                            .threads = (int)anegen_count(a, GEN_threads, 0),
                            .sampling = { .temperature = anegen_real(a, GEN_temperature,
                                                                     .8),
                                          .top_p = anegen_real(a, GEN_top_p, .9),
                                          .min_p = anegen_real(a, GEN_min_p, 0),
                                          .top_k = anegen_count(a, GEN_top_k, 0),
                                          .seed = anegen_count(a, GEN_seed, 0) },
                            .message = anegen_message,
                            .message_ctx = d,
                            .put = anegen_put };
    (void)p;
    if (!check_command(a, &job)) return EXIT_USAGE;
    job.stop_now = tool_catch_stop();
    const bool ok = writing_run(&job, d, &written);
    if (!ok) return diag_exit(d);
    putchar('\n');
    if (anegen_opt(a, GEN_bench)->count) say_time(&written);
    return *job.stop_now ? 128 + *job.stop_now : EXIT_DONE;
}

int main(int argc, char **argv) { return tool_main(&tool, argc, argv, anegen_run); }
