/* library.c -- the public library: how calls begin and end, report, and count references. */
#include "library.h"

#include <string.h>

const anec_config config_none;

anec_severity severity_of(DiagKind kind)
{
    static const anec_severity severity[] = {
        [DIAG_NOTE] = ANEC_NOTE,
        [DIAG_WARNING] = ANEC_WARNING,
        [DIAG_ERROR] = ANEC_ERROR,
        [DIAG_FAIL] = ANEC_FAILURE,
    };
    return severity[kind];
}

static void call_emit(void *call, DiagKind kind, const char *message)
{
    ApiCall *c = call;
    if (kind == DIAG_ERROR || kind == DIAG_FAIL) buf_puts(&c->text, message);
    Guard *g = guard_pause();
    if (c->config->message)
        c->config->message(c->config->message_ctx, severity_of(kind), message);
    guard_resume(g);
}

static void call_written(void *call, const char *path, uint64_t bytes)
{
    const anec_config *g = ((ApiCall *)call)->config;
    Guard *call_guard = guard_pause();
    if (g->written) g->written(g->written_ctx, path, bytes);
    guard_resume(call_guard);
}

void call_begin(ApiCall *c, const anec_config *config, anec_error *error)
{
    if (!config) config = &config_none;
    *c = (ApiCall){ .config = config, .error = error };
    file_use_begin(&c->use);
    c->d = (Diag){ .emit = call_emit,
                   .progress = call_written,
                   .ctx = c,
                   .off = config->off,
                   .promoted = config->promoted };
    c->d.quiet = !config->message || config_get(config, CONFIG_quiet)->count > 0;
    guard_push(&c->guard);
    c->guard.keeps = true;
}

void call_hear(ApiCall *c, CallTrial *emit, void *ctx)
{
    c->d.emit = emit;
    c->d.progress = NULL;
    c->d.quiet = false;
    c->d.ctx = ctx;
}

/* Gives back what is held: the guard sees to memory. */
static void let_go(ApiCall *c)
{
    if (c->kernel[1]) leave(c->kernel[1], false);
    if (c->kernel[0]) leave(c->kernel[0], c->sources);
}

anec_status call_status(const ApiCall *c)
{
    return c->guard.said[0] ? ANEC_BUG : ANEC_WORLD;
}

bool call_lost(ApiCall *c)
{
    char text[sizeof c->guard.said + 16];
    const size_t wanted = c->guard.wanted;
    file_use_end(&c->use);
    let_go(c);
    if (c->guard.said[0]) snprintf(text, sizeof text, "error: %s\n", c->guard.said);
    else if (wanted > 1)
        snprintf(text, sizeof text, "error: out of memory (%zu bytes wanted)\n", wanted);
    else snprintf(text, sizeof text, "error: out of memory\n");
    if (c->config->message)
        c->config->message(c->config->message_ctx, ANEC_FAILURE, text);
    say(c->error, call_status(c), text + 7);
    return true;
}

anec_status say(anec_error *error, anec_status status, const char *text)
{
    size_t n = strlen(text);
    while (n && text[n - 1] == '\n') n--;
    if (error) snprintf(error->text, sizeof error->text, "%.*s", (int)n, text);
    return status;
}

/* The guard ends last: all before may still run out of memory. */
anec_status call_end(ApiCall *c, bool ok)
{
    file_use_end(&c->use);
    const anec_status status = ok ? ANEC_OK : c->d.fails ? ANEC_WORLD : ANEC_WRONG;
    diag_free(&c->d);
    const char *text = c->text.s ? c->text.s : "";
    say(c->error, status, ok ? "" : !strncmp(text, "error: ", 7) ? text + 7 : text);
    buf_free(&c->text);
    guard_end(&c->guard);
    let_go(c);
    return status;
}

anec_status call_say(ApiCall *c, anec_status status, const char *text)
{
    call_end(c, true);
    return say(c->error, status, text);
}

bool wrong(Diag *d, const char *fmt, const char *a, const char *b)
{
    return diag_error(d, (Loc){ 0 }, fmt, a, b);
}
