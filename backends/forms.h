/* forms.h -- common to all engines: limits of the runtime, and the forms in which a program
 * can be offered to an engine. */
#ifndef ANEC_FORMS_H
#define ANEC_FORMS_H

#include "../ir/targets/targets.h"

/* ---- numbers ----------------------------------------------------------------------------- */

/* Limits that the backends keep to and that the stand-in for Apple's libraries enforces.
 * Those that chips differ in are in ir/targets. None was verified on a device by this
 * project. */
enum {
    /* rows of a surface begin at multiples of this many bytes (rule row-padding) */
    ENGINE_ROW = 64,
    /* compilations that one process can make; later ones fail without a reason and may crash
     * (rule compile-count). From ENGINE_COMPILES_SAFE on a helper does it, if there is one. */
    ENGINE_COMPILES = 119,
    ENGINE_COMPILES_SAFE = 100,
    /* programs that all processes together can have loaded (rule loaded-programs) */
    ENGINE_PLACES = 127
};

/* ---- forms (forms.c) --------------------------------------------------------------------- */

/* Float types of inputs and results, and spelling of the text. The row of a target says
 * which forms are tried, in which order. */
typedef struct {
    const char *io, *dialect; /* "fp16", "1.0": as users are told */
    bool own;                 /* the program as it was given */
    bool scattered;           /* weights stay in the files that they are in */
    Target target;            /* unless `own`: the target that passes rewrite it for */
} Form;

enum { MAX_FORMS = 8 };
/* Lists the program's own form, then those of the chip's row that differ from it; returns
 * the count. chip NULL: the chip is unknown, and the forms of generic are tried. */
int forms_of(const Func *f, const Target *chip, Form out[MAX_FORMS]);
/* Writes a copy of the program in a form to `to`, a .mil with weights beside it, all in one
 * file, since macOS 27.2 takes no more. `tag` becomes part of the text (buildInfo), so that
 * no other program has the same text. */
bool form_write(const Form *form, const char *tag, const Module *from, const char *to,
                Diag *d);

bool boundary_has(const Func *f, DType t); /* whether an input or result has this type */
/* "fp16", "fp32", "mixed" or "none": the float types of a function's inputs and results. */
const char *boundary_text(const Func *f);
/* The same for the results of its ops, casts left out. */
const char *precision_text(const Func *f);

#endif
