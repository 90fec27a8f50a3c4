/* anec.c -- compiles a program to MIL, for a target or as it is. */
#include "../ir/passes/autodiff.h"
#include "graph.h"
#include "lists.h"
#include "rules_view.h"
#include "stats.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
#define OPT(id, ...) ANEC_##id,
#include "anec.def"
};
static const Option options[] = {
#define OPT OPTION_ROW
#include "anec.def"
};

static const Example examples[] = {
    { "anec --target m1 -o model.mil model.anedsl",
      "compile for an M1: model.mil and weights/weight.bin" },
    { "anec --set layers=2 model.anedsl", "compile with another parameter, text to stdout" },
    { "anec --target m4 -o new.mil old.mil", "rewrite MIL for another chip" },
    { "anec --check model.mil", "say what is wrong with a program" },
    { "anec --check --target m1 model.mil",
      "say what an M1 would refuse or get wrong, and the way out" },
    { "anec --explain kernel-width", "what a rule says, and who saw it on which chip" },
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
        "FILE is an .anedsl program, a .mil text, a .mlmodelc or a .mlpackage; '-' is the "
        "standard input, with --from. Without -o the text "
        "goes to the standard output.\n\n"
        "A .mil is given back as it is, unless --target, --io, --opset or --passes ask for a "
        "change. An .anedsl is compiled for an engine: for generic, what every chip takes, "
        "unless --target names a chip, or host: as it is written, for ref and cpu. What breaks a "
        "rule of the target is refused.",
    TOOL_TABLES,
};

typedef struct {
    const Args *args;
    Diag *diag;
    Model model;
    Pipeline pipeline;
    bool verified; /* by the passes */
    Buf out;       /* what goes to stdout */
} Job;

static const OptValue *opt(const Job *j, int id) { return &j->args->value[id]; }

/* ---- usage ------------------------------------------------------------------------------- */

static bool json(const Job *j) { return opt(j, ANEC_json)->count > 0; }

/* Rules by name, finding or operation; with --target as they stand for it. */
static int put_rules(Job *j)
{
    const OptValue *explain = opt(j, ANEC_explain);
    j->model.dsl = true; /* the rules are of the target alone */
    int code = model_pipeline(&j->model, j->args, j->diag, &j->pipeline);
    if (code) return code;
    const RuleSet *rs = j->pipeline.named ? &j->pipeline.rules : NULL;
    if (!explain->count) rules_list(&j->out, rs, json(j));
    if (!explain->count || rules_explain(&j->out, rs, explain->text, json(j))) return EXIT_DONE;
    const char *near = rules_nearest(explain->text);
    if (near) usage_error(&tool, "there is no rule %s; did you mean %s?", explain->text, near);
    else usage_error(&tool, "there is no rule %s; --list-rules shows all", explain->text);
    return EXIT_USAGE;
}

static bool lists(Job *j)
{
    if (opt(j, ANEC_list_ops)->count) list_ops(&j->out);
    if (opt(j, ANEC_list_targets)->count) list_targets(&j->out);
    const OptValue *some = opt(j, ANEC_passes);
    if (opt(j, ANEC_list_passes)->count || (some->count && !strcmp(some->text, "list")))
        list_passes(&j->out);
    if (opt(j, ANEC_doc_targets)->count) rules_markdown(&j->out);
    return j->out.len > 0;
}

static bool check_pass(const char *name, size_t len, const char *option)
{
    const char *known[64];
    size_t n = 0;
    Arena a = { 0 };
    bool found = false;
    for (int i = 0; i < pass_count && n < COUNT(known); i++) {
        known[n++] = passes[i].name;
        found = found || (strlen(passes[i].name) == len && !memcmp(passes[i].name, name, len));
    }
    const char *near = found ? NULL : name_nearest(arena_strndup(&a, name, len), known, n);
    if (!found && near)
        usage_error(&tool, "%s: there is no pass '%.*s'; did you mean %s?", option, (int)len,
                    name, near);
    else if (!found)
        usage_error(&tool, "%s: there is no pass '%.*s'; --list-passes shows all", option,
                    (int)len, name);
    arena_free(&a);
    return found;
}

