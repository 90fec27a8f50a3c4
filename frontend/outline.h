/* outline.h -- the names of a text and where each may be used: what an editor asks.
 *
 * It is made of the syntax tree alone, so that a program that does not compile has one too.
 * What lies in an outline lives in the arena that it was made in, and refers to the text. */
#ifndef ANEC_OUTLINE_H
#define ANEC_OUTLINE_H

#include "ast.h"

/* A name that the text defines: of a file's items, of the arguments and variables of a
 * function. */
typedef struct {
    const char *name;
    NodeKind kind; /* IMPORT, PARAM, FN, LAYERDEF, MODEL, ARG, WEIGHT, STATE, LAYER or NAME */
    bool item;     /* at the top of its file: others may import it */
    Loc loc;       /* the name itself */
    uint32_t from, to; /* the offsets between which it may be used */
    const char *file;  /* of an import: what is named */
} OutlineName;

typedef struct {
    OutlineName *at;
    int count, room;
    const Source *src;
    Arena *arena;
} Outline;

/* False after errors of syntax, which d has. */
bool outline_read(Outline *o, Arena *a, Diag *d, const Source *src);
/* What a name stands for that is used at this offset: the innermost definition, of several the
 * last one before it. NULL: the text does not define it. */
const OutlineName *outline_find(const Outline *o, const char *name, uint32_t at);
/* How a definition begins, as it is written: "fn f(x, y = 1) -> z", "weight w: [4]". */
const char *outline_head(const Outline *o, const OutlineName *n);
/* The lines of comment right above it, without their #; NULL: there are none. */
const char *outline_comment(const Outline *o, const OutlineName *n);

/* The library, as `import "std"` reads it. */
Source outline_library(void);
/* The i-th function that the language itself has, the i-th of its words, and of what stands behind the
 * dot of a tensor; NULL behind the last. */
const char *outline_builtin(int i);
const char *outline_keyword(int i);
const char *outline_member(int i);

#endif
