/* call.c -- how a call of the public library reports. */
#include "api.h"

#include <string.h>

const anec_config config_none;

static void emit(void *call, DiagKind kind, const char *message)
{
    static const anec_severity severity[] = {
        [DIAG_NOTE] = ANEC_NOTE,
        [DIAG_WARNING] = ANEC_WARNING,
        [DIAG_ERROR] = ANEC_ERROR,
        [DIAG_FAIL] = ANEC_FAILURE,
    };
    ApiCall *c = call;
    if (kind == DIAG_ERROR || kind == DIAG_FAIL) buf_puts(&c->text, message);
    if (c->config->message) c->config->message(c->config->message_ctx, severity[kind], message);
}

static void written(void *call, const char *path, uint64_t bytes)
{
    const anec_config *g = ((ApiCall *)call)->config;
    if (g->written) g->written(g->written_ctx, path, bytes);
}

void call_start(ApiCall *c, const anec_config *config)
{
    if (!config) config = &config_none;
    *c = (ApiCall){ .config = config };
    c->d = (Diag){ .emit = emit,
                   .progress = written,
                   .ctx = c,
                   .off = config->off,
                   .promoted = config->promoted };
    c->d.quiet = !config->message || config_get(config, CONFIG_quiet)->count > 0;
}

anec_status say(anec_error *error, anec_status status, const char *text)
{
    size_t n = strlen(text);
    while (n && text[n - 1] == '\n') n--;
    if (error) snprintf(error->text, sizeof error->text, "%.*s", (int)n, text);
    return status;
}

anec_status call_end(ApiCall *c, bool ok, anec_error *error)
{
    const anec_status status = ok ? ANEC_OK : c->d.fails ? ANEC_WORLD : ANEC_WRONG;
    diag_free(&c->d);
    const char *text = c->text.s ? c->text.s : "";
    say(error, status, ok ? "" : !strncmp(text, "error: ", 7) ? text + 7 : text);
    buf_free(&c->text);
    return status;
}

bool wrong(Diag *d, const char *fmt, const char *a, const char *b)
{
    return diag_error(d, (Loc){ 0 }, fmt, a, b);
}
