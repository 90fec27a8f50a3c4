/* lint.c -- anec lint: checks many models for several targets, for continuous integration. */
#include "lint.h"

#include "tool.h"
#include "views.h"

enum {
#define OPT(id, ...) LINT_OPT_##id,
#include "lint.def"
};
static const Option options[] = {
#define OPT OPTION_ROW
#include "lint.def"
};

static const Example examples[] = {
    { "anec lint .", "every model below this folder, for the chips of every generation" },
    { "anec lint -t CHIP --sarif -o lint.sarif models", "for one, as SARIF" },
    { "anec lint -t CHIP --compiled models", "what anec's own passes would leave" },
};

const Tool lint_tool = {
    .name = "anec lint",
    .summary = "checks models for the chips that they are to run on",
    .operand = "PATH..",
    .many = true,
    .about =
        "A PATH is a model (.anedsl, .mil, .mlmodelc, .mlpackage, .mlmodel, .onnx, or of Core AI an .aimodel, .aimodelc or printed .mlir) or a folder, below which all "
        "of these are looked at, but for names that begin with a dot, and links. Each is "
        "checked as anec --check does, for the targets of --target A,B,C, or without it for the "
        "chips of every generation; what is wrong for several of them is one finding.\n\n"
        "A finding is an error where the engine is known to refuse the program, to crash or to give wrong "
        "numbers, a warning where that is reported, or numbers or speed alone suffer, and a note where reports "
        "contradict each other; the text has notes with -v. The exit status is 1 when anything is an error: "
        "-Werror=RULE and -Wno-RULE say what is.",
    .words = list_words,
    TOOL_TABLES,
};

typedef struct {
    ToolArgs *args;
    Findings *all;
    const char *path, *target; /* of the model that is looked at */
    Finding *last;             /* to which a note belongs, or NULL */
    Arena *arena;
} LintJob;

/* ---- gathering --------------------------------------------------------------------------- */

static bool lint_same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool lint_same(const Finding *a, const Finding *b)
{
    return a->level == b->level && a->line == b->line && a->column == b->column
        && !strcmp(a->id, b->id) && !strcmp(a->message, b->message)
        && !strcmp(a->file, b->file) && lint_same_text(a->func, b->func)
        && lint_same_text(a->value, b->value);
}

void lint_add(Findings *all, const Finding *f, const char *target)
{
    size_t i = all->model;
    while (i < all->count && !lint_same(&all->item[i], f)) i++;
    if (i == all->count) {
        ARENA_ROOM(all->arena, all->item, all->count, all->room);
        all->item[all->count++] = *f;
        all->item[i].target = NEW_ARRAY(all->arena, all->ntarget, const char *);
        all->levels[f->level]++;
    }
    Finding *one = &all->item[i];
    if (!one->ntarget || one->target[one->ntarget - 1] != target)
        one->target[one->ntarget++] = target;
}

/* Where: what lies in memory while the model does is copied. */
static void lint_place(LintJob *j, Finding *f, Loc loc)
{
    f->file = loc.src ? arena_strdup(j->arena, loc.src->name) : j->path;
    if (!loc.src || !loc.src->text) return;
    int line;
    const uint32_t end = loc.at + loc.len;
    loc_line_col(loc, &f->line, &f->column);
    loc_line_col((Loc){ .src = loc.src, .at = end }, &line, &f->length);
    f->length = line == f->line && f->length > f->column ? f->length - f->column : 0;
}

static LintLevel lint_level(DiagKind kind)
{
    return kind == DIAG_NOTE    ? LINT_NOTE
         : kind == DIAG_WARNING ? LINT_WARNING
                                : LINT_ERROR;
}

static void lint_hear(void *ctx, const CheckFinding *found)
{
    LintJob *j = ctx;
    Finding *last = j->last;
    if (found->note && last) {
        last->notes = last->notes
                        ? arena_printf(j->arena, "%s\n%s", last->notes, found->message)
                        : arena_strdup(j->arena, found->message);
        return;
    }
    Finding f = {
        .level = lint_level(found->kind),
        .rule = found->rule ? (int)(found->rule - rules) : -1,
        .id = found->id,
        .message = arena_strdup(j->arena, found->message),
        .left = found->left,
        .op = found->op,
    };
    lint_place(j, &f, found->loc);
    if (found->func) f.func = arena_strdup(j->arena, found->func);
    if (found->value) f.value = arena_strdup(j->arena, found->value);
    lint_add(j->all, &f, j->target);
    j->last = found->rule ? NULL : &j->all->item[j->all->count - 1];
    if (j->last && j->last->ntarget > 1) j->last = NULL; /* its notes are there */
}

