/* probe_bisect.c -- aneprobe --bisect: finds the smallest part of a model that fails, and
 * prints it. */
#include "../lib/report.h"
#include "../probe/bisect.h"
#include "../lib/tensor_io.h"
#include "../ir/mil/described.h"
#include "probe_tool.h"

#include "../ir/ir.h"

#include <cjson/cJSON.h>

#include <string.h>
#include <unistd.h>

typedef struct {
    const ToolArgs *args;
    Diag *diag;
    Progress *progress;
    Arena arena;
    Model model;
    const Backend *engine;
    Func *func;
    Binding *in;
    int nin;
    BisectResult found;
} BisectJob;

static const OptValue *probe_bisect_opt(const BisectJob *j, int id)
{
    return probe_opt(j->args, id);
}

/* ---- the model --------------------------------------------------------------------------- */

/* A .mil as it is, unless the options say otherwise; a program of the language for the
 * engine. */
static int read_model(BisectJob *j)
{
    const char *path = probe_bisect_opt(j, PROBE_bisect)->text;
    Pipeline p;
    int code = (int)read_open(&j->model, j->args->config, j->diag, path);
    j->model.target = j->engine->target;
    if (!code) code = model_parse(&j->model, j->args, j->diag);
    if (!code && !j->model.dsl) code = model_check(&j->model, j->diag);
    if (code == ANEC_USAGE && j->model.usage)
        usage_error(j->args->tool, "%s", j->model.usage);
    if (code || !model_wants_passes(&j->model, j->args)) return code;
    code = model_pipeline(&j->model, j->args, j->diag, &p);
    if (!code && !passes_run(j->model.module, &p.pass, j->diag))
        code = diag_exit(j->diag);
    return code;
}

static int find_function(BisectJob *j)
{
    const OptValue *o = probe_bisect_opt(j, PROBE_function);
    carried_forget(j->model.module); /* it is offered as it stands */
    j->func = o->count ? module_func(j->model.module, o->text)
                       : module_main(j->model.module);
    if (j->func) return EXIT_DONE;
    usage_error(j->args->tool, "%s has no function %s", j->model.path,
                o->count ? o->text : "main");
    return EXIT_USAGE;
}

/* ---- inputs: given, or random as anerun's --random --------------------------------------- */

/* The text of -i NAME=TEXT; NULL: it is not given. */
static const char *given_text(const BisectJob *j, const char *name)
{
    const OptValue *o = probe_bisect_opt(j, PROBE_input);
    const size_t n = strlen(name);
    for (int i = 0; i < o->count; i++)
        if (!strncmp(o->all[i], name, n) && o->all[i][n] == '=') return o->all[i] + n + 1;
    return NULL;
}

static bool make_input(BisectJob *j, int p)
{
    const Value *v = j->func->body->param[p];
    Binding *b = &j->in[j->nin++];
    const char *text = given_text(j, v->name);
    const OptValue *seed = probe_bisect_opt(j, PROBE_random);
    Flex flex;
    Shape s = v->type->shape;
    *b = (Binding){ .name = v->name };
    if (v->type->kind != TY_TENSOR)
        return diag_error(j->diag, value_loc(v),
                          "input %s is a %s; only tensors can be given", v->name,
                          type_text(&j->arena, v->type));
    if (text)
        return tensor_given(&b->value, j->diag, text,
                            &(Place){ .name = v->name, .want = v->type });
    if (!shape_known(&s)
        && (!flex_read(j->func, j->diag, &j->arena, &flex)
            || !flex_default(j->func, &flex, p, &s)))
        return diag_error(j->diag, value_loc(v),
                          "input %s has no default shape for %s: give it with -i",
                          v->name, type_text(&j->arena, v->type));
    return tensor_random(&b->value, j->diag, seed->count ? seed->number : 1, v->name,
                         v->type->dtype, &s);
}

