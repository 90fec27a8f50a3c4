/* lsp.c -- reads the messages of an editor, calls the function for each request, and writes
 * answers. */
#include "lsp.h"

#include "../lib/report.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LSP_MAX_HEADER = 8 << 10,
    LSP_MAX_MESSAGE = 64 << 20,
    LSP_QUIET = 200, /* milliseconds without a message before texts are compiled */
};

/* Of JSON-RPC and the protocol. */
enum {
    LSP_PARSE_ERROR = -32700,
    LSP_INVALID_REQUEST = -32600,
    LSP_NO_METHOD = -32601,
    LSP_INVALID_PARAMS = -32602,
    LSP_NOT_READY = -32002,
};

/* ---- writing ----------------------------------------------------------------------------- */

static void lsp_send(cJSON *message)
{
    json_item(message, "jsonrpc", cJSON_CreateString("2.0"));
    char *text = json_text(message, false);
    printf("Content-Length: %zu\r\n\r\n%s", strlen(text), text);
    fflush(stdout);
    json_text_free(text);
    json_free(message);
}

void lsp_notify(const char *method, cJSON *params)
{
    cJSON *m = json_root(cJSON_CreateObject());
    json_item(m, "method", cJSON_CreateString(method));
    json_item(m, "params", params);
    lsp_send(m);
}

static cJSON *lsp_response(const cJSON *id)
{
    cJSON *m = json_root(cJSON_CreateObject());
    json_item(m, "id", id ? cJSON_Duplicate(id, true) : cJSON_CreateNull());
    return m;
}

static void lsp_error(const cJSON *id, int code, const char *text)
{
    cJSON *m = lsp_response(id), *e = json_item(m, "error", cJSON_CreateObject());
    json_item(e, "code", cJSON_CreateNumber(code));
    json_item(e, "message", cJSON_CreateString(text));
    lsp_send(m);
}

static void lsp_result(const cJSON *id, cJSON *result)
{
    cJSON *m = lsp_response(id);
    json_item(m, "result", result ? result : cJSON_CreateNull());
    lsp_send(m);
}

/* ---- reading ----------------------------------------------------------------------------- */

typedef enum { INPUT_MESSAGE, INPUT_QUIET, INPUT_END, INPUT_BROKEN } Input;

static Input lsp_fill(Lsp *s, int wait)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    char room[1 << 16];
    if (poll(&p, 1, wait) == 0) return INPUT_QUIET;
    const ssize_t n = read(STDIN_FILENO, room, sizeof room);
    if (n < 0 && errno == EINTR) return INPUT_QUIET;
    if (n <= 0) return INPUT_END;
    buf_add(&s->in, room, (size_t)n);
    return INPUT_MESSAGE;
}

/* The length that a message's header gives; 0: it gives none. */
static size_t lsp_length(const char *header, size_t len)
{
    static const char name[] = "content-length:";
    for (const char *line = header, *end = header + len; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!strncasecmp(line, name, sizeof name - 1))
            return (size_t)strtoull(line + sizeof name - 1, NULL, 10);
        if (!stop) break;
        line = stop + 1;
    }
    return 0;
}

/* The next message, whose bytes stay in s->in until the one after it is asked for. */
static Input lsp_receive(Lsp *s, int wait, const char **body, size_t *len)
{
    if (s->at) {
        memmove(s->in.s, s->in.s + s->at, s->in.len - s->at);
        s->in.len -= s->at;
        s->at = 0;
    }
    for (;;) {
        buf_room(&s->in, 1);
        s->in.s[s->in.len] = '\0';
        const char *end = strstr(s->in.s, "\r\n\r\n");
        const size_t header = end ? (size_t)(end - s->in.s) + 4 : 0;
        *len = end ? lsp_length(s->in.s, header) : 0;
        if (!end && s->in.len > LSP_MAX_HEADER) return INPUT_BROKEN;
        if (end && (!*len || *len > LSP_MAX_MESSAGE)) return INPUT_BROKEN;
        if (end && s->in.len - header >= *len) {
            *body = s->in.s + header;
            s->at = header + *len;
            return INPUT_MESSAGE;
        }
        const Input more = lsp_fill(s, wait);
        if (more == INPUT_END) return s->in.len ? INPUT_BROKEN : INPUT_END;
        if (more == INPUT_QUIET && wait >= 0) return more;
    }
}