static bool check_passes(const Job *j)
{
    const OptValue *list = opt(j, ANEC_passes), *dump = opt(j, ANEC_dump_after);
    for (const char *s = list->count ? list->text : NULL; s; s = list_next(s))
        if (!check_pass(s, strcspn(s, ","), "--passes")) return false;
    if (dump->count && strcmp(dump->text, "all") != 0
        && !check_pass(dump->text, strlen(dump->text), "--dump-after"))
        return false;
    return true;
}

static bool emits(const Job *j, const char *what)
{
    const OptValue *e = opt(j, ANEC_emit);
    return e->count && !strcmp(e->text, what);
}

/* Text about the program, which a file of any name can hold. */
static bool emits_view(const Job *j) { return emits(j, "dot") || emits(j, "json"); }

static bool check_output(const Job *j)
{
    const OptValue *o = opt(j, ANEC_output);
    if (!o->count) return true;
    if (emits_view(j) && container_writes(o->text))
        return usage_error(&tool, "-o %s: %s is no program; another ending is needed", o->text,
                           opt(j, ANEC_emit)->text);
    if (emits_view(j)) return true;
    if (!container_writes(o->text))
        return usage_error(&tool, "-o %s: the name must end in .mil, .mlmodelc or .mlpackage",
                           o->text);
    if (opt(j, ANEC_check)->count || emits(j, "tokens") || emits(j, "ast"))
        return usage_error(&tool, "-o goes neither with --check nor with --emit tokens or ast");
    return true;
}

static bool check_usage(const Job *j)
{
    if (opt(j, ANEC_check)->count
        && (opt(j, ANEC_emit)->count || opt(j, ANEC_dump_after)->count))
        return usage_error(
            &tool, "--check prints nothing: it goes neither with --emit nor with --dump-after");
    if (opt(j, ANEC_emit)->count && opt(j, ANEC_dump_after)->count)
        return usage_error(
            &tool, "--emit and --dump-after: one of them can go to the standard output");
    if (opt(j, ANEC_stats)->count
        && (opt(j, ANEC_emit)->count || opt(j, ANEC_dump_after)->count
            || opt(j, ANEC_check)->count))
        return usage_error(&tool, "--stats goes neither with --emit, --dump-after nor --check");
    if (json(j) && !opt(j, ANEC_stats)->count && !opt(j, ANEC_check)->count)
        return usage_error(&tool,
                           "--json goes with --stats, --check, --list-rules or --explain; "
                           "--emit json prints the program");
    if (opt(j, ANEC_grad_only)->count && !opt(j, ANEC_grad)->count)
        return usage_error(&tool, "--grad-only goes with --grad");
    return check_output(j) && check_passes(j);
}

/* ---- passes ------------------------------------------------------------------------------ */

static void dump_pass(void *ctx, const char *pass, int changes, const Module *m)
{
    Job *j = ctx;
    bool all = !strcmp(opt(j, ANEC_dump_after)->text, "all");
    if (all && !changes) return;
    if (all)
        buf_printf(&j->out, "// after %s: %d change%s\n", pass, changes,
                   changes == 1 ? "" : "s");
    mil_print(m, &j->out);
    if (all) buf_putc(&j->out, '\n');
}

/* --check takes MIL as it is given; a program of the language is what it compiles to. */
static bool checks_as_given(const Job *j)
{
    return opt(j, ANEC_check)->count && !j->model.dsl && !opt(j, ANEC_passes)->count;
}

static void tell_target(const Job *j)
{
    Func *f = module_main(j->model.module);
    fprintf(stderr, "anec: target=%s precision=%s io=%s opset=%s\n",
            j->pipeline.pass.target->name, precision_text(f), boundary_text(f),
            opset_text(f->opset));
}

