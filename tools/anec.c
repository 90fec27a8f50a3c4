/* anec.c -- compiles a program to MIL, for a target or as it is. */
#include "../ir/mil/mil.h"
#include "../ir/passes/passes.h"
#include "compiler.h"
#include "lint.h"
#include "lsp.h"
#include "views.h"
#include "../lib/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const Option options[] = {
#define OPT OPTION_ROW
#include "anec.def"
};

static const Example examples[] = {
    { "anec --target CHIP -o model.mil model.anedsl",
      "compile for that chip: model.mil and weights/weight.bin" },
    { "anec --target CHIP,generic -o out/{target}.mil model.anedsl",
      "for several targets at once, a file each" },
    { "anec --set layers=2 model.anedsl",
      "compile with another parameter, text to stdout" },
    { "anec --target CHIP -o new.mil old.mil", "rewrite MIL for another chip" },
    { "anec --check model.mil", "say what is wrong with a program" },
    { "anec --plan --target CHIP --report plan.html model.mlpackage",
      "what would run on the engine, what not, and what it costs" },
    { "anec --check --target CHIP model.mil",
      "say what that chip would refuse or get wrong, and the fix" },
    { "anec --explain kernel-width", "what a rule says, and who saw it on which chip" },
    { "anec --format -o model.anedsl model.anedsl", "lay a source out as all are" },
    { "anec --export-weights numpy model.anedsl",
      "its weights as .npy files, for Python" },
    { "anec --compress 'size<100000=none, *=int4(block=32)' --compress-report -o small.mlpackage model.mlpackage",
      "weights in fewer bits, and how far off each is" },
    { "anec --stats model.mil", "what it computes and how much room it takes" },
    { "anec --emit dot model.mil | dot -Tsvg > model.svg", "draw it, with graphviz" },
    { "anec --dump-after cse model.anedsl > y.mil",
      "the text after a pass, which anec and anerun read again" },
    { "anec --grad=x,w1 model.anedsl -o step.mil",
      "a program that computes d_x and d_w1 beside the model's results" },
    { "anec -o model.mlpackage model.mlmodelc", "another container, the same program" },
    { "anec -o copy.mil model.mil",
      "copy: without --target, --io, --opset or --passes nothing changes" },
};

static const Tool tool = {
    .name = "anec",
    .summary = "compiles programs to Core ML MIL for the Apple Neural Engine",
    .operand = "FILE",
    .about =
        "FILE is an .anedsl program, a .mil text, a .mlmodelc, a .mlpackage, an .onnx, or a .mlir that Core AI's "
        "package printed (not verified with it); '-' is the "
        "standard input, with --from. Without -o the text "
        "goes to the standard output.\n\n"
        "A .mil is given back as it is, unless --target, --io, --opset or --passes ask for a "
        "change. An .anedsl is compiled for an engine: for generic, what every chip takes, "
        "unless --target names a chip, or host: as it is written, for ref and cpu. What breaks a "
        "rule of the target is refused. Several targets, --target A,B,C,OS, are compiled for one by one: "
        "a word of digits, 15 or macos15, is the release of the target before it, and {target} in -o stands for "
        "the target's name, or NAME-OS.\n\n"
        "anec lint PATH.. checks all models below folders, for what runs unattended: anec lint --help.",
    .words = list_words,
    .sub = &lint_tool,
    TOOL_TABLES,
};

/* ---- usage ------------------------------------------------------------------------------- */

/* Rules by name, finding or operation; with --target as they stand for it. */
static int put_rules(CompilerJob *j)
{
    const OptValue *explain = compiler_opt(j, ANEC_explain);
    j->model.dsl = true; /* the rules are of the target alone */
    int code = model_pipeline(&j->model, j->args, j->diag, &j->pipeline);
    if (code) return code;
    const RuleSet *rs = j->pipeline.named ? &j->pipeline.rules : NULL;
    if (!explain->count) rules_list(&j->out, rs, compiler_json(j));
    if (!explain->count || rules_explain(&j->out, rs, explain->text, compiler_json(j)))
        return EXIT_DONE;
    const char *near = rules_nearest(explain->text);
    if (near)
        usage_error(&tool, "there is no rule %s; did you mean %s?", explain->text, near);
    else usage_error(&tool, "there is no rule %s; --list-rules shows all", explain->text);
    return EXIT_USAGE;
}

static bool lists_passes(const CompilerJob *j)
{
    const OptValue *some = compiler_opt(j, ANEC_passes);
    return compiler_given(j, ANEC_list_passes)
        || (some->count && !strcmp(some->text, "list"));
}

