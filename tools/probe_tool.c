/* probe_tool.c -- opens the engine that aneprobe measures, and decides how often it may
 * compile. */
#include "probe_tool.h"

double probe_pause(const ToolArgs *a, const Backend *b)
{
    const OptValue *o = probe_opt(a, PROBE_pause);
    return o->count ? o->real : b->pause;
}

int probe_compiles(const ToolArgs *a, const Backend *b)
{
    const OptValue *o = probe_opt(a, PROBE_compiles);
    return o->count ? (int)o->real : b->compiles;
}

const Backend *probe_backend(const ToolArgs *a, Diag *d, int *code)
{
    const OptValue *b = probe_opt(a, PROBE_backend);
    const BackendOptions as_given = { .as_given = true };
    const Backend *found = backend_open(b->count ? b->text : "ane", &as_given, d);
    if (found) return found;
    if (diag_ok(d))
        usage_error(
            a->tool,
            "there is no backend %s; ane is this machine's engine, sim:CHIP a simulated one",
            b->text);
    diag_note(d, (Loc){ 0 },
              "--backend sim:%s measures a simulated engine, on any machine",
              chip_at(0)->name);
    *code = diag_ok(d) ? EXIT_USAGE : diag_exit(d);
    return NULL;
}
