/* session.c -- the backends of this build, and programs whichever backend runs them. */
#include "../ir/passes/passes.h"
#include "backend.h"
#include "cpu/cpu.h"

#include <string.h>

static const Backend *const backends[] = { &backend_ref, &backend_cpu, NULL };

static const struct {
    const char *name, *doc;
} absent[] = {
    { "ane", "the Apple Neural Engine through its private framework" },
    { "coreml", "Core ML" },
    { "sim", "the stand-in for Apple's engine" },
};

const Backend *const *backend_list(void) { return backends; }

const Backend *backend_find(const char *name)
{
    if (!strcmp(name, "auto")) return &backend_cpu;
    for (int i = 0; backends[i]; i++)
        if (!strcmp(backends[i]->name, name)) return backends[i];
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
    Program *p = passes_run(m, &expand, d) ? b->compile(m, f, d) : NULL;
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