static int make_inputs(BisectJob *j)
{
    const OptValue *o = probe_bisect_opt(j, PROBE_input);
    const Block *b = j->func->body;
    for (int i = 0; i < o->count; i++) {
        const char *name = arena_strndup(&j->arena, o->all[i], strcspn(o->all[i], "="));
        int at = 0;
        if (param_find(j->func, name, &at) < 0 || !strchr(o->all[i], '=')) {
            usage_error(j->args->tool, "-i NAME=FILE.npy: %s has no input %s",
                        j->func->name, name);
            return EXIT_USAGE;
        }
    }
    j->in = NEW_ARRAY(&j->arena, b->nparam + 1, Binding);
    for (int i = 0; i < b->nparam; i++)
        if (!param_is_state(b->param[i]) && !make_input(j, i)) return diag_exit(j->diag);
    return inputs_check(j->func, j->diag, j->in, j->nin) ? EXIT_DONE : diag_exit(j->diag);
}

/* ---- what was found ---------------------------------------------------------------------- */

static const char *verdict_text(PartVerdict v)
{
    return v == PART_REFUSED ? "refused" : v == PART_WRONG ? "wrong" : "runs";
}

/* PART.mil, and PART-NAME.npy for each of its inputs: false after an error. */
static bool save_part(BisectJob *j)
{
    const char *path = probe_bisect_opt(j, PROBE_output)->text;
    const size_t n = strlen(path);
    const bool mil = n > 4 && !strcmp(path + n - 4, ".mil");
    bool ok = file_make_dirs(j->diag, file_dir(&j->arena, path))
           && container_save(j->found.module, j->diag, path);
    for (int i = 0; ok && i < j->found.nin; i++)
        ok = tensor_save(&j->found.in[i].value, j->diag,
                         arena_printf(&j->arena, "%.*s-%s.npy", (int)(mil ? n - 4 : n),
                                      path, j->found.in[i].name));
    return ok;
}

static void put_ops(BisectJob *j, cJSON *to)
{
    const Op **op;
    const int n = part_ops(j->found.module->first, &j->arena, &op);
    for (int i = 0; i < n; i++) {
        cJSON *one = json_item(to, NULL, cJSON_CreateObject());
        json_item(one, "op", cJSON_CreateString(op_name(op[i])));
        json_item(one, "name",
                  cJSON_CreateString(op[i]->nout ? op[i]->out[0]->name : ""));
    }
}

static void print_json(BisectJob *j)
{
    const BisectResult *r = &j->found;
    const OptValue *o = probe_bisect_opt(j, PROBE_output);
    cJSON *root = json_root(cJSON_CreateObject());
    json_item(root, "model", json_path(j->model.path));
    json_item(root, "backend", cJSON_CreateString(j->engine->name));
    json_item(root, "function", cJSON_CreateString(j->func->name));
    json_item(root, "verdict", cJSON_CreateString(verdict_text(r->verdict)));
    json_item(root, "ops", cJSON_CreateNumber(r->all));
    json_item(root, "compilations", cJSON_CreateNumber(r->compiles));
    if (r->module) {
        json_item(root, "said", cJSON_CreateString(r->said));
        if (r->spelling) json_item(root, "spelling", cJSON_CreateBool(true));
        json_item(root, "smallest", cJSON_CreateBool(!r->stopped));
        put_ops(j, json_item(root, "part", cJSON_CreateArray()));
        if (o->count) json_item(root, "file", json_path(o->text));
        Buf text = { 0 };
        if (!o->count && !mil_needs_weights(r->module, false))
            mil_print(r->module, &text);
        if (text.len) json_item(root, "mil", cJSON_CreateString(text.s));
        buf_free(&text);
    }
    char *text = json_text(root, true);
    puts(text);
    json_text_free(text);
    json_free(root);
}

