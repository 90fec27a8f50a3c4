/* core_text.h -- shared by the files that read the text which Core AI's package prints: tokens, the
 * tree that the grammar builds, and the reader at work. For ir/coreai alone.
 *
 * Each action of core_grammar.y is one call of a function declared here (core_tree.c). The tree
 * lives in an arena, and names, strings and numbers in it are copies. */
#ifndef ANEC_CORE_TEXT_H
#define ANEC_CORE_TEXT_H

#include "coreai.h"

typedef struct {
    const char *s; /* into the source's text */
    uint32_t len;
} CoreToken;

typedef enum { CORE_TENSOR, CORE_HANDLE, CORE_TOKEN } CoreKind;

typedef struct {
    CoreKind kind;
    const char *elem; /* "f16"; of a handle, that of its tensor */
    Shape shape;
    bool deep; /* it has more than MAX_RANK dimensions, or one that int64 cannot hold */
    CoreToken at;
} CoreType;

typedef struct {
    CoreType *item;
    int count, room;
} CoreTypes;

/* A key of a dictionary with what is said of it in one word, a string without its quotes; "" where
 * it is no word. Of #coreai.x<word> it is the word. */
typedef struct CoreAttr CoreAttr;
struct CoreAttr {
    const char *key, *text;
    CoreAttr *next;
};

typedef struct {
    const char *name;
    int index; /* of "%r#1"; 0 */
    CoreToken at;
} CoreUse;

typedef struct {
    const char *name;
    int count; /* of "%r:2"; 1 */
    CoreToken at;
} CoreOut;

typedef struct {
    const char *name; /* with its percent sign, "%arg0" */
    CoreType type;
    CoreAttr *attrs;
    CoreToken at;
} CoreParam;

/* The elements of dense<..> or the key of dense_resource<..>. */
typedef struct {
    CoreToken *item;
    size_t count, room;
    const char *key; /* or NULL */
    Shape shape;     /* that of the brackets; rank 0: one element for all, or bytes */
    int64_t seen[MAX_RANK]; /* in the brackets that are open */
    int depth;
    bool ragged; /* brackets of one depth are of several lengths */
    CoreToken at;
} CoreDense;

typedef struct CoreBlock CoreBlock;
typedef struct CoreNode CoreNode;
struct CoreNode {
    const char *name,
        *callee; /* without "coreai." and "decomposable.broadcasting_"; of invoke, or NULL */
    CoreToken at;
    CoreOut *out;
    CoreUse *use;
    CoreAttr *attrs;
    CoreTypes in, given;
    CoreDense *dense;    /* of a constant, or NULL */
    CoreBlock *block[2]; /* of an if */
    int nout, nuse, out_room, use_room;
    bool strict; /* it is no decomposable one */
    CoreNode *next;
};

struct CoreBlock {
    CoreNode *first, *last;
    CoreBlock *outer;
};

typedef struct CoreGraph CoreGraph;
struct CoreGraph {
    const char *name;
    CoreToken at;
    bool hidden; /* private: it is called, and is no entry */
    CoreParam *param;
    CoreParam *result; /* their names are empty */
    int nparam, nresult, param_room, result_room;
    CoreAttr *attrs;
    CoreBlock *body;
    bool busy; /* it is being inlined */
    CoreGraph *next;
};

typedef struct CoreBlob CoreBlob;
struct CoreBlob {
    const char *key;
    CoreToken text; /* the string, with its quotes */
    CoreBlob *next;
};

typedef struct {
    Arena *arena;
    Diag *diag;
    const Source *src;
    const char *at, *end;
    bool stop;
    CoreGraph *first, *last;
    CoreBlob *blobs;
    /* under way */
    CoreBlock *block;
    CoreNode *node;
    CoreOut *out;
    int nout, out_room;
    CoreDense *dense;
} CoreReader;

enum { CORE_NODES = 200 }; /* blocks inside of each other, at most */

/* Parses the whole source; false: there are errors, which are reported. */
bool core_parse(CoreReader *r);
int core_lex(CoreReader *r, CoreToken *t); /* 0: the end */

Loc core_loc(const CoreReader *r, CoreToken t);
bool core_error(CoreReader *r, CoreToken t, const char *fmt, ...) PRINTF(3, 4);
void core_syntax_error(CoreReader *r, CoreToken t, const char *end, const char *expected);
void core_too_deep(CoreReader *r);
/* The text of a token; that of a string without quotes and with escapes resolved. */
const char *core_word(const CoreReader *r, CoreToken t);
const CoreAttr *core_attr(const CoreAttr *list,
                          const char *key); /* NULL: there is none */

/* ---- what the grammar calls -------------------------------------------------------------- */

CoreType core_type(CoreReader *r, CoreToken t);
void core_types_add(CoreReader *r, CoreTypes *list, CoreType t);
CoreAttr *core_attr_new(CoreReader *r, CoreAttr *before, CoreToken key, CoreToken value);
void core_graph(CoreReader *r, CoreToken name, bool hidden);
void core_param(CoreReader *r, CoreToken name, CoreType t, CoreAttr *attrs);
void core_return(CoreReader *r, CoreType t, CoreAttr *attrs);
void core_graph_attrs(CoreReader *r, CoreAttr *attrs);
void core_graph_open(CoreReader *r);
void core_graph_end(CoreReader *r);
void core_out(CoreReader *r, CoreToken name, const CoreToken *count);
void core_node(CoreReader *r, CoreToken name);
void core_callee(CoreReader *r, CoreToken name);
void core_use(CoreReader *r, CoreToken name);
void core_node_attr(CoreReader *r, CoreToken key, CoreToken value);
void core_node_attrs(CoreReader *r, CoreAttr *attrs);
void core_node_types(CoreReader *r, CoreTypes in, CoreTypes given);
CoreNode *core_block_open(CoreReader *r);
void core_block_end(CoreReader *r, CoreNode *owner);
void core_node_end(CoreReader *r);
void core_dense(CoreReader *r, CoreToken at);
void core_dense_key(CoreReader *r, CoreToken key);
void core_element(CoreReader *r, CoreToken t);
void core_bracket(CoreReader *r, bool open);
void core_blob(CoreReader *r, CoreToken key, CoreToken text);

#endif
