/* produce.c -- makes the output of a compilation by anec: checks, text, graphs, counts,
 * files. */
#include "compiler.h"
#include "../lib/report.h"
#include "../ir/coreai/core_py.h"
#include "../ir/mil/mil.h"
#include "views.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is only copied was not looked at before: what is written is valid, or --force said that
 * it need not be. */
static int check_copy(CompilerJob *j)
{
    if (j->verified || j->model.dsl) return EXIT_DONE;
    if (!compiler_given(j, ANEC_force)) return model_check(&j->model, j->diag);
    Diag found = { .quiet = true };
    if (!module_verify(j->model.module, &found, NULL))
        diag_warn(
            j->diag, WARN_FORCED, (Loc){ .src = NULL },
            "%s is not valid, and is written as it is; anec --check says what is wrong",
            j->model.path);
    diag_free(&found);
    return diag_exit(j->diag);
}

/* Inputs that are none of the engine's part. */
static void say_ahead(const CompilerJob *j, const Func *f)
{
    Arena scratch = { 0 };
    const Value **in;
    const int n = func_engine_inputs(f, &scratch, &in);
    const bool all = func_on_processor(f);
    for (int i = 0; i < f->body->nparam; i++) {
        const Value *v = f->body->param[i];
        bool taken = !value_is_number(v);
        for (int k = 0; !taken && k < n; k++) taken = in[k] == v;
        if (taken) continue;
        const char *text = arena_printf(
            &scratch,
            "no engine takes %s, which %s is: the processor looks up what it stands for, %s",
            type_text(&scratch, v->type), v->name,
            all ? "and nothing is left for an engine" : "before the engine begins");
        if (j->told) /* it belongs to no message before it */
            told_message(json_item(j->told, NULL, cJSON_CreateObject()), "note", text,
                         value_loc(v));
        else diag_note(j->diag, value_loc(v), "%s", text);
    }
    arena_free(&scratch);
}

/* The rules of the target. While compiling only what is sure is said: the doubtful is for
 * --check. */
static int check_rules(CompilerJob *j, bool check)
{
    if (!j->pipeline.enforced) return EXIT_DONE;
    j->pipeline.rules.doubts = check;
    if (check && compiler_json(j))
        rules_check_json(j->told, j->diag, j->model.module, &j->pipeline.rules);
    else rules_check(j->model.module, &j->pipeline.rules, j->diag, NULL, NULL);
    for (const Func *f = j->model.module->first; f; f = f->next)
        if (rule_holds(&j->pipeline.rules, RULE_io_type)) say_ahead(j, f);
    return diag_exit(j->diag);
}

int compiler_report(CompilerJob *j)
{
    const OptValue *o = compiler_opt(j, ANEC_compress_report);
    Buf text = { 0 };
    const bool json = o->text ? file_has_suffix(o->text, ".json") : compiler_json(j);
    if (!o->count) return EXIT_DONE;
    (json ? compressed_json : compressed_text)(&text, &j->compress);
    if (o->text) {
        if (file_make_dirs(j->diag, file_dir(&j->model.arena, o->text)))
            file_write_all(j->diag, o->text, text.s, text.len);
    } else if (compiler_given(j, ANEC_output)) {
        buf_add(&j->out, text.s, text.len);
    } else {
        fwrite(text.s, 1, text.len, stderr);
    }
    buf_free(&text);
    return diag_exit(j->diag);
}

/* ---- products ---------------------------------------------------------------------------- */

/* Where the source and the same laid out begin to differ is an error. */
static void check_layout(CompilerJob *j)
{
    const Source *src = &j->model.src;
    const char *laid = j->out.s ? j->out.s : "";
    size_t line = 0, at = 0;
    while (at < src->len && at < j->out.len && src->text[at] == laid[at])
        if (src->text[at++] == '\n') line = at;
    if (at == src->len && at == j->out.len) return;
    diag_error(
        j->diag, (Loc){ .src = src, .at = (uint32_t)line, .len = 1 },
        "from this line on it is not laid out as all are; anec --format -o %s %s writes "
        "it so",
        src->name, src->name);
}

/* The source laid out: to -o or to stdout. */
static int put_layout(CompilerJob *j)
{
    const OptValue *o = compiler_opt(j, ANEC_output);
    const bool check = compiler_given(j, ANEC_check);
    if (!dsl_format(j->diag, &j->model.src, &j->out)) return diag_exit(j->diag);
    if (check) check_layout(j);
    else if (o->count && file_make_dirs(j->diag, file_dir(&j->model.arena, o->text)))
        file_write_all(j->diag, o->text, j->out.s ? j->out.s : "", j->out.len);
    if (check || o->count) buf_free(&j->out);
    return diag_exit(j->diag);
}

