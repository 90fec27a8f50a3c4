/* lsp.h -- what the files of `anec --lsp` share: a server of the Language Server Protocol,
 * which an editor starts and speaks JSON-RPC with over the standard input and output.
 *
 * One thread: a message is answered before the next is read. What is wrong with a text is told
 * when nothing has come for a moment, so that a text that is being typed is not compiled at
 * each key. */
#ifndef ANEC_LSP_H
#define ANEC_LSP_H

#include "tool.h"

#include <cjson/cJSON.h>

/* ---- texts (lsp_text.c) ------------------------------------------------------------------ */

/* What a name of the text stood for when it was compiled last. */
typedef struct {
    uint32_t at;
    const char *what; /* lines, where it was several things; in the Document's arena */
} LspBound;

typedef struct Document Document;
struct Document {
    char *uri;
    const char *path, *dir; /* of a file; a text that is none yet lies in "." */
    Source src;             /* the text, NUL-terminated */
    Buf text;
    bool unchecked; /* it changed since it was compiled */
    Arena told;     /* of what follows, made anew when it is compiled */
    LspBound *bound;
    int nbound, bound_room;
    Document *next;
};

typedef struct {
    ToolArgs *args;
    Document *first;
    bool bytes; /* columns are bytes, as the client allowed; else UTF-16 units */
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

/* {"line": .., "character": ..} of an offset, and back; beyond the text: its end */
cJSON *lsp_position(const Lsp *s, const Source *src, size_t at);
size_t lsp_offset(const Lsp *s, const Source *src, const cJSON *position);
cJSON *lsp_range(const Lsp *s, Loc loc);

/* ---- answers (lsp_ask.c, lsp_check.c) ---------------------------------------------------- */

/* `result` of a request about a place of a document; NULL: null. */
cJSON *lsp_hover(Lsp *s, Document *d, const cJSON *params);
cJSON *lsp_definition(Lsp *s, Document *d, const cJSON *params);
cJSON *lsp_completion(Lsp *s, Document *d, const cJSON *params);
cJSON *lsp_symbols(Lsp *s, Document *d, const cJSON *params);
cJSON *lsp_formatting(Lsp *s, Document *d, const cJSON *params);

/* Compiles the document as `anec --check` does, and tells the client what is wrong. */
void lsp_check(Lsp *s, Document *d);

/* ---- the server (lsp.c) ------------------------------------------------------------------ */

void lsp_notify(const char *method, cJSON *params);
int lsp_run(ToolArgs *args); /* to the end of the session; the exit code */

#endif