static bool lists_forms(const CompilerJob *j)
{
    const OptValue *given = compiler_opt(j, ANEC_compress);
    return given->count && !strcmp(given->text, "list");
}

static int put_lists(CompilerJob *j)
{
    if (lists_forms(j)) compressed_list(&j->out);
    if (compiler_given(j, ANEC_list_ops)) list_ops(&j->out);
    if (compiler_given(j, ANEC_list_targets))
        (compiler_json(j) ? list_targets_json : list_targets)(&j->out);
    if (lists_passes(j)) list_passes(&j->out);
    if (compiler_given(j, ANEC_doc_targets)) rules_markdown(&j->out);
    return EXIT_DONE;
}

static bool check_pass(const char *name, size_t len, const char *option)
{
    const char *known[64];
    size_t n = 0;
    Arena a = { 0 };
    bool found = false;
    for (int i = 0; i < pass_count && n < COUNT(known); i++) {
        known[n++] = passes[i].name;
        found = found
             || (strlen(passes[i].name) == len && !memcmp(passes[i].name, name, len));
    }
    const char *near = found ? NULL
                             : name_nearest(arena_strndup(&a, name, len), known, n);
    if (!found && near)
        usage_error(&tool, "%s: there is no pass '%.*s'; did you mean %s?", option,
                    (int)len, name, near);
    else if (!found)
        usage_error(&tool, "%s: there is no pass '%.*s'; --list-passes shows all", option,
                    (int)len, name);
    arena_free(&a);
    return found;
}

static bool check_passes(const CompilerJob *j)
{
    const OptValue *list = compiler_opt(j, ANEC_passes),
                   *dump = compiler_opt(j, ANEC_dump_after);
    for (const char *s = list->count ? list->text : NULL; s; s = list_next(s))
        if (!check_pass(s, strcspn(s, ","), "--passes")) return false;
    return j->mode != MODE_DUMP || !strcmp(dump->text, "all")
        || check_pass(dump->text, strlen(dump->text), "--dump-after");
}

/* Text about the program, which a file of any name can hold. */
static bool check_output(const CompilerJob *j)
{
    const OptValue *o = compiler_opt(j, ANEC_output);
    if (!o->count) return true;
    if (!strcmp(o->text, "-"))
        return j->mode == MODE_MIL || j->mode == MODE_IR
            || usage_error(&tool, "-o - is for a program's text, without its weights; "
                                  "other texts go to the standard output without -o");
    const bool program = container_writes(o->text);
    if (j->mode == MODE_FORMAT)
        return file_has_suffix(o->text, ".anedsl")
            || usage_error(
                   &tool, "-o %s: --format writes a source; the name must end in .anedsl",
                   o->text);
    if (mode_is_view(j->mode))
        return !program
            || usage_error(&tool, "-o %s: %s is no program; another ending is needed",
                           o->text, compiler_opt(j, ANEC_emit)->text);
    if (!program) {
        Arena a = { 0 };
        usage_error(&tool, "-o %s: the name must end in %s", o->text,
                    container_endings(&a, false));
        arena_free(&a);
        return false;
    }
    if (j->mode == MODE_CHECK || j->mode == MODE_PLAN || j->mode == MODE_TOKENS
        || j->mode == MODE_AST)
        return usage_error(
            &tool, "-o goes neither with --check, --plan nor with --emit tokens or ast");
    return true;
}

/* The mode of --emit WHAT, whose choices the option's row has. */
static Mode emit_mode(const char *what)
{
    static const struct {
        const char *what;
        Mode mode;
    } modes[] = {
        { "tokens", MODE_TOKENS },    { "ast", MODE_AST }, { "ir", MODE_IR },
        { "mil", MODE_MIL },          { "dot", MODE_DOT }, { "json", MODE_JSON },
        { "coreai-py", MODE_COREAI },
    };
    size_t i = 0;
    while (i < COUNT(modes) && strcmp(modes[i].what, what) != 0) i++;
    if (i == COUNT(modes)) bug("--emit %s has no mode", what);
    return modes[i].mode;
}

/* Answers without a program go before all else. */
static bool asks_tables(CompilerJob *j)
{
    if (compiler_given(j, ANEC_list_ops) || compiler_given(j, ANEC_list_targets)
        || compiler_given(j, ANEC_doc_targets) || lists_passes(j) || lists_forms(j))
        j->mode = MODE_LISTS;
    else if (compiler_given(j, ANEC_list_rules) || compiler_given(j, ANEC_explain))
        j->mode = MODE_RULES;
    return j->mode == MODE_LISTS || j->mode == MODE_RULES;
}

