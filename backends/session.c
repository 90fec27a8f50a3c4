/* session.c -- the backends of this build, and programs whichever backend runs them. */
#include "../ir/passes/passes.h"
#include "backend.h"
#include "cpu/cpu.h"
#include "sim/sim.h"

#include <string.h>

static const struct {
    const char *name, *doc;
} absent[] = {
    { "ane", "the Apple Neural Engine through its private framework" },
    { "coreml", "Core ML" },
};

/* Chips that are rows of targets.def; `generic` is none. */
static const Backend *sim_at(int i)
{
    for (int k = 0; k < target_count; k++)
        if (sim_is_chip(&backend_sim[k]) && !i--) return &backend_sim[k];
    return NULL;
}

const Backend *backend_at(int i)
{
    static const Backend *const first[] = { &backend_ref, &backend_cpu };
    return i < (int)COUNT(first) ? first[i] : sim_at(i - (int)COUNT(first));
}

const Backend *backend_find(const char *name)
{
    if (!strcmp(name, "auto")) return &backend_cpu;
    const Backend *b;
    for (int i = 0; (b = backend_at(i)); i++)
        if (!strcmp(b->name, name)) return b;
    return NULL;
}

const char *backend_absent(const char *name)
{
    size_t len = strcspn(name, ":");
    for (size_t i = 0; i < COUNT(absent); i++)
        if (strlen(absent[i].name) == len && !memcmp(absent[i].name, name, len))
            return absent[i].doc;
    return NULL;
}

Program *program_new(const Backend *b, Module *m, Func *f, Diag *d)
{
    /* The meaning of an op that MIL does not have is its expansion, whatever runs it. */
    const PassOptions expand = { .target = target_find("generic"), .only = "composites" };
    Program *p = passes_run(m, &expand, d) ? b->compile(b, m, f, d) : NULL;
    if (p) *p = (Program){ .backend = b, .module = m, .func = f };
    return p;
}

bool program_run(Program *p, Diag *d, const Binding *in, int nin, const RunOptions *opt)
{
    return inputs_check(p->func, d, in, nin) && p->backend->run(p, d, in, nin, opt);
}

int program_results(Program *p, const Binding **out) { return p->backend->results(p, out); }
int program_states(Program *p, Binding **out) { return p->backend->states(p, out); }
void program_reset(Program *p) { p->backend->reset(p); }

void program_free(Program *p)
{
    if (p) p->backend->free(p);
}
