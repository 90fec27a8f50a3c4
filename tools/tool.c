/* tool.c -- shared by the tools that are compilers: reading a model, options of the passes,
 * messages as JSON. */
#include "tool.h"

#include "../lib/report.h"

void tool_warnings(Diag *d, const ToolArgs *a)
{
    d->off = a->config->off;
    d->promoted = a->config->promoted;
}

/* The exit code of a status: usage is for the tool to say. */
static int tool_said(const ToolArgs *a, const Model *m, anec_status s)
{
    if (s == ANEC_USAGE) usage_error(a->tool, "%s", m->usage);
    return (int)s;
}

int model_open(Model *m, const ToolArgs *a, Diag *d)
{
    *m = (Model){ 0 };
    if (!a->operand) {
        usage_error(a->tool, "no %s is given", a->tool->operand);
        return EXIT_USAGE;
    }
    return tool_said(a, m, read_open(m, a->config, d, a->operand));
}

int model_parse(Model *m, const ToolArgs *a, Diag *d)
{
    return tool_said(a, m, read_parse(m, a->config, d));
}

int model_check(Model *m, Diag *d) { return (int)read_check(m, d); }

int model_read(Model *m, const ToolArgs *a, Diag *d)
{
    int code = model_open(m, a, d);
    if (!code) code = model_parse(m, a, d);
    return code || m->dsl ? code : model_check(m, d);
}

void model_free(Model *m) { read_free(m); }

bool model_wants_passes(const Model *m, const ToolArgs *a)
{
    return read_wants_passes(m, a->config);
}

int model_pipeline(Model *m, const ToolArgs *a, Diag *d, Pipeline *p)
{
    return tool_said(a, m, read_pipeline(m, a->config, d, p));
}

/* ---- reports as JSON --------------------------------------------------------------------- */

static const char *const told_levels[] = {
    [DIAG_NOTE] = "note",
    [DIAG_WARNING] = "warning",
    [DIAG_ERROR] = "error",
    [DIAG_FAIL] = "failure",
};

void told_message(cJSON *o, const char *level, const char *message, Loc loc)
{
    int line, column;
    json_item(o, "level", cJSON_CreateString(level));
    json_item(o, "message", cJSON_CreateString(message));
    if (!loc.src) return;
    json_item(o, "file", json_path(loc.src->name));
    if (!loc.src->text) return;
    loc_line_col(loc, &line, &column);
    json_item(o, "line", cJSON_CreateNumber(line));
    json_item(o, "column", cJSON_CreateNumber(column));
    json_item(o, "length", cJSON_CreateNumber(loc.len));
}

/* A note belongs to the message before it. */
static cJSON *told_place(cJSON *all, DiagKind kind)
{
    cJSON *last = cJSON_GetArrayItem(all, cJSON_GetArraySize(all) - 1);
    if (kind != DIAG_NOTE || !last) return all;
    cJSON *notes = cJSON_GetObjectItem(last, "notes");
    return notes ? notes : json_item(last, "notes", cJSON_CreateArray());
}

static void told_item(void *ctx, const DiagItem *item)
{
    cJSON *o = json_item(told_place(ctx, item->kind), NULL, cJSON_CreateObject());
    told_message(o, told_levels[item->kind], item->message, item->loc);
    if (item->warning) json_item(o, "warning", cJSON_CreateString(item->warning));
}

cJSON *told_begin(Diag *d)
{
    cJSON *all = json_root(cJSON_CreateArray());
    d->item = told_item;
    d->item_ctx = all;
    return all;
}