static void print_part(BisectJob *j)
{
    BisectResult *r = &j->found;
    const char *what = r->verdict == PART_REFUSED ? "refuses" : "gets wrong";
    fprintf(stderr, "aneprobe: %s %s %d of %d op%s: %s\n", j->engine->name, what, r->nops,
            r->all, r->all == 1 ? "" : "s", r->said[0] ? r->said : "no words");
    if (r->spelling)
        fprintf(stderr,
                "aneprobe: as it is printed it runs: what is refused is how the model "
                "writes its text\n");
    if (r->stopped)
        fprintf(
            stderr,
            "aneprobe: stopped after %d compilations, as many as one process should make: a "
            "smaller part may fail too; --bisect of the part that was written goes on\n",
            r->compiles);
    else if (r->uncut && r->nops > 1)
        fprintf(
            stderr,
            "aneprobe: %d smaller parts could not be tried, because of what would have been "
            "their inputs or results\n",
            r->uncut);
}

static int probe_bisect_report(BisectJob *j)
{
    BisectResult *r = &j->found;
    const bool json = probe_bisect_opt(j, PROBE_json)->count > 0,
               out = probe_bisect_opt(j, PROBE_output)->count > 0;
    if (r->module && out && !save_part(j)) return diag_exit(j->diag);
    if (json) print_json(j);
    if (!r->module) {
        if (!json)
            printf("aneprobe: %s runs %s as the reference does: nothing to find\n",
                   j->engine->name, j->model.path);
        return EXIT_DONE;
    }
    if (json) return EXIT_WRONG;
    print_part(j);
    if (!out && mil_needs_weights(r->module, false)) {
        usage_error(
            j->args->tool,
            "the part has weights, which a text alone cannot hold: give -o PART.mil");
        return EXIT_USAGE;
    }
    if (!out) {
        mil_hoist(r->module);
        Buf text = { 0 };
        mil_print(r->module, &text);
        puts(text.s);
        buf_free(&text);
    }
    return EXIT_WRONG;
}

/* ---- the command ------------------------------------------------------------------------- */

static void probe_bisect_step(void *ctx, int n, int all)
{
    BisectJob *j = ctx;
    progress_count(j->progress, "ops", (uint64_t)n, (uint64_t)all);
}

static int probe_bisect_find(BisectJob *j)
{
    const OptValue *rtol = probe_bisect_opt(j, PROBE_rtol),
                   *atol = probe_bisect_opt(j, PROBE_atol);
    const Bisect b = { .engine = j->engine,
                       .reference = backend_find("ref"),
                       .diag = j->diag,
                       .rtol = rtol->count ? rtol->real : 1e-2,
                       .atol = atol->count ? atol->real : 5e-3,
                       .most = probe_compiles(j->args, j->engine),
                       .pause = probe_pause(j->args, j->engine),
                       .step = probe_bisect_step,
                       .ctx = j,
                       .max_steps = 1000000 };
    if (!bisect(&b, j->func, j->in, j->nin, &j->found)) return diag_exit(j->diag);
    progress_clear(j->progress);
    if (j->found.verdict == PART_UNKNOWN) {
        diag_error(
            j->diag, (Loc){ 0 },
            "the reference does not run %s, so that nothing can be compared; anerun "
            "--backend ref says why",
            j->model.path);
        return diag_exit(j->diag);
    }
    return probe_bisect_report(j);
}

int probe_bisect(const ToolArgs *a, Diag *d, Progress *progress)
{
    BisectJob j = { .args = a, .diag = d, .progress = progress };
    int code = EXIT_DONE;
    j.engine = probe_backend(a, d, &code);
    if (j.engine) code = read_model(&j);
    if (!code) code = find_function(&j);
    if (!code) code = make_inputs(&j);
    if (!code) code = probe_bisect_find(&j);
    bisect_free(&j.found);
    for (int i = 0; i < j.nin; i++) tensor_free(&j.in[i].value);
    model_free(&j.model);
    backend_close(j.engine);
    arena_free(&j.arena);
    return code;
}
