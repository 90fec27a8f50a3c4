/* anediff.c -- finds the first difference between two programs, or two folders of arrays. */
#include "../ir/mil/mil.h"
#include "views.h"
#include "tool.h"

#include <string.h>

enum {
#define OPT(id, ...) DIFF_##id,
#include "anediff.def"
};
static const Option options[] = {
#define OPT OPTION_ROW
#include "anediff.def"
};

static const Example examples[] = {
    { "anediff old.mil new.mil", "the first op that differs, with both places" },
    { "anediff --ignore names old.mil new.mil",
      "whether they are one program up to renaming" },
    { "anediff --rtol 1e-2 --atol 1e-3 --model model.mil cpu-dump ane-dump",
      "the first value that two runs (anerun --dump) computed differently" },
};

static const Tool tool = {
    .name = "anediff",
    .summary = "says the first thing in which two models or two dumps differ",
    .operand = "A B",
    .two = true,
    .about =
        "A and B are two models, which are compared op by op, or two folders "
        "of .npy files, whose elements are compared. Prints nothing when they are the "
        "same; exits with 1 when they differ.\n\n"
        "Of weights the bytes count, not where they lie. An .anedsl is compiled first, and a "
        ".mil rewritten when --target, --io or --opset is given.",
    .words = list_words,
    TOOL_TABLES,
};

typedef struct {
    const ToolArgs *args;
    Diag *diag;
    Model a, b; /* of folders: a is --model's */
    Buf out;
} DiffJob;

static const OptValue *anediff_opt(const DiffJob *j, int id)
{
    return &j->args->value[id];
}

/* A model is a file, or a folder that its name tells apart. */
static bool is_folder(const char *path)
{
    const Container *container = container_find(path);
    return file_is_dir(path) && !(container && container->folder);
}

static bool check_usage(const DiffJob *j, bool folders)
{
    const char *a = j->args->operand, *b = j->args->second;
    if (!a) return usage_error(&tool, "no models and no folders are given");
    if (!b) return usage_error(&tool, "%s alone is given; two are compared", a);
    if (is_folder(a) != is_folder(b))
        return usage_error(
            &tool, "%s is a folder and %s is none: give two models or two folders",
            is_folder(a) ? a : b, is_folder(a) ? b : a);
    if (!strcmp(a, "-") && !strcmp(b, "-"))
        return usage_error(&tool, "the standard input can be one of the two, not both");
    if (folders && anediff_opt(j, DIFF_ignore)->count)
        return usage_error(&tool, "--ignore is for models; %s and %s are folders", a, b);
    if (!folders
        && (anediff_opt(j, DIFF_rtol)->count || anediff_opt(j, DIFF_atol)->count
            || anediff_opt(j, DIFF_model)->count))
        return usage_error(
            &tool, "--rtol, --atol and --model are for folders; %s and %s are models", a,
            b);
    return true;
}

static int read_model(DiffJob *j, Model *m, const char *path)
{
    Pipeline p;
    ToolArgs args = *j->args;
    args.operand = path;
    int code = model_read(m, &args, j->diag);
    if (code || !model_wants_passes(m, &args)) return code;
    if ((code = model_pipeline(m, &args, j->diag, &p))) return code;
    return passes_run(m->module, &p.pass, j->diag) ? EXIT_DONE : diag_exit(j->diag);
}

static int anediff_verdict(const DiffJob *j, DiffVerdict v)
{
    return v == DIFF_SAME  ? diag_exit(j->diag)
         : v == DIFF_OTHER ? EXIT_WRONG
                           : diag_exit(j->diag);
}

static int compare_folders(DiffJob *j)
{
    const OptValue *model = anediff_opt(j, DIFF_model);
    const Tolerance tol = { .has_rtol = true,
                            .rtol = anediff_opt(j, DIFF_rtol)->real,
                            .has_atol = true,
                            .atol = anediff_opt(j, DIFF_atol)->real };
    int code = model->count ? read_model(j, &j->a, model->text) : EXIT_DONE;
    if (code) return code;
    return anediff_verdict(j, diff_folders(&j->out, j->diag, j->args->operand,
                                           j->args->second, j->a.module, &tol));
}

static int compare_models(DiffJob *j)
{
    int code = read_model(j, &j->a, j->args->operand);
    if (!code) code = read_model(j, &j->b, j->args->second);
    if (code) return code;
    const DiffSide a = { j->a.path, j->a.module }, b = { j->b.path, j->b.module };
    const DiffVerdict v = diff_models(&j->out, j->diag, &a, &b,
                                      anediff_opt(j, DIFF_ignore)->count > 0);
    const bool stayed = module_stayed(a.module, j->diag)
                     && module_stayed(b.module, j->diag);
    return stayed ? anediff_verdict(j, v) : EXIT_WORLD;
}

static int run_job(DiffJob *j)
{
    const bool folders = j->args->operand && is_folder(j->args->operand);
    if (!check_usage(j, folders)) return EXIT_USAGE;
    return folders ? compare_folders(j) : compare_models(j);
}

static int anediff_run(ToolArgs *args, Diag *d, Progress *progress)
{
    DiffJob job = { .args = args, .diag = d };
    tool_warnings(d, args);
    int code = run_job(&job);
    progress_clear(progress);
    if (job.out.len) fwrite(job.out.s, 1, job.out.len, stdout);
    model_free(&job.a);
    model_free(&job.b);
    buf_free(&job.out);
    return code;
}

int main(int argc, char **argv) { return tool_main(&tool, argc, argv, anediff_run); }
