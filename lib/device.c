/* device.c -- the public library: backends, devices, and what is asked of neither model nor kernel: the
 * version, the cache, compiling for another process. */
#include "library.h"

#include "../backends/ane/ane.h"
#include "../backends/cache/cache.h"

#ifndef ANEC_VERSION
#define ANEC_VERSION "0.1"
#endif

const char *anec_version(void) { return ANEC_VERSION; }

/* ---- backends and devices ---------------------------------------------------------------- */

const char *anec_backend(int i, const char **what)
{
    const char *name;
    const Backend *b;
    int n = 0;
    if (what) *what = "";
    for (; (name = backend_opened_at(n)); n++)
        if (n == i) return name;
    for (int k = 0; (b = backend_at(k)); k++, n++)
        if (n == i) return what ? (*what = b->doc, b->name) : b->name;
    return NULL;
}

/* PhaseHook.mark, with the config as ctx. */
static void mark_phase(void *ctx, const char *phase, bool begins)
{
    const anec_config *c = ctx;
    Guard *g = guard_pause();
    if (c->phase) c->phase(c->phase_ctx, phase, begins);
    guard_resume(g);
}

static anec_status open_device(const char *backend, const BackendOptions *o,
                               anec_config *config, anec_device **out, anec_error *error)
{
    ApiCall c;
    GIVEN(out);
    *out = NULL;
    GIVEN(backend);
    if (call_start(&c, config, error)) return call_status(&c);
    anec_device *device = mem_zero(1, sizeof *device);
    if (!device) mem_out(sizeof *device);
    device->refs = 1;
    device->config = config;
    device->backend = backend_open(backend, o, &c.d);
    if (!device->backend && diag_ok(&c.d))
        wrong(&c.d, "there is no backend %s%s", backend, "");
    if (!device->backend) mem_free(device);
    const anec_status s = call_end(&c, diag_ok(&c.d));
    if (!s && config) config->refs++;
    if (!s) *out = device;
    return s;
}

anec_status anec_open(const char *backend, const anec_options *options, anec_device **out,
                      anec_error *error)
{
    const BackendOptions o = { .cache_dir = options ? options->cache : NULL,
                               .helper = options ? options->helper : NULL };
    return open_device(backend, &o, NULL, out, error);
}

anec_status anec_open_with(const char *backend, const anec_config *config,
                           anec_device **out, anec_error *error)
{
    anec_config *own =
        (anec_config *)(uintptr_t)config; /* the device counts itself there */
    BackendOptions o = { .cache_dir = config ? config_get(config, CONFIG_cache)->text
                                             : NULL };
    if (config) o.helper = config->helper;
    if (config && config->phase) o.phase = (PhaseHook){ mark_phase, own };
    return open_device(backend, &o, own, out, error);
}

void device_release(anec_device *d)
{
    if (--d->refs) return;
    backend_close(d->backend);
    config_release(d->config);
    mem_free(d);
}

void anec_close(anec_device *device)
{
    if (device && !atomic_exchange(&device->given_up, true)) device_release(device);
}

anec_status anec_cache(const anec_config *config, int clear, anec_cache_info *out,
                       anec_error *error)
{
    ApiCall call;
    Arena a = { 0 };
    Cache c;
    anec_cache_info info = { .size = sizeof info };
    GIVEN(out);
    const size_t size = out->size < sizeof info ? out->size : sizeof info;
    if (call_start(&call, config, error)) return call_status(&call);
    cache_open(&c, &a, config_get(call.config, CONFIG_cache)->text);
    bool ok = !c.off || diag_fail(&call.d, "there is no cache: %s", c.off);
    if (ok) {
        const CacheTally tally = cache_tally(&c);
        const CacheCount n = cache_count(&c, clear != 0);
        info.programs = n.entries - n.kept;
        info.packed = n.kept;
        info.busy = n.busy;
        info.bytes = n.bytes;
        info.limit = c.limit;
        info.hits = tally.n[TALLY_HIT] + tally.n[TALLY_RECOMPILED];
        info.recompiled = tally.n[TALLY_RECOMPILED];
        info.misses = tally.n[TALLY_MISS];
        snprintf(info.folder, sizeof info.folder, "%s", c.top);
    }
    info.size = size;
    memcpy(out, &info, size);
    arena_free(&a);
    return call_end(&call, ok);
}

int anec_compile_only(const char *folder, char **answer)
{
    ApiCall c;
    Buf said = { 0 };
    if (!answer) return 0;
    *answer = NULL;
    if (!folder || call_start(&c, NULL, NULL)) return 0;
    const bool ok = ane_compile_folder(folder, &said);
    call_end(&c, ok);
    *answer = said.s;
    return ok;
}