/* Before any pass: what a target made of a statement is not differentiated. */
static int add_gradients(Job *j)
{
    const OptValue *grad = opt(j, ANEC_grad);
    if (!grad->count) return EXIT_DONE;
    const GradOptions o = { .names = grad->text,
                            .only = opt(j, ANEC_grad_only)->count > 0,
                            .declared = j->model.dsl };
    const int code = j->model.dsl ? EXIT_DONE : model_check(&j->model, j->diag);
    if (code) return code;
    autodiff_module(j->model.module, &o, j->diag);
    return diag_exit(j->diag);
}

static int run_passes(Job *j)
{
    PassOptions *o = &j->pipeline.pass;
    const bool wants = model_wants_passes(&j->model, j->args) || opt(j, ANEC_passes)->count;
    if (!wants && !opt(j, ANEC_dump_after)->count) return EXIT_DONE;
    if (!j->model.dsl && !wants) {
        usage_error(&tool,
                    "--dump-after: no pass runs on a .mil without --target, --io, --opset or "
                    "--passes");
        return EXIT_USAGE;
    }
    int code = model_pipeline(&j->model, j->args, j->diag, &j->pipeline);
    if (code || checks_as_given(j)) return code;
    if (opt(j, ANEC_passes)->count) o->only = opt(j, ANEC_passes)->text;
    if (opt(j, ANEC_dump_after)->count) o->dump = opt(j, ANEC_dump_after)->text;
    o->dump_to = dump_pass;
    o->ctx = j;
    code = j->model.dsl ? EXIT_DONE : model_check(&j->model, j->diag);
    if (code) return code;
    if (!passes_run(j->model.module, o, j->diag)) return diag_exit(j->diag);
    j->verified = true;
    if (common(j->args, COM_verbose)->count) tell_target(j);
    return EXIT_DONE;
}

/* What is only copied was not looked at before: what is written is valid, or --force said that
 * it need not be. */
static int check_copy(Job *j)
{
    if (j->verified || j->model.dsl) return EXIT_DONE;
    if (!opt(j, ANEC_force)->count) return model_check(&j->model, j->diag);
    Diag found = { .quiet = true };
    if (!module_verify(j->model.module, &found, NULL))
        diag_warn(j->diag, WARN_FORCED, (Loc){ .src = NULL },
                  "%s is not valid, and is written as it is; anec --check says what is wrong",
                  j->model.path);
    diag_free(&found);
    return diag_exit(j->diag);
}

/* The rules of the target. While compiling only what is sure is said: the doubtful is for
 * --check. */
static int check_rules(Job *j, bool check)
{
    if (!j->pipeline.enforced) return EXIT_DONE;
    j->pipeline.rules.doubts = check;
    if (check && json(j))
        rules_check_json(&j->out, j->diag, j->model.module, &j->pipeline.rules);
    else rules_check(j->model.module, &j->pipeline.rules, j->diag, NULL, NULL);
    return diag_exit(j->diag);
}

/* ---- products ---------------------------------------------------------------------------- */

/* Tokens and syntax tree: of a text that need not be a program. */
static int emit_front(Job *j)
{
    const char *what = opt(j, ANEC_emit)->text;
    if (!j->model.dsl) {
        usage_error(&tool, "--emit %s is for .anedsl", what);
        return EXIT_USAGE;
    }
    bool tokens = !strcmp(what, "tokens");
    (tokens ? dsl_print_tokens : dsl_print_ast)(j->diag, &j->model.src, &j->out);
    return diag_exit(j->diag);
}

/* The tool's end reports what could not be written. */
static bool put_piece(void *ctx, const void *text, size_t n)
{
    (void)ctx;
    return fwrite(text, 1, n, stdout) == n;
}

static int print_module(Job *j)
{
    const Module *m = j->model.module;
    /* A target that is enforced refuses some small constants in the text. */
    if (mil_needs_weights(m, j->pipeline.enforced)) {
        usage_error(&tool, "%s has weights, which a text alone cannot hold: give -o FILE.mil",
                    j->model.path);
        return EXIT_USAGE;
    }
    mil_hoist(j->model.module);
    const int code = diag_exit(j->diag);
    if (code == EXIT_DONE) mil_print_to(m, put_piece, NULL);
    if (code == EXIT_DONE && isatty(STDOUT_FILENO)) putchar('\n');
    return code;
}

