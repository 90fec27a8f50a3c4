/* lsp.h -- shared by the files of `anec --lsp` alone: a server of the Language Server Protocol,
 * which an editor starts and which speaks JSON-RPC over the standard input and output.
 *
 * It has one thread: a message is answered before the next is read. A text is compiled, and
 * its errors are sent, when no message has come for a moment, and not at each key that is
 * typed. */
#ifndef ANEC_LSP_H
#define ANEC_LSP_H

#include "tool.h"

#include <cjson/cJSON.h>

/* ---- texts (lsp_text.c) ------------------------------------------------------------------ */

/* The value of a name when the text was compiled last. */
typedef struct {
    uint32_t at;
    const char *what; /* several lines where it had several; in the Document's arena */
} LspBound;

typedef struct Document Document;
struct Document {
    char *uri;
    const char *path, *dir; /* of its file; dir is "." for a text without one */
    Source src;             /* the text, NUL-terminated */
    Buf text;
    bool unchecked; /* it has changed since it was compiled */
    Arena told;     /* memory of `bound`, made anew when the text is compiled */
    LspBound *bound;
    int nbound, bound_room;
    Document *next;
};

typedef struct {
    ToolArgs *args;
    Document *first;
    bool bytes; /* columns count bytes, if the client allows that; else UTF-16 units */
    bool ready, leaving;
    Buf in;
    size_t at;   /* how much of `in` has been read */
    Arena arena; /* of one message */
} Lsp;

Document *lsp_document(const Lsp *s, const char *uri); /* NULL: it is not open */
Document *lsp_open_document(Lsp *s, const char *uri);
void lsp_set_text(Document *d, const char *text, size_t len);
void lsp_close_document(Lsp *s, Document *d);
const char *lsp_path(Arena *a, const char *uri); /* NULL: it names no file */
const char *lsp_uri(Arena *a, const char *path);

/* {"line": .., "character": ..} for an offset, and back; a position behind the text is its
 * end. */
cJSON *lsp_position(const Lsp *s, const Source *src, size_t at);
size_t lsp_offset(const Lsp *s, const Source *src, const cJSON *position);
cJSON *lsp_range(const Lsp *s, Loc loc);

/* ---- answers (lsp_ask.c, lsp_check.c) ---------------------------------------------------- */

/* The `result` of a request about a place in a document; NULL: null. */
cJSON *lsp_hover(Lsp *s, Document *d, const cJSON *params);
cJSON *lsp_definition(Lsp *s, Document *d, const cJSON *params);
cJSON *lsp_completion(Lsp *s, Document *d, const cJSON *params);
cJSON *lsp_symbols(Lsp *s, Document *d, const cJSON *params);
cJSON *lsp_formatting(Lsp *s, Document *d, const cJSON *params);

/* Compiles the document as `anec --check` does, and sends errors and warnings to the client. */
void lsp_check(Lsp *s, Document *d);

/* ---- the server (lsp.c) ------------------------------------------------------------------ */

void lsp_notify(const char *method, cJSON *params);
int lsp_run(ToolArgs *args); /* runs until the session ends; returns the exit code */

#endif
