/* forms.h -- the forms in which one program can be offered to an engine: types at its boundary,
 * and spelling. Which are tried, and in which order, is in the target's row. */
#ifndef ANEC_FORMS_H
#define ANEC_FORMS_H

#include "../ir/targets/targets.h"

typedef struct {
    const char *io, *dialect; /* "fp16", "1.0": as told to the user */
    bool own;                 /* the program as it was given */
    bool scattered;           /* its weights stay in as many files as they are in */
    Target target;            /* otherwise: what passes rewrite it for */
} Form;

enum { MAX_FORMS = 8 };
/* The program's own form first, then those of the chip's row that differ from it; the count.
 * chip NULL: one that no row knows; generic's forms are tried. */
int forms_of(const Func *f, const Target *chip, Form out[MAX_FORMS]);
/* Writes a copy of the program in a form to `to`, .mil with weights beside it. Its weights come to lie in one file: macOS 27.2 takes no more. `tag` becomes part of the
 * text (buildInfo), so that no other program has the same. */
bool form_write(const Form *form, const char *tag, const Module *from, const char *to, Diag *d);

bool boundary_has(const Func *f, DType t);
/* "fp16", "fp32", "mixed" or "none": the float types of a function's inputs and results. */
const char *boundary_text(const Func *f);
/* The same of what its statements compute; casts, which compute nothing, do not count. */
const char *precision_text(const Func *f);

#endif