/* dot and JSON: to -o or to stdout. */
static int put_view(Job *j)
{
    const OptValue *o = opt(j, ANEC_output);
    const Module *m = j->model.module;
    if (emits(j, "dot")) graph_dot(&j->out, j->model.path, m);
    else graph_json(&j->out, j->model.path, m);
    if (!o->count || !diag_ok(j->diag)) return diag_exit(j->diag);
    if (file_make_dirs(j->diag, file_dir(&j->model.arena, o->text)))
        file_write_all(j->diag, o->text, j->out.s, j->out.len);
    buf_free(&j->out);
    return diag_exit(j->diag);
}

static int produce(Job *j)
{
    const OptValue *o = opt(j, ANEC_output);
    int code;
    if (opt(j, ANEC_check)->count) {
        code = model_check(&j->model, j->diag);
        return code ? code : check_rules(j, true);
    }
    if (!opt(j, ANEC_dump_after)->count && !opt(j, ANEC_passes)->count
        && (code = check_rules(j, false)))
        return code;
    if ((emits_view(j) || opt(j, ANEC_stats)->count)
        && (code = model_check(&j->model, j->diag)))
        return code;
    if (emits_view(j)) return put_view(j);
    if (opt(j, ANEC_stats)->count)
        (json(j) ? stats_json : stats_text)(&j->out, j->model.path, j->model.module);
    if (opt(j, ANEC_stats)->count && !o->count) return diag_exit(j->diag);
    if (!opt(j, ANEC_dump_after)->count && (code = check_copy(j))) return code;
    if (o->count) {
        if (file_make_dirs(j->diag, file_dir(&j->model.arena, o->text)))
            container_save(j->model.module, j->diag, o->text);
        return diag_exit(j->diag);
    }
    if (opt(j, ANEC_dump_after)->count) return diag_exit(j->diag);
    return print_module(j);
}

static int run_job(Job *j)
{
    if (lists(j)) return EXIT_DONE;
    if (opt(j, ANEC_list_rules)->count || opt(j, ANEC_explain)->count) return put_rules(j);
    if (!check_usage(j)) return EXIT_USAGE;
    int code = model_open(&j->model, j->args, j->diag);
    if (code) return code;
    if (emits(j, "tokens") || emits(j, "ast")) return emit_front(j);
    code = model_parse(&j->model, j->args, j->diag);
    if (code) return code;
    code = add_gradients(j);
    if (!code && !emits(j, "ir")) code = run_passes(j);
    if (!code) code = produce(j);
    if (code == EXIT_WRONG && j->model.dsl && !j->pipeline.named)
        diag_note(
            j->diag, (Loc){ 0 },
            "without --target a program is compiled for %s, which is what every chip takes; --target m1 .. "
            "m5 compiles it for one, --target host as it is written, for ref and cpu",
            targets[TARGET_generic].name);
    return code;
}

/* MIL text ends without a line break, and stays so but for people. */
static void put_stdout(Job *j)
{
    if (isatty(STDOUT_FILENO) && j->out.len && j->out.s[j->out.len - 1] != '\n')
        buf_putc(&j->out, '\n');
    fwrite(j->out.s ? j->out.s : "", 1, j->out.len, stdout);
}

static int run(Args *args, Diag *d, Progress *progress)
{
    Job job = { .args = args, .diag = d };
    tool_warnings(d, args);
    int code = run_job(&job);
    if (job.model.module && !module_stayed(job.model.module, d)) code = EXIT_WORLD;
    progress_clear(progress);
    if (code == EXIT_DONE || (code == EXIT_WRONG && json(&job))) put_stdout(&job);
    model_free(&job.model);
    buf_free(&job.out);
    return code;
}

int main(int argc, char **argv) { return tool_main(&tool, argc, argv, run); }
