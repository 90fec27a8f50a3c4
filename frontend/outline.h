/* outline.h -- the outline of a text, for editors: the names that it defines, and where each
 * may be used.
 *
 * It is made from the syntax tree alone, so a program that does not compile has one too. An
 * outline lives in the arena that it was made in, and refers to the text. */
#ifndef ANEC_OUTLINE_H
#define ANEC_OUTLINE_H

#include "ast.h"

/* A name that the text defines: an item of the file, or an argument or variable of a
 * function. */
typedef struct {
    const char *name;
    NodeKind
        kind;  /* IMPORT, PARAM, FN, LAYERDEF, MODEL, ARG, WEIGHT, STATE, LAYER or NAME */
    bool item; /* at the top of its file: others may import it */
    Loc loc;   /* the name itself */
    uint32_t from, to; /* the offsets between which it may be used */
    const char *file;  /* of an import: what is named */
} OutlineName;

typedef struct {
    OutlineName *at;
    int count, room;
    const Source *src;
    Arena *arena;
} Outline;

/* False: there are errors of syntax, which are reported. */
bool outline_read(Outline *o, Arena *a, Diag *d, const Source *src);
/* The definition of a name that is used at this offset: the innermost one, of several the last
 * before it. NULL: the text does not define it. */
const OutlineName *outline_find(const Outline *o, const char *name, uint32_t at);
/* The first line of a definition as it is written: "fn f(x, y = 1) -> z", "weight w: [4]". */
const char *outline_head(const Outline *o, const OutlineName *n);
/* The comment right above it, without the #; NULL: there is none. */
const char *outline_comment(const Outline *o, const OutlineName *n);

/* The library, as `import "std"` reads it. */
Source outline_library(void);
/* The i-th built-in function, keyword, and member of a tensor; NULL: there are no more. */
const char *outline_builtin(int i);
const char *outline_keyword(int i);
const char *outline_member(int i);

#endif
