/* registry.c -- the backends of this build, by name. */
#include "../ir/passes/passes.h"
#include "ane/ane.h"
#include "backend.h"
#include "session.h"
#include "cpu/cpu.h"
#include "ref/ref.h"
#include "sim/sim.h"

#include <string.h>

const Backend *backend_at(int i)
{
    static const Backend *const first[] = { &backend_ref, &backend_cpu };
    return i < (int)COUNT(first) ? first[i] : sim_at(i - (int)COUNT(first));
}

const Backend *backend_find(const char *name)
{
    const Backend *b;
    for (int i = 0; (b = backend_at(i)); i++)
        if (!strcmp(b->name, name)) return b;
    return NULL;
}

/* ---- those that are opened ---------------------------------------------------------------- */

static const Backend *engine_alone(const BackendOptions *o, Diag *d)
{
    Arena a = { 0 };
    const char *why = NULL;
    const Backend *b = ane_open(o, &a, &why);
    if (!b) diag_fail(d, "the backend ane is not to be had here: %s", why);
    arena_free(&a);
    return b;
}

static const Backend *public_route(const BackendOptions *o, Diag *d)
{
    Arena a = { 0 };
    const char *why = NULL;
    const Backend *b = coreml_open(o, &a, &why);
    if (!b)
        diag_fail(
            d,
            "Core ML is not here: %s; it is a part of macOS, and --backend cpu runs programs on any machine",
            why);
    arena_free(&a);
    return b;
}

static const struct {
    const char *name;
    const Backend *(*open)(const BackendOptions *o, Diag *d);
} openers[] = {
    { "auto", auto_open },
    { "ane", engine_alone },
    { "coreml", public_route },
};

const char *backend_opened_at(int i)
{
    return i < (int)COUNT(openers) ? openers[i].name : NULL;
}

const Backend *backend_open(const char *name, const BackendOptions *o, Diag *d)
{
    for (size_t i = 0; i < COUNT(openers); i++)
        if (!strcmp(openers[i].name, name)) return openers[i].open(o, d);
    const Backend *b = backend_find(name);
    return b && b->open ? b->open(b, o) : b;
}

void backend_close(const Backend *b)
{
    if (b && b->close) b->close(b);
}

bool backend_rules(const Backend *b, RuleSet *out, Diag *d)
{
    return b->rules && b->rules(b, out, d);
}
