/* forms.h -- what all engines have in common: numbers, and the forms in which one program can
 * be offered to them. */
#ifndef ANEC_FORMS_H
#define ANEC_FORMS_H

#include "../ir/targets/targets.h"

/* ---- numbers ----------------------------------------------------------------------------- */

/* Each once: what the runtime keeps to, and what the stand-in for Apple's libraries does. What
 * chips differ in is in ir/targets. None was verified on a device by this project. */
enum {
    /* Rows of a surface begin at multiples of so many bytes (rule row-padding). */
    ENGINE_ROW = 64,
    /* Compilations of one process: later ones fail without a reason, and it may crash (rule
     * compile-count); before these a helper is asked, where there is one. */
    ENGINE_COMPILES = 119,
    ENGINE_COMPILES_SAFE = 100,
    /* Programs loaded at once by all processes (rule loaded-programs). */
    ENGINE_PLACES = 127
};

/* ---- forms (forms.c) --------------------------------------------------------------------- */

/* Types at a program's boundary, and spelling. Which are tried, and in which order, is in the
 * target's row. */
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
/* Writes a copy of the program in a form to `to`, .mil with weights beside it. Its weights come
 * to lie in one file: macOS 27.2 takes no more. `tag` becomes part of the text (buildInfo), so
 * that no other program has the same. */
bool form_write(const Form *form, const char *tag, const Module *from, const char *to, Diag *d);

bool boundary_has(const Func *f, DType t);
/* "fp16", "fp32", "mixed" or "none": the float types of a function's inputs and results. */
const char *boundary_text(const Func *f);
/* The same of what its ops compute; casts, which compute nothing, do not count. */
const char *precision_text(const Func *f);

#endif