/* ---- the session ------------------------------------------------------------------------- */

static const cJSON *lsp_get(const cJSON *o, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* The client may say that it counts columns in bytes. */
static bool lsp_takes_bytes(const cJSON *params)
{
    const cJSON *general = lsp_get(lsp_get(params, "capabilities"), "general"), *e;
    cJSON_ArrayForEach(e, lsp_get(general, "positionEncodings"))
    {
        const char *name = cJSON_GetStringValue(e);
        if (name && !strcmp(name, "utf-8")) return true;
    }
    return false;
}

static cJSON *lsp_initialize(Lsp *s, const cJSON *params)
{
    cJSON *r = json_root(cJSON_CreateObject());
    cJSON *can = json_item(r, "capabilities", cJSON_CreateObject());
    s->bytes = lsp_takes_bytes(params);
    s->ready = true;
    json_item(can, "positionEncoding", cJSON_CreateString(s->bytes ? "utf-8" : "utf-16"));
    json_item(can, "textDocumentSync",
              cJSON_CreateNumber(1)); /* the whole text each time */
    static const char *const provides[] = { "hoverProvider", "definitionProvider",
                                            "documentSymbolProvider",
                                            "documentFormattingProvider" };
    for (size_t i = 0; i < COUNT(provides); i++)
        json_item(can, provides[i], cJSON_CreateTrue());
    cJSON *completion = json_item(can, "completionProvider", cJSON_CreateObject());
    cJSON *on = json_item(completion, "triggerCharacters", cJSON_CreateArray());
    json_item(on, NULL, cJSON_CreateString("."));
    cJSON *server = json_item(r, "serverInfo", cJSON_CreateObject());
    json_item(server, "name", cJSON_CreateString("anec"));
    json_item(server, "version", cJSON_CreateString(anec_version()));
    return r;
}

static void lsp_did_open(Lsp *s, const cJSON *params)
{
    const cJSON *doc = lsp_get(params, "textDocument");
    const char *uri = cJSON_GetStringValue(lsp_get(doc, "uri"));
    const char *text = cJSON_GetStringValue(lsp_get(doc, "text"));
    if (uri && text) lsp_set_text(lsp_open_document(s, uri), text, strlen(text));
}

static Document *lsp_named(const Lsp *s, const cJSON *params)
{
    const char *uri = cJSON_GetStringValue(
        lsp_get(lsp_get(params, "textDocument"), "uri"));
    return uri ? lsp_document(s, uri) : NULL;
}

static void lsp_did_change(Lsp *s, const cJSON *params)
{
    Document *d = lsp_named(s, params);
    const cJSON *change;
    cJSON_ArrayForEach(change, lsp_get(params, "contentChanges"))
    {
        const char *text = cJSON_GetStringValue(lsp_get(change, "text"));
        if (d && text) lsp_set_text(d, text, strlen(text));
    }
}

/* What others import may have changed on the disk. */
static void lsp_did_save(Lsp *s, const cJSON *params)
{
    (void)params;
    for (Document *d = s->first; d; d = d->next) d->unchecked = true;
}

static void lsp_did_close(Lsp *s, const cJSON *params)
{
    Document *d = lsp_named(s, params);
    if (!d) return;
    cJSON *none = json_root(cJSON_CreateObject());
    json_item(none, "uri", cJSON_CreateString(d->uri));
    json_item(none, "diagnostics", cJSON_CreateArray());
    lsp_notify("textDocument/publishDiagnostics", none);
    lsp_close_document(s, d);
}

/* ---- dispatch ---------------------------------------------------------------------------- */

static const struct {
    const char *method;
    void (*take)(Lsp *s, const cJSON *params);
} lsp_notifications[] = {
    { "textDocument/didOpen", lsp_did_open },
    { "textDocument/didChange", lsp_did_change },
    { "textDocument/didSave", lsp_did_save },
    { "textDocument/didClose", lsp_did_close },
};

static const struct {
    const char *method;
    cJSON *(*answer)(Lsp *s, Document *d, const cJSON *params);
} lsp_requests[] = {
    { "textDocument/hover", lsp_hover },
    { "textDocument/definition", lsp_definition },
    { "textDocument/completion", lsp_completion },
    { "textDocument/documentSymbol", lsp_symbols },
    { "textDocument/formatting", lsp_formatting },
};

static void lsp_take(Lsp *s, const char *method, const cJSON *params)
{
    for (size_t i = 0; i < COUNT(lsp_notifications); i++)
        if (!strcmp(method, lsp_notifications[i].method))
            lsp_notifications[i].take(s, params);
}

static void lsp_answer(Lsp *s, const cJSON *id, const char *method, const cJSON *params)
{
    if (!strcmp(method, "initialize")) {
        lsp_result(id, lsp_initialize(s, params));
        return;
    }
    if (!s->ready) {
        lsp_error(id, LSP_NOT_READY, "initialize comes first");
        return;
    }
    if (!strcmp(method, "shutdown")) {
        s->leaving = true;
        lsp_result(id, NULL);
        return;
    }
    for (size_t i = 0; i < COUNT(lsp_requests); i++) {
        if (strcmp(method, lsp_requests[i].method) != 0) continue;
        Document *d = lsp_named(s, params);
        if (d) lsp_result(id, lsp_requests[i].answer(s, d, params));
        else lsp_error(id, LSP_INVALID_PARAMS, "this text is not open");
        return;
    }
    lsp_error(id, LSP_NO_METHOD,
              arena_printf(&s->arena, "there is no method %s", method));
}

/* False: the session ends. */
static bool lsp_message(Lsp *s, const char *body, size_t len)
{
    cJSON *m = json_parse(body, len);
    const char *method = cJSON_GetStringValue(lsp_get(m, "method"));
    const cJSON *id = lsp_get(m, "id"), *params = lsp_get(m, "params");
    bool goes_on = true;
    if (!m) lsp_error(NULL, LSP_PARSE_ERROR, "this is no JSON");
    else if (!method && !lsp_get(m, "result") && !lsp_get(m, "error"))
        lsp_error(id, LSP_INVALID_REQUEST, "a message has a method");
    else if (method && id) lsp_answer(s, id, method, params);
    else if (method && !strcmp(method, "exit")) goes_on = false;
    else if (method && s->ready) lsp_take(s, method, params);
    json_free(m);
    arena_free(&s->arena);
    return goes_on;
}

static bool lsp_has_unchecked(const Lsp *s)
{
    for (const Document *d = s->first; d; d = d->next)
        if (d->unchecked) return true;
    return false;
}

static void lsp_check_all(Lsp *s)
{
    for (Document *d = s->first; d; d = d->next)
        if (d->unchecked) lsp_check(s, d);
}

int lsp_run(ToolArgs *args)
{
    Lsp s = { .args = args };
    const char *body;
    size_t len;
    int code = EXIT_DONE;
    for (bool goes_on = true; goes_on;) {
        const Input in = lsp_receive(&s, lsp_has_unchecked(&s) ? LSP_QUIET : -1, &body,
                                     &len);
        if (in == INPUT_MESSAGE) goes_on = lsp_message(&s, body, len);
        else if (in == INPUT_QUIET) lsp_check_all(&s);
        else goes_on = false;
        if (in == INPUT_BROKEN) {
            fprintf(stderr,
                    "anec: --lsp is for editors, which send messages with a header "
                    "Content-Length; this is none\n");
            code = EXIT_WRONG;
        }
    }
    if (code == EXIT_DONE && !s.leaving) code = EXIT_WRONG; /* as the protocol has it */
    while (s.first) lsp_close_document(&s, s.first);
    buf_free(&s.in);
    return code;
}
