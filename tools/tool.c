/* tool.c -- reading a model, and what the passes are asked, for the tools that are
 * compilers. */
#include "tool.h"

#include "../lib/config.h"

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