/* ---- one model for one target ------------------------------------------------------------ */

static int lint_model(LintJob *j, const char *path, const char *target)
{
    Model m = { 0 };
    Diag d = { 0 };
    const bool compiled = j->args->value[LINT_OPT_compiled].count > 0;
    tool_warnings(&d, j->args);
    j->path = path;
    j->target = target;
    j->last = NULL;
    if (anec_config_set(j->args->config, "target", target, NULL)) mem_out(1);
    const anec_status s = check_model(&m, j->args->config, path, compiled, &d, lint_hear,
                                      j);
    if (s == ANEC_USAGE) usage_error(&lint_tool, "%s", m.usage);
    read_free(&m);
    diag_free(&d);
    return (int)s;
}

/* ---- all of them ------------------------------------------------------------------------- */

static bool lint_targets(const ToolArgs *args, Arena *a, Findings *all)
{
    const OptValue *named = common(args, COM_target);
    Targets t = { 0 };
    if (named->count) {
        t = targets_split(a, named->text);
    } else {
        t.item = NEW_ARRAY(a, generation_count() + 1, const char *);
        while (t.count < generation_count()) {
            t.item[t.count] = generation_at(t.count)->name;
            t.count++;
        }
    }
    all->target = t.item;
    all->ntarget = t.count;
    return !t.wrong || usage_error(&lint_tool, "%s", t.wrong);
}

static int lint_put(const ToolArgs *args, Diag *d, const Findings *all)
{
    const OptValue *o = &args->value[LINT_OPT_output];
    Buf out = { 0 };
    if (args->value[LINT_OPT_sarif].count) lint_sarif(&out, all);
    else if (args->value[LINT_OPT_json].count) lint_json(&out, all);
    else
        lint_text(&out, all,
                  common(args, COM_quiet)->count     ? LINT_ERROR
                  : common(args, COM_verbose)->count ? LINT_NOTE
                                                     : LINT_WARNING);
    if (!o->count) fwrite(out.s, 1, out.len, stdout);
    else if (file_make_dirs(d, file_dir(all->arena, o->text)))
        file_write_all(d, o->text, out.s, out.len);
    buf_free(&out);
    return diag_exit(d);
}

static int lint_run(ToolArgs *args, Diag *d, Progress *progress)
{
    Arena a = { 0 };
    Paths paths = { 0 };
    Findings all = { .models = &paths, .arena = &a };
    LintJob j = { .args = args, .all = &all, .arena = &a };
    int worst = EXIT_DONE;
    if (!args->noperand) {
        usage_error(&lint_tool, "no PATH is given; '.' is this folder");
        worst = EXIT_USAGE;
    } else if (args->value[LINT_OPT_json].count && args->value[LINT_OPT_sarif].count) {
        usage_error(&lint_tool, "--json and --sarif: a report is one of them");
        worst = EXIT_USAGE;
    } else if (!lint_targets(args, &a, &all)) {
        worst = EXIT_USAGE;
    }
    for (int i = 0; !worst && i < args->noperand; i++)
        if (!lint_find(&paths, &a, d, args->operands[i])) worst = diag_exit(d);
    const bool looked = !worst;
    for (size_t i = 0; looked && i < paths.count && worst != EXIT_USAGE; i++) {
        all.model = all.count;
        for (int k = 0; k < all.ntarget && worst != EXIT_USAGE; k++) {
            const int code = lint_model(&j, paths.item[i], all.target[k]);
            if (code == EXIT_USAGE || code > worst) worst = code;
        }
    }
    if (all.levels[LINT_ERROR] && worst < EXIT_WRONG) worst = EXIT_WRONG;
    progress_clear(progress);
    if (looked && worst != EXIT_USAGE) {
        const int put = lint_put(args, d, &all);
        if (put > worst) worst = put;
    }
    arena_free(&a);
    return worst;
}

int lint_main(const Tool *whole, int argc, char **argv)
{
    Tool tool = lint_tool;
    tool.whole = whole;
    return tool_main(&tool, argc, argv, lint_run);
}
