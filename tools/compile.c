/* compile.c -- one compilation by anec: reads the model, adds weights and gradients, runs the
 * passes. */
#include "compiler.h"
#include "../ir/passes/passes.h"
#include "views.h"

#include <string.h>

/* ---- passes ------------------------------------------------------------------------------ */

static void dump_pass(void *ctx, const char *pass, int changes, const Module *m)
{
    CompilerJob *j = ctx;
    bool all = !strcmp(compiler_opt(j, ANEC_dump_after)->text, "all");
    if (all && !changes) return;
    if (all)
        buf_printf(&j->out, "// after %s: %d change%s\n", pass, changes,
                   changes == 1 ? "" : "s");
    mil_print(m, &j->out);
    if (all) buf_putc(&j->out, '\n');
}

/* --check takes MIL as it is given; a program of the language is what it compiles to. */
static bool checks_as_given(const CompilerJob *j)
{
    return j->mode == MODE_CHECK && !j->model.dsl && !compiler_given(j, ANEC_passes);
}

static void tell_target(const CompilerJob *j)
{
    Func *f = module_main(j->model.module);
    fprintf(stderr, "anec: target=%s precision=%s io=%s opset=%s\n",
            j->pipeline.pass.target->name, precision_text(f), boundary_text(f),
            opset_text(f->opset));
}

/* Before any pass. Of an .anedsl the weights are inputs already. */
static int promote_weights(CompilerJob *j)
{
    const OptValue *names = compiler_opt(j, ANEC_promote);
    if (!names->count) return EXIT_DONE;
    if (j->model.dsl && j->model.weights.count) return EXIT_DONE;
    if (j->model.dsl)
        diag_error(j->diag, (Loc){ 0 }, "%s declares no weight of floats%s%s",
                   j->model.path, names->text ? " that is called like " : "",
                   names->text ? names->text : "");
    if (!diag_ok(j->diag)) return diag_exit(j->diag);
    const int code = model_check(&j->model, j->diag);
    if (!code) promote_module(j->model.module, names->text, j->diag);
    return code ? code : diag_exit(j->diag);
}

/* Before any pass: what a target made of an op is not differentiated. */
static int add_gradients(CompilerJob *j)
{
    const OptValue *grad = compiler_opt(j, ANEC_grad);
    if (!grad->count) return EXIT_DONE;
    const GradOptions o = { .names = grad->text,
                            .only = compiler_opt(j, ANEC_grad_only)->count > 0,
                            .declared = j->model.dsl };
    const int code = j->model.dsl ? EXIT_DONE : model_check(&j->model, j->diag);
    if (code) return code;
    autodiff_module(j->model.module, &o, j->diag);
    return diag_exit(j->diag);
}

/* Before any pass too: as the program has them. */
static int put_weights(CompilerJob *j)
{
    if (!compiler_given(j, ANEC_export)) return EXIT_DONE;
    const int code = j->model.dsl ? EXIT_DONE : model_check(&j->model, j->diag);
    if (code) return code;
    export_weights(&j->model, j->diag, compiler_opt(j, ANEC_export)->text);
    return diag_exit(j->diag);
}

/* The rules of --compress. A program may declare forms without them. */
static int read_compress(CompilerJob *j)
{
    const OptValue *given = compiler_opt(j, ANEC_compress);
    j->compress = (CompressPlan){ .measures = compiler_given(j, ANEC_compress_report) };
    if (given->count) j->compress.rules = compress_rules_new(&j->model.arena);
    for (int i = 0; i < given->count; i++)
        compress_rules_add(j->compress.rules, j->diag, given->all[i]);
    return diag_exit(j->diag);
}

/* A .mil that is to be compressed and no more stays as it is otherwise. */
static const char *passes_alone(const CompilerJob *j)
{
    if (compiler_given(j, ANEC_passes)) return compiler_opt(j, ANEC_passes)->text;
    return model_wants_passes(&j->model, j->args) ? NULL : "compress";
}

static int run_passes(CompilerJob *j)
{
    PassOptions *o = &j->pipeline.pass;
    const bool wants = model_wants_passes(&j->model, j->args)
                    || compiler_given(j, ANEC_passes) || compiler_given(j, ANEC_compress);
    if (!wants && j->mode != MODE_DUMP) return EXIT_DONE;
    if (!j->model.dsl && !wants) {
        usage_error(
            j->args->tool,
            "--dump-after: no pass runs on a .mil without --target, --io, --opset or "
            "--passes");
        return EXIT_USAGE;
    }
    int code = model_pipeline(&j->model, j->args, j->diag, &j->pipeline);
    if (code || checks_as_given(j)) return code;
    if (passes_alone(j)) o->only = passes_alone(j);
    if (compiler_given(j, ANEC_compress) || j->compress.measures)
        o->compress = &j->compress;
    if (j->mode == MODE_DUMP) o->dump = compiler_opt(j, ANEC_dump_after)->text;
    o->dump_to = dump_pass;
    o->ctx = j;
    code = j->model.dsl ? EXIT_DONE : model_check(&j->model, j->diag);
    if (code) return code;
    if (!passes_run(j->model.module, o, j->diag)) return diag_exit(j->diag);
    j->verified = true;
    if (common(j->args, COM_verbose)->count) tell_target(j);
    return EXIT_DONE;
}

/* ---- all of it --------------------------------------------------------------------------- */

/* --export-weights is all that is asked for: a text that nobody wants is not printed. */
static bool exports_alone(const CompilerJob *j)
{
    return compiler_given(j, ANEC_export) && j->mode == MODE_MIL
        && !compiler_given(j, ANEC_output) && !compiler_given(j, ANEC_emit);
}

int compiler_opened(CompilerJob *j)
{
    if (compiler_given(j, ANEC_promote)) {
        j->model.promote = "*";
        j->model.promoted = compiler_opt(j, ANEC_promote)->text;
    }
    int code = model_parse(&j->model, j->args, j->diag);
    if (!code) code = promote_weights(j);
    if (!code) code = put_weights(j);
    if (code || exports_alone(j)) return code;
    code = add_gradients(j);
    if (!code) code = read_compress(j);
    if (!code && j->mode != MODE_IR) code = run_passes(j);
    if (!code) code = compiler_produce(j);
    if (!code) code = compiler_report(j);
    if (code == EXIT_WRONG && j->model.dsl && !common(j->args, COM_target)->count)
        diag_note(
            j->diag, (Loc){ 0 },
            "without --target a program is compiled for %s, which is what every chip takes; "
            "--target CHIP compiles it for one (--list-targets), --target host as it is "
            "written, for ref and cpu",
            targets[TARGET_generic].name);
    return code;
}

void compiler_free(CompilerJob *j)
{
    compress_rules_free(j->compress.rules);
    model_free(&j->model);
    buf_free(&j->out);
}