/* Two options that each choose the mode are a contradiction; false: usage, and said. */
static bool choose_mode(CompilerJob *j)
{
    if (asks_tables(j)) return true;
    const bool emit = compiler_given(j, ANEC_emit),
               dump = compiler_given(j, ANEC_dump_after),
               check = compiler_given(j, ANEC_check),
               stats = compiler_given(j, ANEC_stats),
               format = compiler_given(j, ANEC_format),
               plan = compiler_given(j, ANEC_plan);
    if (plan && (emit || dump || check || stats || format))
        return usage_error(
            &tool,
            "--plan goes neither with --emit, --dump-after, --check, --stats nor --format");
    if (format && (emit || dump || stats))
        return usage_error(&tool,
                           "--format goes neither with --emit, --dump-after nor --stats");
    if (check && (emit || dump))
        return usage_error(
            &tool,
            "--check prints nothing: it goes neither with --emit nor with --dump-after");
    if (emit && dump)
        return usage_error(
            &tool, "--emit and --dump-after: one of them can go to the standard output");
    if (stats && (emit || dump || check))
        return usage_error(&tool,
                           "--stats goes neither with --emit, --dump-after nor --check");
    if (format) j->mode = MODE_FORMAT;
    else if (check) j->mode = MODE_CHECK;
    else if (stats) j->mode = MODE_STATS;
    else if (plan) j->mode = MODE_PLAN;
    else if (dump) j->mode = MODE_DUMP;
    else j->mode = emit ? emit_mode(compiler_opt(j, ANEC_emit)->text) : MODE_MIL;
    return true;
}

static bool check_usage(const CompilerJob *j)
{
    if (j->mode == MODE_PLAN && !common(j->args, COM_target)->count)
        return usage_error(&tool, "--plan goes with --target CHIP");
    if (compiler_given(j, ANEC_report) && j->mode != MODE_PLAN)
        return usage_error(&tool, "--report goes with --plan");
    if (compiler_json(j) && j->mode != MODE_STATS && j->mode != MODE_PLAN
        && j->mode != MODE_CHECK && !compiler_given(j, ANEC_compress_report))
        return usage_error(
            &tool,
            "--json goes with --stats, --plan, --check, --compress-report, --list-rules, --list-targets "
            "or --explain; --emit json prints the program");
    if (compiler_given(j, ANEC_cut)
        && (!compiler_given(j, ANEC_output) || !common(j->args, COM_target)->count))
        return usage_error(&tool, "--cut goes with --target CHIP and -o FILE");
    if (compiler_given(j, ANEC_grad_only) && !compiler_given(j, ANEC_grad))
        return usage_error(&tool, "--grad-only goes with --grad");
    return check_output(j) && check_passes(j);
}

/* ---- a call ------------------------------------------------------------------------------ */

/* What has no program that can be read is checked and shown as the files that it is. */
static int put_closed(CompilerJob *j)
{
    const char *path = j->model.path;
    if (j->mode == MODE_CHECK) container_check(j->diag, path);
    else container_show(&j->out, j->diag, path, compiler_json(j));
    return diag_exit(j->diag);
}

static int run_job(CompilerJob *j)
{
    if (!choose_mode(j)) return EXIT_USAGE;
    if (j->mode == MODE_LISTS) return put_lists(j);
    if (j->mode == MODE_RULES) return put_rules(j);
    if (!check_usage(j)) return EXIT_USAGE;
    int code = model_open(&j->model, j->args, j->diag);
    if (code) return code;
    if (read_closed(&j->model) && (j->mode == MODE_CHECK || j->mode == MODE_STATS))
        return put_closed(j);
    return mode_is_front(j->mode) ? compiler_emit_front(j) : compiler_opened(j);
}

/* MIL text ends without a line break, and stays so but for people. */
static void put_stdout(CompilerJob *j)
{
    if (isatty(STDOUT_FILENO) && j->out.len && j->out.s[j->out.len - 1] != '\n')
        buf_putc(&j->out, '\n');
    fwrite(j->out.s ? j->out.s : "", 1, j->out.len, stdout);
}

/* What was told for one target of several goes to what is told of all. */
static void told_of_target(cJSON *all, cJSON *told, const char *target)
{
    for (cJSON *one; (one = cJSON_DetachItemFromArray(told, 0));) {
        json_item(one, "target", cJSON_CreateString(target));
        json_item(all, NULL, one);
    }
    json_free(told);
}