int compiler_emit_front(CompilerJob *j)
{
    const bool layout = j->mode == MODE_FORMAT;
    if (!j->model.dsl) {
        usage_error(j->args->tool, "%s%s is for .anedsl", layout ? "--format" : "--emit ",
                    layout ? "" : compiler_opt(j, ANEC_emit)->text);
        return EXIT_USAGE;
    }
    if (layout) return put_layout(j);
    (j->mode == MODE_TOKENS ? dsl_print_tokens : dsl_print_ast)(j->diag, &j->model.src,
                                                                &j->out);
    return diag_exit(j->diag);
}

/* The tool's end reports what could not be written. */
static bool put_piece(void *ctx, const void *text, size_t n)
{
    (void)ctx;
    return fwrite(text, 1, n, stdout) == n;
}

/* -o -: what -o FILE.mil writes, without the weights beside it. */
static int print_apart(CompilerJob *j)
{
    uint32_t weights;
    uint64_t bytes;
    const int code = diag_exit(j->diag);
    if (code != EXIT_DONE) return code;
    const bool ok = mil_print_apart(j->model.module, j->diag, put_piece, NULL, &weights,
                                    &bytes);
    if (ok && isatty(STDOUT_FILENO)) putchar('\n');
    if (ok && weights)
        diag_note(j->diag, (Loc){ .src = NULL },
                  "%u weight%s left out of the text, a file of %llu bytes: -o FILE.mil "
                  "writes it",
                  weights, weights == 1 ? " is" : "s are", (unsigned long long)bytes);
    return diag_exit(j->diag);
}

static int print_module(CompilerJob *j)
{
    const Module *m = j->model.module;
    /* A target that is enforced refuses some small constants in the text. */
    if (mil_needs_weights(m, j->pipeline.enforced)) {
        usage_error(
            j->args->tool,
            "%s has weights, which a text alone cannot hold: give -o FILE.mil, or "
            "-o - for the text without them",
            j->model.path);
        return EXIT_USAGE;
    }
    mil_hoist(j->model.module);
    const int code = diag_exit(j->diag);
    if (code == EXIT_DONE) mil_print_to(m, put_piece, NULL);
    if (code == EXIT_DONE && isatty(STDOUT_FILENO)) putchar('\n');
    return code;
}

/* A Python program, and the folder with the weights that it reads. */
static int put_core_python(CompilerJob *j, const char *path)
{
    CorePython p = { .room = 0 };
    Arena a = { 0 };
    const size_t stem = path ? strlen(path) - (file_has_suffix(path, ".py") ? 3 : 0) : 0;
    const char *folder = path ? arena_printf(&a, "%.*s.weights", (int)stem, path) : "";
    bool ok = core_py_make(&p, j->diag, j->model.module, j->model.path,
                           file_base(folder)),
         asked = true;
    if (ok && p.nweight && !path)
        asked = usage_error(
            j->args->tool,
            "%s has weights, which a text alone cannot hold: give -o FILE.py",
            j->model.path);
    else if (ok && path)
        ok = file_make_dirs(j->diag, file_dir(&a, path))
          && (!p.nweight
              || export_core_weights(&j->model, j->diag, folder, p.weight, p.nweight))
          && file_write_all(j->diag, path, p.text.s, p.text.len);
    else if (ok) buf_add(&j->out, p.text.s, p.text.len);
    core_py_free(&p);
    arena_free(&a);
    return asked ? diag_exit(j->diag) : EXIT_USAGE;
}

/* dot, JSON and Python: to -o or to stdout. */
static int put_view(CompilerJob *j)
{
    const OptValue *o = compiler_opt(j, ANEC_output);
    const Module *m = j->model.module;
    const int code = model_check(&j->model, j->diag);
    if (code) return code;
    if (j->mode == MODE_COREAI) return put_core_python(j, o->count ? o->text : NULL);
    if (j->mode == MODE_DOT) graph_dot(&j->out, j->model.path, m);
    else graph_json(&j->out, j->model.path, m);
    if (!o->count || !diag_ok(j->diag)) return diag_exit(j->diag);
    if (file_make_dirs(j->diag, file_dir(&j->model.arena, o->text)))
        file_write_all(j->diag, o->text, j->out.s, j->out.len);
    buf_free(&j->out);
    return diag_exit(j->diag);
}