/* One model for one target; of several, `target` is its name, and what is told is added to
 * all. */
static int compile_once(ToolArgs *args, Diag *d, Progress *progress, const char *target,
                        cJSON *all)
{
    CompilerJob job = { .args = args, .diag = d };
    if (compiler_json(&job) && compiler_given(&job, ANEC_check)) job.told = told_begin(d);
    int code = run_job(&job);
    if (job.model.module && !module_stayed(job.model.module, d)) code = EXIT_WORLD;
    progress_clear(progress);
    if (job.told) {
        diag_end(d);
        d->item = NULL;
        if (code == EXIT_USAGE) json_free(job.told);
        else if (all) told_of_target(all, job.told, target);
        else json_put(&job.out, job.told);
    }
    if (code == EXIT_DONE || (code != EXIT_USAGE && job.told)
        || (code == EXIT_WRONG && compiler_json(&job)))
        put_stdout(&job);
    compiler_free(&job);
    return code;
}

/* Whether what is asked can be made for several targets; false: usage, and said. */
static bool check_several(const ToolArgs *args)
{
    CompilerJob j = { .args = args };
    const char *output = compiler_opt(&j, ANEC_output)->text;
    if (!choose_mode(&j)) return false;
    if (args->operand && !strcmp(args->operand, "-"))
        return usage_error(
            &tool, "the standard input is read once: several targets need a file");
    if (j.mode == MODE_CHECK) return true;
    if (j.mode != MODE_MIL && j.mode != MODE_IR && !mode_is_view(j.mode))
        return usage_error(&tool,
                           "several targets go with -o or --check alone; name one");
    return (output && path_has_target(output))
        || usage_error(
               &tool,
               "several targets need a file each: -o NAME with {target} in it, as in "
               "-o out/{target}.mil");
}

/* Each target on its own, as if it had been named alone; a file that cannot be read or written
 * ends it, what is wrong for one target does not. */
static int compile_several(ToolArgs *args, Diag *d, Progress *progress, const Targets *t)
{
    OptValue *output = &args->value[ANEC_output];
    const char *path = output->text;
    const bool told = args->value[ANEC_json].count > 0;
    cJSON *all = told ? json_root(cJSON_CreateArray()) : NULL;
    int worst = EXIT_DONE;
    for (int i = 0; i < t->count && worst < EXIT_USAGE; i++) {
        Diag one = *d; /* counts of its own: an error is of one target */
        if (anec_config_set(args->config, "target", t->item[i], NULL)) mem_out(1);
        if (path) output->text = path_of_target(&args->arena, path, t->item[i]);
        const int code = compile_once(args, &one, progress, t->item[i], all);
        if (!told && (one.errors || one.warnings || one.fails))
            diag_note(&one, (Loc){ 0 }, "this is of --target %s", t->item[i]);
        diag_free(&one);
        if (code > worst) worst = code;
    }
    Buf out = { 0 };
    if (worst == EXIT_USAGE) json_free(all);
    else if (all) json_put(&out, all);
    fwrite(out.s ? out.s : "", 1, out.len, stdout);
    buf_free(&out);
    return worst;
}

static int compiler_run(ToolArgs *args, Diag *d, Progress *progress)
{
    const OptValue *target = common(args, COM_target);
    if (args->value[ANEC_lsp].count) return lsp_run(args);
    OptValue *output = &args->value[ANEC_output];
    Targets t = { 0 };
    tool_warnings(d, args);
    if (target->count) t = targets_split(&args->arena, target->text);
    if (t.wrong) {
        usage_error(&tool, "%s", t.wrong);
        return EXIT_USAGE;
    }
    if (t.count > 1) {
        if (!check_several(args)) return EXIT_USAGE;
        if (t.open) diag_note(d, (Loc){ 0 }, "%s", t.open);
        return compile_several(args, d, progress, &t);
    }
    if (output->count && path_has_target(output->text)) {
        if (!t.count) {
            usage_error(&tool,
                        "-o %s: {target} stands for what --target names, which is not "
                        "given",
                        output->text);
            return EXIT_USAGE;
        }
        output->text = path_of_target(&args->arena, output->text, t.item[0]);
    }
    return compile_once(args, d, progress, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "lint")) return lint_main(&tool, argc - 1, argv + 1);
    return tool_main(&tool, argc, argv, compiler_run);
}