/* Names of values, "a, b". */
static void put_names(Buf *out, Value *const *v, int n)
{
    for (int i = 0; i < n; i++) buf_printf(out, "%s%s", i ? ", " : "", v[i]->name);
}

/* "x.mil": "x-2.mil" */
static const char *part_path(CompilerJob *j, const char *path, int part)
{
    const char *dot = strrchr(path, '.');
    return arena_printf(&j->model.arena, "%.*s-%d%s", (int)(dot - path), path, part, dot);
}

static bool save_part(CompilerJob *j, Module *m, int part)
{
    const Block *b = module_main(m)->body;
    const char *path = part_path(j, compiler_opt(j, ANEC_output)->text, part);
    buf_printf(&j->out, "%s: ", path);
    put_names(&j->out, b->param, b->nparam);
    buf_puts(&j->out, " -> ");
    put_names(&j->out, b->result, b->nresult);
    buf_putc(&j->out, '\n');
    return file_make_dirs(j->diag, file_dir(&j->model.arena, path))
        && container_save(m, j->diag, path);
}

/* --cut: the program in parts; false: it need not be cut. */
static bool save_parts(CompilerJob *j)
{
    Module **part, *m = j->model.module;
    const Func *f = module_main(m);
    const RuleSet *rs = &j->pipeline.rules;
    if (!compiler_given(j, ANEC_cut) || !func_is_deep(f, rs)) return false;
    const int n = func_cut(f, rs, &j->model.arena, &part, j->diag);
    if (!n)
        diag_error(j->diag, f->loc,
                   "%s cannot be cut: at each place something goes over that is no fp16 "
                   "tensor of known shape",
                   f->name);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        ok = ok && save_part(j, part[i], i + 1);
        module_free(part[i]);
    }
    return true;
}

/* The program to -o, after what a mode has printed of it. */
static int compiler_save(CompilerJob *j)
{
    const char *path = compiler_opt(j, ANEC_output)->text;
    const int code = j->mode == MODE_DUMP ? EXIT_DONE : check_copy(j);
    if (!code && save_parts(j)) return diag_exit(j->diag);
    if (!code && file_make_dirs(j->diag, file_dir(&j->model.arena, path)))
        container_save(j->model.module, j->diag, path);
    return code ? code : diag_exit(j->diag);
}

static int put_stats(CompilerJob *j)
{
    const int code = model_check(&j->model, j->diag);
    if (code) return code;
    (compiler_json(j) ? stats_json : stats_text)(&j->out, j->model.path, j->model.module,
                                                 j->diag);
    return compiler_given(j, ANEC_output) ? compiler_save(j) : diag_exit(j->diag);
}

static int put_plan(CompilerJob *j)
{
    const RuleSet *rs = &j->pipeline.rules;
    const OptValue *report = compiler_opt(j, ANEC_report);
    const Module *m = j->model.module;
    const char *path = j->model.path;
    if (rs->target->chip < 0) {
        usage_error(j->args->tool,
                    "--plan --target %s: no chip is called so; --list-targets lists them",
                    rs->target->name);
        return EXIT_USAGE;
    }
    (compiler_json(j) ? placed_json : placed_text)(&j->out, path, m, rs, j->diag);
    if (report->count && diag_ok(j->diag)) {
        Buf page = { 0 };
        Arena a = { 0 };
        placed_page(&page, path, m, rs, j->diag);
        if (file_make_dirs(j->diag, file_dir(&a, report->text)))
            file_write_all(j->diag, report->text, page.s, page.len);
        buf_free(&page);
        arena_free(&a);
    }
    return diag_exit(j->diag);
}

static int put_program(CompilerJob *j)
{
    const OptValue *o = compiler_opt(j, ANEC_output);
    const bool apart = o->count && !strcmp(o->text, "-");
    if (o->count && !apart) return compiler_save(j);
    const int code = check_copy(j);
    return code ? code : apart ? print_apart(j) : print_module(j);
}

int compiler_produce(CompilerJob *j)
{
    int code = EXIT_DONE;
    if (j->mode == MODE_CHECK) {
        code = model_check(&j->model, j->diag);
        return code ? code : check_rules(j, true);
    }
    if (j->mode == MODE_PLAN) return put_plan(j);
    if (j->mode != MODE_DUMP && !compiler_given(j, ANEC_passes))
        code = check_rules(j, false);
    if (code) return code;
    if (mode_is_view(j->mode)) return put_view(j);
    if (j->mode == MODE_STATS) return put_stats(j);
    if (j->mode != MODE_DUMP) return put_program(j);
    return compiler_given(j, ANEC_output) ? compiler_save(j) : diag_exit(j->diag);
}
